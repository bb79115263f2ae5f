package dashboard

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/portal"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// within returns pages that see the scope of a portal session. What they work on is replaced by parts that know the scope;
// everything else is left out, so that a page which is shown in a portal by mistake fails instead of telling something.
func (d *Dashboard) within(g *portal.Grant, words portal.Words) (*Dashboard, error) {
	hooks := scopedHooks{d.Webhooks, g}
	types := scopedTypes{d.Types, g}
	in := &Dashboard{
		Options: Options{
			Portals: d.Portals, Webhooks: hooks, Engine: scopedEngine{d.Engine, hooks}, Ledger: scopedLedger{d.Ledger, hooks, g}, Types: types,
			Events: noEvents{}, Searches: d.Searches, Base: d.Base, SignIn: d.SignIn, TrustedProxies: d.TrustedProxies, Retention: d.Retention,
			EventRetention: d.EventRetention, Keeps: d.Keeps, Log: d.Log,
		},
		narrow: !g.Type("*"), assets: d.assets, names: ingest.Names{Types: types, Events: noEvents{}}, now: d.now, sets: d.sets,
	}
	set, err := d.sets.of(d, words)
	in.templates = set
	return in, err
}

// errOutside is what everything outside of a portal's scope is answered with: as if it were not there.
var errOutside = problem.New(problem.NotFound, "")

// scopedHooks are the webhooks of a portal's scope.
type scopedHooks struct {
	all   Webhooks
	grant *portal.Grant
}

func (s scopedHooks) List(tenant event.TenantID) []*webhook.Webhook {
	var list []*webhook.Webhook
	for _, w := range s.all.List(tenant) {
		if s.grant.Webhook(w) {
			list = append(list, w)
		}
	}
	return list
}

func (s scopedHooks) Get(tenant event.TenantID, id string) (*webhook.Webhook, error) {
	w, err := s.all.Get(tenant, id)
	if err == nil && !s.grant.Webhook(w) {
		return nil, errOutside
	}
	return w, err
}

func (s scopedHooks) ByNumber(number uint32) (*webhook.Webhook, bool) {
	w, ok := s.all.ByNumber(number)
	if !ok || !s.grant.Webhook(w) {
		return nil, false
	}
	return w, true
}

// Draft implements Webhooks for pages that portals do not have: they show past events, which a portal does not see.
func (s scopedHooks) Draft(context.Context, *webhook.Webhook, func(*webhook.Settings)) (*webhook.Webhook, error) {
	return nil, errOutside
}

// Create adds a webhook to the scope, with its labels and its filter.
func (s scopedHooks) Create(ctx context.Context, p *access.Principal, set webhook.Settings, secret string) (*webhook.Webhook, error) {
	if !s.grant.MayAdd() {
		return nil, problem.New(problem.Forbidden, "webhooks cannot be added here")
	}
	set.Labels = s.grant.Labels()
	blank := webhook.Settings{Filter: s.grant.Filter}
	if set.Filter == "" {
		set.Filter = s.grant.Filter
	}
	if err := s.check(p, &blank, &set); err != nil {
		return nil, err
	}
	return s.all.Create(ctx, p, set, secret)
}

// Update changes a webhook as far as the session may. The check and the change see the same settings.
func (s scopedHooks) Update(ctx context.Context, p *access.Principal, id string, change func(*webhook.Settings) error) (*webhook.Webhook, error) {
	return s.all.Update(ctx, p, id, func(set *webhook.Settings) error {
		if !s.grant.Webhook(&webhook.Webhook{ID: id, Settings: *set}) {
			return errOutside
		}
		before := *set
		before.Events, before.Labels = slices.Clone(set.Events), maps.Clone(set.Labels)
		if err := change(set); err != nil {
			return err
		}
		set.Labels = before.Labels
		return s.check(p, &before, set)
	})
}

// check refuses changes that the session may not make. Settings that were there before stay, whatever they are.
func (s scopedHooks) check(p *access.Principal, before, after *webhook.Settings) error {
	var wrong []problem.Field
	for i, e := range after.Events {
		if !slices.Contains(before.Events, e) && !s.grant.Type(e) {
			wrong = append(wrong, problem.Field{Name: "events", Reason: "has a type that cannot be chosen here: " + problem.Clip(after.Events[i])})
			break
		}
	}
	shapes := p.Allows(access.EditShapes)
	if after.Filter != before.Filter && (!shapes || s.grant.Filter != "") {
		wrong = append(wrong, problem.Field{Name: "filter", Reason: "cannot be changed here"})
	}
	if after.Transform != before.Transform && !shapes {
		wrong = append(wrong, problem.Field{Name: "transform", Reason: "cannot be changed here"})
	}
	if len(after.Headers) > 0 && siteOf(after.URL) != siteOf(before.URL) {
		// They may hold credentials of the tenant's, for the host that they were entered for.
		wrong = append(wrong, problem.Field{Name: "url", Reason: "cannot lead to another host: the webhook sends headers that were set for this one"})
	}
	if len(wrong) > 0 {
		return &problem.Error{Kind: problem.Invalid, Fields: wrong}
	}
	return nil
}

func siteOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return raw
	}
	return u.Scheme + "://" + u.Host
}

func (s scopedHooks) Delete(ctx context.Context, p *access.Principal, id string) error {
	if _, err := s.Get(p.Tenant, id); err != nil {
		return err
	}
	return s.all.Delete(ctx, p, id)
}

func (s scopedHooks) Pause(ctx context.Context, p *access.Principal, id string) (*webhook.Webhook, error) {
	if _, err := s.Get(p.Tenant, id); err != nil {
		return nil, err
	}
	return s.all.Pause(ctx, p, id)
}

func (s scopedHooks) Resume(ctx context.Context, p *access.Principal, id string) (*webhook.Webhook, error) {
	if _, err := s.Get(p.Tenant, id); err != nil {
		return nil, err
	}
	return s.all.Resume(ctx, p, id)
}

func (s scopedHooks) RotateSecret(ctx context.Context, p *access.Principal, id, secret string, overlap time.Duration) (*webhook.Webhook, error) {
	if _, err := s.Get(p.Tenant, id); err != nil {
		return nil, err
	}
	return s.all.RotateSecret(ctx, p, id, secret, overlap)
}

// scopedEngine tests and recovers the webhooks of a portal's scope.
type scopedEngine struct {
	all   Engine
	hooks scopedHooks
}

func (s scopedEngine) Test(ctx context.Context, w *webhook.Webhook, ev event.Event) (*delivery.Attempt, error) {
	return s.all.Test(ctx, w, ev) // a webhook that the scope has given out
}

func (s scopedEngine) StartJob(ctx context.Context, p *access.Principal, w *webhook.Webhook, kind delivery.JobKind, since time.Time) (delivery.Job, error) {
	return s.all.StartJob(ctx, p, w, kind, since)
}

// Watch is not for portals, which have no streams.
func (s scopedEngine) Watch(delivery.LogQuery) *delivery.Watch { return nil }

// Snapshot is about all tenants.
func (s scopedEngine) Snapshot() delivery.Snapshot { return delivery.Snapshot{} }

func (s scopedEngine) Health(w *webhook.Webhook) webhook.Health { return s.all.Health(w) }

func (s scopedEngine) Job(ctx context.Context, tenant event.TenantID, id string) (delivery.Job, error) {
	j, err := s.all.Job(ctx, tenant, id)
	if err == nil {
		if _, ok := s.hooks.ByNumber(j.Webhook); !ok {
			return delivery.Job{}, errOutside
		}
	}
	return j, err
}

func (s scopedEngine) Jobs(context.Context, event.TenantID) ([]delivery.Job, error) {
	return nil, errOutside
}

func (s scopedEngine) CancelJob(ctx context.Context, p *access.Principal, id string) (delivery.Job, error) {
	if _, err := s.Job(ctx, p.Tenant, id); err != nil {
		return delivery.Job{}, err
	}
	return s.all.CancelJob(ctx, p, id)
}

// scopedLedger is the log of a portal's scope.
type scopedLedger struct {
	all   Ledger
	hooks scopedHooks
	grant *portal.Grant
}

func (s scopedLedger) sees(a *delivery.Attempt) bool {
	_, ok := s.hooks.ByNumber(a.Webhook)
	return ok && s.grant.Type(a.EventType)
}

// delivery returns a delivery of the scope.
func (s scopedLedger) delivery(ctx context.Context, tenant event.TenantID, d event.DeliveryID) (ledger.Delivery, error) {
	if _, ok := s.hooks.ByNumber(d.Webhook); !ok {
		return ledger.Delivery{}, errOutside
	}
	v, err := s.all.Delivery(ctx, tenant, d)
	if err == nil && !s.grant.Type(v.EventType) {
		return ledger.Delivery{}, errOutside
	}
	return v, err
}

func (s scopedLedger) Delivery(ctx context.Context, tenant event.TenantID, d event.DeliveryID) (ledger.Delivery, error) {
	return s.delivery(ctx, tenant, d)
}

// Preview and BackTest are for pages that portals do not have.
func (s scopedLedger) Preview(context.Context, *webhook.Webhook, []*event.Event) ([]ledger.Previewed, error) {
	return nil, errOutside
}

// BackTest implements Ledger.
func (s scopedLedger) BackTest(context.Context, *webhook.Webhook, *webhook.Webhook, []event.Event, time.Time, int) (ledger.Tally, []ledger.Changed, int, error) {
	return ledger.Tally{}, nil, 0, errOutside
}

func (s scopedLedger) Retry(ctx context.Context, p *access.Principal, d event.DeliveryID) error {
	if _, err := s.delivery(ctx, p.Tenant, d); err != nil {
		return err
	}
	return s.all.Retry(ctx, p, d)
}

func (s scopedLedger) Cancel(ctx context.Context, p *access.Principal, d event.DeliveryID) error {
	if _, err := s.delivery(ctx, p.Tenant, d); err != nil {
		return err
	}
	return s.all.Cancel(ctx, p, d)
}

func (s scopedLedger) Deliveries(ctx context.Context, q ledger.DeliveryQuery) (ledger.DeliveryPage, error) {
	if _, ok := s.hooks.ByNumber(q.Webhook); !ok {
		return ledger.DeliveryPage{}, errOutside
	}
	page, err := s.all.Deliveries(ctx, q)
	page.Deliveries = slices.DeleteFunc(page.Deliveries, func(d ledger.Delivery) bool { return !s.grant.Type(d.EventType) })
	return page, err
}

func (s scopedLedger) Attempt(ctx context.Context, tenant event.TenantID, id event.ID) (*delivery.Attempt, error) {
	a, err := s.all.Attempt(ctx, tenant, id)
	if err == nil && !s.sees(a) {
		return nil, errOutside
	}
	return a, err
}

// mergedHooks is up to how many webhooks the log of all of them is put together from the log of each, which has an index.
// Beyond, the tenant's log is read and sieved.
const mergedHooks = 50

// sievedReads bounds the reads of a page that is sieved; the page then says how far it looked.
const sievedReads = 10

func (s scopedLedger) Attempts(ctx context.Context, q delivery.LogQuery) ([]*delivery.Attempt, event.ID, error) {
	if q.Webhook != 0 {
		if _, ok := s.hooks.ByNumber(q.Webhook); !ok {
			return nil, 0, errOutside
		}
		list, next, err := s.all.Attempts(ctx, q)
		return s.sieve(list), next, err
	}
	hooks := s.hooks.List(q.Tenant)
	if len(hooks) > mergedHooks || q.Event != 0 {
		return s.sieved(ctx, q)
	}
	var all []*delivery.Attempt
	var end event.ID // no webhook's page ends above it
	for _, w := range hooks {
		one := q
		one.Webhook = w.Number
		list, next, err := s.all.Attempts(ctx, one)
		if err != nil {
			return nil, 0, err
		}
		all = append(all, list...)
		end = max(end, next)
	}
	slices.SortFunc(all, func(a, b *delivery.Attempt) int { return cmp.Compare(b.ID, a.ID) })
	// Below end a webhook may have attempts that were not read.
	if end != 0 {
		all = slices.DeleteFunc(all, func(a *delivery.Attempt) bool { return a.ID < end })
	}
	if len(all) > q.Limit {
		all = all[:q.Limit]
		end = all[q.Limit-1].ID
	}
	return s.sieve(all), end, nil
}

func (s scopedLedger) sieved(ctx context.Context, q delivery.LogQuery) (found []*delivery.Attempt, next event.ID, err error) {
	for range sievedReads {
		var list []*delivery.Attempt
		if list, next, err = s.all.Attempts(ctx, q); err != nil {
			return nil, 0, err
		}
		for _, a := range list {
			if !s.sees(a) {
				continue
			}
			if found = append(found, a); len(found) == q.Limit {
				return found, a.ID, nil
			}
		}
		if next == 0 {
			break
		}
		q.Before = next
	}
	return found, next, nil
}

func (s scopedLedger) sieve(list []*delivery.Attempt) []*delivery.Attempt {
	return slices.DeleteFunc(slices.Clone(list), func(a *delivery.Attempt) bool { return !s.sees(a) })
}

func (s scopedLedger) Stats(ctx context.Context, q delivery.StatsQuery) ([]delivery.StatsPoint, error) {
	if len(q.Each) == 0 {
		if q.Each != nil {
			return nil, nil
		}
		return nil, errOutside
	}
	for _, number := range q.Each {
		if _, ok := s.hooks.ByNumber(number); !ok {
			return nil, errOutside
		}
	}
	return s.all.Stats(ctx, q)
}

func (s scopedLedger) DeliveriesOfEvent(context.Context, *event.Event) ([]ledger.Delivery, error) {
	return nil, errOutside
}

func (s scopedLedger) Derived(context.Context, *event.Event) ([]event.Event, error) {
	return nil, errOutside
}

func (s scopedLedger) Explain(context.Context, *event.Event, *webhook.Webhook) ([]ledger.Explanation, error) {
	return nil, errOutside
}

func (s scopedLedger) Resend(context.Context, *access.Principal, *event.Event, *webhook.Webhook) ([]event.DeliveryID, error) {
	return nil, errOutside
}

// scopedTypes are the event types of a portal's scope.
type scopedTypes struct {
	all   Types
	grant *portal.Grant
}

func (s scopedTypes) List(tenant event.TenantID) []*catalogue.Type {
	var list []*catalogue.Type
	for _, t := range s.all.List(tenant) {
		if s.grant.Type(t.Name) {
			list = append(list, t)
		}
	}
	return list
}

func (s scopedTypes) Lookup(tenant event.TenantID, name string) (*catalogue.Type, bool) {
	t, ok := s.all.Lookup(tenant, name)
	if !ok || !s.grant.Type(t.Name) {
		return nil, false
	}
	return t, true
}

func (s scopedTypes) Versions(tenant event.TenantID, name string) []*catalogue.Type {
	if !s.grant.Type(name) {
		return nil
	}
	return s.all.Versions(tenant, name)
}

func (s scopedTypes) RuleList(event.TenantID) []catalogue.RuleState { return nil }

// noEvents is the store of a portal's scope, in which nothing but the log tells of events.
type noEvents struct{}

func (noEvents) EventFind(context.Context, event.TenantID, string) (event.Event, bool, error) {
	return event.Event{}, false, nil
}

func (noEvents) EventList(context.Context, ingest.Query) ([]event.Event, event.ID, error) {
	return nil, 0, nil
}
