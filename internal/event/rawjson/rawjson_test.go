package rawjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// refused lists malformed input, with the position and the reason shown to people. Cases named J…
// come from the project's list of hostile inputs.
var refused = []struct {
	name, in string
	offset   int
	reason   string
}{
	{"J1 duplicate name", `{"type":"a","type":"b"}`, 12, `duplicate name "type"`},
	{"J1 duplicate name, escaped", `{"type":"a","t\u0079pe":"b"}`, 12, `duplicate name "type"`},
	{"J1 duplicate name, both escaped", `{"\u0074ype":1,"t\u0079pe":2}`, 15, `duplicate name "type"`},
	{"J1 duplicate name, surrogates", `{"😀":1,"\ud83d\ude00":2}`, 10, `duplicate name "😀"`},
	{"J1 duplicate name, nested", `{"a":{"b":{"x":1,"x":2}}}`, 17, `duplicate name "x"`},
	{"J1 duplicate name, after an inner object with it", `{"a":{"a":1},"a":2}`, 13, `duplicate name "a"`},
	{"J1 duplicate empty name", `{"":1,"":2}`, 6, `duplicate name ""`},
	{"J1 duplicate long name", `{"` + strings.Repeat("n", 70) + `":1,"` + strings.Repeat("n", 70) + `":2}`, 76, `duplicate name "` + strings.Repeat("n", 64) + `"…`},
	{"J2 text after the value", `{} x`, 3, `want the end of the document, got 'x'`},
	{"J2 second value", `{}{}`, 2, `want the end of the document, got '{'`},
	{"J3 invalid UTF-8", "{\"a\":\"x\xffy\"}", 7, `not valid UTF-8`},
	{"J3 overlong", "\"\xc0\xaf\"", 1, `not valid UTF-8`},
	{"J3 surrogate as UTF-8", "\"ab\xed\xa0\x80\"", 3, `not valid UTF-8`},
	{"J3 cut in the middle", "\"é\xc3\"", 3, `not valid UTF-8`},
	{"J3 beyond U+10FFFF", "\"\xf4\x90\x80\x80\"", 1, `not valid UTF-8`},
	{"J3 in a name", "{\"\x80\":1}", 2, `not valid UTF-8`},
	{"J3 outside a string", "[\xff]", 1, `not valid UTF-8`},
	{"J3 lone high surrogate", `"\ud800"`, 1, `escape of a lone surrogate`},
	{"J3 lone low surrogate", `"x\udc00"`, 2, `escape of a lone surrogate`},
	{"J3 two high surrogates", `"\ud83d\ud83d"`, 1, `escape of a lone surrogate`},
	{"J3 high surrogate and letter", `"\ud83d\u0041"`, 1, `escape of a lone surrogate`},
	{"J3 high surrogate and private use", `"\ud83d\ue000"`, 1, `escape of a lone surrogate`},
	{"J4 NaN", `{"a":NaN}`, 5, `want a value, got 'N'`},
	{"J4 Infinity", `-Infinity`, 1, `want a digit, got 'I'`},
	{"J5 depth 129", nested(129), 128, `nested deeper than 128`},
	{"J5 depth 129, objects", strings.Repeat(`{"a":`, 129), 128 * 5, `nested deeper than 128`},
	{"J6 depth 10,001", nested(10_001), 128, `nested deeper than 128`},
	{"J7 1,000,000 brackets", strings.Repeat("[", 1_000_000), 128, `nested deeper than 128`},
	{"J8 byte order mark", "\xef\xbb\xbf{}", 0, `starts with a byte order mark`},
	{"J8 byte order mark inside", "[\ufeff]", 1, `want a value`},
	{"J9 UTF-16, little, marked", "\xff\xfe{\x00}\x00", 0, `not UTF-8, looks like UTF-16 or UTF-32`},
	{"J9 UTF-16, big, marked", "\xfe\xff\x00{\x00}", 0, `not UTF-8, looks like UTF-16 or UTF-32`},
	{"J9 UTF-16, little", "{\x00}\x00", 1, `not UTF-8, looks like UTF-16 or UTF-32`},
	{"J9 UTF-16, big", "\x00{\x00}", 0, `not UTF-8, looks like UTF-16 or UTF-32`},
	{"J10 empty", ``, 0, `empty`},
	{"J10 whitespace", " \r\n", 3, `ends early, want a value`},
	{"J17 comment", `{"a":1/* x */}`, 6, `want "," or "}", JSON has no comments`},
	{"J17 line comment", "// x\n{}", 0, `want a value, JSON has no comments`},
	{"J18 trailing comma, object", `{"a":1, }`, 8, trailingComma},
	{"J18 trailing comma, array", `[1,]`, 3, trailingComma},
	{"J18 comma alone", `[,]`, 1, `want a value, got ','`},
	{"J19 single quotes", `{'a':1}`, 1, `want a name in double quotes, JSON has no single quotes`},
	{"J19 single quotes, value", `{"a":'b'}`, 5, `want a value, JSON has no single quotes`},
	{"J25 number of 1,000,000 digits", `{"a":` + strings.Repeat("9", 1_000_000) + `}`, 5, `a number longer than 1024 bytes`},
	{"J25 number of 1,025 bytes", `[-0.` + strings.Repeat("1", 1022) + `]`, 1, `a number longer than 1024 bytes`},

	{"name without quotes", `{a:1}`, 1, `want a name in double quotes, got 'a'`},
	{"name that is a number", `{1:1}`, 1, `want a name in double quotes, got '1'`},
	{"no colon", `{"a" 1}`, 5, `want ":", got '1'`},
	{"no value", `{"a":}`, 5, `want a value, got '}'`},
	{"no comma, object", `{"a":1 "b":2}`, 7, `want "," or "}", got '"'`},
	{"no comma, array", `[1 2]`, 3, `want "," or "]", got '2'`},
	{"wrong bracket", `[1}`, 2, `want "," or "]", got '}'`},
	{"wrong brace", `{"a":1]`, 6, `want "," or "}", got ']'`},
	{"ends in object", `{"a":1`, 6, `ends early, want "," or "}"`},
	{"ends after brace", `{`, 1, `ends early, want a name in double quotes`},
	{"ends after comma", `{"a":1,`, 7, `ends early, want a name in double quotes`},
	{"ends after name", `{"a"`, 4, `ends early, want ":"`},
	{"ends after colon", `{"a":`, 5, `ends early, want a value`},
	{"ends in array", `[1`, 2, `ends early, want "," or "]"`},
	{"ends after bracket", `[`, 1, `ends early, want a value`},
	{"ends in string", `"abc`, 4, `ends early, want the closing quote of a string`},
	{"ends in long string", `"abcdefghijklmnop`, 17, `ends early, want the closing quote of a string`},
	{"ends in escape", `"a\`, 3, `ends early, want an escape`},
	{"ends in literal", `nul`, 0, `want a value, got 'n'`},
	{"literal in capitals", `True`, 0, `want a value, got 'T'`},
	{"literal too long", `nullx`, 4, `want the end of the document, got 'x'`},
	{"leading zero", `[01]`, 2, `a number must not start with 0`},
	{"leading zero, negative", `-00`, 2, `a number must not start with 0`},
	{"leading plus", `+1`, 0, `want a value, got '+'`},
	{"leading point", `.5`, 0, `want a value, got '.'`},
	{"minus alone", `-`, 1, `ends early, want a digit`},
	{"no digit after the point", `1.`, 2, `ends early, want a digit`},
	{"no digit after the point, exponent", `1.e5`, 2, `want a digit, got 'e'`},
	{"no digit in the exponent", `1e`, 2, `ends early, want a digit`},
	{"no digit in the exponent, sign", `[1E+]`, 4, `want a digit, got ']'`},
	{"hexadecimal", `0x10`, 1, `want the end of the document, got 'x'`},
	{"unknown escape", `"ab\x41"`, 3, `unknown escape in a string`},
	{"short escape", `"\u12"`, 1, `want four hexadecimal digits after "\u"`},
	{"escape not hexadecimal", `"\u12g4"`, 1, `want four hexadecimal digits after "\u"`},
	{"newline in string", "\"ab\ncd\"", 3, `control character U+000A in a string, want an escape`},
	{"NUL in string", "\"abcdefgh\x00\"", 9, `control character U+0000 in a string, want an escape`},
	{"form feed as whitespace", "[1,\f2]", 3, `want a value, got '\f'`},
	{"no-break space as whitespace", "[\u00a01]", 1, `want a value`},
	{"NUL after the value", "{}\x00", 2, `want the end of the document, got '\x00'`},
}

// accepted lists valid neighbours of the refused cases.
var accepted = []string{
	`{"a":{"a":{"a":1}}}`, `{"a":{"b":1},"b":2}`, `{"a":[{"\u0062":1},{"b":1}],"b":2}`, `[{"a":1},{"a":2}]`, `{"a":1,"A":2,"":3,"a ":4}`, `{"type":1,"type\u0000":2,"typ":3}`,
	`{"é":1,"e\u0301":2}`, // look the same, but are different names
	nested(128), `[-0.` + strings.Repeat("1", 1021) + `]`,
	" \t\r\n{ \"a\" : [ 1 , 2 ] } \n", `null`, `true`, `false`, `"x"`, `[]`, `{}`, `0`, `-0`, `-0.0e-00`, `1E+9`, `1e400`, `123456789012345678901234567890`,
	`"\u0000\ud83d\ude00\"\\\/\b\f\n\r\t"`, "\"\x7f\u2028\U0010ffff\ufffe\"", `"\uFFFE\ufeff"`, `["😀","日本語の長い文字列です","naïve"]`,
	`{"one":1,"two2":2,"three":3,"fourfour":4,"fivefivefive":5}`,
}

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestRefused(t *testing.T) {
	for _, c := range refused {
		want := SyntaxError{c.offset, c.reason}
		for how, check := range walks {
			err := check([]byte(c.in))
			var got *SyntaxError
			if !errors.As(err, &got) || *got != want {
				t.Errorf("%s, %s: %.80q: got %v, want %v", c.name, how, c.in, err, &want)
			}
		}
	}
}

func TestAccepted(t *testing.T) {
	for _, in := range accepted {
		for how, check := range walks {
			if err := check([]byte(in)); err != nil {
				t.Errorf("%s: %.80q: got %v, want accepted", how, in, err)
			}
		}
		if !json.Valid([]byte(in)) || !jsontext.Value(in).IsValid() {
			t.Errorf("%.80q: refused by encoding/json or jsontext, so not for this table", in)
		}
	}
}

// walks are the ways to walk a document. They must agree in every result.
var walks = map[string]func([]byte) error{
	"passing over": func(b []byte) error { return Check(b, Limits{}) },
	"stepping in": func(b []byte) error {
		var s Scanner
		s.Reset(b, Limits{})
		stepInto(&s)
		return s.End()
	},
	"stepping in, no value consumed": func(b []byte) error {
		var s Scanner
		s.Reset(b, Limits{})
		if k := s.Kind(); k == Object || k == Array {
			s.Enter()
		}
		for s.Next() {
		}
		return s.End()
	},
}

// stepInto walks a value through Enter and Next down to the scalars.
func stepInto(s *Scanner) {
	if k := s.Kind(); k != Object && k != Array {
		s.Value()
		return
	}
	s.Enter()
	for s.Next() {
		stepInto(s)
	}
}

// The top level of a publish request must be an object or array; the caller judges its content by
// name and kind.
func TestTopLevel(t *testing.T) {
	stop := errors.New("stop")
	object := func(in string) error {
		return Members([]byte(in), Limits{}, func([]byte, Value) error { return nil })
	}
	for _, c := range []struct{ name, in, want string }{
		{"J11 null", `null`, `invalid JSON at byte 0: want an object, got null`},
		{"J12 string", ` "x"`, `invalid JSON at byte 1: want an object, got a string`},
		{"J13 array", `[]`, `invalid JSON at byte 0: want an object, got an array`},
		{"no JSON", `NaN`, `invalid JSON at byte 0: want a value, got 'N'`},
		{"empty", ``, `invalid JSON at byte 0: empty`},
	} {
		if err := object(c.in); err == nil || err.Error() != c.want {
			t.Errorf("%s: Members(%q): got %v, want %s", c.name, c.in, err, c.want)
		}
	}
	if err := object(`{"a":1} {}`); err == nil {
		t.Error("J2: got accepted, want refused")
	}
	if err := Elements([]byte(`[]`), Limits{}, func(int, Value) error { return stop }); err != nil {
		t.Errorf("J13: Elements: got %v, want no element and no error", err)
	}
	if err := Elements([]byte(`{}`), Limits{}, func(int, Value) error { return stop }); err == nil || errors.Is(err, stop) {
		t.Errorf("Elements of an object: got %v, want a syntax error", err)
	}

	calls := 0
	err := Elements([]byte("["+strings.Repeat("{},", 1000)+"{}]"), Limits{}, func(i int, v Value) error {
		if i != calls || v.Kind != Object {
			t.Fatalf("element %d: got index %d and %v", calls, i, v.Kind)
		}
		if calls++; i == 1000 {
			return stop
		}
		return nil
	})
	if err != stop || calls != 1001 {
		t.Errorf("J14: got %v after %d elements, want f's error after 1001", err, calls)
	}

	err = Members([]byte(`{"type":"a","tpye":1}`), Limits{}, func(name []byte, _ Value) error {
		if string(name) == "tpye" {
			return stop
		}
		return nil
	})
	if err != stop {
		t.Errorf("J20 unknown field: got %v, want f's error", err)
	}
	v, _ := Pick([]byte(`{"data":"text"}`), "data")
	if v.Kind != String {
		t.Errorf("J21 data of wrong type: got %v, want a string", v.Kind)
	}
	v, _ = Pick([]byte(`{"type":"a\u0000\n"}`), "type")
	if s, err := v.String(); s != "a\x00\n" || err != nil {
		t.Errorf("J24: got %q, %v, want the characters to judge", s, err)
	}
}

func TestMembers(t *testing.T) {
	in := " {\"a\": 1.50 ,\n\"b\\n\":\"x\\u00e9\", \"long name, escaped \\ud83d\\ude00\":[1, {\"z\":null}],\"t\":true}"
	want := []string{`a=1.50 a number 7`, "b\n=\"x\\u00e9\" a string 20", `long name, escaped 😀=[1, {"z":null}] an array 65`, `t=true true or false 85`}
	var got []string
	err := Members([]byte(in), Limits{}, func(name []byte, v Value) error {
		got = append(got, fmt.Sprintf("%s=%s %v %d", name, v.Raw, v.Kind, v.Offset))
		if !strings.HasPrefix(in[v.Offset:], string(v.Raw)) {
			t.Errorf("%s: offset %d does not point at the value", name, v.Offset)
		}
		if cap(v.Raw) != len(v.Raw) {
			t.Errorf("%s: appending to the value would write into the document", name)
		}
		return nil
	})
	if err != nil || strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("got %v\n%q, want\n%q", err, got, want)
	}
	err = Members([]byte(`{"a":1,"b":[1,}`), Limits{}, func(name []byte, _ Value) error {
		if string(name) != "a" {
			t.Errorf("got member %q, want none after a malformed value", name)
		}
		return nil
	})
	if err == nil {
		t.Error("got accepted, want the malformed value refused")
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		in     string
		limits Limits
		ok     bool
	}{
		{nested(3), Limits{Depth: 3}, true},
		{nested(4), Limits{Depth: 3}, false},
		{`[[{}],{"a":[]}]`, Limits{Depth: 3}, true},
		{`[[{}],{"a":[[]]}]`, Limits{Depth: 3}, false},
		{nested(MaxDepth), Limits{Depth: MaxDepth}, true},
		{nested(MaxDepth + 1), Limits{Depth: math.MaxInt}, false},
		{`[12345,-1.5]`, Limits{NumberDigits: 5}, true},
		{`[123456]`, Limits{NumberDigits: 5}, false},
		{`[1.5e+9]`, Limits{NumberDigits: 5}, false},
		{`{"a":{"b":1},"c":{"d":1}}`, Limits{Names: 3}, true},
		{`{"a":{"b":1},"c":{"d":1,"e":1}}`, Limits{Names: 3}, false},
		{nested(128), Limits{Depth: -1}, true},
	} {
		if err := Check([]byte(c.in), c.limits); (err == nil) != c.ok {
			t.Errorf("%.40s with %+v: got %v, want accepted %v", c.in, c.limits, err, c.ok)
		}
	}
}

func TestPosition(t *testing.T) {
	for _, c := range []struct {
		in           string
		line, column int
	}{
		{"x", 1, 1},
		{"{\n  \"é\": x}", 2, 8},
		{"{\r\n\"a\":1,\n\"b\":2,\n}", 4, 1},
		{"[\n", 2, 1},
		{"[\n\"\xff\"]", 2, 2},
	} {
		var e *SyntaxError
		if err := Check([]byte(c.in), Limits{}); !errors.As(err, &e) {
			t.Errorf("%q: got %v, want a syntax error", c.in, err)
			continue
		}
		if line, column := e.Position([]byte(c.in)); line != c.line || column != c.column {
			t.Errorf("%q: got line %d column %d, want %d and %d", c.in, line, column, c.line, c.column)
		}
	}
	// Position must not panic on input other than the input of the error.
	(&SyntaxError{Offset: 10}).Position([]byte("x"))
	(&SyntaxError{Offset: -1}).Position(nil)
}

// Each kind of byte at each of the eight positions that are compared together, checked against the
// plain definition.
func TestStringBytes(t *testing.T) {
	for length := range 20 {
		for at := range length {
			for c := range 256 {
				text := []byte(strings.Repeat("a", length))
				text[at] = byte(c)
				in := append(append([]byte{'"'}, text...), '"')
				want := c >= ' ' && c < 0x80 && c != '"' && c != '\\'
				if got := Check(in, Limits{}) == nil; got != want {
					t.Fatalf("%q: got accepted %v, want %v", in, got, want)
				}
			}
		}
	}
}
