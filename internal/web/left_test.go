package web_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/web"
)

// TestHalfClosedClients: a client that has sent all and ends its sending side is served as any other.
func TestHalfClosedClients(t *testing.T) {
	_, addr := start(t, web.Options{Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		b, err := web.ReadBody(r, nil, 1<<20)
		if err != nil {
			return err
		}
		select { // a commit that takes a while
		case <-r.Context().Done():
			return fmt.Errorf("waiting for it to be stored: %w", r.Context().Err())
		case <-time.After(200 * time.Millisecond): // net/http would end the context in this time
		}
		web.Send(w, 202, "text/plain", b)
		return nil
	})})
	for name, raw := range map[string]string{
		"with a length": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab",
		"chunked":       "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
		"without body":  "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"HTTP/1.0":      "DELETE / HTTP/1.0\r\n\r\n",
		"two at once":   "PATCH / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nabGET / HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, status := range halfClosed(t, addr, raw) {
				if status != 202 {
					t.Errorf("%q and the end: got %d, want 202", raw, status)
				}
			}
		})
	}
	for name, raw := range map[string]string{
		"with a length":    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab",
		"inside a chunk":   "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
		"before the last":  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
		"inside of a head": "POST / HTTP/1.1\r\nHost: a\r\nConte",
	} {
		t.Run("cut "+name, func(t *testing.T) {
			t.Parallel()
			if got := halfClosed(t, addr, raw); len(got) != 1 || got[0] != 400 {
				t.Errorf("%q and the end: got %v, want 400", raw, got)
			}
		})
	}
}

// halfClosed sends raw, ends the sending side, and returns the statuses of all answers.
func halfClosed(t *testing.T, addr, raw string) (statuses []int) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	io.WriteString(c, raw)
	c.(*net.TCPConn).CloseWrite()
	in := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			if len(statuses) == 0 {
				t.Errorf("%q and the end: no answer: %v", raw, err)
			}
			return statuses
		}
		io.Copy(io.Discard, resp.Body)
		statuses = append(statuses, resp.StatusCode)
	}
}

// TestWorkEndsWithItsClient: what nobody waits for any longer ends, at once after a reset and within 2 s after the end of
// input, and is no internal error.
func TestWorkEndsWithItsClient(t *testing.T) {
	entered, ended := make(chan time.Time, 1), make(chan struct{}, 1)
	statuses := make(chan int, 1)
	_, addr := start(t, web.Options{
		Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
			entered <- time.Now()
			<-r.Context().Done()
			ended <- struct{}{}
			return fmt.Errorf("searching: %w", r.Context().Err())
		}),
		Done: func(_, _ string, status int, _ time.Duration) { statuses <- status },
	})
	leave := func(reset bool) time.Duration {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		<-entered
		if reset {
			c.(*net.TCPConn).SetLinger(0)
		}
		left := time.Now()
		c.Close()
		<-ended
		took := time.Since(left)
		if status := <-statuses; status >= 500 {
			t.Errorf("reset %v: got status %d, want none of 500 or above", reset, status)
		}
		return took
	}
	for _, tt := range []struct {
		reset       bool
		least, most time.Duration
	}{{true, 0, time.Second}, {false, time.Second, 2 * time.Second}} {
		best := leave(tt.reset)
		for range 5 { // a busy machine takes longer now and then
			if best <= tt.most {
				break
			}
			best = min(best, leave(tt.reset))
		}
		if best < tt.least || best > tt.most {
			t.Errorf("reset %v: the work went on for %v, want %v to %v: a client may have ended its sending side only", tt.reset, best, tt.least, tt.most)
		}
	}
}

// TestContentEncoding: a body that is encoded is refused before it is read.
func TestContentEncoding(t *testing.T) {
	_, addr := start(t, web.Options{Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if _, err := web.ReadBody(r, nil, 1<<20); err != nil {
			return err
		}
		web.Send(w, 202, "text/plain", nil)
		return nil
	})})
	for coding, want := range map[string]int{
		"gzip": 415, "GZIP": 415, "zstd": 415, "deflate": 415, "br": 415, "identity, gzip": 415, "x": 415, strings.Repeat("ø", 200): 415,
		"": 202, "identity": 202, "Identity": 202,
	} {
		req, err := http.NewRequest("POST", "http://"+addr+"/", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header["Content-Encoding"] = []string{coding}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want || want == 415 && resp.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("Content-Encoding %q: got %d with Accept-Encoding %q, want %d", coding, resp.StatusCode, resp.Header.Get("Accept-Encoding"), want)
		}
	}
	resp, err := http.NewRequest("GET", "http://"+addr+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Header.Set("Content-Encoding", "gzip")
	if got, err := http.DefaultClient.Do(resp); err != nil || got.StatusCode != 202 {
		t.Errorf("a request without a body: got %v, %v, want 202", got, err)
	}
}

// TestStreamBounds: streams are bounded in number, what is kept of them in memory, and both are given back.
func TestStreamBounds(t *testing.T) {
	entered, leave := make(chan error, 8), make(chan struct{})
	s, addr := start(t, web.Options{MaxStreams: 2, MaxBodies: 1000, Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		in, err := web.ReadStream(w, r)
		if err != nil {
			return err
		}
		err = in.Reserve(400)
		entered <- err
		<-leave
		if err != nil {
			return err
		}
		if err := in.Reserve(601); problem.KindOf(err) != problem.Unavailable {
			t.Errorf("more than the bound: got %v", err)
		}
		in.Release(100)
		web.Send(w, 202, "text/plain", nil)
		return nil
	})})
	post := func() int {
		resp, err := http.Post("http://"+addr, "text/plain", strings.NewReader("x"))
		if err != nil {
			t.Error(err)
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	got := make(chan int, 2)
	for range 2 {
		go func() { got <- post() }()
		if err := <-entered; err != nil {
			t.Errorf("400 of 1,000 bytes for each of two: %v", err)
		}
	}
	if status := post(); status != 503 {
		t.Errorf("a third stream: got %d, want 503", status)
	}
	close(leave)
	for range 2 {
		if status := <-got; status != 202 {
			t.Errorf("a stream within the bounds: got %d, want 202", status)
		}
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		n := s.Counts()
		if n.Streams == 0 && n.BodyBytes == 0 && n.RefusedStreams == 1 && n.RefusedMemory == 2 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after all have ended: %+v", n)
		}
	}
}

// TestUnfinishedLines: a stream whose bytes come often enough is given up all the same when what it must finish is not.
func TestUnfinishedLines(t *testing.T) {
	got := make(chan error, 1)
	_, addr := start(t, web.Options{SlowWindow: 100 * time.Millisecond, Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		in, err := web.ReadStream(w, r)
		if err != nil {
			return err
		}
		in.Within("the line is not whole")
		_, err = io.Copy(io.Discard, in)
		got <- err
		return err
	})})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for end := time.After(time.Minute); ; {
		select {
		case err := <-got:
			if problem.KindOf(err) != problem.Malformed || !strings.Contains(err.Error(), "the line is not whole") {
				t.Errorf("got %v, want it malformed with the reason", err)
			}
			return
		case <-end:
			t.Fatal("a byte every 10 ms kept the stream open for a minute")
		case <-ticker.C:
			io.WriteString(c, "1\r\nx\r\n")
		}
	}
}
