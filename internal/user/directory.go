package user

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
)

const (
	invitationTime = 7 * 24 * time.Hour
	loginLinkTime  = time.Hour
)

// Directory is the users of all tenants, as admins manage them. It is safe for concurrent use.
type Directory struct {
	store Store
	now   func() time.Time
	limit func(tenant event.TenantID) (q Quota, used func(ctx context.Context)) // nil: there are no limits; see Limit
}

// Limit sets the function that gives how many users a tenant may have, nil for any number, and what is called when one was
// created within that. It must be called before the directory is shared.
func (d *Directory) Limit(f func(tenant event.TenantID) (q Quota, used func(ctx context.Context))) {
	d.limit = f
}

// NewDirectory returns the users in the store.
func NewDirectory(store Store) *Directory { return &Directory{store: store, now: time.Now} }

// New is what the caller chooses of a user.
type New struct {
	Email, Name string
	Role        access.Role
}

// Token is a link's secret, which is shown once.
type Token struct {
	Text      string
	ExpiresAt time.Time
}

// Invite adds a user to the principal's tenant, or an operator, and returns them with the token by which the person
// accepts. A Conflict problem says that the tenant has the user already.
func (d *Directory) Invite(ctx context.Context, p *access.Principal, n New) (User, Token, error) {
	email, wrongEmail := cleanEmail(n.Email)
	var wrong []problem.Field
	for _, f := range []problem.Field{{Name: "email", Reason: wrongEmail}, {Name: "name", Reason: checkName(n.Name)}, {Name: "role", Reason: checkRole(n.Role)}} {
		if f.Reason != "" {
			wrong = append(wrong, f)
		}
	}
	if wrong != nil {
		return User{}, Token{}, &problem.Error{Kind: problem.Invalid, Detail: "the user cannot be invited", Fields: wrong}
	}
	now := d.at()
	u := User{
		ID: randomid.New("usr_"), Tenant: p.Tenant, Email: email, Name: n.Name, Role: n.Role, State: Invited, CreatedAt: now, Version: 1,
	}
	if n.Role == access.RoleOperator {
		if !p.Allows(access.RunPlatform) {
			return User{}, Token{}, problem.New(problem.Forbidden, "only the platform makes operators: use a key with the scope %q, or sign in as an operator", access.ScopePlatform)
		}
		u.Tenant = access.Platform
	}
	token, link := d.link(Invitation, u.ID, u.Tenant)
	var quota Quota
	var used func(context.Context)
	if d.limit != nil && u.Tenant != access.Platform {
		quota, used = d.limit(u.Tenant)
	}
	entry, err := d.entry(p, "user.invite", nil, &u)
	if err != nil {
		return User{}, Token{}, err
	}
	if err := d.store.UserInvite(ctx, &u, &link, quota, entry); errors.Is(err, ErrExists) {
		return User{}, Token{}, problem.New(problem.Conflict, "there is a user with this address already")
	} else if err != nil {
		return User{}, Token{}, fmt.Errorf("inviting a user: %w", err)
	}
	if used != nil {
		used(ctx)
	}
	return u, token, nil
}

// link makes a link for a person.
func (d *Directory) link(kind LinkKind, person string, tenant event.TenantID) (Token, Link) {
	lasts := invitationTime
	if kind == LoginLink {
		lasts = loginLinkTime
	}
	now := d.at()
	t := Token{Text: randomid.Token(linkPrefix), ExpiresAt: now.Add(lasts)}
	return t, Link{Hash: HashToken(t.Text), Kind: kind, Person: person, Tenant: tenant, CreatedAt: now, ExpiresAt: t.ExpiresAt}
}

func (d *Directory) at() time.Time { return d.now().UTC().Truncate(time.Millisecond) }

// audited is what the audit log shows of a user.
func (u *User) audited() any {
	return struct {
		Email string      `json:"email"`
		Name  string      `json:"name"`
		Role  access.Role `json:"role"`
		State State       `json:"state"`
		By    string      `json:"provider,omitempty"`
	}{u.Email, u.Name, u.Role, u.State, u.Provider}
}

func (u *User) target() access.Target { return access.Target{Type: "user", ID: u.ID, Name: u.Label()} }

// entry makes the audit entry of a change of a user, in the log of the user's tenant.
func (d *Directory) entry(p *access.Principal, action string, before, after *User) (*access.Entry, error) {
	return userEntry(p, action, before, after)
}

func userEntry(p *access.Principal, action string, before, after *User) (*access.Entry, error) {
	var was, is any
	about := after
	if before != nil {
		was, about = before.audited(), before
	}
	if after != nil {
		is = after.audited()
	}
	e, err := p.Entry(action, was, is, about.target())
	if err != nil {
		return nil, err
	}
	e.Tenant = about.Tenant
	return e, nil
}

// List returns users of the principal's tenant by their address, and whether there are more. Of operators, who belong to
// none, it returns a list if q.Role says so and the principal runs the platform.
func (d *Directory) List(ctx context.Context, p *access.Principal, q Query) (list []User, more bool, err error) {
	if q.Role != "" {
		if reason := checkRole(q.Role); reason != "" {
			return nil, false, problem.MalformedField("query role", "%s", reason)
		}
	}
	q.Tenant = p.Tenant
	if q.Role == access.RoleOperator {
		if !p.Allows(access.RunPlatform) {
			return nil, false, nil
		}
		q.Tenant = access.Platform
	}
	if q.Email != "" {
		email, reason := cleanEmail(q.Email)
		if reason != "" {
			return nil, false, problem.MalformedField("query email", "%s", reason)
		}
		q.Email = email
	}
	list, more, err = d.store.UserList(ctx, q)
	if err != nil {
		return nil, false, fmt.Errorf("listing users: %w", err)
	}
	return list, more, nil
}

// Get returns a user of the principal's tenant, or an operator to whoever runs the platform. A NotFound problem says that
// there is none.
func (d *Directory) Get(ctx context.Context, p *access.Principal, id string) (User, error) {
	u, ok, err := d.store.UserGet(ctx, p.Tenant, id)
	if err == nil && !ok && p.Allows(access.RunPlatform) {
		u, ok, err = d.store.UserGet(ctx, access.Platform, id)
	}
	switch {
	case err != nil:
		return User{}, fmt.Errorf("reading a user: %w", err)
	case !ok:
		return User{}, errNoUser
	}
	return u, nil
}

var errNoUser = problem.New(problem.NotFound, "there is no such user")

// Edit is what may be changed of a user; nil: it stays.
type Edit struct {
	Name *string
	Role *access.Role
}

// Change changes a user's name and role. The role holds from their next request on.
func (d *Directory) Change(ctx context.Context, p *access.Principal, id string, c Edit) (User, error) {
	return d.update(ctx, p, id, "user.update", func(u *User) error {
		var wrong []problem.Field
		if c.Name != nil {
			if reason := checkName(*c.Name); reason != "" {
				wrong = append(wrong, problem.Field{Name: "name", Reason: reason})
			}
			u.Name = *c.Name
		}
		if c.Role != nil && *c.Role != u.Role {
			switch reason := checkRole(*c.Role); {
			case reason != "":
				wrong = append(wrong, problem.Field{Name: "role", Reason: reason})
			case *c.Role == access.RoleOperator || u.Role == access.RoleOperator:
				wrong = append(wrong, problem.Field{Name: "role", Reason: "cannot change between operator and the roles of a tenant: invite the person anew"})
			case own(p, u):
				return errOwn
			}
			u.Role = *c.Role
		}
		if wrong != nil {
			return &problem.Error{Kind: problem.Invalid, Detail: "the user cannot be changed", Fields: wrong}
		}
		return nil
	})
}

// errOwn keeps admins from shutting themselves out by accident.
var errOwn = problem.New(problem.Conflict, "this is your own account: another admin can do that, or a key")

func own(p *access.Principal, u *User) bool {
	return p.Actor.Kind == access.ActorUser && p.Actor.ID == u.ID
}

// Disable takes all rights in the tenant from a user, from their next request on, until Enable.
func (d *Directory) Disable(ctx context.Context, p *access.Principal, id string) (User, error) {
	return d.update(ctx, p, id, "user.disable", func(u *User) error {
		switch {
		case own(p, u):
			return errOwn
		case u.State == Invited:
			return problem.New(problem.Conflict, "the invitation has not been accepted yet: delete the user to withdraw it")
		}
		u.State = Disabled
		return nil
	})
}

// Enable gives a disabled user their rights back.
func (d *Directory) Enable(ctx context.Context, p *access.Principal, id string) (User, error) {
	return d.update(ctx, p, id, "user.enable", func(u *User) error {
		if u.State == Disabled {
			u.State = Active
		}
		return nil
	})
}

// update changes a user; a change that changes nothing is not stored.
func (d *Directory) update(ctx context.Context, p *access.Principal, id, action string, change func(*User) error) (User, error) {
	before, err := d.Get(ctx, p, id)
	if err != nil {
		return User{}, err
	}
	after := before
	if err := change(&after); err != nil {
		return User{}, err
	}
	if after == before {
		return before, nil
	}
	entry, err := d.entry(p, action, &before, &after)
	if err != nil {
		return User{}, err
	}
	switch err := d.store.UserUpdate(ctx, &after, entry); {
	case errors.Is(err, ErrNotFound):
		return User{}, errNoUser
	case errors.Is(err, ErrChanged):
		return User{}, problem.New(problem.Conflict, "somebody else has changed the user in the meantime: look at it and try again")
	case err != nil:
		return User{}, fmt.Errorf("changing a user: %w", err)
	}
	return after, nil
}

// Remove removes a user from the tenant. With their last tenant the person goes, and all their sessions.
func (d *Directory) Remove(ctx context.Context, p *access.Principal, id string) error {
	u, err := d.Get(ctx, p, id)
	if err != nil {
		return err
	}
	if own(p, &u) {
		return errOwn
	}
	entry, err := d.entry(p, "user.delete", &u, nil)
	if err != nil {
		return err
	}
	if err := d.store.UserRemove(ctx, u.Tenant, id, entry); errors.Is(err, ErrNotFound) {
		return errNoUser
	} else if err != nil {
		return fmt.Errorf("removing a user: %w", err)
	}
	return nil
}

// Reinvite returns a new token for a user who has not accepted yet; the one before is no longer valid.
func (d *Directory) Reinvite(ctx context.Context, p *access.Principal, id string) (User, Token, error) {
	u, err := d.Get(ctx, p, id)
	if err != nil {
		return User{}, Token{}, err
	}
	if u.State != Invited {
		return User{}, Token{}, problem.New(problem.Conflict, "the user has accepted their invitation already")
	}
	return d.putLink(ctx, p, &u, Invitation, "user.invite-again")
}

// LoginLink returns a token by which a person sets a new password and signs in, in all their tenants: for somebody who has
// lost their password. The caller runs the platform.
func (d *Directory) LoginLink(ctx context.Context, p *access.Principal, id string) (User, Token, error) {
	if !p.Allows(access.RunPlatform) {
		return User{}, Token{}, problem.New(problem.Forbidden, "only the platform makes login links, which open all tenants of a person")
	}
	u, err := d.Get(ctx, p, id)
	switch {
	case err != nil:
		return User{}, Token{}, err
	case u.State != Active:
		return User{}, Token{}, problem.New(problem.Conflict, "the user is %s: only an active user can have a login link", u.State)
	}
	return d.putLink(ctx, p, &u, LoginLink, "user.login-link")
}

func (d *Directory) putLink(ctx context.Context, p *access.Principal, u *User, kind LinkKind, action string) (User, Token, error) {
	tenant := u.Tenant
	if kind == LoginLink {
		tenant = access.Platform
	}
	token, link := d.link(kind, u.ID, tenant)
	entry, err := d.entry(p, action, nil, u)
	if err != nil {
		return User{}, Token{}, err
	}
	if err := d.store.LinkPut(ctx, link, entry); errors.Is(err, ErrNotFound) {
		return User{}, Token{}, errNoUser
	} else if err != nil {
		return User{}, Token{}, fmt.Errorf("making a link: %w", err)
	}
	return *u, token, nil
}

// Count returns how many users the tenant has, invited and disabled ones included.
func (d *Directory) Count(ctx context.Context, tenant event.TenantID) (int64, error) {
	return d.store.UserCount(ctx, tenant)
}
