package dashboard

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/definition"
	"github.com/relay-events/relay/internal/journey"
	"github.com/relay-events/relay/internal/problem"
)

// maxJourneyForm bounds a form with a journey's document and a dry run, in bytes: each byte of it may take three in a form.
const maxJourneyForm = 3*journey.MaxDocument + 1<<20

// journeyForm is the editor of a journey.
type journeyForm struct {
	New         bool
	Number      string
	Name        string // of the journey that is edited
	Next        int    // the version that publishing makes
	Document    string
	Was         string // the version that the form was made from
	Mode        string // of a new one
	Changed     bool   // somebody else has published meanwhile
	Wrong       string
	WrongNumber string
	Found       *journeyFindings
	Plan        limit
	Dry         dryForm
}

// journeyFindings are the mistakes of a document, or a drawing of it.
type journeyFindings struct {
	Faults definition.Faults
	Flow   *flowView // nil: it cannot be drawn
	Name   string
}

// inspectJourney reads a document. Nothing is stored.
func (d *Dashboard) inspectJourney(q *request, document string) (*journeyFindings, *journey.Definition) {
	f := &journeyFindings{}
	def, faults := d.Journeys.Check(q.who.Tenant, document)
	f.Faults = faults
	if def != nil {
		f.Name, f.Flow = def.Name, d.draw(q, def)
	}
	return f, def
}

func (f *journeyForm) answer(status int) answer {
	a := answer{page: "journey-form", title: "Create journey", section: "journeys", data: f, status: status}
	if !f.New {
		a.title = "Edit journey"
	}
	return a
}

// exampleJourney is what a new journey begins with: a short one that works. It sends by a connection of the tenant's, if it has
// one that needs no more than a name.
func (d *Dashboard) exampleJourney(q *request) string {
	greet, remind := "", ""
	for _, it := range d.Connectors.Connections(q.who.Tenant) {
		e, err := d.Connectors.DefinitionOf(q.who.Tenant, &it.Value)
		if err != nil || e.State != connector.Live && !e.Standard {
			continue
		}
		for _, external := range []string{"welcome", "WELCOME", ""} {
			if e.CheckExternalID(external) != "" {
				continue
			}
			at := ""
			if external != "" {
				at = ", externalId: " + external
			}
			greet = fmt.Sprintf("  - name: greet\n    send: {connection: %s%s}   # %s\n", it.Name, at, comment(it.Value.Name))
			remind = fmt.Sprintf("        - {name: remind, send: {connection: %s%s, data: {reminder: true}}}\n", it.Name, at)
			break
		}
		if greet != "" {
			break
		}
	}
	if greet == "" {
		greet = "  # Once there is a connection, the journey can send by it:\n  # - name: greet\n  #   send: {connection: con_…, externalId: welcome}\n"
	}
	return `name: Welcome
profile: event.data.customer        # whom an event is about
entry:
  event: customer.created           # who enters
exit:
  - {event: customer.deleted}       # leaves, wherever it stands
steps:
` + greet + `  - name: order
    until:
      event: order.created          # waits for an order …
      timeout: 3d                   # … but not for longer
      onTimeout:
        - {name: morning, wait: {until: "09:00"}}
` + remind + `  - name: rest
    wait: {for: 7d}
`
}

// comment is a name as a comment of a document can have it.
func comment(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, clip(s, 60))
}

func (d *Dashboard) journeyNew(_ context.Context, q *request) (answer, error) {
	f := &journeyForm{New: true, Next: 1, Number: d.nextNumber(q), Document: d.exampleJourney(q), Mode: string(journey.Live), Plan: d.journeyLimit(q)}
	var def *journey.Definition
	f.Found, def = d.inspectJourney(q, f.Document)
	f.Dry = d.newDry(def, "")
	return f.answer(0), nil
}

// nextNumber is one that neither a journey nor an audience has.
func (d *Dashboard) nextNumber(q *request) string {
	next := int64(200)
	for _, it := range d.Journeys.List(q.who.Tenant) {
		next = max(next, journey.Number(it))
	}
	for next++; ; next++ {
		if _, err := d.Audiences.Audience(q.who.Tenant, next); err != nil {
			return strconv.FormatInt(next, 10)
		}
	}
}

func (d *Dashboard) journeyEdit(ctx context.Context, q *request) (answer, error) {
	v, err := d.journey(ctx, q)
	if err != nil {
		return answer{}, err
	}
	f := editing(&v)
	var def *journey.Definition
	f.Found, def = d.inspectJourney(q, f.Document)
	f.Dry = d.newDry(def, f.Number)
	return f.answer(0), nil
}

func editing(v *journeyView) *journeyForm {
	return &journeyForm{Number: v.NumberText(), Name: v.Title(), Next: v.Current() + 1, Was: strconv.Itoa(v.Current()), Document: v.Value.Current().Document}
}

// journeyCheck checks a document while it is being written.
func (d *Dashboard) journeyCheck(_ context.Context, q *request) (answer, error) {
	f := &journeyForm{New: true, Document: q.document()}
	f.Found, _ = d.inspectJourney(q, f.Document)
	a := f.answer(0)
	a.block = "journey-findings"
	return a, nil
}

func (d *Dashboard) journeyCreate(ctx context.Context, q *request) (answer, error) {
	f := &journeyForm{New: true, Next: 1, Number: q.value("number"), Document: q.document(), Mode: q.value("mode"), Plan: d.journeyLimit(q)}
	number, err := strconv.ParseInt(f.Number, 10, 64)
	if err != nil {
		err = problem.InvalidField("number", "must be a whole number")
	} else {
		_, err = d.Journeys.Create(ctx, q.who, number, f.Document, journey.Mode(f.Mode))
	}
	if err == nil {
		return answer{to: q.path("journeys", f.Number)}, nil
	}
	return d.refuseJourney(q, f, err)
}

func (d *Dashboard) journeySave(ctx context.Context, q *request) (answer, error) {
	v, err := d.journey(ctx, q)
	if err != nil {
		return answer{}, err
	}
	f := editing(&v)
	now := f.Was
	f.Document, f.Was = q.document(), q.value("was")
	if f.Was != now {
		f.Changed, f.Was = true, now
		f.Found, _ = d.inspectJourney(q, f.Document)
		f.Dry = d.readDry(q)
		return f.answer(409), nil
	}
	if _, err := d.Journeys.Publish(ctx, q.who, v.Number, f.Document); err != nil {
		return d.refuseJourney(q, f, err)
	}
	return answer{to: q.path("journeys", f.Number)}, nil
}

// refuseJourney shows the editor again, with what is wrong.
func (d *Dashboard) refuseJourney(q *request, f *journeyForm, err error) (answer, error) {
	kind := problem.KindOf(err)
	if kind != problem.Invalid && kind != problem.Conflict && kind != problem.PlanLimit {
		return answer{}, err
	}
	f.Found, _ = d.inspectJourney(q, f.Document)
	f.Dry = d.readDry(q)
	if len(f.Found.Faults) == 0 {
		p := asProblem(err)
		if len(p.Fields) == 1 && p.Fields[0].Name == "number" {
			f.WrongNumber = p.Fields[0].Reason
		} else if f.New && kind == problem.Conflict {
			f.WrongNumber = cmp.Or(p.Detail, "is that of another journey")
		} else {
			f.Wrong = sentence(reasons(err))
		}
	}
	return f.answer(kind.Status()), nil
}
