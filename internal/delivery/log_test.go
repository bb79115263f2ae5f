package delivery_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

const day = 24 * time.Hour

// For as long as an attempt is in the log, its body is shown and "retry" sends
// it, however long after its event's acceptance it was made.
func TestLogKeepsItsEvents(t *testing.T) {
	// Events are kept for less time than the log, as operators may set it.
	const keepEvents, keepLog = 2 * day, 4 * day
	for _, tt := range []struct {
		name     string
		settings func(s *webhook.Settings, start time.Time)
		event    string
		later    func(t *testing.T, r *rig, w *webhook.Webhook, ev event.Event, on int) // done on a day
		last     int                                                                    // the day of the last attempt
	}{
		{name: "at once", last: 0},
		{name: "deliverAt", event: `{"type":"a","data":1,"deliverAt":"2000-01-05T12:00:00Z"}`, last: 4},
		{name: "maintenance", settings: func(s *webhook.Settings, start time.Time) {
			s.Maintenance = []webhook.Window{{From: start.Add(time.Minute), To: start.Add(5*day + time.Hour)}}
		}, last: 5},
		{name: "maxAge", settings: func(s *webhook.Settings, _ time.Time) {
			s.Retry = webhook.Retry{Attempts: 3, Waits: []time.Duration{3 * day}, MaxAge: 20 * day}
		}, last: 6},
		{name: "replay", later: func(t *testing.T, r *rig, w *webhook.Webhook, ev event.Event, on int) {
			if on == 4 {
				if _, err := r.engine.StartJob(context.Background(), access.System(w.Tenant), w, delivery.JobReplay, ev.ID.Time().Add(-time.Minute)); err != nil {
					t.Errorf("day %d: %v", on, err)
				}
			}
		}, last: 4},
		{name: "resend, twice", later: func(t *testing.T, r *rig, w *webhook.Webhook, ev event.Event, on int) {
			if on == 3 || on == 6 {
				if _, err := r.ledger.Resend(context.Background(), access.System(ev.Tenant), &ev, w); err != nil {
					t.Errorf("day %d: %v", on, err)
				}
			}
		}, last: 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start()
				ctx := context.Background()
				var works atomic.Bool
				ep := r.net.endpoint(func(_ int, w http.ResponseWriter, q *http.Request) {
					if !works.Load() && q.Header.Get("X-Relay-Event") == "a" {
						w.WriteHeader(500)
					}
				})
				start := time.Now()
				w := r.webhook(ep, func(s *webhook.Settings) {
					s.Retry = webhook.Retry{Attempts: 1}
					if tt.settings != nil {
						tt.settings(s, start)
					}
				})
				time.Sleep(10 * time.Minute)
				raw := tt.event
				if raw == "" {
					raw = `{"type":"a","data":1}`
				}
				ev := r.publish(raw)[0]
				pass := func(on int) {
					t.Helper()
					time.Sleep(time.Until(start.Add(time.Duration(on)*day + 13*time.Hour)))
					r.publish(`{"type":"ping","data":0}`) // keeps the webhook from being disabled
					now := time.Now()
					if err := r.store.Expire(ctx, now.Add(-keepEvents), now.Add(-keepLog)); err != nil {
						t.Fatal(err)
					}
				}
				through := tt.last + int(keepLog/day)
				for on := range through { // the day before it may go, of which a part is older
					pass(on)
					if tt.later != nil {
						tt.later(t, r, w, ev, on)
						time.Sleep(time.Minute)
					}
				}
				q := delivery.LogQuery{Tenant: w.Tenant, Webhook: w.Number, EventType: "a", Limit: 250}
				list, _, err := r.ledger.Attempts(ctx, q)
				if err != nil || len(list) == 0 {
					t.Fatalf("day %d: got %d attempts, %v", through-1, len(list), err)
				}
				for _, a := range list {
					if a.Request.BodyMissing != "" || !strings.Contains(string(a.Request.Body), `"data":1`) {
						t.Errorf("attempt %d of %v: got the body %q, missing %q", a.Number, a.At, a.Request.Body, a.Request.BodyMissing)
					}
				}
				works.Store(true)
				time.Sleep(time.Minute) // the last ping arrives
				before := ep.count()
				if err := r.ledger.Retry(ctx, access.System(w.Tenant), list[0].Delivery()); err != nil {
					t.Fatalf("day %d: retry: %v", through-1, err)
				}
				time.Sleep(time.Minute)
				if d := r.delivery(ev, w); d.State != ledger.StateDelivered || ep.count() != before+1 {
					t.Errorf("after the retry: got %+v and %d requests more, want it delivered", d, ep.count()-before)
				}
				// In the end all of it goes.
				for on := through; on <= through+int(keepLog/day)+1; on++ {
					pass(on)
				}
				if _, ok, err := r.store.EventFind(ctx, ev.Tenant, ev.PublicID()); ok || err != nil {
					t.Errorf("the event is still there %d days after its last attempt (%v)", int(keepLog/day)+1, err)
				}
				r.end()
			})
		})
	}
}

// Where an event is gone all the same, the log says so, and what asks for the
// delivery changes nothing.
func TestEventIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx := context.Background()
		start := time.Now()
		ep := r.net.endpoint(status(500))
		once := func(s *webhook.Settings) { s.Retry = webhook.Retry{Attempts: 1} }
		failed := r.webhook(ep, once)
		fifo := r.webhook(ep, once, func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO })
		batch := r.webhook(ep, once, func(s *webhook.Settings) {
			s.Batch = &webhook.Batch{MaxEvents: 2, MaxWait: time.Second, MaxBytes: webhook.DefaultBatchBytes}
		})
		delivered := r.webhook(r.net.endpoint(nil))
		waiting := r.webhook(ep, func(s *webhook.Settings) {
			s.Retry = webhook.Retry{Attempts: 2, Waits: []time.Duration{20 * day}, MaxAge: 30 * day}
		})
		canceled := r.webhook(ep, func(s *webhook.Settings) {
			s.Retry = webhook.Retry{Attempts: 2, Waits: []time.Duration{20 * day}, MaxAge: 30 * day}
		})
		events := r.publish(`{"id":"one","type":"a","data":1}`, `{"id":"two","type":"b","data":2}`)
		time.Sleep(time.Minute)
		for _, ev := range events {
			if err := r.ledger.Cancel(ctx, access.System(ev.Tenant), event.DeliveryID{Event: ev.ID, Webhook: canceled.Number}); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3 * day)
		r.stop()
		r.loseEvents()
		r.start()
		states := func() string {
			var b strings.Builder
			for _, w := range []*webhook.Webhook{failed, fifo, batch, delivered, waiting, canceled} {
				for _, ev := range events {
					d := r.delivery(ev, w)
					fmt.Fprintf(&b, "%s of %s: %s %s %q attempts %d, %q\n", ev.Name, w.ID, d.EventName, d.EventType, d.State, d.Attempts, d.Reason)
				}
			}
			return b.String()
		}
		before, requests := states(), ep.count()
		for _, want := range []string{"one a \"failed\"", "two b \"failed\"", "\"delivered\"", "\"waiting\"", "one a \"canceled\""} {
			if !strings.Contains(before, want) {
				t.Errorf("got the states\n%swant %s among them", before, want)
			}
		}
		for _, w := range []*webhook.Webhook{failed, fifo, batch, delivered, waiting, canceled} {
			for _, ev := range events {
				err := r.ledger.Retry(ctx, access.System(w.Tenant), event.DeliveryID{Event: ev.ID, Webhook: w.Number})
				if problem.KindOf(err) != problem.Conflict || !strings.Contains(err.Error(), "no longer stored") {
					t.Errorf("retrying %s: got %v, want a conflict that says why", ev.Name, err)
				}
			}
			for _, kind := range []delivery.JobKind{delivery.JobRecover, delivery.JobReplay} {
				job, err := r.engine.StartJob(ctx, access.System(w.Tenant), w, kind, start)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				if job, err = r.engine.Job(ctx, w.Tenant, job.ID); err != nil || job.State != delivery.JobDone || job.Owed != 0 {
					t.Errorf("%s: got %+v, %v; want it done, with no delivery", kind, job, err)
				}
			}
			list, _, err := r.ledger.Attempts(ctx, delivery.LogQuery{Tenant: w.Tenant, Webhook: w.Number, Limit: 10})
			if err != nil || len(list) == 0 {
				t.Fatalf("reading the log: %v, %v", list, err)
			}
			for _, a := range list {
				if a, err = r.ledger.Attempt(ctx, w.Tenant, a.ID); err != nil {
					t.Fatal(err)
				}
				if a.Request.Body != nil || !strings.Contains(a.Request.BodyMissing, "no longer stored") {
					t.Errorf("got the body %q, missing %q; want none, and why", a.Request.Body, a.Request.BodyMissing)
				}
			}
		}
		if after := states(); after != before || ep.count() != requests {
			t.Errorf("got %d requests more, and the states\n%swant them as before:\n%s", ep.count()-requests, after, before)
		}
		r.end()
	})
}
