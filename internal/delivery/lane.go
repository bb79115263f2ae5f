package delivery

import (
	"context"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// task is a delivery in memory.
type task struct {
	ev   *event.Event
	in   *intake // the intake it holds open; nil when it was claimed from the store
	owed Owed    // its history; Token is zero unless it was claimed
	at   time.Time
	late time.Duration // how long it was due when it began to wait for a batch
	size int32         // its share of the memory bound; of the first of a run, that of all
	body int32         // about what it takes in a batch, bytes
	next *task         // the one behind it in its order, claimed with it
}

// taskOverhead is about what a task takes in memory beside its event, in bytes.
const taskOverhead = 256

// Bounds of a lane.
const (
	// failingQueue bounds the tasks a failing endpoint's lane holds: they only wait.
	failingQueue = 256
	// claimPage is how many owed deliveries are claimed at a time.
	claimPage = 256
	// claimAgain is how long a lane waits that could claim nothing of what is
	// due: of a batch that is being taken apart, some are still claimed.
	claimAgain = 100 * time.Millisecond
	// staleAfter is how long a task may wait in memory. What waits longer goes
	// to the store, so that its intake can close: recovery reads the log from
	// the oldest open intake on.
	staleAfter = 15 * time.Second
)

// lane is the queue to one webhook. A hanging endpoint fills its lane and
// nothing else: what does not fit is owed, in the store, and comes back
// through the due loop.
type lane struct {
	engine *Engine
	number uint32

	mu        sync.Mutex // guards all below
	endpoint  *endpoint  // what all requests have in common; replaced, never changed
	removed   bool       // the webhook was deleted
	queue     queue
	gather    gather // what waits to become a batch
	bytes     int64
	workers   int // goroutines sending
	starting  int // of these, those that have not taken their first task
	pace      pace
	timer     *time.Timer         // starts workers when the pace allows again
	coolUntil time.Time           // no attempt starts before; see rest
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
		l.pace = pace{} // what was learned about the endpoint does not hold
		l.pace.init(w, l.engine.share(), time.Now())
	}
	var parked []*task
	if w.Status != webhook.Active || !w.HeldUntil(l.engine.wall()).IsZero() {
		parked = l.parkLocked()
	}
	l.startLocked()
	l.mu.Unlock()
	l.engine.recorder.park(parked)
	before.close()
}

// current returns what requests to the webhook have in common now.
func (l *lane) current() *endpoint {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.endpoint
}

// release makes a delivery wait for its turn again after a change of the webhook
// interrupted its attempt. It reports whether the delivery was dropped instead,
// because its webhook was deleted.
func (l *lane) release(t *task) (dropped bool) {
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

func sameLimit(a, b *webhook.RateLimit) bool {
	return a == b || a != nil && b != nil && *a == *b
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

// push adds a new delivery, or makes it owed if there is no room.
func (l *lane) push(t *task) {
	l.mu.Lock()
	w := l.endpoint.hook
	switch {
	case l.removed || l.engine.ended(t.token()):
		l.mu.Unlock()
		l.engine.recorder.drop(t)
	case w.Ordering == webhook.OrderingFIFO:
		// The store keeps what is in order: the row of each lets the next one
		// go when it is settled, whatever becomes of us.
		l.mu.Unlock()
		t.owed.Order, t.owed.Reason = OrderOf(t.ev), ReasonTurn
		l.engine.recorder.owe(t)
	case w.Batch != nil && w.Batch.MaxWait > maxGather:
		full := l.joinLocked(t)
		l.mu.Unlock()
		l.engine.recorder.gather(t, full)
	case l.backlog || w.Status != webhook.Active || len(w.Maintenance) > 0 && !w.HeldUntil(l.engine.wall()).IsZero() || !l.roomLocked(t):
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
	if l.removed || l.endpoint.hook.Status != webhook.Active {
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

// parkLocked empties the queue into the store: the caller hands what is
// returned to recorder.park once it has let go of the lock.
func (l *lane) parkLocked() []*task {
	tasks := l.emptyLocked()
	l.parkingLocked(tasks)
	return tasks
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

// startLocked starts workers for what waits, as many as the pace allows.
func (l *lane) startLocked() {
	e := l.engine
	if l.removed || l.endpoint.hook.Status != webhook.Active || !e.mayAttempt() || l.pacedLocked(false) {
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

// notAttempted undoes the permission for an attempt that is not made.
func (l *lane) notAttempted() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pace.undo()
}

// mayGoOn reports whether a worker may make another attempt for the endpoint
// it works for.
func (l *lane) mayGoOn(ep *endpoint) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.endpoint == ep && !l.removed && !l.engine.stopping() && l.engine.mayAttempt() && !l.pacedLocked(true)
}

// runOf returns the tasks of a run, each by itself.
func runOf(t *task) (tasks []*task) {
	for t != nil {
		next := t.next
		t.next = nil
		tasks = append(tasks, t)
		t = next
	}
	return tasks
}

// take returns the next delivery for a worker, nil when the worker must end.
func (l *lane) take(first bool) (*task, *endpoint) {
	e := l.engine
	var parked []*task
	l.mu.Lock()
	if first {
		l.starting--
	}
	if l.unitsLocked() == 0 || l.removed || e.stopping() || l.endpoint.hook.Status != webhook.Active ||
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

// wantsMoreLocked reports whether owed deliveries should be fetched: some are
// due, and the queue runs low.
func (l *lane) wantsMoreLocked() bool {
	return !l.claiming && !l.next.IsZero() && l.lenLocked() < l.pageLocked()/2 && !l.next.After(l.engine.wall())
}

// pageLocked returns how many owed deliveries the queue is filled up to: enough
// for two batches.
func (l *lane) pageLocked() int {
	page := claimPage
	if l.pace.failing() {
		page = failingQueue / 8
	}
	if b := l.endpoint.hook.Batch; b != nil {
		page = max(page, 2*b.MaxEvents)
	}
	return page
}

// owedAt notes that an owed delivery is in the store, due at the time; parked
// tells that it was counted in parking.
func (l *lane) owedAt(due time.Time, parked bool) {
	l.mu.Lock()
	if parked && l.parking > 0 { // none are counted of what was forgotten
		l.parking--
	}
	if l.next.IsZero() || due.Before(l.next) {
		l.next = due
	}
	l.mu.Unlock()
	l.engine.due.schedule(l, due)
}

// claimDue claims owed deliveries that are due and queues them. Only the due loop
// calls it. It returns when the lane wants to be called again; zero: not
// before something wakes it.
func (l *lane) claimDue(ctx context.Context, now time.Time) (again time.Time, err error) {
	e := l.engine
	if err := l.moveFull(ctx, now); err != nil {
		return now.Add(time.Second), err
	}
	l.mu.Lock()
	limit := l.pageLocked()
	room := limit - l.lenLocked()
	if l.gather.filling {
		l.gather.filling = false
		defer l.start()
	}
	switch {
	case l.removed || l.endpoint.hook.Status != webhook.Active || l.next.IsZero():
		l.mu.Unlock()
		return time.Time{}, nil
	case l.next.After(now):
		again = l.next
		l.mu.Unlock()
		return again, nil
	case !l.heldLocked(now).IsZero():
		again = l.heldLocked(now)
		l.pace.limitRate(time.Now())
		l.mu.Unlock()
		return again, nil
	case l.deciding > 0:
		l.mu.Unlock() // the last one decided wakes us
		return time.Time{}, nil
	case l.filter.slow.Load() > 0 && e.decider.full():
		l.mu.Unlock()
		return now.Add(claimAgain), nil
	case room < limit/2 || l.lenLocked() > 0 && e.queued.Load() > e.memory:
		l.mu.Unlock() // taking from the queue wakes us
		return time.Time{}, nil
	}
	l.claiming = true
	l.next = time.Time{} // rows recorded from here on set it again
	parking := l.parking
	l.mu.Unlock()

	tasks, more, next, err := e.claim(ctx, l.number, now, min(room, claimPage))

	l.mu.Lock()
	l.claiming = false
	if err == nil && !more && !next.IsZero() && l.engine.shared != nil {
		if floor := now.Add(fetchPause/2 + rand.N(fetchPause)); next.Before(floor) {
			next = floor
		}
	}
	l.gather.filling = err == nil && more && len(tasks) > 0
	if err != nil {
		next = now
	} else if !more && parking == 0 && l.parking == 0 {
		l.backlog = false
	}
	if !next.IsZero() && (l.next.IsZero() || next.Before(l.next)) {
		l.next = next
	}
	next = l.next
	l.mu.Unlock()
	if err != nil {
		l.start()
		return now.Add(time.Second), err
	}
	l.pushClaimed(e.decider.claimed(l, tasks))
	return next, nil
}

func (l *lane) start() {
	l.mu.Lock()
	l.startLocked()
	l.mu.Unlock()
}

// claim claims up to limit owed deliveries of a webhook and reads their
// events. more tells that others are due; next is when the earliest of those
// left is due, zero if there is none.
func (e *Engine) claim(ctx context.Context, number uint32, now time.Time, limit int) (tasks []*task, more bool, next time.Time, err error) {
	claims, err := e.store.OwedClaim(ctx, number, now, limit)
	if err != nil {
		return nil, false, next, err
	}
	e.metrics.claims.Add(1)
	if len(claims) == 0 {
		e.metrics.emptyClaims.Add(1)
	}
	giveBack := func() { _ = e.store.OwedRelease(context.WithoutCancel(ctx), claims) }
	if len(claims) > 0 {
		if tasks, err = e.load(ctx, claims); err != nil {
			giveBack()
			return nil, false, next, err
		}
	}
	next, ok, err := e.store.OwedNext(ctx, number)
	if err != nil {
		giveBack()
		return nil, false, next, err
	}
	more = ok && !next.After(now)
	if more && len(claims) == 0 {
		next = now.Add(claimAgain)
	}
	return tasks, more, next, nil
}

// load reads the events of claims. A claim whose event is gone (retention
// removed it) is settled as expired, one whose event is damaged as discarded.
func (e *Engine) load(ctx context.Context, claims []Owed) ([]*task, error) {
	ids := make([]event.ID, len(claims))
	for i := range claims {
		ids[i] = claims[i].Event
	}
	byID, damaged, err := EventsOf(ctx, e.store, ids)
	if err != nil {
		return nil, err
	}
	tasks := make([]*task, 0, len(claims))
	var last *task // of the run being put together
	for _, o := range claims {
		ev := byID[o.Event]
		t := &task{ev: ev, owed: o}
		if ev == nil {
			t.ev = &event.Event{ID: o.Event, Tenant: o.Tenant}
			if why := damaged[o.Event]; why != nil {
				e.log.Error("a delivery is given up, its event cannot be read", "delivery", o.Delivery().String(), "err", why)
				e.recorder.settle(t, Discarded, EventDamaged+" and cannot be sent")
			} else {
				e.recorder.settle(t, Expired, EventGone)
			}
			continue
		}
		t.size = int32(taskOverhead + ev.Size())
		if last != nil && o.Order != 0 && last.owed.Order == o.Order {
			tasks[len(tasks)-1].size += t.size
			last.next, last = t, t
			continue
		}
		last = t
		tasks = append(tasks, t)
	}
	return tasks, nil
}

// queue is a first-in first-out queue of tasks on a ring.
type queue struct {
	ring []*task
	head int
	n    int
}

func (q *queue) len() int    { return q.n }
func (q *queue) peek() *task { return q.ring[q.head] }

// isStale reports whether the first task has waited for too long.
func (q *queue) isStale() bool { return q.n > 0 && time.Since(q.peek().at) > staleAfter }

func (q *queue) push(t *task) {
	q.grow()
	q.ring[(q.head+q.n)%len(q.ring)] = t
	q.n++
}

func (q *queue) pushFront(t *task) {
	q.grow()
	q.head = (q.head + len(q.ring) - 1) % len(q.ring)
	q.ring[q.head] = t
	q.n++
}

func (q *queue) grow() {
	if q.n == len(q.ring) {
		ring := make([]*task, max(8, 2*q.n))
		for i := range q.n {
			ring[i] = q.ring[(q.head+i)%len(q.ring)]
		}
		q.ring, q.head = ring, 0
	}
}

func (q *queue) pop() *task {
	t := q.ring[q.head]
	q.ring[q.head] = nil
	q.head = (q.head + 1) % len(q.ring)
	if q.n--; q.n == 0 && len(q.ring) > 1024 {
		*q = queue{} // do not keep the memory of a burst
	}
	return t
}
