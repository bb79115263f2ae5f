package dashboard_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/relay-events/relay/client"
)

// newest returns the ids of the newest attempts, as the API has them.
func (s *server) newest(limit int) []string {
	s.t.Helper()
	page, err := s.api.ListAttemptsPage(s.t.Context(), client.ListAttemptsParams{Limit: limit})
	if err != nil {
		s.t.Fatal(err)
	}
	var ids []string
	for _, a := range page.Data {
		ids = append(ids, a.ID)
	}
	return ids
}

// publish sends events, and waits until an attempt was made for each.
func (s *server) publish(e *endpoint, n int) {
	s.t.Helper()
	var list []client.NewEvent
	for i := range n {
		list = append(list, client.NewEvent{Type: "call.completed", Data: map[string]any{"sid": fmt.Sprint("CA", i)}})
	}
	if _, err := s.api.PublishMany(s.t.Context(), list); err != nil {
		s.t.Fatal(err)
	}
	for range n {
		e.next(s.t)
	}
	e.made += n
}

const tableIDs = `[...document.querySelectorAll("#live-table tr[data-id]")].map((r) => r.dataset.id)`

// sameAsAPI waits until the table of the page shows the API's newest attempts, in order.
func (s *server) sameAsAPI(b *tab, e *endpoint, rows int) {
	s.t.Helper()
	var got, want []string
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		want = s.newest(rows) // an attempt is in the log a moment after it was made
		raw, err := chromedp.Run(b.ctx, chromedp.Evaluate[json.RawMessage](tableIDs))
		if err == nil && len(want) == min(rows, e.made) && json.Unmarshal(raw, &got) == nil && len(got) >= len(want) && slices.Equal(got[:len(want)], want) {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the page shows %d attempts %v, want first %d: %v (%v)", len(got), got, len(want), want, err)
		}
	}
}

// TestLive watches the log while attempts are made: rows come without a reload and wait while somebody is at the table, a
// burst costs few changes of the page, and what a hidden page or a stopped server has missed is there afterwards.
func TestLive(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	dir := filepath.Join(t.TempDir(), "data")
	s := startServerAt(t, address, dir)
	e := newEndpoint(t)
	if _, err := s.api.CreateWebhook(t.Context(), client.CreateWebhook{URL: e.URL + "/hook", Events: client.Set([]string{"call.*"})}); err != nil {
		t.Fatal(err)
	}
	b := openTab(t, s.URL())
	s.signIn(b)
	live := `document.querySelector("[data-live]")?.dataset.state === "Live"`

	// The first row takes the place of the words about an empty log.
	b.open("/t/default/log")
	b.until(live)
	b.eval(`window.mark = 1`)
	s.publish(e, 1)
	s.sameAsAPI(b, e, 50)

	// Rows wait while the pointer is over the table, the focus in it, or something selected, and then come.
	table := `document.querySelector("#live-table")`
	for name, hold := range map[string][2]string{
		"pointer":   {table + `.dispatchEvent(new PointerEvent("pointerenter", {pointerType: "mouse"}))`, table + `.dispatchEvent(new PointerEvent("pointerleave", {pointerType: "mouse"}))`},
		"focus":     {table + `.querySelector("a").focus()`, `document.activeElement.blur()`},
		"selection": {`getSelection().selectAllChildren(` + table + `.querySelector("tr[data-id]"))`, `getSelection().removeAllRanges()`},
		"pause":     {`document.querySelector("[data-live-pause]").click()`, `document.querySelector("[data-live-pause]").click()`},
	} {
		before := b.text(tableIDs + `.join()`)
		b.eval(hold[0])
		s.publish(e, 3)
		b.until(`document.querySelector("[data-live-new]").innerText === "3 new"`)
		if after := b.text(tableIDs + `.join()`); after != before {
			t.Errorf("%s: the table has changed under it, from %s to %s", name, before, after)
		}
		if name == "pause" && !strings.Contains(b.text(`location.search`), "live=off") {
			t.Error("the address does not say that the page is paused")
		}
		b.eval(hold[1])
		s.sameAsAPI(b, e, 50)
	}

	s.selectRows(b, e)

	// A burst: few changes a second, and no more rows than 500. The rows that were too many are there after it.
	b.eval(`window.changes = [], window.rows = 0, new MutationObserver(() => {
		changes.push(performance.now());
		window.rows = Math.max(rows, document.querySelectorAll("#live-table tbody tr").length);
	}).observe(document.querySelector("#live-table"), {childList: true, subtree: true})`)
	for range 12 {
		s.publish(e, 100)
	}
	s.sameAsAPI(b, e, 50)
	// A message is one change for its rows and one for what is trimmed.
	if most := b.text(`String(Math.max(...changes.map((from) => changes.filter((at) => at >= from && at < from + 1000).length)))`); len(most) > 2 || most > "10" && len(most) == 2 {
		t.Errorf("the table changed %s times in a second, want at most 10", most)
	}
	if rows := b.text(`String(window.rows)`); len(rows) > 3 || len(rows) == 3 && rows > "500" {
		t.Errorf("the table had %s rows, want at most 500", rows)
	}

	// The palette goes to a page by a part of its name, and back restores the log with its filter.
	b.open("/t/default/log?outcome=delivered")
	b.until(live)
	b.eval(`document.dispatchEvent(new KeyboardEvent("keydown", {key: "k", ctrlKey: true, bubbles: true, cancelable: true}))`)
	b.until(`document.querySelector("#palette").open && document.activeElement.closest("#palette") !== null`)
	b.do(chromedp.SendKeys(chromedp.CSS("#palette input"), "event ty"))
	b.until(`document.querySelectorAll("#palette [role=option]").length === 1`)
	b.eval(`document.querySelector("#palette form").requestSubmit()`)
	b.until(`location.pathname === "/t/default/types"`)
	b.eval(`history.back()`)
	b.until(`location.search === "?outcome=delivered" && document.querySelector("#outcome")?.value === "delivered"`)
	b.open("/t/default/log")
	b.until(live)
	b.eval(`window.mark = 1`)

	// Hidden, the page holds no stream; shown again, it has everything.
	hide := func(hidden bool) {
		b.eval(fmt.Sprintf(`(Object.defineProperty(document, "hidden", {value: %v, configurable: true}), document.dispatchEvent(new Event("visibilitychange")))`, hidden))
	}
	hide(true)
	s.publish(e, 60)
	hide(false)
	s.sameAsAPI(b, e, 50)
	if b.text(`String(window.mark)`) != "1" {
		t.Error("the page was loaded anew")
	}

	// The server stops and comes back.
	b.expect("ERR_CONNECTION_REFUSED")
	b.expect("Failed to fetch")
	b.expect("ERR_INCOMPLETE_CHUNKED_ENCODING")
	b.expect("Failed to load resource")
	stop, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Stop(stop); err != nil {
		t.Fatal(err)
	}
	b.see("Connection lost")
	s = startServerAt(t, address, dir)
	s.publish(e, 5)
	began := time.Now()
	b.until(live)
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the page reconnected after %v, want within 5s; a busy machine is given more", took)
	}
	s.publish(e, 5)
	s.sameAsAPI(b, e, 50)

	// With seven tabs on Home, all load: some poll.
	for i := range 7 {
		ctx, cancel := chromedp.NewContext(b.ctx)
		defer cancel()
		if err := chromedp.Do(ctx, chromedp.Navigate(b.url+"/t/default/home")); err != nil {
			t.Fatal(err)
		}
		one := &tab{t: t, ctx: ctx, url: b.url}
		one.see("Latest attempts")
		if i == 6 {
			s.publish(e, 1)
			s.sameAsAPI(one, e, 10)
		}
	}
}

// selectRows selects rows of the log by keys and by mouse, retries them, and looks at attempts beside the table.
func (s *server) selectRows(b *tab, e *endpoint) {
	s.t.Helper()
	key := func(k string) {
		s.t.Helper()
		b.eval(fmt.Sprintf(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: %q, bubbles: true, cancelable: true}))`, k))
	}
	b.open("/t/default/log")
	b.until(`document.querySelector("[data-live]")?.dataset.state === "Live" && document.querySelector("#selected button[data-htmx-powered]") !== null`)
	visible := `document.querySelector("#selected").checkVisibility()`
	b.until(`!` + visible)
	key("j")
	key("x")
	b.until(visible + ` && document.querySelector("[data-selected]").innerText === "1 selected" && document.querySelector("[data-two]").disabled`)
	key("j")
	key("x")
	b.until(`!document.querySelector("[data-two]").disabled`)
	b.eval(`document.querySelectorAll("#live-table input")[3].dispatchEvent(new MouseEvent("click", {bubbles: true, shiftKey: true}))`)
	b.until(`document.querySelector("[data-selected]").innerText === "4 selected"`)
	b.eval(`document.activeElement.blur()`)
	s.publish(e, 2) // rows wait while some are selected
	b.until(`document.querySelector("[data-live-new]").innerText === "2 new"`)
	key("R")
	for range 4 {
		e.next(s.t)
	}
	e.made += 4
	b.see("4 deliveries tried again now.")
	b.until(`!` + visible)
	s.sameAsAPI(b, e, 50)

	// The attempt beside the table; its address can be shared, and back closes it.
	key("j")
	key("j")
	b.eval(`document.activeElement.click()`)
	at := `document.querySelector("#panel [data-at]")?.dataset.at`
	here := func() string { return b.text(`document.querySelector("#live-table tr.here").dataset.id`) }
	first := here()
	b.until(at + fmt.Sprintf(` === %q && new URL(location).searchParams.get("at") === %q`, first, first))
	b.see("The endpoint answered 200")
	key("k")
	second := here()
	b.until(at + fmt.Sprintf(` === %q && new URL(location).searchParams.get("at") === %q`, second, second))
	if first == second {
		s.t.Error("the key k stays on its row")
	}
	b.until(`document.querySelector("#panel form")?.matches("[data-htmx-powered]")`)
	b.eval(`document.querySelector("#panel [data-at]").classList.add("before"), document.querySelector("#panel form button").click()`)
	e.next(s.t)
	e.made++
	b.until(at + ` !== undefined && document.querySelector("#panel .before") === null`)
	b.do(chromedp.Reload())
	clickFirst := `(() => { const first = document.querySelector("#live-table tr[data-id] a"); first?.click(); return first !== null; })()`
	closed := at + ` === undefined && location.search === ""`
	b.until(at + ` !== undefined && document.readyState === "complete"`)
	key("Escape")
	b.until(closed)
	b.until(clickFirst)
	b.until(at + ` !== undefined`)
	b.eval(`history.back()`)
	b.until(closed)
	b.do(chromedp.EmulateViewport(390, 844))
	b.until(clickFirst)
	b.until(`location.pathname.includes("/log/att_")`) // on a phone it is a page
	b.do(chromedp.ResetViewport())
	b.open("/t/default/log")
	b.until(`document.querySelector("[data-live]")?.dataset.state === "Live"`)
}

// person is somebody's browser as far as HTTP is concerned.
func (s *server) person() *http.Client {
	s.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	c := &http.Client{Jar: jar}
	s.post(c, strings.TrimPrefix(s.SignInLink(), s.URL()), url.Values{"name": {"Ana"}, "password": {password}})
	return c
}

func (s *server) post(c *http.Client, path string, form url.Values) {
	s.t.Helper()
	if status := s.posted(c, path, form); status != http.StatusOK {
		s.t.Fatalf("POST %s: got status %d", path, status)
	}
}

// stream opens a stream and returns its events' names.
func (s *server) stream(c *http.Client, query string) (status int, events <-chan string) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/t/default/stream"+query, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := c.Do(q)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { r.Body.Close() })
	list := make(chan string, 100)
	go func() {
		defer close(list)
		lines := bufio.NewScanner(r.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				list <- name
			}
		}
	}()
	return r.StatusCode, list
}

// TestStreams bounds the streams of a session, beats while nothing happens, and ends the stream of a session that has ended
// and those of a server that stops.
func TestStreams(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	c := s.person()
	await := func(events <-chan string, name string, others ...string) {
		t.Helper()
		timeout := time.After(40 * time.Second)
		for {
			select {
			case got, open := <-events:
				if got == name && open || name == "" && !open {
					return
				}
				if !open || !slices.Contains(others, got) {
					t.Fatalf("got the event %q, want %q", got, name)
				}
			case <-timeout:
				t.Fatalf("the event %q did not come", name)
			}
		}
	}
	var streams []<-chan string
	for range 4 {
		status, events := s.stream(c, "?")
		if status != http.StatusOK {
			t.Fatalf("got status %d", status)
		}
		await(events, "open")
		streams = append(streams, events)
	}
	if status, _ := s.stream(c, "?"); status != http.StatusTooManyRequests {
		t.Errorf("a fifth stream of the session: got status %d, want 429", status)
	}
	if status, _ := s.stream(c, "?code=nonsense"); status != http.StatusBadRequest {
		t.Errorf("a filter that cannot be read: got status %d, want 400", status)
	}
	await(streams[0], "beat")

	// The session ends: so do its streams, within 30 s.
	s.post(c, "/logout", nil)
	for _, events := range streams {
		await(events, "gone", "beat")
		await(events, "")
	}

	// The server stops: streams end first, and do not keep it.
	if err := signInAgain(s, c); err != nil {
		t.Fatal(err)
	}
	_, events := s.stream(c, "?")
	await(events, "open")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	began := time.Now()
	if err := s.Stop(ctx); err != nil || time.Since(began) > 8*time.Second {
		t.Errorf("Stop: %v after %v", err, time.Since(began))
	}
	await(events, "restart", "beat")
	await(events, "")
}

func signInAgain(s *server, c *http.Client) error {
	s.post(c, "/login", url.Values{"email": {"operator@localhost"}, "password": {password}})
	u, err := url.Parse(s.URL())
	if err == nil && len(c.Jar.Cookies(u)) == 0 {
		return fmt.Errorf("signing in left no cookie")
	}
	return err
}
