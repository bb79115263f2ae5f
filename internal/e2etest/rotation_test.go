package e2etest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// officialVerifier returns the library of Standard Webhooks with one secret.
func officialVerifier(t testing.TB, secret string) *standardwebhooks.Webhook {
	t.Helper()
	v, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatalf("the official library refuses the secret: %v", err)
	}
	return v
}

// TestStandardSignature lets the official library verify deliveries, before and after a rotation
// without overlap.
func TestStandardSignature(t *testing.T) {
	t.Parallel()
	r := startRelay(t)
	v := startReceiver(t)
	hook := r.webhook(`{"url":"` + v.url + `","signature":"standard"}`)
	current, old := officialVerifier(t, hook.Secret), (*standardwebhooks.Webhook)(nil)
	for round := range 4 {
		id := r.publish(fmt.Sprintf(`{"type":"call.completed","data":{"round":%d,"name":"\u00e9 😀"}}`, round)).ID
		got := v.next()
		if err := current.Verify(got.body, got.header); err != nil {
			t.Errorf("round %d: verifying with the secret of the last answer: %v", round, err)
		}
		if old != nil && old.Verify(got.body, got.header) == nil {
			t.Errorf("round %d: the secret from before the rotation still verifies, want it invalid at once", round)
		}
		if err := current.Verify(append([]byte(" "), got.body...), got.header); err == nil {
			t.Errorf("round %d: a changed body verifies", round)
		}
		d := r.waitState(id, hook.ID, "delivered")
		if got.header.Get("webhook-id") != d.ID {
			t.Errorf("webhook-id: got %q, want the delivery's id %q", got.header.Get("webhook-id"), d.ID)
		}
		var rotated hookDoc
		r.into(&rotated, 200, "POST", "/v1/webhooks/"+hook.ID+"/rotate-secret", "")
		old, current = current, officialVerifier(t, rotated.Secret)
	}

	// The signature relay has only one value, so it does not support an overlap.
	plain := r.webhook(`{"url":"` + v.url + `"}`)
	if got := r.refused(422, "POST", "/v1/webhooks/"+plain.ID+"/rotate-secret", `{"overlap":"1h"}`); got != "overlap" {
		t.Errorf("overlap under the signature relay: got the fields %q, want overlap", got)
	}
}

// TestRotationUnderLoad rotates the secret repeatedly while events flow to a receiver that knows
// one secret and learns the new one late: with an overlap every delivery must verify.
func TestRotationUnderLoad(t *testing.T) {
	const (
		rotations = 8
		// lag is how many deliveries a receiver gets between a rotation and learning of it, and
		// between that and the next rotation.
		lag   = 150
		every = 3 * time.Millisecond // interval between events
	)
	r := startRelay(t)
	var known atomic.Pointer[standardwebhooks.Webhook]
	var verified, failed atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		verifier := known.Load()
		body, _ := io.ReadAll(req.Body)
		if err := verifier.Verify(body, req.Header); err != nil {
			failed.Add(1)
			t.Errorf("verifying a delivery: %v; its signatures: %q", err, req.Header.Get("webhook-signature"))
			w.WriteHeader(401)
			return
		}
		verified.Add(1)
	}))
	defer s.Close()
	hook := r.webhook(`{"url":"` + s.URL + `","signature":"relay+standard","maxConcurrency":4}`)
	known.Store(officialVerifier(t, hook.Secret))

	stop := make(chan struct{})
	var published atomic.Int64
	var publishers sync.WaitGroup
	publishers.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			if a, err := r.try("POST", "/v1/events", `{"type":"call.completed","data":{"n":1}}`); err != nil || a.status != 202 {
				t.Errorf("publishing: got %d %s, %v, want 202", a.status, a.body, err)
				return
			}
			published.Add(1)
		}
	})
	arrive := func(n int64) {
		t.Helper()
		goal := verified.Load() + failed.Load() + n
		eventually(t, fmt.Sprintf("%d more deliveries", n), func() bool { return verified.Load()+failed.Load() >= goal })
	}
	for range rotations {
		arrive(lag)
		var rotated hookDoc
		r.into(&rotated, 200, "POST", "/v1/webhooks/"+hook.ID+"/rotate-secret", `{"overlap":"1h"}`)
		arrive(lag)
		known.Store(officialVerifier(t, rotated.Secret))
	}
	arrive(lag)
	close(stop)
	publishers.Wait()
	eventually(t, "all deliveries have arrived", func() bool { return verified.Load()+failed.Load() >= published.Load() })
	t.Logf("%d deliveries over %d rotations with overlap: %d verified, %d failed", published.Load(), rotations, verified.Load(), failed.Load())
}
