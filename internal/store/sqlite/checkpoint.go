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
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.kick:
		}
		var err error
		if c == nil {
			c, err = d.connect()
		}
		if err == nil {
			err = d.checkpoint(ctx, c)
		}
		if err != nil && !errors.Is(err, sqlite3.BUSY) && ctx.Err() == nil {
			// As after a failed commit: this connection is not used again, and
			// the writer recovers before it goes on.
			d.log.Error("checkpoint failed", "error", err)
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
		d.truncateAt = time.Now().Add(truncateEvery)
	}
	if err := errors.Join(err, c.raw.BusyTimeout(busyTimeout)); err != nil {
		return err
	}
	d.walPages.Store(0)
	d.checked.Store(0)
	return nil
}
