package api_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
)

type openapi struct {
	Paths map[string]map[string]struct {
		OperationID string   `json:"operationId"`
		Scope       string   `json:"x-scope"`
		Security    *[]any   `json:"security"`
		Tags        []string `json:"tags"`
		Parameters  []struct{ Name, In string }
	} `json:"paths"`
}

func (w *world) document() openapi {
	w.t.Helper()
	var d openapi
	w.into(&d, 200, "GET", "/openapi.json", "")
	return d
}

// TestWhoMayCallWhat calls every operation of the document as everybody: whoever lacks a key is told 401, whoever lacks the
// scope 403, and for the others the call goes on to what it is about (S15). The expectations stand here on their own.
func TestWhoMayCallWhat(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	revoked, text, err := w.keys.Create(ctx, access.System(event.DefaultTenant), account.NewKey{Name: "revoked", Scopes: []access.Scope{access.ScopeAdmin}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.keys.Revoke(ctx, access.System(event.DefaultTenant), revoked.ID); err != nil {
		t.Fatal(err)
	}
	expired := account.NewKeyText()
	past := time.Now().Add(-time.Hour)
	if err := w.store.KeyCreate(ctx, account.Key{ID: "key_expired", Tenant: event.DefaultTenant, Name: "expired", Scopes: access.Scopes,
		Hash: account.HashKey(expired), Hint: "rk_", CreatedAt: past.Add(-time.Hour), ExpiresAt: past}, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.keys.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	principals := []struct {
		name, key string
		scopes    string // it may call what needs one of these
	}{
		{"none", "", ""},
		{"wrong", "rk_wrong_key_0123456789", ""},
		{"expired", expired, ""},
		{"revoked", text, ""},
		{"publish", w.key(access.ScopePublish), "publish"},
		{"hooks", w.key(access.ScopeHooks), "hooks"},
		{"read", w.key(access.ScopeRead), "read"},
		{"manage", w.key(access.ScopeManage), "hooks read manage"},
		{"admin", w.key(access.ScopeAdmin), "publish hooks read manage admin"},
		{"platform", w.key(access.ScopePlatform), "platform"},
	}
	open := []string{"GET /livez", "GET /readyz", "GET /metrics", "GET /openapi.json", "GET /docs", "GET /schemas/connector-1.json", "POST /v1/session", "POST /v1/session/code", "POST /v1/session/link", "GET /v1/session/passkey", "POST /v1/session/passkey"}
	calls := 0
	for path, operations := range w.document().Paths {
		for method, op := range operations {
			method = strings.ToUpper(method)
			route := method + " " + path
			if (op.Scope == "") != slices.Contains(open, route) {
				t.Errorf("%s: scope %q, want only %q open", route, op.Scope, open)
			}
			for _, p := range principals {
				calls++
				header := "Bearer " + p.key
				if p.key == "" {
					header = ""
				}
				// Ids that are not there, and bodies that are refused: nothing changes.
				body := ""
				if method == "POST" || method == "PATCH" {
					body = `{"nonsense":1}`
				}
				a := w.do(method, strings.NewReplacer("{id}", "wh_none", "{number}", "404").Replace(path), body, "Authorization", header)
				want := 0
				switch {
				case op.Scope == "":
				case p.scopes == "":
					want = 401
				case op.Scope == "any":
				case !slices.Contains(strings.Fields(p.scopes), op.Scope):
					want = 403
				}
				if want != 0 && a.status != want || want == 0 && (a.status == 401 || a.status == 403 || a.status >= 500) {
					t.Errorf("%s as %s (needs %q): got %d %s, want %d or that the call goes on", route, p.name, op.Scope, a.status, a.body, want)
				}
				if a.status == 401 && a.header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s as %s: 401 without WWW-Authenticate", route, p.name)
				}
			}
		}
	}
	if calls < 250 {
		t.Errorf("made %d calls, want every operation as every principal", calls)
	}
}

func TestKeyForms(t *testing.T) {
	w := newWorld(t)
	for _, headers := range [][]string{
		{"Authorization", "Bearer " + adminKey}, {"Authorization", "bearer  " + adminKey}, {"Authorization", "Apikey " + adminKey},
		{"Authorization", "", "ApiKey", adminKey},
	} {
		if a := w.do("GET", "/v1/webhooks", "", headers...); a.status != 200 {
			t.Errorf("%q: got %d, want 200", headers, a.status)
		}
	}
	for _, headers := range [][]string{
		{"Authorization", "Basic " + adminKey}, {"Authorization", adminKey}, {"Authorization", "Bearer"}, {"Authorization", "Bearer " + adminKey + "x"},
		{"Authorization", "", "ApiKey", ""}, {"Authorization", "Bearer wrong", "ApiKey", adminKey}, {"Authorization", "Bearer " + strings.Repeat("k", 10_000)},
	} {
		w.refused(401, "GET", "/v1/webhooks", "", headers...)
	}
}

func TestKeysOverTheAPI(t *testing.T) {
	w := newWorld(t)
	var created struct {
		ID, Key, Hint, Name string
		Scopes              []string
		ExpiresAt           *string
	}
	w.into(&created, 201, "POST", "/v1/keys", `{"name":"billing","scopes":["read","publish"],"expiresAt":"2099-01-01T00:00:00Z"}`)
	if !strings.HasPrefix(created.Key, "rk_") || len(created.Scopes) != 2 || created.ExpiresAt == nil || !strings.HasPrefix(created.Key, strings.TrimSuffix(created.Hint, "…")) {
		t.Errorf("created: got %+v", created)
	}
	as := []string{"Authorization", "Bearer " + created.Key}
	w.into(nil, 200, "GET", "/v1/webhooks", "", as...)
	w.refused(403, "POST", "/v1/webhooks", `{"url":"https://example.com"}`, as...)
	if a := w.do("GET", "/v1/keys", ""); strings.Contains(string(a.body), created.Key) || !strings.Contains(string(a.body), created.ID) {
		t.Errorf("list of keys: got %s, want the key's id and not its text", a.body)
	}
	w.into(nil, 204, "DELETE", "/v1/keys/"+created.ID, "")
	w.refused(401, "GET", "/v1/webhooks", "", as...)
	w.refused(404, "DELETE", "/v1/keys/key_none", "")

	tests := []struct{ body, fields string }{
		{`{}`, "name scopes"},
		{`{"name":"","scopes":[]}`, "name scopes"},
		{`{"name":"a","scopes":["read","write"]}`, "scopes[1]"},
		{`{"name":"a","scopes":["read"],"expiresAt":"2001-01-01T00:00:00Z"}`, "expiresAt"},
		{`{"name":"a\u0000b","scopes":["read"]}`, "name"},
		{`{"name":"a","scopes":["read"],"tenant":2,"hash":"x","createdAt":"2001-01-01T00:00:00Z","role":"admin"}`, "tenant hash createdAt role"},
	}
	for _, tt := range tests {
		if p := w.refused(422, "POST", "/v1/keys", tt.body); p.fields() != tt.fields {
			t.Errorf("POST %s: got fields %q (%+v), want %q", tt.body, p.fields(), p, tt.fields)
		}
	}
	// An admin of a tenant cannot make himself more than that.
	w.refused(403, "POST", "/v1/keys", `{"name":"a","scopes":["platform"]}`, "Authorization", "Bearer "+w.key(access.ScopeAdmin))
}

// TestOtherTenant: ids of another tenant are answered as ids that do not exist, byte for byte but for the id (S16).
func TestOtherTenant(t *testing.T) {
	w := newWorld(t)
	var hook hookDoc
	url, got := endpoint(t, func() int { return 500 })
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"`+url+`"}`)
	var ev struct{ ID string }
	w.into(&ev, 202, "POST", "/v1/events", `{"type":"a.b","data":1}`)
	<-got
	var log page[attemptDoc]
	eventually(t, "the attempt is in the log", func() bool {
		w.into(&log, 200, "GET", "/v1/webhooks/"+hook.ID+"/attempts", "")
		return len(log.Data) == 1
	})
	var job struct{ ID string }
	w.into(&job, 202, "POST", "/v1/webhooks/"+hook.ID+"/replay", `{"since":"2026-01-01T00:00:00Z"}`)
	var key struct{ ID string }
	w.into(&key, 201, "POST", "/v1/keys", `{"name":"a","scopes":["read"]}`)
	var person struct{ ID string }
	w.into(&person, 201, "POST", "/v1/respondents", `{"campaignId":5000,"respondent":{}}`)
	ids := map[string]struct{ theirs, none string }{
		"events":      {ev.ID, "evt_0000000000000"},
		"webhooks":    {hook.ID, "wh_aaaaaaaaaaaaaaaa"},
		"hooks":       {restHook(w), "hook_none"},
		"attempts":    {log.Data[0].ID, "att_0000000000000"},
		"deliveries":  {log.Data[0].DeliveryID, "whk_00000000000000000000"},
		"jobs":        {job.ID, "job_aaaaaaaaaaaaaaaa"},
		"keys":        {key.ID, "key_none"},
		"campaigns":   {"5000", "6000"},
		"respondents": {person.ID, "rsp_0000000000000"},
		"tenants":     {"default", "none"},
		"connections": {aConnection(w), "con_none"},
		"profiles":    {aProfile(w), "p2"},
		"audiences":   {anAudience(w), "102"},
		"journeys":    {aJourney(w), "202"},

		"portal-links": {portalLink(w), "pl_none"},
		"log-views":    {sharedView(w), "view_none"},
		"sessions":     {"", "ses_none"}, // of people, whatever tenant: TestSessionsEnd in package user
		"passkeys":     {"", "psk_none"}, // likewise: TestPasskey in package user
	}
	colleague, _ := w.join("ann@example.com", "admin")
	ids["users"] = struct{ theirs, none string }{colleague, "usr_none"}
	w.another("other")
	other := []string{"Authorization", "Bearer " + w.otherKey()}
	var own struct{ ID string } // a connection of the other tenant
	w.into(&own, 201, "POST", "/v1/connections", `{"connector":"http","name":"own","fields":{"url":"http://127.0.0.1:47999/"}}`, other...)
	tried := 0
	for path, operations := range w.document().Paths {
		if strings.Contains(path, "{number}") {
			path = strings.Replace(strings.Replace(path, "{id}", "att_none", 1), "{number}", "{id}", 1)
		}
		if !strings.Contains(path, "{id}") {
			continue
		}
		id, ok := ids[strings.Split(path, "/")[2]]
		if ok && id.theirs == "" {
			continue
		}
		if !ok {
			t.Errorf("%s: there is no id of another tenant to try it with", path)
			continue
		}
		for method, op := range operations {
			method = strings.ToUpper(method)
			if op.Scope == string(access.ScopePlatform) {
				continue // it may, in every tenant
			}
			if method == "PATCH" && path == "/v1/profiles/{id}" {
				continue // makes a profile of their own, if there is none
			}
			body := map[string]string{"recover": `{"since":"2026-01-01T00:00:00Z"}`, "replay": `{"since":"2026-01-01T00:00:00Z"}`}[path[strings.LastIndexByte(path, '/')+1:]]
			switch {
			case method == "POST" && strings.HasSuffix(path, "/imports"):
				body = `{"mode":"add"}`
			case method == "POST" && (strings.HasSuffix(path, "/members") || strings.HasSuffix(path, "/rows")):
				body = `{"rows":[]}`
			case strings.HasSuffix(path, "/attachments"):
				body = `{"connection":"` + own.ID + `"}`
			case method == "PATCH" && strings.Contains(path, "attachments"):
				body = `{"paused":true}`
			case method == "PATCH" && strings.Contains(path, "journeys"):
				body = `{"mode":"paused"}`
			case method == "POST" && strings.HasSuffix(path, "/move"):
				body = `{}`
			case method == "PATCH" && strings.Contains(path, "members"):
				body = `{}`
			case method == "PATCH" && slices.Contains([]string{"campaigns", "users", "connections", "audiences"}, strings.Split(path, "/")[2]):
				body = `{"name":"mine now"}`
			case method == "PATCH":
				body = `{"description":"mine now"}`
			}
			ask := func(id string) string {
				a := w.do(method, strings.ReplaceAll(path, "{id}", id), body, other...)
				if a.status != 404 {
					t.Errorf("%s %s with id %q as another tenant: got %d %s, want 404", method, path, id, a.status, a.body)
				}
				var p map[string]any
				json.Unmarshal(a.body, &p)
				delete(p, "requestId")
				b, _ := json.Marshal(p)
				return strings.ReplaceAll(string(b), id, "ID")
			}
			if theirs, none := ask(id.theirs), ask(id.none); theirs != none {
				t.Errorf("%s %s: another tenant's id is answered %s, a missing one %s", method, path, theirs, none)
			}
			tried++
		}
	}
	if tried < 15 {
		t.Errorf("tried %d operations with ids, want all", tried)
	}
	for _, path := range []string{"/v1/deliveries?webhookId=" + hook.ID, "/v1/stats?webhookId=" + hook.ID} {
		w.refused(404, "GET", path, "", other...)
	}
	for _, path := range []string{"/v1/events", "/v1/webhooks", "/v1/deliveries", "/v1/jobs", "/v1/campaigns", "/v1/respondents"} {
		if a := w.do("GET", path, "", other...); a.status != 200 || !strings.Contains(string(a.body), `"data":[]`) {
			t.Errorf("GET %s as another tenant: got %d %s, want an empty list", path, a.status, a.body)
		}
	}
	w.refused(403, "GET", "/v1/webhooks", "", "Authorization", other[1], "Relay-Tenant", "default")
	w.refused(404, "GET", "/v1/webhooks", "", "Relay-Tenant", "nobody")
	platform := w.key(access.ScopePlatform)
	w.refused(403, "GET", "/v1/webhooks", "", "Authorization", "Bearer "+platform)
	w.into(nil, 200, "GET", "/v1/webhooks/"+hook.ID, "", "Authorization", "Bearer "+platform, "Relay-Tenant", "default")
}
