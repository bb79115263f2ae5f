package catalogue

import (
	"encoding/json"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// typeMasks are the library's type bits.
var typeMasks = func() map[string]jsonschema.Types {
	masks := make(map[string]jsonschema.Types)
	for name := range typeNames {
		var t jsonschema.Types
		t.Add(name)
		masks[name] = t
	}
	return masks
}()

var (
	nullMask, boolMask, numberMask, integerMask = typeMasks["null"], typeMasks["boolean"], typeMasks["number"], typeMasks["integer"]
	stringMask, arrayMask, objectMask           = typeMasks["string"], typeMasks["array"], typeMasks["object"]
)

func hasType(wanted jsonschema.Types, v any) bool {
	switch v := v.(type) {
	case nil:
		return wanted&nullMask != 0
	case bool:
		return wanted&boolMask != 0
	case string:
		return wanted&stringMask != 0
	case []any:
		return wanted&arrayMask != 0
	case map[string]any:
		return wanted&objectMask != 0
	case json.Number:
		return wanted&numberMask != 0 || wanted&integerMask != 0 && isIntegral(v)
	}
	return false
}

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "number"
}

func numberOf(v any) (json.Number, bool) {
	n, is := v.(json.Number)
	return n, is
}

// isIntegral reports whether a number is an integer: 1, 1.0 and 10e-1 are.
func isIntegral(n json.Number) bool {
	if !strings.ContainsAny(string(n), ".eE") {
		return true
	}
	r := ratOf(n)
	return r != nil && r.IsInt()
}

// ratOf returns the exact value of a number. decode bounds the exponents.
func ratOf(n json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return nil
	}
	return r
}

func (j *judge) number(s *jsonschema.Schema, n json.Number) bool {
	if s.Minimum == nil && s.Maximum == nil && s.ExclusiveMinimum == nil && s.ExclusiveMaximum == nil && s.MultipleOf == nil {
		return true
	}
	j.spend(1 + len(n)/8)
	r := ratOf(n)
	if r == nil {
		return true
	}
	ok := true
	fail := func(k jsonschema.ErrorKind) {
		if ok = false; j.found != nil {
			j.bad(k)
		}
	}
	if s.Minimum != nil && r.Cmp(s.Minimum) < 0 {
		fail(&kind.Minimum{Want: s.Minimum})
	}
	if s.Maximum != nil && r.Cmp(s.Maximum) > 0 {
		fail(&kind.Maximum{Want: s.Maximum})
	}
	if s.ExclusiveMinimum != nil && r.Cmp(s.ExclusiveMinimum) <= 0 {
		fail(&kind.ExclusiveMinimum{Want: s.ExclusiveMinimum})
	}
	if s.ExclusiveMaximum != nil && r.Cmp(s.ExclusiveMaximum) >= 0 {
		fail(&kind.ExclusiveMaximum{Want: s.ExclusiveMaximum})
	}
	if s.MultipleOf != nil && s.MultipleOf.Sign() != 0 && !new(big.Rat).Quo(r, s.MultipleOf).IsInt() {
		fail(&kind.MultipleOf{Want: s.MultipleOf})
	}
	return ok
}

func (j *judge) text(s *jsonschema.Schema, v string) bool {
	ok := true
	fail := func(k jsonschema.ErrorKind) {
		if ok = false; j.found != nil {
			j.bad(k)
		}
	}
	if s.MinLength != nil || s.MaxLength != nil {
		j.spend(len(v) / 256)
		n := utf8.RuneCountInString(v)
		if s.MinLength != nil && n < *s.MinLength {
			fail(&kind.MinLength{Got: n, Want: *s.MinLength})
		}
		if s.MaxLength != nil && n > *s.MaxLength {
			fail(&kind.MaxLength{Got: n, Want: *s.MaxLength})
		}
	}
	if s.Pattern != nil && !j.matches(s.Pattern, v, true) {
		fail(&kind.Pattern{Want: s.Pattern.String()})
	}
	return ok
}

// matches matches a pattern of the schema and charges its cost first. For an unchecked pattern it
// returns unchecked.
func (j *judge) matches(re jsonschema.Regexp, v string, unchecked bool) bool {
	p, is := re.(*pattern)
	if !is {
		j.spend(1 + len(v))
		return re.MatchString(v)
	}
	if p.unchecked != "" {
		return unchecked
	}
	j.spend(p.cost(len(v)))
	return p.MatchString(v)
}

// sameValue reports whether two JSON values are equal: numbers by value, objects in any order.
func (j *judge) sameValue(a, b any) bool {
	j.spend(1)
	switch a := a.(type) {
	case nil:
		return b == nil
	case bool:
		o, is := b.(bool)
		return is && a == o
	case string:
		o, is := b.(string)
		return is && a == o
	case json.Number:
		o, is := b.(json.Number)
		if !is || a == o {
			return is
		}
		if !strings.ContainsAny(string(a)+string(o), ".eE-") {
			return false // integers without leading zeros, as JSON requires
		}
		j.spend((len(a) + len(o)) / 8)
		x, y := ratOf(a), ratOf(o)
		return x != nil && y != nil && x.Cmp(y) == 0
	case []any:
		o, is := b.([]any)
		if !is || len(a) != len(o) {
			return false
		}
		for i := range a {
			if !j.sameValue(a[i], o[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		o, is := b.(map[string]any)
		if !is || len(a) != len(o) {
			return false
		}
		for name, x := range a {
			y, has := o[name]
			if !has || !j.sameValue(x, y) {
				return false
			}
		}
		return true
	}
	return false
}

// twins returns the indexes of two equal elements; b is zero if there are none.
func (j *judge) twins(list []any) (a, b int) {
	if len(list) <= 8 {
		for b = 1; b < len(list); b++ {
			for a = range b {
				if j.sameValue(list[a], list[b]) {
					return a, b
				}
			}
		}
		return 0, 0
	}
	first := make(map[string]int, len(list))
	var key []byte
	for i, v := range list {
		key = j.appendKey(key[:0], v)
		if a, seen := first[string(key)]; seen {
			return a, i
		}
		first[string(key)] = i
	}
	return 0, 0
}

// appendKey appends a text that is the same for equal values and different for others.
func (j *judge) appendKey(dst []byte, v any) []byte {
	j.spend(2)
	switch v := v.(type) {
	case json.Number:
		if !strings.ContainsAny(string(v), ".eE-") {
			return append(dst, v...)
		}
		j.spend(len(v) / 8)
		if r := ratOf(v); r != nil {
			return append(dst, r.RatString()...)
		}
		return append(dst, v...)
	case []any:
		dst = append(dst, '[')
		for _, element := range v {
			dst = append(j.appendKey(dst, element), ',')
		}
		return append(dst, ']')
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		dst = append(dst, '{')
		for _, name := range names {
			dst = append(append(dst, strconv.Quote(name)...), ':')
			dst = append(j.appendKey(dst, v[name]), ',')
		}
		return append(dst, '}')
	case string:
		j.spend(len(v) / 64)
		return append(dst, strconv.Quote(v)...)
	case bool:
		if v {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	}
	return append(dst, "null"...)
}
