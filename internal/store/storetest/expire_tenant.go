package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
)

// tenantExpires: of some tenants a day's events and log entries go, wherever others' lie beside them; what is owed stays
// until it is settled.
func tenantExpires(t *testing.T, s Backend) {
	const short, long event.TenantID = 2, event.DefaultTenant
	const days = 24 * time.Hour
	start := time.Now().UTC()
	ids := make(map[event.TenantID][]event.ID)
	var attempts []*delivery.Attempt
	publish := func(tenant event.TenantID, text string) *ingest.Publication {
		p := Publication(Event(text, "a.b", `"`+text+`"`))
		p.Tenant = tenant
		return p
	}
	for i := range 4 { // a day each: an event of both in one commit, and an attempt of each
		both := []*ingest.Publication{publish(short, fmt.Sprint("short", i)), publish(long, fmt.Sprint("long", i))}
		in := MustAppend(t, s, both...)
		var r delivery.Record
		for _, p := range both {
			e := p.Items[0].Event
			ids[p.Tenant] = append(ids[p.Tenant], e.ID)
			a := &delivery.Attempt{Tenant: p.Tenant, Event: e.ID, Webhook: uint32(p.Tenant), EventType: "a.b", Number: 1, At: time.Now().UTC().Truncate(time.Millisecond), Outcome: delivery.Delivered}
			attempts = append(attempts, a)
			r.Attempts = append(r.Attempts, a)
		}
		for _, x := range in {
			r.Close = append(r.Close, x.ID)
		}
		if i == 1 {
			r.Owe = []delivery.Owed{{Tenant: short, Event: ids[short][1], Webhook: 9, Due: time.Now().Add(30 * days), Since: time.Now(), Reason: delivery.ReasonRetry}}
		}
		if err := s.Record(ctx, &r); err != nil {
			t.Fatal(err)
		}
		time.Sleep(days)
	}
	dayOf := func(i int) time.Time { return start.Add(time.Duration(i) * days).Truncate(days) }
	check := func(want ...int) { // the days of which something of the short one is there
		t.Helper()
		for range 2 {
			for tenant, list := range ids {
				for i, id := range list {
					there := tenant == long || slices.Contains(want, i)
					_, found, err := s.EventFind(ctx, tenant, fmt.Sprint(map[event.TenantID]string{short: "short", long: "long"}[tenant], i))
					if found != there || err != nil {
						t.Errorf("event %d of tenant %d by its name: got %t, %v, want %t", i, tenant, found, err, there)
					}
					if _, found := mustGet(t, s, id)[id]; found != there {
						t.Errorf("event %d of tenant %d: got %t, want %t", i, tenant, found, there)
					}
				}
			}
			for i, a := range attempts {
				got, found, err := s.AttemptGet(ctx, a.Tenant, a.ID)
				if want := a.Tenant == long || i/2 >= 2; found != want || err != nil {
					t.Errorf("attempt %d of tenant %d: got %+v, %v, want it there %t", i/2, a.Tenant, got, err, want)
				}
			}
			var sums [2]int64
			for i, tenant := range []event.TenantID{short, long} {
				points, err := s.Stats(ctx, delivery.StatsQuery{Tenant: tenant, From: start.Add(-days), To: time.Now(), Step: time.Hour})
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range points {
					sums[i] += p.Delivered
				}
			}
			if sums != [2]int64{2, 4} {
				t.Errorf("the counters say %v, want 2 of the one and 4 of the other", sums)
			}
			s.Reopen(t)
		}
	}
	expire := func(i int, want ...event.TenantID) {
		t.Helper()
		kept, err := s.TenantExpire(ctx, dayOf(i), []event.TenantID{short, 77})
		if err != nil || !slices.Equal(kept, want) {
			t.Errorf("expiring day %d: got %v, %v, want %v kept", i, kept, err, want)
		}
	}
	expire(-9) // a day of which there is nothing
	expire(0)
	expire(1, short)
	expire(1, short)
	check(1, 2, 3)
	if err := s.Record(ctx, &delivery.Record{Settle: []delivery.Owed{{Tenant: short, Event: ids[short][1], Webhook: 9}}}); err != nil {
		t.Fatal(err)
	}
	expire(1)
	check(2, 3)

	again := publish(short, "short0")
	MustAppend(t, s, again)
	if again.Err != nil || again.Items[0].Duplicate {
		t.Errorf("the key of an event that has expired: got %v, duplicate %t, want it free", again.Err, again.Items[0].Duplicate)
	}
	s.Reopen(t)
	if e, ok, err := s.EventFind(ctx, short, "short0"); err != nil || !ok || e.ID != again.Items[0].Event.ID {
		t.Errorf("got %+v, %t, %v, want the new event by its name", e, ok, err)
	}

	for _, day := range []int{1, 3, 2} {
		if err := s.TenantExpiredSet(ctx, []event.TenantID{short, long}[:1+day%2], dayOf(day)); err != nil {
			t.Fatal(err)
		}
	}
	s.Reopen(t)
	if got, err := s.TenantExpired(ctx); err != nil || len(got) != 2 || !got[short].Equal(dayOf(3)) || !got[long].Equal(dayOf(3)) {
		t.Errorf("got %v, %v, want both through %v", got, err, dayOf(3))
	}
}
