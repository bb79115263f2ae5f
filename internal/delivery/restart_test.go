package delivery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// slowStore is a real store that takes its time, and that can be made to lose what is recorded, as a process that is
// killed does.
type slowStore struct {
	rigStore
	record, read time.Duration // how long recording takes, and looking up the owed rows of an event
	dead         *atomic.Bool  // nothing is recorded any more
	recorded     *atomic.Int64 // records since the start
}

func (s *slowStore) Record(ctx context.Context, r *delivery.Record) error {
	time.Sleep(s.record)
	if s.dead.Load() {
		return problem.ErrUnavailable
	}
	s.recorded.Add(1)
	return s.rigStore.Record(ctx, r)
}

func (s *slowStore) OwedOfEvent(ctx context.Context, tenant event.TenantID, id event.ID) ([]delivery.Owed, error) {
	time.Sleep(s.read)
	return s.rigStore.OwedOfEvent(ctx, tenant, id)
}

// kill ends the rig with whatever it has not recorded.
func (r *rig) kill(dead *atomic.Bool) {
	dead.Store(true)
	r.ingester.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = r.engine.Stop(ctx) // which cannot store its results
	r.client.Close()
	if err := r.store.Close(); err != nil {
		r.t.Errorf("closing the store: %v", err)
	}
	dead.Store(false)
}

// sequences checks that the events of each key come in order. One may come again as long as it was not recorded.
type sequences struct {
	mu    sync.Mutex
	next  map[int]int
	wrong []string
}

// take notes an event that has come.
func (s *sequences) take(key, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = make(map[int]int)
	}
	if n > s.next[key] {
		s.wrong = append(s.wrong, fmt.Sprintf("key %d: event %d came before event %d", key, n, s.next[key]))
	}
	s.next[key] = max(s.next[key], n+1)
}

// TestOrderAtRestarts stops and kills an engine again and again while events come, and while endpoints that hang or are
// slow keep intakes open, so that much is routed anew at each start. Events come at once after a start. Whatever takes
// how long, no event under fifo may come before one that was accepted before it.
func TestOrderAtRestarts(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { orderAtRestarts(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func orderAtRestarts(t *testing.T, rng *rand.Rand) {
	r := newRig(t)
	store := &slowStore{dead: new(atomic.Bool), recorded: new(atomic.Int64)}
	open := r.open
	r.open = func(ctx context.Context, log *slog.Logger) (rigStore, error) {
		s, err := open(ctx, log)
		store.rigStore = s
		copied := *store // the next life has other times
		return &copied, err
	}
	var seen sequences
	ep := r.net.endpoint(nil)
	ep.setAnswer(func(n int, w http.ResponseWriter, _ *http.Request) {
		var data struct{ Key, N int }
		if err := json.Unmarshal(ep.requests()[n-1].envelope(t).Data, &data); err != nil {
			t.Error(err)
		}
		seen.take(data.Key, data.N)
	})
	slow := r.net.endpoint(func(int, http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Second) })
	hanging := r.net.endpoint(hang)
	r.start()
	r.webhook(ep, func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO })
	r.webhook(slow)
	r.webhook(hanging)

	var next [5]int
	publish := func(n int) {
		var raw []string
		for range n {
			k := rng.IntN(len(next))
			raw = append(raw, fmt.Sprintf(`{"type":"a","key":"k%d","data":{"key":%d,"n":%d}}`, k, k, next[k]))
			next[k]++
		}
		r.publish(raw...)
	}
	pause := func(most time.Duration) { time.Sleep(time.Duration(rng.Int64N(int64(most)))) }
	for life := range 6 {
		if life > 0 {
			store.record, store.read = time.Duration(rng.Int64N(40))*time.Millisecond, time.Duration(rng.Int64N(20))*time.Millisecond
			r.start()
		}
		for range 1 + rng.IntN(4) {
			publish(1 + rng.IntN(8))
			pause(80 * time.Millisecond)
		}
		if rng.IntN(2) == 0 {
			// From here on no result is recorded: accepted events are in open intakes only.
			store.dead.Store(true)
			publish(1 + rng.IntN(8))
			pause(20 * time.Millisecond)
		}
		if rng.IntN(3) > 0 {
			r.kill(store.dead)
		} else {
			store.dead.Store(false)
			r.stop()
		}
	}
	store.record, store.read = 5*time.Millisecond, time.Millisecond
	r.start()
	time.Sleep(time.Minute)
	seen.mu.Lock()
	for k, n := range next {
		if seen.next[k] != n {
			t.Errorf("key %d: got %d events, want %d", k, seen.next[k], n)
		}
	}
	for _, w := range seen.wrong {
		t.Error(w)
	}
	seen.mu.Unlock()
	r.end()
}
