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

// encryption replaces the keys that seal secrets at rest, of a server that has its store for itself. It implements
// api.Encryption.
//
// At every point a crash leaves a key file that opens everything: a new key is in the file before it seals anything, and
// old ones stay. What was not sealed again is when the store is opened next.
type encryption struct {
	keys  *secret.Keyring
	store *sqlite.Store
	hooks *webhook.Registry
	log   *slog.Logger

	running sync.Mutex
}

// replaceable returns what replaces keys, nil where other servers may use the same ones.
func replaceable(st store, keys *secret.Keyring, hooks *webhook.Registry, log *slog.Logger) api.Encryption {
	files, alone := st.(*sqlite.Store)
	if !alone {
		return nil
	}
	return &encryption{keys: keys, store: files, hooks: hooks, log: log}
}

// Rotate implements api.Encryption. It goes on when ctx ends: half of it helps nobody.
func (e *encryption) Rotate(ctx context.Context, p *access.Principal, master secret.Text) (n int, err error) {
	if !e.running.TryLock() {
		return 0, problem.New(problem.Conflict, "the keys are being replaced already")
	}
	defer e.running.Unlock()
	ctx = context.WithoutCancel(ctx)
	// The keys are in a file of their own, so the entry cannot be stored with them: it comes first.
	entry, err := p.Entry("encryption.rotate", nil, nil)
	if err == nil {
		err = e.store.AuditAppend(ctx, entry)
	}
	if err != nil {
		return 0, err
	}
	// No webhook changes: one that is being stored, sealed with the old key, would be passed over.
	err = e.hooks.Hold(func() error {
		// Nothing may be left that an older key has sealed: Rotate lets the oldest ones go.
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
