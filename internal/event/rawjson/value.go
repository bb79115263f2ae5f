package rawjson

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Kind is the type of a JSON value.
type Kind uint8

// The kinds of RFC 8259, section 3. Invalid means no value.
const (
	Invalid Kind = iota
	Null
	Bool
	Number
	String
	Array
	Object
)

// String names the kind in the words of an error message, such as "an object".
func (k Kind) String() string {
	switch k {
	case Null:
		return "null"
	case Bool:
		return "true or false"
	case Number:
		return "a number"
	case String:
		return "a string"
	case Array:
		return "an array"
	case Object:
		return "an object"
	}
	return "no value"
}

// kinds maps the first byte of a value to its kind.
var kinds = [256]Kind{
	'n': Null, 't': Bool, 'f': Bool, '"': String, '[': Array, '{': Object, '-': Number,
	'0': Number, '1': Number, '2': Number, '3': Number, '4': Number,
	'5': Number, '6': Number, '7': Number, '8': Number, '9': Number,
}

// Value is a JSON value within a document.
type Value struct {
	// Raw is the value without surrounding whitespace. It aliases the document: it is valid as long
	// as the document and must not be changed.
	Raw []byte
	// Kind is the kind of the value; Invalid in the zero Value.
	Kind Kind
	// Offset is the position of the value in the document, in bytes.
	Offset int
}

// want returns an error unless the value is of kind k.
func (v Value) want(k Kind) error {
	if v.Kind != k {
		return fmt.Errorf("want %v, got %v", k, v.Kind)
	}
	return nil
}

// String returns the text of a string, unescaped. It returns an error for a value of another kind,
// or for a malformed one that was never checked.
func (v Value) String() (string, error) {
	if err := v.want(String); err != nil {
		return "", err
	}
	text, ok := v.text()
	if !ok {
		return "", fmt.Errorf("reading string at byte %d: malformed", v.Offset)
	}
	if plainEnd(text, 0) == len(text) {
		return string(text), nil
	}
	b, err := v.AppendString(nil)
	return string(b), err
}

// AppendString appends the text of a string, unescaped, to dst. On an error, as for String, it
// returns dst unchanged.
func (v Value) AppendString(dst []byte) ([]byte, error) {
	if err := v.want(String); err != nil {
		return dst, err
	}
	text, ok := v.text()
	if !ok {
		return dst, fmt.Errorf("reading string at byte %d: malformed", v.Offset)
	}
	var s Scanner
	s.b = v.Raw
	if end, _ := s.str(1); end != len(v.Raw) {
		return dst, fmt.Errorf("reading string at byte %d: malformed", v.Offset)
	}
	return appendUnescaped(dst, text), nil
}

// text strips the quotes.
func (v Value) text() ([]byte, bool) {
	n := len(v.Raw)
	if n < 2 || v.Raw[0] != '"' || v.Raw[n-1] != '"' {
		return nil, false
	}
	return v.Raw[1 : n-1], true
}

// Bool returns the value of true or false. It returns an error for any other value.
func (v Value) Bool() (bool, error) {
	if err := v.want(Bool); err != nil {
		return false, err
	}
	switch string(v.Raw) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("reading true or false at byte %d: malformed", v.Offset)
}

// Int64 returns a number that is written as an integer: no point, no exponent. It returns an error
// for any other value and for numbers beyond 64 bits.
func (v Value) Int64() (int64, error) {
	if err := v.checkNumber(); err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(string(v.Raw), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("want an integer of 64 bits, got another number")
	}
	return n, nil
}

// Float64 returns the double nearest to a number. It returns an error for any other value and for
// numbers too large for a double.
func (v Value) Float64() (float64, error) {
	if err := v.checkNumber(); err != nil {
		return 0, err
	}
	f, err := strconv.ParseFloat(string(v.Raw), 64)
	if err != nil {
		return 0, fmt.Errorf("want a number of at most 1.8e308, got a larger one")
	}
	return f, nil
}

// checkNumber checks a number against the grammar, because strconv accepts more than JSON.
func (v Value) checkNumber() error {
	if err := v.want(Number); err != nil {
		return err
	}
	s := Scanner{b: v.Raw, limits: Limits{NumberDigits: len(v.Raw)}}
	if len(v.Raw) == 0 || s.number(0) != len(v.Raw) {
		return fmt.Errorf("reading number at byte %d: malformed", v.Offset)
	}
	return nil
}

// appendUnescaped appends the unescaped text between the quotes of a checked string.
func appendUnescaped(dst, text []byte) []byte {
	for len(text) > 0 {
		n := bytes.IndexByte(text, '\\')
		if n < 0 {
			return append(dst, text...)
		}
		dst = append(dst, text[:n]...)
		text = text[n:]
		r, n := unescape(text)
		dst = utf8.AppendRune(dst, r)
		text = text[n:]
	}
	return dst
}

// unescape decodes the escape that b starts with, and returns its length in bytes. A malformed
// escape, which checked text cannot contain, becomes U+FFFD.
func unescape(b []byte) (rune, int) {
	if len(b) < 2 {
		return utf8.RuneError, len(b)
	}
	switch b[1] {
	case '"', '\\', '/':
		return rune(b[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	r := unit(b, 0)
	switch {
	case r < 0:
		return utf8.RuneError, 2
	case r < 0xd800 || r > 0xdfff:
		return r, 6
	}
	if low := unit(b, 6); r <= 0xdbff && low >= 0xdc00 && low <= 0xdfff {
		return 0x10000 + (r-0xd800)<<10 + (low - 0xdc00), 12
	}
	return utf8.RuneError, 6
}
