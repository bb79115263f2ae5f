package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// owedScan is how many rows a list looks at in its order before it collects
// those of the webhooks asked for instead: some 20 ms.
const owedScan = 20_000

// webhooks returns the webhooks with rows, rising.
func (w *workDB) webhooks() []uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Sorted(maps.Keys(w.counts))
}

// summaries implements delivery.Store's OwedSummaries. Next is zero when every
// row is claimed.
func (w *workDB) summaries(ctx context.Context) ([]delivery.OwedSummary, error) {
	webhooks := w.webhooks()
	list := make([]delivery.OwedSummary, 0, len(webhooks))
	err := w.db.read(ctx, func(c *conn) error {
		for _, webhook := range webhooks {
			s := delivery.OwedSummary{Webhook: webhook}
			err := w.unclaimed(c, webhook, anyTime, func(due int64, _ event.ID) bool {
				s.Next = time.UnixMilli(due).UTC()
				return false
			})
			if err != nil {
				return err
			}
			w.mu.Lock()
			if n := w.counts[webhook]; n != nil {
				s.Count, s.Tenant = int(n.rows), n.tenant
			}
			w.mu.Unlock()
			if s.Count > 0 {
				list = append(list, s)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("summing up owed deliveries: %w", err)
	}
	return list, nil
}

// backlog implements delivery.Store's OwedBacklog. The counts are those kept in memory.
func (w *workDB) backlog(ctx context.Context, tenant event.TenantID, now time.Time) ([]delivery.Backlog, error) {
	var list []delivery.Backlog
	w.mu.Lock()
	for webhook, n := range w.counts {
		if n.tenant == tenant && n.rows > 0 {
			list = append(list, delivery.Backlog{Webhook: webhook, Count: int(n.rows)})
		}
	}
	w.mu.Unlock()
	slices.SortFunc(list, func(a, b delivery.Backlog) int { return cmp.Compare(a.Webhook, b.Webhook) })
	err := w.db.read(ctx, func(c *conn) error {
		for i := range list {
			b := &list[i]
			err := w.unclaimed(c, b.Webhook, now.UnixMilli(), func(due int64, _ event.ID) bool {
				b.Oldest = time.UnixMilli(due).UTC()
				return false
			})
			if err == nil { // a row that is not due yet is never claimed, but with one of its order or batch
				err = c.query(func(s *sqlite3.Stmt) error {
					b.Next = time.UnixMilli(s.ColumnInt64(0)).UTC()
					return nil
				}, workSQL.Get("OwedToCome"), b.Webhook, now.UnixMilli())
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("summing up what is owed: %w", err)
	}
	return list, nil
}

// next implements delivery.Store's OwedNext.
func (w *workDB) next(ctx context.Context, webhook uint32) (due time.Time, ok bool, err error) {
	w.mu.Lock()
	none := w.counts[webhook] == nil
	w.mu.Unlock()
	if none {
		return time.Time{}, false, nil
	}
	err = w.db.read(ctx, func(c *conn) error {
		return w.unclaimed(c, webhook, anyTime, func(ms int64, _ event.ID) bool {
			due, ok = time.UnixMilli(ms).UTC(), true
			return false
		})
	})
	return due, ok, err
}

// scan returns the row a statement stands at, with its claim.
func (w *workDB) scan(s *sqlite3.Stmt) delivery.Owed {
	o := scanOwed(s)
	w.mu.Lock()
	o.Token = w.claims[o.Delivery()]
	w.mu.Unlock()
	return o
}

// get implements delivery.Store's OwedGet.
func (w *workDB) get(ctx context.Context, tenant event.TenantID, d event.DeliveryID) (o delivery.Owed, ok bool, err error) {
	err = w.db.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) error {
			if r := w.scan(s); r.Tenant == tenant {
				o, ok = r, true
			}
			return nil
		}, workSQL.Get("OwedGet"), d.Event, d.Webhook)
	})
	return o, ok, err
}

// ofEvent implements delivery.Store's OwedOfEvent.
func (w *workDB) ofEvent(ctx context.Context, tenant event.TenantID, id event.ID) (list []delivery.Owed, err error) {
	err = w.db.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) error {
			if o := w.scan(s); o.Tenant == tenant {
				list = append(list, o)
			}
			return nil
		}, workSQL.Get("OwedOfEvent"), id)
	})
	return list, err
}

// list implements delivery.Store's OwedList.
func (w *workDB) list(ctx context.Context, q delivery.OwedQuery) ([]delivery.Owed, error) {
	if q.Before == (event.DeliveryID{}) {
		q.Before = event.DeliveryID{Event: math.MaxInt64, Webhook: math.MaxUint32}
	}
	webhooks, rows := w.selected(&q)
	if rows == 0 || q.Limit <= 0 {
		return nil, nil
	}
	var list []delivery.Owed
	err := w.db.read(ctx, func(c *conn) error {
		// The table's own order is the right one, if enough of the rows are
		// wanted ones.
		if rows*owedScan >= int64(q.Limit)*w.total.Load() {
			done, err := w.listInOrder(c, &q, &list)
			if done || err != nil {
				return err
			}
		}
		found, err := newestOf(c, webhooks, q.Before, q.Limit)
		list = list[:0]
		for i := 0; i < len(found) && err == nil; i++ {
			err = c.query(func(s *sqlite3.Stmt) error {
				list = append(list, w.scan(s))
				return nil
			}, workSQL.Get("OwedGet"), found[i].Event, found[i].Webhook)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing owed deliveries: %w", err)
	}
	return list, nil
}

// selected returns the webhooks with rows that a query selects, and how many
// rows they have.
func (w *workDB) selected(q *delivery.OwedQuery) (list []uint32, rows int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for webhook, n := range w.counts {
		if n.tenant == q.Tenant && selects(q, webhook) {
			list = append(list, webhook)
			rows += n.rows
		}
	}
	return list, rows
}

// selects reports whether a query of the webhook's tenant selects its rows.
func selects(q *delivery.OwedQuery, webhook uint32) bool {
	if q.Webhook != 0 {
		return webhook == q.Webhook
	}
	return !slices.Contains(q.Except, webhook)
}

// listInOrder fills the list from the table's end; done is false when it has
// read owedScan rows and not found enough.
func (w *workDB) listInOrder(c *conn, q *delivery.OwedQuery, list *[]delivery.Owed) (done bool, err error) {
	n := 0
	full := false
	err = c.query(func(s *sqlite3.Stmt) error {
		if n++; n > owedScan {
			return errEnough
		}
		if event.TenantID(s.ColumnInt64(2)) != q.Tenant || !selects(q, uint32(s.ColumnInt64(1))) {
			return nil
		}
		*list = append(*list, w.scan(s))
		if full = len(*list) == q.Limit; full {
			return errEnough
		}
		return nil
	}, workSQL.Get("OwedNewest"), q.Before.Event, q.Before.Webhook)
	if errors.Is(err, errEnough) {
		return full, nil
	}
	return err == nil, err
}

// newestOf returns the deliveries owed to some webhooks, newest first.
func newestOf(c *conn, webhooks []uint32, before event.DeliveryID, limit int) ([]event.DeliveryID, error) {
	newestFirst := func(a, b event.DeliveryID) int {
		return -cmp.Or(cmp.Compare(a.Event, b.Event), cmp.Compare(a.Webhook, b.Webhook))
	}
	var found []event.DeliveryID
	cut := func() {
		slices.SortFunc(found, newestFirst)
		found = found[:min(limit, len(found))]
	}
	for _, webhook := range webhooks {
		err := c.query(func(s *sqlite3.Stmt) error {
			d := event.DeliveryID{Event: event.ID(s.ColumnInt64(0)), Webhook: webhook}
			if newestFirst(d, before) <= 0 {
				return nil
			}
			if found = append(found, d); len(found) > 4*limit+1000 {
				cut()
			}
			return nil
		}, workSQL.Get("OwedOfWebhook"), webhook)
		if err != nil {
			return nil, err
		}
	}
	cut()
	return found, nil
}
