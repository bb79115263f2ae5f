package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/relay-events/relay/internal/store/sqltext"
)

var migrations = sqltext.Migrations(sqlFiles, "schema")

// errNewer is returned for a database that a newer Relay has changed.
var errNewer = errors.New("the database was set up by a newer Relay: run that version or a later one")

// migrate brings the schema up to date. Several nodes may start at once: the
// row of relay_schema lets one after the other in.
func (s *Store) migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, slowTimeout)
	defer cancel()
	for try := 0; ; try++ {
		err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error { return migrateTx(ctx, tx, migrations) })
		// Two nodes that create the first table at the same moment: one of
		// them fails, in the catalogue's unique indexes.
		var e *pgconn.PgError
		racing := errors.As(err, &e) && (e.Code == stateUniqueViolation || e.Code == "42P07" || e.Code == "42710")
		if err == nil || !(racing || again(err)) || try == 10 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func migrateTx(ctx context.Context, tx pgx.Tx, scripts []string) error {
	for _, sql := range []string{
		`SET LOCAL statement_timeout TO '60s'`,
		`CREATE TABLE IF NOT EXISTS relay_schema(one boolean PRIMARY KEY DEFAULT true CHECK (one), version integer NOT NULL)`,
		`INSERT INTO relay_schema(version) VALUES (0) ON CONFLICT DO NOTHING`,
	} {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("setting up the schema: %w", err)
		}
	}
	version := 0
	if err := tx.QueryRow(ctx, `SELECT version FROM relay_schema FOR UPDATE`).Scan(&version); err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	if version > len(scripts) {
		return fmt.Errorf("%w (its schema has version %d, this Relay knows %d)", errNewer, version, len(scripts))
	}
	if version == len(scripts) {
		return nil
	}
	for i, script := range scripts[version:] {
		if _, err := tx.Exec(ctx, script, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("migrating the schema to version %d: %w", version+i+1, err)
		}
	}
	_, err := tx.Exec(ctx, `UPDATE relay_schema SET version = $1`, len(scripts))
	return err
}
