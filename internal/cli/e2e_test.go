package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/testenv"
	"github.com/relay-events/relay/receiver"
)

const operatorKey = "correct-horse-battery-staple"

// Limits of the program, see the tests that use them. The machine may be busy with other tests, so
// measurements are repeated and the best counts.
const (
	readyWithin = 500 * time.Millisecond // on an empty folder
	idleMemory  = 24 << 20               // bytes of its own, see ownMemory
	refusedIn   = time.Second            // a second server on the folder
	tries       = 10
)

// ready is the line that "relay serve" prints for programs.
type ready struct {
	Ready    bool   `json:"ready"`
	URL      string `json:"url"`
	Docs     string `json:"docs"`
	Data     string `json:"data"`
	Version  string `json:"version"`
	FirstKey string `json:"firstKey"`
}

// process is a "relay serve" started by the test.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	ready  ready
	after  time.Duration // from the start of the process to the line
	stderr *lockedBuffer
	ended  chan error
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// command prepares the binary with an environment of only the given variables.
func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(testenv.BuildRelay(t), args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()}, env...)
	cmd.Dir = t.TempDir()
	return cmd
}

// launch starts a server and waits until it is ready.
func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, stderr: &lockedBuffer{}, ended: make(chan error, 1)}
	cmd.Stderr = p.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-p.ended
		p.ended <- nil
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	p.after = time.Since(begun)
	go func() { io.Copy(io.Discard, out); p.ended <- cmd.Wait() }()
	if err != nil || json.Unmarshal(line, &p.ready) != nil || !p.ready.Ready {
		t.Fatalf("%v: got line %q, %v, stderr %s; want the line that it is ready", cmd.Args[1:], line, err, p.stderr)
	}
	return p
}

// signal sends a signal and waits for the end; it returns how long that took and how the process
// ended.
func (p *process) signal(s ...os.Signal) (time.Duration, error) {
	p.t.Helper()
	begun := time.Now()
	for n, s := range s {
		for n > 0 && !strings.Contains(p.stderr.String(), `"msg":"shutting down`) { // two signals at once may arrive as one
			if time.Since(begun) > time.Minute {
				p.t.Fatalf("a minute after a signal: got stderr %s, want the server to be stopping", p.stderr)
			}
			time.Sleep(time.Millisecond)
		}
		if err := p.cmd.Process.Signal(s); err != nil {
			p.t.Fatal(err)
		}
	}
	select {
	case err := <-p.ended:
		p.ended <- err
		return time.Since(begun), err
	case <-time.After(time.Minute):
		p.t.Fatalf("the server did not end within a minute; stderr %s", p.stderr)
		return 0, nil
	}
}

func (p *process) dial(key string) *client.Client {
	p.t.Helper()
	tr := &http.Transport{}
	p.t.Cleanup(tr.CloseIdleConnections)
	c, err := client.New(client.Options{URL: p.ready.URL, Key: key, HTTPClient: &http.Client{Transport: tr}})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func serveArgs(dir string, more ...string) []string {
	return append([]string{"serve", "--listen", "127.0.0.1:0", "--data", dir}, more...)
}

var keyEnv = []string{"RELAY_ADMIN_KEY=" + operatorKey}

// An event from start to stop, with the binary as shipped.
func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p := launch(t, command(t, keyEnv, serveArgs(dir, "--dev")...))
	if p.ready.FirstKey != "" || p.ready.Data != dir || p.ready.Docs != p.ready.URL+"/docs" {
		t.Errorf("ready line: got %+v, want the folder, the documentation and no key", p.ready)
	}

	// A second server on the folder is refused quickly, with an explanation.
	second := command(t, keyEnv, serveArgs(dir)...)
	begun := time.Now()
	out, err := second.CombinedOutput()
	if want := fmt.Sprintf("relay: another Relay is using %q: stop it, or choose another folder with --data\n", dir); second.ProcessState.ExitCode() != 1 || string(out) != want {
		t.Errorf("second server: got %v, %q, want exit code 1 and %q", err, out, want)
	}
	if took := time.Since(begun); took > refusedIn {
		t.Errorf("second server: refused after %v, want within %v", took, refusedIn)
	}

	c := p.dial(operatorKey)
	got := make(chan receiver.Event, 1)
	var rc *receiver.Receiver
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc.Handle(func(_ context.Context, e receiver.Event) error { got <- e; return nil }).ServeHTTP(w, r)
	}))
	defer endpoint.Close()
	hook, err := c.CreateWebhook(t.Context(), client.CreateWebhook{URL: endpoint.URL})
	if err != nil {
		t.Fatal(err)
	}
	if rc, err = receiver.New(receiver.Config{Secrets: []string{hook.Secret}}); err != nil {
		t.Fatal(err)
	}
	published, err := c.Publish(t.Context(), client.NewEvent{Type: "order.paid", Data: map[string]int{"total": 42}})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-got:
		if e.Type != "order.paid" || string(e.Data) != `{"total":42}` {
			t.Errorf("received: got %+v, want event %+v", e, published)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("nothing arrived within 30 s; stderr %s", p.stderr)
	}

	// The metrics page counts it, and needs a key.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.ready.URL+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+operatorKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if !strings.Contains(string(page), "\nrelay_events_accepted_total 1\n") {
		t.Errorf("metrics: got %.300s …, want one event accepted", page)
	}
	http.DefaultClient.CloseIdleConnections()

	took, err := p.signal(syscall.SIGTERM)
	if err != nil || took > 11*time.Second { // 10 s for an attempt, and one more
		t.Errorf("SIGTERM: got %v after %v, want exit code 0 within 11 s; stderr %s", err, took, p.stderr)
	}
	for line := range strings.Lines(p.stderr.String()) {
		if !json.Valid([]byte(line)) || strings.Contains(line, operatorKey) || strings.Contains(line, hook.Secret) {
			t.Errorf("log line: got %q, want JSON without secrets", line)
		}
	}
}

// The first start shows a key that works; later starts show none.
func TestServeShowsFirstKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p := launch(t, command(t, nil, serveArgs(dir)...))
	if _, err := p.dial(p.ready.FirstKey).ListWebhooksPage(t.Context(), client.ListWebhooksParams{}); err != nil {
		t.Errorf("with the first key %q: %v", p.ready.FirstKey, err)
	}
	key := p.ready.FirstKey
	if _, err := p.signal(os.Interrupt); err != nil {
		t.Errorf("SIGINT: got %v, want exit code 0", err)
	}
	p = launch(t, command(t, nil, serveArgs(dir)...))
	if p.ready.FirstKey != "" {
		t.Errorf("second start: got key %q, want none", p.ready.FirstKey)
	}
	if _, err := p.dial(key).ListWebhooksPage(t.Context(), client.ListWebhooksParams{}); err != nil {
		t.Errorf("with the first key after a restart: %v", err)
	}
}

// hangingServer starts a server with an attempt in progress that does not end by itself, and
// returns it with a channel that receives for every attempt.
func hangingServer(t *testing.T, dir string, more ...string) (*process, <-chan struct{}) {
	t.Helper()
	arrived := make(chan struct{}, 100)
	release := make(chan struct{})
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(endpoint.Close)
	t.Cleanup(func() { close(release) })
	p := launch(t, command(t, keyEnv, serveArgs(dir, append(more, "--dev")...)...))
	c := p.dial(operatorKey)
	if _, err := c.CreateWebhook(t.Context(), client.CreateWebhook{URL: endpoint.URL, Timeout: client.Set(client.Duration(time.Minute))}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Publish(t.Context(), client.NewEvent{Type: "a.b", Data: 1}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-arrived:
	case <-time.After(30 * time.Second):
		t.Fatalf("no attempt within 30 s; stderr %s", p.stderr)
	}
	return p, arrived
}

func TestStopWithHangingEndpoint(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	p, arrived := hangingServer(t, dir, "--shutdown-timeout", "1s")
	took, err := p.signal(syscall.SIGTERM)
	if err != nil || took < time.Second || took > 10*time.Second {
		t.Errorf("SIGTERM with an attempt under way: got %v after %v, want exit code 0 soon after 1 s; stderr %s", err, took, p.stderr)
	}
	// It is owed, and repeated after the next start.
	launch(t, command(t, keyEnv, serveArgs(dir, "--dev")...))
	select {
	case <-arrived:
	case <-time.After(30 * time.Second):
		t.Error("the attempt that was cut off did not come again within 30 s")
	}
}

func TestSecondSignalHurries(t *testing.T) {
	p, _ := hangingServer(t, filepath.Join(t.TempDir(), "data"), "--shutdown-timeout", "5m")
	took, err := p.signal(syscall.SIGTERM, syscall.SIGTERM)
	if err != nil || took > 20*time.Second {
		t.Errorf("two signals: got %v after %v, want exit code 0 at once; stderr %s", err, took, p.stderr)
	}
}

// The server starts quickly for people who try it out, and fits a small machine.
func TestReadyAndIdle(t *testing.T) {
	var fastest time.Duration
	var smallest int64
	for range tries {
		p := launch(t, command(t, nil, serveArgs(filepath.Join(t.TempDir(), "data"))...))
		if fastest == 0 || p.after < fastest {
			fastest = p.after
		}
		if _, err := p.dial("").GetReadiness(t.Context()); err != nil {
			t.Errorf("readyz after the line: %v", err)
		}
		memory := int64(0)
		if runtime.GOOS == "linux" {
			time.Sleep(500 * time.Millisecond) // idle, as the measurement requires
			memory = ownMemory(t, p.cmd.Process.Pid)
		}
		if smallest == 0 || memory < smallest {
			smallest = memory
		}
		if _, err := p.signal(syscall.SIGTERM); err != nil {
			t.Errorf("SIGTERM: got %v, want exit code 0", err)
		}
		if fastest <= readyWithin && smallest < idleMemory {
			break
		}
	}
	t.Logf("ready after %v, %d MiB of its own", fastest.Round(time.Millisecond), smallest>>20)
	if fastest > readyWithin {
		t.Errorf("ready on an empty folder: got %v at best, want within %v", fastest, readyWithin)
	}
	if smallest >= idleMemory {
		t.Errorf("memory of its own when idle: got %d bytes at best, want less than %d", smallest, idleMemory)
	}
}

// ownMemory returns the resident memory in bytes that a process has allocated. The pages of its program file are
// left out: how many of them count as resident depends on what the machine has in its page cache, and it takes them
// back when it needs them.
func ownMemory(t *testing.T, pid int) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`RssAnon:\s+(\d+) kB`).FindSubmatch(b)
	if m == nil {
		t.Fatalf("no VmRSS in %s", b)
	}
	kb, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}

// Shells allow 1,024 open files by default, and 4,096 attempts need more: the limit is raised as
// far as possible.
func TestRaisesFileLimit(t *testing.T) {
	if runtime.GOOS != "linux" {
		testenv.Skip(t, "reads /proc/PID/limits")
	}
	cmd := command(t, nil)
	cmd.Args = append([]string{"sh", "-c", `ulimit -Sn 256; exec "$0" "$@"`, cmd.Path}, serveArgs(filepath.Join(t.TempDir(), "data"))...)
	cmd.Path = testenv.Binary(t, "sh")
	p := launch(t, cmd)
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`Max open files\s+(\S+)\s+(\S+)`).FindSubmatch(b)
	if m == nil {
		t.Fatalf("no limit of open files in %s", b)
	}
	soft, _ := strconv.Atoi(string(m[1]))
	hard, _ := strconv.Atoi(string(m[2]))
	if soft < hard-1 { // the Go runtime leaves one
		t.Errorf("limit of open files: got %s, want the hard limit, %s", m[1], m[2])
	}
}

func TestDemo(t *testing.T) {
	cmd := command(t, nil, "demo", "--listen", "127.0.0.1:0", "--count", "5", "--every", "20ms")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("got %v, %s", err, out)
	}
	line := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d  (call\.completed|call\.urgent|appointment\.booked) +whk_[0-9a-z]{20}  attempt \d +[0-9.]+ (ms|s)  signature ok`)
	if got := len(line.FindAll(out, -1)); got < 5 {
		t.Errorf("got %s\nwant 5 verified deliveries or more, got %d", out, got)
	}
	for _, want := range []string{"curl http://127.0.0.1:", "/v1/events", "/attempts?limit=1", "/docs", "answering 503: it will be tried again", "5 deliveries arrived"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("got %s\nwant it to contain %q", out, want)
		}
	}
	if bytes.ContainsRune(out, '\x1b') {
		t.Errorf("got %q, want no colours in a pipe", out)
	}
	for _, v := range cmd.Env {
		if dir, ok := strings.CutPrefix(v, "TMPDIR="); ok {
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("temporary folder afterwards: got %v, %v, want nothing left behind", left, err)
			}
		}
	}
}

// The demo shows the promised retry, and prints a user's own events with control characters
// escaped.
func TestDemoShowsRetryAndPayload(t *testing.T) {
	cmd := command(t, nil, "demo", "--listen", "127.0.0.1:0", "--every", "200ms")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timeout := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer timeout.Stop()
	var url, key string
	var all strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		if m := regexp.MustCompile(`curl (http://\S+)/v1/events`).FindStringSubmatch(lines.Text()); m != nil {
			url = m[1]
		}
		if m := regexp.MustCompile(`Bearer (rk_[\w-]+)`).FindStringSubmatch(lines.Text()); m != nil && key == "" {
			key = m[1]
			c, err := client.New(client.Options{URL: url, Key: key})
			if err != nil {
				t.Fatal(err)
			}
			// The webhook exists once the following line is printed.
			if _, err := c.Publish(t.Context(), client.NewEvent{Type: "hello.world", Data: "tricky \x1b[2J\u202e"}); err != nil {
				t.Fatal(err)
			}
		}
		if strings.Contains(lines.Text(), "accepted this time") && strings.Contains(all.String(), "hello.world") {
			if !strings.Contains(lines.Text(), "attempt 2") {
				t.Errorf("line of the retry: got %q, want attempt 2", lines.Text())
			}
			cmd.Process.Signal(os.Interrupt)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("got %v, %s", err, all.String())
	}
	// JSON escapes one of them, printing the other.
	if !strings.Contains(all.String(), `"tricky \u001b[2J\u{202e}"`) {
		t.Errorf("got %s\nwant the payload with its control characters escaped", all.String())
	}
	http.DefaultClient.CloseIdleConnections()
}
