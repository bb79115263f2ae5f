package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// claim implements delivery.Store's OwedClaim.
func (w *workDB) claim(ctx context.Context, webhook uint32, now time.Time, limit int) ([]delivery.Owed, error) {
	w.mu.Lock()
	none := w.counts[webhook] == nil
	w.mu.Unlock()
	if none || limit <= 0 {
		return nil, nil
	}
	w.change.Lock()
	defer w.change.Unlock()
	var list []delivery.Owed
	err := w.db.read(ctx, func(c *conn) error {
		heads := make([]event.ID, 0, min(limit, 1024))
		err := w.unclaimed(c, webhook, now.UnixMilli(), func(_ int64, id event.ID) bool {
			heads = append(heads, id)
			return len(heads) < limit
		})
		list = make([]delivery.Owed, 0, len(heads))
		get := func(id event.ID) error {
			return c.query(func(s *sqlite3.Stmt) error {
				list = append(list, scanOwed(s))
				return nil
			}, workSQL.Get("OwedGet"), id, webhook)
		}
		for i := 0; i < len(heads) && len(list) < limit && err == nil; i++ {
			if err = get(heads[i]); err != nil || len(list) == 0 {
				continue
			}
			if head := list[len(list)-1]; head.Order != 0 {
				run, whole, failed := w.run(c, &head, limit-len(list))
				if err = failed; err != nil {
					continue
				}
				if head.Order < 0 && !whole {
					list = list[:len(list)-1]
					continue
				}
				for _, id := range run {
					if err = get(id); err != nil {
						break
					}
				}
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claiming owed deliveries: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range list {
		w.token++
		list[i].Token = w.token
		w.claims[list[i].Delivery()] = w.token
	}
	return list, nil
}

// run returns the rows behind the first of an order that are claimed with it;
// whole is false if another one is claimed already.
func (w *workDB) run(c *conn, head *delivery.Owed, limit int) (run []event.ID, whole bool, err error) {
	limit = min(limit, delivery.MaxRun)
	if head.Order < 0 {
		limit = delivery.MaxBatch
	}
	err = c.query(func(s *sqlite3.Stmt) error {
		id := event.ID(s.ColumnInt64(0))
		w.mu.Lock()
		_, claimed := w.claims[event.DeliveryID{Event: id, Webhook: head.Webhook}]
		w.mu.Unlock()
		if claimed {
			return errEnough
		}
		run = append(run, id)
		return nil
	}, workSQL.Get("OwedRun"), head.Webhook, head.Order, head.Event, limit)
	if errors.Is(err, errEnough) {
		return run, false, nil
	}
	return run, true, err
}

// unclaimed calls f for the unclaimed rows of a webhook that are due at now
// (ms), in order of due time, until f returns false.
func (w *workDB) unclaimed(c *conn, webhook uint32, now int64, f func(due int64, id event.ID) bool) error {
	err := c.query(func(s *sqlite3.Stmt) error {
		d := event.DeliveryID{Event: event.ID(s.ColumnInt64(1)), Webhook: webhook}
		w.mu.Lock()
		_, claimed := w.claims[d]
		w.mu.Unlock()
		if !claimed && !f(s.ColumnInt64(0), d.Event) {
			return errEnough
		}
		return nil
	}, workSQL.Get("OwedDue"), webhook, now)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// release implements delivery.Store's OwedRelease.
func (w *workDB) release(claims []delivery.Owed) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range claims {
		if d := claims[i].Delivery(); claims[i].Token != 0 && w.claims[d] == claims[i].Token {
			delete(w.claims, d)
		}
	}
}
