// Package app builds, starts and stops the server: it is the only place that knows all parts and
// their order.
//
// Start-up is one straight function, because each step needs the ones before it; every step that
// opens a resource registers right away how to undo it. Stop undoes the steps in reverse, within a
// time limit, and names each one that failed. Correctness does not depend on a clean stop: a
// process that is killed delivers the rest after the next start.
package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"time"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/api"
	"github.com/relay-events/relay/internal/attention"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/builtin"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/destination"
	httpdest "github.com/relay-events/relay/internal/destination/http"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/hook"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/journey"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/logview"
	"github.com/relay-events/relay/internal/observe"
	"github.com/relay-events/relay/internal/portal"
	"github.com/relay-events/relay/internal/provider"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/tally"
	"github.com/relay-events/relay/internal/tracing"
	"github.com/relay-events/relay/internal/transform"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/web"
	"github.com/relay-events/relay/internal/webhook"
)

// builder makes the parts of an App, each from those before it, and has what only other parts need.
type builder struct {
	*App
	cfg       config.Config
	userAgent string
	share     descriptorShare
	packs     []*catalogue.Pack

	store        store
	secrets      *secret.Keyring
	inside       *builtin.Receiver
	outgoing     *egress.Client
	destinations *destination.Table
	transforms   *transform.Pool
	shown        *kept
	history      *ledger.Ledger
	sessions     *user.Sessions
	searches     *api.Searches
	sweeper      *retention
	metrics      *observe.Metrics
	top          *observe.TopWebhooks // nil: none are shown
	traces       *tracing.Exporter    // nil: nobody collects traces
}

func (a *App) build(ctx context.Context, cfg config.Config) error {
	b := &builder{App: a, cfg: cfg, userAgent: "Relay/" + config.Series()}
	for _, open := range []func(context.Context) error{
		b.openListener, b.openStore, b.openConfiguration, b.openPartners, b.openDelivery, b.openPeople, b.openFaces,
	} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	b.startLoops()
	return nil
}

func (b *builder) component(name string) *slog.Logger { return b.log.With("component", name) }

// openListener takes the address.
func (b *builder) openListener(context.Context) (err error) {
	a := b.App
	tuneRuntime(int64(b.cfg.Memory), int64(b.cfg.RequestMemory))
	if b.cfg.WeakSecretKey() {
		a.log.Warn("the master key (setting secretKey) is easy to guess: replace it, see docs/security.md")
	}
	b.share = shareDescriptors(openFiles(), &b.cfg, a.log)

	// The listener comes first, so that a server that cannot get its address leaves no folder
	// behind. Clients that connect before Start wait. (The Go runtime raises the limit of open
	// files as far as possible, see os/rlimit.go.)
	a.listen, err = net.Listen("tcp", b.cfg.Listen)
	if err != nil {
		return fmt.Errorf("listening on %q: %w", b.cfg.Listen, err)
	}
	a.addr = a.listen.Addr()
	a.onStop("the listener", func(context.Context) error {
		if a.serving.Load() {
			return nil // the server has closed it
		}
		return a.listen.Close()
	})
	return nil
}

// openStore opens the store, and reads the keys and tenants in it.
func (b *builder) openStore(ctx context.Context) (err error) {
	a := b.App
	b.packs, err = readPacks(b.cfg.Catalogue)
	if err != nil {
		return err
	}
	b.store, b.secrets, err = openStore(ctx, &b.cfg, a.log)
	if err != nil {
		return err
	}
	if b.cfg.Database == "" {
		a.data = b.cfg.Data
	}
	a.onStop("the store", func(context.Context) error { return b.store.Close() })

	if a.keys, err = account.NewAuthenticator(ctx, b.store); err != nil {
		return err
	}
	a.tenants, err = account.NewTenants(ctx, b.store)
	return err
}

// openConfiguration reads webhooks, event types and plans, and makes what checks them.
func (b *builder) openConfiguration(ctx context.Context) (err error) {
	a := b.App
	way, err := b.cfg.Egress.Options()
	if err != nil {
		return err
	}
	way.MaxSockets = b.share.attempts + (b.share.attempts+1)/2 // the rest of its share resolves names
	way.Dev, way.Allow, way.UserAgent = b.cfg.Dev, b.cfg.AllowNetworks, b.userAgent
	b.inside = builtin.New()
	way.Inside = map[string]func(context.Context) (net.Conn, error){builtin.Host: b.inside.Dial}
	a.onStop("the built-in receiver", func(context.Context) error { b.inside.Stop(); return nil })
	b.outgoing = egress.New(way)
	a.onStop("outgoing connections", func(context.Context) error { b.outgoing.Close(); return nil })

	a.types, err = a.openCatalogue(ctx, b.packs, b.store, catalogue.Limits{Work: b.cfg.CatalogueWork, Bytes: int64(b.cfg.CatalogueBytes)})
	if err != nil {
		return err
	}
	if a.webhooks, err = webhook.NewRegistry(ctx, b.store, b.outgoing); err != nil {
		return fmt.Errorf("reading webhooks: %w", err)
	}
	a.webhooks.Canonical(a.types.Canonical)
	if err := a.webhooks.Follow(a.tenants); err != nil {
		return err
	}
	if a.plans, err = account.NewPlans(ctx, b.store, a.tenants); err != nil {
		return fmt.Errorf("reading plans: %w", err)
	}
	a.webhooks.Limit(a.plans)
	b.inside.Attach(a.tenants, a.webhooks)
	b.destinations = httpdest.Table(httpdest.Options{Client: b.outgoing, Tokens: b.outgoing, UserAgent: b.userAgent})
	a.webhooks.SetDestinations(b.destinations)

	// The pool compiles and allocates nothing before a webhook has a transform. Its queue is a
	// fraction of the concurrent attempts, so that attempts waiting for their transform leave room
	// for others.
	b.transforms = transform.NewPool(transform.Options{
		Waiting: max(b.share.attempts/4, 64),
		Started: func(n int) { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n) },
	})
	a.onStop("transforms", func(context.Context) error { b.transforms.Close(); return nil })
	a.webhooks.SetCompiler(b.transforms)

	// Only after all sealed values were read: lost keys are reported, not replaced.
	return b.secrets.Save()
}

// openPartners makes the owners of webhooks: the gate, hooks, connectors, audiences and journeys.
func (b *builder) openPartners(ctx context.Context) (err error) {
	a := b.App
	if a.gate, err = gate.New(ctx, gate.Config{Store: b.store, Webhooks: a.webhooks, Log: b.component("gate")}); err != nil {
		return err
	}
	a.onStop("the gate", func(context.Context) error { a.gate.Stop(); return nil })

	a.retention = account.NewRetention(a.plans, max(b.cfg.Retention.Events, b.cfg.Retention.Attempts))
	b.shown = &kept{b.store, a.retention}
	a.hooks = hook.New(hook.Config{Webhooks: a.webhooks, Types: a.types, Events: b.shown})
	a.connectors, err = connector.New(ctx, connector.Config{
		Store: b.store, Webhooks: a.webhooks, Client: b.outgoing, Scripts: b.transforms, UserAgent: b.userAgent, Log: b.component("connectors"), Plans: a.plans,
	})
	if err != nil {
		return err
	}

	a.audiences, err = audience.New(ctx, audience.Config{Store: b.store, Records: b.store, Connectors: a.connectors, Log: b.component("audiences"), Plans: a.plans})
	if err != nil {
		return err
	}

	_, shared := b.store.(delivery.SharedStore)
	a.journeys, err = journey.New(ctx, journey.Config{
		Store: b.store, Records: b.store, Connectors: a.connectors, Audiences: a.audiences, Webhooks: a.webhooks, Log: b.component("journeys"), Plans: a.plans, Shared: shared,
	})
	return err
}

// openDelivery makes the engine, and the way of events into it.
func (b *builder) openDelivery(ctx context.Context) (err error) {
	a := b.App
	// The engine and the ingester need each other: events go from the ingester to the engine, and
	// operational events, which are ordinary events of their tenant, back. The engine publishes no
	// events before it is started.
	b.destinations.Owners = map[string]destination.Wrapper{gate.Owner: a.gate, connector.Owner: a.connectors, journey.Owner: a.journeys.Destination(), webhook.HookOwner: a.hooks}
	b.destinations.Kinds[connector.Owner], b.destinations.Kinds[journey.Owner] = a.connectors, a.journeys.Destination()
	if err := b.openTraces(ctx); err != nil {
		return err
	}
	a.engine, err = delivery.New(delivery.Config{
		Traced: b.traces != nil,
		Store:  b.store, Webhooks: a.webhooks, Destinations: b.destinations, Transforms: b.transforms, Log: b.component("delivery"),
		Memory: int64(b.cfg.Memory), MaxInFlight: b.share.attempts, Refresh: a.refresh,
		Publish: func(ctx context.Context, tenant event.TenantID, eventType string, data []byte) error {
			return a.ingester.Publish(ctx, operational(tenant, eventType, data))
		},
	})
	if err != nil {
		return err
	}
	a.engine.ShowFrom(a.retention.KeptFrom)
	b.history, err = ledger.New(ledger.Config{Store: b.shown, Webhooks: a.webhooks, Machine: a.engine, Rules: a.types.RuleList})
	if err != nil {
		return err
	}
	if a.attention, err = attention.New(ctx, b.store, b.shown, a.webhooks, nil); err != nil {
		return err
	}
	a.views = logview.New(b.store)
	a.tally = tally.New(b.store, b.component("statistics"))
	a.ingester = ingest.New(b.store, a.engine, a.types)
	pacer, _ := b.store.(account.Pacer) // nil: there is one server
	a.rates = account.NewRates(a.plans, b.store, pacer)
	a.ingester.Limit(a.rates)
	a.tally.ShowFrom(a.retention.KeptFrom)
	b.top = b.followAttempts()
	a.ingester.CountBy(a.tally.Received)
	if b.traces != nil {
		a.ingester.TraceBy(b.traces)
	}
	a.onClose("counting events", a.rates.Close)
	a.onClose("statistics", a.tally.Flush)
	a.plans.Announce(func(ctx context.Context, tenant event.TenantID, eventType string, data []byte) {
		if err := a.ingester.Publish(ctx, operational(tenant, eventType, data)); err != nil {
			b.component("plans").ErrorContext(ctx, "publishing an operational event failed", "type", eventType, "error", err)
		}
	})
	// Stopped after the requests, which would otherwise be refused. Events that it still commits
	// reach a stopped engine, which leaves them to the next start.
	a.onStop("accepting events", func(context.Context) error { a.ingester.Stop(); return nil })

	a.connectors.Start(a.ingester, a.engine)
	a.startGate = func() { a.gate.Start(a.ingester, a.engine, b.history) }
	return nil
}

// openPeople makes what people sign in with.
func (b *builder) openPeople(ctx context.Context) (err error) {
	a := b.App
	a.users = user.NewDirectory(b.store)
	limit := func(tenant event.TenantID) (user.Quota, func(context.Context)) {
		if q, used := a.plans.Users(tenant); q != nil {
			return q, used
		}
		return nil, nil // and not a nil *Quota
	}
	a.users.Limit(limit)
	if a.signInSettings, err = user.NewSettings(ctx, b.store); err != nil {
		return err
	}
	b.sessions, err = user.NewSessions(b.store, a.signInSettings, b.component("sign-in"))
	if err != nil {
		return err
	}
	b.sessions.UsePasskeys(b.secrets)
	if a.portals, err = portal.New(ctx, b.store, b.store, a.tenants, a.plans); err != nil {
		return fmt.Errorf("reading portals: %w", err)
	}
	a.providers, err = provider.New(ctx, provider.Config{
		Store: b.store, Sessions: b.sessions, Egress: b.outgoing, Limit: limit,
		Tenant: func(name string) (event.TenantID, bool) { t, ok := a.tenants.Tenant(name); return t.ID, ok },
	})
	return err
}

// webhookID returns the id of a webhook, empty if it is gone.
func (b *builder) webhookID(number uint32) string {
	if w, ok := b.webhooks.ByNumber(number); ok {
		return w.ID
	}
	return ""
}

// traceTime is how long a stop waits at most for the collector of traces.
const traceTime = 2 * time.Second

// openTraces begins to send traces, if a collector is configured.
func (b *builder) openTraces(ctx context.Context) (err error) {
	if b.cfg.Traces.Endpoint == "" {
		named, refused := tracing.FromEnvironment()
		if refused != "" {
			b.component("traces").WarnContext(ctx, "no traces are sent", "reason", refused)
		}
		if !named {
			return nil
		}
	}
	b.traces, err = tracing.New(ctx, tracing.Options{
		Endpoint: b.cfg.Traces.Endpoint, Every: b.cfg.Traces.Every, Version: config.Version, Webhook: b.webhookID, Log: b.component("traces"),
	})
	if err != nil {
		return err
	}
	b.onStop("traces", func(ctx context.Context) error {
		limited, cancel := context.WithTimeout(ctx, traceTime)
		defer cancel()
		b.traces.Stop(limited)
		return nil
	})
	return nil
}

// followAttempts has recorded attempts counted, and logged and traced if the operator wants that. It returns the
// counts by webhook, nil if nobody wants them.
func (b *builder) followAttempts() *observe.TopWebhooks {
	a := b.App
	followers := []func([]*delivery.Attempt){a.tally.Attempts}
	id := b.webhookID
	if b.traces != nil {
		followers = append(followers, b.traces.Attempts)
	}
	var top *observe.TopWebhooks
	if b.cfg.MetricsWebhooks > 0 {
		top = observe.NewTopWebhooks(b.cfg.MetricsWebhooks, id)
		followers = append(followers, top.Attempts)
	}
	if b.cfg.Log.Attempts {
		lines := observe.NewAttemptLog(b.component("attempts"), id)
		followers = append(followers, lines.Attempts)
		a.onStop("the log of attempts", func(context.Context) error { lines.Close(); return nil })
	}
	a.engine.CountBy(func(list []*delivery.Attempt) {
		for _, f := range followers {
			f(list)
		}
	})
	return top
}

// openFaces makes the API, the dashboard and the server in front of both.
func (b *builder) openFaces(context.Context) (err error) {
	a := b.App
	node, _ := b.store.(observe.Node) // the store of a folder does not implement it
	b.sweeper = newRetention(b.store, b.cfg.Retention, a.retention, b.component("retention"))
	b.searches = api.NewSearches(b.cfg.MaxSearches)
	var traces observe.Traces // and not a nil *tracing.Exporter
	if b.traces != nil {
		traces = b.traces
	}
	b.metrics = observe.NewMetrics(observe.MetricsOptions{
		Searches: b.searches,
		Node:     node,
		Engine:   a.engine, Ingester: a.ingester, Backlog: b.store, Catalogue: a.types.Stats(), RetentionHeld: b.sweeper.holding, Version: config.Version, Log: b.component("metrics"),
		Webhooks: b.top, Traces: traces,
		HTTP: func() web.Counts { return a.server.Counts() },
	})
	public, err := b.cfg.Public()
	if err != nil {
		return err
	}
	if public != nil {
		a.public = public.String()
	}
	signIn, err := web.NewSignIn(public)
	if err != nil {
		return fmt.Errorf("setting publicUrl: %w", err)
	}
	limits := ingest.DefaultLimits()
	limits.EventBytes = int(b.cfg.MaxEventBytes)
	failures := account.NewFailures()
	routes, err := api.New(api.Options{
		Searches:       b.searches,
		Keys:           a.keys,
		Tenants:        a.tenants,
		Plans:          a.plans,
		Rates:          a.rates,
		CreateTenants:  b.cfg.CreateTenants,
		Webhooks:       a.webhooks,
		Engine:         a.engine,
		Ledger:         b.history,
		Tally:          a.tally,
		Publisher:      a.ingester,
		Events:         b.shown,
		Types:          a.types,
		EgressIPs:      b.cfg.Egress.IPs.Texts(),
		Failures:       failures,
		TrustedProxies: b.cfg.TrustedProxies,
		Ready:          a.ready,
		Metrics:        privately(b.metrics, a.keys, failures, b.cfg.TrustedProxies),
		Limits:         limits,
		Version:        config.Series(),
		Log:            b.component("api"),
		PublicURL:      a.public,
		Gate:           a.gate,
		Hooks:          a.hooks,
		Connectors:     a.connectors,
		Audiences:      a.audiences,
		Journeys:       a.journeys,
		Audit:          b.store,
		Answers:        b.store,
		Users:          a.users,
		Sessions:       b.sessions,
		SignIn:         signIn,
		SignInSettings: a.signInSettings,
		Providers:      a.providers,
		Portals:        a.portals,
		Views:          a.views,
		Encryption:     replaceable(b.store, b.secrets, a.webhooks, b.component("encryption")),
	})
	if err != nil {
		return err
	}
	pages, err := a.openPages(&b.cfg, pageParts{b.history, b.sessions, signIn, b.searches, b.shown, a.ingester, b.inside}, b.component("dashboard"))
	if err != nil {
		return err
	}
	a.server, err = web.New(web.Options{
		Handler: faces(pages.Base, pages, routes), Express: routes.Express(), Log: b.component("http"), Done: b.metrics.Request,
		MaxConnections: b.share.connections, MaxPerClient: b.cfg.MaxConnectionsPerClient, TrustedProxies: b.cfg.TrustedProxies,
		MaxStreams: b.cfg.MaxStreams, MaxBodies: int64(b.cfg.RequestMemory),
	})
	if err != nil {
		return err
	}
	a.onStop("background work", func(context.Context) error {
		a.cancel()
		a.loops.Wait()
		return nil
	})
	if err := a.openMetrics(b.cfg.MetricsListen, b.metrics, b.component("metrics")); err != nil {
		return err
	}
	// Requests and attempts in progress end concurrently: both wait for others, and share the
	// available time.
	a.onStop("requests and deliveries", a.stopWork)
	return nil
}

// startLoops starts the background work.
func (b *builder) startLoops() {
	a := b.App
	a.loops.Go(func() { b.sweeper.run(a.ctx) })
	a.loops.Go(func() { a.tally.Run(a.ctx) })
	a.loops.Go(func() {
		a.keys.KeepUses(a.ctx, func(err error) { b.component("keys").ErrorContext(a.ctx, "trying again in a minute", "error", err) })
	})
	a.loops.Go(func() {
		forget := func() { _ = a.refresh(a.ctx, []registry.Kind{registry.Keys, registry.Catalogue, registry.Gate}) } // of memory only
		eraseTenants(a.ctx, a.tenants, b.store, a.webhooks, b.sweeper.holding, forget, b.component("tenants"))
	})
	a.loops.Go(func() { dropEndedHooks(a.ctx, a.hooks, b.sweeper.holding, b.component("hooks")) })
	a.loops.Go(func() { a.warnOfKeys(b.component("keys")) })
	a.loops.Go(func() { expireSessions(a.ctx, b.component("sign-in"), b.sessions, a.portals) })
}
