package user

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
)

// What people do about their own account.

// Whoami returns the person of the principal, with all that they are.
func (s *Sessions) Whoami(ctx context.Context, p *access.Principal) (Person, error) {
	person, ok, err := s.store.PersonGet(ctx, p.Actor.ID)
	switch {
	case err != nil:
		return Person{}, fmt.Errorf("reading a person: %w", err)
	case !ok:
		return Person{}, errSession
	}
	return person, nil
}

// List returns the sessions of the principal that have not ended, the last used first.
func (s *Sessions) List(ctx context.Context, p *access.Principal) ([]Session, error) {
	all, err := s.store.SessionList(ctx, p.Actor.ID)
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	now := s.now()
	list := all[:0]
	for _, session := range all {
		if now.Before(session.ExpiresAt) && now.Sub(session.SeenAt) < SessionIdle {
			list = append(list, session)
		}
	}
	return list, nil
}

// End ends a session of the principal, or all if id is empty: no request by them is answered from now on, by any server. A
// NotFound problem says that there is none.
func (s *Sessions) End(ctx context.Context, p *access.Principal, id string) error {
	person, err := s.Whoami(ctx, p)
	if err != nil {
		return err
	}
	action, after := "user.logout", any(struct {
		Session string `json:"session"`
	}{id})
	if id == "" {
		action, after = "user.logout-everywhere", nil
	}
	notes, err := entries(&person, p.Request, action, after)
	if err != nil {
		return err
	}
	if err := s.store.SessionEnd(ctx, person.ID, id, notes); errors.Is(err, ErrNotFound) {
		return problem.New(problem.NotFound, "there is no such session")
	} else if err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	return nil
}

// SetPassword changes the password of the principal, who proves the present one, and ends all their sessions but keep, and
// all login links. A Forbidden problem says that the present password is wrong.
func (s *Sessions) SetPassword(ctx context.Context, p *access.Principal, from Client, keep, present, password string) error {
	person, err := s.Whoami(ctx, p)
	if err != nil {
		return err
	}
	if err := checkPassword("newPassword", password, person.Email); err != nil {
		return err
	}
	done, err := s.turn(ctx, person.Email, from.Addr)
	if err != nil {
		return err
	}
	defer done()
	if err := s.verify(ctx, &person, person.Email, present, from); errors.Is(err, errSignIn) {
		return problem.New(problem.Forbidden, "the present password is wrong")
	} else if err != nil {
		return err
	}
	hash, err := s.hasher.hash(cleanPassword(password))
	if err != nil {
		return err
	}
	notes, err := entries(&person, p.Request, "user.password", nil)
	if err != nil {
		return err
	}
	switch err := s.store.PasswordSet(ctx, person.ID, person.Password, hash, keep, notes); {
	case errors.Is(err, ErrChanged):
		return problem.New(problem.Conflict, "the password was changed elsewhere at the same moment")
	case err != nil:
		return fmt.Errorf("changing a password: %w", err)
	}
	return nil
}

// Expire removes sessions and links that have ended.
func (s *Sessions) Expire(ctx context.Context) error {
	const batch = 1000
	for {
		now := s.now()
		n, err := s.store.SignInExpire(ctx, now.Add(-SessionIdle), now, batch)
		if err != nil {
			return fmt.Errorf("removing sessions that have ended: %w", err)
		}
		if n < batch {
			return nil
		}
	}
}

const (
	// failureBurst and failureEvery bound the entries of failed sign-ins, so that nobody without an account fills the disk
	// by the audit log.
	failureBurst = 200
	failureEvery = 5 * time.Second
)

// failureLog says which failed sign-ins are written to the audit log.
type failureLog struct {
	mu    sync.Mutex
	until time.Time // as of Failures in package account; guarded by mu
	left  int       // out since the last that was written; guarded by mu
}

// allow reports whether a failure is written, and how many were not since the last one.
func (f *failureLog) allow(now time.Time) (left int, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.until.Before(now) {
		f.until = now
	}
	if f.until.Sub(now) > (failureBurst-1)*failureEvery {
		f.left++
		return 0, false
	}
	f.until = f.until.Add(failureEvery)
	left, f.left = f.left, 0
	return left, true
}
