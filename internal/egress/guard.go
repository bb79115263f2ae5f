package egress

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"syscall"

	"code.dny.dev/ssrf"
)

// errBlocked is returned by the guard for an address that must not be reached. It carries no detail: the address
// behind a name can be an internal one that the owner of the webhook has no business learning.
var errBlocked = errors.New("the address is not allowed")

// azureWireServer is Azure's platform address. It is globally routable by the registries, so no table of special
// addresses holds it, but on Azure it serves credentials to the virtual machine.
// https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
var azureWireServer = netip.MustParsePrefix("168.63.129.16/32")

var loopback4 = netip.MustParsePrefix("127.0.0.0/8")

// A guard decides which addresses may be reached. It is immutable.
type guard struct {
	dev   bool
	allow []netip.Prefix
	table *ssrf.Guardian
}

func newGuard(dev bool, allow []netip.Prefix) *guard {
	g := &guard{dev: dev, table: ssrf.New(
		ssrf.WithAnyPort(), // badPorts decides instead
		ssrf.WithDeniedV4Prefixes(azureWireServer),
	)}
	for _, p := range allow {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		g.allow = append(g.allow, p.Masked())
	}
	return g
}

// check returns nil if addr may be reached and errBlocked if not.
func (g *guard) check(addr netip.Addr) error {
	// Zones select an interface of this machine: nothing outside is addressed that way.
	if addr.Zone() != "" {
		return errBlocked
	}
	// Unmap first: the kernel dials IPv4 for ::ffff:a.b.c.d, so the IPv4 rules must speak (CVE-2024-24790).
	addr = addr.Unmap()
	if g.allowed(addr) {
		return nil
	}
	if g.dev && isLoopback(addr) {
		return nil
	}
	if v4, ok := nat64(addr); ok {
		// A NAT64 gateway reaches the IPv4 inside, so that address decides. Loopback in there is the gateway's,
		// never ours, hence no exception for Dev.
		if g.allowed(v4) || g.table.SafeAddr(v4) == nil {
			return nil
		}
		return errBlocked
	}
	if isISATAP(addr) || g.table.SafeAddr(addr) != nil {
		return errBlocked
	}
	return nil
}

// isISATAP tells an address whose interface identifier holds an IPv4 address to tunnel to (RFC 5214 section 6.1), which
// could be one inside. Nothing on the Internet is reached that way.
func isISATAP(addr netip.Addr) bool {
	if !addr.Is6() {
		return false
	}
	b := addr.As16()
	return b[8]&^0x03 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe // the two bits are "universal" and "group"
}

func (g *guard) allowed(addr netip.Addr) bool {
	for _, p := range g.allow {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// checkAll returns nil only if every address may be reached. Mixed answers are refused whole: picking the allowed
// ones would let a name probe which of its addresses works.
func (g *guard) checkAll(addrs []netip.Addr) error {
	for _, a := range addrs {
		if err := g.check(a); err != nil {
			return err
		}
	}
	return nil
}

// control is the dialer's hook: it sees the address that the socket is about to be connected to, after whatever
// happened to the name before. It also refuses everything that is not TCP.
func (g *guard) control(network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return errBlocked
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil || isBadPort(ap.Port()) {
		return errBlocked
	}
	return g.check(ap.Addr())
}

func isLoopback(addr netip.Addr) bool {
	return loopback4.Contains(addr) || addr == netip.IPv6Loopback()
}

// nat64 returns the IPv4 address inside the well-known NAT64 prefix 64:ff9b::/96 (RFC 6052 section 2.1). The
// local-use prefix 64:ff9b:1::/48 (RFC 8215) has no fixed place for the IPv4 and is refused whole by the table.
func nat64(addr netip.Addr) (netip.Addr, bool) {
	if !ssrf.IPv6NAT64Prefix.Contains(addr) {
		return netip.Addr{}, false
	}
	b := addr.As16()
	return netip.AddrFrom4([4]byte(b[12:])), true
}

// badPorts are ports whose protocols can be fed by an HTTP request, from the "bad port" table of the Fetch Standard,
// sorted. https://fetch.spec.whatwg.org/#port-blocking
var badPorts = []uint16{
	0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
	110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531,
	532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060,
	5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080,
}

func isBadPort(p uint16) bool {
	_, found := slices.BinarySearch(badPorts, p)
	return found
}

// parsePort reads a port as written in a URL: decimal digits only, no sign, 0–65535.
func parsePort(s string) (uint16, bool) {
	if s == "" || len(s) > 5 {
		return 0, false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil
}
