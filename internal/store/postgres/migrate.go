package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/relay-events/relay/internal/store/sqltext"
)

var migrations = sqltext.Migrations(sqlFiles, "schema")

// errNewer is returned for a database that a newer Relay has changed.
var errNewer = errors.New("the database was set up by a newer Relay: run that version or a later one")

const (
	// migrateLock bounds how long a step of a migration waits for a table that
	// others use, and with it how long they wait behind it.
	migrateLock = "500ms"
	// migrateTries is how often a step is tried, with pauses that grow.
	migrateTries = 20
)

// SchemaStatus says which version of the schema a database has.
type SchemaStatus struct {
	Version int // migrations applied; 0: Relay has not set the database up
	Latest  int // migrations this Relay knows
}

// Newer reports whether a newer Relay has changed the database.
func (s SchemaStatus) Newer() bool { return s.Version > s.Latest }

// Pending returns what each migration that the database lacks is about, the next one first.
func (s SchemaStatus) Pending() []string { return sqltext.Pending(migrations, s.Version) }

// Schema returns the version of a database's schema. It changes nothing.
func Schema(ctx context.Context, url string) (st SchemaStatus, err error) {
	st.Latest = len(migrations)
	s, err := unregistered(url)
	if err != nil {
		return st, err
	}
	defer s.closePools()
	there, err := s.integer(ctx, `SELECT count(*) FROM pg_class WHERE oid = to_regclass('relay_schema')`)
	if err == nil && there > 0 {
		var version int64
		version, err = s.integer(ctx, `SELECT version FROM relay_schema`)
		st.Version = int(version)
	}
	if err != nil {
		return st, fmt.Errorf("reading the schema's version: %w", err)
	}
	return st, nil
}

// Migrate brings a database's schema up to date, as Open does, and calls
// progress, unless nil, after each step. Nodes that use the database go on: a
// step that cannot have a table within half a second lets them pass and tries again.
func Migrate(ctx context.Context, url string, progress func(SchemaStatus)) error {
	s, err := unregistered(url)
	if err != nil {
		return err
	}
	defer s.closePools()
	if err := s.checkServer(ctx); err != nil {
		return err
	}
	return s.migrateSteps(ctx, migrations, progress)
}

// unregistered makes a Store that is no node: it may read, and migrate.
func unregistered(url string) (s *Store, err error) {
	s = &Store{log: slog.New(slog.DiscardHandler), stop: make(chan struct{}), days: make(map[day]bool)}
	s.record.lag = make(map[day]lag)
	s.pool, s.control, err = openPools(url)
	return s, err
}

func (s *Store) closePools() {
	s.pool.Close()
	s.control.Close()
}

// migrate brings the schema up to date.
func (s *Store) migrate(ctx context.Context) error {
	return s.migrateSteps(ctx, migrations, func(st SchemaStatus) {
		s.log.Info("migrated the database's schema", "version", st.Version, "latest", st.Latest)
	})
}

// migrateSteps applies the scripts the database lacks, each in a transaction
// of its own. Several nodes may start at once: the row of relay_schema lets one
// after the other in.
func (s *Store) migrateSteps(ctx context.Context, scripts []string, progress func(SchemaStatus)) error {
	for {
		st, done, err := s.migrateStep(ctx, scripts)
		if err != nil || done {
			return err
		}
		if progress != nil {
			progress(st)
		}
	}
}

func (s *Store) migrateStep(ctx context.Context, scripts []string) (st SchemaStatus, done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, slowTimeout)
	defer cancel()
	for try := 0; ; try++ {
		err = begin(ctx, s.pool, func(tx pgx.Tx) error {
			st, done, err = migrateTx(ctx, tx, scripts)
			return err
		})
		// Two nodes that create the first table at the same moment: one of
		// them fails, in the catalogue's unique indexes.
		var e *pgconn.PgError
		racing := errors.As(err, &e) && (e.Code == stateUniqueViolation || e.Code == "42P07" || e.Code == "42710" || e.Code == stateLockTimeout)
		if err == nil || !(racing || again(err)) || try == migrateTries {
			return st, done, err
		}
		select {
		case <-ctx.Done():
			return st, false, ctx.Err()
		case <-time.After(min(time.Duration(try+1)*50*time.Millisecond, 2*time.Second)):
		}
	}
}

// migrateTx applies the next script; done says that there was none.
func migrateTx(ctx context.Context, tx pgx.Tx, scripts []string) (st SchemaStatus, done bool, err error) {
	st.Latest = len(scripts)
	for _, sql := range []string{
		`SET LOCAL statement_timeout TO '60s'`,
		`SET LOCAL lock_timeout TO '` + migrateLock + `'`,
		`CREATE TABLE IF NOT EXISTS relay_schema(one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL)`,
		`INSERT INTO relay_schema(version) VALUES (0) ON CONFLICT DO NOTHING`,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return st, false, fmt.Errorf("setting up the schema: %w", err)
		}
	}
	if err := tx.QueryRow(ctx, `SELECT version FROM relay_schema FOR UPDATE`).Scan(&st.Version); err != nil {
		return st, false, fmt.Errorf("reading the schema's version: %w", err)
	}
	if st.Newer() {
		return st, false, fmt.Errorf("%w (its schema has version %d, this Relay knows %d)", errNewer, st.Version, st.Latest)
	}
	if st.Version == st.Latest {
		return st, true, nil
	}
	if _, err := tx.Exec(ctx, scripts[st.Version], pgx.QueryExecModeSimpleProtocol); err != nil {
		return st, false, fmt.Errorf("migrating the schema to version %d: %w", st.Version+1, err)
	}
	st.Version++
	_, err = tx.Exec(ctx, `UPDATE relay_schema SET version = $1`, st.Version)
	return st, false, err
}
