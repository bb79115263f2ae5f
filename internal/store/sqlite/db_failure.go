package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/store/sqlite/osfile"
)

// giveUpWriter closes the writer for good. The caller holds wlock.
func (d *db) giveUpWriter(cause error) {
	if d.failure == nil {
		d.log.Error("storage failed, writing stops until it works again", "error", cause)
	}
	d.failure, d.retryAt = cause, time.Now().Add(reopenEvery)
	d.w.close()
	d.w = nil
	d.down.Store(true)
}

// recoverWriter makes sure that there is a writer. The caller holds wlock.
func (d *db) recoverWriter() error {
	d.rmu.Lock()
	closed := d.closed
	d.rmu.Unlock()
	if closed {
		return errClosed
	}
	if d.suspect.Swap(false) && d.w != nil {
		d.giveUpWriter(errors.New("a checkpoint failed"))
		d.retryAt = time.Time{}
	}
	if d.w != nil {
		return nil
	}
	if time.Now().Before(d.retryAt) {
		return fmt.Errorf("%w: waiting to try again after: %w", problem.ErrUnavailable, d.failure)
	}
	d.renew()
	c, err := d.connect()
	if err == nil {
		c.raw.WALHook(d.committed)
		if err = c.truncateWAL(); err != nil {
			c.close()
		}
	}
	if err != nil {
		err = d.storeError(err)
		d.failure, d.retryAt = err, time.Now().Add(reopenEvery)
		return fmt.Errorf("%w: reopening after a failure: %w", problem.ErrUnavailable, err)
	}
	d.log.Info("storage works again")
	d.w, d.failure = c, nil
	d.down.Store(false)
	d.walPages.Store(0)
	d.checked.Store(0)
	return nil
}

// renew closes all connections but the writer's, at the latest when they are
// given back, and has the next ones opened anew: locks of connections that
// failed while the system refused them may be held for as long as these live.
// Where none can be opened for another reason, such as a full disk, the ones
// that are open stay, because they can still read. The caller holds wlock.
func (d *db) renew() {
	probe, err := d.connect()
	probe.close()
	var code sqlite3.ErrorCode
	locked := errors.As(err, &code) && (code == sqlite3.BUSY || code == sqlite3.LOCKED || code == sqlite3.PROTOCOL)
	if err != nil && !locked {
		return
	}
	d.renewed.Add(1)
	d.rmu.Lock()
	idle := d.idle
	d.idle = nil
	d.rmu.Unlock()
	for _, c := range idle {
		c.close()
	}
	d.wakeCheckpointer() // to close its own
	if next, err := d.keep(); err == nil {
		old := d.keeper
		d.keeper = next
		_ = old.Close() // not the last one: it neither copies the WAL nor removes it
	}
}

// DiskError is a failure of the disk below a file, as the system told it.
type DiskError struct {
	Dir  string // the data folder, or the folder in it that is a disk of its own
	Full bool   // there is no room
	Free int64  // bytes, when it failed; below zero: not known
	err  error  // from the system
}

// Error implements error: the system's error, its place, and how much room there
// was if that was the reason.
func (e *DiskError) Error() string {
	text := fmt.Sprintf("%v in %q", e.err, e.Dir)
	if e.Full && e.Free >= 0 {
		text += fmt.Sprintf(" (%s free)", bytesText(e.Free))
	}
	return text
}

// Unwrap returns the system's error.
func (e *DiskError) Unwrap() error { return e.err }

// bytesText returns a number of bytes as people read it.
func bytesText(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprintf("%d B", n)
	case n < 10_000_000:
		return fmt.Sprintf("%d kB", n/1e3)
	case n < 10_000_000_000:
		return fmt.Sprintf("%d MB", n/1e6)
	}
	return fmt.Sprintf("%d GB", n/1e9)
}

// storeError marks failures of the disk as problem.ErrUnavailable, with words
// for whoever asked.
func (d *db) storeError(err error) error { return storeError(d.path, d.o.Data, err) }

func storeError(path, data string, err error) error {
	if !isStorageFailure(err) || errors.Is(err, problem.ErrUnavailable) {
		return err
	}
	disk := diskError(path, data, err)
	if disk == nil {
		return fmt.Errorf("%w: %w", problem.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: %w", problem.ErrUnavailable, &problem.Error{
		Kind: problem.Unavailable, Detail: disk.Error() + "; nothing of this request was done", Err: fmt.Errorf("%w: %w", disk, err),
	})
}

// scarce is the room on a disk below which a failure that the system was not
// asked about is put down to that: less than what the WAL index grows by.
const scarce = 32 << 10

// diskError returns the system's error when something failed, nil when that
// is not known or not about the disk.
func diskError(path, data string, err error) *DiskError {
	var code sqlite3.ErrorCode
	if errors.As(err, &code) && code != sqlite3.IOERR && code != sqlite3.FULL && code != sqlite3.CANTOPEN && code != sqlite3.READONLY {
		return nil
	}
	var errno syscall.Errno
	known := errors.As(err, &errno)
	if !known {
		errno, known = osfile.Failure(realPath(path))
	}
	dir := filepath.Dir(path)
	free, ok := osfile.Free(dir)
	if !ok {
		free = -1
	}
	if code == sqlite3.FULL || !known && ok && free < scarce {
		errno, known = syscall.ENOSPC, true
	}
	if !known || errno == syscall.EMFILE || errno == syscall.ENFILE || errno == syscall.ENOMEM {
		return nil
	}
	// The folder that people know, unless the days are on another disk.
	if data != "" {
		if at, ok := osfile.Free(data); !ok || at == free {
			dir = data
		}
	}
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return &DiskError{Dir: dir, Full: osfile.Full(errno), Free: free, err: errno}
}

// CheckDisk returns a *DiskError if there is no room on the disk of a folder, nil
// if there is or that is not known.
func CheckDisk(dir string) error {
	free, ok := osfile.Free(dir)
	if !ok || free >= scarce {
		return nil
	}
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	return &DiskError{Dir: dir, Full: true, Free: free, err: syscall.ENOSPC}
}

// isStorageFailure reports whether the error comes from below SQLite, or from
// a file in a state that only an operator can change.
func isStorageFailure(err error) bool {
	var code sqlite3.ErrorCode
	if errors.As(err, &code) {
		switch code {
		case sqlite3.IOERR, sqlite3.FULL, sqlite3.CANTOPEN, sqlite3.BUSY, sqlite3.LOCKED, sqlite3.PROTOCOL,
			sqlite3.READONLY, sqlite3.PERM, sqlite3.CORRUPT, sqlite3.NOTADB:
			return true
		}
		return false
	}
	var path *fs.PathError
	return errors.As(err, &path)
}

// fileURI returns the name by which SQLite opens a file through osfile.
func fileURI(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		abs = path
	}
	slashed := filepath.ToSlash(abs)
	if strings.HasPrefix(slashed, "//") {
		return path // a share of Windows, which such names cannot hold
	}
	return "file:" + (&url.URL{Path: slashed}).EscapedPath() + "?vfs=" + osfile.Name
}

// realPath returns a path as SQLite asks the system for it.
func realPath(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		abs = filepath.Join(dir, filepath.Base(abs))
	}
	return abs
}

// fileSuffixes are those of a database's files.
var fileSuffixes = [...]string{"", "-wal", "-shm", "-journal"}

// unwrittenBytes is more than a file has when its first commit is synced.
const unwrittenBytes = 1 << 20

// unwritten reports whether a file has a size but no contents, and no log: its
// name and size reached the disk, the first page did not, and nothing is
// committed before that is synced.
func unwritten(path string) bool {
	for _, suffix := range []string{"", "-wal", "-journal"} {
		if !blank(path + suffix) {
			return false
		}
	}
	return true
}

// blank reports whether a file is missing or small and holds zeros only.
func blank(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	// Most files show at once that they are none of these.
	var head [16]byte
	if n, _ := f.ReadAt(head[:], 0); strings.Trim(string(head[:n]), "\x00") != "" {
		return false
	}
	b, err := io.ReadAll(io.LimitReader(f, unwrittenBytes+1))
	return err == nil && len(b) <= unwrittenBytes && strings.Trim(string(b), "\x00") == ""
}
