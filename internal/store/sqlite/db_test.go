package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func testDB(t *testing.T, o dbOptions) *db {
	t.Helper()
	if o.Schema == nil {
		o.Schema = []string{`CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT)`}
	}
	d, err := openDB(filepath.Join(t.TempDir(), "x.db"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *db) count(t *testing.T) (n int64) {
	t.Helper()
	err := d.read(context.Background(), func(c *conn) (err error) {
		n, err = c.integer(`SELECT count(*) FROM t`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestDBWriteIsAllOrNothing(t *testing.T) {
	d := testDB(t, dbOptions{Full: true, PageSize: 8192})
	ctx := context.Background()
	errMine := errors.New("mine")
	for i := range 3 {
		err := d.write(ctx, func(c *conn) error { return c.exec(`INSERT INTO t VALUES(?, ?)`, i, "x") })
		if err != nil {
			t.Fatal(err)
		}
		err = d.write(ctx, func(c *conn) error {
			if err := c.exec(`INSERT INTO t VALUES(?, ?)`, 10+i, "x"); err != nil {
				return err
			}
			return errMine
		})
		if !errors.Is(err, errMine) {
			t.Fatalf("got %v, want the function's error", err)
		}
	}
	if got := d.count(t); got != 3 {
		t.Errorf("got %d rows, want 3", got)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		fi, err := os.Stat(d.path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if got := fi.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %o, want 600", fi.Name(), got)
		}
	}
}

func TestDBReadIsInterrupted(t *testing.T) {
	d := testDB(t, dbOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	err := d.read(ctx, func(c *conn) error {
		cancel()
		_, err := c.integer(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT sum(i) FROM n`)
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if got := d.count(t); got != 0 {
		t.Errorf("got %d rows, want 0", got)
	}
}

func TestDBMigrates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	scripts := []string{`CREATE TABLE t(id INTEGER PRIMARY KEY)`, `ALTER TABLE t ADD COLUMN v TEXT; INSERT INTO t VALUES(1, 'a')`}
	for n := 1; n <= 2; n++ {
		d, err := openDB(path, dbOptions{Schema: scripts[:n]})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := d.count(t), int64(n-1); got != want {
			t.Errorf("with %d migrations: got %d rows, want %d", n, got, want)
		}
		if err := d.close(); err != nil {
			t.Fatal(err)
		}
	}
	if d, err := openDB(path, dbOptions{Schema: scripts[:1]}); err == nil {
		d.close()
		t.Error("a file of a newer schema was opened, want an error")
	}
	d, err := openDB(path, dbOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	if got := d.count(t); got != 1 {
		t.Errorf("read-only: got %d rows, want 1", got)
	}
	if err := d.write(context.Background(), func(*conn) error { return nil }); err == nil {
		t.Error("a file opened for reading was written, want an error")
	}
}

func TestDBCheckpointsBehindWriters(t *testing.T) {
	d := testDB(t, dbOptions{PageSize: 8192})
	big := string(make([]byte, 1<<20))
	for i := range 12 {
		err := d.write(context.Background(), func(c *conn) error {
			return c.exec(`INSERT INTO t VALUES(?, ?)`, i, big+fmt.Sprint(i))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if d.walPages.Load() == 0 {
		t.Error("commits were not counted")
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.path + "-wal"); err == nil {
		t.Error("the WAL is still there after closing")
	}
}
