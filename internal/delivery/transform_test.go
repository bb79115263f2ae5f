package delivery_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/signing"
	"github.com/relay-events/relay/internal/transform"
	"github.com/relay-events/relay/internal/webhook"
)

// withTransforms gives the rig a pool, which ends with the test's bubble.
func (r *rig) withTransforms() (stop func()) {
	p := transform.NewPool(transform.Options{})
	r.transforms = p
	return p.Close
}

// fullPool is a sandbox that has no room at first.
type fullPool struct {
	mu     sync.Mutex
	refuse int
	asked  int
}

func (*fullPool) Compile(_ context.Context, _ event.TenantID, source string) (*transform.Script, error) {
	return transform.NewScript(source), nil
}

func (p *fullPool) Run(context.Context, *transform.Script, transform.Input) (transform.Output, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked++; p.asked <= p.refuse {
		return transform.Output{}, transform.ErrBusy
	}
	return transform.Output{NoBody: true}, nil
}

// TestTransformedRequests: the endpoint gets, and the log holds, the request that a script returns, signed.
func TestTransformedRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.withTransforms()()
		r.start()
		defer r.end()
		const order = `{"type":"order.created","id":"order-7","key":"k","timestamp":"2026-05-05T14:23:00Z","attributes":{"shop":"b"},"data":{"id":"ord_7","big":9007199254740993}}`
		type fields = map[string]string
		for i, tt := range []struct {
			name, source string
			change       func(*webhook.Settings)
			uri, body    string // body empty: that of the format
			header       fields
		}{
			{name: "body", source: `function transform(e) { return { body: { text: "New " + e.data.id } } }`,
				uri: "/hook?a=1", body: `{"text":"New ord_7"}`, header: fields{"Content-Type": "application/json", "X-Own": "of the webhook"}},
			{name: "what it sees", source: `function transform(e) { delete e.data; return { body: e } }`,
				uri: "/hook?a=1", body: `{"id":"order-1","type":"order.created","time":"2026-05-05T14:23:00.000Z","key":"k","attributes":{"shop":"b"}}`},
			{name: "text", source: `function transform(e) { return { body: "data=" + e.rawData } }`,
				uri: "/hook?a=1", body: `data={"id":"ord_7","big":9007199254740993}`, header: fields{"Content-Type": "text/plain; charset=utf-8"}},
			{name: "empty text", source: `function transform(e) { return { body: "", headers: { "Content-Type": "x/y" } } }`,
				uri: "/hook?a=1", header: fields{"Content-Type": "x/y", "Content-Length": "0"}},
			{name: "elsewhere", source: `function transform(e) { return { url: "/orders/" + e.data.id + "?b=2", query: { key: e.key, n: 1 } } }`,
				uri: "/orders/ord_7?b=2&key=k&n=1", header: fields{"Content-Type": "application/json"}},
			{name: "query", source: `function transform(e) { return { query: { a: "x y" } } }`, uri: "/hook?a=x+y"},
			{name: "headers", source: `function transform(e) { return { headers: { "x-own": "of " + e.type, "content-type": "application/vnd.x+json" } } }`,
				uri: "/hook?a=1", header: fields{"X-Own": "of order.created", "Content-Type": "application/vnd.x+json"}},
			{name: "binary CloudEvents", source: `function transform(e) { return { body: [1], headers: { "ce-subject": "s" } } }`,
				change: func(s *webhook.Settings) { s.Format = format.CloudEventsBinary },
				uri:    "/hook?a=1", body: `[1]`, header: fields{"Ce-Subject": "s", "Ce-Type": "order.created", "Content-Type": "application/json"}},
			{name: "CloudEvents", source: `function transform(e) { return {} }`,
				change: func(s *webhook.Settings) { s.Format = format.CloudEvents },
				uri:    "/hook?a=1", header: fields{"Content-Type": "application/cloudevents+json"}},
		} {
			id := fmt.Sprintf("order-%d", i)
			var uri string
			ep := r.net.endpoint(func(_ int, _ http.ResponseWriter, q *http.Request) { uri = q.RequestURI })
			ep.url += "?a=1"
			w := r.webhook(ep, func(s *webhook.Settings) {
				s.Signature, s.Transform, s.Headers = webhook.SignBoth, tt.source, fields{"X-Own": "of the webhook"}
				if tt.change != nil {
					tt.change(s)
				}
			})
			ev := r.publish(strings.Replace(order, "order-7", id, 1))[0]
			time.Sleep(time.Second)
			synctest.Wait()
			got := ep.requests()
			if len(got) != 1 {
				t.Fatalf("%s: got %d requests, want 1; %+v", tt.name, len(got), r.attempts(w))
			}
			want := []byte(tt.body)
			if tt.body == "" && tt.name != "empty text" {
				want, _ = format.Append(nil, w.Format, &ev, event.DeliveryID{Event: ev.ID, Webhook: w.Number})
			}
			if string(got[0].body) != string(want) || uri != tt.uri {
				t.Errorf("%s: got %s with %s, want %s with %s", tt.name, uri, got[0].body, tt.uri, want)
			}
			for name, value := range tt.header {
				if v := got[0].header.Values(name); strings.Join(v, "|") != value {
					t.Errorf("%s: got header %s %q, want %q", tt.name, name, v, value)
				}
			}
			h := got[0].header
			if err := signing.VerifyRelay(w.Secrets.Current, h.Get("X-Relay-Timestamp"), h.Get("X-Relay-Signature"), got[0].body, time.Now(), time.Minute); err != nil {
				t.Errorf("%s: the signature: %v", tt.name, err)
			}
			// The log says the same, also after the transform has changed.
			if _, err := r.hooks.Update(context.Background(), access.System(w.Tenant), w.ID, func(s *webhook.Settings) error {
				s.Transform = `function transform() { return { body: "another" } }`
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			log := r.attempts(w)
			if len(log) != 1 || string(log[0].Request.Body) != string(want) || !strings.HasSuffix(log[0].Request.URL, tt.uri) || log[0].Outcome != delivery.Delivered {
				t.Errorf("%s: got the log %+v with the body %s, want %s with %s", tt.name, log, log[0].Request.Body, tt.uri, want)
			}
			if err := r.hooks.Delete(context.Background(), access.System(w.Tenant), w.ID); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestTransformDrops: null ends the delivery without a request, visibly, and a retry by hand runs the script again.
func TestTransformDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.withTransforms()()
		r.start()
		defer r.end()
		ep := r.net.endpoint(nil)
		w := r.webhook(ep, func(s *webhook.Settings) { s.Transform = `function transform(e) { return e.data.n > 1 ? {} : null }` })
		fifo := r.webhook(ep, func(s *webhook.Settings) { s.Transform, s.Ordering = w.Transform, webhook.OrderingFIFO })
		events := r.publish(`{"type":"a","data":{"n":1}}`, `{"type":"a","data":{"n":2}}`)
		time.Sleep(time.Second)
		synctest.Wait()
		check := func() {
			t.Helper()
			for _, w := range []*webhook.Webhook{w, fifo} {
				d := r.delivery(events[0], w)
				if d.State != ledger.StateDiscarded || d.Reason != "dropped by the transform" {
					t.Errorf("got the delivery %s, %q; want it discarded by the transform", d.State, d.Reason)
				}
				if d := r.delivery(events[1], w); d.State != ledger.StateDelivered {
					t.Errorf("got the delivery behind it %s, want delivered", d.State)
				}
				x, err := r.ledger.Explain(context.Background(), &events[0], w)
				if err != nil || len(x) != 1 || x[0].Verdict != ledger.VerdictTransform || x[0].Detail != d.Reason {
					t.Errorf("got the explanation %+v, %v; want %s", x, err, ledger.VerdictTransform)
				}
				if log := r.attempts(w); len(log) != 1 {
					t.Errorf("got %d attempts in the log, want 1", len(log))
				}
			}
			if n := ep.count(); n != 2 {
				t.Errorf("got %d requests, want 2", n)
			}
		}
		check()
		r.restart()
		time.Sleep(time.Second)
		check()
		test, err := r.engine.Test(context.Background(), w, event.Event{Type: "a", Data: []byte(`{}`)})
		if err != nil || test.Outcome != delivery.Failed || test.ErrorKind != "transform" || !strings.Contains(test.Error, "nothing was sent") {
			t.Errorf("a test that is dropped: got %+v, %v; want it to say so", test, err)
		}
		if _, err := r.hooks.Update(context.Background(), access.System(w.Tenant), w.ID, func(s *webhook.Settings) error { s.Transform = ""; return nil }); err != nil {
			t.Fatal(err)
		}
		if err := r.ledger.Retry(context.Background(), access.System(w.Tenant), event.DeliveryID{Event: events[0].ID, Webhook: w.Number}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if d := r.delivery(events[0], w); d.State != ledger.StateDelivered {
			t.Errorf("retried without the transform: got %s, want delivered", d.State)
		}
	})
}

// TestTransformFails: a script that throws fails attempts, which the policy repeats; a mended script delivers. It says
// nothing about the endpoint.
func TestTransformFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.withTransforms()()
		r.start()
		defer r.end()
		ep := r.net.endpoint(nil)
		w := r.webhook(ep, func(s *webhook.Settings) {
			s.Transform = "function transform(e) {\n  return { body: e.data.order.id }\n}"
		})
		ev := r.publish(`{"type":"a","data":{}}`)[0]
		time.Sleep(time.Second)
		synctest.Wait()
		log := r.attempts(w)
		if len(log) != 1 || log[0].Outcome != delivery.Retrying || log[0].ErrorKind != "transform" || log[0].Response != nil || len(log[0].Request.Body) != 0 ||
			!strings.Contains(log[0].Error, "line 2") || !strings.Contains(log[0].Error, "cannot read property 'id' of undefined") {
			t.Fatalf("got the log %+v, want an attempt failed by line 2", log)
		}
		if h := r.engine.Health(w); h.Failures != 0 || !h.FailingSince.IsZero() {
			t.Errorf("got the health %+v, want nothing against the endpoint", h)
		}
		if n := ep.count(); n != 0 {
			t.Errorf("got %d requests, want none", n)
		}
		// While that waits, the script is mended: the retry takes the new one.
		if _, err := r.hooks.Update(context.Background(), access.System(w.Tenant), w.ID, func(s *webhook.Settings) error {
			s.Transform = `function transform(e) { return { body: "mended" } }`
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if d := r.delivery(ev, w); d.State != ledger.StateDelivered || d.Attempts != 2 {
			t.Errorf("after mending: got %s with %d attempts, want delivered with 2", d.State, d.Attempts)
		}

		// Never mended, it is given up after the policy's attempts.
		w2 := r.webhook(ep, func(s *webhook.Settings) { s.Transform = `function transform(e) { throw new Error("no") }` })
		ev = r.publish(`{"type":"a","data":{}}`)[0]
		time.Sleep(3 * time.Hour)
		if d := r.delivery(ev, w2); d.State != ledger.StateFailed || d.Attempts != 5 || !strings.Contains(d.Reason, "Error: no") {
			t.Errorf("never mended: got %s with %d attempts, %q; want failed with 5", d.State, d.Attempts, d.Reason)
		}
	})
}

// TestTransformResultsRefused: a forbidden result of a script fails the attempt, and no request is sent anywhere.
func TestTransformResultsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.withTransforms()()
		r.start()
		defer r.end()
		ep := r.net.endpoint(nil)
		for _, tt := range []struct{ result, want string }{
			{`{ url: "https://evil.example/" }`, "must be a path"},
			{`{ url: "//evil.example/" }`, "must be a path"},
			{`{ url: "http://127.0.0.1:9999/" }`, "must be a path"},
			{`{ url: "http://169.254.169.254/latest/" }`, "must be a path"},
			{`{ url: "/a b" }`, "space"},
			{`{ headers: { "X-Relay-Signature": "sha256=00" } }`, "set by Relay itself"},
			{`{ headers: { "webhook-id": "x" } }`, "set by Relay itself"},
			{`{ headers: { "User-Agent": "x" } }`, "set by Relay itself"},
			{`{ headers: { Host: "evil.example" } }`, "set by the connection"},
			{`{ headers: { "Content-Length": "1" } }`, "set by the connection"},
			{`{ headers: { "Transfer-Encoding": "chunked" } }`, "set by the connection"},
			{`{ headers: { "X-A": "1\r\nX-B: 2" } }`, "line break"},
			{`{ headers: { "X A": "1" } }`, "not a valid header name"},
			{`{ headers: { "X-A": "1", "x-a": "2" } }`, "given twice"},
			{`{ headers: { "X-A": "x".repeat(9000) } }`, "longer than"},
			{`{ headers: { "X-A": "x".repeat(5000), "X-B": "x".repeat(5000) } }`, "bytes in all"},
			{`{ headers: Object.fromEntries([...Array(33).keys()].map(i => ["x-" + i, "v"])) }`, "at most 32"},
		} {
			w := r.webhook(ep, func(s *webhook.Settings) {
				s.Transform = fmt.Sprintf("function transform(e) { return %s }", tt.result)
			})
			a, err := r.engine.Test(context.Background(), w, event.Event{Type: "a", Data: []byte(`{}`)})
			if err != nil || a.Outcome != delivery.Failed || a.ErrorKind != "transform" || !strings.Contains(a.Error, tt.want) {
				t.Errorf("%s: got %+v, %v; want it refused with %q", tt.result, a, err, tt.want)
			}
		}
		if n := ep.count(); n != 0 {
			t.Errorf("got %d requests, want none", n)
		}
	})
}

// TestTransformsWait: a delivery that finds no room for its transform is given back uncounted and made later.
func TestTransformsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		busy := &fullPool{refuse: 5}
		r.transforms = busy
		r.start()
		defer r.end()
		ep := r.net.endpoint(nil)
		w := r.webhook(ep, func(s *webhook.Settings) { s.Transform = `function transform(e) {}` })
		fifo := r.webhook(ep, func(s *webhook.Settings) { s.Transform, s.Ordering = w.Transform, webhook.OrderingFIFO })
		events := r.publish(`{"type":"a","data":1}`, `{"type":"a","data":2}`, `{"type":"a","data":3}`)
		time.Sleep(time.Minute)
		for _, ev := range events {
			for _, w := range []*webhook.Webhook{w, fifo} {
				if d := r.delivery(ev, w); d.State != ledger.StateDelivered || d.Attempts != 1 {
					t.Errorf("got %s with %d attempts, want delivered with 1", d.State, d.Attempts)
				}
			}
		}
		if busy.asked > 30 {
			t.Errorf("a full pool was asked %d times, want some pause between", busy.asked)
		}
	})
}

// TestTransformNoLongerCompiles: a stored script that the engine does not take any more stops no start; its attempts say why.
func TestTransformNoLongerCompiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.withTransforms()()
		r.start()
		defer r.end()
		ep := r.net.endpoint(nil)
		w := r.webhook(ep, func(s *webhook.Settings) { s.Transform = `function transform() { return {} }` })
		broken := *w
		broken.Transform = "function transform() {\n  return { body: }\n}"
		if err := r.store.WebhookUpdate(context.Background(), &broken, nil, nil); err != nil {
			t.Fatal(err)
		}
		r.restart()
		var named []string
		r.hooks.CheckScripts(context.Background(), func(w *webhook.Webhook, err error) { named = append(named, w.ID+" "+err.Error()) })
		if len(named) != 1 || !strings.HasPrefix(named[0], w.ID+" line 2") {
			t.Errorf("got %q named at the start, want the webhook with line 2", named)
		}
		r.publish(`{"type":"a","data":1}`)
		time.Sleep(time.Second)
		log := r.attempts(w)
		if len(log) != 1 || log[0].Outcome != delivery.Retrying || log[0].ErrorKind != "transform" || !strings.Contains(log[0].Error, "line 2") {
			t.Errorf("got the log %+v, want an attempt failed by line 2", log)
		}
		if _, err := r.hooks.Update(context.Background(), access.System(w.Tenant), w.ID, func(s *webhook.Settings) error { s.Description = "x"; return nil }); err != nil {
			t.Errorf("changing something else of it: %v", err)
		}
	})
}

// TestTransformedRetriesAreTheSame: whatever of time and chance a script uses, every attempt sends the same bytes, alone and in a batch, also
// after a restart and for an event that is delivered later.
func TestTransformedRetriesAreTheSame(t *testing.T) {
	const source = `const loaded = Date.now(); function transform(e) { return { body: [Date.now(), new Date().toString(), loaded, Math.random(), e.id] } }`
	for name, change := range map[string]func(*webhook.Settings){
		"each": func(*webhook.Settings) {},
		"batch": func(s *webhook.Settings) {
			s.Batch = &webhook.Batch{MaxEvents: 3, MaxBytes: 1 << 20, MaxWait: time.Second}
		},
		"fifo": func(s *webhook.Settings) { s.Ordering = webhook.OrderingFIFO },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				stopPool := r.withTransforms()
				r.start()
				ep := r.net.endpoint(status(http.StatusInternalServerError))
				r.webhook(ep, change, func(s *webhook.Settings) { s.Transform = source })
				later := time.Now().Add(10 * time.Minute)
				r.publish(`{"type":"a","key":"k","data":1}`, `{"type":"a","key":"k","data":2}`)
				r.publish(fmt.Sprintf(`{"type":"a","key":"k","data":3,"deliverAt":%q}`, later.UTC().Format(time.RFC3339)))
				time.Sleep(time.Hour)
				stopPool()
				r.stop()
				defer r.withTransforms()()
				r.start()
				ep.setAnswer(nil)
				time.Sleep(24 * time.Hour)
				bodies := make(map[string]int)
				for _, q := range ep.requests() {
					bodies[string(q.body)]++
				}
				want := 3
				if name == "batch" {
					want = 2
				}
				if len(bodies) != want {
					t.Errorf("got %d different bodies in %d requests, want %d: %v", len(bodies), ep.count(), want, bodies)
				}
				for body, n := range bodies {
					if n < 2 && name != "fifo" { // where the second waits for the first
						t.Errorf("%s was sent once, want retries", body)
					}
				}
				if text := later.UTC().Truncate(time.Second).UnixMilli(); !strings.Contains(fmt.Sprint(bodies), fmt.Sprint("[", text)) {
					t.Errorf("got %v, want one with the time it was to be delivered, %d", bodies, text)
				}
				r.end()
			})
		})
	}
}
