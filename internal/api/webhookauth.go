package api

import (
	"net/url"

	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/problem"
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

// apply merges the members given into settings. Another type starts from nothing, as members of the one are no settings
// of the other.
//
// A type that is set anew must name what its endpoint wants to know: a forgotten password or scope is a mistake, an empty
// one is said so.
func (f *AuthFields) apply(s *auth.Settings) error {
	was := s.Type
	f.Type.Apply((*string)(&s.Type), string(auth.None))
	if s.Type != was {
		*s = auth.Settings{Type: s.Type}
		var missing []problem.Field
		for _, m := range []struct {
			of   auth.Type
			name string
			rest.Opt[string]
		}{{auth.Basic, "username", f.Username}, {auth.Basic, "password", f.Password}, {auth.OAuth2, "scope", f.Scope}} {
			if m.of == s.Type && (!m.Given || m.Null) {
				missing = append(missing, problem.Field{Name: "auth." + m.name, Reason: `must be given; "" says that there is none`})
			}
		}
		if missing != nil {
			return &problem.Error{Kind: problem.Invalid, Fields: missing}
		}
	}
	f.Username.Apply(&s.Username, "")
	f.Password.Apply((*string)(&s.Password), "")
	f.Token.Apply((*string)(&s.Token), "")
	f.Header.Apply(&s.Header, "")
	f.Prefix.Apply(&s.Prefix, "")
	f.ClientID.Apply(&s.ClientID, "")
	f.ClientSecret.Apply((*string)(&s.ClientSecret), "")
	f.TokenURL.Apply(&s.TokenURL, "")
	f.Scope.Apply(&s.Scope, "")
	f.Audience.Apply(&s.Audience, "")
	if f.Parameters.Given {
		form := make(url.Values, len(f.Parameters.Value))
		for name, value := range f.Parameters.Value {
			form.Set(name, value)
		}
		s.Parameters = form.Encode()
	}
	f.Style.Apply((*string)(&s.Style), "")
	f.Cert.Apply(&s.Cert, "")
	f.Key.Apply((*string)(&s.Key), "")
	return nil
}
