//go:build linux

package faulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/testenv"
)

const (
	adminKey = "an-operator-key-for-fault-tests"
	// readyLimit is how long after its start a server may take to answer /readyz on a machine of its own, as
	// "make torture" has it, and readyBusy where other tests start programs at the same time.
	readyLimit = 2 * time.Second
	readyBusy  = 15 * time.Second
	// patience bounds waits for events without a limit of their own. It only ends hanging tests.
	patience = 60 * time.Second
)

// relay is a server that is started repeatedly on one folder and one address.
type relay struct {
	t      testing.TB
	binary string
	dir    string
	addr   string
	args   []string // additional arguments of serve
	api    *client.Client
	http   *http.Client
	lives  []*life // the last one may be running

	slowest time.Duration // slowest start
}

// life is one process of the server.
type life struct {
	cmd     *exec.Cmd
	log     *tail
	done    chan struct{} // closed when the process, and strace around it, has ended
	started time.Time
	took    time.Duration // until it was ready; zero if it never was
	doomed  time.Time     // just before the kill; zero if it was not killed from outside
	stuck   time.Time     // just before its store began to fail permanently, so that results were not stored any longer; zero if it never failed
	ended   time.Time     // when its end was noticed; valid after done
}

func newRelay(t testing.TB, dir string) *relay {
	r := &relay{t: t, binary: testenv.BuildRelay(t), dir: dir, addr: quietAddr(t)}
	r.http = &http.Client{Timeout: 30 * time.Second}
	var err error
	r.api, err = client.New(client.Options{URL: r.url(), Key: adminKey, HTTPClient: r.http})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if l := r.life(); l != nil {
			l.kill()
		}
		if t.Failed() && len(r.lives) > 0 {
			t.Logf("the server's last words:\n%s", r.life().log.text())
		}
	})
	return r
}

// quietAddr returns a loopback address whose port the system never assigns to outgoing connections,
// so that no connection can take it between two lives of a server.
func quietAddr(t testing.TB) string {
	t.Helper()
	low := 32768 // Linux's default
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if n, err := strconv.Atoi(strings.Fields(string(b))[0]); err == nil && n > 11000 {
			low = n
		}
	}
	for range 100 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(10000+rand.IntN(low-10000)))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("found no free port below the ephemeral ones")
	return ""
}

func (r *relay) url() string { return "http://" + r.addr }

// life returns the last life, nil before the first.
func (r *relay) life() *life {
	if len(r.lives) == 0 {
		return nil
	}
	return r.lives[len(r.lives)-1]
}

// launch starts the server, optionally behind a wrapper such as strace with its arguments. It does
// not wait.
func (r *relay) launch(wrapper ...string) *life {
	r.t.Helper()
	args := append(wrapper, r.binary, "serve", "--dev", "--data", r.dir, "--listen", r.addr) //nolint:gocritic // wrapper is ours
	args = append(args, r.args...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "RELAY_ADMIN_KEY="+adminKey)
	// A group, so that strace and the server can be killed together and do not survive a crashed
	// test.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	l := &life{cmd: cmd, log: &tail{}, done: make(chan struct{}), started: time.Now()}
	cmd.Stdout, cmd.Stderr = io.Discard, l.log
	if err := cmd.Start(); err != nil {
		r.t.Fatalf("starting %q: %v", args[0], err)
	}
	go func() { // ends with the process, which the test's cleanup kills at the latest
		cmd.Wait()
		l.ended = time.Now()
		close(l.done)
	}()
	r.lives = append(r.lives, l)
	return l
}

// begin launches the server and waits until it is ready, however long that takes.
func (r *relay) begin() {
	r.t.Helper()
	if l := r.launch(); !r.awaitReady(l) {
		r.t.Fatalf("the server ended or was not ready within %v:\n%s", patience, l.log.text())
	}
}

// start launches the server, waits until it is ready, and checks that this took at most readyLimit or
// readyBusy, plus the time for which the machine stood still. The first start, which creates the files or the
// tables, may take longer.
func (r *relay) start() *life {
	r.t.Helper()
	stalled := watchStalls(r.t)
	l := r.launch()
	ready := r.awaitReady(l)
	excuse := stalled()
	if !ready {
		r.t.Fatalf("the server ended or was not ready within %v:\n%s", patience, l.log.text())
	}
	limit := readyBusy
	if testenv.Reports() {
		limit = readyLimit
	}
	if len(r.lives) > 1 && l.took > limit+excuse {
		r.t.Errorf("start number %d: ready after %v, want at most %v (and %v for which the machine stood still)",
			len(r.lives), l.took, limit, excuse)
	}
	r.slowest = max(r.slowest, l.took)
	return l
}

// watchStalls repeatedly writes and syncs a small file until the returned function is called, which
// returns how long this was delayed: other tests and programs share the disk and the processors.
func watchStalls(t testing.TB) (stalled func() time.Duration) {
	t.Helper()
	const (
		step   = 10 * time.Millisecond // between two syncs
		normal = 30 * time.Millisecond // for a step and a sync
	)
	f, err := os.Create(filepath.Join(t.TempDir(), "stalls"))
	if err != nil {
		t.Fatal(err)
	}
	stop, result := make(chan struct{}), make(chan time.Duration, 1)
	go func() { // ends with the function's call, which its caller always makes
		defer f.Close()
		var sum time.Duration
		for {
			begun := time.Now()
			_, err := f.WriteAt(make([]byte, 4096), 0)
			if err == nil {
				err = f.Sync()
			}
			timer := time.NewTimer(step)
			select {
			case <-timer.C:
			case <-stop:
				timer.Stop()
				if err != nil {
					sum = 0
				}
				result <- sum + max(0, time.Since(begun)-normal)
				return
			}
			sum += max(0, time.Since(begun)-normal)
		}
	}()
	return func() time.Duration { close(stop); return <-result }
}

// awaitReady waits until the server is ready; it returns false if the server has ended instead.
func (r *relay) awaitReady(l *life) bool {
	probe := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for time.Since(l.started) < patience {
		res, err := probe.Get(r.url() + "/readyz")
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				l.took = time.Since(l.started)
				return true
			}
		}
		select {
		case <-l.done:
			return false
		case <-time.After(2 * time.Millisecond):
		}
	}
	return false
}

// awaitAnswer waits until /readyz answers that the server is not ready, and returns the answer, or
// "" if the server ended first.
func (r *relay) awaitAnswer(l *life) string {
	probe := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for time.Since(l.started) < patience {
		res, err := probe.Get(r.url() + "/readyz")
		if err == nil {
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode == http.StatusServiceUnavailable && !strings.Contains(string(body), "start") {
				return string(body)
			}
		}
		select {
		case <-l.done:
			return ""
		case <-time.After(2 * time.Millisecond):
		}
	}
	return ""
}

// kill ends the process like kill -9 and waits for its end.
func (l *life) kill() {
	select {
	case <-l.done:
		return
	default:
	}
	l.doomed = time.Now()
	syscall.Kill(-l.cmd.Process.Pid, syscall.SIGKILL)
	<-l.done
}

// stop ends the server as an operator does.
func (r *relay) stop() {
	r.t.Helper()
	l := r.life()
	l.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-l.done:
	case <-time.After(patience):
		r.t.Fatalf("the server did not end within %v of SIGTERM:\n%s", patience, l.log.text())
	}
	if code := l.cmd.ProcessState.ExitCode(); code != 0 {
		r.t.Errorf("ending by SIGTERM: got exit code %d, want 0:\n%s", code, l.log.text())
	}
}

// running fails the test if the server has ended unexpectedly.
func (r *relay) running() {
	r.t.Helper()
	l := r.life()
	select {
	case <-l.done:
		r.t.Fatalf("the server ended by itself (%v):\n%s", l.cmd.ProcessState, l.log.text())
	default:
	}
}

// get reads a JSON answer.
func (r *relay) get(path string, into any) error {
	req, err := http.NewRequest(http.MethodGet, r.url()+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	res, err := r.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: got status %d, want 200: %s", path, res.StatusCode, body)
	}
	return json.Unmarshal(body, into)
}

// deliveries returns how many deliveries the API lists in a state.
func (r *relay) deliveries(state string) (int, error) {
	var page struct {
		Data       []json.RawMessage `json:"data"`
		NextCursor *string           `json:"nextCursor"`
	}
	n, path := 0, "/v1/deliveries?limit=250&state="+state
	for next := path; ; next = path + "&cursor=" + *page.NextCursor {
		page.NextCursor = nil
		if err := r.get(next, &page); err != nil {
			return 0, err
		}
		n += len(page.Data)
		if page.NextCursor == nil {
			return n, nil
		}
	}
}

// waitFor polls until met returns nil. If it gives up, it reports the last error.
func waitFor(t testing.TB, what string, limit time.Duration, met func() error) time.Duration {
	t.Helper()
	start := time.Now()
	for {
		err := met()
		if err == nil {
			return time.Since(start)
		}
		if time.Since(start) > limit {
			t.Fatalf("%s: not within %v: %v", what, limit, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// copyData copies the server's files as a kill left them, without the shared memory of locks.
func copyData(t testing.TB, from string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return os.MkdirAll(target, 0o700)
		case strings.HasSuffix(path, "-shm"):
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, b, 0o600)
	})
	if err != nil {
		t.Fatalf("copying %q: %v", from, err)
	}
	return to
}

// tail keeps the last output of a process.
type tail struct {
	mu   sync.Mutex
	last []byte
}

func (t *tail) Write(p []byte) (int, error) {
	const keep = 16 << 10
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = append(t.last, p...)
	if n := len(t.last) - keep; n > 0 {
		t.last = bytes.Clone(t.last[n:])
	}
	return len(p), nil
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.last)
}

// seeded returns the random source of a test and prints its seed.
func seeded(t testing.TB) *rand.Rand {
	t.Helper()
	return testenv.Random(t)
}

// count returns how often a test does something, see testenv.Count.
func count(t testing.TB, variable string, full, few int) int {
	t.Helper()
	return testenv.Count(t, variable, full, few)
}

var errNotYet = errors.New("not yet")

// hook is a webhook of a test.
type hook struct {
	name   string // its path at the receiver
	id     string
	events string
}

// createHooks creates the two webhooks of every test: one that wants all published events, and one
// that wants a part. Failures are retried after a second.
func createHooks(t testing.TB, r *relay, rec *recorder) []*hook {
	t.Helper()
	hooks := []*hook{{name: "all", events: "load.*"}, {name: "some", events: typeShared}}
	for _, h := range hooks {
		w, err := r.api.CreateWebhook(context.Background(), client.CreateWebhook{
			URL: rec.server.URL + "/" + h.name, Events: client.Set([]string{h.events}),
			Retry: client.Set(client.RetryFields{Attempts: client.Set(50), Waits: client.Set([]client.Duration{client.Duration(time.Second)}), MaxAge: client.Set(client.Duration(time.Hour))}),
		})
		if err != nil {
			t.Fatalf("creating the webhook %q: %v", h.name, err)
		}
		h.id = w.ID
		rec.trust(h.name, w.Secret)
	}
	return hooks
}
