package webhook

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Update lets change edit a copy of the settings, checks them and stores them.
// change may be called several times, with copies of its own each time. It is shown the
// credentials of Auth as "***", and leaves that, or puts it there, for those
// to keep.
func (r *Registry) Update(ctx context.Context, p *access.Principal, id string, change func(*Settings) error) (*Webhook, error) {
	if _, err := r.Get(p.Tenant, id); err != nil {
		return nil, err
	}
	return r.updateTries(ctx, p.Tenant, id, doing(p, actionUpdate), change)
}

// UpdateOwned is Update for a webhook that has an owner. The audit entry is that of
// the owner's change, of which this is a part.
func (r *Registry) UpdateOwned(ctx context.Context, tenant event.TenantID, id string, entry *access.Entry, change func(*Settings) error) (*Webhook, error) {
	return r.updateTries(ctx, tenant, id, part(entry), change)
}

func (r *Registry) updateTries(ctx context.Context, tenant event.TenantID, id string, entryOf entryFunc, change func(*Settings) error) (*Webhook, error) {
	for range 3 {
		w, err := r.update(ctx, tenant, id, entryOf, change)
		if !errors.Is(err, errOvertaken) {
			return w, err
		}
	}
	return nil, problem.New(problem.Conflict, "the webhook was changed at the same time: try again")
}

// errOvertaken is returned by update when the webhook was changed under it, so
// that it has looked up something else.
var errOvertaken = errors.New("overtaken")

// update is Update once. What can take seconds is done before the lock is
// taken, which everybody needs: names are looked up, and a new transform is
// compiled.
func (r *Registry) update(ctx context.Context, tenant event.TenantID, id string, entryOf entryFunc, change func(*Settings) error) (*Webhook, error) {
	old, err := r.Find(tenant, id)
	if err != nil {
		return nil, err
	}
	planned := old.Settings.clone()
	planned.Auth = planned.Auth.Hide()
	if err := change(&planned); err != nil {
		return nil, err
	}
	urls := &lookedUp{URLChecker: r.urls, known: make(map[string]checkedURL)}
	if _, err := planned.normalize(ctx, urls, r.others); err != nil {
		return nil, err
	}
	if err := planned.normalizeAuth(ctx, urls, old.URL, old.Auth); err != nil {
		return nil, err
	}
	script := old.Script
	if planned.Transform != old.Transform {
		if script, err = r.compileScript(ctx, tenant, planned.Transform); err != nil {
			return nil, err
		}
	}
	urls.done = true
	return r.edit(ctx, tenant, id, entryOf, func(w *Webhook) error {
		s := w.Settings.clone()
		s.Auth = s.Auth.Hide()
		if err := change(&s); err != nil {
			return err
		}
		if s.Transform == w.Transform {
			script = w.Script
		} else if s.Transform != planned.Transform {
			return problem.New(problem.Conflict, "the transform was changed at the same time: try again")
		}
		target, err := s.normalize(ctx, urls, r.others)
		if err == nil {
			err = s.normalizeAuth(ctx, urls, w.URL, w.Auth)
		}
		switch {
		case urls.missed:
			return errOvertaken
		case err != nil:
			return err
		}
		if s.Auth != w.Auth {
			w.Health.Accept() // that the old one was rejected says nothing about the new one
			w.unread = nil
		}
		program, err := s.compile()
		if err != nil {
			return err
		}
		if s.SignatureName() != w.SignatureName() || s.SignatureName() == SignCustom {
			if fault := s.secretFault(w.Secrets.Current); fault != "" {
				return problem.InvalidField("signature", "does not suit the webhook's secret, which rotate-secret replaces: it %s", fault)
			}
		}
		s.Events = r.canonicalNames(tenant, s.Events)
		w.Settings, w.Target, w.Program, w.Script = s, target, program, script
		w.Secrets.keyPair(s.KeyPair)
		return nil
	})
}

// lookedUp is a URLChecker that looks nothing up once it is done, but knows what
// it was asked before.
type lookedUp struct {
	URLChecker
	known  map[string]checkedURL
	done   bool
	missed bool // it was asked for something else then
}

type checkedURL struct {
	target egress.Target
	err    error
}

// CheckURL implements URLChecker.
func (l *lookedUp) CheckURL(ctx context.Context, raw string) (egress.Target, error) {
	c, ok := l.known[raw]
	switch {
	case ok:
	case l.done:
		l.missed = true
		return egress.Target{}, errOvertaken
	default:
		c.target, c.err = l.URLChecker.CheckURL(ctx, raw)
		l.known[raw] = c
	}
	return c.target, c.err
}

// clone returns a copy that shares nothing that a change could reach.
func (s Settings) clone() Settings {
	s.Events, s.Headers, s.DisableOn = slices.Clone(s.Events), maps.Clone(s.Headers), slices.Clone(s.DisableOn)
	s.AbsentOn = slices.Clone(s.AbsentOn)
	s.Maintenance, s.Destination.Options = slices.Clone(s.Maintenance), slices.Clone(s.Destination.Options)
	if s.Hook != nil {
		s.Hook = new(*s.Hook)
	}
	s.Signatures = slices.Clone(s.Signatures)
	s.Retry.Waits, s.Retry.RetryOn = slices.Clone(s.Retry.Waits), slices.Clone(s.Retry.RetryOn)
	return s
}
