package user

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

const (
	// freeFailures may happen before anybody waits: a person who mistypes.
	freeFailures = 5
	// firstWait follows the failure that is not free any longer; each further one doubles it, up to longestWait. It is not
	// longer, so that nobody can lock somebody out of their account by failing in their name.
	firstWait   = time.Second
	longestWait = 15 * time.Minute
	// forgetAfter is how long after its last failure an account or address begins anew.
	forgetAfter = time.Hour
	// throttleSlots bounds what is remembered: 24 bytes each, 1.5 MiB for accounts and addresses together.
	throttleSlots = 1 << 15
)

// throttle counts failures by name. Names share a fixed number of slots by a hash that only the process knows: whoever
// makes up names cannot push others out of its memory, nor aim at somebody's slot. It is safe for concurrent use.
type throttle struct {
	seed maphash.Seed

	mu    sync.Mutex
	slots []slot // guarded by mu
}

type slot struct {
	failures int32
	last     int64 // unix milliseconds
	until    int64
}

func newThrottle() *throttle {
	return &throttle{seed: maphash.MakeSeed(), slots: make([]slot, throttleSlots)}
}

func (t *throttle) slotLocked(name string) *slot {
	return &t.slots[maphash.String(t.seed, name)%throttleSlots]
}

// wait returns how long the name must not try; zero: it may.
func (t *throttle) wait(name string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	// The bound holds even if the clock was set back.
	return min(max(time.Duration(t.slotLocked(name).until-now.UnixMilli())*time.Millisecond, 0), longestWait)
}

// fail counts a failure of the name and returns how many that makes.
func (t *throttle) fail(name string, now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ms := t.slotLocked(name), now.UnixMilli()
	if ms-s.last > forgetAfter.Milliseconds() {
		*s = slot{}
	}
	s.failures++
	s.last = ms
	if over := s.failures - freeFailures; over >= 0 {
		pause := longestWait
		if over < 10 { // 2^10 s is longer already
			pause = min(firstWait<<over, longestWait)
		}
		s.until = ms + pause.Milliseconds()
	}
	return int(s.failures)
}

// forgive forgets the failures of the name.
func (t *throttle) forgive(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*t.slotLocked(name) = slot{}
}

// addressName returns the name of a client: an IPv4 address, or the first 64 bits of an IPv6 address, of which a client
// has as many as it likes.
func addressName(a netip.Addr) string {
	if a = a.Unmap().WithZone(""); a.Is6() {
		a = netip.PrefixFrom(a, 64).Masked().Addr()
	}
	return a.String()
}
