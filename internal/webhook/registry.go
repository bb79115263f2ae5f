package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/randomid"
	"github.com/relay-events/relay/internal/registry"
)

// Registry holds all webhooks in memory and changes them: in the store first,
// then for everybody who reads. It is safe for concurrent use; the *Webhook
// values it returns never change.
type Registry struct {
	store   Store
	urls    URLChecker
	scripts Compiler     // nil: there are no transforms; see SetCompiler
	others  Destinations // nil: there are only HTTP endpoints; see SetDestinations

	held    *registry.Registry[Webhook, lists] // by their ids
	through int64                              // see Refresh; guarded by held

	mu      sync.RWMutex
	numbers map[uint32]key // of all webhooks that have been held; guarded by mu

	canonical func(tenant event.TenantID, name string) string // set before use; see Canonical
	tenants   *account.Tenants                                // set before use; see Follow
	plans     *account.Plans                                  // nil: there are no limits; set before use, see Limit
}

// lists are the webhooks of a tenant, the oldest first.
type lists struct{ public, owned, ended []*Webhook }

// key names a webhook among those of all tenants.
type key struct {
	tenant event.TenantID
	id     string
}

// NewRegistry returns a registry with everything the store holds.
func NewRegistry(ctx context.Context, store Store, urls URLChecker) (*Registry, error) {
	r := &Registry{store: store, urls: urls, numbers: make(map[uint32]key)}
	var err error
	r.held, err = registry.New(registry.Options[Webhook, lists]{
		Key: func(w *Webhook) (event.TenantID, string) { return w.Tenant, w.ID },
		Build: func(_ event.TenantID, _ lists, all []*Webhook) (l lists, _ error) {
			for _, w := range all {
				if w.Status == Ended {
					l.ended = append(l.ended, w)
				} else if w.Owner != "" {
					l.owned = append(l.owned, w)
				} else {
					l.public = append(l.public, w)
				}
			}
			return l, nil
		},
	})
	if err != nil {
		return nil, err
	}
	var list []*Webhook
	if log, ok := store.(ChangeLog); ok {
		list, _, r.through, err = log.WebhookChanges(ctx, 0)
	} else {
		list, err = store.WebhookList(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("reading webhooks: %w", err)
	}
	slices.SortFunc(list, func(a, b *Webhook) int { return cmp.Compare(a.Number, b.Number) })
	for _, w := range list {
		if err := r.prepare(w); err != nil {
			return nil, err
		}
	}
	return r, r.held.Hold(func() error { return r.publish(list, nil) })
}

// publish shows changed webhooks, and that others are gone, to everybody who reads. The caller
// holds the changes.
func (r *Registry) publish(put, remove []*Webhook) error {
	next, err := r.held.Next(put, remove)
	if err != nil {
		return err
	}
	// First, so that whoever finds a webhook in a list finds it by its number. A number is never
	// given twice.
	for _, w := range put {
		w.Holds = r.holdsOf(w.Tenant)
	}
	r.mu.Lock()
	for _, w := range put {
		r.numbers[w.Number] = key{w.Tenant, w.ID}
	}
	r.mu.Unlock()
	next.Publish()
	return nil
}

// prepare fills the fields of a stored webhook that are not stored.
func (r *Registry) prepare(w *Webhook) (err error) {
	// A URL that an earlier configuration accepted and this one refuses
	// keeps its webhook; the attempts say why they fail.
	if w.Target, err = r.urls.ParseURL(w.URL); !w.Destination.IsHTTP() {
		w.Target = egress.Target{} // its kind knows where
	} else if err != nil {
		w.Refused = "this server does not call the webhook's URL: " + err.Error()
		if strings.HasPrefix(w.URL, "http://") {
			w.Refused = "http:// is called only by a server that runs with --dev"
		}
	}
	if w.Program, err = w.compile(); err != nil {
		return fmt.Errorf("reading webhook %s: %w", w.ID, err) // it compiled when it was stored
	}
	w.Script = w.script()
	if w.Ordering == "" {
		w.Ordering = OrderingNone
	}
	return nil
}

// Refresh reads what other servers have changed. Where the store belongs to
// this process alone it does nothing.
func (r *Registry) Refresh(ctx context.Context) error {
	return r.held.Hold(func() error { return r.refreshHeld(ctx) })
}

func (r *Registry) refreshHeld(ctx context.Context) error {
	log, ok := r.store.(ChangeLog)
	if !ok {
		return nil
	}
	changed, deleted, through, err := log.WebhookChanges(ctx, r.through)
	if err != nil {
		return fmt.Errorf("reading changed webhooks: %w", err)
	}
	var put, remove []*Webhook
	var wrong error
	for _, w := range changed {
		old, known := r.ByNumber(w.Number)
		if known && old.Version >= w.Version {
			continue // our own change
		}
		if err := r.prepare(w); err != nil {
			wrong = errors.Join(wrong, err) // the others are read all the same
			continue
		}
		if known && w.Filter == old.Filter {
			w.Program = old.Program
		}
		put = append(put, w)
	}
	for _, number := range deleted {
		if old, known := r.ByNumber(number); known {
			remove = append(remove, old)
		}
	}
	if err := r.publish(put, remove); err != nil {
		return err
	}
	if wrong == nil {
		r.through = through
	}
	return wrong
}

// Subscribe registers f, which is called after each change, with nil for a
// webhook that was not there before or is gone: see registry.Registry.
func (r *Registry) Subscribe(f func(old, new *Webhook)) { r.held.Subscribe(f) }

// SetDestinations sets what checks settings whose destination is no HTTP endpoint. It must be set before the registry is
// shared. Without it they are rejected.
func (r *Registry) SetDestinations(d Destinations) { r.others = d }

// Canonical sets the function that gives the name of the event type that a name
// in "events" is an alias of, else the name. It must be set before the registry is
// shared. Without one names are stored as they are given.
func (r *Registry) Canonical(f func(tenant event.TenantID, name string) string) { r.canonical = f }

// canonicalNames replaces aliases of event types by their names, of which each
// is kept once.
func (r *Registry) canonicalNames(tenant event.TenantID, events []string) []string {
	if r.canonical == nil {
		return events
	}
	out := make([]string, 0, len(events))
	for _, name := range events {
		if !strings.Contains(name, "*") {
			name = r.canonical(tenant, name)
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Get returns the tenant's webhook with the public id, else a NotFound problem: also for one that
// has an owner.
func (r *Registry) Get(tenant event.TenantID, id string) (*Webhook, error) {
	w, err := r.Find(tenant, id)
	if err == nil && w.Owner != "" {
		return nil, errNoWebhook(id)
	}
	return w, err
}

// Find returns the tenant's webhook with the public id, whether it has an owner or not, else a
// NotFound problem.
func (r *Registry) Find(tenant event.TenantID, id string) (*Webhook, error) {
	if w := r.held.Get(tenant, id); w != nil {
		return w, nil
	}
	return nil, errNoWebhook(id)
}

func errNoWebhook(id string) error {
	return problem.New(problem.NotFound, "there is no webhook %q", problem.Clip(id))
}

// ByNumber returns the webhook with the row number.
func (r *Registry) ByNumber(number uint32) (*Webhook, bool) {
	r.mu.RLock()
	k, ok := r.numbers[number]
	r.mu.RUnlock()
	if !ok {
		return nil, false
	}
	w := r.held.Get(k.tenant, k.id)
	return w, w != nil
}

// All returns the tenant's webhooks, those that have an owner among them, the oldest first. The
// slice must not be changed.
func (r *Registry) All(tenant event.TenantID) []*Webhook { return r.held.List(tenant) }

// Owned returns the tenant's webhooks of the owner, the oldest first, without those that have ended.
func (r *Registry) Owned(tenant event.TenantID, owner string) (list []*Webhook) {
	for _, w := range r.held.State(tenant).owned {
		if w.Owner == owner {
			list = append(list, w)
		}
	}
	return list
}

// List returns the tenant's webhooks that have no owner, the oldest first. The slice must not be
// changed.
func (r *Registry) List(tenant event.TenantID) []*Webhook { return r.held.State(tenant).public }

// OwnedNumbers returns the numbers of the tenant's webhooks that have an owner.
func (r *Registry) OwnedNumbers(tenant event.TenantID) []uint32 {
	var list []uint32
	state := r.held.State(tenant)
	for _, some := range [][]*Webhook{state.owned, state.ended} {
		for _, w := range some {
			list = append(list, w.Number)
		}
	}
	return list
}

// Create checks the settings and adds an active webhook. An empty secret is
// generated; a given one must be a key of every signature.
func (r *Registry) Create(ctx context.Context, p *access.Principal, s Settings, secret string) (*Webhook, error) {
	return r.create(ctx, p.Tenant, doing(p, actionCreate), s, secret)
}

// CreateOwned is Create for a webhook that has an owner. The audit entry is
// that of the owner's change, of which this is a part.
func (r *Registry) CreateOwned(ctx context.Context, tenant event.TenantID, s Settings, entry *access.Entry) (*Webhook, error) {
	return r.create(ctx, tenant, part(entry), s, "")
}

func (r *Registry) create(ctx context.Context, tenant event.TenantID, entryOf entryFunc, s Settings, secret string) (*Webhook, error) {
	target, err := s.normalize(ctx, r.urls, r.others)
	if err != nil {
		return nil, err
	}
	if err := s.normalizeAuth(ctx, r.urls, "", auth.Settings{}); err != nil {
		return nil, err
	}
	program, err := s.compile()
	if err != nil {
		return nil, err
	}
	script, err := r.compileScript(ctx, tenant, s.Transform)
	if err != nil {
		return nil, err
	}
	s.Events = r.canonicalNames(tenant, s.Events)
	if secret, err = s.chooseSecret(secret); err != nil {
		return nil, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	w := &Webhook{
		ID: NewID(), Tenant: tenant, Settings: s, Secrets: Secrets{Current: secret},
		Status: Active, CreatedAt: now, UpdatedAt: now, Target: target, Program: program, Script: script,
	}
	if s.Owner == HookOwner {
		w.ID = randomid.New(hookPrefix)
	}
	w.Secrets.keyPair(s.KeyPair)
	entry, err := entryOf(nil, w)
	if err != nil {
		return nil, err
	}
	quota := r.quota(tenant, w.Owner)
	err = r.held.Hold(func() (err error) {
		if w.Number, err = r.store.WebhookCreate(ctx, w, quota, entry); err != nil {
			return fmt.Errorf("storing a webhook: %w", err)
		}
		return r.publish([]*Webhook{w}, nil)
	})
	if err != nil {
		return nil, err
	}
	if quota != nil {
		r.plans.Used(ctx, quota)
	}
	return w, nil
}

// Pause stops deliveries: events that come now are not queued, retries wait.
// Pausing a paused webhook changes nothing.
func (r *Registry) Pause(ctx context.Context, p *access.Principal, id string) (*Webhook, error) {
	if _, err := r.Get(p.Tenant, id); err != nil {
		return nil, err
	}
	return r.edit(ctx, p.Tenant, id, doing(p, actionPause), func(w *Webhook) error {
		if w.Status == Paused {
			return errUnchanged
		}
		w.stop(Paused, time.Now())
		return nil
	})
}

// Resume starts deliveries again, of a paused or disabled webhook, and forgets
// past failures.
func (r *Registry) Resume(ctx context.Context, p *access.Principal, id string) (*Webhook, error) {
	if _, err := r.Get(p.Tenant, id); err != nil {
		return nil, err
	}
	return r.resume(ctx, p, id)
}

func (r *Registry) resume(ctx context.Context, p *access.Principal, id string) (*Webhook, error) {
	return r.edit(ctx, p.Tenant, id, doing(p, actionResume), func(w *Webhook) error {
		if w.Status == Active {
			return errUnchanged
		}
		if err := r.mayResume(w); err != nil {
			return err
		}
		now := time.Now().UTC().Truncate(time.Millisecond)
		w.closePeriod(now)
		w.Status, w.Health = Active, Health{}
		return nil
	})
}

// SetHealth stores how the endpoint of an active webhook fares. Where f returns
// Disabled it stops deliveries on Relay's own decision; where it returns Ended, a
// REST hook is over. f gets the stored webhook, and is called again when another
// node has changed that meanwhile.
func (r *Registry) SetHealth(ctx context.Context, tenant event.TenantID, id string, f func(stored Health) (h Health, status Status)) (*Webhook, error) {
	entryOf := func(old, new *Webhook) (*access.Entry, error) {
		action := actionDisable
		if new.Status == Ended {
			action = actionEnd
		}
		return changeEntry(access.System(tenant), action, old, new)
	}
	return r.edit(ctx, tenant, id, entryOf, func(w *Webhook) error {
		if w.Status != Active {
			return errUnchanged
		}
		h, status := f(w.Health)
		switch {
		case status == Ended:
			w.Health = h
			w.end(access.System(tenant), EndGone, h.DisabledReason, h.DisabledAt)
		case status == Disabled:
			w.Health = h
			w.stop(Disabled, h.DisabledAt)
		case h == w.Health:
			return errUnchanged
		default:
			w.Health = h
		}
		return nil
	})
}

// RotateSecret gives the webhook the signing secret, a fresh one if it is empty, and a fresh key pair if it has one. With
// an overlap the old ones sign beside them for that long under the standard signature; without, it
// is invalid at once.
func (r *Registry) RotateSecret(ctx context.Context, p *access.Principal, id, secret string, overlap time.Duration) (*Webhook, error) {
	const maxOverlap = 7 * 24 * time.Hour
	if overlap < 0 || overlap > maxOverlap {
		return nil, problem.InvalidField("overlap", "must be 0s to %v, got %v", maxOverlap, overlap)
	}
	if _, err := r.Get(p.Tenant, id); err != nil {
		return nil, err
	}
	return r.edit(ctx, p.Tenant, id, doing(p, actionRotate), func(w *Webhook) error {
		if overlap > 0 && !w.Overlaps() {
			return problem.InvalidField("overlap", "needs a signature that can be made with two secrets, such as %q: %q cannot", SignStandard, w.SignatureName())
		}
		fresh, err := w.chooseSecret(secret)
		if err != nil {
			return err
		}
		old := w.Secrets
		now := time.Now().UTC().Truncate(time.Millisecond)
		w.Secrets = Secrets{Current: fresh, RotatedAt: now}
		w.Secrets.keyPair(w.KeyPair)
		if overlap > 0 {
			w.Secrets.Previous, w.Secrets.PreviousKey, w.Secrets.PreviousUntil = old.Current, old.Key, now.Add(overlap)
		}
		return nil
	})
}

// Delete removes the webhook.
func (r *Registry) Delete(ctx context.Context, p *access.Principal, id string) error {
	return r.remove(ctx, p.Tenant, doing(p, actionDelete), id, r.Get)
}

// DeleteOwned is Delete for a webhook that has an owner, as CreateOwned is for Create.
func (r *Registry) DeleteOwned(ctx context.Context, tenant event.TenantID, id string, entry *access.Entry) error {
	return r.remove(ctx, tenant, part(entry), id, r.Find)
}

func (r *Registry) remove(ctx context.Context, tenant event.TenantID, entryOf entryFunc, id string, get func(event.TenantID, string) (*Webhook, error)) error {
	return r.held.Hold(func() error {
		w, err := get(tenant, id)
		if err != nil {
			return err
		}
		entry, err := entryOf(w, nil)
		if err != nil {
			return err
		}
		if err := r.store.WebhookDelete(ctx, tenant, w.Number, entry); err != nil && !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("deleting webhook %s: %w", w.ID, err)
		}
		return r.publish(nil, []*Webhook{w})
	})
}

// Logged returns the number by which the log knows the tenant's webhook with the
// public id, also of one that was deleted; else a NotFound problem, also for one
// that has an owner.
func (r *Registry) Logged(ctx context.Context, tenant event.TenantID, id string) (uint32, error) {
	w, err := r.Get(tenant, id)
	if err == nil {
		return w.Number, nil
	}
	number, ok, failure := r.store.WebhookDeleted(ctx, tenant, id)
	if failure != nil {
		return 0, fmt.Errorf("looking up a deleted webhook: %w", failure)
	}
	if !ok {
		return 0, err
	}
	return number, nil
}

// Hold runs f while no webhook is changed: the webhooks that f finds in the
// store are all there are. Deliveries go on.
func (r *Registry) Hold(f func() error) error { return r.held.Hold(f) }

// errUnchanged is returned by an edit that has nothing to do.
var errUnchanged = errors.New("unchanged")

// editTries bounds how often a change is made anew because other nodes have
// changed the webhook meanwhile.
const editTries = 20

// edit applies f to a copy of the webhook and stores it. f is called again,
// with a copy of the current webhook, when another server was faster.
func (r *Registry) edit(ctx context.Context, tenant event.TenantID, id string, entryOf entryFunc, f func(*Webhook) error) (w *Webhook, err error) {
	err = r.held.Hold(func() error {
		for try := 1; ; try++ {
			if w, err = r.editHeld(ctx, tenant, id, entryOf, f); !errors.Is(err, ErrChanged) && !errors.Is(err, ErrNotFound) {
				return err
			}
			if try == editTries || r.refreshHeld(ctx) != nil {
				return err
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

func (r *Registry) editHeld(ctx context.Context, tenant event.TenantID, id string, entryOf entryFunc, f func(*Webhook) error) (*Webhook, error) {
	old, err := r.Find(tenant, id)
	if err != nil {
		return nil, err
	}
	w := *old
	w.Inactive = slices.Clone(w.Inactive)
	if err := f(&w); err != nil {
		if errors.Is(err, errUnchanged) {
			return old, nil
		}
		return nil, err
	}
	if healthOnly := w.Health != old.Health && w.Status == old.Status && w.Auth == old.Auth; healthOnly {
		err = r.store.WebhookHealth(ctx, &w)
	} else {
		w.UpdatedAt = time.Now().UTC().Truncate(time.Millisecond)
		var entry *access.Entry
		if entry, err = entryOf(old, &w); err != nil {
			return nil, err
		}
		var quota *account.Quota
		if old.Status == Ended && w.Status != Ended { // it counts again
			quota = r.quota(tenant, w.Owner)
		}
		if err = r.store.WebhookUpdate(ctx, &w, quota, entry); err == nil && quota != nil {
			defer r.plans.Used(ctx, quota)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("storing webhook %s: %w", w.ID, err)
	}
	return &w, r.publish([]*Webhook{&w}, nil)
}

// maxPeriods bounds Webhook.Inactive; older ones are forgotten.
const maxPeriods = 50

// stop makes the webhook inactive from at on.
func (w *Webhook) stop(status Status, at time.Time) {
	at = at.UTC().Truncate(time.Millisecond)
	w.closePeriod(at)
	w.Inactive = append(w.Inactive, Period{From: at, Why: status})
	if n := len(w.Inactive) - maxPeriods; n > 0 {
		w.Inactive = w.Inactive[n:]
	}
	w.Status = status
}

// closePeriod ends the last period of inactivity, if it is open.
func (w *Webhook) closePeriod(at time.Time) {
	if n := len(w.Inactive); n > 0 && w.Inactive[n-1].To.IsZero() {
		w.Inactive[n-1].To = at
	}
}
