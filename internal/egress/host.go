package egress

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

// A host is a checked host: either a DNS name in lower-case ASCII or an address.
type host struct {
	name string
	addr netip.Addr
}

// String returns the host as it stands in a URL.
func (h host) String() string {
	switch {
	case !h.addr.IsValid():
		return h.name
	case h.addr.Is6():
		return "[" + h.addr.String() + "]"
	}
	return h.addr.String()
}

// loopback tells whether h can only mean this machine.
func (h host) loopback() bool {
	return h.addr.IsValid() && isLoopback(h.addr) || h.name == "localhost"
}

// specialNames are suffixes that never name a receiver on the Internet, with their source. They are refused whatever
// DNS says, because a search list, multicast DNS or a cluster's resolver may answer for them. ".test" and ".example"
// are not here: nothing answers for them unless the operator arranged it, and then the address decides.
var specialNames = []string{
	"localhost",                // RFC 6761 section 6.3
	"invalid",                  // RFC 6761 section 6.4
	"local",                    // RFC 6762 section 3
	"onion",                    // RFC 7686
	"alt",                      // RFC 9476
	"internal",                 // reserved by ICANN board resolution 2024.07.29.06; cloud metadata names, Docker, Google
	"svc",                      // services of a Kubernetes cluster
	"home.arpa",                // RFC 8375
	"in-addr.arpa", "ip6.arpa", // RFC 6761 section 6.1
	"ipv4only.arpa", // RFC 8880
	"resolver.arpa", // RFC 9462
	"service.arpa",  // RFC 9665
}

// hostProfile maps international names as UTS 46 says for lookups, non-transitional as browsers do, and refuses what
// is not a host name afterwards.
var hostProfile = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(false), // checkName decides on ASCII, where underscores exist
	idna.VerifyDNSLength(true),
	idna.BidiRule(),
)

// parseHost checks a host as written in a URL (IPv6 in brackets) and normalises it.
func (c *Client) parseHost(s string) (host, error) {
	if strings.HasPrefix(s, "[") {
		return c.parseLiteral6(s[1 : len(s)-1])
	}
	if strings.Contains(s, "%") {
		return host{}, refuse("the URL's host contains a percent sign")
	}
	if r, found := invisible(s, true); found {
		return host{}, refuse("the host contains the invisible character %s", nameOf(r))
	}
	foreign := !isASCII(s)
	if foreign || strings.Contains(strings.ToLower(s), "xn--") {
		mapped, err := hostProfile.ToASCII(s)
		if err != nil {
			return host{}, refuse("the host %q is not a valid international name", s)
		}
		s = mapped
	}
	// All below sees the mapped form: full-width digits and dots have become plain ones.
	s = strings.ToLower(s)
	if addr, err := netip.ParseAddr(s); err == nil && addr.Is4() {
		if foreign {
			return host{}, refuse("the host must be written in plain digits")
		}
		return c.checkLiteral(addr)
	}
	if err := checkName(s); err != nil {
		return host{}, err
	}
	if c.dev && s == "localhost" || c.anyName {
		return host{name: s}, nil
	}
	if !strings.Contains(s, ".") {
		return host{}, refuse("the host %q is not a full domain name", s)
	}
	for _, special := range specialNames {
		if s == special || strings.HasSuffix(s, "."+special) {
			return host{}, refuse("the host %q is for local use (.%s) and cannot be reached", s, special)
		}
	}
	return host{name: s}, nil
}

func (c *Client) parseLiteral6(s string) (host, error) {
	addr, err := netip.ParseAddr(s)
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return host{}, refuse("the URL's IPv6 address is not valid")
	}
	// IPv4-mapped addresses are dialled as IPv4, so that is how they are stored.
	return c.checkLiteral(addr.Unmap())
}

func (c *Client) checkLiteral(addr netip.Addr) (host, error) {
	if c.guard.check(addr) != nil {
		return host{}, refuse("the address %s is not allowed: it is loopback, private or reserved", addr)
	}
	return host{addr: addr}, nil
}

// checkName checks a lower-case ASCII name for being a host name that no resolver takes for a number.
func checkName(s string) error {
	switch {
	case strings.HasSuffix(s, "."):
		return refuse("the host must not end with a dot")
	case len(s) > 253: // RFC 1035 section 2.3.4, in presentation form
		return refuse("the host is longer than 253 bytes")
	}
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return refuse("the host %q is not a valid domain name", s)
		}
		last = label
	}
	if isNumeric(last) {
		return refuse("the host %q looks like a number, write addresses as four decimal numbers", s)
	}
	return nil
}

// isLabel allows letters, digits, hyphens inside, and underscores, which exist in real host names.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// isNumeric is the "ends in a number" test of the URL Standard: such hosts are IPv4 addresses to C libraries and
// browsers, in forms (octal, hexadecimal, fewer parts) that address checks miss. https://url.spec.whatwg.org/#ends-in-a-number-checker
func isNumeric(label string) bool {
	digits := true
	for i := range len(label) {
		if label[i] < '0' || label[i] > '9' {
			digits = false
			break
		}
	}
	if digits {
		return true
	}
	rest, ok := strings.CutPrefix(label, "0x")
	if !ok {
		return false
	}
	for i := range len(rest) {
		if !isHex(rest[i]) {
			return false
		}
	}
	return true
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
