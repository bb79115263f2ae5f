//go:build linux

package e2etest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

const (
	backlog = 200_000
	// memoryLimit is a relay's maximum memory with any backlog, in bytes.
	memoryLimit = 150 << 20
	// drained is how many deliveries must arrive within drainTime of an endpoint's return. Relay
	// resumes slowly on purpose: 8 attempts per second, doubling each second, so that it does not
	// overload a recovering endpoint.
	drained   = 5_000
	drainTime = 45 * time.Second
)

// TestBacklogOfDeadEndpoint queues 200,000 deliveries for a dead endpoint, measures the memory, and
// brings the endpoint back.
func TestBacklogOfDeadEndpoint(t *testing.T) {
	t.Run("refuses connections", func(t *testing.T) {
		e := newDeadEndpoint(t)
		backlogTest(t, e, func() { e.listen() })
	})
	t.Run("answers 500", func(t *testing.T) {
		e := newDeadEndpoint(t)
		e.code.Store(500)
		e.listen()
		backlogTest(t, e, func() { e.code.Store(200) })
	})
}

func backlogTest(t *testing.T, e *deadEndpoint, revive func()) {
	owed := backlog
	if testenv.Race {
		owed = 10_000
	}
	r := startRelay(t)
	r.webhook(`{"url":"` + e.url + `"}`)
	began := time.Now()
	publishMany(t, r, owed)
	published := time.Since(began)

	// Everything has been routed when all deliveries are in the store, except those that the lane
	// holds in memory or has tried.
	const inMemory = 1_000
	eventually(t, "the deliveries are owed", func() bool { return metric(t, r, "relay_deliveries_owed") >= float64(owed-inMemory) })
	peak := statusField(t, r, "VmHWM:")
	t.Logf("%d events accepted in %v; owed after %v; peak memory %d MiB", owed, published.Round(time.Millisecond), time.Since(began).Round(time.Millisecond), peak>>20)

	e.accepted.Store(0)
	revive()
	want := int64(min(drained, owed/2))
	began = time.Now()
	for deadline := began.Add(drainTime); e.accepted.Load() < want && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	if got := e.accepted.Load(); got < want {
		t.Errorf("%v after its return the endpoint has got %d deliveries, want at least %d", drainTime, got, want)
	} else {
		t.Logf("%d deliveries %v after the endpoint's return", got, time.Since(began).Round(time.Millisecond))
	}
	peak = statusField(t, r, "VmHWM:")
	t.Logf("peak memory while draining, too: %d MiB", peak>>20)
	if peak > memoryLimit && !testenv.Race { // the race detector needs memory of its own
		t.Errorf("peak memory: got %d MiB, want at most %d MiB", peak>>20, memoryLimit>>20)
	}
}

// publishMany publishes events in arrays of 1,000, two at a time.
func publishMany(t *testing.T, r *relay, n int) {
	t.Helper()
	const array = 1_000
	one := `{"type":"call.completed","data":{"sid":"CA0123456789","callerName":"John Smith","duration":142,"summary":"` + strings.Repeat("Caller asked about pricing. ", 20) + `"}}`
	body := "[" + strings.Repeat(one+",", array-1) + one + "]"
	var next atomic.Int64
	done := make(chan error)
	const publishers = 2
	for range publishers {
		go func() {
			for next.Add(array) <= int64(n) {
				if a, err := r.try("POST", "/v1/events", body); err != nil || a.status != 202 {
					done <- fmt.Errorf("publishing: got %d %.300s, %w", a.status, a.body, err)
					return
				}
			}
			done <- nil
		}()
	}
	for range publishers {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// metric reads a metric without labels.
func metric(t *testing.T, r *relay, name string) float64 {
	t.Helper()
	for line := range strings.Lines(string(r.do("GET", "/metrics", "").body)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				t.Fatalf("metric %s: %v", name, err)
			}
			return v
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// statusField reads a field of /proc/PID/status, in bytes; see proc(5).
func statusField(t *testing.T, r *relay, name string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			if err != nil {
				t.Fatalf("%s of /proc/PID/status: %v", name, err)
			}
			return kb << 10
		}
	}
	t.Fatalf("/proc/PID/status has no field %s", name)
	return 0
}

// deadEndpoint has its own address, which refuses connections until listen is called.
type deadEndpoint struct {
	t        testing.TB
	url      string
	socket   int
	code     atomic.Int32 // status code of answers
	accepted atomic.Int64 // requests answered 200
}

// newDeadEndpoint binds a socket without listening: the port is taken, so that no other program
// gets it, and refuses connections.
func newDeadEndpoint(t testing.TB) *deadEndpoint {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("making a socket: %v", err)
	}
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatalf("binding a socket: %v", err)
	}
	addr, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatalf("reading a socket's address: %v", err)
	}
	e := &deadEndpoint{t: t, socket: fd, url: fmt.Sprintf("http://127.0.0.1:%d/hook", addr.(*syscall.SockaddrInet4).Port)}
	e.code.Store(200)
	return e
}

// listen brings the endpoint to life.
func (e *deadEndpoint) listen() {
	e.t.Helper()
	if err := syscall.Listen(e.socket, 1024); err != nil {
		e.t.Fatalf("listening: %v", err)
	}
	file := os.NewFile(uintptr(e.socket), "endpoint")
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		e.t.Fatalf("listening: %v", err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		code := int(e.code.Load())
		w.WriteHeader(code)
		if code == 200 {
			e.accepted.Add(1)
		}
	})}
	ended := make(chan struct{})
	go func() { s.Serve(l); close(ended) }()
	e.t.Cleanup(func() { s.Close(); <-ended })
}
