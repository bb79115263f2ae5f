package dashboard

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/definition"
	"github.com/relay-events/relay/internal/journey"
)

// dryForm says who is walked through a journey, what happens meanwhile, and what that came to.
type dryForm struct {
	Number                       string // of the journey
	Profile, Variables           string
	Consent, Audiences           string // purposes and numbers, with commas between them
	DoNotContact                 bool
	Start, Events, Refused, Seed string
	Wrong                        map[string]string
	Faults                       definition.Faults // of the events
	Ran                          bool
	Runs                         []dryRun
	Unfit                        bool // the document has mistakes
}

// dryRun is a run of a dry run.
type dryRun struct {
	Shown state
	Words string
	Due   time.Time
	Trail []trailItem
	Flow  *flowView
}

// startLayout is how a form writes the time at which a dry run begins.
const startLayout = "2006-01-02T15:04"

// newDry is the form before anything was typed.
func (d *Dashboard) newDry(def *journey.Definition, number string) dryForm {
	f := dryForm{Number: number, Profile: "p1", Start: d.now().UTC().Format(startLayout)}
	if def != nil {
		f.Events = def.SampleHappenings(f.Profile)
	}
	return f
}

// readDry takes what was typed.
func (d *Dashboard) readDry(q *request) dryForm {
	return dryForm{
		Number: q.value("number"), Profile: q.form.Get("profileId"), Variables: q.value("variables"), Consent: q.value("consent"), Audiences: q.value("audiences"),
		DoNotContact: q.value("doNotContact") != "", Start: q.value("start"), Events: strings.ReplaceAll(q.form.Get("events"), "\r\n", "\n"), Refused: q.value("refused"), Seed: q.value("seed"), Wrong: make(map[string]string),
	}
}

// parts splits a field with commas in it.
func parts(text string) []string {
	var found []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			found = append(found, part)
		}
	}
	return found
}

// walk runs what the form says through a journey.
func (d *Dashboard) walk(q *request, f *dryForm, def *journey.Definition) error {
	start, err := time.Parse(startLayout, f.Start)
	if err != nil {
		f.Wrong["start"] = "must be a date and a time"
		start = d.now().UTC()
	}
	if strings.TrimSpace(f.Events) == "" {
		f.Events = def.SampleHappenings(f.Profile)
	}
	t := &journey.Trial{Definition: def, Outcomes: make(map[string]journey.SendState), Seed: f.Seed}
	t.Number, _ = strconv.ParseInt(f.Number, 10, 64)
	in := &audience.Input{DoNotContact: &f.DoNotContact, Consent: make(map[string]*audience.Consent)}
	if f.Variables != "" {
		in.Variables = json.RawMessage(f.Variables)
		var object map[string]json.RawMessage
		if json.Unmarshal(in.Variables, &object) != nil || object == nil {
			f.Wrong["variables"] = `must be a JSON object, such as {"name": "Ann"}`
			in.Variables = nil
		}
	}
	for _, purpose := range parts(f.Consent) {
		in.Consent[purpose] = &audience.Consent{State: audience.Granted}
	}
	for _, text := range parts(f.Audiences) {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			f.Wrong["audiences"] = "must be numbers with commas between them"
		}
		t.In = append(t.In, n)
	}
	sends := def.Sends()
	for _, step := range parts(f.Refused) {
		if !slices.Contains(sends, step) {
			f.Wrong["refused"] = "must be steps that send: " + strings.Join(sends, ", ")
		}
		t.Outcomes[step] = journey.SendRejected
	}
	t.Happenings, f.Faults = journey.ReadHappenings(f.Events, q.who.Tenant, start)
	if err := in.Fill(f.Profile, &t.Profile); err != nil {
		if err := refuseFields(err, f.Wrong, "profileId", "variables", "consent"); err != nil {
			return err
		}
	}
	if len(f.Wrong)+len(f.Faults) > 0 {
		return nil
	}
	runs, err := d.Journeys.DryRun(q.who.Tenant, t)
	if err != nil {
		return refuseFields(err, f.Wrong, "events")
	}
	f.Ran = true
	for _, r := range runs {
		f.Runs = append(f.Runs, d.showDry(q, def, r))
	}
	return nil
}

func (d *Dashboard) showDry(q *request, def *journey.Definition, r *journey.Walked) dryRun {
	e := &r.Enrolment
	v := dryRun{Shown: runStates[e.State], Words: d.standing(q, e, def, false), Due: e.Due, Trail: d.trail(q, r.Traces, r.Sends, true), Flow: d.draw(q, def)}
	v.Flow.trail(e, r.Traces)
	return v
}

// journeyTryDraft walks through the document that is being edited.
func (d *Dashboard) journeyTryDraft(_ context.Context, q *request) (answer, error) {
	f := d.readDry(q)
	found, def := d.inspectJourney(q, q.document())
	if len(found.Faults) > 0 {
		f.Unfit = true
	} else if err := d.walk(q, &f, def); err != nil {
		return answer{}, err
	}
	a := answer{page: "journey-form", block: "journey-dry", title: "Dry run", section: "journeys", data: &journeyForm{New: true, Number: f.Number, Next: 1, Document: q.document(), Found: found, Dry: f}}
	if len(f.Wrong)+len(f.Faults) > 0 || f.Unfit {
		a.status = 422
	}
	return a, nil
}

type dryPageView struct {
	journeyView
	Dry dryForm
}

func (d *Dashboard) dryRunPage(ctx context.Context, q *request) (answer, error) {
	v, err := d.journey(ctx, q)
	if err != nil {
		return answer{}, err
	}
	return answer{page: "journey-try", title: "Dry run", section: "journeys", data: dryPageView{v, d.newDry(v.Value.Current().Definition(), v.NumberText())}}, nil
}

// dryRun walks through the current version of a journey.
func (d *Dashboard) dryRun(ctx context.Context, q *request) (answer, error) {
	v, err := d.journey(ctx, q)
	if err != nil {
		return answer{}, err
	}
	f := d.readDry(q)
	f.Number = v.NumberText()
	if err := d.walk(q, &f, v.Value.Current().Definition()); err != nil {
		return answer{}, err
	}
	a := answer{page: "journey-try", block: "journey-dry", title: "Dry run", section: "journeys", data: dryPageView{v, f}}
	if len(f.Wrong)+len(f.Faults) > 0 {
		a.status = 422
	}
	return a, nil
}
