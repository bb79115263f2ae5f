package journey

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/internal/definition"
	"github.com/relay-events/relay/internal/event"
)

// Parse reads a document in YAML or JSON. The error is of type definition.Faults and names every mistake with its line and
// column.
func Parse(text string) (*Definition, error) {
	root, faults := definition.Parse(text, MaxDocument)
	if len(faults) > 0 {
		return nil, faults
	}
	d := &Definition{byName: make(map[string]*Step), waited: make(map[string]bool)}
	p := &parser{def: d}
	p.definition(root)
	if len(p.Faults) > 0 {
		return nil, p.Told()
	}
	return d, nil
}

// parser reads a document.
type parser struct {
	definition.Reader
	def *Definition
	// reads are the sends whose outcome expressions read, with the places.
	reads []read
}

type read struct {
	node *yaml.Node
	path string
	name string
}

// need reports whether a member is there, and notes that it is missing.
func (p *parser) need(o *definition.Object, name string) bool {
	if o.Get[name] == nil {
		p.Add(o.Node, o.At(name), "must be given")
		return false
	}
	return true
}

// text returns a text, "" if it is not given.
func (p *parser) text(o *definition.Object, name string, max int) string {
	n := o.Get[name]
	switch {
	case n == nil:
		return ""
	case n.Kind != yaml.ScalarNode || n.Tag == "!!null":
		p.Add(n, o.At(name), "must be a text, got %s", definition.KindOf(n))
		return ""
	case len(n.Value) > max:
		p.Add(n, o.At(name), "must have at most %d bytes, got %d", max, len(n.Value))
	case event.CheckText(n.Value) != nil:
		p.Add(n, o.At(name), "must have no control characters")
	}
	return n.Value
}

func (p *parser) integer(o *definition.Object, name string, least, most int64) int64 {
	n := o.Get[name]
	if n == nil {
		return 0
	}
	i, err := strconv.ParseInt(n.Value, 10, 64)
	if n.Kind != yaml.ScalarNode || err != nil || i < least || i > most {
		p.Add(n, o.At(name), "must be a whole number from %d to %d", least, most)
		return 0
	}
	return i
}

// parseDuration reads a duration, which may be in days and weeks: "90m", "3d", "2w". A day has 24 hours.
func parseDuration(s string) (time.Duration, error) {
	for unit, length := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if number, ok := strings.CutSuffix(s, unit); ok {
			n, err := strconv.Atoi(number)
			if err != nil || n < 0 || n > 10_000 {
				return 0, fmt.Errorf("%q is no duration", definition.Clip(s))
			}
			return time.Duration(n) * length, nil
		}
	}
	return time.ParseDuration(s)
}

func (p *parser) duration(o *definition.Object, name string, least, most time.Duration) time.Duration {
	n := o.Get[name]
	if n == nil {
		return 0
	}
	d, err := parseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || d < least || d > most {
		p.Add(n, o.At(name), `must be a duration such as "90m" or "3d", from %v to %v`, least, most)
		return 0
	}
	return d
}

// clockTime reads a time of day as minutes after midnight.
func (p *parser) clockTime(o *definition.Object, name string) int {
	n := o.Get[name]
	if n == nil {
		return 0
	}
	t, err := time.Parse("15:04", n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || len(n.Value) != 5 {
		p.Add(n, o.At(name), `must be a time of day such as "09:00", in quotes`)
		return 0
	}
	return t.Hour()*60 + t.Minute()
}

func (p *parser) oneOf(o *definition.Object, name, def string, of ...string) string {
	if o.Get[name] == nil {
		return def
	}
	s := p.text(o, name, 100)
	if !slices.Contains(of, s) {
		p.Add(o.Get[name], o.At(name), "must be one of %s, got %q", strings.Join(of, ", "), definition.Clip(s))
		return def
	}
	return s
}

func (p *parser) list(n *yaml.Node, path string, most int, each func(n *yaml.Node, path string)) {
	switch {
	case n == nil:
	case n.Kind != yaml.SequenceNode:
		p.Add(n, path, "must be a list, got %s", definition.KindOf(n))
	case len(n.Content) > most:
		p.Add(n, path, "must have at most %d entries, got %d", most, len(n.Content))
	default:
		for i, e := range n.Content {
			each(e, fmt.Sprintf("%s[%d]", path, i))
		}
	}
}

func (p *parser) eventType(o *definition.Object, name string) string {
	s := p.text(o, name, event.MaxTypeBytes)
	if n := o.Get[name]; n != nil {
		if err := event.CheckType(s); err != nil {
			p.Add(n, o.At(name), "must be a type of events: %v", err)
		}
	}
	return s
}

// place is where a member stands.
func place(o *definition.Object, name string) definition.Fault {
	return definition.Fault{Line: o.Get[name].Line, Column: o.Get[name].Column, Path: o.At(name)}
}

func (p *parser) audience(o *definition.Object, name string) int64 {
	number := p.integer(o, name, 1, 1<<53)
	if number != 0 {
		p.def.references = append(p.def.references, reference{Fault: place(o, name), audience: number})
	}
	return number
}

// expression reads an expression, with or without ${} around it.
func (p *parser) expression(o *definition.Object, name string, s scope) *expression {
	n := o.Get[name]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		p.Add(n, o.At(name), "must be an expression, got %s", definition.KindOf(n))
		return nil
	}
	return p.compile(n, o.At(name), definition.Bare(n.Value), s)
}

func (p *parser) compile(n *yaml.Node, path, text string, s scope) *expression {
	e, err := compileExpression(text, s)
	if err != nil {
		p.Add(n, path, "%v", err)
		return nil
	}
	if e.Uses["entry"] {
		p.def.keepsEntry = true
	}
	for _, m := range outcomeRead.FindAllStringSubmatch(text, -1) {
		p.reads = append(p.reads, read{n, path, m[1]})
	}
	return e
}

// maxTree bounds the depth of data.
const maxTree = 20

func (p *parser) tree(n *yaml.Node, path string, depth int) *tree {
	if depth > maxTree {
		p.Add(n, path, "is nested too deeply")
		return nil
	}
	switch {
	case n.Kind == yaml.MappingNode:
		t := &tree{members: []member{}}
		o := p.Object(n, path)
		for _, name := range o.Names {
			t.members = append(t.members, member{name, p.tree(o.Get[name], o.At(name), depth+1)})
		}
		return t
	case n.Kind == yaml.SequenceNode:
		t := &tree{list: []*tree{}}
		for i, e := range n.Content {
			t.list = append(t.list, p.tree(e, fmt.Sprintf("%s[%d]", path, i), depth+1))
		}
		return t
	case n.Kind == yaml.ScalarNode && n.Tag == "!!str":
		t, err := p.template(n, path)
		if err != nil {
			p.Add(n, path, "%v", err)
		}
		return t
	}
	var v any
	if n.Kind != yaml.ScalarNode || n.Decode(&v) != nil {
		p.Add(n, path, "must be a value of JSON, got %s", definition.KindOf(n))
		return nil
	}
	if n.Tag == "!!timestamp" { // a date without quotes is a text to everybody
		v = n.Value
	}
	return &tree{constant: v}
}

// template reads a text with expressions in ${…}.
func (p *parser) template(n *yaml.Node, path string) (*tree, error) {
	t := &tree{}
	for text := n.Value; ; {
		before, rest, found := strings.Cut(text, "${")
		if before != "" {
			t.parts = append(t.parts, part{literal: before})
		}
		if !found {
			break
		}
		end := definition.Closing(rest)
		if end < 0 {
			return nil, errors.New("has a ${ without its }")
		}
		if e := p.compile(n, path, strings.TrimSpace(rest[:end]), scopeStep); e != nil {
			t.parts = append(t.parts, part{expr: e})
		}
		text = rest[end+1:]
	}
	if len(t.parts) == 0 {
		t.parts = nil
		t.constant = n.Value
	}
	return t, nil
}
