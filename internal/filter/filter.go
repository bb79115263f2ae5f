// Package filter decides which events a webhook gets: a filter is an expression in CEL
// (https://cel.dev) over the variable event.
//
//	event.type        string
//	event.data        the payload, any JSON
//	event.attributes  the extra members, an object; empty if there are none
//	event.time        timestamp
//	event.key         string, empty if there is none
//
//	event.type == "order.created" && event.data.amount >= 100
//	event.data.?customer.?tier.orValue("free") != "free"
//	event.data.items.exists(i, i.sku.startsWith("A-"))
//
// Absent members: a filter that needs a member that the event does not have, or an element beyond
// the end of an array, does not match, whatever the operation. This is not an error. Without a
// member a, event.data.a != 1 does not match, and neither does !(event.data.a == 1). But a clause
// that decides alone still does: true || event.data.a == 1 matches. To decide explicitly, use
// has(event.data.a), or read event.data.?a.orValue(0), where .? makes every later step optional.
//
// Numbers: an integer as JSON writes it (no point, no exponent) is exact if it fits 64 bits, signed
// or unsigned; all other numbers are doubles. Comparisons between them are exact: 1 == 1.0.
// Arithmetic needs equal types: double(event.data.amount) * 1.2.
//
// The payload is never decoded as a whole: a program finds the members it names in the raw bytes,
// once per evaluation, and only those become values.
//
// Limits: a filter's text is at most [MaxBytes]. Loops that are certain to take too long are
// rejected at compile time. An evaluation has a cost limit, a budget of bytes to search, and a
// budget of text to copy. Regular expressions are RE2 (no backtracking) with a constant pattern and
// a limit on pattern size × text length. None of these limits depends on a clock, so a filter's
// verdict is the same on a busy machine.
//
// Known weak point: the memory that an evaluation allocates is limited only indirectly, through
// these budgets.
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

// MaxBytes bounds a filter's text. A megabyte of nested parentheses would be an attack on the
// parser; the longest handwritten filters have a few hundred bytes.
const MaxBytes = 8 << 10

// Error says why an expression is not a valid filter.
type Error struct {
	// Line and Column are a position in the expression, both from 1; 0 if the error concerns the
	// whole expression.
	Line, Column int
	// Message is a phrase for people: "undeclared reference to 'evnt'".
	Message string
}

// Error returns the position, if there is one, and the message.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// EvalError says why a filter could not be evaluated for an event. The event then does not match.
// The message may name members of the event, but contains no values.
type EvalError struct {
	// Message is a phrase for people.
	Message string
	// Err is the context's error if the context ended the evaluation, else nil.
	Err error
}

// Error returns the message.
func (e *EvalError) Error() string { return "evaluating filter: " + e.Message }

// Unwrap returns the cause.
func (e *EvalError) Unwrap() error { return e.Err }

// Program is a compiled filter. It is immutable and safe for concurrent use.
type Program struct {
	text  string
	run   cel.Program
	loops bool // has a comprehension, so it may run long enough to be worth interrupting
	// quickText is how much text of an event Quick may read, in bytes.
	quickText int
	clauses   func() []*Program
}

// Compile checks and compiles an expression. If the expression is invalid, the error is an
// *[Error].
func Compile(expression string) (*Program, error) {
	p, err := compile(expression)
	if err != nil {
		return nil, err
	}
	// Clauses are rarely needed, so they are compiled on first use.
	p.clauses = sync.OnceValue(func() []*Program {
		parts := splitClauses(expression)
		out := make([]*Program, 0, len(parts))
		for _, part := range parts {
			c, err := compile(part)
			if err != nil || len(parts) == 1 {
				return []*Program{p} // cannot be compiled separately, so the whole is the clause
			}
			out = append(out, c)
		}
		return out
	})
	return p, nil
}

// String returns the expression that was given to Compile.
func (p *Program) String() string { return p.text }

// Match reports whether the event passes. If a member is absent, it returns false without an error,
// see the package comment. On any other failure it returns false and an *[EvalError], which the
// caller records on the event for the filter's author. The event must not change during the call,
// and its JSON must have been checked (as ingest does).
func (p *Program) Match(ctx context.Context, e *event.Event) (bool, error) {
	ok, _, err := p.MatchCost(ctx, e)
	return ok, err
}

// searchedPerCost is the number of searched bytes that cost as much as one unit of CEL's cost,
// about 75 ns.
const searchedPerCost = 40

// MatchCost is like Match, and also returns the cost of the evaluation: CEL's cost and the bytes
// searched, in CEL's units.
func (p *Program) MatchCost(ctx context.Context, e *event.Event) (fits bool, cost int, err error) {
	if err := ctx.Err(); err != nil {
		return false, 0, &EvalError{Message: err.Error(), Err: err}
	}
	s := getState(e)
	defer putState(s)
	return p.match(ctx, s)
}

// match is MatchCost on a state from the pool.
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
		cost += costLimit // CEL does not return the cost of a failed evaluation
	}
	switch {
	case s.spent != "":
		// The result was computed from incomplete values, so it is discarded.
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

// Verdict is the result of a clause.
type Verdict string

// The verdicts of a clause.
const (
	Yes    Verdict = "yes"
	No     Verdict = "no"
	Failed Verdict = "failed" // could not be evaluated
)

// Clause is a part of a filter, with its result for one event, for explanations.
type Clause struct {
	// Text is the clause as its author wrote it.
	Text string
	// Verdict is the clause's result for the event. The filter matches if all clauses say yes.
	Verdict Verdict
	// Reason explains a failure or names an absent member; it may be empty.
	Reason string
}

// Clauses evaluates each part between top-level && operators separately, to show which parts
// rejected the event. A filter without such parts is one clause.
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

// absent describes the absent member or element that made a clause say no, or returns "".
func (p *Program) absent(e *event.Event) string {
	s := getState(e)
	defer putState(s)
	if _, _, err := p.run.Eval(s); err != nil && isAbsent(err) {
		if _, name, ok := strings.Cut(err.Error(), "no such key: "); ok {
			return fmt.Sprintf("%q is absent", name)
		}
		return "an element is absent"
	}
	return ""
}

// isAbsent reports whether the error is one of CEL's two for absent members and elements. It
// compares texts, because CEL exports neither types nor values for them; TestAbsent fails if CEL
// changes the texts.
func isAbsent(err error) bool {
	text := err.Error()
	return strings.HasPrefix(text, "no such key: ") || strings.HasPrefix(text, "index out of bounds: ")
}

// evalError rephrases CEL's errors.
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
		return "missing value"
	}
	return v.Type().TypeName()
}
