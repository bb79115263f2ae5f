package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/store/sqlite/osfile"
)

// dbOptions says how one file is opened.
type dbOptions struct {
	// Full makes every commit durable before it returns (synchronous=FULL).
	// Without it a power cut may lose the last commits, always a suffix of
	// them (synchronous=NORMAL).
	Full bool
	// PageSize is used when the file is created; zero: 4096 bytes.
	PageSize int
	// CacheKB is the page cache of each connection in KiB; zero: 1024.
	CacheKB int
	// Schema holds the migrations in order. PRAGMA user_version counts those
	// applied; a file that counts more is refused.
	Schema []string
	// ReadOnly opens an existing file for reading; the schema is left as it is.
	ReadOnly bool
	// SecureDelete overwrites deleted rows, which costs a little more
	// writing.
	SecureDelete bool
	// Readers is how many may read at a time; zero: 4.
	Readers int
	// BusyTimeout bounds waiting for SQLite's own locks; zero: busyTimeout. Writers
	// queue in Go before that, so only checkpoints, recovery and a backup that
	// fixes the state of a file are ever waited for.
	BusyTimeout time.Duration
	// Data is the data folder, for words about its disk; empty: that of the file.
	Data string
	// Log receives what happens in the background; nil: slog.Default.
	Log *slog.Logger
}

const (
	// checkpointBytes of new WAL make the checkpointer copy it into the file.
	checkpointBytes = 4 << 20
	// truncateBytes of WAL make it hold up writers until the WAL is empty:
	// under constant load there is always a reader or writer that keeps a
	// passive checkpoint from starting the WAL anew.
	truncateBytes = 64 << 20
	// reopenEvery spaces attempts to get a failed writer working again.
	reopenEvery = 250 * time.Millisecond
	// renewEvery spaces replacing all connections of a file because somebody
	// keeps its WAL from being emptied, which a backup may do for minutes.
	renewEvery = time.Minute
	// busyTimeout is the usual BusyTimeout.
	busyTimeout = 5 * time.Second
	// promptTimeout is the BusyTimeout of files that publishers wait for: they
	// have an answer within 2 s.
	promptTimeout = 1500 * time.Millisecond
)

// db is one SQLite file in WAL mode: one connection that writes, a few that
// read, and one that copies the WAL into the file in the background.
//
// After a failed write or sync the writing connection is closed and never used
// again. The fate of the dirty pages of a failed sync is unknown
// (https://wiki.postgresql.org/wiki/Fsync_Errors), so the next write first
// copies the whole WAL into the file with a sync that succeeds, and empties
// it; only then new commits rest on it. The WAL index in shared memory, kept
// alive by a connection that does nothing else, ends before the frames of the
// failed commit, so they never come back while the process lives.
//
// A lock that could not be given back when it should (the calls fail for a
// while on some network file systems) stays with the connection's descriptor,
// and locks out all others. So after a failure all connections of the file
// are closed and opened anew, the keeper's successor before the keeper.
type db struct {
	path string
	o    dbOptions
	log  *slog.Logger

	wlock   chan struct{} // holds the right to write; guards w, failure and retryAt
	w       *conn         // nil after a failure
	failure error         // why w is nil
	retryAt time.Time     // not reopened before
	keeper  *sqlite3.Conn // keeps the WAL index alive; nil if read-only

	walPages  atomic.Int64 // pages in the WAL after the last commit
	checked   atomic.Int64 // walPages at the last checkpoint
	suspect   atomic.Bool  // a checkpoint failed: the writer must recover first
	down      atomic.Bool  // there is no writer
	commits   int          // reported to the hook; guarded by wlock
	renewed   atomic.Int64 // connections opened before are not used again
	renewAt   time.Time    // not renewed for the WAL's sake before; guarded by wlock
	kick      chan struct{}
	stop      context.CancelFunc
	done      chan struct{} // the checkpointer's end
	pageBytes int64

	truncateAt time.Time // not tried before; the checkpointer's

	rlock  chan struct{} // counts readers
	rmu    sync.Mutex
	idle   []*conn // guarded by rmu
	closed bool    // guarded by rmu
}

// errClosed is returned by a db or Store that was closed.
var errClosed = errors.New("store closed")

// openDB opens the file, creates it unless read-only, and applies the
// migrations it lacks. A file that never came to hold anything, because the
// power went while it was made, is made again.
func openDB(path string, o dbOptions) (*db, error) {
	// Looked at first: SQLite removes a log of a file it cannot read.
	empty := !o.ReadOnly && unwritten(path)
	d, err := open(path, o)
	if empty && (errors.Is(err, sqlite3.NOTADB) || errors.Is(err, sqlite3.CORRUPT)) {
		log := o.Log
		if log == nil {
			log = slog.Default()
		}
		log.Warn("a file was cut short while it was made and holds nothing: it is made anew", "file", path)
		for _, suffix := range fileSuffixes {
			_ = os.Remove(path + suffix)
		}
		d, err = open(path, o)
	}
	if err != nil {
		return nil, fmt.Errorf("opening %q: %w", path, storeError(path, o.Data, err))
	}
	return d, nil
}

func open(path string, o dbOptions) (_ *db, err error) {
	if o.PageSize == 0 {
		o.PageSize = 4096
	}
	if o.CacheKB == 0 {
		o.CacheKB = 1024
	}
	if o.Readers == 0 {
		o.Readers = 4
	}
	o.BusyTimeout = cmp.Or(o.BusyTimeout, busyTimeout)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	d := &db{
		path:  path,
		o:     o,
		log:   o.Log.With("file", filepath.Base(path)),
		wlock: make(chan struct{}, 1),
		kick:  make(chan struct{}, 1),
		done:  make(chan struct{}),
		rlock: make(chan struct{}, o.Readers),
	}
	if o.ReadOnly {
		c, err := d.connect()
		if err != nil {
			return nil, err
		}
		d.idle = append(d.idle, c)
		close(d.done)
		d.stop = func() {}
		return d, nil
	}

	// SQLite would create the file readable by all.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	if d.w, err = d.connect(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			d.w.close()
			d.keeper.Close()
		}
	}()
	if err := d.w.migrate(o.Schema); err != nil {
		return nil, err
	}
	d.w.raw.WALHook(d.committed)
	if d.keeper, err = d.keep(); err != nil {
		return nil, err
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Chmod(path+suffix, 0o600); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	// The entries of the database and its WAL: without them a power cut loses
	// the files themselves.
	if err := osfile.SyncFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	go d.checkpointer(ctx)
	return d, nil
}

// keep opens a connection that does nothing but keep the WAL index alive.
func (d *db) keep() (*sqlite3.Conn, error) {
	c, err := d.dial()
	if err != nil {
		return nil, err
	}
	// Reading once makes it map the index.
	if err := c.Exec(`SELECT count(*) FROM sqlite_schema`); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// dial opens a connection without setting it up.
func (d *db) dial() (*sqlite3.Conn, error) {
	raw, err := sqlite3.OpenFlags(fileURI(d.path), sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
	if err != nil {
		return nil, err
	}
	if err := raw.BusyTimeout(cmp.Or(d.o.BusyTimeout, busyTimeout)); err != nil {
		raw.Close()
		return nil, err
	}
	return raw, nil
}

// connect opens a connection and checks that it works as the store needs it.
func (d *db) connect() (_ *conn, err error) {
	raw, err := d.dial()
	if err != nil {
		return nil, err
	}
	c := &conn{raw: raw, stmts: make(map[string]*sqlite3.Stmt), opened: d.renewed.Load()}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	sync, level := "NORMAL", int64(1)
	if d.o.Full {
		sync, level = "FULL", 2
	}
	script := fmt.Sprintf(`PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF; PRAGMA synchronous=%s;`,
		d.o.CacheKB, sync)
	if d.o.SecureDelete {
		script += ` PRAGMA secure_delete=ON;`
	}
	if d.o.ReadOnly {
		script += ` PRAGMA query_only=ON;`
	} else {
		// The page size is fixed by the first write, which is that of the mode.
		script = fmt.Sprintf(`PRAGMA page_size=%d; PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; `, d.o.PageSize) + script
	}
	if err := raw.Exec(script); err != nil {
		return nil, err
	}
	if mode, err := c.text(`PRAGMA journal_mode`); err != nil {
		return nil, err
	} else if mode != "wal" {
		return nil, fmt.Errorf("journal_mode is %q, want wal (the file system must support shared memory)", mode)
	}
	if got, err := c.integer(`PRAGMA synchronous`); err != nil {
		return nil, err
	} else if got != level {
		return nil, fmt.Errorf("synchronous is %d, want %d", got, level)
	}
	if d.pageBytes == 0 {
		if d.pageBytes, err = c.integer(`PRAGMA page_size`); err != nil {
			return nil, err
		}
	}
	return c, c.checkVersion()
}

// checkVersion refuses SQLite before 3.51.3, which can corrupt a WAL database
// that several connections write and checkpoint at the same time
// (https://sqlite.org/wal.html, "the WAL-reset bug").
func (c *conn) checkVersion() error {
	const need = 3_051_003
	var major, minor, patch int
	v, err := c.text(`SELECT sqlite_version()`)
	if err != nil {
		return err
	}
	if _, err := fmt.Sscanf(v, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return fmt.Errorf("reading SQLite's version %q: %w", v, err)
	}
	if major*1_000_000+minor*1000+patch < need {
		return fmt.Errorf("the linked SQLite is %s, 3.51.3 or later is needed", v)
	}
	return nil
}

// write runs f in a transaction and commits it. If f or the commit fails,
// nothing of it is stored; failures of the disk wrap problem.ErrUnavailable.
// The context only bounds waiting for other writers. f must not call write or
// read of the same db.
func (d *db) write(ctx context.Context, f func(*conn) error) error { return d.commit(ctx, f, false) }

// writeSynced is write, and its commit, with all that was before, is
// durable when it returns, whatever Full says.
func (d *db) writeSynced(ctx context.Context, f func(*conn) error) error {
	return d.commit(ctx, f, !d.o.Full)
}

func (d *db) commit(ctx context.Context, f func(*conn) error, sync bool) error {
	if err := d.lockWriter(ctx); err != nil {
		return err
	}
	defer d.unlockWriter()
	if err := d.recoverWriter(); err != nil {
		return fmt.Errorf("writing %q: %w", d.path, err)
	}
	var err error
	if sync {
		err = d.transactSynced(f)
	} else {
		err = d.w.transact(`BEGIN IMMEDIATE`, f)
	}
	if err == nil {
		if d.walPages.Load()-d.checked.Load() > checkpointBytes/d.pageBytes {
			d.wakeCheckpointer()
		}
		return nil
	}
	if d.w == nil || isStorageFailure(err) || !d.w.raw.GetAutocommit() {
		err = d.storeError(err)
		d.giveUpWriter(err)
		return fmt.Errorf("writing %q: %w", d.path, err)
	}
	return err
}

// transactSynced commits f durably on a file whose commits are not. The caller
// holds wlock.
func (d *db) transactSynced(f func(*conn) error) error {
	if err := d.w.raw.Exec(`PRAGMA synchronous=FULL`); err != nil {
		return err
	}
	before := d.commits
	err := d.w.transact(`BEGIN IMMEDIATE`, f)
	if err == nil && d.commits == before {
		// Nothing had to be written: it was there, of a commit that may not be
		// on the disk yet.
		err = osfile.SyncFile(d.path + "-wal")
	}
	if again := d.w.raw.Exec(`PRAGMA synchronous=NORMAL`); again != nil && err == nil {
		d.giveUpWriter(again) // the next one has the right level
	}
	return err
}

func (d *db) lockWriter(ctx context.Context) error {
	if d.o.ReadOnly {
		return fmt.Errorf("writing %q: opened for reading only", d.path)
	}
	select {
	case d.wlock <- struct{}{}:
		return nil
	default:
	}
	select {
	case d.wlock <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *db) unlockWriter() { <-d.wlock }

// committed is SQLite's report of a commit: how many pages the WAL holds now.
func (d *db) committed(_ *sqlite3.Conn, _ string, pages int) error {
	if n := int64(pages); n < d.checked.Load() {
		d.checked.Store(0) // the WAL began anew
	}
	d.walPages.Store(int64(pages))
	d.commits++
	return nil
}

// read runs f in a transaction that sees one state of the file.
func (d *db) read(ctx context.Context, f func(*conn) error) error {
	select {
	case d.rlock <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-d.rlock }()

	d.rmu.Lock()
	if d.closed {
		d.rmu.Unlock()
		return errClosed
	}
	var c *conn
	if n := len(d.idle); n > 0 {
		c = d.idle[n-1]
		d.idle = d.idle[:n-1]
	}
	d.rmu.Unlock()
	if c == nil {
		var err error
		if c, err = d.connect(); err != nil {
			return fmt.Errorf("reading %q: %w", d.path, d.storeError(err))
		}
	}
	c.raw.SetInterrupt(ctx)
	err := c.transact(`BEGIN`, f)
	c.raw.SetInterrupt(context.Background())
	if err != nil && (isStorageFailure(err) || !c.raw.GetAutocommit()) {
		c.close()
		return fmt.Errorf("reading %q: %w", d.path, d.storeError(err))
	}
	d.rmu.Lock()
	keep := !d.closed && c.opened == d.renewed.Load()
	if keep {
		d.idle = append(d.idle, c)
	}
	d.rmu.Unlock()
	if !keep {
		c.close()
	}
	if ctx.Err() != nil && errors.Is(err, sqlite3.INTERRUPT) {
		return ctx.Err()
	}
	return err
}

// close ends all work on the file. Reads and writes under way are waited for.
func (d *db) close() error {
	d.rmu.Lock()
	if d.closed {
		d.rmu.Unlock()
		return nil
	}
	d.closed = true
	idle := d.idle
	d.idle = nil
	d.rmu.Unlock()

	d.stop()
	<-d.done
	for range cap(d.rlock) {
		d.rlock <- struct{}{} // for ever: nobody may read any more
	}
	for _, c := range idle {
		c.close()
	}
	if d.o.ReadOnly {
		return nil
	}
	d.wlock <- struct{}{}
	defer d.unlockWriter()
	d.w.close()
	d.w = nil
	// The last connection copies the WAL into the file and removes it. If that
	// fails, the WAL stays and the next open reads it: nothing is lost.
	if err := d.keeper.Close(); err != nil {
		return fmt.Errorf("closing %q: %w", d.path, err)
	}
	return nil
}
