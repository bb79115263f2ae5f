// Package exchange holds the record of one exchange with a destination: what was sent, what came back, how long it
// took, and how it failed. Senders write it, the log keeps it, the API shows it.
//
// It knows no protocol beyond its words. Where a destination does not speak HTTP, the method is its operation
// ("produce"), the URL a printable address ("kafka://cluster/topic"), and the fields are its own headers.
package exchange

import (
	"strconv"
	"strings"
	"time"
)

// A Field is one header field.
type Field struct {
	Name, Value string
}

// Value returns the first value of a field, whatever the case of its name; empty: there is none.
func Value(fields []Field, name string) string {
	for i := range fields {
		if strings.EqualFold(fields[i].Name, name) {
			return fields[i].Value
		}
	}
	return ""
}

// Request is a request as it was sent.
type Request struct {
	Method string
	URL    string
	Header []Field
	// Body as sent. It is nil when BodyFormat is set: the body is then what that format makes of the event, byte for
	// byte (see package format), so that it is not stored a second time.
	Body       []byte
	BodyFormat string
	// BodyMissing says in words why Body is nil, in entries that the ledger returns; empty: Body is what was sent. It is
	// not stored.
	BodyMissing string
}

// AddImplied adds the fields that an HTTP connection makes of the rest of a request, which are not stored. The body must
// be known.
func (r *Request) AddImplied() {
	if r.Body == nil {
		return
	}
	scheme, rest, _ := strings.Cut(r.URL, "://")
	if scheme != "https" && scheme != "http" {
		return
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	r.Header = append([]Field{{Name: "Host", Value: rest}, {Name: "Content-Length", Value: strconv.Itoa(len(r.Body))}}, r.Header...)
}

// A Response is the answer of a destination. That of an HTTP endpoint may have any status; redirects are ordinary
// answers.
type Response struct {
	// Status is the status code as received: for HTTP 200 or above, else zero.
	Status int
	// Header holds the fields of the answer.
	Header []Field
	// Body is the first 64 KiB of the body as it came over the wire (not inflated). The caller owns it.
	Body []byte
	// BodyBytes is how many bytes of the body were read, which is at most 256 KiB.
	BodyBytes int64
	// Truncated tells that the body was longer than Body.
	Truncated bool
}

// Timing breaks an attempt down. DNS, Connect and TLS are zero on a connection that was already there. FirstByte
// counts from the moment the connection was ready to the first byte of the answer, so the parts add up to at most
// Total. Parts that were not reached are zero.
type Timing struct {
	DNS, Connect, TLS, FirstByte, Total time.Duration
}

// A Kind says how an exchange failed. The set is closed: kinds are metric labels and part of log entries, and retry
// policies tell them apart.
type Kind string

// The kinds of failure on the wire. Whether one is worth a retry is for the webhook's policy to say.
const (
	DNS      Kind = "dns"                // the name does not resolve, or not now
	Blocked  Kind = "blocked_address"    // the name leads to an address that may not be reached; nothing was sent
	Connect  Kind = "connect"            // no connection: refused, unreachable
	Proxy    Kind = "proxy"              // the operator's outgoing proxy cannot be reached, or refused the connection
	TLS      Kind = "tls"                // no TLS, or the certificate is not good; nothing was sent
	Timeout  Kind = "timeout"            // the attempt's time ran out
	Reset    Kind = "reset"              // the connection ended before the answer was complete
	Protocol Kind = "protocol"           // the answer breaks the protocol's rules
	TooLarge Kind = "response_too_large" // the answer's header is above 32 KiB
	Canceled Kind = "canceled"           // the caller's context ended, or the client was closed
	Invalid  Kind = "request"            // the request itself is not valid; nothing was sent
	// Local: this server has run out of file descriptors, memory or ports. It says nothing about the receiver, which
	// was not asked: the attempt is to be made again, uncounted. It is never part of a log entry.
	Local Kind = "local"
)

// The kinds of failure beside those on the wire.
const (
	Status    Kind = "status"    // the destination answered, and did not accept
	Transform Kind = "transform" // the webhook's transform failed; nothing was sent
	Answer    Kind = "answer"    // the product that the webhook belongs to cannot use the answer
	// Auth: there was no token, or the settings of the authentication cannot be used. Policies take it for a failure of
	// the network, not for an answer.
	Auth Kind = "auth"
)

// Kinds are those that a log entry may have, the most common first.
var Kinds = []Kind{Status, Timeout, Connect, DNS, TLS, Reset, Protocol, TooLarge, Blocked, Proxy, Auth, Transform, Invalid, Answer, Canceled}

// ParseCode reads a filter of statuses, "500" or "5xx", as the lowest and the highest that it lets through.
func ParseCode(s string) (low, high int, ok bool) {
	if len(s) != 3 || s[0] < '1' || s[0] > '5' {
		return 0, 0, false
	}
	class := int(s[0]-'0') * 100
	if strings.EqualFold(s[1:], "xx") {
		return class, class + 99, true
	}
	n, err := strconv.Atoi(s)
	return n, n, err == nil
}
