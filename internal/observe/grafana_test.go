package observe_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/observe"
	"github.com/relay-events/relay/internal/testenv"
	"github.com/relay-events/relay/internal/web"
)

var update = flag.Bool("update", false, "write deploy/grafana/relay.json anew")

// panel is a panel of the dashboard: its title, what its queries show by their legends, and the unit
// as Grafana names it.
type panel struct {
	title, kind, unit string
	width, height     int
	queries           []query
	text              string
}

type query struct{ legend, expr string }

// on selects the servers that the dashboard's variable names.
const on = `{instance=~"$instance"}`

// panels is the dashboard, row by row of 24 columns.
var panels = []panel{
	{title: "Store", kind: "stat", width: 4, height: 4, queries: []query{{"{{instance}}", "relay_store_up" + on}}, text: "1 while events can be stored and results recorded."},
	{title: "Owed", kind: "stat", unit: "short", width: 4, height: 4, queries: []query{{"", "max(relay_deliveries_owed" + on + ")"}}, text: "Deliveries that wait in the store for a retry, a later time, or their endpoint."},
	{title: "Overdue", kind: "stat", unit: "s", width: 4, height: 4, queries: []query{{"", "max(relay_deliveries_overdue_seconds" + on + ")"}}, text: "How long the longest-waiting delivery is past its time."},
	{title: "Events", kind: "stat", unit: "cps", width: 4, height: 4, queries: []query{{"", "sum(rate(relay_events_accepted_total" + on + "[$__rate_interval]))"}}},
	{title: "Attempts in progress", kind: "stat", unit: "short", width: 4, height: 4, queries: []query{{"", "sum(relay_delivery_attempts_in_flight" + on + ")"}}},
	{title: "Version", kind: "stat", width: 4, height: 4, queries: []query{{"{{version}}", "count by (version) (relay_build_info" + on + ")"}}},

	{title: "Events", kind: "timeseries", unit: "cps", width: 12, height: 8, queries: []query{
		{"accepted", "sum(rate(relay_events_accepted_total" + on + "[$__rate_interval]))"},
		{"duplicates", "sum(rate(relay_events_duplicate_total" + on + "[$__rate_interval]))"},
	}},
	{title: "Attempts by outcome", kind: "timeseries", unit: "cps", width: 12, height: 8, queries: []query{
		{"{{outcome}}", "sum by (outcome) (rate(relay_delivery_attempts_total" + on + "[$__rate_interval]))"},
		{"given back", "sum(rate(relay_delivery_attempts_given_back_total" + on + "[$__rate_interval]))"},
	}},
	{title: "Lag: event accepted to first attempt", kind: "timeseries", unit: "s", width: 12, height: 8, queries: quantiles("relay_delivery_lag_seconds"), text: "Includes what waits for an endpoint that is down, slow or paused."},
	{title: "Duration of attempts", kind: "timeseries", unit: "s", width: 12, height: 8, queries: quantiles("relay_delivery_attempt_duration_seconds")},
	{title: "Backlog", kind: "timeseries", unit: "short", width: 12, height: 8, queries: []query{{"owed", "max(relay_deliveries_owed" + on + ")"}, {"webhooks waiting for a slot", "sum(relay_delivery_lanes_starving" + on + ")"}}},
	{title: "Memory of waiting deliveries", kind: "timeseries", unit: "bytes", width: 12, height: 8, queries: []query{{"{{instance}}", "relay_delivery_queued_bytes" + on}}},
	{title: "Requests to the API", kind: "timeseries", unit: "reqps", width: 12, height: 8, queries: []query{{"{{route}} {{code}}", "sum by (route, code) (rate(relay_http_requests_total" + on + "[$__rate_interval]))"}}},
	{title: "Publishing, p99", kind: "timeseries", unit: "s", width: 12, height: 8, queries: []query{{"p99", `histogram_quantile(0.99, sum by (le) (rate(relay_http_request_duration_seconds_bucket{instance=~"$instance",route="publish"}[$__rate_interval])))`}}},
	{title: "Webhooks with most failures", kind: "timeseries", unit: "cps", width: 12, height: 8, queries: []query{{"{{webhook}}", `topk(10, sum by (webhook) (rate(relay_webhook_attempts_total{instance=~"$instance",outcome!="delivered"}[$__rate_interval])))`}}, text: "With the setting metricsWebhooks."},
	{title: "Connections", kind: "timeseries", unit: "short", width: 12, height: 8, queries: []query{
		{"open {{instance}}", "relay_http_connections" + on}, {"refused {{bound}}", "sum by (bound) (rate(relay_http_requests_refused_total" + on + "[$__rate_interval]))"},
	}},
	{title: "Memory", kind: "timeseries", unit: "bytes", width: 8, height: 8, queries: []query{{"{{instance}}", `process_resident_memory_bytes{job="relay",instance=~"$instance"}`}}},
	{title: "Processor", kind: "timeseries", unit: "percentunit", width: 8, height: 8, queries: []query{{"{{instance}}", `rate(process_cpu_seconds_total{job="relay",instance=~"$instance"}[$__rate_interval])`}}},
	{title: "Open files", kind: "timeseries", unit: "short", width: 8, height: 8, queries: []query{{"{{instance}}", `process_open_fds{job="relay",instance=~"$instance"}`}}},
}

func quantiles(metric string) (list []query) {
	for _, q := range [][2]string{{"p50", "0.5"}, {"p90", "0.9"}, {"p99", "0.99"}} {
		list = append(list, query{q[0], "histogram_quantile(" + q[1] + ", sum by (le) (rate(" + metric + "_bucket" + on + "[$__rate_interval])))"})
	}
	return list
}

type object = map[string]any

// dashboard returns the dashboard as Grafana imports it.
func dashboard() object {
	source := object{"type": "prometheus", "uid": "${datasource}"}
	var list []object
	x, y := 0, 0
	for i, p := range panels {
		if x+p.width > 24 {
			x, y = 0, y+panels[i-1].height
		}
		var targets []object
		for n, q := range p.queries {
			targets = append(targets, object{"refId": string(rune('A' + n)), "expr": q.expr, "legendFormat": q.legend, "datasource": source})
		}
		list = append(list, object{
			"id": i + 1, "title": p.title, "type": p.kind, "description": p.text, "datasource": source, "targets": targets,
			"gridPos":     object{"x": x, "y": y, "w": p.width, "h": p.height},
			"fieldConfig": object{"defaults": object{"unit": p.unit, "min": 0}, "overrides": []object{}},
		})
		x += p.width
	}
	return object{
		"title": "Relay", "uid": "relay", "tags": []string{"relay"}, "schemaVersion": 39, "editable": true, "refresh": "30s",
		"time": object{"from": "now-6h", "to": "now"}, "panels": list,
		"templating": object{"list": []object{
			{"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
			{"name": "instance", "label": "Server", "type": "query", "datasource": source, "multi": true, "includeAll": true, "refresh": 2,
				"query": object{"query": "label_values(relay_build_info, instance)", "refId": "instance"}, "current": object{"text": "All", "value": "$__all"}},
		}},
	}
}

// TestGrafanaDashboard keeps the file for Grafana in step with its definition above.
func TestGrafanaDashboard(t *testing.T) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(dashboard()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(testenv.Root(t), "deploy", "grafana", "relay.json")
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("deploy/grafana/relay.json is not what its definition makes (%v): go test ./internal/observe -run Grafana -update", err)
	}
}

// TestMetricsOfDeployExist: the dashboard, the alerts and the page of operators name only metrics that there are.
func TestMetricsOfDeployExist(t *testing.T) {
	c := &counters{snapshot: idle()}
	top := observe.NewTopWebhooks(1, func(uint32) string { return "wh_1" })
	top.Attempts([]*delivery.Attempt{{Webhook: 1, Outcome: delivery.Failed}})
	m := observe.NewMetrics(observe.MetricsOptions{
		Engine: c, Ingester: c, Backlog: c, Node: c, Catalogue: new(catalogue.Stats), Searches: c, RetentionHeld: func() bool { return false },
		HTTP: func() web.Counts { return web.Counts{} }, Webhooks: top, Traces: c,
	})
	exists := make(map[string]bool)
	for line := range strings.Lines(page(t, m)) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(strings.TrimSpace(name), " ")
			exists[name] = true
			if kind == "histogram" {
				exists[name+"_bucket"], exists[name+"_count"], exists[name+"_sum"] = true, true, true
			}
		}
	}
	name := regexp.MustCompile(`\b(relay|process)_[a-z_]+[a-z]`)
	for _, file := range []string{"deploy/grafana/relay.json", "deploy/prometheus/alerts.yaml", "deploy/prometheus/alerts_test.yaml", "docs/operations.md"} {
		b, err := os.ReadFile(filepath.Join(testenv.Root(t), file))
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, metric := range name.FindAllString(string(b), -1) {
			if found++; !exists[metric] {
				t.Errorf("%s names %s, which is not on the page", file, metric)
			}
		}
		if found == 0 {
			t.Errorf("%s names no metric", file)
		}
	}
}

func (c *counters) Losses() int64        { return 0 }
func (c *counters) StaleWrites() int64   { return 0 }
func (c *counters) RefusedWrites() int64 { return 0 }
func (c *counters) Running() int         { return 0 }
func (c *counters) Refused() int64       { return 0 }
