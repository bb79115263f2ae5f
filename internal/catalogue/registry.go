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
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
)

// Limits of a tenant's additions.
const (
	MaxTypes    = 2000 // types of a tenant
	MaxVersions = 50   // versions of one type

	// DefaultBytes is the default of Limits.Bytes. In memory a catalogue takes about six times as
	// much.
	DefaultBytes = 32 << 20

	maxDescription  = 16 << 10 // bytes
	maxExampleBytes = 256 << 10
	maxAliases      = 20
)

// Options configures a Registry.
type Options struct {
	// Packs are the types and rules for all tenants; nil means Builtin().
	Packs []*Pack
	// Limits bound the additions of tenants, and the work of their schemas and rules.
	Limits Limits
	// Evaluator compiles the expressions of rules that this package does not evaluate itself; nil
	// means that those are rejected.
	Evaluator Evaluator
}

// Registry holds the catalogue of every tenant in memory. It applies changes to the store first and
// then makes them visible. It is safe for concurrent use; the values it returns never change.
type Registry struct {
	store Store
	ev    Evaluator
	packs []*Pack

	// held has the records of all tenants, and the state that is made of them: accepting an event
	// reads it and must not wait.
	held *registry.Registry[Record, *state]
	base *state // of tenants without records

	limits   Limits
	stats    Stats
	stopping chan struct{} // closed by StopWaiting
	meters   sync.Map      // of tenants whose events take work: *meter by event.TenantID
}

// state is the catalogue of one tenant.
type state struct {
	records  map[RecordKey]*Record
	types    map[string]*Type   // the current version of each type, by name
	versions map[string][]*Type // of the tenant's own types, oldest first
	aliases  map[string]string
	settings map[string]Settings
	ruleList []RuleState
	rules    *Rules
	compiled map[Rule]compilation // of every rule in ruleList
	plans    map[string]*Plan     // how to process an event, by the type's name or alias; see View.Plan
	unknown  *Plan                // how to process an event of a type without a plan
	broken   []string             // descriptions of records that could not be read

	typos     sync.Map     // plans for unknown type names, see planUnknown: string to *Plan
	typoCount atomic.Int64 // unknown names seen, including those not stored in typos
}

// NewRegistry returns a registry with all records of the store.
func NewRegistry(ctx context.Context, store Store, o Options) (*Registry, error) {
	r := &Registry{store: store, ev: o.Evaluator, packs: o.Packs, limits: o.Limits.withDefaults(), stopping: make(chan struct{})}
	if r.packs == nil {
		r.packs = builtin
	}
	var err error
	r.held, err = registry.New(registry.Options[Record, *state]{
		Key: func(rec *Record) (event.TenantID, string) {
			return rec.Tenant, string(rec.Kind) + "\x00" + rec.Name + "\x00" + rec.Version
		},
		Build: func(_ event.TenantID, before *state, records []*Record) (*state, error) {
			return r.build(before, records)
		},
	})
	if err != nil {
		return nil, err
	}
	return r, r.Reload(ctx)
}

// Reload reads all records from the store again, because another node may have changed them.
func (r *Registry) Reload(ctx context.Context) error {
	return r.held.Hold(func() error {
		list, err := r.store.CatalogueList(ctx)
		if err != nil {
			return fmt.Errorf("reading the catalogue: %w", err)
		}
		records := make([]*Record, len(list))
		for i := range list {
			records[i] = &list[i]
		}
		next, err := r.held.NextAll(records)
		if err == nil {
			next.Publish()
		}
		return err
	})
}

// Broken describes the records in the store that could not be used, for the log: a newer version of
// Relay wrote them. They stay in the store unchanged.
func (r *Registry) Broken() []string {
	var out []string
	for _, tenant := range r.held.Tenants() {
		for _, text := range r.state(tenant).broken {
			out = append(out, fmt.Sprintf("tenant %d: %s", tenant, text))
		}
	}
	slices.Sort(out)
	return out
}

func (r *Registry) state(tenant event.TenantID) *state { return r.held.State(tenant) }

// build builds the state from all records of a tenant, oldest first. Types that are also in old
// keep their compiled schemas.
func (r *Registry) build(old *state, records []*Record) (*state, error) {
	s := &state{
		records: make(map[RecordKey]*Record, len(records)), types: make(map[string]*Type), versions: make(map[string][]*Type),
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
	if err := r.addRules(old, s, own, off); err != nil {
		return nil, err
	}
	s.plan()
	if old == nil {
		r.base = s // the first one: of a tenant without records
	}
	return s, nil
}

func (s *state) addType(old *state, rec *Record) error {
	t, err := readStored(rec.Body)
	if err != nil {
		return err
	}
	t.CreatedAt, t.UpdatedAt = rec.CreatedAt, rec.UpdatedAt
	t.checks = newChecks(t.Schema, t.AttributesSchema)
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

// settingsOf returns the settings of a type: its own settings first, then those for all types, then
// those of its pack.
func (s *state) settingsOf(name string) Settings {
	set, has := s.settings[name]
	if t := s.types[name]; !has && t != nil {
		set = Settings{t.Validation, t.Deprecated, t.Archived}
	}
	if t := s.types[name]; set.Validation == "" && t != nil {
		set.Validation = t.Validation // from the operator's file
	}
	if set.Validation == "" {
		set.Validation = s.settings[AllTypes].Validation
	}
	if set.Validation == "" {
		set.Validation = Warn
	}
	return set
}

// Lookup returns the type with the name or alias, as the tenant sees it: its own types take
// precedence over those of packs.
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

// List returns the tenant's types, sorted by name. The caller owns the slice.
func (r *Registry) List(tenant event.TenantID) []*Type {
	return slices.SortedFunc(maps.Values(r.state(tenant).types), func(a, b *Type) int { return strings.Compare(a.Name, b.Name) })
}

// Versions returns the versions of a tenant's own type, oldest first, or nil for types of packs.
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

// Put adds a version of a type, which becomes the current one, or changes the version with the same
// name. Name is required; an empty Version means "1", and a missing example is generated from the
// schema. The errors are problems that name the field.
func (r *Registry) Put(ctx context.Context, p *access.Principal, t Type) (*Type, error) {
	list, err := r.PutMany(ctx, p, []Type{t})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// PutMany is Put for several types, all or none: an import.
func (r *Registry) PutMany(ctx context.Context, p *access.Principal, types []Type) ([]*Type, error) {
	types = slices.Clone(types)
	for i := range types { // before the lock, because it compiles schemas
		if err := types[i].normalize(); err != nil {
			return nil, inItem(err, len(types) > 1, types[i].Name)
		}
	}
	r.held.Lock()
	defer r.held.Unlock()
	tenant := p.Tenant
	s := r.state(tenant)
	records, err := s.typeRecords(tenant, types)
	if err != nil {
		return nil, err
	}
	if err := r.apply(ctx, by(p, actionImport, importTargets(records)...), s, records, nil); err != nil {
		return nil, err
	}
	out := make([]*Type, len(records))
	s = r.state(tenant)
	for i, rec := range records {
		out[i] = s.version(rec.Name, rec.Version)
	}
	return out, nil
}

// version returns the tenant's own version of a type, or the current version if there is no such
// version.
func (s *state) version(name, version string) *Type {
	for _, v := range s.versions[name] {
		if v.Version == version && version != s.types[name].Version {
			return v
		}
	}
	return s.types[name]
}

// typeRecords checks types and returns their records.
func (s *state) typeRecords(tenant event.TenantID, types []Type) ([]Record, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	records := make([]Record, 0, len(types))
	added, aliased := make(map[string]bool), make(map[string]string)
	for i := range types {
		t := types[i]
		if !t.normalized { // already true for types of an import
			if err := t.normalize(); err != nil {
				return nil, inItem(err, len(types) > 1, t.Name)
			}
		}
		if other, taken := s.lookup(t.Name); taken && other.Name != t.Name || aliased[t.Name] != "" {
			return nil, inItem(problem.InvalidField("name", "must not be an alias of another type"), len(types) > 1, t.Name)
		}
		for _, alias := range t.Aliases {
			if other, taken := s.lookup(alias); taken && other.Name != t.Name || added[alias] || aliased[alias] != "" {
				return nil, problem.InvalidField("aliases", "must not have %q, which is the name or an alias of another type", alias)
			}
			aliased[alias] = t.Name
		}
		if len(s.versions[t.Name]) == 0 {
			added[t.Name] = true
			if len(s.versions)+len(added) > MaxTypes {
				return nil, problem.New(problem.Forbidden, "a tenant may have %d event types of its own", MaxTypes)
			}
		}
		body, err := encode(t.stored())
		if err != nil {
			return nil, fmt.Errorf("writing type %q: %w", t.Name, err)
		}
		rec := Record{Tenant: tenant, Kind: KindType, Name: t.Name, Version: t.Version, Body: body, CreatedAt: now, UpdatedAt: now}
		if before, ok := s.records[RecordKey{KindType, t.Name, t.Version}]; ok {
			rec.CreatedAt = before.CreatedAt
		} else if len(s.versions[t.Name]) >= MaxVersions {
			return nil, problem.InvalidField("version", "must be one of those that exist: a type may have %d", MaxVersions)
		}
		records = append(records, rec)
	}
	return records, nil
}

// inItem adds the name of the type to an error of an import.
func inItem(err error, many bool, name string) error {
	var p *problem.Error
	if !many || !errors.As(err, &p) {
		return err
	}
	own := *p
	own.Fields = slices.Clone(own.Fields)
	for i := range own.Fields {
		own.Fields[i].Name = fmt.Sprintf("%s of %q", own.Fields[i].Name, problem.Clip(name))
	}
	return &own
}

// apply stores records and removes others, all or nothing, and makes the result visible to readers.
// The caller holds the lock.
func (r *Registry) apply(ctx context.Context, w auditInfo, s *state, put []Record, remove []RecordKey) error {
	tenant := w.p.Tenant
	var added, removed []*Record
	for _, old := range r.held.List(tenant) {
		if slices.ContainsFunc(remove, func(k RecordKey) bool { return k.names(old) }) {
			removed = append(removed, old)
		}
	}
	for i := range put {
		added = append(added, &put[i])
	}
	if err := r.checkBytes(s, r.held.List(tenant), added, removed); err != nil {
		return err
	}
	// Built before it is stored, so that unusable records are not stored.
	next, err := r.held.Next(added, removed)
	if err != nil {
		return err
	}
	entry, err := w.entry(s, put, removed)
	if err != nil {
		return err
	}
	err = r.store.CatalogueChange(ctx, RecordChange{Tenant: tenant, Put: put, Remove: remove, Audit: entry})
	if err != nil {
		return fmt.Errorf("%s: %w", w.action, err)
	}
	next.Publish()
	return nil
}

// size is how many bytes of the tenant's byte limit a record takes.
func (r *Record) size() int64 { return int64(len(r.Body) + len(r.Name)) }

// checkBytes rejects records beyond the tenant's byte limit, unless the total shrinks.
func (r *Registry) checkBytes(s *state, before, added, removed []*Record) error {
	var was, is int64
	for _, rec := range before {
		was += rec.size()
	}
	is = was
	for _, rec := range removed {
		is -= rec.size()
	}
	for _, rec := range added {
		is += rec.size()
		if old := s.records[rec.key()]; old != nil && !slices.Contains(removed, old) {
			is -= old.size()
		}
	}
	if is > r.limits.Bytes && is > was {
		r.stats.Bytes.Add(1)
		return problem.New(problem.Forbidden, "the event types and rules of a tenant may have %d bytes together (catalogueBytes), with these they have %d: delete types that are no longer needed, or use smaller schemas", r.limits.Bytes, is)
	}
	return nil
}

// Set calls change to edit the settings of a type, of a pack or the tenant's own, or of AllTypes.
func (r *Registry) Set(ctx context.Context, p *access.Principal, name string, change func(*Settings)) error {
	r.held.Lock()
	defer r.held.Unlock()
	s := r.state(p.Tenant)
	if name != AllTypes {
		t, ok := s.lookup(name)
		if !ok {
			return problem.New(problem.NotFound, "there is no event type %q", problem.Clip(name))
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
	if err := set.check(); err != nil {
		return err
	}
	if name == AllTypes && (set.Archived || set.Deprecated) {
		return problem.InvalidField("name", "must be a type to be archived or deprecated")
	}
	if has && set == before {
		return nil
	}
	rec, err := s.record(p.Tenant, KindSettings, name, set)
	if err != nil {
		return err
	}
	w := by(p, actionTypeUpdate, typeTarget(name))
	if name == AllTypes {
		w = by(p, actionUpdate)
	}
	return r.apply(ctx, w, s, []Record{rec}, nil)
}

// Archive hides a type from lists and stops its checks, or undoes that. Its events remain
// unchanged.
func (r *Registry) Archive(ctx context.Context, p *access.Principal, name string, archived bool) error {
	if name == AllTypes {
		return problem.New(problem.NotFound, "there is no event type %q", name)
	}
	return r.Set(ctx, p, name, func(s *Settings) { s.Archived = archived })
}

// record returns v as a record.
func (s *state) record(tenant event.TenantID, kind Kind, name string, v any) (Record, error) {
	body, err := encode(v)
	if err != nil {
		return Record{}, fmt.Errorf("writing %s %q: %w", kind, name, err)
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	rec := Record{Tenant: tenant, Kind: kind, Name: name, Body: body, CreatedAt: now, UpdatedAt: now}
	if before, ok := s.records[RecordKey{Kind: kind, Name: name}]; ok {
		rec.CreatedAt = before.CreatedAt
	}
	return rec, nil
}
