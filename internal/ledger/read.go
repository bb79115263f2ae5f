package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

var errNoDelivery = problem.New(problem.NotFound, "there is no such delivery")

// Attempt returns an attempt of the log with its body, else a NotFound problem.
func (l *Ledger) Attempt(ctx context.Context, tenant event.TenantID, id event.ID) (*delivery.Attempt, error) {
	a, ok, err := l.store.AttemptGet(ctx, tenant, id)
	if err != nil {
		return nil, fmt.Errorf("reading an attempt: %w", err)
	}
	if !ok || !a.Outcome.IsAttempt() {
		return nil, problem.New(problem.NotFound, "there is no such attempt")
	}
	if a.Batch != nil {
		return a, l.completeBatch(ctx, a)
	}
	return a, l.complete(ctx, []*delivery.Attempt{a})
}

// Attempts returns attempts of the log, newest first, with their bodies, and
// the cursor for more; zero: none. Those of batches come without body. Without
// a webhook in the query, webhooks that have an owner are left out.
func (l *Ledger) Attempts(ctx context.Context, q delivery.LogQuery) ([]*delivery.Attempt, event.ID, error) {
	find := l.store.AttemptList
	switch {
	case q.Event != 0:
		find = l.attemptsOfEvent
	case q.EventType != "" && l.mayBatch(&q):
		find = l.attemptsOfType
	}
	if q.Webhook == 0 {
		q.Except = l.hooks.OwnedNumbers(q.Tenant)
	}
	list, next, err := find(ctx, q)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the log: %w", err)
	}
	return list, next, l.complete(ctx, list)
}

// complete makes the requests of log entries whole: the bodies that were not
// stored a second time, and the headers that follow from the rest.
func (l *Ledger) complete(ctx context.Context, list []*delivery.Attempt) error {
	var ids []event.ID
	for _, a := range list {
		if a.Request.BodyFormat != "" && a.Batch == nil {
			ids = append(ids, a.Event)
		}
	}
	byID, damaged, err := delivery.EventsOf(ctx, l.store, ids)
	if err != nil {
		return fmt.Errorf("reading the events of attempts: %w", err)
	}
	for _, a := range list {
		ev := byID[a.Event]
		if damaged[a.Event] != nil {
			a.Request.BodyMissing = delivery.EventDamaged
			completeHeader(a)
			continue
		}
		switch w, ok := l.hooks.ByNumber(a.Webhook); {
		case a.Batch != nil: // many of them would be too much for a list
			a.Request.Body, a.Request.BodyMissing = nil, "the request carried a batch: get the attempt by its id to see the body"
			continue
		case a.Request.BodyFormat == "":
			// The log has the body itself, if there was one.
			if a.Request.Body == nil && a.ErrorKind == exchange.Transform {
				a.Request.BodyMissing = "nothing was sent"
			}
		case ok && l.machine.Sender(w).Revealer != nil:
			if err := l.machine.Sender(w).Revealer.Reveal(ctx, ev, &a.Request, a.Response); err != nil {
				return err
			}
			if a.Request.Body == nil && ev != nil {
				a.Request.BodyMissing = "the data that was sent is no longer stored"
			}
		case ev != nil:
			a.Request.Body, _ = format.Append(nil, a.Request.BodyFormat, ev, a.Delivery())
		}
		if a.Request.Body == nil && a.Request.BodyFormat != "" && a.Request.BodyMissing == "" {
			a.Request.BodyMissing = delivery.EventGone
		}
		completeHeader(a)
	}
	return nil
}

// completeHeader adds the header fields that are made when a request is sent.
func completeHeader(a *delivery.Attempt) {
	if a.Outcome.IsAttempt() {
		a.Request.AddImplied()
	}
}

// Stats returns counters for charts.
func (l *Ledger) Stats(ctx context.Context, q delivery.StatsQuery) ([]delivery.StatsPoint, error) {
	return l.store.Stats(ctx, q)
}

// Backlog returns what is owed to the webhooks of a tenant, by rising number.
func (l *Ledger) Backlog(ctx context.Context, tenant event.TenantID) ([]delivery.Backlog, error) {
	return l.store.OwedBacklog(ctx, tenant, l.machine.Now())
}

// Delivery returns where a delivery stands, else a NotFound problem.
func (l *Ledger) Delivery(ctx context.Context, tenant event.TenantID, d event.DeliveryID) (Delivery, error) {
	v, _, err := l.find(ctx, tenant, d)
	return v, err
}

// find is Delivery together with the event, which is nil when it is no longer stored.
func (l *Ledger) find(ctx context.Context, tenant event.TenantID, d event.DeliveryID) (Delivery, *event.Event, error) {
	open, err := l.store.IntakeHas(ctx, d.Event) // before all else, see historyOf
	if err != nil {
		return Delivery{}, nil, fmt.Errorf("looking for the intake of %s: %w", d, err)
	}
	o, owed, err := l.store.OwedGet(ctx, tenant, d) // before the log, see historyOf
	if err != nil {
		return Delivery{}, nil, fmt.Errorf("reading what %s is owed: %w", d, err)
	}
	log, err := l.store.AttemptsOfDelivery(ctx, tenant, d)
	if err != nil {
		return Delivery{}, nil, fmt.Errorf("reading the log of %s: %w", d, err)
	}
	events, _, err := delivery.EventsOf(ctx, l.store, []event.ID{d.Event})
	if err != nil {
		return Delivery{}, nil, fmt.Errorf("reading the event of %s: %w", d, err)
	}
	ev := events[d.Event]
	if ev != nil && ev.Tenant != tenant {
		ev = nil
	}
	if len(log) == 0 && !owed {
		// Nothing recorded: it is in flight, or it never was.
		w, ok := l.hooks.ByNumber(d.Webhook)
		if ev == nil || !ok || w.Tenant != tenant || !(open && l.inMemory(ev, w)) {
			return Delivery{}, nil, errNoDelivery
		}
	}
	var row *delivery.Owed
	if owed {
		row = &o
	}
	list := []Delivery{l.delivery(d, ev, row, log)}
	l.nameLimits(list, []*delivery.Owed{row})
	return list[0], ev, nil
}

// inMemory reports whether an event of an open intake that has neither row nor
// log entry for the webhook is on its way to it.
func (l *Ledger) inMemory(ev *event.Event, w *webhook.Webhook) bool {
	return w.Status == webhook.Active && w.WantsEvent(ev) && !ev.ID.Time().Before(w.CreatedAt) &&
		!inactiveAt(w, ev.ID.Time()).Contains(ev.ID.Time())
}

// inactiveAt returns the period in which the webhook was inactive at t; an
// empty one if it was active.
func inactiveAt(w *webhook.Webhook, t time.Time) webhook.Period {
	for _, p := range w.Inactive {
		if p.Contains(t) {
			return p
		}
	}
	return webhook.Period{From: t, To: t}
}

// delivery derives a delivery's state from its row and its log entries.
func (l *Ledger) delivery(d event.DeliveryID, ev *event.Event, o *delivery.Owed, log []*delivery.Attempt) Delivery {
	v := Delivery{ID: d, State: StateInFlight, Reason: "on its way"}
	if ev != nil {
		v.EventName, v.EventType = ev.Name, ev.Type
	}
	for _, a := range log {
		if a.Test {
			continue
		}
		v.Last = a
		v.Attempts = max(v.Attempts, a.Number)
		if ev == nil && a.EventType != "" {
			v.EventName, v.EventType = a.EventName, a.EventType
		}
	}
	w, exists := l.hooks.ByNumber(d.Webhook)
	var held time.Time // the end of the maintenance window
	if exists {
		held = w.HeldUntil(l.machine.Now())
	}
	switch {
	case o != nil && !exists:
		v.State, v.Reason = StateDiscarded, "its webhook was deleted"
	case o != nil && w.Status == webhook.Ended:
		v.State, v.Reason = StateDiscarded, "its REST hook has ended"
	case o != nil && o.Token != 0:
		v.State, v.Reason = StateInFlight, "on its way"
	case o != nil && w.Status != webhook.Active:
		v.State, v.Reason = StateHeld, "the webhook is "+string(w.Status)
	case o != nil && w.Held():
		v.State, v.Reason = StateHeld, "the tenant is suspended"
	case o != nil && !held.IsZero():
		v.State, v.NextAt, v.Reason = StateHeld, o.Due, "the webhook is in maintenance until "+held.Format(format.TimeLayout)
		if held.After(o.Due) {
			v.NextAt = held
		}
	case o != nil:
		v.State, v.NextAt, v.Reason = StateWaiting, o.Due, o.Reason.String()
		if o.Reason == delivery.ReasonRetry {
			v.Reason = retryReason(o, w, v.Last)
		}
	case v.Last == nil || v.Last.Outcome == delivery.Retrying:
		if !exists {
			v.State, v.Reason = StateDiscarded, "its webhook was deleted"
		}
	default:
		v.Reason = v.Last.Error
		v.State = map[delivery.Outcome]State{
			delivery.Delivered: StateDelivered, delivery.Failed: StateFailed, delivery.Canceled: StateCanceled,
			delivery.Expired: StateExpired, delivery.Discarded: StateDiscarded,
		}[v.Last.Outcome]
	}
	return v
}

// retryReason says why a delivery waits for its retry: what came of its last
// attempt, nil if that is not known, and when the next one is.
func retryReason(o *delivery.Owed, w *webhook.Webhook, last *delivery.Attempt) string {
	next := "next at " + o.Due.Format(format.TimeLayout)
	if !o.Due.After(time.Now()) {
		next = "the next is due"
	}
	which := fmt.Sprintf("attempt %d of %d", o.Attempts, w.Retry.Attempts)
	if o.Base > 0 { // it was asked for by hand
		which = fmt.Sprintf("attempt %d, number %d of %d since it was asked for by hand", o.Attempts, o.Attempts-o.Base, w.Retry.Attempts)
	}
	if last == nil || last.Error == "" {
		return fmt.Sprintf("%s failed; %s", which, next)
	}
	return fmt.Sprintf("%s: %s; %s", which, last.Error, next)
}

// DeliveriesOfEvent returns the event's deliveries, one for each webhook that
// is or was owed it, in the webhooks' order.
func (l *Ledger) DeliveriesOfEvent(ctx context.Context, ev *event.Event) ([]Delivery, error) {
	byHook, rows, open, err := l.historyOf(ctx, ev)
	if err != nil {
		return nil, err
	}
	var list []Delivery
	var waiting []*delivery.Owed
	seen := make(map[uint32]bool)
	add := func(number uint32) {
		if !seen[number] {
			seen[number] = true
			d := event.DeliveryID{Event: ev.ID, Webhook: number}
			list = append(list, l.delivery(d, ev, rows[number], byHook[number]))
			waiting = append(waiting, rows[number])
		}
	}
	for _, w := range l.hooks.List(ev.Tenant) {
		if len(byHook[w.Number]) > 0 || rows[w.Number] != nil || open && l.inMemory(ev, w) {
			add(w.Number)
		}
	}
	owned := l.hooks.OwnedNumbers(ev.Tenant)
	for number := range byHook { // of webhooks since deleted
		if !slices.Contains(owned, number) {
			add(number)
		}
	}
	l.nameLimits(list, waiting)
	return list, nil
}

// historyOf returns the log entries and rows of an event by webhook number, and
// whether its intake is open: what is neither owed nor in the log of its
// deliveries is then about to be routed, or in the memory of a node.
func (l *Ledger) historyOf(ctx context.Context, ev *event.Event) (log map[uint32][]*delivery.Attempt, owed map[uint32]*delivery.Owed, open bool, err error) {
	// The intake before all else: it is closed after what became of its
	// deliveries is recorded.
	if open, err = l.store.IntakeHas(ctx, ev.ID); err != nil {
		return nil, nil, false, fmt.Errorf("looking for the intake of %s: %w", ev.PublicID(), err)
	}
	// The rows first: an attempt recorded between the two reads then appears as
	// its row or in the log, but never in neither.
	rows, err := l.store.OwedOfEvent(ctx, ev.Tenant, ev.ID)
	if err != nil {
		return nil, nil, false, fmt.Errorf("reading what is owed of %s: %w", ev.PublicID(), err)
	}
	entries, err := l.store.AttemptsOfEvent(ctx, ev.Tenant, ev.ID)
	if err != nil {
		return nil, nil, false, fmt.Errorf("reading the log of %s: %w", ev.PublicID(), err)
	}
	byHook := make(map[uint32][]*delivery.Attempt)
	for _, a := range entries {
		byHook[a.Webhook] = append(byHook[a.Webhook], a)
	}
	owed = make(map[uint32]*delivery.Owed)
	for i := range rows {
		owed[rows[i].Webhook] = &rows[i]
	}
	return byHook, owed, open, nil
}

// fromRows makes deliveries of owed rows.
func (l *Ledger) fromRows(ctx context.Context, rows []delivery.Owed) ([]Delivery, error) {
	ids := make([]event.ID, len(rows))
	for i := range rows {
		ids[i] = rows[i].Event
	}
	byID, _, err := delivery.EventsOf(ctx, l.store, ids)
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	list := make([]Delivery, len(rows))
	owed := make([]*delivery.Owed, len(rows))
	for i := range rows {
		owed[i] = &rows[i]
		var log []*delivery.Attempt
		if rows[i].Reason == delivery.ReasonRetry { // which says why
			if log, err = l.store.AttemptsOfDelivery(ctx, rows[i].Tenant, rows[i].Delivery()); err != nil {
				return nil, fmt.Errorf("reading the log of %s: %w", rows[i].Delivery(), err)
			}
		}
		list[i] = l.delivery(rows[i].Delivery(), byID[rows[i].Event], &rows[i], log)
		list[i].Attempts = rows[i].Attempts
	}
	l.nameLimits(list, owed)
	return list, nil
}
