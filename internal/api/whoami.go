package api

import (
	"context"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/rest"
)

var docWhoami = rest.Doc{ID: "whoami", Tag: "Keys", Summary: "Show who is calling",
	Text: "The tenant that the key or the session acts for, and what it may do there."}

// Whoami is a caller, as Relay sees them.
type Whoami struct {
	Tenant string   `json:"tenant" doc:"the tenant that they act for" example:"\"default\""`
	Kind   string   `json:"kind" enum:"key,user" doc:"how they have shown who they are"`
	ID     string   `json:"id" doc:"of the key or the user"`
	Name   string   `json:"name" doc:"of the key or the user"`
	Scopes []string `json:"scopes" doc:"the scopes whose calls they may make" example:"[\"publish\"]"`
}

func (a *API) whoami(_ context.Context, c *access.Principal, _ *rest.None) (*Whoami, error) {
	tenant, _ := a.Tenants.TenantName(c.Tenant)
	w := &Whoami{Tenant: tenant, Kind: string(c.Actor.Kind), ID: c.Actor.ID, Name: c.Actor.Name, Scopes: []string{}}
	for _, s := range access.Scopes {
		if c.Allows(access.Of([]access.Scope{s})) {
			w.Scopes = append(w.Scopes, string(s))
		}
	}
	return w, nil
}
