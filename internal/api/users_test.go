package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/web"
)

// another makes a second tenant, for which the platform's key acts by these headers.
func (w *world) another(name string) []string {
	w.t.Helper()
	ctx := context.Background()
	if err := w.store.TenantEnsure(ctx, account.Tenant{ID: otherTenant, Name: name, CreatedAt: time.Now()}); err != nil {
		w.t.Fatal(err)
	}
	if err := w.tenants.Refresh(ctx); err != nil {
		w.t.Fatal(err)
	}
	return []string{"Relay-Tenant", name}
}

type userDoc struct {
	ID, Email, Name, Role, State string
	Link                         *struct{ Token, ExpiresAt string }
}

func TestUsersFromInvitationToRemoval(t *testing.T) {
	w := newWorld(t)
	var u userDoc
	w.into(&u, 201, "POST", "/v1/users", `{"email":"Ann@Example.com","name":"Ann","role":"viewer"}`)
	if u.Email != "ann@example.com" || u.State != "invited" || u.Link == nil || !strings.HasPrefix(u.Link.Token, "rl_") {
		t.Fatalf("got %+v", u)
	}
	w.refused(409, "POST", "/v1/users", `{"email":"ann@example.com","role":"viewer"}`)
	for body, field := range map[string]string{
		`{"email":"ann","role":"viewer"}`: "email", `{"email":"b@example.com","role":"owner"}`: "role", `{"email":"b@example.com"}`: "role",
		`{"email":"b@example.com","role":"viewer","name":"x\u202ey"}`: "name", `{"email":"b@example.com","role":"viewer","tenant":"x"}`: "tenant",
	} {
		if p := w.refused(422, "POST", "/v1/users", body); p.fields() != field {
			t.Errorf("%s: got the fields %q, want %q", body, p.fields(), field)
		}
	}
	link := fmt.Sprintf(`{"token":%q,"password":%q,"name":"Ann B."}`, u.Link.Token, password)
	w.refused(404, "POST", "/v1/session/link", `{"token":"rl_none","password":"four words nobody says"}`, "Authorization", "")
	w.refused(422, "POST", "/v1/session/link", strings.Replace(link, password, "password1234", 1), "Authorization", "")
	a := w.do("POST", "/v1/session/link", link, "Authorization", "", "Origin", w.url)
	if a.status != 201 {
		t.Fatalf("accepting: got %d %s", a.status, a.body)
	}
	set := a.header.Get("Set-Cookie")
	if !strings.HasPrefix(set, "relay=rs_") || !strings.Contains(set, "; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax") || strings.Contains(set, "Secure") {
		t.Errorf("got the cookie %q", set)
	}
	cookie := cookieOf(a)
	w.refused(404, "POST", "/v1/session/link", link, "Authorization", "")

	var me struct {
		ID, Email string
		Operator  bool
		Tenants   []struct{ ID, Name, Role string }
		Session   struct {
			Current           bool
			Method, UserAgent string
		}
	}
	w.intoAs(cookie, &me, 200, "GET", "/v1/session", "")
	if me.ID != u.ID || me.Operator || fmt.Sprint(me.Tenants) != "[{default Ann B. viewer}]" || !me.Session.Current || me.Session.Method != "invitation" {
		t.Errorf("got %+v", me)
	}
	w.intoAs(cookie, nil, 200, "GET", "/v1/webhooks", "")
	w.refusedAs(cookie, 403, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:47999/"}`)
	var changed userDoc
	w.into(&changed, 200, "PATCH", "/v1/users/"+u.ID, `{"role":"admin","name":"Boss"}`)
	if changed.Role != "admin" || changed.Name != "Boss" || changed.Link != nil {
		t.Errorf("got %+v", changed)
	}
	w.intoAs(cookie, nil, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:47999/"}`)
	w.intoAs(cookie, nil, 202, "POST", "/v1/events", `{"type":"a.b","data":1}`)
	w.refusedAs(cookie, 409, "PATCH", "/v1/users/"+u.ID, `{"role":"viewer"}`)
	w.refusedAs(cookie, 403, "POST", "/v1/users", `{"email":"op@example.com","role":"operator"}`)
	w.refusedAs(cookie, 403, "POST", "/v1/keys", `{"name":"all","scopes":["platform"]}`)
	w.refusedAs(cookie, 403, "GET", "/v1/audit?of=platform", "")

	w.into(nil, 200, "POST", "/v1/users/"+u.ID+"/disable", "")
	w.refusedAs(cookie, 401, "GET", "/v1/webhooks", "")
	w.into(nil, 200, "POST", "/v1/users/"+u.ID+"/enable", "")
	w.intoAs(cookie, nil, 200, "GET", "/v1/webhooks", "")
	w.into(nil, 204, "DELETE", "/v1/users/"+u.ID, "")
	w.refusedAs(cookie, 401, "GET", "/v1/webhooks", "")
	w.refused(404, "GET", "/v1/users/"+u.ID, "")
	w.refused(401, "POST", "/v1/session", fmt.Sprintf(`{"email":"ann@example.com","password":%q}`, password))
}

func TestUsersAreListed(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"cleo", "ann", "bob"} {
		w.invitation(name+"@example.com", "viewer")
	}
	w.join("dora@example.com", "member")
	w.invitation("op@example.com", "operator")
	for query, want := range map[string]string{
		"": "ann bob cleo dora", "role=member": "dora", "state=invited": "ann bob cleo", "email=BOB@example.com": "bob", "role=operator": "op", "state=disabled": "",
	} {
		var got []string
		cursor := ""
		for {
			var page struct {
				Data       []userDoc
				NextCursor *string
			}
			w.into(&page, 200, "GET", "/v1/users?limit=2&"+query+cursor, "")
			for _, u := range page.Data {
				got = append(got, strings.TrimSuffix(u.Email, "@example.com"))
			}
			if page.NextCursor == nil {
				break
			}
			cursor = "&cursor=" + *page.NextCursor
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: got %v, want %s", query, got, want)
		}
	}
	w.refused(400, "GET", "/v1/users?role=owner", "")
	w.refused(400, "GET", "/v1/users?cursor=x", "")
}

// TestRolesAllowWhatTheListSays makes every call in the list of routes as each role, and finds it refused exactly where the
// scope that the list names is more than the role has.
func TestRolesAllowWhatTheListSays(t *testing.T) {
	w := newWorld(t)
	text, err := os.ReadFile("testdata/routes.txt")
	if err != nil {
		t.Fatal(err)
	}
	scopes := map[string]string{"viewer": " session read ", "member": " session hooks read manage ", "admin": " session hooks read manage publish admin ", "operator": " session hooks read manage publish admin platform "}
	cookies := map[string]string{}
	for role := range scopes {
		_, cookies[role] = w.join(role+"@example.com", role)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		f := strings.Fields(line)
		if len(f) == 2 {
			continue // anybody may
		}
		method, path, scope := f[0], strings.NewReplacer("{id}", "none", "{name}", "none").Replace(f[1]), f[2]
		if method == "DELETE" && (path == "/v1/session" || path == "/v1/sessions") || strings.HasPrefix(path, "/v1/encryption-keys") {
			continue // would end the session that the test goes on with
		}
		if scope == "session" {
			w.refused(403, method, path, "") // a key is nobody
		}
		for role, has := range scopes {
			body := ""
			if method == "POST" || method == "PATCH" {
				body = `{"none":1}`
			}
			a := w.do(method, path, body, "Authorization", "", "Cookie", cookies[role], "Origin", w.url)
			if may := scope == "any" || strings.Contains(has, " "+scope+" "); (a.status == 403) == may || a.status == 401 || a.status >= 500 {
				t.Errorf("%s %s as %s: got %d %s, want allowed %t", method, path, role, a.status, a.body, may)
			}
		}
	}
}

// TestOtherSitesChangeNothing: a change by a cookie must come from a page of this server.
func TestOtherSitesChangeNothing(t *testing.T) {
	w := newWorld(t)
	_, cookie := w.join("ann@example.com", "admin")
	const hook = `{"url":"http://127.0.0.1:47999/"}`
	login := fmt.Sprintf(`{"email":"ann@example.com","password":%q}`, password)
	for _, tt := range []struct {
		name    string
		headers []string
		session bool // such a change by a session is taken
		login   bool // such a sign-in is
	}{
		{"own page", []string{"Origin", w.url}, true, true},
		{"own page, by the browser's word", []string{"Sec-Fetch-Site", "same-origin", "Origin", "http://other"}, true, true},
		{"typed in", []string{"Sec-Fetch-Site", "none"}, true, true},
		{"no browser", nil, false, true},
		{"another site", []string{"Origin", "https://evil.example"}, false, false},
		{"another site, by the browser's word", []string{"Sec-Fetch-Site", "cross-site", "Origin", w.url}, false, false},
		{"another host of the site", []string{"Sec-Fetch-Site", "same-site"}, false, false},
		{"a sandbox", []string{"Origin", "null"}, false, false},
	} {
		a := w.do("POST", "/v1/webhooks", hook, append([]string{"Authorization", "", "Cookie", cookie}, tt.headers...)...)
		if want := map[bool]int{true: 201, false: 403}[tt.session]; a.status != want {
			t.Errorf("%s: a change: got %d %s, want %d", tt.name, a.status, a.body, want)
		}
		a = w.do("POST", "/v1/session", login, append([]string{"Authorization", ""}, tt.headers...)...)
		if want := map[bool]int{true: 201, false: 403}[tt.login]; a.status != want {
			t.Errorf("%s: a sign-in: got %d %s, want %d", tt.name, a.status, a.body, want)
		}
		// A key is sent by nobody but its program.
		if a := w.do("POST", "/v1/webhooks", hook, append([]string{"Cookie", cookie}, tt.headers...)...); a.status != 201 {
			t.Errorf("%s: a change with a key: got %d %s", tt.name, a.status, a.body)
		}
	}
	for _, route := range w.changing() { // all of them, whatever they would do
		method, path, _ := strings.Cut(route, " ")
		if strings.HasPrefix(path, "/v1/session") && method == "POST" {
			continue // takes no session; see above
		}
		path = strings.NewReplacer("{id}", "none", "{name}", "none").Replace(path)
		if a := w.do(method, path, "", "Authorization", "", "Cookie", cookie, "Sec-Fetch-Site", "cross-site"); a.status != 403 {
			t.Errorf("%s from another site: got %d %s, want 403", route, a.status, a.body)
		}
	}
	if a := w.do("POST", "/v1/webhooks", hook, "Authorization", "", "Cookie", cookie, "Origin", w.url, "Content-Type", "text/plain"); a.status != 415 {
		t.Errorf("JSON as text: got %d, want 415", a.status)
	}
	if a := w.do("POST", "/v1/webhooks/none", "", "Authorization", "", "Cookie", cookie, "Origin", w.url, "X-HTTP-Method-Override", "DELETE"); a.status != 405 {
		t.Errorf("a method that is overridden: got %d, want 405", a.status)
	}
	w.refused(401, "GET", "/v1/webhooks", "", "Authorization", "Bearer rk_wrong_key_0123456789", "Cookie", cookie) // a wrong key is no session
}

func TestSessionsOverHTTP(t *testing.T) {
	w := newWorld(t)
	_, first := w.join("ann@example.com", "viewer")
	login := fmt.Sprintf(`{"email":"ann@example.com","password":%q}`, password)
	second := cookieOf(w.do("POST", "/v1/session", login, "Authorization", ""))
	third := cookieOf(w.do("POST", "/v1/session", login, "Authorization", "", "Cookie", second, "Origin", w.url))
	w.refusedAs(second, 401, "GET", "/v1/session", "") // it ended with the sign-in that followed
	fourth := cookieOf(w.do("POST", "/v1/session", login, "Authorization", ""))
	var list struct {
		Data []struct {
			ID      string
			Current bool
		}
	}
	w.intoAs(third, &list, 200, "GET", "/v1/sessions", "")
	current := 0
	for _, s := range list.Data {
		if s.Current {
			current++
		}
	}
	if len(list.Data) != 3 || current != 1 {
		t.Fatalf("got %+v, want three sessions, one of them the current", list.Data)
	}
	w.refusedAs(third, 404, "DELETE", "/v1/sessions/ses_none", "")
	if a := w.do("DELETE", "/v1/session", "", "Authorization", "", "Cookie", third, "Origin", w.url); a.status != 204 || !strings.Contains(a.header.Get("Set-Cookie"), "relay=; Path=/; Max-Age=0") {
		t.Errorf("signing out: got %d, %q", a.status, a.header.Get("Set-Cookie"))
	}
	w.refusedAs(third, 401, "GET", "/v1/session", "")

	w.refusedAs(first, 403, "POST", "/v1/password", `{"password":"wrong","newPassword":"five other words nobody says"}`)
	w.intoAs(first, nil, 204, "POST", "/v1/password", fmt.Sprintf(`{"password":%q,"newPassword":"five other words nobody says"}`, password))
	w.refusedAs(fourth, 401, "GET", "/v1/session", "")
	w.intoAs(first, nil, 204, "DELETE", "/v1/sessions", "")
	w.refusedAs(first, 401, "GET", "/v1/session", "")
	w.refused(401, "POST", "/v1/session", login, "Authorization", "")

	// Failures are answered alike, and then with when to come back.
	var same []byte
	for i := range 8 {
		name := []string{"ann@example.com", "nobody@example.com"}[i%2]
		a := w.do("POST", "/v1/session", fmt.Sprintf(`{"email":%q,"password":"wrong"}`, name), "Authorization", "")
		if a.status == 429 {
			if a.header.Get("Retry-After") == "" {
				t.Error("429 without Retry-After")
			}
			return
		}
		body := bytes.Split(a.body, []byte(`"requestId"`))[0]
		if same == nil {
			same = body
		}
		if a.status != 401 || !bytes.Equal(body, same) {
			t.Errorf("%s: got %d %s, want %s", name, a.status, a.body, same)
		}
	}
	t.Error("8 failures from one address were all looked at")
}

// TestOnceBySession: the answer that a header Idempotency-Key gives again belongs to the session.
func TestOnceBySession(t *testing.T) {
	w := newWorld(t)
	_, ann := w.join("ann@example.com", "admin")
	_, bob := w.join("bob@example.com", "admin")
	var one, two, other struct{ ID, Key string }
	const body = `{"name":"shop","scopes":["publish"]}`
	w.intoAs(ann, &one, 201, "POST", "/v1/keys", body, "Idempotency-Key", "k")
	w.intoAs(ann, &two, 201, "POST", "/v1/keys", body, "Idempotency-Key", "k")
	w.intoAs(bob, &other, 201, "POST", "/v1/keys", body, "Idempotency-Key", "k")
	if one != two || one.Key == "" || other.ID == one.ID {
		t.Errorf("got %+v, %+v and, for somebody else, %+v", one, two, other)
	}
}

// TestTenantsOfPeople: what somebody is in one tenant says nothing in another, and ids of another answer as if they were
// not there.
func TestTenantsOfPeople(t *testing.T) {
	w := newWorld(t)
	other := w.another("other")
	id, ann := w.join("ann@example.com", "admin")
	bobID, bob := w.join("bob@example.com", "admin", other...)
	w.intoAs(bob, nil, 200, "GET", "/v1/users", "")
	missing := func(path string) string {
		return string(bytes.Split(w.do("GET", path, "", "Authorization", "", "Cookie", ann).body, []byte(`"requestId"`))[0])
	}
	if got, want := missing("/v1/users/"+bobID), missing("/v1/users/usr_none"); got != want {
		t.Errorf("another tenant's user: got %s, want %s, as for no user", got, want)
	}
	for _, call := range []string{"PATCH /v1/users/%s", "DELETE /v1/users/%s", "POST /v1/users/%s/disable", "POST /v1/users/%s/enable", "POST /v1/users/%s/invite"} {
		method, path, _ := strings.Cut(fmt.Sprintf(call, bobID), " ")
		body := ""
		if method == "PATCH" {
			body = `{"name":"x"}`
		}
		w.refusedAs(ann, 404, method, path, body)
	}
	theirs, none := w.refusedAs(ann, 404, "GET", "/v1/webhooks", "", "Relay-Tenant", "other"), w.refusedAs(ann, 404, "GET", "/v1/webhooks", "", "Relay-Tenant", "neverwas")
	if strings.Replace(theirs.Detail, "other", "neverwas", 1) != none.Detail {
		t.Errorf("another tenant: got %q, want as for none: %q", theirs.Detail, none.Detail)
	}
	w.refused(401, "GET", "/v1/webhooks", "", "Authorization", "", "Cookie", "relay=rs_none", "Relay-Tenant", "neverwas")

	// Invited to the other tenant, she accepts with her password, and may choose where she acts.
	_, token := w.invitation("ann@example.com", "viewer", other...)
	w.refusedAs(ann, 404, "GET", "/v1/webhooks", "", "Relay-Tenant", "other")
	w.refused(401, "POST", "/v1/session/link", fmt.Sprintf(`{"token":%q,"password":"another good password"}`, token), "Authorization", "")
	w.intoAs(ann, nil, 201, "POST", "/v1/session/link", fmt.Sprintf(`{"token":%q,"password":%q}`, token, password))
	ann = cookieOf(w.do("POST", "/v1/session", fmt.Sprintf(`{"email":"ann@example.com","password":%q}`, password), "Authorization", ""))
	w.intoAs(ann, nil, 200, "GET", "/v1/webhooks", "", "Relay-Tenant", "other")
	w.refusedAs(ann, 403, "GET", "/v1/users", "", "Relay-Tenant", "other")
	w.intoAs(ann, nil, 200, "GET", "/v1/users", "", "Relay-Tenant", "default")
	var me struct{ Tenants []struct{ ID, Role string } }
	w.intoAs(ann, &me, 200, "GET", "/v1/session", "")
	if fmt.Sprint(me.Tenants) != "[{default admin} {other viewer}]" {
		t.Errorf("got %+v", me.Tenants)
	}
	// Disabled there, she goes on here.
	w.into(nil, 200, "POST", "/v1/users/"+id+"/disable", "", other...)
	w.refusedAs(ann, 404, "GET", "/v1/webhooks", "", "Relay-Tenant", "other")
	w.intoAs(ann, nil, 200, "GET", "/v1/webhooks", "")

	// An operator acts everywhere, as an admin, and sees the log of the installation.
	_, op := w.join("op@example.com", "operator")
	w.intoAs(op, nil, 200, "GET", "/v1/users", "", "Relay-Tenant", "other")
	w.refusedAs(op, 404, "GET", "/v1/users", "", "Relay-Tenant", "neverwas")
	var log struct{ Data []entry }
	w.intoAs(op, &log, 200, "GET", "/v1/audit?of=platform", "")
	if len(log.Data) != 2 || log.Data[0].Action != "user.accept" || log.Data[1].Action != "user.invite" {
		t.Errorf("got %+v, want how the operator came", log.Data)
	}
}

// TestSessionsNeedHTTPS: away from this machine, sessions need TLS or an operator who says that they do not.
func TestSessionsNeedHTTPS(t *testing.T) {
	w := newWorld(t)
	w.join("ann@example.com", "viewer")
	login := fmt.Sprintf(`{"email":"ann@example.com","password":%q}`, password)
	at := func(host string) answer {
		t.Helper()
		req := w.request("POST", "/v1/session", login, "Authorization", "")
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return answer{resp.StatusCode, resp.Header, nil}
	}
	for host, status := range map[string]int{"localhost:8080": 201, "relay.localhost": 201, "[::1]:8080": 201, "127.0.0.7": 201, "relay.example.com": 403, "10.0.0.1:8080": 403, "localhost.example.com": 403} {
		if a := at(host); a.status != status {
			t.Errorf("without publicUrl at %s: got %d, want %d", host, a.status, status)
		}
	}
	for public, want := range map[string]string{"https://relay.example.com": "__Host-relay=rs_", "http://relay.example.com": "relay=rs_"} {
		u, err := url.Parse(public)
		if err == nil {
			w.api.SignIn, err = web.NewSignIn(u)
		}
		if err != nil {
			t.Fatal(err)
		}
		a := at("relay.example.com")
		set := a.header.Get("Set-Cookie")
		secure := strings.HasPrefix(public, "https")
		if a.status != 201 || !strings.HasPrefix(set, want) || strings.Contains(set, "; Secure") != secure {
			t.Errorf("%s: got %d and the cookie %q, want %s", public, a.status, set, want)
		}
		w.intoAs(cookieOf(a), nil, 200, "GET", "/v1/session", "")
	}
}

// TestKeysOfScopesWithoutUsers: only keys of admins see users.
func TestKeysOfScopesWithoutUsers(t *testing.T) {
	w := newWorld(t)
	for _, s := range []access.Scope{access.ScopePublish, access.ScopeRead, access.ScopeManage} {
		w.refused(403, "GET", "/v1/users", "", "Authorization", "Bearer "+w.key(s))
	}
	w.refused(403, "POST", "/v1/users", `{"email":"op@example.com","role":"operator"}`, "Authorization", "Bearer "+w.key(access.ScopeAdmin))
	w.refused(403, "POST", "/v1/users/usr_none/login-link", "", "Authorization", "Bearer "+w.key(access.ScopeAdmin))
}

func TestSecondFactorOverHTTP(t *testing.T) {
	w := newWorld(t)
	id := enrolled(w)
	w.refused(403, "GET", "/v1/second-factor", "") // a key has none
	var f struct {
		Enabled       bool
		EnabledAt     *string
		RecoveryCodes int
	}
	if w.intoAs(w.cookie, &f, 200, "GET", "/v1/second-factor", ""); !f.Enabled || f.EnabledAt == nil || f.RecoveryCodes != 10 {
		t.Errorf("got %+v", f)
	}
	w.refusedAs(w.cookie, 409, "POST", "/v1/second-factor", "")
	var u struct{ SecondFactor bool }
	if w.into(&u, 200, "GET", "/v1/users/"+id, ""); !u.SecondFactor {
		t.Errorf("got %+v, want that admins see it", u)
	}
	a := w.do("POST", "/v1/session", fmt.Sprintf(`{"email":"ann@example.com","password":%q}`, password), "Authorization", "")
	var first struct {
		Tenants      []any
		Session      *struct{}
		SecondFactor struct{ Token, ExpiresAt string }
	}
	if err := json.Unmarshal(a.body, &first); err != nil || a.status != 201 || first.Session != nil || len(first.Tenants) != 0 || a.header.Get("Set-Cookie") != "" || !strings.HasPrefix(first.SecondFactor.Token, "rp_") {
		t.Fatalf("the first step: got %d %s, %v, want no session", a.status, a.body, err)
	}
	w.refusedAs("relay="+first.SecondFactor.Token, 401, "GET", "/v1/session", "")
	step := func(code string) answer {
		return w.do("POST", "/v1/session/code", fmt.Sprintf(`{"token":%q,"code":%q}`, first.SecondFactor.Token, code), "Authorization", "")
	}
	if a := step("000000"); a.status != 401 {
		t.Errorf("a wrong code: got %d %s", a.status, a.body)
	}
	a = step(w.code)
	if a.status != 201 || !strings.HasPrefix(a.header.Get("Set-Cookie"), "relay=rs_") {
		t.Fatalf("the second step: got %d %s", a.status, a.body)
	}
	w.intoAs(cookieOf(a), nil, 200, "GET", "/v1/webhooks", "")
	if a := step(w.code); a.status != 401 {
		t.Errorf("the second step again: got %d %s", a.status, a.body)
	}

	// A tenant that requires one keeps out who has none.
	_, bob := w.join("bob@example.com", "viewer")
	var s struct{ SecondFactor []string }
	if w.into(&s, 200, "PATCH", "/v1/sign-in", `{"secondFactor":["admin","viewer"]}`); fmt.Sprint(s.SecondFactor) != "[viewer admin]" {
		t.Errorf("got %+v", s)
	}
	if w.into(&s, 200, "GET", "/v1/sign-in?of=platform", ""); len(s.SecondFactor) != 0 {
		t.Errorf("of the installation: got %+v", s)
	}
	w.refused(422, "PATCH", "/v1/sign-in", `{"secondFactor":["operator"]}`)
	if p := w.refusedAs(bob, 403, "GET", "/v1/webhooks", ""); !strings.Contains(p.Detail, "second factor") {
		t.Errorf("got %q, want that it says why", p.Detail)
	}
	w.intoAs(bob, nil, 200, "GET", "/v1/session", "")
	w.intoAs(bob, nil, 201, "POST", "/v1/second-factor", "")
	w.into(nil, 200, "DELETE", "/v1/users/"+id+"/second-factor", "")
}
