package api

import (
	"context"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/webhook"
)

// Plan is a set of limits that tenants may have.
type Plan struct {
	Name    string `json:"name" example:"\"team\""`
	Limits  Limits `json:"limits"`
	Shipped bool   `json:"shipped" doc:"it comes with Relay, and can be changed but not deleted"`
	Changed bool   `json:"changed" doc:"a plan that comes with Relay is not as it was shipped; deleting it makes it so again"`
}

// Limits say how many a tenant may have of things.
type Limits struct {
	Webhooks *int64 `json:"webhooks" doc:"paused and disabled ones included; null: no limit" example:"5"`
	Hooks    *int64 `json:"hooks" doc:"REST hooks, which are counted apart from webhooks; null: no limit"`
	Users    *int64 `json:"users" doc:"invited and disabled ones included; null: no limit"`

	Connectors  *int64 `json:"connectors" doc:"custom connectors; the versions of one count once; null: no limit"`
	Audiences   *int64 `json:"audiences" doc:"null: no limit"`
	Journeys    *int64 `json:"journeys" doc:"null: no limit"`
	PortalLinks *int64 `json:"portalLinks" doc:"links into the portal that can still be opened; null: no limit"`

	EventsPerSecond *int64 `json:"eventsPerSecond" doc:"events published in a second; null: no limit"`
	EventsPerDay    *int64 `json:"eventsPerDay" doc:"events published on a day, from midnight to midnight UTC; null: no limit"`

	RetentionDays *int64 `json:"retentionDays" doc:"for how many days events, attempts and bodies are kept; null: as long as the installation keeps them"`
}

func showLimits(l account.Limits) Limits {
	of := func(name account.LimitName) *int64 {
		if n, ok := l[name]; ok {
			return &n
		}
		return nil
	}
	return Limits{Webhooks: of(account.LimitWebhooks), Hooks: of(account.LimitHooks), Users: of(account.LimitUsers),
		Connectors: of(account.LimitConnectors), Audiences: of(account.LimitAudiences), Journeys: of(account.LimitJourneys), PortalLinks: of(account.LimitPortalLinks),
		EventsPerSecond: of(account.LimitEventsPerSecond), EventsPerDay: of(account.LimitEventsPerDay), RetentionDays: of(account.LimitRetention)}
}

// LimitFields are limits that somebody chooses.
type LimitFields struct {
	Webhooks rest.Opt[int] `json:"webhooks" doc:"null: no limit, or that of the plan" example:"5"`
	Hooks    rest.Opt[int] `json:"hooks" doc:"null: no limit, or that of the plan"`
	Users    rest.Opt[int] `json:"users" doc:"null: no limit, or that of the plan"`

	Connectors  rest.Opt[int] `json:"connectors" doc:"null: no limit, or that of the plan"`
	Audiences   rest.Opt[int] `json:"audiences" doc:"null: no limit, or that of the plan"`
	Journeys    rest.Opt[int] `json:"journeys" doc:"null: no limit, or that of the plan"`
	PortalLinks rest.Opt[int] `json:"portalLinks" doc:"null: no limit, or that of the plan"`

	EventsPerSecond rest.Opt[int] `json:"eventsPerSecond" doc:"null: no limit, or that of the plan"`
	EventsPerDay    rest.Opt[int] `json:"eventsPerDay" doc:"null: no limit, or that of the plan"`

	RetentionDays rest.Opt[int] `json:"retentionDays" doc:"for how many days events, attempts and bodies are kept, at most as many as the installation keeps them; null: as many, or as the plan says"`
}

// apply changes the limits that are given; null removes one.
func (f *LimitFields) apply(l account.Limits) {
	for name, o := range map[account.LimitName]rest.Opt[int]{
		account.LimitWebhooks: f.Webhooks, account.LimitHooks: f.Hooks, account.LimitUsers: f.Users,
		account.LimitConnectors: f.Connectors, account.LimitAudiences: f.Audiences, account.LimitJourneys: f.Journeys, account.LimitPortalLinks: f.PortalLinks,
		account.LimitEventsPerSecond: f.EventsPerSecond, account.LimitEventsPerDay: f.EventsPerDay, account.LimitRetention: f.RetentionDays,
	} {
		switch {
		case !o.Given:
		case o.Null:
			delete(l, name)
		default:
			l[name] = int64(o.Value)
		}
	}
}

func showPlan(p account.NamedPlan, err error) (*Plan, error) {
	if err != nil {
		return nil, err
	}
	return &Plan{Name: p.Name, Limits: showLimits(p.Limits), Shipped: p.Shipped, Changed: p.Changed}, nil
}

var docPlanList = rest.Doc{ID: "listPlans", Tag: "Plans", Summary: "List plans", Text: "Those that come with Relay, and then the others, the oldest first. The list is never paged."}

func (a *API) planList(context.Context, *access.Principal, *rest.None) (*rest.List[Plan], error) {
	var data []Plan
	for _, p := range a.Plans.List() {
		v, err := showPlan(p, nil)
		if err != nil {
			return nil, err
		}
		data = append(data, *v)
	}
	return rest.PageOf(data, ""), nil
}

// CreatePlan is the request to create a plan.
type CreatePlan struct {
	Name   string      `json:"name" required:"true" maxLength:"64" doc:"letters a to z, digits, -, _ and .; it never changes" example:"\"starter\""`
	Limits LimitFields `json:"limits" doc:"what is left out has no limit"`
}

var docPlanCreate = rest.Doc{ID: "createPlan", Tag: "Plans", Summary: "Create a plan", Status: 201}

type createPlanInput struct {
	Body CreatePlan `body:"required"`
}

func (a *API) planCreate(ctx context.Context, c *access.Principal, in *createPlanInput) (*Plan, error) {
	limits := account.Limits{}
	in.Body.Limits.apply(limits)
	return showPlan(a.Plans.Create(ctx, c, in.Body.Name, account.Plan{Limits: limits}))
}

type planPath struct {
	Name string `path:"name" doc:"the plan's name"`
}

var docPlanGet = rest.Doc{ID: "getPlan", Tag: "Plans", Summary: "Get a plan"}

func (a *API) planGet(_ context.Context, _ *access.Principal, in *planPath) (*Plan, error) {
	return showPlan(a.Plans.Get(in.Name))
}

// UpdatePlan is the request to change a plan.
type UpdatePlan struct {
	Limits LimitFields `json:"limits" doc:"those that are left out stay as they are"`
}

var docPlanUpdate = rest.Doc{ID: "updatePlan", Tag: "Plans", Summary: "Change a plan",
	Text: "Holds for all tenants that have it. One that has more than it allows then keeps what it has; nothing is deleted or paused. It cannot create or resume any until it has less."}

type updatePlanInput struct {
	planPath
	Body UpdatePlan `body:"required"`
}

func (a *API) planUpdate(ctx context.Context, c *access.Principal, in *updatePlanInput) (*Plan, error) {
	return showPlan(a.Plans.Change(ctx, c, in.Name, func(l account.Limits) error {
		in.Body.Limits.apply(l)
		return nil
	}))
}

var docPlanDelete = rest.Doc{ID: "deletePlan", Tag: "Plans", Summary: "Delete a plan", Status: 204,
	Text: "One that no tenant has. A plan that comes with Relay becomes as it was shipped."}

func (a *API) planDelete(ctx context.Context, c *access.Principal, in *planPath) (*rest.None, error) {
	return nil, a.Plans.Delete(ctx, c, in.Name)
}

// Usage says how much of its plan a tenant uses.
type Usage struct {
	Plan   string       `json:"plan" example:"\"team\""`
	Limits []LimitUsage `json:"limits"`
}

// LimitUsage says how much of a limit a tenant uses.
type LimitUsage struct {
	Limit   string `json:"limit" enum:"webhooks,hooks,users,connectors,audiences,portalLinks,eventsPerSecond,eventsPerDay"`
	Allowed *int64 `json:"allowed" doc:"null: no limit"`
	Used    *int64 `json:"used" doc:"may be more than allowed after a change to a smaller plan; null: a rate without a limit is not counted"`
}

var docUsage = rest.Doc{ID: "getUsage", Tag: "Plans", Summary: "How much of the plan is used?"}

func (a *API) usage(ctx context.Context, c *access.Principal, _ *rest.None) (*Usage, error) {
	users, err := a.Users.Count(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	links, err := a.Portals.Count(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	used := map[account.LimitName]int64{
		account.LimitWebhooks: int64(len(a.Webhooks.List(c.Tenant))), account.LimitHooks: int64(len(a.Webhooks.Owned(c.Tenant, webhook.HookOwner))),
		account.LimitUsers: users, account.LimitPortalLinks: links, account.LimitConnectors: a.Connectors.Count(c.Tenant), account.LimitAudiences: int64(len(a.Audiences.Audiences(c.Tenant))), account.LimitJourneys: int64(len(a.Journeys.List(c.Tenant))),
	}
	perSecond, perDay, err := a.Rates.Usage(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	used[account.LimitEventsPerSecond], used[account.LimitEventsPerDay] = perSecond, perDay
	plan, limits := a.Plans.PlanOf(c.Tenant)
	v := &Usage{Plan: plan}
	for _, name := range account.LimitNames {
		u := LimitUsage{Limit: string(name)}
		if n := used[name]; n >= 0 {
			u.Used = &n
		}
		if n, ok := limits[name]; ok {
			u.Allowed = &n
		}
		v.Limits = append(v.Limits, u)
	}
	return v, nil
}
