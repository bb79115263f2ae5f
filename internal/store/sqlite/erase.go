package sqlite

import (
	"context"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// Blocks of events and of the log are shared by tenants. Erasing a tenant writes those that hold something of it anew, with
// an empty record in the place of each of its own: ids are places in a block, and have to stay. The records that stay
// behind belong to erasedTenant, which nobody can ask for.
const erasedTenant event.TenantID = 0

// Blocks are read and made anew outside of transactions. What is changed then is written in short ones with rests between
// them, because publishers and the log write to the same files.
const (
	// eraseBytes is how much of blocks is read at a time.
	eraseBytes = 1 << 20
	// eraseHold is how long a transaction goes on with further changes.
	eraseHold = time.Millisecond
	// eraseRest is how long an erasure rests after a transaction, in times of what that took, and eraseRestWritten is that
	// in files in which events and attempts are being stored: one commit in three hundred meets an erasure there. Nobody
	// waits for its end.
	eraseRest        = 4
	eraseRestWritten = 300
	maxEraseRest     = 10 * time.Second
	// eraseIndexRows is how many rows of the log's indexes one change removes.
	eraseIndexRows = 100
)

// TenantErase implements account.Eraser.
func (s *Store) TenantErase(ctx context.Context, tenant event.TenantID) error {
	err := s.eraseOwed(ctx, tenant)
	if err == nil {
		err = s.attempts.erase(ctx, tenant)
	}
	if err == nil {
		err = s.events.erase(ctx, tenant)
	}
	if err == nil {
		err = s.Tables.TenantErase(ctx, tenant)
	}
	if err == nil {
		err = s.config.rewrite(ctx, `SELECT 1`)
	}
	if err != nil {
		return fmt.Errorf("erasing tenant %d: %w", tenant, err)
	}
	return nil
}

func (s *Store) eraseOwed(ctx context.Context, tenant event.TenantID) error {
	var webhooks []uint32
	err := s.work.db.read(ctx, func(c *conn) error {
		webhooks = nil
		return c.query(func(s *sqlite3.Stmt) error {
			webhooks = append(webhooks, uint32(s.ColumnInt64(0)))
			return nil
		}, workSQL.Get("OwedWebhooks"), int64(tenant))
	})
	for _, w := range webhooks {
		if err == nil {
			err = s.OwedDiscard(ctx, tenant, w)
		}
	}
	return err
}

// erase empties the records of the tenant's events.
func (l *eventLog) erase(ctx context.Context, tenant event.TenantID) error {
	for _, n := range l.days() {
		if err := l.empty(ctx, n, func(_ event.ID, t event.TenantID) bool { return t == tenant }); err != nil {
			return err
		}
	}
	return nil
}

// empty empties the records of a day's events for which gone is true.
func (l *eventLog) empty(ctx context.Context, n day, gone func(event.ID, event.TenantID) bool) error {
	var done event.ID
	var changed []event.ID
	dropped := 0 // of changed, from the cache
	err := l.eraseDay(ctx, n, func(c *conn) (changes []change, more bool, err error) {
		for read := 0; read < eraseBytes; {
			b, crc, err := l.after(c, n, done)
			if err != nil || b == nil {
				return changes, false, err
			}
			done = b.id
			read += len(b.raw)
			raw, found := b.without(gone)
			if !found {
				continue
			}
			replace := replaceBlock(eventSQL.Get("BlockReplace"), b.id, crc, raw)
			changes = append(changes, func(c *conn) error {
				changed = append(changed, b.id)
				return replace(c)
			})
		}
		return changes, true, nil
	}, func() {
		for ; dropped < len(changed); dropped++ {
			l.cache.drop(changed[dropped])
		}
	})
	// Once more: a reader may have brought back a block that it read before the commit.
	for _, id := range changed {
		l.cache.drop(id)
	}
	if err != nil {
		return fmt.Errorf("erasing events of %v: %w", n, err)
	}
	return nil
}

// without returns the bytes of the block with empty records in the place of those for which gone is true, and whether there
// are any. A block that cannot be read is left to the end of its retention.
func (b *block) without(gone func(event.ID, event.TenantID) bool) (raw []byte, found bool) {
	if b.damaged != nil {
		return nil, false
	}
	var r record
	raw = append(raw, b.raw[0])
	for i, start := range b.starts {
		end := len(b.raw)
		if i+1 < len(b.starts) {
			end = int(b.starts[i+1])
		}
		id := b.id + event.ID(i)
		if err := b.record(id, &r); err != nil || !gone(id, r.tenant) {
			raw = append(raw, b.raw[start:end]...)
			continue
		}
		found = true
		raw = appendRecord(raw, &event.Event{Tenant: erasedTenant, Time: id.Time()}, "", nil, 0)
	}
	return raw, found
}

// erase empties the entries of the tenant in the log, and removes it from the indexes and counters.
func (l *attemptLog) erase(ctx context.Context, tenant event.TenantID) error {
	for _, n := range l.files.days() {
		if err := l.empty(ctx, n, map[event.TenantID]bool{tenant: true}); err != nil {
			return err
		}
	}
	return nil
}

// empty is erase for some tenants and the entries of one day.
func (l *attemptLog) empty(ctx context.Context, n day, tenants map[event.TenantID]bool) error {
	if !l.indexPass(true) {
		return fmt.Errorf("the log's indexes cannot be written")
	}
	var done event.ID
	err := l.files.eraseDay(ctx, n, func(c *conn) (changes []change, more bool, err error) {
		read := 0
		err = c.query(func(s *sqlite3.Stmt) error {
			id, crc := event.ID(s.ColumnInt64(0)), uint32(s.ColumnInt64(2))
			raw, bad := openLogBlock(nil, s.ColumnRawBlob(3), s.ColumnInt(1), crc)
			done = id
			read += len(raw)
			if bad == nil { // one that cannot be read is left to the end of its retention
				changes = append(changes, eraseLogBlock(id, crc, raw, tenants)...)
			}
			return nil
		}, logSQL.Get("BlocksAfter"), done, int64(eraseBytes/logBlockBytes))
		if more = read > 0; !more && err == nil {
			for tenant := range tenants {
				changes = append(changes, func(c *conn) error { return c.exec(logSQL.Get("TenantErase"), int64(tenant)) },
					func(c *conn) error { return c.exec(logSQL.Get("RollupErase"), int64(tenant)) })
			}
		}
		return changes, more, err
	}, nil)
	if err != nil {
		return fmt.Errorf("erasing the log of %v: %w", n, err)
	}
	return nil
}

// eraseLogBlock returns what empties the tenants' entries of a block and removes them from the indexes. Events and times
// stay, because those of other entries are stored as differences to them. The block comes last: after an interruption it
// still tells what to remove.
func eraseLogBlock(id event.ID, crc uint32, raw []byte, tenants map[event.TenantID]bool) (changes []change) {
	w := logEncoder{raw: append(make([]byte, 0, len(raw)), logVersion)}
	r := readLogBlock(raw)
	var rows [][]any
	webhooks := make(map[uint32]bool)
	n := event.ID(0)
	for before := r.rest; r.next(); before, n = r.rest, n+1 {
		e := r.entry
		if !tenants[e.tenant] {
			w.raw = append(w.raw, before[:len(before)-len(r.rest)]...)
		} else {
			rows = append(rows, []any{e.event, int64(e.webhook), id + n})
			webhooks[e.webhook] = true
			var head logEntry
			w.n = 1 // not the first one, before which a block begins
			w.add(&delivery.Attempt{Tenant: erasedTenant, Event: e.event, At: time.UnixMilli(e.at), Outcome: e.outcome}, &head)
		}
		w.event, w.at = e.event, e.at
	}
	if r.err != nil || len(rows) == 0 {
		return nil
	}
	for part := range slices.Chunk(rows, eraseIndexRows) {
		changes = append(changes, func(c *conn) error {
			for _, args := range part {
				if err := c.exec(logSQL.Get("EventErase"), args...); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for webhook := range webhooks {
		changes = append(changes, func(c *conn) error { return c.exec(logSQL.Get("WebhookErase"), int64(webhook), id) })
	}
	return append(changes, replaceBlock(logSQL.Get("BlockReplace"), id, crc, w.raw))
}

// replaceBlock returns what gives a block other bytes. It fails if the block is no longer the one with the checksum.
func replaceBlock(sql string, id event.ID, crc uint32, raw []byte) change {
	body := s2.Encode(nil, raw)
	return func(c *conn) error {
		err := c.exec(sql, id, int64(len(raw)), int64(crc32.Checksum(body, castagnoli)), body, int64(crc))
		if err == nil && c.changes() == 0 {
			err = fmt.Errorf("block %d was erased by another at the same time", id)
		}
		return err
	}
}

// change is a part of a transaction. It is made again if the commit fails.
type change func(c *conn) error

// eraseDay makes the changes that prepare returns, in transactions of their own, until it reports that no more will follow,
// and empties the WAL. prepare runs outside of them and sees the state of the file; committed, unless nil, runs after each.
// What is replaced SQLite overwrites in the file: its days have SecureDelete from the beginning, because a page that was
// divided earlier would else keep old bytes where nothing is.
func (d *dayFiles) eraseDay(ctx context.Context, n day, prepare func(c *conn) ([]change, bool, error), committed func()) error {
	if !d.has(n) {
		return nil
	}
	f, err := d.writableDay(n)
	if err != nil {
		return err
	}
	defer d.release(f)
	rest := time.Duration(eraseRest)
	if d.written(n) {
		rest = eraseRestWritten
	}
	pause := func(d time.Duration) error {
		select {
		case <-time.After(min(d, maxEraseRest)):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for more := true; more; {
		var changes []change
		begun := time.Now()
		err := f.read(ctx, func(c *conn) (err error) {
			changes, more, err = prepare(c)
			return err
		})
		if err == nil {
			err = pause(eraseRest * time.Since(begun))
		}
		if err != nil {
			return err
		}
		for len(changes) > 0 {
			made := 0
			err := f.write(ctx, func(c *conn) error {
				begun = time.Now()
				for _, change := range changes {
					if err := change(c); err != nil {
						return err
					}
					if made++; time.Since(begun) > eraseHold {
						break
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
			changes = changes[made:]
			if committed != nil {
				committed()
			}
			if err := pause(rest * time.Since(begun)); err != nil {
				return err
			}
		}
	}
	return plainDB{f.db}.Erased(ctx)
}

// written reports whether new rows may come into the day's file: it is the newest one, or the one before that, which may
// still be in use while the next day's is prepared.
func (d *dayFiles) written(n day) bool {
	days := d.days()
	return slices.Contains(days[max(len(days)-2, 0):], n)
}

// drop forgets a block that has been written anew.
func (c *blockCache) drop(id event.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.byID[id]; e != nil {
		c.order.Remove(e)
		c.bytes -= e.Value.(*block).size()
		delete(c.byID, id)
	}
}
