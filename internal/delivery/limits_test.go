package delivery_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/transform"
	"github.com/relay-events/relay/internal/webhook"
)

// TestMaxConcurrency: never more requests at a time than the webhook allows, and as many where there are enough to do.
func TestMaxConcurrency(t *testing.T) {
	for name, change := range map[string]func(*webhook.Settings){
		"single": func(*webhook.Settings) {},
		"fifo":   func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO },
		"batch":  inBatches(5, time.Second, 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start()
				const limit = 7
				var mu sync.Mutex
				under, most := 0, 0
				ep := r.net.endpoint(func(n int, w http.ResponseWriter, _ *http.Request) {
					mu.Lock()
					under++
					most = max(most, under)
					mu.Unlock()
					time.Sleep(time.Duration(50+n%5*10) * time.Millisecond)
					mu.Lock()
					under--
					mu.Unlock()
					if n%50 == 0 {
						w.WriteHeader(http.StatusInternalServerError)
					}
				})
				r.webhook(ep, change, func(s *webhook.Settings) { s.MaxConcurrency = limit })
				const n = 600
				for i := 0; i < n; i += 300 {
					var raw []string
					for k := range 300 {
						raw = append(raw, fmt.Sprintf(`{"type":"a","key":"k%d","data":%d}`, k%100, i+k))
					}
					r.publish(raw...)
				}
				time.Sleep(30 * time.Minute)
				mu.Lock()
				if most != limit {
					t.Errorf("got %d requests at a time, want %d", most, limit)
				}
				mu.Unlock()
				if left := mustSummaries(t, r); len(left) != 0 {
					t.Errorf("got %+v still owed, want all %d delivered", left, n)
				}
				r.end()
			})
		})
	}
}

// sieve lets one event in a hundred through; half of the others it drops, and half fail.
type sieve struct{ fullPool }

func (*sieve) Run(_ context.Context, _ *transform.Script, e transform.Input) (transform.Output, error) {
	switch {
	case bytes.HasSuffix(e.Data, []byte("00}")):
		return transform.Output{NoBody: true}, nil
	case len(e.Data)%2 == 0:
		return transform.Output{Drop: true}, nil
	}
	return transform.Output{}, &transform.RunError{Kind: transform.Exception, Message: "no"}
}

// TestOnlyRequestsCountForTheRate: events that a transform drops, or fails for, use up none of a webhook's rate limit.
func TestOnlyRequestsCountForTheRate(t *testing.T) {
	for name, change := range map[string]func(*webhook.Settings){
		"single": func(*webhook.Settings) {},
		"fifo":   func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO },
		"batch":  inBatches(1, 0, 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.transforms = &sieve{}
				r.start()
				ep := r.net.endpoint(nil)
				w := r.webhook(ep, change, func(s *webhook.Settings) {
					s.Transform = `function transform(e) {}`
					s.RateLimit = &webhook.RateLimit{PerSecond: 1, Burst: 1}
					s.Retry = webhook.Retry{Attempts: 1}
				})
				begin := time.Now()
				const n = 1000
				r.publishMany("a", n) // {"n":0} to {"n":999}
				time.Sleep(30 * time.Second)
				got := ep.requests()
				if len(got) != n/100-1 { // 100, 200 … 900
					t.Fatalf("got %d requests within 30 s, want %d", len(got), n/100-1)
				}
				if took := got[len(got)-1].at.Sub(begin); took < 7*time.Second || took > 12*time.Second {
					t.Errorf("%d requests at 1 a second took %v, want about 8 s", len(got), took)
				}
				log, failed := r.attempts(w), 0
				for _, a := range log {
					if a.ErrorKind == "transform" {
						failed++
					}
				}
				if failed < n/3 {
					t.Errorf("got %d failures of the transform in %d lines of the log, want about half of %d", failed, len(log), n)
				}
				r.end()
			})
		})
	}
}

// TestJobIsCanceled cancels a replay in the middle: the deliveries it has made are delivered, and no more, also after a restart.
func TestJobIsCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx := context.Background()
		begin := time.Now()
		const n = 10_000
		r.publishMany("a", n)
		time.Sleep(time.Second) // jobs begin when recovery has ended, which takes a moment of the clock
		for try := 1; ; try++ {
			ep := r.net.endpoint(nil)
			w := r.webhook(ep, func(s *webhook.Settings) { s.Events = []string{"a"} })
			j, err := r.engine.StartJob(ctx, access.System(w.Tenant), w, delivery.JobReplay, begin)
			if err != nil {
				t.Fatal(err)
			}
			for j.Scanned == 0 && err == nil { // no clock moves meanwhile
				j, err = r.engine.Job(ctx, w.Tenant, j.ID)
			}
			if err != nil {
				t.Fatal(err)
			}
			j, err = r.engine.CancelJob(ctx, access.System(w.Tenant), j.ID)
			if problem.KindOf(err) == problem.Conflict && try < 10 {
				continue // it was done before
			}
			if err != nil || j.State != delivery.JobCanceled || j.FinishedAt.IsZero() || j.Scanned >= n {
				t.Fatalf("got %+v, %v; want it canceled in the middle", j, err)
			}
			time.Sleep(time.Minute)
			r.restart()
			time.Sleep(time.Hour)
			later, err := r.engine.Job(ctx, w.Tenant, j.ID)
			if err != nil || later.State != delivery.JobCanceled || later.Scanned != j.Scanned || later.Owed != j.Owed {
				t.Errorf("an hour later: got %+v, %v; want it as it was, %+v", later, err, j)
			}
			// A step that was under way may have asked for another page.
			if got := int64(ep.count()); got < j.Owed || got > j.Owed+500 {
				t.Errorf("got %d requests, want those of the %d deliveries asked for", got, j.Owed)
			}
			if _, err := r.engine.CancelJob(ctx, access.System(w.Tenant), j.ID); problem.KindOf(err) != problem.Conflict {
				t.Errorf("canceled twice: got %v, want a conflict", err)
			}
			break
		}
		r.end()
	})
}

// patient is a sandbox in which every run takes a while.
type patient struct {
	fullPool
	takes time.Duration
}

func (p *patient) Run(context.Context, *transform.Script, transform.Input) (transform.Output, error) {
	time.Sleep(p.takes)
	return transform.Output{NoBody: true}, nil
}

// TestStoppedWhileWaiting: what waits for its transform, or for a token, when its webhook is paused or deleted or a maintenance window
// begins, is not sent then, and what is held is delivered afterwards by its first attempt.
func TestStoppedWhileWaiting(t *testing.T) {
	const wait = 8 * time.Second
	slowTokens := func(n int, w http.ResponseWriter, _ *http.Request) {
		time.Sleep(wait)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"t","expires_in":3600}`)
	}
	for name, change := range map[string]func(*webhook.Settings){
		"transform":       func(s *webhook.Settings) { s.Transform = `function transform(e) {}` },
		"transform, fifo": func(s *webhook.Settings) { s.Transform, s.Ordering = `function transform(e) {}`, webhook.OrderingFIFO },
		"transform, batch": func(s *webhook.Settings) {
			s.Transform = `function transform(e) {}`
			inBatches(2, 100*time.Millisecond, 1<<20)(s)
		},
		"token": func(*webhook.Settings) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.transforms = &patient{takes: wait}
				r.start()
				ctx := context.Background()
				tokens := r.net.endpoint(slowTokens)
				begin := time.Now()
				from, to := begin.Add(5*time.Second), begin.Add(time.Minute)
				var eps [3]*endpoint
				var hooks [3]*webhook.Webhook
				for i := range eps {
					eps[i] = r.net.endpoint(nil)
					hooks[i] = r.webhook(eps[i], change, func(s *webhook.Settings) {
						s.Timeout = time.Minute
						if s.Transform == "" {
							withOAuth(tokens)(s)
						}
						if i == 0 {
							s.Maintenance = []webhook.Window{{From: from, To: to}}
						}
					})
				}
				const window, paused, deleted = 0, 1, 2
				events := r.publish(`{"type":"a","key":"k","data":1}`, `{"type":"a","key":"k","data":2}`)
				time.Sleep(time.Until(from))
				if _, err := r.hooks.Pause(ctx, access.System(hooks[paused].Tenant), hooks[paused].ID); err != nil {
					t.Fatal(err)
				}
				if err := r.hooks.Delete(ctx, access.System(hooks[deleted].Tenant), hooks[deleted].ID); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Until(to) - time.Second)
				for i, ep := range eps {
					if n := ep.count(); n != 0 {
						t.Errorf("webhook %d: got %d requests after it was stopped, want none", i, n)
					}
				}
				if _, err := r.hooks.Resume(ctx, access.System(hooks[paused].Tenant), hooks[paused].ID); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Minute)
				for _, i := range []int{window, paused} {
					for _, ev := range events {
						if d := r.delivery(ev, hooks[i]); d.State != ledger.StateDelivered || d.Attempts != 1 {
							t.Errorf("webhook %d: got %s after %d attempts, want delivered by the first", i, d.State, d.Attempts)
						}
					}
				}
				if n := eps[deleted].count(); n != 0 {
					t.Errorf("the deleted webhook got %d requests, want none", n)
				}
				r.end()
			})
		})
	}
}
