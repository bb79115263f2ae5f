package sqlite

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// indexChunk is how many entries one index transaction takes, at least one
// block: it holds the day's writer for about 10 ms.
const indexChunk = 4000

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
		timer := time.NewTimer(indexEvery)
		select {
		case <-l.stop:
			timer.Stop()
			return
		case <-l.full:
			timer.Stop()
		case <-timer.C:
		}
		if !l.indexPass() {
			signal(l.kick) // again in a while
		}
	}
}

// indexPass indexes what there is; it reports whether that worked.
func (l *attemptLog) indexPass() bool {
	l.index.mu.Lock()
	defer l.index.mu.Unlock()
	var failure error
	for _, d := range l.daysFrom(0, false) {
		for failure == nil && l.hasTail(d) {
			select {
			case <-l.stop:
				return true
			default:
			}
			if err := l.indexDay(d); err != nil && !errors.Is(err, errDayGone) {
				failure = err
			} else if err != nil {
				break
			}
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
		if err := l.index.write(c); err != nil {
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
			if e.outcome.IsAttempt() {
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

// write inserts what collect made.
func (x *logIndexer) write(c *conn) error {
	insert, err := c.inserter(logSQL.get("WebhookInsert"))
	if err != nil {
		return err
	}
	for _, k := range x.webhooks {
		if err := insert(k.owner, int64(k.block), k.kinds); err != nil {
			return err
		}
	}
	if insert, err = c.inserter(logSQL.get("TenantInsert")); err != nil {
		return err
	}
	for _, k := range x.tenants {
		if err := insert(k.owner, int64(k.block), k.kinds); err != nil {
			return err
		}
	}
	if insert, err = c.inserter(logSQL.get("EventInsert")); err != nil {
		return err
	}
	for _, k := range x.events {
		if err := insert(int64(k.delivery.Event), int64(k.delivery.Webhook), int64(k.attempt)); err != nil {
			return err
		}
	}
	if insert, err = c.inserter(logSQL.get("RollupAdd")); err != nil {
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
