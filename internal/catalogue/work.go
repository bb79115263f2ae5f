package catalogue

import (
	"context"
	"errors"

	"github.com/relay-events/relay/internal/event"
)

const (
	// maxExprWork bounds the work and memory of deriving from one published event, in bytes that
	// expressions skip or copy. This many take a few tenths of a second, while a usual event takes
	// microseconds.
	maxExprWork = 64 << 20
	// itemWork is charged for each element of a rule's list, in addition to its expressions.
	itemWork = 64
	// mergeWork and pickWork are charged per byte of the arguments: walking an object with all its
	// names takes longer than skipping it, and recording the names longer still.
	mergeWork = 10
	pickWork  = 4
)

// errWork is returned by expressions that exceed their budget.
var errWork = errors.New("it takes more work than is allowed for one event")

// exprRun bounds the evaluations of expressions, and caches the results that do not depend on the
// element of a rule's list. It serves one rule and one event; the budget may be shared with others.
type exprRun struct {
	left    *int  // remaining bytes
	request *Work // nil for no other limit
	memo    map[*onceExpr]onceValue
}

// freshRun returns a run with its own budget.
func freshRun() *exprRun {
	left := maxExprWork
	return &exprRun{left: &left}
}

func (r *exprRun) charge(n int) error {
	if r == nil {
		return nil
	}
	if *r.left -= n; *r.left < 0 || r.request.spendBytes(n) != nil {
		return errWork
	}
	return nil
}

// onceExpr is an expression without item.
type onceExpr struct{ x expr }

type onceValue struct {
	v   []byte
	err error
}

func (o *onceExpr) eval(s scope) ([]byte, error) {
	if s.run == nil {
		return o.x.eval(s)
	}
	if known, ok := s.run.memo[o]; ok {
		return known.v, known.err
	}
	v, err := o.x.eval(s)
	if s.run.memo == nil {
		s.run.memo = make(map[*onceExpr]onceValue)
	}
	s.run.memo[o] = onceValue{v, err}
	return v, err
}

// evaluate is Value.Eval within a run.
func evaluate(ctx context.Context, v Value, e *event.Event, item []byte, run *exprRun) ([]byte, error) {
	if x, ok := v.(exprValue); ok {
		return x.x.eval(scope{e, item, run})
	}
	return v.Eval(ctx, e, item)
}

// fulfils is Condition.Match within a run.
func fulfils(ctx context.Context, c Condition, e *event.Event, run *exprRun) (bool, error) {
	if x, ok := c.(exprCondition); ok {
		return x.match(e, run)
	}
	if m, ok := c.(Metered); ok {
		fits, steps, err := m.MatchSteps(ctx, e)
		if run.request.spend(steps) != nil {
			return false, errWork
		}
		return fits, err
	}
	return c.Match(ctx, e)
}
