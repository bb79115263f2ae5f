package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

var errEventGone = problem.New(problem.Conflict, "%s: there is nothing to send", delivery.EventGone)

// Retry attempts a delivery again now: one that waits, or one that was given
// up or canceled, with a fresh round of attempts. Without its event, which
// retention has removed, there is nothing to send: a Conflict problem, and the
// delivery stays as it is.
func (l *Ledger) Retry(ctx context.Context, p *access.Principal, d event.DeliveryID) error {
	tenant := p.Tenant
	w, ok := l.hooks.ByNumber(d.Webhook)
	if !ok || w.Tenant != tenant {
		return errNoDelivery
	}
	if w.Status != webhook.Active {
		return problem.New(problem.Conflict, "the webhook is %s: resume it first", w.Status)
	}
	cur, ev, err := l.find(ctx, tenant, d)
	if err != nil {
		return err
	}
	if ev == nil {
		return l.nothingToSend(ctx, d.Event)
	}
	if cur.State == StateInFlight {
		return problem.New(problem.Conflict, "the delivery is under way already")
	}
	if err := l.audit(ctx, p, "delivery.retry", deliveryTarget(d), hookTarget(w)); err != nil {
		return err
	}
	switch cur.State {
	case StateWaiting, StateHeld:
		return l.retryOwed(ctx, w, d)
	default:
		return l.oweAgain(ctx, w, d, cur.Attempts)
	}
}

// nothingToSend tells why a delivery of the event cannot be sent again.
func (l *Ledger) nothingToSend(ctx context.Context, id event.ID) error {
	if _, damaged, err := delivery.EventsOf(ctx, l.store, []event.ID{id}); err == nil && damaged[id] != nil {
		return problem.New(problem.Conflict, "%s: there is nothing to send", delivery.EventDamaged)
	}
	return errEventGone
}

func (l *Ledger) retryOwed(ctx context.Context, w *webhook.Webhook, d event.DeliveryID) error {
	now := l.machine.Now().UTC().Truncate(time.Millisecond)
	moved, err := l.store.OwedMove(ctx, w.Tenant, d, now)
	if err != nil {
		return fmt.Errorf("retrying %s: %w", d, err)
	}
	if !moved {
		return problem.New(problem.Conflict, "the delivery is under way already")
	}
	l.machine.Wake(w, now)
	return nil
}

func (l *Ledger) oweAgain(ctx context.Context, w *webhook.Webhook, d event.DeliveryID, made int) error {
	now := l.machine.Now().UTC().Truncate(time.Millisecond)
	rows, err := l.machine.StoredOnly(ctx, w, []delivery.Owed{l.machine.Again(w.Tenant, d, made, now)})
	if err != nil {
		return fmt.Errorf("retrying %s: %w", d, err)
	}
	if len(rows) == 0 { // removed since the caller looked
		return l.nothingToSend(ctx, d.Event)
	}
	if err := l.store.Record(ctx, &delivery.Record{Owe: rows}); err != nil {
		return fmt.Errorf("retrying %s: %w", d, err)
	}
	l.machine.Wake(w, now)
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
func (l *Ledger) audit(ctx context.Context, p *access.Principal, action string, targets ...access.Target) error {
	if p == nil {
		return nil // a part of somebody's larger change, which has its own entry
	}
	entry, err := p.Entry(action, nil, nil, targets...)
	if err == nil {
		err = l.store.AuditAppend(ctx, entry)
	}
	return err
}

// Cancel ends a delivery that is not settled. An attempt under way may still
// reach the endpoint; none follows.
func (l *Ledger) Cancel(ctx context.Context, p *access.Principal, d event.DeliveryID) error {
	tenant := p.Tenant
	cur, err := l.Delivery(ctx, tenant, d)
	if err != nil {
		return err
	}
	switch cur.State {
	case StateWaiting, StateHeld, StateInFlight:
	default:
		return problem.New(problem.Conflict, "the delivery is %s already", cur.State)
	}
	if err := l.audit(ctx, p, "delivery.cancel", deliveryTarget(d)); err != nil {
		return err
	}
	l.machine.Cancel(d)
	a := &delivery.Attempt{
		Tenant: tenant, Event: d.Event, EventName: cur.EventName, EventType: cur.EventType, Webhook: d.Webhook,
		Number: cur.Attempts, At: l.machine.Now().UTC().Truncate(time.Millisecond), Outcome: delivery.Canceled, Error: "canceled by hand",
	}
	rec := &delivery.Record{Attempts: []*delivery.Attempt{a}, Settle: []delivery.Owed{{Tenant: tenant, Event: d.Event, Webhook: d.Webhook}}}
	if err := l.store.Record(ctx, rec); err != nil {
		l.machine.Uncancel(d)
		return fmt.Errorf("canceling %s: %w", d, err)
	}
	l.machine.Count(a)
	if cur.State != StateInFlight {
		l.machine.Uncancel(d) // nothing in memory will come upon it
	}
	return nil
}

// Resend delivers an event again, to one webhook or (nil) to all active ones
// that want it, and returns the deliveries. Without a principal it is a part of
// a larger change, which has the audit entry.
func (l *Ledger) Resend(ctx context.Context, p *access.Principal, ev *event.Event, w *webhook.Webhook) ([]event.DeliveryID, error) {
	hooks := []*webhook.Webhook{w}
	if w == nil {
		hooks = nil
		for _, h := range l.hooks.List(ev.Tenant) {
			if h.Status == webhook.Active && l.machine.WantsAside(h, ev) {
				hooks = append(hooks, h)
			}
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("resending %s: %w", ev.PublicID(), err)
			}
		}
	} else if w.Status != webhook.Active {
		return nil, problem.New(problem.Conflict, "the webhook is %s: resume it first", w.Status)
	}
	now := l.machine.Now().UTC().Truncate(time.Millisecond)
	rec := &delivery.Record{}
	var ids []event.DeliveryID
	for _, h := range hooks {
		d := event.DeliveryID{Event: ev.ID, Webhook: h.Number}
		made, err := l.machine.AttemptsMade(ctx, ev.Tenant, d)
		if err != nil {
			return nil, fmt.Errorf("resending %s: %w", ev.PublicID(), err)
		}
		row := l.machine.Again(ev.Tenant, d, made, now)
		if h.Ordering == webhook.OrderingFIFO {
			row.Order = delivery.OrderOf(ev)
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
	if err := l.audit(ctx, p, "event.resend", targets...); err != nil {
		return nil, err
	}
	if err := l.store.Record(ctx, rec); err != nil {
		return nil, fmt.Errorf("resending %s: %w", ev.PublicID(), err)
	}
	for _, h := range hooks {
		l.machine.Wake(h, now)
	}
	return ids, nil
}
