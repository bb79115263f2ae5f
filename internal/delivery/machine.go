package delivery

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/webhook"
)

// The methods in this file are for package ledger, which shows deliveries to
// people and changes them by hand: see ledger.Machine. Jobs use some of them as well.

// Now returns the time of day as the engine sees it.
func (e *Engine) Now() time.Time { return e.wall() }

// Sender returns the sender of a webhook as it is now.
func (e *Engine) Sender(w *webhook.Webhook) *destination.Opened { return e.lane(w).current().sender }

// Wake notes that a row of the webhook is in the store, due at the time.
func (e *Engine) Wake(w *webhook.Webhook, due time.Time) { e.lane(w).owedAt(due, false) }

// Cancel makes a worker that comes upon the delivery in memory drop it, until
// Uncancel. The caller takes care of its row.
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
	if d.endpoint.hook.Traceparent {
		m.Trace = ev.Trace // the attempt's span is not known yet
	}
	req, err := d.endpoint.sender.Describe(&m.Message)
	if err != nil {
		return req, &RenderError{Kind: exchange.Transform, Message: badAsk(d.endpoint, err.Error())}
	}
	req.Body = m.Body
	return req, nil
}

// Again returns the row that has a delivery attempted once more, now, with a
// fresh round of attempts after the ones made already. It is not canceled any more.
func (e *Engine) Again(tenant event.TenantID, d event.DeliveryID, made int, now time.Time) Owed {
	e.canceled.take(d)
	return Owed{
		Tenant: tenant, Event: d.Event, Webhook: d.Webhook, Due: now, Since: now,
		Attempts: made, Base: made, Reason: ReasonManual,
	}
}

// storedStep is how many events are read at a time to see whether they are
// stored; each may have 1 MiB.
const storedStep = 32

// StoredOnly returns those of the rows for a webhook whose events are still
// stored, in the order of the events' keys if the webhook asks for it.
func (e *Engine) StoredOnly(ctx context.Context, w *webhook.Webhook, rows []Owed) ([]Owed, error) {
	var kept []Owed
	for part := range slices.Chunk(rows, storedStep) {
		ids := make([]event.ID, len(part))
		for i := range part {
			ids[i] = part[i].Event
		}
		byID, _, err := EventsOf(ctx, e.store, ids) // of damaged ones there is nothing to send
		if err != nil {
			return nil, fmt.Errorf("reading events: %w", err)
		}
		for _, row := range part {
			ev := byID[row.Event]
			if ev == nil {
				continue
			}
			if w.Ordering == webhook.OrderingFIFO {
				row.Order = OrderOf(ev)
			}
			kept = append(kept, row)
		}
	}
	return kept, nil
}

// AttemptsMade returns how many attempts a delivery has had.
func (e *Engine) AttemptsMade(ctx context.Context, tenant event.TenantID, d event.DeliveryID) (int, error) {
	list, err := e.store.AttemptsOfDelivery(ctx, tenant, d)
	if err != nil {
		return 0, err
	}
	made := 0
	for _, a := range list {
		made = max(made, a.Number)
	}
	return made, nil
}

// WantsAside is webhook.WantsEvent for work that goes through many events: it steps aside after filters that take long.
func (e *Engine) WantsAside(w *webhook.Webhook, ev *event.Event) bool {
	start := time.Now()
	ok := w.WantsEvent(ev)
	StepAside(time.Since(start))
	return ok
}
