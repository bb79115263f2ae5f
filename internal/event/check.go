package event

import (
	"fmt"
	"strings"
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
