package webhook

import (
	"context"
	"errors"
	"time"

	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/transform"
)

// Compiler checks transforms, as transform.Pool does.
type Compiler interface {
	Compile(ctx context.Context, source string) (*transform.Script, error)
}

// SetCompiler sets what checks transforms when webhooks are saved. Without it
// webhooks with a transform are refused. It must be set before the registry is
// shared.
func (r *Registry) SetCompiler(c Compiler) { r.scripts = c }

// compileTime bounds how long saving a webhook waits for the sandbox: hostile
// scripts may have filled it.
const compileTime = 10 * time.Second

// compileScript checks a transform. Errors are *problem.Error.
func (r *Registry) compileScript(ctx context.Context, source string) (*transform.Script, error) {
	if source == "" {
		return nil, nil
	}
	return CompileTransform(ctx, r.scripts, source)
}

// CompileTransform checks the source of a transform. What is wrong with it is a
// problem that names the field "transform"; a sandbox that is too busy is an
// Unavailable one.
func CompileTransform(ctx context.Context, c Compiler, source string) (*transform.Script, error) {
	if c == nil {
		return nil, problem.New(problem.Unavailable, "transforms are not available on this server")
	}
	limited, cancel := context.WithTimeout(ctx, compileTime)
	defer cancel()
	s, err := c.Compile(limited, source)
	var bad *transform.Error
	switch {
	case err == nil:
		return s, nil
	case errors.As(err, &bad):
		return nil, problem.InvalidField("transform", "does not compile: %v", bad)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	busy := problem.Wrap(err, problem.Unavailable, "the transform cannot be checked now, try again")
	busy.After = 5 * time.Second
	return nil, busy
}

// script returns the transform of stored settings, nil without one. It compiled
// when it was stored and is compiled again when it first runs: if it does
// not compile any more, its attempts fail with the reason, and nothing else does.
func (s *Settings) script() *transform.Script {
	if s.Transform == "" {
		return nil
	}
	return transform.NewScript(s.Transform)
}
