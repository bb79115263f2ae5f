package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/secret"
	"github.com/relay-events/relay/internal/user"
	"github.com/relay-events/relay/internal/webhook"
)

func newKeyring(t *testing.T) *secret.Keyring {
	t.Helper()
	k, err := secret.Open(filepath.Join(t.TempDir(), "relay.key"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func openSealed(t *testing.T, dir string, sealer webhook.Sealer) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: dir, Sealer: sealer, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, os.ErrClosed) { // tests close it to open it again
			t.Errorf("closing: %v", err)
		}
	})
	return s
}

// canaryHook is a webhook whose secrets stand out in a file.
func canaryHook(i, version int) *webhook.Webhook {
	return &webhook.Webhook{
		ID: fmt.Sprintf("wh_%d", i), Tenant: event.DefaultTenant, Status: webhook.Active,
		Settings:  webhook.Settings{URL: "https://example.com/", Events: []string{"*"}},
		Secrets:   webhook.Secrets{Current: fmt.Sprintf("canary-%d-%d", i, version), Previous: fmt.Sprintf("canary-%d-%d", i, version-1)},
		CreatedAt: time.Unix(1, 0), UpdatedAt: time.Unix(1, 0),
	}
}

func putHook(t *testing.T, s *Store, w *webhook.Webhook) {
	t.Helper()
	var err error
	if w.Number == 0 {
		w.Number, err = s.WebhookCreate(t.Context(), w, nil, nil)
	} else {
		err = s.WebhookUpdate(t.Context(), w, nil, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// wantSecrets checks that the store gives back the secrets of hooks 1 to n at a version.
func wantSecrets(t *testing.T, s *Store, n, version int) {
	t.Helper()
	list, err := s.WebhookList(t.Context())
	if err != nil || len(list) != n {
		t.Fatalf("WebhookList: got %d, %v, want %d", len(list), err, n)
	}
	for i, w := range list {
		if want := canaryHook(i+1, version).Secrets; w.Secrets != want {
			t.Errorf("secrets of %s: got %+v, want %+v", w.ID, w.Secrets, want)
		}
	}
}

// filesWith returns the files below dir that hold a text.
func filesWith(t *testing.T, dir, text string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(text)) {
			found = append(found, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestSecretsAreSealed(t *testing.T) {
	dir, k := t.TempDir(), newKeyring(t)
	s := openSealed(t, dir, k)
	for i := range 50 {
		w := canaryHook(i+1, 1)
		putHook(t, s, w)
		w.Secrets = canaryHook(i+1, 2).Secrets
		putHook(t, s, w)
	}
	wantSecrets(t, s, 50, 2)
	if files := filesWith(t, dir, "canary-"); files != nil {
		t.Errorf("secrets stand in clear in %q while the store is open", files)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if files := filesWith(t, dir, "canary-"); files != nil {
		t.Errorf("secrets stand in clear in %q after it was closed", files)
	}
	wantSecrets(t, openSealed(t, dir, k), 50, 2)
}

// TestSecretsFromBefore: a folder that was used without keys, and whose last process was killed, holds no secret in
// clear once it has been opened with keys; neither in rows, nor in free space, nor in the WAL.
func TestSecretsFromBefore(t *testing.T) {
	old := t.TempDir()
	s := openStore(t, old)
	hooks := make([]*webhook.Webhook, 120)
	for i := range hooks {
		hooks[i] = canaryHook(i+1, 1)
		putHook(t, s, hooks[i])
	}
	for version := 2; version <= 3; version++ { // rows that grow move, and leave copies
		for i, w := range hooks {
			w.Secrets = canaryHook(i+1, version).Secrets
			w.Description = strings.Repeat("d", 400*version)
			putHook(t, s, w)
		}
	}
	killed := copyDir(t, old)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if filesWith(t, killed, "canary-") == nil || filesWith(t, old, "canary-") == nil {
		t.Fatal("no secret stands in clear before, so this shows nothing")
	}
	for name, dir := range map[string]string{"stopped": old, "killed": killed} {
		k := newKeyring(t)
		s := openSealed(t, dir, k)
		if files := filesWith(t, dir, "canary-"); files != nil {
			t.Errorf("%s: secrets stand in clear in %q after the start", name, files)
		}
		wantSecrets(t, s, len(hooks), 3)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if files := filesWith(t, dir, "canary-"); files != nil {
			t.Errorf("%s: secrets stand in clear in %q after the end", name, files)
		}
	}
}

// TestHeadersFromBefore: headers that were stored in clear beside sealed secrets are moved under the seal at the start.
func TestHeadersFromBefore(t *testing.T) {
	dir, k := t.TempDir(), newKeyring(t)
	s := openSealed(t, dir, k)
	w := canaryHook(1, 1)
	putHook(t, s, w)
	err := s.config.write(t.Context(), func(c *conn) error {
		return errors.Join(
			c.exec(`UPDATE webhook SET settings = json_set(settings, '$.headers', json('{"X-A":"canary-header"}'))`),
			c.exec(`PRAGMA application_id=1382245731`)) // "Rsec", as it was then
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if filesWith(t, dir, "canary-header") == nil {
		t.Fatal("no header stands in clear before, so this shows nothing")
	}
	s = openSealed(t, dir, k)
	list, err := s.WebhookList(t.Context())
	if err != nil || len(list) != 1 || list[0].Headers["X-A"] != "canary-header" || list[0].HeadersInClear() {
		t.Errorf("got %+v, %v, want the header, sealed", list, err)
	}
	wantSecrets(t, s, 1, 1)
	if files := filesWith(t, dir, "canary-header"); files != nil {
		t.Errorf("headers stand in clear in %q", files)
	}
}

func TestSecretsNeedTheirKeys(t *testing.T) {
	dir := t.TempDir()
	s := openSealed(t, dir, newKeyring(t))
	putHook(t, s, canaryHook(1, 1))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		sealer webhook.Sealer
		want   string
	}{
		"another key file": {newKeyring(t), "restore the key file"},
		"none":             {nil, "opened without keys"},
	} {
		s, err := Open(t.Context(), Options{Dir: dir, Sealer: tc.sealer, Log: slog.New(slog.DiscardHandler)})
		if err == nil {
			_, err = s.WebhookList(t.Context())
			s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want …%s…", name, err, tc.want)
		}
	}
}

// TestSecretsStayInTheirRow: who can write the database cannot give one webhook's secret to another.
func TestSecretsStayInTheirRow(t *testing.T) {
	s := openSealed(t, t.TempDir(), newKeyring(t))
	putHook(t, s, canaryHook(1, 1))
	putHook(t, s, canaryHook(2, 1))
	err := s.config.write(t.Context(), func(c *conn) error {
		return c.exec(`UPDATE webhook SET secrets = (SELECT secrets FROM webhook WHERE id = 'wh_1') WHERE id = 'wh_2'`)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.WebhookList(t.Context()); !errors.Is(err, secret.ErrDamaged) || !strings.Contains(err.Error(), "wh_2") {
		t.Errorf("WebhookList with a copied secret: got %v, want ErrDamaged that names wh_2", err)
	}
}

// A barrier is a Sealer that stops before it answers the first Stale after it was armed.
type barrier struct {
	webhook.Sealer
	once          sync.Once
	armed         atomic.Bool
	arrived, pass chan struct{}
}

func (g *barrier) Stale(sealed []byte) bool {
	stale := g.Sealer.Stale(sealed)
	if g.armed.Load() {
		g.once.Do(func() {
			close(g.arrived)
			<-g.pass
		})
	}
	return stale
}

// TestResealWhileInUse: the operator makes a new key, and what changes while secrets are sealed again is not undone.
func TestResealWhileInUse(t *testing.T) {
	k := newKeyring(t)
	g := &barrier{Sealer: k, arrived: make(chan struct{}), pass: make(chan struct{})}
	s := openSealed(t, t.TempDir(), g)
	n := 210 // more than one transaction seals
	hooks := make([]*webhook.Webhook, n)
	for i := range hooks {
		hooks[i] = canaryHook(i+1, 1)
		putHook(t, s, hooks[i])
	}
	reseal := func(want int) {
		t.Helper()
		if got, err := s.Reseal(t.Context()); err != nil || got != want {
			t.Errorf("Reseal: got %d, %v, want %d", got, err, want)
		}
	}
	reseal(0)
	if err := k.Rotate(); err != nil {
		t.Fatal(err)
	}
	g.armed.Store(true)
	var wg sync.WaitGroup
	wg.Go(func() { reseal(n - 2) }) // reads what it is to seal, and stops in the middle of it
	<-g.arrived
	for i := range 2 {
		hooks[i].Secrets = canaryHook(i+1, 2).Secrets
		putHook(t, s, hooks[i])
	}
	close(g.pass)
	wg.Wait()
	list, err := s.WebhookList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range list {
		version := 1
		if i < 2 {
			version = 2
		}
		if want := canaryHook(i+1, version).Secrets; w.Secrets != want {
			t.Errorf("secrets of %s: got %+v, want %+v", w.ID, w.Secrets, want)
		}
	}
	reseal(0)
}

// TestSecondFactorsAreSealed: the secrets of people's apps are sealed again with a new key like those of webhooks.
func TestSecondFactorsAreSealed(t *testing.T) {
	k := newKeyring(t)
	s := openSealed(t, t.TempDir(), k)
	for _, id := range []string{"usr_1", "usr_2"} {
		u := user.User{ID: id, Tenant: 1, Email: id + "@example.com", Role: access.RoleAdmin, State: user.Invited, Version: 1}
		if err := s.UserInvite(t.Context(), &u, &user.Link{Hash: user.HashToken(id), Kind: user.Invitation, Tenant: 1}, nil, nil); err != nil {
			t.Fatal(err)
		}
		if err := s.FactorPut(t.Context(), user.Factor{Person: id, Secret: []byte(id)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Rotate(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{2, 0} {
		if got, err := s.Reseal(t.Context()); err != nil || got != want {
			t.Errorf("Reseal: got %d, %v, want %d", got, err, want)
		}
		if f, _, err := s.FactorGet(t.Context(), "usr_2"); err != nil || string(f.Secret) != "usr_2" {
			t.Errorf("got %+v, %v", f, err)
		}
	}
	// Sealed bytes do not open at another person.
	err := s.config.write(t.Context(), func(c *conn) error {
		return c.exec(`UPDATE second_factor SET sealed = (SELECT sealed FROM second_factor WHERE person = 'usr_1') WHERE person = 'usr_2'`)
	})
	if err != nil {
		t.Fatal(err)
	}
	if f, _, err := s.FactorGet(t.Context(), "usr_2"); err == nil {
		t.Errorf("another person's: got %+v, want an error", f)
	}
}

// TestRecordsAreSealed: the secrets of records are encrypted, and sealed again with a new key like those of webhooks.
func TestRecordsAreSealed(t *testing.T) {
	dir, k := t.TempDir(), newKeyring(t)
	s := openSealed(t, dir, k)
	put := []*registry.Record{{Name: "with", Body: []byte("{}"), Secrets: []byte(`{"key":"canary-1"}`)}, {Name: "without", Body: []byte("{}")}}
	if err := s.RecordChange(t.Context(), "plans", put, nil, nil); err != nil {
		t.Fatal(err)
	}
	read := func() []registry.Record {
		t.Helper()
		list, err := s.RecordList(t.Context(), "plans")
		if err != nil || len(list) != 2 || string(list[0].Secrets) != `{"key":"canary-1"}` || list[1].Secrets != nil {
			t.Errorf("got %+v, %v", list, err)
		}
		return list
	}
	for _, want := range []int{1, 0} {
		if want > 0 {
			if err := k.Rotate(); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.Reseal(t.Context()); err != nil || got != want {
			t.Errorf("Reseal: got %d, %v, want %d", got, err, want)
		}
		read()
	}
	// Sealed bytes do not open at another record.
	err := s.config.write(t.Context(), func(c *conn) error {
		return c.exec(`UPDATE record SET sealed = (SELECT sealed FROM record WHERE name = 'with') WHERE name = 'without'`)
	})
	if err != nil {
		t.Fatal(err)
	}
	if list, err := s.RecordList(t.Context(), "plans"); err == nil || !strings.Contains(err.Error(), "without") {
		t.Errorf("a record with the secrets of another: got %+v, %v", list, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if files := filesWith(t, dir, "canary-"); files != nil {
		t.Errorf("secrets of records stand unencrypted in %q", files)
	}
}
