package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/store/sqlite/osfile"
	"github.com/relay-events/relay/internal/store/storetest"
	"github.com/relay-events/relay/internal/webhook"
)

// faultVFS is the operating system's files with faults: what sync, write and
// truncate do is decided by its hook.
type faultVFS struct {
	vfs.VFSFilename

	mu sync.Mutex // held during each change of a file, so that a hook sees them one by one
	// hook is called before a change; an error is returned instead of making it.
	hook func(op, file string) error
}

// useFaultVFS makes files opened until the end of the test go through a faultVFS.
func useFaultVFS(t *testing.T) *faultVFS {
	t.Helper()
	v := &faultVFS{VFSFilename: osfile.Driver()}
	t.Cleanup(osfile.Replace(v))
	return v
}

func (v *faultVFS) set(hook func(op, file string) error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hook = hook
}

func (v *faultVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := v.VFSFilename.OpenFilename(name, flags)
	if err != nil {
		return nil, flags, err
	}
	return &faultFile{File: f, v: v, name: name.String()}, flags, nil
}

type faultFile struct {
	vfs.File
	v    *faultVFS
	name string
}

func (f *faultFile) change(op string, do func() error) error {
	f.v.mu.Lock()
	defer f.v.mu.Unlock()
	if f.v.hook != nil {
		if err := f.v.hook(op, f.name); err != nil {
			return err
		}
	}
	return do()
}

func (f *faultFile) Sync(flags vfs.SyncFlag) error {
	return f.change("sync", func() error { return f.File.Sync(flags) })
}

func (f *faultFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.change("write", func() error { n, err = f.File.WriteAt(p, off); return err })
	return n, err
}

func (f *faultFile) Truncate(size int64) error {
	return f.change("truncate", func() error { return f.File.Truncate(size) })
}

func (f *faultFile) SizeHint(size int64) error {
	return f.change("write", func() error { return f.File.(vfs.FileSizeHint).SizeHint(size) })
}

func (f *faultFile) SharedMemory() vfs.SharedMemory {
	if shm, ok := f.File.(vfs.FileSharedMemory); ok {
		return shm.SharedMemory()
	}
	return nil
}

func (f *faultFile) LockState() vfs.LockLevel { return f.File.(vfs.FileLockState).LockState() }
func (f *faultFile) PersistWAL() bool         { return f.File.(vfs.FilePersistWAL).PersistWAL() }
func (f *faultFile) SetPersistWAL(keep bool)  { f.File.(vfs.FilePersistWAL).SetPersistWAL(keep) }

// checkFiles runs SQLite's own check on every file of a closed store.
func checkFiles(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".db" {
			return err
		}
		d, err := openDB(path, dbOptions{ReadOnly: true})
		if err != nil {
			return err
		}
		defer d.close()
		return d.read(context.Background(), func(c *conn) error {
			got, err := c.text(`PRAGMA integrity_check`)
			if err == nil && got != "ok" {
				t.Errorf("integrity_check of %s: %s", path, got)
			}
			return err
		})
	})
	if err != nil {
		t.Error(err)
	}
}

// checkStored checks that exactly the wanted events are stored and readable.
func checkStored(t *testing.T, s *Store, want []event.Event) {
	t.Helper()
	list := storetest.MustList(t, s, ingest.Query{Limit: 250})
	stored := make(map[event.ID]string, len(list))
	for _, e := range list {
		stored[e.ID] = string(e.Data)
	}
	for _, e := range want {
		if data, ok := stored[e.ID]; !ok || data != string(e.Data) {
			t.Errorf("acknowledged event %d is lost: stored %t, data %q, want %q", e.ID, ok, data, e.Data)
		}
		delete(stored, e.ID)
	}
	for id, data := range stored {
		t.Errorf("event %d was never acknowledged, but is stored: %q", id, data)
	}
}

// TestFailingDisk lets the disk fail in one way after another and publishes
// all the while.
func TestFailingDisk(t *testing.T) {
	times := func(n int, op, file string, err error) func(v *faultVFS) {
		return func(v *faultVFS) {
			v.set(func(o, f string) error {
				if o != op || !strings.Contains(f, file) || n == 0 {
					return nil
				}
				n--
				return err
			})
		}
	}
	const always = -1
	tests := []struct {
		name  string
		begin func(v *faultVFS)
	}{
		{"sync fails once", times(1, "sync", "", syscall.EIO)},
		{"sync fails 10 times", times(10, "sync", "", syscall.EIO)},
		{"sync fails until cleared", times(always, "sync", "", syscall.EIO)},
		{"sync of events fails until cleared", times(always, "sync", "/events/", syscall.EIO)},
		{"write fails once", times(1, "write", "", syscall.EIO)},
		{"disk full until cleared", times(always, "write", "", syscall.ENOSPC)},
		{"disk full for events until cleared", times(always, "write", "/events/", syscall.ENOSPC)},
		{"disk full for keys until cleared", times(always, "write", "/keys.db", syscall.ENOSPC)},
		{"second write fails once", func(v *faultVFS) {
			n := 0
			v.set(func(op, _ string) error {
				if op == "write" {
					n++
				}
				if op == "write" && n == 2 {
					return syscall.EIO
				}
				return nil
			})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := useFaultVFS(t)
				b := newBackend(t)
				ctx := context.Background()
				var acked []event.Event
				n, failures := 0, 0
				publish := func() error {
					n++
					name := fmt.Sprint("event ", n)
					p := storetest.Publication(storetest.Event(name, "a", name), storetest.Event("", "b", name))
					intakes, err := b.Append(ctx, []*ingest.Publication{p})
					if err != nil {
						if !errors.Is(err, problem.ErrUnavailable) {
							t.Errorf("got error %v, want one that wraps %v", err, problem.ErrUnavailable)
						}
						if len(intakes) != 0 || p.Items[0].Event.ID != 0 {
							t.Errorf("a failed Append acknowledged %v", p.Items[0].Event.ID)
						}
						failures++
						// The publisher tries again with the same name: it must not be taken.
						return err
					}
					if p.Items[0].Duplicate {
						t.Errorf("%q is a duplicate of an event that was never acknowledged", name)
					}
					acked = append(acked, p.Items[0].Event, p.Items[1].Event)
					return nil
				}
				for range 20 {
					if err := publish(); err != nil {
						t.Fatal(err)
					}
				}
				tt.begin(v)
				for range 20 {
					if publish() != nil {
						n-- // again
					}
					if _, err := b.EventGetMany(ctx, []event.ID{acked[0].ID, acked[1].ID}); err != nil {
						t.Errorf("reading while writing fails: %v", err)
					}
					// What else is written in the background fails, too.
					b.append.file.wakeCheckpointer()
					b.keys.mu.Lock()
					b.keys.startFlushLocked()
					b.keys.mu.Unlock()
					time.Sleep(100 * time.Millisecond)
				}
				v.set(nil)
				cleared := time.Now()
				for publish() != nil {
					n--
					if time.Since(cleared) > 5*time.Second {
						t.Fatal("not recovered 5 s after the disk works again")
					}
					time.Sleep(100 * time.Millisecond)
				}
				if _, err := b.WebhookCreate(ctx, &webhook.Webhook{ID: webhook.NewID(), Tenant: 1}, nil, nil); err != nil {
					t.Errorf("configuration: %v", err)
				}
				for range 20 {
					if err := publish(); err != nil {
						t.Fatal(err)
					}
				}
				t.Logf("%d failed, %d events acknowledged", failures, len(acked))
				checkStored(t, b.Store, acked)
				b.Reopen(t)
				checkStored(t, b.Store, acked)
				for _, e := range acked {
					if e.Name == "" {
						continue
					}
					p := storetest.Publication(storetest.Event(e.Name, "a", e.Name))
					if storetest.MustAppend(t, b, p); !p.Items[0].Duplicate || p.Items[0].Event.ID != e.ID {
						t.Errorf("%q again: got duplicate %t of %d, want of %d", e.Name, p.Items[0].Duplicate, p.Items[0].Event.ID, e.ID)
					}
				}
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				checkFiles(t, b.dir)
				b.Store = openStore(t, b.dir)
			})
		})
	}
}

// TestFailedCommitDoesNotComeBack fails the sync of a commit whose frames are
// in the WAL already, and kills the process after later commits.
func TestFailedCommitDoesNotComeBack(t *testing.T) {
	v := useFaultVFS(t)
	path := filepath.Join(t.TempDir(), "x.db")
	d, err := openDB(path, dbOptions{Full: true, Schema: []string{`CREATE TABLE t(id INTEGER PRIMARY KEY)`}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	insert := func(id int) error {
		return d.write(context.Background(), func(c *conn) error { return c.exec(`INSERT INTO t VALUES(?)`, id) })
	}
	if err := insert(1); err != nil {
		t.Fatal(err)
	}
	v.set(func(op, _ string) error {
		if op == "sync" {
			return syscall.EIO
		}
		return nil
	})
	if err := insert(2); !errors.Is(err, problem.ErrUnavailable) || !errors.Is(err, sqlite3.IOERR_FSYNC) {
		t.Fatalf("got %v, want a failed sync that wraps %v", err, problem.ErrUnavailable)
	}
	v.set(nil)
	for insert(3) != nil {
		time.Sleep(reopenEvery)
	}
	image := filepath.Join(t.TempDir(), "image.db")
	for _, suffix := range []string{"", "-wal"} {
		copyFile(t, path+suffix, image+suffix)
	}
	after, err := openDB(image, dbOptions{Schema: []string{`CREATE TABLE t(id INTEGER PRIMARY KEY)`}})
	if err != nil {
		t.Fatal(err)
	}
	defer after.close()
	for _, f := range []*db{d, after} {
		if got := f.count(t); got != 2 {
			t.Errorf("%s: got %d rows, want those of the two commits that succeeded", filepath.Base(f.path), got)
		}
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Error(err)
	}
}

// copyStore copies the files of a store as a killed process would leave them.
// The WAL index is not among them: the next process makes it anew.
func copyStore(t *testing.T, from, to string) {
	t.Helper()
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
		copyFile(t, path, filepath.Join(to, rel))
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestKilledAtAnyMoment copies the files before some changes of theirs, while
// events are published and closed, and opens the copies.
func TestKilledAtAnyMoment(t *testing.T) {
	const every = 37 // changes from image to image
	type image struct {
		dir    string
		acked  int // events acknowledged by then
		closed int // intakes closed by then
	}
	v := useFaultVFS(t)
	dir, images := t.TempDir(), t.TempDir()
	var (
		list          []image
		acked, closed atomic.Int64
		changes       int
	)
	s := openStore(t, dir)
	v.set(func(op, file string) error {
		if changes++; changes%every == 0 {
			im := image{filepath.Join(images, fmt.Sprint(len(list))), int(acked.Load()), int(closed.Load())}
			copyStore(t, dir, im.dir)
			list = append(list, im)
		}
		return nil
	})
	var events []event.Event
	var intakes []event.ID
	for i := range 120 {
		var items []ingest.Item
		for n := range 1 + i%7 {
			items = append(items, storetest.Event(fmt.Sprintf("k%d-%d", i, n), "a", strings.Repeat(fmt.Sprint(i, n), 1+i*7)))
		}
		for _, in := range storetest.MustAppend(t, s, storetest.Publication(items...)) {
			events = append(events, in.Events...)
			intakes = append(intakes, in.ID)
		}
		acked.Store(int64(len(events)))
		if i%3 == 0 {
			if err := s.Record(context.Background(), &delivery.Record{Close: intakes[closed.Load() : len(intakes)-1]}); err != nil {
				t.Fatal(err)
			}
			closed.Store(int64(len(intakes) - 1))
		}
		if i%25 == 24 {
			if err := s.keys.flush(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}
	v.set(nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(list) < 10 {
		t.Fatalf("got %d images only", len(list))
	}
	for _, im := range list {
		s := openStore(t, im.dir)
		got := storetest.MustList(t, s, ingest.Query{Limit: 250})
		if len(got) < im.acked {
			t.Fatalf("%s: got %d events, want at least the %d acknowledged", im.dir, len(got), im.acked)
		}
		for i, e := range got {
			want := &events[len(got)-1-i]
			if e.ID != want.ID || string(e.Data) != string(want.Data) {
				t.Fatalf("%s: event %d is %d, want %d", im.dir, i, e.ID, want.ID)
			}
		}
		for i := range im.acked {
			p := storetest.Publication(storetest.Event(events[i].Name, "a", string(events[i].Data)))
			if storetest.MustAppend(t, s, p); !p.Items[0].Duplicate || p.Items[0].Event.ID != events[i].ID {
				t.Fatalf("%s: %q again: got duplicate %t of %d, want of %d", im.dir, events[i].Name, p.Items[0].Duplicate, p.Items[0].Event.ID, events[i].ID)
			}
		}
		// An intake may appear open though it was closed, never the reverse.
		open := make(map[event.ID]bool)
		if err := s.IntakeOpen(context.Background(), func(in delivery.Intake) error { open[in.ID] = true; return nil }); err != nil {
			t.Fatal(err)
		}
		for i, id := range intakes {
			if i >= im.closed+3+1 && id <= got[0].ID && !open[id] {
				t.Errorf("%s: intake %d is closed, but was not", im.dir, id)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		checkFiles(t, im.dir)
		os.RemoveAll(im.dir)
	}
	t.Logf("%d images, %d changes", len(list), changes)
}
