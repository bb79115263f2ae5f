package definition

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/internal/nearest"
)

// Parse reads the syntax of a document in YAML or JSON of at most so many bytes, and returns its top value.
func Parse(text string, most int) (*yaml.Node, Faults) {
	if len(text) > most {
		return nil, Faults{{Line: 1, Column: 1, Reason: fmt.Sprintf("must have at most %d bytes, got %d", most, len(text))}}
	}
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		text = strings.ReplaceAll(text, "\t", " ") // JSON may be indented with tabs, YAML not; within a text of JSON there is none
	}
	var root yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(text))
	if err := dec.Decode(&root); err != nil {
		return nil, Faults{syntaxFault(err)}
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, Faults{{Line: 1, Column: 1, Reason: "must be one document"}}
	}
	return root.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^yaml: line ([0-9]+): (.*)$`)

func syntaxFault(err error) Fault {
	if errors.Is(err, io.EOF) {
		return Fault{Line: 1, Column: 1, Reason: "must not be empty"}
	}
	f := Fault{Line: 1, Column: 1, Reason: "cannot be read: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		f.Line, _ = strconv.Atoi(m[1])
		f.Reason = "cannot be read: " + m[2]
	}
	return f
}

// Reader collects the faults of a document while its values are read.
type Reader struct {
	Faults Faults
	// Keys, unless nil, is told which keys the object at a path may have: tests compare them with those
	// of a schema.
	Keys func(path string, known []string)
}

// Add notes a fault. path is that of the value, and the reason completes "PATH …".
func (r *Reader) Add(n *yaml.Node, path, format string, args ...any) {
	r.Faults = append(r.Faults, Fault{Line: n.Line, Column: n.Column, Path: path, Reason: fmt.Sprintf(format, args...)})
}

// Told returns the faults that are told: the first MaxFaults.
func (r *Reader) Told() Faults { return r.Faults[:min(len(r.Faults), MaxFaults)] }

// Object is a mapping that has been read.
type Object struct {
	Node  *yaml.Node
	Path  string
	Names []string // in order
	Get   map[string]*yaml.Node
}

// At returns the path of a member.
func (o *Object) At(name string) string {
	if o.Path == "" {
		return name
	}
	return o.Path + "." + name
}

// Object reads a mapping. known are the keys that it may have; none: any.
func (r *Reader) Object(n *yaml.Node, path string, known ...string) *Object {
	o := &Object{Node: n, Path: path, Get: make(map[string]*yaml.Node)}
	if n.Kind != yaml.MappingNode {
		r.Add(n, path, "must be an object, got %s", KindOf(n))
		return o
	}
	if r.Keys != nil && len(known) > 0 {
		r.Keys(path, known)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode || key.Anchor != "" || value.Kind == yaml.AliasNode || value.Anchor != "":
			r.Add(key, path, "must have plain keys, and no anchors and aliases")
			continue
		case o.Get[key.Value] != nil:
			r.Add(key, o.At(key.Value), "is given twice")
			continue
		case len(known) > 0 && !slices.Contains(known, key.Value):
			reason := "is not known"
			if word := nearest.Of(key.Value, slices.Values(known)); word != "" {
				reason += fmt.Sprintf("; did you mean %q?", word)
			}
			r.Add(key, o.At(key.Value), "%s", reason)
			continue
		}
		o.Names = append(o.Names, key.Value)
		o.Get[key.Value] = value
	}
	return o
}

// Boolean reads a truth value, false if it is not given.
func (r *Reader) Boolean(o *Object, name string) bool {
	n := o.Get[name]
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
		r.Add(n, o.At(name), "must be true or false, got %s", KindOf(n))
	}
	return n.Value == "true"
}

// KindOf says in words what a value is, to complete "got …".
func KindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "an object"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	if n.Tag == "!!null" {
		return "null"
	}
	return "the value " + Clip(n.Value)
}

// Clip shortens a text of the document for a message.
func Clip(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}
