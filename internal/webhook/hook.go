package webhook

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// hookPrefix begins the ids of REST hooks.
const hookPrefix = "hook_"

// Hook is what is kept of a REST hook, which an automation platform subscribes by itself.
type Hook struct {
	// Target is the URL as the subscriber wrote it, by which it finds its hook again; URL is the form it is called by.
	Target string `json:"target"`
	// By is whoever subscribed it, an API key as a rule.
	By HookActor `json:"by"`
	// Ended says how it ended; nil: it has not.
	Ended *Ending `json:"ended,omitempty"`
}

// HookActor is somebody who began or ended a REST hook.
type HookActor struct {
	Kind access.ActorKind `json:"kind"`
	ID   string           `json:"id,omitempty"`
	Name string           `json:"name"` // at the time
}

// Ending is the end of a REST hook.
type Ending struct {
	At    time.Time `json:"at"`
	Cause EndCause  `json:"cause"`
	By    HookActor `json:"by"`
	// Text is what Relay saw, for people, where it ended the hook.
	Text string `json:"text,omitempty"`
}

// EndCause is the reason why a REST hook ended.
type EndCause string

// The causes.
const (
	EndUnsubscribed EndCause = "unsubscribed" // by its platform, with a key
	EndGone         EndCause = "gone"         // its target answered that it is gone
	EndRemoved      EndCause = "removed"      // by a person
)

// HookKept is how long a REST hook that has ended is listed, and can be restored.
const HookKept = 30 * 24 * time.Hour

// The actions on REST hooks beside those on webhooks.
const (
	actionEnd     = "hook.end"
	actionRestore = "hook.restore"
)

func hookActor(p *access.Principal) HookActor {
	return HookActor{Kind: p.Actor.Kind, ID: p.Actor.ID, Name: p.Actor.Name}
}

// end makes a REST hook one that has ended.
func (w *Webhook) end(p *access.Principal, cause EndCause, text string, at time.Time) {
	hook := *w.Hook
	hook.Ended = &Ending{At: at.UTC().Truncate(time.Millisecond), Cause: cause, By: hookActor(p), Text: text}
	w.Hook = &hook
	w.stop(Ended, at)
}

// CreateHook adds a REST hook with the settings, whose owner and maker it sets.
func (r *Registry) CreateHook(ctx context.Context, p *access.Principal, s Settings) (*Webhook, error) {
	s.Owner, s.Hook = HookOwner, &Hook{Target: s.URL, By: hookActor(p)}
	return r.create(ctx, p.Tenant, doing(p, actionCreate), s, "")
}

// Hook returns the tenant's REST hook with the id, also one that has ended, else a NotFound problem.
func (r *Registry) Hook(tenant event.TenantID, id string) (*Webhook, error) {
	if w := r.held.Get(tenant, id); w != nil && w.Hook != nil {
		return w, nil
	}
	return nil, errNoHook(id)
}

func errNoHook(id string) error {
	return problem.New(problem.NotFound, "there is no REST hook %q", problem.Clip(id))
}

// EndedHooks returns the tenant's REST hooks that have ended and can be restored, the oldest first.
func (r *Registry) EndedHooks(tenant event.TenantID) (list []*Webhook) {
	return r.held.State(tenant).ended
}

// HookLike returns the tenant's oldest REST hook, of those that have not ended, with the same target, events and filter;
// nil: there is none. Aliases of event types count as the type.
func (r *Registry) HookLike(tenant event.TenantID, target string, events []string, filter string) (oldest *Webhook) {
	events = slices.Sorted(slices.Values(r.canonicalNames(tenant, events)))
	for _, w := range r.Owned(tenant, HookOwner) {
		if r.HookAt(w, target) && w.Filter == filter && slices.Equal(slices.Sorted(slices.Values(w.Events)), events) &&
			(oldest == nil || w.Number < oldest.Number) { // those of another server may be heard of late
			oldest = w
		}
	}
	return oldest
}

// HookAt reports whether a REST hook has the target, in any of the forms of its URL.
func (r *Registry) HookAt(w *Webhook, target string) bool {
	if w.Hook.Target == target || w.URL == target {
		return true
	}
	t, err := r.urls.ParseURL(target)
	return err == nil && t.String() == w.URL
}

// HookSubscribes reports whether a REST hook subscribes the event type or pattern by name or alias.
func (r *Registry) HookSubscribes(w *Webhook, name string) bool {
	return slices.Contains(w.Events, r.canonicalNames(w.Tenant, []string{name})[0])
}

// HookEnded reports whether the tenant had a REST hook with the id that has ended so long ago that it is no longer listed.
func (r *Registry) HookEnded(ctx context.Context, tenant event.TenantID, id string) (bool, error) {
	if !strings.HasPrefix(id, hookPrefix) {
		return false, nil
	}
	_, ok, err := r.store.WebhookDeleted(ctx, tenant, id)
	return ok, err
}

// EndHook ends a REST hook; for one that has ended it does nothing.
func (r *Registry) EndHook(ctx context.Context, p *access.Principal, id string, cause EndCause) (*Webhook, error) {
	if _, err := r.Hook(p.Tenant, id); err != nil {
		return nil, err
	}
	return r.edit(ctx, p.Tenant, id, doing(p, actionEnd), func(w *Webhook) error {
		if w.Status == Ended {
			return errUnchanged
		}
		w.end(p, cause, "", time.Now())
		return nil
	})
}

// RestoreHook starts a REST hook that has ended again, with its id and secret, and within the plan's limit.
func (r *Registry) RestoreHook(ctx context.Context, p *access.Principal, id string) (*Webhook, error) {
	if _, err := r.Hook(p.Tenant, id); err != nil {
		return nil, err
	}
	return r.edit(ctx, p.Tenant, id, doing(p, actionRestore), func(w *Webhook) error {
		if w.Status != Ended {
			return problem.New(problem.Conflict, "the REST hook has not ended: it is %s", w.Status)
		}
		hook := *w.Hook
		hook.Ended = nil
		w.Hook = &hook
		w.closePeriod(time.Now().UTC().Truncate(time.Millisecond))
		w.Status, w.Health = Active, Health{}
		return nil
	})
}

// ResumeHook is Resume for a REST hook that Relay has disabled.
func (r *Registry) ResumeHook(ctx context.Context, p *access.Principal, id string) (*Webhook, error) {
	w, err := r.Hook(p.Tenant, id)
	if err != nil {
		return nil, err
	}
	if w.Status == Ended {
		return nil, problem.New(problem.Conflict, "the REST hook has ended: restore it instead")
	}
	return r.resume(ctx, p, id)
}

// DropEndedHooks deletes the REST hooks that ended before the time. Their endings are in the audit log.
func (r *Registry) DropEndedHooks(ctx context.Context, before time.Time) error {
	for _, tenant := range r.held.Tenants() {
		for _, w := range r.EndedHooks(tenant) {
			if !w.Hook.Ended.At.Before(before) {
				continue
			}
			err := r.remove(ctx, tenant, part(nil), w.ID, func(tenant event.TenantID, id string) (*Webhook, error) {
				now, err := r.Hook(tenant, id)
				if err == nil && now.Status != Ended {
					return nil, errNoHook(id) // it was restored meanwhile
				}
				return now, err
			})
			if err != nil && problem.KindOf(err) != problem.NotFound {
				return err
			}
		}
	}
	return nil
}
