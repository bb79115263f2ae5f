package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/utcday"
)

// TenantExpire implements account.Expirer: in the blocks of the day, which tenants share, empty records take the place of
// theirs, as when a tenant is erased.
func (s *Store) TenantExpire(ctx context.Context, at time.Time, tenants []event.TenantID) (kept []event.TenantID, err error) {
	n := utcday.At(at)
	if len(tenants) == 0 || !s.events.has(n) && !s.attempts.files.has(n) {
		return nil, nil
	}
	open, err := s.hasOpenIntake(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("expiring events of %v: %w", n, err)
	}
	if open || s.writes(n) {
		return tenants, nil
	}
	gone := make(map[event.TenantID]bool, len(tenants))
	for _, t := range tenants {
		gone[t] = true
	}
	owed, kept, err := s.work.owedOf(ctx, n, gone)
	if err != nil {
		return nil, fmt.Errorf("expiring events of %v: %w", n, err)
	}
	if err := s.attempts.empty(ctx, n, gone); err != nil {
		return nil, err
	}
	return kept, s.events.empty(ctx, n, func(id event.ID, t event.TenantID) bool { return gone[t] && !owed[id] })
}

// owedOf returns the tenants' events of the day that have owed deliveries, and whose they are.
func (w *workDB) owedOf(ctx context.Context, n day, tenants map[event.TenantID]bool) (owed map[event.ID]bool, whose []event.TenantID, err error) {
	seen := make(map[event.TenantID]bool)
	owed = make(map[event.ID]bool)
	err = w.db.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) error {
			t := event.TenantID(s.ColumnInt64(1))
			if !tenants[t] {
				return nil
			}
			owed[event.ID(s.ColumnInt64(0))] = true
			if !seen[t] {
				seen[t] = true
				whose = append(whose, t)
			}
			return nil
		}, workSQL.Get("OwedOfDay"), n.FirstID(), (n + 1).FirstID())
	})
	return owed, whose, err
}
