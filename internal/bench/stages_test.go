package bench

import (
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/signing"
)

// BenchmarkAccept checks and reads arrays of 100 events of 1 KB; ns/event is per event.
func BenchmarkAccept(b *testing.B) {
	body := []byte{'['}
	for i, s := range newSamples("bench", 1024, 100) {
		if i > 0 {
			body = append(body, ',')
		}
		body = s.put(body, endpoint(0), time.Now().UnixNano(), uint64(i))
	}
	body = append(body, ']')
	limits, now := ingest.DefaultLimits(), time.Now()
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		items, err := ingest.ParseArray(event.DefaultTenant, body, limits, "", now)
		if err != nil || len(items) != 100 {
			b.Fatalf("got %d events, %v, want 100", len(items), err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(100*b.N), "ns/event")
}

// BenchmarkRenderSign renders and signs the body of one delivery of 1 KB.
func BenchmarkRenderSign(b *testing.B) {
	s := newSamples("bench", 1024, 1)[0]
	now := time.Now()
	text := s.put(nil, endpoint(0), now.UnixNano(), 1)
	e := event.Event{ID: event.FirstID(now), Type: "bench.e00000", Time: now, Data: s.dataOf(text)}
	signer := signing.NewRelay(signing.NewSecret())
	var body, signature []byte
	b.SetBytes(int64(len(e.Data)))
	b.ReportAllocs()
	for b.Loop() {
		var ok bool
		body, ok = format.Append(body[:0], format.Relay, &e, event.DeliveryID{Event: e.ID, Webhook: 1})
		signature = signer.AppendSignature(signature[:0], now.Unix(), body)
		if !ok || len(signature) == 0 {
			b.Fatal("no body or no signature")
		}
	}
}
