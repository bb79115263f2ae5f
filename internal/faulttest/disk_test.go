//go:build linux

package faulttest

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/testenv"
)

// Limits for recovery.
const (
	resumeAfterSync = 10 * time.Second
	resumeAfterFull = 5 * time.Second
)

// meddler is an strace attached to a running server that changes its system calls.
type meddler struct {
	t   testing.TB
	cmd *exec.Cmd
	log tail
}

// meddle attaches to the server; it returns when every thread is traced.
func meddle(w *world, inject string) *meddler {
	w.t.Helper()
	pid := w.relay.life().cmd.Process.Pid
	call, _, _ := strings.Cut(inject, ":")
	m := &meddler{t: w.t}
	m.cmd = exec.Command(testenv.Binary(w.t, "strace"), "-f", "-qq", "-o", "/dev/null", "-p", strconv.Itoa(pid),
		"-e", "trace="+call, "-e", "inject="+inject)
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	m.cmd.Stderr = &m.log
	if err := m.cmd.Start(); err != nil {
		w.t.Fatalf("starting strace: %v", err)
	}
	w.t.Cleanup(m.leave)
	waitFor(w.t, "attaching strace", patience, func() error {
		// strace attaches to the threads one by one; later threads are traced from their beginning.
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if err != nil || len(tasks) == 0 {
			return fmt.Errorf("no threads: %w", errNotYet)
		}
		for _, path := range tasks {
			status, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if !strings.Contains(string(status), "TracerPid:\t"+strconv.Itoa(m.cmd.Process.Pid)+"\n") {
				return fmt.Errorf("%s is not traced: %s", path, m.log.text())
			}
		}
		return nil
	})
	return m
}

// leave detaches; the server continues normally. Leaving twice is harmless.
func (m *meddler) leave() {
	if m.cmd.ProcessState != nil {
		return
	}
	m.cmd.Process.Signal(syscall.SIGINT)
	m.cmd.Wait()
}

// TestFailingSync makes every sync fail for a while: no event is acknowledged, no refused event
// appears later, and the server recovers without help.
func TestFailingSync(t *testing.T) {
	testenv.Binary(t, "strace")
	w := newWorld(t, filepath.Join(t.TempDir(), "data"))
	w.hist.storeFailed = true
	w.pubs.run(t, w.rng, 4)
	var slowest time.Duration
	faults := []string{
		"fdatasync,fsync:error=EIO",          // every sync, until we leave
		"fdatasync,fsync:error=EIO:when=1",   // one on each thread
		"fdatasync,fsync:error=ENOSPC",       // like a disk that detects late that it is full
		"fdatasync,fsync:error=EIO:when=1+2", // every other one on each thread
		"pwrite64:error=EIO",                 // every write
	}
	for _, fault := range faults {
		time.Sleep(200 * time.Millisecond)
		m := meddle(w, fault)
		from := time.Now()
		always := !strings.Contains(fault, "when=")
		w.awaitRefusal(fault)
		if always {
			time.Sleep(time.Second)
		}
		to := time.Now()
		m.leave()
		w.relay.running()
		took := waitFor(t, "accepting after "+fault, patience, func() error { return w.pubs.probe(w.rng) })
		slowest = max(slowest, took)
		if took > resumeAfterSync {
			t.Errorf("%s: accepting again after %v, want at most %v", fault, took, resumeAfterSync)
		}
		if always {
			w.checkRefusals(fault, from, to)
		}
	}
	if w.relay.life() != w.relay.lives[0] {
		t.Errorf("the server was started %d times before the end, want 1", len(w.relay.lives))
	}
	f := w.finish()
	f.report(t, len(faults), slowest)
	t.Logf("%d faults, accepting again after %v at most; %v", len(faults), slowest.Round(time.Millisecond), f)
}

// TestFailingSyncAndKill kills the server while its syncs fail. Refused events may have been
// written, which a restarted server cannot tell; events acknowledged before are there.
func TestFailingSyncAndKill(t *testing.T) {
	w := newWorld(t, filepath.Join(t.TempDir(), "data"))
	w.hist.storeFailed, w.hist.refusedMayCome = true, true
	w.pubs.run(t, w.rng, 4)
	for range 2 {
		time.Sleep(200 * time.Millisecond)
		w.relay.life().stuck = time.Now()
		m := meddle(w, "fdatasync,fsync:error=EIO")
		w.awaitRefusal("failing syncs")
		w.relay.life().kill()
		m.leave()
		w.killed(w.relay.life())
		intact(t, copyData(t, w.relay.dir))
		w.relay.start()
	}
	t.Log(w.finish())
}

// awaitRefusal waits until a publisher is answered 503 from now on.
func (w *world) awaitRefusal(fault string) {
	w.t.Helper()
	before := w.refusals()
	waitFor(w.t, "a refusal because of "+fault, patience, func() error {
		w.relay.running()
		if w.refusals() == before {
			return errNotYet
		}
		return nil
	})
}

// refusals returns the number of 503 answers so far.
func (w *world) refusals() int {
	w.pubs.mu.Lock()
	defer w.pubs.mu.Unlock()
	n := 0
	for _, a := range w.pubs.answers {
		if a.status == http.StatusServiceUnavailable {
			n++
		}
	}
	return n
}

// checkRefusals checks that no event was acknowledged between the times.
func (w *world) checkRefusals(fault string, from, to time.Time) {
	w.t.Helper()
	statuses := make(map[int]int)
	for _, a := range w.pubs.between(from, to) {
		statuses[a.status]++
	}
	if statuses[http.StatusAccepted] > 0 || statuses[http.StatusServiceUnavailable] == 0 {
		w.t.Errorf("%s: answers to publishers were %v (status: count), want 503 only", fault, statuses)
	}
}

// TestBlockedSync makes syncs slow and checks that acknowledgements wait for them.
func TestBlockedSync(t *testing.T) {
	const block = 2 * time.Second
	w := newWorld(t, filepath.Join(t.TempDir(), "data"))
	if err := w.pubs.probe(w.rng); err != nil {
		t.Fatalf("publishing before the fault: %v", err)
	}
	w.settle()
	m := meddle(w, fmt.Sprintf("fdatasync,fsync:delay_enter=%d", block.Microseconds()))
	for _, id := range []bool{false, true} {
		w.settle() // so that the event does not have to wait for another sync in progress
		it, a := w.pubs.one(w.rng, id)
		if took := a.ended.Sub(a.begun); a.status != http.StatusAccepted || took < block {
			t.Errorf("publishing with syncs that take %v (id: %v): got status %d after %v, want 202 after %v", block, id, a.status, took, block)
		}
		for _, q := range w.rec.seen() {
			if q.token == it.token && q.begun.Before(a.begun.Add(block)) {
				t.Errorf("an event was delivered %v after it was published, before it was durable", q.begun.Sub(a.begun))
			}
		}
	}
	m.leave()
	t.Log(w.finish())
}

// TestFullDisk fills the disk and makes room again, several times.
func TestFullDisk(t *testing.T) {
	const size = 64 << 20
	cycles := count(t, "RELAY_FAULT_CYCLES", 5, 2)
	disk := smallDisk(t, size)
	w := newWorld(t, filepath.Join(disk, "data"))
	w.hist.storeFailed = true
	if err := w.pubs.probe(w.rng); err != nil {
		t.Fatalf("publishing before the fault: %v", err)
	}
	w.pubs.run(t, w.rng, 4)
	var slowest time.Duration
	for n := range cycles {
		time.Sleep(300 * time.Millisecond)
		// A neighbour takes the free space, or leaves some for us to fill.
		leave := int64(n%2) * (1 << 20)
		neighbour := filepath.Join(disk, "neighbour")
		fill(t, neighbour, disk, leave)
		w.awaitRefusal("a full disk")
		w.readAll()
		time.Sleep(500 * time.Millisecond)
		w.relay.running()
		if err := os.Remove(neighbour); err != nil {
			t.Fatal(err)
		}
		took := waitFor(t, "accepting once there is room", patience, func() error { return w.pubs.probe(w.rng) })
		slowest = max(slowest, took)
		if took > resumeAfterFull {
			t.Errorf("cycle %d: accepting again after %v, want at most %v", n+1, took, resumeAfterFull)
		}
	}
	if len(w.relay.lives) != 1 {
		t.Errorf("the server was started %d times before the end, want once", len(w.relay.lives))
	}
	f := w.finish()
	f.report(t, cycles, slowest)
	t.Logf("%d full disks, accepting again after %v at most; %v", cycles, slowest.Round(time.Millisecond), f)
}

// TestFullDiskAndKill kills the server on a full disk. It may refuse to start there, with an
// explanation, but must not lose data.
func TestFullDiskAndKill(t *testing.T) {
	disk := smallDisk(t, 64<<20)
	w := newWorld(t, filepath.Join(disk, "data"))
	w.hist.storeFailed, w.hist.refusedMayCome = true, true
	w.pubs.run(t, w.rng, 4)
	time.Sleep(300 * time.Millisecond)
	neighbour := filepath.Join(disk, "neighbour")
	w.relay.life().stuck = time.Now()
	fill(t, neighbour, disk, 0)
	w.awaitRefusal("a full disk")
	w.relay.life().kill()
	w.killed(w.relay.life())

	l := w.relay.launch()
	l.stuck = l.started
	if ready := w.relay.awaitAnswer(l); ready != "" {
		if !strings.Contains(ready, "is full") && !strings.Contains(ready, "no space left") {
			t.Errorf("a server started on a full disk: got %s from /readyz, want it to say why", ready)
		}
	} else if text := l.log.text(); !strings.Contains(text, "no space left") {
		t.Errorf("a server started on a full disk ended (%v) and said %q, want it to say why", l.cmd.ProcessState, text)
	}
	l.kill()
	w.killed(l)
	if err := os.Remove(neighbour); err != nil {
		t.Fatal(err)
	}
	w.relay.start()
	t.Log(w.finish())
}

// readAll checks that reading works while writing is impossible.
func (w *world) readAll() {
	w.t.Helper()
	ctx := w.t.Context()
	events, err := w.relay.api.ListEventsPage(ctx, client.ListEventsParams{Limit: 10})
	if err != nil || len(events.Data) == 0 {
		w.t.Errorf("listing events on a full disk: got %d events (%v), want some", len(events.Data), err)
		return
	}
	if e, err := w.relay.api.GetEvent(ctx, events.Data[0].ID); err != nil || e.ID != events.Data[0].ID {
		w.t.Errorf("reading event %s on a full disk: got %q (%v)", events.Data[0].ID, e.ID, err)
	}
	attempts, err := w.relay.api.ListWebhookAttemptsPage(ctx, w.hist.hooks[0].id, client.ListWebhookAttemptsParams{Limit: 10})
	if err != nil || len(attempts.Data) == 0 {
		w.t.Errorf("listing attempts on a full disk: got %d attempts (%v), want some", len(attempts.Data), err)
		return
	}
	if a, err := w.relay.api.GetAttempt(ctx, attempts.Data[0].ID); err != nil || a.ID != attempts.Data[0].ID {
		w.t.Errorf("reading attempt %s on a full disk: got %q (%v)", attempts.Data[0].ID, a.ID, err)
	}
}

// smallDisk mounts a separate file system in memory that can be filled safely.
func smallDisk(t *testing.T, size int) string {
	t.Helper()
	if os.Geteuid() != 0 {
		testenv.Skip(t, "only root can mount a small file system")
	}
	dir := t.TempDir()
	switch err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", size)); {
	case errors.Is(err, syscall.EPERM):
		testenv.Skip(t, "mounting is not permitted here, although we are root (a container without CAP_SYS_ADMIN)")
	case err != nil:
		t.Fatalf("mounting a tmpfs: %v", err)
	}
	t.Cleanup(func() {
		// Cleanups run in reverse: the server has been killed by now.
		if err := syscall.Unmount(dir, 0); err != nil {
			syscall.Unmount(dir, syscall.MNT_DETACH)
			t.Errorf("unmounting %q: %v", dir, err)
		}
	})
	return dir
}

// fill writes a file until its disk has only leave bytes of room. Other processes write at the same
// time, so it continues until it has found the disk full twice.
func fill(t *testing.T, path, disk string, leave int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for chunk := len(block); chunk >= 4096; {
		var s syscall.Statfs_t
		if err := syscall.Statfs(disk, &s); err != nil {
			t.Fatal(err)
		}
		if leave > 0 && int64(s.Bavail)*s.Bsize-int64(chunk) < leave {
			chunk /= 2
			continue
		}
		switch _, err := f.Write(block[:chunk]); {
		case errors.Is(err, syscall.ENOSPC):
			chunk /= 2
		case err != nil:
			t.Fatalf("filling the disk: %v", err)
		}
	}
}
