package rawjson

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Search finds a text in checked JSON, as the JSON is written or as it reads
// with its escapes decoded. Composed and decomposed characters (Unicode's
// normal forms C and D) are the same. Upper and lower case differ.
//
// A Search is used by one goroutine at a time.
type Search struct {
	text    []byte // as it was given
	form    []byte // in normal form C
	ascii   bool   // the text has ASCII alone
	decoded []byte // reused
}

// NewSearch returns a search for a text, which is not empty.
func NewSearch(text string) *Search {
	return &Search{text: []byte(text), form: norm.NFC.Bytes([]byte(text)), ascii: isASCII([]byte(text))}
}

// ASCII reports whether only escapes can hide the text: it has no characters
// of which there is another form.
func (s *Search) ASCII() bool { return s.ascii }

// In reports whether the text is in the JSON. Most JSON has no escapes and
// needs no more than bytes.Contains and a look for them.
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
