package tracing

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// span is what is told of a publish request or, with an attempt, of that: everything that the log's line has, and as
// there no URLs, bodies and words of endpoints.
type span struct {
	trace      event.Trace
	id, parent [8]byte // no parent: zero
	begun      time.Time
	took       time.Duration
	tenant     event.TenantID
	event      string // the public id; of a publish request that of its first
	eventType  string // empty for events of several types
	events     int    // published
	duplicates int    // of those
	attempt    event.ID
	batch      event.ID
	delivery   event.DeliveryID
	number     int
	outcome    delivery.Outcome
	kind       string
	status     int
	method     string
	next       time.Time
}

// maker makes spans as they are sent.
type maker struct {
	webhook  func(number uint32) string
	resource *resourcepb.Resource
	schema   string
	scope    *commonpb.InstrumentationScope
}

// newMaker returns a maker whose spans come from this server, as OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES call it.
func newMaker(ctx context.Context, o Options) (maker, error) {
	r, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "relay"), attribute.String("service.version", o.Version)),
		resource.WithHost(), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return maker{}, fmt.Errorf("reading OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	m := maker{webhook: o.Webhook, schema: r.SchemaURL(), scope: &commonpb.InstrumentationScope{Name: "relay", Version: o.Version}}
	m.resource = new(resourcepb.Resource)
	for _, kv := range r.Attributes() {
		m.resource.Attributes = append(m.resource.Attributes, text(string(kv.Key), kv.Value.String()))
	}
	return m, nil
}

// request returns a request's spans with where they come from.
func (m *maker) request(batch []*tracepb.Span) []*tracepb.ResourceSpans {
	return []*tracepb.ResourceSpans{{
		Resource: m.resource, SchemaUrl: m.schema, ScopeSpans: []*tracepb.ScopeSpans{{Scope: m.scope, Spans: batch}},
	}}
}

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

func number(key string, value int64) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_IntValue{IntValue: value}}}
}

// span makes a span. The names of attributes are those of the semantic conventions where there is one.
func (m *maker) span(s *span) *tracepb.Span {
	p := &tracepb.Span{
		TraceId: append([]byte(nil), s.trace[:16]...), SpanId: append([]byte(nil), s.id[:]...), Flags: uint32(s.trace[24]),
		StartTimeUnixNano: uint64(s.begun.UnixNano()), EndTimeUnixNano: uint64(s.begun.Add(s.took).UnixNano()),
		Attributes: make([]*commonpb.KeyValue, 0, 14),
	}
	if s.parent != [8]byte{} {
		p.ParentSpanId = append([]byte(nil), s.parent[:]...)
	}
	add := func(kv *commonpb.KeyValue) { p.Attributes = append(p.Attributes, kv) }
	add(number("relay.tenant", int64(s.tenant)))
	if s.eventType != "" {
		add(text("relay.event.type", s.eventType))
	}
	if s.number == 0 {
		p.Kind, p.Name = tracepb.Span_SPAN_KIND_SERVER, "publish"
		if s.eventType != "" {
			p.Name += " " + s.eventType
		}
		if s.events == 1 {
			add(text("relay.event.id", s.event))
		}
		add(number("relay.events", int64(s.events)))
		add(number("relay.duplicates", int64(s.duplicates)))
		return p
	}
	p.Kind, p.Name = tracepb.Span_SPAN_KIND_CLIENT, "deliver "+s.eventType
	add(text("relay.event.id", s.event))
	add(text("relay.webhook.id", m.webhook(s.delivery.Webhook)))
	add(text("relay.delivery.id", s.delivery.String()))
	add(text("relay.attempt.id", s.attempt.Public(event.AttemptPrefix)))
	add(number("relay.attempt.number", int64(s.number)))
	add(text("relay.outcome", s.outcome.String()))
	if s.batch != 0 {
		add(text("relay.batch.id", s.batch.Public(event.BatchPrefix)))
	}
	if s.method != "" {
		add(text("http.request.method", s.method))
	}
	if s.status != 0 {
		add(number("http.response.status_code", int64(s.status)))
	}
	if !s.next.IsZero() {
		add(text("relay.attempt.next", s.next.UTC().Format(time.RFC3339Nano)))
	}
	if s.outcome != delivery.Delivered {
		why := s.kind
		if s.status != 0 {
			why = strconv.Itoa(s.status)
		}
		add(text("error.type", why))
		if s.kind != "" {
			add(text("relay.error.kind", s.kind))
		}
		p.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: s.kind}
	}
	return p
}
