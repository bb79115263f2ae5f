package delivery

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/priority"
	"github.com/relay-events/relay/internal/webhook"
)

// The router evaluates filters only as far as that is quick. A filter that takes long for an event leaves the delivery
// undecided: whether the webhook is owed the event is not known yet. Undecided deliveries wait here, and a few workers decide
// them one by one, in turns among tenants and, for each tenant, among its webhooks. So a costly filter delays its own webhook and
// nobody else's.
//
// What does not fit in memory gets a row like anything else that cannot be finished now, with ReasonFilter, and comes here when it is
// claimed. Under fifo an undecided delivery always gets a row: the rows hold the order.

const (
	// maxUndecided bounds the fresh deliveries that wait for their filter in memory. With those that were claimed they may take a
	// quarter of the memory for deliveries.
	maxUndecided = 8192
	// quickFilter is the time up to which an evaluation in the router does not count at all. Most take 1 to 3 µs.
	quickFilter = 5 * time.Microsecond
	// routingBudget is the time that evaluations beyond quickFilter may take of a tenant in one intake. After it those that are
	// known to take longer are left undecided.
	routingBudget = 2 * time.Millisecond
	// slowFilter is the time that makes a filter a slow one, and slowRuns is how many evaluations in a row must be shorter before the
	// router evaluates it again.
	slowFilter = 100 * time.Microsecond
	slowRuns   = 16
	// crowded is how long a worker that steps aside waits for its processor where others want it.
	crowded = 200 * time.Microsecond
)

// filterCost is the cost of a webhook's filter so far.
type filterCost struct {
	evaluations counter
	nanoseconds counter
	postponed   counter // of the evaluations, those the router left to the workers
	slow        counter // evaluations that must be short before the router tries again
	last        counter // duration of the last one in the router, in nanoseconds
}

// routingTime is what filters have taken in the router for an intake, by tenant.
type routingTime struct {
	spent map[event.TenantID]time.Duration // nil until an evaluation was not quick
}

// verdict says whether the webhook is owed an event of a type it wants, or that this is undecided.
func (e *Engine) verdict(to target, ev *event.Event, intake *routingTime) (owed, undecided bool) {
	p := to.hook.Program
	if p == nil {
		return true, false
	}
	cost := &to.lane.filter
	if cost.slow.Load() > 0 || intake.spent != nil && cost.last.Load() > int64(quickFilter) && intake.spent[ev.Tenant] > routingBudget {
		return false, true
	}
	start := time.Now()
	owed, decided := p.Quick(ev)
	took := time.Since(start)
	cost.last.Store(int64(took))
	if took > quickFilter {
		if intake.spent == nil {
			intake.spent = make(map[event.TenantID]time.Duration)
		}
		intake.spent[ev.Tenant] += took
	}
	if !decided {
		cost.slow.Store(slowRuns)
		return false, true
	}
	e.metrics.filter(cost, took)
	return owed, false
}

// decider decides undecided deliveries.
type decider struct {
	engine *Engine

	mu      sync.Mutex // guards all below
	tenants []*tenantLine
	byID    map[event.TenantID]*tenantLine
	fresh   int   // tasks that hold their intake open
	bytes   int64 // of all tasks
	workers int
	most    int // workers at a time
}

// tenantLine is what waits of a tenant, in lines of its webhooks that take turns.
type tenantLine struct {
	id    event.TenantID
	lines []*laneLine
}

type laneLine struct {
	lane *lane
	queue
}

func newDecider(e *Engine) *decider {
	return &decider{engine: e, byID: make(map[event.TenantID]*tenantLine), most: max(1, runtime.NumCPU()/2)}
}

// postpone leaves a fresh delivery undecided.
func (d *decider) postpone(l *lane, t *task) {
	e := d.engine
	ordered := l.current().hook.Ordering == webhook.OrderingFIFO
	d.mu.Lock()
	if !ordered && d.fresh < maxUndecided && !d.fullLocked() {
		d.fresh++
		d.addLocked(l, t)
		d.mu.Unlock()
		e.metrics.postponed(l, false)
		return
	}
	d.mu.Unlock()
	e.metrics.postponed(l, true)
	t.owed.Reason = ReasonFilter
	if ordered {
		t.owed.Order = OrderOf(t.ev)
	}
	e.recorder.owe(t)
}

// claimed takes the undecided ones out of tasks that were claimed for a lane, and returns the others.
func (d *decider) claimed(l *lane, tasks []*task) []*task {
	if !slices.ContainsFunc(tasks, isUndecided) {
		return tasks
	}
	var decided, undecided []*task
	for _, t := range tasks {
		if isUndecided(t) {
			undecided = append(undecided, t)
		} else {
			decided = append(decided, t)
		}
	}
	l.mu.Lock()
	l.deciding += len(undecided) // first: a worker may be done with them at once
	l.mu.Unlock()
	d.mu.Lock()
	for _, t := range undecided {
		d.addLocked(l, t)
	}
	d.mu.Unlock()
	return decided
}

// isUndecided reports whether a task from the store, or one behind it in its order, is undecided.
func isUndecided(t *task) bool {
	for ; t != nil; t = t.next {
		if t.owed.Reason == ReasonFilter {
			return true
		}
	}
	return false
}

func (d *decider) addLocked(l *lane, t *task) {
	tenant := d.byID[t.owed.Tenant]
	if tenant == nil {
		tenant = &tenantLine{id: t.owed.Tenant}
		d.byID[t.owed.Tenant] = tenant
		d.tenants = append(d.tenants, tenant)
	}
	i := slices.IndexFunc(tenant.lines, func(line *laneLine) bool { return line.lane == l })
	if i < 0 {
		i = len(tenant.lines)
		tenant.lines = append(tenant.lines, &laneLine{lane: l})
	}
	tenant.lines[i].push(t)
	d.bytes += int64(t.size)
	if d.workers < d.most && d.engine.spawn(d.work) {
		d.workers++
	}
}

// next takes the task whose turn it is. Without one the worker must end.
func (d *decider) next() (*lane, *task) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.tenants) == 0 || d.engine.stopping() {
		d.workers--
		return nil, nil
	}
	tenant := d.tenants[0]
	line := tenant.lines[0]
	t := line.pop()
	tenant.lines = slices.Delete(tenant.lines, 0, 1)
	if line.len() > 0 {
		tenant.lines = append(tenant.lines, line)
	}
	d.tenants = slices.Delete(d.tenants, 0, 1)
	if len(tenant.lines) > 0 {
		d.tenants = append(d.tenants, tenant)
	} else {
		delete(d.byID, tenant.id)
	}
	if t.in != nil {
		d.fresh--
	}
	d.bytes -= int64(t.size)
	return line.lane, t
}

// full reports whether no more undecided deliveries should be claimed.
func (d *decider) full() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fullLocked()
}

func (d *decider) fullLocked() bool { return d.bytes > d.engine.memory/4 }

// waiting returns how many fresh deliveries wait for their filter in memory.
func (d *decider) waiting() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fresh
}

// work decides deliveries until none are left.
func (d *decider) work() {
	thread := priority.Start(priority.Low)
	defer thread.End()
	for {
		l, t := d.next()
		if t == nil {
			return
		}
		if t.owed.Token == 0 {
			if d.engine.passesFilter(thread, l, t) {
				l.push(t)
			} else {
				d.engine.recorder.drop(t)
			}
			continue
		}
		d.decideClaimed(thread, l, t)
	}
}

// decideClaimed puts a task that was claimed, with those behind it in its order, on its lane, but for those that the filter holds
// back.
func (d *decider) decideClaimed(thread *priority.Thread, l *lane, t *task) {
	e := d.engine
	size := t.size // of all
	var first, last *task
	for _, t := range runOf(t) {
		if t.owed.Reason == ReasonFilter {
			if !e.passesFilter(thread, l, t) {
				size -= int32(taskOverhead + t.ev.Size())
				e.recorder.drop(t)
				continue
			}
			t.owed.Reason = ReasonBacklog
		}
		if first == nil {
			first, last = t, t
			continue
		}
		last.next, last = t, t
	}
	if first != nil {
		first.size = max(size, taskOverhead)
		l.pushClaimed([]*task{first})
	}
	l.mu.Lock()
	l.deciding--
	done := l.deciding == 0
	l.mu.Unlock()
	if done {
		e.due.wake(l)
	}
}

// passesFilter evaluates the filter of the lane's webhook to the end, on the thread: locks are never taken there, because whoever
// wants one next would wait for a thread of low priority. A webhook that has no filter by now wants the event.
func (e *Engine) passesFilter(thread *priority.Thread, l *lane, t *task) bool {
	w := l.current().hook
	if w.Program == nil || e.ended(t.token()) {
		return true // of those that are others' by now, the lane takes care
	}
	var owed bool
	var took time.Duration
	thread.Do(func() {
		start := time.Now()
		owed = w.Passes(t.ev)
		took = time.Since(start)
	})
	e.evaluated(l, took)
	StepAside(took)
	return owed
}

// evaluated notes how long the filter of the lane's webhook took.
func (e *Engine) evaluated(l *lane, took time.Duration) {
	e.metrics.filter(&l.filter, took)
	if took > slowFilter {
		l.filter.slow.Store(slowRuns)
	} else if l.filter.slow.Add(-1) < 0 {
		l.filter.slow.Store(0)
	}
}

// StepAside lets others have the processor after work of some length, and rests as long as that took where others wait for it: all
// work of this kind takes half of a processor then.
func StepAside(worked time.Duration) {
	if worked < quickFilter {
		return
	}
	start := time.Now()
	runtime.Gosched()
	if time.Since(start) > crowded {
		time.Sleep(min(worked, 10*time.Millisecond))
	}
}
