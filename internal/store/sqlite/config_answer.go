package sqlite

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var answerSQL = sqltext.Load(sqlFiles, "answer")

// AnswerBegin implements account.AnswerStore.
func (s *Store) AnswerBegin(ctx context.Context, a account.Answer, expired, stuck time.Time) (before *account.Answer, err error) {
	if s.opened.After(stuck) {
		stuck = s.opened // nobody else uses the folder
	}
	err = s.config.write(ctx, func(c *conn) error {
		before = nil
		if err := c.exec(answerSQL.Get("AnswerExpire"), column.Millis(expired)); err != nil {
			return err
		}
		if err := c.exec(answerSQL.Get("AnswerBegin"), a.Key[:], a.Tenant, a.Token[:], a.Request[:], column.Millis(a.At),
			column.Millis(expired), column.Millis(stuck)); err != nil || c.changes() > 0 {
			return err
		}
		return c.query(func(st *sqlite3.Stmt) error {
			before = &account.Answer{
				Key: a.Key, Tenant: event.TenantID(st.ColumnInt64(0)), Sealed: st.ColumnBlob(3, nil), At: column.Time(st.ColumnInt64(4)),
			}
			copy(before.Token[:], st.ColumnRawBlob(1))
			copy(before.Request[:], st.ColumnRawBlob(2))
			return nil
		}, answerSQL.Get("AnswerGet"), a.Key[:])
	})
	if err != nil {
		return nil, fmt.Errorf("storing an Idempotency-Key: %w", err)
	}
	return before, nil
}

// AnswerEnd implements account.AnswerStore.
func (s *Store) AnswerEnd(ctx context.Context, a account.Answer) error {
	err := s.config.write(ctx, func(c *conn) error { return c.exec(answerSQL.Get("AnswerEnd"), a.Key[:], a.Token[:], a.Sealed) })
	if err != nil {
		return fmt.Errorf("storing an answer: %w", err)
	}
	return nil
}

// AnswerForget implements account.AnswerStore.
func (s *Store) AnswerForget(ctx context.Context, a account.Answer) error {
	err := s.config.write(ctx, func(c *conn) error { return c.exec(answerSQL.Get("AnswerForget"), a.Key[:], a.Token[:]) })
	if err != nil {
		return fmt.Errorf("removing an Idempotency-Key: %w", err)
	}
	return nil
}

// Secret implements account.AnswerStore.
func (s *Store) Secret(ctx context.Context, name string) (value []byte, err error) {
	read := func(c *conn) error {
		return c.query(func(st *sqlite3.Stmt) error { value = st.ColumnBlob(0, nil); return nil }, answerSQL.Get("SecretGet"), name)
	}
	if err = s.config.read(ctx, read); err == nil && value == nil {
		fresh := make([]byte, 32)
		rand.Read(fresh) // never fails, see crypto/rand
		err = s.config.write(ctx, func(c *conn) error {
			if err := c.exec(answerSQL.Get("SecretPut"), name, fresh); err != nil {
				return err
			}
			return read(c)
		})
	}
	if err != nil {
		return nil, fmt.Errorf("reading the secret %q: %w", name, err)
	}
	return value, nil
}
