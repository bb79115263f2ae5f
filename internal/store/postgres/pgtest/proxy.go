//go:build unix

package pgtest

import (
	"fmt"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Proxy stands between a client and a server, and can fall silent: what is
// sent then is held back, as by a network that drops packets, and no
// connection is closed.
type Proxy struct {
	socket string
	port   int

	mu      sync.Mutex
	changed *sync.Cond
	held    [2]bool // towards the server, towards the client; guarded by mu
	closed  bool    // guarded by mu
	open    int     // connections; guarded by mu
}

// The directions in which a Proxy can hold back.
const (
	ToServer = 0
	ToClient = 1
)

// Proxy starts a proxy in front of the server; it ends with the test.
func (s *Server) Proxy(t testing.TB) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{socket: s.Socket(), port: l.Addr().(*net.TCPAddr).Port}
	p.changed = sync.NewCond(&p.mu)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		p.closed = true
		p.changed.Broadcast()
		p.mu.Unlock()
		serving.Wait()
	})
	return p
}

// URL returns the address of a database behind the proxy.
func (p *Proxy) URL(database string) string {
	return fmt.Sprintf("postgres://relay@127.0.0.1:%d/%s?sslmode=disable", p.port, url.PathEscape(database))
}

// Hold holds back the bytes of a direction from now on, or lets them go.
func (p *Proxy) Hold(direction int, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held[direction] = on
	p.changed.Broadcast()
}

// Silence holds back both directions, or lets them go.
func (p *Proxy) Silence(on bool) {
	p.Hold(ToServer, on)
	p.Hold(ToClient, on)
}

// Drained waits until everything held back has reached the server, and the
// connections whose clients have gone are closed.
func (p *Proxy) Drained() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.open > 0 {
		p.changed.Wait()
	}
}

func (p *Proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("unix", p.socket)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	p.open++
	p.mu.Unlock()
	done := make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() {
		p.pump(server, client, ToServer)
		// The server ends the connection when it has read to the end.
		server.(*net.UnixConn).CloseWrite()
	})
	both.Go(func() {
		p.pump(client, server, ToClient)
		client.Close()
		close(done)
	})
	go func() { // ends with the test at the latest
		p.mu.Lock()
		for !p.closed {
			select {
			case <-done:
				p.mu.Unlock()
				return
			default:
			}
			p.changed.Wait()
		}
		p.mu.Unlock()
		client.Close()
		server.Close()
	}()
	both.Wait()
	p.mu.Lock()
	p.open--
	p.changed.Broadcast()
	p.mu.Unlock()
}

func (p *Proxy) pump(to, from net.Conn, direction int) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		for p.held[direction] && !p.closed {
			p.changed.Wait()
		}
		p.mu.Unlock()
		if n > 0 {
			// A client that has gone reads no answers: the server's are
			// thrown away, so that it goes on to the end of its input.
			if _, werr := to.Write(buf[:n]); werr != nil && direction == ToServer {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
