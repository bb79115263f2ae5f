package sqlite

import (
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event"
)

// TestTraceInRecords: a record from before events had traces is read, one without a trace is still the same to the byte, and
// one with a trace has its 25 bytes more.
func TestTraceInRecords(t *testing.T) {
	const before = "1b000000" + "00" + "01" + "80c0e285e368" + "07030000000002" + "6f726465722037" + "612e62" + "7b7d"
	e := event.Event{Tenant: 1, Name: "order 7", Type: "a.b", Time: time.UnixMilli(1_800_000_000_000).UTC(), Data: []byte(`{}`)}
	plain := appendRecord(nil, &e, "", nil, 0)
	if got := hex.EncodeToString(plain); got != before {
		t.Errorf("without a trace: got %s, want %s", got, before)
	}
	read := func(b []byte) event.Event {
		t.Helper()
		var r record
		rest, err := nextRecord(b, &r)
		if err != nil || len(rest) != 0 {
			t.Fatalf("got %v and %d bytes more", err, len(rest))
		}
		return r.event(0)
	}
	if got := read(plain); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", e) {
		t.Errorf("got %+v, want %+v", got, e)
	}
	e.Trace = &event.Trace{1, 16: 2, 24: event.TraceSampled}
	traced := appendRecord(nil, &e, "", nil, 0)
	if got := read(traced); got.Trace == nil || *got.Trace != *e.Trace || string(got.Data) != `{}` {
		t.Errorf("got %+v, want %+v", got, e)
	}
	if more := len(traced) - len(plain); more != event.TraceBytes {
		t.Errorf("a trace takes %d bytes, want %d", more, event.TraceBytes)
	}
	short := append([]byte(nil), traced[:len(plain)]...)
	short[0] = plain[0]
	if _, err := nextRecord(short, new(record)); err == nil {
		t.Error("a record that is too short for its trace was read")
	}
}
