package gate_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/destination"
	httpdest "github.com/relay-events/relay/internal/destination/http"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/webhook"
)

// rig is a gate on a real store and engine, and an endpoint that speaks real HTTP on in-memory connections, so that it
// runs in a synctest bubble. It can be killed and started again on the same files.
type rig struct {
	t        *testing.T
	dir      string
	endpoint *endpoint

	store    *mortal
	client   *egress.Client
	hooks    *webhook.Registry
	engine   *delivery.Engine
	ingester *ingest.Ingester
	gate     *gate.Gate
}

var ctx = context.Background()

const tenant = event.DefaultTenant

func newRig(t *testing.T, answer func(w http.ResponseWriter, body []byte, attempt int, r *http.Request)) *rig {
	return &rig{t: t, dir: t.TempDir(), endpoint: newEndpoint(answer)}
}

func (r *rig) start() {
	r.t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	check := func(err error) {
		r.t.Helper()
		if err != nil {
			r.t.Fatal(err)
		}
	}
	opened, err := sqlite.Open(ctx, sqlite.Options{Dir: r.dir, Log: quiet})
	check(err)
	r.store = &mortal{Store: opened, died: make(chan struct{})}
	r.client = egress.New(egress.Options{Dev: true, DialContext: r.endpoint.dial, UserAgent: "Relay/test"})
	r.hooks, err = webhook.NewRegistry(ctx, r.store, r.client)
	check(err)
	r.gate, err = gate.New(ctx, gate.Config{Store: r.store, Webhooks: r.hooks, Log: quiet})
	check(err)
	r.engine, err = delivery.New(delivery.Config{
		Store: r.store, Webhooks: r.hooks, Destinations: destinations(r.client, r.gate), Log: quiet,
	})
	check(err)
	r.ingester = ingest.New(r.store, r.engine, nil)
	check(r.engine.Start(ctx))
	r.gate.Start(r.ingester, r.engine, ledgerOf(r.t, r.store, r.hooks, r.engine))
}

// stop ends the rig in order.
func (r *rig) stop() {
	r.t.Helper()
	r.ingester.Stop()
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := r.engine.Stop(short); err != nil {
		r.t.Errorf("stopping the engine: %v", err)
	}
	r.gate.Stop()
	r.client.Close()
	if err := r.store.Close(); err != nil {
		r.t.Errorf("closing the store: %v", err)
	}
}

// kill ends the rig at an instant: from then on nothing is written, whatever was under way, and nobody is answered. The
// next start finds the files as they were, with all that a clean end would have put in order.
func (r *rig) kill() {
	r.t.Helper()
	r.store.die()
	r.ingester.Stop()
	gone, cancel := context.WithCancel(ctx)
	cancel()
	_ = r.engine.Stop(gone) // reports results that it could not store
	r.gate.Stop()
	r.client.Close()
	synctest.Wait() // nothing touches the files while they are copied
	left := r.t.TempDir()
	if err := os.CopyFS(left, os.DirFS(r.dir)); err != nil {
		r.t.Fatal(err)
	}
	if err := r.store.Close(); err != nil {
		r.t.Errorf("closing the store: %v", err)
	}
	r.dir = left
}

// mortal is a store that can die: what is being written then gets there, and whoever waits for it never knows.
type mortal struct {
	*sqlite.Store
	died chan struct{} // closed when its fuse has burnt down
	full atomic.Bool   // no events are stored

	mu      sync.Mutex
	dead    bool
	fuse    string // "add", "move" or "record": the call in which it dies
	left    int    // how many of them are written before; the last is, but nobody is told
	writing sync.WaitGroup
}

// dieOf has the store die of writing the nth of something.
func (m *mortal) dieOf(what string, nth int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fuse, m.left = what, nth
}

var errDead = errors.New("killed")

func (m *mortal) die() {
	m.mu.Lock()
	m.dead = true
	m.mu.Unlock()
	m.writing.Wait()
}

// write does f, which writes so many of each, while it is alive.
func (m *mortal) write(many map[string]int, f func() error) error {
	m.mu.Lock()
	if m.dead {
		m.mu.Unlock()
		return errDead
	}
	if n := many[m.fuse]; n > 0 {
		if m.left -= n; m.left <= 0 {
			m.dead = true
			close(m.died)
		}
	}
	m.writing.Add(1)
	m.mu.Unlock()
	defer m.writing.Done()
	err := f()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.dead {
		return errDead
	}
	return err
}

func (m *mortal) RespondentWrite(ctx context.Context, changes []*gate.Change) error {
	adds := 0
	for _, ch := range changes {
		if ch.Add != nil {
			adds++
		}
	}
	many := map[string]int{"add": adds, "move": len(changes) - adds}
	return m.write(many, func() error { return m.Store.RespondentWrite(ctx, changes) })
}

func (m *mortal) Append(ctx context.Context, pubs []*ingest.Publication) (in []delivery.Intake, err error) {
	if m.full.Load() {
		return nil, fmt.Errorf("the disk is full: %w", problem.ErrUnavailable)
	}
	err = m.write(nil, func() error {
		in, err = m.Store.Append(ctx, pubs)
		return err
	})
	return in, err
}

func (m *mortal) Record(ctx context.Context, r *delivery.Record) error {
	return m.write(map[string]int{"record": len(r.Attempts)}, func() error { return m.Store.Record(ctx, r) })
}

func (m *mortal) OwedClaim(ctx context.Context, webhook uint32, now time.Time, limit int) (list []delivery.Owed, err error) {
	err = m.write(nil, func() error {
		list, err = m.Store.OwedClaim(ctx, webhook, now, limit)
		return err
	})
	return list, err
}

func (m *mortal) OwedRelease(ctx context.Context, claims []delivery.Owed) error {
	return m.write(nil, func() error { return m.Store.OwedRelease(ctx, claims) })
}

// change changes the settings of a tenant's gate.
func (r *rig) change(tenant event.TenantID, f func(*gate.View)) {
	r.t.Helper()
	_, _, err := r.gate.Change(ctx, access.System(tenant), func(v *gate.View) error {
		v.Enabled, v.Endpoint.URL = true, "http://127.0.0.1:9999/gate"
		f(v)
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// receive sends a respondent.
func (r *rig) receive(tenant event.TenantID, body, key string) (gate.Received, error) {
	p, err := gate.ParsePayload([]byte(body))
	if err != nil {
		return gate.Received{}, err
	}
	return r.gate.Receive(ctx, access.System(tenant), "dixa", p, key)
}

// all returns a tenant's respondents in a state.
func (r *rig) all(tenant event.TenantID, s gate.State) (list []gate.Respondent) {
	r.t.Helper()
	q := gate.Query{Tenant: tenant, State: s, Limit: 1000}
	for {
		page, next, err := r.gate.Respondents(ctx, q)
		if err != nil {
			r.t.Fatal(err)
		}
		list = append(list, page...)
		if q.Before = next; next == 0 {
			return list
		}
	}
}

// endpoint is a real http.Server on in-memory connections.
type endpoint struct {
	server *http.Server
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	down bool
	got  int
}

func newEndpoint(answer func(w http.ResponseWriter, body []byte, attempt int, r *http.Request)) *endpoint {
	e := &endpoint{conns: make(chan net.Conn), closed: make(chan struct{})}
	e.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		e.mu.Lock()
		e.got++
		e.mu.Unlock()
		n, _ := strconv.Atoi(r.Header.Get("X-Relay-Attempt"))
		answer(w, body, n, r)
	})}
	go func() { _ = e.server.Serve(e) }()
	return e
}

func (e *endpoint) setDown(down bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.down = down
}

func (e *endpoint) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	e.mu.Lock()
	down := e.down
	e.mu.Unlock()
	if down {
		return nil, errors.New("connection refused")
	}
	client, server := net.Pipe()
	select {
	case e.conns <- server:
		return client, nil
	case <-e.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept, Close and Addr implement net.Listener.
func (e *endpoint) Accept() (net.Conn, error) {
	select {
	case c := <-e.conns:
		return c, nil
	case <-e.closed:
		return nil, net.ErrClosed
	}
}

func (e *endpoint) Close() error {
	e.once.Do(func() { close(e.closed) })
	return nil
}

func (e *endpoint) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// destinations are HTTP endpoints, which the gate delivers to as well.
func destinations(client *egress.Client, g *gate.Gate) *destination.Table {
	t := httpdest.Table(httpdest.Options{Client: client, UserAgent: "Relay/test"})
	t.Owners = map[string]destination.Wrapper{gate.Owner: g}
	return t
}

func ledgerOf(t testing.TB, store delivery.Store, hooks *webhook.Registry, engine *delivery.Engine) *ledger.Ledger {
	t.Helper()
	l, err := ledger.New(ledger.Config{Store: store, Webhooks: hooks, Machine: engine})
	if err != nil {
		t.Fatal(err)
	}
	return l
}
