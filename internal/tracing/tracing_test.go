package tracing

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/ingest"
)

var sampled = func() event.Trace {
	t, _ := event.ParseTrace([]byte("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"))
	return t
}()

func exporter(t *testing.T, endpoint string, every int) *Exporter {
	t.Helper()
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_RESOURCE_ATTRIBUTES"} {
		t.Setenv(name, os.Getenv(name)) // put back after the test
		os.Unsetenv(name)
	}
	x, err := New(t.Context(), Options{
		Endpoint: endpoint, Every: every, Version: "1.2.3", Webhook: func(uint32) string { return "wh_1" }, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func stop(x *Exporter, within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	x.Stop(ctx)
}

func published(x *Exporter) {
	p := &ingest.Publication{Tenant: 1, Items: []ingest.Item{{Event: event.Event{ID: 1 << 40, Type: "a.b"}}}}
	x.Published(p, &sampled, time.Now())
}

// TestNeverWaits: a collector that takes requests and never answers costs spans, all of which are counted, but neither those
// who hand them in nor the stop any time to speak of.
func TestNeverWaits(t *testing.T) {
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer hanging.Close()
	x := exporter(t, hanging.URL, 1)
	const all = queueLength + 3*maxBatch
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range all {
			published(x)
		}
	}()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("whoever hands in spans waits for the collector")
	}
	if _, dropped, _ := x.Counts(); dropped == 0 {
		t.Error("no span was dropped, want those beyond the queue")
	}
	begun := time.Now()
	stop(x, 100*time.Millisecond)
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("stopping took %v with 100 ms to do it in", took)
	}
	if sent, dropped, failed := x.Counts(); sent != 0 || dropped+failed != all {
		t.Errorf("got %d sent, %d dropped, %d failed, want all %d counted as lost", sent, dropped, failed, all)
	}
}

// TestNobodyListens: what is sent to nobody is counted, and others take its place.
func TestNobodyListens(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	x := exporter(t, gone.URL, 1)
	published(x)
	stop(x, 30*time.Second)
	if sent, dropped, failed := x.Counts(); sent != 0 || dropped != 0 || failed != 1 {
		t.Errorf("got %d sent, %d dropped, %d failed, want one failed", sent, dropped, failed)
	}
}

// TestBegin: the flag of a request's trace decides, and for those without one the setting.
func TestBegin(t *testing.T) {
	x := exporter(t, "http://127.0.0.1:9", 1)
	defer stop(x, time.Second)
	own := x.Begin(&sampled)
	if own.ID() != sampled.ID() || own.Span() == sampled.Span() || !own.Sampled() {
		t.Errorf("of a sampled request: got %v, want another span of its trace", own)
	}
	quiet := sampled
	quiet[24] = 0
	if got := x.Begin(&quiet); got != &quiet {
		t.Errorf("of a request that is not sampled: got %v, want its own", got)
	}
	a, b := x.Begin(nil), x.Begin(nil)
	if a == nil || b == nil || !a.Sampled() || a.ID() == b.ID() {
		t.Errorf("without a trace: got %v and %v, want two that are sampled", a, b)
	}
	x.o.Every = 0
	if got := x.Begin(nil); got != nil {
		t.Errorf("every 0: got %v, want none", got)
	}
	x.o.Every = 4
	begun := 0
	for range 4000 {
		if x.Begin(nil) != nil {
			begun++
		}
	}
	if begun < 600 || begun > 1400 {
		t.Errorf("every 4: %d of 4000 requests have a trace", begun)
	}
	x.Published(&ingest.Publication{Items: make([]ingest.Item, 1)}, &quiet, time.Now())
	x.Attempts([]*delivery.Attempt{
		{Outcome: delivery.Delivered, Trace: &quiet}, {Outcome: delivery.Delivered}, {Outcome: delivery.Canceled, Trace: &sampled},
	})
	if n := len(x.queue); n != 0 {
		t.Errorf("%d spans of what is not sampled, in no trace, or no attempt", n)
	}
}

// TestBatch: in a batch the entry of its first event has what became of the request of all.
func TestBatch(t *testing.T) {
	var got coltracepb.ExportTraceServiceRequest
	var path, key string
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		path, key = r.URL.Path, r.Header.Get("X-Api-Key")
		if err := proto.Unmarshal(b, &got); err != nil {
			t.Error(err)
		}
	}))
	defer collector.Close()
	x := exporter(t, "http://127.0.0.1:9", 1)
	stop(x, time.Second)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=secret")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.name=relay-eu")
	if named, why := FromEnvironment(); !named || why != "" {
		t.Fatalf("got %t, %q, want the collector of the environment", named, why)
	}
	x, err := New(t.Context(), Options{Version: "1.2.3", Webhook: func(uint32) string { return "wh_1" }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	at := time.UnixMilli(1_800_000_000_000)
	batch := &delivery.Batch{ID: 99, Lead: 1, Count: 2}
	x.Attempts([]*delivery.Attempt{
		{
			ID: 5, Tenant: 1, Event: 1, EventName: "mine", EventType: "a.b", Webhook: 7, Number: 2, At: at, Outcome: delivery.Retrying, ErrorKind: exchange.Status, Trace: &sampled,
			Batch: batch, Response: &exchange.Response{Status: 503}, Timing: exchange.Timing{Total: 3 * time.Second}, Request: exchange.Request{Method: "POST"},
		},
		{ID: 6, Tenant: 1, Event: 2, EventType: "a.c", Webhook: 7, Number: 1, At: at, Outcome: delivery.Retrying, ErrorKind: exchange.Status, Trace: &sampled, Batch: batch},
	})
	stop(x, 30*time.Second)
	if path != "/v1/traces" || key != "secret" || len(got.ResourceSpans) != 1 {
		t.Fatalf("got %d resources at %s with key %q", len(got.ResourceSpans), path, key)
	}
	if r := got.ResourceSpans[0].Resource.String(); !strings.Contains(r, "relay-eu") || !strings.Contains(r, "1.2.3") || !strings.Contains(r, "deployment.environment.name") {
		t.Errorf("the resource is %s", r)
	}
	spans := got.ResourceSpans[0].ScopeSpans[0].Spans
	if len(spans) != 2 {
		t.Fatalf("got %d spans, want one for each event", len(spans))
	}
	for i, s := range spans {
		if took := time.Duration(s.EndTimeUnixNano - s.StartTimeUnixNano); took != 3*time.Second || s.Status.GetMessage() != "status" {
			t.Errorf("span %d took %v and is %v, want what became of the request", i, took, s.Status)
		}
		text := s.String()
		for _, want := range []string{"503", "wh_1", "relay.batch.id", []string{"mine", "evt_"}[i], []string{"deliver a.b", "deliver a.c"}[i]} {
			if !strings.Contains(text, want) {
				t.Errorf("span %d lacks %s: %s", i, want, text)
			}
		}
	}
}

func TestEnvironment(t *testing.T) {
	for _, tc := range []struct {
		name  string
		env   map[string]string
		named bool
		why   string
	}{
		{"nothing", nil, false, ""},
		{"an endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, true, ""},
		{"one for traces", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/x"}, true, ""},
		{"no traces", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, false, ""},
		{"switched off", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "true"}, false, ""},
		{"gRPC", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, "4318"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER", "OTEL_SDK_DISABLED", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"} {
				t.Setenv(name, tc.env[name])
			}
			if named, why := FromEnvironment(); named != tc.named || !strings.Contains(why, tc.why) || (why == "") != (tc.why == "") {
				t.Errorf("got %t, %q, want %t, %q", named, why, tc.named, tc.why)
			}
		})
	}
}

func TestCheckEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"http://127.0.0.1:4318": "http://127.0.0.1:4318/v1/traces", "https://c.example/": "https://c.example/v1/traces", "https://c.example/otlp": "https://c.example/otlp",
		"127.0.0.1:4318": "", "grpc://c:4317": "", "https://user:pass@c": "", "https://c?x=1": "", "https://": "",
	} {
		u, err := CheckEndpoint(text)
		if got := ""; err == nil {
			if got = u.String(); got != want {
				t.Errorf("%s: got %s, want %q", text, got, want)
			}
		} else if want != "" {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}
