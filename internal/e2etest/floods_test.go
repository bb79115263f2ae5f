//go:build linux

package e2etest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// needFiles skips the test where the test itself cannot open that many connections.
func needFiles(t *testing.T, n uint64) {
	t.Helper()
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil || l.Cur < n {
		t.Skipf("this process may have %d files open (%v), the test needs %d", l.Cur, err, n)
	}
}

// peak returns the relay's maximum memory, in MiB.
func (r *relay) peak() int {
	r.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		r.t.Fatal(err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(b)
	kib, err := strconv.Atoi(string(m[1]))
	if err != nil {
		r.t.Fatal(err)
	}
	return kib >> 10
}

// TestFloodOfBodies sends 1 MiB over 4,000 connections without a key on every route, opens 600
// streams with a line that does not end, and keeps 300 idle connections that once sent 1 MiB. The
// relay stays below 512 MiB, and a publisher with a key is served throughout.
func TestFloodOfBodies(t *testing.T) {
	needFiles(t, 6000)
	strangers := 4000
	if testenv.Race {
		strangers = 400
	}
	r := startRelay(t)
	addr := strings.TrimPrefix(r.url, "http://")
	body := strings.Repeat("x", 1<<20)
	head := func(route, more string, length int) string {
		return fmt.Sprintf("%s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n", route, more, length)
	}
	key := "Authorization: Bearer " + adminKey + "\r\n"
	routes := []string{
		"POST /v1/events", "POST /v1/webhooks", "POST /v1/respondents", "POST /v1/event-types/import", "GET /livez", "GET /docs", "GET /metrics", "PATCH /v1/gate",
		"POST /v1/integrations/x/respondents", "DELETE /nowhere", "OPTIONS /v1/events", "BREW /pot",
	}
	var open sync.WaitGroup
	leave := make(chan struct{})
	send := func(pieces ...string) {
		open.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				return // the server has closed the connection
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(patience))
			for _, p := range pieces {
				if _, err := io.WriteString(c, p); err != nil {
					return
				}
			}
			<-leave
		})
	}
	var took []time.Duration
	publish := func(n int) {
		for range n {
			begun := time.Now()
			if a := r.do("POST", "/v1/events", `{"type":"a.b","data":1}`); a.status != http.StatusAccepted {
				t.Errorf("a publisher with a key: got %d %s, want 202", a.status, a.body)
			}
			took = append(took, time.Since(begun))
		}
	}
	publish(1)
	event := `{"type":"a.b","data":"` + strings.Repeat("x", 1<<20-100) + `"}`
	for i := range 300 {
		send(head("POST /v1/events", key+"Content-Type: application/json\r\n", len(event)), event)
		if i%10 == 0 {
			publish(1)
		}
	}
	for i := range 600 {
		send("POST /v1/events HTTP/1.1\r\nHost: a\r\n"+key+"Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n", body)
		if i%10 == 0 {
			publish(1)
		}
	}
	for i := range strangers {
		send(head(routes[i%len(routes)], "Content-Type: application/json\r\n", 1<<20), body[1:])
		if i%20 == 0 {
			publish(1)
		}
	}
	publish(50)
	for _, path := range []string{"/livez", "/readyz"} {
		if a := r.do("GET", path, ""); a.status != 200 {
			t.Errorf("%s: got %d, want 200", path, a.status)
		}
	}
	slices.Sort(took)
	p99, peak := took[len(took)*99/100], r.peak()
	t.Logf("%d published, p50 %v, p99 %v; at most %d MiB", len(took), took[len(took)/2], p99, peak)
	if p99 > 10*time.Second { // a few milliseconds on a quiet machine
		t.Errorf("publishing took %v (p99)", p99)
	}
	if peak > 512 && !testenv.Race {
		t.Errorf("the relay had %d MiB, want less than 512", peak)
	}
	close(leave)
	open.Wait()
}

// TestFloodOfConnections limits the relay to 2,048 files while 4,000 clients connect, send nothing
// and return. Deliveries continue, and no attempt is charged to an endpoint.
func TestFloodOfConnections(t *testing.T) {
	needFiles(t, 6000)
	r := startRelayWithFiles(t, 2048)
	addr := strings.TrimPrefix(r.url, "http://")
	var arrived atomic.Int64
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		io.Copy(io.Discard, q.Body)
		arrived.Add(1)
	}))
	defer endpoint.Close()
	if a := r.do("POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"events":["a.b"]}`, endpoint.URL)); a.status != 201 {
		t.Fatalf("got %d %s", a.status, a.body)
	}
	stop := make(chan struct{})
	var idle sync.WaitGroup
	var reached atomic.Int64
	for range 4000 {
		idle.Go(func() {
			for {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					return
				}
				reached.Add(1)
				closed := make(chan struct{})
				go func() { io.Copy(io.Discard, c); close(closed) }() // ends with the connection
				select {
				case <-closed: // closed to make room: return, though not at once
					c.Close()
					select {
					case <-time.After(time.Second):
					case <-stop:
						return
					}
				case <-stop:
					c.Close()
					<-closed
					return
				}
			}
		})
	}
	eventually(t, "4,000 clients have connected", func() bool { return reached.Load() >= 4000 })
	const events = 60
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	for range events {
		if a := r.do("POST", "/v1/events", `{"type":"a.b","data":1}`); a.status != http.StatusAccepted {
			t.Errorf("publishing: got %d %s, want 202", a.status, a.body)
		}
		for _, path := range []string{"/livez", "/readyz"} {
			res, err := fresh.Get(r.url + path)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			res.Body.Close()
			if res.StatusCode != 200 {
				t.Errorf("%s: got %d, want 200", path, res.StatusCode)
			}
		}
	}
	eventually(t, "all events have arrived", func() bool { return arrived.Load() >= events })
	page := string(r.do("GET", "/metrics", "").body)
	for _, want := range []string{`relay_delivery_attempts_total{outcome="retrying"} 0`, `relay_delivery_attempts_total{outcome="failed"} 0`, `relay_http_connections_closed_total{why="descriptors"} 0`} {
		if !strings.Contains(page, want) {
			t.Errorf("the metrics lack %q", want)
		}
	}
	if !regexp.MustCompile(`relay_http_connections_closed_total\{why="idle"\} [1-9]`).MatchString(page) {
		t.Error("no idle connection was closed")
	}
	if !strings.Contains(r.output.tail(), "as many connections as allowed") {
		t.Error("the log does not warn")
	}
	close(stop)
	idle.Wait()
}
