// Package api is the JSON API: routes, their documents, and the translation between JSON and domain calls.
//
// All routes stand in one table (routes.go). A route is a Go function from a request struct to an answer struct; package
// rest reads requests, writes answers, and makes the OpenAPI document and the page at /docs from the same table and the
// same structs. The domain packages decide the meaning of a request: a handler translates, calls, and translates back.
// Credentials are read in identify.go. Publishing (publish.go, stream.go) and the export of respondents read and write
// bodies by themselves, because their cost per event counts or they have no end.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/hook"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/journey"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/logview"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/web"
	"github.com/relay-events/relay/internal/webhook"
)

// Keys tells keys and changes them; account.Authenticator does.
type Keys interface {
	Authenticate(text string) (*account.Key, error)
	Create(ctx context.Context, p *access.Principal, n account.NewKey) (account.Key, string, error)
	Replace(ctx context.Context, p *access.Principal, id string, r account.Replacement) (account.Key, string, error)
	Revoke(ctx context.Context, p *access.Principal, id string) error
	List(tenant event.TenantID) []account.Key
	Used(k *account.Key, from func() netip.Addr)
	Uses(ctx context.Context, tenant event.TenantID) (map[string]account.KeyUse, error)
}

// Tenants keeps tenants; account.Tenants does.
type Tenants interface {
	Tenant(name string) (account.Tenant, bool)
	TenantName(id event.TenantID) (string, bool)
	ByID(id event.TenantID) *account.Tenant
	Bound(p *access.Principal) bool
	Publishes(id event.TenantID) bool
	Refresh(ctx context.Context) error
	Page(after string, state account.TenantState, limit int) (list []*account.Tenant, more bool)
	Create(ctx context.Context, p *access.Principal, n account.NewTenant) (*account.Tenant, error)
	Change(ctx context.Context, p *access.Principal, name string, f func(s *account.TenantSettings) error) (*account.Tenant, error)
	Suspend(ctx context.Context, p *access.Principal, name string) (*account.Tenant, error)
	Resume(ctx context.Context, p *access.Principal, name string) (*account.Tenant, error)
	Delete(ctx context.Context, p *access.Principal, name, confirm string) (*account.Tenant, error)
	Restore(ctx context.Context, p *access.Principal, name string) (*account.Tenant, error)
}

// Plans keeps plans, and says which limits tenants have; account.Plans does.
type Plans interface {
	List() []account.NamedPlan
	Get(name string) (account.NamedPlan, error)
	Create(ctx context.Context, p *access.Principal, name string, plan account.Plan) (account.NamedPlan, error)
	Change(ctx context.Context, p *access.Principal, name string, f func(l account.Limits) error) (account.NamedPlan, error)
	Delete(ctx context.Context, p *access.Principal, name string) error
	PlanOf(id event.TenantID) (name string, limits account.Limits)
}

// Webhooks keeps subscriptions; webhook.Registry does.
type Webhooks interface {
	Create(ctx context.Context, p *access.Principal, s webhook.Settings, secret string) (*webhook.Webhook, error)
	Update(ctx context.Context, p *access.Principal, id string, change func(*webhook.Settings) error) (*webhook.Webhook, error)
	Delete(ctx context.Context, p *access.Principal, id string) error
	Get(tenant event.TenantID, id string) (*webhook.Webhook, error)
	Logged(ctx context.Context, tenant event.TenantID, id string) (number uint32, err error)
	ByNumber(number uint32) (*webhook.Webhook, bool)
	List(tenant event.TenantID) []*webhook.Webhook
	Owned(tenant event.TenantID, owner string) []*webhook.Webhook
	Pause(ctx context.Context, p *access.Principal, id string) (*webhook.Webhook, error)
	Resume(ctx context.Context, p *access.Principal, id string) (*webhook.Webhook, error)
	RotateSecret(ctx context.Context, p *access.Principal, id, secret string, overlap time.Duration) (*webhook.Webhook, error)
	Draft(ctx context.Context, w *webhook.Webhook, change func(*webhook.Settings)) (*webhook.Webhook, error)
}

// Engine delivers; delivery.Engine does.
type Engine interface {
	Test(ctx context.Context, w *webhook.Webhook, ev event.Event) (*delivery.Attempt, error)
	FilterCost(webhook uint32) delivery.FilterCost
	EventReserve() event.ID
	StartJob(ctx context.Context, p *access.Principal, w *webhook.Webhook, kind delivery.JobKind, since time.Time) (delivery.Job, error)
	Job(ctx context.Context, tenant event.TenantID, id string) (delivery.Job, error)
	Jobs(ctx context.Context, tenant event.TenantID) ([]delivery.Job, error)
	CancelJob(ctx context.Context, p *access.Principal, id string) (delivery.Job, error)
	Health(w *webhook.Webhook) webhook.Health
}

// Ledger knows what became of deliveries, and changes them by hand; ledger.Ledger does.
type Ledger interface {
	Retry(ctx context.Context, p *access.Principal, d event.DeliveryID) error
	Cancel(ctx context.Context, p *access.Principal, d event.DeliveryID) error
	Resend(ctx context.Context, p *access.Principal, ev *event.Event, w *webhook.Webhook) ([]event.DeliveryID, error)
	Delivery(ctx context.Context, tenant event.TenantID, d event.DeliveryID) (ledger.Delivery, error)
	DeliveriesOfEvent(ctx context.Context, ev *event.Event) ([]ledger.Delivery, error)
	Deliveries(ctx context.Context, q ledger.DeliveryQuery) (ledger.DeliveryPage, error)
	Explain(ctx context.Context, ev *event.Event, w *webhook.Webhook) ([]ledger.Explanation, error)
	Derived(ctx context.Context, ev *event.Event) ([]event.Event, error)
	FilterErrors(ctx context.Context, ev *event.Event) []ledger.FilterError
	Preview(ctx context.Context, w *webhook.Webhook, events []*event.Event) ([]ledger.Previewed, error)
	Attempt(ctx context.Context, tenant event.TenantID, id event.ID) (*delivery.Attempt, error)
	Attempts(ctx context.Context, q delivery.LogQuery) ([]*delivery.Attempt, event.ID, error)
	Stats(ctx context.Context, q delivery.StatsQuery) ([]delivery.StatsPoint, error)
	Backlog(ctx context.Context, tenant event.TenantID) ([]delivery.Backlog, error)
}

// Types is the catalogue; catalogue.Registry is it.
type Types interface {
	Importing(ctx context.Context, tenant event.TenantID) (*catalogue.Work, error)
	List(tenant event.TenantID) []*catalogue.Type
	Lookup(tenant event.TenantID, name string) (*catalogue.Type, bool)
	Versions(tenant event.TenantID, name string) []*catalogue.Type
	Create(ctx context.Context, p *access.Principal, t catalogue.Type, set catalogue.Settings) (*catalogue.Type, error)
	Update(ctx context.Context, p *access.Principal, name string, c catalogue.Change) (*catalogue.Type, error)
	Delete(ctx context.Context, p *access.Principal, name string) error
	Import(ctx context.Context, p *access.Principal, types []catalogue.Type, rules []catalogue.Rule, dryRun bool) ([]catalogue.Imported, error)
	Default(tenant event.TenantID) catalogue.Settings
	Set(ctx context.Context, p *access.Principal, name string, change func(*catalogue.Settings)) error
	RuleList(tenant event.TenantID) []catalogue.RuleState
	Rule(tenant event.TenantID, name string) (catalogue.RuleState, bool)
	CreateRule(ctx context.Context, p *access.Principal, rule catalogue.Rule, on bool) (catalogue.RuleState, error)
	UpdateRule(ctx context.Context, p *access.Principal, name string, change func(*catalogue.Rule), on *bool) error
	DeleteRule(ctx context.Context, p *access.Principal, name string) error
}

// Publisher stores events; ingest.Ingester does.
type Publisher interface {
	Publish(ctx context.Context, p *ingest.Publication) error
}

// Events looks events up; the store does.
type Events interface {
	EventFind(ctx context.Context, tenant event.TenantID, publicID string) (e event.Event, ok bool, err error)
	EventList(ctx context.Context, q ingest.Query) (list []event.Event, next event.ID, err error)
}

// Encryption keeps the keys that seal secrets at rest; package app's does.
type Encryption interface {
	// Rotate makes a new key and seals everything with it again. A master key that is not empty encrypts the keys from
	// then on. It returns how many webhooks were sealed again.
	Rotate(ctx context.Context, p *access.Principal, master secret.Text) (webhooks int, err error)
}

// Options has the parts that the API works with. All fields are required unless they say otherwise.
type Options struct {
	Keys      Keys
	Tenants   Tenants
	Plans     Plans
	Webhooks  Webhooks
	Engine    Engine
	Ledger    Ledger
	Tally     Tally
	Publisher Publisher
	Events    Events
	Types     Types
	Gate      Gate
	// Connectors keep the definitions of partners and the connections to them.
	Connectors *connector.Connectors
	// Hooks are the REST hooks of automation platforms.
	Hooks *hook.Hooks
	// Audiences keep profiles, and bring them to partners.
	Audiences *audience.Audiences
	// Journeys take profiles through steps.
	Journeys *journey.Journeys
	Audit    Audit
	Answers  account.AnswerStore
	Users    Users
	Sessions Sessions
	// SignInSettings are what tenants ask of people.
	SignInSettings SignInSettings
	// Providers are the identity providers that people sign in by.
	Providers Providers
	// Portals let customers of tenants manage their webhooks.
	Portals Portals
	Views   *logview.Views
	// SignIn says how browsers carry sessions. Nil: as where the address of the installation is not known.
	SignIn *web.SignIn
	// Encryption replaces the keys that seal secrets at rest. Nil: they cannot be replaced while the server runs.
	Encryption Encryption
	// Rates bounds how many events tenants publish.
	Rates *account.Rates
	// PublicURL is the address of the installation, without a slash at the end, which packages for automation platforms
	// suggest. Empty: it is not known.
	PublicURL string
	// CreateTenants lets a platform key create a tenant by publishing its first event.
	CreateTenants bool
	// Ready reports why requests cannot be served now, in words fit for the public; nil: they can.
	Ready func(ctx context.Context) error
	// Metrics answers GET /metrics, without authentication. Nil: there is no such page.
	Metrics http.Handler
	// Searches bounds those that run at a time. Nil: as NewSearches(0) does.
	Searches *Searches
	// Limits of published events. The zero value: ingest.DefaultLimits.
	Limits ingest.Limits
	// EgressIPs are the addresses and networks that requests to webhooks come from, as the operator states them.
	EgressIPs []string
	// Failures bounds failed authentications. Nil: they are not bounded.
	Failures *account.Failures
	// TrustedProxies are the networks whose word is taken for the address of a client; see web.ClientAddr.
	TrustedProxies []netip.Prefix
	// Version is the program's version, shown in the API's document.
	Version string
	// Log gets what no client is told. Nil: nothing is logged.
	Log *slog.Logger
}

// API answers the program's requests.
type API struct {
	Options
	face  *rest.Face
	names ingest.Names
}

// New returns the API: an http.Handler for everything below /v1, the probes, /metrics, /openapi.json and /docs. It
// answers with problem documents and belongs behind a web.Server, which bounds time and size.
func New(o Options) (*API, error) {
	for name, missing := range map[string]bool{
		"Keys":           o.Keys == nil,
		"Tenants":        o.Tenants == nil,
		"Plans":          o.Plans == nil,
		"Webhooks":       o.Webhooks == nil,
		"Engine":         o.Engine == nil,
		"Ledger":         o.Ledger == nil,
		"Tally":          o.Tally == nil,
		"Publisher":      o.Publisher == nil,
		"Events":         o.Events == nil,
		"Types":          o.Types == nil,
		"Gate":           o.Gate == nil,
		"Hooks":          o.Hooks == nil,
		"Connectors":     o.Connectors == nil,
		"Audiences":      o.Audiences == nil,
		"Journeys":       o.Journeys == nil,
		"Audit":          o.Audit == nil,
		"Answers":        o.Answers == nil,
		"Users":          o.Users == nil,
		"Sessions":       o.Sessions == nil,
		"SignInSettings": o.SignInSettings == nil,
		"Providers":      o.Providers == nil,
		"Portals":        o.Portals == nil,
		"Ready":          o.Ready == nil,
	} {
		if missing {
			return nil, fmt.Errorf("api: Options lack %s", name)
		}
	}
	if o.Limits == (ingest.Limits{}) {
		o.Limits = ingest.DefaultLimits()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Searches == nil {
		o.Searches = NewSearches(0)
	}
	a := &API{Options: o, names: ingest.Names{Types: o.Types, Events: o.Events}}
	var err error
	if a.SignIn == nil {
		if a.SignIn, err = web.NewSignIn(nil); err != nil {
			return nil, err
		}
	}
	face, err := rest.New(rest.Options{Identify: a.identify, Answers: o.Answers, About: a.about(), Log: o.Log})
	if err != nil {
		return nil, err
	}
	a.face = face
	face.Serve(a.Routes())
	return a, nil
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.face.ServeHTTP(w, r) }
