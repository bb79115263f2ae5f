package e2etest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// The load of TestHangingEndpoint: moderate, and open-loop, so that a slow answer does not delay
// the next request and counts as slow.
const (
	goodEndpoints = 4
	eventsASecond = 200 // half of them for the good endpoints, half for the other one
	phaseEvents   = 800
	// noise is the p99 below which a ratio is meaningless: if others use the machine's cores as
	// well, a phase's p99 is how long its threads waited for one. Sharing any resource with the
	// hanging endpoint costs a hundred times that.
	noise = 20 * time.Millisecond
	ratio = 1.5
	// Minimum number of pairs of phases, and maximum if the machine is too uneven to decide.
	minPairs, maxPairs = 2, 8
)

// pairOfPhases measures how long events take to reach endpoints, without and with concurrent work
// that must not slow them. It fails if the least p99 with that work is more than times the least
// p99 without, and above noise, and likewise for the p50 and noise50.
//
// The phases alternate, and of each kind the least disturbed one counts: other programs on the
// machine disturb some phases, while the concurrent work affects every one of its phases.
func pairOfPhases(t *testing.T, times float64, noise50, noise time.Duration, without, with load) {
	t.Helper()
	var calm, beside percentile
	least := func(best *percentile, p percentile, pair int) {
		if pair == 1 {
			*best = p
		}
		best.p50, best.p99 = min(best.p50, p.p50), min(best.p99, p.p99)
	}
	for pair := 1; pair <= maxPairs; pair++ {
		a, b := percentiles(measurePhase(t, without)), percentiles(measurePhase(t, with))
		t.Logf("pair %d, publish to arrival: without p50 %v p99 %v; with p50 %v p99 %v", pair, a.p50, a.p99, b.p50, b.p99)
		least(&calm, a, pair)
		least(&beside, b, pair)
		limit50, limit := max(time.Duration(times*float64(calm.p50)), noise50), max(time.Duration(times*float64(calm.p99)), noise)
		switch {
		case pair < minPairs:
		case testenv.Race || beside.p99 <= limit && beside.p50 <= limit50: // the race detector's own delays make the figures meaningless
			t.Logf("least p99: %v without, %v with, ratio %.2f", calm.p99, beside.p99, float64(beside.p99)/float64(calm.p99))
			return
		case pair == maxPairs:
			t.Errorf("least p50 and p99: got %v and %v, want at most %v and %v (%.1f times %v and %v, but no less than %v and %v)",
				beside.p50, beside.p99, limit50, limit, times, calm.p50, calm.p99, noise50, noise)
		}
	}
}

// TestHangingEndpoint measures how long events take to reach healthy endpoints, without and with
// another endpoint that receives half of all events and hangs on every request.
func TestHangingEndpoint(t *testing.T) {
	release := make(chan struct{})
	bad := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer bad.Close()
	defer close(release)
	pairOfPhases(t, ratio, noise, noise, load{}, load{beside: func(r *relay) { r.webhook(`{"url":"` + bad.URL + `","events":["load.bad"]}`) }})
}

// load configures a relay while events to good endpoints are timed.
type load struct {
	transform string         // of half the good endpoints
	beside    func(r *relay) // sets up the work that must not slow them; may be nil
	began     func(r *relay) // called after the good endpoints are warmed up and before the load; may be nil
	ended     func(r *relay) // called after the load; may be nil
}

type percentile struct{ p50, p99 time.Duration }

func percentiles(list []time.Duration) percentile {
	list = slices.Sorted(slices.Values(list))
	at := func(p int) time.Duration { return list[min(len(list)*p/100, len(list)-1)].Round(10 * time.Microsecond) }
	return percentile{at(50), at(99)}
}

// measurePhase runs a relay under the load and returns how long each event took from its due time
// of publication to its arrival at a good endpoint.
func measurePhase(t *testing.T, l load) []time.Duration {
	r := startRelay(t)
	const warmUp = 100
	arrived := make(chan struct{}, warmUp+phaseEvents)
	var mu sync.Mutex
	arrivals := make(map[int]time.Time)
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		now := time.Now()
		body, _ := io.ReadAll(req.Body)
		_, rest, _ := strings.Cut(string(body), `"n":`)
		digits, _, _ := strings.Cut(rest, ",")
		n, err := strconv.Atoi(digits)
		if err != nil {
			t.Errorf("a good endpoint got %s, want a number in it", body)
		}
		mu.Lock()
		arrivals[n] = now
		mu.Unlock()
		arrived <- struct{}{}
	}))
	defer good.Close()
	for i := range goodEndpoints {
		transform := ""
		if i%2 == 1 {
			transform = l.transform
		}
		r.webhook(fmt.Sprintf(`{"url":"%s/%d","events":["load.good%d"],"transform":%q}`, good.URL, i, i, transform))
	}
	if l.beside != nil {
		l.beside(r)
	}

	padding := strings.Repeat("x", 500)
	event := func(n int) string {
		to := "bad" // without a subscriber if there is no hanging endpoint, so the load is the same
		if n%2 == 0 {
			to = "good" + strconv.Itoa(n/2%goodEndpoints)
		}
		return fmt.Sprintf(`{"type":"load.%s","data":{"n":%d,"padding":%q}}`, to, n, padding)
	}
	wait := func(n int) {
		t.Helper()
		deadline := time.After(patience)
		for range n {
			select {
			case <-arrived:
			case <-deadline:
				t.Fatalf("not all of %d events have arrived within %v", n, patience)
			}
		}
	}
	for n := range warmUp {
		r.publish(event(phaseEvents + 2*n)) // good ones, so that connections and tables exist afterwards
	}
	wait(warmUp)
	if l.began != nil {
		l.began(r)
	}

	began := time.Now()
	due := func(n int) time.Time { return began.Add(time.Duration(n) * time.Second / eventsASecond) }
	var publishers sync.WaitGroup
	for n := range phaseEvents {
		time.Sleep(time.Until(due(n)))
		publishers.Go(func() {
			if a, err := r.try("POST", "/v1/events", event(n)); err != nil || a.status != 202 {
				t.Errorf("publishing: got %d %s, %v, want 202", a.status, a.body, err)
			}
		})
	}
	publishers.Wait()
	wait(phaseEvents / 2)
	if l.ended != nil {
		l.ended(r)
	}
	r.stop()

	mu.Lock()
	defer mu.Unlock()
	var took []time.Duration
	for n := 0; n < phaseEvents; n += 2 {
		took = append(took, arrivals[n].Sub(due(n)))
	}
	return took
}
