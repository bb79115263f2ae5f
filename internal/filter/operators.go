package filter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/event/rawjson"
)

// Limits of an operator object. The resulting expression is limited by MaxBytes like any other.
const (
	maxOperatorBytes = 8 << 10
	maxOperatorDepth = 16
)

// FromOperators translates an operator object, the form in which other webhook senders write
// filters, to an expression for [Compile]:
//
//	{"data.amount": {"$gte": 100}, "type": "order.created"}
//	event.data.amount >= 100 && event.type == "order.created"
//
// A name is a path into the event that begins with data, attributes, type, key or time; a part of
// digits is an index. Paths may be nested: {"data": {"amount": …}}. The operators are $eq, $neq (or
// $ne), $gt, $gte, $lt, $lte, $in, $nin, $exist (or $exists), $regex, $startsWith, $endsWith, and
// $and and $or with arrays of such objects. All members must match. A value other than an object is
// compared with $eq. As in other systems, $neq and $nin match if the member is absent; the other
// operators do not.
//
// The error is an *[Error], with the position in raw if it is known.
func FromOperators(raw []byte) (string, error) {
	if len(raw) > maxOperatorBytes {
		return "", &Error{Message: fmt.Sprintf("must have at most %d bytes, got %d", maxOperatorBytes, len(raw))}
	}
	if err := rawjson.Check(raw, rawjson.Limits{Depth: maxOperatorDepth}); err != nil {
		out := &Error{Message: err.Error()}
		var bad *rawjson.SyntaxError
		if errors.As(err, &bad) {
			out.Message = bad.Reason
			out.Line, out.Column = bad.Position(raw)
		}
		return "", out
	}
	v, _ := rawjson.Pick(raw)
	text, err := fromObject("", v)
	if err != nil {
		return "", &Error{Message: err.Error()}
	}
	return text, nil
}

// fromObject translates an object of paths, or of operators on one path.
func fromObject(path string, v rawjson.Value) (string, error) {
	if v.Kind != rawjson.Object {
		return "", fmt.Errorf("want an object of paths and operators, got %v", v.Kind)
	}
	var parts []string
	err := rawjson.Members(v.Raw, rawjson.Limits{}, func(name []byte, v rawjson.Value) error {
		part, err := fromMember(path, string(name), v)
		if err == nil {
			parts = append(parts, part)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if len(parts) == 0 {
		return "", fmt.Errorf("an object must not be empty: say what %s", orEvent(path))
	}
	return strings.Join(parts, " && "), nil
}

func orEvent(path string) string {
	if path == "" {
		return "the event must have"
	}
	return fmt.Sprintf("%q must be", path)
}

func fromMember(path, name string, v rawjson.Value) (string, error) {
	switch {
	case name == "$and" || name == "$or":
		return fromList(path, name, v)
	case strings.HasPrefix(name, "$"):
		if path == "" {
			return "", fmt.Errorf("operator %q needs a path around it", name)
		}
		return fromOperator(path, name, v)
	}
	if path != "" {
		name = path + "." + name
	}
	if _, _, err := access(name); err != nil {
		return "", err
	}
	if v.Kind == rawjson.Object {
		return fromObject(name, v)
	}
	return fromOperator(name, "$eq", v)
}

func fromList(path, name string, v rawjson.Value) (string, error) {
	if v.Kind != rawjson.Array {
		return "", fmt.Errorf("%q wants an array of objects, got %v", name, v.Kind)
	}
	var parts []string
	err := rawjson.Elements(v.Raw, rawjson.Limits{}, func(_ int, v rawjson.Value) error {
		part, err := fromObject(path, v)
		if err == nil {
			parts = append(parts, part)
		}
		return err
	})
	switch {
	case err != nil:
		return "", err
	case len(parts) == 0:
		return "", fmt.Errorf("%q wants at least one object", name)
	case name == "$and":
		return strings.Join(parts, " && "), nil
	}
	for i, part := range parts {
		if strings.Contains(part, "&&") {
			parts[i] = "(" + part + ")"
		}
	}
	return "(" + strings.Join(parts, " || ") + ")", nil
}

// comparisons maps operators to the operators that CEL writes between two values.
var comparisons = map[string]string{
	"$eq": "==", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<=",
}

func fromOperator(path, name string, v rawjson.Value) (string, error) {
	plain, optional, err := access(path)
	if err != nil {
		return "", err
	}
	if sign, ok := comparisons[name]; ok {
		operand, err := literal(v)
		if err != nil {
			return "", fmt.Errorf("%q of %q: %w", name, path, err)
		}
		if plain == "event.time" {
			operand = "timestamp(" + operand + ")"
		}
		return plain + " " + sign + " " + operand, nil
	}
	want := rawjson.String
	switch name {
	case "$in", "$nin":
		want = rawjson.Array
	case "$exist", "$exists":
		want = rawjson.Bool
	case "$neq", "$ne":
		want = v.Kind
	}
	if v.Kind != want {
		return "", fmt.Errorf("%q of %q wants %v, got %v", name, path, want, v.Kind)
	}
	operand, err := literal(v)
	if err != nil {
		return "", fmt.Errorf("%q of %q: %w", name, path, err)
	}
	switch name {
	case "$neq", "$ne":
		return optional + ".orValue(null) != " + operand, nil
	case "$in":
		return plain + " in " + operand, nil
	case "$nin":
		return "!(" + optional + ".orValue(null) in " + operand + ")", nil
	case "$exist", "$exists":
		if operand == "false" {
			return "!" + optional + ".hasValue()", nil
		}
		return optional + ".hasValue()", nil
	case "$regex":
		return plain + ".matches(" + operand + ")", nil
	case "$startsWith":
		return plain + ".startsWith(" + operand + ")", nil
	case "$endsWith":
		return plain + ".endsWith(" + operand + ")", nil
	}
	return "", fmt.Errorf("unknown operator %q of %q", name, path)
}

// access returns a path in CEL's notation in two forms: plain, which does not match if a part is
// absent, and as an optional value.
func access(path string) (plain, optional string, err error) {
	parts := strings.Split(path, ".")
	switch parts[0] {
	case "data", "attributes":
	case "type", "key", "time":
		if len(parts) > 1 {
			return "", "", fmt.Errorf("path %q: %q has no members", path, parts[0])
		}
		plain = "event." + parts[0]
		return plain, "optional.of(dyn(" + plain + "))", nil
	default:
		return "", "", fmt.Errorf("path %q must begin with data, attributes, type, key or time", path)
	}
	plain = "event." + parts[0]
	if len(parts) == 1 {
		return plain, "optional.of(dyn(" + plain + "))", nil
	}
	optional = plain
	for _, part := range parts[1:] {
		switch {
		case part == "":
			return "", "", fmt.Errorf("path %q has an empty part", path)
		case isIndex(part):
			plain += "[" + part + "]"
			optional += "[?" + part + "]"
		case isName(part):
			plain += "." + part
			optional += ".?" + part
		default:
			plain += "[" + quote(part) + "]"
			optional += "[?" + quote(part) + "]"
		}
	}
	return plain, optional, nil
}

func isIndex(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) <= 6 && (s == "0" || s[0] != '0')
}

// reserved lists the words that CEL does not accept as a member's name.
// https://github.com/google/cel-spec/blob/master/doc/langdef.md#syntax
var reserved = map[string]bool{"false": true, "in": true, "null": true, "true": true}

func isName(s string) bool {
	for i, c := range []byte(s) {
		if c != '_' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return !reserved[s]
}

// quote returns text as a CEL literal. For valid UTF-8, Go's escapes are valid in CEL.
func quote(s string) string { return strconv.Quote(s) }

// literal returns a JSON value as a CEL literal.
func literal(v rawjson.Value) (string, error) {
	switch v.Kind {
	case rawjson.String:
		s, err := v.String()
		return quote(s), err
	case rawjson.Number:
		if _, err := v.Int64(); err == nil {
			return string(v.Raw), nil
		}
		if n, ok := parseUint(v.Raw); ok {
			return strconv.FormatUint(n, 10) + "u", nil
		}
		f, err := v.Float64()
		if err != nil {
			return "", err
		}
		s := strconv.FormatFloat(f, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return s, nil
	case rawjson.Array:
		var parts []string
		err := rawjson.Elements(v.Raw, rawjson.Limits{}, func(_ int, v rawjson.Value) error {
			part, err := literal(v)
			parts = append(parts, part)
			return err
		})
		return "[" + strings.Join(parts, ", ") + "]", err
	case rawjson.Object:
		var parts []string
		err := rawjson.Members(v.Raw, rawjson.Limits{}, func(name []byte, v rawjson.Value) error {
			part, err := literal(v)
			parts = append(parts, quote(string(name))+": "+part)
			return err
		})
		return "{" + strings.Join(parts, ", ") + "}", err
	}
	return string(v.Raw), nil // null, true, false
}
