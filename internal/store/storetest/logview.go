package storetest

import (
	"errors"
	"testing"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/logview"
)

// logViews: names are one owner's in one tenant, the bound counts them, and own ones go with their user.
func logViews(t *testing.T, s Backend) {
	ann, _ := invite(t, s, 1, "usr_a", "ann@example.com", access.RoleAdmin)
	view := func(id string, tenant event.TenantID, owner, name string) logview.View {
		return logview.View{ID: id, Tenant: tenant, Owner: owner, Name: name, By: "Anø", At: noon, Filter: logview.Filter{Outcome: "failed", Code: "5xx", ErrorKind: "status", EventType: "a.b", Webhook: "wh_1", Within: "24h"}}
	}
	shared, own, bob, other := view("view_1", 1, "", "Now ø"), view("view_2", 1, ann.ID, "Now ø"), view("view_3", 1, "usr_b", "All"), view("view_4", 2, "", "Now ø")
	for _, v := range []*logview.View{&shared, &own, &bob, &other} {
		if err := s.LogViewAdd(ctx, v, 2, entryOf("log-view.create", v.ID)); err != nil {
			t.Fatal(err)
		}
	}
	noted := func(action string) int {
		t.Helper()
		list, _, err := s.AuditList(ctx, access.Query{Tenant: 1, Action: action, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	add := func(v logview.View, most int, want error) {
		t.Helper()
		if err := s.LogViewAdd(ctx, &v, most, entryOf("log-view.refused", v.ID)); !errors.Is(err, want) {
			t.Errorf("adding %+v: got %v, want %v", v, err, want)
		}
	}
	add(view("view_5", 1, "", "Now ø"), 2, logview.ErrTaken)
	add(view("view_5", 1, "", "Later"), 1, logview.ErrFull)
	if n := noted("log-view.refused"); n != 0 {
		t.Errorf("got %d audit entries of views that were not stored", n)
	}
	seen := func(tenant event.TenantID, owner string, want ...logview.View) {
		t.Helper()
		if got, err := s.LogViewList(ctx, tenant, owner); err != nil || !same(got, want) {
			t.Errorf("%d, %q: got %+v, %v, want %+v", tenant, owner, got, err, want)
		}
	}
	seen(1, "", shared)
	seen(1, ann.ID, shared, own)
	seen(1, "usr_b", bob, shared)
	seen(2, ann.ID, other)
	if err := s.LogViewDelete(ctx, 2, shared.ID, nil); !errors.Is(err, logview.ErrNotFound) {
		t.Errorf("another tenant's: got %v, want %v", err, logview.ErrNotFound)
	}
	if err := s.LogViewDelete(ctx, 1, shared.ID, entryOf("log-view.delete", shared.ID)); err != nil {
		t.Fatal(err)
	}
	if n := noted("log-view.delete"); n != 1 {
		t.Errorf("got %d audit entries of the deletion, want 1", n)
	}
	seen(1, "")
	if err := s.UserRemove(ctx, 1, ann.ID, nil); err != nil {
		t.Fatal(err)
	}
	seen(1, ann.ID)
	seen(1, "usr_b", bob)
	seen(2, "", other)
}
