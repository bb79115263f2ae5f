package catalogue

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"

	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/problem"
)

// maxExprDepth bounds the nesting of expressions.
const maxExprDepth = 20

// celParser parses CEL without its macros: a call of one is beyond the subset. Its Pratt parser takes 60 µs for a rule,
// ANTLR's 650 µs after 16 ms for the first, which every server with a rule would spend at its start.
var celParser = sync.OnceValues(func() (*parser.Parser, error) {
	return parser.NewParser(
		parser.EnablePrattParser(true),
		parser.EnableOptionalSyntax(true),
		parser.ExpressionSizeCodePointLimit(maxRuleText),
		parser.MaxRecursionDepth(3*maxExprDepth),
	)
})

// keywordMember matches members named like words of CEL's grammar, and strings, in which such words stay as they are.
var keywordMember = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\.\s*\??\s*(?:in|true|false|null)\b`)

// escapeKeywords lets members be named "in", "true", "false" and "null" without brackets, which CEL would not: rules have
// been stored that do so.
func escapeKeywords(text string) string {
	return keywordMember.ReplaceAllStringFunc(text, func(found string) string {
		if found[0] != '.' {
			return found
		}
		word := strings.TrimLeft(found, ".? \t\r\n")
		return strings.TrimSuffix(found, word) + "`" + word + "`"
	})
}

// parseExpr parses an expression of the subset. withItem allows the variable item. An error means that the text is
// beyond the subset, or wrong.
func parseExpr(text string, withItem bool) (expr, error) {
	p, err := celParser()
	if err != nil {
		return nil, fmt.Errorf("building the parser of rules: %w", err)
	}
	tree, issues := p.Parse(common.NewTextSource(escapeKeywords(text)))
	if all := issues.GetErrors(); len(all) > 0 {
		return nil, fmt.Errorf("line %d, column %d: %s", all[0].Location.Line(), all[0].Location.Column()+1, problem.Clip(all[0].Message))
	}
	r := exprReader{info: tree.SourceInfo(), withItem: withItem}
	return r.expr(tree.Expr(), 0)
}

// exprReader turns CEL's syntax tree into expressions of the subset.
type exprReader struct {
	info     *ast.SourceInfo
	withItem bool
	items    int // how often item was named so far
}

// wrong returns an error at the place of e.
func (r *exprReader) wrong(e ast.Expr, format string, args ...any) error {
	at := r.info.GetStartLocation(e.ID())
	return fmt.Errorf("line %d, column %d: %w", at.Line(), at.Column()+1, fmt.Errorf(format, args...))
}

func (r *exprReader) beyond(e ast.Expr) error {
	return r.wrong(e, "must be a path, a literal, an object, merge or pick")
}

// expr reads an operand, alone or compared with a literal.
func (r *exprReader) expr(e ast.Expr, depth int) (expr, error) {
	if depth > maxExprDepth {
		return nil, r.wrong(e, "is nested too deeply")
	}
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operators.Equals {
		return r.outsideItem(e, depth)
	}
	args := e.AsCall().Args()
	left, err := r.outsideItem(args[0], depth)
	if err != nil {
		return nil, err
	}
	raw, ok := literal(args[1])
	if !ok {
		return nil, r.beyond(args[1])
	}
	text, _ := textOf(args[1])
	return equalExpr{left: left, text: text, raw: raw}, nil
}

// outsideItem reads an operand. One that does not name item has the same value for each element of the list, and is
// evaluated once.
func (r *exprReader) outsideItem(e ast.Expr, depth int) (expr, error) {
	items := r.items
	x, err := r.operand(e, depth)
	if err != nil {
		return nil, err
	}
	if _, literal := x.(literalExpr); r.withItem && !literal && r.items == items {
		x = &onceExpr{x}
	}
	return x, nil
}

func (r *exprReader) operand(e ast.Expr, depth int) (expr, error) {
	if raw, ok := literal(e); ok {
		return literalExpr(raw), nil
	}
	switch e.Kind() {
	case ast.MapKind:
		return r.object(e, depth)
	case ast.IdentKind, ast.SelectKind:
		return r.path(e)
	case ast.CallKind:
		switch call := e.AsCall(); {
		case call.IsMemberFunction():
		case call.FunctionName() == "merge":
			return r.merge(e, depth)
		case call.FunctionName() == "pick":
			return r.pick(e, depth)
		case call.FunctionName() == operators.Index, call.FunctionName() == operators.OptSelect:
			return r.path(e)
		}
	}
	return nil, r.beyond(e)
}

// path reads a path from its last step to its first.
func (r *exprReader) path(e ast.Expr) (expr, error) {
	var steps []string // the last one first
	at := e
	for at.Kind() != ast.IdentKind {
		var from ast.Expr
		var name string
		var optional bool
		switch {
		case at.Kind() == ast.SelectKind:
			from, name = at.AsSelect().Operand(), at.AsSelect().FieldName()
		case at.Kind() == ast.CallKind && len(at.AsCall().Args()) == 2:
			call := at.AsCall()
			text, ok := textOf(call.Args()[1])
			optional = call.FunctionName() == operators.OptSelect
			if !ok || !optional && call.FunctionName() != operators.Index {
				return nil, r.beyond(at)
			}
			from, name = call.Args()[0], text
		default:
			return nil, r.beyond(at)
		}
		if from.Kind() == ast.IdentKind && from.AsIdent() == "event" && (optional || at.Kind() != ast.SelectKind) {
			return nil, r.beyond(at) // event itself is no JSON object
		}
		steps = append(steps, name)
		at = from
	}
	x := pathExpr{root: at.AsIdent()}
	switch x.root {
	case "item":
		if !r.withItem {
			return nil, r.wrong(at, "item is there in data and attributes of a rule with forEach only")
		}
		r.items++
	case "event":
		if len(steps) == 0 {
			return nil, r.beyond(e)
		}
		x.root = steps[len(steps)-1]
		steps = steps[:len(steps)-1]
		switch x.root {
		case "type", "key":
			if len(steps) > 0 {
				return nil, r.beyond(e)
			}
		case "data", "attributes":
		default:
			return nil, r.beyond(e)
		}
	default:
		return nil, r.beyond(at)
	}
	for i := len(steps) - 1; i >= 0; i-- {
		x.steps = append(x.steps, steps[i])
	}
	return x, nil
}

func (r *exprReader) object(e ast.Expr, depth int) (expr, error) {
	var o objectExpr
	seen := make(map[string]bool)
	for _, entry := range e.AsMap().Entries() {
		member := entry.AsMapEntry()
		name, ok := textOf(member.Key())
		if !ok {
			return nil, r.beyond(member.Key())
		}
		if seen[name] {
			return nil, r.wrong(member.Key(), "must not have the member %q twice", problem.Clip(name))
		}
		seen[name] = true
		value, err := r.expr(member.Value(), depth+1)
		if err != nil {
			return nil, err
		}
		o = append(o, objectMember{name: name, optional: member.IsOptional(), value: value})
	}
	return o, nil
}

func (r *exprReader) merge(e ast.Expr, depth int) (expr, error) {
	var m mergeExpr
	for _, arg := range e.AsCall().Args() {
		x, err := r.expr(arg, depth+1)
		if err != nil {
			return nil, err
		}
		m = append(m, x)
	}
	if len(m) == 0 {
		return nil, r.beyond(e)
	}
	return m, nil
}

func (r *exprReader) pick(e ast.Expr, depth int) (expr, error) {
	args := e.AsCall().Args()
	if len(args) != 2 || args[1].Kind() != ast.ListKind || len(args[1].AsList().OptionalIndices()) > 0 {
		return nil, r.wrong(e, "pick must have two arguments, the second a list of names")
	}
	from, err := r.expr(args[0], depth+1)
	if err != nil {
		return nil, err
	}
	x := pickExpr{from: from}
	seen := make(map[string]bool)
	for _, element := range args[1].AsList().Elements() {
		name, ok := textOf(element)
		if !ok {
			return nil, r.beyond(element)
		}
		if !seen[name] {
			x.names = append(x.names, name)
		}
		seen[name] = true
	}
	return x, nil
}

// literal returns the JSON of a string, true, false or null.
func literal(e ast.Expr) ([]byte, bool) {
	if e.Kind() != ast.LiteralKind {
		return nil, false
	}
	switch v := e.AsLiteral().(type) {
	case types.String:
		return rawjson.AppendQuoted(nil, string(v)), true
	case types.Bool:
		if v {
			return []byte("true"), true
		}
		return []byte("false"), true
	case types.Null:
		return []byte("null"), true
	}
	return nil, false
}

// textOf returns the text of a string literal.
func textOf(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	text, ok := e.AsLiteral().(types.String)
	return string(text), ok
}
