package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var answerSQL = sqltext.Load(sqlFiles, "answer")

// AnswerBegin implements account.AnswerStore.
func (s *Store) AnswerBegin(ctx context.Context, a account.Answer, expired, stuck time.Time) (before *account.Answer, err error) {
	err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		before = nil
		if _, err := tx.Exec(ctx, answerSQL.Get("AnswerExpire"), column.Millis(expired)); err != nil {
			return err
		}
		done, err := tx.Exec(ctx, answerSQL.Get("AnswerBegin"), a.Key[:], int32(a.Tenant), a.Token[:], a.Request[:], column.Millis(a.At),
			column.Millis(expired), column.Millis(stuck))
		if err != nil || done.RowsAffected() > 0 {
			return err
		}
		var tenant int32
		var token, request, sealed []byte
		var at int64
		err = tx.QueryRow(ctx, answerSQL.Get("AnswerGet"), a.Key[:]).Scan(&tenant, &token, &request, &sealed, &at)
		if err != nil {
			return err
		}
		before = &account.Answer{Key: a.Key, Tenant: event.TenantID(tenant), Sealed: sealed, At: column.Time(at)}
		copy(before.Token[:], token)
		copy(before.Request[:], request)
		if before.Token == a.Token { // a commit that looked as if it had failed
			before = nil
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("storing an Idempotency-Key: %w", err)
	}
	return before, nil
}

// AnswerEnd implements account.AnswerStore.
func (s *Store) AnswerEnd(ctx context.Context, a account.Answer) error {
	err := s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, answerSQL.Get("AnswerEnd"), a.Key[:], a.Token[:], a.Sealed)
		return err
	})
	if err != nil {
		return fmt.Errorf("storing an answer: %w", err)
	}
	return nil
}

// AnswerForget implements account.AnswerStore.
func (s *Store) AnswerForget(ctx context.Context, a account.Answer) error {
	err := s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, answerSQL.Get("AnswerForget"), a.Key[:], a.Token[:])
		return err
	})
	if err != nil {
		return fmt.Errorf("removing an Idempotency-Key: %w", err)
	}
	return nil
}

// Secret implements account.AnswerStore.
func (s *Store) Secret(ctx context.Context, name string) (value []byte, err error) {
	fresh := make([]byte, 32)
	rand.Read(fresh) // never fails, see crypto/rand
	err = s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		err := tx.QueryRow(ctx, answerSQL.Get("SecretGet"), name).Scan(&value)
		if !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if _, err := tx.Exec(ctx, answerSQL.Get("SecretPut"), name, fresh); err != nil {
			return err
		}
		return tx.QueryRow(ctx, answerSQL.Get("SecretGet"), name).Scan(&value)
	})
	if err != nil {
		return nil, fmt.Errorf("reading the secret %q: %w", name, err)
	}
	return value, nil
}
