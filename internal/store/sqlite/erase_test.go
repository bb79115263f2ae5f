package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/storetest"
)

// TestErase looks at every byte of every file, free pages and WALs among them, at every compressed block, and at every table
// with a column tenant, whatever they are called.
func TestErase(t *testing.T) {
	b := newBackend(t)
	storetest.Erase(t, b, func(text string, tenant event.TenantID) (found []string) {
		t.Helper()
		err := filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if bytes.Contains(raw, []byte(text)) {
				rel, _ := filepath.Rel(b.dir, path)
				found = append(found, fmt.Sprintf("the bytes of %s, %d of %d", rel, bytes.Index(raw, []byte(text)), len(raw)))
			}
			if !strings.HasSuffix(path, ".db") {
				return nil
			}
			more, err := remainsIn(path, text, tenant)
			found = append(found, more...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	})
}

// remainsIn looks into the tables of a file by a connection of its own.
func remainsIn(path, text string, tenant event.TenantID) (found []string, err error) {
	db, err := sqlite3.OpenFlags(path, sqlite3.OPEN_READWRITE)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	texts := func(sql string) (list []string, err error) {
		s, _, err := db.Prepare(sql)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", sql, err)
		}
		defer s.Close()
		for s.Step() {
			list = append(list, s.ColumnText(0))
		}
		return list, s.Err()
	}
	names, err := texts(`SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'tenant'`)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		n, err := texts(fmt.Sprintf(`SELECT count(*) FROM %s WHERE tenant = %d`, name, tenant))
		if err != nil {
			return nil, err
		}
		if n[0] != "0" {
			found = append(found, fmt.Sprintf("%s rows in %s of %s", n[0], name, filepath.Base(path)))
		}
	}
	if blocks, err := texts(`SELECT name FROM sqlite_master WHERE name = 'block'`); err != nil || len(blocks) == 0 {
		return found, err
	}
	s, _, err := db.Prepare(`SELECT body FROM block`)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	for s.Step() {
		raw, err := s2.Decode(nil, s.ColumnRawBlob(0))
		if err != nil {
			return nil, err
		}
		if bytes.Contains(raw, []byte(text)) {
			found = append(found, "a block of "+filepath.Base(path))
		}
	}
	return found, s.Err()
}

// TestEraseIsInterrupted: an erasure ends with its context, and the next one goes on.
func TestEraseIsInterrupted(t *testing.T) {
	b := newBackend(t)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := b.TenantErase(ended, 2); err == nil {
		t.Error("an erasure whose context has ended was made all the same")
	}
	if err := b.TenantErase(context.Background(), 2); err != nil {
		t.Error(err)
	}
}
