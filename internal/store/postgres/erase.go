package postgres

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var eraseSQL = sqltext.Load(sqlFiles, "erase")

// eraseRange is how many rows of all tenants a transaction of an erasure looks at.
const eraseRange = 5000

// TenantErase implements account.Eraser. The database overwrites the space of deleted rows when it is used again.
func (s *Store) TenantErase(ctx context.Context, tenant event.TenantID) error {
	err := s.eraseEngine(ctx, tenant)
	if err == nil {
		err = s.Tables.TenantErase(ctx, tenant)
	}
	if err != nil {
		return fmt.Errorf("erasing tenant %d: %w", tenant, err)
	}
	return nil
}

func (s *Store) eraseEngine(ctx context.Context, tenant event.TenantID) error {
	var webhooks []uint32
	err := s.query(ctx, func(row pgx.CollectableRow) error {
		var n int64
		err := row.Scan(&n)
		webhooks = append(webhooks, uint32(n))
		return err
	}, eraseSQL.Get("EraseOwedWebhooks"), int64(tenant))
	for _, w := range webhooks {
		if err == nil {
			err = s.OwedDiscard(ctx, tenant, w)
		}
	}
	if err == nil {
		err = s.eraseRanges(ctx, tenant, "EraseAttemptsUpTo", "EraseAttempts")
	}
	if err == nil {
		err = s.eraseRanges(ctx, tenant, "EraseEventsUpTo", "EraseEventKeys", "EraseEvents")
	}
	if err == nil {
		err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, eraseSQL.Get("EraseRollup"), int64(tenant))
			if err == nil {
				_, err = tx.Exec(ctx, paceSQL.Get("PaceErase"), int64(tenant))
			}
			return err
		})
	}
	return err
}

// eraseRanges runs statements for one range of ids after the other.
func (s *Store) eraseRanges(ctx context.Context, tenant event.TenantID, upTo string, names ...string) error {
	for after := int64(0); after < math.MaxInt64; {
		if err := ctx.Err(); err != nil {
			return err
		}
		end := int64(math.MaxInt64)
		err := s.query(ctx, func(row pgx.CollectableRow) error { return row.Scan(&end) }, eraseSQL.Get(upTo), after, eraseRange)
		if err != nil {
			return err
		}
		err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			for _, name := range names {
				if _, err := tx.Exec(ctx, eraseSQL.Get(name), after, end, int64(tenant)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		after = end
	}
	return nil
}
