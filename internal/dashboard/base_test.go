package dashboard_test

import (
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/config"
)

var addresses = regexp.MustCompile(`(?:href|src|action|hx-get|hx-post|data-live)="(/[^"]*)"`)

// TestBehindAPath reaches Relay below a path, with a proxy that takes the path away and with one that leaves it: all
// addresses of all pages lead below the path and to something, and so do redirects and cookies.
func TestBehindAPath(t *testing.T) {
	t.Parallel()
	for _, strips := range []bool{true, false} {
		var inner *url.URL
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/tools/relay/") {
				http.Error(w, "another application", http.StatusTeapot)
				return
			}
			proxy := httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
				p.SetURL(inner)
				p.Out.Host = p.In.Host
				if strips {
					p.Out.URL.Path, p.Out.URL.RawPath = strings.TrimPrefix(p.In.URL.Path, "/tools/relay"), ""
				}
			}}
			proxy.ServeHTTP(w, r)
		}))
		defer front.Close()
		base := front.URL + "/tools/relay"
		s := startServerAt(t, "127.0.0.1:0", filepath.Join(t.TempDir(), "data"), func(c *config.Config) { c.PublicURL = base + "/" })
		var err error
		if inner, err = url.Parse("http://" + s.Addr().String()); err != nil {
			t.Fatal(err)
		}
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		c := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
			if !strings.HasPrefix(r.URL.String(), base+"/") {
				t.Errorf("a redirect leads to %s", r.URL)
			}
			return nil
		}}
		if !strings.HasPrefix(s.SignInLink(), base+"/invite/") {
			t.Fatalf("got the link %q, want it below %s", s.SignInLink(), base)
		}
		r, err := c.PostForm(s.SignInLink(), url.Values{})
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusForbidden { // no Origin
			t.Errorf("a form from nowhere: got %s", r.Status)
		}
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.SignInLink(), strings.NewReader(url.Values{"name": {"Ana"}, "password": {password}}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		q.Header.Set("Origin", front.URL)
		if r, err = c.Do(q); err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != http.StatusOK || r.Request.URL.Path != "/tools/relay/t/default/home" {
			t.Fatalf("signing in led to %s: %s", r.Request.URL, r.Status)
		}
		elsewhere, err := url.Parse(front.URL + "/other")
		if err != nil {
			t.Fatal(err)
		}
		if got := jar.Cookies(elsewhere); len(got) != 0 {
			t.Errorf("other applications on the host get the cookie %s", got[0].Name)
		}
		hook, err := s.api.CreateWebhook(t.Context(), client.CreateWebhook{URL: "http://127.0.0.1:8088/hook", Events: client.Set([]string{"*"})})
		if err != nil {
			t.Fatal(err)
		}
		below := &server{App: s.App, t: t, api: s.api, base: base}
		known := map[string]bool{}
		from := map[string]string{} // where an address was found first
		queue := []string{"/t/default/home", "/t/default/webhooks/" + hook.ID, "/t/default/log", "/t/default/attention", "/t/default/account/keys", "/t/default/webhooks/new", "/docs"}
		for len(queue) > 0 && len(known) < 80 {
			path := queue[0]
			queue = queue[1:]
			if known[path] || strings.HasPrefix(path, "/t/default/stream") {
				continue
			}
			known[path] = true
			page := below.page(c, path)
			if t.Failed() {
				t.Fatalf("%s leads to %s", from[path], path)
			}
			for _, m := range addresses.FindAllStringSubmatch(page, -1) {
				address, rest := html.UnescapeString(m[1]), ""
				var ok bool
				if rest, ok = strings.CutPrefix(address, "/tools/relay"); !ok {
					t.Fatalf("%s leads to %s, which is not below the path", path, address)
				}
				rest, _, _ = strings.Cut(rest, "#")
				if strings.HasPrefix(m[0], "href") || strings.HasPrefix(m[0], "src") {
					queue = append(queue, rest)
					if from[rest] == "" {
						from[rest] = path
					}
				}
			}
		}
		if len(known) < 20 {
			t.Errorf("only %d addresses were found", len(known))
		}
	}
}
