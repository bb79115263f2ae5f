package dashboard_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/app"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/receiver"
)

const (
	adminKey = "correct-horse-battery-staple"
	password = "bridge lantern pepper tide"
)

// server is a whole Relay, with people's pages.
type server struct {
	*app.App
	t   *testing.T
	api *client.Client
	// base is where pages are, if not at URL.
	base string
}

func startServer(t *testing.T) *server {
	t.Helper()
	return startServerAt(t, "127.0.0.1:0", filepath.Join(t.TempDir(), "data"))
}

// startServerAt is startServer at an address and on a folder of the test's.
func startServerAt(t *testing.T, address, dir string, change ...func(*config.Config)) *server {
	t.Helper()
	return startServerLogging(t, slog.DiscardHandler, address, dir, change...)
}

// startServerLogging is startServerAt with a log.
func startServerLogging(t *testing.T, log slog.Handler, address, dir string, change ...func(*config.Config)) *server {
	t.Helper()
	c := config.Default()
	c.Listen, c.Data, c.Dev, c.AdminKey = address, dir, true, adminKey
	for _, f := range change {
		f(&c)
	}
	a, err := app.New(t.Context(), c, slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
	})
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	api, err := client.New(client.Options{URL: a.URL(), Key: adminKey})
	if err != nil {
		t.Fatal(err)
	}
	return &server{App: a, t: t, api: api}
}

// signIn uses the link of the first start.
func (s *server) signIn(b *tab) {
	s.t.Helper()
	b.open(strings.TrimPrefix(s.SignInLink(), s.URL()))
	b.fill("#name", "Ana")
	b.fill("#password", password)
	b.press("Save and sign in")
	b.until(`location.pathname === "/t/default/home"`)
}

// endpoint is a receiver that answers as it is told.
type endpoint struct {
	*httptest.Server
	status atomic.Int32
	got    chan *http.Request
	bodies chan []byte
	made   int // requests that server.publish has caused
}

func newEndpoint(t *testing.T) *endpoint {
	e := &endpoint{got: make(chan *http.Request, 1000), bodies: make(chan []byte, 1000)}
	e.status.Store(200)
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(e.status.Load()))
		fmt.Fprint(w, `{"received": true, "number": 12345678901234567890}`)
		e.bodies <- b
		e.got <- r
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) next(t *testing.T) (*http.Request, []byte) {
	t.Helper()
	select {
	case b := <-e.bodies:
		return <-e.got, b
	case <-time.After(time.Minute):
		t.Fatal("the endpoint got nothing")
		return nil, nil
	}
}

// TestWalk is what call-webhooks.txt promises a person, by mouse: sign in, add a webhook, keep the secret, test, look at the
// log, repair, pause, resume, rotate the secret, and delete.
func TestWalk(t *testing.T) {
	s, e := startServer(t), newEndpoint(t)
	b := openTab(t, s.URL())

	// Looking at the link uses nothing up, and without a session there is nothing to see.
	b.open("/t/default/webhooks")
	b.until(`location.pathname === "/login"`)
	link := strings.TrimPrefix(s.SignInLink(), s.URL())
	b.open(link)
	b.open(link)
	b.expect("422")
	b.fill("#password", "short")
	b.press("Save and sign in")
	b.see("at least 12 characters")
	s.signIn(b)
	b.see("0 of 4 done")

	// Add webhook.
	b.press("Webhooks")
	b.see("Have Relay call your server")
	b.press("Add webhook")
	b.fill("#url", "ftp://nowhere")
	b.press("Create")
	b.until(`document.activeElement?.name === "url" || !!document.querySelector("[aria-invalid=true]")`)
	b.see("must name at least one")
	b.fill("#url", e.URL+"/hook")
	b.click(`input[value="call.completed"]`)
	b.click(`input[value="call.urgent"]`)
	b.fill("#description", "CRM of the front desk")
	b.press("Create")
	b.see("Signing secret")
	secret := b.text(`document.querySelector("#secret").textContent`)
	if !strings.HasPrefix(secret, "whsec_") {
		t.Fatalf("got the secret %q", secret)
	}
	b.eval(`window.copied = "", navigator.clipboard.writeText = (s) => { window.copied = s; return Promise.resolve(); }`)
	b.press("Copy")
	if got := b.text(`window.copied`); got != secret {
		t.Errorf("copied %q, want %q", got, secret)
	}
	b.until(`/^\/t\/default\/webhooks\/wh_/.test(location.pathname)`)
	b.do(chromedp.Reload())
	b.see("No attempt yet")
	if html := b.text(`document.documentElement.outerHTML`); strings.Contains(html, secret) {
		t.Error("the secret is shown again when the page is loaded anew")
	}

	// Test, verified as the document has it.
	b.press("Test")
	b.see("Test delivered.")
	r, body := e.next(t)
	verifier, err := receiver.New(receiver.Config{Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(r.Header, body); err != nil {
		t.Errorf("the test's signature: %v", err)
	}
	b.press("View log")
	b.see("call.completed")
	b.see("test")

	// A failure, and Retry now.
	e.status.Store(503)
	if _, err := s.api.Publish(t.Context(), client.NewEvent{Type: "call.urgent", Data: map[string]any{"sid": "CA1"}}); err != nil {
		t.Fatal(err)
	}
	e.next(t)
	b.until(`(() => { if (document.body.innerText.includes("retrying")) return true; location.reload(); return false })()`)
	b.eval(`location.href = document.querySelector("tbody[data-rows] a").href`) // the whole page, not the panel that a click opens
	b.see("Where the time went")
	b.see("waiting")
	e.status.Store(204)
	b.press("Retry now")
	e.next(t)
	b.until(`(() => { if (document.querySelector("section .pill.ok")?.innerText === "delivered") return true; location.reload(); return false })()`)
	b.see("All attempts of this delivery")

	// The two attempts side by side.
	b.press("Compare")
	b.see("Both are of the same delivery.")
	b.see("The answer: 503, then 204.")
	b.see("The body is the same")

	// Pause: an event that comes now is not queued.
	b.press("Webhooks")
	b.press("Pause")
	b.pill("paused")
	if _, err := s.api.Publish(t.Context(), client.NewEvent{Type: "call.urgent", Data: map[string]any{"sid": "CA2"}}); err != nil {
		t.Fatal(err)
	}
	b.press("Resume")
	b.pill("active")

	// Rotate secret.
	b.press("Rotate secret")
	b.see("becomes invalid at once")
	b.click("form.card button")
	b.see("has a new secret")
	rotated := b.text(`document.querySelector("#secret").textContent`)
	b.press("I stored it")
	b.press("Test")
	b.see("Test delivered.")
	r, body = e.next(t)
	if err := verifier.Verify(r.Header, body); err == nil {
		t.Error("the old secret still verifies")
	}
	if verifier, err = receiver.New(receiver.Config{Secrets: []string{rotated}}); err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(r.Header, body); err != nil {
		t.Errorf("with the new secret: %v", err)
	}

	// Another URL keeps the secret.
	b.press("Edit")
	b.fill("#url", e.URL+"/moved")
	b.press("Save")
	b.see("/moved")
	b.press("Test")
	b.see("Test delivered.")
	r, body = e.next(t)
	if err := verifier.Verify(r.Header, body); err != nil || r.URL.Path != "/moved" {
		t.Errorf("after the change of the URL: path %s, %v", r.URL.Path, err)
	}

	// Recover, which has nothing to do; then Replay, which brings the event of the pause.
	b.click("details.more summary")
	b.press("Recover")
	b.click(`input[value="replay"]`)
	b.click("form.card button")
	b.see("done")
	e.next(t)

	// Delete needs the typed host.
	b.press("Webhooks")
	b.until(`!!document.querySelector(".hook")`)
	b.eval(`document.querySelector(".hook").click()`)
	b.see("Latest attempts")
	b.click("details.more summary")
	b.press("Delete")
	b.see("to confirm")
	b.fill("#host", "nope.example")
	b.click("form.card button")
	b.see("not the host")
	b.fill("#host", strings.TrimPrefix(e.URL, "http://"))
	b.click("form.card button")
	b.see("Have Relay call your server")

	// Sign out ends the session.
	b.click("details.me summary")
	b.press("Sign out")
	b.until(`location.pathname === "/login"`)
	b.expect("401")
	b.fill("#email", "operator@localhost")
	b.fill("#password", "wrong password")
	b.click("form button")
	b.see("is wrong")
	b.fill("#password", password)
	b.click("form button")
	b.until(`location.pathname === "/t/default/home"`)
}
