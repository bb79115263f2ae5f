package postgres

import (
	"context"
	"fmt"

	"github.com/relay-events/relay/internal/store/sqltext"
	"github.com/relay-events/relay/internal/webhook"
)

var configSQL = sqltext.Load(sqlFiles, "config")

// defaultTenantName is the public id of the tenant of a fresh installation.
const defaultTenantName = "default"

// WebhookChanges implements webhook.ChangeLog.
func (s *Store) WebhookChanges(ctx context.Context, since int64) (changed []*webhook.Webhook, deleted []uint32, through int64, err error) {
	// First: what changes while we read is read again the next time.
	through, err = s.integer(ctx, configSQL.Get("WebhooksThrough"))
	if err == nil {
		changed, deleted, err = s.WebhooksAfter(ctx, since)
	}
	if err != nil {
		return nil, nil, 0, fmt.Errorf("reading changes of webhooks: %w", err)
	}
	return changed, deleted, through, nil
}
