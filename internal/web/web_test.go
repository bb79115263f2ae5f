package web_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/web"
)

// start serves h as the program does and returns the address.
func start(t testing.TB, o web.Options) (s *web.Server, addr string) {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel() // whatever still runs is cut off
		s.Stop(ctx)
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return s, l.Addr().String()
}

// sink is a handler that stores bodies, as a stand-in for all that do.
type sink struct {
	mu     sync.Mutex
	bodies []string
}

func (s *sink) handler() http.Handler {
	return web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		b, err := web.ReadBody(r, nil, 1<<20)
		if err != nil {
			return err
		}
		s.mu.Lock()
		s.bodies = append(s.bodies, r.Method+" "+string(b))
		s.mu.Unlock()
		web.Send(w, http.StatusAccepted, "text/plain", []byte("stored"))
		return nil
	})
}

func (s *sink) stored() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies...)
}

// exchange sends raw bytes and returns the statuses of all answers until the server closes the connection; open tells
// that it did not within the patience of a keep-alive connection, after as many answers as asked for.
func exchange(t *testing.T, addr, raw string) (statuses []int, heads []http.Header) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	go io.WriteString(c, raw) // the server may stop reading half-way
	in := bufio.NewReader(c)
	for {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Fatalf("the connection is still open after %v, want it closed", statuses)
			}
			return statuses, heads
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		statuses, heads = append(statuses, resp.StatusCode), append(heads, resp.Header)
	}
}

func TestLimits(t *testing.T) {
	var s sink
	_, addr := start(t, web.Options{Handler: s.handler()})
	head := func(target string, size int, more string) string {
		h := "POST " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + more + "\r\n"
		if pad := size - len(h); pad > 0 {
			h = strings.Replace(h, "Connection", "X: "+strings.Repeat("y", pad-5)+"\r\nConnection", 1)
		}
		return h
	}
	length := func(n int) string { return "Content-Length: " + strconv.Itoa(n) + "\r\n" }
	tests := []struct {
		name, raw string
		want      int
	}{
		{"head of 32 KiB less one", head("/", 32<<10-1, ""), 202},
		{"head above 32 KiB", head("/", 32<<10+1, ""), 431},
		{"URL of 8 KiB", head("/"+strings.Repeat("u", 8<<10-1), 0, ""), 202},
		{"URL above 8 KiB", head("/"+strings.Repeat("u", 8<<10), 0, ""), 414},
		{"body of 1 MiB", head("/", 0, length(1<<20)) + strings.Repeat("b", 1<<20), 202},
		{"body above 1 MiB, announced", head("/", 0, length(1<<20+1)) + strings.Repeat("b", 1<<20+1), 413},
		{"body above 1 MiB, chunked", head("/", 0, "Transfer-Encoding: chunked\r\n") + "100001\r\n" + strings.Repeat("b", 1<<20+1) + "\r\n0\r\n\r\n", 413},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			statuses, _ := exchange(t, addr, tt.raw)
			if len(statuses) != 1 || statuses[0] != tt.want {
				t.Errorf("got answers %v, want %d", statuses, tt.want)
			}
		})
	}
}

// TestSlowBodies: a body that stops moving is given up, a stream may be slower, and both only when they are really slow.
func TestSlowBodies(t *testing.T) {
	got := make(chan error, 1)
	_, addr := start(t, web.Options{SlowWindow: 500 * time.Millisecond, SlowBytes: 1 << 10,
		Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
			var err error
			if r.URL.Path == "/unread" {
				return problem.New(problem.Unauthorized, "no key")
			}
			if r.URL.Path == "/stream" {
				in, streamErr := web.ReadStream(w, r)
				if streamErr != nil {
					return streamErr
				}
				_, err = io.Copy(io.Discard, in)
			} else {
				_, err = web.ReadBody(r, nil, 1<<20)
			}
			got <- err
			if err == nil {
				web.Send(w, 202, "text/plain", nil)
			}
			return err
		})})
	for _, path := range []string{"/", "/stream"} {
		t.Run("read at "+path, func(t *testing.T) {
			statuses, _ := exchange(t, addr, "POST "+path+" HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nab") // and silence: H14
			if err := <-got; problem.KindOf(err) != problem.Malformed || len(statuses) != 1 || statuses[0] != 400 {
				t.Errorf("got error %v and answers %v, want a malformed problem and 400", err, statuses)
			}
		})
	}

	statuses, _ := exchange(t, addr, "POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nab")
	if len(statuses) != 1 || statuses[0] != 401 {
		t.Errorf("a slow body that nobody reads: got answers %v, want 401 and the connection closed", statuses)
	}

	// Without a byte for longer than a whole body's window, but in time for a stream's.
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "POST /stream HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
	time.Sleep(1250 * time.Millisecond) // not synchronisation: silence is what is tested
	io.WriteString(c, "cd")
	if err := <-got; err != nil {
		t.Errorf("a stream that paused for 2.5 windows: got error %v, want none", err)
	}
}

func TestSlowHeads(t *testing.T) {
	if testing.Short() {
		t.Skip("takes the 10 seconds that a head may take")
	}
	t.Parallel()
	var s sink
	_, addr := start(t, web.Options{Handler: s.handler()})
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begun := time.Now()
	io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\n") // and silence
	c.SetDeadline(begun.Add(60 * time.Second))
	io.Copy(io.Discard, c)
	if took := time.Since(begun); took < 9*time.Second || took > 30*time.Second {
		t.Errorf("a silent head was closed after %v, want about 10 s", took)
	}
}

type document struct {
	Type, Title, Detail, RequestID string
	Status                         int
	Errors                         []struct{ Field, Reason string }
}

func get(t *testing.T, addr, path string) (*http.Response, document) {
	t.Helper()
	resp, err := http.Get("http://" + addr + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
		if err := json.Unmarshal(b, &d); err != nil {
			t.Fatalf("decoding %q: %v", b, err)
		}
	}
	return resp, d
}

func TestProblems(t *testing.T) {
	var log bytes.Buffer
	secret := errors.New("open /var/secret.db: too bad")
	failures := map[string]error{
		"/field":       problem.InvalidField("events[1]", "must not be empty"),
		"/internal":    fmt.Errorf("reading: %w", secret),
		"/dressed":     problem.Wrap(secret, problem.Internal, "the file /var/secret.db"),
		"/store":       fmt.Errorf("storing: %w", problem.ErrUnavailable),
		"/unavailable": &problem.Error{Kind: problem.Unavailable, Detail: "busy", After: 10 * time.Second},
		"/key":         problem.New(problem.Unauthorized, "no key"),
	}
	_, addr := start(t, web.Options{
		Log: slog.New(slog.NewTextHandler(&log, nil)),
		Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
			if r.URL.Path == "/panic" {
				panic("boom")
			}
			return failures[r.URL.Path]
		})})
	tests := []struct {
		path         string
		status       int
		slug, detail string
	}{
		{"/field", 422, "invalid", ""},
		{"/internal", 500, "internal", "log"},
		{"/dressed", 500, "internal", "log"},
		{"/panic", 500, "internal", "log"},
		{"/store", 503, "unavailable", "nothing of this one was done"},
		{"/unavailable", 503, "unavailable", "busy"},
		{"/key", 401, "unauthorized", "no key"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			resp, d := get(t, addr, tt.path)
			if resp.StatusCode != tt.status || d.Status != tt.status || d.Type != "urn:relay:problem:"+tt.slug || !strings.Contains(d.Detail, tt.detail) {
				t.Errorf("got %d %+v, want %d, type %q, detail with %q", resp.StatusCode, d, tt.status, tt.slug, tt.detail)
			}
			if strings.Contains(fmt.Sprint(d), "secret") {
				t.Errorf("the answer tells inner details: %+v", d)
			}
			if d.RequestID == "" || d.RequestID != resp.Header.Get("X-Request-Id") {
				t.Errorf("request id: got %q in the body and %q in the header, want the same", d.RequestID, resp.Header.Get("X-Request-Id"))
			}
			if tt.status == 500 && !strings.Contains(log.String(), d.RequestID) {
				t.Errorf("the log does not name request %q:\n%s", d.RequestID, log.String())
			}
			if tt.status == 503 && resp.Header.Get("Retry-After") == "" || tt.status == 401 && resp.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("headers: %v, want the one that goes with %d", resp.Header, tt.status)
			}
		})
	}
	for sent, want := range map[string]string{"": `Bearer realm="relay"`, "Bearer wrong": `Bearer realm="relay", error="invalid_token"`, "Basic x": `Bearer realm="relay"`} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/key", nil)
		if err != nil {
			t.Fatal(err)
		}
		if sent != "" {
			req.Header.Set("Authorization", sent)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("WWW-Authenticate"); got != want {
			t.Errorf("WWW-Authenticate after %q: got %q, want %q", sent, got, want)
		}
	}
	if _, d := get(t, addr, "/field"); len(d.Errors) != 1 || d.Errors[0].Field != "events[1]" || d.Errors[0].Reason != "must not be empty" {
		t.Errorf("errors: got %+v", d.Errors)
	}
	for range 50 {
		resp, _ := get(t, addr, "/unavailable")
		if s, _ := strconv.Atoi(resp.Header.Get("Retry-After")); s < 10 || s > 20 {
			t.Errorf("Retry-After for 10 s: got %q, want 10 to 20", resp.Header.Get("Retry-After"))
		}
	}
}

// TestStop: Stop waits for a running request, whose answer arrives whole, and takes no new ones.
func TestStop(t *testing.T) {
	running, finish := make(chan struct{}), make(chan struct{})
	s, err := web.New(web.Options{Log: slog.New(slog.DiscardHandler), Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		close(running)
		<-web.Stopping(w)
		<-finish
		web.Send(w, 200, "text/plain", []byte("whole"))
		return nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + l.Addr().String() + "/")
		if err != nil {
			answer <- err.Error()
			return
		}
		b, _ := io.ReadAll(resp.Body)
		answer <- string(b)
	}()
	<-running
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	if err := <-served; err != nil {
		t.Errorf("Serve: got %v, want nil", err)
	}
	if _, err := net.DialTimeout("tcp", l.Addr().String(), time.Second); err == nil {
		t.Error("a connection was accepted after Stop had begun")
	}
	select {
	case err := <-stopped:
		t.Errorf("Stop returned %v while a request was running", err)
	default:
	}
	close(finish)
	if err := <-stopped; err != nil {
		t.Errorf("Stop: %v", err)
	}
	if got := <-answer; got != "whole" {
		t.Errorf("answer of the running request: got %q, want %q", got, "whole")
	}
}

func TestStopGivesUp(t *testing.T) {
	running := make(chan struct{})
	var ended atomic.Bool
	s, err := web.New(web.Options{Log: slog.New(slog.DiscardHandler), Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		close(running)
		<-r.Context().Done()
		ended.Store(true)
		return r.Context().Err()
	}), Done: func(string, string, int, time.Duration) {}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	go http.Get("http://" + l.Addr().String() + "/")
	<-running
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Stop(ctx); err == nil {
		t.Error("Stop with a request that does not end: got nil, want an error")
	}
}

// TestRefusedWhileSending: a client that is still sending sees the refusal, and not a reset connection.
func TestRefusedWhileSending(t *testing.T) {
	_, addr := start(t, web.Options{Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return problem.New(problem.Unauthorized, "no key")
	})})
	for range 20 {
		resp, err := http.Post("http://"+addr, "text/plain", strings.NewReader(strings.Repeat("x", 20<<20)))
		if err != nil {
			t.Fatalf("got error %v, want the answer 401", err)
		}
		resp.Body.Close()
		if resp.StatusCode != 401 {
			t.Errorf("got %d, want 401", resp.StatusCode)
		}
	}
}

// TestUnreadStream: what a handler leaves unread of a stream is never taken for requests.
func TestUnreadStream(t *testing.T) {
	var evil atomic.Int64
	_, addr := start(t, web.Options{Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if r.URL.Path == "/evil" {
			evil.Add(1)
			web.Send(w, 200, "text/plain", nil)
			return nil
		}
		in, err := web.ReadStream(w, r)
		if err != nil {
			return err
		}
		if _, err := in.Read(make([]byte, 10)); err != nil {
			return err
		}
		w.WriteHeader(202)
		return web.Flush(w)
	})})
	const request = "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, n := range []int{1, 100, 10_000, 50_000} {
		raw := fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n0123456789", 10+n*len(request))
		statuses, _ := exchange(t, addr, raw+strings.Repeat(request, n)+"GET /evil HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		// The last one stands behind the body, and is served if the connection was kept.
		if got := fmt.Sprint(statuses); got != "[202]" && got != "[202 200]" || evil.Swap(0) > 1 {
			t.Errorf("%d requests in an unread body: got answers %v, want 202, and at most the last one served", n, statuses)
		}
	}
}

// TestExpectContinue: a client that waits for leave to send its body is told at once that it is not wanted.
func TestExpectContinue(t *testing.T) {
	_, addr := start(t, web.Options{Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		return problem.New(problem.Unauthorized, "no key")
	})})
	begun := time.Now()
	statuses, _ := exchange(t, addr, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")
	if took := time.Since(begun); len(statuses) != 1 || statuses[0] != 401 || took > 5*time.Second {
		t.Errorf("got answers %v after %v, want 401 at once and the connection closed", statuses, took)
	}
}

// TestBodiesInMemory: bodies together are bounded, and what they took is given back.
func TestBodiesInMemory(t *testing.T) {
	entered, leave := make(chan struct{}, 8), make(chan struct{})
	_, addr := start(t, web.Options{MaxBodies: 3 << 19, Handler: web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if _, err := web.ReadBody(r, nil, 16<<20); err != nil {
			return err
		}
		if r.URL.Path == "/hold" {
			entered <- struct{}{}
			<-leave
		}
		web.Send(w, 202, "text/plain", nil)
		return nil
	})})
	post := func(path string) int {
		resp, err := http.Post("http://"+addr+path, "text/plain", strings.NewReader(strings.Repeat("x", 1<<20)))
		if err != nil {
			t.Error(err)
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	held := make(chan int, 1)
	go func() { held <- post("/hold") }()
	select {
	case <-entered:
	case got := <-held:
		t.Fatalf("the first body: got %d before the handler had it, want it held", got)
	}
	if got := post("/"); got != 503 {
		t.Errorf("a body beyond the bound: got %d, want 503", got)
	}
	close(leave)
	if got := <-held; got != 202 {
		t.Errorf("the body within the bound: got %d, want 202", got)
	}
	for range 10 {
		if got := post("/"); got != 202 {
			t.Fatalf("a body after the others were given back: got %d, want 202", got)
		}
	}
}
