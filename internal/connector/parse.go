package connector

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/internal/definition"
)

// MaxDocument bounds a definition, in bytes.
const MaxDocument = 256 << 10

// Parse reads a definition in YAML or JSON. The error is of type definition.Faults and names every mistake with its line and column.
func Parse(text string) (*Definition, error) {
	d, faults := parse(text)
	if len(faults) > 0 {
		return nil, faults
	}
	return d, nil
}

// parse is Parse, and returns what could be read of a document with faults.
func parse(text string) (*Definition, definition.Faults) {
	root, faults := definition.Parse(text, MaxDocument)
	if len(faults) > 0 {
		return nil, faults
	}
	p := &parser{}
	d := &Definition{document: text, requests: make(map[string]*request)}
	p.definition(root, d)
	return d, p.Told()
}

// parser reads a document.
type parser struct{ definition.Reader }

func (p *parser) missing(n *yaml.Node, path, format string, args ...any) {
	p.Add(n, path, format, args...)
	p.Faults[len(p.Faults)-1].Missing = true
}

// text returns a text, "" if it is not given.
func (p *parser) text(o *definition.Object, name string, max int) string {
	n := o.Get[name]
	if n == nil {
		return ""
	}
	return p.scalar(n, o.At(name), max)
}

// scalar reads a text. Words that older YAML takes for true and false must be quoted: no is a country.
func (p *parser) scalar(n *yaml.Node, path string, max int) string {
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag == "!!null":
		p.Add(n, path, "must be a text, got %s", definition.KindOf(n))
		return ""
	case n.Tag == "!!str" && n.Style == 0 && slices.Contains([]string{"y", "n", "yes", "no", "on", "off"}, strings.ToLower(n.Value)):
		p.Add(n, path, "must be in quotes: without them, %s is a text or a truth value, depending on who reads it", n.Value)
	case n.Tag == "!!bool":
		p.Add(n, path, "must be a text, got %s", n.Value)
	case len(n.Value) > max:
		p.Add(n, path, "must have at most %d bytes, got %d", max, len(n.Value))
	}
	return n.Value
}

func (p *parser) integer(o *definition.Object, name string, min, max int64) int64 {
	n := o.Get[name]
	if n == nil {
		return 0
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || i < min || i > max {
		p.Add(n, o.At(name), "must be a whole number from %d to %d", min, max)
		return 0
	}
	return i
}

func (p *parser) duration(o *definition.Object, name string, max time.Duration) time.Duration {
	n := o.Get[name]
	if n == nil {
		return 0
	}
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || d < 0 || d > max {
		p.Add(n, o.At(name), `must be a duration up to %v, such as "30s"`, max)
	}
	return d
}

func (p *parser) oneOf(o *definition.Object, name, def string, of ...string) string {
	s := p.text(o, name, 100)
	switch {
	case s == "" && o.Get[name] == nil:
		return def
	case !slices.Contains(of, s):
		p.Add(o.Get[name], o.At(name), "must be one of %s, got %q", strings.Join(of, ", "), definition.Clip(s))
	}
	return s
}

func (p *parser) list(o *definition.Object, name string, max int, each func(n *yaml.Node, path string)) {
	n := o.Get[name]
	switch {
	case n == nil:
		return
	case n.Kind != yaml.SequenceNode:
		p.Add(n, o.At(name), "must be a list, got %s", definition.KindOf(n))
		return
	case len(n.Content) > max:
		p.Add(n, o.At(name), "must have at most %d entries, got %d", max, len(n.Content))
		return
	}
	for i, e := range n.Content {
		each(e, fmt.Sprintf("%s[%d]", o.At(name), i))
	}
}

func (p *parser) texts(o *definition.Object, name string, max int) (list []string) {
	p.list(o, name, max, func(n *yaml.Node, path string) { list = append(list, p.scalar(n, path, 1000)) })
	return list
}

func (p *parser) pattern(o *definition.Object) *regexp.Regexp {
	text := p.text(o, "pattern", 500)
	if text == "" {
		return nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		p.Add(o.Get["pattern"], o.At("pattern"), "must be a regular expression: %v", err)
	}
	return re
}

func (p *parser) template(n *yaml.Node, path string, s scope, secrets []string) *template {
	if n == nil {
		return nil
	}
	if n.Kind != yaml.ScalarNode {
		p.Add(n, path, "must be a text, got %s", definition.KindOf(n))
		return &template{}
	}
	if n.Tag == "!!str" {
		p.scalar(n, path, definition.MaxExpression)
	}
	t, err := parseTemplate(n.Value, s, secrets)
	if err != nil {
		p.Add(n, path, "%v", err)
		return &template{}
	}
	return t
}

// expression reads an expression, with or without ${} around it.
func (p *parser) expression(n *yaml.Node, path string, s scope) *expression {
	if n == nil {
		return nil
	}
	e, err := compileExpression(definition.Bare(p.scalar(n, path, definition.MaxExpression)), s)
	if err != nil {
		p.Add(n, path, "%v", err)
		return nil
	}
	return e
}

// maxTree bounds the depth of a body.
const maxTree = 30

func (p *parser) tree(n *yaml.Node, path string, s scope, secrets []string, depth int) *tree {
	switch {
	case n == nil:
		return nil
	case depth > maxTree:
		p.Add(n, path, "is nested too deeply")
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		t := &tree{kind: treeObject}
		o := p.Object(n, path)
		for _, name := range o.Names {
			if e := p.tree(o.Get[name], o.At(name), s, secrets, depth+1); e != nil {
				t.members = append(t.members, member{name, e})
			}
		}
		return t
	case yaml.SequenceNode:
		t := &tree{kind: treeList}
		for i, c := range n.Content {
			if e := p.tree(c, fmt.Sprintf("%s[%d]", path, i), s, secrets, depth+1); e != nil {
				t.list = append(t.list, e)
			}
		}
		return t
	case yaml.ScalarNode:
		switch n.Tag {
		case "!!str":
			leaf := p.template(n, path, s, secrets)
			if text, ok := leaf.constant(); ok {
				return &tree{kind: treeConstant, raw: appendText(nil, text)}
			}
			return &tree{kind: treeText, leaf: leaf}
		case "!!null":
			return &tree{raw: []byte("null")}
		case "!!bool":
			return &tree{raw: []byte(n.Value)}
		case "!!int", "!!float":
			if isNumber.MatchString(n.Value) {
				return &tree{raw: []byte(n.Value)}
			}
			p.Add(n, path, "must be a number as JSON writes it, or a text in quotes")
			return nil
		case "!!timestamp": // a date without quotes is a text to everybody
			return &tree{raw: appendText(nil, n.Value)}
		}
	}
	p.Add(n, path, "must be a value of JSON, got %s", definition.KindOf(n))
	return nil
}

var isNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
