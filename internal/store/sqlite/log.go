package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/store/sqltext"
	"github.com/relay-events/relay/internal/store/utcday"
)

var logSQL = sqltext.Load(sqlFiles, "log")

const (
	// maxAhead is how far ahead of the clock an event's id is believed: a clock
	// set back, or thousands of events in a millisecond, may cause that.
	maxAhead = 24 * time.Hour
	// maxUnindexed bounds the entries kept in memory because the indexes do
	// not know them yet: 100 bytes each at most.
	maxUnindexed = 100_000
)

// attemptLog is the log: every attempt made, in blocks, one file per UTC day.
//
// Appending writes nothing but blocks. The indexes and counters that reads use
// are filled by one goroutine in transactions of their own, some thousand
// entries at a time. Newer entries are kept in memory as the heads
// of the entries (the tail), so that reads are exact at any time; opening the
// log reads the tail back from the blocks.
type attemptLog struct {
	now   func() time.Time
	files *dayFiles
	seq   *event.Sequence // may be set after opening, before the first append
	log   *slog.Logger

	appending sync.Mutex // serialises appends: ids rise in the order of commits
	lastDay   day        // of the last append; guarded by appending
	encoders  sync.Pool  // *logEncoder
	buffers   sync.Pool  // *[]byte, decompressed blocks

	unindexed atomic.Int64  // entries in all tails
	kick      chan struct{} // wakes the indexer
	stop      chan struct{}
	closing   sync.Once // closes stop
	stopped   sync.WaitGroup
	index     logIndexer

	mu   sync.Mutex
	days map[day]*logDay // those used since opening; guarded by mu

	badMu sync.Mutex
	bad   map[event.ID]bool // blocks whose damage was logged; guarded by badMu
}

// logDay is the state in memory of one file of the log.
type logDay struct {
	loading sync.Mutex
	loaded  bool // guarded by loading

	mu     sync.Mutex
	tail   []tailBlock // guarded by mu; only appended to and cut at the front
	lagMin int64       // bounds of id time minus at of all entries, ms; guarded by mu
	lagMax int64
}

// tailBlock is a block the indexes may not know yet.
type tailBlock struct {
	id      event.ID
	entries []logEntry
}

func (b *tailBlock) last() event.ID { return b.id + event.ID(len(b.entries)) - 1 }

// openAttemptLog opens the log in a folder, which it creates.
func openAttemptLog(dir string, seq *event.Sequence, log *slog.Logger, now func() time.Time) (*attemptLog, error) {
	o := dbOptions{Full: true, SecureDelete: true, PageSize: 8192, CacheKB: 2048, Schema: loadMigrations("attempts")}
	files, err := openDays(dir, o, log)
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	l := &attemptLog{
		files: files, seq: seq, log: log, now: now,
		kick: make(chan struct{}, 1),
		stop: make(chan struct{}),
		days: make(map[day]*logDay),
		bad:  make(map[event.ID]bool),
	}
	l.encoders.New = func() any { return new(logEncoder) }
	l.buffers.New = func() any { return new([]byte) }
	// The last run may have left a tail in the newest days, one of which may
	// have been made ahead; older days are looked at when they are first used.
	days := files.days()
	for _, n := range days[max(len(days)-3, 0):] {
		f, _, err := l.acquire(n)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("opening the log: %w", err), files.close())
		}
		files.release(f)
	}
	l.stopped.Go(l.indexLoop)
	return l, nil
}

// close stops the indexer and closes all files. Entries not indexed yet are
// found in the blocks by the next open.
func (l *attemptLog) close() error {
	l.closing.Do(func() { close(l.stop) })
	l.stopped.Wait()
	return l.files.close()
}

// lastID returns the highest id in the log, zero if it is empty.
func (l *attemptLog) lastID() (event.ID, error) {
	for _, d := range l.daysFrom(0, true) {
		var last event.ID
		err := l.view(context.Background(), d, func(c *conn, _ *dayView) error {
			n, err := c.integer(logSQL.Get("LastID"))
			last = event.ID(n)
			return err
		})
		if errors.Is(err, errDayGone) {
			continue
		}
		if err != nil || last != 0 {
			return last, err
		}
	}
	return 0, nil
}

// append stores attempts durably and sets their ids.
func (l *attemptLog) append(ctx context.Context, attempts []*delivery.Attempt) error {
	if l.unindexed.Load() > maxUnindexed {
		l.indexPass(true)
		if l.unindexed.Load() > maxUnindexed {
			return fmt.Errorf("%w: the log's indexes cannot be written", problem.ErrUnavailable)
		}
	}
	w := l.encoders.Get().(*logEncoder)
	defer func() {
		// One huge body is no reason to keep its memory.
		if cap(w.raw) <= 16*logBlockBytes && cap(w.out) <= 64*logBlockBytes {
			l.encoders.Put(w)
		}
	}()
	entries := w.encode(attempts)

	l.appending.Lock()
	defer l.appending.Unlock()
	now := l.now()
	// Above the ids of their events, also when those ran ahead of the clock:
	// recovery and lookups by event look for attempts behind the event.
	for i := range entries {
		if t := entries[i].event.Time().Add(time.Millisecond); t.After(now) && t.Sub(now) < maxAhead {
			now = t
		}
	}
	for i := range w.blocks {
		w.blocks[i].id = l.seq.Reserve(now, w.blocks[i].entries)
	}
	for rest := w.blocks; len(rest) > 0; {
		// Nearly always all of them: ids pass midnight in the middle of a
		// record once a day.
		today, n := utcday.Of(rest[0].id), 1
		for n < len(rest) && utcday.Of(rest[n].id) == today {
			n++
		}
		if err := l.appendBlocks(ctx, today, w, rest[:n], entries); err != nil {
			return fmt.Errorf("appending to the log: %w", err)
		}
		rest = rest[n:]
	}
	for _, b := range w.blocks {
		for i := range b.entries {
			attempts[b.first+i].ID = b.id + event.ID(i)
		}
	}
	newDay := l.lastDay != utcday.Of(w.blocks[len(w.blocks)-1].id)
	l.lastDay = utcday.Of(w.blocks[len(w.blocks)-1].id)
	if l.unindexed.Add(int64(len(entries))) >= indexChunk || newDay {
		signal(l.kick)
	}
	return nil
}

// signal wakes a goroutine that waits on a channel of capacity one.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it will wake for the signal before
	}
}

// appendBlocks commits blocks of one day. The caller holds appending.
func (l *attemptLog) appendBlocks(ctx context.Context, n day, w *logEncoder, blocks []newLogBlock, entries []logEntry) error {
	f, d, err := l.acquireWritable(n)
	if err != nil {
		return err
	}
	defer l.files.release(f)
	err = f.write(ctx, func(c *conn) error {
		s, err := c.stmt(logSQL.Get("BlockInsert"))
		if err != nil {
			return err
		}
		for _, b := range blocks {
			// Bound one by one: bind would allocate for each argument.
			err = errors.Join(
				s.BindInt64(1, int64(b.id)),
				s.BindInt(2, b.entries),
				s.BindInt(3, b.rawBytes),
				s.BindInt64(4, int64(b.crc)),
				s.BindBlob(5, w.out[b.from:b.to]),
			)
			if err != nil {
				return err
			}
			if err := s.Exec(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, b := range blocks {
		d.addTail(tailBlock{id: b.id, entries: entries[b.first : b.first+b.entries]})
	}
	return nil
}

// addTail appends a block to the tail. The caller holds d.mu.
func (d *logDay) addTail(b tailBlock) {
	now := b.id.Time().UnixMilli()
	for i := range b.entries {
		d.lagMin = min(d.lagMin, now-b.entries[i].at)
		d.lagMax = max(d.lagMax, now-b.entries[i].at)
	}
	d.tail = append(d.tail, b)
}

// errDayGone is returned for a day removed by retention a moment ago.
var errDayGone = errors.New("day expired")

// acquire opens a day; files.release ends the use.
func (l *attemptLog) acquire(n day) (*dayFile, *logDay, error) {
	f, err := l.files.acquire(n)
	if err != nil {
		return nil, nil, err
	}
	if f == nil {
		return nil, nil, errDayGone
	}
	d := l.day(n)
	d.loading.Lock()
	defer d.loading.Unlock()
	if !d.loaded {
		err = l.load(d, f)
	}
	if err != nil {
		l.files.release(f)
		return nil, nil, err
	}
	return f, d, nil
}

// acquireWritable opens a day for writing and creates it if need be.
func (l *attemptLog) acquireWritable(n day) (*dayFile, *logDay, error) {
	f, err := l.files.writableDay(n)
	if err != nil {
		return nil, nil, err
	}
	d := l.day(n)
	d.loading.Lock()
	defer d.loading.Unlock()
	if !d.loaded {
		err = l.load(d, f)
	}
	if err != nil {
		l.files.release(f)
		return nil, nil, err
	}
	return f, d, nil
}

// day returns the state of a day.
func (l *attemptLog) day(n day) *logDay {
	l.mu.Lock()
	defer l.mu.Unlock()
	d := l.days[n]
	if d == nil {
		d = &logDay{lagMin: math.MaxInt64, lagMax: math.MinInt64}
		l.days[n] = d
	}
	return d
}

// load reads the entries that the indexes lack, and the bounds of the lag. The
// caller holds d.loading.
func (l *attemptLog) load(d *logDay, f *dayFile) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	count := 0
	err := f.read(context.Background(), func(c *conn) error {
		through, err := c.meta("indexed_through")
		if err != nil {
			return err
		}
		if through != 0 {
			if d.lagMin, err = c.meta("lag_min"); err != nil {
				return err
			}
			if d.lagMax, err = c.meta("lag_max"); err != nil {
				return err
			}
		}
		d.tail = nil
		return c.query(func(s *sqlite3.Stmt) error {
			b := tailBlock{id: event.ID(s.ColumnInt64(0))}
			err := l.openBlock(s, b.id, func(r *logReader) error {
				for r.next() {
					b.entries = append(b.entries, r.entry)
				}
				return r.err
			})
			if err == nil && len(b.entries) > 0 {
				d.addTail(b)
				count += len(b.entries)
			}
			return l.passBad(b.id, err)
		}, logSQL.Get("BlocksAfter"), through, -1)
	})
	if err != nil {
		return err
	}
	d.loaded = true
	if count > 0 {
		l.unindexed.Add(int64(count))
		signal(l.kick)
	}
	return nil
}

// tailEntries returns how many entries of a day its indexes do not know.
func (l *attemptLog) tailEntries(n day) (count int) {
	l.mu.Lock()
	d := l.days[n]
	l.mu.Unlock()
	if d == nil {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range d.tail {
		count += len(d.tail[i].entries)
	}
	return count
}

// expire removes the days that ended before the moment.
func (l *attemptLog) expire(before time.Time) error {
	for _, n := range l.files.days() {
		if n.End().After(before) {
			return nil
		}
		l.mu.Lock()
		d := l.days[n]
		delete(l.days, n)
		l.mu.Unlock()
		if err := l.files.remove(n); err != nil {
			return fmt.Errorf("expiring the log: %w", err)
		}
		if d != nil {
			d.mu.Lock()
			for _, b := range d.tail {
				l.unindexed.Add(-int64(len(b.entries)))
			}
			d.tail = nil
			d.mu.Unlock()
		}
	}
	return nil
}

// daysFrom returns the days from one on that have a file, oldest first, or
// newest first.
func (l *attemptLog) daysFrom(first day, newestFirst bool) []day {
	days := l.files.days()
	i, _ := slices.BinarySearch(days, first)
	days = days[i:]
	if newestFirst {
		slices.Reverse(days)
	}
	return days
}

// dayView is one state of a day in memory.
type dayView struct {
	tail           []tailBlock // entries that the indexes of that state lack
	lagMin, lagMax int64       // as in logDay
}

// view runs f on one state of a day: the file, whose indexes know the blocks
// up to meta.indexed_through, and the tail behind that.
func (l *attemptLog) view(ctx context.Context, n day, f func(c *conn, v *dayView) error) error {
	file, d, err := l.acquire(n)
	if err != nil {
		return err
	}
	defer l.files.release(file)
	// Before the transaction begins: a block leaves the tail only after the
	// indexes know it.
	d.mu.Lock()
	v := dayView{d.tail, d.lagMin, d.lagMax}
	d.mu.Unlock()
	return file.read(ctx, func(c *conn) error {
		through, err := c.meta("indexed_through")
		if err != nil {
			return err
		}
		for len(v.tail) > 0 && v.tail[0].id <= event.ID(through) {
			v.tail = v.tail[1:]
		}
		return f(c, &v)
	})
}

// meta returns a number of the table meta, zero if it is not there.
func (c *conn) meta(name string) (int64, error) {
	return c.integer(logSQL.Get("MetaGet"), name)
}

// setMeta sets a number of the table meta.
func (c *conn) setMeta(name string, value int64) error {
	return c.exec(logSQL.Get("MetaSet"), name, value)
}

// badBlockError is a block that cannot be read.
type badBlockError struct {
	id  event.ID
	err error
}

func (e *badBlockError) Error() string {
	return fmt.Sprintf("block %d (%s) of the log is damaged: %v", e.id, e.id.Public(event.AttemptPrefix), e.err)
}
func (e *badBlockError) Unwrap() error { return e.err }

// openBlock checks and decompresses the block a statement stands at (id,
// raw_bytes, crc, body) and calls f, whose reader is valid only meanwhile. If
// the block is damaged, or f says so with errLogFormat, it returns a
// *badBlockError.
func (l *attemptLog) openBlock(s *sqlite3.Stmt, id event.ID, f func(r *logReader) error) error {
	buf := l.buffers.Get().(*[]byte)
	defer func() {
		if cap(*buf) <= 4*logBlockBytes {
			l.buffers.Put(buf)
		}
	}()
	raw, err := openLogBlock(*buf, s.ColumnRawBlob(3), s.ColumnInt(1), uint32(s.ColumnInt64(2)))
	if err != nil {
		return &badBlockError{id, err}
	}
	*buf = raw
	r := readLogBlock(raw)
	err = f(&r)
	if errors.Is(err, errLogFormat) {
		return &badBlockError{id, err}
	}
	return err
}

// passBad logs a damaged block, once, and returns nil, so that the others are
// served; any other error is returned.
func (l *attemptLog) passBad(id event.ID, err error) error {
	var bad *badBlockError
	if !errors.As(err, &bad) {
		return err
	}
	l.badMu.Lock()
	defer l.badMu.Unlock()
	if !l.bad[id] && len(l.bad) < 1000 {
		l.bad[id] = true
		l.log.Error("a damaged block of the log was passed over", "error", bad)
	}
	return nil
}
