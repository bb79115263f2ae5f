package api

import (
	"net/http"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/web"
)

// identify tells who makes a request, by the API key that it shows or, without one, by the cookie of a session. A platform
// key may name the tenant to act for in the header Relay-Tenant, and is an admin there.
func (a *API) identify(r *http.Request) (*rest.Caller, error) {
	text := account.KeyText(r.Header.Get("Authorization"), r.Header.Get("ApiKey"))
	if text == "" && r.Header.Get("Authorization") == "" {
		if token := a.sessionToken(r); token != "" {
			return a.identifySession(r, token)
		}
	}
	k, err := a.Keys.Authenticate(text)
	if err != nil {
		return nil, a.failed(r, err)
	}
	p := &access.Principal{
		Tenant: k.Tenant, Actor: access.Actor{Kind: access.ActorKey, ID: k.ID, Name: k.Name}, May: access.Of(k.Scopes), Limits: k.Limits,
		Request: a.requestOf(r),
	}
	if name := r.Header.Get("Relay-Tenant"); name != "" {
		if !p.Allows(access.RunPlatform) {
			return nil, problem.New(problem.Forbidden, "the header Relay-Tenant needs a key with the scope %q", access.ScopePlatform)
		}
		t, ok := a.Keys.Tenant(name)
		if !ok {
			return nil, errNoTenant(name)
		}
		p.Tenant, p.May = t.ID, p.May|access.Administering // a platform key has no limits
	}
	return &rest.Caller{Principal: p, Secret: text}, nil
}

func errNoTenant(name string) error {
	return problem.New(problem.NotFound, "there is no tenant %q", rest.Clip(name))
}

// failed counts a request whose credentials are not valid, and returns what to answer.
func (a *API) failed(r *http.Request, err error) error {
	if a.Failures == nil {
		return err
	}
	return a.Failures.Failed(web.ClientAddr(r, a.TrustedProxies), err)
}

// requestOf is what the audit log keeps of a request, but for its id.
func (a *API) requestOf(r *http.Request) access.Request {
	q := access.Request{UserAgent: rest.Clip(r.UserAgent())}
	if addr := web.ClientAddr(r, a.TrustedProxies); addr.IsValid() {
		q.Address = addr.String()
	}
	return q
}
