// Package hook is REST hooks: webhooks that automation platforms such as Zapier, n8n and Make subscribe and unsubscribe by
// themselves when one of their workflows is turned on or off. They are webhooks with an owner (webhook.HookOwner), so that
// retries, signatures and the log come with the engine, and are counted and listed apart from the webhooks of people.
//
// The habits of the platforms decide the details: the id in the body that Zapier needs as a key, the 410 by which a target
// says that it is gone for good, and the 404 by which n8n says that a workflow is inactive.
package hook

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// Types is the catalogue; catalogue.Registry is it.
type Types interface {
	List(tenant event.TenantID) []*catalogue.Type
	Lookup(tenant event.TenantID, name string) (*catalogue.Type, bool)
	Canonical(tenant event.TenantID, name string) string
}

// Events looks events up; the store does.
type Events interface {
	EventList(ctx context.Context, q ingest.Query) (list []event.Event, next event.ID, err error)
}

// Config is what REST hooks work on. All fields are required.
type Config struct {
	Webhooks *webhook.Registry
	Types    Types
	Events   Events
}

// Hooks are the REST hooks of all tenants. It is safe for concurrent use.
type Hooks struct{ Config }

// New returns the REST hooks that the registry holds.
func New(c Config) *Hooks { return &Hooks{c} }

// Wrap implements destination.Wrapper. The target's sender does all there is to do.
func (h *Hooks) Wrap(_ *webhook.Webhook, next destination.Sender) destination.Sender { return next }

// Statuses by which targets tell that they want no more, for good and for the time being: Zapier answers the first after a
// Zap was turned off, n8n the second while a workflow is inactive.
const (
	statusGone   = 410
	statusAbsent = 404
)

// Subscription is a REST hook as its platform asks for it.
type Subscription struct {
	Target string
	Events []string // names and globs; none: all events
	Filter string
}

// Subscribe adds a REST hook. The same target, events and filter again are the same hook; created is false then.
func (h *Hooks) Subscribe(ctx context.Context, p *access.Principal, s Subscription) (w *webhook.Webhook, created bool, err error) {
	set := webhook.Default()
	set.URL, set.Filter, set.Format = s.Target, s.Filter, format.RestHook
	set.DisableOn, set.AbsentOn = []int{statusGone}, []int{statusAbsent}
	if len(s.Events) > 0 {
		set.Events = s.Events
	}
	like := func() *webhook.Webhook { return h.Webhooks.HookLike(p.Tenant, s.Target, set.Events, s.Filter) }
	// Another server may have added it, or ended it, a moment ago. It may also be subscribed at this moment, here or there: of
	// those the first stays.
	if err := h.Webhooks.Refresh(ctx); err != nil {
		return nil, false, err
	}
	if w = like(); w != nil {
		return w, false, nil
	}
	w, err = h.Webhooks.CreateHook(ctx, p, set)
	if err != nil && problem.KindOf(err) != problem.PlanLimit {
		return nil, false, named(err)
	}
	if failed := h.Webhooks.Refresh(ctx); failed != nil {
		return nil, false, failed
	}
	first := like()
	switch {
	case err != nil && first == nil:
		return nil, false, err
	case err != nil:
		return first, false, nil
	case first == nil || first.Number >= w.Number:
		return w, true, nil
	}
	entry, err := p.Entry("hook.delete", nil, nil, access.Target{Type: "hook", ID: w.ID})
	if err == nil {
		err = h.Webhooks.DeleteOwned(ctx, p.Tenant, w.ID, entry)
	}
	return first, false, err
}

// named names the fields of a problem as subscribers know them.
func named(err error) error {
	p, ok := err.(*problem.Error) //nolint:errorlint // problems of settings are not wrapped
	if !ok {
		return err
	}
	renamed := *p
	renamed.Fields = slices.Clone(p.Fields)
	for i, f := range renamed.Fields {
		if f.Name == "url" {
			renamed.Fields[i].Name = "targetUrl"
		}
	}
	return &renamed
}

// List returns the tenant's REST hooks that have not ended, the newest first.
func (h *Hooks) List(tenant event.TenantID) []*webhook.Webhook {
	list := h.Webhooks.Owned(tenant, webhook.HookOwner)
	slices.SortFunc(list, func(a, b *webhook.Webhook) int { return cmp.Compare(b.Number, a.Number) })
	return list
}

// Ended returns the tenant's REST hooks that have ended within webhook.HookKept, the last ended first.
func (h *Hooks) Ended(tenant event.TenantID) []*webhook.Webhook {
	list := slices.Clone(h.Webhooks.EndedHooks(tenant))
	slices.SortStableFunc(list, func(a, b *webhook.Webhook) int { return b.Hook.Ended.At.Compare(a.Hook.Ended.At) })
	return list
}

// Select returns those of the REST hooks that have the target and subscribe the event type; empty: any.
func (h *Hooks) Select(list []*webhook.Webhook, target, eventType string) (found []*webhook.Webhook) {
	for _, w := range list {
		if (target == "" || h.Webhooks.HookAt(w, target)) && (eventType == "" || h.Webhooks.HookSubscribes(w, eventType)) {
			found = append(found, w)
		}
	}
	return found
}

// End ends a REST hook. For one that has ended, however long ago, it does nothing; a NotFound problem says that there never
// was one.
func (h *Hooks) End(ctx context.Context, p *access.Principal, id string) error {
	cause := webhook.EndRemoved
	if p.Actor.Kind == access.ActorKey {
		cause = webhook.EndUnsubscribed
	}
	_, err := h.Webhooks.EndHook(ctx, p, id, cause)
	if problem.KindOf(err) != problem.NotFound {
		return err
	}
	// Another server may have added it a moment ago.
	if failed := h.Webhooks.Refresh(ctx); failed != nil {
		return failed
	}
	if _, err = h.Webhooks.EndHook(ctx, p, id, cause); problem.KindOf(err) != problem.NotFound {
		return err
	}
	if ended, failed := h.Webhooks.HookEnded(ctx, p.Tenant, id); failed != nil || ended {
		return failed
	}
	return err
}

// Restore starts a REST hook that has ended again.
func (h *Hooks) Restore(ctx context.Context, p *access.Principal, id string) (*webhook.Webhook, error) {
	return h.Webhooks.RestoreHook(ctx, p, id)
}

// Resume starts a REST hook that Relay has disabled again.
func (h *Hooks) Resume(ctx context.Context, p *access.Principal, id string) (*webhook.Webhook, error) {
	return h.Webhooks.ResumeHook(ctx, p, id)
}

// DropEnded removes the REST hooks that ended longer than webhook.HookKept ago.
func (h *Hooks) DropEnded(ctx context.Context) error {
	return h.Webhooks.DropEndedHooks(ctx, time.Now().Add(-webhook.HookKept))
}

// platforms are the automation platforms that are known by the host of a target: by a suffix of it, at a dot.
var platforms = []struct{ host, name string }{
	{"zapier.com", "Zapier"},
	{"n8n.cloud", "n8n"},
	{"make.com", "Make"}, {"integromat.com", "Make"},
	{"pipedream.net", "Pipedream"},
	{"logic.azure.com", "Power Automate"}, {"powerplatform.com", "Power Automate"},
	{"ifttt.com", "IFTTT"},
	{"workato.com", "Workato"},
	{"activepieces.com", "Activepieces"},
}

// Platform names the automation platform of a target, its host if that tells of none.
func Platform(target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	for _, p := range platforms {
		if host == p.host || strings.HasSuffix(host, "."+p.host) {
			return p.name
		}
	}
	// People run n8n under names of their own; its paths tell.
	if strings.HasPrefix(u.Path, "/webhook/") || strings.HasPrefix(u.Path, "/webhook-test/") {
		return "n8n"
	}
	return host
}

// Why says in words why a REST hook gets no events, or may soon get none; empty: it works.
func Why(w *webhook.Webhook, health webhook.Health) string {
	switch e := w.Hook.Ended; {
	case e != nil && e.Cause == webhook.EndGone:
		return "its target is gone: " + e.Text
	case e != nil && e.Cause == webhook.EndUnsubscribed:
		return "unsubscribed with the key " + quoted(e.By)
	case e != nil:
		return "removed by " + e.By.Name
	case w.Status == webhook.Disabled && health.Absent():
		return "inactive there: " + health.DisabledReason
	case w.Status == webhook.Disabled:
		return "disabled by Relay: " + health.DisabledReason
	case w.Refused != "":
		return w.Refused
	case health.Absent():
		return "inactive there: " + health.LastError
	case !health.FailingSince.IsZero():
		return "failing: " + health.LastError
	}
	return ""
}

func quoted(a webhook.HookActor) string {
	if a.Name == "" {
		return a.ID
	}
	return `"` + a.Name + `"`
}
