package delivery_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

// TestDeletedWhileUnderWay deletes webhooks while attempts for them are under way: whatever comes of those, nothing may
// stay owed to a webhook that is gone.
func TestDeletedWhileUnderWay(t *testing.T) {
	tests := []struct {
		name   string
		change func(*webhook.Settings)
	}{
		{"plain", func(*webhook.Settings) {}},
		{"few at a time", func(s *webhook.Settings) { s.MaxConcurrency = 2 }},
		{"fifo", func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO }},
		{"batch", func(s *webhook.Settings) {
			s.Batch = &webhook.Batch{MaxEvents: 3, MaxWait: time.Second, MaxBytes: 1 << 20}
		}},
		{"batch in the store", func(s *webhook.Settings) {
			s.Batch = &webhook.Batch{MaxEvents: 5, MaxWait: 30 * time.Second, MaxBytes: 1 << 20}
		}},
	}
	for _, tt := range tests {
		// After the first attempts, during the second ones, and while a batch waits.
		for _, after := range []time.Duration{500 * time.Millisecond, 1500 * time.Millisecond, 36 * time.Second} {
			t.Run(fmt.Sprintf("%s after %v", tt.name, after), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := newRig(t)
					r.start()
					ep := r.net.endpoint(func(_ int, w http.ResponseWriter, _ *http.Request) {
						time.Sleep(3 * time.Second)
						w.WriteHeader(http.StatusInternalServerError)
					})
					w := r.webhook(ep, tt.change, func(s *webhook.Settings) {
						s.Retry = webhook.Retry{Attempts: 50, Waits: []time.Duration{30 * time.Second}}
					})
					for i := range 12 {
						r.publish(fmt.Sprintf(`{"type":"a","key":"k%d","data":%d}`, i%2, i))
					}
					time.Sleep(after)
					if err := r.hooks.Delete(context.Background(), access.System(event.DefaultTenant), w.ID); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Minute)
					list, err := r.store.OwedSummaries(context.Background())
					if err != nil || len(list) != 0 {
						t.Errorf("got %+v owed (%v), want nothing", list, err)
					}
					r.end()
				})
			})
		}
	}
}

// fullStore is a store whose results cannot be written while it is full.
type fullStore struct {
	rigStore
	full *atomic.Bool
}

func (s *fullStore) Record(ctx context.Context, r *delivery.Record) error {
	if s.full.Load() {
		return fmt.Errorf("no space left: %w", problem.ErrUnavailable)
	}
	return s.rigStore.Record(ctx, r)
}

// TestPauseWhileFull checks that deliveries pause while their results cannot be written down: what was sent would be
// sent again after a crash. They go on by themselves.
func TestPauseWhileFull(t *testing.T) {
	tests := []struct {
		name   string
		change func(*webhook.Settings)
		events int
	}{
		{"plain", func(s *webhook.Settings) { s.MaxConcurrency = 4 }, 400},
		{"fifo", func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO }, 120},
		{"batch", func(s *webhook.Settings) {
			s.Batch = &webhook.Batch{MaxEvents: 2, MaxWait: time.Second, MaxBytes: 1 << 20}
			s.MaxConcurrency = 4
		}, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				full := new(atomic.Bool)
				open := r.open
				r.open = func(ctx context.Context, log *slog.Logger) (rigStore, error) {
					s, err := open(ctx, log)
					return &fullStore{s, full}, err
				}
				r.start()
				ep := r.net.endpoint(func(int, http.ResponseWriter, *http.Request) { time.Sleep(50 * time.Millisecond) })
				w := r.webhook(ep, tt.change)
				for i := range tt.events {
					r.publish(fmt.Sprintf(`{"type":"a","key":"k%d","data":%d}`, i%4, i))
				}
				time.Sleep(200 * time.Millisecond)
				full.Store(true)
				time.Sleep(100 * time.Millisecond)
				before := ep.count()
				time.Sleep(10 * time.Minute)
				if n := ep.count() - before; n > 8 {
					t.Errorf("got %d requests while nothing could be recorded, want those under way at most", n)
				}
				full.Store(false)
				time.Sleep(time.Minute)
				delivered := 0
				for _, a := range r.attempts(w) {
					if a.Outcome == delivery.Delivered {
						delivered += max(1, batchOf(a))
					}
				}
				if delivered != tt.events {
					t.Errorf("got %d delivered once there was room, want %d", delivered, tt.events)
				}
				r.end()
			})
		})
	}
}

func batchOf(a *delivery.Attempt) int {
	if a.Batch == nil {
		return 0
	}
	return a.Batch.Count
}
