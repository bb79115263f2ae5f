package delivery_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// TestOverdue checks what the recommended alarm is raised by: deliveries that wait past their time, on disk or in
// memory, and not those that a person holds back, nor attempts under way.
func TestOverdue(t *testing.T) {
	slow := func(int, http.ResponseWriter, *http.Request) { time.Sleep(9 * time.Second) }
	window := func(s *webhook.Settings) {
		s.Maintenance = []webhook.Window{{From: time.Now(), To: time.Now().Add(time.Hour)}}
	}
	one := func(s *webhook.Settings) { s.MaxConcurrency = 1 }
	fifo := func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO }
	tests := []struct {
		name   string
		answer func(int, http.ResponseWriter, *http.Request)
		change []func(*webhook.Settings)
		events int
		then   func(r *rig, w *webhook.Webhook) error
		late   bool
	}{
		{"nothing waits", nil, nil, 5, nil, false},
		{"under way", slow, nil, 1, nil, false},
		{"in memory", slow, []func(*webhook.Settings){one}, 20, nil, true},
		{"in the store", slow, []func(*webhook.Settings){fifo}, 60, nil, true},
		{"waits for its retry", status(500), nil, 5, nil, false},
		{"paused", slow, []func(*webhook.Settings){one}, 20, func(r *rig, w *webhook.Webhook) error {
			_, err := r.hooks.Pause(context.Background(), access.System(event.DefaultTenant), w.ID)
			return err
		}, false},
		{"maintenance", nil, []func(*webhook.Settings){window}, 5, nil, false},
		{"deleted", slow, []func(*webhook.Settings){one}, 20, func(r *rig, w *webhook.Webhook) error {
			return r.hooks.Delete(context.Background(), access.System(event.DefaultTenant), w.ID)
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start()
				w := r.webhook(r.net.endpoint(tt.answer), tt.change...)
				r.publishMany("a", tt.events)
				time.Sleep(time.Second)
				if tt.then != nil {
					if err := tt.then(r, w); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(15500 * time.Millisecond)
				got, err := r.engine.Overdue(context.Background())
				if err != nil || tt.late && (got < 15*time.Second || got > 17*time.Second) || !tt.late && got != 0 {
					t.Errorf("got %v (%v), want about 16 s: %t", got, err, tt.late)
				}
				r.end()
				time.Sleep(10 * time.Second) // endpoints end
			})
		})
	}
}
