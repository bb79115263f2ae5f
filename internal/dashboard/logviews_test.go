package dashboard_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/relay-events/relay/client"
)

// TestSavedViews saves, opens and deletes views of the log by forms alone, as one does without scripts: one's own, which
// nobody else sees, and one that the tenant shares, which a viewer can neither make nor delete.
func TestSavedViews(t *testing.T) {
	s := startServer(t)
	u, err := s.api.InviteUser(t.Context(), client.InviteUser{Email: "bob@example.com", Role: "viewer"})
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	ana, bob := s.person(), &http.Client{Jar: jar}
	s.post(bob, "/invite/"+u.Link.Token, url.Values{"name": {"Bob"}, "password": {password}})
	send := func(c *http.Client, path string, form url.Values, want int) string {
		t.Helper()
		status, _, html := s.asked(c, path, form)
		if status != want {
			t.Fatalf("POST %s: got %d, want %d", path, status, want)
		}
		return html
	}
	const filter = "?code=5xx&kind=status&period=24h"
	if html := s.page(ana, "/t/default/log"); strings.Contains(html, "Save this view") {
		t.Error("the log without a filter offers to save it")
	}
	send(ana, "/log"+filter, url.Values{"name": {"Mine"}}, 200)
	send(ana, "/log?kind=timeout", url.Values{"name": {hostile[:40]}, "shared": {"on"}}, 200)
	if html := send(ana, "/log?kind=tls", url.Values{"name": {"Mine"}}, 422); !strings.Contains(html, "there is a view with this name") {
		t.Error("a name that is taken: the page does not say so")
	}
	send(ana, "/log?kind=tls&q=att_1", url.Values{"name": {"Mine"}}, 404) // what the search for an id leads to
	html := s.page(ana, "/t/default/log"+filter)
	if !strings.Contains(html, `href="/t/default/log`+strings.ReplaceAll(filter, "&", "&amp;")+`" aria-current="true" title="Mine, your own"`) || !strings.Contains(html, `href="/t/default/log?kind=timeout"`) {
		t.Errorf("the log of a saved view does not list both and mark it:\n%s", html)
	}
	mine := regexp.MustCompile(`log-views/(view_\w+)/delete`).FindStringSubmatch(html)
	if mine == nil {
		t.Fatal("one's own view cannot be deleted")
	}
	shared := regexp.MustCompile(`log-views/(view_\w+)/delete`).FindStringSubmatch(s.page(ana, "/t/default/log?kind=timeout"))
	if shared == nil {
		t.Fatal("the shared view cannot be deleted by who may share")
	}
	html = s.page(bob, "/t/default/log?kind=timeout")
	if !strings.Contains(html, ", shared with the tenant by Ana") || strings.Contains(html, "Mine") || strings.Contains(html, "Delete this view") {
		t.Error("a viewer sees another's view, not the shared one, or a form to delete that")
	}
	send(bob, "/log?kind=dns", url.Values{"name": {"Bob's"}}, 200)
	send(bob, "/log?kind=tls", url.Values{"name": {"Ours"}, "shared": {"on"}}, 403)
	send(bob, "/log-views/"+shared[1]+"/delete", nil, 403)
	send(bob, "/log-views/"+mine[1]+"/delete", nil, 404)

	// A key sees what is shared, and may share; the audit log has the shared ones only.
	list, err := s.api.ListLogViews(t.Context())
	if err != nil || len(list) != 1 || list[0].ID != shared[1] || !list[0].Shared || list[0].Filter.ErrorKind != "timeout" {
		t.Errorf("the API lists %+v, %v, want the shared view", list, err)
	}
	if _, err := s.api.CreateLogView(t.Context(), client.CreateLogView{Name: "Keys have none", Filter: client.LogViewFilterFields{Code: client.Set("500")}}); err == nil {
		t.Error("a key has saved a view of its own")
	}
	made, err := s.api.CreateLogView(t.Context(), client.CreateLogView{Name: "Three days", Shared: client.Set(true), Filter: client.LogViewFilterFields{Within: client.Set("72h")}})
	if err != nil {
		t.Fatal(err)
	}
	if html := s.page(bob, "/t/default/log?period=72h"); !strings.Contains(html, "Three days") || !strings.Contains(html, `<option value="72h" selected>Last 3 d</option>`) {
		t.Error("a view of the API is not listed, or its time is not chosen")
	}
	if err := s.api.DeleteLogView(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	send(ana, "/log-views/"+mine[1]+"/delete", nil, 200)
	send(ana, "/log-views/"+shared[1]+"/delete", nil, 200)
	if html := s.page(ana, "/t/default/log"); strings.Contains(html, "Saved views") {
		t.Error("views that were deleted are listed")
	}
	page, err := s.api.ListAuditPage(t.Context(), client.ListAuditParams{Action: "log-view.*"})
	if err != nil || len(page.Data) != 4 {
		t.Errorf("got %d entries in the audit log, %v, want one for each change of a shared view", len(page.Data), err)
	}
}

// views saves views that the tenant shares, with the longest and most hostile of names.
func (s *server) views() {
	s.t.Helper()
	for name, f := range map[string]client.LogViewFilterFields{
		"Timeouts of the front desk": {Status: client.Set("failed"), ErrorKind: client.Set("timeout")}, "5xx today": {Code: client.Set("5xx"), Within: client.Set("24h")},
		`"><img src=x onerror=document.title="owned">`: {EventType: client.Set(hostile)}, strings.Repeat("Wörter", 10): {Within: client.Set("168h")},
	} {
		if _, err := s.api.CreateLogView(s.t.Context(), client.CreateLogView{Name: name, Shared: client.Set(true), Filter: f}); err != nil {
			s.t.Fatal(err)
		}
	}
}
