package journey

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// toEnd stands for the end of a journey where a step is named.
const toEnd = "end"

// Move brings profiles inside to the current version.
type Move struct {
	// From is the version they are in; 0: any older one.
	From int
	// Steps say where those go on who stand in a step: in another one, or at the "end". Others go on in the step of the same
	// name and kind.
	Steps map[string]string
}

// MovePlace is where profiles stand that are moved.
type MovePlace struct {
	Place
	To string // the step, or "end"; empty: it must be said
}

// plan returns where everybody goes.
func (m *Move) plan(v *Journey, places []Place) (list []MovePlace, err error) {
	current := v.Current()
	if m.From != 0 && v.Version(m.From) == nil || m.From == current.Number {
		return nil, problem.InvalidField("from", "must be a version with profiles inside that is older than %d", current.Number)
	}
	wrong := &problem.Error{Kind: problem.Invalid}
	for step, to := range m.Steps {
		if to != toEnd && current.def.byName[to] == nil {
			wrong.Fields = append(wrong.Fields, problem.Field{Name: "steps." + problem.Clip(step), Reason: fmt.Sprintf("must be a step of version %d or %q, got %q", current.Number, toEnd, problem.Clip(to))})
		}
	}
	if len(wrong.Fields) > 0 {
		slices.SortFunc(wrong.Fields, func(a, b problem.Field) int { return compare(a.Name, b.Name) })
		return nil, wrong
	}
	for _, p := range places {
		if p.Version == current.Number || m.From != 0 && p.Version != m.From {
			continue
		}
		list = append(list, MovePlace{p, m.to(v, p.Version, p.Step)})
	}
	return list, nil
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// to returns where who stands in a step of a version goes on, "" if it must be said.
func (m *Move) to(v *Journey, version int, step string) string {
	if to, ok := m.Steps[step]; ok {
		return to
	}
	if step == "" {
		return toEnd
	}
	s, old := v.Current().def.byName[step], v.Version(version)
	if s == nil || old == nil || old.def.byName[step] == nil || old.def.byName[step].Kind != s.Kind {
		return ""
	}
	return step
}

// PreviewMove returns where everybody would go.
func (j *Journeys) PreviewMove(ctx context.Context, tenant event.TenantID, number int64, m *Move) ([]MovePlace, error) {
	it, err := j.Get(tenant, number)
	if err != nil {
		return nil, err
	}
	places, err := j.store.EnrolmentPlaces(ctx, tenant, number)
	if err != nil {
		return nil, err
	}
	return m.plan(&it.Value, places)
}

// Move brings profiles to the current version, and returns how many it has. Waits that go on in a step of the same name keep
// their times.
func (j *Journeys) Move(ctx context.Context, p *access.Principal, number int64, m *Move) (int64, error) {
	it, err := j.Get(p.Tenant, number)
	if err != nil {
		return 0, err
	}
	list, err := j.PreviewMove(ctx, p.Tenant, number, m)
	if err != nil {
		return 0, err
	}
	missing := &problem.Error{Kind: problem.Invalid}
	for _, x := range list {
		if x.To == "" {
			missing.Fields = append(missing.Fields, problem.Field{Name: "steps." + x.Step, Reason: fmt.Sprintf("must say where the %d go on that stand there in version %d: it is no step of version %d, or of another kind", x.Count, x.Version, it.Value.Current().Number)})
		}
	}
	if len(missing.Fields) > 0 {
		return 0, missing
	}
	entry, err := p.Entry("journey.move", nil, m, access.Target{Type: "journey", ID: it.Name, Name: it.Value.label()})
	if err != nil {
		return 0, err
	}
	// Before the first is moved: pages are changes of their own.
	if err := j.store.JourneyChange(ctx, &Change{Tenant: p.Tenant, Entries: []*access.Entry{entry}}); err != nil {
		return 0, err
	}
	current := it.Value.Current()
	moved, err := j.everybody(ctx, Query{Tenant: p.Tenant, Journey: number, Version: m.From}, func(e *Enrolment, c *Change) {
		if e.Version == current.Number || m.From != 0 && e.Version != m.From {
			return
		}
		to := m.to(&it.Value, e.Version, e.Step)
		if to == "" {
			return // it has come there meanwhile, and the caller has not said where it goes on
		}
		e.moveTo(current, to, j.now())
		c.trace(e, Trace{At: j.now(), Step: e.Step, Kind: "move", Words: fmt.Sprintf("to version %d", current.Number)})
		c.Put = append(c.Put, e)
	})
	j.wake()
	return moved, err
}

func (e *Enrolment) moveTo(v *Version, to string, now time.Time) {
	e.Version = v.Number
	switch {
	case to == toEnd:
		e.Step = ""
		e.end(Done, "moved to the end", now, v.def)
	case to != e.Step:
		e.Step = to
		e.goOn(now)
		e.Notes.Round++ // a send that is made again is another one
	}
}

// goOn has the enrolment take its step anew.
func (e *Enrolment) goOn(now time.Time) {
	e.State, e.Due, e.Held = Running, now, false
	n := &e.Notes
	n.Begun, n.Clock, n.Met, n.Spread, n.Words = time.Time{}, false, false, false, ""
}

// Enrolment returns an enrolment of a journey with the steps that it has taken and its sends.
func (j *Journeys) Enrolment(ctx context.Context, tenant event.TenantID, number int64, id string) (Enrolment, []Trace, []Send, error) {
	e, ok, err := j.store.EnrolmentGet(ctx, tenant, id)
	if err == nil && (!ok || e.Journey != number) {
		err = problem.New(problem.NotFound, "there is no enrolment %q", problem.Clip(id))
	}
	var traces []Trace
	var sends []Send
	if err == nil {
		traces, err = j.store.TraceList(ctx, tenant, id)
	}
	if err == nil {
		sends, err = j.store.SendList(ctx, tenant, id)
	}
	return e, traces, sends, err
}

// Enrolments returns enrolments of a journey, the newest first.
func (j *Journeys) Enrolments(ctx context.Context, q Query) ([]Enrolment, error) {
	if _, err := j.Get(q.Tenant, q.Journey); err != nil {
		return nil, err
	}
	return j.store.EnrolmentList(ctx, q)
}

// Counts returns how many profiles are inside, by where they stand, and how many have ended.
func (j *Journeys) Counts(ctx context.Context, tenant event.TenantID, number int64) ([]Place, map[State]int64, error) {
	places, err := j.store.EnrolmentPlaces(ctx, tenant, number)
	if err != nil {
		return nil, nil, err
	}
	ended, err := j.store.EnrolmentEnded(ctx, tenant, number)
	return places, ended, err
}

// Retry has a failed enrolment take its step again.
func (j *Journeys) Retry(ctx context.Context, p *access.Principal, number int64, id string) (Enrolment, error) {
	e, _, _, err := j.Enrolment(ctx, p.Tenant, number, id)
	if err != nil {
		return e, err
	}
	if e.State != Failed {
		return e, problem.New(problem.Conflict, "the enrolment is %s: only those that failed are retried", e.State)
	}
	entry, err := p.Entry("enrolment.retry", nil, nil, access.Target{Type: "enrolment", ID: id})
	if err != nil {
		return e, err
	}
	_, err = j.change(ctx, &e, func(e *Enrolment, c *Change) {
		if e.State != Failed {
			return
		}
		j.retry(e, c)
		c.Entries = []*access.Entry{entry}
	})
	j.wake()
	return e, err
}

func (j *Journeys) retry(e *Enrolment, c *Change) {
	e.goOn(j.now())
	c.trace(e, Trace{At: j.now(), Step: e.Step, Kind: "retry"})
	c.Put = append(c.Put, e)
}

// RetryAll does the same for all failed enrolments of a journey, and returns how many.
func (j *Journeys) RetryAll(ctx context.Context, p *access.Principal, number int64) (int64, error) {
	it, err := j.Get(p.Tenant, number)
	if err != nil {
		return 0, err
	}
	entry, err := p.Entry("journey.retry", nil, nil, access.Target{Type: "journey", ID: it.Name, Name: it.Value.label()})
	if err != nil {
		return 0, err
	}
	if err := j.store.JourneyChange(ctx, &Change{Tenant: p.Tenant, Entries: []*access.Entry{entry}}); err != nil {
		return 0, err
	}
	n, err := j.everybody(ctx, Query{Tenant: p.Tenant, Journey: number, State: Failed}, func(e *Enrolment, c *Change) {
		if e.State == Failed {
			j.retry(e, c)
		}
	})
	j.wake()
	return n, err
}
