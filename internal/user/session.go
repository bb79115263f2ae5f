package user

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
)

const (
	// SessionIdle is after how long without a request a session ends.
	SessionIdle = 12 * time.Hour
	// SessionLasts is after how long it ends even in use.
	SessionLasts = 7 * 24 * time.Hour
	// sessionTouch is how old the time of the last request may be before it is stored again.
	sessionTouch = time.Minute
	// maxSessions bounds the sessions of a person; a further one ends the oldest.
	maxSessions = 100
)

// Sessions signs people in and out. It is safe for concurrent use.
type Sessions struct {
	store     Store
	log       *slog.Logger
	now       func() time.Time
	hasher    *hasher
	accounts  *throttle
	addresses *throttle
	failures  *failureLog
	settings  *SettingsStore
	sealer    Sealer // nil: there are no passkeys
}

// NewSessions returns the sessions in the store, under the tenants' settings. log gets what no client is told.
func NewSessions(store Store, settings *SettingsStore, log *slog.Logger) (*Sessions, error) {
	if settings == nil {
		return nil, errors.New("user: NewSessions needs the tenants' settings")
	}
	return &Sessions{store: store, log: log, settings: settings, now: time.Now, hasher: newHasher(), accounts: newThrottle(), addresses: newThrottle(), failures: new(failureLog)}, nil
}

// Client is where a request to sign in comes from.
type Client struct {
	access.Request
	Addr netip.Addr
	// Before is the token of the session that the client had; it ends with the new one. Empty: none.
	Before string
}

// SignedIn is a session that has begun, or one that waits for the second factor.
type SignedIn struct {
	Token   string // shown once: the client sends it from now on; empty: none has begun
	Session Session
	Waiting Waiting // see Sessions.LoginCode
	Person  Person
}

// errSignIn is the same whatever is wrong, so that it tells nothing about who has an account.
var errSignIn = problem.New(problem.Unauthorized, "the e-mail address or the password is wrong")

// errLink is likewise the same whatever is wrong with a link.
var errLink = problem.New(problem.NotFound, "this link is no longer valid: it has been used or replaced, or it is too old; ask for a new one")

// Login signs somebody in by their password. An Unauthorized problem says that something is wrong; a TooMany problem that
// it was, too often; and an Unavailable problem that too many sign in at a time.
func (s *Sessions) Login(ctx context.Context, from Client, email, password string) (SignedIn, error) {
	if s.settings.PasswordLogin() == PasswordsOff {
		return SignedIn{}, errPasswords
	}
	clean, reason := cleanEmail(email)
	if reason != "" || len(password) > maxPassword {
		clean, password = "", "" // costs as much as any other
	}
	done, err := s.turn(ctx, clean, from.Addr)
	if err != nil {
		return SignedIn{}, err
	}
	defer done()
	p, _, err := s.store.PersonFind(ctx, clean)
	if err != nil {
		return SignedIn{}, fmt.Errorf("signing in: %w", err)
	}
	if err := s.verify(ctx, &p, clean, password, from); err != nil {
		return SignedIn{}, err
	}
	if !s.signsInHere(&p) {
		return SignedIn{}, errPasswords
	}
	if p.SecondFactor {
		return s.wait(ctx, &p, ByPassword)
	}
	return s.start(ctx, &p, ByPassword, from)
}

// errPasswords is the answer to somebody who must come by an identity provider.
var errPasswords = problem.New(problem.Forbidden, "sign in by the identity provider: the operator has switched passwords off")

// signsInHere reports whether the person may sign in without an identity provider.
func (s *Sessions) signsInHere(p *Person) bool {
	switch s.settings.PasswordLogin() {
	case PasswordsOff:
		return false
	case PasswordsAdmins:
		return slices.ContainsFunc(p.Active(), func(u User) bool { return u.Role == access.RoleAdmin || u.Role == access.RoleOperator })
	}
	return true
}

// turn waits until a password may be checked for an account from an address; done must be called afterwards. Failures are
// counted while the turn lasts: however many try at once, no more than hashesAtOnce are tried beyond what is allowed.
func (s *Sessions) turn(ctx context.Context, account string, addr netip.Addr) (done func(), err error) {
	if err := s.throttled(account, addr); err != nil {
		return nil, err
	}
	if done, err = s.hasher.turn(ctx); err != nil {
		return nil, err
	}
	if err := s.throttled(account, addr); err != nil {
		done()
		return nil, err
	}
	return done, nil
}

func (s *Sessions) throttled(account string, addr netip.Addr) error {
	now := s.now()
	wait := s.addresses.wait(addressName(addr), now)
	if account != "" {
		wait = max(wait, s.accounts.wait(account, now))
	}
	if wait > 0 {
		return &problem.Error{Kind: problem.TooMany, After: wait, Detail: "too many sign-ins have failed for this account or from here: wait, then try again"}
	}
	return nil
}

// verify checks the password of a person, whose ID is empty if there is none, and counts and notes a failure. It brings
// what is stored of the password up to date. The caller has a turn.
func (s *Sessions) verify(ctx context.Context, p *Person, account, password string, from Client) error {
	right, stale, err := s.hasher.check(cleanPassword(password), p.Password)
	if err != nil {
		return err
	}
	if !right || len(p.Active()) == 0 {
		return s.failed(ctx, p, account, from)
	}
	s.accounts.forgive(account)
	if stale {
		again, err := s.hasher.hash(cleanPassword(password))
		if err == nil {
			err = s.store.PasswordRehash(ctx, p.ID, p.Password, again)
		}
		if err != nil {
			s.log.ErrorContext(ctx, "a password could not be hashed with the present parameters", "user", p.ID, "error", err)
		} else {
			p.Password = again
		}
	}
	return nil
}

// failed counts a failure, notes it, and returns errSignIn. A failure that cannot be noted is answered all the same.
func (s *Sessions) failed(ctx context.Context, p *Person, account string, from Client) error {
	now := s.now()
	s.addresses.fail(addressName(from.Addr), now)
	n := 0
	if account != "" {
		n = s.accounts.fail(account, now)
	}
	s.noteFailure(ctx, p, n, account, from)
	return errSignIn
}

// noteFailure notes in the audit log of the tenants that it is about that n sign-ins have failed, up to what may be written.
func (s *Sessions) noteFailure(ctx context.Context, p *Person, n int, account string, from Client) {
	left, ok := s.failures.allow(s.now())
	if !ok {
		return
	}
	who := &access.Principal{Actor: access.Actor{Kind: access.ActorAnonymous}, Request: from.Request}
	users := p.Users
	if len(users) == 0 {
		users = []User{{Tenant: access.Platform, Email: account}}
	}
	for i := range users[:min(len(users), maxEntries)] {
		err := s.note(ctx, who, "user.login-failed", &users[i], struct {
			Failures  int `json:"failures"`
			Unnoticed int `json:"notRecorded,omitempty"`
		}{n, left})
		if err != nil {
			s.log.ErrorContext(ctx, "a failed sign-in could not be written to the audit log", "address", from.Address, "error", err)
			break
		}
	}
}

// maxEntries bounds the tenants in whose audit log one sign-in is noted.
const maxEntries = 20

func (s *Sessions) note(ctx context.Context, who *access.Principal, action string, about *User, after any) error {
	e, err := who.Entry(action, nil, after, about.target())
	if err == nil {
		e.Tenant = about.Tenant
		err = s.store.AuditAppend(ctx, e)
	}
	return err
}

// entries makes the audit entries of what a person did about their own account, in each tenant they belong to.
func entries(p *Person, from access.Request, action string, after any) ([]*access.Entry, error) {
	active := p.Active()
	var list []*access.Entry
	for i := range active[:min(len(active), maxEntries)] {
		u := &active[i]
		who := &access.Principal{Tenant: u.Tenant, Actor: access.Actor{Kind: access.ActorUser, ID: u.ID, Name: u.Label()}, Request: from}
		e, err := who.Entry(action, nil, after, u.target())
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// newSession makes a session of the person that begins now.
func (s *Sessions) newSession(p *Person, by Method, from Client) (token string, _ Session) {
	now := s.now().UTC().Truncate(time.Millisecond)
	token = randomid.Token(sessionPrefix)
	return token, Session{
		ID: randomid.New("ses_"), Hash: HashToken(token), Person: p.ID, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(SessionLasts),
		Address: from.Address, UserAgent: from.UserAgent, Method: by, ProvedAt: now,
	}
}

type sessionNote struct {
	Session      string `json:"session,omitempty"` // empty: it waits for the second factor
	Method       Method `json:"method"`
	SecondFactor bool   `json:"secondFactor,omitempty"` // it was proved
	Provider     string `json:"provider,omitempty"`     // who vouched for the person
	Passkey      string `json:"passkey,omitempty"`      // that was proved
}

// start begins a session of a person who has proved who they are, and ends the one that the client had.
func (s *Sessions) start(ctx context.Context, p *Person, by Method, from Client) (SignedIn, error) {
	token, session := s.newSession(p, by, from)
	notes, err := entries(p, from.Request, "user.login", sessionNote{Session: session.ID, Method: by})
	if err != nil {
		return SignedIn{}, err
	}
	switch err := s.store.SessionStart(ctx, session, p.Password, maxSessions, notes); {
	case errors.Is(err, ErrChanged):
		return SignedIn{}, errSignIn // the password was changed at the same moment
	case err != nil:
		return SignedIn{}, fmt.Errorf("signing in: %w", err)
	}
	s.endBefore(ctx, from, p.ID)
	return SignedIn{Token: token, Session: session, Person: *p}, nil
}

// endBefore ends the session that the client had; a client that has a new one does not come back to it.
func (s *Sessions) endBefore(ctx context.Context, from Client, person string) {
	if from.Before == "" {
		return
	}
	old, p, ok, err := s.store.SessionFind(ctx, HashToken(from.Before), -1)
	if err == nil && ok {
		err = s.store.SessionEnd(ctx, p.ID, old.ID, nil)
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		s.log.WarnContext(ctx, "the session before a sign-in could not be ended", "user", person, "error", err)
	}
}

// UseLink accepts an invitation, or sets a new password by a login link, and signs the person in. Somebody who accepts an
// invitation and has a password proves it by password; others choose it. name, unless empty, is how the person wants to be
// called in the tenant that invited them. A NotFound problem says that the link is not valid, an Unauthorized problem that
// the password is not the person's.
func (s *Sessions) UseLink(ctx context.Context, from Client, token, password, name string) (SignedIn, error) {
	if reason := checkName(name); reason != "" {
		return SignedIn{}, problem.InvalidField("name", "%s", reason)
	}
	if err := s.throttled("", from.Addr); err != nil {
		return SignedIn{}, err
	}
	link, ok, err := s.store.LinkGet(ctx, HashToken(token))
	if err != nil {
		return SignedIn{}, fmt.Errorf("reading a link: %w", err)
	}
	if !ok || !s.now().Before(link.ExpiresAt) {
		s.addresses.fail(addressName(from.Addr), s.now())
		return SignedIn{}, errLink
	}
	p, ok, err := s.store.PersonGet(ctx, link.Person)
	if err != nil {
		return SignedIn{}, fmt.Errorf("reading a link: %w", err)
	}
	if !ok {
		return SignedIn{}, errLink
	}
	return s.useLink(ctx, from, link, p, password, name)
}

func (s *Sessions) useLink(ctx context.Context, from Client, link Link, p Person, password, name string) (SignedIn, error) {
	proves := link.Kind == Invitation && p.Password != ""
	if !proves {
		if err := checkPassword("password", password, p.Email); err != nil {
			return SignedIn{}, err
		}
	}
	done, err := s.turn(ctx, p.Email, from.Addr)
	if err != nil {
		return SignedIn{}, err
	}
	defer done()
	by, action := ByInvitation, "user.accept"
	if link.Kind == LoginLink {
		by, action = ByLoginLink, "user.login"
	}
	// As what the person acts from now on.
	for i := range p.Users {
		if u := &p.Users[i]; by == ByInvitation && u.Tenant == link.Tenant && u.State == Invited {
			u.State = Active
			if name != "" {
				u.Name = name
			}
		}
	}
	if len(p.Active()) == 0 {
		return SignedIn{}, errLink // disabled since
	}
	use := LinkUse{Link: link, Was: p.Password, Password: p.Password, Name: name}
	if proves {
		if err := s.verify(ctx, &p, p.Email, password, from); err != nil {
			return SignedIn{}, err
		}
		use.Was, use.Password = p.Password, p.Password
	} else if use.Password, err = s.hasher.hash(cleanPassword(password)); err != nil {
		return SignedIn{}, err
	}
	about := p
	if by == ByInvitation {
		about.Users = slices.DeleteFunc(slices.Clone(p.Users), func(u User) bool { return u.Tenant != link.Tenant })
	}
	var signedIn SignedIn
	if p.SecondFactor {
		w, pending := s.newPending(p.ID, by)
		signedIn.Waiting, use.Pending = w, &pending
	} else {
		signedIn.Token, use.Session = s.newSession(&p, by, from)
	}
	notes, err := entries(&about, from.Request, action, sessionNote{Session: use.Session.ID, Method: by})
	if err != nil {
		return SignedIn{}, err
	}
	switch err := s.store.LinkUse(ctx, use, notes); {
	case errors.Is(err, ErrNotFound):
		return SignedIn{}, errLink
	case err != nil:
		return SignedIn{}, fmt.Errorf("using a link: %w", err)
	}
	s.accounts.forgive(p.Email)
	if use.Pending == nil {
		s.endBefore(ctx, from, p.ID)
	}
	signedIn.Session, signedIn.Person = use.Session, p
	return signedIn, nil
}

// errSession is the same whatever is wrong with a session.
var errSession = problem.New(problem.Unauthorized, "sign in: there is no session, or it has ended")

// Resume returns the session with the token and the principal that acts by it. tenant is where they act: below zero, the
// first that they belong to, for an operator of no tenant the default one. An Unauthorized problem says that there is no
// session; a NotFound problem, that the tenant is none of theirs.
func (s *Sessions) Resume(ctx context.Context, token string, tenant event.TenantID) (Session, *access.Principal, error) {
	session, who, err := s.find(ctx, token, tenant)
	if err != nil {
		return Session{}, nil, err
	}
	now := s.now().UTC().Truncate(time.Millisecond)
	if now.Sub(session.SeenAt) >= sessionTouch {
		// A full disk must not keep anybody from looking.
		if err := s.store.SessionTouch(ctx, session.ID, session.Person, who.Tenant, now); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "the last use of a session could not be stored", "user", session.Person, "error", err)
		} else {
			session.SeenAt = now
		}
	}
	return session, who, nil
}

// Holds returns who acts in the session as Resume does, for a page that is merely open: it does not count as use, so that a
// session ends on a screen that nobody touches.
func (s *Sessions) Holds(ctx context.Context, token string, tenant event.TenantID) (*access.Principal, error) {
	_, who, err := s.find(ctx, token, tenant)
	return who, err
}

// find looks up a session that has not ended, and who acts in it.
func (s *Sessions) find(ctx context.Context, token string, tenant event.TenantID) (Session, *access.Principal, error) {
	const longest = 100 // characters; no token is longer
	if token == "" || len(token) > longest {
		return Session{}, nil, errSession
	}
	session, p, ok, err := s.store.SessionFind(ctx, HashToken(token), tenant)
	now := s.now().UTC().Truncate(time.Millisecond)
	switch {
	case err != nil:
		return Session{}, nil, fmt.Errorf("looking up a session: %w", err)
	case !ok || !now.Before(session.ExpiresAt) || now.Sub(session.SeenAt) >= SessionIdle:
		return Session{}, nil, errSession
	}
	who, roles, err := principal(&p, tenant)
	if err != nil {
		return Session{}, nil, err
	}
	who.Session = session.ID
	// Whoever comes from an identity provider proves there as much as it asks for, and a passkey is two factors.
	if !p.SecondFactor && session.Method != ByProvider && session.Method != ByPasskey {
		for _, r := range roles {
			who.NeedsFactor = who.NeedsFactor || s.settings.requires(r.tenant, r.role)
		}
		if who.NeedsFactor {
			who.May &= access.OwnAccount
		}
	}
	return session, who, nil
}

// acting is a role in which somebody acts.
type acting struct {
	tenant event.TenantID
	role   access.Role
}

// principal returns the person as they act in the tenant, and in which roles they do.
func principal(p *Person, tenant event.TenantID) (who *access.Principal, roles []acting, err error) {
	who = &access.Principal{Actor: access.Actor{Kind: access.ActorUser, ID: p.ID, Name: p.Email}}
	active := p.Active()
	for i := range active {
		if u := &active[i]; u.Role == access.RoleOperator {
			who.May |= u.Role.Permissions()
			who.Actor.Name = u.Label()
		}
	}
	operator := who.Allows(access.RunPlatform)
	at := slices.IndexFunc(active, func(u User) bool { return u.Tenant != access.Platform && (tenant < 0 || u.Tenant == tenant) })
	switch {
	case at >= 0:
		u := &active[at]
		who.Tenant, who.Actor.Name = u.Tenant, u.Label()
		who.May |= u.Role.Permissions()
		roles = append(roles, acting{u.Tenant, u.Role})
	case operator && tenant < 0:
		who.Tenant = event.DefaultTenant
	case operator && tenant != access.Platform:
		who.Tenant = tenant
	case len(active) == 0 && tenant < 0:
		return nil, nil, errSession // disabled everywhere
	default:
		return nil, nil, problem.New(problem.NotFound, "there is no such tenant")
	}
	if operator {
		who.May |= access.Administering
		roles = append(roles, acting{access.Platform, access.RoleOperator}, acting{who.Tenant, access.RoleAdmin})
	}
	return who, roles, nil
}
