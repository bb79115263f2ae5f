package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/journey"
	"github.com/relay-events/relay/internal/problem"
)

const (
	perJourneyPage = 25 // the profiles in each are counted
	perRunPage     = 25
)

// journeyView is a journey as pages show it.
type journeyView struct {
	*journey.Item
	Number int64
	Shown  state
	Places []journey.Place
	Counts journeyCounts
}

// journeyCounts is how many profiles a journey has, and has had as far as it remembers.
type journeyCounts struct{ Entered, Inside, Failed, Done, Exited int64 }

var journeyModes = map[journey.Mode]state{
	journey.Live: {Class: "ok", Word: "live"}, journey.Paused: {Word: "paused"}, journey.Draining: {Class: "warn", Word: "draining"}, journey.Stopped: {Class: "bad", Word: "stopped"},
}

// NumberText is the number as addresses have it.
func (v journeyView) NumberText() string { return v.Name }

// Title is what people call the journey.
func (v journeyView) Title() string { return v.Value.Current().Definition().Name }

// Current is the number of the version of those who enter.
func (v journeyView) Current() int { return v.Value.Current().Number }

// Older is how many profiles are inside of versions before the current one.
func (v journeyView) Older() (n int64) {
	for _, p := range v.Places {
		if p.Version != v.Current() {
			n += p.Count
		}
	}
	return n
}

func (d *Dashboard) showJourney(ctx context.Context, it *journey.Item) (journeyView, error) {
	v := journeyView{Item: it, Number: journey.Number(it), Shown: journeyModes[it.Value.Mode]}
	places, ended, err := d.Journeys.Counts(ctx, it.Tenant, v.Number)
	if err != nil {
		return v, fmt.Errorf("counting the profiles in a journey: %w", err)
	}
	v.Places = places
	for _, p := range places {
		v.Counts.Inside += p.Count
		if p.State == journey.Failed {
			v.Counts.Failed += p.Count
		}
	}
	v.Counts.Done, v.Counts.Exited = ended[journey.Done], ended[journey.Exited]
	v.Counts.Entered = v.Counts.Inside + v.Counts.Done + v.Counts.Exited
	return v, nil
}

// journey returns the journey that the address names.
func (d *Dashboard) journey(ctx context.Context, q *request) (journeyView, error) {
	number, err := strconv.ParseInt(q.PathValue("number"), 10, 64)
	if err != nil {
		return journeyView{}, problem.New(problem.NotFound, "a journey has a number")
	}
	it, err := d.Journeys.Get(q.who.Tenant, number)
	if err != nil {
		return journeyView{}, problem.New(problem.NotFound, "there is no such journey; it may have been deleted")
	}
	return d.showJourney(ctx, it)
}

type journeyListView struct {
	Journeys []journeyView
	Query    string
	All      int
	Limit    limit
	MayEdit  bool
	pager
}

func (d *Dashboard) journeyLimit(q *request) limit {
	return d.limit(q.who.Tenant, account.LimitJourneys, int64(len(d.Journeys.List(q.who.Tenant))))
}

func (d *Dashboard) journeyList(ctx context.Context, q *request) (answer, error) {
	params := q.URL.Query()
	v := journeyListView{Query: strings.TrimSpace(params.Get("q")), Limit: d.journeyLimit(q), MayEdit: q.who.Allows(access.EditRespondents)}
	all := d.Journeys.List(q.who.Tenant)
	v.All = len(all)
	var found []*journey.Item
	for _, it := range all {
		if v.Query == "" || mentions(v.Query, it.Value.Current().Definition().Name, it.Name) {
			found = append(found, it)
		}
	}
	found, v.pager = paged(found, params, perJourneyPage)
	for _, it := range found {
		row, err := d.showJourney(ctx, it)
		if err != nil {
			return answer{}, err
		}
		v.Journeys = append(v.Journeys, row)
	}
	return answer{page: "journeys", title: "Journeys", section: "journeys", data: v}, nil
}

// runRow is a run in a list.
type runRow struct {
	journey.Enrolment
	Shown state
}

var runStates = map[journey.State]state{
	journey.Running: {Class: "ok", Word: "going on"}, journey.Waiting: {Class: "warn", Word: "waiting"}, journey.Failed: {Class: "bad", Word: "failed"},
	journey.Done: {Class: "ok", Word: "done"}, journey.Exited: {Word: "taken out"},
}

// journeyVersion is a version of a journey that can be looked at.
type journeyVersion struct {
	journey.Version
	Inside int64
	Here   bool
}

type journeyPageView struct {
	journeyView
	Versions                    []journeyVersion
	Version                     int // that is shown
	Document                    string
	Flow                        *flowView
	Exits                       []string
	Settings                    []string
	Runs                        []runRow
	Profile, State, Step, First string
	Next                        string
	States                      []choice
	Live                        bool // the numbers change by themselves
	MayEdit                     bool
	Wrong                       string
	Said                        string // what was done just now
}

var runChoices = []choice{{"", "All"}, {"waiting", "Waiting"}, {"failed", "Failed"}, {"done", "Done"}, {"exited", "Taken out"}}

func (d *Dashboard) journeyPage(ctx context.Context, q *request) (answer, error) {
	return d.showJourneyPage(ctx, q, "")
}

func (d *Dashboard) showJourneyPage(ctx context.Context, q *request, wrong string) (answer, error) {
	j, err := d.journey(ctx, q)
	if err != nil {
		return answer{}, err
	}
	p := q.URL.Query()
	v := journeyPageView{
		journeyView: j, Version: j.Current(), Wrong: wrong, MayEdit: q.who.Allows(access.EditRespondents), Profile: strings.TrimSpace(p.Get("profileId")), States: runChoices,
		Live: j.Value.Mode == journey.Live || j.Value.Mode == journey.Draining,
	}
	if n := number(p.Get("version")); j.Value.Version(n) != nil {
		v.Version = n
	}
	for _, x := range j.Value.Versions {
		version := journeyVersion{Version: x, Here: x.Number == v.Version}
		for _, place := range j.Places {
			if place.Version == x.Number {
				version.Inside += place.Count
			}
		}
		v.Versions = append(v.Versions, version)
	}
	slices.Reverse(v.Versions)
	shown := j.Value.Version(v.Version)
	def := shown.Definition()
	v.Document = shown.Document
	v.Flow = d.draw(q, def)
	v.Flow.count(j.Places, v.Version, func(step string) string { return "?step=" + escapeQuery(step) + "#runs" })
	for i := range def.Exit {
		v.Exits = append(v.Exits, def.Exit[i].Describe())
	}
	v.Settings = journeySettings(def)
	out := answer{page: "journey", block: "journey-now", title: j.Title(), section: "journeys", data: &v}
	if wrong != "" {
		out.status = 422
	}
	if q.part && wrong == "" {
		return out, nil // the numbers alone
	}
	out.block = ""
	if n := number(p.Get("moved")); p.Has("moved") {
		v.Said = fmt.Sprintf("%d moved to version %d.", n, j.Current())
	}
	if n := number(p.Get("retried")); p.Has("retried") {
		v.Said = fmt.Sprintf("%d failed steps are tried again.", n)
	}
	return out, d.runs(ctx, q, &v)
}

// runs reads the runs that the page's list shows.
func (d *Dashboard) runs(ctx context.Context, q *request, v *journeyPageView) error {
	p := q.URL.Query()
	if slices.ContainsFunc(runChoices, func(c choice) bool { return c.Value == p.Get("state") }) {
		v.State = p.Get("state")
	}
	v.Step = p.Get("step")
	before := p.Get("before")
	list, err := d.Journeys.Enrolments(ctx, journey.Query{
		Tenant: q.who.Tenant, Journey: v.Number, State: journey.State(v.State), Step: v.Step, Profile: v.Profile, Before: before, Limit: perRunPage + 1,
	})
	if err != nil {
		return fmt.Errorf("listing the runs of a journey: %w", err)
	}
	for i := range list {
		if i == perRunPage {
			v.Next = with(p, "before", list[i-1].ID) + "#runs"
			break
		}
		v.Runs = append(v.Runs, runRow{list[i], runStates[list[i].State]})
	}
	if before != "" {
		v.First = with(p, "before", "") + "#runs"
	}
	return nil
}

// journeySettings tells what holds for the whole of a journey.
func journeySettings(def *journey.Definition) (list []string) {
	again := map[journey.Reentry]string{journey.Never: "A profile enters once in its lifetime.", journey.AfterEnd: "A profile may enter again once it is no longer inside.", journey.Always: "A profile may enter again while it is inside."}
	list = append(list, again[def.Entry.Reentry])
	if def.Entry.Cooldown > 0 {
		list = append(list, "After an entry the next one is possible "+short(def.Entry.Cooldown)+" later.")
	}
	s := &def.Settings
	if quiet := s.Quiet; quiet != nil {
		text := fmt.Sprintf("Nothing is sent from %02d:%02d to %02d:%02d", quiet.From/60, quiet.From%60, quiet.Until/60, quiet.Until%60)
		if quiet.Then == journey.Skip {
			text += "; such sends are left out."
		} else {
			text += "; such sends wait."
		}
		list = append(list, text)
	}
	if c := s.Cap; c != nil {
		list = append(list, fmt.Sprintf("At most %d sends to a profile in %s.", c.Count, short(c.Per)))
	}
	if s.Zone != nil {
		list = append(list, "Times of day are in "+s.Zone.String()+", unless a profile's own zone is known.")
	}
	return list
}

// journeyMode pauses a journey, has it go on, drains or stops it.
func (d *Dashboard) journeyMode(ctx context.Context, q *request) (answer, error) {
	v, err := d.journey(ctx, q)
	if err != nil {
		return answer{}, err
	}
	mode := journey.Mode(q.value("mode"))
	if mode == journey.Stopped && q.value("sure") == "" {
		return answer{to: q.path("journeys", v.NumberText(), "stop")}, nil
	}
	_, err = d.Journeys.SetMode(ctx, q.who, v.Number, mode, journey.Resume(q.value("resume")))
	switch problem.KindOf(err) {
	case problem.Invalid, problem.Conflict:
		return d.showJourneyPage(ctx, q, sentence(reasons(err)))
	}
	return answer{to: q.path("journeys", v.NumberText())}, err
}

func (d *Dashboard) journeyStopPage(ctx context.Context, q *request) (answer, error) {
	v, err := d.journey(ctx, q)
	return answer{page: "journey-stop", title: "Stop journey", section: "journeys", data: v}, err
}

type journeyDeleteView struct {
	journeyView
	Typed, Wrong string
}

func (d *Dashboard) journeyDeletePage(ctx context.Context, q *request) (answer, error) {
	v, err := d.journey(ctx, q)
	return answer{page: "journey-delete", title: "Delete journey", section: "journeys", data: journeyDeleteView{journeyView: v}}, err
}

// journeyDelete removes a journey, once its number was typed.
func (d *Dashboard) journeyDelete(ctx context.Context, q *request) (answer, error) {
	a, err := d.journeyDeletePage(ctx, q)
	if err != nil {
		return answer{}, err
	}
	v := a.data.(journeyDeleteView)
	v.Typed = q.value("number")
	v.Wrong, err = deleteTyped(v.Typed, v.NumberText(), "number of the journey", func() error { return d.Journeys.Delete(ctx, q.who, v.Number) })
	if err != nil {
		return answer{}, err
	}
	if v.Wrong == "" {
		return answer{to: q.path("journeys")}, nil
	}
	a.data, a.status = v, 422
	return a, nil
}

// moveRow is a step in which profiles stand who are to be moved.
type moveRow struct {
	Step     string
	Versions []string
	Count    int64
	Stays    bool   // the current version has the step, too
	To       string // what was chosen
	Wrong    string
}

type journeyMoveView struct {
	journeyView
	Rows  []moveRow
	Steps []string // of the current version
	All   int64
	Wrong string
}

// moving prepares the page that says where everybody goes on.
func (d *Dashboard) moving(ctx context.Context, q *request) (*journeyMoveView, error) {
	j, err := d.journey(ctx, q)
	if err != nil {
		return nil, err
	}
	v := &journeyMoveView{journeyView: j}
	def := j.Value.Current().Definition()
	for _, r := range d.draw(q, def).Rows {
		if def.Step(r.Name) != nil && r.Part == "step" {
			v.Steps = append(v.Steps, r.Name)
		}
	}
	places, err := d.Journeys.PreviewMove(ctx, q.who.Tenant, j.Number, &journey.Move{})
	if err != nil {
		return nil, err
	}
	for _, p := range places {
		v.All += p.Count
		i := slices.IndexFunc(v.Rows, func(r moveRow) bool { return r.Step == p.Step })
		if i < 0 {
			i = len(v.Rows)
			v.Rows = append(v.Rows, moveRow{Step: p.Step, Stays: true})
		}
		r := &v.Rows[i]
		r.Count += p.Count
		r.Stays = r.Stays && p.To != ""
		if version := strconv.Itoa(p.Version); !slices.Contains(r.Versions, version) {
			r.Versions = append(r.Versions, version)
		}
	}
	slices.SortStableFunc(v.Rows, func(a, b moveRow) int {
		if a.Stays != b.Stays { // those first that somebody must decide about
			if b.Stays {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Step, b.Step)
	})
	return v, nil
}

func (v *journeyMoveView) answer(status int) answer {
	return answer{page: "journey-move", title: "Move to version " + strconv.Itoa(v.Current()), section: "journeys", data: v, status: status}
}

func (d *Dashboard) journeyMovePage(ctx context.Context, q *request) (answer, error) {
	v, err := d.moving(ctx, q)
	if err != nil {
		return answer{}, err
	}
	return v.answer(0), nil
}

func (d *Dashboard) journeyMove(ctx context.Context, q *request) (answer, error) {
	v, err := d.moving(ctx, q)
	if err != nil {
		return answer{}, err
	}
	m := &journey.Move{Steps: make(map[string]string)}
	for i := range v.Rows {
		if r := &v.Rows[i]; r.Step != "" {
			if r.To = q.value("to-" + r.Step); r.To != "" {
				m.Steps[r.Step] = r.To
			}
		}
	}
	moved, err := d.Journeys.Move(ctx, q.who, v.Number, m)
	if err == nil {
		return answer{to: q.path("journeys", v.NumberText()) + "?moved=" + strconv.FormatInt(moved, 10)}, nil
	}
	if problem.KindOf(err) != problem.Invalid {
		return answer{}, err
	}
	noted := false
	for _, f := range asProblem(err).Fields {
		for i := range v.Rows {
			if f.Name == "steps."+v.Rows[i].Step {
				v.Rows[i].Wrong, noted = "Say where they go on.", true
			}
		}
	}
	if !noted {
		v.Wrong = sentence(reasons(err))
	}
	return v.answer(422), nil
}

// journeyRetry has all failed runs of a journey take their steps again.
func (d *Dashboard) journeyRetry(ctx context.Context, q *request) (answer, error) {
	v, err := d.journey(ctx, q)
	if err != nil {
		return answer{}, err
	}
	n, err := d.Journeys.RetryAll(ctx, q.who, v.Number)
	return answer{to: q.path("journeys", v.NumberText()) + "?retried=" + strconv.FormatInt(n, 10)}, err
}
