package api_test

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestDisablingIsVisible follows a webhook whose endpoint fails, and is disabled in the end: the rule, its counter and the
// reason are on the webhook all the time.
func TestDisablingIsVisible(t *testing.T) {
	w := newWorld(t)
	var status atomic.Int64
	status.Store(500)
	url, got := endpoint(t, func() int { return int(status.Load()) })
	var hook hookDoc
	read := func() map[string]any {
		t.Helper()
		id := hook.ID
		hook = hookDoc{}
		w.into(&hook, 200, "GET", "/v1/webhooks/"+id, "")
		return hook.Health
	}
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"`+url+`","retry":{"attempts":1},"disableOn":[410]}`)
	publish := func(n int) {
		t.Helper()
		for range n {
			w.into(nil, 202, "POST", "/v1/events", `{"type":"a.b","data":{}}`)
			<-got
		}
	}
	at := func(member string) time.Time {
		t.Helper()
		text, _ := hook.Health[member].(string)
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatalf("health.%s: got %v, want a time", member, hook.Health[member])
		}
		return v
	}
	works := func(h map[string]any) bool {
		return h["failingSince"] == nil && h["failures"] == 0.0 && h["lastError"] == nil && h["disablesAt"] == nil && h["disabledAt"] == nil &&
			h["disabledReason"] == nil && h["disableAfter"] == "120h"
	}
	if h := read(); !works(h) {
		t.Errorf("before anything was sent: got %v", h)
	}

	publish(3)
	eventually(t, "three failures are counted", func() bool { return read()["failures"] == 3.0 })
	if h := hook.Health; h["lastError"] != "the endpoint answered 500 Internal Server Error" || h["disableAfter"] != "120h" || h["disabledReason"] != nil {
		t.Errorf("while it fails: got %v, want the last error and no reason", h)
	}
	if since, when := at("failingSince"), at("disablesAt"); when.Sub(since) != 120*time.Hour || time.Since(since) > time.Minute {
		t.Errorf("failing since %v and disabled from %v on, want 120h between", since, when)
	}
	var all page[hookDoc]
	w.into(&all, 200, "GET", "/v1/webhooks", "")
	if h := all.Data[0].Health; h["failures"] != 3.0 || h["disablesAt"] == nil {
		t.Errorf("in the list: got %v, want the same", h)
	}

	status.Store(204)
	publish(1)
	eventually(t, "one success starts the count anew", func() bool { return works(read()) })

	status.Store(410)
	publish(1)
	eventually(t, "a 410 disables it", func() bool { read(); return hook.Status == "disabled" })
	if h := hook.Health; h["disabledReason"] != "the endpoint answered 410 Gone" || h["failures"] != 1.0 || h["disablesAt"] != nil {
		t.Errorf("when it is disabled: got %v, want the reason and the count", h)
	}
	at("disabledAt")
	at("failingSince")

	w.into(nil, 200, "POST", "/v1/webhooks/"+hook.ID+"/resume", "")
	if h := read(); hook.Status != "active" || !works(h) {
		t.Errorf("resumed: got %s and %v, want active and everything forgotten", hook.Status, h)
	}
}
