package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/chart"
	"github.com/relay-events/relay/internal/problem"
)

const (
	perAudiencePage = 25 // the members of each are counted
	perMemberPage   = 25
)

// audienceView is an audience as pages show it.
type audienceView struct {
	*audience.Item
	Number  int64
	Members int64
}

// partnerView is an attachment with what people call its connection.
type partnerView struct {
	audience.Attachment
	Partner   string // the connection's name
	Connector string // its connector's name
	Shown     state
	Counts    partnerCounts
	Message   bool // entries are sent, and no list is kept
	Blank     bool // the External ID begins or ends with a blank, which people rarely mean
}

// partnerCounts is how many profiles stand how at a partner.
type partnerCounts struct {
	There, Waiting, Refused, Held int64
	Bars                          []chart.Rect
	States                        map[audience.State]int64
	Sum                           int64
}

// Spoken is what a screen reader says in place of the bar.
func (c partnerCounts) Spoken() string {
	return fmt.Sprintf("%d sent, %d on their way, %d refused, %d not sent", c.There, c.Waiting, c.Refused, c.Held)
}

// count sums the states up as people ask for them: is it there, is it coming, was it refused, or is it not to go.
func count(states map[audience.State]int64) partnerCounts {
	c := partnerCounts{
		States:  states,
		There:   states[audience.Synced] + states[audience.Kept],
		Waiting: states[audience.PendingAdd] + states[audience.PendingUpdate] + states[audience.PendingRemove] + states[audience.SendingState],
		Refused: states[audience.Rejected], Held: states[audience.Suppressed] + states[audience.Skipped],
	}
	c.Sum = c.There + c.Waiting + c.Refused + c.Held
	c.Bars = chart.Line([]chart.Part{{Class: "c-ok", Size: float64(c.There)}, {Class: "c-warn", Size: float64(c.Waiting)}, {Class: "c-bad", Size: float64(c.Refused)}, {Class: "c-none", Size: float64(c.Held)}})
	return c
}

// partner completes an attachment for a page.
func (d *Dashboard) partner(ctx context.Context, q *request, number int64, at audience.Attachment) (partnerView, error) {
	v := partnerView{Attachment: at, Partner: d.Audiences.ConnectionName(q.who.Tenant, at.Connection), Shown: state{Class: "ok", Word: "active"}}
	v.Blank = at.ExternalID != strings.TrimSpace(at.ExternalID)
	switch {
	case at.Leaving != "":
		v.Shown = state{Class: "warn", Word: "detaching"}
	case at.Paused:
		v.Shown = state{Word: "paused"}
	}
	if con, err := d.Connectors.Connection(q.who.Tenant, at.Connection); err == nil {
		if e, err := d.Connectors.DefinitionOf(q.who.Tenant, &con.Value); err == nil {
			v.Connector, v.Message = e.Name, e.Kind == "message"
			if reason := e.CheckExternalID(at.ExternalID); reason != "" {
				v.Shown = state{"bad", "cannot send", "The External ID " + sentenceEnd(reason)}
			}
		}
	}
	states, err := d.Audiences.Counts(ctx, q.who.Tenant, number, at.ID)
	if problem.KindOf(err) == problem.NotFound {
		err = nil // it was detached just now
	}
	if err != nil {
		return v, fmt.Errorf("counting where profiles stand: %w", err)
	}
	v.Counts = count(states)
	return v, nil
}

type audienceListView struct {
	Tab       string
	Audiences []audienceRow
	Query     string
	All       int
	Limit     limit
	MayEdit   bool
	pager
}

type audienceRow struct {
	audienceView
	Partners []string
	More     int
}

func (d *Dashboard) audienceLimit(q *request) limit {
	return d.limit(q.who.Tenant, account.LimitAudiences, int64(len(d.Audiences.Audiences(q.who.Tenant))))
}

func (d *Dashboard) audienceList(ctx context.Context, q *request) (answer, error) {
	params := q.URL.Query()
	v := audienceListView{Tab: "audiences", Query: strings.TrimSpace(params.Get("q")), Limit: d.audienceLimit(q), MayEdit: q.who.Allows(access.EditRespondents)}
	all := d.Audiences.Audiences(q.who.Tenant)
	v.All = len(all)
	var found []*audience.Item
	for _, it := range all {
		if v.Query == "" || mentions(v.Query, it.Value.Name, it.Name) {
			found = append(found, it)
		}
	}
	found, v.pager = paged(found, params, perAudiencePage)
	for _, it := range found {
		row := audienceRow{audienceView: audienceView{Item: it, Number: audience.Number(it)}}
		var err error
		if row.Members, err = d.Audiences.MemberCount(ctx, q.who.Tenant, row.Number); err != nil {
			return answer{}, fmt.Errorf("counting members: %w", err)
		}
		for i, at := range it.Value.Attachments {
			if i == 3 {
				row.More = len(it.Value.Attachments) - 3
				break
			}
			row.Partners = append(row.Partners, d.Audiences.ConnectionName(q.who.Tenant, at.Connection))
		}
		v.Audiences = append(v.Audiences, row)
	}
	return answer{page: "audiences", title: "Audiences", section: "audiences", data: v}, nil
}

// audience returns the audience that the address names.
func (d *Dashboard) audience(ctx context.Context, q *request) (audienceView, error) {
	number, err := strconv.ParseInt(q.PathValue("number"), 10, 64)
	if err != nil {
		return audienceView{}, problem.New(problem.NotFound, "an audience has a number")
	}
	it, err := d.Audiences.Audience(q.who.Tenant, number)
	if err != nil {
		return audienceView{}, problem.New(problem.NotFound, "there is no such audience; it may have been deleted")
	}
	v := audienceView{Item: it, Number: number}
	v.Members, err = d.Audiences.MemberCount(ctx, q.who.Tenant, number)
	return v, err
}

// NumberText is the number as addresses have it.
func (v audienceView) NumberText() string { return strconv.FormatInt(v.Number, 10) }

// Title is what people call the audience.
func (v audienceView) Title() string { return v.Value.Name }

type audiencePageView struct {
	audienceView
	Partners []partnerView
	List     []audience.Member
	Query    string
	Older    string
	First    string // the first page, if this is another one
	Imports  []importView
	Data     *body
	MayEdit  bool
	Form     memberForm
	Left     string // a profile that has just left
}

// memberForm is the form that puts one profile into an audience.
type memberForm struct {
	Profile, Partner, Identifier, Variables string
	Wrong                                   map[string]string
}

func (d *Dashboard) audiencePage(ctx context.Context, q *request) (answer, error) {
	return d.showAudience(ctx, q, memberForm{}, 0)
}

func (d *Dashboard) showAudience(ctx context.Context, q *request, form memberForm, status int) (answer, error) {
	a, err := d.audience(ctx, q)
	if err != nil {
		return answer{}, err
	}
	params := q.URL.Query()
	v := audiencePageView{audienceView: a, Query: strings.TrimSpace(params.Get("q")), MayEdit: q.who.Allows(access.EditRespondents), Form: form}
	if data := a.Value.Data; len(data) > 0 && string(data) != "{}" {
		v.Data = showBody(data, "application/json", false, int64(len(data)))
	}
	for _, at := range a.Value.Attachments {
		p, err := d.partner(ctx, q, a.Number, at)
		if err != nil {
			return answer{}, err
		}
		v.Partners = append(v.Partners, p)
	}
	var more bool
	if v.List, more, err = d.members(ctx, q, a.Number, v.Query, params.Get("after")); err != nil {
		return answer{}, err
	}
	if more {
		v.Older = with(params, "after", v.List[len(v.List)-1].Profile) + "#members"
	}
	if params.Get("after") != "" {
		v.First = with(params, "after", "") + "#members"
	}
	tasks, err := d.Audiences.Tasks(ctx, q.who.Tenant, a.Number)
	if err != nil {
		return answer{}, fmt.Errorf("listing imports: %w", err)
	}
	for i := range tasks {
		if tasks[i].Kind == audience.ImportTask && len(v.Imports) < 5 {
			v.Imports = append(v.Imports, showImport(&tasks[i]))
		}
	}
	return answer{page: "audience", title: a.Value.Name, section: "audiences", data: v, status: status}, nil
}

// members returns the members of an audience whose ids begin with a text, behind a profile.
func (d *Dashboard) members(ctx context.Context, q *request, number int64, begin, after string) (list []audience.Member, more bool, err error) {
	tenant := q.who.Tenant
	if begin != "" && after == "" {
		// The list continues behind an id: the one that is the text itself would be passed over.
		if s, err := d.Audiences.Standing(ctx, tenant, begin); err == nil {
			for _, m := range s.Members {
				if m.Audience == number {
					list = append(list, m)
				}
			}
		} else if problem.KindOf(err) != problem.NotFound {
			return nil, false, err
		}
	}
	page, err := d.Audiences.Members(ctx, tenant, number, max(begin, after), perMemberPage+1)
	if err != nil {
		return nil, false, err
	}
	for _, m := range page {
		if !strings.HasPrefix(m.Profile, begin) {
			return list, false, nil
		}
		if len(list) == perMemberPage {
			return list, true, nil
		}
		list = append(list, m)
	}
	return list, false, nil
}

// audienceForm is the form by which audiences are made and changed.
type audienceForm struct {
	Number string
	Name   string
	Data   string
	New    bool
	Limit  limit
	Wrong  map[string]string
}

func (f *audienceForm) answer(status int) answer {
	a := answer{page: "audience-form", title: "Edit audience", section: "audiences", data: f, status: status}
	if f.New {
		a.title = "Create audience"
	}
	return a
}

func (d *Dashboard) audienceNew(_ context.Context, q *request) (answer, error) {
	next := int64(100)
	for _, it := range d.Audiences.Audiences(q.who.Tenant) {
		next = max(next, audience.Number(it))
	}
	f := &audienceForm{Number: strconv.FormatInt(next+1, 10), New: true, Limit: d.audienceLimit(q), Wrong: map[string]string{}}
	return f.answer(0), nil
}

func (f *audienceForm) read(q *request) json.RawMessage {
	f.Name, f.Data, f.Wrong = q.value("name"), q.value("data"), make(map[string]string)
	if f.Data == "" {
		return nil
	}
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(f.Data), &object) != nil || object == nil {
		f.Wrong["data"] = `must be a JSON object, such as {"campaign": "spring"}`
	}
	return json.RawMessage(f.Data)
}

func (d *Dashboard) audienceCreate(ctx context.Context, q *request) (answer, error) {
	f := &audienceForm{Number: q.value("number"), New: true, Limit: d.audienceLimit(q)}
	data := f.read(q)
	number, err := strconv.ParseInt(f.Number, 10, 64)
	if err != nil {
		f.Wrong["number"] = "must be a whole number"
	}
	if len(f.Wrong) > 0 {
		return f.answer(422), nil
	}
	it, err := d.Audiences.Create(ctx, q.who, number, audience.Audience{Name: f.Name, Data: data})
	if err != nil {
		if problem.KindOf(err) == problem.Conflict {
			f.Wrong["number"] = "is that of another audience"
			return f.answer(409), nil
		}
		if problem.KindOf(err) == problem.PlanLimit {
			f.Wrong[""] = sentence(asProblem(err).Detail)
			return f.answer(403), nil
		}
		return f.answer(422), refuseFields(err, f.Wrong, "number", "name", "data")
	}
	return answer{to: q.path("audiences", it.Name)}, nil
}

func (d *Dashboard) audienceEdit(ctx context.Context, q *request) (answer, error) {
	v, err := d.audience(ctx, q)
	if err != nil {
		return answer{}, err
	}
	f := &audienceForm{Number: v.NumberText(), Name: v.Value.Name, Data: string(v.Value.Data), Wrong: map[string]string{}}
	return f.answer(0), nil
}

func (d *Dashboard) audienceSave(ctx context.Context, q *request) (answer, error) {
	v, err := d.audience(ctx, q)
	if err != nil {
		return answer{}, err
	}
	f := &audienceForm{Number: v.NumberText()}
	data := f.read(q)
	if len(f.Wrong) > 0 {
		return f.answer(422), nil
	}
	_, err = d.Audiences.Update(ctx, q.who, v.Number, func(a *audience.Audience) { a.Name, a.Data = f.Name, data })
	if err != nil {
		return f.answer(422), refuseFields(err, f.Wrong, "name", "data")
	}
	return answer{to: q.path("audiences", f.Number)}, nil
}

type audienceDeleteView struct {
	audienceView
	Typed, Wrong string
}

func (d *Dashboard) audienceDeletePage(ctx context.Context, q *request) (answer, error) {
	v, err := d.audience(ctx, q)
	return answer{page: "audience-delete", title: "Delete audience", section: "audiences", data: audienceDeleteView{audienceView: v}}, err
}

// audienceDelete removes an audience, once its number was typed.
func (d *Dashboard) audienceDelete(ctx context.Context, q *request) (answer, error) {
	a, err := d.audienceDeletePage(ctx, q)
	if err != nil {
		return answer{}, err
	}
	v := a.data.(audienceDeleteView)
	v.Typed = q.value("number")
	v.Wrong, err = deleteTyped(v.Typed, v.NumberText(), "number of the audience", func() error { return d.Audiences.Delete(ctx, q.who, v.Number) })
	if err != nil {
		return answer{}, err
	}
	if v.Wrong == "" {
		return answer{to: q.path("audiences")}, nil
	}
	a.data, a.status = v, 422
	return a, nil
}

// deleteTyped deletes a thing of which something was typed to confirm that, and returns why it is still there.
func deleteTyped(typed, want, what string, remove func() error) (wrong string, err error) {
	if typed != want {
		return "This is not the " + what + ".", nil
	}
	if err = remove(); problem.KindOf(err) == problem.Conflict {
		return sentence(asProblem(err).Detail), nil
	}
	return "", err
}

// memberEnter puts one profile into an audience.
func (d *Dashboard) memberEnter(ctx context.Context, q *request) (answer, error) {
	v, err := d.audience(ctx, q)
	if err != nil {
		return answer{}, err
	}
	f := memberForm{Profile: q.value("profileId"), Partner: q.value("partnerNumber"), Identifier: q.value("identifier"), Variables: q.value("variables"), Wrong: make(map[string]string)}
	in := &audience.Input{}
	if f.Identifier != "" {
		if _, err := strconv.ParseUint(f.Partner, 10, 63); err != nil {
			f.Wrong["partnerNumber"] = "must be the partner number of the identifier"
		}
		in.PartnerIDs = map[string][]string{f.Partner: {f.Identifier}}
		// One identifier is added: the profile keeps those it has.
		if s, err := d.Audiences.Standing(ctx, q.who.Tenant, f.Profile); err == nil {
			for number, list := range s.Profile.PartnerIDs {
				in.PartnerIDs[number] = append(append([]string(nil), list...), in.PartnerIDs[number]...)
			}
		}
	}
	if f.Variables != "" {
		in.Variables = json.RawMessage(f.Variables)
		var object map[string]json.RawMessage
		if json.Unmarshal(in.Variables, &object) != nil || object == nil {
			f.Wrong["variables"] = `must be a JSON object, such as {"email": "ann@example.com"}`
		}
	}
	if len(f.Wrong) == 0 {
		if err = d.Audiences.Enter(ctx, q.who.Tenant, v.Number, f.Profile, in); err == nil {
			return answer{to: q.path("audiences", v.NumberText()) + "?q=" + escapeQuery(f.Profile) + "#members"}, nil
		}
		if err := refuseFields(err, f.Wrong, "profileId", "variables"); err != nil {
			return answer{}, err
		}
	}
	return d.showAudience(ctx, q, f, 422)
}

// memberLeave takes one profile out of an audience.
func (d *Dashboard) memberLeave(ctx context.Context, q *request) (answer, error) {
	v, err := d.audience(ctx, q)
	if err != nil {
		return answer{}, err
	}
	if _, err := d.Audiences.Leave(ctx, q.who.Tenant, v.Number, q.form.Get("profileId")); err != nil {
		return answer{}, err
	}
	if q.value("from") == "profile" {
		return answer{to: q.path("profiles", q.form.Get("profileId"))}, nil
	}
	return answer{to: q.path("audiences", v.NumberText()) + "#members"}, nil
}
