package dashboard_test

import (
	"strings"
	"testing"
)

// TestSignInPages sets up an identity provider, asks for second factors, and looks at each page on the way.
func TestSignInPages(t *testing.T) {
	s := startServer(t)
	b := openTab(t, s.URL())
	s.signIn(b)
	const at = "/t/default/account/sign-in"
	s.check(b, "sign-in-empty", at)
	s.check(b, "provider-add", at+"/add")
	b.expect("422")
	b.open(at + "/add")
	b.fill("#name", "company")
	b.fill("#label", "Example Corp")
	b.fill("#issuer", "ftp://id.example.com")
	b.fill("#clientId", "relay")
	b.fill("#clientSecret", "canary-secret")
	b.fill("#roles", "staff = boss")
	b.press("Add")
	b.see("must start with https://")
	b.fill("#issuer", "https://id.example.com/realms/main")
	b.press("Add")
	b.see("must be one of viewer, member, admin")
	b.fill("#roleClaim", "groups")
	b.fill("#roles", "staff = member")
	b.fill("#clientSecret", "canary-secret")
	b.press("Add")
	b.see("Saved.")
	b.see("Example Corp")
	s.check(b, "sign-in", at)
	s.check(b, "provider", at+"/providers/company")
	b.open(at + "/providers/company")
	if html := b.text(`document.documentElement.outerHTML`); len(html) == 0 || strings.Contains(html, "canary-secret") {
		t.Error("the page shows the secret")
	}
	if got := b.text(`document.querySelector("#roles").value`); got != "staff = member" {
		t.Errorf("got the roles %q", got)
	}
	b.fill("#label", "Example")
	b.press("Save")
	b.see("Saved.")
	p, err := s.api.GetSignInProvider(t.Context(), "company")
	if err != nil || p.Label != "Example" || p.ClientSecret != "***" || p.Roles["staff"] != "member" || !p.AutoCreate {
		t.Errorf("got %+v, %v", p, err)
	}
	b.click(`input[name=secondFactor][value=viewer]`)
	b.press("Save")
	b.see("Saved.")
	b.until(`document.querySelector("input[name=secondFactor][value=viewer]").checked && !document.querySelector("input[name=secondFactor][value=admin]").checked`)

	b.open("/me")
	b.press("Sign out everywhere")
	b.until(`location.pathname === "/login"`)
	b.see("Sign in with Example")
	s.check(b, "login-provider", "/login")
	b.expect("403")
	b.expect("401")
	s.check(b, "refused", "/login/oidc/company/callback?error=access_denied")
}
