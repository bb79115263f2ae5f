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
	"sync"
	"sync/atomic"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/attention"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/dashboard"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/hook"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/journey"
	"github.com/relay-events/relay/internal/logview"
	"github.com/relay-events/relay/internal/portal"
	"github.com/relay-events/relay/internal/provider"
	"github.com/relay-events/relay/internal/tally"
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
	views      *logview.Views
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
