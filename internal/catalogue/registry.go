package catalogue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
)

// Bounds of what a tenant may add.
const (
	MaxTypes    = 2000 // types of a tenant
	MaxVersions = 50   // versions of one of them

	maxDescription  = 16 << 10 // bytes
	maxExampleBytes = 256 << 10
	maxAliases      = 20
)

// Options says what a Registry offers to every tenant.
type Options struct {
	// Packs are the types and rules that everybody has. Nil: Builtin().
	Packs []*Pack
	// Evaluator compiles the expressions of rules that this package does not evaluate itself. Nil: those are refused.
	Evaluator Evaluator
}

// Registry holds the catalogue of every tenant in memory and changes it: in the store first, then for everybody who
// reads. It is safe for concurrent use; what it hands out never changes.
type Registry struct {
	store Store
	ev    Evaluator
	packs []*Pack
	base  *state // of tenants without records

	change sync.Mutex // serialises changes; not held by readers

	mu      sync.RWMutex
	tenants map[event.TenantID]*state // states are replaced, not changed
}

// state is the catalogue of one tenant.
type state struct {
	list     []Record // as in the store, the first created first
	records  map[recordKey]Record
	types    map[string]*Type   // the current version of each, by name
	versions map[string][]*Type // of the tenant's own types, the oldest first
	aliases  map[string]string
	settings map[string]Settings
	ruleList []RuleState
	rules    *Rules
	broken   []string // records that could not be read, in words
}

type recordKey struct {
	kind          Kind
	name, version string
}

func (r *Record) key() recordKey { return recordKey{r.Kind, r.Name, r.Version} }

// NewRegistry returns a registry with everything the store holds.
func NewRegistry(ctx context.Context, store Store, o Options) (*Registry, error) {
	r := &Registry{store: store, ev: o.Evaluator, packs: o.Packs, tenants: make(map[event.TenantID]*state)}
	if r.packs == nil {
		r.packs = builtin
	}
	var err error
	if r.base, err = r.build(nil, nil); err != nil {
		return nil, err
	}
	list, err := store.CatalogueList(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the catalogue: %w", err)
	}
	byTenant := make(map[event.TenantID][]Record)
	for _, rec := range list {
		byTenant[rec.Tenant] = append(byTenant[rec.Tenant], rec)
	}
	for tenant, records := range byTenant {
		if r.tenants[tenant], err = r.build(nil, records); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Broken lists what was read from the store and could not be used, for the log: a version of Relay that knows
// more than this one wrote it. It is left in the store as it is.
func (r *Registry) Broken() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var out []string
	for tenant, s := range r.tenants {
		for _, text := range s.broken {
			out = append(out, fmt.Sprintf("tenant %d: %s", tenant, text))
		}
	}
	slices.Sort(out)
	return out
}

func (r *Registry) state(tenant event.TenantID) *state {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if s := r.tenants[tenant]; s != nil {
		return s
	}
	return r.base
}

// build makes the state from all records of a tenant, the first created first. Types that old has too keep their
// compiled schemas.
func (r *Registry) build(old *state, records []Record) (*state, error) {
	s := &state{
		list:    records,
		records: make(map[recordKey]Record, len(records)), types: make(map[string]*Type), versions: make(map[string][]*Type),
		aliases: make(map[string]string), settings: make(map[string]Settings),
	}
	for _, p := range r.packs {
		for i := range p.Types {
			t := &p.Types[i]
			s.types[t.Name] = t
			for _, alias := range t.Aliases {
				s.aliases[alias] = t.Name
			}
		}
	}
	off := make(map[string]bool)
	var own []Rule
	for _, rec := range records {
		s.records[rec.key()] = rec
		var err error
		switch rec.Kind {
		case KindType:
			err = s.addType(old, rec)
		case KindSettings:
			var set Settings
			if err = json.Unmarshal(rec.Body, &set); err == nil {
				s.settings[rec.Name] = set
			}
		case KindRule:
			var rule Rule
			if err = json.Unmarshal(rec.Body, &rule); err == nil {
				own = append(own, rule)
			}
		case KindSwitch:
			off[rec.Name] = true
		default:
			err = errors.New("of an unknown kind")
		}
		if err != nil {
			s.broken = append(s.broken, fmt.Sprintf("%s %q: %v", rec.Kind, rec.Name, err))
		}
	}
	for name, t := range s.types {
		if set := s.settingsOf(name); set != (Settings{t.Validation, t.Deprecated, t.Archived}) {
			own := *t
			own.Validation, own.Deprecated, own.Archived = set.Validation, set.Deprecated, set.Archived
			s.types[name] = &own
		}
	}
	return s, r.addRules(s, own, off)
}

func (s *state) addType(old *state, rec Record) error {
	t := new(Type)
	if err := json.Unmarshal(rec.Body, t); err != nil {
		return err
	}
	t.CreatedAt, t.UpdatedAt = rec.CreatedAt, rec.UpdatedAt
	t.checks = newChecks(t.Schema, t.AttributesSchema, true)
	if old != nil {
		for _, before := range old.versions[t.Name] {
			if before.Version == t.Version && string(before.Schema) == string(t.Schema) && string(before.AttributesSchema) == string(t.AttributesSchema) {
				t.checks = before.checks
			}
		}
	}
	s.versions[t.Name] = append(s.versions[t.Name], t)
	s.types[t.Name] = t
	delete(s.aliases, t.Name)
	for _, alias := range t.Aliases {
		if _, taken := s.types[alias]; !taken {
			s.aliases[alias] = t.Name
		}
	}
	return nil
}

// settingsOf returns the settings that hold for a type, its own before those of all, before what its pack says.
func (s *state) settingsOf(name string) Settings {
	set, has := s.settings[name]
	if t := s.types[name]; !has && t != nil {
		set = Settings{t.Validation, t.Deprecated, t.Archived}
	}
	if set.Validation == "" {
		set.Validation = s.settings[AllTypes].Validation
	}
	if set.Validation == "" {
		set.Validation = Warn
	}
	return set
}

// Lookup returns the type with the name or alias, as the tenant sees it: its own before one of a pack.
func (r *Registry) Lookup(tenant event.TenantID, name string) (*Type, bool) {
	return r.state(tenant).lookup(name)
}

func (s *state) lookup(name string) (*Type, bool) {
	t, ok := s.types[name]
	if !ok {
		t, ok = s.types[s.aliases[name]]
	}
	return t, ok
}

// Canonical returns the name of the type that name is an alias of, else name.
func (r *Registry) Canonical(tenant event.TenantID, name string) string {
	s := r.state(tenant)
	if _, ok := s.types[name]; ok {
		return name
	}
	if to, ok := s.aliases[name]; ok {
		return to
	}
	return name
}

// List returns the tenant's types, by name. The slice is the caller's.
func (r *Registry) List(tenant event.TenantID) []*Type {
	return slices.SortedFunc(maps.Values(r.state(tenant).types), func(a, b *Type) int { return strings.Compare(a.Name, b.Name) })
}

// Versions returns the versions of a tenant's own type, the oldest first; nil for types of packs.
func (r *Registry) Versions(tenant event.TenantID, name string) []*Type {
	return slices.Clone(r.state(tenant).versions[name])
}

// Default returns the tenant's settings for AllTypes.
func (r *Registry) Default(tenant event.TenantID) Settings {
	set := r.state(tenant).settings[AllTypes]
	if set.Validation == "" {
		set.Validation = Warn
	}
	return set
}

// Check holds an event that is about to be published against its type's schema, as the tenant's settings want it:
// nothing is checked when the mode is Off. The schema is that of the version the event names, where the tenant has such
// a version, else the current one. refuse means that the event must not be accepted.
func (r *Registry) Check(e *event.Event) (violations []Violation, refuse bool) {
	s := r.state(e.Tenant)
	t, ok := s.lookup(e.Type)
	if !ok || t.Archived {
		if s.settings[AllTypes].Validation != Strict {
			return nil, false
		}
		if ok {
			return []Violation{{Path: "type", Message: "is archived"}}, true
		}
		return []Violation{{Path: "type", Message: "is not in the catalogue"}}, true
	}
	if t.Validation == Off {
		return nil, false
	}
	schema := t
	if e.Version != "" && e.Version != t.Version {
		for _, v := range s.versions[t.Name] {
			if v.Version == e.Version {
				schema = v
			}
		}
	}
	violations = schema.Validate(e.Data, e.Attributes)
	return violations, len(violations) > 0 && t.Validation == Strict
}

// Put adds a version of a type, which becomes the current one, or changes the version with the same name. See
// Type: Name is required; an empty Version is "1", an absent example is made from the schema. The errors are problems
// that name the field.
func (r *Registry) Put(ctx context.Context, tenant event.TenantID, t Type) (*Type, error) {
	list, err := r.PutMany(ctx, tenant, []Type{t})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// PutMany is Put for several types, all or none: an import.
func (r *Registry) PutMany(ctx context.Context, tenant event.TenantID, types []Type) ([]*Type, error) {
	r.change.Lock()
	defer r.change.Unlock()
	s := r.state(tenant)
	now := time.Now().UTC().Truncate(time.Millisecond)
	records := make([]Record, 0, len(types))
	added := make(map[string]bool)
	for i := range types {
		t := types[i]
		if err := t.normalize(); err != nil {
			return nil, inItem(err, len(types) > 1, t.Name)
		}
		for _, alias := range t.Aliases {
			if other, taken := s.lookup(alias); taken && other.Name != t.Name || added[alias] {
				return nil, problem.InvalidField("aliases", "must not have %q, which is the name of another type", alias)
			}
		}
		if len(s.versions[t.Name]) == 0 {
			added[t.Name] = true
			if len(s.versions)+len(added) > MaxTypes {
				return nil, problem.New(problem.Forbidden, "a tenant may have %d event types of its own", MaxTypes)
			}
		}
		body, err := json.Marshal(&t)
		if err != nil {
			return nil, fmt.Errorf("writing type %q: %w", t.Name, err)
		}
		rec := Record{Tenant: tenant, Kind: KindType, Name: t.Name, Version: t.Version, Body: body, CreatedAt: now, UpdatedAt: now}
		if before, ok := s.records[recordKey{KindType, t.Name, t.Version}]; ok {
			rec.CreatedAt = before.CreatedAt
		} else if len(s.versions[t.Name]) >= MaxVersions {
			return nil, problem.InvalidField("version", "must be one of those that exist: a type may have %d", MaxVersions)
		}
		records = append(records, rec)
	}
	if err := r.put(ctx, tenant, s, records); err != nil {
		return nil, err
	}
	out := make([]*Type, len(records))
	s = r.state(tenant)
	for i, rec := range records {
		out[i] = s.types[rec.Name]
		for _, v := range s.versions[rec.Name] {
			if v.Version == rec.Version && out[i].Version != rec.Version {
				out[i] = v
			}
		}
	}
	return out, nil
}

// inItem names the type that an import's error is about.
func inItem(err error, many bool, name string) error {
	var p *problem.Error
	if !many || !errors.As(err, &p) {
		return err
	}
	own := *p
	own.Fields = slices.Clone(own.Fields)
	for i := range own.Fields {
		own.Fields[i].Name = fmt.Sprintf("%s of %q", own.Fields[i].Name, clip(name))
	}
	return &own
}

// put stores records and makes the tenant's state anew.
func (r *Registry) put(ctx context.Context, tenant event.TenantID, s *state, records []Record) error {
	all := slices.Clone(s.list)
	for _, rec := range records {
		if i := slices.IndexFunc(all, func(o Record) bool { return o.key() == rec.key() }); i >= 0 {
			all[i] = rec
		} else {
			all = append(all, rec)
		}
	}
	// Built before it is stored: what cannot be used must not be stored.
	next, err := r.build(s, all)
	if err != nil {
		return err
	}
	if err := r.store.CataloguePutMany(ctx, records); err != nil {
		return fmt.Errorf("storing %s %q: %w", records[0].Kind, records[0].Name, err)
	}
	r.mu.Lock()
	r.tenants[tenant] = next
	r.mu.Unlock()
	return nil
}

func (r *Registry) remove(ctx context.Context, tenant event.TenantID, s *state, key recordKey) error {
	if err := r.store.CatalogueDelete(ctx, tenant, key.kind, key.name, key.version); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("deleting %s %q: %w", key.kind, key.name, err)
	}
	all := slices.DeleteFunc(slices.Clone(s.list), func(o Record) bool { return o.key() == key })
	next, err := r.build(s, all)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.tenants[tenant] = next
	r.mu.Unlock()
	return nil
}

// Set lets change edit the settings of a type, of a pack or the tenant's own, or of AllTypes.
func (r *Registry) Set(ctx context.Context, tenant event.TenantID, name string, change func(*Settings)) error {
	r.change.Lock()
	defer r.change.Unlock()
	s := r.state(tenant)
	if name != AllTypes {
		t, ok := s.lookup(name)
		if !ok {
			return problem.New(problem.NotFound, "there is no event type %q", clip(name))
		}
		name = t.Name
	}
	set, has := s.settings[name]
	if !has && name != AllTypes {
		t := s.types[name]
		set = Settings{Deprecated: t.Deprecated, Archived: t.Archived}
	}
	before := set
	change(&set)
	if set.Validation != "" && !KnownMode(set.Validation) {
		return problem.InvalidField("validation", "must be %q, %q or %q, got %q", Off, Warn, Strict, clip(string(set.Validation)))
	}
	if name == AllTypes && (set.Archived || set.Deprecated) {
		return problem.InvalidField("name", "must be a type to be archived or deprecated")
	}
	if has && set == before {
		return nil
	}
	return r.putBody(ctx, tenant, s, KindSettings, name, set)
}

// Archive hides a type from lists and stops its checks, or takes that back. Its events stay what they are.
func (r *Registry) Archive(ctx context.Context, tenant event.TenantID, name string, archived bool) error {
	if name == AllTypes {
		return problem.New(problem.NotFound, "there is no event type %q", name)
	}
	return r.Set(ctx, tenant, name, func(s *Settings) { s.Archived = archived })
}

func (r *Registry) putBody(ctx context.Context, tenant event.TenantID, s *state, kind Kind, name string, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing %s %q: %w", kind, name, err)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	rec := Record{Tenant: tenant, Kind: kind, Name: name, Body: body, CreatedAt: now, UpdatedAt: now}
	if before, ok := s.records[recordKey{kind: kind, name: name}]; ok {
		rec.CreatedAt = before.CreatedAt
	}
	return r.put(ctx, tenant, s, []Record{rec})
}
