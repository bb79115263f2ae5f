package api_test

import (
	"fmt"
	"strings"
	"testing"
)

type warned struct {
	ID       string
	Warnings []struct{ Path, Message string }
}

// TestMisspeltTypesAreWarnedAbout: a name that is neither described nor was published is pointed at wherever it is given,
// and nothing else is.
func TestMisspeltTypesAreWarnedAbout(t *testing.T) {
	w := newWorld(t)
	w.into(nil, 202, "POST", "/v1/events", `{"type":"shop.order.paid","data":1}`)
	for _, tt := range []struct{ events, want string }{
		{`["call.complete","cals.*"]`, `events[0]:call.completed events[1]:call.*`},
		{`["call.completed","call.*","*","webhook.disabled","notification.auth_link_clicked"]`, ``},
		{`["shop.order.paid","shop.*"]`, ``},
		{`["shop.order.pait","shops.*"]`, `events[0]: events[1]:`},
		{`["mesage.delivered","*.delivred"]`, `events[0]:message.delivered events[1]:`},
	} {
		var hook warned
		w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:18999/","events":`+tt.events+`}`)
		check := func(what string) {
			t.Helper()
			var got []string
			for _, x := range hook.Warnings {
				_, near, _ := strings.Cut(x.Message, `did you mean "`)
				got = append(got, x.Path+":"+strings.TrimSuffix(near, `"?`))
			}
			if strings.Join(got, " ") != tt.want {
				t.Errorf("%s %s: got %v, want %q", what, tt.events, hook.Warnings, tt.want)
			}
		}
		check("POST")
		id := hook.ID
		hook = warned{}
		w.into(&hook, 200, "PATCH", "/v1/webhooks/"+id, `{"events":`+tt.events+`}`)
		check("PATCH")
		hook = warned{}
		w.into(&hook, 200, "PATCH", "/v1/webhooks/"+id, `{"timeout":"5s"}`)
		if hook.Warnings != nil {
			t.Errorf("a change of something else: got %v, want no warnings", hook.Warnings)
		}
	}
	for give, near := range map[string]string{"call.complete": "call.completed", "mesage.delivered": "message.delivered", "shop.order.paid": "", "x": "", "call.completed": "", "shop.order.pait": ""} {
		for range 2 {
			var e warned
			w.into(&e, 202, "POST", "/v1/events", `{"type":"`+give+`","data":{}}`)
			found := false
			for _, x := range e.Warnings {
				found = found || x.Path == "type" && strings.Contains(x.Message, fmt.Sprintf("did you mean %q?", near))
			}
			if found != (near != "") {
				t.Errorf("publishing %q: got %v, want %q named", give, e.Warnings, near)
			}
		}
	}
	var hook warned
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:18999/"}`)
	if p := w.refused(422, "POST", "/v1/webhooks/"+hook.ID+"/test", `{"type":"appointment.bookt"}`); p.fields() != "type" || !strings.Contains(fmt.Sprint(p.Errors), "appointment.booked") {
		t.Errorf("a test of an unknown type: got %+v", p)
	}
	for _, known := range []string{"call.completed", "shop.order.paid", "webhook.disabled"} {
		w.into(nil, 200, "POST", "/v1/webhooks/"+hook.ID+"/test", `{"type":"`+known+`"}`)
	}
}

func TestLabelsShowAsTheyAre(t *testing.T) {
	w := newWorld(t)
	for _, bad := range []string{`a\u0000b`, `a\u001b[31m`, `a\nb`, `a\u202eb`, `a\u2066b`, `a\u0085b`, `a\u2028b`} {
		for _, c := range []struct{ path, body, field string }{
			{"/v1/webhooks", `{"url":"http://127.0.0.1:18999/","description":"%s"}`, "description"},
			{"/v1/keys", `{"name":"%s","scopes":["read"]}`, "name"},
			{"/v1/campaigns", `{"id":9,"name":"%s"}`, "name"},
			{"/v1/integrations", `{"name":"own","description":"%s"}`, "description"},
			{"/v1/event-types", `{"name":"own.type","description":"%s"}`, "description"},
		} {
			if c.path == "/v1/event-types" && bad == `a\nb` {
				continue // descriptions of types may have lines
			}
			if p := w.refused(422, "POST", c.path, fmt.Sprintf(c.body, bad)); p.fields() != c.field {
				t.Errorf("POST %s with %s: got %+v, want %s named", c.path, bad, p, c.field)
			}
		}
	}
	w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:18999/","description":"Ærø 日本 👨‍👩"}`)
	w.into(nil, 201, "POST", "/v1/event-types", `{"name":"own.type","description":"One.\nTwo.\tThree."}`)
}

func TestCredentialsAreDemanded(t *testing.T) {
	w := newWorld(t)
	const oauth = `"type":"oauth2","clientId":"c","clientSecret":"s","tokenUrl":"http://127.0.0.1:18999/token"`
	for _, tt := range []struct{ auth, missing string }{
		{`{"type":"basic","username":"u"}`, "auth.password"},
		{`{"type":"basic","password":"p"}`, "auth.username"},
		{`{"type":"basic","username":"u","password":null}`, "auth.password"},
		{`{"type":"basic"}`, "auth.username auth.password"},
		{`{"type":"basic","username":"u","password":""}`, ""},
		{`{"type":"basic","username":"","password":"p"}`, ""},
		{`{` + oauth + `}`, "auth.scope"},
		{`{` + oauth + `,"scope":""}`, ""},
		{`{` + oauth + `,"scope":"events"}`, ""},
	} {
		for _, call := range []struct{ method, path string }{{"POST", "/v1/webhooks"}, {"PATCH", "/v1/gate"}} {
			w.into(nil, 200, "PATCH", "/v1/gate", `{"url":"http://127.0.0.1:18999/","auth":{"type":"none"}}`)
			body := `{"url":"http://127.0.0.1:18999/","auth":` + tt.auth + `}`
			if tt.missing != "" {
				if p := w.refused(422, call.method, call.path, body); p.fields() != tt.missing {
					t.Errorf("%s %s: got %+v, want %s named", call.path, tt.auth, p, tt.missing)
				}
			} else if a := w.do(call.method, call.path, body); a.status >= 300 {
				t.Errorf("%s %s: got %d %s, want it taken", call.path, tt.auth, a.status, a.body)
			}
		}
	}
	// The warning stays when something else of the type changes.
	var hook warned
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:18999/","auth":{"type":"basic","username":"u","password":"p"}}`)
	w.into(nil, 200, "PATCH", "/v1/webhooks/"+hook.ID, `{"auth":{"type":"basic","username":"v"}}`)
	w.into(nil, 200, "PATCH", "/v1/webhooks/"+hook.ID, `{"auth":{"password":"q"}}`)
}

// TestIntegrationsAsPeopleWriteThem: the name of an integration is taken in any case, with blanks and underscores for dashes.
func TestIntegrationsAsPeopleWriteThem(t *testing.T) {
	w := newWorld(t)
	w.into(nil, 201, "POST", "/v1/integrations", `{"name":"web_shop"}`)
	for i, tt := range []struct{ give, want string }{
		{"Miralix", "miralix"}, {"miralix", "miralix"}, {"DIXA", "dixa"}, {"Telia%20Touchpoint", "telia-touchpoint"}, {"telia_touchpoint", "telia-touchpoint"},
		{"3Kontakt", "3kontakt"}, {"web_shop", "web_shop"}, {"Web-Shop", "web_shop"}, {"web%20shop", "web_shop"},
	} {
		var r struct{ Integration string }
		w.into(&r, 202, "POST", "/v1/integrations/"+tt.give+"/respondents", fmt.Sprintf(`{"campaignId":1,"respondent":{"firstName":"n%d"}}`, i))
		if r.Integration != tt.want {
			t.Errorf("%s: got %q, want %q", tt.give, r.Integration, tt.want)
		}
	}
	for _, none := range []string{"telia", "miralix2", "web%2Dshop%2D", "teliatouchpoint"} {
		w.refused(404, "POST", "/v1/integrations/"+none+"/respondents", `{"campaignId":1,"respondent":{}}`)
	}
	w.refused(409, "POST", "/v1/integrations", `{"name":"web-shop"}`)
	w.refused(409, "POST", "/v1/integrations", `{"name":"telia_touchpoint"}`)
	var g struct{ Integrations []string }
	w.into(&g, 200, "PATCH", "/v1/gate", `{"integrations":["Miralix","Telia Touchpoint","miralix","WEB SHOP"]}`)
	if got := strings.Join(g.Integrations, " "); got != "miralix telia-touchpoint web_shop" {
		t.Errorf("got %q", got)
	}
	for give, want := range map[string]int{
		"miralix": 2, "Miralix": 2, "telia_touchpoint": 2, "Telia%20Touchpoint": 2, "3KONTAKT": 1, "web-shop": 3, "WEB%20SHOP": 3, "web_shop": 3, "webshop": 0,
	} {
		var list struct {
			Data []struct{ Integration string }
		}
		w.into(&list, 200, "GET", "/v1/respondents?integration="+give, "")
		lines := strings.Count(string(w.do("GET", "/v1/respondents/export?integration="+give, "").body), "\n") - 1
		if len(list.Data) != want || lines != want {
			t.Errorf("respondents by %s: got %d, %d exported, want %d", give, len(list.Data), lines, want)
		}
	}
	w.into(nil, 204, "DELETE", "/v1/integrations/Web-Shop", "")
	var left struct {
		Data []struct{ Integration string }
	}
	if w.into(&left, 200, "GET", "/v1/respondents?integration=web_shop", ""); len(left.Data) != 3 {
		t.Errorf("of a removed integration: got %d, want 3", len(left.Data))
	}
}

// TestOwnIDsOfRespondents: a sender's id is any text but one that could pass for Relay's.
func TestOwnIDsOfRespondents(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/v1/respondents", "/v1/integrations/dixa/respondents"} {
		for _, id := range []string{`"rsp_0dqv5r8k0000g"`, `"evt_1"`, `"wh_"`, `"aud_x y"`} {
			if got := w.refused(422, "POST", path, `{"campaignId":1,"respondent":{},"id":`+id+`}`); !strings.Contains(fmt.Sprint(got), "id") {
				t.Errorf("%s: got the fields %v, want id", id, got)
			}
		}
		for _, id := range []string{`"RSP_1"`, `"rsp"`, `"order 17/ü"`, `17`, `null`, `"6f1c7a52-0b7e-4e0e-9a55-3f0f6a0e8f11"`} {
			if a := w.do("POST", path, `{"campaignId":1,"respondent":{},"id":`+id+`}`); a.status != 201 && a.status != 202 {
				t.Errorf("%s %s: got %d %s, want it stored", path, id, a.status, a.body)
			}
		}
	}
}

// TestExportWithAMark: a byte order mark is there for Excel, once, and only if it is asked for.
func TestExportWithAMark(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.into(nil, 201, "POST", "/v1/respondents", `{"campaignId":1,"respondent":{"firstName":"Søren"}}`)
	}
	plain := string(w.do("GET", "/v1/respondents/export", "").body)
	if strings.Contains(plain, "\ufeff") || !strings.HasPrefix(plain, "id,") || strings.Count(plain, "Søren") != 3 {
		t.Errorf("got %q, want no mark", plain)
	}
	for query, want := range map[string]string{
		"?bom=false": plain, "?bom=true": "\ufeff" + plain,
		"?bom=true&campaignId=2": "\ufeff" + plain[:strings.Index(plain, "\n")+1], // of nobody
	} {
		if a := w.do("GET", "/v1/respondents/export"+query, ""); a.status != 200 || string(a.body) != want {
			t.Errorf("%s: got %d %q, want %q", query, a.status, a.body, want)
		}
	}
	w.refused(400, "GET", "/v1/respondents/export?bom=yes", "")
}
