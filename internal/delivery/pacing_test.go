package delivery_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/ledger"
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
		// Answering takes time, so that in one instant each worker sends one request: no worker is passed over.
		ep := r.net.endpoint(func(int, http.ResponseWriter, *http.Request) { time.Sleep(time.Millisecond) })
		const together = 16
		begin := time.Now()
		from, to := begin.Add(time.Hour), begin.Add(30*time.Hour) // longer than the policy's maximum age
		w := r.webhook(ep, func(s *webhook.Settings) {
			s.MaxConcurrency = together
			s.Maintenance = []webhook.Window{{From: from, To: to.Add(-time.Hour)}, {From: to.Add(-time.Hour), To: to}}
		})
		r.publish(`{"type":"a","data":"before"}`)
		time.Sleep(2 * time.Hour)
		const n = 10_000
		r.publishMany("a", n)
		held := r.publish(`{"type":"a","data":"held"}`)[0]
		time.Sleep(time.Minute)
		if d := r.delivery(held, w); d.State != ledger.StateHeld || d.NextAt.Before(to) {
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
		early := 0
		perSecond := make([]int, 6)
		rank := make(map[string]int, len(got)) // of the ids, which count up with the time of acceptance
		for _, q := range got {
			rank[q.envelope(t).WebhookID] = 0
			if q.at.Before(to) {
				early++
			} else if second := int(q.at.Sub(to).Seconds()); second < len(perSecond) {
				perSecond[second]++
			}
		}
		for i, id := range slices.Sorted(maps.Keys(rank)) {
			rank[id] = i
		}
		if early > 0 || len(rank) != n+1 {
			t.Errorf("%d requests inside the window, and %d deliveries in all, want none and %d", early, len(rank), n+1)
		}
		// It begins with 8 a second, which double each second: see pace.go. A burst of 50 ms comes on top of that.
		for second, n := range perSecond {
			if limit := 10 << second; n > limit || n == 0 {
				t.Errorf("%d requests in second %d after the window, want 1 to %d: %v", n, second, limit, perSecond)
			}
		}
		// Attempts that are under way together may arrive in any order, and no others.
		for i, q := range got {
			if at := rank[q.envelope(t).WebhookID]; at <= i-together || at >= i+together {
				t.Errorf("request %d is for the delivery that is number %d by time, want them in order", i, at)
				break
			}
		}
		r.end()
	})
}
