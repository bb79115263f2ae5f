package webhook

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/transform"
)

// Compiler checks transforms, as transform.Pool does.
type Compiler interface {
	Compile(ctx context.Context, tenant event.TenantID, source string) (*transform.Script, error)
}

// SetCompiler sets what checks transforms when webhooks are saved. Without it
// webhooks with a transform are refused. It must be set before the registry is
// shared.
func (r *Registry) SetCompiler(c Compiler) { r.scripts = c }

// compileTime bounds how long saving a webhook waits for the sandbox: hostile
// scripts may have filled it.
const compileTime = 20 * time.Second

// compileScript checks the source of a transform; nil for an empty one. What is
// wrong with it is a problem that names the field "transform"; a sandbox that
// is too busy is an Unavailable one.
func (r *Registry) compileScript(ctx context.Context, tenant event.TenantID, source string) (*transform.Script, error) {
	if source == "" {
		return nil, nil
	}
	if r.scripts == nil {
		return nil, problem.New(problem.Unavailable, "transforms are not available on this server")
	}
	limited, cancel := context.WithTimeout(ctx, compileTime)
	defer cancel()
	s, err := r.scripts.Compile(limited, tenant, source)
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

// Draft returns a copy of the webhook with another filter, transform or format,
// compiled but not stored, to try them. Other settings that change sets are not
// checked. Errors are *problem.Error and name the field.
func (r *Registry) Draft(ctx context.Context, w *Webhook, change func(*Settings)) (*Webhook, error) {
	d := *w
	d.Settings = w.Settings.clone()
	change(&d.Settings)
	if !format.Known(d.Format) {
		return nil, problem.InvalidField("format", "must be one of %s, got %q", strings.Join(format.Names(), ", "), d.Format)
	}
	var err error
	if d.Program, err = d.compile(); err != nil {
		return nil, err
	}
	if d.Transform != w.Transform {
		if d.Script, err = r.compileScript(ctx, w.Tenant, d.Transform); err != nil {
			return nil, err
		}
	}
	return &d, nil
}

// CheckScripts compiles the transforms of all active webhooks, one after the
// other, and calls failed for those that do not compile any more. It is for a
// start: what it reports stops nothing, the attempts of such a webhook fail with
// the reason. It ends with ctx.
func (r *Registry) CheckScripts(ctx context.Context, failed func(w *Webhook, err error)) {
	seen := make(map[string]error)
	for _, w := range r.all() {
		if w.Transform == "" || w.Status != Active {
			continue
		}
		err, checked := seen[w.Transform]
		if !checked {
			var bad *transform.Error
			if _, err = r.scripts.Compile(ctx, w.Tenant, w.Transform); err != nil && !errors.As(err, &bad) {
				return // the sandbox is closed or full: runs will tell
			}
			seen[w.Transform] = err
		}
		if err != nil {
			failed(w, err)
		}
	}
}

// all returns the webhooks of all tenants, the oldest first.
func (r *Registry) all() []*Webhook {
	var list []*Webhook
	for _, tenant := range r.held.Tenants() {
		list = append(list, r.held.List(tenant)...)
	}
	slices.SortFunc(list, func(a, b *Webhook) int { return cmp.Compare(a.Number, b.Number) })
	return list
}
