package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/store/storetest"
)

// TestTenantRetention: what is older than a tenant's retention is not shown from that moment on, and its bytes are gone from
// the files once its day is too old as a whole and a sweep has come by. A tenant beside it keeps all.
func TestTenantRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, days := t.Context(), 24*time.Hour
		raw, err := sqlite.Open(ctx, sqlite.Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		tenants, err := account.NewTenants(ctx, raw)
		if err != nil {
			t.Fatal(err)
		}
		plans, err := account.NewPlans(ctx, raw, tenants)
		if err != nil {
			t.Fatal(err)
		}
		keep := config.Retention{Events: 30 * days, Attempts: 30 * days}
		own := account.NewRetention(plans, keep.Events)
		k := &kept{raw, own}
		operator := access.System(access.Platform)
		for n, wanted := range map[int64]string{0: "must be 1 to 30", 31: "the installation itself keeps events and attempts for 30 days"} {
			_, err := plans.Create(ctx, operator, "wrong", account.Plan{Limits: account.Limits{account.LimitRetention: n}})
			var p *problem.Error
			if p, _ = err.(*problem.Error); p == nil || len(p.Fields) != 1 || p.Fields[0].Name != "limits.retentionDays" || !strings.Contains(p.Fields[0].Reason, wanted) {
				t.Errorf("a plan that keeps %d days: got %v, want %q", n, err, wanted)
			}
			if _, err := tenants.Create(ctx, operator, account.NewTenant{Name: "wrong", Settings: account.TenantSettings{Limits: account.Limits{account.LimitRetention: n}}}); problem.KindOf(err) != problem.Invalid {
				t.Errorf("a tenant that keeps %d days: got %v", n, err)
			}
		}
		if _, err := plans.Create(ctx, operator, "brief", account.Plan{Limits: account.Limits{account.LimitRetention: 9}}); err != nil {
			t.Fatal(err)
		}
		short, err := tenants.Create(ctx, operator, account.NewTenant{Name: "short", Settings: account.TenantSettings{Plan: "brief", Limits: account.Limits{account.LimitRetention: 2}}})
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := own.Keeps(short.ID); !ok || got != 2*days {
			t.Errorf("got %v, %t, want the tenant's own retention before its plan's", got, ok)
		}
		if _, ok := own.Keeps(event.DefaultTenant); ok {
			t.Error("a tenant without a retention has one")
		}
		sweeper := newRetention(raw, keep, own, slog.New(slog.DiscardHandler))
		sweeping, stop := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() { sweeper.run(sweeping); close(done) }()
		defer func() { stop(); <-done }()

		both := []event.TenantID{short.ID, event.DefaultTenant}
		var published []event.Event
		hour := func(i int) {
			t.Helper()
			for _, tenant := range both {
				p := storetest.Publication(storetest.Event(fmt.Sprint(tenant, "-", i), "a.b", `"secret of a tenant"`))
				p.Tenant = tenant
				in := storetest.MustAppend(t, raw, p)
				e := p.Items[0].Event
				published = append(published, e)
				a := &delivery.Attempt{Tenant: tenant, Event: e.ID, Webhook: uint32(tenant), EventType: "a.b", Number: 1, At: time.Now().UTC(), Outcome: delivery.Delivered}
				if err := raw.Record(ctx, &delivery.Record{Attempts: []*delivery.Attempt{a}, Close: []event.ID{in[0].ID}}); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(6 * time.Hour)
		}
		// seen counts what is shown of a tenant in each way, and fails unless all say the same.
		seen := func(tenant event.TenantID) int {
			t.Helper()
			list, _, err := k.EventList(ctx, ingest.Query{Tenant: tenant, Limit: 250})
			attempts, _, err2 := k.AttemptList(ctx, delivery.LogQuery{Tenant: tenant, Limit: 250})
			points, err3 := k.Stats(ctx, delivery.StatsQuery{Tenant: tenant, From: time.Now().Add(-20 * days), To: time.Now().Add(time.Hour), Step: time.Minute})
			scanned, found, counted := 0, 0, 0
			err4 := k.EventScan(ctx, tenant, 0, 1<<62, func(*event.Event) bool { scanned++; return true })
			for _, p := range points {
				counted += int(p.Delivered)
			}
			for _, e := range published {
				if e.Tenant != tenant {
					continue
				}
				_, byName, err := k.EventFind(ctx, tenant, e.Name)
				got, err2 := k.EventGetMany(ctx, []event.ID{e.ID})
				log, err3 := k.AttemptsOfEvent(ctx, tenant, e.ID)
				same, err4 := k.AttemptsOfDelivery(ctx, tenant, event.DeliveryID{Event: e.ID, Webhook: uint32(tenant)})
				if byName {
					found++
				}
				if byName != (len(got) == 1) || byName != (len(log) == 1) || byName != (len(same) == 1) || err != nil || err2 != nil || err3 != nil || err4 != nil {
					t.Errorf("event %s: found %t, read %d, with %d and %d attempts, %v, %v, %v, %v", e.Name, byName, len(got), len(log), len(same), err, err2, err3, err4)
				}
			}
			for _, a := range attempts {
				if _, ok, err := k.AttemptGet(ctx, tenant, a.ID); !ok || err != nil {
					t.Errorf("attempt %v is listed and not there: %v", a.ID, err)
				}
			}
			if len(attempts) != len(list) || scanned != len(list) || found != len(list) || counted != len(list) || err != nil || err2 != nil || err3 != nil || err4 != nil {
				t.Errorf("of tenant %d: %d listed, %d attempts, %d scanned, %d found, %d counted, %v, %v, %v, %v", tenant, len(list), len(attempts), scanned, found, counted, err, err2, err3, err4)
			}
			return len(list)
		}
		stored := func(tenant event.TenantID) (n int) {
			t.Helper()
			if err := raw.EventScan(ctx, tenant, 0, 1<<62, func(*event.Event) bool { n++; return true }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		for i := range 24 { // six days
			hour(i)
			if got, want := seen(short.ID), min(i+1, 8); got != want {
				t.Errorf("after %d hours: got %d events of the last two days, want %d", 6*(i+1), got, want)
			}
			// A whole day too old, and at most an hour and a half until the next sweep: two days, a day, and one event.
			if n := stored(short.ID); n > 8+4+1 {
				t.Errorf("after %d hours: %d events are stored", 6*(i+1), n)
			}
		}
		if got, all := seen(event.DefaultTenant), stored(event.DefaultTenant); got != 24 || all != 24 {
			t.Errorf("of the other tenant: got %d of %d events, want all 24", got, all)
		}
		// A longer retention shows what is still there, and a shorter one holds at once.
		if _, err := tenants.Change(ctx, operator, "short", func(s *account.TenantSettings) error { s.Limits = nil; return nil }); err != nil {
			t.Fatal(err)
		}
		if got, all := seen(short.ID), stored(short.ID); got != all || got < 8 {
			t.Errorf("with the plan's nine days: got %d of %d events", got, all)
		}
		if _, err := tenants.Change(ctx, operator, "short", func(s *account.TenantSettings) error {
			s.Limits = account.Limits{account.LimitRetention: 1}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if got := seen(short.ID); got != 4 {
			t.Errorf("with one day: got %d events, want 4", got)
		}
	})
}
