package tables

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/account"
)

// AnswerBegin implements account.AnswerStore for a store that several servers use.
func (t *Tables) AnswerBegin(ctx context.Context, a account.Answer, expired, stuck time.Time) (before *account.Answer, err error) {
	err = t.write(ctx, t.config, func(x tx) error {
		before = nil
		if _, err := x.exec("AnswerExpire", expired); err != nil {
			return err
		}
		n, err := x.exec("AnswerBegin", a.Key[:], a.Tenant, a.Token[:], a.Request[:], []byte{}, a.At, expired, stuck)
		if err != nil || n > 0 {
			return err
		}
		err = x.query(func(scan scan) error {
			before = &account.Answer{Key: a.Key}
			var token, request []byte
			err := scan(&before.Tenant, &token, &request, &before.Sealed, &before.At)
			copy(before.Token[:], token)
			copy(before.Request[:], request)
			return err
		}, "AnswerGet", a.Key[:])
		if err == nil && before != nil && before.Token == a.Token { // stored by a commit that seemed to have failed
			before = nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("storing an Idempotency-Key: %w", err)
	}
	return before, nil
}

// AnswerEnd implements account.AnswerStore.
func (t *Tables) AnswerEnd(ctx context.Context, a account.Answer) error {
	err := t.write(ctx, t.config, func(x tx) error {
		_, err := x.exec("AnswerEnd", a.Key[:], a.Token[:], a.Sealed)
		return err
	})
	if err != nil {
		return fmt.Errorf("storing an answer: %w", err)
	}
	return nil
}

// AnswerForget implements account.AnswerStore.
func (t *Tables) AnswerForget(ctx context.Context, a account.Answer) error {
	err := t.write(ctx, t.config, func(x tx) error {
		_, err := x.exec("AnswerForget", a.Key[:], a.Token[:])
		return err
	})
	if err != nil {
		return fmt.Errorf("removing an Idempotency-Key: %w", err)
	}
	return nil
}

// Secret implements account.AnswerStore.
func (t *Tables) Secret(ctx context.Context, name string) (value []byte, err error) {
	read := func(x tx) error { return x.query(func(scan scan) error { return scan(&value) }, "SecretGet", name) }
	if err = t.read(ctx, t.config, read); err == nil && value == nil {
		fresh := make([]byte, 32)
		rand.Read(fresh) // never fails, see crypto/rand
		err = t.write(ctx, t.config, func(x tx) error {
			if _, err := x.exec("SecretPut", name, fresh); err != nil {
				return err
			}
			return read(x) // another server's value, if it was faster
		})
	}
	if err != nil {
		return nil, fmt.Errorf("reading the secret %q: %w", name, err)
	}
	return value, nil
}
