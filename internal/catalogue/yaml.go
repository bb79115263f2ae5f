package catalogue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/problem"
)

const (
	// MaxFileBytes bounds a file of types, and an imported document.
	MaxFileBytes = 16 << 20
	// maxYAMLBytes bounds documents in YAML, which take a hundred times as much memory while they
	// are read.
	maxYAMLBytes = 8 << 20
)

// FilePack is the name of the pack that ReadFile returns.
const FilePack = "file"

// ReadFile reads the operator's file of event types, which every tenant has, in YAML or JSON:
//
//	types:
//	  - name: order.created
//	    description: An order was placed.
//	    fires: Once the payment is confirmed.    # optional, like all fields below
//	    version: "1"
//	    aliases: [order.placed]
//	    validation: warn                         # off, warn, strict
//	    deprecated: false
//	    schema: {type: object, properties: {amount: {type: number}}}
//	    attributesSchema: {…}
//	    example: {amount: 100}
//	rules:
//	  - name: large-order
//	    on: order.created
//	    when: event.data.amount > 1000
//	    type: order.large
//	    data: event.data
//
// Unknown fields are rejected. A type with the name of a type in an earlier pack replaces that
// type.
func ReadFile(b []byte) (*Pack, error) { return readFile(nil, b) }

// readFile is ReadFile within the work budget of a request.
func readFile(w *Work, b []byte) (*Pack, error) {
	im := importing{work: w}
	doc, err := toJSON(b)
	if err != nil {
		return nil, fmt.Errorf("reading event types: %w", err)
	}
	var file struct {
		Types []struct {
			Type
			Validation Mode `json:"validation"`
			Deprecated bool `json:"deprecated"`
		} `json:"types"`
		Rules []Rule `json:"rules"`
	}
	if err := strictJSON(doc, &file); err != nil {
		return nil, fmt.Errorf("reading event types: %w", err)
	}
	p := &Pack{Name: FilePack, Rules: file.Rules}
	seen := make(map[string]bool)
	for _, f := range file.Types {
		t := f.Type
		if err := im.takeStrict(&t); err != nil {
			if w != nil && endsImport(err) {
				return nil, err
			}
			return nil, fmt.Errorf("reading event type %q: %w", problem.Clip(t.Name), err)
		}
		if f.Validation != "" && !KnownMode(f.Validation) {
			return nil, fmt.Errorf("reading event type %q: validation must be %q, %q or %q, got %q", t.Name, Off, Warn, Strict, f.Validation)
		}
		if seen[t.Name] {
			return nil, fmt.Errorf("reading event types: type %q occurs twice", t.Name)
		}
		seen[t.Name] = true
		t.Pack, t.Validation, t.Deprecated = FilePack, f.Validation, f.Deprecated
		p.Types = append(p.Types, t)
	}
	names := make(map[string]bool)
	for i := range p.Rules {
		rule := &p.Rules[i]
		rule.Pack = FilePack
		if err := rule.check(); err != nil {
			return nil, fmt.Errorf("reading rule %q: %w", problem.Clip(rule.Name), err)
		}
		if names[rule.Name] {
			return nil, fmt.Errorf("reading rules: rule %q occurs twice", rule.Name)
		}
		names[rule.Name] = true
	}
	return p, nil
}

// toJSON converts a JSON or YAML document to JSON that passes rawjson.Check. Numbers keep their
// spelling.
func toJSON(b []byte) ([]byte, error) {
	if len(b) > MaxFileBytes {
		return nil, fmt.Errorf("must have at most %d bytes, got %d", MaxFileBytes, len(b))
	}
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	var bad error
	if trimmed := bytes.TrimSpace(b); len(trimmed) > 0 && trimmed[0] == '{' {
		if bad = rawjson.Check(trimmed, rawjson.Limits{Depth: event.MaxDepth}); bad == nil {
			return trimmed, nil
		}
	}
	if len(b) > maxYAMLBytes {
		if bad != nil {
			return nil, bad
		}
		return nil, fmt.Errorf("must have at most %d bytes as YAML, got %d: use JSON instead", maxYAMLBytes, len(b))
	}
	dec := yaml.NewDecoder(bytes.NewReader(withoutVersion(b)))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("is empty")
		}
		if bad != nil {
			return nil, bad // it was meant to be JSON
		}
		return nil, fmt.Errorf("is neither JSON nor YAML: %w", err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("must be one document")
	}
	y := yamlReader{}
	if err := y.append(&doc, 0); err != nil {
		return nil, err
	}
	if err := rawjson.Check(y.out, rawjson.Limits{Depth: event.MaxDepth}); err != nil {
		return nil, err
	}
	return y.out, nil
}

// withoutVersion blanks a directive such as %YAML 1.2, which the library rejects although it can
// read such documents.
func withoutVersion(b []byte) []byte {
	rest := b
	for len(rest) > 0 {
		line, after, _ := bytes.Cut(rest, []byte("\n"))
		text := bytes.TrimSpace(line)
		if bytes.HasPrefix(text, []byte("%YAML ")) {
			out := bytes.Clone(b)
			at := len(b) - len(rest)
			copy(out[at:], bytes.Repeat([]byte(" "), len(line)))
			if len(text) > 0 {
				out[at] = '#'
			}
			return out
		}
		if len(text) > 0 && text[0] != '#' && text[0] != '%' {
			break
		}
		rest = after
	}
	return b
}

// yamlReader converts YAML nodes to JSON.
type yamlReader struct{ out []byte }

// append appends a node. Aliases are expanded, so the output is limited: a few nested ones can
// expand to gigabytes.
func (y *yamlReader) append(n *yaml.Node, depth int) error {
	if len(y.out) > MaxFileBytes || depth > event.MaxDepth {
		return fmt.Errorf("line %d: is too large or too deep when its aliases are written out", n.Line)
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) != 1 {
			return errors.New("must contain one value")
		}
		return y.append(n.Content[0], depth)
	case yaml.AliasNode:
		return y.append(n.Alias, depth+1)
	case yaml.MappingNode:
		members, err := merged(n, 0)
		if err != nil {
			return err
		}
		y.out = append(y.out, '{')
		for i, m := range members {
			if i > 0 {
				y.out = append(y.out, ',')
			}
			y.out = append(rawjson.AppendQuoted(y.out, m[0].Value), ':')
			if err := y.append(m[1], depth+1); err != nil {
				return err
			}
		}
		y.out = append(y.out, '}')
		return nil
	case yaml.SequenceNode:
		y.out = append(y.out, '[')
		for i, element := range n.Content {
			if i > 0 {
				y.out = append(y.out, ',')
			}
			if err := y.append(element, depth+1); err != nil {
				return err
			}
		}
		y.out = append(y.out, ']')
		return nil
	case yaml.ScalarNode:
		return y.scalar(n)
	}
	return fmt.Errorf("line %d: cannot be read", n.Line)
}

// merged returns the members of a mapping, followed by those of its merge keys (<<) that the
// mapping does not have itself.
func merged(n *yaml.Node, depth int) (members [][2]*yaml.Node, err error) {
	var from []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			return nil, fmt.Errorf("line %d: names must be plain text", key.Line)
		case key.ShortTag() == "!!merge":
			list := []*yaml.Node{value}
			if target := followed(value); target.Kind == yaml.SequenceNode {
				list = target.Content
			}
			from = append(from, list...)
		default:
			members = append(members, [2]*yaml.Node{key, value})
		}
	}
	if len(from) == 0 {
		return members, nil
	}
	own := make(map[string]bool, len(members))
	for _, m := range members {
		own[m[0].Value] = true
	}
	for _, f := range from {
		target := followed(f)
		if target.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("line %d: a merge key (<<) must bring a mapping, or a list of mappings", f.Line)
		}
		const mostNested, mostMembers = 20, 100_000
		if depth > mostNested || len(members) > mostMembers {
			return nil, fmt.Errorf("line %d: has too many merge keys (<<)", f.Line)
		}
		more, err := merged(target, depth+1)
		if err != nil {
			return nil, err
		}
		for _, m := range more {
			if !own[m[0].Value] {
				own[m[0].Value] = true
				members = append(members, m)
			}
		}
	}
	return members, nil
}

func followed(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (y *yamlReader) scalar(n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!null":
		y.out = append(y.out, "null"...)
	case "!!bool":
		var v bool
		if err := n.Decode(&v); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		y.out = strconv.AppendBool(y.out, v)
	case "!!int", "!!float":
		if rawjson.Check([]byte(n.Value), rawjson.Limits{}) == nil {
			y.out = append(y.out, n.Value...) // as written: 1.10 stays 1.10
			return nil
		}
		var v any // 0x1F, 1_000, .5, +3
		if err := n.Decode(&v); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("line %d: %q is not a number that JSON can express", n.Line, problem.Clip(n.Value))
		}
		y.out = append(y.out, text...)
	case "!!str", "!!timestamp":
		y.out = rawjson.AppendQuoted(y.out, n.Value)
	default:
		return fmt.Errorf("line %d: the tag %q is not supported", n.Line, problem.Clip(n.Tag))
	}
	return nil
}
