package web

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/problem"
)

// farConn is a connection from a given address.
type farConn struct {
	net.Conn
	from   netip.Addr
	closed atomic.Bool
}

func (c *farConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 1234))
}
func (c *farConn) Close() error { c.closed.Store(true); return nil }

// TestDoor: who is let in, and who must go for it.
func TestDoor(t *testing.T) {
	d := newDoor(32, 8, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, slog.New(slog.DiscardHandler))
	enter := func(from string) (*heldConn, *farConn) {
		far := &farConn{from: netip.MustParseAddr(from)}
		c, ok := d.enter(far)
		if !ok {
			return nil, far
		}
		return c, far
	}
	closed := func(conns []*farConn) (n int) {
		for _, c := range conns {
			if c.closed.Load() {
				n++
			}
		}
		return n
	}
	// A client, which in IPv6 has a network of addresses, gives way to itself.
	for _, from := range []string{"192.0.2.1", "2001:db8::%d", "::ffff:198.51.100.7"} {
		var mine []*farConn
		for i := range 20 {
			addr := from
			if strings.Contains(from, "%d") {
				addr = fmt.Sprintf(from, i+1)
			}
			c, far := enter(addr)
			if c == nil {
				t.Fatalf("connection %d from %s was refused, want an idle one closed for it", i, addr)
			}
			c.quiet.Store(int64(i + 1)) // in order
			mine = append(mine, far)
		}
		if n := closed(mine); n != 12 || mine[19].closed.Load() || !mine[0].closed.Load() {
			t.Errorf("of 20 from %s %d were closed, want the 12 oldest", from, n)
		}
	}
	// Others have their places, and all together as many as there are: those of the client that has most go first.
	honest, _ := enter("203.0.113.9")
	var proxied []*farConn
	for i := range 60 {
		c, far := enter("10.1.2.3")
		if c == nil {
			t.Fatal("a newcomer was refused while others were idle")
		}
		proxied = append(proxied, far)
		if i == 20 && honest.quiet.Load() == connEvicted {
			t.Error("the only connection of a client was closed before those of clients that have 8")
		}
	}
	if got := len(d.conns); got > 32 {
		t.Errorf("got %d connections, want at most 32", got)
	}
	if n := closed(proxied); n == 0 {
		t.Error("a trusted proxy filled the server with idle connections, and none was closed")
	}
	// Who has shown a key is never cut off; and some places are kept for those who have not.
	busy := 0
	for c := range d.conns {
		if c.begin() {
			busy++
		}
	}
	if busy != d.maxBusy {
		t.Errorf("%d connections are busy, want %d", busy, d.maxBusy)
	}
	for range 100 {
		if c, _ := enter("10.1.2.3"); c == nil {
			t.Fatal("a newcomer was refused while places are kept for those without a key")
		}
	}
	still := 0
	for c := range d.conns {
		if c.quiet.Load() == connBusy {
			still++
			c.end()
		}
	}
	if still != busy || d.busy.Load() != 0 {
		t.Errorf("%d of %d busy connections are left, and %d count as busy; want all, and 0", still, busy, d.busy.Load())
	}
	// Counts go down to nothing, whoever closes twice.
	for c := range d.conns {
		c.Close()
		c.Close()
	}
	if len(d.conns) != 0 || len(d.clients) != 0 {
		t.Errorf("after all were closed: %d connections and %d clients are left", len(d.conns), len(d.clients))
	}
	one := newDoor(1, 1, nil, slog.New(slog.DiscardHandler))
	if c, ok := one.enter(&farConn{from: netip.MustParseAddr("192.0.2.1")}); !ok || c.begin() {
		t.Error("the only place was given to a request with a key: nobody else could ask how Relay is")
	}
}

// serveForTest serves o as the program does.
func serveForTest(t *testing.T, o Options) (*Server, string) {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s, err := New(o)
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
		cancel()
		s.Stop(ctx)
		<-served
	})
	return s, l.Addr().String()
}

// publishForTest is a short way that takes everything with a key.
func publishForTest() *Express {
	return &Express{Path: "/p", Admit: func(h *ExpressHead) (any, bool) { return 1, len(h.APIKey) > 0 },
		Answer: func(_ context.Context, _ any, _ *ExpressHead, body, dst []byte) ([]byte, bool) {
			return append(dst, body...), true
		}}
}

// TestIdleConnectionsGiveWay: however many idle connections there are, on both ways and in every state before a key was
// shown, everybody who comes is answered.
func TestIdleConnectionsGiveWay(t *testing.T) {
	s, addr := serveForTest(t, Options{MaxConnections: 40, Express: publishForTest(),
		Handler: Handler(func(w http.ResponseWriter, r *http.Request) error {
			if r.Header.Get("ApiKey") == "" {
				return problem.New(problem.Unauthorized, "no key")
			}
			Send(w, 200, "text/plain", []byte("ok"))
			return nil
		})})
	beginnings := []string{
		"", "POST /p", "POST /p HTTP/1.1\r\nHost: a\r\n", "GET / HTTP/1.1\r\nHost: a\r\n", "\r\n",
		"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nxxx", // is refused, and what comes is read for a while
		"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nxxx",
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n", // answered, and kept open
	}
	for i := range 400 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, beginnings[i%len(beginnings)])
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	for i := range 20 {
		for _, path := range []string{"/", "/p"} {
			req, _ := http.NewRequest("POST", "http://"+addr+path, strings.NewReader("{}"))
			req.Header.Set("ApiKey", "k")
			resp, err := client.Do(req)
			if err != nil {
				t.Fatalf("request %d of %s beside 400 idle connections: %v", i, path, err)
			}
			resp.Body.Close()
			if resp.StatusCode >= 300 {
				t.Fatalf("request %d of %s: got %d", i, path, resp.StatusCode)
			}
		}
	}
	if n := s.Counts(); n.Connections > 40 || n.Evicted < 300 || n.Refused != 0 || n.Busy != 0 {
		t.Errorf("got %+v, want at most 40 connections, and at least 300 closed for others", n)
	}
}

// TestLargeBodiesAreCharged: without a key nothing is spent on a body; with one memory is charged before it is taken,
// grows with what has come, and is given back before the connection waits for its next request.
func TestLargeBodiesAreCharged(t *testing.T) {
	const size = 1 << 20
	head := func(key string) string {
		return fmt.Sprintf("POST /p HTTP/1.1\r\nHost: a\r\nApiKey: %s\r\nContent-Length: %d\r\n\r\n", key, size)
	}
	entered, leave := make(chan struct{}, 8), make(chan struct{})
	express := publishForTest()
	express.Answer = func(_ context.Context, _ any, _ *ExpressHead, body, dst []byte) ([]byte, bool) {
		entered <- struct{}{}
		<-leave
		return append(dst, "{}"...), true
	}
	s, addr := serveForTest(t, Options{MaxBodies: 7 * size / 4, Express: express,
		Handler: Handler(func(w http.ResponseWriter, r *http.Request) error {
			if r.Header.Get("ApiKey") == "" {
				return problem.New(problem.Unauthorized, "no key")
			}
			if _, err := ReadBody(r, nil, size); err != nil {
				return err
			}
			Send(w, 200, "text/plain", nil)
			return nil
		})})
	dial := func() net.Conn {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(time.Minute))
		return c
	}
	answer := func(c net.Conn) string {
		b := make([]byte, 12)
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	// No key: all but the last byte, on 50 connections.
	for range 50 {
		c := dial()
		go io.WriteString(c, head("")+strings.Repeat("x", size-1))
		defer c.Close()
	}
	first := dial()
	io.WriteString(first, head("k")+strings.Repeat("x", size))
	<-entered
	if got := s.Counts().BodyBytes; got < size || got > size+16<<10 {
		t.Errorf("one body of %d bytes with a key, and 50 without: %d bytes are charged", size, got)
	}
	second := dial() // for which there is no room: 503 by the ordinary way
	go io.WriteString(second, head("k")+strings.Repeat("x", size))
	if got := answer(second); got != "HTTP/1.1 503" {
		t.Errorf("a body beyond the bound: got %q, want 503", got)
	}
	close(leave)
	if got := answer(first); got != "HTTP/1.1 202" {
		t.Errorf("the body within the bound: got %q, want 202", got)
	}
	// The answer may be there a moment before the connection waits again.
	waitUntil(t, func() bool { return s.Counts().BodyBytes == 0 })
	io.WriteString(first, head("k")+strings.Repeat("x", size))
	<-entered
	first.Close()
	waitUntil(t, func() bool { return s.Counts().BodyBytes == 0 })
	slow := dial() // half of a body: charged no more than twice what has come, and given back when it is broken off
	io.WriteString(slow, head("k")+strings.Repeat("x", size/4))
	waitUntil(t, func() bool { n := s.Counts().BodyBytes; return n > 0 && n <= size/2+8<<10 })
	slow.(*net.TCPConn).CloseWrite()
	if got := answer(slow); got != "HTTP/1.1 400" {
		t.Errorf("a body broken off: got %q, want 400", got)
	}
	slow.Close()
	waitUntil(t, func() bool { return s.Counts().BodyBytes == 0 })
}

func waitUntil(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not become so within 30 s")
		}
	}
}
