package event_test

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/relay-events/relay/internal/event"
)

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// TestParseTrace reads headers as OpenTelemetry's own reader does.
func TestParseTrace(t *testing.T) {
	for header, want := range map[string]bool{
		traceparent:                               true,
		traceparent[:54] + "0":                    true,
		traceparent[:53] + "03":                   true,
		"":                                        false,
		traceparent[:54]:                          false,
		traceparent + "0":                         false,
		traceparent + "-x":                        false, // version 00 ends there
		"01" + traceparent[2:]:                    true,
		"01" + traceparent[2:] + "-x":             true,
		"01" + traceparent[2:] + "x":              false,
		"ff" + traceparent[2:]:                    false,
		"0x" + traceparent[2:]:                    false,
		strings.ToUpper(traceparent):              false,
		strings.Replace(traceparent, "-", "_", 1): false,
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01": false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01": false,
		"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01": false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g": false,
		"00-4bf92f3577b34da6a3ce929d0e0e47366-0f067aa0ba902b7-01": false,
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00": true,
	} {
		got, ok := event.ParseTrace([]byte(header))
		if ok != want {
			t.Errorf("%q: got %t, want %t", header, ok, want)
			continue
		}
		ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": header})
		other := trace.SpanContextFromContext(ctx)
		if ok != other.IsValid() {
			t.Errorf("%q: got %t, and OpenTelemetry %t", header, ok, other.IsValid())
		} else if ok && (got.ID() != other.TraceID() || got.Span() != other.SpanID() || got.Sampled() != other.IsSampled()) {
			t.Errorf("%q: got %v, and OpenTelemetry %v %v %v", header, &got, other.TraceID(), other.SpanID(), other.IsSampled())
		}
	}
}

func TestTraceIsWritten(t *testing.T) {
	tr, ok := event.ParseTrace([]byte(traceparent))
	if !ok || tr.String() != traceparent {
		t.Errorf("got %v, want %s", &tr, traceparent)
	}
	if later, ok := event.ParseTrace([]byte("01" + traceparent[2:53] + "ff-more")); !ok || later.String() != traceparent[:53]+"03" {
		t.Errorf("of a later version: got %v, want only the known flags, as version 00", &later)
	}
	at := time.UnixMilli(1_800_000_000_000)
	d := event.DeliveryID{Event: 7, Webhook: 3}
	span := tr.AttemptSpan(d, 1, at)
	seen := map[[8]byte]bool{span: true, tr.Span(): true}
	for _, other := range [][8]byte{
		tr.AttemptSpan(d, 2, at), tr.AttemptSpan(d, 1, at.Add(time.Millisecond)),
		tr.AttemptSpan(event.DeliveryID{Event: 8, Webhook: 3}, 1, at), tr.AttemptSpan(event.DeliveryID{Event: 7, Webhook: 4}, 1, at),
	} {
		if seen[other] {
			t.Errorf("two attempts have the span %x", other)
		}
		seen[other] = true
	}
	if again := tr.AttemptSpan(d, 1, at.Add(time.Microsecond)); again != span {
		t.Errorf("got %x and %x, want one span for an attempt", span, again)
	}
	if got, want := tr.In(span).String(), traceparent[:36]+hex.EncodeToString(span[:])+"-01"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
