package rawjson

import (
	"fmt"
	"math"
)

// Scanner walks one JSON document from front to back and checks every byte exactly once, whether the caller looks
// into a value or passes over it. An array of events, say:
//
//	var s rawjson.Scanner // reuse it: it keeps its memory
//	s.Reset(body, limits)
//	s.Enter() // the array
//	for s.Next() {
//		if s.Kind() != rawjson.Object { … }
//		s.Enter() // one event
//		for s.Next() {
//			switch string(s.Name()) {
//			case "type":
//				typ = s.Value()
//			case "data":
//				data = s.Value()
//			}
//		}
//	}
//	if err := s.End(); err != nil { … }
//
// The first error sticks: from then on Next is false, Kind is Invalid, and End returns it. Values seen before are no proof
// that the rest is good; only End is. The zero Scanner walks an empty document. Not for concurrent use.
type Scanner struct {
	b      []byte
	limits Limits
	err    error

	pos     int  // next byte to look at
	pending bool // a value starts at pos that nobody has consumed yet

	frames []frame // containers the caller has entered, outermost first

	// Names of all open objects, see names.go.
	keys   []key
	copies []byte
	slots  []uint32
}

// frame is a container the caller walks through.
type frame struct {
	mark  mark
	kind  Kind
	begun bool // its first member or element has been reached
	name  key  // of the current member
}

// What a Scanner keeps from one document to the next. More is released, so that one hostile body does not
// leave every pooled Scanner fat.
const (
	keepKeys   = 2048  // 32 KiB
	keepCopies = 16384 // bytes
	keepSlots  = 8192  // 32 KiB
)

// Reset starts on a new document. It aliases b: until the walk is over nobody may change it. Reset(nil, Limits{}) lets go of
// the last document and keeps at most about 80 KiB for the next.
func (s *Scanner) Reset(b []byte, l Limits) {
	s.b = b
	s.limits = l.withDefaults()
	s.err = nil
	s.frames = s.frames[:0]
	s.keys = s.keys[:0]
	s.copies = s.copies[:0]
	s.slots = s.slots[:0]
	if cap(s.keys) > keepKeys {
		s.keys = nil
	}
	if cap(s.copies) > keepCopies {
		s.copies = nil
	}
	if cap(s.slots) > keepSlots {
		s.slots = nil
	}
	s.pos = space(b, 0)
	s.pending = true
	if len(b) > math.MaxInt32 {
		// Positions of names are kept in 31 bits.
		s.fail(0, "longer than 2 GiB")
	}
}

// Err returns the first error so far, a *[SyntaxError], or nil. It says nothing about bytes not reached yet.
func (s *Scanner) Err() error { return s.err }

// Offset is the position in bytes of the value that is next, or after a value or container just behind it.
// The bytes between the Offset before Enter and the Offset after the last Next are the whole container.
func (s *Scanner) Offset() int { return s.pos }

// Kind tells by its first byte what the value at the scanner is: the document, or after Next a member's value or an
// element. Invalid if there is none. Whether it is well formed shows when it is consumed.
func (s *Scanner) Kind() Kind {
	if !s.pending || s.err != nil || s.pos >= len(s.b) {
		return Invalid
	}
	return kinds[s.b[s.pos]]
}

// Value consumes the value at the scanner, checks it wholly and returns it. It is the zero Value after an error, or if
// there is no value to consume.
func (s *Scanner) Value() Value {
	if !s.pending || s.err != nil {
		return Value{}
	}
	start := s.pos
	end := s.value(start, len(s.frames))
	s.pending = false
	if end < 0 {
		return Value{}
	}
	s.pos = end
	return Value{Raw: s.b[start:end:end], Kind: kinds[s.b[start]], Offset: start}
}

// Enter steps into the array or object at the scanner; Next then visits its content. Any other value is an error,
// as without it the following Next would go on in the wrong container.
func (s *Scanner) Enter() {
	switch kind := s.Kind(); {
	case kind == Object || kind == Array:
		s.enter(kind)
	case s.err != nil:
	case !s.pending:
		s.fail(s.pos, "want an object or array, got nothing")
	default:
		s.enter(Object)
	}
}

// enter steps into a container of the kind wanted.
func (s *Scanner) enter(want Kind) {
	if s.err != nil {
		return
	}
	if got := s.Kind(); got != want {
		if got == Invalid {
			s.unexpected(s.pos, "a value")
			return
		}
		s.fail(s.pos, fmt.Sprintf("want %v, got %v", want, got))
		return
	}
	if len(s.frames) >= s.limits.Depth {
		s.tooDeep(s.pos)
		return
	}
	s.frames = append(s.frames, frame{mark: s.mark(), kind: want})
	s.pos++
	s.pending = false
}

// Next goes to the next member or element of the container entered last. At its end it is false and the scanner is
// back in the container around it. A value not consumed is checked and passed over. To leave a container early, call Next until it is false.
func (s *Scanner) Next() bool {
	if s.pending {
		s.Value()
	}
	if s.err != nil || len(s.frames) == 0 {
		return false
	}
	f := &s.frames[len(s.frames)-1]
	b := s.b
	i := space(b, s.pos)
	closing := byte('}')
	if f.kind == Array {
		closing = ']'
	}
	switch {
	case i < len(b) && b[i] == closing:
		s.release(f.mark)
		s.frames = s.frames[:len(s.frames)-1]
		s.pos = i + 1
		return false
	case !f.begun:
		f.begun = true
	case i < len(b) && b[i] == ',':
		i = space(b, i+1)
		if i < len(b) && b[i] == closing {
			s.fail(i, trailingComma)
			return false
		}
	default:
		s.unexpectedAfter(i, f.kind)
		return false
	}
	if f.kind == Object {
		if i = s.member(i, f.mark); i < 0 {
			return false
		}
		f.name = s.keys[len(s.keys)-1]
	}
	s.pos = i
	s.pending = true
	return true
}

// Name is the name of the current member of the object entered last, unescaped; nil in an array. It is valid until the
// next call of Next.
func (s *Scanner) Name() []byte {
	if len(s.frames) == 0 || s.err != nil {
		return nil
	}
	f := &s.frames[len(s.frames)-1]
	if f.kind != Object || !f.begun {
		return nil
	}
	return s.nameOf(f.name)
}

// End checks all that has not been looked at yet, that nothing but whitespace follows the document, and returns the first error.
func (s *Scanner) End() error {
	if s.pending {
		s.Value()
	}
	for s.err == nil && len(s.frames) > 0 {
		s.Next()
	}
	if s.err == nil {
		if s.pos = space(s.b, s.pos); s.pos < len(s.b) {
			s.unexpected(s.pos, "nothing after the value")
		}
	}
	return s.err
}
