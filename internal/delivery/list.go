package delivery

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/event"
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
func (e *Engine) Deliveries(ctx context.Context, q DeliveryQuery) (DeliveryPage, error) {
	settled, before, beforeEntry, err := parseDeliveryCursor(q.Cursor)
	if err != nil {
		return DeliveryPage{}, err
	}
	var except []uint32
	if q.Webhook == 0 {
		except = e.hooks.OwnedNumbers(q.Tenant)
	}
	outcomes, open := outcomesOf(q.State)
	var page DeliveryPage
	if !settled && open {
		rows := OwedQuery{Tenant: q.Tenant, Webhook: q.Webhook, Except: except, Before: before, Limit: q.Limit}
		done, err := e.listOpen(ctx, rows, q.State, &page)
		if err != nil || !done {
			return page, err
		}
	}
	if len(outcomes) == 0 {
		return page, nil
	}
	err = e.listSettled(ctx, LogQuery{
		Tenant: q.Tenant, Webhook: q.Webhook, Except: except, Outcomes: outcomes, Followers: true, Before: beforeEntry, Limit: q.Limit,
	}, &page)
	return page, err
}

// listOpen adds deliveries that are not settled to the page, those in a state
// (any, if empty). done is false when the page ends with them.
func (e *Engine) listOpen(ctx context.Context, q OwedQuery, state State, page *DeliveryPage) (done bool, err error) {
	for start := time.Now(); len(page.Deliveries) < q.Limit; {
		rows, err := e.store.OwedList(ctx, q)
		if err != nil {
			return false, fmt.Errorf("listing deliveries: %w", err)
		}
		some, err := e.fromRows(ctx, rows)
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
func (e *Engine) listSettled(ctx context.Context, q LogQuery, page *DeliveryPage) error {
	limit := q.Limit
	for looked := 0; len(page.Deliveries) < limit && looked < lookedPerDelivery*limit; {
		q.Limit = limit - len(page.Deliveries)
		entries, next, err := e.store.AttemptList(ctx, q)
		if err != nil {
			return fmt.Errorf("listing deliveries: %w", err)
		}
		looked += len(entries)
		for _, a := range entries {
			if a.Test {
				continue
			}
			log, last, err := e.isLast(ctx, a)
			if err != nil {
				return fmt.Errorf("listing deliveries: %w", err)
			}
			if last {
				page.Deliveries = append(page.Deliveries, e.delivery(a.Delivery(), nil, nil, log))
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
func (e *Engine) isLast(ctx context.Context, a *Attempt) (log []*Attempt, last bool, err error) {
	// The row first, as in historyOf.
	if _, owed, err := e.store.OwedGet(ctx, a.Tenant, a.Delivery()); err != nil || owed {
		return nil, false, err
	}
	if log, err = e.store.AttemptsOfDelivery(ctx, a.Tenant, a.Delivery()); err != nil {
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
func (e *Engine) attemptsOfEvent(ctx context.Context, q LogQuery) (list []*Attempt, next event.ID, err error) {
	var entries []*Attempt
	if q.Webhook != 0 {
		entries, err = e.store.AttemptsOfDelivery(ctx, q.Tenant, event.DeliveryID{Event: q.Event, Webhook: q.Webhook})
	} else {
		entries, err = e.store.AttemptsOfEvent(ctx, q.Tenant, q.Event)
	}
	if err != nil {
		return nil, 0, err
	}
	slices.SortFunc(entries, func(a, b *Attempt) int { return cmp.Compare(b.ID, a.ID) })
	for _, a := range entries {
		if !q.selects(a) {
			continue
		}
		if a.Follows() {
			lead, err := e.leader(ctx, a)
			if err != nil {
				return nil, 0, err
			}
			if lead != nil {
				a.Request, a.Response, a.Timing = lead.Request, lead.Response, lead.Timing
			}
		}
		if !q.selectsAnswer(a.Response) {
			continue
		}
		if len(list) == q.Limit {
			return list, list[len(list)-1].ID, nil
		}
		list = append(list, a)
	}
	return list, 0, nil
}

// outcomesOf returns the log outcomes of settled deliveries in a state (any,
// if empty), and whether the state is one of deliveries not settled.
func outcomesOf(s State) (outcomes []Outcome, open bool) {
	switch s {
	case "":
		return []Outcome{Delivered, Failed, Canceled, Expired, Discarded}, true
	case StateDelivered:
		return []Outcome{Delivered}, false
	case StateFailed:
		return []Outcome{Failed}, false
	case StateCanceled:
		return []Outcome{Canceled}, false
	case StateExpired:
		return []Outcome{Expired}, false
	case StateDiscarded:
		return []Outcome{Discarded}, false
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
