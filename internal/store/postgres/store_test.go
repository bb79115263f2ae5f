//go:build unix

package postgres

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// backend is a Store that the suite can open again.
type backend struct {
	*Store
	url string
}

func (b *backend) Reopen(t *testing.T) storetest.Backend {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatalf("closing: %v", err)
	}
	b.Store = openStore(t, b.url)
	return b
}

// openStore opens a store that is not closed by itself.
func openStore(t testing.TB, url string) *Store {
	t.Helper()
	o := Options{URL: url, Log: slog.New(slog.DiscardHandler)}
	if time.Now().Year() == 2000 {
		// In a bubble of testing/synctest weeks pass, while no time passes for
		// the database: nothing needs to be renewed, but would be all the time.
		o.URL += "&pool_health_check_period=100000h&pool_max_conn_lifetime=100000h&pool_max_conn_idle_time=100000h"
		o.Lease = 100_000 * time.Hour
	}
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{url: pgtest.Shared(t).Database(t)}
	b.Store = openStore(t, b.url)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return b
}

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend { return newBackend(t) })
}
