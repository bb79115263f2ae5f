package delivery_test

import (
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/webhook"
)

// TestRampFindsTheCapacityOfAnEndpoint is D8 of the reliability figures: an
// endpoint that comes back with a capacity of 300 requests a second, and
// refuses what is above, is caught up at 80 % of that, with at most a tenth of
// the requests refused.
func TestRampFindsTheCapacityOfAnEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const capacity = 300
		r := newRig(t)
		r.start()
		var mu sync.Mutex
		down := true
		var tokens float64
		var last time.Time
		accepted, refused := 0, 0
		ep := r.net.endpoint(func(_ int, w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			now := time.Now()
			tokens = min(capacity/10, tokens+now.Sub(last).Seconds()*capacity)
			last = now
			ok := !down && tokens >= 1
			if ok {
				tokens--
				accepted++
			} else if !down {
				refused++
			}
			mu.Unlock()
			time.Sleep(20 * time.Millisecond)
			if !ok {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		r.webhook(ep, func(s *webhook.Settings) {
			s.Retry = webhook.Retry{Attempts: 50, Waits: []time.Duration{5 * time.Minute}}
		})
		const n = 20_000
		r.publishMany("a", n)
		time.Sleep(2 * time.Minute)
		mu.Lock()
		down, last = false, time.Now()
		mu.Unlock()
		back := time.Now()
		for {
			time.Sleep(time.Second)
			mu.Lock()
			done := accepted
			mu.Unlock()
			if done >= n*9/10 || time.Since(back) > time.Hour {
				break
			}
		}
		took := time.Since(back)
		mu.Lock()
		rate, share := float64(accepted)/took.Seconds(), float64(refused)/float64(accepted+refused)
		mu.Unlock()
		t.Logf("%d accepted in %v: %.0f a second, %.1f %% refused", accepted, took, rate, share*100)
		if rate < 0.8*capacity {
			t.Errorf("%.0f a second, want at least %.0f", rate, 0.8*capacity)
		}
		if share > 0.1 {
			t.Errorf("%.1f %% refused, want at most 10 %%", share*100)
		}
		r.end()
	})
}
