package catalogue

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
)

// fastNode is a simple schema, as most are: types, members, required members, elements, constants,
// a few formats. One walk over the raw bytes establishes that an event fits, in a tenth of the time
// that the library needs to decode and check it. In all other cases the library decides: a fastNode
// never rejects an event.
type fastNode struct {
	types    kinds // zero means any
	members  map[string]fastMember
	required uint64                 // the bits of all required members
	items    *fastNode              // nil means any
	constant map[string]bool        // nil means any; the JSON of strings without escapes, integers, true, false, null
	format   func(text []byte) bool // of strings; nil means any
	minimum  int64                  // of numbers; math.MinInt64 means none
}

type fastMember struct {
	*fastNode // nil means any
	bit       uint64
}

// kinds is a set of rawjson.Kind values and isInteger.
type kinds uint16

const isInteger kinds = 1 << 15

var kindsByName = map[string]kinds{
	"null": 1 << rawjson.Null, "boolean": 1 << rawjson.Bool, "number": 1 << rawjson.Number, "integer": isInteger,
	"string": 1 << rawjson.String, "array": 1 << rawjson.Array, "object": 1 << rawjson.Object,
}

// annotations are keywords that do not restrict values.
var annotations = map[string]bool{
	"title": true, "description": true, "default": true, "examples": true, "example": true, "deprecated": true,
	"readOnly": true, "writeOnly": true, "$comment": true,
}

const draft2020 = "https://json-schema.org/draft/2020-12/schema"

// compileFast returns the fast form of a decoded schema, or nil if the schema uses features beyond
// it.
func compileFast(doc any) *fastNode {
	m, ok := doc.(map[string]any)
	if !ok {
		return nil
	}
	n := &fastNode{minimum: math.MinInt64}
	bits := make(map[string]uint64)
	if list, ok := m["required"].([]any); ok {
		if len(list) > 64 {
			return nil
		}
		for i, name := range list {
			text, ok := name.(string)
			if !ok {
				return nil
			}
			bits[text] |= 1 << i
			n.required |= 1 << i
		}
	}
	if len(bits) > 0 {
		n.members = make(map[string]fastMember)
		for name, bit := range bits {
			n.members[name] = fastMember{nil, bit}
		}
	}
	for keyword, v := range m {
		switch {
		case annotations[keyword], strings.HasPrefix(keyword, "x-"), keyword == "required", keyword == "$schema" && v == draft2020:
		case !n.add(keyword, v, bits):
			return nil
		}
	}
	return n
}

// add adds a keyword and reports whether the fast form supports it.
func (n *fastNode) add(keyword string, v any, bits map[string]uint64) bool {
	switch keyword {
	case "type":
		names, ok := v.([]any)
		if !ok {
			names = []any{v}
		}
		for _, name := range names {
			text, _ := name.(string)
			if kindsByName[text] == 0 {
				return false
			}
			n.types |= kindsByName[text]
		}
	case "properties":
		members, ok := v.(map[string]any)
		if !ok {
			return false
		}
		if n.members == nil {
			n.members = make(map[string]fastMember)
		}
		for name, schema := range members {
			child := compileFast(schema)
			if child == nil {
				return false
			}
			n.members[name] = fastMember{child, bits[name]}
		}
	case "items":
		n.items = compileFast(v)
		return n.items != nil
	case "enum":
		list, ok := v.([]any)
		if !ok {
			return false
		}
		n.constant = make(map[string]bool)
		for _, c := range list {
			switch c := c.(type) {
			case nil, bool:
			case string:
				if strings.ContainsFunc(c, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == 0x7f }) {
					return false
				}
			case json.Number:
				if _, err := strconv.ParseInt(c.String(), 10, 64); err != nil {
					return false
				}
			default:
				return false
			}
			text, ok := c.(string)
			raw := rawjson.AppendQuoted(nil, text)
			if !ok {
				raw, _ = json.Marshal(c)
			}
			n.constant[string(raw)] = true
		}
	case "format":
		name, _ := v.(string)
		n.format = fastFormats[name]
		return n.format != nil
	case "minimum":
		number, _ := v.(json.Number)
		least, err := strconv.ParseInt(number.String(), 10, 64)
		n.minimum = least
		return err == nil
	default:
		return false
	}
	return true
}

// fits reports whether raw certainly fits the schema.
func (n *fastNode) fits(raw []byte) bool {
	s := decoders.Get().(*rawjson.Scanner)
	s.Reset(raw, rawjson.Limits{Depth: event.MaxDepth})
	ok := n.walk(s) && s.End() == nil
	s.Reset(nil, rawjson.Limits{})
	decoders.Put(s)
	return ok
}

// walk consumes the value at the scanner. If it returns false, the scanner's position is undefined.
func (n *fastNode) walk(s *rawjson.Scanner) bool {
	kind := s.Kind()
	if n.types != 0 && n.types&(1<<kind) == 0 && (kind != rawjson.Number || n.types&isInteger == 0) {
		return false
	}
	if n.constant != nil && (kind == rawjson.Object || kind == rawjson.Array) {
		return false
	}
	switch kind {
	case rawjson.Object:
		return n.object(s)
	case rawjson.Array:
		s.Enter()
		for s.Next() {
			if n.items != nil && !n.items.walk(s) {
				return false
			}
		}
		return s.Err() == nil
	}
	v := s.Value()
	if v.Kind == rawjson.Invalid || n.constant != nil && !n.constant[string(v.Raw)] {
		return false
	}
	switch kind {
	case rawjson.Number:
		if n.types&(1<<rawjson.Number) == 0 && n.types&isInteger != 0 || n.minimum != math.MinInt64 {
			i, err := v.Int64()
			return err == nil && i >= n.minimum
		}
	case rawjson.String:
		return n.format == nil || n.format(v.Raw[1:len(v.Raw)-1])
	}
	return true
}

func (n *fastNode) object(s *rawjson.Scanner) bool {
	var seen uint64
	s.Enter()
	for s.Next() {
		m, known := n.members[string(s.Name())]
		if !known {
			continue // Next skips it
		}
		seen |= m.bit
		if m.fastNode != nil && !m.walk(s) {
			return false
		}
	}
	return s.Err() == nil && seen&n.required == n.required
}

// fastFormats recognise the usual spellings of a format. Spellings that they do not recognise may
// still be valid.
var fastFormats = map[string]func([]byte) bool{"date-time": fastDateTime, "uuid": fastUUID, "uri": fastURI}

// fastDateTime recognises times in UTC, on days that every month has (RFC 3339, section 5.6).
func fastDateTime(b []byte) bool {
	const layout = "0000-00-00T00:00:00"
	if len(b) <= len(layout) || b[len(b)-1] != 'Z' {
		return false
	}
	for i := range layout {
		if layout[i] == '0' && (b[i] < '0' || b[i] > '9') || layout[i] != '0' && b[i] != layout[i] {
			return false
		}
	}
	if fraction := b[len(layout) : len(b)-1]; len(fraction) > 0 {
		if fraction[0] != '.' || len(fraction) == 1 {
			return false
		}
		for _, c := range fraction[1:] {
			if c < '0' || c > '9' {
				return false
			}
		}
	}
	two := func(i int) int { return int(b[i]-'0')*10 + int(b[i+1]-'0') }
	month, day := two(5), two(8)
	longest := 30
	switch month {
	case 1, 3, 5, 7, 8, 10, 12:
		longest = 31
	case 2:
		longest = 28
	}
	return month >= 1 && month <= 12 && day >= 1 && day <= longest && two(11) <= 23 && two(14) <= 59 && two(17) <= 59
}

func fastUUID(b []byte) bool {
	if len(b) != 36 {
		return false
	}
	for i, c := range b {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

// fastURI recognises web addresses without ports, user names and escapes.
func fastURI(b []byte) bool {
	s := string(b)
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(s, "http://"); !ok {
			return false
		}
	}
	if rest == "" || rest[0] == '/' || rest[0] == '?' || rest[0] == '#' {
		return false
	}
	for i := range len(rest) {
		c := rest[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && strings.IndexByte("-._~/?=&", c) < 0 {
			return false
		}
	}
	return true
}
