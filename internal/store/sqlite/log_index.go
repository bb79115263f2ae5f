package sqlite

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/logentry"
)

// indexChunk is how many entries make a chunk: what one index transaction
// takes, and what is kept in memory until there are so many. More would cost
// less (fewer pages change) but hold the day's writer for longer than some
// 20 ms; fewer would leave readers more chunks to look into.
const indexChunk = 8000

// indexAgain is how long the indexer waits after a failure.
const indexAgain = time.Second

// The bits of kinds: which outcomes, classes of status and statuses occur.
// Statuses share bits, so a set bit says "perhaps", a clear one "surely not".
const (
	kindClass    = 8  // none, 1xx … 5xx, anything else
	kindStatus   = 16 // status modulo kindStatuses
	kindStatuses = 47 // prime, so that 200, 400, 500 and 503 differ; 16+47 = 63 bits
)

func outcomeKind(o delivery.Outcome) int64 { return 1 << min(o, kindClass-1) }

func classKind(status int) int64 { return 1 << (kindClass + min(max(status/100, 0), 6)) }

func statusKind(status int) int64 { return 1 << (kindStatus + uint(status)%kindStatuses) }

func (e *logEntry) kinds() int64 {
	return outcomeKind(e.outcome) | classKind(int(e.status)) | statusKind(int(e.status))
}

// logIndexer fills the indexes. Its buffers are used again and again.
type logIndexer struct {
	mu       sync.Mutex // one pass at a time; guards the rest
	failing  bool
	webhooks []blockKey
	tenants  []blockKey
	events   []eventKey
	counters map[rollupKey]*rollupRow
	keys     []rollupKey
	blocks   []byte
}

type blockKey struct {
	owner int64 // webhook or tenant
	block event.ID
	kinds int64
}

type eventKey struct {
	delivery event.DeliveryID
	attempt  event.ID
}

type rollupKey struct {
	unit, at int64 // minutes
	tenant   event.TenantID
	webhook  uint32
}

type rollupRow struct {
	delivered, retrying, failed, totalMs, maxMs int64
}

func (r *rollupRow) add(e *logEntry) {
	switch e.outcome {
	case delivery.Delivered:
		r.delivered++
	case delivery.Retrying:
		r.retrying++
	case delivery.Failed:
		r.failed++
	}
	ms := e.total / 1000
	r.totalMs += ms
	r.maxMs = max(r.maxMs, ms)
}

// counts reports whether the entry stands for a request.
func (e *logEntry) counts() bool { return e.outcome.IsAttempt() && e.flags&logentry.Follower == 0 }

// minute returns the minute since 1970 in which the attempt began.
func (e *logEntry) minute() int64 {
	const minuteMs = 60_000
	return (e.at - (e.at%minuteMs+minuteMs)%minuteMs) / minuteMs
}

// indexLoop is the indexer's goroutine.
func (l *attemptLog) indexLoop() {
	for {
		select {
		case <-l.stop:
			return
		case <-l.kick:
		}
		if l.indexPass(false) {
			continue
		}
		timer := time.NewTimer(indexAgain)
		select {
		case <-l.stop:
			timer.Stop()
			return
		case <-timer.C:
			signal(l.kick)
		}
	}
}

// indexPass makes chunks of the tails: of whole chunks, and of what days that
// are over have left; or of everything. It reports whether that worked.
func (l *attemptLog) indexPass(everything bool) bool {
	l.index.mu.Lock()
	defer l.index.mu.Unlock()
	var failure error
	days := l.daysFrom(0, false)
	for i, n := range days {
		least := 1
		if i == len(days)-1 && !everything {
			least = indexChunk
		}
		for failure == nil && l.tailEntries(n) >= least {
			select {
			case <-l.stop:
				return true
			default:
			}
			err := l.indexDay(n)
			if errors.Is(err, errDayGone) {
				break
			}
			failure = err
		}
	}
	if failure != nil && !l.index.failing {
		l.log.Error("indexing the log failed, reads take longer until it works again", "error", failure)
	}
	l.index.failing = failure != nil
	return failure == nil
}

// indexDay indexes the first blocks of a day's tail. The caller holds index.mu.
func (l *attemptLog) indexDay(n day) error {
	if !l.files.has(n) {
		return errDayGone
	}
	f, d, err := l.acquireWritable(n)
	if err != nil {
		return err
	}
	defer l.files.release(f)
	d.mu.Lock()
	blocks, lagMin, lagMax := d.tail, d.lagMin, d.lagMax
	d.mu.Unlock()
	count := 0
	for i := range blocks {
		if count += len(blocks[i].entries); count >= indexChunk {
			blocks = blocks[:i+1]
			break
		}
	}
	if len(blocks) == 0 {
		return nil
	}
	l.index.collect(blocks)
	err = f.write(context.Background(), func(c *conn) error {
		if err := l.index.write(c, blocks[0].id, blocks[len(blocks)-1].id); err != nil {
			return err
		}
		if err := c.setMeta("indexed_through", int64(blocks[len(blocks)-1].last())); err != nil {
			return err
		}
		if err := c.setMeta("lag_min", lagMin); err != nil {
			return err
		}
		return c.setMeta("lag_max", lagMax)
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.tail = d.tail[min(len(blocks), len(d.tail)):] // empty if the day has expired meanwhile
	if len(d.tail) == 0 {
		d.tail = nil
	}
	d.mu.Unlock()
	l.unindexed.Add(-int64(count))
	return nil
}

// collect turns blocks into sorted index rows.
func (x *logIndexer) collect(blocks []tailBlock) {
	x.webhooks, x.tenants, x.events, x.keys = x.webhooks[:0], x.tenants[:0], x.events[:0], x.keys[:0]
	if x.counters == nil {
		x.counters = make(map[rollupKey]*rollupRow)
	}
	clear(x.counters)
	for _, b := range blocks {
		for i := range b.entries {
			e := &b.entries[i]
			kinds := e.kinds()
			x.webhooks = append(x.webhooks, blockKey{int64(e.webhook), b.id, kinds})
			x.tenants = append(x.tenants, blockKey{int64(e.tenant), b.id, kinds})
			x.events = append(x.events, eventKey{e.delivery(), b.id + event.ID(i)})
			if e.counts() {
				minute := e.minute()
				hour := minute - (minute%60+60)%60
				x.counter(rollupKey{1, minute, e.tenant, e.webhook}).add(e)
				x.counter(rollupKey{1, minute, e.tenant, 0}).add(e)
				x.counter(rollupKey{60, hour, e.tenant, e.webhook}).add(e)
				x.counter(rollupKey{60, hour, e.tenant, 0}).add(e)
			}
		}
	}
	x.webhooks = mergeBlockKeys(x.webhooks)
	x.tenants = mergeBlockKeys(x.tenants)
	slices.SortFunc(x.events, func(a, b eventKey) int {
		return cmp.Or(
			cmp.Compare(a.delivery.Event, b.delivery.Event),
			cmp.Compare(a.delivery.Webhook, b.delivery.Webhook),
			cmp.Compare(a.attempt, b.attempt))
	})
	slices.SortFunc(x.keys, func(a, b rollupKey) int {
		return cmp.Or(
			cmp.Compare(a.unit, b.unit),
			cmp.Compare(a.at, b.at),
			cmp.Compare(a.tenant, b.tenant),
			cmp.Compare(a.webhook, b.webhook))
	})
}

func (x *logIndexer) counter(k rollupKey) *rollupRow {
	r := x.counters[k]
	if r == nil {
		r = new(rollupRow)
		x.counters[k] = r
		x.keys = append(x.keys, k)
	}
	return r
}

// mergeBlockKeys sorts the keys and makes one of those for the same block.
func mergeBlockKeys(keys []blockKey) []blockKey {
	slices.SortFunc(keys, func(a, b blockKey) int {
		return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(a.block, b.block))
	})
	merged := keys[:0]
	for _, k := range keys {
		if n := len(merged); n > 0 && merged[n-1].owner == k.owner && merged[n-1].block == k.block {
			merged[n-1].kinds |= k.kinds
			continue
		}
		merged = append(merged, k)
	}
	return merged
}

// write inserts what collect made of the blocks from first to last.
func (x *logIndexer) write(c *conn, first, last event.ID) error {
	if err := c.exec(logSQL.Get("ChunkInsert"), first, last); err != nil {
		return err
	}
	if err := x.writeBlocks(c, logSQL.Get("WebhookInsert"), first, x.webhooks); err != nil {
		return err
	}
	if err := x.writeBlocks(c, logSQL.Get("TenantInsert"), first, x.tenants); err != nil {
		return err
	}
	insert, err := c.inserter(logSQL.Get("EventInsert"))
	if err != nil {
		return err
	}
	for _, k := range x.events {
		if err := insert(int64(k.delivery.Event), int64(k.delivery.Webhook), int64(k.attempt)); err != nil {
			return err
		}
	}
	if insert, err = c.inserter(logSQL.Get("RollupAdd")); err != nil {
		return err
	}
	for _, k := range x.keys {
		r := x.counters[k]
		if err := insert(k.unit, k.at, int64(k.tenant), int64(k.webhook),
			r.delivered, r.retrying, r.failed, r.totalMs, r.maxMs); err != nil {
			return err
		}
	}
	return nil
}

// writeBlocks inserts a row for each owner among the keys, which are sorted.
// The row's blocks are pairs of varints: the difference to the block before
// (at first, to the chunk), and the kinds of the owner's entries in the block.
func (x *logIndexer) writeBlocks(c *conn, sql string, chunk event.ID, keys []blockKey) error {
	s, err := c.stmt(sql)
	if err != nil {
		return err
	}
	for len(keys) > 0 {
		owner, before, kinds := keys[0].owner, chunk, int64(0)
		x.blocks = x.blocks[:0]
		for len(keys) > 0 && keys[0].owner == owner {
			k := keys[0]
			x.blocks = binary.AppendUvarint(x.blocks, uint64(k.block-before))
			x.blocks = binary.AppendUvarint(x.blocks, uint64(k.kinds))
			before, kinds = k.block, kinds|k.kinds
			keys = keys[1:]
		}
		err := errors.Join(s.BindInt64(1, int64(chunk)), s.BindInt64(2, owner), s.BindInt64(3, kinds), s.BindBlob(4, x.blocks))
		if err != nil {
			return err
		}
		if err := s.Exec(); err != nil {
			return err
		}
	}
	return nil
}

// blockKinds is a block with entries of an owner.
type blockKinds struct {
	id    event.ID
	kinds int64
}

// readBlocks appends what writeBlocks wrote to list, in rising order.
func readBlocks(list []blockKinds, chunk event.ID, blocks []byte) ([]blockKinds, error) {
	d := logentry.NewDecoder(blocks, 0)
	for id := chunk; len(d.Rest()) > 0; {
		id += event.ID(d.Uvarint())
		kinds := int64(d.Uvarint())
		if d.Bad() {
			return nil, fmt.Errorf("chunk %d of the log's index is damaged", chunk)
		}
		list = append(list, blockKinds{id, kinds})
	}
	return list, nil
}

// inserter returns a function that runs a statement whose parameters are all
// integers. Unlike exec it neither looks the statement up nor allocates each
// time: these run by the million.
func (c *conn) inserter(sql string) (func(values ...int64) error, error) {
	s, err := c.stmt(sql)
	if err != nil {
		return nil, err
	}
	return func(values ...int64) error {
		for i, v := range values {
			if err := s.BindInt64(i+1, v); err != nil {
				return err
			}
		}
		return s.Exec() // which resets it, too
	}, nil
}
