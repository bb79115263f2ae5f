package tables

import (
	"context"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/event"
)

// TenantExpired implements account.Expirer.
func (t *Tables) TenantExpired(ctx context.Context) (map[event.TenantID]time.Time, error) {
	through := make(map[event.TenantID]time.Time)
	err := t.read(ctx, t.config, func(x tx) error {
		clear(through)
		return x.query(func(scan scan) error {
			var tenant event.TenantID
			var day time.Time
			err := scan(&tenant, &day)
			through[tenant] = day
			return err
		}, "TenantExpiredList")
	})
	if err != nil {
		return nil, fmt.Errorf("reading what has expired of tenants: %w", err)
	}
	return through, nil
}

// TenantExpiredSet implements account.Expirer.
func (t *Tables) TenantExpiredSet(ctx context.Context, tenants []event.TenantID, day time.Time) error {
	err := t.write(ctx, t.config, func(x tx) error {
		for _, tenant := range tenants {
			if _, err := x.exec("TenantExpiredSet", tenant, day); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("storing what has expired of tenants: %w", err)
	}
	return nil
}
