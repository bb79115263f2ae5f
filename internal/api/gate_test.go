package api_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
)

// gateExample is the example of respondent-gate.txt with its braces.
const gateExample = `{"campaignId": 5000, "respondent": {"emailAddress": "", "firstName": "John", "lastName": "Doe", "phoneNumber": "+4512345678"},
	"custom": {"callDuration": "some content", "val2": 12}}`

// sendExample sends it as the document's curl command does, and returns the answer.
func (w *world) sendExample(integration string) (r respondentDoc) {
	w.t.Helper()
	w.into(&r, 202, "POST", "/v1/integrations/"+integration+"/respondents", gateExample,
		"Content-Type", "application/json;charset=UTF-8", "Authorization", "Apikey "+w.key(access.ScopePublish))
	return r
}

func (w *world) respondent(id string) (r respondentDoc) {
	w.t.Helper()
	w.into(&r, 200, "GET", "/v1/respondents/"+id, "")
	return r
}

func (w *world) waitFor(id, state string) respondentDoc {
	w.t.Helper()
	var r respondentDoc
	eventually(w.t, id+" is "+state, func() bool {
		r = w.respondent(id)
		return r.State == state
	})
	return r
}

func TestGateOff(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"miralix", "dixa", "3kontakt", "telia-touchpoint", "dstny", "tele2", "manual", "api"} {
		if r := w.sendExample(name); r.State != "stored" || r.CampaignID != 5000 || *r.Integration != name {
			t.Errorf("%s: got %+v, want it stored in its campaign", name, r)
		}
	}
	var k struct{ Respondents int }
	w.into(&k, 200, "GET", "/v1/campaigns/5000", "")
	if k.Respondents != 8 {
		t.Errorf("got %d in the campaign, want 8", k.Respondents)
	}
	w.refused(404, "POST", "/v1/integrations/webshop/respondents", gateExample)
	w.into(nil, 201, "POST", "/v1/integrations", `{"name":"webshop"}`)
	if r := w.sendExample("webshop"); r.State != "stored" {
		t.Errorf("an integration that was added: got %+v", r)
	}
	w.into(nil, 204, "DELETE", "/v1/integrations/webshop", "")
	w.refused(404, "POST", "/v1/integrations/webshop/respondents", gateExample)
	w.refused(409, "DELETE", "/v1/integrations/dixa", "")
	w.refused(409, "POST", "/v1/integrations", `{"name":"dixa"}`)
	w.refused(422, "POST", "/v1/integrations", `{"name":"Web Shop"}`)
}

// TestGateForwards sends the documented example through the gate with each of the documented authentications.
func TestGateForwards(t *testing.T) {
	tokens := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.ParseForm(); user != "client" || password != "s3cret-oauth" || r.PostForm.Get("scope") != "respondents" {
			w.WriteHeader(401)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"access_token":"tok-1","token_type":"Bearer","expires_in":3600}`)
	}))
	defer tokens.Close()
	for name, c := range map[string]struct{ auth, header, want string }{
		"none":  {`{"type":"none"}`, "Authorization", ""},
		"basic": {`{"type":"basic","username":"u","password":"s3cret-basic"}`, "Authorization", "Basic dTpzM2NyZXQtYmFzaWM="},
		"key":   {`{"type":"apiKey","token":"s3cret-key"}`, "ApiKey", "s3cret-key"},
		"oauth": {`{"type":"oauth2","clientId":"client","clientSecret":"s3cret-oauth","tokenUrl":"` + tokens.URL + `","scope":"respondents"}`, "Authorization", "Bearer tok-1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			url, got := endpoint(t, func() int { return 200 })
			a := w.do("PATCH", "/v1/gate", `{"enabled":true,"url":"`+url+`","auth":`+c.auth+`}`)
			if a.status != 200 || strings.Contains(string(a.body), "s3cret") {
				t.Fatalf("got %d %s, want no credential in it", a.status, a.body)
			}
			r := w.sendExample("miralix")
			q := <-got
			if string(q.body) != gateExample {
				t.Errorf("the endpoint got %s\nwant %s", q.body, gateExample)
			}
			if v := q.header.Get(c.header); v != c.want {
				t.Errorf("%s: got %q, want %q", c.header, v, c.want)
			}
			if got := w.waitFor(r.ID, "forwarded"); got.CampaignID != 5000 {
				t.Errorf("got %+v", got)
			}
			if a := w.do("GET", "/v1/campaigns/5000", ""); a.status != 404 {
				t.Errorf("a forwarded respondent made a campaign: %s", a.body)
			}
			// The log shows the request, and no credential.
			var log struct{ Data []attemptDoc }
			eventually(t, "the attempt is in the log", func() bool {
				a = w.do("GET", "/v1/gate/attempts", "")
				return json.Unmarshal(a.body, &log) == nil && len(log.Data) == 1
			})
			if log.Data[0].Request.Body != gateExample || log.Data[0].Response == nil || log.Data[0].Response.Body != "thanks" || strings.Contains(string(a.body), "s3cret") || strings.Contains(string(a.body), "tok-1") {
				t.Errorf("got the log %s", a.body)
			}
			for _, path := range []string{"/v1/gate", "/v1/audit", "/v1/webhooks", "/v1/deliveries", "/v1/events", "/v1/attempts/" + log.Data[0].ID} {
				if a := w.do("GET", path, ""); a.status != 200 || strings.Contains(string(a.body), "s3cret") {
					t.Errorf("GET %s: got %d %s, want no credential", path, a.status, a.body)
				}
			}
			// Direct additions are never gated; integrations that are not named neither.
			var direct respondentDoc
			w.into(&direct, 201, "POST", "/v1/respondents", gateExample)
			if manual := w.sendExample("manual"); direct.State != "stored" || manual.State != "stored" || len(got) != 0 {
				t.Errorf("got %s and %s and %d requests, want both stored", direct.State, manual.State, len(got))
			}
			// Erased, the log shows nothing of the person.
			w.into(nil, 204, "DELETE", "/v1/respondents/"+r.ID, "")
			a = w.do("GET", "/v1/gate/attempts", "")
			if strings.Contains(string(a.body), "John") || strings.Contains(string(a.body), "thanks") {
				t.Errorf("after erasing: got the log %s", a.body)
			}
		})
	}
}

// TestGateIsForAdmins: no other key can read or change its settings, by whatever way.
func TestGateIsForAdmins(t *testing.T) {
	w := newWorld(t)
	url, got := endpoint(t, func() int { return 200 })
	w.into(nil, 200, "PATCH", "/v1/gate", `{"enabled":true,"url":"`+url+`/secret-path","auth":{"type":"apiKey","token":"s3cret"}}`)
	r := w.sendExample("dixa")
	<-got
	w.waitFor(r.ID, "forwarded")
	var log struct{ Data []attemptDoc }
	eventually(t, "the attempt is in the log", func() bool {
		w.into(&log, 200, "GET", "/v1/gate/attempts", "")
		return len(log.Data) == 1
	})
	for _, scopes := range [][]access.Scope{{access.ScopePublish}, {access.ScopeRead}, {access.ScopeManage}, {access.ScopePublish, access.ScopeRead, access.ScopeManage}} {
		as := []string{"Authorization", "Bearer " + w.key(scopes...)}
		w.refused(403, "GET", "/v1/gate", "", as...)
		w.refused(403, "PATCH", "/v1/gate", `{"enabled":false}`, as...)
		w.refused(403, "POST", "/v1/gate/test", "", as...)
		w.refused(403, "GET", "/v1/gate/attempts", "", as...)
		w.refused(403, "POST", "/v1/integrations", `{"name":"x"}`, as...)
		w.refused(403, "DELETE", "/v1/integrations/dixa", "", as...)
		w.refused(403, "GET", "/v1/audit", "", as...)
		for _, path := range []string{"/v1/webhooks", "/v1/deliveries", "/v1/events", "/v1/respondents", "/v1/respondents?state=forwarded", "/v1/integrations",
			"/v1/attempts/" + log.Data[0].ID, "/v1/deliveries/" + log.Data[0].DeliveryID, "/v1/events/" + log.Data[0].EventID, "/v1/stats"} {
			if a := w.do("GET", path, "", as...); strings.Contains(string(a.body), "secret-path") || strings.Contains(string(a.body), "s3cret") {
				t.Errorf("%v: GET %s: got %s, want nothing of the gate's settings", scopes, path, a.body)
			}
		}
		w.refused(map[bool]int{true: 403, false: 404}[len(scopes) == 1 && scopes[0] != access.ScopeManage], "POST", "/v1/deliveries/"+log.Data[0].DeliveryID+"/cancel", "", as...)
	}
	// Its webhook is nobody's: not even an admin's.
	hook := log.Data[0].WebhookID
	for _, call := range []string{"GET /v1/webhooks/" + hook, "DELETE /v1/webhooks/" + hook, "POST /v1/webhooks/" + hook + "/pause", "POST /v1/webhooks/" + hook + "/test",
		"GET /v1/webhooks/" + hook + "/attempts", "POST /v1/webhooks/" + hook + "/rotate-secret"} {
		method, path, _ := strings.Cut(call, " ")
		w.refused(404, method, path, "")
	}
	w.refused(404, "PATCH", "/v1/webhooks/"+hook, `{"url":"`+url+`"}`)
	// Nobody can publish what only the gate publishes.
	w.refused(422, "POST", "/v1/events", `{"type":"gate:respondent","data":{}}`)
	w.refused(422, "POST", "/v1/webhooks", `{"url":"`+url+`","events":["gate:respondent"]}`)
}

func TestGateSettings(t *testing.T) {
	w := newWorld(t)
	type doc struct {
		Enabled                   bool
		URL                       *string
		Mode, OnFailure, Deadline string
		Integrations              []string
		Auth                      struct{ Type, Token string }
		Retry                     struct{ Preset string }
		Timeout                   string
	}
	var g doc
	w.into(&g, 200, "GET", "/v1/gate", "")
	if g.Enabled || g.URL != nil || g.Mode != "forward" || g.OnFailure != "hold" || g.Deadline != "0s" || len(g.Integrations) != 6 || g.Auth.Type != "none" || g.Retry.Preset != "relay" || g.Timeout != "10s" {
		t.Errorf("a fresh gate: got %+v", g)
	}
	for body, want := range map[string]string{
		`{"enabled":true}`: "url", `{"url":"ftp://x"}`: "url", `{"url":"http://10.0.0.1/"}`: "url", `{"mode":"ask"}`: "mode", `{"onFailure":"lose"}`: "onFailure",
		`{"deadline":"5s"}`: "deadline", `{"mode":"decide","deadline":"26s"}`: "deadline", `{"integrations":["dixa","nobody"]}`: "integrations[1]",
		`{"url":"http://127.0.0.1:9999/","auth":{"type":"apiKey"}}`: "auth.token", `{"enabeld":true}`: "enabeld", `{"timeout":"5s"}`: "url",
		`{"url":"https://169.254.169.254/"}`: "url", `{"url":"https://[::ffff:10.0.0.1]/"}`: "url", `{"url":"https://example.com@127.0.0.1/"}`: "url", `{"url":"https://metadata.google.internal/"}`: "url",
		`{"url":"http://127.0.0.1:9999/","auth":{"type":"oauth2","clientId":"a","clientSecret":"b","tokenUrl":"https://10.0.0.1/token","scope":""}}`: "auth.tokenUrl",
		`{"url":"http://127.0.0.1:9999/","auth":{"type":"apiKey","token":"a\r\nHost: evil"}}`:                                                        "auth.token",
		`{"url":"http://127.0.0.1:9999/","retry":{"attempts":1,"waits":["0s"]}}`:                                                                     "retry.waits[0]",
	} {
		if got := w.refused(422, "PATCH", "/v1/gate", body).fields(); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
	w.into(&g, 200, "GET", "/v1/gate", "")
	if g.URL != nil {
		t.Errorf("a refused change was stored: %+v", g)
	}
	w.into(&g, 200, "PATCH", "/v1/gate", `{"enabled":true,"url":"http://127.0.0.1:9999/a","auth":{"type":"apiKey","token":"s3cret"},"mode":"decide","deadline":"2s","onFailure":"store","integrations":["api","api","manual"],"timeout":"5s"}`)
	if !g.Enabled || *g.URL != "http://127.0.0.1:9999/a" || g.Mode != "decide" || g.Deadline != "2s" || g.OnFailure != "store" || fmt.Sprint(g.Integrations) != "[api manual]" || g.Auth.Token != "***" || g.Timeout != "5s" {
		t.Errorf("got %+v", g)
	}
	w.into(&g, 200, "PATCH", "/v1/gate", `{"mode":"forward","onFailure":null,"integrations":null,"auth":{"token":"***"}}`)
	if g.Mode != "forward" || g.Deadline != "0s" || g.OnFailure != "hold" || len(g.Integrations) != 6 || g.Auth.Token != "***" {
		t.Errorf("after a reset: got %+v", g)
	}
	w.refused(422, "PATCH", "/v1/gate", `{"url":null}`)

	var audit struct {
		Data []struct {
			Action        string
			Actor         struct{ KeyID, Name string }
			Before, After struct {
				Enabled  bool
				Mode     string
				Deadline string
				Endpoint struct{ Auth struct{ Token string } }
			}
		}
	}
	w.into(&audit, 200, "GET", "/v1/audit?action=gate.update", "")
	if len(audit.Data) != 2 || audit.Data[1].Actor.KeyID != account.AdminKeyID || audit.Data[1].Before.Enabled || !audit.Data[1].After.Enabled ||
		audit.Data[1].After.Endpoint.Auth.Token != "***" || audit.Data[0].Before.Deadline != "2s" || audit.Data[0].Before.Mode != "decide" || audit.Data[0].After.Mode != "forward" {
		t.Errorf("got the audit log %+v", audit.Data)
	}
	// Another tenant has a gate of its own.
	other := []string{"Authorization", "Bearer " + w.otherKey()}
	w.into(&g, 200, "GET", "/v1/gate", "", other...)
	if g.Enabled || g.URL != nil {
		t.Errorf("another tenant's gate: got %+v", g)
	}
	w.into(&audit, 200, "GET", "/v1/audit?action=gate.*", "", other...)
	if len(audit.Data) != 0 {
		t.Errorf("another tenant's audit log: got %+v", audit.Data)
	}
}

func TestGateDecides(t *testing.T) {
	w := newWorld(t)
	var answer atomic.Value
	answer.Store("")
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, answer.Load().(string)) }))
	defer s.Close()
	w.into(nil, 200, "PATCH", "/v1/gate", `{"enabled":true,"mode":"decide","deadline":"20s","url":"`+s.URL+`","retry":{"attempts":1}}`)
	for _, c := range []struct{ answer, state, want string }{
		{`{"decision":"accept"}`, "stored", `"lastName":"Doe"`},
		{`{"decision":"accept","respondent":null,"x":1}`, "stored", `"lastName":"Doe"`},
		{`{"decision":"accept","respondent":{"title":"VIP","lastName":null,"company":{"name":"Acme"}}}`, "stored", `{"emailAddress":"","firstName":"John","phoneNumber":"+4512345678","title":"VIP","company":{"name":"Acme"}}`},
		{`{"decision":"reject","reason":"spent too little"}`, "rejected", "spent too little"},
		{`{"decision":"Accept"}`, "held", "decision"},
		{`{"decision":true}`, "held", "decision"},
		{``, "held", "empty"},
		{`accept`, "held", "JSON"},
		{`[{"decision":"accept"}]`, "held", "JSON"},
		{`{"decision":"accept","decision":"reject"}`, "held", "JSON"},
		{`{"decision":"accept","respondent":[]}`, "held", "respondent"},
		{`{"decision":"accept","respondent":{"company":"Acme"}}`, "held", "respondent.company"},
		{`{"decision":"accept","x":"` + strings.Repeat("x", 70<<10) + `"}`, "held", "longer"},
	} {
		answer.Store(c.answer)
		r := w.sendExample("dixa") // waits for the verdict
		text := string(r.Respondent)
		if r.State != "stored" && r.Reason != nil {
			text = *r.Reason
		}
		if r.State != c.state || !strings.Contains(text, c.want) {
			t.Errorf("%.100s: got %s, %s, want %s, …%s…", c.answer, r.State, text, c.state, c.want)
		}
	}
	var list page[respondentDoc]
	w.into(&list, 200, "GET", "/v1/respondents?state=held", "")
	if len(list.Data) != 9 {
		t.Fatalf("got %d held, want 9", len(list.Data))
	}
	// By hand they are asked about again.
	answer.Store(`{"decision":"accept"}`)
	w.into(nil, 202, "POST", "/v1/respondents/"+list.Data[0].ID+"/retry", "")
	w.waitFor(list.Data[0].ID, "stored")
	w.refused(409, "POST", "/v1/respondents/"+list.Data[0].ID+"/retry", "")
	w.refused(404, "POST", "/v1/respondents/rsp_none/retry", "")
	// What cannot be asked about may be stored or dropped instead.
	answer.Store("")
	for setting, state := range map[string]string{"store": "stored", "discard": "discarded"} {
		w.into(nil, 200, "PATCH", "/v1/gate", `{"onFailure":"`+setting+`"}`)
		if r := w.sendExample("dixa"); r.State != state || !strings.Contains(*r.Reason, "could not be asked") {
			t.Errorf("%s: got %s, %s", setting, r.State, *r.Reason)
		}
	}
	// The test button judges, and stores nobody.
	var test struct{ Attempt attemptDoc }
	w.into(&test, 200, "POST", "/v1/gate/test", "")
	if test.Attempt.Outcome != "failed" || test.Attempt.Error.Kind != "answer" || !strings.Contains(test.Attempt.Request.Body, "Surveystreet 42") {
		t.Errorf("got the test %+v", test.Attempt)
	}
	answer.Store(`{"decision":"reject"}`)
	w.into(&test, 200, "POST", "/v1/gate/test", "")
	if test.Attempt.Outcome != "delivered" {
		t.Errorf("got the test %+v", test.Attempt)
	}
	w.refused(409, "POST", "/v1/gate/test", "", "Authorization", "Bearer "+w.otherKey())
}

// TestGateDeadline: a call that gets no verdict in time says so, and the verdict comes all the same.
func TestGateDeadline(t *testing.T) {
	w := newWorld(t)
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		<-release
		io.WriteString(rw, `{"decision":"accept"}`)
	}))
	defer s.Close()
	w.into(nil, 200, "PATCH", "/v1/gate", `{"enabled":true,"mode":"decide","deadline":"50ms","url":"`+s.URL+`"}`)
	r := w.sendExample("dixa")
	if r.State != "pending" {
		t.Errorf("before the verdict: got %+v, want it pending", r)
	}
	close(release)
	w.waitFor(r.ID, "stored")
}
