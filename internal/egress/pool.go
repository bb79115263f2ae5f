package egress

import (
	"bufio"
	"net"
	"slices"
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

	// probation is how long the first connections to a receiver are watched after their answer before any is used twice:
	// some receivers send more than an answer (a body behind a 204, a second answer), and late bytes would be taken
	// for the answer to the next request.
	probation = 250 * time.Millisecond

	// maxWatched bounds the connections watched at a time for one receiver; others are closed after their answer.
	maxWatched = 8

	// maxUnproven bounds the connections made to a receiver while its first ones are watched; further requests wait for
	// the end of the watch. A burst to a receiver that is not known yet would dial thousands otherwise. It is as many as
	// requests are under way to an endpoint at most, so that only more than 1,000 requests a second ever wait.
	maxUnproven = 256

	// soiledFor is how long no connection is used twice to a receiver that has sent more than its answer. Then it is
	// watched again.
	soiledFor = 10 * time.Minute

	// readBuffer is the size of a connection's read buffer in bytes: answers to webhooks are short.
	readBuffer = 2 << 10
)

// A wire is a connection that speaks HTTP/1.1, used by one request at a time.
type wire struct {
	*conn
	r      *bufio.Reader
	out    []byte          // bytes to write, reused
	raw    syscall.RawConn // of the socket, to look at it without reading; nil if there is none
	secure bool
	key    poolKey
	idleAt time.Time
}

// poolKey tells connections apart that must not be exchanged for each other.
type poolKey struct {
	secure   bool
	address  string    // host:port
	identity *Identity // who the receiver takes the connection's requests to be from; nil: nobody
	scope    uint64    // Request.Scope
}

// poolKey returns the key of the connections that may carry the request.
func (r *Request) poolKey() poolKey {
	return poolKey{r.Target.key.secure, r.Target.key.address, r.Identity, r.Scope}
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

// A finding is the result of a look at an idle connection.
type finding uint8

const (
	ended  finding = iota // it is closed or broken, or cannot be looked at
	quiet                 // it is open, and nothing has come over it
	strays                // bytes have come that nobody asked for
)

// look tells whether an idle connection may be used again: bytes that are there before the request would be taken for its
// answer. A connection of which that cannot be told for certain counts as ended.
func (w *wire) look() finding {
	if w.r.Buffered() > 0 {
		return strays
	}
	if w.raw == nil || w.secure {
		// What TLS has received already is not in the socket any more. A read after its deadline returns what is
		// there without waiting.
		if w.SetReadDeadline(time.Unix(1, 0)) != nil {
			return ended
		}
		var one [1]byte
		n, err := w.conn.Conn.Read(one[:])
		var timeout net.Error
		if n > 0 {
			return strays
		}
		if !isTimeout(err, &timeout) || w.SetReadDeadline(time.Time{}) != nil {
			return ended
		}
	}
	if w.raw == nil {
		return quiet
	}
	f := peek(w.raw)
	if f == strays && w.secure {
		return ended // part of a TLS record, perhaps an alert
	}
	return f
}

// A pool keeps idle connections, the most recently used on top.
type pool struct {
	perHost int           // zero or less: none are kept
	watch   time.Duration // probation; zero or less: none

	mu      sync.Mutex
	hosts   map[poolKey]*peer
	watched []*wire // the longest watched first
	idle    int
	closed  bool
	sweeps  *time.Timer // runs while connections are idle
	watches *time.Timer // runs while connections are watched
}

// A peer is a receiver as one scope knows it.
type peer struct {
	idle    []*wire
	watched int       // connections under watch
	proven  bool      // a connection stayed quiet after its answer
	soiled  time.Time // no connection is used twice before; zero: it never sent too much

	unproven int           // connections made while others were watched
	unclear  bool          // a watch has ended without a finding, as where a receiver closes early: the next is not waited for
	decided  chan struct{} // closed when the watch has ended; nil: nobody waits for it
}

// release ends the waiting for the watch.
func (h *peer) release() {
	if h.decided != nil {
		close(h.decided)
		h.decided = nil
	}
}

func newPool(perHost int, watch time.Duration) *pool {
	return &pool{perHost: perHost, watch: watch, hosts: make(map[poolKey]*peer)}
}

// get returns a connection that is fit for use, nil if there is none.
func (p *pool) get(key poolKey) *wire {
	for {
		p.mu.Lock()
		h := p.hosts[key]
		if h == nil || len(h.idle) == 0 {
			p.mu.Unlock()
			return nil
		}
		last := len(h.idle) - 1
		w := h.idle[last]
		h.idle[last] = nil
		h.idle = h.idle[:last]
		p.idle--
		p.mu.Unlock()
		switch w.look() {
		case quiet:
			return w
		case strays:
			p.soil(key)
		}
		w.Close()
	}
}

// hold returns a channel that a request must wait for before a connection is made for it; nil: it need not wait.
func (p *pool) hold(key poolKey) <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[key]
	if h == nil || h.watched == 0 || h.proven || h.unclear || !h.soiled.IsZero() {
		return nil
	}
	if h.unproven < maxUnproven {
		h.unproven++
		return nil
	}
	if h.decided == nil {
		h.decided = make(chan struct{})
	}
	return h.decided
}

// put takes a connection back after use.
func (p *pool) put(w *wire) {
	w.idleAt = time.Now()
	p.mu.Lock()
	h := p.hosts[w.key]
	if h == nil {
		h = p.addPeerLocked(w.key)
	}
	if !h.soiled.IsZero() && !w.idleAt.Before(h.soiled) {
		h.soiled, h.proven, h.unclear, h.unproven = time.Time{}, false, false, 0
	}
	switch {
	case p.closed || p.perHost <= 0 || !h.soiled.IsZero():
	case p.watch > 0 && !h.proven:
		if h.watched < maxWatched && len(p.watched) < maxIdle/4 {
			h.watched++
			p.watched = append(p.watched, w)
			if p.watches == nil {
				p.watches = time.AfterFunc(p.watch, p.endWatch)
			}
			p.mu.Unlock()
			return
		}
	case p.idle < maxIdle && len(h.idle) < p.perHost:
		h.idle = append(h.idle, w)
		p.addedIdleLocked()
		p.mu.Unlock()
		return
	}
	p.mu.Unlock()
	w.Close()
}

func (p *pool) addedIdleLocked() {
	p.idle++
	if p.sweeps == nil {
		p.sweeps = time.AfterFunc(idleTimeout, p.sweep)
	}
}

// addPeerLocked remembers a receiver. When there are too many, those without connections are forgotten.
func (p *pool) addPeerLocked(key poolKey) *peer {
	if len(p.hosts) >= maxHosts {
		for k, h := range p.hosts {
			if len(h.idle) == 0 && h.watched == 0 {
				delete(p.hosts, k)
			}
		}
	}
	h := &peer{}
	p.hosts[key] = h
	return h
}

// soil notes that a receiver sends more than its answers, and closes its idle connections.
func (p *pool) soil(key poolKey) {
	p.mu.Lock()
	h := p.hosts[key]
	if h == nil {
		h = p.addPeerLocked(key)
	}
	h.soiled = time.Now().Add(soiledFor)
	closing := h.idle
	p.idle -= len(h.idle)
	h.idle = nil
	h.release()
	p.mu.Unlock()
	for _, w := range closing {
		w.Close()
	}
}

// endWatch looks at the connections that have been watched for long enough. Those that stayed quiet may be used again.
func (p *pool) endWatch() {
	now := time.Now()
	p.mu.Lock()
	n := 0
	for n < len(p.watched) && now.Sub(p.watched[n].idleAt) >= p.watch {
		n++
	}
	due := slices.Clone(p.watched[:n])
	p.watched = slices.Delete(p.watched, 0, n)
	p.watches = nil
	if len(p.watched) > 0 && !p.closed {
		p.watches = time.AfterFunc(p.watch-now.Sub(p.watched[0].idleAt), p.endWatch)
	}
	p.mu.Unlock()
	for _, w := range due {
		found := w.look()
		if found == strays {
			p.soil(w.key)
		}
		if !p.watchedOne(w, found == quiet) {
			w.Close()
		}
	}
}

// watchedOne notes the end of a connection's watch; it reports whether the connection is kept.
func (p *pool) watchedOne(w *wire, quiet bool) (kept bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[w.key]
	if h == nil {
		return false
	}
	h.watched--
	h.proven = h.proven || quiet
	if h.proven || h.watched == 0 {
		h.unclear = !h.proven
		h.release()
	}
	if !quiet || p.closed || !h.soiled.IsZero() || p.idle >= maxIdle || len(h.idle) >= p.perHost {
		return false
	}
	// It has been idle since its answer, longer than some of the others.
	at, _ := slices.BinarySearchFunc(h.idle, w, func(a, b *wire) int { return a.idleAt.Compare(b.idleAt) })
	h.idle = slices.Insert(h.idle, at, w)
	p.addedIdleLocked()
	return true
}

// spare closes the connection that has been idle the longest; it reports false if none is idle.
func (p *pool) spare() bool {
	var w *wire
	p.mu.Lock()
	if len(p.watched) > 0 {
		w = p.watched[0]
		p.watched = slices.Delete(p.watched, 0, 1)
		if h := p.hosts[w.key]; h != nil {
			if h.watched--; h.watched == 0 {
				h.release()
			}
		}
	} else {
		var of *peer
		for _, h := range p.hosts {
			if len(h.idle) > 0 && (of == nil || h.idle[0].idleAt.Before(of.idle[0].idleAt)) {
				of = h
			}
		}
		if of != nil {
			w = of.idle[0]
			of.idle = slices.Delete(of.idle, 0, 1)
			p.idle--
		}
	}
	p.mu.Unlock()
	if w == nil {
		return false
	}
	w.Close()
	return true
}

// sweep closes connections that have been idle for too long, and runs again while any is idle.
func (p *pool) sweep() {
	var old []*wire
	limit := time.Now().Add(-idleTimeout)
	p.mu.Lock()
	for _, h := range p.hosts {
		n := 0
		for n < len(h.idle) && !h.idle[n].idleAt.After(limit) {
			n++ // the least recently used come first
		}
		if n > 0 {
			old = append(old, h.idle[:n]...)
			h.idle = slices.Delete(h.idle, 0, n)
		}
		if len(h.idle) == 0 {
			h.idle = nil
		}
	}
	p.idle -= len(old)
	p.sweeps = nil
	if p.idle > 0 && !p.closed {
		p.sweeps = time.AfterFunc(idleTimeout/4, p.sweep)
	}
	p.mu.Unlock()
	for _, w := range old {
		if w.look() == strays {
			p.soil(w.key)
		}
		w.Close()
	}
}

// close closes the idle connections, and those in use when they come back.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, h := range p.hosts {
		h.release()
		for _, w := range h.idle {
			w.Close()
		}
	}
	for _, w := range p.watched {
		w.Close()
	}
	clear(p.hosts)
	p.idle, p.watched = 0, nil
	for _, t := range []*time.Timer{p.sweeps, p.watches} {
		if t != nil {
			t.Stop()
		}
	}
	p.sweeps, p.watches = nil, nil
}
