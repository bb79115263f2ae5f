package egress

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// resolutionDelay is how long the addresses of one family wait for those of the other (RFC 8305 section 3): some name
	// servers never answer the question for AAAA. An address that comes later is not tried, so nobody need check it.
	resolutionDelay = 50 * time.Millisecond

	// plainDelay is how long a question with EDNS(0) is given before it is also asked without: some resolvers and
	// firewalls drop unknown options (RFC 6891 section 6.2.2). plainFor is how long that is then done first.
	plainDelay = 1500 * time.Millisecond
	plainFor   = 10 * time.Minute
)

// errResolverShort tells that a name could not be resolved because this machine lacked a socket for the question.
var errResolverShort = errors.New("no socket for a question to the name servers")

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// newResolver returns Go's own resolver over dial. A lookup that is given up ends at once; by itself it would wait for
// its name server for seconds more, in a goroutine nobody owns.
func newResolver(dial dialFunc) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err == nil {
			// ctx is that of one exchange, so this is released with it. A deadline, not Close: the resolver closes.
			context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
		}
		return c, err
	}}
}

// setResolver makes the resolvers: over the one given, if any, with and without EDNS(0).
func (d *dialer) setResolver(given *net.Resolver) {
	var nd net.Dialer
	dial := nd.DialContext
	if given != nil && given.Dial != nil {
		dial = given.Dial
	}
	noting := func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil && isShortage(err) {
			d.resolverShort.Store(time.Now().UnixNano()) // the resolver's own error is a text only
		}
		return c, err
	}
	d.resolver = newResolver(noting)
	d.plain = newResolver(func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := noting(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if p, ok := c.(packetConn); ok { // by which the resolver tells UDP
			return &plainPacketConn{p}, nil
		}
		return &plainStreamConn{c}, nil
	})
}

// lookup returns the addresses of name, all of them allowed, IPv4 unmapped. The error is errBlocked if one is not.
func (d *dialer) lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	if d.guard.dev && name == "localhost" {
		// RFC 6761 section 6.3: not asked of DNS, where the answer could be anything.
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}, nil
	}
	began := time.Now()
	// The dot at the end keeps the resolver from trying the machine's search domains, where "example.com" could
	// become a name inside the operator's network.
	addrs, err := d.bothFamilies(ctx, name+".")
	if err != nil {
		if d.resolverShort.Load() >= began.UnixNano() {
			err = fmt.Errorf("%w: %w", errResolverShort, err)
		}
		return nil, err
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no addresses", Name: name, IsNotFound: true}
	}
	return addrs, d.guard.checkAll(addrs)
}

// found is the answer to one question.
type found struct {
	addrs []netip.Addr
	err   error
}

// bothFamilies asks for IPv6 and IPv4 addresses at a time. The order is RFC 6724's within a family; IPv6 is first where
// this machine has a way to it.
func (d *dialer) bothFamilies(ctx context.Context, name string) ([]netip.Addr, error) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel() // lookups end as soon as their context does
	v4, v6 := make(chan found, 1), make(chan found, 1)
	wg.Go(func() { v4 <- d.family(ctx, "ip4", name) })
	wg.Go(func() { v6 <- d.family(ctx, "ip6", name) })
	var got4, got6 *found
	var enough <-chan time.Time
	for got4 == nil || got6 == nil {
		select {
		case f := <-v4:
			got4 = &f
		case f := <-v6:
			got6 = &f
		case <-enough:
			if got4 == nil {
				got4 = &found{}
			} else {
				got6 = &found{}
			}
			continue
		}
		if enough == nil && (got4 != nil && len(got4.addrs) > 0 || got6 != nil && len(got6.addrs) > 0) {
			t := time.NewTimer(resolutionDelay)
			defer t.Stop()
			enough = t.C
		}
	}
	addrs := got4.addrs
	if len(got6.addrs) > 0 {
		if len(addrs) > 0 && !hasWayTo(got6.addrs[0]) {
			addrs = append(addrs, got6.addrs...)
		} else {
			addrs = append(got6.addrs, addrs...)
		}
	}
	if len(addrs) > 0 {
		return addrs, nil
	}
	// "There is none" of one family says nothing where the other is not known.
	err := got4.err
	var de *net.DNSError
	if errors.As(err, &de) && de.IsNotFound && got6.err != nil {
		err = got6.err
	}
	return nil, err
}

// hasWayTo tells whether this machine has a route to an address. Connecting a UDP socket sends nothing.
func hasWayTo(a netip.Addr) bool {
	c, err := net.Dial("udp", netip.AddrPortFrom(a, 443).String())
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// family asks for the addresses of one family, with EDNS(0) and, if nothing usable comes of that, without.
func (d *dialer) family(ctx context.Context, network, name string) found {
	first, second := d.resolver, d.plain
	if time.Now().UnixNano() < d.plainUntil.Load() {
		first, second = second, first
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	type answer struct {
		found
		by *net.Resolver
	}
	answers := make(chan answer, 2)
	ask := func(r *net.Resolver) {
		wg.Go(func() {
			addrs, err := r.LookupNetIP(ctx, network, name)
			answers <- answer{found{addrs, err}, r}
		})
	}
	ask(first)
	hedge := time.NewTimer(plainDelay)
	defer hedge.Stop()
	var failed *answer
	for asked := 1; ; {
		select {
		case <-hedge.C:
			if asked == 1 {
				ask(second)
				asked = 2
			}
			continue
		case a := <-answers:
			var de *net.DNSError
			if a.err == nil || errors.As(a.err, &de) && de.IsNotFound {
				if a.by == d.plain {
					d.plainUntil.Store(time.Now().Add(plainFor).UnixNano())
				}
				return a.found
			}
			switch {
			case failed != nil:
				return failed.found
			case ctx.Err() != nil:
				return a.found
			}
			failed = &a
			if asked == 1 {
				ask(second)
				asked = 2
			}
		}
	}
}

type packetConn interface {
	net.Conn
	net.PacketConn
}

// plainPacketConn and plainStreamConn send questions without EDNS(0).
type plainPacketConn struct{ packetConn }

func (c *plainPacketConn) Write(p []byte) (int, error) {
	if _, err := c.packetConn.Write(withoutEDNS(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

type plainStreamConn struct{ net.Conn }

// Write takes a whole question behind its length (RFC 1035 section 4.2.2), as the resolver writes it.
func (c *plainStreamConn) Write(p []byte) (int, error) {
	if len(p) < 2 {
		return c.Conn.Write(p)
	}
	q := withoutEDNS(p[2:])
	if _, err := c.Conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(q))), q...)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// withoutEDNS returns a question without its OPT record (RFC 6891 section 6.1.1), the only additional record it has.
func withoutEDNS(q []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(q) != nil {
		return q
	}
	m.Additionals = nil
	out, err := m.Pack()
	if err != nil {
		return q
	}
	return out
}
