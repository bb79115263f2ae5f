package e2etest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// explain returns why a webhook got an event, or did not.
func (r *relay) explain(event, hook string) explanationDoc {
	r.t.Helper()
	var l list[explanationDoc]
	r.into(&l, 200, "GET", "/v1/events/"+event+"/explain?webhookId="+hook, "")
	if len(l.Data) != 1 || l.Data[0].WebhookID != hook {
		r.t.Fatalf("explain of one webhook: got %+v, want one entry for %s", l.Data, hook)
	}
	return l.Data[0]
}

// TestPauseAndResume checks which events are queued for a webhook around a pause.
func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	v := startReceiver(t)
	hook := r.webhook(`{"url":"` + v.url + `","retry":{"attempts":5,"waits":["1s"]}}`)

	// A delivery that waits for its retry when the pause begins is held …
	v.answers(500)
	held := r.publish(`{"type":"call.completed","data":{"n":1}}`).ID
	v.next()
	r.waitState(held, hook.ID, "waiting")
	var paused hookDoc
	r.into(&paused, 200, "POST", "/v1/webhooks/"+hook.ID+"/pause", "")
	if paused.Status != "paused" {
		t.Errorf("pausing: got status %q, want paused", paused.Status)
	}
	if d := r.waitState(held, hook.ID, "held"); !strings.Contains(d.Reason, "paused") {
		t.Errorf("held delivery: got reason %q, want it to say paused", d.Reason)
	}
	for len(v.got) > 0 { // an attempt may have been in progress
		v.next()
	}
	// … and an event that arrives during the pause is not queued.
	v.answers(200)
	skipped := r.publish(`{"type":"call.completed","data":{"n":2}}`).ID
	if x := r.explain(skipped, hook.ID); x.Verdict != "paused" || x.Delivery != nil {
		t.Errorf("explain of an event that came during the pause: got %+v, want paused, no delivery", x)
	}
	if d, ok := r.deliveryOf(skipped, hook.ID); ok {
		t.Errorf("an event that came during the pause: got delivery %+v, want none", d)
	}
	if got := r.refused(409, "POST", "/v1/webhooks/"+hook.ID+"/replay", `{"since":"2026-01-01T00:00:00Z"}`); got != "" {
		t.Errorf("replay to a paused webhook: got fields %q, want none", got)
	}
	v.nothing("while the webhook is paused")

	r.into(nil, 200, "POST", "/v1/webhooks/"+hook.ID+"/resume", "")
	r.waitState(held, hook.ID, "delivered")
	if got := dataOf(t, v.next().body); got != `{"n":1}` {
		t.Errorf("after the resume: got %s, want the delivery that was held", got)
	}
	after := r.publish(`{"type":"call.completed","data":{"n":3}}`).ID
	if got := dataOf(t, v.next().body); got != `{"n":3}` {
		t.Errorf("after the resume: got %s, want the new event", got)
	}
	r.waitState(after, hook.ID, "delivered")
	if x := r.explain(skipped, hook.ID); x.Verdict != "paused" {
		t.Errorf("explain after the resume: got %+v, want paused: that is why it was not queued", x)
	}
}

// TestTestCall sends test events, with and without an example in the catalogue, and to an endpoint
// that refuses them.
func TestTestCall(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	v := startReceiver(t)
	hook := r.webhook(`{"url":"` + v.url + `","events":["appointment.*","call.urgent"]}`)
	for _, c := range []struct {
		request, eventType string
		answer             int
		outcome            string
	}{
		{``, "call.urgent", 200, "delivered"}, // the first type that the webhook names
		{`{"type":"call.completed"}`, "call.completed", 200, "delivered"},
		{`{"type":"appointment.booked"}`, "appointment.booked", 503, "failed"},
	} {
		v.answers(c.answer)
		var got struct{ Attempt attemptDoc }
		r.into(&got, 200, "POST", "/v1/webhooks/"+hook.ID+"/test", c.request)
		req := v.next()
		at := got.Attempt
		if at.Outcome != c.outcome || !at.Test || at.EventType != c.eventType || at.Response == nil || at.Response.Status != c.answer || at.NextAttemptAt != nil {
			t.Errorf("test %s: got %+v, want outcome %s, type %s, status %d", c.request, at, c.outcome, c.eventType, c.answer)
		}
		if req.header.Get("X-Relay-Test") != "true" || req.header.Get("X-Relay-Event") != c.eventType || string(req.body) != at.Request.Body {
			t.Errorf("test %s: the receiver got %v %s, want the header X-Relay-Test and the body of the answer", c.request, req.header, req.body)
		}
		var logged attemptDoc
		r.into(&logged, 200, "GET", "/v1/attempts/"+at.ID, "")
		if !logged.Test || logged.Request.Body != at.Request.Body {
			t.Errorf("test %s: the log has %+v, want what was answered", c.request, logged)
		}
	}
	v.nothing("after the tests: none is repeated")
	for _, name := range []string{"not a type", "no.such.type"} {
		if got := r.refused(422, "POST", "/v1/webhooks/"+hook.ID+"/test", `{"type":"`+name+`"}`); got != "type" {
			t.Errorf("test with the type %q: got fields %q, want type", name, got)
		}
	}
}

// waitJob follows a job to its end and checks that its progress only grows.
func (r *relay) waitJob(j jobDoc) jobDoc {
	r.t.Helper()
	last := -1.0
	eventually(r.t, "the job is done", func() bool {
		r.into(&j, 200, "GET", "/v1/jobs/"+j.ID, "")
		if j.Progress < last || j.Progress > 1 {
			r.t.Errorf("job: got progress %v after %v, want it to grow up to 1", j.Progress, last)
		}
		last = j.Progress
		return j.State != "running"
	})
	if j.State != "done" || j.Progress != 1 {
		r.t.Errorf("job: got %+v, want done with progress 1", j)
	}
	return j
}

// TestRecoverAndReplay lets deliveries fail, recovers them, and replays everything to a webhook
// created later.
func TestRecoverAndReplay(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	v := startReceiver(t)
	const events = 30
	began := time.Now().UTC().Add(-time.Second).Format(time.RFC3339Nano)
	hook := r.webhook(`{"url":"` + v.url + `","retry":{"attempts":1},"events":["order.*"]}`)
	v.answers(500)
	var sent publishedManyDoc
	one := `{"type":"order.paid","data":{"price":1.50}}`
	r.into(&sent, 202, "POST", "/v1/events", "["+strings.Repeat(one+",", events-1)+one+"]")
	r.publish(`{"type":"other","data":1}`)
	first := make(map[string]string) // delivery id to body
	for range events {
		req := v.next()
		first[req.header.Get("X-Relay-Delivery")] = string(req.body)
	}
	for _, e := range sent.Events {
		r.waitState(e.ID, hook.ID, "failed")
	}
	if x := r.explain(sent.Events[0].ID, hook.ID); x.Verdict != "failed" || !strings.Contains(x.Detail, "500") {
		t.Errorf("explain of a failed delivery: got %+v, want failed, with the status", x)
	}

	v.answers(200)
	var job jobDoc
	r.into(&job, 202, "POST", "/v1/webhooks/"+hook.ID+"/recover", `{"since":"`+began+`"}`)
	if job.Kind != "recover" || job.WebhookID != hook.ID {
		t.Errorf("recover: got %+v", job)
	}
	for range events {
		req := v.next()
		if id := req.header.Get("X-Relay-Delivery"); first[id] != string(req.body) || req.header.Get("X-Relay-Attempt") != "2" {
			t.Errorf("recovered delivery %s: got attempt %s, body %s, want attempt 2 of the same delivery, body %s",
				id, req.header.Get("X-Relay-Attempt"), req.body, first[id])
		}
	}
	if job = r.waitJob(job); job.Scanned != events || job.Deliveries != events {
		t.Errorf("recover: got %d scanned, %d deliveries, want %d", job.Scanned, job.Deliveries, events)
	}
	for _, e := range sent.Events {
		r.waitState(e.ID, hook.ID, "delivered")
	}

	later := startReceiver(t)
	newcomer := r.webhook(`{"url":"` + later.url + `","events":["order.*"]}`)
	if x := r.explain(sent.Events[0].ID, newcomer.ID); x.Verdict != "created" {
		t.Errorf("explain of an event from before the webhook: got %+v, want created", x)
	}
	r.into(&job, 202, "POST", "/v1/webhooks/"+newcomer.ID+"/replay", `{"since":"`+began+`"}`)
	for range events {
		if got := dataOf(t, later.next().body); got != `{"price":1.50}` {
			t.Errorf("replayed: got data %s, want %s", got, `{"price":1.50}`)
		}
	}
	if job = r.waitJob(job); job.Scanned != events+1 || job.Deliveries != events {
		t.Errorf("replay: got %d scanned, %d deliveries, want %d and %d", job.Scanned, job.Deliveries, events+1, events)
	}
	later.nothing("after the replay")
	var jobs list[jobDoc]
	r.into(&jobs, 200, "GET", "/v1/jobs", "")
	if len(jobs.Data) != 2 || jobs.Data[0].Kind != "replay" {
		t.Errorf("jobs: got %+v, want the replay and the recover", jobs.Data)
	}
	r.refused(409, "POST", "/v1/jobs/"+job.ID+"/cancel", "")
}

// TestRetryAndCancel moves one delivery manually through its states.
func TestRetryAndCancel(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	v := startReceiver(t)
	hook := r.webhook(`{"url":"` + v.url + `"}`) // retries after 30 s, so only manual actions happen here
	v.answers(500)
	id := r.publish(`{"type":"call.completed","data":{}}`).ID
	v.next()
	d := r.waitState(id, hook.ID, "waiting")
	if d.Attempts != 1 || d.NextAttemptAt == nil || time.Until(*d.NextAttemptAt) > 34*time.Second {
		t.Errorf("after a failure: got %+v, want 1 attempt and a next one within 30 s ± 10 %%", d)
	}
	if x := r.explain(id, hook.ID); x.Verdict != "waiting" || x.Delivery == nil {
		t.Errorf("explain: got %+v, want waiting", x)
	}

	var after deliveryDoc
	r.into(&after, 200, "POST", "/v1/deliveries/"+d.ID+"/cancel", "")
	if after.State != "canceled" || after.NextAttemptAt != nil {
		t.Errorf("canceled: got %+v", after)
	}
	r.refused(409, "POST", "/v1/deliveries/"+d.ID+"/cancel", "")
	if x := r.explain(id, hook.ID); x.Verdict != "canceled" {
		t.Errorf("explain: got %+v, want canceled", x)
	}

	r.into(nil, 202, "POST", "/v1/deliveries/"+d.ID+"/retry", "") // it fails, and waits again
	v.next()
	r.waitState(id, hook.ID, "waiting")
	v.answers(200)
	r.into(nil, 202, "POST", "/v1/deliveries/"+d.ID+"/retry", "")
	if req := v.next(); req.header.Get("X-Relay-Delivery") != d.ID || req.header.Get("X-Relay-Attempt") != "3" {
		t.Errorf("third attempt: got delivery %s, attempt %s, want %s, 3", req.header.Get("X-Relay-Delivery"), req.header.Get("X-Relay-Attempt"), d.ID)
	}
	if d = r.waitState(id, hook.ID, "delivered"); d.Attempts != 3 {
		t.Errorf("delivered: got %+v, want 3 attempts", d)
	}

	// Resend goes to one webhook or to all that match, under the same delivery id.
	var resent struct{ Deliveries []string }
	r.into(&resent, 202, "POST", "/v1/events/"+id+"/resend", "")
	if len(resent.Deliveries) != 1 || resent.Deliveries[0] != d.ID {
		t.Errorf("resend: got %v, want %s", resent.Deliveries, d.ID)
	}
	if req := v.next(); req.header.Get("X-Relay-Delivery") != d.ID {
		t.Errorf("resent: got delivery %s, want %s", req.header.Get("X-Relay-Delivery"), d.ID)
	}
	for _, path := range []string{"/v1/deliveries/whk_none", "/v1/events/evt_none", "/v1/attempts/att_none", "/v1/webhooks/wh_none", "/v1/jobs/job_none"} {
		r.refused(404, "GET", path, "")
	}
}

// TestExplainVerdicts covers the reasons why an event was not queued that other tests do not cover.
func TestExplainVerdicts(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	v := startReceiver(t)
	orders := r.webhook(`{"url":"` + v.url + `","events":["order.*"]}`)
	all := r.webhook(`{"url":"` + v.url + `"}`)
	call := r.publish(`{"type":"call.completed","data":{}}`).ID
	r.waitState(call, all.ID, "delivered")
	if x := r.explain(call, all.ID); x.Verdict != "delivered" || x.Delivery == nil {
		t.Errorf("explain: got %+v, want delivered", x)
	}
	if x := r.explain(call, orders.ID); x.Verdict != "type" || !strings.Contains(x.Detail, "order.*") {
		t.Errorf("explain of another type: got %+v, want type, naming what it asks for", x)
	}
	r.into(nil, 200, "PATCH", "/v1/webhooks/"+orders.ID, `{"events":["call.*"]}`)
	// Until the event's intake is closed, the event could still be on its way to the webhook with
	// its current settings.
	eventually(t, "explain says that the webhook was changed", func() bool { return r.explain(call, orders.ID).Verdict == "changed" })
	var everyone list[explanationDoc]
	r.into(&everyone, 200, "GET", "/v1/events/"+call+"/explain", "")
	if len(everyone.Data) != 2 {
		t.Errorf("explain for all webhooks: got %d entries, want 2", len(everyone.Data))
	}
}

// TestDisableOn makes a status code disable a webhook at once.
func TestDisableOn(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	v, watcher := startReceiver(t), startReceiver(t)
	all := r.webhook(`{"url":"` + watcher.url + `","events":["other.*","*"],"filter":"event.type != 'call.completed'"}`)
	r.webhook(`{"url":"` + watcher.url + `","events":["webhook.disabled"]}`)
	hook := r.webhook(`{"url":"` + v.url + `","disableOn":[410]}`)
	v.answers(410)
	r.publish(`{"type":"call.completed","data":{}}`)
	notice := watcher.next()
	var envelope struct {
		Event string
		Data  struct{ WebhookID, Reason string }
	}
	if err := json.Unmarshal(notice.body, &envelope); err != nil || envelope.Event != "webhook.disabled" || envelope.Data.WebhookID != hook.ID || !strings.Contains(envelope.Data.Reason, "410") {
		t.Errorf("operational event: got %s, want webhook.disabled for %s with the reason", notice.body, hook.ID)
	}
	// Relay's own events must be requested by name: "*" means the application's events.
	var own list[struct{ ID string }]
	r.into(&own, 200, "GET", "/v1/events?type=webhook.disabled", "")
	if len(own.Data) != 1 {
		t.Fatalf("operational events: got %d, want 1", len(own.Data))
	}
	if x := r.explain(own.Data[0].ID, all.ID); x.Verdict != "operation" {
		t.Errorf("explain of an operational event: got %+v, want operation", x)
	}
	var h hookDoc
	r.into(&h, 200, "GET", "/v1/webhooks/"+hook.ID, "")
	if h.Status != "disabled" || !strings.Contains(h.Health.DisabledReason, "410") {
		t.Errorf("webhook: got %+v, want it disabled with the reason", h)
	}
	missed := r.publish(`{"type":"call.completed","data":{"missed":true}}`).ID
	if x := r.explain(missed, hook.ID); x.Verdict != "disabled" {
		t.Errorf("explain: got %+v, want disabled", x)
	}
	v.answers(200)
	r.into(nil, 200, "POST", "/v1/webhooks/"+hook.ID+"/resume", "")
	r.into(nil, 202, "POST", "/v1/webhooks/"+hook.ID+"/replay", `{"since":"2026-01-01T00:00:00Z"}`)
	r.waitState(missed, hook.ID, "delivered")
}

// TestCursorsWalkAllPages walks each paged list with small pages, and finds every entry once.
func TestCursorsWalkAllPages(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	v := startReceiver(t)
	const events, hooks = 23, 3
	var hook hookDoc
	for range hooks {
		hook = r.webhook(`{"url":"` + v.url + `"}`)
	}
	one := `{"type":"call.completed","data":{}}`
	r.into(nil, 202, "POST", "/v1/events", "["+strings.Repeat(one+",", events-1)+one+"]")
	r.waitAttempts(hook.ID, events)
	for range events * hooks {
		v.next()
	}
	eventually(t, "all deliveries are settled", func() bool {
		var l list[deliveryDoc]
		r.into(&l, 200, "GET", "/v1/deliveries?state=delivered&limit=250", "")
		return len(l.Data) == events*hooks
	})
	for path, want := range map[string]int{
		"/v1/events": events, "/v1/events?type=call.completed": events, "/v1/webhooks": hooks,
		"/v1/webhooks/" + hook.ID + "/attempts": events, "/v1/webhooks/" + hook.ID + "/attempts?status=delivered": events,
		"/v1/deliveries": events * hooks, "/v1/deliveries?webhookId=" + hook.ID: events,
	} {
		seen := make(map[string]bool)
		next := ""
		for pages := 0; ; pages++ {
			u, err := url.Parse(path)
			if err != nil {
				t.Fatal(err)
			}
			q := u.Query()
			q.Set("limit", "5")
			if next != "" {
				q.Set("cursor", next)
			}
			u.RawQuery = q.Encode()
			var l list[struct{ ID string }]
			r.into(&l, 200, "GET", u.String(), "")
			if len(l.Data) > 5 {
				t.Errorf("%s: got a page of %d, want at most 5", u, len(l.Data))
			}
			for _, d := range l.Data {
				if seen[d.ID] {
					t.Errorf("%s: got %s twice", path, d.ID)
				}
				seen[d.ID] = true
			}
			if l.NextCursor == nil {
				break
			}
			if next = *l.NextCursor; pages > want {
				t.Fatalf("%s: still a cursor after %d pages", path, pages)
			}
		}
		if len(seen) != want {
			t.Errorf("%s: got %d entries over all pages, want %d", path, len(seen), want)
		}
	}
	for _, path := range []string{"/v1/events?limit=251", "/v1/events?limit=0", "/v1/events?cursor=nonsense", "/v1/events?typ=call.completed"} {
		_, query, _ := strings.Cut(path, "?")
		name, _, _ := strings.Cut(query, "=")
		if got := r.refused(400, "GET", path, ""); got != "query "+name {
			t.Errorf("%s: got fields %q, want %q", path, got, "query "+name)
		}
	}
	if a := r.do("GET", "/v1/deliveries?cursor=nonsense", ""); a.status != 400 && a.status != 422 {
		t.Errorf("deliveries with a bad cursor: got %d %s, want it refused", a.status, a.body)
	}
}

// TestLogContent compares an attempt in the log with the request and answer on the wire.
func TestLogContent(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	v := startReceiver(t)
	hook := r.webhook(`{"url":"` + v.url + `","signature":"relay+standard","headers":{"X-Team":"blue"},"retry":{"attempts":2,"waits":["1s"]}}`)
	v.answers(500)
	id := r.publish(`{"type":"call.completed","data":{"price":1.50,"sep":"\u2028"}}`).ID
	sent := []received{v.next()}
	v.answers(200)
	sent = append(sent, v.next())
	log := r.waitAttempts(hook.ID, 2)
	for i, at := range []attemptDoc{log[1], log[0]} { // newest first
		req := sent[i]
		if at.Number != i+1 || at.EventID != id || at.WebhookID != hook.ID || at.EventType != "call.completed" || at.Test {
			t.Errorf("attempt %d: got %+v", i+1, at)
		}
		if at.Request.Method != "POST" || at.Request.URL != v.url || at.Request.Body != string(req.body) {
			t.Errorf("attempt %d: got request %+v, the receiver got %s", i+1, at.Request, req.body)
		}
		for name := range req.header {
			if got := at.Request.Headers[logged(at.Request.Headers, name)]; got != strings.Join(req.header[name], ", ") {
				t.Errorf("attempt %d: header %s: the log has %q, the receiver got %q", i+1, name, got, req.header[name])
			}
		}
		for name := range at.Request.Headers {
			if _, ok := req.header[http.CanonicalHeaderKey(name)]; !ok && name != "Host" {
				t.Errorf("attempt %d: the log has the header %s, which the receiver did not get", i+1, name)
			}
		}
		wantCode := []int{500, 200}[i]
		if at.Response == nil || at.Response.Status != wantCode || at.Response.Headers["X-Receiver"] != "e2e" ||
			at.Response.Body != fmt.Sprintf("answered %d", wantCode) || at.Response.BodyBytes != int64(len(at.Response.Body)) || at.Response.Truncated {
			t.Errorf("attempt %d: got response %+v", i+1, at.Response)
		}
		if tm := at.Timing; tm.TotalMs <= 0 || tm.FirstByteMs <= 0 || tm.FirstByteMs > tm.TotalMs || at.At.IsZero() {
			t.Errorf("attempt %d: got timing %+v at %v", i+1, tm, at.At)
		}
	}
	if log[1].Timing.ConnectMs <= 0 {
		t.Errorf("first attempt: got %+v, want the time it took to connect", log[1].Timing)
	}
	if log[1].Outcome != "retrying" || log[1].NextAttemptAt == nil || log[1].Error == nil || log[1].Error.Kind != "status" {
		t.Errorf("first attempt: got %+v, want retrying", log[1])
	}
	if log[0].Outcome != "delivered" || log[0].NextAttemptAt != nil || log[0].Error != nil || log[0].DeliveryID != log[1].DeliveryID {
		t.Errorf("second attempt: got %+v, want delivered", log[0])
	}
	for query, want := range map[string]int{"status=delivered": 1, "status=retrying": 1, "status=failed": 0, "code=500": 1, "code=2xx": 1, "code=404": 0, "eventType=call.completed": 2, "eventType=x": 0} {
		if got := len(r.attempts(hook.ID, query)); got != want {
			t.Errorf("log with %s: got %d attempts, want %d", query, got, want)
		}
	}

	// For an endpoint that answers nothing, the log explains why.
	dead := r.webhook(fmt.Sprintf(`{"url":"http://127.0.0.1:%d/","retry":{"attempts":1},"events":["dead.letter"]}`, testenv.FreePort(t)))
	r.publish(`{"type":"dead.letter","data":{}}`)
	if at := r.waitAttempts(dead.ID, 1)[0]; at.Outcome != "failed" || at.Response != nil || at.Error == nil || at.Error.Kind != "connect" || at.Error.Message == "" {
		t.Errorf("attempt at a closed port: got %+v, want failed, connect", at)
	}
}

// logged finds a header in the log, ignoring case.
func logged(headers map[string]string, name string) string {
	for n := range headers {
		if strings.EqualFold(n, name) {
			return n
		}
	}
	return ""
}
