package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"
)

const (
	// truncateWait is how long writers are held up, at most, by readers that
	// keep the WAL from being emptied.
	truncateWait = 50 * time.Millisecond
	// truncateEvery spaces attempts after one that readers made fail. A backup
	// may read one state of a file for minutes.
	truncateEvery = time.Second
)

func (d *db) wakeCheckpointer() {
	select {
	case d.kick <- struct{}{}:
	default: // it is awake
	}
}

// checkpointer copies the WAL into the file on a connection of its own, so
// that no commit waits for it.
func (d *db) checkpointer(ctx context.Context) {
	defer close(d.done)
	var c *conn
	defer func() { c.close() }()
	closed := false // no connection can be opened
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.kick:
		}
		if c != nil && c.opened != d.renewed.Load() {
			c.close()
			c = nil
		}
		if d.down.Load() {
			continue // the writer copies the WAL when it recovers
		}
		var err error
		if c == nil {
			// Nothing was written yet, so nothing can be half done: commits go on,
			// and each has this tried again. There may be no descriptors left.
			if c, err = d.connect(); err != nil {
				if !closed {
					d.log.Warn("no checkpoint, the log grows until one is possible", "error", d.storeError(err))
				}
				closed = true
				continue
			}
			closed = false
		}
		err = d.checkpoint(ctx, c)
		if err != nil && !errors.Is(err, sqlite3.BUSY) && ctx.Err() == nil {
			// As after a failed commit: this connection is not used again, and
			// the writer recovers before it goes on.
			d.log.Error("checkpoint failed", "error", d.storeError(err))
			d.suspect.Store(true)
			c.close()
			c = nil
		}
	}
}

func (d *db) checkpoint(ctx context.Context, c *conn) error {
	pages := d.walPages.Load()
	d.checked.Store(pages)
	if _, _, err := c.raw.WALCheckpoint("main", sqlite3.CHECKPOINT_PASSIVE); err != nil {
		return err
	}
	if pages*d.pageBytes < truncateBytes || time.Now().Before(d.truncateAt) {
		return nil
	}
	// Little is left to copy now; keep writers out until the WAL is empty.
	if err := d.lockWriter(ctx); err != nil {
		return nil
	}
	defer d.unlockWriter()
	if err := c.raw.BusyTimeout(truncateWait); err != nil {
		return err
	}
	err := c.truncateWAL()
	if errors.Is(err, sqlite3.BUSY) {
		now := time.Now()
		d.truncateAt = now.Add(truncateEvery)
		// It may be a lock of ours that could not be given back.
		if now.After(d.renewAt) {
			d.renewAt = now.Add(renewEvery)
			d.renew()
		}
	}
	if err := errors.Join(err, c.raw.BusyTimeout(d.o.BusyTimeout)); err != nil {
		return err
	}
	d.walPages.Store(0)
	d.checked.Store(0)
	return nil
}
