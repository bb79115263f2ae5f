package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// Reseal seals again, with the Sealer's newest key, what is stored in clear or
// under an old one, and returns how many rows that were. It may run while the
// store is in use: a row that changes meanwhile was sealed by that change.
// What was replaced stays in the database's files until they are vacuumed.
func (s *Store) Reseal(ctx context.Context) (n int, err error) {
	type row struct {
		w      webhook.Webhook
		stored []byte
	}
	list, err := collect(ctx, s, func(r pgx.CollectableRow) (x row, err error) {
		var number int64
		var tenant int32
		err = r.Scan(&number, &x.w.ID, &tenant, &x.stored)
		x.w.Number, x.w.Tenant = uint32(number), event.TenantID(tenant)
		return x, err
	}, configSQL.Get("WebhookSecretsList"))
	list = slices.DeleteFunc(list, func(x row) bool { return !s.sealer.Stale(x.stored) })
	// All are opened before one is sealed: keys that are not the right ones must leave nothing behind.
	for i := range list {
		if err == nil {
			err = list[i].w.OpenSecrets(s.sealer, list[i].stored)
		}
	}
	for i := range list {
		x := &list[i]
		if err != nil {
			break
		}
		var sealed []byte
		if sealed, err = x.w.SealSecrets(s.sealer); err != nil {
			break
		}
		err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, configSQL.Get("WebhookSecretsUpdate"), int64(x.w.Number), x.stored, sealed)
			n += int(tag.RowsAffected())
			return err
		})
	}
	if err != nil {
		return n, fmt.Errorf("sealing secrets again: %w", err)
	}
	return n, nil
}
