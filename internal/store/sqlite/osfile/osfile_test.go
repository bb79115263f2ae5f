//go:build linux

package osfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/relay-events/relay/internal/store/sqlite/osfile"
)

// A new log is durable together with its name. Where the folder cannot be
// synced, the sync of the file has failed.
func TestNewFileIsSyncedWithItsName(t *testing.T) {
	for _, flags := range []vfs.OpenFlag{vfs.OPEN_WAL, vfs.OPEN_MAIN_JOURNAL, vfs.OPEN_SUPER_JOURNAL} {
		dir := filepath.Join(t.TempDir(), "d")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		system := vfs.Find(osfile.Name).(vfs.VFSFilename)
		path := filepath.Join(dir, "x.db-wal")
		var f vfs.File
		open(t, system, path, flags|vfs.OPEN_CREATE|vfs.OPEN_READWRITE, &f)
		// Nobody can sync a folder that is not there any more.
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(vfs.SYNC_NORMAL); !errors.Is(err, os.ErrNotExist) && (err == nil || !strings.Contains(err.Error(), "no such file")) {
			t.Errorf("flags %x: got %v, want the folder's failure", flags, err)
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := f.Sync(vfs.SYNC_NORMAL); err != nil {
				t.Errorf("flags %x: got %v once the folder can be synced", flags, err)
			}
		}
		if err := os.RemoveAll(dir); err != nil { // its name is durable: the folder is not looked at again
			t.Fatal(err)
		}
		if err := f.Sync(vfs.SYNC_NORMAL); err != nil {
			t.Errorf("flags %x: got %v", flags, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// opened hands the names that SQLite asks for to a test.
type opened struct {
	vfs.VFSFilename
	with  vfs.VFSFilename
	flags vfs.OpenFlag
	file  vfs.File
	err   error
}

func (o *opened) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	o.file, _, o.err = o.with.OpenFilename(name, o.flags)
	return nil, flags, sqlite3.CANTOPEN
}

// open opens a file with flags, of which only SQLite can make a name.
func open(t *testing.T, with vfs.VFSFilename, path string, flags vfs.OpenFlag, f *vfs.File) {
	t.Helper()
	o := &opened{VFSFilename: osfile.Driver(), with: with, flags: flags}
	vfs.Register("test", o)
	defer vfs.Unregister("test")
	if c, err := sqlite3.Open("file:" + path + "?vfs=test"); err == nil {
		c.Close()
	}
	if o.err != nil || o.file == nil {
		t.Fatalf("opening %q: %v", path, o.err)
	}
	*f = o.file
}

func TestFailureIsKept(t *testing.T) {
	dir := t.TempDir()
	c, err := sqlite3.Open("file:" + filepath.Join(dir, "none", "x.db") + "?vfs=" + osfile.Name)
	if err == nil {
		c.Close()
		t.Fatal("opened a file in a folder that is not there")
	}
	if _, ok := osfile.Failure(filepath.Join(dir, "none", "x.db")); ok {
		t.Error("a file that is not there is no failure of the disk")
	}
	for _, want := range []syscall.Errno{syscall.EIO, syscall.EMFILE, syscall.ENOSPC} {
		restore := osfile.Replace(broken{osfile.Driver(), want})
		path := filepath.Join(dir, strconv.Itoa(int(want))+".db")
		c, err = sqlite3.Open("file:" + path + "?vfs=" + osfile.Name)
		restore()
		if err == nil {
			c.Close()
			t.Errorf("%v: opened all the same", want)
		}
		if errno, ok := osfile.Failure(path); !ok || errno != want {
			t.Errorf("got %v, %t, want %v", errno, ok, want)
		}
	}
	if free, ok := osfile.Free(dir); !ok || free < 0 {
		t.Errorf("got %d, %t free, want a number", free, ok)
	}
	if _, ok := osfile.Free(filepath.Join(dir, "none")); ok {
		t.Error("a folder that is not there has room")
	}
}

// broken fails to open anything.
type broken struct {
	vfs.VFSFilename
	errno syscall.Errno
}

func (b broken) OpenFilename(_ *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	return nil, flags, &os.PathError{Op: "open", Err: b.errno}
}
