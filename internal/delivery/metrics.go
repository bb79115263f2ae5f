package delivery

import (
	"sync/atomic"
	"time"
)

// Metrics are the engine's counters. All but InFlight only grow.
type Metrics struct {
	inFlight atomic.Int64
	outcomes [8]atomic.Int64
	seconds  [len(DurationBuckets) + 1]atomic.Int64
	totalNs  atomic.Int64
	lags     [len(LagBuckets) + 1]atomic.Int64
	lagNs    atomic.Int64 // from acceptance to the beginning of the first attempt
	// Turns to the store for owed deliveries, and those that brought none.
	claims, emptyClaims atomic.Int64
	short               atomic.Int64 // attempts given back for a shortage of our own
	// Evaluations of filters, and those that the router left to the workers; of these, those that wait in the store.
	filters, filterNs, filtersPostponed, filtersStored atomic.Int64
}

type counter = atomic.Int64

// filter counts an evaluation of a webhook's filter.
func (m *Metrics) filter(cost *filterCost, took time.Duration) {
	cost.evaluations.Add(1)
	cost.nanoseconds.Add(int64(took))
	m.filters.Add(1)
	m.filterNs.Add(int64(took))
}

// postponed counts an evaluation that is left to the workers.
func (m *Metrics) postponed(l *lane, stored bool) {
	l.filter.postponed.Add(1)
	m.filtersPostponed.Add(1)
	if stored {
		m.filtersStored.Add(1)
	}
}

// FilterCost is the cost of a webhook's filter to this server since it started.
type FilterCost struct {
	Evaluations int64
	Time        time.Duration
	// Postponed is how many evaluations took too long to be made while events are routed.
	Postponed int64
}

// FilterCost returns the cost of a webhook's filter; zero without one.
func (e *Engine) FilterCost(number uint32) FilterCost {
	l := e.laneOf(number)
	if l == nil {
		return FilterCost{}
	}
	return FilterCost{l.filter.evaluations.Load(), time.Duration(l.filter.nanoseconds.Load()), l.filter.postponed.Load()}
}

// DurationBuckets are the upper bounds of the attempt duration histogram, in seconds.
var DurationBuckets = [...]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}

// LagBuckets are the upper bounds of the histogram of lags, in seconds. An endpoint that works hears of an event within
// milliseconds; the last bounds are for backlogs.
var LagBuckets = [...]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200}

// started counts the first attempt of a delivery that was owed since the time: that of its event's acceptance, or the one
// for which it was asked.
func (m *Metrics) started(a *Attempt, since time.Time) {
	if a.Number != 1 || a.Test || !a.Outcome.IsAttempt() {
		return
	}
	lag := max(a.At.Sub(since), 0)
	s, i := lag.Seconds(), 0
	for i < len(LagBuckets) && s > LagBuckets[i] {
		i++
	}
	m.lags[i].Add(1)
	m.lagNs.Add(int64(lag))
}

func (m *Metrics) count(a *Attempt) {
	m.outcomes[a.Outcome&7].Add(1)
	if !a.Outcome.IsAttempt() {
		return
	}
	s := a.Timing.Total.Seconds()
	i := 0
	for i < len(DurationBuckets) && s > DurationBuckets[i] {
		i++
	}
	m.seconds[i].Add(1)
	m.totalNs.Add(int64(a.Timing.Total))
}

// Snapshot is the state of the engine's counters and gauges.
type Snapshot struct {
	Outcomes    map[Outcome]int64 // entries of the log since the start
	Durations   []int64           // attempts per bucket of DurationBuckets, the last beyond all; not cumulative
	DurationSum time.Duration
	InFlight    int64         // attempts under way
	QueuedBytes int64         // memory held by deliveries waiting in lanes
	Lanes       int           // webhooks with a lane
	Starving    int64         // lanes waiting for a slot
	Lags        []int64       // first attempts per bucket of LagBuckets, the last beyond all; not cumulative
	LagSum      time.Duration // from acceptance to the first attempt, or from the time for which it was asked
	// Turns to the store for owed deliveries, and how many of them brought none.
	Claims, EmptyClaims int64
	ClockSteps          int64 // how often the machine's clock was seen to be set
	Short               int64 // attempts given back uncounted because this server lacked a resource that requests need
	// Evaluations of filters while events are routed, the time they took, how many took too long for the router, how many of these
	// were put into the store for want of memory, and how many wait in memory now.
	Filters, FiltersPostponed, FiltersStored, FiltersWaiting int64
	FilterTime                                               time.Duration
	StoreDown                                                bool // results cannot be recorded at the moment, or the store cannot be reached
	// Of a store that other nodes share; zero without one.
	Nodes          int64 // that live, as far as known
	Idle           bool  // the lease has run out: no attempt starts
	DroppedResults int64 // not recorded, because others had taken the deliveries over
}

// Snapshot returns the engine's counters and gauges. It is cheap.
func (e *Engine) Snapshot() Snapshot {
	m := &e.metrics
	s := Snapshot{
		Outcomes:    make(map[Outcome]int64),
		DurationSum: time.Duration(m.totalNs.Load()),
		InFlight:    m.inFlight.Load(),
		QueuedBytes: e.queued.Load(),
		Starving:    e.slots.waiters.Load(),
		LagSum:      time.Duration(m.lagNs.Load()),
		Claims:      m.claims.Load(),
		EmptyClaims: m.emptyClaims.Load(),
		ClockSteps:  e.clock.steps.Load(),
		Short:       m.short.Load(),

		Filters: m.filters.Load(), FilterTime: time.Duration(m.filterNs.Load()), FiltersPostponed: m.filtersPostponed.Load(),
		FiltersStored: m.filtersStored.Load(), FiltersWaiting: int64(e.decider.waiting()),
	}
	for o := Delivered; o <= Discarded; o++ {
		s.Outcomes[o] = m.outcomes[o].Load()
	}
	for i := range m.seconds {
		s.Durations = append(s.Durations, m.seconds[i].Load())
	}
	for i := range m.lags {
		s.Lags = append(s.Lags, m.lags[i].Load())
	}
	e.mu.RLock()
	s.Lanes = len(e.lanes)
	e.mu.RUnlock()
	e.recorder.mu.Lock()
	s.StoreDown = !e.recorder.failing.IsZero()
	e.recorder.mu.Unlock()
	if h := e.shared; h != nil {
		s.StoreDown = s.StoreDown || h.down.Load()
		s.Nodes, s.DroppedResults, s.Idle = h.nodes.Load(), h.dropped.Load(), !e.leased()
	}
	return s
}
