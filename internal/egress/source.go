package egress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
)

// errNoSource refuses an address of the family of which there is no source address: a connection from another address
// of this machine would not be among those that receivers let through.
var errNoSource = errors.New("the host has no address of the family that connections are made from")

// A source is what connections are made from. The zero value leaves that to the operating system.
type source struct {
	v4, v6 netip.Addr
}

// CheckSource checks addresses that connections are to be made from: at most one of IPv4 and one of IPv6, each one of
// this machine's.
func CheckSource(addrs []netip.Addr) error {
	if _, err := newSource(addrs); err != nil {
		return err
	}
	for _, a := range addrs {
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
		if err != nil {
			return fmt.Errorf("the source address %s cannot be used on this machine: %w", a, err)
		}
		l.Close()
	}
	return nil
}

func newSource(addrs []netip.Addr) (s source, err error) {
	for _, a := range addrs {
		a = a.Unmap()
		of := &s.v6
		if a.Is4() {
			of = &s.v4
		}
		switch {
		case !a.IsValid() || a.IsUnspecified() || a.IsMulticast():
			return s, fmt.Errorf("%s is no address to make connections from", a)
		case of.IsValid():
			return s, errors.New("there may be one source address of IPv4 and one of IPv6")
		}
		*of = a
	}
	return s, nil
}

func (s source) set() bool { return s.v4.IsValid() || s.v6.IsValid() }

// usable returns the addresses that can be reached from the source, errNoSource if there are none.
func (s source) usable(addrs []netip.Addr) ([]netip.Addr, error) {
	if !s.set() {
		return addrs, nil
	}
	var out []netip.Addr
	for _, a := range addrs {
		if a.Is4() && s.v4.IsValid() || a.Is6() && s.v6.IsValid() {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil, errNoSource
	}
	return out, nil
}

// bind has a dialer connect from the source of a family; it reports false if there is none, though there is one of the
// other.
func (s source) bind(d *net.Dialer, v4 bool) bool {
	a := s.v6
	if v4 {
		a = s.v4
	}
	if !s.set() {
		return true
	}
	if !a.IsValid() {
		return false
	}
	d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0))
	d.Control = lateBind(d.Control)
	return true
}
