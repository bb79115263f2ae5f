package filter

import (
	"encoding/binary"
	"math/bits"
)

// The functions in this file skip checked JSON without decoding it. On unchecked bytes they stay
// within bounds, but their results are meaningless.

// These constants each repeat one byte, to search text and containers eight bytes at a time. In a
// byte below 0x80, subtracting one sets the high bit only if the byte was zero, which after an
// exclusive or means the byte searched for. A borrow affects only bytes above a true hit, so the
// lowest high bit is exact, and only that one is used.
const (
	ones        = 0x0101010101010101
	highs       = 0x8080808080808080
	quotes      = ones * '"'
	backslashes = ones * '\\'
	opens       = ones * '{'
	closes      = ones * '}'
	lower       = ones * 0x20 // turns [ and ] into { and }
)

// skip returns the position after the value at i.
func skip(b []byte, i int) int {
	if i >= len(b) {
		return len(b)
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
	default:
		for i < len(b) && b[i] > ' ' && b[i] != ',' && b[i] != '}' && b[i] != ']' {
			i++
		}
		return i
	}
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			i = skipString(b, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		default:
			i = nextBracket(b, i+1)
			continue
		}
		i++
	}
	return len(b)
}

// nextBracket returns the position of the first quote or bracket from i on, or occasionally an
// earlier position.
func nextBracket(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		folded := w | lower
		m := ((w^quotes)-ones)&^(w^quotes) | ((folded^opens)-ones)&^(folded^opens) | ((folded^closes)-ones)&^(folded^closes)
		if m &= highs; m != 0 {
			return i + bits.TrailingZeros64(m)>>3
		}
		i += 8
	}
	return i
}

// skipString returns the position after the string whose quote is at i.
func skipString(b []byte, i int) int {
	for i++; i < len(b); {
		// Names are short.
		for range 4 {
			if i < len(b) && b[i] == '"' {
				return i + 1
			}
			if i >= len(b) || b[i] == '\\' {
				break
			}
			i++
		}
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			m := (((w^quotes)-ones)&^(w^quotes) | ((w^backslashes)-ones)&^(w^backslashes)) & highs
			if m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		for i < len(b) && b[i] != '"' && b[i] != '\\' {
			i++
		}
		if i >= len(b) {
			break
		}
		if b[i] == '"' {
			return i + 1
		}
		i += 2
	}
	return len(b)
}

// blank returns the position of the first byte from i on that is not whitespace.
func blank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// classes marks the bytes that matter to count.
var classes = [256]bool{'"': true, '[': true, ']': true, '{': true, '}': true, ',': true}

// count returns the number of entries of the container at i, and the position after it.
func count(b []byte, i int) (entries, end int) {
	if first := blank(b, i+1); first >= len(b) || b[first] == ']' || b[first] == '}' {
		return 0, min(first+1, len(b))
	}
	entries = 1
	for depth := 0; i < len(b); {
		if !classes[b[i]] {
			i++
			continue
		}
		switch b[i] {
		case '"':
			i = skipString(b, i)
			continue
		case ',':
			if depth == 1 {
				entries++
			}
		case '{', '[':
			depth++
			if depth > 1 {
				i = skip(b, i)
				depth--
				continue
			}
		case '}', ']':
			return entries, i + 1
		}
		i++
	}
	return entries, len(b)
}
