//go:build linux

package faulttest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/store/postgres/pgtest"
)

// lease is the lease of the servers in these tests: short, so that others take over soon.
const lease = time.Second

// cluster is a group of servers that share a database, in a world whose own server is the first of
// them.
type cluster struct {
	*world
	url   string // of the database
	nodes []*relay

	frozen map[string][]string // see ackedBefore

	mu sync.Mutex
	up []*relay // servers that publishers may use; guarded by mu
}

// newCluster starts servers on a database and creates the webhooks of the test.
func newCluster(t testing.TB, url string, nodes int) *cluster {
	c := newServers(t, url, nodes)
	c.hist.hooks = createHooks(t, c.relay, c.rec)
	for _, r := range c.nodes {
		c.knows(r)
	}
	return c
}

// newServers starts servers on a database.
func newServers(t testing.TB, url string, nodes int) *cluster {
	c := &cluster{url: url, world: &world{t: t, rng: seeded(t), rec: newRecorder(t), hist: &history{}}}
	for i := range nodes {
		r := newRelay(t, filepath.Join(t.TempDir(), "data"+strconv.Itoa(i)))
		r.args = []string{"--database", url, "--lease", lease.String()}
		if i > 0 {
			// Without a master key they share the key file.
			r.dir = c.nodes[0].dir
		}
		c.nodes = append(c.nodes, r)
		r.start()
	}
	c.relay = c.nodes[0]
	c.pubs = newPublishers(c.relay)
	c.pubs.url = func() string { return c.anyone().url() }
	c.up = append(c.up, c.nodes...)
	return c
}

// knows waits until a server knows the webhooks, which must happen within a second.
func (c *cluster) knows(r *relay) {
	c.t.Helper()
	var ids []string
	for _, h := range c.hist.hooks {
		ids = append(ids, h.id)
	}
	c.knowsAll(r, ids...)
}

func (c *cluster) knowsAll(r *relay, ids ...string) {
	c.t.Helper()
	took := waitFor(c.t, "a server to know the webhooks", patience, func() error {
		for _, id := range ids {
			var hook struct {
				ID string `json:"id"`
			}
			if err := r.get("/v1/webhooks/"+id, &hook); err != nil {
				return err
			}
		}
		return nil
	})
	if took > 5*time.Second {
		c.t.Errorf("a server knew the webhooks after %v, want within about a second", took)
	}
}

// anyone returns a server for the next request, like a load balancer.
func (c *cluster) anyone() *relay {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up[rand.IntN(len(c.up))]
}

// without keeps publishers away from exactly these servers.
func (c *cluster) without(those ...*relay) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.up = slices.DeleteFunc(slices.Clone(c.nodes), func(r *relay) bool { return slices.Contains(those, r) })
}

// interrupted records a period in which a server lost its in-flight work.
func (c *cluster) interrupted(from, until time.Time, window time.Duration) {
	c.hist.kills = append(c.hist.kills, kill{from: from, until: until, window: window + 2*c.pubs.slowest(from.Add(-window), until)})
}

// finish ends the run and checks it; see world.finish.
func (c *cluster) finish() figures {
	c.t.Helper()
	c.without()
	c.pubs.halt()
	c.settle()
	waitFor(c.t, "all intakes to be closed", patience, c.closed)
	for _, r := range c.nodes {
		r.stop()
	}
	before := len(c.rec.seen())
	c.relay.start()
	c.hist.tell(c.t, c.relay)
	time.Sleep(lease) // time to take over the work of the others
	c.relay.stop()
	c.hist.items, c.hist.requests = c.pubs.items, c.rec.seen()
	c.hist.complain = append(c.hist.complain, c.pubs.wrong...)
	if n := len(c.hist.requests) - before; n > 0 {
		c.t.Errorf("after all was settled and the servers were stopped, another sent %d requests, want 0", n)
	}
	figures, wrong := c.hist.check()
	for _, complaint := range wrong {
		c.t.Error(complaint)
	}
	if figures.acked == 0 || figures.delivered == 0 {
		c.t.Errorf("the run shows nothing: %v", figures)
	}
	return figures
}

// closed checks in the database whether all stored events are settled or owed, including those with
// unknown fates.
func (c *cluster) closed() error {
	conn, err := pgx.Connect(context.Background(), c.url)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	var open int
	if err := conn.QueryRow(context.Background(), `SELECT count(*) FROM intake WHERE fence >= 0`).Scan(&open); err != nil {
		return err
	}
	if open > 0 {
		return fmt.Errorf("%d intakes are open", open)
	}
	return nil
}

// metric reads a metric of a server.
func (c *cluster) metric(r *relay, name string) float64 {
	c.t.Helper()
	req, err := http.NewRequest(http.MethodGet, r.url()+"/metrics", nil)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	scan := bufio.NewScanner(res.Body)
	for scan.Scan() {
		if text, ok := strings.CutPrefix(scan.Text(), name+" "); ok {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				c.t.Fatal(err)
			}
			return v
		}
	}
	c.t.Fatalf("there is no metric %q", name)
	return 0
}

// TestKillOnDatabase is TestKill for a server that stores everything in PostgreSQL.
func TestKillOnDatabase(t *testing.T) {
	kills := count(t, "RELAY_FAULT_KILLS", 6, 3)
	c := newCluster(t, pgtest.Start(t).Database(t), 1)
	c.pubs.run(t, c.rng, 6)
	for range kills {
		time.Sleep(100*time.Millisecond + time.Duration(c.rng.Int64N(int64(500*time.Millisecond))))
		c.relay.running()
		l := c.relay.life()
		l.kill()
		c.interrupted(l.doomed, l.ended, 500*time.Millisecond)
		c.relay.start()
	}
	f := c.finish()
	f.report(t, kills, c.relay.slowest)
	t.Logf("%d kills, %v", kills, f)
}

// TestKillNodes kills three servers under load, one after the other.
func TestKillNodes(t *testing.T) {
	kills := count(t, "RELAY_FAULT_KILLS", 20, 5)
	c := newCluster(t, pgtest.Start(t).Database(t), 3)
	c.pubs.run(t, c.rng, 6)
	for range kills {
		time.Sleep(200*time.Millisecond + time.Duration(c.rng.Int64N(int64(400*time.Millisecond))))
		r := c.nodes[c.rng.IntN(len(c.nodes))]
		r.running()
		l := r.life()
		l.kill()
		c.interrupted(l.doomed, l.ended, 500*time.Millisecond)
		r.start()
	}
	// The last server's work is taken over without it.
	r := c.nodes[c.rng.IntN(len(c.nodes))]
	c.without(r)
	stalled := watchStalls(t)
	l := r.life()
	l.kill()
	c.interrupted(l.doomed, l.ended, 500*time.Millisecond)
	took := waitFor(t, "the others to deliver what was acknowledged", patience, func() error {
		for _, h := range c.hist.hooks {
			if n, _ := c.rec.missing(h.name, c.ackedBefore(h, l.doomed)); n > 0 {
				return fmt.Errorf("%d deliveries are missing", n)
			}
		}
		return nil
	})
	if excuse := stalled(); took > lease+5*time.Second+excuse {
		t.Errorf("the others had taken over after %v, want within the lease of %v and 5s", took, lease)
	}
	r.start()
	f := c.finish()
	f.report(t, kills+1, took)
	t.Logf("%d kills, the last one's work was done after %v, %v", kills+1, took.Round(time.Millisecond), f)
}

// ackedBefore returns the tokens that a hook wants of events acknowledged up to a moment ago.
// Publishers continue.
func (c *cluster) ackedBefore(h *hook, _ time.Time) []string {
	if c.frozen == nil {
		c.frozen = make(map[string][]string)
	}
	if list, ok := c.frozen[h.name]; ok {
		return list
	}
	c.frozen[h.name] = c.pubs.acked(h)
	return c.frozen[h.name]
}

// TestStoppedNodes freezes all servers but one until that one has taken them for dead, and then
// lets them continue. It freezes four at a time, because each time takes the lease plus the
// interval of the others' checks.
func TestStoppedNodes(t *testing.T) {
	const nodes = 5
	rounds := count(t, "RELAY_FAULT_STOPS", 5, 1)
	c := newCluster(t, pgtest.Start(t).Database(t), nodes)
	c.pubs.run(t, c.rng, 6)
	for range rounds {
		time.Sleep(200*time.Millisecond + time.Duration(c.rng.Int64N(int64(300*time.Millisecond))))
		goesOn := c.nodes[c.rng.IntN(nodes)]
		stopped := slices.DeleteFunc(slices.Clone(c.nodes), func(r *relay) bool { return r == goesOn })
		losses := make(map[*relay]float64)
		for _, r := range stopped {
			losses[r] = c.metric(r, "relay_node_lease_losses_total")
		}
		from := time.Now()
		for _, r := range stopped {
			r.signal(syscall.SIGSTOP)
		}
		c.without(stopped...)
		waitFor(t, "the others to be taken for dead", patience, c.alone)
		for _, r := range stopped {
			r.signal(syscall.SIGCONT)
		}
		for _, r := range stopped {
			waitFor(t, "the server to notice that it was taken for dead", patience, func() error {
				if c.metric(r, "relay_node_lease_losses_total") == losses[r] {
					return errNotYet
				}
				return nil
			})
		}
		c.interrupted(from, time.Now(), 500*time.Millisecond)
		c.hist.kills[len(c.hist.kills)-1].held = true
		c.without()
	}
	c.refusedMayCome() // a commit in progress at a stop is refused when it ends, because it took too long
	refused := 0.0
	for _, r := range c.nodes {
		refused += c.metric(r, "relay_node_refused_writes_total")
	}
	if refused == 0 {
		t.Errorf("after %d stops no late write was refused: nothing was under way", rounds*(nodes-1))
	}
	f := c.finish()
	f.report(t, rounds*(nodes-1), 0)
	t.Logf("%d stops, %.0f late writes refused, %v", rounds*(nodes-1), refused, f)
}

// alone reports, as a nil error, that one server is left in the database's list. A server that was held in the middle of
// a transaction stays in it until the database has ended that.
func (c *cluster) alone() error {
	conn, err := pgx.Connect(context.Background(), c.url)
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	var nodes int
	if err := conn.QueryRow(context.Background(), `SELECT count(*) FROM node`).Scan(&nodes); err != nil {
		return err
	}
	if nodes > 1 {
		return fmt.Errorf("%d servers are in the list", nodes)
	}
	return nil
}

// signal sends a signal to the server.
func (r *relay) signal(s syscall.Signal) {
	r.t.Helper()
	if err := syscall.Kill(r.life().cmd.Process.Pid, s); err != nil {
		r.t.Fatalf("sending %v: %v", s, err)
	}
}

// TestDatabaseCrashes crashes PostgreSQL repeatedly while publishers repeat requests with their
// keys.
func TestDatabaseCrashes(t *testing.T) {
	crashes := count(t, "RELAY_FAULT_KILLS", 20, 4)
	srv := pgtest.Start(t)
	c := newCluster(t, srv.Database(t), 2)
	c.pubs.run(t, c.rng, 6)
	var slowest time.Duration
	for range crashes {
		time.Sleep(100*time.Millisecond + time.Duration(c.rng.Int64N(int64(600*time.Millisecond))))
		from := time.Now()
		srv.Crash()
		if err := srv.Start(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		took := waitFor(t, "publishing to work again", patience, func() error { return c.pubs.probe(c.rng) })
		slowest = max(slowest, took)
		if took > 5*time.Second {
			t.Errorf("publishing worked %v after the database did, want within 5s", took)
		}
		// Results recorded in the last 0.6 s are lost (three times wal_writer_delay,
		// https://www.postgresql.org/docs/current/wal-async-commit.html), and the servers need a
		// moment to notice.
		c.interrupted(from, began.Add(took+2*time.Second), time.Second)
		for _, r := range c.nodes {
			r.running()
		}
	}
	c.refusedMayCome()
	f := c.finish()
	f.report(t, crashes, slowest)
	t.Logf("%d crashes, published again within %v, %v", crashes, slowest.Round(time.Millisecond), f)
}

// TestFailover ends the primary and promotes its standby, for which commits waited: no acknowledged
// event is lost, and the servers find the new primary.
func TestFailover(t *testing.T) {
	primary := pgtest.Start(t)
	cfg, err := pgx.ParseConfig(primary.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	standby := primary.Standby(t)
	c := newCluster(t, fmt.Sprintf("postgres:///%s?host=%s,%s&user=relay&target_session_attrs=read-write",
		cfg.Database, primary.Folder(), standby.Folder()), 2)
	c.pubs.run(t, c.rng, 6)
	time.Sleep(2 * time.Second) // of load
	from := time.Now()
	primary.Crash()
	if err := standby.Promote(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	took := waitFor(t, "publishing to work again", patience, func() error { return c.pubs.probe(c.rng) })
	if took > 5*time.Second {
		t.Errorf("publishing worked %v after the promotion, want within 5s", took)
	}
	c.interrupted(from, began.Add(took+2*time.Second), time.Second)
	for _, r := range c.nodes {
		r.running()
	}
	time.Sleep(time.Second) // of load
	c.refusedMayCome()
	f := c.finish()
	f.report(t, 1, took)
	t.Logf("published again %v after the promotion, %v", took.Round(time.Millisecond), f)
}

// refusedMayCome allows refused events to be stored: their commit may have been in progress when
// the database or the server broke off.
func (c *cluster) refusedMayCome() { c.hist.refusedMayCome = true }

// TestSilentDatabase makes the connection to the database fall silent: publishers get an answer
// within two seconds, and everything works again without a restart.
func TestSilentDatabase(t *testing.T) {
	srv := pgtest.Start(t)
	cfg, err := pgx.ParseConfig(srv.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := srv.Proxy(t)
	c := newCluster(t, proxy.URL(cfg.Database), 1)
	c.pubs.run(t, c.rng, 4)
	cycles, slowest := count(t, "RELAY_FAULT_CYCLES", 2, 1), time.Duration(0)
	for range cycles {
		time.Sleep(300 * time.Millisecond)
		stalled := watchStalls(t)
		from := time.Now()
		proxy.Silence(true)
		for range 3 {
			_, a := c.pubs.one(c.rng, true)
			if took := a.ended.Sub(a.begun); took > 2*time.Second+stallsOf(t, &stalled) || a.status != http.StatusServiceUnavailable {
				t.Errorf("publishing while the database is silent: got status %d after %v, want 503 within 2s", a.status, took)
			}
		}
		waitFor(t, "/readyz to say so", patience, func() error {
			if err := ready(c.relay); err == nil {
				return errNotYet
			}
			return nil
		})
		lines := strings.Count(c.relay.life().log.text(), "\n")
		time.Sleep(2 * time.Second)
		if more := strings.Count(c.relay.life().log.text(), "\n") - lines; more > 60 {
			t.Errorf("the server wrote %d lines of log in 2 s of silence", more)
		}
		proxy.Silence(false)
		took := waitFor(t, "publishing to work again", patience, func() error { return c.pubs.probe(c.rng) })
		slowest = max(slowest, took)
		if took > 5*time.Second {
			t.Errorf("publishing worked %v after the silence, want within 5s", took)
		}
		stalled()
		c.interrupted(from, time.Now().Add(2*time.Second), time.Second)
		c.relay.running()
	}
	c.refusedMayCome()
	c.hist.storeFailed = true
	f := c.finish()
	f.report(t, cycles, slowest)
	t.Logf("%d silences, %v", cycles, f)
}

// stallsOf returns how long the machine stood still, and starts watching again.
func stallsOf(t testing.TB, stalled *func() time.Duration) time.Duration {
	d := (*stalled)()
	*stalled = watchStalls(t)
	return d
}

// ready calls /readyz.
func ready(r *relay) error {
	res, err := (&http.Client{Timeout: 10 * time.Second}).Get(r.url() + "/readyz")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(res.Body)
		return fmt.Errorf("got status %d: %s", res.StatusCode, text)
	}
	return nil
}
