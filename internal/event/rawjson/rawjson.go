// Package rawjson checks JSON and reads parts of it on the raw bytes.
//
// Relay passes an event on exactly as it was published: numbers, the order of names and escapes
// stay as the publisher wrote them. So JSON is never decoded into maps and encoded again; a value
// is a slice of the input. Data that travels unchanged must be unambiguous. The check is therefore
// stricter than encoding/json: it applies the grammar of RFC 8259, and those rules of RFC 7493
// (I-JSON) that prevent two receivers from reading the same bytes differently: UTF-8 only, no lone
// surrogates, no duplicate names in an object.
//
// A [Scanner] walks the bytes once. [Check], [Members] and [Elements] are shorthands for it. [Pick]
// only skips, for bytes that were checked before.
//
// Known weak point: nested values are walked by recursion, which is why the depth limit itself has
// a maximum.
package rawjson

import (
	"fmt"
	"sync"
	"unicode/utf8"
)

// Limits bound the cost of a document. Zero or a negative number means the default.
type Limits struct {
	// Depth is the maximum number of arrays and objects open at once; "[[1]]" has depth 2. The
	// default is [DefaultDepth], the maximum [MaxDepth].
	Depth int
	// NumberDigits is the maximum length of one number in bytes, including sign, point and
	// exponent. The default is [DefaultNumberDigits].
	NumberDigits int
	// Names is the maximum number of names in all objects open at once. It bounds memory: names are
	// kept until their object ends, at 16 to 32 bytes each plus a copy of those with escapes. The
	// default is [DefaultNames].
	Names int
}

const (
	// DefaultDepth is the depth that Relay documents for events.
	DefaultDepth = 128
	// MaxDepth is the largest depth that Limits may allow: the walk recurses, and this many frames
	// fit comfortably in a goroutine's stack. encoding/json stops at the same depth.
	MaxDepth = 10_000
	// DefaultNumberDigits leaves room for any decimal that a person or a program writes on purpose
	// (the longest exact float64 has 767 significant digits), and rejects numbers that are meant to
	// be costly to parse.
	DefaultNumberDigits = 1024
	// DefaultNames cannot be reached within 1 MiB, the largest event: a member takes at least five
	// bytes.
	DefaultNames = 1 << 18
)

// withDefaults replaces unset limits by their defaults.
func (l Limits) withDefaults() Limits {
	if l.Depth <= 0 {
		l.Depth = DefaultDepth
	}
	l.Depth = min(l.Depth, MaxDepth)
	if l.NumberDigits <= 0 {
		l.NumberDigits = DefaultNumberDigits
	}
	if l.Names <= 0 {
		l.Names = DefaultNames
	}
	return l
}

// SyntaxError says where and why a document is not acceptable JSON. It quotes names of the
// document, shortened, but never values.
type SyntaxError struct {
	// Offset is the position in bytes, from 0, of the first wrong byte, or the length of the input
	// if it ends early.
	Offset int
	// Reason is a phrase for people, such as `duplicate name "type"`.
	Reason string
}

// Error returns offset and reason.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at byte %d: %s", e.Offset, e.Reason)
}

// Position returns line and column of the error, both from 1, in b, the input that caused it.
// Columns count characters, as editors do; a byte that is not UTF-8 counts as one.
func (e *SyntaxError) Position(b []byte) (line, column int) {
	line = 1
	start := 0
	end := max(0, min(e.Offset, len(b)))
	for i, c := range b[:end] {
		if c == '\n' {
			line++
			start = i + 1
		}
	}
	return line, utf8.RuneCount(b[start:end]) + 1
}

// scanners serves the shorthands. A Scanner keeps little memory between uses, see Reset.
var scanners = sync.Pool{New: func() any { return new(Scanner) }}

func getScanner(b []byte, l Limits) *Scanner {
	s := scanners.Get().(*Scanner)
	s.Reset(b, l)
	return s
}

// putScanner drops the input first, so that the pool does not keep request bodies alive.
func putScanner(s *Scanner) {
	s.Reset(nil, Limits{})
	scanners.Put(s)
}

// Check returns nil if b is exactly one JSON value within the limits, surrounded only by
// whitespace: grammar of RFC 8259, valid UTF-8 without byte order mark, no escape of a lone
// surrogate, no duplicate name in an object (compared after unescaping). The error is a
// *[SyntaxError].
func Check(b []byte, l Limits) error {
	s := getScanner(b, l)
	err := s.End()
	putScanner(s)
	return err
}

// Members calls f for each member of the top-level object, in order, and checks all of b along the
// way as [Check] does. f gets a completely checked value, but the bytes after it have not been
// checked yet: only a nil error from Members means that the document is valid. The name is
// unescaped and valid until f returns; the value aliases b. An error of f ends the walk and is
// returned unchanged; for a document that is not an object the error is a *[SyntaxError].
func Members(b []byte, l Limits, f func(name []byte, v Value) error) error {
	s := getScanner(b, l)
	defer putScanner(s)
	s.enter(Object)
	for s.Next() {
		name := s.Name()
		v := s.Value()
		if s.err != nil {
			break
		}
		if err := f(name, v); err != nil {
			return err
		}
	}
	return s.End()
}

// Elements is [Members] for a top-level array; i counts from 0. To look into the elements without
// walking them twice, use a [Scanner].
func Elements(b []byte, l Limits, f func(i int, v Value) error) error {
	s := getScanner(b, l)
	defer putScanner(s)
	s.enter(Array)
	for i := 0; s.Next(); i++ {
		v := s.Value()
		if s.err != nil {
			break
		}
		if err := f(i, v); err != nil {
			return err
		}
	}
	return s.End()
}
