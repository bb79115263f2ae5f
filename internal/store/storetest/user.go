package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/user"
)

func testUsers(t *testing.T, open Open) {
	t.Run("Users", func(t *testing.T) { users(t, open(t)) })
	t.Run("Links", func(t *testing.T) { links(t, open(t)) })
	t.Run("Sessions", func(t *testing.T) { sessions(t, open(t)) })
	t.Run("Factors", func(t *testing.T) { factors(t, open(t)) })
	t.Run("Tallies", func(t *testing.T) { tallies(t, open(t)) })
	t.Run("LogViews", func(t *testing.T) { logViews(t, open(t)) })
	t.Run("Passkeys", func(t *testing.T) { passkeys(t, open(t)) })
	t.Run("Identities", func(t *testing.T) { identities(t, open(t)) })
	t.Run("Passwords", func(t *testing.T) { passwords(t, open(t)) })
	t.Run("Removal", func(t *testing.T) { userRemoval(t, open(t)) })
	t.Run("Together", func(t *testing.T) { usersTogether(t, open(t)) })
	t.Run("Portals", func(t *testing.T) { portals(t, open(t)) })
}

// invite adds a user and returns them as they are stored, with their link.
func invite(t *testing.T, s Backend, tenant event.TenantID, id, email string, role access.Role) (user.User, user.Link) {
	t.Helper()
	u := user.User{ID: id, Tenant: tenant, Email: email, Name: "Anø", Role: role, State: user.Invited, CreatedAt: noon.Add(time.Duration(tenant) * time.Minute), Version: 1}
	l := user.Link{Hash: user.HashToken(fmt.Sprint(tenant, id)), Kind: user.Invitation, Person: id, Tenant: tenant, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}
	if err := s.UserInvite(ctx, &u, &l, nil, entryOf("user.invite", id)); err != nil {
		t.Fatal(err)
	}
	return u, l
}

func entryOf(action, target string) *access.Entry {
	return &access.Entry{Tenant: 1, At: noon, Actor: access.Actor{Kind: access.ActorKey, ID: "key_1"}, Action: action, Targets: []access.Target{{Type: "user", ID: target}}}
}

// accepted makes an invited user active, with the password "PHC" unless they have one, and returns the session.
func accepted(t *testing.T, s Backend, l user.Link, session string) user.Session {
	t.Helper()
	p, _, err := s.PersonGet(ctx, l.Person)
	if err != nil {
		t.Fatal(err)
	}
	use := user.LinkUse{Link: l, Was: p.Password, Password: "PHC", Session: aSession(session, l.Person)}
	if err := s.LinkUse(ctx, use, nil); err != nil {
		t.Fatal(err)
	}
	return use.Session
}

func aSession(id, person string) user.Session {
	return user.Session{ID: id, Hash: user.HashToken(id), Person: person, CreatedAt: noon, SeenAt: noon, ExpiresAt: noon.Add(24 * time.Hour), Address: "192.0.2.1",
		UserAgent: "Browser/1 ø", Method: user.ByPassword, ProvedAt: noon.Add(-time.Minute)}
}

// trail returns the actions in the audit log of a tenant that are about a target, the oldest first.
func trail(t *testing.T, s Backend, target string) []string {
	t.Helper()
	list, _, err := s.AuditList(ctx, access.Query{Tenant: 1, Target: target, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, e := range slices.Backward(list) {
		actions = append(actions, e.Action)
	}
	return actions
}

func users(t *testing.T, s Backend) {
	ann, _ := invite(t, s, 1, "usr_a", "ann@example.com", access.RoleAdmin)
	bob, _ := invite(t, s, 1, "usr_b", "bob@example.com", access.RoleViewer)
	// The same person in another tenant keeps her id, and the entry names it.
	other, link := invite(t, s, 2, "usr_c", "ann@example.com", access.RoleMember)
	if other.ID != ann.ID || link.Person != ann.ID {
		t.Errorf("invited again elsewhere: got the ids %s and %s, want %s", other.ID, link.Person, ann.ID)
	}
	if got := trail(t, s, ann.ID); !slices.Equal(got, []string{"user.invite", "user.invite"}) {
		t.Errorf("got entries %v about her, want both invitations", got)
	}
	again := user.User{ID: "usr_d", Tenant: 1, Email: "ann@example.com", Role: access.RoleViewer, State: user.Invited, CreatedAt: noon}
	if err := s.UserInvite(ctx, &again, &user.Link{Hash: [32]byte{9}, Kind: user.Invitation, Tenant: 1}, nil, entryOf("user.invite", "x")); !errors.Is(err, user.ErrExists) {
		t.Errorf("inviting her twice: got %v, want %v", err, user.ErrExists)
	}
	if _, ok, err := s.LinkGet(ctx, [32]byte{9}); ok || err != nil {
		t.Errorf("the link of a refused invitation: got %t, %v", ok, err)
	}
	check := func(q user.Query, want ...user.User) {
		t.Helper()
		for range 2 {
			var got []user.User
			for after := ""; ; {
				q.After, q.Limit = after, 1
				page, more, err := s.UserList(ctx, q)
				if err != nil || len(page) > 1 {
					t.Fatalf("got %+v, %v", page, err)
				}
				got = append(got, page...)
				if !more {
					break
				}
				after = page[0].Email
			}
			if !same(got, want) {
				t.Errorf("%+v: got\n%+v, want\n%+v", q, got, want)
			}
			s.Reopen(t)
		}
	}
	check(user.Query{Tenant: 1}, ann, bob)
	check(user.Query{Tenant: 2}, other)
	check(user.Query{Tenant: 3})
	check(user.Query{Tenant: 1, Role: access.RoleViewer}, bob)
	check(user.Query{Tenant: 1, State: user.Active})
	check(user.Query{Tenant: 1, Email: "ann@example.com"}, ann)

	if _, ok, err := s.UserGet(ctx, 3, ann.ID); ok || err != nil {
		t.Errorf("another tenant's user: got %t, %v", ok, err)
	}
	stale := bob
	bob.Name, bob.Role, bob.State = "Bob", access.RoleMember, user.Disabled
	if err := s.UserUpdate(ctx, &bob, entryOf("user.update", bob.ID)); err != nil || bob.Version != 2 {
		t.Fatalf("got version %d, %v", bob.Version, err)
	}
	if got, ok, err := s.UserGet(ctx, 1, bob.ID); err != nil || !ok || !same(got, bob) {
		t.Errorf("got %+v, %t, %v, want %+v", got, ok, err, bob)
	}
	if err := s.UserUpdate(ctx, &stale, nil); !errors.Is(err, user.ErrChanged) {
		t.Errorf("a change of what was read before: got %v, want %v", err, user.ErrChanged)
	}
	bob.Tenant = 2
	if err := s.UserUpdate(ctx, &bob, nil); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("a change of another tenant's: got %v, want %v", err, user.ErrNotFound)
	}
	if got := trail(t, s, bob.ID); !slices.Equal(got, []string{"user.invite", "user.update"}) {
		t.Errorf("got entries %v", got)
	}
}

func links(t *testing.T, s Backend) {
	ann, link := invite(t, s, 1, "usr_a", "ann@example.com", access.RoleAdmin)
	if got, ok, err := s.LinkGet(ctx, link.Hash); err != nil || !ok || !same(got, link) {
		t.Errorf("got %+v, %t, %v, want %+v", got, ok, err, link)
	}
	// A new invitation takes the place of the one before.
	fresh := link
	fresh.Hash = user.HashToken("fresh")
	if err := s.LinkPut(ctx, fresh, entryOf("user.invite-again", ann.ID)); err != nil {
		t.Fatal(err)
	}
	use := user.LinkUse{Link: link, Password: "PHC", Session: aSession("ses_1", ann.ID)}
	if err := s.LinkUse(ctx, use, nil); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("a link that was replaced: got %v, want %v", err, user.ErrNotFound)
	}
	if p, _, err := s.PersonGet(ctx, ann.ID); err != nil || p.Password != "" || p.Users[0].State != user.Invited {
		t.Errorf("afterwards: got %+v, %v, want that nothing has changed", p, err)
	}
	use.Link, use.Was = fresh, "another"
	if err := s.LinkUse(ctx, use, nil); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("after a change of the password: got %v, want %v", err, user.ErrNotFound)
	}
	// Used by many at once, it serves one.
	use.Was = ""
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			use := use
			use.Session, use.Name, use.Password = aSession(fmt.Sprint("ses_", i), ann.ID), "Ann", fmt.Sprint("PHC", i)
			if err := s.LinkUse(ctx, use, []*access.Entry{entryOf("user.accept", ann.ID)}); err == nil {
				won.Add(1)
			} else if !errors.Is(err, user.ErrNotFound) {
				t.Errorf("got %v, want %v", err, user.ErrNotFound)
			}
		})
	}
	wg.Wait()
	list, err := s.SessionList(ctx, ann.ID)
	if won.Load() != 1 || len(list) != 1 || err != nil {
		t.Errorf("%d used it, %d sessions began, %v; want one", won.Load(), len(list), err)
	}
	s.Reopen(t)
	p, ok, err := s.PersonFind(ctx, "ann@example.com")
	if err != nil || !ok || p.Password == "" || len(p.Users) != 1 || p.Users[0].State != user.Active || p.Users[0].Name != "Ann" {
		t.Errorf("got %+v, %t, %v, want Ann, active", p, ok, err)
	}
	if got := trail(t, s, ann.ID); !slices.Equal(got, []string{"user.invite", "user.invite-again", "user.accept"}) {
		t.Errorf("got entries %v", got)
	}
	if err := s.LinkPut(ctx, fresh, nil); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("inviting somebody who is active: got %v, want %v", err, user.ErrNotFound)
	}
	// A login link ends the sessions there are.
	login := user.Link{Hash: user.HashToken("login"), Kind: user.LoginLink, Person: ann.ID, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}
	if err := s.LinkPut(ctx, login, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.LinkUse(ctx, user.LinkUse{Link: login, Was: p.Password, Password: "PHC new", Session: aSession("ses_new", ann.ID)}, nil); err != nil {
		t.Fatal(err)
	}
	if list, err := s.SessionList(ctx, ann.ID); err != nil || len(list) != 1 || list[0].ID != "ses_new" {
		t.Errorf("after a login link: got %+v, %v, want its session only", list, err)
	}
	login.Person = "usr_none"
	if err := s.LinkPut(ctx, login, nil); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("a link of nobody: got %v, want %v", err, user.ErrNotFound)
	}
}

func sessions(t *testing.T, s Backend) {
	ann, link := invite(t, s, 1, "usr_a", "ann@example.com", access.RoleAdmin)
	_, two := invite(t, s, 2, "usr_x", "ann@example.com", access.RoleViewer)
	invite(t, s, access.Platform, "usr_x", "ann@example.com", access.RoleOperator)
	session := accepted(t, s, link, "ses_1")
	accepted(t, s, two, "ses_2")
	for tenant, want := range map[event.TenantID][]event.TenantID{-1: {0, 1, 2}, 1: {0, 1}, 2: {0, 2}, 7: {0}} {
		got, p, ok, err := s.SessionFind(ctx, session.Hash, tenant)
		var tenants []event.TenantID
		for _, u := range p.Users {
			tenants = append(tenants, u.Tenant)
		}
		if err != nil || !ok || !same(got, session) || p.ID != ann.ID || p.Email != "ann@example.com" || !slices.Equal(tenants, want) {
			t.Errorf("tenant %d: got %+v of %+v, %t, %v, want the tenants %v", tenant, got, p, ok, err, want)
		}
	}
	if _, _, ok, err := s.SessionFind(ctx, [32]byte{1}, -1); ok || err != nil {
		t.Errorf("no session: got %t, %v", ok, err)
	}
	at := noon.Add(5 * time.Minute)
	if err := s.SessionTouch(ctx, "ses_1", ann.ID, 1, at); err != nil {
		t.Fatal(err)
	}
	s.Reopen(t)
	list, err := s.SessionList(ctx, ann.ID)
	if err != nil || len(list) != 2 || list[0].ID != "ses_1" || !list[0].SeenAt.Equal(at) {
		t.Errorf("got %+v, %v, want the one that was used, first", list, err)
	}
	if u, _, err := s.UserGet(ctx, 1, ann.ID); err != nil || !u.SeenAt.Equal(at) {
		t.Errorf("got %+v, %v, want that she was seen", u, err)
	}
	if u, _, err := s.UserGet(ctx, 2, ann.ID); err != nil || !u.SeenAt.IsZero() {
		t.Errorf("got %+v, %v, want that the other tenant is not told", u, err)
	}
	for i, id := range []string{"ses_3", "ses_4"} {
		n := aSession(id, ann.ID)
		n.CreatedAt = noon.Add(time.Duration(i+1) * time.Hour)
		if err := s.SessionStart(ctx, n, "PHC", 3, []*access.Entry{entryOf("user.login", ann.ID)}); err != nil {
			t.Fatal(err)
		}
	}
	list, err = s.SessionList(ctx, ann.ID)
	if err != nil || len(list) != 3 || !slices.ContainsFunc(list, func(s user.Session) bool { return s.ID == "ses_4" }) {
		t.Errorf("got %+v, %v, want the last three", list, err)
	}
	// Proved again, and no other session with it.
	if err := s.SessionProve(ctx, ann.ID, "ses_none", noon, nil, nil); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("of no session: got %v, want %v", err, user.ErrNotFound)
	}
	if all, err := s.SessionList(ctx, ann.ID); err != nil || len(all) < 2 {
		t.Fatalf("got %+v, %v", all, err)
	} else {
		if err := s.SessionProve(ctx, ann.ID, all[0].ID, noon.Add(time.Hour), nil, []*access.Entry{entryOf("user.confirm", ann.ID)}); err != nil {
			t.Fatal(err)
		}
		again, err := s.SessionList(ctx, ann.ID)
		if err != nil || !again[0].ProvedAt.Equal(noon.Add(time.Hour)) || !again[1].ProvedAt.Equal(all[1].ProvedAt) {
			t.Errorf("proved: got %+v, %v", again, err)
		}
		if err := s.SessionProve(ctx, ann.ID, all[0].ID, all[0].ProvedAt, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SessionStart(ctx, aSession("ses_5", ann.ID), "another", 9, nil); !errors.Is(err, user.ErrChanged) {
		t.Errorf("by a password that has changed: got %v, want %v", err, user.ErrChanged)
	}
	if err := s.SessionEnd(ctx, "usr_other", "ses_4", nil); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("ending another person's: got %v, want %v", err, user.ErrNotFound)
	}
	if err := s.SessionEnd(ctx, ann.ID, "ses_4", []*access.Entry{entryOf("user.logout", ann.ID)}); err != nil {
		t.Fatal(err)
	}
	if err := s.SessionEnd(ctx, ann.ID, "", nil); err != nil {
		t.Fatal(err)
	}
	if list, err := s.SessionList(ctx, ann.ID); err != nil || len(list) != 0 {
		t.Errorf("after ending all: got %+v, %v", list, err)
	}
	if got := trail(t, s, ann.ID); !slices.Contains(got, "user.login") || !slices.Contains(got, "user.logout") {
		t.Errorf("got entries %v", got)
	}

	for i, n := range []user.Session{{SeenAt: noon.Add(time.Hour), ExpiresAt: noon.Add(9 * time.Hour)}, {SeenAt: noon, ExpiresAt: noon.Add(9 * time.Hour)}, {SeenAt: noon.Add(time.Hour), ExpiresAt: noon.Add(2 * time.Hour)}} {
		n.ID, n.Hash, n.Person, n.CreatedAt = fmt.Sprint("ses_e", i), user.HashToken(fmt.Sprint(i)), ann.ID, noon
		if err := s.SessionStart(ctx, n, "PHC", 9, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{1, 1, 0} {
		if n, err := s.SignInExpire(ctx, noon, noon.Add(2*time.Hour), 1); n != want || err != nil {
			t.Errorf("expiring: got %d, %v, want %d", n, err, want)
		}
	}
	if list, err := s.SessionList(ctx, ann.ID); err != nil || len(list) != 1 || list[0].ID != "ses_e0" {
		t.Errorf("after that: got %+v, %v, want the one in use", list, err)
	}
	if _, ok, err := s.LinkGet(ctx, user.HashToken("0usr_x")); ok || err != nil {
		t.Errorf("the link that was too old: got %t, %v", ok, err)
	}
}

func passwords(t *testing.T, s Backend) {
	ann, link := invite(t, s, 1, "usr_a", "ann@example.com", access.RoleAdmin)
	accepted(t, s, link, "ses_1")
	if err := s.SessionStart(ctx, aSession("ses_2", ann.ID), "PHC", 9, nil); err != nil {
		t.Fatal(err)
	}
	login := user.Link{Hash: user.HashToken("login"), Kind: user.LoginLink, Person: ann.ID, ExpiresAt: noon.Add(time.Hour)}
	if err := s.LinkPut(ctx, login, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.PasswordSet(ctx, ann.ID, "wrong", "new", "ses_2", nil); !errors.Is(err, user.ErrChanged) {
		t.Errorf("from another password: got %v, want %v", err, user.ErrChanged)
	}
	if err := s.PasswordRehash(ctx, ann.ID, "wrong", "new"); err != nil {
		t.Error(err)
	}
	if err := s.PasswordSet(ctx, ann.ID, "PHC", "PHC2", "ses_2", []*access.Entry{entryOf("user.password", ann.ID)}); err != nil {
		t.Fatal(err)
	}
	if err := s.PasswordRehash(ctx, ann.ID, "PHC2", "PHC3"); err != nil {
		t.Fatal(err)
	}
	s.Reopen(t)
	if p, _, err := s.PersonGet(ctx, ann.ID); err != nil || p.Password != "PHC3" {
		t.Errorf("got %+v, %v, want the last password", p, err)
	}
	if list, err := s.SessionList(ctx, ann.ID); err != nil || len(list) != 1 || list[0].ID != "ses_2" {
		t.Errorf("got %+v, %v, want the session that was kept", list, err)
	}
	if _, ok, err := s.LinkGet(ctx, login.Hash); ok || err != nil {
		t.Errorf("a login link after a change of the password: got %t, %v", ok, err)
	}
	if p, ok, err := s.PersonFind(ctx, ""); ok || err != nil || len(p.Users) != 0 {
		t.Errorf("no address: got %+v, %t, %v", p, ok, err)
	}
}

func userRemoval(t *testing.T, s Backend) {
	ann, link := invite(t, s, 1, "usr_a", "ann@example.com", access.RoleAdmin)
	_, two := invite(t, s, 2, "usr_x", "ann@example.com", access.RoleViewer)
	accepted(t, s, link, "ses_1")
	if err := s.UserRemove(ctx, 3, ann.ID, nil); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("removing another tenant's: got %v, want %v", err, user.ErrNotFound)
	}
	if err := s.UserRemove(ctx, 2, ann.ID, nil); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.LinkGet(ctx, two.Hash); ok || err != nil {
		t.Errorf("the invitation of a removed user: got %t, %v", ok, err)
	}
	if p, ok, err := s.PersonGet(ctx, ann.ID); err != nil || !ok || len(p.Users) != 1 {
		t.Errorf("a person with another tenant: got %+v, %t, %v", p, ok, err)
	}
	if list, err := s.SessionList(ctx, ann.ID); err != nil || len(list) != 1 {
		t.Errorf("her sessions: got %d, %v", len(list), err)
	}
	if err := s.UserRemove(ctx, 1, ann.ID, entryOf("user.delete", ann.ID)); err != nil {
		t.Fatal(err)
	}
	s.Reopen(t)
	if p, ok, err := s.PersonGet(ctx, ann.ID); err != nil || ok {
		t.Errorf("a person without a tenant: got %+v, %t, %v", p, ok, err)
	}
	if list, err := s.SessionList(ctx, ann.ID); err != nil || len(list) != 0 {
		t.Errorf("her sessions: got %d, %v", len(list), err)
	}
	if err := s.UserRemove(ctx, 1, ann.ID, nil); !errors.Is(err, user.ErrNotFound) {
		t.Errorf("removing her twice: got %v, want %v", err, user.ErrNotFound)
	}
}

// usersTogether invites and removes one person in many tenants at once: whoever is a user at the end is one with a person.
func usersTogether(t *testing.T, s Backend) {
	const tenants = 6
	var wg sync.WaitGroup
	for i := range tenants {
		wg.Go(func() {
			tenant := event.TenantID(i + 1)
			for round := range 5 {
				id := fmt.Sprintf("usr_%d_%d", i, round)
				u := user.User{ID: id, Tenant: tenant, Email: "ann@example.com", Role: access.RoleViewer, State: user.Invited, CreatedAt: noon, Version: 1}
				l := user.Link{Hash: user.HashToken(id), Kind: user.Invitation, Tenant: tenant, ExpiresAt: noon}
				if err := s.UserInvite(ctx, &u, &l, nil, nil); err != nil {
					t.Errorf("inviting: %v", err)
				}
				if round == 4 && i%2 == 0 {
					return
				}
				if err := s.UserRemove(ctx, tenant, u.ID, nil); err != nil {
					t.Errorf("removing: %v", err)
				}
			}
		})
	}
	wg.Wait()
	p, ok, err := s.PersonFind(ctx, "ann@example.com")
	if err != nil || !ok || len(p.Users) != tenants/2 {
		t.Errorf("got %+v, %t, %v, want %d users of one person", p, ok, err, tenants/2)
	}
}
