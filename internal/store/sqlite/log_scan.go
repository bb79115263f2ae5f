package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/utcday"
)

// scanBlocks is how many blocks a scan reads in one transaction; a long one
// would keep the WAL from being emptied.
const scanBlocks = 256

// settledSince implements delivery.Store's SettledSince.
func (l *attemptLog) settledSince(ctx context.Context, since event.ID, f func(event.DeliveryID)) error {
	var settled []event.DeliveryID
	for _, d := range l.daysFrom(utcday.Of(since), false) {
		// The block that holds since may begin before it.
		for after := since - event.MaxReserve; ; {
			settled = settled[:0]
			blocks := 0
			err := l.view(ctx, d, func(c *conn, _ *dayView) error {
				return c.query(func(s *sqlite3.Stmt) error {
					id := event.ID(s.ColumnInt64(0))
					after = id
					blocks++
					err := l.openBlock(s, id, func(r *logReader) error {
						for at := id; r.next(); at++ {
							if at >= since && r.entry.outcome.Settles() {
								settled = append(settled, r.entry.delivery())
							}
						}
						return r.err
					})
					// Deliveries settled in a damaged block are delivered again.
					return l.passBad(id, err)
				}, logSQL.Get("BlocksAfter"), after, scanBlocks)
			})
			if err != nil && !errors.Is(err, errDayGone) {
				return err
			}
			for _, s := range settled {
				f(s)
			}
			if blocks < scanBlocks {
				break
			}
		}
	}
	return nil
}

// failedScan implements delivery.JobStore's FailedScan.
func (l *attemptLog) failedScan(ctx context.Context, tenant event.TenantID, webhook uint32, after, until event.ID, f func(*delivery.Attempt) bool) error {
	for _, d := range l.daysFrom(utcday.Of(after), false) {
		if d.FirstID() > until {
			return nil
		}
		for cursor, more := after, true; more; {
			var found []*delivery.Attempt
			err := l.view(ctx, d, func(c *conn, v *dayView) (err error) {
				found, cursor, err = l.failures(c, v.tail, tenant, webhook, cursor, until)
				return err
			})
			if errors.Is(err, errDayGone) {
				break
			}
			if err != nil {
				return err
			}
			more = cursor < until
			if found, err = l.last(ctx, d, found); err != nil {
				return err
			}
			for _, a := range found {
				if !f(a) {
					return nil
				}
			}
		}
	}
	return nil
}

// failures returns some Failed and Expired entries of the webhook with ids in
// (after, until], and up to which id it has looked.
func (l *attemptLog) failures(c *conn, tail []tailBlock, tenant event.TenantID, webhook uint32, after, until event.ID) (found []*delivery.Attempt, through event.ID, err error) {
	const some = 100
	through = until
	read := func(id event.ID) error {
		err := l.block(c, id, func(r *logReader) error {
			at := id
			for ; r.next(); at++ {
				e := &r.entry
				if at <= after || at > until || e.tenant != tenant || e.webhook != webhook ||
					e.outcome != delivery.Failed && e.outcome != delivery.Expired {
					continue
				}
				a, err := e.attempt(at, r.detail)
				if err != nil {
					return err
				}
				found = append(found, a)
			}
			if len(found) >= some {
				through = min(at-1, until)
				return errEnough
			}
			return r.err
		})
		return l.passBad(id, err)
	}
	kinds := outcomeKind(delivery.Failed) | outcomeKind(delivery.Expired)
	first := after - event.MaxReserve // the block that holds after may begin before it
	var blocks []blockKinds
	err = c.query(func(s *sqlite3.Stmt) (err error) {
		if s.ColumnInt64(1)&kinds == 0 {
			return nil
		}
		if blocks, err = readBlocks(blocks[:0], event.ID(s.ColumnInt64(0)), s.ColumnRawBlob(2)); err != nil {
			return err
		}
		for _, b := range blocks {
			if b.kinds&kinds != 0 && b.id > first && b.id <= until {
				if err := read(b.id); err != nil {
					return err
				}
			}
		}
		return nil
	}, logSQL.Get("WebhookOldest"), webhook, first, until)
	for i := 0; i < len(tail) && err == nil; i++ {
		b := &tail[i]
		if b.last() > after && b.id <= until && slices.ContainsFunc(b.entries, func(e logEntry) bool {
			return e.webhook == webhook && outcomeKind(e.outcome)&kinds != 0
		}) {
			err = read(b.id)
		}
	}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return found, through, err
}

// last keeps those entries, of the day d, that nothing followed for their delivery.
func (l *attemptLog) last(ctx context.Context, d day, found []*delivery.Attempt) ([]*delivery.Attempt, error) {
	if len(found) == 0 {
		return nil, nil
	}
	at := make(map[event.DeliveryID]event.ID, len(found))
	for _, a := range found {
		at[a.Delivery()] = max(at[a.Delivery()], a.ID)
	}
	for _, later := range l.daysFrom(d, false) {
		err := l.view(ctx, later, func(c *conn, v *dayView) error {
			for delivery, id := range at {
				n, err := c.integer(logSQL.Get("LaterExists"),
					delivery.Event, delivery.Webhook, id)
				if err != nil {
					return err
				}
				if n != 0 {
					delete(at, delivery)
				}
			}
			for _, b := range v.tail {
				for i := range b.entries {
					k := b.entries[i].delivery()
					if id, ok := at[k]; ok && b.id+event.ID(i) > id {
						delete(at, k)
					}
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errDayGone) {
			return nil, err
		}
	}
	return slices.DeleteFunc(found, func(a *delivery.Attempt) bool { return at[a.Delivery()] != a.ID }), nil
}

// statsKey is a step of statistics, of one webhook where each has its own.
type statsKey struct {
	step    int64
	webhook uint32
}

func (k statsKey) compare(other statsKey) int {
	return cmp.Or(cmp.Compare(k.step, other.step), cmp.Compare(k.webhook, other.webhook))
}

// stats implements delivery.LogStore's Stats. Steps are counted from the
// minute in which From lies.
func (l *attemptLog) stats(ctx context.Context, q delivery.StatsQuery) ([]delivery.StatsPoint, error) {
	step := int64(q.Step / time.Minute)
	if step < 1 || q.Step%time.Minute != 0 {
		return nil, errors.New("the step of statistics is not a whole number of minutes")
	}
	const minuteMs = 60_000
	from := (&logEntry{at: q.From.UnixMilli()}).minute()
	to := (&logEntry{at: ceilMilli(q.To) - 1}).minute() + 1 // the first minute that begins at To or later
	unit := int64(1)
	if from%60 == 0 && to%60 == 0 && step%60 == 0 {
		unit = 60
	}
	steps := make(map[statsKey]*rollupRow)
	at := func(minute int64, webhook uint32) *rollupRow {
		k := statsKey{step: (minute - from) / step}
		if q.Each != nil {
			k.webhook = webhook
		}
		if steps[k] == nil {
			steps[k] = new(rollupRow)
		}
		return steps[k]
	}
	webhooks := q.Each
	if webhooks == nil {
		webhooks = []uint32{q.Webhook}
	}
	numbers, err := json.Marshal(webhooks)
	if err != nil {
		return nil, fmt.Errorf("asking for statistics: %w", err)
	}
	for _, d := range l.daysFrom(0, true) {
		if d.End().Add(sinceSlack).UnixMilli() <= from*minuteMs {
			break
		}
		err := l.view(ctx, d, func(c *conn, v *dayView) error {
			for _, b := range v.tail {
				for i := range b.entries {
					e := &b.entries[i]
					if m := e.minute(); m >= from && m < to && e.tenant == q.Tenant &&
						(q.Each == nil && q.Webhook == 0 || slices.Contains(webhooks, e.webhook)) && e.counts() {
						at(m, e.webhook).add(e)
					}
				}
			}
			return c.query(func(s *sqlite3.Stmt) error {
				r := at(s.ColumnInt64(0), uint32(s.ColumnInt64(6)))
				r.delivered += s.ColumnInt64(1)
				r.retrying += s.ColumnInt64(2)
				r.failed += s.ColumnInt64(3)
				r.totalMs += s.ColumnInt64(4)
				r.maxMs = max(r.maxMs, s.ColumnInt64(5))
				return nil
			}, logSQL.Get("RollupSum"), unit, from, to, q.Tenant, string(numbers))
		})
		if err != nil && !errors.Is(err, errDayGone) {
			return nil, err
		}
	}
	var points []delivery.StatsPoint
	for _, k := range slices.SortedFunc(maps.Keys(steps), statsKey.compare) {
		r := steps[k]
		points = append(points, delivery.StatsPoint{
			At: time.UnixMilli((from + k.step*step) * minuteMs).UTC(), Webhook: k.webhook,
			Delivered: r.delivered, Retrying: r.retrying, Failed: r.failed,
			TotalMs: r.totalMs, MaxMs: r.maxMs,
		})
	}
	return points, nil
}
