package user

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
)

// ConfirmLasts is how long ago a person may have proved who they are when they change keys, users or how people sign in: a
// browser that was left open, or a cookie that was stolen, does not suffice for these.
const ConfirmLasts = 10 * time.Minute

// Proved reports whether the person of the session has proved a short while ago who they are.
func (s *Sessions) Proved(session *Session) bool {
	return s.now().Sub(session.ProvedAt) < ConfirmLasts
}

// Confirm notes that the principal has proved again who they are, by their password or, if password is empty, by a code of
// their second factor. A Forbidden problem says that it is wrong.
func (s *Sessions) Confirm(ctx context.Context, p *access.Principal, from Client, password, code string) error {
	person, err := s.Whoami(ctx, p)
	if err != nil {
		return err
	}
	by := "password"
	if password == "" {
		by = "code"
	}
	notes, err := entries(&person, p.Request, "user.confirm", struct {
		Session string `json:"session"`
		By      string `json:"by"`
	}{p.Session, by})
	if err != nil {
		return err
	}
	note := func(proof *Proof) error {
		return s.store.SessionProve(ctx, person.ID, p.Session, s.now().UTC().Truncate(time.Millisecond), proof, notes)
	}
	switch {
	case password != "":
		if err = s.confirmPassword(ctx, &person, from, password); err == nil {
			err = note(nil)
		}
	case !person.SecondFactor:
		return problem.InvalidField("password", "must be your password")
	default:
		err = s.prove(ctx, &person, from, code, func(proof Proof) error { return note(&proof) })
	}
	switch {
	case errors.Is(err, errCode):
		return wrongCode
	case errors.Is(err, ErrNotFound):
		return errSession
	case err != nil:
		return fmt.Errorf("confirming who somebody is: %w", err)
	}
	return nil
}
