package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/relay-events/relay/internal/problem"
)

// change is a transaction of this node, sent in one exchange with the
// database (two with both a copy and statements after it). Its text consists
// of statements of this package and numbers, nothing from outside.
type change struct {
	// lazy: a crash of the database may undo it. The log is written in order,
	// so that nothing that follows it can survive without it; and after the
	// crash nothing can follow, because that has ended the registration.
	lazy bool
	// sql are statements; each gives one result.
	sql []string
	// copy is a COPY … FROM STDIN BINARY, run after sql, with its rows.
	copy string
	rows []byte
	// after are statements that follow the copy, and give the results instead.
	after []string
}

// retries is how often a transaction is tried again that the server ended
// because of a deadlock.
const retries = 3

// notSentError is an error from before anything was sent.
type notSentError struct{ error }

func (e notSentError) Unwrap() error { return e.error }

// change commits c if the node still has its registration; otherwise it
// returns ErrFenced.
func (s *Store) change(ctx context.Context, r *registration, c change) ([]*pgconn.Result, error) {
	short, cancel := detached(ctx)
	defer cancel()
	for try := 0; ; try++ {
		results, err := s.changeOnce(short, r, &c)
		if again(err) && try < retries {
			continue
		}
		if sqlState(err) == stateDivisionByZero {
			s.refused.Add(1)
			s.lost(r)
			err = ErrFenced
		}
		return results, s.noticed(storeError(context.WithoutCancel(ctx), err))
	}
}

// opening returns the statements every change begins with: how durable it is,
// and the proof that its node has not been fenced, nor the database crashed
// since it joined (schema_05.sql). The lock on the node's row keeps it from
// being fenced until the transaction has ended.
func (s *Store) opening(r *registration, lazy bool) []string {
	fence := fmt.Sprintf("SELECT 1/count(*) FROM (SELECT FROM node WHERE fence = %d FOR KEY SHARE) n", r.fence)
	switch {
	case lazy:
		return []string{"SET LOCAL synchronous_commit TO off", fence}
	case s.syncOff:
		return []string{"SET LOCAL synchronous_commit TO on", fence}
	}
	return []string{fence}
}

func (s *Store) changeOnce(ctx context.Context, r *registration, c *change) ([]*pgconn.Result, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, notSentError{err}
	}
	defer conn.Release() // closes a connection that is left within a transaction
	sql := s.opening(r, c.lazy)
	skip := len(sql)
	sql = append(sql, c.sql...)
	if c.copy == "" {
		results, err := simple(ctx, conn, strings.Join(sql, ";"))
		if err != nil {
			return nil, err
		}
		return results[skip:], nil
	}
	if len(c.after) > 0 {
		sql = append([]string{"BEGIN"}, sql...)
	}
	// Several statements sent at once are one transaction:
	// https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT
	rows := copyReader{rest: c.rows}
	_, err = conn.Conn().PgConn().CopyFrom(ctx, &rows, strings.Join(append(sql, c.copy), ";"))
	rows.close()
	if err != nil || len(c.after) == 0 {
		return nil, err
	}
	results, err := simple(ctx, conn, strings.Join(append(c.after, "COMMIT"), ";"))
	if err != nil {
		return nil, err
	}
	return results[:len(c.after)], nil
}

// transact runs f in a transaction of this node.
func (s *Store) transact(ctx context.Context, f func(ctx context.Context, tx pgx.Tx) error) error {
	r, err := s.current()
	if err != nil {
		return err
	}
	short, cancel := detached(ctx)
	defer cancel()
	for try := 0; ; try++ {
		err := begin(short, s.pool, func(tx pgx.Tx) error {
			for _, sql := range s.opening(r, false) {
				if _, err := tx.Exec(short, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
					return err
				}
			}
			return f(short, tx)
		})
		if again(err) && try < retries {
			continue
		}
		if sqlState(err) == stateDivisionByZero {
			s.refused.Add(1)
			s.lost(r)
			err = ErrFenced
		}
		return s.noticed(storeError(context.WithoutCancel(ctx), err))
	}
}

// noticed has the lease looked after at once when the database fails: it may
// be another one that answers next.
func (s *Store) noticed(err error) error {
	if errors.Is(err, problem.ErrUnavailable) {
		signal(s.kickLease)
	}
	return err
}

// wasSent reports whether the server may have got to see a change that failed.
func wasSent(err error) bool {
	var n notSentError
	return !errors.As(err, &n)
}
