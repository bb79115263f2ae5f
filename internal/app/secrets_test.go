package app

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/config"
)

// forms returns the encodings in which a secret could leak.
func forms(secret string) []string {
	list := []string{secret, hex.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret))}
	if raw, ok := strings.CutPrefix(secret, "whsec_"); ok {
		list = append(list, raw)
		if b, err := base64.StdEncoding.DecodeString(raw); err == nil {
			list = append(list, string(b), hex.EncodeToString(b))
		}
	}
	return list
}

// A watch searches everything that leaves the server for secrets.
type watch struct {
	t       *testing.T
	secrets []string
}

func (w *watch) check(where string, b []byte) {
	w.t.Helper()
	for i, s := range w.secrets {
		for j, form := range forms(s) {
			if bytes.Contains(b, []byte(form)) {
				w.t.Errorf("%s holds secret %d in form %d", where, i, j)
			}
		}
	}
}

func (w *watch) checkFile(what, path string) {
	w.t.Helper()
	b, err := os.ReadFile(path)
	if err != nil || len(b) == 0 {
		w.t.Errorf("%s: read %d bytes of %q, %v", what, len(b), path, err)
	}
	w.check(what, b)
}

func (w *watch) checkFiles(when, dir string) {
	w.t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if len(b) > 0 {
			n++
		}
		w.check(when+": "+filepath.Base(path), b)
		return err
	})
	if err != nil || n < 4 {
		w.t.Errorf("%s: read %d files of %q, %v, want the store's", when, n, dir, err)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// TestSecretsStayIn checks that signing secrets, credentials and encryption keys appear unencrypted
// nowhere: not in files of the data folder, including the WAL, not in the log, the metrics, or
// answers other than those that return them on purpose.
func TestSecretsStayIn(t *testing.T) {
	const master = "canary-master-key-0123456789abcdef"
	cfg := settings(t)
	cfg.SecretKey = master
	w := &watch{t: t, secrets: []string{master, adminKey}}
	var logged syncBuffer
	log := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, err := New(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, a) })
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := dial(t, a, adminKey)

	arrived := make(chan []byte, 16)
	endpoint := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var b bytes.Buffer
		r.Header.Write(&b)
		io.Copy(&b, r.Body)
		if strings.HasSuffix(r.URL.Path, "/fails") {
			rw.WriteHeader(http.StatusInternalServerError)
		}
		select {
		case arrived <- b.Bytes():
		default:
		}
	}))
	defer endpoint.Close()
	// Credentials for an endpoint that repeats them, and for a token server that repeats them while
	// refusing.
	echo := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		rw.Header().Set("X-Echo", r.Header.Get("Authorization")+r.Header.Get("ApiKey"))
		if strings.HasPrefix(r.URL.Path, "/token") {
			rw.Header().Set("Content-Type", "application/json")
			if r.URL.Path == "/token-refused" {
				rw.WriteHeader(http.StatusBadRequest)
			}
			_, _ = rw.Write([]byte(`{"access_token":"canary-access-token-5d","error":"` + string(b) + `","error_description":"canary-oauth-8a2b5c"}`))
			return
		}
		if strings.HasSuffix(r.URL.Path, "/fails") {
			rw.WriteHeader(http.StatusForbidden)
		}
		_ = r.Header.Write(rw)
	}))
	defer echo.Close()
	w.secrets = append(w.secrets, "canary-pass-3d9e1f", "canary-token-77c0de", "canary-oauth-8a2b5c", "canary-access-token-5d",
		"bWU6Y2FuYXJ5LXBhc3MtM2Q5ZTFm") // me:canary-pass-3d9e1f
	auths := []client.AuthFields{
		{Type: client.Set("basic"), Username: client.Set("me"), Password: client.Set("canary-pass-3d9e1f")},
		{Type: client.Set("apiKey"), Token: client.Set("canary-token-77c0de")},
		{Type: client.Set("oauth2"), ClientID: client.Set("me"), ClientSecret: client.Set("canary-oauth-8a2b5c"), TokenURL: client.Set(echo.URL + "/token"), Scope: client.Set("")},
		{Type: client.Set("oauth2"), ClientID: client.Set("me"), ClientSecret: client.Set("canary-oauth-8a2b5c"), TokenURL: client.Set(echo.URL + "/token-refused"), Style: client.Set("body"), Scope: client.Set("")},
	}
	var guarded []string // webhooks
	for i := range 2 * len(auths) {
		url := echo.URL + []string{"/works", "/fails"}[i%2]
		wh, err := c.CreateWebhook(t.Context(), client.CreateWebhook{URL: url, Auth: client.Set(auths[i/2]), Preset: client.Set("push"), Signature: client.Set("none")})
		if err != nil {
			t.Fatal(err)
		}
		w.secrets = append(w.secrets, wh.Secret)
		guarded = append(guarded, wh.ID)
	}

	var ids []string
	for _, path := range []string{"/works", "/fails"} {
		url := endpoint.URL + path
		wh, err := c.CreateWebhook(t.Context(), client.CreateWebhook{URL: url})
		if err != nil || !strings.HasPrefix(wh.Secret, "whsec_") {
			t.Fatalf("CreateWebhook: got secret %t, %v, want one", wh.Secret != "", err)
		}
		w.secrets = append(w.secrets, wh.Secret)
		ids = append(ids, wh.ID)
	}
	rotated := call(t, a, "POST", "/v1/webhooks/"+ids[0]+"/rotate-secret", `{}`)
	_, rest, _ := strings.Cut(string(rotated), `"secret":"`)
	fresh, _, _ := strings.Cut(rest, `"`)
	if !strings.HasPrefix(fresh, "whsec_") {
		t.Fatalf("rotate-secret: got %s, want a secret", rotated)
	}
	w.secrets = append(w.secrets, fresh)

	event, err := c.Publish(t.Context(), client.NewEvent{Type: "a.b", Data: map[string]int{"x": 1}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		w.check("a request to an endpoint", <-arrived)
	}
	paths := []string{
		"/v1/webhooks", "/v1/webhooks/" + ids[0], "/v1/webhooks/" + ids[1], "/v1/webhooks/" + ids[0] + "/attempts",
		"/v1/webhooks/" + ids[1] + "/attempts", "/v1/events", "/v1/events/" + event.ID, "/v1/events/" + event.ID + "/deliveries",
		"/v1/events/" + event.ID + "/explain", "/v1/deliveries", "/v1/keys", "/openapi.json", "/metrics", "/livez", "/readyz",
	}
	for i, id := range guarded {
		path := "/v1/webhooks/" + id
		until(t, func() bool { return bytes.Contains(call(t, a, "GET", path+"/attempts", ""), []byte(`"outcome"`)) })
		w.check("test", call(t, a, "POST", path+"/test", `{"type":"a.b"}`))
		w.check("preview", call(t, a, "POST", path+"/preview", `{"events":[{"type":"a.b","data":1}]}`))
		w.check("PATCH", call(t, a, "PATCH", path, `{"description":"d"}`))
		w.check("a refused PATCH", call(t, a, "PATCH", path, `{"url":"https://example.com/","auth":{"type":"mtls","key":"`+w.secrets[2]+`"}}`))
		if log := call(t, a, "GET", path+"/attempts", ""); i < 4 && !bytes.Contains(log, []byte("***")) {
			t.Errorf("the log of webhook %d shows nothing of what was sent, so this shows nothing of it: %s", i, log)
		}
		paths = append(paths, path, path+"/attempts")
	}
	for _, path := range paths {
		w.check("GET "+path, call(t, a, "GET", path, ""))
	}
	w.check("PATCH", call(t, a, "PATCH", "/v1/webhooks/"+ids[0], `{"description":"d"}`))
	w.check("test", call(t, a, "POST", "/v1/webhooks/"+ids[0]+"/test", `{"type":"a.b"}`))
	w.check("a refused PATCH", call(t, a, "PATCH", "/v1/webhooks/"+ids[0], `{"url":"ftp://x","secret":"`+fresh[:10]+`"}`))
	w.checkFiles("while it runs", cfg.Data)
	stop(t, a)
	w.checkFiles("after it has stopped", cfg.Data)
	logged.mu.Lock()
	w.check("the log", logged.b.Bytes())
	if logged.b.Len() == 0 {
		t.Error("nothing was logged, so this shows nothing of the log")
	}
	logged.mu.Unlock()

	// The watch itself works, and the secrets are still there.
	cfg.Listen = "127.0.0.1:0"
	a = run(t, cfg)
	if _, err := dial(t, a, adminKey).ListWebhooksPage(t.Context(), client.ListWebhooksParams{}); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	if !slices.ContainsFunc(forms(fresh), func(f string) bool { return bytes.Contains(rotated, []byte(f)) }) {
		t.Error("the watch does not see a secret where there is one")
	}
}

// call makes a request as admin and returns the whole answer, including the header.
func call(t *testing.T, a *App, method, path, body string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, a.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := httpClient(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	res.Header.Write(&b)
	io.Copy(&b, res.Body)
	return b.Bytes()
}

// A server that cannot get its keys says so and changes nothing.
func TestKeyFileIsNeeded(t *testing.T) {
	cfg := settings(t)
	cfg.SecretKey = "0123456789abcdef0123456789abcdef"
	a := run(t, cfg)
	url := "http://127.0.0.1:9999/"
	if _, err := dial(t, a, adminKey).CreateWebhook(t.Context(), client.CreateWebhook{URL: url}); err != nil {
		t.Fatal(err)
	}
	stop(t, a)
	key := filepath.Join(cfg.Data, keyFile)
	kept, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(name, want string, c config.Config) {
		t.Helper()
		c.Listen = "127.0.0.1:0"
		if _, err := New(t.Context(), c, silent); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want …%s…", name, err, want)
		}
	}
	other := cfg
	other.SecretKey = "another-master-key-0123456789abcdef"
	refused("another master key", "not the master key", other)
	other.SecretKey = ""
	refused("no master key", "set RELAY_SECRET_KEY", other)
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	refused("a key file that everybody can read", "chmod 600", cfg)
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	refused("no key file", "restore the key file", cfg)
	if _, err := os.Stat(key); !os.IsNotExist(err) {
		t.Errorf("the key file after a start that was refused for want of it: got %v, want none", err)
	}
	if err := os.WriteFile(key, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, cfg)
}
