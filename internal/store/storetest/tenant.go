package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
)

func tenants(t *testing.T, s Backend) {
	trail := func(want int) {
		t.Helper()
		list, _, err := s.AuditList(ctx, access.Query{Tenant: access.Platform, Limit: 10})
		if err != nil || len(list) != want {
			t.Errorf("the audit log: got %d entries, %v, want %d", len(list), err, want)
		}
	}
	entry := func() *access.Entry {
		return &access.Entry{Tenant: access.Platform, At: noon, Action: "tenant.test", Actor: access.Actor{Kind: access.ActorSystem}}
	}
	a := account.Tenant{Name: "acme", Settings: account.TenantSettings{Title: "Acmé"}, CreatedAt: noon}
	if err := s.TenantCreate(ctx, &a, entry()); err != nil || a.ID <= event.DefaultTenant || a.Version != 1 {
		t.Fatalf("creating: got %+v, %v", a, err)
	}
	trail(1)
	again := account.Tenant{Name: "acme", CreatedAt: noon}
	if err := s.TenantCreate(ctx, &again, entry()); !errors.Is(err, account.ErrTaken) {
		t.Errorf("a taken name: got %v, want %v", err, account.ErrTaken)
	}
	trail(1)
	before := a
	a.UpdatedAt = noon.Add(time.Hour)
	a.Life = account.TenantLife{Is: account.TenantDeleted, Since: noon, EraseAt: noon.Add(time.Minute), Before: account.TenantSuspended,
		Holds: []account.Hold{{From: noon, To: noon.Add(time.Second)}, {From: noon.Add(time.Minute)}}}
	if err := s.TenantUpdate(ctx, &a, entry()); err != nil || a.Version != 2 {
		t.Fatalf("changing: got %+v, %v", a, err)
	}
	if err := s.TenantUpdate(ctx, &before, entry()); !errors.Is(err, account.ErrChanged) {
		t.Errorf("changing what has changed: got %v, want %v", err, account.ErrChanged)
	}
	trail(2)
	// The number of a tenant without a name is not given again.
	gone := account.Tenant{Name: "gone", CreatedAt: noon}
	if err := s.TenantCreate(ctx, &gone, nil); err != nil {
		t.Fatal(err)
	}
	gone.Name = "#"
	gone.Life.Is = account.TenantErased
	if err := s.TenantUpdate(ctx, &gone, nil); err != nil {
		t.Fatal(err)
	}
	next := account.Tenant{Name: "gone", CreatedAt: noon}
	if err := s.TenantCreate(ctx, &next, nil); err != nil || next.ID <= gone.ID {
		t.Errorf("the next one: got %+v, %v, want another number than %d", next, err, gone.ID)
	}
	for range 2 {
		list, err := s.TenantList(ctx)
		if err != nil || len(list) != 4 || !same(list[1], a) || !same(list[2], gone) || !same(list[3], next) {
			t.Errorf("got  %+v, %v\nwant %+v", list, err, []account.Tenant{a, gone, next})
		}
		s.Reopen(t)
	}
}

// tenantsTogether: each of those that are created at the same time has a number of its own, and of those with the same name
// there is one.
func tenantsTogether(t *testing.T, s Backend) {
	const n = 20
	var wg sync.WaitGroup
	made := make([]account.Tenant, n)
	for i := range n {
		wg.Go(func() {
			made[i] = account.Tenant{Name: fmt.Sprint("t", i/2), CreatedAt: noon}
			if err := s.TenantCreate(ctx, &made[i], nil); err != nil && !errors.Is(err, account.ErrTaken) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	ids := make(map[event.TenantID]bool)
	for _, m := range made {
		if m.ID != 0 {
			ids[m.ID] = true
		}
	}
	list, err := s.TenantList(ctx)
	if err != nil || len(list) != n/2+1 || len(ids) != n/2 {
		t.Errorf("got %d tenants with %d numbers, %v, want %d", len(list)-1, len(ids), err, n/2)
	}
}
