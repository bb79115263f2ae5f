package api_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
)

type restHookDoc struct {
	ID, TargetURL, Event, Filter, Status, Platform, Secret string
	Events                                                 []string
	Why, Absent                                            *string
	CreatedBy                                              struct{ Kind, ID, Name string }
	Ended                                                  *struct {
		Cause string
		By    struct{ Kind, ID, Name string }
	}
}

// hookKey returns headers with a key of the scope hooks alone.
func (w *world) hookKey(name string) []string {
	w.t.Helper()
	_, text, err := w.keys.Create(w.t.Context(), access.System(event.DefaultTenant), account.NewKey{Name: name, Scopes: []access.Scope{access.ScopeHooks}})
	if err != nil {
		w.t.Fatal(err)
	}
	return []string{"Authorization", "Bearer " + text}
}

// A REST hook is subscribed, gets its events in the envelope with an id, and is unsubscribed twice; a key of the scope hooks
// is enough, and it is nowhere among the webhooks.
func TestHooks(t *testing.T) {
	w := newWorld(t)
	zapier := w.hookKey("Zapier")
	target, got := endpoint(t, func() int { return 200 })
	ask := fmt.Sprintf(`{"targetUrl":%q,"event":"call.completed"}`, target+"/hooks/1")

	a := w.do("POST", "/v1/hooks", ask, zapier...)
	var raw map[string]any
	if err := json.Unmarshal(a.body, &raw); err != nil || a.status != 201 {
		t.Fatalf("subscribing: got %d %s", a.status, a.body)
	}
	if expires, has := raw["expiration_date"]; !has || expires != nil || raw["event"] != "call.completed" || raw["targetUrl"] != target+"/hooks/1" || raw["createdAt"] == nil {
		t.Errorf("subscribing: got %s, want target, event, createdAt and expiration_date null", a.body)
	}
	var hook, again restHookDoc
	if err := json.Unmarshal(a.body, &hook); err != nil {
		t.Fatal(err)
	}
	w.into(&again, 200, "POST", "/v1/hooks", fmt.Sprintf(`{"target_url":%q,"events":["call.completed"]}`, target+"/hooks/1"), zapier...)
	if again.ID != hook.ID || again.Secret != hook.Secret || hook.Secret == "" {
		t.Errorf("the same again: got %+v, want %s with its secret", again, hook.ID)
	}
	again = restHookDoc{}
	w.into(&again, 200, "POST", "/v1/hooks", ask, w.hookKey("n8n")...)
	if again.ID != hook.ID || again.Secret != "" {
		t.Errorf("the same again with another key: got %+v, want %s without its secret", again, hook.ID)
	}

	w.into(nil, 202, "POST", "/v1/events", `{"type":"call.completed","data":{"sid":"CA1"}}`)
	in := <-got
	var body struct {
		ID, Event, WebhookID, Version string
		Data                          struct{ SID string }
	}
	if err := json.Unmarshal(in.body, &body); err != nil || body.ID == "" || body.ID != body.WebhookID || body.Event != "call.completed" || body.Version == "" || body.Data.SID != "CA1" {
		t.Errorf("delivered: got %s, want the envelope with an id like the webhookId", in.body)
	}
	mac := hmac.New(sha256.New, []byte(hook.Secret))
	fmt.Fprintf(mac, "%s.%s", in.header.Get("X-Relay-Timestamp"), in.body)
	if want := fmt.Sprintf("sha256=%x", mac.Sum(nil)); in.header.Get("X-Relay-Signature") != want {
		t.Errorf("signature: got %s, want %s", in.header.Get("X-Relay-Signature"), want)
	}

	// Nowhere among webhooks.
	for path, what := range map[string]string{"/v1/webhooks": "the list of webhooks", "/v1/attempts": "the log", "/v1/deliveries": "the deliveries"} {
		var list struct{ Data []json.RawMessage }
		if w.into(&list, 200, "GET", path, ""); len(list.Data) != 0 {
			t.Errorf("%s: got %s, want no trace of the hook", what, list.Data)
		}
	}
	for _, call := range []string{"GET /v1/webhooks/%s", "PATCH /v1/webhooks/%s {}", "DELETE /v1/webhooks/%s", "POST /v1/webhooks/%s/pause", "POST /v1/webhooks/%s/rotate-secret {}"} {
		parts := append(strings.Split(fmt.Sprintf(call, hook.ID), " "), "")
		w.refused(404, parts[0], parts[1], parts[2])
	}

	for range 2 {
		var gone struct {
			ID      string
			Deleted bool
		}
		if w.into(&gone, 200, "DELETE", "/v1/hooks/"+hook.ID, "", zapier...); gone.ID != hook.ID || !gone.Deleted {
			t.Errorf("unsubscribing: got %+v", gone)
		}
	}
	var list []restHookDoc
	if w.into(&list, 200, "GET", "/v1/hooks", "", zapier...); len(list) != 0 {
		t.Errorf("after unsubscribing: got %+v, want none", list)
	}
	w.into(&list, 200, "GET", "/v1/hooks?status=ended", "", zapier...)
	if len(list) != 1 || list[0].Status != "ended" || list[0].Ended == nil || list[0].Ended.Cause != "unsubscribed" || list[0].Ended.By.Name != "Zapier" ||
		list[0].Why == nil || *list[0].Why != `unsubscribed with the key "Zapier"` {
		t.Errorf("the ended ones: got %+v, want it with the key that ended it", list)
	}
	// What came meanwhile is not for it; another hook tells that Relay has decided who gets the event.
	var other restHookDoc
	w.into(&other, 201, "POST", "/v1/hooks", fmt.Sprintf(`{"targetUrl":%q,"event":"call.completed"}`, target+"/hooks/2"), zapier...)
	w.into(nil, 202, "POST", "/v1/events", `{"type":"call.completed","data":{"sid":"CA2"}}`)
	if in := <-got; !strings.Contains(string(in.body), "CA2") {
		t.Errorf("the other hook got %s", in.body)
	}
	w.into(nil, 200, "DELETE", "/v1/hooks/"+other.ID, "", zapier...)
	w.into(nil, 200, "POST", "/v1/hooks/"+hook.ID+"/restore", "")
	w.into(nil, 202, "POST", "/v1/events", `{"type":"call.completed","data":{"sid":"CA3"}}`)
	if in := <-got; !strings.Contains(string(in.body), "CA3") {
		t.Errorf("after restoring: got %s, want the event that came then", in.body)
	}
	w.refused(409, "POST", "/v1/hooks/"+hook.ID+"/restore", "")
	w.refused(404, "DELETE", "/v1/hooks/hook_none", "", zapier...)
	w.refused(404, "DELETE", "/v1/hooks/"+hook.ID, "", "Authorization", "Bearer "+w.otherKey())
}

func TestHookRequests(t *testing.T) {
	w := newWorld(t)
	for body, field := range map[string]string{
		`{}`: "targetUrl", `{"url":null}`: "targetUrl", `{"url":"http://a/","targetUrl":"http://a/"}`: "targetUrl",
		`{"url":"nonsense"}`: "targetUrl", `{"url":"http://127.0.0.1:1/","event":"a b"}`: "events[0]",
		`{"url":"http://127.0.0.1:1/","event":"gate:respondent"}`: "events[0]", `{"url":"http://127.0.0.1:1/","event":"a","events":["b"]}`: "event",
		`{"url":"http://127.0.0.1:47999/","filter":"event.("}`: "filter",
	} {
		if p := w.refused(422, "POST", "/v1/hooks", body); p.fields() != field {
			t.Errorf("%s: got the fields %q, want %q", body, p.fields(), field)
		}
	}
	for target, want := range map[string]string{
		"https://hooks.zapier.com/hooks/standard/1/abc/": "Zapier", "https://hook.eu1.make.com/xyz": "Make",
		"https://me.app.n8n.cloud/webhook/1/webhook": "n8n", "https://flows.example.com/webhook/1/webhook": "n8n", "https://example.com/in": "example.com",
	} {
		var hook restHookDoc
		if a := w.do("POST", "/v1/hooks", fmt.Sprintf(`{"url":%q}`, target)); a.status == 422 && strings.Contains(string(a.body), "look") {
			continue // a machine without names
		} else if json.Unmarshal(a.body, &hook) != nil || hook.Platform != want || hook.Event != "*" {
			t.Errorf("%s: got %s, want the platform %q and all events", target, a.body, want)
		}
	}
}

// What n8n does when a workflow is turned on and off, and Make with nothing but a URL.
func TestHooksOfN8NAndMake(t *testing.T) {
	w := newWorld(t)
	key := w.hookKey("n8n")
	target, got := endpoint(t, func() int { return 200 })
	exists := func() (id string) {
		var list []restHookDoc
		w.into(&list, 200, "GET", "/v1/hooks?targetUrl="+url.QueryEscape(target+"/webhook/1")+"&event=order.created", "", key...)
		for _, h := range list {
			if h.TargetURL == target+"/webhook/1" {
				id = h.ID
			}
		}
		return id
	}
	if id := exists(); id != "" {
		t.Fatalf("before: got %s, want none", id)
	}
	var hook restHookDoc
	w.into(&hook, 201, "POST", "/v1/hooks", fmt.Sprintf(`{"target_url":%q,"event":"order.created"}`, target+"/webhook/1"), key...)
	if id := exists(); id != hook.ID {
		t.Errorf("checkExists: got %q, want %s", id, hook.ID)
	}
	w.into(nil, 200, "DELETE", "/v1/hooks/"+hook.ID, "", key...)
	if id := exists(); id != "" {
		t.Errorf("after delete: got %s, want none", id)
	}

	var attached map[string]any
	w.into(&attached, 201, "POST", "/v1/hooks", fmt.Sprintf(`{"url":%q}`, target+"/make"), key...)
	w.into(nil, 202, "POST", "/v1/events", `{"type":"anything.at-all","data":7}`)
	if in := <-got; !strings.Contains(string(in.body), `"event":"anything.at-all"`) {
		t.Errorf("Make's hook got %s, want any event", in.body)
	}
	w.into(nil, 200, "DELETE", fmt.Sprint("/v1/hooks/", attached["id"]), "", key...)
}

// A target that answers 410 is gone: the hook ends within a second, what it was owed with it, and it says why.
func TestGoneTargetEndsItsHook(t *testing.T) {
	w := newWorld(t)
	var status atomic.Int64
	status.Store(200)
	target, got := endpoint(t, func() int { return int(status.Load()) })
	var hook restHookDoc
	w.into(&hook, 201, "POST", "/v1/hooks", fmt.Sprintf(`{"url":%q,"event":"a.b"}`, target))
	w.into(nil, 202, "POST", "/v1/events", `{"type":"a.b","data":1}`)
	<-got
	status.Store(http.StatusGone)
	w.into(nil, 202, "POST", "/v1/events", `{"type":"a.b","data":2}`)
	<-got
	answered := time.Now()
	var list []restHookDoc
	eventually(t, "the hook is listed as ended", func() bool {
		w.into(&list, 200, "GET", "/v1/hooks?status=ended", "")
		return len(list) == 1
	})
	if took := time.Since(answered); took > time.Second {
		t.Errorf("it took %v, want at most 1 s", took)
	}
	if list[0].Ended == nil || list[0].Ended.Cause != "gone" || list[0].Ended.By.Kind != "system" || list[0].Why == nil || !strings.Contains(*list[0].Why, "410") {
		t.Errorf("got %+v, want the cause gone and the status", list[0])
	}
	var log struct {
		Data []struct {
			Action string
			Actor  struct{ Kind string }
			Target *string
		}
	}
	w.into(&log, 200, "GET", "/v1/audit?action=hook.end", "")
	if len(log.Data) != 1 || log.Data[0].Actor.Kind != "system" || log.Data[0].Target == nil || *log.Data[0].Target != hook.ID {
		t.Errorf("the audit log: got %+v, want the end of %s by Relay", log.Data, hook.ID)
	}
}

// Hooks have a limit of their own, which is exact; hooks that have ended do not count, and restoring one counts.
func TestHookLimit(t *testing.T) {
	w := newWorld(t)
	own := w.tenantKey("acme")
	w.into(nil, 200, "PATCH", "/v1/tenants/acme", `{"plan":"solo","limits":{"hooks":3}}`)
	w.refused(403, "POST", "/v1/webhooks", aHook, own...)
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[int][]string{}
	for i := range 20 {
		wg.Go(func() {
			var h restHookDoc
			a := w.do("POST", "/v1/hooks", fmt.Sprintf(`{"url":"http://127.0.0.1:47999/%d","event":"a.b"}`, i), own...)
			_ = json.Unmarshal(a.body, &h)
			mu.Lock()
			defer mu.Unlock()
			got[a.status] = append(got[a.status], h.ID)
		})
	}
	wg.Wait()
	if len(got[201]) != 3 || len(got[403]) != 17 {
		t.Fatalf("got %v, want 3 created and 17 refused", got)
	}
	first := got[201][0]
	w.into(nil, 200, "DELETE", "/v1/hooks/"+first, "", own...)
	w.into(nil, 201, "POST", "/v1/hooks", `{"url":"http://127.0.0.1:47999/next"}`, own...)
	if p := w.refused(403, "POST", "/v1/hooks/"+first+"/restore", "", own...); !strings.Contains(p.Detail, "hooks") {
		t.Errorf("restoring over the limit: got %+v, want the limit named", p)
	}
	w.into(nil, 200, "DELETE", "/v1/hooks/"+got[201][1], "", own...)
	w.into(nil, 200, "POST", "/v1/hooks/"+first+"/restore", "", own...)

	// The same subscription, many times at once, is one hook.
	w.into(nil, 200, "PATCH", "/v1/tenants/acme", `{"limits":{"hooks":null}}`)
	ids := map[string]bool{}
	for range 10 {
		wg.Go(func() {
			var h restHookDoc
			a := w.do("POST", "/v1/hooks", `{"url":"http://127.0.0.1:47999/same","event":"a.b"}`, own...)
			_ = json.Unmarshal(a.body, &h)
			mu.Lock()
			defer mu.Unlock()
			ids[h.ID] = true
		})
	}
	wg.Wait()
	if len(ids) != 1 {
		t.Errorf("the same at once: got the ids %v, want one", ids)
	}
}

// Samples are a bare list of what would be delivered; without events there is the catalogue's example.
func TestHookSamples(t *testing.T) {
	w := newWorld(t)
	type sample struct {
		ID, Event, WebhookID string
		Data                 struct {
			N   int
			SID string
		}
	}
	var list []sample
	w.into(nil, 201, "POST", "/v1/event-types", `{"name":"order.created","description":"An order.","example":{"n":41}}`)
	if w.into(&list, 200, "GET", "/v1/hooks/samples?event=order.created", ""); len(list) != 1 || list[0].ID == "" || list[0].Data.N != 41 {
		t.Errorf("without events: got %+v, want the example", list)
	}
	for n := range 5 {
		w.into(nil, 202, "POST", "/v1/events", fmt.Sprintf(`{"type":"order.created","data":{"n":%d}}`, n))
	}
	w.into(nil, 202, "POST", "/v1/events", `{"type":"order.gone","data":{"n":9}}`)
	w.into(&list, 200, "GET", "/v1/hooks/samples?event=order.created&limit=3", "", w.hookKey("Zapier")...)
	if len(list) != 3 || list[0].Data.N != 4 || list[2].Data.N != 2 || list[0].ID == list[1].ID || list[0].ID != list[0].WebhookID {
		t.Errorf("got %+v, want the newest three, each with an id", list)
	}
	if w.into(&list, 200, "GET", "/v1/hooks/samples?event=order.*&limit=2", ""); len(list) != 2 || list[0].Event != "order.gone" {
		t.Errorf("of a pattern: got %+v", list)
	}
	if a := w.do("GET", "/v1/hooks/samples?event=never.published", ""); strings.TrimSpace(string(a.body)) != "[]" {
		t.Errorf("of an unknown type: got %s, want an empty list", a.body)
	}
	w.refused(400, "GET", "/v1/hooks/samples?event=a%20b", "")

	var me struct{ ID, Tenant, Key, Label string }
	if w.into(&me, 200, "GET", "/v1/hooks/me", "", w.hookKey("My Zapier")...); me.ID != "default" || me.Label != "default: My Zapier" {
		t.Errorf("me: got %+v", me)
	}
	type choice struct{ Key, Label, Description string }
	var choices []choice
	if w.into(&choices, 200, "GET", "/v1/hooks/events", ""); !slices.Contains(choices, choice{"order.created", "Order created", "An order."}) {
		t.Errorf("events: got %+v", choices)
	}
}
