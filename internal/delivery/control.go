package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

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

var errEventGone = problem.New(problem.Conflict, "%s: there is nothing to send", eventGone)

// Retry attempts a delivery again now: one that waits, or one that was given
// up or canceled, with a fresh round of attempts. Without its event, which
// retention has removed, there is nothing to send: a Conflict problem, and the
// delivery stays as it is.
func (e *Engine) Retry(ctx context.Context, p *access.Principal, d event.DeliveryID) error {
	tenant := p.Tenant
	w, ok := e.hooks.ByNumber(d.Webhook)
	if !ok || w.Tenant != tenant {
		return errNoDelivery
	}
	if w.Status != webhook.Active {
		return problem.New(problem.Conflict, "the webhook is %s: resume it first", w.Status)
	}
	cur, ev, err := e.find(ctx, tenant, d)
	if err != nil {
		return err
	}
	if ev == nil {
		return e.nothingToSend(ctx, d.Event)
	}
	if cur.State == StateInFlight {
		return problem.New(problem.Conflict, "the delivery is under way already")
	}
	if err := e.audit(ctx, p, "delivery.retry", deliveryTarget(d), hookTarget(w)); err != nil {
		return err
	}
	switch cur.State {
	case StateWaiting, StateHeld:
		return e.retryOwed(ctx, w, d)
	default:
		return e.oweAgain(ctx, w, d, cur.Attempts)
	}
}

func (e *Engine) retryOwed(ctx context.Context, w *webhook.Webhook, d event.DeliveryID) error {
	now := e.wall().UTC().Truncate(time.Millisecond)
	moved, err := e.store.OwedMove(ctx, w.Tenant, d, now)
	if err != nil {
		return fmt.Errorf("retrying %s: %w", d, err)
	}
	if !moved {
		return problem.New(problem.Conflict, "the delivery is under way already")
	}
	e.lane(w).owedAt(now, false)
	return nil
}

func (e *Engine) oweAgain(ctx context.Context, w *webhook.Webhook, d event.DeliveryID, made int) error {
	now := e.wall().UTC().Truncate(time.Millisecond)
	rows, err := e.storedOnly(ctx, w, []Owed{e.again(w.Tenant, d, made, now)})
	if err != nil {
		return fmt.Errorf("retrying %s: %w", d, err)
	}
	if len(rows) == 0 { // removed since the caller looked
		return e.nothingToSend(ctx, d.Event)
	}
	if err := e.store.Record(ctx, &Record{Owe: rows}); err != nil {
		return fmt.Errorf("retrying %s: %w", d, err)
	}
	e.lane(w).owedAt(now, false)
	return nil
}

// maxTargets bounds how many things an entry of the audit log names.
const maxTargets = 50

func deliveryTarget(d event.DeliveryID) access.Target {
	return access.Target{Type: "delivery", ID: d.String()}
}

func hookTarget(w *webhook.Webhook) access.Target {
	return access.Target{Type: "webhook", ID: w.ID, Name: w.Description}
}

// audit notes what is about to be done to deliveries. What they stand in and
// the audit log are not one file on SQLite, so the entry comes first: it can be
// there although a crash kept the rest from happening, never the reverse.
func (e *Engine) audit(ctx context.Context, p *access.Principal, action string, targets ...access.Target) error {
	if p == nil {
		return nil // a part of somebody's larger change, which has its own entry
	}
	entry, err := p.Entry(action, nil, nil, targets...)
	if err == nil {
		err = e.store.AuditAppend(ctx, entry)
	}
	return err
}

// Cancel ends a delivery that is not settled. An attempt under way may still
// reach the endpoint; none follows.
func (e *Engine) Cancel(ctx context.Context, p *access.Principal, d event.DeliveryID) error {
	tenant := p.Tenant
	cur, err := e.Delivery(ctx, tenant, d)
	if err != nil {
		return err
	}
	switch cur.State {
	case StateWaiting, StateHeld, StateInFlight:
	default:
		return problem.New(problem.Conflict, "the delivery is %s already", cur.State)
	}
	if err := e.audit(ctx, p, "delivery.cancel", deliveryTarget(d)); err != nil {
		return err
	}
	e.canceled.add(d)
	a := &Attempt{
		Tenant: tenant, Event: d.Event, EventName: cur.EventName, EventType: cur.EventType, Webhook: d.Webhook,
		Number: cur.Attempts, At: e.wall().UTC().Truncate(time.Millisecond), Outcome: Canceled, Error: "canceled by hand",
	}
	rec := &Record{Attempts: []*Attempt{a}, Settle: []Owed{{Tenant: tenant, Event: d.Event, Webhook: d.Webhook}}}
	if err := e.store.Record(ctx, rec); err != nil {
		e.canceled.take(d)
		return fmt.Errorf("canceling %s: %w", d, err)
	}
	e.metrics.count(a)
	if cur.State != StateInFlight {
		e.canceled.take(d) // nothing in memory will come upon it
	}
	return nil
}

// Resend delivers an event again, to one webhook or (nil) to all active ones
// that want it, and returns the deliveries. Without a principal it is a part of
// a larger change, which has the audit entry.
func (e *Engine) Resend(ctx context.Context, p *access.Principal, ev *event.Event, w *webhook.Webhook) ([]event.DeliveryID, error) {
	hooks := []*webhook.Webhook{w}
	if w == nil {
		hooks = nil
		for _, h := range e.hooks.List(ev.Tenant) {
			if h.Status == webhook.Active && e.wantsAside(h, ev) {
				hooks = append(hooks, h)
			}
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("resending %s: %w", ev.PublicID(), err)
			}
		}
	} else if w.Status != webhook.Active {
		return nil, problem.New(problem.Conflict, "the webhook is %s: resume it first", w.Status)
	}
	now := e.wall().UTC().Truncate(time.Millisecond)
	rec := &Record{}
	var ids []event.DeliveryID
	for _, h := range hooks {
		d := event.DeliveryID{Event: ev.ID, Webhook: h.Number}
		made, err := e.attemptsMade(ctx, ev.Tenant, d)
		if err != nil {
			return nil, fmt.Errorf("resending %s: %w", ev.PublicID(), err)
		}
		row := e.again(ev.Tenant, d, made, now)
		if h.Ordering == webhook.OrderingFIFO {
			row.Order = orderOf(ev)
		}
		rec.Owe = append(rec.Owe, row)
		ids = append(ids, d)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	targets := []access.Target{{Type: "event", ID: ev.PublicID()}}
	for _, h := range hooks[:min(len(hooks), maxTargets)] {
		targets = append(targets, hookTarget(h))
	}
	if err := e.audit(ctx, p, "event.resend", targets...); err != nil {
		return nil, err
	}
	if err := e.store.Record(ctx, rec); err != nil {
		return nil, fmt.Errorf("resending %s: %w", ev.PublicID(), err)
	}
	for _, h := range hooks {
		e.lane(h).owedAt(now, false)
	}
	return ids, nil
}
