package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/destination"
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
	tasks = e.dropSettled(ep, tasks, formed)
	// As the store will return them.
	slices.SortFunc(tasks, func(a, b *task) int { return cmp.Compare(a.owed.Event, b.owed.Event) })
	m, tasks, rest, err := e.renderBatch(e.claiming, ep, tasks, formed)
	if err != nil {
		l.notAttempted()
		if !e.stopping() {
			l.coolDown(nil) // there is no room for its transform now
		}
		l.releaseOrDropAll(append(tasks, rest...))
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
	a := e.newAttempt(ep, tasks[0].ev, tasks[0].owed.Attempts+1)
	a.Batch = b
	m.ID, m.Type, m.Number = b.ID.Public(event.BatchPrefix), batchEvent, made+1
	res, how := e.post(e.attemptContext(), ep, a, m)
	if how != endDone {
		switch how {
		case endShort:
			e.short(a.Error)
			l.coolDown(nil)
		case endLimited:
			l.coolFor(res.After)
		}
		l.notAttempted()
		l.releaseOrDropAll(tasks)
		return rest
	}
	ended := a.At.Add(a.Timing.Total)
	if w.MayBeHeld() {
		since = since.Add(w.HeldFor(since, ended))
	}
	orders := []int64{-int64(b.ID)} // of the batches of the retried deliveries, by halves
	if res.Split && len(tasks) > 1 {
		// It says nothing about the endpoint: it was refused for an item that only halving finds.
		a.Outcome, a.NextAt = Retrying, ended.UTC().Truncate(time.Millisecond)
		a.Error += "; sent again in two halves"
		orders = []int64{-int64(e.store.EventReserve()), -int64(e.store.EventReserve())}
		l.attempted(destination.Done, a.Timing.Total)
	} else {
		res.Final = res.Final || res.Split
		applyPolicy(w, a, &res, round+1, since, ended)
		l.attempted(res.Class, a.Timing.Total)
		e.health.observe(ep, a, &res, ended)
	}
	entries := batchEntries(a, tasks)
	judgeItems(w, entries, &res, round+1, since, ended)
	kept := tasks[:0:0]
	results := entries[:0:0]
	for i, t := range tasks {
		t.owed.Order = orders[i*len(orders)/len(tasks)]
		if len(orders) > 1 {
			t.owed.Base++ // halving does not use up the policy's attempts
		}
		e.stopCanceled(t, entries[i])
		if entries[i].Outcome.Settles() && !ep.tellSettler(&m.Items[i], entries[i]) {
			e.release(t)
			continue
		}
		kept, results = append(kept, t), append(results, entries[i])
	}
	e.recorder.finishBatch(kept, results)
	return rest
}

// judgeItems sets in the entries of a batch what its destination said of each
// item, if it did. Items that it wants again are retried as the policy says.
func judgeItems(w *webhook.Webhook, entries []*Attempt, res *destination.Result, n int, since, ended time.Time) {
	if len(res.Verdicts) != len(entries) {
		return // one verdict for all
	}
	reason := res.Reason
	if reason == "" {
		reason = exchange.Status
	}
	for i, v := range res.Verdicts {
		a := entries[i]
		a.NextAt, a.Error = time.Time{}, v.Text
		if v.Outcome == destination.ItemDelivered {
			a.Outcome, a.ErrorKind = Delivered, ""
			continue
		}
		a.Outcome, a.ErrorKind = Failed, reason
		if a.Error == "" {
			a.Error = res.Text
		}
		if v.Outcome == destination.ItemRetry {
			d := w.Retry.Decide(webhook.Result{Status: res.Code, Kind: reason, After: res.After, Again: true}, n, since, ended)
			if d.Retry {
				a.Outcome, a.NextAt = Retrying, d.At.UTC().Truncate(time.Millisecond)
			}
		}
	}
	// Retried deliveries stay one batch, whose rows have one time.
	next := time.Time{}
	for _, a := range entries {
		next = later(next, a.NextAt)
	}
	for _, a := range entries {
		if !a.NextAt.IsZero() {
			a.NextAt = next
		}
	}
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
			Batch: shared, Trace: t.ev.Trace,
		}
		entries[i+1] = f
	}
	return entries
}

// dropSettled settles what need not be sent any more and returns the others. A formed
// batch expires as one.
func (e *Engine) dropSettled(ep *endpoint, tasks []*task, formed bool) []*task {
	w := ep.hook
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
		if w.MayBeHeld() {
			since = since.Add(w.HeldFor(since, now))
		}
		if now.Sub(since) > w.Retry.MaxAge {
			e.settleUnsent(ep, t, Expired, fmt.Sprintf("not attempted within %v of being due", w.Retry.MaxAge))
			return true
		}
		return false
	})
}

// newBatch returns the message of a batch without its deliveries.
func newBatch(ep *endpoint) *destination.Message {
	return &destination.Message{Batch: true, ContentType: format.BatchTypeOf(ep.hook.Format), BodyFormat: ep.hook.Format}
}

// renderBatch makes the message of a batch and returns the tasks in it, and
// those that would make a new one too large. It settles, or has tried again by
// themselves, those that are dropped or fail. The error says nothing about the
// tasks, which are then all returned.
func (e *Engine) renderBatch(ctx context.Context, ep *endpoint, tasks []*task, formed bool) (m *destination.Message, in, rest []*task, err error) {
	m = newBatch(ep)
	m.Items = make([]destination.Item, 0, len(tasks))
	for _, t := range tasks {
		m.Items = append(m.Items, destination.Item{Event: t.ev, Delivery: t.owed.Delivery()})
	}
	if ep.sender.Composer != nil {
		in, rest, err = e.composeBatch(ctx, ep, m, tasks)
		return m, in, rest, err
	}
	w := ep.hook
	size := 2
	for _, t := range tasks {
		size += t.ev.Size() + 2*bodyOverhead
	}
	m.Body = append(make([]byte, 0, size), '[')
	items := m.Items[:0]
	for i, t := range tasks {
		before := len(m.Body)
		if len(in) > 0 {
			m.Body = append(m.Body, ',')
		}
		body, err := e.appendItem(ctx, m, ep, t.ev)
		var failed *RenderError
		switch {
		case err == nil && !formed && len(in) > 0 && len(body)+1 > w.Batch.MaxBytes:
			m.Body, m.Items = append(m.Body[:before], ']'), items
			return m, in, tasks[i:], nil
		case err == nil:
			m.Body = body
			in, items = append(in, t), append(items, m.Items[i])
			continue
		case errors.Is(err, errDropped):
			e.settleDropped(t, errDropped.Error())
		case errors.As(err, &failed):
			e.failAlone(ep, t, failed)
		default:
			return m, in, tasks[i:], err
		}
		m.Body = m.Body[:before]
	}
	m.Body, m.Items = append(m.Body, ']'), items
	return m, in, nil, nil
}

// composeBatch has the destination make the message of a batch, and settles the
// deliveries of which nothing is to be sent. It returns those in the message,
// and those that go into another.
func (e *Engine) composeBatch(ctx context.Context, ep *endpoint, m *destination.Message, tasks []*task) (in, rest []*task, err error) {
	if err := e.compose(ctx, ep, m); err != nil {
		return tasks, nil, err
	}
	items := m.Items[:0]
	for i, t := range tasks {
		switch item := m.Items[i]; {
		case item.Settled != "":
			e.settleDropped(t, item.Settled)
		case item.Later:
			rest = append(rest, t)
		default:
			in, items = append(in, t), append(items, item)
		}
	}
	m.Items = items
	return in, rest, nil
}

// compose has the destination make a message.
func (e *Engine) compose(ctx context.Context, ep *endpoint, m *destination.Message) (err error) {
	defer e.contain(ep, m, &err)
	return ep.sender.Composer.Compose(ctx, m)
}

// appendItem returns the message's body with an event appended to it.
func (e *Engine) appendItem(ctx context.Context, m *destination.Message, ep *endpoint, ev *event.Event) (body []byte, err error) {
	defer e.contain(ep, m, &err)
	w := ep.hook
	if w.Script != nil {
		out, err := e.transform(ctx, w.Script, ev)
		switch {
		case err != nil:
			return nil, err
		case out.Text || out.URL != "" || len(out.Query) > 0 || len(out.Headers) > 0:
			return nil, &RenderError{Kind: exchange.Transform, Message: "transform failed (result): of a batched webhook it may return only a body of JSON"}
		case !out.NoBody:
			m.BodyFormat, m.ContentType = "", format.ContentType
			return append(m.Body, out.Body...), nil
		}
	}
	body, ok := format.AppendItem(m.Body, w.Format, ev, event.DeliveryID{Event: ev.ID, Webhook: w.Number})
	if !ok {
		return nil, &RenderError{Kind: exchange.Invalid, Message: fmt.Sprintf("there is no format %q", w.Format)}
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
func (e *Engine) failAlone(ep *endpoint, t *task, failed *RenderError) {
	a := e.newAttempt(ep, t.ev, t.owed.Attempts+1)
	a.ErrorKind, a.Error = failed.Kind, failed.Message
	res := destination.Result{Class: destination.Refused, Reason: failed.Kind}
	applyPolicy(ep.hook, a, &res, t.owed.Attempts-t.owed.Base+1, t.owed.Since, a.At)
	e.stopCanceled(t, a)
	e.recorder.finish(t, a)
}
