package postgres

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var auditSQL = sqltext.Load(sqlFiles, "audit")

// AuditAppend implements account.AuditStore.
func (s *Store) AuditAppend(ctx context.Context, e account.AuditEntry) error {
	err := s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, auditSQL.Get("AuditAppend"), int32(e.Tenant), column.Millis(e.At), plain(e.Actor), plain(e.ActorName),
			plain(e.Action), plain(e.Target), plain(string(e.Before)), plain(string(e.After)))
		return err
	})
	if err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	return nil
}

// AuditList implements account.AuditStore.
func (s *Store) AuditList(ctx context.Context, q account.AuditQuery) (list []account.AuditEntry, next event.ID, err error) {
	before, until := int64(math.MaxInt64), int64(math.MaxInt64)
	if q.Before != 0 {
		before = int64(q.Before)
	}
	if !q.Until.IsZero() {
		until = q.Until.UnixMilli()
	}
	list, err = collect(ctx, s, func(row pgx.CollectableRow) (e account.AuditEntry, err error) {
		var id, at int64
		var was, is string
		err = row.Scan(&id, &at, &e.Actor, &e.ActorName, &e.Action, &e.Target, &was, &is)
		e.ID, e.Tenant, e.At = event.ID(id), q.Tenant, column.Time(at)
		if was != "" {
			e.Before = []byte(was)
		}
		if is != "" {
			e.After = []byte(is)
		}
		return e, err
	}, auditSQL.Get("AuditList"), int32(q.Tenant), before, plain(q.Action), column.Millis(q.Since), until, q.Limit+1)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the audit log: %w", err)
	}
	if len(list) > q.Limit {
		list = list[:q.Limit]
		next = list[q.Limit-1].ID
	}
	return list, next, nil
}
