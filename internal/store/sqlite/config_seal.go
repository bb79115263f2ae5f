package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/webhook"
)

// sealedMark is the application id of a relay.db whose secrets and headers are
// all sealed and whose free space holds none from before: "Rse2" ("Rsec" was
// without the headers). It is set after the file was written anew, so that a
// crash before that has it done again.
const sealedMark = 0x52736532

// sealConfig brings the file of the configuration up to date with the Sealer
// at start. Unencrypted secrets found by the first pass are also removed from the places
// of the file where SQLite leaves replaced rows.
func (s *Store) sealConfig(ctx context.Context) error {
	if _, none := s.sealer.(webhook.InClear); none {
		return nil
	}
	n, err := s.Reseal(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		s.log.Info("secrets were sealed with the newest key", "resealed", n)
	}
	var mark int64
	err = s.config.read(ctx, func(c *conn) (err error) {
		mark, err = c.integer(`PRAGMA application_id`)
		return err
	})
	if err == nil && mark != sealedMark {
		if err := s.sealHeaders(ctx); err != nil {
			return err
		}
		err = s.config.rewrite(ctx, fmt.Sprintf(`PRAGMA application_id=%d`, sealedMark))
	}
	if err != nil {
		return fmt.Errorf("removing what was stored in clear: %w", err)
	}
	return nil
}

// EraseReplaced removes from relay.db and its WAL rows that were replaced or deleted
// and is still in there, such as secrets sealed with an old key. Other changes
// of the configuration wait meanwhile, which is short: the file is small.
func (s *Store) EraseReplaced(ctx context.Context) error {
	if err := s.config.rewrite(ctx, fmt.Sprintf(`PRAGMA application_id=%d`, sealedMark)); err != nil {
		return fmt.Errorf("removing what was replaced: %w", err)
	}
	return nil
}

// sealHeaders moves the headers of webhooks that were stored before headers
// were sealed under the seal.
func (s *Store) sealHeaders(ctx context.Context) error {
	list, err := s.WebhookList(ctx)
	if err != nil {
		return err
	}
	for _, w := range list {
		if !w.HeadersInClear() {
			continue
		}
		if err := s.WebhookUpdate(ctx, w, nil, nil); err != nil {
			return fmt.Errorf("sealing headers: %w", err)
		}
	}
	return nil
}

// rewrite writes the file anew and empties its WAL, so that nothing that was
// deleted or replaced remains in either, and then runs a statement.
func (d *db) rewrite(ctx context.Context, then string) error {
	if err := d.lockWriter(ctx); err != nil {
		return err
	}
	defer d.unlockWriter()
	if err := d.recoverWriter(); err != nil {
		return err
	}
	err := d.w.raw.Exec(`VACUUM`)
	if err == nil {
		err = d.w.truncateWAL()
		// SQLite does not wait for another checkpoint, and the checkpointer may
		// be at one.
		for end := time.Now().Add(d.o.BusyTimeout); errors.Is(err, sqlite3.BUSY) && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
			err = d.w.truncateWAL()
		}
	}
	if err == nil {
		d.walPages.Store(0)
		d.checked.Store(0)
		err = d.w.raw.Exec(then)
	}
	if err != nil {
		err = d.storeError(err)
		d.giveUpWriter(err)
		return err
	}
	return nil
}
