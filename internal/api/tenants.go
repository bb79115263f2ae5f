package api

import (
	"context"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/webhook"
)

// Tenant is an isolated account.
type Tenant struct {
	ID          string      `json:"id" doc:"for the header Relay-Tenant" example:"\"acme\""`
	Name        string      `json:"name" doc:"what people call it" example:"\"Acme Ltd\""`
	Plan        string      `json:"plan" doc:"the name of its plan" example:"\"team\""`
	Limits      Limits      `json:"limits" doc:"its own limits, which hold instead of those of the plan; null: that of the plan"`
	Reveal      bool        `json:"revealSecrets" doc:"its admins may see the signing secrets of webhooks again"`
	State       string      `json:"state" enum:"active,suspended,deleted" doc:"suspended: it takes no events and no changes, its deliveries wait, and it can be looked at; deleted: as suspended, and only for those who run the installation"`
	Usage       TenantUsage `json:"usage"`
	CreatedAt   rest.Time   `json:"createdAt"`
	UpdatedAt   *rest.Time  `json:"updatedAt" doc:"the last change; null: none"`
	SuspendedAt *rest.Time  `json:"suspendedAt" doc:"null unless it is suspended"`
	DeletedAt   *rest.Time  `json:"deletedAt" doc:"null unless it is deleted"`
	EraseAt     *rest.Time  `json:"eraseAt" doc:"when all data of a deleted tenant are removed; it can be restored until then"`
}

// TenantUsage says how much of things a tenant has.
type TenantUsage struct {
	Hooks    int `json:"hooks" doc:"REST hooks"`
	Webhooks int `json:"webhooks" doc:"paused and disabled ones included"`
	Keys     int `json:"keys" doc:"revoked and expired ones included"`
}

func (a *API) showTenant(t *account.Tenant) *Tenant {
	v := &Tenant{
		ID: t.Name, Name: t.Title(), State: string(t.State()), CreatedAt: rest.Time(t.CreatedAt), UpdatedAt: rest.TimeOrNil(t.UpdatedAt),
		Plan: t.Plan(), Limits: showLimits(t.Settings.Limits), Reveal: t.Settings.RevealSecrets,
		Usage:   TenantUsage{Hooks: len(a.Webhooks.Owned(t.ID, webhook.HookOwner)), Webhooks: len(a.Webhooks.List(t.ID)), Keys: len(a.Keys.List(t.ID))},
		EraseAt: rest.TimeOrNil(t.Life.EraseAt),
	}
	switch t.State() {
	case account.TenantSuspended:
		v.SuspendedAt = rest.TimeOrNil(t.Life.Since)
	case account.TenantDeleted:
		v.DeletedAt = rest.TimeOrNil(t.Life.Since)
	}
	return v
}

func (a *API) shownTenant(t *account.Tenant, err error) (*Tenant, error) {
	if err != nil {
		return nil, err
	}
	return a.showTenant(t), nil
}

var docTenantList = rest.Doc{ID: "listTenants", Tag: "Tenants", Summary: "List tenants", Text: "In the order of their ids."}

type tenantQuery struct {
	rest.Page
	State string `query:"state" enum:"active,suspended,deleted" doc:"only tenants in this state"`
}

func (a *API) tenantList(_ context.Context, _ *access.Principal, in *tenantQuery) (*rest.List[Tenant], error) {
	after, err := in.After()
	if err != nil {
		return nil, err
	}
	list, more := a.Tenants.Page(after, account.TenantState(in.State), in.Limit)
	data := make([]Tenant, len(list))
	for i, t := range list {
		data[i] = *a.showTenant(t)
	}
	next := ""
	if more {
		next = rest.TextCursor(list[len(list)-1].Name)
	}
	return rest.PageOf(data, next), nil
}

// CreateTenant is the request to create a tenant.
type CreateTenant struct {
	ID     string                `json:"id" required:"true" maxLength:"64" doc:"letters a to z, digits, -, _ and .; it never changes" example:"\"acme\""`
	Name   rest.Opt[string]      `json:"name" maxLength:"100" doc:"what people call it; left out: as its id" example:"\"Acme Ltd\""`
	Plan   rest.Opt[string]      `json:"plan" maxLength:"64" doc:"the name of its plan" default:"\"unlimited\"" example:"\"team\""`
	Limits rest.Opt[LimitFields] `json:"limits" doc:"its own limits, which hold instead of those of the plan"`
	Reveal rest.Opt[bool]        `json:"revealSecrets" doc:"its admins may see the signing secrets of webhooks again" default:"false"`
}

var docTenantCreate = rest.Doc{ID: "createTenant", Tag: "Tenants", Summary: "Create a tenant", Status: 201,
	Text: "Act for it with a platform key and the header `Relay-Tenant`: create its first key with `POST /v1/keys`, or invite its first admin with `POST /v1/users`."}

type createTenantInput struct {
	Body CreateTenant `body:"required"`
}

func (a *API) tenantCreate(ctx context.Context, c *access.Principal, in *createTenantInput) (*Tenant, error) {
	n := account.NewTenant{Name: in.Body.ID}
	in.Body.Name.Apply(&n.Settings.Title, "")
	in.Body.Plan.Apply(&n.Settings.Plan, "")
	applyLimits(&in.Body.Limits, &n.Settings)
	in.Body.Reveal.Apply(&n.Settings.RevealSecrets, false)
	return a.shownTenant(a.Tenants.Create(ctx, c, n))
}

// applyLimits changes the tenant's own limits; null removes them all.
func applyLimits(f *rest.Opt[LimitFields], s *account.TenantSettings) {
	switch {
	case !f.Given:
	case f.Null:
		s.Limits = nil
	default:
		if s.Limits == nil {
			s.Limits = account.Limits{}
		}
		f.Value.apply(s.Limits)
	}
}

type tenantPath struct {
	ID string `path:"id" doc:"the tenant's id"`
}

var docTenantGet = rest.Doc{ID: "getTenant", Tag: "Tenants", Summary: "Get a tenant"}

func (a *API) tenantGet(_ context.Context, _ *access.Principal, in *tenantPath) (*Tenant, error) {
	t, ok := a.Tenants.Tenant(in.ID)
	if !ok {
		return nil, account.ErrNoTenant(in.ID)
	}
	return a.showTenant(&t), nil
}

// UpdateTenant is the request to change a tenant.
type UpdateTenant struct {
	Name   rest.Opt[string]      `json:"name" maxLength:"100" doc:"what people call it; null: as its id" example:"\"Acme Ltd\""`
	Plan   rest.Opt[string]      `json:"plan" maxLength:"64" doc:"the name of its plan; null: unlimited. After a change to a smaller plan the tenant keeps what it has, and can create and resume nothing that it has too much of" example:"\"team\""`
	Limits rest.Opt[LimitFields] `json:"limits" doc:"its own limits, which hold instead of those of the plan; null: it has none"`
	Reveal rest.Opt[bool]        `json:"revealSecrets" doc:"its admins may see the signing secrets of webhooks again; null: they may not"`
}

var docTenantUpdate = rest.Doc{ID: "updateTenant", Tag: "Tenants", Summary: "Change a tenant", Text: "Members that are left out stay as they are."}

type updateTenantInput struct {
	tenantPath
	Body UpdateTenant `body:"required"`
}

func (a *API) tenantUpdate(ctx context.Context, c *access.Principal, in *updateTenantInput) (*Tenant, error) {
	return a.shownTenant(a.Tenants.Change(ctx, c, in.ID, func(s *account.TenantSettings) error {
		in.Body.Name.Apply(&s.Title, "")
		in.Body.Plan.Apply(&s.Plan, "")
		applyLimits(&in.Body.Limits, s)
		in.Body.Reveal.Apply(&s.RevealSecrets, false)
		return nil
	}))
}

var docTenantSuspend = rest.Doc{ID: "suspendTenant", Tag: "Tenants", Summary: "Suspend a tenant",
	Text: "Its events and changes are refused with `403`, and its deliveries wait; it can still be looked at. All servers follow within two seconds. The time does not count as age of its deliveries."}

func (a *API) tenantSuspend(ctx context.Context, c *access.Principal, in *tenantPath) (*Tenant, error) {
	return a.shownTenant(a.Tenants.Suspend(ctx, c, in.ID))
}

var docTenantResume = rest.Doc{ID: "resumeTenant", Tag: "Tenants", Summary: "Resume a suspended tenant", Text: "Deliveries that have waited go out."}

func (a *API) tenantResume(ctx context.Context, c *access.Principal, in *tenantPath) (*Tenant, error) {
	return a.shownTenant(a.Tenants.Resume(ctx, c, in.ID))
}

var docTenantDelete = rest.Doc{ID: "deleteTenant", Tag: "Tenants", Summary: "Delete a tenant", Query: "confirm=acme",
	Text: "Nobody of the tenant can do anything from then on. After seven days, in which `POST /v1/tenants/{id}/restore` takes it back, all its data are erased. The tenant `default` stays."}

type deleteTenantInput struct {
	tenantPath
	Confirm string `query:"confirm" doc:"the tenant's id again"`
}

func (a *API) tenantDelete(ctx context.Context, c *access.Principal, in *deleteTenantInput) (*Tenant, error) {
	return a.shownTenant(a.Tenants.Delete(ctx, c, in.ID, in.Confirm))
}

var docTenantRestore = rest.Doc{ID: "restoreTenant", Tag: "Tenants", Summary: "Take the deletion of a tenant back", Text: "It is as it was before: active or suspended."}

func (a *API) tenantRestore(ctx context.Context, c *access.Principal, in *tenantPath) (*Tenant, error) {
	return a.shownTenant(a.Tenants.Restore(ctx, c, in.ID))
}
