package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// The methods in this file are for package ledger, which tells what became of
// deliveries and changes them by hand: see ledger.Machine.

// Now returns the time of day as the engine sees it.
func (e *Engine) Now() time.Time { return e.wall() }

// Sender returns the sender of a webhook as it is now.
func (e *Engine) Sender(w *webhook.Webhook) *destination.Opened { return e.lane(w).current().sender }

// Wake notes that a row of the webhook is in the store, due at the time.
func (e *Engine) Wake(w *webhook.Webhook, due time.Time) { e.lane(w).owedAt(due, false) }

// Cancel makes a worker that comes upon the delivery in memory drop it, until
// Uncancel. What the store knows of it is the caller's.
func (e *Engine) Cancel(d event.DeliveryID) { e.canceled.add(d) }

// Uncancel takes back what Cancel has asked for.
func (e *Engine) Uncancel(d event.DeliveryID) { e.canceled.take(d) }

// Count counts an entry of the log that the engine has not made.
func (e *Engine) Count(a *Attempt) { e.metrics.count(a) }

// Places sets for each of a webhook's deliveries how many are before it in the
// lane's queue, where it is there. It returns the length of the queue, and
// whether the webhook's rate limit lets none of them start now.
func (e *Engine) Places(number uint32, of map[event.DeliveryID]int) (n int, limited bool) {
	l := e.laneOf(number)
	if l == nil {
		return 0, false
	}
	return l.places(of)
}

func (l *lane) places(of map[event.DeliveryID]int) (n int, limited bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pace.user.delay(time.Now()) == 0 {
		return 0, false
	}
	for i := range l.queue.n {
		for t := l.queue.ring[(l.queue.head+i)%len(l.queue.ring)]; t != nil; t = t.next {
			if _, ok := of[t.owed.Delivery()]; ok {
				of[t.owed.Delivery()] = n
			}
			n++
		}
	}
	return n, true
}

// Draft makes the first requests of deliveries to a webhook whose settings need
// not be stored, and sends none of them. It is to be closed.
type Draft struct{ endpoint *endpoint }

// Draft returns a draft for the webhook.
func (e *Engine) Draft(w *webhook.Webhook) *Draft { return &Draft{e.open(w, nil)} } // not the lane's: it asks for no token

// Close ends the draft.
func (d *Draft) Close() { d.endpoint.close() }

// Describe returns the request that the first attempt to deliver the event would
// make, with credentials masked. The error is a *DroppedError, a *RenderError,
// or one that says nothing about the event.
func (d *Draft) Describe(ctx context.Context, ev *event.Event) (exchange.Request, error) {
	m := newMessage(d.endpoint.hook, ev, 1)
	defer m.free()
	if err := d.endpoint.engine.render(ctx, d.endpoint, &m.Message, nil); err != nil {
		return exchange.Request{}, err
	}
	req, err := d.endpoint.sender.Describe(&m.Message)
	if err != nil {
		return req, &RenderError{Kind: exchange.Transform, Message: badAsk(d.endpoint, err.Error())}
	}
	req.Body = m.Body
	return req, nil
}

// Test sends a synthetic event to the webhook now, whatever its status, and
// returns what came of it, Delivered or Failed. The event is not stored and
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
	case endShort:
		return nil, problem.New(problem.Unavailable, "nothing could be sent: %s; try again", a.Error)
	case endDropped:
		a.ErrorKind, a.Error = exchange.Transform, errDropped.Error()+": nothing was sent"
	}
	if err := e.store.Record(context.WithoutCancel(ctx), &Record{Attempts: []*Attempt{a}}); err != nil {
		return nil, fmt.Errorf("logging a test: %w", err)
	}
	return a, nil
}
