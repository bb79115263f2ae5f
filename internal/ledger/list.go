package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/problem"
)

// listTime bounds how long a list of deliveries looks for those in a state.
// Stores bound their own lists alike.
const listTime = time.Second

// lookedPerDelivery bounds how many entries of the log are looked at for a page, times its limit: where many deliveries
// were settled more than once, pages are shorter instead of slower.
const lookedPerDelivery = 4

// Deliveries returns a page of a tenant's deliveries. Those not settled come
// first, the newest event first; then the settled ones, the last settled first.
// Without a webhook in the query, webhooks that have an owner are left out.
func (l *Ledger) Deliveries(ctx context.Context, q DeliveryQuery) (DeliveryPage, error) {
	settled, before, beforeEntry, err := parseDeliveryCursor(q.Cursor)
	if err != nil {
		return DeliveryPage{}, err
	}
	var except []uint32
	if q.Webhook == 0 {
		except = l.hooks.OwnedNumbers(q.Tenant)
	}
	outcomes, open := outcomesOf(q.State)
	var page DeliveryPage
	if !settled && open {
		rows := delivery.OwedQuery{Tenant: q.Tenant, Webhook: q.Webhook, Except: except, Before: before, Limit: q.Limit}
		done, err := l.listOpen(ctx, rows, q.State, &page)
		if err != nil || !done {
			return page, err
		}
	}
	if len(outcomes) == 0 {
		return page, nil
	}
	err = l.listSettled(ctx, delivery.LogQuery{
		Tenant: q.Tenant, Webhook: q.Webhook, Except: except, Outcomes: outcomes, Followers: true, Before: beforeEntry, Limit: q.Limit,
	}, &page)
	return page, err
}

// listOpen adds deliveries that are not settled to the page, those in a state
// (any, if empty). done is false when the page ends with them.
func (l *Ledger) listOpen(ctx context.Context, q delivery.OwedQuery, state State, page *DeliveryPage) (done bool, err error) {
	for start := time.Now(); len(page.Deliveries) < q.Limit; {
		rows, err := l.store.OwedList(ctx, q)
		if err != nil {
			return false, fmt.Errorf("listing deliveries: %w", err)
		}
		some, err := l.fromRows(ctx, rows)
		if err != nil {
			return false, err
		}
		for i := range some {
			q.Before = some[i].ID
			if state == "" || some[i].State == state {
				page.Deliveries = append(page.Deliveries, some[i])
			}
			if len(page.Deliveries) == q.Limit {
				page.Next = "o" + q.Before.String()
				return false, nil
			}
		}
		if len(rows) < q.Limit {
			return true, nil
		}
		if time.Since(start) >= listTime {
			page.Next = "o" + q.Before.String()
			return false, nil
		}
	}
	return true, nil
}

// listSettled adds settled deliveries to the page.
func (l *Ledger) listSettled(ctx context.Context, q delivery.LogQuery, page *DeliveryPage) error {
	limit := q.Limit
	for looked := 0; len(page.Deliveries) < limit && looked < lookedPerDelivery*limit; {
		q.Limit = limit - len(page.Deliveries)
		entries, next, err := l.store.AttemptList(ctx, q)
		if err != nil {
			return fmt.Errorf("listing deliveries: %w", err)
		}
		looked += len(entries)
		for _, a := range entries {
			if a.Test {
				continue
			}
			log, last, err := l.isLast(ctx, a)
			if err != nil {
				return fmt.Errorf("listing deliveries: %w", err)
			}
			if last {
				page.Deliveries = append(page.Deliveries, l.delivery(a.Delivery(), nil, nil, log))
			}
		}
		if q.Before = next; next == 0 {
			return nil
		}
		if len(entries) == 0 {
			break // the store has read for long enough
		}
	}
	page.Next = "s" + q.Before.Public(event.AttemptPrefix)
	if q.Before != 0 {
		page.SearchedTo = q.Before.Time()
	}
	return nil
}

// isLast tells whether an entry says where its delivery stands, and returns its whole log. It does not where the
// delivery was asked for again by hand, or repeated after a crash: then it is owed, or a later entry stands for it.
func (l *Ledger) isLast(ctx context.Context, a *delivery.Attempt) (log []*delivery.Attempt, last bool, err error) {
	// The row first, as in historyOf.
	if _, owed, err := l.store.OwedGet(ctx, a.Tenant, a.Delivery()); err != nil || owed {
		return nil, false, err
	}
	if log, err = l.store.AttemptsOfDelivery(ctx, a.Tenant, a.Delivery()); err != nil {
		return nil, false, err
	}
	for _, other := range log {
		if other.ID > a.ID && !other.Test {
			return nil, false, nil
		}
	}
	return log, true, nil
}

// attemptsOfEvent is AttemptList for the attempts of one event, which the log
// has an index for: at most the 1,000 newest. An attempt whose request is in
// the entry of another event's delivery shows that request.
func (l *Ledger) attemptsOfEvent(ctx context.Context, q delivery.LogQuery) (list []*delivery.Attempt, next event.ID, err error) {
	var entries []*delivery.Attempt
	if q.Webhook != 0 {
		entries, err = l.store.AttemptsOfDelivery(ctx, q.Tenant, event.DeliveryID{Event: q.Event, Webhook: q.Webhook})
	} else {
		entries, err = l.store.AttemptsOfEvent(ctx, q.Tenant, q.Event)
	}
	if err != nil {
		return nil, 0, err
	}
	slices.SortFunc(entries, func(a, b *delivery.Attempt) int { return cmp.Compare(b.ID, a.ID) })
	for _, a := range entries {
		if !selects(&q, a) {
			continue
		}
		if a.Follows() {
			lead, err := l.leader(ctx, a)
			if err != nil {
				return nil, 0, err
			}
			if lead != nil {
				a.Request, a.Response, a.Timing = lead.Request, lead.Response, lead.Timing
			}
		}
		if !selectsAnswer(&q, a.Response) {
			continue
		}
		if len(list) == q.Limit {
			return list, list[len(list)-1].ID, nil
		}
		list = append(list, a)
	}
	return list, 0, nil
}

// selects reports whether the query selects an entry of its tenant, apart from
// what it asks of the answer.
func selects(q *delivery.LogQuery, a *delivery.Attempt) bool {
	return (q.Webhook == 0 || a.Webhook == q.Webhook) && !slices.Contains(q.Except, a.Webhook) &&
		(q.Event == 0 || a.Event == q.Event) &&
		(q.EventType == "" || a.EventType == q.EventType) &&
		(q.ErrorKind == "" || a.ErrorKind == q.ErrorKind) &&
		(q.Before == 0 || a.ID < q.Before) &&
		(len(q.Outcomes) == 0 && a.Outcome.IsAttempt() || slices.Contains(q.Outcomes, a.Outcome)) &&
		(q.Since.IsZero() || !a.At.Before(q.Since)) && (q.Until.IsZero() || a.At.Before(q.Until))
}

// selectsAnswer reports whether the query selects an attempt with this answer.
func selectsAnswer(q *delivery.LogQuery, r *exchange.Response) bool {
	if q.StatusMin == 0 && q.StatusMax == 0 {
		return true
	}
	return r != nil && r.Status >= q.StatusMin && (q.StatusMax == 0 || r.Status <= q.StatusMax)
}

// outcomesOf returns the log outcomes of settled deliveries in a state (any,
// if empty), and whether the state is one of deliveries not settled.
func outcomesOf(s State) (outcomes []delivery.Outcome, open bool) {
	switch s {
	case "":
		return []delivery.Outcome{delivery.Delivered, delivery.Failed, delivery.Canceled, delivery.Expired, delivery.Discarded}, true
	case StateDelivered:
		return []delivery.Outcome{delivery.Delivered}, false
	case StateFailed:
		return []delivery.Outcome{delivery.Failed}, false
	case StateCanceled:
		return []delivery.Outcome{delivery.Canceled}, false
	case StateExpired:
		return []delivery.Outcome{delivery.Expired}, false
	case StateDiscarded:
		return []delivery.Outcome{delivery.Discarded}, false
	default:
		return nil, true
	}
}

func parseDeliveryCursor(s string) (settled bool, before event.DeliveryID, entry event.ID, err error) {
	bad := problem.MalformedField("query cursor", "must be the nextCursor of an earlier answer")
	switch {
	case s == "":
		return false, before, 0, nil
	case s[0] == 'o':
		if before, err = event.ParseDeliveryID(s[1:]); err != nil {
			return false, before, 0, bad
		}
		return false, before, 0, nil
	case s[0] == 's':
		if entry, err = event.ParseID(event.AttemptPrefix, s[1:]); err != nil {
			return false, before, 0, bad
		}
		return true, before, entry, nil
	default:
		return false, before, 0, bad
	}
}
