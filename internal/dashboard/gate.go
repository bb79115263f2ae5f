package dashboard

import (
	"context"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/secret"
)

// gateForm is the tab Relay: the gate's settings, as they are or as they were typed.
type gateForm struct {
	Enabled             bool
	URL                 string
	Auth                auth.Settings // secrets are never shown
	HasSecret           bool          // a password, token or client secret is stored for this kind of authentication
	Mode, OnFailure     string
	Integrations        []integrationView
	Pending, Held       int64
	Wrong               map[string]string
	Saved               bool
	Result              *attemptView // of a test that was just made
	Configured, HasTest bool
}

type integrationView struct {
	Name, Description string
	Checked           bool
}

// authNames are the kinds of authentication by the names of the document.
var authNames = []choice{{string(auth.None), "None"}, {string(auth.Basic), "Basic"}, {string(auth.APIKey), "Api Key"}, {string(auth.OAuth2), "OAuth"}}

// AuthNames lists the kinds that the form offers. One set over the API stays choosable.
func (f gateForm) AuthNames() []choice {
	if t := string(f.Auth.Type); t != "" && !slices.ContainsFunc(authNames, func(c choice) bool { return c.Value == t }) {
		return append(slices.Clone(authNames), choice{t, t})
	}
	return authNames
}

func (d *Dashboard) gateForm(ctx context.Context, q *request) (*gateForm, error) {
	v := d.Gate.View(q.who.Tenant)
	f := &gateForm{
		Enabled: v.Enabled, URL: v.Endpoint.URL, Auth: v.Endpoint.Auth, Mode: string(v.Mode), OnFailure: string(v.OnFailure), Wrong: map[string]string{},
		Configured: v.Endpoint.URL != "",
	}
	if f.Auth.Type == "" {
		f.Auth.Type = auth.None
	}
	f.HasSecret = f.Auth.Password != "" || f.Auth.Token != "" || f.Auth.ClientSecret != ""
	f.offer(d.Gate.Integrations(q.who.Tenant), v.Integrations)
	for s, into := range map[gate.State]*int64{gate.Pending: &f.Pending, gate.Held: &f.Held} {
		n, err := d.Gate.Count(ctx, q.who.Tenant, s)
		if err != nil {
			return nil, err
		}
		*into = n
	}
	return f, nil
}

func (f *gateForm) offer(all []gate.Integration, chosen []string) {
	f.Integrations = nil
	for _, in := range all {
		f.Integrations = append(f.Integrations, integrationView{in.Name, in.Description, slices.Contains(chosen, in.Name)})
	}
}

func (d *Dashboard) gatePage(ctx context.Context, q *request) (answer, error) {
	f, err := d.gateForm(ctx, q)
	if err != nil {
		return answer{}, err
	}
	f.Saved = q.URL.Query().Get("saved") != ""
	return q.accountAnswer("relay", "relay", "Account configuration", f), nil
}

// gateSave stores the form. A secret left empty stays as it is while the kind of authentication does.
func (d *Dashboard) gateSave(ctx context.Context, q *request) (answer, error) {
	typed := auth.Settings{
		Type: auth.Type(q.value("auth")), Username: q.value("username"), Password: secret.Text(q.form.Get("password")), Token: secret.Text(q.value("token")),
		ClientID: q.value("clientId"), ClientSecret: secret.Text(q.value("clientSecret")), TokenURL: q.value("tokenUrl"), Scope: q.value("scope"),
	}
	change := func(v *gate.View) error {
		v.Enabled, v.Endpoint.URL = q.value("enabled") != "", q.value("url")
		v.Mode, v.OnFailure = gate.Mode(q.value("mode")), gate.OnFailure(q.value("onFailure"))
		if v.Mode != gate.Decide {
			v.Deadline = 0
		}
		v.Integrations = slices.Clone(q.form["integrations"])
		v.Endpoint.Auth = merge(v.Endpoint.Auth, typed)
		return nil
	}
	if _, _, err := d.Gate.Change(ctx, q.who, change); err != nil {
		f, formErr := d.gateForm(ctx, q)
		if formErr != nil {
			return answer{}, formErr
		}
		f.Enabled, f.URL, f.Mode, f.OnFailure, f.Auth = q.value("enabled") != "", q.value("url"), q.value("mode"), q.value("onFailure"), typed
		f.offer(d.Gate.Integrations(q.who.Tenant), q.form["integrations"])
		a := q.accountAnswer("relay", "relay", "Account configuration", f)
		a.status = 422
		return a, refuseFields(trimmed(err), f.Wrong, "url", "username", "password", "token", "clientId", "clientSecret", "tokenUrl", "scope", "integrations", "mode", "onFailure")
	}
	return answer{to: q.path("account", "relay") + "?saved=1"}, nil
}

// merge puts what was typed over the authentication there is.
func merge(was, typed auth.Settings) auth.Settings {
	if was.Type != typed.Type {
		was = auth.Settings{Type: typed.Type}
	}
	keep := func(to *secret.Text, from secret.Text) {
		if from != "" {
			*to = from
		}
	}
	switch typed.Type {
	case auth.Basic:
		was.Username = typed.Username
		keep(&was.Password, typed.Password)
	case auth.APIKey:
		keep(&was.Token, typed.Token)
	case auth.OAuth2:
		was.ClientID, was.TokenURL, was.Scope = typed.ClientID, typed.TokenURL, typed.Scope
		keep(&was.ClientSecret, typed.ClientSecret)
	}
	return was
}

// trimmed returns a problem about "auth.token" as one about "token": the form's names have no levels.
func trimmed(err error) error {
	p := asProblem(err)
	if len(p.Fields) == 0 {
		return err
	}
	shown := *p
	shown.Fields = slices.Clone(p.Fields)
	for i := range shown.Fields {
		shown.Fields[i].Name = strings.TrimPrefix(shown.Fields[i].Name, "auth.")
	}
	return &shown
}

// gateTest sends an example to the endpoint.
func (d *Dashboard) gateTest(ctx context.Context, q *request) (answer, error) {
	at, err := d.Gate.Test(ctx, q.who.Tenant)
	if err != nil {
		return answer{}, err
	}
	v := d.showAttempt(at)
	if q.part {
		return answer{page: "relay", block: "test-result", data: &v}, nil
	}
	f, err := d.gateForm(ctx, q)
	if err != nil {
		return answer{}, err
	}
	f.Result = &v
	return q.accountAnswer("relay", "relay", "Account configuration", f), nil
}
