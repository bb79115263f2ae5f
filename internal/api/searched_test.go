package api_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/api"
	"github.com/relay-events/relay/internal/event"
)

// TestWhatSearches holds every turn of the searches: what looks through much waits for one, what has an index does not.
func TestWhatSearches(t *testing.T) {
	w := newWorld(t)
	var created struct{ ID string }
	w.into(&created, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:9876/"}`)
	hook := created.ID
	w.api.Searches = api.NewSearches(1)
	for path, waits := range map[string]bool{
		"/v1/events":        false,
		"/v1/events?type=a": true,
		"/v1/events?since=2020-01-01T00:00:00Z&key=k": true,
		"/v1/attempts":                                     false,
		"/v1/attempts?webhookId=" + hook:                   false,
		"/v1/attempts?status=failed":                       true,
		"/v1/attempts?code=5xx&webhookId=" + hook:          true,
		"/v1/attempts?eventType=a":                         true,
		"/v1/webhooks/" + hook + "/attempts":               false,
		"/v1/webhooks/" + hook + "/attempts?code=404":      true,
		"/v1/webhooks/" + hook + "/attempts?eventType=a.b": true,
		"/v1/deliveries":                                   false,
		"/v1/deliveries?webhookId=" + hook:                 false,
		"/v1/deliveries?state=held":                        true,
		"/v1/deliveries?state=expired&webhookId=" + hook:   true,
		"/v1/respondents":                                  false,
		"/v1/respondents?text=x":                           true,
		"/v1/respondents/export":                           true,
	} {
		leave, err := w.api.Searches.Enter(t.Context(), event.DefaultTenant)
		if err != nil {
			t.Fatal(err)
		}
		answered := make(chan int, 1)
		go func() {
			resp, err := http.DefaultClient.Do(w.request("GET", path, ""))
			if err != nil {
				answered <- 0
				return
			}
			resp.Body.Close()
			answered <- resp.StatusCode
		}()
		// Ours is one; that of the request is the other.
		for w.api.Searches.Users(event.DefaultTenant) < 2 && len(answered) == 0 {
			time.Sleep(time.Millisecond)
		}
		if got := len(answered) == 0; got != waits {
			t.Errorf("%s: got a wait: %t, want %t", path, got, waits)
		}
		leave()
		if status := <-answered; status != 200 {
			t.Errorf("%s: got %d, want 200", path, status)
		}
		for w.api.Searches.Running() > 0 { // the answer comes before the turn ends
			time.Sleep(time.Millisecond)
		}
	}

	// Who does not wait any longer leaves the queue.
	leave, err := w.api.Searches.Enter(t.Context(), event.DefaultTenant)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	ctx, cancel := context.WithCancel(t.Context())
	go http.DefaultClient.Do(w.request("GET", "/v1/attempts?status=failed", "", "Authorization", "Bearer "+w.key(access.ScopeRead)).WithContext(ctx))
	for w.api.Searches.Users(event.DefaultTenant) < 2 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	for w.api.Searches.Users(event.DefaultTenant) > 1 {
		time.Sleep(time.Millisecond)
	}
}
