package sqlite

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"
	"time"

	"github.com/klauspost/compress/s2"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
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

	// The following are reused and hold nothing between calls.
	raw    []byte // records of the block being filled
	out    []byte // compressed blocks
	blocks []newBlock
	items  []*ingest.Item // to be stored, in order
	keyed  []keyedItem
	hashes []keyHash
	group  map[keyHash]int // the first keyed item with the key
}

// newBlock is a block ready to be stored.
type newBlock struct {
	id         event.ID
	items      []*ingest.Item
	begin, end int // of appender.out
	rawBytes   int
	crc        uint32
}

// keyedItem is an item with an idempotency key.
type keyedItem struct {
	item   *ingest.Item
	pub    int
	index  int // in its publication
	first  int // the keyed item of this group it repeats; its own index if none
	stored event.ID
	digest [16]byte // of the stored event
	event  event.Event
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
	for _, p := range pubs {
		p.Err = nil
	}
	if err := s.findKeys(ctx, pubs); err != nil {
		return nil, err
	}
	a.choose(pubs)
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
			intakes[i].Events[n] = it.Event
		}
	}
	if len(ids) > 0 {
		s.work.opened(ids...)
	}
	a.finishKeys(pubs, s.keys)
	return intakes, nil
}

func (a *appender) reset() {
	clear(a.items)
	clear(a.keyed)
	clear(a.blocks)
	clear(a.group)
	a.items, a.keyed, a.blocks, a.hashes = a.items[:0], a.keyed[:0], a.blocks[:0], a.hashes[:0]
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

// findKeys collects the items with keys, and what is stored under them.
func (s *Store) findKeys(ctx context.Context, pubs []*ingest.Publication) error {
	a := &s.append
	for p, pub := range pubs {
		for i := range pub.Items {
			it := &pub.Items[i]
			it.Event.Tenant, it.Duplicate = pub.Tenant, false
			if it.Key != "" {
				a.keyed = append(a.keyed, keyedItem{item: it, pub: p, index: i, first: len(a.keyed)})
				a.hashes = append(a.hashes, s.keys.hash(pub.Tenant, it.Key))
			}
		}
	}
	if len(a.keyed) == 0 {
		return nil
	}
	var ids []event.ID
	err := s.keys.lookup(ctx, a.hashes, func(i int, u usedKey) {
		a.keyed[i].stored, a.keyed[i].digest = u.event, u.digest
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
	for i := range a.keyed {
		k := &a.keyed[i]
		if k.stored == 0 {
			continue
		}
		switch e, ok := found[k.stored]; {
		case !ok:
			k.stored = 0
		case e == nil:
			k.event = k.item.Event
			k.event.ID = k.stored
		default:
			k.event = *e
		}
	}
	return nil
}

// choose decides for each publication whether it conflicts, and collects the
// items to be stored of those that do not.
func (a *appender) choose(pubs []*ingest.Publication) {
	if a.group == nil {
		a.group = make(map[keyHash]int)
	}
	next := 0
	for p, pub := range pubs {
		from := next
		for next < len(a.keyed) && a.keyed[next].pub == p {
			next++
		}
		for i := from; i < next && pub.Err == nil; i++ {
			k := &a.keyed[i]
			digest := k.digest
			if k.stored == 0 {
				first, ok := a.group[a.hashes[i]]
				if !ok {
					a.group[a.hashes[i]] = i
					continue
				}
				k.first, digest = first, a.keyed[first].item.Digest
			}
			if digest != k.item.Digest {
				pub.Err = conflict(pub, k)
			}
		}
		if pub.Err != nil {
			for i := from; i < next; i++ {
				if first, ok := a.group[a.hashes[i]]; ok && first >= from {
					delete(a.group, a.hashes[i])
				}
			}
			continue
		}
		k := from
		for i := range pub.Items {
			if k < next && a.keyed[k].index == i {
				k++
				if c := &a.keyed[k-1]; c.stored != 0 || c.first != k-1 {
					continue
				}
			}
			a.items = append(a.items, &pub.Items[i])
		}
	}
}

func conflict(pub *ingest.Publication, k *keyedItem) error {
	field, detail := "id", "An event with this id but other content was published before."
	if k.item.Key[0] == 'h' {
		field, detail = "header Idempotency-Key", "This Idempotency-Key was used before with another body."
	} else if len(pub.Items) > 1 {
		field = fmt.Sprintf("[%d].id", k.index)
	}
	return &problem.Error{
		Kind:   problem.Conflict,
		Detail: detail,
		Fields: []problem.Field{{Name: field, Reason: "was used before for another event"}},
	}
}

// encode makes blocks of the items.
func (a *appender) encode() {
	from := 0
	for i, it := range a.items {
		if len(a.raw) == 0 {
			a.raw = append(a.raw, recordVersion)
		}
		start := len(a.raw)
		a.raw = appendRecord(a.raw, &it.Event, it.Key, &it.Digest)
		if start > 1 && (len(a.raw) > blockBytes || i-from >= event.MaxReserve) {
			// The record that is too much begins the next block.
			a.seal(a.items[from:i], start)
			from = i
			n := copy(a.raw[1:], a.raw[start:])
			a.raw = a.raw[:1+n]
		}
	}
	if from < len(a.items) {
		a.seal(a.items[from:], len(a.raw))
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
	now := time.Now()
	for {
		for i := range a.blocks {
			a.blocks[i].id = a.seq.Reserve(now, len(a.blocks[i].items))
		}
		// All go into one file, so that one commit stores them. Ids that began
		// before midnight and ended after it are given up: the next are of one day.
		if dayOf(a.blocks[0].id) == dayOf(a.blocks[len(a.blocks)-1].id) {
			break
		}
	}
	if err := s.rollEvents(dayOf(a.blocks[0].id)); err != nil {
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
	if a.prepared == tomorrow || now.Before(tomorrow.start().Add(-prepareAhead)) {
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

// finishKeys sets what the keyed items became and remembers the new keys.
func (a *appender) finishKeys(pubs []*ingest.Publication, keys *keyIndex) {
	for i := range a.keyed {
		k := &a.keyed[i]
		switch {
		case pubs[k.pub].Err != nil:
		case k.stored != 0:
			k.item.Event, k.item.Duplicate = k.event, true
		case k.first != i:
			k.item.Event, k.item.Duplicate = a.keyed[k.first].item.Event, true
		}
	}
	if len(a.blocks) == 0 {
		return
	}
	b := &a.blocks[len(a.blocks)-1]
	keys.appended(b.id+event.ID(len(b.items))-1, func(put func(keyHash, usedKey)) {
		for i := range a.keyed {
			if k := &a.keyed[i]; pubs[k.pub].Err == nil && !k.item.Duplicate {
				put(a.hashes[i], usedKey{event: k.item.Event.ID, digest: k.item.Digest})
			}
		}
	})
}

// EventReserve implements delivery.Store.
func (s *Store) EventReserve() event.ID { return s.append.seq.Reserve(time.Now(), 1) }
