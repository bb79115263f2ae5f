package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/api"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/dashboard"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/user"
)

// firstOperator is the address that the first operator of an installation signs in with.
const firstOperator = "operator@localhost"

// openPages builds the dashboard. public is the setting publicUrl, nil if it is not set.
func (a *App) openPages(cfg *config.Config, history *ledger.Ledger, sessions *user.Sessions, public *url.URL, searches *api.Searches, log *slog.Logger) (*dashboard.Dashboard, error) {
	if public != nil {
		a.public = public.String()
	}
	return dashboard.New(dashboard.Options{
		Sessions: sessions, Tenants: a.keys, Webhooks: a.webhooks, Engine: a.engine, Ledger: history, Types: a.types, Searches: searches,
		Secure: public != nil && public.Scheme == "https", Unencrypted: public != nil && public.Scheme == "http",
		TrustedProxies: cfg.TrustedProxies, Retention: cfg.Retention.Attempts, Version: config.Series(), Log: log,
	})
}

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
