package rawjson

import (
	"fmt"
	"math"
)

// Scanner walks one JSON document from front to back and checks every byte exactly once, whether
// the caller reads a value or skips it. For example, an array of events:
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
// The first error sticks: from then on Next returns false, Kind returns Invalid, and End returns
// the error. Values read before End are no proof that the rest is valid. The zero Scanner walks an
// empty document. A Scanner is not safe for concurrent use.
type Scanner struct {
	b      []byte
	limits Limits
	err    error

	pos     int  // next byte to read
	pending bool // a value starts at pos that has not been consumed yet

	frames []frame // containers that the caller has entered, outermost first

	// Names of all open objects, see names.go.
	keys   []key
	copies []byte
	slots  []uint32
}

// frame is a container that the caller is walking through.
type frame struct {
	mark  mark
	kind  Kind
	begun bool // its first member or element has been reached
	name  key  // of the current member
}

// Memory that a Scanner keeps from one document to the next. It releases more, so that one hostile
// body does not leave every pooled Scanner large.
const (
	keepKeys   = 2048  // 32 KiB
	keepCopies = 16384 // bytes
	keepSlots  = 8192  // 32 KiB
)

// Reset starts on a new document. The Scanner aliases b, which must not change until the walk is
// over. Reset(nil, Limits{}) drops the last document and keeps at most about 80 KiB for the next.
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
		// Positions of names are stored in 31 bits.
		s.fail(0, "longer than 2 GiB")
	}
}

// Err returns the first error so far, a *[SyntaxError], or nil. Bytes not reached yet have not been
// checked.
func (s *Scanner) Err() error { return s.err }

// Offset returns the position in bytes of the next value or, after a value or container, the
// position just after it. The bytes between the Offset before Enter and the Offset after the last
// Next are the whole container.
func (s *Scanner) Offset() int { return s.pos }

// Kind returns the kind of the value at the scanner, judged by its first byte: the document or,
// after Next, a member's value or an element. It returns Invalid if there is no value. Consuming
// the value shows whether it is well-formed.
func (s *Scanner) Kind() Kind {
	if !s.pending || s.err != nil || s.pos >= len(s.b) {
		return Invalid
	}
	return kinds[s.b[s.pos]]
}

// Value consumes the value at the scanner, checks it completely and returns it. It returns the zero
// Value after an error, or if there is no value to consume.
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

// Enter steps into the array or object at the scanner; Next then visits its content. For any other
// value it sets an error, because otherwise the following Next would continue in the wrong
// container.
func (s *Scanner) Enter() {
	switch kind := s.Kind(); {
	case kind == Object || kind == Array:
		s.enter(kind)
	case s.err != nil:
	case !s.pending:
		s.fail(s.pos, "want an object or array, got no value")
	default:
		s.enter(Object)
	}
}

// enter steps into a container of the required kind.
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

// Next advances to the next member or element of the container entered last. At the end of the
// container it returns false, and the scanner is back in the surrounding container. A value that
// was not consumed is checked and skipped. To leave a container early, call Next until it returns
// false.
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

// Name returns the name of the current member of the object entered last, unescaped, or nil in an
// array. It is valid until the next call of Next.
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

// End checks the rest of the document and that only whitespace follows it, and returns the first
// error.
func (s *Scanner) End() error {
	if s.pending {
		s.Value()
	}
	for s.err == nil && len(s.frames) > 0 {
		s.Next()
	}
	if s.err == nil {
		if s.pos = space(s.b, s.pos); s.pos < len(s.b) {
			s.unexpected(s.pos, "the end of the document")
		}
	}
	return s.err
}
