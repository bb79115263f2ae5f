package rawjson

import (
	"bytes"
	"strings"
	"unicode/utf8"
)

// Pick returns the value at a path of member names: Pick(b, "data", "caller") returns
// b.data.caller. An empty path means the whole document. It returns false if a name is missing or a
// value on the path is not an object.
//
// Pick is for bytes that passed [Check]: it skips without checking and without allocating. On other
// bytes it does not panic, but its result is meaningless. If a name occurs twice, it returns the
// first.
func Pick(b []byte, path ...string) (Value, bool) {
	i := space(b, 0)
	for _, name := range path {
		if i = pickMember(b, i, name); i < 0 {
			return Value{}, false
		}
	}
	end := skip(b, i)
	if end < 0 {
		return Value{}, false
	}
	return Value{Raw: b[i:end:end], Kind: kinds[b[i]], Offset: i}, true
}

// pickMember returns where the value of a member of the object at i starts, or a negative number.
func pickMember(b []byte, i int, name string) int {
	if i >= len(b) || b[i] != '{' {
		return -1
	}
	i = space(b, i+1)
	for i < len(b) && b[i] == '"' {
		end := skipString(b, i)
		if end < 0 {
			return -1
		}
		found := sameText(b[i+1:end-1], name)
		i = space(b, end)
		if i >= len(b) || b[i] != ':' {
			return -1
		}
		i = space(b, i+1)
		if found {
			return i
		}
		if i = skip(b, i); i < 0 {
			return -1
		}
		i = space(b, i)
		if i >= len(b) || b[i] != ',' {
			return -1
		}
		i = space(b, i+1)
	}
	return -1
}

// skip returns the position after the value at i, or a negative number if there is no value.
func skip(b []byte, i int) int {
	if i >= len(b) {
		return -1
	}
	switch kinds[b[i]] {
	case Invalid:
		return -1
	case String:
		return skipString(b, i)
	case Object, Array:
	default:
		for i < len(b) && b[i] > ' ' && b[i] != ',' && b[i] != '}' && b[i] != ']' {
			i++
		}
		return i
	}
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			if i = skipString(b, i); i < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return -1
}

// skipString returns the position after the string whose quote is at i, or a negative number if the
// string does not end.
func skipString(b []byte, i int) int {
	for i++; ; {
		i = textEnd(b, i)
		switch {
		case i >= len(b):
			return -1
		case b[i] == '"':
			return i + 1
		case b[i] == '\\':
			i += 2
		default:
			i++
		}
	}
}

// sameText reports whether the text between a string's quotes, unescaped, equals want.
func sameText(text []byte, want string) bool {
	if string(text) == want {
		return strings.IndexByte(want, '\\') < 0
	}
	// An escape is longer than the character that it encodes.
	return len(text) > len(want) && bytes.IndexByte(text, '\\') >= 0 && sameEscaped(text, want)
}

func sameEscaped(text []byte, want string) bool {
	for len(text) > 0 {
		if text[0] != '\\' {
			if want == "" || want[0] != text[0] {
				return false
			}
			text, want = text[1:], want[1:]
			continue
		}
		r, n := unescape(text)
		got, size := utf8.DecodeRuneInString(want)
		if size == 0 || got != r {
			return false
		}
		text, want = text[n:], want[size:]
	}
	return want == ""
}
