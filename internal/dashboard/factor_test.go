package dashboard_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/relay-events/relay/client"
)

// TestOwnAccount sets up a second factor, signs in by it and by a recovery code, changes the password, and signs out
// everywhere; then the tenant requires a second factor of somebody who has none.
func TestOwnAccount(t *testing.T) {
	s := startServer(t)
	b := openTab(t, s.URL())
	s.signIn(b)
	s.check(b, "me", "/me")
	s.check(b, "factor", "/me/second-factor")
	b.press("Set up")
	b.see("Scan this with your authenticator app")
	for _, found := range b.axe() {
		t.Errorf("the page with the QR code: %s", found)
	}
	b.press("I cannot scan it")
	secret := b.text(`document.querySelector("#secret").textContent`)
	if qr := b.text(`String(document.querySelector("svg.qr path").getAttribute("d").length > 2000)`); qr != "true" {
		t.Error("there is no QR code")
	}
	b.expect("403")
	b.expect("401")
	b.fill("#code", "000000")
	b.press("Enable")
	b.see("The code is wrong")
	if strings.Contains(b.text(`document.documentElement.outerHTML`), secret) {
		t.Error("the secret is shown again")
	}
	at := time.Now()
	code := func(at time.Time) string {
		c, err := totp.GenerateCode(secret, at)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	b.fill("#code", code(at))
	b.press("Enable")
	b.see("shown this once")
	recovery := strings.Fields(b.text(`document.querySelector("#codes").textContent`))
	if len(recovery) != 10 {
		t.Fatalf("got the recovery codes %q, want ten", recovery)
	}
	b.press("I stored them")
	b.until(`location.pathname === "/t/default/home"`)
	b.open("/me/second-factor")
	b.see("10 recovery codes left")
	for _, gone := range append(recovery, secret) {
		if strings.Contains(b.text(`document.documentElement.outerHTML`), gone) {
			t.Errorf("the page still shows %s", gone)
		}
	}
	s.check(b, "factor-enabled", "/me/second-factor")

	login := func(password, code string) {
		t.Helper()
		b.open("/login")
		b.fill("#email", "operator@localhost")
		b.fill("#password", password)
		b.press("Sign in")
		b.until(`location.pathname === "/login/code"`)
		b.fill("#code", code)
		b.press("Sign in")
	}
	b.open("/me")
	b.press("Sign out everywhere")
	b.until(`location.pathname === "/login"`)
	login(password, code(at))
	b.see("The code is wrong, or it was used already")
	s.check(b, "login-code", "/login/code")
	b.fill("#code", code(at.Add(30*time.Second)))
	b.press("Sign in")
	b.until(`location.pathname === "/t/default/home"`)

	const next = "five other words nobody says"
	b.open("/me")
	b.fill("#password", password)
	b.fill("#newPassword", "short")
	b.expect("422")
	b.press("Change password")
	b.see("at least 12 characters")
	b.fill("#password", password)
	b.fill("#newPassword", next)
	b.press("Change password")
	b.see("Your password is changed")
	b.press("Sign out everywhere")
	b.until(`location.pathname === "/login"`)
	login(next, recovery[0])
	b.until(`location.pathname === "/t/default/home"`)
	b.open("/me/second-factor")
	b.see("9 recovery codes left")
	b.fill("#code", recovery[1])
	b.press("Disable")
	b.see("You need an authenticator app")

	if _, err := s.api.UpdateSignIn(t.Context(), client.UpdateSignInParams{Of: "platform"}, client.UpdateSignIn{SecondFactor: client.Set([]string{"operator"})}); err != nil {
		t.Fatal(err)
	}
	b.open("/t/default/webhooks")
	b.until(`location.pathname === "/me/second-factor"`)
	b.see("Your role requires a second factor")
}
