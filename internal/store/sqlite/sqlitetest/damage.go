// Package sqlitetest breaks the files of a data folder as disks do, for tests.
package sqlitetest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/event"
)

// Damage flips a bit in the stored block that holds an event. No process may
// use the folder, and none may have been killed on it: the bytes must be in the
// file itself, not in its WAL.
func Damage(t testing.TB, dir string, id event.ID) {
	t.Helper()
	path := filepath.Join(dir, "events", id.Time().Format(time.DateOnly)+".db")
	db, err := sqlite3.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := db.Prepare(`SELECT body FROM block WHERE id <= ? ORDER BY id DESC LIMIT 1`)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.BindInt64(1, int64(id)); err != nil {
		t.Fatal(err)
	}
	if !s.Step() {
		t.Fatalf("there is no block with event %d: %v", id, s.Err())
	}
	body := s.ColumnBlob(0, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(file, body)
	if at < 0 {
		t.Fatalf("the block of event %d is not in %q as a whole", id, path)
	}
	file[at+len(body)/2] ^= 0x20
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
}
