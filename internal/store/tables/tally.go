package tables

import (
	"context"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/tally"
)

// TallyAdd implements tally.Store.
func (t *Tables) TallyAdd(ctx context.Context, rows []tally.Row) error {
	err := t.write(ctx, t.config, func(x tx) error {
		for i := range rows {
			r := &rows[i]
			if _, err := x.exec("TallyAdd", r.Tenant, r.Webhook, r.Hour, r.Kind, r.Name, r.Count); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("adding counts: %w", err)
	}
	return nil
}

// TallySum implements tally.Store.
func (t *Tables) TallySum(ctx context.Context, q tally.Query) (rows []tally.Row, err error) {
	err = t.read(ctx, t.config, func(x tx) error {
		rows = nil
		for _, webhook := range q.Webhooks {
			err := x.query(func(scan scan) error {
				r := tally.Row{Tenant: q.Tenant}
				err := scan(&r.Webhook, &r.Kind, &r.Name, &r.Count)
				rows = append(rows, r)
				return err
			}, "TallySum", q.Tenant, webhook, q.From, q.To)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("summing up counts: %w", err)
	}
	return rows, nil
}

// TallyExpire implements tally.Store.
func (t *Tables) TallyExpire(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = t.write(ctx, t.config, func(x tx) error {
		gone, err := x.exec("TallyExpire", before, limit)
		n = int(gone)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("removing counts: %w", err)
	}
	return n, nil
}
