package delivery_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/webhook"
)

// inBatches has a webhook send batches.
func inBatches(maxEvents int, maxWait time.Duration, maxBytes int) func(*webhook.Settings) {
	return func(s *webhook.Settings) {
		s.Batch = &webhook.Batch{MaxEvents: maxEvents, MaxWait: maxWait, MaxBytes: maxBytes}
	}
}

// batch returns the envelopes in a request.
func (q request) batch(t *testing.T) []envelope {
	t.Helper()
	var list []envelope
	d := json.NewDecoder(bytes.NewReader(q.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&list); err != nil {
		t.Fatalf("body %.200s: %v", q.body, err)
	}
	return list
}

// batchIDs returns how often each webhookId arrived in batches.
func (e *endpoint) batchIDs(t *testing.T) map[string]int {
	t.Helper()
	ids := make(map[string]int)
	for _, q := range e.requests() {
		for _, v := range q.batch(t) {
			ids[v.WebhookID]++
		}
	}
	return ids
}

// wantOnce checks that each of n deliveries arrived exactly once.
func (e *endpoint) wantOnce(t *testing.T, n int) {
	t.Helper()
	ids := e.batchIDs(t)
	for id, times := range ids {
		if times != 1 {
			t.Errorf("%s arrived %d times, want once", id, times)
		}
	}
	if len(ids) != n {
		t.Errorf("%d deliveries arrived, want %d", len(ids), n)
	}
}

func some(typ string, n int) (raw []string) {
	for i := range n {
		raw = append(raw, fmt.Sprintf(`{"type":%q,"data":{"n":%d}}`, typ, i))
	}
	return raw
}

func TestBatchFillsOrWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(nil)
		w := r.webhook(ep, inBatches(10, 2*time.Second, 1<<20), func(s *webhook.Settings) { s.Signature = webhook.SignBoth })
		wantAfter := func(what string, since time.Time, wait time.Duration, sizes ...int) {
			t.Helper()
			got := ep.requests()
			got = got[len(got)-min(len(got), len(sizes)):]
			for i, q := range got {
				late := q.at.Sub(since) - wait
				if n := len(q.batch(t)); i >= len(sizes) || n != sizes[i] || late < -100*time.Millisecond || late > 100*time.Millisecond {
					t.Errorf("%s: a batch of %d after %v, want sizes %v after %v", what, n, q.at.Sub(since), sizes, wait)
				}
			}
			if len(got) != len(sizes) {
				t.Errorf("%s: %d requests, want %v", what, len(got), sizes)
			}
		}
		begin := time.Now()
		events := r.publish(`{"type":"a","data":1.10}`)
		time.Sleep(700 * time.Millisecond)
		events = append(events, r.publish(`{"type":"b","data":[ ]}`, `{"type":"c","data":"x"}`)...)
		time.Sleep(3 * time.Second)
		wantAfter("a few", begin, 2*time.Second, 3)

		begin = time.Now()
		r.publish(some("full", 20)...)
		time.Sleep(time.Second)
		wantAfter("full ones", begin, 0, 10, 10)
		begin = time.Now()
		r.publish(some("rest", 13)...)
		time.Sleep(time.Second)
		wantAfter("one full", begin, 0, 10)
		time.Sleep(2 * time.Second)
		wantAfter("what was left", begin, 2*time.Second, 3)
		if n := ep.count(); n != 5 {
			t.Errorf("%d requests, want 5", n)
		}

		// The request, and its entry in the log.
		q := ep.requests()[0]
		var members []string
		for i, ev := range events {
			id := event.DeliveryID{Event: ev.ID, Webhook: w.Number}.String()
			members = append(members, `{"version":"2026-05-05","event":"`+ev.Type+`","timestamp":"`+strings.Replace(ev.Time.Format("2006-01-02T15:04:05.000Z"), ".000Z", "Z", 1)+
				`","webhookId":"`+id+`","data":`+[]string{"1.10", "[ ]", `"x"`}[i]+`}`)
		}
		if want := "[" + strings.Join(members, ",") + "]"; string(q.body) != want {
			t.Errorf("body\n%s, want\n%s", q.body, want)
		}
		id := q.header.Get("X-Relay-Delivery")
		for name, want := range map[string]string{
			"X-Relay-Event": "batch", "X-Relay-Batch": "3", "X-Relay-Attempt": "1", "Content-Type": "application/json", "Webhook-Id": id,
		} {
			if got := q.header.Get(name); got != want {
				t.Errorf("header %s: got %q, want %q", name, got, want)
			}
		}
		if !strings.HasPrefix(id, "bat_") || id == ep.requests()[1].header.Get("X-Relay-Delivery") {
			t.Errorf("X-Relay-Delivery: got %q, want a batch's own id", id)
		}
		if err := signing.VerifyRelay(w.Secrets.Current, q.header.Get("X-Relay-Timestamp"), q.header.Get("X-Relay-Signature"), q.body, q.at, time.Minute); err != nil {
			t.Errorf("signature: %v", err)
		}
		ctx := context.Background()
		log := r.attempts(w)
		if len(log) != 5 || log[0].Batch == nil || log[0].Batch.Count != 3 || log[0].Batch.ID.Public(event.BatchPrefix) != id {
			t.Fatalf("the log has %d lines, the first with batch %+v; want 5, and 3 events in %s", len(log), log[0].Batch, id)
		}
		for i, ev := range events {
			d := r.delivery(ev, w)
			if d.State != ledger.StateDelivered || d.Attempts != 1 {
				t.Errorf("event %d: %s after %d attempts, want delivered after 1", i, d.State, d.Attempts)
			}
			a, err := r.ledger.Attempt(ctx, w.Tenant, d.Last.ID)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(a.Request.Body, q.body) || a.Response == nil || a.Response.Status != 200 || len(a.Batch.Items) != 3 || a.Batch.Items[1].EventType != "b" {
				t.Errorf("entry of event %d: body %s, response %+v, events %+v; want what was sent", i, a.Request.Body, a.Response, a.Batch.Items)
			}
		}
		stats, err := r.ledger.Stats(ctx, delivery.StatsQuery{Tenant: w.Tenant, From: begin.Add(-time.Hour), To: begin.Add(time.Hour), Step: 2 * time.Hour})
		if err != nil || len(stats) != 1 || stats[0].Delivered != 5 {
			t.Errorf("stats: %+v, %v, want 5 requests delivered", stats, err)
		}
		page, err := r.ledger.Deliveries(ctx, ledger.DeliveryQuery{Tenant: w.Tenant, State: ledger.StateDelivered, Limit: 250})
		if err != nil || len(page.Deliveries) != 36 {
			t.Errorf("%d deliveries listed, %v, want 36", len(page.Deliveries), err)
		}
		ep.wantOnce(t, 36)
		r.end()
	})
}

func TestBatchBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(func(_ int, w http.ResponseWriter, _ *http.Request) { time.Sleep(50 * time.Millisecond) })
		const maxEvents, maxBytes = 17, 20_000
		r.webhook(ep, inBatches(maxEvents, time.Second, maxBytes))
		rnd := rand.New(rand.NewPCG(1, 2))
		n := 0
		for range 60 {
			var raw []string
			for range 1 + rnd.IntN(40) {
				size := []int{0, 10, 900, 3000, 25_000}[rnd.IntN(5)]
				raw = append(raw, fmt.Sprintf(`{"type":"a","data":"%s"}`, strings.Repeat("x", size)))
			}
			n += len(raw)
			r.publish(raw...)
			time.Sleep(time.Duration(rnd.IntN(300)) * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		full := 0
		for i, q := range ep.requests() {
			list := q.batch(t)
			if len(list) == maxEvents || len(q.body) > maxBytes*3/4 {
				full++
			}
			if len(list) > maxEvents || len(q.body) > maxBytes && len(list) > 1 {
				t.Errorf("request %d: %d events in %d bytes, want at most %d in %d", i, len(list), len(q.body), maxEvents, maxBytes)
			}
		}
		if full < ep.count()/2 {
			t.Errorf("%d of %d batches are about full, want most", full, ep.count())
		}
		ep.wantOnce(t, n)
		r.end()
	})
}

// A batch is tried again as it was: across restarts, when asked for by hand,
// and after a change of its bounds.
func TestBatchIsRetriedWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx := context.Background()
		ep := r.net.endpoint(status(500))
		w := r.webhook(ep, inBatches(1000, 100*time.Millisecond, 1<<20))
		events := r.publish(some("a", 1000)...) // full: at once
		time.Sleep(time.Second)
		first := ep.requests()[0]
		if n := len(first.batch(t)); n != 1000 || ep.count() != 1 {
			t.Fatalf("%d requests, the first with %d events, want one with 1000", ep.count(), n)
		}
		again := func(what string, number int) {
			t.Helper()
			got := ep.requests()
			q := got[len(got)-1]
			if len(got) != number || !bytes.Equal(q.body, first.body) {
				t.Errorf("%s: %d requests, the last with %d bytes; want %d, with the %d bytes of the first", what, len(got), len(q.body), number, len(first.body))
			}
			if id := q.header.Get("X-Relay-Delivery"); id != first.header.Get("X-Relay-Delivery") {
				t.Errorf("%s: batch %q, want %q", what, id, first.header.Get("X-Relay-Delivery"))
			}
			if got := q.header.Get("X-Relay-Attempt"); got != fmt.Sprint(number) {
				t.Errorf("%s: attempt %q, want %d", what, got, number)
			}
		}
		r.restart()
		time.Sleep(40 * time.Second)
		again("after a restart", 2)
		if d := r.delivery(events[700], w); d.State != ledger.StateWaiting || d.Attempts != 2 || !strings.Contains(d.Last.Error, "500") {
			t.Errorf("an event of the waiting batch: %+v", d)
		}
		if _, err := r.hooks.Update(ctx, access.System(w.Tenant), w.ID, func(s *webhook.Settings) error {
			s.Batch = &webhook.Batch{MaxEvents: 3, MaxWait: time.Second, MaxBytes: 2000}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := r.ledger.Retry(ctx, access.System(w.Tenant), event.DeliveryID{Event: events[500].ID, Webhook: w.Number}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		again("by hand, after a change of the bounds", 3)
		ep.setAnswer(nil)
		r.restart()
		time.Sleep(time.Hour)
		again("when it works again", 4)
		for _, i := range []int{0, 500, 999} {
			if d := r.delivery(events[i], w); d.State != ledger.StateDelivered || d.Attempts != 4 {
				t.Errorf("event %d: %s after %d attempts, want delivered after 4", i, d.State, d.Attempts)
			}
		}
		r.end()
	})
}

func TestBatchControls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx := context.Background()
		ep := r.net.endpoint(status(503))
		w := r.webhook(ep, inBatches(100, 5*time.Second, 1<<20), func(s *webhook.Settings) {
			s.Retry = webhook.Retry{Attempts: 2, Waits: []time.Duration{time.Minute}, MaxAge: time.Hour}
		})
		// Canceled before it is sent, and while its batch waits.
		events := r.publish(some("a", 10)...)
		time.Sleep(time.Second)
		id := func(i int) event.DeliveryID { return event.DeliveryID{Event: events[i].ID, Webhook: w.Number} }
		if err := r.ledger.Cancel(ctx, access.System(w.Tenant), id(3)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if n := len(ep.requests()[0].batch(t)); n != 9 {
			t.Errorf("a batch of %d after one was canceled, want 9", n)
		}
		for _, i := range []int{0, 5} {
			if err := r.ledger.Cancel(ctx, access.System(w.Tenant), id(i)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Minute)
		if n := len(ep.requests()[1].batch(t)); n != 7 || ep.count() != 2 {
			t.Errorf("%d requests, the last with %d events, want 2, and 7 in it", ep.count(), n)
		}
		for i, want := range map[int]ledger.State{0: ledger.StateCanceled, 3: ledger.StateCanceled, 5: ledger.StateCanceled, 1: ledger.StateFailed, 9: ledger.StateFailed} {
			if d := r.delivery(events[i], w); d.State != want {
				t.Errorf("event %d is %s, want %s", i, d.State, want)
			}
		}
		// What failed is recovered, in a batch of its own.
		before := ep.requests()[1].header.Get("X-Relay-Delivery")
		ep.setAnswer(nil)
		if _, err := r.engine.StartJob(ctx, access.System(w.Tenant), w, delivery.JobRecover, time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		got := ep.requests()
		if n := len(got[2].batch(t)); n != 7 || len(got) != 3 || got[2].header.Get("X-Relay-Delivery") == before {
			t.Errorf("recovered: %d requests, the last with %d events as %s, want 7 in a new batch", len(got), n, got[2].header.Get("X-Relay-Delivery"))
		}
		// A test is a batch of one.
		a, err := r.engine.Test(ctx, w, event.Event{Tenant: w.Tenant, Type: "t", Data: []byte(`1`)})
		if err != nil || a.Outcome != delivery.Delivered {
			t.Fatalf("test: %+v, %v", a, err)
		}
		got = ep.requests()
		if q := got[3]; len(q.batch(t)) != 1 || q.header.Get("X-Relay-Test") != "true" || q.header.Get("X-Relay-Batch") != "1" {
			t.Errorf("a test sent %s with %v", q.body, q.header)
		}
		// Paused before it is full: held, and sent after.
		r.publish(some("p", 4)...)
		time.Sleep(time.Second)
		if _, err := r.hooks.Pause(ctx, access.System(w.Tenant), w.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if ep.count() != 4 {
			t.Errorf("%d requests while it is paused, want none", ep.count()-4)
		}
		if _, err := r.hooks.Resume(ctx, access.System(w.Tenant), w.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got = ep.requests(); len(got) != 5 || len(got[4].batch(t)) != 4 {
			t.Errorf("after the pause: %d requests, want one of 4 events", len(got)-4)
		}
		// deliverAt: the events join when they are due.
		at := time.Now().Add(10 * time.Minute).UTC().Format(time.RFC3339)
		r.publish(fmt.Sprintf(`{"type":"l","data":1,"deliverAt":%q}`, at), fmt.Sprintf(`{"type":"l","data":2,"deliverAt":%q}`, at))
		time.Sleep(9 * time.Minute)
		if ep.count() != 5 {
			t.Errorf("sent %d ahead of deliverAt", ep.count()-5)
		}
		time.Sleep(2 * time.Minute)
		if got = ep.requests(); len(got) != 6 || len(got[5].batch(t)) != 2 {
			t.Errorf("after deliverAt: %d requests, want one of 2 events", len(got)-5)
		}
		// Not in batches any more, while one waits: its deliveries go by themselves.
		ep.setAnswer(status(500))
		r.publish(some("s", 3)...)
		time.Sleep(10 * time.Second)
		if _, err := r.hooks.Update(ctx, access.System(w.Tenant), w.ID, func(s *webhook.Settings) error { s.Batch = nil; return nil }); err != nil {
			t.Fatal(err)
		}
		ep.setAnswer(func(n int, w http.ResponseWriter, _ *http.Request) {
			if n == 8 {
				w.WriteHeader(500)
			}
		})
		time.Sleep(10 * time.Minute)
		if got = ep.requests(); len(got) != 10 {
			t.Fatalf("%d requests, want three single ones after the seventh", len(got))
		}
		for _, q := range got[7:] {
			q.envelope(t)
		}
		r.end()
	})
}

func TestBatchPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx := context.Background()
		// A rate limit counts requests, so batches fill up meanwhile.
		ep := r.net.endpoint(nil)
		w := r.webhook(ep, inBatches(50, 100*time.Millisecond, 1<<20), func(s *webhook.Settings) {
			s.RateLimit = &webhook.RateLimit{PerSecond: 1, Burst: 1}
		})
		for range 100 {
			r.publish(some("a", 3)...)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		if n := ep.count(); n < 9 || n > 13 {
			t.Errorf("%d requests in 10 s at 1 a second", n)
		}
		ep.wantOnce(t, 300)

		// In maintenance everything is held, and goes in full batches after it.
		until := time.Now().Add(10 * time.Minute)
		if _, err := r.hooks.Update(ctx, access.System(w.Tenant), w.ID, func(s *webhook.Settings) error {
			s.RateLimit = nil
			s.Maintenance = []webhook.Window{{From: time.Now().Add(-time.Minute), To: until}}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		before := ep.count()
		r.publish(some("m", 500)...)
		time.Sleep(9 * time.Minute)
		if ep.count() != before {
			t.Errorf("%d requests in maintenance", ep.count()-before)
		}
		time.Sleep(2 * time.Minute)
		ep.wantOnce(t, 800)
		if n := ep.count() - before; n < 10 || n > 13 {
			t.Errorf("%d requests for 500 held events, want about 10 full batches", n)
		}
		r.end()
	})
}

// A backlog far larger than memory goes in full batches, and nothing is lost.
func TestBatchBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.memory = 300 << 10
		r.start()
		ep := r.net.endpoint(hang)
		other := r.net.endpoint(nil)
		r.webhook(ep, inBatches(200, time.Second, 1<<20), func(s *webhook.Settings) { s.Timeout = 5 * time.Second })
		r.webhook(other)
		const n = 5000
		r.publishMany("a", n)
		time.Sleep(4 * time.Second)
		if got := other.count(); got != n {
			t.Errorf("the other webhook got %d of %d, want all", got, n)
		}
		if q := r.engine.Snapshot().QueuedBytes; q > 3*r.memory {
			t.Errorf("%d bytes are held in memory, the bound is %d", q, r.memory)
		}
		ep.setAnswer(nil)
		r.restart()
		time.Sleep(3 * time.Minute)
		ids := make(map[string]bool)
		sent, full := 0, 0
		for _, q := range ep.requests() {
			list := q.batch(t)
			if sent++; len(list) == 200 {
				full++
			}
			for _, v := range list {
				ids[v.WebhookID] = true
			}
		}
		if len(ids) != n {
			t.Errorf("%d of %d arrived", len(ids), n)
		}
		if full < sent*2/3 {
			t.Errorf("%d of %d batches are full, want most", full, sent)
		}
		if q := r.engine.Snapshot().QueuedBytes; q != 0 {
			t.Errorf("%d bytes are held when all is done, want none", q)
		}
		r.end()
	})
}

// Waiting for minutes happens in the store: the intakes are closed, a restart
// changes nothing, and a full batch goes at once.
func TestBatchWaitsLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ctx := context.Background()
		ep := r.net.endpoint(nil)
		w := r.webhook(ep, inBatches(20, 5*time.Minute, 1<<20))
		begin := time.Now()
		ev := r.publish(some("a", 3)...)[0]
		time.Sleep(time.Minute)
		if d := r.delivery(ev, w); d.State != ledger.StateWaiting || !d.NextAt.Equal(ev.ID.Time().Add(5*time.Minute)) || d.Reason != delivery.ReasonGather.String() {
			t.Errorf("while it waits: %+v", d)
		}
		open := 0
		if err := r.store.IntakeOpen(ctx, func(delivery.Intake) error { open++; return nil }); err != nil || open != 0 {
			t.Errorf("%d intakes are open, %v, want none", open, err)
		}
		r.publish(some("a", 2)...)
		time.Sleep(5 * time.Minute)
		got := ep.requests()
		if len(got) != 1 || len(got[0].batch(t)) != 5 || got[0].at.Sub(begin) < 5*time.Minute || got[0].at.Sub(begin) > 5*time.Minute+100*time.Millisecond {
			t.Fatalf("%d requests, want one of 5 events after 5 minutes", len(got))
		}
		for i := range 50 {
			r.publish(some(fmt.Sprint("b", i), 1)...)
			time.Sleep(time.Second)
		}
		got = ep.requests()
		if len(got) != 3 || len(got[1].batch(t)) != 20 || len(got[2].batch(t)) != 20 {
			t.Fatalf("%d requests after 50 more events, want two more of 20", len(got))
		}
		r.restart()
		r.publish(some("c", 3)...)
		time.Sleep(6 * time.Minute)
		ep.wantOnce(t, 58)
		r.end()
	})
}

// A batch of CloudEvents is one that the official library reads.
func TestBatchOfCloudEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		for _, name := range []string{"cloudevents", "cloudevents-binary"} {
			ep := r.net.endpoint(nil)
			w := r.webhook(ep, inBatches(10, time.Second, 1<<20), func(s *webhook.Settings) { s.Format = name })
			events := r.publish(`{"type":"a.b","data":{"n":1.50},"key":"k"}`, `{"type":"c","data":[1],"attributes":{"source":"/here","x":"ä"}}`)
			time.Sleep(2 * time.Second)
			got := ep.requests()
			if len(got) != 1 {
				t.Fatalf("%s: %d requests, want 1", name, len(got))
			}
			req, err := http.NewRequest(http.MethodPost, ep.url, bytes.NewReader(got[0].body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header = got[0].header
			if !cehttp.IsHTTPBatch(req.Header) {
				t.Errorf("%s: Content-Type %q is no batch's", name, req.Header.Get("Content-Type"))
			}
			list, err := cehttp.NewEventsFromHTTPRequest(req)
			if err != nil || len(list) != 2 {
				t.Fatalf("%s: the library reads %d events, %v", name, len(list), err)
			}
			for i := range list {
				e := &list[i]
				id := event.DeliveryID{Event: events[i].ID, Webhook: w.Number}.String()
				if err := e.Validate(); err != nil || e.Type() != events[i].Type || e.ID() != events[i].PublicID() ||
					!bytes.Equal(e.Data(), events[i].Data) || e.Extensions()["webhookid"] != id {
					t.Errorf("%s: event %d is %v (%v)", name, i, e, err)
				}
			}
			if err := r.hooks.Delete(context.Background(), access.System(w.Tenant), w.ID); err != nil {
				t.Fatal(err)
			}
		}
		r.end()
	})
}

// A delivery whose transform drops it or fails leaves its batch; the others go.
func TestBatchTransform(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.withTransforms()()
		r.start()
		ep := r.net.endpoint(nil)
		w := r.webhook(ep, inBatches(100, time.Second, 1<<20), func(s *webhook.Settings) {
			s.Retry = webhook.Retry{Attempts: 1, MaxAge: time.Hour}
			s.Transform = `function transform(event) {
				if (event.data.n == 1) return null;
				if (event.data.n == 2) throw new Error("no");
				if (event.data.n == 3) return {body: {n: 3}, headers: {"X-A": "b"}};
				return {body: {twice: event.data.n * 2}};
			}`
		})
		events := r.publish(some("a", 6)...)
		time.Sleep(5 * time.Second)
		got := ep.requests()
		if len(got) != 1 || string(got[0].body) != `[{"twice":0},{"twice":8},{"twice":10}]` {
			t.Fatalf("%d requests, the first %s", len(got), got[0].body)
		}
		for i, want := range []ledger.State{"delivered", "discarded", "failed", "failed", "delivered", "delivered"} {
			d := r.delivery(events[i], w)
			if d.State != want {
				t.Errorf("event %d is %s (%s), want %s", i, d.State, d.Reason, want)
			}
			if want != ledger.StateDelivered {
				continue
			}
			if a, err := r.ledger.Attempt(context.Background(), w.Tenant, d.Last.ID); err != nil || !bytes.Equal(a.Request.Body, got[0].body) {
				t.Errorf("event %d: the log has %s, %v, but %s was sent", i, a.Request.Body, err, got[0].body)
			}
		}
		r.end()
	})
}

// Many stops and failures in between: nothing is lost, and whatever is sent
// again is sent as it was.
func TestBatchSurvivesRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		rnd := rand.New(rand.NewPCG(3, 4))
		answers := []int{200, 500, 200, 503}
		ep := r.net.endpoint(func(n int, w http.ResponseWriter, q *http.Request) {
			time.Sleep(time.Duration(n%7) * 100 * time.Millisecond)
			w.WriteHeader(answers[n%4])
		})
		w := r.webhook(ep, inBatches(40, 300*time.Millisecond, 1<<20), func(s *webhook.Settings) {
			s.Retry = webhook.Retry{Attempts: 20, Waits: []time.Duration{2 * time.Second}, MaxAge: time.Hour}
		})
		want := make(map[string]bool)
		for i := range 30 {
			for _, ev := range r.publish(some("a", 1+rnd.IntN(90))...) {
				want[event.DeliveryID{Event: ev.ID, Webhook: w.Number}.String()] = true
			}
			time.Sleep(time.Duration(rnd.IntN(1000)) * time.Millisecond)
			if i%4 == 3 {
				r.restart()
			}
		}
		time.Sleep(10 * time.Minute)
		got := make(map[string]bool)
		bodies := make(map[string][]byte)
		for _, q := range ep.requests() {
			id := q.header.Get("X-Relay-Delivery")
			if before, ok := bodies[id]; ok && !bytes.Equal(before, q.body) {
				t.Errorf("batch %s was sent with two bodies, of %d and %d bytes", id, len(before), len(q.body))
			}
			bodies[id] = q.body
			for _, v := range q.batch(t) {
				got[v.WebhookID] = true
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("%d of %d deliveries arrived", len(got), len(want))
		}
		for _, a := range r.attempts(w) {
			if !slices.IsSorted(a.Batch.Events) || a.Batch.Count != len(a.Batch.Events) {
				t.Errorf("the log's batch of %d: %v", a.Batch.Count, a.Batch.Events)
			}
		}
		r.end()
	})
}
