package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/relay-events/relay/internal/problem"
)

const (
	// callTimeout bounds one exchange with the database, waiting for a
	// connection included, so that a caller has an answer within 2 s also when
	// the database is silent.
	callTimeout = 1700 * time.Millisecond
	// pingTimeout bounds the check of a connection that was idle; a dead one
	// is replaced within the same call.
	pingTimeout = 500 * time.Millisecond
	// serverTimeout is after how long the server itself ends a statement, or a
	// transaction whose client is silent: locks of a node that is stopped must
	// not hold up the others.
	serverTimeout = "3s"
	// slowTimeout bounds a statement of maintenance that nobody waits for.
	slowTimeout = 60 * time.Second
	// defaultConns is how many connections a node uses at most, unless the
	// URL says so (pool_max_conns); one more keeps the lease.
	defaultConns = 10
)

// openPools makes the pool of connections for everything, and the one that
// keeps the lease: it must not have to wait for a connection. Neither connects yet.
func openPools(url string) (pool, control *pgxpool.Pool, err error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, nil, fmt.Errorf("the database's URL: %w", err) // pgx leaves the password out
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = defaultConns
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = callTimeout
	}
	cfg.PingTimeout = pingTimeout
	set := func(name, value string) {
		if _, ok := cfg.ConnConfig.RuntimeParams[name]; !ok {
			cfg.ConnConfig.RuntimeParams[name] = value
		}
	}
	set("application_name", "relay")
	set("statement_timeout", serverTimeout)
	set("idle_in_transaction_session_timeout", serverTimeout)
	// Compiling one of our statements takes longer than running it, which is
	// quick where the planner expects it to be long: half a second for a walk
	// over nothing. Databases that do not know the setting do not compile.
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "SET jit TO off", pgx.QueryExecModeSimpleProtocol)
		if sqlState(err) != "" {
			return nil
		}
		return err
	}
	lease := cfg.Copy()
	lease.MinConns, lease.MinIdleConns, lease.MaxConns = 0, 0, 1
	// Contexts end the calls; the pools end with Close.
	if pool, err = pgxpool.NewWithConfig(context.Background(), cfg); err != nil {
		return nil, nil, err
	}
	if control, err = pgxpool.NewWithConfig(context.Background(), lease); err != nil {
		pool.Close()
		return nil, nil, err
	}
	return pool, control, nil
}

// errSilent is why a context of this package's own ended. Its caller did not
// give up: to whoever asked, the database is unavailable.
var errSilent = fmt.Errorf("no answer from the database within %v", callTimeout)

// bounded returns a context for one exchange with the database.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, callTimeout, errSilent)
}

// detached is bounded for writes: whoever asked may go away, but half the
// outcome must not.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return bounded(context.WithoutCancel(ctx))
}

// SQLSTATEs, https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	stateData            = "22" // class: a value that its column does not take
	stateDivisionByZero  = "22012"
	stateUniqueViolation = "23505"
	stateCheckViolation  = "23514" // also: no partition for a row
	stateLockTimeout     = "55P03"
	stateUndefinedTable  = "42P01"
	stateReadOnly        = "25006" // a standby
)

// sqlState returns the SQLSTATE of an error the server sent, "" for others.
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// again tells that the server chose to end a transaction that can simply be
// tried again: a deadlock or a serialization failure.
func again(err error) bool { return strings.HasPrefix(sqlState(err), "40") }

// noPartition tells that a row's day has no partition.
func noPartition(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == stateCheckViolation && e.ConstraintName == ""
}

// uncertain tells that the transaction may have been committed although the
// call failed: the server did not say that it rolled it back.
func uncertain(err error) bool {
	var e *pgconn.PgError
	return !errors.As(err, &e) || e.Severity != "ERROR"
}

// ownError is an error that the function within a transaction, or the one that
// reads a row, has made itself: the domain's, or a bug. It says nothing about the database.
type ownError struct{ error }

func (e ownError) Unwrap() error { return e.error }

// begin runs f in a transaction, as pgx.BeginFunc does. What fails in f without
// the database having failed is marked as ownError, so that it is told apart
// without a list of all errors there are.
func begin(ctx context.Context, pool *pgxpool.Pool, f func(tx pgx.Tx) error) error {
	var own error
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		err := f(tx)
		if err == nil || sqlState(err) != "" {
			return err
		}
		// The driver closes a connection on any failure other than a refusal by
		// the server itself. It does not even begin when the time is up.
		if !tx.Conn().IsClosed() && ctx.Err() == nil {
			own = ownError{err}
		}
		return err
	})
	if own != nil {
		return own
	}
	return err
}

// storeError marks what trying again later can help against with
// problem.ErrUnavailable. What a transaction's function has made itself
// passes. ctx is the caller's, or bounded.
func storeError(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, problem.ErrUnavailable) || errors.Is(err, ErrFenced) || errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	var own ownError
	if errors.As(err, &own) {
		return err
	}
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errSilent) {
		return err // the caller gave up
	}
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch e.Code[:2] {
		case "08", // connection exception
			"28", // authorization: a password is being changed
			"40", // deadlock, serialization
			"53", // out of disk, memory, connections
			"55", // a lock that was not to be had
			"57", // shut down, crashed, statement timeout
			"58": // its disk
		default:
			if e.Code != stateReadOnly {
				return err
			}
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", errSilent, err)
	}
	return fmt.Errorf("%w: %w", problem.ErrUnavailable, err)
}

// query runs a statement with parameters and calls f for each row.
func (s *Store) query(ctx context.Context, f func(pgx.CollectableRow) error, sql string, args ...any) error {
	short, cancel := bounded(ctx)
	defer cancel()
	rows, err := s.pool.Query(short, sql, args...)
	if err == nil {
		for rows.Next() && err == nil {
			if err = f(rows); err != nil {
				err = ownError{err} // the row is here: the database has done its part
			}
		}
		rows.Close()
		if err == nil {
			err = rows.Err()
		}
	}
	return s.noticed(storeError(ctx, err))
}

// collect returns the rows of a query.
func collect[T any](ctx context.Context, s *Store, scan func(pgx.CollectableRow) (T, error), sql string, args ...any) ([]T, error) {
	var list []T
	err := s.query(ctx, func(row pgx.CollectableRow) error {
		v, err := scan(row)
		list = append(list, v)
		return err
	}, sql, args...)
	if err != nil {
		return nil, err
	}
	return list, nil
}

// integer returns the single number a query gives, zero without a row.
func (s *Store) integer(ctx context.Context, sql string, args ...any) (n int64, err error) {
	err = s.query(ctx, func(row pgx.CollectableRow) error {
		var v *int64
		err := row.Scan(&v)
		if v != nil {
			n = *v
		}
		return err
	}, sql, args...)
	return n, err
}

// simple runs statements without parameters as one transaction in one
// exchange, and returns their results. They must not hold text from outside.
func simple(ctx context.Context, conn *pgxpool.Conn, sql string) ([]*pgconn.Result, error) {
	results, err := conn.Conn().PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	return results, nil
}
