package dashboard_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/testenv"
)

// publishMany publishes n events of the type with the data {"n": 0} and so on.
func (s *server) publishMany(typ string, n int) {
	s.t.Helper()
	const each = 1000
	for from := 0; from < n; from += each {
		var b strings.Builder
		for i := from; i < min(from+each, n); i++ {
			fmt.Fprintf(&b, `,{"type":%q,"data":{"n":%d}}`, typ, i)
		}
		req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL()+"/v1/events", strings.NewReader("["+b.String()[1:]+"]"))
		if err != nil {
			s.t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+adminKey)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			s.t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted {
			s.t.Fatalf("publishing: %s", resp.Status)
		}
	}
}

// TestShape writes a filter and a transform as a person does: an error at its line, a try on typed data by the keyboard, a
// back-test of 10,000 events with the right numbers, and a difference before saving.
func TestShape(t *testing.T) {
	n := 10_000
	if testenv.Race {
		n = 1000 // each event runs two scripts, ten times as slow
	}
	s, e := startServer(t), newEndpoint(t)
	w, err := s.api.CreateWebhook(t.Context(), client.CreateWebhook{
		URL: e.URL, Events: client.Set([]string{"order.paid"}), Filter: client.Set(fmt.Sprintf("event.data.n < %d", n/2)),
		Transform: client.Set("function transform(event) {\n  return { body: { n: event.data.n } };\n}"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.PauseWebhook(t.Context(), w.ID); err != nil { // so that nothing is delivered meanwhile
		t.Fatal(err)
	}
	s.publishMany("order.paid", n-n/50)
	s.publishMany("order.lost", n/50) // of a type that the webhook does not want
	b := openTab(t, s.URL())
	b.expect("422")
	s.signIn(b)
	page := "/t/default/webhooks/" + w.ID + "/shape"
	b.open(page)

	// Errors, each at its place.
	b.fill("#transform", "function transform(event) {\n  return {{ body: 1 };\n}")
	b.fill("#filter", "event.data.n >=")
	b.press("Try")
	b.see("Filter does not compile: line 1, column 16")
	b.fill("#filter", fmt.Sprintf("event.data.n >= %d", n/4))
	b.press("Try")
	b.see("2    return {{ body: 1 };")

	// Typed data, by the keyboard.
	b.fill("#transform", fmt.Sprintf("function transform(event) {\n  const n = event.data.n;\n  if (n === %d) throw new Error(\"not this one\");\n  return { body: n < %d ? { n: n } : { n: n, large: true } };\n}", n/4+1, n*2/5))
	b.eval(`document.querySelector("#sample").value = "typed"`)
	b.fill("#data", fmt.Sprintf(`{"n": %d}`, n*2/5))
	b.eval(`document.querySelector("#data").dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", ctrlKey: true, bubbles: true, cancelable: true}))`)
	b.pill("sent")
	b.see(`"large": true`)
	b.fill("#data", `{"n": 1}`)
	b.press("Try")
	b.pill("filtered out")
	b.fill("#data", `{"n": `)
	b.press("Try")
	b.see("is not valid JSON")
	b.eval(`document.querySelector("#sample").selectedIndex = 0`) // the newest event: it has the highest number
	b.press("Try")
	b.pill("sent")
	b.see(fmt.Sprintf(`"n": %d`, n-n/50-1))
	b.shot("shape-tried")

	// The back-test.
	b.eval(`window.progress = [], new MutationObserver(() => { const p = document.querySelector("progress.whole"); if (p) window.progress.push(p.value) }).observe(document.body, {childList: true, subtree: true})`)
	b.press("Back-test")
	b.until(`document.querySelector("#back-tested") && !document.querySelector("progress.whole")`)
	for name, want := range map[string]int{
		"in": n/2 - n/50, "out": n / 4, "changed": n / 10, "unchanged": n*3/20 - 1, // and one for which the transform fails
	} {
		if got := b.text(fmt.Sprintf(`document.querySelector("[data-count=%s]").innerText.replace(/\D/g, "")`, name)); got != fmt.Sprint(want) {
			t.Errorf("%s: got %s events, want %d", name, got, want)
		}
	}
	b.see("The transform fails for 1 event.")
	b.see("All events back to")
	b.pill("newly in")
	if got := b.text(`String(window.progress.length)`); got == "0" && !testenv.Race { // few events may take a moment only
		t.Error("no progress was shown")
	}
	b.eval(`document.querySelector("#shape-result details").open = true`)
	b.shot("shape-tested")
	for _, found := range b.axe() {
		t.Error(found)
	}

	// Saving shows the difference first.
	before, after := fmt.Sprintf("event.data.n < %d", n/2), fmt.Sprintf("event.data.n >= %d", n/4)
	b.press("Review and save")
	b.see("What will change")
	for selector, want := range map[string]string{".diff .removed": before, ".diff .added": after} {
		if got := b.text(fmt.Sprintf(`document.querySelector(%q).innerText`, selector)); !strings.Contains(got, want) {
			t.Errorf("the difference shows %q, want %q", got, want)
		}
	}
	if now, err := s.api.GetWebhook(t.Context(), w.ID); err != nil || now.Filter != before {
		t.Errorf("before it was confirmed: got %q, %v", now.Filter, err)
	}
	// Somebody else is faster.
	if _, err := s.api.UpdateWebhook(t.Context(), w.ID, client.UpdateWebhook{Filter: client.Set("event.data.n < 7")}); err != nil {
		t.Fatal(err)
	}
	b.expect("409")
	b.press("Save")
	b.see("Somebody else has saved this webhook")
	b.see("event.data.n < 7")
	b.press("Save")
	b.until(`location.pathname === "/t/default/webhooks/` + w.ID + `"`)
	if now, err := s.api.GetWebhook(t.Context(), w.ID); err != nil || now.Filter != after {
		t.Errorf("got %q, %v", now.Filter, err)
	}
}
