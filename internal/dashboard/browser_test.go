package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/relay-events/relay/internal/testenv"
)

// tab is a tab of a real browser. The test fails at the end if the page wrote to the console, broke its content security
// policy, or asked another host for anything.
type tab struct {
	t   *testing.T
	ctx context.Context
	url string

	mu       sync.Mutex
	wrong    []string // guarded by mu
	expected func(string) bool
}

// openTab starts a browser of its own, with an empty profile and more options, for a server.
func openTab(t *testing.T, url string, more ...chromedp.ExecAllocatorOption) *tab {
	t.Helper()
	b := &tab{t: t, url: url}
	profile := t.TempDir()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(testenv.Binary(t, "chromium")), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true), chromedp.Flag("disable-quic", true), chromedp.WindowSize(1280, 900),
	)
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(options, more...)...)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(allocator)
	t.Cleanup(end)
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("starting the browser: %v", err)
	}
	// The browser lives as long as the first context; what follows has a bound.
	bounded, cancel := context.WithTimeout(ctx, 20*time.Minute) // on a busy machine all pages take ten
	t.Cleanup(cancel)
	b.ctx = bounded
	if err := chromedp.Listen(ctx, b.note); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{})
		return err
	}))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, w := range b.wrong {
			t.Errorf("the browser: %s", w)
		}
	})
	return b
}

// note collects what no page may do.
func (b *tab) note(ev any) {
	var wrong string
	switch ev := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		var words []string
		for _, a := range ev.Args {
			words = append(words, string(a.Value)+a.Description)
		}
		wrong = fmt.Sprintf("console %s: %s", ev.Type, strings.Join(words, " "))
	case *runtime.EventExceptionThrown:
		wrong = "exception: " + ev.ExceptionDetails.Text
		if x := ev.ExceptionDetails.Exception; x != nil {
			wrong += " " + x.Description
		}
	case *log.EventEntryAdded:
		if ev.Entry.Source == "recommendation" { // about password managers and forms with several secrets
			return
		}
		if strings.Contains(ev.Entry.URL, "/stream?") && strings.Contains(ev.Entry.Text, "429") {
			return // streams of pages that the tab has just left are still open; the page polls for a while, as it should
		}
		wrong = fmt.Sprintf("log (%s): %s %s", ev.Entry.Source, ev.Entry.Text, ev.Entry.URL)
	case *network.EventRequestWillBeSent:
		if u := ev.Request.URL; !strings.HasPrefix(u, b.url) && !strings.HasPrefix(u, "data:") && !strings.HasPrefix(u, "about:") {
			wrong = "asked another host: " + u
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if wrong != "" && (b.expected == nil || !b.expected(wrong)) {
		b.wrong = append(b.wrong, wrong)
	}
}

// expect lets messages pass that have the text, such as that of the browser about an answer 422.
func (b *tab) expect(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.expected
	b.expected = func(s string) bool { return strings.Contains(s, text) || before != nil && before(s) }
}

func (b *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for _, a := range actions {
		err := chromedp.Do(b.ctx, a)
		for range 10 {
			if err == nil || !strings.Contains(err.Error(), "Could not find node with given id") {
				break
			}
			time.Sleep(100 * time.Millisecond) // the page was replaced between looking for the element and using it
			err = chromedp.Do(b.ctx, a)
		}
		if err != nil {
			where, _ := chromedp.Run(b.ctx, chromedp.Location())
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body?.innerText.slice(0, 600)`))
			b.t.Fatalf("at %s: %v\n%s", where, err, text)
		}
	}
}

// open shows a page of the server.
func (b *tab) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + path))
}

// click presses what the selector finds, and waits until then.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.ScrollIntoView(chromedp.CSS(selector)), chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// press clicks a control with the text on it, a button or a link, once it and the page's script are there.
func (b *tab) press(text string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`(() => {
		if (document.readyState !== "complete") return false;
		const found = [...document.querySelectorAll("button, a, summary")].find((e) => e.checkVisibility() && !e.disabled && e.innerText.trim() === %q);
		if (!found || found.form?.matches("[hx-post]:not([data-htmx-powered])")) return false;
		found.click();
		return true;
	})()`, text))
}

// fill types into a field, in place of what it has.
func (b *tab) fill(selector, text string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(chromedp.CSS(selector)))
	b.eval(fmt.Sprintf(`document.querySelector(%q).value = ""`, selector))
	b.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// see waits until the page has the text.
func (b *tab) see(text string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`document.body?.innerText.includes(%q)`, text))
}

// pill waits until a state is shown.
func (b *tab) pill(word string) {
	b.t.Helper()
	b.until(fmt.Sprintf(`[...document.querySelectorAll(".pill")].some((e) => e.innerText === %q)`, word))
}

// until waits until an expression is true.
func (b *tab) until(expression string) {
	b.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		// While a page is being left there is nothing to evaluate in.
		if ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression)); err == nil && ok {
			return
		} else if time.Now().After(deadline) || b.ctx.Err() != nil {
			where, _ := chromedp.Run(b.ctx, chromedp.Location())
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.body?.innerText`))
			b.t.Fatalf("at %s it never came true: %s (%v)\n%s", where, expression, err, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (b *tab) eval(expression string) {
	b.t.Helper()
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[json.RawMessage]("("+expression+") ?? null")); err != nil {
		where, _ := chromedp.Run(b.ctx, chromedp.Location())
		b.t.Fatalf("at %s: %v", where, err)
	}
}

func (b *tab) text(expression string) string {
	b.t.Helper()
	s, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return s
}

// look is how a page is looked at.
type look struct {
	name   string
	width  int64
	height int64
	scheme string
}

var looks = []look{{"light", 1280, 900, "light"}, {"dark", 1280, 900, "dark"}, {"phone", 390, 844, "light"}, {"phone-dark", 390, 844, "dark"}}

func (b *tab) as(l look) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(l.width, l.height), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
		})
		return err
	}))
}

var axeScript = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "relay-test", "axe-4.14.1")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc"} {
		b, err := os.ReadFile(filepath.Join("testdata", "axe", name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o644)
		}
		if err != nil {
			return "", err
		}
	}
	script := filepath.Join(dir, "node_modules", "axe-core", "axe.min.js")
	if _, err := os.Stat(script); err != nil {
		install := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		install.Dir = dir
		if out, err := install.CombinedOutput(); err != nil {
			return "", fmt.Errorf("npm ci: %w\n%s", err, out)
		}
	}
	b, err := os.ReadFile(script)
	return string(b), err
})

// axe returns what axe-core finds of serious or critical impact on the page.
func (b *tab) axe() []string {
	b.t.Helper()
	testenv.Binary(b.t, "npm")
	script, err := axeScript()
	if err != nil {
		testenv.Skip(b.t, "axe-core cannot be installed: "+err.Error())
	}
	if _, err := chromedp.Run(b.ctx, chromedp.Evaluate[json.RawMessage](script+";null")); err != nil {
		b.t.Fatal(err)
	}
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](`axe.run(document, {resultTypes: ["violations"]}).then((r) => r.violations
		.filter((v) => v.impact === "serious" || v.impact === "critical")
		.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 200) + " " + (n.any[0]?.message ?? n.all[0]?.message ?? n.none[0]?.message ?? ""))))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

// shot writes a picture of the whole page, if RELAY_TEST_SHOTS names a folder.
func (b *tab) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("RELAY_TEST_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
