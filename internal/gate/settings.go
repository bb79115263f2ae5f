package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// Mode is the meaning of the endpoint's answers.
type Mode string

// The modes.
const (
	// Forward hands the respondent over: the endpoint adds whom it wants by a call of its own
	// (respondent-gate.txt).
	Forward Mode = "forward"
	// Decide has the endpoint answer whether the respondent is stored.
	Decide Mode = "decide"
)

// OnFailure says what becomes of a respondent about whom the endpoint could not be asked.
type OnFailure string

// What becomes of them.
const (
	Hold      OnFailure = "hold"    // kept and listed, until a person retries or erases it
	StoreThem OnFailure = "store"   // stored in the campaign, as if the gate were off
	Discard   OnFailure = "discard" // dropped
)

// state is where it leads.
func (f OnFailure) state() State {
	switch f {
	case StoreThem:
		return Stored
	case Discard:
		return Discarded
	default:
		return Held
	}
}

// MaxDeadline bounds how long an integration's call can wait for the verdict.
const MaxDeadline = 25 * time.Second

// Settings are an admin's choices for the gate, beside its endpoint.
type Settings struct {
	Enabled bool `json:"enabled"`
	// Integrations names those whose respondents go through the gate.
	Integrations []string `json:"integrations"`
	Mode         Mode     `json:"mode"`
	// Deadline is how long an integration's call waits for the verdict in mode decide; zero: not at
	// all.
	Deadline  time.Duration `json:"deadline"`
	OnFailure OnFailure     `json:"onFailure"`
	// Own lists the integrations that an admin has added.
	Own       []Integration `json:"own,omitempty"`
	UpdatedAt time.Time     `json:"updatedAt,omitzero"`
}

// Integration is a source of respondents.
type Integration struct {
	Name        string    `json:"name"`
	Description string    `json:"description"`
	CreatedAt   time.Time `json:"createdAt,omitzero"` // zero: it ships with Relay
}

// The integrations that ship with Relay: those of respondent-gate.txt, "When to use Relay?", manual
// send-outs, and programs that have no integration of their own.
var shipped = []Integration{
	{Name: "miralix", Description: "Miralix"},
	{Name: "dixa", Description: "Dixa"},
	{Name: "3kontakt", Description: "3Kontakt"},
	{Name: "telia-touchpoint", Description: "Telia Touchpoint"},
	{Name: "dstny", Description: "Dstny"},
	{Name: "tele2", Description: "Tele2"},
	{Name: "manual", Description: "manual send-outs"},
	{Name: "api", Description: "programs of the customer's own"},
}

// documented is how many of shipped the gate is documented for; they go through it unless an admin
// says otherwise.
const documented = 6

// DefaultSettings returns the gate of a fresh tenant: off.
func DefaultSettings() Settings {
	s := Settings{Mode: Forward, OnFailure: Hold}
	for _, in := range shipped[:documented] {
		s.Integrations = append(s.Integrations, in.Name)
	}
	return s
}

// AllIntegrations returns all there are.
func (s *Settings) AllIntegrations() []Integration { return slices.Concat(shipped, s.Own) }

// canonical returns the name of the integration that a caller means: in any case, and with blanks
// and underscores for dashes, as people write the names of products. ok is false if there is none.
func (s *Settings) canonical(name string) (known string, ok bool) {
	all := s.AllIntegrations()
	folded := fold(name)
	for _, like := range []func(Integration) bool{
		func(in Integration) bool { return in.Name == name }, // two of one's own may differ in that alone
		func(in Integration) bool { return fold(in.Name) == folded },
	} {
		if i := slices.IndexFunc(all, like); i >= 0 {
			return all[i].Name, true
		}
	}
	return "", false
}

func fold(name string) string {
	return strings.ToLower(strings.NewReplacer(" ", "-", "_", "-").Replace(strings.TrimSpace(name)))
}

// allows returns a Forbidden problem unless a key with the limits may send respondents by the
// integration known. Limits name integrations as people write them.
func (s *Settings) allows(l *access.Limits, known string) error {
	if l != nil {
		for _, written := range l.Integrations {
			if name, ok := s.canonical(written); ok && name == known {
				return nil
			}
		}
	}
	return l.Integration(known)
}

// gates reports whether respondents of the integration go through the gate.
func (s *Settings) gates(name string) bool { return s.Enabled && slices.Contains(s.Integrations, name) }

// clone returns a copy that shares nothing that a change could reach.
func (s Settings) clone() Settings {
	s.Integrations, s.Own = slices.Clone(s.Integrations), slices.Clone(s.Own)
	return s
}

// check checks settings and brings them into their stored form.
func (s *Settings) check(hasEndpoint bool) error {
	switch {
	case s.Mode != Forward && s.Mode != Decide:
		return problem.InvalidField("mode", "must be %q or %q, got %.40q", Forward, Decide, s.Mode)
	case s.OnFailure != Hold && s.OnFailure != StoreThem && s.OnFailure != Discard:
		return problem.InvalidField("onFailure", "must be %q, %q or %q, got %.40q", Hold, StoreThem, Discard, s.OnFailure)
	case s.Deadline < 0 || s.Deadline > MaxDeadline:
		return problem.InvalidField("deadline", "must be 0s (do not wait) to %v, got %v", MaxDeadline, s.Deadline)
	case s.Deadline > 0 && s.Mode != Decide:
		return problem.InvalidField("deadline", "needs mode %q: there is no verdict to wait for", Decide)
	case s.Enabled && !hasEndpoint:
		return problem.InvalidField("url", "must be given before the gate can be turned on")
	}
	var names []string
	for i, name := range s.Integrations {
		known, ok := s.canonical(name)
		if !ok {
			return problem.InvalidField(fmt.Sprintf("integrations[%d]", i), "is not an integration: GET /v1/integrations lists them")
		}
		if !slices.Contains(names, known) {
			names = append(names, known)
		}
	}
	s.Integrations = names
	return nil
}

// Endpoint is the gate's endpoint as an admin chooses it: the part of a webhook's settings that
// makes sense for it.
type Endpoint = webhook.Settings

// defaultEndpoint returns the settings of the gate's webhook but the URL.
func defaultEndpoint() Endpoint {
	s := webhook.Default()
	s.Owner, s.Events, s.Format, s.Signature = Owner, []string{eventType}, format.Respondent, webhook.SignNone
	return s
}

// View is the gate as an admin sees and changes it.
type View struct {
	Settings
	Endpoint Endpoint         // without a URL: none was set yet
	Webhook  *webhook.Webhook // the endpoint's; nil: none yet. Not to be changed
}

// Settings returns the tenant's settings. They must not be changed.
func (g *Gate) settings(tenant event.TenantID) *Settings {
	if c := g.configured.Get(tenant, ""); c != nil {
		return &c.Settings
	}
	return &unconfigured
}

var unconfigured = DefaultSettings()

// View returns the tenant's gate.
func (g *Gate) View(tenant event.TenantID) View {
	v := View{Settings: g.settings(tenant).clone(), Endpoint: defaultEndpoint(), Webhook: g.endpoint(tenant)}
	if v.Webhook != nil {
		v.Endpoint = v.Webhook.Settings
		v.Endpoint.Auth = v.Endpoint.Auth.Hide()
	}
	return v
}

// Change lets change edit a copy of the tenant's gate, checks it and stores it. Respondents on
// their way follow the new settings; turned off, the gate still asks about those it has.
func (g *Gate) Change(ctx context.Context, p *access.Principal, change func(*View) error) (before, after View, err error) {
	tenant := p.Tenant
	g.configured.Lock()
	defer g.configured.Unlock()
	if err := g.catchUpLocked(ctx); err != nil {
		return before, after, err
	}
	before, after = g.View(tenant), g.View(tenant)
	if err := change(&after); err != nil {
		return before, after, err
	}
	if err := after.Settings.check(after.Endpoint.URL != ""); err != nil {
		return before, after, err
	}
	// The endpoint first: a gate that is on must have one.
	switch fixed := defaultEndpoint(); {
	case after.Endpoint.URL == "" && before.Webhook != nil:
		return before, after, problem.InvalidField("url", "cannot be removed: turn the gate off instead")
	case after.Endpoint.URL == "" && !reflect.DeepEqual(after.Endpoint, before.Endpoint):
		return before, after, problem.InvalidField("url", "must be given with the other settings of the endpoint")
	case after.Endpoint.URL == "":
	default:
		if after.Endpoint.Timeout == 0 {
			after.Endpoint.Timeout = webhook.Default().Timeout
		}
		after.Endpoint.Owner, after.Endpoint.Events, after.Endpoint.Format, after.Endpoint.Signature = fixed.Owner, fixed.Events, fixed.Format, fixed.Signature
		// The entry goes with the first write, so that no change is stored without it.
		var entry *access.Entry
		if entry, err = p.Entry(actionUpdate, before.audited(), after.audited()); err != nil {
			return before, after, err
		}
		if before.Webhook == nil {
			after.Webhook, err = g.hooks.CreateOwned(ctx, tenant, after.Endpoint, entry)
		} else {
			after.Webhook, err = g.hooks.UpdateOwned(ctx, tenant, before.Webhook.ID, entry, func(s *webhook.Settings) error {
				*s = after.Endpoint
				return nil
			})
		}
		if err != nil {
			return before, after, err
		}
		after.Endpoint = after.Webhook.Settings
		after.Endpoint.Auth = after.Endpoint.Auth.Hide()
	}
	after.Settings.UpdatedAt = now()
	var entry *access.Entry
	if after.Webhook == nil {
		if entry, err = p.Entry(actionUpdate, before.audited(), after.audited()); err != nil {
			return before, after, err
		}
	}
	return before, after, g.put(ctx, tenant, after.Settings, entry)
}

// actionUpdate is the audit log's name for a change of the gate.
const actionUpdate = "gate.update"

// audited is a gate as the audit log shows it, without secrets.
func (v *View) audited() any {
	return struct {
		Settings
		Endpoint any `json:"endpoint"`
	}{v.Settings, v.Endpoint.Audited()}
}

// put stores settings; the caller holds the lock.
func (g *Gate) put(ctx context.Context, tenant event.TenantID, s Settings, entry *access.Entry) error {
	text, err := json.Marshal(s)
	if err == nil {
		err = g.store.GatePut(ctx, tenant, text, entry)
	}
	if err != nil {
		return fmt.Errorf("storing the gate's settings: %w", err)
	}
	next, err := g.configured.Next([]*configured{{tenant, s}}, nil)
	if err == nil {
		next.Publish()
	}
	return err
}

// configured are the settings of a tenant's gate.
type configured struct {
	tenant event.TenantID
	Settings
}

// Refresh reads the settings of all tenants from the store: at the start, and when another node has
// changed them.
func (g *Gate) Refresh(ctx context.Context) error {
	g.configured.Lock()
	defer g.configured.Unlock()
	return g.refreshLocked(ctx)
}

// catchUpLocked reads what another server may have changed just now, so that a change is one of the
// settings as they are.
func (g *Gate) catchUpLocked(ctx context.Context) error {
	if _, shared := g.store.(SharedStore); !shared {
		return nil
	}
	return errors.Join(g.hooks.Refresh(ctx), g.refreshLocked(ctx))
}

func (g *Gate) refreshLocked(ctx context.Context) error {
	var all []*configured
	err := g.store.GateList(ctx, func(tenant event.TenantID, text []byte) error {
		c := &configured{tenant: tenant}
		all = append(all, c)
		return json.Unmarshal(text, &c.Settings)
	})
	if err != nil {
		return fmt.Errorf("reading the gate's settings: %w", err)
	}
	next, err := g.configured.NextAll(all)
	if err == nil {
		next.Publish()
	}
	return err
}

// Limits of integrations that admins add.
const (
	maxOwn         = 100
	maxIntegration = 64
)

// AddIntegration adds an integration to those that ship.
func (g *Gate) AddIntegration(ctx context.Context, p *access.Principal, name, description string) (Integration, error) {
	if err := checkIntegration(name); err != nil {
		return Integration{}, err
	}
	if len(description) > maxCampaignName {
		return Integration{}, problem.InvalidField("description", "must have at most %d bytes, got %d", maxCampaignName, len(description))
	}
	g.configured.Lock()
	defer g.configured.Unlock()
	if err := g.catchUpLocked(ctx); err != nil {
		return Integration{}, err
	}
	s := g.settings(p.Tenant).clone()
	known, taken := s.canonical(name)
	switch {
	case taken:
		return Integration{}, problem.New(problem.Conflict, "there is an integration %q already", known)
	case len(s.Own) >= maxOwn:
		return Integration{}, problem.New(problem.Forbidden, "there can be %d integrations of your own at most", maxOwn)
	}
	in := Integration{Name: name, Description: description, CreatedAt: now()}
	s.Own = append(s.Own, in)
	entry, err := p.Entry("integration.create", nil, in, in.target())
	if err != nil {
		return in, err
	}
	return in, g.put(ctx, p.Tenant, s, entry)
}

// RemoveIntegration removes an integration that was added. Its respondents stay.
func (g *Gate) RemoveIntegration(ctx context.Context, p *access.Principal, name string) error {
	g.configured.Lock()
	defer g.configured.Unlock()
	if err := g.catchUpLocked(ctx); err != nil {
		return err
	}
	s := g.settings(p.Tenant).clone()
	known, ok := s.canonical(name)
	i := slices.IndexFunc(s.Own, func(in Integration) bool { return in.Name == known })
	if i < 0 {
		if ok {
			return problem.New(problem.Conflict, "the integration %q ships with Relay and stays", name)
		}
		return errNoIntegration(name)
	}
	entry, err := p.Entry("integration.delete", s.Own[i], nil, s.Own[i].target())
	if err != nil {
		return err
	}
	s.Own = slices.Delete(s.Own, i, i+1)
	s.Integrations = slices.DeleteFunc(s.Integrations, func(n string) bool { return n == known })
	return g.put(ctx, p.Tenant, s, entry)
}

func (in *Integration) target() access.Target {
	return access.Target{Type: "integration", ID: in.Name, Name: in.Description}
}

// Integrations returns the tenant's integrations.
func (g *Gate) Integrations(tenant event.TenantID) []Integration {
	return g.settings(tenant).AllIntegrations()
}

func errNoIntegration(name string) error {
	if len(name) > maxIntegration {
		name = name[:maxIntegration] + "…"
	}
	return problem.New(problem.NotFound, "there is no integration %q: GET /v1/integrations lists them, an admin can add one", name)
}

// checkIntegration checks the name of an integration, which is part of an address.
func checkIntegration(name string) error {
	bad := name == "" || len(name) > maxIntegration || name == "none"
	for _, c := range []byte(name) {
		bad = bad || !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_')
	}
	if bad {
		return problem.InvalidField("name", `must have 1 to %d of the characters a-z, 0-9, - and _, and not be "none"`, maxIntegration)
	}
	return nil
}
