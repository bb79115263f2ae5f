package account

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
)

// LimitName names what a plan limits.
type LimitName string

// The limits.
const (
	LimitWebhooks LimitName = "webhooks" // paused and disabled ones included
	LimitHooks    LimitName = "hooks"    // REST hooks, which are counted apart from webhooks
	LimitUsers    LimitName = "users"    // invited and disabled ones included

	LimitConnectors  LimitName = "connectors" // custom ones; the versions of one count once
	LimitAudiences   LimitName = "audiences"
	LimitJourneys    LimitName = "journeys"
	LimitPortalLinks LimitName = "portalLinks" // those that can still be opened
)

// The rates, which Rates counts.
const (
	LimitEventsPerSecond LimitName = "eventsPerSecond"
	LimitEventsPerDay    LimitName = "eventsPerDay" // from midnight to midnight, UTC
)

// LimitNames lists all limits in the order they are documented.
var LimitNames = []LimitName{LimitWebhooks, LimitHooks, LimitUsers, LimitConnectors, LimitAudiences, LimitJourneys, LimitPortalLinks, LimitEventsPerSecond, LimitEventsPerDay}

// Limits say how many a tenant may have of things; what is not in it has no limit.
type Limits map[LimitName]int64

// limitRange returns which values a limit may have; others are mistakes. A tenant that is to publish nothing is suspended, so
// that a rate is at least 1.
func limitRange(name LimitName) (least, most int64) {
	switch name {
	case LimitEventsPerSecond:
		return 1, 1_000_000
	case LimitEventsPerDay:
		return 1, 100_000_000_000
	}
	return 0, 1_000_000
}

func (l Limits) check(prefix string, longest time.Duration) error {
	if err := l.checkRetention(prefix, longest); err != nil {
		return err
	}
	for _, name := range LimitNames {
		least, most := limitRange(name)
		if n, ok := l[name]; ok && (n < least || n > most) {
			return problem.InvalidField(prefix+string(name), "must be %d to %d, got %d", least, most, n)
		}
	}
	return nil
}

// Plan is a set of limits with a name, which tenants may have.
type Plan struct {
	Limits Limits `json:"limits"`
}

// DefaultPlan is the plan of tenants for which none was chosen.
const DefaultPlan = "unlimited"

// shipped are the plans of every installation. A record with the name of one replaces it.
var shipped = []NamedPlan{
	{Name: "solo", Plan: Plan{Limits{LimitWebhooks: 0}}},
	{Name: "team", Plan: Plan{Limits{LimitWebhooks: 5}}},
	{Name: "business", Plan: Plan{Limits{LimitWebhooks: 20}}},
	{Name: DefaultPlan},
}

// planItem is a plan as it is stored.
type planItem = registry.Item[Plan]

// maxPlans bounds how many plans there are beside those shipped.
const maxPlans = 200

// NamedPlan is a plan as it is listed.
type NamedPlan struct {
	Name string
	Plan
	Shipped bool // it comes with Relay
	Changed bool // it is not as it was shipped
}

// Plans holds all plans in memory, and says which limits a tenant has. It is safe for concurrent use.
type Plans struct {
	records *registry.Records[Plan]
	tenants *Tenants
	// announce publishes an operational event of a tenant; nil: there are none. Set before use.
	announce func(ctx context.Context, tenant event.TenantID, eventType string, data []byte)
	longest  atomic.Int64 // the installation's retention; zero: it is not known
}

// KindPlans is how servers know that plans have changed.
const KindPlans registry.Kind = "plans"

// The operational events about limits.
const (
	EventLimitNear    = "plan.limit_near"    // four fifths of a limit are used
	EventLimitReached = "plan.limit_reached" // all of it is
)

// NewPlans reads all plans of the store. From now on tenants can have none but these.
func NewPlans(ctx context.Context, store registry.RecordStore, ts *Tenants) (*Plans, error) {
	ps := &Plans{tenants: ts}
	var err error
	ps.records, err = registry.NewRecords(ctx, store, registry.RecordOptions[Plan]{
		Kind: KindPlans, Noun: "plan", Global: true, Max: maxPlans,
		Check: func(_ event.TenantID, name string, p *Plan) error {
			if wrong := checkTenantName(name); wrong != "" {
				return problem.InvalidField("name", "%s", wrong)
			}
			return p.Limits.check("limits.", time.Duration(ps.longest.Load()))
		},
	})
	ts.hasPlan = func(name string) bool { _, ok := ps.find(name); return ok }
	return ps, err
}

// Announce sets what publishes the operational events of a tenant.
func (ps *Plans) Announce(f func(ctx context.Context, tenant event.TenantID, eventType string, data []byte)) {
	ps.announce = f
}

// Refresh reads the plans again, because another server may have changed them.
func (ps *Plans) Refresh(ctx context.Context) error { return ps.records.Refresh(ctx) }

func (ps *Plans) find(name string) (NamedPlan, bool) {
	i := slices.IndexFunc(shipped, func(p NamedPlan) bool { return p.Name == name })
	if it, err := ps.records.Get(access.Platform, name); err == nil {
		return NamedPlan{Name: name, Plan: it.Value, Shipped: i >= 0, Changed: i >= 0}, true
	}
	if i < 0 {
		return NamedPlan{}, false
	}
	p := shipped[i]
	p.Shipped = true
	return p, true
}

// Get returns the plan with the name, else a NotFound problem.
func (ps *Plans) Get(name string) (NamedPlan, error) {
	p, ok := ps.find(name)
	if !ok {
		return p, problem.New(problem.NotFound, "there is no plan %q", problem.Clip(name))
	}
	return p, nil
}

// List returns all plans: those shipped, and then the others, the oldest first.
func (ps *Plans) List() []NamedPlan {
	var list []NamedPlan
	for _, s := range shipped {
		p, _ := ps.find(s.Name)
		list = append(list, p)
	}
	for _, it := range ps.records.List(access.Platform) {
		if !slices.ContainsFunc(shipped, func(s NamedPlan) bool { return s.Name == it.Name }) {
			list = append(list, NamedPlan{Name: it.Name, Plan: it.Value})
		}
	}
	return list
}

// Create adds a plan. A name that is taken is a Conflict problem.
func (ps *Plans) Create(ctx context.Context, p *access.Principal, name string, plan Plan) (NamedPlan, error) {
	if _, ok := ps.find(name); ok {
		return NamedPlan{}, &problem.Error{Kind: problem.Conflict, Detail: fmt.Sprintf("there is a plan %q already", problem.Clip(name)),
			Fields: []problem.Field{{Name: "name", Reason: "is taken"}}}
	}
	if _, err := ps.records.Create(ctx, p, name, plan); err != nil {
		return NamedPlan{}, err
	}
	return ps.Get(name)
}

// Change lets f change a plan. Tenants that have more than it allows then keep what they have.
func (ps *Plans) Change(ctx context.Context, p *access.Principal, name string, f func(l Limits) error) (NamedPlan, error) {
	old, err := ps.Get(name)
	if err != nil {
		return old, err
	}
	if old.Shipped && !old.Changed {
		plan := Plan{Limits{}}
		for k, v := range old.Limits {
			plan.Limits[k] = v
		}
		if err := f(plan.Limits); err != nil {
			return old, err
		}
		_, err = ps.records.Create(ctx, p, name, plan)
	} else {
		_, err = ps.records.Update(ctx, p, name, func(it *registry.Item[Plan]) error {
			if it.Value.Limits == nil {
				it.Value.Limits = Limits{}
			}
			return f(it.Value.Limits)
		})
	}
	if err != nil {
		return old, err
	}
	return ps.Get(name)
}

// Delete removes a plan that no tenant has; one that is shipped becomes as it was.
func (ps *Plans) Delete(ctx context.Context, p *access.Principal, name string) error {
	old, err := ps.Get(name)
	if err != nil {
		return err
	}
	if old.Shipped && !old.Changed {
		return problem.New(problem.Conflict, "the plan %q comes with Relay and cannot be deleted", name)
	}
	if used := ps.tenants.withPlan(name); used > 0 && !old.Shipped {
		return problem.New(problem.Conflict, "%d tenants have the plan %q: give them another one first", used, name)
	}
	return ps.records.Delete(ctx, p, name)
}

// PlanOf returns the plan of a tenant, and the limits that hold for it: the plan's, but for those of its own.
func (ps *Plans) PlanOf(id event.TenantID) (name string, limits Limits) {
	t := ps.tenants.ByID(id)
	if t == nil {
		return DefaultPlan, nil
	}
	name = t.Plan()
	p, ok := ps.find(name)
	if !ok { // deleted by another server at the moment it was given to the tenant
		p, _ = ps.find(DefaultPlan)
	}
	if len(t.Settings.Limits) == 0 {
		return name, p.Limits
	}
	limits = Limits{}
	for _, l := range []Limits{p.Limits, t.Settings.Limits} {
		for k, v := range l {
			limits[k] = v
		}
	}
	return name, limits
}

// Quota returns how many of the things a tenant may have, nil if there is no limit.
func (ps *Plans) Quota(id event.TenantID, name LimitName) *Quota {
	plan, limits := ps.PlanOf(id)
	allowed, limited := limits[name]
	if !limited {
		return nil
	}
	return &Quota{Tenant: id, Limit: name, Plan: plan, Allowed: allowed}
}

// Users returns the quota of a tenant's users, nil if there is no limit, and what calls Used for it.
func (ps *Plans) Users(id event.TenantID) (q *Quota, used func(ctx context.Context)) {
	if q = ps.Quota(id, LimitUsers); q == nil {
		return nil, nil
	}
	return q, func(ctx context.Context) { ps.Used(ctx, q) }
}

// Records returns what bounds a tenant's records of a kind, see registry.RecordOptions. thing tells which thing the record with
// a name belongs to: it counts once, and a further record of it is always allowed. A nil Plans has no limits.
func (ps *Plans) Records(limit LimitName, thing func(name string) string) func(event.TenantID, string) (func([]string) error, func(context.Context)) {
	return func(tenant event.TenantID, name string) (func([]string) error, func(context.Context)) {
		if ps == nil {
			return nil, nil
		}
		q := ps.Quota(tenant, limit)
		if q == nil {
			return nil, nil
		}
		further := false
		bound := func(names []string) error {
			of := make(map[string]int, len(names))
			for _, n := range names {
				of[thing(n)]++
			}
			if further = of[thing(name)] > 1; further {
				return nil
			}
			return q.Check(int64(len(of)))
		}
		return bound, func(ctx context.Context) {
			if !further {
				ps.Used(ctx, q)
			}
		}
	}
}

// Used says that something was created within a quota, and publishes an event if that brought the tenant near its limit, or
// to it. A nil quota is fine.
func (ps *Plans) Used(ctx context.Context, q *Quota) {
	if q == nil {
		return
	}
	eventType := ""
	near := func(used int64) bool { return used*5 >= q.Allowed*4 }
	switch {
	case q.used >= q.Allowed:
		eventType = EventLimitReached
	case near(q.used) && !near(q.used-1):
		eventType = EventLimitNear
	default:
		return
	}
	ps.announceLimit(ctx, q.Tenant, eventType, q.Limit, q.Plan, q.Allowed, q.used)
}

// Quota bounds how many things of a kind a tenant may have.
type Quota struct {
	Tenant  event.TenantID
	Limit   LimitName
	Plan    string
	Allowed int64

	used int64 // as last checked
}

// Check returns a PlanLimit problem if there are more things, the one that is being created among them, than the tenant may
// have. A store calls it in the transaction of the creation.
func (q *Quota) Check(count int64) error {
	q.used = count
	if count <= q.Allowed {
		return nil
	}
	return q.Full(count - 1)
}

// Full is the problem of a tenant that has as many as it may.
func (q *Quota) Full(used int64) error {
	detail := fmt.Sprintf("the plan %q allows %d %s, and there are %d: delete one, or change the plan", q.Plan, q.Allowed, q.Limit, used)
	if q.Allowed == 0 {
		detail = fmt.Sprintf("the plan %q allows no %s: change the plan", q.Plan, q.Limit)
	}
	return &problem.Error{Kind: problem.PlanLimit, Detail: detail, Limit: &problem.Limit{Limit: string(q.Limit), Plan: q.Plan, Allowed: q.Allowed, Used: used}}
}

// Plan returns the name of the tenant's plan.
func (t *Tenant) Plan() string { return cmp.Or(t.Settings.Plan, DefaultPlan) }

// withPlan counts the tenants that have the plan.
func (ts *Tenants) withPlan(name string) (n int) {
	for _, t := range ts.current.Load().byName {
		if t.Plan() == name {
			n++
		}
	}
	return n
}

// same reports whether settings are equal.
func (s *TenantSettings) same(o *TenantSettings) bool { return reflect.DeepEqual(s, o) }
