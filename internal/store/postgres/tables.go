package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/store/sqltext"
	"github.com/relay-events/relay/internal/store/tables"
)

// plainDB is the database as package tables sees it.
type plainDB struct{ s *Store }

var _ tables.DB = plainDB{}

// Dialect implements tables.DB.
func (plainDB) Dialect() sqltext.Dialect { return sqltext.PostgreSQL }

// Read implements tables.DB. Each query is an exchange of its own.
func (p plainDB) Read(ctx context.Context, f func(tables.Tx) error) error {
	return f(plainRead{ctx, p.s})
}

// Write implements tables.DB.
func (p plainDB) Write(ctx context.Context, f func(tables.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error { return f(plainTx{ctx, tx}) })
}

// Configure implements tables.DB.
func (p plainDB) Configure(ctx context.Context, kind registry.Kind, f func(tables.Tx) error) error {
	return p.Write(ctx, func(tx tables.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		if _, err := tx.Exec(configSQL.Get("RevisionBump"), string(kind)); err != nil {
			return err
		}
		_, err := tx.Exec(configSQL.Get("RevisionBumpAll"))
		return err
	})
}

// ChangeWebhooks implements tables.DB. A crash must not undo the change, for nodes that know its number would pass over
// another change with it.
func (p plainDB) ChangeWebhooks(ctx context.Context, f func(tx tables.Tx, change int64) error) error {
	return p.Write(ctx, func(tx tables.Tx) error {
		var change int64
		err := tx.Query(func(row tables.Row) error { return row.Scan(&change) }, configSQL.Get("WebhooksBump"))
		if err != nil {
			return err
		}
		return f(tx, change)
	})
}

// Erased implements tables.DB: deleted rows stay in the database's files until they are vacuumed.
func (plainDB) Erased(context.Context) error { return nil }

// plain returns text as PostgreSQL can store it: UTF-8 without NUL.
func plain(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

func plainArgs(args []any) []any {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = plain(text)
		}
	}
	return args
}

// plainTx is a transaction as package tables sees it.
type plainTx struct {
	ctx context.Context
	tx  pgx.Tx
}

// Exec implements tables.Tx.
func (t plainTx) Exec(sql string, args ...any) (int64, error) {
	tag, err := t.tx.Exec(t.ctx, sql, plainArgs(args)...)
	return tag.RowsAffected(), err
}

// Query implements tables.Tx.
func (t plainTx) Query(each func(row tables.Row) error, sql string, args ...any) error {
	rows, err := t.tx.Query(t.ctx, sql, plainArgs(args)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// plainRead reads without a transaction.
type plainRead struct {
	ctx context.Context
	s   *Store
}

// Exec implements tables.Tx.
func (plainRead) Exec(string, ...any) (int64, error) {
	panic("internal error: a change among what may only read")
}

// Query implements tables.Tx.
func (r plainRead) Query(each func(row tables.Row) error, sql string, args ...any) error {
	return r.s.query(r.ctx, func(row pgx.CollectableRow) error { return each(row) }, sql, plainArgs(args)...)
}
