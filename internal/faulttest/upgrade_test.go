package faulttest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/cli"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
)

// TestUpgradeCheck asks "relay upgrade --check" about data of an earlier version, as a kill left them
// (testdata/v0): it names the migrations, and changes nothing.
func TestUpgradeCheck(t *testing.T) {
	type news struct {
		State, Error string
		Opens        bool
		Migrations   []struct {
			Part, About string
			Version     int
		}
	}
	relay := func(args ...string) (code int, stdout string) {
		t.Helper()
		var out, errs bytes.Buffer
		code = cli.Run(args, cli.Env{Stdout: &out, Stderr: &errs, LookupEnv: func(string) (string, bool) { return "", false }})
		return code, out.String() + errs.String()
	}
	check := func(t *testing.T, wantCode int, wantState, wantError string, args ...string) (d news) {
		t.Helper()
		code, out := relay(append([]string{"upgrade", "--check", "--offline"}, args...)...)
		report := struct{ Data *news }{&d}
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			t.Fatalf("got %q, %v, want JSON", out, err)
		}
		if code != wantCode || d.State != wantState || !strings.Contains(d.Error, wantError) || d.Opens != (code != 1) || len(d.Migrations) > 0 != (wantState == "pending") {
			t.Errorf("got exit code %d and %s, want %d, %q and %q", code, out, wantCode, wantState, wantError)
		}
		return d
	}

	t.Run("folder", func(t *testing.T) {
		dir := t.TempDir()
		unpack(t, "testdata/v0/folder.tar.gz", dir)
		before := footprint(t, dir)
		d := check(t, 3, "pending", "", "--data", dir)
		if after := footprint(t, dir); !slices.Equal(before, after) {
			t.Errorf("the folder was changed: got\n%s\nwant\n%s", strings.Join(after, "\n"), strings.Join(before, "\n"))
		}
		// The files hold no schema yet: it is in their write-ahead logs.
		if m := d.Migrations[0]; m.Part != "gate.db" || m.Version != 3 || !strings.HasPrefix(m.About, "The audit log") {
			t.Errorf("got %+v first, want that of the gate's audit log", m)
		}

		key := filepath.Join(dir, "relay.key")
		if err := os.Rename(key, key+".away"); err != nil {
			t.Fatal(err)
		}
		check(t, 1, "pending", "no such file", "--data", dir)
		if err := os.Rename(key+".away", key); err != nil {
			t.Fatal(err)
		}
		if code, out := relay("migrate", "up", "--data", dir); code != 0 {
			t.Fatalf("migrating: got %d and %s", code, out)
		}
		check(t, 0, "current", "", "--data", dir)
		c, err := sqlite3.Open(filepath.Join(dir, "relay.db"))
		if err == nil {
			err = c.Exec(`PRAGMA user_version=999`)
			c.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		check(t, 1, "newer", "relay.db: a newer Relay has changed it", "--data", dir)
		check(t, 1, "unread", "contains no data of Relay", "--data", filepath.Join(dir, "elsewhere"))
	})

	t.Run("database", func(t *testing.T) {
		url := pgtest.Shared(t).Database(t)
		dir := t.TempDir()
		check(t, 0, "none", "", "--database", url, "--data", dir)
		restoreDump(t, url, "testdata/v0/database.sql.gz")
		key, err := os.ReadFile("testdata/v0/database.key")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "relay.key")
		check(t, 1, "pending", "relay.key", "--database", url, "--data", dir)
		if err := os.WriteFile(path, key, 0o600); err != nil {
			t.Fatal(err)
		}
		d := check(t, 3, "pending", "", "--database", url, "--data", dir)
		if again := check(t, 3, "pending", "", "--database", url, "--data", dir); len(again.Migrations) != len(d.Migrations) || d.Migrations[0].Part != "database" {
			t.Errorf("got %+v and then %+v, want the same", d, again)
		}
		other := t.TempDir()
		unpack(t, "testdata/v0/folder.tar.gz", other) // has a key of its own
		check(t, 1, "pending", "sealed with other keys", "--database", url, "--data", other)
		if code, out := relay("migrate", "up", "--database", url); code != 0 {
			t.Fatalf("migrating: got %d and %s", code, out)
		}
		check(t, 0, "current", "", "--database", url, "--data", dir)
		c, err := pgx.Connect(t.Context(), url)
		if err == nil {
			_, err = c.Exec(t.Context(), `UPDATE relay_schema SET version = 999`)
			c.Close(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
		check(t, 1, "newer", "a newer Relay has changed it", "--database", url, "--data", dir)
	})
}

// footprint returns a line for each file of a folder: name, mode, time and content.
func footprint(t *testing.T, dir string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		st, err := e.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprint(path, " ", st.Mode(), " ", st.ModTime())
		if !e.IsDir() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %x", sha256.Sum256(b))
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}
