package egress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
)

// errNoPlace refuses a connection beyond Options.MaxSockets.
var errNoPlace = errors.New("as many connections are open as this server allows itself")

// places bounds the connections open at a time.
type places struct {
	max  int64 // zero: no bound
	used atomic.Int64
}

// place takes a place for a connection, closing an idle one if it must. The error is errNoPlace.
func (d *dialer) place() (release func(), err error) {
	for d.places.used.Add(1) > d.places.max && d.places.max > 0 {
		d.places.used.Add(-1)
		if d.spare == nil || !d.spare() {
			return nil, errNoPlace
		}
	}
	return sync.OnceFunc(func() { d.places.used.Add(-1) }), nil
}

// errNoAddress is an EADDRNOTAVAIL for want of any address of the family, which is no passing shortage.
type errNoAddress struct{ v6 bool }

func (e *errNoAddress) Error() string {
	return fmt.Sprintf("this server has no %s address to connect from", map[bool]string{false: "IPv4", true: "IPv6"}[e.v6])
}

// isShortage tells that this machine lacks a resource that connections need; no outside party is to blame.
func isShortage(err error) bool {
	for _, e := range []error{
		errNoPlace, errResolverShort, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS,
		syscall.EADDRNOTAVAIL, // all ports to the address are taken, or the source address is gone
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// explainNoAddress tells the two meanings of EADDRNOTAVAIL apart: no port is free, or the machine has no address at all of
// the family, and then never will.
func explainNoAddress(err error, to netip.Addr) error {
	if !errors.Is(err, syscall.EADDRNOTAVAIL) {
		return err
	}
	own, lookErr := net.InterfaceAddrs()
	if lookErr != nil {
		return err
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok && (n.IP.To4() != nil) == to.Is4() && (n.IP.IsGlobalUnicast() || to.IsLoopback() && n.IP.IsLoopback()) {
			return err
		}
	}
	return &errNoAddress{v6: !to.Is4()}
}

// localWords describes a shortage.
func localWords(err error) string {
	switch {
	case errors.Is(err, errNoPlace):
		return errNoPlace.Error()
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, errResolverShort):
		return "this server has no file descriptors left"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this server has no port left to connect from"
	}
	return "this server is short of memory"
}
