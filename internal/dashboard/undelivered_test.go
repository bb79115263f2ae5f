package dashboard_test

import (
	"fmt"
	"testing"

	"github.com/relay-events/relay/client"
)

// TestUndelivered finds what did not arrive by webhook and reason, recovers it after the page has told how much it is, and
// follows the job; then it looks at an event type and at a respondent, and erases that.
func TestUndelivered(t *testing.T) {
	s, e := startServer(t), newEndpoint(t)
	b := openTab(t, s.URL())
	s.signIn(b)
	e.status.Store(500)
	_, err := s.api.CreateWebhook(t.Context(), client.CreateWebhook{
		URL: e.URL + "/hook", Events: client.Set([]string{"call.completed"}), Retry: client.Set(client.RetryFields{Attempts: client.Set(1)}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := s.api.Publish(t.Context(), client.NewEvent{Type: "call.completed", Data: map[string]any{"sid": "CA1"}}); err != nil {
			t.Fatal(err)
		}
		e.next(t)
	}
	b.press("Undelivered")
	b.until(`location.pathname === "/t/default/undelivered"`)
	b.until(`(() => { if (document.querySelector(".att .pill")?.innerText === "3" && document.querySelectorAll("tbody[data-rows] tr").length === 3) return true; location.reload(); return false })()`)
	b.see("the endpoint answered 500")

	// A redrive tries one first, which fails again; then the endpoint works, and the rest follows.
	b.press("Redrive")
	b.see("3 deliveries would be tried again")
	b.eval(`document.querySelector("#count").value = "1"`)
	b.press("Try these first")
	e.next(t)
	counted := func(name, want string) {
		t.Helper()
		b.until(fmt.Sprintf(`document.querySelector("[data-count=%s]")?.innerText === %q`, name, want))
	}
	counted("bad", "1")
	b.see("the endpoint answered 500")
	for _, found := range b.axe() {
		t.Errorf("redrive: %s", found)
	}
	b.shot("redrive")
	e.status.Store(200)
	b.press("Go on with the rest")
	e.next(t)
	e.next(t)
	counted("ok", "2")
	b.see("All were tried again.")
	e.status.Store(500)
	for range 2 {
		if _, err := s.api.Publish(t.Context(), client.NewEvent{Type: "call.completed", Data: map[string]any{"sid": "CA1"}}); err != nil {
			t.Fatal(err)
		}
		e.next(t)
	}
	b.open("/t/default/undelivered")
	b.until(`(() => { if (document.querySelector(".att .pill")?.innerText === "3") return true; location.reload(); return false })()`)
	e.status.Store(200)
	b.press("Recover")
	b.see("3 deliveries failed in this time.")
	b.click("form.card footer button")
	for range 3 {
		e.next(t)
	}
	b.see("done")
	b.open("/t/default/jobs")
	b.see("100 %")
	b.open("/t/default/undelivered")
	b.until(`(() => { if (document.querySelector("main h2")?.innerText === "None") return true; location.reload(); return false })()`)

	b.press("Event types")
	b.fill("[data-search]", "completed")
	b.press("Search")
	b.until(`document.querySelectorAll("tbody[data-rows] tr").length === 2`)
	b.press("call.completed")
	b.see("Accepted in the last 7 days")
	b.until(`[...document.querySelectorAll("td.r")].some((e) => e.innerText === "5")`)
	b.see("makes call.urgent from it")

	if _, err := s.api.AddRespondent(t.Context(), client.NewRespondent{CampaignID: 5000, Respondent: client.NewPerson{FirstName: client.Set("John <b>"), EmailAddress: client.Set("john@example.com")}}); err != nil {
		t.Fatal(err)
	}
	b.press("Respondents")
	b.see("john@example.com")
	b.eval(`document.querySelector("tbody[data-rows] a").click()`)
	b.see("As it was received")
	b.see("John <b>")
	b.press("Erase")
	b.click("input[name=sure]")
	b.click("button.danger")
	b.see("Nobody is in this state")
}
