// Package web is the HTTP side of the program: the server with its limits, the adapter that turns a handler's error
// into an answer, and the table from problems to documents (RFC 9457).
//
// The idea: a handler is a function that returns an error. It reads its body with ReadBody, builds its answer in
// memory, and calls Send; everything around it (limits of time and size, framing, panics, request ids, headers every
// answer carries) happens here, once. So a status is never sent before the answer exists, and no handler can forget a
// limit.
//
// Weak point: the server speaks HTTP/1.1 in clear text. TLS and HTTP/2 are the reverse proxy's work.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/problem"
)

// Limits of every request.
const (
	// headerTime is how long a head may take.
	headerTime = 10 * time.Second
	// idleTime is how long a connection may wait for its next request. Proxies keep theirs for a minute by default;
	// closing before they do makes them hit closed connections.
	idleTime = 120 * time.Second
	// writeTime is how long a client may take to read one answer, or one line of a streamed one.
	writeTime = 30 * time.Second
	// maxHead is the largest head, request line included, in bytes.
	maxHead = 32 << 10
	// readAhead is what net/http adds to MaxHeaderBytes for its read buffer.
	readAhead = 4 << 10
	// maxURL is the longest request target, in bytes; RFC 9110 section 4.1 asks for at least 8,000.
	maxURL = 8 << 10
)

// Options configures a Server.
type Options struct {
	// Handler serves the requests. Required.
	Handler http.Handler
	// Log gets internal errors and panics. Required.
	Log *slog.Logger
	// MaxBody is the largest body of a request that is not a stream, in bytes; routes may ask for less. Zero: 16 MiB.
	MaxBody int64
	// MaxBodies bounds the memory that all bodies take together, in bytes; beyond it requests are answered 503. Zero: 128 MiB.
	MaxBodies int64
	// MaxStreams bounds the streams that are open at a time; beyond it they are answered 503. Zero: 256.
	MaxStreams int
	// MaxConnections bounds the connections that are open at a time. When a new one comes, idle ones are closed to make
	// room. Zero: 4096.
	MaxConnections int
	// MaxPerClient is the same for the connections of one client: an address, or a network of 64 bits of IPv6. Programs
	// on this machine and TrustedProxies have no bound of their own. Zero: nobody has.
	MaxPerClient int
	// TrustedProxies are the networks of proxies, which bring the requests of many clients.
	TrustedProxies []netip.Prefix
	// SlowWindow is how long a body may take for its next SlowBytes, a stream for its next byte. Zero: 10 s.
	SlowWindow time.Duration
	// SlowBytes is how many bytes a body must bring in each SlowWindow. Zero: 10 KiB, that is 1 KiB/s.
	SlowBytes int64
	// Express is the call that is served on the short way, see express.go. Nil: there is none.
	Express *Express
	// Done is called after each request with its route pattern ("" if none matched), status and duration. It may be nil.
	Done func(method, route string, status int, took time.Duration)
}

// Server is the HTTP server of the program.
type Server struct {
	o        Options
	http     *http.Server
	stopping chan struct{}   // closed when Stop begins
	base     context.Context // ends when Stop gives up waiting
	cancel   context.CancelFunc
	memory   bound // bytes of bodies
	streams  bound
	door     *door
	ids      requestIDs
	express  *expressway // nil without Options.Express
	listener atomic.Pointer[net.Listener]
}

// New returns a server; Serve starts it.
func New(o Options) (*Server, error) {
	if o.Handler == nil || o.Log == nil {
		return nil, errors.New("web: Options need a Handler and a Log")
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 16 << 20
	}
	if o.MaxBodies <= 0 {
		o.MaxBodies = 128 << 20
	}
	if o.MaxStreams <= 0 {
		o.MaxStreams = 256
	}
	if o.MaxConnections <= 0 {
		o.MaxConnections = 4096
	}
	if o.SlowWindow <= 0 {
		o.SlowWindow = 10 * time.Second
	}
	if o.SlowBytes <= 0 {
		o.SlowBytes = 10 << 10
	}
	s := &Server{o: o, stopping: make(chan struct{}), ids: newRequestIDs()}
	ctx, cancel := context.WithCancel(context.Background())
	s.base, s.cancel = ctx, cancel
	s.memory.limit, s.streams.limit = o.MaxBodies, int64(o.MaxStreams)
	s.door = newDoor(o.MaxConnections, o.MaxPerClient, o.TrustedProxies, o.Log)
	if o.Express != nil {
		s.express = &expressway{server: s, ctx: ctx, conns: make(map[*expressConn]struct{})}
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHead - readAhead,
		ErrorLog:          slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
		Protocols:         protocols,
		// The "*" of OPTIONS and whatever else is no path must reach serve, too.
		DisableGeneralOptionsHandler: true,
		BaseContext:                  func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
	}
	return s, nil
}

type connKey struct{}

// Serve answers requests of the listener until Stop is called; it then returns nil. It owns the listener.
func (s *Server) Serve(l net.Listener) error {
	s.listener.Store(&l)
	select {
	case <-s.stopping: // before the listener was there to be closed
		l.Close()
		return nil
	default:
	}
	var err error
	counted := heldListener{l, s.door}
	if s.express == nil {
		err = s.http.Serve(watchedListener{counted})
	} else {
		s.express.rest = newHandover(l.Addr())
		ended := make(chan error, 1)
		go func() { ended <- s.http.Serve(watchedListener{s.express.rest}) }()
		err = s.express.serve(counted)
		select {
		case <-s.stopping:
		default:
			s.express.rest.Close()
		}
		if ordinary := <-ended; errors.Is(ordinary, http.ErrServerClosed) {
			err = ordinary // Stop closed both listeners
		}
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving HTTP on %q: %w", l.Addr(), err)
}

// Stop stops accepting, tells streams to end, and waits for running requests. When ctx ends first, the rest is cut
// off and Stop says so. It must be called once.
func (s *Server) Stop(ctx context.Context) error {
	close(s.stopping)
	ctx, cancel := graceful(ctx)
	defer cancel()
	defer s.cancel()
	var expressErr error
	if s.express != nil {
		if l := s.listener.Load(); l != nil {
			(*l).Close()
		}
		expressErr = s.express.stop(ctx)
	}
	if err := errors.Join(s.http.Shutdown(ctx), expressErr); err != nil {
		s.cancel()
		s.http.Close()
		return fmt.Errorf("waiting for running requests: %w", err)
	}
	return nil
}

// stopGrace is what a stop without any time left still gives: a request that was just answered takes a moment to count
// as done.
const stopGrace = 250 * time.Millisecond

// graceful returns a context that ends stopGrace after ctx.
func graceful(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(stopGrace, cancel) })
	return late, func() { stop(); cancel() }
}

// serve is the outermost handler.
func (s *Server) serve(hw http.ResponseWriter, connected *http.Request) {
	begun := time.Now()
	conn, _ := connected.Context().Value(connKey{}).(*watchedConn)
	w := &Response{ResponseWriter: hw, server: s, conn: conn, id: s.ids.next()}
	ctx, done := s.attend(connected.Context(), w)
	defer done()
	r := connected.WithContext(ctx)
	w.request = r
	h := hw.Header()
	h["X-Request-Id"] = []string{w.id}
	h["X-Content-Type-Options"] = noSniff
	defer func() {
		// net/http would log the panic and cut the connection: the client could not tell that from a lost network.
		if p := recover(); p != nil && p != any(http.ErrAbortHandler) { //nolint:errorlint // a panic's value, not an error that was returned
			s.o.Log.ErrorContext(r.Context(), "handler panicked", "request", w.id, "method", r.Method,
				"route", r.Pattern, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			if w.status != 0 {
				panic(http.ErrAbortHandler) // the answer has begun: only cutting it off tells that it is not whole
			}
			w.Problem(problem.New(problem.Internal, ""))
		}
		if s.o.Done != nil {
			s.o.Done(r.Method, r.Pattern, w.status, time.Since(begun))
		}
	}()
	if err := s.admit(w, r); err != nil {
		h.Set("Connection", "close")
		w.Problem(err)
		return
	}
	if r.Body != http.NoBody {
		// Only in our copy of the request: net/http decides by the type of its own whether unread input is left on the
		// connection, which must be closed then, and whether the client still waits for leave to send.
		b := &body{server: s, response: w, in: r.Body, left: s.o.MaxBody}
		defer b.release()
		w.body, r.Body = b, b
		b.pace()
		if !plainCoding(r.Header["Content-Encoding"]) {
			h.Set("Accept-Encoding", "identity") // RFC 9110 section 15.5.16
			w.Problem(problem.New(problem.UnsupportedType, "the body must not be compressed or encoded: Content-Encoding %q is not supported", clip(r.Header.Get("Content-Encoding"))))
			return
		}
	}
	s.o.Handler.ServeHTTP(w, r)
}

// clip shortens a client's text for a message.
func clip(s string) string {
	const longest = 60
	if len(s) > longest {
		return strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return s
}

// plainCoding reports whether the values of Content-Encoding name no coding.
func plainCoding(values []string) bool {
	for _, v := range values {
		if v = strings.TrimSpace(v); v != "" && !strings.EqualFold(v, "identity") {
			return false
		}
	}
	return true
}

// leftGrace is how long a request goes on after its client has ended the connection, or its sending side: TCP does not
// tell which. A client that has sent all may close its side and still read; most answers take some milliseconds, and what
// is with the store is waited for in any case. What takes longer is work for nobody, most likely, and ends within 2 s.
const leftGrace = 1500 * time.Millisecond

// attend returns the context that a request is served under; net/http's ends with the first byte that cannot be read.
func (s *Server) attend(connected context.Context, w *Response) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(connected), responseKey{}, w))
	stop := context.AfterFunc(connected, func() {
		if s.base.Err() == nil && !(w.conn != nil && w.conn.reset.Load()) {
			grace := time.NewTimer(leftGrace)
			defer grace.Stop()
			select {
			case <-ctx.Done():
			case <-s.base.Done():
			case <-grace.C:
			}
		}
		cancel()
	})
	return ctx, func() {
		stop()
		cancel()
		if w.begun {
			w.conn.holder.end()
		}
	}
}

// singleHeaders may be given once: which of two counts is not ours to say, and a proxy in front may have looked at the
// other one.
var singleHeaders = []string{"Authorization", "Apikey", "Content-Type", "Relay-Tenant"}

// admit refuses what net/http lets through and no handler should see. The connection of a refused request is closed:
// after doubtful framing nobody knows where the next request begins.
func (s *Server) admit(w *Response, r *http.Request) error {
	verdict := headFraming
	if w.conn != nil {
		verdict = w.conn.takeVerdict()
	}
	switch verdict {
	case headSound:
	case headLineEnd:
		return problem.New(problem.Malformed, "each line of a request's head must end in CR and LF")
	case headTarget:
		return problem.New(problem.Malformed, "the request target must be a path, or an http:// URL without a user whose host is that of the header Host")
	default:
		return problem.New(problem.Malformed, "the request's framing is ambiguous: send either Content-Length or Transfer-Encoding")
	}
	for _, name := range singleHeaders {
		if len(r.Header[name]) > 1 {
			return problem.MalformedField("header "+name, "must be given once")
		}
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	case http.MethodConnect, http.MethodTrace:
		w.Header().Set("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		return problem.New(problem.MethodNotAllowed, "the method %s is not allowed here", r.Method)
	default: // RFC 9110 section 9.1: 501 for a method that is not known. PRI, the HTTP/2 preface, is one of them.
		w.override = http.StatusNotImplemented
		return problem.New(problem.MethodNotAllowed, "the request's method is not implemented")
	}
	if len(r.RequestURI) > maxURL {
		w.override = http.StatusRequestURITooLong
		return problem.New(problem.TooLarge, "the URL must have at most %d bytes", maxURL)
	}
	if r.URL.Path == "" || r.URL.Path[0] != '/' {
		return problem.New(problem.Malformed, "the request target is not a path")
	}
	return nil
}

// Stopping returns a channel that is closed when the server begins to stop: a stream ends its work then. It returns
// nil for a request that no Server serves.
func Stopping(w http.ResponseWriter) <-chan struct{} {
	if rw, ok := w.(*Response); ok {
		return rw.server.stopping
	}
	return nil
}
