package egress

import (
	"fmt"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/relay-events/relay/internal/exchange"
)

// Field is one header field.
type Field = exchange.Field

// Limits on the header fields that users set. Receivers commonly refuse header sections above 8 KiB altogether.
const (
	maxFieldName  = 256     // bytes
	maxFieldValue = 8 << 10 // bytes
)

// A HeaderError says in words for the user why a header field is refused.
type HeaderError struct {
	// Name is the field's name, quoted safely in Error.
	Name string
	// Reason reads as the end of a sentence that starts with the name. It never repeats the value, which may be
	// a credential.
	Reason string
}

func (e *HeaderError) Error() string { return fmt.Sprintf("header %q %s", e.Name, e.Reason) }

// CheckHeader refuses header fields that a user may not set: names that decide framing, routing or the connection,
// names that Relay itself signs or speaks by, invalid names, and values that could end the field. The error is a
// *HeaderError.
func CheckHeader(name, value string) error {
	if err := checkField(name, value); err != nil {
		return err
	}
	switch {
	case len(name) > maxFieldName:
		return &HeaderError{name[:maxFieldName], fmt.Sprintf("has a name longer than %d bytes", maxFieldName)}
	case len(value) > maxFieldValue:
		return &HeaderError{name, fmt.Sprintf("has a value longer than %d bytes", maxFieldValue)}
	case hasPrefixFold(name, "x-relay-"), isStandardWebhook(name):
		return &HeaderError{name, "is set by Relay itself"}
	case strings.Trim(value, " \t") != value:
		// HTTP strips this on the way (RFC 9110 section 5.5): the stored value must be the one that is sent.
		return &HeaderError{name, "has spaces around its value"}
	}
	return nil
}

// isStandardWebhook tells the three names of the Standard Webhooks specification. Others that begin with "webhook-" are
// the receiver's own: keys are often called so.
func isStandardWebhook(name string) bool {
	return strings.EqualFold(name, "webhook-id") || strings.EqualFold(name, "webhook-timestamp") || strings.EqualFold(name, "webhook-signature")
}

// checkField holds the rules that no caller may break, Relay's own code included.
func checkField(name, value string) error {
	switch {
	case name == "":
		return &HeaderError{name, "is empty"}
	case !httpguts.ValidHeaderFieldName(name):
		return &HeaderError{name, "is not a valid header name"}
	case isFraming(name):
		return &HeaderError{name, "is set by the connection and cannot be chosen"}
	case !httpguts.ValidHeaderFieldValue(value):
		return &HeaderError{name, "has a line break or control character in its value"}
	}
	return nil
}

// isFraming tells names that decide where a message ends, where it goes or what becomes of its connection (RFC 9110
// section 7.6.1, RFC 9112). "Expect" would make the request wait for an interim answer; "Proxy-*" is for a hop that
// is never there.
func isFraming(name string) bool {
	switch len(name) { // cheap first: this runs for every field of every attempt
	case 2:
		return strings.EqualFold(name, "te")
	case 4:
		return strings.EqualFold(name, "host")
	case 6:
		return strings.EqualFold(name, "expect") || strings.EqualFold(name, "proxy-")
	case 7:
		if strings.EqualFold(name, "upgrade") || strings.EqualFold(name, "trailer") {
			return true
		}
	case 10:
		if strings.EqualFold(name, "connection") || strings.EqualFold(name, "keep-alive") {
			return true
		}
	case 14:
		if strings.EqualFold(name, "content-length") || strings.EqualFold(name, "http2-settings") {
			return true
		}
	case 17:
		if strings.EqualFold(name, "transfer-encoding") {
			return true
		}
	}
	return hasPrefixFold(name, "proxy-")
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
