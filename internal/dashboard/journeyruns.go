package dashboard

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/journey"
	"github.com/relay-events/relay/internal/problem"
)

// trailItem is something that a run came to.
type trailItem struct {
	At     time.Time
	Later  string // how long after the item before it
	Step   string
	Icon   string
	Class  string // ok, bad or empty
	Words  string
	Send   *sendView // nil: it is no send
	Future bool      // it has not come yet
}

// sendView is what a step has sent, or would send.
type sendView struct {
	ID         string
	Shown      state
	Words      string
	Connection string // its id
	Partner    string // its name
	Payload    *body  // nil: it is not shown
}

var sendStates = map[journey.SendState]state{
	journey.SendNew: {Class: "warn", Word: "to be sent"}, journey.SendPending: {Class: "warn", Word: "on its way"}, journey.Sending: {Class: "warn", Word: "being sent"},
	journey.SendDelivered: {Class: "ok", Word: "delivered"}, journey.SendRejected: {Class: "bad", Word: "rejected"}, journey.SendSkipped: {Word: "not sent"}, journey.SendCanceled: {Word: "canceled"},
}

// trail is the way of a run, step by step, with its sends at their steps.
func (d *Dashboard) trail(q *request, traces []journey.Trace, sends []*journey.Send, payloads bool) (list []trailItem) {
	byStep := make(map[string][]*journey.Send)
	for _, s := range sends {
		byStep[s.Step] = append(byStep[s.Step], s)
	}
	names := map[string]string{"enter": "Entry", "exit": "Exit", "move": "Moved", "retry": "Tried again", "fail": "Failed"}
	var before time.Time
	for _, t := range traces {
		item := trailItem{At: t.At, Step: t.Step, Icon: stepIcons[t.Kind], Words: t.Words, Class: "ok"}
		switch name := names[t.Kind]; {
		case t.Kind == "fail":
			item.Class = "bad"
		case name != "":
			item.Step = name
		}
		if t.Kind == "exit" || t.Kind == "move" || t.Kind == "retry" {
			item.Class = ""
		}
		if !before.IsZero() {
			item.Later = later(t.At.Sub(before))
		}
		before = t.At
		if left := byStep[t.Step]; t.Kind == string(journey.SendStep) && len(left) > 0 {
			byStep[t.Step] = left[1:]
			item.Send = d.showSend(q, left[0], payloads)
			item.Words = ""
		}
		list = append(list, item)
	}
	return list
}

func (d *Dashboard) showSend(q *request, s *journey.Send, payload bool) *sendView {
	v := &sendView{ID: s.ID, Shown: sendStates[s.State], Words: s.Words, Connection: s.Connection, Partner: d.connectionName(q.who.Tenant, s.Connection)}
	if payload && len(s.Payload) > 0 {
		v.Payload = showBody(s.Payload, "application/json", false, int64(len(s.Payload)))
	}
	return v
}

// later says how much time lies between two steps, "" for next to none.
func later(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Second:
		return ""
	case d < time.Minute:
		return fmt.Sprintf("%d s later", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min later", d/time.Minute)
	case d < day:
		return short(d.Truncate(time.Minute)) + " later"
	}
	text := fmt.Sprintf("%d d", d/day)
	if rest := (d % day).Truncate(time.Hour); rest > 0 {
		text += fmt.Sprintf(" %d h", rest/time.Hour)
	}
	return text + " later"
}

// standing says where a run stands and what it waits for.
func (d *Dashboard) standing(q *request, e *journey.Enrolment, def *journey.Definition, paused bool) (words string) {
	var s *journey.Step
	if def != nil {
		s = def.Step(e.Step)
	}
	switch {
	case e.State == journey.Failed:
		return "The step could not be taken: " + sentenceEnd(e.Notes.Words)
	case e.State == journey.Done && e.Notes.Words == "":
		return "It came to the end of the journey."
	case e.State.Ended():
		return sentence(e.Notes.Words)
	case e.Held || paused:
		return "The journey is paused: it goes on when the journey does."
	case e.State == journey.Running || s == nil:
		return "Its next step is due."
	case s.Kind == journey.UntilStep:
		return "It waits for the event " + s.Event + "."
	case s.Kind == journey.SendStep && e.Notes.Clock:
		return "It waits for the outcome of the send, or for a time when sends may be made."
	case s.Kind == journey.SendStep:
		return "It waits for a time when sends may be made."
	}
	return "It waits for a time."
}

type runPageView struct {
	journeyView
	Run     runRow
	Trail   []trailItem
	Flow    *flowView // nil: the version is not kept
	Words   string
	Entry   string // the event that started it; empty: an audience did
	Known   bool   // the profile is stored
	Live    bool
	MayEdit bool
	Wrong   string
}

func (d *Dashboard) runPage(ctx context.Context, q *request) (answer, error) {
	return d.showRun(ctx, q, "")
}

func (d *Dashboard) showRun(ctx context.Context, q *request, wrong string) (answer, error) {
	j, err := d.journey(ctx, q)
	if err != nil {
		return answer{}, err
	}
	e, traces, sends, err := d.Journeys.Enrolment(ctx, q.who.Tenant, j.Number, q.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	v := runPageView{journeyView: j, Run: runRow{e, runStates[e.State]}, MayEdit: q.who.Allows(access.EditRespondents), Wrong: wrong, Live: !e.State.Ended()}
	list := make([]*journey.Send, len(sends))
	for i := range sends {
		list[i] = &sends[i]
	}
	v.Trail = d.trail(q, traces, list, false)
	var def *journey.Definition
	if version := j.Value.Version(e.Version); version != nil {
		def = version.Definition()
		v.Flow = d.draw(q, def)
		v.Flow.trail(&e, traces)
		if def.Entry.Event != "" && !strings.HasPrefix(e.Entry, "audience:") {
			v.Entry = e.Entry
		}
	}
	v.Words = d.standing(q, &e, def, j.Value.Mode == journey.Paused)
	if _, err := d.Audiences.Profile(ctx, q.who.Tenant, e.Profile); err == nil {
		v.Known = true
	} else if problem.KindOf(err) != problem.NotFound {
		return answer{}, err
	}
	a := answer{page: "journey-run", block: "run-now", title: "Journey of " + clip(e.Profile, 60), section: "journeys", data: v}
	if wrong != "" {
		a.status, a.block = 409, ""
	}
	return a, nil
}

// runRetry has a failed run take its step again.
func (d *Dashboard) runRetry(ctx context.Context, q *request) (answer, error) {
	v, err := d.journey(ctx, q)
	if err != nil {
		return answer{}, err
	}
	e, err := d.Journeys.Retry(ctx, q.who, v.Number, q.PathValue("id"))
	if problem.KindOf(err) == problem.Conflict {
		return d.showRun(ctx, q, sentence(reasons(err)))
	}
	return answer{to: q.path("journeys", v.NumberText(), "enrolments", e.ID)}, err
}

// sendLog leads to the latest request of a send in the log.
func (d *Dashboard) sendLog(ctx context.Context, q *request) (answer, error) {
	v, err := d.journey(ctx, q)
	if err != nil {
		return answer{}, err
	}
	_, _, sends, err := d.Journeys.Enrolment(ctx, q.who.Tenant, v.Number, q.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	for i := range sends {
		if sends[i].ID == q.PathValue("send") {
			return d.requestOf(ctx, q, &sends[i])
		}
	}
	return answer{}, problem.New(problem.NotFound, "there is no such send")
}

func (d *Dashboard) requestOf(ctx context.Context, q *request, s *journey.Send) (answer, error) {
	con, err := d.Connectors.Connection(q.who.Tenant, s.Connection)
	if err != nil {
		return answer{}, problem.New(problem.NotFound, "the connection of the send was deleted, and its log with it")
	}
	lane, err := d.Connectors.Webhook(ctx, con)
	if err != nil {
		return answer{}, fmt.Errorf("looking for the lane of a connection: %w", err)
	}
	if s.Event != 0 {
		list, _, err := d.Ledger.Attempts(ctx, delivery.LogQuery{Tenant: q.who.Tenant, Webhook: lane.Number, Event: s.Event, Limit: 1})
		if err != nil {
			return answer{}, fmt.Errorf("looking for the request of a send: %w", err)
		}
		if len(list) > 0 {
			return answer{to: q.path("log", list[0].ID.Public(event.AttemptPrefix))}, nil
		}
	}
	return answer{to: q.path("connections", s.Connection) + "#log"}, nil // no request was made, or the log has forgotten it
}
