//go:build linux

package faulttest

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSlowSyncs delays every sync, as a busy disk does: publishers wait a little longer, and no
// delivery is repeated for it.
func TestSlowSyncs(t *testing.T) {
	const delay = 50 * time.Millisecond
	w := newWorld(t, filepath.Join(t.TempDir(), "data"))
	w.pubs.run(t, w.rng, 4)
	time.Sleep(300 * time.Millisecond)
	m := meddle(w, fmt.Sprintf("fdatasync,fsync:delay_enter=%d", delay.Microseconds()))
	from := time.Now()
	time.Sleep(time.Duration(count(t, "RELAY_FAULT_SECONDS", 2, 1)) * time.Second)
	to := time.Now()
	m.leave()
	var waits []time.Duration
	for _, a := range w.pubs.between(from, to) {
		if a.status != http.StatusAccepted {
			t.Errorf("publishing with syncs that take %v longer: got status %d, want 202", delay, a.status)
		}
		if !a.stream {
			waits = append(waits, a.ended.Sub(a.begun))
		}
	}
	if len(waits) == 0 {
		t.Fatal("nothing was published while syncs were slow")
	}
	slices.Sort(waits)
	f := w.finish()
	f.report(t, 1, 0)
	if f.duplicates > 0 {
		t.Errorf("%d deliveries were repeated because syncs were slow", f.duplicates)
	}
	t.Logf("syncs took %v longer: %d requests waited %v (median) to %v; %v", delay, len(waits),
		waits[len(waits)/2].Round(time.Millisecond), waits[len(waits)-1].Round(time.Millisecond), f)
}

// TestReadOnlyDisk makes the disk of a running server read-only, as Linux does after errors: reading
// goes on, publishing is refused with the reason, a server that starts there says why it cannot,
// and all is well again once the disk may be written to.
func TestReadOnlyDisk(t *testing.T) {
	disk := smallDisk(t, 64<<20)
	w := newWorld(t, filepath.Join(disk, "data"))
	w.hist.storeFailed, w.hist.refusedMayCome = true, true
	w.pubs.run(t, w.rng, 3)
	time.Sleep(200 * time.Millisecond)
	// A file system with files open for writing cannot be made read-only, so the calls fail instead.
	m := meddle(w, "pwrite64:error=EROFS")
	w.awaitRefusal("a read-only disk")
	waitFor(t, "/readyz to say so", patience, func() error {
		if err := ready(w.relay); err == nil || !strings.Contains(err.Error(), "read-only") {
			return fmt.Errorf("got %w, want the reason", errors.Join(errNotYet, err))
		}
		return nil
	})
	w.readAll()
	m.leave()
	took := waitFor(t, "accepting once the disk may be written to", patience, func() error { return w.pubs.probe(w.rng) })
	if took > resumeAfterSync {
		t.Errorf("accepting again after %v, want at most %v", took, resumeAfterSync)
	}

	w.pubs.halt()
	w.settle()
	w.relay.stop()
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatalf("mounting %q anew: %v", disk, err)
		}
	}
	remount(syscall.MS_RDONLY)
	l := w.relay.launch()
	select {
	case <-l.done:
	case <-time.After(patience):
		t.Fatalf("a server on a read-only disk did not end:\n%s", l.log.text())
	}
	if text := l.log.text(); l.cmd.ProcessState.ExitCode() == 0 || !strings.Contains(text, "read-only") {
		t.Errorf("a server on a read-only disk ended with code %d and said %q, want it to fail and to say why", l.cmd.ProcessState.ExitCode(), text)
	}
	remount(0)
	if _, err := os.Stat(w.relay.dir); err != nil {
		t.Fatal(err)
	}
	w.relay.start()
	f := w.finish()
	f.report(t, 2, took)
	t.Logf("accepting again after %v; %v", took.Round(time.Millisecond), f)
}

// TestFewDescriptors lowers the limit of open files of a busy server below what it has open, and
// raises it again: it neither ends nor loses anything, and works again at once.
func TestFewDescriptors(t *testing.T) {
	w := newWorld(t, filepath.Join(t.TempDir(), "data"))
	w.hist.storeFailed, w.hist.refusedMayCome = true, true
	w.pubs.run(t, w.rng, 4)
	time.Sleep(200 * time.Millisecond)
	pid := w.relay.life().cmd.Process.Pid
	limit := func(n uint64) {
		t.Helper()
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: 4096}, nil); err != nil {
			t.Fatalf("setting the limit of open files: %v", err)
		}
	}
	limit(8)
	time.Sleep(time.Second)
	limit(4096)
	took := waitFor(t, "accepting with enough descriptors", patience, func() error { return w.pubs.probe(w.rng) })
	if took > 5*time.Second {
		t.Errorf("accepting again after %v, want within 5s", took)
	}
	f := w.finish()
	f.report(t, 1, took)
	t.Logf("accepting again after %v; %v", took.Round(time.Millisecond), f)
}
