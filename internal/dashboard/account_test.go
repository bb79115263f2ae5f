package dashboard_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/relay-events/relay/client"
)

// TestAccount configures the gate as its document tells, makes and revokes a key, invites a viewer who then sees no control
// of an administrator, and finds all of it in the audit log, without secrets.
func TestAccount(t *testing.T) {
	s, e := startServer(t), newEndpoint(t)
	b := openTab(t, s.URL())
	s.signIn(b)

	// The gate: Account configuration, tab Relay, off by default.
	b.press("Account configuration")
	b.until(`location.pathname === "/t/default/account/relay" && !document.querySelector("[role=switch]").checked`)
	b.expect("422")
	b.click("[role=switch]")
	b.press("Save")
	b.until(`!!document.querySelector("#url[aria-invalid=true]")`)
	b.fill("#url", e.URL+"/respondents")
	b.click(`input[value=oauth2]`)
	for _, name := range []string{"clientId", "clientSecret", "tokenUrl", "scope"} {
		b.until(`document.querySelector("#` + name + `").checkVisibility()`)
	}
	b.click(`input[value=apiKey]`)
	b.until(`!document.querySelector("#clientId").checkVisibility()`)
	b.fill("#token", "planted-secret-token")
	b.press("Save")
	b.see("Saved.")
	b.until(`document.querySelector("[role=switch]").checked`)
	if html := b.text(`document.documentElement.outerHTML`); strings.Contains(html, "planted-secret-token") {
		t.Error("the page shows the token")
	}
	b.press("Test")
	b.see("Test delivered.")
	if r, _ := e.next(t); r.Header.Get("ApiKey") != "planted-secret-token" || r.URL.Path != "/respondents" {
		t.Errorf("the test came to %s with %q", r.URL.Path, r.Header.Get("ApiKey"))
	}
	// A secret left empty stays.
	b.open("/t/default/account/relay")
	b.press("Save")
	b.see("Saved.")
	b.press("Test")
	b.see("Test delivered.")
	if r, _ := e.next(t); r.Header.Get("ApiKey") != "planted-secret-token" {
		t.Errorf("after saving without typing the token: %q", r.Header.Get("ApiKey"))
	}
	if g, err := s.api.GetGate(t.Context()); err != nil || !g.Enabled || g.Auth.Type != "apiKey" {
		t.Errorf("the gate is %+v, %v", g, err)
	}

	// Keys.
	b.press("Keys")
	b.press("Create key")
	b.until(`!!document.querySelector("#name[aria-invalid=true]")`)
	b.fill("#name", "billing <b>service</b>")
	b.click(`input[value=read]`)
	b.press("Create key")
	b.see("shown this once")
	key := b.text(`document.querySelector("#key-text").textContent`)
	billing, err := client.New(client.Options{URL: s.URL(), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := billing.ListWebhooksPage(t.Context(), client.ListWebhooksParams{}); err != nil {
		t.Errorf("the new key: %v", err)
	}
	b.open("/t/default/account/keys")
	b.until(`[...document.querySelectorAll("tbody tr")].some((r) => r.innerText.includes("billing <b>service</b>"))`)
	if html := b.text(`document.documentElement.outerHTML`); strings.Contains(html, key) {
		t.Error("the key is shown again")
	}
	b.press("Revoke")
	b.press("Yes, calls with it fail at once")
	b.see("ended key")
	if _, err := billing.ListWebhooksPage(t.Context(), client.ListWebhooksParams{}); err == nil {
		t.Error("the revoked key still works")
	}

	// Users.
	b.press("Users")
	b.fill("#email", "vera@example.com")
	b.click(`input[value=viewer]`)
	b.press("Make an invitation")
	b.see("Invitation for vera@example.com")
	link := b.text(`document.querySelector("#invite-link").textContent`)

	// The audit log has it all, and no secret.
	b.press("Audit log")
	for _, action := range []string{"gate.update", "key.create", "key.revoke", "user.invite"} {
		b.see(action)
	}
	if html := b.text(`document.documentElement.outerHTML`); strings.Contains(html, "planted-secret-token") || strings.Contains(html, key) {
		t.Error("the audit log shows a secret")
	}
	b.open("/t/default/account/audit?action=key.*")
	b.until(`document.body.innerText.includes("key.create") && !document.body.innerText.includes("gate.update")`)
	b.press("Network and retention")
	b.see("30 d")

	// The viewer.
	b.click("details.me summary")
	b.press("Sign out")
	b.until(`location.pathname === "/login"`)
	b.open(strings.TrimPrefix(link, s.URL()))
	b.fill("#password", password)
	b.press("Save and sign in")
	b.until(`location.pathname === "/t/default/home"`)
	b.expect("403")
	b.expect("404")
	paths := []string{"/home", "/webhooks", "/log", "/events", "/missing", "/start", "/receiver", "/account", "/account/network"}
	for _, path := range paths {
		b.open("/t/default" + path)
		s.pressable(b)
	}
	b.open("/t/default/account/keys")
	b.see("Not allowed")
}

// pressable reports the links and forms of a page that the server refuses when they are used.
func (s *server) pressable(b *tab) {
	s.t.Helper()
	b.eval(`(async () => {
		const wrong = [];
		for (const a of document.querySelectorAll("main a[href^='/'], .side a[href^='/']")) {
			const r = await fetch(a.getAttribute("href"), {redirect: "follow"});
			if (r.status === 403) wrong.push("GET " + a.getAttribute("href"));
		}
		for (const f of document.querySelectorAll("main form[method=post]")) {
			const r = await fetch(f.action, {method: "POST", body: new URLSearchParams(), redirect: "manual"});
			if (r.status === 403) wrong.push("POST " + f.action);
		}
		window.refused = JSON.stringify(wrong);
	})(), null`)
	b.until(`window.refused !== undefined`)
	var list []string
	if err := json.Unmarshal([]byte(b.text(`window.refused`)), &list); err != nil {
		s.t.Fatal(err)
	}
	for _, r := range list {
		s.t.Errorf("at %s: a control that is refused: %s", b.text(`location.pathname`), r)
	}
}
