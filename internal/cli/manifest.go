package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/internal/nearest"
)

// A manifest is the configuration of a tenant in one YAML file: a list of entries for each kind. It
// holds references in place of secrets.
type manifest map[string][]map[string]any

// readManifest reads a file. Its errors name what is wrong by its path.
func (e *Env) readManifest(doc *apiDocument, file string) (manifest, error) {
	b, err := e.readInput(file)
	if err != nil {
		return nil, err
	}
	m, err := e.parseManifest(doc, b)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", file, err)}
	}
	return m, nil
}

func (e *Env) parseManifest(doc *apiDocument, b []byte) (manifest, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(b, &root); err != nil {
		return nil, err
	}
	if len(root.Content) == 0 {
		return nil, errors.New("it is empty")
	}
	v, err := yamlValue(root.Content[0])
	if err != nil {
		return nil, err
	}
	top, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("it must have sections, such as webhooks")
	}
	m := manifest{}
	for section, content := range top {
		i := slices.IndexFunc(manifestKinds, func(k manifestKind) bool { return k.section == section })
		if i < 0 {
			return nil, fmt.Errorf("%q is no section%s", section, didYouMean(section, func(yield func(string) bool) {
				for _, k := range manifestKinds {
					if !yield(k.section) {
						return
					}
				}
			}))
		}
		k := &manifestKinds[i]
		list, ok := content.([]any)
		if k.key == "" {
			list, ok = []any{content}, true
		}
		if !ok {
			return nil, fmt.Errorf("%s must be a list", section)
		}
		members, known := k.members(doc), map[string]bool{}
		m[section] = []map[string]any{}
		for n, one := range list {
			at := fmt.Sprintf("%s[%d]", section, n)
			if k.key == "" {
				at = section
			}
			entry, ok := one.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("%s must have members", at)
			}
			for name := range entry {
				if members[name] == nil {
					return nil, fmt.Errorf("%s.%s is not a member%s", at, name, didYouMean(name, func(yield func(string) bool) {
						for known := range members {
							if !yield(known) {
								return
							}
						}
					}))
				}
			}
			if k.prepare != nil {
				if err := k.prepare(e, at, entry); err != nil {
					return nil, err
				}
			}
			name := k.nameOf(entry)
			if name == "" && k.key != "" {
				return nil, fmt.Errorf("%s.%s must be given: it names the %s", at, k.key, k.noun)
			}
			if known[name] {
				return nil, fmt.Errorf("%s: there are two of the name %q", at, name)
			}
			known[name] = true
			m[section] = append(m[section], entry)
		}
	}
	return m, nil
}

func didYouMean(name string, names func(yield func(string) bool)) string {
	if near := nearest.Of(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// yamlValue returns a node as the JSON values that encoding/json decodes to, with the digits of
// numbers. Times are texts.
func yamlValue(n *yaml.Node) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for i := 0; i < len(n.Content); i += 2 {
			name := n.Content[i].Value
			if _, twice := m[name]; twice {
				return nil, fmt.Errorf("line %d: %q is given twice", n.Content[i].Line, name)
			}
			v, err := yamlValue(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			m[name] = v
		}
		return m, nil
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			v, err := yamlValue(c)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.ScalarNode:
		switch n.ShortTag() {
		case "!!null":
			return nil, nil
		case "!!bool":
			var b bool
			return b, n.Decode(&b)
		case "!!int", "!!float":
			if json.Valid([]byte(n.Value)) {
				return json.Number(n.Value), nil
			}
			return nil, fmt.Errorf("line %d: %s is no number of JSON", n.Line, n.Value)
		}
		return n.Value, nil
	}
	return nil, fmt.Errorf("line %d: anchors and aliases are not supported", n.Line)
}

// yamlNode is the reverse of yamlValue. The first names come first, the others in their order.
func yamlNode(v any, first ...string) *yaml.Node {
	n := &yaml.Node{}
	switch v := v.(type) {
	case map[string]any:
		n.Kind = yaml.MappingNode
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.SortFunc(names, func(a, b string) int {
			if x, y := slices.Index(first, a), slices.Index(first, b); x >= 0 || y >= 0 {
				if x >= 0 && (y < 0 || x < y) {
					return -1
				}
				return 1
			}
			return strings.Compare(a, b)
		})
		for _, name := range names {
			key := &yaml.Node{}
			key.SetString(name)
			n.Content = append(n.Content, key, yamlNode(v[name]))
		}
	case []any:
		n.Kind = yaml.SequenceNode
		for _, one := range v {
			n.Content = append(n.Content, yamlNode(one, first...))
		}
	case json.Number:
		n.Kind, n.Value = yaml.ScalarNode, v.String()
	default:
		_ = n.Encode(v) // texts, booleans and null have an encoding
	}
	return n
}

// encode writes the manifest, kinds and entries in a stable order.
func (m manifest) encode() ([]byte, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	for _, k := range manifestKinds {
		entries, ok := m[k.section]
		if !ok {
			continue
		}
		var content any = entries[0]
		if k.key != "" {
			list := make([]any, len(entries))
			for i, e := range entries {
				list[i] = e
			}
			content = list
		}
		key := &yaml.Node{}
		key.SetString(k.section)
		root.Content = append(root.Content, key, yamlNode(content, memberID, "number", "name", "description", "url", "events", "connector", "connection", "state"))
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, fmt.Errorf("writing YAML: %w", err)
	}
	return b.Bytes(), enc.Close()
}

// resolve returns a value with the secrets that its references stand for: ${env:NAME} and
// ${file:PATH}.
func (e *Env) resolve(path string, v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, inner := range v {
			var err error
			if out[name], err = e.resolve(path+"."+name, inner); err != nil {
				return nil, err
			}
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			var err error
			if out[i], err = e.resolve(fmt.Sprintf("%s[%d]", path, i), inner); err != nil {
				return nil, err
			}
		}
		return out, nil
	case string:
		kind, name, ok := secretReference(v)
		if !ok {
			return v, nil
		}
		if kind == "env" {
			if value := e.getenv(name); value != "" {
				return value, nil
			}
			return nil, usageError{fmt.Errorf("%s: the variable %s is not set", path, name)}
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return strings.TrimRight(string(b), "\r\n"), nil
	}
	return v, nil
}

// secretReference splits ${env:NAME} and ${file:PATH}.
func secretReference(text string) (kind, name string, ok bool) {
	inner, ok := strings.CutPrefix(text, "${")
	if !ok || !strings.HasSuffix(inner, "}") {
		return "", "", false
	}
	kind, name, ok = strings.Cut(strings.TrimSuffix(inner, "}"), ":")
	return kind, name, ok && name != "" && (kind == "env" || kind == "file")
}
