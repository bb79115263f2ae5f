package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/store/sqltext"
	"github.com/relay-events/relay/internal/store/tables"
)

// plainDB is a file as package tables sees it.
type plainDB struct{ *db }

var _ tables.DB = plainDB{}

// Dialect implements tables.DB.
func (plainDB) Dialect() sqltext.Dialect { return sqltext.SQLite }

// Read implements tables.DB.
func (p plainDB) Read(ctx context.Context, f func(tables.Tx) error) error {
	return p.read(ctx, func(c *conn) error { return f(plainTx{c}) })
}

// Write implements tables.DB.
func (p plainDB) Write(ctx context.Context, f func(tables.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.write(ctx, func(c *conn) error { return f(plainTx{c}) })
}

// Configure implements tables.DB. No other server uses the file.
func (p plainDB) Configure(ctx context.Context, _ registry.Kind, f func(tables.Tx) error) error {
	return p.Write(ctx, f)
}

// ChangeWebhooks implements tables.DB. Nobody reads the changes of a file, so they have no number.
func (p plainDB) ChangeWebhooks(ctx context.Context, f func(tx tables.Tx, change int64) error) error {
	return p.Write(ctx, func(tx tables.Tx) error { return f(tx, 0) })
}

// Erased implements tables.DB: it copies the WAL into the file and empties it, so that deleted data remain in
// neither. The file's own free space SQLite has overwritten already (secure_delete).
func (p plainDB) Erased(ctx context.Context) error {
	d := p.db
	if err := d.lockWriter(ctx); err != nil {
		return err
	}
	defer d.unlockWriter()
	if err := d.recoverWriter(); err != nil {
		return err
	}
	err := d.w.truncateWAL()
	// Readers and the checkpointer may be at the WAL; the next checkpoint that finds it free does the same.
	for end := time.Now().Add(d.o.BusyTimeout); errors.Is(err, sqlite3.BUSY) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
		err = d.w.truncateWAL()
	}
	switch {
	case errors.Is(err, sqlite3.BUSY):
		return nil
	case err != nil:
		err = d.storeError(err)
		d.giveUpWriter(err)
		return err
	}
	d.walPages.Store(0)
	d.checked.Store(0)
	return nil
}

// plainTx is a connection within a transaction as package tables sees it.
type plainTx struct{ c *conn }

// prepare returns the statement with its arguments bound to $1, $2 and so on: to SQLite these are names, which may be used
// in any order.
func (t plainTx) prepare(sql string, args []any) (*sqlite3.Stmt, error) {
	s, err := t.c.stmt(sql)
	if err != nil {
		return nil, err
	}
	for i, arg := range args {
		name := "$" + strconv.Itoa(i+1)
		n := s.BindIndex(name)
		if n == 0 {
			return nil, fmt.Errorf("internal error: %q has no parameter %s", sql, name)
		}
		if err := bindOne(s, n, arg); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Exec implements tables.Tx.
func (t plainTx) Exec(sql string, args ...any) (int64, error) {
	s, err := t.prepare(sql, args)
	if err != nil {
		return 0, err
	}
	if err := s.Exec(); err != nil {
		return 0, err
	}
	return t.c.changes(), nil
}

// Query implements tables.Tx.
func (t plainTx) Query(each func(row tables.Row) error, sql string, args ...any) error {
	s, err := t.prepare(sql, args)
	if err != nil {
		return err
	}
	return rows(s, func(s *sqlite3.Stmt) error { return each(plainRow{s}) })
}

// plainRow is the row that a statement stands at.
type plainRow struct{ s *sqlite3.Stmt }

// Scan implements tables.Row.
func (r plainRow) Scan(dest ...any) error {
	for i, d := range dest {
		switch v := d.(type) {
		case *int64:
			*v = r.s.ColumnInt64(i)
		case *bool:
			*v = r.s.ColumnBool(i)
		case *string:
			*v = r.s.ColumnText(i)
		case *[]byte:
			*v = r.s.ColumnBlob(i, nil)
		default:
			return fmt.Errorf("internal error: no column fills a %T", d)
		}
	}
	return nil
}
