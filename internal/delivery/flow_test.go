package delivery_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/testenv"
	"github.com/relay-events/relay/internal/webhook"
)

func TestRequestIsWhatTheDocumentsSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(nil)
		w := r.webhook(ep, func(s *webhook.Settings) {
			s.Signature = webhook.SignBoth
			s.Headers = map[string]string{"X-Customer": "42"}
		})
		// Big integers, trailing zeros, key order, escapes and U+2028 must arrive as published.
		data := "{\"z\":12345678901234567890123,\"a\":1.10,\"s\":\"\\u00e9\\/ \u2028\",\"e\":1E+02 , \"n\":[ ]}"
		ev := r.publish(`{"type":"call.completed","timestamp":"2026-05-05T14:23:00Z","data":` + data + `}`)[0]
		synctest.Wait()
		time.Sleep(time.Second)
		got := ep.requests()
		if len(got) != 1 {
			t.Fatalf("%d requests, want 1", len(got))
		}
		id := event.DeliveryID{Event: ev.ID, Webhook: w.Number}.String()
		want := `{"version":"2026-05-05","event":"call.completed","timestamp":"2026-05-05T14:23:00Z","webhookId":"` + id + `","data":` + data + `}`
		if string(got[0].body) != want {
			t.Errorf("body\n%s, want\n%s", got[0].body, want)
		}
		h := got[0].header
		for name, value := range map[string]string{
			"User-Agent": "Relay/test", "Content-Type": "application/json", "X-Relay-Event": "call.completed",
			"X-Relay-Delivery": id, "X-Relay-Attempt": "1", "X-Customer": "42", "Webhook-Id": id,
		} {
			if h.Get(name) != value {
				t.Errorf("header %s: %q, want %q", name, h.Get(name), value)
			}
		}
		if h.Get("X-Relay-Test") != "" {
			t.Errorf("an ordinary delivery carries X-Relay-Test")
		}
		now := time.Now()
		if err := signing.VerifyRelay(w.Secrets.Current, h.Get("X-Relay-Timestamp"), h.Get("X-Relay-Signature"), got[0].body, now, 5*time.Minute); err != nil {
			t.Errorf("relay signature: %v", err)
		}
		official, err := standardwebhooks.NewWebhook(w.Secrets.Current)
		if err != nil {
			t.Fatal(err)
		}
		if err := official.Verify(got[0].body, h); err != nil {
			t.Errorf("the official Standard Webhooks library: %v", err)
		}

		// The log holds exactly the request that was sent.
		a := r.attempts(w)[0]
		if string(a.Request.Body) != want {
			t.Errorf("log body %s, want %s", a.Request.Body, want)
		}
		logged := http.Header{}
		for _, f := range a.Request.Header {
			logged.Add(f.Name, f.Value)
		}
		for name := range h {
			if logged.Get(name) != h.Get(name) {
				t.Errorf("log header %s: %q, but %q was sent", name, logged.Get(name), h.Get(name))
			}
		}
		r.end()
	})
}

func TestRotationWithOverlapAndAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx := context.Background()
		ep := r.net.endpoint(nil)
		w := r.webhook(ep, func(s *webhook.Settings) { s.Signature = webhook.SignStandard })
		old := w.Secrets.Current
		w, err := r.hooks.RotateSecret(ctx, access.System(w.Tenant), w.ID, "", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		verifies := func(secret string) bool {
			t.Helper()
			r.publish(`{"type":"a","data":1}`)
			time.Sleep(time.Second)
			q := ep.requests()[ep.count()-1]
			return signing.VerifyStandard([]string{secret}, nil, q.header.Get("webhook-id"), q.header.Get("webhook-timestamp"),
				q.header.Get("webhook-signature"), q.body, time.Now(), 5*time.Minute) == nil
		}
		if !verifies(old) || !verifies(w.Secrets.Current) {
			t.Errorf("in the overlap both secrets must verify")
		}
		r.restart()
		if !verifies(old) || !verifies(w.Secrets.Current) {
			t.Errorf("in the overlap, after a restart, both secrets must verify")
		}
		time.Sleep(time.Hour)
		if verifies(old) || !verifies(w.Secrets.Current) {
			t.Errorf("after the overlap only the new secret may verify")
		}
		before := w.Secrets.Current
		if w, err = r.hooks.RotateSecret(ctx, access.System(w.Tenant), w.ID, "", 0); err != nil {
			t.Fatal(err)
		}
		if verifies(before) || !verifies(w.Secrets.Current) {
			t.Errorf("after a rotation at once only the new secret may verify")
		}
		r.end()
	})
}

func TestPauseQueuesNothingAndHoldsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx := context.Background()
		ep := r.net.endpoint(status(500))
		w := r.webhook(ep)
		failed := r.publish(`{"type":"a","data":"before"}`)[0]
		time.Sleep(10 * time.Second)
		if _, err := r.hooks.Pause(ctx, access.System(w.Tenant), w.ID); err != nil {
			t.Fatal(err)
		}
		skipped := r.publish(`{"type":"a","data":"while paused"}`)[0]
		r.restart()
		time.Sleep(2 * time.Hour)
		if n := ep.count(); n != 1 {
			t.Errorf("%d requests, want the one before the pause", n)
		}
		if d := r.delivery(failed, w); d.State != ledger.StateHeld {
			t.Errorf("the retry: %+v, want held", d)
		}
		cur, _ := r.hooks.Get(w.Tenant, w.ID)
		if x, err := r.ledger.Explain(ctx, &skipped, cur); err != nil || x[0].Verdict != ledger.VerdictPaused {
			t.Errorf("explain: %+v, %v; want paused", x, err)
		}
		ep.setAnswer(nil)
		if _, err := r.hooks.Resume(ctx, access.System(w.Tenant), w.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if d := r.delivery(failed, w); d.State != ledger.StateDelivered || d.Attempts != 2 {
			t.Errorf("after resume: %+v, want delivered with attempt 2", d)
		}
		if n := ep.count(); n != 2 {
			t.Errorf("%d requests, want 2: what came while paused is not sent", n)
		}
		if x, err := r.ledger.Explain(ctx, &skipped, nil); err != nil || x[0].Verdict != ledger.VerdictPaused {
			t.Errorf("explain after resume: %+v, %v; want paused", x, err)
		}
		r.end()
	})
}

func TestBacklogOfADeadEndpointDrainsWithARamp(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		t.Run(fmt.Sprintf("restarts=%v", restarts), func(t *testing.T) { backlogDrains(t, restarts) })
	}
}

func backlogDrains(t *testing.T, restarts bool) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.memory = 1 << 20 // so that most of it must wait in the store
		r.start()
		var down atomic.Bool
		down.Store(true)
		ep := r.net.endpoint(func(_ int, w http.ResponseWriter, _ *http.Request) {
			if down.Load() {
				w.WriteHeader(503)
			}
			time.Sleep(time.Millisecond)
		})
		w := r.webhook(ep)
		n := 20_000
		if testenv.Race {
			n = 4_000
		}
		r.publishMany("a", n)
		time.Sleep(10 * time.Minute)
		sent := ep.count()
		if perSecond := float64(sent) / 600; perSecond > 10 {
			t.Errorf("%.1f attempts a second to an endpoint that is down, want at most 10", perSecond)
		}
		if q := r.engine.Snapshot().QueuedBytes; q > 1<<20 {
			t.Errorf("%d bytes in memory, want at most the bound, 1 MiB", q)
		}
		if restarts {
			r.restart()
		}
		down.Store(false)
		back := time.Now()
		time.Sleep(20 * time.Minute)
		first := 0
		ids := make(map[string]int)
		for _, q := range ep.requests()[sent:] {
			if q.at.Sub(back) < time.Second {
				first++
			}
			ids[q.envelope(t).WebhookID]++
		}
		if first > 10 {
			t.Errorf("%d requests in the first second after the outage, want at most 10", first)
		}
		// What was attempted and failed in the outage waits for its own time; all
		// of it must come.
		if len(ids) != n {
			t.Errorf("%d deliveries arrived after the outage, want %d", len(ids), n)
		}
		for id, times := range ids {
			if times != 1 {
				t.Errorf("%s arrived %d times", id, times)
			}
		}
		for _, s := range mustSummaries(t, r) {
			if s.Webhook == w.Number && s.Count > 0 {
				t.Errorf("%d rows are still owed", s.Count)
			}
		}
		r.end()
	})
}

func mustSummaries(t *testing.T, r *rig) []delivery.OwedSummary {
	t.Helper()
	s, err := r.store.OwedSummaries(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestInterruptedAttemptsComeBackUncounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(hang)
		healthy := r.net.endpoint(nil)
		w := r.webhook(ep, func(s *webhook.Settings) { s.Timeout = time.Minute })
		r.webhook(healthy)
		events := r.publish(`{"type":"a","data":1}`, `{"type":"a","data":2}`, `{"type":"a","data":3}`)
		time.Sleep(time.Second)
		r.restart() // the rig interrupts after a second
		time.Sleep(time.Second)
		ep.setAnswer(nil)
		r.restart()
		time.Sleep(10 * time.Second)
		for _, ev := range events {
			if d := r.delivery(ev, w); d.State != ledger.StateDelivered || d.Attempts != 1 {
				t.Errorf("got %+v, want delivered with attempt 1: an interrupted attempt does not count", d)
			}
		}
		for id, n := range healthy.ids(t) {
			if n != 1 {
				t.Errorf("%s went to the healthy endpoint %d times", id, n)
			}
		}
		if n := len(healthy.ids(t)); n != 3 {
			t.Errorf("%d deliveries to the healthy endpoint, want 3", n)
		}
		time.Sleep(time.Second)
		_, shared := r.store.(delivery.SharedStore) // such a one gives an intake once
		if err := r.store.IntakeOpen(context.Background(), func(in delivery.Intake) error {
			return fmt.Errorf("intake %d was open at the last start, as it should", in.ID)
		}); err == nil && !shared {
			t.Errorf("no intake was open at the last start, though its deliveries were not done")
		}
		r.restart()
		if err := r.store.IntakeOpen(context.Background(), func(in delivery.Intake) error {
			return fmt.Errorf("intake %d is open though everything is delivered", in.ID)
		}); err != nil {
			t.Error(err)
		}
		r.end()
	})
}

func TestRetryCancelResend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx := context.Background()
		ep := r.net.endpoint(status(500))
		w := r.webhook(ep, func(s *webhook.Settings) {
			s.Retry = webhook.Retry{Attempts: 2, Waits: []time.Duration{time.Hour}}
		})
		events := r.publish(`{"type":"a","data":1}`, `{"type":"a","data":2}`)
		a, b := events[0], events[1]
		id := func(ev event.Event) event.DeliveryID { return event.DeliveryID{Event: ev.ID, Webhook: w.Number} }
		time.Sleep(time.Minute)

		// Retry one that waits: at once, with a fresh round of two attempts.
		if err := r.ledger.Retry(ctx, access.System(w.Tenant), id(a)); err != nil {
			t.Fatalf("retrying a waiting delivery: %v", err)
		}
		time.Sleep(time.Minute)
		if d := r.delivery(a, w); d.State != ledger.StateWaiting || d.Attempts != 2 {
			t.Errorf("after a retry by hand: %+v, want waiting after attempt 2", d)
		}
		// Cancel the other one.
		if err := r.ledger.Cancel(ctx, access.System(w.Tenant), id(b)); err != nil {
			t.Fatalf("canceling: %v", err)
		}
		if err := r.ledger.Cancel(ctx, access.System(w.Tenant), id(b)); problem.KindOf(err) != problem.Conflict {
			t.Errorf("canceling twice: %v, want a conflict", err)
		}
		time.Sleep(3 * time.Hour)
		if d := r.delivery(a, w); d.State != ledger.StateFailed || d.Attempts != 3 {
			t.Errorf("got %+v, want failed after attempt 3", d)
		}
		if d := r.delivery(b, w); d.State != ledger.StateCanceled || d.Attempts != 1 {
			t.Errorf("got %+v, want canceled after attempt 1", d)
		}
		// Retry one that failed, resend one that was canceled.
		ep.setAnswer(nil)
		if err := r.ledger.Retry(ctx, access.System(w.Tenant), id(a)); err != nil {
			t.Fatalf("retrying a failed delivery: %v", err)
		}
		if ids, err := r.ledger.Resend(ctx, access.System(b.Tenant), &b, nil); err != nil || len(ids) != 1 || ids[0] != id(b) {
			t.Fatalf("resend: %v, %v", ids, err)
		}
		time.Sleep(time.Minute)
		for ev, attempts := range map[*event.Event]int{&a: 4, &b: 2} {
			if d := r.delivery(*ev, w); d.State != ledger.StateDelivered || d.Attempts != attempts {
				t.Errorf("got %+v, want delivered with attempt %d", d, attempts)
			}
		}
		if n := len(ep.ids(t)); n != 2 {
			t.Errorf("%d different webhookIds, want 2: retries keep theirs", n)
		}
		// Strangers' and invented deliveries are not found.
		for _, d := range []event.DeliveryID{{Event: a.ID + 99, Webhook: w.Number}, {Event: a.ID, Webhook: 99}} {
			if err := r.ledger.Retry(ctx, access.System(w.Tenant), d); problem.KindOf(err) != problem.NotFound {
				t.Errorf("retrying %v: %v, want not found", d, err)
			}
		}
		if err := r.ledger.Retry(ctx, access.System(w.Tenant+1), id(a)); problem.KindOf(err) != problem.NotFound {
			t.Errorf("retrying as another tenant: %v, want not found", err)
		}
		if _, err := r.ledger.Delivery(ctx, w.Tenant+1, id(a)); problem.KindOf(err) != problem.NotFound {
			t.Errorf("reading as another tenant: %v, want not found", err)
		}
		r.end()
	})
}

func TestCancelWhileBeingSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx := context.Background()
		ep := r.net.endpoint(func(_ int, w http.ResponseWriter, _ *http.Request) {
			time.Sleep(5 * time.Second)
			w.WriteHeader(500)
		})
		w := r.webhook(ep)
		for _, waits := range []bool{false, true} {
			ev := r.publish(`{"type":"a","data":1}`)[0]
			d := event.DeliveryID{Event: ev.ID, Webhook: w.Number}
			time.Sleep(time.Second)
			if waits { // the second attempt is under way, of a row that is claimed
				time.Sleep(35 * time.Second)
			}
			before := ep.count()
			if err := r.ledger.Cancel(ctx, access.System(w.Tenant), d); err != nil {
				t.Fatalf("canceling what is being sent: %v", err)
			}
			time.Sleep(3 * time.Hour)
			if n := ep.count(); n != before {
				t.Errorf("%d attempts after it was canceled", n-before)
			}
			if cur := r.delivery(ev, w); cur.State != ledger.StateCanceled && cur.State != ledger.StateFailed {
				t.Errorf("got %+v, want it ended", cur)
			}
			if s := mustSummaries(t, r); len(s) != 0 {
				t.Errorf("still owed: %+v", s)
			}
			ep.setAnswer(nil)
			if err := r.ledger.Retry(ctx, access.System(w.Tenant), d); err != nil {
				t.Fatalf("retrying what was canceled: %v", err)
			}
			time.Sleep(time.Minute)
			if cur := r.delivery(ev, w); cur.State != ledger.StateDelivered {
				t.Errorf("after a retry: %+v, want delivered", cur)
			}
			ep.setAnswer(func(_ int, w http.ResponseWriter, _ *http.Request) {
				time.Sleep(5 * time.Second)
				w.WriteHeader(500)
			})
		}
		r.end()
	})
}

func TestRecoverAndReplayGoOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx := context.Background()
		ep := r.net.endpoint(status(500))
		w := r.webhook(ep, func(s *webhook.Settings) { s.Retry = webhook.Retry{Attempts: 1} })
		begin := time.Now()
		const n = 1300
		r.publishMany("a", n)
		time.Sleep(time.Hour)
		if got := ep.count(); got != n {
			t.Fatalf("%d attempts, want %d", got, n)
		}
		ep.setAnswer(nil)
		job, err := r.engine.StartJob(ctx, access.System(w.Tenant), w, delivery.JobRecover, begin)
		if err != nil {
			t.Fatal(err)
		}
		r.restart() // in the middle of it, or before it began
		time.Sleep(time.Hour)
		if job, err = r.engine.Job(ctx, w.Tenant, job.ID); err != nil || job.State != delivery.JobDone || job.Owed < n {
			t.Errorf("recover: %+v, %v; want done, with %d deliveries", job, err, n)
		}
		ids := ep.ids(t)
		for id, times := range ids {
			if times < 2 {
				t.Errorf("%s arrived %d times, want it again after the recovery", id, times)
			}
		}

		late := r.net.endpoint(nil)
		lw := r.webhook(late)
		if job, err = r.engine.StartJob(ctx, access.System(lw.Tenant), lw, delivery.JobReplay, begin); err != nil {
			t.Fatal(err)
		}
		r.restart()
		time.Sleep(time.Hour)
		if got := late.ids(t); len(got) != n {
			t.Errorf("a replay to a new webhook brought %d events, want %d", len(got), n)
		}
		if job, err = r.engine.Job(ctx, lw.Tenant, job.ID); err != nil || job.State != delivery.JobDone {
			t.Errorf("replay: %+v, %v; want done", job, err)
		}
		r.end()
	})
}

func TestDeletedWebhookIsOwedNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(status(500))
		w := r.webhook(ep)
		ev := r.publish(`{"type":"a","data":1}`)[0]
		time.Sleep(time.Second)
		if err := r.hooks.Delete(context.Background(), access.System(w.Tenant), w.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if n := ep.count(); n != 1 {
			t.Errorf("%d requests, want the one before the deletion", n)
		}
		if s := mustSummaries(t, r); len(s) != 0 {
			t.Errorf("still owed: %+v", s)
		}
		list, err := r.ledger.DeliveriesOfEvent(context.Background(), &ev)
		if err != nil || len(list) != 1 || list[0].State != ledger.StateDiscarded {
			t.Errorf("deliveries %+v, %v; want one, discarded", list, err)
		}
		r.end()
	})
}

func TestTestIsLoggedAndCountsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(status(500))
		w := r.webhook(ep)
		a, err := r.engine.Test(context.Background(), w, event.Event{Type: "call.completed", Data: []byte(`{"sid":"CA1"}`)})
		if err != nil || a.Outcome != delivery.Failed || a.Response.Status != 500 {
			t.Fatalf("got %+v, %v; want a failed attempt with the answer", a, err)
		}
		time.Sleep(2 * time.Hour)
		got := ep.requests()
		if len(got) != 1 || got[0].header.Get("X-Relay-Test") != "true" {
			t.Errorf("%d requests, want one with X-Relay-Test", len(got))
		}
		log := r.attempts(w)
		if len(log) != 1 || !log[0].Test || string(log[0].Request.Body) != string(got[0].body) {
			t.Errorf("log %+v, want the test with its body", log)
		}
		if cur, _ := r.hooks.Get(w.Tenant, w.ID); !cur.Health.FailingSince.IsZero() {
			t.Errorf("a failed test made the webhook count as failing")
		}
		r.end()
	})
}

// TestDeliveriesAreListedOnce lists deliveries settled several times where they stand now, and nowhere else.
func TestDeliveriesAreListedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := context.Background()
		r := newRig(t)
		r.start()
		var repaired atomic.Bool
		w := r.webhook(r.net.endpoint(func(_ int, w http.ResponseWriter, _ *http.Request) {
			if !repaired.Load() {
				w.WriteHeader(500)
			}
		}), func(s *webhook.Settings) { s.Retry = webhook.Retry{Attempts: 1} })
		r.publishMany("a", 20)
		time.Sleep(time.Minute)
		count := func(state ledger.State, limit int) map[ledger.State]int {
			t.Helper()
			got, seen := make(map[ledger.State]int), make(map[event.DeliveryID]bool)
			q := ledger.DeliveryQuery{Tenant: w.Tenant, State: state, Limit: limit}
			for more := true; more; more = q.Cursor != "" {
				page, err := r.ledger.Deliveries(ctx, q)
				if err != nil || len(page.Deliveries) > limit {
					t.Fatalf("got %d deliveries, %v, want at most %d", len(page.Deliveries), err, limit)
				}
				for _, d := range page.Deliveries {
					if seen[d.ID] {
						t.Errorf("state %q: %v is listed twice", state, d.ID)
					}
					seen[d.ID] = true
					got[d.State]++
				}
				q.Cursor = page.Next
			}
			return got
		}
		failed, err := r.ledger.Deliveries(ctx, ledger.DeliveryQuery{Tenant: w.Tenant, State: ledger.StateFailed, Limit: 50})
		if err != nil || len(failed.Deliveries) != 20 {
			t.Fatalf("got %d failed deliveries, %v, want 20", len(failed.Deliveries), err)
		}
		again := func(list []ledger.Delivery) {
			t.Helper()
			for _, d := range list {
				if err := r.ledger.Retry(ctx, access.System(w.Tenant), d.ID); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Minute)
		}
		again(failed.Deliveries) // all fail once more
		repaired.Store(true)
		again(failed.Deliveries[:12])
		repaired.Store(false)
		if _, err := r.hooks.Update(ctx, access.System(w.Tenant), w.ID, func(s *webhook.Settings) error {
			s.Retry = webhook.Retry{Attempts: 2, Waits: []time.Duration{time.Hour}}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		again(failed.Deliveries[12:15])
		for _, limit := range []int{1, 3, 50} {
			for state, want := range map[ledger.State]map[ledger.State]int{
				"":                    {ledger.StateDelivered: 12, ledger.StateFailed: 5, ledger.StateWaiting: 3},
				ledger.StateDelivered: {ledger.StateDelivered: 12},
				ledger.StateFailed:    {ledger.StateFailed: 5},
				ledger.StateWaiting:   {ledger.StateWaiting: 3},
			} {
				if got := count(state, limit); !maps.Equal(got, want) {
					t.Errorf("state %q, pages of %d: got %v, want %v", state, limit, got, want)
				}
			}
		}
		r.end()
	})
}

func TestDeliveriesList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		good, bad := r.net.endpoint(nil), r.net.endpoint(status(500))
		gw, bw := r.webhook(good), r.webhook(bad)
		r.publishMany("a", 30)
		time.Sleep(20 * time.Second)
		list := func(q ledger.DeliveryQuery) []ledger.Delivery {
			t.Helper()
			var all []ledger.Delivery
			q.Tenant, q.Limit = event.DefaultTenant, 7
			for range 50 {
				page, err := r.ledger.Deliveries(context.Background(), q)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, page.Deliveries...)
				if page.Next == "" {
					return all
				}
				q.Cursor = page.Next
			}
			t.Fatal("the list does not end")
			return nil
		}
		for _, tc := range []struct {
			q    ledger.DeliveryQuery
			want int
		}{
			{ledger.DeliveryQuery{}, 60},
			{ledger.DeliveryQuery{Webhook: gw.Number}, 30},
			{ledger.DeliveryQuery{Webhook: bw.Number}, 30},
			{ledger.DeliveryQuery{State: ledger.StateDelivered}, 30},
			{ledger.DeliveryQuery{State: ledger.StateWaiting}, 30},
			{ledger.DeliveryQuery{State: ledger.StateFailed}, 0},
			{ledger.DeliveryQuery{State: ledger.StateHeld}, 0},
		} {
			all := list(tc.q)
			seen := make(map[event.DeliveryID]bool)
			for _, d := range all {
				if seen[d.ID] {
					t.Errorf("%+v: %v is listed twice", tc.q, d.ID)
				}
				seen[d.ID] = true
				if tc.q.State != "" && d.State != tc.q.State {
					t.Errorf("%+v lists one that is %v", tc.q, d.State)
				}
			}
			if len(all) != tc.want {
				t.Errorf("%+v: %d deliveries, want %d", tc.q, len(all), tc.want)
			}
		}
		if _, err := r.ledger.Deliveries(context.Background(), ledger.DeliveryQuery{Tenant: 1, Limit: 5, Cursor: "nonsense"}); problem.KindOf(err) != problem.Malformed {
			t.Errorf("a cursor that is none: %v, want malformed", err)
		}
		r.end()
	})
}

func TestRetentionKeepsWhatIsOwed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx := context.Background()
		good := r.net.endpoint(nil)
		var refuses atomic.Bool
		refuses.Store(true)
		bad := r.net.endpoint(func(_ int, w http.ResponseWriter, q *http.Request) {
			if refuses.Load() && q.Header.Get("X-Relay-Event") == "kept" {
				w.WriteHeader(500)
			}
		})
		gw := r.webhook(good)
		bw := r.webhook(bad, func(s *webhook.Settings) {
			s.Events = []string{"kept", "ping"} // the pings keep it from being disabled
			s.Retry = webhook.Retry{Attempts: 50, Waits: []time.Duration{3 * 24 * time.Hour}, MaxAge: 31 * 24 * time.Hour}
		})
		gone := r.publish(`{"type":"a","data":1}`)[0]
		time.Sleep(48 * time.Hour)
		kept := r.publish(`{"type":"kept","data":1}`)[0]
		for range 20 {
			time.Sleep(24 * time.Hour)
			r.publish(`{"type":"ping","data":1}`)
			now := time.Now()
			if err := r.store.Expire(ctx, now.Add(-10*24*time.Hour), now.Add(-10*24*time.Hour)); err != nil {
				t.Fatalf("expire: %v", err)
			}
		}
		if _, ok, err := r.store.EventFind(ctx, gone.Tenant, gone.PublicID()); ok || err != nil {
			t.Errorf("an event of 22 days ago is still there (%v)", err)
		}
		if log := r.attempts(gw); slices.ContainsFunc(log, func(a *delivery.Attempt) bool { return a.Event == gone.ID }) {
			t.Errorf("its attempt is still in the log")
		}
		if _, ok, err := r.store.EventFind(ctx, kept.Tenant, kept.PublicID()); !ok || err != nil {
			t.Errorf("an event that is owed is gone (%v)", err)
		}
		refuses.Store(false)
		time.Sleep(5 * 24 * time.Hour)
		log := r.attempts(bw)
		if last := log[len(log)-1]; last.Event != kept.ID || last.Outcome != delivery.Delivered || last.Number < 7 {
			t.Errorf("the last attempt: %+v, want the kept event delivered", last)
		}
		r.end()
	})
}

func TestOneHangingEndpointOfManySlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.maxInFlight = 8
		r.start()
		for range 20 { // more hanging endpoints than slots
			r.webhook(r.net.endpoint(hang), func(s *webhook.Settings) { s.Timeout = 10 * time.Second })
		}
		good := r.net.endpoint(nil)
		r.webhook(good)
		r.publishMany("a", 50)
		time.Sleep(2 * time.Minute)
		if n := len(good.ids(t)); n != 50 {
			t.Errorf("%d of 50 deliveries to the healthy endpoint in two minutes, though it only has to wait for a slot", n)
		}
		r.end()
	})
}

func TestOperationalEventsAreAskedForByName(t *testing.T) {
	if webhook.Matches("*", delivery.EventDisabled) {
		t.Error("* matches operational events")
	}
	if !strings.HasPrefix(delivery.EventFailing, webhook.OperationalPrefix) || !strings.HasPrefix(delivery.EventDisabled, webhook.OperationalPrefix) {
		t.Error("operational events lack their prefix")
	}
}
