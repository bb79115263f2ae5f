package dashboard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/relay-events/relay/client"
)

// TestPortalWords gives each phrase words in brackets, and finds no other words on any page of a portal: whatever people
// read is a phrase, so that each language has it. What stands there besides is data, which this test makes of digits.
func TestPortalWords(t *testing.T) {
	s, e := startServer(t), newEndpoint(t)
	list, err := s.api.ListPortalWords(t.Context(), client.ListPortalWordsParams{})
	if err != nil {
		t.Fatal(err)
	}
	words := make(map[string]string)
	for _, w := range list {
		words[w.Phrase] = "⟦" + w.Word + "⟧"
	}
	if _, err := s.api.UpdatePortal(t.Context(), client.UpdatePortal{Name: client.Set("42"), Words: client.Set(words)}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.b", "c.d"} {
		if _, err := s.api.CreateEventType(t.Context(), client.CreateEventType{Name: name, Description: client.Set("123. 456"), Example: map[string]any{"n": 1}}); err != nil {
			t.Fatal(err)
		}
	}
	hook := func(path string, labels map[string]string, events ...string) client.Webhook {
		t.Helper()
		w, err := s.api.CreateWebhook(t.Context(), client.CreateWebhook{URL: e.URL + path, Events: client.Set(events), Labels: client.Set(labels)})
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	good, paused := hook("/1", nil, "*"), hook("/2", nil, "a.b", "c.d", "e.f", "g.h", "i.j")
	gone := httptest.NewServer(nil)
	gone.Close()
	dead, err := s.api.CreateWebhook(t.Context(), client.CreateWebhook{URL: gone.URL + "/3", Events: client.Set([]string{"a.b"}), Retry: client.Set(client.RetryFields{Attempts: client.Set(1)})})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.api.PauseWebhook(t.Context(), paused.ID); err != nil {
		t.Fatal(err)
	}
	publish := func() {
		t.Helper()
		if _, err := s.api.Publish(t.Context(), client.NewEvent{Type: "a.b", Data: map[string]any{"n": 1}}); err != nil {
			t.Fatal(err)
		}
	}
	publish()
	delivered, failed := s.theLog(good.ID), s.theLog(dead.ID)
	e.status.Store(500)
	publish()
	var retrying client.Attempt
	for retrying = s.theLog(good.ID); retrying.ID == delivered.ID; retrying = s.theLog(good.ID) {
		time.Sleep(10 * time.Millisecond)
	}
	job, err := s.api.ReplayWebhook(t.Context(), good.ID, client.SinceRequest{Since: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	v := s.visit(client.CreatePortalLink{Capabilities: client.Set([]string{"manage", "test", "replay", "secret", "transform"}), EventTypes: client.Set([]string{"a.b", "c.d"})})

	get := []string{
		"/webhooks", "/webhooks?q=nothing", "/webhooks?state=paused", "/webhooks/new", "/log", "/log?outcome=failed", "/log?code=418", "/log?q=x", "/log?code=1", "/log?webhook=" + good.ID,
		"/log/" + delivered.ID, "/log/" + failed.ID, "/log/" + retrying.ID, "/jobs/" + job.ID, "/types", "/types?q=nothing", "/types/a.b", "/nothing", "/webhooks/wh_none", "/log/att_0", "/ended", "/enter",
	}
	for _, id := range []string{good.ID, paused.ID, dead.ID} {
		for _, page := range []string{"", "/edit", "/rotate", "/recover", "/recover/count?since=1h", "/delete"} {
			get = append(get, "/webhooks/"+id+page)
		}
	}
	read := func(name string, status int, body string) {
		t.Helper()
		if status == http.StatusInternalServerError {
			t.Errorf("%s: got %d", name, status)
		}
		for _, text := range unsaid(t, body) {
			t.Errorf("%s: has no words in other languages: %q", name, text)
		}
	}
	for _, page := range get {
		status, body := v.get(page)
		read(page, status, body)
	}
	wrong := form("http://user@example.com/", "1 2")
	wrong.Set("timeout", "1ns")
	bad := url.Values{"url": {"x"}, "timeout": {"x"}, "attempts": {"x"}, "perSecond": {"x"}, "format": {"relay"}, "signature": {"relay"}}
	many := form("http://10.0.0.1/", "a.b")
	many.Set("description", strings.Repeat("1", 2000))
	for _, p := range []struct {
		path string
		form url.Values
	}{
		{"/webhooks/new", wrong}, {"/webhooks/new", bad}, {"/webhooks/new", many}, {"/webhooks/new", form("http://example.com:99999/", "a.b")}, {"/webhooks/new", form(e.URL+"/4", "a.b")},
		{"/webhooks/" + good.ID + "/test", nil}, {"/webhooks/" + good.ID + "/edit", form(e.URL+"/5", "a.b")}, {"/webhooks/" + good.ID + "/rotate", nil}, {"/webhooks/" + good.ID + "/pause", nil}, {"/webhooks/" + good.ID + "/resume", nil},
		{"/webhooks/" + dead.ID + "/delete", url.Values{"host": {"1"}}}, {"/webhooks/" + good.ID + "/recover", url.Values{"since": {"24h"}}}, {"/webhooks/" + good.ID + "/recover", nil},
		{"/log/" + failed.ID + "/retry", nil}, {"/log/" + failed.ID + "/cancel", nil}, {"/log/" + delivered.ID + "/cancel", nil},
		{"/log/" + delivered.ID + "/doctor", nil}, {"/log/" + delivered.ID + "/doctor", url.Values{"computed": {strings.Repeat("ab", 32)}}}, {"/log/" + delivered.ID + "/doctor", url.Values{"secret": {"1"}, "headers": {"1: 2"}}}, {"/jobs/" + job.ID + "/cancel", nil}, {"/enter", url.Values{"key": {"rpk_1"}}},
	} {
		status, body := v.post(p.path, p.form)
		read("POST "+p.path, status, body)
	}
	viewer := s.visit(client.CreatePortalLink{})
	status, body := viewer.get("/webhooks/new")
	read("as a viewer", status, body)

	// Each language makes pages of its own, with numbers as it writes them.
	for language, want := range map[string]string{"en": "Add webhook", "de": "Webhook hinzufügen", "da": "Tilføj webhook"} {
		if _, err := s.api.UpdatePortal(t.Context(), client.UpdatePortal{Words: client.Set(map[string]string{}), Theme: client.Set(client.PortalThemeFields{Language: client.Set(language)})}); err != nil {
			t.Fatal(err)
		}
		status, body := v.get("/webhooks")
		if status != 200 || !strings.Contains(body, want) || !strings.Contains(body, `lang="`+language+`"`) || strings.Contains(body, "{1}") {
			t.Errorf("%s: got %d %s", language, status, main(body))
		}
	}
}

// data are words on a page that are the same in all languages.
var data = regexp.MustCompile(`\b(?:(?:wh|evt|att|job|po|del|req)_\w+|ms|min|UTC|KiB|https?|GET|POST|JavaScript)\b`)

var (
	bracketed = regexp.MustCompile(`⟦[^⟦⟧]*⟧`)
	word      = regexp.MustCompile(`\p{L}{2,}`)
)

// unsaid returns the texts of a page, read or heard, that have words outside of brackets.
func unsaid(t *testing.T, page string) (list []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	check := func(text string) {
		if strings.HasPrefix(text, "event.") { // an example of a filter
			return
		}
		rest := text
		for bracketed.MatchString(rest) { // phrases stand within others
			rest = bracketed.ReplaceAllString(rest, "")
		}
		rest = data.ReplaceAllString(rest, "")
		for code := 200; code < 600; code++ {
			if name := http.StatusText(code); name != "" {
				rest = strings.ReplaceAll(rest, fmt.Sprint(code, " ", name), "")
			}
		}
		for line := range strings.Lines(rest) {
			if line = strings.TrimSpace(line); word.MatchString(line) && !slices.Contains(list, line) {
				list = append(list, line)
			}
		}
	}
	var all strings.Builder // phrases go on over elements
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			if slices.Contains([]string{"script", "style", "code", "pre", "time"}, n.Data) {
				return
			}
			for _, a := range n.Attr {
				if slices.Contains([]string{"placeholder", "aria-label", "alt", "title", "data-label"}, a.Key) || strings.HasPrefix(a.Key, "data-say") {
					check(a.Val)
				}
			}
		}
		if n.Type == html.TextNode {
			all.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
		all.WriteByte('\n')
	}
	walk(root)
	check(all.String())
	return list
}
