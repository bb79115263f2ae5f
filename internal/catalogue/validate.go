package catalogue

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/problem"
)

// Violation describes how an event violates its type's schema. It names places of the event and
// parts of the schema, never values of the event.
type Violation struct {
	// Path is the place: "data.caller", "data.appointmentsBooked[0].startUtc",
	// "attributes.event_type".
	Path string `json:"path"`
	// Message is a phrase that completes "PATH …": "must be a string, got a number".
	Message string `json:"message"`
}

// String returns the violation as a sentence.
func (v Violation) String() string { return v.Path + " " + v.Message }

// maxViolations bounds the violations that one validation returns; if there are more, a last entry
// says so.
const maxViolations = 20

// CheckSchemas compiles the type's schemas and returns the error, if any.
func (t *Type) CheckSchemas() error { return t.prepared().compile().err }

// prepared returns the type's checks, including those of a Type built by hand.
func (t *Type) prepared() *checks {
	if t.checks == nil {
		return newChecks(t.Schema, t.AttributesSchema)
	}
	return t.checks
}

// Unchecked lists the patterns of the type's schemas that are not enforced, with reasons; nil for
// none. It does not compile the schemas.
func (t *Type) Unchecked() []Unchecked {
	c := t.prepared()
	c.scan.Do(func() {
		for _, f := range []struct {
			name string
			raw  []byte
		}{{"schema", c.rawData}, {"attributesSchema", c.rawAttr}} {
			if !bytes.Contains(f.raw, []byte(`"pattern`)) {
				continue
			}
			doc, err := decode(f.raw)
			if err != nil {
				continue
			}
			list, err := new(patterns).scan(doc, f.name+"#", inner, nil)
			if err == nil {
				c.unchecked = append(c.unchecked, list...)
			}
		}
	})
	return c.unchecked
}

// Validate checks an event's data and attributes against the type's schemas and returns the
// violations in the order of their paths, or nil. Attributes may be nil: an event without
// attributes does not violate their schema. Numbers keep their precision. Every event passes a type
// without schemas, and a type whose schemas do not compile, which the Registry and the packs' test
// exclude.
//
// It takes about 2 µs for an event of 1 KB that fits a simple schema (see fastNode) and about 20 µs
// otherwise, so callers in mode Off should not call it. It is safe for concurrent use.
func (t *Type) Validate(data, attributes []byte) []Violation {
	list, _ := t.validate(nil, data, attributes) // without a Work there is no error
	return list
}

// validate is Validate within the work budget of a request. An error means that the request must
// end.
func (t *Type) validate(w *Work, data, attributes []byte) ([]Violation, error) {
	c, err := t.prepared().compileWithin(w)
	if err != nil || c.err != nil {
		return nil, err
	}
	var out []Violation
	if c.data != nil {
		if out, err = c.data.validate(w, data, "data"); err != nil {
			return nil, err
		}
	}
	if c.attributes != nil && len(attributes) > 0 {
		more, err := c.attributes.validate(w, attributes, "attributes")
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

func (s *schema) validate(w *Work, raw []byte, root string) ([]Violation, error) {
	if s.fast != nil && s.fast.fits(raw) {
		return nil, nil
	}
	return s.judgeDecoded(w, raw, root)
}

// largeDocument is the length from which at most two documents are checked at a time, in the whole
// server: 1 MiB of JSON can take a hundred times as much memory when decoded.
const largeDocument = 64 << 10

var large = make(chan struct{}, 2)

// judgeDecoded decodes the value and judges it.
func (s *schema) judgeDecoded(w *Work, raw []byte, root string) ([]Violation, error) {
	if err := w.begin(); err != nil {
		return nil, err
	}
	if len(raw) > largeDocument {
		// The tenant's slot comes first, so that a tenant has at most one of the two places.
		if err := w.hold(); err != nil {
			return nil, err
		}
		select {
		case large <- struct{}{}:
		case <-w.done():
			return nil, w.ended()
		}
		defer func() { <-large }()
	}
	if w.spendBytes(len(raw)) != nil {
		return []Violation{{Path: root, Message: "cannot be checked: " + errRequestWork.Error()}}, w.failure()
	}
	v, err := decode(raw)
	if err != nil {
		return []Violation{{Path: root, Message: "cannot be checked: " + err.Error()}}, nil
	}
	out := s.judge(w, v, root)
	return out, w.failure()
}

// judge returns the violations of the schema in v, a decoded value. If the schema has alternatives,
// it first finds out whether v fits, without collecting the violations of each alternative.
func (s *schema) judge(w *Work, v any, root string) (out []Violation) {
	j := judge{work: w, steps: maxSteps, root: root, scope: s.scope}
	found := findings{most: maxFindings}
	violated := false
	defer func() {
		switch r := recover(); r {
		case nil:
			return
		case any(errTooMuch):
			out = []Violation{{Path: root, Message: "cannot be checked: the schema takes more steps for this event than are allowed"}}
		default:
			if err, is := r.(error); is && w != nil && err == w.stop { //nolint:errorlint // the very value that spend has panicked with
				out = []Violation{{Path: root, Message: "cannot be checked: " + err.Error()}}
				return
			}
			out = []Violation{{Path: root, Message: "cannot be checked: the schema fails on this event"}}
		}
		if violated {
			out[0].Message = "violates the schema; the places take more steps to find than are allowed"
		}
	}()
	if s.choices && j.apply(s.sch, v, false, nil) {
		return nil
	}
	violated = s.choices
	j.found, j.steps = &found, maxSteps
	j.at, j.stack = j.at[:0], j.stack[:0]
	if j.apply(s.sch, v, false, nil) {
		return nil
	}
	return found.violations(root)
}

// violations returns the findings in the order of their paths, truncated to maxViolations.
func (f *findings) violations(root string) []Violation {
	out := make([]Violation, 0, len(f.list))
	for _, one := range f.list {
		out = append(out, one.Violation)
	}
	slices.SortFunc(out, func(a, b Violation) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Message, b.Message))
	})
	out = slices.Compact(out)
	total := len(out)
	if f.total > len(f.list) {
		total = f.total
	}
	if len(out) > maxViolations {
		out = append(out[:maxViolations:maxViolations], Violation{Path: root, Message: fmt.Sprintf("violates the schema in %d places, of which this list has the first %d", total, maxViolations)})
	}
	return out
}

// pathOf formats a place in the event.
func pathOf(root string, at []token) string {
	var b strings.Builder
	b.WriteString(root)
	for _, t := range at {
		if t.index >= 0 {
			b.WriteString("[" + strconv.Itoa(t.index) + "]")
		} else {
			b.WriteString(memberOf(t.name))
		}
	}
	return b.String()
}

// memberOf formats the step to a member: ".name", or `["na.me"]` for a name that would be
// ambiguous.
func memberOf(name string) string {
	plain := name != ""
	for i := range len(name) {
		c := name[i]
		plain = plain && (c == '_' || c == '-' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
	}
	if plain && len(name) <= problem.MaxClip {
		return "." + name
	}
	return "[" + strconv.Quote(problem.Clip(name)) + "]"
}

// phrase describes the requirement of a schema. It replaces the library's messages, which repeat
// the event's values; those must not get into logs.
func phrase(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		want := make([]string, len(k.Want))
		for i, name := range k.Want {
			want[i] = typeNames[name]
		}
		return "must be " + strings.Join(want, " or ") + ", got " + typeNames[k.Got]
	case *kind.Enum:
		return "must be one of " + constants(k.Want)
	case *kind.Const:
		return "must be " + constants([]any{k.Want})
	case *kind.Format:
		return "must have the format " + strconv.Quote(problem.Clip(k.Want))
	case *kind.Pattern:
		return "must match the pattern " + strconv.Quote(problem.Clip(k.Want))
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters, got %d", k.Want, k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters, got %d", k.Want, k.Got)
	case *kind.Minimum:
		return "must be at least " + number(k.Want)
	case *kind.Maximum:
		return "must be at most " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be above " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be below " + number(k.Want)
	case *kind.MultipleOf:
		return "must be a multiple of " + number(k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d elements, got %d", k.Want, k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d elements, got %d", k.Want, k.Got)
	case *kind.UniqueItems:
		return fmt.Sprintf("must not have equal elements, but [%d] and [%d] are", k.Duplicates[0], k.Duplicates[1])
	case *kind.MinProperties:
		return fmt.Sprintf("must have at least %d members, got %d", k.Want, k.Got)
	case *kind.MaxProperties:
		return fmt.Sprintf("must have at most %d members, got %d", k.Want, k.Got)
	case *kind.AdditionalProperties:
		return "must have no other members than the schema names, got " + names(k.Properties)
	case *kind.AdditionalItems:
		return fmt.Sprintf("must not have the last %d elements", k.Count)
	case *kind.DependentRequired:
		return fmt.Sprintf("must have %s when it has %q", names(k.Missing), problem.Clip(k.Prop))
	case *kind.Dependency:
		return fmt.Sprintf("must have %s when it has %q", names(k.Missing), problem.Clip(k.Prop))
	case *kind.PropertyNames:
		return fmt.Sprintf("must not have a member of the name %q", problem.Clip(k.Property))
	case *kind.AnyOf:
		return "must fit one of the schema's alternatives (anyOf)"
	case *kind.OneOf:
		if len(k.Subschemas) > 0 {
			return "must fit only one of the schema's alternatives (oneOf), fits several"
		}
		return "must fit one of the schema's alternatives (oneOf)"
	case *kind.Not:
		return "must not fit the schema's exclusion (not)"
	case *kind.FalseSchema:
		return "must not be there"
	case *kind.Contains:
		return "must have an element that the schema describes (contains)"
	}
	return "violates the schema's " + strings.Join(k.KeywordPath(), "/")
}

var typeNames = map[string]string{
	"null": "null", "boolean": "true or false", "number": "a number", "integer": "an integer",
	"string": "a string", "array": "an array", "object": "an object",
}

// constants lists values of a schema.
func constants(list []any) string {
	const most = 12
	var b strings.Builder
	for i, v := range list {
		if i == most {
			fmt.Fprintf(&b, " and %d others", len(list)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		text, err := json.Marshal(v)
		if err != nil {
			text = []byte("a value")
		}
		b.WriteString(problem.Clip(string(text)))
	}
	return b.String()
}

func names(list []string) string {
	const most = 5
	list = slices.Sorted(slices.Values(list))
	var b strings.Builder
	for i, name := range list {
		if i == most {
			fmt.Fprintf(&b, " and %d others", len(list)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Quote(problem.Clip(name)))
	}
	return b.String()
}

func number(r *big.Rat) string {
	if r.IsInt() {
		return problem.Clip(r.Num().String())
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// decoders serves decode; a Scanner keeps its memory.
var decoders = sync.Pool{New: func() any { return new(rawjson.Scanner) }}

// maxExponent bounds the exponent of numbers that are compared with a schema. The library converts
// every number that it compares into a fraction of integers: 1e999999 would take a megabit and
// milliseconds. A double ends at 1e308.
const maxExponent = 400

// decode decodes JSON for the schema library: numbers become json.Number, in full precision.
func decode(raw []byte) (any, error) {
	s := decoders.Get().(*rawjson.Scanner)
	defer func() {
		s.Reset(nil, rawjson.Limits{})
		decoders.Put(s)
	}()
	s.Reset(raw, rawjson.Limits{Depth: event.MaxDepth})
	v, err := decodeValue(s)
	if endErr := s.End(); endErr != nil {
		return nil, endErr
	}
	return v, err
}

// decodeValue decodes the value at the scanner. It returns the first error after consuming the
// whole value.
func decodeValue(s *rawjson.Scanner) (v any, err error) {
	switch s.Kind() {
	case rawjson.Object:
		m := make(map[string]any)
		s.Enter()
		for s.Next() {
			name := string(s.Name())
			member, bad := decodeValue(s)
			if bad != nil && err == nil {
				err = bad
			}
			m[name] = member
		}
		return m, err
	case rawjson.Array:
		list := []any{}
		s.Enter()
		for s.Next() {
			element, bad := decodeValue(s)
			if bad != nil && err == nil {
				err = bad
			}
			list = append(list, element)
		}
		return list, err
	}
	switch v := s.Value(); v.Kind {
	case rawjson.String:
		return v.String()
	case rawjson.Number:
		if i := strings.IndexAny(string(v.Raw), "eE"); i >= 0 {
			if n, err := strconv.Atoi(string(v.Raw[i+1:])); err != nil || n > maxExponent || n < -maxExponent {
				return nil, fmt.Errorf("a number has an exponent beyond ±%d", maxExponent)
			}
		}
		return json.Number(v.Raw), nil
	case rawjson.Bool:
		return v.Bool()
	}
	return nil, nil
}
