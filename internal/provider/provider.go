// Package provider lets people sign in by identity providers (OpenID Connect): which providers there are, who may come from
// them, and what they are here.
//
// Package oidc speaks the protocol, and package user keeps the accounts; this one decides in between. A provider's word on
// somebody's roles is read at each sign-in. It reaches no provider before somebody signs in, so that one which is down keeps
// no server from starting, and a session that has begun needs its provider no longer.
package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/oidc"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/user"
)

// askTime bounds a request to a provider: a person waits for it.
const askTime = 5 * time.Second

// Egress makes the requests to providers; egress.Client does.
type Egress interface {
	// HTTPClientTo returns a client that may reach the host of the URL wherever it is.
	HTTPClientTo(raw string, timeout time.Duration) (*http.Client, error)
}

// Sessions signs in whoever a provider vouches for; user.Sessions does.
type Sessions interface {
	Arrive(ctx context.Context, from user.Client, a user.Arrival) (user.SignedIn, error)
	EndProvided(ctx context.Context, provider, issuer, subject, session string) (int, error)
}

// Config is what Providers work on. All fields are required unless they say otherwise.
type Config struct {
	Store    registry.RecordStore
	Sessions Sessions
	Egress   Egress
	// Tenant returns the id of the tenant with the name.
	Tenant func(name string) (event.TenantID, bool)
	// Limit is as in user.Arrival. Nil: tenants may have any number of users.
	Limit func(tenant event.TenantID) (q user.Quota, used func(ctx context.Context))
}

// Providers are the identity providers. It is safe for concurrent use.
type Providers struct {
	c       Config
	records *registry.Records[Settings]

	mu   sync.Mutex
	open map[string]opened // by name; guarded by mu
}

// opened is a provider under the settings that it was opened with.
type opened struct {
	item *Item
	oidc *oidc.Provider
}

// New returns the providers in the store; it asks none of them.
func New(ctx context.Context, c Config) (*Providers, error) {
	if c.Store == nil || c.Sessions == nil || c.Egress == nil || c.Tenant == nil {
		return nil, errors.New("provider: Config lacks Store, Sessions, Egress or Tenant")
	}
	p := &Providers{c: c, open: make(map[string]opened)}
	var err error
	p.records, err = registry.NewRecords(ctx, c.Store, registry.RecordOptions[Settings]{
		Kind: Kind, Noun: "signInProvider", Global: true, Max: MaxProviders, Check: p.check,
		Secrets: func(s *Settings) any { return &s.Sealed },
		Audited: func(s *Settings) any { return s.audited() },
		Label:   func(s *Settings) string { return s.Label },
	})
	if err != nil {
		return nil, fmt.Errorf("reading identity providers: %w", err)
	}
	return p, nil
}

func (p *Providers) tenant(name string) *event.TenantID {
	if name == "" {
		id := event.DefaultTenant
		return &id
	}
	if id, ok := p.c.Tenant(name); ok {
		return &id
	}
	return nil
}

// provider opens the provider with the name, or returns a NotFound problem.
func (p *Providers) provider(name string) (*Item, *oidc.Provider, error) {
	item, err := p.Get(name)
	if err != nil {
		return nil, nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.open[name]; o.item == item {
		return item, o.oidc, nil
	}
	s := &item.Value
	client, err := p.c.Egress.HTTPClientTo(s.Issuer, askTime)
	if err != nil {
		return nil, nil, problem.Wrap(err, problem.Unavailable, "the address of the identity provider can no longer be used")
	}
	o, err := oidc.New(oidc.Config{Issuer: s.Issuer, ClientID: s.ClientID, ClientSecret: secret.Text(s.Sealed.ClientSecret), Scopes: s.Scopes, Client: client})
	if err != nil {
		return nil, nil, err
	}
	p.open[name] = opened{item, o}
	return item, o, nil
}

// Way is a provider as the login page shows it.
type Way struct {
	Name, Label   string
	Down          bool // it could not be reached a moment ago
	ForceRedirect bool
}

// Ways returns the providers that people can sign in by.
func (p *Providers) Ways() []Way {
	var ways []Way
	for _, it := range p.List() {
		w := Way{Name: it.Name, Label: it.Value.Label, ForceRedirect: it.Value.ForceRedirect}
		p.mu.Lock()
		if o := p.open[it.Name]; o.item == it {
			w.Down = o.oidc.Down()
		}
		p.mu.Unlock()
		ways = append(ways, w)
	}
	return ways
}

// Label returns what people call the provider with the name.
func (p *Providers) Label(name string) string {
	if it, err := p.Get(name); err == nil {
		return it.Value.Label
	}
	return name
}

// Begin returns the address at the provider to send a browser to, and what it must bring back; see oidc.Provider.Begin.
func (p *Providers) Begin(ctx context.Context, name, redirect string, again bool) (address string, a oidc.Attempt, err error) {
	_, o, err := p.provider(name)
	if err != nil {
		return "", oidc.Attempt{}, err
	}
	return o.Begin(ctx, redirect, again)
}

// NoRoleError is the answer to somebody whose claims give them no role.
type NoRoleError struct {
	Provider string // its label
	Claim    string // that roles are read from; empty: from none
	Seen     []string
	err      error
}

func (e *NoRoleError) Error() string { return e.err.Error() }
func (e *NoRoleError) Unwrap() error { return e.err }

// Finish signs in who comes back from the provider with the answer; see oidc.Provider.Finish and user.Sessions.Arrive. The
// error is a *NoRoleError if the claims give no role.
func (p *Providers) Finish(ctx context.Context, from user.Client, name string, a oidc.Attempt, redirect string, answer url.Values) (user.SignedIn, error) {
	item, o, err := p.provider(name)
	if err != nil {
		return user.SignedIn{}, err
	}
	claims, err := o.Finish(ctx, a, redirect, answer)
	if err != nil {
		return user.SignedIn{}, err
	}
	arrival, seen := p.arrival(item, &claims)
	if !item.Value.allows(arrival.Email) || len(item.Value.AllowedDomains) > 0 && !arrival.Verified {
		return user.SignedIn{}, errDomain
	}
	in, err := p.c.Sessions.Arrive(ctx, from, arrival)
	if errors.Is(err, user.ErrNoRole) {
		err = &NoRoleError{Provider: item.Value.Label, Claim: item.Value.RoleClaim, Seen: seen, err: err}
	}
	return in, err
}

var errDomain = problem.New(problem.Forbidden, "people with your e-mail address may not sign in by this identity provider")

// arrival returns what the claims mean, and the values of the claim that roles are read from.
func (p *Providers) arrival(item *Item, claims *oidc.Claims) (user.Arrival, []string) {
	s := &item.Value
	name, _ := claims.All["name"].(string)
	a := user.Arrival{
		Provider: item.Name, Issuer: claims.Issuer, Subject: claims.Subject, Email: claims.Email, Verified: claims.EmailVerified, Name: name,
		Session: claims.Session, ProvedAt: claims.ProvedAt, Create: s.AutoCreate, Link: s.LinkByEmail, Limit: p.c.Limit,
	}
	if _, says := claims.All["email_verified"]; !says && s.TrustEmail {
		a.Verified = true
	}
	grants, seen := s.mapping().Grants(claims.All)
	for _, g := range grants {
		if g.Role == access.RoleOperator {
			a.Grants = append(a.Grants, user.Grant{Tenant: access.Platform, Role: g.Role})
		} else if id := p.tenant(g.Tenant); id != nil { // it may have been deleted since
			a.Grants = append(a.Grants, user.Grant{Tenant: *id, Role: g.Role})
		}
	}
	return a, seen
}

// Trial is what a sign-in would come to.
type Trial struct {
	Provider string // its label
	Claims   map[string]any
	Claim    string // that roles are read from
	Seen     []string
	Roles    []string // as in the settings, such as "admin@acme"
	Refused  string   // why the claims do not suffice; empty: they do
}

// Try returns what a sign-in with the answer would come to, and signs nobody in.
func (p *Providers) Try(ctx context.Context, name string, a oidc.Attempt, redirect string, answer url.Values) (Trial, error) {
	item, o, err := p.provider(name)
	if err != nil {
		return Trial{}, err
	}
	claims, err := o.Finish(ctx, a, redirect, answer)
	if err != nil {
		return Trial{}, err
	}
	s := &item.Value
	arrival, seen := p.arrival(item, &claims)
	t := Trial{Provider: s.Label, Claims: claims.All, Claim: s.RoleClaim, Seen: seen}
	grants, _ := s.mapping().Grants(claims.All)
	for _, g := range grants {
		switch {
		case g.Role == access.RoleOperator || g.Tenant == "":
			t.Roles = append(t.Roles, string(g.Role))
		case p.tenant(g.Tenant) != nil:
			t.Roles = append(t.Roles, string(g.Role)+"@"+g.Tenant)
		}
	}
	switch {
	case !s.allows(arrival.Email) || len(s.AllowedDomains) > 0 && !arrival.Verified:
		t.Refused = errDomain.Detail
	case len(t.Roles) == 0:
		t.Refused = "these claims give no role: only people whom an administrator has invited can sign in with such"
	case !arrival.Verified:
		t.Refused = "the e-mail address is not verified: no account is made or linked by it"
	}
	return t, nil
}

// Logout ends the sessions that the provider's logout token is about. A Malformed problem says that the token is not one.
func (p *Providers) Logout(ctx context.Context, name, token string) error {
	item, o, err := p.provider(name)
	if err != nil {
		return err
	}
	says, err := o.ReadLogout(ctx, token)
	if err != nil {
		return err
	}
	_, err = p.c.Sessions.EndProvided(ctx, name, item.Value.Issuer, says.Subject, says.Session)
	return err
}

// EndSession returns the address where somebody signs out at the provider, too, and comes back to the address back; empty:
// they do not.
func (p *Providers) EndSession(ctx context.Context, name, back string) string {
	item, o, err := p.provider(name)
	if err != nil || !item.Value.LogoutAtProvider {
		return ""
	}
	return o.EndSession(ctx, back)
}

// RedirectPath is the path of the address that the provider sends browsers back to; the operator registers it there.
func RedirectPath(name string) string { return "/login/oidc/" + url.PathEscape(name) + "/callback" }

// BackChannelPath is the path of the address that the provider sends logout tokens to.
func BackChannelPath(name string) string {
	return strings.TrimSuffix(RedirectPath(name), "callback") + "backchannel"
}
