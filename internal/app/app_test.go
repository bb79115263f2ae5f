package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/event"
)

// afterTests releases resources shared by tests; see stores_test.go.
var afterTests = func() {}

func TestMain(m *testing.M) {
	code := m.Run()
	afterTests()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

const adminKey = "correct-horse-battery-staple"

func settings(t *testing.T) config.Config {
	t.Helper()
	c := config.Default()
	c.Listen, c.Data, c.Dev = "127.0.0.1:0", filepath.Join(t.TempDir(), "data"), true
	c.AdminKey = adminKey
	return c
}

var silent = slog.New(slog.DiscardHandler)

// run starts a server and stops it at the end of the test.
func run(t *testing.T, c config.Config) *App {
	t.Helper()
	a, err := New(t.Context(), c, silent)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() { stop(t, a) })
	if err := a.Start(t.Context()); err != nil {
		t.Fatalf("Start: %v", err)
	}
	return a
}

func stop(t *testing.T, a *App) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := a.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
}

func dial(t *testing.T, a *App, key string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{URL: a.URL(), Key: key, HTTPClient: httpClient(t)})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// httpClient returns a client whose connections end with the test.
func httpClient(t *testing.T) *http.Client {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func TestServesAndDelivers(t *testing.T) { onStores(t, servesAndDelivers) }

func servesAndDelivers(t *testing.T, c config.Config) {
	a := run(t, c)
	api := dial(t, a, adminKey)
	if _, err := api.GetReadiness(t.Context()); err != nil {
		t.Fatalf("Ready: %v", err)
	}
	got := make(chan string, 1)
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- string(b)
	}))
	defer endpoint.Close()
	if _, err := api.CreateWebhook(t.Context(), client.CreateWebhook{URL: endpoint.URL}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.Publish(t.Context(), client.NewEvent{Type: "a.b", Data: map[string]string{"x": "<&>"}}); err != nil {
		t.Fatal(err)
	}
	select {
	case body := <-got:
		if !strings.Contains(body, `"data":{"x":"<&>"}`) {
			t.Errorf("delivered body: got %s, want the data as published", body)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was delivered within 30 s")
	}
	stop(t, a)
	stop(t, a) // harmless
}

func TestStopBeforeStart(t *testing.T) {
	a, err := New(t.Context(), settings(t), silent)
	if err != nil {
		t.Fatal(err)
	}
	stop(t, a)
	if c, err := net.Dial("tcp", a.Addr().String()); err == nil {
		c.Close()
		t.Error("after Stop: the address still answers")
	}
}

// A server that cannot start leaves nothing behind that could prevent the next start.
func TestFailedStartReleasesEverything(t *testing.T) {
	t.Run("address taken", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c := settings(t)
		c.Listen = l.Addr().String()
		if _, err := New(t.Context(), c, silent); err == nil {
			t.Fatal("New on a taken address: got nil, want an error")
		}
		if _, err := os.Stat(c.Data); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("data folder after a failed start: got %v, want that it does not exist", err)
		}
		c.Listen = "127.0.0.1:0"
		run(t, c)
	})
	t.Run("folder in use", func(t *testing.T) {
		c := settings(t)
		a := run(t, c)
		second := c
		second.Listen = "127.0.0.1:0"
		if _, err := New(t.Context(), second, silent); err == nil || !strings.Contains(err.Error(), "another Relay") {
			t.Fatalf("second server on the folder: got %v, want it refused", err)
		}
		stop(t, a)
		run(t, c)
	})
	t.Run("bad settings", func(t *testing.T) {
		c := settings(t)
		c.Memory = 0
		if _, err := New(t.Context(), c, silent); err == nil || !strings.Contains(err.Error(), "memory") {
			t.Errorf("got %v, want the setting named", err)
		}
	})
}

func TestFirstKey(t *testing.T) { onStores(t, firstKey) }

func firstKey(t *testing.T, c config.Config) {
	c.AdminKey = ""
	a := run(t, c)
	first := a.FirstKey()
	if !strings.HasPrefix(first, "rk_") {
		t.Fatalf("FirstKey: got %q, want a key", first)
	}
	mayDoAnything := func(a *App, key string) {
		t.Helper()
		if _, err := dial(t, a, key).ListWebhooksPage(t.Context(), client.ListWebhooksParams{}); err != nil {
			t.Errorf("with the key: %v", err)
		}
		platform, err := client.New(client.Options{URL: a.URL(), Key: key, Tenant: "default", HTTPClient: httpClient(t)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := platform.Publish(t.Context(), client.NewEvent{Type: "a.b", Data: 1}); err != nil {
			t.Errorf("acting for a tenant: %v", err)
		}
	}
	mayDoAnything(a, first)
	stop(t, a)

	a = run(t, c)
	if got := a.FirstKey(); got != "" {
		t.Errorf("FirstKey at the second start: got %q, want none", got)
	}
	mayDoAnything(a, first)
	stop(t, a)

	c.AdminKey = adminKey
	a = run(t, c)
	mayDoAnything(a, adminKey)
	stop(t, a)

	c.AdminKey = "another-key-of-the-operator"
	a = run(t, c)
	mayDoAnything(a, "another-key-of-the-operator")
	var refused *client.Error
	if _, err := dial(t, a, adminKey).ListWebhooksPage(t.Context(), client.ListWebhooksParams{}); !errors.As(err, &refused) || refused.Status != 401 {
		t.Errorf("with the admin key that was replaced: got %v, want 401", err)
	}
}

// Metrics need a key that may read, wherever a request seems to come from, except on their own
// address.
func TestMetricsArePrivate(t *testing.T) {
	c := settings(t)
	c.MetricsListen = "127.0.0.1:0"
	a := run(t, c)
	keys := a.keys
	for path, want := range map[string]int{"/metrics": 200, "/v1/webhooks": 404, "/livez": 404} {
		res, err := httpClient(t).Get("http://" + a.MetricsAddr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != want || (want == 200) != strings.Contains(string(b), "relay_http_connections_closed_total{why=\"idle\"} 0") {
			t.Errorf("%s at the metrics' own address: got %d %.80q, want %d", path, res.StatusCode, b, want)
		}
	}
	reader, readKey, err := keys.Create(t.Context(), access.System(event.DefaultTenant), account.NewKey{Name: "r", Scopes: []access.Scope{access.ScopeRead}})
	if err != nil {
		t.Fatal(err)
	}
	_, publishKey, err := keys.Create(t.Context(), access.System(event.DefaultTenant), account.NewKey{Name: "p", Scopes: []access.Scope{access.ScopePublish}})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		header map[string]string
		want   int
	}{
		{"from here", nil, 401},
		{"through a proxy that adds no header", map[string]string{"X-Forwarded-Proto": "https", "CF-Connecting-IP": "192.0.2.1", "X-Forwarded-For": ""}, 401},
		{"through a proxy", map[string]string{"X-Forwarded-For": "192.0.2.1"}, 401},
		{"through another proxy", map[string]string{"Forwarded": "for=192.0.2.1"}, 401},
		{"with a key that may read", map[string]string{"X-Forwarded-For": "192.0.2.1", "Authorization": "Bearer " + readKey}, 200},
		{"with the key in the other header", map[string]string{"Via": "1.1 proxy", "ApiKey": readKey}, 200},
		{"with a key that may only publish", map[string]string{"X-Forwarded-For": "192.0.2.1", "Authorization": "Bearer " + publishKey}, 403},
		{"with the admin key", map[string]string{"X-Real-Ip": "192.0.2.1", "Authorization": "Bearer " + adminKey}, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), "GET", a.URL()+"/metrics", nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range tt.header {
				req.Header.Set(name, value)
			}
			res, err := httpClient(t).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			b, _ := io.ReadAll(res.Body)
			if res.StatusCode != tt.want || (tt.want == 200) != strings.Contains(string(b), "relay_events_accepted_total") {
				t.Errorf("headers %v: got %d, %.80q, want %d", tt.header, res.StatusCode, b, tt.want)
			}
		})
	}
	if err := keys.Revoke(t.Context(), access.System(event.DefaultTenant), reader.ID); err != nil {
		t.Fatal(err)
	}
}

// Work in progress may finish, but a stop is limited in time. Attempts that were cut off are
// delivered after the next start.
func TestStopGivesBack(t *testing.T) { onStores(t, stopGivesBack) }

func stopGivesBack(t *testing.T, c config.Config) {
	a := run(t, c)
	arrived := make(chan struct{}, 8)
	release := make(chan struct{})
	var calls atomic.Int32
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		if calls.Add(1) == 1 { // hang
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
	}))
	defer endpoint.Close()
	defer close(release)
	if _, err := dial(t, a, adminKey).CreateWebhook(t.Context(), client.CreateWebhook{URL: endpoint.URL}); err != nil {
		t.Fatal(err)
	}
	published, err := dial(t, a, adminKey).Publish(t.Context(), client.NewEvent{Type: "a.b", Data: 1})
	if err != nil {
		t.Fatal(err)
	}
	<-arrived
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no time left
	begun := time.Now()
	if err := a.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second { // the attempt's own timeout is 10 s
		t.Errorf("Stop with a hanging endpoint: got %v, want it cut off", took)
	}

	a = run(t, c)
	select {
	case <-arrived:
	case <-time.After(30 * time.Second):
		t.Fatal("the delivery that was cut off did not come again within 30 s")
	}
	// The attempt that the stop interrupted does not count.
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		list, err := dial(t, a, adminKey).ListEventDeliveries(t.Context(), published.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(list) == 1 && list[0].State == "delivered" {
			if list[0].Attempts != 1 {
				t.Errorf("attempts: got %d, want 1", list[0].Attempts)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("deliveries: got %+v, want one that is delivered", list)
		}
	}
}

// A step that hangs is named, and does not prevent the process from ending.
func TestStopIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var order []string
		a := &App{cancel: func() {}}
		a.onStop("the first", func(context.Context) error { order = append(order, "first"); return nil })
		a.onStop("the second", func(context.Context) error { <-release; return nil })
		a.onStop("the third", func(context.Context) error { order = append(order, "third"); return errors.New("disk gone") })
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		err := a.Stop(ctx)
		if took := time.Since(begun); took != 4*time.Second {
			t.Errorf("Stop took %v, want the context's 3 s and one more", took)
		}
		if err == nil || !strings.Contains(err.Error(), "stopping the third: disk gone") || !strings.Contains(err.Error(), "stopping the second: not done within") {
			t.Errorf("Stop: got %v, want the steps that failed named", err)
		}
		if len(order) != 1 || order[0] != "third" {
			t.Errorf("steps done: got %q, want the third only: the first rests on the second", order)
		}
		close(release)
		synctest.Wait()
	})
}

func TestOperationalEvent(t *testing.T) {
	p := operational(7, "webhook.failing", []byte(`{}`))
	if len(p.Items) != 1 || p.Tenant != 7 {
		t.Fatalf("got %+v, want one event of tenant 7", p)
	}
	if e := p.Items[0].Event; e.Tenant != 7 || e.Type != "webhook.failing" || string(e.Data) != `{}` || e.Time.IsZero() {
		t.Errorf("got %+v", e)
	}
}

type sweeps struct {
	calls    chan [2]time.Time
	rows     time.Time // of messages: removed before
	journeys time.Time
	err      error
	newest   time.Time // stored before the last day

	account.Expirer // no tenant has a retention of its own
}

func (*sweeps) TallyExpire(context.Context, time.Time, int) (int, error) { return 0, nil }

func (s *sweeps) Newest(_ context.Context, before time.Time) (time.Time, error) {
	if s.newest.IsZero() {
		return before.Add(-time.Minute), nil
	}
	return s.newest, nil
}

func (s *sweeps) Expire(_ context.Context, events, attempts time.Time) error {
	s.calls <- [2]time.Time{events, attempts}
	return s.err
}

func (s *sweeps) AudienceExpire(_ context.Context, before time.Time) error {
	s.rows = before
	return nil
}

func (s *sweeps) JourneyExpire(_ context.Context, before time.Time) error {
	s.journeys = before
	return nil
}

// Sweeping begins soon after the start, repeats about every hour whether it succeeds or not, and
// ends with the server.
func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := &sweeps{calls: make(chan [2]time.Time), err: errors.New("disk gone")}
		var logged strings.Builder
		done := make(chan struct{})
		go func() {
			newRetention(s, config.Retention{Events: 48 * time.Hour, Attempts: 24 * time.Hour}, nil, slog.New(slog.NewTextHandler(&logged, nil))).run(ctx)
			close(done)
		}()
		last := time.Now()
		for i := range 4 {
			got := <-s.calls
			now := time.Now()
			low, high := 30*time.Minute, 90*time.Minute
			if i == 0 {
				low, high = 5*time.Second, 15*time.Second
			}
			if waited := now.Sub(last); waited < low || waited > high {
				t.Errorf("sweep %d came after %v, want %v to %v", i, waited, low, high)
			}
			if !got[0].Equal(now.Add(-48*time.Hour)) || !got[1].Equal(now.Add(-24*time.Hour)) {
				t.Errorf("sweep %d at %v: got %v, want two days before for events and one for attempts", i, now, got)
			}
			last = now
		}
		cancel()
		<-done
		if !s.rows.Equal(last.Add(-24 * time.Hour)) {
			t.Errorf("rows of messages were removed before %v at %v", s.rows, last)
		}
		if !strings.Contains(logged.String(), "disk gone") {
			t.Errorf("log: got %q, want the failure", logged.String())
		}
	})
}

func TestURL(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:80": "http://127.0.0.1:80", "[::]:80": "http://localhost:80", "0.0.0.0:80": "http://localhost:80", "[::1]:80": "http://[::1]:80",
	} {
		addr, err := net.ResolveTCPAddr("tcp", listen)
		if err != nil {
			t.Fatal(err)
		}
		if got := (&App{addr: addr}).URL(); got != want {
			t.Errorf("URL of %q: got %q, want %q", listen, got, want)
		}
	}
}
