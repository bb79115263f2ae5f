package catalogue

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
)

// Limits of a sample generated from a schema.
const (
	maxSampleDepth = 8         // nesting of objects; deeper ones get only required members
	maxSampleStack = 100       // schemas followed one inside the other
	maxSampleBytes = 128 << 10 // of a sample
	maxSampleSteps = 20_000    // schemas visited
)

// Sample returns data that should fit a JSON Schema: the schema's own examples and constants if it
// has any, else simple values of the right types. It does not check the result. It returns Generic
// for an empty schema. The schema must be valid JSON.
func Sample(schema json.RawMessage) json.RawMessage {
	if len(schema) == 0 {
		return Generic
	}
	return sample(schema, asTheSchemaSays)
}

// sampling is a way to generate samples. If a sample does not fit its schema, the next way may
// succeed.
type sampling int

const (
	asTheSchemaSays sampling = iota // with the schema's own examples and defaults
	plainValues                     // without them, because they may be sketches
	requiredOnly                    // plain values, and only for required members
	samplings
)

// fittingSample returns a sample that fits, or sketch set if it found none.
func fittingSample(schema json.RawMessage, fits func(json.RawMessage) bool) (out json.RawMessage, sketch bool) {
	if len(schema) == 0 {
		return Generic, !fits(Generic)
	}
	for how := range samplings {
		s := sample(schema, how)
		if fits(s) {
			return s, false
		}
		if out == nil {
			out = s
		}
	}
	return out, true
}

func sample(schema []byte, how sampling) json.RawMessage {
	s := sampler{root: schema, how: how, nodes: make(map[*byte]*sampleNode), targets: make(map[string][]byte)}
	out := s.value(nil, [][]byte{schema}, 0)
	if len(out) > maxSampleBytes || s.steps > maxSampleSteps {
		return Generic
	}
	var compact bytes.Buffer
	if json.Compact(&compact, out) != nil {
		return Generic
	}
	return compact.Bytes()
}

// sampler generates one sample. It generates a value for several schemas at once, all of which the
// value should fit.
type sampler struct {
	root    []byte
	how     sampling
	steps   int
	stack   int
	nodes   map[*byte]*sampleNode // by the schema's first byte
	targets map[string][]byte     // of references
	choices [][]byte              // lists of alternatives to choose from
	refs    []string              // references being followed, to detect cycles
}

// sampleNode is a schema split into its keywords.
type sampleNode struct {
	keywords   map[string]rawjson.Value
	names      []string // of the properties, in order
	properties map[string][]byte
}

func (s *sampler) node(schema []byte) *sampleNode {
	if n := s.nodes[&schema[0]]; n != nil {
		return n
	}
	n := &sampleNode{keywords: make(map[string]rawjson.Value), properties: make(map[string][]byte)}
	_ = rawjson.Members(schema, rawjson.Limits{Depth: event.MaxDepth}, func(name []byte, v rawjson.Value) error {
		n.keywords[string(name)] = v
		return nil
	})
	if p := n.keywords["properties"]; p.Kind == rawjson.Object {
		_ = rawjson.Members(p.Raw, rawjson.Limits{Depth: event.MaxDepth}, func(name []byte, v rawjson.Value) error {
			n.names = append(n.names, string(name))
			n.properties[string(name)] = v.Raw
			return nil
		})
	}
	s.nodes[&schema[0]] = n
	return n
}

func (s *sampler) done(dst []byte) bool {
	s.steps++
	return s.steps > maxSampleSteps || s.stack > maxSampleStack || len(dst) > maxSampleBytes
}

// spread appends the schema, the targets of its references and the parts of its allOf. It adds its
// alternatives to choices.
func (s *sampler) spread(out []*sampleNode, schema []byte, nested int) []*sampleNode {
	if s.done(nil) || nested > maxSampleStack || len(schema) == 0 || schema[0] != '{' {
		return out
	}
	n := s.node(schema)
	out = append(out, n)
	if v, ok := n.keywords["$ref"]; ok {
		ref, _ := v.String()
		if target := s.target(ref); len(target) > 0 {
			s.refs = append(s.refs, ref)
			out = s.spread(out, target, nested+1)
		}
	}
	if v := n.keywords["allOf"]; v.Kind == rawjson.Array {
		_ = rawjson.Elements(v.Raw, rawjson.Limits{Depth: event.MaxDepth}, func(_ int, v rawjson.Value) error {
			out = s.spread(out, v.Raw, nested+1)
			return nil
		})
	}
	for _, list := range []string{"oneOf", "anyOf"} {
		if v := n.keywords[list]; v.Kind == rawjson.Array {
			s.choices = append(s.choices, v.Raw)
		}
	}
	return out
}

// all lists every schema that applies where the given ones do.
func (s *sampler) all(schemas [][]byte) (nodes []*sampleNode) {
	before := len(s.choices)
	for _, schema := range schemas {
		nodes = s.spread(nodes, schema, 0)
	}
	// Alternatives are chosen last, when the schemas they must be compatible with are known. They
	// may add further alternatives.
	for len(s.choices) > before && !s.done(nil) {
		list := s.choices[before]
		s.choices = slices.Delete(s.choices, before, before+1)
		nodes = s.spread(nodes, s.alternative(list, nodes), 0)
	}
	s.choices = s.choices[:before]
	return nodes
}

// target returns the schema to which a reference leads, or nil.
func (s *sampler) target(ref string) []byte {
	target, known := s.targets[ref]
	if !known {
		target, _ = pointer(s.root, ref)
		s.targets[ref] = target
	}
	return target
}

// kindOf returns the type of one schema, or of its target if it is a reference.
func (s *sampler) kindOf(schema []byte) string {
	for range 5 {
		if len(schema) == 0 || schema[0] != '{' {
			return ""
		}
		n := s.node(schema)
		v, ok := n.keywords["$ref"]
		if !ok {
			return kindIn([]*sampleNode{n})
		}
		ref, _ := v.String()
		schema = s.target(ref)
	}
	return ""
}

// alternative returns the best alternative: one that is not null, has the type that other schemas
// demand, and is not being followed already. If no alternative is ideal, it prefers null, then a
// cycle, then another type.
func (s *sampler) alternative(list []byte, others []*sampleNode) (choice []byte) {
	best := 4
	wanted := kindIn(others)
	_ = rawjson.Elements(list, rawjson.Limits{Depth: event.MaxDepth}, func(_ int, v rawjson.Value) error {
		if v.Kind != rawjson.Object {
			return nil
		}
		rank := 0
		is := s.kindOf(v.Raw)
		switch {
		case wanted != "" && is != "" && is != wanted:
			rank = 3
		case s.recurs(v.Raw):
			rank = 2
		case is == "null":
			rank = 1
		}
		if rank < best {
			choice, best = v.Raw, rank
		}
		return nil
	})
	return choice
}

// recurs reports whether the schema is a reference that is already being followed.
func (s *sampler) recurs(schema []byte) bool {
	if len(schema) == 0 || schema[0] != '{' {
		return false
	}
	v, ok := s.node(schema).keywords["$ref"]
	if !ok {
		return false
	}
	ref, _ := v.String()
	return slices.Contains(s.refs, ref)
}

// value appends a value that fits the schemas. Beyond the limits it appends null.
func (s *sampler) value(dst []byte, schemas [][]byte, depth int) []byte {
	if s.done(dst) {
		return append(dst, "null"...)
	}
	refs := len(s.refs)
	s.stack++
	defer func() {
		s.refs = s.refs[:refs]
		s.stack--
	}()
	nodes := s.all(schemas)
	if given := s.given(nodes); given != nil {
		return append(dst, given...)
	}
	switch kindIn(nodes) {
	case "object":
		return s.object(dst, nodes, depth)
	case "array":
		return s.array(dst, nodes, depth)
	case "string":
		return rawjson.AppendQuoted(dst, sampleString(nodes))
	case "integer", "number":
		return append(dst, sampleNumber(nodes)...)
	case "boolean":
		return append(dst, "true"...)
	}
	return append(dst, "null"...)
}

// given returns a value that one of the schemas contains: a constant, a value of an enumeration, an
// example.
func (s *sampler) given(nodes []*sampleNode) []byte {
	for _, n := range nodes {
		if v, ok := n.keywords["const"]; ok {
			return v.Raw
		}
	}
	var allowed [][]byte
	for i, n := range nodes {
		v := n.keywords["enum"]
		if v.Kind != rawjson.Array {
			continue
		}
		var own [][]byte
		_ = rawjson.Elements(v.Raw, rawjson.Limits{Depth: event.MaxDepth}, func(_ int, v rawjson.Value) error {
			for _, other := range nodes[:i] {
				if list := other.keywords["enum"]; list.Kind == rawjson.Array && !slices.ContainsFunc(allowed, func(a []byte) bool { return bytes.Equal(a, v.Raw) }) {
					return nil
				}
			}
			own = append(own, v.Raw)
			return nil
		})
		allowed = own
	}
	if len(allowed) > 0 {
		wanted := kindIn(nodes)
		for _, v := range allowed {
			if is := jsonType(v); is == wanted || wanted == "" && is != "null" || wanted == "integer" && is == "number" {
				return v
			}
		}
		return allowed[0]
	}
	if s.how != asTheSchemaSays {
		return nil
	}
	for _, n := range nodes {
		if v, ok := n.keywords["example"]; ok { // OpenAPI
			return v.Raw
		}
		if v, ok := n.keywords["examples"]; ok && v.Kind == rawjson.Array {
			if first := firstOf(v.Raw); first != nil {
				return first
			}
		}
	}
	for _, n := range nodes {
		if v, ok := n.keywords["default"]; ok {
			return v.Raw
		}
	}
	return nil
}

func (s *sampler) object(dst []byte, nodes []*sampleNode, depth int) []byte {
	required := make(map[string]bool)
	var names []string // including required ones, in the order of the schema
	seen := make(map[string]bool)
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	for _, n := range nodes {
		for _, name := range n.names {
			add(name)
		}
	}
	for _, n := range nodes {
		if v := n.keywords["required"]; v.Kind == rawjson.Array {
			_ = rawjson.Elements(v.Raw, rawjson.Limits{}, func(_ int, v rawjson.Value) error {
				if name, err := v.String(); err == nil {
					required[name] = true
					add(name)
				}
				return nil
			})
		}
	}
	out := []byte{'{'}
	for _, name := range names {
		var schemas [][]byte
		recurs, refused := false, false
		for _, n := range nodes {
			schema, described := n.properties[name]
			if !described {
				if more := n.keywords["additionalProperties"]; more.Kind == rawjson.Object {
					schema = more.Raw
				}
			}
			if schema == nil {
				continue
			}
			refused = refused || string(schema) == "false"
			recurs = recurs || s.recurs(schema)
			schemas = append(schemas, schema)
		}
		if !required[name] && (recurs || refused || s.how == requiredOnly || depth >= maxSampleDepth) {
			continue
		}
		if s.done(out) {
			break
		}
		if recurs && depth >= maxSampleDepth { // an endless chain of required members
			out = appendMember(out, name, []byte("null"))
			continue
		}
		if !slices.ContainsFunc(schemas, func(b []byte) bool { return b[0] == '{' && len(b) > 2 }) {
			out = appendMember(out, name, []byte(`"text"`)) // any value fits
			continue
		}
		out = appendMember(out, name, s.value(nil, schemas, depth+1))
	}
	return append(append(dst, out...), '}')
}

func (s *sampler) array(dst []byte, nodes []*sampleNode, depth int) []byte {
	var items, prefix [][]byte
	n, most := 0, -1
	recurs := false
	for _, node := range nodes {
		switch v := node.keywords["items"]; v.Kind {
		case rawjson.Object:
			items = append(items, v.Raw)
			recurs = recurs || s.recurs(v.Raw)
		case rawjson.Array: // before 2020-12
			prefix = elementsOf(v.Raw)
		}
		if v := node.keywords["prefixItems"]; v.Kind == rawjson.Array {
			prefix = elementsOf(v.Raw)
		}
		if v := node.keywords["contains"]; v.Kind == rawjson.Object {
			items = append(items, v.Raw)
			n = max(n, 1)
		}
		if least, ok := integerAt(node, "minItems"); ok {
			n = max(n, int(min(least, 100)))
		}
		if limit, ok := integerAt(node, "maxItems"); ok {
			most = int(min(max(limit, 0), 100))
		}
	}
	if n == 0 && !recurs && depth < maxSampleDepth && s.how != requiredOnly {
		n = max(len(prefix), min(len(items), 1))
	}
	if most >= 0 {
		n = min(n, most)
	}
	dst = append(dst, '[')
	for i := range n {
		if s.done(dst) {
			break
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		of := items
		if i < len(prefix) {
			of = [][]byte{prefix[i]}
		}
		dst = s.value(dst, of, depth)
	}
	return append(dst, ']')
}

// pointer returns the value to which a reference such as "#/$defs/name" points (RFC 6901).
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
