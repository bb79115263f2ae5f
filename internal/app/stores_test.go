//go:build unix

package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
	"github.com/relay-events/relay/internal/config"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
)

func init() { afterTests = pgtest.StopShared }

// onStores runs a test with each store.
func onStores(t *testing.T, f func(t *testing.T, c config.Config)) {
	t.Run("folder", func(t *testing.T) { f(t, settings(t)) })
	t.Run("database", func(t *testing.T) { f(t, databaseSettings(t)) })
}

// databaseSettings returns the settings of a server on a fresh database.
func databaseSettings(t *testing.T) config.Config {
	t.Helper()
	c := settings(t)
	c.Database = config.DatabaseURL(pgtest.Shared(t).Database(t))
	return c
}

// Servers that share a database share the keys by their master key, or by a copy of the key file. A
// server with neither is refused, with an explanation, before it can act.
func TestServersShareKeys(t *testing.T) {
	const master = "0123456789abcdef0123456789abcdef"
	url := "http://127.0.0.1:9999/"
	refused := func(t *testing.T, want string, c config.Config) {
		t.Helper()
		if _, err := New(t.Context(), c, silent); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
	secrets := func(t *testing.T, a *App) string {
		t.Helper()
		page, err := dial(t, a, adminKey).ListWebhooksPage(t.Context(), client.ListWebhooksParams{})
		if err != nil || len(page.Data) != 1 {
			t.Fatalf("webhooks: got %+v, %v, want one", page, err)
		}
		w, err := a.webhooks.Get(1, page.Data[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		return w.Secrets.Current
	}
	t.Run("master key", func(t *testing.T) {
		c := databaseSettings(t)
		first := run(t, c) // without a master key at first: the keys are in its folder
		w, err := dial(t, first, adminKey).CreateWebhook(t.Context(), client.CreateWebhook{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		stop(t, first)
		c.SecretKey = master
		first = run(t, c) // moves its keys to the database
		second := c
		second.Data = t.TempDir()
		if got := secrets(t, run(t, second)); got != w.Secret {
			t.Errorf("secret at the second server: got %q, want %q", got, w.Secret)
		}
		second.SecretKey = "another-master-key-0123456789abcdef"
		refused(t, "not the master key", second)
		second.SecretKey = ""
		refused(t, "set RELAY_SECRET_KEY", second)
		if got := secrets(t, first); got != w.Secret {
			t.Errorf("secret at the first server: got %q, want %q", got, w.Secret)
		}
	})
	t.Run("key file", func(t *testing.T) {
		c := databaseSettings(t)
		run(t, c) // no webhooks yet: only the check detects it
		second := c
		second.Data = t.TempDir()
		refused(t, "sealed with other keys", second)
		second.SecretKey = master
		refused(t, "sealed with other keys", second)
		second.Data, second.SecretKey = c.Data, ""
		run(t, second)
	})
}

// A database that does not answer ends the start with a message that does not contain its password.
func TestNoDatabase(t *testing.T) {
	c := settings(t)
	c.Database = "postgres://relay:hush@127.0.0.1:1/name?connect_timeout=1"
	_, err := New(context.Background(), c, silent)
	if err == nil || !strings.Contains(err.Error(), "opening the database") || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v, want an error about the database, without its password", err)
	}
}

// A key created on one server is valid on another within a second, and so is its revocation.
func TestServersShareConfiguration(t *testing.T) {
	c := databaseSettings(t)
	first, second := run(t, c), run(t, c)
	var made struct{ ID, Key string }
	answer := call(t, first, "POST", "/v1/keys", `{"name":"shared","scopes":["manage"]}`)
	if _, body, _ := bytes.Cut(answer, []byte("\n{")); json.Unmarshal(append([]byte("{"), body...), &made) != nil || made.Key == "" {
		t.Fatalf("creating a key: got %s", answer)
	}
	there := dial(t, second, made.Key)
	works := func(want bool) {
		t.Helper()
		begun := time.Now()
		for {
			_, err := there.ListWebhooksPage(t.Context(), client.ListWebhooksParams{})
			var refused *client.Error
			switch {
			case err != nil && (!errors.As(err, &refused) || refused.Status != http.StatusUnauthorized):
				t.Fatal(err)
			case (err == nil) == want:
				// The promise is a second; a busy machine gets more.
				if took := time.Since(begun); took > 5*time.Second {
					t.Errorf("the other server followed after %v, want about 1s", took)
				}
				return
			case time.Since(begun) > 30*time.Second:
				t.Fatalf("the key works at the other server: %t, want %t", !want, want)
			}
			time.Sleep(200 * time.Millisecond) // failures are limited
		}
	}
	works(true)
	call(t, first, "DELETE", "/v1/keys/"+made.ID, "")
	works(false)
}

// A tenant that is suspended on one server takes no events on another within two seconds.
func TestServersShareSuspensions(t *testing.T) {
	c := databaseSettings(t)
	first, second := run(t, c), run(t, c)
	call(t, first, "POST", "/v1/tenants", `{"id":"acme"}`)
	takes := func(want int) {
		t.Helper()
		begun := time.Now()
		for {
			req, err := http.NewRequest("POST", second.URL()+"/v1/events", strings.NewReader(`{"type":"a.b","data":1}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+adminKey)
			req.Header.Set("Relay-Tenant", "acme")
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			switch {
			case resp.StatusCode == want:
				// The promise is two seconds; a busy machine gets more.
				if took := time.Since(begun); took > 10*time.Second {
					t.Errorf("the other server answered %d after %v, want about 1s", want, took)
				}
				return
			case time.Since(begun) > 30*time.Second:
				t.Fatalf("the other server answers %d, want %d", resp.StatusCode, want)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	takes(http.StatusAccepted)
	call(t, first, "POST", "/v1/tenants/acme/suspend", "")
	takes(http.StatusForbidden)
	call(t, first, "POST", "/v1/tenants/acme/resume", "")
	takes(http.StatusAccepted)
}

// Of 50 webhooks that are created at the same time on two servers, as many are as the plan allows.
func TestPlanLimitsHoldOverServers(t *testing.T) {
	c := databaseSettings(t)
	servers := []*App{run(t, c), run(t, c)}
	call(t, servers[0], "POST", "/v1/tenants", `{"id":"acme","plan":"team"}`)
	status := func(a *App) int {
		req, err := http.NewRequest("POST", a.URL()+"/v1/webhooks", strings.NewReader(`{"url":"https://example.com/"}`))
		if err != nil {
			t.Error(err)
			return 0
		}
		req.Header.Set("Authorization", "Bearer "+adminKey)
		req.Header.Set("Relay-Tenant", "acme")
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return 0
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	// The other server learns of the tenant.
	for begun := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		if servers[1].tenants.Tenants()[len(servers[1].tenants.Tenants())-1].Name == "acme" {
			break
		}
		if time.Since(begun) > 30*time.Second {
			t.Fatal("the other server does not know the tenant")
		}
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	got := map[int]int{}
	for i := range 50 {
		wg.Go(func() {
			s := status(servers[i%2])
			mu.Lock()
			defer mu.Unlock()
			got[s]++
		})
	}
	wg.Wait()
	if got[http.StatusCreated] != 5 || got[http.StatusForbidden] != 45 {
		t.Errorf("got %v, want 5 created and 45 refused", got)
	}
}
