// Package dashboard is the pages by which people use Relay. The server makes them with html/template; they work as plain
// links and forms, and a small script answers in place where that is nicer.
//
// All routes stand in one table (routes.go). A route is a function from a request to an answer; one adapter (serve.go)
// tells who is asking, whether they may, and writes the page, a part of it, or what went wrong. The pages make the same
// domain calls as package api and know nothing of it.
//
// The content security policy is the strictest there is: scripts by nonce alone, no inline style, Trusted Types. So a page
// holds neither style attributes nor handlers, and each element that htmx acts on carries the nonce of its answer.
package dashboard

import (
	"context"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/attention"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/builtin"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/hook"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/journey"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/logview"
	"github.com/relay-events/relay/internal/oidc"
	"github.com/relay-events/relay/internal/provider"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/web"
	"github.com/relay-events/relay/internal/webhook"
)

// Sessions signs people in and out; user.Sessions does.
type Sessions interface {
	OwnAccount
	Login(ctx context.Context, from user.Client, email, password string) (user.SignedIn, error)
	Look(ctx context.Context, from user.Client, token string) (user.Invitee, error)
	UseLink(ctx context.Context, from user.Client, token, password, name string) (user.SignedIn, error)
	Resume(ctx context.Context, token string, tenant event.TenantID) (user.Session, *access.Principal, error)
	Holds(ctx context.Context, token string, tenant event.TenantID) (*access.Principal, error)
	Whoami(ctx context.Context, p *access.Principal) (user.Person, error)
	End(ctx context.Context, p *access.Principal, id string) error
}

// Tenants knows the tenants; account.Tenants does.
type Tenants interface {
	Tenant(name string) (account.Tenant, bool)
	Tenants() []account.Tenant
	Bound(p *access.Principal) bool
}

// Webhooks keeps subscriptions; webhook.Registry does.
type Webhooks interface {
	Create(ctx context.Context, p *access.Principal, s webhook.Settings, secret string) (*webhook.Webhook, error)
	Update(ctx context.Context, p *access.Principal, id string, change func(*webhook.Settings) error) (*webhook.Webhook, error)
	Delete(ctx context.Context, p *access.Principal, id string) error
	Get(tenant event.TenantID, id string) (*webhook.Webhook, error)
	ByNumber(number uint32) (*webhook.Webhook, bool)
	List(tenant event.TenantID) []*webhook.Webhook
	Draft(ctx context.Context, w *webhook.Webhook, change func(*webhook.Settings)) (*webhook.Webhook, error)
	Pause(ctx context.Context, p *access.Principal, id string) (*webhook.Webhook, error)
	Resume(ctx context.Context, p *access.Principal, id string) (*webhook.Webhook, error)
	RotateSecret(ctx context.Context, p *access.Principal, id, secret string, overlap time.Duration) (*webhook.Webhook, error)
}

// Engine delivers; delivery.Engine does.
type Engine interface {
	Test(ctx context.Context, w *webhook.Webhook, ev event.Event) (*delivery.Attempt, error)
	StartJob(ctx context.Context, p *access.Principal, w *webhook.Webhook, kind delivery.JobKind, since time.Time) (delivery.Job, error)
	Job(ctx context.Context, tenant event.TenantID, id string) (delivery.Job, error)
	Jobs(ctx context.Context, tenant event.TenantID) ([]delivery.Job, error)
	CancelJob(ctx context.Context, p *access.Principal, id string) (delivery.Job, error)
	Health(w *webhook.Webhook) webhook.Health
	Watch(q delivery.LogQuery) *delivery.Watch
	Snapshot() delivery.Snapshot
}

// Ledger knows what became of deliveries, and changes it; ledger.Ledger does.
type Ledger interface {
	Retry(ctx context.Context, p *access.Principal, d event.DeliveryID) error
	Cancel(ctx context.Context, p *access.Principal, d event.DeliveryID) error
	Delivery(ctx context.Context, tenant event.TenantID, d event.DeliveryID) (ledger.Delivery, error)
	Deliveries(ctx context.Context, q ledger.DeliveryQuery) (ledger.DeliveryPage, error)
	DeliveriesOfEvent(ctx context.Context, ev *event.Event) ([]ledger.Delivery, error)
	Derived(ctx context.Context, ev *event.Event) ([]event.Event, error)
	Explain(ctx context.Context, ev *event.Event, w *webhook.Webhook) ([]ledger.Explanation, error)
	Resend(ctx context.Context, p *access.Principal, ev *event.Event, w *webhook.Webhook) ([]event.DeliveryID, error)
	Attempt(ctx context.Context, tenant event.TenantID, id event.ID) (*delivery.Attempt, error)
	Attempts(ctx context.Context, q delivery.LogQuery) ([]*delivery.Attempt, event.ID, error)
	Stats(ctx context.Context, q delivery.StatsQuery) ([]delivery.StatsPoint, error)
	Preview(ctx context.Context, w *webhook.Webhook, events []*event.Event) ([]ledger.Previewed, error)
	BackTest(ctx context.Context, w, draft *webhook.Webhook, events []event.Event, until time.Time, most int) (ledger.Tally, []ledger.Changed, int, error)
}

// Types is the catalogue; catalogue.Registry is it.
type Types interface {
	List(tenant event.TenantID) []*catalogue.Type
	Lookup(tenant event.TenantID, name string) (*catalogue.Type, bool)
	Versions(tenant event.TenantID, name string) []*catalogue.Type
	RuleList(tenant event.TenantID) []catalogue.RuleState
}

// Events looks events up; the store does.
type Events interface {
	EventFind(ctx context.Context, tenant event.TenantID, publicID string) (e event.Event, ok bool, err error)
	EventList(ctx context.Context, q ingest.Query) (list []event.Event, next event.ID, err error)
}

// Publisher accepts events; ingest.Ingester does.
type Publisher interface {
	Publish(ctx context.Context, p *ingest.Publication) error
}

// Keys keeps API keys; account.Authenticator does.
type Keys interface {
	Create(ctx context.Context, p *access.Principal, n account.NewKey) (k account.Key, text string, err error)
	Revoke(ctx context.Context, p *access.Principal, id string) error
	Replace(ctx context.Context, p *access.Principal, id string, r account.Replacement) (k account.Key, text string, err error)
	List(tenant event.TenantID) []account.Key
	Uses(ctx context.Context, tenant event.TenantID) (map[string]account.KeyUse, error)
}

// Users are the people who sign in, as administrators manage them; user.Directory does.
type Users interface {
	Invite(ctx context.Context, p *access.Principal, n user.New) (user.User, user.Token, error)
	List(ctx context.Context, p *access.Principal, q user.Query) (list []user.User, more bool, err error)
	Change(ctx context.Context, p *access.Principal, id string, c user.Edit) (user.User, error)
	Disable(ctx context.Context, p *access.Principal, id string) (user.User, error)
	Enable(ctx context.Context, p *access.Principal, id string) (user.User, error)
	Remove(ctx context.Context, p *access.Principal, id string) error
	Reinvite(ctx context.Context, p *access.Principal, id string) (user.User, user.Token, error)
	Count(ctx context.Context, tenant event.TenantID) (int64, error)
}

// Audit is the audit log; the store keeps it.
type Audit = access.AuditStore

// Gate is the gate; gate.Gate is it.
type Gate interface {
	View(tenant event.TenantID) gate.View
	Change(ctx context.Context, p *access.Principal, change func(*gate.View) error) (before, after gate.View, err error)
	Test(ctx context.Context, tenant event.TenantID) (*delivery.Attempt, error)
	Count(ctx context.Context, tenant event.TenantID, s gate.State) (int64, error)
	Integrations(tenant event.TenantID) []gate.Integration
	Respondents(ctx context.Context, q gate.Query) ([]gate.Respondent, event.ID, error)
	Respondent(ctx context.Context, tenant event.TenantID, publicID string) (gate.Respondent, error)
	Retry(ctx context.Context, p *access.Principal, publicID string) (gate.Respondent, error)
	Erase(ctx context.Context, p *access.Principal, publicID string) error
}

// Attention knows which failures somebody must look at; attention.Attention does.
type Attention interface {
	Groups(ctx context.Context, tenant event.TenantID) (list []*attention.Group, more bool, err error)
	Group(ctx context.Context, tenant event.TenantID, id string) (*attention.Group, error)
	Set(ctx context.Context, p *access.Principal, id string, state attention.State, until time.Time) error
	Count(ctx context.Context, tenant event.TenantID) int
}

// Receiver is the built-in receiver; builtin.Receiver is it.
type Receiver interface {
	Requests(tenant event.TenantID) ([]builtin.Request, builtin.Behavior)
	Behave(tenant event.TenantID, b builtin.Behavior)
	Clear(tenant event.TenantID)
}

// Providers are the identity providers that people sign in by; provider.Providers is it.
type Providers interface {
	Ways() []provider.Way
	Label(name string) string
	Begin(ctx context.Context, name, redirect string, again bool) (address string, a oidc.Attempt, err error)
	Finish(ctx context.Context, from user.Client, name string, a oidc.Attempt, redirect string, answer url.Values) (user.SignedIn, error)
	Try(ctx context.Context, name string, a oidc.Attempt, redirect string, answer url.Values) (provider.Trial, error)
	Logout(ctx context.Context, name, token string) error
	EndSession(ctx context.Context, name, back string) string
	List() []*provider.Item
	Get(name string) (*provider.Item, error)
	Create(ctx context.Context, p *access.Principal, name string, s provider.Settings) (*provider.Item, error)
	Change(ctx context.Context, p *access.Principal, name string, edit func(*provider.Settings) error) (*provider.Item, error)
	Delete(ctx context.Context, p *access.Principal, name string) error
}

// SignInSettings are what is asked of people who sign in; user.SettingsStore is it.
type SignInSettings interface {
	PasswordLogin() user.PasswordLogin
	Get(p *access.Principal) user.Settings
	Change(ctx context.Context, p *access.Principal, edit func(*user.Settings)) (user.Settings, error)
}

// Searches bounds the requests that read through much of the log at a time.
type Searches interface {
	// Enter waits for a turn; the caller calls leave when done.
	Enter(ctx context.Context, tenant event.TenantID) (leave func(), err error)
}

// Options is what the pages work on. All fields are required unless they say otherwise.
type Options struct {
	Sessions   Sessions
	Tenants    Tenants
	Webhooks   Webhooks
	Hooks      *hook.Hooks
	Connectors *connector.Connectors
	Audiences  *audience.Audiences
	Journeys   *journey.Journeys
	Engine     Engine
	Ledger     Ledger
	Types      Types
	Searches   Searches
	Tally      Tally
	Backlogs   Backlogs
	Events     Events
	Publisher  Publisher
	Keys       Keys
	Receiver   Receiver
	Users      Users
	Audit      Audit
	Gate       Gate
	Attention  Attention
	Views      *logview.Views
	Portals    Portals
	Providers  Providers
	// SignInSettings are what is asked of people.
	SignInSettings SignInSettings
	Platform       Platform
	Plans          Plans
	// Settings returns those in force, for operators; secrets are left out.
	Settings func() []Setting
	// Base is the path that the installation is reached under, "/relay" for example, without a slash at the end. Empty:
	// the root.
	Base string
	// PublicURL is the address of the installation, which packages for automation platforms suggest. Empty: it is not known.
	PublicURL string
	// SignIn says how browsers carry sessions.
	SignIn *web.SignIn
	// TrustedProxies are the networks whose word is taken for the address of a client; see web.ClientAddr.
	TrustedProxies []netip.Prefix
	// Retention is how long the log is kept, as pages tell it.
	Retention time.Duration
	// EventRetention is how long events are kept, as pages tell it.
	EventRetention time.Duration
	// Keeps returns how long events and the log of a tenant are kept, if that is shorter. Nil: it is for none.
	Keeps func(tenant event.TenantID) (time.Duration, bool)
	// EgressIPs are the addresses that requests to webhooks come from, if the operator has stated them.
	EgressIPs []string
	// MaxStreams bounds the pages that are kept up to date by a stream at a time; others ask every few seconds. Zero: 1,000.
	MaxStreams int
	// Version is the program's version.
	Version string
	// Log gets what nobody is told. Nil: nothing is logged.
	Log *slog.Logger
}

// Dashboard answers the pages' requests.
type Dashboard struct {
	Options
	mux    *http.ServeMux
	routes []route
	// templates are parsed for the first page: they take 2 MB, which a server that only delivers need not hold.
	templates func() (map[string]*template.Template, error)
	sets      *wordSets // the templates of portals
	// portalMissing answers what no route of the portals has.
	portalMissing http.Handler
	narrow        bool // not all event types can be chosen: see within
	assets        *assets
	names         ingest.Names
	now           func() time.Time
	streams       streams
	// beat and check are streamBeat and streamCheck; tests have less time.
	beat, check time.Duration
}

// New returns the pages: an http.Handler for what Serves reports. It belongs behind a web.Server, which bounds time and
// size.
func New(o Options) (*Dashboard, error) {
	if o.Sessions == nil || o.Tenants == nil || o.Webhooks == nil || o.Hooks == nil || o.Connectors == nil || o.Audiences == nil || o.Journeys == nil || o.Engine == nil || o.Ledger == nil || o.Types == nil || o.Searches == nil || o.Tally == nil || o.Backlogs == nil ||
		o.Events == nil || o.Publisher == nil || o.Keys == nil || o.Receiver == nil || o.Users == nil || o.Audit == nil || o.Gate == nil || o.Attention == nil || o.Views == nil || o.Portals == nil || o.Platform == nil || o.Plans == nil || o.Settings == nil || o.SignIn == nil || o.Providers == nil || o.SignInSettings == nil {
		return nil, errors.New("dashboard: Options lack a required field")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Dashboard{Options: o, mux: http.NewServeMux(), names: ingest.Names{Types: o.Types, Events: o.Events}, now: time.Now, beat: streamBeat, check: streamCheck}
	if d.streams.most = o.MaxStreams; d.streams.most == 0 {
		d.streams.most = 1000
	}
	var err error
	if d.assets, err = readAssets(); err != nil {
		return nil, err
	}
	d.templates = sync.OnceValues(func() (map[string]*template.Template, error) { return d.readTemplates(nil, nil) })
	d.sets = new(wordSets)
	d.routes = d.table()
	for i := range d.routes {
		rt := &d.routes[i]
		d.mux.Handle(rt.pattern, d.handler(rt))
	}
	d.servePortals()
	d.mux.Handle("GET /a/{hash}/{file}", d.assets)
	d.mux.Handle("/", d.handler(&route{pattern: "/", open: true, serve: notFound}))
	return d, nil
}

// kept returns how long something is kept of the tenant that a page is about, of which the installation keeps it for a time.
func (d *Dashboard) kept(q *request, installation time.Duration) time.Duration {
	if d.Keeps != nil {
		if own, ok := d.Keeps(q.who.Tenant); ok {
			return min(own, installation)
		}
	}
	return installation
}

// Serves reports whether a path belongs to the pages. All others are the API's.
func (d *Dashboard) Serves(path string) bool {
	if path == "/" {
		return true
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "a", "t", "login", "logout", "welcome", "invite", "appearance", "me", "switch", "platform", "portal":
		return true
	}
	return false
}

// ServeHTTP implements http.Handler. The path is below Base already.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }
