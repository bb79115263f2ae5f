package cli

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/relay-events/relay/internal/store/postgres/pgtest"
)

// onText calls do the first time that a text is written.
type onText struct {
	text string
	do   func()

	mu   sync.Mutex
	b    bytes.Buffer // guarded by mu
	once sync.Once
}

// Write implements io.Writer.
func (o *onText) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.b.Write(p)
	if strings.Contains(o.b.String(), o.text) {
		o.once.Do(o.do)
	}
	return len(p), nil
}

func (o *onText) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// TestServeWaitsForDatabase starts a server before its database: it says so once, and is ready when the
// database is.
func TestServeWaitsForDatabase(t *testing.T) {
	server := pgtest.Shared(t)
	u, err := url.Parse(server.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	query := u.Query()
	query.Set("host", dir)
	u.RawQuery = query.Encode()
	signals := make(chan os.Signal, 1)
	stderr := &onText{text: "waiting for the database", do: func() {
		if err := os.Symlink(server.Socket(), filepath.Join(dir, ".s.PGSQL.5432")); err != nil {
			t.Error(err)
		}
	}}
	stdout := &onText{text: `"ready":true`, do: func() { signals <- syscall.SIGTERM }}
	code := Run([]string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, Env{
		Stdout: stdout, Stderr: stderr, Signals: signals,
		LookupEnv: func(name string) (string, bool) {
			v, ok := map[string]string{"RELAY_DATABASE": u.String(), "RELAY_ADMIN_KEY": operatorKey}[name]
			return v, ok
		},
	})
	if code != exitOK || strings.Count(stderr.String(), "waiting for the database") != 1 {
		t.Errorf("got exit code %d and %s, want that it waits, says so once, and runs", code, fmt.Sprint(stderr))
	}
}
