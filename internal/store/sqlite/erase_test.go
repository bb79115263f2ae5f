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
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/store/storetest"
)

// TestErase looks at every byte of every file, free pages and WALs among them, at every compressed block, and at every table
// with a column tenant, whatever they are called.
func TestErase(t *testing.T) {
	b := newBackend(t)
	storetest.Erase(t, b, func(text string, tenant event.TenantID) []string {
		t.Helper()
		found := b.files(t, text)
		err := filepath.WalkDir(b.dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".db") {
				return err
			}
			rows, err := rowsOf(path, tenant)
			found = append(found, rows...)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	})
}

// files returns where a text is in the store's files, in compressed blocks too.
func (b *backend) files(t *testing.T, text string) (found []string) {
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
		blocks, err := blocksWith(path, text)
		found = append(found, blocks...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// rowsOf counts the tenant's rows in the tables of a file.
func rowsOf(path string, tenant event.TenantID) (found []string, err error) {
	err = eachRow(path, `SELECT m.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'tenant'`, func(s *sqlite3.Stmt) error {
		name := s.ColumnText(0)
		return eachRow(path, fmt.Sprintf(`SELECT count(*) FROM %s WHERE tenant = %d`, name, tenant), func(s *sqlite3.Stmt) error {
			if n := s.ColumnInt(0); n > 0 {
				found = append(found, fmt.Sprintf("%d rows in %s of %s", n, name, filepath.Base(path)))
			}
			return nil
		})
	})
	return found, err
}

// blocksWith looks for a text in the blocks of a file, if it has any.
func blocksWith(path, text string) (found []string, err error) {
	err = eachRow(path, `SELECT 1 FROM sqlite_master WHERE name = 'block'`, func(*sqlite3.Stmt) error {
		return eachRow(path, `SELECT body FROM block`, func(s *sqlite3.Stmt) error {
			raw, err := s2.Decode(nil, s.ColumnRawBlob(0))
			if err == nil && bytes.Contains(raw, []byte(text)) {
				found = append(found, "a block of "+filepath.Base(path))
			}
			return err
		})
	})
	return found, err
}

// eachRow queries a file by a connection of its own.
func eachRow(path, sql string, f func(*sqlite3.Stmt) error) error {
	db, err := sqlite3.OpenFlags(path, sqlite3.OPEN_READWRITE)
	if err != nil {
		return err
	}
	defer db.Close()
	s, _, err := db.Prepare(sql)
	if err != nil {
		return fmt.Errorf("%s: %w", sql, err)
	}
	defer s.Close()
	for s.Step() {
		if err := f(s); err != nil {
			return err
		}
	}
	return s.Err()
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

// TestExpiredTenantLeavesNoBytes: what a tenant's own retention removes is overwritten, in the blocks that it shares with
// others too.
func TestExpiredTenantLeavesNoBytes(t *testing.T) {
	const short, long event.TenantID = 2, 1
	const canary = "canary-77d0"
	synctest.Test(t, func(t *testing.T) {
		b := newBackend(t)
		day := time.Now()
		for i := range 30 {
			pubs := []*ingest.Publication{
				storetest.Publication(storetest.Event(fmt.Sprint("other", i), "a.b", `"kept"`)),
				{Tenant: short, Items: []ingest.Item{storetest.Event(fmt.Sprint(canary, i), "a.b", fmt.Sprintf(`"%s %0*d"`, canary, i*400, i))}},
			}
			var r delivery.Record
			for _, in := range storetest.MustAppend(t, b, pubs...) {
				r.Close = append(r.Close, in.ID)
			}
			for _, p := range pubs {
				e := p.Items[0].Event
				a := &delivery.Attempt{Tenant: p.Tenant, Event: e.ID, Webhook: 3, EventType: "a.b", Number: 1, At: time.Now().UTC().Truncate(time.Millisecond), Outcome: delivery.Failed}
				if p.Tenant == short {
					a.Error, a.EventName = canary, canary
				}
				r.Attempts = append(r.Attempts, a)
			}
			if err := b.Record(t.Context(), &r); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(72 * time.Hour)
		storetest.MustAppend(t, b, storetest.Publication(storetest.Event("later", "a.b", `"kept"`))) // the day is over
		if found := b.files(t, canary); len(found) == 0 {
			t.Fatal("the canary is nowhere before, so that this test would find nothing")
		}
		if kept, err := b.TenantExpire(t.Context(), day, []event.TenantID{short}); err != nil || len(kept) > 0 {
			t.Fatalf("got %v, %v, want nothing kept", kept, err)
		}
		b.Reopen(t)
		if found := b.files(t, canary); len(found) > 0 {
			t.Errorf("the canary is still in %q", found)
		}
		if _, found, err := b.EventFind(t.Context(), long, "other7"); err != nil || !found {
			t.Errorf("an event of another tenant: got %t, %v, want it there", found, err)
		}
	})
}
