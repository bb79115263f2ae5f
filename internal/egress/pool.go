package egress

import (
	"bufio"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	// idleTimeout closes connections before receivers commonly do (Node.js: 5 s), because a request that meets a closing
	// connection is a failed attempt. Connections in steady use are not affected, and TLS resumption makes the next one cheap.
	idleTimeout = 4 * time.Second

	// maxIdle bounds the idle connections of the whole program; beyond it they are closed when they become idle. One
	// costs up to about 40 KiB with TLS.
	maxIdle = 2048

	// readBuffer is the size of a connection's read buffer in bytes: answers to webhooks are short.
	readBuffer = 2 << 10
)

// A wire is a connection that speaks HTTP/1.1, used by one request at a time.
type wire struct {
	*conn
	r      *bufio.Reader
	out    []byte          // what is written, reused
	raw    syscall.RawConn // of the socket, to look at it without reading; nil for what is none
	secure bool
	key    poolKey
	idleAt time.Time
}

// poolKey tells connections apart that must not be exchanged for each other.
type poolKey struct {
	secure   bool
	address  string    // host:port
	identity *Identity // who the receiver takes the connection's requests to be from; nil: nobody
}

func newWire(c *conn, key poolKey) *wire {
	w := &wire{conn: c, r: bufio.NewReaderSize(c, readBuffer), secure: key.secure, key: key}
	if s, ok := c.Conn.(syscall.Conn); ok {
		w.raw, _ = s.SyscallConn()
	} else if t, ok := c.Conn.(interface{ NetConn() net.Conn }); ok {
		inner := t.NetConn()
		if counted, ok := inner.(*conn); ok {
			inner = counted.Conn
		}
		if s, ok := inner.(syscall.Conn); ok {
			w.raw, _ = s.SyscallConn()
		}
	}
	return w
}

// fresh tells that an idle connection is open and that nothing has come over it unasked: bytes that are there before
// the request would be taken for its answer. A connection of which that cannot be told for certain is not fresh.
func (w *wire) fresh() bool {
	if w.r.Buffered() > 0 {
		return false
	}
	if w.raw == nil || w.secure {
		// What TLS has received already is not in the socket any more. A read after its deadline returns what is
		// there without waiting.
		if w.SetReadDeadline(time.Unix(1, 0)) != nil {
			return false
		}
		var one [1]byte
		n, err := w.conn.Conn.Read(one[:])
		var timeout net.Error
		if n > 0 || !isTimeout(err, &timeout) || w.SetReadDeadline(time.Time{}) != nil {
			return false
		}
	}
	return w.raw == nil || !readable(w.raw)
}

// A pool keeps idle connections, the most recently used on top.
type pool struct {
	perHost int // zero or less: none are kept

	mu     sync.Mutex
	hosts  map[poolKey]*[]*wire
	idle   int
	closed bool
	sweeps *time.Timer // runs while connections are idle
}

func newPool(perHost int) *pool {
	return &pool{perHost: perHost, hosts: make(map[poolKey]*[]*wire)}
}

// get returns a connection that is fit for use, nil if there is none.
func (p *pool) get(key poolKey) *wire {
	for {
		p.mu.Lock()
		list := p.hosts[key]
		if list == nil || len(*list) == 0 {
			p.mu.Unlock()
			return nil
		}
		last := len(*list) - 1
		w := (*list)[last]
		(*list)[last] = nil
		*list = (*list)[:last]
		p.idle--
		p.mu.Unlock()
		if w.fresh() {
			return w
		}
		w.Close()
	}
}

// put takes a connection back after use.
func (p *pool) put(w *wire) {
	w.idleAt = time.Now()
	p.mu.Lock()
	list := p.hosts[w.key]
	if list == nil {
		list = new([]*wire)
	}
	if p.closed || p.idle >= maxIdle || len(*list) >= p.perHost {
		p.mu.Unlock()
		w.Close()
		return
	}
	p.hosts[w.key] = list
	*list = append(*list, w)
	p.idle++
	if p.sweeps == nil {
		p.sweeps = time.AfterFunc(idleTimeout, p.sweep)
	}
	p.mu.Unlock()
}

// sweep closes what has been idle for too long, and runs again while anything is idle.
func (p *pool) sweep() {
	var old []*wire
	limit := time.Now().Add(-idleTimeout)
	p.mu.Lock()
	for key, list := range p.hosts {
		n := 0
		for n < len(*list) && !(*list)[n].idleAt.After(limit) {
			n++ // the least recently used come first
		}
		if n > 0 {
			old = append(old, (*list)[:n]...)
			rest := copy(*list, (*list)[n:])
			clear((*list)[rest:])
			*list = (*list)[:rest]
		}
		if len(*list) == 0 {
			delete(p.hosts, key)
		}
	}
	p.idle -= len(old)
	p.sweeps = nil
	if p.idle > 0 && !p.closed {
		p.sweeps = time.AfterFunc(idleTimeout/4, p.sweep)
	}
	p.mu.Unlock()
	for _, w := range old {
		w.Close()
	}
}

// close closes the idle connections, and those in use when they come back.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, list := range p.hosts {
		for _, w := range *list {
			w.Close()
		}
	}
	clear(p.hosts)
	p.idle = 0
	if p.sweeps != nil {
		p.sweeps.Stop()
		p.sweeps = nil
	}
}
