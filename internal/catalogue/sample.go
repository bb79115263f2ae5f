package catalogue

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
)

// Bounds of a sample made from a schema: enough for a person to see the shape.
const (
	maxSampleDepth = 8
	maxSampleBytes = 64 << 10
	maxSampleSteps = 2000
)

// Sample returns data that fits a JSON Schema, as far as that can be told without trying: the schema's own examples and
// constants where it has some, else plain values of the right types. It returns Generic for no schema. The schema must be
// valid JSON.
func Sample(schema json.RawMessage) json.RawMessage {
	if len(schema) == 0 {
		return Generic
	}
	return sample(schema, false)
}

// sample is Sample; plain tells that the schema's own examples, enumerations aside, are passed over.
func sample(schema []byte, plain bool) json.RawMessage {
	s := sampler{root: schema, plain: plain}
	out := s.value(nil, schema, 0)
	if len(out) > maxSampleBytes || s.steps > maxSampleSteps {
		return Generic
	}
	var compact bytes.Buffer
	if json.Compact(&compact, out) != nil {
		return Generic
	}
	return compact.Bytes()
}

type sampler struct {
	root  []byte
	plain bool
	steps int
	refs  []string // references being followed, to see that one comes back to itself
	parts int      // allOf being followed: what one of its schemas requires another may describe
}

// recurs reports whether the schema is a reference that is being followed already.
func (s *sampler) recurs(schema []byte) bool {
	return len(schema) > 0 && schema[0] == '{' && slices.Contains(s.refs, textAt(schema, "$ref"))
}

// value appends a value of the schema. Past the bounds it appends null.
func (s *sampler) value(dst, schema []byte, depth int) []byte {
	if s.steps++; s.steps > maxSampleSteps || depth > 4*maxSampleDepth || len(dst) > maxSampleBytes || len(schema) == 0 || schema[0] != '{' {
		return append(dst, "null"...)
	}
	if v, ok := rawjson.Pick(schema, "example"); ok && !s.plain { // OpenAPI
		return append(dst, v.Raw...)
	}
	for _, list := range []string{"examples", "enum"} {
		if v, ok := rawjson.Pick(schema, list); ok && (list == "enum" || !s.plain) {
			if first := firstOf(v.Raw); first != nil {
				return append(dst, first...)
			}
		}
	}
	for _, name := range []string{"const", "default"} {
		if v, ok := rawjson.Pick(schema, name); ok && (name == "const" || !s.plain) {
			return append(dst, v.Raw...)
		}
	}
	if v, ok := rawjson.Pick(schema, "$ref"); ok {
		ref, _ := v.String()
		target, ok := pointer(s.root, ref)
		if !ok {
			return append(dst, "null"...)
		}
		s.refs = append(s.refs, ref)
		dst = s.value(dst, target, depth+1)
		s.refs = s.refs[:len(s.refs)-1]
		return dst
	}
	for _, list := range []string{"oneOf", "anyOf"} {
		if v, ok := rawjson.Pick(schema, list); ok {
			if first := firstOf(v.Raw); first != nil {
				return s.value(dst, first, depth+1)
			}
		}
	}
	if v, ok := rawjson.Pick(schema, "allOf"); ok {
		return s.all(dst, schema, v.Raw, depth)
	}
	switch typeOf(schema) {
	case "object":
		return s.object(dst, schema, depth)
	case "array":
		return s.array(dst, schema, depth)
	case "string":
		return rawjson.AppendQuoted(dst, sampleString(schema))
	case "integer", "number":
		return append(dst, sampleNumber(schema)...)
	case "boolean":
		return append(dst, "true"...)
	}
	return append(dst, "null"...)
}

// all merges the objects of an allOf and of the schema around it.
func (s *sampler) all(dst, schema, list []byte, depth int) []byte {
	var parts mergeExpr
	var other []byte
	s.parts++
	defer func() { s.parts-- }()
	_ = rawjson.Elements(list, rawjson.Limits{Depth: event.MaxDepth}, func(_ int, v rawjson.Value) error {
		switch part := s.value(nil, v.Raw, depth+1); {
		case part[0] == '{':
			parts = append(parts, literalExpr(part))
		case string(part) != "null":
			other = part
		}
		return nil
	})
	if _, ok := rawjson.Pick(schema, "properties"); ok {
		parts = append(parts, literalExpr(s.object(nil, schema, depth)))
	}
	if merged, err := parts.eval(scope{}); err == nil && merged != nil {
		return append(dst, merged...)
	}
	if other != nil {
		return append(dst, other...)
	}
	return append(dst, "null"...)
}

func (s *sampler) object(dst, schema []byte, depth int) []byte {
	out := []byte{'{'}
	properties, ok := rawjson.Pick(schema, "properties")
	if ok && depth < maxSampleDepth {
		_ = rawjson.Members(properties.Raw, rawjson.Limits{Depth: event.MaxDepth}, func(name []byte, v rawjson.Value) error {
			if !s.recurs(v.Raw) || isRequired(schema, string(name)) {
				out = appendMember(out, string(name), s.value(nil, v.Raw, depth+1))
			}
			return nil
		})
	}
	if required, ok := rawjson.Pick(schema, "required"); ok && s.parts == 0 {
		more, _ := rawjson.Pick(schema, "additionalProperties")
		_ = rawjson.Elements(required.Raw, rawjson.Limits{}, func(_ int, v rawjson.Value) error {
			name, err := v.String()
			if s.steps++; err != nil || s.steps > maxSampleSteps {
				return err
			}
			if _, described := rawjson.Pick(properties.Raw, name); described {
				return nil
			}
			value := []byte(`"text"`)
			if more.Kind == rawjson.Object {
				value = s.value(nil, more.Raw, depth+1)
			}
			out = appendMember(out, name, value)
			return nil
		})
	}
	return append(append(dst, out...), '}')
}

func (s *sampler) array(dst, schema []byte, depth int) []byte {
	items, ok := rawjson.Pick(schema, "items")
	if !ok || depth >= maxSampleDepth || s.recurs(items.Raw) {
		return append(dst, "[]"...)
	}
	n := 1
	if v, ok := rawjson.Pick(schema, "minItems"); ok {
		if least, err := v.Int64(); err == nil {
			n = int(max(1, min(least, 10)))
		}
	}
	dst = append(dst, '[')
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = s.value(dst, items.Raw, depth+1)
	}
	return append(dst, ']')
}

func isRequired(schema []byte, name string) (required bool) {
	if v, ok := rawjson.Pick(schema, "required"); ok && v.Kind == rawjson.Array {
		_ = rawjson.Elements(v.Raw, rawjson.Limits{}, func(_ int, v rawjson.Value) error {
			text, _ := v.String()
			required = required || text == name
			return nil
		})
	}
	return required
}

// firstOf returns the first element of an array that is not null.
func firstOf(list []byte) (first []byte) {
	_ = rawjson.Elements(list, rawjson.Limits{Depth: event.MaxDepth}, func(_ int, v rawjson.Value) error {
		if first == nil && v.Kind != rawjson.Null {
			first = v.Raw
		}
		return nil
	})
	return first
}

// typeOf returns the schema's type, the first but null of several, or guesses it from other keywords.
func typeOf(schema []byte) string {
	if v, ok := rawjson.Pick(schema, "type"); ok {
		raw := v.Raw
		if v.Kind == rawjson.Array {
			_ = rawjson.Elements(raw, rawjson.Limits{}, func(_ int, v rawjson.Value) error {
				if t, _ := v.String(); t != "null" && raw[0] == '[' {
					raw = v.Raw
				}
				return nil
			})
		}
		t, _ := rawjson.Value{Raw: raw, Kind: rawjson.String}.String()
		return t
	}
	for _, g := range []struct{ keyword, is string }{{"properties", "object"}, {"items", "array"}, {"format", "string"}, {"pattern", "string"}, {"minimum", "number"}, {"maximum", "number"}} {
		if _, ok := rawjson.Pick(schema, g.keyword); ok {
			return g.is
		}
	}
	return ""
}

// formatSamples are values of the formats of JSON Schema 2020-12, section 7.3 of its validation document.
var formatSamples = map[string]string{
	"date-time": "2026-05-05T14:23:00Z", "date": "2026-05-05", "time": "14:23:00Z", "duration": "PT5M",
	"email": "name@example.com", "idn-email": "name@example.com", "hostname": "example.com", "idn-hostname": "example.com",
	"ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "uri": "https://example.com/", "iri": "https://example.com/",
	"uri-reference": "/path", "iri-reference": "/path", "uuid": "3f2b8c1e-5d4a-4f6b-9c7d-8e1a2b3c4d5e",
	"json-pointer": "/name", "regex": "^.*$",
}

func sampleString(schema []byte) string {
	if v, ok := rawjson.Pick(schema, "format"); ok {
		format, _ := v.String()
		if text, ok := formatSamples[format]; ok {
			return text
		}
	}
	text := "text"
	if v, ok := rawjson.Pick(schema, "minLength"); ok {
		if n, err := v.Int64(); err == nil && n > int64(len(text)) {
			text = strings.Repeat("x", int(min(n, 1000)))
		}
	}
	if v, ok := rawjson.Pick(schema, "maxLength"); ok {
		if n, err := v.Int64(); err == nil && n >= 0 && n < int64(len(text)) {
			text = text[:n]
		}
	}
	return text
}

func sampleNumber(schema []byte) string {
	for _, b := range []struct {
		keyword string
		step    float64
	}{{"minimum", 0}, {"exclusiveMinimum", 1}, {"maximum", 0}, {"exclusiveMaximum", -1}} {
		v, ok := rawjson.Pick(schema, b.keyword)
		if !ok {
			continue
		}
		if b.step == 0 && v.Kind == rawjson.Number {
			return string(v.Raw)
		}
		if f, err := v.Float64(); err == nil {
			return strconv.FormatFloat(f+b.step, 'f', -1, 64)
		}
	}
	return "1"
}

// pointer returns the value a reference like "#/$defs/name" points at (RFC 6901).
func pointer(root []byte, ref string) ([]byte, bool) {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil, false
	}
	if path == "" {
		return root, true
	}
	if path[0] != '/' {
		return nil, false
	}
	at := root
	for _, token := range strings.Split(path[1:], "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		v, ok := rawjson.Pick(at, token)
		if !ok {
			return nil, false
		}
		at = v.Raw
	}
	return at, true
}
