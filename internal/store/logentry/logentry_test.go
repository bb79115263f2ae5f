package logentry

import (
	"reflect"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
)

func attempts() map[string]*delivery.Attempt {
	at := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	return map[string]*delivery.Attempt{
		"empty": {At: at},
		"batch": {At: at, Event: 9, Number: 1, Batch: &delivery.Batch{ID: 70, Lead: 9, Count: 3, Events: []event.ID{9, 11, 1 << 60}}},
		"of a batch": {
			At: at, Event: 11, Number: 2, Error: "503", NextAt: at.Add(time.Second), Batch: &delivery.Batch{ID: 70, Lead: 9, Count: 3},
		},
		"test": {At: at, Test: true, Number: 1, EventName: "evt-ä"},
		"answered": {
			At: at, Number: 3, ErrorKind: "status", Error: "503", NextAt: at.Add(90 * time.Second),
			Request: exchange.Request{
				Method: "POST", URL: "https://example.com/", BodyFormat: "relay", Body: []byte{},
				Header: []exchange.Field{{Name: "A", Value: "1"}, {Name: "A", Value: ""}},
			},
			Response: &exchange.Response{Header: []exchange.Field{}, Body: []byte("no"), BodyBytes: 70_000, Truncated: true},
			Timing:   exchange.Timing{DNS: time.Microsecond, Connect: 2 * time.Millisecond, TLS: 3 * time.Millisecond, FirstByte: time.Second},
		},
	}
}

func decode(b []byte, of event.ID, at time.Time, flags byte) (*delivery.Attempt, *Decoder) {
	d := NewTextDecoder(b, 0)
	a := &delivery.Attempt{At: at, Event: of}
	d.Detail(a, flags)
	return a, &d
}

func TestDetailsAreReadBack(t *testing.T) {
	for name, want := range attempts() {
		b := AppendDetail(nil, want)
		got, d := decode(b, want.Event, want.At, Flags(want))
		if !d.Whole() || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v (whole: %v), want %+v", name, got, d.Whole(), want)
		}
		for n := range b {
			if _, d := decode(b[:n], want.Event, want.At, Flags(want)); d.Whole() {
				t.Errorf("%s cut to %d of %d bytes was read", name, n, len(b))
			}
		}
		if _, d := decode(append(b, 0), want.Event, want.At, Flags(want)); d.Whole() || d.Bad() || len(d.Rest()) != 1 {
			t.Errorf("%s with a byte more: got whole %v, bad %v, rest %d", name, d.Whole(), d.Bad(), len(d.Rest()))
		}
	}
}

func TestStringsShareTheMemoryOnlyAsBytes(t *testing.T) {
	b := AppendString(nil, "call.completed")
	d := NewDecoder(b, 0)
	if got := d.Bytes(); string(got) != "call.completed" || &got[0] != &b[1] {
		t.Errorf("got %q", got)
	}
	d = NewDecoder([]byte{9, 'a'}, 0)
	if got := d.Bytes(); len(got) != 0 || !d.Bad() {
		t.Errorf("got %q, bad %v, want nothing and bad", got, d.Bad())
	}
}

func FuzzDetail(f *testing.F) {
	for _, a := range attempts() {
		f.Add(AppendDetail(nil, a), Flags(a))
	}
	at := time.UnixMilli(1_790_000_000_000)
	f.Fuzz(func(t *testing.T, b []byte, flags byte) {
		a, d := decode(b, 0, at, flags)
		if !d.Whole() {
			return
		}
		again, d := decode(AppendDetail(nil, a), 0, at, Flags(a))
		if !d.Whole() || again.EventName != a.EventName || !reflect.DeepEqual(again.Request, a.Request) {
			t.Errorf("got %+v, want %+v", again, a)
		}
	})
}
