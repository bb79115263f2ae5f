package dashboard_test

import (
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
)

// TestFirstSteps goes from an empty installation to a delivery without a server of one's own: each step ticks itself, and no
// page is loaded anew on the way. Then the built-in receiver misbehaves, and the retry is seen to arrive.
func TestFirstSteps(t *testing.T) {
	s := startServer(t)
	b := openTab(t, s.URL())
	s.signIn(b)
	b.eval(`window.same = true`)
	b.see("0 of 4 done")
	b.press("Create key")
	b.see("shown this once")
	key := b.text(`document.querySelector("#first-key").textContent`)
	b.see("1 of 4 done")
	b.press("Use the built-in receiver")
	b.see("2 of 4 done")
	if got := b.text(`document.querySelector("#first-key").textContent`); got != key {
		t.Errorf("the key went away while it was needed: %q", got)
	}
	b.press("Send an event")
	b.see("4 of 4 done")
	b.see("The endpoint answered 200")
	if b.text(`String(window.same)`) != "true" {
		t.Error("a page was loaded anew")
	}
	b.press("See what the receiver got")
	b.pill("verified")

	// The key publishes, and does nothing else. What the receiver shows is live.
	api, err := client.New(client.Options{URL: s.URL(), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.ListWebhooksPage(t.Context(), client.ListWebhooksParams{}); err == nil {
		t.Error("the key of the first step may read webhooks")
	}
	publish := func(eventType string) {
		t.Helper()
		if _, err := api.Publish(t.Context(), client.NewEvent{Type: eventType, Data: map[string]any{"sid": hostile}}); err != nil {
			t.Fatal(err)
		}
	}
	publish("hello.world")
	b.see("hello.world")

	hooks, err := s.api.ListWebhooksPage(t.Context(), client.ListWebhooksParams{})
	if err != nil || len(hooks.Data) != 1 || !strings.HasPrefix(hooks.Data[0].URL, "http://receiver.relay.internal/default/") {
		t.Fatalf("got the webhooks %+v, %v", hooks.Data, err)
	}
	retry := client.RetryFields{Attempts: client.Set(5), Waits: client.Set([]client.Duration{client.Duration(time.Second)})}
	if _, err := s.api.UpdateWebhook(t.Context(), hooks.Data[0].ID, client.UpdateWebhook{Retry: client.Set(retry), Timeout: client.Set(client.Duration(time.Second))}); err != nil {
		t.Fatal(err)
	}
	for _, how := range []struct{ button, event, attempt string }{
		{"Answer 500", "order.failed", "500"}, {"Wait 15 s", "order.slow", "timeout"}, {"Cut the body", "order.cut", "200"},
	} {
		b.press(how.button)
		b.until(`document.querySelector(".segments [aria-pressed=true]")?.innerText === ` + quoted(how.button))
		publish(how.event)
		s.attempt(how.event, how.attempt)
		b.see(how.event)
	}
	b.press("Accept")
	// What failed arrives by itself.
	b.until(`[...document.querySelectorAll(".got summary")].some((e) => e.innerText.includes("order.failed") && e.innerText.includes("200"))`)
	b.press("Clear")
	b.until(`!document.body.innerText.includes("hello.world")`)

	// Nobody else's webhook gets there: the URL is one of a webhook, exactly.
	other, err := s.api.CreateWebhook(t.Context(), client.CreateWebhook{URL: hooks.Data[0].URL + "x", Events: client.Set([]string{"*"})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.UpdateWebhook(t.Context(), other.ID, client.UpdateWebhook{URL: client.Set("https://receiver.relay.internal/x")}); err == nil {
		t.Error("https:// to the built-in receiver was taken")
	}
}

// attempt waits until the log has an attempt for the type that was answered so.
func (s *server) attempt(eventType, answer string) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		page, err := s.api.ListAttemptsPage(s.t.Context(), client.ListAttemptsParams{EventType: eventType, Limit: 10})
		if err != nil {
			s.t.Fatal(err)
		}
		for _, a := range page.Data {
			if a.Error != nil && strings.Contains(a.Error.Kind+" "+a.Error.Message, answer) || a.Response != nil && strings.HasPrefix(answer, "200") && a.Response.Status == 200 {
				return
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("no attempt of %s was answered %s: %+v", eventType, answer, page.Data)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func quoted(s string) string { return `"` + s + `"` }
