package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/testenv"
)

// TestDisks has a folder on a disk that is nearly full, has no inodes, or is read-only.
func TestDisks(t *testing.T) {
	if os.Geteuid() != 0 {
		testenv.Skip(t, "only root can mount a small file system")
	}
	dir := t.TempDir()
	switch err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m,nr_inodes=20,mode=0700"); {
	case errors.Is(err, syscall.EPERM):
		testenv.Skip(t, "mounting is not permitted here")
	case err != nil:
		t.Fatal(err)
	}
	t.Cleanup(func() { try(t, syscall.Unmount(dir, syscall.MNT_DETACH)) })
	cfg := config.Default()
	cfg.Data = dir
	want(t, examine(t, Options{Config: &cfg}), "problem disk", "4 MB are free", "problem inodes")
	try(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	want(t, examine(t, Options{Config: &cfg}), "the disk is mounted read-only")
}

func TestOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		testenv.Skip(t, "only root can give a folder away")
	}
	cfg := installation(t)
	try(t, os.Chown(cfg.Data, 65534, 65534))
	want(t, examine(t, Options{Config: cfg}), "warning owner", "it belongs to user 65534 (mode 0700), this process is user 0")
}

// TestLock finds the process that uses a folder, though nothing answers.
func TestLock(t *testing.T) {
	cfg := installation(t)
	f, err := os.OpenFile(filepath.Join(cfg.Data, "relay.lock"), os.O_RDWR, 0)
	try(t, err)
	defer f.Close()
	want(t, examine(t, Options{Config: cfg}), "ok permissions")
	try(t, unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
	want(t, examine(t, Options{Config: cfg}), "uses the folder, and nothing answers", "open files (process ")
}
