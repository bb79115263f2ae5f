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
// A path that leads nowhere is absent: "==" is then false, merge and pick skip it, and an object leaves the member out if
// it is marked with "?" and fails otherwise.
//
// expr_parse.go makes these expressions from CEL's syntax tree.

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
