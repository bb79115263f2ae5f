package catalogue

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/nearest"
)

// View is a snapshot of a tenant's catalogue, for accepting events. It never changes.
type View struct {
	s      *state
	r      *Registry
	tenant event.TenantID
}

// View returns the tenant's current catalogue.
func (r *Registry) View(tenant event.TenantID) View { return View{r.state(tenant), r, tenant} }

// Plan says how to process events of a type before they are stored. Plans are created when the
// catalogue changes, so that an event costs one lookup.
type Plan struct {
	// Name is the type's name, even if the event uses an alias.
	Name string
	// Derives reports whether a rule applies to such events.
	Derives bool
	// Version is the version for events that name none: the newest version of a tenant's own type.
	// It is empty for the version of a pack and for DefaultVersion, the first version of a type.
	Version string

	s      *state
	t      *Type       // nil if events are not checked
	refuse []Violation // why all such events are rejected; nil if they are not
	odd    []Violation // warnings about all such events
}

// Plan returns how to process events of a type, nil if no processing is needed.
func (v View) Plan(eventType string) *Plan {
	if p, ok := v.s.plans[eventType]; ok {
		return p
	}
	return v.s.planUnknown(eventType)
}

// maxTypos bounds the unknown type names for which a suggestion is stored. Further names get no
// suggestion.
const maxTypos = 4096

// planUnknown is Plan for a type without a description. A name similar to that of a described type
// gets its own plan with a suggestion; the search through all types happens once per name.
func (s *state) planUnknown(eventType string) *Plan {
	if p, ok := s.typos.Load(eventType); ok {
		return p.(*Plan)
	}
	if s.typoCount.Add(1) > maxTypos {
		return s.unknown
	}
	p := s.unknown
	if near := nearest.Of(eventType, maps.Keys(s.types)); near != "" {
		message := fmt.Sprintf("is not in the catalogue; did you mean %q?", near)
		if p != nil {
			p = &Plan{s: s, refuse: []Violation{{Path: "type", Message: message}}}
		} else {
			p = &Plan{s: s, odd: []Violation{{Path: "type", Message: message}}}
		}
	}
	s.typos.Store(strings.Clone(eventType), p)
	return p
}

// Derive returns the events derived from an event, see Rules.Derive.
func (v View) Derive(ctx context.Context, w *Work, e *event.Event) (Derivation, error) {
	return v.s.rules.derive(ctx, w, e)
}

// Fits reports whether an event certainly conforms to the tenant's settings, at the least cost. If
// it returns false, call Check.
func (p *Plan) Fits(e *event.Event) bool {
	if p.refuse != nil {
		return false
	}
	t := p.t
	if t == nil {
		return len(p.odd) == 0
	}
	if e.Version != "" && e.Version != t.Version {
		return false
	}
	c := t.prepared().ready()
	return c != nil && c.err == nil && (c.data == nil || c.data.fast != nil && c.data.fast.fits(e.Data)) && (c.attributes == nil || len(e.Attributes) == 0)
}

// Check checks an event that is about to be published against its type's schema, according to the
// tenant's settings: in mode Off it checks nothing. It uses the version that the event names, if
// the tenant has it, else the current one. refuse means that the event must be rejected, an error
// that the request must end.
func (p *Plan) Check(w *Work, e *event.Event) (violations []Violation, refuse bool, err error) {
	if p.refuse != nil {
		return p.refuse, true, nil
	}
	t := p.t
	if t == nil {
		return p.odd, false, nil
	}
	current := t
	if e.Version != "" && e.Version != t.Version {
		for _, v := range p.s.versions[t.Name] {
			if v.Version == e.Version {
				current = v
			}
		}
	}
	violations, err = current.validate(w, e.Data, e.Attributes)
	return violations, len(violations) > 0 && t.Validation == Strict, err
}

// Canonical returns the name of the type of which name is an alias, or name itself.
func (r *Registry) Canonical(tenant event.TenantID, name string) string {
	return r.state(tenant).canonical(name)
}

func (s *state) canonical(name string) string {
	if _, ok := s.types[name]; ok {
		return name
	}
	if to, ok := s.aliases[name]; ok {
		return to
	}
	return name
}

// Check is Plan.Check for one event, without a limit on the work.
func (r *Registry) Check(e *event.Event) (violations []Violation, refuse bool) {
	if p := r.View(e.Tenant).Plan(e.Type); p != nil {
		violations, refuse, _ = p.Check(nil, e) // nil never ends early
	}
	return violations, refuse
}

// plan computes plans and unknown from the rest of the state. A nil plan is stored for types that
// need no processing.
func (s *state) plan() {
	strict := s.settings[AllTypes].Validation == Strict
	refusing := func(name, why string) *Plan {
		return &Plan{Name: name, Derives: s.rules.On(name), s: s, refuse: []Violation{{Path: "type", Message: why}}}
	}
	if strict {
		s.unknown = refusing("", "is not in the catalogue")
	}
	s.plans = make(map[string]*Plan, len(s.types)+len(s.aliases))
	for name, t := range s.types {
		p := &Plan{Name: name, Derives: s.rules.On(name), s: s}
		if first, of := Lookup(name); t.Pack == "" && t.Version != DefaultVersion && (!of || t.Version != first.Version) {
			p.Version = t.Version
		}
		switch {
		case t.Archived && strict:
			p = refusing(name, "is archived")
		case !t.Archived && t.Validation != Off && (len(t.Schema) > 0 || len(t.AttributesSchema) > 0 || len(s.versions[name]) > 1):
			p.t = t
		case !p.Derives && p.Version == "":
			p = nil
		}
		s.plans[name] = p
	}
	for alias, name := range s.aliases {
		if _, taken := s.types[alias]; taken {
			continue
		}
		p := s.plans[name]
		if p == nil { // the alias must still be replaced by the name
			p = &Plan{Name: name, s: s}
		}
		s.plans[alias] = p
	}
	for on := range s.rules.on {
		if _, known := s.plans[on]; !known && !strict {
			s.plans[on] = &Plan{Name: on, Derives: true, s: s}
		}
	}
}
