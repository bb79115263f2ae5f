package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// connectionView is a connection as pages show it.
type connectionView struct {
	*connector.ConnectionItem
	Connector connectorView
	Lane      hookView // how its deliveries fare
	Uses      int      // attachments that send by it
}

// Title is what people call the connection.
func (v connectionView) Title() string { return v.Value.Name }

// lanes completes connections for a page, with one read of the statistics for all of them.
func (d *Dashboard) lanes(ctx context.Context, q *request, list []*connector.ConnectionItem) ([]connectionView, error) {
	uses := make(map[string]int)
	for _, it := range d.Audiences.Audiences(q.who.Tenant) {
		for _, at := range it.Value.Attachments {
			uses[at.Connection]++
		}
	}
	var hooks []*webhook.Webhook
	var views []connectionView
	for _, it := range list {
		e, err := d.Connectors.DefinitionOf(q.who.Tenant, &it.Value)
		if err != nil {
			continue // another server has just deleted it
		}
		w, err := d.Connectors.Webhook(ctx, it)
		if err != nil {
			return nil, fmt.Errorf("looking for the lane of a connection: %w", err)
		}
		hooks = append(hooks, w)
		views = append(views, connectionView{ConnectionItem: it, Connector: d.showConnector(q.who.Tenant, e), Uses: uses[it.Name]})
	}
	lanes, err := d.views(ctx, q, hooks)
	if err != nil {
		return nil, err
	}
	for i := range views {
		views[i].Lane = lanes[i]
	}
	return views, nil
}

// connection returns the connection that the address names.
func (d *Dashboard) connection(ctx context.Context, q *request) (connectionView, error) {
	it, err := d.Connectors.Connection(q.who.Tenant, q.PathValue("id"))
	if err != nil {
		return connectionView{}, problem.New(problem.NotFound, "there is no such connection; it may have been deleted")
	}
	list, err := d.lanes(ctx, q, []*connector.ConnectionItem{it})
	if err != nil {
		return connectionView{}, err
	}
	if len(list) == 0 {
		return connectionView{}, problem.New(problem.NotFound, "the connection's connector is gone")
	}
	return list[0], nil
}

// connectionName returns what people call a connection; its id if it is not there any more.
func (d *Dashboard) connectionName(tenant event.TenantID, id string) string {
	if it, err := d.Connectors.Connection(tenant, id); err == nil {
		return it.Value.Name
	}
	return id
}

type connectionListView struct {
	Tab         string
	Connections []connectionView
	Query       string
	All         int
	pager
}

func (d *Dashboard) connectionList(ctx context.Context, q *request) (answer, error) {
	params := q.URL.Query()
	v := connectionListView{Tab: "connections", Query: strings.TrimSpace(params.Get("q"))}
	all := d.Connectors.Connections(q.who.Tenant)
	v.All = len(all)
	var found []*connector.ConnectionItem
	for _, it := range all {
		if v.Query == "" || mentions(v.Query, it.Value.Name, it.Value.Connector, it.Name) {
			found = append(found, it)
		}
	}
	found, v.pager = paged(found, params, perConnectorPage)
	var err error
	v.Connections, err = d.lanes(ctx, q, found)
	return answer{page: "connections", title: "Connections", section: "connectors", data: v}, err
}

// shownField is a field of a connection on its page.
type shownField struct {
	Title, Value string
	Secret       bool
}

type connectionPageView struct {
	connectionView
	PartnerNumber int64
	Shown         []shownField
	Attached      []attachedView
	Attempts      []attemptView
	Outcome       string
	Older, Newest string
	SearchedTo    time.Time
	Checked       *checkResult // nil: it was not checked just now
	Segments      bool         // the connector lists them
}

// attachedView is an audience that is sent by a connection.
type attachedView struct {
	Number     int64
	Audience   string
	Attachment audience.Attachment
}

// checkResult is what the partner says about a connection's credentials.
type checkResult struct{ Wrong string }

func (d *Dashboard) connectionPage(ctx context.Context, q *request) (answer, error) {
	return d.showConnection(ctx, q, nil)
}

func (d *Dashboard) showConnection(ctx context.Context, q *request, checked *checkResult) (answer, error) {
	con, err := d.connection(ctx, q)
	if err != nil {
		return answer{}, err
	}
	def := con.Connector.Definition
	v := connectionPageView{connectionView: con, PartnerNumber: d.Connectors.PartnerNumberOf(def, &con.Value), Checked: checked, Segments: def.HasSegments}
	for _, f := range def.Fields {
		s := shownField{Title: f.Title, Value: con.Value.Fields[f.Name], Secret: f.Secret}
		if _, ok := con.Value.Secrets[f.Name]; ok || s.Value != "" {
			v.Shown = append(v.Shown, s)
		}
	}
	for _, it := range d.Audiences.Audiences(q.who.Tenant) {
		for _, at := range it.Value.Attachments {
			if at.Connection == con.Name {
				v.Attached = append(v.Attached, attachedView{audience.Number(it), it.Value.Name, at})
			}
		}
	}
	if err := d.connectionLog(ctx, q, &v); err != nil {
		return answer{}, err
	}
	return answer{page: "connection", title: con.Value.Name, section: "connectors", data: v}, nil
}

// perConnectionLog is how many requests the page of a connection shows at a time.
const perConnectionLog = 20

// connectionLog reads the latest requests of a connection, or earlier ones.
func (d *Dashboard) connectionLog(ctx context.Context, q *request, v *connectionPageView) error {
	p := q.URL.Query()
	query := delivery.LogQuery{Tenant: q.who.Tenant, Webhook: v.Lane.Number, Limit: perConnectionLog}
	if o, ok := outcomeNames[p.Get("outcome")]; ok {
		v.Outcome, query.Outcomes = p.Get("outcome"), []delivery.Outcome{o}
		leave, err := d.Searches.Enter(ctx, q.who.Tenant)
		if err != nil {
			return err
		}
		defer leave()
	}
	if id, err := event.ParseID(event.AttemptPrefix, p.Get("before")); err == nil {
		query.Before, v.Newest = id, with(p, "before", "")
	}
	list, next, err := d.Ledger.Attempts(ctx, query)
	if err != nil {
		return fmt.Errorf("reading a connection's log: %w", err)
	}
	v.Attempts = d.showAttempts(list)
	if next != 0 {
		v.Older = with(p, "before", next.Public(event.AttemptPrefix))
		if len(list) < perConnectionLog {
			v.SearchedTo = next.Time()
		}
	}
	return nil
}

// connectionCheck asks the partner whether it accepts the credentials.
func (d *Dashboard) connectionCheck(ctx context.Context, q *request) (answer, error) {
	var r checkResult
	if err := d.Connectors.CheckConnection(ctx, q.who.Tenant, q.PathValue("id")); err != nil {
		p := asProblem(err)
		if p.Kind != problem.Invalid && p.Kind != problem.Conflict {
			return answer{}, err
		}
		r.Wrong = strings.TrimPrefix(sentence(reasons(err)), "fields ")
	}
	if q.part {
		return answer{page: "connection", block: "check-result", data: r}, nil
	}
	return d.showConnection(ctx, q, &r)
}

// segmentsShown bounds the segments that a page lists; the search finds the others.
const segmentsShown = 100

// segmentTime bounds how long a page waits for a partner's segments.
const segmentTime = 8 * time.Second

// segmentsView are the segments of a partner.
type segmentsView struct {
	connector.SegmentList
	Query string
	More  int // that match and are not shown
}

// segments returns a partner's segments with a text in them.
func (d *Dashboard) segments(ctx context.Context, q *request, connection, search string, fresh bool) (*segmentsView, error) {
	limited, cancel := context.WithTimeout(ctx, segmentTime)
	defer cancel()
	list, err := d.Connectors.Segments(limited, q.who.Tenant, connection, search, fresh)
	if err != nil {
		return nil, err
	}
	v := &segmentsView{SegmentList: list, Query: search}
	if v.More = len(list.Segments) - segmentsShown; v.More > 0 {
		v.Segments = list.Segments[:segmentsShown]
	}
	return v, nil
}

type segmentsPageView struct {
	connectionView
	List *segmentsView
}

// connectionSegments lists the segments at the partner.
func (d *Dashboard) connectionSegments(ctx context.Context, q *request) (answer, error) {
	con, err := d.connection(ctx, q)
	if err != nil {
		return answer{}, err
	}
	p := q.URL.Query()
	list, err := d.segments(ctx, q, con.Name, strings.TrimSpace(p.Get("q")), p.Get("refresh") != "")
	return answer{page: "segments", title: "Segments", section: "connectors", data: segmentsPageView{con, list}}, err
}

// fieldForm is a field of a connection in its form.
type fieldForm struct {
	connector.Field
	Value  string
	Stored bool // a secret that there is, which stays if nothing is typed
	Wrong  string
}

// ID is the id of the field's control.
func (f fieldForm) ID() string { return "field-" + f.Name }

// connectionForm is the form by which connections are made and changed.
type connectionForm struct {
	ID        string // empty: a new one
	Connector *connectorView
	Choices   []connectorView // of a new one, until one is chosen
	Name      string
	Version   string
	Versions  []string // of a custom connector, to choose from
	Partner   string
	Site      string
	Fields    []fieldForm
	Was       string // the version of the connection that the form was made from
	Changed   bool   // somebody else has saved meanwhile
	Wrong     map[string]string
}

// PartnerHint is the partner number that holds if none is entered.
func (f *connectionForm) PartnerHint() string {
	return strconv.FormatInt(f.Connector.PartnerNumber, 10)
}

func (f *connectionForm) answer(status int) answer {
	a := answer{page: "connection-form", title: "Add connection", section: "connectors", data: f, status: status}
	if f.ID != "" {
		a.title = "Edit connection"
	}
	return a
}

// offer prepares the form for a connector.
func (d *Dashboard) offer(q *request, f *connectionForm, e connector.Entry, it *connector.ConnectionItem) {
	c := d.showConnector(q.who.Tenant, e)
	f.Connector, f.Wrong = &c, make(map[string]string)
	for _, x := range e.Fields {
		field := fieldForm{Field: x, Value: x.Default}
		if it != nil {
			field.Value = it.Value.Fields[x.Name]
			_, field.Stored = it.Value.Secrets[x.Name]
		}
		f.Fields = append(f.Fields, field)
	}
	for _, o := range d.Connectors.List(q.who.Tenant) {
		if o.Connector == e.Connector && !o.Standard && o.State != connector.Draft && (o.State != connector.Retired || it != nil && it.Value.Version == o.Version) {
			f.Versions = append(f.Versions, o.Version)
		}
	}
	slices.Reverse(f.Versions)
}

func (d *Dashboard) connectionNew(_ context.Context, q *request) (answer, error) {
	f := &connectionForm{}
	name := q.URL.Query().Get("connector")
	if name == "" {
		seen := make(map[string]bool)
		for _, e := range d.Connectors.List(q.who.Tenant) {
			if seen[e.Connector] {
				continue
			}
			seen[e.Connector] = true
			if newest, err := d.Connectors.Get(q.who.Tenant, e.Connector, ""); err == nil {
				if c := d.showConnector(q.who.Tenant, newest); c.Connectable() {
					f.Choices = append(f.Choices, c)
				}
			}
		}
		slices.SortStableFunc(f.Choices, func(a, b connectorView) int {
			return strings.Compare(strings.ToLower(a.Title()), strings.ToLower(b.Title()))
		})
		return f.answer(0), nil
	}
	e, err := d.Connectors.Get(q.who.Tenant, name, q.URL.Query().Get("version"))
	if err != nil {
		return answer{}, err
	}
	d.offer(q, f, e, nil)
	f.Name, f.Version = e.Name, e.Version
	return f.answer(0), nil
}

// read takes what was typed. Secrets are not shown again.
func (f *connectionForm) read(q *request) *connector.Change {
	f.Name, f.Partner, f.Site = q.value("name"), q.value("partnerNumber"), q.value("siteNumber")
	ch := &connector.Change{Name: &f.Name, Fields: make(map[string]*string)}
	if v := q.value("version"); slices.Contains(f.Versions, v) {
		f.Version, ch.Version = v, &v
	}
	for _, n := range []struct {
		name, text string
		to         **int64
	}{{"partnerNumber", f.Partner, &ch.PartnerNumber}, {"siteNumber", f.Site, &ch.SiteNumber}} {
		value, err := strconv.ParseInt(cmp.Or(n.text, "0"), 10, 64)
		if err != nil || value < 0 {
			f.Wrong[n.name] = "must be a whole number"
		}
		*n.to = &value
	}
	for i := range f.Fields {
		x := &f.Fields[i]
		if !x.Secret {
			x.Value = strings.ReplaceAll(q.form.Get(x.ID()), "\r\n", "\n")
			if x.Type == "url" || x.Type == "number" {
				x.Value = strings.TrimSpace(x.Value)
			}
			ch.Fields[x.Name] = &x.Value
			continue
		}
		switch typed := q.form.Get(x.ID()); {
		case typed != "":
			ch.Fields[x.Name] = &typed
		case q.form.Get(x.ID()+"-remove") != "":
			ch.Fields[x.Name] = nil
		}
	}
	return ch
}

// refuse notes what a problem says about the form's fields.
func (f *connectionForm) refuse(err error) error {
	p := asProblem(err)
	if p.Kind != problem.Invalid && p.Kind != problem.Conflict && p.Kind != problem.Forbidden {
		return err
	}
	var rest []string
	for _, w := range p.Fields {
		name, of := strings.CutPrefix(w.Name, "fields.")
		i := slices.IndexFunc(f.Fields, func(x fieldForm) bool { return x.Name == name })
		switch {
		case of && i >= 0:
			f.Fields[i].Wrong = w.Reason
		case w.Name == "name" || w.Name == "siteNumber" || w.Name == "partnerNumber":
			f.Wrong[w.Name] = w.Reason
		case w.Name == "fields":
			rest = append(rest, "The credentials "+sentenceEnd(w.Reason))
		default:
			rest = append(rest, sentence(w.Name+" "+w.Reason))
		}
	}
	if len(p.Fields) == 0 {
		rest = append(rest, sentence(p.Detail))
	}
	if len(rest) > 0 {
		f.Wrong[""] = strings.Join(rest, " ")
	}
	return nil
}

func (d *Dashboard) connectionCreate(ctx context.Context, q *request) (answer, error) {
	e, err := d.Connectors.Get(q.who.Tenant, q.value("connector"), q.value("version"))
	if err != nil {
		return answer{}, err
	}
	f := &connectionForm{}
	d.offer(q, f, e, nil)
	ch := f.read(q)
	if len(f.Wrong) > 0 {
		return f.answer(422), nil
	}
	it, err := d.Connectors.CreateConnection(ctx, q.who, e.Connector, ch)
	if err != nil {
		return f.answer(422), f.refuse(err)
	}
	return answer{to: q.path("connections", it.Name)}, nil
}

// connectionForm is the form of the connection that the address names.
func (d *Dashboard) connectionForm(q *request) (*connectionForm, *connector.ConnectionItem, error) {
	it, err := d.Connectors.Connection(q.who.Tenant, q.PathValue("id"))
	if err != nil {
		return nil, nil, err
	}
	e, err := d.Connectors.DefinitionOf(q.who.Tenant, &it.Value)
	if err != nil {
		return nil, nil, err
	}
	f := &connectionForm{ID: it.Name, Name: it.Value.Name, Version: it.Value.Version, Site: strconv.FormatInt(it.Value.SiteNumber, 10), Was: strconv.FormatInt(it.Version, 10)}
	if it.Value.PartnerNumber != 0 {
		f.Partner = strconv.FormatInt(it.Value.PartnerNumber, 10)
	}
	d.offer(q, f, e, it)
	return f, it, nil
}

func (d *Dashboard) connectionEdit(_ context.Context, q *request) (answer, error) {
	f, _, err := d.connectionForm(q)
	if err != nil {
		return answer{}, err
	}
	return f.answer(0), nil
}

func (d *Dashboard) connectionSave(ctx context.Context, q *request) (answer, error) {
	f, it, err := d.connectionForm(q)
	if err != nil {
		return answer{}, err
	}
	ch := f.read(q)
	if len(f.Wrong) > 0 {
		return f.answer(422), nil
	}
	if f.Changed = q.value("was") != f.Was; f.Changed {
		return f.answer(409), nil
	}
	if _, err := d.Connectors.UpdateConnection(ctx, q.who, it.Name, ch); err != nil {
		return f.answer(422), f.refuse(err)
	}
	return answer{to: q.path("connections", it.Name)}, nil
}

type connectionDeleteView struct {
	connectionView
	Typed, Wrong string
	Attached     int
}

func (d *Dashboard) connectionDeletePage(ctx context.Context, q *request) (answer, error) {
	con, err := d.connection(ctx, q)
	return answer{page: "connection-delete", title: "Delete connection", section: "connectors", data: connectionDeleteView{connectionView: con, Attached: con.Uses}}, err
}

// connectionDelete removes a connection, once its name was typed.
func (d *Dashboard) connectionDelete(ctx context.Context, q *request) (answer, error) {
	a, err := d.connectionDeletePage(ctx, q)
	if err != nil {
		return answer{}, err
	}
	v := a.data.(connectionDeleteView)
	v.Typed = q.value("name")
	v.Wrong, err = deleteTyped(v.Typed, strings.TrimSpace(v.Value.Name), "name of the connection", func() error { return d.Connectors.DeleteConnection(ctx, q.who, v.ConnectionItem.Name) })
	if err != nil {
		return answer{}, err
	}
	if v.Wrong == "" {
		return answer{to: q.path("connections")}, nil
	}
	a.data, a.status = v, 422
	return a, nil
}
