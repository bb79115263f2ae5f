//go:build unix

package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	httpdest "github.com/relay-events/relay/internal/destination/http"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/store/postgres"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/webhook"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// patience bounds waiting for what must come; it only ends what hangs.
const patience = 20 * time.Second

// cluster is several nodes on one PostgreSQL, delivering over in-memory
// connections, in real time: a socket to a server cannot be in a bubble.
type cluster struct {
	t     *testing.T
	url   string
	lease time.Duration
	net   *pipeNet
	nodes []*clusterNode
	// clocks of the nodes; nil: the machine's.
	clocks []*setClock
}

// clusterNode is one node, like a process of its own.
type clusterNode struct {
	store    *postgres.Store
	client   *egress.Client
	hooks    *webhook.Registry
	engine   *delivery.Engine
	ledger   *ledger.Ledger
	ingester *ingest.Ingester
}

func newCluster(t *testing.T, nodes int, lease time.Duration) *cluster {
	return newClusterOn(t, pgtest.Shared(t).Database(t), nodes, lease)
}

// newClusterOn is newCluster on a database of the test's.
func newClusterOn(t *testing.T, url string, nodes int, lease time.Duration) *cluster {
	c := &cluster{t: t, url: url, lease: lease, net: newPipeNet()}
	t.Cleanup(func() {
		for _, n := range c.nodes {
			n.stop(t)
		}
		c.net.close()
	})
	for range nodes {
		c.add()
	}
	c.await("all nodes to know of each other", func() bool {
		for _, n := range c.nodes {
			if n.engine.Snapshot().Nodes != int64(nodes) {
				return false
			}
		}
		return true
	})
	return c
}

func (c *cluster) add() *clusterNode {
	c.t.Helper()
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(testLog{c.t}, nil)).With("node", len(c.nodes))
	n := &clusterNode{}
	var err error
	var now func() time.Time
	if c.clocks != nil {
		now = c.clocks[len(c.nodes)].now
	}
	if n.store, err = postgres.Open(ctx, postgres.Options{URL: c.url, Lease: c.lease, Log: log, Now: now}); err != nil {
		c.t.Fatal(err)
	}
	n.client = egress.New(egress.Options{Dev: true, DialContext: c.net.dial, UserAgent: "Relay/test"})
	if n.hooks, err = webhook.NewRegistry(ctx, n.store, n.client); err != nil {
		c.t.Fatal(err)
	}
	n.engine, err = delivery.New(delivery.Config{Store: n.store, Webhooks: n.hooks, Log: log, Now: now,
		Destinations: httpdest.Table(httpdest.Options{Client: n.client, UserAgent: "Relay/test", Now: now})})
	if err != nil {
		c.t.Fatal(err)
	}
	if n.ledger, err = ledger.New(ledger.Config{Store: n.store, Webhooks: n.hooks, Machine: n.engine}); err != nil {
		c.t.Fatal(err)
	}
	n.ingester = ingest.New(n.store, n.engine, nil)
	if err := n.engine.Start(ctx); err != nil {
		c.t.Fatal(err)
	}
	c.nodes = append(c.nodes, n)
	return n
}

func (n *clusterNode) stop(t *testing.T) {
	if n.store == nil {
		return
	}
	n.ingester.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := n.engine.Stop(ctx); err != nil {
		t.Errorf("stopping the engine: %v", err)
	}
	n.client.Close()
	if err := n.store.Close(); err != nil {
		t.Errorf("closing the store: %v", err)
	}
	n.store = nil
}

// await waits until the condition holds.
func (c *cluster) await(what string, holds func() bool) time.Duration {
	c.t.Helper()
	start := time.Now()
	for !holds() {
		if time.Since(start) > patience {
			c.t.Fatalf("waiting for %s: not within %v", what, patience)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(start)
}

// webhook adds a webhook at the first node and waits until all have it.
func (c *cluster) webhook(e *endpoint, change ...func(*webhook.Settings)) *webhook.Webhook {
	c.t.Helper()
	s := webhook.Default()
	s.URL = e.url
	for _, f := range change {
		f(&s)
	}
	w, err := c.nodes[0].hooks.Create(context.Background(), access.System(event.DefaultTenant), s, "")
	if err != nil {
		c.t.Fatal(err)
	}
	c.everywhere(w, func(n *clusterNode) bool { _, ok := n.hooks.ByNumber(w.Number); return ok })
	return w
}

// everywhere waits until something holds at every node, and checks that this
// was soon: the promise is a second, and a busy machine is given more.
func (c *cluster) everywhere(w *webhook.Webhook, holds func(n *clusterNode) bool) {
	c.t.Helper()
	took := c.await("a change of "+w.ID+" at all nodes", func() bool {
		for _, n := range c.nodes {
			if n.store != nil && !holds(n) {
				return false
			}
		}
		return true
	})
	if took > 5*time.Second {
		c.t.Errorf("a change of a webhook reached all nodes after %v, want about 1s", took)
	}
}

// publish accepts an event at a node.
func (n *clusterNode) publish(t *testing.T, raw string) event.Event {
	t.Helper()
	it, err := ingest.ParseObject(event.DefaultTenant, []byte(raw), ingest.DefaultLimits(), "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p := &ingest.Publication{Tenant: event.DefaultTenant, Items: []ingest.Item{it}}
	if err := n.ingester.Publish(context.Background(), p); err != nil {
		t.Fatalf("publishing: %v", err)
	}
	return p.Items[0].Event
}

// Configuration that one node changes holds at the others.
func TestNodesShareConfiguration(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, 0)
	e := c.net.endpoint(nil)
	w := c.webhook(e)
	for i, n := range c.nodes {
		n.publish(t, fmt.Sprintf(`{"type":"a.b","data":{"n":%d}}`, i))
	}
	c.await("an event from each node", func() bool { return e.count() == 3 })

	// Two nodes change different settings: neither change is lost.
	ctx := context.Background()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			_, err := c.nodes[i%3].hooks.Update(ctx, access.System(w.Tenant), w.ID, func(s *webhook.Settings) error {
				s.Headers = map[string]string{}
				for k, v := range w.Headers {
					s.Headers[k] = v
				}
				s.MaxConcurrency += 1
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c.everywhere(w, func(n *clusterNode) bool {
		now, err := n.hooks.Get(w.Tenant, w.ID)
		return err == nil && now.MaxConcurrency == 8
	})
	if _, err := c.nodes[1].hooks.Pause(ctx, access.System(w.Tenant), w.ID); err != nil {
		t.Fatal(err)
	}
	c.everywhere(w, func(n *clusterNode) bool {
		now, err := n.hooks.Get(w.Tenant, w.ID)
		return err == nil && now.Status == webhook.Paused && now.MaxConcurrency == 8
	})
	if err := c.nodes[2].hooks.Delete(ctx, access.System(w.Tenant), w.ID); err != nil {
		t.Fatal(err)
	}
	c.everywhere(w, func(n *clusterNode) bool { _, ok := n.hooks.ByNumber(w.Number); return !ok })
}

// What one node does to a webhook holds at all within a second: no request is
// signed with a secret that was replaced at once, none is sent while it is paused.
func TestRotationAndPauseHoldAtAllNodes(t *testing.T) {
	t.Parallel()
	const (
		soon  = time.Second     // the promise
		grace = 2 * time.Second // for a busy machine
	)
	c := newCluster(t, 3, 0)
	e := c.net.endpoint(nil)
	w := c.webhook(e, func(s *webhook.Settings) { s.Signature = webhook.SignStandard })
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, n := range c.nodes {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
				}
				n.publish(t, `{"type":"a.b","data":1}`)
			}
		})
	}
	defer wg.Wait()
	defer close(stop)
	ctx := context.Background()
	verifies := func(q request, secret string) bool {
		return signing.VerifyStandard([]string{secret}, nil, q.header.Get("webhook-id"), q.header.Get("webhook-timestamp"),
			q.header.Get("webhook-signature"), q.body, time.Now(), time.Hour) == nil
	}
	for i := range 4 {
		old := w.Secrets.Current
		var err error
		if w, err = c.nodes[i%3].hooks.RotateSecret(ctx, access.System(w.Tenant), w.ID, "", 0); err != nil {
			t.Fatal(err)
		}
		time.Sleep(soon + grace)
		n := e.count()
		c.await("requests after a rotation", func() bool { return e.count() >= n+30 })
		for _, q := range e.requests()[n:] {
			if verifies(q, old) || !verifies(q, w.Secrets.Current) {
				t.Fatalf("%v after rotation %d a request carries the old secret's signature", soon+grace, i+1)
			}
		}
	}
	if _, err := c.nodes[1].hooks.Pause(ctx, access.System(w.Tenant), w.ID); err != nil {
		t.Fatal(err)
	}
	time.Sleep(soon + grace)
	n := e.count()
	time.Sleep(soon) // in which events are published at all nodes
	if more := e.count() - n; more > 0 {
		t.Errorf("%d requests while the webhook is paused", more)
	}
	if _, err := c.nodes[2].hooks.Resume(ctx, access.System(w.Tenant), w.ID); err != nil {
		t.Fatal(err)
	}
	c.await("requests after the pause", func() bool { return e.count() > n })
}

// A node that loses its lease while requests are under way forgets them: the
// others deliver, what it then hears is not recorded, and nothing that others
// have finished is owed again.
func TestNodeThatLosesItsLease(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2, 0)
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	defer release()
	e := c.net.endpoint(func(n int, w http.ResponseWriter, r *http.Request) {
		if n <= 3 {
			select {
			case <-held:
			case <-r.Context().Done():
			}
		}
	})
	hook := c.webhook(e, func(s *webhook.Settings) { s.Timeout = 25 * time.Second })
	lost, other := c.nodes[0], c.nodes[1]
	for i := range 40 {
		lost.publish(t, fmt.Sprintf(`{"type":"a.b","data":{"n":%d}}`, i))
	}
	c.await("requests that hang", func() bool { return lost.engine.Snapshot().InFlight >= 3 })
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, c.url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	// As another node does that takes it for dead.
	if _, err := conn.Exec(ctx, `DELETE FROM node WHERE fence = (SELECT min(fence) FROM node)`); err != nil {
		t.Fatal(err)
	}
	var ev event.Event
	for { // until it notices
		it, err := ingest.ParseObject(event.DefaultTenant, []byte(`{"type":"a.b","data":{"n":99}}`), ingest.DefaultLimits(), "", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		p := &ingest.Publication{Tenant: event.DefaultTenant, Items: []ingest.Item{it}}
		if err := lost.ingester.Publish(ctx, p); err == nil {
			ev = p.Items[0].Event
			break
		} else if !errors.Is(err, delivery.ErrFenced) && !errors.Is(err, problem.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	settled := func() bool {
		page, err := other.ledger.Deliveries(ctx, ledger.DeliveryQuery{Tenant: 1, State: ledger.StateDelivered, Limit: 100})
		return err == nil && len(page.Deliveries) == 41
	}
	c.await("the other node to deliver it all", settled)
	// The requests under way were broken off, though their endpoint still hangs.
	c.await("the requests under way to end", func() bool { return lost.engine.Snapshot().InFlight == 0 })
	before := e.count()
	c.await("their results to be dropped", func() bool { return lost.engine.Snapshot().DroppedResults >= 3 })
	if lost.store.Losses() != 1 {
		t.Errorf("got %d losses of the lease, want 1", lost.store.Losses())
	}
	if list, err := other.store.OwedList(ctx, delivery.OwedQuery{Tenant: 1, Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("owed after everything was delivered: %v, %v", list, err)
	}
	ids := e.ids(t)
	if len(ids) != 41 || e.count() != before || before > 41+3 {
		t.Errorf("got %d deliveries in %d requests, %d of them late, want 41 and at most 3 repeated", len(ids), e.count(), e.count()-before)
	}
	if d, err := lost.ledger.Delivery(ctx, 1, event.DeliveryID{Event: ev.ID, Webhook: hook.Number}); err != nil || d.State != ledger.StateDelivered {
		t.Errorf("accepted after the loss: got %+v, %v, want it delivered", d, err)
	}
}

// Events of one key keep their order whichever node accepts them.
func TestOrderOverNodes(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, 0)
	var mu sync.Mutex
	last := make(map[string]int)
	inversions, got := 0, 0
	e := c.net.endpoint(nil)
	e.setAnswer(func(_ int, w http.ResponseWriter, r *http.Request) {})
	hook := c.webhook(e, func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO })
	const keys, each = 6, 60
	var wg sync.WaitGroup
	for k := range keys {
		wg.Go(func() {
			for i := range each {
				c.nodes[(i+k)%3].publish(t, fmt.Sprintf(`{"type":"a.b","key":"k%d","data":{"key":"k%d","n":%d}}`, k, k, i))
			}
		})
	}
	wg.Wait()
	c.await("all deliveries", func() bool { return len(e.ids(t)) == keys*each })
	for _, q := range e.requests() {
		var d struct {
			Key string `json:"key"`
			N   int    `json:"n"`
		}
		if err := json.Unmarshal(q.envelope(t).Data, &d); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if was, ok := last[d.Key]; ok && d.N != was+1 {
			inversions++
		}
		last[d.Key] = d.N
		got++
		mu.Unlock()
	}
	if inversions > 0 || got != keys*each {
		t.Errorf("got %d requests with %d out of order, want %d and none (webhook %s)", got, inversions, keys*each, hook.ID)
	}
}

// The nodes together keep to a rate limit.
func TestRateLimitOverNodes(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, 0)
	e := c.net.endpoint(nil)
	const rate = 60
	c.webhook(e, func(s *webhook.Settings) { s.RateLimit = &webhook.RateLimit{PerSecond: rate, Burst: 3} })
	for i := range 600 {
		c.nodes[i%3].publish(t, `{"type":"a.b","data":1}`)
	}
	c.await("a first request", func() bool { return e.count() > 0 })
	time.Sleep(3 * time.Second) // the time that is measured
	list := e.requests()
	took := list[len(list)-1].at.Sub(list[0].at).Seconds()
	if most := rate*took*1.05 + 3; float64(len(list)) > most || float64(len(list)) < rate*took*0.8 {
		t.Errorf("got %d requests in %.2f s, want %.0f at most and not much less", len(list), took, most)
	}
}

// A job that a node has begun is finished by another, once.
func TestJobOfADeadNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2, 0)
	e := c.net.endpoint(nil)
	first, second := c.nodes[0], c.nodes[1]
	const n = 1300 // more than a step
	var p ingest.Publication
	p.Tenant = event.DefaultTenant
	for i := range n {
		it, err := ingest.ParseObject(p.Tenant, fmt.Appendf(nil, `{"type":"a.b","data":%d}`, i), ingest.DefaultLimits(), "", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		p.Items = append(p.Items, it)
	}
	if err := first.ingester.Publish(context.Background(), &p); err != nil {
		t.Fatal(err)
	}
	w := c.webhook(e)
	ctx := context.Background()
	j, err := first.engine.StartJob(ctx, access.System(w.Tenant), w, delivery.JobReplay, time.Now().Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	first.stop(t)
	c.await("the other node to finish the job", func() bool {
		now, err := second.engine.Job(ctx, 1, j.ID)
		return err == nil && now.State == delivery.JobDone && now.Scanned >= n
	})
	c.await("its deliveries", func() bool { return len(e.ids(t)) == n })
	if _, err := second.engine.CancelJob(ctx, access.System(1), j.ID); err == nil {
		t.Error("a job that is done was canceled")
	}
}

// Retries that a dead node had recorded are made by another.
func TestRetriesOfADeadNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 2, 0)
	e := c.net.endpoint(status(503))
	c.webhook(e, func(s *webhook.Settings) {
		s.Retry = webhook.Retry{Attempts: 5, Waits: []time.Duration{2 * time.Second}, MaxAge: time.Hour}
	})
	c.nodes[0].publish(t, `{"type":"a.b","data":1}`)
	c.await("a first attempt", func() bool { return e.count() == 1 })
	c.nodes[0].stop(t)
	e.setAnswer(nil)
	c.await("the retry", func() bool { return e.count() == 2 })
}

// Nothing waits for a connection while it holds one: a node gets on with a
// single one, with retries, order and backlogs.
func TestOneConnectionIsEnough(t *testing.T) {
	t.Parallel()
	c := newClusterOn(t, pgtest.Shared(t).Database(t)+"&pool_max_conns=1", 2, 0)
	flaky := c.net.endpoint(func(n int, w http.ResponseWriter, _ *http.Request) {
		if n%5 == 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	ordered := c.net.endpoint(nil)
	c.webhook(flaky, func(s *webhook.Settings) {
		s.Retry = webhook.Retry{Attempts: 50, Waits: []time.Duration{time.Second}, MaxAge: time.Hour}
	})
	c.webhook(ordered, func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO })
	const each, workers = 25, 4
	var wg sync.WaitGroup
	for i := range 2 * workers {
		wg.Go(func() {
			for range each {
				c.nodes[i%2].publish(t, fmt.Sprintf(`{"type":"a.b","key":"%d","data":1}`, i))
			}
		})
	}
	wg.Wait()
	c.await("all deliveries", func() bool {
		page, err := c.nodes[0].ledger.Deliveries(context.Background(), ledger.DeliveryQuery{Tenant: 1, State: ledger.StateDelivered, Limit: 1000})
		return err == nil && len(page.Deliveries) == 2*2*workers*each
	})
}

// A webhook that is switched to fifo has its deliveries stored with their events from then on, and no longer once it is
// switched back: order between servers depends on it.
func TestOrderBeginsWithTheSetting(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1, 0)
	w := c.webhook(c.net.endpoint(nil))
	n := c.nodes[0]
	for _, ordering := range []webhook.Ordering{webhook.OrderingNone, webhook.OrderingFIFO, webhook.OrderingNone, webhook.OrderingFIFO} {
		_, err := n.hooks.Update(context.Background(), access.System(w.Tenant), w.ID, func(s *webhook.Settings) error {
			s.Ordering = ordering
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		if ordering == webhook.OrderingFIFO {
			want = 1
		}
		ev := event.Event{Tenant: w.Tenant, ID: event.FirstID(time.Now()), Type: "a.b", Key: "k"}
		if got := n.engine.OwedWith(&ev); len(got) != want {
			t.Errorf("ordering %q: got %d deliveries stored with their event, want %d", ordering, len(got), want)
		}
	}
}
