package sqlite

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"slices"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var (
	keySQL            = sqltext.Load(sqlFiles, "key")
	sqlKeyGet         = keySQL.Get("KeyGet")
	sqlKeyPut         = keySQL.Get("KeyPut")
	sqlKeyPage        = keySQL.Get("KeyPage")
	sqlKeyDelete      = keySQL.Get("KeyDelete")
	sqlMetaGet        = keySQL.Get("MetaGet")
	sqlMetaSetThrough = keySQL.Get("MetaSetThrough")
	sqlMetaSetSwept   = keySQL.Get("MetaSetSwept")
)

const (
	// flushKeys pending keys, or flushCommits commits since the last flush, are
	// written to the file in the background. Keys are random: the more of them
	// are written at once, the fewer pages that takes for each.
	flushKeys    = 16384
	flushCommits = 8192
	// maxPendingKeys bounds the keys in memory while a flush is under way
	// or the file cannot be written; then accepting events waits for a flush.
	maxPendingKeys = 4 * flushKeys
	// catchUpKeys are written at once when they are read from the events.
	catchUpKeys = maxPendingKeys
	// sweepKeys are looked at in one step when old keys are removed.
	sweepKeys = 2000
)

// keyHash names an idempotency key of a tenant: 128 bits of a SHA-256, which
// nobody can find two keys for.
type keyHash struct {
	id   int64 // the row
	rest [8]byte
}

func (k *keyIndex) hash(tenant event.TenantID, key string) (h keyHash) {
	var space [160]byte
	b := append(space[:0], k.salt[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(tenant))
	sum := sha256.Sum256(append(b, key...))
	h.id = int64(binary.LittleEndian.Uint64(sum[:]))
	copy(h.rest[:], sum[8:])
	return h
}

// usedKey is a key's event.
type usedKey struct {
	event  event.ID
	digest [16]byte
}

// keyIndex finds events by their idempotency keys. It is derived from the
// event log and lags behind it: keys are first kept in memory, and read from
// the log again at the next start if they were not written by then.
type keyIndex struct {
	db   *db
	log  *slog.Logger
	salt [16]byte

	mu       sync.RWMutex // guards the maps
	pending  map[keyHash]usedKey
	flushing map[keyHash]usedKey // being written, or the last attempt failed; nil: none
	flushErr error               // of that attempt; nil while it runs
	flushed  *sync.Cond          // on mu: flushing or flushErr changed
	through  event.ID            // the last event whose key is in the file or a map; guarded by mu
	frozen   event.ID            // through when flushing was filled; guarded by mu
	commits  int                 // since the last flush; the appender's
	work     sync.WaitGroup      // the flush under way

	swept event.ID // keys below were removed; only Expire uses it
}

// openKeys opens the file. One that is damaged is made anew.
func openKeys(ctx context.Context, path string, log *slog.Logger) (*keyIndex, error) {
	o := dbOptions{CacheKB: 8 << 10, BusyTimeout: promptTimeout, Schema: loadMigrations("keys"), Log: log}
	b, err := openDB(path, o)
	if errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.NOTADB) {
		log.Error("the file of idempotency keys is damaged and is made anew from the events", "error", err)
		for _, suffix := range fileSuffixes {
			os.Remove(path + suffix)
		}
		b, err = openDB(path, o)
	}
	if err != nil {
		return nil, err
	}
	k := &keyIndex{db: b, log: log, pending: make(map[keyHash]usedKey)}
	k.flushed = sync.NewCond(&k.mu)
	err = b.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) error {
			k.through, k.swept = event.ID(s.ColumnInt64(0)), event.ID(s.ColumnInt64(1))
			copy(k.salt[:], s.ColumnRawBlob(2))
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
				k.pending[k.hash(r.tenant, key)] = usedKey{event: id, digest: [16]byte(r.digest)}
				found++
			}
		}
		k.through = b.last()
		if len(k.pending) >= catchUpKeys {
			return true, k.flush(ctx)
		}
		return true, nil
	})
	if err != nil {
		return fmt.Errorf("reading idempotency keys from the events: %w", err)
	}
	if found > catchUpKeys {
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
			u, ok := k.pending[hashes[i]]
			if !ok {
				u, ok = k.flushing[hashes[i]]
			}
			if ok {
				f(i, u)
				continue
			}
			if err := s.BindInt64(1, hashes[i].id); err != nil {
				return err
			}
			if s.Step() {
				u = usedKey{event: event.ID(s.ColumnInt64(0))}
				proof := s.ColumnRawBlob(1)
				if n := len(hashes[i].rest); len(proof) == n+len(u.digest) && string(proof[:n]) == string(hashes[i].rest[:]) {
					copy(u.digest[:], proof[n:])
					f(i, u)
				}
			}
			if err := s.Reset(); err != nil {
				return err
			}
		}
		return nil
	})
}

// appended remembers the keys of a commit whose last event is last, and has
// them written now and then. It never fails: keys that could not be written stay pending.
func (k *keyIndex) appended(last event.ID, add func(put func(keyHash, usedKey))) {
	k.mu.Lock()
	defer k.mu.Unlock()
	add(func(h keyHash, u usedKey) { k.pending[h] = u })
	k.through = last
	k.commits++
	if len(k.pending) >= flushKeys || k.commits >= flushCommits {
		k.startFlushLocked()
	}
}

// startFlushLocked writes pending keys in the background, unless that is
// under way.
func (k *keyIndex) startFlushLocked() {
	if k.flushing != nil && k.flushErr == nil {
		return
	}
	if k.flushing == nil {
		k.flushing, k.frozen = k.pending, k.through
		k.pending = make(map[keyHash]usedKey)
	}
	k.flushErr = nil
	k.commits = 0
	k.work.Go(func() {
		err := k.store(context.Background(), k.flushing, k.frozen)
		k.mu.Lock()
		defer k.mu.Unlock()
		if err == nil {
			k.flushing = nil
		} else {
			k.log.Warn("storing idempotency keys failed, trying again with the next", "error", err)
		}
		k.flushErr = err
		k.flushed.Broadcast()
	})
}

// room waits until another commit's keys can be remembered.
func (k *keyIndex) room() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.pending) < maxPendingKeys {
		return nil
	}
	k.startFlushLocked()
	for k.flushing != nil && k.flushErr == nil {
		k.flushed.Wait()
	}
	return k.flushErr
}

// flush writes all keys. Nothing may be appended meanwhile.
func (k *keyIndex) flush(ctx context.Context) error {
	k.work.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	for h, u := range k.flushing {
		if _, ok := k.pending[h]; !ok {
			k.pending[h] = u
		}
	}
	k.flushing, k.flushErr = nil, nil
	if err := k.store(ctx, k.pending, k.through); err != nil {
		return err
	}
	clear(k.pending)
	return nil
}

// close writes pending keys and closes the file.
func (k *keyIndex) close() error {
	if err := k.flush(context.Background()); err != nil {
		k.log.Warn("idempotency keys were not written, the next start reads them from the events", "error", err)
	}
	return k.db.close()
}

// store writes keys, all those of events up to through.
func (k *keyIndex) store(ctx context.Context, keys map[keyHash]usedKey, through event.ID) error {
	sorted := make([]keyHash, 0, len(keys))
	for h := range keys {
		sorted = append(sorted, h)
	}
	slices.SortFunc(sorted, func(a, b keyHash) int { return cmp.Compare(a.id, b.id) })
	var proof []byte
	err := k.db.write(ctx, func(c *conn) error {
		s, err := c.stmt(sqlKeyPut)
		if err != nil {
			return err
		}
		for i := range sorted {
			u := keys[sorted[i]]
			proof = append(append(proof[:0], sorted[i].rest[:]...), u.digest[:]...)
			if err := errors.Join(s.BindInt64(1, sorted[i].id), s.BindInt64(2, int64(u.event)), s.BindBlob(3, proof)); err != nil {
				return err
			}
			if err := s.Exec(); err != nil {
				return err
			}
		}
		return c.exec(sqlMetaSetThrough, through)
	})
	if err != nil {
		return fmt.Errorf("storing idempotency keys: %w", err)
	}
	return nil
}

// sweep removes the keys of events below before, in steps, once for each value
// of before: it looks at every key.
func (k *keyIndex) sweep(ctx context.Context, before event.ID) error {
	if before <= k.swept {
		return nil
	}
	type row struct {
		id    int64
		event event.ID
	}
	page := make([]row, 0, sweepKeys)
	from := int64(math.MinInt64)
	for {
		page = page[:0]
		looked := 0
		err := k.db.read(ctx, func(c *conn) error {
			return c.query(func(s *sqlite3.Stmt) error {
				looked++
				from = s.ColumnInt64(0)
				if id := event.ID(s.ColumnInt64(1)); id < before {
					page = append(page, row{from, id})
				}
				return nil
			}, sqlKeyPage, from, sweepKeys)
		})
		if err != nil {
			return err
		}
		if len(page) > 0 {
			err = k.db.write(ctx, func(c *conn) error {
				for i := range page {
					if err := c.exec(sqlKeyDelete, page[i].id, page[i].event); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		if looked < sweepKeys || from == math.MaxInt64 {
			break
		}
		from++
	}
	err := k.db.write(ctx, func(c *conn) error { return c.exec(sqlMetaSetSwept, before) })
	if err == nil {
		k.swept = before
	}
	return err
}
