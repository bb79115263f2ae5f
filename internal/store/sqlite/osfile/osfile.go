// Package osfile is how SQLite gets to its files: the driver's own access to the
// operating system, with two things put right.
//
// SQLite knows few words for failures: a full disk, a broken one and a quota are
// all "disk I/O error". The system's errors are kept here, by file, so that callers who
// reports the failure can tell which one it was.
//
// And a file that is new is made durable with the entry that names it: the
// driver syncs the new file once more instead of its folder, and a power cut
// would lose a log that was synced.
package osfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
)

// Name is the name under which the files are registered with SQLite.
const Name = "relay"

func init() { vfs.Register(Name, system{}) }

// under opens the files: the driver's own VFS unless a test has
// put another one there.
var under atomic.Pointer[vfs.VFSFilename]

// Replace has the files that are opened from now on go through v, and returns
// what undoes it. For tests of faults and power cuts.
func Replace(v vfs.VFSFilename) (restore func()) {
	old := under.Swap(&v)
	return func() { under.Store(old) }
}

// Driver returns the driver's own access to files.
func Driver() vfs.VFSFilename { return vfs.Find("os").(vfs.VFSFilename) }

func below() vfs.VFSFilename {
	if v := under.Load(); v != nil {
		return *v
	}
	return Driver()
}

// system implements vfs.VFSFilename.
type system struct{}

func (system) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return below().Open(name, flags)
}

func (system) Delete(name string, syncDir bool) error {
	return note(name, below().Delete(name, syncDir))
}

func (system) Access(name string, flags vfs.AccessFlag) (bool, error) {
	return below().Access(name, flags)
}

func (system) FullPathname(name string) (string, error) { return below().FullPathname(name) }

func (system) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, out, err := below().OpenFilename(name, flags)
	if err != nil {
		return nil, out, note(name.String(), err)
	}
	const journal = vfs.OPEN_MAIN_JOURNAL | vfs.OPEN_SUPER_JOURNAL | vfs.OPEN_WAL
	return &file{
		File: f, path: name.String(),
		unnamed: flags&vfs.OPEN_CREATE != 0 && flags&journal != 0,
	}, out, nil
}

// file is an open file. One goroutine uses it at a time.
type file struct {
	vfs.File
	path    string
	unnamed bool // its folder may lack its name after a power cut
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	return n, note(f.path, err)
}

func (f *file) Truncate(size int64) error { return note(f.path, f.File.Truncate(size)) }

func (f *file) Sync(flags vfs.SyncFlag) error {
	if err := f.File.Sync(flags); err != nil {
		return note(f.path, err)
	}
	if f.unnamed {
		if err := SyncFolder(filepath.Dir(f.path)); err != nil {
			return vfs.SystemError(note(f.path, err), sqlite3.IOERR_DIR_FSYNC)
		}
		f.unnamed = false
	}
	return nil
}

func (f *file) Lock(l vfs.LockLevel) error   { return note(f.path, f.File.Lock(l)) }
func (f *file) Unlock(l vfs.LockLevel) error { return note(f.path, f.File.Unlock(l)) }

// What SQLite asks of a file besides; the driver's own files have all of it.

func (f *file) SizeHint(size int64) error {
	h, ok := f.File.(vfs.FileSizeHint)
	if !ok {
		return nil
	}
	return note(f.path, h.SizeHint(size))
}

func (f *file) HasMoved() (bool, error) {
	h, ok := f.File.(vfs.FileHasMoved)
	if !ok {
		return false, nil
	}
	return h.HasMoved()
}

func (f *file) SharedMemory() vfs.SharedMemory {
	if m, ok := f.File.(vfs.FileSharedMemory); ok {
		return m.SharedMemory()
	}
	return nil
}

func (f *file) LockState() vfs.LockLevel {
	if l, ok := f.File.(vfs.FileLockState); ok {
		return l.LockState()
	}
	return vfs.LOCK_EXCLUSIVE + 1 // not known
}

func (f *file) PersistWAL() bool {
	p, ok := f.File.(vfs.FilePersistWAL)
	return ok && p.PersistWAL()
}

func (f *file) SetPersistWAL(keep bool) {
	if p, ok := f.File.(vfs.FilePersistWAL); ok {
		p.SetPersistWAL(keep)
	}
}

func (f *file) PowersafeOverwrite() bool {
	p, ok := f.File.(vfs.FilePowersafeOverwrite)
	return ok && p.PowersafeOverwrite()
}

func (f *file) SetPowersafeOverwrite(psow bool) {
	if p, ok := f.File.(vfs.FilePowersafeOverwrite); ok {
		p.SetPowersafeOverwrite(psow)
	}
}

// SyncFolder makes the names in a folder durable.
func SyncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // has no sync of folders, NTFS journals them
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("syncing a folder: %w", err)
	}
	return nil
}

// failures are the last ones, by database.
var failures sync.Map // of string to failure

type failure struct {
	errno syscall.Errno
	at    time.Time
}

// database returns the path of the database that a file belongs to.
func database(path string) string {
	for _, suffix := range []string{"-wal", "-journal", "-shm"} {
		if db, ok := strings.CutSuffix(path, suffix); ok {
			return db
		}
	}
	return path
}

// note remembers the system's error about a file, and returns it.
func note(path string, err error) error {
	var errno syscall.Errno
	if err == nil || !errors.As(err, &errno) || errno == syscall.ENOENT || errno == syscall.EAGAIN {
		return err
	}
	failures.Store(database(path), failure{errno, time.Now()})
	return err
}

// fresh is how long a failure can be the reason of what SQLite reports: it waits
// for locks before it gives up.
const fresh = 10 * time.Second

// Failure returns the system's error about a database's files when something last
// failed, if that was a moment ago.
func Failure(path string) (errno syscall.Errno, ok bool) {
	v, ok := failures.Load(path)
	if !ok {
		return 0, false
	}
	f := v.(failure)
	return f.errno, time.Since(f.at) < fresh
}

// SyncFile makes all writes to a file durable, whoever made them.
func SyncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("syncing a file: %w", err)
	}
	return nil
}
