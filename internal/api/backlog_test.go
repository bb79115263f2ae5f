package api_test

import (
	"testing"
	"time"
)

// TestBacklog: what waits for a webhook is counted, as held while it cannot go out.
func TestBacklog(t *testing.T) {
	w := newWorld(t)
	type counts struct {
		Waiting, Held          int
		OldestDueAt, NextDueAt *time.Time
	}
	var got struct {
		counts
		Webhooks []struct {
			WebhookID string
			counts
		}
	}
	w.into(&got, 200, "GET", "/v1/stats/backlog", "")
	if got.Waiting != 0 || len(got.Webhooks) != 0 {
		t.Errorf("got %+v, want nothing", got)
	}
	held(w)
	held(w) // to the first webhook, too
	w.into(&got, 200, "GET", "/v1/stats/backlog", "")
	for deadline := time.Now().Add(time.Minute); got.Waiting < 3 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		w.into(&got, 200, "GET", "/v1/stats/backlog", "")
	}
	if got.Waiting != 3 || got.Held != 0 || len(got.Webhooks) != 2 || got.Webhooks[0].Waiting != 2 || got.Webhooks[1].Waiting != 1 || got.NextDueAt == nil && got.OldestDueAt == nil {
		t.Fatalf("got %+v, want two deliveries of the first webhook and one of the second", got)
	}
	id := got.Webhooks[0].WebhookID
	w.into(nil, 200, "POST", "/v1/webhooks/"+id+"/pause", "")
	w.into(&got, 200, "GET", "/v1/stats/backlog", "")
	if got.Waiting != 1 || got.Held != 2 || got.Webhooks[0].Held != 2 || got.Webhooks[0].NextDueAt != nil {
		t.Errorf("with a webhook that is paused: got %+v", got)
	}
	w.into(nil, 201, "POST", "/v1/tenants", `{"id":"other"}`)
	w.into(&got, 200, "GET", "/v1/stats/backlog", "", "Relay-Tenant", "other")
	if got.Waiting+got.Held+len(got.Webhooks) != 0 {
		t.Errorf("another tenant: got %+v", got)
	}
}
