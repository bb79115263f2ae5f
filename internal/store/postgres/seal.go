package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/store/tables"
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

// openKeys makes the sealer, checks that it is that of the other nodes, and opens the plain tables with it.
func (s *Store) openKeys(ctx context.Context, keys func(kept []byte) (webhook.Sealer, []byte, error)) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	err := begin(ctx, s.pool, func(tx pgx.Tx) error {
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
		if err := checkKeys(s.sealer, check); err != nil {
			return err
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
	if err == nil {
		s.Tables = tables.New(plainDB{s}, plainDB{s}, s.sealer, s.EventReserve)
	}
	return err
}

// checkKeys returns ErrOtherKeys if the check was sealed with other keys; nil was sealed by nobody.
func checkKeys(keys webhook.Sealer, check []byte) error {
	if check == nil {
		return nil
	}
	if plain, err := keys.Open(check, keyCheckContext); err != nil || string(plain) != keyCheck {
		return ErrOtherKeys
	}
	return nil
}
