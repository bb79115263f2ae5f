// Package powercut shows the contents of a disk if the power failed now: of each
// file of SQLite the synced part, without later writes.
//
// That is the worst a disk that keeps its word may do, and the simplest. Names of
// files count as durable at once.
package powercut

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/relay-events/relay/internal/store/sqlite/osfile"
)

// Disk remembers the synced contents of files that are opened after Watch.
type Disk struct {
	vfs.VFSFilename

	mu     sync.Mutex // held while a file changes, so that a sync covers all earlier changes
	synced map[string][]byte
}

// Watch has files go through a Disk until the test ends.
func Watch(t testing.TB) *Disk {
	d := &Disk{VFSFilename: osfile.Driver(), synced: make(map[string][]byte)}
	t.Cleanup(osfile.Replace(d))
	return d
}

// Cut makes the folder to hold what the folder from would after a power cut. Files
// that are not SQLite's are copied as they are.
func (d *Disk) Cut(t testing.TB, from, to string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, "-shm") {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, watched := d.synced[path]
		if !watched {
			if b, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// OpenFilename implements vfs.VFSFilename.
func (d *Disk) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	path := name.String()
	if _, ok := d.synced[path]; !ok {
		d.synced[path], _ = os.ReadFile(path) // its earlier contents; nil if it is made now
	}
	f, flags, err := d.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	return &file{File: f, d: d, path: path}, flags, nil
}

// Delete implements vfs.VFS.
func (d *Disk) Delete(name string, syncDir bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.synced, name)
	return d.VFSFilename.Delete(name, syncDir)
}

type file struct {
	vfs.File
	d    *Disk
	path string
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return f.File.WriteAt(p, off)
}

func (f *file) Truncate(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return f.File.Truncate(size)
}

func (f *file) Sync(flags vfs.SyncFlag) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if err := f.File.Sync(flags); err != nil {
		return err
	}
	b, err := os.ReadFile(f.path)
	if err == nil {
		f.d.synced[f.path] = b
	}
	return err
}

func (f *file) SizeHint(size int64) error {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	return f.File.(vfs.FileSizeHint).SizeHint(size)
}

func (f *file) SharedMemory() vfs.SharedMemory { return f.File.(vfs.FileSharedMemory).SharedMemory() }
func (f *file) LockState() vfs.LockLevel       { return f.File.(vfs.FileLockState).LockState() }
func (f *file) PersistWAL() bool               { return f.File.(vfs.FilePersistWAL).PersistWAL() }
func (f *file) SetPersistWAL(keep bool)        { f.File.(vfs.FilePersistWAL).SetPersistWAL(keep) }
