package filter

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/relay-events/relay/internal/regexsize"
)

const (
	// costLimit bounds an evaluation, in CEL's cost units. A loop step costs 5 to 10 units; 20,000
	// take 1 to 2 ms, so that the hostile filters of the tests end within the 5 ms that a filter
	// may take.
	costLimit = 20_000
	// staticLimit is the estimated cost above which a filter is rejected when it is saved, assuming
	// arrays of assumedElements and text of assumedText. It is higher than costLimit because the
	// estimate is of the worst case.
	staticLimit = 2_000_000
	// assumedElements is the assumed number of members of an array or object in a payload when a
	// filter is saved. Two nested loops over such an array pass, three do not.
	assumedElements = 100
	// assumedText is the assumed length of a text in a payload when a filter is saved, in
	// characters.
	assumedText = 1000
	// maxNesting bounds the parser's recursion, and so its stack.
	maxNesting = 50
	// maxPattern bounds a regular expression, in instructions of its compiled form.
	maxPattern = 1000
	// maxRegexSteps bounds one match, in instructions × bytes of text. Go's matcher takes at most
	// about 4 ns for each; one unit of cost is charged per stepsPerCost of them.
	maxRegexSteps = 400_000
	stepsPerCost  = 25
)

// environment is the language of all filters. Building it takes about a millisecond, so it is built
// when the first filter is compiled.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, fmt.Errorf("building filter language: %w", err)
	}
	env, err := cel.NewCustomEnv(
		cel.StdLib(),
		cel.OptionalTypes(),
		cel.CustomTypeAdapter(registry),
		cel.CustomTypeProvider(&provider{registry}),
		cel.Variable("event", eventType),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(MaxBytes),
		cel.ParserRecursionLimit(maxNesting),
		cel.ExpressionNodeLimit(4*MaxBytes),
	)
	if err != nil {
		return nil, fmt.Errorf("building filter language: %w", err)
	}
	return env, nil
})

// compile is Compile without the clauses.
func compile(text string) (*Program, error) {
	if len(text) > MaxBytes {
		return nil, &Error{Message: fmt.Sprintf("must have at most %d bytes, got %d", MaxBytes, len(text))}
	}
	if strings.TrimSpace(text) == "" {
		return nil, &Error{Message: "must not be empty"}
	}
	env, err := environment()
	if err != nil {
		return nil, err
	}
	checked, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, issue(issues)
	}
	if out := checked.OutputType(); !out.IsExactType(types.BoolType) && !out.IsExactType(types.DynType) {
		return nil, &Error{Message: fmt.Sprintf("must be true or false, but is %s", out)}
	}
	calls, err := checkCalls(checked.NativeRep())
	if err != nil {
		return nil, err
	}
	estimate, err := env.EstimateCost(checked, sizes{})
	if err != nil {
		return nil, &Error{Message: fmt.Sprintf("cannot be estimated: %v", err)}
	}
	if estimate.Max > staticLimit {
		return nil, &Error{Message: fmt.Sprintf("would take too long: up to %d steps for arrays of %d elements, want at most %d; nest fewer loops",
			estimate.Max, assumedElements, staticLimit)}
	}
	run, err := env.Program(checked,
		cel.EvalOptions(cel.OptOptimize),
		cel.OptimizeRegex(boundedMatches...),
		cel.CostTracking(runCost{calls.largest}),
		cel.CostLimit(costLimit),
		cel.CustomDecoratorV2(knownZones),
		cel.InterruptCheckFrequency(100),
	)
	if err != nil {
		return nil, &Error{Message: err.Error()}
	}
	return &Program{text: text, run: run, loops: calls.loops, quickText: quickTextFor(calls.patterns)}, nil
}

// issue converts the first of CEL's issues into an *Error.
func issue(issues *cel.Issues) *Error {
	all := issues.Errors()
	if len(all) == 0 {
		return &Error{Message: issues.String()}
	}
	e := all[0]
	message := strings.ReplaceAll(e.Message, " (in container '')", "")
	out := &Error{Message: strings.TrimPrefix(message, "Syntax error: ")}
	if _, name, ok := strings.Cut(out.Message, "undeclared reference to '"); ok {
		if name = strings.TrimSuffix(name, "'"); fields[name] != nil {
			out.Message += ": write event." + name
		}
	}
	if e.Location != nil && e.Location.Line() > 0 {
		out.Line, out.Column = e.Location.Line(), e.Location.Column()+1
	}
	return out
}

// calls describes the costly parts of an expression.
type calls struct {
	loops    bool
	largest  int // size of the largest pattern, in instructions
	patterns int // size of all patterns together
}

// checkCalls finds loops and patterns. It rejects patterns that are too large or not constant.
func checkCalls(tree *ast.AST) (found calls, refused error) {
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.ComprehensionKind:
			found.loops = true
		case ast.CallKind:
			call := e.AsCall()
			args := call.Args()
			if call.FunctionName() != "matches" || len(args) == 0 || refused != nil {
				return
			}
			pattern := args[len(args)-1]
			at := tree.SourceInfo().GetStartLocation(pattern.ID())
			fail := func(format string, args ...any) {
				refused = &Error{Line: at.Line(), Column: at.Column() + 1, Message: fmt.Sprintf(format, args...)}
			}
			if pattern.Kind() != ast.LiteralKind {
				fail("the pattern of matches must be a constant text")
				return
			}
			text, ok := pattern.AsLiteral().Value().(string)
			if !ok {
				fail("the pattern of matches must be a text")
				return
			}
			parsed, err := syntax.Parse(text, syntax.Perl)
			if err != nil {
				fail("%v", err)
				return
			}
			if n := regexsize.Of(parsed); n > maxPattern {
				fail("the pattern of matches is too large: %d instructions, want at most %d", n, maxPattern)
			} else {
				found.largest = max(found.largest, n)
				found.patterns += n
			}
		}
	}))
	return found, refused
}

// boundedMatches replaces the function matches by one with a pattern compiled once, which rejects
// text that is too long for it. It is registered by overload, because CEL applies overloads before
// its own optimization, which is registered by function.
var boundedMatches = []*interpreter.RegexOptimization{
	{Function: "matches", OverloadID: overloads.MatchesString, RegexIndex: 1, Factory: compileMatches},
	{Function: "matches", OverloadID: overloads.Matches, RegexIndex: 1, Factory: compileMatches},
}

func compileMatches(call interpreter.InterpretableCall, pattern string) (interpreter.InterpretableCall, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	longest := maxRegexSteps / regexsize.Of(parsed)
	return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(values ...ref.Val) ref.Val {
		if len(values) != 2 {
			return types.NoSuchOverloadErr()
		}
		text, ok := values[0].(types.String)
		if !ok {
			return types.MaybeNoSuchOverloadErr(values[0])
		}
		if len(text) > longest {
			return types.NewErr("a text of %d bytes is too long for this pattern, want at most %d", len(text), longest)
		}
		return types.Bool(re.MatchString(string(text)))
	}), nil
}

// runCost replaces CEL's prices where they are far from the real cost.
type runCost struct {
	pattern int // size of the program's largest pattern
}

// CallCost implements cost.ActualCostEstimator.
func (c runCost) CallCost(function, overload string, args []ref.Val, _ ref.Val) *uint64 {
	price := func(n uint64) *uint64 { return &n }
	// Every function on long text has a cost, because CEL counts its characters to find a price
	// that is almost zero.
	const bytesPerCost = 100
	long := uint64(0)
	for _, arg := range args {
		if text, ok := arg.(types.String); ok && len(text) > 1000 {
			long += uint64(len(text))
		}
	}
	switch function {
	case "matches":
		if text, ok := args[0].(types.String); ok {
			return price(1 + uint64(len(text)*c.pattern)/stepsPerCost)
		}
	case "getFullYear", "getMonth", "getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getHours", "getMinutes", "getSeconds", "getMilliseconds":
		if len(args) > 1 {
			return price(300) // loads a time zone from disk, about 20 µs
		}
	case "string", "int", "uint", "double", "bool", "timestamp", "duration", "bytes":
		return price(5 + long/bytesPerCost) // parsing, or an error that contains text
	}
	if long > 0 {
		return price(1 + long/bytesPerCost)
	}
	return nil
}

// sizes supplies the assumed sizes of payloads to the cost estimate.
type sizes struct{}

// EstimateSize implements cost.Estimator.
func (sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	// Without an expression, CEL only probes for hints about deeper levels, one level after the
	// other.
	if path := node.Path(); len(path) == 0 || path[0] != "event" || node.Expr() == nil {
		return nil
	}
	size := uint64(assumedElements)
	if node.Type() != nil && node.Type().IsExactType(types.StringType) {
		size = assumedText
	}
	return &cost.SizeEstimate{Min: 0, Max: size}
}

// EstimateCallCost implements cost.Estimator.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}
