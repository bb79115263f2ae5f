package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/utcday"
)

// TenantExpire implements account.Expirer. The database overwrites the space of deleted rows when it is used again.
func (s *Store) TenantExpire(ctx context.Context, at time.Time, tenants []event.TenantID) (kept []event.TenantID, err error) {
	n := utcday.At(at)
	first, next := int64(n.FirstID()), int64((n + 1).FirstID())
	ids := make([]int64, len(tenants))
	for i, t := range tenants {
		ids[i] = int64(t)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	open := false
	err = s.query(ctx, func(row pgx.CollectableRow) error { return row.Scan(&open) }, eraseSQL.Get("IntakeOpenOfDay"), first, next)
	if err == nil && open {
		return slices.Clone(tenants), nil
	}
	if err == nil {
		err = s.query(ctx, func(row pgx.CollectableRow) error {
			var t int64
			err := row.Scan(&t)
			kept = append(kept, event.TenantID(t))
			return err
		}, eraseSQL.Get("OwedTenantsOfDay"), first, next, ids)
	}
	if err == nil {
		err = s.expireRanges(ctx, first, next, ids, "ExpireAttemptsUpTo", "ExpireAttempts")
	}
	if err == nil {
		err = s.expireRanges(ctx, first, next, ids, "ExpireEventsUpTo", "ExpireEventKeys", "ExpireEvents")
	}
	if err == nil {
		const minutes = 24 * 60
		err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, eraseSQL.Get("ExpireRollup"), int64(n)*minutes, int64(n+1)*minutes, ids)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("expiring %v of %d tenants: %w", n, len(tenants), err)
	}
	return kept, nil
}

// expireRanges runs statements for one range of ids of a day after the other.
func (s *Store) expireRanges(ctx context.Context, first, next int64, tenants []int64, upTo string, names ...string) error {
	for from := first; from < next; {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := next
		err := s.query(ctx, func(row pgx.CollectableRow) error { return row.Scan(&end) }, eraseSQL.Get(upTo), from, next, eraseRange)
		if err != nil {
			return err
		}
		err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			for _, name := range names {
				if _, err := tx.Exec(ctx, eraseSQL.Get(name), from, end, tenants); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		from = end
	}
	return nil
}
