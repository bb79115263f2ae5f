package app

import (
	"context"
	"fmt"
	"log/slog"
	"sync"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/api"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/webhook"
)

// encryption replaces the keys that seal secrets at rest, for a server with exclusive use of its
// store. It implements api.Encryption.
//
// After a crash at any point, the key file still opens every secret: a new key is in the file
// before it seals any value, and old keys stay. Values that were not resealed are resealed when the
// store is opened next.
type encryption struct {
	keys  *secret.Keyring
	store *sqlite.Store
	hooks *webhook.Registry
	log   *slog.Logger

	running sync.Mutex
}

// replaceable returns the replacer of keys, or nil if other servers may use the same keys.
func replaceable(st store, keys *secret.Keyring, hooks *webhook.Registry, log *slog.Logger) api.Encryption {
	files, alone := st.(*sqlite.Store)
	if !alone {
		return nil
	}
	return &encryption{keys: keys, store: files, hooks: hooks, log: log}
}

// Rotate implements api.Encryption. It continues after ctx ends, because a half-finished rotation
// is useless.
func (e *encryption) Rotate(ctx context.Context, p *access.Principal, master secret.Text) (n int, err error) {
	if !e.running.TryLock() {
		return 0, problem.New(problem.Conflict, "the keys are being replaced already")
	}
	defer e.running.Unlock()
	ctx = context.WithoutCancel(ctx)
	// The keys are in a separate file, so the audit entry cannot be stored in the same transaction;
	// it comes first.
	entry, err := p.Entry("encryption.rotate", nil, nil)
	if err == nil {
		err = e.store.AuditAppend(ctx, entry)
	}
	if err != nil {
		return 0, err
	}
	// Webhooks must not change: a secret being stored with the old key would be missed.
	err = e.hooks.Hold(func() error {
		// No value sealed with an older key may remain, because Rotate removes the oldest keys.
		if _, err := e.store.Reseal(ctx); err != nil {
			return err
		}
		if master != "" {
			if err := e.keys.SetMaster([]byte(master.Reveal())); err != nil {
				return err
			}
		}
		if err := e.keys.Rotate(); err != nil {
			return err
		}
		if n, err = e.store.Reseal(ctx); err != nil {
			return err
		}
		return e.store.EraseReplaced(ctx)
	})
	if err != nil {
		return n, fmt.Errorf("replacing the encryption keys: %w", err)
	}
	e.log.Info("the encryption keys were replaced", "resealed", n, "newMasterKey", master != "")
	return n, nil
}
