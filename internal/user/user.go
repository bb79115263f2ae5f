// Package user holds the people who sign in: their roles in tenants, their passwords, and their sessions.
//
// A person signs in with one e-mail address and one password for the whole installation. In each tenant they are a user
// with a role and a name that the tenant's admins give; one tenant's admins learn nothing of the others. Operators are
// users of the installation itself (access.Platform).
//
// An admin invites an address, and gets a link to hand on, since an installation need not be able to send mail. Only the
// holder of the link becomes a user, and whoever has a password already proves it then, so that an invitation takes nobody
// over. A login link, which sets a new password, opens every tenant of the person; so only the platform may make one.
//
// Sessions and roles are read from the store for each request: what one server changes holds at the next request to every
// other. Wrong passwords are counted in the memory of each server.
package user

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
)

// State is where a user stands in a tenant.
type State string

// The states.
const (
	Invited  State = "invited"  // the invitation has not been accepted yet
	Active   State = "active"   // may do what the role allows
	Disabled State = "disabled" // may do nothing in the tenant until enabled again
)

// User is a person in a tenant, or an operator in the installation.
type User struct {
	ID        string         // the person's: "usr_…"
	Tenant    event.TenantID // access.Platform for an operator
	Email     string         // the person's
	Name      string         // a label that the tenant gives
	Role      access.Role
	State     State
	CreatedAt time.Time // UTC; when the tenant invited them
	SeenAt    time.Time // UTC; the last request in the tenant, to the minute or so; zero: none yet
	Version   int64     // rises with each change by an admin
	Provider  string    // the identity provider that gives the role, at each sign-in anew; empty: an admin has

	// SecondFactor tells that the person proves a second factor when they sign in.
	SecondFactor bool
}

// Label returns how the audit log names the user.
func (u *User) Label() string {
	if u.Name != "" {
		return u.Name
	}
	return u.Email
}

// Person is somebody who can sign in, with all that they are.
type Person struct {
	ID       string
	Email    string
	Password string // as Hash writes it; empty: none has been set
	Users    []User // the oldest first

	// SecondFactor tells that the person has a second factor, which is confirmed.
	SecondFactor bool
}

// Active returns as what the person may act now.
func (p *Person) Active() []User {
	var list []User
	for _, u := range p.Users {
		if u.State == Active {
			list = append(list, u)
		}
	}
	return list
}

// Session is a sign-in of a person, in one browser.
type Session struct {
	ID        string   // "ses_…"
	Hash      [32]byte // of its token; see HashToken
	Person    string
	CreatedAt time.Time // UTC
	SeenAt    time.Time // UTC; the last request, to the minute or so
	ExpiresAt time.Time // UTC; when it ends even if it is in use
	Address   string    // the client's, at the sign-in
	UserAgent string    // likewise
	Method    Method
	// Provider is the identity provider by which the session began, and ProviderSession the provider's own id of it (sid);
	// empty: none.
	Provider, ProviderSession string
	// ProvedAt is when the person last proved who they are. Zero: it is not known.
	ProvedAt time.Time // UTC
}

// Method is how somebody signed in.
type Method string

// The ways to sign in.
const (
	ByPassword   Method = "password"
	ByInvitation Method = "invitation"
	ByLoginLink  Method = "loginLink"
	ByProvider   Method = "provider"
	ByPasskey    Method = "passkey"
)

// LinkKind is what a link is for.
type LinkKind string

// The kinds of links.
const (
	Invitation LinkKind = "invitation" // makes the person an active user of one tenant
	LoginLink  LinkKind = "login"      // sets a new password
)

// Link is the right to sign in once. Its token is shown once and never stored.
type Link struct {
	Hash      [32]byte // of its token; see HashToken
	Kind      LinkKind
	Person    string
	Tenant    event.TenantID // of an invitation
	CreatedAt time.Time      // UTC
	ExpiresAt time.Time      // UTC
}

// Query selects users of a tenant.
type Query struct {
	Tenant event.TenantID
	Role   access.Role // empty: any
	State  State       // empty: any
	Email  string      // empty: any
	After  string      // cursor: those whose address is above it; empty: from the first
	Limit  int
}

// LinkUse is what the holder of a link does with it.
type LinkUse struct {
	Link     Link
	Was      string // the person's password as it was read
	Password string // the person's password from now on
	Name     string // of the user of the link's tenant; empty: as it was
	Session  Session
	Pending  *Pending // a sign-in that waits for the second factor, instead of Session; nil: it begins at once
}

var (
	// ErrNotFound is returned for a user, session or link that is not there, or another tenant's.
	ErrNotFound = errors.New("user: not found")
	// ErrExists is returned for a user whom the tenant has already.
	ErrExists = errors.New("user: exists")
	// ErrChanged is returned for a change of something that has changed since it was read.
	ErrChanged = errors.New("user: changed since it was read")
)

// Quota bounds how many users a tenant has.
type Quota interface {
	// Check returns a problem if count users, the new one among them, are too many.
	Check(count int64) error
}

// Store keeps users, sessions and links. A change is durable when the call returns, and so are its audit entries, which
// are stored in the same transaction. Wherever a call takes a time, it is the present one. All methods are safe for
// concurrent use, at any number of servers.
type Store interface {
	FactorStore
	IdentityStore
	PasskeyStore

	// UserInvite adds a user in the state Invited, with their invitation. A person with the address takes the place of u.ID,
	// which the call sets in u, link and the entry's target; without one it makes the person. ErrExists without a change
	// if the tenant has the user.
	UserInvite(ctx context.Context, u *User, link *Link, quota Quota, entry *access.Entry) error
	// UserCount returns how many users the tenant has, in whatever state.
	UserCount(ctx context.Context, tenant event.TenantID) (int64, error)
	// UserList returns users of a tenant by their address, up to q.Limit, and whether there are more.
	UserList(ctx context.Context, q Query) (list []User, more bool, err error)
	// UserGet returns a user of the tenant.
	UserGet(ctx context.Context, tenant event.TenantID, id string) (User, bool, error)
	// UserUpdate stores name, role and state of a user who still has u's version, which rises; else ErrChanged or
	// ErrNotFound.
	UserUpdate(ctx context.Context, u *User, entry *access.Entry) error
	// UserRemove removes a user with their invitation, and the person, their sessions and links with the last user;
	// ErrNotFound without one.
	UserRemove(ctx context.Context, tenant event.TenantID, id string, entry *access.Entry) error
	// PersonFind returns the person with the address.
	PersonFind(ctx context.Context, email string) (Person, bool, error)
	// PersonGet returns the person with the id.
	PersonGet(ctx context.Context, id string) (Person, bool, error)

	// LinkPut adds a link in the place of the person's others of its kind and tenant; ErrNotFound if the person is not
	// there, or if an invitation's user is not in the state Invited.
	LinkPut(ctx context.Context, l Link, entry *access.Entry) error
	// LinkGet returns the link with the hash.
	LinkGet(ctx context.Context, hash [32]byte) (Link, bool, error)
	// LinkUse uses a link up: the invitation's user becomes active, a login link ends the person's other sessions, the
	// password is set, and the session begins or waits for the second factor. ErrNotFound if the link is not there any
	// longer, or if the person's password or second factor has changed since it was read.
	LinkUse(ctx context.Context, use LinkUse, entries []*access.Entry) error

	// PasswordSet changes the person's password from was, and ends all sessions but keep, all sign-ins that wait, and all
	// login links; ErrChanged if it was another.
	PasswordSet(ctx context.Context, person, was, password, keep string, entries []*access.Entry) error
	// PasswordRehash stores the same password in another form; it changes nothing if the password was another.
	PasswordRehash(ctx context.Context, person, was, password string) error

	// SessionStart adds a session. If the person has more than most, the oldest end. ErrChanged if the person's password
	// is not was any longer, by which they signed in, or if they have a second factor.
	SessionStart(ctx context.Context, s Session, was string, most int, entries []*access.Entry) error
	// SessionFind returns the session with the hash and its person, whose Users are those of the tenant and of the
	// platform; tenant below zero: all.
	SessionFind(ctx context.Context, hash [32]byte, tenant event.TenantID) (Session, Person, bool, error)
	// SessionTouch notes that a session was used in a tenant.
	SessionTouch(ctx context.Context, id, person string, tenant event.TenantID, at time.Time) error
	// SessionProve uses a proof up, unless it is nil, and notes that the person has proved who they are in the session.
	// ErrChanged if the proof was used before, ErrNotFound without the session.
	SessionProve(ctx context.Context, person, id string, at time.Time, proof *Proof, entries []*access.Entry) error
	// SessionList returns the person's sessions, the last used first.
	SessionList(ctx context.Context, person string) ([]Session, error)
	// SessionEnd ends a session of the person, or all if id is empty; ErrNotFound without one.
	SessionEnd(ctx context.Context, person, id string, entries []*access.Entry) error
	// SignInExpire removes sessions that were not used since idle or end before now, and links, waiting sign-ins and used
	// challenges that end before now, up to limit of each, and returns how many it removed.
	SignInExpire(ctx context.Context, idle, now time.Time, limit int) (int, error)
	access.Auditor
}

const (
	sessionPrefix = "rs_" // of a session's token
	linkPrefix    = "rl_" // of a link's
)

// HashToken returns what is stored of a token. Tokens are random and long, so a plain SHA-256 cannot be searched.
func HashToken(token string) [32]byte { return sha256.Sum256([]byte(token)) }
