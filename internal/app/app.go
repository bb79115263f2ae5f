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
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/api"
	"github.com/relay-events/relay/internal/attention"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/builtin"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/dashboard"
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
	"github.com/relay-events/relay/internal/observe"
	"github.com/relay-events/relay/internal/portal"
	"github.com/relay-events/relay/internal/provider"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/tally"
	"github.com/relay-events/relay/internal/transform"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/web"
	"github.com/relay-events/relay/internal/webhook"
)

// App is a whole server. Create it with New, then call Start; Stop ends it.
type App struct {
	log      *slog.Logger
	addr     net.Addr
	firstKey string
	failed   chan error // receives at most one error from each server

	// How far Start has come, and whether Stop has begun.
	delivering, serving, stopping atomic.Bool

	adminKey string // of the operator, empty if not set

	keys      *account.Authenticator
	tenants   *account.Tenants
	plans     *account.Plans
	retention *account.Retention
	tally     *tally.Tally
	rates     *account.Rates
	webhooks  *webhook.Registry
	types     *catalogue.Registry
	engine    *delivery.Engine
	ingester  *ingest.Ingester
	data      string // the folder; empty with a database
	gate      *gate.Gate
	// connectors keep the definitions of partner platforms, and deliver to them.
	connectors *connector.Connectors
	hooks      *hook.Hooks
	audiences  *audience.Audiences
	journeys   *journey.Journeys
	attention  *attention.Attention
	users      *user.Directory
	// signInSettings are what tenants ask of people who sign in.
	signInSettings *user.SettingsStore
	// portals let customers of tenants manage their webhooks.
	portals   *portal.Portals
	providers *provider.Providers
	public    string // the setting publicUrl, without a slash at the end
	signIn    string // see SignInLink
	settings  []dashboard.Setting
	// startGate starts the gate after the engine.
	startGate func()
	server    *web.Server
	listen    net.Listener
	// metricsAddr and serveMetrics belong to the separate listener of the metrics; nil if there is
	// none.
	metricsAddr  net.Addr
	serveMetrics func()
	loops        sync.WaitGroup // the HTTP server and the retention loop
	ctx          context.Context
	cancel       context.CancelFunc // ends ctx, and so the retention loop

	undo     []step // in the order of start-up
	stopOnce sync.Once
	stopErr  error
}

// step undoes a part of the start-up.
type step struct {
	name string // completes "stopping …"
	stop func(ctx context.Context) error
}

// closeTime is the time that Stop has beyond its context to write finished work to the store, which
// neither endpoints nor clients can delay.
const closeTime = time.Second

// New builds a server: it opens the listener and the store, and loads the stored configuration. It
// serves and delivers nothing before Start. If it fails, it closes everything it opened. The
// context applies to building, not to the server.
func New(ctx context.Context, cfg config.Config, log *slog.Logger) (*App, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	a := &App{log: log, adminKey: cfg.AdminKey.Reveal(), failed: make(chan error, 2)}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	if err := a.build(ctx, cfg); err != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
		defer cancel()
		return nil, errors.Join(err, a.Stop(closing))
	}
	return a, nil
}

func (a *App) build(ctx context.Context, cfg config.Config) (err error) {
	tuneRuntime(int64(cfg.Memory), int64(cfg.RequestMemory))
	component := func(name string) *slog.Logger { return a.log.With("component", name) }
	userAgent := "Relay/" + config.Series()
	if cfg.WeakSecretKey() {
		a.log.Warn("the master key (setting secretKey) is easy to guess: replace it, see docs/security.md")
	}
	share := shareDescriptors(openFiles(), &cfg, a.log)

	// The listener comes first, so that a server that cannot get its address leaves no folder
	// behind. Clients that connect before Start wait. (The Go runtime raises the limit of open
	// files as far as possible, see os/rlimit.go.)
	a.listen, err = net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listening on %q: %w", cfg.Listen, err)
	}
	a.addr = a.listen.Addr()
	a.onStop("the listener", func(context.Context) error {
		if a.serving.Load() {
			return nil // the server has closed it
		}
		return a.listen.Close()
	})

	packs, err := readPacks(cfg.Catalogue)
	if err != nil {
		return err
	}
	store, keys, err := openStore(ctx, &cfg, a.log)
	if err != nil {
		return err
	}
	a.onStop("the store", func(context.Context) error { return store.Close() })

	if a.keys, err = account.NewAuthenticator(ctx, store); err != nil {
		return err
	}
	if a.tenants, err = account.NewTenants(ctx, store); err != nil {
		return err
	}

	way, err := cfg.Egress.Options()
	if err != nil {
		return err
	}
	way.MaxSockets = share.attempts + (share.attempts+1)/2 // the rest of its share resolves names
	way.Dev, way.Allow, way.UserAgent = cfg.Dev, cfg.AllowNetworks, userAgent
	inside := builtin.New()
	way.Inside = map[string]func(context.Context) (net.Conn, error){builtin.Host: inside.Dial}
	a.onStop("the built-in receiver", func(context.Context) error { inside.Stop(); return nil })
	outgoing := egress.New(way)
	a.onStop("outgoing connections", func(context.Context) error { outgoing.Close(); return nil })

	types, err := a.openCatalogue(ctx, packs, store, catalogue.Limits{Work: cfg.CatalogueWork, Bytes: int64(cfg.CatalogueBytes)})
	a.types = types
	if err != nil {
		return err
	}
	if a.webhooks, err = webhook.NewRegistry(ctx, store, outgoing); err != nil {
		return fmt.Errorf("reading webhooks: %w", err)
	}
	a.webhooks.Canonical(types.Canonical)
	if err := a.webhooks.Follow(a.tenants); err != nil {
		return err
	}
	if a.plans, err = account.NewPlans(ctx, store, a.tenants); err != nil {
		return fmt.Errorf("reading plans: %w", err)
	}
	a.webhooks.Limit(a.plans)
	inside.Attach(a.tenants, a.webhooks)
	destinations := httpdest.Table(httpdest.Options{Client: outgoing, Tokens: outgoing, UserAgent: userAgent})
	a.webhooks.SetDestinations(destinations)

	// The pool compiles and allocates nothing before a webhook has a transform. Its queue is a
	// fraction of the concurrent attempts, so that attempts waiting for their transform leave room
	// for others.
	transforms := transform.NewPool(transform.Options{
		Waiting: max(share.attempts/4, 64),
		Started: func(n int) { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n) },
	})
	a.onStop("transforms", func(context.Context) error { transforms.Close(); return nil })
	a.webhooks.SetCompiler(transforms)

	// Only after all sealed values were read: lost keys are reported, not replaced.
	if err := keys.Save(); err != nil {
		return err
	}

	if a.gate, err = gate.New(ctx, gate.Config{Store: store, Webhooks: a.webhooks, Log: component("gate")}); err != nil {
		return err
	}
	a.onStop("the gate", func(context.Context) error { a.gate.Stop(); return nil })

	a.retention = account.NewRetention(a.plans, max(cfg.Retention.Events, cfg.Retention.Attempts))
	shown := &kept{store, a.retention}
	a.hooks = hook.New(hook.Config{Webhooks: a.webhooks, Types: types, Events: shown})
	a.connectors, err = connector.New(ctx, connector.Config{
		Store: store, Webhooks: a.webhooks, Client: outgoing, Scripts: transforms, UserAgent: userAgent, Log: component("connectors"), Plans: a.plans,
	})
	if err != nil {
		return err
	}

	a.audiences, err = audience.New(ctx, audience.Config{Store: store, Records: store, Connectors: a.connectors, Log: component("audiences"), Plans: a.plans})
	if err != nil {
		return err
	}

	_, shared := store.(delivery.SharedStore)
	a.journeys, err = journey.New(ctx, journey.Config{
		Store: store, Records: store, Connectors: a.connectors, Audiences: a.audiences, Webhooks: a.webhooks, Log: component("journeys"), Plans: a.plans, Shared: shared,
	})
	if err != nil {
		return err
	}

	// The engine and the ingester need each other: events go from the ingester to the engine, and
	// operational events, which are ordinary events of their tenant, back. The engine publishes no
	// events before it is started.
	var ingester *ingest.Ingester
	a.data = cfg.Data
	if cfg.Database != "" {
		a.data = ""
	}
	destinations.Owners = map[string]destination.Wrapper{gate.Owner: a.gate, connector.Owner: a.connectors, journey.Owner: a.journeys.Destination(), webhook.HookOwner: a.hooks}
	destinations.Kinds[connector.Owner], destinations.Kinds[journey.Owner] = a.connectors, a.journeys.Destination()
	a.engine, err = delivery.New(delivery.Config{
		Store: store, Webhooks: a.webhooks, Destinations: destinations, Transforms: transforms, Log: component("delivery"),
		Memory: int64(cfg.Memory), MaxInFlight: share.attempts, Refresh: a.refresh,
		Publish: func(ctx context.Context, tenant event.TenantID, eventType string, data []byte) error {
			return ingester.Publish(ctx, operational(tenant, eventType, data))
		},
	})
	if err != nil {
		return err
	}
	a.engine.ShowFrom(a.retention.KeptFrom)
	history, err := ledger.New(ledger.Config{Store: shown, Webhooks: a.webhooks, Machine: a.engine, Rules: types.RuleList})
	if err != nil {
		return err
	}
	if a.attention, err = attention.New(ctx, store, shown, a.webhooks, nil); err != nil {
		return err
	}
	a.tally = tally.New(store, component("statistics"))
	ingester = ingest.New(store, a.engine, types)
	a.ingester = ingester
	pacer, _ := store.(account.Pacer) // nil: there is one server
	a.rates = account.NewRates(a.plans, store, pacer)
	ingester.Limit(a.rates)
	a.tally.ShowFrom(a.retention.KeptFrom)
	a.engine.CountBy(a.tally.Attempts)
	ingester.CountBy(a.tally.Received)
	a.onClose("counting events", a.rates.Close)
	a.onClose("statistics", a.tally.Flush)
	a.plans.Announce(func(ctx context.Context, tenant event.TenantID, eventType string, data []byte) {
		if err := ingester.Publish(ctx, operational(tenant, eventType, data)); err != nil {
			component("plans").ErrorContext(ctx, "publishing an operational event failed", "type", eventType, "error", err)
		}
	})
	// Stopped after the requests, which would otherwise be refused. Events that it still commits
	// reach a stopped engine, which leaves them to the next start.
	a.onStop("accepting events", func(context.Context) error { ingester.Stop(); return nil })

	a.connectors.Start(ingester, a.engine)
	a.startGate = func() { a.gate.Start(ingester, a.engine, history) }

	node, _ := store.(observe.Node) // the store of a folder does not implement it
	sweeper := newRetention(store, cfg.Retention, a.retention, component("retention"))
	searches := api.NewSearches(cfg.MaxSearches)
	metrics := observe.NewMetrics(observe.MetricsOptions{
		Searches: searches,
		Node:     node,
		Engine:   a.engine, Ingester: ingester, Backlog: store, Catalogue: types.Stats(), RetentionHeld: sweeper.holding, Version: config.Version, Log: component("metrics"),
		HTTP: func() web.Counts { return a.server.Counts() },
	})
	a.users = user.NewDirectory(store)
	limit := func(tenant event.TenantID) (user.Quota, func(context.Context)) {
		if q, used := a.plans.Users(tenant); q != nil {
			return q, used
		}
		return nil, nil // and not a nil *Quota
	}
	a.users.Limit(limit)
	if a.signInSettings, err = user.NewSettings(ctx, store); err != nil {
		return err
	}
	sessions, err := user.NewSessions(store, a.signInSettings, component("sign-in"))
	if err != nil {
		return err
	}
	sessions.UsePasskeys(keys)
	if a.portals, err = portal.New(ctx, store, store, a.tenants, a.plans); err != nil {
		return fmt.Errorf("reading portals: %w", err)
	}
	a.providers, err = provider.New(ctx, provider.Config{
		Store: store, Sessions: sessions, Egress: outgoing, Limit: limit,
		Tenant: func(name string) (event.TenantID, bool) { t, ok := a.tenants.Tenant(name); return t.ID, ok },
	})
	if err != nil {
		return err
	}
	public, err := cfg.Public()
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
	limits.EventBytes = int(cfg.MaxEventBytes)
	failures := account.NewFailures()
	routes, err := api.New(api.Options{
		Searches: searches,
		Keys:     a.keys, Tenants: a.tenants, Plans: a.plans, Rates: a.rates, CreateTenants: cfg.CreateTenants, Webhooks: a.webhooks, Engine: a.engine, Ledger: history, Tally: a.tally, Publisher: ingester, Events: shown, Types: types,
		EgressIPs: cfg.Egress.IPs.Texts(), Failures: failures, TrustedProxies: cfg.TrustedProxies,
		Ready: a.ready, Metrics: privately(metrics, a.keys, failures, cfg.TrustedProxies), Limits: limits, Version: config.Series(), Log: component("api"),
		PublicURL: a.public, Gate: a.gate, Hooks: a.hooks, Connectors: a.connectors, Audiences: a.audiences, Journeys: a.journeys, Audit: store, Answers: store, Users: a.users, Sessions: sessions, SignIn: signIn, SignInSettings: a.signInSettings, Providers: a.providers, Portals: a.portals, Encryption: replaceable(store, keys, a.webhooks, component("encryption")),
	})
	if err != nil {
		return err
	}
	pages, err := a.openPages(&cfg, pageParts{history, sessions, signIn, searches, shown, ingester, inside}, component("dashboard"))
	if err != nil {
		return err
	}
	a.server, err = web.New(web.Options{
		Handler: faces(pages.Base, pages, routes), Express: routes.Express(), Log: component("http"), Done: metrics.Request,
		MaxConnections: share.connections, MaxPerClient: cfg.MaxConnectionsPerClient, TrustedProxies: cfg.TrustedProxies,
		MaxStreams: cfg.MaxStreams, MaxBodies: int64(cfg.RequestMemory),
	})
	if err != nil {
		return err
	}
	a.onStop("background work", func(context.Context) error {
		a.cancel()
		a.loops.Wait()
		return nil
	})
	if err := a.openMetrics(cfg.MetricsListen, metrics, component("metrics")); err != nil {
		return err
	}
	// Requests and attempts in progress end concurrently: both wait for others, and share the
	// available time.
	a.onStop("requests and deliveries", a.stopWork)

	a.loops.Go(func() { sweeper.run(a.ctx) })
	a.loops.Go(func() { a.tally.Run(a.ctx) })
	a.loops.Go(func() {
		a.keys.KeepUses(a.ctx, func(err error) { component("keys").ErrorContext(a.ctx, "trying again in a minute", "error", err) })
	})
	a.loops.Go(func() {
		forget := func() { _ = a.refresh(a.ctx, []registry.Kind{registry.Keys, registry.Catalogue, registry.Gate}) } // of memory only
		eraseTenants(a.ctx, a.tenants, store, a.webhooks, sweeper.holding, forget, component("tenants"))
	})
	a.loops.Go(func() { dropEndedHooks(a.ctx, a.hooks, sweeper.holding, component("hooks")) })
	a.loops.Go(func() { a.warnOfKeys(component("keys")) })
	a.loops.Go(func() { expireSessions(a.ctx, component("sign-in"), sessions, a.portals) })
	return nil
}

// onStop registers how to undo the step just done.
func (a *App) onStop(name string, stop func(ctx context.Context) error) {
	a.undo = append(a.undo, step{name, stop})
}

// onClose registers a step of Stop that stores what was counted. It has a part of closeTime, since hanging endpoints may have
// used up the time for stopping. If it fails, a few seconds are missing in the counts, as after a crash; the stop is in order
// all the same.
func (a *App) onClose(name string, write func(ctx context.Context) error) {
	a.onStop(name, func(ctx context.Context) error {
		closing, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		defer context.AfterFunc(ctx, func() { time.AfterFunc(closeTime/4, cancel) })()
		if err := write(closing); err != nil {
			a.log.WarnContext(ctx, "the last counts were not stored", "of", name, "error", err)
		}
		return nil
	})
}

// Start begins to deliver and to answer requests, and returns. If it fails, the App must still be
// stopped.
func (a *App) Start(ctx context.Context) error {
	// Before any delivery: a start that fails here repeatedly must not deliver repeatedly.
	if a.adminKey != "" {
		if err := a.keys.PutAdminKey(ctx, a.adminKey); err != nil {
			return err
		}
	}
	if err := a.engine.Start(ctx); err != nil {
		return err
	}
	a.loops.Go(a.checkTransforms)
	a.delivering.Store(true)
	a.startGate()
	a.loops.Go(func() { a.audiences.Run(a.ctx) })
	a.loops.Go(func() { a.journeys.Run(a.ctx) })
	// Last, because it is the last step that can fail: a first key that is not shown would be lost.
	if err := a.ensureKey(ctx); err != nil {
		return err
	}
	if err := a.inviteOperator(ctx); err != nil {
		return err
	}
	a.serving.Store(true)
	if a.serveMetrics != nil {
		a.loops.Go(a.serveMetrics)
	}
	a.loops.Go(func() {
		if err := a.server.Serve(a.listen); err != nil {
			a.failed <- err
		}
	})
	return nil
}

// checkTransforms logs the webhooks whose transform no longer compiles, perhaps because of another
// version of Relay. They do not prevent the start: their attempts fail with the reason until the
// transform is fixed.
func (a *App) checkTransforms() {
	a.webhooks.CheckScripts(a.ctx, func(w *webhook.Webhook, err error) {
		a.log.Warn("a webhook's transform no longer compiles", "component", "webhooks", "webhook", w.ID, "err", err)
	})
}

// Failed receives the error of a server that ended unexpectedly.
func (a *App) Failed() <-chan error { return a.failed }

// Stop ends the server: it accepts no requests and starts no attempts. Those in progress may finish
// until ctx ends; then they are cut off, and the attempts are released uncounted. Results are
// recorded.
//
// If a step is not done a second after ctx has ended, Stop names it and skips the remaining steps:
// the process is expected to end then, and the next start recovers. Stopping twice, or before
// Start, is harmless.
func (a *App) Stop(ctx context.Context) error {
	a.stopOnce.Do(func() {
		a.stopping.Store(true)
		a.cancel()
		var errs []error
		for i := len(a.undo) - 1; i >= 0; i-- {
			s := a.undo[i]
			done := make(chan error, 1)
			go func() { done <- s.stop(ctx) }() // ends with its step; see overdue
			select {
			case err := <-done:
				if err != nil {
					errs = append(errs, fmt.Errorf("stopping %s: %w", s.name, err))
				}
				continue
			case <-overdue(ctx):
				errs = append(errs, fmt.Errorf("stopping %s: not done within %v of the time it had", s.name, closeTime))
			}
			break
		}
		a.stopErr = errors.Join(errs...)
	})
	return a.stopErr
}

// overdue returns a channel that is closed closeTime after ctx has ended.
func overdue(ctx context.Context) <-chan struct{} {
	late := make(chan struct{})
	context.AfterFunc(ctx, func() { time.AfterFunc(closeTime, func() { close(late) }) })
	return late
}

func (a *App) stopWork(ctx context.Context) error {
	a.types.StopWaiting()
	served := make(chan error, 1)
	go func() {
		if a.serving.Load() {
			served <- a.server.Stop(ctx)
		}
		close(served)
	}()
	// Requests waiting for results of the engine are answered while there is still time.
	if end, ok := ctx.Deadline(); ok {
		early := time.AfterFunc(time.Until(end)-time.Second, a.gate.StopWaiting)
		defer early.Stop()
	}
	var err error
	if a.delivering.Load() {
		err = a.engine.Stop(ctx)
	}
	a.gate.StopWaiting()
	return errors.Join(<-served, err)
}

// Addr returns the address of the listener.
func (a *App) Addr() net.Addr { return a.addr }

// URL returns the address of the API for programs on this machine, without a trailing slash.
func (a *App) URL() string {
	host, port, err := net.SplitHostPort(a.addr.String())
	if err != nil {
		return "http://" + a.addr.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// FirstKey returns the API key that was created because the store had none; it is empty if the
// store had a key or the operator supplied one. It is not stored anywhere.
func (a *App) FirstKey() string { return a.firstKey }

// ensureKey creates a first API key unless the operator supplied one.
func (a *App) ensureKey(ctx context.Context) error {
	if a.adminKey != "" {
		return nil
	}
	if len(a.keys.List(event.DefaultTenant)) > 0 { // including revoked ones: whoever revokes the last key does not want a new one
		return nil
	}
	_, text, err := a.keys.Create(ctx, access.System(event.DefaultTenant), account.NewKey{Name: "first key", Scopes: access.Scopes})
	if err != nil {
		return fmt.Errorf("creating the first key: %w", err)
	}
	a.firstKey = text
	return nil
}

// warnEvery is how often a server looks for keys that will soon end.
const warnEvery = 10 * time.Minute

// warnOfKeys publishes events about keys that will soon end, until the server stops.
func (a *App) warnOfKeys(log *slog.Logger) {
	for {
		t := time.NewTimer(warnEvery/2 + rand.N(warnEvery))
		select {
		case <-a.ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		if err := a.keys.WarnExpiring(a.ctx, time.Now(), a.publishOnce); err != nil && a.ctx.Err() == nil {
			log.ErrorContext(a.ctx, "trying again in ten minutes", "error", err)
		}
	}
}

// publishOnce publishes one of Relay's own events, unless one of its type was published with the same text.
func (a *App) publishOnce(ctx context.Context, tenant event.TenantID, eventType, once string, data []byte) error {
	p := operational(tenant, eventType, data)
	p.Items[0].Key = "o" + eventType + " " + once // no publisher's: see ingest.NameKey and ingest.HeaderKey
	if err := a.ingester.Publish(ctx, p); err != nil {
		return err
	}
	return p.Err
}

// operational returns the publication of one of Relay's own events.
func operational(tenant event.TenantID, eventType string, data []byte) *ingest.Publication {
	return &ingest.Publication{Tenant: tenant, Operational: true, Items: []ingest.Item{{Event: event.Event{
		Tenant: tenant, Type: eventType, Data: data, Time: time.Now().UTC().Truncate(time.Millisecond),
	}}}}
}
