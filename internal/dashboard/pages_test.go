package dashboard_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/relay-events/relay/client"
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

// hostile is text that would run if a page took it for anything but text.
const hostile = `"><script>document.title="owned"</script><img src=x onerror=document.title="owned"><b hx-get="/" hx-trigger="load">{{.}}</b>'` + "`${1}`"

// TestPages looks at each page, with nothing and with much on it, in light and dark, on a desk and a phone: axe finds nothing
// of weight, nothing scrolls sideways, what others have written stays text, and the console stays empty.
func TestPages(t *testing.T) {
	for _, state := range []string{"empty", "filled"} {
		t.Run(state, func(t *testing.T) {
			s := startServer(t)
			b := openTab(t, s.URL())
			paths := map[string]string{"login": "/login", "invite": strings.TrimPrefix(s.SignInLink(), s.URL())}
			if state == "empty" {
				for name, path := range paths {
					s.check(b, name, path)
				}
			}
			s.signIn(b)
			paths = map[string]string{
				"home": "/home", "webhooks": "/webhooks", "add": "/webhooks/new", "log": "/log", "log-none": "/log?code=418", "log-wrong": "/log?q=nonsense",
				"missing": "/webhooks/wh_none",
			}
			if state == "filled" {
				hook, failed, job := s.filled()
				for name, path := range map[string]string{
					"webhook": "", "edit": "/edit", "rotate": "/rotate", "recover": "/recover", "delete": "/delete",
				} {
					paths[name] = "/webhooks/" + hook + path
				}
				paths["attempt"], paths["job"] = "/log/"+failed, "/jobs/"+job
				paths["webhooks-none"] = "/webhooks?q=nothing+has+this"
				paths["log-webhook"] = "/log?webhook=" + hook
				paths["home-30d"] = "/home?period=30d"
			}
			b.expect("404")
			b.expect("422")
			for name, path := range paths {
				s.check(b, state+"-"+name, "/t/default"+path)
			}
		})
	}
}

func (s *server) check(b *tab, name, path string) {
	s.t.Helper()
	b.open(path)
	for _, l := range looks {
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
		for _, found := range b.axe() {
			b.t.Errorf("%s, %s: %s", name, l.name, found)
		}
		b.shot(name + "-" + l.name)
	}
	b.do(chromedp.ResetViewport())
}
