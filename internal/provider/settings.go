package provider

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/oidc"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
)

// Kind names the settings of providers in storage.
const Kind registry.Kind = "sign-in-provider"

const (
	// MaxProviders bounds how many there are: the login page has a button for each.
	MaxProviders = 20

	maxLabel   = 50  // characters
	maxClient  = 500 // bytes, of the client's id and secret
	maxScopes  = 20
	maxDomains = 100
	maxRoles   = 500
	maxWord    = 200 // bytes, of a scope, a claim or a value of it
)

// Settings are how people sign in by one identity provider.
type Settings struct {
	// Label is what the login page calls the provider.
	Label string `json:"label"`
	// Issuer is the provider's address, exactly as its tokens name it.
	Issuer   string `json:"issuer"`
	ClientID string `json:"clientId"`
	// Scopes are asked for beside "openid".
	Scopes []string `json:"scopes"`
	// RoleClaim, Roles and DefaultRole are as in oidc.Mapping.
	RoleClaim   string            `json:"roleClaim"`
	Roles       map[string]string `json:"roles"`
	DefaultRole string            `json:"defaultRole"`
	// AllowedDomains are those of the e-mail addresses that may sign in. Empty: any.
	AllowedDomains []string `json:"allowedDomains"`
	// AutoCreate makes an account for somebody who has none.
	AutoCreate bool `json:"autoCreate"`
	// LinkByEmail gives the account with an address to whoever the provider says has the address.
	LinkByEmail bool `json:"linkByEmail"`
	// TrustEmail takes addresses for verified that the provider says nothing about (Entra ID).
	TrustEmail bool `json:"trustEmail"`
	// LogoutAtProvider signs people out at the provider, too.
	LogoutAtProvider bool `json:"logoutAtProvider"`
	// ForceRedirect leads from the login page to the provider at once.
	ForceRedirect bool `json:"forceRedirect"`

	Sealed Sealed `json:"-"`
}

// Sealed is what is stored encrypted of Settings.
type Sealed struct {
	ClientSecret string // empty: the client is public
}

// Default returns the settings of a new provider.
func Default() Settings {
	return Settings{Scopes: []string{"profile", "email"}, Roles: map[string]string{}, AllowedDomains: []string{}}
}

// mapping returns what roles follow from.
func (s *Settings) mapping() *oidc.Mapping {
	return &oidc.Mapping{Claim: s.RoleClaim, Roles: s.Roles, Default: s.DefaultRole}
}

// audited is what the audit log shows.
func (s *Settings) audited() any {
	return struct {
		Settings
		HasSecret bool `json:"hasClientSecret"`
	}{*s, s.Sealed.ClientSecret != ""}
}

var providerName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

// check completes settings, and returns a problem for those that cannot be stored.
func (p *Providers) check(_ event.TenantID, name string, s *Settings) error {
	if !providerName.MatchString(name) {
		return problem.InvalidField("name", "must be 1 to 32 lower-case letters, digits and hyphens, with no hyphen at the ends")
	}
	s.Label = strings.TrimSpace(s.Label)
	if s.Label == "" {
		s.Label = name
	}
	if err := event.CheckLabel(s.Label, false); err != nil || utf8.RuneCountInString(s.Label) > maxLabel {
		return problem.InvalidField("label", "must be at most %d characters, without control characters", maxLabel)
	}
	if _, err := p.c.Egress.HTTPClientTo(s.Issuer, 0); err != nil || strings.ContainsAny(s.Issuer, "?#") {
		if err == nil {
			err = errors.New("the URL must have neither a query nor a fragment")
		}
		return problem.InvalidField("issuer", "cannot be used: %s", err)
	}
	switch {
	case s.ClientID == "" || len(s.ClientID) > maxClient || strings.ContainsFunc(s.ClientID, unprintable):
		return problem.InvalidField("clientId", "must be the id that the provider has given to Relay, at most %d bytes", maxClient)
	case len(s.Sealed.ClientSecret) > maxClient || strings.ContainsFunc(s.Sealed.ClientSecret, unprintable):
		return problem.InvalidField("clientSecret", "must be at most %d printable characters", maxClient)
	}
	if err := s.checkLists(); err != nil {
		return err
	}
	if err := s.mapping().Check(); err != nil {
		return err
	}
	for value, text := range s.Roles {
		if _, tenant, ok := strings.Cut(text, "@"); ok && p.tenant(tenant) == nil {
			return problem.InvalidField("roles", "of %q names the tenant %q, which there is not", problem.Clip(value), problem.Clip(tenant))
		}
	}
	if _, tenant, ok := strings.Cut(s.DefaultRole, "@"); ok && p.tenant(tenant) == nil {
		return problem.InvalidField("defaultRole", "names the tenant %q, which there is not", problem.Clip(tenant))
	}
	return nil
}

func unprintable(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }

func (s *Settings) checkLists() error {
	clean := []string{}
	for _, w := range s.Scopes {
		switch {
		case w == "openid" || slices.Contains(clean, w):
		case w == "" || len(w) > maxWord || strings.ContainsFunc(w, func(r rune) bool { return unprintable(r) || strings.ContainsRune(" \"\\", r) || r > '~' }):
			return problem.InvalidField("scopes", "must be words without blanks and quotes")
		default:
			clean = append(clean, w)
		}
	}
	if s.Scopes = clean; len(clean) > maxScopes {
		return problem.InvalidField("scopes", "must be at most %d", maxScopes)
	}
	domains := []string{}
	for _, d := range s.AllowedDomains {
		ascii, err := idna.Lookup.ToASCII(strings.TrimPrefix(strings.TrimSpace(d), "@"))
		if err != nil || !strings.Contains(ascii, ".") {
			return problem.InvalidField("allowedDomains", "%q is not a domain, such as example.com", problem.Clip(d))
		}
		if !slices.Contains(domains, ascii) {
			domains = append(domains, ascii)
		}
	}
	if s.AllowedDomains = domains; len(domains) > maxDomains {
		return problem.InvalidField("allowedDomains", "must be at most %d", maxDomains)
	}
	if len(s.RoleClaim) > maxWord || strings.ContainsFunc(s.RoleClaim, unprintable) {
		return problem.InvalidField("roleClaim", "must be at most %d printable bytes", maxWord)
	}
	if s.Roles == nil {
		s.Roles = map[string]string{}
	}
	if len(s.Roles) > maxRoles {
		return problem.InvalidField("roles", "must be at most %d", maxRoles)
	}
	for value := range s.Roles {
		if value == "" || len(value) > maxWord {
			return problem.InvalidField("roles", "must have keys of 1 to %d bytes: the values of the claim", maxWord)
		}
	}
	return nil
}

// allows reports whether somebody with the address may sign in.
func (s *Settings) allows(email string) bool {
	if len(s.AllowedDomains) == 0 {
		return true
	}
	_, domain, _ := strings.Cut(email, "@")
	ascii, err := idna.Lookup.ToASCII(domain)
	return err == nil && slices.Contains(s.AllowedDomains, ascii)
}

// Item is a provider as it is stored.
type Item = registry.Item[Settings]

// List returns the providers, the first created first.
func (p *Providers) List() []*Item { return p.records.List(access.Platform) }

// Get returns the provider with the name, else a NotFound problem.
func (p *Providers) Get(name string) (*Item, error) { return p.records.Get(access.Platform, name) }

// Create adds a provider.
func (p *Providers) Create(ctx context.Context, who *access.Principal, name string, s Settings) (*Item, error) {
	it, err := p.records.Create(ctx, who, name, s)
	if err != nil {
		return nil, fmt.Errorf("adding an identity provider: %w", err)
	}
	return it, nil
}

// Change lets edit change the settings of a provider. Sessions that began there go on.
func (p *Providers) Change(ctx context.Context, who *access.Principal, name string, edit func(*Settings) error) (*Item, error) {
	it, err := p.records.Update(ctx, who, name, func(it *Item) error { return edit(&it.Value) })
	if err != nil {
		return nil, fmt.Errorf("changing an identity provider: %w", err)
	}
	return it, nil
}

// Delete removes a provider. Accounts and sessions stay; nobody signs in by it any longer.
func (p *Providers) Delete(ctx context.Context, who *access.Principal, name string) error {
	if err := p.records.Delete(ctx, who, name); err != nil {
		return fmt.Errorf("deleting an identity provider: %w", err)
	}
	return nil
}

// Refresh reads the settings again, because another server may have changed them.
func (p *Providers) Refresh(ctx context.Context) error { return p.records.Refresh(ctx) }
