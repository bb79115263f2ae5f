package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/webhook"
)

func (s *Store) scanWebhook(row pgx.CollectableRow) (*webhook.Webhook, error) {
	w := new(webhook.Webhook)
	var number, created, updated int64
	var tenant int32
	var status string
	var col column.Webhook
	err := row.Scan(&number, &w.ID, &tenant, &col.Settings, &col.Secrets, &status, &col.Health, &col.Inactive, &created, &updated, &w.Version)
	if err != nil {
		return nil, err
	}
	w.Number, w.Tenant, w.Status = uint32(number), event.TenantID(tenant), webhook.Status(status)
	w.CreatedAt, w.UpdatedAt = column.Time(created), column.Time(updated)
	return w, col.Read(w, s.sealer)
}

// WebhookList implements webhook.Store.
func (s *Store) WebhookList(ctx context.Context) ([]*webhook.Webhook, error) {
	list, err := collect(ctx, s, s.scanWebhook, configSQL.Get("WebhookList"))
	if err != nil {
		return nil, fmt.Errorf("listing webhooks: %w", err)
	}
	return list, nil
}

// WebhookChanges implements webhook.ChangeLog.
func (s *Store) WebhookChanges(ctx context.Context, since int64) (changed []*webhook.Webhook, deleted []uint32, through int64, err error) {
	// First: what changes while we read is read again the next time.
	through, err = s.integer(ctx, configSQL.Get("WebhooksThrough"))
	if err == nil {
		changed, err = collect(ctx, s, s.scanWebhook, configSQL.Get("WebhookChanged"), since)
	}
	if err == nil && since > 0 {
		deleted, err = collect(ctx, s, func(row pgx.CollectableRow) (uint32, error) {
			var n int64
			err := row.Scan(&n)
			return uint32(n), err
		}, configSQL.Get("WebhookDeleted"), since)
	}
	if err != nil {
		return nil, nil, 0, fmt.Errorf("reading changes of webhooks: %w", err)
	}
	return changed, deleted, through, nil
}

// WebhookCreate implements webhook.Store.
func (s *Store) WebhookCreate(ctx context.Context, w *webhook.Webhook) (number uint32, err error) {
	col, err := column.OfWebhook(w, s.sealer)
	if err == nil {
		err = s.webhookChange(ctx, func(ctx context.Context, tx pgx.Tx, changed int64) error {
			var n int64
			err := tx.QueryRow(ctx, configSQL.Get("WebhookCreate"), changed, w.ID, int32(w.Tenant), col.Settings, col.Secrets, string(w.Status),
				col.Health, col.Inactive, column.Millis(w.CreatedAt), column.Millis(w.UpdatedAt)).Scan(&n)
			if err == nil && n > math.MaxUint32 {
				err = errors.New("all webhook numbers are used")
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

// WebhookUpdate implements webhook.Store.
func (s *Store) WebhookUpdate(ctx context.Context, w *webhook.Webhook) error {
	col, err := column.OfWebhook(w, s.sealer)
	if err == nil {
		err = s.webhookReplace(ctx, w, "WebhookUpdate", col.Settings, col.Secrets, string(w.Status), col.Health, col.Inactive, column.Millis(w.UpdatedAt))
	}
	if err != nil {
		return fmt.Errorf("changing webhook %q: %w", w.ID, err)
	}
	return nil
}

// WebhookHealth implements webhook.Store.
func (s *Store) WebhookHealth(ctx context.Context, w *webhook.Webhook) error {
	health, err := column.OfHealth(w)
	if err == nil {
		err = s.webhookReplace(ctx, w, "WebhookHealth", health)
	}
	if err != nil {
		return fmt.Errorf("storing the health of webhook %q: %w", w.ID, err)
	}
	return nil
}

// webhookReplace changes the row of the webhook if it has still w's version.
func (s *Store) webhookReplace(ctx context.Context, w *webhook.Webhook, name string, values ...any) error {
	err := s.webhookChange(ctx, func(ctx context.Context, tx pgx.Tx, changed int64) error {
		args := append([]any{changed, int64(w.Number), int32(w.Tenant), w.Version}, values...)
		tag, err := tx.Exec(ctx, configSQL.Get(name), args...)
		if err != nil || tag.RowsAffected() > 0 {
			return err
		}
		var exists bool
		err = tx.QueryRow(ctx, configSQL.Get("WebhookExists"), int64(w.Number), int32(w.Tenant)).Scan(&exists)
		switch {
		case err != nil:
			return err
		case exists:
			return webhook.ErrChanged
		default:
			return webhook.ErrNotFound
		}
	})
	if err == nil {
		w.Version++
	}
	return err
}

// WebhookDelete implements webhook.Store.
func (s *Store) WebhookDelete(ctx context.Context, tenant event.TenantID, number uint32) error {
	err := s.webhookChange(ctx, func(ctx context.Context, tx pgx.Tx, changed int64) error {
		tag, err := tx.Exec(ctx, configSQL.Get("WebhookDelete"), changed, int64(number), int32(tenant))
		if err == nil && tag.RowsAffected() == 0 {
			err = webhook.ErrNotFound
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting webhook %d: %w", number, err)
	}
	return nil
}
