package journey

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Happening is something that a dry run has come to a profile: an event, or a crossing of an audience.
type Happening struct {
	At    time.Time
	Event *event.Event // nil: a crossing
	// Audience is crossed in the way of On.
	Audience int64
	On       Crossing
}

// Trial is what a dry run is made of.
type Trial struct {
	Definition *Definition
	Number     int64
	Profile    audience.Profile
	In         []int64 // the audiences that it is in at the beginning
	Happenings []Happening
	// Outcomes are those of sends, by step; others are delivered.
	Outcomes map[string]SendState
	// Until is when the run ends at the latest.
	Until time.Time
	// Seed tells runs apart where a split decides.
	Seed string
}

// Walked is a run of a dry run.
type Walked struct {
	Enrolment Enrolment
	Traces    []Trace
	Sends     []*Send
}

// Bounds of a dry run.
const (
	MaxHappenings = 1000
	maxTrialMoves = 10_000
)

// dry is a dry run under way: what the store has otherwise.
type dry struct {
	*Trial
	j      *Journeys
	tenant event.TenantID
	now    time.Time
	in     map[int64]bool
	runs   []*Walked
}

// TrialDefinition returns what a dry run walks through: a document, or the current version of a journey.
func (j *Journeys) TrialDefinition(tenant event.TenantID, number int64, document string) (*Definition, error) {
	if document != "" {
		return j.read(tenant, document)
	}
	it, err := j.Get(tenant, number)
	if err != nil {
		return nil, err
	}
	return it.Value.Current().def, nil
}

// DryRun walks a profile through a journey in virtual time. Nothing is stored and nothing is sent.
func (j *Journeys) DryRun(tenant event.TenantID, t *Trial) ([]*Walked, error) {
	if len(t.Happenings) == 0 || len(t.Happenings) > MaxHappenings {
		return nil, problem.InvalidField("events", "must be 1 to %d", MaxHappenings)
	}
	happenings := slices.Clone(t.Happenings)
	slices.SortStableFunc(happenings, func(a, b Happening) int { return a.At.Compare(b.At) })
	s := &dry{Trial: t, j: j, tenant: tenant, in: make(map[int64]bool)}
	for _, number := range t.In {
		s.in[number] = true
	}
	if t.Until.IsZero() {
		t.Until = happenings[len(happenings)-1].At.Add(2 * maxWait)
	}
	t.Profile.Tenant, t.Profile.Version = tenant, max(t.Profile.Version, 1)
	for range maxTrialMoves {
		run := s.next()
		switch {
		case run != nil && (len(happenings) == 0 || !run.Enrolment.Due.After(happenings[0].At)):
			if run.Enrolment.Due.After(t.Until) {
				return s.runs, nil
			}
			if run.Enrolment.Due.After(s.now) {
				s.now = run.Enrolment.Due
			}
			s.walk(run)
		case len(happenings) > 0:
			h := happenings[0]
			happenings = happenings[1:]
			if s.now = h.At; h.Event != nil {
				if err := s.observe(h.Event); err != nil {
					return nil, err
				}
			} else {
				s.cross(h.Audience, h.On, nil)
			}
		default:
			return s.runs, nil
		}
	}
	return nil, problem.InvalidField("events", "take more than %d steps", maxTrialMoves)
}

// next returns the run that is due first, nil if none is.
func (s *dry) next() (first *Walked) {
	for _, r := range s.runs {
		if !r.Enrolment.Due.IsZero() && (first == nil || r.Enrolment.Due.Before(first.Enrolment.Due)) {
			first = r
		}
	}
	return first
}

func (s *dry) world(r *Walked) *world {
	w := &world{now: s.now, number: s.Number, profile: &s.Profile, in: maps.Clone(s.in), sends: make(map[string]*Send)}
	for _, x := range r.Sends {
		w.sends[x.Step] = x
	}
	w.address = func(connection string) (site, partner int64, err error) { return s.j.address(s.tenant, connection) }
	w.sent = func(since time.Time) (n int, err error) {
		for _, r := range s.runs {
			for _, x := range r.Sends {
				if x.At.After(since) && x.State == SendDelivered {
					n++
				}
			}
		}
		return n, nil
	}
	return w
}

func (s *dry) walk(r *Walked) {
	w := s.world(r)
	for {
		o := s.Definition.walk(&r.Enrolment, w)
		r.Traces = append(r.Traces, o.traces...)
		for _, x := range o.sends {
			if x.State == SendNew {
				if x.State = s.Outcomes[x.Step]; x.State == "" {
					x.State = SendDelivered
				}
			}
			if r.Sends = append(r.Sends, x); r.Enrolment.State == Waiting && r.Enrolment.Step == x.Step {
				r.Enrolment.Due = s.now // its outcome is known
			}
		}
		if o.act == nil {
			return
		}
		s.cross(o.act.audience, o.act.on, r)
		w.acted = true
	}
}

func (s *dry) observe(ev *event.Event) error {
	vars, err := eventVars(ev)
	if err != nil {
		return problem.InvalidField("events", "cannot be read: %v", err)
	}
	d := s.Definition
	if d.profile == nil || d.profile.id(map[string]any{"event": vars}) != s.Profile.ID {
		return nil // it is about somebody else
	}
	for _, r := range s.runs {
		c := &Change{}
		d.meet(c, &r.Enrolment, s.world(r), vars, ev)
		for _, t := range c.Traces {
			r.Traces = append(r.Traces, t.Trace)
		}
	}
	if d.Entry.Event == ev.Type {
		at := map[string]any{"event": vars, "profile": profileVars(&s.Profile), "now": s.now}
		if ok, _ := d.Entry.where.holds(at); ok {
			s.enter(ev.PublicID(), d.Entry.key.id(at), vars)
		}
	}
	return nil
}

// cross has the profile enter an audience or leave it. by is the run whose step that is, which sees it by itself.
func (s *dry) cross(number int64, on Crossing, by *Walked) {
	if s.in[number] == (on == Enters) {
		return
	}
	s.in[number] = on == Enters
	for _, r := range s.runs {
		if r == by || r.Enrolment.State.Ended() {
			continue
		}
		if why := s.Definition.exitNow(&r.Enrolment, s.world(r)); why != "" {
			r.Traces = append(r.Traces, Trace{At: s.now, Step: r.Enrolment.Step, Kind: "exit", Words: why})
			r.Enrolment.end(Exited, why, s.now, s.Definition)
		}
	}
	if s.Definition.Entry.Audience == number && s.Definition.Entry.On == on {
		s.enter(fmt.Sprintf("audience:%d:%d", number, s.now.UnixMilli()), "", map[string]any{"audience": number, "time": s.now, "data": map[string]any{}})
	}
}

func (s *dry) enter(entry, key string, vars map[string]any) {
	d := s.Definition
	key = d.Entry.keyOf(key, entry)
	var last time.Time
	var inside bool
	var runs int64
	for _, r := range s.runs {
		e := &r.Enrolment
		if e.Entry == entry {
			return
		}
		if !e.State.Ended() {
			runs++
		}
		if e.Key == key {
			last, inside = e.CreatedAt, inside || !e.State.Ended()
		}
	}
	if !d.Entry.admits(last, inside, runs, s.now) {
		return
	}
	r := &Walked{Enrolment: Enrolment{
		Tenant: s.tenant, ID: fmt.Sprintf("dry%s-%d", s.Seed, len(s.runs)+1), Journey: s.Number, Version: 1, Profile: s.Profile.ID, Key: key, Entry: entry, CreatedAt: s.now, UpdatedAt: s.now,
	}}
	r.Traces = append(r.Traces, d.enrol(&r.Enrolment, vars, s.now))
	s.runs = append(s.runs, r)
}
