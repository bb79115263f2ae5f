//go:build unix

package delivery_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/webhook"
)

// TestClocksOfNodes has the clocks of one of three nodes, or of all, be wrong for a while, set right, or gone with their
// node: nothing may wait for as long as a clock was wrong, and events of a key stay in order.
func TestClocksOfNodes(t *testing.T) {
	defer delivery.SetClockPace(300 * time.Millisecond)()
	tests := []struct {
		name  string
		wrong []time.Duration // of each node
		dies  bool            // the first node is never set right
	}{
		{"one ahead", []time.Duration{time.Hour, 0, 0}, false},
		{"one behind", []time.Duration{-10 * time.Minute, 0, 0}, false},
		{"all ahead", []time.Duration{time.Hour, time.Hour, time.Hour}, false},
		{"one ahead, another behind", []time.Duration{10 * time.Minute, -10 * time.Minute, 0}, false},
		{"one ahead that dies", []time.Duration{20 * time.Minute, 0, 0}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &cluster{t: t, url: pgtest.Shared(t).Database(t), lease: time.Second, net: newPipeNet()}
			t.Cleanup(func() {
				for _, n := range c.nodes {
					n.stop(t)
				}
				c.net.close()
			})
			for range tt.wrong {
				c.clocks = append(c.clocks, new(setClock))
			}
			for range tt.wrong {
				c.add()
			}
			var failing atomic.Bool
			failing.Store(true)
			answer := func(_ int, w http.ResponseWriter, _ *http.Request) {
				if failing.Load() {
					w.WriteHeader(http.StatusInternalServerError)
				}
			}
			retry := func(s *webhook.Settings) {
				s.Retry = webhook.Retry{Attempts: 50, Waits: []time.Duration{2 * time.Second}}
			}
			endpoints := []*endpoint{c.net.endpoint(nil), c.net.endpoint(answer), c.net.endpoint(answer), c.net.endpoint(nil)}
			fifo := func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO }
			c.webhook(endpoints[0], retry, fifo)
			c.webhook(endpoints[1], retry, fifo)
			c.webhook(endpoints[2], retry)
			c.webhook(endpoints[3], retry, func(s *webhook.Settings) {
				s.Batch = &webhook.Batch{MaxEvents: 50, MaxWait: 2 * time.Second, MaxBytes: 1 << 20}
			})
			var sent []event.Event
			publish := func(nodes []*clusterNode, n int) {
				for i := range n {
					sent = append(sent, nodes[i%len(nodes)].publish(t, fmt.Sprintf(`{"type":"a.b","key":"k%d","data":%d}`, i%2, len(sent))))
				}
			}
			publish(c.nodes, 3)
			for i, d := range tt.wrong {
				c.clocks[i].set(d)
			}
			publish(c.nodes, 9)
			time.Sleep(600 * time.Millisecond) // so that attempts fail by the wrong clocks
			left := c.nodes
			if tt.dies {
				c.nodes[0].stop(t)
				left = c.nodes[1:]
			} else {
				for i := range tt.wrong {
					c.clocks[i].set(0)
				}
			}
			publish(left, 6)
			failing.Store(false)
			for i, e := range endpoints {
				c.await(fmt.Sprintf("all deliveries to endpoint %d", i), func() bool {
					if i == 3 {
						return batched(t, e) == len(sent)
					}
					return len(e.ids(t)) == len(sent)
				})
			}
		})
	}
}

// batched returns how many deliveries the batches had that an endpoint got.
func batched(t *testing.T, e *endpoint) int {
	t.Helper()
	seen := make(map[string]bool)
	for _, q := range e.requests() {
		var items []envelope
		if err := json.Unmarshal(q.body, &items); err != nil {
			t.Fatal(err)
		}
		for _, v := range items {
			seen[v.WebhookID] = true
		}
	}
	return len(seen)
}
