package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// raceDelay is the head start of one address over the next (RFC 8305 section 5, "Connection Attempt Delay").
	raceDelay = 250 * time.Millisecond

	// insidePort is the port of the servers in Options.Inside, that of http.
	insidePort = 80

	// maxRaced bounds how many addresses of a name are tried; all of them are checked.
	maxRaced = 8
)

// errClosed is returned by a dialer after close.
var errClosed = errors.New("the client has been closed")

// A dialer resolves, checks and connects, and records on each connection how long that took. Connections it makes
// belong to the transport.
type dialer struct {
	guard    *guard
	resolver *net.Resolver
	plain    *net.Resolver // without EDNS(0)
	// plainUntil is until when plain is asked first, and resolverShort when a resolver last found no socket; both in
	// nanoseconds since 1970.
	plainUntil, resolverShort atomic.Int64

	net4    net.Dialer // for IPv4 addresses; both checked by the guard
	net6    net.Dialer
	source  source
	proxy   *Proxy                                                               // nil: none
	replace func(ctx context.Context, network, address string) (net.Conn, error) // Options.DialContext
	inside  map[string]func(ctx context.Context) (net.Conn, error)               // Options.Inside
	tls     *tls.Config
	places  places
	spare   func() bool // closes an idle connection; false: there is none
	http1   hostSet     // receivers that offer HTTP/2 but want HTTP/1.1

	life context.Context // ends with close
	end  context.CancelFunc
}

func newDialer(o Options, g *guard) *dialer {
	d := &dialer{guard: g, replace: o.DialContext, inside: o.Inside, tls: newTLSConfig(o.RootCAs)}
	d.setResolver(o.Resolver)
	d.net4 = net.Dialer{
		// Idle connections live for seconds, and attempts have their own limit: probes would find nothing.
		KeepAlive: -1,
		Control:   g.control,
	}
	d.net6 = d.net4
	d.proxy = o.Proxy
	d.source, _ = newSource(o.Source) // the caller has checked it
	d.source.bind(&d.net4, true)
	d.source.bind(&d.net6, false)
	d.places.max = int64(o.MaxSockets)
	d.life, d.end = context.WithCancel(context.Background())
	return d
}

// close makes connections being made fail, and later ones too.
func (d *dialer) close() { d.end() }

// replaced tells that a test supplies the connections, so that nothing is looked up.
func (d *dialer) replaced() bool { return d.replace != nil }

// A dialError says at which step connecting failed. Its parts are set as far as it came.
type dialError struct {
	kind  Kind
	err   error
	parts dialParts
}

func (e *dialError) Error() string { return string(e.kind) + ": " + e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

// dialParts are the durations of the steps of connecting.
type dialParts struct {
	began             time.Time
	dns, connect, tls time.Duration
}

// dialPlain is the transport's hook for http://.
func (d *dialer) dialPlain(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := d.bound(ctx)
	defer cancel()
	c, err := d.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// dialTLS is the transport's hook for https://.
func (d *dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	return d.dialSecure(ctx, network, address, nil)
}

// dialSecure connects by TLS, showing a client certificate if id is not nil. It returns a *tls.Conn where HTTP/2 was
// agreed, because net/http recognises that by the type, and a *conn otherwise, which counts the bytes written inside the
// encryption.
func (d *dialer) dialSecure(ctx context.Context, network, address string, id *Identity) (net.Conn, error) {
	ctx, cancel := d.bound(ctx)
	defer cancel()
	c, err := d.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	setPhase(ctx, phaseTLS)
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		c.Close()
		return nil, &dialError{kind: KindRequest, err: err, parts: c.parts}
	}
	cfg := d.tls.Clone()
	cfg.ServerName = name
	if d.http1.has(poolKey{secure: true, address: address}) {
		cfg.NextProtos = []string{"http/1.1"}
	}
	id.apply(cfg)
	began := time.Now()
	secure := tls.Client(c, cfg)
	err = secure.HandshakeContext(ctx)
	c.parts.tls = time.Since(began)
	if err != nil {
		c.Close()
		return nil, d.fail(ctx, KindTLS, err, c.parts)
	}
	setPhase(ctx, phaseAnswer)
	if secure.ConnectionState().NegotiatedProtocol == "h2" {
		return secure, nil
	}
	return &conn{Conn: secure, parts: c.parts}, nil
}

// bound limits a dial. The transport detaches dials from the request that caused them, to keep the connection for
// the next request; without a limit of its own a dial to a silent host would outlive all of them.
func (d *dialer) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := time.Now().Add(defaultTimeout)
	if a, ok := ctx.Value(attemptKey{}).(*attempt); ok {
		limit = a.start.Add(a.limit)
	}
	ctx, cancel := context.WithDeadline(ctx, limit)
	stop := context.AfterFunc(d.life, cancel)
	return ctx, func() { stop(); cancel() }
}

// connect resolves, checks and connects by TCP. Its errors are *dialError.
func (d *dialer) connect(ctx context.Context, network, address string) (*conn, error) {
	parts := dialParts{began: time.Now()}
	if d.life.Err() != nil {
		return nil, &dialError{kind: KindCanceled, err: errClosed, parts: parts}
	}
	if d.replace != nil {
		setPhase(ctx, phaseConnect)
		c, err := d.replace(ctx, network, address)
		parts.connect = time.Since(parts.began)
		if err != nil {
			return nil, d.fail(ctx, KindConnect, err, parts)
		}
		return &conn{Conn: c, parts: parts}, nil
	}
	h, port, err := splitAddress(address)
	if err != nil {
		return nil, &dialError{kind: KindRequest, err: err, parts: parts}
	}
	if isBadPort(port) {
		return nil, &dialError{kind: KindBlocked, err: errBlocked, parts: parts}
	}
	if inside := d.inside[h.name]; inside != nil && port == insidePort {
		setPhase(ctx, phaseConnect)
		c, err := inside(ctx)
		parts.connect = time.Since(parts.began)
		if err != nil {
			return nil, d.fail(ctx, KindConnect, err, parts)
		}
		return &conn{Conn: c, parts: parts}, nil
	}
	setPhase(ctx, phaseDNS)
	addrs := []netip.Addr{h.addr.Unmap()}
	if h.addr.IsValid() {
		err = d.guard.checkAll(addrs)
	} else {
		addrs, err = d.lookup(ctx, h.name)
		parts.dns = time.Since(parts.began)
	}
	if err != nil {
		return nil, d.fail(ctx, KindDNS, err, parts)
	}
	setPhase(ctx, phaseConnect)
	if d.proxy == nil {
		if addrs, err = d.source.usable(addrs); err != nil {
			return nil, d.fail(ctx, KindConnect, err, parts)
		}
	}
	release, err := d.place()
	if err != nil {
		return nil, d.fail(ctx, KindConnect, err, parts)
	}
	began := time.Now()
	c, err := d.race(ctx, addrs, port)
	parts.connect = time.Since(began)
	if err != nil {
		release()
		return nil, d.fail(ctx, KindConnect, err, parts)
	}
	return &conn{Conn: c, parts: parts, release: release}, nil
}

// fail names the kind of a failed step: the guard's refusal and the end of time are told from the step's own failure.
func (d *dialer) fail(ctx context.Context, kind Kind, err error, parts dialParts) *dialError {
	switch {
	case errors.Is(err, errBlocked):
		kind = KindBlocked
	case d.life.Err() != nil:
		kind = KindCanceled
	case ctx.Err() != nil:
		kind = KindTimeout
	case isShortage(err):
		kind = KindLocal
	default:
		var pe *proxyError
		if errors.As(err, &pe) {
			kind = pe.kind
		}
	}
	return &dialError{kind: kind, err: err, parts: parts}
}

// race connects to the first of addrs that answers, each starting raceDelay after the one before or as soon as that
// has failed. The error is that of the address tried first. No goroutine is left when it returns.
func (d *dialer) race(ctx context.Context, addrs []netip.Addr, port uint16) (net.Conn, error) {
	if len(addrs) == 1 {
		return d.dialOne(ctx, addrs[0], port)
	}
	addrs = interleave(addrs)
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	// Cancel first, then wait: dials end as soon as their context does.
	defer wg.Wait()
	defer cancel()

	var won atomic.Bool
	conns := make(chan net.Conn, 1)
	failed := make(chan error, len(addrs)) // room for all, so that no dial waits for a reader
	start := func(a netip.Addr) {
		wg.Go(func() {
			c, err := d.dialOne(ctx, a, port)
			switch {
			case err != nil:
				failed <- err
			case won.CompareAndSwap(false, true):
				conns <- c
			default:
				c.Close()
			}
		})
	}
	start(addrs[0])
	next := time.NewTimer(raceDelay)
	defer next.Stop()
	var first error
	for started, ended := 1, 0; ; {
		select {
		case c := <-conns:
			return c, nil
		case err := <-failed:
			if first == nil || errors.Is(err, errBlocked) || isShortage(err) && !errors.Is(first, errBlocked) {
				first = err
			}
			if ended++; ended == len(addrs) {
				return nil, first
			}
			if ended < started {
				continue // another one is under way, its head start stands
			}
		case <-next.C:
		}
		if started < len(addrs) {
			start(addrs[started])
			started++
			next.Reset(raceDelay)
		}
	}
}

// dialOne connects to an address, through the proxy if there is one. A proxy is never asked for an address of this machine:
// there it would mean the proxy's own.
func (d *dialer) dialOne(ctx context.Context, a netip.Addr, port uint16) (net.Conn, error) {
	to := netip.AddrPortFrom(a, port)
	if d.proxy != nil && !isLoopback(a) {
		// No socket of ours is connected to this address, so there is no hook to check it in: here is the last place.
		if err := d.guard.check(a); err != nil {
			return nil, err
		}
		return d.tunnel(ctx, to)
	}
	nd := &d.net6
	if a.Is4() {
		nd = &d.net4
	}
	c, err := nd.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, explainNoAddress(err, a)
	}
	return c, nil
}

// interleave alternates address families, beginning with that of the first address, which the resolver has sorted by
// RFC 6724 (RFC 8305 section 4), and keeps maxRaced of them.
func interleave(addrs []netip.Addr) []netip.Addr {
	var same, other []netip.Addr
	for _, a := range addrs {
		if a.Is4() == addrs[0].Is4() {
			same = append(same, a)
		} else {
			other = append(other, a)
		}
	}
	out := make([]netip.Addr, 0, maxRaced)
	for i := 0; len(out) < maxRaced && (i < len(same) || i < len(other)); i++ {
		if i < len(same) {
			out = append(out, same[i])
		}
		if i < len(other) && len(out) < maxRaced {
			out = append(out, other[i])
		}
	}
	return out
}

// A conn counts the bytes of HTTP written to it: the counter is what proves that nothing of a request was sent. The one
// over the socket also gives its place back when it is closed.
type conn struct {
	net.Conn
	parts   dialParts    // set before the caller gets the conn
	written atomic.Int64 // bytes accepted by calls that have returned
	release func()       // gives the place back, once; nil: it has none
}

// Write counts the accepted bytes. Over TLS a write that failed with n == 0 sent no complete record, and a receiver
// cannot read part of one.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// Close closes the connection.
func (c *conn) Close() error {
	err := c.Conn.Close()
	if c.release != nil {
		c.release()
	}
	return err
}
