package rawjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func addSeeds(f *testing.F) {
	for _, c := range refused {
		if len(c.in) < 4096 {
			f.Add([]byte(c.in))
		}
	}
	for _, in := range accepted {
		f.Add([]byte(in))
	}
	f.Add(callCompleted(1024))
	f.Add(object(2 * fewNames))
}

// FuzzCheck compares the verdict with two other parsers: encoding/json must accept every document
// that Check accepts, and without limits Check and the equally strict jsontext must agree in both
// directions.
func FuzzCheck(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		strict := Check(b, Limits{})
		for how, walk := range walks {
			if err := walk(b); (err == nil) != (strict == nil) || err != nil && err.Error() != strict.Error() {
				t.Errorf("%s: got %v, want %v as from Check", how, err, strict)
			}
		}
		if strict == nil && !json.Valid(b) {
			t.Error("accepted, but encoding/json refuses it")
		}
		var e *SyntaxError
		if errors.As(strict, &e) {
			if e.Offset < 0 || e.Offset > len(b) || e.Reason == "" {
				t.Errorf("got %v, want an offset within %d bytes and a reason", e, len(b))
			}
		}
		free := Check(b, Limits{Depth: MaxDepth, NumberDigits: math.MaxInt, Names: math.MaxInt})
		if want := jsontext.Value(b).IsValid(); (free == nil) != want {
			t.Errorf("got %v, want accepted %v as by jsontext", free, want)
		}
	})
}

// FuzzMembers compares each member with jsontext's reading, and each value with Pick and with its
// own parts.
func FuzzMembers(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		Pick(b, "a", "b") // must not panic on any input
		dec := jsontext.NewDecoder(bytes.NewReader(b))
		type member struct {
			name string
			Value
		}
		var members []member
		count := 0
		err := Members(b, Limits{}, func(name []byte, v Value) error {
			if count++; count == 1 {
				if _, err := dec.ReadToken(); err != nil {
					t.Fatalf("reading the brace: %v", err)
				}
			}
			token, err := dec.ReadToken()
			if err != nil {
				t.Fatalf("member %d: got %q, jsontext: %v", count, name, err)
			}
			if token.String() != string(name) {
				t.Fatalf("member %d: got name %q, want %q", count, name, token.String())
			}
			raw, err := dec.ReadValue()
			if err != nil || !bytes.Equal(raw, v.Raw) {
				t.Fatalf("member %q: got %s, want %s, %v", name, v.Raw, raw, err)
			}
			if !bytes.HasPrefix(b[v.Offset:], v.Raw) {
				t.Errorf("member %q: offset %d does not point at it", name, v.Offset)
			}
			checkValue(t, v)
			members = append(members, member{string(name), v})
			return nil
		})
		if err != nil {
			return
		}
		if !json.Valid(b) {
			t.Error("accepted, but encoding/json refuses it")
		}
		for _, m := range members {
			if v, ok := Pick(b, m.name); !ok || v.Offset != m.Offset || !bytes.Equal(v.Raw, m.Raw) || v.Kind != m.Kind {
				t.Errorf("Pick of %q: got %s, %v; want %s", m.name, v.Raw, ok, m.Raw)
			}
		}
	})
}

// checkValue compares conversions of a checked value with those of encoding/json.
func checkValue(t *testing.T, v Value) {
	switch v.Kind {
	case String:
		var want string
		if err := json.Unmarshal(v.Raw, &want); err != nil {
			t.Fatalf("encoding/json: %v", err)
		}
		if got, err := v.String(); got != want || err != nil {
			t.Errorf("String of %s: got %q, %v; want %q", v.Raw, got, err, want)
		}
	case Number:
		var f float64
		if got, err := v.Float64(); json.Unmarshal(v.Raw, &f) == nil && (got != f || err != nil) {
			t.Errorf("Float64 of %s: got %v, %v; want %v", v.Raw, got, err, f)
		}
		var n int64
		if got, err := v.Int64(); json.Unmarshal(v.Raw, &n) == nil && (got != n || err != nil) {
			t.Errorf("Int64 of %s: got %v, %v; want %v", v.Raw, got, err, n)
		}
	case Bool:
		if got, err := v.Bool(); err != nil || got != (len(v.Raw) == 4) {
			t.Errorf("Bool of %s: got %v, %v", v.Raw, got, err)
		}
	}
}

// FuzzAppendQuoted checks that any string becomes valid JSON that reads back as the same string,
// except for bytes that are not UTF-8.
func FuzzAppendQuoted(f *testing.F) {
	for _, s := range []string{"", "text", "\x00\"\\\n", "é\u2028", "\xff\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := AppendQuoted(nil, s)
		if err := Check(b, Limits{}); err != nil {
			t.Fatalf("%q: %s: %v", s, b, err)
		}
		v, _ := Pick(b)
		want := string([]rune(s)) // each invalid byte becomes U+FFFD
		if got, err := v.String(); got != want || err != nil {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	})
}
