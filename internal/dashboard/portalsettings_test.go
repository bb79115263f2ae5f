package dashboard_test

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/relay-events/relay/client"
)

// TestPortalSettings sets a portal up by its page, makes a link there, looks at the portal, and revokes the link.
func TestPortalSettings(t *testing.T) {
	s, e := startServer(t), newEndpoint(t)
	s.customers(e)
	b := openTab(t, s.URL())
	s.signIn(b)
	b.open("/t/default/account/portal")

	// The accent is corrected while it is chosen, and the page tells.
	b.see("is shown as #")
	b.eval(`(() => { const a = document.querySelector("#accent"); a.value = "#ffd000"; a.dispatchEvent(new Event("input", {bubbles: true})); })()`)
	b.until(`!!document.querySelector("#accent-shown")?.innerText.includes("#ffd000 is shown as #")`)

	var logo bytes.Buffer
	m := image.NewRGBA(image.Rect(0, 0, 40, 20))
	m.Set(1, 1, color.RGBA{R: 200, A: 255})
	if err := png.Encode(&logo, m); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "logo.png")
	if err := os.WriteFile(file, logo.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	b.expect("422")
	b.fill("#name", "Acme events")
	b.fill("#embedOrigins", "https://*.example.com")
	b.press("Save")
	b.until(`!!document.querySelector("#embedOrigins[aria-invalid=true]") && document.querySelector("#name").value === "Acme events"`)
	b.fill("#embedOrigins", "https://app.example.com")
	b.eval(`document.querySelector("#accent").value = "#ffd000"`)
	b.do(chromedp.SetUploadFiles(chromedp.CSS("#logo"), []string{file}))
	b.press("Save")
	b.see("Saved.")
	p, err := s.api.GetPortal(t.Context())
	if err != nil || p.Name != "Acme events" || p.Theme.Accent != "#ffd000" || len(p.EmbedOrigins) != 1 || !strings.HasPrefix(p.Logo, "data:image/png;base64,") {
		t.Fatalf("got %+v, %v", p, err)
	}
	b.until(`document.querySelector("img.logo").naturalWidth === 40`)

	// Words.
	b.press("Change the words of the pages")
	b.fill("input[type=search]", "Add webhook")
	b.press("Search")
	b.until(`document.querySelectorAll("table.words tbody tr").length === 1`)
	b.fill("#word-0", "New receiver")
	b.press("Save")
	b.see("Saved.")
	b.see("1 is your own")

	// A link, and what it opens.
	b.open("/t/default/account/portal")
	b.fill("#user-name", "Ana")
	b.press("Show a part only")
	b.fill("#webhooks", "customer=acme")
	b.press("Make a link")
	b.see("It is shown this once.")
	link := b.text(`document.querySelector("#portal-link").textContent`)
	b.open(strings.TrimPrefix(link, s.URL()))
	b.see("New receiver")
	b.until(`document.title === "Webhooks · Acme events" && document.querySelector(".portal-head img").naturalWidth === 40 && document.body.innerText.includes("/acme") && !document.body.innerText.includes("/rival")`)
	if got := b.text(`getComputedStyle(document.querySelector(".btn.primary")).backgroundColor`); got == "rgb(255, 208, 0)" || got == "rgb(11, 95, 196)" {
		t.Errorf("the main button is %s, want the accent in a shade that white can be read on", got)
	}

	b.open("/t/default/account/portal")
	if html := b.text(`document.documentElement.outerHTML`); strings.Contains(html, "rpk_") {
		t.Error("the page shows the link again")
	}
	b.until(`[...document.querySelectorAll("tbody tr")].some((r) => r.innerText.includes("Ana") && r.innerText.includes("customer=acme") && r.innerText.includes("1 time"))`)
	b.press("Revoke")
	b.press("Yes, its sessions end at once")
	b.see("No link can be opened")
	b.expect("401")
	b.open(strings.TrimPrefix(strings.Split(link, "/enter")[0], s.URL()) + "/webhooks")
	b.see("Your session has ended")
	if links, err := s.api.ListPortalLinksPage(t.Context(), client.ListPortalLinksParams{}); err != nil || len(links.Data) != 0 {
		t.Errorf("got the links %+v, %v", links.Data, err)
	}
}
