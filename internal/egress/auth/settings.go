package auth

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/secret"
)

// Type says how an endpoint is authenticated to.
type Type string

// The types.
const (
	None   Type = "none"
	Basic  Type = "basic"  // Authorization: Basic …, RFC 7617
	APIKey Type = "apiKey" // a header of the user's choice
	OAuth2 Type = "oauth2" // Authorization: Bearer …, by the client credentials grant, RFC 6749 section 4.4
	MTLS   Type = "mtls"   // a client certificate
)

// Style says where a token request carries the client's credentials (RFC 6749 section 2.3.1).
type Style string

// The styles.
const (
	StyleHeader Style = "header" // Authorization: Basic …
	StyleBody   Style = "body"   // client_id and client_secret in the form
)

// DefaultHeader is the header of type apiKey, as push-event endpoints expect it.
const DefaultHeader = "ApiKey"

// Limits of the settings, in bytes. A header field of more than 8 KiB is refused by package egress.
const (
	maxText = 4 << 10  // of names, passwords, scopes
	maxPEM  = 64 << 10 // of a certificate with its chain, and of a key
)

// Settings is the setting "auth" of a webhook, gate or connection. The fields that are used depend on Type; the others
// must be empty. Marshalled, secrets are "***"; Reveal gives the stored form.
type Settings struct {
	Type Type `json:"type"`

	// Of basic. One of them may be empty.
	Username string      `json:"username,omitempty"`
	Password secret.Text `json:"password,omitempty"`

	// Of apiKey: the field is Header with Prefix and Token for its value, put together as they are: a prefix "Bearer "
	// needs its space. Header is "ApiKey" if it is empty.
	Token  secret.Text `json:"token,omitempty"`
	Header string      `json:"header,omitempty"`
	Prefix string      `json:"prefix,omitempty"`

	// Of oauth2. Scope and Audience are sent if they are not empty. Style is "header" if it is empty.
	ClientID     string      `json:"clientId,omitempty"`
	ClientSecret secret.Text `json:"clientSecret,omitempty"`
	TokenURL     string      `json:"tokenUrl,omitempty"`
	Scope        string      `json:"scope,omitempty"`
	Audience     string      `json:"audience,omitempty"`
	// Parameters are further ones of the token request that its server wants, as
	// a form ("resource=…"), so that settings compare. They are no secrets.
	Parameters string `json:"parameters,omitempty"`
	Style      Style  `json:"style,omitempty"`

	// Of mtls, in PEM: the certificate with its intermediates, and its key without a password.
	Cert string      `json:"cert,omitempty"`
	Key  secret.Text `json:"key,omitempty"`
}

// URLChecker checks a URL as egress.Client does.
type URLChecker interface {
	CheckURL(ctx context.Context, raw string) (egress.Target, error)
}

// Reveal returns the settings as JSON with unencrypted secrets, to be sealed and stored. json.Unmarshal reads it.
func (s Settings) Reveal() ([]byte, error) {
	type shown Settings
	return json.Marshal(struct {
		shown               // its secrets are hidden by the fields below, which have the same names one level up
		Password     string `json:"password,omitempty"`
		Token        string `json:"token,omitempty"`
		ClientSecret string `json:"clientSecret,omitempty"`
		Key          string `json:"key,omitempty"`
	}{shown(s), s.Password.Reveal(), s.Token.Reveal(), s.ClientSecret.Reveal(), s.Key.Reveal()})
}

// Keep puts the secrets of old in the place of those that are "***", which a reader of old was shown and sends
// back with a change. It does not where the secret would go to a token server that it was not given for.
func (s *Settings) Keep(old Settings) {
	keep := func(now *secret.Text, was secret.Text) {
		if *now == secret.Hidden && s.Type == old.Type {
			*now = was
		}
	}
	keep(&s.Password, old.Password)
	keep(&s.Token, old.Token)
	keep(&s.Key, old.Key)
	if s.TokenURL == old.TokenURL {
		keep(&s.ClientSecret, old.ClientSecret)
	}
}

// Hide returns the settings with "***" in the place of secrets, for a caller who may change but not read them: Keep
// puts back those that are left.
func (s Settings) Hide() Settings {
	for _, t := range []*secret.Text{&s.Password, &s.Token, &s.ClientSecret, &s.Key} {
		if *t != "" {
			*t = secret.Hidden
		}
	}
	return s
}

// header returns the header of type apiKey.
func (s *Settings) header() string {
	if s.Header == "" {
		return DefaultHeader
	}
	return s.Header
}

// Check checks settings as a user gave them and brings them into their stored form. The error is a *problem.Error that
// names the field ("auth.tokenUrl") and repeats no secret. It looks tokenUrl's host up, for at most 2 s.
func (s *Settings) Check(ctx context.Context, urls URLChecker) error {
	if s.Type == "" {
		s.Type = None
	}
	switch s.Type {
	case None, Basic, APIKey, OAuth2, MTLS:
	default:
		return refuse("type", "must be %q, %q, %q, %q or %q, got %.40q", None, Basic, APIKey, OAuth2, MTLS, s.Type)
	}
	if err := s.checkFields(); err != nil {
		return err
	}
	switch s.Type {
	case Basic:
		return s.checkBasic()
	case APIKey:
		return s.checkAPIKey()
	case OAuth2:
		return s.checkOAuth2(ctx, urls)
	case MTLS:
		return s.checkMTLS(time.Now())
	}
	return nil
}

func refuse(field, format string, args ...any) error {
	return problem.InvalidField("auth."+field, format, args...)
}

// checkFields holds the rules for all fields alike.
func (s *Settings) checkFields() error {
	for _, f := range []struct {
		name   string
		value  string
		of     Type
		secret bool
		max    int
	}{
		{"username", s.Username, Basic, false, maxText},
		{"password", s.Password.Reveal(), Basic, true, maxText},
		{"token", s.Token.Reveal(), APIKey, true, maxText},
		{"header", s.Header, APIKey, false, maxText},
		{"prefix", s.Prefix, APIKey, false, maxText},
		{"clientId", s.ClientID, OAuth2, false, maxText},
		{"clientSecret", s.ClientSecret.Reveal(), OAuth2, true, maxText},
		{"tokenUrl", s.TokenURL, OAuth2, false, maxText},
		{"scope", s.Scope, OAuth2, false, maxText},
		{"audience", s.Audience, OAuth2, false, maxText},
		{"parameters", s.Parameters, OAuth2, false, maxText},
		{"style", string(s.Style), OAuth2, false, maxText},
		{"cert", s.Cert, MTLS, false, maxPEM},
		{"key", s.Key.Reveal(), MTLS, true, maxPEM},
	} {
		switch {
		case f.value == "":
		case f.of != s.Type:
			return refuse(f.name, "is not a setting of type %q", s.Type)
		case len(f.value) > f.max:
			return refuse(f.name, "must have at most %d bytes, got %d", f.max, len(f.value))
		case f.secret && f.value == secret.Hidden:
			return refuse(f.name, "must be given again: *** is only how it is shown")
		case s.Type != MTLS && strings.ContainsFunc(f.value, func(r rune) bool { return r < ' ' || r == 0x7f }):
			return refuse(f.name, "must not have line breaks or control characters")
		}
	}
	return nil
}

func (s *Settings) checkBasic() error {
	switch {
	case s.Username == "" && s.Password == "":
		return refuse("username", "must be given")
	case strings.Contains(s.Username, ":"):
		return refuse("username", "must not have a colon (RFC 7617)")
	}
	return nil
}

func (s *Settings) checkAPIKey() error {
	s.Header = s.header()
	var he *egress.HeaderError
	if err := egress.CheckHeader(s.Header, "x"); errors.As(err, &he) {
		return refuse("header", "%s", he.Reason)
	}
	switch strings.ToLower(s.Header) {
	case "user-agent", "content-type":
		return refuse("header", "is set by Relay itself")
	}
	if s.Token == "" {
		return refuse("token", "must be given")
	}
	if err := egress.CheckHeader(s.Header, s.Prefix+s.Token.Reveal()); errors.As(err, &he) {
		return refuse("token", "%s", he.Reason)
	}
	return nil
}

func (s *Settings) checkOAuth2(ctx context.Context, urls URLChecker) error {
	if s.Style == "" {
		s.Style = StyleHeader
	}
	switch {
	case s.ClientID == "":
		return refuse("clientId", "must be given")
	case s.ClientSecret == "":
		return refuse("clientSecret", "must be given")
	case s.TokenURL == "":
		return refuse("tokenUrl", "must be given: the https:// address that gives out tokens")
	case s.Style != StyleHeader && s.Style != StyleBody:
		return refuse("style", "must be %q or %q, got %.40q", StyleHeader, StyleBody, s.Style)
	}
	if err := s.checkParameters(); err != nil {
		return err
	}
	target, err := urls.CheckURL(ctx, s.TokenURL)
	if err != nil {
		return refuse("tokenUrl", "%v", err)
	}
	s.TokenURL = target.String()
	return nil
}

// setting names the setting for each parameter of a token request that Relay sets itself.
var setting = map[string]string{
	"grant_type": "", "client_id": "clientId", "client_secret": "clientSecret", "scope": "scope", "audience": "audience",
}

func (s *Settings) checkParameters() error {
	form, err := url.ParseQuery(s.Parameters)
	if err != nil {
		return refuse("parameters", "must be a form: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		field := "parameters." + name
		switch own, ok := setting[name]; {
		case name == "":
			return refuse("parameters", "must not have an empty name")
		case ok && own == "":
			return refuse(field, "is set by Relay itself")
		case ok:
			return refuse(field, "is set by Relay itself, from auth.%s", own)
		case len(form[name]) > 1:
			return refuse(field, "must be given once")
		case event.CheckText(name) != nil || event.CheckText(form.Get(name)) != nil:
			return refuse("parameters", "must have names and values of valid UTF-8 without control characters")
		}
	}
	s.Parameters = form.Encode()
	return nil
}

func (s *Settings) checkMTLS(now time.Time) error {
	switch {
	case s.Cert == "":
		return refuse("cert", "must be given, in PEM form")
	case s.Key == "":
		return refuse("key", "must be given, in PEM form")
	}
	id, err := egress.NewIdentity([]byte(s.Cert), []byte(s.Key.Reveal()))
	switch {
	case errors.Is(err, egress.ErrIdentityKey):
		return refuse("key", "%v", err)
	case err != nil:
		return refuse("cert", "%v", err)
	case now.After(id.NotAfter()):
		return refuse("cert", "has expired (%s)", id.NotAfter().UTC().Format(time.RFC3339))
	}
	return nil
}
