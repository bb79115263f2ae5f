package api

import (
	"context"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/provider"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/secret"
)

// Providers are the identity providers that people sign in by; provider.Providers is it.
type Providers interface {
	List() []*provider.Item
	Get(name string) (*provider.Item, error)
	Create(ctx context.Context, p *access.Principal, name string, s provider.Settings) (*provider.Item, error)
	Change(ctx context.Context, p *access.Principal, name string, edit func(*provider.Settings) error) (*provider.Item, error)
	Delete(ctx context.Context, p *access.Principal, name string) error
}

// SignInProvider is an identity provider (OpenID Connect) that people sign in by.
type SignInProvider struct {
	Name             string            `json:"name" example:"\"company\""`
	Label            string            `json:"label" doc:"what the login page calls it" example:"\"Example Corp\""`
	Issuer           string            `json:"issuer" example:"\"https://id.example.com/realms/main\""`
	ClientID         string            `json:"clientId" example:"\"relay\""`
	ClientSecret     string            `json:"clientSecret" doc:"*** if there is one; it is never shown" example:"\"***\""`
	Scopes           []string          `json:"scopes" doc:"beside openid" example:"[\"profile\",\"email\"]"`
	RoleClaim        string            `json:"roleClaim" doc:"where roles are read from: a claim, or names with dots that lead into objects" example:"\"realm_access.roles\""`
	Roles            map[string]string `json:"roles" doc:"values of the claim, and the role that each stands for: viewer, member, admin, with @ and a tenant unless it is the first one; or operator" example:"{\"relay-admins\":\"admin\"}"`
	DefaultRole      string            `json:"defaultRole" doc:"for people with none of these values; empty: they are refused, unless they were invited" example:"\"\""`
	AllowedDomains   []string          `json:"allowedDomains" doc:"of the e-mail addresses that may sign in; empty: any" example:"[\"example.com\"]"`
	AutoCreate       bool              `json:"autoCreate" doc:"signing in makes an account for somebody who has none" example:"true"`
	LinkByEmail      bool              `json:"linkByEmail" doc:"somebody whose verified e-mail address has an account gets it; this accepts their invitations" example:"false"`
	TrustEmail       bool              `json:"trustEmail" doc:"e-mail addresses count as verified if the provider says nothing about that, as Entra ID does" example:"false"`
	LogoutAtProvider bool              `json:"logoutAtProvider" doc:"signing out signs out at the provider, too" example:"false"`
	ForceRedirect    bool              `json:"forceRedirect" doc:"the login page leads to the provider at once, if it is the only one" example:"false"`
	RedirectPath     string            `json:"redirectPath" doc:"register publicUrl with this path at the provider as the address to come back to" example:"\"/login/oidc/company/callback\""`
	BackChannelPath  string            `json:"backChannelPath" doc:"likewise, where the provider tells of logouts (OpenID Connect Back-Channel Logout)" example:"\"/login/oidc/company/backchannel\""`
	CreatedAt        rest.Time         `json:"createdAt"`
	UpdatedAt        rest.Time         `json:"updatedAt"`
}

func showProvider(it *provider.Item, err error) (*SignInProvider, error) {
	if err != nil {
		return nil, err
	}
	s := &it.Value
	return &SignInProvider{
		Name: it.Name, Label: s.Label, Issuer: s.Issuer, ClientID: s.ClientID, ClientSecret: secret.Text(s.Sealed.ClientSecret).String(), Scopes: s.Scopes,
		RoleClaim: s.RoleClaim, Roles: s.Roles, DefaultRole: s.DefaultRole, AllowedDomains: s.AllowedDomains, AutoCreate: s.AutoCreate, LinkByEmail: s.LinkByEmail,
		TrustEmail: s.TrustEmail, LogoutAtProvider: s.LogoutAtProvider, ForceRedirect: s.ForceRedirect,
		RedirectPath: provider.RedirectPath(it.Name), BackChannelPath: provider.BackChannelPath(it.Name), CreatedAt: rest.Time(it.CreatedAt), UpdatedAt: rest.Time(it.UpdatedAt),
	}, nil
}

// SignInProviderFields are the settings of a provider that somebody chooses.
type SignInProviderFields struct {
	Label            rest.Opt[string]            `json:"label" maxLength:"50" doc:"null: the name" example:"\"Example Corp\""`
	ClientSecret     rest.Opt[string]            `json:"clientSecret" maxLength:"500" doc:"null: none, the client is public" example:"\"…\""`
	Scopes           rest.Opt[[]string]          `json:"scopes" maxItems:"20" doc:"null: profile and email" example:"[\"profile\",\"email\",\"groups\"]"`
	RoleClaim        rest.Opt[string]            `json:"roleClaim" maxLength:"200" doc:"null: roles are read from no claim" example:"\"groups\""`
	Roles            rest.Opt[map[string]string] `json:"roles" doc:"in place of all that there were; null: none" example:"{\"relay-admins\":\"admin\"}"`
	DefaultRole      rest.Opt[string]            `json:"defaultRole" maxLength:"100" doc:"null: none" example:"\"viewer\""`
	AllowedDomains   rest.Opt[[]string]          `json:"allowedDomains" maxItems:"100" doc:"null: any" example:"[\"example.com\"]"`
	AutoCreate       rest.Opt[bool]              `json:"autoCreate" example:"true"`
	LinkByEmail      rest.Opt[bool]              `json:"linkByEmail" example:"false"`
	TrustEmail       rest.Opt[bool]              `json:"trustEmail" example:"false"`
	LogoutAtProvider rest.Opt[bool]              `json:"logoutAtProvider" example:"false"`
	ForceRedirect    rest.Opt[bool]              `json:"forceRedirect" example:"false"`
}

// set stores a field that was given.
func set[T any](to *T, o rest.Opt[T], null T) {
	switch {
	case o.Null:
		*to = null
	case o.Given:
		*to = o.Value
	}
}

func (f *SignInProviderFields) apply(s *provider.Settings) {
	d := provider.Default()
	set(&s.Label, f.Label, "")
	set(&s.Sealed.ClientSecret, f.ClientSecret, "")
	set(&s.Scopes, f.Scopes, d.Scopes)
	set(&s.RoleClaim, f.RoleClaim, "")
	set(&s.Roles, f.Roles, d.Roles)
	set(&s.DefaultRole, f.DefaultRole, "")
	set(&s.AllowedDomains, f.AllowedDomains, d.AllowedDomains)
	set(&s.AutoCreate, f.AutoCreate, false)
	set(&s.LinkByEmail, f.LinkByEmail, false)
	set(&s.TrustEmail, f.TrustEmail, false)
	set(&s.LogoutAtProvider, f.LogoutAtProvider, false)
	set(&s.ForceRedirect, f.ForceRedirect, false)
}

var docProviderList = rest.Doc{ID: "listSignInProviders", Tag: "Users", Summary: "List identity providers", Text: "Those by which people sign in to the installation (OpenID Connect), the oldest first. The list is never paged."}

func (a *API) providerList(context.Context, *access.Principal, *rest.None) (*rest.List[SignInProvider], error) {
	data := []SignInProvider{}
	for _, it := range a.Providers.List() {
		v, err := showProvider(it, nil)
		if err != nil {
			return nil, err
		}
		data = append(data, *v)
	}
	return rest.PageOf(data, ""), nil
}

// CreateSignInProvider is the request to add an identity provider.
type CreateSignInProvider struct {
	Name     string `json:"name" required:"true" maxLength:"32" doc:"a part of the addresses that the provider knows; lower-case letters, digits and hyphens; it never changes" example:"\"company\""`
	Issuer   string `json:"issuer" required:"true" maxLength:"2000" doc:"the provider's address, exactly as it names itself; Relay reads the rest below /.well-known/openid-configuration" example:"\"https://id.example.com/realms/main\""`
	ClientID string `json:"clientId" required:"true" maxLength:"500" example:"\"relay\""`
	SignInProviderFields
}

var docProviderCreate = rest.Doc{ID: "createSignInProvider", Tag: "Users", Summary: "Add an identity provider", Status: 201,
	Text: "The login page then offers it. Relay asks the provider for nothing before somebody signs in. Its host may have a private address."}

type providerCreateInput struct {
	Body CreateSignInProvider `body:"required"`
}

func (a *API) providerCreate(ctx context.Context, c *access.Principal, in *providerCreateInput) (*SignInProvider, error) {
	s := provider.Default()
	s.Issuer, s.ClientID = in.Body.Issuer, in.Body.ClientID
	in.Body.apply(&s)
	return showProvider(a.Providers.Create(ctx, c, in.Body.Name, s))
}

type providerPath struct {
	Name string `path:"name" doc:"the provider's name"`
}

var docProviderGet = rest.Doc{ID: "getSignInProvider", Tag: "Users", Summary: "Get an identity provider"}

func (a *API) providerGet(_ context.Context, _ *access.Principal, in *providerPath) (*SignInProvider, error) {
	return showProvider(a.Providers.Get(in.Name))
}

// UpdateSignInProvider is the request to change an identity provider; what is left out stays.
type UpdateSignInProvider struct {
	Issuer   rest.Opt[string] `json:"issuer" maxLength:"2000" doc:"people are known by issuer and subject: another issuer's are others" example:"\"https://id.example.com/realms/main\""`
	ClientID rest.Opt[string] `json:"clientId" maxLength:"500" example:"\"relay\""`
	SignInProviderFields
}

var docProviderUpdate = rest.Doc{ID: "updateSignInProvider", Tag: "Users", Summary: "Change an identity provider", Text: "Holds for sign-ins from now on; sessions go on."}

type providerUpdateInput struct {
	providerPath
	Body UpdateSignInProvider `body:"required"`
}

func (a *API) providerUpdate(ctx context.Context, c *access.Principal, in *providerUpdateInput) (*SignInProvider, error) {
	return showProvider(a.Providers.Change(ctx, c, in.Name, func(s *provider.Settings) error {
		set(&s.Issuer, in.Body.Issuer, "")
		set(&s.ClientID, in.Body.ClientID, "")
		in.Body.apply(s)
		return nil
	}))
}

var docProviderDelete = rest.Doc{ID: "deleteSignInProvider", Tag: "Users", Summary: "Delete an identity provider", Status: 204, Text: "Accounts and sessions stay, with the roles that it gave; nobody signs in by it any longer."}

func (a *API) providerDelete(ctx context.Context, c *access.Principal, in *providerPath) (*rest.None, error) {
	return nil, a.Providers.Delete(ctx, c, in.Name)
}
