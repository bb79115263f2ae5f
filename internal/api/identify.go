package api

import (
	"net/http"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/web"
)

// identify tells who makes a request, by the API key that it shows. A platform key may name the tenant to act for in the
// header Relay-Tenant, and is an admin there.
func (a *API) identify(r *http.Request) (*rest.Caller, error) {
	text := account.KeyText(r.Header.Get("Authorization"), r.Header.Get("ApiKey"))
	k, err := a.Keys.Authenticate(text)
	if err != nil {
		if a.Failures != nil {
			err = a.Failures.Failed(web.ClientAddr(r, a.TrustedProxies), err)
		}
		return nil, err
	}
	p := &access.Principal{
		Tenant: k.Tenant, Actor: access.Actor{Kind: access.ActorKey, ID: k.ID, Name: k.Name}, May: access.Of(k.Scopes),
		Request: access.Request{UserAgent: rest.Clip(r.UserAgent())},
	}
	if addr := web.ClientAddr(r, a.TrustedProxies); addr.IsValid() {
		p.Request.Address = addr.String()
	}
	if name := r.Header.Get("Relay-Tenant"); name != "" {
		if !p.Allows(access.RunPlatform) {
			return nil, problem.New(problem.Forbidden, "the header Relay-Tenant needs a key with the scope %q", access.ScopePlatform)
		}
		t, ok := a.Keys.Tenant(name)
		if !ok {
			return nil, problem.New(problem.NotFound, "there is no tenant %q", rest.Clip(name))
		}
		p.Tenant, p.May = t.ID, p.May|access.Administering
	}
	return &rest.Caller{Principal: p, Secret: text}, nil
}
