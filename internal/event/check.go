package event

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of an event's parts, in bytes. They are documented in docs/api.md.
const (
	// MaxTypeBytes bounds an event type's name.
	MaxTypeBytes = 128
	// MaxNameBytes bounds an id chosen by the publisher.
	MaxNameBytes = 256
	// MaxKeyBytes bounds the ordering key.
	MaxKeyBytes = 256
	// MaxVersionBytes bounds the version.
	MaxVersionBytes = 64
	// MaxAttributeBytes bounds the attributes.
	MaxAttributeBytes = 64 << 10
	// MaxDepth bounds the nesting of the data.
	MaxDepth = 128
)

// OperationalPrefix begins the types of the events Relay itself publishes
// about its webhooks: nobody else may.
const OperationalPrefix = "webhook."

// InternalMark stands in the types of internal events, which a product of Relay's publishes for its own webhook. No
// publisher can use it: see CheckType.
const InternalMark = ':'

// IsInternal reports whether an event type is internal. Such events are not listed, and only reach webhooks that name
// their type.
func IsInternal(eventType string) bool { return strings.IndexByte(eventType, InternalMark) >= 0 }

// CheckType reports why s is no event type's name. A name has parts of letters,
// digits, "_" and "-", joined by single dots: "call.completed".
func CheckType(s string) error {
	if s == "" {
		return fmt.Errorf("must not be empty")
	}
	if len(s) > MaxTypeBytes {
		return fmt.Errorf("must have at most %d characters, got %d", MaxTypeBytes, len(s))
	}
	dot := true
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '.':
			if dot {
				return fmt.Errorf("must be letters, digits, _ and -, in parts joined by single dots, as %q", "call.completed")
			}
			dot = true
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-':
			dot = false
		default:
			return fmt.Errorf("must be letters, digits, _ and -, in parts joined by single dots, as %q", "call.completed")
		}
	}
	if dot {
		return fmt.Errorf("must not end in a dot")
	}
	return nil
}

// CheckName reports why s is no id a publisher may choose, or no ordering key:
// 1 to MaxNameBytes printable ASCII characters without spaces and quotes.
func CheckName(s string) error {
	if s == "" {
		return fmt.Errorf("must not be empty")
	}
	if len(s) > MaxNameBytes {
		return fmt.Errorf("must have at most %d characters, got %d", MaxNameBytes, len(s))
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '/' || c == '<' || c == '>' {
			return fmt.Errorf(`must be printable ASCII without spaces and " \ / < >`)
		}
	}
	return nil
}

// ownPrefixes begin the ids that Relay makes. An id of that look that a client chose could pass for another thing's.
var ownPrefixes = []string{EventPrefix, DeliveryPrefix, AttemptPrefix, BatchPrefix, "wh_", "rsp_", "job_", "key_", "aud_"}

// CheckOwnID reports why s is no id that a client may choose for a thing of its own: see CheckName. Ids in the
// namespaces of those that Relay makes are refused.
func CheckOwnID(s string) error {
	if err := CheckName(s); err != nil {
		return err
	}
	return CheckNamespace(s)
}

// CheckNamespace reports why s is no id that a client may choose if any text else would do: it is in a namespace of ids
// that Relay makes.
func CheckNamespace(s string) error {
	for _, prefix := range ownPrefixes {
		if strings.HasPrefix(s, prefix) {
			return fmt.Errorf("must not begin with %q: such ids are Relay's own", prefix)
		}
	}
	if _, ok := ParseUUID(s); ok {
		return errors.New("must not be the UUID of another event: Relay made it")
	}
	return nil
}

// CheckText reports why s is no text of one line: it has a control character, or is not UTF-8.
func CheckText(s string) error {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f {
			return checkText(s)
		}
	}
	return nil
}

func checkText(s string) error {
	if !utf8.ValidString(s) {
		return errors.New("must be valid UTF-8")
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return fmt.Errorf("must not have control characters, got U+%04X", r)
		}
	}
	return nil
}

// CheckLabel reports why s is no label for people: it has a control character, a separator of lines, or a character that
// changes the direction of what follows, so that it shows as something else than it is. Line feeds and tabs are taken if
// lines is set.
func CheckLabel(s string, lines bool) error {
	if !utf8.ValidString(s) {
		return errors.New("must be valid UTF-8")
	}
	for _, r := range s {
		switch {
		case lines && (r == '\n' || r == '\t' || r == '\r'):
		case unicode.IsControl(r), r == '\u2028', r == '\u2029', unicode.Is(unicode.Bidi_Control, r):
			return fmt.Errorf("must not have control characters or characters that change the direction of writing, got U+%04X", r)
		}
	}
	return nil
}
