package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/registry"
)

// Pulse implements delivery.SharedStore.
func (s *Store) Pulse(ctx context.Context) (p delivery.Pulse, err error) {
	err = s.query(ctx, func(row pgx.CollectableRow) error {
		var all, webhooks int64
		var kinds string
		err := row.Scan(&p.Nodes, &all, &webhooks, &kinds, &p.Clock)
		if err == nil {
			err = json.Unmarshal([]byte(kinds), &p.Revisions)
		}
		if err != nil {
			return err
		}
		// Servers from before there was a revision of each kind count all changes together.
		older := all
		for _, n := range p.Revisions {
			older -= n
		}
		for _, kind := range registry.Kinds {
			p.Revisions[kind] += older
		}
		p.Revisions[registry.Webhooks] = webhooks
		return nil
	}, nodeSQL.Get("Pulse"))
	if err != nil {
		return p, fmt.Errorf("looking for other nodes: %w", err)
	}
	return p, nil
}

// IntakeProgress implements delivery.SharedStore.
func (s *Store) IntakeProgress(ctx context.Context, first event.ID, n int, f func(event.DeliveryID)) error {
	// Owed rows first: a delivery that is settled in between is then in the log.
	for _, name := range []string{"IntakeOwed", "IntakeSettled"} {
		err := s.query(ctx, func(row pgx.CollectableRow) error {
			var id, webhook int64
			if err := row.Scan(&id, &webhook); err != nil {
				return err
			}
			f(event.DeliveryID{Event: event.ID(id), Webhook: uint32(webhook)})
			return nil
		}, nodeSQL.Get(name), int64(first), int64(first)+int64(n))
		if err != nil {
			return fmt.Errorf("reading what became of an intake: %w", err)
		}
	}
	return nil
}

// IntakeHas implements delivery.SharedStore.
func (s *Store) IntakeHas(ctx context.Context, id event.ID) (has bool, err error) {
	err = s.query(ctx, func(row pgx.CollectableRow) error { return row.Scan(&has) },
		nodeSQL.Get("IntakeHas"), int64(id), event.MaxReserve)
	if err != nil {
		return false, fmt.Errorf("looking for the intake of %d: %w", id, err)
	}
	return has, nil
}

// overdueOrders is how many orders of a webhook OwedOverdue looks at, twice.
const overdueOrders = 64

// OwedOverdue implements delivery.SharedStore.
func (s *Store) OwedOverdue(ctx context.Context, before time.Time) ([]delivery.OwedSummary, error) {
	var list []delivery.OwedSummary
	index := make(map[int64]int)
	add := func(webhook int64, tenant int32, due int64) {
		next := time.UnixMilli(due).UTC()
		if due == 0 || next.After(before) {
			return
		}
		if i, ok := index[webhook]; ok {
			if next.Before(list[i].Next) {
				list[i].Next = next
			}
			return
		}
		index[webhook] = len(list)
		list = append(list, delivery.OwedSummary{Tenant: event.TenantID(tenant), Webhook: uint32(webhook), Next: next})
	}
	err := s.query(ctx, func(row pgx.CollectableRow) error {
		var webhook, due int64
		var tenant int32
		err := row.Scan(&webhook, &tenant, &due)
		add(webhook, tenant, due)
		s.marks.lower(uint32(webhook), due)
		return err
	}, owedSQL.Get("OverduePlain"), before.UnixMilli())
	// The first orders, and, where there are more, some from anywhere.
	for start, more := int64(math.MinInt64), true; more && err == nil; start = int64(rand.Uint64()) {
		again := start == math.MinInt64
		more = false
		err = s.query(ctx, func(row pgx.CollectableRow) error {
			var webhook, due, orders int64
			var tenant int32
			err := row.Scan(&webhook, &tenant, &due, &orders)
			add(webhook, tenant, due)
			more = more || again && orders == overdueOrders
			return err
		}, owedSQL.Get("OverdueOrdered"), start, overdueOrders)
	}
	if err != nil {
		return nil, fmt.Errorf("looking for overdue deliveries: %w", err)
	}
	return list, nil
}

// OweWith implements delivery.SharedStore.
func (s *Store) OweWith(f func(ev *event.Event, owe func(delivery.Owed))) {
	s.append.mu.Lock()
	defer s.append.mu.Unlock()
	s.append.oweWith = f
}

// afterOrders returns the time to make the events' ids of: now, or later, so
// that they are behind the owed rows of the same orders. Within a millisecond
// ids of different nodes say nothing about who was first, and clocks differ.
func (s *Store) afterOrders(ctx context.Context, now time.Time) (time.Time, error) {
	a := &s.append
	if a.oweWith == nil {
		return now, nil
	}
	var hooks, orders []int64
	seen := make(map[[2]int64]bool)
	for _, it := range a.group.Items {
		a.oweWith(&it.Event, func(o delivery.Owed) {
			if k := [2]int64{int64(o.Webhook), o.Order}; !seen[k] {
				seen[k] = true
				hooks, orders = append(hooks, k[0]), append(orders, k[1])
			}
		})
	}
	if len(hooks) == 0 {
		return now, nil
	}
	last, err := s.integer(ctx, owedSQL.Get("OrdersLast"), hooks, orders)
	if behind := event.ID(last).Time().Add(time.Millisecond); last != 0 && behind.After(now) && behind.Sub(now) < maxAhead {
		now = behind
	}
	return now, err
}

// owe asks what of the events about to be stored is owed at once.
func (a *appender) owe() {
	a.owed = a.owed[:0]
	if a.oweWith == nil {
		return
	}
	for i := range a.intakes {
		in := &a.intakes[i]
		in.owed = nil
		for n, it := range in.items {
			e := it.Event
			e.ID = in.id + event.ID(n)
			a.oweWith(&e, func(o delivery.Owed) {
				a.owed = append(a.owed, o)
				in.owed = append(in.owed, o.Delivery())
			})
		}
	}
}

// oweSQL stores owed rows with their events.
func (a *appender) oweSQL() []string {
	if len(a.owed) == 0 {
		return nil
	}
	b := []byte("INSERT INTO owed(event, webhook, tenant, due, since, attempts, base, reason, ord) VALUES ")
	for i := range a.owed {
		b = append(appendOwed(b, &a.owed[i], i == 0), ')')
	}
	return []string{string(b)}
}
