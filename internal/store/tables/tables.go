// Package tables keeps everything that lies in plain tables, a file for each subject: sql/NAME.sql
// and NAME.go. Each operation is written once, in one SQL text, and runs on both databases;
// sqlite.Store and postgres.Store embed a Tables and hand it a DB. A change of configuration goes
// through DB.Configure or DB.ChangeWebhooks, which raise the revision that other servers look at.
//
// The engine's own tables (events, attempts, owed deliveries) are native to each database instead,
// because their speed decides how fast Relay is. Two things here have a native part, too:
// respondents are written by each store itself (a pipeline on PostgreSQL is seven times faster than
// one statement after the other), and claims of jobs belong to the registrations of servers, which
// SQLite does not have.
//
// The SQL is PostgreSQL's, kept to what SQLite understands as well:
//
//   - parameters are $1, $2 and so on, each with one type throughout a statement
//   - ON CONFLICT, not INSERT OR REPLACE; RETURNING is fine
//   - times are milliseconds since 1970, and 0 stands for "not set"
//   - a statement that cannot be said in both has a variant for SQLite, see sqltext.Load
package tables

import (
	"context"
	"embed"
	"strings"
	"sync"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/store/sqltext"
	"github.com/relay-events/relay/internal/webhook"
)

//go:embed sql
var sqlFiles embed.FS

// DB is a database with plain tables. Its methods are safe for concurrent use.
type DB interface {
	// Read runs f, which may look but not change. Each query sees one moment; two queries need not
	// see the same one. f may be run again.
	Read(ctx context.Context, f func(Tx) error) error
	// Write runs f in a transaction and commits it, durably, unless f fails. f may be run again. An
	// error of f comes back as it is; a failure of the database wraps problem.ErrUnavailable if
	// trying again later can help.
	Write(ctx context.Context, f func(Tx) error) error
	// Configure is Write for a change of the kind, which other servers are to notice.
	Configure(ctx context.Context, kind registry.Kind, f func(Tx) error) error
	// ChangeWebhooks is Write for a change of webhooks: f gets the number of the change, which
	// rises with each and is to be noted with the webhook.
	ChangeWebhooks(ctx context.Context, f func(tx Tx, change int64) error) error
	// Erased is called after personal data were deleted: copies of them that the database itself
	// keeps are overwritten, as far as that is in its hands.
	Erased(ctx context.Context) error
	// Dialect tells which variant of a statement it runs.
	Dialect() sqltext.Dialect
}

// Tx is a transaction, or the reading of a moment. Only the goroutine that got it may use it.
type Tx interface {
	// Exec runs a statement and returns how many rows it changed. Arguments are int64, bool,
	// string, []byte or nil.
	Exec(sql string, args ...any) (int64, error)
	// Query runs a statement and calls each for every row. What row.Scan fills belongs to the
	// caller.
	Query(each func(row Row) error, sql string, args ...any) error
}

// Row is a row of an answer.
type Row interface {
	// Scan fills pointers to int64, bool, string and []byte with the columns, in order. NULL is a
	// nil slice; for the others it is an error.
	Scan(dest ...any) error
}

// Tables implements the operations on plain tables for a store that embeds it.
type Tables struct {
	config  DB // what servers hold in memory, and jobs
	people  DB // profiles, audiences, journeys, campaigns, respondents and the gate's settings
	sealer  webhook.Sealer
	reserve func() event.ID
	sql     sqltext.Statements

	// sealing is held for reading from before a record's secrets are sealed until they are stored,
	// so that Reseal misses none that an older key has sealed.
	sealing sync.RWMutex
}

// New returns the operations on a store's plain tables. SQLite keeps people in a
// file of their own, where deleted rows are overwritten; with PostgreSQL both are the same
// database. reserve returns a new id for an entry of the audit log; ids rise with time.
func New(config, people DB, sealer webhook.Sealer, reserve func() event.ID) *Tables {
	return &Tables{config: config, people: people, sealer: sealer, reserve: reserve, sql: statements(config.Dialect())}
}

// databases returns the databases there are, each once.
func (t *Tables) databases() []DB {
	if t.people == t.config {
		return []DB{t.config}
	}
	return []DB{t.config, t.people}
}

// SQL returns the text of an operation, for the parts that are native to a store.
func (t *Tables) SQL(name string) string { return t.sql.Get(name) }

// statements returns the text of all operations.
func statements(d sqltext.Dialect) sqltext.Statements {
	all := make(sqltext.Statements)
	files, err := sqlFiles.ReadDir("sql")
	if err != nil {
		panic(err) // it is embedded
	}
	for _, f := range files {
		all.Add(sqltext.LoadFor(sqlFiles, strings.TrimSuffix(f.Name(), ".sql"), d))
	}
	if d == sqltext.SQLite {
		for name, text := range all {
			all[name] = strings.ReplaceAll(text, "strpos(", "instr(") // the same function by another name
		}
	}
	return all
}
