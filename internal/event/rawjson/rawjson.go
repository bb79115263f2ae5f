// Package rawjson checks JSON and picks it apart on the raw bytes.
//
// Relay hands an event on exactly as it came: numbers, order of names and escapes stay as the publisher
// wrote them. So nothing is decoded into maps and encoded again; a value is a piece of the input. What
// travels unchanged must be unambiguous, therefore the check is stricter than encoding/json: RFC 8259
// grammar, and of RFC 7493 (I-JSON) the rules that keep two receivers from reading two different things
// into the same bytes: UTF-8 only, no lone surrogates, no name twice in one object.
//
// Everything is one [Scanner] that walks the bytes once. [Check], [Members] and [Elements] are short forms
// of it. [Pick] is for bytes that have been checked before and only skips.
//
// Weak point: nested values are walked by recursion, which is why the depth limit itself has a ceiling.
package rawjson

import (
	"fmt"
	"sync"
	"unicode/utf8"
)

// Limits bound what a document may cost. Zero or a negative number means the default.
type Limits struct {
	// Depth is the number of arrays and objects that may be open at once; "[[1]]" has depth 2.
	// Default [DefaultDepth], at most [MaxDepth].
	Depth int
	// NumberDigits is the length of one number in bytes, sign, point and exponent included.
	// Default [DefaultNumberDigits].
	NumberDigits int
	// Names is the number of names in all objects open at once. They are remembered until their object ends, 16 to 32 bytes
	// each and a copy of those with escapes, so this bounds memory. Default [DefaultNames].
	Names int
}

const (
	// DefaultDepth is the depth Relay documents for events.
	DefaultDepth = 128
	// MaxDepth is the largest depth that can be allowed: the walk recurses, and this many frames still fit
	// comfortably in a goroutine's stack. encoding/json stops at the same depth.
	MaxDepth = 10_000
	// DefaultNumberDigits leaves room for any decimal a person or a program writes on purpose (the longest
	// exact float64 has 767 significant digits), and refuses numbers whose parsing is the attack.
	DefaultNumberDigits = 1024
	// DefaultNames can not be reached within 1 MiB, the largest event: a member takes at least five bytes.
	DefaultNames = 1 << 18
)

// withDefaults fills in what is not set.
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

// SyntaxError says where a document stops being acceptable JSON, and why. It quotes names of the document,
// shortened, but never values.
type SyntaxError struct {
	// Offset is the position in bytes, from 0, of the first byte that is wrong; the length of the input where it ends early.
	Offset int
	// Reason is a phrase for people, such as `duplicate name "type"`.
	Reason string
}

// Error gives offset and reason.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("invalid JSON at byte %d: %s", e.Offset, e.Reason)
}

// Position gives line and column of the error, both from 1, in the input b that it was found in. Columns
// count characters, as editors do; a byte that is not UTF-8 counts as one.
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

// scanners serves the short forms. A Scanner keeps little between uses, see Reset.
var scanners = sync.Pool{New: func() any { return new(Scanner) }}

func borrow(b []byte, l Limits) *Scanner {
	s := scanners.Get().(*Scanner)
	s.Reset(b, l)
	return s
}

// giveBack drops the input first, so that the pool does not keep request bodies alive.
func giveBack(s *Scanner) {
	s.Reset(nil, Limits{})
	scanners.Put(s)
}

// Check reports whether b is exactly one JSON value within the limits, with nothing but whitespace around it:
// grammar of RFC 8259, valid UTF-8 without byte order mark, no escape of a lone surrogate, no name twice in one object
// (compared after unescaping). The error is a *[SyntaxError].
func Check(b []byte, l Limits) error {
	s := borrow(b, l)
	err := s.End()
	giveBack(s)
	return err
}

// Members calls f for each member of the top-level object, in order, and checks all of b on the way as [Check] does.
// A member's value has been checked wholly when f gets it, what follows it has not: only a nil error from Members
// means that the document is good. The name is unescaped and valid until f returns; the value aliases b. An error of f
// ends the walk and is returned as it is; a document that is not an object is a *[SyntaxError].
func Members(b []byte, l Limits, f func(name []byte, v Value) error) error {
	s := borrow(b, l)
	defer giveBack(s)
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

// Elements is [Members] for a top-level array; i counts from 0. To look into the elements without walking them a
// second time, use a [Scanner].
func Elements(b []byte, l Limits, f func(i int, v Value) error) error {
	s := borrow(b, l)
	defer giveBack(s)
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
