package user

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
)

// Grant is a role that an identity provider gives somebody.
type Grant struct {
	Tenant event.TenantID // access.Platform for operators
	Role   access.Role
}

// Arrival is somebody for whom an identity provider vouches.
type Arrival struct {
	Provider        string // the name of its settings
	Issuer, Subject string
	Email           string // as the provider has it; empty: it names none
	Verified        bool   // the address is theirs
	Name            string // how they are called where they are new
	Session         string // the provider's id of its session; empty: it names none
	ProvedAt        time.Time
	Grants          []Grant
	// Create makes an account for somebody who has none. Link gives the account with the address to whoever the provider
	// says has the address, and accepts their invitations.
	Create, Link bool
	// Limit gives how many users a tenant may have, and what is called when one was added, as in Directory.Limit. Nil: any
	// number.
	Limit func(tenant event.TenantID) (q Quota, used func(ctx context.Context))
}

// ErrNoRole is the answer to somebody whom the provider vouches for, and who is nothing here.
var ErrNoRole = problem.New(problem.Forbidden, "you have no role here: ask an administrator to give you one at the identity provider, or to invite you")

var (
	errDisabled   = problem.New(problem.Forbidden, "your account is disabled: ask an administrator")
	errNoAddress  = problem.New(problem.Forbidden, "the identity provider names no e-mail address, by which accounts are made: the operator adds the scope email")
	errUnverified = problem.New(problem.Forbidden, "the identity provider does not say that your e-mail address is verified, so no account is made or linked by it")
	errTaken      = problem.New(problem.Forbidden, "there is an account with your e-mail address already, and accounts are not linked by the address: sign in as before")
	errOther      = problem.New(problem.Forbidden, "the account with your e-mail address belongs to another person at this identity provider")
	errNoAccount  = problem.New(problem.Forbidden, "there is no account with your e-mail address, and none is made by signing in: ask an administrator to invite you")
	errBusy       = problem.New(problem.Unavailable, "your account is being changed at this moment: try again")
)

// arriveTries bounds how often a sign-in is tried again because what it rests on has changed.
const arriveTries = 5

// Arrive signs somebody in for whom an identity provider vouches. What the provider says of their roles holds from now on:
// a role that it gave before and gives no longer is gone, even if the sign-in is refused for that. A Forbidden problem says
// why somebody is refused; it is ErrNoRole if they have no role.
func (s *Sessions) Arrive(ctx context.Context, from Client, a Arrival) (SignedIn, error) {
	for try := 1; ; try++ {
		in, err := s.arrive(ctx, from, &a)
		switch {
		case errors.Is(err, ErrChanged) && try < arriveTries:
			continue
		case errors.Is(err, ErrChanged):
			return SignedIn{}, errBusy
		case problem.KindOf(err) == problem.Forbidden:
			s.noteRefusal(ctx, from, &a, err)
		}
		return in, err
	}
}

func (s *Sessions) arrive(ctx context.Context, from Client, a *Arrival) (SignedIn, error) {
	now := s.now().UTC().Truncate(time.Millisecond)
	use := IdentityUse{Most: maxSessions}
	p, err := s.recognise(ctx, a, &use, now)
	if err != nil {
		return SignedIn{}, err
	}
	was := slices.Clone(p.Users)
	p.Users = a.roles(&p, now)
	notes, err := a.changes(&use, was, p.Users, from.Request)
	if err != nil {
		return SignedIn{}, err
	}
	if len(p.Active()) == 0 {
		refused := ErrNoRole
		if len(p.Users) > 0 {
			refused = errDisabled
		}
		if use.New || len(use.Remove) == 0 {
			return SignedIn{}, refused
		}
		if err := s.store.IdentityUse(ctx, use, notes); err != nil {
			return SignedIn{}, fmt.Errorf("taking roles away: %w", err)
		}
		return SignedIn{}, refused
	}
	in := SignedIn{Person: p}
	in.Token, in.Session = s.newSession(&p, ByProvider, from)
	in.Session.Provider, in.Session.ProviderSession, in.Session.ProvedAt = a.Provider, a.Session, a.ProvedAt
	if in.Session.ProvedAt.After(now) {
		in.Session.ProvedAt = now
	}
	use.Session = &in.Session
	var added []func(context.Context)
	use.Quotas = func(u *User) Quota {
		if a.Limit == nil || u.Tenant == access.Platform {
			return nil
		}
		q, used := a.Limit(u.Tenant)
		if used != nil {
			added = append(added, used)
		}
		return q
	}
	login, err := entries(&p, from.Request, "user.login", sessionNote{Session: in.Session.ID, Method: ByProvider, Provider: a.Provider})
	if err != nil {
		return SignedIn{}, err
	}
	if err := s.store.IdentityUse(ctx, use, append(notes, login...)); err != nil {
		return SignedIn{}, fmt.Errorf("signing in: %w", err)
	}
	for _, used := range added {
		used(ctx)
	}
	s.endBefore(ctx, from, p.ID)
	return in, nil
}

// recognise returns the person that arrives: the one with the identity, the one with the address, or a new one.
func (s *Sessions) recognise(ctx context.Context, a *Arrival, use *IdentityUse, now time.Time) (p Person, err error) {
	if use.Identity, use.Known, err = s.store.IdentityGet(ctx, a.Issuer, a.Subject); err != nil {
		return p, fmt.Errorf("looking up an identity: %w", err)
	}
	if use.Known {
		use.Identity.SeenAt = now
		p, ok, err := s.store.PersonGet(ctx, use.Identity.Person)
		if err == nil && !ok {
			err = ErrChanged
		}
		use.Was = p.Password
		return p, err
	}
	email, reason := cleanEmail(a.Email)
	switch {
	case reason != "":
		return p, errNoAddress
	case !a.Verified:
		return p, errUnverified
	}
	p, ok, err := s.store.PersonFind(ctx, email)
	switch {
	case err != nil:
		return p, fmt.Errorf("looking up an account: %w", err)
	case ok && !a.Link:
		return p, errTaken
	case !ok && !a.Create:
		return p, errNoAccount
	case ok:
		have, err := s.store.IdentityList(ctx, p.ID)
		if err != nil {
			return p, err
		}
		if slices.ContainsFunc(have, func(i Identity) bool { return i.Issuer == a.Issuer }) {
			return p, errOther
		}
		use.Was = p.Password
	default:
		p = Person{ID: randomid.New("usr_"), Email: email}
		use.New, use.Email = true, email
	}
	use.Identity = Identity{Issuer: a.Issuer, Subject: a.Subject, Person: p.ID, Provider: a.Provider, CreatedAt: now, SeenAt: now}
	return p, nil
}

// roles returns what the person is from now on. The provider decides about the tenants that it names; of the others, it
// takes away what it gave before. Whoever an admin has disabled stays disabled.
func (a *Arrival) roles(p *Person, now time.Time) (users []User) {
	left := slices.Clone(a.Grants)
	for _, u := range p.Users {
		i := slices.IndexFunc(left, func(g Grant) bool { return g.Tenant == u.Tenant })
		if i < 0 && u.Provider == a.Provider {
			continue
		}
		if i >= 0 {
			u.Role, u.Provider = left[i].Role, a.Provider
			left = slices.Delete(left, i, i+1)
		}
		if u.State == Invited && (i >= 0 || a.Link) {
			u.State = Active
		}
		users = append(users, u)
	}
	name := a.Name
	if checkName(name) != "" {
		name = ""
	}
	for _, g := range left {
		users = append(users, User{ID: p.ID, Tenant: g.Tenant, Email: p.Email, Name: name, Role: g.Role, State: Active, CreatedAt: now, Provider: a.Provider})
	}
	return users
}

// changes notes in use what differs between the users before and after, and returns its audit entries.
func (a *Arrival) changes(use *IdentityUse, before, after []User, from access.Request) (notes []*access.Entry, err error) {
	who := &access.Principal{Actor: access.Actor{Kind: access.ActorSystem, Name: "identity provider " + a.Provider}, Request: from}
	note := func(action string, was, is *User) {
		var e *access.Entry
		if e, err = userEntry(who, action, was, is); err == nil {
			notes = append(notes, e)
		}
	}
	for i := range before {
		was := &before[i]
		at := slices.IndexFunc(after, func(u User) bool { return u.Tenant == was.Tenant })
		switch {
		case err != nil:
			return nil, err
		case at < 0:
			use.Remove = append(use.Remove, *was)
			note("user.delete", was, nil)
		case after[at] != *was:
			use.Put = append(use.Put, after[at])
			note("user.update", was, &after[at])
		}
	}
	for i := range after {
		if is := &after[i]; is.Version == 0 && err == nil {
			use.Put = append(use.Put, *is)
			note("user.create", nil, is)
		}
	}
	return notes, err
}

// noteRefusal writes to the audit log of the installation that somebody was refused, as far as failures are written.
func (s *Sessions) noteRefusal(ctx context.Context, from Client, a *Arrival, why error) {
	left, ok := s.failures.allow(s.now())
	if !ok {
		return
	}
	email, _ := cleanEmail(a.Email)
	about := &User{Tenant: access.Platform, Email: email}
	reason := ""
	if p := new(problem.Error); errors.As(why, &p) {
		reason = p.Detail
	}
	who := &access.Principal{Actor: access.Actor{Kind: access.ActorAnonymous}, Request: from.Request}
	err := s.note(ctx, who, "user.login-failed", about, struct {
		Provider  string `json:"provider"`
		Subject   string `json:"subject"`
		Reason    string `json:"reason"`
		Unnoticed int    `json:"notRecorded,omitempty"`
	}{a.Provider, problem.Clip(a.Subject), reason, left})
	if err != nil {
		s.log.ErrorContext(ctx, "a refused sign-in could not be written to the audit log", "address", from.Address, "error", err)
	}
}

// EndProvided ends the sessions that the provider began: those of its session, of the person it knows by the subject, or of
// both. It returns how many there were.
func (s *Sessions) EndProvided(ctx context.Context, provider, issuer, subject, session string) (int, error) {
	person := ""
	if subject != "" {
		id, ok, err := s.store.IdentityGet(ctx, issuer, subject)
		if err != nil {
			return 0, fmt.Errorf("looking up an identity: %w", err)
		}
		if !ok {
			return 0, nil
		}
		person = id.Person
	}
	return s.store.SessionEndProvided(ctx, provider, session, person, func(id string) ([]*access.Entry, error) {
		p, _, err := s.store.PersonGet(ctx, id)
		if err != nil {
			return nil, err
		}
		return entries(&p, access.Request{}, "user.logout", struct {
			Provider string `json:"provider"`
		}{provider})
	})
}
