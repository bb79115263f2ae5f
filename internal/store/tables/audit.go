package tables

import (
	"context"
	"fmt"
	"math"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
)

// AuditAppend implements account.AuditStore.
func (t *Tables) AuditAppend(ctx context.Context, e account.AuditEntry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		_, err := x.exec("AuditAppend", e.Tenant, e.At, e.Actor, e.ActorName, e.Action, e.Target, string(e.Before), string(e.After))
		return err
	})
	if err != nil {
		return fmt.Errorf("writing the audit log: %w", err)
	}
	return nil
}

// AuditList implements account.AuditStore.
func (t *Tables) AuditList(ctx context.Context, q account.AuditQuery) (page []account.AuditEntry, next event.ID, err error) {
	before, until := event.ID(math.MaxInt64), int64(math.MaxInt64)
	if q.Before != 0 {
		before = q.Before
	}
	if !q.Until.IsZero() {
		until = q.Until.UnixMilli()
	}
	page, err = list(ctx, t, t.config, func(scan scan) (account.AuditEntry, error) {
		e := account.AuditEntry{Tenant: q.Tenant}
		var was, is string
		err := scan(&e.ID, &e.At, &e.Actor, &e.ActorName, &e.Action, &e.Target, &was, &is)
		if was != "" {
			e.Before = []byte(was)
		}
		if is != "" {
			e.After = []byte(is)
		}
		return e, err
	}, "AuditList", q.Tenant, before, q.Action, q.Since, until, q.Limit+1)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the audit log: %w", err)
	}
	if len(page) > q.Limit {
		page = page[:q.Limit]
		next = page[q.Limit-1].ID
	}
	return page, next, nil
}
