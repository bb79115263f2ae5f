package ingest

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/relay-events/relay/internal/delivery"
)

// gatedStore holds each Append until the gate opens.
type gatedStore struct {
	Store
	entered, gate chan struct{}
}

func (s gatedStore) Append(context.Context, []*Publication) ([]delivery.Intake, error) {
	s.entered <- struct{}{}
	<-s.gate
	return nil, nil
}

type noRouter struct{}

func (noRouter) Accept([]delivery.Intake) {}

// TestStoredThoughTheClientLeft: a publisher whose request ends while its events are with the store is told what became of
// them; it may have ended its sending side only.
func TestStoredThoughTheClientLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := gatedStore{entered: make(chan struct{}, 1), gate: make(chan struct{})}
		i := New(s, noRouter{}, nil)
		defer i.Stop()
		ctx, leave := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() { result <- i.Publish(ctx, &Publication{Tenant: 1, Items: []Item{published("a", "1")}}) }()
		<-s.entered
		leave()
		synctest.Wait()
		select {
		case err := <-result:
			t.Fatalf("got %v while the store was at work", err)
		default:
		}
		close(s.gate)
		if err := <-result; err != nil {
			t.Errorf("got %v, want it stored", err)
		}
	})
}
