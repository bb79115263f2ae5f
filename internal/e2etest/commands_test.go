package e2etest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// number returns the number in a variable, by which a make target makes a test long.
func number(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s must be a number, got %q", variable, text)
	}
	return n
}

// command makes a command of the command line that calls the server at an address.
func (r *relay) command(at string, args ...string) *exec.Cmd {
	cmd := exec.Command(r.binary, args...)
	cmd.Env = append(os.Environ(), "RELAY_URL="+at, "RELAY_KEY="+adminKey, "HOME="+r.dir+"-home", "XDG_CONFIG_HOME=")
	return cmd
}

// TestPublishTable publishes a table, interrupts the command twice, once by killing it, and finds each row
// exactly once. The command's memory does not grow with the table.
func TestPublishTable(t *testing.T) {
	rows := number(t, "RELAY_E2E_ROWS", 20_000)
	r := startRelay(t)
	file := filepath.Join(t.TempDir(), "rows.csv")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, "n,name,amount")
	for i := range rows {
		fmt.Fprintf(w, "%d,\"Søren, %d\",%d.50\n", i, i, i%1000)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	server, err := url.Parse(r.url)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"publish", file, "--csv", "--type", "table.row", "--map", "data.n=n:number", "--map", "data.name=name", "--map", "data.amount=amount:number"}
	for _, interruption := range []struct {
		signal  os.Signal
		request int  // during which the command gets the signal
		stored  bool // before that: the command is not told
	}{{os.Interrupt, rows / 4000, false}, {syscall.SIGKILL, rows / 4000, true}} {
		var requests atomic.Int64
		var cmd *exec.Cmd
		started, ended := make(chan struct{}), make(chan struct{})
		proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(server) }}
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			switch n := requests.Add(1); {
			case n < int64(interruption.request):
				proxy.ServeHTTP(w, q)
				return
			case n > int64(interruption.request):
				return // of a command that is about to end
			}
			if interruption.stored {
				proxy.ServeHTTP(httptest.NewRecorder(), q)
			}
			<-started
			_ = cmd.Process.Signal(interruption.signal)
			<-ended
		}))
		cmd = r.command(front.URL, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		close(started)
		if err := cmd.Wait(); err == nil {
			t.Errorf("the command that got the signal %v ended with success", interruption.signal)
		}
		close(ended)
		front.Close()
		if _, err := os.Stat(file + ".relay-progress"); err != nil {
			t.Errorf("after the signal %v: %v, want a progress file", interruption.signal, err)
		}
	}
	cmd := r.command(r.url, args...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the last run: %v", err)
	}
	var result struct{ Lines, Accepted, Duplicates, Failed int }
	if err := json.Unmarshal(out, &result); err != nil || result.Lines != rows+1 || result.Accepted+result.Duplicates != rows || result.Duplicates == 0 || result.Failed != 0 {
		t.Errorf("got %s, %v, want %d lines with that of the names, all stored", out, err, rows+1)
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && runtime.GOOS == "linux" {
		const most = 160 << 10 // KiB; under the race detector a program takes several times as much
		t.Logf("the command took %d MiB", usage.Maxrss>>10)
		if usage.Maxrss > most {
			t.Errorf("the command took %d MiB, want at most %d", usage.Maxrss>>10, most>>10)
		}
	}
	if _, err := os.Stat(file + ".relay-progress"); !os.IsNotExist(err) {
		t.Errorf("the progress file: got %v, want that it is gone", err)
	}

	seen, events := make([]bool, rows), 0
	for query := "type=table.row&limit=250"; ; {
		var page list[eventDoc]
		r.into(&page, 200, "GET", "/v1/events?"+query, "")
		for _, e := range page.Data {
			var data struct{ N int }
			if err := json.Unmarshal(e.Data, &data); err != nil {
				t.Fatal(err)
			}
			if seen[data.N] {
				t.Fatalf("row %d is stored twice", data.N)
			}
			seen[data.N], events = true, events+1
		}
		if page.NextCursor == nil {
			break
		}
		query = "type=table.row&limit=250&cursor=" + url.QueryEscape(*page.NextCursor)
	}
	if events != rows {
		t.Errorf("got %d events, want %d", events, rows)
	}
}

// TestListenKilled kills the server and "relay listen" in turn while events are published. Each event arrives
// at the local program, the first arrivals in the order of acceptance.
func TestListenKilled(t *testing.T) {
	events := number(t, "RELAY_E2E_LISTEN_EVENTS", 300)
	every := time.Duration(number(t, "RELAY_E2E_LISTEN_KILL_MS", 0)) * time.Millisecond // 0: by the number of arrivals
	r := startRelay(t)
	var target atomic.Pointer[url.URL] // the server moves to another port with each start
	move := func() {
		u, err := url.Parse(r.url)
		if err != nil {
			t.Fatal(err)
		}
		target.Store(u)
	}
	move()
	front := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:      func(p *httputil.ProxyRequest) { p.SetURL(target.Load()) },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	t.Cleanup(front.Close)

	var (
		mu    sync.Mutex
		order []int
		seen  = make(map[int]bool)
	)
	arrived := make(chan struct{}, 1)
	program := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		var e struct{ Data struct{ N int } }
		if err := json.Unmarshal(body, &e); err != nil {
			t.Error(err)
		}
		mu.Lock()
		if !seen[e.Data.N] {
			seen[e.Data.N] = true
			order = append(order, e.Data.N)
		}
		mu.Unlock()
		select {
		case arrived <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(program.Close)
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(order)
	}

	// One stream of lines, which waits while the server is away and stores each line once.
	file := filepath.Join(t.TempDir(), "events.ndjson")
	var lines strings.Builder
	for i := range events {
		fmt.Fprintf(&lines, `{"type":"kill.a","data":{"n":%d}}`+"\n", i)
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	listen := func() *exec.Cmd {
		cmd := r.command(front.URL, "listen", "--forward", "kill.*="+program.URL)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	position := filepath.Join(r.dir+"-home", ".config", "relay", "listen")
	t.Cleanup(func() { _ = os.RemoveAll(r.dir + "-home") })
	listener := listen()
	t.Cleanup(func() { _ = listener.Process.Kill(); _ = listener.Wait() })
	eventually(t, "the listener has its position", func() bool {
		found, err := filepath.Glob(filepath.Join(position, "*.json"))
		if err != nil || len(found) == 0 {
			return false
		}
		b, err := os.ReadFile(found[0])
		return err == nil && strings.Contains(string(b), `"begun":true`)
	})
	publish := r.command(front.URL, "publish", file)
	if err := publish.Start(); err != nil {
		t.Fatal(err)
	}
	published := make(chan error, 1)
	go func() { published <- publish.Wait() }()

	kills, next := 0, events/8
	deadline := time.After(patience + time.Duration(events)*20*time.Millisecond)
	tick := make(<-chan time.Time)
	if every > 0 {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		tick = ticker.C
	}
	kill := func() {
		if kills++; kills%2 == 1 {
			_ = listener.Process.Kill()
			_ = listener.Wait()
			listener = listen()
			return
		}
		r.kill()
		r.start()
		move()
	}
	for count() < events {
		select {
		case <-tick:
			kill()
		case <-arrived:
			if every == 0 && count() >= next && kills < 6 {
				next = count() + events/8
				kill()
			}
		case <-deadline:
			t.Fatalf("got %d of %d events after %d kills", count(), events, kills)
		}
	}
	if err := <-published; err != nil {
		t.Errorf("publishing: %v", err)
	}
	t.Logf("%d events and %d kills", events, kills)
	for i, n := range order {
		if n != i {
			t.Fatalf("the arrival %d was event %d, want the order of acceptance", i, n)
		}
	}
}
