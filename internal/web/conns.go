package web

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/relay-events/relay/internal/problem"
)

// A connection costs a descriptor and some memory before anybody has shown a key. So connections are bounded, together
// and for each client, and a connection without an authenticated request under way may be closed at any time to make
// room: the longest quiet first, of the client that has most. A newcomer is therefore always let in, and has the time to
// send its request, however many idle connections somebody else holds.

// heldConn is a connection that counts.
type heldConn struct {
	net.Conn
	door   *door
	client netip.Addr // the zero Addr: not bounded by itself
	// quiet says since when no authenticated request is under way, in nanoseconds of Unix time; one of the constants
	// below otherwise. Whoever moves it from a time to a constant owns the connection's fate: that is why a request
	// that has shown its key is never cut off.
	quiet atomic.Int64
}

const (
	connBusy    = 0  // an authenticated request is under way
	connEvicted = -1 // it is being closed to make room
)

// begin marks that an authenticated request is under way. It reports false when the connection is being closed, or when
// so many others are busy that the rest is kept for those that only ask how Relay is.
func (c *heldConn) begin() bool {
	if int(c.door.busy.Add(1)) > c.door.maxBusy {
		c.door.busy.Add(-1)
		c.door.refusedBusy.Add(1)
		return false
	}
	since := c.quiet.Load()
	if since > 0 && c.quiet.CompareAndSwap(since, connBusy) {
		return true
	}
	c.door.busy.Add(-1)
	return false
}

// end is called once after begin has reported true.
func (c *heldConn) end() {
	c.quiet.Store(time.Now().UnixNano())
	c.door.busy.Add(-1)
}

// Close implements net.Conn.
func (c *heldConn) Close() error {
	c.door.forget(c)
	return c.Conn.Close()
}

// CloseWrite serves watchedConn.
func (c *heldConn) CloseWrite() error { return closeWrite(c.Conn) }

func (c *heldConn) held() *heldConn { return c }

func closeWrite(c net.Conn) error {
	if w, ok := c.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// door counts connections and lets new ones in.
type door struct {
	limit, perClient, maxBusy int
	exempt                    []netip.Prefix // clients without a bound of their own
	log                       *slog.Logger

	busy                                    atomic.Int64 // connections with an authenticated request under way
	evicted, refused, refusedBusy, shortage atomic.Int64

	mu      sync.Mutex
	conns   map[*heldConn]struct{}
	clients map[netip.Addr]int
	warned  time.Time
}

func newDoor(limit, perClient int, exempt []netip.Prefix, log *slog.Logger) *door {
	return &door{
		limit: limit, perClient: perClient, maxBusy: limit - max(limit/8, 1), exempt: exempt, log: log,
		conns: make(map[*heldConn]struct{}), clients: make(map[netip.Addr]int),
	}
}

// enter counts a new connection, and makes room for it if need be. It reports false when there is none.
func (d *door) enter(nc net.Conn) (*heldConn, bool) {
	c := &heldConn{Conn: nc, door: d, client: d.clientOf(nc.RemoteAddr())}
	c.quiet.Store(time.Now().UnixNano())
	d.mu.Lock()
	var out []*heldConn
	bound, whose := "maxConnections", netip.Addr{}
	switch {
	case c.client.IsValid() && d.perClient > 0 && d.clients[c.client] >= d.perClient:
		bound, whose = "maxConnectionsPerClient", c.client
		out = d.oldestLocked(c.client, 1+d.perClient/batchOfEvictions)
	case len(d.conns) >= d.limit:
		out = d.oldestLocked(netip.Addr{}, 1+d.limit/batchOfEvictions)
	default:
		d.addLocked(c)
		d.mu.Unlock()
		return c, true
	}
	ok := len(out) > 0
	if ok {
		d.addLocked(c)
		d.evicted.Add(int64(len(out)))
	} else {
		d.refused.Add(1)
	}
	warn := time.Since(d.warned) > time.Minute
	if warn {
		d.warned = time.Now()
	}
	open := len(d.conns)
	d.mu.Unlock()
	for _, c := range out {
		c.Conn.Close() // nobody is told: there is no request
	}
	if warn {
		d.log.Warn("as many connections as allowed: idle ones are closed to let new ones in; more are counted in relay_http_connections_closed_total",
			"setting", bound, "client", whose, "open", open, "closed", len(out), "refused", !ok)
	}
	return c, ok
}

// batchOfEvictions is which part of the bound is freed at a time: all connections are looked through for it.
const batchOfEvictions = 16

func (d *door) addLocked(c *heldConn) {
	d.conns[c] = struct{}{}
	if c.client.IsValid() {
		d.clients[c.client]++
	}
}

func (d *door) removeLocked(c *heldConn) {
	if _, ok := d.conns[c]; !ok {
		return
	}
	delete(d.conns, c)
	if !c.client.IsValid() {
		return
	}
	if d.clients[c.client]--; d.clients[c.client] == 0 {
		delete(d.clients, c.client)
	}
}

func (d *door) forget(c *heldConn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.removeLocked(c)
}

// oldestLocked takes up to n quiet connections out, of the client or of all: first of the clients that have most, of
// each the longest quiet first. One without a bound of its own counts as a client with a single connection. The caller
// closes them.
func (d *door) oldestLocked(client netip.Addr, n int) []*heldConn {
	type quiet struct {
		conn  *heldConn
		since int64
		share int
	}
	list := make([]quiet, 0, len(d.conns))
	for c := range d.conns {
		if since := c.quiet.Load(); since > 0 && (!client.IsValid() || c.client == client) {
			list = append(list, quiet{c, since, max(d.clients[c.client], 1)})
		}
	}
	slices.SortFunc(list, func(a, b quiet) int {
		if a.share != b.share {
			return b.share - a.share
		}
		return int(min(max(a.since-b.since, -1), 1))
	})
	var out []*heldConn
	for _, q := range list {
		if len(out) == n {
			break
		}
		if q.conn.quiet.CompareAndSwap(q.since, connEvicted) {
			d.removeLocked(q.conn)
			out = append(out, q.conn)
		}
	}
	return out
}

// short makes room after the system has refused a connection for want of descriptors, and says so.
func (d *door) short(err error) {
	d.shortage.Add(1)
	d.mu.Lock()
	out := d.oldestLocked(netip.Addr{}, 1+len(d.conns)/batchOfEvictions)
	d.evicted.Add(int64(len(out)))
	warn := time.Since(d.warned) > time.Minute
	if warn {
		d.warned = time.Now()
	}
	open := len(d.conns)
	d.mu.Unlock()
	for _, c := range out {
		c.Conn.Close()
	}
	if warn {
		d.log.Warn("the system gives no more connections: idle ones are closed; raise its limit of open files", "err", err, "open", open, "closed", len(out))
	}
}

// clientOf returns whom a connection counts against: an address of IPv4, or a network of 64 bits of IPv6, of which a
// single host has all addresses. Programs on this machine and trusted proxies, which bring other people's requests,
// have no bound of their own.
func (d *door) clientOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap().WithZone("")
	if !addr.IsValid() || addr.IsLoopback() || contains(d.exempt, addr) {
		return netip.Addr{}
	}
	if addr.Is6() {
		network, _ := addr.Prefix(64) // in range
		addr = network.Addr()
	}
	return addr
}

// heldListener accepts connections and counts them.
type heldListener struct {
	net.Listener
	door *door
}

// fullAnswer is sent to a connection that there is no room for. It may be lost to the reset that follows.
const fullAnswer = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 2\r\n\r\n"

// Accept implements net.Listener. It goes on after errors that pass.
func (l heldListener) Accept() (net.Conn, error) {
	var pause time.Duration
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			var ne interface{ Temporary() bool }
			if !errors.As(err, &ne) || !ne.Temporary() {
				return nil, err
			}
			if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
				l.door.short(err)
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second) // as net/http
			time.Sleep(pause)
			continue
		}
		c, ok := l.door.enter(nc)
		if ok {
			return c, nil
		}
		pause = 0
		if nc.SetWriteDeadline(time.Now().Add(time.Millisecond)) == nil { // an empty send buffer takes it at once
			_, _ = nc.Write([]byte(fullAnswer)) // as far as it gets
		}
		nc.Close()
	}
}

// Authenticated marks that a request has shown a valid key. Until then its connection may be closed to make room for
// others. It returns an Unavailable problem while too many other requests with a key are under way.
func Authenticated(r *http.Request) error {
	rw, ok := r.Context().Value(responseKey{}).(*Response)
	if !ok || rw.begun {
		return nil
	}
	if held := rw.conn.holder; held != nil && !held.begin() {
		return problem.New(problem.Unavailable, "too many requests at a time")
	}
	rw.begun = true
	return nil
}

type responseKey struct{}

// Counts are a Server's counters for the metrics.
type Counts struct {
	// Connections are open, Busy of them have a request with a valid key under way.
	Connections, Busy int
	// Evicted connections were closed idle to make room, Refused ones were not let in; Shortages counts the times that
	// the system had no descriptor for one.
	Evicted, Refused, Shortages int64
	// RefusedBusy counts requests refused because too many others were under way, RefusedMemory those whose bodies did
	// not fit, RefusedStreams the streams beyond their bound.
	RefusedBusy, RefusedMemory, RefusedStreams int64
	// BodyBytes is the memory that bodies take, Streams how many streams are open.
	BodyBytes int64
	Streams   int64
}

// Counts returns the counters as they stand.
func (s *Server) Counts() Counts {
	s.door.mu.Lock()
	open := len(s.door.conns)
	s.door.mu.Unlock()
	return Counts{
		Connections: open, Busy: int(s.door.busy.Load()),
		Evicted: s.door.evicted.Load(), Refused: s.door.refused.Load(), Shortages: s.door.shortage.Load(),
		RefusedBusy: s.door.refusedBusy.Load(), RefusedMemory: s.memory.refused.Load(), RefusedStreams: s.streams.refused.Load(),
		BodyBytes: s.memory.used.Load(), Streams: s.streams.used.Load(),
	}
}

// bound is a number that must not be passed.
type bound struct {
	limit         int64
	used, refused atomic.Int64
}

// take adds n, or reports false.
func (b *bound) take(n int64) bool {
	if b.used.Add(n) > b.limit {
		b.used.Add(-n)
		b.refused.Add(1)
		return false
	}
	return true
}

func (b *bound) give(n int64) { b.used.Add(-n) }
