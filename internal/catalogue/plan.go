package catalogue

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/nearest"
)

// View is a tenant's catalogue at one moment, for whoever accepts events. It never changes.
type View struct {
	s      *state
	r      *Registry
	tenant event.TenantID
}

// View returns the tenant's catalogue as it is now.
func (r *Registry) View(tenant event.TenantID) View { return View{r.state(tenant), r, tenant} }

// Plan says what there is to do about events of a type before they are stored. It is made when the catalogue changes, so
// that an event costs one look.
type Plan struct {
	// Name is the type's name, also where the event has an alias of it.
	Name string
	// Derives reports whether a rule looks at such events.
	Derives bool
	// Version is what an event that names no version is given: the newest version of a tenant's own type. Empty: none, as
	// for the version of a pack and for DefaultVersion, the first of a type.
	Version string

	s      *state
	t      *Type       // nil: not checked
	refuse []Violation // why no such event is accepted; nil: it may be
	odd    []Violation // what is odd about any such event
}

// Plan returns what there is to do about events of a type; nil: nothing.
func (v View) Plan(eventType string) *Plan {
	if p, ok := v.s.plans[eventType]; ok {
		return p
	}
	return v.s.planUnknown(eventType)
}

// maxTypos bounds how many unknown names of types are remembered with what they were meant to be. Beyond that nothing is
// said about others.
const maxTypos = 4096

// planUnknown is Plan for a type that nobody has described. A name that is nearly that of a type which is described gets
// a plan of its own that says so; the look at all types is taken once for each name.
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

// Derive returns what follows from an event, see Rules.Derive.
func (v View) Derive(ctx context.Context, w *Work, e *event.Event) (Derivation, error) {
	return v.s.rules.derive(ctx, w, e)
}

// Fits reports whether an event is certainly as the tenant wants it, for what that costs at least. Check says more of others.
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
	c := t.prepared().compiled.Load()
	return c != nil && c.err == nil && (c.data == nil || c.data.fast != nil && c.data.fast.fits(e.Data)) && (c.attributes == nil || len(e.Attributes) == 0)
}

// Check holds an event that is about to be published against its type's schema, as the tenant's settings want it: nothing
// is checked when the mode is Off. The schema is that of the version the event names, where the tenant has such a version,
// else the current one. refuse means that the event must not be accepted, an error that the request must end.
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

// Canonical returns the name of the type that name is an alias of, else name.
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

// Check is Plan.Check for one event, without a bound on the work of requests.
func (r *Registry) Check(e *event.Event) (violations []Violation, refuse bool) {
	if p := r.View(e.Tenant).Plan(e.Type); p != nil {
		violations, refuse, _ = p.Check(nil, e) // which never ends early
	}
	return violations, refuse
}

// plan fills plans and unknown from the rest of the state. Where there is nothing to do it says so: nil is a plan, too.
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
		if p == nil { // the name is to be put right all the same
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
