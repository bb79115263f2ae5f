package sqlite

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
)

// anyAttempt draws an attempt with any content the log can hold: times in
// milliseconds, durations in microseconds.
func anyAttempt(t *rapid.T) *delivery.Attempt {
	str := func(name string) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, name)) }
	body := func(name string) []byte {
		if rapid.Bool().Draw(t, name+" nil") {
			return nil
		}
		return rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, name)
	}
	fields := func(name string) []exchange.Field {
		n := rapid.IntRange(-1, 6).Draw(t, name+" fields")
		if n < 0 {
			return nil
		}
		list := make([]exchange.Field, n)
		for i := range list {
			list[i] = exchange.Field{Name: str(name), Value: str(name)}
		}
		return list
	}
	ms := func(name string) time.Time {
		if rapid.Bool().Draw(t, name+" zero") {
			return time.Time{}
		}
		return time.UnixMilli(rapid.Int64Range(-1<<45, 1<<45).Draw(t, name)).UTC()
	}
	micros := func(name string) time.Duration {
		return time.Duration(rapid.Int64Range(-10, 1<<40).Draw(t, name)) * time.Microsecond
	}
	a := &delivery.Attempt{
		Tenant:    event.TenantID(rapid.Int32().Draw(t, "tenant")),
		Event:     event.ID(rapid.Int64().Draw(t, "event")),
		EventName: str("event name"),
		EventType: str("event type"),
		Webhook:   rapid.Uint32().Draw(t, "webhook"),
		Number:    rapid.IntRange(-1, 1<<40).Draw(t, "number"),
		At:        ms("at"),
		Outcome:   delivery.Outcome(rapid.IntRange(1, 6).Draw(t, "outcome")),
		Test:      rapid.Bool().Draw(t, "test"),
		ErrorKind: exchange.Kind(str("error kind")),
		Error:     str("error"),
		Request: exchange.Request{
			Method: str("method"), URL: str("url"), Header: fields("request"),
			Body: body("request body"), BodyFormat: str("format"),
		},
		Timing: exchange.Timing{
			DNS: micros("dns"), Connect: micros("connect"), TLS: micros("tls"),
			FirstByte: micros("first byte"), Total: micros("total"),
		},
		NextAt: ms("next"),
	}
	if rapid.Bool().Draw(t, "response") {
		a.Response = &exchange.Response{
			Status: rapid.IntRange(0, 999).Draw(t, "status"), Header: fields("response"), Body: body("response body"),
			BodyBytes: rapid.Int64().Draw(t, "body bytes"), Truncated: rapid.Bool().Draw(t, "truncated"),
		}
	}
	if rapid.Bool().Draw(t, "batch") {
		a.Batch = &delivery.Batch{ID: event.ID(rapid.Int64().Draw(t, "batch id")), Lead: a.Event, Count: rapid.IntRange(0, 1000).Draw(t, "count")}
		if rapid.Bool().Draw(t, "follower") {
			a.Batch.Lead = event.ID(rapid.Int64().Draw(t, "lead"))
		}
		if !a.Follows() {
			a.Batch.Events = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event.ID { return event.ID(rapid.Int64().Draw(t, "id")) }), 0, 20).Draw(t, "events")
		}
	}
	return a
}

// decodeAll decodes an encoder's blocks in order, giving ids from 1 on.
func decodeAll(w *logEncoder) (list []*delivery.Attempt, heads []logEntry, err error) {
	for _, b := range w.blocks {
		raw, err := openLogBlock(nil, w.out[b.from:b.to], b.rawBytes, b.crc)
		if err != nil {
			return nil, nil, err
		}
		r := readLogBlock(raw)
		for r.next() {
			a, err := r.entry.attempt(event.ID(len(list)+1), r.detail)
			if err != nil {
				return nil, nil, err
			}
			if got := string(r.eventType()); got != a.EventType {
				return nil, nil, errLogFormat
			}
			list, heads = append(list, a), append(heads, r.entry)
		}
		if r.err != nil {
			return nil, nil, r.err
		}
	}
	return list, heads, nil
}

func TestLogBlockRoundTrip(t *testing.T) {
	var w logEncoder // one for all, so that leftovers would show
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(anyAttempt), 1, 20).Draw(t, "attempts")
		if rapid.Bool().Draw(t, "large") {
			want[0].Request.Body = bytes.Repeat([]byte{7}, 100_000)
		}
		entries := w.encode(want)
		got, heads, err := decodeAll(&w)
		if err != nil {
			t.Fatalf("decoding: %v", err)
		}
		if len(got) != len(want) {
			t.Fatalf("got %d attempts, want %d", len(got), len(want))
		}
		for i := range want {
			want[i].ID = event.ID(i + 1)
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Errorf("attempt %d:\n got %+v\nwant %+v", i, got[i], want[i])
			}
			if heads[i] != entries[i] {
				t.Errorf("head %d: read %+v, kept in memory %+v", i, heads[i], entries[i])
			}
		}
	})
}

func TestLogBlockOfAFormerUseIsNotKept(t *testing.T) {
	var w logEncoder
	w.encode([]*delivery.Attempt{{Event: 1, Error: strings.Repeat("a", 5000)}})
	w.encode([]*delivery.Attempt{{Event: 2}})
	got, _, err := decodeAll(&w)
	if err != nil || len(got) != 1 || got[0].Event != 2 {
		t.Errorf("got %v, %v, want one attempt of event 2", got, err)
	}
}

// Whatever a block holds, reading it ends without a panic.
func TestLogBlockDamaged(t *testing.T) {
	var w logEncoder
	var attempts []*delivery.Attempt
	for i := range 20 {
		attempts = append(attempts, benchAttempt(i))
	}
	w.encode(attempts)
	b := w.blocks[0]
	body := bytes.Clone(w.out[b.from:b.to])
	for i := range body {
		body[i] ^= 1 << (i % 8)
		if _, err := openLogBlock(nil, body, b.rawBytes, b.crc); err == nil {
			t.Errorf("flipping a bit of byte %d was not noticed", i)
		}
		body[i] ^= 1 << (i % 8)
	}
	raw, err := openLogBlock(nil, body, b.rawBytes, b.crc)
	if err != nil {
		t.Fatalf("the undamaged block: %v", err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		bad := bytes.Clone(raw[:1+random.IntN(len(raw)-1)])
		for range random.IntN(4) {
			bad[random.IntN(len(bad))] = byte(random.Uint32())
		}
		r := readLogBlock(bad)
		for r.next() {
			_ = r.eventType()
			_, _ = r.entry.attempt(1, r.detail)
		}
	}
}

// benchAttempt is a common attempt for an event of 1 KB whose body is not
// stored again, one in twenty failed.
func benchAttempt(i int) *delivery.Attempt {
	id := event.FirstID(time.Now()) + event.ID(i)
	a := &delivery.Attempt{
		Tenant: 1, Event: id, EventType: "call.completed", Webhook: uint32(1 + i%1000), Number: 1,
		At: time.Now().UTC().Truncate(time.Millisecond), Outcome: delivery.Delivered,
		Request: exchange.Request{
			Method: "POST", URL: "https://hooks.example.com/receive/5f2c7b1e",
			BodyFormat: "relay",
			Header: []exchange.Field{
				{Name: "Content-Type", Value: "application/json"},
				{Name: "User-Agent", Value: "Relay/1.0"},
				{Name: "X-Relay-Webhook-Id", Value: event.DeliveryID{Event: id, Webhook: uint32(i)}.String()},
				{Name: "X-Relay-Timestamp", Value: time.Now().Format(time.RFC3339Nano)},
				{Name: "X-Relay-Signature", Value: "sha256=" + hexOf(i)},
				{Name: "X-Relay-Attempt", Value: "1"},
			},
		},
		Response: &exchange.Response{
			Status: 200, Body: []byte("ok"), BodyBytes: 2,
			Header: []exchange.Field{
				{Name: "Content-Length", Value: "2"},
				{Name: "Content-Type", Value: "text/plain; charset=utf-8"},
				{Name: "Date", Value: "Sat, 21 Nov 2026 08:00:00 GMT"},
			},
		},
		Timing: exchange.Timing{FirstByte: time.Duration(900+i%700) * time.Microsecond, Total: time.Duration(1000+i%700) * time.Microsecond},
	}
	if i%20 == 0 {
		a.Outcome, a.ErrorKind, a.Error = delivery.Failed, "status", "the endpoint answered 503"
		a.Response.Status = 503
	}
	return a
}

func hexOf(i int) string {
	random := rand.New(rand.NewPCG(uint64(i), 1))
	b := make([]byte, 64)
	for k := range b {
		b[k] = "0123456789abcdef"[random.IntN(16)]
	}
	return string(b)
}
