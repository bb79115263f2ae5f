package connector

import (
	"errors"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/relay-events/relay/internal/definition"
)

// An expression is CEL. What it may name depends on the place where it stands; see the scopes. Secrets of a connection are
// in none of them: see template.

type scope = definition.Scope

// The scopes.
const (
	scopeConnection scope = "connection"
	scopeItem       scope = "payload profile connection segment operation send"
	scopeRequest    scope = "payload profile connection segment operation send items group"
	scopeAnswer     scope = "status header body connection segment operation"
	scopeResult     scope = "it status header body"
	scopeList       scope = "it"
	scopeBody       scope = "body status"
)

var language = definition.NewLanguage("definitions", functions)

// expression is one compiled expression.
type expression struct{ *definition.Expression }

func compileExpression(text string, s scope) (*expression, error) {
	e, err := language.Compile(text, s)
	if err != nil {
		return nil, err
	}
	return &expression{e}, nil
}

// value evaluates the expression. definition.ErrAbsent: a member is not there, or an optional is empty.
func (e *expression) value(v *values) (ref.Val, error) { return e.Value(v.vars) }

// holds reports whether the expression is true; one that cannot be evaluated is not.
func (e *expression) holds(v *values) bool {
	out, err := e.value(v)
	return err == nil && out == types.True
}

// template is text with expressions in ${…}.
type template struct {
	parts []part
}

// part is literal text, an expression, or a secret of the connection. A secret can stand by itself only: no expression
// sees it, so that none can carry it to another place.
type part struct {
	literal string
	expr    *expression
	secret  string
	whole   string // the variable, if the expression is no more than its name
}

// parseTemplate compiles a text. secrets are the names of the connection's secret fields; nil: they may not be used here.
func parseTemplate(text string, s scope, secrets []string) (*template, error) {
	t := &template{}
	literal := func(s string) {
		if s != "" {
			t.parts = append(t.parts, part{literal: s})
		}
	}
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			literal(text)
			return t, nil
		}
		literal(text[:i])
		end := definition.Closing(text[i+2:])
		if end < 0 {
			return nil, errors.New("has a ${ without its }")
		}
		inner := strings.TrimSpace(text[i+2 : i+2+end])
		text = text[i+2+end+1:]
		if name, ok := strings.CutPrefix(inner, "connection."); ok && slices.Contains(secrets, name) {
			t.parts = append(t.parts, part{secret: name})
			continue
		}
		e, err := compileExpression(inner, s)
		if err != nil {
			return nil, err
		}
		p := part{expr: e}
		if slices.Contains(strings.Fields(string(s)), inner) {
			p.whole = inner
		}
		t.parts = append(t.parts, p)
	}
}

// constant returns the text of a template without expressions.
func (t *template) constant() (string, bool) {
	switch {
	case len(t.parts) == 0:
		return "", true
	case len(t.parts) == 1 && t.parts[0].expr == nil && t.parts[0].secret == "":
		return t.parts[0].literal, true
	}
	return "", false
}

// masked stands for a secret where it is not shown.
const masked = "***"

// text returns the template's text; absent values are empty. escape is applied to each value that is no literal.
func (t *template) text(v *values, escape func(string) (string, error)) (string, error) {
	var b strings.Builder
	for _, p := range t.parts {
		s, err := p.text(v)
		if err == nil && p.literal == "" && escape != nil && (p.secret == "" || !v.hide) {
			s, err = escape(s)
		}
		if err != nil {
			return "", err
		}
		b.WriteString(s)
	}
	return b.String(), nil
}

func (p *part) text(v *values) (string, error) {
	switch {
	case p.literal != "":
		return p.literal, nil
	case p.secret != "" && v.hide:
		return masked, nil
	case p.secret != "":
		return v.secrets[p.secret], nil
	}
	out, err := p.expr.value(v)
	if errors.Is(err, definition.ErrAbsent) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return textOf(v, out)
}

// textOf returns a value as text.
func textOf(v *values, out ref.Val) (string, error) {
	switch x := out.(type) {
	case types.String:
		return string(x), nil
	case types.Null:
		return "", nil
	}
	raw, err := appendValue(nil, v, out)
	return string(raw), err
}
