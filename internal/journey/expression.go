package journey

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/relay-events/relay/internal/definition"
)

type scope = definition.Scope

// The scopes. A step is taken without an event: only entry has that of the beginning.
const (
	scopeWho   scope = "event"
	scopeEntry scope = "event profile now"
	scopeEvent scope = "event entry profile steps now"
	scopeStep  scope = "entry profile steps now"
)

var language = definition.NewLanguage("journeys", nil)

// expression is a compiled expression.
type expression struct{ *definition.Expression }

func compileExpression(text string, s scope) (*expression, error) {
	e, err := language.Compile(text, s)
	if err != nil {
		return nil, err
	}
	return &expression{e}, nil
}

// value evaluates the expression. definition.ErrAbsent: a member is not there, an optional is empty, or the value is null.
func (e *expression) value(vars map[string]any) (ref.Val, error) {
	out, err := e.Value(vars)
	if err == nil && out.Type() == types.NullType {
		return nil, definition.ErrAbsent
	}
	return out, err
}

// holds reports whether the expression is true. A member that is not there is no match and no error, as in filters. nil
// holds.
func (e *expression) holds(vars map[string]any) (bool, error) {
	if e == nil {
		return true, nil
	}
	out, err := e.value(vars)
	switch {
	case errors.Is(err, definition.ErrAbsent):
		return false, nil
	case err != nil:
		return false, err
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, fmt.Errorf("%q gives a %s, not true or false", definition.Clip(e.Text), out.Type().TypeName())
	}
	return bool(b), nil
}

// id returns the expression's value as an id: a text or a whole number; "" if it is absent or nothing of that.
func (e *expression) id(vars map[string]any) string {
	if e == nil {
		return ""
	}
	out, err := e.value(vars)
	if err != nil {
		return ""
	}
	switch x := out.(type) {
	case types.String:
		return string(x)
	case types.Int, types.Uint:
		return fmt.Sprint(x.Value())
	}
	return ""
}

// tree is JSON whose texts may have expressions. One of the fields is set.
type tree struct {
	members  []member
	list     []*tree
	parts    []part
	constant any
}

type member struct {
	name string
	tree *tree
}

// part is a literal text or an expression.
type part struct {
	literal string
	expr    *expression
}

// append appends the tree as JSON. definition.ErrAbsent: it is one expression whose value is not there, which leaves a member of an
// object out.
func (t *tree) append(dst []byte, vars map[string]any) ([]byte, error) {
	switch {
	case t.members != nil:
		dst = append(dst, '{')
		for _, m := range t.members {
			mark := len(dst)
			if dst[mark-1] != '{' {
				dst = append(dst, ',')
			}
			full, err := m.tree.append(append(appendJSON(dst, m.name), ':'), vars)
			if errors.Is(err, definition.ErrAbsent) {
				dst = dst[:mark]
				continue
			}
			if err != nil {
				return nil, err
			}
			dst = full
		}
		return append(dst, '}'), nil
	case t.list != nil:
		dst = append(dst, '[')
		for i, e := range t.list {
			if i > 0 {
				dst = append(dst, ',')
			}
			full, err := e.append(dst, vars)
			if errors.Is(err, definition.ErrAbsent) {
				full, err = append(dst, "null"...), nil
			}
			if err != nil {
				return nil, err
			}
			dst = full
		}
		return append(dst, ']'), nil
	case t.parts == nil:
		return appendJSON(dst, t.constant), nil
	case len(t.parts) == 1 && t.parts[0].expr != nil: // keeps the type of its value
		out, err := t.parts[0].expr.value(vars)
		if err != nil {
			return nil, err
		}
		v, err := native(out)
		if err != nil {
			return nil, err
		}
		return appendJSON(dst, v), nil
	}
	var b strings.Builder
	for _, p := range t.parts {
		if p.expr == nil {
			b.WriteString(p.literal)
			continue
		}
		out, err := p.expr.value(vars)
		if errors.Is(err, definition.ErrAbsent) {
			continue
		}
		if err != nil {
			return nil, err
		}
		v, err := native(out)
		if err != nil {
			return nil, err
		}
		if s, ok := v.(string); ok {
			b.WriteString(s)
		} else {
			b.Write(appendJSON(nil, v))
		}
	}
	return appendJSON(dst, b.String()), nil
}

// appendJSON appends a value that JSON can hold, written without the escapes that HTML would need.
func appendJSON(dst []byte, v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // it can be written: see native
	return append(dst, bytes.TrimSuffix(b.Bytes(), []byte{'\n'})...)
}

// native returns an expression's value as encoding/json writes it.
func native(out ref.Val) (any, error) {
	switch x := out.(type) {
	case types.Null:
		return nil, nil
	case types.Bool, types.Int, types.Uint, types.String:
		return x.Value(), nil
	case types.Double:
		if f := float64(x); math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, fmt.Errorf("%v is no number of JSON", f)
		}
		return float64(x), nil
	case types.Timestamp:
		return x.Time.UTC().Format(time.RFC3339Nano), nil
	case *types.Optional:
		if !x.HasValue() {
			return nil, nil
		}
		return native(x.GetValue())
	case traits.Mapper:
		m := make(map[string]any)
		for it := x.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			name, ok := key.(types.String)
			if !ok {
				return nil, fmt.Errorf("an object's member has a name of type %s", key.Type().TypeName())
			}
			v, err := native(x.Get(key))
			if err != nil {
				return nil, err
			}
			m[string(name)] = v
		}
		return m, nil
	case traits.Lister:
		list := []any{}
		for it := x.Iterator(); it.HasNext() == types.True; {
			v, err := native(it.Next())
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	}
	if text, ok := out.ConvertToType(types.StringType).(types.String); ok { // durations
		return string(text), nil
	}
	return nil, fmt.Errorf("a %s cannot be written as JSON", out.Type().TypeName())
}

// decode returns JSON as CEL reads it: whole numbers that fit are integers, all others doubles. Empty JSON is an empty object.
func decode(raw []byte) (any, error) {
	if len(raw) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is text behind the value")
	}
	return numbers(v), nil
}

func numbers(v any) any {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			x[k] = numbers(e)
		}
	case []any:
		for i, e := range x {
			x[i] = numbers(e)
		}
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, _ := x.Float64()
		return f
	}
	return v
}

// timeOf reads a time that an expression gives: RFC 3339, a date, or seconds since 1970.
func timeOf(out ref.Val, zone *time.Location) (time.Time, error) {
	switch x := out.(type) {
	case types.Timestamp:
		return x.Time.UTC(), nil
	case types.Int:
		if x < 0 || x > 1<<40 {
			return time.Time{}, fmt.Errorf("%d is no time in seconds since 1970", x)
		}
		return time.Unix(int64(x), 0).UTC(), nil
	case types.String:
		if t, err := time.Parse(time.RFC3339, string(x)); err == nil {
			return t.UTC(), nil
		}
		if t, err := time.Parse("2006-01-02", string(x)); err == nil {
			return wall(t.Year(), t.Month(), t.Day(), 0, zone).UTC(), nil
		}
		return time.Time{}, fmt.Errorf("%q is no time such as 2026-05-05T14:23:00Z", definition.Clip(string(x)))
	}
	return time.Time{}, fmt.Errorf("a %v is no time", reflect.TypeOf(out.Value()))
}
