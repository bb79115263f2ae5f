//go:build linux

package faulttest

import (
	"net/http"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/store/postgres/pgtest"
)

// TestRollingRestarts restarts two servers that share a database in turn, under load, as an upgrade
// does: the load balancer sends a server nothing new before it is stopped. No publication fails, no
// delivery is made twice, and each server ends in time.
func TestRollingRestarts(t *testing.T) {
	restarts := count(t, "RELAY_FAULT_RESTARTS", 4, 2)
	const limit = 10*time.Second + time.Second // the default of shutdownTimeout, and a second
	c := newCluster(t, pgtest.Start(t).Database(t), 2)
	c.pubs.run(t, c.rng, 6)
	begun := time.Now()
	var slowest time.Duration
	for n := range restarts {
		time.Sleep(200*time.Millisecond + time.Duration(c.rng.Int64N(int64(300*time.Millisecond))))
		r := c.nodes[n%len(c.nodes)]
		r.running()
		c.without(r)
		stopped := time.Now()
		r.stop()
		took := r.life().ended.Sub(stopped)
		if slowest = max(slowest, took); took > limit {
			t.Errorf("restart %d: the server ended %v after SIGTERM, want within %v", n+1, took, limit)
		}
		r.begin() // other tests check how soon it is ready
		c.knows(r)
		c.without()
	}
	failed := make(map[int]int)
	for _, a := range c.pubs.between(begun, time.Now()) {
		if a.status != http.StatusAccepted {
			failed[a.status]++
		}
	}
	if len(failed) > 0 {
		t.Errorf("publishing failed with these statuses (status: count): %v, want 202 each time", failed)
	}
	f := c.finish()
	f.report(t, restarts, 0)
	if f.duplicates > 0 {
		t.Errorf("%d deliveries were made twice, want none", f.duplicates)
	}
	t.Logf("%d restarts, a server ended within %v; %v", restarts, slowest.Round(time.Millisecond), f)
}
