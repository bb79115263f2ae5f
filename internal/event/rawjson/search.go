package rawjson

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Search finds a text in checked JSON, either as the JSON is written or with its escapes decoded.
// Composed and decomposed characters (Unicode's normal forms C and D) are equal. Case matters.
//
// A Search may be used by only one goroutine at a time.
type Search struct {
	text    []byte // as given
	form    []byte // in normal form C
	ascii   bool   // the text is pure ASCII
	decoded []byte // reused
}

// NewSearch returns a search for a text, which must not be empty.
func NewSearch(text string) *Search {
	return &Search{text: []byte(text), form: norm.NFC.Bytes([]byte(text)), ascii: isASCII([]byte(text))}
}

// ASCII reports whether the text is pure ASCII, so that only escapes, and no other normal form, can
// hide it.
func (s *Search) ASCII() bool { return s.ascii }

// In reports whether the JSON contains the text. Most JSON has no escapes, so bytes.Contains and a
// search for a backslash suffice.
func (s *Search) In(b []byte) bool {
	if bytes.Contains(b, s.text) {
		return true
	}
	escaped := bytes.IndexByte(b, '\\') >= 0
	if !escaped && (s.ascii || isASCII(b)) {
		return false
	}
	if escaped {
		s.decoded = appendUnescaped(s.decoded[:0], b)
		if b = s.decoded; s.ascii {
			return bytes.Contains(b, s.text)
		}
	}
	if !norm.NFC.IsNormal(b) {
		b = norm.NFC.Bytes(b)
	}
	return bytes.Contains(b, s.form)
}

func isASCII(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if binary.LittleEndian.Uint64(b)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
