package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/filter"
	"github.com/relay-events/relay/internal/webhook"
)

// maxNamed bounds how many derived events an explanation names.
const maxNamed = 3

// Derived returns the events that were derived from an event, and from those,
// in the order they are stored in. They are stored together with it.
func (l *Ledger) Derived(ctx context.Context, ev *event.Event) ([]event.Event, error) {
	var near []event.Event
	add := func(other *event.Event) bool {
		if other.Cause != 0 {
			near = append(near, *other)
		}
		return true
	}
	// Their ids follow each other; those of rules with "before" come first.
	const most = catalogue.MaxDerived
	err := l.store.EventScan(ctx, ev.Tenant, max(0, ev.ID-most-1), ev.ID-1, add)
	if err == nil {
		err = l.store.EventScan(ctx, ev.Tenant, ev.ID, ev.ID+most, add)
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was derived from %s: %w", ev.PublicID(), err)
	}
	causes := make(map[event.ID]event.ID, len(near))
	for i := range near {
		causes[near[i].ID] = near[i].Cause
	}
	list := near[:0]
	for i := range near {
		id, ok := near[i].Cause, false
		for range catalogue.MaxDepth {
			if ok = id == ev.ID; ok {
				break
			}
			id = causes[id]
		}
		if ok {
			list = append(list, near[i])
		}
	}
	return list, nil
}

// explainRules says what the tenant's derivation rules have to do with it that
// a webhook does not ask for the event's type: which events of the types that
// it does ask for followed, or why none did. Empty: no rule leads there.
func (l *Ledger) explainRules(ctx context.Context, ev *event.Event, w *webhook.Webhook) (string, error) {
	var rules []catalogue.RuleState
	if l.rules != nil {
		rules = l.rules(ev.Tenant)
	}
	derived, err := l.Derived(ctx, ev)
	if err != nil {
		return "", err
	}
	var parts []string
	followed := make(map[string]bool)
	named := 0
	for i := range derived {
		d := &derived[i]
		if !w.Wants(d.Type) {
			continue
		}
		followed[d.Type] = true
		if named++; named > maxNamed {
			continue
		}
		log, rows, open, err := l.historyOf(ctx, d)
		if err != nil {
			return "", err
		}
		x := l.explainOne(d, w, rows[w.Number], log[w.Number], open)
		parts = append(parts, fmt.Sprintf("%s followed from it as %s: %s", d.Type, d.PublicID(), x.Detail))
	}
	if named > maxNamed {
		parts = append(parts, fmt.Sprintf("and %d more followed", named-maxNamed))
	}
	for i := range rules {
		r := &rules[i]
		if r.Rule.On == ev.Type && w.Wants(r.Type) && !followed[r.Type] {
			parts = append(parts, explainRule(ctx, r, ev))
		}
	}
	return strings.Join(parts, "; "), nil
}

// explainRule says why a rule on the event's type gave no event.
func explainRule(ctx context.Context, r *catalogue.RuleState, ev *event.Event) string {
	leads := fmt.Sprintf("%s follows from %s", r.Type, r.Rule.On)
	if !r.On {
		return fmt.Sprintf("%s by the rule %s, which is off", leads, r.Name)
	}
	if r.When != "" {
		leads += " when " + r.When
		p, err := filter.Compile(r.When)
		if err != nil {
			return leads // it is not one of ours: all rules were compiled when they were stored
		}
		for _, c := range p.Clauses(ctx, ev) {
			if c.Verdict == filter.Yes {
				continue
			}
			why := c.Reason
			if value, ok := operand(c.Text, ev); ok {
				why = value
			}
			if why == "" {
				why = c.Text + " is not so"
			}
			return fmt.Sprintf("%s; here %s", leads, why)
		}
	}
	if r.ForEach != "" {
		leads += fmt.Sprintf(", once for each element of %s", r.ForEach)
		if value, ok := lookUp(r.ForEach, ev); ok {
			switch list := value.(type) {
			case nil:
				return leads + ", which is absent or null here"
			case []any:
				if len(list) == 0 {
					return leads + ", which is empty here"
				}
			default:
				return leads + ", which is no list here"
			}
		}
	}
	return fmt.Sprintf("%s by the rule %s, which gave none when the event came: it was off or different then, or failed (see the event's warnings)", leads, r.Name)
}

var (
	comparison = regexp.MustCompile(`^\(?\s*(event(?:\.[A-Za-z_][A-Za-z0-9_]*)+)\s*(?:==|!=|<=?|>=?|\bin\b)`)
	memberPath = regexp.MustCompile(`^event\.(data|attributes)((?:\.[A-Za-z_][A-Za-z0-9_]*)*)$`)
)

// operand returns what the left side of a comparison is for the event, in
// words; false where the expression is something else.
func operand(expression string, ev *event.Event) (string, bool) {
	m := comparison.FindStringSubmatch(expression)
	if m == nil {
		return "", false
	}
	value, ok := lookUp(m[1], ev)
	if !ok {
		return "", false
	}
	if value == nil {
		return m[1] + " is absent or null", true
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "", false
	}
	const most = 100
	if len(text) > most {
		text = append([]byte(strings.ToValidUTF8(string(text[:most]), "")), "…"...)
	}
	return fmt.Sprintf("%s is %s", m[1], text), true
}

// lookUp returns the value of a path into the event's data or attributes, nil
// for one that is absent or null; false for any other expression.
func lookUp(path string, ev *event.Event) (any, bool) {
	m := memberPath.FindStringSubmatch(strings.TrimSpace(path))
	if m == nil {
		return nil, false
	}
	raw := ev.Data
	if m[1] == "attributes" {
		raw = ev.Attributes
	}
	for _, name := range strings.Split(m[2], ".")[1:] {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(raw, &members); err != nil {
			return nil, true
		}
		raw = members[name]
	}
	var value any
	if len(raw) > 0 {
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.UseNumber() // so that numbers are shown as they were published
		if err := d.Decode(&value); err != nil {
			return nil, true
		}
	}
	return value, true
}
