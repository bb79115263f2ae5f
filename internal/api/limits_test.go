package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/access"
)

// limitedKey makes a key of the scope publish with limits, through the API.
func (w *world) limitedKey(limits string) (id, text string) {
	w.t.Helper()
	var k struct {
		ID, Key string
		Limits  json.RawMessage
	}
	w.into(&k, 201, "POST", "/v1/keys", `{"name":"limited","scopes":["publish"],"limits":`+limits+`}`)
	return k.ID, k.Key
}

// TestLimitsOfTypes: a key that is limited to types publishes no others, by any way in and in any
// form.
func TestLimitsOfTypes(t *testing.T) {
	b := newBothWays(t)
	w := b.world
	id, key := w.limitedKey(`{"types":["shop.*","billing.paid"]}`)
	head := func(length int) string {
		return fmt.Sprintf("POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", key, length)
	}
	for _, test := range []struct{ body, want string }{
		{`{"type":"shop.order","data":1,"id":"1"}`, "202"},
		{`{"type":"shop.order.paid","data":1,"id":"2"}`, "202"},
		{`{"type":"billing.paid","data":1,"id":"3"}`, "202"},
		{`[{"type":"shop.a","data":1,"id":"4"},{"type":"shop.b","data":1,"id":"5"}]`, "202"},
		{`{"type":"billing.paid.late","data":1}`, `403 forbidden this key may not publish events of the type "billing.paid.late": it is limited to events of the types "shop.*", "billing.paid"`},
		{`{"type":"shop","data":1}`, `403 forbidden this key may not publish events of the type "shop"`},
		{`{"type":"Shop.order","data":1}`, `403 forbidden this key may not publish events of the type "Shop.order"`},
		{`[{"type":"shop.a","data":1},{"type":"other","data":1}]`, `403 forbidden this key may not publish events of the type "other"`},
		{`{"type":"shop order","data":1}`, "422"}, // an invalid type is refused to everybody
	} {
		raw := head(len(test.body)) + test.body
		b.compare(t, raw)
		got := strings.ReplaceAll(answers(t, b.short, raw), "https://relay-events.github.io/problems/", "")
		if !strings.HasPrefix(strings.ReplaceAll(got, "about:blank ", ""), test.want[:3]) || !strings.Contains(got, strings.TrimPrefix(test.want[3:], " forbidden ")) {
			t.Errorf("%s: got %s, want %s", test.body, got, test.want)
		}
	}
	if n := w.eventCount(); n != 5 {
		t.Errorf("got %d events, want 5", n)
	}

	a := w.do("POST", "/v1/events", `{"type":"shop.s","data":1}`+"\n"+`{"type":"other","data":1}`+"\n"+`{"type":"shop.t","data":1}`+"\n",
		"Authorization", "Bearer "+key, "Content-Type", "application/x-ndjson")
	if text := string(a.body); a.status != 202 || !strings.Contains(text, `{"line":2,"error":`) || !strings.Contains(text, `the type \"other\"`) ||
		!strings.Contains(text, `"accepted":2,"duplicates":0,"failed":1`) {
		t.Errorf("a stream: got %d %s", a.status, text)
	}
	if n := w.eventCount(); n != 7 {
		t.Errorf("got %d events, want 7", n)
	}

	// Events that follow from one that may be published are not the publisher's.
	w.into(nil, 201, "POST", "/v1/derivation-rules", `{"name":"follow","on":"shop.order","type":"stock.changed","data":"event.data"}`)
	w.into(nil, 202, "POST", "/v1/events", `{"type":"shop.order","data":2}`, "Authorization", "Bearer "+key)
	if n := w.eventCount(); n != 9 {
		t.Errorf("got %d events, want 9 with the one that was derived", n)
	}
	for _, path := range []string{"/v1/respondents", "/v1/integrations/dixa/respondents"} {
		if p := w.refused(403, "POST", path, gateExample, "Authorization", "Bearer "+key); !strings.Contains(p.Detail, `limited to events of the types "shop.*"`) {
			t.Errorf("%s: got %q", path, p.Detail)
		}
	}

	var list struct {
		Data []struct {
			ID     string
			Limits json.RawMessage
		}
	}
	w.into(&list, 200, "GET", "/v1/keys", "")
	for _, k := range list.Data {
		want := "null"
		if k.ID == id {
			want = `{"types":["shop.*","billing.paid"],"integrations":[]}`
		}
		if string(k.Limits) != want {
			t.Errorf("limits of %s: got %s, want %s", k.ID, k.Limits, want)
		}
	}
	found := false
	for _, e := range w.audit() {
		found = found || e.Action == "key.create" && strings.Contains(string(e.After), `"limits":{"types":["shop.*","billing.paid"]}`)
	}
	if !found {
		t.Errorf("the audit log does not show the limits: %+v", w.audit())
	}
}

// TestLimitsOfIntegrations: the key of an integration sends respondents by that one, past it
// neither directly nor by another.
func TestLimitsOfIntegrations(t *testing.T) {
	w := newWorld(t)
	w.into(nil, 201, "POST", "/v1/integrations", `{"name":"desk-one"}`)
	_, dixa := w.limitedKey(`{"integrations":["Dixa","desk_one"]}`)
	_, direct := w.limitedKey(`{"types":["shop.*"],"integrations":["none"]}`)
	_, all := w.limitedKey(`{"integrations":["*"]}`)
	const event = `{"type":"shop.order","data":1}`
	for _, test := range []struct {
		path, body                      string
		dixa, direct, anyone, unlimited int
	}{
		{"/v1/integrations/dixa/respondents", gateExample, 202, 403, 202, 202},
		{"/v1/integrations/DIXA/respondents", gateExample, 202, 403, 202, 202},
		{"/v1/integrations/desk-one/respondents", gateExample, 202, 403, 202, 202},
		{"/v1/integrations/miralix/respondents", gateExample, 403, 403, 202, 202},
		{"/v1/integrations/nobody/respondents", gateExample, 404, 404, 404, 404},
		{"/v1/respondents", gateExample, 403, 201, 201, 201},
		{"/v1/events", event, 403, 202, 403, 202},
	} {
		for _, by := range []struct {
			key  string
			want int
		}{{dixa, test.dixa}, {direct, test.direct}, {all, test.anyone}, {w.key(access.ScopePublish), test.unlimited}} {
			if a := w.do("POST", test.path, test.body, "Authorization", "Bearer "+by.key); a.status != by.want {
				t.Errorf("%s: got %d %s, want %d", test.path, a.status, a.body, by.want)
			}
		}
	}
	for path, want := range map[string]string{
		"/v1/integrations/miralix/respondents": `this key may not send respondents by the integration "miralix": it is limited to respondents by the integrations "Dixa", "desk_one"`,
		"/v1/respondents":                      `this key may not add respondents directly, past the integrations: it is limited to respondents by the integrations "Dixa", "desk_one"`,
	} {
		if p := w.refused(403, "POST", path, gateExample, "Authorization", "Bearer "+dixa); p.Detail != want {
			t.Errorf("%s: got %q, want %q", path, p.Detail, want)
		}
	}
}

// TestLimitsThatMakeNoSense: a key is not made with limits that would not hold, or that allow
// nothing.
func TestLimitsThatMakeNoSense(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct{ scopes, limits, fields string }{
		{`["publish"]`, `{}`, "limits"},
		{`["publish"]`, `{"types":[],"integrations":[]}`, "limits"},
		{`["publish"]`, `{"types":["shop.*","a b","*.*.*.*.*.*"]}`, "limits.types[1] limits.types[2]"},
		{`["publish"]`, `{"integrations":[""]}`, "limits.integrations[0]"},
		{`["read"]`, `{"types":["shop.*"]}`, "limits"},
		{`["publish","admin"]`, `{"types":["shop.*"]}`, "limits"},
		{`["publish","platform"]`, `{"types":["shop.*"]}`, "limits"},
	} {
		if p := w.refused(422, "POST", "/v1/keys", `{"name":"k","scopes":`+test.scopes+`,"limits":`+test.limits+`}`); p.fields() != test.fields {
			t.Errorf("%s with %s: got %+v, want %s", test.limits, test.scopes, p.Errors, test.fields)
		}
	}
	w.into(nil, 201, "POST", "/v1/keys", `{"name":"k","scopes":["publish","read"],"limits":null}`)
	w.into(nil, 201, "POST", "/v1/keys", `{"name":"k","scopes":["publish","read"],"limits":{"types":["*"]}}`)
}
