package web

import (
	"net"
	"sync"
)

// handover is the listener through which net/http gets connections.
type handover struct {
	addr   net.Addr
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newHandover(addr net.Addr) *handover {
	return &handover{addr: addr, conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (h *handover) give(c net.Conn) {
	select {
	case h.conns <- c:
	case <-h.closed:
		c.Close()
	}
}

// Accept implements net.Listener.
func (h *handover) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (h *handover) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Addr implements net.Listener.
func (h *handover) Addr() net.Addr { return h.addr }

// replayConn is a connection of which something has been read already.
type replayConn struct {
	*heldConn

	mu      sync.Mutex // Close may come while Read runs
	first   []byte
	release func() // gives first back; nil once it has
}

// Read implements net.Conn.
func (c *replayConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	if n := copy(p, c.first); n > 0 {
		if c.first = c.first[n:]; len(c.first) == 0 {
			c.releaseLocked()
		}
		c.mu.Unlock()
		return n, nil
	}
	c.mu.Unlock()
	return c.heldConn.Read(p)
}

// Close implements net.Conn.
func (c *replayConn) Close() error {
	c.mu.Lock()
	c.releaseLocked()
	c.mu.Unlock()
	return c.heldConn.Close()
}

func (c *replayConn) releaseLocked() {
	if c.release != nil {
		c.release()
	}
	c.first, c.release = nil, nil
}
