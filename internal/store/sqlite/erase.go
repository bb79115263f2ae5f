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

// eraseBlocks is how many blocks a transaction of an erasure looks at, so that publishers and the log do not wait long.
const eraseBlocks = 8

// eraseRest is how long an erasure rests after a transaction, in times of what that took: whoever writes to the same file
// meets an erasure one time in five at most. Nobody waits for its end.
const (
	eraseRest    = 4
	maxEraseRest = time.Second
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
	err := l.eraseDay(ctx, n, func(c *conn) (more bool, err error) {
		for range eraseBlocks {
			b, err := l.find(c, n, sqlBlockAfter, done)
			if err != nil || b == nil {
				return false, err
			}
			done = b.id
			raw, found := b.without(gone)
			if !found {
				continue
			}
			body := s2.Encode(nil, raw)
			if err := c.exec(eventSQL.Get("BlockReplace"), b.id, int64(len(raw)), int64(crc32.Checksum(body, castagnoli)), body); err != nil {
				return false, err
			}
			changed = append(changed, b.id)
		}
		return true, nil
	})
	// After the commits: a reader could otherwise bring the old blocks back into the cache.
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
	err := l.files.eraseDay(ctx, n, func(c *conn) (more bool, err error) {
		type stored struct {
			id   event.ID
			body []byte
			raw  int
			crc  uint32
		}
		var blocks []stored
		err = c.query(func(s *sqlite3.Stmt) error {
			blocks = append(blocks, stored{event.ID(s.ColumnInt64(0)), slices.Clone(s.ColumnRawBlob(3)), s.ColumnInt(1), uint32(s.ColumnInt64(2))})
			return nil
		}, logSQL.Get("BlocksAfter"), done, int64(eraseBlocks))
		for _, b := range blocks {
			if err != nil {
				break
			}
			done = b.id
			raw, bad := openLogBlock(nil, b.body, b.raw, b.crc)
			if bad != nil {
				continue // left to the end of its retention
			}
			err = eraseLogBlock(c, b.id, raw, tenants)
		}
		if err == nil && len(blocks) < eraseBlocks {
			for tenant := range tenants {
				if err = c.exec(logSQL.Get("TenantErase"), int64(tenant)); err == nil {
					err = c.exec(logSQL.Get("RollupErase"), int64(tenant))
				}
				if err != nil {
					break
				}
			}
		}
		return len(blocks) == eraseBlocks, err
	})
	if err != nil {
		return fmt.Errorf("erasing the log of %v: %w", n, err)
	}
	return nil
}

// eraseLogBlock replaces the tenants' entries of a block. Events and times stay, because those of other entries are stored
// as differences to them.
func eraseLogBlock(c *conn, id event.ID, raw []byte, tenants map[event.TenantID]bool) error {
	w := logEncoder{raw: append(make([]byte, 0, len(raw)), logVersion)}
	r := readLogBlock(raw)
	found, n := false, event.ID(0)
	for before := r.rest; r.next(); before, n = r.rest, n+1 {
		e := r.entry
		if !tenants[e.tenant] {
			w.raw = append(w.raw, before[:len(before)-len(r.rest)]...)
		} else {
			found = true
			for _, sql := range []string{"EventErase", "WebhookErase"} {
				args := []any{e.event, int64(e.webhook), id + n}
				if sql == "WebhookErase" {
					args = []any{int64(e.webhook), id}
				}
				if err := c.exec(logSQL.Get(sql), args...); err != nil {
					return err
				}
			}
			var head logEntry
			w.n = 1 // not the first one, before which a block begins
			w.add(&delivery.Attempt{Tenant: erasedTenant, Event: e.event, At: time.UnixMilli(e.at), Outcome: e.outcome}, &head)
		}
		w.event, w.at = e.event, e.at
	}
	if r.err != nil || !found {
		return nil
	}
	body := s2.Encode(nil, w.raw)
	return c.exec(logSQL.Get("BlockReplace"), id, int64(len(w.raw)), int64(crc32.Checksum(body, castagnoli)), body)
}

// eraseDay runs step, in a transaction each time, until it reports that there is no more to do, and empties the WAL. What is
// replaced SQLite overwrites in the file: its days have SecureDelete from the beginning, because a page that was divided
// earlier would else keep old bytes where nothing is.
func (d *dayFiles) eraseDay(ctx context.Context, n day, step func(c *conn) (more bool, err error)) error {
	if !d.has(n) {
		return nil
	}
	f, err := d.writableDay(n)
	if err != nil {
		return err
	}
	defer d.release(f)
	for more := true; more; {
		if err := ctx.Err(); err != nil {
			return err
		}
		begun := time.Now()
		err := f.write(ctx, func(c *conn) (err error) {
			more, err = step(c)
			return err
		})
		if err != nil {
			return err
		}
		if more {
			select {
			case <-time.After(min(eraseRest*time.Since(begun), maxEraseRest)):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return plainDB{f.db}.Erased(ctx)
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
