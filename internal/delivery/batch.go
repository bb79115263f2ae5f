package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/webhook"
)

// A batch is made when it is sent: of what waits then, so that it fills up
// while the endpoint is busy or its rate is limited. Once it has been sent and
// is to be tried again, the rows of its deliveries hold it together (see
// Owed.Order), and its body is made anew from the same events in the same order.
//
// The deliveries in it stay deliveries: each has its entry in the log, can be
// canceled, and leaves the batch then, or when the transform drops it or fails
// for it.

// batchEvent is the X-Relay-Event of a batch, whose events may be of many types.
const batchEvent = "batch"

// attemptBatch makes one attempt of a batch and hands its result to the
// recorder. It returns what does not fit; of a formed batch, one that was sent
// before, everything fits.
func (e *Engine) attemptBatch(l *lane, ep *endpoint, tasks []*task, formed bool) (rest []*task) {
	w := ep.hook
	tasks = e.weed(w, tasks, formed)
	// As the store will give them back.
	slices.SortFunc(tasks, func(a, b *task) int { return cmp.Compare(a.owed.Event, b.owed.Event) })
	m, tasks, rest, err := e.renderBatch(e.claiming, ep, tasks, formed)
	if err != nil {
		l.notAttempted()
		if !e.stopping() {
			l.rest(nil) // there is no room for its transform now
		}
		e.giveBackAll(l, append(tasks, rest...))
		return nil
	}
	if len(tasks) == 0 {
		l.notAttempted()
		return rest
	}
	b := &Batch{Lead: tasks[0].owed.Event, Count: len(tasks), Events: make([]event.ID, len(tasks))}
	if b.ID = event.ID(-tasks[0].owed.Order); !formed {
		b.ID = e.store.EventReserve()
	}
	made, round, since := tasks[0].owed.Attempts, 0, time.Time{}
	for i, t := range tasks {
		b.Events[i] = t.owed.Event
		made = min(made, t.owed.Attempts)
		if n := t.owed.Attempts - t.owed.Base; i == 0 || n < round {
			round = n
		}
		since = later(since, t.owed.Since) // the batch is as old as its newest event
	}
	a := e.newAttempt(w, tasks[0].ev, tasks[0].owed.Attempts+1)
	a.Batch = b
	how, _ := e.post(e.holding(), ep, a, &m, label{event: batchEvent, id: b.ID.Public(event.BatchPrefix), number: made + 1, batch: len(tasks)})
	if how != endDone {
		if how == endShort {
			e.short(a.Error)
			l.rest(nil)
		}
		l.notAttempted()
		e.giveBackAll(l, tasks)
		return rest
	}
	ended := a.At.Add(a.Timing.Total)
	if len(w.Maintenance) > 0 {
		since = since.Add(w.HeldFor(since, ended))
	}
	s := decide(w, a, round+1, since, ended)
	entries := batchEntries(a, tasks)
	l.mu.Lock()
	l.pace.done(s, a.Timing.Total, time.Now(), e.slots.busy())
	if s == strainNone {
		l.startLocked() // the endpoint may bear more now
	}
	l.mu.Unlock()
	e.health.observe(w, a, ended)
	for i, t := range tasks {
		if a := entries[i]; e.canceled.take(t.owed.Delivery()) && a.Outcome == Retrying {
			a.Outcome, a.NextAt = Failed, time.Time{}
			a.Error += "; not tried again: canceled meanwhile"
		}
	}
	e.recorder.finishBatch(tasks, entries, -int64(b.ID))
	return rest
}

// batchEntries returns the entries of a batch whose first one is a.
func batchEntries(a *Attempt, tasks []*task) []*Attempt {
	entries := make([]*Attempt, len(tasks))
	entries[0] = a
	shared := &Batch{ID: a.Batch.ID, Lead: a.Batch.Lead, Count: a.Batch.Count}
	followers := make([]Attempt, len(tasks)-1)
	for i, t := range tasks[1:] {
		f := &followers[i]
		*f = Attempt{
			Tenant: a.Tenant, Event: t.owed.Event, EventName: t.ev.Name, EventType: t.ev.Type, Webhook: a.Webhook,
			Number: t.owed.Attempts + 1, At: a.At, Outcome: a.Outcome, ErrorKind: a.ErrorKind, Error: a.Error, NextAt: a.NextAt,
			Batch: shared,
		}
		entries[i+1] = f
	}
	return entries
}

// weed settles what need not be sent any more and returns the others. A formed
// batch expires as one.
func (e *Engine) weed(w *webhook.Webhook, tasks []*task, formed bool) []*task {
	now := e.wall()
	var newest time.Time
	for _, t := range tasks {
		newest = later(newest, t.owed.Since)
	}
	return slices.DeleteFunc(tasks, func(t *task) bool {
		if e.canceled.take(t.owed.Delivery()) {
			e.recorder.drop(t)
			return true
		}
		since := t.owed.Since
		if formed {
			since = newest
		}
		if len(w.Maintenance) > 0 {
			since = since.Add(w.HeldFor(since, now))
		}
		if now.Sub(since) > w.Retry.MaxAge {
			e.recorder.settle(t, Expired, fmt.Sprintf("not attempted within %v of being due", w.Retry.MaxAge))
			return true
		}
		return false
	})
}

// renderBatch makes the message of a batch and returns the tasks in it, and
// those that would make a new one too large. It settles, or has tried again by
// themselves, those whose transform drops them or fails. The error says nothing
// about the tasks, which are then all returned.
func (e *Engine) renderBatch(ctx context.Context, ep *endpoint, tasks []*task, formed bool) (m message, in, rest []*task, err error) {
	w := ep.hook
	size := 2
	for _, t := range tasks {
		size += t.ev.Size() + 2*bodyOverhead
	}
	m = message{target: w.Target, contentType: format.BatchTypeOf(w.Format), bodyFormat: w.Format, header: ep.custom}
	m.body = append(make([]byte, 0, size), '[')
	for i, t := range tasks {
		before := len(m.body)
		if len(in) > 0 {
			m.body = append(m.body, ',')
		}
		body, err := e.appendItem(ctx, &m, ep, t.ev)
		var failed *renderError
		switch {
		case err == nil && !formed && len(in) > 0 && len(body)+1 > w.Batch.MaxBytes:
			m.body = append(m.body[:before], ']')
			return m, in, tasks[i:], nil
		case err == nil:
			m.body = body
			in = append(in, t)
			continue
		case errors.Is(err, errDropped):
			e.settleDropped(t, errDropped.Error())
		case errors.As(err, &failed):
			e.failAlone(w, t, failed)
		default:
			return m, in, tasks[i:], err
		}
		m.body = m.body[:before]
	}
	m.body = append(m.body, ']')
	return m, in, nil, nil
}

// appendItem returns the message's body with an event appended to it.
func (e *Engine) appendItem(ctx context.Context, m *message, ep *endpoint, ev *event.Event) ([]byte, error) {
	w := ep.hook
	if w.Script != nil {
		out, err := e.transform(ctx, w.Script, ev)
		switch {
		case err != nil:
			return nil, err
		case out.Text || out.URL != "" || len(out.Query) > 0 || len(out.Headers) > 0:
			return nil, &renderError{kind: exchange.Transform, message: "transform failed (result): of a batched webhook it may return only a body of JSON"}
		case !out.NoBody:
			m.bodyFormat, m.contentType = "", format.ContentType
			return append(m.body, out.Body...), nil
		}
	}
	body, ok := format.AppendItem(m.body, w.Format, ev, event.DeliveryID{Event: ev.ID, Webhook: w.Number})
	if !ok {
		return nil, &renderError{kind: exchange.Invalid, message: fmt.Sprintf("there is no format %q", w.Format)}
	}
	return body, nil
}

// settleDropped records why nothing is sent of a delivery: the transform, or its owner, wants that.
func (e *Engine) settleDropped(t *task, why string) {
	if e.canceled.take(t.owed.Delivery()) {
		e.recorder.drop(t) // which is recorded already
	} else {
		e.recorder.settle(t, Discarded, why)
	}
}

// failAlone records a failed attempt of a delivery that could not be made part
// of its batch.
func (e *Engine) failAlone(w *webhook.Webhook, t *task, failed *renderError) {
	a := e.newAttempt(w, t.ev, t.owed.Attempts+1)
	a.ErrorKind, a.Error = failed.kind, failed.message
	decide(w, a, t.owed.Attempts-t.owed.Base+1, t.owed.Since, a.At)
	if e.canceled.take(t.owed.Delivery()) && a.Outcome == Retrying {
		a.Outcome, a.NextAt = Failed, time.Time{}
		a.Error += "; not tried again: canceled meanwhile"
	}
	e.recorder.finish(t, a)
}

// giveBackAll is lane.giveBack for the deliveries of a batch.
func (e *Engine) giveBackAll(l *lane, tasks []*task) {
	l.mu.Lock()
	dropped := l.removed
	if !dropped {
		l.spillingLocked(tasks)
	}
	l.mu.Unlock()
	if !dropped {
		e.recorder.spill(tasks)
		return
	}
	for _, t := range tasks {
		e.recorder.drop(t)
	}
}

// testBatch sends a batch of one synthetic event.
func (e *Engine) testBatch(ctx context.Context, ep *endpoint, ev *event.Event) (*Attempt, ending) {
	w := ep.hook
	a := e.newAttempt(w, ev, 1)
	a.Test = true
	m := message{target: w.Target, contentType: format.BatchTypeOf(w.Format), bodyFormat: w.Format, header: ep.custom, body: []byte{'['}}
	body, err := e.appendItem(ctx, &m, ep, ev)
	var failed *renderError
	switch {
	case errors.As(err, &failed):
		a.ErrorKind, a.Error = failed.kind, failed.message
		return a, endDone
	case errors.Is(err, errDropped):
		return a, endDropped
	case err != nil && ctx.Err() != nil:
		return a, endInterrupted
	case err != nil:
		return a, endBusy
	}
	m.body = append(body, ']')
	a.Batch = &Batch{ID: ev.ID, Lead: ev.ID, Count: 1, Events: []event.ID{ev.ID}}
	how, _ := e.post(ctx, ep, a, &m, label{event: batchEvent, id: ev.ID.Public(event.BatchPrefix), number: 1, batch: 1})
	return a, how
}
