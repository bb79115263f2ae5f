package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/webhook"
)

// completeBatch makes the entry of a delivery whole that was sent in a batch:
// with the request, wherever that is logged, and the events of the batch.
func (l *Ledger) completeBatch(ctx context.Context, a *delivery.Attempt) error {
	if a.Follows() {
		lead, err := l.leader(ctx, a)
		if err != nil {
			return err
		}
		if lead == nil {
			a.Request.BodyMissing = "the log no longer has the request that carried it"
		} else {
			a.Request, a.Response, a.Timing, a.Batch.Events = lead.Request, lead.Response, lead.Timing, lead.Batch.Events
		}
	}
	byID, damaged, err := delivery.EventsOf(ctx, l.store, a.Batch.Events)
	if err != nil {
		return fmt.Errorf("reading the events of a batch: %w", err)
	}
	items := make([]format.Item, 0, len(a.Batch.Events))
	a.Batch.Items = make([]delivery.BatchItem, len(a.Batch.Events))
	for i, id := range a.Batch.Events {
		a.Batch.Items[i].Event = id
		if ev := byID[id]; ev != nil {
			a.Batch.Items[i] = delivery.BatchItem{Event: id, Name: ev.Name, EventType: ev.Type}
			items = append(items, format.Item{Event: ev, Delivery: event.DeliveryID{Event: id, Webhook: a.Webhook}})
		}
	}
	switch gone := len(a.Batch.Events) - len(items); {
	case a.Request.BodyFormat == "":
	case len(damaged) > 0:
		a.Request.BodyMissing = fmt.Sprintf("%d of the batch's %d stored events are damaged", len(damaged), len(a.Batch.Events))
	case len(items) == 0:
		a.Request.BodyMissing = "the events of the batch are no longer stored"
	case gone > 0:
		a.Request.BodyMissing = fmt.Sprintf("%d of the batch's %d events are no longer stored", gone, len(a.Batch.Events))
	default:
		a.Request.Body, _ = format.AppendBatch(nil, a.Request.BodyFormat, items)
	}
	completeHeader(a)
	return nil
}

// leader returns the entry that has the request which carried a, nil if that is
// no longer in the log.
func (l *Ledger) leader(ctx context.Context, a *delivery.Attempt) (*delivery.Attempt, error) {
	log, err := l.store.AttemptsOfDelivery(ctx, a.Tenant, event.DeliveryID{Event: a.Batch.Lead, Webhook: a.Webhook})
	if err != nil {
		return nil, fmt.Errorf("reading the request of a batch: %w", err)
	}
	for _, l := range log {
		if l.Batch != nil && l.Batch.ID == a.Batch.ID && l.At.Equal(a.At) {
			return l, nil
		}
	}
	return nil, nil
}

// mayBatch reports whether a webhook that the query selects sends batches now.
func (l *Ledger) mayBatch(q *delivery.LogQuery) bool {
	if q.Webhook != 0 {
		w, ok := l.hooks.ByNumber(q.Webhook)
		return ok && w.Batch != nil
	}
	return slices.ContainsFunc(l.hooks.List(q.Tenant), func(w *webhook.Webhook) bool { return w.Batch != nil })
}

// attemptsOfType is AttemptList for events of a type, where a batch counts that
// has one of them anywhere.
func (l *Ledger) attemptsOfType(ctx context.Context, q delivery.LogQuery) (list []*delivery.Attempt, next event.ID, err error) {
	low, high, kind := q.StatusMin, q.StatusMax, q.ErrorKind
	q.Followers, q.StatusMin, q.StatusMax, q.ErrorKind = true, 0, 0, ""
	entries, next, err := l.store.AttemptList(ctx, q)
	if err != nil {
		return nil, 0, err
	}
	var lead *delivery.Attempt // of the batch just seen
	for _, a := range entries {
		// The entries of a batch were recorded together, the leader's first, so
		// that no other entry lies between them.
		if lead != nil && a.ID >= lead.ID {
			continue
		}
		if lead = nil; a.Follows() {
			if lead, err = l.leader(ctx, a); err != nil {
				return nil, 0, err
			}
			if a = lead; a == nil {
				continue
			}
		}
		if kind != "" && a.ErrorKind != kind {
			continue
		}
		status := 0
		if a.Response != nil {
			status = a.Response.Status
		}
		if low == 0 && high == 0 || status != 0 && status >= low && (high == 0 || status <= high) {
			list = append(list, a)
		}
	}
	if lead != nil && next > lead.ID {
		next = lead.ID
	}
	return list, next, nil
}
