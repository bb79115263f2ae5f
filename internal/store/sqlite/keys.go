package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/event"
)

var (
	keySQL            = loadStatements("key")
	sqlKeyGet         = keySQL.get("KeyGet")
	sqlKeyPut         = keySQL.get("KeyPut")
	sqlKeyPage        = keySQL.get("KeyPage")
	sqlKeyDelete      = keySQL.get("KeyDelete")
	sqlMetaGet        = keySQL.get("MetaGet")
	sqlMetaSetThrough = keySQL.get("MetaSetThrough")
	sqlMetaSetSwept   = keySQL.get("MetaSetSwept")
)

const (
	// flushKeys pending keys, or flushCommits commits since the last flush, are
	// written to the file. Writing many sorted keys at once touches fewer pages
	// than writing each group's.
	flushKeys    = 256
	flushCommits = 4096
	// maxPendingKeys bounds what is kept in memory while the file cannot be
	// written; then nothing is accepted any more.
	maxPendingKeys = 4096
	// sweepKeys are looked at in one step when old keys are removed.
	sweepKeys = 2000
)

// keyHash names an idempotency key of a tenant: the first half of a SHA-256,
// which nobody can find two keys for.
type keyHash [16]byte

func hashKey(tenant event.TenantID, key string) (h keyHash) {
	var space [128]byte
	b := binary.LittleEndian.AppendUint32(space[:0], uint32(tenant))
	sum := sha256.Sum256(append(b, key...))
	copy(h[:], sum[:])
	return h
}

// usedKey is what is known of a key.
type usedKey struct {
	event  event.ID
	digest [16]byte
}

// keyIndex finds events by their idempotency keys. It is derived from the
// event log and lags behind it: keys are first kept in memory, and read from
// the log again at the next start if they were not written by then.
type keyIndex struct {
	db  *db
	log *slog.Logger

	mu      sync.RWMutex // guards pending; only Append's goroutine changes it
	pending map[keyHash]usedKey

	// The following belong to whoever holds the appender.
	through event.ID // the last event whose key is in the file or pending
	commits int      // since the last flush
	sorted  []keyHash

	swept event.ID // keys below were removed; only Expire uses it
}

// openKeys opens the file. One that is damaged is made anew.
func openKeys(ctx context.Context, path string, log *slog.Logger) (*keyIndex, error) {
	o := dbOptions{CacheKB: 8 << 10, Schema: loadMigrations("keys"), Log: log}
	b, err := openDB(path, o)
	if errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.NOTADB) {
		log.Error("the file of idempotency keys is damaged and is made anew from the events", "error", err)
		for _, suffix := range []string{"", "-wal", "-shm"} {
			os.Remove(path + suffix)
		}
		b, err = openDB(path, o)
	}
	if err != nil {
		return nil, err
	}
	k := &keyIndex{db: b, log: log, pending: make(map[keyHash]usedKey)}
	err = b.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) error {
			k.through, k.swept = event.ID(s.ColumnInt64(0)), event.ID(s.ColumnInt64(1))
			return nil
		}, sqlMetaGet)
	})
	if err != nil {
		b.close()
		return nil, err
	}
	return k, nil
}

// catchUp adds the keys of events that are not in the file yet.
func (k *keyIndex) catchUp(ctx context.Context, events *eventLog) error {
	found := 0
	err := events.ascend(ctx, k.through, func(b *block) (bool, error) {
		if b.damaged != nil {
			k.log.Error("idempotency keys of a block are lost", "error", b.damaged)
			return true, nil
		}
		var r record
		for id := b.id; id < b.end(); id++ {
			if err := b.record(id, &r); err != nil {
				return false, err
			}
			if key := r.idempotencyKey(); key != "" {
				k.add(hashKey(r.tenant, key), usedKey{event: id, digest: [16]byte(r.digest)})
				found++
			}
		}
		k.through = b.last()
		if len(k.pending) >= flushKeys {
			return true, k.flush(ctx)
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("reading idempotency keys from the events: %w", err)
	}
	if found > flushKeys {
		k.log.Info("read idempotency keys from the events", "keys", found)
	}
	return nil
}

// lookup calls f with the index of each hash that was used.
func (k *keyIndex) lookup(ctx context.Context, hashes []keyHash, f func(i int, u usedKey)) error {
	return k.db.read(ctx, func(c *conn) error {
		k.mu.RLock()
		defer k.mu.RUnlock()
		s, err := c.stmt(sqlKeyGet)
		if err != nil {
			return err
		}
		for i := range hashes {
			if u, ok := k.pending[hashes[i]]; ok {
				f(i, u)
				continue
			}
			if err := s.BindBlob(1, hashes[i][:]); err != nil {
				return err
			}
			if s.Step() {
				u := usedKey{event: event.ID(s.ColumnInt64(0))}
				copy(u.digest[:], s.ColumnRawBlob(1))
				f(i, u)
			}
			if err := s.Reset(); err != nil {
				return err
			}
		}
		return nil
	})
}

// add remembers a key until the next flush.
func (k *keyIndex) add(h keyHash, u usedKey) {
	k.mu.Lock()
	k.pending[h] = u
	k.mu.Unlock()
}

// flush writes the pending keys.
func (k *keyIndex) flush(ctx context.Context) error {
	k.sorted = k.sorted[:0]
	for h := range k.pending {
		k.sorted = append(k.sorted, h)
	}
	slices.SortFunc(k.sorted, func(a, b keyHash) int { return bytes.Compare(a[:], b[:]) })
	err := k.db.write(ctx, func(c *conn) error {
		s, err := c.stmt(sqlKeyPut)
		if err != nil {
			return err
		}
		for i := range k.sorted {
			u := k.pending[k.sorted[i]]
			if err := errors.Join(s.BindBlob(1, k.sorted[i][:]), s.BindInt64(2, int64(u.event)), s.BindBlob(3, u.digest[:])); err != nil {
				return err
			}
			if err := s.Exec(); err != nil {
				return err
			}
		}
		return c.exec(sqlMetaSetThrough, k.through)
	})
	if err != nil {
		return fmt.Errorf("storing idempotency keys: %w", err)
	}
	k.mu.Lock()
	clear(k.pending)
	k.mu.Unlock()
	k.commits = 0
	return nil
}

// sweep removes the keys of events below before, in steps, once for each value
// of before: it looks at every key.
func (k *keyIndex) sweep(ctx context.Context, before event.ID) error {
	if before <= k.swept {
		return nil
	}
	type row struct {
		hash  keyHash
		event event.ID
	}
	page := make([]row, 0, sweepKeys)
	var from []byte
	for {
		page = page[:0]
		looked := 0
		err := k.db.read(ctx, func(c *conn) error {
			return c.query(func(s *sqlite3.Stmt) error {
				looked++
				from = s.ColumnBlob(0, from[:0])
				if id := event.ID(s.ColumnInt64(1)); id < before {
					page = append(page, row{keyHash(from), id})
				}
				return nil
			}, sqlKeyPage, append([]byte{}, from...), sweepKeys)
		})
		if err != nil {
			return err
		}
		if len(page) > 0 {
			err = k.db.write(ctx, func(c *conn) error {
				for i := range page {
					if err := c.exec(sqlKeyDelete, page[i].hash[:], page[i].event); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		if looked < sweepKeys {
			break
		}
	}
	err := k.db.write(ctx, func(c *conn) error { return c.exec(sqlMetaSetSwept, before) })
	if err == nil {
		k.swept = before
	}
	return err
}
