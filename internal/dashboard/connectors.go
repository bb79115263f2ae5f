package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// perConnectorPage is how many connectors or connections a page of a list shows.
const perConnectorPage = 50

// connectorView is a connector as pages show it.
type connectorView struct {
	connector.Entry
	Shown       state
	Connections int
	Versions    int // how many there are of it
	Face        face
}

// face stands for a connector where there is room for a picture: its logo, or the initial of its name.
type face struct {
	Logo    template.URL // a data URL; empty: there is none
	Initial string
}

// isPicture is a logo that a page can show: the picture itself. Others would be asked of another host, which the pages'
// content security policy forbids.
var isPicture = regexp.MustCompile(`^data:image/(png|webp|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}$`)

func faceOf(d *connector.Definition) face {
	var f face
	if isPicture.MatchString(d.Logo) {
		f.Logo = template.URL(d.Logo) //nolint:gosec // it was matched; browsers run no script in a picture
	}
	r, _ := utf8.DecodeRuneInString(cmp.Or(d.Name, d.Connector))
	f.Initial = string(unicode.ToUpper(r))
	return f
}

var connectorClasses = map[connector.State]string{connector.Testing: "warn", connector.Live: "ok"}

func (d *Dashboard) showConnector(tenant event.TenantID, e connector.Entry) connectorView {
	v := connectorView{Entry: e, Shown: state{Class: connectorClasses[e.State], Word: string(e.State)}, Face: faceOf(e.Definition)}
	for _, it := range d.Connectors.Connections(tenant) {
		if it.Value.Connector == e.Connector {
			v.Connections++
		}
	}
	return v
}

// Title is what people call the connector; a draft may have no name yet.
func (v connectorView) Title() string { return cmp.Or(v.Name, v.Connector) }

// Connectable reports whether new connections can be made with it.
func (v connectorView) Connectable() bool {
	return v.State == connector.Live || v.State == connector.Testing
}

// limit is how many of something there are, and how many the plan allows.
type limit struct {
	Used, Allowed int64
	Limited       bool
	Plan          string
}

// Full reports whether there is room for none more.
func (l limit) Full() bool { return l.Limited && l.Used >= l.Allowed }

func (d *Dashboard) limit(tenant event.TenantID, name account.LimitName, used int64) limit {
	plan, limits := d.Plans.PlanOf(tenant)
	l := limit{Used: used, Plan: plan}
	l.Allowed, l.Limited = limits[name]
	return l
}

// connectorLimit counts the tenant's custom connectors.
func (d *Dashboard) connectorLimit(q *request) limit {
	return d.limit(q.who.Tenant, account.LimitConnectors, d.Connectors.Count(q.who.Tenant))
}

// pager leads to the pages beside one of a list.
type pager struct {
	Page, Pages  int
	Newer, Older string // addresses; empty: there is none
}

// paged returns the part of a list that a page shows.
func paged[T any](list []T, params url.Values, size int) ([]T, pager) {
	p := pager{Pages: max((len(list)+size-1)/size, 1)}
	p.Page = min(max(number(params.Get("page")), 1), p.Pages)
	if p.Page > 1 {
		p.Newer = with(params, "page", fmt.Sprint(p.Page-1))
	}
	if p.Page < p.Pages {
		p.Older = with(params, "page", fmt.Sprint(p.Page+1))
	}
	from := (p.Page - 1) * size
	return list[from:min(from+size, len(list))], p
}

type connectorListView struct {
	Tab           string
	Connectors    []connectorView
	Origin, Query string
	All           int
	Custom        limit
	MayAdd        bool
	pager
}

// connectorList shows the standard connectors and the tenant's own in one list; of several versions the one that new
// connections get.
func (d *Dashboard) connectorList(_ context.Context, q *request) (answer, error) {
	params := q.URL.Query()
	tenant := q.who.Tenant
	v := connectorListView{
		Tab: "connectors", Origin: params.Get("origin"), Query: strings.TrimSpace(params.Get("q")), MayAdd: q.who.Allows(access.Configure),
		Custom: d.connectorLimit(q),
	}
	versions := make(map[string]int)
	var names []string
	for _, e := range d.Connectors.List(tenant) {
		if versions[e.Connector]++; versions[e.Connector] == 1 {
			names = append(names, e.Connector)
		}
	}
	v.All = len(names)
	var found []connector.Entry
	for _, name := range names {
		e, err := d.Connectors.Get(tenant, name, "")
		if err != nil {
			continue // it was deleted just now
		}
		if v.Origin != "" && (v.Origin == "standard") != e.Standard || v.Query != "" && !mentions(v.Query, e.Name, e.Connector, e.Description, strings.Join(e.Categories, " "), fmt.Sprint(e.PartnerNumber)) {
			continue
		}
		found = append(found, e)
	}
	// Your own come first: whoever has added one looks for it.
	slices.SortStableFunc(found, func(a, b connector.Entry) int {
		if a.Standard != b.Standard {
			if b.Standard {
				return -1
			}
			return 1
		}
		return strings.Compare(strings.ToLower(cmp.Or(a.Name, a.Connector)), strings.ToLower(cmp.Or(b.Name, b.Connector)))
	})
	found, v.pager = paged(found, params, perConnectorPage)
	for _, e := range found {
		c := d.showConnector(tenant, e)
		c.Versions = versions[e.Connector]
		v.Connectors = append(v.Connectors, c)
	}
	return answer{page: "connectors", title: "Server-to-Server Connectors", section: "connectors", data: v}, nil
}

// mentions reports whether one of the texts has another in it, in any case.
func mentions(text string, in ...string) bool {
	text = strings.ToLower(text)
	return slices.ContainsFunc(in, func(s string) bool { return strings.Contains(strings.ToLower(s), text) })
}

// planStep is a step of a definition's testing plan, and who has done it.
type planStep struct {
	Step string
	Done *connector.Step // nil: nobody has yet
}

// move is a change of state that a version allows.
type move struct {
	To      connector.State
	Name    string
	Primary bool
}

var moves = map[connector.State][]move{
	connector.Draft:   {{connector.Testing, "Move to testing", false}, {connector.Live, "Go live", true}},
	connector.Testing: {{connector.Draft, "Back to draft", false}, {connector.Live, "Go live", true}, {connector.Retired, "Retire", false}},
	connector.Live:    {{connector.Retired, "Retire", false}},
	connector.Retired: {{connector.Live, "Go live again", false}},
}

type connectorPageView struct {
	connectorView
	Others    []connectorView // its other versions
	Used      []connectionLink
	Tests     []connector.TestResult
	Passed    int
	PlanSteps []planStep
	PlanDone  int
	Moves     []move
	Wrong     string // why the state did not change
	MayShape  bool
	Requested bool // it has anything of a ticket
}

// connectionLink names a connection.
type connectionLink struct{ ID, Name string }

// Lacks lists what people may expect of the connector and it cannot do.
func (v connectorPageView) Lacks() (list []string) {
	if v.Kind == connector.List && !v.Can("remove") {
		list = append(list, "It cannot remove: a profile that leaves an audience stays at the partner.")
	}
	if v.Kind == connector.Message {
		list = append(list, "Each entry into an audience is sent once. Leaving sends nothing.")
	}
	if v.ExternalID.Use != connector.ExternalIDUnused && !v.Can("segments") {
		list = append(list, "It does not list the partner's segments: the External ID is typed.")
	}
	if !v.Can("check") {
		list = append(list, "It has no check: wrong credentials show when something is sent.")
	}
	return list
}

// station is a state on the way of a definition.
type station struct {
	Name       string
	Here, Past bool
}

// Stations are the states of a definition in their order.
func (v connectorPageView) Stations() (list []station) {
	all := []connector.State{connector.Draft, connector.Testing, connector.Live, connector.Retired}
	at := slices.Index(all, v.State)
	for i, s := range all {
		list = append(list, station{string(s), i == at, i < at})
	}
	return list
}

// connector returns the definition that the address names.
func (d *Dashboard) connector(q *request) (connector.Entry, error) {
	version := q.URL.Query().Get("version")
	if q.form != nil {
		version = q.value("version")
	}
	return d.Connectors.Get(q.who.Tenant, q.PathValue("name"), version)
}

func (d *Dashboard) connectorPage(ctx context.Context, q *request) (answer, error) {
	e, err := d.connector(q)
	if err != nil {
		return answer{}, err
	}
	return d.showConnectorPage(ctx, q, e, ""), nil
}

func (d *Dashboard) showConnectorPage(ctx context.Context, q *request, e connector.Entry, wrong string) answer {
	tenant := q.who.Tenant
	v := connectorPageView{connectorView: d.showConnector(tenant, e), Wrong: wrong, MayShape: q.who.Allows(access.Configure), Requested: e.Request != connector.Ticket{}}
	for _, o := range d.Connectors.List(tenant) {
		if o.Connector == e.Connector && o.Version != e.Version {
			v.Others = append(v.Others, d.showConnector(tenant, o))
		}
	}
	slices.Reverse(v.Others)
	for _, it := range d.Connectors.Connections(tenant) {
		if it.Value.Connector == e.Connector && (e.Standard || it.Value.Version == e.Version) {
			v.Used = append(v.Used, connectionLink{it.Name, it.Value.Name})
		}
	}
	if len(e.Faults) == 0 {
		v.Tests = d.Connectors.RunTests(ctx, tenant, e.Definition)
	}
	for _, t := range v.Tests {
		if t.Reason == "" {
			v.Passed++
		}
	}
	for _, step := range e.Definition.Plan {
		s := planStep{Step: step}
		if i := slices.IndexFunc(e.Plan, func(done connector.Step) bool { return done.Step == step }); i >= 0 {
			s.Done = &e.Plan[i]
			v.PlanDone++
		}
		v.PlanSteps = append(v.PlanSteps, s)
	}
	if !e.Standard && v.MayShape && len(e.Faults) == 0 {
		v.Moves = moves[e.State]
	}
	a := answer{page: "connector", title: v.Title(), section: "connectors", data: v}
	if wrong != "" {
		a.status = 422
	}
	return a
}

// versionPath is the address of a version's page.
func (q *request) versionPath(connector, version string) string {
	return q.path("connectors", connector) + "?version=" + url.QueryEscape(version)
}

// connectorMove moves a version on, or says what keeps it where it is.
func (d *Dashboard) connectorMove(ctx context.Context, q *request) (answer, error) {
	e, err := d.connector(q)
	if err != nil {
		return answer{}, err
	}
	moved, err := d.Connectors.SetState(ctx, q.who, e.Connector, e.Version, connector.State(q.value("state")))
	switch {
	case err == nil:
		return answer{to: q.versionPath(moved.Connector, moved.Version)}, nil
	case problem.KindOf(err) == problem.Invalid:
		return d.showConnectorPage(ctx, q, e, "It "+reasons(err)), nil
	}
	return answer{}, err
}

// reasons is what a problem says about a single field that the page names itself, else all of it.
func reasons(err error) string {
	p := asProblem(err)
	if len(p.Fields) == 1 {
		return sentenceEnd(p.Fields[0].Reason)
	}
	var parts []string
	for _, f := range p.Fields {
		parts = append(parts, f.Name+" "+f.Reason)
	}
	return sentenceEnd(cmp.Or(strings.Join(parts, "; "), p.Detail))
}

func sentenceEnd(s string) string {
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

// connectorTick notes that a step of the plan is done.
func (d *Dashboard) connectorTick(ctx context.Context, q *request) (answer, error) {
	e, err := d.connector(q)
	if err == nil {
		_, err = d.Connectors.TickPlan(ctx, q.who, e.Connector, e.Version, q.form.Get("step"), clip(q.value("evidence"), 2000))
	}
	if err != nil {
		return answer{}, err
	}
	return answer{to: q.versionPath(e.Connector, e.Version)}, nil
}

func (d *Dashboard) connectorDelete(ctx context.Context, q *request) (answer, error) {
	e, err := d.connector(q)
	if err != nil {
		return answer{}, err
	}
	err = d.Connectors.Delete(ctx, q.who, e.Connector, e.Version)
	switch problem.KindOf(err) {
	case problem.Conflict:
		return d.showConnectorPage(ctx, q, e, "It cannot be deleted: "+reasons(err)), nil
	default:
		return answer{to: q.path("connectors")}, err
	}
}
