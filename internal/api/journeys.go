package api

import (
	"context"
	"encoding/json"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/journey"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
)

// Journey takes profiles through steps over time.
type Journey struct {
	Number    int64            `json:"number" doc:"relay42AudienceNumber of the payload" example:"201"`
	Name      string           `json:"name" example:"\"Welcome\""`
	Mode      string           `json:"mode" enum:"live,paused,draining,stopped" doc:"paused: nobody goes on; draining: nobody enters; stopped: everybody was taken out"`
	Version   int              `json:"version" doc:"of those who enter" example:"3"`
	Versions  []JourneyVersion `json:"versions" doc:"those that somebody may be inside of, the oldest first"`
	CreatedAt rest.Time        `json:"createdAt"`
	UpdatedAt rest.Time        `json:"updatedAt"`
}

// JourneyVersion is a version of a journey.
type JourneyVersion struct {
	Version     int       `json:"version" example:"3"`
	PublishedAt rest.Time `json:"publishedAt"`
}

// JourneyDetail is a journey with its document, and the profiles in it.
type JourneyDetail struct {
	Journey
	Document string         `json:"document" doc:"of the current version, as it was given"`
	Places   []JourneyPlace `json:"places" doc:"where those stand who are inside"`
	Done     int64          `json:"done" doc:"how many came to the end, as far as it is remembered"`
	Exited   int64          `json:"exited" doc:"how many were taken out, as far as it is remembered"`
}

// JourneyPlace counts profiles that stand in one place.
type JourneyPlace struct {
	Version int    `json:"version" example:"3"`
	Step    string `json:"step" example:"\"pause\""`
	State   string `json:"state" enum:"running,waiting,failed"`
	Count   int64  `json:"count" example:"120"`
}

func showJourney(it *journey.Item) Journey {
	v := &it.Value
	out := Journey{
		Number: journey.Number(it), Name: v.Current().Definition().Name, Mode: string(v.Mode), Version: v.Current().Number, Versions: []JourneyVersion{},
		CreatedAt: rest.Time(it.CreatedAt), UpdatedAt: rest.Time(it.UpdatedAt),
	}
	for _, x := range v.Versions {
		out.Versions = append(out.Versions, JourneyVersion{x.Number, rest.Time(x.PublishedAt)})
	}
	return out
}

func (a *API) showJourneyDetail(ctx context.Context, it *journey.Item) (*JourneyDetail, error) {
	places, ended, err := a.Journeys.Counts(ctx, it.Tenant, journey.Number(it))
	if err != nil {
		return nil, err
	}
	v := &JourneyDetail{Journey: showJourney(it), Document: it.Value.Current().Document, Places: []JourneyPlace{}, Done: ended[journey.Done], Exited: ended[journey.Exited]}
	for _, p := range places {
		v.Places = append(v.Places, JourneyPlace{p.Version, p.Step, string(p.State), p.Count})
	}
	return v, nil
}

var docJourneyList = rest.Doc{ID: "listJourneys", Tag: "Journeys", Summary: "List the journeys", Text: "The list is never paged."}

func (a *API) journeyList(_ context.Context, c *access.Principal, _ *rest.None) (*rest.List[Journey], error) {
	var data []Journey
	for _, it := range a.Journeys.List(c.Tenant) {
		data = append(data, showJourney(it))
	}
	return rest.PageOf(data, ""), nil
}

type journeyPath struct {
	Number int64 `path:"number" doc:"the journey's number"`
}

var docJourneyGet = rest.Doc{ID: "getJourney", Tag: "Journeys", Summary: "Get a journey, and where profiles stand in it"}

func (a *API) journeyGet(ctx context.Context, c *access.Principal, in *journeyPath) (*JourneyDetail, error) {
	it, err := a.Journeys.Get(c.Tenant, in.Number)
	if err != nil {
		return nil, err
	}
	return a.showJourneyDetail(ctx, it)
}

// CreateJourney makes a journey.
type CreateJourney struct {
	Number   int64  `json:"number" required:"true" doc:"unique among journeys and audiences; relay42AudienceNumber of the payload" example:"201"`
	Document string `json:"document" required:"true" text:"lines" maxLength:"65536" doc:"the journey, in YAML or JSON: see docs/journeys.md" example:"\"name: Welcome\\nprofile: event.data.customer\\nentry: {event: customer.created}\\nsteps:\\n  - {name: pause, wait: {for: 1h}}\\n\""`
	Mode     string `json:"mode" enum:"live,paused,draining" default:"\"live\"" doc:"paused: who enters waits until it goes on; draining: nobody enters"`
}

// Room implements rest.Roomy.
func (*CreateJourney) Room() (bytes int64, depth int) { return 4 * journey.MaxDocument, 4 }

type createJourneyInput struct {
	Body CreateJourney `body:"required"`
}

var docJourneyCreate = rest.Doc{ID: "createJourney", Tag: "Journeys", Summary: "Make a journey", Status: 201,
	Text: "What is wrong with the document is told with line and column. It takes profiles in at once, unless `mode` says otherwise."}

func (a *API) journeyCreate(ctx context.Context, c *access.Principal, in *createJourneyInput) (*JourneyDetail, error) {
	it, err := a.Journeys.Create(ctx, c, in.Body.Number, in.Body.Document, journey.Mode(in.Body.Mode))
	if err != nil {
		return nil, err
	}
	return a.showJourneyDetail(ctx, it)
}

// UpdateJourney changes a journey.
type UpdateJourney struct {
	Document rest.Opt[string] `json:"document" text:"lines" maxLength:"65536" doc:"a new version, for those who enter from now on; who is inside stays in theirs" example:"\"name: Welcome\\nprofile: event.data.customer\\nentry: {event: customer.created}\\nsteps:\\n  - {name: pause, wait: {for: 1h}}\\n\""`
	Mode     rest.Opt[string] `json:"mode" enum:"live,paused,draining,stopped" doc:"stopped takes everybody out at once" example:"\"paused\""`
	Resume   string           `json:"resume" enum:"shift,catchUp" doc:"needed to end a pause. shift: waits are longer by it, but times of day and dates stay; catchUp: what was due in between is due now" example:"\"shift\""`
}

// Room implements rest.Roomy.
func (*UpdateJourney) Room() (bytes int64, depth int) { return 4 * journey.MaxDocument, 4 }

type updateJourneyInput struct {
	journeyPath
	Body UpdateJourney `body:"required"`
}

var docJourneyUpdate = rest.Doc{ID: "updateJourney", Tag: "Journeys", Summary: "Publish a version of a journey, pause it, drain it, stop it, or go on"}

func (a *API) journeyUpdate(ctx context.Context, c *access.Principal, in *updateJourneyInput) (*JourneyDetail, error) {
	it, err := a.Journeys.Get(c.Tenant, in.Number)
	if err == nil && in.Body.Document.Given && !in.Body.Document.Null {
		it, err = a.Journeys.Publish(ctx, c, in.Number, in.Body.Document.Value)
	}
	if err == nil && in.Body.Mode.Given && !in.Body.Mode.Null {
		it, err = a.Journeys.SetMode(ctx, c, in.Number, journey.Mode(in.Body.Mode.Value), journey.Resume(in.Body.Resume))
	}
	if err != nil {
		return nil, err
	}
	return a.showJourneyDetail(ctx, it)
}

var docJourneyDelete = rest.Doc{ID: "deleteJourney", Tag: "Journeys", Summary: "Delete a journey that nobody is inside of", Status: 204}

func (a *API) journeyDelete(ctx context.Context, c *access.Principal, in *journeyPath) (*rest.None, error) {
	return nil, a.Journeys.Delete(ctx, c, in.Number)
}

// MoveJourney brings profiles inside to the current version.
type MoveJourney struct {
	From    int               `json:"from" doc:"the version they are in; left out: any older one" example:"1"`
	Steps   map[string]string `json:"steps" doc:"where those go on who stand in a step: in another one, or at the \"end\". Others go on in the step of the same name and kind, and waits keep their times" example:"{\"pause\":\"end\"}"`
	Preview bool              `json:"preview" doc:"only say what would happen"`
}

type moveJourneyInput struct {
	journeyPath
	Body MoveJourney `body:"required"`
}

// JourneyMove says where profiles go on.
type JourneyMove struct {
	Version int                `json:"version" doc:"the current one, which they go to" example:"2"`
	Moved   int64              `json:"moved" doc:"0 in a preview" example:"120"`
	Places  []JourneyMovePlace `json:"places"`
}

// JourneyMovePlace is where profiles stood before a move.
type JourneyMovePlace struct {
	JourneyPlace
	To *string `json:"to" doc:"the step, or end; null: steps must say it" example:"\"pause\""`
}

var docJourneyMove = rest.Doc{ID: "moveJourney", Tag: "Journeys", Summary: "Move profiles to the current version of a journey"}

func (a *API) journeyMove(ctx context.Context, c *access.Principal, in *moveJourneyInput) (*JourneyMove, error) {
	it, err := a.Journeys.Get(c.Tenant, in.Number)
	if err != nil {
		return nil, err
	}
	m := &journey.Move{From: in.Body.From, Steps: in.Body.Steps}
	places, err := a.Journeys.PreviewMove(ctx, c.Tenant, in.Number, m)
	if err != nil {
		return nil, err
	}
	v := &JourneyMove{Version: it.Value.Current().Number, Places: []JourneyMovePlace{}}
	for _, p := range places {
		v.Places = append(v.Places, JourneyMovePlace{JourneyPlace{p.Version, p.Step, string(p.State), p.Count}, rest.TextOrNil(p.To)})
	}
	if !in.Body.Preview {
		v.Moved, err = a.Journeys.Move(ctx, c, in.Number, m)
	}
	return v, err
}

// Enrolment is a profile in a journey.
type Enrolment struct {
	ID        string     `json:"id" example:"\"enr_06b1k3r8000c3\""`
	Journey   int64      `json:"journey" example:"201"`
	Version   int        `json:"version" example:"3"`
	ProfileID string     `json:"profileId" example:"\"p1\""`
	Key       string     `json:"key" doc:"tells the runs of a profile apart" example:"\"order-17\""`
	Entry     string     `json:"entry" doc:"the event that started it, or the audience" example:"\"evt_6xfkskvosjcfykau\""`
	State     string     `json:"state" enum:"running,waiting,failed,done,exited"`
	Step      *string    `json:"step" doc:"the one to be taken next, or where it waits; null: the end" example:"\"pause\""`
	Due       *rest.Time `json:"due" doc:"when it goes on by itself"`
	Words     *string    `json:"words" doc:"why it failed or ended"`
	CreatedAt rest.Time  `json:"createdAt"`
	UpdatedAt rest.Time  `json:"updatedAt"`
	EndedAt   *rest.Time `json:"endedAt"`
}

// EnrolmentDetail is a profile in a journey with its history.
type EnrolmentDetail struct {
	Enrolment
	Steps []EnrolmentStep `json:"steps" doc:"those it has taken, in order"`
	Sends []JourneySend   `json:"sends"`
}

// EnrolmentStep is a step that was taken.
type EnrolmentStep struct {
	At    rest.Time `json:"at"`
	Step  string    `json:"step" example:"\"pause\""`
	Kind  string    `json:"kind" doc:"of the step, or enter, exit, move, retry or fail" example:"\"wait\""`
	Words string    `json:"words" doc:"what it came to" example:"\"passed\""`
}

// JourneySend is what a step has sent.
type JourneySend struct {
	ID         string    `json:"id" doc:"the same in each attempt" example:"\"snd_6dd4dc9e8ca0d0ba3fd6bb5e66bd5ce2\""`
	Step       string    `json:"step" example:"\"greet\""`
	Connection string    `json:"connection" example:"\"con_6xfkskvosjcfykau\""`
	Operation  string    `json:"operation" enum:"enter,update,leave"`
	State      string    `json:"state" enum:"new,pending,sending,delivered,rejected,skipped,canceled"`
	Words      *string   `json:"words" doc:"why it was not delivered"`
	At         rest.Time `json:"at"`
}

func showEnrolment(e *journey.Enrolment) Enrolment {
	return Enrolment{
		ID: e.ID, Journey: e.Journey, Version: e.Version, ProfileID: e.Profile, Key: e.Key, Entry: e.Entry, State: string(e.State),
		Step: rest.TextOrNil(e.Step), Due: rest.TimeOrNil(e.Due), Words: rest.TextOrNil(e.Notes.Words),
		CreatedAt: rest.Time(e.CreatedAt), UpdatedAt: rest.Time(e.UpdatedAt), EndedAt: rest.TimeOrNil(e.EndedAt),
	}
}

func showSteps(list []journey.Trace) []EnrolmentStep {
	out := []EnrolmentStep{}
	for _, t := range list {
		out = append(out, EnrolmentStep{rest.Time(t.At), t.Step, t.Kind, t.Words})
	}
	return out
}

func showSend(s *journey.Send) JourneySend {
	return JourneySend{s.ID, s.Step, s.Connection, s.Operation, string(s.State), rest.TextOrNil(s.Words), rest.Time(s.At)}
}

type enrolmentQuery struct {
	rest.Page
	journeyPath
	State   string `query:"state" enum:"running,waiting,failed,done,exited" doc:"only those"`
	Step    string `query:"step" doc:"only those that stand there"`
	Profile string `query:"profileId" doc:"only those of a profile"`
}

var docEnrolmentList = rest.Doc{ID: "listEnrolments", Tag: "Journeys", Summary: "List the profiles in a journey", Text: "The newest first, those that have ended among them."}

func (a *API) enrolmentList(ctx context.Context, c *access.Principal, in *enrolmentQuery) (*rest.List[Enrolment], error) {
	before, err := in.After()
	if err != nil {
		return nil, err
	}
	list, err := a.Journeys.Enrolments(ctx, journey.Query{
		Tenant: c.Tenant, Journey: in.Number, State: journey.State(in.State), Step: in.Step, Profile: in.Profile, Before: before, Limit: in.Limit + 1,
	})
	if err != nil {
		return nil, err
	}
	var data []Enrolment
	for i := range list {
		if i == in.Limit {
			return rest.PageOf(data, rest.TextCursor(list[i-1].ID)), nil
		}
		data = append(data, showEnrolment(&list[i]))
	}
	return rest.PageOf(data, ""), nil
}

type enrolmentPath struct {
	journeyPath
	ID string `path:"id" doc:"the enrolment's id"`
}

var docEnrolmentGet = rest.Doc{ID: "getEnrolment", Tag: "Journeys", Summary: "Get a profile in a journey, with its steps and sends"}

func (a *API) enrolmentGet(ctx context.Context, c *access.Principal, in *enrolmentPath) (*EnrolmentDetail, error) {
	e, traces, sends, err := a.Journeys.Enrolment(ctx, c.Tenant, in.Number, in.ID)
	if err != nil {
		return nil, err
	}
	v := &EnrolmentDetail{Enrolment: showEnrolment(&e), Steps: showSteps(traces), Sends: []JourneySend{}}
	for i := range sends {
		v.Sends = append(v.Sends, showSend(&sends[i]))
	}
	return v, nil
}

var docEnrolmentRetry = rest.Doc{ID: "retryEnrolment", Tag: "Journeys", Summary: "Have a failed enrolment take its step again"}

func (a *API) enrolmentRetry(ctx context.Context, c *access.Principal, in *enrolmentPath) (*Enrolment, error) {
	e, err := a.Journeys.Retry(ctx, c, in.Number, in.ID)
	if err != nil {
		return nil, err
	}
	v := showEnrolment(&e)
	return &v, nil
}

// RetriedEnrolments says how many enrolments were retried.
type RetriedEnrolments struct {
	Retried int64 `json:"retried" example:"12"`
}

var docJourneyRetry = rest.Doc{ID: "retryJourney", Tag: "Journeys", Summary: "Have all failed enrolments of a journey take their steps again"}

func (a *API) journeyRetry(ctx context.Context, c *access.Principal, in *journeyPath) (*RetriedEnrolments, error) {
	n, err := a.Journeys.RetryAll(ctx, c, in.Number)
	if err != nil {
		return nil, err
	}
	return &RetriedEnrolments{n}, nil
}

// DryRun walks a profile through a journey in virtual time.
type DryRun struct {
	Document string            `json:"document" text:"lines" maxLength:"65536" doc:"the journey, in YAML or JSON. Left out: the current version of number"`
	Number   int64             `json:"number" doc:"of the journey; of the payload, where a document is given" example:"201"`
	Profile  DryProfile        `json:"profile" required:"true"`
	Events   []DryEvent        `json:"events" required:"true" maxItems:"1000" doc:"what happens, in any order"`
	Outcomes map[string]string `json:"outcomes" doc:"of sends, by step: delivered, rejected or skipped; others are delivered" example:"{\"greet\":\"rejected\"}"`
	Until    *rest.Time        `json:"until" doc:"when the run ends at the latest; left out: two years after the last event"`
	Seed     string            `json:"seed" maxLength:"40" doc:"another text may take another way where a split decides" example:"\"1\""`
}

// DryProfile is the profile of a dry run.
type DryProfile struct {
	ProfileID string `json:"profileId" required:"true" example:"\"p1\""`
	PutProfile
	Audiences []int64 `json:"audiences" maxItems:"100" doc:"those that it is in at the beginning" example:"[101]"`
}

// DryEvent is an event of a dry run, or a crossing of an audience.
type DryEvent struct {
	At       rest.Time    `json:"at" required:"true"`
	Type     string       `json:"type" doc:"of an event" example:"\"customer.created\""`
	Data     rest.RawJSON `json:"data" doc:"of an event" example:"{\"customer\":\"p1\"}"`
	Key      string       `json:"key" doc:"of an event"`
	Audience int64        `json:"audience" doc:"instead of an event: the audience that the profile enters or leaves" example:"101"`
	On       string       `json:"on" enum:"enter,leave" default:"\"enter\"" doc:"with audience"`
}

// Room implements rest.Roomy.
func (*DryRun) Room() (bytes int64, depth int) { return 2 << 20, event.MaxDepth + 6 }

type dryRunInput struct {
	Body DryRun `body:"required"`
}

// DryRunResult is what a dry run has come to.
type DryRunResult struct {
	Runs []DryRunWalk `json:"runs" doc:"one for each time that the profile entered; empty: it did not"`
}

// DryRunWalk is the way of a profile through a journey.
type DryRunWalk struct {
	State string          `json:"state" enum:"running,waiting,failed,done,exited"`
	Step  *string         `json:"step" doc:"where it is at the end of the run; null: at the end" example:"\"pause\""`
	Due   *rest.Time      `json:"due"`
	Words *string         `json:"words" doc:"why it failed or ended"`
	Steps []EnrolmentStep `json:"steps" doc:"those it has taken, in order"`
	Sends []DrySend       `json:"sends" doc:"what would have been sent"`
}

// DrySend is what a step would have sent.
type DrySend struct {
	Step       string          `json:"step" example:"\"greet\""`
	Connection string          `json:"connection" example:"\"con_6xfkskvosjcfykau\""`
	Operation  string          `json:"operation" enum:"enter,update,leave"`
	State      string          `json:"state" enum:"delivered,rejected,skipped"`
	Words      *string         `json:"words"`
	At         rest.Time       `json:"at"`
	Payload    json.RawMessage `json:"payload" doc:"what the connector gets; null: nothing"`
}

var docJourneyDryRun = rest.Doc{ID: "dryRunJourney", Tag: "Journeys", Summary: "Walk a profile through a journey in virtual time",
	Text: "Nothing is stored and nothing is sent. The profile and its events are those of the request."}

func (a *API) journeyDryRun(_ context.Context, c *access.Principal, in *dryRunInput) (*DryRunResult, error) {
	b := &in.Body
	t := &journey.Trial{Number: b.Number, In: b.Profile.Audiences, Outcomes: make(map[string]journey.SendState), Seed: b.Seed}
	var err error
	if t.Definition, err = a.Journeys.TrialDefinition(c.Tenant, b.Number, b.Document); err != nil {
		return nil, err
	}
	if err := b.Profile.input().Fill(b.Profile.ProfileID, &t.Profile); err != nil {
		return nil, err
	}
	for step, state := range b.Outcomes {
		switch s := journey.SendState(state); s {
		case journey.SendDelivered, journey.SendRejected, journey.SendSkipped:
			t.Outcomes[step] = s
		default:
			return nil, problem.InvalidField("outcomes."+problem.Clip(step), "must be delivered, rejected or skipped")
		}
	}
	if b.Until != nil {
		t.Until = time.Time(*b.Until)
	}
	for i := range b.Events {
		x := &b.Events[i]
		h := journey.Happening{At: time.Time(x.At), Audience: x.Audience, On: journey.Crossing(x.On)}
		if x.Audience == 0 {
			h.Event = &event.Event{ID: event.ID(i + 1), Tenant: c.Tenant, Type: x.Type, Key: x.Key, Data: []byte(x.Data), Time: h.At}
		}
		t.Happenings = append(t.Happenings, h)
	}
	runs, err := a.Journeys.DryRun(c.Tenant, t)
	if err != nil {
		return nil, err
	}
	out := &DryRunResult{Runs: []DryRunWalk{}}
	for _, r := range runs {
		e := &r.Enrolment
		v := DryRunWalk{
			State: string(e.State), Step: rest.TextOrNil(e.Step), Due: rest.TimeOrNil(e.Due), Words: rest.TextOrNil(e.Notes.Words), Steps: showSteps(r.Traces), Sends: []DrySend{},
		}
		for _, s := range r.Sends {
			v.Sends = append(v.Sends, DrySend{s.Step, s.Connection, s.Operation, string(s.State), rest.TextOrNil(s.Words), rest.Time(s.At), s.Payload})
		}
		out.Runs = append(out.Runs, v)
	}
	return out, nil
}
