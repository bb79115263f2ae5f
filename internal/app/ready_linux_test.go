package app

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/store/sqlite/osfile"
	"github.com/relay-events/relay/internal/testenv"
)

const anEvent = `{"type":"a.b","data":1}`

// A full disk is reported by every status route from the first event that cannot be stored, even
// without webhooks, when there are no results to record. It ends without a further publication.
func TestFullDiskIsTold(t *testing.T) {
	if os.Geteuid() != 0 {
		testenv.Skip(t, "only root can mount a small file system")
	}
	c := settings(t)
	disk := t.TempDir()
	switch err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=8m,mode=0700"); {
	case errors.Is(err, syscall.EPERM):
		testenv.Skip(t, "mounting is not permitted here, although we are root (a container without CAP_SYS_ADMIN)")
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	c.Data = filepath.Join(disk, "data")
	filler := filepath.Join(disk, "filler")
	fullAndBack(t, c, "the disk of "+c.Data+" is full: ", "no space left on device in \""+c.Data+"\" (", func() {
		// Concurrent writes may take the last bytes.
		f, err := os.Create(filler)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for chunk := 1 << 20; chunk > 0; {
			if _, err := f.Write(make([]byte, chunk)); err != nil {
				chunk /= 2
			}
		}
	}, func() {
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
	})
}

// The same for any other error that prevents storing events.
func TestFailingDiskIsTold(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.ENOSPC: "the disk of DATA is full: ",
		syscall.EDQUOT: "the disk of DATA is full: ",
		syscall.EIO:    "the disk of DATA fails: input/output error",
		syscall.EROFS:  "the disk of DATA fails: read-only file system",
	} {
		t.Run(errno.Error(), func(t *testing.T) {
			v := &failing{VFSFilename: osfile.Driver()}
			t.Cleanup(osfile.Replace(v))
			c := settings(t)
			fullAndBack(t, c, strings.ReplaceAll(want, "DATA", c.Data), fmt.Sprintf("%s in %q", errno.Error(), c.Data),
				func() { v.set(errno) }, func() { v.set(0) })
		})
	}
}

func fullAndBack(t *testing.T, c config.Config, ready, answer string, begin, end func()) {
	a := run(t, c)
	// The folder of the file that failed is named, which is either.
	folder := func(answer []byte) string {
		return strings.ReplaceAll(strings.ReplaceAll(string(answer), `\"`, `"`), c.Data+"/events", c.Data)
	}
	ask(t, a, "POST", "/v1/events", anEvent, nil)
	begin()
	var refused []byte
	until(t, func() bool { // there may have been room for a few events
		refused = call(t, a, "POST", "/v1/events", anEvent)
		return strings.Contains(string(refused), "problem+json")
	})
	if !strings.Contains(string(refused), "Retry-After: ") || !strings.Contains(folder(refused), answer) {
		t.Errorf("publishing: got %s, want when to try again, and %s", refused, answer)
	}
	for range 3 {
		if got := folder(call(t, a, "GET", "/readyz", "")); !strings.Contains(got, ready) {
			t.Errorf("readiness: got %s, want %q", got, ready)
		}
		if got := string(call(t, a, "GET", "/metrics", "")); !strings.Contains(got, "relay_store_up 0\n") {
			t.Error("relay_store_up is not 0")
		}
	}
	end()
	until(t, func() bool { return status(t, a, "/readyz") == http.StatusOK })
	if got := string(call(t, a, "GET", "/metrics", "")); !strings.Contains(got, "relay_store_up 1\n") {
		t.Error("relay_store_up is not 1 again")
	}
	ask(t, a, "POST", "/v1/events", anEvent, nil)
}

func status(t *testing.T, a *App, path string) int {
	t.Helper()
	res, err := httpClient(t).Get(a.URL() + path)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// failing fails to write to the files of events.
type failing struct {
	vfs.VFSFilename
	errno atomic.Uint64
}

type failingFile struct {
	vfs.File
	v *failing
}

func (v *failing) set(e syscall.Errno) { v.errno.Store(uint64(e)) }

func (v *failing) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	f, flags, err := v.VFSFilename.OpenFilename(name, flags)
	if err != nil || !strings.Contains(name.String(), "/events/") {
		return f, flags, err
	}
	return &failingFile{f, v}, flags, nil
}

func (f *failingFile) WriteAt(p []byte, off int64) (int, error) {
	if e := f.v.errno.Load(); e != 0 {
		return 0, &os.PathError{Op: "write", Err: syscall.Errno(e)}
	}
	return f.File.WriteAt(p, off)
}

func (f *failingFile) SharedMemory() vfs.SharedMemory {
	return f.File.(vfs.FileSharedMemory).SharedMemory()
}
