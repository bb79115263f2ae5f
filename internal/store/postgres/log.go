package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/logentry"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var logSQL = sqltext.Load(sqlFiles, "log")

// maxOfEvent is how many entries of an event are returned.
const maxOfEvent = 1000

// scanAttempt reads the columns of an attempt.
func scanAttempt(row pgx.CollectableRow) (*delivery.Attempt, error) {
	var r attemptRow
	var detail pgtype.DriverBytes // the connection's memory: attempt copies it
	err := row.Scan(&r.id, &r.tenant, &r.webhook, &r.event, &r.at, &r.total, &r.outcome, &r.status, &r.eventType, &detail)
	if err != nil {
		return nil, err
	}
	r.detail = detail
	return r.attempt()
}

// AttemptGet implements delivery.LogStore.
func (s *Store) AttemptGet(ctx context.Context, tenant event.TenantID, id event.ID) (*delivery.Attempt, bool, error) {
	list, err := collect(ctx, s, scanAttempt, logSQL.Get("Get"), int64(id), int32(tenant))
	if err != nil || len(list) == 0 {
		return nil, false, err
	}
	return list[0], true, nil
}

// ceilMilli returns the first whole millisecond not before t: attempts have
// whole ones, so comparing with it is comparing with t.
func ceilMilli(t time.Time) int64 { return t.Add(time.Millisecond - 1).UnixMilli() }

// AttemptList implements delivery.LogStore.
func (s *Store) AttemptList(ctx context.Context, q delivery.LogQuery) (list []*delivery.Attempt, next event.ID, err error) {
	if q.Limit < 1 {
		return nil, 0, errors.New("internal error: a list of attempts without a limit")
	}
	outcomes := q.Outcomes
	if len(outcomes) == 0 {
		outcomes = []delivery.Outcome{delivery.Delivered, delivery.Retrying, delivery.Failed}
	}
	failed := []byte{} // as a detail has it, empty: any
	if q.ErrorKind != "" {
		failed = logentry.AppendString(nil, string(q.ErrorKind))
		outcomes = slices.DeleteFunc(slices.Clone(outcomes), func(o delivery.Outcome) bool { return o != delivery.Retrying && o != delivery.Failed })
	}
	kinds := make([]int16, len(outcomes))
	for i, o := range outcomes {
		kinds[i] = int16(o)
	}
	below, from := int64(math.MaxInt64), int64(0)
	if q.Before != 0 {
		below = int64(q.Before)
	}
	since, until := int64(math.MinInt64), int64(math.MaxInt64)
	if !q.Since.IsZero() || !q.Until.IsZero() {
		var l lag
		err := s.query(ctx, func(row pgx.CollectableRow) error { return row.Scan(&l.behind, &l.ahead) }, logSQL.Get("Lag"))
		if err != nil {
			return nil, 0, fmt.Errorf("listing attempts: %w", err)
		}
		if !q.Since.IsZero() {
			since = ceilMilli(q.Since)
			from = int64(event.FirstID(time.UnixMilli(since - max(l.ahead, usualLag))))
		}
		if !q.Until.IsZero() {
			until = ceilMilli(q.Until)
			below = min(below, int64(event.FirstID(time.UnixMilli(until+max(l.behind, usualLag)))))
		}
	}
	bound, page := logSQL.Get("PageBound"), logSQL.Get("Page")
	which := []any{numbers(q.Except), failed}
	var webhook []any
	if q.Webhook != 0 {
		bound, page = logSQL.Get("PageBoundWebhook"), logSQL.Get("PageWebhook")
		webhook = []any{int64(q.Webhook)}
		which = []any{int64(q.Webhook), failed}
	}
	through, err := pages(ctx, below, from, func(below int64, rows int) (int64, error) {
		return s.integer(ctx, bound, append([]any{below, from, rows - 1}, webhook...)...)
	}, func(below, from int64) (bool, error) {
		part, err := collect(ctx, s, scanAttempt, page, append([]any{
			below, from, int32(q.Tenant), kinds, q.StatusMin, q.StatusMax, q.EventType, since, until, q.Limit + 1 - len(list), q.Followers,
		}, which...)...)
		list = append(list, part...)
		return len(list) <= q.Limit, err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("listing attempts: %w", err)
	}
	if len(list) > q.Limit {
		return list[:q.Limit], list[q.Limit-1].ID, nil
	}
	return list, event.ID(through), nil
}

// numbers returns webhooks' numbers as a parameter; never nil, which is NULL.
func numbers(webhooks []uint32) []int64 {
	list := make([]int64, len(webhooks))
	for i, n := range webhooks {
		list[i] = int64(n)
	}
	return list
}

// AttemptTail implements delivery.SharedStore.
func (s *Store) AttemptTail(ctx context.Context, after event.ID, tenants []event.TenantID, limit int) ([]*delivery.Attempt, error) {
	r, err := s.current()
	if err != nil {
		return nil, fmt.Errorf("listing the attempts of other nodes: %w", err)
	}
	of := make([]int32, len(tenants))
	for i, t := range tenants {
		of[i] = int32(t)
	}
	list, err := collect(ctx, s, scanAttempt, logSQL.Get("Tail"), int64(after), r.number, of, limit)
	if err != nil {
		return nil, fmt.Errorf("listing the attempts of other nodes: %w", err)
	}
	return list, nil
}

// AttemptsOfEvent implements delivery.LogStore.
func (s *Store) AttemptsOfEvent(ctx context.Context, tenant event.TenantID, id event.ID) ([]*delivery.Attempt, error) {
	return s.attemptsOf(ctx, tenant, event.DeliveryID{Event: id})
}

// AttemptsOfDelivery implements delivery.LogStore. It returns at most the
// 1,000 newest.
func (s *Store) AttemptsOfDelivery(ctx context.Context, tenant event.TenantID, d event.DeliveryID) ([]*delivery.Attempt, error) {
	return s.attemptsOf(ctx, tenant, d)
}

func (s *Store) attemptsOf(ctx context.Context, tenant event.TenantID, d event.DeliveryID) ([]*delivery.Attempt, error) {
	list, err := collect(ctx, s, scanAttempt, logSQL.Get("OfEvent"), int64(d.Event), int32(tenant), int64(d.Webhook), maxOfEvent)
	if err != nil {
		return nil, fmt.Errorf("reading the attempts of event %d: %w", d.Event, err)
	}
	slices.Reverse(list)
	return list, nil
}

// SettledSince implements delivery.Store.
func (s *Store) SettledSince(ctx context.Context, since event.ID, f func(event.DeliveryID)) error {
	const step = 10_000
	for {
		n := 0
		err := s.query(ctx, func(row pgx.CollectableRow) error {
			var id, e, webhook int64
			if err := row.Scan(&id, &e, &webhook); err != nil {
				return err
			}
			n++
			since = event.ID(id) + 1
			f(event.DeliveryID{Event: event.ID(e), Webhook: uint32(webhook)})
			return nil
		}, logSQL.Get("Settled"), int64(since), step)
		if err != nil {
			return fmt.Errorf("reading what is settled: %w", err)
		}
		if n < step {
			return nil
		}
	}
}

// FailedScan implements delivery.JobStore.
func (s *Store) FailedScan(ctx context.Context, tenant event.TenantID, webhook uint32, after, until event.ID, f func(*delivery.Attempt) bool) error {
	const step = 200
	for after < until {
		type failure struct {
			a       *delivery.Attempt
			settled bool // by a later attempt
		}
		list, err := collect(ctx, s, func(row pgx.CollectableRow) (failure, error) {
			var r attemptRow
			var detail pgtype.DriverBytes
			var x failure
			err := row.Scan(&r.id, &r.tenant, &r.webhook, &r.event, &r.at, &r.total, &r.outcome, &r.status, &r.eventType, &detail, &x.settled)
			if err == nil {
				r.detail = detail
				x.a, err = r.attempt()
			}
			return x, err
		}, logSQL.Get("Failed"), int64(webhook), int64(after), int64(until), int32(tenant), step)
		if err != nil {
			return fmt.Errorf("scanning failed deliveries: %w", err)
		}
		for _, x := range list {
			after = x.a.ID
			if !x.settled && !f(x.a) {
				return nil
			}
		}
		if len(list) < step {
			return nil
		}
	}
	return nil
}

// Stats implements delivery.LogStore. Steps are counted from the minute in
// which From lies.
func (s *Store) Stats(ctx context.Context, q delivery.StatsQuery) ([]delivery.StatsPoint, error) {
	step := int64(q.Step / time.Minute)
	if step < 1 || q.Step%time.Minute != 0 {
		return nil, errors.New("the step of statistics is not a whole number of minutes")
	}
	const minuteMs = 60_000
	from := max(q.From.UnixMilli(), 0) / minuteMs
	to := (max(ceilMilli(q.To), 0) + minuteMs - 1) / minuteMs // the first minute that begins at To or later
	unit := int16(1)
	if from%60 == 0 && to%60 == 0 && step%60 == 0 {
		unit = 60
	}
	webhooks := []int64{int64(q.Webhook)}
	if q.Each != nil {
		webhooks = make([]int64, len(q.Each))
		for i, w := range q.Each {
			webhooks[i] = int64(w)
		}
	}
	points, err := collect(ctx, s, func(row pgx.CollectableRow) (p delivery.StatsPoint, err error) {
		var k, webhook int64
		err = row.Scan(&k, &webhook, &p.Delivered, &p.Retrying, &p.Failed, &p.TotalMs, &p.MaxMs)
		p.At, p.Webhook = time.UnixMilli((from+k*step)*minuteMs).UTC(), uint32(webhook)
		return p, err
	}, logSQL.Get("Stats"), int32(q.Tenant), webhooks, from, to, step, unit, q.Each != nil)
	if err != nil {
		return nil, fmt.Errorf("reading statistics: %w", err)
	}
	return points, nil
}
