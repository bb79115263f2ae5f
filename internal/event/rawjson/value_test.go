package rawjson

import (
	"math"
	"strings"
	"testing"
)

func TestValueConversions(t *testing.T) {
	value := func(in string) Value {
		v, _ := Pick([]byte(in))
		return v
	}
	for _, c := range []struct {
		in, want string
		ok       bool
	}{
		{`""`, "", true},
		{`"plain"`, "plain", true},
		{`"é 😀"`, "é 😀", true},
		{`"\"\\\/\b\f\n\r\t\u0000\u00e9\u20AC\ud83d\ude00 end"`, "\"\\/\b\f\n\r\t\x00é€😀 end", true},
		{`null`, "", false},
		{`12`, "", false},
		// Values that were never checked, such as those of Pick, must give an error, not a guess.
		{`"\ud800"`, "", false},
		{`"\x"`, "", false},
		{"\"\xff\"", "", false},
		{"\"a\nb\"", "", false},
	} {
		got, err := value(c.in).String()
		if got != c.want || (err == nil) != c.ok {
			t.Errorf("String of %s: got %q, %v; want %q, ok %v", c.in, got, err, c.want, c.ok)
		}
		b, err := value(c.in).AppendString([]byte("before "))
		if string(b) != "before "+c.want || (err == nil) != c.ok {
			t.Errorf("AppendString of %s: got %q, %v; want %q, ok %v", c.in, b, err, c.want, c.ok)
		}
	}
	for _, c := range []struct {
		in   string
		want int64
		ok   bool
	}{
		{`0`, 0, true}, {`-0`, 0, true}, {`142`, 142, true},
		{`9223372036854775807`, math.MaxInt64, true}, {`9223372036854775808`, 0, false},
		{`-9223372036854775808`, math.MinInt64, true}, {`-9223372036854775809`, 0, false},
		{`1.0`, 0, false}, {`1e3`, 0, false}, {`"1"`, 0, false}, {`null`, 0, false}, {`01`, 0, false}, {`1_0`, 0, false}, {`-`, 0, false},
	} {
		if got, err := value(c.in).Int64(); got != c.want || (err == nil) != c.ok {
			t.Errorf("Int64 of %s: got %d, %v; want %d, ok %v", c.in, got, err, c.want, c.ok)
		}
	}
	for _, c := range []struct {
		in   string
		want float64
		ok   bool
	}{
		{`0`, 0, true}, {`1.5`, 1.5, true}, {`-2.5E-3`, -0.0025, true}, {`1e308`, 1e308, true}, {`1e-400`, 0, true},
		{`1e309`, 0, false}, {`0x10`, 0, false}, {`1_000`, 0, false}, {`"1"`, 0, false}, {strings.Repeat("9", 2000), 0, false},
	} {
		if got, err := value(c.in).Float64(); got != c.want || (err == nil) != c.ok {
			t.Errorf("Float64 of %.20s: got %v, %v; want %v, ok %v", c.in, got, err, c.want, c.ok)
		}
	}
	for in, want := range map[string]bool{`true`: true, `false`: false} {
		if got, err := value(in).Bool(); got != want || err != nil {
			t.Errorf("Bool of %s: got %v, %v", in, got, err)
		}
	}
	for _, in := range []string{`null`, `tru`, `falsey`, `1`, `"true"`} {
		if _, err := value(in).Bool(); err == nil {
			t.Errorf("Bool of %s: got no error, want one", in)
		}
	}
	var zero Value
	if _, err := zero.String(); err == nil || err.Error() != "want a string, got no value" {
		t.Errorf("zero Value: got %v, want an error", err)
	}
}

func TestPick(t *testing.T) {
	in := ` {"a": {"b" :{"c":[1,"}]"]}}, "a\u0062":"\"}", "":0,"a":"second", "n": -1.5e3 , "😀":true,"last":{}}`
	for _, c := range []struct {
		path string // names with / between them, - for no path
		want string
		ok   bool
	}{
		{"-", strings.TrimSpace(in), true},
		{"a", `{"b" :{"c":[1,"}]"]}}`, true},
		{"a/b/c", `[1,"}]"]`, true},
		{"a/b/x", "", false},
		{"a/b/c/0", "", false},
		{"ab", `"\"}"`, true},
		{`a\u0062`, "", false},
		{"", "0", true},
		{"n", "-1.5e3", true},
		{"n/x", "", false},
		{"😀", "true", true},
		{"last", "{}", true},
		{"last/x", "", false},
		{"A", "", false},
		{"none", "", false},
	} {
		path := strings.Split(c.path, "/")
		if c.path == "-" {
			path = nil
		}
		v, ok := Pick([]byte(in), path...)
		if string(v.Raw) != c.want || ok != c.ok {
			t.Errorf("path %q: got %s, %v; want %s, %v", path, v.Raw, ok, c.want, c.ok)
		}
		if ok && (in[v.Offset:v.Offset+len(v.Raw)] != c.want || v.Kind != kinds[c.want[0]]) {
			t.Errorf("path %q: got offset %d and %v", path, v.Offset, v.Kind)
		}
	}
	if v, ok := Pick([]byte(`{"\ud83d\ude00\n":1}`), "😀\n"); !ok || string(v.Raw) != "1" {
		t.Errorf("escaped name: got %s, %v; want 1", v.Raw, ok)
	}
	for _, c := range refused { // the result does not matter, but it must not panic
		Pick([]byte(c.in))
		Pick([]byte(c.in), "a", "b")
		Pick([]byte(c.in), "none")
	}
}

func TestAppendQuoted(t *testing.T) {
	for in, want := range map[string]string{
		"":                        `""`,
		"plain text, <b> & more":  `"plain text, <b> & more"`,
		"\"\\/\b\f\n\r\t":         `"\"\\/\b\f\n\r\t"`,
		"\x00\x01\x1f\x7f":        `"\u0000\u0001\u001f` + "\x7f\"",
		"é\u2028\u2029\U0001f600": "\"é\u2028\u2029\U0001f600\"",
		"a\xffb\xc3":              "\"a\ufffdb\ufffd\"",
		"\xed\xa0\x80":            "\"\ufffd\ufffd\ufffd\"",
		"tail after é \n tail":    `"tail after é \n tail"`,
	} {
		if got := AppendQuoted([]byte("x"), in); string(got) != "x"+want {
			t.Errorf("%q: got %s, want x%s", in, got, want)
		}
	}
}
