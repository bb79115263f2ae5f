package api_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
)

// TestTimesGivenAreTimesShown: whatever time a caller gives, wherever, is refused with a reason or shown as a time that
// can be read again and is the same moment.
func TestTimesGivenAreTimesShown(t *testing.T) {
	w := newWorld(t)
	given := []string{
		"9999-12-31T23:59:59-23:59", "9999-12-31T23:00:00-01:00", "9999-12-31T23:59:59.999Z", "1970-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z",
		"0000-01-01T00:00:00Z", "2026-05-05t14:23:00z", "2016-12-31T23:59:60Z", "2096-12-31T23:59:60Z", "2026-05-05T9:01:30Z", "2026-05-05T09:01:30,5Z", "2026-05-05T09:01:30+24:00",
		"2096-05-05T14:23:00.1239+02:00", "2096-02-30T00:00:00Z", "+12345-01-01T00:00:00Z", "",
	}
	calls := []struct {
		name, method, path, body string // of two %q or %s the first is the time given
		shown                    func(b []byte) string
	}{
		{"timestamp", "POST", "/v1/events", `{"type":"t.x","data":1,"timestamp":%q}`, func(b []byte) string { var v struct{ Timestamp string }; json.Unmarshal(b, &v); return v.Timestamp }},
		{"deliverAt", "POST", "/v1/events", `{"type":"t.x","data":1,"deliverAt":%q}`, nil},
		{"maintenance[0].from", "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:18999/","maintenance":[{"from":%q,"to":"9999-12-31T23:59:59.999Z"}]}`, nil},
		{"maintenance[0].to", "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:18999/","maintenance":[{"from":"9999-12-31T00:00:00Z","to":%q}]}`, nil},
		{"expiresAt", "POST", "/v1/keys", `{"name":"k","scopes":["read"],"expiresAt":%q}`, func(b []byte) string { var v struct{ ExpiresAt string }; json.Unmarshal(b, &v); return v.ExpiresAt }},
		{"query since", "GET", "/v1/events?since=%s", "", nil},
		{"query until", "GET", "/v1/respondents?until=%s", "", nil},
		{"query from", "GET", "/v1/stats?from=%s&to=9999-12-31T23:59:59.999Z", "", nil},
	}
	for _, c := range calls {
		for _, at := range given {
			path, body := c.path, c.body
			if body != "" {
				body = fmt.Sprintf(body, at)
			} else {
				path = fmt.Sprintf(path, url.QueryEscape(at))
			}
			a := w.do(c.method, path, body)
			want, err := event.ParseTime(at)
			switch {
			case a.status >= 500:
				t.Errorf("%s of %q: got %d %s", c.name, at, a.status, a.body)
			case a.status < 300 && err != nil:
				t.Errorf("%s of %q: got %d %s, want it refused", c.name, at, a.status, a.body)
			case a.status >= 300 && (a.status != 422 && a.status != 400 || !strings.Contains(string(a.body), `"`+c.name) && !strings.Contains(string(a.body), `maintenance[0]`) && c.name != "query from"):
				t.Errorf("%s of %q: got %d %s, want 422 that names it", c.name, at, a.status, a.body)
			case a.status < 300 && c.shown != nil:
				if got, err := time.Parse("2006-01-02T15:04:05.000Z", c.shown(a.body)); err != nil || !got.Equal(want) {
					t.Errorf("%s of %q: shown as %q, %v", c.name, at, c.shown(a.body), err)
				}
			}
		}
	}
	if p := w.refused(400, "GET", "/v1/events?since=2026-05-05T14:23:00+01:00", ""); !strings.Contains(fmt.Sprint(p.Errors), "%2B") {
		t.Errorf("a plus sign that is not encoded: got %+v, want a word about it", p)
	}
	if p := w.refused(400, "GET", "/v1/events?since=1969-12-31T23:59:59Z", ""); strings.Contains(fmt.Sprint(p.Errors), "RFC 3339") {
		t.Errorf("a year out of range: got %+v, want it not called malformed", p)
	}
}

// TestParametersAreText: every text parameter of every call refuses what one of the stores cannot look for.
func TestParametersAreText(t *testing.T) {
	w := newWorld(t)
	var hook struct{ ID string }
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:18999/"}`)
	var doc struct {
		Paths map[string]struct {
			Get *struct{ Parameters []struct{ Name, In string } }
		}
	}
	w.into(&doc, 200, "GET", "/openapi.json", "")
	n := 0
	for pattern, item := range doc.Paths {
		if item.Get != nil {
			for _, p := range item.Get.Parameters {
				if p.In != "query" {
					continue
				}
				n++
				path := strings.NewReplacer("{id}", hook.ID, "{name}", "call.completed", "{number}", "101").Replace(pattern)
				for _, bad := range []string{"%00", "a%00b", "%ff", "%c3%28", "%ed%a0%80"} {
					if got := w.do("GET", path+"?"+p.Name+"="+bad, ""); got.status != 400 {
						t.Errorf("GET %s?%s=%s: got %d %s, want 400", path, p.Name, bad, got.status, got.body)
					}
				}
			}
		}
	}
	if n < 40 {
		t.Errorf("got %d parameters, want all of them", n)
	}
	for _, path := range []string{"/v1/events/a%00b", "/v1/event-types/%ff", "/v1/campaigns/%00", "/v1/integrations/%00/respondents"} {
		if got := w.do("GET", path, ""); got.status != 404 && got.status != 405 {
			t.Errorf("GET %s: got %d %s, want 404", path, got.status, got.body)
		}
	}
}

func TestRevokingNeedsTheScopes(t *testing.T) {
	w := newWorld(t)
	type made struct{ ID, Key string }
	create := func(scopes string) (m made) {
		t.Helper()
		w.into(&m, 201, "POST", "/v1/keys", `{"name":"k","scopes":`+scopes+`}`)
		return m
	}
	admin, platform := create(`["admin"]`), create(`["platform"]`)
	both := create(`["admin","platform"]`)
	as := func(m made) string { return "Bearer " + m.Key }

	w.refused(403, "DELETE", "/v1/keys/key_admin", "", "Authorization", as(admin))
	w.refused(403, "DELETE", "/v1/keys/key_admin", "", "Authorization", as(both))
	w.refused(403, "DELETE", "/v1/keys/"+platform.ID, "", "Authorization", as(admin))
	w.refused(403, "DELETE", "/v1/keys/"+both.ID, "", "Authorization", as(admin))
	w.refused(404, "DELETE", "/v1/keys/key_none", "", "Authorization", as(admin))
	w.into(nil, 200, "GET", "/v1/keys", "") // the operator's key works still
	for _, scopes := range []string{`["publish"]`, `["read"]`, `["manage","publish"]`, `["admin"]`} {
		w.into(nil, 204, "DELETE", "/v1/keys/"+create(scopes).ID, "", "Authorization", as(admin))
	}
	w.into(nil, 204, "DELETE", "/v1/keys/"+platform.ID, "", "Authorization", as(both))
	other, _, err := w.keys.Create(t.Context(), access.System(event.DefaultTenant), account.NewKey{Name: "x", Scopes: []access.Scope{access.ScopeManage}})
	if err != nil {
		t.Fatal(err)
	}
	acting := create(`["platform"]`)
	w.into(nil, 204, "DELETE", "/v1/keys/"+other.ID, "", "Authorization", as(acting), "Relay-Tenant", "default")
	w.refused(403, "DELETE", "/v1/keys/key_admin", "", "Authorization", as(acting), "Relay-Tenant", "default")
	w.into(nil, 204, "DELETE", "/v1/keys/key_admin", "")
	w.refused(401, "GET", "/v1/keys", "")
}

func TestIdsOfRelayAreRefused(t *testing.T) {
	w := newWorld(t)
	var first struct{ ID string }
	w.into(&first, 202, "POST", "/v1/events", `{"type":"sh.a","data":1}`)
	id, err := event.ParseID(event.EventPrefix, first.ID)
	if err != nil {
		t.Fatal(err)
	}
	uuid := string(id.AppendUUID(nil))
	for _, taken := range []string{first.ID, "evt_x", "whk_1", "att_1", "bat_1", "wh_1", "job_1", "rsp_1", uuid, strings.ToUpper(uuid)} {
		if p := w.refused(422, "POST", "/v1/events", `{"type":"sh.b","data":"other","id":"`+taken+`"}`); p.fields() != "id" {
			t.Errorf("id %q: got %+v, want id named", taken, p)
		}
	}
	// The event is found by its id and by the UUID that endpoints get in format push, also in its sub-resources.
	for _, path := range []string{first.ID, uuid, strings.ToUpper(uuid)} {
		var got struct{ ID, Type string }
		w.into(&got, 200, "GET", "/v1/events/"+path, "")
		if got.ID != first.ID || got.Type != "sh.a" {
			t.Errorf("GET /v1/events/%s: got %+v", path, got)
		}
		w.into(nil, 200, "GET", "/v1/events/"+path+"/explain", "")
		w.into(nil, 200, "GET", "/v1/events/"+path+"/deliveries", "")
		w.into(nil, 202, "POST", "/v1/events/"+path+"/resend", `{}`)
	}
	w.refused(404, "GET", "/v1/events/"+uuid, "", "Authorization", "Bearer "+w.otherKey())
	w.refused(404, "GET", "/v1/events/017f22e2-79b0-7cc3-98c4-dc0c0c07398f", "")
}

func TestIdempotencyKeyIsTheRequests(t *testing.T) {
	w := newWorld(t)
	const a, b, c = `{"type":"i.a","data":1}`, `{"type":"i.b","data":2}`, `{"type":"i.c","data":3}`
	lists := []string{"[" + a + "]", "[" + a + "," + b + "]", "[" + a + "," + b + "," + c + "]", "[" + b + "," + a + "]", a, b}
	stored := 0
	for i, first := range lists {
		key := fmt.Sprintf("req-%d", i)
		w.into(nil, 202, "POST", "/v1/events", first, "Idempotency-Key", key)
		stored += strings.Count(first, "type")
		for j, other := range lists {
			want := 409
			if i == j {
				want = 202
			}
			if got := w.do("POST", "/v1/events", other, "Idempotency-Key", key); got.status != want {
				t.Errorf("%s, then %s with the same key: got %d %s, want %d", first, other, got.status, got.body, want)
			}
		}
	}
	if n := w.eventCount(); n != stored {
		t.Errorf("got %d events, want %d", n, stored)
	}
}

func TestRequestsNameEverything(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ path, body, fields, reason string }{
		{"/v1/webhooks", `{"url":"http://127.0.0.1:18999/","signature":"stripes","format":"xml","ordering":"FIFO"}`, "signature format ordering", `did you mean \"fifo\"`},
		{"/v1/webhooks", `{"url":"http://127.0.0.1:18999/","event":["a"],"payload":1}`, "event payload", `did you mean \"events\"`},
		{"/v1/webhooks", `{"url":"http://127.0.0.1:18999/","fliter":"","rateLimit":{"perSecnd":1}}`, "fliter rateLimit.perSecnd rateLimit.perSecond", `did you mean \"perSecond\"`},
		{"/v1/webhooks", `{"url":"http://127.0.0.1:18999/","auth":{"type":"basik"},"retry":{"preset":"pusch"}}`, "auth.type retry.preset", `did you mean \"push\"`},
		{"/v1/webhooks", `{"url":"","timeout":"1h","maxConcurrency":5000,"disableOn":[200,700],"events":["a b",""],"headers":{"Host":"x"},"maintenance":[{"from":"2030-01-01T00:00:00Z","to":"2029-01-01T00:00:00Z"}],"rateLimit":{"perSecond":0,"burst":-1}}`,
			`url timeout maxConcurrency events[0] events[1] headers["Host"] disableOn[0] disableOn[1] rateLimit.perSecond rateLimit.burst maintenance[0].to`, "after from"},
		{"/v1/keys", `{"nmae":"x","scopes":["reed","write"]}`, "nmae scopes[0] scopes[1] name", `did you mean \"read\"`},
	} {
		a := w.do("POST", tt.path, tt.body)
		p := w.refused(422, "POST", tt.path, tt.body)
		if p.fields() != tt.fields || !strings.Contains(string(a.body), tt.reason) {
			t.Errorf("POST %s %s: got %s, want %q and %s", tt.path, tt.body, a.body, tt.fields, tt.reason)
		}
	}
	if a := w.do("GET", "/v1/events?tpye=a", ""); a.status != 400 || !strings.Contains(string(a.body), `did you mean \"type\"`) {
		t.Errorf("a misspelt parameter: got %d %s", a.status, a.body)
	}
}

// TestHeadersOfTheFormat: a header of the format cannot be set by the webhook as well, whichever of the two is set later.
func TestHeadersOfTheFormat(t *testing.T) {
	w := newWorld(t)
	const at = `{"url":"http://127.0.0.1:18999/",`
	for _, tt := range []struct{ settings, field string }{
		{`"format":"cloudevents-binary","headers":{"ce-id":"mine"}}`, `headers["ce-id"]`},
		{`"format":"cloudevents-binary","headers":{"CE-Own":"mine"}}`, `headers["CE-Own"]`},
		{`"format":"cloudevents-binary","auth":{"type":"apiKey","header":"Ce-Key","token":"t"}}`, `auth.header`},
		{`"headers":{"Content-Encoding":"gzip"}}`, `headers["Content-Encoding"]`},
		{`"auth":{"type":"apiKey","header":"content-encoding","token":"t"}}`, `auth.header`},
	} {
		if p := w.refused(422, "POST", "/v1/webhooks", at+tt.settings); p.fields() != tt.field {
			t.Errorf("%s: got %+v, want %s named", tt.settings, p, tt.field)
		}
	}
	var hook struct{ ID string }
	w.into(&hook, 201, "POST", "/v1/webhooks", at+`"format":"cloudevents","headers":{"ce-id":"mine"}}`)
	if p := w.refused(422, "PATCH", "/v1/webhooks/"+hook.ID, `{"format":"cloudevents-binary"}`); p.fields() != `headers["ce-id"]` {
		t.Errorf("the format set later: got %+v", p)
	}
}
