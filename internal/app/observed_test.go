package app

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
)

// lockedBuffer is a log that the server writes while the test reads.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestAttemptsAreSeen: with the settings metricsWebhooks and log.attempts an attempt is on the page of metrics and in the log.
func TestAttemptsAreSeen(t *testing.T) {
	c := settings(t)
	c.MetricsWebhooks, c.Log.Attempts = 3, true
	log := new(lockedBuffer)
	a, err := New(t.Context(), c, slog.New(slog.NewJSONHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, a) })
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	endpoint := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer endpoint.Close()
	api := dial(t, a, adminKey)
	hook, err := api.CreateWebhook(t.Context(), client.CreateWebhook{URL: endpoint.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.Publish(t.Context(), client.NewEvent{Type: "a.b", Data: 1}); err != nil {
		t.Fatal(err)
	}
	page := func() string { return string(call(t, a, http.MethodGet, "/metrics", "")) }
	series := `relay_webhook_attempts_total{outcome="delivered",webhook="` + hook.ID + `"} 1`
	line := `"msg":"attempt","component":"attempts","tenant":1,"webhook":"` + hook.ID + `"`
	for end := time.Now().Add(30 * time.Second); !strings.Contains(page(), series) || !strings.Contains(log.String(), line); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the page:\n%s\nthe log:\n%s\nwant %s and %s", page(), log.String(), series, line)
		}
	}
	if !strings.Contains(page(), `relay_delivery_lag_seconds_bucket{le="+Inf"} 1`) {
		t.Error("the delivery's lag is not on the page")
	}
}
