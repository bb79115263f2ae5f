package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/webhook"
)

// attempt makes one attempt of the delivery and hands its result to the
// recorder. It reports whether the delivery is settled.
func (e *Engine) attempt(l *lane, ep *endpoint, t *task) (settled bool) {
	now := e.wall()
	since := t.owed.Since
	if ep.hook.MayBeHeld() {
		since = since.Add(ep.hook.HeldFor(since, now))
	}
	if now.Sub(since) > ep.hook.Retry.MaxAge {
		settled = e.settleUnsent(ep, t, Expired, fmt.Sprintf("not attempted within %v of being due", ep.hook.Retry.MaxAge))
		l.notAttempted()
		return settled
	}
	m := newMessage(ep.hook, t.ev, t.owed.Attempts+1)
	defer m.free()
	a, res, how := e.send(e.attemptContext(), ep, m)
	switch how {
	case endInterrupted:
		e.release(t) // Relay stops
		return false
	case endBusy, endShort:
		if how == endShort {
			e.short(a.Error)
		}
		l.notAttempted()
		l.coolDown(t)
		e.release(t)
		return false
	case endLimited:
		l.notAttempted()
		l.coolFor(res.After, t)
		e.release(t)
		return false
	case endChanged:
		l.notAttempted()
		return l.releaseOrDrop(t)
	case endDropped:
		e.settleDropped(t, a.Error)
		l.notAttempted()
		return true
	}
	ended := a.At.Add(a.Timing.Total)
	applyPolicy(ep.hook, a, &res, t.owed.Attempts-t.owed.Base+1, since, ended)
	e.stopCanceled(t, a)
	if a.Outcome.Settles() && !ep.tellSettler(&m.Items[0], a) {
		e.release(t)
		return false
	}
	if a.ErrorKind == exchange.Transform {
		// The endpoint was not asked: this says nothing about it, and costs
		// nothing of its rate.
		l.notAttempted()
		e.recorder.finish(t, a)
		return a.Outcome.Settles()
	}
	l.attempted(res.Class, a.Timing.Total)
	e.recorder.finish(t, a)
	e.health.observe(ep, a, &res, ended)
	return a.Outcome.Settles()
}

// attempted passes an attempt's load signal to the lane's pace.
func (l *lane) attempted(c destination.Class, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pace.done(signalOf(c), took, time.Now(), l.engine.slots.busy())
	if c == destination.Done {
		l.startLocked() // the endpoint may bear more now
	}
}

// signalOf returns the load signal of an attempt of the class.
func signalOf(c destination.Class) loadSignal {
	switch c {
	case destination.Done:
		return loadNone
	case destination.Refused:
		return loadRefused
	default:
		return loadStrained
	}
}

// applyPolicy applies the retry policy to a finished attempt, the nth of its round.
func applyPolicy(w *webhook.Webhook, a *Attempt, res *destination.Result, n int, since, ended time.Time) {
	if a.Outcome == Delivered || res.Final {
		return
	}
	d := w.Retry.Decide(webhook.Result{Status: res.Code, Kind: res.Reason, After: res.After}, n, since, ended)
	if d.Retry {
		a.Outcome, a.NextAt = Retrying, d.At.UTC().Truncate(time.Millisecond)
	} else if d.Expired {
		a.Error += fmt.Sprintf("; not tried again: the next attempt would come later than %v after the first", w.Retry.MaxAge)
	}
}

// stopCanceled ends a delivery that is to be retried but was canceled during
// its attempt.
func (e *Engine) stopCanceled(t *task, a *Attempt) {
	if e.canceled.take(t.owed.Delivery()) && a.Outcome == Retrying {
		a.Outcome, a.NextAt = Failed, time.Time{}
		a.Error += "; not tried again: canceled meanwhile"
	}
}

// settleUnsent ends a delivery without a request. It reports false when it was
// released instead, because Relay stops.
func (e *Engine) settleUnsent(ep *endpoint, t *task, outcome Outcome, why string) bool {
	if ep.sender.Settler != nil {
		a := &Attempt{Tenant: t.owed.Tenant, Event: t.owed.Event, Webhook: t.owed.Webhook, Outcome: outcome, Error: why}
		if !ep.tellSettler(&destination.Item{Event: t.ev, Delivery: t.owed.Delivery()}, a) {
			e.release(t)
			return false
		}
	}
	e.recorder.settle(t, outcome, why)
	return true
}

// release returns a task to the store uncounted; those behind it in its order
// are the caller's.
func (e *Engine) release(t *task) {
	rest := t.next
	t.next = nil
	e.recorder.park([]*task{t})
	t.next = rest
}

// ending says how send ended.
type ending uint8

const (
	endDone        ending = iota // the log's entry says how
	endInterrupted               // ctx ended first
	endChanged                   // the webhook was changed first so that nothing may be sent
	endBusy                      // there is no room for its transform now
	endDropped                   // nothing is to be sent
	endShort                     // this server lacks a resource that requests need; the entry's Error names it
	endLimited                   // the destination's own limit is used up; the result's After says for how long
)

// send makes the request of an attempt and returns its entry for the log,
// Delivered or Failed, and the destination's answer.
func (e *Engine) send(ctx context.Context, ep *endpoint, m *outgoing) (a *Attempt, res destination.Result, how ending) {
	making := ctx
	if !m.Test {
		making = e.claiming // what waits for its transform when Relay stops is released at once: nothing was sent
	}
	buf := m.buf[:0]
	m.buf = nil
	err := e.render(making, ep, &m.Message, buf)
	// The entry after render, which may have waited for its turn: receivers check how old a signature is.
	a = e.newAttempt(ep, m.Items[0].Event, m.Number)
	a.Test = m.Test
	if err != nil {
		var failed *RenderError
		var dropped *DroppedError
		switch {
		case errors.As(err, &failed):
			a.ErrorKind, a.Error = failed.Kind, failed.Message
			return a, destination.Result{Class: destination.Refused, Reason: failed.Kind}, endDone
		case errors.As(err, &dropped):
			a.Error = dropped.Why
			return a, res, endDropped
		case making.Err() != nil:
			return a, res, endInterrupted
		default:
			return a, res, endBusy
		}
	}
	res, how = e.post(ctx, ep, a, &m.Message)
	if !res.Held && a.Request.Body == nil && ep.sender.Composer == nil {
		m.keepBuffer()
	}
	return a, res, how
}

// newAttempt returns the entry of an attempt that begins now.
func (e *Engine) newAttempt(ep *endpoint, ev *event.Event, number int) *Attempt {
	w := ep.hook
	return &Attempt{
		Tenant: w.Tenant, Event: ev.ID, EventName: ev.Name, EventType: ev.Type,
		Webhook: w.Number, Number: number, At: e.wall().UTC().Truncate(time.Millisecond), Outcome: Failed,
		Request: ep.sender.Target(), Trace: ev.Trace,
	}
}

// post sends a message and completes the entry of its attempt.
func (e *Engine) post(ctx context.Context, ep *endpoint, a *Attempt, m *destination.Message) (res destination.Result, how ending) {
	m.At = a.At
	if ep.hook.Traceparent {
		m.Trace = e.handOn(a, m)
	}
	if !m.Test {
		if ep.hook.Script != nil && !ep.MaySend() {
			return res, endChanged
		}
		m.Still = ep
	}
	res = e.callSender(ctx, ep, m)
	a.Request, a.Response, a.Timing = res.Request, res.Response, res.Timing
	switch res.Class {
	case destination.Interrupted:
		return res, endInterrupted
	case destination.Changed:
		return res, endChanged
	case destination.Short:
		a.Error = res.Text
		return res, endShort
	case destination.Limited:
		a.Error = res.Text
		return res, endLimited
	case destination.Done:
		a.Outcome, a.Error = Delivered, res.Text // a remark: there is no ErrorKind
	default:
		a.ErrorKind, a.Error = res.Reason, res.Text
	}
	if res.Reason == exchange.Transform {
		a.Error = badAsk(ep, res.Text)
		return res, endDone // nothing was sent
	}
	if a.Request.BodyFormat = m.BodyFormat; m.Test || m.BodyFormat == "" {
		// The log must hold the body itself: a test's event is not stored, and
		// a transform may be changed.
		a.Request.Body, a.Request.BodyFormat = m.Body, ""
	}
	return res, endDone
}

// handOn returns the trace that the receiver of a message is to go on with: below the attempt, if attempts are reported as
// spans, else where the event was published. It is nil where the events of a batch are of several traces, of which the
// request could name only one.
func (e *Engine) handOn(a *Attempt, m *destination.Message) *event.Trace {
	t := a.Trace
	if t == nil {
		return nil
	}
	for i := range m.Items {
		if other := m.Items[i].Event.Trace; other == nil || other.ID() != t.ID() {
			return nil
		}
	}
	if e.traced {
		t = t.In(a.Span())
	}
	return t
}

// shortEvery is how often at most a shortage is logged: every attempt meets it.
const shortEvery = 10 * time.Second

// short notes an attempt that was released because this server lacks what a
// request needs, which is no fault of the endpoint's.
func (e *Engine) short(why string) {
	n := e.metrics.short.Add(1)
	now := time.Now().UnixNano()
	last := e.shortLogged.Load()
	if now-last < int64(shortEvery) || !e.shortLogged.CompareAndSwap(last, now) {
		return
	}
	e.log.Warn("attempts are released uncounted: this server is short of something", "reason", why, "attempts", n)
}
