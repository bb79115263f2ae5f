package egress

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"
	"time"
)

// This file is all that knows of net/http's transport. What it must keep it from doing:
//
//   - sending again: a request whose body cannot be rewound (no GetBody) is repeated by net/http only if it has no
//     body at all and is either idempotent by method, or carries an Idempotency-Key, or nothing of it was written.
//     send therefore gives every GET a body of unknown length that turns out to be empty, hides Idempotency-Key from
//     bodyless requests, and does the harmless repetition (nothing written) itself.
//   - inflating and asking for gzip: DisableCompression.
//   - proxies from the environment: Proxy stays nil.
//   - redirects: http.Client does those, and it is not used here.

// newTransport returns a transport that connects through d. idlePerHost as in Options, where 0 has become the default.
func newTransport(idlePerHost int, d *dialer) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &http.Transport{
		Proxy:                  nil,
		DialContext:            d.dialPlain,
		DialTLSContext:         d.dialTLS,
		DisableCompression:     true,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    max(idlePerHost, 0),
		DisableKeepAlives:      idlePerHost < 0,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
		Protocols:              &protocols,
		HTTP2: &http.HTTP2Config{
			// A connection that went dead would swallow all attempts over it until each timed out.
			SendPingTimeout: 5 * time.Second,
			PingTimeout:     5 * time.Second,
		},
	}
}

// sendHTTP2 makes the request over net/http, which receivers that agree on HTTP/2 are left to.
func (c *Client) sendHTTP2(a *attempt, req *Request) (*Response, *Error) {
	a.sending = len(req.Body)
	ctx := httptrace.WithClientTrace(a, &httptrace.ClientTrace{
		GotConn:              a.gotConn,
		GotFirstResponseByte: a.gotFirstByte,
	})
	header := c.header(req)
	var res *http.Response
	var err error
	// Each pass either ends the loop or removes a dead connection from the pool.
	for range c.idle + 2 {
		hr := newRequest(req, header).WithContext(ctx)
		res, err = c.transport.RoundTrip(hr)
		if err == nil || a.Err() != nil || !a.nothingSent() {
			break
		}
		a.conn, a.reused = nil, false
		a.firstByte.Store(0)
		a.early.Store(false)
	}
	if err != nil {
		a.total = time.Since(a.start)
		var de *dialError
		if errors.As(err, &de) {
			a.parts = de.parts
		}
		return nil, a.explain(err)
	}
	defer res.Body.Close()
	if a.early.Load() {
		a.conn.Close()
		a.total = time.Since(a.start)
		return nil, &Error{Kind: KindProtocol, Message: "the receiver had sent an answer before the request"}
	}
	out := &Response{Status: res.StatusCode, Header: fields(res.Header)}
	if res.StatusCode < 200 {
		// The only such answer that net/http hands out is 101; nobody asked for it, and its body is the raw connection.
		a.total = time.Since(a.start)
		return nil, &Error{Kind: KindProtocol, Message: fmt.Sprintf("the answer is %d without being asked for", res.StatusCode)}
	}
	a.phase.Store(int32(phaseBody))
	announced := res.ContentLength
	if req.Method == http.MethodHead || res.StatusCode == http.StatusNoContent || res.StatusCode == http.StatusNotModified {
		announced = 0 // RFC 9110 section 6.4.1: a length may be announced, but there is no body
	}
	_, err = a.readBody(out, res.Body, announced)
	a.total = time.Since(a.start)
	if err != nil {
		return out, a.explainBody(err, res.ContentLength)
	}
	return out, nil
}

// newRequest builds what the transport sends. Everything but the body reader can be shared between passes.
func newRequest(req *Request, header http.Header) *http.Request {
	hr := &http.Request{
		Method:        req.Method,
		URL:           req.Target.url,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Host:          req.Target.url.Host,
		Header:        header,
		ContentLength: int64(len(req.Body)),
	}
	switch {
	case len(req.Body) > 0:
		// NopCloser of a bytes.Reader is one of the few types for which header and body leave in one write.
		hr.Body = io.NopCloser(bytes.NewReader(req.Body))
	case repeatable(req.Method):
		hr.Body = emptyBody{}
	default:
		hr.Body = http.NoBody // so that "Content-Length: 0" is sent (RFC 9110 section 8.6)
	}
	return hr
}

// repeatable tells the methods that net/http would send again without a body.
func repeatable(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

// emptyBody is an empty body that net/http does not recognise as one beforehand.
type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error) { return 0, io.EOF }
func (emptyBody) Close() error             { return nil }

// header turns fields into net/http's form without changing names: names spelled alike share an entry, whose values
// keep their order.
func (c *Client) header(req *Request) http.Header {
	h := make(http.Header, len(req.Header)+1)
	values := make([]string, len(req.Header)+1)
	agent := false
	for i, f := range req.Header {
		name := f.Name
		switch {
		case strings.EqualFold(name, "User-Agent"):
			// net/http adds its own unless this very spelling is there.
			name, agent = "User-Agent", true
		case len(req.Body) == 0 && (name == "Idempotency-Key" || name == "X-Idempotency-Key"):
			// net/http looks for this spelling to send again; names do not depend on case (RFC 9110 section 5.1).
			name = strings.ToLower(name)
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

// fields lists an answer's header, sorted by name: net/http has lost the order.
func fields(h http.Header) []Field {
	n := 0
	for _, v := range h {
		n += len(v)
	}
	out := make([]Field, 0, n)
	for name, values := range h {
		for _, v := range values {
			out = append(out, Field{name, v})
		}
	}
	slices.SortStableFunc(out, func(a, b Field) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// gotConn is called by the transport in the goroutine of RoundTrip.
func (a *attempt) gotConn(info httptrace.GotConnInfo) {
	a.ready = time.Since(a.start)
	a.reused = info.Reused
	switch nc := info.Conn.(type) {
	case *conn:
		a.conn = nc
	case *tls.Conn:
		a.conn, _ = nc.NetConn().(*conn)
		a.h2 = true
	}
	if a.conn == nil {
		return
	}
	a.read, a.writes, a.written = a.conn.read.Load(), a.conn.writes.Load(), a.conn.written.Load()
	// A connection begun for an earlier request was simply there for this one.
	if !info.Reused && !a.conn.parts.began.Before(a.start) {
		a.parts = a.conn.parts
	}
	a.phase.Store(int32(phaseAnswer))
}

// gotFirstByte is called by the connection's reader, after gotConn.
func (a *attempt) gotFirstByte() {
	a.firstByte.Store(max(1, int64(time.Since(a.start))))
	if a.h2 || a.conn == nil || !a.reused {
		return // who answers a new connection before reading (413, say) answers nobody else
	}
	// Bytes that were there before the request was sent are not its answer. net/http drops a connection with
	// unasked bytes only if it sees them before the next request comes along; without this, a receiver's stray
	// second answer would settle somebody else's delivery to the same host.
	if a.conn.read.Load() == a.read || a.conn.writes.Load() == a.writes {
		a.early.Store(true)
	}
}

// headerTooLong tells that the transport gave up on the header because of its limit. HTTP/1.1: that many bytes came
// and no answer came of them. HTTP/2 has errors for it that are not exported, hence the text.
func (a *attempt) headerTooLong(err error) bool {
	if a.h2 {
		return strings.Contains(err.Error(), "header list")
	}
	return a.conn != nil && phase(a.phase.Load()) != phaseBody && a.conn.read.Load()-a.read >= maxHeader
}

// buffers hold bodies whose length is not known beforehand.
var buffers = sync.Pool{New: func() any { return new([keepBody]byte) }}

// readBody keeps the first keepBody bytes of the body and reads on to drainBody. done tells that it came to the end of
// the body; where it stops early, the connection is of no further use. announced is the body's length, -1 for unknown.
func (a *attempt) readBody(out *Response, body io.Reader, announced int64) (done bool, err error) {
	switch {
	case announced == 0:
		return true, nil
	case announced > 0 && announced <= keepBody:
		out.Body = make([]byte, announced)
		got, err := readFull(body, out.Body)
		out.Body = out.Body[:got]
		out.BodyBytes, a.bodyRead = int64(got), int64(got)
		return err == nil, err
	}
	buf := buffers.Get().(*[keepBody]byte)
	defer buffers.Put(buf)
	got, err := readFull(body, buf[:])
	out.Body = slices.Clone(buf[:got])
	out.BodyBytes, a.bodyRead = int64(got), int64(got)
	if errors.Is(err, io.EOF) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	if announced > drainBody {
		out.Truncated = true // more is announced than would ever be drained
		return false, nil
	}
	for out.BodyBytes < drainBody {
		got, err := body.Read(buf[:min(keepBody, drainBody-out.BodyBytes)])
		out.BodyBytes += int64(got)
		a.bodyRead = out.BodyBytes
		out.Truncated = out.BodyBytes > keepBody
		if errors.Is(err, io.EOF) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// readFull fills p and returns the reader's own error if it could not. io.ReadFull is of no use here: it makes a good
// end look like a body that was cut short.
func readFull(r io.Reader, p []byte) (int, error) {
	n := 0
	for n < len(p) {
		got, err := r.Read(p[n:])
		n += got
		if err != nil && n < len(p) {
			return n, err
		}
	}
	return n, nil
}

// explainBody is explain for an error in the body.
func (a *attempt) explainBody(err error, announced int64) *Error {
	e := a.explain(err)
	if e.Kind == KindReset && announced > 0 && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)) {
		e.Kind = KindProtocol
		e.Message = fmt.Sprintf("the answer's body ended after %d of %d announced bytes", a.bodyRead, announced)
	}
	return e
}

// HTTPClient returns a client for libraries that want one (OAuth, OpenID Connect). It has the same guard, follows no
// redirect, and fails reads of a body beyond 1 MiB. timeout bounds each request including its body; zero or negative
// means 10 s. Each request has a connection of its own: these requests are rare, and a library would not know what to do
// when a kept one turns out to be closed. It ends with c.
func (c *Client) HTTPClient(timeout time.Duration) *http.Client {
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return &http.Client{
		Transport:     &roundTripper{c},
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// A roundTripper applies the rules of Do to requests that were made elsewhere.
type roundTripper struct{ c *Client }

// RoundTrip implements http.RoundTripper.
func (r *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	fail := func(err error) (*http.Response, error) {
		if req.Body != nil {
			req.Body.Close() // the contract of RoundTripper
		}
		return nil, err
	}
	t, err := r.c.ParseURL(req.URL.String())
	if err != nil {
		return fail(err)
	}
	// Host could name another virtual host than the one checked.
	if req.Host != "" && req.Host != req.URL.Host {
		return fail(&HeaderError{"Host", "is set by the connection and cannot be chosen"})
	}
	out := req.Clone(req.Context())
	out.URL, out.Host = t.url, t.url.Host
	out.GetBody = nil // nothing is sent again: the connection is always new, and the body cannot be rewound
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header.Set("User-Agent", r.c.userAgent)
	}
	res, err := r.c.oneShot.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	res.Request = req
	res.Body = &cappedBody{res.Body, maxAdvised}
	return res, nil
}

// errBodyTooLong ends the reading of a body by a library.
var errBodyTooLong = fmt.Errorf("the answer's body is longer than %d KiB", maxAdvised>>10)

// A cappedBody fails instead of ending, so that a cut document is not taken for a whole one.
type cappedBody struct {
	io.ReadCloser
	left int64
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errBodyTooLong
	}
	// One byte beyond the cap may be asked for, to tell a body of exactly that length from a longer one.
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, errBodyTooLong
	}
	return n, err
}

var _ context.Context = (*attempt)(nil)
