package catalogue

import (
	"context"
	"fmt"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Rule says which events are derived from which. It is data: the packs ship three rules, and
// tenants add their own.
//
// Its expressions are CEL over event (with the fields of package filter: event.type, event.data,
// event.attributes, event.key, …) and over item, in Data and Attributes of a rule with ForEach.
// There are two additional functions: merge(a, b, …) returns an object with the members of all
// arguments, where later ones win, and pick(object, ["a", "b"]) returns the object reduced to those
// members. Paths, literals, object literals, merge and pick work on the raw bytes: values that they
// copy arrive byte for byte as published. All other expressions are left to an Evaluator.
type Rule struct {
	// Name identifies the rule within its tenant: lower case letters, digits and "-".
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// On is the type of the events to which the rule applies.
	On string `json:"on"`
	// When is the condition; empty means always. If a member that it reads is absent, it is false.
	When string `json:"when,omitempty"`
	// ForEach is a list; one event is derived for each of its elements. If it is empty, one event
	// is derived. An absent or null list is empty.
	ForEach string `json:"forEach,omitempty"`
	// Type is the type of the derived events.
	Type string `json:"type"`
	// Data is the data of a derived event.
	Data string `json:"data"`
	// Attributes is an object of attributes for a derived event, empty for none. An absent value
	// gives none.
	Attributes string `json:"attributes,omitempty"`
	// Before places the derived events before their cause instead of after it.
	Before bool `json:"before,omitempty"`

	// Pack is the pack with which the rule ships; empty for a tenant's own.
	Pack string `json:"-"`
}

// Limits of rules.
const (
	// MaxRules bounds a tenant's own rules.
	MaxRules = 100
	// MaxDepth bounds the chain of derivations: events derived from a published event, events
	// derived from those, …
	MaxDepth = 4
	// MaxDerived bounds the events derived from one published event. It equals the number of events
	// that a publisher may send in one array.
	MaxDerived = 1000
	// maxDerivedBytes bounds their data and attributes together, like the size of an array of
	// events.
	maxDerivedBytes = 16 << 20

	maxRuleName = 64
	maxRuleText = 8 << 10 // of one expression
)

// Condition is a compiled When. *filter.Program implements it.
type Condition interface {
	// Match reports whether the event fulfils the condition. If a member is absent, it returns
	// false without an error.
	Match(ctx context.Context, e *event.Event) (bool, error)
}

// Metered is a Condition that also returns the cost of an evaluation, in steps of about 0.3 µs.
type Metered interface {
	MatchSteps(ctx context.Context, e *event.Event) (fits bool, steps int, err error)
}

// Value is a compiled ForEach, Data or Attributes.
type Value interface {
	// Eval returns the JSON of the value, or nil if it is absent. The result may alias the event's
	// bytes and must not be changed. item is the element of the list, nil in ForEach and in rules
	// without ForEach.
	Eval(ctx context.Context, e *event.Event, item []byte) ([]byte, error)
}

// Evaluator compiles the expressions that this package does not evaluate itself. Its errors are
// meant for the author of the expression.
type Evaluator interface {
	Condition(text string) (Condition, error)
	// Value compiles a ForEach (withItem is false), or a Data or Attributes.
	Value(text string, withItem bool) (Value, error)
}

// check returns an error if a rule is invalid, without checking its expressions.
func (r *Rule) check() error {
	if err := checkRuleName(r.Name); err != nil {
		return problem.InvalidField("name", "%v", err)
	}
	if err := event.CheckType(r.On); err != nil {
		return problem.InvalidField("on", "%v", err)
	}
	if err := event.CheckType(r.Type); err != nil {
		return problem.InvalidField("type", "%v", err)
	}
	if err := checkPublic(r.On); err != nil {
		return problem.InvalidField("on", "%v", err)
	}
	if err := checkPublic(r.Type); err != nil {
		return problem.InvalidField("type", "%v", err)
	}
	if r.On == r.Type {
		return problem.InvalidField("type", "must not be %q, the type the rule is on: it would derive from itself", r.On)
	}
	if strings.TrimSpace(r.Data) == "" {
		return problem.InvalidField("data", "must be given; %q gives the data of the cause", "event.data")
	}
	for _, f := range []struct{ name, text string }{{"when", r.When}, {"forEach", r.ForEach}, {"data", r.Data}, {"attributes", r.Attributes}} {
		if len(f.text) > maxRuleText {
			return problem.InvalidField(f.name, "must have at most %d characters, got %d", maxRuleText, len(f.text))
		}
	}
	if len(r.Description) > maxDescription {
		return problem.InvalidField("description", "must have at most %d characters, got %d", maxDescription, len(r.Description))
	}
	return nil
}

func checkRuleName(s string) error {
	if s == "" || len(s) > maxRuleName {
		return fmt.Errorf("must have 1 to %d characters, got %d", maxRuleName, len(s))
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return fmt.Errorf("must be lower case letters, digits and -")
		}
	}
	return nil
}

// compiledRule is a rule ready to run. A nil when is always true, a nil forEach runs once, and nil
// attributes mean none.
type compiledRule struct {
	Rule
	when       Condition
	forEach    Value
	data       Value
	attributes Value
}

// compile compiles the rule's expressions. If ev is nil, only expressions that this package
// evaluates itself are allowed. The errors are problems that name the field.
func (r *Rule) compile(ev Evaluator) (*compiledRule, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	c := &compiledRule{Rule: *r}
	if strings.TrimSpace(r.When) != "" {
		x, err := parseExpr(r.When, false)
		switch {
		case err == nil:
			c.when = exprCondition{x}
		case ev == nil:
			return nil, problem.InvalidField("when", "%v", err)
		default:
			if c.when, err = ev.Condition(r.When); err != nil {
				return nil, problem.InvalidField("when", "%v", err)
			}
		}
	}
	each := strings.TrimSpace(r.ForEach) != ""
	for _, f := range []struct {
		name, text string
		item       bool
		into       *Value
	}{{"forEach", r.ForEach, false, &c.forEach}, {"data", r.Data, each, &c.data}, {"attributes", r.Attributes, each, &c.attributes}} {
		if strings.TrimSpace(f.text) == "" {
			continue
		}
		x, err := parseExpr(f.text, f.item)
		if err == nil {
			*f.into = exprValue{x}
			continue
		}
		if ev != nil {
			*f.into, err = ev.Value(f.text, f.item)
		}
		if err != nil {
			return nil, problem.InvalidField(f.name, "%v", err)
		}
	}
	return c, nil
}
