package dashboard

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Platform changes tenants, for operators; account.Tenants does.
type Platform interface {
	ByID(id event.TenantID) *account.Tenant
	Suspend(ctx context.Context, p *access.Principal, name string) (*account.Tenant, error)
	Resume(ctx context.Context, p *access.Principal, name string) (*account.Tenant, error)
	Delete(ctx context.Context, p *access.Principal, name, confirm string) (*account.Tenant, error)
	Restore(ctx context.Context, p *access.Principal, name string) (*account.Tenant, error)
}

// Plans knows the plans; account.Plans does.
type Plans interface {
	List() []account.NamedPlan
	PlanOf(id event.TenantID) (name string, limits account.Limits)
}

// Setting is a setting of the installation as it is in force.
type Setting struct {
	Name, Value, Source, Help string
}

var platformTabs = []platformTab{{"tenants", "Tenants"}, {"plans", "Plans"}, {"server", "Server"}, {"settings", "Settings"}}

// platformTab is a page beside others under one heading.
type platformTab struct{ Path, Name string }

// platformFrame is what all pages of the platform show.
type platformFrame struct {
	Tabs []platformTab
	Tab  string
}

func platformPage(t string) platformFrame { return platformFrame{platformTabs, t} }

var tenantClasses = map[account.TenantState]string{account.TenantActive: "ok", account.TenantSuspended: "warn", account.TenantDeleted: "bad", account.TenantErasing: "bad"}

// tenantView is a tenant in a list or on its page.
type tenantView struct {
	*account.Tenant
	Shown    state
	PlanName string
	Webhooks int
}

func (d *Dashboard) showTenant(t *account.Tenant) tenantView {
	v := tenantView{Tenant: t, Shown: state{Word: string(t.State()), Class: tenantClasses[t.State()]}, Webhooks: len(d.Webhooks.List(t.ID))}
	v.PlanName, _ = d.Plans.PlanOf(t.ID)
	return v
}

func (d *Dashboard) platformStart(_ context.Context, _ *request) (answer, error) {
	return answer{to: "/platform/tenants"}, nil
}

const perTenantPage = 50

type tenantListView struct {
	platformFrame
	Query, State string
	States       []choice
	List         []tenantView
	Count        int
	Older        string
}

func (d *Dashboard) tenantList(_ context.Context, q *request) (answer, error) {
	d.inFirstTenant(q)
	p := q.URL.Query()
	v := tenantListView{platformFrame: platformPage("tenants"), Query: strings.TrimSpace(p.Get("q")), State: p.Get("state"),
		States: []choice{{"", "Any"}, {"active", "Active"}, {"suspended", "Suspended"}, {"deleted", "Deleted"}}}
	after, all := p.Get("after"), d.Tenants.Tenants()
	for i := range all {
		t := &all[i]
		found := strings.Contains(strings.ToLower(t.Name+" "+t.Settings.Title), strings.ToLower(v.Query)) && (v.State == "" || v.State == string(t.State()))
		if !found {
			continue
		}
		v.Count++
		if after != "" { // behind the last of the page before
			if t.Name == after {
				after = ""
			}
			continue
		}
		if len(v.List) == perTenantPage {
			v.Older = with(p, "after", v.List[perTenantPage-1].Name)
			continue
		}
		v.List = append(v.List, d.showTenant(t))
	}
	return answer{page: "platform-tenants", title: "Tenants", section: "platform", data: v}, nil
}

// usage is how much of a limit is used.
type usage struct {
	Name    string
	Used    int64
	Allowed int64 // zero and not Limited: there is no limit
	Limited bool
}

// Percent is how much of the limit is used, at most 100.
func (u usage) Percent() int64 {
	if u.Used >= u.Allowed {
		return 100
	}
	return u.Used * 100 / u.Allowed
}

type tenantPageView struct {
	platformFrame
	tenantView
	Usage     []usage
	MayDelete bool
	Wrong     string
}

// Account is the tenant itself, which addresses are made of.
func (v tenantPageView) Account() account.Tenant { return *v.Tenant }

// tenantNamed returns the tenant that the address names.
func (d *Dashboard) tenantNamed(q *request) (*account.Tenant, error) {
	t, ok := d.Tenants.Tenant(q.PathValue("name"))
	if !ok || t.State() == account.TenantErased {
		return nil, problem.New(problem.NotFound, "there is no such tenant; it may have been erased")
	}
	return &t, nil
}

func (d *Dashboard) tenantPage(ctx context.Context, q *request) (answer, error) {
	return d.tenantAnswer(ctx, q, "", 0)
}

func (d *Dashboard) tenantAnswer(ctx context.Context, q *request, wrong string, status int) (answer, error) {
	d.inFirstTenant(q)
	t, err := d.tenantNamed(q)
	if err != nil {
		return answer{}, err
	}
	v := tenantPageView{platformFrame: platformPage("tenants"), tenantView: d.showTenant(t), MayDelete: t.ID != event.DefaultTenant, Wrong: wrong}
	users, err := d.Users.Count(ctx, t.ID)
	if err != nil {
		return answer{}, err
	}
	_, limits := d.Plans.PlanOf(t.ID)
	for _, u := range []usage{{Name: string(account.LimitWebhooks), Used: int64(v.Webhooks)}, {Name: string(account.LimitUsers), Used: users}} {
		u.Allowed, u.Limited = limits[account.LimitName(u.Name)]
		v.Usage = append(v.Usage, u)
	}
	return answer{page: "platform-tenant", title: "Tenant " + t.Name, section: "platform", data: v, status: status}, nil
}

// tenantChange suspends a tenant, resumes, deletes or restores it.
func (d *Dashboard) tenantChange(ctx context.Context, q *request) (answer, error) {
	t, err := d.tenantNamed(q)
	if err != nil {
		return answer{}, err
	}
	switch what := q.value("do"); what {
	case "suspend":
		_, err = d.Platform.Suspend(ctx, q.who, t.Name)
	case "resume":
		_, err = d.Platform.Resume(ctx, q.who, t.Name)
	case "restore":
		_, err = d.Platform.Restore(ctx, q.who, t.Name)
	case "delete":
		if q.value("confirm") != t.Name {
			return d.tenantAnswer(ctx, q, "Type the tenant's id, "+t.Name+", to delete it.", 422)
		}
		_, err = d.Platform.Delete(ctx, q.who, t.Name, t.Name)
	default:
		return answer{}, problem.InvalidField("do", "must be suspend, resume, restore or delete")
	}
	if problem.KindOf(err) == problem.Conflict {
		return d.tenantAnswer(ctx, q, sentence(asProblem(err).Detail), 409)
	}
	return answer{to: "/platform/tenants/" + url.PathEscape(t.Name)}, err
}

type planView struct {
	account.NamedPlan
	Rows    []usage
	Tenants int
}

type planListView struct {
	platformFrame
	List []planView
}

func (d *Dashboard) planList(_ context.Context, q *request) (answer, error) {
	d.inFirstTenant(q)
	v := planListView{platformFrame: platformPage("plans")}
	tenants := make(map[string]int)
	for _, t := range d.Tenants.Tenants() {
		tenants[t.Plan()]++
	}
	for _, p := range d.Plans.List() {
		plan := planView{NamedPlan: p, Tenants: tenants[p.Name]}
		for _, name := range account.LimitNames {
			u := usage{Name: string(name)}
			u.Allowed, u.Limited = p.Limits[name]
			plan.Rows = append(plan.Rows, u)
		}
		keeps := usage{Name: string(account.LimitRetention)}
		keeps.Allowed, keeps.Limited = p.Limits[account.LimitRetention]
		plan.Rows = append(plan.Rows, keeps)
		v.List = append(v.List, plan)
	}
	return answer{page: "platform-plans", title: "Plans", section: "platform", data: v}, nil
}

type serverView struct {
	platformFrame
	Version           string
	Shared            bool
	Nodes             int64
	Idle, StoreDown   bool
	InFlight, Waiting int64
	Lanes, Queued     int64 // Queued: KiB
	Streams, Most     int
	Attempts, Events  time.Duration
	Database          string
}

func (d *Dashboard) serverPage(_ context.Context, q *request) (answer, error) {
	d.inFirstTenant(q)
	s := d.Engine.Snapshot()
	v := serverView{
		platformFrame: platformPage("server"), Version: d.Version, Shared: s.Nodes > 0, Nodes: s.Nodes, Idle: s.Idle, StoreDown: s.StoreDown,
		InFlight: s.InFlight, Waiting: s.Starving, Lanes: int64(s.Lanes), Queued: s.QueuedBytes >> 10, Streams: d.streams.open(), Most: d.streams.most,
		Attempts: d.Retention, Events: d.EventRetention, Database: "files in the data folder",
	}
	if v.Shared {
		v.Database = "PostgreSQL"
	}
	return answer{page: "platform-server", title: "Server", section: "platform", data: v}, nil
}

type settingsView struct {
	platformFrame
	List []Setting
}

func (d *Dashboard) settingsPage(_ context.Context, q *request) (answer, error) {
	d.inFirstTenant(q)
	return answer{page: "platform-settings", title: "Settings", section: "platform", data: settingsView{platformPage("settings"), d.Settings()}}, nil
}
