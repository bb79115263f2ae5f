package dashboard_test

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
)

// page returns a page's HTML.
func (s *server) page(c *http.Client, path string) string {
	s.t.Helper()
	base := s.URL()
	if s.base != "" {
		base = s.base
	}
	r, err := c.Get(base + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		s.t.Errorf("GET %s: %s", path, r.Status)
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// TestAttention goes through an outage: the group of failures appears with advice and is counted in the navigation, somebody
// acknowledges it, and a success resolves it and offers to recover.
func TestAttention(t *testing.T) {
	t.Parallel()
	s, e := startServer(t), newEndpoint(t)
	c := s.person()
	e.status.Store(410)
	hook, err := s.api.CreateWebhook(t.Context(), client.CreateWebhook{URL: e.URL + "/hook", Events: client.Set([]string{"call.*"}), Retry: client.Set(client.RetryFields{Attempts: client.Set(1)})})
	if err != nil {
		t.Fatal(err)
	}
	see := func(path string, texts ...string) {
		t.Helper()
		var got string
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			got = s.page(c, path)
			missing := false
			for _, text := range texts {
				missing = missing || !strings.Contains(got, text)
			}
			if !missing {
				return
			}
		}
		t.Fatalf("%s lacks one of %q:\n%s", path, texts, got)
	}
	see("/t/default/attention", "Nothing is open")
	s.publish(e, 1)
	see("/t/default/attention", "answers 4xx", "1 attempt of 1 delivery", `<span class="badge num">1<span class="vh"> open`)
	group := "/t/default/attention/" + hook.ID + "-status-4xx"
	see(group, "gone for good", "Acknowledge", "/t/default/log/att_", "1 delivery")
	s.post(c, group, url.Values{"state": {"acknowledged"}})
	see(group, "Acknowledged by Ana", "Open again")
	if home := s.page(c, "/t/default/home"); strings.Contains(home, `class="badge`) {
		t.Error("an acknowledged group is counted as open")
	}
	e.status.Store(200)
	s.publish(e, 1)
	see(group, "It works again", "1 delivery was given up", "Recover these")
	see("/t/default/attention", "Nothing is open", "Recover these", "resolved")
}

// TestTwoEdit has two people edit the same webhook: the second is told what the first has saved and what they have
// themselves, nothing is stored, and saving again stores theirs.
func TestTwoEdit(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.person()
	hook, err := s.api.CreateWebhook(t.Context(), client.CreateWebhook{URL: "http://127.0.0.1:8088/hook", Description: client.Set("before"), Events: client.Set([]string{"*"})})
	if err != nil {
		t.Fatal(err)
	}
	path := "/t/default/webhooks/" + hook.ID + "/edit"
	field := regexp.MustCompile(`(?s)<input[^>]* name="([a-zA-Z]+)"[^>]* value="([^"]*)"`)
	version := func(page string) string {
		for _, m := range field.FindAllStringSubmatch(page, -1) {
			if m[1] == "version" {
				return m[2]
			}
		}
		t.Fatalf("the form has no version:\n%s", page)
		return ""
	}
	save := func(version, description, perSecond string) (status int, page string) {
		t.Helper()
		form := url.Values{"version": {version}, "url": {hook.URL}, "description": {description}, "events": {"*"}, "format": {"relay"}, "signature": {"relay"},
			"timeout": {"10s"}, "attempts": {"6"}, "perSecond": {perSecond}}
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		q.Header.Set("Origin", s.URL())
		r, err := c.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		return r.StatusCode, html.UnescapeString(string(b))
	}
	both := version(s.page(c, path)) // each opens the form
	if status, page := save(both, "by the first", "7"); status != http.StatusOK {
		t.Fatalf("the first: got status %d\n%s", status, page)
	}
	status, page := save(both, "by the second", "")
	if status != http.StatusConflict {
		t.Fatalf("the second: got status %d, want 409\n%s", status, page)
	}
	for _, text := range []string{"Somebody else has saved", `Description is now "by the first"; you have "by the second"`, `Requests per second is now "7"; you have ""`, `value="by the second"`} {
		if !strings.Contains(page, text) {
			t.Errorf("the answer lacks %q:\n%s", text, page)
		}
	}
	stored := func(want string) {
		t.Helper()
		w, err := s.api.GetWebhook(t.Context(), hook.ID)
		if err != nil || w.Description != want {
			t.Errorf("stored is %q (%v), want %q", w.Description, err, want)
		}
	}
	stored("by the first")
	if status, page := save(version(page), "by the second", "7"); status != http.StatusOK {
		t.Fatalf("the second again: got status %d\n%s", status, page)
	}
	stored("by the second")
}
