package delivery_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/store/sqlite/sqlitetest"
	"github.com/relay-events/relay/internal/webhook"
)

// TestDamagedEvent flips a bit of one of many stored events that are owed. It cannot be sent any more; everything else
// must go on: the other deliveries, also those behind it in its order and in its batch, and every list.
func TestDamagedEvent(t *testing.T) {
	tests := []struct {
		name   string
		change func(*webhook.Settings)
	}{
		{"plain", func(*webhook.Settings) {}},
		{"fifo", func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO }},
		{"batch", func(s *webhook.Settings) {
			s.Batch = &webhook.Batch{MaxEvents: 5, MaxWait: time.Second, MaxBytes: 1 << 20}
		}},
	}
	for _, tt := range tests {
		for _, which := range []int{0, 7, 19} {
			t.Run(fmt.Sprintf("%s %d", tt.name, which), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { damagedEvent(t, which, tt.change) })
			})
		}
	}
}

func damagedEvent(t *testing.T, which int, change func(*webhook.Settings)) {
	ctx := context.Background()
	r := newRig(t)
	r.start()
	ep := r.net.endpoint(status(http.StatusInternalServerError))
	w := r.webhook(ep, change, func(s *webhook.Settings) {
		s.Retry = webhook.Retry{Attempts: 10, Waits: []time.Duration{time.Minute}}
	})
	var events []event.Event
	for i := range 20 {
		events = append(events, r.publish(fmt.Sprintf(`{"type":"a","data":"%s%d"}`, strings.Repeat("x", 200), i))...)
		time.Sleep(time.Second) // a block of its own
	}
	time.Sleep(20 * time.Second)
	r.stop()
	sqlitetest.Damage(t, r.dir, events[which].ID)
	ep.setAnswer(nil)
	r.start()
	bad := events[which]
	lists := func(when string) {
		page, err := r.ledger.Deliveries(ctx, ledger.DeliveryQuery{Tenant: bad.Tenant, Webhook: w.Number, Limit: 100})
		list := page.Deliveries
		if err != nil || len(list) != len(events) {
			t.Errorf("%s: got a list of %d deliveries (%v), want %d", when, len(list), err, len(events))
		}
		attempts := r.attempts(w)
		tried := w.Batch == nil && (w.Ordering != webhook.OrderingFIFO || which == 0)
		if tried && !slices.ContainsFunc(attempts, func(a *delivery.Attempt) bool {
			return a.Event == bad.ID && a.Request.Body == nil && strings.Contains(a.Request.BodyMissing, "damaged")
		}) {
			t.Errorf("%s: got %d attempts, none of which tells that its event is damaged", when, len(attempts))
		}
		for _, a := range attempts {
			if _, err := r.ledger.Attempt(ctx, a.Tenant, a.ID); err != nil {
				t.Errorf("%s: reading an attempt: %v", when, err)
			}
		}
	}
	lists("while it is owed")
	events = append(events, r.publish(`{"type":"a","data":"new"}`)...)
	time.Sleep(10 * time.Minute)
	lists("after it was settled")
	for i, ev := range events {
		want := ledger.StateDelivered
		if i == which {
			want = ledger.StateDiscarded
		}
		d := r.delivery(ev, w)
		if d.State != want || i == which && !strings.Contains(d.Reason, "damaged") {
			t.Errorf("event %d is %s (%s), want %s", i, d.State, d.Reason, want)
		}
	}
	err := r.ledger.Retry(ctx, access.System(bad.Tenant), event.DeliveryID{Event: bad.ID, Webhook: w.Number})
	if err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("retrying it: got %v, want a refusal that tells of the damage", err)
	}
	for _, kind := range []delivery.JobKind{delivery.JobReplay, delivery.JobRecover} {
		j, err := r.engine.StartJob(ctx, access.System(w.Tenant), w, kind, events[0].ID.Time())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if j, err = r.engine.Job(ctx, j.Tenant, j.ID); err != nil || j.State != delivery.JobDone {
			t.Errorf("%s: got %+v (%v), want it done", kind, j, err)
		}
	}
	r.end()
}
