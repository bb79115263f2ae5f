package journey

import (
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/internal/definition"
)

func (p *parser) definition(n *yaml.Node) {
	d := p.def
	o := p.Object(n, "", "name", "profile", "entry", "exit", "data", "settings", "steps")
	if n.Kind != yaml.MappingNode {
		return
	}
	if d.Name = p.text(o, "name", 200); p.need(o, "name") && d.Name == "" {
		p.Add(o.Get["name"], "name", "must not be empty")
	}
	d.profile = p.expression(o, "profile", scopeWho)
	if p.need(o, "entry") {
		p.entry(p.Object(o.Get["entry"], "entry", "event", "where", "audience", "on", "reentry", "key", "cooldown"))
	}
	p.list(o.Get["exit"], "exit", maxExits, func(n *yaml.Node, path string) {
		p.exit(p.Object(n, path, "event", "where", "match", "in", "notIn", "when"))
	})
	if n := o.Get["data"]; n != nil {
		d.data = p.dataTree(n, "data")
	}
	p.settings(o)
	if p.need(o, "steps") {
		d.Steps = p.steps(o.Get["steps"], "steps", 1)
		if n := o.Get["steps"]; n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
			p.Add(n, "steps", "must have at least one step")
		}
	}
	link(d.Steps, nil)
	if d.profile == nil && o.Get["profile"] == nil && len(d.events(true)) > 0 {
		p.Add(o.Node, "profile", "must be given: an expression for the id of the profile that an event is about, such as event.data.customer")
	}
	for _, r := range p.reads {
		if s := d.byName[r.name]; s == nil || s.Kind != SendStep {
			p.Add(r.node, r.path, "reads steps.%s, but there is no send of that name", definition.Clip(r.name))
			continue
		}
		d.waited[r.name] = true
	}
}

func (p *parser) dataTree(n *yaml.Node, path string) *tree {
	if n.Kind != yaml.MappingNode {
		p.Add(n, path, "must be an object, got %s", definition.KindOf(n))
		return nil
	}
	return p.tree(n, path, 0)
}

// oneGiven reports which of the members is given, and notes it if it is not exactly one.
func (p *parser) oneGiven(o *definition.Object, names ...string) string {
	found := ""
	for _, name := range names {
		if o.Get[name] == nil {
			continue
		}
		if found != "" {
			p.Add(o.Get[name], o.At(name), "cannot be given together with %s", found)
			return found
		}
		found = name
	}
	if found == "" && o.Node.Kind == yaml.MappingNode {
		p.Add(o.Node, o.Path, "must have one of %s", strings.Join(names, ", "))
	}
	return found
}

// with notes members that belong to another one that is not there.
func (p *parser) with(o *definition.Object, name string, members ...string) {
	if o.Get[name] != nil {
		return
	}
	for _, m := range members {
		if n := o.Get[m]; n != nil {
			p.Add(n, o.At(m), "goes with %s only", name)
		}
	}
}

func (p *parser) entry(o *definition.Object) {
	e := &p.def.Entry
	p.oneGiven(o, "event", "audience")
	p.with(o, "event", "where")
	p.with(o, "audience", "on")
	e.Event = p.eventType(o, "event")
	e.Audience = p.audience(o, "audience")
	e.On = Crossing(p.oneOf(o, "on", string(Enters), string(Enters), string(Leaves)))
	e.where = p.expression(o, "where", scopeEntry)
	e.Reentry = Reentry(p.oneOf(o, "reentry", string(AfterEnd), string(Never), string(AfterEnd), string(Always)))
	p.with(o, "event", "key")
	e.key = p.expression(o, "key", scopeWho)
	e.Cooldown = p.duration(o, "cooldown", time.Second, 10*maxWait)
}

func (p *parser) exit(o *definition.Object) {
	x := ExitRule{}
	given := p.oneGiven(o, "event", "in", "notIn", "when")
	p.with(o, "event", "where", "match")
	x.Event = p.eventType(o, "event")
	x.where = p.expression(o, "where", scopeEvent)
	x.match = p.match(o)
	x.In, x.NotIn = p.audience(o, "in"), p.audience(o, "notIn")
	x.when = p.expression(o, "when", scopeStep)
	switch given {
	case "event":
		x.words = "an event of the type " + x.Event + " came"
	case "in":
		x.words = fmt.Sprintf("the profile is in the audience %d", x.In)
	case "notIn":
		x.words = fmt.Sprintf("the profile is not in the audience %d", x.NotIn)
	case "when":
		x.words = "it holds that " + definition.Clip(definition.Bare(o.Get["when"].Value))
	}
	p.def.Exit = append(p.def.Exit, x)
}

// match reads the expression that makes an enrolment's key of an event.
func (p *parser) match(o *definition.Object) *expression {
	e := p.expression(o, "match", scopeWho)
	if e != nil && p.def.Entry.key == nil {
		p.Add(o.Get["match"], o.At("match"), "is compared with the key of the entry, which has none")
	}
	return e
}

func (p *parser) settings(o *definition.Object) {
	s := &p.def.Settings
	s.Zone = time.UTC
	n := o.Get["settings"]
	if n == nil {
		return
	}
	so := p.Object(n, "settings", "timeZone", "profileTimeZone", "quietHours", "cap")
	if name := p.text(so, "timeZone", 64); name != "" {
		zone, err := zoneNamed(name)
		if err != nil {
			p.Add(so.Get["timeZone"], so.At("timeZone"), "%v", err)
		} else {
			s.Zone = zone
		}
	}
	s.zone = p.expression(so, "profileTimeZone", scopeStep)
	if n := so.Get["quietHours"]; n != nil {
		q := p.Object(n, "settings.quietHours", "from", "until", "then", "spread")
		if p.need(q, "from") && p.need(q, "until") {
			s.Quiet = &QuietHours{
				From: p.clockTime(q, "from"), Until: p.clockTime(q, "until"), Then: Overrun(p.oneOf(q, "then", string(Defer), string(Defer), string(Skip))),
				Spread: p.duration(q, "spread", 0, 15*time.Minute),
			}
			if s.Quiet.From == s.Quiet.Until {
				p.Add(n, "settings.quietHours.until", "must not be the same as from")
			}
		}
	}
	if n := so.Get["cap"]; n != nil {
		c := p.Object(n, "settings.cap", "count", "per", "then")
		if p.need(c, "count") && p.need(c, "per") {
			s.Cap = &Cap{
				Count: int(p.integer(c, "count", 1, 1000)), Per: p.duration(c, "per", time.Minute, 31*24*time.Hour),
				Then: Overrun(p.oneOf(c, "then", string(Skip), string(Defer), string(Skip))),
			}
		}
	}
}

func (p *parser) steps(n *yaml.Node, path string, depth int) (list []*Step) {
	if depth > maxDepth {
		p.Add(n, path, "is nested more than %d deep", maxDepth)
		return nil
	}
	p.list(n, path, maxSteps, func(n *yaml.Node, path string) {
		if s := p.step(n, path, depth); s != nil {
			list = append(list, s)
		}
	})
	return list
}

func (p *parser) step(n *yaml.Node, path string, depth int) *Step {
	o := p.Object(n, path, append([]string{"name"}, kinds...)...)
	if n.Kind != yaml.MappingNode {
		return nil
	}
	s := &Step{Name: p.text(o, "name", maxName), Kind: Kind(p.oneGiven(o, kinds...))}
	switch {
	case !p.need(o, "name"):
		return nil
	case !stepName.MatchString(s.Name):
		p.Add(o.Get["name"], o.At("name"), "must have 1 to %d letters, digits and _, and begin with a letter", maxName)
		return nil
	case s.Name == toEnd:
		p.Add(o.Get["name"], o.At("name"), "must not be %q, which stands for the end of the journey", toEnd)
		return nil
	case p.def.byName[s.Name] != nil:
		p.Add(o.Get["name"], o.At("name"), "is the name of another step, too")
		return nil
	case s.Kind == "":
		return nil
	}
	p.def.byName[s.Name] = s
	if len(p.def.byName) == maxSteps+1 {
		p.Add(n, path, "is one too many: a journey has at most %d steps", maxSteps)
	}
	n, path = o.Get[string(s.Kind)], o.At(string(s.Kind))
	switch s.Kind {
	case WaitStep:
		p.waitStep(s, p.Object(n, path, "for", "until", "untilField", "maxLate"))
	case UntilStep:
		p.untilStep(s, p.Object(n, path, "event", "where", "match", "since", "timeout", "onTimeout"), depth)
	case FilterStep:
		f := p.Object(n, path, "when")
		if p.need(f, "when") {
			s.when = p.expression(f, "when", scopeStep)
		}
	case BranchStep:
		p.branchStep(s, p.Object(n, path, "cases", "else"), depth)
	case SplitStep:
		f := p.Object(n, path, "percent", "steps", "else")
		p.need(f, "percent")
		s.Percent = int(p.integer(f, "percent", 0, 100))
		for i, key := range []string{"steps", "else"} {
			c := Case{Label: fmt.Sprintf("%d %%", s.Percent)}
			if i == 1 {
				c.Label = fmt.Sprintf("%d %%", 100-s.Percent)
			}
			if f.Get[key] != nil {
				c.Steps = p.steps(f.Get[key], f.At(key), depth+1)
			}
			s.Cases = append(s.Cases, c)
		}
	case SendStep:
		p.sendStep(s, p.Object(n, path, "connection", "externalId", "operation", "data", "onRejected", "consentPurpose", "transactional"))
	case AudienceStep:
		f := p.Object(n, path, "add", "remove")
		if s.On = Enters; p.oneGiven(f, "add", "remove") == "remove" {
			s.On = Leaves
		}
		s.Audience = p.audience(f, "add") + p.audience(f, "remove")
	case EndStep:
		if n.Tag != "!!null" {
			p.Object(n, path, "-") // {}
		}
	}
	return s
}

func (p *parser) waitStep(s *Step, o *definition.Object) {
	switch p.oneGiven(o, "for", "until", "untilField") {
	case "for":
		s.For = p.duration(o, "for", time.Second, maxWait)
	case "until":
		s.clock, s.At = true, p.clockTime(o, "until")
	case "untilField":
		s.field = p.expression(o, "untilField", scopeStep)
	}
	s.MaxLate = p.duration(o, "maxLate", time.Minute, maxWait)
}

func (p *parser) untilStep(s *Step, o *definition.Object, depth int) {
	for _, name := range []string{"event", "timeout"} {
		p.need(o, name)
	}
	s.Event = p.eventType(o, "event")
	s.where, s.match = p.expression(o, "where", scopeEvent), p.match(o)
	s.SinceEntry = p.oneOf(o, "since", "step", "step", "entry") == "entry"
	s.Timeout = p.duration(o, "timeout", time.Second, maxWait)
	if n := o.Get["onTimeout"]; n != nil && n.Kind == yaml.SequenceNode {
		s.Cases = []Case{{Label: "timeout", Steps: p.steps(n, o.At("onTimeout"), depth+1)}}
	} else {
		s.EndOnTimeout = p.oneOf(o, "onTimeout", "continue", "continue", "end") == "end"
	}
}

func (p *parser) branchStep(s *Step, o *definition.Object, depth int) {
	p.need(o, "cases")
	p.list(o.Get["cases"], o.At("cases"), maxCases, func(n *yaml.Node, path string) {
		f := p.Object(n, path, "when", "steps")
		if !p.need(f, "when") {
			return
		}
		c := Case{Label: definition.Clip(definition.Bare(f.Get["when"].Value)), when: p.expression(f, "when", scopeStep)}
		if f.Get["steps"] != nil {
			c.Steps = p.steps(f.Get["steps"], f.At("steps"), depth+1)
		}
		s.Cases = append(s.Cases, c)
	})
	other := Case{Label: "else"}
	if o.Get["else"] != nil {
		other.Steps = p.steps(o.Get["else"], o.At("else"), depth+1)
	}
	s.Cases = append(s.Cases, other)
}

func (p *parser) sendStep(s *Step, o *definition.Object) {
	p.need(o, "connection")
	s.Connection = p.text(o, "connection", 100)
	s.ExternalID = p.text(o, "externalId", maxExternal)
	if o.Get["connection"] != nil {
		r := reference{Fault: place(o, "connection"), connection: s.Connection, externalID: s.ExternalID}
		if r.external = r.Fault; o.Get["externalId"] != nil {
			r.external = place(o, "externalId")
		}
		r.external.Path = o.At("externalId")
		p.def.references = append(p.def.references, r)
	}
	s.Operation = p.oneOf(o, "operation", "enter", "enter", "update", "leave")
	s.ConsentPurpose = p.text(o, "consentPurpose", 100)
	s.EndOnRejected = p.oneOf(o, "onRejected", "continue", "continue", "end") == "end"
	s.Transactional = p.Boolean(o, "transactional")
	if n := o.Get["data"]; n != nil {
		s.data = p.dataTree(n, o.At("data"))
	}
	if s.EndOnRejected {
		p.def.waited[s.Name] = true
	}
}
