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
// line and the plainest heads, and answers only requests that succeed. At the first byte that is out of the ordinary
// (another call, a header that matters, doubtful framing, a wrong key, an event that is refused) the connection goes
// over to net/http for good, with everything that was read of the request, as if nothing had looked at it. So there is
// one place that refuses things, and it is not this one.
//
// The key is looked at when the head is there, before anything is spent on the body.

// Express is the call that is served on the short way.
type Express struct {
	// Path is the request target, exactly.
	Path string
	// Admit returns the key that a head shows, for Answer; ok is false for a head that is not to be served here. No
	// byte of the body has been waited for.
	Admit func(h *ExpressHead) (key any, ok bool)
	// Answer serves a POST of the body and appends the answer's body, JSON, to dst; the status is 202. With ok false
	// it has done nothing that must not be done again: the request then takes the ordinary way.
	Answer func(ctx context.Context, key any, h *ExpressHead, body, dst []byte) (answer []byte, ok bool)
}

// ExpressHead has the headers of a request on the short way; empty for one that is absent. Its bytes are
// valid during the call.
type ExpressHead struct {
	Authorization, APIKey, ContentType, IdempotencyKey, Traceparent []byte
}

const (
	// maxExpressHead and maxExpressBody bound how much is read before a connection is handed over, in bytes.
	maxExpressHead = 4 << 10
	maxExpressBody = 1 << 20
	// expressBuffer is the memory that a connection begins with, in bytes: a head and a usual event. It is the only memory that is
	// not charged to the bound on bodies, since connections are bounded themselves.
	expressBuffer = 8 << 10
	// expressBodyTime is how long a body may take here; the ordinary way is more patient.
	expressBodyTime = 2 * time.Second
)

// expressway serves those connections that it can, and hands the rest over.
type expressway struct {
	server *Server
	rest   *handover
	ctx    context.Context // ends when Stop gives up waiting

	stopping atomic.Bool // set under mu
	running  sync.WaitGroup
	mu       sync.Mutex
	conns    map[*expressConn]struct{}
}

// expressConn is a connection on the short way.
type expressConn struct {
	*heldConn
	way     *expressway
	waiting atomic.Bool // for a request: it may be cut off

	// Of its goroutine:
	req     expressRequest // the one being served; here, because a variable of its own would be allocated for each
	buf     []byte         // bytes read and not served yet
	small   *[]byte        // the pooled buffer that buf lies in; nil: in a larger one
	charged int64          // bytes of the larger one, charged to the bound on bodies
}

// serve accepts connections until the listener is closed.
func (x *expressway) serve(l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		held, ok := c.(*heldConn)
		if !ok {
			c.Close()
			return errors.New("web: the listener does not count its connections")
		}
		ec := &expressConn{heldConn: held, way: x}
		if !x.add(ec) {
			c.Close()
			continue
		}
		go func() {
			defer x.running.Done()
			ec.run()
		}()
	}
}

func (x *expressway) add(c *expressConn) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stopping.Load() {
		return false
	}
	x.conns[c] = struct{}{}
	x.running.Add(1)
	return true
}

// stop cuts off connections that wait for a request, and waits for the others until ctx ends.
func (x *expressway) stop(ctx context.Context) error {
	x.mu.Lock()
	x.stopping.Store(true)
	waiting := make([]*expressConn, 0, len(x.conns))
	for c := range x.conns {
		if c.waiting.Load() {
			waiting = append(waiting, c)
		}
	}
	x.mu.Unlock()
	for _, c := range waiting {
		c.Close()
	}
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

// wait marks the connection as waiting for a request, and reports false when the server stops. It looks at stopping
// after it has set the mark, and stop the other way round, so that one of them sees the other.
func (c *expressConn) wait() bool {
	c.waiting.Store(true)
	return !c.way.stopping.Load()
}

var expressBuffers = sync.Pool{New: func() any { b := make([]byte, 0, expressBuffer); return &b }}

// run serves the connection until it ends or is handed over.
func (c *expressConn) run() {
	x := c.way
	c.small = expressBuffers.Get().(*[]byte)
	c.buf = (*c.small)[:0]
	handed := false
	defer func() {
		x.mu.Lock()
		delete(x.conns, c)
		x.mu.Unlock()
		if !handed {
			c.Close()
			c.release()
		}
	}()
	limit := headerTime // for the first request of a connection, as net/http has it
	for {
		served := false
		switch c.read(limit) {
		case expressEnd:
			return
		case expressOurs:
			if served = c.serve(); served && !c.req.keep {
				return
			}
		}
		if !served {
			handed = true
			c.hand()
			return
		}
		c.next(c.req.size)
		limit = idleTime
	}
}

// serve reads the request's body, and answers it. It reports false, without having done anything, when the request is
// for the ordinary way.
func (c *expressConn) serve() bool {
	s, req := c.way.server, &c.req
	if !c.begin() {
		return false
	}
	defer c.end()
	if !c.readBody() {
		return false
	}
	begun := time.Now()
	out := expressBuffers.Get().(*[]byte)
	answer, ok := s.o.Express.Answer(c.way.ctx, req.key, &req.head, c.buf[req.size-req.length:req.size], (*out)[:0])
	if ok {
		stopping := c.way.stopping.Load()
		req.keep = c.send(answer, stopping) && !stopping
	}
	if cap(answer) > cap(*out) && cap(answer) <= maxPooledExpress {
		*out = answer
	}
	*out = (*out)[:0]
	expressBuffers.Put(out)
	if ok && s.o.Done != nil {
		s.o.Done(http.MethodPost, "POST "+s.o.Express.Path, http.StatusAccepted, time.Since(begun))
	}
	return ok
}

// maxPooledExpress bounds the buffers that are kept for other connections, in bytes: a pool of the largest would never
// shrink.
const maxPooledExpress = 16 << 10

// next drops a request that was served. A large buffer is given back: the next request may be long in coming.
func (c *expressConn) next(size int) {
	c.req = expressRequest{} // its head lies in the buffer, and would keep a large one in memory
	rest := c.buf[size:]
	if c.small == nil {
		small := expressBuffers.Get().(*[]byte)
		buf := append((*small)[:0], rest...) // no more was read than the request, as the buffer grew
		c.release()
		c.small, c.buf = small, buf
		return
	}
	c.buf = c.buf[:copy(c.buf, rest)]
}

// release gives the buffer back.
func (c *expressConn) release() {
	if c.small != nil {
		*c.small = (*c.small)[:0]
		expressBuffers.Put(c.small)
	} else {
		keepLarge(c.buf[:0])
	}
	c.way.server.memory.give(c.charged)
	c.small, c.buf, c.charged = nil, nil, 0
}

// hand gives the connection to the ordinary way, with the bytes read so far: the buffer goes along.
func (c *expressConn) hand() {
	c.req = expressRequest{}
	if c.SetDeadline(time.Time{}) != nil {
		c.Close()
		c.release()
		return
	}
	c.way.rest.give(&replayConn{heldConn: c.heldConn, first: c.buf, release: c.release})
}

// send writes the answer, the headers as on the ordinary way.
func (c *expressConn) send(body []byte, last bool) bool {
	s := c.way.server
	b := expressBuffers.Get().(*[]byte)
	defer expressBuffers.Put(b)
	h := append((*b)[:0], "HTTP/1.1 202 Accepted\r\nCache-Control: no-store\r\nContent-Length: "...)
	h = strconv.AppendInt(h, int64(len(body)), 10)
	h = append(h, "\r\nContent-Security-Policy: "...)
	h = append(h, inert[0]...)
	h = append(h, "\r\nContent-Type: application/json\r\nDate: "...)
	h = time.Now().UTC().AppendFormat(h, http.TimeFormat)
	h = append(h, "\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: "...)
	h = append(h, s.ids.next()...)
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
	_, err := buffers.WriteTo(c.Conn) // in one call, if the connection below is one of TCP
	return err == nil
}

// expressVerdict says how to go on with the bytes read.
type expressVerdict uint8

const (
	expressOurs  expressVerdict = iota // a head that can be tried
	expressOther                       // for the ordinary way
	expressEnd                         // the client has gone, or took too long
)

type expressRequest struct {
	keep   bool // the connection, after the answer
	key    any
	head   ExpressHead
	size   int // of head and body
	length int // of the body
}

// read reads the head of the next request into req; the buffer may hold the beginning already.
func (c *expressConn) read(limit time.Duration) expressVerdict {
	x := c.way
	begun := false // the time for the head runs
	for {
		for len(c.buf) >= 2 && c.buf[0] == '\r' && c.buf[1] == '\n' { // RFC 9112 section 2.2
			c.buf, begun = c.buf[:copy(c.buf, c.buf[2:])], false
		}
		if len(c.buf) == 0 {
			if !c.wait() || c.SetReadDeadline(time.Now().Add(limit)) != nil {
				return expressEnd
			}
		} else {
			if i := bytes.Index(c.buf, crlfcrlf); i >= 0 {
				req := &c.req
				length, ok := parseExpress(c.buf[:i+2], x.server.o.Express.Path, &req.head)
				if ok {
					req.key, ok = x.server.o.Express.Admit(&req.head)
				}
				if !ok {
					return expressOther
				}
				req.size, req.length = i+4+length, length
				return expressOurs
			}
			if len(c.buf) >= maxExpressHead || !couldBeExpress(c.buf, x.server.o.Express.Path) || bareLF(c.buf) {
				return expressOther
			}
			if !begun {
				begun = true
				c.waiting.Store(false)
				if c.SetReadDeadline(time.Now().Add(headerTime)) != nil {
					return expressEnd
				}
			}
		}
		n, err := c.Read(c.buf[len(c.buf):cap(c.buf)])
		c.buf = c.buf[:len(c.buf)+n]
		if n > 0 {
			c.waiting.Store(false)
		}
		if err != nil {
			var ne net.Error
			if len(c.buf) == 0 || errors.As(err, &ne) {
				return expressEnd
			}
			return expressOther // the end of input inside of a head is the ordinary way's to answer
		}
	}
}

var crlfcrlf = []byte("\r\n\r\n")

// bareLF reports whether a line ends without a CR.
func bareLF(b []byte) bool {
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return false
		}
		if at += i; at == 0 || b[at-1] != '\r' {
			return true
		}
		at++
	}
}

// readBody reads on until the body is whole. It reports false when it cannot be read here. The slices of req.head are
// found again, should the buffer have moved.
func (c *expressConn) readBody() bool {
	req := &c.req
	if len(c.buf) >= req.size {
		return true
	}
	if c.SetReadDeadline(time.Now().Add(expressBodyTime)) != nil {
		return false
	}
	moved := false
	for len(c.buf) < req.size {
		if len(c.buf) == cap(c.buf) {
			if !c.grow(req.size) {
				return false
			}
			moved = true
		}
		n, err := c.Read(c.buf[len(c.buf):min(req.size, cap(c.buf))])
		c.buf = c.buf[:len(c.buf)+n]
		if err != nil {
			return false // too slow, broken off: the ordinary way has the patience, and the words
		}
	}
	if moved {
		parseExpress(c.buf[:req.size-req.length-2], c.way.server.o.Express.Path, &req.head)
	}
	return true
}

// grow makes the buffer larger, for a request of so many bytes: a length is only announced, so that memory grows with
// what has come. It reports false when bodies take all the memory they may.
func (c *expressConn) grow(size int) bool {
	n := max(2*cap(c.buf), firstRead)
	if n+n/8 > size { // no other step for a head
		n = size
	}
	n = sizeLarge(n)
	if !c.way.server.memory.take(int64(n)) {
		return false
	}
	bigger := largeBuffer(n)
	bigger = append(bigger, c.buf...)
	c.release()
	c.buf, c.charged = bigger, int64(n)
	return true
}

// largeBuffers keeps buffers of two sizes for the next request, whoever sends it: a publisher of arrays would have one
// made for each. The collector empties what is not used.
var largeBuffers = [...]struct {
	size int
	pool *sync.Pool
}{{64 << 10, new(sync.Pool)}, {firstRead, new(sync.Pool)}}

// sizeLarge returns the size that a buffer for n bytes is made with.
func sizeLarge(n int) int {
	for _, l := range largeBuffers {
		if n <= l.size {
			return l.size
		}
	}
	return n
}

func largeBuffer(n int) []byte {
	for _, l := range largeBuffers {
		if n == l.size {
			if b, ok := l.pool.Get().(*[]byte); ok {
				return (*b)[:0]
			}
		}
	}
	return make([]byte, 0, n)
}

func keepLarge(b []byte) {
	for _, l := range largeBuffers {
		if cap(b) == l.size {
			l.pool.Put(&b)
		}
	}
}
