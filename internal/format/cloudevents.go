package format

import (
	"slices"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
)

// This file writes CloudEvents 1.0 (https://github.com/cloudevents/spec, v1.0.2), in the JSON
// format and the HTTP protocol binding.
//
//	id               the event's public id, or that of the CloudEvent that it was published as
//	source           the attribute "source" if it is a URI reference, else "/relay/tenants/N"
//	type, time       the event's type and time
//	subject          the attribute "subject", if it is a string
//	dataschema       the attribute "dataschema", if it is a URI
//	datacontenttype  application/json
//
// Extension attributes are webhookid (the delivery, on which receivers deduplicate), partitionkey
// (the ordering key: the Partitioning extension), dataversion (the event's version) and the event's
// other attributes.
//
// CloudEvents requires names of lower-case letters and digits, so event_type becomes eventtype; if
// two names become equal, the first wins. It requires simple values, so objects, arrays, fractions
// and numbers beyond 32 bits become strings of their JSON, and null means absent. Its strings have
// no control characters, so these become spaces.

// ceReserved lists the names that attributes of events may not use.
var ceReserved = []string{
	"specversion", "id", "source", "type", "time", "subject", "dataschema", "datacontenttype", "data",
	"webhookid", "partitionkey", "dataversion",
}

// maxExtensions bounds the attributes that become extensions. The search for equal names takes
// quadratic time, and no receiver has room for more in its header.
const maxExtensions = 100

// maxBinaryBytes bounds the names and values of the header fields of binary mode together.
// Receivers commonly accept 8 KiB for all fields; further attributes are left out.
const maxBinaryBytes = 6 << 10

// ceSource begins the source of a tenant's events. The source names the tenant because ids are
// unique only within a tenant.
const ceSource = "/relay/tenants/"

func appendCloudEvent(dst []byte, e *event.Event, d event.DeliveryID) []byte {
	dst = append(dst, `{"specversion":"1.0","id":`...)
	source, ok := uriAttribute(e.Attributes, "source", false)
	if ok && e.Name != "" {
		dst = rawjson.AppendQuoted(dst, e.CloudID(source))
	} else {
		dst = appendID(dst, e)
	}
	dst = append(dst, `,"source":`...)
	if ok {
		dst = rawjson.AppendQuoted(dst, source)
	} else {
		dst = append(dst, '"')
		dst = append(dst, ceSource...)
		dst = strconv.AppendInt(dst, int64(e.Tenant), 10)
		dst = append(dst, '"')
	}
	dst = append(dst, `,"type":`...)
	dst = rawjson.AppendQuoted(dst, e.Type)
	dst = append(dst, `,"time":"`...)
	dst = AppendTime(dst, e.Time)
	dst = append(dst, `","datacontenttype":"application/json"`...)
	if subject, ok := textAttribute(e.Attributes, "subject"); ok {
		dst = append(dst, `,"subject":`...)
		dst = rawjson.AppendQuoted(dst, subject)
	}
	if schema, ok := uriAttribute(e.Attributes, "dataschema", true); ok {
		dst = append(dst, `,"dataschema":`...)
		dst = rawjson.AppendQuoted(dst, schema)
	}
	dst = append(dst, `,"webhookid":"`...)
	dst = d.Append(dst)
	dst = append(dst, '"')
	if e.Key != "" {
		dst = append(dst, `,"partitionkey":`...)
		dst = rawjson.AppendQuoted(dst, ceText(e.Key))
	}
	if e.Version != "" {
		dst = append(dst, `,"dataversion":`...)
		dst = rawjson.AppendQuoted(dst, ceText(e.Version))
	}
	if len(e.Attributes) > 0 {
		dst = appendExtensions(dst, e.Attributes)
	}
	dst = append(dst, `,"data":`...)
	dst = append(dst, e.Data...)
	return append(dst, '}')
}

func appendExtensions(dst, attributes []byte) []byte {
	extensions(attributes, func(name string, v rawjson.Value) bool {
		dst = append(dst, ',', '"')
		dst = append(dst, name...) // letters and digits
		dst = append(dst, '"', ':')
		if ceSimple(v) {
			dst = append(dst, v.Raw...)
		} else {
			dst = rawjson.AppendQuoted(dst, ceString(v))
		}
		return true
	})
	return dst
}

// ceString returns a value as a CloudEvents string: the text of a string, or the JSON of any other
// value.
func ceString(v rawjson.Value) string {
	if v.Kind != rawjson.String {
		return ceText(string(v.Raw))
	}
	s, _ := v.String() // it was checked when the event was accepted
	return ceText(s)
}

// ceText replaces characters that a CloudEvents string must not have (CloudEvents 1.0.2, section
// "Type System"), control characters and noncharacters, by spaces.
func ceText(s string) string {
	bad := func(r rune) bool {
		return r < ' ' || r >= 0x7f && r <= 0x9f || r >= 0xfdd0 && r <= 0xfdef || r&0xfffe == 0xfffe
	}
	if strings.IndexFunc(s, bad) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if bad(r) {
			return ' '
		}
		return r
	}, s)
}

// ceSimple reports whether CloudEvents can represent the value directly: a boolean, or an integer
// of 32 bits.
func ceSimple(v rawjson.Value) bool {
	switch v.Kind {
	case rawjson.Bool:
		return true
	case rawjson.Number:
		n, err := v.Int64()
		return err == nil && int64(int32(n)) == n && strconv.FormatInt(n, 10) == string(v.Raw)
	}
	return false
}

// extensions calls f with the extension name and value of each attribute that becomes an extension,
// until f returns false.
func extensions(attributes []byte, f func(name string, v rawjson.Value) bool) {
	var seen []string
	done := false
	// The error is always nil: the attributes were checked when the event was accepted.
	_ = rawjson.Members(attributes, attributeLimits, func(name []byte, v rawjson.Value) error {
		if v.Kind == rawjson.Null || done || len(seen) == maxExtensions {
			return nil
		}
		n := ceName(name)
		if n == "" || slices.Contains(ceReserved, n) || slices.Contains(seen, n) {
			return nil
		}
		seen = append(seen, n)
		done = !f(n, v)
		return nil
	})
}

// ceName reduces a name to the characters that CloudEvents allows: lower-case letters and digits.
func ceName(name []byte) string {
	var b [64]byte
	out := b[:0]
	for _, c := range name {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			out = append(out, c)
		case c >= 'A' && c <= 'Z':
			out = append(out, c+'a'-'A')
		}
	}
	return string(out)
}

// textAttribute returns the text of an attribute that is a non-empty string. Callers decide on the
// text, because JSON can spell one text in several ways, such as "https:\/\/a.example" and
// "https://a.example".
func textAttribute(attributes []byte, name string) (string, bool) {
	if len(attributes) == 0 {
		return "", false
	}
	v, ok := rawjson.Pick(attributes, name)
	if !ok || v.Kind != rawjson.String {
		return "", false
	}
	s := ceString(v)
	return s, s != ""
}

// uriAttribute returns the text of an attribute that is a URI reference or, if absolute is set, a
// URI.
func uriAttribute(attributes []byte, name string, absolute bool) (string, bool) {
	text, ok := textAttribute(attributes, name)
	if !ok {
		return "", false
	}
	scheme, percent := false, 0
	for i, c := range []byte(text) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		digit := c >= '0' && c <= '9'
		switch {
		case percent > 0: // two hexadecimal digits follow each % (RFC 3986, section 2.1)
			if !digit && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return "", false
			}
			percent--
			continue
		case c == '%':
			percent = 2
		case c == ':' && !scheme:
			if i == 0 {
				return "", false
			}
			scheme = true
		case letter, digit:
		default:
			// RFC 3986, section 2: reserved and unreserved characters. Brackets, needed only for
			// IPv6 addresses, are rejected; the attribute can be sent under another name.
			if strings.IndexByte("-._~:/?#@!$&'()*+,;=", c) < 0 {
				return "", false
			}
		}
	}
	return text, percent == 0 && (scheme || !absolute)
}

// cloudEventHeader yields the header fields of binary mode.
func cloudEventHeader(e *event.Event, d event.DeliveryID, yield func(string, string) bool) {
	source, ok := uriAttribute(e.Attributes, "source", false)
	if !ok {
		source = ceSource + strconv.Itoa(int(e.Tenant))
	}
	size := 0
	// field yields one field and reports whether to continue. It skips optional fields beyond
	// maxBinaryBytes; mandatory fields have their own limits.
	field := func(name, text string, must bool) bool {
		value := headerValue(text)
		if n := len(name) + len(value) + len(": \r\n"); must || size+n <= maxBinaryBytes {
			size += n
			return yield(name, value)
		}
		return true
	}
	if len(source) > maxBinaryBytes/2 {
		source = ceSource + strconv.Itoa(int(e.Tenant))
	}
	for _, f := range [...][2]string{
		{"ce-specversion", "1.0"}, {"ce-id", e.CloudID(source)}, {"ce-source", source},
		{"ce-type", e.Type}, {"ce-time", string(AppendTime(nil, e.Time))}, {"ce-webhookid", d.String()},
	} {
		if !field(f[0], f[1], true) {
			return
		}
	}
	if e.Key != "" && !field("ce-partitionkey", ceText(e.Key), true) {
		return
	}
	if e.Version != "" && !field("ce-dataversion", ceText(e.Version), true) {
		return
	}
	if len(e.Attributes) == 0 {
		return
	}
	if subject, ok := textAttribute(e.Attributes, "subject"); ok && !field("ce-subject", subject, false) {
		return
	}
	if schema, ok := uriAttribute(e.Attributes, "dataschema", true); ok && !field("ce-dataschema", schema, false) {
		return
	}
	extensions(e.Attributes, func(name string, v rawjson.Value) bool { return field("ce-"+name, ceString(v), false) })
}

// headerValue encodes a value for a header field as required by HTTP Protocol Binding 1.0.2,
// section 3.1.3.2: spaces, quotes, percent signs and all bytes outside printable ASCII become a
// percent sign and hexadecimal digits. No value can therefore end the line.
func headerValue(s string) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '%' {
			out = append(out, '%', hex[c>>4], hex[c&15])
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}
