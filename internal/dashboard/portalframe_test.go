package dashboard_test

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/testenv"
)

// sites are Relay and the sites that embed its portal, each under a name of its own over TLS, as browsers know them. What
// was asked of them is noted as a server's log has it.
type sites struct {
	port string

	mu   sync.Mutex
	seen bytes.Buffer // guarded by mu
	// probed tells that a cookie which is not partitioned came back in a frame: third-party cookies are not blocked.
	probed bool // guarded by mu
}

func (s *sites) at(name string) string { return "https://" + name + ":" + s.port }

func (s *sites) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}

// Write is for the logs of servers.
func (s *sites) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.Write(b)
}

// startSites starts them: relay.test, and shop.test and other.test, which both show what page answers.
func startSites(t *testing.T) (*sites, *server, func(http.Handler)) {
	t.Helper()
	s := new(sites)
	front := httptest.NewUnstartedServer(nil)
	_, s.port, _ = net.SplitHostPort(front.Listener.Addr().String())
	relay := startServerLogging(t, slog.NewTextHandler(s, &slog.HandlerOptions{Level: slog.LevelDebug}), "127.0.0.1:0", filepath.Join(t.TempDir(), "data"),
		func(c *config.Config) { c.PublicURL = s.at("relay.test") })
	var err error
	if relay.api, err = client.New(client.Options{URL: "http://" + relay.Addr().String(), Key: adminKey}); err != nil {
		t.Fatal(err)
	}
	inner, err := url.Parse("http://" + relay.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		ErrorLog: log.New(s, "", 0),
		Rewrite:  func(p *httputil.ProxyRequest) { p.SetURL(inner); p.Out.Host = p.In.Host },
		ModifyResponse: func(a *http.Response) error {
			a.Header.Add("Set-Cookie", "probe=1; Path=/; Secure; SameSite=None")
			return nil
		},
	}
	var page http.Handler
	front.Config.ErrorLog = log.New(s, "", 0)
	front.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(s, "%s %s%s referer=%q\n", r.Method, r.Host, r.URL, r.Referer())
		if !strings.HasPrefix(r.Host, "relay.test") {
			page.ServeHTTP(w, r)
			return
		}
		if _, err := r.Cookie("probe"); err == nil && r.Header.Get("Sec-Fetch-Dest") == "iframe" {
			s.mu.Lock()
			s.probed = true
			s.mu.Unlock()
		}
		proxy.ServeHTTP(w, r)
	})
	front.StartTLS()
	t.Cleanup(front.Close)
	return s, relay, func(h http.Handler) { page = h }
}

// snippets returns the blocks of code in docs/portal.md, in their order, without the language that they begin with.
func snippets(t *testing.T, language string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testenv.Root(t), "docs", "portal.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		if m[1] == language {
			list = append(list, m[2])
		}
	}
	return list
}

// shop runs the server of docs/portal.md with its page, and returns the way to it.
func (s *sites) shop(t *testing.T, relay *server) http.Handler {
	t.Helper()
	node, dir := testenv.Binary(t, "node"), t.TempDir()
	page := strings.ReplaceAll(snippets(t, "html")[0], "https://relay.example.com", s.at("relay.test"))
	for name, text := range map[string]string{"index.html": page, "server.mjs": snippets(t, "js")[0]} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_, port, _ := net.SplitHostPort(address)
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node, "server.mjs")
	cmd.Dir, cmd.Stderr = dir, s
	cmd.Env = append(os.Environ(), "RELAY_URL=http://"+relay.Addr().String(), "RELAY_KEY="+adminKey, "PORT="+port)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server of docs/portal.md does not start: %s", s.log())
		}
	}
	return httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: address})
}

// frame returns the frame of the tab that shows an address, once it is there.
func (b *tab) frame(prefix string) *tab {
	b.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		list, err := chromedp.Targets(b.ctx)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, info := range list {
			if info.Type == "iframe" && strings.HasPrefix(info.URL, prefix) {
				ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithTargetID(target.ID(info.TargetID)))
				b.t.Cleanup(cancel)
				in := &tab{t: b.t, ctx: ctx, url: b.url}
				if err := chromedp.Listen(ctx, b.note); err != nil {
					b.t.Fatal(err)
				}
				return in
			}
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("no frame shows %s: %+v", prefix, list)
		}
	}
}

// TestPortalInAFrame is DASHBOARD's row of the portal: it works in a frame of another site, by the snippets of docs/portal.md
// and with third-party cookies blocked; renews its session without losing what was typed; and no other site can frame it.
// The key of a link is in no log and no Referer.
func TestPortalInAFrame(t *testing.T) {
	s, relay, serve := startSites(t)
	e := newEndpoint(t)
	serve(s.shop(t, relay))
	ctx := t.Context()
	b := openTab(t, "https://", chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1"), chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("test-third-party-cookie-phaseout", true))
	b.expect("favicon.ico")

	// No site may embed the portal unless it is named.
	b.expect("frame-ancestors")
	b.expect("violates the following")
	b.expect("target origin provided")
	refused := func(site string) {
		t.Helper()
		before := strings.Count(s.log(), "/enter referer")
		b.do(chromedp.Navigate(s.at(site) + "/"))
		for deadline := time.Now().Add(time.Minute); strings.Count(s.log(), "/enter referer") == before; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the frame asked for nothing: %s", s.log())
			}
		}
		time.Sleep(500 * time.Millisecond) // longer than the frame takes where it is allowed
		if log := s.log(); strings.Contains(log, "POST relay.test:"+s.port+"/portal/") {
			t.Error("a link was opened in a frame of a site that is not named")
		}
	}
	refused("shop.test")
	if _, err := relay.api.UpdatePortal(ctx, client.UpdatePortal{EmbedOrigins: client.Set([]string{s.at("shop.test")}), RefreshURL: client.Set(s.at("shop.test") + "/")}); err != nil {
		t.Fatal(err)
	}
	refused("other.test")

	// The site that is named shows it, as high as its content.
	b.do(chromedp.Navigate(s.at("shop.test") + "/"))
	in := b.frame(s.at("relay.test") + "/portal/")
	in.see("Get events on your server")
	in.press("Add webhook")
	in.fill("#url", e.URL+"/from-the-portal")
	in.eval(`document.querySelector('input[value="*"]').click()`)
	in.until(`document.querySelector('input[value="*"]').checked`)
	high := `Math.abs(document.querySelector("relay-portal").shadowRoot.querySelector("iframe").clientHeight - %s) <= 1`
	b.until(fmt.Sprintf(high, in.text(`String(Math.ceil(document.documentElement.getBoundingClientRect().height))`)))

	// Another link renews the session under the form that is being filled in.
	made := strings.Count(s.log(), "POST shop.test:"+s.port+"/portal-link ")
	key := strings.TrimPrefix(regexp.MustCompile(`#rpk_[\w-]+`).FindString(b.text(`document.querySelector("relay-portal").shadowRoot.querySelector("iframe").src`)), "#")
	if len(key) < 40 {
		t.Fatalf("got the key %q", key)
	}
	in.eval(`document.querySelector("meta[name=relay-portal]").dataset.ends = Math.floor(Date.now() / 1000) + 60`)
	b.eval(`document.querySelector("relay-portal").shadowRoot.querySelector("iframe").contentWindow.postMessage({relayPortal: 1}, "` + s.at("relay.test") + `")`)
	in.until(`Number(document.querySelector("meta[name=relay-portal]").dataset.ends) > Date.now() / 1000 + 7 * 3600`)
	if got := strings.Count(s.log(), "POST shop.test:"+s.port+"/portal-link "); got != made+1 {
		t.Errorf("got %d links, want one more than %d", got, made)
	}
	if got := in.text(`document.querySelector("#url").value`); got != e.URL+"/from-the-portal" {
		t.Errorf("after the session was renewed the form has %q", got)
	}
	in.press("Create")
	in.see("It is shown this once:")
	in.press("I stored it")
	in.press("Test")
	in.see("Test delivered.")
	if r, _ := e.next(t); r.URL.Path != "/from-the-portal" {
		t.Errorf("the test came to %s", r.URL.Path)
	}

	// A session that was ended begins anew by another link, on the page that it ended on.
	b.expect("401")
	if err := relay.api.EndPortalSession(ctx, client.EndPortalSessionParams{SessionID: "sess_9"}); err != nil {
		t.Fatal(err)
	}
	in.eval(`location.href = location.href.replace(/webhooks.*/, "log")`)
	in.until(`location.pathname.endsWith("/log") && document.querySelectorAll("tbody[data-rows] tr").length > 0`)

	// Without the site's help it says so, and offers the way back.
	b.eval(`document.querySelector("relay-portal").removeAttribute("refresh-url"), addEventListener("relay-portal-ended", () => (window.ended = true))`)
	if err := relay.api.EndPortalSession(ctx, client.EndPortalSessionParams{SessionID: "sess_9"}); err != nil {
		t.Fatal(err)
	}
	in.eval(`location.reload()`)
	in.see("Your session has ended")
	b.until(`window.ended === true`)
	if got := in.text(`document.querySelector("[data-renew]").target + " " + document.querySelector("[data-renew]").href`); got != "_top "+s.at("shop.test")+"/" {
		t.Errorf("the way back: got %q", got)
	}

	// A link that has expired says so in a tab of its own.
	b.expect("404")
	b.do(chromedp.Navigate(s.at("relay.test") + "/portal/" + strings.Split(in.text(`location.pathname`), "/")[2] + "/enter#" + key))
	b.see("This link is no longer valid")

	all := s.log()
	if strings.Contains(all, "rpk_") || strings.Contains(all, "rps_") {
		t.Errorf("a log has a key: %s", regexp.MustCompile(`.*(rpk|rps)_.*`).FindString(all))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probed {
		t.Error("a third-party cookie came along: the browser does not block them, so this test proves nothing of it")
	}
}

// TestPortalSnippets runs the commands of docs/portal.md.
func TestPortalSnippets(t *testing.T) {
	curl := testenv.Binary(t, "curl")
	s := startServer(t)
	commands := snippets(t, "")
	if len(commands) < 4 {
		t.Fatalf("got %d commands", len(commands))
	}
	for _, command := range commands {
		command = strings.NewReplacer("https://relay.example.com", s.URL(), "rk_…", adminKey, "curl ", curl+" -sS --fail-with-body ").Replace(command)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		out, err := exec.CommandContext(ctx, "sh", "-c", command).CombinedOutput()
		cancel()
		if err != nil {
			t.Errorf("%s\n%v: %s", command, err, out)
		}
	}
	p, err := s.api.GetPortal(t.Context())
	if err != nil || p.Name != "Acme events" || p.Theme.Language != "de" || p.Words["Webhooks"] != "Empfänger" || len(p.EmbedOrigins) != 1 || p.RefreshURL == "" {
		t.Errorf("got %+v, %v", p, err)
	}
}
