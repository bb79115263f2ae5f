package catalogue

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/problem"
)

// ruleSteps is the minimum cost of a rule for each event it looks at.
const ruleSteps = 2

// Rules is a set of compiled rules. It is immutable and safe for concurrent use; a nil *Rules
// derives no events.
type Rules struct {
	on map[string][]*compiledRule // by the type they apply to, in the given order
}

// CompileRules compiles the rules. ev may be nil, see Evaluator. The error is a *problem.Error
// about the first rule that does not compile.
func CompileRules(rules []Rule, ev Evaluator) (*Rules, error) {
	rs := &Rules{on: make(map[string][]*compiledRule)}
	for i := range rules {
		c, err := rules[i].compile(ev)
		if err != nil {
			return nil, err
		}
		rs.on[c.On] = append(rs.on[c.On], c)
	}
	return rs, nil
}

// On reports whether any rule applies to events of the type.
func (rs *Rules) On(eventType string) bool { return rs != nil && len(rs.on[eventType]) > 0 }

// Derived is an event derived from another.
type Derived struct {
	// Event has the tenant, time, version, ordering key and delivery time of its cause. It has no
	// id and no name yet. The caller sets its Cause once the cause has an id.
	Event event.Event
	// Cause is the derived event that is the direct cause, nil if the published event is.
	Cause *Derived
	// Rule is the name of the rule, Index the position of the list element, from 0.
	Rule  string
	Index int
}

// Derivation holds the events derived from one published event.
type Derivation struct {
	// Before and After are the events to store before and after the published one, in order.
	Before, After []*Derived
	// Failures lists the rules that failed and why. Path is "rule NAME", or "rule NAME[3]" for a
	// list element. The results of other rules and elements are present nevertheless.
	Failures []Violation
}

// Derive returns all events derived from e, directly and indirectly. An event never derives a type
// that occurs in its own chain of causes, and chains end at MaxDepth, so derivation ends for any
// rules. Derived bytes may alias e's. If there are too many derived events, the error is a
// *problem.Error and the caller should store none of them.
func (rs *Rules) Derive(ctx context.Context, e *event.Event) (Derivation, error) {
	return rs.derive(ctx, nil, e)
}

// derive is Derive within the work budget of a request.
func (rs *Rules) derive(ctx context.Context, w *Work, e *event.Event) (Derivation, error) {
	var out Derivation
	if !rs.On(e.Type) {
		return out, nil
	}
	if err := w.begin(); err != nil {
		return out, err
	}
	d := deriver{rules: rs, out: &out, work: maxExprWork, request: w}
	before, after, err := d.follow(ctx, e, nil, []string{e.Type})
	if err != nil {
		return Derivation{}, err
	}
	out.Before, out.After = before, after
	return out, nil
}

// deriver derives from one published event.
type deriver struct {
	rules        *Rules
	out          *Derivation
	count, bytes int
	work         int // remaining part of maxExprWork
	request      *Work
}

// maxFailures bounds the recorded failures: a list of bad elements fails once per element.
const maxFailures = 20

func (d *deriver) fail(rule string, index int, format string, args ...any) {
	if len(d.out.Failures) == maxFailures {
		return
	}
	path := "rule " + rule
	if index >= 0 {
		path = fmt.Sprintf("%s[%d]", path, index)
	}
	d.out.Failures = append(d.out.Failures, Violation{Path: path, Message: fmt.Sprintf(format, args...)})
}

// follow returns the events derived from e. chain holds the types of its causes and, last, its own.
func (d *deriver) follow(ctx context.Context, e *event.Event, cause *Derived, chain []string) (before, after []*Derived, err error) {
	if len(chain) > MaxDepth {
		return nil, nil, nil
	}
	for _, r := range d.rules.on[e.Type] {
		if slices.Contains(chain, r.Type) {
			continue
		}
		list, err := d.apply(ctx, r, e, cause)
		if err != nil {
			return nil, nil, err
		}
		into := &after
		if r.Before {
			into = &before
		}
		for _, x := range list {
			pre, post, err := d.follow(ctx, &x.Event, x, append(slices.Clone(chain), r.Type))
			if err != nil {
				return nil, nil, err
			}
			*into = append(append(append(*into, pre...), x), post...)
		}
	}
	return before, after, nil
}

// apply returns the events that one rule derives from e.
func (d *deriver) apply(ctx context.Context, r *compiledRule, e *event.Event, cause *Derived) ([]*Derived, error) {
	run := &exprRun{left: &d.work, request: d.request}
	if d.request.spend(ruleSteps) != nil {
		return nil, tooMuchWork(r, e, d.request)
	}
	if r.when != nil {
		ok, err := fulfils(ctx, r.when, e, run)
		if errors.Is(err, errWork) {
			return nil, tooMuchWork(r, e, d.request)
		}
		if err != nil {
			d.fail(r.Name, -1, "cannot evaluate its condition: %v", err)
		}
		if !ok || err != nil {
			return nil, nil
		}
	}
	if r.forEach == nil {
		x, err := d.make(ctx, r, e, nil, -1, run)
		if x == nil {
			return nil, err
		}
		x.Cause = cause
		return []*Derived{x}, nil
	}
	raw, err := evaluate(ctx, r.forEach, e, nil, run)
	switch {
	case errors.Is(err, errWork):
		return nil, tooMuchWork(r, e, d.request)
	case err != nil:
		d.fail(r.Name, -1, "cannot evaluate its list: %v", err)
		return nil, nil
	case raw == nil || string(raw) == "null":
		return nil, nil
	case raw[0] != '[':
		d.fail(r.Name, -1, "needs a list, but %q is not one", problem.Clip(r.ForEach))
		return nil, nil
	}
	var list []*Derived
	err = rawjson.Elements(raw, rawjson.Limits{Depth: event.MaxDepth}, func(i int, item rawjson.Value) error {
		x, err := d.make(ctx, r, e, item.Raw, i, run)
		if x != nil {
			x.Cause = cause
			list = append(list, x)
		}
		return err
	})
	return list, err
}

// make creates one event. It returns nil without an error if the rule itself fails for this event.
func (d *deriver) make(ctx context.Context, r *compiledRule, e *event.Event, item []byte, index int, run *exprRun) (*Derived, error) {
	if run.charge(itemWork) != nil {
		return nil, tooMuchWork(r, e, d.request)
	}
	data, err := evaluate(ctx, r.data, e, item, run)
	if errors.Is(err, errWork) {
		return nil, tooMuchWork(r, e, d.request)
	}
	if err == nil && data == nil {
		err = fmt.Errorf("%q is absent", problem.Clip(r.Data))
	}
	if err != nil {
		d.fail(r.Name, index, "cannot make the data: %v", err)
		return nil, nil
	}
	var attributes []byte
	if r.attributes != nil {
		attributes, err = evaluate(ctx, r.attributes, e, item, run)
		switch {
		case errors.Is(err, errWork):
			return nil, tooMuchWork(r, e, d.request)
		case err != nil:
		case string(attributes) == "null":
			attributes = nil
		case attributes != nil && attributes[0] != '{':
			err = fmt.Errorf("%q is not an object", problem.Clip(r.Attributes))
		case len(attributes) > event.MaxAttributeBytes:
			err = fmt.Errorf("they have more than %d bytes", event.MaxAttributeBytes)
		}
		if err != nil {
			d.fail(r.Name, index, "cannot make the attributes: %v", err)
			return nil, nil
		}
	}
	d.count++
	d.bytes += len(data) + len(attributes)
	if d.count > MaxDerived || d.bytes > maxDerivedBytes {
		return nil, problem.New(problem.TooLarge, "an event of type %s must not derive more than %d events or %d bytes (rule %s)", e.Type, MaxDerived, maxDerivedBytes, r.Name)
	}
	return &Derived{Rule: r.Name, Index: max(index, 0), Event: event.Event{
		Tenant: e.Tenant, Type: r.Type, Time: e.Time, Version: e.Version, Key: e.Key, DeliverAt: e.DeliverAt,
		Data: data, Attributes: attributes,
	}}, nil
}

// tooMuchWork returns the problem of an event whose rules exceed their budget.
func tooMuchWork(r *compiledRule, e *event.Event, w *Work) error {
	if err := w.failure(); err != nil {
		return err
	}
	if w != nil && w.stop != nil {
		return problem.New(problem.TooLarge, "%s (catalogueWork, %d steps; rule %s): send fewer events at a time, or make the rules simpler", w.stop, w.meter.limit, r.Name)
	}
	return problem.New(problem.TooLarge, "deriving from this event of type %s takes too much work (rule %s): make it smaller, or the rule simpler", e.Type, r.Name)
}
