package api_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"
)

// auditedCall is a call that changes something. The first %s in its path or body is the id that make returns.
type auditedCall struct {
	make         func(w *world) string // prepares what is changed, with changes of its own; nil: nothing
	path         string                // instead of the route's
	body         string
	action       string // of its entry; empty: it leaves none, because it changes nothing
	before, data string // text that the entry must hold in before and after
	session      bool   // it is made by somebody who has signed in, and not with the key
	actor        string // the kind of the entry's actor: empty: key, or user by a session
}

// calls are all routes that may change something. A new route must be added here.
var calls = map[string]auditedCall{
	"POST /v1/events": {body: `{"type":"order.created","data":1}`}, // publishing is what Relay is for: the event is its own record

	"POST /v1/events/{id}/resend": {make: published, action: "event.resend"},
	"POST /v1/event-types":        {body: `{"name":"a.b","description":"first"}`, action: "event-type.create", data: `"first"`},
	"PATCH /v1/event-types/{name}": {make: aType, body: `{"description":"second"}`, action: "event-type.update",
		before: `"first"`, data: `"second"`},
	"DELETE /v1/event-types/{name}":            {make: aType, action: "event-type.delete", before: `"first"`},
	"POST /v1/event-types/import":              {path: "/v1/event-types/import?format=json-schema", body: `{"title":"x.y","type":"object"}`, action: "event-type.import", data: "x.y"},
	"PATCH /v1/catalogue":                      {body: `{"validation":"strict"}`, action: "catalogue.update", data: "strict"},
	"POST /v1/derivation-rules":                {body: aRule, action: "rule.create", data: "big"},
	"PATCH /v1/derivation-rules/{name}":        {make: rule, body: `{"enabled":false,"description":"off"}`, action: "rule.update", data: `"off"`},
	"DELETE /v1/derivation-rules/{name}":       {make: rule, action: "rule.delete", before: "big"},
	"POST /v1/webhooks":                        {body: `{"url":"http://127.0.0.1:47999/","headers":{"X-Own":"s3cret"},"auth":{"type":"basic","username":"u","password":"s3cret"}}`, action: "webhook.create", data: "127.0.0.1:47999"},
	"PATCH /v1/webhooks/{id}":                  {make: hook, body: `{"description":"new words","headers":{"X-Own":"s3cret"}}`, action: "webhook.update", before: `"old words"`, data: `"new words"`},
	"DELETE /v1/webhooks/{id}":                 {make: hook, action: "webhook.delete", before: "old words"},
	"POST /v1/webhooks/{id}/test":              {make: hook},
	"POST /v1/webhooks/{id}/preview":           {make: hook, body: `{"events":[{"type":"a.b","data":1}]}`},
	"POST /v1/webhooks/{id}/pause":             {make: hook, action: "webhook.pause", before: `"active"`, data: `"paused"`},
	"POST /v1/webhooks/{id}/resume":            {make: paused, action: "webhook.resume", before: `"paused"`, data: `"active"`},
	"POST /v1/webhooks/{id}/rotate-secret":     {make: hook, action: "webhook.rotate-secret"},
	"POST /v1/webhooks/{id}/recover":           {make: hook, body: `{"since":"2026-11-01T00:00:00Z"}`, action: "webhook.recover"},
	"POST /v1/webhooks/{id}/replay":            {make: hook, body: `{"since":"2026-11-01T00:00:00Z"}`, action: "webhook.replay"},
	"POST /v1/deliveries/{id}/retry":           {make: held, action: "delivery.retry"},
	"POST /v1/deliveries/{id}/cancel":          {make: held, action: "delivery.cancel"},
	"POST /v1/jobs/{id}/cancel":                {make: func(w *world) string { return "job_none" }}, // a job would be done too soon
	"POST /v1/campaigns":                       {body: `{"id":7,"name":"one"}`, action: "campaign.create", data: `"one"`},
	"PATCH /v1/campaigns/{id}":                 {make: campaign, body: `{"name":"two"}`, action: "campaign.update", before: `"one"`, data: `"two"`},
	"DELETE /v1/campaigns/{id}":                {make: campaign, action: "campaign.delete", before: `"one"`},
	"POST /v1/respondents":                     {body: aRespondent},
	"POST /v1/respondents/erase":               {make: respondent, body: `{"emailAddress":"ann@example.com"}`, action: "respondent.erase", data: `"erased":1`},
	"DELETE /v1/respondents/{id}":              {make: respondent, action: "respondent.erase"},
	"POST /v1/respondents/{id}/retry":          {make: func(w *world) string { return "resp_none" }}, // one that is held takes an endpoint: package gate
	"POST /v1/integrations/{name}/respondents": {path: "/v1/integrations/dixa/respondents", body: aRespondent},
	"PATCH /v1/gate":                           {body: `{"url":"http://127.0.0.1:47999/","enabled":true,"auth":{"type":"apiKey","token":"s3cret"}}`, action: "gate.update", before: `"enabled":false`, data: `"enabled":true`},
	"POST /v1/gate/test":                       {},
	"POST /v1/integrations":                    {body: `{"name":"own","description":"ours"}`, action: "integration.create", data: `"ours"`},
	"DELETE /v1/integrations/{name}":           {make: integration, action: "integration.delete", before: `"ours"`},
	"POST /v1/keys":                            {body: `{"name":"shop","scopes":["publish"]}`, action: "key.create", data: `"shop"`},
	"DELETE /v1/keys/{id}":                     {make: key, action: "key.revoke", before: `"shop"`},
	"POST /v1/encryption-keys/rotate":          {}, // see package app

	"POST /v1/users":                 {body: `{"email":"ann@example.com","name":"Ann","role":"viewer"}`, action: "user.invite", data: `"ann@example.com"`},
	"PATCH /v1/users/{id}":           {make: person, body: `{"role":"admin"}`, action: "user.update", before: `"viewer"`, data: `"admin"`},
	"DELETE /v1/users/{id}":          {make: person, action: "user.delete", before: `"ann@example.com"`},
	"POST /v1/users/{id}/disable":    {make: person, action: "user.disable", before: `"active"`, data: `"disabled"`},
	"POST /v1/users/{id}/enable":     {make: disabled, action: "user.enable", before: `"disabled"`, data: `"active"`},
	"POST /v1/users/{id}/invite":     {make: invited, action: "user.invite-again", data: `"invited"`},
	"POST /v1/users/{id}/login-link": {make: person, action: "user.login-link", data: `"ann@example.com"`},
	"POST /v1/session":               {make: person, body: `{"email":"ann@example.com","password":"four words nobody says"}`, action: "user.login", data: `"password"`, actor: "user"},
	"POST /v1/session/link":          {make: token, body: `{"token":"{id}","password":"four words nobody says"}`, action: "user.accept", data: `"invitation"`, actor: "user"},
	"DELETE /v1/session":             {make: person, session: true, action: "user.logout", data: `"ses_`},
	"DELETE /v1/sessions":            {make: person, session: true, action: "user.logout-everywhere"},
	"DELETE /v1/sessions/{id}":       {make: (*world).signIn, session: true, action: "user.logout", data: `"ses_`},
	"POST /v1/password":              {make: person, session: true, body: `{"password":"four words nobody says","newPassword":"five other words nobody says"}`, action: "user.password"},
}

const (
	aRule       = `{"name":"big","on":"order.created","type":"order.big","data":"event.data"}`
	aRespondent = `{"campaignId":1,"respondent":{"firstName":"Ann","emailAddress":"ann@example.com"}}`
)

func (w *world) made(path, body, member string) string {
	w.t.Helper()
	var v map[string]any
	w.into(&v, 201, "POST", path, body)
	return fmt.Sprint(v[member])
}

func hook(w *world) string {
	return w.made("/v1/webhooks", `{"url":"http://127.0.0.1:47999/","description":"old words","events":["a.b"]}`, "id")
}

func paused(w *world) string {
	id := hook(w)
	w.into(nil, 200, "POST", "/v1/webhooks/"+id+"/pause", "")
	return id
}

func published(w *world) string {
	w.made("/v1/webhooks", `{"url":"http://127.0.0.1:47999/","events":["a.b"]}`, "id")
	var v struct{ ID string }
	w.into(&v, 202, "POST", "/v1/events", `{"type":"a.b","data":1}`)
	return v.ID
}

// held returns the id of a delivery that waits: its endpoint refuses connections.
func held(w *world) string {
	id := published(w)
	var v struct{ Data []struct{ ID, State string } }
	for v.Data == nil || v.Data[0].State != "waiting" {
		w.into(&v, 200, "GET", "/v1/events/"+id+"/deliveries", "")
	}
	return v.Data[0].ID
}

func aType(w *world) string {
	return w.made("/v1/event-types", `{"name":"a.b","description":"first"}`, "name")
}

func rule(w *world) string     { return w.made("/v1/derivation-rules", aRule, "name") }
func campaign(w *world) string { return w.made("/v1/campaigns", `{"id":7,"name":"one"}`, "id") }
func integration(w *world) string {
	return w.made("/v1/integrations", `{"name":"own","description":"ours"}`, "name")
}
func key(w *world) string { return w.made("/v1/keys", `{"name":"shop","scopes":["publish"]}`, "id") }

// password is that of people in tests.
const password = "four words nobody says"

// invitation invites somebody and returns the user and the token.
func (w *world) invitation(email, role string, headers ...string) (id, token string) {
	w.t.Helper()
	var v struct {
		ID   string
		Link struct{ Token string }
	}
	w.into(&v, 201, "POST", "/v1/users", fmt.Sprintf(`{"email":%q,"name":"N. N.","role":%q}`, email, role), headers...)
	return v.ID, v.Link.Token
}

// join makes somebody a user who is signed in, and returns their cookie.
func (w *world) join(email, role string, headers ...string) (id, cookie string) {
	w.t.Helper()
	id, token := w.invitation(email, role, headers...)
	a := w.do("POST", "/v1/session/link", fmt.Sprintf(`{"token":%q,"password":%q}`, token, password), "Authorization", "", "Origin", w.url)
	if a.status != 201 {
		w.t.Fatalf("accepting: got %d %s", a.status, a.body)
	}
	return id, cookieOf(a)
}

// cookieOf returns the cookie that an answer sets, as browsers send it.
func cookieOf(a answer) string {
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	return cookie
}

// person returns the id of Ann, whose session is the world's from then on.
func person(w *world) (id string) {
	w.t.Helper()
	id, w.cookie = w.join("ann@example.com", "viewer")
	return id
}

// signIn returns the id of a session of Ann's.
func (w *world) signIn() string {
	w.t.Helper()
	person(w)
	var v struct{ Session struct{ ID string } }
	w.into(&v, 201, "POST", "/v1/session", fmt.Sprintf(`{"email":"ann@example.com","password":%q}`, password))
	return v.Session.ID
}

func disabled(w *world) string {
	id := person(w)
	w.into(nil, 200, "POST", "/v1/users/"+id+"/disable", "")
	return id
}

func invited(w *world) string {
	id, _ := w.invitation("ann@example.com", "viewer")
	return id
}

func token(w *world) string {
	_, token := w.invitation("ann@example.com", "viewer")
	return token
}

func respondent(w *world) string {
	var v struct{ ID string }
	w.into(&v, 201, "POST", "/v1/respondents", aRespondent)
	return v.ID
}

// entry is a line of the audit log.
type entry struct {
	ID, Action    string
	Actor         struct{ Kind, ID, KeyID, Name string }
	Target        *string
	Before, After json.RawMessage
	Request       struct{ ID, Address, UserAgent string }
}

func (w *world) audit() []entry {
	w.t.Helper()
	var v struct{ Data []entry }
	w.into(&v, 200, "GET", "/v1/audit?limit=250", "")
	return v.Data
}

// changing returns the routes of the document that may change something.
func (w *world) changing() []string {
	var list []string
	for path, operations := range w.document().Paths {
		for method := range operations {
			if method = strings.ToUpper(method); method != "GET" {
				list = append(list, method+" "+path)
			}
		}
	}
	slices.Sort(list)
	return list
}

// call makes the call of a route, about what was made for it.
func (w *world) call(route, id string) answer {
	w.t.Helper()
	c := calls[route]
	method, path, _ := strings.Cut(route, " ")
	if c.path != "" {
		path = c.path
	}
	names := strings.NewReplacer("{id}", id, "{name}", id)
	headers := []string{"User-Agent", "test/1"}
	if c.session {
		headers = append(headers, "Authorization", "", "Cookie", w.cookie, "Origin", w.url)
	}
	return w.do(method, names.Replace(path), names.Replace(c.body), headers...)
}

// TestEveryChangeIsAudited calls every route that changes something, and finds one entry that says who, what and from where.
func TestEveryChangeIsAudited(t *testing.T) {
	for _, route := range newWorld(t).changing() {
		t.Run(route, func(t *testing.T) {
			c, ok := calls[route]
			if !ok {
				t.Fatalf("%s is not in calls: say which entry it leaves in the audit log", route)
			}
			w := newWorld(t)
			id := ""
			if c.make != nil {
				id = c.make(w)
			}
			before := w.audit()
			a := w.call(route, id)
			if c.action != "" && a.status >= 300 {
				t.Fatalf("got %d %s", a.status, a.body)
			}
			entries := w.audit()
			entries = entries[:len(entries)-len(before)]
			if c.action == "" {
				if len(entries) != 0 {
					t.Errorf("got entries %+v, want none", entries)
				}
				return
			}
			if len(entries) != 1 || entries[0].Action != c.action {
				t.Fatalf("got %d entries %+v, want one of %s", len(entries), entries, c.action)
			}
			e := entries[0]
			switch kind := cmp.Or(c.actor, map[bool]string{true: "user", false: "key"}[c.session]); {
			case e.Actor.Kind != kind || e.Actor.Name == "",
				kind == "key" && (e.Actor.KeyID != "key_admin" || e.Actor.ID != "key_admin"),
				kind == "user" && (e.Actor.KeyID != "" || !strings.HasPrefix(e.Actor.ID, "usr_")):
				t.Errorf("got actor %+v, want the %s", e.Actor, kind)
			}
			if e.Request.Address != "127.0.0.1" || e.Request.UserAgent != "test/1" || e.Request.ID == "" || e.Request.ID != a.header.Get("X-Request-Id") {
				t.Errorf("got request %+v, want that of %s", e.Request, a.header.Get("X-Request-Id"))
			}
			if !strings.Contains(string(e.Before), c.before) || c.before != "" && string(e.Before) == "null" {
				t.Errorf("got before %s, want %s in it", e.Before, c.before)
			}
			if !strings.Contains(string(e.After), c.data) || c.data != "" && string(e.After) == "null" {
				t.Errorf("got after %s, want %s in it", e.After, c.data)
			}
			for _, secret := range []string{"s3cret", "whsec_", "rk_test", "rl_", "rs_", "words nobody says", "argon2"} {
				if text := string(e.Before) + string(e.After); strings.Contains(text, secret) {
					t.Errorf("the entry shows a secret: %s", text)
				}
			}
		})
	}
}

// refuseAudit makes every further write of the audit log fail, in both files that have one.
func (w *world) refuseAudit() {
	w.t.Helper()
	for _, file := range []string{"relay.db", "gate.db"} {
		db, err := sqlite3.OpenFlags(filepath.Join(w.dir, file), sqlite3.OPEN_READWRITE)
		if err == nil {
			err = db.Exec(`CREATE TRIGGER audit_refused BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is refused'); END`)
		}
		if err != nil {
			w.t.Fatal(err)
		}
		db.Close()
	}
}

// state is everything that calls can change, as the API shows it.
func (w *world) state() string {
	w.t.Helper()
	var b strings.Builder
	for _, path := range []string{
		"/v1/webhooks", "/v1/event-types", "/v1/catalogue", "/v1/derivation-rules", "/v1/campaigns", "/v1/respondents", "/v1/gate", "/v1/integrations",
		"/v1/keys", "/v1/jobs", "/v1/users", "/v1/audit",
	} {
		a := w.do("GET", path, "")
		fmt.Fprintf(&b, "%s %d %s\n", path, a.status, a.body)
	}
	return b.String()
}

// TestNoChangeWithoutItsEntry makes the audit log refuse, and finds that nothing has changed: not in what is shown, and not
// after a restart, for which the stored rows are compared.
func TestNoChangeWithoutItsEntry(t *testing.T) {
	for route, c := range calls {
		if c.action == "" {
			continue
		}
		t.Run(route, func(t *testing.T) {
			w := newWorld(t)
			id := ""
			if c.make != nil {
				id = c.make(w)
			}
			w.refuseAudit()
			stable := func() string { return w.state() }
			if strings.Contains(route, "deliveries") || strings.Contains(route, "resend") {
				stable = func() string { return "" } // attempts go on by themselves
			}
			before, rows := stable(), storedRows(t, w.dir)
			if a := w.call(route, id); a.status < 500 {
				t.Fatalf("got %d %s, want that it fails", a.status, a.body)
			}
			if after := stable(); after != before {
				t.Errorf("got\n%s\nwant, as before,\n%s", after, before)
			}
			if after := storedRows(t, w.dir); after != rows {
				t.Errorf("got rows\n%s\nwant, as before,\n%s", after, rows)
			}
		})
	}
}

// storedRows returns the configuration as it is stored, but for webhooks' health, which goes on by itself.
func storedRows(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	for _, q := range []struct{ file, sql string }{
		{"relay.db", `SELECT 'key', id, revoked FROM api_key ORDER BY 2`},
		{"relay.db", `SELECT 'person', id, email || password FROM person ORDER BY 2`},
		{"relay.db", `SELECT 'user', person, tenant || role || state || name FROM tenant_user ORDER BY 2`},
		{"relay.db", `SELECT 'session', id, person FROM session ORDER BY 2`},
		{"relay.db", `SELECT 'link', hex(hash), person || kind FROM login_link ORDER BY 2`},
		{"relay.db", `SELECT 'webhook', id, settings || hex(secrets) || status FROM webhook ORDER BY 2`},
		{"relay.db", `SELECT 'catalogue', kind || name || version, body FROM catalogue ORDER BY 2`},
		{"relay.db", `SELECT 'job', id, state FROM job ORDER BY 2`},
		{"gate.db", `SELECT 'campaign', CAST(id AS TEXT), name FROM campaign ORDER BY 2`},
		{"gate.db", `SELECT 'respondent', CAST(id AS TEXT), CAST(state AS TEXT) FROM respondent ORDER BY 2`},
		{"gate.db", `SELECT 'gate', CAST(tenant AS TEXT), settings FROM gate ORDER BY 2`},
	} {
		db, err := sqlite3.OpenFlags(filepath.Join(dir, q.file), sqlite3.OPEN_READONLY)
		if err != nil {
			t.Fatal(err)
		}
		s, _, err := db.Prepare(q.sql)
		if err != nil {
			t.Fatalf("%s: %v", q.sql, err)
		}
		for s.Step() {
			fmt.Fprintln(&b, s.ColumnText(0), s.ColumnText(1), s.ColumnText(2))
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
		s.Close()
		db.Close()
	}
	return b.String()
}

// TestRoutesNeedWhatTheListSays compares the permissions of all routes with a list that somebody has read.
func TestRoutesNeedWhatTheListSays(t *testing.T) {
	text, err := os.ReadFile("testdata/routes.txt")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for path, operations := range newWorld(t).document().Paths {
		for method, op := range operations {
			got = append(got, strings.TrimSpace(strings.ToUpper(method)+" "+path+" "+op.Scope))
		}
	}
	slices.Sort(got)
	if want := strings.Split(strings.TrimSpace(string(text)), "\n"); !slices.Equal(got, want) {
		for _, line := range got {
			if !slices.Contains(want, line) {
				t.Errorf("%s is not in testdata/routes.txt", line)
			}
		}
		for _, line := range want {
			if !slices.Contains(got, line) {
				t.Errorf("%s is in testdata/routes.txt, and no such route", line)
			}
		}
	}
}
