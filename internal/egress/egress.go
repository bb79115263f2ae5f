// Package egress makes every outgoing connection of the program: webhooks, tests, the gate, token
// requests. Nothing else dials.
//
// The idea: a URL is parsed once, strictly, into a Target, and that form is stored, shown and sent. Whether
// its host may be reached is decided three times: when it is saved (CheckURL), when its name has been resolved (all
// answers must be allowed, one forbidden answer refuses the lot), and in the dialer's control hook on the address
// that is really dialled. The last of these is the one that counts, the others exist to tell people early.
//
// One call of Do makes at most one request that a receiver can see. It follows no redirect, uses no proxy but the one the
// operator has set (which is told the checked address, see Proxy; variables like HTTPS_PROXY mean nothing), inflates nothing, and is bounded in time from name resolution to the last body byte, and in size for everything it reads.
//
// A receiver processes a request at most once, as far as it can be known: one is sent again only where no byte of it was
// accepted, or where the receiver has said over HTTP/2 that it did not process it.
//
// Known weak point: over HTTP/2 header names arrive in lower case and in no order, so Response.Header is sorted.
package egress

import (
	"context"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/relay-events/relay/internal/exchange"
)

const (
	// keepBody is how much of an answer's body is kept, in bytes.
	keepBody = 64 << 10

	// drainBody is how much of a body is read, in bytes, to let the connection be used again. Reading more than
	// this costs more than a new connection does.
	drainBody = 256 << 10

	// maxHeader bounds the status line and header of an answer, informational answers included, in bytes.
	maxHeader = 32 << 10

	// maxAdvised bounds what HTTPClient lets a caller read of one body, in bytes: a discovery document, key set or
	// token is a few KiB, and the OpenID library reads them without a limit of its own.
	maxAdvised = 1 << 20

	// saveLookup bounds the DNS lookup that CheckURL makes while a user waits for a form.
	saveLookup = 2 * time.Second

	// defaultTimeout bounds an attempt that names no limit.
	defaultTimeout = 10 * time.Second
)

// Options says how a Client reaches the outside. The zero value is the strict production setting.
type Options struct {
	// Dev permits loopback addresses, and http:// to loopback only. Nothing else is relaxed.
	Dev bool

	// Allow lists networks that the operator permits although the guard would refuse them. The list of bad ports
	// holds for them too. IPv4 networks also match IPv4-mapped IPv6 addresses.
	Allow []netip.Prefix

	// RootCAs verifies receivers. Nil means the system's roots.
	RootCAs *x509.CertPool

	// Proxy is what connections go through, but for those to this machine. Nil: none. See ParseProxy.
	Proxy *Proxy

	// Source are the addresses of this machine that connections are made from, at most one of IPv4 and one of IPv6; see
	// CheckSource. With only one of them, receivers of the other family are not reached. Empty: the system chooses.
	Source []netip.Addr

	// Inside are servers within this program, by host name; each function connects to one without a network. Requests reach
	// them as "http://NAME/…" whatever Dev and Allow say, and only them: the names must be ones that ParseURL otherwise
	// refuses, so that they can mean nothing else.
	Inside map[string]func(ctx context.Context) (net.Conn, error)

	// Resolver looks names up. Nil means Go's own resolver: the C library would turn "127.1" into an address.
	Resolver *net.Resolver

	// DialContext, for tests only (net.Pipe in a synctest bubble), replaces resolving, checking and dialling.
	// Nil in production.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)

	// UserAgent is sent with every request that does not set its own, "Relay/VERSION". Empty sends "Relay".
	UserAgent string

	// MaxIdlePerHost is how many idle connections are kept per scheme, host, port and scope. Zero means 512, negative none.
	MaxIdlePerHost int

	// Probation is how long the first connections to a receiver are watched after their answer before any is used a
	// second time; see pool.go. Zero means 250 ms, negative none.
	Probation time.Duration

	// MaxSockets bounds the connections open at a time, idle ones included. When it is reached idle ones are closed, and
	// then requests fail with KindLocal. Zero: no bound.
	MaxSockets int
}

// Client makes outgoing requests. It is safe for concurrent use. Make it with New and end it with Close.
type Client struct {
	dev       bool
	userAgent string
	guard     *guard
	dialer    *dialer
	pool      *pool           // of HTTP/1.1 connections
	http2     hostSet         // receivers known to speak HTTP/2
	sessions  *sessions       // connections to those
	oneShot   *http.Transport // for HTTPClient: keeps no connections
	// chosen reaches hosts that the operator has named, whatever their addresses; nil in the client that is one.
	chosen *Client
	// anyName permits host names that only a local resolver answers for.
	anyName bool
}

// everywhere is the allowance of hosts that the operator has named.
var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// New returns a Client. The caller owns it and calls Close when no request is in flight any more.
func New(o Options) *Client {
	if o.UserAgent == "" {
		o.UserAgent = "Relay"
	}
	if o.MaxIdlePerHost == 0 {
		o.MaxIdlePerHost = 512
	}
	if o.Probation == 0 {
		o.Probation = probation
	}
	c := &Client{dev: o.Dev, userAgent: o.UserAgent}
	c.guard = newGuard(o.Dev, o.Allow)
	c.dialer = newDialer(o, c.guard)
	c.pool = newPool(o.MaxIdlePerHost, o.Probation)
	c.sessions = newSessions()
	c.dialer.spare = c.pool.spare
	c.oneShot = newTransport(c.dialer)
	o.Allow, o.Inside = everywhere, nil
	c.chosen = &Client{dev: o.Dev, userAgent: o.UserAgent, guard: newGuard(o.Dev, o.Allow), anyName: true}
	c.chosen.dialer = newDialer(o, c.chosen.guard)
	c.chosen.oneShot = newTransport(c.chosen.dialer)
	return c
}

// Close closes idle connections, ends connections being made, and lets every goroutine end. Requests still in flight
// finish, and their connections close behind them; requests that start later fail. Closing twice is harmless.
func (c *Client) Close() {
	c.dialer.close()
	c.pool.close()
	c.sessions.close()
	c.oneShot.CloseIdleConnections()
	c.chosen.dialer.close()
	c.chosen.oneShot.CloseIdleConnections()
}

// A Request is one HTTP request to make.
type Request struct {
	// Method is sent as it is, for example "POST".
	Method string
	// Target says where to. It comes from ParseURL or CheckURL of a Client.
	Target Target
	// Header is sent as given. Do refuses names that would change framing or routing (Host, Content-Length, …) and
	// invalid characters before dialling. Host, Content-Length and User-Agent are added by Do.
	Header []Field
	// Body is sent with its length announced. Do only reads it, and no longer after it has returned without Error.
	// After an Error a writer may still hold it for a moment: do not change it then.
	Body []byte
	// Identity is the client certificate to show, nil for none. The request goes over connections made with it and
	// over no others, by HTTP/1.1, and only to https:// targets.
	Identity *Identity
	// Scope tells requests apart that must not share a connection, though they go to the same host: a receiver's bytes for
	// one must never be taken for an answer to another.
	Scope uint64
	// Timeout bounds the whole attempt, from resolving the name to the last byte of the answer's body. Zero or
	// negative means 10 s.
	Timeout time.Duration
}

// Response is the answer as the log keeps it.
type Response = exchange.Response

// Timing is how long the parts of a request took.
type Timing = exchange.Timing

// Do makes one request and reads its answer. It returns exactly one of: a Response and no Error; an Error and no
// Response; an Error and the part of the Response that had come. With Error.Body the head of the answer was complete, and
// the status counts whatever became of the body. Timing is always filled as far as the attempt came.
//
// A receiver processes the request at most once. It is sent again, on another connection, only where that cannot be
// otherwise: a kept-alive connection took no byte of it because the receiver had closed it, or the receiver has said that
// it did not process it (HTTP/2: REFUSED_STREAM, or GOAWAY with a lower stream) or wants it over HTTP/1.1
// (HTTP_1_1_REQUIRED), which is remembered for its host.
//
// When ctx ends first the Error's kind is "canceled", whatever the attempt was doing, so that an attempt interrupted
// by shutdown can be told from one that failed.
func (c *Client) Do(ctx context.Context, req *Request) (*Response, Timing, *Error) {
	timeout := req.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	if err := checkRequest(req); err != nil {
		return nil, Timing{}, err
	}
	start := time.Now()
	if c.dialer.life.Err() != nil {
		return nil, Timing{}, &Error{Kind: KindCanceled, Message: "the client was closed", Err: errClosed}
	}
	// Requests with a certificate go by HTTP/1.1 only: see Identity.apply.
	if req.Identity != nil || !req.Target.key.secure || !c.http2.has(req.Target.key) {
		a := &attempt{Context: ctx, caller: ctx, start: start, limit: timeout}
		res, err, handled := c.sendHTTP1(a, req)
		if handled {
			return res, a.timing(), err
		}
		if req.Identity != nil {
			return nil, a.timing(), errInsists()
		}
		c.http2.add(req.Target.key)
	}
	return c.doHTTP2(ctx, req, start, timeout)
}

// doHTTP2 is Do for a receiver that speaks HTTP/2. It is a function of its own because its variables would make the stack
// of every request larger, which most workers then have to grow.
func (c *Client) doHTTP2(ctx context.Context, req *Request, start time.Time, timeout time.Duration) (*Response, Timing, *Error) {
	inner, cancel := context.WithDeadline(ctx, start.Add(timeout))
	defer cancel()
	a := &attempt{Context: inner, caller: ctx, start: start, limit: timeout}
	res, err, handled := c.sendHTTP2(a, req)
	if handled {
		return res, a.timing(), err
	}
	c.http2.remove(req.Target.key) // it has changed its mind
	refused := err
	if refused != nil {
		c.dialer.http1.add(req.Target.key)
	}
	a = &attempt{Context: ctx, caller: ctx, start: start, limit: timeout}
	res, err, handled = c.sendHTTP1(a, req)
	if refused != nil && res == nil {
		c.dialer.http1.remove(req.Target.key) // perhaps it speaks HTTP/2 only
	}
	switch {
	case refused != nil && (!handled || err != nil && err.Kind == KindTLS):
		return nil, a.timing(), refused
	case !handled:
		return nil, a.timing(), errInsists()
	}
	return res, a.timing(), err
}

// errInsists is the error of a receiver that speaks HTTP/2 to a client that does not offer it.
func errInsists() *Error {
	return &Error{Kind: KindProtocol, Message: "the receiver insists on HTTP/2, which was not offered"}
}

// hostSet remembers hosts, a bounded number of them.
type hostSet struct {
	mu  sync.RWMutex
	set map[poolKey]struct{}
}

// maxHosts bounds a hostSet. A forgotten host costs one more TLS handshake.
const maxHosts = 10_000

func (s *hostSet) has(k poolKey) bool {
	if !k.secure {
		return false
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.set[k]
	return ok
}

func (s *hostSet) add(k poolKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.set == nil || len(s.set) >= maxHosts {
		s.set = make(map[poolKey]struct{})
	}
	s.set[k] = struct{}{}
}

func (s *hostSet) remove(k poolKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.set, k)
}

// checkRequest refuses what must never reach a socket. It runs before every attempt and does not allocate on success.
func checkRequest(req *Request) *Error {
	if req.Target.url == nil {
		return &Error{Kind: KindRequest, Message: "the request has no target"}
	}
	if req.Identity != nil && !req.Target.key.secure {
		return &Error{Kind: KindRequest, Message: "a client certificate can only be shown to an https:// URL"}
	}
	if !httpguts.ValidHeaderFieldName(req.Method) { // it is a token as names are
		return &Error{Kind: KindRequest, Message: "the request method is not valid"}
	}
	for i := range req.Header {
		if err := checkField(req.Header[i].Name, req.Header[i].Value); err != nil {
			return &Error{Kind: KindRequest, Message: err.Error(), Err: err}
		}
	}
	return nil
}
