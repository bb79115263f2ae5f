package sqlite

import (
	"context"
	"log/slog"
	"testing"

	"github.com/relay-events/relay/internal/store/storetest"
)

// backend is a Store that the suite can open again.
type backend struct {
	*Store
	dir string
}

func (b *backend) Reopen(t *testing.T) storetest.Backend {
	t.Helper()
	if err := b.Close(); err != nil {
		t.Fatalf("closing: %v", err)
	}
	b.Store = openStore(t, b.dir)
	return b
}

// openStore opens a store that is not closed by itself.
func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{dir: t.TempDir()}
	b.Store = openStore(t, b.dir)
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
