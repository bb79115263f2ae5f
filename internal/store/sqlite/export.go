package sqlite

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/utcday"
)

// ExportedEvent is an event with the idempotency key it came with.
type ExportedEvent struct {
	Event  event.Event
	Key    string // empty: none
	Digest [16]byte
}

// ExportEvents calls f with the events of each block above an id, in order;
// nobody else may use the store meanwhile. damaged, which must not be nil, is
// told of blocks that cannot be read.
func (s *Store) ExportEvents(ctx context.Context, after event.ID, f func([]ExportedEvent) error, damaged func(error)) error {
	var r record
	err := s.events.ascend(ctx, after, func(b *block) (bool, error) {
		if b.damaged != nil {
			damaged(b.damaged)
			return true, ctx.Err()
		}
		list := make([]ExportedEvent, 0, len(b.starts))
		for id := max(b.id, after+1); id < b.end(); id++ {
			if err := b.record(id, &r); err != nil {
				return false, fmt.Errorf("%w: event %d: %w", ErrDamaged, id, err)
			}
			e := ExportedEvent{Event: r.event(id), Key: r.idempotencyKey()}
			copy(e.Digest[:], r.digest)
			list = append(list, e)
		}
		return true, errors.Join(f(list), ctx.Err())
	})
	if err != nil {
		return fmt.Errorf("reading events: %w", err)
	}
	return nil
}

// ExportAttempts calls f with the entries of the log above an id, in order.
func (s *Store) ExportAttempts(ctx context.Context, after event.ID, f func([]*delivery.Attempt) error, damaged func(error)) error {
	for _, d := range s.attempts.daysFrom(utcday.Of(after), false) {
		// The block that holds the next one may begin before it.
		for from := after - event.MaxReserve; ; {
			var list []*delivery.Attempt
			blocks := 0
			err := s.attempts.view(ctx, d, func(c *conn, _ *dayView) error {
				return c.query(func(st *sqlite3.Stmt) error {
					id := event.ID(st.ColumnInt64(0))
					from = id
					blocks++
					err := s.attempts.openBlock(st, id, func(r *logReader) error {
						for at := id; r.next(); at++ {
							if at <= after {
								continue
							}
							a, err := r.entry.attempt(at, r.detail)
							if err != nil {
								return err
							}
							list = append(list, a)
						}
						return r.err
					})
					if bad := (*badBlockError)(nil); errors.As(err, &bad) {
						damaged(err)
						return nil
					}
					return err
				}, logSQL.Get("BlocksAfter"), from, 8)
			})
			if err == nil && len(list) > 0 {
				err = f(list)
			}
			if err != nil {
				return fmt.Errorf("reading the log: %w", err)
			}
			if blocks == 0 {
				break
			}
		}
	}
	return nil
}

// ExportOwed calls f with the owed deliveries, in parts.
func (s *Store) ExportOwed(ctx context.Context, f func([]delivery.Owed) error) error {
	const part = 5000
	var list []delivery.Owed
	err := s.work.db.read(ctx, func(c *conn) error {
		err := c.query(func(st *sqlite3.Stmt) error {
			list = append(list, s.work.scan(st))
			if len(list) < part {
				return nil
			}
			err := f(list)
			list = list[:0]
			return err
		}, workSQL.Get("OwedAll"))
		if err == nil && len(list) > 0 {
			err = f(list)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("reading what is owed: %w", err)
	}
	return nil
}

// ExportOpen returns the intakes that were open when the store was opened, and
// how many events each has.
func (s *Store) ExportOpen(ctx context.Context) (map[event.ID]int, error) {
	open := make(map[event.ID]int)
	for _, id := range s.openAtStart {
		b, err := s.events.block(ctx, utcday.Of(id), sqlBlockAt, id)
		if err != nil {
			return nil, fmt.Errorf("reading open intakes: %w", err)
		}
		if b != nil && b.id == id && b.damaged == nil {
			open[id] = len(b.starts)
		}
	}
	return open, nil
}

// ExportedTable is a table of the configuration, or of what products keep.
type ExportedTable struct {
	Name    string
	Columns []string
	Rows    [][]any // int64, string, []byte or nil
	// More yields the rows of a table that may have too many to be held at once; nil: they are in Rows. What it yields is
	// used up by the next.
	More iter.Seq2[[]any, error]
	// Sequence is the highest number that the table has ever given, zero if
	// its numbers may be given again.
	Sequence int64
}

// ExportTables returns the tables of all files but those of events, keys, the
// log and what is owed.
func (s *Store) ExportTables(ctx context.Context) ([]ExportedTable, error) {
	c := &Cut{dir: s.dir}
	files, err := c.list(".")
	if err != nil {
		return nil, err
	}
	var all []ExportedTable
	for _, name := range files {
		if name == workFile || name == keysFile {
			continue
		}
		tables, err := c.tables(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("reading the tables of %q: %w", name, err)
		}
		all = append(all, tables...)
	}
	return all, nil
}

func (c *Cut) tables(ctx context.Context, file string) (all []ExportedTable, err error) {
	f, err := c.dial(file)
	if err != nil {
		return nil, err
	}
	defer f.close()
	f.raw.SetInterrupt(ctx)
	sequences := false
	err = f.query(func(st *sqlite3.Stmt) error {
		if name := st.ColumnText(0); name == "sqlite_sequence" {
			sequences = true
		} else {
			all = append(all, ExportedTable{Name: name})
		}
		return nil
	}, `SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name`)
	for i := range all {
		if err != nil {
			break
		}
		t := &all[i]
		if sequences {
			if t.Sequence, err = f.integer(`SELECT seq FROM sqlite_sequence WHERE name = ?`, t.Name); err != nil {
				break
			}
		}
		sql := `SELECT * FROM "` + t.Name + `"`
		if t.Name == largeTable {
			t.More = c.rows(ctx, file, sql)
			sql += ` LIMIT 0`
		}
		err = f.query(func(st *sqlite3.Stmt) error {
			row, err := scanRow(st)
			t.Rows = append(t.Rows, row)
			return err
		}, sql)
		if err == nil {
			t.Columns, err = f.columns(sql)
		}
	}
	return all, err
}

// largeTable is the one that grows without a bound.
const largeTable = "respondent"

// rows yields the rows of a query on a file.
func (c *Cut) rows(ctx context.Context, file, sql string) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		f, err := c.dial(file)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.close()
		f.raw.SetInterrupt(ctx)
		err = f.query(func(st *sqlite3.Stmt) error {
			row, err := scanRow(st)
			if err == nil && !yield(row, nil) {
				err = errEnough
			}
			return err
		}, sql)
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, fmt.Errorf("reading the tables of %q: %w", file, err))
		}
	}
}

// columns returns the names of a query's columns.
func (c *conn) columns(sql string) (names []string, err error) {
	st, _, err := c.raw.Prepare(sql)
	if err != nil {
		return nil, err
	}
	defer st.Close()
	for n := range st.ColumnCount() {
		names = append(names, st.ColumnName(n))
	}
	return names, nil
}

func scanRow(st *sqlite3.Stmt) ([]any, error) {
	row := make([]any, st.ColumnCount())
	for n := range row {
		switch st.ColumnType(n) {
		case sqlite3.INTEGER:
			row[n] = st.ColumnInt64(n)
		case sqlite3.TEXT:
			row[n] = st.ColumnText(n)
		case sqlite3.BLOB:
			// Empty, and not nil, for a blob without bytes.
			row[n] = append([]byte{}, st.ColumnRawBlob(n)...)
		case sqlite3.NULL:
		default:
			return nil, fmt.Errorf("the column %q has a value of a type that Relay does not store", st.ColumnName(n))
		}
	}
	return row, nil
}
