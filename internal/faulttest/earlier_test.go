package faulttest

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/destination"
	httpdest "github.com/relay-events/relay/internal/destination/http"
	"github.com/relay-events/relay/internal/egress"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/ledger"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/store/postgres"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/webhook"
)

// earlierStore is a store as this version opens it.
type earlierStore interface {
	account.Store
	access.AuditStore
	catalogue.Store
	delivery.Store
	gate.Store
	ingest.Store
	webhook.Store
	Close() error
}

// TestEarlierVersion opens a folder and a database written by an earlier version (see
// testdata/v0/make.sh), finds all data in them, and delivers the owed deliveries.
func TestEarlierVersion(t *testing.T) {
	// After every owed delivery is due, and before it expires.
	clock := time.Date(2026, 12, 6, 0, 0, 0, 0, time.UTC)
	begin := time.Now()
	now := func() time.Time { return clock.Add(time.Since(begin)) }
	quiet := slog.New(slog.DiscardHandler)

	t.Run("folder", func(t *testing.T) {
		dir := t.TempDir()
		unpack(t, "testdata/v0/folder.tar.gz", dir)
		keys, err := secret.Open(filepath.Join(dir, "relay.key"), nil)
		if err != nil {
			t.Fatal(err)
		}
		s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir, Sealer: keys, Log: quiet, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		earlier(t, s, now)
	})
	t.Run("database", func(t *testing.T) {
		url := pgtest.Shared(t).Database(t)
		restoreDump(t, url, "testdata/v0/database.sql.gz")
		key, err := os.ReadFile("testdata/v0/database.key")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "relay.key") // a file that others may read is refused
		if err := os.WriteFile(path, key, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := postgres.Open(t.Context(), postgres.Options{URL: url, Log: quiet, Now: now, Keys: func(kept []byte) (webhook.Sealer, []byte, error) {
			return secret.OpenShared(path, nil, kept)
		}})
		if err != nil {
			t.Fatal(err)
		}
		earlier(t, s, now)
	})
}

func earlier(t *testing.T, s earlierStore, now func() time.Time) {
	ctx := context.Background()
	t.Cleanup(func() { s.Close() })
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	const tenant = event.DefaultTenant

	keys, err := account.NewAuthenticator(ctx, s)
	check("reading keys", err)
	if k, err := keys.Authenticate("rk_fixture_key_of_the_operator_1"); err != nil || !k.Allows(access.ScopePlatform) {
		t.Errorf("the operator's key: got %+v, %v", k, err)
	}
	if list := keys.List(tenant); !slices.ContainsFunc(list, func(k account.Key) bool { return k.Name == "shop" && k.Allows(access.ScopePublish) }) {
		t.Errorf("got keys %+v, want shop among them", list)
	}
	types, err := catalogue.NewRegistry(ctx, s, catalogue.Options{Evaluator: ingest.Conditions{}})
	check("reading the catalogue", err)
	if typ, ok := types.Lookup(tenant, "order.created"); !ok || !strings.Contains(string(typ.Schema), "total") || types.Broken() != nil {
		t.Errorf("got the type %+v, %t, broken %q", typ, ok, types.Broken())
	}
	if r, ok := types.Rule(tenant, "big"); !ok || r.Type != "order.big" || !r.On {
		t.Errorf("got the rule %+v, %t", r, ok)
	}

	received := make(map[string][]string) // ids of events by path
	var mu sync.Mutex
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		received[r.URL.Path] = append(received[r.URL.Path], string(body))
	}))
	defer endpoint.Close()
	client := egress.New(egress.Options{Dev: true})
	defer client.Close()
	hooks, err := webhook.NewRegistry(ctx, s, client)
	check("reading webhooks", err)
	byName := make(map[string]*webhook.Webhook)
	for _, w := range hooks.List(tenant) {
		byName[w.Description] = w
	}
	ok, down, batch, paused := byName["takes everything"], byName["refuses"], byName["in batches"], byName["paused later"]
	if ok == nil || down == nil || batch == nil || paused == nil {
		t.Fatalf("got webhooks %v, want four", byName)
	}
	if ok.Headers["X-Own"] != "header s3cret" || ok.Auth.Password.Reveal() != "auth s3cret" || ok.Secrets.Current != "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" {
		t.Errorf("got headers %v and secret %q, want those that were sealed", ok.Headers, ok.Secrets.Current)
	}
	people, err := gate.New(ctx, gate.Config{Store: s, Webhooks: hooks, Log: slog.New(slog.DiscardHandler)})
	check("opening the gate", err)
	defer people.Stop()
	if v := people.View(tenant); !v.Enabled || v.Mode != gate.Decide || v.Webhook == nil || v.Webhook.Auth.Token.Reveal() != "gate s3cret" {
		t.Errorf("got the gate %+v", v.Settings)
	}
	if k, err := people.Campaign(ctx, tenant, 7); err != nil || k.Name != "autumn" || k.Stored != 2 {
		t.Errorf("got campaign %+v, %v, want autumn with two", k, err)
	}
	entries, _, err := s.AuditList(ctx, access.Query{Tenant: tenant, Limit: 10})
	if err != nil || len(entries) != 2 || entries[0].Action != "gate.update" || entries[1].Action != "key.create" || entries[1].Targets[0].ID == "" {
		t.Errorf("got the audit log %+v, %v, want the gate and a key", entries, err)
	}
	if jobs, err := s.JobList(ctx, tenant); err != nil || len(jobs) != 1 || jobs[0].Kind != delivery.JobReplay {
		t.Errorf("got jobs %+v, %v, want the replay", jobs, err)
	}

	// Delivered events are in the log, with the requests sent.
	destinations := httpdest.Table(httpdest.Options{Client: client, Tokens: client, UserAgent: "Relay/test", Now: now})
	destinations.Owners = map[string]destination.Wrapper{gate.Owner: people}
	engine, err := delivery.New(delivery.Config{Store: s, Webhooks: hooks, Destinations: destinations, Now: now, Log: slog.New(slog.DiscardHandler)})
	check("making the engine", err)
	history, err := ledger.New(ledger.Config{Store: s, Webhooks: hooks, Machine: engine})
	check("making the ledger", err)
	log, _, err := history.Attempts(ctx, delivery.LogQuery{Tenant: tenant, Webhook: ok.Number, Limit: 100})
	check("reading the log", err)
	bodies := 0
	for _, a := range log {
		whole, err := history.Attempt(ctx, tenant, a.ID)
		check("reading an attempt", err)
		if whole.Outcome == delivery.Delivered && strings.Contains(string(whole.Request.Body), `s\u00f8ren <&>`) && whole.Response != nil {
			bodies++
		}
	}
	if len(log) != 11 || bodies < 3 {
		t.Errorf("got %d attempts, %d of them with the body that was sent, want 11 and those of three events and more", len(log), bodies)
	}

	// The endpoints are up now; owed deliveries arrive.
	p := access.System(tenant)
	for _, w := range []*webhook.Webhook{down, batch, paused} {
		path := strings.TrimPrefix(w.URL, "http://127.0.0.1:18082")
		_, err := hooks.Update(ctx, p, w.ID, func(s *webhook.Settings) error { s.URL = endpoint.URL + path; return nil })
		check("moving an endpoint", err)
	}
	check("starting the engine", engine.Start(ctx))
	defer engine.Stop(ctx)
	publisher := ingest.New(s, engine, types)
	defer publisher.Stop()
	_, err = hooks.Resume(ctx, p, paused.ID)
	check("resuming", err)
	holds := func(path string, names ...string) bool {
		mu.Lock()
		defer mu.Unlock()
		all := strings.Join(received[path], "")
		for _, name := range names {
			if !strings.Contains(all, name) {
				return false
			}
		}
		return true
	}
	due := func() error {
		switch {
		case !holds("/down", `"total":60`, `"total":120`, `"total":180`, `"total":7`):
			return errors.New("/down lacks some")
		case !holds("/batch", `"total":60`, `"total":120`, `"total":180`, `"total":7`):
			return errors.New("/batch lacks some")
		case !holds("/paused", `"total":60`, `"total":120`, `"total":180`):
			return errors.New("/paused lacks some")
		}
		return nil
	}
	end := time.Now().Add(patience)
	for err = due(); err != nil && time.Now().Before(end); err = due() {
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		mu.Lock()
		t.Errorf("%v: got %q", err, received)
		mu.Unlock()
	}
}

func unpack(t *testing.T, file, dir string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, h.Name)
		if h.FileInfo().IsDir() {
			err = os.MkdirAll(path, 0o700)
		} else {
			var b []byte
			if b, err = io.ReadAll(r); err == nil {
				err = os.WriteFile(path, b, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// restoreDump runs the statements of a dump.
func restoreDump(t *testing.T, url, file string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	sql, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(t.Context(), string(sql), pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
}
