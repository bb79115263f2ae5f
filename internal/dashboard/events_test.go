package dashboard_test

import (
	"net/url"
	"testing"

	"github.com/relay-events/relay/client"
)

// TestEvents finds an event by its text, by its publisher's id and by its type, sees why each webhook got it or did not,
// sends it again, and asks after events that never came: each cause of the document names itself.
func TestEvents(t *testing.T) {
	s, e := startServer(t), newEndpoint(t)
	b := openTab(t, s.URL())
	s.signIn(b)
	add := func(path string, change func(*client.CreateWebhook), events ...string) client.Webhook {
		t.Helper()
		c := client.CreateWebhook{URL: e.URL + path, Events: client.Set(events)}
		if change != nil {
			change(&c)
		}
		w, err := s.api.CreateWebhook(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	taker := add("/all", nil, "call.completed", "call.urgent")
	add("/filter", func(c *client.CreateWebhook) { c.Filter = client.Set(`event.data.sid == "other"`) }, "call.completed")
	add("/orders", nil, "order.created")
	publish := func(n client.NewEvent) {
		t.Helper()
		if _, err := s.api.Publish(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	publish(client.NewEvent{ID: "my-own.id", Type: "call.completed", Key: "room-7", Data: map[string]any{"sid": "CA-needle", "urgency": "low"}})
	e.next(t)

	b.press("Events")
	b.see("my-own.id")
	b.fill("#q", "CA-needle")
	b.press("Search")
	b.until(`document.querySelectorAll("tbody[data-rows] tr").length === 1 && document.querySelectorAll(".dot.ok").length === 1`)
	b.fill("#q", "my-own.id")
	b.press("Search")
	b.see("Webhooks: who got it, and why not")
	b.pill("delivered")
	b.pill("filtered out")
	b.pill("another type")
	b.see("room-7")
	b.press("Resend to all that want it")
	b.see("1 delivery is on the way")
	e.next(t)

	ask := func(w client.Webhook, typ, text, want string) {
		t.Helper()
		b.open("/t/default/missing?" + url.Values{"webhook": {w.ID}, "type": {typ}, "text": {text}, "period": {"24h"}}.Encode())
		b.see(want)
	}
	ask(taker, "call.urgent", "", "are derived from call.completed")
	b.see("the reason stands beside each")
	ask(taker, "call.complete", "", "may be misspelt")
	b.see("does not ask for this type")
	ask(taker, "call.completed", "nobody said this", "Nothing was published")
	ask(taker, "call.completed", "CA-needle", "What became of the last 1 event")
	b.pill("delivered")
	if _, err := s.api.PauseWebhook(t.Context(), taker.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.RotateWebhookSecret(t.Context(), taker.ID, client.RotateRequest{}); err != nil {
		t.Fatal(err)
	}
	publish(client.NewEvent{Type: "call.completed", Data: map[string]any{"sid": "CA-late"}})
	ask(taker, "call.completed", "CA-late", "The webhook is paused.")
	b.see("The secret was rotated")
	b.pill("paused")
}
