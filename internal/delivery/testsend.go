package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// Test sends a synthetic event to the webhook now, whatever its status, and
// returns its result, Delivered or Failed. The event is not stored and
// the attempt counts for no rule, but it is in the log.
func (e *Engine) Test(ctx context.Context, w *webhook.Webhook, ev event.Event) (*Attempt, error) {
	if e.stopping() {
		return nil, problem.New(problem.Unavailable, "Relay is stopping")
	}
	ev.ID, ev.Tenant = e.store.EventReserve(), w.Tenant
	if ev.Time.IsZero() {
		ev.Time = ev.ID.Time()
	}
	ep := e.lane(w).current()
	var a *Attempt
	var how ending
	if w.Batch != nil {
		a, how = e.testBatch(ctx, ep, &ev)
	} else {
		m := newMessage(w, &ev, 1)
		m.Test = true
		a, _, how = e.send(ctx, ep, m)
		m.free()
	}
	switch how {
	case endChanged:
		return nil, problem.New(problem.Conflict, "the webhook's authentication was changed meanwhile: test it again")
	case endInterrupted:
		return nil, fmt.Errorf("sending a test: %w", ctx.Err())
	case endBusy:
		return nil, problem.New(problem.Unavailable, "too many transforms are waiting for their turn, try again")
	case endShort, endLimited:
		return nil, problem.New(problem.Unavailable, "nothing could be sent: %s; try again", a.Error)
	case endDropped:
		a.ErrorKind, a.Error = exchange.Transform, errDropped.Error()+": nothing was sent"
	}
	if err := e.store.Record(context.WithoutCancel(ctx), &Record{Attempts: []*Attempt{a}}); err != nil {
		return nil, fmt.Errorf("logging a test: %w", err)
	}
	return a, nil
}

// testBatch sends a batch of one synthetic event.
func (e *Engine) testBatch(ctx context.Context, ep *endpoint, ev *event.Event) (*Attempt, ending) {
	a := e.newAttempt(ep, ev, 1)
	a.Test = true
	m := newBatch(ep)
	m.Test, m.Items = true, []destination.Item{{Event: ev, Delivery: event.DeliveryID{Event: ev.ID, Webhook: ep.hook.Number}}}
	m.ID, m.Type, m.Number = ev.ID.Public(event.BatchPrefix), batchEvent, 1
	var err error
	if c := ep.sender.Composer; c != nil {
		if err = c.Compose(ctx, m); err == nil && m.Items[0].Settled != "" {
			err = &DroppedError{m.Items[0].Settled}
		}
	} else {
		m.Body = []byte{'['}
		if m.Body, err = e.appendItem(ctx, m, ep, ev); err == nil {
			m.Body = append(m.Body, ']')
		}
	}
	var failed *RenderError
	var dropped *DroppedError
	switch {
	case errors.As(err, &failed):
		a.ErrorKind, a.Error = failed.Kind, failed.Message
		return a, endDone
	case errors.As(err, &dropped):
		a.Error = dropped.Why
		return a, endDropped
	case err != nil && ctx.Err() != nil:
		return a, endInterrupted
	case err != nil:
		return a, endBusy
	}
	a.Batch = &Batch{ID: ev.ID, Lead: ev.ID, Count: 1, Events: []event.ID{ev.ID}}
	_, how := e.post(ctx, ep, a, m)
	return a, how
}
