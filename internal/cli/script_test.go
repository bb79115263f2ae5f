package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/app"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
)

// leakChecked runs the tests and then looks for goroutines that are left.
type leakChecked struct{ *testing.M }

func (l leakChecked) Run() int {
	code := l.M.Run()
	pgtest.StopShared()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"relay": func() {
		signals := make(chan os.Signal, 2)
		signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
		os.Exit(Run(os.Args[1:], Env{
			Stdout: os.Stdout, Stderr: os.Stderr, Stdin: os.Stdin, LookupEnv: os.LookupEnv, Environ: os.Environ, Signals: signals,
		}))
	}})
}

// scriptServer starts a server of the current process for scripts, and returns its address and its
// data folder.
func scriptServer(t *testing.T) (url, data string) {
	t.Helper()
	data = t.TempDir()
	cfg := config.Default()
	cfg.Listen, cfg.Data, cfg.Dev, cfg.AdminKey = "127.0.0.1:0", data, true, operatorKey
	a, err := app.New(context.Background(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stopping the server: %v", err)
		}
	})
	return a.URL(), data
}

// warmTransforms has the server compile its engine for transforms. Under the race detector, on a machine with other work, that
// can take longer than the saving of a webhook waits.
func warmTransforms(t *testing.T, url string) {
	t.Helper()
	c, err := client.New(client.Options{URL: url, Key: operatorKey})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(2 * time.Minute); ; {
		w, err := c.CreateWebhook(t.Context(), client.CreateWebhook{URL: "https://example.com/hook", Transform: client.Set("function transform(e) { return {}; }")})
		if err == nil {
			err = c.DeleteWebhook(t.Context(), w.ID)
		}
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// TestCommands runs the scripts in testdata/script against one server. $RELAY_URL, $RELAY_KEY and
// $DATA are the server's address, key and data folder, $HOOK a receiver that accepts everything.
func TestCommands(t *testing.T) {
	url, data := scriptServer(t)
	warmTransforms(t, url)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(hook.Close)
	var refusals atomic.Int32
	flaky := httptest.NewServer(flakyProxy(url, &refusals)) // answers every second request with 503
	t.Cleanup(flaky.Close)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("RELAY_URL", url)
			e.Setenv("SERVER", url)
			e.Setenv("RELAY_KEY", operatorKey)
			e.Setenv("DATA", data)
			e.Setenv("HOOK", hook.URL)
			e.Setenv("FLAKY", flaky.URL)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_CONFIG_HOME", "")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// eventually runs a command until it succeeds and prints a text.
			"eventually": func(ts *testscript.TestScript, _ bool, args []string) {
				deadline := time.Now().Add(20 * time.Second)
				for ts.Exec(args[1], args[2:]...) != nil || !strings.Contains(ts.ReadFile("stdout"), args[0]) {
					if time.Now().After(deadline) {
						ts.Fatalf("%s did not succeed", strings.Join(args, " "))
					}
					time.Sleep(20 * time.Millisecond) // between looks
				}
			},
			// mode checks the permissions of a file.
			"mode": func(ts *testscript.TestScript, _ bool, args []string) {
				st, err := os.Stat(ts.MkAbs(args[1]))
				ts.Check(err)
				if got := fmt.Sprintf("%04o", st.Mode().Perm()); got != args[0] {
					ts.Fatalf("mode of %s: got %s, want %s", args[1], got, args[0])
				}
			},
			// lines writes so many events, one a line, to a file.
			"lines": func(ts *testscript.TestScript, _ bool, args []string) {
				n := 0
				_, err := fmt.Sscan(args[0], &n)
				ts.Check(err)
				var b strings.Builder
				for i := range n {
					fmt.Fprintf(&b, `{"type":%q,"data":{"n":%d}}`+"\n", args[2], i)
				}
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o600))
			},
		},
	})
}

// flakyProxy hands requests on and answers every second one with 503 afterwards: the client cannot
// know whether it was done.
func flakyProxy(url string, n *atomic.Int32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), r.Method, url+r.URL.RequestURI(), r.Body)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		req.Header = r.Header.Clone()
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		if n.Add(1)%2 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		maps.Copy(w.Header(), res.Header)
		w.WriteHeader(res.StatusCode)
		_, _ = io.Copy(w, res.Body)
	})
}
