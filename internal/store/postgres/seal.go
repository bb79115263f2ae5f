package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// A Sealer encrypts what is secret before it is stored. Its methods are safe
// for concurrent use; secret.Keyring is one. All nodes need the same keys.
type Sealer interface {
	// Seal encrypts a value; it opens only with the same context, which says
	// where it is stored.
	Seal(plain []byte, context string) ([]byte, error)
	// Open returns what was sealed, and JSON objects stored in clear before
	// there was encryption as they are. Errors hold no secrets.
	Open(sealed []byte, context string) ([]byte, error)
	// Stale tells that a stored value should be sealed again: it is in clear,
	// or was sealed with an old key.
	Stale(sealed []byte) bool
}

// inClear is the Sealer of a store that was given none: it stores in clear.
type inClear struct{}

func (inClear) Seal(plain []byte, _ string) ([]byte, error) { return plain, nil }
func (inClear) Stale([]byte) bool                           { return false }

func (inClear) Open(sealed []byte, _ string) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != '{' {
		return nil, errors.New("it is sealed, and the store was opened without keys")
	}
	return sealed, nil
}

// secretsContext says where a webhook's secrets are stored, so that sealed
// bytes copied to another webhook or tenant do not open there. It is the same
// in every store.
func secretsContext(tenant event.TenantID, id string) string {
	return fmt.Sprintf("webhook.secrets/%d/%s", tenant, id)
}

func (s *Store) sealSecrets(w *webhook.Webhook) ([]byte, error) {
	b, err := json.Marshal(w.Secrets)
	if err != nil {
		return nil, errors.New("secrets cannot be encoded") // the cause could repeat them
	}
	return s.sealer.Seal(b, secretsContext(w.Tenant, w.ID))
}

func (s *Store) openSecrets(w *webhook.Webhook, stored []byte) error {
	b, err := s.sealer.Open(stored, secretsContext(w.Tenant, w.ID))
	if err != nil {
		return fmt.Errorf("secrets of webhook %q cannot be read: %w", w.ID, err)
	}
	if json.Unmarshal(b, &w.Secrets) != nil {
		return fmt.Errorf("secrets of webhook %q cannot be read", w.ID) // as above
	}
	return nil
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
	}, configSQL.get("WebhookSecretsList"))
	for i := range list {
		x := &list[i]
		if err != nil {
			break
		}
		if !s.sealer.Stale(x.stored) {
			continue
		}
		if err = s.openSecrets(&x.w, x.stored); err != nil {
			break
		}
		var sealed []byte
		if sealed, err = s.sealSecrets(&x.w); err != nil {
			break
		}
		err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
			tag, err := tx.Exec(ctx, configSQL.get("WebhookSecretsUpdate"), int64(x.w.Number), x.stored, sealed)
			n += int(tag.RowsAffected())
			return err
		})
	}
	if err != nil {
		return n, fmt.Errorf("sealing secrets again: %w", err)
	}
	return n, nil
}
