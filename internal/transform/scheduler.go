package transform

import (
	"context"
	"crypto/sha256"
	"math"
	"runtime"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/event"
)

type scriptKey = [sha256.Size]byte

// scheduler assigns slots, the rights to use an instance. Scripts with waiting runs take slots in
// rotation, regardless of how many runs each has waiting. The script of the tenant with the least
// recent processor time goes first.
//
// A run gets low priority if its script is not proven (it has not run yet, ended badly last time,
// or is usually slow), if it only checks a script that is being saved, or if its tenant has used up
// its share of the processors. Low-priority runs leave at least one slot to the others, if there
// are two, and run on threads of the lowest priority.
//
// Among low-priority runs, scripts that ended badly go last. After a run that ended badly, none of
// these gets a slot for as long as the run took. Together they therefore keep at most half of a
// core busy, however many they are.
type scheduler struct {
	mu         sync.Mutex
	free       int
	low        int // slots used by low-priority runs
	maxLow     int // upper limit of low
	total      int
	waiting    int
	maxWaiting int // maximum number of waiting runs
	order      []*queue
	queues     map[user]*queue
	slow       time.Duration // a script that usually takes longer is not proven
	records    map[scriptKey]record
	cooldown   time.Time     // until then, no script that ended badly gets a slot
	timer      *time.Timer   // ends the cooldown; nil before the first
	drained    chan struct{} // closed when the scheduler is shut down and all slots are free; nil while it is open

	// allowance is the number of processors that all runs together may keep busy at normal
	// priority. Tenants share it equally, and so do the scripts of a tenant.
	allowance float64
	normal    usage // processor time used at normal priority
	usedBy    map[event.TenantID]*tenantUsage
}

// tenantUsage is the processor time used by a tenant's runs.
type tenantUsage struct{ all, normal usage }

// user identifies a requester of slots.
type user struct {
	tenant event.TenantID
	key    scriptKey
	saving bool // the script is being saved, not run for an event
}

// usage is recent processor time: time used a second ago counts half. For a processor that is
// always busy it settles at 1.44 s.
type usage struct {
	seconds float64
	at      time.Time
}

const busyProcessor = 1 / math.Ln2 // the usage of a processor that is always busy

func (u *usage) now(now time.Time) float64 {
	if age := now.Sub(u.at).Seconds(); age > 0 {
		return u.seconds * math.Exp2(-age)
	}
	return u.seconds
}

func (u *usage) add(took time.Duration, now time.Time) {
	u.seconds, u.at = u.now(now)+took.Seconds(), now
}

// outcome is how a run ended.
type outcome uint8

const (
	unknown outcome = iota // interrupted, or only the top level ran
	well                   // with a result, or an error that the script threw
	badly                  // out of time or memory, or trapped
)

// record is the history of a script. The zero value means that it has not run.
type record struct {
	last   outcome
	usual  time.Duration // smoothed time of its runs: one outlier hardly changes it
	normal usage         // processor time used at normal priority
}

// smoothing is roughly the number of runs until usual reflects a change.
const smoothing = 8

// proven reports whether a script may use any slot.
func (s *scheduler) proven(r record) bool { return r.last == well && r.usual <= s.slow }

// queue holds the waiting runs of one user.
type queue struct {
	user
	slots []*slot
}

// slot is the right to use an instance.
type slot struct {
	user
	low   bool          // must run on a thread of the lowest priority, see scheduler
	ready chan struct{} // closed when the slot is granted
}

// maxKnown bounds the scripts whose history is kept, and maxUsers the tenants whose usage is kept.
// Forgetting one of them is harmless.
const (
	maxKnown = 10_000
	maxUsers = 1000
)

func newScheduler(slots, maxWaiting int, slow time.Duration) *scheduler {
	return &scheduler{
		free: slots, total: slots, maxLow: max(slots-1, 1), maxWaiting: maxWaiting, slow: slow,
		queues: make(map[user]*queue), records: make(map[scriptKey]record),
		allowance: float64(runtime.NumCPU()) / 2, usedBy: make(map[event.TenantID]*tenantUsage),
	}
}

// acquire waits for a slot. It returns ErrBusy, ErrClosed or the context's error.
func (s *scheduler) acquire(ctx, stop context.Context, u user) (*slot, error) {
	t := &slot{user: u, ready: make(chan struct{})}
	s.mu.Lock()
	switch {
	case s.drained != nil || stop.Err() != nil:
		s.mu.Unlock()
		return nil, ErrClosed
	case ctx.Err() != nil:
		s.mu.Unlock()
		return nil, ctx.Err()
	case s.waiting >= s.maxWaiting:
		s.mu.Unlock()
		return nil, ErrBusy
	}
	q := s.queues[u]
	if q == nil {
		q = &queue{user: u}
		s.queues[u] = q
		s.order = append(s.order, q)
	}
	q.slots = append(q.slots, t)
	s.waiting++
	s.grantLocked()
	s.mu.Unlock()

	select {
	case <-t.ready:
		return t, nil
	case <-ctx.Done():
	case <-stop.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-t.ready: // granted in the meantime
		return t, nil
	default:
	}
	s.removeLocked(t)
	if stop.Err() != nil {
		return nil, ErrClosed
	}
	return nil, ctx.Err()
}

// release frees a slot and records how its run ended and the processor time it took.
func (s *scheduler) release(t *slot, end outcome, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.chargeLocked(t, took, now)
	s.free++
	if t.low {
		s.low--
	}
	if end != unknown {
		r, known := s.records[t.key]
		if !known && len(s.records) >= maxKnown {
			clear(s.records)
		}
		r.last, r.usual = end, r.usual+(took-r.usual)/smoothing
		if !t.low {
			r.normal.add(took, now)
		}
		s.records[t.key] = r
	}
	if s.drained != nil {
		if s.free == s.total {
			close(s.drained)
		}
		return
	}
	if until := now.Add(took); end == badly && until.After(s.cooldown) {
		s.cooldown = until
		if s.timer == nil {
			s.timer = time.AfterFunc(took, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.grantLocked()
			})
		} else {
			s.timer.Reset(took)
		}
	}
	s.grantLocked()
}

// drain shuts the scheduler down and waits until all slots are free.
func (s *scheduler) drain() {
	s.mu.Lock()
	if s.drained == nil {
		s.drained = make(chan struct{})
		if s.timer != nil {
			s.timer.Stop()
		}
		if s.free == s.total {
			close(s.drained)
		}
	}
	drained := s.drained
	s.mu.Unlock()
	<-drained
}

// chargeLocked adds a run's processor time to the usage.
func (s *scheduler) chargeLocked(t *slot, took time.Duration, now time.Time) {
	u := s.usedBy[t.tenant]
	if u == nil {
		if len(s.usedBy) >= maxUsers {
			for id, u := range s.usedBy {
				if u.all.now(now) < 0.001 {
					delete(s.usedBy, id)
				}
			}
		}
		u = new(tenantUsage)
		s.usedBy[t.tenant] = u
	}
	u.all.add(took, now)
	if !t.low {
		u.normal.add(took, now)
		s.normal.add(took, now)
	}
}

// usedLocked returns the recent processor time of a tenant's scripts.
func (s *scheduler) usedLocked(tenant event.TenantID, now time.Time) float64 {
	if u := s.usedBy[tenant]; u != nil {
		return u.all.now(now)
	}
	return 0
}

// overShareLocked reports whether a script has used up its share of the processors at normal
// priority while all runs together have used up the allowance.
func (s *scheduler) overShareLocked(u user, now time.Time) bool {
	limit := s.allowance * busyProcessor
	if s.normal.now(now) <= limit {
		return false
	}
	own := s.usedBy[u.tenant]
	if own == nil {
		return false
	}
	active, waiting := 0, 0
	for _, other := range s.usedBy {
		if other.normal.now(now) > limit/100 {
			active++
		}
	}
	share := limit / float64(max(active, 1))
	if own.normal.now(now) <= share {
		return false
	}
	for _, q := range s.order {
		if q.tenant == u.tenant {
			waiting++
		}
	}
	r := s.records[u.key]
	return r.normal.now(now) > share/float64(max(waiting, 1))
}

// grantLocked grants free slots to waiting runs that may have them.
func (s *scheduler) grantLocked() {
	for s.free > 0 && s.drained == nil {
		i, low := s.nextLocked()
		if i < 0 {
			return
		}
		q := s.order[i]
		t := q.slots[0]
		q.slots = q.slots[1:]
		s.waiting--
		s.free--
		if t.low = low; low {
			s.low++
		}
		// Moves the queue to the end of the rotation, or out of it.
		s.order = append(s.order[:i], s.order[i+1:]...)
		if len(q.slots) > 0 {
			s.order = append(s.order, q)
		} else {
			delete(s.queues, q.user)
		}
		close(t.ready)
	}
}

// nextLocked returns the place in the rotation of the queue that gets the next slot, and whether
// its run gets low priority; -1 if no run may have a slot.
func (s *scheduler) nextLocked() (next int, low bool) {
	now := time.Now()
	next = -1
	var least float64
	for i, q := range s.order {
		used := s.usedLocked(q.tenant, now)
		if next >= 0 && used >= least {
			continue
		}
		known := s.records[q.key]
		lowered := q.saving || !s.proven(known) || s.overShareLocked(q.user, now)
		if lowered && s.low >= s.maxLow || known.last == badly && (now.Before(s.cooldown) || s.newWaitingLocked()) {
			continue
		}
		next, low, least = i, lowered, used
	}
	return next, low
}

// newWaitingLocked reports whether a script without any history is waiting.
func (s *scheduler) newWaitingLocked() bool {
	for _, q := range s.order {
		if s.records[q.key].last == unknown {
			return true
		}
	}
	return false
}

// removeLocked removes an abandoned slot request from its queue.
func (s *scheduler) removeLocked(t *slot) {
	q := s.queues[t.user]
	for i, other := range q.slots {
		if other == t {
			q.slots = append(q.slots[:i], q.slots[i+1:]...)
			s.waiting--
			break
		}
	}
	if len(q.slots) > 0 {
		return
	}
	delete(s.queues, t.user)
	for i, other := range s.order {
		if other == q {
			s.order = append(s.order[:i], s.order[i+1:]...)
			break
		}
	}
}
