package delivery_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	httpdest "github.com/relay-events/relay/internal/destination/http"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/ledger"
)

// shortSender is a sender that may lack sockets.
type shortSender struct {
	httpdest.Client
	short atomic.Bool
}

func (s *shortSender) Do(ctx context.Context, req *egress.Request) (*exchange.Response, exchange.Timing, *egress.Error) {
	if s.short.Load() {
		return nil, exchange.Timing{}, &egress.Error{Kind: exchange.Local, Message: "this server has no file descriptors left", Err: syscall.EMFILE}
	}
	return s.Client.Do(ctx, req)
}

// TestOwnShortageIsNotTheEndpoints: attempts that fail because this server lacks descriptors are given back uncounted, do
// not show in the log or the endpoint's health, and are made when there are some again.
func TestOwnShortageIsNotTheEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		sender := new(shortSender)
		sender.short.Store(true)
		r.sender = sender
		r.start()
		sender.Client = r.client
		ep := r.net.endpoint(nil)
		w := r.webhook(ep)
		batched := r.webhook(ep, inBatches(3, time.Second, 1<<20))
		events := r.publish(`{"type":"a","data":1}`, `{"type":"a","data":2}`, `{"type":"a","data":3}`)
		time.Sleep(10 * time.Minute)
		for _, ev := range events {
			if d := r.delivery(ev, w); d.Attempts != 0 || d.State != ledger.StateWaiting && d.State != ledger.StateInFlight {
				t.Errorf("while there are none: got %d attempts, state %v, want it to wait with none", d.Attempts, d.State)
			}
		}
		if n := len(r.attempts(w)) + len(r.attempts(batched)); n != 0 {
			t.Errorf("got %d attempts in the log, want none", n)
		}
		if h := r.engine.Health(w); !h.FailingSince.IsZero() || h.Failures != 0 {
			t.Errorf("got health %+v, want it untouched", h)
		}
		if n := r.engine.Snapshot().Short; n == 0 {
			t.Error("the shortage was not counted")
		}
		if _, err := r.engine.Test(context.Background(), w, events[0]); err == nil || !strings.Contains(err.Error(), "file descriptors") {
			t.Errorf("test: got %v, want words about file descriptors", err)
		}
		sender.short.Store(false)
		time.Sleep(time.Minute)
		for _, a := range append(r.attempts(w), r.attempts(batched)...) {
			if a.Outcome != delivery.Delivered || a.Number != 1 {
				t.Errorf("got attempt %d, %s, want the first to deliver", a.Number, a.Outcome)
			}
		}
		if n := ep.count(); n != 4 {
			t.Errorf("got %d requests, want 3 and a batch", n)
		}
		r.end()
	})
}

// TestCutOffBodyIsDelivered: a 2xx counts whatever becomes of its body, and the log says what that was.
func TestCutOffBodyIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		cut := func(code int) func(int, http.ResponseWriter, *http.Request) {
			return func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "50")
				w.WriteHeader(code)
				w.Write([]byte("ok"))
			}
		}
		drips := func(_ int, w http.ResponseWriter, r *http.Request) {
			w.Write([]byte("ok"))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
		good, slow, bad := r.webhook(r.net.endpoint(cut(202))), r.webhook(r.net.endpoint(drips)), r.webhook(r.net.endpoint(cut(503)))
		r.publish(`{"type":"a","data":1}`)
		time.Sleep(15 * time.Second)
		for _, w := range r.attempts(good) {
			if w.Outcome != delivery.Delivered || w.ErrorKind != "" || !strings.Contains(w.Error, "after 2 of 50") || string(w.Response.Body) != "ok" {
				t.Errorf("cut off: got %s, %q, %q, want it delivered with a remark", w.Outcome, w.ErrorKind, w.Error)
			}
		}
		for _, w := range r.attempts(slow) {
			if w.Outcome != delivery.Delivered || w.ErrorKind != "" || !strings.Contains(w.Error, "body") {
				t.Errorf("slow: got %s, %q, %q, want it delivered with a remark", w.Outcome, w.ErrorKind, w.Error)
			}
		}
		for _, w := range r.attempts(bad) {
			if w.Outcome != delivery.Retrying || w.ErrorKind != "status" || !strings.Contains(w.Error, "503 Service Unavailable; ") {
				t.Errorf("503, cut off: got %s, %q, %q, want a retry because of the status", w.Outcome, w.ErrorKind, w.Error)
			}
		}
		if a, b, c := len(r.attempts(good)), len(r.attempts(slow)), len(r.attempts(bad)); a != 1 || b != 1 || c != 1 {
			t.Errorf("got %d, %d and %d attempts, want 1 each", a, b, c)
		}
		r.end()
	})
}

// TestRefusedURL: a URL that was saved under rules that no longer hold fails at once, with the reason.
func TestRefusedURL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		ep := r.net.endpoint(nil)
		plain := r.webhook(ep)
		private := r.webhook(&endpoint{url: strings.Replace(ep.url, "http://", "https://", 1)})
		r.strict = true
		r.restart()
		ev := r.publish(`{"type":"a","data":1}`)[0]
		time.Sleep(time.Minute)
		for w, want := range map[string]string{plain.ID: "--dev", private.ID: "loopback, private or reserved"} {
			hook, err := r.hooks.Find(plain.Tenant, w)
			if err != nil {
				t.Fatal(err)
			}
			list := r.attempts(hook)
			if len(list) != 1 || list[0].Outcome != delivery.Failed || list[0].ErrorKind != "blocked_address" || !strings.Contains(list[0].Error, want) {
				t.Errorf("%s: got %d attempts, %+v, want one that failed with %q", hook.URL, len(list), list, want)
			}
			a, err := r.engine.Test(context.Background(), hook, ev)
			if err != nil || a.ErrorKind != "blocked_address" || !strings.Contains(a.Error, want) {
				t.Errorf("%s: test: got %+v, %v, want %q", hook.URL, a, err, want)
			}
		}
		if n := ep.count(); n != 0 {
			t.Errorf("got %d requests, want none", n)
		}
		r.end()
	})
}
