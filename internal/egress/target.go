package egress

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxURL bounds a URL in its normalised form, in bytes. Receivers and intermediaries commonly stop at 8,000
// (RFC 9110 section 4.1); signed webhook URLs in the wild are below 1,000.
const maxURL = 4096

// A URLError says in words for the user why a URL is refused.
type URLError struct {
	// Reason is a clause about "the URL", lower case, without full stop.
	Reason string
}

func (e *URLError) Error() string { return e.Reason }

func refuse(format string, args ...any) error {
	return &URLError{Reason: fmt.Sprintf(format, args...)}
}

// A Target is a URL that has passed ParseURL, ready to be used for many requests without being parsed again. It is
// immutable and small; copy it freely. The zero Target is no target.
type Target struct {
	str string
	url *url.URL // shared by all requests; net/http does not change it
	uri string   // path and query, as the request line has them
	key poolKey  // where it connects to
}

// String returns the URL in the form that is stored, shown and sent. Parsing it again gives the same Target.
func (t Target) String() string { return t.str }

// IsZero tells whether t is no target.
func (t Target) IsZero() bool { return t.url == nil }

// Host returns the host, with the port if it is not the scheme's own, as in the Host header: "example.com:8443".
func (t Target) Host() string {
	if t.url == nil {
		return ""
	}
	return t.url.Host
}

// ParseURL checks all of a URL that can be checked without DNS: shape, scheme, host form, names of special use, port,
// and addresses written out. The error is a *URLError.
//
// It is stricter than net/url and than browsers, on purpose: where parsers disagree about which part is the host, the
// URL is refused instead of interpreted.
func (c *Client) ParseURL(raw string) (Target, error) {
	t, _, err := c.parseURL(raw)
	return t, err
}

// CheckURL is ParseURL and a DNS lookup of at most 2 s: a name with any forbidden address is refused. A name that
// does not resolve now is accepted, since its records may come later and every attempt checks again. The error is a
// *URLError; the end of ctx counts as not resolving.
func (c *Client) CheckURL(ctx context.Context, raw string) (Target, error) {
	t, host, err := c.parseURL(raw)
	if err != nil || host.addr.IsValid() || c.dialer.replaced() || c.dialer.inside[host.name] != nil {
		return t, err
	}
	ctx, cancel := context.WithTimeout(ctx, saveLookup)
	defer cancel()
	if _, err := c.dialer.lookup(ctx, host.name); errors.Is(err, errBlocked) {
		return Target{}, refuse("the host %q resolves to an address that is not allowed", host.name)
	}
	return t, nil
}

// parseURL does the work of ParseURL and also returns the host in parsed form.
func (c *Client) parseURL(raw string) (Target, host, error) {
	fail := func(err error) (Target, host, error) { return Target{}, host{}, err }
	if err := checkBytes(raw); err != nil {
		return fail(err)
	}
	scheme, rest, ok := strings.Cut(raw, ":")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "https" && scheme != "http" {
		return fail(refuse("the URL must start with https://"))
	}
	after, slashes := strings.CutPrefix(rest, "//")
	inside := scheme == "http" && slashes && c.isInside(after)
	if scheme == "http" && !c.dev && !inside {
		return fail(refuse("the URL must start with https://, http:// is not allowed"))
	}
	rest, ok = strings.CutPrefix(rest, "//")
	if !ok {
		return fail(refuse("the URL must start with https:// and two slashes"))
	}
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	if strings.Contains(authority, "@") {
		return fail(refuse("the URL must not contain a user name or password, use the webhook's auth setting"))
	}
	hostPart, port, err := splitPort(authority, scheme)
	if err != nil {
		return fail(err)
	}
	h := host{name: hostPart}
	if !inside {
		if h, err = c.parseHost(hostPart); err != nil {
			return fail(err)
		}
	}
	if scheme == "http" && !inside && !h.loopback() {
		return fail(refuse("http:// is allowed to loopback only, use https://"))
	}
	path, query, err := splitTail(tail)
	if err != nil {
		return fail(err)
	}
	t := newTarget(scheme, h.String(), port, path, query)
	if len(t.str) > maxURL {
		return fail(refuse("the URL is longer than %d bytes", maxURL))
	}
	return t, h, nil
}

// isInside reports whether the text behind "http://" begins with the name of a server within this program, written just so and
// without a port.
func (c *Client) isInside(rest string) bool {
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	return c.dialer.inside[rest] != nil
}

// newTarget puts checked parts together. path starts with a slash; query is nil or starts with "?".
func newTarget(scheme, host string, port uint16, path, query string) Target {
	key := poolKey{secure: scheme == "https", address: host + ":" + strconv.Itoa(int(cmp.Or(port, map[string]uint16{"https": 443, "http": 80}[scheme])))}
	if port != 0 {
		host += ":" + strconv.Itoa(int(port))
	}
	u := &url.URL{Scheme: scheme, Host: host, ForceQuery: query == "?"}
	if query != "" {
		u.RawQuery = query[1:]
	}
	if strings.HasPrefix(path, "//") {
		// An opaque part that starts with two slashes would be sent as an absolute URI.
		u.Path, _ = url.PathUnescape(path)
		u.RawPath = path
	} else {
		u.Opaque = path // goes over the wire untouched, and is not escaped again for each request
	}
	return Target{str: scheme + "://" + host + path + query, url: u, uri: path + query, key: key}
}

// checkBytes refuses what could be read in two ways before any structure is looked at.
func checkBytes(raw string) error {
	switch {
	case raw == "":
		return refuse("the URL is empty")
	case len(raw) > maxURL:
		return refuse("the URL is longer than %d bytes", maxURL)
	case !utf8.ValidString(raw):
		return refuse("the URL is not valid UTF-8")
	}
	for i := range len(raw) {
		switch c := raw[i]; {
		case c <= ' ' || c == 0x7f:
			return refuse("the URL contains a space or control character")
		case c == '\\':
			return refuse("the URL contains a backslash")
		}
	}
	return nil
}

// invisible returns the first character of s that cannot be seen, as it comes along when text is copied from a page or a
// document. In a host the two joiners are left to the rules of international names, which know where they belong.
func invisible(s string, isHost bool) (rune, bool) {
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf, isHost && (r == '\u200c' || r == '\u200d'):
		case unicode.In(r, unicode.Cf, unicode.Cc, unicode.Z, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point):
			return r, true
		}
	}
	return 0, false
}

// nameOf names an invisible character.
func nameOf(r rune) string {
	names := map[rune]string{
		'\u00a0': "no-break space", '\u00ad': "soft hyphen", '\u200b': "zero width space", '\u200c': "zero width non-joiner",
		'\u200d': "zero width joiner", '\u200e': "left-to-right mark", '\u200f': "right-to-left mark", '\u2028': "line separator",
		'\u202a': "left-to-right embedding", '\u202c': "pop directional formatting", '\u202f': "narrow no-break space", '\u2060': "word joiner", '\ufeff': "byte order mark",
	}
	if name := names[r]; name != "" {
		return fmt.Sprintf("U+%04X (%s)", r, name)
	}
	return fmt.Sprintf("U+%04X", r)
}

// splitPort cuts a port off an authority without userinfo. The port is 0 where the scheme's own applies.
func splitPort(authority, scheme string) (host string, port uint16, err error) {
	var portPart string
	var hasPort bool
	if strings.HasPrefix(authority, "[") {
		end := strings.IndexByte(authority, ']')
		if end < 0 {
			return "", 0, refuse("the URL's IPv6 address has no closing bracket")
		}
		host = authority[:end+1]
		if rest := authority[end+1:]; rest != "" {
			if portPart, hasPort = strings.CutPrefix(rest, ":"); !hasPort {
				return "", 0, refuse("the URL has text after its IPv6 address")
			}
		}
	} else {
		host, portPart, hasPort = strings.Cut(authority, ":")
	}
	if host == "" {
		return "", 0, refuse("the URL has no host")
	}
	if !hasPort {
		return host, 0, nil
	}
	port, ok := parsePort(portPart)
	switch {
	case !ok:
		return "", 0, refuse("the URL's port must be a number from 1 to 65535")
	case isBadPort(port):
		return "", 0, refuse("the port %d is not allowed", port)
	case scheme == "https" && port == 443, scheme == "http" && port == 80:
		port = 0
	}
	return host, port, nil
}

// splitTail checks and normalises the part behind the authority. Escapes stay as they are, so "%0d%0a" never becomes
// a line break; characters that may not stand in a request line are escaped.
func splitTail(tail string) (path, query string, err error) {
	if strings.Contains(tail, "#") {
		return "", "", refuse("the URL must not contain a fragment (#…), it would not be sent")
	}
	path = tail
	if i := strings.IndexByte(tail, '?'); i >= 0 {
		path, query = tail[:i], tail[i:]
	}
	if path == "" {
		path = "/"
	}
	if r, found := invisible(tail, false); found {
		return "", "", refuse("the URL contains the invisible character %s: remove it, or write it as %s if it is meant", nameOf(r), url.PathEscape(string(r)))
	}
	for _, s := range []*string{&path, &query} {
		if *s, err = escape(*s); err != nil {
			return "", "", err
		}
	}
	return path, query, nil
}

// escape writes characters outside RFC 3986's path and query sets as percent escapes of their UTF-8 bytes.
func escape(s string) (string, error) {
	extra := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return "", refuse("the URL has a %% that is not followed by two hexadecimal digits")
			}
		case mustEscape(c):
			extra++
		}
	}
	if extra == 0 {
		return s, nil
	}
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+2*extra)
	for i := range len(s) {
		if c := s[i]; c != '%' && mustEscape(c) {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b), nil
}

func mustEscape(c byte) bool {
	return c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// splitAddress takes apart the "host:port" that net/http dials by.
func splitAddress(address string) (h host, port uint16, err error) {
	name, portPart, err := net.SplitHostPort(address)
	if err != nil {
		return host{}, 0, fmt.Errorf("splitting %q: %w", address, err)
	}
	port, ok := parsePort(portPart)
	if !ok {
		return host{}, 0, fmt.Errorf("splitting %q: port out of range", address)
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		return host{addr: addr}, port, nil
	}
	return host{name: name}, port, nil
}
