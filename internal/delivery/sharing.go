package delivery

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/webhook"
)

// Intervals of the work of a node that shares its store. Together they
// are some five queries a second.
const (
	// pulseEvery is how often a node looks for changes by others: a
	// revocation holds on all nodes within a second.
	pulseEvery = 500 * time.Millisecond
	// takeOverEvery is how often it looks for the work of dead nodes.
	takeOverEvery = 2 * time.Second
	// overdueEvery is how often it looks for owed deliveries that no node fetches.
	overdueEvery = time.Second
	// overdueAfter is how long after its due time a delivery counts as such:
	// the node that recorded it comes first, the others would find nothing.
	overdueAfter = 500 * time.Millisecond
	// overdueShare bounds the share of time that looking for it may take.
	overdueShare = 20
	// fetchPause is how long a lane waits that has fetched everything due: the
	// nodes would otherwise race for each single retry.
	fetchPause = 100 * time.Millisecond
	// maxSkew is how far this machine's clock may be from the database's before
	// that is worth a warning: due times are off by as much.
	maxSkew = 2 * time.Second
)

// sharingPace is larger in tests alone, in which days pass for the engine and
// none for the database.
var sharingPace time.Duration = 1

// sharing is the part of the engine that only a store needs that other nodes
// use, too.
type sharing struct {
	engine  *Engine
	store   SharedStore
	refresh func(ctx context.Context, changed []registry.Kind) error

	held    atomic.Pointer[holding]
	nodes   atomic.Int64 // that live
	down    atomic.Bool  // the last pulse failed
	dropped atomic.Int64 // results that were not recorded, because the lease was lost

	pace time.Duration // pulseEvery and takeOverEvery are multiplied by it: see sharingPace

	// The following belong to the loop.
	seen    map[registry.Kind]int64 // the revisions that were taken over last
	skewed  bool
	idle    bool // the lease had run out at the last look
	overdue time.Time
	failing map[string]bool // what failed the last time
}

// holding ends the attempts under way when the lease is lost.
type holding struct {
	ctx    context.Context
	cancel context.CancelFunc
}

// hold begins anew, and ends the attempts that were under way.
func (h *sharing) hold() {
	ctx, cancel := context.WithCancel(h.engine.working)
	if old := h.held.Swap(&holding{ctx, cancel}); old != nil {
		old.cancel()
	}
}

// attemptContext returns the context of attempts: it ends when they are to be
// interrupted, or when their results could no longer be recorded by this node.
func (e *Engine) attemptContext() context.Context {
	if e.shared == nil {
		return e.working
	}
	return e.shared.held.Load().ctx
}

func newSharing(e *Engine, s SharedStore, refresh func(ctx context.Context, changed []registry.Kind) error) *sharing {
	if refresh == nil {
		refresh = func(ctx context.Context, _ []registry.Kind) error { return e.hooks.Refresh(ctx) }
	}
	h := &sharing{engine: e, store: s, refresh: refresh, failing: make(map[string]bool), pace: sharingPace}
	h.nodes.Store(1)
	h.hold()
	s.OnLost(h.lost)
	s.OweWith(h.oweWith)
	return h
}

// ended reports whether a token is of a registration that has ended: what
// carries it is not ours any more.
func (e *Engine) ended(token int64) bool { return token < e.endedBelow.Load() }

// mayAttempt reports whether attempts may start: their results can be
// recorded, and by this node.
func (e *Engine) mayAttempt() bool { return !e.recorder.down.Load() && e.leased() }

// leased reports whether what this node holds is still its own.
func (e *Engine) leased() bool {
	return e.shared == nil || time.Now().Before(e.shared.store.Lease())
}

// share returns how many nodes share an endpoint's limits.
func (e *Engine) share() int {
	if e.shared == nil {
		return 1
	}
	return int(max(1, e.shared.nodes.Load()))
}

// say logs a failure when it begins, and when it is over.
func (h *sharing) say(what string, err error) {
	if h.engine.stopping() {
		return
	}
	switch {
	case err != nil && !h.failing[what]:
		h.engine.log.Error(what+" failed, trying again", "err", err)
	case err == nil && h.failing[what]:
		h.engine.log.Info(what + " works again")
	}
	h.failing[what] = err != nil
}

// begin finds out what there is before anything is delivered.
func (h *sharing) begin(ctx context.Context) error {
	p, err := h.store.Pulse(ctx)
	if err != nil {
		return err
	}
	h.nodes.Store(int64(p.Nodes))
	return nil
}

// run looks after everything until the engine stops.
func (h *sharing) run() {
	e := h.engine
	var looked time.Time
	for e.sleep(h.pace * (pulseEvery - pulseEvery/10 + rand.N(pulseEvery/5))) {
		h.pulse()
		now := time.Now()
		if leased := e.leased(); leased && h.idle {
			e.resume()
			h.idle = false
		} else {
			h.idle = !leased
		}
		if now.After(h.overdue) {
			h.overdue = now.Add(overdueEvery)
			err := h.wakeOverdue(e.wall().Add(-overdueAfter))
			h.say("looking for overdue deliveries", err)
			if took := time.Since(now); err == nil && took*overdueShare > overdueEvery {
				h.overdue = now.Add(took * overdueShare)
			}
		}
		if now.Sub(looked) >= takeOverEvery {
			looked = now
			e.jobs.look()
		}
	}
}

// runTakeOver takes over from dead nodes until the engine stops.
func (h *sharing) runTakeOver() {
	e := h.engine
	failing := false
	for e.sleep(h.pace * (takeOverEvery - takeOverEvery/10 + rand.N(takeOverEvery/5))) {
		err := h.takeOver()
		if err != nil && !failing && !e.stopping() {
			e.log.Error("taking over from dead nodes failed, trying again", "err", err)
		}
		failing = err != nil
	}
}

// pulse takes in what other nodes have changed.
func (h *sharing) pulse() {
	e := h.engine
	p, err := h.store.Pulse(e.claiming)
	h.down.Store(err != nil)
	h.say("looking at what other nodes have changed", err)
	if err != nil {
		return
	}
	if before := h.nodes.Swap(int64(p.Nodes)); before != int64(p.Nodes) {
		if before > int64(p.Nodes) {
			e.clock.gone.Store(true)
		}
		e.log.Info("nodes that share the work", "nodes", p.Nodes)
		for _, l := range e.allLanes() {
			l.divide()
		}
	}
	skew := e.wall().Sub(p.Clock).Abs()
	if skew > maxSkew && !h.skewed {
		e.log.Warn("this machine's clock and the database's differ: retries come that much early or late", "by", skew.Round(time.Millisecond))
	}
	h.skewed = skew > maxSkew
	var changed []registry.Kind
	for _, kind := range slices.Sorted(maps.Keys(p.Revisions)) {
		if n, known := h.seen[kind]; !known || n != p.Revisions[kind] {
			changed = append(changed, kind)
		}
	}
	if len(changed) == 0 {
		return
	}
	err = h.refresh(e.claiming, changed)
	h.say("taking over what other nodes have changed", err)
	if err == nil {
		h.seen = p.Revisions
	}
}

// allLanes returns the lanes there are.
func (e *Engine) allLanes() []*lane {
	e.mu.RLock()
	defer e.mu.RUnlock()
	list := make([]*lane, 0, len(e.lanes))
	for _, l := range e.lanes {
		list = append(list, l)
	}
	return list
}

// resume lets lanes go on that stood still while no attempt was allowed.
func (e *Engine) resume() {
	for _, l := range e.allLanes() {
		l.start()
		e.due.wake(l)
	}
}

// wakeOverdue wakes the lanes of webhooks with deliveries that were due at the
// time: the node that recorded them cannot fetch them, or not all.
func (h *sharing) wakeOverdue(at time.Time) error {
	e := h.engine
	list, err := h.store.OwedOverdue(e.claiming, at)
	if err != nil {
		return err
	}
	for _, s := range list {
		if w, ok := e.hooks.ByNumber(s.Webhook); ok {
			e.lane(w).owedAt(s.Next, false)
		} else {
			e.jobs.discard(s.Tenant, s.Webhook) // if it is gone, and not just new
		}
	}
	return nil
}

// takeOver routes the events of intakes that dead nodes have left.
func (h *sharing) takeOver() error {
	e := h.engine
	events := 0
	err := h.store.TakeOver(e.claiming, func(in Intake) error {
		done := make(map[event.DeliveryID]struct{})
		err := h.store.IntakeProgress(e.claiming, in.ID, len(in.Events), func(d event.DeliveryID) { done[d] = struct{}{} })
		if err != nil {
			return err
		}
		events += len(in.Events)
		e.routeIntake(&in, func(d event.DeliveryID) bool {
			_, ok := done[d]
			return ok
		})
		return e.claiming.Err()
	})
	if events > 0 {
		e.log.Info("routed the events of open intakes", "events", events)
	}
	if err != nil {
		return err
	}
	if events > 0 {
		return h.wakeOverdue(e.wall())
	}
	return nil
}

// lost forgets everything that was this node's under a registration that has
// ended; see SharedStore.OnLost.
func (h *sharing) lost(below int64) {
	e := h.engine
	e.endedBelow.Store(below)
	h.hold()
	e.recorder.forget() // waits for the record under way
	for _, l := range e.allLanes() {
		l.forget()
	}
	e.canceled.clear()
	e.jobs.forget()
}

// oweWith makes deliveries that must be in order owed together with their
// event: see SharedStore.OweWith.
func (h *sharing) oweWith(ev *event.Event, owe func(Owed)) {
	t := h.engine.tableOf(ev.Tenant)
	now := h.engine.wall().UTC().Truncate(time.Millisecond)
	if !t.ordered || ev.DeliverAt.After(now) {
		return
	}
	for _, to := range h.engine.targetsFor(t, nil, ev, new(routingTime)) {
		if to.hook.Ordering == webhook.OrderingFIFO {
			at := earlier(ev.ID.Time(), now)
			o := Owed{
				Tenant: ev.Tenant, Event: ev.ID, Webhook: to.lane.number, Due: at, Since: at,
				Reason: ReasonTurn, Order: OrderOf(ev),
			}
			if to.undecided {
				o.Reason = ReasonFilter
				h.engine.metrics.postponed(to.lane, true)
			}
			owe(o)
		}
	}
}

// forget drops the tasks that the lane holds of an ended registration.
func (l *lane) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.emptyLocked() {
		if !l.engine.ended(t.token()) {
			l.addLocked(t)
		}
	}
	l.parking, l.backlog, l.next = 0, false, time.Time{}
	l.gather.filling, l.gather.open, l.gather.full = false, openBatch{}, nil
}

// divide takes over how many nodes there are.
func (l *lane) divide() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pace.divide(l.endpoint.hook, l.engine.share(), time.Now())
	l.startLocked()
}

// forget drops results of an ended registration, once a record under way has
// ended.
func (r *recorder) forget() {
	r.storing.Lock()
	defer r.storing.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = r.current(r.pending)
	r.room.Broadcast()
}

// current leaves out results of an ended registration.
func (r *recorder) current(list []result) []result {
	e := r.engine
	if e.shared == nil || !slices.ContainsFunc(list, func(res result) bool { return e.ended(res.token) }) {
		return list
	}
	return slices.DeleteFunc(list, func(res result) bool {
		if !e.ended(res.token) {
			return false
		}
		e.shared.dropped.Add(1)
		return true
	})
}
