package powercut

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/relay-events/relay/internal/store/sqlite/osfile"
)

// Tape records every change and every sync of SQLite's files, in order, so that a test can have the
// power fail behind any of them, on a disk that does with unsynced writes as it likes.
//
// Not modelled: garbage in torn sectors, disks that lie about a sync, and removed files that come
// back. The WAL index (-shm) is left out, because a start makes it anew.
type Tape struct {
	vfs.VFSFilename

	mu      sync.Mutex // held while a file changes, so that the changes have an order
	changes []change
}

// change is a change or a sync of a file.
type change struct {
	file string
	kind changeKind
	off  int64  // of a write
	data []byte // of a write
	size int64  // of the others
}

type changeKind uint8

const (
	changeWrite    changeKind = iota
	changeTruncate            // to size
	changeGrow                // to size at least, with zeros
	changeSync
	changeRemove
)

// Record has files that are opened from now on go through a Tape until the test ends.
func Record(t testing.TB) *Tape {
	tape := &Tape{VFSFilename: osfile.Driver()}
	t.Cleanup(osfile.Replace(tape))
	return tape
}

// Len returns the number of changes so far. All that was answered by now rests on these.
func (t *Tape) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.changes)
}

// OpenFilename implements vfs.VFSFilename.
func (t *Tape) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := t.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	return &taped{File: f, tape: t, path: name.String()}, flags, nil
}

// Delete implements vfs.VFS.
func (t *Tape) Delete(name string, syncDir bool) error {
	return t.after(change{file: name, kind: changeRemove}, func() error { return t.VFSFilename.Delete(name, syncDir) })
}

// after makes a change and records it if it succeeds.
func (t *Tape) after(c change, do func() error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := do(); err != nil {
		return err
	}
	t.changes = append(t.changes, c)
	return nil
}

type taped struct {
	vfs.File
	tape *Tape
	path string
}

func (f *taped) WriteAt(p []byte, off int64) (n int, err error) {
	c := change{file: f.path, kind: changeWrite, off: off, data: slices.Clone(p)}
	err = f.tape.after(c, func() error { n, err = f.File.WriteAt(p, off); return err })
	return n, err
}

func (f *taped) Truncate(size int64) error {
	return f.tape.after(change{file: f.path, kind: changeTruncate, size: size}, func() error { return f.File.Truncate(size) })
}

func (f *taped) Sync(flags vfs.SyncFlag) error {
	return f.tape.after(change{file: f.path, kind: changeSync}, func() error { return f.File.Sync(flags) })
}

func (f *taped) SizeHint(size int64) error {
	return f.tape.after(change{file: f.path, kind: changeGrow, size: size}, func() error { return f.File.(vfs.FileSizeHint).SizeHint(size) })
}

func (f *taped) SharedMemory() vfs.SharedMemory { return f.File.(vfs.FileSharedMemory).SharedMemory() }
func (f *taped) LockState() vfs.LockLevel       { return f.File.(vfs.FileLockState).LockState() }
func (f *taped) PersistWAL() bool               { return f.File.(vfs.FilePersistWAL).PersistWAL() }
func (f *taped) SetPersistWAL(keep bool)        { f.File.(vfs.FilePersistWAL).SetPersistWAL(keep) }

// Player plays a tape. It is not safe for concurrent use.
type Player struct {
	tape  *Tape
	at    int
	files map[string]*content
}

// content is a file as the disk may hold it.
type content struct {
	synced  []byte   // what it holds for certain
	there   bool     // it was synced since it was made, so its name is durable, too
	pending []change // since then
}

// Play returns a player at the beginning of the tape.
func (t *Tape) Play() *Player { return &Player{tape: t, files: make(map[string]*content)} }

// To plays up to the nth change; it does not go back.
func (p *Player) To(n int) {
	p.tape.mu.Lock()
	defer p.tape.mu.Unlock()
	for ; p.at < min(n, len(p.tape.changes)); p.at++ {
		c := p.tape.changes[p.at]
		f := p.files[c.file]
		if f == nil {
			f = &content{}
			p.files[c.file] = f
		}
		switch c.kind {
		case changeSync:
			for _, earlier := range f.pending {
				f.synced = earlier.apply(f.synced)
			}
			f.pending, f.there = nil, true
		case changeRemove:
			delete(p.files, c.file)
		default:
			f.pending = append(f.pending, c)
		}
	}
}

// sector is the unit that a disk writes as a whole, in bytes, and block is that of the system.
const (
	sector = 512
	block  = 4096
)

// Cut writes into the folder to what the folder from may hold if the power fails now. A file that
// was never synced may be missing. Of the unsynced changes of the others, one of these is left,
// chosen for each file: none, all, the first few, or any blocks, whole or torn, or only the size.
// Files that are not SQLite's are copied as they are.
func (p *Player) Cut(t testing.TB, rng *rand.Rand, from, to string) {
	t.Helper()
	write := func(path string, b []byte) {
		rel, err := filepath.Rel(from, path)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, rel), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	names := make([]string, 0, len(p.files))
	for name := range p.files {
		names = append(names, name)
	}
	slices.Sort(names) // so that a seed makes the same image
	for _, name := range names {
		f := p.files[name]
		if !f.there && rng.IntN(2) == 0 {
			continue
		}
		write(name, f.image(rng))
	}
	p.tape.mu.Lock()
	taped := make(map[string]bool)
	for _, c := range p.tape.changes {
		taped[c.file] = true
	}
	p.tape.mu.Unlock()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || taped[path] || strings.HasSuffix(path, "-shm") {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil {
			write(path, b)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// image returns one of the contents that the file may have.
func (f *content) image(rng *rand.Rand) []byte {
	b := slices.Clone(f.synced)
	const none, all, first, blocks, torn, sizes = 0, 1, 2, 3, 4, 5
	how := rng.IntN(6)
	count := len(f.pending)
	if how == first {
		count = rng.IntN(count + 1)
	}
	for _, c := range f.pending[:count] {
		switch {
		case how == none:
		case how == all || how == first:
			b = c.apply(b)
		case c.kind != changeWrite:
			if how == sizes || rng.IntN(2) == 0 {
				b = c.apply(b)
			}
		case how == sizes:
			b = grow(b, c.off+int64(len(c.data)))
		default:
			b = c.scatter(b, rng, how == torn)
		}
	}
	return b
}

// apply returns a file after the change.
func (c *change) apply(b []byte) []byte {
	switch c.kind {
	case changeWrite:
		b = grow(b, c.off+int64(len(c.data)))
		copy(b[c.off:], c.data)
	case changeTruncate:
		b = grow(b, c.size)[:c.size]
	case changeGrow:
		b = grow(b, c.size)
	}
	return b
}

// scatter applies any of the blocks of a write; torn ones up to any of their sectors.
func (c *change) scatter(b []byte, rng *rand.Rand, torn bool) []byte {
	end := c.off + int64(len(c.data))
	for at := c.off; at < end; {
		next := min(end, (at/block+1)*block)
		if rng.IntN(2) == 0 {
			stop := next
			if torn {
				stop = min(next, (at/sector+rng.Int64N(block/sector))*sector)
			}
			if stop > at {
				b = grow(b, stop)
				copy(b[at:], c.data[at-c.off:stop-c.off])
			}
		}
		at = next
	}
	return b
}

// grow returns the bytes, with zeros up to the size.
func grow(b []byte, size int64) []byte {
	if n := size - int64(len(b)); n > 0 {
		b = append(b, make([]byte, n)...)
	}
	return b
}
