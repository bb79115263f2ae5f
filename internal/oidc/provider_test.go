package oidc_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/oidc"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/testenv"
)

// startProvider starts the npm package oidc-provider and returns its address.
func startProvider(t *testing.T, secret string) string {
	t.Helper()
	node := testenv.Binary(t, "node")
	// A folder of its own: tests of another package install the same one at the same time.
	dir := testenv.Modules(t, "oidc-signin-9.13.3", "oidc-provider/package.json", filepath.Join("..", "app", "testdata", "oidc"), filepath.Join("testdata", "signin.mjs"))
	address, _ := testenv.Serve(t, exec.Command(node, filepath.Join(dir, "signin.mjs"), secret, redirect), nil)
	return address
}

var formAction = regexp.MustCompile(`<form[^>]* action="([^"]+)"`)

// signIn walks through the provider's pages as a browser does, and returns what it brings back to Relay.
func signIn(t *testing.T, address, name string) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Get(address)
	for range 20 {
		if err != nil {
			t.Fatal(err)
		}
		body, err2 := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err2 != nil {
			t.Fatal(err2)
		}
		if to, err2 := resp.Location(); err2 == nil {
			if strings.HasPrefix(to.String(), redirect) {
				return to.Query()
			}
			resp, err = browser.Get(to.String())
			continue
		}
		action := formAction.FindSubmatch(body)
		if resp.StatusCode != http.StatusOK || action == nil {
			t.Fatalf("%s answered %d\n%s", resp.Request.URL, resp.StatusCode, body)
		}
		to, err2 := resp.Request.URL.Parse(string(action[1]))
		if err2 != nil {
			t.Fatal(err2)
		}
		form := url.Values{"prompt": {"login"}, "login": {name}, "password": {"any"}}
		if !strings.Contains(string(body), `name="login"`) {
			form = url.Values{"prompt": {"consent"}}
		}
		resp, err = browser.PostForm(to.String(), form)
	}
	t.Fatal("the provider goes round in circles")
	return nil
}

// TestRealProvider signs in at the npm package oidc-provider, which takes no code without PKCE, and takes each once.
func TestRealProvider(t *testing.T) {
	const secret = "a secret of the client"
	issuer := startProvider(t, secret)
	client := &http.Client{Timeout: time.Minute}
	t.Cleanup(client.CloseIdleConnections)
	p, err := oidc.New(oidc.Config{Issuer: issuer, ClientID: "relay", ClientSecret: secret, Scopes: []string{"email", "groups"}, Client: client})
	if err != nil {
		t.Fatal(err)
	}
	address, a, err := p.Begin(t.Context(), redirect, false)
	if err != nil {
		t.Fatal(err)
	}
	answer := signIn(t, address, "ops")
	if answer.Get("iss") != issuer {
		t.Errorf("got the answer %v, want that it names the issuer", answer)
	}
	_, other, err := p.Begin(t.Context(), redirect, false)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := p.Finish(t.Context(), other, redirect, answer); problem.KindOf(err) != problem.Unauthorized {
		t.Errorf("with another browser's attempt: got %+v, %v", c, err)
	}
	c, err := p.Finish(t.Context(), a, redirect, answer)
	if err != nil || c.Issuer != issuer || c.Subject != "ops" || c.Email != "ops@example.com" || !c.EmailVerified {
		t.Fatalf("got %+v, %v", c, err)
	}
	m := oidc.Mapping{Claim: "groups", Roles: map[string]string{"ops": "admin@acme"}}
	if grants, _ := m.Grants(c.All); !reflect.DeepEqual(grants, []oidc.Grant{{Tenant: "acme", Role: access.RoleAdmin}}) {
		t.Errorf("got %+v of %+v", grants, c.All)
	}
	if c, err := p.Finish(t.Context(), a, redirect, answer); problem.KindOf(err) != problem.Unauthorized {
		t.Errorf("the code again: got %+v, %v", c, err)
	}

	// A code of another attempt does not fit this one's verifier: the provider itself refuses it.
	address, first, err := p.Begin(t.Context(), redirect, false)
	if err != nil {
		t.Fatal(err)
	}
	answer = signIn(t, address, "ops")
	first.Verifier = other.Verifier
	if c, err := p.Finish(t.Context(), first, redirect, answer); problem.KindOf(err) != problem.Unauthorized {
		t.Errorf("with another verifier: got %+v, %v", c, err)
	}
	// Nor does it take a sign-in without PKCE.
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Del("code_challenge")
	q.Del("code_challenge_method")
	u.RawQuery = q.Encode()
	if answer := signIn(t, u.String(), "ops"); answer.Get("error") != "invalid_request" {
		t.Errorf("without PKCE: got %v", answer)
	}
}
