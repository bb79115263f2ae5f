package delivery_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/webhook"
)

func TestFilter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx := context.Background()
		ep := r.net.endpoint(nil)
		w := r.webhook(ep, func(s *webhook.Settings) {
			s.Events = []string{"order.*"}
			s.Filter = `event.data.amount >= 100 && event.data.currency == "EUR"`
		})
		begin := time.Now()
		events := r.publish(
			`{"type":"order.created","data":{"amount":100,"currency":"EUR","n":0}}`,
			`{"type":"order.created","data":{"amount":99.5,"currency":"EUR","n":1}}`,
			`{"type":"order.created","data":{"amount":500,"currency":"USD","n":2}}`,
			`{"type":"order.created","data":{"currency":"EUR","n":3}}`,
			`{"type":"order.created","data":{"amount":"many","currency":"EUR","n":4}}`,
			`{"type":"invoice.created","data":{"amount":500,"currency":"EUR","n":5}}`,
		)
		time.Sleep(time.Second)
		if got := ep.requests(); len(got) != 1 || !strings.Contains(string(got[0].body), `"n":0`) {
			t.Fatalf("%d requests, want the first event alone", len(got))
		}
		for i, want := range []ledger.Verdict{
			ledger.VerdictDelivered, ledger.VerdictFilter, ledger.VerdictFilter, ledger.VerdictFilter, ledger.VerdictFilter, ledger.VerdictType,
		} {
			x, err := r.ledger.Explain(ctx, &events[i], w)
			if err != nil || x[0].Verdict != want {
				t.Errorf("event %d: %+v, %v; want %s", i, x, err, want)
			}
			if i == 2 && !strings.Contains(x[0].Detail, `event.data.currency == "EUR"`) {
				t.Errorf("event 2: %q, want the clause that said no", x[0].Detail)
			}
		}

		// A changed filter holds for new events, also after a restart, and for replays.
		w, err := r.hooks.Update(ctx, access.System(w.Tenant), w.ID, func(s *webhook.Settings) error { s.Filter = `event.data.n > 1`; return nil })
		if err != nil {
			t.Fatal(err)
		}
		r.restart()
		r.publish(`{"type":"order.created","data":{"n":1}}`, `{"type":"order.created","data":{"n":6}}`)
		if w, err = r.hooks.Get(w.Tenant, w.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := r.engine.StartJob(ctx, access.System(w.Tenant), w, delivery.JobReplay, begin); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		seen := make(map[string]bool)
		for _, q := range ep.requests()[1:] {
			seen[string(q.envelope(t).Data)] = true
		}
		if len(seen) != 4 { // 2, 3, 4 by the replay, and 6
			t.Errorf("after the change and a replay: %v, want four different events", seen)
		}

		bad := webhook.Default()
		bad.URL, bad.Filter = ep.url, "event.data.amount >="
		if _, err := r.hooks.Create(ctx, access.System(event.DefaultTenant), bad, ""); problem.KindOf(err) != problem.Invalid || !strings.HasPrefix(err.Error(), "filter ") {
			t.Errorf("a filter that does not compile: %v, want the field named", err)
		}
		r.end()
	})
}

func TestFormatsOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		const raw = `{"type":"message.delivered","id":"ID","timestamp":"2022-04-12T14:53:11.958Z","attributes":{"job_id":null},"data":{"ccid": "1002"}}`
		for name, want := range map[string]struct{ contentType, body, header string }{
			"push":               {"application/json", `{"event_id":"push","event_name":"message.delivered","event_ts":"2022-04-12T14:53:11.958Z","job_id":null,"payload":{"ccid": "1002"}}`, ""},
			"raw":                {"application/json", `{"ccid": "1002"}`, ""},
			"cloudevents":        {"application/cloudevents+json", `"specversion":"1.0"`, ""},
			"cloudevents-binary": {"application/json", `{"ccid": "1002"}`, "1.0"},
		} {
			ep := r.net.endpoint(nil)
			w := r.webhook(ep, func(s *webhook.Settings) { s.Format = name })
			r.publish(strings.Replace(raw, "ID", name, 1))
			time.Sleep(time.Second)
			got := ep.requests()
			if len(got) != 1 {
				t.Fatalf("%s: %d requests, want 1", name, len(got))
			}
			if ct := got[0].header.Get("Content-Type"); ct != want.contentType {
				t.Errorf("%s: Content-Type %q, want %q", name, ct, want.contentType)
			}
			if body := string(got[0].body); name != "cloudevents" && body != want.body || !strings.Contains(body, want.body) {
				t.Errorf("%s: body %s, want %s", name, body, want.body)
			}
			if h := got[0].header.Get("Ce-Specversion"); h != want.header {
				t.Errorf("%s: ce-specversion %q, want %q", name, h, want.header)
			}
			if logged := r.attempts(w)[0]; string(logged.Request.Body) != string(got[0].body) {
				t.Errorf("%s: the log has %s, but %s was sent", name, logged.Request.Body, got[0].body)
			}
			if err := r.hooks.Delete(context.Background(), access.System(w.Tenant), w.ID); err != nil {
				t.Fatal(err)
			}
		}
		r.end()
	})
}
