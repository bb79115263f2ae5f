package tables

import (
	"context"
	"fmt"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
)

// RateDay implements account.RateStore. The nearer the limit is the less is granted beyond the need, so that servers have
// little left when it is reached.
func (t *Tables) RateDay(ctx context.Context, tenant event.TenantID, day, need, want, allowed int64) (granted int64, at account.RateCount, err error) {
	err = t.write(ctx, t.config, func(x tx) error {
		granted = 0
		n, err := x.exec("RateLock", tenant, day)
		if err == nil && n == 0 {
			if _, err = x.exec("RateInsert", tenant, day); err == nil {
				_, err = x.exec("RateLock", tenant, day)
			}
		}
		if err == nil {
			at, err = x.rate(tenant)
		}
		if left := allowed - at.Used; err != nil || need > left {
			return err
		} else {
			granted = max(need, min(want, left/8))
		}
		at.Used += granted
		_, err = x.exec("RateAdd", tenant, granted)
		return err
	})
	if err != nil {
		return 0, at, fmt.Errorf("counting events of tenant %d: %w", tenant, err)
	}
	return granted, at, nil
}

func (x tx) rate(tenant event.TenantID) (at account.RateCount, err error) {
	err = x.query(func(scan scan) error { return scan(&at.Day, &at.Used) }, "RateGet", tenant)
	return at, err
}

// RateReturn implements account.RateStore.
func (t *Tables) RateReturn(ctx context.Context, tenant event.TenantID, day, n int64) error {
	return t.write(ctx, t.config, func(x tx) error {
		_, err := x.exec("RateReturn", tenant, day, n)
		return err
	})
}

// RateGet implements account.RateStore.
func (t *Tables) RateGet(ctx context.Context, tenant event.TenantID) (at account.RateCount, err error) {
	err = t.read(ctx, t.config, func(x tx) (err error) {
		at, err = x.rate(tenant)
		return err
	})
	return at, err
}
