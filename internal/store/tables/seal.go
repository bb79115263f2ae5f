package tables

import (
	"context"
	"fmt"
	"slices"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/webhook"
)

// resealBatch bounds how many rows one transaction seals again.
const resealBatch = 200

// sealedRow is a row that holds something encrypted.
type sealedRow struct {
	update string // the statement that replaces stored
	key    any    // of the row, its first argument
	stored []byte
	reseal func(stored []byte) ([]byte, error)
}

// Reseal seals again, with the Sealer's newest key, the secrets that are stored unencrypted or
// under an old key, and returns how many rows held such. It may run while the store is in use: a
// row that changes at the same time was sealed by that change. The replaced bytes stay in
// PostgreSQL's files until they are vacuumed; see EraseReplaced for SQLite's.
func (t *Tables) Reseal(ctx context.Context) (n int, err error) {
	stale, err := t.staleRows(ctx)
	// All are opened before any is sealed: wrong keys must leave every row as it is.
	for i := range stale {
		if err == nil {
			_, err = stale[i].reseal(stale[i].stored)
		}
	}
	for len(stale) > 0 && err == nil {
		batch := stale[:min(len(stale), resealBatch)]
		stale = stale[len(batch):]
		var done int64
		err = t.write(ctx, t.config, func(x tx) error {
			done = 0
			for i := range batch {
				r := &batch[i]
				sealed, err := r.reseal(r.stored)
				if err != nil {
					return err
				}
				rows, err := x.exec(r.update, r.key, r.stored, sealed)
				if err != nil {
					return err
				}
				done += rows
			}
			return nil
		})
		if err == nil {
			n += int(done)
		}
	}
	if err != nil {
		return n, fmt.Errorf("sealing secrets again: %w", err)
	}
	return n, nil
}

// staleRows returns the rows whose secrets are not sealed with the newest key.
func (t *Tables) staleRows(ctx context.Context) (stale []sealedRow, err error) {
	t.sealing.Lock()   // until the changes that began with an older key are stored
	t.sealing.Unlock() //nolint:staticcheck // only to wait for them
	add := func(r sealedRow) { stale = append(stale, r) }
	err = t.read(ctx, t.config, func(x tx) error {
		stale = nil
		err := x.query(func(scan scan) error {
			var w webhook.Webhook
			var stored []byte
			if err := scan(&w.Number, &w.ID, &w.Tenant, &stored); err != nil {
				return err
			}
			add(sealedRow{"WebhookSecretsUpdate", int64(w.Number), stored, func(stored []byte) ([]byte, error) {
				return w.ResealSecrets(t.sealer, stored)
			}})
			return nil
		}, "WebhookSecretsList")
		if err != nil {
			return err
		}
		err = x.query(func(scan scan) error {
			var person string
			var stored []byte
			if err := scan(&person, &stored); err != nil {
				return err
			}
			add(sealedRow{"FactorSealedUpdate", person, stored, func(stored []byte) ([]byte, error) {
				plain, err := t.sealer.Open(stored, FactorContext(person))
				if err != nil {
					return nil, fmt.Errorf("the second factor of %q cannot be read: %w", person, err)
				}
				return t.sealer.Seal(plain, FactorContext(person))
			}})
			return nil
		}, "FactorSealedList")
		if err != nil {
			return err
		}
		return x.query(func(scan scan) error {
			var number int64
			var tenant event.TenantID
			var kind registry.Kind
			var name string
			var stored []byte
			if err := scan(&number, &tenant, &kind, &name, &stored); err != nil {
				return err
			}
			add(sealedRow{"RecordSealedUpdate", number, stored, func(stored []byte) ([]byte, error) {
				context := RecordContext(tenant, kind, name)
				plain, err := t.sealer.Open(stored, context)
				if err != nil {
					return nil, fmt.Errorf("secrets of record %q of kind %q cannot be read: %w", name, kind, err)
				}
				return t.sealer.Seal(plain, context)
			}})
			return nil
		}, "RecordSealedList")
	})
	return slices.DeleteFunc(stale, func(r sealedRow) bool { return !t.sealer.Stale(r.stored) }), err
}
