package delivery

import (
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// Bounds of a lane.
const (
	// failingQueue bounds the tasks a failing endpoint's lane holds: they only wait.
	failingQueue = 256
	// staleAfter is how long a task may wait in memory. Older ones go to the
	// store, so that their intakes can close: recovery reads the log from the
	// oldest open intake on.
	staleAfter = 15 * time.Second
)

// lane is the queue to one webhook. A hanging endpoint fills its lane and
// nothing else: deliveries that do not fit become owed, in the store, and come
// back through the due loop (claim.go).
type lane struct {
	engine *Engine
	number uint32

	mu        sync.Mutex // guards all below
	endpoint  *endpoint  // the settings and the sender of all requests; replaced, never changed
	removed   bool       // the webhook was deleted
	queue     queue
	gather    gather // deliveries that wait to become a batch
	bytes     int64
	workers   int // goroutines sending
	starting  int // of these, those that have not taken their first task
	pace      pace
	timer     *time.Timer         // starts workers when the pace allows again
	coolUntil time.Time           // no attempt starts before; see coolDown and coolFor
	behind    map[*task]time.Time // attempts under way that others wait behind, and since when those are due
	starving  bool                // waits for a slot; guarded by slots.mu, not by mu

	// While deliveries of ours are owed and due, new ones are owed too, so
	// that they keep about the order they came in.
	backlog  bool
	parking  int       // owed rows on their way to the store
	next     time.Time // when the earliest owed delivery is due; zero: none known
	claiming bool      // the due loop is fetching
	deciding int       // claimed tasks that wait for their filter; see decider

	filter filterCost // not guarded
}

func newLane(e *Engine, w *webhook.Webhook) *lane {
	l := &lane{engine: e, number: w.Number, endpoint: e.open(w, nil)}
	l.pace.init(w, e.share(), time.Now())
	if w.Health.Failures >= downAfter {
		l.pace.startDown(time.Now())
	}
	return l
}

// current returns the endpoint that new requests use.
func (l *lane) current() *endpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.endpoint
}

// push adds a new delivery, or makes it owed if there is no room.
func (l *lane) push(t *task) {
	l.mu.Lock()
	w := l.endpoint.hook
	switch {
	case l.removed || l.engine.ended(t.token()):
		l.mu.Unlock()
		l.engine.recorder.drop(t)
	case w.Ordering == webhook.OrderingFIFO:
		// The store keeps the order: the row of each delivery lets the next one
		// go when it is settled, whatever becomes of us.
		l.mu.Unlock()
		t.owed.Order, t.owed.Reason = OrderOf(t.ev), ReasonTurn
		l.engine.recorder.owe(t)
	case w.Batch != nil && w.Batch.MaxWait > maxGather:
		full := l.joinLocked(t)
		l.mu.Unlock()
		l.engine.recorder.oweGathered(t, full)
	case l.backlog || !w.Sends() || len(w.Maintenance) > 0 && !w.HeldUntil(l.engine.wall()).IsZero() || !l.roomLocked(t):
		l.backlog = true
		l.parking++
		l.mu.Unlock()
		t.owed.Reason = ReasonBacklog
		l.engine.recorder.owe(t)
	default:
		l.addLocked(t)
		l.startLocked()
		l.mu.Unlock()
	}
}

// OrderOf returns the order an event's deliveries are in under fifo: one for
// each key, and one for all events without a key.
func OrderOf(ev *event.Event) int64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, ev.Key) // never fails
	return int64(h.Sum64()|1) &^ math.MinInt64
}

// pushClaimed adds deliveries claimed from the store. They were counted before
// they were claimed, so there is room.
func (l *lane) pushClaimed(tasks []*task) {
	l.mu.Lock()
	if l.removed || !l.endpoint.hook.Sends() {
		l.mu.Unlock()
		l.engine.recorder.park(tasks)
		return
	}
	for _, t := range regroup(l.endpoint.hook, tasks) {
		if !l.engine.ended(t.token()) {
			l.addLocked(t)
		}
	}
	l.startLocked()
	l.mu.Unlock()
}

// roomLocked reports whether the queue may grow by the task. An empty lane
// always takes one, so that everybody gets on.
func (l *lane) roomLocked(t *task) bool {
	n := l.lenLocked()
	if n == 0 {
		return true
	}
	if l.pace.failing() && n >= failingQueue && (l.endpoint.hook.Batch == nil || n >= l.endpoint.hook.Batch.MaxEvents) {
		return false
	}
	size := int64(t.size)
	return l.bytes+size <= l.engine.memory/2 && l.engine.queued.Load()+size <= l.engine.memory
}

func (l *lane) addLocked(t *task) {
	t.at = time.Now()
	l.bytes += int64(t.size)
	l.engine.queued.Add(int64(t.size))
	if l.endpoint.hook.Batch != nil && !t.isFormed() {
		l.gatherLocked(t)
		return
	}
	l.queue.push(t)
}

func (l *lane) popLocked() *task {
	t := l.queue.pop()
	l.bytes -= int64(t.size)
	l.engine.queued.Add(-int64(t.size))
	return t
}

func (l *lane) emptyLocked() []*task {
	tasks := make([]*task, 0, l.lenLocked())
	for l.queue.len() > 0 {
		tasks = append(tasks, l.popLocked())
	}
	for l.gather.queue.len() > 0 {
		t := l.gather.pop()
		l.holdLocked(-int64(t.size))
		tasks = append(tasks, t)
	}
	return tasks
}

// parkLocked empties the queue into the store: the caller hands the tasks
// returned to recorder.park once it has let go of the lock.
func (l *lane) parkLocked() []*task {
	tasks := l.emptyLocked()
	l.parkingLocked(tasks)
	return tasks
}

func (l *lane) start() {
	l.mu.Lock()
	l.startLocked()
	l.mu.Unlock()
}

// startLocked starts workers for the waiting deliveries, as many as the pace allows.
func (l *lane) startLocked() {
	e := l.engine
	if l.removed || !l.endpoint.hook.Sends() || !e.mayAttempt() || l.pacedLocked(false) {
		return // whoever changes one of these starts us
	}
	for l.starting < l.unitsLocked() && l.workers < l.pace.limit(e.slots.scarce()) {
		if l.endpoint.hook.Batch != nil && l.workers > 0 && e.queued.Load() > e.memory {
			return // a worker that ends starts the next
		}
		c := l.pace.class()
		if !e.slots.take(l, c) {
			return // whoever frees a slot starts us
		}
		if !e.spawn(func() { l.work(c) }) {
			e.slots.give(c)
			return
		}
		l.workers++
		l.starting++
	}
	l.alarmLocked()
}

// pacedLocked reports whether the pace forbids an attempt now, and sets the
// timer for when it allows the next. With take it also uses the permission up.
func (l *lane) pacedLocked(take bool) bool {
	now := time.Now()
	var wait time.Duration
	if !l.coolUntil.IsZero() && now.Before(l.coolUntil) {
		wait = l.coolUntil.Sub(now)
	} else if end := l.heldNowLocked(); !end.IsZero() {
		wait = end.Sub(l.engine.wall())
		l.pace.limitRate(now) // after the window it is ramped up, not flooded
	} else if wait = l.pace.delay(now, take); wait <= 0 {
		return false
	}
	if l.lenLocked() > 0 && l.timer == nil {
		l.timer = time.AfterFunc(wait, func() {
			l.mu.Lock()
			l.timer = nil
			l.startLocked()
			l.mu.Unlock()
		})
	}
	return true
}

// heldLocked returns the end of the maintenance window we are in, zero if in none.
func (l *lane) heldLocked(now time.Time) time.Time {
	if len(l.endpoint.hook.Maintenance) == 0 {
		return time.Time{}
	}
	return l.endpoint.hook.HeldUntil(now)
}

// heldNowLocked is heldLocked for now. Hardly any webhook has windows, and this
// is asked for each delivery: the clock is not read for nothing.
func (l *lane) heldNowLocked() time.Time {
	if len(l.endpoint.hook.Maintenance) == 0 {
		return time.Time{}
	}
	return l.heldLocked(l.engine.wall())
}

// work sends deliveries until there are none, or others wait for the slot, which
// is of class c.
func (l *lane) work(c class) {
	e := l.engine
	for first := true; ; first = false {
		t, ep := l.take(first)
		if t == nil {
			break
		}
		if ep.hook.Batch != nil {
			l.workBatch(ep, t)
			continue
		}
		for t != nil {
			done := e.canceled.take(t.owed.Delivery())
			if done {
				e.recorder.drop(t)
				l.notAttempted()
			} else {
				l.waitBehind(t, true)
				done = e.attempt(l, ep, t)
				l.waitBehind(t, false)
			}
			// Those behind it in its order are ours, too, and go next, if it
			// is out of their way.
			rest := t.next
			if t.next = nil; rest != nil && (!done || !l.mayGoOn(ep)) {
				e.recorder.park(runOf(rest))
				rest = nil
			}
			t = rest
		}
	}
	if other := e.slots.give(c); other != nil {
		other.mu.Lock()
		other.startLocked()
		other.mu.Unlock()
	}
	l.mu.Lock()
	l.startLocked() // queues us again if the slot went to another lane
	l.mu.Unlock()
}

// take returns the next delivery for a worker, nil when the worker must end.
func (l *lane) take(first bool) (*task, *endpoint) {
	e := l.engine
	var parked []*task
	l.mu.Lock()
	if first {
		l.starting--
	}
	if l.unitsLocked() == 0 || l.removed || e.stopping() || !l.endpoint.hook.Sends() ||
		l.workers > l.pace.limit(e.slots.scarce()) ||
		!first && e.slots.contended() || !e.mayAttempt() || l.pacedLocked(true) {
		l.workers--
		l.mu.Unlock()
		return nil, nil
	}
	t, ep := l.nextLocked(), l.endpoint
	if l.queue.isStale() || l.gather.queue.isStale() {
		parked = l.parkLocked()
	}
	if l.wantsMoreLocked() {
		e.due.wake(l)
	}
	l.mu.Unlock()
	e.recorder.park(parked)
	return t, ep
}

// mayGoOn reports whether a worker may make another attempt for the endpoint
// it works for.
func (l *lane) mayGoOn(ep *endpoint) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.endpoint == ep && !l.removed && !l.engine.stopping() && l.engine.mayAttempt() && !l.pacedLocked(true)
}

// notAttempted undoes the permission for an attempt that is not made.
func (l *lane) notAttempted() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pace.undo()
}

// cooldown is how long a lane rests that found no room for its transform, or no
// socket for its request.
const cooldown = time.Second

// coolDown stops the lane for a moment because this server lacked a resource that
// the attempt of t needs. The caller releases t; without the pause t would be
// claimed and released again as fast as the store allows.
func (l *lane) coolDown(t *task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.coolUntil = time.Now().Add(cooldown + rand.N(cooldown/2)) // lanes that were refused together do not come back together
	if t != nil {
		l.parkingLocked([]*task{t})
	}
}

// maxCool bounds how long a lane rests at a time: a limit may be raised, or the
// destination changed, before it has passed.
const maxCool = time.Minute

// coolFor stops the lane while its destination's own limit is used up. The
// caller releases the tasks.
func (l *lane) coolFor(wait time.Duration, tasks ...*task) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.coolUntil = time.Now().Add(min(max(wait, 10*time.Millisecond), maxCool))
	l.parkingLocked(tasks)
}

// setWebhook takes over changed settings.
func (l *lane) setWebhook(w *webhook.Webhook) {
	l.mu.Lock()
	before := l.endpoint
	old := before.hook
	l.endpoint = l.engine.open(w, before)
	if old.Batch != w.Batch && (old.Batch == nil || w.Batch == nil || *old.Batch != *w.Batch) {
		l.regroupLocked()
	}
	if old.URL != w.URL || old.MaxConcurrency != w.MaxConcurrency || !sameLimit(old.RateLimit, w.RateLimit) {
		l.pace = pace{} // the old endpoint's pace says little of the new one
		l.pace.init(w, l.engine.share(), time.Now())
	}
	var parked []*task
	if !w.Sends() || !w.HeldUntil(l.engine.wall()).IsZero() {
		parked = l.parkLocked()
	}
	l.startLocked()
	l.mu.Unlock()
	l.engine.recorder.park(parked)
	before.close()
}

func sameLimit(a, b *webhook.RateLimit) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// releaseOrDrop makes a delivery wait for its turn again after a change of the webhook
// interrupted its attempt. It reports whether the delivery was dropped instead,
// because its webhook was deleted.
func (l *lane) releaseOrDrop(t *task) (dropped bool) {
	l.mu.Lock()
	dropped = l.removed
	if !dropped && t.owed.Token == 0 && !l.engine.stopping() {
		l.backlog = true
		l.parking++
	}
	l.mu.Unlock()
	if dropped {
		l.engine.recorder.drop(t)
	} else {
		l.engine.release(t)
	}
	return dropped
}

// releaseOrDropAll is releaseOrDrop for the deliveries of a batch.
func (l *lane) releaseOrDropAll(tasks []*task) {
	l.mu.Lock()
	dropped := l.removed
	if !dropped {
		l.parkingLocked(tasks)
	}
	l.mu.Unlock()
	if !dropped {
		l.engine.recorder.park(tasks)
		return
	}
	for _, t := range tasks {
		l.engine.recorder.drop(t)
	}
}

// remove ends the lane of a deleted webhook. Its queue is dropped: deliveries
// to a webhook that is gone count as discarded.
func (l *lane) remove() {
	l.mu.Lock()
	l.removed = true
	dropped := l.emptyLocked()
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.gather.timer != nil {
		l.gather.timer.Stop()
	}
	last := l.endpoint
	l.mu.Unlock()
	last.close()
	for _, t := range dropped {
		for ; t != nil; t = t.next {
			l.engine.recorder.drop(t)
		}
	}
}
