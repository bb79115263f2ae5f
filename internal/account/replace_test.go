package account_test

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

func TestReplace(t *testing.T) {
	a, store := open(t, t.TempDir())
	p := access.System(event.DefaultTenant)
	limits := &access.Limits{Types: []string{"shop.*"}}
	old, oldText, err := a.Create(ctx, p, account.NewKey{Name: "shop", Scopes: []access.Scope{access.ScopePublish}, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	for what, r := range map[string]account.Replacement{
		"negative": {Overlap: -time.Second}, "too long": {Overlap: account.MaxOverlap + time.Second}, "ends before it begins": {ExpiresAt: time.Now().Add(-time.Hour)},
	} {
		if _, _, err := a.Replace(ctx, p, old.ID, r); problem.KindOf(err) != problem.Invalid {
			t.Errorf("%s: got %v, want an invalid request", what, err)
		}
	}
	if _, _, err := a.Replace(ctx, access.System(event.DefaultTenant+1), old.ID, account.Replacement{}); problem.KindOf(err) != problem.NotFound {
		t.Errorf("another tenant's key: got %v, want not found", err)
	}
	weak := &access.Principal{Tenant: event.DefaultTenant, May: access.ManageKeys, Actor: access.Actor{Kind: access.ActorKey, ID: "key_weak"}}
	if _, _, err := a.Replace(ctx, weak, old.ID, account.Replacement{}); problem.KindOf(err) != problem.Forbidden {
		t.Errorf("by somebody who may not publish: got %v, want forbidden", err)
	}
	if _, err := a.Authenticate(oldText); err != nil {
		t.Fatalf("after refused replacements: %v", err)
	}

	made, text, err := a.Replace(ctx, p, old.ID, account.Replacement{Overlap: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if made.Name != "shop" || !made.Limits.Equal(limits) || made.ID == old.ID || text == oldText || !made.ExpiresAt.IsZero() {
		t.Errorf("got %+v, want the old key's name and limits under another id and text", made)
	}
	again, err := account.NewAuthenticator(ctx, store) // what the store holds
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []*account.Authenticator{a, again} {
		for _, text := range []string{oldText, text} {
			if _, err := a.Authenticate(text); err != nil {
				t.Errorf("during the overlap: %v", err)
			}
		}
		if ends := a.List(event.DefaultTenant)[0].ExpiresAt; time.Until(ends) > time.Hour || time.Until(ends) < 55*time.Minute {
			t.Errorf("the old key ends at %v, want in an hour", ends)
		}
	}

	// Without an overlap the old one ends at once, and cannot be replaced again.
	if _, text, err = a.Replace(ctx, p, made.ID, account.Replacement{}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Authenticate(text); err != nil {
		t.Error(err)
	}
	if _, _, err := a.Replace(ctx, p, made.ID, account.Replacement{}); problem.KindOf(err) != problem.Conflict {
		t.Errorf("a key that has ended: got %v, want a conflict", err)
	}

	if err := a.PutAdminKey(ctx, "0123456789abcdefghij"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Replace(ctx, p, account.AdminKeyID, account.Replacement{}); problem.KindOf(err) != problem.Forbidden {
		t.Errorf("the operator's key: got %v, want forbidden", err)
	}
}

// TestMistypedKeys changes each character of a key in turn: the checksum finds every such mistake, and the answer says
// so. A text that could be a key gets the usual answer.
func TestMistypedKeys(t *testing.T) {
	a, _ := open(t, t.TempDir())
	typo := func(text string) bool {
		_, err := a.Authenticate(text)
		if problem.KindOf(err) != problem.Unauthorized {
			t.Errorf("%s: got %v, want unauthorized", text, err)
		}
		return strings.Contains(err.Error(), "mistyped")
	}
	text := account.NewKeyText()
	if len(text) != 41 || typo(text) {
		t.Errorf("%s is a possible key", text)
	}
	for i := len("rk_"); i < len(text); i++ {
		c := byte('A')
		if text[i] == c {
			c = 'B'
		}
		if wrong := text[:i] + string(c) + text[i+1:]; !typo(wrong) {
			t.Errorf("%s for %s was taken for a possible key", wrong, text)
		}
	}
	for n := len("rk_"); n < len(text); n++ {
		if n != 35 && !typo(text[:n]) {
			t.Errorf("the first %d characters were taken for a possible key", n)
		}
	}
	for _, other := range []string{text[:35], "an operator's own key", "Rk_" + text[3:], "rk_" + strings.Repeat("0123456789abcdef", 3)} {
		if typo(other) {
			t.Errorf("%q may be a key", other)
		}
	}
}

func TestLastUse(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		a, store := open(t, dir)
		k, _, err := a.Create(ctx, access.System(event.DefaultTenant), account.NewKey{Name: "shop", Scopes: []access.Scope{access.ScopePublish}})
		if err != nil {
			t.Fatal(err)
		}
		check := func(at time.Time, from string) {
			t.Helper()
			got, err := a.Uses(ctx, event.DefaultTenant)
			if err != nil || len(got) != 1 || !got[k.ID].At.Equal(at) || got[k.ID].Address != from {
				t.Errorf("got %+v, %v, want %v from %q", got, err, at, from)
			}
		}
		if got, err := a.Uses(ctx, event.DefaultTenant); err != nil || len(got) != 0 {
			t.Errorf("before: got %+v, %v, want none", got, err)
		}
		one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::2")
		begin := time.Now().Truncate(time.Millisecond)
		a.Used(&k, func() netip.Addr { return one })
		check(begin, "192.0.2.1")
		time.Sleep(59 * time.Second)
		a.Used(&k, func() netip.Addr { t.Error("asked for the address within a minute"); return two })
		check(begin, "192.0.2.1")
		time.Sleep(time.Second)
		a.Used(&k, nil)
		check(begin.Add(time.Minute), "192.0.2.1")
		time.Sleep(time.Minute)
		a.Used(&k, func() netip.Addr { return two })
		check(begin.Add(2*time.Minute), "2001:db8::2")

		if got, err := a.Uses(ctx, event.DefaultTenant+1); err != nil || len(got) != 0 {
			t.Errorf("another tenant: got %+v, %v, want none", got, err)
		}
		// The loop stores what it has not yet when it ends.
		time.Sleep(time.Minute)
		last := time.Now().Truncate(time.Millisecond)
		a.Used(&k, nil)
		stopped, stop := context.WithCancel(ctx)
		stop()
		a.KeepUses(stopped, func(err error) { t.Error(err) })
		if got, err := store.KeyUses(ctx, event.DefaultTenant); err != nil || len(got) != 1 || !got[0].At.Equal(last) {
			t.Errorf("after the end: got %+v, %v, want %v", got, err, last)
		}
	})
}
