package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// rescheduleStep is how many rows one step of rescheduling looks at.
const rescheduleStep = 500

// OwedReschedule implements delivery.Store.
func (s *Store) OwedReschedule(ctx context.Context, webhook uint32, after time.Time, f func(*delivery.Owed) (bool, error)) (int, error) {
	total := 0
	for from := event.ID(0); ; {
		rows, err := collect(ctx, s, scanOwed, owedSQL.Get("Ahead"), int64(webhook), int64(from), after.UnixMilli(), rescheduleStep)
		if err == nil && len(rows) > 0 {
			from = rows[len(rows)-1].Event
			var n int
			n, err = s.reschedule(ctx, rows, f)
			total += n
		}
		if err != nil {
			return total, fmt.Errorf("rescheduling owed deliveries: %w", err)
		}
		if len(rows) < rescheduleStep {
			return total, nil
		}
	}
}

// reschedule stores what f changes of rows.
func (s *Store) reschedule(ctx context.Context, rows []delivery.Owed, f func(*delivery.Owed) (bool, error)) (n int, err error) {
	batch, lowest := &pgx.Batch{}, time.Time{}
	for _, o := range rows {
		was := o.Due
		wrong, err := f(&o)
		if err != nil {
			return 0, err
		}
		if !wrong || !o.Due.Before(was) {
			continue
		}
		if lowest.IsZero() || o.Due.Before(lowest) {
			lowest = o.Due
		}
		batch.Queue(owedSQL.Get("Reschedule"), int64(o.Event), int64(o.Webhook), was.UnixMilli(), o.Due.UnixMilli(), o.Since.UnixMilli())
	}
	if batch.Len() == 0 {
		return 0, nil
	}
	defer s.marks.lower(rows[0].Webhook, lowest.UnixMilli())
	err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		n = 0
		results := tx.SendBatch(ctx, batch)
		for range batch.Len() {
			tag, err := results.Exec()
			if err != nil {
				_ = results.Close() // the same error
				return err
			}
			n += int(tag.RowsAffected())
		}
		return results.Close()
	})
	return n, err
}

// Newest implements delivery.Store.
func (s *Store) Newest(ctx context.Context, before time.Time) (time.Time, error) {
	id, err := s.integer(ctx, owedSQL.Get("Newest"), int64(event.FirstID(before)))
	if err != nil || id == 0 {
		if err != nil {
			err = fmt.Errorf("looking for the newest id: %w", err)
		}
		return time.Time{}, err
	}
	return event.ID(id).Time(), nil
}
