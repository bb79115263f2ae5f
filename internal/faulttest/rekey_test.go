//go:build linux

package faulttest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/testenv"
)

// TestKillWhileKeysAreReplaced kills the server at any moment while the encryption keys are
// replaced: each start opens all secrets and finds them unchanged.
func TestKillWhileKeysAreReplaced(t *testing.T) {
	kills := count(t, "RELAY_FAULT_REKEYS", 5, 4)
	rng := seeded(t)
	r, rec := newRelay(t, filepath.Join(t.TempDir(), "data")), newRecorder(t)
	r.start()
	const many = 220 // more than one transaction seals
	ids := make(map[string]string)
	for i := range many {
		name := fmt.Sprint("hook", i)
		w, err := r.api.CreateWebhook(context.Background(), client.CreateWebhook{
			URL:  rec.server.URL + "/" + name,
			Auth: client.Set(client.AuthFields{Type: client.Set("apiKey"), Token: client.Set("token of " + name)}),
		})
		if err != nil {
			t.Fatal(err)
		}
		rec.trust(name, w.Secret)
		ids[name] = w.ID
	}
	post := func(path string) (string, error) {
		req, err := http.NewRequest("POST", r.url()+path, strings.NewReader(`{}`))
		if err != nil {
			return "", err
		}
		req.Header.Set("Authorization", "Bearer "+adminKey)
		req.Header.Set("Content-Type", "application/json")
		res, err := r.http.Do(req)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		return string(b), err
	}
	begun := time.Now()
	if b, err := post("/v1/encryption-keys/rotate"); err != nil || b != fmt.Sprintf(`{"webhooks":%d}`, many) {
		t.Fatalf("replacing the keys: got %s, %v, want all %d webhooks", b, err, many)
	}
	took := time.Since(begun)
	interrupted := 0
	for range kills {
		answered := make(chan bool, 1)
		go func() {
			_, err := post("/v1/encryption-keys/rotate")
			answered <- err == nil
		}()
		time.Sleep(time.Duration(rng.Int64N(int64(took))))
		r.life().kill()
		if !<-answered {
			interrupted++
		}
		intact(t, copyData(t, r.dir))
		r.start()
		for range 5 {
			name := fmt.Sprint("hook", rng.IntN(many))
			b, err := post("/v1/webhooks/" + ids[name] + "/test")
			var v struct{ Attempt client.Attempt }
			if err != nil || json.Unmarshal([]byte(b), &v) != nil || v.Attempt.Outcome != "delivered" {
				t.Errorf("testing %s: got %s, %v, want it delivered", name, b, err)
			}
		}
	}
	for _, q := range rec.seen() {
		if q.wrong != "" {
			t.Errorf("%s got a request that is wrong: %s", q.hook, q.wrong)
		}
		if got := q.header.Get("ApiKey"); got != "token of "+q.hook {
			t.Errorf("%s got the key %q, want its own", q.hook, got)
		}
	}
	if interrupted == 0 {
		t.Errorf("none of %d kills came while the keys were replaced, which takes %v", kills, took)
	}
	r.stop()
	testenv.Report(t, testenv.Figures{Faults: kills, Recovery: r.slowest})
	t.Logf("%d kills, %d of them meanwhile; it takes %v", kills, interrupted, took)
}
