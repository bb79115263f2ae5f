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
	"strings"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/webhook"
)

// Sessions signs people in and out; user.Sessions does.
type Sessions interface {
	Login(ctx context.Context, from user.Client, email, password string) (user.SignedIn, error)
	Look(ctx context.Context, from user.Client, token string) (user.Invitee, error)
	UseLink(ctx context.Context, from user.Client, token, password, name string) (user.SignedIn, error)
	Resume(ctx context.Context, token string, tenant event.TenantID) (user.Session, *access.Principal, error)
	Whoami(ctx context.Context, p *access.Principal) (user.Person, error)
	End(ctx context.Context, p *access.Principal, id string) error
}

// Tenants knows the tenants; account.Authenticator does.
type Tenants interface {
	Tenant(name string) (account.Tenant, bool)
	Tenants() []account.Tenant
}

// Webhooks keeps subscriptions; webhook.Registry does.
type Webhooks interface {
	Create(ctx context.Context, p *access.Principal, s webhook.Settings, secret string) (*webhook.Webhook, error)
	Update(ctx context.Context, p *access.Principal, id string, change func(*webhook.Settings) error) (*webhook.Webhook, error)
	Delete(ctx context.Context, p *access.Principal, id string) error
	Get(tenant event.TenantID, id string) (*webhook.Webhook, error)
	ByNumber(number uint32) (*webhook.Webhook, bool)
	List(tenant event.TenantID) []*webhook.Webhook
	Pause(ctx context.Context, p *access.Principal, id string) (*webhook.Webhook, error)
	Resume(ctx context.Context, p *access.Principal, id string) (*webhook.Webhook, error)
	RotateSecret(ctx context.Context, p *access.Principal, id string, overlap time.Duration) (*webhook.Webhook, error)
}

// Engine delivers; delivery.Engine does.
type Engine interface {
	Test(ctx context.Context, w *webhook.Webhook, ev event.Event) (*delivery.Attempt, error)
	StartJob(ctx context.Context, p *access.Principal, w *webhook.Webhook, kind delivery.JobKind, since time.Time) (delivery.Job, error)
	Job(ctx context.Context, tenant event.TenantID, id string) (delivery.Job, error)
	CancelJob(ctx context.Context, p *access.Principal, id string) (delivery.Job, error)
	Health(w *webhook.Webhook) webhook.Health
}

// Ledger knows what became of deliveries, and changes it; ledger.Ledger does.
type Ledger interface {
	Retry(ctx context.Context, p *access.Principal, d event.DeliveryID) error
	Cancel(ctx context.Context, p *access.Principal, d event.DeliveryID) error
	Delivery(ctx context.Context, tenant event.TenantID, d event.DeliveryID) (ledger.Delivery, error)
	Attempt(ctx context.Context, tenant event.TenantID, id event.ID) (*delivery.Attempt, error)
	Attempts(ctx context.Context, q delivery.LogQuery) ([]*delivery.Attempt, event.ID, error)
	Stats(ctx context.Context, q delivery.StatsQuery) ([]delivery.StatsPoint, error)
}

// Types is the catalogue; catalogue.Registry is it.
type Types interface {
	List(tenant event.TenantID) []*catalogue.Type
	Lookup(tenant event.TenantID, name string) (*catalogue.Type, bool)
}

// Searches bounds the requests that read through much of the log at a time.
type Searches interface {
	// Enter waits for a turn; the caller calls leave when done.
	Enter(ctx context.Context, tenant event.TenantID) (leave func(), err error)
}

// Options is what the pages work on. All fields are required unless they say otherwise.
type Options struct {
	Sessions Sessions
	Tenants  Tenants
	Webhooks Webhooks
	Engine   Engine
	Ledger   Ledger
	Types    Types
	Searches Searches
	// Base is the path that the installation is reached under, "/relay" for example, without a slash at the end. Empty:
	// the root.
	Base string
	// Secure tells that people reach the pages over HTTPS: cookies are then sent over nothing else.
	Secure bool
	// Unencrypted lets people sign in over HTTP from other machines, because the operator says so.
	Unencrypted bool
	// TrustedProxies are the networks whose word is taken for the address of a client; see web.ClientAddr.
	TrustedProxies []netip.Prefix
	// Retention is how long the log is kept, as pages tell it.
	Retention time.Duration
	// Version is the program's version.
	Version string
	// Log gets what nobody is told. Nil: nothing is logged.
	Log *slog.Logger
}

// Dashboard answers the pages' requests.
type Dashboard struct {
	Options
	mux       *http.ServeMux
	routes    []route
	templates map[string]*template.Template
	assets    *assets
	origin    *http.CrossOriginProtection
	now       func() time.Time
}

// New returns the pages: an http.Handler for what Serves reports. It belongs behind a web.Server, which bounds time and
// size.
func New(o Options) (*Dashboard, error) {
	if o.Sessions == nil || o.Tenants == nil || o.Webhooks == nil || o.Engine == nil || o.Ledger == nil || o.Types == nil || o.Searches == nil {
		return nil, errors.New("dashboard: Options lack Sessions, Tenants, Webhooks, Engine, Ledger, Types or Searches")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	d := &Dashboard{Options: o, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(), now: time.Now}
	var err error
	if d.assets, err = readAssets(); err != nil {
		return nil, err
	}
	if d.templates, err = d.readTemplates(); err != nil {
		return nil, err
	}
	d.routes = d.table()
	for i := range d.routes {
		rt := &d.routes[i]
		d.mux.Handle(rt.pattern, d.handler(rt))
	}
	d.mux.Handle("GET /a/{hash}/{file}", d.assets)
	d.mux.Handle("/", d.handler(&route{pattern: "/", open: true, serve: notFound}))
	return d, nil
}

// Serves reports whether a path belongs to the pages. All others are the API's.
func (d *Dashboard) Serves(path string) bool {
	if path == "/" {
		return true
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "a", "t", "login", "logout", "welcome", "invite", "appearance":
		return true
	}
	return false
}

// ServeHTTP implements http.Handler. The path is below Base already.
func (d *Dashboard) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }
