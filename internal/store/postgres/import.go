package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/sqltext"
	"github.com/relay-events/relay/internal/webhook"
)

var importSQL = sqltext.Load(sqlFiles, "import")

// Import fills a database with another installation, in the order in which its
// methods stand here. Each call is a transaction that also notes how far it
// got (table relay_import), so that an import that was interrupted goes on
// where it was. No node starts on the database until Finish.
type Import struct {
	s     *Store
	state ImportState
	// Replaced is told of each row of Finish's tables in which characters were
	// replaced that a text of PostgreSQL cannot hold, and in which columns. It
	// must not be nil when Finish is called.
	Replaced func(row string, columns []string)
}

// ImportState says how far an import is.
type ImportState struct {
	Source   string // names the installation
	Events   event.ID
	Attempts event.ID // the last ones stored
	Done     bool
}

// ErrNotEmpty is returned (wrapped) for a database that holds something that
// the import did not put there.
var ErrNotEmpty = errors.New("the database is not empty: name one that no Relay has used")

// errImporting is returned by Open.
var errImporting = errors.New("an installation is being copied into this database, and that was not finished: run \"relay migrate copy\" again, it goes on where it was")

// importTimeout bounds a statement of an import: nobody waits for it.
const importTimeout = 10 * time.Minute

// OpenImport begins or resumes an import of the source into a database.
func OpenImport(ctx context.Context, o Options, source string) (*Import, error) {
	s, err := unregistered(o.URL)
	if err != nil {
		return nil, err
	}
	im := &Import{s: s}
	s.sealer = o.Sealer
	if s.sealer == nil {
		s.sealer = webhook.InClear{}
	}
	if o.Log != nil {
		s.log = o.Log
	}
	if err := im.open(ctx, o, source); err != nil {
		im.Close()
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	return im, nil
}

func (im *Import) open(ctx context.Context, o Options, source string) error {
	s := im.s
	if err := s.checkServer(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	err := im.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, importSQL.Get("Create")); err != nil {
			return err
		}
		st := &im.state
		err := tx.QueryRow(ctx, importSQL.Get("State")).Scan(&st.Source, &st.Events, &st.Attempts, &st.Done)
		if err == nil && !st.Done {
			if st.Source != source {
				return fmt.Errorf("a copy of another installation into this database was begun: %w", ErrNotEmpty)
			}
			return im.noNodes(ctx, tx)
		}
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if err := im.empty(ctx, tx); err != nil {
			return err
		}
		im.state = ImportState{Source: source}
		_, err = tx.Exec(ctx, importSQL.Get("Begin"), source)
		return err
	})
	if err != nil {
		return err
	}
	return s.openKeys(ctx, o.Keys)
}

// Close ends the import's connections.
func (im *Import) Close() { im.s.closePools() }

// State returns how far the import is.
func (im *Import) State() ImportState { return im.state }

// Sealer returns what seals the database's secrets.
func (im *Import) Sealer() webhook.Sealer { return im.s.sealer }

// Store returns a store of the database, for reading.
func (im *Import) Store() *Store { return im.s }

// transact runs f in a transaction that may take long.
func (im *Import) transact(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	return begin(ctx, im.s.pool, func(tx pgx.Tx) error {
		for _, name := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
			if _, err := tx.Exec(ctx, fmt.Sprintf("SET LOCAL %s TO %d", name, importTimeout.Milliseconds())); err != nil {
				return err
			}
		}
		return f(ctx, tx)
	})
}

func (im *Import) noNodes(ctx context.Context, tx pgx.Tx) error {
	var nodes int
	if err := tx.QueryRow(ctx, importSQL.Get("Nodes")).Scan(&nodes); err != nil {
		return err
	}
	if nodes > 0 {
		return errors.New("servers use the database: stop them")
	}
	return nil
}

// empty checks that there is nothing in the database.
func (im *Import) empty(ctx context.Context, tx pgx.Tx) error {
	if err := im.noNodes(ctx, tx); err != nil {
		return err
	}
	rows, err := tx.Query(ctx, importSQL.Get("Tables"))
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, t := range tables {
		var some bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+pgx.Identifier{t}.Sanitize()+")").Scan(&some); err != nil {
			return err
		}
		if some {
			return fmt.Errorf("%w (there are rows in the table %s)", ErrNotEmpty, t)
		}
	}
	return nil
}

// ImportedEvent is an event with its idempotency key.
type ImportedEvent struct {
	Event  event.Event
	Key    string // empty: none
	Digest [16]byte
}

// Events stores events, whose ids rise from call to call.
func (im *Import) Events(ctx context.Context, list []ImportedEvent) error {
	if len(list) == 0 {
		return nil
	}
	ids := make([]event.ID, len(list))
	rows := new(copyRows)
	rows.reset()
	rows.traced = slices.ContainsFunc(list, func(e ImportedEvent) bool { return e.Event.Trace != nil })
	var hashes [][16]byte
	var of []int64
	var digests [][16]byte
	for i := range list {
		e := &list[i].Event
		PlainEvent(e)
		ids[i] = e.ID
		rows.event(e.ID, e.Cause, e)
		if list[i].Key != "" {
			hashes = append(hashes, hashKey(e.Tenant, list[i].Key))
			of, digests = append(of, int64(e.ID)), append(digests, list[i].Digest)
		}
	}
	rows.end()
	last := ids[len(ids)-1]
	if err := im.s.ensureDays(ctx, ids...); err != nil {
		return err
	}
	err := im.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := copyInto(ctx, tx, rows.copyEvents(), rows.b); err != nil {
			return err
		}
		// Of several events with a key the last one has it: the key was free
		// again by then.
		if _, err := tx.Exec(ctx, importSQL.Get("Keys"), hashes, of, digests); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, importSQL.Get("EventsThrough"), int64(last))
		return err
	})
	if err != nil {
		return fmt.Errorf("storing events: %w", err)
	}
	im.state.Events = last
	return nil
}

func copyInto(ctx context.Context, tx pgx.Tx, sql string, rows []byte) error {
	_, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(rows), sql)
	return err
}

// Attempts stores entries of the log, whose ids rise from call to call, and
// adds them to the counters.
func (im *Import) Attempts(ctx context.Context, list []*delivery.Attempt) error {
	if len(list) == 0 {
		return nil
	}
	w := &im.s.record
	ids := make([]event.ID, len(list))
	numbers := make(map[int]bool)
	for i, a := range list {
		PlainAttempt(a)
		ids[i] = a.ID
		numbers[a.ID.Node()] = true
	}
	if err := im.s.ensureDays(ctx, ids...); err != nil {
		return err
	}
	lags := w.encode(list, ids)
	defer w.rows.shrink()
	last := ids[len(ids)-1]
	err := im.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := copyInto(ctx, tx, copyAttempts, w.rows.b); err != nil {
			return err
		}
		for d, l := range lags {
			if _, err := tx.Exec(ctx, lagSQL(d, l)); err != nil {
				return err
			}
		}
		for n := range numbers {
			if _, err := tx.Exec(ctx, logSQL.Get("RollUp"), n, int64(ids[0])-1, int64(last)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, importSQL.Get("AttemptsThrough"), int64(last))
		return err
	})
	if err != nil {
		return fmt.Errorf("storing the log: %w", err)
	}
	im.state.Attempts = last
	return nil
}

// ImportedTable is a table of the configuration, or of what products keep.
type ImportedTable struct {
	Name     string
	Columns  []string
	Rows     [][]any                 // int64, string, []byte or nil
	More     iter.Seq2[[]any, error] // yields the rows instead, unless nil
	Sequence int64                   // the highest number ever given; zero: the highest there is
}

// Finish stores the configuration, the owed rows and the open intakes, in one
// transaction, and lets nodes start. check runs before it is committed.
func (im *Import) Finish(ctx context.Context, tables []ImportedTable, open map[event.ID]int,
	owed func(store func([]delivery.Owed) error) error, check func(ctx context.Context) error,
) error {
	err := im.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := im.noNodes(ctx, tx); err != nil {
			return err
		}
		for i := range tables {
			if err := im.table(ctx, tx, &tables[i]); err != nil {
				return fmt.Errorf("table %s: %w", tables[i].Name, err)
			}
		}
		var intakes [][]any
		for id, n := range open {
			intakes = append(intakes, []any{int64(id), n, 0})
		}
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{"intake"}, []string{"id", "events", "fence"}, pgx.CopyFromRows(intakes)); err != nil {
			return fmt.Errorf("open intakes: %w", err)
		}
		err := owed(func(list []delivery.Owed) error {
			_, err := tx.CopyFrom(ctx, pgx.Identifier{"owed"},
				[]string{"event", "webhook", "tenant", "due", "since", "attempts", "base", "reason", "ord"},
				pgx.CopyFromSlice(len(list), func(i int) ([]any, error) {
					o := &list[i]
					return []any{int64(o.Event), int64(o.Webhook), int32(o.Tenant), o.Due.UnixMilli(), o.Since.UnixMilli(), o.Attempts, o.Base, int16(o.Reason), o.Order}, nil
				}))
			return err
		})
		if err != nil {
			return fmt.Errorf("what is owed: %w", err)
		}
		if err := check(ctx); err != nil {
			return err
		}
		for _, name := range []string{"Revise", "Done"} {
			if _, err := tx.Exec(ctx, importSQL.Get(name)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("finishing: %w", err)
	}
	im.state.Done = true
	return nil
}

// table stores the rows of a table that has the same name and columns.
func (im *Import) table(ctx context.Context, tx pgx.Tx, t *ImportedTable) error {
	if len(t.Rows) == 0 && t.More == nil && t.Sequence == 0 {
		return nil
	}
	kinds, identity := make(map[string]string), ""
	rows, err := tx.Query(ctx, importSQL.Get("Columns"), t.Name)
	if err != nil {
		return err
	}
	var name, kind, always string
	_, err = pgx.ForEachRow(rows, []any{&name, &kind, &always}, func() error {
		kinds[name] = kind
		if always == "YES" {
			identity = name
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, c := range t.Columns {
		if kinds[c] == "" {
			return fmt.Errorf("the database has no column %s", c)
		}
	}
	values := make([][]any, len(t.Rows))
	for i, row := range t.Rows {
		values[i] = im.rowFor(t, kinds, row)
		for n := range row {
			if t.Name == "webhook" && t.Columns[n] == "changed" {
				values[i][n] = 1 // the first change that nodes hear of, see Revise
			}
		}
	}
	if t.More != nil {
		next, stop := iter.Pull2(t.More)
		defer stop()
		_, err := tx.CopyFrom(ctx, pgx.Identifier{t.Name}, t.Columns, pgx.CopyFromFunc(func() ([]any, error) {
			row, err, ok := next()
			if !ok || err != nil {
				return nil, err
			}
			return im.rowFor(t, kinds, row), nil
		}))
		if err != nil {
			return err
		}
	}
	if len(values) > 0 {
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{t.Name}, t.Columns, pgx.CopyFromRows(values)); err != nil {
			return err
		}
	}
	if identity != "" {
		_, err = tx.Exec(ctx, strings.NewReplacer("$TABLE", pgx.Identifier{t.Name}.Sanitize(), "$COLUMN", pgx.Identifier{identity}.Sanitize()).
			Replace(importSQL.Get("Sequence")), t.Name, identity, t.Sequence)
	}
	return err
}

// rowFor returns a row of a table as columns of these types take it.
func (im *Import) rowFor(t *ImportedTable, kinds map[string]string, row []any) []any {
	values := make([]any, len(row))
	var replaced []string
	for n, v := range row {
		kind := kinds[t.Columns[n]]
		values[n] = v
		switch x := v.(type) {
		case int64:
			if kind == "boolean" {
				values[n] = x != 0
			}
		case string:
			if kind == "bytea" {
				values[n] = []byte(x)
				continue
			}
			text := plain(x)
			if values[n] = text; text != x {
				replaced = append(replaced, t.Columns[n])
			}
		}
	}
	if replaced != nil {
		im.Replaced(fmt.Sprintf("%s %s=%v", t.Name, t.Columns[0], values[0]), replaced)
	}
	return values
}

// PlainEvent replaces characters that a text of PostgreSQL cannot hold, NUL and invalid
// UTF-8, by U+FFFD, and returns the names of the fields that it changed. An
// earlier Relay has stored such events in folders.
func PlainEvent(e *event.Event) (changed []string) {
	for _, f := range []struct {
		name string
		text *string
	}{{"id", &e.Name}, {"type", &e.Type}, {"version", &e.Version}, {"key", &e.Key}, {"warnings", &e.Warnings}} {
		if text := plain(*f.text); text != *f.text {
			*f.text = text
			changed = append(changed, f.name)
		}
	}
	return changed
}

// PlainAttempt is PlainEvent for an entry of the log, of which only the event's
// type is a text in the database.
func PlainAttempt(a *delivery.Attempt) (changed []string) {
	if text := plain(a.EventType); text != a.EventType {
		a.EventType = text
		changed = append(changed, "eventType")
	}
	return changed
}

// Counts returns how many events and entries of the log there are with ids of a day.
func (im *Import) Counts(ctx context.Context, d day) (events, attempts int64, err error) {
	err = im.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		return tx.QueryRow(ctx, importSQL.Get("Counts"), int64(d.FirstID()), int64((d+1).FirstID())).Scan(&events, &attempts)
	})
	return events, attempts, err
}

// importing tells that an import into the database was not finished.
func (s *Store) importing(ctx context.Context) error {
	there, err := s.integer(ctx, importSQL.Get("Exists"))
	if err != nil || there == 0 {
		return err
	}
	unfinished, err := s.integer(ctx, importSQL.Get("Unfinished"))
	if err == nil && unfinished > 0 {
		err = errImporting
	}
	return err
}
