package app

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/web"
)

var errMetricsScope = problem.New(problem.Forbidden, "metrics need a key of the tenant default with the scope read, or a platform key")

// privately restricts a page to keys that may read the tenant default, and to platform keys. The
// page contains no tenant's data, but how busy a server is would reveal something to its tenants.
// The origin of a request does not matter: a proxy on this machine that adds no header makes all
// requests look local.
func privately(page http.Handler, keys *account.Authenticator, failures *account.Failures, proxies []netip.Prefix) http.Handler {
	return web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		k, err := keys.Authenticate(account.KeyText(r.Header.Get("Authorization"), r.Header.Get("ApiKey")))
		if err != nil {
			return failures.Failed(web.ClientAddr(r, proxies), err)
		}
		if !k.Allows(access.ScopePlatform) && (k.Tenant != event.DefaultTenant || !k.Allows(access.ScopeRead)) {
			return errMetricsScope
		}
		if err := web.Authenticated(r); err != nil {
			return err
		}
		page.ServeHTTP(w, r)
		return nil
	})
}

// metricsConnections bounds the connections to the listener of the metrics; Prometheus uses one.
const metricsConnections = 64

// openMetrics opens the separate listener of the metrics, if configured; Start serves it.
func (a *App) openMetrics(address string, page http.Handler, log *slog.Logger) error {
	if address == "" {
		return nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listening on %q for metrics: %w", address, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", page)
	mux.Handle("/", web.Handler(func(http.ResponseWriter, *http.Request) error {
		return problem.New(problem.NotFound, "this path does not exist; this address serves only /metrics")
	}))
	server, err := web.New(web.Options{Handler: mux, Log: log, MaxConnections: metricsConnections})
	if err != nil {
		l.Close()
		return err
	}
	a.metricsAddr = l.Addr()
	a.serveMetrics = func() {
		if err := server.Serve(l); err != nil {
			a.failed <- err
		}
	}
	a.onStop("metrics", func(ctx context.Context) error {
		if !a.serving.Load() {
			return l.Close()
		}
		return server.Stop(ctx)
	})
	return nil
}

// MetricsAddr returns the separate address of the metrics, or nil.
func (a *App) MetricsAddr() net.Addr { return a.metricsAddr }
