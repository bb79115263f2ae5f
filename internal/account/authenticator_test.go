package account_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/store/sqlite"
)

var ctx = context.Background()

func open(t *testing.T, dir string) (*account.Authenticator, *sqlite.Store) {
	t.Helper()
	store, err := sqlite.Open(ctx, sqlite.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	a, err := account.NewAuthenticator(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	return a, store
}

func wantUnauthorized(t *testing.T, a *account.Authenticator, what, text string) {
	t.Helper()
	if k, err := a.Authenticate(text); problem.KindOf(err) != problem.Unauthorized || k != nil {
		t.Errorf("%s: got %v, %v, want an unauthorized problem", what, k, err)
	}
}

func TestKeysLiveAndEnd(t *testing.T) {
	dir := t.TempDir()
	a, store := open(t, dir)
	k, text, err := a.Create(ctx, access.System(event.DefaultTenant), account.NewKey{Name: "app", Scopes: []access.Scope{access.ScopeRead, access.ScopePublish, access.ScopeRead}})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(k.Scopes); got != "[publish read]" {
		t.Errorf("scopes: got %s, want each once, in order", got)
	}
	got, err := a.Authenticate(text)
	if err != nil || got.ID != k.ID || got.Tenant != event.DefaultTenant {
		t.Fatalf("Authenticate: got %+v, %v, want key %q", got, err, k.ID)
	}
	for what, wrong := range map[string]string{
		"empty": "", "one character less": text[:len(text)-1], "one more": text + "x", "its id": k.ID, "its hash": string(k.Hash[:]),
		"other case": strings.ToUpper(text), "huge": strings.Repeat("k", 1<<20),
	} {
		wantUnauthorized(t, a, what, wrong)
	}

	// A second reader of the same store, as after a restart or on another node.
	b, err := account.NewAuthenticator(ctx, store)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Authenticate(text); err != nil {
		t.Errorf("after reading the store again: got %v, want the key", err)
	}
	if err := a.Revoke(ctx, access.System(event.DefaultTenant+1), k.ID); problem.KindOf(err) != problem.NotFound {
		t.Errorf("revoking another tenant's key: got %v, want not found", err)
	}
	if err := a.Revoke(ctx, access.System(event.DefaultTenant), k.ID); err != nil {
		t.Fatal(err)
	}
	wantUnauthorized(t, a, "revoked", text)
	if err := a.Revoke(ctx, access.System(event.DefaultTenant), k.ID); err != nil {
		t.Errorf("revoking again: got %v, want nil", err)
	}
	if err := b.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	wantUnauthorized(t, b, "revoked elsewhere, after Refresh", text)
	if list := a.List(event.DefaultTenant); len(list) != 1 || list[0].RevokedAt.IsZero() {
		t.Errorf("list: got %+v, want the revoked key", list)
	}
	if list := a.List(event.DefaultTenant + 1); len(list) != 0 {
		t.Errorf("another tenant's list: got %+v, want none", list)
	}
}

func TestExpiry(t *testing.T) {
	a, store := open(t, t.TempDir())
	text := account.NewKeyText()
	now := time.Now().UTC()
	if err := store.KeyCreate(ctx, account.Key{ID: "key_a", Tenant: event.DefaultTenant, Name: "a", Scopes: access.Scopes, Hash: account.HashKey(text), CreatedAt: now.Add(-2 * time.Hour), ExpiresAt: now.Add(-time.Millisecond)}, nil); err != nil {
		t.Fatal(err)
	}
	if err := a.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	wantUnauthorized(t, a, "expired", text)
}

func TestAdminKey(t *testing.T) {
	a, _ := open(t, t.TempDir())
	for _, bad := range []string{"", "short", strings.Repeat("x", account.MinKeyLength-1), "with a space inside", "with\nnewline-inside", "Schlüssel-mit-Umlaut"} {
		if err := a.PutAdminKey(ctx, bad); problem.KindOf(err) != problem.Invalid || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("PutAdminKey(%q): got %v, want an invalid problem that does not repeat it", bad, err)
		}
	}
	const first, second = "first-admin-key-0123", "second-admin-key-0123"
	for _, text := range []string{first, second} {
		if err := a.PutAdminKey(ctx, text); err != nil {
			t.Fatal(err)
		}
		k, err := a.Authenticate(text)
		if err != nil {
			t.Fatalf("Authenticate(%q): %v", text, err)
		}
		for _, s := range access.Scopes {
			if !k.Allows(s) {
				t.Errorf("the admin key lacks the scope %q", s)
			}
		}
	}
	wantUnauthorized(t, a, "the admin key before the last", first)
	if list := a.List(event.DefaultTenant); len(list) != 1 {
		t.Errorf("keys: got %d, want one", len(list))
	}
}

// TestAdminKeyUnchanged: a server that is started with the key it had needs no write for it, which a full disk would refuse.
func TestAdminKeyUnchanged(t *testing.T) {
	const text = "an-admin-key-0123456"
	first, store := open(t, t.TempDir())
	if err := first.PutAdminKey(ctx, text); err != nil {
		t.Fatal(err)
	}
	again, err := account.NewAuthenticator(ctx, broken{store})
	if err != nil {
		t.Fatal(err)
	}
	if err := again.PutAdminKey(ctx, text); err != nil {
		t.Errorf("the same key on a store that takes no changes: %v, want none needed", err)
	}
	if _, err := again.Authenticate(text); err != nil {
		t.Errorf("afterwards the key is refused: %v", err)
	}
}

// broken is a store whose changes fail.
type broken struct{ account.Store }

var errBroken = errors.New("disk full")

func (broken) KeyCreate(context.Context, account.Key, *access.Entry) error { return errBroken }
func (broken) KeyPut(context.Context, account.Key) error                   { return errBroken }
func (broken) KeyRevoke(context.Context, event.TenantID, string, time.Time, *access.Entry) error {
	return errBroken
}

// TestChangeThatIsNotStored: what the store did not take does not hold in memory either.
func TestChangeThatIsNotStored(t *testing.T) {
	good, store := open(t, t.TempDir())
	k, text, err := good.Create(ctx, access.System(event.DefaultTenant), account.NewKey{Name: "a", Scopes: []access.Scope{access.ScopeRead}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := account.NewAuthenticator(ctx, broken{store})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := a.Create(ctx, access.System(event.DefaultTenant), account.NewKey{Name: "b", Scopes: []access.Scope{access.ScopeRead}}); !errors.Is(err, errBroken) {
		t.Errorf("Create: got %v, want the store's error", err)
	}
	if err := a.Revoke(ctx, access.System(event.DefaultTenant), k.ID); !errors.Is(err, errBroken) {
		t.Errorf("Revoke: got %v, want the store's error", err)
	}
	if err := a.PutAdminKey(ctx, "an-admin-key-0123456"); !errors.Is(err, errBroken) {
		t.Errorf("PutAdminKey: got %v, want the store's error", err)
	}
	wantUnauthorized(t, a, "the admin key", "an-admin-key-0123456")
	if _, err := a.Authenticate(text); err != nil || len(a.List(event.DefaultTenant)) != 1 {
		t.Errorf("afterwards: got %v and %d keys, want the one key as before", err, len(a.List(event.DefaultTenant)))
	}
}

func TestConcurrentChanges(t *testing.T) {
	a, _ := open(t, t.TempDir())
	const n = 20
	texts := make([]string, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			k, text, err := a.Create(ctx, access.System(event.DefaultTenant), account.NewKey{Name: "a", Scopes: []access.Scope{access.ScopeRead}})
			if err != nil {
				t.Error(err)
				return
			}
			texts[i] = text
			if i%2 == 0 {
				if err := a.Revoke(ctx, access.System(event.DefaultTenant), k.ID); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i, text := range texts {
		if _, err := a.Authenticate(text); (err == nil) != (i%2 == 1) {
			t.Errorf("key %d: got %v, want it valid: %t", i, err, i%2 == 1)
		}
	}
}
