package delivery_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/webhook"
)

// TestOtherKeysDoNotWait measures under fifo how long the deliveries of healthy keys wait while the events of one key
// fail for an hour, beside how long they wait when nothing fails.
func TestOtherKeysDoNotWait(t *testing.T) {
	const keys, rounds = 20, 120
	measure := func(t *testing.T, failing bool) (waits []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.start()
			var mu sync.Mutex
			sent := make(map[[2]int]time.Time)
			failures, accepted := 0, 0 // of key 0
			begin := time.Now()
			ep := r.net.endpoint(nil)
			ep.setAnswer(func(n int, w http.ResponseWriter, _ *http.Request) {
				now := time.Now()
				var data struct{ Key, N int }
				if err := json.Unmarshal(ep.requests()[n-1].envelope(t).Data, &data); err != nil {
					t.Error(err)
				}
				mu.Lock()
				fail := failing && data.Key == 0 && now.Sub(begin) < time.Hour
				switch {
				case fail:
					failures++
				case data.Key == 0:
					accepted++
				default:
					waits = append(waits, now.Sub(sent[[2]int{data.Key, data.N}]))
				}
				mu.Unlock()
				time.Sleep(20 * time.Millisecond) // of answering
				if fail {
					w.WriteHeader(http.StatusInternalServerError)
				}
			})
			r.webhook(ep, func(s *webhook.Settings) {
				s.Ordering = webhook.OrderingFIFO
				s.Retry = webhook.Retry{Attempts: 50, Waits: []time.Duration{2 * time.Minute}}
			})
			for n := range rounds {
				var raw []string
				mu.Lock()
				for k := range keys {
					raw = append(raw, fmt.Sprintf(`{"type":"a","key":"k%d","data":{"key":%d,"n":%d}}`, k, k, n))
					sent[[2]int{k, n}] = time.Now()
				}
				mu.Unlock()
				r.publish(raw...)
				time.Sleep(30 * time.Second)
			}
			time.Sleep(10 * time.Minute)
			mu.Lock()
			if failing && failures < 20 {
				t.Errorf("got %d failures of the failing key in an hour, want it to be tried all the time", failures)
			}
			if accepted != rounds || len(waits) != (keys-1)*rounds {
				t.Errorf("got %d events of the failing key and %d of the others accepted, want %d and %d", accepted, len(waits), rounds, (keys-1)*rounds)
			}
			mu.Unlock()
			r.end()
		})
		slices.Sort(waits)
		return waits
	}
	normal, beside := measure(t, false), measure(t, true)
	if len(normal) == 0 || len(beside) == 0 {
		t.Fatal("nothing was measured")
	}
	at := func(waits []time.Duration, share float64) time.Duration {
		return waits[int(share*float64(len(waits)-1))]
	}
	t.Logf("waits: p50 %v, p99 %v, most %v; beside a failing key: p50 %v, p99 %v, most %v",
		at(normal, .5), at(normal, .99), at(normal, 1), at(beside, .5), at(beside, .99), at(beside, 1))
	// Two attempts' time more than without is chance: which of the workers is free.
	const slack = 40 * time.Millisecond
	for _, share := range []float64{.5, .99, 1} {
		if got, want := at(beside, share), at(normal, share)+slack; got > want {
			t.Errorf("beside a failing key, %v of the deliveries of the others began within %v, want within %v", share, got, want)
		}
	}
}
