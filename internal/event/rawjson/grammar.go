package rawjson

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strconv"
	"unicode/utf8"
)

// The functions in this file take and return positions in s.b. A negative result means that s.err
// is set.

// value checks the value that starts at i, inside depth open containers, and returns the position
// after it.
func (s *Scanner) value(i, depth int) int {
	b := s.b
	if uint(i) >= uint(len(b)) {
		return s.unexpected(i, "a value")
	}
	switch b[i] {
	case '"':
		end, _ := s.str(i + 1)
		return end
	case '{':
		return s.object(i, depth)
	case '[':
		return s.array(i, depth)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return s.number(i)
	case 't':
		if len(b)-i >= 4 && string(b[i:i+4]) == "true" {
			return i + 4
		}
	case 'f':
		if len(b)-i >= 5 && string(b[i:i+5]) == "false" {
			return i + 5
		}
	case 'n':
		if len(b)-i >= 4 && string(b[i:i+4]) == "null" {
			return i + 4
		}
	}
	return s.unexpected(i, "a value")
}

// object checks the object whose brace is at i.
func (s *Scanner) object(i, depth int) int {
	if depth >= s.limits.Depth {
		return s.tooDeep(i)
	}
	b := s.b
	m := s.mark()
	i = space(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	for {
		if i = s.member(i, m); i < 0 {
			return i
		}
		if i = s.value(i, depth+1); i < 0 {
			return i
		}
		i = space(b, i)
		if uint(i) >= uint(len(b)) {
			return s.unexpectedAfter(i, Object)
		}
		switch b[i] {
		case ',':
			i = space(b, i+1)
			if i < len(b) && b[i] == '}' {
				return s.fail(i, trailingComma)
			}
		case '}':
			s.release(m)
			return i + 1
		default:
			return s.unexpectedAfter(i, Object)
		}
	}
}

// array checks the array whose bracket is at i.
func (s *Scanner) array(i, depth int) int {
	if depth >= s.limits.Depth {
		return s.tooDeep(i)
	}
	b := s.b
	i = space(b, i+1)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = s.value(i, depth+1); i < 0 {
			return i
		}
		i = space(b, i)
		if uint(i) >= uint(len(b)) {
			return s.unexpectedAfter(i, Array)
		}
		switch b[i] {
		case ',':
			i = space(b, i+1)
			if i < len(b) && b[i] == ']' {
				return s.fail(i, trailingComma)
			}
		case ']':
			return i + 1
		default:
			return s.unexpectedAfter(i, Array)
		}
	}
}

// member checks the name that starts at i and its colon, records the name in the object opened at
// m, and returns the start of the value.
func (s *Scanner) member(i int, m mark) int {
	b := s.b
	if uint(i) >= uint(len(b)) || b[i] != '"' {
		return s.unexpected(i, "a name in double quotes")
	}
	end, escaped := s.str(i + 1)
	if end < 0 || !s.remember(m, i+1, end-1, escaped) {
		return -1
	}
	i = space(b, end)
	if uint(i) >= uint(len(b)) || b[i] != ':' {
		return s.unexpected(i, `":"`)
	}
	return space(b, i+1)
}

// number checks the number that starts at i (RFC 8259, section 6).
func (s *Scanner) number(i int) int {
	b := s.b
	start := i
	if b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
		if i < len(b) && isDigit(b[i]) {
			return s.fail(i, "a number must not start with 0")
		}
	default:
		n := digits(b, i)
		if n == i {
			return s.unexpected(i, "a digit")
		}
		i = n
	}
	if i < len(b) && b[i] == '.' {
		n := digits(b, i+1)
		if n == i+1 {
			return s.unexpected(n, "a digit")
		}
		i = n
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		n := digits(b, i)
		if n == i {
			return s.unexpected(n, "a digit")
		}
		i = n
	}
	if i-start > s.limits.NumberDigits {
		return s.fail(start, fmt.Sprintf("a number longer than %d bytes", s.limits.NumberDigits))
	}
	return i
}

// digits returns the position of the first byte from i on that is not a digit.
func digits(b []byte, i int) int {
	for i < len(b) && isDigit(b[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// space returns the position of the first byte from i on that is not whitespace.
func space(b []byte, i int) int {
	// Most JSON on the wire is compact: this function is inlined, the loop is not.
	if i < len(b) && b[i] <= ' ' {
		return spaces(b, i)
	}
	return i
}

func spaces(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// These constants each repeat one byte, to search text eight bytes at a time. In a byte below 0x80,
// subtracting n sets the high bit if the byte was less than n: n is 1 after an exclusive or with
// the byte searched for, or else the blank. A borrow can reach higher bytes only above a true hit,
// so the lowest high bit is exact, and only that one is used.
const (
	ones        = 0x0101010101010101
	highs       = 0x8080808080808080
	quotes      = ones * '"'
	backslashes = ones * '\\'
	blanks      = ones * ' '
)

// plainStops sets the high bit of each byte of w that is a quote, a backslash, a control character
// or outside ASCII.
func plainStops(w uint64) uint64 {
	return (((w ^ quotes) - ones) | ((w ^ backslashes) - ones) | (w - blanks) | w) & highs
}

// textStops is like plainStops, but passes over bytes outside ASCII.
func textStops(w uint64) uint64 {
	return (((w ^ quotes) - ones) | ((w ^ backslashes) - ones) | (w - blanks)) &^ w & highs
}

// str checks the string that begins at i, after its opening quote. It returns the position after
// the closing quote, and whether the string contains an escape.
func (s *Scanner) str(i int) (end int, escaped bool) {
	b := s.b
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		if m := plainStops(w); m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			if b[i] == '"' {
				return i + 1, false
			}
			break
		}
		i += 8
	}
	return s.strRest(i)
}

// strRest continues a string at i, the end of its plain text.
func (s *Scanner) strRest(i int) (end int, escaped bool) {
	b := s.b
	for {
		i = plainEnd(b, i)
		if i >= len(b) {
			return s.unexpected(i, "the closing quote of a string"), false
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, escaped
		case c == '\\':
			escaped = true
			if i = s.escape(i); i < 0 {
				return i, false
			}
		case c < ' ':
			return s.fail(i, fmt.Sprintf("control character %#U in a string, want an escape", c)), false
		default:
			j := textEnd(b, i)
			if !utf8.Valid(b[i:j]) {
				return s.notUTF8(i), false
			}
			i = j
		}
	}
}

// plainEnd returns the position of the first byte from i on that ends plain ASCII text in a string.
func plainEnd(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		if m := plainStops(w); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for i < len(b) && b[i] >= ' ' && b[i] < utf8.RuneSelf && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// textEnd is like plainEnd, but for text that may contain characters outside ASCII.
func textEnd(b []byte, i int) int {
	for i+8 <= len(b) {
		if m := textStops(binary.LittleEndian.Uint64(b[i:])); m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	for i < len(b) && b[i] >= ' ' && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// escape checks the escape whose backslash is at i.
func (s *Scanner) escape(i int) int {
	b := s.b
	if i+1 >= len(b) {
		return s.unexpected(i+1, "an escape")
	}
	switch b[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		return s.fail(i, "unknown escape in a string")
	}
	r := unit(b, i)
	switch {
	case r < 0:
		return s.fail(i, `want four hexadecimal digits after "\u"`)
	case r < 0xd800 || r > 0xdfff:
		return i + 6
	case r <= 0xdbff:
		// RFC 8259, section 8.2: the grammar allows half a surrogate pair, but receivers treat it
		// unpredictably.
		if low := unit(b, i+6); low >= 0xdc00 && low <= 0xdfff {
			return i + 12
		}
	}
	return s.fail(i, "escape of a lone surrogate")
}

// unit reads the \uXXXX escape at i: one UTF-16 code unit, or -1 if there is none.
func unit(b []byte, i int) rune {
	if len(b)-i < 6 || b[i] != '\\' || b[i+1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[i+2 : i+6] {
		switch {
		case isDigit(c):
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

const trailingComma = "a comma without an item after it"

// fail records an error at i, unless an earlier one was recorded.
func (s *Scanner) fail(i int, reason string) int {
	if s.err == nil {
		s.err = &SyntaxError{Offset: i, Reason: reason}
	}
	return -1
}

func (s *Scanner) tooDeep(i int) int {
	return s.fail(i, fmt.Sprintf("nested deeper than %d", s.limits.Depth))
}

// notUTF8 fails at the first invalid byte of UTF-8 from i on.
func (s *Scanner) notUTF8(i int) int {
	for {
		r, n := utf8.DecodeRune(s.b[i:])
		if r == utf8.RuneError && n <= 1 {
			return s.fail(i, "not valid UTF-8")
		}
		i += n
	}
}

func (s *Scanner) unexpectedAfter(i int, in Kind) int {
	if in == Object {
		return s.unexpected(i, `"," or "}"`)
	}
	return s.unexpected(i, `"," or "]"`)
}

// unexpected fails at i, where the grammar requires something else, and names the usual mistakes.
func (s *Scanner) unexpected(i int, want string) int {
	b := s.b
	if i >= len(b) {
		if i = len(b); i == 0 {
			return s.fail(i, "empty")
		}
		return s.fail(i, "ends early, want "+want)
	}
	if i == 0 && len(b) >= 2 {
		switch {
		case len(b) >= 3 && string(b[:3]) == "\xef\xbb\xbf":
			return s.fail(i, "starts with a byte order mark")
		case string(b[:2]) == "\xff\xfe", string(b[:2]) == "\xfe\xff", b[0] == 0:
			return s.fail(i, "not UTF-8, looks like UTF-16 or UTF-32")
		}
	}
	switch c := b[i]; {
	case c == '/':
		return s.fail(i, "want "+want+", JSON has no comments")
	case c == '\'':
		return s.fail(i, "want "+want+", JSON has no single quotes")
	case c == 0 && i == 1:
		return s.fail(i, "not UTF-8, looks like UTF-16 or UTF-32")
	case c >= utf8.RuneSelf:
		if r, n := utf8.DecodeRune(b[i:]); r == utf8.RuneError && n == 1 {
			return s.fail(i, "not valid UTF-8")
		}
		return s.fail(i, "want "+want)
	default:
		return s.fail(i, "want "+want+", got "+strconv.QuoteRune(rune(c)))
	}
}
