//go:build linux

package faulttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/testenv"
)

// busyArgs make a server that is stopping give up quickly on hanging attempts.
var busyArgs = []string{"--shutdown-timeout", "300ms"}

// TestOrderAtRestarts alternately kills and stops a server while events of many keys arrive. They
// go in order to one endpoint, and also to two more, one slow and one that never answers. So there
// is always much to recover at a start while publishing continues. An event must not arrive before
// an older one of its key was accepted.
func TestOrderAtRestarts(t *testing.T) {
	w := &world{t: t, rng: seeded(t), relay: newRelay(t, filepath.Join(t.TempDir(), "data"))}
	w.relay.args = busyArgs
	w.relay.start()
	orderAtRestarts(t, w, []*relay{w.relay}, func() *client.Client { return w.relay.api }, func(...string) {})
}

// TestOrderAtRestartsOfNodes is TestOrderAtRestarts with three servers that share a database.
func TestOrderAtRestartsOfNodes(t *testing.T) {
	c := newServers(t, pgtest.Start(t).Database(t), 3)
	for _, r := range c.nodes {
		r.args = slices.Concat(r.args, busyArgs) // from the next start on
	}
	orderAtRestarts(t, c.world, c.nodes, func() *client.Client { return c.anyone().api }, func(ids ...string) {
		for _, r := range c.nodes {
			c.knowsAll(r, ids...)
		}
	})
}

// orderAtRestarts is the common part of both tests. known is called after webhooks were created.
func orderAtRestarts(t *testing.T, w *world, nodes []*relay, anyone func() *client.Client, known func(ids ...string)) {
	rounds := count(t, "RELAY_FAULT_RESTARTS", 8, 4)
	o := newOrdered(t)
	o.release() // no delivery is made to fail for long
	ids := []string{o.webhook(t, w.relay)}
	done := make(chan struct{})
	lame := httptest.NewServer(lameEndpoint(done))
	t.Cleanup(func() { close(done); lame.Close() })
	for _, path := range []string{"/slow", "/never"} {
		hook, err := w.relay.api.CreateWebhook(context.Background(), client.CreateWebhook{
			URL: lame.URL + path, Events: client.Set([]string{"ordered"}), Timeout: client.Set(client.Duration(30 * time.Second)),
		})
		if err != nil {
			t.Fatalf("creating a webhook: %v", err)
		}
		ids = append(ids, hook.ID)
	}
	known(ids...)

	p := newKeyPublishers(t, anyone)
	var kills, stops int
	for n := range rounds {
		time.Sleep(100*time.Millisecond + time.Duration(w.rng.Int64N(int64(400*time.Millisecond))))
		r := nodes[w.rng.IntN(len(nodes))]
		r.running()
		if n%2 == 0 {
			kills++
			r.life().kill()
		} else {
			stops++
			r.life().terminate(t)
		}
		if l := r.launch(); !r.awaitReady(l) { // other tests check how soon it is ready
			t.Fatalf("the server ended or was not ready within %v:\n%s", patience, l.log.text())
		}
	}
	perKey := p.halt(t)
	// The other endpoints have kept the servers busy; their remaining deliveries are not awaited.
	for _, id := range ids[1:] {
		if err := w.relay.api.DeleteWebhook(context.Background(), id); err != nil {
			t.Fatalf("deleting a webhook: %v", err)
		}
	}
	total := 0
	for _, n := range perKey {
		total += n
	}
	o.reach(t, nodes, total)
	for _, r := range nodes {
		r.stop()
	}
	inversions, wrong := o.sequence(perKey)
	testenv.Report(t, testenv.Figures{Faults: kills + stops, Accepted: total, Inversions: inversions})
	t.Logf("%d kills, %d stops, %d events of %d keys, %d requests: %d inversions", kills, stops, total, orderKeys, len(o.requests), inversions)
	for _, complaint := range wrong {
		t.Error(complaint)
	}
	if total < orderKeys*rounds/4 {
		t.Errorf("the run shows nothing: %d events in %d rounds", total, rounds)
	}
}

// terminate ends the process as an operator does. It ignores the exit code, which is not 0 if
// requests are still in progress when the time of busyArgs is over.
func (l *life) terminate(t testing.TB) {
	t.Helper()
	l.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-l.done:
	case <-time.After(patience):
		t.Fatalf("the server did not end within %v of SIGTERM:\n%s", patience, l.log.text())
	}
}

// lameEndpoint answers late at /slow, and never at other paths until done is closed.
func lameEndpoint(done <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, in *http.Request) {
		io.Copy(io.Discard, in.Body)
		var late <-chan time.Time
		if in.URL.Path == "/slow" {
			late = time.After(200 * time.Millisecond)
		}
		select {
		case <-late:
		case <-done:
		case <-in.Context().Done():
		}
	}
}

// keyPublishers publish events of all keys. Each key has one publisher, which publishes the next
// event after the previous one is acknowledged, so that their order is certain.
type keyPublishers struct {
	stop     chan struct{}
	ended    sync.WaitGroup
	mu       sync.Mutex
	wrong    []error
	perKey   [orderKeys]int // acknowledged events
	anywhere func() *client.Client
}

func newKeyPublishers(t testing.TB, anywhere func() *client.Client) *keyPublishers {
	const publishers = 5
	p := &keyPublishers{stop: make(chan struct{}), anywhere: anywhere}
	for i := range publishers {
		p.ended.Go(func() { // ends with halt, or with the test
			for n := 0; ; n++ {
				if more, err := p.page(i*orderKeys/publishers, (i+1)*orderKeys/publishers, n); !more {
					if err != nil {
						p.mu.Lock()
						p.wrong = append(p.wrong, err)
						p.mu.Unlock()
					}
					return
				}
			}
		})
	}
	t.Cleanup(p.end)
	return p
}

// page publishes the event with this number for each key from first to before end, and repeats it
// until it is acknowledged.
func (p *keyPublishers) page(first, end, number int) (more bool, err error) {
	list := make([]client.NewEvent, 0, end-first)
	for key := first; key < end; key++ {
		list = append(list, client.NewEvent{
			Type: "ordered", ID: fmt.Sprintf("k%d-%d", key, number), Key: "key-" + strconv.Itoa(key),
			Data: json.RawMessage(fmt.Sprintf(`{"key":%d,"number":%d}`, key, number)),
		})
	}
	ended := false
	for {
		if _, err = p.anywhere().PublishMany(context.Background(), list); err == nil {
			break
		}
		var refused *client.Error
		if ended || errors.As(err, &refused) && !refused.Temporary() {
			return false, fmt.Errorf("publishing: %w", err)
		}
		select {
		case <-p.stop:
			ended = true // once more, on a server that is up
		case <-time.After(5 * time.Millisecond):
		}
	}
	p.mu.Lock()
	for key := first; key < end; key++ {
		p.perKey[key] = number + 1
	}
	p.mu.Unlock()
	select {
	case <-p.stop:
		return false, nil
	case <-time.After(50 * time.Millisecond): // about 1,000 events per second
		return true, nil
	}
}

// end stops the publishers and waits for them.
func (p *keyPublishers) end() {
	p.mu.Lock()
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	p.mu.Unlock()
	p.ended.Wait()
}

// halt ends publishing and returns the number of published events per key.
func (p *keyPublishers) halt(t testing.TB) [orderKeys]int {
	t.Helper()
	p.end()
	for _, err := range p.wrong {
		t.Error(err)
	}
	return p.perKey
}

// sequence returns the number of requests for an event of a key that were sent before the previous
// event was accepted, and describes these and the keys with missing events. Repeats are allowed
// here.
func (o *ordered) sequence(perKey [orderKeys]int) (inversions int, wrong []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var next [orderKeys]int
	for i := range o.requests {
		q := &o.requests[i]
		switch {
		case q.number > next[q.key]:
			inversions++
			wrong = append(wrong, fmt.Sprintf("key %d: event %d was sent before %d was accepted, at %v",
				q.key, q.number, next[q.key], q.begun.Format(time.StampMilli)))
			if q.accepted {
				next[q.key] = q.number + 1 // so that it counts once
			}
		case q.accepted && q.number == next[q.key]:
			next[q.key]++
		}
	}
	for key, n := range perKey {
		if next[key] != n {
			wrong = append(wrong, fmt.Sprintf("key %d: got %d events, want %d", key, next[key], n))
		}
	}
	if len(wrong) > mostShown {
		wrong = append(wrong[:mostShown], fmt.Sprintf("and %d more", len(wrong)-mostShown))
	}
	return inversions, wrong
}

// TestSequenceComplains plants faults in correct requests, because a check that never complains
// would pass the other tests.
func TestSequenceComplains(t *testing.T) {
	at := func(numbers ...int) (list []orderedRequest) {
		for _, n := range numbers {
			list = append(list, orderedRequest{number: n, accepted: true})
		}
		return list
	}
	tests := []struct {
		name              string
		requests          []orderedRequest
		inversions, wrong int
	}{
		{"in order", at(0, 1, 2), 0, 0},
		{"repeats", at(0, 0, 1, 0, 1, 2), 0, 0},
		{"failed and tried again", append([]orderedRequest{{number: 0}}, at(0, 1, 2)...), 0, 0},
		{"changed places", at(0, 2, 1), 1, 1},
		{"behind a failure", append([]orderedRequest{{number: 0}}, at(1, 0, 2)...), 1, 1},
		{"sent too early, in vain", append([]orderedRequest{{number: 1}}, at(0, 1, 2)...), 1, 1},
		{"lost at the end", at(0, 1), 0, 1},
	}
	for _, tt := range tests {
		o := &ordered{requests: tt.requests}
		var perKey [orderKeys]int
		perKey[0] = 3
		if inversions, wrong := o.sequence(perKey); inversions != tt.inversions || len(wrong) != tt.wrong {
			t.Errorf("%s: got %d inversions and %q, want %d and %d complaints", tt.name, inversions, wrong, tt.inversions, tt.wrong)
		}
	}
}
