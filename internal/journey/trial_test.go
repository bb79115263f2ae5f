package journey_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/journey"
)

// TestReadHappenings: what happens in a dry run is read as people write it, and mistakes in it are told with line and column.
func TestReadHappenings(t *testing.T) {
	start := time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)
	list, faults := journey.ReadHappenings(`
- {at: 90m, type: a.b, key: k, data: {n: 1, list: [true, null, "${x}"], at: 2026-01-02}, attributes: {x: y}}
- {at: 2027-01-01T00:00:00+01:00, audience: 7, on: leave}
- type: c
`, tenant, start)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var got []string
	for _, h := range list {
		text := h.At.Format(time.RFC3339)
		if h.Event != nil {
			text += fmt.Sprintf(" %s %s %s %s", h.Event.Type, h.Event.Key, h.Event.Data, h.Event.Attributes)
		} else {
			text += fmt.Sprintf(" %s %d", h.On, h.Audience)
		}
		got = append(got, text)
	}
	want := "2026-12-01T11:30:00Z a.b k {\"n\":1,\"list\":[true,null,\"${x}\"],\"at\":\"2026-01-02\"} {\"x\":\"y\"}\n2026-12-31T23:00:00Z leave 7\n2026-12-01T10:00:00Z c   "
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s, want\n%s", strings.Join(got, "\n"), want)
	}
	for text, want := range map[string]string{
		"":                             "must not be empty",
		"[]":                           "must have at least one event",
		"{at: 1h}":                     "must be a list",
		"- {at: soon, type: a}":        `line 1, column 8: [0].at must be a time such as`,
		"- {at: 1h}":                   "must have one of type, audience",
		"- {type: a, audience: 7}":     "cannot be given together with type",
		"- {type: a, on: leave}":       "goes with audience only",
		"- {type: a}\n- {typ: b}":      `line 2, column 4: [1].typ is not known; did you mean "type"?`,
		"- {type: a, data: {x: .inf}}": "must be a value of JSON",
		"- {type: 'a b'}":              "must be a type of events",
		"- {type: a, data: &x {y: 1}}": "no anchors",
		"- {type: a, data: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "}": "is nested too deeply",
	} {
		if _, faults := journey.ReadHappenings(text, tenant, start); !strings.Contains(faults.Error(), want) {
			t.Errorf("%s: got %q, want %q", text, faults.Error(), want)
		}
	}
}

// TestSampleHappenings: the sample of a journey has a profile enter it, as far as its expressions are simple.
func TestSampleHappenings(t *testing.T) {
	r := newRig(t, "")
	for document, want := range map[string]string{
		"profile: event.data.customer.id\nentry: {event: order.created, where: \"event.data.country == 'DK' && event.data.total.items == 3\", key: event.key}\nexit: [{event: order.canceled}]": `- {at: 0m, type: order.created, key: "1", data: {"country":"DK","customer":{"id":"p"},"total":{"items":3}}}
# - {at: 1d, type: paid, key: "1", data: {"customer":{"id":"p"}}}
# - {at: 1d, type: order.canceled, key: "1", data: {"customer":{"id":"p"}}}
`,
		"profile: event.key\nentry: {audience: 7, on: leave}": "- {at: 0m, audience: 7, on: leave}\n# - {at: 1d, type: paid, key: \"p\"}\n",
	} {
		d, err := journey.Parse("name: n\n" + document + "\nsteps: [{name: a, until: {event: paid, timeout: 1d}}]")
		if err != nil {
			t.Fatal(err)
		}
		got := d.SampleHappenings("p")
		if got != want {
			t.Errorf("%s: got\n%s, want\n%s", document, got, want)
		}
		trial := &journey.Trial{Definition: d}
		trial.Profile.ID, trial.In = "p", []int64{7}
		var faults error
		if list, wrong := journey.ReadHappenings(got, tenant, time.Now()); len(wrong) == 0 {
			trial.Happenings = list
		} else {
			faults = wrong
		}
		runs, err := r.journeys.DryRun(tenant, trial)
		if faults != nil || err != nil || len(runs) != 1 {
			t.Errorf("%s: the sample leads to %d runs: %v %v", document, len(runs), faults, err)
		}
	}
}

// TestReferences: what a document names and is not there is told with its place.
func TestReferences(t *testing.T) {
	r := newRig(t, strings.Replace(note, "use: optional", "use: required", 1))
	_, faults := r.journeys.Check(tenant, strings.ReplaceAll(`name: n
profile: event.data.who
entry: {audience: 8}
exit:
  - {notIn: 9}
steps:
  - {name: a, send: {connection: con_none}}
  - {name: b, send: {connection: CON}}
  - {name: c, audience: {remove: 10}}
`, "CON", r.con))
	want := `line 3, column 19: entry.audience names an audience that is not there: 8
line 5, column 13: exit[0].notIn names an audience that is not there: 9
line 7, column 34: steps[0].send.connection names a connection that is not there: "con_none"
line 8, column 34: steps[1].send.externalId must not be blank: the connector Note uses it
line 9, column 34: steps[2].audience.remove names an audience that is not there: 10`
	if faults.Error() != want {
		t.Errorf("got\n%s, want\n%s", faults.Error(), want)
	}
}
