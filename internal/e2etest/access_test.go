package e2etest

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
)

// TestKeysAndScopes tries each scope against calls of each kind.
func TestKeysAndScopes(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	v := startReceiver(t)
	hook := r.webhook(`{"url":"` + v.url + `"}`)
	type keyDoc struct{ ID, Key, Hint string }
	newKey := func(scopes string) keyDoc {
		var k keyDoc
		r.into(&k, 201, "POST", "/v1/keys", `{"name":"test","scopes":[`+scopes+`]}`)
		return k
	}
	calls := map[string][]string{ // by required scope: method, path, body
		"publish": {"POST", "/v1/events", `{"type":"call.completed","data":{}}`},
		"read":    {"GET", "/v1/webhooks/" + hook.ID, ""},
		"manage":  {"PATCH", "/v1/webhooks/" + hook.ID, `{"description":"x"}`},
		"admin":   {"GET", "/v1/keys", ""},
	}
	for scope, may := range map[string]string{
		"publish": "publish", "read": "read", "manage": "read manage", "admin": "publish read manage admin",
	} {
		k := newKey(`"` + scope + `"`)
		if k.Key == "" || strings.Contains(k.Hint, k.Key) {
			t.Errorf("key with %s: got %+v, want its text, and a hint without it", scope, k)
		}
		for need, c := range calls {
			a := r.do(c[0], c[1], c[2], "Authorization", "Bearer "+k.Key)
			if allowed := a.status/100 == 2; allowed != strings.Contains(may, need) || !allowed && a.status != 403 {
				t.Errorf("%s %s with a key of the scope %s: got %d, want allowed: %t", c[0], c[1], scope, a.status, strings.Contains(may, need))
			}
		}
	}

	// The three ways to send a key, and some that are ignored.
	k := newKey(`"read"`)
	for _, headers := range [][]string{
		{"Authorization", "Bearer " + k.Key}, {"Authorization", "Apikey " + k.Key}, {"Authorization", "", "ApiKey", k.Key},
	} {
		r.into(nil, 200, "GET", "/v1/webhooks", "", headers...)
	}
	for _, value := range []string{"", "Bearer " + k.Key + "x", "Bearer " + k.Key[:len(k.Key)-1], "Basic " + k.Key, k.Key} {
		r.refused(401, "GET", "/v1/webhooks", "", "Authorization", value)
	}
	if a := r.do("GET", "/v1/keys", ""); strings.Contains(string(a.body), k.Key) {
		t.Errorf("the list of keys shows a key")
	}
	r.into(nil, 204, "DELETE", "/v1/keys/"+k.ID, "")
	r.refused(401, "GET", "/v1/webhooks", "", "Authorization", "Bearer "+k.Key)
	r.stop()
	r.start()
	r.refused(401, "GET", "/v1/webhooks", "", "Authorization", "Bearer "+k.Key)
	for _, path := range []string{"/livez", "/readyz", "/openapi.json", "/docs"} {
		if a := r.do("GET", path, "", "Authorization", ""); a.status != 200 {
			t.Errorf("GET %s without a key: got %d, want 200", path, a.status)
		}
	}
}

// TestIdempotency publishes the same event again in every way.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	v := startReceiver(t)
	r.webhook(`{"url":"` + v.url + `"}`)

	const order = `{"id":"order-1","type":"order.paid","data":{"total":1.50}}`
	first := r.publish(order)
	if first.Duplicate || first.ID != "order-1" {
		t.Errorf("first: got %+v, want no duplicate, its own id", first)
	}
	again := r.publish(order)
	if !again.Duplicate || again.ID != first.ID || again.Timestamp != first.Timestamp {
		t.Errorf("again: got %+v, want the first result %+v as duplicate", again, first)
	}
	r.refused(409, "POST", "/v1/events", `{"id":"order-1","type":"order.paid","data":{"total":1.51}}`)
	// An array is all or nothing.
	r.refused(409, "POST", "/v1/events", `[{"id":"order-2","type":"order.paid","data":1},{"id":"order-1","type":"order.paid","data":2}]`)
	r.refused(404, "GET", "/v1/events/order-2", "")
	var many publishedManyDoc
	r.into(&many, 202, "POST", "/v1/events", `[`+order+`,{"id":"order-3","type":"order.paid","data":1}]`)
	if many.Accepted != 1 || many.Duplicates != 1 || !many.Events[0].Duplicate || many.Events[1].Duplicate {
		t.Errorf("array with one duplicate: got %+v", many)
	}

	const plain = `{"type":"call.completed","data":{"n":1}}`
	one := r.publish(plain, "Idempotency-Key", "k1")
	if two := r.publish(plain, "Idempotency-Key", "k1"); !two.Duplicate || two.ID != one.ID {
		t.Errorf("same Idempotency-Key: got %+v, want %s as duplicate", two, one.ID)
	}
	r.refused(409, "POST", "/v1/events", `{"type":"call.completed","data":{"n":2}}`, "Idempotency-Key", "k1")

	r.kill() // an answered request is durable, with its key
	r.start()
	if again := r.publish(order); !again.Duplicate {
		t.Errorf("after a crash: got %+v, want a duplicate", again)
	}
	if two := r.publish(plain, "Idempotency-Key", "k1"); !two.Duplicate || two.ID != one.ID {
		t.Errorf("same Idempotency-Key after a crash: got %+v, want %s as duplicate", two, one.ID)
	}

	// Of two hundred at once, one is stored.
	const at = 200
	var wait sync.WaitGroup
	var mu sync.Mutex
	stored, ids := 0, make(map[string]bool)
	for range at {
		wait.Go(func() {
			a, err := r.try("POST", "/v1/events", `{"type":"race.test","data":{"n":1}}`, "Idempotency-Key", "race")
			var p publishedDoc
			if err != nil || a.status != 202 || json.Unmarshal(a.body, &p) != nil {
				t.Errorf("publishing at once: got %d %s, %v, want 202", a.status, a.body, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids[p.ID] = true
			if !p.Duplicate {
				stored++
			}
		})
	}
	wait.Wait()
	if stored != 1 || len(ids) != 1 {
		t.Errorf("%d publishes at once with one key: got %d stored, %d ids, want 1 and 1", at, stored, len(ids))
	}
	var events list[eventDoc]
	r.into(&events, 200, "GET", "/v1/events?type=race.test", "")
	if len(events.Data) != 1 {
		t.Errorf("%d publishes at once with one key: the list has %d events, want 1", at, len(events.Data))
	}
}

// TestBadRequestsNameTheField sends common mistakes, and expects the answer to name the field and
// the store to stay unchanged.
func TestBadRequestsNameTheField(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	for _, c := range []struct {
		path, body string
		status     int
		field      string
	}{
		{"/v1/events", `{"typ":"call.completed","data":{}}`, 422, "typ type"},
		{"/v1/events", `{"type":"call.completed"}`, 422, "data"},
		{"/v1/events", `{"data":{}}`, 422, "type"},
		{"/v1/events", `{"type":7,"data":{}}`, 422, "type"},
		{"/v1/events", `{"type":"a b","data":{}}`, 422, "type"},
		{"/v1/events", `[{"type":"a","data":1},{"type":"a","dat":1}]`, 422, "[1].dat [1].data"},
		{"/v1/events", `{"type":"a","data":{"x":1,"x":2}}`, 400, "body"},
		{"/v1/events", `{"type":"a","data":{},}`, 400, "body"},
		{"/v1/events", "{\"type\":\"a\",\"data\":\"\xff\"}", 400, "body"},
		{"/v1/events", `{"type":"a","data":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, 400, "body"},
		{"/v1/webhooks", `{"url":"https://example.com/","evnts":["*"]}`, 422, "evnts"},
		{"/v1/webhooks", `{}`, 422, "url"},
		{"/v1/webhooks", `{"url":"https://10.0.0.1/"}`, 422, "url"},
		{"/v1/webhooks", `{"url":"https://169.254.169.254/latest/"}`, 422, "url"},
		{"/v1/webhooks", `{"url":"http://example.com/"}`, 422, "url"},
		{"/v1/webhooks", `{"url":"https://user:secret@example.com/"}`, 422, "url"},
		{"/v1/webhooks", `{"url":"https://127.0.0.1/","retry":{"attempts":51}}`, 422, "retry.attempts"},
		{"/v1/webhooks", `{"url":"https://127.0.0.1/","headers":{"Host":"x"}}`, 422, `headers["Host"]`},
		{"/v1/keys", `{"name":"x","scopes":["root"]}`, 422, "scopes[0]"},
	} {
		if got := r.refused(c.status, "POST", c.path, c.body); got != c.field {
			t.Errorf("POST %s %.100s: got fields %q, want %q", c.path, c.body, got, c.field)
		}
	}
	r.refused(413, "POST", "/v1/events", `{"type":"a","data":"`+strings.Repeat("x", 1<<20)+`"}`)
	r.refused(415, "POST", "/v1/events", `{"type":"a","data":1}`, "Content-Type", "text/plain")
	r.refused(405, "PUT", "/v1/events", `{}`)
	r.refused(404, "GET", "/v1/nothing", "")
	for _, path := range []string{"/v1/events", "/v1/webhooks"} {
		var l list[json.RawMessage]
		r.into(&l, 200, "GET", path, "")
		if len(l.Data) != 0 {
			t.Errorf("after refused requests %s has %s, want nothing", path, l.Data)
		}
	}
}
