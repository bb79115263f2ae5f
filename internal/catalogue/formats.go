package catalogue

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Formats are checked as JSON Schema 2020-12 defines them (validation document, section 7.3):
// date-time, date, time, duration, email, hostname, ipv4, ipv6, uri, uri-reference, iri,
// iri-reference, uri-template, uuid, json-pointer, relative-json-pointer and regex. All others are
// annotations. That includes idn-email, idn-hostname and two non-standard formats of the library,
// whose names may mean something else in a user's schema.
//
// This package has its own checks where the library rejects values that the standards allow.
func registerFormats(c *jsonschema.Compiler) {
	for name, valid := range ownFormats {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if text, is := v.(string); is && !valid(text) {
				return errFormat
			}
			return nil
		}})
	}
}

var errFormat = errors.New("has another format")

// ownFormats are the formats that this package checks itself.
var ownFormats = map[string]func(string) bool{
	"uri-template":          isURITemplate,
	"uri":                   func(s string) bool { return isURI(s, true) },
	"iri":                   func(s string) bool { return isURI(s, true) },
	"uri-reference":         func(s string) bool { return isURI(s, false) },
	"iri-reference":         func(s string) bool { return isURI(s, false) },
	"relative-json-pointer": isRelativePointer,
	"email":                 isEmail,
	"period":                func(string) bool { return true },
	"semver":                func(string) bool { return true },
}

// regexFormat checks the format "regex" in an event's text by parsing. It never compiles the text,
// because the cost of compiling is out of proportion to its length.
var regexFormat = &jsonschema.Format{Name: "regex", Validate: func(v any) error {
	text, is := v.(string)
	if !is || len(text) > maxRegexText {
		return nil
	}
	_, err := readPattern(text)
	return err
}}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isHex(c byte) bool    { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// isEncoded reports whether s begins with %XX.
func isEncoded(s string) bool { return len(s) >= 3 && s[0] == '%' && isHex(s[1]) && isHex(s[2]) }

// isURITemplate recognises URI templates of all levels (RFC 6570, section 2).
func isURITemplate(s string) bool {
	for s != "" {
		switch c := s[0]; {
		case c == '{':
			end := strings.IndexByte(s, '}')
			if end < 0 || !isTemplateExpression(s[1:end]) {
				return false
			}
			s = s[end+1:]
		case c == '%':
			if !isEncoded(s) {
				return false
			}
			s = s[3:]
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(s)
			if r == utf8.RuneError && n == 1 {
				return false
			}
			s = s[n:]
		case c <= ' ' || c == 0x7f || strings.IndexByte("\"<>\\^`|}", c) >= 0: // erratum 6937 allows the apostrophe
			return false
		default:
			s = s[1:]
		}
	}
	return true
}

// isTemplateExpression recognises the content of braces: an operator, and variables with their
// modifiers.
func isTemplateExpression(s string) bool {
	if s != "" && strings.IndexByte("+#./;?&=,!@|", s[0]) >= 0 {
		s = s[1:]
	}
	for _, variable := range strings.Split(s, ",") {
		if name, prefix, has := strings.Cut(variable, ":"); has {
			if len(prefix) < 1 || len(prefix) > 4 || prefix[0] == '0' || strings.Trim(prefix, "0123456789") != "" {
				return false
			}
			variable = name
		} else {
			variable = strings.TrimSuffix(variable, "*")
		}
		if !isTemplateVariable(variable) {
			return false
		}
	}
	return true
}

func isTemplateVariable(s string) bool {
	dot := true // a dot may not follow
	for s != "" {
		switch {
		case isLetter(s[0]) || isDigit(s[0]) || s[0] == '_':
			s, dot = s[1:], false
		case isEncoded(s):
			s, dot = s[3:], false
		case s[0] == '.' && !dot:
			s, dot = s[1:], true
		default:
			return false
		}
	}
	return !dot
}

// isURI recognises the absolute URIs and IRIs of RFC 3986 and RFC 3987, with or without a fragment,
// or any reference. It also accepts everything that net/url accepts.
func isURI(s string, absolute bool) bool {
	if !absolute && strings.Contains(s, `\`) {
		return false
	}
	if u, err := url.Parse(s); err == nil && (u.IsAbs() || !absolute) && isHost(u.Host, u.Hostname()) {
		return true
	}
	return followsURIGrammar(s, absolute)
}

// isHost rejects malformed IPv6 addresses, which net/url does not check.
func isHost(host, name string) bool {
	if !strings.Contains(name, ":") {
		return true
	}
	_, err := netip.ParseAddr(name)
	return err == nil && strings.Contains(host, "[")
}

func followsURIGrammar(s string, absolute bool) bool {
	rest, colon := s, strings.IndexByte(s, ':')
	scheme := colon > 0 && isLetter(s[0])
	for i := 1; scheme && i < colon; i++ {
		scheme = isLetter(s[i]) || isDigit(s[i]) || strings.IndexByte("+-.", s[i]) >= 0
	}
	switch first := strings.IndexAny(s, "/?#"); {
	case scheme:
		rest = s[colon+1:]
	case absolute || colon >= 0 && (first < 0 || colon < first):
		return false
	}
	rest, fragment, _ := strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	if !areURICharacters(fragment, ":@/?") || !areURICharacters(query, ":@/?") {
		return false
	}
	path := rest
	if authority, ok := strings.CutPrefix(rest, "//"); ok {
		path = ""
		if slash := strings.IndexByte(authority, '/'); slash >= 0 {
			authority, path = authority[:slash], authority[slash:]
		}
		if !isAuthority(authority) {
			return false
		}
	}
	return areURICharacters(path, ":@/")
}

func isAuthority(s string) bool {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		if !areURICharacters(s[:at], ":") {
			return false
		}
		s = s[at+1:]
	}
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || s[end+1:] != "" && s[end+1] != ':' {
			return false
		}
		host, port = s[1:end], strings.TrimPrefix(s[end+1:], ":")
		if host == "" {
			return false
		}
		if host[0]|0x20 == 'v' { // IPvFuture
			return strings.IndexByte(host, '.') > 1 && areURICharacters(host, ":") && strings.Trim(port, "0123456789") == ""
		}
		address, _, _ := strings.Cut(host, "%25") // a zone: RFC 6874
		if a, err := netip.ParseAddr(address); err != nil || !a.Is6() {
			return false
		}
		return strings.Trim(port, "0123456789") == ""
	}
	if colon := strings.LastIndexByte(s, ':'); colon >= 0 {
		host, port = s[:colon], s[colon+1:]
	}
	return areURICharacters(host, "") && strings.Trim(port, "0123456789") == ""
}

// areURICharacters reports whether s consists of unreserved characters, sub-delims, %XX, the
// characters in more, and characters outside ASCII.
func areURICharacters(s, more string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case isLetter(c), isDigit(c), c >= utf8.RuneSelf, strings.IndexByte("-._~!$&'()*+,;=", c) >= 0, strings.IndexByte(more, c) >= 0:
		case isEncoded(s[i:]):
			i += 2
		default:
			return false
		}
	}
	return utf8.ValidString(s)
}

// isRelativePointer recognises relative JSON pointers (draft-bhutton-relative-json-pointer-00,
// section 3).
func isRelativePointer(s string) bool {
	number := func() bool {
		n := 0
		for n < len(s) && isDigit(s[n]) {
			n++
		}
		ok := n == 1 || n > 1 && s[0] != '0'
		s = s[n:]
		return ok
	}
	if !number() {
		return false
	}
	if s != "" && (s[0] == '+' || s[0] == '-') {
		if s = s[1:]; s == "" || s[0] == '0' || !number() {
			return false
		}
	}
	if s == "" || s == "#" {
		return true
	}
	if s[0] != '/' {
		return false
	}
	for i := range len(s) {
		if s[i] == '~' && (i+1 == len(s) || s[i+1] != '0' && s[i+1] != '1') {
			return false
		}
	}
	return true
}

// isEmail recognises mailboxes (RFC 5321, section 4.1.2): a local part of atoms or in quotes, and a
// host name or an address in brackets.
func isEmail(s string) bool {
	at := strings.LastIndexByte(s, '@')
	if at < 1 || at > 64 || len(s) > 254 {
		return false
	}
	local, domain := s[:at], s[at+1:]
	if local[0] == '"' {
		if len(local) < 2 || local[len(local)-1] != '"' {
			return false
		}
		inner := local[1 : len(local)-1]
		for i := 0; i < len(inner); i++ {
			switch inner[i] {
			case '\\':
				i++
			case '"':
				return false
			}
			if i >= len(inner) || inner[i] < ' ' || inner[i] > '~' {
				return false
			}
		}
	} else {
		for _, atom := range strings.Split(local, ".") {
			if atom == "" {
				return false
			}
			for i := range len(atom) {
				if !isLetter(atom[i]) && !isDigit(atom[i]) && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", atom[i]) < 0 {
					return false
				}
			}
		}
	}
	if address, ok := strings.CutPrefix(domain, "["); ok {
		address, closed := strings.CutSuffix(address, "]")
		v6, is6 := strings.CutPrefix(address, "IPv6:")
		a, err := netip.ParseAddr(v6)
		return closed && err == nil && a.Zone() == "" && a.Is6() == is6
	}
	return isHostname(domain)
}

// isHostname recognises host names (RFC 1123, section 2.1), with or without a final dot.
func isHostname(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 253 {
		return false
	}
	for _, label := range strings.Split(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if !isLetter(label[i]) && !isDigit(label[i]) && label[i] != '-' {
				return false
			}
		}
	}
	return true
}
