package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// keyCheck is sealed by the first node, so that each one that follows can tell
// whether it has the same keys before anything depends on it.
const (
	keyCheck        = "Relay"
	keyCheckContext = "relay_meta.key_check"
)

// ErrOtherKeys is returned by Open for a database whose secrets were sealed
// with keys that this node does not have.
var ErrOtherKeys = errors.New("the secrets in this database are sealed with other keys than this node has: " +
	"give it the RELAY_SECRET_KEY of the other nodes, or, if they have none, their key file (relay.key in the data folder)")

// openKeys makes the sealer, and checks that it is that of the other nodes.
func (s *Store) openKeys(ctx context.Context, keys func(kept []byte) (webhook.Sealer, []byte, error)) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	return begin(ctx, s.pool, func(tx pgx.Tx) error {
		// The row's lock lets one node after the other in.
		var kept, check []byte
		if err := tx.QueryRow(ctx, configSQL.Get("KeysLock")).Scan(&kept, &check); err != nil {
			return fmt.Errorf("reading the keys' check: %w", err)
		}
		keep := kept
		if keys != nil {
			sealer, now, err := keys(kept)
			if err != nil {
				return err
			}
			s.sealer, keep = sealer, now
		}
		if _, none := s.sealer.(webhook.InClear); none {
			if check != nil {
				return ErrOtherKeys
			}
			return nil
		}
		if check != nil {
			if plain, err := s.sealer.Open(check, keyCheckContext); err != nil || string(plain) != keyCheck {
				return ErrOtherKeys
			}
		}
		if check != nil && bytes.Equal(keep, kept) && !s.sealer.Stale(check) {
			return nil
		}
		check, err := s.sealer.Seal([]byte(keyCheck), keyCheckContext)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, configSQL.Get("KeysSet"), keep, check)
		return err
	})
}

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
		if sealed, err = x.w.ResealSecrets(s.sealer, x.stored); err != nil {
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
