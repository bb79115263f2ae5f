//go:build linux

package faulttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/testenv"
)

const (
	orderKeys = 50
	// stuckKey is the key that fails for as long as the test wants.
	stuckKey = 0
	// stuckAt is the number of its failing event.
	stuckAt = 5
	// orderWindow is how long before a kill a result may still be unrecorded, in addition to the
	// time that the machine stood still; see kill. It is wide because all cores of a slow machine
	// are busy at that moment.
	orderWindow = 3 * time.Second
)

// TestOrder publishes events of many ordering keys to an endpoint that fails at random, kills the
// server twice and restarts it once. Each key's events must be accepted in order. Those in flight
// at a kill may repeat. No key waits for the one that always fails.
func TestOrder(t *testing.T) {
	events := count(t, "RELAY_FAULT_ORDERED", 100_000, 20_000) / orderKeys * orderKeys
	w := &world{t: t, rng: seeded(t), relay: newRelay(t, filepath.Join(t.TempDir(), "data"))}
	w.relay.start()
	o := newOrdered(t)
	o.webhook(t, w.relay)
	stop, published := make(chan struct{}), make(chan error, 1)
	t.Cleanup(func() { close(stop) })
	begun := time.Now()
	anyone := func() *client.Client { return w.relay.api }
	go func() { published <- publishOrdered(anyone, events, stop) }() // ends with the test at the latest
	reach := func(n int) { t.Helper(); o.reach(t, []*relay{w.relay}, n) }
	var kills []kill
	for _, share := range []int{20, 45} {
		reach(events * share / 100)
		stalled := watchStalls(t)
		time.Sleep(time.Duration(w.rng.Int64N(int64(50 * time.Millisecond))))
		l := w.relay.life()
		l.kill()
		kills = append(kills, kill{from: l.doomed, until: l.ended, window: orderWindow + stalled()})
		w.relay.start()
	}
	reach(events * 70 / 100)
	w.relay.stop()
	w.relay.start()
	// All others are done while the one key is still stuck.
	perKey := events / orderKeys
	reach(events - perKey + stuckAt)
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	others := time.Since(begun)
	waitFor(t, "being tried while the others go on", patience, func() error {
		if n := o.triesOfStuck(); n < 3 {
			return fmt.Errorf("%d tries", n)
		}
		return nil
	})
	o.release()
	reach(events)
	t.Logf("%d events of %d keys: %v, of which %v with one key stuck: %.0f events a second", events, orderKeys,
		time.Since(begun).Round(time.Millisecond), others.Round(time.Millisecond), float64(events-perKey)/others.Seconds())
	waitFor(t, "settling what is owed", patience, func() error {
		for _, state := range []string{"inFlight", "waiting"} {
			if n, err := w.relay.deliveries(state); err != nil || n > 0 {
				return fmt.Errorf("%d deliveries are %s (%v)", n, state, err)
			}
		}
		return nil
	})
	w.relay.stop()
	intact(t, w.relay.dir)
	repeats, wrong := o.check(perKey, kills)
	testenv.Report(t, testenv.Figures{Faults: len(kills) + 1, Accepted: events, Repeated: repeats})
	t.Logf("%d requests, %d repeats at %d kills", len(o.requests), repeats, len(kills))
	for _, complaint := range wrong {
		t.Error(complaint)
	}
}

// publishOrdered publishes the events in order, one key after the other in turn, and repeats
// unanswered requests. anyone returns the server for the next request.
func publishOrdered(anyone func() *client.Client, n int, stop <-chan struct{}) error {
	const page = 500
	for first := 0; first < n; first += page {
		list := make([]client.NewEvent, 0, page)
		for i := first; i < min(n, first+page); i++ {
			key, number := i%orderKeys, i/orderKeys
			list = append(list, client.NewEvent{
				Type: "ordered", ID: fmt.Sprintf("k%d-%d", key, number), Key: "key-" + strconv.Itoa(key),
				Data: json.RawMessage(fmt.Sprintf(`{"key":%d,"number":%d}`, key, number)),
			})
		}
		for {
			_, err := anyone().PublishMany(context.Background(), list)
			if err == nil {
				break
			}
			var refused *client.Error
			if errors.As(err, &refused) && !refused.Temporary() {
				return fmt.Errorf("publishing: %w", err)
			}
			select {
			case <-stop:
				return fmt.Errorf("publishing: %w", err)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	return nil
}

// ordered is the endpoint: it fails one in four hundred attempts, and all attempts of one delivery
// until it is released.
type ordered struct {
	server *httptest.Server

	mu       sync.Mutex // guards the fields below
	released bool
	tries    int // of the stuck delivery
	accepted int // deliveries, without repeats
	next     [orderKeys]int
	requests []orderedRequest
}

type orderedRequest struct {
	key, number  int
	begun, ended time.Time // ended is zero until the answer was passed to the connection
	accepted     bool
}

func newOrdered(t testing.TB) *ordered {
	o := &ordered{}
	o.server = httptest.NewServer(o)
	t.Cleanup(o.server.Close)
	return o
}

// webhook creates a webhook for the endpoint, with ordered delivery.
func (o *ordered) webhook(t testing.TB, r *relay) (id string) {
	t.Helper()
	w, err := r.api.CreateWebhook(context.Background(), client.CreateWebhook{
		URL: o.server.URL, Events: client.Set([]string{"ordered"}), Ordering: client.Set("fifo"),
		Retry: client.Set(client.RetryFields{Attempts: client.Set(50), Waits: client.Set([]client.Duration{client.Duration(time.Second)}), MaxAge: client.Set(client.Duration(time.Hour))}),
	})
	if err != nil {
		t.Fatalf("creating a webhook: %v", err)
	}
	return w.ID
}

func (o *ordered) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return // the sender died while sending
	}
	var env struct {
		Data struct{ Key, Number int } `json:"data"`
	}
	if err := json.Unmarshal(body, &env); err != nil || env.Data.Key < 0 || env.Data.Key >= orderKeys {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	q := orderedRequest{key: env.Data.Key, number: env.Data.Number, begun: time.Now()}
	// By the delivery and the number of the attempt, so that a repeated attempt gets the same
	// answer.
	h := fnv.New32a()
	io.WriteString(h, in.Header.Get("X-Relay-Delivery"))
	io.WriteString(h, in.Header.Get("X-Relay-Attempt"))
	o.mu.Lock()
	stuck := q.key == stuckKey && q.number == stuckAt && !o.released
	if stuck {
		o.tries++
	}
	q.accepted = !stuck && h.Sum32()%400 != 0
	seq := len(o.requests)
	o.requests = append(o.requests, q)
	if q.accepted && q.number == o.next[q.key] {
		o.next[q.key]++
		o.accepted++
	}
	o.mu.Unlock()
	if !q.accepted {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.requests[seq].ended = time.Now()
}

// reach waits until n events are accepted.
func (o *ordered) reach(t testing.TB, servers []*relay, n int) {
	t.Helper()
	waitFor(t, fmt.Sprintf("accepting %d events", n), 4*patience, func() error {
		for _, r := range servers {
			r.running()
		}
		if got := o.count(); got < n {
			return fmt.Errorf("%d are accepted", got)
		}
		return nil
	})
}

func (o *ordered) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.accepted
}

func (o *ordered) triesOfStuck() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.tries
}

func (o *ordered) release() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.released = true
}

// check returns how many requests repeated an accepted one, and the violations, a sentence each: an
// event of a key that was tried before the previous one was accepted, an event that was not
// accepted, and a repeat of a request that was not in flight at a kill.
func (o *ordered) check(perKey int, kills []kill) (repeats int, wrong []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	type delivery struct{ key, number int }
	accepted := make(map[delivery]*orderedRequest)
	var next [orderKeys]int
	for i := range o.requests {
		q := &o.requests[i]
		d := delivery{q.key, q.number}
		before := accepted[d]
		switch {
		case before != nil:
			repeats++
			excused := slices.ContainsFunc(kills, func(k kill) bool {
				return before.begun.Before(k.until) && q.begun.After(k.from) && (before.ended.IsZero() || before.ended.After(k.from.Add(-k.window)))
			})
			if !excused {
				wrong = append(wrong, fmt.Sprintf("key %d: event %d was accepted at %v and sent again at %v, with no kill between that it was in flight at",
					q.key, q.number, before.ended.Format(time.StampMilli), q.begun.Format(time.StampMilli)))
			}
		case q.number > next[q.key]:
			wrong = append(wrong, fmt.Sprintf("key %d: event %d was sent before %d was accepted", q.key, q.number, next[q.key]))
		case q.accepted:
			next[q.key]++
		}
		if q.accepted {
			accepted[d] = q
		}
	}
	for key, n := range next {
		if n != perKey {
			wrong = append(wrong, fmt.Sprintf("key %d: got %d events in order, want %d", key, n, perKey))
		}
	}
	if len(wrong) > mostShown {
		wrong = append(wrong[:mostShown], fmt.Sprintf("and %d more", len(wrong)-mostShown))
	}
	return repeats, wrong
}

// TestOrderComplains plants one fault of each kind in correct requests, because a check that never
// complains would pass the other test.
func TestOrderComplains(t *testing.T) {
	t0 := time.Now()
	at := func(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }
	kills := []kill{{from: at(1000), until: at(1010), window: 100 * time.Millisecond}}
	sound := func() *ordered {
		o := &ordered{}
		for key := range orderKeys {
			o.requests = append(o.requests,
				orderedRequest{key: key, number: 0, begun: at(900), ended: at(910)},                   // failed
				orderedRequest{key: key, number: 0, begun: at(920), ended: at(950), accepted: true},   // not recorded
				orderedRequest{key: key, number: 0, begun: at(1100), ended: at(1110), accepted: true}, // so it is repeated
				orderedRequest{key: key, number: 1, begun: at(1120), ended: at(1130), accepted: true})
		}
		return o
	}
	tests := []struct {
		name  string
		plant func(o *ordered)
		want  int // number of complaints
	}{
		{"nothing", func(*ordered) {}, 0},
		{"behind a failure", func(o *ordered) { o.requests[1].accepted, o.requests[2].accepted = false, false }, 2},
		{"changed places", func(o *ordered) { o.requests[0].number = 1 }, 1},
		{"lost", func(o *ordered) { o.requests = o.requests[:len(o.requests)-1] }, 1},
		{"repeated without a kill", func(o *ordered) {
			o.requests = append(o.requests, orderedRequest{key: 0, number: 1, begun: at(1200), ended: at(1210), accepted: true})
		}, 1},
		{"repeated, answered long before the kill", func(o *ordered) { o.requests[1].ended = at(899) }, 1},
	}
	for _, tt := range tests {
		o := sound()
		tt.plant(o)
		repeats, wrong := o.check(2, kills)
		if len(wrong) != tt.want {
			t.Errorf("%s: got %d complaints %q, want %d", tt.name, len(wrong), wrong, tt.want)
		}
		if tt.name == "nothing" && repeats != orderKeys {
			t.Errorf("%s: got %d repeats, want %d", tt.name, repeats, orderKeys)
		}
	}
}
