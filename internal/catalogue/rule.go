package catalogue

import (
	"context"
	"fmt"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Rule says which events follow from which. It is data: the packs ship three, and tenants add their own.
//
// Its expressions are CEL over event (as package filter has it: event.type, event.data, event.attributes, event.key, …)
// and, in Data and Attributes of a rule with ForEach, item. Besides what CEL has there are merge(a, b, …), an object with the
// members of all, of which the later win, and pick(object, ["a", "b"]), the object reduced to those members.
// Paths, literals, object literals, merge and pick work on the raw bytes: what they take over arrives byte for byte as
// it was published. All else is left to an Evaluator.
type Rule struct {
	// Name identifies the rule within its tenant: lower case letters, digits and "-".
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	// On is the type of the events the rule looks at.
	On string `json:"on"`
	// When is the condition; empty: always. What is absent makes it false.
	When string `json:"when,omitempty"`
	// ForEach is a list: an event follows for each of its elements. Empty: one event follows. An absent or null list is empty.
	ForEach string `json:"forEach,omitempty"`
	// Type is the type of the events that follow.
	Type string `json:"type"`
	// Data is the data of an event that follows.
	Data string `json:"data"`
	// Attributes is an object of attributes for it; empty: none. What is absent gives none.
	Attributes string `json:"attributes,omitempty"`
	// Before puts the events that follow before their cause instead of behind it.
	Before bool `json:"before,omitempty"`

	// Pack is the pack the rule ships with; empty for a tenant's own.
	Pack string `json:"-"`
}

// Bounds of rules.
const (
	// MaxRules bounds a tenant's own rules.
	MaxRules = 100
	// MaxDepth bounds the derivations one after another: what follows from a published event, what follows from that, …
	MaxDepth = 4
	// MaxDerived bounds the events that follow from one published event. It is the number of events a publisher may send in
	// one array.
	MaxDerived = 1000
	// maxDerivedBytes bounds their data and attributes together, as the size of an array of events is bounded.
	maxDerivedBytes = 16 << 20

	maxRuleName = 64
	maxRuleText = 8 << 10 // of one expression
)

// Condition is a compiled When. *filter.Program is one.
type Condition interface {
	// Match tells whether the event fulfils the condition. What is absent makes it false without an error.
	Match(ctx context.Context, e *event.Event) (bool, error)
}

// Metered is a Condition that tells what it took, in steps of about 0.3 µs.
type Metered interface {
	MatchSteps(ctx context.Context, e *event.Event) (fits bool, steps int, err error)
}

// Value is a compiled ForEach, Data or Attributes.
type Value interface {
	// Eval returns the JSON of the value: bytes of the event's where it can, nil for what is absent. item is the list's
	// element, nil in ForEach and in rules without one. The result must not be changed.
	Eval(ctx context.Context, e *event.Event, item []byte) ([]byte, error)
}

// Evaluator compiles what this package does not evaluate itself. Its errors are for the author of the expression.
type Evaluator interface {
	Condition(text string) (Condition, error)
	// Value compiles a ForEach (withItem is false), or a Data or Attributes.
	Value(text string, withItem bool) (Value, error)
}

// check reports what is wrong with a rule, apart from its expressions.
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

// compiledRule is a rule ready to run. A nil when is always true, a nil forEach runs once, nil attributes are none.
type compiledRule struct {
	Rule
	when       Condition
	forEach    Value
	data       Value
	attributes Value
}

// compile compiles the rule's expressions. ev may be nil: then only what this package evaluates itself is allowed. The
// errors are problems that name the field.
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
