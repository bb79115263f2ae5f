package sqlite

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/store/idempotency"
	"github.com/relay-events/relay/internal/store/utcday"
)

const (
	// blockBytes of records end a block: large enough to compress well, small
	// enough that reading one event of it stays cheap. A larger event is a
	// block of its own.
	blockBytes = 128 << 10
	// prepareAhead is how long before midnight the next day's file is made, so
	// that the first commit of the day need not wait for it.
	prepareAhead = 2 * time.Minute
)

// appender is the state of Append: one runs at a time.
type appender struct {
	mu       sync.Mutex // held during Append; guards everything here
	seq      *event.Sequence
	file     *dayFile // being written
	prepared day      // the day after file's, once prepared
	work     sync.WaitGroup

	opened atomic.Int64 // the newest event whose intake work knows; not guarded

	// The following are reused and hold nothing between calls.
	raw    []byte // records of the block being filled
	out    []byte // compressed blocks
	blocks []newBlock
	group  idempotency.Group[keyHash]
}

// newBlock is a block ready to be stored.
type newBlock struct {
	id         event.ID
	items      []*ingest.Item
	begin, end int // of appender.out
	rawBytes   int
	crc        uint32
}

// Append implements ingest.Store.
func (s *Store) Append(ctx context.Context, pubs []*ingest.Publication) ([]delivery.Intake, error) {
	a := &s.append
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.reset()
	if err := s.keys.room(); err != nil {
		return nil, err
	}
	a.group.Collect(pubs, s.keys.hash)
	if err := s.findKeys(ctx); err != nil {
		return nil, err
	}
	a.group.Choose(pubs)
	a.encode()
	if err := s.commitBlocks(ctx); err != nil {
		return nil, fmt.Errorf("storing events: %w", err)
	}

	// From here on everything is durable, and nothing can fail any more.
	intakes := make([]delivery.Intake, len(a.blocks))
	ids := make([]event.ID, len(a.blocks))
	for i := range a.blocks {
		b := &a.blocks[i]
		ids[i] = b.id
		intakes[i] = delivery.Intake{ID: b.id, Events: make([]event.Event, len(b.items))}
		for n, it := range b.items {
			it.Event.ID = b.id + event.ID(n)
			if it.Cause != 0 {
				it.Event.Cause = it.Event.ID + event.ID(it.Cause)
			}
			intakes[i].Events[n] = it.Event
		}
	}
	if len(ids) > 0 {
		s.work.opened(ids...)
		newest := &intakes[len(intakes)-1]
		a.opened.Store(int64(newest.ID) + int64(len(newest.Events)) - 1)
	}
	a.finishKeys(pubs, s.keys)
	return intakes, nil
}

func (a *appender) reset() {
	a.group.Reset()
	clear(a.blocks)
	a.blocks = a.blocks[:0]
	a.raw, a.out = a.raw[:0], a.out[:0]
	// One very large publication should not be paid for ever after.
	const keep = 8 << 20
	if cap(a.raw) > keep {
		a.raw = nil
	}
	if cap(a.out) > keep {
		a.out = nil
	}
}

// findKeys looks up the stored events with the keys of the group.
func (s *Store) findKeys(ctx context.Context) error {
	g := &s.append.group
	if len(g.Keyed) == 0 {
		return nil
	}
	var ids []event.ID
	err := s.keys.lookup(ctx, g.Hashes, func(i int, u usedKey) {
		g.Stored(i, event.Event{ID: u.event}, u.digest)
		ids = append(ids, u.event)
	})
	if err != nil {
		return fmt.Errorf("looking up idempotency keys: %w", err)
	}
	if len(ids) == 0 {
		return nil
	}
	// A key whose event is gone is free again. A damaged event still exists:
	// the publisher has just sent what it was.
	found := make(map[event.ID]*event.Event, len(ids))
	err = s.events.getMany(ctx, ids, func(e event.Event) { found[e.ID] = &e }, func(id event.ID, _ error) { found[id] = nil })
	if err != nil {
		return fmt.Errorf("reading events stored before: %w", err)
	}
	for i := range g.Keyed {
		id := g.Keyed[i].Event.ID
		if id == 0 {
			continue
		}
		var stored event.Event
		switch e, ok := found[id]; {
		case !ok, e != nil && e.Tenant == erasedTenant:
		case e == nil:
			stored = g.Keyed[i].Item.Event
			stored.ID = id
		default:
			stored = *e
		}
		g.Stored(i, stored, g.Keyed[i].Digest)
	}
	return nil
}

// encode makes blocks of the items. Events derived from another are in one block
// with it, however large that gets.
func (a *appender) encode() {
	from := 0
	root, first, start := -1, 0, 0 // of the items that stay together
	for i, it := range a.group.Items {
		if len(a.raw) == 0 {
			a.raw = append(a.raw, recordVersion)
		}
		if r := i + int(it.Root); r != root {
			root, first, start = r, i, len(a.raw)
		}
		a.raw = appendRecord(a.raw, &it.Event, it.Key, &it.Digest, it.Cause)
		if start > 1 && (len(a.raw) > blockBytes || i-from >= event.MaxReserve) {
			// The records that are too much begin the next block.
			a.seal(a.group.Items[from:first], start)
			from = first
			n := copy(a.raw[1:], a.raw[start:])
			a.raw = a.raw[:1+n]
			start = 1
		}
	}
	if from < len(a.group.Items) {
		a.seal(a.group.Items[from:], len(a.raw))
	}
}

func (a *appender) seal(items []*ingest.Item, size int) {
	begin := len(a.out)
	a.out = slices.Grow(a.out, s2.MaxEncodedLen(size))
	body := s2.Encode(a.out[begin:cap(a.out)], a.raw[:size])
	a.out = a.out[:begin+len(body)]
	a.blocks = append(a.blocks, newBlock{
		items: items, begin: begin, end: len(a.out), rawBytes: size, crc: crc32.Checksum(body, castagnoli),
	})
}

// commitBlocks gives the blocks their ids and stores them, all or none.
func (s *Store) commitBlocks(ctx context.Context) error {
	a := &s.append
	if len(a.blocks) == 0 {
		return nil
	}
	now := s.now()
	for {
		for i := range a.blocks {
			a.blocks[i].id = a.seq.Reserve(now, len(a.blocks[i].items))
		}
		// All go into one file, so that one commit stores them. Ids that began
		// before midnight and ended after it are given up: the next are of one day.
		if utcday.Of(a.blocks[0].id) == utcday.Of(a.blocks[len(a.blocks)-1].id) {
			break
		}
	}
	if err := s.rollEvents(utcday.Of(a.blocks[0].id)); err != nil {
		return err
	}
	err := a.file.write(ctx, func(c *conn) error {
		st, err := c.stmt(sqlBlockInsert)
		if err != nil {
			return err
		}
		for i := range a.blocks {
			b := &a.blocks[i]
			err := errors.Join(
				st.BindInt64(1, int64(b.id)),
				st.BindInt64(2, int64(len(b.items))),
				st.BindInt64(3, int64(b.rawBytes)),
				st.BindInt64(4, int64(b.crc)),
				st.BindBlob(5, a.out[b.begin:b.end]))
			if err != nil {
				return err
			}
			if err := st.Exec(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.prepareNextDay(now)
	return nil
}

// Probe implements ingest.Store: it commits the first page as it is.
func (s *Store) Probe(ctx context.Context) error {
	a := &s.append
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := s.keys.room(); err != nil {
		return err
	}
	if today := utcday.At(time.Now()); a.file == nil || a.file.day < today {
		if err := s.rollEvents(today); err != nil {
			return err
		}
	}
	return a.file.write(ctx, func(c *conn) error {
		version, err := c.integer(`PRAGMA user_version`)
		if err != nil {
			return err
		}
		return c.raw.Exec(fmt.Sprintf(`PRAGMA user_version=%d`, version))
	})
}

// rollEvents makes the day's file the one that is written.
func (s *Store) rollEvents(n day) error {
	a := &s.append
	if a.file != nil && a.file.day == n {
		return nil
	}
	f, err := s.events.writableDay(n)
	if err != nil {
		return err
	}
	s.events.release(a.file)
	a.file = f
	return nil
}

// prepareNextDay makes tomorrow's file shortly before it is needed.
func (s *Store) prepareNextDay(now time.Time) {
	a := &s.append
	tomorrow := a.file.day + 1
	if a.prepared == tomorrow || now.Before(tomorrow.Start().Add(-prepareAhead)) {
		return
	}
	a.prepared = tomorrow
	a.work.Go(func() {
		f, err := s.events.writableDay(tomorrow)
		if err != nil {
			s.log.Warn("preparing the next day's file of events failed", "error", err)
			return
		}
		s.events.release(f)
	})
}

// finishKeys sets the results of keyed items and remembers the new keys.
func (a *appender) finishKeys(pubs []*ingest.Publication, keys *keyIndex) {
	a.group.Finish(pubs)
	if len(a.blocks) == 0 {
		return
	}
	b := &a.blocks[len(a.blocks)-1]
	keys.appended(b.id+event.ID(len(b.items))-1, func(put func(keyHash, usedKey)) {
		for i := range a.group.Keyed {
			if it := a.group.Keyed[i].Item; a.group.New(i, pubs) {
				put(a.group.Hashes[i], usedKey{event: it.Event.ID, digest: it.Digest})
			}
		}
	})
}

// EventReserve implements delivery.Store.
func (s *Store) EventReserve() event.ID { return s.append.seq.Reserve(s.now(), 1) }
