//go:build linux

package faulttest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/testenv"
	"github.com/relay-events/relay/receiver"
)

// batchRecorder is an endpoint for batches. It refuses every third batch twice.
type batchRecorder struct {
	verify *receiver.Receiver

	mu       sync.Mutex // guards the fields below
	bodies   map[string]string
	requests map[string]int      // by batch
	across   map[string]int      // kills that happened between two requests of a batch
	life     int                 // kills so far
	last     map[string]int      // the number of kills at a batch's last request
	done     map[string]struct{} // accepted tokens
	wrong    []string
}

func (r *batchRecorder) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(in.Body)
	if err != nil {
		return // the sender died while sending: not a complete request
	}
	id := in.Header.Get("X-Relay-Delivery")
	var list []envelope
	bad := json.Unmarshal(body, &list)
	r.mu.Lock()
	if err := r.verify.Verify(in.Header, body); bad != nil || err != nil {
		r.wrong = append(r.wrong, fmt.Sprintf("a request that is no signed batch: %v, %v", bad, err))
	}
	if len(list) > 50 || strconv.Itoa(len(list)) != in.Header.Get("X-Relay-Batch") {
		r.wrong = append(r.wrong, fmt.Sprintf("a batch of %d events that says it has %s, want at most 50", len(list), in.Header.Get("X-Relay-Batch")))
	}
	if before, again := r.bodies[id]; again && before != string(body) {
		r.wrong = append(r.wrong, fmt.Sprintf("batch %s came with two bodies, of %d and %d bytes", id, len(before), len(body)))
	} else if again {
		r.across[id] += r.life - r.last[id]
	}
	r.bodies[id], r.last[id] = string(body), r.life
	r.requests[id]++
	refuse := r.requests[id] <= 2 && len(r.bodies)%3 == 0
	r.mu.Unlock()
	time.Sleep(20 * time.Millisecond)
	if refuse {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.WriteHeader(http.StatusOK)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range list {
		r.done[e.Data.Token] = struct{}{}
	}
}

// TestKillBetweenBatches kills the server repeatedly while events go out in batches, some of which
// are refused at first. No event may be lost, and a repeated batch must be byte for byte the same
// under its id.
func TestKillBetweenBatches(t *testing.T) {
	r := newRelay(t, filepath.Join(t.TempDir(), "data"))
	r.start()
	killBetweenBatches(t, newPublishers(r), r)
	intact(t, r.dir)
}

// TestKillBetweenBatchesOfNodes is TestKillBetweenBatches with two servers that share a database
// and are killed in turn.
func TestKillBetweenBatchesOfNodes(t *testing.T) {
	c := newServers(t, pgtest.Start(t).Database(t), 2)
	killBetweenBatches(t, c.pubs, c.nodes...)
}

// killBetweenBatches kills servers under load, and stops them at the end.
func killBetweenBatches(t *testing.T, pubs *publishers, servers ...*relay) {
	kills := count(t, "RELAY_FAULT_KILLS", 8, 4)
	r := servers[0]
	rec := &batchRecorder{
		bodies: make(map[string]string), requests: make(map[string]int), across: make(map[string]int),
		last: make(map[string]int), done: make(map[string]struct{}),
	}
	server := httptest.NewServer(rec)
	defer server.Close()
	wait := client.Duration(time.Second)
	made, err := r.api.CreateWebhook(context.Background(), client.CreateWebhook{
		URL: server.URL, Events: client.Set([]string{"load.*"}),
		Batch: client.Set(client.BatchFields{MaxEvents: client.Set(50), MaxWait: client.Set(client.Duration(100 * time.Millisecond)), MaxBytes: client.Set(1 << 20)}),
		Retry: client.Set(client.RetryFields{Attempts: client.Set(50), Waits: client.Set([]client.Duration{wait}), MaxAge: client.Set(client.Duration(time.Hour))}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if rec.verify, err = receiver.New(receiver.Config{Secrets: []string{made.Secret}}); err != nil {
		t.Fatal(err)
	}
	for _, other := range servers[1:] {
		waitFor(t, "a server to know the webhook", patience, func() error {
			_, err := other.api.GetWebhook(context.Background(), made.ID)
			return err
		})
	}
	pubs.run(t, seeded(t), 4)
	for n := range kills {
		time.Sleep(700 * time.Millisecond)
		r := servers[n%len(servers)]
		r.running()
		r.life().kill()
		rec.mu.Lock()
		rec.life++
		rec.mu.Unlock()
		r.start()
	}
	time.Sleep(300 * time.Millisecond)
	pubs.halt()
	acked := pubs.acked(&hook{name: "all"})
	waitFor(t, "delivering what was acknowledged", patience, func() error {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		n, one := 0, ""
		for _, token := range acked {
			if _, ok := rec.done[token]; !ok {
				n, one = n+1, token
			}
		}
		if n > 0 {
			return fmt.Errorf("%d of %d events are missing, among them %s", n, len(acked), one)
		}
		return nil
	})
	waitFor(t, "settling what is owed", patience, func() error {
		for _, state := range []string{"inFlight", "waiting"} {
			if n, err := r.deliveries(state); err != nil || n > 0 {
				return fmt.Errorf("%d deliveries are %s (%v)", n, state, err)
			}
		}
		return nil
	})
	for _, r := range servers {
		r.stop()
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, complaint := range rec.wrong {
		t.Error(complaint)
	}
	survived := 0
	for _, n := range rec.across {
		if n > 0 {
			survived++
		}
	}
	if len(acked) == 0 || survived == 0 {
		t.Errorf("the run shows nothing: %d events in %d batches, of which %d were tried again after a kill", len(acked), len(rec.bodies), survived)
	}
	testenv.Report(t, testenv.Figures{Faults: kills, Accepted: len(acked)}) // none is lost, or the wait above fails
	t.Logf("%d kills: %d events acknowledged, %d batches, %d of them tried again after a kill", kills, len(acked), len(rec.bodies), survived)
}
