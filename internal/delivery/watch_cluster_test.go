//go:build unix

package delivery_test

import (
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// TestWatchSeesOtherNodes watches at one node what all three deliver: each attempt once.
func TestWatchSeesOtherNodes(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 3, 0)
	e := c.net.endpoint(nil)
	c.webhook(e)
	w := c.nodes[0].engine.Watch(delivery.LogQuery{Tenant: event.DefaultTenant})
	defer w.Close()
	got := map[event.ID]int{}
	for round := range 3 {
		for _, n := range c.nodes {
			n.publish(t, `{"type":"a.b","data":1}`)
		}
		want := 3 * (round + 1)
		took := c.await("the attempts of all nodes", func() bool {
			list, dropped := w.Take()
			if dropped != 0 {
				t.Fatalf("%d attempts were dropped", dropped)
			}
			for _, a := range list {
				got[a.ID]++
			}
			return len(got) >= want
		})
		if took > 5*time.Second {
			t.Errorf("other nodes' attempts were seen after %v, want within 2s; a busy machine is given more", took)
		}
	}
	nodes := map[int]bool{}
	for id, times := range got {
		nodes[id.Node()] = true
		if times != 1 {
			t.Errorf("the attempt %v was seen %d times", id, times)
		}
	}
	if len(got) != 9 || len(nodes) != 3 {
		t.Errorf("got %d attempts of %d nodes, want 9 of 3", len(got), len(nodes))
	}
}
