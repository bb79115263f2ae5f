package dashboard_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"
)

// device is an authenticator in the browser, that of a laptop.
type device struct {
	b  *tab
	id webauthn.AuthenticatorID
}

// command sends a command to the browser.
func command[P, R any](b *tab, c cdp.Command[P, R], p P) (r R) {
	b.t.Helper()
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) (err error) {
		r, err = cdp.Call(ctx, target, c, p)
		return err
	}))
	return r
}

func newDevice(b *tab) *device {
	b.t.Helper()
	command(b, webauthn.Enable, webauthn.EnableParams{})
	r := command(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}})
	return &device{b, r.AuthenticatorID}
}

// passkey returns the only one on the device.
func (d *device) passkey() *webauthn.Credential {
	d.b.t.Helper()
	all := command(d.b, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: d.id}).Credentials
	if len(all) != 1 {
		d.b.t.Fatalf("got %d passkeys, want one", len(all))
	}
	return all[0]
}

// count sets the counter of the passkey, as on a device that has an older copy of it.
func (d *device) count(n float64) {
	d.b.t.Helper()
	k := d.passkey()
	command(d.b, webauthn.RemoveCredential, webauthn.RemoveCredentialParams{AuthenticatorID: d.id, CredentialID: k.CredentialID})
	// The package's own parameters name an extension that this device does not have.
	command(d.b, cdp.Command[map[string]any, cdp.Empty]{Method: webauthn.CommandAddCredential}, map[string]any{"authenticatorId": d.id, "credential": map[string]any{
		"credentialId": k.CredentialID, "isResidentCredential": true, "rpId": k.RpID, "privateKey": k.PrivateKey, "userHandle": k.UserHandle, "signCount": n,
	}})
}

// TestPasskeyWalk adds a passkey by a browser with an authenticator, signs in by it alone and in place of a code, has a copy
// refused, and removes it.
func TestPasskeyWalk(t *testing.T) {
	s := startServer(t)
	b := openTab(t, strings.Replace(s.URL(), "127.0.0.1", "localhost", 1))
	d := newDevice(b)
	b.open("/login")
	b.see("Sign in with a passkey")
	for _, found := range b.axe() {
		t.Errorf("the sign-in: %s", found)
	}
	s.signIn(b)
	b.open("/me")
	b.press("Add a passkey")
	b.until(`location.pathname === "/me/passkeys"`)
	s.check(b, "passkeys", "/me/passkeys")
	b.press("Add a passkey")
	b.see("Your browser asks where to keep it")
	for _, found := range b.axe() {
		t.Errorf("adding a passkey: %s", found)
	}
	// Nothing is asked before there is a name.
	b.press("Create the passkey")
	command(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: d.id})
	b.fill("#name", "Laptop")
	b.press("Create the passkey")
	b.see("No passkey was used")
	command(b, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: d.id, IsUserVerified: true})
	b.press("Create the passkey")
	b.see("Saved.")
	if k := d.passkey(); k.RpID != "localhost" || !k.IsResidentCredential || !strings.HasPrefix(string(k.UserHandle), "usr_") {
		t.Errorf("got %+v", k)
	}
	s.check(b, "passkeys-one", "/me/passkeys")
	b.press("Add a passkey") // once more on the same device
	b.fill("#name", "Laptop again")
	b.press("Create the passkey")
	b.see("This device has a passkey for your account already.")
	b.open("/me/passkeys")
	b.fill(`input[name=name]`, `Ana's "laptop"`)
	b.press("Rename")
	b.see("Saved.")
	if name := b.text(`document.querySelector("input[name=name]").value`); name != `Ana's "laptop"` {
		t.Errorf("got the name %q", name)
	}

	out := func() {
		t.Helper()
		b.open("/me")
		b.press("Sign out everywhere")
		b.until(`location.pathname === "/login"`)
	}
	home := func() { t.Helper(); b.until(`location.pathname === "/t/default/home"`) }
	out()
	b.press("Sign in with a passkey")
	home()
	b.open("/t/default/log?code=503")
	out()
	b.open("/login?next=%2Ft%2Fdefault%2Flog")
	b.press("Sign in with a passkey")
	b.until(`location.pathname === "/t/default/log"`)

	// In place of a code, which the sign-in by the passkey alone does not ask for.
	b.open("/me/second-factor")
	b.press("Set up")
	b.press("I cannot scan it")
	code, err := totp.GenerateCode(b.text(`document.querySelector("#secret").textContent`), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	b.fill("#code", code)
	b.press("Enable")
	b.see("shown this once")
	out()
	b.fill("#email", "operator@localhost")
	b.fill("#password", password)
	b.press("Sign in")
	b.until(`location.pathname === "/login/code"`)
	b.press("Use a passkey instead")
	home()
	out()
	b.press("Sign in with a passkey")
	home()

	// An older copy signs nobody in; the newest one still does.
	out()
	now := d.passkey().SignCount
	b.expect("401")
	d.count(now - 2)
	b.press("Sign in with a passkey")
	b.see("there may be a copy of it")
	d.count(now)
	b.press("Sign in with a passkey")
	home()

	b.open("/me/passkeys")
	b.press("Remove")
	b.see("You have none yet")
	out()
	b.press("Sign in with a passkey")
	b.see("This passkey is not known here")

	// At an address without a name there are none, and the page says where there are.
	b.expect("asked another host: " + s.URL())
	here := b.url
	b.url = s.URL()
	b.open("/login")
	if b.text(`String(document.querySelectorAll("[data-passkey]").length)`) != "0" {
		t.Error("a passkey is asked for at an address without a name")
	}
	b.fill("#email", "operator@localhost")
	b.fill("#password", password)
	b.press("Sign in")
	b.until(`location.pathname === "/login/code"`)
	if b.text(`String(document.querySelectorAll("[data-passkey]").length)`) != "0" {
		t.Error("a passkey is asked for in place of a code at an address without a name")
	}
	b.url = here
}
