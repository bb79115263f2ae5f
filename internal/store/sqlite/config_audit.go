package sqlite

import (
	"context"
	"fmt"
	"math"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var auditSQL = sqltext.Load(sqlFiles, "audit")

// AuditAppend implements account.AuditStore.
func (s *Store) AuditAppend(ctx context.Context, e account.AuditEntry) error {
	err := s.config.write(ctx, func(c *conn) error {
		return c.exec(auditSQL.Get("AuditAppend"), e.Tenant, column.Millis(e.At), e.Actor, e.ActorName, e.Action, e.Target, string(e.Before), string(e.After))
	})
	if err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	return nil
}

// AuditList implements account.AuditStore.
func (s *Store) AuditList(ctx context.Context, q account.AuditQuery) (list []account.AuditEntry, next event.ID, err error) {
	before, until := event.ID(math.MaxInt64), int64(math.MaxInt64)
	if q.Before != 0 {
		before = q.Before
	}
	if !q.Until.IsZero() {
		until = q.Until.UnixMilli()
	}
	list, err = listRows(ctx, s.config, func(st *sqlite3.Stmt) (account.AuditEntry, error) {
		return account.AuditEntry{
			ID: event.ID(st.ColumnInt64(0)), Tenant: q.Tenant, At: column.Time(st.ColumnInt64(1)),
			Actor: st.ColumnText(2), ActorName: st.ColumnText(3), Action: st.ColumnText(4), Target: st.ColumnText(5),
			Before: st.ColumnBlob(6, nil), After: st.ColumnBlob(7, nil),
		}, nil
	}, auditSQL.Get("AuditList"), q.Tenant, before, q.Action, column.Millis(q.Since), until, q.Limit+1)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the audit log: %w", err)
	}
	if len(list) > q.Limit {
		list = list[:q.Limit]
		next = list[q.Limit-1].ID
	}
	return list, next, nil
}
