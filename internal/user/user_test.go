package user_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/user"
)

var ctx = context.Background()

const goodPassword = "four words nobody says"

// house is the users of an installation, with a clock that the test moves.
type house struct {
	t        *testing.T
	dir      string
	users    *user.Directory
	sessions *user.Sessions
	settings *user.SettingsStore
	store    *sqlite.Store
	mu       sync.Mutex
	at       time.Time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	dir := t.TempDir()
	keys, err := secret.Open(filepath.Join(dir, "keys"), nil)
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(ctx, sqlite.Options{Dir: dir, Sealer: keys, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	h := &house{t: t, dir: dir, users: user.NewDirectory(store), store: store, at: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	if h.settings, err = user.NewSettings(ctx, store); err != nil {
		t.Fatal(err)
	}
	if h.sessions, err = user.NewSessions(store, h.settings, quiet); err != nil {
		t.Fatal(err)
	}
	user.SetClock(h.users, h.sessions, h.now)
	user.HashQuickly(h.sessions)
	return h
}

func (h *house) now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.at
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.at = h.at.Add(d)
}

// from is a client at an address.
func from(addr string) user.Client {
	return user.Client{Addr: netip.MustParseAddr(addr), Request: access.Request{ID: "req_1", Address: addr, UserAgent: "Browser/1"}}
}

var here = from("192.0.2.1")

// admin is a principal that manages the users of a tenant.
func admin(tenant event.TenantID) *access.Principal {
	return &access.Principal{Tenant: tenant, Actor: access.Actor{Kind: access.ActorKey, ID: "key_1", Name: "setup"}, May: access.Administering}
}

var platform = &access.Principal{Tenant: 1, Actor: access.Actor{Kind: access.ActorKey, ID: "key_p"}, May: access.Administering | access.RunPlatform}

// join makes somebody an active user, who is signed in.
func (h *house) join(p *access.Principal, email string, role access.Role) user.SignedIn {
	h.t.Helper()
	_, token, err := h.users.Invite(ctx, p, user.New{Email: email, Name: "N. N.", Role: role})
	if err != nil {
		h.t.Fatal(err)
	}
	in, err := h.sessions.UseLink(ctx, here, token.Text, goodPassword, "")
	if err != nil {
		h.t.Fatal(err)
	}
	return in
}

func want(t *testing.T, what string, err error, kind problem.Kind) {
	t.Helper()
	if err == nil || problem.KindOf(err) != kind {
		t.Errorf("%s: got %v, want a problem of the kind %s", what, err, kind.Slug())
	}
}

func TestInvitation(t *testing.T) {
	h := newHouse(t)
	u, token, err := h.users.Invite(ctx, admin(1), user.New{Email: " Ann@Example.com ", Name: "Ann", Role: access.RoleMember})
	if err != nil || u.Email != "ann@example.com" || u.State != user.Invited {
		t.Fatalf("got %+v, %v", u, err)
	}
	_, _, err = h.users.Invite(ctx, admin(1), user.New{Email: "ANN@example.com", Role: access.RoleViewer})
	want(t, "inviting her twice", err, problem.Conflict)
	_, err = h.sessions.Login(ctx, here, "ann@example.com", "")
	want(t, "signing in before accepting", err, problem.Unauthorized)
	_, err = h.sessions.UseLink(ctx, here, token.Text, "short", "")
	want(t, "a short password", err, problem.Invalid)
	_, err = h.sessions.UseLink(ctx, here, token.Text+"x", goodPassword, "")
	want(t, "another token", err, problem.NotFound)

	_, second, err := h.users.Reinvite(ctx, admin(1), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.sessions.UseLink(ctx, here, token.Text, goodPassword, "")
	want(t, "a token that was replaced", err, problem.NotFound)
	h.pass(7*24*time.Hour - time.Second)
	in, err := h.sessions.UseLink(ctx, here, second.Text, goodPassword, "Ann B.")
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.sessions.UseLink(ctx, here, second.Text, goodPassword, "")
	want(t, "a token that was used", err, problem.NotFound)
	session, p, err := h.sessions.Resume(ctx, in.Token, -1)
	if err != nil || session.Method != user.ByInvitation || p.Tenant != 1 || p.Actor != (access.Actor{Kind: access.ActorUser, ID: u.ID, Name: "Ann B."}) {
		t.Fatalf("got %+v as %+v, %v", session, p, err)
	}
	if p.May != access.RoleMember.Permissions() || !p.Allows(access.EditWebhooks) || p.Allows(access.ManageUsers) || p.Allows(access.Publish) {
		t.Errorf("got the permissions %b, want a member's", p.May)
	}
	_, _, err = h.users.Reinvite(ctx, admin(1), u.ID)
	want(t, "inviting somebody who has accepted", err, problem.Conflict)

	_, late, err := h.users.Invite(ctx, admin(1), user.New{Email: "late@example.com", Role: access.RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	h.pass(7 * 24 * time.Hour)
	_, err = h.sessions.UseLink(ctx, here, late.Text, goodPassword, "")
	want(t, "a token that is too old", err, problem.NotFound)
}

// TestInvitationIsNoWayIn: an invitation of somebody who has a password is accepted by that password only, and the admin
// who invites learns nothing about other tenants.
func TestInvitationIsNoWayIn(t *testing.T) {
	h := newHouse(t)
	first := h.join(admin(1), "ann@example.com", access.RoleAdmin)
	u, token, err := h.users.Invite(ctx, admin(2), user.New{Email: "ann@example.com", Name: "A.", Role: access.RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	if !u.CreatedAt.Equal(h.now()) || u.Name != "A." || u.State != user.Invited {
		t.Errorf("got %+v, want a user like any other", u)
	}
	_, err = h.sessions.UseLink(ctx, here, token.Text, "another good password", "")
	want(t, "with another password", err, problem.Unauthorized)
	_, _, err = h.sessions.Resume(ctx, first.Token, 2)
	want(t, "acting in the tenant before accepting", err, problem.NotFound)
	in, err := h.sessions.UseLink(ctx, here, token.Text, goodPassword, "")
	if err != nil {
		t.Fatal(err)
	}
	for tenant, role := range map[event.TenantID]access.Role{1: access.RoleAdmin, 2: access.RoleViewer, -1: access.RoleAdmin} {
		if _, p, err := h.sessions.Resume(ctx, in.Token, tenant); err != nil || p.May != role.Permissions() {
			t.Errorf("tenant %d: got %+v, %v, want the rights of a %s", tenant, p, err, role)
		}
	}
	for what, f := range map[string]func() error{
		"reading":   func() error { _, err := h.users.Get(ctx, admin(3), u.ID); return err },
		"changing":  func() error { _, err := h.users.Change(ctx, admin(3), u.ID, user.Edit{}); return err },
		"disabling": func() error { _, err := h.users.Disable(ctx, admin(3), u.ID); return err },
		"removing":  func() error { return h.users.Remove(ctx, admin(3), u.ID) },
		"inviting":  func() error { _, _, err := h.users.Reinvite(ctx, admin(3), u.ID); return err },
		"no tenant": func() error { _, _, err := h.sessions.Resume(ctx, in.Token, 3); return err },
		"a new link": func() error {
			_, _, err := h.users.LoginLink(ctx, &access.Principal{Tenant: 3, May: access.Administering | access.RunPlatform}, u.ID)
			return err
		},
	} {
		want(t, what+" from a third tenant", f(), problem.NotFound)
	}
	_, _, err = h.users.LoginLink(ctx, admin(2), u.ID)
	want(t, "a login link by an admin", err, problem.Forbidden)
}

// TestRolesHoldAtOnce: a change of a role, and its end, hold at the next request, also at another server.
func TestRolesHoldAtOnce(t *testing.T) {
	h := newHouse(t)
	in := h.join(admin(1), "ann@example.com", access.RoleViewer)
	other, err := user.NewSessions(h.store, h.settings, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	user.SetClock(h.users, other, h.now)
	id := in.Person.ID
	may := func(what string, needs access.Permission, allowed bool) {
		t.Helper()
		for _, s := range []*user.Sessions{h.sessions, other} {
			if _, p, err := s.Resume(ctx, in.Token, -1); err != nil || p.Allows(needs) != allowed {
				t.Errorf("%s: got %+v, %v, want allowed %t", what, p, err, allowed)
			}
		}
	}
	may("viewer", access.EditWebhooks, false)
	role := access.RoleAdmin
	if _, err := h.users.Change(ctx, admin(1), id, user.Edit{Role: &role}); err != nil {
		t.Fatal(err)
	}
	may("admin", access.ManageUsers, true)
	_, own, err := h.sessions.Resume(ctx, in.Token, -1)
	if err != nil {
		t.Fatal(err)
	}
	viewer, operator := access.RoleViewer, access.RoleOperator
	_, err = h.users.Change(ctx, own, id, user.Edit{Role: &viewer})
	want(t, "lowering one's own role", err, problem.Conflict)
	_, err = h.users.Disable(ctx, own, id)
	want(t, "disabling oneself", err, problem.Conflict)
	want(t, "removing oneself", h.users.Remove(ctx, own, id), problem.Conflict)
	_, err = h.users.Change(ctx, platform, id, user.Edit{Role: &operator})
	want(t, "making an operator by a change", err, problem.Invalid)

	if u, err := h.users.Disable(ctx, admin(1), id); err != nil || u.State != user.Disabled {
		t.Fatalf("got %+v, %v", u, err)
	}
	for _, s := range []*user.Sessions{h.sessions, other} {
		_, _, err = s.Resume(ctx, in.Token, -1)
		want(t, "a request of somebody disabled", err, problem.Unauthorized)
	}
	_, err = h.sessions.Login(ctx, here, "ann@example.com", goodPassword)
	want(t, "signing in while disabled", err, problem.Unauthorized)
	if _, err := h.users.Enable(ctx, admin(1), id); err != nil {
		t.Fatal(err)
	}
	may("enabled", access.ManageUsers, true)
	if err := h.users.Remove(ctx, admin(1), id); err != nil {
		t.Fatal(err)
	}
	_, _, err = other.Resume(ctx, in.Token, -1)
	want(t, "a request of somebody removed", err, problem.Unauthorized)
}

func TestOperators(t *testing.T) {
	h := newHouse(t)
	_, _, err := h.users.Invite(ctx, admin(1), user.New{Email: "op@example.com", Role: access.RoleOperator})
	want(t, "an operator by an admin", err, problem.Forbidden)
	in := h.join(platform, "op@example.com", access.RoleOperator)
	for tenant, acts := range map[event.TenantID]event.TenantID{-1: event.DefaultTenant, 7: 7} {
		_, p, err := h.sessions.Resume(ctx, in.Token, tenant)
		if err != nil || p.Tenant != acts || !p.Allows(access.RunPlatform|access.Administering|access.OwnAccount) {
			t.Errorf("tenant %d: got %+v, %v, want an operator in %d", tenant, p, err, acts)
		}
	}
	// Operators are no users of a tenant, and only the platform sees them.
	if list, _, err := h.users.List(ctx, platform, user.Query{Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("users of the tenant: got %+v, %v", list, err)
	}
	if list, _, err := h.users.List(ctx, platform, user.Query{Role: access.RoleOperator, Limit: 10}); err != nil || len(list) != 1 {
		t.Errorf("operators: got %+v, %v", list, err)
	}
	if list, _, err := h.users.List(ctx, admin(1), user.Query{Role: access.RoleOperator, Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("operators, to an admin: got %+v, %v", list, err)
	}
	_, err = h.users.Get(ctx, admin(1), in.Person.ID)
	want(t, "an operator, to an admin", err, problem.NotFound)

	// A login link sets a new password and ends the sessions.
	_, token, err := h.users.LoginLink(ctx, platform, in.Person.ID)
	if err != nil {
		t.Fatal(err)
	}
	const next = "five other words nobody says"
	again, err := h.sessions.UseLink(ctx, here, token.Text, next, "")
	if err != nil || again.Session.Method != user.ByLoginLink {
		t.Fatalf("got %+v, %v", again, err)
	}
	_, _, err = h.sessions.Resume(ctx, in.Token, -1)
	want(t, "the session before", err, problem.Unauthorized)
	_, err = h.sessions.Login(ctx, here, "op@example.com", goodPassword)
	want(t, "the password before", err, problem.Unauthorized)
	if _, err := h.sessions.Login(ctx, here, "OP@example.com", next); err != nil {
		t.Errorf("the new password: %v", err)
	}
	_, token, err = h.users.LoginLink(ctx, platform, in.Person.ID)
	if err != nil {
		t.Fatal(err)
	}
	h.pass(time.Hour)
	_, err = h.sessions.UseLink(ctx, here, token.Text, next, "")
	want(t, "a login link after an hour", err, problem.NotFound)
}

func TestSessionsEnd(t *testing.T) {
	h := newHouse(t)
	h.join(admin(1), "ann@example.com", access.RoleViewer)
	login := func(c user.Client) user.SignedIn {
		t.Helper()
		in, err := h.sessions.Login(ctx, c, "ann@example.com", goodPassword)
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	lives := func(what string, in user.SignedIn, alive bool) *access.Principal {
		t.Helper()
		_, p, err := h.sessions.Resume(ctx, in.Token, -1)
		if alive && err != nil || !alive && problem.KindOf(err) != problem.Unauthorized {
			t.Errorf("%s: got %v, want alive %t", what, err, alive)
		}
		return p
	}
	idle, used, open := login(here), login(here), login(here)
	for i := range 13 {
		h.pass(time.Hour)
		lives("in use", used, true)
		// An open page that nobody touches is no use.
		if p, err := h.sessions.Holds(ctx, open.Token, -1); i < 11 && (err != nil || p.Session != open.Session.ID) {
			t.Errorf("a page that is open for %d hours: got %v", i+1, err)
		}
	}
	lives("not used for 13 hours", idle, false)
	_, err := h.sessions.Holds(ctx, open.Token, -1)
	want(t, "a page that is open for 13 hours", err, problem.Unauthorized)
	for h.now().Before(used.Session.ExpiresAt.Add(-time.Millisecond)) {
		h.pass(min(11*time.Hour, used.Session.ExpiresAt.Sub(h.now())-time.Millisecond))
		lives("in use", used, true)
	}
	h.pass(time.Millisecond)
	lives("in use for seven days", used, false)

	// The session that a browser had ends with the next sign-in: nobody can foist one on somebody.
	old := login(here)
	again := here
	again.Before = old.Token
	next := login(again)
	lives("the one before", old, false)
	if next.Token == old.Token || next.Session.ID == old.Session.ID {
		t.Error("a sign-in kept the session")
	}

	one, two := login(here), login(here)
	p := lives("one", one, true)
	if list, err := h.sessions.List(ctx, p); err != nil || len(list) != 3 {
		t.Errorf("got %d sessions, %v, want the three that have not ended", len(list), err)
	}
	if err := h.sessions.End(ctx, p, two.Session.ID); err != nil {
		t.Fatal(err)
	}
	lives("ended", two, false)
	want(t, "ending it again", h.sessions.End(ctx, p, two.Session.ID), problem.NotFound)
	other := h.join(admin(1), "bob@example.com", access.RoleViewer)
	want(t, "ending another person's", h.sessions.End(ctx, p, other.Session.ID), problem.NotFound)
	if err := h.sessions.End(ctx, p, ""); err != nil {
		t.Fatal(err)
	}
	lives("everywhere: one", one, false)
	lives("everywhere: next", next, false)
	lives("another person's", other, true)

	h.pass(8 * 24 * time.Hour)
	if err := h.sessions.Expire(ctx); err != nil {
		t.Fatal(err)
	}
	if list, err := h.store.SessionList(ctx, other.Person.ID); err != nil || len(list) != 0 {
		t.Errorf("after a sweep: got %d, %v", len(list), err)
	}
}

func TestPasswordChange(t *testing.T) {
	h := newHouse(t)
	in := h.join(admin(1), "ann@example.com", access.RoleViewer)
	other, err := h.sessions.Login(ctx, here, "ann@example.com", goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	_, p, err := h.sessions.Resume(ctx, in.Token, -1)
	if err != nil {
		t.Fatal(err)
	}
	const next = "five other words nobody says"
	want(t, "with a wrong one", h.sessions.SetPassword(ctx, p, here, in.Session.ID, "wrong", next), problem.Forbidden)
	want(t, "to a common one", h.sessions.SetPassword(ctx, p, here, in.Session.ID, goodPassword, "qwertyuiop123"), problem.Invalid)
	if err := h.sessions.SetPassword(ctx, p, here, in.Session.ID, goodPassword, next); err != nil {
		t.Fatal(err)
	}
	if _, _, err := h.sessions.Resume(ctx, in.Token, -1); err != nil {
		t.Errorf("the session that changed it: %v", err)
	}
	_, _, err = h.sessions.Resume(ctx, other.Token, -1)
	want(t, "the other session", err, problem.Unauthorized)

	// Parameters that have risen since hold from the next sign-in on.
	before, _, _ := h.store.PersonGet(ctx, in.Person.ID)
	user.HashFully(h.sessions)
	if _, err := h.sessions.Login(ctx, here, "ann@example.com", next); err != nil {
		t.Fatal(err)
	}
	after, _, _ := h.store.PersonGet(ctx, in.Person.ID)
	if before.Password == after.Password || !strings.Contains(after.Password, "$m=19456,t=2,p=1$") {
		t.Errorf("got %q after %q, want it hashed again", after.Password, before.Password)
	}
	if _, err := h.sessions.Login(ctx, here, "ann@example.com", next); err != nil {
		t.Error(err)
	}
}

// TestGuessing tries 1,000 wrong passwords from 50 addresses: few are looked at, and somebody with the right one who comes
// from elsewhere has a quarter of an hour to wait at most.
func TestGuessing(t *testing.T) {
	h := newHouse(t)
	h.join(admin(1), "ann@example.com", access.RoleViewer)
	looked := 0
	for i := range 1000 {
		_, err := h.sessions.Login(ctx, from(fmt.Sprintf("198.51.100.%d", i%50)), "ann@example.com", fmt.Sprint("guess number ", i))
		switch problem.KindOf(err) {
		case problem.Unauthorized:
			looked++
		case problem.TooMany:
			var p *problem.Error
			if errors.As(err, &p); p.After <= 0 || p.After > 15*time.Minute {
				t.Fatalf("told to come back after %v", p.After)
			}
		default:
			t.Fatalf("got %v", err)
		}
		h.pass(time.Second)
	}
	if looked < 5 || looked > 20 {
		t.Errorf("%d of 1,000 guesses in a quarter of an hour were looked at, want 5 and a few", looked)
	}
	_, err := h.sessions.Login(ctx, from("203.0.113.5"), "ann@example.com", goodPassword)
	want(t, "the right one at once", err, problem.TooMany)
	h.pass(15 * time.Minute)
	if _, err := h.sessions.Login(ctx, from("203.0.113.5"), "ann@example.com", goodPassword); err != nil {
		t.Errorf("the right one after a quarter of an hour: %v", err)
	}
	// It forgives what was before.
	for range 4 {
		_, err := h.sessions.Login(ctx, from("203.0.113.6"), "ann@example.com", "wrong")
		want(t, "a mistake after that", err, problem.Unauthorized)
	}

	// An address that fails with many names waits, too; another client in the same IPv6 network is the same one.
	for i := range 10 {
		_, err = h.sessions.Login(ctx, from(fmt.Sprintf("2001:db8::%d", i+1)), fmt.Sprintf("person%d@example.com", i), "wrong")
	}
	want(t, "ten names from one network", err, problem.TooMany)
	if _, err := h.sessions.Login(ctx, from("2001:db8:0:1::1"), "ann@example.com", goodPassword); err != nil {
		t.Errorf("from the next network: %v", err)
	}
}

// TestGuessingAtOnce: guesses that come at the same moment are no way round the count.
func TestGuessingAtOnce(t *testing.T) {
	h := newHouse(t)
	h.join(admin(1), "ann@example.com", access.RoleViewer)
	user.WaitForTurns(h.sessions, time.Minute)
	var mu sync.Mutex
	looked := 0
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			_, err := h.sessions.Login(ctx, from(fmt.Sprintf("198.51.100.%d", i)), "ann@example.com", fmt.Sprint("guess number ", i))
			if problem.KindOf(err) == problem.Unauthorized {
				mu.Lock()
				looked++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if looked < 5 || looked > 7 {
		t.Errorf("%d of 100 guesses at once were looked at, want 5, or one more for each turn", looked)
	}
}

// TestSignInIsAudited: each sign-in, and each failure, is in the log of the tenants it is about and in no other, up to what
// a guesser may write.
func TestSignInIsAudited(t *testing.T) {
	h := newHouse(t)
	in := h.join(admin(1), "ann@example.com", access.RoleViewer)
	_, token, err := h.users.Invite(ctx, admin(2), user.New{Email: "ann@example.com", Role: access.RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	log := func(tenant event.TenantID) (list []string) {
		t.Helper()
		entries, _, err := h.store.AuditList(ctx, access.Query{Tenant: tenant, Limit: 250})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range slices.Backward(entries) {
			list = append(list, e.Action+" by "+string(e.Actor.Kind))
			if e.Request.Address == "" && e.Actor.Kind != access.ActorKey {
				t.Errorf("%+v does not say from where", e)
			}
		}
		return list
	}
	if _, err := h.sessions.Login(ctx, here, "ann@example.com", goodPassword); err != nil {
		t.Fatal(err)
	}
	_, _ = h.sessions.Login(ctx, here, "ann@example.com", "wrong")
	_, p, err := h.sessions.Resume(ctx, in.Token, -1)
	if err != nil {
		t.Fatal(err)
	}
	p.Request = here.Request
	if err := h.sessions.End(ctx, p, ""); err != nil {
		t.Fatal(err)
	}
	if got, want := log(1), []string{"user.invite by key", "user.accept by user", "user.login by user", "user.login-failed by anonymous", "user.logout-everywhere by user"}; !slices.Equal(got, want) {
		t.Errorf("the tenant's log: got %v, want %v", got, want)
	}
	if got, want := log(2), []string{"user.invite by key", "user.login-failed by anonymous"}; !slices.Equal(got, want) {
		t.Errorf("the log of the tenant that has invited her: got %v, want %v", got, want)
	}
	if _, err := h.sessions.UseLink(ctx, here, token.Text, goodPassword, ""); err != nil {
		t.Fatal(err)
	}
	for i := range 2 * user.FailureBurst {
		_, err := h.sessions.Login(ctx, from(fmt.Sprintf("10.0.%d.%d", i/200, i%200)), fmt.Sprintf("nobody%d@example.com", i), "wrong")
		want(t, "an address that nobody has", err, problem.Unauthorized)
	}
	n := 0
	for q := (access.Query{Tenant: access.Platform, Limit: 250}); ; {
		list, next, err := h.store.AuditList(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		if n += len(list); next == 0 {
			break
		}
		q.Before = next
	}
	if n < user.FailureBurst-10 || n > user.FailureBurst {
		t.Errorf("%d failures wrote %d entries, want about %d", 2*user.FailureBurst, n, user.FailureBurst)
	}
	h.pass(time.Minute)
	_, _ = h.sessions.Login(ctx, from("10.9.9.9"), "nobody@example.com", "wrong")
	list, _, err := h.store.AuditList(ctx, access.Query{Tenant: access.Platform, Limit: 1})
	if err != nil || len(list) != 1 || !strings.Contains(string(list[0].After), `"notRecorded":`) {
		t.Errorf("got %+v, %v, want the number of those that were left out", list, err)
	}
}

// TestMemoryOfSignIns signs 100 people in at once and looks at how much the heap grows.
func TestMemoryOfSignIns(t *testing.T) {
	h := newHouse(t)
	in := h.join(admin(1), "ann@example.com", access.RoleViewer)
	user.HashFully(h.sessions)
	user.WaitForTurns(h.sessions, 5*time.Minute)
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before, most := m.HeapInuse, m.HeapInuse
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	}()
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if _, err := h.sessions.Login(ctx, from(fmt.Sprintf("198.51.100.%d", i)), "ann@example.com", goodPassword); err != nil {
				t.Errorf("signing in: %v", err)
			}
		})
	}
	wg.Wait()
	close(done)
	<-watched
	t.Logf("%d MiB more", (most-before)>>20)
	if most-before > 64<<20 {
		t.Errorf("100 sign-ins at once took %d MiB, want 64 at most", (most-before)>>20)
	}
	if list, err := h.store.SessionList(ctx, in.Person.ID); err != nil || len(list) > user.MaxSessions {
		t.Errorf("got %d sessions, %v, want %d at most", len(list), err, user.MaxSessions)
	}
}

// TestTooManyAtOnce: who waits too long for their turn is told so.
func TestTooManyAtOnce(t *testing.T) {
	h := newHouse(t)
	user.HashFully(h.sessions)
	user.WaitForTurns(h.sessions, time.Nanosecond)
	var wg sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for i := range 20 {
		wg.Go(func() {
			_, err := h.sessions.Login(ctx, from(fmt.Sprintf("198.51.100.%d", i)), fmt.Sprint(i, "@example.com"), "wrong")
			mu.Lock()
			defer mu.Unlock()
			if problem.KindOf(err) == problem.Unavailable {
				refused++
			}
		})
	}
	wg.Wait()
	if refused == 0 {
		t.Error("20 sign-ins at once were all looked at without waiting")
	}
}

func TestPasswords(t *testing.T) {
	for _, tt := range []struct {
		password string
		good     bool
	}{
		{goodPassword, true}, {"Tr0ub4dor&3xyz", true}, {"läßt ÿ über", false}, {"läßt ÿ über!", true}, {"elevenchars", false}, {"twelve chars", true},
		{"aaaaaaaaaaaaaaaaaaaa", false}, {"abababababababab", false}, {"Password12345", false}, {"QWERTYUIOP123", false}, {"0123456789ab", false},
		{"fedcba987654", false}, {"ann.archer12", false}, {"ann.archer@example.com", false}, {"ann.archer likes long words", true},
		{strings.Repeat("abcdefg hij ", 85), true}, {strings.Repeat("abcdefg hij ", 86), false}, {"invalid \xff utf-8 bytes", false},
	} {
		err := user.CheckPassword(tt.password, "ann.archer@example.com")
		if good := err == nil; good != tt.good {
			t.Errorf("%.40q: got %v, want good %t", tt.password, err, tt.good)
		}
		if err != nil && len(tt.password) > 5 && strings.Contains(err.Error(), tt.password) {
			t.Errorf("%.40q: the refusal repeats it: %v", tt.password, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"ann@example.com": "ann@example.com", " Ann@Example.COM\n": "ann@example.com", "ann+x@sub.example": "ann+x@sub.example", "e\u0301va@example.com": "éva@example.com",
		"": "", "ann": "", "@example.com": "", "ann@": "", "a@b@c": "", "ann x@example.com": "", "ann@exa mple.com": "", "<ann@example.com>": "", "ann\u202e@example.com": "",
		"ann\x00@example.com": "", strings.Repeat("a", 250) + "@b.c": strings.Repeat("a", 250) + "@b.c", strings.Repeat("a", 251) + "@b.c": "",
	} {
		if got, reason := user.CleanEmail(in); got != want || (reason == "") != (want != "") {
			t.Errorf("%.40q: got %q, %q, want %q", in, got, reason, want)
		}
	}
}
