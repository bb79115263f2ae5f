package httpdest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/signing"
)

// Header names of every request.
const (
	headerEvent    = "X-Relay-Event"
	headerDelivery = "X-Relay-Delivery"
	headerAttempt  = "X-Relay-Attempt"
	headerTest     = "X-Relay-Test"
	headerBatch    = "X-Relay-Batch" // the number of events in a batch
	headerTrace    = "Traceparent"   // W3C Trace Context
)

// Limits of the header fields that a message asks for, as for a webhook's own.
const (
	maxAskedHeaders     = 32
	maxAskedHeaderBytes = 8 << 10
)

// plan is where a request goes and how, before it is signed and authenticated.
type plan struct {
	method      string
	target      egress.Target
	contentType string
	header      []exchange.Field // the wishes, in the order of names
}

// url returns the address as it is shown.
func (s *sender) url(p *plan) string {
	if p.target.IsZero() {
		return s.hook.URL
	}
	return p.target.String()
}

// plan takes over the message's wishes for its request, as far as they are allowed. The error names one that is not.
func (s *sender) plan(m *destination.Message) (plan, error) {
	p := plan{method: http.MethodPost, target: s.hook.Target, contentType: m.ContentType}
	ask := &m.Ask
	if ask.IsZero() {
		return p, nil
	}
	if ask.Method != "" {
		p.method = ask.Method
	}
	if !p.target.IsZero() { // sending without one fails with words of its own
		target, err := p.target.Resolve(ask.URL, ask.Query)
		if err != nil {
			return p, err
		}
		p.target = target
	}
	if len(ask.Header) > maxAskedHeaders {
		return p, fmt.Errorf("headers must have at most %d entries, got %d", maxAskedHeaders, len(ask.Header))
	}
	size := 0
	for _, name := range slices.Sorted(maps.Keys(ask.Header)) {
		value := ask.Header[name]
		if err := egress.CheckHeader(name, value); err != nil {
			return p, err
		}
		switch {
		case slices.ContainsFunc(p.header, func(f exchange.Field) bool { return strings.EqualFold(f.Name, name) }):
			return p, fmt.Errorf("header %q is given twice, in different case", name)
		case strings.EqualFold(name, "user-agent"):
			return p, fmt.Errorf("header %q is set by Relay itself", name)
		}
		if size += len(name) + len(value) + 4; size > maxAskedHeaderBytes {
			return p, fmt.Errorf("headers must have at most %d bytes in all", maxAskedHeaderBytes)
		}
		if strings.EqualFold(name, "content-type") {
			p.contentType = value
			continue
		}
		p.header = append(p.header, exchange.Field{Name: name, Value: value})
	}
	return p, nil
}

// masked stands for hidden values.
const masked = "***"

// header returns the fields of a request except that of the authentication, whose name is own ("" for none). They are
// signed at the time, or with hide they show neither signatures nor credentials. ok is false where there is no valid
// secret to sign with.
func (s *sender) header(m *destination.Message, p *plan, own string, unix int64, hide bool) (header []exchange.Field, ok bool) {
	w := s.hook
	add := func(name, value string) { header = append(header, exchange.Field{Name: name, Value: value}) }
	room := 13 + len(m.Fields) + len(s.custom) + len(p.header) // with room for the authentication
	if m.Trace != nil {
		room++
	}
	header = make([]exchange.Field, 0, room)
	add("User-Agent", s.kind.userAgent)
	add("Content-Type", p.contentType)
	add(headerEvent, m.Type)
	add(headerDelivery, m.ID)
	add(headerAttempt, strconv.Itoa(m.Number))
	if m.Batch {
		add(headerBatch, strconv.Itoa(len(m.Items)))
	}
	if m.Test {
		add(headerTest, "true")
	}
	if s.relay != nil {
		signature := "sha256=" + masked
		if !hide {
			var sig [80]byte
			signature = string(s.relay.AppendSignature(sig[:0], unix, m.Body))
		}
		add(signing.HeaderRelayTimestamp, strconv.FormatInt(unix, 10))
		add(signing.HeaderRelaySignature, signature)
	}
	now := s.kind.now()
	signer := s.standardAt(now)
	if w.SignsStandard() && (signer != nil || !hide) {
		signature := "v1," + masked
		switch {
		case signer == nil:
			return header, false
		case !hide:
			signature = string(signer.AppendSignature(nil, m.ID, unix, m.Body))
		case w.KeyPair:
			signature += " v1a," + masked
		}
		add(signing.HeaderStandardID, m.ID)
		add(signing.HeaderStandardTimestamp, strconv.FormatInt(unix, 10))
		add(signing.HeaderStandardSignature, signature)
	}
	for _, other := range s.othersAt(now) {
		if other == nil {
			if hide {
				continue
			}
			return header, false
		}
		other.Fields(m.ID, unix, m.Body, hide, add)
	}
	first := len(header)
	if m.Trace != nil { // where a transform may replace it
		add(headerTrace, m.Trace.String())
	}
	header = append(append(header, m.Fields...), s.custom...)
	if len(p.header) > 0 {
		asked := func(f exchange.Field) bool {
			return slices.ContainsFunc(p.header, func(a exchange.Field) bool { return strings.EqualFold(a.Name, f.Name) })
		}
		header = append(header[:first], slices.DeleteFunc(header[first:], asked)...)
		header = append(header, p.header...)
	}
	if own != "" && (hide || len(p.header) > 0) {
		header = append(header[:first], slices.DeleteFunc(header[first:], func(f exchange.Field) bool { return strings.EqualFold(f.Name, own) })...)
	}
	if hide {
		for i := first; i < len(header); i++ {
			if isCredential(header[i].Name) {
				header[i].Value = masked
			}
		}
	}
	return header, true
}

// isCredential reports whether a header field's name says that its value is secret.
func isCredential(name string) bool {
	name = strings.ToLower(name)
	if name == "ce-partitionkey" { // the event's ordering key
		return false
	}
	for _, word := range []string{"auth", "cookie", "token", "secret", "password", "key", "signature", "credential"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
