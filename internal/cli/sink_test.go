package cli

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestSinkOutlivesServer ends a sink whose server is gone, as when both get the same signal.
func TestSinkOutlivesServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"id":"wh_gone","secret":"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"}`))
	}))
	signals := make(chan os.Signal, 1)
	stderr := &onText{text: "Listening on", do: func() {
		server.Close()
		signals <- syscall.SIGTERM
	}}
	var stdout strings.Builder
	code := Run([]string{"sink", "--listen", "127.0.0.1:0", "--subscribe", "*"}, Env{
		Stdout: &stdout, Stderr: stderr, Signals: signals,
		LookupEnv: func(name string) (string, bool) {
			v, ok := map[string]string{"RELAY_URL": server.URL, "RELAY_KEY": operatorKey, "HOME": "/nonexistent"}[name]
			return v, ok
		},
	})
	if said := stderr.String(); code != exitOK || !strings.Contains(said, "relay webhooks delete wh_gone") || strings.Contains(said, "relay: ") {
		t.Errorf("got exit code %d and %q, want success and how to delete the webhook", code, said)
	}
}
