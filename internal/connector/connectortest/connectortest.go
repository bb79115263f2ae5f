// Package connectortest puts connectors on a store and an engine for tests, as the program wires them.
package connectortest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/connector"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/destination"
	httpdest "github.com/relay-events/relay/internal/destination/http"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/transform"
	"github.com/relay-events/relay/internal/webhook"
)

// Rig is connectors on SQLite. All of it ends with the test.
type Rig struct {
	Store      *sqlite.Store
	Connectors *connector.Connectors
	Engine     *delivery.Engine
	Webhooks   *webhook.Registry
	// Destinations may get more kinds before Start.
	Destinations *destination.Table
	Publisher    *ingest.Ingester // once Start was called
}

// Log is for the parts of a rig: nobody reads it.
var Log = slog.New(slog.DiscardHandler)

// New returns a rig with one tenant. client may be nil for one that reaches this machine, scripts for no transforms. The
// engine delivers once Start has been called.
func New(t testing.TB, client *egress.Client, scripts *transform.Pool) *Rig {
	t.Helper()
	ctx := context.Background()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	store, err := sqlite.Open(ctx, sqlite.Options{Dir: t.TempDir(), Log: Log})
	check(err)
	t.Cleanup(func() { store.Close() })
	if client == nil {
		client = egress.New(egress.Options{Dev: true})
		t.Cleanup(client.Close)
	}
	keys, err := account.NewAuthenticator(ctx, store)
	check(err)
	check(keys.PutAdminKey(ctx, "rk_test_admin_key_0123456789"))
	hooks, err := webhook.NewRegistry(ctx, store, client)
	check(err)
	config := connector.Config{Store: store, Webhooks: hooks, Client: client, Log: Log}
	if scripts != nil {
		config.Scripts = scripts
	}
	c, err := connector.New(ctx, config)
	check(err)
	table := httpdest.Table(httpdest.Options{Client: client, UserAgent: "Relay/test"})
	table.Kinds[connector.Owner] = c
	table.Owners = map[string]destination.Wrapper{connector.Owner: c}
	hooks.SetDestinations(table)
	engine, err := delivery.New(delivery.Config{Store: store, Webhooks: hooks, Destinations: table, Log: Log})
	check(err)
	return &Rig{Store: store, Connectors: c, Engine: engine, Webhooks: hooks, Destinations: table}
}

// Start begins to publish and to deliver.
func (r *Rig) Start(t testing.TB) {
	t.Helper()
	ctx := context.Background()
	types, err := catalogue.NewRegistry(ctx, r.Store, catalogue.Options{Evaluator: ingest.Conditions{}})
	if err != nil {
		t.Fatal(err)
	}
	publisher := ingest.New(r.Store, r.Engine, types)
	t.Cleanup(publisher.Stop)
	r.Publisher = publisher
	r.Connectors.Start(publisher, r.Engine)
	if err := r.Engine.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		r.Engine.Stop(stop)
	})
}
