package delivery_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/webhook"
)

// TestWhatAnswersMean counts the attempts that each answer costs under each policy, and how the delivery ends.
func TestWhatAnswersMean(t *testing.T) {
	answers := []struct {
		name               string
		answer             func(int, http.ResponseWriter, *http.Request)
		kind               string // of the log's entries
		relay, push, yours int    // attempts
		flagged            bool
	}{
		{"200", status(200), "", 1, 1, 1, false},
		{"204", status(204), "", 1, 1, 1, false},
		{"400", status(400), "status", 5, 1, 1, false},
		{"401", status(401), "status", 5, 1, 1, true},
		{"403", status(403), "status", 5, 1, 1, true},
		{"404", status(404), "status", 5, 1, 3, false},
		{"408", status(408), "status", 5, 4, 1, false},
		{"410", status(410), "status", 5, 1, 1, false},
		{"429 with Retry-After", func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "2400")
			w.WriteHeader(http.StatusTooManyRequests)
		}, "status", 5, 4, 3, false},
		{"500", status(500), "status", 5, 4, 3, false},
		{"503", status(503), "status", 5, 4, 3, false},
		{"timeout", hang, "timeout", 5, 4, 3, false},
		{"reset", func(_ int, w http.ResponseWriter, _ *http.Request) {
			if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
				c.Close()
			}
		}, "reset", 5, 4, 1, false},
		{"TLS failure", status(200), "tls", 5, 4, 1, false}, // its server speaks none
	}
	for name, policy := range map[string]webhook.Retry{
		"relay": webhook.RelayRetry(),
		"push":  webhook.PushRetry(),
		"custom": {
			Attempts: 3, Waits: []time.Duration{time.Minute}, MaxWait: time.Hour,
			RetryOn: []string{"5xx", "404", "429", "timeout"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.start()
				hooks := make([]*webhook.Webhook, len(answers))
				for i, a := range answers {
					hooks[i] = r.webhook(r.net.endpoint(a.answer), func(s *webhook.Settings) {
						s.Retry = policy
						if a.kind == "tls" {
							s.URL = strings.Replace(s.URL, "http:", "https:", 1)
						}
					})
				}
				ev := r.publish(`{"type":"a","data":1}`)[0]
				time.Sleep(10 * time.Hour)
				for i, a := range answers {
					want := map[string]int{"relay": a.relay, "push": a.push, "custom": a.yours}[name]
					log := r.attempts(hooks[i])
					if len(log) != want {
						t.Errorf("%s: got %d attempts, want %d", a.name, len(log), want)
					}
					for _, l := range log {
						if string(l.ErrorKind) != a.kind {
							t.Errorf("%s: attempt %d failed by %q (%s), want %q", a.name, l.Number, l.ErrorKind, l.Error, a.kind)
						}
					}
					if strings.HasPrefix(a.name, "429") {
						for n := range len(log) - 1 {
							if wait := log[n+1].At.Sub(log[n].At); wait < 40*time.Minute || wait > 67*time.Minute {
								t.Errorf("%s: attempt %d came after %v, want the 40 minutes asked for, or the policy's hour", a.name, n+2, wait)
							}
						}
					}
					state := ledger.StateFailed
					if a.kind == "" {
						state = ledger.StateDelivered
					}
					if d := r.delivery(ev, hooks[i]); d.State != state || d.Attempts != want {
						t.Errorf("%s: got %s after %d attempts, want %s after %d", a.name, d.State, d.Attempts, state, want)
					}
					if h := r.engine.Health(hooks[i]); (h.Rejections == want) != a.flagged {
						t.Errorf("%s: got %d rejections, want it flagged: %t", a.name, h.Rejections, a.flagged)
					}
				}
				r.end()
			})
		})
	}
}
