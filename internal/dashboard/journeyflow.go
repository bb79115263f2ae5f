package dashboard

import (
	"cmp"
	"fmt"
	"html/template"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/chart"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/journey"
)

// flowView is the drawing of a journey.
type flowView struct {
	*chart.Flow
	Rows    []flowRow
	Counted bool // it has numbers of profiles
}

// Deep reports whether it needs more width than a phone has.
func (v *flowView) Deep() bool { return v.Depth > 3 }

// flowRow is a row of the drawing.
type flowRow struct {
	chart.FlowRow
	Title, Text, Icon string
	Link              string // empty: it leads nowhere
	Here, Failed      int64  // profiles that stand there
	Been, Now         bool   // of one run: it was there, it is there
}

// stepIcons has a picture for each kind of step, and for the other things that happen to a run.
var stepIcons = map[string]string{
	string(journey.WaitStep): "clock", string(journey.UntilStep): "hourglass", string(journey.FilterStep): "funnel", string(journey.BranchStep): "git-branch",
	string(journey.SplitStep): "split", string(journey.SendStep): "send", string(journey.AudienceStep): "users", string(journey.EndStep): "flag",
	"enter": "play", "exit": "log-out", "move": "chevron-right", "retry": "rotate-ccw", "fail": "circle-x",
}

// draw draws a journey's steps, with what pages of it have in common.
func (d *Dashboard) draw(q *request, def *journey.Definition) *flowView {
	f := chart.DrawFlow(flowSteps(def.Steps))
	v := &flowView{Flow: f}
	for i, r := range f.Rows {
		row := flowRow{FlowRow: r, Title: r.Name}
		s := def.Step(r.Name)
		switch {
		case i == 0:
			row.Title, row.Text, row.Icon = "Entry", d.describeEntry(q, def), stepIcons["enter"]
		case i == len(f.Rows)-1:
			row.Title, row.Icon = "End", stepIcons[string(journey.EndStep)]
		case r.Part == chart.FlowAJump:
			row.Title = cmp.Or(r.Name, "the end")
		case r.Part == chart.FlowAStep && s != nil:
			row.Text, row.Icon = d.describeStep(q.who.Tenant, s), stepIcons[string(s.Kind)]
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

func flowSteps(list []*journey.Step) (steps []chart.FlowStep) {
	for _, s := range list {
		x := chart.FlowStep{Name: s.Name, Through: s.Kind == journey.UntilStep, Ends: s.Kind == journey.EndStep}
		for _, c := range s.Cases {
			x.Ways = append(x.Ways, chart.FlowWay{Label: c.Label, Steps: flowSteps(c.Steps)})
		}
		steps = append(steps, x)
	}
	return steps
}

// count puts the profiles that stand in a version into its drawing.
func (v *flowView) count(places []journey.Place, version int, link func(step string) string) {
	v.Counted = true
	for i := range v.Rows {
		r := &v.Rows[i]
		if r.Part != chart.FlowAStep || r.Name == "" {
			continue
		}
		for _, p := range places {
			if p.Version != version || p.Step != r.Name {
				continue
			}
			if p.State == journey.Failed {
				r.Failed += p.Count
			} else {
				r.Here += p.Count
			}
		}
		r.Link = link(r.Name)
	}
}

// trail marks the steps that a run has taken.
func (v *flowView) trail(e *journey.Enrolment, traces []journey.Trace) {
	been := make(map[string]bool)
	for _, t := range traces {
		been[t.Step] = been[t.Step] || t.Kind != "move" && t.Kind != "retry" && t.Kind != "exit"
	}
	for i := range v.Rows {
		r := &v.Rows[i]
		last := i == len(v.Rows)-1
		switch {
		case r.Part != chart.FlowAStep:
		case i == 0:
			r.Been = true
		case last:
			r.Been = e.State == journey.Done
		default:
			r.Now = r.Name == e.Step && !e.State.Ended()
			r.Been = been[r.Name] && !r.Now
		}
	}
}

func (d *Dashboard) audienceName(tenant event.TenantID, number int64) string {
	if it, err := d.Audiences.Audience(tenant, number); err == nil {
		return fmt.Sprintf("%s (%d)", clip(it.Value.Name, 60), number)
	}
	return fmt.Sprint(number)
}

func (d *Dashboard) describeEntry(q *request, def *journey.Definition) string {
	e := &def.Entry
	if e.Audience != 0 && q.who.Allows(access.ViewRespondents) {
		if e.On == journey.Leaves {
			return "leaves the audience " + d.audienceName(q.who.Tenant, e.Audience)
		}
		return "enters the audience " + d.audienceName(q.who.Tenant, e.Audience)
	}
	return e.Describe()
}

// describeStep says in a few words what a step does, by the names that people know.
func (d *Dashboard) describeStep(tenant event.TenantID, s *journey.Step) string {
	switch s.Kind {
	case journey.WaitStep:
		if s.For > 0 {
			return "wait for " + s.Describe()
		}
		return "wait " + s.Describe()
	case journey.UntilStep:
		text := "wait for the event " + s.Describe()
		if s.EndOnTimeout {
			text += ", else the end"
		}
		return text
	case journey.FilterStep:
		return "only if " + s.Describe()
	case journey.BranchStep:
		return "the first case that holds"
	case journey.SplitStep:
		return "split " + s.Describe()
	case journey.SendStep:
		text := []string{"send by " + clip(d.connectionName(tenant, s.Connection), 60)}
		if s.ExternalID != "" {
			text = append(text, "to "+clip(s.ExternalID, 60))
		}
		if s.Operation != "enter" {
			text = append(text, "as "+s.Operation)
		}
		return strings.Join(text, " ")
	case journey.AudienceStep:
		if s.On == journey.Leaves {
			return "take out of the audience " + d.audienceName(tenant, s.Audience)
		}
		return "put into the audience " + d.audienceName(tenant, s.Audience)
	}
	return "the end of the journey"
}

// Mark is the picture in the mark of a step, drawn around a place.
func (f *frame) Mark(name string, x, y int) template.HTML {
	const half = 7                                                                                                                                                                                            // of an icon, in pixels
	return template.HTML(fmt.Sprintf(`<use class="icon" x="%d" y="%d" width="14" height="14" href="%sicons.svg#%s"/>`, x-half, y-half, template.HTMLEscapeString(f.Assets), template.HTMLEscapeString(name))) //nolint:gosec // a constant name in an address of ours
}

// trailPair gives a template the way of a run beside the frame.
type trailPair struct {
	*frame
	Log string // where its sends lead into the log; empty: they lead nowhere
	V   []trailItem
}

// Trail gives a template the way of a run.
func (f *frame) Trail(log string, items []trailItem) trailPair { return trailPair{f, log, items} }
