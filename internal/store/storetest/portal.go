package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/portal"
)

// quotaOf allows so many.
type quotaOf int64

var errQuota = errors.New("too many")

func (q quotaOf) Check(count int64) error {
	if count > int64(q) {
		return errQuota
	}
	return nil
}

// portals: links open until they expire, so many times, and end with the sessions begun by them, each tenant's by itself.
func portals(t *testing.T, s Backend) {
	link := func(name string, tenant event.TenantID, session string) *portal.Link {
		return &portal.Link{
			ID: "pl_" + name, Hash: portal.HashToken(name), Tenant: tenant, Session: session, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour),
			Grant: portal.Grant{Capabilities: []access.Capability{access.CapView, access.CapManage}, Scope: portal.Scope{Webhooks: []string{"customer=acme"}}, User: portal.User{ID: "42", Name: "Ana"}},
		}
	}
	a, b, other := link("a", 1, "s1"), link("b", 1, ""), link("c", 2, "s1")
	for _, l := range []*portal.Link{a, b, other} {
		if err := s.PortalLinkCreate(ctx, l, quotaOf(2), entryOf("portal-link.create", l.ID)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.PortalLinkCreate(ctx, link("d", 1, ""), quotaOf(2), nil); !errors.Is(err, errQuota) {
		t.Errorf("a third link: got %v, want %v", err, errQuota)
	}
	late := link("late", 1, "") // those that have expired do not count
	late.CreatedAt, late.ExpiresAt = noon.Add(2*time.Hour), noon.Add(3*time.Hour)
	if err := s.PortalLinkCreate(ctx, late, quotaOf(1), nil); err != nil {
		t.Errorf("after the others have expired: %v", err)
	}
	open := func(l *portal.Link, token string, at time.Time, most int) (*portal.Session, error) {
		session := &portal.Session{ID: "ps_" + token, Hash: portal.HashToken(token), Tenant: l.Tenant, Link: l.ID, Session: l.Session, Grant: l.Grant, CreatedAt: at, ExpiresAt: at.Add(8 * time.Hour)}
		return session, s.PortalOpen(ctx, session, most, entryOf("portal-link.open", l.ID))
	}
	first, err := open(a, "one", noon, 3)
	if err != nil {
		t.Fatal(err)
	}
	a.Opens = 1
	for range 2 {
		if got, ok, err := s.PortalLinkFind(ctx, a.Hash); err != nil || !ok || !same(got, *a) {
			t.Errorf("got %+v, %t, %v, want %+v", got, ok, err, *a)
		}
		if got, ok, err := s.PortalSessionFind(ctx, first.Hash); err != nil || !ok || !same(got, *first) {
			t.Errorf("got %+v, %t, %v, want %+v", got, ok, err, *first)
		}
		s.Reopen(t)
	}
	if _, ok, err := s.PortalSessionFind(ctx, a.Hash); ok || err != nil {
		t.Errorf("a session by the hash of a link: got %t, %v", ok, err)
	}
	if _, err := open(a, "expired", a.ExpiresAt, 99); !errors.Is(err, portal.ErrNotFound) {
		t.Errorf("an expired link: got %v, want %v", err, portal.ErrNotFound)
	}
	stranger := *a
	stranger.Tenant = 2
	if _, err := open(&stranger, "stranger", noon, 99); !errors.Is(err, portal.ErrNotFound) {
		t.Errorf("a link of another tenant's: got %v, want %v", err, portal.ErrNotFound)
	}
	// Opened by many at once, it opens as often as it may.
	var wg sync.WaitGroup
	var mu sync.Mutex
	opened := 0
	for i := range 6 {
		wg.Go(func() {
			_, err := open(a, fmt.Sprint("many", i), noon, 3)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				opened++
			} else if !errors.Is(err, portal.ErrNotFound) {
				t.Errorf("got %v, want %v", err, portal.ErrNotFound)
			}
		})
	}
	if wg.Wait(); opened != 2 {
		t.Errorf("opened %d times more, want 2", opened)
	}

	list := func(q portal.Query, want ...string) {
		t.Helper()
		got, more, err := s.PortalLinkList(ctx, q, noon)
		var ids []string
		for _, l := range got {
			ids = append(ids, l.ID)
		}
		if more {
			ids = append(ids, "…")
		}
		if err != nil || !same(ids, want) {
			t.Errorf("%+v: got %v, %v, want %v", q, ids, err, want)
		}
	}
	list(portal.Query{Tenant: 1, Limit: 9}, "pl_a", "pl_b", "pl_late")
	list(portal.Query{Tenant: 1, Limit: 1}, "pl_a", "…")
	list(portal.Query{Tenant: 1, After: "pl_a", Limit: 1}, "pl_b", "…")
	list(portal.Query{Tenant: 1, Session: "s1", Limit: 9}, "pl_a")
	if n, err := s.PortalLinkCount(ctx, 1, noon.Add(time.Hour)); n != 1 || err != nil {
		t.Errorf("got %d links after an hour, %v, want 1", n, err)
	}

	theirs, err := open(other, "theirs", noon, 9)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PortalEnd(ctx, 1, "", "s1", entryOf("portal-link.delete", "s1")); err != nil {
		t.Fatal(err)
	}
	if err := s.PortalEnd(ctx, 1, "", "s1", nil); !errors.Is(err, portal.ErrNotFound) {
		t.Errorf("ending it twice: got %v, want %v", err, portal.ErrNotFound)
	}
	if _, ok, err := s.PortalSessionFind(ctx, first.Hash); ok || err != nil {
		t.Errorf("a session that was ended: got %t, %v", ok, err)
	}
	if _, ok, err := s.PortalSessionFind(ctx, theirs.Hash); !ok || err != nil {
		t.Errorf("the session of another tenant's: got %t, %v", ok, err)
	}
	if err := s.PortalEnd(ctx, 1, other.ID, "", nil); !errors.Is(err, portal.ErrNotFound) {
		t.Errorf("ending another tenant's: got %v, want %v", err, portal.ErrNotFound)
	}
	if err := s.PortalEnd(ctx, 1, b.ID, "", nil); err != nil {
		t.Errorf("ending a link by its id: %v", err)
	}
	list(portal.Query{Tenant: 1, Limit: 9}, "pl_late")

	if n, err := s.PortalExpire(ctx, noon.Add(24*time.Hour), 9); n != 2 || err != nil {
		t.Errorf("expiring: got %d, %v, want the two links", n, err)
	}
	if _, ok, err := s.PortalSessionFind(ctx, theirs.Hash); ok || err != nil {
		t.Errorf("a session that has expired: got %t, %v", ok, err)
	}
}
