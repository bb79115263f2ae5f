package catalogue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/problem"
)

// This file evaluates the part of CEL that rules need to move data about, on raw bytes:
//
//	expr    = operand [ "==" literal ]
//	operand = path | literal | object | "merge" "(" expr { "," expr } ")" | "pick" "(" expr "," "[" strings "]" ")"
//	path    = ( "event" "." ( "type" | "key" | "data" | "attributes" ) | "item" ) { "." ["?"] name | "[" string "]" }
//	object  = "{" [ ["?"] string ":" expr { "," … } ] "}"
//	literal = string | "true" | "false" | "null"
//
// What a path does not find is absent: it makes "==" false, merge and pick pass it over, an object leave the member out if
// it is marked with "?" and fail otherwise.

// expr is a parsed expression. Its value is JSON, nil for absent; what it takes over aliases the event.
type expr interface {
	eval(s scope) ([]byte, error)
}

// scope is what an expression may name, and what evaluating it may cost.
type scope struct {
	e    *event.Event
	item []byte
	run  *exprRun // nil: no bound, and nothing is remembered
}

type exprCondition struct{ x expr }

func (c exprCondition) Match(_ context.Context, e *event.Event) (bool, error) {
	return c.match(e, freshRun())
}

// match is Match within a run.
func (c exprCondition) match(e *event.Event, run *exprRun) (bool, error) {
	v, err := c.x.eval(scope{e: e, run: run})
	if err != nil || v == nil {
		return false, err
	}
	switch string(v) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("the result is neither true nor false")
}

type exprValue struct{ x expr }

func (v exprValue) Eval(_ context.Context, e *event.Event, item []byte) ([]byte, error) {
	return v.x.eval(scope{e, item, freshRun()})
}

// pathExpr is a value of the event.
type pathExpr struct {
	root  string // "type", "key", "data", "attributes", "item"
	steps []string
}

func (p pathExpr) eval(s scope) ([]byte, error) {
	var raw []byte
	switch p.root {
	case "type":
		raw = rawjson.AppendQuoted(nil, s.e.Type)
	case "key":
		raw = rawjson.AppendQuoted(nil, s.e.Key)
	case "data":
		raw = s.e.Data
	case "attributes":
		raw = s.e.Attributes
	case "item":
		raw = s.item
	}
	if len(raw) == 0 {
		return nil, nil
	}
	v, ok := rawjson.Pick(raw, p.steps...)
	if !ok {
		return nil, s.run.charge(len(raw))
	}
	if len(p.steps) == 0 {
		return v.Raw, nil
	}
	return v.Raw, s.run.charge(v.Offset + len(v.Raw))
}

// literalExpr is its own JSON.
type literalExpr []byte

func (l literalExpr) eval(scope) ([]byte, error) { return l, nil }

// equalExpr compares with a string, true, false or null.
type equalExpr struct {
	left expr
	text string // of a string
	raw  []byte
}

func (q equalExpr) eval(s scope) ([]byte, error) {
	v, err := q.left.eval(s)
	if err != nil || v == nil {
		return nil, err
	}
	same := string(v) == string(q.raw)
	if !same && q.raw[0] == '"' && v[0] == '"' { // escapes
		text, err := rawjson.Value{Raw: v, Kind: rawjson.String}.String()
		same = err == nil && text == q.text
	}
	if same {
		return []byte("true"), nil
	}
	return []byte("false"), nil
}

// objectExpr is an object literal.
type objectExpr []objectMember

type objectMember struct {
	name     string
	optional bool
	value    expr
}

func (o objectExpr) eval(s scope) ([]byte, error) {
	out := []byte{'{'}
	for _, m := range o {
		v, err := m.value.eval(s)
		if err != nil {
			return nil, err
		}
		if v == nil {
			if m.optional {
				continue
			}
			return nil, fmt.Errorf("the value of %q is absent", problem.Clip(m.name))
		}
		if err := s.run.charge(len(v)); err != nil {
			return nil, err
		}
		out = appendMember(out, m.name, v)
	}
	return append(out, '}'), nil
}

// appendMember appends a member to an open object.
func appendMember(dst []byte, name string, value []byte) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = rawjson.AppendQuoted(dst, name)
	dst = append(dst, ':')
	return append(dst, value...)
}

// mergeExpr is merge(a, b, …).
type mergeExpr []expr

func (m mergeExpr) eval(s scope) ([]byte, error) {
	parts := make([][]byte, 0, len(m))
	for i, x := range m {
		v, err := x.eval(s)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		if v[0] != '{' {
			return nil, fmt.Errorf("argument %d of merge is no object", i+1)
		}
		parts = append(parts, v)
	}
	switch len(parts) {
	case 0:
		return nil, nil
	case 1:
		return parts[0], nil
	}
	wins := make(map[string]int) // by name, the last part that has it
	for i, part := range parts {
		if err := s.run.charge(mergeWork * len(part)); err != nil {
			return nil, err
		}
		if err := rawjson.Members(part, rawjson.Limits{Depth: event.MaxDepth}, func(name []byte, _ rawjson.Value) error {
			wins[string(name)] = i
			return nil
		}); err != nil {
			return nil, err
		}
	}
	last := parts[len(parts)-1]
	out := []byte{'{'}
	for i, part := range parts[:len(parts)-1] {
		err := rawjson.Members(part, rawjson.Limits{Depth: event.MaxDepth}, func(name []byte, v rawjson.Value) error {
			if wins[string(name)] == i {
				out = appendMember(out, string(name), v.Raw)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	// The last part wins everything, so that it can be taken over as it stands.
	inner := strings.TrimSpace(string(last[1 : len(last)-1]))
	if inner == "" {
		return append(out, '}'), nil
	}
	if len(out) > 1 {
		out = append(out, ',')
	}
	return append(append(out, last[1:len(last)-1]...), '}'), nil
}

// pickExpr is pick(object, names).
type pickExpr struct {
	from  expr
	names []string
}

func (p pickExpr) eval(s scope) ([]byte, error) {
	from, err := p.from.eval(s)
	if err != nil || from == nil {
		return nil, err
	}
	if from[0] != '{' {
		return nil, errors.New("the first argument of pick is no object")
	}
	find := func(name string) ([]byte, bool) {
		v, ok := rawjson.Pick(from, name)
		return v.Raw, ok
	}
	if len(from) > manyBytes { // one walk instead of one for each name
		found, wanted := make(map[string][]byte, len(p.names)), make(map[string]bool, len(p.names))
		for _, name := range p.names {
			wanted[name] = true
		}
		if err := rawjson.Members(from, rawjson.Limits{Depth: event.MaxDepth}, func(name []byte, v rawjson.Value) error {
			if wanted[string(name)] {
				found[string(name)] = v.Raw
			}
			return nil
		}); err != nil {
			return nil, err
		}
		find = func(name string) ([]byte, bool) {
			v, ok := found[name]
			return v, ok
		}
	}
	if err := s.run.charge(pickWork * len(from)); err != nil {
		return nil, err
	}
	out := []byte{'{'}
	for _, name := range p.names {
		if v, ok := find(name); ok {
			out = appendMember(out, name, v)
		}
	}
	return append(out, '}'), nil
}

// manyBytes is the length from which on an object is walked once for all names that are picked.
const manyBytes = 16 << 10

// parseExpr parses an expression of the subset. withItem allows the variable item. An error means that the text is
// beyond the subset, or wrong.
func parseExpr(text string, withItem bool) (expr, error) {
	p := exprParser{text: text, withItem: withItem}
	x, err := p.expr(0)
	if err == nil {
		if p.space(); p.pos < len(p.text) {
			err = p.unexpected()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("at character %d: %w", p.pos+1, err)
	}
	return x, nil
}

type exprParser struct {
	text     string
	pos      int
	withItem bool
	items    int // how often item was named so far
}

// maxExprDepth bounds the nesting of expressions.
const maxExprDepth = 20

func (p *exprParser) unexpected() error {
	return errors.New("must be a path, a literal, an object, merge or pick")
}

func (p *exprParser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// token passes s if it comes next.
func (p *exprParser) token(s string) bool {
	p.space()
	if strings.HasPrefix(p.text[p.pos:], s) {
		p.pos += len(s)
		return true
	}
	return false
}

func (p *exprParser) want(s string) error {
	if !p.token(s) {
		return fmt.Errorf("must have %q", s)
	}
	return nil
}

// word passes a name, which is empty if none comes.
func (p *exprParser) word() string {
	p.space()
	start := p.pos
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9' || p.pos == start) {
			break
		}
		p.pos++
	}
	return p.text[start:p.pos]
}

// str passes a string literal without escapes, in single or double quotes.
func (p *exprParser) str() (string, bool) {
	p.space()
	if p.pos >= len(p.text) || p.text[p.pos] != '"' && p.text[p.pos] != '\'' {
		return "", false
	}
	end := strings.IndexByte(p.text[p.pos+1:], p.text[p.pos])
	if end <= 0 { // an empty one may be the start of three quotes; those belong to CEL
		if end == 0 && !strings.HasPrefix(p.text[p.pos:], strings.Repeat(p.text[p.pos:p.pos+1], 3)) {
			p.pos += 2
			return "", true
		}
		return "", false
	}
	s := p.text[p.pos+1 : p.pos+1+end]
	if strings.ContainsAny(s, "\\\n\r") {
		return "", false
	}
	p.pos += end + 2
	return s, true
}

func (p *exprParser) expr(depth int) (expr, error) {
	if depth > maxExprDepth {
		return nil, errors.New("is nested too deeply")
	}
	items := p.items
	x, err := p.operand(depth)
	if _, literal := x.(literalExpr); err == nil && p.withItem && !literal && p.items == items {
		x = &onceExpr{x} // the same for each element of the list
	}
	if err != nil || !p.token("==") {
		return x, err
	}
	if s, ok := p.str(); ok {
		return equalExpr{left: x, text: s, raw: rawjson.AppendQuoted(nil, s)}, nil
	}
	switch w := p.word(); w {
	case "true", "false", "null":
		return equalExpr{left: x, raw: []byte(w)}, nil
	}
	return nil, p.unexpected()
}

func (p *exprParser) operand(depth int) (expr, error) {
	if s, ok := p.str(); ok {
		return literalExpr(rawjson.AppendQuoted(nil, s)), nil
	}
	if p.token("{") {
		return p.object(depth)
	}
	switch w := p.word(); w {
	case "true", "false", "null":
		return literalExpr(w), nil
	case "event":
		if err := p.want("."); err != nil {
			return nil, err
		}
		root := p.word()
		switch root {
		case "type", "key":
			return pathExpr{root: root}, nil
		case "data", "attributes":
			return p.path(root)
		}
		return nil, p.unexpected()
	case "item":
		if !p.withItem {
			return nil, errors.New("item is there in data and attributes of a rule with forEach only")
		}
		p.items++
		return p.path("item")
	case "merge":
		return p.merge(depth)
	case "pick":
		return p.pick(depth)
	}
	return nil, p.unexpected()
}

func (p *exprParser) path(root string) (expr, error) {
	x := pathExpr{root: root}
	for {
		switch {
		case p.token("["):
			name, ok := p.str()
			if !ok {
				return nil, p.unexpected()
			}
			if err := p.want("]"); err != nil {
				return nil, err
			}
			x.steps = append(x.steps, name)
		case p.token("."):
			p.token("?")
			name := p.word()
			if name == "" {
				return nil, p.unexpected()
			}
			x.steps = append(x.steps, name)
		default:
			return x, nil
		}
	}
}

func (p *exprParser) object(depth int) (expr, error) {
	var o objectExpr
	seen := make(map[string]bool)
	for !p.token("}") {
		if len(o) > 0 {
			if err := p.want(","); err != nil {
				return nil, err
			}
		}
		m := objectMember{optional: p.token("?")}
		var ok bool
		if m.name, ok = p.str(); !ok {
			return nil, p.unexpected()
		}
		if seen[m.name] {
			return nil, fmt.Errorf("must not have the member %q twice", problem.Clip(m.name))
		}
		seen[m.name] = true
		if err := p.want(":"); err != nil {
			return nil, err
		}
		var err error
		if m.value, err = p.expr(depth + 1); err != nil {
			return nil, err
		}
		o = append(o, m)
	}
	return o, nil
}

func (p *exprParser) merge(depth int) (expr, error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	var m mergeExpr
	for {
		x, err := p.expr(depth + 1)
		if err != nil {
			return nil, err
		}
		m = append(m, x)
		if p.token(")") {
			return m, nil
		}
		if err := p.want(","); err != nil {
			return nil, err
		}
	}
}

func (p *exprParser) pick(depth int) (expr, error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	from, err := p.expr(depth + 1)
	if err != nil {
		return nil, err
	}
	x := pickExpr{from: from}
	for _, s := range []string{",", "["} {
		if err := p.want(s); err != nil {
			return nil, err
		}
	}
	seen := make(map[string]bool)
	for !p.token("]") {
		if len(x.names) > 0 {
			if err := p.want(","); err != nil {
				return nil, err
			}
		}
		name, ok := p.str()
		if !ok {
			return nil, p.unexpected()
		}
		if !seen[name] {
			x.names = append(x.names, name)
		}
		seen[name] = true
	}
	return x, p.want(")")
}
