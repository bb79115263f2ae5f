package journey

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/relay-events/relay/internal/definition"
	"github.com/relay-events/relay/internal/event"
)

// maxTrialText bounds the text that says what happens in a dry run, in bytes.
const maxTrialText = 1 << 20

// ReadHappenings reads what happens in a dry run as people write it: a list in YAML or JSON with the members of the API, where
// "at" may also be the time since start, such as "3d".
func ReadHappenings(text string, tenant event.TenantID, start time.Time) ([]Happening, definition.Faults) {
	root, faults := definition.Parse(text, maxTrialText)
	if len(faults) > 0 {
		return nil, faults
	}
	p := &parser{def: &Definition{}}
	var list []Happening
	p.list(root, "", MaxHappenings, func(n *yaml.Node, path string) {
		o := p.Object(n, strings.TrimPrefix(path, "."), "at", "type", "key", "data", "attributes", "audience", "on")
		if n.Kind != yaml.MappingNode {
			return
		}
		h := Happening{At: p.moment(o, start), Audience: p.audience(o, "audience")}
		p.oneGiven(o, "type", "audience")
		p.with(o, "audience", "on")
		p.with(o, "type", "key", "data", "attributes")
		if h.On = Crossing(p.oneOf(o, "on", string(Enters), string(Enters), string(Leaves))); h.Audience == 0 {
			h.Event = &event.Event{
				ID: event.ID(len(list) + 1), Tenant: tenant, Type: p.eventType(o, "type"), Key: p.text(o, "key", event.MaxKeyBytes), Time: h.At,
				Data: p.json(o, "data"), Attributes: p.json(o, "attributes"),
			}
		}
		list = append(list, h)
	})
	if len(list) == 0 && len(p.Faults) == 0 {
		p.Add(root, "", "must have at least one event")
	}
	return list, p.Told()
}

// moment reads a time, or the time since start.
func (p *parser) moment(o *definition.Object, start time.Time) time.Time {
	n := o.Get["at"]
	if n == nil {
		return start
	}
	if d, err := parseDuration(n.Value); err == nil && d >= 0 && d <= 10*maxWait {
		return start.Add(d)
	}
	at, err := time.Parse(time.RFC3339, n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		p.Add(n, o.At("at"), `must be a time such as 2026-05-05T14:23:00Z, or one since the start such as "90m" or "3d"`)
		return start
	}
	return at.UTC()
}

// json reads any value as JSON; nil if it is not given.
func (p *parser) json(o *definition.Object, name string) []byte {
	n := o.Get[name]
	if n == nil {
		return nil
	}
	t := p.plain(n, o.At(name), 0)
	if t == nil {
		return nil
	}
	raw, err := t.append(nil, nil)
	if err != nil {
		p.Add(n, o.At(name), "%v", err)
	}
	return raw
}

// plain reads a value without expressions in its texts.
func (p *parser) plain(n *yaml.Node, path string, depth int) *tree {
	if depth > event.MaxDepth {
		p.Add(n, path, "is nested too deeply")
		return nil
	}
	t := &tree{}
	switch n.Kind {
	case yaml.MappingNode:
		t.members = []member{}
		o := p.Object(n, path)
		for _, name := range o.Names {
			if x := p.plain(o.Get[name], o.At(name), depth+1); x != nil {
				t.members = append(t.members, member{name, x})
			}
		}
	case yaml.SequenceNode:
		t.list = []*tree{}
		for i, e := range n.Content {
			if x := p.plain(e, fmt.Sprintf("%s[%d]", path, i), depth+1); x != nil {
				t.list = append(t.list, x)
			}
		}
	default:
		if n.Tag == "!!timestamp" || n.Tag == "!!str" {
			t.constant = n.Value
			break
		}
		err := n.Decode(&t.constant)
		if err == nil {
			_, err = json.Marshal(t.constant) // there is no infinity in JSON
		}
		if err != nil {
			p.Add(n, path, "must be a value of JSON, got %s", definition.KindOf(n))
			return nil
		}
	}
	return t
}

// What simple expressions read of an event, and what they compare it with.
var (
	eventPath  = regexp.MustCompile(`^event\.(key|data(?:\.[A-Za-z_][A-Za-z0-9_]*)+)$`)
	eventEqual = regexp.MustCompile(`\bevent\.(key|data(?:\.[A-Za-z_][A-Za-z0-9_]*)+)\s*==\s*('[^'\\]*'|"[^"\\]*"|-?[0-9]+(?:\.[0-9]+)?|true|false)`)
)

// maxSamples bounds the other events that a sample offers.
const maxSamples = 5

// SampleHappenings returns a text for ReadHappenings in which the profile enters, as far as the expressions of the entry are
// simple enough to tell. The other events that the journey looks at follow, as comments.
func (d *Definition) SampleHappenings(profile string) string {
	var b strings.Builder
	sample := func(name string, where *expression, after string) string {
		set := map[string]any{}
		put := func(path string, v any) {
			at := set
			parts := strings.Split(path, ".")
			for _, part := range parts[:len(parts)-1] {
				next, ok := at[part].(map[string]any)
				if !ok {
					next = map[string]any{}
					at[part] = next
				}
				at = next
			}
			at[parts[len(parts)-1]] = v
		}
		if where != nil {
			for _, m := range eventEqual.FindAllStringSubmatch(where.Text, -1) {
				put(m[1], literal(m[2]))
			}
		}
		if d.Entry.key != nil {
			if m := eventPath.FindStringSubmatch(d.Entry.key.Text); m != nil {
				put(m[1], "1")
			}
		}
		if d.profile != nil {
			if m := eventPath.FindStringSubmatch(d.profile.Text); m != nil {
				put(m[1], profile)
			}
		}
		line := fmt.Sprintf("- {at: %s, type: %s", after, name)
		if key, ok := set["key"]; ok {
			line += ", key: " + string(appendJSON(nil, key))
		}
		if data, ok := set["data"]; ok {
			line += ", data: " + string(appendJSON(nil, data))
		}
		return line + "}\n"
	}
	if d.Entry.Event != "" {
		b.WriteString(sample(d.Entry.Event, d.Entry.where, "0m"))
	} else {
		fmt.Fprintf(&b, "- {at: 0m, audience: %d, on: %s}\n", d.Entry.Audience, d.Entry.On)
	}
	seen := []string{d.Entry.Event}
	more := func(name string, where *expression) {
		if name != "" && !slices.Contains(seen, name) && len(seen) <= maxSamples {
			seen = append(seen, name)
			b.WriteString("# " + sample(name, where, "1d"))
		}
	}
	d.each(func(s *Step) { more(s.Event, s.where) })
	for i := range d.Exit {
		more(d.Exit[i].Event, d.Exit[i].where)
	}
	return b.String()
}

// literal is a literal of an expression as JSON has it.
func literal(text string) any {
	if text[0] == '\'' || text[0] == '"' {
		return text[1 : len(text)-1]
	}
	return json.RawMessage(text)
}

// each calls f for all steps in the order of the document.
func (d *Definition) each(f func(*Step)) {
	var walk func([]*Step)
	walk = func(list []*Step) {
		for _, s := range list {
			f(s)
			for _, c := range s.Cases {
				walk(c.Steps)
			}
		}
	}
	walk(d.Steps)
}

// Sends returns the names of the steps that send, in the order of the document.
func (d *Definition) Sends() (names []string) {
	d.each(func(s *Step) {
		if s.Kind == SendStep {
			names = append(names, s.Name)
		}
	})
	return names
}

// Describe says in a few words who enters.
func (r *EntryRule) Describe() string {
	text := "event " + r.Event
	if r.Audience != 0 {
		text = fmt.Sprintf("who %ss audience %d", r.On, r.Audience)
	}
	if r.where != nil {
		text += " where " + definition.Clip(r.where.Text)
	}
	return text
}

// Describe says in a few words when a profile leaves.
func (x *ExitRule) Describe() string {
	text := x.words
	if x.where != nil {
		text += ", where " + definition.Clip(x.where.Text)
	}
	return text
}
