package sqltext

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

var files = fstest.MapFS{
	"sql/thing.sql":     {Data: []byte("-- What stands first is left out.\n\n-- name: Get\n-- Why.\nSELECT 1;\n\n-- name: Put \nINSERT\n")},
	"sql/twice.sql":     {Data: []byte("-- name: A\nSELECT 1;\n-- name: A\nSELECT 2;")},
	"sql/schema_01.sql": {Data: []byte("CREATE TABLE a")},
	"sql/schema_02.sql": {Data: []byte("CREATE TABLE b")},
	"sql/schema_04.sql": {Data: []byte("CREATE TABLE d")},
}

func TestStatementsAreFoundByName(t *testing.T) {
	s := Load(files, "thing")
	for name, want := range map[string]string{"Get": "-- Why.\nSELECT 1", "Put": "INSERT"} {
		if got := s.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if len(s) != 2 {
		t.Errorf("got %d statements, want 2", len(s))
	}
}

func TestMigrationsEndAtTheFirstGap(t *testing.T) {
	got := Migrations(files, "schema")
	if want := []string{"CREATE TABLE a", "CREATE TABLE b"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMistakesPanic(t *testing.T) {
	for name, f := range map[string]func(){
		`no SQL statement "Gone"`:              func() { Load(files, "thing").Get("Gone") },
		`no SQL file "none.sql"`:               func() { Load(files, "none") },
		`SQL statement "A" stands twice in "t`: func() { Load(files, "twice") },
	} {
		func() {
			defer func() {
				if got, _ := recover().(string); !strings.HasPrefix(got, "internal error: "+name) {
					t.Errorf("got panic %q, want internal error: %s", got, name)
				}
			}()
			f()
		}()
	}
}

func TestPendingMigrationsSayWhatTheyAreAbout(t *testing.T) {
	scripts := []string{
		"CREATE TABLE a", "-- Who did what: see access.\nCREATE TABLE b", "-- A comment that goes on\n-- in a second line. And more.\nCREATE TABLE c",
	}
	for applied, want := range [][]string{
		{"", "Who did what", "A comment that goes on in a second line"}, {"Who did what", "A comment that goes on in a second line"},
		{"A comment that goes on in a second line"}, nil, nil,
	} {
		if got := Pending(scripts, applied); !slices.Equal(got, want) {
			t.Errorf("after %d: got %q, want %q", applied, got, want)
		}
	}
}
