package journey_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/journey"
	"github.com/relay-events/relay/internal/problem"
)

// TestPayload: a send has the bytes of the document's example for its values.
func TestPayload(t *testing.T) {
	r := newRig(t, "")
	source := "94844bd8-f129-480d-a1c9-e806d177d15a"
	id := "29401b86-7c96-43d6-a40d-9f0ea670e19f"
	r.profile(id, &audience.Input{SourceID: &source, PartnerIDs: map[string][]string{"2001": {"037f9dcf-e108-481a-8ad2-e6988e1acfa7"}}, Variables: json.RawMessage(`{"TestVar":"testValue"}`)})
	r.create(101, `
name: example
profile: event.data.who
entry: {event: go}
data: {Custom: Test}
steps:
  - {name: one, send: {connection: CON, externalId: "2582431", data: {Custom: "Test ${'Custom'}"}}}
  - {name: two, send: {connection: CON, externalId: " Ab "}}
  - {name: three, send: {connection: CON, data: {n: "${entry.data.n}", gone: "${entry.data.gone}", t: ["${profile.variables.TestVar}!"]}}}
`)
	r.run()
	r.publish("go", `{"who":"`+id+`","n":12345678901234567}`)
	r.until("three sends", func() bool { return len(r.requests()) == 3 })
	const head, tail = `{"siteNumber":1234,"partnerNumber":2001,"partnerAudienceId":`, `,"relay42AudienceNumber":101,"partnerIds":["037f9dcf-e108-481a-8ad2-e6988e1acfa7"],"audienceVariables":{"TestVar":"testValue"},"profileId":"29401b86-7c96-43d6-a40d-9f0ea670e19f","sourceId":"94844bd8-f129-480d-a1c9-e806d177d15a","data":`
	want := []string{
		head + `"2582431"` + tail + `{"Custom":"Test Custom"}}`,
		head + `" Ab "` + tail + `{"Custom":"Test"}}`,
		head + `""` + tail + `{"Custom":"Test","n":12345678901234567,"t":["testValue!"]}}`,
	}
	var got []string
	for _, x := range r.requests() {
		got = append(got, x.body)
	}
	slices.Sort(got)
	slices.Sort(want)
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got  %s\nwant %s", got[i], want[i])
		}
	}
	e := r.untilState(101, id, journey.Done)
	if got := r.trail(e.ID); got != "enter one, send one, send two, send three" {
		t.Errorf("got %s", got)
	}
	r.until("all are delivered", func() bool {
		sends, err := r.Store.SendList(ctx, tenant, e.ID)
		r.check(err)
		return !slices.ContainsFunc(sends, func(s journey.Send) bool { return s.State != journey.SendDelivered })
	})
}

const twoSteps = `
name: two
profile: event.data.who
entry: {event: go}
exit: [{event: stop}]
steps:
  - {name: pause, wait: {for: 1h}}
  - {name: greet, send: {connection: CON}}
`

// TestExitDuringRendering: an exit that is stored while the step behind a wait is being rendered is the last word: nothing is
// sent.
func TestExitDuringRendering(t *testing.T) {
	r := newRig(t, "")
	r.create(201, strings.Replace(twoSteps, "1h", "1s", 1))
	exited := 0
	r.journeys.Rendering(func() {
		list := r.runs(201, "p")
		if len(list) == 1 && list[0].Step == "pause" && list[0].State == journey.Waiting && !list[0].Due.After(time.Now()) {
			exited++
			r.check(r.journeys.Observe(ctx, &event.Event{ID: 7, Tenant: tenant, Type: "stop", Data: []byte(`{"who":"p"}`)}))
		}
	})
	r.run()
	r.publish("go", `{"who":"p"}`)
	e := r.untilState(201, "p", journey.Exited)
	if got := r.trail(e.ID); got != "enter pause, exit pause" || exited != 1 {
		t.Errorf("got %s, exited %d times", got, exited)
	}
	if sends, err := r.Store.SendList(ctx, tenant, e.ID); err != nil || len(sends) != 0 {
		t.Errorf("got %+v, %v", sends, err)
	}
	if e.Notes.Words != "an event of the type stop came" {
		t.Errorf("got %q", e.Notes.Words)
	}
}

// gathering waits for two profiles, so that a send can be handed over and not begun.
const gathering = `connector: pair
version: 1.0.0
kind: message
name: Pair
partnerNumber: 2001
connection: {url: {type: url}}
item: {who: "${payload.profileId}"}
aggregate: {maxProfiles: 2, maxWait: 1h}
message: {url: "${connection.url}", body: {all: "${items}"}}
tests: [{name: a, answer: {status: 200}, verdict: delivered}]
`

// TestExitAfterHandingOver: a send that the engine has, but has not begun, is canceled by an exit.
func TestExitAfterHandingOver(t *testing.T) {
	r := newRig(t, gathering)
	r.create(201, `
name: two
profile: event.data.who
entry: {event: go}
exit: [{event: stop}]
steps:
  - {name: greet, send: {connection: CON}}
  - {name: pause, wait: {for: 1h}}
`)
	r.run()
	r.publish("go", `{"who":"leaves"}`)
	pending := func(profile string, state journey.SendState) func() bool {
		return func() bool {
			list := r.runs(201, profile)
			if len(list) != 1 {
				return false
			}
			sends, err := r.Store.SendList(ctx, tenant, list[0].ID)
			r.check(err)
			return len(sends) == 1 && sends[0].State == state
		}
	}
	r.until("the send is handed over", pending("leaves", journey.SendPending))
	r.publish("stop", `{"who":"leaves"}`)
	r.until("the send is canceled", pending("leaves", journey.SendCanceled))
	r.publish("go", `{"who":"stays"}`)
	r.until("who stays is sent", pending("stays", journey.SendDelivered))
	for _, x := range r.requests() {
		if strings.Contains(x.body, "leaves") {
			t.Errorf("got %s", x.body)
		}
	}
}

// TestEntryOnce: an event that is brought again starts nothing, and re-entry follows its rule.
func TestEntryOnce(t *testing.T) {
	r := newRig(t, "")
	observe := func(id event.ID, data string) {
		t.Helper()
		r.check(r.journeys.Observe(ctx, &event.Event{ID: id, Tenant: tenant, Type: "go", Data: []byte(data), Time: time.Now()}))
	}
	for i, c := range []struct {
		rule string
		want int // runs after five events, the second of which is the first one again
	}{
		{"reentry: never", 1}, {"reentry: afterEnd", 1}, {"reentry: always", 4}, {"reentry: afterEnd, key: event.data.order", 2}, {"where: event.data.order == 'b'", 1}, {"where: event.data.none", 0},
	} {
		number := int64(300 + i)
		it := r.create(number, `{name: n, profile: event.data.who, entry: {event: go, `+c.rule+`}, steps: [{name: pause, wait: {for: 1h}}]}`)
		for k, order := range []string{"a", "a", "a", "b", "a"} {
			observe(event.ID(max(k, 1)), `{"who":"p","order":"`+order+`"}`)
		}
		if got := r.runs(number, "p"); len(got) != c.want {
			t.Errorf("%s: got %d runs, want %d: %+v", c.rule, len(got), c.want, got)
		}
		_, err := r.journeys.SetMode(ctx, r.who, number, journey.Stopped, "")
		r.check(err)
		r.check(r.journeys.Delete(ctx, r.who, journey.Number(it)))
	}
}

// TestCooldown: the next entry of a key is possible when the cooldown is over.
func TestReentry(t *testing.T) {
	r := newRig(t, "")
	r.create(201, `{name: n, profile: event.data.who, entry: {event: go, cooldown: 1h}, steps: [{name: over, end: {}}]}`)
	r.create(202, `{name: n, profile: event.data.who, entry: {event: go}, steps: [{name: over, end: {}}]}`)
	r.create(203, `{name: n, profile: event.data.who, entry: {event: go, reentry: never}, steps: [{name: over, end: {}}]}`)
	r.run()
	for i := range 2 {
		r.publish("go", `{"who":"p"}`)
		for number, want := range map[int64]int{201: 1, 202: i + 1, 203: 1} {
			r.until("the end", func() bool {
				list := r.runs(number, "p")
				return len(list) == want && list[want-1].State == journey.Done
			})
		}
	}
}

// TestAudiences: a profile that enters an audience starts a journey, the journey has it enter another, and leaving takes it out.
func TestAudiences(t *testing.T) {
	r := newRig(t, "")
	for number, name := range map[int64]string{7: "seven", 8: "eight"} {
		_, err := r.audiences.Create(ctx, r.who, number, audience.Audience{Name: name})
		r.check(err)
	}
	r.create(201, `
name: n
entry: {audience: 7}
exit: [{notIn: 7}]
steps:
  - {name: join, audience: {add: 8}}
  - {name: pause, wait: {for: 1h}}
  - {name: over, end: }
`)
	r.create(202, `{name: n, entry: {audience: 8, on: enter, reentry: never}, steps: [{name: out, audience: {remove: 8}}]}`)
	r.create(203, `{name: n, entry: {audience: 8, on: leave}, steps: [{name: over, end: }]}`)
	r.run()
	r.check(r.audiences.Enter(ctx, tenant, 7, "p", nil))
	r.untilState(202, "p", journey.Done)
	r.untilState(203, "p", journey.Done)
	e := r.untilState(201, "p", journey.Waiting)
	if _, err := r.audiences.Leave(ctx, tenant, 7, "p"); err != nil {
		t.Fatal(err)
	}
	r.untilState(201, "p", journey.Exited)
	if got := r.trail(e.ID); got != "enter join, audience join, exit pause" {
		t.Errorf("got %s", got)
	}
	for number, want := range map[int64]string{7: "names it", 201: "same number"} {
		if err := r.audiences.Delete(ctx, r.who, number); number == 7 && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("deleting %d: got %v", number, err)
		}
		if _, err := r.audiences.Create(ctx, r.who, number, audience.Audience{Name: "x"}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("making %d: got %v, want %q", number, err, want)
		}
	}
}

// TestActsComeLast: what stands in front of a change of an audience is stored before that, which may take the profile out.
func TestActsComeLast(t *testing.T) {
	r := newRig(t, "")
	_, err := r.audiences.Create(ctx, r.who, 8, audience.Audience{Name: "eight"})
	r.check(err)
	r.create(201, `
name: n
profile: event.data.who
entry: {event: go}
exit: [{in: 8}]
steps:
  - {name: greet, send: {connection: CON}}
  - {name: join, audience: {add: 8}}
  - {name: never, send: {connection: CON}}
`)
	joined := 0
	r.journeys.Rendering(func() {
		n, err := r.audiences.MemberCount(ctx, tenant, 8)
		r.check(err)
		if n == 0 {
			return
		}
		joined++
		sends, err := r.Store.SendList(ctx, tenant, r.runs(201, "p")[0].ID)
		if err != nil || len(sends) != 1 || sends[0].Step != "greet" {
			t.Errorf("the profile has joined, and the sends are %+v, %v", sends, err)
		}
	})
	r.run()
	r.publish("go", `{"who":"p"}`)
	e := r.untilState(201, "p", journey.Exited)
	if got := r.trail(e.ID); got != "enter greet, send greet, audience join, exit never" || joined == 0 {
		t.Errorf("got %s, looked %d times", got, joined)
	}
}

// TestFailedStep: a step that cannot be taken says why, its run stays, and goes on when it is retried.
func TestFailedStep(t *testing.T) {
	r := newRig(t, "")
	r.create(201, `{name: n, profile: event.data.who, entry: {event: go}, exit: [{event: stop}], steps: [{name: late, wait: {untilField: profile.variables.at}}, {name: num, filter: {when: "profile.variables.n > 1"}}]}`)
	r.run()
	for _, p := range []string{"p", "q"} {
		r.profile(p, variables(`{"n":"text","at":"2020-01-01"}`))
		r.publish("go", `{"who":"`+p+`"}`)
	}
	r.publish("go", `{"who":"none"}`)
	if e := r.untilState(201, "p", journey.Failed); !strings.Contains(e.Notes.Words, "profile.variables.n > 1") || e.Step != "num" {
		t.Errorf("got %+v", e)
	}
	if e := r.untilState(201, "none", journey.Failed); !strings.Contains(e.Notes.Words, "has no value") {
		t.Errorf("got %+v", e)
	}
	e := r.untilState(201, "q", journey.Failed)
	r.profile("p", variables(`{"n":2,"at":"2020-01-01"}`))
	if n, err := r.journeys.RetryAll(ctx, r.who, 201); err != nil || n != 3 {
		t.Errorf("retried %d, %v", n, err)
	}
	r.untilState(201, "p", journey.Done)
	r.until("q has failed again", func() bool { return strings.HasSuffix(r.trail(e.ID), "retry num, fail num") })
	r.profile("q", variables(`{"n":0}`))
	if _, err := r.journeys.Retry(ctx, r.who, 201, e.ID); err != nil {
		t.Fatal(err)
	}
	if e := r.untilState(201, "q", journey.Done); e.Notes.Words != "filtered by num" {
		t.Errorf("got %+v", e)
	}
	if _, err := r.journeys.Retry(ctx, r.who, 201, e.ID); problemKind(err) != problem.Conflict {
		t.Errorf("retrying one that is done: got %v", err)
	}
	r.publish("stop", `{"who":"none"}`)
	r.untilState(201, "none", journey.Exited)
}

func problemKind(err error) problem.Kind {
	var p *problem.Error
	if errors.As(err, &p) {
		return p.Kind
	}
	return problem.Internal
}

// TestOutcomes: a journey that looks at what came of a send waits for it.
func TestOutcomes(t *testing.T) {
	r := newRig(t, strings.Replace(note, "tests:", "answers: [{when: 'status == 400', then: rejected, say: 'no such member'}]\ntests:", 1))
	r.answer = func(body string, w http.ResponseWriter) {
		if strings.Contains(body, `"bad"`) {
			w.WriteHeader(400)
		}
	}
	r.create(201, `
name: n
profile: event.data.who
entry: {event: go}
steps:
  - {name: greet, send: {connection: CON}}
  - name: ok
    branch: {cases: [{when: "steps.greet.outcome == 'delivered'", steps: [{name: happy, end: {}}]}], else: [{name: sad, send: {connection: CON, onRejected: end}}, {name: never, wait: {for: 1h}}]}
`)
	r.run()
	r.publish("go", `{"who":"good"}`)
	r.publish("go", `{"who":"bad"}`)
	e := r.untilState(201, "good", journey.Done)
	if got := r.trail(e.ID); got != "enter greet, send greet, branch ok, end happy" {
		t.Errorf("got %s", got)
	}
	e = r.untilState(201, "bad", journey.Done)
	if got := r.trail(e.ID); got != "enter greet, send greet, branch ok, send sad" || e.Notes.Words != "sad was rejected: no such member" {
		t.Errorf("got %s: %s", got, e.Notes.Words)
	}
}

// TestBars: who must not be contacted, or has not agreed, is passed over, and the journey goes on.
func TestBars(t *testing.T) {
	r := newRig(t, "")
	r.create(201, `{name: n, profile: event.data.who, entry: {event: go}, steps: [{name: a, send: {connection: CON, consentPurpose: news}}, {name: b, send: {connection: CON, operation: leave}}]}`)
	r.run()
	no := true
	granted := map[string]*audience.Consent{"news": {State: audience.Granted}}
	r.profile("silent", &audience.Input{DoNotContact: &no, Consent: granted})
	r.profile("unasked", &audience.Input{})
	r.profile("agreed", &audience.Input{Consent: granted})
	for id, want := range map[string]string{"silent": "skipped delivered", "unasked": "skipped delivered", "agreed": "delivered delivered"} {
		r.publish("go", `{"who":"`+id+`"}`)
		e := r.untilState(201, id, journey.Done)
		r.until(id+" has got what it is to get", func() bool {
			sends, err := r.Store.SendList(ctx, tenant, e.ID)
			r.check(err)
			states := map[string]string{}
			for _, s := range sends {
				states[s.Step] = string(s.State)
			}
			return states["a"]+" "+states["b"] == want
		})
	}
	if n := len(r.requests()); n != 4 {
		t.Errorf("got %d requests, want 4", n)
	}
}

// TestVersions: who is inside stays in the version of the entry, and a move brings everybody where its preview said.
func TestVersions(t *testing.T) {
	r := newRig(t, "")
	step := func(names ...string) string {
		var list []string
		for _, n := range names {
			list = append(list, `{name: `+n+`, wait: {for: 1h}}`)
		}
		return `{name: n, profile: event.data.who, entry: {event: go}, steps: [` + strings.Join(list, ", ") + `]}`
	}
	r.create(201, step("a", "gone"))
	stop := r.run()
	for i := range 30 {
		r.publish("go", fmt.Sprintf(`{"who":"p%d"}`, i))
	}
	r.until("all wait", func() bool {
		places, _, err := r.journeys.Counts(ctx, tenant, 201)
		r.check(err)
		return len(places) == 1 && places[0] == journey.Place{Version: 1, Step: "a", State: journey.Waiting, Count: 30}
	})
	stop() // nothing moves by itself from here on
	_, err := r.journeys.Publish(ctx, r.who, 201, step("new", "a"))
	r.check(err)
	for i := range 10 { // some stand in a step that is gone
		e := r.runs(201, fmt.Sprint("p", i))[0]
		e.Step = "gone"
		r.check(r.Store.JourneyChange(ctx, &journey.Change{Tenant: tenant, Put: []*journey.Enrolment{&e}}))
	}
	r.check(r.journeys.Observe(ctx, &event.Event{ID: 99, Tenant: tenant, Type: "go", Data: []byte(`{"who":"later"}`)}))
	due := r.runs(201, "p20")[0].Due
	move := &journey.Move{}
	_, err = r.journeys.Move(ctx, r.who, 201, move)
	if problemKind(err) != problem.Invalid || !strings.Contains(err.Error(), "steps.gone must say where the 10 go on") {
		t.Errorf("got %v", err)
	}
	move.Steps = map[string]string{"gone": "nowhere"}
	if _, err = r.journeys.PreviewMove(ctx, tenant, 201, move); problemKind(err) != problem.Invalid {
		t.Errorf("got %v", err)
	}
	move.Steps["gone"] = "new"
	preview, err := r.journeys.PreviewMove(ctx, tenant, 201, move)
	if err != nil || len(preview) != 2 || preview[0].To != "a" || preview[0].Count != 20 || preview[1].To != "new" || preview[1].Count != 10 {
		t.Fatalf("got %+v, %v", preview, err)
	}
	if e := r.runs(201, "p0")[0]; e.Version != 1 || e.Step != "gone" {
		t.Errorf("a preview has changed %+v", e)
	}
	if n, err := r.journeys.Move(ctx, r.who, 201, move); err != nil || n != 30 {
		t.Errorf("moved %d, %v", n, err)
	}
	places, _, err := r.journeys.Counts(ctx, tenant, 201)
	want := []journey.Place{{Version: 2, Step: "a", State: journey.Waiting, Count: 20}, {Version: 2, Step: "new", State: journey.Running, Count: 11}}
	if err != nil || !slices.Equal(places, want) {
		t.Errorf("got %+v, %v, want %+v", places, err, want)
	}
	if e := r.runs(201, "p20")[0]; !e.Due.Equal(due) {
		t.Errorf("the wait ends at %v, and ended at %v before", e.Due, due)
	}
}

// TestDocuments: mistakes are named with their lines, and nothing is stored.
func TestDocuments(t *testing.T) {
	r := newRig(t, "")
	good := `name: n
profile: event.data.who
entry: {event: go, key: event.data.k}
steps:
  - {name: a, wait: {for: 1h}}
`
	for change, want := range map[string]string{
		"":                                "",
		"for: 1h|for: 0s":                 "line 5, column 27: steps[0].wait.for must be a duration",
		"for: 1h|for: 400d":               "steps[0].wait.for must be a duration",
		"for: 1h|until: 9":                "steps[0].wait.until must be a time of day",
		"for: 1h|fro: 1h":                 `steps[0].wait.fro is not known; did you mean "for"?`,
		"for: 1h|for: 1h, until: '09:00'": "steps[0].wait.until cannot be given together with for",
		"wait: {for: 1h}|filter: {when: 'event.data.x'}":         "undeclared reference to 'event'; here there are entry, profile, steps, now",
		"wait: {for: 1h}|filter: {when: 'steps.b.outcome == 1'}": "reads steps.b, but there is no send of that name",
		"wait: {for: 1h}|until: {event: x}":                      "steps[0].until.timeout must be given",
		"wait: {for: 1h}|until: {event: 'x y', timeout: 1h}":     "must be a type of events",
		"wait: {for: 1h}|split: {percent: 101}":                  "must be a whole number from 0 to 100",
		"wait: {for: 1h}|send: {connection: con_none}":           "names a connection that is not there",
		"wait: {for: 1h}|audience: {add: 5}":                     "names an audience that is not there",
		"wait: {for: 1h}|":                                       "steps[0] must have one of wait, until",
		"name: a|name: end":                                      `must not be "end"`,
		"name: a|name: 1":                                        "must have 1 to 40 letters",
		"profile: event.data.who|":                               "profile must be given",
		"event: go|event: go, audience: 7":                       "entry.audience cannot be given together with event",
		"event: go|event: go, reentry: sometimes":                "must be one of never, afterEnd, always",
		"steps:|exit: [{in: 99}]\nsteps:":                        "names an audience that is not there: 99",
		"steps:|settings: {timeZone: Mars/Olympus}\nsteps:":      "must be a time zone such as",
		"steps:|settings: {quietHours: {from: '09:00'}}\nsteps:": "settings.quietHours.until must be given",
		", key: event.data.k|":                                   "",
		"name: n|name: [":                                        "cannot be read",
		"name: n|nam: n":                                         `nam is not known; did you mean "name"?`,
	} {
		from, to, _ := strings.Cut(change, "|")
		_, err := r.journeys.Create(ctx, r.who, 201, strings.Replace(good, from, to, 1), "")
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(lines(err), want)):
			t.Errorf("%s: got %s, want %s", change, lines(err), want)
		}
		if _, missing := r.journeys.Get(tenant, 201); (missing == nil) != (want == "") {
			t.Errorf("%s: got %v", change, missing)
		}
		if err == nil {
			r.check(r.journeys.Delete(ctx, r.who, 201))
		}
	}
	deep := "[{name: s0, wait: {for: 1h}}]"
	for i := range 9 {
		deep = fmt.Sprintf("[{name: t%d, split: {percent: 5, steps: %s}}]", i, deep)
	}
	many := ""
	for i := range 101 {
		many += fmt.Sprintf("  - {name: m%d, wait: {for: 1h}}\n", i)
	}
	for text, want := range map[string]string{
		"steps: " + deep: "is nested more than 8 deep", "steps:\n" + many: "at most 100 entries", strings.Repeat("#", journey.MaxDocument+1): "at most 65536 bytes", "": "must not be empty", "a: &x 1\nb: *x": "no anchors",
		"exit: [{event: stop, match: event.data.k}]\nsteps: [{name: a, end: }]": "is compared with the key of the entry, which has none",
	} {
		_, err := journey.Parse("name: n\nprofile: event.data.who\nentry: {event: go}\n" + text)
		if text == "" || text[0] == '#' || text[0] == 'a' {
			_, err = journey.Parse(text)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: got %v, want %s", text, err, want)
		}
	}
}

// lines returns a problem as a person gets it, with the places in front.
func lines(err error) string {
	var p *problem.Error
	if !errors.As(err, &p) {
		return fmt.Sprint(err)
	}
	var all []string
	for _, f := range p.Fields {
		reason, place, _ := strings.Cut(f.Reason, " (")
		all = append(all, strings.TrimSuffix(place, ")")+": "+strings.TrimPrefix(f.Name, "document.")+" "+reason)
	}
	return strings.Join(all, "\n")
}

// TestMayNotDelete: what journeys need stays.
func TestMayNotDelete(t *testing.T) {
	r := newRig(t, "")
	r.create(201, twoSteps)
	if err := r.Connectors.DeleteConnection(ctx, r.who, r.con); problemKind(err) != problem.Conflict {
		t.Errorf("got %v", err)
	}
	r.check(r.journeys.Observe(ctx, &event.Event{ID: 1, Tenant: tenant, Type: "go", Data: []byte(`{"who":"p"}`)}))
	if err := r.journeys.Delete(ctx, r.who, 201); problemKind(err) != problem.Conflict {
		t.Errorf("got %v", err)
	}
	_, err := r.journeys.SetMode(ctx, r.who, 201, journey.Stopped, "")
	r.check(err)
	if e := r.runs(201, "p"); e[0].State != journey.Exited || e[0].Notes.Words != "the journey was stopped" {
		t.Errorf("got %+v", e)
	}
	if w := r.Webhooks.Owned(tenant, journey.Owner); len(w) != 0 {
		t.Errorf("a stopped journey listens: %+v", w)
	}
	r.check(r.journeys.Delete(ctx, r.who, 201))
	r.check(r.Connectors.DeleteConnection(ctx, r.who, r.con))
	if list := r.runs(201, "p"); len(list) != 0 {
		t.Errorf("got %+v", list)
	}
}

// TestErasedProfile: nothing of a profile that is erased stays, and its journeys do not go on.
func TestErasedProfile(t *testing.T) {
	r := newRig(t, "")
	r.create(201, twoSteps)
	r.profile("p", variables(`{}`))
	r.check(r.journeys.Observe(ctx, &event.Event{ID: 1, Tenant: tenant, Type: "go", Data: []byte(`{"who":"p"}`)}))
	id := r.runs(201, "p")[0].ID
	r.check(r.audiences.Erase(ctx, r.who, "p"))
	traces, err := r.Store.TraceList(ctx, tenant, id)
	if list := r.runs(201, "p"); len(list) != 0 || len(traces) != 0 || err != nil {
		t.Errorf("got %+v, %+v, %v", list, traces, err)
	}
}

var _ = connector.Owner
