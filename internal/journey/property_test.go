package journey_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/journey"
)

// The walk of this file knows nothing of the package but what docs/journeys.md says.

// node is a step of a random journey.
type node struct {
	name, kind string
	minutes    int
	event      string
	since      bool
	timeout    string // continue, end or steps
	least      int    // of the profile's variable a
	lists      [][]*node
}

// scenario is a random journey, a profile, and what happens to it.
type scenario struct {
	number  int64
	steps   []*node
	reentry string
	a       int
	joins   bool // it leaves as soon as a step has had it join an audience
	events  []happening
	split   bool
}

type happening struct {
	at        time.Duration
	eventType string
}

type maker struct {
	*rand.Rand
	s     *scenario
	names int
}

func (m *maker) steps(depth int) (list []*node) {
	for range 1 + m.IntN(4) {
		list = append(list, m.step(depth))
	}
	return list
}

func (m *maker) step(depth int) *node {
	m.names++
	n := &node{name: fmt.Sprintf("s%d", m.names), minutes: 1 + m.IntN(200), event: []string{"buy", "look"}[m.IntN(2)]}
	kinds := []string{"wait", "wait", "until", "until", "send", "send", "filter"}
	if depth < 3 {
		kinds = append(kinds, "branch", "branch", "split")
	}
	if m.s.joins {
		kinds = append(kinds, "audience")
	}
	if m.IntN(12) == 0 {
		kinds = []string{"end"}
	}
	n.kind, n.least = kinds[m.IntN(len(kinds))], m.IntN(10)
	switch n.kind {
	case "until":
		n.since, n.timeout = m.IntN(2) == 0, []string{"continue", "end", "steps"}[m.IntN(3)]
		if n.timeout == "steps" && depth >= 3 {
			n.timeout = "continue"
		} else if n.timeout == "steps" {
			n.lists = [][]*node{m.steps(depth + 1)}
		}
	case "filter":
		n.least = m.IntN(3)
	case "branch", "split":
		n.lists = [][]*node{m.steps(depth + 1), m.steps(depth + 1)}
		m.s.split = m.s.split || n.kind == "split"
	}
	return n
}

func newScenario(r *rand.Rand, number int64) *scenario {
	s := &scenario{number: number, reentry: []string{"never", "afterEnd", "always"}[r.IntN(3)], a: r.IntN(10), joins: r.IntN(4) == 0}
	if s.joins {
		s.reentry = "never"
	}
	m := &maker{Rand: r, s: s}
	s.steps = m.steps(1)
	// Each at another second of its minute, and waits are whole minutes: nothing happens at the same time.
	seconds := r.Perm(59)
	for i := range 3 + r.IntN(10) {
		eventType := []string{"go", "go", "buy", "look", "stop"}[r.IntN(5)]
		if i == 0 {
			eventType = "go"
		}
		s.events = append(s.events, happening{time.Duration(r.IntN(20*60))*time.Minute + time.Duration(seconds[i]+1)*time.Second, eventType})
	}
	slices.SortFunc(s.events, func(a, b happening) int { return int(a.at - b.at) })
	return s
}

// document writes the journey.
func (s *scenario) document() string {
	exit := `[{event: stop}]`
	if s.joins {
		exit = fmt.Sprintf(`[{event: stop}, {in: %d}]`, s.audience())
	}
	return fmt.Sprintf("name: n\nprofile: event.data.who\nentry: {event: go, where: event.data.j == %d, reentry: %s}\nexit: %s\nsteps: %s\n", s.number, s.reentry, exit, s.list(s.steps))
}

func (s *scenario) audience() int64 { return 10_000 + s.number }

func (s *scenario) list(list []*node) string {
	var all []string
	for _, n := range list {
		body := ""
		switch n.kind {
		case "wait":
			body = fmt.Sprintf(`{for: %dm}`, n.minutes)
		case "until":
			since, timeout := "step", n.timeout
			if n.since {
				since = "entry"
			}
			if n.lists != nil {
				timeout = s.list(n.lists[0])
			}
			body = fmt.Sprintf(`{event: %s, since: %s, timeout: %dm, onTimeout: %s}`, n.event, since, n.minutes, timeout)
		case "filter":
			body = fmt.Sprintf(`{when: profile.variables.a >= %d}`, n.least)
		case "branch":
			body = fmt.Sprintf(`{cases: [{when: profile.variables.a >= %d, steps: %s}], else: %s}`, n.least, s.list(n.lists[0]), s.list(n.lists[1]))
		case "split":
			body = fmt.Sprintf(`{percent: %d, steps: %s, else: %s}`, n.least*10, s.list(n.lists[0]), s.list(n.lists[1]))
		case "send":
			body = `{connection: CON}`
		case "audience":
			body = fmt.Sprintf(`{add: %d}`, s.audience())
		case "end":
			body = `{}`
		}
		all = append(all, fmt.Sprintf(`{name: %s, %s: %s}`, n.name, n.kind, body))
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// walked is what a run comes to.
type walked struct {
	lines []string
	state string
	sends []string
	end   time.Duration
}

// walk is the reference: a person with a watch and a pencil. id is the run's, by which splits decide.
func (s *scenario) walk(entry time.Duration, id string) (w walked) {
	at := entry
	note := func(kind, step string) { w.lines = append(w.lines, fmt.Sprintf("%v %s %s", at, kind, step)) }
	done := func(state string) walked { w.state, w.end = state, at; return w }
	next := func(after time.Duration, eventType string) (time.Duration, bool) {
		for _, h := range s.events {
			if h.eventType == eventType && h.at > after {
				return h.at, true
			}
		}
		return 0, false
	}
	// pass lets time go by, unless the profile is taken out.
	pass := func(to time.Duration, step string) bool {
		if x, ok := next(at, "stop"); ok && x < to {
			at = x
			note("exit", step)
			return false
		}
		at = to
		return true
	}
	queue := slices.Clone(s.steps)
	note("enter", queue[0].name)
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		minutes := time.Duration(n.minutes) * time.Minute
		switch n.kind {
		case "wait":
			if !pass(at+minutes, n.name) {
				return done("exited")
			}
			note(n.kind, n.name)
		case "until":
			from, to, came := at, at+minutes, false
			if n.since {
				from = entry
			}
			if x, ok := next(from, n.event); ok && x < to {
				to, came = max(x, at), true
			}
			if to > at && !pass(to, n.name) {
				return done("exited")
			}
			note(n.kind, n.name)
			if !came && n.timeout == "end" {
				return done("done")
			}
			if !came && n.lists != nil {
				queue = append(slices.Clone(n.lists[0]), queue...)
			}
		case "filter":
			note(n.kind, n.name)
			if s.a < n.least {
				return done("done")
			}
		case "branch", "split":
			note(n.kind, n.name)
			first := s.a >= n.least
			if n.kind == "split" {
				h := sha256.Sum256([]byte(id + "/" + n.name))
				x, _ := strconv.ParseUint(fmt.Sprintf("%x", h[:4]), 16, 32)
				first = int(x%100) < n.least*10
			}
			if first {
				queue = append(slices.Clone(n.lists[0]), queue...)
			} else {
				queue = append(slices.Clone(n.lists[1]), queue...)
			}
		case "send":
			note(n.kind, n.name)
			w.sends = append(w.sends, n.name)
		case "audience":
			note(n.kind, n.name)
			return done("exited")
		case "end":
			note(n.kind, n.name)
			return done("done")
		}
	}
	return done("done")
}

// runs are the times at which the profile enters. id gives those of the runs.
func (s *scenario) runs(id func(i int) string) (list []walked) {
	for _, h := range s.events {
		if h.eventType != "go" {
			continue
		}
		inside := 0
		for _, w := range list {
			if w.end > h.at {
				inside++
			}
		}
		if inside > 0 && s.reentry != "always" || inside >= 10 || len(list) > 0 && s.reentry == "never" {
			continue
		}
		list = append(list, s.walk(h.at, id(len(list))))
	}
	return list
}

// untilJoined leaves out what follows a step that has the profile join an audience whose members leave: a crash may come
// between joining and the note of the step.
func untilJoined(s *scenario, lines []string) []string {
	if !s.joins {
		return lines
	}
	i := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, " audience ") || strings.Contains(l, " exit ") })
	if i < 0 {
		return lines
	}
	return lines[:i]
}

// TestAgainstAWalk runs random journeys with random events through a store, kills the server at random moments, and compares
// what has become of each profile with an independent walk, and with a dry run. Each send is handed over at least once, and
// always with one id. RELAY_JOURNEYS is how many journeys; 15 without it.
func TestAgainstAWalk(t *testing.T) {
	count := 15
	if n, err := strconv.Atoi(os.Getenv("RELAY_JOURNEYS")); err == nil {
		count = n
	}
	const seed = 20261201
	for batch := 0; batch < count; batch += 50 {
		synctest.Test(t, func(t *testing.T) { againstAWalk(t, rand.New(rand.NewPCG(seed, uint64(batch))), min(50, count-batch)) })
	}
}

func againstAWalk(t *testing.T, r *rand.Rand, count int) {
	v := newVirtual(t)
	begin := time.Now()
	var all []*scenario
	type timed struct {
		happening
		s *scenario
	}
	var events []timed
	for i := range count {
		s := newScenario(r, int64(1000+i))
		all = append(all, s)
		if s.joins {
			_, err := v.audiences.Create(ctx, v.who, s.audience(), audience.Audience{Name: "a"})
			v.check(err)
		}
		v.profile(s.profile(), variables(fmt.Sprintf(`{"a":%d}`, s.a)))
		v.create(s.number, s.document())
		for _, h := range s.events {
			events = append(events, timed{h, s})
		}
	}
	slices.SortStableFunc(events, func(a, b timed) int { return int(a.at - b.at) })

	// The server is killed while it stores a page, before and after it hands sends over, and at any other moment, and starts
	// again at once.
	var mu sync.Mutex
	kill := func() {}
	dice := rand.New(rand.NewPCG(1, 2))
	killed := 0
	die := func(chance int) bool {
		mu.Lock()
		defer mu.Unlock()
		if dice.IntN(chance) > 0 {
			return false
		}
		killed++
		kill()
		return true
	}
	v.fail = func() bool { return die(8) }
	ending, end := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ending.Err() == nil {
			running, stop := context.WithCancel(ending)
			mu.Lock()
			kill = stop
			v.open()
			v.journeys.Rendering(func() { die(8) })
			j := v.journeys
			mu.Unlock()
			j.Run(running)
			stop()
		}
	}()
	for _, e := range events {
		time.Sleep(time.Until(begin.Add(e.at)))
		synctest.Wait() // everything that was due before
		mu.Lock()
		j := v.journeys
		mu.Unlock()
		v.ids++
		v.check(j.Observe(ctx, &event.Event{ID: v.ids, Tenant: tenant, Type: e.eventType, Data: fmt.Appendf(nil, `{"who":%q,"j":%d}`, e.s.profile(), e.s.number), Time: time.Now().UTC()}))
		die(5)
	}
	inside := func(s *scenario) bool {
		places, err := v.Store.EnrolmentPlaces(ctx, tenant, s.number)
		v.check(err)
		return len(places) > 0
	}
	for day := 0; day < 14 && slices.ContainsFunc(all, inside); day++ {
		time.Sleep(24 * time.Hour)
		synctest.Wait()
	}
	end()
	<-ended
	if killed < count/2 {
		t.Errorf("the server was killed %d times only", killed)
	}
	runs := 0
	for _, s := range all {
		got := v.runs(s.number, s.profile())
		want := s.runs(func(i int) string {
			if i < len(got) {
				return got[i].ID
			}
			return ""
		})
		if len(got) != len(want) {
			t.Errorf("journey %d: got %d runs, want %d\n%s%v", s.number, len(got), len(want), s.document(), s.events)
			continue
		}
		for i, w := range want {
			runs++
			e := &got[i]
			var lines []string
			if text := v.times(e.ID, begin); text != "" {
				lines = strings.Split(text, ", ")
			}
			if !slices.Equal(untilJoined(s, lines), untilJoined(s, w.lines)) || string(e.State) != w.state {
				t.Errorf("journey %d, run %d:\ngot  %v, %s %s\nwant %v, %s\n%s%v", s.number, i, lines, e.State, e.Notes.Words, w.lines, w.state, s.document(), s.events)
			}
			sends, err := v.Store.SendList(ctx, tenant, e.ID)
			v.check(err)
			var names []string
			for _, x := range sends {
				if names = append(names, x.Step); v.sent[x.ID] == 0 {
					t.Errorf("the send %s of journey %d was not handed over: %+v", x.Step, s.number, x)
				}
				delete(v.sent, x.ID)
			}
			slices.Sort(names)
			if slices.Sort(w.sends); !slices.Equal(names, w.sends) {
				t.Errorf("journey %d, run %d: got the sends %v, want %v", s.number, i, names, w.sends)
			}
		}
		v.compareDryRun(s, want, begin)
	}
	if len(v.sent) > 0 {
		t.Errorf("sends with other ids were handed over: %v", v.sent)
	}
	t.Logf("%d runs, killed %d times", runs, killed)
}

func (s *scenario) profile() string { return fmt.Sprintf("c%d", s.number) }

// compareDryRun wants the same of a dry run, unless a split decides by the id of the run.
func (v *virtual) compareDryRun(s *scenario, want []walked, begin time.Time) {
	v.t.Helper()
	if s.split {
		return
	}
	d, err := v.journeys.TrialDefinition(tenant, s.number, "")
	v.check(err)
	trial := &journey.Trial{Definition: d, Number: s.number}
	v.check(variables(fmt.Sprintf(`{"a":%d}`, s.a)).Fill(s.profile(), &trial.Profile))
	for i, h := range s.events {
		at := begin.Add(h.at)
		trial.Happenings = append(trial.Happenings, journey.Happening{At: at, Event: &event.Event{
			ID: event.ID(i + 1), Tenant: tenant, Type: h.eventType, Data: fmt.Appendf(nil, `{"who":%q,"j":%d}`, s.profile(), s.number), Time: at,
		}})
	}
	got, err := v.journeys.DryRun(tenant, trial)
	v.check(err)
	if len(got) != len(want) {
		v.t.Errorf("dry run of journey %d: got %d runs, want %d", s.number, len(got), len(want))
		return
	}
	for i, w := range want {
		var lines, sends []string
		for _, x := range got[i].Traces {
			lines = append(lines, fmt.Sprintf("%v %s %s", x.At.Sub(begin), x.Kind, x.Step))
		}
		for _, x := range got[i].Sends {
			sends = append(sends, x.Step)
		}
		slices.Sort(sends)
		if !slices.Equal(untilJoined(s, lines), untilJoined(s, w.lines)) || string(got[i].Enrolment.State) != w.state || !slices.Equal(sends, w.sends) {
			v.t.Errorf("dry run of journey %d, run %d:\ngot  %v, %s %v\nwant %v, %s %v", s.number, i, lines, got[i].Enrolment.State, sends, w.lines, w.state, w.sends)
		}
	}
}
