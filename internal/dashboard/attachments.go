package dashboard

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/problem"
)

// escapeQuery escapes a value in an address.
func escapeQuery(s string) string { return url.QueryEscape(s) }

// attachForm is the form by which an audience is attached to a partner, and by which an attachment is changed.
type attachForm struct {
	audienceView
	At          *partnerView // that is changed; nil: a new one
	Connections []connectionLink
	Connection  string
	Partner     string
	Definition  *connector.Definition // of the connection; nil: none is chosen yet
	ExternalID  string
	OnUpdate    bool
	Purpose     string
	Leaving     string // what becomes of those at the partner, if the External ID changes
	Segments    *segmentsView
	Unlisted    string // why there are no segments to choose from
	Typed       bool   // the External ID is none of the segments shown
	Wrong       map[string]string
}

// UsesID reports whether the connector wants an External ID or a segment.
func (f *attachForm) UsesID() bool {
	return f.Definition != nil && f.Definition.ExternalID.Use != connector.ExternalIDUnused
}

func (f *attachForm) answer(status int) answer {
	a := answer{page: "attach", title: "Attach to a partner", section: "audiences", data: f, status: status}
	if f.At != nil {
		a.title = "Change attachment"
	}
	return a
}

// attachForm prepares the form for the audience that the address names.
func (d *Dashboard) attachForm(ctx context.Context, q *request) (*attachForm, error) {
	v, err := d.audience(ctx, q)
	if err != nil {
		return nil, err
	}
	f := &attachForm{audienceView: v, Wrong: make(map[string]string), Leaving: string(audience.RemoveThere)}
	for _, it := range d.Connectors.Connections(q.who.Tenant) {
		f.Connections = append(f.Connections, connectionLink{it.Name, it.Value.Name})
	}
	return f, nil
}

// choose fetches what a connection offers: its partner's segments, where its connector lists them.
func (d *Dashboard) choose(ctx context.Context, q *request, f *attachForm, connection string) error {
	con, err := d.Connectors.Connection(q.who.Tenant, connection)
	if err != nil {
		return err
	}
	e, err := d.Connectors.DefinitionOf(q.who.Tenant, &con.Value)
	if err != nil {
		return err
	}
	f.Connection, f.Partner, f.Definition = con.Name, con.Value.Name, e.Definition
	if !e.HasSegments || !f.UsesID() {
		return nil
	}
	p := q.URL.Query()
	list, err := d.segments(ctx, q, connection, strings.TrimSpace(p.Get("q")), p.Get("refresh") != "")
	if err != nil {
		return err
	}
	f.Segments = list
	if f.Typed = f.ExternalID != ""; f.Typed {
		for _, s := range list.Segments {
			f.Typed = f.Typed && s.ID != f.ExternalID
		}
	}
	if f.Unlisted = list.Problem; f.Unlisted == "" && len(list.Segments) == 0 && list.Query == "" {
		f.Unlisted = "The partner has no segments."
	}
	return nil
}

func (d *Dashboard) attachPage(ctx context.Context, q *request) (answer, error) {
	f, err := d.attachForm(ctx, q)
	if err != nil {
		return answer{}, err
	}
	connection := q.URL.Query().Get("connection")
	if connection == "" && len(f.Connections) == 1 {
		connection = f.Connections[0].ID
	}
	if connection != "" {
		if err := d.choose(ctx, q, f, connection); err != nil {
			return answer{}, err
		}
	}
	return f.answer(0), nil
}

// read takes what was typed. The External ID stays byte for byte: what is typed goes before what is chosen.
func (f *attachForm) read(q *request) {
	f.OnUpdate, f.Purpose = q.value("onUpdate") != "", q.value("consentPurpose")
	if f.ExternalID = q.form.Get("externalId"); f.ExternalID == "" {
		f.ExternalID = q.form.Get("segment")
	}
	if q.value("members") == string(audience.KeepThere) {
		f.Leaving = string(audience.KeepThere)
	}
}

func (d *Dashboard) attach(ctx context.Context, q *request) (answer, error) {
	f, err := d.attachForm(ctx, q)
	if err != nil {
		return answer{}, err
	}
	f.read(q)
	at, err := d.Audiences.Attach(ctx, q.who, f.Number, audience.Attachment{Connection: q.value("connection"), ExternalID: f.ExternalID, OnUpdate: f.OnUpdate, ConsentPurpose: f.Purpose})
	if err == nil {
		return answer{to: q.path("audiences", f.NumberText(), "attachments", at.ID)}, nil
	}
	if err := refuseFields(err, f.Wrong, "externalId", "connection", "consentPurpose"); err != nil {
		return answer{}, err
	}
	if err := d.choose(ctx, q, f, q.value("connection")); err != nil && problem.KindOf(err) != problem.NotFound {
		return answer{}, err
	}
	return f.answer(422), nil
}

// perStandingPage is how many profiles the page of an attachment shows.
const perStandingPage = 50

// standingState is a state of profiles at a partner, as people read it.
type standingState struct {
	State audience.State
	Shown state
}

var standingStates = []standingState{
	{audience.Synced, state{Class: "ok", Word: "sent"}}, {audience.PendingAdd, state{Class: "warn", Word: "to be sent"}}, {audience.PendingUpdate, state{Class: "warn", Word: "to be updated"}},
	{audience.PendingRemove, state{Class: "warn", Word: "to be removed"}}, {audience.SendingState, state{Class: "warn", Word: "under way"}}, {audience.Rejected, state{Class: "bad", Word: "rejected"}},
	{audience.Skipped, state{Word: "left out"}}, {audience.Suppressed, state{Word: "held back"}}, {audience.Kept, state{Word: "kept there"}},
}

func shownStanding(s audience.State) state {
	for _, x := range standingStates {
		if x.State == s {
			return x.Shown
		}
	}
	return state{Word: "not there"}
}

// standingRow is where a profile stands at a partner.
type standingRow struct {
	audience.Row
	Shown state
	Why   string
	At    time.Time
}

func showStanding(r audience.Row) standingRow {
	return standingRow{Row: r, Shown: shownStanding(r.Sync.State), Why: r.Sync.Words, At: r.Sync.At}
}

// standingCount is a state with how many profiles are in it.
type standingCount struct {
	standingState
	Count int64
	Here  bool
}

type attachmentPageView struct {
	audienceView
	At       partnerView
	Counts   []standingCount
	Rows     []standingRow
	State    audience.State
	Older    string
	First    string
	Asked    string // a profile that was asked about
	Explain  *explainView
	WrongAsk string
	MayEdit  bool
}

// explainView says why a profile is at a partner, or why it is not.
type explainView struct {
	*audience.Explanation
	Shown state
}

// attachment returns the audience and the attachment that the address names.
func (d *Dashboard) attachment(ctx context.Context, q *request) (audienceView, partnerView, error) {
	v, err := d.audience(ctx, q)
	if err != nil {
		return v, partnerView{}, err
	}
	for _, at := range v.Value.Attachments {
		if at.ID == q.PathValue("id") {
			p, err := d.partner(ctx, q, v.Number, at)
			return v, p, err
		}
	}
	return v, partnerView{}, problem.New(problem.NotFound, "the audience is not attached so; it may have been detached")
}

func (d *Dashboard) attachmentPage(ctx context.Context, q *request) (answer, error) {
	a, at, err := d.attachment(ctx, q)
	if err != nil {
		return answer{}, err
	}
	p := q.URL.Query()
	v := attachmentPageView{audienceView: a, At: at, Asked: p.Get("profile"), MayEdit: q.who.Allows(access.EditRespondents)}
	for _, s := range standingStates {
		if string(s.State) == p.Get("state") {
			v.State = s.State
		}
	}
	for _, s := range standingStates {
		if n := at.Counts.States[s.State]; n > 0 || s.State == v.State || s.State == audience.Synced || s.State == audience.Rejected {
			v.Counts = append(v.Counts, standingCount{s, n, s.State == v.State})
		}
	}
	entry, _ := strconv.ParseInt(p.Get("entry"), 10, 64)
	rows, err := d.Audiences.Rows(ctx, q.who.Tenant, a.Number, at.ID, v.State, p.Get("after"), entry, perStandingPage+1)
	if err != nil {
		return answer{}, err
	}
	for i, r := range rows {
		if i == perStandingPage {
			last := rows[i-1]
			p.Set("entry", strconv.FormatInt(last.Entry, 10))
			v.Older = with(p, "after", last.Profile)
			break
		}
		v.Rows = append(v.Rows, showStanding(r))
	}
	if p.Get("after") != "" {
		p.Del("entry")
		v.First = with(p, "after", "")
	}
	if v.Asked != "" {
		e, err := d.Audiences.Explain(ctx, q.who.Tenant, a.Number, at.ID, v.Asked)
		switch {
		case problem.KindOf(err) == problem.NotFound:
			v.WrongAsk = "There is no profile with this id. Ids are compared exactly."
		case err != nil:
			return answer{}, err
		default:
			x := explainView{Explanation: e, Shown: state{Word: "not there"}}
			if e.Row != nil {
				x.Shown = shownStanding(e.Row.Sync.State)
			}
			v.Explain = &x
		}
	}
	return answer{page: "attachment", title: at.Partner, section: "audiences", data: v}, nil
}

// attachmentDo pauses an attachment, goes on with it, or has what was rejected tried again.
func (d *Dashboard) attachmentDo(ctx context.Context, q *request) (answer, error) {
	a, at, err := d.attachment(ctx, q)
	if err != nil {
		return answer{}, err
	}
	paused := q.value("do") == "pause" // resuming tries what was rejected again, too
	if _, err := d.Audiences.ChangeAttachment(ctx, q.who, a.Number, at.ID, &audience.AttachmentChange{Paused: &paused}); err != nil {
		return answer{}, err
	}
	return answer{to: q.path("audiences", a.NumberText(), "attachments", at.ID)}, nil
}

// changeForm is the form for the attachment that the address names.
func (d *Dashboard) changeForm(ctx context.Context, q *request) (*attachForm, error) {
	f, err := d.attachForm(ctx, q)
	if err != nil {
		return nil, err
	}
	_, at, err := d.attachment(ctx, q)
	if err != nil {
		return nil, err
	}
	f.At, f.ExternalID, f.OnUpdate, f.Purpose = &at, at.ExternalID, at.OnUpdate, at.ConsentPurpose
	return f, nil
}

func (d *Dashboard) attachmentEdit(ctx context.Context, q *request) (answer, error) {
	f, err := d.changeForm(ctx, q)
	if err == nil {
		err = d.choose(ctx, q, f, f.At.Connection)
	}
	if err != nil {
		return answer{}, err
	}
	return f.answer(0), nil
}

func (d *Dashboard) attachmentSave(ctx context.Context, q *request) (answer, error) {
	f, err := d.changeForm(ctx, q)
	if err != nil {
		return answer{}, err
	}
	f.read(q)
	change := audience.AttachmentChange{OnUpdate: &f.OnUpdate, ExternalID: &f.ExternalID, Leaving: audience.Leaving(f.Leaving)}
	if f.Purpose != f.At.ConsentPurpose {
		change.ConsentPurpose = &f.Purpose
	}
	id, err := d.Audiences.ChangeAttachment(ctx, q.who, f.Number, f.At.ID, &change)
	if err == nil {
		return answer{to: q.path("audiences", f.NumberText(), "attachments", id)}, nil
	}
	if err := refuseFields(err, f.Wrong, "externalId", "consentPurpose"); err != nil {
		return answer{}, err
	}
	return f.answer(422), d.choose(ctx, q, f, f.At.Connection)
}

type detachView struct {
	audienceView
	At partnerView
}

func (d *Dashboard) detachPage(ctx context.Context, q *request) (answer, error) {
	a, at, err := d.attachment(ctx, q)
	return answer{page: "detach", title: "Detach", section: "audiences", data: detachView{a, at}}, err
}

func (d *Dashboard) detach(ctx context.Context, q *request) (answer, error) {
	a, at, err := d.attachment(ctx, q)
	if err != nil {
		return answer{}, err
	}
	how := audience.RemoveThere
	if q.value("members") == string(audience.KeepThere) {
		how = audience.KeepThere
	}
	if err := d.Audiences.Detach(ctx, q.who, a.Number, at.ID, how); err != nil {
		return answer{}, err
	}
	return answer{to: q.path("audiences", a.NumberText())}, nil
}
