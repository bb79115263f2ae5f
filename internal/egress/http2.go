package egress

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/http2"
)

// This file sends over HTTP/2, to receivers that agree on it in the TLS handshake. The protocol is the library's; which
// connection a request goes over, and whether it is sent again, is decided here: a ClientConn makes each request once.
// net/http's own pool would repeat requests by rules of its own (a PROTOCOL_ERROR, say, or an Idempotency-Key), wait
// seconds before it does, and share connections between all webhooks of a host.

const (
	// maxResends bounds how often a request is sent again because the receiver has said that it did not process it.
	maxResends = 6

	// sharedResends of them go over whatever connection there is. The later ones have a new connection to themselves, on
	// which they are the first stream: receivers that retire a connection after a few requests take at least that one.
	sharedResends = 3

	// frameBudget is how many frames that carry no data a receiver may send on a connection, and frameShare how many
	// more for each request. SETTINGS, PING and the like are answered or processed at our cost, at the speed of the line.
	frameBudget = 500
	frameShare  = 50

	// unknownFrame is the charge for a frame of a type that the library does not know: it logs each of them.
	unknownFrame = 50

	// maxHeader2 bounds the header list that the library reads, in bytes as RFC 9113 section 10.5.1 counts them. It is
	// above maxHeader so that an answer whose header is too long is refused with its status known.
	maxHeader2 = 128 << 10
)

// errFrameFlood ends a connection.
var errFrameFlood = errors.New("the receiver sends HTTP/2 control frames without end")

// A session is an HTTP/2 connection.
type session struct {
	cc     *http2.ClientConn
	frames *frames
	conn   *conn // below TLS
	parts  dialParts
	users  int // attempts that use it; guarded by sessions.mu
}

// sessions are the HTTP/2 connections, used by many requests at a time.
type sessions struct {
	transport *http2.Transport

	mu     sync.Mutex
	hosts  map[poolKey]*sessionHost
	closed bool
}

// A sessionHost holds the connections that may carry the same requests.
type sessionHost struct {
	open    []*session
	dialing *dialing // nil: none
}

// A dialing is a connection being made that others wait for. err is set before done is closed.
type dialing struct {
	done chan struct{}
	err  error
}

func newSessions() *sessions {
	return &sessions{
		hosts: make(map[poolKey]*sessionHost),
		transport: &http2.Transport{
			DisableCompression: true,
			MaxHeaderListSize:  maxHeader2,
			IdleConnTimeout:    idleTimeout,
			// A connection that went dead would swallow all attempts over it until each timed out.
			ReadIdleTimeout: 5 * time.Second,
			PingTimeout:     5 * time.Second,
		},
	}
}

// hostLocked returns the sessions of a host that can still be used, and forgets the others.
func (s *sessions) hostLocked(key poolKey) *sessionHost {
	h := s.hosts[key]
	if h == nil {
		if len(s.hosts) >= maxHosts {
			for k, other := range s.hosts {
				if other.pruneLocked(); len(other.open) == 0 && other.dialing == nil {
					delete(s.hosts, k)
				}
			}
		}
		h = &sessionHost{}
		s.hosts[key] = h
	}
	h.pruneLocked()
	return h
}

// pruneLocked forgets sessions that take no requests any more. They end by themselves when their last request does.
func (h *sessionHost) pruneLocked() {
	h.open = slices.DeleteFunc(h.open, func(s *session) bool {
		st := s.cc.State()
		return st.Closed || st.Closing
	})
}

// reserveLocked returns a session with room for a request, which is taken up; nil if there is none.
func (h *sessionHost) reserveLocked() *session {
	for _, s := range h.open {
		if s.cc.ReserveNewRequest() {
			s.users++
			return s
		}
	}
	return nil
}

// begin makes a session of a connection on which HTTP/2 was agreed.
func (s *sessions) begin(secure *tls.Conn) (*session, error) {
	f := &frames{Conn: secure, budget: frameBudget}
	cc, err := s.transport.NewClientConn(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("beginning HTTP/2: %w", err)
	}
	out := &session{cc: cc, frames: f}
	if c, ok := secure.NetConn().(*conn); ok {
		out.conn, out.parts = c, c.parts
	}
	return out, nil
}

// add takes over a connection on which HTTP/2 was agreed, unless there is one with room already. Nothing is reserved.
func (s *sessions) add(key poolKey, secure *tls.Conn) {
	made, err := s.begin(secure)
	if err != nil {
		return // the next request finds out
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hostLocked(key)
	if s.closed || slices.ContainsFunc(h.open, func(o *session) bool { return o.cc.CanTakeNewRequest() }) {
		made.cc.Close()
		return
	}
	h.open = append(h.open, made)
}

// close closes idle sessions, and has the others end with their last request.
func (s *sessions) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, h := range s.hosts {
		for _, o := range h.open {
			o.cc.SetDoNotReuse()
			if o.users == 0 {
				o.cc.Close()
			}
		}
	}
	clear(s.hosts)
}

// done takes an attempt off a session. With timedOut the session is closed behind its only attempt: whatever the receiver
// sends instead of an answer must not go on being read.
func (s *sessions) done(o *session, timedOut bool) {
	s.mu.Lock()
	o.users--
	end := timedOut && o.users == 0
	if end {
		o.cc.SetDoNotReuse() // before the lock is let go: nobody takes it up any more
	}
	s.mu.Unlock()
	if end {
		o.cc.Close()
	}
}

// session returns a session with room for a request, which is taken up. With alone it is a new one. The error is
// errNotHTTP2 if the receiver agreed on HTTP/1.1 instead; the connection is then in the pool for that.
func (c *Client) session(a *attempt, key poolKey, alone bool) (*session, error) {
	s := c.sessions
	for {
		s.mu.Lock()
		h := s.hostLocked(key)
		if !alone {
			if o := h.reserveLocked(); o != nil {
				s.mu.Unlock()
				return o, nil
			}
		}
		if wait := h.dialing; wait != nil && !alone {
			s.mu.Unlock()
			select {
			case <-wait.done:
				if wait.err != nil {
					return nil, wait.err
				}
				continue
			case <-a.Done():
				return nil, a.Err()
			}
		}
		d := &dialing{done: make(chan struct{})}
		if !alone {
			h.dialing = d
		}
		s.mu.Unlock()
		made, err := c.dialSession(a, key)
		s.mu.Lock()
		h = s.hostLocked(key)
		if h.dialing == d {
			h.dialing = nil
		}
		if err == nil {
			made.cc.ReserveNewRequest()
			made.users++
			if s.closed {
				made.cc.SetDoNotReuse()
			} else {
				h.open = append(h.open, made)
			}
		} else if a.Err() == nil {
			d.err = err // not the end of this attempt, which is no other's
		}
		s.mu.Unlock()
		close(d.done)
		return made, err
	}
}

// errNotHTTP2 tells that the receiver has agreed on HTTP/1.1 where it was known for HTTP/2.
var errNotHTTP2 = errors.New("the receiver speaks HTTP/1.1")

func (c *Client) dialSession(a *attempt, key poolKey) (*session, error) {
	nc, err := c.dialer.dialSecure(a, "tcp", key.address, key.identity)
	if err != nil {
		return nil, err
	}
	secure, ok := nc.(*tls.Conn)
	if !ok {
		c.pool.put(newWire(nc.(*conn), key))
		return nil, errNotHTTP2
	}
	return c.sessions.begin(secure)
}

// sendHTTP2 makes the request over HTTP/2. handled is false if the request is to be sent over HTTP/1.1: the receiver speaks
// only that now, and nothing was sent, or it has refused the request for that reason, which fail says.
func (c *Client) sendHTTP2(a *attempt, req *Request) (res *Response, fail *Error, handled bool) {
	a.sending, a.h2 = len(req.Body), true
	ctx := httptrace.WithClientTrace(a, &httptrace.ClientTrace{GotFirstResponseByte: a.gotFirstByte})
	header := c.header(req)
	key := req.poolKey()
	for sent := 1; ; sent++ {
		s, err := c.session(a, key, sent > sharedResends)
		if errors.Is(err, errNotHTTP2) {
			return nil, nil, false
		}
		var hres *http.Response
		if err == nil {
			a.tookSession(s)
			s.frames.grant(frameShare + len(req.Body)/(4<<10))                   // receivers acknowledge the bytes they read
			hres, err = s.cc.RoundTrip(newRequest(req, header).WithContext(ctx)) //nolint:bodyclose // answer2 does
		}
		if err != nil {
			if s != nil {
				c.sessions.done(s, a.Err() != nil)
			}
			if a.Err() == nil && notProcessed(err) && !needsHTTP1(err) && sent <= maxResends {
				a.conn = nil
				a.firstByte.Store(0)
				continue
			}
			a.total = time.Since(a.start)
			var de *dialError
			if errors.As(err, &de) {
				a.parts = de.parts
			}
			if a.caller.Err() == nil && a.Err() == nil && needsHTTP1(err) {
				return nil, &Error{Kind: KindReset, Message: insistsOnHTTP1, Err: err}, false
			}
			if a.caller.Err() == nil && a.Err() == nil && notProcessed(err) {
				return nil, &Error{
					Kind:    KindReset,
					Message: fmt.Sprintf("the receiver refused the request %d times before it processed it (HTTP/2 %s)", sent, refusalCode(err)),
					Err:     err,
				}, true
			}
			return nil, a.explain(err), true
		}
		res, fail = a.answer2(req, hres)
		c.sessions.done(s, fail != nil && a.Err() != nil)
		return res, fail, true
	}
}

// answer2 takes over an answer of the library's.
func (a *attempt) answer2(req *Request, hres *http.Response) (*Response, *Error) {
	defer hres.Body.Close()
	res := &Response{Status: hres.StatusCode, Header: fields(hres.Header)}
	size := 0
	for _, f := range res.Header {
		size += len(f.Name) + len(f.Value)
	}
	if size > maxHeader {
		a.total = time.Since(a.start)
		res.Header = nil
		return res, tooLongHeader(nil)
	}
	a.phase.Store(int32(phaseBody))
	announced := hres.ContentLength
	if !hasBody(req.Method, hres.StatusCode) {
		announced = 0 // RFC 9110 section 6.4.1: a length may be announced, but there is no body
	}
	_, err := a.readBody(res, hres.Body, announced)
	a.total = time.Since(a.start)
	if err != nil {
		fail := a.explainBody(err, hres.ContentLength)
		fail.Body = true
		return res, fail
	}
	return res, nil
}

// tookSession notes the session the attempt goes over.
func (a *attempt) tookSession(s *session) {
	a.conn = s.conn
	a.ready = time.Since(a.start)
	// A connection begun for an earlier request was simply there for this one.
	a.reused = s.parts.began.Before(a.start)
	if !a.reused {
		a.parts = s.parts
	}
	a.phase.Store(int32(phaseAnswer))
}

// newRequest builds the request that the library sends. Everything but the body reader can be shared between passes.
func newRequest(req *Request, header http.Header) *http.Request {
	hr := &http.Request{
		Method:        req.Method,
		URL:           req.Target.url,
		Host:          req.Target.url.Host,
		Header:        header,
		ContentLength: int64(len(req.Body)),
	}
	if len(req.Body) > 0 {
		hr.Body = io.NopCloser(bytes.NewReader(req.Body))
	}
	return hr
}

// header turns fields into net/http's form: names spelled alike share an entry, whose values keep their order.
func (c *Client) header(req *Request) http.Header {
	h := make(http.Header, len(req.Header)+1)
	values := make([]string, len(req.Header)+1)
	agent := false
	for i, f := range req.Header {
		name := f.Name
		if strings.EqualFold(name, "User-Agent") {
			// The library adds its own unless this very spelling is there.
			name, agent = "User-Agent", true
		}
		if have := h[name]; have != nil {
			h[name] = append(have, f.Value)
			continue
		}
		values[i] = f.Value
		h[name] = values[i : i+1 : i+1]
	}
	if !agent {
		last := len(values) - 1
		values[last] = c.userAgent
		h["User-Agent"] = values[last:]
	}
	return h
}

// fields lists an answer's header, sorted by name: the library has lost the order.
func fields(h http.Header) []Field {
	n := 0
	for _, v := range h {
		n += len(v)
	}
	out := make([]Field, 0, n)
	for name, values := range h {
		for _, v := range values {
			out = append(out, Field{Name: name, Value: v})
		}
	}
	slices.SortStableFunc(out, func(a, b Field) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// gotFirstByte is called by the connection's reader.
func (a *attempt) gotFirstByte() { a.firstByte.Store(max(1, int64(time.Since(a.start)))) }

// Texts of errors that the library does not export. TestLibraryErrors holds it to them.
const (
	textGoAway        = "http2: Transport received Server's graceful shutdown GOAWAY"
	textGoAwayCode    = "http2: Transport received GOAWAY from server ErrCode:" // of the first stream of a connection
	textUnusable      = "http2: client conn not usable"
	textUnestablished = "http2: client conn could not be established"
	textLost          = "http2: client connection lost" // a PING was not answered
	textLongHeader    = "http2: response header list larger than advertised limit"
)

// notProcessed tells that the receiver has promised not to have processed a request, which is then safe to send again:
// it refused the stream (RFC 9113 section 8.7), said by GOAWAY that it had not come to it (section 6.8), or the connection
// had ended before the stream began.
func notProcessed(err error) bool {
	var se http2.StreamError
	if errors.As(err, &se) {
		return se.Code == http2.ErrCodeRefusedStream
	}
	text := err.Error()
	return text == textGoAway || text == textUnusable || strings.HasPrefix(text, textGoAwayCode)
}

// needsHTTP1 tells that the receiver refuses a request over HTTP/2 and takes it over HTTP/1.1 (RFC 9113 section 7), as
// servers do that ask for a client certificate in the middle of a connection.
func needsHTTP1(err error) bool {
	var se http2.StreamError
	var ga http2.GoAwayError
	switch {
	case errors.As(err, &se):
		return se.Code == http2.ErrCodeHTTP11Required
	case errors.As(err, &ga):
		return ga.ErrCode == http2.ErrCodeHTTP11Required
	}
	return err.Error() == textGoAwayCode+http2.ErrCodeHTTP11Required.String()
}

const insistsOnHTTP1 = "the receiver insists on HTTP/1.1 for this request, though it offers HTTP/2 (HTTP_1_1_REQUIRED)"

// refusalCode names how the receiver refused.
func refusalCode(err error) string {
	var se http2.StreamError
	if errors.As(err, &se) {
		return se.Code.String()
	}
	if code, ok := strings.CutPrefix(err.Error(), textGoAwayCode); ok {
		return "GOAWAY, " + code
	}
	return "GOAWAY"
}

// words2 explains an error of the library for an attempt; ok is false for any other error.
func (a *attempt) words2(err error) (kind Kind, words string, ok bool) {
	var (
		se http2.StreamError
		ga http2.GoAwayError
		ce http2.ConnectionError
	)
	switch {
	case errors.Is(err, errFrameFlood):
		return KindProtocol, fmt.Sprintf("%s (more than %d)", errFrameFlood, frameBudget), true
	case err.Error() == textLost:
		return KindReset, "the HTTP/2 connection went dead: nothing came over it, not even the answer to a PING", true
	case errors.As(err, &ga):
		return KindReset, fmt.Sprintf("the receiver ended the HTTP/2 connection (GOAWAY, %s) %s", ga.ErrCode, a.where()), true
	case errors.As(err, &se) && strings.Contains(se.Error(), "received from peer"):
		return KindReset, fmt.Sprintf("the receiver broke off the request (HTTP/2 RST_STREAM, %s) %s", se.Code, a.where()), true
	case errors.As(err, &se):
		return KindProtocol, fmt.Sprintf("the answer is not valid HTTP/2 (%s)", se.Code), true
	case errors.As(err, &ce):
		return KindProtocol, fmt.Sprintf("the answer is not valid HTTP/2 (%s)", http2.ErrCode(ce)), true
	}
	return "", "", false
}

// frames is a connection that counts the frames which come over it, and ends when too many bring nothing.
type frames struct {
	*tls.Conn

	mu     sync.Mutex
	budget int // frames without data that may still come

	// Below: of the one reader.
	head [9]byte // of the frame that is being read (RFC 9113 section 4.1)
	have int     // bytes of head that are there
	left int     // bytes of the frame's payload that are to come
}

// grant lets some more frames come.
func (f *frames) grant(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.budget = min(f.budget+n, 20*frameBudget)
}

func (f *frames) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	idle := 0
	for b := p[:n]; len(b) > 0; {
		if f.left > 0 {
			skip := min(f.left, len(b))
			f.left -= skip
			b = b[skip:]
			continue
		}
		got := copy(f.head[f.have:], b)
		b = b[got:]
		if f.have += got; f.have < len(f.head) {
			break
		}
		f.have = 0
		f.left = int(binary.BigEndian.Uint32(f.head[:4]) >> 8)
		switch t := http2.FrameType(f.head[3]); {
		case t > http2.FrameContinuation:
			idle += unknownFrame
		case t != http2.FrameData || f.left == 0:
			idle++
		}
	}
	if idle > 0 {
		f.mu.Lock()
		f.budget -= idle
		over := f.budget < 0
		f.mu.Unlock()
		if over {
			return 0, errFrameFlood
		}
	}
	return n, err
}

// Close closes the connection. TLS would wait for up to five seconds for room to say goodbye.
func (f *frames) Close() error {
	t := time.AfterFunc(250*time.Millisecond, func() { f.NetConn().Close() })
	defer t.Stop()
	return f.Conn.Close()
}

var (
	_ net.Conn        = (*frames)(nil)
	_ context.Context = (*attempt)(nil)
)
