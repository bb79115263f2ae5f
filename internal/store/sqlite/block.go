package sqlite

import (
	"container/list"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"path/filepath"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/sqltext"
	"github.com/relay-events/relay/internal/store/utcday"
)

// ErrDamaged is returned (wrapped) for stored data that cannot be read back
// as it was written.
var ErrDamaged = delivery.ErrDamaged

var (
	eventSQL       = sqltext.Load(sqlFiles, "event")
	sqlBlockInsert = eventSQL.Get("BlockInsert")
	sqlBlockAt     = eventSQL.Get("BlockAt")
	sqlBlockAfter  = eventSQL.Get("BlockAfter")
	sqlBlockBefore = eventSQL.Get("BlockBefore")
	sqlBlockIDs    = eventSQL.Get("BlockIDs")
	sqlBlockLast   = eventSQL.Get("BlockLast")
)

// blockCacheBytes bounds the decompressed blocks kept for EventGetMany.
const blockCacheBytes = 4 << 20

// block is a decompressed block of events. It is immutable.
type block struct {
	id      event.ID
	starts  []uint32 // where each record begins in raw
	raw     []byte
	damaged error // why there are no records
}

// end returns the id after the last event's.
func (b *block) end() event.ID { return b.id + event.ID(len(b.starts)) }

// last returns the id of the last event.
func (b *block) last() event.ID { return b.end() - 1 }

// record parses the record of an event the block holds.
func (b *block) record(id event.ID, r *record) error {
	_, err := nextRecord(b.raw[b.starts[id-b.id]:], r)
	return err
}

// eventLog is the accepted events: a file a day, a row a block.
type eventLog struct {
	*dayFiles
	cache blockCache
}

// block returns the block the statement finds for the id in the day's file,
// nil when there is none. A block that cannot be read has damaged set, and its
// ids, but no records.
func (l *eventLog) block(ctx context.Context, n day, sql string, id event.ID) (*block, error) {
	f, err := l.acquire(n)
	if f == nil || err != nil {
		return nil, err
	}
	defer l.release(f)
	var b *block
	err = f.read(ctx, func(c *conn) error {
		b, err = l.find(c, f.day, sql, id)
		return err
	})
	return b, err
}

// after returns the first block after the id as the file has it, and its checksum; nil when there is none. Of a damaged
// one only the id is known.
func (l *eventLog) after(c *conn, n day, id event.ID) (b *block, crc uint32, err error) {
	err = c.query(func(s *sqlite3.Stmt) error {
		b, crc = l.row(s, n), uint32(s.ColumnInt64(3))
		return nil
	}, eventSQL.Get("BlockAfter"), id)
	return b, crc, err
}

func (l *eventLog) find(c *conn, n day, sql string, id event.ID) (*block, error) {
	s, err := c.stmt(sql)
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Reset() }() // returns the error of the last step again
	if err := s.BindInt64(1, int64(id)); err != nil {
		return nil, err
	}
	if !s.Step() {
		return nil, s.Err()
	}
	first := event.ID(s.ColumnInt64(0))
	if b := l.cache.get(first); b != nil {
		return b, nil
	}
	b := l.row(s, n)
	if err := s.Err(); err != nil {
		return nil, err
	}
	return b, nil
}

// row returns the block of a row.
func (l *eventLog) row(s *sqlite3.Stmt, n day) *block {
	b := &block{id: event.ID(s.ColumnInt64(0))}
	b.damaged = b.decode(s)
	if b.damaged != nil {
		b.raw = nil
		b.starts = make([]uint32, min(max(s.ColumnInt64(1), 1), event.MaxReserve))
		b.damaged = fmt.Errorf("%w: block %d in %q: %w", ErrDamaged, b.id, filepath.Base(l.path(n)), b.damaged)
	}
	return b
}

// decode fills the block from a row.
func (b *block) decode(s *sqlite3.Stmt) error {
	events, rawBytes, crc := s.ColumnInt64(1), s.ColumnInt64(2), s.ColumnInt64(3)
	body := s.ColumnRawBlob(4)
	if got := crc32.Checksum(body, castagnoli); int64(got) != crc {
		return fmt.Errorf("checksum is %08x, want %08x", got, crc)
	}
	if events < 1 || events > event.MaxReserve {
		return fmt.Errorf("%d events", events)
	}
	if n, err := s2.DecodedLen(body); err != nil || int64(n) != rawBytes {
		return fmt.Errorf("decompressed size is %d, want %d: %w", n, rawBytes, errors.Join(err, errRecordFormat))
	}
	var err error
	if b.raw, err = s2.Decode(nil, body); err != nil {
		return fmt.Errorf("decompressing: %w", err)
	}
	if len(b.raw) == 0 || b.raw[0] != recordVersion {
		return errRecordFormat
	}
	b.starts = make([]uint32, 0, events)
	at := 1
	for at < len(b.raw) {
		if len(b.raw)-at < recordSizeBytes {
			return errRecordFormat
		}
		b.starts = append(b.starts, uint32(at))
		at += recordSizeBytes + int(binary.LittleEndian.Uint32(b.raw[at:]))
	}
	if at != len(b.raw) || int64(len(b.starts)) != events {
		return errRecordFormat
	}
	return nil
}

// lastID returns the highest id stored, zero without one.
func (l *eventLog) lastID(ctx context.Context) (last event.ID, err error) {
	days := l.days()
	for i := len(days) - 1; i >= 0 && last == 0; i-- {
		f, err := l.acquire(days[i])
		if err != nil {
			return 0, err
		}
		err = f.read(ctx, func(c *conn) error {
			return c.query(func(s *sqlite3.Stmt) error {
				last = event.ID(s.ColumnInt64(0) + s.ColumnInt64(1) - 1)
				return nil
			}, sqlBlockLast)
		})
		l.release(f)
		if err != nil {
			return 0, err
		}
	}
	return last, nil
}

// blockIDs calls f for the id of each of the day's blocks above after, in order.
func (l *eventLog) blockIDs(ctx context.Context, n day, after event.ID, f func(event.ID)) error {
	file, err := l.acquire(n)
	if file == nil || err != nil {
		return err
	}
	defer l.release(file)
	return file.read(ctx, func(c *conn) error {
		return c.query(func(s *sqlite3.Stmt) error { f(event.ID(s.ColumnInt64(0))); return nil }, sqlBlockIDs, after)
	})
}

// ascend calls f for each block that holds ids above after, in order, until f
// returns false. No file is held while f runs.
func (l *eventLog) ascend(ctx context.Context, after event.ID, f func(*block) (bool, error)) error {
	for _, n := range l.days() {
		if n < utcday.Of(after) {
			continue
		}
		b, err := l.block(ctx, n, sqlBlockAt, after)
		if err != nil {
			return err
		}
		from := after
		for {
			if b != nil && b.last() > after {
				if more, err := f(b); !more || err != nil {
					return err
				}
				from = b.last()
			}
			if b, err = l.block(ctx, n, sqlBlockAfter, from); err != nil {
				return err
			}
			if b == nil {
				break
			}
		}
	}
	return nil
}

// blockCache keeps the blocks used last.
type blockCache struct {
	mu    sync.Mutex
	bytes int
	byID  map[event.ID]*list.Element
	order list.List // of *block, the last used in front
}

func (c *blockCache) get(id event.ID) *block {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.byID[id]
	if e == nil {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(*block)
}

func (c *blockCache) put(b *block) {
	if b.damaged != nil || len(b.raw) > blockCacheBytes/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID[b.id] != nil {
		return
	}
	if c.byID == nil {
		c.byID = make(map[event.ID]*list.Element)
	}
	c.byID[b.id] = c.order.PushFront(b)
	c.bytes += b.size()
	for c.bytes > blockCacheBytes {
		old := c.order.Back()
		c.order.Remove(old)
		b := old.Value.(*block)
		c.bytes -= b.size()
		delete(c.byID, b.id)
	}
}

// size is about how much memory the block takes.
func (b *block) size() int { return len(b.raw) + 4*len(b.starts) + 200 }
