package oidc

import (
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
)

// Mapping says which roles follow from a claim.
type Mapping struct {
	// Claim is where the provider puts a person's groups: a name, or names with dots between them that lead into objects,
	// such as "realm_access.roles". A name may hold dots itself.
	Claim string
	// Roles are what a value of the claim stands for: "admin" in the first tenant, "admin@acme" in the tenant acme,
	// "operator" in the installation.
	Roles map[string]string
	// Default is a role, as in Roles, for who has none of these values. Empty: they are refused.
	Default string
}

// Grant is a role in a tenant.
type Grant struct {
	Tenant string // its name; empty: the first one, or for operators none
	Role   access.Role
}

// Check returns a problem for a mapping that cannot be used.
func (m *Mapping) Check() error {
	if m.Default != "" {
		if _, reason := parseGrant(m.Default); reason != "" {
			return problem.InvalidField("defaultRole", "%s", reason)
		}
	}
	for value, text := range m.Roles {
		if _, reason := parseGrant(text); reason != "" {
			return problem.InvalidField("roles", "of %q %s", problem.Clip(value), reason)
		}
	}
	if m.Claim == "" && len(m.Roles) > 0 {
		return problem.InvalidField("roleClaim", "must name the claim that roles are read from")
	}
	return nil
}

func parseGrant(text string) (g Grant, reason string) {
	role, tenant, named := strings.Cut(text, "@")
	g = Grant{Tenant: tenant, Role: access.Role(role)}
	switch {
	case !slices.Contains(access.Roles, g.Role):
		return g, "must be one of viewer, member, admin and operator, with @ and the name of a tenant if it is not the first one"
	case named && (tenant == "" || g.Role == access.RoleOperator):
		return g, "must name a tenant behind the @, and none for operators"
	}
	return g, ""
}

// Grants returns the roles that the claims stand for, the highest in each tenant, and the values that were seen, for the
// page that refuses somebody without a role.
func (m *Mapping) Grants(claims map[string]any) (grants []Grant, seen []string) {
	seen = texts(find(claims, m.Claim))
	highest := map[string]access.Role{}
	var tenants []string
	give := func(text string) {
		g, reason := parseGrant(text)
		if reason != "" {
			return // refused by Check
		}
		// An operator is beside the roles of tenants.
		key := g.Tenant
		if g.Role == access.RoleOperator {
			key = "@"
		}
		if old, ok := highest[key]; !ok {
			tenants = append(tenants, key)
		} else if slices.Index(access.Roles, old) > slices.Index(access.Roles, g.Role) {
			return
		}
		highest[key] = g.Role
	}
	for _, value := range seen {
		if text, ok := m.Roles[value]; ok {
			give(text)
		}
	}
	if len(tenants) == 0 && m.Default != "" {
		give(m.Default)
	}
	slices.Sort(tenants)
	for _, t := range tenants {
		grants = append(grants, Grant{Tenant: strings.TrimPrefix(t, "@"), Role: highest[t]})
	}
	return grants, seen
}

// find returns what a path leads to, nil if it leads nowhere. A whole name wins over one that leads into an object.
func find(in map[string]any, path string) any {
	if v, ok := in[path]; ok {
		return v
	}
	for at, c := range path {
		if c != '.' {
			continue
		}
		if inner, ok := in[path[:at]].(map[string]any); ok {
			if v := find(inner, path[at+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

// texts returns the strings of a claim: itself, or those of a list.
func texts(v any) (list []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		for _, e := range v {
			if s, ok := e.(string); ok {
				list = append(list, s)
			}
		}
	}
	return list
}
