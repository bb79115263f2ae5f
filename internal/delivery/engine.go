// Package delivery is the engine that delivers everything: it takes accepted
// events, decides which webhooks they are owed to, makes the attempts, and
// records their results.
//
// The idea is to write as little as possible. An event that is delivered at
// once costs nothing in storage but its own row and its attempt. Only what
// cannot be finished now (a retry, a backlog too deep for memory) gets a row,
// an "owed" one. The block of a group commit that an event arrived in, its intake, stays open
// until each delivery of its events is recorded as settled or owed; a node
// that starts routes the events of open intakes again and skips deliveries that are done.
// So nothing in memory is needed for correctness.
//
// The parts, in the order in which an event meets them:
//
//   - engine.go starts and stops everything; contract.go and contract_shared.go
//     have the words and the storage that the engine needs
//   - route.go matches events to webhooks, and leaves filters that take long to
//     undecided.go; recover.go routes the events of intakes that were open at the start
//   - lane.go has the lane of a webhook: its deliveries in memory (queue.go), those
//     that wait to share a request (gather.go), and as many workers as its endpoint
//     can bear (pace.go) and the server has room for (slots.go, crew.go)
//   - attempt.go makes one attempt, batch.go that of a batch: render.go makes the
//     content, endpoint.go has the sender, which knows the protocol
//     (package destination), and contain.go turns its panics into failed attempts
//   - record.go commits results in groups
//   - due.go wakes lanes when owed deliveries are due, and claim.go brings these back
//   - health.go disables endpoints that only fail; jobs.go recovers and replays
//   - watch.go shows attempts to those who follow them
//   - sharing.go does what several servers on one database need: it looks for changed
//     revisions, has them read (Config.Refresh), and takes over from dead servers
//   - clock.go notices clocks that are set; overdue.go and metrics.go are for operators
//   - machine.go and canceled.go serve package ledger, testsend.go sends test events;
//     damaged.go handles events that can no longer be read
package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/webhook"
)

// routeAhead bounds the group commits that wait to be routed; publishers block
// while the queue is full. Each may hold several MiB of events.
const routeAhead = 4

// Config has the parts that an engine works with.
type Config struct {
	Store    Store
	Webhooks *webhook.Registry // New subscribes to its changes
	// Destinations has what makes the attempts.
	Destinations *destination.Table
	// Transforms runs the scripts of webhooks that have one. Nil: their
	// attempts fail.
	Transforms Transformer
	Log        *slog.Logger
	// Memory bounds the bytes of deliveries waiting in memory; more waits in
	// the store. Zero: 48 MiB.
	Memory int64
	// MaxInFlight bounds attempts under way at a time. Zero: 4,096.
	MaxInFlight int
	// Publish accepts an operational event; it must not block for long. Nil:
	// operational events are dropped (tests).
	Publish func(ctx context.Context, tenant event.TenantID, eventType string, data []byte) error
	// Refresh reads the kinds of configuration that other nodes have changed,
	// where the Store is a SharedStore. Nil: only Webhooks is refreshed.
	Refresh func(ctx context.Context, changed []registry.Kind) error
	// Traced tells that attempts are reported as spans of their events' traces, so that what receivers do can be below them.
	Traced bool
	// Now is the clock that may be set while Relay runs; durations are measured
	// by another. Nil: time.Now.
	Now func() time.Time
}

// Engine delivers events. Make it with New, then Start; Stop ends it.
type Engine struct {
	store        Store
	hooks        *webhook.Registry
	destinations *destination.Table
	transforms   Transformer
	log          *slog.Logger
	publish      func(ctx context.Context, tenant event.TenantID, eventType string, data []byte) error
	counted      func(list []*Attempt)                 // nil: nobody counts; see CountBy
	shownFrom    func(tenant event.TenantID) time.Time // nil: all; see ShowFrom

	traced  bool         // see Config.Traced
	memory  int64        // bound of queued
	queued  atomic.Int64 // bytes of deliveries waiting in lanes
	slots   slots
	intakes chan []Intake // accepted, not routed; see Accept

	mu           sync.RWMutex // guards lanes and tables
	lanes        map[uint32]*lane
	tables       map[event.TenantID]*table // compiled on first use after a change
	tableVersion atomic.Int64              // raised, under mu, with each change that matters to tables

	shared     *sharing     // nil: the store is this process's alone
	endedBelow atomic.Int64 // see ended

	clock    clock
	recorder *recorder
	decider  *decider
	due      *dueLoop
	health   *healthKeeper
	jobs     *jobRunner
	canceled canceledSet
	metrics  Metrics
	watches  watches
	// shortLogged is when a shortage was logged last, nanoseconds since 1970.
	shortLogged atomic.Int64

	// claiming ends when Stop begins: no attempt starts after. working ends
	// when attempts under way are to be interrupted.
	claiming, working       context.Context
	stopClaiming, interrupt context.CancelFunc
	gate                    sync.RWMutex   // see spawn
	workers                 crew           // attempts and their goroutines
	loops                   sync.WaitGroup // router, due loop, health, jobs
	startOnce, stopOnce     sync.Once
	recovered               chan struct{} // closed when open intakes are routed again
}

// New returns an engine. It does nothing before Start.
func New(c Config) (*Engine, error) {
	switch {
	case c.Store == nil:
		return nil, errors.New("delivery: no store")
	case c.Webhooks == nil:
		return nil, errors.New("delivery: no webhooks")
	case c.Destinations == nil:
		return nil, errors.New("delivery: no destinations")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Memory == 0 {
		c.Memory = 48 << 20
	}
	if c.MaxInFlight == 0 {
		c.MaxInFlight = 4096
	}
	e := &Engine{
		store: c.Store, hooks: c.Webhooks, destinations: c.Destinations, transforms: c.Transforms, log: c.Log,
		publish: c.Publish, memory: c.Memory, traced: c.Traced,
		intakes:   make(chan []Intake, routeAhead),
		lanes:     make(map[uint32]*lane),
		tables:    make(map[event.TenantID]*table),
		recovered: make(chan struct{}),
	}
	e.slots.init(c.MaxInFlight)
	e.clock.init(c.Now)
	e.claiming, e.stopClaiming = context.WithCancel(context.Background())
	e.working, e.interrupt = context.WithCancel(context.Background())
	e.recorder = newRecorder(e)
	e.decider = newDecider(e)
	e.due = newDueLoop(e)
	e.health = newHealthKeeper(e)
	e.jobs = newJobRunner(e)
	c.Webhooks.Subscribe(e.webhookChanged)
	if s, ok := c.Store.(SharedStore); ok {
		e.shared = newSharing(e, s, c.Refresh)
	}
	return e, nil
}

// Start reads the owed deliveries, begins to deliver, and returns. The events of
// open intakes are routed in the background (see Recovered).
func (e *Engine) Start(ctx context.Context) error {
	summaries, err := e.store.OwedSummaries(ctx)
	if err == nil && e.shared != nil {
		err = e.shared.begin(ctx)
	}
	if err != nil {
		return fmt.Errorf("reading what is owed: %w", err)
	}
	started := false
	e.startOnce.Do(func() {
		started = true
		e.recorder.start()
		e.loops.Go(e.route)
		e.loops.Go(func() {
			e.recover()
			// Nothing is claimed before all that recovery makes owed is stored:
			// of an order, new events would go before those that were accepted
			// before the start. The store lets the first of its rows go, and must
			// know of all of them.
			select {
			case <-e.recorder.barrier():
			case <-e.claiming.Done():
			}
			for _, s := range summaries {
				if w, ok := e.hooks.ByNumber(s.Webhook); ok && w.Status != webhook.Ended {
					e.lane(w).owedAt(s.Next, false)
				} else {
					e.jobs.discard(s.Tenant, s.Webhook)
				}
			}
			close(e.recovered)
			e.due.run()
		})
		if e.shared != nil {
			e.loops.Go(e.shared.run)
			e.loops.Go(e.shared.runTakeOver)
			e.loops.Go(func() { e.watches.follow(e, e.shared.store) })
		}
		e.loops.Go(e.watchClock)
		e.loops.Go(e.health.run)
		e.loops.Go(e.jobs.run)
	})
	if !started {
		return errors.New("delivery: started twice")
	}
	return nil
}

// Recovered is closed when the events of all intakes that were open at the
// start have been routed again.
func (e *Engine) Recovered() <-chan struct{} { return e.recovered }

// EventReserve returns an id that no stored event has or will have, for one
// that is only looked at.
func (e *Engine) EventReserve() event.ID { return e.store.EventReserve() }

// Accept takes over stored events and routes them. It blocks while many wait
// to be routed.
func (e *Engine) Accept(intakes []Intake) {
	select {
	case e.intakes <- intakes:
	case <-e.claiming.Done():
		// Stopping: the intakes stay open and are routed at the next start.
	}
}

// Stop ends the engine. No attempt starts any more; those under way may end
// until ctx does, and are then interrupted and given back uncounted. What is
// finished is recorded.
func (e *Engine) Stop(ctx context.Context) error {
	var err error
	e.stopOnce.Do(func() {
		e.gate.Lock()
		e.stopClaiming()
		e.gate.Unlock()
		e.recorder.drain()
		e.loops.Wait()
		ended := make(chan struct{})
		go func() { e.workers.wait(); close(ended) }()
		select {
		case <-ended:
		case <-ctx.Done():
			e.interrupt()
			<-ended
		}
		e.workers.end()
		e.interrupt()
		e.mu.RLock()
		for _, l := range e.lanes {
			l.current().close()
		}
		e.mu.RUnlock()
		err = e.recorder.stop()
	})
	return err
}

// spawn runs f in a goroutine that Stop waits for. It reports false, and does
// not, once Stop has begun: the gate keeps workers from growing under its wait.
func (e *Engine) spawn(f func()) bool {
	e.gate.RLock()
	defer e.gate.RUnlock()
	if e.stopping() {
		return false
	}
	e.workers.Go(f)
	return true
}

// stopping reports whether Stop has begun.
func (e *Engine) stopping() bool { return e.claiming.Err() != nil }

// sleep waits, but not beyond Stop; it reports whether the time has passed.
func (e *Engine) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-e.claiming.Done():
		return false
	}
}

// lane returns the webhook's lane, made on first use.
func (e *Engine) lane(w *webhook.Webhook) *lane {
	e.mu.RLock()
	l := e.lanes[w.Number]
	e.mu.RUnlock()
	if l != nil {
		return l
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if l = e.lanes[w.Number]; l == nil {
		l = newLane(e, w)
		e.lanes[w.Number] = l
	}
	return l
}

// laneOf returns the lane of the webhook's number, nil if there is none.
func (e *Engine) laneOf(number uint32) *lane {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.lanes[number]
}

// orphaned has a row removed that was stored after its webhook was deleted or had ended, by
// an attempt that was under way then. Nobody would come for it.
func (e *Engine) orphaned(o *Owed) {
	if w, ok := e.hooks.ByNumber(o.Webhook); !ok || w.Status == webhook.Ended {
		e.jobs.discard(o.Tenant, o.Webhook)
	}
}

// webhookChanged keeps routing tables and lanes in step with the registry.
func (e *Engine) webhookChanged(old, new *webhook.Webhook) {
	if old == nil || new == nil || routesDiffer(old, new) {
		e.mu.Lock()
		delete(e.tables, cmp.Or(new, old).Tenant)
		e.tableVersion.Add(1)
		e.mu.Unlock()
	}
	if new == nil || new.Status == webhook.Ended {
		if old == nil {
			return // it ended before this server started
		}
		e.mu.Lock()
		l := e.lanes[old.Number]
		delete(e.lanes, old.Number)
		e.mu.Unlock()
		if l != nil {
			l.remove()
		}
		e.jobs.discard(old.Tenant, old.Number)
		return
	}
	resumed := old != nil && !old.Sends() && new.Sends()
	if resumed {
		e.health.forget(new.ID)
	}
	if old != nil && old.Auth != new.Auth {
		e.health.accept(new.Number)
	}
	if old != nil && old.Health != new.Health {
		e.health.stored(new)
	}
	if l := e.laneOf(new.Number); l != nil {
		l.setWebhook(new)
		if resumed {
			e.due.wake(l)
		}
	}
}
