package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/secret"
)

// certificate returns a self-signed certificate and its key in PEM.
func certificate(t testing.TB, name string, notAfter time.Time) (certPEM string, keyPEM secret.Text) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: notAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		secret.Text(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}

// noDNS checks a URL without asking name servers.
type noDNS struct{ c *egress.Client }

func (n noDNS) CheckURL(_ context.Context, raw string) (egress.Target, error) {
	return n.c.ParseURL(raw)
}

func checker(t testing.TB) noDNS {
	c := egress.New(egress.Options{})
	t.Cleanup(c.Close)
	return noDNS{c}
}

func TestCheck(t *testing.T) {
	urls := checker(t)
	cert, key := certificate(t, "a", time.Now().Add(time.Hour))
	_, otherKey := certificate(t, "b", time.Now().Add(time.Hour))
	oldCert, oldKey := certificate(t, "c", time.Now().Add(-time.Hour))
	oauth := func(change func(*Settings)) Settings {
		s := Settings{Type: OAuth2, ClientID: "me", ClientSecret: canary, TokenURL: "https://example.com/token"}
		change(&s)
		return s
	}
	long := strings.Repeat("x", maxText+1)
	for _, tc := range []struct {
		name  string
		s     Settings
		field string // "" for good ones
	}{
		{"nothing", Settings{}, ""},
		{"none", Settings{Type: None}, ""},
		{"unknown type", Settings{Type: "digest"}, "auth.type"},
		{"type in other case", Settings{Type: "Basic", Username: "u"}, "auth.type"},
		{"fields without a type", Settings{Username: "u"}, "auth.username"},
		{"basic", Settings{Type: Basic, Username: "u", Password: canary}, ""},
		{"basic without password", Settings{Type: Basic, Username: "u"}, ""},
		{"basic without user", Settings{Type: Basic, Password: canary}, ""},
		{"basic without both", Settings{Type: Basic}, "auth.username"},
		{"user with a colon", Settings{Type: Basic, Username: "u:" + canary, Password: canary}, "auth.username"},
		{"user with a line break", Settings{Type: Basic, Username: "u\r\nX: 1"}, "auth.username"},
		{"password with a line break", Settings{Type: Basic, Username: "u", Password: canary + "\n"}, "auth.password"},
		{"password as shown", Settings{Type: Basic, Username: "u", Password: "***"}, "auth.password"},
		{"long password", Settings{Type: Basic, Username: "u", Password: secret.Text(long)}, "auth.password"},
		{"basic with a token", Settings{Type: Basic, Username: "u", Token: canary}, "auth.token"},
		{"apiKey", Settings{Type: APIKey, Token: canary}, ""},
		{"apiKey in Authorization", Settings{Type: APIKey, Token: canary, Header: "Authorization", Prefix: "Token "}, ""},
		{"apiKey without token", Settings{Type: APIKey}, "auth.token"},
		{"apiKey as shown", Settings{Type: APIKey, Token: "***"}, "auth.token"},
		{"token with a line break", Settings{Type: APIKey, Token: canary + "\r\nX-Evil: 1"}, "auth.token"},
		{"token with a space behind", Settings{Type: APIKey, Token: canary + " "}, "auth.token"},
		{"prefix with a line break", Settings{Type: APIKey, Token: canary, Prefix: "a\r\n"}, "auth.prefix"},
		{"header with a space", Settings{Type: APIKey, Token: canary, Header: "Api Key"}, "auth.header"},
		{"header with a line break", Settings{Type: APIKey, Token: canary, Header: "A\r\nB"}, "auth.header"},
		{"header Host", Settings{Type: APIKey, Token: canary, Header: "Host"}, "auth.header"},
		{"header Content-Length", Settings{Type: APIKey, Token: canary, Header: "content-length"}, "auth.header"},
		{"header of Relay's", Settings{Type: APIKey, Token: canary, Header: "X-Relay-Signature"}, "auth.header"},
		{"header of Standard Webhooks", Settings{Type: APIKey, Token: canary, Header: "webhook-id"}, "auth.header"},
		{"header Content-Type", Settings{Type: APIKey, Token: canary, Header: "content-type"}, "auth.header"},
		{"oauth2", oauth(func(*Settings) {}), ""},
		{"oauth2 with everything", oauth(func(s *Settings) { s.Scope, s.Audience, s.Style = "a b", "c", StyleBody }), ""},
		{"no client id", oauth(func(s *Settings) { s.ClientID = "" }), "auth.clientId"},
		{"no client secret", oauth(func(s *Settings) { s.ClientSecret = "" }), "auth.clientSecret"},
		{"client secret as shown", oauth(func(s *Settings) { s.ClientSecret = "***" }), "auth.clientSecret"},
		{"no token URL", oauth(func(s *Settings) { s.TokenURL = "" }), "auth.tokenUrl"},
		{"token URL without TLS", oauth(func(s *Settings) { s.TokenURL = "http://example.com/token" }), "auth.tokenUrl"},
		{"token URL inside", oauth(func(s *Settings) { s.TokenURL = "https://169.254.169.254/token" }), "auth.tokenUrl"},
		{"token URL with a password", oauth(func(s *Settings) { s.TokenURL = "https://u:" + canary + "@example.com/" }), "auth.tokenUrl"},
		{"unknown style", oauth(func(s *Settings) { s.Style = "query" }), "auth.style"},
		{"scope with a line break", oauth(func(s *Settings) { s.Scope = "a\nb" }), "auth.scope"},
		{"oauth2 with a certificate", oauth(func(s *Settings) { s.Cert = cert }), "auth.cert"},
		{"mtls", Settings{Type: MTLS, Cert: cert, Key: key}, ""},
		{"mtls without certificate", Settings{Type: MTLS, Key: key}, "auth.cert"},
		{"mtls without key", Settings{Type: MTLS, Cert: cert}, "auth.key"},
		{"key as shown", Settings{Type: MTLS, Cert: cert, Key: "***"}, "auth.key"},
		{"another's key", Settings{Type: MTLS, Cert: cert, Key: otherKey}, "auth.key"},
		{"no PEM", Settings{Type: MTLS, Cert: "x", Key: key}, "auth.cert"},
		{"key is no PEM", Settings{Type: MTLS, Cert: cert, Key: canary}, "auth.key"},
		{"expired", Settings{Type: MTLS, Cert: oldCert, Key: oldKey}, "auth.cert"},
		{"long certificate", Settings{Type: MTLS, Cert: strings.Repeat("x", maxPEM+1), Key: key}, "auth.cert"},
	} {
		s := tc.s
		err := s.Check(t.Context(), urls)
		if tc.field == "" {
			if err != nil {
				t.Errorf("%s: got %v, want no error", tc.name, err)
			}
			a, err := New(s, urls.c)
			if err != nil {
				t.Errorf("%s: New after Check: %v", tc.name, err)
				continue
			}
			a.Close()
			continue
		}
		var p *problem.Error
		if !errors.As(err, &p) || p.Kind != problem.Invalid || len(p.Fields) != 1 || p.Fields[0].Name != tc.field || p.Fields[0].Reason == "" {
			t.Errorf("%s: got %v, want a problem of %q", tc.name, err, tc.field)
		}
		noSecrets(t, tc.name, err)
	}
}

func TestCheckFillsIn(t *testing.T) {
	urls := checker(t)
	for name, tc := range map[string]struct{ give, want Settings }{
		"none":   {Settings{}, Settings{Type: None}},
		"apiKey": {Settings{Type: APIKey, Token: "t"}, Settings{Type: APIKey, Token: "t", Header: "ApiKey"}},
		"oauth2": {
			Settings{Type: OAuth2, ClientID: "i", ClientSecret: "s", TokenURL: "HTTPS://Example.com:443"},
			Settings{Type: OAuth2, ClientID: "i", ClientSecret: "s", TokenURL: "https://example.com/", Style: StyleHeader},
		},
	} {
		got := tc.give
		if err := got.Check(t.Context(), urls); err != nil || got != tc.want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, tc.want)
		}
		if again := got; again.Check(t.Context(), urls) != nil || again != got {
			t.Errorf("%s: checked again: got %+v, want %+v", name, again, got)
		}
	}
}

// all has a value in every field.
var all = Settings{
	Type: Basic, Username: "u", Password: canary, Token: canary, Header: "h", Prefix: "p", ClientID: "i", ClientSecret: canary,
	TokenURL: "https://example.com/", Scope: "s", Audience: "a", Style: StyleBody, Cert: "c", Key: canary,
}

func TestSettingsAsJSON(t *testing.T) {
	shown, err := json.Marshal(all)
	const want = `{"type":"basic","username":"u","password":"***","token":"***","header":"h","prefix":"p","clientId":"i","clientSecret":"***",` +
		`"tokenUrl":"https://example.com/","scope":"s","audience":"a","style":"body","cert":"c","key":"***"}`
	if err != nil || string(shown) != want {
		t.Errorf("shown: got %s, %v, want %s", shown, err, want)
	}
	if b, err := json.Marshal(Settings{Type: None}); err != nil || string(b) != `{"type":"none"}` {
		t.Errorf("none: got %s, %v", b, err)
	}
	for _, s := range []Settings{all, {Type: None}, {Type: APIKey, Token: "<&>\u2028\""}} {
		b, err := s.Reveal()
		if err != nil {
			t.Fatal(err)
		}
		var got Settings
		if err := json.Unmarshal(b, &got); err != nil || got != s {
			t.Errorf("stored and read: got %+v, %v, want %+v", got, err, s)
		}
	}
}

func TestKeep(t *testing.T) {
	const hidden = secret.Hidden
	blank := all
	blank.Password, blank.Token, blank.ClientSecret, blank.Key = hidden, hidden, hidden, hidden
	for _, tc := range []struct {
		name   string
		change func(*Settings)
		want   func(*Settings)
	}{
		{"sent back as shown", func(*Settings) {}, func(*Settings) {}},
		{"new secrets", func(s *Settings) { s.Password, s.Key = "new", "" }, func(s *Settings) { s.Password, s.Key = "new", "" }},
		{"other type", func(s *Settings) { s.Type = APIKey }, func(s *Settings) {
			*s = blank
			s.Type = APIKey
		}},
		{"other token URL", func(s *Settings) { s.TokenURL = "https://evil.example/" }, func(s *Settings) {
			s.TokenURL, s.ClientSecret = "https://evil.example/", hidden
		}},
	} {
		got, want := blank, all
		tc.change(&got)
		tc.want(&want)
		got.Keep(all)
		if got != want {
			a, _ := got.Reveal()
			b, _ := want.Reveal()
			t.Errorf("%s: got %s, want %s", tc.name, a, b)
		}
	}
}
