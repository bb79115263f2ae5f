package dashboard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/testenv"
)

// filled makes webhooks of each state, with attempts of each outcome and the longest and most hostile of names, and returns
// an attempt that failed.
func (s *server) filled() (hook, failed, job string) {
	s.t.Helper()
	good, bad := newEndpoint(s.t), newEndpoint(s.t)
	bad.status.Store(500)
	add := func(url, description string, events ...string) client.Webhook {
		s.t.Helper()
		w, err := s.api.CreateWebhook(s.t.Context(), client.CreateWebhook{URL: url, Description: client.Set(description), Events: client.Set(events)})
		if err != nil {
			s.t.Fatal(err)
		}
		return w
	}
	first := add(good.URL+"/crm", "CRM of the front desk", "call.completed", "call.urgent")
	add(bad.URL+"/"+strings.Repeat("a-very-long-path/", 20), strings.Repeat("Wörter ohne Ende ", 20), "call.urgent", "appointment.booked")
	add(good.URL+"/hostile", hostile, "*")
	paused := add(good.URL+"/paused", "", "order.created", "order.paid", "order.shipped", "order.lost", "order.found", "*.done")
	if _, err := s.api.PauseWebhook(s.t.Context(), paused.ID); err != nil {
		s.t.Fatal(err)
	}
	short := `"><img src=x onerror=document.title="owned">` // where names are short
	if _, err := s.api.CreateKey(s.t.Context(), client.CreateKey{Name: short, Scopes: []string{"publish"}}); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.api.CreateTenant(s.t.Context(), client.CreateTenant{ID: "acme", Name: client.Set(short)}); err != nil {
		s.t.Fatal(err)
	}
	person := client.NewPerson{FirstName: client.Set(short), LastName: client.Set(short), EmailAddress: client.Set("ana@example.com")}
	if _, err := s.api.AddRespondent(s.t.Context(), client.NewRespondent{CampaignID: 1, Respondent: person}); err != nil {
		s.t.Fatal(err)
	}
	for i := range 12 {
		for _, typ := range []string{"call.completed", "call.urgent", "appointment.booked"} {
			if _, err := s.api.Publish(s.t.Context(), client.NewEvent{Type: typ, Data: map[string]any{"sid": fmt.Sprint("CA", i), "summary": hostile}}); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	for failed == "" {
		page, err := s.api.ListAttemptsPage(s.t.Context(), client.ListAttemptsParams{Status: "retrying", Limit: 50})
		if err != nil {
			s.t.Fatal(err)
		}
		if len(page.Data) >= 24 {
			failed = page.Data[0].ID
		}
		time.Sleep(10 * time.Millisecond)
	}
	j, err := s.api.ReplayWebhook(s.t.Context(), first.ID, client.SinceRequest{Since: time.Now().Add(-time.Hour)})
	if err != nil {
		s.t.Fatal(err)
	}
	return first.ID, failed, j.ID
}

// delivered returns an attempt that the endpoint accepted.
func (s *server) delivered() string {
	s.t.Helper()
	page, err := s.api.ListAttemptsPage(s.t.Context(), client.ListAttemptsParams{Status: "delivered", Limit: 1})
	if err != nil || len(page.Data) == 0 {
		s.t.Fatal(err)
	}
	return page.Data[0].ID
}

// groupOf returns the page of an attempt's group.
func (s *server) groupOf(attempt string) string {
	s.t.Helper()
	a, err := s.api.GetAttempt(s.t.Context(), attempt)
	if err != nil {
		s.t.Fatal(err)
	}
	return "/attention/" + a.WebhookID + "-status-5xx"
}

// anEvent returns the id of an event that somebody got.
func (s *server) anEvent() string {
	s.t.Helper()
	page, err := s.api.ListEventsPage(s.t.Context(), client.ListEventsParams{Limit: 1})
	if err != nil || len(page.Data) == 0 {
		s.t.Fatal(err)
	}
	return page.Data[0].ID
}

// hostile is text that would run if a page took it for anything but text.
const hostile = `"><script>document.title="owned"</script><img src=x onerror=document.title="owned"><b hx-get="/" hx-trigger="load">{{.}}</b>'` + "`${1}`"

// TestPages looks at each page, with nothing and with much on it, in light and dark, on a desk and a phone: axe finds nothing
// of weight, nothing scrolls sideways, what others have written stays text, and the console stays empty.
func TestPages(t *testing.T) {
	if testenv.Race {
		return // many pages, each looked at for long: the walks go through the same code under the race detector
	}
	var all []string
	states := 0
	for _, state := range []string{"empty", "filled"} {
		t.Run(state, func(t *testing.T) {
			states++
			s := startServer(t)
			if values, err := config.Values(config.Sources{}); err != nil {
				t.Fatal(err)
			} else if state == "filled" {
				s.ShowSettings(values)
			}
			b := openTab(t, s.URL())
			paths := map[string]string{"login": "/login", "invite": strings.TrimPrefix(s.SignInLink(), s.URL())}
			for _, path := range paths {
				all = append(all, path)
			}
			if state == "empty" {
				for name, path := range paths {
					s.check(b, name, path)
				}
			}
			s.signIn(b)
			paths = map[string]string{
				"home": "/home", "webhooks": "/webhooks", "add": "/webhooks/new", "log": "/log", "log-none": "/log?code=418", "log-wrong": "/log?q=nonsense",
				"missing": "/webhooks/wh_none", "start": "/start", "receiver": "/receiver",
				"relay": "/account/relay", "keys": "/account/keys", "users": "/account/users", "audit": "/account/audit", "network": "/account/network", "portal": "/account/portal", "portal-words": "/account/portal/words",
				"sign-in": "/account/sign-in", "provider": "/account/sign-in/add",
				"attention": "/attention", "undelivered": "/undelivered?state=waiting", "jobs": "/jobs", "types": "/types", "type": "/types/call.completed", "respondents": "/respondents",
				"redrive": "/redrive", "hooks": "/hooks", "events": "/events", "missing-event": "/missing",
				"me": "=/me", "me-passkeys": "=/me/passkeys", "tenants": "=/platform/tenants", "tenant": "=/platform/tenants/default", "plans": "=/platform/plans", "server": "=/platform/server", "settings": "=/platform/settings",
				"switch": "=/switch?q=nothing",
			}
			if state == "filled" {
				hook, failed, job := s.filled()
				for name, path := range map[string]string{
					"webhook": "", "edit": "/edit", "rotate": "/rotate", "recover": "/recover", "delete": "/delete", "shape": "/shape",
				} {
					paths[name] = "/webhooks/" + hook + path
				}
				paths["attention-group"] = s.groupOf(failed)
				paths["redrive-hook"] = "/redrive?webhook=" + hook
				paths["log-panel"], paths["log-panel-none"] = "/log?at="+failed, "/log?at=att_00000000000000000"
				paths["compare"], paths["compare-none"] = "/log/"+failed+"/compare/"+s.delivered(), "/log/"+failed+"/compare"
				paths["attempt"], paths["job"] = "/log/"+failed, "/jobs/"+job
				paths["events-none"], paths["event"] = "/events?q=nothing+has+this", "/events/"+s.anEvent()
				paths["missing-event"] = "/missing?webhook=" + hook + "&type=appointment.booked&period=24h"
				paths["webhooks-none"] = "/webhooks?q=nothing+has+this"
				s.views()
				paths["log-view"], paths["log-save"] = "/log?kind=timeout&outcome=failed", "/log?code=5xx"
				paths["log-webhook"] = "/log?webhook=" + hook
				paths["home-30d"] = "/home?period=30d"
			}
			b.expect("404")
			b.expect("422")
			for name, path := range paths {
				if path[0] == '=' {
					path = path[1:]
				} else {
					path = "/t/default" + path
				}
				all = append(all, path)
				t.Run(name, func(t *testing.T) {
					parent := b.t
					b.t, s.t = t, t
					defer func() { b.t, s.t = parent, parent }()
					s.check(b, state+"-"+name, path)
				})
			}
		})
	}
	if states == 2 {
		everyRoute(t, all, func(pattern string) bool { return !ofPartners(pattern) })
	}
}

// ofPartners reports whether a route's page is for TestPartnerPages to look at.
func ofPartners(pattern string) bool {
	rest, _ := strings.CutPrefix(pattern, "GET /t/{tenant}/")
	first, _, _ := strings.Cut(rest, "/")
	return slices.Contains([]string{"connectors", "connector-editor", "connections", "audiences", "profiles", "journeys"}, first)
}

// everyRoute fails for each of some routes that answers with a page, if none of the paths leads to it.
func everyRoute(t *testing.T, paths []string, of func(pattern string) bool) {
	t.Helper()
	without := map[string]string{
		"GET /{$}": "redirects", "GET /t/{tenant}/{$}": "redirects", "GET /t/{tenant}/account": "redirects", "GET /platform": "redirects",
		"GET /t/{tenant}/stream": "has no page", "GET /t/{tenant}/log-compare": "redirects", "GET /t/{tenant}/log/{id}/panel": "is a part of a page", "GET /t/{tenant}/account/portal/accent": "is a part of a page", "GET /t/{tenant}/webhooks/{id}/recover/count": "is a part of a page",
		"GET /welcome/{token}": "is the page of /invite", "GET /login/code": "see factor_test.go", "GET /login/oidc/{provider}": "redirects", "GET /login/oidc/{provider}/callback": "redirects", "GET /me/second-factor": "see factor_test.go",
		"GET /t/{tenant}/respondents/{id}":                               "see undelivered_test.go",
		"GET /t/{tenant}/journeys/{number}/enrolments/{id}/sends/{send}": "redirects",
		"GET /t/{tenant}/hooks/packages/{name}":                          "is a file", "GET /t/{tenant}/log-export": "is a file", "GET /t/{tenant}/account/sign-in/providers/{provider}": "see signin_test.go",
	}
	source, err := os.ReadFile("routes.go")
	if err != nil {
		t.Fatal(err)
	}
	mux, seen := http.NewServeMux(), make(map[string]bool)
	routes := regexp.MustCompile(`pattern: "(GET [^"]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(routes) < 30 {
		t.Fatalf("found %d routes only", len(routes))
	}
	for _, m := range routes {
		mux.HandleFunc(m[1], func(http.ResponseWriter, *http.Request) {})
	}
	for _, path := range paths {
		_, pattern := mux.Handler(httptest.NewRequest(http.MethodGet, path, nil))
		seen[pattern] = true
	}
	for _, m := range routes {
		if !seen[m[1]] && without[m[1]] == "" && of(m[1]) {
			t.Errorf("no page of %s is looked at", m[1])
		}
	}
}

func (s *server) check(b *tab, name, path string) {
	s.t.Helper()
	b.open(path)
	// A page view beyond the first; see TestSizes for what the first one loads besides.
	if size := b.text(`String(performance.getEntriesByType("navigation")[0].encodedBodySize)`); len(size) > 5 || len(size) == 5 && size > "10240" {
		b.t.Errorf("%s takes %s bytes, want at most 10 KiB", name, size)
	}
	s.inspect(b, name)
}

// inspect looks at the page that is open.
func (s *server) inspect(b *tab, name string) {
	s.t.Helper()
	for _, l := range looks {
		if l.name == "phone-dark" && os.Getenv("RELAY_TEST_SHOTS") == "" {
			continue // for a person to look at: its colours and its layout are checked in the other looks
		}
		b.as(l)
		if title := b.text(`document.title`); strings.Contains(title, "owned") {
			b.t.Errorf("%s: a script ran", name)
		}
		if wide := b.text(`document.documentElement.scrollWidth > innerWidth ? [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, .tabs, .checks, pre")).slice(0, 5).map((e) => e.outerHTML.slice(0, 120)).join("\n") || "something" : ""`); wide != "" {
			b.t.Errorf("%s, %s: scrolls sideways: %s", name, l.name, wide)
		}
		if small := b.text(`[...document.querySelectorAll("a, button, input, select, summary")].filter((e) => { const r = e.getBoundingClientRect(); return e.checkVisibility() && r.width > 1 && (r.height < 24 && !e.closest("p, td, dd, label, .crumb, h1, h2, .skip, .note, small, .numbers, details.small")) }).map((e) => e.outerHTML.slice(0, 100)).join("\n")`); small != "" && l.width < 400 {
			b.t.Errorf("%s, %s: too small to touch: %s", name, l.name, small)
		}
		b.shot(name + "-" + l.name)
		if !strings.HasPrefix(name, "filled") && l.name != "light" || l.name == "phone-dark" {
			continue // axe takes a second or more: it looks at what is there in each way, and at colours and layouts once
		}
		for _, found := range b.axe() {
			b.t.Errorf("%s, %s: %s", name, l.name, found)
		}
	}
	b.do(chromedp.ResetViewport())
}
