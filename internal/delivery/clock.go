package delivery

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// The machine's clock may be wrong for a while and be set right, on one of
// several servers too. Ids never go back, so that those given before lie in the
// future afterwards, and so do due times that were stored. Therefore nothing is
// due later than now because of its id, waits in memory are measured by the
// monotonic clock, and stored times are corrected when the clock is set back.

// clockEvery is how often it is looked for. Tests shorten it.
var clockEvery = 15 * time.Second

// clockStep is by how much a clock must have been set to be worth it. Slewing,
// as NTP does, changes it by some ms in clockEvery.
const clockStep = 2 * time.Second

// clock tells the time, and knows when it was set.
type clock struct {
	now   func() time.Time
	begun time.Time // with its monotonic reading
	// stored tells that something was stored since the last look.
	stored atomic.Bool
	// gone tells that another node is gone, whose clock may have been ahead.
	gone  atomic.Bool
	steps atomic.Int64 // how often the clock was set

	// The following belong to watchClock.
	drift  time.Duration // at the last look
	ahead  time.Duration // of the newest id, when it was last above clockStep
	passes int           // of correctDue, to be made
}

func (c *clock) init(now func() time.Time) {
	if now == nil {
		now = time.Now
	}
	c.now, c.begun = now, time.Now()
	c.drift = c.drifted()
	c.stored.Store(true)
}

// drifted returns how far the clock has moved against the monotonic one.
func (c *clock) drifted() time.Duration {
	return c.now().Round(0).Sub(c.begun.Round(0)) - time.Since(c.begun)
}

// wall returns the time of day. It has no monotonic reading: the times it is compared
// with was stored, or will be.
func (e *Engine) wall() time.Time { return e.clock.now().Round(0) }

// watchClock corrects due times when the clock was set, until the engine stops.
func (e *Engine) watchClock() {
	failing := false
	for {
		err := e.lookAtClock()
		if err != nil && !failing && !e.stopping() {
			e.log.Error("correcting due times failed, trying again", "err", err)
		}
		failing = err != nil
		if !e.sleep(clockEvery) {
			return
		}
	}
}

func (e *Engine) lookAtClock() error {
	c := &e.clock
	drift := c.drifted()
	if step := drift - c.drift; step.Abs() >= clockStep {
		e.clockSet(step)
	}
	c.drift = drift
	if err := e.lookAhead(); err != nil || c.passes == 0 {
		return err
	}
	if e.shared != nil {
		// A clock that is behind takes everybody's times for future ones.
		p, err := e.shared.store.Pulse(e.claiming)
		if err != nil || e.wall().Sub(p.Clock).Abs() > maxSkew {
			return err
		}
	}
	if err := e.correctDue(); err != nil {
		return err
	}
	c.passes--
	return nil
}

// lookAhead finds out whether the newest id lies in the future, farther than
// before. Then a clock was ahead: this one, for however short a time, or that of
// another node or of an earlier run.
func (e *Engine) lookAhead() error {
	c := &e.clock
	gone := c.gone.Swap(false)
	if !c.stored.Swap(e.shared != nil) && !gone {
		return nil
	}
	newest, err := e.store.Newest(e.claiming, event.LastTime())
	if err != nil {
		c.stored.Store(true)
		c.gone.Store(gone)
		return err
	}
	ahead := newest.Sub(e.wall())
	switch {
	case newest.IsZero() || ahead < clockStep:
		c.ahead = 0
	case ahead > c.ahead+clockStep || gone:
		e.log.Warn("the newest stored id is ahead of this machine's clock, a clock is or was wrong: due times are looked at again",
			"by", ahead.Round(time.Second))
		c.ahead, c.passes = ahead, 2 // once more for rows that were on their way to the store
	}
	return nil
}

// clockSet has everything that waits for a time of day look at the clock again.
func (e *Engine) clockSet(step time.Duration) {
	e.clock.steps.Add(1)
	e.log.Warn("this machine's clock was set", "by", step.Round(time.Millisecond))
	for _, l := range e.allLanes() {
		l.clockSet()
	}
	e.due.again()
}

// correctDue makes rows due that have a later due time only because the
// clock was ahead.
func (e *Engine) correctDue() error {
	list, err := e.store.OwedSummaries(e.claiming)
	if err != nil {
		return err
	}
	now := e.wall().UTC().Truncate(time.Millisecond)
	total := 0
	for _, s := range list {
		w, ok := e.hooks.ByNumber(s.Webhook)
		if !ok {
			continue
		}
		n, err := e.store.OwedReschedule(e.claiming, s.Webhook, now, func(o *Owed) (bool, error) { return e.dueSooner(w, o, now) })
		if err != nil {
			return err
		}
		total += n
		e.lane(w).owedAt(now, false)
	}
	if total > 0 {
		e.log.Warn("deliveries were due too late, because a clock was ahead: corrected", "deliveries", total)
	}
	return nil
}

// dueSooner corrects a row that is due after now; it reports whether it was
// wrong. A batch's rows, which have the same due time, are changed alike.
func (e *Engine) dueSooner(w *webhook.Webhook, o *Owed, now time.Time) (bool, error) {
	due := now
	switch o.Reason {
	case ReasonLater:
		return false, nil // the publisher said when
	case ReasonFilter: // which may have been put off, too
		events, _, err := EventsOf(e.claiming, e.store, []event.ID{o.Event})
		if err != nil {
			return false, fmt.Errorf("reading the event of %s: %w", o.Delivery(), err)
		}
		if ev := events[o.Event]; ev != nil {
			due = later(due, ev.DeliverAt)
		}
	case ReasonGather:
		if w.Batch != nil {
			due = now.Add(w.Batch.MaxWait)
		}
	case ReasonRetry:
		wait, ok, err := e.waitFromFuture(o, now)
		if !ok || err != nil {
			return false, err
		}
		due = now.Add(wait)
	}
	if !due.Before(o.Due) {
		return false, nil
	}
	o.Due, o.Since = due, earlier(o.Since, due)
	return true, nil
}

// waitFromFuture returns how long a delivery was to wait for its retry; ok is
// false unless the attempt before it was made by a clock that was ahead.
func (e *Engine) waitFromFuture(o *Owed, now time.Time) (wait time.Duration, ok bool, err error) {
	list, err := e.store.AttemptsOfDelivery(e.claiming, o.Tenant, event.DeliveryID{Event: o.Event, Webhook: o.Webhook})
	if err != nil {
		return 0, false, fmt.Errorf("reading the log of %s: %w", o.Delivery(), err)
	}
	for _, a := range list {
		if !a.Test && a.Outcome == Retrying && a.Number == o.Attempts {
			wait, ok = a.NextAt.Sub(a.At), a.At.After(now)
		}
	}
	return wait, ok, nil
}

// clockSet has the lane's timers set anew.
func (l *lane) clockSet() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil && l.timer.Stop() {
		l.timer = nil
	}
	l.gather.open = openBatch{} // its due time is of the clock before
	l.startLocked()
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
