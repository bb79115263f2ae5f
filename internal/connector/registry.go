package connector

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/definition"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/transform"
	"github.com/relay-events/relay/internal/webhook"
)

// The kinds of records.
const (
	DefinitionKind registry.Kind = "connectors"
	ConnectionKind registry.Kind = "connections"
)

// State says how far a definition is.
type State string

// The states of a definition.
const (
	Draft   State = "draft"   // being written; only drafts change
	Testing State = "testing" // sends to test profiles only
	Live    State = "live"
	Retired State = "retired" // connections go on, and no new ones are made
)

// Stored is a custom definition as it is kept.
type Stored struct {
	Document string `json:"document"`
	State    State  `json:"state"`
	// Plan are the steps of the definition's plan that are done.
	Plan []Step `json:"plan,omitempty"`

	def    *Definition
	faults definition.Faults // of a draft
}

// Step is a step of the testing plan that somebody has done.
type Step struct {
	Step     string    `json:"step"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Evidence string    `json:"evidence,omitempty"`
}

// Entry is a definition in the overview.
type Entry struct {
	*Definition
	Standard  bool
	State     State
	Plan      []Step
	Faults    definition.Faults // of a draft
	UpdatedAt time.Time
}

// Config is what Connectors are made of.
type Config struct {
	Store    registry.RecordStore
	Webhooks *webhook.Registry
	Client   *egress.Client
	// Scripts runs transforms. Nil: definitions with one cannot be used.
	Scripts   Scripts
	UserAgent string
	Log       *slog.Logger
	// Plans bound how many connectors tenants have. Nil: they may have any number.
	Plans *account.Plans
}

// Scripts compiles and runs transforms, as transform.Pool does.
type Scripts interface {
	Compile(ctx context.Context, tenant event.TenantID, source string) (*transform.Script, error)
	Run(ctx context.Context, s *transform.Script, input transform.Input) (transform.Output, error)
}

// Connectors keep definitions and connections, and deliver. They are safe for concurrent use.
type Connectors struct {
	o           Config
	definitions *registry.Records[Stored]
	connections *registry.Records[Connection]
	lists       lists

	// Set by Start.
	engine Engine
	ledger Publisher

	mu      sync.RWMutex
	sources map[string]Source // guarded by mu
}

// New returns the stored connectors and connections.
func New(ctx context.Context, o Config) (*Connectors, error) {
	if o.Store == nil || o.Webhooks == nil || o.Client == nil {
		return nil, errors.New("connector: no store, webhooks or client")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Connectors{o: o, sources: make(map[string]Source)}
	var err error
	c.definitions, err = registry.NewRecords(ctx, o.Store, registry.RecordOptions[Stored]{
		Kind: DefinitionKind, Noun: "connector", Max: 500, Limit: o.Plans.Records(account.LimitConnectors, connectorOf), Prepare: (*Stored).prepare,
		Audited: func(s *Stored) any { return s },
		Label: func(s *Stored) string {
			if s.def == nil {
				return ""
			}
			return s.def.Name
		},
	})
	if err != nil {
		return nil, err
	}
	c.connections, err = registry.NewRecords(ctx, o.Store, registry.RecordOptions[Connection]{
		Kind: ConnectionKind, Noun: "connection", Max: 500, Secrets: func(v *Connection) any { return &v.Secrets },
		Label: func(v *Connection) string { return v.Name },
	})
	if err != nil {
		return nil, err
	}
	for _, text := range append(c.definitions.Broken(), c.connections.Broken()...) {
		o.Log.Warn("a record cannot be used", "reason", text)
	}
	return c, nil
}

// RefreshDefinitions reads the definitions again, because another server has changed them.
func (c *Connectors) RefreshDefinitions(ctx context.Context) error { return c.definitions.Refresh(ctx) }

// RefreshConnections does the same for connections.
func (c *Connectors) RefreshConnections(ctx context.Context) error { return c.connections.Refresh(ctx) }

func (s *Stored) prepare() error {
	s.def, s.faults = parse(s.Document)
	if s.def == nil || len(s.faults) > 0 && s.State != Draft {
		return s.faults
	}
	return nil
}

// key is the name of a definition's record.
func key(connector, version string) string { return connector + "@" + version }

// connectorOf returns the connector of a key.
func connectorOf(key string) string {
	connector, _, _ := strings.Cut(key, "@")
	return connector
}

// Count returns how many custom connectors the tenant has; the versions of one count once.
func (c *Connectors) Count(tenant event.TenantID) int64 {
	names := make(map[string]bool)
	for _, it := range c.definitions.List(tenant) {
		names[connectorOf(it.Name)] = true
	}
	return int64(len(names))
}

// List returns all definitions: the standard ones, then the tenant's own, by name and version.
func (c *Connectors) List(tenant event.TenantID) (list []Entry) {
	for _, d := range standard() {
		list = append(list, Entry{Definition: d, Standard: true, State: Live})
	}
	own := c.definitions.List(tenant)
	slices.SortFunc(own, func(a, b *registry.Item[Stored]) int {
		if n := strings.Compare(a.Value.def.Connector, b.Value.def.Connector); n != 0 {
			return n
		}
		return compareVersions(a.Value.def.Version, b.Value.def.Version)
	})
	for _, it := range own {
		list = append(list, entryOf(it))
	}
	return list
}

func entryOf(it *registry.Item[Stored]) Entry {
	return Entry{Definition: it.Value.def, State: it.Value.State, Plan: it.Value.Plan, Faults: it.Value.faults, UpdatedAt: it.UpdatedAt}
}

func compareVersions(a, b string) int {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		n, _ := strconv.Atoi(x[i])
		m, _ := strconv.Atoi(y[i])
		if n != m {
			return n - m
		}
	}
	return 0
}

// Get returns a definition; without a version the newest live one, else the newest.
func (c *Connectors) Get(tenant event.TenantID, connector, version string) (Entry, error) {
	var found Entry
	for _, e := range c.List(tenant) { // versions rise
		if e.Connector != connector || version != "" && e.Version != version {
			continue
		}
		if found.Definition == nil || e.State == Live || found.State != Live {
			found = e
		}
	}
	if found.Definition == nil {
		if version != "" {
			return found, problem.New(problem.NotFound, "there is no connector %q with the version %q", problem.Clip(connector), problem.Clip(version))
		}
		return found, problem.New(problem.NotFound, "there is no connector %q", problem.Clip(connector))
	}
	return found, nil
}

// read parses a document that is to be stored. A draft may lack what it does not have yet.
func (c *Connectors) read(document string) (*Stored, error) {
	s := &Stored{Document: document, State: Draft}
	s.def, s.faults = parse(document)
	if s.def == nil || !s.faults.OnlyMissing() {
		return nil, s.faults.Problem()
	}
	for _, d := range standard() {
		if d.Connector == s.def.Connector {
			return nil, problem.InvalidField("document.connector", "is the name of a standard connector: choose another")
		}
	}
	return s, nil
}

// Create stores a new version of a definition, as a draft.
func (c *Connectors) Create(ctx context.Context, p *access.Principal, document string) (Entry, error) {
	s, err := c.read(document)
	if err != nil {
		return Entry{}, err
	}
	it, err := c.definitions.Create(ctx, p, key(s.def.Connector, s.def.Version), *s)
	if err != nil {
		return Entry{}, err
	}
	return entryOf(it), nil
}

// Replace changes the document of a draft. Other versions never change.
func (c *Connectors) Replace(ctx context.Context, p *access.Principal, connector, version, document string) (Entry, error) {
	s, err := c.read(document)
	if err != nil {
		return Entry{}, err
	}
	if s.def.Connector != connector || s.def.Version != version {
		return Entry{}, problem.InvalidField("document.version", "must be that of the draft: %s %s; another version is added with POST", connector, version)
	}
	return c.change(ctx, p, connector, version, func(old *Stored) error {
		if old.State != Draft {
			return problem.New(problem.Conflict, "version %s is %s: only drafts change, add a new version", version, old.State)
		}
		*old = *s
		return nil
	})
}

func (c *Connectors) change(ctx context.Context, p *access.Principal, connector, version string, edit func(*Stored) error) (Entry, error) {
	if e, err := c.Get(p.Tenant, connector, version); err != nil {
		return e, err
	} else if e.Standard {
		return e, problem.New(problem.Conflict, "%s is a standard connector: clone it to change it", connector)
	}
	it, err := c.definitions.Update(ctx, p, key(connector, version), func(it *registry.Item[Stored]) error { return edit(&it.Value) })
	if err != nil {
		return Entry{}, err
	}
	return entryOf(it), nil
}

// next lists the states that follow a state.
var next = map[State][]State{
	Draft: {Testing, Live}, Testing: {Live, Draft, Retired}, Live: {Retired}, Retired: {Live},
}

// SetState moves a version on. It goes live only if it has tests, all of them pass, and its plan is done.
func (c *Connectors) SetState(ctx context.Context, p *access.Principal, connector, version string, to State) (Entry, error) {
	return c.change(ctx, p, connector, version, func(s *Stored) error {
		if s.State == to {
			return nil
		}
		if !slices.Contains(next[s.State], to) {
			return problem.InvalidField("state", "cannot become %q: it is %q", to, s.State)
		}
		if to != Draft && len(s.faults) > 0 {
			return s.faults.Problem()
		}
		if to == Live {
			if err := c.ready(ctx, p.Tenant, s); err != nil {
				return err
			}
		}
		s.State = to
		return nil
	})
}

// ready says what keeps a definition from going live.
func (c *Connectors) ready(ctx context.Context, tenant event.TenantID, s *Stored) error {
	if len(s.def.Tests) == 0 {
		return problem.InvalidField("state", "cannot become live: the definition has no tests")
	}
	for _, r := range c.RunTests(ctx, tenant, s.def) {
		if r.Reason != "" {
			return problem.InvalidField("state", "cannot become live: the test %q fails: %s", r.Name, r.Reason)
		}
	}
	for _, step := range s.def.Plan {
		if !slices.ContainsFunc(s.Plan, func(done Step) bool { return done.Step == step }) {
			return problem.InvalidField("state", "cannot become live: the plan's step %q is not done", step)
		}
	}
	return nil
}

// TickPlan notes that a step of the plan is done.
func (c *Connectors) TickPlan(ctx context.Context, p *access.Principal, connector, version, step, evidence string) (Entry, error) {
	return c.change(ctx, p, connector, version, func(s *Stored) error {
		if !slices.Contains(s.def.Plan, step) {
			return problem.InvalidField("step", "is no step of the definition's plan")
		}
		s.Plan = slices.DeleteFunc(s.Plan, func(done Step) bool { return done.Step == step })
		s.Plan = append(s.Plan, Step{Step: step, By: p.Actor.Name, At: time.Now().UTC().Truncate(time.Millisecond), Evidence: evidence})
		return nil
	})
}

// Delete removes a version that no connection uses.
func (c *Connectors) Delete(ctx context.Context, p *access.Principal, connector, version string) error {
	e, err := c.Get(p.Tenant, connector, version)
	switch {
	case err != nil:
		return err
	case e.Standard:
		return problem.New(problem.Conflict, "%s is a standard connector and stays", connector)
	}
	for _, it := range c.connections.List(p.Tenant) {
		if it.Value.Connector == connector && it.Value.Version == e.Version {
			return problem.New(problem.Conflict, "the connection %q uses it", problem.Clip(it.Value.Name))
		}
	}
	return c.definitions.Delete(ctx, p, key(connector, e.Version))
}

// RunTests runs the definition's own tests.
func (c *Connectors) RunTests(ctx context.Context, tenant event.TenantID, d *Definition) []TestResult {
	return d.RunTests(func(source string, payload []byte) ([]byte, error) { return c.runScript(ctx, tenant, source, payload) })
}

// runScript makes a profile's item with the definition's JavaScript.
func (c *Connectors) runScript(ctx context.Context, tenant event.TenantID, source string, payload []byte) ([]byte, error) {
	if c.o.Scripts == nil {
		return nil, errors.New("this server runs no transforms")
	}
	now := time.Now()
	out, err := c.o.Scripts.Run(ctx, transform.NewScript(source), transform.Input{Type: "profile", Time: now, Now: now, Tenant: tenant, Data: payload})
	switch {
	case err != nil:
		return nil, err
	case out.Drop:
		return nil, skipped("the connector's transform leaves the profile out")
	case out.NoBody:
		return payload, nil
	case out.Text:
		return nil, errors.New("the connector's transform must return JSON, not a text")
	}
	return out.Body, nil
}
