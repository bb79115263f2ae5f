package api

import (
	"context"
	"net/http"
	"net/netip"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/web"
)

// identify tells who makes a request, by the API key that it shows or, without one, by the cookie of a session. A platform
// key may name the tenant to act for in the header Relay-Tenant, and is an admin there.
func (a *API) identify(r *http.Request) (*rest.Caller, error) {
	text := account.KeyText(r.Header.Get("Authorization"), r.Header.Get("ApiKey"))
	if text == "" && r.Header.Get("Authorization") == "" {
		if token := a.SignIn.Token(r); token != "" {
			return a.identifySession(r, token)
		}
	}
	k, err := a.Keys.Authenticate(text)
	if err != nil {
		return nil, a.failed(r, err)
	}
	a.Keys.Used(k, func() netip.Addr { return web.ClientAddr(r, a.TrustedProxies) })
	p := &access.Principal{
		Tenant: k.Tenant, Actor: access.Actor{Kind: access.ActorKey, ID: k.ID, Name: k.Name}, May: access.Of(k.Scopes), Limits: k.Limits,
		Request: a.requestOf(r),
	}
	name := r.Header.Get("Relay-Tenant")
	if name != "" {
		if !p.Allows(access.RunPlatform) {
			return nil, problem.New(problem.Forbidden, "the header Relay-Tenant needs a key with the scope %q", access.ScopePlatform)
		}
		t, ok := a.Tenants.Tenant(name)
		if !ok {
			return a.firstEvent(r, p, text, name)
		}
		p.Tenant, p.May = t.ID, p.May|access.Administering // a platform key has no limits
	}
	if !a.Tenants.Bound(p) {
		return nil, a.failed(r, account.ErrKey)
	}
	return &rest.Caller{Principal: p, Secret: text}, nil
}

// firstEvent returns the caller that publishes for a tenant that does not exist, where the operator allows that; else it
// returns a NotFound problem.
func (a *API) firstEvent(r *http.Request, p *access.Principal, text, name string) (*rest.Caller, error) {
	if !a.CreateTenants || r.Method != http.MethodPost || r.URL.Path != "/v1/events" {
		return nil, account.ErrNoTenant(name)
	}
	if err := account.CheckTenantName(name); err != nil {
		return nil, err
	}
	p.Tenant, p.NewTenant, p.May = access.Platform, name, access.Publish
	return &rest.Caller{Principal: p, Secret: text}, nil
}

// enter returns what creates the principal's tenant, nil if that is there.
func (a *API) enter(p *access.Principal) func(ctx context.Context) (event.TenantID, error) {
	if p.NewTenant == "" {
		return nil
	}
	return func(ctx context.Context) (event.TenantID, error) {
		if t, ok := a.Tenants.Tenant(p.NewTenant); ok { // created by another request, or the beginning of the stream
			return t.ID, nil
		}
		t, err := a.Tenants.Create(ctx, p, account.NewTenant{Name: p.NewTenant})
		if problem.KindOf(err) == problem.Conflict { // another server was faster
			if err := a.Tenants.Refresh(ctx); err != nil {
				return 0, err
			}
			if t, ok := a.Tenants.Tenant(p.NewTenant); ok {
				return t.ID, nil
			}
		}
		if err != nil {
			return 0, err
		}
		return t.ID, nil
	}
}

// failed counts a request whose credentials are not valid, and returns the answer.
func (a *API) failed(r *http.Request, err error) error {
	if a.Failures == nil {
		return err
	}
	return a.Failures.Failed(web.ClientAddr(r, a.TrustedProxies), err)
}

// requestOf returns the details of a request for the audit log, except its id.
func (a *API) requestOf(r *http.Request) access.Request {
	q := access.Request{UserAgent: rest.Clip(r.UserAgent())}
	if addr := web.ClientAddr(r, a.TrustedProxies); addr.IsValid() {
		q.Address = addr.String()
	}
	return q
}
