package delivery

import (
	"sync"
	"sync/atomic"
)

// slots bounds the attempts under way over all lanes, and shares them by
// turns: a lane that finds none waits, and while one waits, workers give theirs
// up after each attempt. Endpoints in doubt, those that have not answered well
// yet or not lately, may take three quarters of them at most, so that however
// many hang, the others get on.
type slots struct {
	mu      sync.Mutex
	free    [2]int // slots that each class may still take
	shared  int    // what both together may
	total   int
	waiting [2][]*lane

	used    atomic.Int64
	waiters atomic.Int64
}

// class is how an endpoint has answered so far.
type class uint8

const (
	proven   class = iota // its last attempt succeeded
	unproven              // it failed, or was never tried
)

func (s *slots) init(n int) {
	s.total, s.shared = n, n
	s.free = [2]int{proven: n, unproven: max(1, n*3/4)}
}

// take takes a slot for the lane, or queues the lane for one.
func (s *slots) take(l *lane, c class) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared > 0 && s.free[c] > 0 {
		s.shared--
		s.free[c]--
		s.used.Add(1)
		return true
	}
	if !l.starving {
		l.starving = true
		s.waiting[c] = append(s.waiting[c], l)
		s.waiters.Add(1)
	}
	return false
}

// give returns a slot; the caller starts the lane that is returned, if any.
func (s *slots) give(c class) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shared++
	s.free[c]++
	s.used.Add(-1)
	for c := proven; c <= unproven; c++ {
		if q := s.waiting[c]; len(q) > 0 && s.free[c] > 0 {
			l := q[0]
			q[0] = nil
			s.waiting[c] = q[1:]
			s.waiters.Add(-1)
			l.starving = false
			return l
		}
	}
	return nil
}

// contended reports whether a lane waits for a slot.
func (s *slots) contended() bool { return s.waiters.Load() > 0 }

// scarce reports whether slots begin to run out: endpoints in doubt then get
// one at most.
func (s *slots) scarce() bool { return s.used.Load()*8 > int64(s.total) }

// busy returns how many attempts at a time an endpoint is granted though it
// gets slower by them: fewer, the more are under way over all.
func (s *slots) busy() float64 {
	used := s.used.Load()
	if used <= busyTotal {
		return busyConcurrency
	}
	return max(1, float64(busyConcurrency*busyTotal/used))
}
