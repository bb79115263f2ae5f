//go:build linux

package faulttest

import (
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/testenv"
)

// TestOrderOverNodes is TestOrder with three servers that accept events in turn and are killed one
// after the other: each key's events must be accepted in order whichever server has them.
func TestOrderOverNodes(t *testing.T) {
	events := count(t, "RELAY_FAULT_ORDERED", 15_000, 2_000) / orderKeys * orderKeys
	kills := count(t, "RELAY_FAULT_KILLS", 6, 2)
	c := newServers(t, pgtest.Start(t).Database(t), 3)
	o := newOrdered(t)
	id := o.webhook(t, c.relay)
	for _, r := range c.nodes {
		c.knowsAll(r, id)
	}
	stop, published := make(chan struct{}), make(chan error, 1)
	t.Cleanup(func() { close(stop) })
	begun := time.Now()
	anyone := func() *client.Client { return c.anyone().api }
	go func() { published <- publishOrdered(anyone, events, stop) }() // ends with the test at the latest
	for n := range kills {
		o.reach(t, c.nodes, events*(n+1)/(kills+2))
		r := c.nodes[c.rng.IntN(len(c.nodes))]
		stalled := watchStalls(t)
		time.Sleep(time.Duration(c.rng.Int64N(int64(50 * time.Millisecond))))
		l := r.life()
		l.kill()
		c.hist.kills = append(c.hist.kills, kill{from: l.doomed, until: l.ended, window: orderWindow + stalled()})
		r.start()
	}
	perKey := events / orderKeys
	o.reach(t, c.nodes, events-perKey+stuckAt)
	if err := <-published; err != nil {
		t.Fatal(err)
	}
	o.release()
	o.reach(t, c.nodes, events)
	took := time.Since(begun)
	waitFor(t, "all intakes to be closed", patience, c.closed)
	for _, r := range c.nodes {
		r.stop()
	}
	repeats, wrong := o.check(perKey, c.hist.kills)
	testenv.Report(t, testenv.Figures{Faults: kills, Accepted: events, Repeated: repeats})
	t.Logf("%d events of %d keys in %v: %d requests, %d repeats at %d kills", events, orderKeys,
		took.Round(time.Millisecond), len(o.requests), repeats, kills)
	for _, complaint := range wrong {
		t.Error(complaint)
	}
}
