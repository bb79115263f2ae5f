package delivery

import (
	"sync"
	"sync/atomic"

	"github.com/relay-events/relay/internal/event"
)

// canceledSet holds deliveries that a person canceled while they were in
// memory, until a worker comes upon them.
type canceledSet struct {
	mu  sync.Mutex
	set map[event.DeliveryID]struct{}
	n   atomic.Int64 // len(set), so that the hot path need not lock
}

func (c *canceledSet) add(d event.DeliveryID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set == nil {
		c.set = make(map[event.DeliveryID]struct{})
	}
	c.set[d] = struct{}{}
	c.n.Store(int64(len(c.set)))
}

// take reports whether the delivery was canceled, and forgets it.
func (c *canceledSet) take(d event.DeliveryID) bool {
	if c.n.Load() == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.set[d]
	delete(c.set, d)
	c.n.Store(int64(len(c.set)))
	return ok
}

func (c *canceledSet) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.set)
	c.n.Store(0)
}
