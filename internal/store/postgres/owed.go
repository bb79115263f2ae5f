package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var owedSQL = sqltext.Load(sqlFiles, "owed")

const (
	// headsStep is how many orders of a webhook one claim looks at: some 10 ms.
	// The next claim goes on where it stopped.
	headsStep = 1000
	// discardStep is how many rows one step of discarding removes.
	discardStep = 1000
)

// scanOwed reads a row's columns.
func scanOwed(row pgx.CollectableRow) (delivery.Owed, error) {
	var v [10]int64
	var o delivery.Owed
	err := row.Scan(&v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8], &v[9])
	owedFrom(&o, &v)
	return o, err
}

// owedFrom makes a row of its columns in the order of scanOwed.
func owedFrom(o *delivery.Owed, v *[10]int64) {
	*o = delivery.Owed{
		Event: event.ID(v[0]), Webhook: uint32(v[1]), Tenant: event.TenantID(v[2]),
		Due: time.UnixMilli(v[3]).UTC(), Since: time.UnixMilli(v[4]).UTC(),
		Attempts: int(v[5]), Base: int(v[6]), Reason: delivery.Reason(v[7]),
		Order: v[8], Token: v[9],
	}
}

// newClaim returns a token that no claim has had.
func (s *Store) newClaim(r *registration) int64 {
	return r.fence<<claimBits | s.claims.Add(1)&(1<<claimBits-1)
}

// OwedClaim implements delivery.Store. Where a webhook has very many orders,
// one call looks at some thousand of them, and the next at those behind.
func (s *Store) OwedClaim(ctx context.Context, webhook uint32, now time.Time, limit int) ([]delivery.Owed, error) {
	if limit <= 0 {
		return nil, nil
	}
	r, err := s.current()
	if err != nil {
		return nil, fmt.Errorf("claiming owed deliveries: %w", err)
	}
	list, ordered, err := s.claimPlain(ctx, r, webhook, now.UnixMilli(), limit)
	if err == nil && ordered {
		list, err = s.claimOrdered(ctx, r, webhook, now.UnixMilli(), limit)
	}
	if err != nil {
		return nil, fmt.Errorf("claiming owed deliveries: %w", err)
	}
	return list, nil
}

// claimPlain claims rows of a webhook that has none with an order; ordered
// tells that it has some, and that nothing was claimed. A crash may undo
// claims: then their holder's tokens are stale.
func (s *Store) claimPlain(ctx context.Context, r *registration, webhook uint32, now int64, limit int) (list []delivery.Owed, ordered bool, err error) {
	m, nothingBefore := s.marks.begin(webhook), int64(noMark)
	defer func() { s.marks.end(m, nothingBefore) }()
	token := s.newClaim(r)
	results, err := s.change(ctx, r, change{lazy: true, sql: []string{
		fmt.Sprintf(`
			WITH due AS MATERIALIZED (
			  SELECT event, webhook
			  FROM owed
			  WHERE webhook = %[1]d AND claim = 0 AND ord = 0 AND due <= %[2]d AND due >= %[5]d
			    AND NOT EXISTS (SELECT FROM owed WHERE webhook = %[1]d AND ord <> 0)
			  ORDER BY due, event
			  LIMIT %[3]d
			  FOR UPDATE SKIP LOCKED
			)
			UPDATE owed
			SET claim = %[4]d
			FROM due
			WHERE owed.event = due.event AND owed.webhook = due.webhook
			RETURNING owed.event, owed.webhook, tenant, due, since, attempts, base, reason, ord, claim`,
			webhook, now, limit, token, s.marks.from(webhook)),
		fmt.Sprintf("SELECT FROM owed WHERE webhook = %d AND ord <> 0 LIMIT 1", webhook),
	}})
	if err != nil {
		s.doubtClaim(token, err)
		return nil, false, err
	}
	list = owedRows(results[0].Rows)
	slices.SortFunc(list, byDue)
	switch ordered = results[1].CommandTag.RowsAffected() > 0; {
	case len(list) == limit: // others may be due at the same time
		nothingBefore = list[limit-1].Due.UnixMilli()
	case !ordered:
		nothingBefore = now
	}
	return list, ordered && len(list) == 0, nil
}

func byDue(a, b delivery.Owed) int {
	return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.Event, b.Event))
}

// owedRows reads rows sent as text.
func owedRows(rows [][][]byte) []delivery.Owed {
	list := make([]delivery.Owed, len(rows))
	for i, row := range rows {
		var v [10]int64
		for n := range v {
			v[n] = number(row[n])
		}
		owedFrom(&list[i], &v)
	}
	return list
}

// head is the first row of an order, or a row without one.
type head struct {
	ord, due int64
	event    event.ID
	run      []event.ID // that may follow it
	broken   bool       // it is a batch of which another row is claimed
}

// claimOrdered claims rows of a webhook that has orders. It first plans from
// what it sees and then claims that; of what others have changed in between,
// it gives back what can no longer be claimed in order.
func (s *Store) claimOrdered(ctx context.Context, r *registration, webhook uint32, now int64, limit int) ([]delivery.Owed, error) {
	heads, err := s.headsDue(ctx, webhook, now)
	if err == nil {
		err = s.query(ctx, func(row pgx.CollectableRow) error {
			var h head
			err := row.Scan(&h.due, &h.event)
			heads = append(heads, h)
			return err
		}, owedSQL.Get("Plain"), int64(webhook), now, limit)
	}
	if err != nil {
		return nil, err
	}
	slices.SortFunc(heads, func(a, b head) int { return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.event, b.event)) })
	heads = heads[:min(limit, len(heads))]
	if err := s.fillRuns(ctx, webhook, heads); err != nil || len(heads) == 0 {
		return nil, err
	}
	left := limit
	var ids []event.ID
	for i := range heads {
		h := &heads[i]
		if left <= 0 {
			heads = heads[:i]
			break
		}
		switch {
		case h.broken:
			continue
		case h.ord >= 0:
			h.run = h.run[:min(len(h.run), left-1)]
		}
		left -= 1 + len(h.run)
		ids = append(append(ids, h.event), h.run...)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	token := s.newClaim(r)
	slices.Sort(ids) // locked in one order, so that nodes do not block each other
	results, err := s.change(ctx, r, change{lazy: true, sql: []string{fmt.Sprintf(`
		WITH due AS MATERIALIZED (
		  SELECT event, webhook
		  FROM owed
		  WHERE webhook = %d AND claim = 0 AND event IN (%s)
		  ORDER BY event
		  FOR UPDATE
		)
		UPDATE owed
		SET claim = %d
		FROM due
		WHERE owed.event = due.event AND owed.webhook = due.webhook
		RETURNING owed.event, owed.webhook, tenant, due, since, attempts, base, reason, ord, claim`,
		webhook, numberList(ids), token)}})
	if err != nil {
		s.doubtClaim(token, err)
		return nil, err
	}
	got := make(map[event.ID]delivery.Owed)
	for _, o := range owedRows(results[0].Rows) {
		got[o.Event] = o
	}
	var list []delivery.Owed
	take := func(id event.ID, ord int64, anyTime bool) bool {
		o, ok := got[id]
		if !ok || o.Order != ord || !anyTime && o.Due.UnixMilli() > now {
			return false
		}
		delete(got, id)
		list = append(list, o)
		return true
	}
	for i := range heads {
		h := &heads[i]
		if h.broken || h.ord < 0 && !has(got, h) || !take(h.event, h.ord, false) {
			continue
		}
		for _, id := range h.run {
			if !take(id, h.ord, true) {
				break
			}
		}
	}
	if len(got) > 0 {
		var back []delivery.Owed
		for _, o := range got {
			back = append(back, o)
		}
		if err := s.OwedRelease(ctx, back); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// has reports whether all of a batch was claimed: of one that somebody else has
// changed meanwhile, nothing may be taken.
func has(got map[event.ID]delivery.Owed, h *head) bool {
	o, ok := got[h.event]
	for i := 0; i < len(h.run) && ok; i++ {
		o, ok = got[h.run[i]]
		ok = ok && o.Order == h.ord
	}
	return ok
}

// headsDue returns the first rows of orders that are due and not claimed.
func (s *Store) headsDue(ctx context.Context, webhook uint32, now int64) ([]head, error) {
	var list []head
	err := s.heads(ctx, webhook, headsStep, func(h head, claim int64) {
		if claim == 0 && h.due <= now {
			list = append(list, h)
		}
	})
	return list, err
}

// heads calls f for the first row of each order, of some limit orders at most.
// The next call for the webhook goes on behind those.
func (s *Store) heads(ctx context.Context, webhook uint32, limit int, f func(h head, claim int64)) error {
	s.mu.Lock()
	start, resumed := s.turns[webhook]
	s.mu.Unlock()
	if !resumed {
		start = math.MinInt64
	}
	seen, last := 0, start
	scan := func(from, to int64) error {
		return s.query(ctx, func(row pgx.CollectableRow) error {
			var h head
			var claim int64
			if err := row.Scan(&h.ord, &h.event, &h.due, &claim); err != nil {
				return err
			}
			if h.ord <= to {
				seen, last = seen+1, h.ord
				f(h, claim)
			}
			return nil
		}, owedSQL.Get("Heads"), int64(webhook), from, limit-seen)
	}
	err := scan(start, math.MaxInt64)
	if err == nil && resumed && seen < limit {
		err = scan(math.MinInt64, start)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if seen < limit {
		delete(s.turns, webhook) // it has seen all
	} else {
		s.turns[webhook] = last
	}
	return err
}

// fillRuns looks up the unclaimed rows behind heads.
func (s *Store) fillRuns(ctx context.Context, webhook uint32, heads []head) error {
	var ords, events []int64
	index := make(map[int64]*head)
	for i := range heads {
		if h := &heads[i]; h.ord != 0 {
			ords, events = append(ords, h.ord), append(events, int64(h.event))
			index[h.ord] = h
		}
	}
	if len(ords) == 0 {
		return nil
	}
	stop := make(map[int64]bool) // orders with a claimed row
	return s.query(ctx, func(row pgx.CollectableRow) error {
		var ord, id, claim int64
		err := row.Scan(&ord, &id, &claim)
		if stop[ord] = stop[ord] || claim != 0; !stop[ord] && err == nil {
			index[ord].run = append(index[ord].run, event.ID(id))
		}
		if err == nil {
			index[ord].broken = ord < 0 && stop[ord]
		}
		return err
	}, owedSQL.Get("Runs"), int64(webhook), ords, events, delivery.MaxRun, delivery.MaxBatch)
}

// nextOrdered returns the earliest due time (ms) of unclaimed first rows of
// orders, zero without one.
func (s *Store) nextOrdered(ctx context.Context, webhook uint32) (next int64, err error) {
	err = s.heads(ctx, webhook, headsStep, func(h head, claim int64) {
		if claim == 0 && (next == 0 || h.due < next) {
			next = h.due
		}
	})
	return next, err
}

// OwedNext implements delivery.Store. Of more than some thousand orders it
// looks at some, and at others the next time.
func (s *Store) OwedNext(ctx context.Context, webhook uint32) (due time.Time, ok bool, err error) {
	plain, err := s.integer(ctx, owedSQL.Get("NextPlain"), int64(webhook), s.marks.from(webhook))
	var ordered int64
	if err == nil {
		ordered, err = s.nextOrdered(ctx, webhook)
	}
	if err != nil {
		return time.Time{}, false, fmt.Errorf("reading what is owed next: %w", err)
	}
	ms := plain
	if ms == 0 || ordered != 0 && ordered < ms {
		ms = ordered
	}
	if ms == 0 {
		return time.Time{}, false, nil
	}
	return time.UnixMilli(ms).UTC(), true, nil
}

// OwedSummaries implements delivery.Store. Next is zero when every row is
// claimed; of rows with an order the first decides.
func (s *Store) OwedSummaries(ctx context.Context) ([]delivery.OwedSummary, error) {
	var list []delivery.OwedSummary
	var ordered []int
	err := s.query(ctx, func(row pgx.CollectableRow) error {
		var webhook, count, next int64
		var tenant int32
		var orders bool
		err := row.Scan(&webhook, &tenant, &count, &next, &orders)
		if orders {
			ordered = append(ordered, len(list))
		}
		o := delivery.OwedSummary{Tenant: event.TenantID(tenant), Webhook: uint32(webhook), Count: int(count)}
		if next != 0 {
			o.Next = time.UnixMilli(next).UTC()
		}
		list = append(list, o)
		return err
	}, owedSQL.Get("Webhooks"))
	for _, i := range ordered {
		if err != nil {
			break
		}
		var ms int64
		ms, err = s.nextOrdered(ctx, list[i].Webhook)
		if next := time.UnixMilli(ms).UTC(); ms != 0 && (list[i].Next.IsZero() || next.Before(list[i].Next)) {
			list[i].Next = next
		}
	}
	if err != nil {
		return nil, fmt.Errorf("summing up owed deliveries: %w", err)
	}
	return list, nil
}

// OwedBacklog implements delivery.Store. Of rows with an order the first of all decides.
func (s *Store) OwedBacklog(ctx context.Context, tenant event.TenantID, now time.Time) ([]delivery.Backlog, error) {
	var list []delivery.Backlog
	var ordered []int
	at := func(ms int64) time.Time {
		if ms == 0 {
			return time.Time{}
		}
		return time.UnixMilli(ms).UTC()
	}
	err := s.query(ctx, func(row pgx.CollectableRow) error {
		var webhook, count, oldest, next int64
		var orders bool
		err := row.Scan(&webhook, &count, &oldest, &next, &orders)
		if orders {
			ordered = append(ordered, len(list))
		}
		list = append(list, delivery.Backlog{Webhook: uint32(webhook), Count: int(count), Oldest: at(oldest), Next: at(next)})
		return err
	}, owedSQL.Get("Backlog"), int64(tenant), now.UnixMilli())
	for _, i := range ordered {
		if err != nil {
			break
		}
		var ms int64
		if ms, err = s.nextOrdered(ctx, list[i].Webhook); ms == 0 {
			continue
		}
		earliest := &list[i].Next
		if ms <= now.UnixMilli() {
			earliest = &list[i].Oldest
		}
		if due := at(ms); earliest.IsZero() || due.Before(*earliest) {
			*earliest = due
		}
	}
	if err != nil {
		return nil, fmt.Errorf("summing up what is owed: %w", err)
	}
	return list, nil
}

// OwedGet implements delivery.Store.
func (s *Store) OwedGet(ctx context.Context, tenant event.TenantID, d event.DeliveryID) (delivery.Owed, bool, error) {
	list, err := collect(ctx, s, scanOwed, owedSQL.Get("Get"), int64(d.Event), int64(d.Webhook), int32(tenant))
	if err != nil || len(list) == 0 {
		return delivery.Owed{}, false, err
	}
	return list[0], true, nil
}

// OwedOfEvent implements delivery.Store.
func (s *Store) OwedOfEvent(ctx context.Context, tenant event.TenantID, id event.ID) ([]delivery.Owed, error) {
	return collect(ctx, s, scanOwed, owedSQL.Get("OfEvent"), int64(id), int32(tenant))
}

// OwedList implements delivery.Store.
func (s *Store) OwedList(ctx context.Context, q delivery.OwedQuery) (list []delivery.Owed, err error) {
	if q.Limit <= 0 {
		return nil, nil
	}
	before := q.Before
	if before == (event.DeliveryID{}) {
		before = event.DeliveryID{Event: math.MaxInt64, Webhook: math.MaxUint32}
	}
	if q.Webhook != 0 {
		list, err = collect(ctx, s, scanOwed, owedSQL.Get("ListWebhook"), int64(q.Webhook), int32(q.Tenant), int64(before.Event), int64(before.Webhook), q.Limit)
	} else {
		list, err = collect(ctx, s, scanOwed, owedSQL.Get("ListTenant"), int32(q.Tenant), int64(before.Event), int64(before.Webhook), q.Limit, numbers(q.Except))
	}
	if err != nil {
		return nil, fmt.Errorf("listing owed deliveries: %w", err)
	}
	return list, nil
}

// OwedMove implements delivery.Store.
func (s *Store) OwedMove(ctx context.Context, tenant event.TenantID, d event.DeliveryID, due time.Time) (moved bool, err error) {
	defer s.marks.lower(d.Webhook, due.UnixMilli())
	err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		var order int64
		err := tx.QueryRow(ctx, owedSQL.Get("Move"), int64(d.Event), int64(d.Webhook), int32(tenant), due.UnixMilli(), int16(delivery.ReasonManual)).Scan(&order)
		if moved = err == nil; !moved || order >= 0 {
			if errors.Is(err, pgx.ErrNoRows) {
				err = nil
			}
			return err
		}
		_, err = tx.Exec(ctx, owedSQL.Get("MoveBatch"), int64(d.Webhook), order, int32(tenant), due.UnixMilli(), int16(delivery.ReasonManual))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("moving an owed delivery: %w", err)
	}
	return moved, nil
}

// OwedDiscard implements delivery.Store.
func (s *Store) OwedDiscard(ctx context.Context, tenant event.TenantID, webhook uint32) error {
	for {
		var n int64
		err := s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, owedSQL.Get("Discard"), int64(webhook), int32(tenant), discardStep)
			n = tag.RowsAffected()
			return err
		})
		if err != nil {
			return fmt.Errorf("discarding owed deliveries: %w", err)
		}
		if n < discardStep {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// countFor is how long a count is used again.
const countFor = 5 * time.Second

// OwedCount returns how many deliveries are owed in all, exact up to a
// million, some seconds old. While the database is away it is the last known.
func (s *Store) OwedCount() int64 {
	s.mu.Lock()
	n, fresh := s.owedCount, time.Since(s.owedCounted) < countFor
	if !fresh {
		s.owedCounted = time.Now() // one caller counts
	}
	s.mu.Unlock()
	if fresh {
		return n
	}
	now, err := s.integer(context.Background(), owedSQL.Get("Count"))
	if err != nil {
		return n
	}
	s.mu.Lock()
	s.owedCount = now
	s.mu.Unlock()
	return now
}
