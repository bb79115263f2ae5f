package delivery_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/webhook"
)

// aged sets a maximum age.
func aged(maxAge time.Duration) func(*webhook.Settings) {
	return func(s *webhook.Settings) {
		s.Retry = webhook.Retry{Attempts: 50, Waits: []time.Duration{10 * time.Second}, MaxAge: maxAge}
	}
}

// wantExpired checks that a delivery ended without another request because of its age.
func (r *rig) wantExpired(ev event.Event, w *webhook.Webhook, attempts int) {
	r.t.Helper()
	d := r.delivery(ev, w)
	if d.State != ledger.StateExpired || d.Attempts != attempts || !strings.Contains(d.Reason, "not attempted within") {
		r.t.Errorf("got %+v, want expired after %d attempts, with the reason", d, attempts)
	}
}

// TestMaxAge has deliveries grow older than their webhook's maximum age in every way in which they can wait: what is too
// old is never sent, and ends as expired; what comes afterwards is delivered.
func TestMaxAge(t *testing.T) {
	const maxAge = time.Minute
	t.Run("paused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.start()
			ep := r.net.endpoint(status(500))
			w := r.webhook(ep, aged(maxAge))
			old := r.publish(`{"type":"a","data":1}`)[0]
			time.Sleep(5 * time.Second)
			r.pause(w)
			sent := ep.count()
			time.Sleep(maxAge)
			r.restart()
			if d := r.delivery(old, w); d.State != ledger.StateHeld {
				t.Errorf("while it is paused: got %+v, want held", d)
			}
			ep.setAnswer(nil)
			r.resume(w)
			r.publish(`{"type":"a","data":2}`)
			time.Sleep(10 * time.Second)
			r.wantExpired(old, w, sent)
			if got := ep.count() - sent; got != 1 {
				t.Errorf("%d requests after the pause, want that for the new event", got)
			}
			r.end()
		})
	})
	t.Run("maintenance", func(t *testing.T) {
		// Time in a window is no age; time before and after it is.
		for _, expires := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start()
				ep := r.net.endpoint(status(500))
				from, to := time.Now().Add(35*time.Second), time.Now().Add(10*time.Hour)
				w := r.webhook(ep, aged(maxAge), func(s *webhook.Settings) { s.Maintenance = []webhook.Window{{From: from, To: to}} })
				ev := r.publish(`{"type":"a","data":1}`)[0]
				time.Sleep(time.Hour)
				sent := ep.count()
				if d := r.delivery(ev, w); d.State != ledger.StateHeld {
					t.Errorf("in the window: got %+v, want held", d)
				}
				if expires {
					r.stop() // Relay itself is away for as long as it takes
					time.Sleep(time.Until(to) + 40*time.Second)
					r.start()
				}
				ep.setAnswer(nil)
				time.Sleep(max(0, time.Until(to)) + 20*time.Second)
				if d := r.delivery(ev, w); !expires && d.State != ledger.StateDelivered {
					t.Errorf("35 s before the window and none after it: got %+v, want delivered", d)
				} else if expires {
					r.wantExpired(ev, w, sent)
				}
				r.end()
			})
		}
	})
	t.Run("rate limit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.start()
			ep := r.net.endpoint(nil)
			w := r.webhook(ep, aged(maxAge), func(s *webhook.Settings) { s.RateLimit = &webhook.RateLimit{PerSecond: 1, Burst: 1} })
			var old []event.Event
			for i := range 600 {
				old = append(old, r.publish(fmt.Sprintf(`{"type":"a","data":%d}`, i))...)
			}
			time.Sleep(maxAge + 5*time.Second)
			if got := ep.count(); got < 60 || got > 62 {
				t.Errorf("%d requests in a minute at one a second, want 61", got)
			}
			r.wantExpired(old[599], w, 0)
			// Expired deliveries have cost none of the rate: the next event goes at once.
			fresh := r.publish(`{"type":"a","data":"fresh"}`)[0]
			time.Sleep(3 * time.Second)
			if d := r.delivery(fresh, w); d.State != ledger.StateDelivered {
				t.Errorf("an event after 540 expired ones: got %+v, want delivered", d)
			}
			r.end()
		})
	})
	t.Run("backlog", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.memory = 1 << 20 // most of what waits is owed
			r.start()
			ep := r.net.endpoint(hang)
			w := r.webhook(ep, aged(maxAge))
			const n = 3000
			r.publishMany("a", n)
			last := r.publish(`{"type":"a","data":"last"}`)[0]
			time.Sleep(maxAge + 15*time.Second)
			ep.setAnswer(nil)
			time.Sleep(10 * time.Minute)
			r.wantExpired(last, w, 0)
			for _, s := range mustSummaries(t, r) {
				t.Errorf("%d rows are still owed", s.Count)
			}
			fresh := r.publish(`{"type":"a","data":"fresh"}`)[0]
			time.Sleep(time.Second)
			if d := r.delivery(fresh, w); d.State != ledger.StateDelivered {
				t.Errorf("an event afterwards: got %+v, want delivered", d)
			}
			r.end()
		})
	})
	t.Run("fifo", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.start()
			ep := r.net.endpoint(hang)
			w := r.webhook(ep, aged(maxAge), func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO })
			// Attempts take 10 s to fail, one at a time: the minute is over before the last one's turn comes.
			r.publish(`{"type":"a","key":"k","data":1}`, `{"type":"a","key":"k","data":2}`, `{"type":"a","key":"k","data":3}`)
			behind := r.publish(`{"type":"a","key":"k","data":4}`)[0]
			time.Sleep(maxAge + 25*time.Second)
			r.wantExpired(behind, w, 0)
			ep.setAnswer(nil)
			fresh := r.publish(`{"type":"a","key":"k","data":5}`)[0]
			time.Sleep(5 * time.Second)
			if d := r.delivery(fresh, w); d.State != ledger.StateDelivered {
				t.Errorf("the event behind the expired ones: got %+v, want delivered", d)
			}
			r.end()
		})
	})
}

func (r *rig) pause(w *webhook.Webhook) {
	r.t.Helper()
	if _, err := r.hooks.Pause(context.Background(), access.System(w.Tenant), w.ID); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) resume(w *webhook.Webhook) {
	r.t.Helper()
	if _, err := r.hooks.Resume(context.Background(), access.System(w.Tenant), w.ID); err != nil {
		r.t.Fatal(err)
	}
}
