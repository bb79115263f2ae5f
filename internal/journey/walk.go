package journey

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/definition"
)

// world is what steps depend on beside the enrolment. Walking reads nothing else, so that a dry run, which makes a world of its
// own, takes the same way.
type world struct {
	now     time.Time
	number  int64 // the journey's
	shifted time.Duration
	profile *audience.Profile
	in      map[int64]bool // the audiences that the profile is in
	// sends are those that the enrolment has made, by step, for outcomes and caps.
	sends map[string]*Send
	// sent counts the sends of the journey to the profile since a time; made are those of this walk.
	sent func(since time.Time) (int, error)
	made int
	// address returns the numbers of a connection's payload.
	address func(connection string) (site, partner int64, err error)
	// acted tells that the act of the step, which walk asked for, has been done.
	acted bool
}

// act is a change of an audience, to be made before the walk goes on.
type act struct {
	audience int64
	on       Crossing
}

// outcome is what a walk has come to. The enrolment has been changed.
type outcome struct {
	sends  []*Send
	traces []Trace
	act    *act
}

// maxMoves bounds the steps of one walk: there are no loops, so that it is never reached.
const maxMoves = 2 * maxSteps

// walk takes steps until the enrolment waits, has ended or failed, or an act is to be done first.
func (d *Definition) walk(e *Enrolment, w *world) *outcome {
	o := &outcome{}
	e.Notes.Words = ""
	for range maxMoves {
		if why := d.exitNow(e, w); why != "" {
			o.trace(e, w, "exit", why)
			e.end(Exited, why, w.now, d)
			return o
		}
		s := d.byName[e.Step]
		switch {
		case e.Step == "":
			e.end(Done, "", w.now, d)
			return o
		case s == nil:
			return o.fail(e, w, fmt.Errorf("version %d has no step %q", e.Version, e.Step))
		}
		again, err := d.step(e, s, w, o)
		if err != nil {
			return o.fail(e, w, err)
		}
		if !again {
			return o
		}
	}
	return o.fail(e, w, fmt.Errorf("internal error: more than %d steps at once", maxMoves))
}

func (o *outcome) fail(e *Enrolment, w *world, err error) *outcome {
	o.trace(e, w, "fail", err.Error())
	e.State, e.Due, e.Notes.Words = Failed, time.Time{}, err.Error()
	return o
}

func (o *outcome) trace(e *Enrolment, w *world, kind, words string) {
	o.traces = append(o.traces, Trace{At: w.now, Step: e.Step, Kind: kind, Words: words})
}

// end takes the enrolment out.
func (e *Enrolment) end(state State, words string, now time.Time, d *Definition) {
	e.State, e.Due, e.EndedAt, e.Held, e.Notes.Words = state, time.Time{}, now, false, words
	e.Keep = now
	if d == nil {
		return
	}
	if at := e.CreatedAt.Add(d.Entry.Cooldown); at.After(now) {
		e.Keep = at
	}
	if d.Entry.Reentry == Never {
		e.Keep = forever
	}
}

// forever is a time that never comes, and that milliseconds can hold.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// exitNow says why the enrolment leaves now, "" if it stays. What is wrong about an exit's expression is no reason to leave.
func (d *Definition) exitNow(e *Enrolment, w *world) string {
	if w.profile.Erasing {
		return "the profile is being erased"
	}
	for i := range d.Exit {
		x := &d.Exit[i]
		leaves := x.In != 0 && w.in[x.In] || x.NotIn != 0 && !w.in[x.NotIn]
		if x.when != nil {
			leaves, _ = x.when.holds(d.vars(e, w, nil))
		}
		if leaves {
			return x.words
		}
	}
	return ""
}

// vars are the variables of the expressions of steps, and of events if there is one.
func (d *Definition) vars(e *Enrolment, w *world, ev map[string]any) map[string]any {
	vars := map[string]any{"now": w.now, "profile": profileVars(w.profile), "entry": map[string]any{}, "steps": map[string]any{}}
	if entry, err := decode(e.Notes.Entry); err == nil {
		vars["entry"] = entry
	}
	if len(d.waited) > 0 {
		steps := make(map[string]any)
		for name, s := range w.sends {
			steps[name] = map[string]any{"outcome": string(s.State), "words": s.Words}
		}
		vars["steps"] = steps
	}
	if ev != nil {
		vars["event"] = ev
	}
	return vars
}

func profileVars(p *audience.Profile) map[string]any {
	variables, err := decode(p.Variables)
	if err != nil {
		variables = map[string]any{}
	}
	ids, consent := make(map[string]any), make(map[string]any)
	for number, list := range p.PartnerIDs {
		ids[number] = list
	}
	for purpose, c := range p.Consent {
		consent[purpose] = string(c.State)
	}
	return map[string]any{
		"id": p.ID, "sourceId": p.SourceID, "variables": variables, "partnerIds": ids, "consent": consent, "test": p.Test,
		"doNotContact": p.DoNotContact, "known": p.Version != 0,
	}
}

// pass goes on to a step; "" is the end.
func (o *outcome) pass(e *Enrolment, w *world, s *Step, to, words string) (again bool, err error) {
	o.trace(e, w, string(s.Kind), words)
	n := &e.Notes
	n.Begun, n.Clock, n.Met, n.Spread = time.Time{}, false, false, false
	e.Step, e.State, e.Due = to, Running, time.Time{}
	return true, nil
}

// wait has the enrolment stay in its step until a time.
func (e *Enrolment) wait(until time.Time, w *world) {
	e.State, e.Due, e.Notes.Shifted = Waiting, until.Truncate(time.Millisecond), w.shifted
	if e.Due.Before(until) { // never early
		e.Due = e.Due.Add(time.Millisecond)
	}
}

// step takes a step. again tells that the next one is to be taken.
func (d *Definition) step(e *Enrolment, s *Step, w *world, o *outcome) (again bool, err error) {
	next := first(nil, s.next)
	arrived := e.Notes.Begun.IsZero()
	if arrived {
		e.Notes.Begun = w.now
	}
	if late := e.Notes.shiftedBy(w); !arrived && late > 0 && e.State == Waiting {
		e.wait(e.Due.Add(late), w)
	}
	switch s.Kind {
	case WaitStep:
		return d.stepWait(e, s, w, o, arrived)
	case UntilStep:
		return d.stepUntil(e, s, w, o, arrived)
	case FilterStep:
		ok, err := s.when.holds(d.vars(e, w, nil))
		switch {
		case err != nil:
			return false, err
		case ok:
			return o.pass(e, w, s, next, "passed")
		}
		o.trace(e, w, string(s.Kind), "filtered")
		e.end(Done, "filtered by "+s.Name, w.now, d)
		return false, nil
	case BranchStep:
		for _, c := range s.Cases {
			ok, err := c.when.holds(d.vars(e, w, nil))
			if err != nil {
				return false, err
			}
			if ok {
				return o.pass(e, w, s, first(c.Steps, s.next), c.Label)
			}
		}
		return o.pass(e, w, s, next, "no case") // cannot be: else holds
	case SplitStep:
		c := s.Cases[1]
		if share(e, s.Name) < s.Percent {
			c = s.Cases[0]
		}
		return o.pass(e, w, s, first(c.Steps, s.next), c.Label)
	case AudienceStep:
		if !w.acted {
			o.act = &act{s.Audience, s.On}
			return false, nil
		}
		w.acted = false
		w.in = maps.Clone(w.in)
		if w.in == nil {
			w.in = make(map[int64]bool)
		}
		words := fmt.Sprintf("entered the audience %d", s.Audience)
		if w.in[s.Audience] = s.On == Enters; s.On == Leaves {
			words = fmt.Sprintf("left the audience %d", s.Audience)
		}
		return o.pass(e, w, s, next, words)
	case SendStep:
		return d.stepSend(e, s, w, o, arrived)
	default: // EndStep
		o.trace(e, w, string(s.Kind), "")
		e.end(Done, "", w.now, d)
		return false, nil
	}
}

// shiftedBy returns by how much pauses have shifted a wait since it was set.
func (n *Notes) shiftedBy(w *world) time.Duration {
	if n.Clock {
		return 0
	}
	return w.shifted - n.Shifted
}

func (d *Definition) stepWait(e *Enrolment, s *Step, w *world, o *outcome, arrived bool) (again bool, err error) {
	if arrived || s.clock { // a zone may have changed
		due, err := d.waitEnd(e, s, w)
		if err != nil {
			return false, err
		}
		e.Notes.Clock = s.For == 0
		e.wait(due, w)
	}
	switch {
	case e.Due.After(w.now):
		return false, nil
	case s.MaxLate > 0 && w.now.Sub(e.Due) > s.MaxLate:
		o.trace(e, w, string(s.Kind), "too late")
		e.end(Done, fmt.Sprintf("%s: later than %v after its time", s.Name, s.MaxLate), w.now, d)
		return false, nil
	}
	return o.pass(e, w, s, first(nil, s.next), "")
}

// waitEnd returns when a wait ends.
func (d *Definition) waitEnd(e *Enrolment, s *Step, w *world) (time.Time, error) {
	switch {
	case s.clock:
		return nextWall(e.Notes.Begun, s.At, d.zoneOf(e, w)).UTC(), nil
	case s.field != nil:
		out, err := s.field.value(d.vars(e, w, nil))
		if err == definition.ErrAbsent { //nolint:errorlint // value returns it as it is
			return time.Time{}, fmt.Errorf("%q has no value", definition.Clip(s.field.Text))
		}
		if err != nil {
			return time.Time{}, err
		}
		at, err := timeOf(out, d.zoneOf(e, w))
		if err != nil {
			return time.Time{}, err
		}
		if at.Sub(w.now) > maxWait {
			return time.Time{}, fmt.Errorf("%s is more than a year away", at.Format(time.RFC3339))
		}
		return at, nil
	}
	return e.Notes.Begun.Add(s.For), nil
}

// zoneOf returns the profile's time zone, that of the journey if it has none that is known.
func (d *Definition) zoneOf(e *Enrolment, w *world) *time.Location {
	if d.Settings.zone != nil {
		if name := d.Settings.zone.id(d.vars(e, w, nil)); name != "" {
			if zone, err := zoneNamed(name); err == nil {
				return zone
			}
		}
	}
	return d.Settings.Zone
}

func (d *Definition) stepUntil(e *Enrolment, s *Step, w *world, o *outcome, arrived bool) (again bool, err error) {
	next := first(nil, s.next)
	if e.Notes.Met || s.SinceEntry && e.Notes.seen(s.Name) {
		return o.pass(e, w, s, next, "the event came")
	}
	if arrived {
		e.wait(e.Notes.Begun.Add(s.Timeout), w)
	}
	switch {
	case e.Due.After(w.now):
		return false, nil
	case s.EndOnTimeout:
		o.trace(e, w, string(s.Kind), "timeout")
		e.end(Done, "the event of "+s.Name+" did not come", w.now, d)
		return false, nil
	case len(s.Cases) > 0:
		next = first(s.Cases[0].Steps, s.next)
	}
	return o.pass(e, w, s, next, "timeout")
}

func (n *Notes) seen(step string) bool {
	for _, name := range n.Seen {
		if name == step {
			return true
		}
	}
	return false
}

// outcomeWithin is how long the engine works on a send: see the retries of connector's lanes. Behind it a journey waits no more.
const outcomeWithin = 25 * time.Hour

func (d *Definition) stepSend(e *Enrolment, s *Step, w *world, o *outcome, arrived bool) (again bool, err error) {
	next := first(nil, s.next)
	send := w.sends[s.Name]
	if send == nil || send.ID != sendID(e, s.Name) {
		bar, until, err := d.mayNotSend(e, s, w)
		if err != nil {
			return false, err
		}
		if !until.IsZero() {
			e.Notes.Clock = true
			e.wait(until, w)
			return false, nil
		}
		if send, err = d.makeSend(e, s, w); err != nil {
			return false, err
		}
		if bar != "" {
			send.State, send.Words, send.Payload = SendSkipped, bar, nil
		} else {
			w.made++
		}
		o.sends = append(o.sends, send)
		w.sends = maps.Clone(w.sends)
		if w.sends == nil {
			w.sends = make(map[string]*Send)
		}
		if w.sends[s.Name] = send; d.waited[s.Name] && !send.State.ended() {
			e.Notes.Clock = true // the engine does not pause with the journey
			e.wait(w.now.Add(outcomeWithin), w)
			return false, nil
		}
	}
	if d.waited[s.Name] && !send.State.ended() && e.Due.After(w.now) {
		return false, nil
	}
	words := string(send.State)
	if send.Words != "" {
		words += ": " + send.Words
	}
	if !send.State.ended() {
		words = "handed over"
	}
	if s.EndOnRejected && send.State == SendRejected {
		o.trace(e, w, string(s.Kind), words)
		e.end(Done, s.Name+" was rejected: "+send.Words, w.now, d)
		return false, nil
	}
	return o.pass(e, w, s, next, words)
}

// mayNotSend says why a send is not made, or until when it waits.
func (d *Definition) mayNotSend(e *Enrolment, s *Step, w *world) (bar string, until time.Time, err error) {
	p := w.profile
	switch {
	case s.Operation == string(connector.Leave): // removals are never held back
		return "", until, nil
	case p.DoNotContact:
		return "the profile must not be contacted", until, nil
	case s.ConsentPurpose != "" && p.Consent[s.ConsentPurpose].State != audience.Granted:
		return fmt.Sprintf("there is no consent to %q", s.ConsentPurpose), until, nil
	case s.Transactional:
		return "", until, nil
	}
	if q := d.Settings.Quiet; q != nil && !e.Notes.Spread {
		if end := q.quietUntil(w.now, d.zoneOf(e, w)); !end.IsZero() {
			if q.Then == Skip {
				return "it was in quiet hours", until, nil
			}
			e.Notes.Spread = true // else the last of the spread would be deferred for a second time
			return "", end.Add(q.Spread / 100 * time.Duration(share(e, s.Name))), nil
		}
	}
	if c := d.Settings.Cap; c != nil {
		n, err := w.sent(w.now.Add(-c.Per))
		if err != nil {
			return "", until, err
		}
		if n += w.made; n >= c.Count {
			if c.Then == Skip {
				return fmt.Sprintf("the profile has got %d of %d sends in %v", n, c.Count, c.Per), until, nil
			}
			return "", w.now.Add(max(c.Per/10, time.Minute)), nil
		}
	}
	return "", until, nil
}

// makeSend makes the documented payload of the moment.
func (d *Definition) makeSend(e *Enrolment, s *Step, w *world) (*Send, error) {
	send := &Send{
		Tenant: e.Tenant, ID: sendID(e, s.Name), Enrolment: e.ID, Journey: e.Journey, Version: e.Version, Profile: e.Profile, Step: s.Name,
		Connection: s.Connection, Operation: s.Operation, State: SendNew, At: w.now,
	}
	site, partner, err := w.address(s.Connection)
	if err != nil {
		return nil, err
	}
	p := connector.Payload{
		SiteNumber: site, PartnerNumber: partner, AudienceID: s.ExternalID, Audience: w.number, PartnerIDs: w.profile.PartnerIDs[fmt.Sprint(partner)],
		Variables: w.profile.Variables, ProfileID: e.Profile, SourceID: w.profile.SourceID,
	}
	if p.Data, err = d.dataOf(e, s, w); err != nil {
		return nil, err
	}
	send.Payload = p.Append(nil)
	return send, nil
}

// dataOf makes the payload's data: the journey's, and that of the step beside it, whose members take the place of the others.
func (d *Definition) dataOf(e *Enrolment, s *Step, w *world) ([]byte, error) {
	if d.data == nil && s.data == nil {
		return nil, nil
	}
	all := &tree{members: []member{}}
	for _, t := range []*tree{d.data, s.data} {
		if t == nil {
			continue
		}
	next:
		for _, m := range t.members {
			for i := range all.members {
				if all.members[i].name == m.name {
					all.members[i] = m
					continue next
				}
			}
			all.members = append(all.members, m)
		}
	}
	raw, err := all.append(nil, d.vars(e, w, nil))
	if err != nil {
		return nil, fmt.Errorf("data of %s: %w", s.Name, err)
	}
	if len(raw) > maxDataBytes {
		return nil, fmt.Errorf("data of %s has %d bytes; there may be %d", s.Name, len(raw), maxDataBytes)
	}
	return raw, nil
}

const maxDataBytes = 64 << 10

// Describe says in a few words what a step does, for pages and dry runs.
func (s *Step) Describe() string {
	switch s.Kind {
	case WaitStep:
		switch {
		case s.clock:
			return fmt.Sprintf("until %02d:%02d", s.At/60, s.At%60)
		case s.field != nil:
			return "until " + definition.Clip(s.field.Text)
		}
		return shortDuration(s.For)
	case UntilStep:
		return fmt.Sprintf("%s, at most %s", s.Event, shortDuration(s.Timeout))
	case FilterStep:
		return definition.Clip(s.when.Text)
	case SplitStep:
		return fmt.Sprintf("%d %%", s.Percent)
	case SendStep:
		return strings.TrimSpace(s.Connection + " " + s.ExternalID)
	case AudienceStep:
		if s.On == Leaves {
			return fmt.Sprintf("leave %d", s.Audience)
		}
		return fmt.Sprintf("enter %d", s.Audience)
	}
	return ""
}

func shortDuration(d time.Duration) string {
	if d%(24*time.Hour) == 0 && d > 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
