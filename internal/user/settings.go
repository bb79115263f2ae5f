package user

import (
	"context"
	"fmt"
	"slices"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
)

// Settings are what a tenant asks of the people who sign in.
type Settings struct {
	// SecondFactor are the roles that may do nothing without a second factor but set one up. Of the installation
	// (access.Platform) it is about operators, who have the role of an admin in each tenant besides.
	SecondFactor []access.Role `json:"secondFactor"`
	// PasswordLogin says who signs in without an identity provider. Of the installation only; empty: PasswordsOn.
	PasswordLogin PasswordLogin `json:"passwordLogin,omitempty"`
}

// PasswordLogin says who signs in at Relay itself, and not by an identity provider.
type PasswordLogin string

// The ways.
const (
	PasswordsOn     PasswordLogin = "on"     // everybody may
	PasswordsAdmins PasswordLogin = "admins" // admins and operators may
	PasswordsOff    PasswordLogin = "off"    // nobody may, but by a login link
)

var passwordLogins = []PasswordLogin{PasswordsOn, PasswordsAdmins, PasswordsOff}

// SettingsKind names the settings in storage.
const SettingsKind registry.Kind = "sign-in"

// SettingsStore is all tenants' settings. It is safe for concurrent use.
type SettingsStore struct {
	records *registry.Records[Settings]
}

// settingsName is the name of the only record of a tenant.
const settingsName = "settings"

// NewSettings returns the settings that the store holds.
func NewSettings(ctx context.Context, store registry.RecordStore) (*SettingsStore, error) {
	records, err := registry.NewRecords(ctx, store, registry.RecordOptions[Settings]{
		Kind: SettingsKind, Noun: "sign-in", Check: func(tenant event.TenantID, _ string, s *Settings) error { return s.check(tenant) },
	})
	if err != nil {
		return nil, err
	}
	return &SettingsStore{records}, nil
}

// check brings the roles in order, and returns a problem for those that there cannot be.
func (s *Settings) check(tenant event.TenantID) error {
	allowed := []access.Role{access.RoleViewer, access.RoleMember, access.RoleAdmin}
	if tenant == access.Platform {
		allowed = []access.Role{access.RoleOperator}
	}
	for _, r := range s.SecondFactor {
		if !slices.Contains(allowed, r) {
			return problem.InvalidField("secondFactor", "must be of %v", allowed)
		}
	}
	ordered := []access.Role{}
	for _, r := range allowed {
		if slices.Contains(s.SecondFactor, r) {
			ordered = append(ordered, r)
		}
	}
	s.SecondFactor = ordered
	switch {
	case tenant != access.Platform && s.PasswordLogin != "":
		return problem.InvalidField("passwordLogin", "is a setting of the installation")
	case tenant == access.Platform && s.PasswordLogin != "" && !slices.Contains(passwordLogins, s.PasswordLogin):
		return problem.InvalidField("passwordLogin", "must be one of %v", passwordLogins)
	}
	return nil
}

// Refresh reads the settings again, because another server may have changed them.
func (s *SettingsStore) Refresh(ctx context.Context) error { return s.records.Refresh(ctx) }

// Get returns the settings of the principal's tenant.
func (s *SettingsStore) Get(p *access.Principal) Settings { return s.of(p.Tenant) }

func (s *SettingsStore) of(tenant event.TenantID) Settings {
	if s != nil {
		if it, err := s.records.Get(tenant, settingsName); err == nil {
			return it.Value
		}
	}
	return Settings{SecondFactor: []access.Role{}}
}

// Change lets edit change the settings of the principal's tenant.
func (s *SettingsStore) Change(ctx context.Context, p *access.Principal, edit func(*Settings)) (Settings, error) {
	it, err := s.records.Update(ctx, p, settingsName, func(it *registry.Item[Settings]) error { edit(&it.Value); return nil })
	if problem.KindOf(err) == problem.NotFound {
		v := s.of(p.Tenant)
		edit(&v)
		it, err = s.records.Create(ctx, p, settingsName, v)
	}
	if err != nil {
		return Settings{}, fmt.Errorf("changing how people sign in: %w", err)
	}
	return it.Value, nil
}

// requires reports whether somebody with the role must have a second factor in the tenant.
func (s *SettingsStore) requires(tenant event.TenantID, role access.Role) bool {
	return slices.Contains(s.of(tenant).SecondFactor, role)
}

// PasswordLogin returns who signs in at Relay itself.
func (s *SettingsStore) PasswordLogin() PasswordLogin {
	if v := s.of(access.Platform).PasswordLogin; v != "" {
		return v
	}
	return PasswordsOn
}
