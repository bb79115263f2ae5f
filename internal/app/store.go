package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/api"
	"github.com/relay-events/relay/internal/attention"
	"github.com/relay-events/relay/internal/audience"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/journey"
	"github.com/relay-events/relay/internal/logview"
	"github.com/relay-events/relay/internal/observe"
	"github.com/relay-events/relay/internal/portal"
	"github.com/relay-events/relay/internal/provider"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/store/postgres"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/tally"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/webhook"
)

// store combines the storage interfaces of all parts; both stores implement it.
type store interface {
	access.AuditStore
	account.AnswerStore
	account.Eraser
	account.Expirer
	account.RateStore
	account.Store
	account.TenantStore
	api.Events
	audience.Store
	catalogue.Store
	delivery.Store
	gate.Store
	ingest.Store
	journey.Store
	logview.Store
	observe.Backlog
	portal.Store
	registry.RecordStore
	tally.Store
	user.Store
	webhook.Store
	Close() error
}

// keyFile is the file in the data folder with the keys that encrypt secrets at rest. Servers that
// share a database and have a master key store the keys in the database instead.
const keyFile = "relay.key"

// openStore opens the database or, without one, the folder. The caller must save the keys once all
// sealed values have been read.
func openStore(ctx context.Context, cfg *config.Config, log *slog.Logger) (store, *secret.Keyring, error) {
	path, master := filepath.Join(cfg.Data, keyFile), []byte(cfg.SecretKey.Reveal())
	if cfg.Database != "" {
		var keys *secret.Keyring
		s, err := postgres.Open(ctx, postgres.Options{
			URL: cfg.Database.Reveal(), Lease: cfg.Lease, Log: log,
			Keys: func(kept []byte) (_ webhook.Sealer, keep []byte, err error) {
				keys, keep, err = secret.OpenShared(path, master, kept)
				return keys, keep, err
			},
		})
		if err != nil {
			return nil, nil, err
		}
		return s, keys, nil
	}
	keys, err := secret.Open(path, master)
	if err != nil {
		return nil, nil, err
	}
	s, err := sqlite.Open(ctx, sqlite.Options{Dir: cfg.Data, Sealer: keys, Log: log})
	if err != nil {
		return nil, nil, err
	}
	return s, keys, nil
}

// refresh loads the changes that other servers on the same database have made. A newer server may
// have kinds that this one does not know.
func (a *App) refresh(ctx context.Context, changed []registry.Kind) error {
	read := map[registry.Kind]func(context.Context) error{
		registry.Webhooks: a.webhooks.Refresh, registry.Keys: a.keys.Refresh, registry.Catalogue: a.types.Reload, registry.Gate: a.gate.Refresh,
		registry.Tenants: a.tenants.Refresh, account.KindPlans: a.plans.Refresh,
		connector.DefinitionKind: a.connectors.RefreshDefinitions, connector.ConnectionKind: a.connectors.RefreshConnections,
		user.SettingsKind: a.signInSettings.Refresh, provider.Kind: a.providers.Refresh,
		audience.Kind: a.audiences.Refresh, journey.RecordKind: a.journeys.Refresh,
		attention.Kind: a.attention.Refresh,
		portal.Kind:    a.portals.Refresh,
	}
	var errs []error
	for _, kind := range changed {
		if f := read[kind]; f != nil {
			errs = append(errs, f(ctx))
		}
	}
	return errors.Join(errs...)
}
