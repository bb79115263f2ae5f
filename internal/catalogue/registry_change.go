package catalogue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Change is a partial change of a type; nil fields stay unchanged.
type Change struct {
	Description, Fires *string
	// Version names the version to change, or a new one. If it is nil, the current version changes,
	// unless a schema changes; then a new version with the next number is created.
	Version                                              *string
	Aliases                                              *[]string
	Schema, AttributesSchema, Example, ExampleAttributes *json.RawMessage

	Validation           *Mode // empty resets it to the default
	Deprecated, Archived *bool
}

// Create adds a type of the tenant's own. A name that is already in the catalogue, even as an
// alias, is a Conflict.
func (r *Registry) Create(ctx context.Context, p *access.Principal, t Type, set Settings) (*Type, error) {
	tenant := p.Tenant
	// Normalizing compiles the schemas, so it happens before the lock. A taken name is reported
	// before other errors.
	var wrong error
	if _, taken := r.state(tenant).lookup(t.Name); !taken {
		if err := r.paced(ctx, tenant, t.Schema, t.AttributesSchema); err != nil {
			return nil, err
		}
		wrong = t.normalize()
	}
	r.held.Lock()
	defer r.held.Unlock()
	s := r.state(tenant)
	if other, taken := s.lookup(t.Name); taken {
		what := "there is an event type %q already: change that"
		if other.Pack != "" && len(s.versions[other.Name]) == 0 {
			what = "the event type %q comes with a pack: change that, which makes a version of your own"
		}
		return nil, &problem.Error{Kind: problem.Conflict, Detail: fmt.Sprintf(what, problem.Clip(other.Name)),
			Fields: []problem.Field{{Name: "name", Reason: "is taken"}}}
	}
	if wrong != nil {
		return nil, wrong
	}
	if err := set.check(); err != nil {
		return nil, err
	}
	records, err := s.typeRecords(tenant, []Type{t})
	if err != nil {
		return nil, err
	}
	if set != (Settings{}) {
		rec, err := s.record(tenant, KindSettings, t.Name, set)
		if err != nil {
			return nil, err
		}
		records = append(records, rec)
	}
	if err := r.apply(ctx, by(p, actionTypeCreate, typeTarget(t.Name)), s, records, nil); err != nil {
		return nil, err
	}
	return r.state(tenant).types[t.Name], nil
}

// Update changes a type and its settings, all or nothing. The description of a pack's type is never
// changed: the tenant gets its own version, which replaces the pack's type until it is deleted.
func (r *Registry) Update(ctx context.Context, p *access.Principal, name string, c Change) (*Type, error) {
	tenant := p.Tenant
	var s *state
	var current *Type
	var records []Record
	// The schemas are compiled without the lock. If others change the catalogue during each
	// attempt, the last attempt takes the lock.
	for _, given := range []*json.RawMessage{c.Schema, c.AttributesSchema} {
		if given != nil {
			if err := r.paced(ctx, tenant, *given); err != nil {
				return nil, err
			}
		}
	}
	const tries = 3
	for i := range tries {
		if i == tries-1 {
			r.held.Lock()
		}
		s = r.state(tenant)
		var ok bool
		var err error
		if current, ok = s.lookup(name); !ok {
			err = problem.New(problem.NotFound, "there is no event type %q", problem.Clip(name))
		} else {
			records, err = s.update(tenant, current, &c)
		}
		if i < tries-1 {
			r.held.Lock()
		}
		if s != r.state(tenant) {
			r.held.Unlock()
			continue
		}
		if err != nil {
			r.held.Unlock()
			return nil, err
		}
		break
	}
	defer r.held.Unlock()
	name = current.Name
	set, has := s.settings[name]
	if !has {
		set = Settings{Deprecated: current.Deprecated, Archived: current.Archived}
	}
	before := set
	apply(c.Validation, &set.Validation)
	apply(c.Deprecated, &set.Deprecated)
	apply(c.Archived, &set.Archived)
	if err := set.check(); err != nil {
		return nil, err
	}
	if set != before {
		rec, err := s.record(tenant, KindSettings, name, set)
		if err != nil {
			return nil, err
		}
		records = append(records, rec)
	}
	if len(records) > 0 {
		if err := r.apply(ctx, by(p, actionTypeUpdate, typeTarget(name)), s, records, nil); err != nil {
			return nil, err
		}
	}
	version := ""
	if c.Version != nil {
		version = *c.Version
	}
	return r.state(tenant).version(name, version), nil
}

func apply[T any](from, into *T) {
	if from != nil {
		*into = *from
	}
}

// update returns the record of a type's new or changed version, or none if nothing changes.
func (s *state) update(tenant event.TenantID, current *Type, c *Change) ([]Record, error) {
	t := *current
	if c.Version != nil {
		t = *s.version(t.Name, *c.Version)
		t.Version = *c.Version
	}
	apply(c.Description, &t.Description)
	apply(c.Fires, &t.Fires)
	apply(c.Aliases, &t.Aliases)
	apply(c.Schema, &t.Schema)
	apply(c.AttributesSchema, &t.AttributesSchema)
	if t.Sketch {
		t.Example, t.Sketch = nil, false // generated again
	}
	apply(c.Example, &t.Example)
	apply(c.ExampleAttributes, &t.ExampleAttributes)
	if c.Example != nil || c.ExampleAttributes != nil {
		// The id and time of a document's example do not belong to this example.
		t.ExampleID, t.ExampleTime = "", time.Time{}
	}
	err := t.normalize()
	if err != nil && c.Example == nil && c.ExampleAttributes == nil {
		// The example belonged to the previous schema.
		t.Example, t.ExampleAttributes, t.ExampleID, t.ExampleTime = nil, nil, "", time.Time{}
		err = t.normalize()
	}
	if err != nil {
		return nil, err
	}
	if t.same(current) && (c.Version == nil || *c.Version == current.Version) {
		return nil, nil
	}
	if c.Version == nil && !t.sameSchemas(current) {
		if t.Version, err = s.nextVersion(current); err != nil {
			return nil, err
		}
	}
	return s.typeRecords(tenant, []Type{t})
}

func (t *Type) sameSchemas(o *Type) bool {
	return sameJSON(t.Schema, o.Schema) && sameJSON(t.AttributesSchema, o.AttributesSchema)
}

func (t *Type) same(o *Type) bool {
	return t.sameSchemas(o) && t.Description == o.Description && t.Fires == o.Fires && slices.Equal(t.Aliases, o.Aliases) &&
		sameJSON(t.Example, o.Example) && sameJSON(t.ExampleAttributes, o.ExampleAttributes)
}

// nextVersion returns the version after the current one. Versions that are dates, such as those of
// pack calls, continue with today's date.
func (s *state) nextVersion(current *Type) (string, error) {
	taken := func(v string) bool {
		return v == current.Version || slices.ContainsFunc(s.versions[current.Name], func(t *Type) bool { return t.Version == v })
	}
	if last, err := time.Parse(time.DateOnly, current.Version); err == nil {
		next := time.Now().UTC()
		if !next.After(last) {
			next = last.AddDate(0, 0, 1)
		}
		for range MaxVersions + 1 {
			if v := next.Format(time.DateOnly); !taken(v) {
				return v, nil
			}
			next = next.AddDate(0, 0, 1)
		}
	}
	n, err := strconv.Atoi(current.Version)
	if err != nil {
		n = len(s.versions[current.Name])
	}
	for range MaxVersions + 1 {
		if n++; !taken(strconv.Itoa(n)) {
			return strconv.Itoa(n), nil
		}
	}
	return "", problem.InvalidField("version", "must be given: the numbers that follow are taken")
}

// Delete removes all versions of a type of the tenant's own, and its settings. Events of the type
// may still be published. If a pack has a type of that name, the tenant uses that one again.
func (r *Registry) Delete(ctx context.Context, p *access.Principal, name string) error {
	r.held.Lock()
	defer r.held.Unlock()
	s := r.state(p.Tenant)
	if len(s.versions[name]) == 0 {
		if t, ok := s.lookup(name); ok && t.Name == name {
			return problem.New(problem.Conflict, "the event type %q comes with the pack %q: archive it to hide it", problem.Clip(name), t.Pack)
		}
		return problem.New(problem.NotFound, "there is no event type %q", problem.Clip(name))
	}
	return r.apply(ctx, by(p, actionTypeDelete, typeTarget(name)), s, nil, []RecordKey{{Kind: KindType, Name: name}, {Kind: KindSettings, Name: name}})
}

// Imported is the result of an import for one type, or its expected result.
type Imported struct {
	Name, Version string
	Outcome       Outcome
	Reason        string // for Skipped
}

// Outcome is the result of an import for one type.
type Outcome string

// The outcomes.
const (
	Skipped   Outcome = "skipped" // it cannot become a type, see Imported.Reason
	Created   Outcome = "created"
	Updated   Outcome = "updated" // a version was changed or created
	Unchanged Outcome = "unchanged"
)

// Import imports types and rules, all or nothing. Existing types get a new version if their schemas
// differ, and are changed otherwise. Validation and Deprecated of a type, if given, become the
// tenant's settings for it. With dryRun, everything is checked and nothing is changed.
func (r *Registry) Import(ctx context.Context, p *access.Principal, types []Type, rules []Rule, dryRun bool) ([]Imported, error) {
	tenant := p.Tenant
	types = slices.Clone(types)
	for i := range types { // before the lock; types of a document are already checked
		if !types[i].normalized {
			if err := types[i].normalize(); err != nil {
				return nil, inItem(err, len(types) > 1, types[i].Name)
			}
		}
	}
	r.held.Lock()
	defer r.held.Unlock()
	s := r.state(tenant)
	var changed []Type
	var records []Record
	out := make([]Imported, 0, len(types))
	for i := range types {
		t := types[i]
		done := Imported{Name: t.Name, Version: t.Version, Outcome: Created}
		if current, there := s.types[t.Name]; there {
			done.Outcome = Updated
			switch {
			case t.same(current):
				done.Outcome, done.Version = Unchanged, current.Version
			case t.sameSchemas(current):
				t.Version = current.Version
			default:
				var err error
				if t.Version, err = s.nextVersion(current); err != nil {
					return nil, inItem(err, len(types) > 1, t.Name)
				}
			}
			if done.Outcome == Updated {
				done.Version = t.Version
			}
		}
		if done.Outcome != Unchanged {
			changed = append(changed, t)
		}
		if set := (Settings{Validation: t.Validation, Deprecated: t.Deprecated}); set != (Settings{}) && set != s.settings[t.Name] {
			rec, err := s.record(tenant, KindSettings, t.Name, set)
			if err != nil {
				return nil, err
			}
			records = append(records, rec)
		}
		out = append(out, done)
	}
	list, err := s.typeRecords(tenant, changed)
	if err != nil {
		return nil, err
	}
	records = append(list, records...)
	if list, err = r.ruleRecords(s, tenant, rules); err != nil {
		return nil, err
	}
	records = append(records, list...)
	if dryRun || len(records) == 0 {
		return out, nil
	}
	return out, r.apply(ctx, by(p, actionImport, importTargets(records)...), s, records, nil)
}

// errOwn is returned for a document that is not a pack.
var errOwn = errors.New("has neither types nor rules")

// ImportPack reads a document like ReadFile, for a tenant. The errors are problems.
func ImportPack(w *Work, document []byte) ([]Type, []Rule, error) {
	if len(document) > MaxFileBytes {
		return nil, nil, problem.New(problem.TooLarge, "the document must have at most %d bytes, got %d", MaxFileBytes, len(document))
	}
	p, err := readFile(w, document)
	if err != nil && problem.KindOf(err) == problem.TooLarge || w.failure() != nil {
		return nil, nil, err
	}
	if err == nil && len(p.Types)+len(p.Rules) == 0 {
		err = errOwn
	}
	if err == nil && len(p.Types) > MaxImport {
		err = fmt.Errorf("has %d types, at most %d can be imported at a time", len(p.Types), MaxImport)
	}
	if err != nil {
		return nil, nil, problem.InvalidField("body", "%v", err)
	}
	for i := range p.Types {
		p.Types[i].Pack = ""
	}
	return p.Types, p.Rules, nil
}
