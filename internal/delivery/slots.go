package delivery

import (
	"sync"
	"sync/atomic"

	"github.com/relay-events/relay/internal/event"
)

// slots bounds the attempts under way over all lanes, and shares them: a lane
// that finds none waits in turn, and while one waits, lanes that use several
// give theirs up.
type slots struct {
	mu      sync.Mutex
	free    int
	total   int
	waiting []*lane

	used    atomic.Int64
	waiters atomic.Int64
}

func (s *slots) init(n int) { s.free, s.total = n, n }

// take takes a slot for the lane, or queues the lane for one.
func (s *slots) take(l *lane) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free > 0 {
		s.free--
		s.used.Add(1)
		return true
	}
	if !l.starving {
		l.starving = true
		s.waiting = append(s.waiting, l)
		s.waiters.Store(int64(len(s.waiting)))
	}
	return false
}

// give returns a slot; the caller starts the lane that is returned, if any.
func (s *slots) give() *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	s.used.Add(-1)
	if len(s.waiting) == 0 {
		return nil
	}
	l := s.waiting[0]
	s.waiting[0] = nil
	s.waiting = s.waiting[1:]
	s.waiters.Store(int64(len(s.waiting)))
	l.starving = false
	return l
}

// contended reports whether a lane waits for a slot.
func (s *slots) contended() bool { return s.waiters.Load() > 0 }

// scarce reports whether slots begin to run out: endpoints in doubt then get
// one at most.
func (s *slots) scarce() bool { return s.used.Load()*8 > int64(s.total) }

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
