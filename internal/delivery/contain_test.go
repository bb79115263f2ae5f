package delivery_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/destination"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/transform"
	"github.com/relay-events/relay/internal/webhook"
)

// brokenPool is a sandbox whose own code panics at the first run for each event.
type brokenPool struct {
	fullPool
	mu  sync.Mutex
	met map[string]bool
}

func (p *brokenPool) Run(_ context.Context, _ *transform.Script, in transform.Input) (transform.Output, error) {
	p.mu.Lock()
	again := p.met[in.ID]
	p.met[in.ID] = true
	p.mu.Unlock()
	if !again {
		panic("a mistake of ours")
	}
	return transform.Output{NoBody: true}, nil
}

// brokenRig returns a started rig whose transforms panic.
func brokenRig(t *testing.T) *rig {
	r := newRig(t)
	r.transforms = &brokenPool{met: make(map[string]bool)}
	r.start()
	return r
}

// TestPanicsAreContained has code panic that makes or sends messages: the attempt fails and is
// retried, its delivery is made in the end, others are not affected, and the log says that it was
// Relay's own mistake.
func TestPanicsAreContained(t *testing.T) {
	const events = 50
	retry := func(s *webhook.Settings) {
		s.Retry = webhook.Retry{Attempts: 5, Waits: []time.Duration{time.Second}}
	}
	check := func(t *testing.T, r *rig, w *webhook.Webhook, published []event.Event) {
		t.Helper()
		for _, ev := range published {
			if d := r.delivery(ev, w); d.State != ledger.StateDelivered {
				t.Errorf("event %s is %s (%s), want it delivered", ev.PublicID(), d.State, d.Reason)
			}
		}
		failed := slices.DeleteFunc(r.attempts(w), func(a *delivery.Attempt) bool { return a.Outcome == delivery.Delivered })
		for _, a := range failed {
			if a.Outcome != delivery.Retrying || a.ErrorKind != exchange.Invalid || !strings.Contains(a.Error, "internal error of Relay") {
				t.Errorf("got %v %s %q of an attempt that panicked, want that it is retried, and whose fault it was", a.Outcome, a.ErrorKind, a.Error)
			}
		}
		least := events
		if w.Batch != nil {
			least = (events + w.Batch.MaxEvents - 1) / w.Batch.MaxEvents // the log has an entry for each batch
		}
		if len(failed) < least {
			t.Errorf("%d attempts failed, want the first of each message: %d", len(failed), least)
		}
	}
	publish := func(r *rig) (list []event.Event) {
		for i := range events {
			list = append(list, r.publish(fmt.Sprintf(`{"type":"a","data":%d}`, i))...)
		}
		return list
	}
	for name, change := range map[string]func(*webhook.Settings){
		"sender":          retry,
		"sender in order": func(s *webhook.Settings) { retry(s); s.Ordering = webhook.OrderingFIFO },
		"sender of batches": func(s *webhook.Settings) {
			retry(s)
			s.Batch = &webhook.Batch{MaxEvents: 7, MaxWait: time.Second, MaxBytes: 1 << 20}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, b := boardRig(t)
				defer r.end()
				b.setAnswer(func(_ int, m *destination.Message) destination.Result {
					if m.Number == 1 {
						panic("a mistake of ours")
					}
					return destination.Result{}
				})
				w, other := r.toBoard("b", change), r.webhook(r.net.endpoint(nil))
				list := publish(r)
				time.Sleep(10 * time.Minute)
				check(t, r, w, list)
				if n := len(r.attempts(other)); n != events {
					t.Errorf("another webhook has %d attempts, want one for each of %d events", n, events)
				}
			})
		})
	}
	t.Run("transform", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := brokenRig(t)
			defer r.end()
			w := r.webhook(r.net.endpoint(nil), retry, func(s *webhook.Settings) { s.Transform = "function transform(e) {}" })
			list := publish(r)
			time.Sleep(10 * time.Minute)
			check(t, r, w, list)
		})
	})
}
