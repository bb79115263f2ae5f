package egress

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestStraysSpoilNothing: receivers that send more than their answer, at once or later, get every request on a connection
// on which nothing else can be taken for its answer, and never one that was another scope's.
func TestStraysSpoilNothing(t *testing.T) {
	const second = "HTTP/1.1 418 Stray\r\nContent-Length: 5\r\n\r\nstray"
	later := func(d time.Duration, what string) func(s *server, c net.Conn) {
		return func(s *server, c net.Conn) {
			select {
			case <-time.After(d):
				io.WriteString(c, what)
			case <-s.stop:
			}
		}
	}
	for name, tc := range map[string]struct {
		answer string
		more   func(s *server, c net.Conn)
	}{
		"204 with a body":               {"HTTP/1.1 204 No Content\r\n\r\n", later(2*time.Millisecond, "ok")},
		"204 that announces a body":     {"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n", later(2*time.Millisecond, "ok")},
		"304 that announces chunks":     {"HTTP/1.1 304 Same\r\nTransfer-Encoding: chunked\r\n\r\n", later(time.Millisecond, "2\r\nok\r\n0\r\n\r\n")},
		"more than announced":           {ok200 + "and more", nil},
		"more than announced, later":    {ok200, later(3*time.Millisecond, "\r\n")},
		"a second answer after 5 ms":    {ok200, later(5*time.Millisecond, second)},
		"a second answer after 20 ms":   {ok200, later(20*time.Millisecond, second)},
		"a second answer after 100 ms":  {ok200, later(100*time.Millisecond, second)},
		"an interim answer after 10 ms": {ok200, later(10*time.Millisecond, "HTTP/1.1 100 Continue\r\n\r\n")},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			s := serve(t, "127.0.0.1:0", func(s *server, c net.Conn) {
				var wg sync.WaitGroup
				defer wg.Wait()
				for {
					if _, err := readRequest(c); err != nil {
						return
					}
					io.WriteString(c, tc.answer)
					if tc.more != nil {
						wg.Go(func() { tc.more(s, c) })
					}
				}
			})
			c := newClient(t, Options{Dev: true, Probation: probation})
			target := mustParse(t, c, "http://127.0.0.1:"+s.port+"/")
			var wg sync.WaitGroup
			for scope := range uint64(2) {
				wg.Go(func() {
					until := time.Now().Add(2 * probation) // beyond the time in which connections are not used again anyway
					for n := 0; n < 100 || time.Now().Before(until); n++ {
						res, _, err := c.Do(t.Context(), &Request{Method: "POST", Target: target, Body: []byte("{}"), Scope: scope, Timeout: 20 * time.Second})
						if err != nil || res.Status == 418 {
							t.Errorf("request %d: got %+v, %v, want the answer to it", n, res, err)
							return
						}
						time.Sleep(time.Millisecond) // fewer connections
					}
				})
			}
			wg.Wait()
		})
	}
}

// TestConnectionsAreKept: behind the first answers to a quiet receiver connections are used again, also after a 204.
func TestConnectionsAreKept(t *testing.T) {
	for _, answer := range []string{ok200, "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 304 Same\r\n\r\n"} {
		s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
			for {
				if _, err := readRequest(c); err != nil {
					return
				}
				io.WriteString(c, answer)
			}
		})
		c := newClient(t, Options{Dev: true, Probation: 50 * time.Millisecond})
		reused := false
		for n := int64(1); !reused && n < 1000; n++ {
			if _, _, err := do(t, c, "http://127.0.0.1:"+s.port+"/"); err != nil {
				t.Fatalf("%q: got %v, want an answer", answer, err)
			}
			reused = s.accepts.Load() < n
			time.Sleep(time.Millisecond)
		}
		if !reused {
			t.Errorf("%q: no connection was used again", answer)
		}
	}
}

// TestScopesShareNothing: requests of different scopes never go over one connection.
func TestScopesShareNothing(t *testing.T) {
	var mu sync.Mutex
	seen := map[net.Conn]string{}
	s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		for {
			req, err := readRequest(c)
			if err != nil {
				return
			}
			_, scope, _ := strings.Cut(req, "X-Scope: ")
			scope, _, _ = strings.Cut(scope, "\r\n")
			mu.Lock()
			if was, ok := seen[c]; ok && was != scope {
				t.Errorf("a connection was used for scope %s and %s", was, scope)
			}
			seen[c] = scope
			mu.Unlock()
			io.WriteString(c, ok200)
		}
	})
	c := newClient(t, Options{Dev: true})
	for n := range 60 {
		scope := uint64(n % 3)
		_, _, err := c.Do(t.Context(), &Request{
			Method: "POST", Target: mustParse(t, c, "http://127.0.0.1:"+s.port+"/"), Scope: scope,
			Header: []Field{{Name: "X-Scope", Value: fmt.Sprint(scope)}}, Timeout: 5 * time.Second,
		})
		if err != nil {
			t.Fatalf("request %d: %v", n, err)
		}
	}
	if n := s.accepts.Load(); n != 3 {
		t.Errorf("got %d connections for 3 scopes, want 3", n)
	}
}

// TestLeftBehindIsNamed: where a connection that was used before brings something that is no answer, the words say where
// it comes from.
func TestLeftBehindIsNamed(t *testing.T) {
	for _, stray := range []string{"ok", "<html>\r\n", "\r\n\r\n"} {
		s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
			readRequest(c)
			io.WriteString(c, ok200)
			if _, err := readRequest(c); err == nil { // too late for the look at the idle connection
				io.WriteString(c, stray+ok200)
			}
		})
		c := newClient(t, Options{Dev: true})
		url := "http://127.0.0.1:" + s.port + "/"
		if _, _, err := do(t, c, url); err != nil {
			t.Fatal(err)
		}
		if _, _, err := do(t, c, url); err == nil || err.Kind != KindProtocol || !strings.Contains(err.Message, "left behind by the answer before") {
			t.Errorf("%q: got %v, want kind %s with words about the answer before", stray, err, KindProtocol)
		}
		for range 2 { // from now on each has a connection of its own
			if _, _, err := do(t, c, url); err != nil {
				t.Errorf("%q: got %v, want an answer", stray, err)
			}
		}
		if n := s.accepts.Load(); n != 3 {
			t.Errorf("%q: got %d connections, want 3", stray, n)
		}
	}
}
