//go:build unix

package app

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/relay-events/relay/internal/config"
)

// collector takes spans as an OpenTelemetry collector does.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*tracepb.Span // guarded by mu
}

func newCollector(t *testing.T) *collector {
	c := new(collector)
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		var req coltracepb.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(b, &req)
		}
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("the collector got %s %v, %v", r.URL, r.Header, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, rs := range req.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// of returns the spans of a trace so far.
func (c *collector) of(trace string) (list []*tracepb.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if hex.EncodeToString(s.TraceId) == trace {
			list = append(list, s)
		}
	}
	return list
}

// attribute returns an attribute as a text.
func attribute(s *tracepb.Span, key string) string {
	for _, kv := range s.Attributes {
		if kv.Key == key {
			if text := kv.Value.GetStringValue(); text != "" {
				return text
			}
			return fmt.Sprint(kv.Value.GetIntValue())
		}
	}
	return ""
}

// tracedEndpoint answers 500 below /down while it is down, and keeps the header traceparent of each request by path and delivery.
type tracedEndpoint struct {
	*httptest.Server
	down atomic.Bool
	mu   sync.Mutex
	got  map[string][]string // guarded by mu; of path and event id
}

func newTracedEndpoint(t *testing.T) *tracedEndpoint {
	r := &tracedEndpoint{got: make(map[string][]string)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		var body struct{ Data string }
		_ = json.Unmarshal(b, &body)
		r.mu.Lock()
		at := req.URL.Path + " " + body.Data
		r.got[at] = append(r.got[at], strings.Join(req.Header.Values("Traceparent"), ","))
		r.mu.Unlock()
		if req.URL.Path == "/down" && r.down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// at returns the headers of the requests at a path with the data.
func (r *tracedEndpoint) at(path, data string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.got[path+" "+data]...)
}

// TestTraces follows events from the publish request to their attempts, also through a restart.
func TestTraces(t *testing.T) { onStores(t, traces) }

func traces(t *testing.T, c config.Config) {
	spans, endpoint := newCollector(t), newTracedEndpoint(t)
	endpoint.down.Store(true)
	c.Traces.Endpoint = spans.URL
	a := run(t, c)
	call := func(path, body string, header ...string) (answer struct{ ID string }) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "POST", a.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+adminKey)
		req.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			req.Header.Add(header[i], header[i+1])
		}
		resp, err := httpClient(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode > 299 {
			t.Fatalf("%s: %s %s, %v", path, resp.Status, b, err)
		}
		if err := json.Unmarshal(b, &answer); err != nil {
			t.Fatal(err)
		}
		return answer
	}
	until := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(60 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("waited a minute for %s", what)
			}
		}
	}
	call("/v1/webhooks", `{"url":"`+endpoint.URL+`/plain"}`)
	joined := call("/v1/webhooks", `{"url":"`+endpoint.URL+`/joined","traceparent":true}`)
	call("/v1/webhooks", `{"url":"`+endpoint.URL+`/down","events":["a.down"],"retry":{"attempts":50,"waits":["1s"]}}`)

	const parent = "00f067aa0ba902b7"
	trace := func(n int) string { return fmt.Sprintf("4bf92f3577b34da6a3ce929d0e0e47%02d", n) }
	header := func(n int, flags string) string { return "00-" + trace(n) + "-" + parent + "-" + flags }
	first := call("/v1/events", `{"type":"a.down","data":"express"}`, "Traceparent", header(1, "01"))
	call("/v1/events", `{"type":"a.b","data":"ordinary"}`, "Traceparent", header(2, "01"), "Relay-Tenant", "default")
	call("/v1/events", `[{"type":"a.b","data":"array"},{"type":"a.c","data":"array"}]`, "Traceparent", header(3, "01"))
	call("/v1/events", `{"type":"a.b","data":"quiet"}`, "Traceparent", header(4, "00"))
	call("/v1/events", `{"type":"a.b","data":"invalid"}`, "Traceparent", header(5, "01")+"0")
	call("/v1/events", `{"type":"a.b","data":"twice"}`, "Traceparent", header(6, "01"), "Traceparent", header(6, "01"))
	call("/v1/events", `{"type":"a.b","data":"none"}`)

	// Down until the next start, which has to know the trace of the event.
	until("a failed attempt", func() bool { return len(endpoint.at("/down", "express")) > 0 })
	stop(t, a)
	endpoint.down.Store(false)
	before := len(endpoint.at("/down", "express"))
	a = run(t, c)
	until("an attempt after the restart", func() bool { return len(endpoint.at("/down", "express")) > before })
	call("/v1/events/"+first.ID+"/resend", `{"webhookId":"`+joined.ID+`"}`)
	until("the event again", func() bool { return len(endpoint.at("/joined", "express")) == 2 })
	for _, data := range []string{"ordinary", "array", "quiet", "invalid", "twice", "none"} {
		until("the event "+data, func() bool { return len(endpoint.at("/joined", data)) > 0 && len(endpoint.at("/plain", data)) > 0 })
	}
	until("the metric", func() bool {
		b := get(t, a, "/metrics", nil)
		return strings.Contains(string(b), `relay_trace_spans_total{outcome="sent"}`) && !strings.Contains(string(b), `relay_trace_spans_total{outcome="sent"} 0`) &&
			strings.Contains(string(b), `relay_trace_spans_total{outcome="dropped"} 0`)
	})
	stop(t, a) // sends the rest

	// check looks through the spans of a trace, and returns those of attempts by the path of their webhook and their number.
	check := func(n, attempts int, parent string) (published *tracepb.Span, list []*tracepb.Span) {
		t.Helper()
		for _, s := range spans.of(trace(n)) {
			if s.Kind == tracepb.Span_SPAN_KIND_SERVER {
				published = s
			} else {
				list = append(list, s)
			}
		}
		if published == nil || hex.EncodeToString(published.ParentSpanId) != parent || len(list) < attempts {
			t.Fatalf("trace %d: published %v, and %d attempts, want below %s at least %d", n, published, len(list), parent, attempts)
		}
		for _, s := range list {
			if string(s.ParentSpanId) != string(published.SpanId) || s.Kind != tracepb.Span_SPAN_KIND_CLIENT || s.EndTimeUnixNano < s.StartTimeUnixNano {
				t.Errorf("trace %d: got %v below %x", n, s, published.SpanId)
			}
		}
		return published, list
	}
	published, list := check(1, 5, parent)
	if published.Name != "publish a.down" || attribute(published, "relay.event.id") != first.ID {
		t.Errorf("got %v, want the event %s", published, first.ID)
	}
	var failed, delivered int
	var handedOn []string
	for _, s := range list {
		if s.Name != "deliver a.down" || attribute(s, "relay.event.id") != first.ID || attribute(s, "relay.event.type") != "a.down" || attribute(s, "relay.attempt.number") == "0" {
			t.Errorf("got %v, want an attempt of the event %s", s, first.ID)
		}
		switch attribute(s, "relay.outcome") {
		case "retrying":
			failed++
			if attribute(s, "http.response.status_code") != "500" || attribute(s, "error.type") != "500" || s.Status.GetCode() != tracepb.Status_STATUS_CODE_ERROR {
				t.Errorf("got %v, want an error with the status", s)
			}
		case "delivered":
			delivered++
		}
		if attribute(s, "relay.webhook.id") == joined.ID {
			handedOn = append(handedOn, "00-"+trace(1)+"-"+hex.EncodeToString(s.SpanId)+"-01")
		}
	}
	if failed < 1 || delivered != 4 { // plain, joined twice, and the one that was down
		t.Errorf("%d attempts failed and %d delivered, want 1 or more, and 4", failed, delivered)
	}
	for _, got := range endpoint.at("/joined", "express") {
		if len(handedOn) != 2 || got != handedOn[0] && got != handedOn[1] {
			t.Errorf("the receiver got %q, want the span of an attempt: %q", got, handedOn)
		}
	}
	check(2, 2, parent)
	if published, _ = check(3, 4, parent); published.Name != "publish" || attribute(published, "relay.events") != "2" {
		t.Errorf("got %v, want one span for two events", published)
	}
	for n := 4; n <= 6; n++ {
		if got := spans.of(trace(n)); len(got) != 0 {
			t.Errorf("trace %d: got %d spans, want none: it is not sampled, or not valid", n, len(got))
		}
	}
	if got := endpoint.at("/joined", "quiet"); len(got) != 1 || !strings.HasPrefix(got[0], "00-"+trace(4)+"-") || !strings.HasSuffix(got[0], "-00") {
		t.Errorf("of a trace that is not sampled the receiver got %q, want its flag", got)
	}
	for _, data := range []string{"invalid", "twice", "none"} {
		got := endpoint.at("/joined", data)
		if len(got) != 1 || len(got[0]) != 55 || strings.Contains(got[0], trace(5)) || strings.Contains(got[0], trace(6)) {
			t.Fatalf("%s: the receiver got %q, want a trace of Relay's own", data, got)
		}
		begun := spans.of(got[0][3:35])
		if len(begun) != 3 {
			t.Errorf("%s: %d spans in the trace that Relay began, want the publish request and two attempts", data, len(begun))
		}
	}
	for _, data := range []string{"express", "ordinary", "array", "quiet", "invalid", "twice", "none"} {
		for _, got := range endpoint.at("/plain", data) {
			if got != "" {
				t.Errorf("%s: the receiver that was not to know got %q", data, got)
			}
		}
	}
}

// TestTracesOff: without a collector a trace is still handed on, as the publisher sent it, and none is begun.
func TestTracesOff(t *testing.T) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"} {
		t.Setenv(name, "")
	}
	endpoint := newTracedEndpoint(t)
	a := run(t, settings(t))
	for _, call := range []struct{ path, body, header string }{
		{"/v1/webhooks", `{"url":"` + endpoint.URL + `","traceparent":true,"headers":{"TraceParent":"mine"}}`, "refused"},
		{"/v1/webhooks", `{"url":"` + endpoint.URL + `/joined","traceparent":true}`, ""},
		{"/v1/webhooks", `{"url":"` + endpoint.URL + `/batch","traceparent":true,"batch":{"maxEvents":2,"maxWait":"1h"}}`, ""},
		{"/v1/events", `{"type":"a.b","data":"given"}`, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
		{"/v1/events", `{"type":"a.b","data":"none"}`, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", a.URL()+call.path, strings.NewReader(call.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+adminKey)
		req.Header.Set("Content-Type", "application/json")
		if call.header != "" {
			req.Header.Set("Traceparent", call.header)
		}
		resp, err := httpClient(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if refused := resp.StatusCode == 422 && strings.Contains(string(b), "is set by the setting traceparent"); refused != (call.header == "refused") || !refused && resp.StatusCode > 299 {
			t.Fatalf("%s: %s %s", call.body, resp.Status, b)
		}
	}
	for end := time.Now().Add(30 * time.Second); len(endpoint.at("/joined", "given")) == 0 || len(endpoint.at("/joined", "none")) == 0 || len(endpoint.at("/batch", "")) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing was delivered within 30 s")
		}
	}
	if got := endpoint.at("/joined", "given"); got[0] != "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" {
		t.Errorf("got %q, want the trace as it came", got)
	}
	if got := endpoint.at("/joined", "none"); got[0] != "" {
		t.Errorf("got %q, want none", got)
	}
	if got := endpoint.at("/batch", ""); got[0] != "" {
		t.Errorf("of a batch whose events are not of one trace: got %q, want none", got)
	}
}
