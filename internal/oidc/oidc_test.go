package oidc_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/oidc"
	"github.com/relay-events/relay/internal/problem"
)

// issuer is a provider that answers as a test tells it, also what no real one would.
type issuer struct {
	*httptest.Server
	t         *testing.T
	key       *rsa.PrivateKey
	says      map[string]any                     // more that it says of itself
	challenge string                             // of the sign-in in progress
	token     func(claims map[string]any) string // the ID token
	claims    map[string]any
	down      atomic.Bool
	ahead     time.Duration // of the client's clock
	exchanges int
}

// keys are made once: it takes long.
var keys = sync.OnceValue(func() (list [2]*rsa.PrivateKey) {
	for i := range list {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		list[i] = key
	}
	return list
})

func newIssuer(t *testing.T) *issuer {
	i := &issuer{t: t, key: keys()[0], says: map[string]any{}}
	i.token = i.signed
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		v := map[string]any{
			"issuer": i.URL, "authorization_endpoint": i.URL + "/auth", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
		}
		maps.Copy(v, i.says)
		json.NewEncoder(w).Encode(v)
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "kid": "k", "alg": "RS256", "use": "sig", "n": encode(i.key.N.Bytes()), "e": encode(big.NewInt(int64(i.key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		i.exchanges++
		w.Header().Set("Content-Type", "application/json")
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if r.FormValue("code") != "good" || encode(sum[:]) != i.challenge || r.FormValue("redirect_uri") != redirect {
			w.WriteHeader(http.StatusBadRequest)
			w.Write([]byte(`{"error":"invalid_grant"}`))
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": i.token(i.claims)})
	})
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(i.Close)
	return i
}

const redirect = "https://relay.example.com/login/oidc/main/callback"

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// part is a part of a token: an object in base64.
func part(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return encode(b)
}

func (i *issuer) signedBy(key *rsa.PrivateKey, claims map[string]any) string {
	text := part(map[string]any{"alg": "RS256", "kid": "k"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		i.t.Error(err)
	}
	return text + "." + encode(sig)
}

func (i *issuer) signed(claims map[string]any) string { return i.signedBy(i.key, claims) }

func (i *issuer) provider() *oidc.Provider {
	i.t.Helper()
	p, err := oidc.New(oidc.Config{Issuer: i.URL, ClientID: "relay", ClientSecret: "s3cret", Scopes: []string{"email"}, Client: i.Client(),
		Now: func() time.Time { return time.Now().Add(i.ahead) }})
	if err != nil {
		i.t.Fatal(err)
	}
	return p
}

// begin begins a sign-in, and makes the token's claims those of a good one.
func (i *issuer) begin(p *oidc.Provider) (oidc.Attempt, url.Values) {
	i.t.Helper()
	address, a, err := p.Begin(i.t.Context(), redirect, false)
	if err != nil {
		i.t.Fatal(err)
	}
	u, err := url.Parse(address)
	q := u.Query()
	if err != nil || !strings.HasPrefix(address, i.URL+"/auth?") || q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") == "" || q.Get("state") != a.State ||
		q.Get("nonce") != a.Nonce || q.Get("response_type") != "code" || q.Get("redirect_uri") != redirect || q.Get("scope") != "openid email" {
		i.t.Fatalf("got the address %q, %v", address, err)
	}
	if strings.Contains(address, a.Verifier) || a.State == a.Nonce || len(a.State) < 40 {
		i.t.Errorf("got %+v for %q", a, address)
	}
	i.challenge = q.Get("code_challenge")
	i.claims = map[string]any{
		"iss": i.URL, "sub": "u1", "aud": "relay", "nonce": a.Nonce, "exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(),
		"email": "ann@example.com", "email_verified": true, "sid": "s1", "groups": []string{"ops"},
	}
	return a, url.Values{"state": {a.State}, "code": {"good"}, "iss": {i.URL}}
}

func TestSignIn(t *testing.T) {
	i := newIssuer(t)
	i.says["authorization_response_iss_parameter_supported"] = true
	p := i.provider()
	a, answer := i.begin(p)
	c, err := p.Finish(t.Context(), a, redirect, answer)
	if err != nil || c.Issuer != i.URL || c.Subject != "u1" || c.Email != "ann@example.com" || !c.EmailVerified || c.Session != "s1" || c.All["groups"] == nil {
		t.Fatalf("got %+v, %v", c, err)
	}
}

// TestRefusals changes one thing each of a good sign-in.
func TestRefusals(t *testing.T) {
	i := newIssuer(t)
	i.says["authorization_response_iss_parameter_supported"] = true
	p := i.provider()
	other := keys()[1]
	claim := func(name string, v any) func(*oidc.Attempt, url.Values) {
		return func(*oidc.Attempt, url.Values) { i.claims[name] = v }
	}
	for name, change := range map[string]func(a *oidc.Attempt, answer url.Values){
		"another state":        func(_ *oidc.Attempt, q url.Values) { q.Set("state", "x") },
		"no state":             func(_ *oidc.Attempt, q url.Values) { q.Del("state") },
		"no attempt":           func(a *oidc.Attempt, q url.Values) { *a = oidc.Attempt{}; q.Del("state") },
		"too late":             func(a *oidc.Attempt, _ url.Values) { a.Until = time.Now() },
		"another issuer's":     func(_ *oidc.Attempt, q url.Values) { q.Set("iss", "https://other.example") },
		"no issuer":            func(_ *oidc.Attempt, q url.Values) { q.Del("iss") },
		"no code":              func(_ *oidc.Attempt, q url.Values) { q.Del("code") },
		"another code":         func(_ *oidc.Attempt, q url.Values) { q.Set("code", "bad") },
		"refused":              func(_ *oidc.Attempt, q url.Values) { q.Set("error", "access_denied") },
		"another's verifier":   func(a *oidc.Attempt, _ url.Values) { a.Verifier = strings.Repeat("x", 43) },
		"another nonce":        claim("nonce", "x"),
		"no nonce":             claim("nonce", nil),
		"another token issuer": claim("iss", "https://other.example"),
		"another client":       claim("aud", "other"),
		"other clients":        claim("aud", []string{"one", "two"}),
		"expired":              claim("exp", time.Now().Add(-time.Minute).Unix()),
		"no end":               claim("exp", nil),
		"not yet":              claim("nbf", time.Now().Add(time.Hour).Unix()),
		"no subject":           claim("sub", ""),
		"no token":             func(*oidc.Attempt, url.Values) { i.token = func(map[string]any) string { return "" } },
		"no token at all":      func(*oidc.Attempt, url.Values) { i.token = func(map[string]any) string { return "a.b.c" } },
		"signed by another key": func(*oidc.Attempt, url.Values) {
			i.token = func(c map[string]any) string { return i.signedBy(other, c) }
		},
		"changed since": func(*oidc.Attempt, url.Values) {
			i.token = func(c map[string]any) string {
				f := strings.Split(i.signed(c), ".")
				c["sub"] = "u2"
				return f[0] + "." + part(c) + "." + f[2]
			}
		},
		"signed with none": func(*oidc.Attempt, url.Values) {
			i.token = func(c map[string]any) string { return part(map[string]any{"alg": "none"}) + "." + part(c) + "." }
		},
		"signed with the client's secret": func(*oidc.Attempt, url.Values) {
			i.token = func(c map[string]any) string {
				text := part(map[string]any{"alg": "HS256"}) + "." + part(c)
				m := hmac.New(sha256.New, []byte("s3cret"))
				m.Write([]byte(text))
				return text + "." + encode(m.Sum(nil))
			}
		},
	} {
		i.token = i.signed
		a, answer := i.begin(p)
		change(&a, answer)
		c, err := p.Finish(t.Context(), a, redirect, answer)
		if problem.KindOf(err) != problem.Unauthorized {
			t.Errorf("%s: got %+v, %v, want it refused", name, c, err)
		}
	}
	i.token = i.signed
	a, answer := i.begin(p)
	if _, err := p.Finish(t.Context(), a, redirect, answer); err != nil {
		t.Errorf("with nothing changed: %v", err)
	}
}

// TestAnswersAreCheckedBeforeTheCodeIsSent: a code that another site has brought along is not exchanged.
func TestAnswersAreCheckedBeforeTheCodeIsSent(t *testing.T) {
	i := newIssuer(t)
	p := i.provider()
	a, answer := i.begin(p)
	answer.Set("state", "x")
	_, _ = p.Finish(t.Context(), a, redirect, answer)
	answer.Set("state", a.State)
	answer.Set("iss", "https://other.example")
	_, _ = p.Finish(t.Context(), a, redirect, answer)
	if i.exchanges != 0 {
		t.Errorf("%d codes were sent", i.exchanges)
	}
	answer.Del("iss") // this provider does not say that it names itself
	if _, err := p.Finish(t.Context(), a, redirect, answer); err != nil {
		t.Error(err)
	}
}

// TestProviderDown: a provider that is down is asked again at the next sign-in, and keeps nothing from starting.
func TestProviderDown(t *testing.T) {
	i := newIssuer(t)
	i.down.Store(true)
	p := i.provider()
	if _, _, err := p.Begin(t.Context(), redirect, false); problem.KindOf(err) != problem.Unavailable {
		t.Errorf("while it is down: got %v", err)
	}
	i.down.Store(false)
	if _, _, err := p.Begin(t.Context(), redirect, false); problem.KindOf(err) != problem.Unavailable || !p.Down() {
		t.Errorf("right afterwards: got %v, want that it is not asked again at once", err)
	}
	i.ahead = 3 * time.Second
	a, answer := i.begin(p)
	i.down.Store(true)
	if _, err := p.Finish(t.Context(), a, redirect, answer); problem.KindOf(err) != problem.Unavailable {
		t.Errorf("down in between: got %v", err)
	}
	i.down.Store(false)
	if _, err := p.Finish(t.Context(), a, redirect, answer); err != nil {
		t.Errorf("back again: %v", err)
	}
	// One that signs with nothing that can be checked is none.
	i = newIssuer(t)
	i.says["id_token_signing_alg_values_supported"] = []string{"none", "HS256"}
	if _, _, err := i.provider().Begin(t.Context(), redirect, false); err == nil || !strings.Contains(err.Error(), "HS256") {
		t.Errorf("got %v, want that it names the algorithms", err)
	}
}

func TestRoles(t *testing.T) {
	m := oidc.Mapping{Claim: "realm_access.roles", Roles: map[string]string{
		"viewers": "viewer", "ops": "admin", "acme": "member@acme", "acme-lead": "admin@acme", "root": "operator",
	}}
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	realm := func(roles ...any) map[string]any {
		return map[string]any{"realm_access": map[string]any{"roles": roles}}
	}
	admin, viewer := oidc.Grant{Role: access.RoleAdmin}, oidc.Grant{Role: access.RoleViewer}
	for _, tt := range []struct {
		name   string
		claims map[string]any
		def    string
		want   []oidc.Grant
	}{
		{"one", realm("ops"), "", []oidc.Grant{admin}},
		{"the highest of a tenant", realm("ops", "viewers", "acme-lead", "acme"), "", []oidc.Grant{admin, {Tenant: "acme", Role: access.RoleAdmin}}},
		{"an operator beside a role", realm("root", "viewers"), "", []oidc.Grant{viewer, {Role: access.RoleOperator}}},
		{"unknown ones", realm("cooks"), "", nil},
		{"unknown ones, with a default", realm("cooks"), "viewer", []oidc.Grant{viewer}},
		{"a known one wins over the default", realm("acme"), "viewer", []oidc.Grant{{Tenant: "acme", Role: access.RoleMember}}},
		{"a text", map[string]any{"realm_access.roles": "ops"}, "", []oidc.Grant{admin}},
		{"not texts", realm(7, nil, map[string]any{}), "", nil},
		{"no claim", map[string]any{"realm_access": "ops"}, "", nil},
		{"nothing", nil, "", nil},
	} {
		m.Default = tt.def
		if got, _ := m.Grants(tt.claims); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
	m.Default = ""
	if _, seen := m.Grants(realm("cooks", "guests")); !reflect.DeepEqual(seen, []string{"cooks", "guests"}) {
		t.Errorf("got %q, want what was seen", seen)
	}
	m.Claim = "https://example.com/roles"
	if got, _ := m.Grants(map[string]any{"https://example.com/roles": []any{"ops"}}); !reflect.DeepEqual(got, []oidc.Grant{admin}) {
		t.Errorf("a name with dots: got %+v", got)
	}
	for field, bad := range map[string]oidc.Mapping{
		"roles":       {Claim: "g", Roles: map[string]string{"x": "owner"}},
		"roles ":      {Claim: "g", Roles: map[string]string{"x": "admin@"}},
		"roles  ":     {Claim: "g", Roles: map[string]string{"x": "operator@acme"}},
		"defaultRole": {Default: "nobody"},
		"roleClaim":   {Roles: map[string]string{"x": "admin"}},
	} {
		if err := bad.Check(); err == nil || !strings.Contains(problemField(err), strings.TrimSpace(field)) {
			t.Errorf("%+v: got %v, want that it names %s", bad, err, field)
		}
	}
}

func problemField(err error) string {
	p, ok := err.(*problem.Error)
	if !ok || len(p.Fields) == 0 {
		return ""
	}
	return p.Fields[0].Name
}
