package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

type hookDoc struct {
	ID, URL, Description, Format, Signature, Status, Timeout, Secret string
	Events                                                           []string
	Headers                                                          map[string]string
	Retry                                                            map[string]any
	MaxConcurrency                                                   int
	DisableOn                                                        []int
	Health                                                           map[string]any
	CreatedAt, UpdatedAt                                             string
}

type attemptDoc struct {
	ID, DeliveryID, EventID, EventType, WebhookID, At, Outcome string
	Number                                                     int
	Test                                                       bool
	Error                                                      *struct{ Kind, Message string }
	Request                                                    struct {
		Method, URL, Body string
		Headers           map[string]string
	}
	Response *struct {
		Status    int
		Headers   map[string]string
		Body      string
		BodyBytes int64
		Truncated bool
	}
	Timing        map[string]float64
	NextAttemptAt *string
}

type deliveryDoc struct {
	ID, EventID, EventType, WebhookID, State, Reason string
	Attempts                                         int
	NextAttemptAt                                    *string
}

type page[T any] struct {
	Data       []T
	NextCursor *string
}

// TestLifeOfAnEvent follows one event through the API: published, delivered, logged, found, explained, sent again.
func TestLifeOfAnEvent(t *testing.T) {
	w := newWorld(t)
	url, got := endpoint(t, func() int { return 200 })
	var hook hookDoc
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"`+url+`/hook","events":["call.*"],"description":"CRM"}`)
	if !strings.HasPrefix(hook.Secret, "whsec_") || hook.Status != "active" || fmt.Sprint(hook.Retry) != "map[preset:relay]" || hook.Timeout != "10s" || hook.Health["disableAfter"] != "120h" {
		t.Errorf("created webhook: got %+v", hook)
	}

	const data = `{"b":1.50,"a":"\u00e9 <tag>","b2":[ 1 , 2 ]}`
	w.into(nil, 200, "PATCH", "/v1/event-types/call.completed", `{"validation":"off"}`) // the data is no call
	a := w.do("POST", "/v1/events", `{"type":"call.completed","data":`+data+`,"timestamp":"2026-05-05T16:23:00+02:00"}`)
	var published struct {
		ID, Type, Timestamp string
		Duplicate           *bool
	}
	if err := json.Unmarshal(a.body, &published); err != nil || a.status != 202 {
		t.Fatalf("publishing: got %d %s", a.status, a.body)
	}
	if want := `{"id":"` + published.ID + `","type":"call.completed","timestamp":"2026-05-05T14:23:00.000Z","duplicate":false}`; string(a.body) != want || !strings.HasPrefix(published.ID, "evt_") {
		t.Errorf("answer to publish: got %s, want %s", a.body, want)
	}
	request := <-got
	if !strings.Contains(string(request.body), `"data":`+data) {
		t.Errorf("the endpoint got %s, want the data as published", request.body)
	}

	var log page[attemptDoc]
	eventually(t, "the attempt is in the log", func() bool {
		w.into(&log, 200, "GET", "/v1/webhooks/"+hook.ID+"/attempts", "")
		return len(log.Data) == 1
	})
	at := log.Data[0]
	if at.Outcome != "delivered" || at.EventID != published.ID || at.WebhookID != hook.ID || at.Number != 1 || at.Error != nil || at.NextAttemptAt != nil ||
		at.Request.Method != "POST" || at.Request.URL != url+"/hook" || at.Request.Body != string(request.body) ||
		at.Response == nil || at.Response.Status != 200 || at.Response.Body != "thanks" || at.Response.BodyBytes != 6 || at.Response.Headers["X-Endpoint"] != "seen" {
		t.Errorf("attempt: got %+v", at)
	}
	if at.Request.Headers["X-Relay-Signature"] != request.header.Get("X-Relay-Signature") || at.Timing["totalMs"] <= 0 {
		t.Errorf("attempt: headers %v, timing %v; the endpoint got %v", at.Request.Headers, at.Timing, request.header)
	}
	var single attemptDoc
	w.into(&single, 200, "GET", "/v1/attempts/"+at.ID, "")
	if single.Request.Body != at.Request.Body || single.ID != at.ID {
		t.Errorf("attempt by id: got %+v, want that of the list", single)
	}
	for query, want := range map[string]int{"?status=delivered": 1, "?status=failed": 0, "?code=2xx": 1, "?code=200": 1, "?code=500": 0, "?eventType=call.urgent": 0, "?since=2099-01-01T00:00:00Z": 0} {
		var p page[attemptDoc]
		w.into(&p, 200, "GET", "/v1/webhooks/"+hook.ID+"/attempts"+query, "")
		if len(p.Data) != want {
			t.Errorf("attempts%s: got %d, want %d", query, len(p.Data), want)
		}
	}

	var ev struct {
		ID, Type, Timestamp, AcceptedAt string
		Data                            json.RawMessage
		Key, Version                    *string
	}
	w.into(&ev, 200, "GET", "/v1/events/"+published.ID, "")
	if ev.ID != published.ID || ev.Key != nil || ev.AcceptedAt == "" {
		t.Errorf("event: got %+v", ev)
	}
	var deliveries page[deliveryDoc]
	w.into(&deliveries, 200, "GET", "/v1/events/"+published.ID+"/deliveries", "")
	if len(deliveries.Data) != 1 || deliveries.Data[0].State != "delivered" || deliveries.Data[0].ID != at.DeliveryID || deliveries.Data[0].Attempts != 1 {
		t.Errorf("deliveries of the event: got %+v", deliveries.Data)
	}
	var one deliveryDoc
	w.into(&one, 200, "GET", "/v1/deliveries/"+at.DeliveryID, "")
	if one != deliveries.Data[0] {
		t.Errorf("delivery by id: got %+v, want %+v", one, deliveries.Data[0])
	}
	w.into(&deliveries, 200, "GET", "/v1/deliveries?state=delivered&webhookId="+hook.ID, "")
	if len(deliveries.Data) != 1 {
		t.Errorf("deliveries: got %+v, want one", deliveries.Data)
	}
	w.refused(409, "POST", "/v1/deliveries/"+at.DeliveryID+"/cancel", "")

	var why page[struct {
		WebhookID, Verdict, Detail string
		Delivery                   *deliveryDoc
	}]
	w.into(&why, 200, "GET", "/v1/events/"+published.ID+"/explain?webhookId="+hook.ID, "")
	if len(why.Data) != 1 || why.Data[0].Verdict != "delivered" || why.Data[0].Delivery == nil || why.Data[0].Detail == "" {
		t.Errorf("explain: got %+v", why.Data)
	}

	var again struct{ Deliveries []string }
	w.into(&again, 202, "POST", "/v1/events/"+published.ID+"/resend", `{"webhookId":"`+hook.ID+`"}`)
	if len(again.Deliveries) != 1 || again.Deliveries[0] != at.DeliveryID {
		t.Errorf("resend: got %+v, want the same delivery %q", again, at.DeliveryID)
	}
	<-got
	w.into(&again, 202, "POST", "/v1/events/"+published.ID+"/resend", "")
	<-got

	var stats struct {
		Points []struct{ Delivered int }
		Totals struct{ Delivered, Failed int }
	}
	eventually(t, "three deliveries are counted", func() bool {
		w.into(&stats, 200, "GET", "/v1/stats?webhookId="+hook.ID, "")
		return stats.Totals.Delivered == 3
	})
	if len(stats.Points) == 0 || stats.Totals.Failed != 0 {
		t.Errorf("stats: got %+v", stats)
	}
}

// TestRetryAndRecover: what failed is retried by hand and by a job, whose progress shows.
func TestRetryAndRecover(t *testing.T) {
	w := newWorld(t)
	var status atomic.Int64
	status.Store(500)
	url, got := endpoint(t, func() int { return int(status.Load()) })
	var hook hookDoc
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"`+url+`","retry":{"attempts":1}}`)
	since := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	for range 3 {
		w.into(nil, 202, "POST", "/v1/events", `{"type":"a.b","data":{}}`)
		<-got
	}
	var failed page[deliveryDoc]
	eventually(t, "three deliveries failed", func() bool {
		w.into(&failed, 200, "GET", "/v1/deliveries?state=failed", "")
		return len(failed.Data) == 3
	})
	status.Store(204)
	var d deliveryDoc
	w.into(&d, 202, "POST", "/v1/deliveries/"+failed.Data[0].ID+"/retry", "")
	if d.ID != failed.Data[0].ID {
		t.Errorf("retry: got %+v", d)
	}
	<-got
	var job struct {
		ID, Kind, WebhookID, State string
		Deliveries                 int
		Progress                   float64
	}
	eventually(t, "the retried delivery succeeded", func() bool {
		w.into(&d, 200, "GET", "/v1/deliveries/"+failed.Data[0].ID, "")
		return d.State == "delivered"
	})
	w.into(&job, 202, "POST", "/v1/webhooks/"+hook.ID+"/recover", `{"since":"`+since+`"}`)
	if job.Kind != "recover" || job.WebhookID != hook.ID || !strings.HasPrefix(job.ID, "job_") {
		t.Errorf("job: got %+v", job)
	}
	<-got
	<-got
	eventually(t, "the job is done", func() bool {
		w.into(&job, 200, "GET", "/v1/jobs/"+job.ID, "")
		return job.State == "done"
	})
	if job.Deliveries != 2 || job.Progress != 1 {
		t.Errorf("job: got %+v, want 2 deliveries and progress 1", job)
	}
	w.into(&job, 202, "POST", "/v1/webhooks/"+hook.ID+"/replay", `{"since":"`+since+`"}`)
	for range 3 {
		<-got
	}
	var jobs page[json.RawMessage]
	w.into(&jobs, 200, "GET", "/v1/jobs", "")
	if len(jobs.Data) != 2 {
		t.Errorf("jobs: got %d, want 2", len(jobs.Data))
	}
	if p := w.refused(422, "POST", "/v1/webhooks/"+hook.ID+"/recover", `{}`); p.fields() != "since" {
		t.Errorf("recover without since: got %+v", p)
	}
	w.refused(422, "POST", "/v1/webhooks/"+hook.ID+"/replay", `{"since":"2099-01-01T00:00:00Z"}`)
}

func TestTestCall(t *testing.T) {
	w := newWorld(t)
	var status atomic.Int64
	status.Store(418)
	url, got := endpoint(t, func() int { return int(status.Load()) })
	tests := []struct{ name, hook, body, wantType, wantData string }{
		{"example", `{"url":"` + url + `"}`, "", "call.completed", `"callerName":"John Smith"`},
		{"first exact type", `{"url":"` + url + `","events":["call.*","appointment.booked"]}`, "", "appointment.booked", `"purpose":"Initial consultation"`},
		{"asked for", `{"url":"` + url + `"}`, `{"type":"call.urgent"}`, "call.urgent", `"urgency":"urgent"`},
		{"unknown", `{"url":"` + url + `","events":["my.own"]}`, "", "my.own", `"message":"This is a test event."`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var hook hookDoc
			w.into(&hook, 201, "POST", "/v1/webhooks", tt.hook)
			var answer struct{ Attempt attemptDoc }
			w.into(&answer, 200, "POST", "/v1/webhooks/"+hook.ID+"/test", tt.body)
			r := <-got
			if r.header.Get("X-Relay-Test") != "true" || !strings.Contains(string(r.body), `"event":"`+tt.wantType+`"`) || !strings.Contains(string(r.body), tt.wantData) {
				t.Errorf("the endpoint got %v %s, want a test of %s with %s", r.header, r.body, tt.wantType, tt.wantData)
			}
			at := answer.Attempt
			if !at.Test || at.Outcome != "failed" || at.Response == nil || at.Response.Status != 418 || at.Request.Body != string(r.body) || at.Error == nil {
				t.Errorf("attempt: got %+v, want what the endpoint got and said", at)
			}
			var logged attemptDoc
			w.into(&logged, 200, "GET", "/v1/attempts/"+at.ID, "")
		})
	}
	var hook hookDoc
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"`+url+`"}`)
	if p := w.refused(422, "POST", "/v1/webhooks/"+hook.ID+"/test", `{"type":"bad type"}`); p.fields() != "type" {
		t.Errorf("test of a bad type: got %+v", p)
	}
}

func TestWebhookSettings(t *testing.T) {
	w := newWorld(t)
	const given = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	var hook hookDoc
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"https://example.com/hook","preset":"relay","secret":"`+given+`","headers":{"X-Own":"1"},
		"timeout":"2500ms","maxConcurrency":3,"disableOn":[410],"signature":"relay+standard","description":null,
		"retry":{"attempts":3,"waits":["5s","1m30s"],"maxAge":"48h","retryOn":["5xx","429"]}}`)
	if hook.Secret != given || hook.Timeout != "2.5s" || hook.MaxConcurrency != 3 || hook.Headers["X-Own"] != "1" || fmt.Sprint(hook.DisableOn) != "[410]" ||
		fmt.Sprint(hook.Retry["waits"]) != "[5s 1m30s]" || hook.Retry["maxAge"] != "48h" || hook.Retry["preset"] != nil {
		t.Errorf("created: got %+v", hook)
	}
	path := "/v1/webhooks/" + hook.ID

	patches := []struct {
		body string
		ok   func(hookDoc) bool
	}{
		{`{}`, func(h hookDoc) bool { return h.Timeout == "2.5s" && h.Description == "" }},
		{`{"description":"new"}`, func(h hookDoc) bool { return h.Description == "new" && h.MaxConcurrency == 3 }},
		{`{"retry":{"attempts":7}}`, func(h hookDoc) bool {
			return h.Retry["attempts"] == 7.0 && fmt.Sprint(h.Retry["waits"]) == "[5s 1m30s]"
		}},
		{`{"retry":{"initialWait":"10s","factor":2}}`, func(h hookDoc) bool {
			return h.Retry["waits"] == nil && h.Retry["initialWait"] == "10s" && h.Retry["attempts"] == 7.0
		}},
		{`{"retry":{"waits":["1m"]}}`, func(h hookDoc) bool { return h.Retry["initialWait"] == nil && fmt.Sprint(h.Retry["waits"]) == "[1m]" }},
		{`{"retry":{"preset":"relay"}}`, func(h hookDoc) bool { return fmt.Sprint(h.Retry) == "map[preset:relay]" }},
		{`{"retry":{"attempts":2}}`, func(h hookDoc) bool { return h.Retry["attempts"] == 2.0 && h.Retry["initialWait"] == "30s" }},
		{`{"retry":null,"timeout":null,"headers":null,"events":null,"disableOn":null,"maxConcurrency":null,"signature":null,"description":null,"format":null}`, func(h hookDoc) bool {
			return fmt.Sprint(h.Retry) == "map[preset:relay]" && h.Timeout == "10s" && len(h.Headers) == 0 && fmt.Sprint(h.Events) == "[*]" &&
				len(h.DisableOn) == 0 && h.MaxConcurrency == 0 && h.Signature == "relay" && h.Description == ""
		}},
	}
	for _, tt := range patches {
		var changed hookDoc
		a := w.do("PATCH", path, tt.body)
		json.Unmarshal(a.body, &changed)
		if a.status != 200 || !tt.ok(changed) {
			t.Errorf("PATCH %s: got %d %s", tt.body, a.status, a.body)
		}
		if strings.Contains(string(a.body), "whsec_") {
			t.Errorf("PATCH %s: the answer shows a secret: %s", tt.body, a.body)
		}
	}

	var paused, resumed, rotated hookDoc
	w.into(&paused, 200, "POST", path+"/pause", "")
	w.into(&resumed, 200, "POST", path+"/resume", "")
	if paused.Status != "paused" || resumed.Status != "active" {
		t.Errorf("pause and resume: got %q and %q", paused.Status, resumed.Status)
	}
	w.into(&rotated, 200, "POST", path+"/rotate-secret", "")
	if !strings.HasPrefix(rotated.Secret, "whsec_") || rotated.Secret == given {
		t.Errorf("rotate: got secret %q, want a fresh one", rotated.Secret)
	}
	if p := w.refused(422, "POST", path+"/rotate-secret", `{"overlap":"1h"}`); p.fields() != "overlap" {
		t.Errorf("rotate with overlap under the signature relay: got %+v", p)
	}
	for _, read := range []answer{w.do("GET", path, ""), w.do("GET", "/v1/webhooks", ""), w.do("POST", path+"/pause", "")} {
		if read.status != 200 || (strings.Contains(string(read.body), `"secret"`) || strings.Contains(string(read.body), "whsec_")) {
			t.Errorf("a reading answer: got %d %s, want no secret", read.status, read.body)
		}
	}
	w.into(nil, 204, "DELETE", path, "")
	w.refused(404, "GET", path, "")
	w.refused(404, "DELETE", path, "")
}

// TestWebhookRefusals: each wrong field is named, and nothing is stored (S17 among them: what is not the caller's to set).
func TestWebhookRefusals(t *testing.T) {
	w := newWorld(t)
	var hook hookDoc
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"https://example.com/hook"}`)
	tests := []struct {
		body   string
		status int
		fields string
	}{
		{`{"url":"https://a.example","urll":1}`, 422, "urll"},
		{`{"url":"https://a.example","URL":"https://b.example"}`, 422, "URL"},
		{`{"url":"https://a.example","tenant":2,"plan":"x","role":"admin","status":"paused","createdAt":"2026-01-01T00:00:00Z","id":"wh_x","health":{},"secrets":{}}`, 422,
			"tenant plan role status createdAt id health secrets"},
		{`{"url":5}`, 422, "url"},
		{`{"url":"https://a.example","events":["a",5,null]}`, 422, "events[1] events[2]"},
		{`{"url":"https://a.example","events":"*"}`, 422, "events"},
		{`{"url":"https://a.example","events":["no spaces"]}`, 422, "events[0]"},
		{`{"url":"https://a.example","headers":{"X-A":5}}`, 422, `headers["X-A"]`},
		{`{"url":"https://a.example","headers":{"Host":"x"}}`, 422, `headers["Host"]`},
		{`{"url":"https://a.example","retry":{"atempts":3}}`, 422, "retry.atempts"},
		{`{"url":"https://a.example","retry":{"attempts":51}}`, 422, "retry.attempts"},
		{`{"url":"https://a.example","retry":{"attempts":1.5}}`, 422, "retry.attempts"},
		{`{"url":"https://a.example","retry":{"attempts":0}}`, 422, "retry.attempts"},
		{`{"url":"https://a.example","retry":{"factor":0}}`, 422, "retry.factor"},
		{`{"url":"https://a.example","retry":{"maxAge":"0s"}}`, 422, "retry.maxAge"},
		{`{"url":"https://a.example","retry":{"waits":["5s","soon"]}}`, 422, "retry.waits[1]"},
		{`{"url":"https://a.example","retry":{"preset":"push2"}}`, 422, "retry.preset"},
		{`{"url":"https://a.example","timeout":10}`, 422, "timeout"},
		{`{"url":"https://a.example","timeout":"-1s"}`, 422, "timeout"},
		{`{"url":"https://a.example","maxConcurrency":1e9}`, 422, "maxConcurrency"},
		{`{"url":"https://a.example","disableOn":[200]}`, 422, "disableOn[0]"},
		{`{"url":"https://a.example","signature":"md5"}`, 422, "signature"},
		{`{"url":"https://a.example","format":"xml"}`, 422, "format"},
		{`{"url":"https://169.254.169.254/hook"}`, 422, "url"},
		{`{"url":"gopher://example.com/"}`, 422, "url"},
		{`{"url":"https://a.example","url":"https://b.example"}`, 400, "body"},
		{`[]`, 422, "body"},
		{`{"url":"https://a.example"} x`, 400, "body"},
		{"{\"url\":\"https://a.example\xff\"}", 400, "body"},
		{``, 0, ""},
	}
	for _, tt := range tests {
		if tt.body == "" {
			continue
		}
		for _, method := range []string{"POST", "PATCH"} {
			path := "/v1/webhooks"
			if method == "PATCH" {
				path += "/" + hook.ID
			}
			if p := w.refused(tt.status, method, path, tt.body); p.fields() != tt.fields {
				t.Errorf("%s %s: got fields %q (%+v), want %q", method, tt.body, p.fields(), p, tt.fields)
			}
		}
	}
	for body, field := range map[string]string{`{}`: "url", `{"url":null}`: "url", `{"url":"https://a.example","secret":"short"}`: "secret", `{"url":"https://a.example","preset":"x"}`: "preset"} {
		p := w.refused(422, "POST", "/v1/webhooks", body)
		if p.fields() != field {
			t.Errorf("POST %s: got %+v, want field %q", body, p, field)
		}
		if strings.Contains(p.Detail+fmt.Sprint(p.Errors), "short") {
			t.Errorf("POST %s: the answer repeats a secret: %+v", body, p)
		}
	}
	if p := w.refused(422, "PATCH", "/v1/webhooks/"+hook.ID, `{"secret":"whsec_x"}`); p.fields() != "secret" {
		t.Errorf("PATCH of the secret: got %+v", p)
	}
	var list page[hookDoc]
	w.into(&list, 200, "GET", "/v1/webhooks", "")
	if len(list.Data) != 1 || list.Data[0].UpdatedAt != hook.UpdatedAt || list.Data[0].URL != hook.URL {
		t.Errorf("webhooks afterwards: got %+v, want only the first, unchanged", list.Data)
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.into(nil, 201, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":"https://example.com/%d","events":["none.such"]}`, i))
		w.into(nil, 202, "POST", "/v1/events", fmt.Sprintf(`{"type":"a.b","key":"k%d","data":{"text":"needle-%d"}}`, i%2, i))
	}
	for _, path := range []string{"/v1/webhooks", "/v1/events"} {
		var all, part page[struct{ ID string }]
		w.into(&all, 200, "GET", path, "")
		if len(all.Data) != 5 || all.NextCursor != nil {
			t.Fatalf("%s: got %+v, want 5 and no cursor", path, all)
		}
		var ids, want []string
		for _, v := range all.Data {
			want = append(want, v.ID)
		}
		cursor := ""
		for n := 0; n < 10; n++ {
			part.NextCursor = nil
			w.into(&part, 200, "GET", path+"?limit=2"+cursor, "")
			if len(part.Data) > 2 {
				t.Errorf("%s?limit=2: got %d entries", path, len(part.Data))
			}
			for _, v := range part.Data {
				ids = append(ids, v.ID)
			}
			if part.NextCursor == nil {
				break
			}
			cursor = "&cursor=" + *part.NextCursor
		}
		if fmt.Sprint(ids) != fmt.Sprint(want) {
			t.Errorf("%s in pages of 2: got %q, want %q", path, ids, want)
		}
		for query, field := range map[string]string{"?limit=0": "query limit", "?limit=251": "query limit", "?limit=x": "query limit", "?cursor=zzz": "query cursor", "?limt=1": "query limt", "?limit=1&limit=2": "query limit"} {
			if p := w.refused(400, "GET", path+query, ""); p.fields() != field {
				t.Errorf("%s%s: got %+v, want field %q", path, query, p, field)
			}
		}
	}
	for _, path := range []string{"/v1/deliveries?cursor=zzz", "/v1/deliveries?cursor=ozzz", "/v1/deliveries?cursor=szzz", "/v1/deliveries?cursor=cur_7zzzzzzzzzzzz"} {
		if p := w.refused(400, "GET", path, ""); p.fields() != "query cursor" {
			t.Errorf("%s: got %+v, want field %q", path, p, "query cursor")
		}
	}
	for query, want := range map[string]int{"?type=a.b": 5, "?type=a.c": 0, "?key=k1": 2, "?text=needle-3": 1, "?text=needle": 5, "?since=2099-01-01T00:00:00Z": 0, "?until=2001-01-01T00:00:00Z": 0} {
		var p page[json.RawMessage]
		w.into(&p, 200, "GET", "/v1/events"+query, "")
		if len(p.Data) != want {
			t.Errorf("events%s: got %d, want %d", query, len(p.Data), want)
		}
	}
	if p := w.refused(400, "GET", "/v1/events?since=yesterday", ""); p.fields() != "query since" {
		t.Errorf("since=yesterday: got %+v", p)
	}
}

func TestRouting(t *testing.T) {
	w := newWorld(t)
	w.refused(404, "GET", "/v1/nothing", "")
	w.refused(404, "GET", "/", "")
	// A path with an empty id is that of nothing, and never taken for another one's.
	for _, path := range []string{"/v1/webhooks//pause", "/v1/respondents//retry", "//v1/webhooks", "/v1/webhooks/./pause"} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			w.refused(404, method, path, "")
		}
	}
	a := w.do("PUT", "/v1/webhooks", `{}`)
	if a.status != 405 || a.header.Get("Allow") != "GET, POST" {
		t.Errorf("PUT /v1/webhooks: got %d, Allow %q, want 405 and GET, POST", a.status, a.header.Get("Allow"))
	}
	if p := w.refused(415, "POST", "/v1/webhooks", `{}`, "Content-Type", "text/plain"); p.Detail == "" {
		t.Errorf("text/plain: got %+v", p)
	}
	w.refused(415, "POST", "/v1/webhooks", `{}`, "Content-Type", "application/json; charset=latin1")
	if p := w.refused(422, "POST", "/v1/webhooks", `{}`, "Content-Type", "application/json; charset=UTF-8"); p.fields() != "url" {
		t.Errorf("JSON in UTF-8: got %+v", p)
	}
	if p := w.refused(422, "GET", "/livez", `{}`); p.fields() != "body" {
		t.Errorf("GET with a body: got %+v", p)
	}
	w.refused(413, "POST", "/v1/webhooks", `{"url":"`+strings.Repeat("x", 300<<10)+`"}`)
	for path, want := range map[string]string{"/livez": `{"status":"ok"}`, "/readyz": `{"status":"ok"}`, "/metrics": "relay_up 1\n"} {
		if a := w.do("GET", path, "", "Authorization", ""); a.status != 200 || string(a.body) != want {
			t.Errorf("GET %s: got %d %s, want 200 %s", path, a.status, a.body, want)
		}
	}
	head, err := http.Head(w.url + "/livez")
	if err != nil || head.StatusCode != 200 {
		t.Errorf("HEAD /livez: got %v, %v", head, err)
	}
	var types page[struct {
		Name, Pack string
		Example    map[string]any
	}]
	w.into(&types, 200, "GET", "/v1/event-types", "")
	i := slices.IndexFunc(types.Data, func(e struct {
		Name, Pack string
		Example    map[string]any
	}) bool {
		return e.Name == "call.completed"
	})
	if i < 0 || types.Data[i].Pack != "calls" || len(types.Data[i].Example) == 0 {
		t.Errorf("event types: got %d of them, want call.completed of the pack calls with an example", len(types.Data))
	}
}
