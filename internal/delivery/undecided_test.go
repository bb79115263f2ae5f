package delivery_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/webhook"
)

// costlyFilters take long for costlyEvent, each in another way, and then let those through whose n is even.
var costlyFilters = []string{
	`event.data.l.exists(a, event.data.l.exists(b, a == b + 1000)) || event.data.n % 2 == 0`,
	`event.data.l.all(a, event.data.l.all(b, event.data.l[0] < 1000)) && event.data.n % 2 == 0`,
	`event.data.s.matches("^(a|aa)+$") && event.data.n % 2 == 0`,
	`event.data.s.matches("(x+x+)+y") || event.data.n % 2 == 0`,
}

func costlyEvent(typ string, n int, key string) string {
	list := strings.Repeat("1,", 29) + "1"
	return fmt.Sprintf(`{"type":%q,"key":%q,"data":{"n":%d,"l":[%s],"s":%q}}`, typ, key, n, list, strings.Repeat("a", 12_000))
}

// Webhooks with filters that take long delay neither another webhook nor another tenant: when the first event of another type has
// come in, most of the filters are still to be evaluated. All of them are, in the end.
func TestCostlyFiltersDelayNobody(t *testing.T) {
	r := newRig(t)
	r.start()
	defer r.end()
	const hooks, events = 40, 50
	slow := r.net.endpoint(nil)
	for i := range hooks {
		r.webhook(slow, func(s *webhook.Settings) {
			s.Events, s.Filter = []string{"costly.*"}, costlyFilters[i%len(costlyFilters)]
		})
	}
	var atFirst delivery.Snapshot
	var once sync.Once
	got := make(chan struct{})
	other := r.net.endpoint(func(int, http.ResponseWriter, *http.Request) {
		once.Do(func() { atFirst = r.engine.Snapshot(); close(got) })
	})
	r.webhook(other, func(s *webhook.Settings) { s.Events, s.Filter = []string{"cheap"}, `event.data.n >= 0` })
	raw := make([]string, events)
	for i := range raw {
		raw[i] = costlyEvent("costly.x", i, "k")
	}
	r.publish(raw...)
	r.publish(`{"type":"cheap","data":{"n":1}}`)
	<-got
	if atFirst.Filters > hooks*events/4 {
		t.Errorf("%d of %d filters were evaluated before another webhook had its event, want few", atFirst.Filters, hooks*events)
	}
	for r.engine.Snapshot().FiltersWaiting > 0 || slow.count() < hooks*events/2 {
		time.Sleep(5 * time.Millisecond)
	}
	for id, n := range slow.ids(t) {
		if n != 1 {
			t.Errorf("%s arrived %d times, want once", id, n)
		}
	}
	end := r.engine.Snapshot()
	if slow.count() != hooks*events/2 || end.FiltersPostponed < hooks*events*3/4 || end.FilterTime == 0 {
		t.Errorf("got %d deliveries and %d filters postponed, want %d and about %d", slow.count(), end.FiltersPostponed, hooks*events/2, hooks*events)
	}
}

// One tenant's filters that take long leave another tenant's in turn.
func TestCostlyFiltersTakeTurns(t *testing.T) {
	r := newRig(t)
	r.start()
	defer r.end()
	slow := r.net.endpoint(nil)
	const hooks, events = 40, 100
	for range hooks {
		r.webhook(slow, func(s *webhook.Settings) { s.Filter = costlyFilters[0] })
	}
	var atFirst delivery.Snapshot
	var once sync.Once
	got := make(chan struct{})
	other := r.net.endpoint(func(int, http.ResponseWriter, *http.Request) {
		once.Do(func() { atFirst = r.engine.Snapshot(); close(got) })
	})
	s := webhook.Default()
	s.URL, s.Filter = other.url, costlyFilters[0]
	if _, err := r.hooks.Create(t.Context(), access.System(7), s, ""); err != nil {
		t.Fatal(err)
	}
	raw := make([]string, events)
	for i := range raw {
		raw[i] = costlyEvent("x", i, "k")
	}
	r.publish(raw...)
	r.publishAs(7, costlyEvent("x", 2, "k"))
	<-got
	if atFirst.FiltersWaiting < hooks*events/2 {
		t.Errorf("%d filters wait when the other tenant's is evaluated, want most of %d", atFirst.FiltersWaiting, hooks*events)
	}
}

// Under fifo, events whose filter takes long and others keep their order, also over a restart.
func TestCostlyFilterKeepsOrder(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart=%v", restart), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start()
				ep := r.net.endpoint(nil)
				r.webhook(ep, func(s *webhook.Settings) {
					s.Ordering = webhook.OrderingFIFO
					s.Filter = `event.data.n % 3 != 1 && (event.data.l.size() < 2 || !event.data.l.exists(a, event.data.l.exists(b, a == b + 1000)))`
				})
				const keys, rounds = 5, 60
				for n := range rounds {
					var raw []string
					for k := range keys {
						if (n+k)%4 == 0 {
							raw = append(raw, costlyEvent("a", n, fmt.Sprint("k", k)))
						} else {
							raw = append(raw, fmt.Sprintf(`{"type":"a","key":"k%d","data":{"n":%d,"l":[]}}`, k, n))
						}
					}
					r.publish(raw...)
					if restart && n == rounds/2 {
						r.restart()
					}
				}
				time.Sleep(time.Hour)
				// The envelope has no key: events of a key come in the order of n, and each n once for each key.
				last := make(map[string]int)
				for _, q := range ep.requests() {
					var data struct{ N int }
					v := q.envelope(t)
					if err := json.Unmarshal(v.Data, &data); err != nil {
						t.Fatal(err)
					}
					key := r.keyOf(t, v.WebhookID)
					if before, ok := last[key]; ok && data.N <= before {
						t.Errorf("event %d of key %s came after %d", data.N, key, before)
					}
					last[key] = data.N
				}
				if got, want := ep.count(), keys*rounds*2/3; got != want {
					t.Errorf("got %d deliveries, want %d", got, want)
				}
				r.end()
			})
		})
	}
}

// What does not fit in memory waits in the store, for webhooks of all kinds, and is decided after a restart too.
func TestUndecidedWaitInTheStore(t *testing.T) {
	for name, change := range map[string]func(*webhook.Settings){
		"each": func(*webhook.Settings) {},
		"batches": func(s *webhook.Settings) {
			s.Batch = &webhook.Batch{MaxEvents: 10, MaxBytes: 1 << 20, MaxWait: time.Second}
		},
		"long": func(s *webhook.Settings) {
			s.Batch = &webhook.Batch{MaxEvents: 10, MaxBytes: 1 << 20, MaxWait: time.Minute}
		},
		"fifo": func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.memory = 128 << 10 // two events of 13 kB wait in memory
				r.start()
				ep := r.net.endpoint(nil)
				w := r.webhook(ep, change, func(s *webhook.Settings) { s.Filter = costlyFilters[3] })
				var events []event.Event
				for i := range 2 {
					var raw []string
					for n := range 50 {
						raw = append(raw, costlyEvent("x", 50*i+n, "k"))
					}
					if i == 1 {
						r.restart()
					}
					events = append(events, r.publish(raw...)...)
				}
				synctest.Wait()
				stored := r.engine.Snapshot().FiltersStored
				time.Sleep(time.Hour)
				if stored == 0 {
					t.Error("nothing was put into the store, want most")
				}
				delivered := 0
				for i, ev := range events {
					d, err := r.ledger.Delivery(t.Context(), ev.Tenant, event.DeliveryID{Event: ev.ID, Webhook: w.Number})
					if wanted := i%2 == 0; wanted != (err == nil) || wanted && (d.State != ledger.StateDelivered || d.Attempts != 1) {
						t.Errorf("event %d: got %v %q after %d attempts, %v, want it delivered: %v", i, d.State, d.Reason, d.Attempts, err, wanted)
					}
					if err == nil {
						delivered++
					}
				}
				if cost := r.engine.FilterCost(w.Number); cost.Evaluations == 0 || cost.Postponed == 0 {
					t.Errorf("got %+v, want the filter's cost", cost)
				}
				r.end()
			})
		})
	}
}

// A webhook that is paused, changed or deleted while its filter waits.
func TestUndecidedFollowTheWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.memory = 128 << 10
		r.start()
		ep := r.net.endpoint(nil)
		filtered := func(s *webhook.Settings) { s.Events, s.Filter = []string{"x"}, costlyFilters[0] }
		deleted, paused := r.webhook(ep, filtered), r.webhook(ep, filtered)
		for i := range 30 {
			r.publish(costlyEvent("x", 2*i, "k"))
		}
		// A paused webhook gets no events that the router reaches after the pause: wait until all were routed.
		routed := make(chan struct{})
		r.webhook(r.net.endpoint(func(int, http.ResponseWriter, *http.Request) { close(routed) }), func(s *webhook.Settings) {
			s.Events = []string{"last"}
		})
		r.publish(`{"type":"last","data":{}}`)
		<-routed
		if err := r.hooks.Delete(t.Context(), access.System(deleted.Tenant), deleted.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := r.hooks.Pause(t.Context(), access.System(paused.Tenant), paused.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		before := ep.count()
		if _, err := r.hooks.Resume(t.Context(), access.System(paused.Tenant), paused.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		own := 0
		for _, a := range r.attempts(paused) {
			if a.Outcome == delivery.Delivered {
				own++
			}
		}
		if own != 30 {
			t.Errorf("got %d deliveries of the webhook that was paused, %d requests before it was resumed, want 30", own, before)
		}
		r.end()
	})
}

// keyOf returns the key of the event that was sent under a webhookId.
func (r *rig) keyOf(t *testing.T, webhookID string) string {
	t.Helper()
	d, err := event.ParseDeliveryID(webhookID)
	if err != nil {
		t.Fatal(err)
	}
	events, err := r.store.EventGetMany(t.Context(), []event.ID{d.Event})
	if err != nil || len(events) != 1 {
		t.Fatalf("reading event %s: %v", webhookID, err)
	}
	return events[0].Key
}
