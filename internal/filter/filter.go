// Package filter decides which events a webhook gets: a filter is an expression in CEL (https://cel.dev) over the
// variable event.
//
//	event.type        string
//	event.data        the payload, any JSON
//	event.attributes  the extra members, an object; empty when there are none
//	event.time        timestamp
//	event.key         string, empty when there is none
//
//	event.type == "order.created" && event.data.amount >= 100
//	event.data.?customer.?tier.orValue("free") != "free"
//	event.data.items.exists(i, i.sku.startsWith("A-"))
//
// What is absent: a filter that needs a member the event does not have, or an element beyond the end of an array, is
// no match and no error, whatever it does with it: event.data.a != 1 is no match if there is no a, and so is
// !(event.data.a == 1). But a clause that decides alone still does: true || event.data.a == 1 matches. To say what shall
// happen, ask has(event.data.a), or read event.data.?a.orValue(0), where .? makes every later step optional.
//
// Numbers: an integer as JSON writes it (no point, no exponent) is exact when it fits 64 bits, signed or unsigned; all
// others are doubles. Comparisons work across these, exactly: 1 == 1.0. Arithmetic does not mix: double(event.data.amount) * 1.2.
//
// The payload is never decoded as a whole: a program finds the members it names in the raw bytes, once for each
// evaluation, and only they become values.
//
// Bounds: a filter's text is at most [MaxBytes]; loops that are certain to be too long are refused when it is compiled;
// an evaluation has a cost limit, a budget of bytes it may search and of text it may copy, and regular expressions are RE2
// (no backtracking) with a constant pattern and a bound on pattern size × text length. None of them is a clock, so a filter's
// verdict is the same on a busy machine.
//
// Weak point: what an evaluation allocates is bounded through these budgets, not counted.
package filter

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/relay-events/relay/internal/event"
)

// MaxBytes is the longest a filter may be. A megabyte of nested parentheses is an attack on the parser; the
// longest filter somebody wrote by hand has a few hundred bytes.
const MaxBytes = 8 << 10

// Error says why an expression cannot be a filter.
type Error struct {
	// Line and Column point into the expression, both from 1; 0 where the whole expression is meant.
	Line, Column int
	// Message is a phrase for people: "undeclared reference to 'evnt'".
	Message string
}

// Error gives the position, if there is one, and the message.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// EvalError says why a filter could not be evaluated for an event. It counts as no match. The message can name members
// of the event, but holds no values.
type EvalError struct {
	// Message is a phrase for people.
	Message string
	// Err is the cause when the evaluation was cut short from outside: the context's error. Nil otherwise.
	Err error
}

// Error gives the message.
func (e *EvalError) Error() string { return "evaluating filter: " + e.Message }

// Unwrap returns the cause.
func (e *EvalError) Unwrap() error { return e.Err }

// Program is a compiled filter. It is immutable and safe for concurrent use.
type Program struct {
	text  string
	run   cel.Program
	loops bool // it has a comprehension, so that it can take long enough to be worth interrupting
	// quickText is how much text of an event Quick reads, in bytes.
	quickText int
	clauses   func() []*Program
}

// Compile checks and compiles an expression. The error is an *[Error] about the expression.
func Compile(expression string) (*Program, error) {
	p, err := compile(expression)
	if err != nil {
		return nil, err
	}
	// Explaining is rare: the clauses are compiled when somebody first asks.
	p.clauses = sync.OnceValue(func() []*Program {
		parts := splitClauses(expression)
		out := make([]*Program, 0, len(parts))
		for _, part := range parts {
			c, err := compile(part)
			if err != nil || len(parts) == 1 {
				return []*Program{p} // cannot be told apart, so the whole is the clause
			}
			out = append(out, c)
		}
		return out
	})
	return p, nil
}

// String returns the expression as it was given to Compile.
func (p *Program) String() string { return p.text }

// Match tells whether the event passes. A member that is absent makes it false without an error, see the package
// comment. Every other failure is false and an *[EvalError], which the caller notes on the event: it is the filter's author
// who has to know. The event must not be changed meanwhile, and its JSON must have been checked (as ingest does).
func (p *Program) Match(ctx context.Context, e *event.Event) (bool, error) {
	ok, _, err := p.MatchCost(ctx, e)
	return ok, err
}

// searchedPerCost is how many bytes searched cost as much as one unit of CEL's cost, about 75 ns.
const searchedPerCost = 40

// MatchCost is Match, and tells what it took: CEL's cost, and the bytes that were searched, in its units.
func (p *Program) MatchCost(ctx context.Context, e *event.Event) (fits bool, cost int, err error) {
	if err := ctx.Err(); err != nil {
		return false, 0, &EvalError{Message: err.Error(), Err: err}
	}
	s := borrow(e)
	defer giveBack(s)
	return p.match(ctx, s)
}

// match is MatchCost on a borrowed state.
func (p *Program) match(ctx context.Context, s *state) (fits bool, cost int, err error) {
	var out ref.Val
	var details *cel.EvalDetails
	if p.loops {
		out, details, err = p.run.ContextEval(ctx, s)
	} else {
		out, details, err = p.run.Eval(s)
	}
	cost = (maxWork - s.work) / searchedPerCost
	if spent := details.ActualCost(); spent != nil {
		cost += int(min(*spent, 2*costLimit))
	} else if err != nil {
		cost += costLimit // what was spent up to the failure is not told
	}
	switch {
	case s.spent != "":
		// Whatever came of it, it was computed from incomplete values.
		return false, cost, &EvalError{Message: s.spent}
	case err != nil && isAbsent(err):
		return false, cost, nil
	case err != nil:
		return false, cost, evalError(ctx, err)
	}
	verdict, ok := out.(types.Bool)
	if !ok {
		return false, cost, &EvalError{Message: fmt.Sprintf("the result is a %s, want true or false", typeName(out))}
	}
	return bool(verdict), cost, nil
}

// Verdict is what a clause said.
type Verdict string

// The verdicts of a clause.
const (
	Yes    Verdict = "yes"
	No     Verdict = "no"
	Failed Verdict = "failed" // could not be evaluated
)

// Clause is a part of a filter for "explain".
type Clause struct {
	// Text is the clause as its author wrote it.
	Text string
	// Verdict is what it says about the event. The filter matches if all clauses say yes.
	Verdict Verdict
	// Reason says more where there is more to say: what failed, or that something is absent.
	Reason string
}

// Clauses evaluates the parts that are joined by && at the top level, each for itself, so that people see which one
// said no. A filter without such parts is one clause.
func (p *Program) Clauses(ctx context.Context, e *event.Event) []Clause {
	parts := p.clauses()
	out := make([]Clause, 0, len(parts))
	for _, part := range parts {
		c := Clause{Text: part.text, Verdict: No}
		ok, err := part.Match(ctx, e)
		var failure *EvalError
		switch {
		case errors.As(err, &failure):
			c.Verdict, c.Reason = Failed, failure.Message
		case ok:
			c.Verdict = Yes
		default:
			c.Reason = part.absent(e)
		}
		out = append(out, c)
	}
	return out
}

// absent names what a clause that said no did not find, or is empty.
func (p *Program) absent(e *event.Event) string {
	s := borrow(e)
	defer giveBack(s)
	if _, _, err := p.run.Eval(s); err != nil && isAbsent(err) {
		if _, name, ok := strings.Cut(err.Error(), "no such key: "); ok {
			return fmt.Sprintf("%q is absent", name)
		}
		return "an element is absent"
	}
	return ""
}

// isAbsent tells the two errors for what is not there from all others. By their text, as CEL exports neither type nor
// value for them; TestAbsent fails when it words them anew.
func isAbsent(err error) bool {
	text := err.Error()
	return strings.HasPrefix(text, "no such key: ") || strings.HasPrefix(text, "index out of bounds: ")
}

// evalError puts CEL's errors into words.
func evalError(ctx context.Context, err error) *EvalError {
	if cause := ctx.Err(); cause != nil {
		return &EvalError{Message: cause.Error(), Err: cause}
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "cost limit exceeded"):
		text = fmt.Sprintf("it takes more than %d steps for this event", costLimit)
	case strings.HasPrefix(text, "no such overload"):
		text = "a value has a type that the operation does not take (" + text + ")"
	}
	return &EvalError{Message: text}
}

func typeName(v ref.Val) string {
	if v == nil {
		return "nothing"
	}
	return v.Type().TypeName()
}
