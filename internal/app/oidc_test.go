package app

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/testenv"
)

// A tokenProvider is a running OpenID provider, the npm package oidc-provider.
type tokenProvider struct {
	t       *testing.T
	url     string
	secret  string
	http    *http.Client
	granted [3]atomic.Int64 // tokens by client
}

// providerClients are its clients, see provider.mjs.
var providerClients = []string{"header", "body", "short"}

// installProvider installs the npm package oidc-provider and returns its folder, which has the scripts as well.
func installProvider(t *testing.T) string {
	t.Helper()
	from := filepath.Join("testdata", "oidc")
	return testenv.Modules(t, "oidc-provider-9.13.3", "oidc-provider/package.json", from, filepath.Join(from, "provider.mjs"), filepath.Join(from, "people.mjs"))
}

func startProvider(t *testing.T, secret string) *tokenProvider {
	t.Helper()
	node := testenv.Binary(t, "node")
	dir := installProvider(t)
	p := &tokenProvider{t: t, secret: secret, http: httpClient(t)}
	p.url, _ = testenv.Serve(t, exec.Command(node, filepath.Join(dir, "provider.mjs"), secret), func(line string) {
		for i, c := range providerClients {
			if line == "granted "+c {
				p.granted[i].Add(1)
			}
		}
	})
	return p
}

// ask posts a token to the provider, as the client to which it was issued.
func (p *tokenProvider) ask(as, path, token string) []byte {
	form := url.Values{"token": {token}}
	if as == "body" {
		form.Set("client_id", as)
		form.Set("client_secret", p.secret)
	}
	req, err := http.NewRequest("POST", p.url+path, strings.NewReader(form.Encode()))
	if err != nil {
		p.t.Error(err)
		return nil
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if as != "body" {
		req.SetBasicAuth(as, p.secret)
	}
	res, err := p.http.Do(req)
	if err != nil {
		p.t.Error(err)
		return nil
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		p.t.Errorf("POST %s: got %d %s, %v, want 200", path, res.StatusCode, b, err)
	}
	return b
}

// good asks the provider whether a token is valid, and for whom.
func (p *tokenProvider) good(as, token string) bool {
	var v struct {
		Active   bool
		ClientID string `json:"client_id"`
		Scope    string
	}
	_ = json.Unmarshal(p.ask(as, "/token/introspection", token), &v)
	return v.Active && v.ClientID == as && v.Scope == "events"
}

// TestOpenIDProvider checks OAuth authentication against a real provider, which judges every token
// that the endpoint gets.
func TestOpenIDProvider(t *testing.T) {
	const secret = "canary:secret/with?odd&characters=7"
	p := startProvider(t, secret)
	cfg := settings(t)
	a := run(t, cfg)
	c := dial(t, a, adminKey)

	// Requests with a bad token wait for each other where a test wants them to.
	var together atomic.Pointer[barrier]
	var mu sync.Mutex
	last := make(map[string]string) // the last valid token of each client
	var warm atomic.Pointer[string] // a token that is valid without asking the provider
	var underWay, peak atomic.Int64
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		as := strings.TrimPrefix(r.URL.Path, "/")
		if n := underWay.Add(1); n > peak.Load() {
			peak.Store(n)
		}
		defer underWay.Add(-1)
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if as == "header" {
			time.Sleep(500 * time.Millisecond) // compared with this, delays of a busy machine do not look like load
			if known := warm.Load(); known != nil && token == *known {
				return
			}
		}
		if !ok || !p.good(as, token) {
			if b := together.Load(); b != nil {
				b.wait()
			}
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		mu.Lock()
		last[as] = token
		mu.Unlock()
	}))
	t.Cleanup(endpoint.Close)
	lastOf := func(as string) string {
		mu.Lock()
		defer mu.Unlock()
		return last[as]
	}

	for i, as := range providerClients {
		style := "header"
		if as == "body" {
			style = "body"
		}
		w, err := c.CreateWebhook(t.Context(), client.CreateWebhook{
			URL: endpoint.URL + "/" + as, Preset: client.Set("push"), Timeout: client.Set(client.Duration(time.Minute)),
			Events: client.Set([]string{"to." + as}),
			Auth:   client.Set(client.AuthFields{Type: client.Set("oauth2"), ClientID: client.Set(as), ClientSecret: client.Set(secret), TokenURL: client.Set(p.url + "/token"), Scope: client.Set("events"), Style: client.Set(style)}),
		})
		if err != nil {
			t.Fatal(err)
		}
		deliver := func(what string, granted int64) {
			t.Helper()
			ev, err := c.Publish(t.Context(), client.NewEvent{Type: "to." + as, Data: 1})
			if err != nil {
				t.Fatal(err)
			}
			var list []client.Delivery
			until(t, func() bool {
				list, err = c.ListEventDeliveries(t.Context(), ev.ID)
				return err == nil && len(list) == 1 && list[0].State != "inFlight"
			})
			if list[0].State != "delivered" || list[0].Attempts != 1 {
				t.Errorf("%s, %s: got %+v, want delivered by the first attempt", as, what, list[0])
			}
			until(t, func() bool { return p.granted[i].Load() >= granted })
			if n := p.granted[i].Load(); n != granted && as != "short" {
				t.Errorf("%s, %s: the provider gave out %d tokens, want %d", as, what, n, granted)
			}
		}
		deliver("the first", 1)
		first := lastOf(as)
		if as == "short" {
			until(t, func() bool { return !p.good(as, first) })
			deliver("after it expired", 2)
			if lastOf(as) == first {
				t.Errorf("%s: a token that expired was accepted", as)
			}
			continue
		}
		deliver("the second", 1)
		if lastOf(as) != first {
			t.Errorf("%s: another token was used, want the same", as)
		}

		// However many requests are refused together, only one token is requested: for deliveries
		// from the queue, or for test calls.
		const many = 100
		if as == "header" {
			// An endpoint gets as many concurrent requests as it has handled without slowing down.
			warm.Store(&first)
			for end := time.Now().Add(patience); peak.Load() < many*5/4; {
				if time.Now().After(end) {
					t.Fatalf("%s: got %d deliveries at a time at most within %v, want %d", as, peak.Load(), patience, many*5/4)
				}
				publishAll(t, c, "to."+as, 300)
			}
			warm.Store(nil)
			p.ask(as, "/token/revocation", first)
			b := newBarrier(many)
			together.Store(b)
			publishAll(t, c, "to."+as, many)
			together.Store(nil)
			if left := b.left.Load(); left != 0 {
				t.Errorf("%s: %d requests were refused, want %d, all at a time", as, many-left, many)
			}
			deliver("after 100 deliveries were refused", 2)
			continue
		}
		p.ask(as, "/token/revocation", first)
		together.Store(newBarrier(many))
		var wg sync.WaitGroup
		for range many {
			wg.Go(func() {
				var v struct{ Attempt client.Attempt }
				b := call(t, a, "POST", "/v1/webhooks/"+w.ID+"/test", `{}`)
				_, body, _ := strings.Cut(string(b), "{")
				if err := json.Unmarshal([]byte("{"+body), &v); err != nil || v.Attempt.Outcome != "delivered" {
					t.Errorf("%s: got %s, %v, want it delivered", as, b, err)
				}
			})
		}
		wg.Wait()
		together.Store(nil)
		deliver("after 100 were refused", 2)
	}
}

// publishAll publishes n events at once, and waits until each was delivered by its first attempt.
func publishAll(t *testing.T, c *client.Client, typ string, n int) {
	t.Helper()
	events := make([]client.NewEvent, n)
	for i := range events {
		events[i] = client.NewEvent{Type: typ, Data: i}
	}
	res, err := c.PublishMany(t.Context(), events)
	if err != nil || res.Accepted != n {
		t.Fatalf("publishing %d events: got %+v, %v", n, res, err)
	}
	for _, ev := range res.Events {
		var list []client.Delivery
		until(t, func() bool {
			list, err = c.ListEventDeliveries(t.Context(), ev.ID)
			return err == nil && len(list) == 1 && list[0].State != "inFlight"
		})
		if list[0].State != "delivered" || list[0].Attempts != 1 {
			t.Errorf("event %s: got %+v, want delivered by the first attempt", ev.ID, list[0])
		}
	}
}

// A barrier holds all waiting requests until there are enough of them.
type barrier struct {
	left atomic.Int64
	open chan struct{}
}

func newBarrier(n int64) *barrier {
	b := &barrier{open: make(chan struct{})}
	b.left.Store(n)
	return b
}

func (b *barrier) wait() {
	if b.left.Add(-1) == 0 {
		close(b.open)
	}
	select {
	case <-b.open:
	case <-time.After(50 * time.Second): // less than an endpoint has to answer; the test then fails by the number of tokens
	}
}

// patience is how long tests wait for what must come about: long, because only a test that fails waits for it, and a busy
// machine may be slow.
const patience = 3 * time.Minute

// until waits for state that changes without a signal.
func until(t *testing.T, f func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it did not come about within %v", patience)
		}
	}
}
