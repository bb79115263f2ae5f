package webhook

import (
	"maps"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/egress/auth"
)

func stored(t *testing.T, w *Webhook) (settings, secrets []byte) {
	t.Helper()
	settings, err := w.StoredSettings()
	if err != nil {
		t.Fatal(err)
	}
	if secrets, err = w.SealSecrets(InClear{}); err != nil {
		t.Fatal(err)
	}
	return settings, secrets
}

func opened(t *testing.T, settings, secrets []byte) *Webhook {
	t.Helper()
	w := &Webhook{ID: "wh_1", Tenant: 1}
	if err := w.OpenSettings(settings); err != nil {
		t.Fatal(err)
	}
	if err := w.OpenSecrets(InClear{}, secrets); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestWhatIsSealed: credentials and headers are with the secrets, and not beside them.
func TestWhatIsSealed(t *testing.T) {
	w := &Webhook{ID: "wh_1", Tenant: 1, Settings: Default(), Secrets: Secrets{Current: "whsec_a"}}
	w.Headers = map[string]string{"X-A": "canary-header"}
	w.Auth = auth.Settings{Type: auth.APIKey, Token: "canary-token", Header: "ApiKey"}
	settings, secrets := stored(t, w)
	if s := string(settings); strings.Contains(s, "canary") || strings.Contains(s, "apiKey") {
		t.Errorf("the settings hold what belongs under the seal: %s", s)
	}
	got := opened(t, settings, secrets)
	if got.Auth != w.Auth || !maps.Equal(got.Headers, w.Headers) || got.Secrets != w.Secrets || got.HeadersInClear() {
		t.Errorf("got %+v, %v, %+v, want them as they were", got.Auth, got.Headers, got.Secrets)
	}
}

// TestStoredBefore: webhooks from before have their headers in clear, no authentication, and are stored anew.
func TestStoredBefore(t *testing.T) {
	got := opened(t, []byte(`{"url":"https://example.com/","headers":{"X-A":"a"}}`), []byte(`{"current":"whsec_a"}`))
	if got.Auth != (auth.Settings{Type: auth.None}) || !maps.Equal(got.Headers, map[string]string{"X-A": "a"}) || !got.HeadersInClear() {
		t.Errorf("got %+v, %v, want no authentication and the header", got.Auth, got.Headers)
	}
	settings, secrets := stored(t, got)
	if got = opened(t, settings, secrets); got.HeadersInClear() || got.Headers["X-A"] != "a" {
		t.Errorf("stored again: got %v, in clear %t, want it sealed", got.Headers, got.HeadersInClear())
	}
}

// TestUnreadableAuth: what another version stored is kept as it is, and can be replaced.
func TestUnreadableAuth(t *testing.T) {
	const odd = `{"type":["x"],"seed":"abc"}`
	got := opened(t, []byte(`{"url":"https://example.com/"}`), []byte(`{"current":"whsec_a","auth":`+odd+`}`))
	if _, err := auth.New(got.Auth, nil); err == nil || !strings.Contains(err.Error(), "unreadable") {
		t.Errorf("using it: got %v, want an error that says so", err)
	}
	settings, secrets := stored(t, got)
	if !strings.Contains(string(secrets), odd) {
		t.Errorf("stored again as %s, want %s in it", secrets, odd)
	}
	got = opened(t, settings, secrets)
	got.Auth = auth.Settings{Type: auth.None}
	if _, secrets = stored(t, got); strings.Contains(string(secrets), "seed") {
		t.Errorf("replaced: stored as %s, want it gone", secrets)
	}
}
