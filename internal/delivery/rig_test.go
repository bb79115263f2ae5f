package delivery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/destination"
	httpdest "github.com/relay-events/relay/internal/destination/http"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/webhook"
)

// rig is a relay without its HTTP API: the engine on a real store, delivering
// over real HTTP on in-memory connections, so that it runs in a synctest bubble.
// It can be restarted on the same data. The store is SQLite's, but for tests
// that TestEngineOnPostgres runs.
type rig struct {
	t    *testing.T
	dir  string
	open func(context.Context, *slog.Logger) (rigStore, error)
	net  *pipeNet
	// loseEvents removes all stored events, as an earlier version's retention
	// did before their entries in the log. The rig is stopped meanwhile.
	loseEvents func()
	// memory and maxInFlight are passed to the engine.
	memory      int64
	maxInFlight int
	strict      bool                        // as without --dev
	now         func() time.Time            // the engine's and the store's clock; nil: time.Now
	sender      httpdest.Client             // nil: client
	kinds       map[string]destination.Kind // beside HTTP
	kind        string                      // of webhooks that name none; empty: HTTP
	transforms  delivery.Transformer        // nil: none; see withTransforms

	store    rigStore
	client   *egress.Client
	hooks    *webhook.Registry
	engine   *delivery.Engine
	ledger   *ledger.Ledger
	ingester *ingest.Ingester
}

// rigStore is what tests use of a store.
type rigStore interface {
	delivery.Store
	ingest.Store
	webhook.Store
	Expire(ctx context.Context, events, attempts time.Time) error
	Close() error
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, dir: t.TempDir(), net: newPipeNet()}
	r.open = func(ctx context.Context, log *slog.Logger) (rigStore, error) {
		return sqlite.Open(ctx, sqlite.Options{Dir: r.dir, Log: log, Now: r.now})
	}
	r.loseEvents = func() {
		if err := os.RemoveAll(filepath.Join(r.dir, "events")); err != nil {
			t.Fatal(err)
		}
	}
	if strings.HasPrefix(t.Name(), onAnotherKind+"/") {
		r.kind, r.kinds = "letterbox", map[string]destination.Kind{"letterbox": letterbox{r.net}}
	}
	if rigDatabase != nil && strings.HasPrefix(t.Name(), "TestEngineOnPostgres/") {
		r.open, r.loseEvents = rigDatabase(t)
	}
	return r
}

// rigDatabase makes a database for a rig, and returns what opens it and what
// removes its events; nil where there is none.
var rigDatabase func(t *testing.T) (open func(context.Context, *slog.Logger) (rigStore, error), loseEvents func())

func (r *rig) start() {
	r.t.Helper()
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(testLog{r.t}, nil))
	var err error
	if r.store, err = r.open(ctx, log); err != nil {
		r.t.Fatalf("opening the store: %v", err)
	}
	// In virtual time a whole burst would fall into the receivers' probation.
	r.client = egress.New(egress.Options{Dev: !r.strict, DialContext: r.net.dial, UserAgent: "Relay/test", Probation: -1})
	if r.hooks, err = webhook.NewRegistry(ctx, r.store, r.client); err != nil {
		r.t.Fatal(err)
	}
	if r.transforms != nil {
		r.hooks.SetCompiler(r.transforms.(webhook.Compiler))
	}
	var sender httpdest.Client = r.client
	if r.sender != nil {
		sender = r.sender
	}
	destinations := httpdest.Table(httpdest.Options{Client: sender, Tokens: r.client, UserAgent: "Relay/test", Now: r.now})
	maps.Copy(destinations.Kinds, r.kinds)
	r.hooks.SetDestinations(destinations)
	r.engine, err = delivery.New(delivery.Config{
		Store: r.store, Webhooks: r.hooks, Destinations: destinations, Log: log,
		Transforms: r.transforms, Memory: r.memory, MaxInFlight: r.maxInFlight, Now: r.now,
		Publish: func(ctx context.Context, tenant event.TenantID, typ string, data []byte) error {
			return r.ingester.Publish(ctx, &ingest.Publication{Tenant: tenant, Items: []ingest.Item{{
				Event: event.Event{Tenant: tenant, Type: typ, Data: data, Time: time.Now().UTC()},
			}}})
		},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if r.ledger, err = ledger.New(ledger.Config{Store: r.store, Webhooks: r.hooks, Machine: r.engine}); err != nil {
		r.t.Fatal(err)
	}
	r.ingester = ingest.New(r.store, r.engine, nil)
	if err := r.engine.Start(ctx); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) stop() {
	r.t.Helper()
	r.ingester.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := r.engine.Stop(ctx); err != nil {
		r.t.Errorf("stopping the engine: %v", err)
	}
	r.client.Close()
	if err := r.store.Close(); err != nil {
		r.t.Errorf("closing the store: %v", err)
	}
}

func (r *rig) restart() {
	r.stop()
	r.start()
}

// end stops the rig and its endpoints.
func (r *rig) end() {
	r.stop()
	r.net.close()
}

// webhook adds a webhook to the endpoint; change may edit its settings.
func (r *rig) webhook(e *endpoint, change ...func(*webhook.Settings)) *webhook.Webhook {
	r.t.Helper()
	s := webhook.Default()
	s.URL = e.url
	for _, f := range change {
		f(&s)
	}
	if r.kind != "" && s.Destination.Type == "" {
		address := strings.TrimSuffix(strings.TrimPrefix(s.URL, "http://"), "/hook")
		s.URL, s.Destination = "", webhook.Destination{Type: r.kind, Options: json.RawMessage(fmt.Sprintf(`{"address":%q}`, address))}
	}
	w, err := r.hooks.Create(context.Background(), access.System(event.DefaultTenant), s, "")
	if err != nil {
		r.t.Fatalf("creating a webhook: %v", err)
	}
	return w
}

// publish accepts events given as JSON and returns them.
func (r *rig) publish(raw ...string) []event.Event {
	r.t.Helper()
	return r.publishAs(event.DefaultTenant, raw...)
}

// publishAs is publish for another tenant.
func (r *rig) publishAs(tenant event.TenantID, raw ...string) []event.Event {
	r.t.Helper()
	p := &ingest.Publication{Tenant: tenant}
	for _, s := range raw {
		it, err := ingest.ParseObject(tenant, []byte(s), ingest.DefaultLimits(), "", time.Now())
		if err != nil {
			r.t.Fatalf("parsing %s: %v", s, err)
		}
		p.Items = append(p.Items, it)
	}
	if err := r.ingester.Publish(context.Background(), p); err != nil {
		r.t.Fatalf("publishing: %v", err)
	}
	var events []event.Event
	for _, it := range p.Items {
		events = append(events, it.Event)
	}
	return events
}

func (r *rig) publishMany(typ string, n int) {
	r.t.Helper()
	for i := 0; i < n; {
		var raw []string
		for range min(500, n-i) {
			raw = append(raw, fmt.Sprintf(`{"type":%q,"data":{"n":%d}}`, typ, i))
			i++
		}
		r.publish(raw...)
	}
}

func (r *rig) delivery(ev event.Event, w *webhook.Webhook) ledger.Delivery {
	r.t.Helper()
	d, err := r.ledger.Delivery(context.Background(), ev.Tenant, event.DeliveryID{Event: ev.ID, Webhook: w.Number})
	if err != nil {
		r.t.Fatalf("reading the delivery of %s to %s: %v", ev.PublicID(), w.ID, err)
	}
	return d
}

// attempts returns the log of a webhook, oldest first.
func (r *rig) attempts(w *webhook.Webhook) []*delivery.Attempt {
	r.t.Helper()
	var all []*delivery.Attempt
	q := delivery.LogQuery{Tenant: w.Tenant, Webhook: w.Number, Limit: 250}
	for {
		list, next, err := r.ledger.Attempts(context.Background(), q)
		if err != nil {
			r.t.Fatalf("reading the log: %v", err)
		}
		all = append(all, list...)
		if next == 0 {
			slices.Reverse(all)
			return all
		}
		q.Before = next
	}
}

// testLog writes log lines to the test's output.
type testLog struct{ t *testing.T }

func (l testLog) Write(b []byte) (int, error) {
	l.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// pipeNet is a network of in-memory connections.
type pipeNet struct {
	mu        sync.Mutex
	next      int
	endpoints map[string]*endpoint // by host:port
}

func newPipeNet() *pipeNet { return &pipeNet{next: 10_000, endpoints: make(map[string]*endpoint)} }

func (n *pipeNet) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	e := n.endpoints[address]
	n.mu.Unlock()
	if e == nil {
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

func (n *pipeNet) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range n.endpoints {
		_ = e.server.Close()
	}
}

// endpoint is a receiver: a real http.Server that notes its requests.
type endpoint struct {
	url    string
	server *http.Server
	conns  chan net.Conn
	closed chan struct{}

	mu     sync.Mutex
	got    []request
	answer func(n int, w http.ResponseWriter, r *http.Request) // n counts from 1
}

// request is a request as an endpoint got it.
type request struct {
	at     time.Time
	header http.Header
	body   []byte
}

// endpoint starts a receiver that answers with f; nil: 200.
func (n *pipeNet) endpoint(f func(n int, w http.ResponseWriter, r *http.Request)) *endpoint {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.next++
	address := fmt.Sprintf("127.0.0.1:%d", n.next)
	e := &endpoint{url: "http://" + address + "/hook", conns: make(chan net.Conn), closed: make(chan struct{}), answer: f}
	e.server = &http.Server{Handler: e}
	n.endpoints[address] = e
	go func() { _ = e.server.Serve(e) }()
	return e
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
	e.mu.Lock()
	defer e.mu.Unlock()
	select {
	case <-e.closed:
	default:
		close(e.closed)
	}
	return nil
}

func (e *endpoint) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	e.mu.Lock()
	e.got = append(e.got, request{time.Now(), r.Header, body})
	n, answer := len(e.got), e.answer
	e.mu.Unlock()
	if answer != nil {
		answer(n, w, r)
	}
}

func (e *endpoint) setAnswer(f func(n int, w http.ResponseWriter, r *http.Request)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = f
}

func (e *endpoint) requests() []request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.got)
}

func (e *endpoint) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.got)
}

// ids returns how often each webhookId arrived.
func (e *endpoint) ids(t *testing.T) map[string]int {
	t.Helper()
	ids := make(map[string]int)
	for _, q := range e.requests() {
		ids[q.envelope(t).WebhookID]++
	}
	return ids
}

type envelope struct {
	Version   string          `json:"version"`
	Event     string          `json:"event"`
	Timestamp string          `json:"timestamp"`
	WebhookID string          `json:"webhookId"`
	Data      json.RawMessage `json:"data"`
}

func (q request) envelope(t *testing.T) envelope {
	t.Helper()
	var v envelope
	d := json.NewDecoder(bytes.NewReader(q.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("body %s: %v", q.body, err)
	}
	return v
}

// status answers every request with the code.
func status(code int) func(int, http.ResponseWriter, *http.Request) {
	return func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// hang never answers; it ends with its connection.
func hang(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
