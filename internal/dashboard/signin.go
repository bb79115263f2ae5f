package dashboard

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/provider"
	"github.com/relay-events/relay/internal/user"
)

// signInView is how people sign in: what the tenant asks of them, and, for operators, how the installation is set up.
type signInView struct {
	Factor    []factorRole
	Platform  bool // an operator looks
	Operators bool // operators need a second factor
	Passwords user.PasswordLogin
	Providers []*provider.Item
	Saved     bool
}

// factorRole is a role that may need a second factor.
type factorRole struct {
	Role   access.Role
	Needed bool
}

// installation returns the person as they act for the installation.
func (q *request) installation() *access.Principal {
	p := *q.who
	p.Tenant = access.Platform
	return &p
}

func (d *Dashboard) signInPage(_ context.Context, q *request) (answer, error) {
	v := signInView{Platform: q.who.Allows(access.RunPlatform), Passwords: d.SignInSettings.PasswordLogin(), Saved: q.URL.Query().Get("saved") == "1"}
	needed := d.SignInSettings.Get(q.who).SecondFactor
	for _, r := range []access.Role{access.RoleViewer, access.RoleMember, access.RoleAdmin} {
		v.Factor = append(v.Factor, factorRole{r, slices.Contains(needed, r)})
	}
	if v.Platform {
		v.Operators = len(d.SignInSettings.Get(q.installation()).SecondFactor) > 0
		v.Providers = d.Providers.List()
	}
	return q.accountAnswer("signin", "sign-in", "Sign-in", v), nil
}

func (d *Dashboard) signInSave(ctx context.Context, q *request) (answer, error) {
	_, err := d.SignInSettings.Change(ctx, q.who, func(s *user.Settings) {
		s.SecondFactor = nil
		for _, r := range q.form["secondFactor"] {
			s.SecondFactor = append(s.SecondFactor, access.Role(r))
		}
	})
	return answer{to: q.path("account", "sign-in") + "?saved=1"}, err
}

func (d *Dashboard) signInSaveInstallation(ctx context.Context, q *request) (answer, error) {
	_, err := d.SignInSettings.Change(ctx, q.installation(), func(s *user.Settings) {
		s.SecondFactor = nil
		if q.value("operators") != "" {
			s.SecondFactor = []access.Role{access.RoleOperator}
		}
		s.PasswordLogin = user.PasswordLogin(q.value("passwordLogin"))
	})
	return answer{to: q.path("account", "sign-in") + "?saved=1"}, err
}

// providerForm is the form of an identity provider.
type providerForm struct {
	New                         bool
	Name                        string
	S                           provider.Settings
	Roles, Scopes, Domains      string // as they are typed
	HasSecret                   bool
	RedirectURL, BackChannelURL string
	Wrong                       map[string]string
}

func (d *Dashboard) providerForm(q *request) (*providerForm, error) {
	f := &providerForm{New: true, S: provider.Default(), Wrong: map[string]string{}}
	if name := q.PathValue("provider"); name != "" {
		it, err := d.Providers.Get(name)
		if err != nil {
			return nil, err
		}
		f.New, f.Name, f.S, f.HasSecret = false, name, it.Value, it.Value.Sealed.ClientSecret != ""
	} else {
		f.S.AutoCreate = true
	}
	f.Scopes, f.Domains = strings.Join(f.S.Scopes, " "), strings.Join(f.S.AllowedDomains, " ")
	var lines []string
	for value, role := range f.S.Roles {
		lines = append(lines, value+" = "+role)
	}
	slices.Sort(lines)
	f.Roles = strings.Join(lines, "\n")
	return f, nil
}

func (d *Dashboard) providerAnswer(q *request, f *providerForm) answer {
	name := f.Name
	if f.New {
		name = "NAME"
	}
	f.S.Sealed = provider.Sealed{} // no template may show it
	f.RedirectURL, f.BackChannelURL = q.address()+provider.RedirectPath(name), q.address()+provider.BackChannelPath(name)
	title := "Add an identity provider"
	if !f.New {
		title = f.S.Label
	}
	return q.accountAnswer("provider", "sign-in", title, f)
}

func (d *Dashboard) providerPage(_ context.Context, q *request) (answer, error) {
	f, err := d.providerForm(q)
	if err != nil {
		return answer{}, err
	}
	return d.providerAnswer(q, f), nil
}

// read takes what was typed into the form.
func (f *providerForm) read(q *request) error {
	f.Roles, f.Scopes, f.Domains = q.value("roles"), q.value("scopes"), q.value("allowedDomains")
	s := &f.S
	s.Label, s.Issuer, s.ClientID = q.value("label"), q.value("issuer"), q.value("clientId")
	if secret := q.form.Get("clientSecret"); secret != "" {
		s.Sealed.ClientSecret = secret
	} else if q.value("noSecret") != "" {
		s.Sealed.ClientSecret = ""
	}
	words := func(text string) []string { return strings.Fields(strings.ReplaceAll(text, ",", " ")) }
	s.Scopes, s.AllowedDomains = words(f.Scopes), words(f.Domains)
	s.RoleClaim, s.DefaultRole = q.value("roleClaim"), q.value("defaultRole")
	s.AutoCreate, s.LinkByEmail, s.TrustEmail = q.value("autoCreate") != "", q.value("linkByEmail") != "", q.value("trustEmail") != ""
	s.LogoutAtProvider, s.ForceRedirect = q.value("logoutAtProvider") != "", q.value("forceRedirect") != ""
	s.Roles = map[string]string{}
	for i, line := range strings.Split(f.Roles, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		at := strings.LastIndex(line, "=") // the claim's values may hold one
		if at < 0 {
			return problem.InvalidField("roles", "line %d must be a value of the claim, an equals sign and a role", i+1)
		}
		s.Roles[strings.TrimSpace(line[:at])] = strings.TrimSpace(line[at+1:])
	}
	return nil
}

func (d *Dashboard) providerSave(ctx context.Context, q *request) (answer, error) {
	f, err := d.providerForm(q)
	if err != nil {
		return answer{}, err
	}
	if f.New {
		f.Name = q.value("name")
	}
	switch err = f.read(q); {
	case err != nil:
	case f.New:
		_, err = d.Providers.Create(ctx, q.who, f.Name, f.S)
	default:
		_, err = d.Providers.Change(ctx, q.who, f.Name, func(s *provider.Settings) error { *s = f.S; return nil })
	}
	if err == nil {
		return answer{to: q.path("account", "sign-in") + "?saved=1"}, nil
	}
	a := d.providerAnswer(q, f)
	a.status = 422
	return a, refuseFields(err, f.Wrong, "name", "label", "issuer", "clientId", "clientSecret", "scopes", "roleClaim", "roles", "defaultRole", "allowedDomains")
}

func (d *Dashboard) providerDelete(ctx context.Context, q *request) (answer, error) {
	if err := d.Providers.Delete(ctx, q.who, q.PathValue("provider")); err != nil {
		return answer{}, fmt.Errorf("deleting an identity provider: %w", err)
	}
	return answer{to: q.path("account", "sign-in") + "?saved=1"}, nil
}
