package delivery_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/webhook"
)

// TestWatch sees attempts as they are recorded: those its query selects and no others, the newest when it is slow, with a
// count of the rest, and none after Close.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		defer r.end()
		good, bad := r.net.endpoint(nil), r.net.endpoint(status(503))
		one, two := r.webhook(good), r.webhook(bad, func(s *webhook.Settings) { s.Events = []string{"b.*"} })
		all := r.engine.Watch(delivery.LogQuery{Tenant: event.DefaultTenant})
		failures := r.engine.Watch(delivery.LogQuery{Tenant: event.DefaultTenant, StatusMin: 500, StatusMax: 599})
		late := r.engine.Watch(delivery.LogQuery{Tenant: event.DefaultTenant, ErrorKind: exchange.Timeout})
		others := r.engine.Watch(delivery.LogQuery{Tenant: event.DefaultTenant + 1})

		r.publish(`{"type":"a.a","data":{"n":0}}`)
		r.publish(`{"type":"b.b","data":{}}`)
		time.Sleep(time.Second)
		synctest.Wait()
		<-all.Recorded()
		list, dropped := all.Take()
		if len(list) != 3 || dropped != 0 {
			t.Fatalf("got %d attempts and %d dropped, want the 3 that were made", len(list), dropped)
		}
		for _, a := range list {
			stored, err := r.ledger.Attempt(t.Context(), a.Tenant, a.ID)
			if err != nil || stored.Outcome != a.Outcome || stored.Webhook != a.Webhook || len(stored.Request.Body) == 0 {
				t.Errorf("%v is not in the log as it was announced: %+v, %v", a.ID, stored, err)
			}
			if a.Request.Body != nil || a.Request.Header != nil || a.Response.Body != nil {
				t.Errorf("got an attempt with its bodies: %+v", a)
			}
		}
		if list, _ := late.Take(); len(list) != 0 {
			t.Errorf("got %d attempts that did not fail by a timeout", len(list))
		}
		<-failures.Recorded()
		if list, _ := failures.Take(); len(list) != 1 || list[0].Webhook != two.Number {
			t.Errorf("got %d attempts answered 5xx, want that of %s", len(list), two.ID)
		}

		const many = 100
		for i := range many {
			r.publish(fmt.Sprintf(`{"type":"a.a","data":{"n":%d}}`, i))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		list, dropped = all.Take()
		if len(list) == 0 || len(list)+dropped != many {
			t.Errorf("got %d attempts and %d dropped, want %d in all", len(list), dropped, many)
		}
		newest, _, err := r.ledger.Attempts(t.Context(), delivery.LogQuery{Tenant: event.DefaultTenant, Webhook: one.Number, Limit: 1})
		if err != nil || len(list) == 0 || list[len(list)-1].ID != newest[0].ID {
			t.Errorf("the newest attempt is not among those kept: %v", err)
		}

		all.Close()
		all.Close()
		r.publish(`{"type":"a.a","data":{}}`)
		time.Sleep(time.Second)
		synctest.Wait()
		if list, dropped := all.Take(); len(list)+dropped != 0 {
			t.Errorf("got %d attempts after Close", len(list)+dropped)
		}
		if list, _ := others.Take(); len(list) != 0 {
			t.Errorf("another tenant's watch got %d attempts", len(list))
		}
	})
}
