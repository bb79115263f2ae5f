package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/user"
)

// tooMany is a quota that is used up.
type tooMany struct{}

func (tooMany) Check(n int64) error { return problem.New(problem.Forbidden, "%d are too many", n) }

// identities: a sign-in at an identity provider stores the person, their roles and the session together, and nothing if
// anything has changed since it was read.
func identities(t *testing.T, s Backend) {
	ann, link := invite(t, s, 1, "usr_a", "ann@example.com", access.RoleViewer)
	id := user.Identity{Issuer: "https://id.example.com", Subject: "øne", Person: "usr_n", Provider: "company", CreatedAt: noon, SeenAt: noon}
	session := func(name, person, sid string) *user.Session {
		v := aSession(name, person)
		v.Method, v.Provider, v.ProviderSession = user.ByProvider, "company", sid
		return &v
	}
	member := user.User{ID: "usr_n", Tenant: 1, Email: "new@example.com", Name: "New", Role: access.RoleMember, State: user.Active, CreatedAt: noon, Provider: "company"}
	operator := member
	operator.Tenant, operator.Role, operator.CreatedAt = access.Platform, access.RoleOperator, noon.Add(time.Minute)
	fresh := user.IdentityUse{Identity: id, New: true, Email: "new@example.com", Put: []user.User{member, operator}, Session: session("ses_n", "usr_n", "sid-1"), Most: 9}

	// Nothing of a sign-in that is refused is stored.
	full := fresh
	full.Quotas = func(u *user.User) user.Quota {
		if u.Tenant == access.Platform {
			return nil
		}
		return tooMany{}
	}
	if err := s.IdentityUse(ctx, full, nil); problem.KindOf(err) != problem.Forbidden {
		t.Errorf("over the quota: got %v", err)
	}
	taken := fresh
	taken.Email = ann.Email
	if err := s.IdentityUse(ctx, taken, nil); !errors.Is(err, user.ErrChanged) {
		t.Errorf("an address that is taken: got %v, want %v", err, user.ErrChanged)
	}
	if _, ok, err := s.IdentityGet(ctx, id.Issuer, id.Subject); ok || err != nil {
		t.Errorf("got an identity after refusals, %v", err)
	}
	if err := s.IdentityUse(ctx, fresh, []*access.Entry{entryOf("user.login", "usr_n")}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		got, ok, err := s.IdentityGet(ctx, id.Issuer, id.Subject)
		if err != nil || !ok || !same(got, id) {
			t.Errorf("got %+v, %t, %v, want %+v", got, ok, err, id)
		}
		found, p, ok, err := s.SessionFind(ctx, fresh.Session.Hash, 1)
		if err != nil || !ok || !same(found, *fresh.Session) || len(p.Users) != 2 || p.Users[0].Provider != "company" {
			t.Errorf("got %+v, %+v, %t, %v", found, p, ok, err)
		}
		s.Reopen(t)
	}

	// A change of what was read, and the same identity or issuer for another, change nothing.
	p, _, err := s.PersonGet(ctx, "usr_n")
	if err != nil {
		t.Fatal(err)
	}
	changed := p.Users[0]
	changed.Role = access.RoleAdmin
	stale := changed
	stale.Version++
	for name, use := range map[string]user.IdentityUse{
		"a user since": {Identity: id, Known: true, Put: []user.User{stale}}, "a removal since": {Identity: id, Known: true, Remove: []user.User{stale}},
		"the password since":     {Identity: id, Known: true, Was: "PHC", Put: []user.User{changed}},
		"the identity again":     {Identity: id},
		"another of the issuer":  {Identity: user.Identity{Issuer: id.Issuer, Subject: "two", Person: "usr_n", CreatedAt: noon, SeenAt: noon}},
		"the identity of others": {Identity: user.Identity{Issuer: id.Issuer, Subject: id.Subject, Person: ann.ID, CreatedAt: noon, SeenAt: noon}},
	} {
		if err := s.IdentityUse(ctx, use, nil); !errors.Is(err, user.ErrChanged) {
			t.Errorf("%s: got %v, want %v", name, err, user.ErrChanged)
		}
	}
	seen := id
	seen.SeenAt = noon.Add(time.Hour)
	more := user.IdentityUse{Identity: seen, Known: true, Put: []user.User{changed}, Remove: p.Users[1:], Session: session("ses_m", "usr_n", "sid-2"), Most: 9}
	if err := s.IdentityUse(ctx, more, nil); err != nil {
		t.Fatal(err)
	}
	if p, _, err = s.PersonGet(ctx, "usr_n"); err != nil || len(p.Users) != 1 || p.Users[0].Role != access.RoleAdmin || p.Users[0].Version != changed.Version+1 {
		t.Errorf("got %+v, %v", p, err)
	}

	// Somebody who was invited becomes active without the link, which is no longer good.
	ann.State, ann.Role, ann.Provider = user.Active, access.RoleMember, "company"
	linked := user.Identity{Issuer: id.Issuer, Subject: "ann", Person: ann.ID, Provider: "company", CreatedAt: noon, SeenAt: noon}
	if err := s.IdentityUse(ctx, user.IdentityUse{Identity: linked, Put: []user.User{ann}, Session: session("ses_a", ann.ID, "sid-3"), Most: 9}, nil); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.LinkGet(ctx, link.Hash); ok || err != nil {
		t.Errorf("the invitation is still good, %v", err)
	}

	// The provider ends sessions, by its id of them or by the person.
	var noted []string
	entries := func(person string) ([]*access.Entry, error) {
		noted = append(noted, person)
		return []*access.Entry{entryOf("user.logout", person)}, nil
	}
	for _, tt := range []struct {
		provider, sid, person string
		want                  int
	}{{"other", "sid-1", "", 0}, {"company", "sid-1", "", 1}, {"company", "sid-1", "", 0}, {"company", "sid-3", "usr_n", 0}, {"company", "", "usr_n", 1}} {
		if n, err := s.SessionEndProvided(ctx, tt.provider, tt.sid, tt.person, entries); n != tt.want || err != nil {
			t.Errorf("ending %+v: got %d, %v", tt, n, err)
		}
	}
	if _, err := s.SessionEndProvided(ctx, "company", "", "", entries); err == nil {
		t.Error("sessions of nobody were ended")
	}
	if list, err := s.SessionList(ctx, ann.ID); err != nil || len(list) != 1 {
		t.Errorf("another's sessions: got %+v, %v", list, err)
	}

	// Whoever is nothing any longer is removed with all that is theirs.
	if err := s.IdentityUse(ctx, user.IdentityUse{Identity: seen, Known: true, Remove: p.Users}, nil); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.PersonGet(ctx, "usr_n"); ok || err != nil {
		t.Errorf("the person is still there, %v", err)
	}
	if _, ok, err := s.IdentityGet(ctx, id.Issuer, id.Subject); ok || err != nil {
		t.Errorf("the identity is still there, %v", err)
	}
}
