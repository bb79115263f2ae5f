//go:build unix

package gate_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/store/postgres"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/webhook"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// node is a server on a shared database, in real time.
type node struct {
	store    *postgres.Store
	hooks    *webhook.Registry
	gate     *gate.Gate
	engine   *delivery.Engine
	ingester *ingest.Ingester
}

func newNode(t *testing.T, url string) *node {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	n := new(node)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	n.store, err = postgres.Open(ctx, postgres.Options{URL: url, Log: quiet})
	check(err)
	t.Cleanup(func() { n.store.Close() })
	client := egress.New(egress.Options{Dev: true, UserAgent: "Relay/test"})
	t.Cleanup(client.Close)
	n.hooks, err = webhook.NewRegistry(ctx, n.store, client)
	check(err)
	n.gate, err = gate.New(ctx, gate.Config{Store: n.store, Webhooks: n.hooks, Log: quiet})
	check(err)
	t.Cleanup(n.gate.Stop)
	n.engine, err = delivery.New(delivery.Config{
		Store: n.store, Webhooks: n.hooks, Destinations: destinations(client, n.gate), Log: quiet,
	})
	check(err)
	n.ingester = ingest.New(n.store, n.engine, nil)
	check(n.engine.Start(ctx))
	t.Cleanup(func() {
		n.ingester.Stop()
		if err := n.engine.Stop(ctx); err != nil {
			t.Errorf("stopping the engine: %v", err)
		}
	})
	return n
}

// TestVerdictOfAnotherNode: a call that waits on one server is told the verdict that another one got, long before its
// deadline; and without a verdict it ends at the deadline.
func TestVerdictOfAnotherNode(t *testing.T) {
	silent := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); numberOf(body) == 2 {
			<-silent
		}
		io.WriteString(w, `{"decision":"reject"}`)
	}))
	defer s.Close()
	defer close(silent)
	url := pgtest.Shared(t).Database(t)
	here, there := newNode(t, url), newNode(t, url)
	there.gate.Start(there.ingester, there.engine, ledgerOf(t, there.store, there.hooks, there.engine))
	here.gate.Start(there.ingester, there.engine, ledgerOf(t, there.store, there.hooks, there.engine)) // so that all it receives is delivered there
	change := func(g *gate.Gate, f func(*gate.View)) {
		t.Helper()
		if _, _, err := g.Change(ctx, access.System(tenant), func(v *gate.View) error { f(v); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	change(here.gate, func(v *gate.View) {
		v.Enabled, v.Endpoint.URL, v.Mode, v.Deadline = true, s.URL, gate.Decide, gate.MaxDeadline
	})
	// The other node has not been told, yet it changes the current settings, of the one endpoint there is.
	change(there.gate, func(v *gate.View) { v.OnFailure = gate.Discard })
	if v := there.gate.View(tenant); !v.Enabled || v.Mode != gate.Decide || v.Endpoint.URL == "" {
		t.Errorf("after another server's change and one of its own: got %+v", v)
	}
	if n := len(there.hooks.All(tenant)); n != 1 {
		t.Errorf("got %d endpoints, want 1", n)
	}
	receive := func(body, key string) gate.Received {
		t.Helper()
		p, err := gate.ParsePayload([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := here.gate.Receive(ctx, access.System(tenant), "dixa", p, key)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	begun := time.Now()
	got := receive(`{"campaignId":1,"respondent":{},"custom":{"n":1}}`, "")
	if took := time.Since(begun); got.State != gate.Rejected || took > gate.MaxDeadline/2 {
		t.Errorf("got %s after %v, want rejected well before the deadline of %v", got.State, took, gate.MaxDeadline)
	}
	if err := here.gate.Refresh(ctx); err != nil {
		t.Fatal(err)
	}
	change(here.gate, func(v *gate.View) {
		v.Deadline = 300 * time.Millisecond
		if v.OnFailure != gate.Discard {
			t.Errorf("the other server's change is lost: got %+v", v)
		}
	})
	begun = time.Now()
	got = receive(`{"campaignId":1,"respondent":{},"custom":{"n":2}}`, "")
	if took := time.Since(begun); got.State != gate.Pending || took < 300*time.Millisecond {
		t.Errorf("without a verdict: got %s after %v, want pending after the deadline", got.State, took)
	}
}
