package delivery_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/webhook"
)

// setClock is a clock that can be set, as a machine's can.
type setClock struct{ offset atomic.Int64 }

func (c *setClock) now() time.Time          { return time.Now().Round(0).Add(time.Duration(c.offset.Load())) }
func (c *setClock) set(ahead time.Duration) { c.offset.Store(int64(ahead)) }

// TestClockSetBack lets the clock run ahead for a while, in which events come and attempts fail, and sets it right.
// Nothing may wait longer than a minute because of that, whatever it waits for and whether Relay was restarted since.
func TestClockSetBack(t *testing.T) {
	for _, ahead := range []time.Duration{10 * time.Second, 60 * time.Second, 47 * time.Minute, time.Hour, 50 * time.Hour} {
		for _, when := range []string{"running", "restarted before", "restarted after", "set while stopped"} {
			t.Run(fmt.Sprintf("%v %s", ahead, when), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { clockSetBack(t, ahead, when) })
			})
		}
	}
}

func clockSetBack(t *testing.T, ahead time.Duration, when string) {
	r := newRig(t)
	var clock setClock
	r.now = clock.now
	r.start()
	retry := func(s *webhook.Settings) {
		s.Retry = webhook.Retry{Attempts: 10, Waits: []time.Duration{20 * time.Second}, MaxAge: 100 * time.Hour}
	}
	batch := func(wait time.Duration) func(*webhook.Settings) {
		return func(s *webhook.Settings) { s.Batch = &webhook.Batch{MaxEvents: 100, MaxWait: wait, MaxBytes: 1 << 20} }
	}
	var failing atomic.Bool
	failing.Store(true)
	answer := func(_ int, w http.ResponseWriter, _ *http.Request) {
		if failing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
	hooks := map[string]*webhook.Webhook{
		"plain":             r.webhook(r.net.endpoint(nil), retry),
		"fifo":              r.webhook(r.net.endpoint(nil), retry, func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO }),
		"failing":           r.webhook(r.net.endpoint(answer), retry),
		"failing fifo":      r.webhook(r.net.endpoint(answer), retry, func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO }),
		"batch":             r.webhook(r.net.endpoint(nil), retry, batch(5*time.Second)),
		"batch in store":    r.webhook(r.net.endpoint(nil), retry, batch(25*time.Second)),
		"failing batch":     r.webhook(r.net.endpoint(answer), retry, batch(time.Second)),
		"one after another": r.webhook(r.net.endpoint(func(int, http.ResponseWriter, *http.Request) { time.Sleep(500 * time.Millisecond) }), retry, func(s *webhook.Settings) { s.MaxConcurrency = 1 }),
	}
	var events []event.Event
	publish := func(n int) {
		for i := range n {
			events = append(events, r.publish(fmt.Sprintf(`{"type":"a","key":"k%d","data":%d}`, i%3, i))...)
		}
	}
	publish(4)
	clock.set(ahead)
	publish(8)
	time.Sleep(3 * time.Second)
	publish(4)
	time.Sleep(300 * time.Millisecond)
	publish(4)
	switch when {
	case "restarted before":
		r.restart()
	case "set while stopped":
		r.stop()
	}
	failing.Store(false)
	clock.set(0)
	switch when {
	case "restarted after":
		time.Sleep(time.Second)
		r.restart()
	case "set while stopped":
		r.start()
	}
	publish(4)
	// A batch may wait for 25 s, a retry for some 22 s, both with a minute's grace.
	time.Sleep(85 * time.Second)
	for name, w := range hooks {
		for i, ev := range events {
			if d := r.delivery(ev, w); d.State != ledger.StateDelivered {
				t.Errorf("%s: event %d is %s (%s, next at %v, it is %v)", name, i, d.State, d.Reason, d.NextAt, time.Now().UTC())
			}
		}
	}
	if s := r.engine.Snapshot(); s.ClockSteps > 1 {
		t.Errorf("got %d steps of the clock counted, want one at most", s.ClockSteps)
	}
	r.end()
}

// TestClockSetForward sets a clock right that was behind: what the publisher wants delivered at a time is delivered at
// that time.
func TestClockSetForward(t *testing.T) {
	for _, behind := range []time.Duration{10 * time.Minute, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			var clock setClock
			r.now = clock.now
			clock.set(-behind)
			r.start()
			ep := r.net.endpoint(nil)
			r.webhook(ep)
			r.webhook(ep, func(s *webhook.Settings) {
				s.Batch = &webhook.Batch{MaxEvents: 100, MaxWait: 5 * time.Second, MaxBytes: 1 << 20}
			})
			at := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
			r.publish(`{"type":"a","data":1,"deliverAt":"` + at + `"}`)
			time.Sleep(2 * time.Second)
			clock.set(0)
			time.Sleep(50 * time.Second)
			if n := ep.count(); n != 0 {
				t.Errorf("%v behind: got %d requests before the time", behind, n)
			}
			time.Sleep(25 * time.Second)
			if n := ep.count(); n != 2 {
				t.Errorf("%v behind: got %d requests, want 2", behind, n)
			}
			r.end()
		})
	}
}

// TestClockAsked counts a deliverAt and a Retry-After as asked for also when the clock is set: they are nobody's mistake.
func TestClockAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		var clock setClock
		r.now = clock.now
		r.start()
		busy := r.net.endpoint(func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				w.Header().Set("Retry-After", "1800")
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		later := r.net.endpoint(nil)
		r.webhook(busy)
		r.webhook(later, func(s *webhook.Settings) { s.Events = []string{"later"} })
		r.publish(`{"type":"a","data":1}`)
		r.publish(`{"type":"later","data":1,"deliverAt":"` + time.Now().Add(30*time.Minute).UTC().Format(time.RFC3339) + `"}`)
		time.Sleep(time.Minute)
		clock.set(3 * time.Minute)
		time.Sleep(time.Minute)
		clock.set(0)
		time.Sleep(20 * time.Minute)
		if busy.count() != 1 || later.count() != 0 {
			t.Errorf("got %d and %d requests before their time, want 1 and 0", busy.count(), later.count())
		}
		time.Sleep(20 * time.Minute)
		if busy.count() < 2 || later.count() != 1 {
			t.Errorf("got %d and %d requests after their time, want 3 and 1", busy.count(), later.count())
		}
		r.end()
	})
}
