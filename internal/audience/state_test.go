package audience

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/relay-events/relay/internal/connector"
)

// world is a partner's list of one profile, and the events of the engine that are on their way.
type world struct {
	s       Sync
	events  []int64 // turns
	there   bool
	what    string // what the partner knows of it
	content int    // of the profile
	changes int
	sent    int
	failed  int
}

func (w *world) hash() string { return fmt.Sprint(w.content) }

// publish has the engine know of a new turn.
func (w *world) publish(before int64) {
	if w.s.Turn != 0 && w.s.Turn != before {
		w.events = append(w.events, w.s.Turn)
	}
}

// deliver takes an event as the engine does. crash ends it behind the request, and the event comes again.
func (w *world) deliver(i int, verdict connector.Verdict, crash bool, meanwhile func()) {
	turn := w.events[i]
	before := w.s.Turn
	op, why := w.s.Opened(turn)
	if why == "" {
		why = w.s.Begin(turn, op, w.hash(), time.Time{})
	}
	if why != "" {
		w.publish(before)
		w.events = append(w.events[:i], w.events[i+1:]...)
		return
	}
	sent := w.hash()
	w.sent++
	if verdict == connector.Delivered {
		w.there, w.what = op != connector.Leave, sent
	} else {
		w.failed++
	}
	if crash {
		w.failed++
		return
	}
	meanwhile()
	before = w.s.Turn
	w.s.End(turn, verdict, false, "no", time.Time{})
	w.publish(before)
	w.events = append(w.events[:i], w.events[i+1:]...)
}

// TestSyncEndsInTheWantedState: whatever comes between, at rest the partner has what is wanted, with no more requests than
// changes and failures.
func TestSyncEndsInTheWantedState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{}
		want := func() {
			in, changed := rapid.Bool().Draw(t, "in"), rapid.Bool().Draw(t, "changed")
			if changed {
				w.content++
			}
			before := w.s.Turn
			if w.s.Wants(in, changed, time.Time{}) {
				w.changes++
			}
			w.publish(before)
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			if len(w.events) == 0 || rapid.Bool().Draw(t, "want") {
				want()
				continue
			}
			i := rapid.IntRange(0, len(w.events)-1).Draw(t, "event")
			w.deliver(i, connector.Delivered, rapid.Bool().Draw(t, "crash"), func() {
				if rapid.Bool().Draw(t, "meanwhile") {
					want()
				}
			})
		}
		for n := 0; len(w.events) > 0; n++ {
			if n > 1000 {
				t.Fatalf("it does not come to rest: %+v", w)
			}
			w.deliver(0, connector.Delivered, false, func() {})
		}
		if w.there != w.s.Want || w.s.Sent != w.s.Want || w.there && w.what != w.hash() {
			t.Fatalf("at rest the partner has it: %v with %q, wanted %v with %q: %+v", w.there, w.what, w.s.Want, w.hash(), w.s)
		}
		if w.sent > w.changes+w.failed {
			t.Fatalf("%d requests for %d changes and %d failures", w.sent, w.changes, w.failed)
		}
		if w.s.Turn != 0 || w.s.State != Synced && w.s.State != None {
			t.Fatalf("at rest: %+v", w.s)
		}
	})
}

func TestFlappingCostsLittle(t *testing.T) {
	w := &world{}
	for i := range 1000 {
		before := w.s.Turn
		w.s.Wants(i%2 == 0, false, time.Time{})
		w.publish(before)
		if i == 500 { // one request is under way for a while
			w.deliver(len(w.events)-1, connector.Delivered, false, func() {
				for j := range 100 {
					w.s.Wants(j%2 == 0, false, time.Time{})
				}
			})
		}
	}
	for len(w.events) > 0 {
		w.deliver(0, connector.Delivered, false, func() {})
	}
	if w.sent > 2 || w.there {
		t.Errorf("got %d requests, and it is there: %v", w.sent, w.there)
	}
}

func TestRejectedStaysUntilSomethingChanges(t *testing.T) {
	w := &world{}
	w.s.Wants(true, false, time.Time{})
	w.publish(0)
	w.deliver(0, connector.Rejected, false, func() {})
	if w.s.State != Rejected || w.s.Words != "no" || w.s.Turn != 0 || w.s.Wants(true, false, time.Time{}) {
		t.Errorf("got %+v", w.s)
	}
	w.s.Wants(true, true, time.Time{})
	if w.s.State != PendingAdd || w.s.Turn != 2 {
		t.Errorf("after a change: got %+v", w.s)
	}
	w.events = []int64{2}
	w.deliver(0, connector.Delivered, false, func() {})
	// What was delivered stays, though the partner refuses a change of it.
	w.s.Wants(true, true, time.Time{})
	w.content++
	w.events = []int64{3}
	w.deliver(0, connector.Rejected, false, func() {})
	if !w.s.Sent || w.s.State != Rejected {
		t.Errorf("got %+v", w.s)
	}
	if w.s.Suppress("do not contact", time.Time{}) {
		t.Error("nothing waits that could be suppressed")
	}
	w.s.Wants(false, false, time.Time{})
	if w.s.Suppress("do not contact", time.Time{}) || w.s.State != PendingRemove {
		t.Errorf("a removal is suppressed: %+v", w.s)
	}
}
