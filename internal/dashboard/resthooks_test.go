package dashboard_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
)

// restHooks makes a REST hook of each state, with the longest and most hostile of names.
func (s *server) restHooks() (active, ended string) {
	s.t.Helper()
	e := newEndpoint(s.t)
	key, err := s.api.CreateKey(s.t.Context(), client.CreateKey{Name: "Zapier of the front desk", Scopes: []string{"hooks"}})
	if err != nil {
		s.t.Fatal(err)
	}
	zapier, err := client.New(client.Options{URL: s.URL(), Key: key.Key})
	if err != nil {
		s.t.Fatal(err)
	}
	add := func(api *client.Client, path, event string) string {
		s.t.Helper()
		h, err := api.CreateHook(s.t.Context(), client.CreateHook{TargetURL: client.Set(e.URL + path), Event: client.Set(event)})
		if err != nil {
			s.t.Fatal(err)
		}
		return h.ID
	}
	active = add(zapier, "/hooks/standard/123/abc/", "call.completed")
	add(zapier, "/webhook/7/webhook", "order.*")
	gone := add(zapier, "/gone", "call.urgent")
	ended = add(zapier, "/"+fmt.Sprintf("%0200d", 7), "appointment.booked")
	if _, err := zapier.DeleteHook(s.t.Context(), ended); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.api.Publish(s.t.Context(), client.NewEvent{Type: "call.completed", Data: 1}); err != nil {
		s.t.Fatal(err)
	}
	e.next(s.t)
	e.status.Store(410)
	if _, err := s.api.Publish(s.t.Context(), client.NewEvent{Type: "call.urgent", Data: 1}); err != nil {
		s.t.Fatal(err)
	}
	e.next(s.t)
	e.status.Store(200)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		list, err := s.api.ListHooks(s.t.Context(), client.ListHooksParams{Status: "ended"})
		if err != nil {
			s.t.Fatal(err)
		}
		if len(list) == 2 && (list[0].ID == gone || list[1].ID == gone) {
			return active, ended
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the hook whose target is gone: not ended within 30 s, got %+v", list)
		}
	}
}

// TestRESTHooksPage looks at the page with nothing and with hooks of each state, and restores and removes one. What has ended
// says why, and nothing of it is among the webhooks.
func TestRESTHooksPage(t *testing.T) {
	s := startServer(t)
	b := openTab(t, s.URL())
	s.signIn(b)
	s.check(b, "empty-hooks", "/t/default/hooks")
	b.see("Use events in Zapier, n8n or Make")
	active, ended := s.restHooks()
	b.open("/t/default/home")
	b.see("Latest attempts") // a tenant that has REST hooks alone has begun
	s.check(b, "filled-hooks", "/t/default/hooks")
	b.see("Ended in the last 30 days")
	b.see(`unsubscribed with the key "Zapier of the front desk"`)
	b.see("its target is gone")
	b.click("#" + ended + " button")
	b.until(`!!document.querySelector("#` + ended + `") && document.querySelector("#` + ended + ` button").textContent === "Remove"`)
	b.click("#" + active + " button")
	b.until(`document.querySelector("#` + active + ` button").textContent === "Restore"`)
	b.see("removed by Ana")
	b.until(`!!document.querySelector("#` + active + ` [data-label='Last delivery']")?.textContent.includes("200")`)
	b.open("/t/default/webhooks")
	b.see("Have Relay call your server")
}
