package web

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// This file is the short way in for the one call whose cost counts: publishing. net/http needs half of the processor
// time that it takes Relay to accept an event. A connection therefore begins here: a small parser knows one request
// line and the plainest heads, and answers only what succeeds. At the first byte that is out of the ordinary (another
// call, a header that matters, doubtful framing, a wrong key, an event that is refused) the connection goes over to
// net/http for good, with everything that was read of the request, as if nothing had looked at it. So there is one
// place that refuses things, and it is not this one.

// Express is the call that is served on the short way.
type Express struct {
	// Path is the request target, exactly.
	Path string
	// Answer serves a POST of the body and appends the answer's body, JSON, to dst; the status is 202. With ok false
	// it has done nothing that must not be done again: the request then takes the ordinary way.
	Answer func(ctx context.Context, h *ExpressHead, body, dst []byte) (answer []byte, ok bool)
}

// ExpressHead is what a request on the short way says of itself; empty for a header that is absent. Its bytes are
// valid during the call.
type ExpressHead struct {
	Authorization, APIKey, ContentType, IdempotencyKey []byte
}

const (
	// maxExpressHead and maxExpressBody bound what is read before a connection is handed over, in bytes.
	maxExpressHead = 4 << 10
	maxExpressBody = 1 << 20
	// expressBodyTime is how long a body may take here; the ordinary way is more patient.
	expressBodyTime = 2 * time.Second
)

// expressway accepts connections, serves what it can, and hands the rest over.
type expressway struct {
	server *Server
	rest   *handover
	ctx    context.Context // ends when Stop gives up waiting

	running  sync.WaitGroup
	mu       sync.Mutex
	conns    map[*expressConn]struct{}
	stopping bool
}

// expressConn is a connection on the short way.
type expressConn struct {
	net.Conn
	waiting atomic.Bool // for a request: it may be cut off
}

// serve accepts connections until the listener is closed.
func (x *expressway) serve(l net.Listener) error {
	var pause time.Duration
	for {
		c, err := l.Accept()
		if err != nil {
			var ne interface{ Temporary() bool }
			if !errors.As(err, &ne) || !ne.Temporary() {
				return err
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second) // as net/http: no file descriptors, say
			time.Sleep(pause)
			continue
		}
		pause = 0
		ec := &expressConn{Conn: c}
		if !x.add(ec) {
			c.Close()
			continue
		}
		go func() {
			defer x.running.Done()
			x.run(ec)
		}()
	}
}

func (x *expressway) add(c *expressConn) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stopping {
		return false
	}
	x.conns[c] = struct{}{}
	x.running.Add(1)
	return true
}

// stop cuts off connections that wait for a request, and waits for the others until ctx ends.
func (x *expressway) stop(ctx context.Context) error {
	x.mu.Lock()
	x.stopping = true
	for c := range x.conns {
		if c.waiting.Load() {
			c.Close()
		}
	}
	x.mu.Unlock()
	done := make(chan struct{})
	go func() { x.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		busy := 0
		x.mu.Lock()
		for c := range x.conns {
			if !c.waiting.Load() {
				busy++
			}
			c.Close()
		}
		x.mu.Unlock()
		if busy > 0 {
			return ctx.Err()
		}
		<-done // they have nothing left to do
		return nil
	}
}

func (x *expressway) isStopping() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.stopping
}

// hand gives the connection to the ordinary way, with what was read of it.
func (x *expressway) hand(c *expressConn, read []byte) {
	if c.SetDeadline(time.Time{}) != nil {
		c.Close()
		return
	}
	x.rest.give(&replayConn{Conn: c.Conn, first: bytes.Clone(read)})
}

// wait marks the connection as waiting for a request; it reports false when the server stops.
func (x *expressway) wait(c *expressConn) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	c.waiting.Store(true)
	return !x.stopping
}

var expressBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

// run serves a connection until it ends or is handed over.
func (x *expressway) run(c *expressConn) {
	in, out := expressBuffers.Get().(*[]byte), expressBuffers.Get().(*[]byte)
	handed := false
	defer func() {
		x.mu.Lock()
		delete(x.conns, c)
		x.mu.Unlock()
		if !handed {
			c.Close()
		}
		for _, b := range []*[]byte{in, out} {
			if cap(*b) <= 64<<10 {
				*b = (*b)[:0]
				expressBuffers.Put(b)
			}
		}
	}()
	buf := (*in)[:0]
	limit := headerTime // for the first request of a connection, as net/http has it
	for {
		var req expressRequest
		buf, req = x.read(c, buf, limit)
		*in = buf
		switch req.verdict {
		case expressEnd:
			return
		case expressOther:
			handed = true
			x.hand(c, buf)
			return
		}
		begun := time.Now()
		size := int64(len(req.body))
		answer, ok := []byte(nil), false
		if x.server.held.Add(size) <= x.server.o.MaxBodies {
			answer, ok = x.server.o.Express.Answer(x.ctx, &req.head, req.body, (*out)[:0])
		}
		x.server.held.Add(-size)
		if !ok {
			handed = true
			x.hand(c, buf)
			return
		}
		*out = answer
		stopping := x.isStopping()
		if !x.send(c, answer, stopping) || stopping {
			return
		}
		if done := x.server.o.Done; done != nil {
			done(http.MethodPost, "POST "+x.server.o.Express.Path, http.StatusAccepted, time.Since(begun))
		}
		buf = buf[:copy(buf, buf[req.size:])]
		limit = idleTime
	}
}

// send writes the answer, the headers as on the ordinary way.
func (x *expressway) send(c *expressConn, body []byte, last bool) bool {
	b := expressBuffers.Get().(*[]byte)
	defer expressBuffers.Put(b)
	h := append((*b)[:0], "HTTP/1.1 202 Accepted\r\nCache-Control: no-store\r\nContent-Length: "...)
	h = strconv.AppendInt(h, int64(len(body)), 10)
	h = append(h, "\r\nContent-Security-Policy: "+inert[0]+"\r\nContent-Type: application/json\r\nDate: "...)
	h = time.Now().UTC().AppendFormat(h, http.TimeFormat)
	h = append(h, "\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: "...)
	h = append(h, x.server.ids.next()...)
	if last {
		h = append(h, "\r\nConnection: close"...)
	}
	h = append(h, "\r\n\r\n"...)
	if c.SetWriteDeadline(time.Now().Add(writeTime)) != nil {
		return false
	}
	if len(h)+len(body) <= cap(h) || len(body) < 4<<10 {
		h = append(h, body...)
		*b = h
		_, err := c.Write(h)
		return err == nil
	}
	*b = h
	buffers := net.Buffers{h, body}
	_, err := buffers.WriteTo(c.Conn)
	return err == nil
}

// expressVerdict says what to do with what was read.
type expressVerdict uint8

const (
	expressOurs  expressVerdict = iota // a whole request that can be tried
	expressOther                       // for the ordinary way
	expressEnd                         // the client has gone, or took too long
)

type expressRequest struct {
	verdict expressVerdict
	head    ExpressHead
	body    []byte
	size    int // of head and body in the buffer
}

// read reads a request into buf, which may hold the beginning of it already.
func (x *expressway) read(c *expressConn, buf []byte, limit time.Duration) ([]byte, expressRequest) {
	other, end := expressRequest{verdict: expressOther}, expressRequest{verdict: expressEnd}
	if len(buf) == 0 {
		if !x.wait(c) || c.SetReadDeadline(time.Now().Add(limit)) != nil {
			return buf, end
		}
	}
	deadline := false // the time for the head runs
	for {
		if len(buf) > 0 {
			if i := bytes.Index(buf, crlfcrlf); i >= 0 {
				var req expressRequest
				length, ok := parseExpress(buf[:i+2], x.server.o.Express.Path, &req.head)
				if !ok {
					return buf, other
				}
				req.size = i + 4 + length
				return x.readBody(c, buf, i+4, req)
			}
			if len(buf) >= maxExpressHead || !couldBeExpress(buf, x.server.o.Express.Path) {
				return buf, other
			}
			if !deadline {
				deadline = true
				c.waiting.Store(false)
				if c.SetReadDeadline(time.Now().Add(headerTime)) != nil {
					return buf, end
				}
			}
		}
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := c.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil {
			return buf, end
		}
		c.waiting.Store(false)
	}
}

var crlfcrlf = []byte("\r\n\r\n")

// readBody reads on until the body, which begins at start, is whole. The slices of req.head are found again, should
// the buffer have moved.
func (x *expressway) readBody(c *expressConn, buf []byte, start int, req expressRequest) ([]byte, expressRequest) {
	if len(buf) < req.size {
		if cap(buf) < req.size {
			grown := make([]byte, len(buf), req.size)
			copy(grown, buf)
			buf = grown
			parseExpress(buf[:start-2], x.server.o.Express.Path, &req.head)
		}
		if c.SetReadDeadline(time.Now().Add(expressBodyTime)) != nil {
			return buf, expressRequest{verdict: expressEnd}
		}
		for len(buf) < req.size {
			n, err := c.Read(buf[len(buf):req.size])
			buf = buf[:len(buf)+n]
			if err == nil {
				continue
			}
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				return buf, expressRequest{verdict: expressOther}
			}
			return buf, expressRequest{verdict: expressEnd}
		}
	}
	req.body = buf[start:req.size]
	return buf, req
}

// couldBeExpress reports whether the beginning of a request may still turn out to be ours.
func couldBeExpress(b []byte, path string) bool {
	line := "POST " + path + " HTTP/1.1\r\n"
	n := min(len(b), len(line))
	return string(b[:n]) == line[:n]
}

// parseExpress reads a head, to the end of its last line. It knows the plainest form of what HTTP allows, and reports
// false for everything else.
func parseExpress(b []byte, path string, h *ExpressHead) (length int, ok bool) {
	if !couldBeExpress(b, path) {
		return 0, false
	}
	b = b[bytes.IndexByte(b, '\n')+1:]
	*h = ExpressHead{}
	length = -1
	host := false
	for len(b) > 0 {
		end := bytes.IndexByte(b, '\n')
		if end < 1 || b[end-1] != '\r' {
			return 0, false
		}
		line := b[:end-1]
		b = b[end+1:]
		colon := bytes.IndexByte(line, ':')
		if colon < 1 {
			return 0, false
		}
		name, value := line[:colon], line[colon+1:]
		if !plainName(name) || !plainValue(value) {
			return 0, false
		}
		value = bytes.Trim(value, " ")
		var into *[]byte
		switch len(name) {
		case len("host"):
			if foldEqual(name, "host") {
				if host || !plainHost(value) {
					return 0, false
				}
				host = true
			}
		case len("content-length"):
			if foldEqual(name, "content-length") {
				n, ok := parseDecimal(value)
				if !ok || length >= 0 || n > maxExpressBody || n == 0 {
					return 0, false
				}
				length = int(n)
			}
		case len("authorization"):
			if foldEqual(name, "authorization") {
				into = &h.Authorization
			}
		case len("content-type"):
			if foldEqual(name, "content-type") {
				into = &h.ContentType
			} else if foldEqual(name, "relay-tenant") {
				return 0, false
			}
		case len("apikey"):
			if foldEqual(name, "apikey") {
				into = &h.APIKey
			} else if foldEqual(name, "expect") {
				return 0, false
			}
		case len("idempotency-key"):
			if foldEqual(name, "idempotency-key") {
				if len(value) == 0 {
					return 0, false
				}
				into = &h.IdempotencyKey
			}
		case len("connection"):
			if foldEqual(name, "connection") && !foldEqual(value, "keep-alive") {
				return 0, false
			}
		case len("transfer-encoding"):
			if foldEqual(name, "transfer-encoding") {
				return 0, false
			}
		case len("content-encoding"):
			if foldEqual(name, "content-encoding") {
				return 0, false
			}
		case len("upgrade"):
			if foldEqual(name, "upgrade") || foldEqual(name, "trailer") {
				return 0, false
			}
		}
		if into != nil {
			if *into != nil {
				return 0, false // given twice: which one counts is not ours to say
			}
			*into = value
		}
	}
	return length, host && length > 0
}

// foldEqual compares without regard to case; the second is in lower case and of the same length.
func foldEqual(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func plainName(b []byte) bool {
	for _, c := range b {
		if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return true
}

func plainValue(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

func plainHost(b []byte) bool {
	for _, c := range b {
		if c != '.' && c != ':' && c != '-' && c != '[' && c != ']' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return len(b) > 0
}

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
	net.Conn
	first []byte
}

// Read implements net.Conn.
func (c *replayConn) Read(p []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(p, c.first)
		if c.first = c.first[n:]; len(c.first) == 0 {
			c.first = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite serves watchedConn.
func (c *replayConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}
