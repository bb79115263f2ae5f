package sqlite

import (
	"slices"
	"strings"
	"testing"
)

func TestSchemaIsReadAndMigrated(t *testing.T) {
	dir := t.TempDir()
	s := openStore(t, dir)
	current := func(what string) {
		t.Helper()
		list, err := Schema(dir)
		if err != nil || len(list) < 3 || slices.ContainsFunc(list, func(f FileSchema) bool { return f.Version != f.Latest }) {
			t.Errorf("%s: got %v, %v, want all files up to date", what, list, err)
		}
	}
	current("while a server runs")
	if err := Migrate(t.Context(), dir, nil); err == nil || !strings.Contains(err.Error(), "another Relay uses this folder") {
		t.Errorf("migrating while a server runs: got %v, want a refusal", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	set := func(file, sql string) {
		t.Helper()
		c, err := (&Cut{dir: dir}).dial(file)
		if err == nil {
			err = c.raw.Exec(sql)
			c.close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	set("work.db", `DROP TABLE owed; DROP TABLE closed; DROP TABLE meta; PRAGMA user_version=0`)
	list, err := Schema(dir)
	if i := slices.IndexFunc(list, func(f FileSchema) bool { return f.Name == "work.db" }); err != nil || list[i].Version != 0 {
		t.Errorf("got %v, %v, want work.db without a schema", list, err)
	}
	var steps []string
	if err := Migrate(t.Context(), dir, func(f FileSchema) { steps = append(steps, f.Name) }); err != nil || !slices.Equal(steps, []string{"work.db"}) {
		t.Errorf("migrating: got %v, %v, want work.db", steps, err)
	}
	current("migrated")

	set("relay.db", `PRAGMA user_version=99`)
	if err := Migrate(t.Context(), dir, nil); err == nil || !strings.Contains(err.Error(), `"relay.db" was written by a newer Relay (schema 99`) {
		t.Errorf("a newer file: got %v, want a refusal in words", err)
	}
}
