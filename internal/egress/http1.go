package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file sends HTTP/1.1 itself, in the goroutine of the caller: one write, and reads with a deadline. net/http's
// transport needs two more goroutines per connection and three times the CPU, and has to be kept from helping (see
// nethttp.go). Receivers that agree on HTTP/2 in the TLS handshake stay with net/http.

// inlineBody is the largest body, in bytes, that is written before the answer is read. It fits into the socket's
// buffers, so that a receiver that answers without reading cannot block the write; more is written by a goroutine.
const inlineBody = 32 << 10

// errHTTP2 tells that the receiver has agreed on HTTP/2.
var errHTTP2 = errors.New("the receiver speaks HTTP/2")

// sendHTTP1 makes the request over HTTP/1.1. handled is false if the receiver speaks HTTP/2; nothing was sent then.
func (c *Client) sendHTTP1(a *attempt, req *Request) (res *Response, fail *Error, handled bool) {
	a.sending, a.mutual = len(req.Body), req.Identity != nil
	for {
		w, err := c.connect1(a, req.poolKey())
		switch {
		case errors.Is(err, errHTTP2):
			return nil, nil, false
		case err != nil:
			a.total = time.Since(a.start)
			return nil, a.explain(err), true
		}
		res, keep, err := c.exchange(a, w, req)
		a.total = time.Since(a.start)
		if err == nil {
			if keep {
				c.pool.put(w)
			} else {
				w.Close()
			}
			return res, nil, true
		}
		w.Close()
		if res == nil && a.nothingSent() && !isEndOfTime(err) && a.caller.Err() == nil {
			a.conn, a.reused = nil, false // it died while it was idle: nobody can have seen anything
			continue
		}
		var malformed *malformedError
		switch {
		case isEndOfTime(err) && a.caller.Err() == nil:
			fail = a.timedOut(err)
		case res != nil:
			fail = a.explainBody(err, contentLength(res))
		default:
			fail = a.explain(err)
			if a.reused && fail.Kind == KindProtocol && errors.As(err, &malformed) {
				fail.Message += leftBehind
				c.pool.soil(w.key)
			}
		}
		fail.Body = res != nil && phase(a.phase.Load()) == phaseBody
		return res, fail, true
	}
}

// leftBehind ends the sentence about an answer that is not HTTP on a connection that was used before.
const leftBehind = "; on a connection used before, these are most likely bytes left behind by the answer before"

// connect1 returns an idle connection, or a new one.
func (c *Client) connect1(a *attempt, key poolKey) (*wire, error) {
	w := c.pool.get(key)
	for w == nil {
		decided := c.pool.hold(key)
		if decided == nil {
			break
		}
		select {
		case <-decided:
		case <-a.caller.Done():
		}
		a.start = time.Now() // the attempt begins now: earlier waits are no fault of the receiver's
		if a.caller.Err() != nil {
			break
		}
		w = c.pool.get(key)
	}
	if w != nil {
		a.took(w.conn, true)
		return w, w.SetDeadline(a.start.Add(a.limit))
	}
	ctx, cancel := context.WithDeadline(a.caller, a.start.Add(a.limit))
	defer cancel()
	dialing := &attempt{Context: ctx, caller: a.caller, start: a.start, limit: a.limit}
	var nc net.Conn
	var err error
	if key.secure {
		nc, err = c.dialer.dialSecure(dialing, "tcp", key.address, key.identity)
	} else {
		nc, err = c.dialer.dialPlain(dialing, "tcp", key.address)
	}
	a.phase.Store(dialing.phase.Load())
	if err != nil {
		var de *dialError
		if errors.As(err, &de) {
			a.parts = de.parts
		}
		return nil, err
	}
	counted, ok := nc.(*conn)
	if !ok {
		if secure, ok := nc.(*tls.Conn); ok && key.identity == nil {
			c.sessions.add(key, secure)
		} else {
			nc.Close()
		}
		return nil, errHTTP2
	}
	a.parts = counted.parts
	w = newWire(counted, key)
	a.took(counted, false)
	return w, w.SetDeadline(a.start.Add(a.limit))
}

// took notes the connection the attempt goes over.
func (a *attempt) took(c *conn, reused bool) {
	a.conn, a.reused = c, reused
	a.ready = time.Since(a.start)
	a.written = c.written.Load()
	a.phase.Store(int32(phaseAnswer))
}

// exchange writes the request and reads the answer. keep tells that the connection can be used again. A Response
// with an error is what had come of it.
func (c *Client) exchange(a *attempt, w *wire, req *Request) (res *Response, keep bool, err error) {
	if a.caller.Done() != nil {
		stop := context.AfterFunc(a.caller, func() { w.SetDeadline(time.Unix(1, 0)) })
		defer func() {
			if !stop() {
				keep = false // its deadline may be set any moment
			}
		}()
	}
	w.out = c.appendHead(w.out[:0], req)
	var sent chan error // of the goroutine that writes a large body
	if len(req.Body) <= inlineBody {
		w.out = append(w.out, req.Body...)
		_, err = w.Write(w.out)
	} else if _, err = w.Write(w.out); err == nil {
		sent = make(chan error, 1)
		go func() {
			_, err := w.Write(req.Body)
			sent <- err
		}()
		defer func() {
			select {
			case werr := <-sent:
				if err == nil && werr != nil {
					keep = false // the answer counts, whatever became of the rest of the request
				}
			default:
				keep = false
				w.Close() // ends the write
				<-sent    //nolint:errcheck // it failed because we closed the connection
			}
		}()
	}
	if err != nil && (a.nothingSent() || isEndOfTime(err)) {
		return nil, false, err
	}
	writeErr := err
	ans, err := readAnswer(w.r, func() { a.firstByte.Store(max(1, int64(time.Since(a.start)))) })
	if err != nil {
		var op *net.OpError
		if writeErr != nil && !(errors.As(err, &op) && op.Op == "remote error") {
			err = writeErr // the cause, unless the receiver itself gives one in TLS
		}
		if ans != nil {
			res = &Response{Status: ans.status, Header: ans.header}
		}
		return res, false, err
	}
	res = &Response{Status: ans.status, Header: ans.header}
	a.phase.Store(int32(phaseBody))
	switch {
	case !hasBody(req.Method, ans.status):
		if req.Method != http.MethodHead && (ans.length > 0 || ans.chunked || ans.unclear != "") {
			ans.close = true // a body is announced where there is none: it may come all the same, and be taken for the next answer
		}
		ans.length, ans.chunked = 0, false
	case ans.unclear != "" && !ans.chunked:
		res.Body = make([]byte, min(w.r.Buffered(), keepBody))
		n, _ := w.r.Read(res.Body)
		res.Body, res.BodyBytes, a.bodyRead = res.Body[:n], int64(n), int64(n)
		return res, false, notHTTP(ans.unclear + ", so its body was not read")
	case !ans.chunked && ans.length < 0:
		ans.close = true
	}
	done, err := a.readBody(res, ans.body(w.r), ans.length)
	if err != nil {
		return res, false, err
	}
	if done && w.r.Buffered() > 0 {
		c.pool.soil(w.key) // more than was announced
		return res, false, nil
	}
	return res, done && writeErr == nil && !ans.close, nil
}

// appendHead appends the request line and the header. The fields were checked before.
func (c *Client) appendHead(b []byte, req *Request) []byte {
	b = append(b, req.Method...)
	b = append(b, ' ')
	b = append(b, req.Target.uri...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, req.Target.url.Host...)
	b = append(b, "\r\n"...)
	if !slices.ContainsFunc(req.Header, isUserAgent) {
		b = append(b, "User-Agent: "...)
		b = append(b, c.userAgent...)
		b = append(b, "\r\n"...)
	}
	if len(req.Body) > 0 || !bodyless(req.Method) {
		b = append(b, "Content-Length: "...) // also of nothing: RFC 9110 section 8.6
		b = strconv.AppendInt(b, int64(len(req.Body)), 10)
		b = append(b, "\r\n"...)
	}
	for i := range req.Header {
		f := &req.Header[i]
		b = append(b, f.Name...)
		b = append(b, ": "...)
		b = append(b, f.Value...)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...)
}

func isUserAgent(f Field) bool {
	const name = "User-Agent"
	return len(f.Name) == len(name) && strings.EqualFold(f.Name, name)
}

// isTimeout tells a deadline from other errors.
func isTimeout(err error, as *net.Error) bool {
	return errors.As(err, as) && (*as).Timeout()
}

// isEndOfTime tells that a connection's deadline, which is the attempt's, has passed.
func isEndOfTime(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// contentLength returns the announced length of the body, -1 if none was.
func contentLength(res *Response) int64 {
	for _, f := range res.Header {
		if strings.EqualFold(f.Name, "Content-Length") {
			if n, err := strconv.ParseInt(f.Value, 10, 64); err == nil {
				return n
			}
		}
	}
	return -1
}

// body returns the reader of the answer's body.
func (ans *answer) body(r *bufio.Reader) io.Reader {
	switch {
	case ans.chunked:
		return newChunks(r)
	case ans.length >= 0:
		return &exactly{r, ans.length}
	default:
		return r // until the connection ends
	}
}

// exactly reads n bytes; the end before that is an error.
type exactly struct {
	r *bufio.Reader
	n int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.n == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.n)])
	e.n -= int64(n)
	if errors.Is(err, io.EOF) && e.n > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// bodyless tells the methods whose requests have no body as a rule, so that no "Content-Length: 0" is sent for them.
func bodyless(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}
