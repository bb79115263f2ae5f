package delivery_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/webhook"
)

// TestFIFO publishes to an endpoint that fails at random and is restarted
// twice: each key's events must be accepted in order, and no key may wait for
// another one's failure.
func TestFIFO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		const keys, perKey = 50, 60
		var mu sync.Mutex
		next := make(map[int]int) // per key: the number that must be accepted next
		stuckSince := time.Time{}
		others := 0 // accepted of other keys while key 0 was stuck
		random := rand.New(rand.NewPCG(1, 2))
		ep := r.net.endpoint(nil)
		ep.setAnswer(func(n int, w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			var data struct{ Key, N int }
			got := ep.requests()[n-1].envelope(t).Data
			if err := json.Unmarshal(got, &data); err != nil {
				t.Errorf("data %s: %v", got, err)
				return
			}
			stuck := data.Key == 0 && data.N == 5 && (stuckSince.IsZero() || time.Since(stuckSince) < 10*time.Second)
			if stuck && stuckSince.IsZero() {
				stuckSince = time.Now()
			}
			if stuck || random.IntN(20) == 0 {
				w.WriteHeader(500)
				return
			}
			switch want := next[data.Key]; {
			case data.N == want:
				next[data.Key]++
			case data.N > want:
				t.Errorf("key %d: %d was accepted before %d", data.Key, data.N, want)
			}
			if data.Key != 0 && !stuckSince.IsZero() && time.Since(stuckSince) < 10*time.Second {
				others++
			}
		})
		w := r.webhook(ep, func(s *webhook.Settings) {
			s.Ordering = webhook.OrderingFIFO
			s.Retry = webhook.Retry{Attempts: 50, Waits: []time.Duration{2 * time.Second}}
		})
		for n := range perKey {
			var raw []string
			for k := range keys {
				raw = append(raw, fmt.Sprintf(`{"type":"a","key":"k%d","data":{"key":%d,"n":%d}}`, k, k, n))
			}
			r.publish(raw...)
			if n == 20 || n == 40 {
				r.restart()
			}
		}
		for range 120 {
			time.Sleep(time.Minute)
			mu.Lock()
			done := 0
			for _, n := range next {
				done += n
			}
			mu.Unlock()
			if done == keys*perKey {
				break
			}
		}
		mu.Lock()
		for k := range keys {
			if next[k] != perKey {
				t.Errorf("key %d: %d accepted, want %d", k, next[k], perKey)
			}
		}
		if others < keys {
			t.Errorf("%d deliveries of other keys while one was stuck, want them to go on", others)
		}
		mu.Unlock()
		time.Sleep(time.Second)
		for _, s := range mustSummaries(t, r) {
			t.Errorf("%d rows still owed to webhook %d of %d", s.Count, s.Webhook, w.Number)
		}
		r.end()
	})
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(nil)
		r.webhook(ep, func(s *webhook.Settings) { s.RateLimit = &webhook.RateLimit{PerSecond: 20, Burst: 5} })
		begin := time.Now()
		r.publishMany("a", 1000)
		time.Sleep(2 * time.Minute)
		perSecond := make(map[int]int)
		for _, q := range ep.requests() {
			perSecond[int(q.at.Sub(begin).Seconds())]++
		}
		for second, n := range perSecond {
			if limit := 20 + 5; n > limit {
				t.Errorf("%d requests in second %d, want at most %d", n, second, limit)
			}
		}
		got := ep.requests()
		if len(got) != 1000 {
			t.Fatalf("%d requests, want 1,000", len(got))
		}
		if took := got[999].at.Sub(begin); took < 49*time.Second || took > 53*time.Second {
			t.Errorf("1,000 deliveries at 20 a second took %v, want about 50 s", took)
		}
		r.end()
	})
}

func TestMaintenanceWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(nil)
		begin := time.Now()
		from, to := begin.Add(time.Hour), begin.Add(30*time.Hour) // longer than the policy's maximum age
		w := r.webhook(ep, func(s *webhook.Settings) {
			s.Maintenance = []webhook.Window{{From: from, To: to.Add(-time.Hour)}, {From: to.Add(-time.Hour), To: to}}
		})
		r.publish(`{"type":"a","data":"before"}`)
		time.Sleep(2 * time.Hour)
		const n = 10_000
		r.publishMany("a", n)
		held := r.publish(`{"type":"a","data":"held"}`)[0]
		time.Sleep(time.Minute)
		if d := r.delivery(held, w); d.State != delivery.StateHeld || d.NextAt.Before(to) {
			t.Errorf("in the window: %+v, want held until %v", d, to)
		}
		r.restart()
		time.Sleep(time.Until(to) - time.Second)
		if got := ep.count(); got != 1 {
			t.Errorf("%d requests before the window's end, want the one before it", got)
		}
		time.Sleep(time.Hour)
		got := ep.requests()[1:]
		if len(got) != n+1 {
			t.Fatalf("%d requests after the window, want %d", len(got), n+1)
		}
		first, early := 0, 0
		settled, highest := 0, "" // requests of more than a second ago, and the highest of their ids
		for i, q := range got {
			if q.at.Before(to) {
				early++
			}
			if q.at.Sub(to) < time.Second {
				first++
			}
			// Several attempts are under way at a time, so those of the same second may change places.
			for ; q.at.Sub(got[settled].at) > time.Second; settled++ {
				highest = max(highest, got[settled].envelope(t).WebhookID)
			}
			if id := q.envelope(t).WebhookID; id < highest {
				t.Errorf("request %d: %s came more than a second after %s, want them in order of time", i, id, highest)
				break
			}
		}
		if early > 0 || first > 10 {
			t.Errorf("%d requests inside the window and %d in the second after it, want none, and a ramp", early, first)
		}
		r.end()
	})
}
