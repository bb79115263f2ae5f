package dashboard_test

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
)

// attempts waits for as many attempts and returns them, the newest first.
func (s *server) attempts(n int) []client.Attempt {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		page, err := s.api.ListAttemptsPage(s.t.Context(), client.ListAttemptsParams{Limit: 250})
		if err != nil {
			s.t.Fatal(err)
		}
		if len(page.Data) >= n {
			return page.Data
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("got %d attempts, want %d", len(page.Data), n)
		}
	}
}

// status returns that of a page.
func (s *server) status(c *http.Client, path string) int {
	s.t.Helper()
	r, err := c.Get(s.URL() + path)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode
}

var tags = regexp.MustCompile(`<[^>]*>`)

// words are the texts of a page, with one blank between them.
func words(page string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(page, " "))), " ")
}

// TestCompare puts attempts beside each other: what differs is marked and counted, signatures and times are not, and the
// last attempt that was delivered is offered.
func TestCompare(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	answers := make(chan func(w http.ResponseWriter), 10)
	e := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { (<-answers)(w) }))
	t.Cleanup(e.Close)
	if _, err := s.api.CreateWebhook(t.Context(), client.CreateWebhook{URL: e.URL, Events: client.Set([]string{"*"}), Retry: client.Set(client.RetryFields{Attempts: client.Set(1)})}); err != nil {
		t.Fatal(err)
	}
	publish := func(sid string, answer func(w http.ResponseWriter)) string {
		t.Helper()
		before := len(s.attempts(0))
		answers <- answer
		if _, err := s.api.Publish(t.Context(), client.NewEvent{Type: "call.completed", Data: map[string]any{"sid": sid, "a": 1, "b": 2}}); err != nil {
			t.Fatal(err)
		}
		return s.attempts(before + 1)[0].ID
	}
	good := publish("CA1", func(w http.ResponseWriter) { w.Header().Set("X-Version", "7") })
	bad := publish("CA2", func(w http.ResponseWriter) {
		w.Header().Set("X-Version", "8")
		w.WriteHeader(503)
		_, _ = w.Write([]byte("no <b>database</b>"))
	})
	c := s.person()

	// The last one that was delivered is what a failure is compared with, the earlier one first.
	page := s.page(c, "/t/default/log/"+bad+"/compare")
	text := words(page)
	for _, want := range []string{
		"The answer: 200, then 503.", "The answer's body, in 1 line.", "They are of different deliveries.", "no <b>database",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text)
		}
	}
	rows := regexp.MustCompile(`(?s)<tr[^>]*>.*?</tr>`).FindAllString(page, -1)
	row := func(word string) string {
		for _, r := range rows {
			if strings.Contains(words(r), word) {
				return r
			}
		}
		t.Fatalf("no row has %q:\n%s", word, text)
		return ""
	}
	for word, want := range map[string]string{"X-Version": "differs", "X-Relay-Signature": "soft", `"a": 1`: "same", "CA1": `"removed"`, "CA2": `"added"`} {
		if got := row(word); !strings.Contains(got, want) {
			t.Errorf("the row of %s is not marked %s: %s", word, want, got)
		}
	}
	if i, j := strings.Index(text, "delivered"), strings.Index(text, "failed"); i > j {
		t.Errorf("the later attempt stands first: %s", text)
	}
	if got := words(s.page(c, "/t/default/log-compare?attempt="+bad+"&attempt="+good)); got != text {
		t.Errorf("selected in the log, it shows another comparison: %s", got)
	}
	if got := words(s.page(c, "/t/default/log/"+good+"/compare")); !strings.Contains(got, "There is nothing to compare with") {
		t.Errorf("an attempt without another one shows %s", got)
	}

	// Other tenants' attempts are not there, and it takes two.
	if _, err := s.api.CreateTenant(t.Context(), client.CreateTenant{ID: "other"}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{
		"/t/other/log/" + good + "/compare/" + bad: 404, "/t/default/log/" + good + "/compare/att_00000000000000000": 404,
		"/t/default/log-compare?attempt=" + good: 422,
	} {
		if got := s.status(c, path); got != want {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
}

// TestSelected acts on attempts that were selected in the log: each delivery once, with what was refused and why, and an entry
// in the audit log for each.
func TestSelected(t *testing.T) {
	t.Parallel()
	s, e := startServer(t), newEndpoint(t)
	e.status.Store(500)
	add := func(path string, attempts int) client.Webhook {
		t.Helper()
		w, err := s.api.CreateWebhook(t.Context(), client.CreateWebhook{URL: e.URL + path, Events: client.Set([]string{"call.completed"}), Retry: client.Set(client.RetryFields{Attempts: client.Set(attempts)})})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	add("/gives-up", 1)
	waits, paused := add("/waits", 8), add("/paused", 1)
	for range 2 {
		if _, err := s.api.Publish(t.Context(), client.NewEvent{Type: "call.completed", Data: map[string]any{"sid": "CA1"}}); err != nil {
			t.Fatal(err)
		}
	}
	list := s.attempts(6)
	test, err := s.api.TestWebhook(t.Context(), waits.ID, client.TestRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.PauseWebhook(t.Context(), paused.ID); err != nil {
		t.Fatal(err)
	}
	all := []string{test.Attempt.ID}
	var waiting []string
	for _, a := range list {
		all = append(all, a.ID)
		if a.WebhookID == waits.ID {
			waiting = append(waiting, a.ID)
		}
	}
	viewer := s.asRole("viewer")
	c := s.person()
	do := func(action string, ids ...string) string {
		t.Helper()
		status, page := s.form(c, "/t/default/log-selected/"+action, url.Values{"attempt": ids})
		if status != http.StatusOK {
			t.Fatalf("%s: got %d: %s", action, status, words(page))
		}
		return words(page)
	}
	expect := func(text string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("the answer lacks %q: %s", w, text)
			}
		}
	}
	// Home says how many wait for the webhook, and are held for the one that is paused.
	for deadline := time.Now().Add(time.Minute); !strings.Contains(words(s.page(c, "/t/default/home")), "5xx 2 2 "); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("Home does not say what waits: %s", words(s.page(c, "/t/default/home")))
		}
	}
	expect(do("cancel", append(waiting, waiting...)...), "2 deliveries canceled.")
	expect(do("cancel", waiting...), "0 deliveries canceled.", "2 deliveries: The delivery is canceled already.")
	e.status.Store(200)
	expect(do("retry", all...), "4 deliveries tried again now.", "2 deliveries: The webhook is paused: resume it first.", "1 delivery: A test is no delivery.")
	s.attempts(len(list) + 1 + 4)
	expect(do("resend", waiting[0]), "1 delivery sent once more.")
	s.attempts(len(list) + 1 + 5)
	expect(do("retry", "att_00000000000000000", all[1]), "There is no such attempt")

	for path, want := range map[string]int{"retry": 422, "explode": 404} {
		if got := s.posted(c, "/t/default/log-selected/"+path, nil); got != want {
			t.Errorf("%s of nothing: got %d, want %d", path, got, want)
		}
	}
	if got := s.posted(c, "/t/default/log-selected/retry", url.Values{"attempt": slices.Repeat(all[:1], 501)}); got != 422 {
		t.Errorf("501 attempts: got %d, want 422", got)
	}
	if got := viewer(http.MethodPost, "/t/default/log-selected/retry", url.Values{"attempt": all}); got != http.StatusForbidden {
		t.Errorf("a viewer: got %d, want 403", got)
	}
	if _, err := s.api.CreateTenant(t.Context(), client.CreateTenant{ID: "other"}); err != nil {
		t.Fatal(err)
	}
	if _, page := s.form(c, "/t/other/log-selected/retry", url.Values{"attempt": all[1:2]}); !strings.Contains(words(page), "1 delivery: There is no such attempt") {
		t.Errorf("an attempt of another tenant: %s", words(page))
	}
	for action, want := range map[string]int{"delivery.cancel": 2, "event.resend": 1} {
		page, err := s.api.ListAuditPage(t.Context(), client.ListAuditParams{Action: action})
		if err != nil || len(page.Data) != want {
			t.Errorf("got %d entries of %s, %v, want %d", len(page.Data), action, err, want)
		}
	}
}

// form posts a form and returns the page.
func (s *server) form(c *http.Client, path string, form url.Values) (status int, page string) {
	s.t.Helper()
	q, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Origin", s.URL())
	r, err := c.Do(q)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return r.StatusCode, string(b)
}
