package tables

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/webhook"
)

func (t *Tables) scanWebhook(scan scan) (*webhook.Webhook, error) {
	w := new(webhook.Webhook)
	var col column.Webhook
	err := scan(&w.Number, &w.ID, &w.Tenant, &col.Settings, &col.Secrets, &w.Status, &col.Health, &col.Inactive, &w.CreatedAt, &w.UpdatedAt, &w.Version)
	if err != nil {
		return nil, err
	}
	return w, col.Read(w, t.sealer)
}

// WebhookList implements webhook.Store.
func (t *Tables) WebhookList(ctx context.Context) ([]*webhook.Webhook, error) {
	all, err := list(ctx, t, t.config, t.scanWebhook, "WebhookList")
	if err != nil {
		return nil, fmt.Errorf("listing webhooks: %w", err)
	}
	return all, nil
}

// WebhooksAfter returns the results of the changes above the number: webhooks that are new or
// changed, and the numbers of those deleted. WebhookChanges of a shared store is made of it.
func (t *Tables) WebhooksAfter(ctx context.Context, change int64) (changed []*webhook.Webhook, deleted []uint32, err error) {
	changed, err = list(ctx, t, t.config, t.scanWebhook, "WebhookChanged", change)
	if err == nil {
		deleted, err = list(ctx, t, t.config, func(scan scan) (number uint32, err error) {
			err = scan(&number)
			return number, err
		}, "WebhookDeleted", change)
	}
	return changed, deleted, err
}

// WebhookCreate implements webhook.Store.
func (t *Tables) WebhookCreate(ctx context.Context, w *webhook.Webhook, quota *account.Quota, entry *access.Entry) (number uint32, err error) {
	col, err := column.OfWebhook(w, t.sealer)
	if err == nil {
		err = t.changeWebhooks(ctx, func(x tx, change int64) error {
			n, err := x.integer("WebhookCreate", change, w.ID, w.Tenant, col.Settings, col.Secrets, w.Status, col.Health, col.Inactive,
				w.CreatedAt, w.UpdatedAt, w.Owner)
			if err == nil {
				err = webhookCheck(x, w, quota)
			}
			if err == nil && n > math.MaxUint32 {
				err = errors.New("all webhook numbers are used")
			}
			if err == nil {
				err = x.audit(entry)
			}
			number = uint32(n)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("storing webhook %q: %w", w.ID, err)
	}
	return number, nil
}

// webhookCheck counts the webhooks of w's tenant and owner, w among them, unless the quota is nil. The number of the change,
// which each change takes first, lets one of them count at a time.
func webhookCheck(x tx, w *webhook.Webhook, quota *account.Quota) error {
	if quota == nil {
		return nil
	}
	count, err := x.integer("WebhookCount", w.Tenant, w.Owner)
	if err != nil {
		return err
	}
	return quota.Check(count)
}

// WebhookUpdate implements webhook.Store.
func (t *Tables) WebhookUpdate(ctx context.Context, w *webhook.Webhook, quota *account.Quota, entry *access.Entry) error {
	col, err := column.OfWebhook(w, t.sealer)
	if err == nil {
		err = t.webhookReplace(ctx, w, quota, entry, "WebhookUpdate", col.Settings, col.Secrets, w.Status, col.Health, col.Inactive, w.UpdatedAt)
	}
	if err != nil {
		return fmt.Errorf("changing webhook %q: %w", w.ID, err)
	}
	return nil
}

// WebhookHealth implements webhook.Store.
func (t *Tables) WebhookHealth(ctx context.Context, w *webhook.Webhook) error {
	health, err := column.OfHealth(w)
	if err == nil {
		err = t.webhookReplace(ctx, w, nil, nil, "WebhookHealth", health)
	}
	if err != nil {
		return fmt.Errorf("storing the health of webhook %q: %w", w.ID, err)
	}
	return nil
}

// webhookReplace changes the row of the webhook if it still has w's version.
func (t *Tables) webhookReplace(ctx context.Context, w *webhook.Webhook, quota *account.Quota, entry *access.Entry, name string, values ...any) error {
	err := t.changeWebhooks(ctx, func(x tx, change int64) error {
		err := x.changeOne(webhook.ErrChanged, name, append([]any{change, w.Number, w.Tenant, w.Version}, values...)...)
		if err == nil {
			if err := webhookCheck(x, w, quota); err != nil {
				return err
			}
			return x.audit(entry)
		}
		if !errors.Is(err, webhook.ErrChanged) {
			return err
		}
		if n, failed := x.integer("WebhookExists", w.Number, w.Tenant); failed != nil {
			err = failed
		} else if n == 0 {
			err = webhook.ErrNotFound
		}
		return err
	})
	if err == nil {
		w.Version++
	}
	return err
}

// WebhookDelete implements webhook.Store.
func (t *Tables) WebhookDelete(ctx context.Context, tenant event.TenantID, number uint32, entry *access.Entry) error {
	err := t.changeWebhooks(ctx, func(x tx, change int64) error {
		if _, err := x.exec("WebhookDeletedAdd", number, change, tenant); err != nil {
			return err
		}
		err := x.changeOne(webhook.ErrNotFound, "WebhookDelete", number, tenant)
		if err == nil {
			err = x.audit(entry)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting webhook %d: %w", number, err)
	}
	return nil
}

// WebhookDeleted implements webhook.Store.
func (t *Tables) WebhookDeleted(ctx context.Context, tenant event.TenantID, id string) (number uint32, ok bool, err error) {
	number, ok, err = first(ctx, t, t.config, func(scan scan) (number uint32, err error) {
		err = scan(&number)
		return number, err
	}, "WebhookDeletedGet", tenant, id)
	if err != nil {
		return 0, false, fmt.Errorf("looking up deleted webhook %q: %w", id, err)
	}
	return number, ok, nil
}
