package sqlite

import (
	"path/filepath"
	"testing"
	"time"
)

// Somebody who reads one state for long, as a backup does, lets the WAL grow
// but does not hold up writers.
func TestLongReadersDoNotHoldUpWriters(t *testing.T) {
	d, err := openDB(filepath.Join(t.TempDir(), "a.db"), dbOptions{Schema: []string{`CREATE TABLE t(b BLOB)`}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	reader := &Cut{dir: filepath.Dir(d.path), held: make(map[string]*conn)}
	defer reader.Close()
	if err := reader.hold("a.db"); err != nil {
		t.Fatal(err)
	}
	body := make([]byte, 4<<20)
	slowest := time.Duration(0)
	for range 2 * truncateBytes / len(body) {
		start := time.Now()
		if err := d.write(t.Context(), func(c *conn) error { return c.exec(`INSERT INTO t VALUES (?)`, body) }); err != nil {
			t.Fatal(err)
		}
		slowest = max(slowest, time.Since(start))
	}
	if slowest > d.o.BusyTimeout/2 {
		t.Errorf("a write took %v while a reader held the WAL, want far less than %v", slowest, d.o.BusyTimeout)
	}
	// And once the reader is gone, it is emptied.
	reader.Close()
	for deadline := time.Now().Add(time.Minute); d.walPages.Load()*d.pageBytes > truncateBytes; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the WAL has %d bytes a minute after its reader has gone", d.walPages.Load()*d.pageBytes)
		}
		if err := d.write(t.Context(), func(c *conn) error { return c.exec(`INSERT INTO t VALUES (?)`, body[:1<<20]) }); err != nil {
			t.Fatal(err)
		}
	}
}
