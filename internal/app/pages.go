package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/api"
	"github.com/relay-events/relay/internal/builtin"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/dashboard"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/web"
)

// firstOperator is the address that the first operator of an installation signs in with.
const firstOperator = "operator@localhost"

// pageParts are what the dashboard works on and App does not keep.
type pageParts struct {
	ledger   *ledger.Ledger
	sessions *user.Sessions
	signIn   *web.SignIn
	searches *api.Searches
	store    *kept
	ingester *ingest.Ingester
	receiver *builtin.Receiver
}

// openPages builds the dashboard.
func (a *App) openPages(cfg *config.Config, p pageParts, log *slog.Logger) (*dashboard.Dashboard, error) {
	public, err := cfg.Public()
	if err != nil {
		return nil, fmt.Errorf("setting publicUrl: %w", err)
	}
	var base string
	if public != nil {
		base = public.Path
	}
	return dashboard.New(dashboard.Options{
		Base: base, Sessions: p.sessions, Tenants: a.tenants, Webhooks: a.webhooks, Hooks: a.hooks, Connectors: a.connectors, Audiences: a.audiences, Journeys: a.journeys, PublicURL: a.public, Engine: a.engine, Ledger: p.ledger, Types: a.types, Searches: p.searches,
		Tally: a.tally, Backlogs: p.ledger, Events: p.store, Publisher: p.ingester, Keys: a.keys, Receiver: p.receiver, Users: a.users, Audit: p.store, Gate: a.gate, Attention: a.attention, Views: a.views, Portals: a.portals, Platform: a.tenants, Plans: a.plans, Settings: a.shownSettings,
		SignIn: p.signIn, SignInSettings: a.signInSettings, Providers: a.providers, TrustedProxies: cfg.TrustedProxies, Retention: cfg.Retention.Attempts, EventRetention: cfg.Retention.Events, Keeps: a.retention.Keeps, EgressIPs: cfg.Egress.IPs.Texts(), Version: config.Series(), Log: log,
	})
}

// ShowSettings gives the operators' pages the settings in force and where each came from. Call it before Start.
func (a *App) ShowSettings(list []config.Value) {
	for _, v := range list {
		a.settings = append(a.settings, dashboard.Setting{Name: v.Name, Value: v.Text, Source: v.Source, Help: v.Help})
	}
}

func (a *App) shownSettings() []dashboard.Setting { return a.settings }

// faces hands each request to the pages or to the API. base is the path that the installation is reached under; a proxy may
// have taken it away.
func faces(base string, pages *dashboard.Dashboard, routes http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner := r
		if rest, ok := strings.CutPrefix(r.URL.Path, base); ok && base != "" && (rest == "" || rest[0] == '/') {
			inner = r.WithContext(r.Context())
			u := *r.URL
			u.Path, u.RawPath = "/"+strings.TrimPrefix(rest, "/"), ""
			if raw, ok := strings.CutPrefix(r.URL.RawPath, base); ok {
				u.RawPath = raw
			}
			inner.URL = &u
		}
		if pages.Serves(inner.URL.Path) {
			pages.ServeHTTP(w, inner)
		} else {
			routes.ServeHTTP(w, inner)
		}
		r.Pattern = inner.Pattern // what the metrics count requests by
	})
}

// inviteOperator makes the link by which somebody signs in first, until there is an operator. Each start makes a new one.
func (a *App) inviteOperator(ctx context.Context) error {
	who := access.System(access.Platform)
	list, _, err := a.users.List(ctx, who, user.Query{Role: access.RoleOperator, Limit: 1})
	if err != nil {
		return fmt.Errorf("looking for an operator: %w", err)
	}
	var token user.Token
	switch {
	case len(list) == 0:
		_, token, err = a.users.Invite(ctx, who, user.New{Email: firstOperator, Role: access.RoleOperator})
	case list[0].State == user.Invited && list[0].Email == firstOperator:
		_, token, err = a.users.Reinvite(ctx, who, list[0].ID)
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("inviting the first operator: %w", err)
	}
	a.signIn = a.PublicURL() + "/invite/" + token.Text
	return nil
}

// SignInLink returns the address by which somebody signs in first and chooses a password; empty once there is an operator.
func (a *App) SignInLink() string { return a.signIn }

// PublicURL returns the address that people reach the server under, without a slash at the end.
func (a *App) PublicURL() string {
	if a.public != "" {
		return a.public
	}
	return a.URL()
}
