package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
	"github.com/relay-events/relay/internal/transform"
)

// testScripts is the sandbox of all worlds. Under the race detector, where compiling the engine takes longer than a request may wait,
// warmScripts does that first. A script that never ends is stopped after five times the timeout at the latest, which must be
// less than the 20 s that saving a webhook waits.
var testScripts = sync.OnceValue(func() *transform.Pool {
	if testenv.Race {
		return transform.NewPool(transform.Options{Timeout: 3 * time.Second})
	}
	return transform.NewPool(transform.Options{})
})

func warmScripts(t *testing.T) {
	t.Helper()
	if !testenv.Race {
		return
	}
	if _, err := testScripts().Compile(t.Context(), 1, "function transform() {}"); err != nil {
		t.Fatal(err)
	}
}

// TestTransformIsCompiledWhenSaved: what does not compile is refused with its line, and nothing is stored.
func TestTransformIsCompiledWhenSaved(t *testing.T) {
	warmScripts(t)
	w := newWorld(t)
	bad := quote("function transform(event) {\n  return { body: event. }\n}")
	for _, tt := range []struct{ transform, want string }{
		{bad, "line 2"},
		{quote("const x = 1"), "must define function transform"},
		{quote("function transform() {}\nnull.x"), "line 2"},
		{quote("function transform() {}" + strings.Repeat(" ", 64<<10)), "at most 65536 bytes"},
		{quote("while (true) {}\nfunction transform() {}"), "took longer than"},
	} {
		p := w.refused(422, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:9999/","transform":`+tt.transform+`}`)
		if p.fields() != "transform" || !strings.Contains(p.Errors[0].Reason, tt.want) {
			t.Errorf("%.60s: got %+v, want the field transform with %q", tt.transform, p, tt.want)
		}
	}
	var list struct{ Data []struct{ ID string } }
	if w.into(&list, 200, "GET", "/v1/webhooks", ""); len(list.Data) != 0 {
		t.Errorf("got %d webhooks, want none stored", len(list.Data))
	}
	good := "function transform(event) { return { body: event.type } }"
	var hook struct{ ID, Transform string }
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:9999/","transform":`+quote(good)+`}`)
	if hook.Transform != good {
		t.Errorf("got the transform %q, want it as given", hook.Transform)
	}
	w.refused(422, "PATCH", "/v1/webhooks/"+hook.ID, `{"description":"changed","transform":`+bad+`}`)
	var read struct{ Transform, Description string }
	if w.into(&read, 200, "GET", "/v1/webhooks/"+hook.ID, ""); read.Transform != good || read.Description != "" {
		t.Errorf("after a refused change: got %+v, want what was there", read)
	}
	w.into(&read, 200, "PATCH", "/v1/webhooks/"+hook.ID, `{"transform":null}`)
	if read.Transform != "" {
		t.Errorf("got the transform %q, want none after null", read.Transform)
	}
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

type previewed struct {
	Data []struct {
		EventID   *string
		EventType string
		Verdict   string
		Detail    string
		Error     *struct {
			Kind, Message string
			Line          *int
		}
		Request *struct {
			Method, URL, Body string
			Headers           map[string]string
			BodyBytes         int
			Truncated         bool
		}
	}
}

func (p previewed) verdicts() string {
	var v []string
	for _, e := range p.Data {
		v = append(v, e.Verdict)
	}
	return strings.Join(v, " ")
}

func TestPreview(t *testing.T) {
	warmScripts(t)
	w := newWorld(t)
	target, got := endpoint(t, func() int { return 200 })
	var hook struct{ ID, Secret string }
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"`+target+`/hook","events":["order.*"],"signature":"relay+standard",
		"headers":{"X-Shop":"b","X-Api-Key":"hidden-1","Authorization":"Bearer hidden-2"},
		"transform":`+quote(`function transform(e) { return e.data.n === 0 ? null : { body: { n: e.data.n } , query: { n: e.data.n } } }`)+`}`)
	path := "/v1/webhooks/" + hook.ID + "/preview"
	var sent []received
	for i := range 4 {
		w.into(nil, 202, "POST", "/v1/events", fmt.Sprintf(`{"id":"e%d","type":"order.created","data":{"n":%d}}`, i, i))
		if i > 0 {
			sent = append(sent, <-got)
		}
	}
	w.into(nil, 202, "POST", "/v1/events", `{"id":"other","type":"other","data":{"n":9}}`)

	// As it is: the preview shows the request that was sent.
	var p previewed
	w.into(&p, 200, "POST", path, "")
	if p.verdicts() != "send send send drop" || *p.Data[0].EventID != "e3" || p.Data[3].Detail != "dropped by the transform" {
		t.Fatalf("got %+v, want three to send and one dropped, the newest first", p)
	}
	r := p.Data[0].Request
	if r == nil || r.Method != "POST" || r.URL != target+"/hook?n=3" || r.Body != `{"n":3}` || r.BodyBytes != 7 || r.Truncated {
		t.Errorf("got the request %+v", r)
	}
	var names []string
	for name := range sent[2].header {
		if name != "Content-Length" && name != "Accept-Encoding" {
			names = append(names, strings.ToLower(name))
		}
	}
	for name, value := range r.Headers {
		name = strings.ToLower(name)
		if i := slices.Index(names, name); i < 0 {
			t.Errorf("header %s is in the preview, but was not sent", name)
		} else {
			names = slices.Delete(names, i, i+1)
		}
		real := sent[2].header.Get(name)
		secret := strings.Contains(name, "signature") || name == "x-api-key" || name == "authorization"
		if secret && (!strings.HasSuffix(value, "***") || strings.Contains(value, "hidden")) {
			t.Errorf("header %s: got %q, want it masked", name, value)
		} else if !secret && !strings.HasSuffix(name, "timestamp") && value != real {
			t.Errorf("header %s: got %q, want %q as sent", name, value, real)
		}
	}
	if len(names) > 0 {
		t.Errorf("headers %q were sent, but are not in the preview", names)
	}

	// Drafts.
	for _, tt := range []struct{ body, want string }{
		{`{"last":2}`, "send send"},
		{`{"filter":"event.data.n > 1","last":4}`, "send send filter filter"},
		{`{"filter":"event.data.n > 1","transform":null,"eventIds":["e0","e2","other"]}`, "filter send type"},
		{`{"filter":"event.data.n.startsWith('x')","last":1}`, "filterError"},
		{`{"transform":` + quote("function transform(e) {\n  return { body: e.data.x.y } }") + `,"last":1}`, "transformError"},
		{`{"transform":` + quote("function transform(e) { return { url: 'https://evil.example/' } }") + `,"last":1}`, "transformError"},
		{`{"transform":` + quote("function transform(e) { return {} }") + `,"format":"raw","eventIds":["e2"]}`, "send"},
		{`{"events":[{"type":"order.paid","data":{"n":5}},{"id":"mine","type":"order.paid","data":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}]}`, "send send"},
	} {
		var p previewed
		w.into(&p, 200, "POST", path, tt.body)
		if p.verdicts() != tt.want {
			t.Errorf("%s: got %+v, want %s", tt.body, p, tt.want)
			continue
		}
		e := p.Data[0]
		switch {
		case tt.want == "filterError" && (e.Error == nil || e.Error.Kind != "filter" || e.Error.Line != nil):
			t.Errorf("%s: got the error %+v", tt.body, e.Error)
		case strings.Contains(tt.body, "x.y") && (e.Error == nil || e.Error.Kind != "transform" || e.Error.Line == nil || *e.Error.Line != 2):
			t.Errorf("%s: got the error %+v, want line 2", tt.body, e.Error)
		case strings.Contains(tt.body, "raw") && e.Request.Body != `{"n":2}`:
			t.Errorf("%s: got the body %s", tt.body, e.Request.Body)
		case strings.Contains(tt.body, "order.paid") && (e.EventID != nil || *p.Data[1].EventID != "mine"):
			t.Errorf("%s: got the ids %v, %v; want none and mine", tt.body, e.EventID, p.Data[1].EventID)
		}
	}
	for _, tt := range []struct {
		status      int
		body, field string
	}{
		{422, `{"filter":"event.data.n >"}`, "filter"},
		{422, `{"transform":"nope"}`, "transform"},
		{422, `{"format":"nope"}`, "format"},
		{422, `{"last":0}`, "last"},
		{422, `{"last":51}`, "last"},
		{422, `{"eventIds":[]}`, "eventIds"},
		{404, `{"eventIds":["nope"]}`, ""},
		{422, `{"events":[]}`, "events"},
		{422, `{"events":null}`, "events"},
		{422, `{"events":{}}`, "events"},
		{422, `{"events":[{"type":"x y","data":1}]}`, "events[0].type"},
		{413, `{"events":[` + strings.Repeat(`{"type":"x","data":1},`, 50) + `{"type":"x","data":1}]}`, ""},
		{422, `{"events":[{"type":"x","data":1}],"last":1}`, "events"},
		{422, `{"nope":1}`, "nope"},
		{413, `{"events":[{"type":"x","data":"` + strings.Repeat("x", 4<<20) + `"}]}`, ""},
	} {
		if p := w.refused(tt.status, "POST", path, tt.body); p.fields() != tt.field {
			t.Errorf("%.80s: got the fields %q, want %q", tt.body, p.fields(), tt.field)
		}
	}

	// Nothing was sent, nothing stored, and who may only read may not try.
	select {
	case r := <-got:
		t.Errorf("an endpoint got %s", r.body)
	default:
	}
	if n := w.eventCount(); n != 5 {
		t.Errorf("got %d events stored, want 5", n)
	}
	var read struct{ Filter, Format string }
	if w.into(&read, 200, "GET", "/v1/webhooks/"+hook.ID, ""); read.Filter != "" || read.Format != "relay" {
		t.Errorf("got the webhook %+v, want it unchanged", read)
	}
	w.refused(403, "POST", path, "", "Authorization", "Bearer "+w.key("read"))
	w.refused(404, "POST", path, "", "Authorization", "Bearer "+w.otherKey())
}

// TestPreviewEnds: endless scripts end with the preview's time, and the answer says so.
func TestPreviewEnds(t *testing.T) {
	if testenv.Race {
		return // a run may take as long as a preview
	}
	t.Parallel()
	w := newWorld(t)
	var hook struct{ ID string }
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:9999/hook"}`)
	given := strings.TrimSuffix(strings.Repeat(`{"type":"a","data":1},`, 20), ",")
	var p previewed
	w.into(&p, 200, "POST", "/v1/webhooks/"+hook.ID+"/preview", `{"transform":`+quote(`function transform() { for (;;); }`)+`,"events":[`+given+`]}`)
	v := p.verdicts()
	if len(p.Data) != 20 || !strings.HasPrefix(v, "transformError ") || !strings.HasSuffix(v, " notTried") {
		t.Errorf("got %s, want errors and, at last, what was not tried", v)
	}
}

// TestFilterErrorsAreVisible: a filter that fails to evaluate is no match, and shows beside the event.
func TestFilterErrorsAreVisible(t *testing.T) {
	w := newWorld(t)
	var hooks [3]struct{ ID string }
	for i, filter := range []string{"event.data.n > 1 && event.data.n.startsWith('x')", "event.data.missing == 1", "event.data.n == 2"} {
		w.into(&hooks[i], 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:9999/","filter":`+quote(filter)+`}`)
	}
	w.into(nil, 202, "POST", "/v1/events", `{"id":"e1","type":"a","data":{"n":2}}`)
	var e struct {
		ID           string
		FilterErrors []struct{ WebhookID, Message string }
	}
	w.into(&e, 200, "GET", "/v1/events/e1", "")
	if e.ID != "e1" || len(e.FilterErrors) != 1 || e.FilterErrors[0].WebhookID != hooks[0].ID || !strings.HasPrefix(e.FilterErrors[0].Message, "event.data.n.startsWith('x') (") {
		t.Errorf("got %+v, want the first webhook's failure only", e)
	}
	var x struct {
		Data []struct{ WebhookID, Verdict, Detail string }
	}
	w.into(&x, 200, "GET", "/v1/events/e1/explain?webhookId="+hooks[0].ID, "")
	if len(x.Data) != 1 || x.Data[0].Verdict != "filter" || !strings.Contains(x.Data[0].Detail, "cannot be evaluated, which counts as no match: event.data.n.startsWith") {
		t.Errorf("got the explanation %+v", x)
	}
	w.into(nil, 202, "POST", "/v1/events", `{"id":"e2","type":"a","data":{"n":1}}`)
	w.into(&e, 200, "GET", "/v1/events/e2", "")
	if e.ID != "e2" || e.FilterErrors == nil || len(e.FilterErrors) != 0 {
		t.Errorf("where another part says no: got %+v, want no failures", e)
	}
}
