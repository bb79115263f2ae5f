//go:build linux

package faulttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// TestKill kills the server repeatedly while it is busy.
func TestKill(t *testing.T) {
	kills := count(t, "RELAY_FAULT_KILLS", 50, 10)
	w := newWorld(t, filepath.Join(t.TempDir(), "data"))
	w.pubs.run(t, w.rng, 6)
	for range kills {
		time.Sleep(100*time.Millisecond + time.Duration(w.rng.Int64N(int64(500*time.Millisecond))))
		w.relay.running()
		l := w.relay.life()
		l.kill()
		w.killed(l)
		intact(t, copyData(t, w.relay.dir))
		w.relay.start()
	}
	f := w.finish()
	f.report(t, kills, 0)
	t.Logf("%d kills, %v", kills, f)
}

// point is a system call at which the server is killed, before the call is made.
type point struct {
	call string
	n    int // strace counts per thread
}

// TestKillAtSystemCall kills the server at chosen writes, syncs, truncations and removals, during
// its start and its work. Relay never renames a file.
func TestKillAtSystemCall(t *testing.T) {
	// Each of these hits a server that is creating its files.
	births := []point{
		{"fdatasync", 1}, {"unlinkat", 1}, {"pwrite64", 6}, {"ftruncate", 1}, {"fdatasync", 4}, {"fallocate", 2},
	}
	// And these hit a server that is working, or that finds the state left by the one before.
	points := []point{
		{"fdatasync", 2}, {"pwrite64", 1}, {"pwrite64", 40}, {"fdatasync", 20}, {"pwrite64", 3}, {"fsync", 1}, {"pwrite64", 100},
		{"ftruncate", 1}, {"fdatasync", 50}, {"pwrite64", 150}, {"fsync", 2}, {"fdatasync", 8}, {"pwrite64", 17}, {"fallocate", 1},
	}
	if testenv.Race || testing.Short() {
		births, points = births[1:3], points[1:5]
	}
	rng := seeded(t)
	for range extra("RELAY_FAULT_POINTS") {
		calls := []string{"pwrite64", "pwrite64", "fdatasync", "fdatasync", "fsync", "ftruncate"}
		points = append(points, point{calls[rng.IntN(len(calls))], 1 + rng.IntN(200)})
	}
	for _, p := range births {
		r := newRelay(t, filepath.Join(t.TempDir(), "data"))
		r.killAt(p, 300*time.Millisecond)
		r.start()
		r.stop()
		intact(t, r.dir)
	}
	w := newWorld(t, filepath.Join(t.TempDir(), "data"))
	w.pubs.run(t, w.rng, 6)
	for _, p := range points {
		// Some work without a tracer, so that the next start has work to recover.
		time.Sleep(50*time.Millisecond + time.Duration(w.rng.Int64N(int64(100*time.Millisecond))))
		w.relay.running()
		w.relay.life().kill()
		w.killed(w.relay.life())
		for _, l := range w.relay.killAt(p, 3*time.Second) {
			w.killed(l)
		}
		intact(t, copyData(t, w.relay.dir))
		w.relay.start()
	}
	f := w.finish()
	f.report(t, len(births)+len(points), 0)
	t.Logf("%d kills at system calls, %v", len(births)+len(points), f)
}

// extra returns the value of a variable that asks for more than the usual; 0 if it is not set.
func extra(variable string) int {
	n, err := strconv.Atoi(os.Getenv(variable))
	if err != nil {
		return 0
	}
	return n
}

// killAt starts the server so that it is killed at a system call, and returns the lives that this
// took. The Go scheduler decides which thread makes how many calls. If no thread has made n calls a
// while after the server was ready, killAt tries again with half as many.
func (r *relay) killAt(p point, while time.Duration) []*life {
	r.t.Helper()
	strace := testenv.Binary(r.t, "strace") // without --seccomp-bpf, because strace 6.1 then sees only the first call
	var lives []*life
	for n := p.n; n > 0; n /= 2 {
		l := r.launch(strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace="+p.call,
			"-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", p.call, n))
		lives = append(lives, l)
		r.awaitReady(l)
		select {
		case <-l.done:
			if !l.struck() {
				r.t.Fatalf("killing at %s number %d: the server ended otherwise (%v):\n%s", p.call, n, l.cmd.ProcessState, l.log.text())
			}
			return lives
		case <-time.After(while):
			l.kill()
		}
	}
	r.t.Fatalf("killing at %s: not called within %v of being ready", p.call, while)
	return nil
}

// struck reports whether the process was killed; strace ends in the same way as the process it
// runs.
func (l *life) struck() bool {
	status, ok := l.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}
