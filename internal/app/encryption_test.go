package app

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/receiver"
)

// holds returns the files of a folder that contain the bytes.
func holds(t *testing.T, dir string, b []byte) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if bytes.Contains(content, b) {
			names = append(names, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// mark returns the bytes with which every value sealed by the newest key of a folder begins.
func mark(t *testing.T, dir, master string) []byte {
	t.Helper()
	k, err := secret.Open(filepath.Join(dir, keyFile), []byte(master))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := k.Seal(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	return sealed[:6] // version, and Tink's prefix with the id of the key
}

// An inspector is an endpoint that accepts only requests signed, authenticated and labelled as
// configured in its webhook.
type inspector struct {
	*httptest.Server
	mu        sync.Mutex
	verifiers map[string]*receiver.Receiver
}

func newInspector(t *testing.T) *inspector {
	in := &inspector{verifiers: make(map[string]*receiver.Receiver)}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		_, password, _ := r.BasicAuth()
		in.mu.Lock()
		v := in.verifiers[r.URL.Path]
		in.mu.Unlock()
		switch {
		case err != nil || v == nil || v.Verify(r.Header, body) != nil:
			w.WriteHeader(http.StatusBadRequest)
		case password != "password of "+r.URL.Path || r.Header.Get("X-Own") != r.URL.Path:
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(in.Close)
	return in
}

// settings returns the settings of a webhook for the path.
func (in *inspector) settings(path string) client.CreateWebhook {
	return client.CreateWebhook{
		URL: in.URL + path, Headers: client.Set(map[string]string{"X-Own": path}),
		Auth: client.Set(client.AuthFields{Type: client.Set("basic"), Username: client.Set("me"), Password: client.Set("password of " + path)}),
	}
}

func (in *inspector) trust(t *testing.T, path, secret string) {
	t.Helper()
	v, err := receiver.New(receiver.Config{Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.verifiers[path] = v
}

// TestReplaceEncryptionKeys checks re-keying: during it the server accepts changes and delivers as
// before, and afterwards no value opens with the old key or the old master key.
func TestReplaceEncryptionKeys(t *testing.T) {
	const master = "canary-new-master-0123456789abcdef"
	cfg := settings(t)
	var logged syncBuffer
	a, err := New(t.Context(), cfg, slog.New(slog.NewJSONHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, a) })
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c, in := dial(t, a, adminKey), newInspector(t)
	ids := make(map[string]string)
	create := func(path string) {
		t.Helper()
		w, err := c.CreateWebhook(t.Context(), in.settings(path))
		if err != nil {
			t.Fatal(err)
		}
		in.trust(t, path, w.Secret)
		ids[path] = w.ID
	}
	working := func(when string) {
		t.Helper()
		for path, id := range ids {
			if b := call(t, a, "POST", "/v1/webhooks/"+id+"/test", `{}`); !bytes.Contains(b, []byte(`"outcome":"delivered"`)) {
				t.Errorf("%s: testing %s: got %s, want it delivered", when, path, b)
			}
		}
	}
	rotate := func(body string) []byte {
		t.Helper()
		return call(t, a, "POST", "/v1/encryption-keys/rotate", body)
	}
	const many = 30
	for i := range many {
		create(fmt.Sprint("/hook-", i))
	}
	first := mark(t, cfg.Data, "")
	if holds(t, cfg.Data, first) == nil {
		t.Fatal("nothing is sealed with the first key, so this shows nothing")
	}
	if b := rotate(`{"secretKey":"short"}`); !bytes.Contains(b, []byte("secretKey")) {
		t.Errorf("a short master key: got %s, want it refused", b)
	}

	// Webhooks are created and changed while the key is replaced.
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 20 {
			create(fmt.Sprint("/late-", i))
		}
	})
	answers := make([][]byte, 3)
	for i := range answers {
		answers[i] = rotate(``)
	}
	wg.Wait()
	for i, b := range answers {
		if !bytes.Contains(b, []byte(`"webhooks":`)) {
			t.Errorf("rotation %d: got %s, want how many were sealed", i, b)
		}
	}
	if b := rotate(`{"secretKey":"` + master + `"}`); !bytes.Contains(b, []byte(fmt.Sprintf(`"webhooks":%d}`, many+20))) || bytes.Contains(b, []byte(master)) {
		t.Errorf("a new master key: got %s, want all %d webhooks", b, many+20)
	}
	if files := holds(t, cfg.Data, first); files != nil {
		t.Errorf("%q hold what the first key sealed", files)
	}
	working("after it")
	stop(t, a)

	old := cfg
	old.Listen = "127.0.0.1:0"
	if _, err := New(t.Context(), old, silent); err == nil || !strings.Contains(err.Error(), "RELAY_SECRET_KEY") {
		t.Errorf("starting without the new master key: got %v, want it asked for", err)
	}
	last := mark(t, cfg.Data, master)
	if bytes.Equal(first, last) || holds(t, cfg.Data, last) == nil {
		t.Error("nothing is sealed with the newest key")
	}
	cfg.SecretKey = master
	a = run(t, cfg)
	working("after a restart")
	(&watch{t: t, secrets: []string{master}}).checkFiles("at the end", cfg.Data)
	logged.mu.Lock()
	defer logged.mu.Unlock()
	if bytes.Contains(logged.b.Bytes(), []byte(master)) || !bytes.Contains(logged.b.Bytes(), []byte("encryption keys were replaced")) {
		t.Error("the log holds the master key, or not that keys were replaced")
	}
}
