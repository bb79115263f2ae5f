package dashboard_test

import (
	"os"
	"strings"
	"testing"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/testenv"
)

// TestPortalPages looks at the pages of a portal in German, whose words are long: axe finds nothing of weight, nothing
// scrolls sideways, and what others have written stays text. RELAY_TEST_SHOTS names a folder for pictures.
func TestPortalPages(t *testing.T) {
	if testenv.Race {
		return // many pages, each looked at for long: the walks go through the same code under the race detector
	}
	s := startServer(t)
	hook, failed, job := s.filled()
	red := client.PortalThemeFields{Accent: client.Set("#c0392b"), Language: client.Set("de")}
	if _, err := s.api.UpdatePortal(t.Context(), client.UpdatePortal{Name: client.Set("Acme events"), Theme: client.Set(red)}); err != nil {
		t.Fatal(err)
	}
	open := func(b *tab) (root string) {
		t.Helper()
		made, err := s.api.CreatePortalLink(t.Context(), client.CreatePortalLink{Capabilities: client.Set([]string{"manage", "test", "replay", "secret", "transform"})})
		if err != nil {
			t.Fatal(err)
		}
		b.open(strings.TrimPrefix(made.URL, s.URL()))
		b.until(`location.pathname.endsWith("/webhooks")`)
		return strings.TrimSuffix(b.text(`location.pathname`), "/webhooks")
	}
	b := openTab(t, s.URL())
	root := open(b)
	b.expect("404")
	shots := os.Getenv("RELAY_TEST_SHOTS") != ""
	pages := map[string]string{
		"webhooks": "/webhooks", "new": "/webhooks/new", "webhook": "/webhooks/" + hook, "log": "/log", "log-none": "/log?code=418", "attempt": "/log/" + failed, "job": "/jobs/" + job,
		"types": "/types", "type": "/types/call.completed", "rotate": "/webhooks/" + hook + "/rotate", "recover": "/webhooks/" + hook + "/recover", "delete": "/webhooks/" + hook + "/delete",
		"ended": "/ended", "missing": "/nothing",
	}
	look := func(name, path string) {
		t.Helper()
		b.open(root + path)
		for _, l := range looks {
			if l.name != "light" && l.name != "phone-dark" && !shots {
				continue
			}
			b.as(l)
			if wide := b.text(`document.documentElement.scrollWidth > innerWidth ? [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, .tabs, .checks, pre, .nav")).slice(0, 5).map((e) => e.outerHTML.slice(0, 120)).join("\n") || "something" : ""`); wide != "" {
				t.Errorf("%s, %s: scrolls sideways: %s", name, l.name, wide)
			}
			if title := b.text(`document.title`); strings.Contains(title, "owned") {
				t.Errorf("%s: a script ran", name)
			}
			b.shot("portal-" + name + "-" + l.name)
			if l.name == "light" || l.name == "phone-dark" {
				for _, found := range b.axe() {
					t.Errorf("%s, %s: %s", name, l.name, found)
				}
			}
		}
	}
	for name, path := range pages {
		look(name, path)
	}

	// Within a page of somebody else's: no head, no gutters.
	if _, err := s.api.UpdatePortal(t.Context(), client.UpdatePortal{HideNavigation: client.Set(true), NoGutters: client.Set(true)}); err != nil {
		t.Fatal(err)
	}
	look("bare", "/webhooks")
	b.until(`!document.querySelector(".portal-head") && document.querySelector("main > *").getBoundingClientRect().left === 0`)
}
