package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/observe"
)

func TestLogFormats(t *testing.T) {
	tests := []struct {
		name     string
		o        observe.LogOptions
		json     bool
		coloured bool
	}{
		{"auto, a pipe", observe.LogOptions{Format: observe.LogAuto}, true, false},
		{"auto, a terminal", observe.LogOptions{Format: observe.LogAuto, Terminal: true}, false, true},
		{"auto, a terminal without colours", observe.LogOptions{Format: observe.LogAuto, Terminal: true, NoColor: true}, false, false},
		{"text, a pipe", observe.LogOptions{Format: observe.LogText}, false, false},
		{"json, a terminal", observe.LogOptions{Format: observe.LogJSON, Terminal: true}, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			log := observe.NewLogger(&b, tt.o)
			log.Debug("below the level")
			log.Warn("disk is full", "path", "/x\x1b[31m", "error", errors.New("a\nb"))
			got := b.String()
			if json.Valid(b.Bytes()) != tt.json || strings.Contains(got, "\x1b[") != tt.coloured {
				t.Errorf("got %q, want JSON: %t, colours: %t", got, tt.json, tt.coloured)
			}
			if strings.Contains(got, "below") || !strings.Contains(got, "disk is full") {
				t.Errorf("got %q, want the one line at or above the level", got)
			}
			if strings.Contains(got, "/x\x1b") || strings.Count(got, "\n") != 1 {
				t.Errorf("got %q, want control characters escaped", got)
			}
		})
	}
}

// counters is a program with fixed counters.
type counters struct {
	snapshot delivery.Snapshot
	owed     int64
	overdue  time.Duration
	err      error
	failing  error
}

func (c *counters) Snapshot() delivery.Snapshot                    { return c.snapshot }
func (c *counters) Counts() (accepted, duplicates, commits int64)  { return 7, 2, 3 }
func (c *counters) OwedCount() int64                               { return c.owed }
func (c *counters) Overdue(context.Context) (time.Duration, error) { return c.overdue, c.err }
func (c *counters) Failing() error                                 { return c.failing }

func page(t *testing.T, m *observe.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	b, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func idle() delivery.Snapshot {
	return delivery.Snapshot{Outcomes: map[delivery.Outcome]int64{}, Durations: make([]int64, len(delivery.DurationBuckets)+1),
		Lags: make([]int64, len(delivery.LagBuckets)+1)}
}

// Alerts are written against names and labels: all series must exist from the start.
func TestSeriesExistFromTheStart(t *testing.T) {
	c := &counters{snapshot: idle()}
	m := observe.NewMetrics(observe.MetricsOptions{Engine: c, Ingester: c, Backlog: c, Catalogue: new(catalogue.Stats), Version: "1.2.3"})
	series := func() []string {
		var list []string
		for line := range strings.Lines(page(t, m)) {
			if name, _, ok := strings.Cut(line, " "); ok && strings.HasPrefix(name, "relay_") && !strings.Contains(name, "_bucket{") {
				list = append(list, name)
			}
		}
		return list
	}
	before := series()
	for _, want := range []string{
		`relay_build_info{go="`, `relay_delivery_attempts_total{outcome="delivered"}`, `relay_delivery_attempts_total{outcome="retrying"}`,
		`relay_delivery_attempts_total{outcome="failed"}`, `relay_deliveries_settled_without_attempt_total{outcome="expired"}`,
		`relay_delivery_attempt_duration_seconds_sum`, `relay_delivery_attempts_in_flight`, `relay_delivery_queued_bytes`,
		`relay_delivery_lag_seconds_sum`, `relay_store_up`, `relay_events_accepted_total`, `relay_events_duplicate_total`,
		`relay_events_commits_total`, `relay_deliveries_owed`, `relay_deliveries_overdue_seconds`,
		`relay_http_requests_total{code="2xx",route="publish"}`, `relay_http_requests_total{code="5xx",route="other"}`,
		`relay_http_request_duration_seconds_count{route="api"}`, `relay_catalogue_steps_total`, `relay_catalogue_waits_total`,
		`relay_catalogue_limited_total{limit="request_work"}`, `relay_catalogue_limited_total{limit="bytes"}`,
	} {
		if !slices.ContainsFunc(before, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("at the start: got %q, want %s among them", before, want)
		}
	}
	for _, route := range []string{"POST /v1/events", "GET /v1/webhooks/{id}", "GET /livez", "", "GET /evil\"} 1"} {
		for _, status := range []int{0, 101, 200, 202, 304, 404, 500, 599, 999} {
			m.Request("GET", route, status, time.Millisecond)
		}
	}
	if after := series(); !slices.Equal(before, after) {
		t.Errorf("after requests of all sorts: got %q, want the same series as before, %q", after, before)
	}
}

func TestValues(t *testing.T) {
	c := &counters{snapshot: idle(), owed: 5, overdue: time.Minute}
	c.snapshot.Outcomes[delivery.Delivered] = 4
	c.snapshot.Outcomes[delivery.Expired] = 1
	c.snapshot.Durations[0], c.snapshot.Durations[1], c.snapshot.Durations[len(delivery.DurationBuckets)] = 1, 2, 1
	c.snapshot.DurationSum = 90 * time.Second
	c.snapshot.Lags[0], c.snapshot.Lags[7], c.snapshot.Lags[len(delivery.LagBuckets)] = 2, 1, 1
	c.snapshot.LagSum = 3 * time.Hour
	c.snapshot.StoreDown = true
	m := observe.NewMetrics(observe.MetricsOptions{Engine: c, Ingester: c, Backlog: c, Version: "1.2.3"})
	m.Request("POST", "POST /v1/events", 202, 20*time.Millisecond)
	m.Request("GET", "GET /v1/events", 404, time.Millisecond)
	got := page(t, m)
	for _, want := range []string{
		`relay_delivery_attempts_total{outcome="delivered"} 4`,
		`relay_deliveries_settled_without_attempt_total{outcome="expired"} 1`,
		`relay_delivery_attempt_duration_seconds_bucket{le="0.001"} 1`,
		`relay_delivery_attempt_duration_seconds_bucket{le="0.0025"} 3`, // cumulative
		`relay_delivery_attempt_duration_seconds_bucket{le="30"} 3`,
		`relay_delivery_attempt_duration_seconds_bucket{le="+Inf"} 4`,
		`relay_delivery_attempt_duration_seconds_sum 90`,
		`relay_delivery_lag_seconds_bucket{le="0.005"} 2`, `relay_delivery_lag_seconds_bucket{le="0.5"} 2`, `relay_delivery_lag_seconds_bucket{le="1"} 3`,
		`relay_delivery_lag_seconds_bucket{le="7200"} 3`, `relay_delivery_lag_seconds_sum 10800`, `relay_delivery_lag_seconds_count 4`,
		`relay_store_up 0`, `relay_events_accepted_total 7`, `relay_events_duplicate_total 2`, `relay_events_commits_total 3`,
		`relay_deliveries_owed 5`, `relay_deliveries_overdue_seconds 60`,
		`relay_http_requests_total{code="2xx",route="publish"} 1`, `relay_http_requests_total{code="4xx",route="api"} 1`,
		`relay_http_request_duration_seconds_bucket{route="publish",le="0.025"} 1`,
		`version="1.2.3"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant it to contain %s", got, want)
		}
	}
}

// The store is up only if events can be stored and results recorded.
func TestStoreUp(t *testing.T) {
	for _, recorder := range []bool{false, true} {
		for _, intake := range []error{nil, errors.New("no space left on device")} {
			c := &counters{snapshot: idle(), failing: intake}
			c.snapshot.StoreDown = recorder
			want := "relay_store_up 1"
			if recorder || intake != nil {
				want = "relay_store_up 0"
			}
			if got := page(t, observe.NewMetrics(observe.MetricsOptions{Engine: c, Ingester: c})); !strings.Contains(got, want) {
				t.Errorf("results fail %t, storing events fails with %v: got no %q", recorder, intake, want)
			}
		}
	}
}

// A store that cannot answer loses its own gauge, not the page.
func TestPageSurvivesTheStore(t *testing.T) {
	c := &counters{snapshot: idle(), err: errors.New("disk gone")}
	var logged bytes.Buffer
	m := observe.NewMetrics(observe.MetricsOptions{Engine: c, Ingester: c, Backlog: c, Log: slog.New(slog.NewTextHandler(&logged, nil))})
	got := page(t, m)
	if !strings.Contains(got, "relay_events_accepted_total 7") || strings.Contains(got, "relay_deliveries_overdue_seconds 0") {
		t.Errorf("got\n%s\nwant all but the gauge that cannot be read", got)
	}
	if !strings.Contains(logged.String(), "disk gone") {
		t.Errorf("got log %q, want the reason", logged.String())
	}
}
