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

// The load of TestHangingEndpoint: moderate, and open-loop, so that a slow answer does not slow the next request and
// what is slow is counted as slow.
const (
	goodEndpoints = 4
	eventsASecond = 200 // half of them for the good endpoints, half for the other one
	phaseEvents   = 800
	// noise is the p99 below which no ratio says anything: on a machine whose cores others use, too, a phase's p99 is
	// how long its threads waited for one. Sharing anything with the hanging endpoint costs a hundred times that.
	noise = 20 * time.Millisecond
	ratio = 1.5
	// Pairs of phases: so many at least, and so many at most when the machine is too uneven to tell.
	minPairs, maxPairs = 2, 8
)

// pairOfPhases measures how long events take to reach endpoints, without and with something beside them that must not slow
// them. It fails if the least p99 with it is above times that without, and above noise, or the least p50 is above times that
// without, and above noise50. The phases are interleaved, and of each sort
// the one that the rest of the machine disturbed least counts: what a neighbour does to one phase it does not do to all, and what
// the thing beside them does it does to every one of its phases.
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
		case testenv.Race || beside.p99 <= limit && beside.p50 <= limit50: // the race detector's own delays say nothing
			t.Logf("least p99: %v without, %v with, ratio %.2f", calm.p99, beside.p99, float64(beside.p99)/float64(calm.p99))
			return
		case pair == maxPairs:
			t.Errorf("least p50 and p99: got %v and %v, want at most %v and %v (%.1f times %v and %v, but no less than %v and %v)",
				beside.p50, beside.p99, limit50, limit, times, calm.p50, calm.p99, noise50, noise)
		}
	}
}

// TestHangingEndpoint measures how long events take to reach healthy endpoints, without and with another endpoint that
// receives half of all events and hangs on every request.
func TestHangingEndpoint(t *testing.T) {
	release := make(chan struct{})
	bad := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer bad.Close()
	defer close(release)
	pairOfPhases(t, ratio, noise, noise, load{}, load{beside: func(r *relay) { r.webhook(`{"url":"` + bad.URL + `","events":["load.bad"]}`) }})
}

// load is what is done to a relay while events to good endpoints are timed.
type load struct {
	transform string         // of half the good endpoints
	beside    func(r *relay) // sets up what must not slow them; may be nil
	began     func(r *relay) // is called when the good endpoints have been warmed up, before the load; may be nil
	ended     func(r *relay) // is called after it; may be nil
}

type percentile struct{ p50, p99 time.Duration }

func percentiles(list []time.Duration) percentile {
	list = slices.Sorted(slices.Values(list))
	at := func(p int) time.Duration { return list[min(len(list)*p/100, len(list)-1)].Round(10 * time.Microsecond) }
	return percentile{at(50), at(99)}
}

// measurePhase runs a relay under the load and returns how long each event took from the moment it was to be published
// to its arrival at a good endpoint.
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
		to := "bad" // nobody's, where nothing hangs: the load is the same
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
		r.publish(event(phaseEvents + 2*n)) // good ones; connections and tables are there afterwards
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
