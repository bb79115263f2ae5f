package delivery_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/egress/auth"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/webhook"
)

const credential = "canary-b7d1e2c9"

// tokens starts a token server that gives out "…-1", "…-2" … for an hour.
func (r *rig) tokens() *endpoint {
	return r.net.endpoint(func(n int, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token":"%s-%d","token_type":"Bearer","expires_in":3600}`, credential, n)
	})
}

// withOAuth has a webhook authenticate by tokens of the server.
func withOAuth(server *endpoint) func(*webhook.Settings) {
	return func(s *webhook.Settings) {
		s.Auth = auth.Settings{Type: auth.OAuth2, ClientID: "me", ClientSecret: credential, TokenURL: server.url}
	}
}

// fields returns the values of a header in the requests an endpoint got.
func (e *endpoint) fields(name string) (values []string) {
	for _, q := range e.requests() {
		values = append(values, strings.Join(q.header.Values(name), ", "))
	}
	return values
}

// wantUnlogged checks that no entry of the log holds the credential.
func wantUnlogged(t *testing.T, log []*delivery.Attempt) {
	t.Helper()
	for i, a := range log {
		b, err := json.Marshal(a)
		text := []byte(fmt.Sprintf("%+v %+v %s %s", a, a.Response, a.Request.Body, b))
		if a.Response != nil {
			text = append(text, a.Response.Body...)
		}
		if err != nil || bytes.Contains(text, []byte(credential)) {
			t.Errorf("entry %d holds the credential (%v): %s", i, err, text)
		}
	}
}

func TestAuthHeaders(t *testing.T) {
	for name, tc := range map[string]struct {
		auth         auth.Settings
		field        string
		sent, logged string
	}{
		"basic":            {auth.Settings{Type: auth.Basic, Username: "me", Password: credential}, "Authorization", "Basic bWU6Y2FuYXJ5LWI3ZDFlMmM5", "Basic ***"},
		"API key":          {auth.Settings{Type: auth.APIKey, Token: credential}, "Apikey", credential, "***"},
		"another header":   {auth.Settings{Type: auth.APIKey, Token: credential, Header: "X-Mine", Prefix: "Token "}, "X-Mine", "Token " + credential, "***"},
		"none, own header": {auth.Settings{Type: auth.None}, "X-Mine", "own", "own"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start()
				// An endpoint that repeats its requests, as those for tests do.
				ep := r.net.endpoint(func(_ int, w http.ResponseWriter, q *http.Request) {
					w.Header().Set("X-Echo", q.Header.Get(tc.field))
					_ = q.Header.Write(w)
				})
				w := r.webhook(ep, func(s *webhook.Settings) {
					s.Auth = tc.auth
					s.Headers = map[string]string{"x-mine": "own", "X-Other": "stays"}
				})
				r.publish(`{"type":"a","data":1}`)
				time.Sleep(time.Second)
				if _, err := r.engine.Test(context.Background(), w, event.Event{Tenant: w.Tenant, Type: "a", Data: []byte(`1`)}); err != nil {
					t.Fatal(err)
				}
				for i, q := range ep.requests() {
					if got := q.header.Values(tc.field); len(got) != 1 || got[0] != tc.sent {
						t.Errorf("request %d: %s: got %q, want %q", i, tc.field, got, tc.sent)
					}
					if got := q.header.Get("X-Other"); got != "stays" {
						t.Errorf("request %d: X-Other: got %q, want it as it is", i, got)
					}
				}
				log := r.attempts(w)
				if len(log) != 2 || ep.count() != 2 {
					t.Fatalf("got %d entries and %d requests, want 2 of each", len(log), ep.count())
				}
				for i, a := range log {
					var got []string
					for _, f := range a.Request.Header {
						if strings.EqualFold(f.Name, tc.field) {
							got = append(got, f.Value)
						}
					}
					if len(got) != 1 || got[0] != tc.logged {
						t.Errorf("entry %d shows %s as %q, want %q", i, tc.field, got, tc.logged)
					}
				}
				wantUnlogged(t, log)
				list, err := r.ledger.Preview(context.Background(), w, []*event.Event{{Tenant: w.Tenant, Type: "a", Data: []byte(`1`)}})
				if err != nil || list[0].Request == nil {
					t.Fatalf("a preview: got %+v, %v, want a request", list, err)
				}
				var shown []string
				for _, f := range list[0].Request.Header {
					if strings.EqualFold(f.Name, tc.field) {
						shown = append(shown, f.Value)
					}
				}
				if len(shown) != 1 || shown[0] != tc.logged {
					t.Errorf("a preview shows %s as %q, want %q", tc.field, shown, tc.logged)
				}
				r.end()
			})
		})
	}
}

// TestTokenIsShared: deliveries and tests use one token, which is replaced ahead of its end.
func TestTokenIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		server, ep := r.tokens(), r.net.endpoint(nil)
		w := r.webhook(ep, withOAuth(server))
		r.publishMany("a", 100)
		time.Sleep(time.Second)
		if _, err := r.engine.Test(context.Background(), w, event.Event{Tenant: w.Tenant, Type: "a", Data: []byte(`1`)}); err != nil {
			t.Fatal(err)
		}
		// A change of something else, and of the webhook's health, keep the token.
		if _, err := r.hooks.Update(context.Background(), access.System(w.Tenant), w.ID, func(s *webhook.Settings) error { s.Description = "d"; return nil }); err != nil {
			t.Fatal(err)
		}
		r.publish(`{"type":"a","data":1}`)
		time.Sleep(time.Second)
		if n := server.count(); n != 1 {
			t.Errorf("%d tokens for %d requests, want 1", n, ep.count())
		}
		time.Sleep(time.Hour)
		r.publish(`{"type":"a","data":1}`)
		time.Sleep(time.Second)
		values := ep.fields("Authorization")
		want := slices.Repeat([]string{"Bearer " + credential + "-1"}, 102)
		if want = append(want, "Bearer "+credential+"-2"); !slices.Equal(values, want) {
			t.Errorf("got %q, want 102 requests with the first token, then one with the second", values)
		}
		wantUnlogged(t, r.attempts(w))
		r.end()
	})
}

// TestRefusedToken: a 401 in the middle costs one token and no attempt.
func TestRefusedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		server := r.tokens()
		var good atomic.Int64 // the number of the token that is accepted
		good.Store(1)
		ep := r.net.endpoint(func(_ int, w http.ResponseWriter, q *http.Request) {
			if q.Header.Get("Authorization") != fmt.Sprintf("Bearer %s-%d", credential, good.Load()) {
				w.WriteHeader(http.StatusUnauthorized)
			}
		})
		w := r.webhook(ep, withOAuth(server), func(s *webhook.Settings) { s.Retry = webhook.PushRetry() })
		r.publish(`{"type":"a","data":1}`)
		time.Sleep(time.Second)
		good.Store(2)
		r.publish(`{"type":"a","data":2}`)
		time.Sleep(time.Second)
		log := r.attempts(w)
		if len(log) != 2 || log[1].Outcome != delivery.Delivered || log[1].Number != 1 || ep.count() != 3 || server.count() != 2 {
			t.Errorf("got %d attempts (%+v), %d requests, %d tokens, want 2, 3 and 2", len(log), log[len(log)-1], ep.count(), server.count())
		}
		if got := ep.requests()[2].header.Get("X-Relay-Attempt"); got != "1" {
			t.Errorf("the repeated request carries attempt %q, want 1", got)
		}

		// One that refuses fresh tokens, too, rejects.
		good.Store(-1)
		time.Sleep(time.Hour)
		ev := r.publish(`{"type":"a","data":3}`)[0]
		time.Sleep(time.Minute)
		if d := r.delivery(ev, w); d.State != ledger.StateFailed || d.Attempts != 1 || !strings.Contains(d.Reason, "401") {
			t.Errorf("got %+v, want failed after one attempt: 401", d)
		}
		wantUnlogged(t, r.attempts(w))
		r.end()
	})
}

// TestNoToken: a token server that fails, or hangs, is like a network that does.
func TestNoToken(t *testing.T) {
	for name, tc := range map[string]struct {
		answer func(int, http.ResponseWriter, *http.Request)
		words  string
		took   time.Duration
	}{
		"refuses": {status(http.StatusUnauthorized), "the answer is 401", 0},
		"hangs":   {hang, "the limit of 5s for the attempt ran out while waiting for a token", 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start()
				server, ep := r.net.endpoint(tc.answer), r.net.endpoint(nil)
				w := r.webhook(ep, withOAuth(server), func(s *webhook.Settings) {
					s.Retry, s.Timeout = webhook.PushRetry(), 5*time.Second
				})
				ev := r.publish(`{"type":"a","data":1}`)[0]
				time.Sleep(20 * time.Second)
				log := r.attempts(w)
				if len(log) != 1 || log[0].Outcome != delivery.Retrying || log[0].ErrorKind != "auth" || !strings.Contains(log[0].Error, tc.words) {
					t.Fatalf("got %d attempts, the first %+v, want one of kind auth that is tried again: %s", len(log), log[0], tc.words)
				}
				if took := log[0].Timing.Total; took < tc.took || took > tc.took+time.Second {
					t.Errorf("the attempt took %v, want %v", took, tc.took)
				}
				if ep.count() != 0 {
					t.Errorf("%d requests without a token, want none", ep.count())
				}
				cur, err := r.hooks.Get(w.Tenant, w.ID)
				if err != nil || !r.engine.Health(cur).RejectedSince.IsZero() {
					t.Errorf("a missing token counts as rejected by the endpoint: %+v, %v", cur.Health, err)
				}
				server.setAnswer(func(_ int, w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					fmt.Fprint(w, `{"access_token":"t","expires_in":60}`)
				})
				time.Sleep(10 * time.Minute)
				if d := r.delivery(ev, w); d.State != ledger.StateDelivered {
					t.Errorf("once there are tokens: %+v, want delivered", d)
				}
				r.end()
			})
		})
	}
}

// TestChangeOfAuth: what waits for a token of the old settings goes out with the new ones, at once and uncounted.
func TestChangeOfAuth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		server, ep := r.net.endpoint(hang), r.net.endpoint(nil)
		w := r.webhook(ep, withOAuth(server), func(s *webhook.Settings) { s.Timeout = time.Minute })
		ordered := r.webhook(ep, withOAuth(server), func(s *webhook.Settings) { s.Timeout, s.Ordering = time.Minute, webhook.OrderingFIFO })
		var events []event.Event
		for range 3 {
			events = append(events, r.publish(`{"type":"a","data":1,"key":"k"}`)...)
		}
		time.Sleep(time.Second)
		tested := make(chan error, 1)
		go func() {
			_, err := r.engine.Test(context.Background(), w, event.Event{Tenant: w.Tenant, Type: "a", Data: []byte(`1`)})
			tested <- err
		}()
		time.Sleep(time.Second)
		for _, h := range []*webhook.Webhook{w, ordered} {
			_, err := r.hooks.Update(context.Background(), access.System(h.Tenant), h.ID, func(s *webhook.Settings) error {
				s.Auth = auth.Settings{Type: auth.APIKey, Token: credential}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := <-tested; err == nil || !strings.Contains(err.Error(), "test it again") {
			t.Errorf("a test meanwhile: got %v, want a conflict", err)
		}
		time.Sleep(5 * time.Second)
		for _, h := range []*webhook.Webhook{w, ordered} {
			for i, ev := range events {
				if d := r.delivery(ev, h); d.State != ledger.StateDelivered || d.Attempts != 1 {
					t.Errorf("delivery %d to %s: got %+v, want delivered by the first attempt", i, h.Ordering, d)
				}
			}
		}
		if got := ep.fields("ApiKey"); !slices.Equal(got, slices.Repeat([]string{credential}, 6)) {
			t.Errorf("got %q, want the new key 6 times", got)
		}
		r.end()
	})
}

// TestDeletedWhileWaiting: nothing waits for a token of a webhook that is gone, and nothing holds the end up.
func TestDeletedWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		server, ep := r.net.endpoint(hang), r.net.endpoint(nil)
		gone, stays := r.webhook(ep, withOAuth(server)), r.webhook(ep, withOAuth(server))
		ev := r.publish(`{"type":"a","data":1}`)[0]
		time.Sleep(time.Second)
		if err := r.hooks.Delete(context.Background(), access.System(gone.Tenant), gone.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		server.setAnswer(func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"access_token":"t","expires_in":60}`)
		})
		r.restart() // interrupts the one that waits; it is given back
		time.Sleep(time.Minute)
		if d := r.delivery(ev, stays); d.State != ledger.StateDelivered || d.Attempts != 1 {
			t.Errorf("got %+v, want delivered by the first attempt counted", d)
		}
		if n := ep.count(); n != 1 {
			t.Errorf("%d requests, want 1: the other webhook is gone", n)
		}
		r.end()
	})
}

func TestRejected(t *testing.T) {
	for name, tc := range map[string]struct {
		retry  webhook.Retry
		status int
		counts int // attempts until the delivery is given up
	}{
		"push, 401":  {webhook.PushRetry(), 401, 1},
		"push, 403":  {webhook.PushRetry(), 403, 1},
		"relay, 401": {webhook.RelayRetry(), 401, 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start()
				ops := r.net.endpoint(nil)
				r.webhook(ops, func(s *webhook.Settings) { s.Events = []string{delivery.EventRejected} })
				ep := r.net.endpoint(status(tc.status))
				w := r.webhook(ep, func(s *webhook.Settings) {
					s.Retry, s.Auth = tc.retry, auth.Settings{Type: auth.Basic, Username: "me", Password: credential}
				})
				health := func() webhook.Health {
					t.Helper()
					time.Sleep(15 * time.Second) // long enough for it to be stored
					cur, err := r.hooks.Get(w.Tenant, w.ID)
					if err != nil || r.engine.Health(cur) != cur.Health {
						t.Fatalf("got %+v, stored is %+v, %v", r.engine.Health(cur), cur, err)
					}
					return cur.Health
				}
				begin := time.Now()
				r.publish(`{"type":"a","data":1}`)
				if h := health(); h.Rejections != 1 || h.RejectedSince.Sub(begin) > time.Second || !strings.Contains(h.RejectedReason, fmt.Sprint(tc.status)) {
					t.Errorf("after the first answer: %+v, want it flagged", h)
				}
				time.Sleep(4 * time.Hour)
				if n := ops.count(); n != 1 {
					t.Errorf("%d events %s, want 1", n, delivery.EventRejected)
				}
				r.publish(`{"type":"a","data":2}`)
				time.Sleep(4 * time.Hour)
				if h := health(); h.Rejections != 2*tc.counts || ep.count() != 2*tc.counts || ops.count() != 1 {
					t.Errorf("after two deliveries: %+v, %d requests, %d events, want %d rejections and one event", h, ep.count(), ops.count(), 2*tc.counts)
				}
				r.restart()
				if h := health(); h.Rejections != 2*tc.counts {
					t.Errorf("after a restart: %+v, want it kept", h)
				}
				// Another failure is no acceptance.
				ep.setAnswer(status(500))
				r.publish(`{"type":"a","data":3}`)
				if h := health(); h.Rejections != 2*tc.counts {
					t.Errorf("after a 500: %+v, want it kept", h)
				}
				time.Sleep(4 * time.Hour) // its delivery is given up
				// New credentials are not rejected until they are; what fails otherwise stays.
				ep.setAnswer(status(tc.status))
				if _, err := r.hooks.Update(context.Background(), access.System(w.Tenant), w.ID, func(s *webhook.Settings) error {
					s.Auth.Password = "another"
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				if h := health(); h.Rejections != 0 || !h.RejectedSince.IsZero() || h.RejectedReason != "" || h.FailingSince.IsZero() {
					t.Errorf("after a change: %+v, want the flag cleared, and nothing else", h)
				}
				r.publish(`{"type":"a","data":4}`)
				time.Sleep(4 * time.Hour)
				if h := health(); h.Rejections != tc.counts || ops.count() != 2 {
					t.Errorf("rejected again: %+v and %d events, want it flagged, and a second event", h, ops.count())
				}
				ep.setAnswer(nil)
				r.publish(`{"type":"a","data":5}`)
				if h := health(); h != (webhook.Health{}) {
					t.Errorf("after a success: %+v, want nothing", h)
				}
				r.end()
			})
		})
	}
}

// TestTransformCannotAuthenticate: a header that a script sets gives way to that of the authentication.
func TestTransformCannotAuthenticate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.withTransforms()()
		r.start()
		ep := r.net.endpoint(nil)
		w := r.webhook(ep, func(s *webhook.Settings) {
			s.Auth = auth.Settings{Type: auth.APIKey, Token: credential, Header: "X-Key"}
			s.Transform = `function transform(e) { return {headers: {"x-key": "mine", "x-other": "stays"}} }`
		})
		r.publish(`{"type":"a","data":1}`)
		time.Sleep(time.Second)
		if got := ep.fields("X-Key"); !slices.Equal(got, []string{credential}) || !slices.Equal(ep.fields("X-Other"), []string{"stays"}) {
			t.Errorf("got %q and %q, want the credential, and the other header as it is", got, ep.fields("X-Other"))
		}
		wantUnlogged(t, r.attempts(w))
		r.end()
	})
}

// A shownTo notes which certificate each host is shown, and accepts everything.
type shownTo struct {
	mu    sync.Mutex
	hosts map[string][]*egress.Identity
}

func (s *shownTo) Do(_ context.Context, req *egress.Request) (*exchange.Response, exchange.Timing, *egress.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts[req.Target.Host()] = append(s.hosts[req.Target.Host()], req.Identity)
	return &exchange.Response{Status: 200}, exchange.Timing{}, nil
}

// TestCertificateIsShown: package egress shows it; here it counts that each request names the webhook's own, and no other.
func TestCertificateIsShown(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
		cert, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		sender := &shownTo{hosts: make(map[string][]*egress.Identity)}
		r := newRig(t)
		r.sender = sender
		r.start()
		r.webhook(&endpoint{url: "https://127.0.0.1:1001/"}, func(s *webhook.Settings) {
			s.Auth = auth.Settings{
				Type: auth.MTLS,
				Cert: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})),
				Key:  secret.Text(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
			}
		})
		r.webhook(&endpoint{url: "https://127.0.0.1:1002/"})
		r.publish(`{"type":"a","data":1}`, `{"type":"a","data":2}`)
		time.Sleep(time.Second)
		sender.mu.Lock()
		own, other := sender.hosts["127.0.0.1:1001"], sender.hosts["127.0.0.1:1002"]
		sender.mu.Unlock()
		if len(own) != 2 || own[0] == nil || own[0] != own[1] {
			t.Errorf("got %v, want the same certificate in both requests", own)
		}
		if len(other) != 2 || other[0] != nil || other[1] != nil {
			t.Errorf("the other webhook: got %v, want none in both requests", other)
		}
		r.end()
	})
}
