package egress

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestNoSecondSending: a receiver that dies after it has read a request sees it once, whatever net/http thinks about
// repeating it.
func TestNoSecondSending(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, req := range []Request{
			{Method: "POST", Body: []byte("{}"), Header: []Field{{Name: "Idempotency-Key", Value: "k"}}},
			{Method: "POST", Body: []byte("{}"), Header: []Field{{Name: "X-Idempotency-Key", Value: "k"}}},
			{Method: "POST", Header: []Field{{Name: "Idempotency-Key", Value: "k"}}},
			{Method: "POST", Header: []Field{{Name: "X-Idempotency-Key", Value: "k"}}},
			{Method: "GET"}, {Method: "HEAD"}, {Method: "OPTIONS"}, {Method: "PUT", Body: []byte("x")}, {Method: "DELETE"},
		} {
			name := fmt.Sprintf("tls=%t %s %v body %d", secure, req.Method, req.Header, len(req.Body))
			var seen atomic.Int64
			handle := func(_ *server, c net.Conn) {
				if _, err := readRequest(c); err != nil {
					return
				}
				seen.Add(1)
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				if _, err := readRequest(c); err == nil {
					seen.Add(1)
				}
			}
			var url string
			if secure {
				url = "https://127.0.0.1:" + serveTLS(t, handle).port + "/"
			} else {
				url = "http://127.0.0.1:" + serve(t, "127.0.0.1:0", handle).port + "/"
			}
			c := newClient(t, Options{Dev: true, RootCAs: testCA().pool})
			req.Target, req.Timeout = mustParse(t, c, url), 5*time.Second
			if _, _, err := c.Do(t.Context(), &req); err != nil {
				t.Fatalf("%s: first request: %v (%v)", name, err, err.Err)
			}
			_, _, err := c.Do(t.Context(), &req)
			if err == nil || err.Kind != KindReset {
				t.Errorf("%s: got %v, want kind %s", name, err, KindReset)
			}
			if n := seen.Load(); n != 2 {
				t.Errorf("%s: the receiver saw %d requests, want 2", name, n)
			}
		}
	}
}

// A scriptConn is a connection whose writes fail from a moment on, as those of a connection that the receiver has
// closed and whose end has not been noticed yet.
type scriptConn struct {
	net.Conn
	dead    *atomic.Bool
	accepts int // bytes still accepted after death
}

func (c *scriptConn) Write(p []byte) (int, error) {
	if c.dead.Load() {
		n := min(c.accepts, len(p))
		c.accepts -= n
		return n, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
	}
	return c.Conn.Write(p)
}

// TestDeadIdleConnection: a kept connection that turns out dead is passed over if it took no byte of the request, and
// is a failed attempt if it took one.
func TestDeadIdleConnection(t *testing.T) {
	for _, secure := range []bool{false, true} {
		for _, body := range []string{"{}", ""} {
			for _, method := range []string{"POST", "GET"} {
				for _, accepts := range []int{0, 1} {
					if secure && accepts > 0 {
						continue // one byte of a record cannot be read by anyone
					}
					name := fmt.Sprintf("tls=%t %s %q accepts=%d", secure, method, body, accepts)
					var seen atomic.Int64
					handle := func(_ *server, c net.Conn) {
						for {
							if _, err := readRequest(c); err != nil {
								return
							}
							seen.Add(1)
							io.WriteString(c, ok200)
						}
					}
					scheme, s := "http", (*server)(nil)
					if secure {
						scheme, s = "https", serveTLS(t, handle)
					} else {
						s = serve(t, "127.0.0.1:0", handle)
					}
					dials, dead := 0, new(atomic.Bool)
					c := newClient(t, Options{Dev: true, RootCAs: testCA().pool, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
						dials++
						nc, err := new(net.Dialer).DialContext(ctx, network, address)
						if dials > 1 {
							return nc, err
						}
						return &scriptConn{Conn: nc, dead: dead, accepts: accepts}, err
					}})
					req := &Request{Method: method, Target: mustParse(t, c, scheme+"://127.0.0.1:"+s.port+"/"), Body: []byte(body), Timeout: 5 * time.Second}
					if _, _, err := c.Do(t.Context(), req); err != nil {
						t.Fatalf("%s: first request: %v (%v)", name, err, err.Err)
					}
					dead.Store(true)
					_, _, err := c.Do(t.Context(), req)
					if accepts == 0 && (err != nil || dials != 2 || seen.Load() != 2) {
						t.Errorf("%s: got %v, %d dials, %d requests seen, want it sent over a second connection", name, err, dials, seen.Load())
					}
					if accepts > 0 && (err == nil || err.Kind != KindReset || dials != 1) {
						t.Errorf("%s: got %v, %d dials, want kind %s and no second connection", name, err, dials, KindReset)
					}
				}
			}
		}
	}
}

// TestClosedWhileIdle: receivers that close after each answer without saying so cost nothing but connections.
func TestClosedWhileIdle(t *testing.T) {
	closed := make(chan struct{}, 20)
	s := serve(t, "127.0.0.1:0", func(_ *server, c net.Conn) {
		readRequest(c)
		io.WriteString(c, ok200)
		c.Close()
		closed <- struct{}{}
	})
	c := newClient(t, Options{Dev: true})
	for i := range 20 {
		if _, _, err := do(t, c, "http://127.0.0.1:"+s.port+"/"); err != nil && err.Kind != KindReset {
			t.Fatalf("request %d: got %v (%v)", i, err, err.Err)
		} else if err != nil {
			// The request crossed the closing on the wire: nothing can prove that it was not read.
			continue
		}
		<-closed
	}
}
