package event

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of an event's parts, in bytes. docs/api.md documents them.
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

// OperationalPrefix begins the types of the events that Relay publishes about its webhooks.
// Publishers may not use it.
const OperationalPrefix = "webhook."

// InternalMark occurs in the types of internal events, which a product built into Relay publishes
// for its own webhook. Publishers cannot use it: see CheckType.
const InternalMark = ':'

// IsInternal reports whether an event type is internal. Internal events are not listed and reach
// only webhooks that name their type.
func IsInternal(eventType string) bool { return strings.IndexByte(eventType, InternalMark) >= 0 }

// CheckType returns an error unless s is a valid name of an event type: parts of letters, digits,
// "_" and "-", joined by single dots, such as "call.completed".
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
				return fmt.Errorf("must be letters, digits, _ and -, in parts joined by single dots, such as %q", "call.completed")
			}
			dot = true
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-':
			dot = false
		default:
			return fmt.Errorf("must be letters, digits, _ and -, in parts joined by single dots, such as %q", "call.completed")
		}
	}
	if dot {
		return fmt.Errorf("must not end in a dot")
	}
	return nil
}

// CheckName returns an error unless s is valid as an id chosen by the publisher or as an ordering
// key: 1 to MaxNameBytes printable ASCII characters without spaces, quotes, slashes and angle
// brackets.
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

// ownPrefixes begin the ids that Relay generates. A client's id of that form could be mistaken for
// one of another object.
var ownPrefixes = []string{EventPrefix, DeliveryPrefix, AttemptPrefix, BatchPrefix, "wh_", "rsp_", "job_", "key_", "aud_"}

// CheckOwnID returns an error unless a client may choose s as the id of an object: see CheckName.
// It rejects ids that look like those that Relay generates.
func CheckOwnID(s string) error {
	if err := CheckName(s); err != nil {
		return err
	}
	return CheckNamespace(s)
}

// CheckNamespace returns an error if s looks like an id that Relay generates. It does not check the
// characters.
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

// CheckText returns an error unless s is one line of text: valid UTF-8 without control characters.
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

// CheckLabel returns an error unless s is safe to show to people as a label. It rejects control
// characters, line separators and characters that change the direction of writing, because they can
// make a label look like another one. If lines is set, it accepts line feeds and tabs.
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
