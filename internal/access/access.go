// Package access says who is calling, what they may do, and what they did: the principal of a request, the one table of
// permissions, and the entries of the audit log.
//
// The principal of a request is made where its credentials are read (api/identify.go, and user and portal for people), and
// Relay's own work has System; it travels from there as an argument. Every call of a domain that changes something takes it:
// for the tenant, and for the audit entry, in which the domain shows the thing before and after without its secrets
// (Principal.Entry), and which is stored in the same transaction as the change.
package access

import (
	"slices"

	"github.com/relay-events/relay/internal/event"
)

// Scope is what an API key was made for: a set of permissions with a name.
type Scope string

// The scopes. Admin includes manage, manage includes read.
const (
	ScopePublish  Scope = "publish"  // publish events
	ScopeHooks    Scope = "hooks"    // subscribe and unsubscribe REST hooks, as automation platforms do
	ScopeRead     Scope = "read"     // read everything of the tenant but secrets
	ScopeManage   Scope = "manage"   // change webhooks, retry, replay
	ScopeAdmin    Scope = "admin"    // keys, users, authentication
	ScopePlatform Scope = "platform" // manage tenants and act for one by the header Relay-Tenant
)

// Scopes lists all scopes in the order they are documented.
var Scopes = []Scope{ScopePublish, ScopeHooks, ScopeRead, ScopeManage, ScopeAdmin, ScopePlatform}

// Permission is one thing that somebody may do. Routes and pages name the one they need.
type Permission uint32

// The permissions.
const (
	Publish         Permission = 1 << iota // publish events, add respondents
	View                                   // see webhooks, events, event types, the log, jobs and statistics
	ViewRespondents                        // see respondents and campaigns
	EditWebhooks                           // create, change, test, pause and delete webhooks
	Redeliver                              // retry, cancel, resend, recover and replay
	RotateSecrets                          // make a webhook's secret anew, which shows it once
	EditCatalogue                          // event types and derivation rules
	EditRespondents                        // campaigns; retry and erase respondents
	Configure                              // the gate and its integrations
	ManageKeys                             // API keys
	ViewAudit                              // the audit log
	RunPlatform                            // tenants, encryption keys; act for any tenant
	ManageUsers                            // people who sign in, and their roles
	OwnAccount                             // one's own password and sessions, which keys do not have
	KnowSelf                               // ask who one is to Relay, which all callers may
	UseHooks                               // subscribe and unsubscribe REST hooks, and see samples for them
	RevealSecrets                          // see the secrets of webhooks again, where the tenant allows it
	TestWebhooks                           // send an example to a webhook
	EditShapes                             // the filter and the transform of webhooks
	OpenPortal                             // let customers into the tenant's portal, and out

	// Anybody needs no permission.
	Anybody Permission = 0
)

// scopePermissions is the table of what each scope allows by itself.
var scopePermissions = map[Scope]Permission{
	ScopePublish:  Publish | KnowSelf,
	ScopeHooks:    UseHooks | KnowSelf,
	ScopeRead:     reading,
	ScopeManage:   managing,
	ScopeAdmin:    administering,
	ScopePlatform: RunPlatform | KnowSelf,
}

const (
	reading       = View | ViewRespondents | KnowSelf
	managing      = reading | EditWebhooks | TestWebhooks | EditShapes | OpenPortal | UseHooks | Redeliver | RotateSecrets | EditCatalogue | EditRespondents
	administering = managing | Publish | Configure | ManageKeys | ManageUsers | ViewAudit | RevealSecrets
)

// Role is what a person is in a tenant, or in the installation: a set of permissions with a name.
type Role string

// The roles. Viewers, members and admins belong to a tenant, operators to the installation.
const (
	RoleViewer   Role = "viewer"   // look at everything but secrets
	RoleMember   Role = "member"   // also change webhooks and event types, retry and replay
	RoleAdmin    Role = "admin"    // also keys, users, the gate and the audit log
	RoleOperator Role = "operator" // run the installation, and act for any tenant as its admin
)

// Roles lists all roles in the order they are documented.
var Roles = []Role{RoleViewer, RoleMember, RoleAdmin, RoleOperator}

// rolePermissions is the table of what each role allows: a person may do what a key with the scope beside it may.
var rolePermissions = map[Role]Permission{
	RoleViewer:   scopePermissions[ScopeRead] | OwnAccount,
	RoleMember:   scopePermissions[ScopeManage] | OwnAccount,
	RoleAdmin:    scopePermissions[ScopeAdmin] | OwnAccount,
	RoleOperator: scopePermissions[ScopePlatform] | OwnAccount,
}

// Permissions returns what the role allows, nothing for an unknown one.
func (r Role) Permissions() Permission { return rolePermissions[r] }

// Platform stands for the installation where a tenant is named: its operators belong to it, and its audit log has what
// concerns no single tenant.
const Platform event.TenantID = 0

// Of returns what the scopes allow together.
func Of(scopes []Scope) Permission {
	var p Permission
	for _, s := range scopes {
		p |= scopePermissions[s]
	}
	return p
}

// Reading is looking at everything of a tenant but secrets and the audit log.
const Reading Permission = reading

// Administering is everything that may be done within one tenant.
const Administering Permission = administering

// ScopeSession stands, where a scope is documented, for the session of somebody who has signed in. No key has it.
const ScopeSession Scope = "session"

// ScopeAny stands, where a scope is documented, for any key and any session.
const ScopeAny Scope = "any"

// Scope returns the least scope that allows the permission, "" for Anybody.
func (p Permission) Scope() Scope {
	switch p {
	case Anybody:
		return ""
	case OwnAccount:
		return ScopeSession
	case KnowSelf:
		return ScopeAny
	}
	i := slices.IndexFunc(Scopes, func(s Scope) bool { return scopePermissions[s]&p == p })
	if i < 0 {
		return ScopePlatform
	}
	return Scopes[i]
}

// ActorKind is the sort of thing that acts.
type ActorKind string

// The kinds of actors.
const (
	ActorKey       ActorKind = "key"       // somebody with an API key
	ActorUser      ActorKind = "user"      // somebody who has signed in
	ActorPortal    ActorKind = "portal"    // a customer of the tenant's, who has opened a portal link
	ActorSystem    ActorKind = "system"    // Relay itself
	ActorAnonymous ActorKind = "anonymous" // somebody who has not proved who they are: a sign-in that failed
)

// Actor is whoever made a change, as the audit log names them.
type Actor struct {
	Kind ActorKind
	ID   string // the id of a key, a user or a portal link; "" for the others
	Name string // the label at the time
}

// Principal is who makes a call, for which tenant, and what they may do. It does not change.
type Principal struct {
	Tenant event.TenantID
	Actor  Actor
	May    Permission // all that they may do
	// Barred is what they could do if the state of the tenant did not forbid it, for the reason BarredWhy.
	Barred    Permission
	BarredWhy string
	Limits    *Limits // narrow Publish; nil: they do not
	Request   Request
	// NewTenant is the public id of the tenant that an accepted event creates; Tenant is then 0. Empty for every tenant that
	// is there.
	NewTenant string
	// Session is the id of the session by which a person acts, empty for everybody else.
	Session string
	// NeedsFactor tells that the tenant requires a second factor of a person who has none: until they set it up, they may do
	// nothing else.
	NeedsFactor bool
}

// Request is what the audit log keeps of the request by which a change was made; empty where there was none.
type Request struct {
	ID        string // the id in the answer and in the server's log
	Address   string // the client's address, without its port
	UserAgent string
}

// System is the principal of what Relay does for a tenant by itself.
func System(tenant event.TenantID) *Principal {
	return &Principal{Tenant: tenant, Actor: Actor{Kind: ActorSystem, Name: "Relay"}, May: Administering | RunPlatform}
}

// Allows reports whether the principal has the permission.
func (p *Principal) Allows(needed Permission) bool { return p.May&needed == needed }
