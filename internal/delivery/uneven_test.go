package delivery_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/webhook"
)

// TestUnevenEndpointIsNotStarved delivers to an endpoint as they are: it answers in 1 to 15 ms, now and then with a 500.
// Its usual latency is eight times its best one, which says nothing about its load: it must get the concurrency that is
// granted to every endpoint that answers, not one attempt after the other.
func TestUnevenEndpointIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		var accepted atomic.Int64
		ep := r.net.endpoint(func(n int, w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Duration(1+n*7%15) * time.Millisecond)
			if n%100 == 99 {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			accepted.Add(1)
		})
		r.webhook(ep, func(s *webhook.Settings) {
			s.Retry = webhook.Retry{Attempts: 50, Waits: []time.Duration{time.Second}}
		})
		const events = 10_000
		begun := time.Now()
		r.publishMany("a", events)
		for accepted.Load() < events && time.Since(begun) < 5*time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		// 8 ms on average: 80 s one after the other, 5 s sixteen at a time.
		if took, want := time.Since(begun), 15*time.Second; took > want {
			t.Errorf("delivering %d events to an endpoint that answers in 8 ms on average: took %v, want at most %v", events, took, want)
		}
		r.end()
	})
}
