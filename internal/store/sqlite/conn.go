package sqlite

import (
	"context"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/event"
)

// conn is a connection with its prepared statements. One goroutine uses it at
// a time.
type conn struct {
	raw    *sqlite3.Conn
	stmts  map[string]*sqlite3.Stmt
	opened int64 // db.renewed by then
}

// stmt returns the prepared statement for the text, which must be a single
// statement. It is prepared once per connection, and comes reset and without
// bindings; it belongs to the connection and is not to be closed. A statement
// that was not run to its end holds no lock after the transaction's end.
func (c *conn) stmt(sql string) (*sqlite3.Stmt, error) {
	if s := c.stmts[sql]; s != nil {
		// Reset repeats the error of the last run, which its caller has had.
		_ = s.Reset()
		return s, s.ClearBindings()
	}
	s, tail, err := c.raw.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, fmt.Errorf("preparing %q: %w", sql, err)
	}
	if s == nil || tail != "" {
		s.Close()
		return nil, fmt.Errorf("preparing %q: not one statement", sql)
	}
	c.stmts[sql] = s
	return s, nil
}

// exec runs a statement to its end. Arguments are integers, bool, string,
// []byte, event.ID or nil, bound from the first parameter on.
func (c *conn) exec(sql string, args ...any) error {
	s, err := c.stmt(sql)
	if err != nil {
		return err
	}
	if err := bind(s, args...); err != nil {
		return err
	}
	return s.Exec()
}

// query runs a statement and calls f for each row.
func (c *conn) query(f func(s *sqlite3.Stmt) error, sql string, args ...any) error {
	s, err := c.stmt(sql)
	if err != nil {
		return err
	}
	if err := bind(s, args...); err != nil {
		return err
	}
	return rows(s, f)
}

// rows runs a bound statement and calls f for each row.
func rows(s *sqlite3.Stmt, f func(s *sqlite3.Stmt) error) error {
	for s.Step() {
		if err := f(s); err != nil {
			_ = s.Reset()
			return err
		}
	}
	err := s.Err()
	_ = s.Reset()
	return err
}

// changes returns how many rows the last statement changed.
func (c *conn) changes() int64 { return c.raw.Changes() }

func bind(s *sqlite3.Stmt, args ...any) error {
	for i, arg := range args {
		if err := bindOne(s, i+1, arg); err != nil {
			return err
		}
	}
	return nil
}

// bindOne binds the nth parameter, counted from 1.
func bindOne(s *sqlite3.Stmt, n int, arg any) (err error) {
	switch v := arg.(type) {
	case int:
		err = s.BindInt64(n, int64(v))
	case int64:
		err = s.BindInt64(n, v)
	case uint32:
		err = s.BindInt64(n, int64(v))
	case event.ID:
		err = s.BindInt64(n, int64(v))
	case event.TenantID:
		err = s.BindInt64(n, int64(v))
	case bool:
		err = s.BindBool(n, v)
	case string:
		err = s.BindText(n, v)
	case []byte:
		err = s.BindBlob(n, v)
	case nil:
		err = s.BindNull(n)
	default:
		err = fmt.Errorf("internal error: cannot bind a %T", arg)
	}
	if err != nil {
		return fmt.Errorf("binding parameter %d: %w", n, err)
	}
	return nil
}

// transact runs f between begin and COMMIT, or ROLLBACK when anything fails.
// The connection is unusable if it is still in a transaction afterwards.
func (c *conn) transact(begin string, f func(*conn) error) (err error) {
	if err := c.exec(begin); err != nil {
		return err
	}
	ok := false
	defer func() {
		if ok || c.raw.GetAutocommit() {
			return // some failures have rolled back already
		}
		c.raw.SetInterrupt(context.Background()) // also when a reader gave up
		for s := range c.raw.Stmts() {
			_ = s.Reset()
		}
		// A failing rollback leaves the transaction open, which the caller checks.
		_ = c.raw.Exec(`ROLLBACK`)
	}()
	if err := f(c); err != nil {
		return err
	}
	if err := c.exec(`COMMIT`); err != nil {
		return err
	}
	ok = true
	return nil
}

// migrate applies the scripts the file lacks, in one transaction: a new file gets them all with one sync.
func (c *conn) migrate(scripts []string) error {
	have, err := c.integer(`PRAGMA user_version`)
	if err != nil {
		return err
	}
	if have > int64(len(scripts)) {
		return fmt.Errorf("the file was written by a newer Relay (schema %d, this one knows %d)", have, len(scripts))
	}
	if have == int64(len(scripts)) {
		return nil
	}
	return c.transact(`BEGIN IMMEDIATE`, func(c *conn) error {
		for i, script := range scripts[have:] {
			version := int(have) + i + 1
			if err := c.raw.Exec(script + fmt.Sprintf("\n;PRAGMA user_version=%d", version)); err != nil {
				return fmt.Errorf("applying migration %d: %w", version, err)
			}
		}
		return nil
	})
}

// truncateWAL copies the whole WAL into the file, synced, and empties it.
func (c *conn) truncateWAL() error {
	// As a statement it would report being busy in its row, not as an error.
	_, _, err := c.raw.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	return err
}

func (c *conn) integer(sql string, args ...any) (n int64, err error) {
	err = c.query(func(s *sqlite3.Stmt) error { n = s.ColumnInt64(0); return nil }, sql, args...)
	return n, err
}

func (c *conn) text(sql string, args ...any) (v string, err error) {
	err = c.query(func(s *sqlite3.Stmt) error { v = s.ColumnText(0); return nil }, sql, args...)
	return v, err
}

// close closes the connection. It is safe on nil.
func (c *conn) close() {
	if c == nil {
		return
	}
	for _, s := range c.stmts {
		_ = s.Close()
	}
	c.stmts = nil
	// A checkpoint that fails while closing leaves the WAL where it is.
	_ = c.raw.Close()
}
