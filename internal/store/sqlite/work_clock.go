package sqlite

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// rescheduleStep is how many rows one step of rescheduling looks at: some 10 ms.
const rescheduleStep = 500

// OwedReschedule implements delivery.Store.
func (s *Store) OwedReschedule(ctx context.Context, webhook uint32, after time.Time, f func(*delivery.Owed) (bool, error)) (int, error) {
	total := 0
	for blocked := range 2 {
		due, id := after.UnixMilli(), event.ID(math.MaxInt64)
		for {
			rows, err := s.work.ahead(ctx, webhook, blocked, due, id)
			if err != nil || len(rows) == 0 {
				if err != nil {
					return total, fmt.Errorf("rescheduling owed deliveries: %w", err)
				}
				break
			}
			last := rows[len(rows)-1]
			due, id = last.Due.UnixMilli(), last.Event
			n, err := s.work.reschedule(ctx, rows, f)
			if total += n; err != nil {
				return total, fmt.Errorf("rescheduling owed deliveries: %w", err)
			}
		}
	}
	return total, nil
}

// ahead returns some rows of a webhook behind the one due at due (ms) with the id.
func (w *workDB) ahead(ctx context.Context, webhook uint32, blocked int, due int64, id event.ID) (rows []delivery.Owed, err error) {
	err = w.db.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) error {
			rows = append(rows, w.scan(s))
			return nil
		}, workSQL.Get("OwedAhead"), webhook, blocked, due, id, rescheduleStep)
	})
	return rows, err
}

// reschedule stores what f changes of rows.
func (w *workDB) reschedule(ctx context.Context, rows []delivery.Owed, f func(*delivery.Owed) (bool, error)) (n int, err error) {
	type change struct {
		was time.Time
		to  delivery.Owed
	}
	var changes []change
	for _, o := range rows {
		was := o.Due
		wrong, err := f(&o)
		if err != nil {
			return 0, err
		}
		if wrong && o.Due.Before(was) {
			changes = append(changes, change{was, o})
		}
	}
	if len(changes) == 0 {
		return 0, nil
	}
	w.change.Lock()
	defer w.change.Unlock()
	err = w.commit(ctx, func(x *workChange) error {
		n = 0
		for i := range changes {
			o := &changes[i].to
			err := x.c.exec(workSQL.Get("OwedReschedule"), o.Event, o.Webhook, changes[i].was.UnixMilli(), o.Due.UnixMilli(), o.Since.UnixMilli())
			if err != nil {
				return err
			}
			n += int(x.c.changes())
		}
		return nil
	})
	return n, err
}

// Newest implements delivery.Store.
func (s *Store) Newest(ctx context.Context, before time.Time) (time.Time, error) {
	var newest event.ID
	bound := event.FirstID(before)
	for _, files := range []*dayFiles{s.events.dayFiles, s.attempts.files} {
		days := files.days()
		for i := len(days) - 1; i >= 0 && newest < (days[i]+1).FirstID(); i-- {
			if days[i].FirstID() >= bound {
				continue
			}
			id, err := lastBlock(ctx, files, days[i], bound)
			if err != nil {
				return time.Time{}, fmt.Errorf("looking for the newest id: %w", err)
			}
			if newest = max(newest, id); id != 0 {
				break
			}
		}
	}
	if newest == 0 {
		return time.Time{}, nil
	}
	return newest.Time(), nil
}

// lastBlock returns the id of a day's last block below one, zero without one.
func lastBlock(ctx context.Context, files *dayFiles, n day, below event.ID) (id event.ID, err error) {
	f, err := files.acquire(n)
	if f == nil || err != nil {
		return 0, err
	}
	defer files.release(f)
	err = f.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) error { id = event.ID(s.ColumnInt64(0)); return nil }, eventSQL.Get("BlockLastBefore"), below)
	})
	return id, err
}
