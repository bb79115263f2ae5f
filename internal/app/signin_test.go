//go:build unix

package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/testenv"
)

// relyingParty is a client of the provider.
type relyingParty struct {
	ID              string   `json:"client_id"`
	Secret          string   `json:"client_secret"`
	Redirects       []string `json:"redirect_uris"`
	BackChannel     string   `json:"backchannel_logout_uri"`
	SessionRequired bool     `json:"backchannel_logout_session_required"`
	AfterLogout     []string `json:"post_logout_redirect_uris"`
}

// startPeople starts the npm package oidc-provider for the clients and returns its address, and a function that ends it.
func startPeople(t *testing.T, clients []relyingParty) (issuer string, end func()) {
	t.Helper()
	node := testenv.Binary(t, "node")
	dir := installProvider(t)
	list, err := json.Marshal(clients)
	if err != nil {
		t.Fatal(err)
	}
	return testenv.Serve(t, exec.Command(node, filepath.Join(dir, "people.mjs"), string(list)), nil)
}

// human is a person with a browser.
type human struct {
	t    *testing.T
	name string
	http *http.Client
}

func newHuman(t *testing.T, name string) *human {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := httpClient(t)
	c.Jar, c.CheckRedirect = jar, func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &human{t, name, c}
}

var formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)

// walk follows an address as a browser does, through redirects and the provider's forms, to a page of Relay's, which it
// returns. It stops before it opens an address that begins with before.
func (h *human) walk(address, before string) (resp *http.Response, body, at string) {
	h.t.Helper()
	get := func(to string) {
		req, err := http.NewRequest("GET", to, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		req.Header.Set("Sec-Fetch-Site", "cross-site") // as on the way back from the provider
		if resp, err = h.http.Do(req); err != nil {
			h.t.Fatal(err)
		}
	}
	get(address)
	for range 30 {
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			h.t.Fatal(err)
		}
		at := resp.Request.URL
		if to, err := resp.Location(); err == nil {
			if before != "" && strings.HasPrefix(to.String(), before) {
				return resp, "", to.String()
			}
			get(to.String())
			continue
		}
		action := formAction.FindSubmatch(b)
		if !strings.HasPrefix(at.Path, "/interaction/") && at.Path != "/session/end" || action == nil {
			return resp, string(b), at.String()
		}
		to, err := at.Parse(string(action[1]))
		if err != nil {
			h.t.Fatal(err)
		}
		form := url.Values{"prompt": {"consent"}}
		switch {
		case strings.Contains(string(b), `name="login"`):
			form = url.Values{"prompt": {"login"}, "login": {h.name}, "password": {"any"}}
		case at.Path == "/session/end":
			form = url.Values{"logout": {"yes"}, "xsrf": {between(string(b), `name="xsrf" value="`, `"`)}}
		}
		if resp, err = h.http.PostForm(to.String(), form); err != nil {
			h.t.Fatal(err)
		}
	}
	h.t.Fatalf("%s goes round in circles", address)
	return nil, "", ""
}

func between(s, after, before string) string {
	_, s, _ = strings.Cut(s, after)
	s, _, _ = strings.Cut(s, before)
	return s
}

// whoami returns what the API says of the session, and whether there is one.
func (h *human) whoami(base string) (a client.Account, ok bool) {
	h.t.Helper()
	resp, err := h.http.Get(base + "/v1/session")
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized {
		return a, false
	}
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || resp.StatusCode != http.StatusOK {
		h.t.Fatalf("GET /v1/session: %d, %v", resp.StatusCode, err)
	}
	return a, true
}

// roles returns the roles that a person has, such as "admin@default".
func rolesOf(a client.Account) string {
	var list []string
	for _, m := range a.Tenants {
		list = append(list, m.Role+"@"+m.ID)
	}
	if a.Operator {
		list = append(list, "operator")
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// signInPlace is an installation at which people sign in by the provider.
type signInPlace struct {
	servers []*App
	client  relyingParty
}

// TestSignInByProvider signs people in by the npm package oidc-provider, which takes no code without PKCE, on both stores,
// with a folder and with two servers.
func TestSignInByProvider(t *testing.T) {
	places := map[string]*signInPlace{"folder": {}, "database": {}}
	db := databaseSettings(t)
	for name, settings := range map[string][]config.Config{"folder": {settings(t)}, "database": {db, db}} {
		p := places[name]
		p.client = relyingParty{ID: name, Secret: "canary secret of " + name, SessionRequired: true}
		for i := range settings {
			a := run(t, settings[i])
			p.servers = append(p.servers, a)
			p.client.Redirects = append(p.client.Redirects, a.URL()+"/login/oidc/company/callback")
			p.client.AfterLogout = append(p.client.AfterLogout, a.URL()+"/login")
		}
		p.client.BackChannel = p.servers[0].URL() + "/login/oidc/company/backchannel"
	}
	issuer, end := startPeople(t, []relyingParty{places["folder"].client, places["database"].client})
	t.Run("places", func(t *testing.T) {
		for name, p := range places {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p.test(t, issuer)
			})
		}
	})
	// The sessions of both go on when the provider is gone, and the login page says that it is.
	h := newHuman(t, "late")
	setGroups(t, issuer, "late", "staff")
	base := places["folder"].servers[0].URL()
	h.walk(base+"/login/oidc/company", "")
	end()
	if a, ok := h.whoami(base); !ok || rolesOf(a) != "member@default" {
		t.Errorf("after the provider has ended: got %+v, %t, want the session", a, ok)
	}
	if _, err := dial(t, places["folder"].servers[0], adminKey).UpdateSignInProvider(t.Context(), "company", client.UpdateSignInProvider{Label: client.Set("Gone Corp")}); err != nil {
		t.Fatal(err)
	}
	resp, page, _ := newHuman(t, "late").walk(base+"/login/oidc/company", "")
	if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(page, "cannot be reached") || !strings.Contains(page, "Gone Corp") || !strings.Contains(page, `name="password"`) {
		t.Errorf("while the provider is down: got %d\n%s", resp.StatusCode, page)
	}
}

func setGroups(t *testing.T, issuer, name string, groups ...string) {
	t.Helper()
	resp, err := httpClient(t).Get(issuer + "/test/groups?" + url.Values{"name": {name}, "group": groups}.Encode())
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("setting the groups of %s: %v", name, err)
	}
	resp.Body.Close()
}

func (p *signInPlace) test(t *testing.T, issuer string) {
	ctx := t.Context()
	first, last := p.servers[0], p.servers[len(p.servers)-1]
	api := dial(t, first, adminKey)
	if _, err := api.CreateTenant(ctx, client.CreateTenant{ID: "acme"}); err != nil {
		t.Fatal(err)
	}
	made, err := api.CreateSignInProvider(ctx, client.CreateSignInProvider{
		Name: "company", Issuer: issuer, ClientID: p.client.ID,
		Label: client.Set("Example Corp"), ClientSecret: client.Set(p.client.Secret), Scopes: client.Set([]string{"email", "profile", "groups"}), RoleClaim: client.Set("groups"),
		Roles: client.Set(map[string]string{"staff": "member", "bosses": "admin", "ops": "operator", "acme": "admin@acme"}), AutoCreate: client.Set(true),
	})
	if err != nil || made.ClientSecret != "***" {
		t.Fatalf("got %+v, %v", made, err)
	}
	name := func(s string) string { return s + "-" + p.client.ID } // the provider's people are shared
	// The other server has the settings within a second or so.
	until(t, func() bool {
		resp, page, _ := newHuman(t, "").walk(last.URL()+"/login", "")
		return resp.StatusCode == http.StatusOK && strings.Contains(page, "Sign in with Example Corp")
	})

	// A sign-in begun at one server, and one at the other.
	ann := newHuman(t, name("ann"))
	setGroups(t, issuer, ann.name, "staff", "acme", "unknown")
	_, _, at := ann.walk(last.URL()+"/login/oidc/company?next="+url.QueryEscape("/t/acme/keys"), last.URL()+"/t/")
	if at != last.URL()+"/t/acme/keys" {
		t.Errorf("came to %s", at)
	}
	a, ok := ann.whoami(last.URL())
	if !ok || rolesOf(a) != "admin@acme member@default" || a.Email != ann.name+"@example.com" || a.Session.Method != "provider" || a.Session.Provider != "company" {
		t.Fatalf("got %+v, %+v, %t", a, a.Session, ok)
	}
	id := a.ID

	// Roles are read at each sign-in; one that is taken away is gone at the next request of all their sessions.
	setGroups(t, issuer, ann.name, "bosses", "ops")
	again := newHuman(t, ann.name)
	again.walk(first.URL()+"/login/oidc/company", first.URL()+"/t/")
	for _, h := range []*human{ann, again} {
		base := map[bool]string{true: last.URL(), false: first.URL()}[h == ann]
		if a, ok := h.whoami(base); !ok || rolesOf(a) != "admin@default operator" || a.ID != id {
			t.Errorf("after the groups have changed: got %+v, %t", a, ok)
		}
	}
	setGroups(t, issuer, ann.name, "guests", "visitors")
	resp, page, _ := newHuman(t, ann.name).walk(first.URL()+"/login/oidc/company", "")
	if resp.StatusCode != http.StatusForbidden || !strings.Contains(page, "groups") || !strings.Contains(page, "<code>guests</code>") || !strings.Contains(page, "<code>visitors</code>") {
		t.Errorf("without a role: got %d\n%s", resp.StatusCode, page)
	}
	if a, ok := ann.whoami(last.URL()); ok {
		t.Errorf("the session of somebody without a role goes on: %+v", a)
	}

	// The cookie is used once, and nothing of another's sign-in is taken.
	bob := newHuman(t, name("bob"))
	setGroups(t, issuer, bob.name, "staff")
	_, _, callback := bob.walk(first.URL()+"/login/oidc/company", first.URL()+"/login/oidc/company/callback")
	resp, page, _ = newHuman(t, "eve").walk(callback, "")
	if resp.StatusCode != http.StatusUnauthorized || !strings.Contains(page, "begin again") {
		t.Errorf("another browser with the answer: got %d\n%s", resp.StatusCode, page)
	}
	if resp, _, _ := bob.walk(strings.Replace(callback, "state=", "state=x", 1), ""); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("with another state: got %d", resp.StatusCode)
	}
	if resp, _, _ := bob.walk(callback, ""); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("with the cookie used before: got %d", resp.StatusCode)
	}
	if _, ok := bob.whoami(first.URL()); ok {
		t.Error("a session began")
	}
	bob.walk(first.URL()+"/login/oidc/company", first.URL()+"/t/")

	// Somebody signs out at the provider: the session ends at every server.
	u, err := url.Parse(issuer + "/session/end?" + url.Values{"client_id": {p.client.ID}, "post_logout_redirect_uri": {p.client.AfterLogout[0]}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	session := bob.cookies(first.URL())
	for _, s := range p.servers {
		if !session.works(s.URL()) {
			t.Errorf("the session does not work at %s", s.URL())
		}
	}
	bob.walk(u.String(), p.client.AfterLogout[0])
	begun := time.Now()
	for _, s := range p.servers {
		until(t, func() bool { return !session.works(s.URL()) })
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("the session ended after %v, want at once", took)
	}
	p.refusals(t, issuer, api, name)
	p.ways(t, issuer, api, name("fay"))
}

// ways are the settings of the login page and of signing out, the trial of a sign-in, and who signs in by password.
func (p *signInPlace) ways(t *testing.T, issuer string, api *client.Client, name string) {
	ctx, base := t.Context(), p.servers[0].URL()
	if _, err := api.UpdateSignInProvider(ctx, "company", client.UpdateSignInProvider{ForceRedirect: client.Set(true), LogoutAtProvider: client.Set(true)}); err != nil {
		t.Fatal(err)
	}
	h := newHuman(t, name)
	setGroups(t, issuer, name, "ops")
	if _, _, at := h.walk(base+"/login", base+"/t/"); !strings.HasPrefix(at, base+"/t/") {
		t.Errorf("the login page did not lead to the provider: at %s", at)
	}
	if resp, page, _ := newHuman(t, name).walk(base+"/login?stay=1", ""); resp.StatusCode != http.StatusOK || !strings.Contains(page, "Sign in with Example Corp") {
		t.Errorf("with stay: got %d\n%s", resp.StatusCode, page)
	}
	before, _ := h.whoami(base)
	resp, page, _ := h.walk(base+"/login/oidc/company?test=1", "")
	if resp.StatusCode != http.StatusOK || !strings.Contains(page, "Nobody was signed in") || !strings.Contains(page, "<strong>operator</strong>") || !strings.Contains(page, name+"@example.com") {
		t.Errorf("testing a sign-in: got %d\n%s", resp.StatusCode, page)
	}
	if after, ok := h.whoami(base); !ok || after.Session.ID != before.Session.ID {
		t.Errorf("testing a sign-in has changed the session: %+v, %+v", before, after)
	}
	if resp, _, _ := newHuman(t, name).walk(base+"/login/oidc/company?test=1", ""); resp.StatusCode != http.StatusForbidden {
		t.Errorf("somebody who is not an operator tests: got %d", resp.StatusCode)
	}

	post := func(path string) (int, string) {
		t.Helper()
		req, err := http.NewRequest("POST", base+path, strings.NewReader("x=1"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		resp, err := h.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	if code, page := post("/logout"); code != http.StatusOK || !strings.Contains(page, issuer+"/session/end?client_id="+p.client.ID) {
		t.Errorf("signing out: got %d\n%s", code, page)
	}
	if _, ok := h.whoami(base); ok {
		t.Error("the session goes on after signing out")
	}
	if resp, page, _ := h.walk(base+"/login", ""); resp.StatusCode != http.StatusOK || !strings.Contains(page, "Sign in with Example Corp") {
		t.Errorf("right after signing out: got %d\n%s", resp.StatusCode, page)
	}

	for mode, form := range map[string]bool{"off": false, "admins": true, "on": true} {
		if _, err := api.UpdateSignIn(ctx, client.UpdateSignInParams{Of: "platform"}, client.UpdateSignIn{PasswordLogin: client.Set(mode)}); err != nil {
			t.Fatal(err)
		}
		_, page, _ := h.walk(base+"/login", "")
		if strings.Contains(page, `name="password"`) != form {
			t.Errorf("passwords %s:\n%s", mode, page)
		}
		resp, err := h.http.Post(base+"/v1/session", "application/json", strings.NewReader(`{"email":"x@example.com","password":"four words nobody says"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if want := map[bool]int{true: http.StatusUnauthorized, false: http.StatusForbidden}[form]; resp.StatusCode != want {
			t.Errorf("passwords %s: got %d, want %d", mode, resp.StatusCode, want)
		}
	}
	if _, err := api.UpdateSignIn(ctx, client.UpdateSignInParams{Of: "platform"}, client.UpdateSignIn{PasswordLogin: client.Set("on")}); err != nil {
		t.Fatal(err)
	}
}

// cookies returns a browser that has the cookies of another for a server, and sends them to any.
func (h *human) cookies(base string) session {
	u, err := url.Parse(base)
	if err != nil {
		h.t.Fatal(err)
	}
	return session{h.t, h.http.Jar.Cookies(u)}
}

type session struct {
	t       *testing.T
	cookies []*http.Cookie
}

func (s session) works(base string) bool {
	req, err := http.NewRequest("GET", base+"/v1/session", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range s.cookies {
		req.AddCookie(c)
	}
	resp, err := httpClient(s.t).Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// refusals are who may not come, and what the settings make of that.
func (p *signInPlace) refusals(t *testing.T, issuer string, api *client.Client, name func(string) string) {
	ctx, base := t.Context(), p.servers[0].URL()
	change := func(f client.UpdateSignInProvider) {
		t.Helper()
		if _, err := api.UpdateSignInProvider(ctx, "company", f); err != nil {
			t.Fatal(err)
		}
	}
	arrives := func(who string, want int, text string) *human {
		t.Helper()
		h := newHuman(t, name(who))
		resp, page, _ := h.walk(base+"/login/oidc/company", base+"/t/")
		if want == http.StatusSeeOther && resp.StatusCode == want {
			return h
		}
		if resp.StatusCode != want || !strings.Contains(page, text) {
			t.Errorf("%s: got %d, want %d and %q\n%s", who, resp.StatusCode, want, text, page)
		}
		return h
	}
	setGroups(t, issuer, name("unverified"), "staff")
	arrives("unverified", http.StatusForbidden, "not say that your e-mail address is verified")
	// An account with the address, which has no identity: it is not taken over unless the operator says so.
	setGroups(t, issuer, name("carl"), "staff")
	carl, err := api.InviteUser(ctx, client.InviteUser{Email: name("carl") + "@example.com", Role: "admin"})
	if err != nil {
		t.Fatal(err)
	}
	arrives("carl", http.StatusForbidden, "accounts are not linked")
	change(client.UpdateSignInProvider{LinkByEmail: client.Set(true), AutoCreate: client.Set(false)})
	h := arrives("carl", http.StatusSeeOther, "")
	if a, ok := h.whoami(base); !ok || a.ID != carl.ID || rolesOf(a) != "member@default" {
		t.Errorf("linked: got %+v, %t, want that the provider's word on the role counts", a, ok)
	}
	setGroups(t, issuer, name("dora"), "staff")
	arrives("dora", http.StatusForbidden, "none is made by signing in")
	change(client.UpdateSignInProvider{AutoCreate: client.Set(true), AllowedDomains: client.Set([]string{"example.org"})})
	arrives("dora", http.StatusForbidden, "may not sign in by this identity provider")
	change(client.UpdateSignInProvider{AllowedDomains: client.Set([]string{"example.com"}), DefaultRole: client.Set("viewer")})
	setGroups(t, issuer, name("dora"))
	h = arrives("dora", http.StatusSeeOther, "")
	if a, _ := h.whoami(base); rolesOf(a) != "viewer@default" {
		t.Errorf("by default: got %+v", a)
	}
	if _, err := api.DisableUser(ctx, carl.ID); err != nil {
		t.Fatal(err)
	}
	arrives("carl", http.StatusForbidden, "disabled")

	// The audit log tells who came and who was refused, and no entry has the secret.
	entries, err := api.ListAuditPage(ctx, client.ListAuditParams{Limit: 250})
	if err != nil {
		t.Fatal(err)
	}
	text := string(must(json.Marshal(entries)))
	if !strings.Contains(text, "user.create") || !strings.Contains(text, "user.delete") || !strings.Contains(text, "identity provider company") || strings.Contains(text, p.client.Secret) {
		t.Errorf("the audit log: %s", text)
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}
