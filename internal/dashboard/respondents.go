package dashboard

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/problem"
)

// respondentStates are the states in the order of the way through the gate.
var respondentStates = []struct {
	state gate.State
	shown state
}{
	{gate.Pending, state{Class: "warn", Word: "pending"}}, {gate.Stored, state{Class: "ok", Word: "stored"}}, {gate.Forwarded, state{Class: "ok", Word: "forwarded"}},
	{gate.Rejected, state{Word: "rejected"}}, {gate.Held, state{Class: "bad", Word: "held"}}, {gate.Discarded, state{Word: "discarded"}},
}

// respondentView is a respondent in a list.
type respondentView struct {
	*gate.Respondent
	PublicID string
	Shown    state
}

type respondentListView struct {
	Respondents    []respondentView
	Funnel         []funnelPart
	State, Query   string
	Campaign       string
	Older, Newest  string
	Wrong          string
	Filtered       bool
	GateOn, MaySee bool
}

// funnelPart is a state with how many respondents are in it, counted up to a bound.
type funnelPart struct {
	Word  string
	Count int64
	Here  bool
}

func showRespondent(r *gate.Respondent) respondentView {
	v := respondentView{Respondent: r, PublicID: r.Public()}
	for _, s := range respondentStates {
		if s.state == r.State {
			v.Shown = s.shown
		}
	}
	return v
}

func (d *Dashboard) respondentList(ctx context.Context, q *request) (answer, error) {
	p := q.URL.Query()
	v := respondentListView{State: p.Get("state"), Query: strings.TrimSpace(p.Get("q")), Campaign: strings.TrimSpace(p.Get("campaign")), GateOn: d.Gate.View(q.who.Tenant).Enabled}
	v.Filtered = v.Query != "" || v.Campaign != ""
	query := gate.Query{Tenant: q.who.Tenant, State: gate.Stored, Text: strings.ToLower(v.Query), Limit: perLogPage}
	if d.Gate.View(q.who.Tenant).Enabled {
		query.State = gate.Pending
	}
	for _, s := range respondentStates {
		if s.shown.Word == v.State {
			query.State = s.state
		}
	}
	for _, s := range respondentStates {
		n, err := d.Gate.Count(ctx, q.who.Tenant, s.state)
		if err != nil {
			return answer{}, fmt.Errorf("counting respondents: %w", err)
		}
		v.Funnel = append(v.Funnel, funnelPart{s.shown.Word, n, s.state == query.State})
	}
	if v.Campaign != "" {
		n, err := strconv.ParseInt(v.Campaign, 10, 64)
		if err != nil || n < 1 {
			v.Wrong = "A campaign's id is a whole number."
		}
		query.Campaign = n
	}
	if id, err := event.ParseID(gate.RespondentPrefix, p.Get("before")); err == nil {
		query.Before = id
		v.Newest = with(p, "before", "")
	}
	a := answer{page: "respondents", title: "Respondents", section: "respondents"}
	if v.Wrong != "" {
		a.data, a.status = v, 422
		return a, nil
	}
	if query.Text != "" {
		leave, err := d.Searches.Enter(ctx, q.who.Tenant)
		if err != nil {
			return answer{}, err
		}
		defer leave()
	}
	list, next, err := d.Gate.Respondents(ctx, query)
	if err != nil {
		return answer{}, fmt.Errorf("listing respondents: %w", err)
	}
	for i := range list {
		v.Respondents = append(v.Respondents, showRespondent(&list[i]))
	}
	if next != 0 {
		v.Older = with(p, "before", next.Public(gate.RespondentPrefix))
	}
	a.data = v
	return a, nil
}

type respondentPageView struct {
	respondentView
	Payload            *body
	MayRetry, MayErase bool
	Received           time.Time
}

func (d *Dashboard) respondentPage(ctx context.Context, q *request) (answer, error) {
	r, err := d.Gate.Respondent(ctx, q.who.Tenant, q.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	may := q.who.Allows(access.EditRespondents)
	v := respondentPageView{respondentView: showRespondent(&r), Payload: showBody(r.Payload, "application/json", false, int64(len(r.Payload))), MayRetry: may && r.State == gate.Held, MayErase: may}
	return answer{page: "respondent", title: "Respondent " + r.Public(), section: "respondents", data: v}, nil
}

func (d *Dashboard) respondentRetry(ctx context.Context, q *request) (answer, error) {
	if _, err := d.Gate.Retry(ctx, q.who, q.PathValue("id")); err != nil {
		return answer{}, err
	}
	return answer{to: q.path("respondents", q.PathValue("id"))}, nil
}

// respondentErase removes a respondent for good, once the form says that it is meant.
func (d *Dashboard) respondentErase(ctx context.Context, q *request) (answer, error) {
	if q.value("sure") == "" {
		return answer{}, problem.InvalidField("sure", "must be ticked: an erased respondent does not come back")
	}
	if err := d.Gate.Erase(ctx, q.who, q.PathValue("id")); err != nil {
		return answer{}, err
	}
	return answer{to: q.path("respondents")}, nil
}
