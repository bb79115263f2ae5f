package app

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/sqlite/sqlitetest"
)

// An event that the disk has damaged is reported as damaged wherever it is requested, by either of
// its ids; its log entries are shown, and no request is answered 500.
func TestDamagedEventIsTold(t *testing.T) {
	c := settings(t)
	endpoint := newTarget(t)
	a := run(t, c)
	var hook struct{ ID string }
	ask(t, a, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"events":["a.b"]}`, endpoint.URL), &hook)
	e, err := dial(t, a, adminKey).Publish(t.Context(), client.NewEvent{Type: "a.b", ID: "order-17", Data: strings.Repeat("x", 300)})
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() bool {
		return strings.Contains(string(call(t, a, "GET", "/v1/attempts?eventId="+e.ID, "")), `"outcome"`)
	})
	var list struct{ Data []struct{ ID string } }
	ask(t, a, "GET", "/v1/deliveries?webhookId="+hook.ID, "", &list)
	if len(list.Data) != 1 {
		t.Fatalf("got %d deliveries, want 1", len(list.Data))
	}
	d, err := event.ParseDeliveryID(list.Data[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	stop(t, a)
	sqlitetest.Damage(t, c.Data, d.Event)
	a = run(t, c)
	relayID := d.Event.Public(event.EventPrefix)
	for _, id := range []string{"order-17", relayID} {
		for _, q := range []struct{ method, path, body string }{
			{"GET", "/v1/events/" + id, ""},
			{"GET", "/v1/events/" + id + "/deliveries", ""},
			{"GET", "/v1/events/" + id + "/explain", ""},
			{"POST", "/v1/events/" + id + "/resend", "{}"},
		} {
			req, err := http.NewRequestWithContext(t.Context(), q.method, a.URL()+q.path, strings.NewReader(q.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+adminKey)
			req.Header.Set("Content-Type", "application/json")
			res, err := httpClient(t).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			text := string(call(t, a, q.method, q.path, q.body))
			if res.StatusCode != http.StatusConflict || !strings.Contains(text, "is damaged") {
				t.Errorf("%s %s: got status %d, want 409 and that it is damaged: %s", q.method, q.path, res.StatusCode, text)
			}
		}
		if text := string(call(t, a, "GET", "/v1/attempts?eventId="+id, "")); !strings.Contains(text, `"outcome":"delivered"`) {
			t.Errorf("attempts of the damaged event %q: got %s, want that it was delivered", id, text)
		}
	}
	if text := string(call(t, a, "GET", "/v1/events/evt_0000000000001", "")); !strings.Contains(text, "there is no event") {
		t.Errorf("another event: got %s, want that there is none", text)
	}
}
