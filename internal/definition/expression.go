package definition

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
)

const (
	// MaxExpression bounds the text of an expression, in bytes.
	MaxExpression = 8 << 10
	// costLimit bounds an evaluation, in CEL's units, which are about 75 ns each.
	costLimit = 200_000
	// maxNesting bounds the parser's recursion.
	maxNesting = 50
)

// Scope lists the variables that expressions of one place may name, with blanks between them.
type Scope string

// Language is CEL (https://cel.dev) with the functions of one kind of document. Its methods may be called at the same time.
type Language struct {
	name      string
	functions func() []cel.EnvOption

	environments sync.Map // Scope → *cel.Env
}

// NewLanguage returns a language. name completes "the language of …"; functions are called when an environment is built,
// and may be nil.
func NewLanguage(name string, functions func() []cel.EnvOption) *Language {
	return &Language{name: name, functions: functions}
}

func (l *Language) environment(s Scope) (*cel.Env, error) {
	if env, ok := l.environments.Load(s); ok {
		return env.(*cel.Env), nil
	}
	options := []cel.EnvOption{
		cel.StdLib(), cel.OptionalTypes(), ext.Strings(), cel.CrossTypeNumericComparisons(true), cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(MaxExpression), cel.ParserRecursionLimit(maxNesting),
	}
	for name := range strings.FieldsSeq(string(s)) {
		options = append(options, cel.Variable(name, cel.DynType))
	}
	if l.functions != nil {
		options = append(options, l.functions()...)
	}
	env, err := cel.NewCustomEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("building the language of %s: %w", l.name, err)
	}
	l.environments.Store(s, env)
	return env, nil
}

// Expression is a compiled expression.
type Expression struct {
	Text string
	Uses map[string]bool // the variables and functions that it names
	run  cel.Program
}

// Compile compiles an expression. Errors complete "PATH …".
func (l *Language) Compile(text string, s Scope) (*Expression, error) {
	if len(text) > MaxExpression {
		return nil, fmt.Errorf("must have at most %d bytes", MaxExpression)
	}
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("must not be an empty expression")
	}
	env, err := l.environment(s)
	if err != nil {
		return nil, err
	}
	checked, issues := env.Compile(text)
	if err := issues.Err(); err != nil {
		message := issues.String()
		if all := issues.Errors(); len(all) > 0 {
			message = strings.TrimPrefix(strings.ReplaceAll(all[0].Message, " (in container '')", ""), "Syntax error: ")
			if strings.Contains(message, "undeclared reference to '") {
				message += "; here there are " + strings.Join(strings.Fields(string(s)), ", ")
			}
		}
		return nil, fmt.Errorf("%q does not compile: %s", Clip(text), message)
	}
	run, err := env.Program(checked, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costLimit))
	if err != nil {
		return nil, fmt.Errorf("%q does not compile: %w", Clip(text), err)
	}
	e := &Expression{Text: text, Uses: make(map[string]bool), run: run}
	for _, r := range checked.NativeRep().ReferenceMap() {
		e.Uses[r.Name] = true
	}
	return e, nil
}

// ErrAbsent is returned by an evaluation that met a member which is not there.
var ErrAbsent = errors.New("absent")

// Value evaluates the expression with a map of variables or a cel.Activation. ErrAbsent: a member is not there, or an
// optional is empty.
func (e *Expression) Value(vars any) (ref.Val, error) {
	out, _, err := e.run.Eval(vars)
	if err != nil {
		text := err.Error()
		switch {
		case strings.HasPrefix(text, "no such key"), strings.HasPrefix(text, "index out of bounds"), strings.HasPrefix(text, "no such attribute"):
			return nil, ErrAbsent
		case strings.Contains(text, "cost limit exceeded"):
			return nil, fmt.Errorf("%q takes too long for this value", Clip(e.Text))
		}
		return nil, fmt.Errorf("%q cannot be evaluated: %s", Clip(e.Text), strings.ReplaceAll(text, "\n", " "))
	}
	if o, ok := out.(*types.Optional); ok {
		if !o.HasValue() {
			return nil, ErrAbsent
		}
		out = o.GetValue()
	}
	return out, nil
}

// Bare returns an expression without the ${} around it.
func Bare(text string) string {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "${"); ok && Closing(inner) == len(inner)-1 {
		return inner[:len(inner)-1]
	}
	return text
}

// Closing returns where the brace is that ends an expression after "${", -1 if there is none.
func Closing(text string) int {
	depth, quote := 0, byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0:
			switch c {
			case '\\':
				i++
			case quote:
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '{':
			depth++
		case c == '}':
			if depth == 0 {
				return i
			}
			depth--
		}
	}
	return -1
}
