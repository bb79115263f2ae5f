package dashboard_test

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
)

var (
	hiddenField = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)
	tileCount   = regexp.MustCompile(`data-count="(\w+)">(\d+)<`)
)

// TestRedrive tries failed deliveries again in stages: those of one reason, a few first, the rest at a rate, and stops by
// itself when they go on failing.
func TestRedrive(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	var works atomic.Bool
	e := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		switch {
		case works.Load():
		case strings.Contains(string(b), "rejected"):
			w.WriteHeader(http.StatusBadRequest)
		default:
			w.WriteHeader(http.StatusBadGateway)
		}
	}))
	t.Cleanup(e.Close)
	hook, err := s.api.CreateWebhook(t.Context(), client.CreateWebhook{URL: e.URL, Events: client.Set([]string{"call.completed"}), Retry: client.Set(client.RetryFields{Attempts: client.Set(1)})})
	if err != nil {
		t.Fatal(err)
	}
	var list []client.NewEvent
	for range 20 {
		list = append(list, client.NewEvent{Type: "call.completed", Data: map[string]any{"sid": "CA1"}})
	}
	for range 2 {
		list = append(list, client.NewEvent{Type: "call.completed", Data: map[string]any{"sid": "rejected"}})
	}
	if _, err := s.api.PublishMany(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	s.attempts(len(list))
	viewer, c := s.asRole("viewer"), s.person()
	// Home and the page of the webhook say what failed, and lead to the log.
	for _, path := range []string{"/t/default/home", "/t/default/webhooks/" + hook.ID} {
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			page := s.page(c, path)
			if strings.Contains(words(page), "4xx 2 5xx 20") && strings.Contains(page, "/t/default/log?code=5xx&amp;webhook="+hook.ID) && strings.Contains(page, `aria-label="0 accepted, 4xx 2, 5xx 20"`) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s does not say what failed: %s", path, words(page))
			}
		}
	}
	if got := words(s.page(c, "/t/default/redrive?webhook="+hook.ID)); !strings.Contains(got, "20 The endpoint answers 5xx") || !strings.Contains(got, "2 The endpoint answers 4xx") || !strings.Contains(got, "22 deliveries would be tried again") {
		t.Fatalf("what failed is not counted: %s", got)
	}
	page := s.page(c, "/t/default/redrive?webhook="+hook.ID+"&reason=status-5xx")
	if got := words(page); !strings.Contains(got, "20 deliveries would be tried again") {
		t.Fatalf("what failed for the reason is not counted: %s", got)
	}
	// step presses a button, or none, as the page does by itself.
	step := func(press url.Values) map[string]string {
		t.Helper()
		form := url.Values{}
		for _, m := range hiddenField.FindAllStringSubmatch(page[strings.Index(page, `id="redrive"`):], -1) {
			form.Set(m[1], html.UnescapeString(m[2]))
		}
		for k, v := range press {
			form[k] = v
		}
		if form.Get("rate") == "" {
			form.Set("rate", "5")
		}
		var status int
		if status, page = s.form(c, "/t/default/redrive", form); status != http.StatusOK {
			t.Fatalf("got %d: %s", status, words(page))
		}
		counts := make(map[string]string)
		for _, m := range tileCount.FindAllStringSubmatch(page, -1) {
			counts[m[1]] = m[2]
		}
		return counts
	}
	// until takes steps until it has stopped and nothing is pending.
	until := func(press url.Values) map[string]string {
		t.Helper()
		counts := step(press)
		for deadline := time.Now().Add(time.Minute); counts["pending"] != "0" || strings.Contains(page, `name="then" value="run"`); counts = step(nil) {
			if time.Now().After(deadline) {
				t.Fatalf("no result: %v", counts)
			}
			time.Sleep(10 * time.Millisecond)
		}
		return counts
	}
	expect := func(got map[string]string, tried, ok, bad string) {
		t.Helper()
		if got["tried"] != tried || got["ok"] != ok || got["bad"] != bad {
			t.Errorf("got %v, want %s tried, %s delivered and %s failed again", got, tried, ok, bad)
		}
	}
	press := func(action, field, value string) url.Values {
		return url.Values{"action": {action}, field: {value}}
	}
	expect(until(press("try", "count", "1")), "1", "0", "1")

	// What goes on failing stops by itself, and people can go on in spite of it.
	got := until(press("run", "rate", "5"))
	if !strings.Contains(words(page), "It has stopped. More than half") {
		t.Errorf("it goes on although all fail: %v %s", got, words(page))
	}
	tried := got["tried"]
	if tried == "20" || got["ok"] != "0" {
		t.Errorf("got %v, want some tried, and not all", got)
	}
	works.Store(true)
	got = until(press("run", "rate", "50"))
	if got["tried"] != "20" || got["bad"] != tried || !strings.Contains(words(page), "All were tried again.") {
		t.Errorf("got %v after %s had failed again, want the rest delivered: %s", got, tried, words(page))
	}
	// Of the other reason nothing was tried.
	if got := words(s.page(c, "/t/default/redrive?webhook="+hook.ID)); !strings.Contains(got, "2 The endpoint answers 4xx") {
		t.Errorf("those of another reason were tried: %s", got)
	}
	if list, err := s.api.ListAuditPage(t.Context(), client.ListAuditParams{Action: "delivery.retry", Limit: 100}); err != nil || len(list.Data) != 20 {
		t.Errorf("got %d entries in the audit log, %v, want 20", len(list.Data), err)
	}

	form := url.Values{"webhook": {hook.ID}, "since": {"24h"}, "action": {"try"}, "count": {"10"}}
	if got := viewer(http.MethodPost, "/t/default/redrive", form); got != http.StatusForbidden {
		t.Errorf("a viewer: got %d, want 403", got)
	}
	if got := viewer(http.MethodGet, "/t/default/redrive", nil); got != http.StatusForbidden {
		t.Errorf("a viewer: got %d, want 403", got)
	}
	if _, err := s.api.CreateTenant(t.Context(), client.CreateTenant{ID: "other"}); err != nil {
		t.Fatal(err)
	}
	if got := s.posted(c, "/t/other/redrive", form); got != http.StatusNotFound {
		t.Errorf("another tenant's webhook: got %d, want 404", got)
	}
	for field, value := range map[string]string{"count": "10000", "action": "explode", "since": "9h"} {
		wrong := url.Values{"webhook": {hook.ID}, "since": {"24h"}, "action": {"try"}, "count": {"10"}}
		wrong.Set(field, value)
		if got := s.posted(c, "/t/default/redrive", wrong); got != http.StatusUnprocessableEntity {
			t.Errorf("%s %s: got %d, want 422", field, value, got)
		}
	}
	if _, err := s.api.PauseWebhook(t.Context(), hook.ID); err != nil {
		t.Fatal(err)
	}
	if _, page := s.form(c, "/t/default/redrive", form); !strings.Contains(words(page), "The webhook is paused: resume it first.") {
		t.Errorf("a paused webhook: %s", words(page))
	}
}
