package httpdest

import (
	"bytes"
	"slices"
	"strconv"
)

// Mask returns text with "***" in the place of each secret, also where one is
// written in another case or with the escapes of JSON, URLs or HTML, in which
// endpoints repeat requests. It returns text itself if there is none in it.
func Mask(text []byte, secrets [][]byte) []byte {
	if len(text) == 0 {
		return text
	}
	plain, at := unescape(text)
	var hits [][2]int // in text, of the parts to mask
	for _, s := range secrets {
		// One that looks escaped itself is found by the second.
		escaped := lower(bytes.Clone(s))
		asItIs, changed := unescape(s)
		for _, want := range [][]byte{escaped, asItIs} {
			for from := 0; len(want) > 0; {
				i := bytes.Index(plain[from:], want)
				if i < 0 {
					break
				}
				i += from
				end := i + len(want)
				hits = append(hits, [2]int{place(at, i), place(at, end)})
				from = end
			}
			if changed == nil {
				break // both are alike
			}
		}
	}
	if len(hits) == 0 {
		return text
	}
	slices.SortFunc(hits, func(a, b [2]int) int { return a[0] - b[0] })
	out := make([]byte, 0, len(text))
	done := 0
	for _, h := range hits {
		if h[0] >= done {
			out = append(append(out, text[done:h[0]]...), "***"...)
		}
		done = max(done, h[1])
	}
	return append(out, text[done:]...)
}

// place returns where in the text byte i of the plain form comes from; at is nil
// where both are alike.
func place(at []int32, i int) int {
	if at == nil {
		return i
	}
	return int(at[i])
}

// unescape returns text in lower case and without escapes: those of JSON, percent
// escapes, and HTML's character references. at says where in text each of its
// bytes begins, and where the last one ends; nil: at the same place.
func unescape(text []byte) (plain []byte, at []int32) {
	if !bytes.ContainsAny(text, "\\%&") {
		return lower(bytes.Clone(text)), nil
	}
	plain = make([]byte, 0, len(text))
	at = make([]int32, 0, len(text)+1)
	for i := 0; i < len(text); {
		c, n := unescapeOne(text[i:])
		plain = append(plain, c)
		at = append(at, int32(i))
		i += n
	}
	return lower(plain), append(at, int32(len(text)))
}

// lower changes b to lower case, as far as it is ASCII: credentials are.
func lower(b []byte) []byte {
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return b
}

// references are HTML's names of the characters that are escaped as a rule.
var references = map[string]byte{"amp;": '&', "lt;": '<', "gt;": '>', "quot;": '"', "apos;": '\''}

// unescapeOne returns the character that text begins with, and its length there.
// Characters beyond ASCII, which no credential has, stay as they are.
func unescapeOne(text []byte) (c byte, n int) {
	hex := func(from, to, base int) (byte, bool) {
		if to > len(text) || from >= to {
			return 0, false
		}
		v, err := strconv.ParseUint(string(text[from:to]), base, 16)
		return byte(v), err == nil && v < 0x80
	}
	switch text[0] {
	case '%':
		if c, ok := hex(1, 3, 16); ok {
			return c, 3
		}
	case '\\':
		if len(text) > 1 && text[1] == 'u' {
			if c, ok := hex(2, 6, 16); ok {
				return c, 6
			}
		} else if len(text) > 1 && (text[1] == '/' || text[1] == '"' || text[1] == '\\') {
			return text[1], 2
		}
	case '&':
		end := bytes.IndexByte(text[:min(len(text), 10)], ';')
		if end < 0 {
			break
		}
		if c, ok := references[string(text[1:end+1])]; ok {
			return c, end + 1
		}
		if end > 2 && text[1] == '#' {
			from, base := 2, 10
			if text[2] == 'x' || text[2] == 'X' {
				from, base = 3, 16
			}
			if c, ok := hex(from, end, base); ok {
				return c, end + 1
			}
		}
	}
	return text[0], 1
}
