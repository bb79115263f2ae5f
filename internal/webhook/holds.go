package webhook

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
)

// Follow makes webhooks hold their deliveries while their tenant is suspended, from now on. It must be called before the
// registry and the tenants are shared. Without it no tenant counts as suspended.
func (r *Registry) Follow(ts *account.Tenants) error {
	r.tenants = ts
	ts.Subscribe(func(old, new *account.Tenant) {
		if old != nil && slices.Equal(old.Life.Holds, new.Life.Holds) {
			return
		}
		// It could only fail in making the tenant's lists, which cannot fail.
		_ = r.held.Hold(func() error { return r.publish(r.heldAnew(new.ID), nil) })
	})
	return r.held.Hold(func() error {
		var put []*Webhook
		for _, tenant := range r.held.Tenants() {
			put = append(put, r.heldAnew(tenant)...)
		}
		return r.publish(put, nil)
	})
}

// heldAnew returns copies of the tenant's webhooks whose Holds are not current; publishing fills them. The caller holds the
// changes.
func (r *Registry) heldAnew(tenant event.TenantID) (list []*Webhook) {
	holds := r.holdsOf(tenant)
	for _, old := range r.held.List(tenant) {
		if !slices.Equal(old.Holds, holds) {
			w := *old
			list = append(list, &w)
		}
	}
	return list
}

// holdsOf returns the times in which the tenant was suspended.
func (r *Registry) holdsOf(tenant event.TenantID) []Window {
	if r.tenants == nil {
		return nil
	}
	var list []Window
	for _, h := range r.tenants.Holds(tenant) {
		list = append(list, Window(h))
	}
	return list
}

// DropTenant removes all webhooks of a tenant that is being erased, those of owners among them, without entries in its audit
// log, which is erased as well.
func (r *Registry) DropTenant(ctx context.Context, tenant event.TenantID) error {
	return r.held.Hold(func() error {
		for _, w := range slices.Clone(r.held.List(tenant)) {
			if err := r.store.WebhookDelete(ctx, tenant, w.Number, nil); err != nil && !errors.Is(err, ErrNotFound) {
				return fmt.Errorf("deleting webhook %s: %w", w.ID, err)
			}
			if err := r.publish(nil, []*Webhook{w}); err != nil {
				return err
			}
		}
		return nil
	})
}
