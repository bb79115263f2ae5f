package delivery_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/webhook"
)

// explain returns what Explain says of an event at a webhook.
func (r *rig) explain(ev event.Event, w *webhook.Webhook) ledger.Explanation {
	r.t.Helper()
	list, err := r.ledger.Explain(context.Background(), &ev, w)
	if err != nil || len(list) != 1 {
		r.t.Fatalf("explaining %s: got %+v, %v", ev.PublicID(), list, err)
	}
	return list[0]
}

func TestExplainSaysWhyItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx := context.Background()
		start := time.Now()
		for _, tt := range []struct {
			name     string
			answer   func(n int, w http.ResponseWriter, r *http.Request)
			settings func(s *webhook.Settings)
			event    string
			again    bool // asked for once more by hand
			verdict  ledger.Verdict
			want     string // matches the detail
		}{
			{"500", status(500), nil, `{"type":"a","data":1}`, false, ledger.VerdictWaiting,
				`^attempt 1 of 5: the endpoint answered 500 Internal Server Error; next at 2000-01-01T00:0\d:\d\d\.\d{3}Z$`},
			{"404, by hand", status(404), nil, `{"type":"a","data":1}`, true, ledger.VerdictWaiting,
				`^attempt 2, number 1 of 5 since it was asked for by hand: the endpoint answered 404 Not Found; next at 2000-`},
			{"of 3", status(429), func(s *webhook.Settings) {
				s.Retry = webhook.Retry{Attempts: 3, Waits: []time.Duration{time.Second, 30 * time.Minute}}
			}, `{"type":"a","data":1}`, false, ledger.VerdictWaiting, `^attempt 2 of 3: the endpoint answered 429 Too Many Requests; next at 2000-01-01T00:`},
			{"timeout", func(_ int, w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, func(s *webhook.Settings) { s.Timeout = 2 * time.Second },
				`{"type":"a","data":1}`, false, ledger.VerdictWaiting, `^attempt 1 of 5: .*2s.*; next at`},
			{"later", nil, nil, `{"type":"a","data":1,"deliverAt":"2000-01-01T05:00:00Z"}`, false, ledger.VerdictWaiting,
				`^not due yet, until 2000-01-01T05:00:00.000Z$`},
			{"maintenance", nil, func(s *webhook.Settings) {
				s.Maintenance = []webhook.Window{{From: start.Add(-time.Hour), To: start.Add(3 * time.Hour)}}
			}, `{"type":"a","data":1}`, false, ledger.VerdictMaintenance, `^the webhook is in maintenance until 2000-01-01T03:00:00.000Z$`},
		} {
			func() { // no t.Run in a bubble
				w := r.webhook(r.net.endpoint(tt.answer), func(s *webhook.Settings) {
					if tt.settings != nil {
						tt.settings(s)
					}
				})
				ev := r.publish(tt.event)[0]
				time.Sleep(20 * time.Second)
				if tt.again {
					if err := r.ledger.Retry(ctx, access.System(w.Tenant), event.DeliveryID{Event: ev.ID, Webhook: w.Number}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(5 * time.Second)
				}
				x := r.explain(ev, w)
				if x.Verdict != tt.verdict || !regexp.MustCompile(tt.want).MatchString(x.Detail) {
					t.Errorf("%s: got %s, %q; want %s, %s", tt.name, x.Verdict, x.Detail, tt.verdict, tt.want)
				}
				reason := r.delivery(ev, w).Reason
				page, err := r.ledger.Deliveries(ctx, ledger.DeliveryQuery{Tenant: w.Tenant, Webhook: w.Number, Limit: 10})
				if err != nil || len(page.Deliveries) != 1 || page.Deliveries[0].Reason != reason || !strings.HasPrefix(x.Detail, reason) {
					t.Errorf("%s: listed as %+v, %v; the delivery says %q, explain %q: want the same", tt.name, page.Deliveries, err, reason, x.Detail)
				}
				if err := r.hooks.Delete(ctx, access.System(w.Tenant), w.ID); err != nil {
					t.Fatal(err)
				}
			}()
		}
		// A paused and a disabled webhook hold their deliveries.
		w := r.webhook(r.net.endpoint(status(500)))
		ev := r.publish(`{"type":"a","data":1}`)[0]
		time.Sleep(time.Second)
		if _, err := r.hooks.Pause(ctx, access.System(w.Tenant), w.ID); err != nil {
			t.Fatal(err)
		}
		if x := r.explain(ev, w); x.Verdict != ledger.VerdictPaused {
			w, _ = r.hooks.Get(w.Tenant, w.ID)
			if x = r.explain(ev, w); x.Verdict != ledger.VerdictPaused || x.Detail != "the webhook is paused" {
				t.Errorf("paused: got %+v", x)
			}
		}
		r.end()
	})
}

func TestExplainRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(nil)
		w := r.webhook(ep, func(s *webhook.Settings) { s.RateLimit = &webhook.RateLimit{PerSecond: 0.05, Burst: 1} })
		var events []event.Event
		for i := range 5 {
			events = append(events, r.publish(fmt.Sprintf(`{"type":"a","data":%d}`, i))...)
		}
		check := func(when string) {
			t.Helper()
			sent := ep.count()
			for i, ev := range events {
				x := r.explain(ev, w)
				switch {
				case i < sent && x.Verdict != ledger.VerdictDelivered:
					t.Errorf("%s, event %d of %d sent: got %s %q, want it delivered", when, i, sent, x.Verdict, x.Detail)
				case i >= sent && (x.Verdict != ledger.VerdictLimit || !regexp.MustCompile(`^it waits for the rate limit of 0.05/s, with (about|at most) \d ahead of it$`).MatchString(x.Detail)):
					t.Errorf("%s, event %d, %d sent: got %s %q, want the rate limit", when, i, sent, x.Verdict, x.Detail)
				}
				// So says the delivery, also among those of its event.
				of, err := r.ledger.DeliveriesOfEvent(t.Context(), &ev)
				if err != nil || len(of) != 1 {
					t.Fatalf("%s: got %+v, %v", when, of, err)
				}
				const reason = "it waits for the rate limit of 0.05/s"
				if one := r.delivery(ev, w).Reason; i >= sent && (one != reason || of[0].Reason != reason) || i < sent && (one == reason || of[0].Reason == reason) {
					t.Errorf("%s, event %d, %d sent: the delivery says %q, of its event %q", when, i, sent, one, of[0].Reason)
				}
			}
			page, err := r.ledger.Deliveries(t.Context(), ledger.DeliveryQuery{Tenant: w.Tenant, State: ledger.StateWaiting, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range page.Deliveries {
				if d.Reason != "it waits for the rate limit of 0.05/s" {
					t.Errorf("%s: %s is listed with %q", when, d.ID, d.Reason)
				}
			}
		}
		time.Sleep(time.Second)
		check("at first") // in memory
		if x := r.explain(events[4], w); !strings.Contains(x.Detail, "about 3 ahead") {
			t.Errorf("the last of five, of which one was sent: got %q, want about 3 ahead", x.Detail)
		}
		time.Sleep(49 * time.Second)
		check("after 50 s")
		r.restart()
		time.Sleep(5 * time.Second)
		check("after a restart")
		time.Sleep(5 * time.Minute)
		if x := r.explain(events[4], w); x.Verdict != ledger.VerdictDelivered {
			t.Errorf("in the end: got %+v", x)
		}
		r.end()
	})
}

// TestRateLimitOfRetries: a delivery whose retry is due, and waits for the rate limit, says both.
func TestRateLimitOfRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		w := r.webhook(r.net.endpoint(status(503)), func(s *webhook.Settings) {
			s.RateLimit = &webhook.RateLimit{PerSecond: 0.01, Burst: 3}
			s.Retry = webhook.Retry{Attempts: 9, Waits: []time.Duration{30 * time.Second}}
		})
		for i := range 3 {
			r.publish(fmt.Sprintf(`{"type":"a","data":%d}`, i))
		}
		time.Sleep(10 * time.Second)
		list := func() []ledger.Delivery {
			page, err := r.ledger.Deliveries(t.Context(), ledger.DeliveryQuery{Tenant: w.Tenant, Limit: 10})
			if err != nil || len(page.Deliveries) != 3 {
				t.Fatalf("got %+v, %v, want 3", page, err)
			}
			return page.Deliveries
		}
		for _, d := range list() {
			if strings.Contains(d.Reason, "rate limit") || !strings.Contains(d.Reason, "503 Service Unavailable; next at") {
				t.Errorf("before the retry is due: got %q", d.Reason)
			}
		}
		time.Sleep(50 * time.Second)
		for _, d := range list() {
			if !strings.HasSuffix(d.Reason, "it waits for the rate limit of 0.01/s") {
				t.Errorf("when it is due: got %q", d.Reason)
			}
		}
		r.end()
	})
}

// TestExplainBeforeRouting: whoever reads an event the moment it is stored, before the engine has taken it over, is told
// that it is on its way; also where the server died in between.
func TestExplainBeforeRouting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		one := r.webhook(r.net.endpoint(nil))
		few := r.webhook(r.net.endpoint(nil), func(s *webhook.Settings) { s.Filter = "event.data > 1" })
		other := r.webhook(r.net.endpoint(nil), func(s *webhook.Settings) { s.Events = []string{"b"} })
		r.publish(`{"type":"a","data":0}`)
		time.Sleep(time.Second)
		var events []event.Event
		for i := range 3 {
			it, err := ingest.ParseObject(event.DefaultTenant, fmt.Appendf(nil, `{"type":"a","data":%d}`, i), ingest.DefaultLimits(), "", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			intakes, err := r.store.Append(t.Context(), []*ingest.Publication{{Tenant: event.DefaultTenant, Items: []ingest.Item{it}}})
			if err != nil || len(intakes) != 1 {
				t.Fatalf("got %+v, %v", intakes, err)
			}
			events = append(events, intakes[0].Events...)
		}
		check := func(when string, is ledger.Verdict) {
			t.Helper()
			for i, ev := range events {
				if x := r.explain(ev, one); x.Verdict != is || is == ledger.VerdictWaiting && x.Detail != "on its way" {
					t.Errorf("%s, event %d: got %s, %q, want %s", when, i, x.Verdict, x.Detail, is)
				}
				if x := r.explain(ev, few); i < 2 && x.Verdict != ledger.VerdictFilter || i == 2 && x.Verdict != is {
					t.Errorf("%s, event %d with a filter: got %s, %q", when, i, x.Verdict, x.Detail)
				}
				if x := r.explain(ev, other); x.Verdict != ledger.VerdictType {
					t.Errorf("%s, event %d of another type: got %s, %q", when, i, x.Verdict, x.Detail)
				}
				if of, err := r.ledger.DeliveriesOfEvent(t.Context(), &ev); err != nil || len(of) != 1+i/2 {
					t.Errorf("%s, event %d: got deliveries %+v, %v", when, i, of, err)
				}
			}
		}
		check("stored", ledger.VerdictWaiting)
		if d := r.delivery(events[0], one); d.State != ledger.StateInFlight {
			t.Errorf("got %+v, want it in flight", d)
		}
		r.restart()
		time.Sleep(time.Minute)
		check("after a restart", ledger.VerdictDelivered)
		r.end()
	})
}

// An answer 401 to a request that is signed and has no credentials is about the
// signature.
func TestRefusedSignature(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, r *rig, w *webhook.Webhook)
		set    func(s *webhook.Settings)
		status int
		want   []string
		not    string
	}{
		{name: "rotated", status: 401, change: func(t *testing.T, r *rig, w *webhook.Webhook) {
			if _, err := r.hooks.RotateSecret(context.Background(), access.System(w.Tenant), w.ID, "", 0); err != nil {
				t.Fatal(err)
			}
		}, want: []string{"the endpoint answered 401 Unauthorized", "no auth", "signature", "the secret was rotated 3m before", "sha256="}},
		{name: "changed", status: 403, set: func(s *webhook.Settings) { s.Signature = webhook.SignStandard }, change: func(t *testing.T, r *rig, w *webhook.Webhook) {
			if _, err := r.hooks.Update(context.Background(), access.System(w.Tenant), w.ID, func(s *webhook.Settings) error { s.Format = "raw"; return nil }); err != nil {
				t.Fatal(err)
			}
		}, want: []string{"403 Forbidden", "the webhook was changed 3m before", "base64"}, not: "sha256="},
		{name: "never changed", status: 401, want: []string{"most likely refuses the signature. Check"}, not: "before the"},
		{name: "credentials", status: 401, set: func(s *webhook.Settings) {
			s.Auth = auth.Settings{Type: auth.APIKey, Header: "X-Key", Token: "0123456789"}
		}, want: []string{"authentication rejected: the endpoint answered 401 Unauthorized"}, not: "signature"},
		{name: "not signed", status: 401, set: func(s *webhook.Settings) { s.Signature = webhook.SignNone }, want: []string{"authentication rejected"}, not: "signature"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start()
				var refuse atomic.Bool
				ep := r.net.endpoint(func(_ int, w http.ResponseWriter, _ *http.Request) {
					if refuse.Load() {
						w.WriteHeader(tt.status)
					}
				})
				w := r.webhook(ep, func(s *webhook.Settings) {
					s.Retry = webhook.Retry{Attempts: 1}
					if tt.set != nil {
						tt.set(s)
					}
				})
				r.publish(`{"type":"a","data":1}`)
				time.Sleep(time.Hour)
				if tt.change != nil {
					tt.change(t, r, w)
				}
				refuse.Store(true)
				time.Sleep(3*time.Minute + 20*time.Second)
				ev := r.publish(`{"type":"a","data":2}`)[0]
				time.Sleep(time.Minute)
				w, err := r.hooks.Get(w.Tenant, w.ID)
				if err != nil {
					t.Fatal(err)
				}
				reason := r.engine.Health(w).RejectedReason
				for _, want := range tt.want {
					if !strings.Contains(reason, want) {
						t.Errorf("got the reason %q, want %q in it", reason, want)
					}
				}
				if tt.not != "" && strings.Contains(reason, tt.not) {
					t.Errorf("got the reason %q, want no %q in it", reason, tt.not)
				}
				if x := r.explain(ev, w); strings.Contains(x.Detail, "refuses the signature") != strings.Contains(reason, "refuses the signature") {
					t.Errorf("explain says %q, the health %q", x.Detail, reason)
				}
				r.end()
			})
		})
	}
}
