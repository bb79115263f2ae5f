//go:build unix

package app

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestConfirm lets a session grow old: what opens the installation to others then needs the password again, from the API and
// from the pages, which go on with what was typed; everything else, and keys, need nothing.
func TestConfirm(t *testing.T) {
	cfg := databaseSettings(t)
	a := run(t, cfg)
	db, err := pgx.Connect(t.Context(), cfg.Database.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(t.Context()) })
	h := newHuman(t, "ann")
	send := func(method, path, contentType, body string) (int, string) {
		t.Helper()
		req, err := http.NewRequest(method, a.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		if body != "" {
			req.Header.Set("Content-Type", contentType)
		}
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
	api := func(method, path, body string) (int, string) { return send(method, path, "application/json", body) }
	page := func(path string, form url.Values) (int, string) {
		return send("POST", path, "application/x-www-form-urlencoded", form.Encode())
	}
	const password = "four words nobody says"
	_, token, _ := strings.Cut(a.SignInLink(), "/invite/")
	if code, body := api("POST", "/v1/session/link", `{"token":"`+token+`","password":"`+password+`"}`); code != 201 {
		t.Fatalf("signing in: %d %s", code, body)
	}
	age := func() {
		t.Helper()
		if _, err := db.Exec(t.Context(), "UPDATE session SET proved = proved - 600001"); err != nil {
			t.Fatal(err)
		}
	}
	if code, body := api("POST", "/v1/keys", `{"name":"young","scopes":["read"]}`); code != 201 {
		t.Errorf("right after signing in: %d %s", code, body)
	}
	age()
	for _, call := range []struct{ method, path, body string }{
		{"POST", "/v1/keys", `{"name":"old","scopes":["read"]}`}, {"DELETE", "/v1/keys/key_none", ""}, {"POST", "/v1/users", `{"email":"bob@example.com","role":"viewer"}`},
		{"PATCH", "/v1/users/usr_none", `{}`}, {"POST", "/v1/users/usr_none/login-link", ""}, {"PATCH", "/v1/sign-in", `{}`}, {"POST", "/v1/sign-in/providers", `{}`},
		{"DELETE", "/v1/sign-in/providers/none", ""}, {"DELETE", "/v1/tenants/none", `{}`}, {"POST", "/v1/encryption-keys/rotate", `{}`}, {"POST", "/v1/%6Beys", `{}`},
	} {
		if code, body := api(call.method, call.path, call.body); code != 403 || !strings.Contains(body, "confirmSession") {
			t.Errorf("%s %s: got %d %s, want that it asks for a proof", call.method, call.path, code, body)
		}
	}
	for _, path := range []string{"/v1/keys", "/v1/users", "/v1/sign-in/providers"} {
		if code, body := api("GET", path, ""); code != 200 {
			t.Errorf("GET %s: got %d %s", path, code, body)
		}
	}
	if code, body := api("POST", "/v1/tenants", `{"id":"acme"}`); code != 201 {
		t.Errorf("what needs no proof: got %d %s", code, body)
	}
	if got := string(call(t, a, "POST", "/v1/keys", `{"name":"by a key","scopes":["read"]}`)); !strings.Contains(got, `"key"`) {
		t.Errorf("by a key: got %s", got)
	}
	for _, body := range []string{`{"password":"four other words"}`, `{"code":"123456"}`, `{}`} {
		if code, got := api("POST", "/v1/session/confirm", body); code != 403 && code != 422 {
			t.Errorf("%s: got %d %s", body, code, got)
		}
	}
	if code, _ := api("POST", "/v1/keys", `{"name":"old","scopes":["read"]}`); code != 403 {
		t.Errorf("after wrong proofs: got %d", code)
	}
	if code, body := api("POST", "/v1/session/confirm", `{"password":"`+password+`"}`); code != 204 {
		t.Fatalf("confirming: %d %s", code, body)
	}
	if code, body := api("POST", "/v1/keys", `{"name":"proved","scopes":["read"]}`); code != 201 {
		t.Errorf("after the proof: %d %s", code, body)
	}

	// The page asks, keeps what was typed, and goes on.
	age()
	form := url.Values{"name": {`a "key"`}, "scopes": {"read", "publish"}, "expiry": {"720h"}}
	code, body := page("/t/default/account/keys", form)
	if code != 403 || !strings.Contains(body, "Is it you?") || !strings.Contains(body, `name="name" value="a &#34;key&#34;"`) || strings.Count(body, `type="hidden" name="scopes"`) != 2 {
		t.Errorf("got %d\n%s", code, body)
	}
	form.Set("confirm-password", "four other words")
	if code, body = page("/t/default/account/keys", form); code != 403 || !strings.Contains(body, "The password is wrong") || strings.Contains(body, "four other words") {
		t.Errorf("with a wrong password: got %d\n%s", code, body)
	}
	form.Set("confirm-password", password)
	if code, body = page("/t/default/account/keys", form); code != 200 || !strings.Contains(body, "rk_") && !strings.Contains(body, "shown this once") {
		t.Errorf("with the password: got %d\n%s", code, body)
	}
	age()
	for _, path := range []string{"/start/key", "/account/users", "/account/users/usr_none", "/account/keys/key_none/revoke", "/account/sign-in", "/account/sign-in/installation", "/account/sign-in/add"} {
		if code, body := page("/t/default"+path, url.Values{"name": {"x"}}); code != 403 || !strings.Contains(body, "Is it you?") {
			t.Errorf("%s: got %d, want that it asks", path, code)
		}
	}
}
