package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/access"
)

// mark is in all texts of the tenant that another one must not see.
const mark = "canary4f1c9e"

// marked fills the tenant default with two of each thing that lists show, each with the mark, and returns the ids and names.
func marked(w *world) (ids []string) {
	w.t.Helper()
	made := func(status int, path, body, member string) string {
		w.t.Helper()
		var v map[string]any
		w.into(&v, status, "POST", path, body)
		id := fmt.Sprint(v[member])
		if member != "number" {
			ids = append(ids, id)
		}
		return id
	}
	target, got := endpoint(w.t.(*testing.T), func() int { return 500 })
	for i := range 2 {
		n := fmt.Sprintf("%s-%d", mark, i)
		made(201, "/v1/event-types", `{"name":"`+n+`.a","description":"`+mark+`","schema":{"type":"object"}}`, "name")
		hook := made(201, "/v1/webhooks", `{"url":"`+target+`","description":"`+n+`","events":["`+n+`.a"],"retry":{"attempts":1}}`, "id")
		made(202, "/v1/events", `{"id":"`+n+`","type":"`+n+`.a","key":"`+n+`","data":{"text":"`+mark+`"}}`, "id")
		<-got
		made(202, "/v1/webhooks/"+hook+"/replay", `{"since":"2026-01-01T00:00:00Z"}`, "id")
		made(201, "/v1/derivation-rules", `{"name":"`+n+`","on":"`+n+`.a","type":"`+n+`.b","data":"event.data"}`, "name")
		made(201, "/v1/keys", `{"name":"`+n+`","scopes":["read"]}`, "id")
		made(201, "/v1/campaigns", fmt.Sprintf(`{"id":%d,"name":%q}`, 7000+i, n), "number")
		made(201, "/v1/respondents", fmt.Sprintf(`{"campaignId":%d,"respondent":{"firstName":%q}}`, 7000+i, n), "id")
		made(201, "/v1/integrations", `{"name":"`+n+`","description":"`+mark+`"}`, "name")
		made(201, "/v1/connectors", strings.ReplaceAll(`{"document":"connector: NAME\nversion: 1.0.0\nkind: message\nname: NAME\nconnection: {url: {type: url}}\nmessage: {url: \"${connection.url}\"}\n"}`, "NAME", n), "connector")
		made(201, "/v1/connections", `{"connector":"http","name":"`+n+`","fields":{"url":"http://127.0.0.1:47999/`+mark+`"}}`, "id")
		made(201, "/v1/users", `{"email":"`+n+`@example.com","name":"`+mark+`","role":"viewer"}`, "id")
		w.into(nil, 200, "PATCH", "/v1/profiles/"+n, `{"sourceId":"`+mark+`"}`)
		made(201, "/v1/audiences", fmt.Sprintf(`{"number":%d,"name":%q}`, 7000+i, n), "number")
		w.into(nil, 204, "PATCH", "/v1/audiences/7000/members/"+n, "")
		made(201, "/v1/journeys", fmt.Sprintf(`{"number":%d,"document":"name: %s\nprofile: event.data.who\nentry: {event: go}\nsteps: [{name: a, end: }]\n"}`, 8000+i, n), "number")
		made(201, "/v1/portal-links", `{"sessionId":"`+n+`","user":{"name":"`+mark+`"}}`, "id")
		made(201, "/v1/log-views", `{"name":"`+n+`","shared":true,"filter":{"eventType":"`+mark+`"}}`, "id")
	}
	for i := range 2 { // profiles in the journeys
		made(202, "/v1/events", fmt.Sprintf(`{"id":"%s-go-%d","type":"go","data":{"who":"%s-%d"}}`, mark, i, mark, i), "id")
	}
	eventually(w.t.(*testing.T), "two profiles are in the journey", func() bool {
		var list page[struct{ ID string }]
		w.into(&list, 200, "GET", "/v1/journeys/8000/enrolments", "")
		for _, e := range list.Data {
			ids = append(ids, e.ID)
		}
		return len(list.Data) == 2
	})
	w.into(nil, 200, "PATCH", "/v1/gate", `{"url":"http://127.0.0.1:47999/`+mark+`","enabled":true,"auth":{"type":"none"}}`)
	w.into(nil, 200, "PATCH", "/v1/sign-in", `{"secondFactor":["admin"]}`)
	eventually(w.t.(*testing.T), "two attempts are in the log", func() bool {
		var log page[attemptDoc]
		w.into(&log, 200, "GET", "/v1/attempts", "")
		for _, a := range log.Data {
			ids = append(ids, a.ID)
		}
		return len(log.Data) >= 2
	})
	return ids
}

// without returns an answer without what differs from one request to the next.
func without(a answer, texts ...string) string {
	var p map[string]any
	if json.Unmarshal(a.body, &p) == nil {
		delete(p, "requestId")
		if b, err := json.Marshal(p); err == nil {
			a.body = b
		}
	}
	text := fmt.Sprint(a.status, " ", string(a.body))
	for _, t := range texts {
		text = strings.ReplaceAll(text, t, "X")
	}
	return text
}

// TestNothingOfAnotherTenant goes through the document: lists, exports, cursors, names and idempotency keys of a tenant are
// to another one as if they did not exist. Ids are TestOtherTenant's.
func TestNothingOfAnotherTenant(t *testing.T) {
	w := newWorld(t)
	other := []string{"Authorization", "Bearer " + w.otherKey()}
	ids := marked(w)
	lists, cursors, names := 0, 0, 0
	for path, operations := range w.document().Paths {
		op, ok := operations["get"]
		if !ok || op.Scope == string(access.ScopePlatform) || op.Security != nil && len(*op.Security) == 0 {
			continue
		}
		paged := slices.ContainsFunc(op.Parameters, func(p struct{ Name, In string }) bool { return p.Name == "cursor" })
		switch {
		case strings.Contains(path, "{id}"):
			continue
		case strings.Contains(path, "{name}"):
			names++
			name := map[string]string{"event-types": mark + "-0.a"}[strings.Split(path, "/")[2]]
			if name == "" {
				name = mark + "-0"
			}
			if a := w.do("GET", strings.Replace(path, "{name}", name, 1), ""); a.status != 200 {
				t.Errorf("%s: got %d %s, want 200 for its own tenant", path, a.status, a.body)
			}
			ask := func(name string) string {
				return without(w.do("GET", strings.Replace(path, "{name}", name, 1), "", other...), name)
			}
			missing := strings.Repeat("z", len(mark)) + name[len(mark):]
			if theirs, none := ask(name), ask(missing); theirs != none || !strings.HasPrefix(none, "404") {
				t.Errorf("%s: another tenant's name is answered %s, a missing one %s", path, theirs, none)
			}
			continue
		case strings.Contains(path, "{number}"):
			number := "7000"
			if strings.Contains(path, "/journeys/") {
				number = "8000"
			}
			ask := func(n string) string {
				return without(w.do("GET", strings.Replace(path, "{number}", n, 1), "", other...), n)
			}
			if theirs, none := ask(number), ask("7999"); theirs != none {
				t.Errorf("%s: another tenant's number is answered %s, a missing one %s", path, theirs, none)
			}
			path = strings.Replace(path, "{number}", number, 1)
		default:
			lists++
			for _, format := range []string{"", "?format=csv", "?format=ndjson"} {
				if format != "" && !strings.HasSuffix(path, "/export") {
					continue
				}
				a := w.do("GET", path+format, "", other...)
				for _, text := range append(ids, mark) {
					if strings.Contains(string(a.body), text) {
						t.Errorf("GET %s%s as another tenant: got %q in %d %s", path, format, text, a.status, a.body)
					}
				}
			}
		}
		if !paged {
			continue
		}
		cursors++
		var v struct{ NextCursor *string }
		query := path + "?limit=1"
		if path == "/v1/gate/attempts" || path == "/v1/deliveries" {
			continue // two of them take a gate, or endpoints, under way; their cursors are made as those of the log are
		}
		w.into(&v, 200, "GET", query, "")
		if v.NextCursor == nil {
			t.Errorf("GET %s: there is no cursor to try", query)
			continue
		}
		damaged := "cur_" + strings.Repeat("A", len(*v.NextCursor)-4)
		ask := func(cursor string) string {
			return without(w.do("GET", query+"&cursor="+url.QueryEscape(cursor), "", other...), cursor)
		}
		if theirs, none := ask(*v.NextCursor), ask(damaged); theirs != none || !strings.HasPrefix(none, "4") {
			t.Errorf("GET %s: another tenant's cursor is answered %s, one that was never given %s", query, theirs, none)
		}
	}
	if lists < 20 || cursors < 8 || names < 4 {
		t.Errorf("tried %d lists, %d cursors and %d names, want all", lists, cursors, names)
	}

	// The same request with the same idempotency key, and names that the other tenant has: both get what they asked for.
	again := 0
	for call, c := range calls {
		method, path, _ := strings.Cut(call, " ")
		if method != "POST" || strings.Contains(path, "{") || c.session || c.platform || c.make != nil || c.body == "" || strings.HasPrefix(path, "/v1/session") {
			continue
		}
		again++
		headers := []string{"Idempotency-Key", strings.ReplaceAll(strings.Trim(path, "/"), "/", "-")}
		if c.path != "" {
			path = c.path
		}
		first := w.do(method, path, c.body, headers...)
		second := w.do(method, path, c.body, append(headers, other...)...)
		if first.status != second.status || first.status > 299 {
			t.Errorf("%s: got %d %s, and for another tenant with the same key and body %d %s", call, first.status, first.body, second.status, second.body)
		}
		if h := second.header.Get("Idempotent-Replayed"); h != "" {
			t.Errorf("%s: another tenant's answer was repeated: %s", call, second.body)
		}
		var a, b struct{ ID string }
		json.Unmarshal(first.body, &a)
		json.Unmarshal(second.body, &b)
		if path == "/v1/users" {
			continue // a person is the same in all tenants
		}
		if a.ID != "" && a.ID == b.ID && !strings.Contains(c.body, a.ID) {
			t.Errorf("%s: both got the id %s", call, a.ID)
		}
	}
	// Of a person who is in another tenant, too, nothing of that one is shown: neither their name there nor their state.
	person := w.do("POST", "/v1/users", `{"email":"`+mark+`-0@example.com","name":"own","role":"admin"}`, other...)
	if person.status != 201 || strings.Contains(strings.ReplaceAll(string(person.body), mark+"-0@", ""), mark) || !strings.Contains(string(person.body), `"name":"own"`) {
		t.Errorf("inviting a person of another tenant: got %d %s", person.status, person.body)
	}
	if again < 8 {
		t.Errorf("tried %d calls with a key, want all", again)
	}
}
