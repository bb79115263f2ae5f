// Package tracing reports what becomes of events as spans to an OpenTelemetry collector: one for each publish request, and
// below it one for each attempt to deliver its events.
//
// No span is kept open meanwhile, nor any context passed along. An event carries its place in the trace (event.Trace), also
// through a restart, and a span is made of what is recorded anyway once it is over. Spans wait in a bounded queue. A
// collector that is slow or gone costs spans, which are counted, and never time.
package tracing

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
)

const (
	// queueLength bounds the spans that wait. Further ones are dropped.
	queueLength = 8192
	// maxBatch is how many spans a request to the collector has at most.
	maxBatch = 1024
	// linger is how long a span waits for others at most.
	linger = time.Second
	// complainEvery is how often at most it is logged that spans do not arrive.
	complainEvery = time.Minute
)

// Options are those of an Exporter.
type Options struct {
	// Endpoint is the URL of the collector, to which /v1/traces is added unless it has a path. Empty: OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
	// or OTEL_EXPORTER_OTLP_ENDPOINT names it. The other variables OTEL_EXPORTER_OTLP_… hold in both cases.
	Endpoint string
	// Every begins a trace for one in so many of the publish requests that are in none. 0: for none of them.
	Every   int
	Version string
	// Webhook returns the id of a webhook, empty if it is gone.
	Webhook func(number uint32) string
	Log     *slog.Logger
}

// Exporter sends spans. Make it with New, end it with Stop. All methods are safe for concurrent use.
type Exporter struct {
	o      Options
	client otlptrace.Client
	make   maker
	linger time.Duration

	queue chan span
	stop  chan struct{} // closed by Stop
	ended chan struct{} // closed when the last spans are sent
	once  sync.Once
	// sending ends when Stop gives up waiting.
	sending context.Context
	cut     context.CancelFunc

	sent, dropped, failed atomic.Int64
	complained            time.Time // of run
	failing               bool      // of run
}

// FromEnvironment reports whether the variables of OpenTelemetry name a collector, as they do for the other programs of a
// pod, and in words why it is not used all the same.
func FromEnvironment() (named bool, refused string) {
	set := func(name string) string { return strings.TrimSpace(os.Getenv(name)) }
	if set("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" && set("OTEL_EXPORTER_OTLP_ENDPOINT") == "" ||
		strings.EqualFold(set("OTEL_SDK_DISABLED"), "true") {
		return false, ""
	}
	if exporter := set("OTEL_TRACES_EXPORTER"); exporter != "" && exporter != "otlp" {
		return false, ""
	}
	protocol := set("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
	if protocol == "" {
		protocol = set("OTEL_EXPORTER_OTLP_PROTOCOL")
	}
	if protocol == "grpc" {
		return false, "OTEL_EXPORTER_OTLP_PROTOCOL is grpc, and Relay sends traces as http/protobuf, mostly to port 4318"
	}
	return true, ""
}

// CheckEndpoint returns the URL that spans are sent to, of one that a person wrote.
func CheckEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("must be http:// or https:// and a host, such as http://127.0.0.1:4318, without user, query and fragment")
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	return u, nil
}

// New returns an Exporter that has begun to send what it is told of. It does not wait for the collector.
func New(ctx context.Context, o Options) (*Exporter, error) {
	options := []otlptracehttp.Option{
		// Relay takes no proxy from the environment, and the collector is not reached by that for endpoints.
		otlptracehttp.WithProxy(func(*http.Request) (*url.URL, error) { return nil, nil }),
		otlptracehttp.WithRetry(otlptracehttp.RetryConfig{Enabled: true, InitialInterval: time.Second, MaxInterval: 5 * time.Second, MaxElapsedTime: 20 * time.Second}),
	}
	if o.Endpoint != "" {
		u, err := CheckEndpoint(o.Endpoint)
		if err != nil {
			return nil, err
		}
		options = append(options, otlptracehttp.WithEndpointURL(u.String()))
	}
	return start(ctx, o, otlptracehttp.NewClient(options...), linger)
}

func start(ctx context.Context, o Options, client otlptrace.Client, linger time.Duration) (*Exporter, error) {
	if err := client.Start(ctx); err != nil {
		return nil, fmt.Errorf("setting up traces: %w", err)
	}
	m, err := newMaker(ctx, o)
	if err != nil {
		return nil, err
	}
	x := &Exporter{
		o: o, client: client, make: m, linger: linger,
		queue: make(chan span, queueLength), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	x.sending, x.cut = context.WithCancel(context.Background())
	go x.run()
	return x, nil
}

// Counts returns how many spans the collector has taken, how many found the queue full or no time at the end, and how many
// were sent in vain.
func (x *Exporter) Counts() (sent, dropped, failed int64) {
	return x.sent.Load(), x.dropped.Load(), x.failed.Load()
}

// Begin implements ingest.Tracer.
func (x *Exporter) Begin(request *event.Trace) *event.Trace {
	if request != nil {
		if !request.Sampled() {
			return request
		}
		return request.In(newSpan())
	}
	if x.o.Every < 1 || x.o.Every > 1 && rand.IntN(x.o.Every) != 0 {
		return nil
	}
	t := new(event.Trace)
	binary.BigEndian.PutUint64(t[:], rand.Uint64())
	binary.BigEndian.PutUint64(t[8:], rand.Uint64()|1) // not zero
	span := newSpan()
	copy(t[16:], span[:])
	t[24] = event.TraceSampled | event.TraceRandom
	return t
}

func newSpan() (id [8]byte) {
	binary.BigEndian.PutUint64(id[:], rand.Uint64()|1) // zero stands for none
	return id
}

// Published implements ingest.Tracer.
func (x *Exporter) Published(p *ingest.Publication, own *event.Trace, begun time.Time) {
	if !own.Sampled() {
		return
	}
	s := span{trace: *own, id: own.Span(), begun: begun, took: time.Since(begun), tenant: p.Tenant}
	if p.Trace != nil {
		s.parent = p.Trace.Span()
	}
	for i := range p.Items {
		it := &p.Items[i]
		if it.Cause != 0 {
			continue
		}
		if s.events++; s.events == 1 {
			s.event, s.eventType = it.Event.PublicID(), it.Event.Type
		} else if s.eventType != it.Event.Type {
			s.eventType = ""
		}
		if it.Duplicate {
			s.duplicates++
		}
	}
	x.put(&s)
}

// Attempts takes attempts, for delivery.Engine.CountBy.
func (x *Exporter) Attempts(list []*delivery.Attempt) {
	var lead *delivery.Attempt // of the last batch: its entry has what became of the request
	for _, a := range list {
		if a.Batch != nil && !a.Follows() {
			lead = a
		}
		if a.Trace == nil || !a.Trace.Sampled() || !a.Outcome.IsAttempt() {
			continue
		}
		s := span{
			trace: *a.Trace, parent: a.Trace.Span(), id: a.Span(), begun: a.At, took: a.Timing.Total, tenant: a.Tenant,
			eventType: a.EventType, event: (&event.Event{Name: a.EventName, ID: a.Event}).PublicID(),
			attempt: a.ID, delivery: a.Delivery(), number: a.Number, outcome: a.Outcome, kind: string(a.ErrorKind), next: a.NextAt,
		}
		request := a
		if a.Batch != nil {
			s.batch = a.Batch.ID
			if a.Follows() && lead != nil && lead.Batch.ID == s.batch {
				request, s.took = lead, lead.Timing.Total
			}
		}
		if s.method = request.Request.Method; request.Response != nil {
			s.status = request.Response.Status
		}
		x.put(&s)
	}
}

func (x *Exporter) put(s *span) {
	select {
	case x.queue <- *s:
	default:
		x.dropped.Add(1)
	}
}

// Stop sends the spans that wait, until ctx ends. Those that are handed in later are dropped.
func (x *Exporter) Stop(ctx context.Context) {
	x.once.Do(func() { close(x.stop) })
	select {
	case <-x.ended:
	case <-ctx.Done():
		x.cut()
		<-x.ended
	}
	x.cut()
	_ = x.client.Stop(context.WithoutCancel(ctx)) // has no error but its context's
}

// run sends spans, in one request at a time.
func (x *Exporter) run() {
	defer close(x.ended)
	batch := make([]*tracepb.Span, 0, maxBatch)
	for {
		select {
		case s := <-x.queue:
			batch = x.gather(append(batch[:0], x.make.span(&s)))
		case <-x.stop:
			batch = batch[:0]
		}
		if len(batch) < maxBatch { // all that wait, on the way out too
			batch = x.take(batch)
		}
		if len(batch) == 0 {
			return // only once stopped
		}
		x.send(batch)
		clear(batch)
	}
}

// gather waits for company of the first span.
func (x *Exporter) gather(batch []*tracepb.Span) []*tracepb.Span {
	full := time.NewTimer(x.linger)
	defer full.Stop()
	for len(batch) < maxBatch {
		select {
		case s := <-x.queue:
			batch = append(batch, x.make.span(&s))
		case <-full.C:
			return batch
		case <-x.stop:
			return batch
		}
	}
	return batch
}

// take adds what waits already.
func (x *Exporter) take(batch []*tracepb.Span) []*tracepb.Span {
	for len(batch) < maxBatch {
		select {
		case s := <-x.queue:
			batch = append(batch, x.make.span(&s))
		default:
			return batch
		}
	}
	return batch
}

// send sends a batch. What cannot be sent is lost: later spans would have to wait for it.
func (x *Exporter) send(batch []*tracepb.Span) {
	n := int64(len(batch))
	if x.sending.Err() != nil {
		x.dropped.Add(n)
		return
	}
	err := x.client.UploadTraces(x.sending, x.make.request(batch))
	if err == nil {
		x.sent.Add(n)
		if x.failing {
			x.failing = false
			x.o.Log.Info("traces reach the collector again")
		}
		return
	}
	x.failed.Add(n)
	if !x.failing || time.Since(x.complained) > complainEvery {
		x.failing, x.complained = true, time.Now()
		x.o.Log.Warn("spans were not sent", "spans", n, "lost", x.failed.Load()+x.dropped.Load(), "err", err)
	}
}
