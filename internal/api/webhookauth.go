package api

import (
	"net/url"

	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/secret"
)

// Auth is how requests to an endpoint say who they come from, as the API shows it: members of other types are left out.
type Auth struct {
	Type         string            `json:"type" enum:"none,basic,apiKey,oauth2,mtls"`
	Username     string            `json:"username,omitempty"`
	Password     secret.Text       `json:"password,omitempty" doc:"always ***"`
	Token        secret.Text       `json:"token,omitempty" doc:"always ***"`
	Header       string            `json:"header,omitempty" example:"\"ApiKey\""`
	Prefix       string            `json:"prefix,omitempty"`
	ClientID     string            `json:"clientId,omitempty"`
	ClientSecret secret.Text       `json:"clientSecret,omitempty" doc:"always ***"`
	TokenURL     string            `json:"tokenUrl,omitempty"`
	Scope        string            `json:"scope,omitempty"`
	Audience     string            `json:"audience,omitempty"`
	Parameters   map[string]string `json:"parameters,omitempty"`
	Style        string            `json:"style,omitempty"`
	Cert         string            `json:"cert,omitempty"`
	Key          secret.Text       `json:"key,omitempty" doc:"always ***"`
}

func showAuth(s auth.Settings) Auth {
	return Auth{
		Type: string(s.Type), Username: s.Username, Password: s.Password, Token: s.Token, Header: s.Header, Prefix: s.Prefix,
		ClientID: s.ClientID, ClientSecret: s.ClientSecret, TokenURL: s.TokenURL, Scope: s.Scope, Audience: s.Audience, Style: string(s.Style),
		Parameters: showParameters(s.Parameters),
		Cert:       s.Cert, Key: s.Key,
	}
}

// showParameters returns a form as an object.
func showParameters(text string) map[string]string {
	form, err := url.ParseQuery(text)
	if err != nil || len(form) == 0 {
		return nil
	}
	shown := make(map[string]string, len(form))
	for name := range form {
		shown[name] = form.Get(name)
	}
	return shown
}

// AuthFields is an authentication as a caller sets it.
type AuthFields struct {
	Type         rest.Opt[string]            `json:"type" enum:"none,basic,apiKey,oauth2,mtls" default:"\"none\""`
	Username     rest.Opt[string]            `json:"username" doc:"of basic; required with the type, as is password; one of them may be \"\""`
	Password     rest.Opt[string]            `json:"password" doc:"of basic; write-only"`
	Token        rest.Opt[string]            `json:"token" doc:"of apiKey; write-only"`
	Header       rest.Opt[string]            `json:"header" doc:"of apiKey: the header it is sent in" default:"\"ApiKey\""`
	Prefix       rest.Opt[string]            `json:"prefix" doc:"of apiKey: put before the token as it is" default:"\"\"" example:"\"Token \""`
	ClientID     rest.Opt[string]            `json:"clientId" doc:"of oauth2, the client credentials grant"`
	ClientSecret rest.Opt[string]            `json:"clientSecret" doc:"of oauth2; write-only"`
	TokenURL     rest.Opt[string]            `json:"tokenUrl" doc:"of oauth2: the https address that gives out tokens" example:"\"https://login.example.com/oauth/token\""`
	Scope        rest.Opt[string]            `json:"scope" doc:"of oauth2; required with the type, \"\" for none" default:"\"\""`
	Audience     rest.Opt[string]            `json:"audience" doc:"of oauth2" default:"\"\""`
	Parameters   rest.Opt[map[string]string] `json:"parameters" doc:"of oauth2: further parameters of the token request, all of them; shown, so no secrets" default:"{}" example:"{\"resource\":\"https://api.example.com\"}"`
	Style        rest.Opt[string]            `json:"style" enum:"header,body" doc:"of oauth2: where the token request carries clientId and clientSecret" default:"\"header\""`
	Cert         rest.Opt[string]            `json:"cert" doc:"of mtls: the client certificate and its intermediates, PEM"`
	Key          rest.Opt[string]            `json:"key" doc:"of mtls: the certificate's key, PEM; write-only"`
}

// change returns the members as a change of settings.
func (f *AuthFields) change() *auth.Change {
	c := &auth.Change{
		Type:     auth.Member(f.Type),
		Username: auth.Member(f.Username), Password: auth.Member(f.Password),
		Token: auth.Member(f.Token), Header: auth.Member(f.Header), Prefix: auth.Member(f.Prefix),
		ClientID: auth.Member(f.ClientID), ClientSecret: auth.Member(f.ClientSecret), TokenURL: auth.Member(f.TokenURL),
		Scope: auth.Member(f.Scope), Audience: auth.Member(f.Audience), Style: auth.Member(f.Style),
		Cert: auth.Member(f.Cert), Key: auth.Member(f.Key),
	}
	if f.Parameters.Given {
		c.Parameters = &f.Parameters.Value
	}
	return c
}
