package dashboard_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
)

// visitor is a customer with a browser, who has no JavaScript to do without.
type visitor struct {
	s      *server
	client *http.Client
	root   string // of the portal: "/portal/po_…"
}

// visit opens a link.
func (s *server) visit(link client.CreatePortalLink) *visitor {
	s.t.Helper()
	made, err := s.api.CreatePortalLink(s.t.Context(), link)
	if err != nil {
		s.t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	v := &visitor{s: s, client: &http.Client{Jar: jar}}
	page, key, ok := strings.Cut(strings.TrimPrefix(made.URL, s.URL()), "#")
	if v.root = strings.TrimSuffix(page, "/enter"); !ok || v.root == page {
		s.t.Fatalf("got the address %q", made.URL)
	}
	if status, body := v.post("/enter", url.Values{"key": {key}}); status != 200 {
		s.t.Fatalf("opening the link: got %d %s", status, main(body))
	}
	return v
}

func (v *visitor) do(method, path string, form url.Values) (status int, body string) {
	v.s.t.Helper()
	req, err := http.NewRequest(method, v.s.URL()+v.root+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.s.t.Fatal(err)
	}
	if method == "POST" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	a, err := v.client.Do(req)
	if err != nil {
		v.s.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		v.s.t.Fatal(err)
	}
	return a.StatusCode, string(b)
}

func (v *visitor) get(path string) (int, string) { return v.do("GET", path, nil) }

func (v *visitor) post(path string, form url.Values) (int, string) {
	v.s.t.Helper()
	return v.do("POST", path, form)
}

// customers makes webhooks of two customers of one tenant.
func (s *server) customers(e *endpoint) (ours, theirs client.Webhook) {
	s.t.Helper()
	add := func(customer string) client.Webhook {
		w, err := s.api.CreateWebhook(s.t.Context(), client.CreateWebhook{
			URL: e.URL + "/" + customer, Events: client.Set([]string{"call.completed", "call.urgent"}), Labels: client.Set(map[string]string{"customer": customer}),
		})
		if err != nil {
			s.t.Fatal(err)
		}
		return w
	}
	return add("acme"), add("rival")
}

// theLog waits until the log has attempts of the webhook, and returns the newest.
func (s *server) theLog(hook string) client.Attempt {
	s.t.Helper()
	for {
		page, err := s.api.ListWebhookAttemptsPage(s.t.Context(), hook, client.ListWebhookAttemptsParams{Limit: 50})
		if err != nil {
			s.t.Fatal(err)
		}
		if len(page.Data) > 0 {
			return page.Data[0]
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// form is a webhook as its form sends it.
func form(address string, events ...string) url.Values {
	return url.Values{"url": {address}, "events": events, "format": {"relay"}, "signature": {"relay"}, "timeout": {"10s"}, "preset": {"relay"}}
}

// TestPortal: what a session sees and may change, by its scope and its capabilities.
func TestPortal(t *testing.T) {
	s, e := startServer(t), newEndpoint(t)
	e.status.Store(500)
	ours, theirs := s.customers(e)
	for _, n := range []string{"completed", "urgent"} {
		if _, err := s.api.Publish(t.Context(), client.NewEvent{Type: "call." + n, Data: map[string]any{"secret": "of-the-rival"}}); err != nil {
			t.Fatal(err)
		}
	}
	oursAttempt, theirsAttempt := s.theLog(ours.ID), s.theLog(theirs.ID)
	job, err := s.api.ReplayWebhook(t.Context(), theirs.ID, client.SinceRequest{Since: time.Now().Add(-time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	acme := client.Set([]string{"customer=acme"})

	t.Run("scope", func(t *testing.T) {
		v := s.visit(client.CreatePortalLink{Capabilities: client.Set([]string{"manage", "test", "replay", "secret", "transform"}), Webhooks: acme})
		for _, page := range []string{"/webhooks", "/log", "/types/call.completed", "/webhooks/" + ours.ID, "/log/" + oursAttempt.ID} {
			status, body := v.get(page)
			if status != 200 || !strings.Contains(body, ours.ID) {
				t.Errorf("%s: got %d %s", page, status, main(body))
			}
			for _, word := range []string{theirs.ID, "rival\"", "/rival", theirsAttempt.ID, "/t/default"} {
				if strings.Contains(body, word) {
					t.Errorf("%s has %q", page, word)
				}
			}
		}
		for _, path := range []string{
			"/webhooks/ID", "/webhooks/ID/edit", "/webhooks/ID/rotate", "/webhooks/ID/recover", "/webhooks/ID/recover/count?since=24h", "/webhooks/ID/delete",
			"/log/ATTEMPT", "/jobs/JOB", "/home", "/account", "/account/keys", "/events", "/undelivered", "/respondents", "/users", "/nothing", "/log?webhook=ID",
			"POST /webhooks/ID/edit", "POST /webhooks/ID/test", "POST /webhooks/ID/pause", "POST /webhooks/ID/resume", "POST /webhooks/ID/rotate",
			"POST /webhooks/ID/recover", "POST /webhooks/ID/delete", "POST /log/ATTEMPT/retry", "POST /log/ATTEMPT/cancel", "POST /log/ATTEMPT/doctor", "POST /jobs/JOB/cancel",
		} {
			method, path, changes := strings.Cut(path, " ")
			if !changes {
				method, path = "GET", method
			}
			fields := form(e.URL+"/x", "call.urgent")
			fields.Set("since", "24h")
			status, foreign := v.do(method, strings.NewReplacer("ID", theirs.ID, "ATTEMPT", theirsAttempt.ID, "JOB", job.ID).Replace(path), fields)
			_, none := v.do(method, strings.NewReplacer("ID", "wh_aaaaaaaaaaaaaaaa", "ATTEMPT", "att_0000000000001", "JOB", "job_none").Replace(path), fields)
			same := func(page string) string {
				for _, id := range []string{theirs.ID, "wh_aaaaaaaaaaaaaaaa", theirsAttempt.ID, "att_0000000000001"} {
					page = strings.ReplaceAll(page, id, "ID")
				}
				return volatile.ReplaceAllString(page, "")
			}
			if status != 404 && !(status == 422 && strings.Contains(path, "?webhook")) || same(foreign) != same(none) {
				t.Errorf("%s %s: got %d, and not as something that is not there:\n%s\n%s", method, path, status, main(foreign), main(none))
			}
		}
		if w, err := s.api.GetWebhook(t.Context(), theirs.ID); err != nil || w.UpdatedAt != theirs.UpdatedAt || w.Status != "active" {
			t.Errorf("the other customer's webhook was changed: %+v, %v", w, err)
		}
	})

	t.Run("types", func(t *testing.T) {
		v := s.visit(client.CreatePortalLink{Capabilities: client.Set([]string{"manage", "secret"}), Webhooks: acme, EventTypes: client.Set([]string{"call.urgent"}), Filter: client.Set("event.data.customer == 'acme'")})
		if _, body := v.get("/webhooks/new"); strings.Contains(body, "call.completed") || !strings.Contains(body, "call.urgent") || strings.Contains(body, "All events") || strings.Contains(body, `name="filter"`) {
			t.Errorf("the form: got %s", main(body))
		}
		if _, body := v.get("/log"); !strings.Contains(body, "call.urgent") || strings.Contains(body, "call.completed") {
			t.Errorf("the log: got %s", main(body))
		}
		for _, events := range []string{"*", "call.*", "call.completed"} {
			if status, body := v.post("/webhooks/new", form(e.URL+"/new", events)); status != 422 || !strings.Contains(body, "cannot be chosen here") {
				t.Errorf("%s: got %d %s", events, status, main(body))
			}
		}
		for _, field := range []string{"filter", "transform"} {
			f := form(e.URL+"/new", "call.urgent")
			f.Set(field, "true")
			if status, body := v.post("/webhooks/new", f); status != 422 {
				t.Errorf("with a %s: got %d %s", field, status, main(body))
			}
		}
		status, body := v.post("/webhooks/new", form(e.URL+"/new", "call.urgent"))
		if status != 200 || !strings.Contains(body, "whsec_") {
			t.Fatalf("adding one: got %d %s", status, main(body))
		}
		page, err := s.api.ListWebhooksPage(t.Context(), client.ListWebhooksParams{Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		added := page.Data[len(page.Data)-1]
		if added.Labels["customer"] != "acme" || added.Filter != "event.data.customer == 'acme'" || added.URL != e.URL+"/new" {
			t.Errorf("added %+v", added)
		}
		// Another type that it had before stays when the rest is edited.
		f := form(e.URL+"/acme", "call.urgent", "call.completed")
		_, edit := v.get("/webhooks/" + ours.ID + "/edit")
		_, version, _ := strings.Cut(edit, `name="version" value="`)
		version, _, _ = strings.Cut(version, `"`)
		f.Set("version", version)
		f.Set("description", "edited")
		if status, body := v.post("/webhooks/"+ours.ID+"/edit", f); status != 200 {
			t.Errorf("editing: got %d %s", status, main(body))
		}
		w, err := s.api.GetWebhook(t.Context(), ours.ID)
		if err != nil || w.Description != "edited" || len(w.Events) != 2 || w.Labels["customer"] != "acme" {
			t.Errorf("edited: got %+v, %v", w, err)
		}
	})

	t.Run("capabilities", func(t *testing.T) {
		// Each control, by what stands in the page, and the call behind it.
		controls := map[string][]struct{ page, has, call string }{
			"manage": {
				{"/webhooks", `/webhooks/new"`, "GET /webhooks/new"}, {"/webhooks", `/pause"`, "POST /webhooks/ID/pause"}, {"/webhooks/ID", `/edit"`, "GET /webhooks/ID/edit"},
				{"/webhooks/ID", `/delete"`, "GET /webhooks/ID/delete"}, {"", "", "POST /webhooks/new"}, {"", "", "POST /webhooks/ID/edit"}, {"", "", "POST /webhooks/ID/resume"}, {"", "", "POST /webhooks/ID/delete"},
			},
			"test":   {{"/webhooks", `/test"`, "POST /webhooks/ID/test"}, {"/webhooks/ID", `/test"`, "POST /webhooks/ID/test"}, {"/log/ATTEMPT", `/doctor"`, "POST /log/ATTEMPT/doctor"}},
			"secret": {{"/webhooks", `/rotate"`, "GET /webhooks/ID/rotate"}, {"/webhooks/ID", `/rotate"`, "POST /webhooks/ID/rotate"}},
			"replay": {
				{"/webhooks/ID", `/recover"`, "GET /webhooks/ID/recover"}, {"/log/ATTEMPT", `/retry"`, "POST /log/ATTEMPT/retry"}, {"/log/ATTEMPT", `/cancel"`, "POST /log/ATTEMPT/cancel"},
				{"", "", "POST /webhooks/ID/recover"}, {"", "", "GET /webhooks/ID/recover/count"}, {"", "", "POST /jobs/JOB/cancel"},
			},
		}
		named := strings.NewReplacer("ID", ours.ID, "ATTEMPT", oursAttempt.ID, "JOB", job.ID)
		for without := range controls {
			var have []string
			for name := range controls {
				if name != without {
					have = append(have, name)
				}
			}
			v := s.visit(client.CreatePortalLink{Capabilities: client.Set(have), Webhooks: acme})
			for name, list := range controls {
				for _, c := range list {
					if c.page != "" {
						if _, body := v.get(named.Replace(c.page)); strings.Contains(body, c.has) != (name != without) {
							t.Errorf("without %s: %s has %s: %t", without, c.page, c.has, name == without)
						}
					}
					if name != without {
						continue
					}
					method, path, _ := strings.Cut(named.Replace(c.call), " ")
					if status, body := v.do(method, path, form(e.URL+"/x", "call.urgent")); status != 403 {
						t.Errorf("without %s: %s: got %d %s", without, c.call, status, main(body))
					}
				}
			}
		}
		v := s.visit(client.CreatePortalLink{Capabilities: client.Set([]string{"manage"}), Webhooks: acme})
		if status, body := v.post("/webhooks/new", form(e.URL+"/unseen", "call.urgent")); status != 200 || strings.Contains(body, "whsec_") {
			t.Errorf("adding without the secret: got %d %s", status, main(body))
		}
	})

	t.Run("sessions", func(t *testing.T) {
		link := client.CreatePortalLink{Webhooks: acme, SessionID: client.Set("s1"), User: client.Set(client.PortalUserFields{ID: client.Set("user_42"), Name: client.Set("Ana")}), Capabilities: client.Set([]string{"manage"}), Next: client.Set("log")}
		v := s.visit(link)
		if status, _ := v.post("/webhooks/"+ours.ID+"/pause", nil); status != 200 {
			t.Errorf("pausing: got %d", status)
		}
		log, err := s.api.ListAuditPage(t.Context(), client.ListAuditParams{Limit: 3})
		if err != nil || log.Data[0].Action != "webhook.pause" || log.Data[0].Actor.Kind != "portal" || log.Data[0].Actor.Name != "Ana (user_42)" || !strings.HasPrefix(log.Data[0].Actor.ID, "pl_") {
			t.Errorf("the audit log: got %+v, %v", log.Data, err)
		}
		if log.Data[1].Action != "portal-link.open" || log.Data[2].Action != "portal-link.create" {
			t.Errorf("the audit log: got %+v", log.Data)
		}
		other := &visitor{s: s, client: v.client, root: "/portal/po_00000000000000000000"}
		if status, _ := other.get("/webhooks"); status != 404 {
			t.Errorf("another portal: got %d", status)
		}
		if err := s.api.EndPortalSession(t.Context(), client.EndPortalSessionParams{SessionID: "s1"}); err != nil {
			t.Fatal(err)
		}
		if status, body := v.get("/webhooks"); status != 401 || !strings.Contains(body, "Your session has ended") {
			t.Errorf("after it was ended: got %d %s", status, main(body))
		}
		if status, body := v.post("/enter", url.Values{"key": {"rpk_nonsense"}}); status != 404 || !strings.Contains(body, "no longer valid") {
			t.Errorf("a wrong key: got %d %s", status, main(body))
		}
	})
}

// main is the part of a page that tells it from others.
func main(page string) string {
	_, rest, ok := strings.Cut(page, "<main")
	if !ok {
		return page
	}
	return rest
}

// volatile is what differs between two answers to the same question.
var volatile = regexp.MustCompile(`nonce="[^"]*"|req_[0-9a-z_]*`)
