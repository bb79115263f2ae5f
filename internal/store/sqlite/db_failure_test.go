package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/store/sqlite/osfile"
	"github.com/relay-events/relay/internal/store/storetest"
)

// TestFailureIsNamed: whatever the system says of the disk is what the log and
// the caller are told, with the folder.
func TestFailureIsNamed(t *testing.T) {
	tests := []struct {
		op    string
		errno syscall.Errno
		want  string
		full  bool
	}{
		{"write", syscall.ENOSPC, "no space left on device", true},
		{"write", syscall.EDQUOT, "disk quota exceeded", true},
		{"write", syscall.EIO, "input/output error", false},
		{"write", syscall.EFBIG, "file too large", false},
		{"write", syscall.EROFS, "read-only file system", false},
		{"sync", syscall.EIO, "input/output error", false},
		{"sync", syscall.ENOSPC, "no space left on device", true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.op, " ", tt.errno), func(t *testing.T) {
			v := useFaultVFS(t)
			b := newBackend(t)
			storetest.MustAppend(t, b, storetest.Publication(storetest.Event("", "a", "1")))
			v.set(func(op, file string) error {
				if op == tt.op && strings.Contains(file, "/events/") {
					return tt.errno
				}
				return nil
			})
			_, err := b.Append(t.Context(), []*ingest.Publication{storetest.Publication(storetest.Event("", "a", "2"))})
			var disk *DiskError
			if !errors.Is(err, problem.ErrUnavailable) || !errors.As(err, &disk) {
				t.Fatalf("got %v, want an unavailable store with a failing disk", err)
			}
			if disk.Dir != b.dir || disk.Full != tt.full || !errors.Is(disk, tt.errno) {
				t.Errorf("got folder %q, full %t, %v, want %q, %t, %v", disk.Dir, disk.Full, disk.Unwrap(), b.dir, tt.full, tt.errno)
			}
			want := fmt.Sprintf("%s in %q", tt.want, b.dir)
			var p *problem.Error
			if !errors.As(err, &p) || p.Kind != problem.Unavailable || !strings.HasPrefix(p.Detail, want) {
				t.Errorf("the caller is told %q, want it to begin with %q", p.Detail, want)
			}
			if tt.full != strings.Contains(p.Detail, " free)") {
				t.Errorf("the caller is told %q, want the room there is to be named only if that is the reason", p.Detail)
			}
			v.set(nil)
			// Also while it waits to try again the reason is the same.
			if _, err := b.Append(t.Context(), []*ingest.Publication{storetest.Publication(storetest.Event("", "a", "2"))}); err != nil && !errors.As(err, &disk) {
				t.Errorf("got %v while waiting, want the reason", err)
			}
		})
	}
}

// lockVFS fails calls that take or give back locks of the main file, and breaks
// the giving back of locks of the WAL index as a failing system call does: the
// lock stays where it is.
type lockVFS struct {
	vfs.VFSFilename
	mu   sync.Mutex
	errs map[string]error // by operation
}

func (v *lockVFS) fails(op string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.errs[op]
}

func (v *lockVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if err := v.fails("open"); err != nil {
		return nil, flags, err
	}
	f, flags, err := v.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	return &lockFile{faultFile{File: f, v: &faultVFS{}, name: name.String()}, v}, flags, nil
}

type lockFile struct {
	faultFile
	v *lockVFS
}

func (f *lockFile) Lock(l vfs.LockLevel) error {
	if err := f.v.fails("lock"); err != nil {
		return err
	}
	return f.faultFile.Lock(l)
}

// TestStuckLocks: a connection keeps a lock that was not given back, and locks
// out all others. Once it is noticed, all connections are closed and the file
// works again, without a restart.
func TestStuckLocks(t *testing.T) {
	// Each way leaves a transaction open on a connection that nobody uses.
	stuck := map[string]func(t *testing.T, d *db) *conn{
		"a reader's, in the pool": func(t *testing.T, d *db) *conn {
			c, err := d.connect()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.raw.Exec(`BEGIN IMMEDIATE`); err != nil {
				t.Fatal(err)
			}
			d.rmu.Lock()
			d.idle = append(d.idle, c)
			d.rmu.Unlock()
			return c
		},
		"the keeper's": func(t *testing.T, d *db) *conn {
			if err := d.keeper.Exec(`BEGIN IMMEDIATE`); err != nil {
				t.Fatal(err)
			}
			return nil
		},
		"the keeper's, and it reads": func(t *testing.T, d *db) *conn {
			if err := d.keeper.Exec(`BEGIN; SELECT count(*) FROM t`); err != nil {
				t.Fatal(err)
			}
			d.lockWriter(context.Background())
			d.giveUpWriter(sqlite3.IOERR_LOCK)
			d.unlockWriter()
			return nil
		},
	}
	for name, hold := range stuck {
		t.Run(name, func(t *testing.T) {
			d := testDB(t, dbOptions{Full: true, BusyTimeout: 20 * time.Millisecond})
			insert := func(id int) error {
				return d.write(context.Background(), func(c *conn) error { return c.exec(`INSERT INTO t VALUES(?, 'x')`, id) })
			}
			if err := insert(1); err != nil {
				t.Fatal(err)
			}
			hold(t, d)
			for end := time.Now().Add(30 * time.Second); ; time.Sleep(reopenEvery) {
				err := insert(2)
				if err == nil {
					break
				}
				if !errors.Is(err, problem.ErrUnavailable) {
					t.Fatalf("got %v, want one that wraps %v", err, problem.ErrUnavailable)
				}
				if time.Now().After(end) {
					t.Fatalf("still locked out after 30 s: %v", err)
				}
			}
			if got := d.count(t); got != 2 {
				t.Errorf("got %d rows, want 2", got)
			}
		})
	}
}

// TestLocksFailForAWhile: the calls fail, in reading and in writing, and then
// work again.
func TestLocksFailForAWhile(t *testing.T) {
	for _, errno := range []error{syscall.EIO, syscall.ENOLCK, sqlite3.BUSY} {
		t.Run(fmt.Sprint(errno), func(t *testing.T) {
			v := &lockVFS{VFSFilename: osfile.Driver(), errs: make(map[string]error)}
			t.Cleanup(osfile.Replace(v))
			d := testDB(t, dbOptions{Full: true, BusyTimeout: 20 * time.Millisecond})
			insert := func(id int) error {
				return d.write(context.Background(), func(c *conn) error { return c.exec(`INSERT INTO t VALUES(?, 'x')`, id) })
			}
			n := 0
			for range 3 {
				if err := insert(n); err != nil {
					t.Fatal(err)
				}
				n++
				v.mu.Lock()
				v.errs["lock"] = errno
				v.mu.Unlock()
				d.lockWriter(context.Background())
				d.giveUpWriter(errors.New("locks fail")) // whoever was writing
				d.unlockWriter()
				time.Sleep(reopenEvery)
				if err := insert(n); err == nil {
					t.Error("a file whose locks fail was written")
				}
				v.mu.Lock()
				v.errs["lock"] = nil
				v.mu.Unlock()
				for end := time.Now().Add(30 * time.Second); insert(n) != nil; time.Sleep(reopenEvery) {
					if time.Now().After(end) {
						t.Fatal("still locked out 30 s after locks work again")
					}
				}
				n++
			}
			if got := d.count(t); got != int64(n) {
				t.Errorf("got %d rows, want %d", got, n)
			}
		})
	}
}

// TestNoDescriptorForACheckpoint: a checkpoint that cannot begin stops nobody,
// and is made when it can be.
func TestNoDescriptorForACheckpoint(t *testing.T) {
	v := &lockVFS{VFSFilename: osfile.Driver(), errs: make(map[string]error)}
	t.Cleanup(osfile.Replace(v))
	d := testDB(t, dbOptions{})
	body := strings.Repeat("x", 1<<20)
	n := 0
	insert := func() {
		n++
		if err := d.write(context.Background(), func(c *conn) error { return c.exec(`INSERT INTO t VALUES(?, ?)`, n, body) }); err != nil {
			t.Fatalf("write %d: %v", n, err)
		}
	}
	for _, errno := range []error{syscall.EMFILE, syscall.ENFILE, sqlite3.CANTOPEN} {
		v.mu.Lock()
		v.errs["open"] = errno
		v.mu.Unlock()
		before := d.walPages.Load()
		for d.walPages.Load()-before < 2*checkpointBytes/d.pageBytes {
			insert()
		}
		for len(d.kick) > 0 {
			time.Sleep(time.Millisecond) // until the checkpointer has looked
		}
		if d.suspect.Load() || d.down.Load() {
			t.Fatalf("%v: the writer has to recover, though nothing was written", errno)
		}
	}
	v.mu.Lock()
	v.errs["open"] = nil
	v.mu.Unlock()
	for end := time.Now().Add(30 * time.Second); d.checked.Load() == 0; time.Sleep(10 * time.Millisecond) {
		insert()
		if time.Now().After(end) {
			t.Fatal("no checkpoint 30 s after descriptors are to be had again")
		}
	}
}

// TestCutShortWhileMade: a file that got its size and nothing else holds nothing
// and is made again; one that holds anything at all is left as it is.
func TestCutShortWhileMade(t *testing.T) {
	schema := []string{`CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)`}
	for _, tt := range []struct {
		name  string
		files map[string]string
		made  bool
	}{
		{"empty", map[string]string{"": ""}, true},
		{"a size only", map[string]string{"": strings.Repeat("\x00", 4096)}, true},
		{"a size only, odd", map[string]string{"": strings.Repeat("\x00", 8192+17)}, true},
		{"all with sizes only", map[string]string{"": strings.Repeat("\x00", 4096), "-wal": strings.Repeat("\x00", 4152), "-journal": strings.Repeat("\x00", 512)}, true},
		{"an empty log", map[string]string{"": strings.Repeat("\x00", 4096), "-wal": ""}, true},
		{"a log", map[string]string{"": strings.Repeat("\x00", 4096), "-wal": "\x37\x7f\x06\x82" + strings.Repeat("\x00", 28)}, false},
		{"one byte", map[string]string{"": strings.Repeat("\x00", 4095) + "x"}, false},
		{"large", map[string]string{"": strings.Repeat("\x00", unwrittenBytes+1)}, false},
		{"another file", map[string]string{"": "these are the notes of somebody, and no database at all; do not remove them, please: " + strings.Repeat("x", 600)}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "work.db")
			for suffix, text := range tt.files {
				if err := os.WriteFile(path+suffix, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			d, err := openDB(path, dbOptions{Schema: schema})
			if (err == nil) != tt.made {
				t.Fatalf("got %v, want it made %t", err, tt.made)
			}
			if err == nil {
				if got := d.count(t); got != 0 {
					t.Errorf("got %d rows in a new file", got)
				}
				if err := d.close(); err != nil {
					t.Error(err)
				}
				return
			}
			if b, err := os.ReadFile(path); err != nil || string(b) != tt.files[""] {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
	// The same for each file of a store.
	for _, name := range []string{"relay.db", "gate.db", "work.db", "keys.db"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 4096), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), Options{Dir: dir})
		if err != nil {
			t.Errorf("%s with a size only: %v", name, err)
			continue
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
