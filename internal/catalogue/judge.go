package catalogue

import (
	"errors"
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// This file applies compiled schemas to events. The library compiles schemas and could also apply
// them. But its validator cannot be interrupted, has no bound on its work or on the errors it
// collects, and reports wrong places (it shares a slice between siblings). FuzzJudge checks that
// both reach the same verdicts.

const (
	// maxSteps bounds the work of checking one event against one schema, in subschemas applied and
	// values compared. A step takes about 0.3 µs, so the worst schema takes a fraction of a second.
	// An array of 200,000 simple values, as many as fit into 1 MiB, passes.
	maxSteps = 800_000
	// maxNested bounds the nesting of applied subschemas, and with it the stack.
	maxNested = 10_000
	// maxFindings bounds the violations kept while an event is checked; further ones are only
	// counted.
	maxFindings = 1000
	// maxAlternativeFindings bounds the violations kept while trying one alternative of an anyOf or
	// oneOf.
	maxAlternativeFindings = 20
)

// errTooMuch ends the check of an event that takes more than maxSteps. It is a panic value that
// never leaves this file.
var errTooMuch = errors.New("too much work")

// judge applies a schema to one event. It belongs to one goroutine.
type judge struct {
	work  *Work // work budget of the publication
	steps int   // remaining part of maxSteps
	root  string
	at    []token    // position of the value being checked
	stack []applied  // the subschemas being applied, outermost first
	found *findings  // nil if only the verdict is needed
	scope *resources // for dynamic references
}

// token is one step of a path into a value: the name of a member, or the index of an element.
type token struct {
	name  string
	index int // -1 for a member
}

// applied is a subschema that is being applied.
type applied struct {
	s    *jsonschema.Schema
	same bool // applied to the same value as the subschema before it on the stack
}

// findings are the violations found so far.
type findings struct {
	list  []finding
	most  int
	total int
}

type finding struct {
	Violation
	weight int // how far the event is from fitting, see judge.alternatives
}

// evaluated records the members and elements that subschemas have evaluated, for
// unevaluatedProperties and unevaluatedItems.
type evaluated struct {
	allProps, allItems bool
	props              map[string]bool
	items              map[int]bool
	upTo               int // all elements before this index
}

func (ev *evaluated) prop(name string) {
	if ev == nil {
		return
	}
	if ev.props == nil {
		ev.props = make(map[string]bool)
	}
	ev.props[name] = true
}

func (ev *evaluated) item(i int) {
	if ev == nil {
		return
	}
	if ev.items == nil {
		ev.items = make(map[int]bool)
	}
	ev.items[i] = true
}

func (ev *evaluated) merge(o *evaluated) {
	ev.allProps = ev.allProps || o.allProps
	ev.allItems = ev.allItems || o.allItems
	ev.upTo = max(ev.upTo, o.upTo)
	for name := range o.props {
		ev.prop(name)
	}
	for i := range o.items {
		ev.item(i)
	}
}

// spend takes n steps from the budgets; call it before doing the work.
func (j *judge) spend(n int) {
	if j.steps -= n; j.steps < 0 {
		panic(errTooMuch)
	}
	if err := j.work.spend(n); err != nil {
		panic(err)
	}
}

// bad records a violation at the current position.
func (j *judge) bad(k jsonschema.ErrorKind) {
	j.note(pathOf(j.root, j.at), phrase(k), weightOf(k, len(j.at)))
}

func (j *judge) note(path, message string, weight int) {
	f := j.found
	if f.total++; len(f.list) < f.most {
		f.list = append(f.list, finding{Violation{path, message}, weight})
	}
}

// apply applies s to v and reports whether v fits. same means that v is also the value of the
// subschema before s on the stack. ev is nil if evaluated members need not be recorded.
func (j *judge) apply(s *jsonschema.Schema, v any, same bool, ev *evaluated) bool {
	j.spend(1)
	if s.Bool != nil {
		if !*s.Bool && j.found != nil {
			j.bad(&kind.FalseSchema{})
		}
		return *s.Bool
	}
	if len(j.stack) == maxNested {
		panic(errTooMuch)
	}
	if same {
		for i := len(j.stack) - 1; i >= 0; i-- {
			if j.stack[i].s == s {
				if j.found != nil {
					j.note(pathOf(j.root, j.at), "violates the schema, whose reference leads back to itself without end", 1)
				}
				return false
			}
			if !j.stack[i].same {
				break
			}
		}
	}
	if ev == nil && (s.UnevaluatedProperties != nil || s.UnevaluatedItems != nil) {
		ev = new(evaluated)
	}
	j.stack = append(j.stack, applied{s, same})
	ok := j.own(s, v, ev)
	j.stack = j.stack[:len(j.stack)-1]
	return ok
}

// inPlace applies s to the same value.
func (j *judge) inPlace(s *jsonschema.Schema, v any, ev *evaluated) bool {
	if ev == nil {
		return j.apply(s, v, true, nil)
	}
	var own evaluated
	if !j.apply(s, v, true, &own) {
		return false
	}
	ev.merge(&own)
	return true
}

// quietly runs f only for its verdict, without collecting violations.
func (j *judge) quietly(f func() bool) bool {
	found := j.found
	j.found = nil
	ok := f()
	j.found = found
	return ok
}

func (j *judge) member(s *jsonschema.Schema, v any, name string) bool {
	j.at = append(j.at, token{name, -1})
	ok := j.apply(s, v, false, nil)
	j.at = j.at[:len(j.at)-1]
	return ok
}

func (j *judge) element(s *jsonschema.Schema, v any, i int) bool {
	j.at = append(j.at, token{"", i})
	ok := j.apply(s, v, false, nil)
	j.at = j.at[:len(j.at)-1]
	return ok
}

// own applies the keywords of s. If only the verdict is needed, it returns at the first violation.
func (j *judge) own(s *jsonschema.Schema, v any, ev *evaluated) bool {
	quiet := j.found == nil
	if s.DraftVersion < 2019 && s.Ref != nil { // its siblings are ignored (draft-07, section 8.3)
		return j.inPlace(s.Ref, v, ev)
	}
	if !j.plain(s, v) {
		return false // violations of other keywords by a value of the wrong type would not help
	}
	ok := true
	all := func(fits bool) bool { // reports whether to continue
		ok = ok && fits
		return ok || !quiet
	}
	if s.Ref != nil && !all(j.inPlace(s.Ref, v, ev)) {
		return false
	}
	switch v := v.(type) {
	case map[string]any:
		all(j.object(s, v, ev))
	case []any:
		all(j.array(s, v, ev))
	case string:
		all(j.text(s, v))
	default:
		if n, is := numberOf(v); is {
			all(j.number(s, n))
		}
	}
	if !ok && quiet {
		return false
	}
	if to := j.scope.recursive(s, j.stack); to != nil && !all(j.inPlace(to, v, ev)) {
		return false
	}
	if to := j.scope.dynamic(s, j.stack); to != nil && !all(j.inPlace(to, v, ev)) {
		return false
	}
	if !all(j.conditions(s, v, ev)) {
		return false
	}
	if s.UnevaluatedProperties != nil || s.UnevaluatedItems != nil {
		all(j.unevaluated(s, v, ev))
	}
	return ok
}

// plain applies the keywords that come first: type, const, enum and format.
func (j *judge) plain(s *jsonschema.Schema, v any) bool {
	if s.Types != nil && !s.Types.IsEmpty() && !hasType(*s.Types, v) {
		if j.found != nil {
			j.bad(&kind.Type{Got: typeName(v), Want: s.Types.ToStrings()})
		}
		return false
	}
	if s.Const != nil && !j.sameValue(v, *s.Const) {
		if j.found != nil {
			j.bad(&kind.Const{Want: *s.Const})
		}
		return false
	}
	if s.Enum != nil {
		if !slices.ContainsFunc(s.Enum.Values, func(o any) bool { return j.sameValue(v, o) }) {
			if j.found != nil {
				j.bad(&kind.Enum{Want: s.Enum.Values})
			}
			return false
		}
	}
	if s.Format != nil {
		if text, is := v.(string); is {
			j.spend(len(text) / 64)
			if s.Format.Name == "regex" {
				j.spend(min(len(text), maxRegexText) / 2)
			}
		}
		if s.Format.Validate(v) != nil {
			if j.found != nil {
				j.bad(&kind.Format{Want: s.Format.Name})
			}
			return false
		}
	}
	return true
}

func (j *judge) object(s *jsonschema.Schema, v map[string]any, ev *evaluated) bool {
	quiet, ok := j.found == nil, true
	fail := func(k jsonschema.ErrorKind) {
		if ok = false; !quiet {
			j.bad(k)
		}
	}
	if s.MinProperties != nil && len(v) < *s.MinProperties {
		fail(&kind.MinProperties{Got: len(v), Want: *s.MinProperties})
	}
	if s.MaxProperties != nil && len(v) > *s.MaxProperties {
		fail(&kind.MaxProperties{Got: len(v), Want: *s.MaxProperties})
	}
	j.spend(len(s.Required) / 4)
	for _, name := range s.Required {
		if _, has := v[name]; !has {
			if ok = false; quiet {
				return false
			}
			j.note(pathOf(j.root, j.at)+memberOf(name), "is missing", 1)
		}
	}
	if !ok && quiet {
		return false
	}
	if !j.members(s, v, ev) {
		if ok = false; quiet {
			return false
		}
	}
	if s.PropertyNames != nil {
		for name := range v {
			if !j.quietly(func() bool { return j.apply(s.PropertyNames, name, false, nil) }) {
				if fail(&kind.PropertyNames{Property: name}); quiet {
					return false
				}
			}
		}
	}
	for name, dependency := range s.Dependencies {
		if _, has := v[name]; !has {
			continue
		}
		switch d := dependency.(type) {
		case []string:
			if missing := j.missing(v, d); missing != nil {
				fail(&kind.Dependency{Prop: name, Missing: missing})
			}
		case *jsonschema.Schema:
			ok = j.inPlace(d, v, ev) && ok
		}
	}
	for name, dependent := range s.DependentSchemas {
		if _, has := v[name]; has {
			ok = j.inPlace(dependent, v, ev) && ok
		}
	}
	for name, wanted := range s.DependentRequired {
		if _, has := v[name]; has {
			if missing := j.missing(v, wanted); missing != nil {
				fail(&kind.DependentRequired{Prop: name, Missing: missing})
			}
		}
	}
	return ok
}

// sorted reports whether members must be visited in the order of their names: only a few violations
// of an alternative are kept, and the selection must not depend on chance. For the event itself,
// all violations are kept and sorted afterwards.
func (j *judge) sorted() bool { return j.found != nil && j.found.most == maxAlternativeFindings }

// members applies the keywords of a schema about members by name.
func (j *judge) members(s *jsonschema.Schema, v map[string]any, ev *evaluated) bool {
	ok, quiet := true, j.found == nil
	if len(s.PatternProperties) == 0 && s.AdditionalProperties == nil && len(s.Properties) < len(v) {
		j.spend(len(s.Properties) / 4)
		names := maps.Keys(s.Properties) // the event has more members than the schema
		if j.sorted() {
			names = slices.Values(slices.Sorted(names))
		}
		for name := range names {
			member := s.Properties[name]
			if value, has := v[name]; has {
				ev.prop(name)
				if ok = j.member(member, value, name) && ok; !ok && quiet {
					return false
				}
			}
		}
		return ok
	}
	var others []string
	j.spend(len(v) / 4)
	names := maps.Keys(v)
	if j.sorted() { // the selection must not depend on chance
		names = slices.Values(slices.Sorted(names))
	}
	for name := range names {
		value, known := v[name], false
		if member := s.Properties[name]; member != nil {
			known = true
			ok = j.member(member, value, name) && ok
		}
		for re, member := range s.PatternProperties {
			if j.matches(re, name, false) {
				known = true
				ok = j.member(member, value, name) && ok
			}
		}
		if !known && s.AdditionalProperties != nil {
			known = true
			switch other := s.AdditionalProperties.(type) {
			case bool:
				if !other {
					ok = false
					others = append(others, name)
				}
			case *jsonschema.Schema:
				ok = j.member(other, value, name) && ok
			}
		}
		if known {
			ev.prop(name)
		}
		if !ok && quiet {
			return false
		}
	}
	if len(others) > 0 {
		j.bad(&kind.AdditionalProperties{Properties: others})
	}
	return ok
}

func (j *judge) missing(v map[string]any, wanted []string) (missing []string) {
	j.spend(len(wanted) / 4)
	for _, name := range wanted {
		if _, has := v[name]; !has {
			missing = append(missing, name)
		}
	}
	return missing
}

// conditions applies not, allOf, anyOf, oneOf, if, then and else.
func (j *judge) conditions(s *jsonschema.Schema, v any, ev *evaluated) bool {
	quiet, ok := j.found == nil, true
	if s.Not != nil && j.quietly(func() bool { return j.apply(s.Not, v, true, nil) }) {
		if ok = false; quiet {
			return false
		}
		j.bad(&kind.Not{})
	}
	for _, part := range s.AllOf {
		if ok = j.inPlace(part, v, ev) && ok; !ok && quiet {
			return false
		}
	}
	if len(s.AnyOf) > 0 {
		fits := false
		for _, alternative := range s.AnyOf {
			if j.quietly(func() bool { return j.inPlace(alternative, v, ev) }) {
				if fits = true; ev == nil {
					break
				}
			}
		}
		if !fits {
			if ok = false; quiet {
				return false
			}
			j.alternatives(s.AnyOf, v, &kind.AnyOf{})
		}
	}
	if len(s.OneOf) > 0 {
		var fitting []int
		for i, alternative := range s.OneOf {
			if j.quietly(func() bool { return j.inPlace(alternative, v, ev) }) {
				if fitting = append(fitting, i); len(fitting) > 1 {
					break
				}
			}
		}
		if len(fitting) != 1 {
			switch ok = false; {
			case quiet:
				return false
			case len(fitting) > 1:
				j.bad(&kind.OneOf{Subschemas: fitting})
			default:
				j.alternatives(s.OneOf, v, &kind.OneOf{})
			}
		}
	}
	if s.If != nil {
		then := s.Else
		if j.quietly(func() bool { return j.inPlace(s.If, v, ev) }) {
			then = s.Then
		}
		if then != nil {
			ok = j.inPlace(then, v, ev) && ok
		}
	}
	return ok
}

func (j *judge) unevaluated(s *jsonschema.Schema, v any, ev *evaluated) bool {
	ok := true
	switch v := v.(type) {
	case map[string]any:
		if s.UnevaluatedProperties == nil || ev.allProps {
			break
		}
		for name, value := range v {
			if !ev.props[name] {
				ok = j.member(s.UnevaluatedProperties, value, name) && ok
			}
		}
		ev.allProps = true
	case []any:
		if s.UnevaluatedItems == nil || ev.allItems {
			break
		}
		for i := ev.upTo; i < len(v); i++ {
			if !ev.items[i] {
				ok = j.element(s.UnevaluatedItems, v[i], i) && ok
			}
		}
		ev.allItems = true
	}
	return ok
}
