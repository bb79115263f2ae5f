package delivery_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/webhook"
)

// within reports whether got is want ± 10 % jitter and a second.
func within(got, want time.Duration) bool {
	return (got - want).Abs() <= want/10+time.Second
}

func TestScheduleOfPresetRelay(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		name := "running"
		if restarts {
			name = "restarted between attempts"
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start()
				ep := r.net.endpoint(status(500))
				w := r.webhook(ep)
				begin := time.Now()
				ev := r.publish(`{"type":"call.completed","data":{}}`)[0]
				for range 30 {
					time.Sleep(10 * time.Minute)
					if restarts {
						r.restart()
					}
				}
				got := ep.requests()
				if len(got) != 5 {
					t.Fatalf("%d attempts, want 5", len(got))
				}
				last := begin
				for i, want := range []time.Duration{0, 30 * time.Second, 148 * time.Second, 730 * time.Second, time.Hour} {
					wait := got[i].at.Sub(last)
					slack := time.Duration(0)
					if restarts {
						slack = 2 * time.Second // a restart takes its time, too
					}
					if !within(wait, want) && wait > want+want/10+slack {
						t.Errorf("attempt %d came %v after the one before, want %v ± 10 %%", i+1, wait, want)
					}
					if n := got[i].header.Get("X-Relay-Attempt"); n != string(rune('1'+i)) {
						t.Errorf("attempt %d carries number %q", i+1, n)
					}
					last = got[i].at
				}
				if ids := ep.ids(t); len(ids) != 1 {
					t.Errorf("the attempts carry %d different webhookIds, want one", len(ids))
				}
				d := r.delivery(ev, w)
				if d.State != ledger.StateFailed || d.Attempts != 5 || !strings.Contains(d.Reason, "500") {
					t.Errorf("got %+v, want failed after 5 attempts with the reason", d)
				}
				log := r.attempts(w)
				if len(log) != 5 {
					t.Fatalf("%d attempts in the log, want 5", len(log))
				}
				for i, a := range log {
					want := delivery.Retrying
					if i == 4 {
						want = delivery.Failed
					}
					if a.Outcome != want || a.Number != i+1 || (i < 4) == a.NextAt.IsZero() {
						t.Errorf("entry %d: outcome %v, number %d, next %v", i, a.Outcome, a.Number, a.NextAt)
					}
				}
				r.end()
			})
		})
	}
}

func TestNothingLaterThanMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(status(503))
		w := r.webhook(ep, func(s *webhook.Settings) {
			s.Retry = webhook.Retry{Attempts: 50, Waits: []time.Duration{50 * time.Minute}, MaxAge: 24 * time.Hour}
		})
		begin := time.Now()
		ev := r.publish(`{"type":"a","data":1}`)[0]
		time.Sleep(40 * time.Hour)
		got := ep.requests()
		if n := len(got); n < 26 || n > 33 {
			t.Errorf("%d attempts in 24 h at 50 min ± 10 %%, want about 29", n)
		}
		if last := got[len(got)-1].at.Sub(begin); last > 24*time.Hour {
			t.Errorf("the last attempt came after %v, want none later than 24 h", last)
		}
		if d := r.delivery(ev, w); d.State != ledger.StateFailed || !strings.Contains(d.Reason, "not tried again") {
			t.Errorf("got %+v, want failed, with the reason", d)
		}
		r.end()
	})
}

func TestHangingEndpointTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(hang)
		w := r.webhook(ep)
		r.publish(`{"type":"a","data":1}`)
		time.Sleep(20 * time.Second)
		log := r.attempts(w)
		if len(log) != 1 || log[0].ErrorKind != "timeout" || !strings.Contains(log[0].Error, "10s") {
			t.Fatalf("got %d attempts, the first %+v; want one that timed out after 10 s", len(log), log)
		}
		if total := log[0].Timing.Total; total < 10*time.Second || total > 10*time.Second+500*time.Millisecond {
			t.Errorf("the attempt took %v, want 10 s", total)
		}
		r.end()
	})
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				w.Header().Set("Retry-After", "600")
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		r.webhook(ep)
		r.publish(`{"type":"a","data":1}`)
		time.Sleep(time.Hour)
		got := ep.requests()
		if len(got) != 2 || got[1].at.Sub(got[0].at) < 10*time.Minute || got[1].at.Sub(got[0].at) > 11*time.Minute {
			t.Errorf("got %d attempts, want a second one 10 minutes after the first", len(got))
		}
		r.end()
	})
}

func TestDeliverAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(nil)
		w := r.webhook(ep)
		at := time.Now().Add(3 * time.Hour)
		ev := r.publish(`{"type":"a","data":1,"deliverAt":"` + at.UTC().Format(time.RFC3339) + `"}`)[0]
		time.Sleep(2 * time.Hour)
		if d := r.delivery(ev, w); d.State != ledger.StateWaiting || !d.NextAt.Equal(ev.DeliverAt) {
			t.Errorf("before its time: %+v, want waiting until %v", d, ev.DeliverAt)
		}
		r.restart()
		time.Sleep(2 * time.Hour)
		got := ep.requests()
		if len(got) != 1 || got[0].at.Before(ev.DeliverAt) || got[0].at.Sub(ev.DeliverAt) > time.Second {
			t.Errorf("got %d requests (%v), want one at %v", len(got), got, ev.DeliverAt)
		}
		r.end()
	})
}

func TestDisabledAfterFiveDaysOfFailures(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		name := "running"
		if restarts {
			name = "restarted daily"
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start()
				ctx := context.Background()
				ops := r.net.endpoint(nil)
				r.webhook(ops, func(s *webhook.Settings) { s.Events = []string{"webhook.*"} })
				ep := r.net.endpoint(status(500))
				w := r.webhook(ep)
				begin := time.Now()
				var disabledAt time.Time
				for minute := 0; minute < 6*24*60 && disabledAt.IsZero(); minute++ {
					if minute%10 == 0 {
						r.publish(`{"type":"a","data":1}`)
					}
					if restarts && minute%(24*60) == 777 {
						r.restart()
					}
					time.Sleep(time.Minute)
					cur, err := r.hooks.Get(event.DefaultTenant, w.ID)
					if err != nil {
						t.Fatal(err)
					}
					if cur.Status == webhook.Disabled {
						disabledAt = cur.Health.DisabledAt
						if !strings.Contains(cur.Health.DisabledReason, "5 days") || cur.Health.Failures == 0 {
							t.Errorf("health %+v: want the rule and the counter named", cur.Health)
						}
					}
				}
				if took := disabledAt.Sub(begin); took < 5*24*time.Hour || took > 5*24*time.Hour+11*time.Minute {
					t.Fatalf("disabled after %v, want 5 days (and no more than the next attempt)", took)
				}
				time.Sleep(time.Minute)
				var types []string
				for _, q := range ops.requests() {
					types = append(types, q.envelope(t).Event)
				}
				if strings.Join(types, " ") != "webhook.failing webhook.disabled" {
					t.Errorf("operational events %v, want webhook.failing, then webhook.disabled", types)
				}

				before := ep.count()
				skipped := r.publish(`{"type":"a","data":"while disabled"}`)[0]
				time.Sleep(time.Hour)
				if n := ep.count(); n != before {
					t.Errorf("%d requests to a disabled webhook", n-before)
				}
				w, err := r.hooks.Get(event.DefaultTenant, w.ID)
				if err != nil {
					t.Fatal(err)
				}
				x, err := r.ledger.Explain(ctx, &skipped, w)
				if err != nil || len(x) != 1 || x[0].Verdict != ledger.VerdictDisabled {
					t.Errorf("explain: %+v, %v; want disabled", x, err)
				}

				ep.setAnswer(nil)
				w, err = r.hooks.Resume(ctx, access.System(event.DefaultTenant), w.ID)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := r.engine.StartJob(ctx, access.System(w.Tenant), w, delivery.JobReplay, skipped.ID.Time()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(10 * time.Minute)
				if d := r.delivery(skipped, w); d.State != ledger.StateDelivered {
					t.Errorf("after resume and replay: %+v, want delivered", d)
				}
				r.end()
			})
		})
	}
}

func TestOneSuccessStartsTheRuleAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		var good atomic.Bool
		ep := r.net.endpoint(func(_ int, w http.ResponseWriter, _ *http.Request) {
			if !good.Load() {
				w.WriteHeader(500)
			}
		})
		w := r.webhook(ep)
		for hour := range 9 * 24 {
			good.Store(hour == 4*24+12)
			r.publish(`{"type":"a","data":1}`)
			time.Sleep(time.Hour)
		}
		cur, err := r.hooks.Get(event.DefaultTenant, w.ID)
		if err != nil || cur.Status != webhook.Active {
			t.Errorf("status %v, %v; want active: 4.5 days, a success, 4.5 days", cur.Status, err)
		}
		good.Store(false)
		for range 24 {
			r.publish(`{"type":"a","data":1}`)
			time.Sleep(time.Hour)
		}
		if cur, _ := r.hooks.Get(event.DefaultTenant, w.ID); cur.Status != webhook.Disabled {
			t.Errorf("status %v after 5 days more, want disabled", cur.Status)
		}
		r.end()
	})
}

// An endpoint that answers with nothing but a status of AbsentOn is absent from the fifth answer on; after a day the webhook
// is disabled.
func TestAbsentEndpointStopsAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		absent := r.webhook(r.net.endpoint(status(http.StatusNotFound)), func(s *webhook.Settings) { s.AbsentOn = []int{404} })
		broken := r.webhook(r.net.endpoint(status(http.StatusInternalServerError)), func(s *webhook.Settings) { s.AbsentOn = []int{404} })
		get := func(w *webhook.Webhook) *webhook.Webhook {
			t.Helper()
			cur, err := r.hooks.Get(event.DefaultTenant, w.ID)
			if err != nil {
				t.Fatal(err)
			}
			return cur
		}
		r.publish(`{"type":"a","data":1}`)
		time.Sleep(10 * time.Minute)
		if cur := get(absent); cur.Health.Absences != 3 || cur.Health.Absent() {
			t.Errorf("after three answers: got %+v, want three that are not enough", cur.Health)
		}
		time.Sleep(3 * time.Hour)
		if cur := get(absent); !cur.Health.Absent() || cur.Status != webhook.Active {
			t.Errorf("after five answers: got %s, %+v, want it absent and active", cur.Status, cur.Health)
		}
		time.Sleep(22 * time.Hour)
		r.publish(`{"type":"a","data":2}`)
		time.Sleep(time.Minute)
		if cur := get(absent); cur.Status != webhook.Disabled || !strings.Contains(cur.Health.DisabledReason, "404") {
			t.Errorf("after a day: got %s, %+v, want it disabled because of 404", cur.Status, cur.Health)
		}
		if cur := get(broken); cur.Status != webhook.Active || cur.Health.Absences != 0 {
			t.Errorf("one that answers otherwise: got %s, %+v, want it active", cur.Status, cur.Health)
		}
		r.end()
	})
}

func TestDisableOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(status(http.StatusGone))
		w := r.webhook(ep, func(s *webhook.Settings) { s.DisableOn = []int{410} })
		r.publish(`{"type":"a","data":1}`)
		time.Sleep(time.Minute)
		cur, err := r.hooks.Get(event.DefaultTenant, w.ID)
		if err != nil || cur.Status != webhook.Disabled || !strings.Contains(cur.Health.DisabledReason, "410") {
			t.Errorf("got %+v, %v; want disabled because of 410", cur.Health, err)
		}
		if n := ep.count(); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
		r.end()
	})
}
