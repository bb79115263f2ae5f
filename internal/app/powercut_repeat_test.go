package app

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/store/sqlite/powercut"
)

// Deliveries that were answered and are in the synced log are not sent again after a power cut,
// although the rows of owed deliveries are in their state from before the answers.
func TestPowerCutRepeatsNothingAnswered(t *testing.T) {
	const events = 40
	tests := []struct {
		name, webhook string
		first         int // requests that fail before the endpoint starts to wait
	}{
		{"each by itself", `{"url":%q,"events":["a.b"],"retry":{"attempts":9,"waits":["4s"]}}`, events},
		{"in order", `{"url":%q,"events":["a.b"],"ordering":"fifo","retry":{"attempts":9,"waits":["4s"]}}`, 5},
		{"batches", `{"url":%q,"events":["a.b"],"batch":{"maxEvents":7,"maxWait":"1s"},"retry":{"attempts":9,"waits":["4s"]}}`, 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			disk := powercut.Watch(t)
			c := settings(t)
			endpoint := newTarget(t)
			other := newTarget(t)
			endpoint.status = http.StatusInternalServerError
			a := run(t, c)
			var hook, second struct{ ID string }
			ask(t, a, "POST", "/v1/webhooks", fmt.Sprintf(tt.webhook, endpoint.URL), &hook)
			ask(t, a, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"events":["c.d"]}`, other.URL), &second)
			count := func(path, text string) int {
				return strings.Count(string(call(t, a, "GET", path, "")), text)
			}
			deliveries := "/v1/deliveries?limit=200&webhookId=" + hook.ID
			list := make([]client.NewEvent, events)
			for i := range list {
				list[i] = client.NewEvent{Type: "a.b", Key: fmt.Sprint(i % 5), Data: i}
			}
			if _, err := dial(t, a, adminKey).PublishMany(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			until(t, func() bool {
				return endpoint.have(tt.first, 1) && count(deliveries+"&state=waiting", `"eventId"`) >= events/2
			})
			// What a person asks for is synced, and with it all that is owed.
			e, err := dial(t, a, adminKey).Publish(t.Context(), client.NewEvent{Type: "c.d", Data: 1})
			if err != nil {
				t.Fatal(err)
			}
			until(t, func() bool { return other.have(1, 1) })
			ask(t, a, "POST", "/v1/events/"+e.ID+"/resend", "{}", nil)

			endpoint.mu.Lock()
			endpoint.status = http.StatusOK
			endpoint.mu.Unlock()
			until(t, func() bool { return count(deliveries+"&state=delivered", `"eventId"`) == events })
			after := c
			after.Data = filepath.Join(t.TempDir(), "after")
			disk.Cut(t, c.Data, after.Data)
			stop(t, a)

			endpoint.mu.Lock()
			clear(endpoint.got)
			endpoint.mu.Unlock()
			a = run(t, after)
			// Every delivery that came back is looked up when it is due.
			until(t, func() bool {
				return count(deliveries+"&state=waiting", `"eventId"`)+count(deliveries+"&state=inFlight", `"eventId"`) == 0
			})
			endpoint.mu.Lock()
			defer endpoint.mu.Unlock()
			if n := len(endpoint.got); n > 0 {
				t.Errorf("after the power cut %d requests were sent for what was delivered before, want none", n)
			}
		})
	}
}
