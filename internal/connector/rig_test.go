package connector_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/connector/connectortest"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/transform"
)

// rig is connectors on a store and an engine, as the program wires them.
type rig struct {
	sends      int
	t          testing.TB
	connectors *connector.Connectors
	engine     *delivery.Engine
	store      *sqlite.Store
	who        *access.Principal
}

func newRig(t testing.TB, client *egress.Client) *rig {
	t.Helper()
	scripts := transform.NewPool(transform.Options{})
	t.Cleanup(scripts.Close)
	r := connectortest.New(t, client, scripts)
	r.Start(t)
	return &rig{t: t, connectors: r.Connectors, engine: r.Engine, store: r.Store, who: access.System(event.TenantID(1))}
}

// live adds a definition and takes it live.
func (r *rig) live(document string) connector.Entry {
	r.t.Helper()
	ctx := context.Background()
	e, err := r.connectors.Create(ctx, r.who, document)
	if err == nil {
		e, err = r.connectors.SetState(ctx, r.who, e.Connector, e.Version, connector.Live)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return e
}

// connect makes a connection with fields.
func (r *rig) connect(name string, fields map[string]string) *connector.ConnectionItem {
	r.t.Helper()
	given := make(map[string]*string)
	for k, v := range fields {
		given[k] = &v
	}
	label, site := "A "+name, int64(1234)
	it, err := r.connectors.CreateConnection(context.Background(), r.who, name, &connector.Change{Name: &label, SiteNumber: &site, Fields: given})
	if err != nil {
		r.t.Fatal(err)
	}
	return it
}

// partner is a stub of a partner's API.
type partner struct {
	*httptest.Server
	mu       sync.Mutex
	requests []seen
	// answer writes the answer to the n-th request, from 1; nil: 200 {}.
	answer func(n int, s *seen, w http.ResponseWriter)
}

type seen struct {
	method, url, body string
	header            http.Header
}

func newPartner(t testing.TB) *partner {
	p := &partner{}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *partner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, seen{r.Method, r.URL.String(), string(body), r.Header.Clone()})
	w.Header().Set("Content-Type", "application/json")
	if p.answer != nil {
		p.answer(len(p.requests), &p.requests[len(p.requests)-1], w)
		return
	}
	io.WriteString(w, "{}")
}

func (p *partner) got() []seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]seen(nil), p.requests...)
}

// queue is a product that sends by connections, with its messages in memory.
type queue struct {
	mu      sync.Mutex
	profile map[string]connector.Profile
	ended   map[string]string // by reference: verdict and words
	changed chan struct{}
}

func newQueue() *queue {
	return &queue{profile: make(map[string]connector.Profile), ended: make(map[string]string), changed: make(chan struct{}, 10_000)}
}

func (q *queue) Open(_ context.Context, _ event.TenantID, refs [][]byte) (list []*connector.Sending, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, ref := range refs {
		var id string
		if err := json.Unmarshal(ref, &id); err != nil {
			return nil, err
		}
		s := &connector.Sending{Ref: ref, Profile: q.profile[id]}
		if q.ended[id] != "" {
			s.Settled = "it has ended"
		}
		list = append(list, s)
	}
	return list, nil
}

func (q *queue) Begin(context.Context, event.TenantID, []*connector.Sending) error { return nil }

func (q *queue) End(_ context.Context, _ event.TenantID, list []*connector.Sending) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, s := range list {
		q.ended[strings.Trim(string(s.Ref), `"`)] = strings.TrimSuffix(string(s.Verdict)+": "+s.Words, ": ")
		q.changed <- struct{}{}
	}
	return nil
}

func (q *queue) MayDelete(event.TenantID, string) error { return nil }

// send sends profiles by a connection, and waits until all have ended.
func (r *rig) send(q *queue, it *connector.ConnectionItem, profiles map[string]connector.Profile) map[string]string {
	r.t.Helper()
	r.connectors.AddSource("queue", q)
	r.sends++
	var items []ingest.Item
	q.mu.Lock()
	for id, p := range profiles {
		if p.Operation == "" {
			p.Operation = connector.Enter
		}
		if p.SendID == "" {
			p.SendID = "snd_" + id
		}
		q.profile[id] = p
		ref, _ := json.Marshal(id)
		items = append(items, connector.Event(it.Tenant, it.Name, "queue", ref, fmt.Sprint(r.sends, id)))
	}
	q.mu.Unlock()
	if err := r.connectors.Publish(context.Background(), it.Tenant, items); err != nil {
		r.t.Fatal(err)
	}
	late := time.After(30 * time.Second)
	for {
		q.mu.Lock()
		done, out := true, make(map[string]string)
		for id := range profiles {
			out[id] = q.ended[id]
			done = done && q.ended[id] != ""
		}
		q.mu.Unlock()
		if done {
			return out
		}
		select {
		case <-q.changed:
		case <-late:
			r.t.Fatalf("not all has ended: %v", out)
		}
	}
}

// log returns all that the log holds of a connection's webhook.
func (r *rig) log(number uint32) string {
	r.t.Helper()
	list, _, err := r.store.AttemptList(context.Background(), delivery.LogQuery{Tenant: r.who.Tenant, Webhook: number, Limit: 100})
	if err != nil {
		r.t.Fatal(err)
	}
	var b strings.Builder
	for _, a := range list {
		fmt.Fprintf(&b, "%+v %s %s\n", a, a.Request.Body, a.Error)
		if a.Response != nil {
			fmt.Fprintf(&b, "%s %+v\n", a.Response.Body[:min(len(a.Response.Body), 2000)], a.Response.Header)
		}
	}
	return b.String()
}
