package user

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/passkey"
	"github.com/relay-events/relay/internal/problem"
)

// AskPasskey returns the options for navigator.credentials.get, by which somebody proves one of their passkeys: to sign in,
// to end a sign-in that waits, or to confirm who they are. They hold for an hour. A Conflict problem says that the site can
// have no passkeys.
func (s *Sessions) AskPasskey(_ context.Context, party passkey.Party) (json.RawMessage, error) {
	if err := s.possible(party); err != nil {
		return nil, err
	}
	challenge, err := s.newChallenge(signingIn, challengeTime)
	if err != nil {
		return nil, err
	}
	return party.Get(challenge)
}

// HasPasskey reports whether the person with the id has a passkey for the site.
func (s *Sessions) HasPasskey(ctx context.Context, person string, party passkey.Party) (bool, error) {
	if s.possible(party) != nil {
		return false, nil
	}
	list, err := s.store.PasskeyList(ctx, person)
	if err != nil {
		return false, fmt.Errorf("listing passkeys: %w", err)
	}
	return slices.ContainsFunc(list, func(k Passkey) bool { return k.Party == party.ID }), nil
}

// WaitsForPasskey reports whether a passkey can end the sign-in that waits, whose token it is.
func (s *Sessions) WaitsForPasskey(ctx context.Context, token string, party passkey.Party) (bool, error) {
	pending, ok, err := s.store.PendingGet(ctx, HashToken(token))
	if err != nil || !ok {
		return false, err
	}
	return s.HasPasskey(ctx, pending.Person, party)
}

// LoginPasskey signs somebody in by the answer of their passkey to AskPasskey. waiting is the token of a sign-in that waits
// for a second factor, in the place of which the passkey stands; empty: the passkey is all there is. An Unauthorized
// problem says that the answer is wrong, a TooMany problem that too many were, a Forbidden problem that the person signs in
// elsewhere.
func (s *Sessions) LoginPasskey(ctx context.Context, from Client, party passkey.Party, waiting string, answer []byte) (SignedIn, error) {
	if waiting == "" && s.settings.PasswordLogin() == PasswordsOff {
		return SignedIn{}, errPasswords
	}
	p, use, err := s.provePasskey(ctx, from, party, answer)
	if err != nil {
		return SignedIn{}, err
	}
	by, note := ByPasskey, sessionNote{Method: ByPasskey}
	if waiting != "" {
		pending, ok, err := s.store.PendingGet(ctx, HashToken(waiting))
		switch {
		case err != nil:
			return SignedIn{}, fmt.Errorf("signing in: %w", err)
		case !ok || !s.now().Before(pending.ExpiresAt):
			return SignedIn{}, errPending
		case pending.Person != p.ID:
			return SignedIn{}, problem.New(problem.Unauthorized, "this passkey belongs to another account")
		}
		by, note = pending.Method, sessionNote{Method: pending.Method, SecondFactor: true}
		use.Pending = &pending.Hash
	} else if !s.signsInHere(&p) {
		return SignedIn{}, errPasswords
	}
	in := SignedIn{Person: p}
	in.Token, in.Session = s.newSession(&p, by, from)
	use.Session, use.Most, use.Was = &in.Session, maxSessions, p.Password
	note.Session, note.Passkey = in.Session.ID, use.Passkey.ID
	notes, err := entries(&p, from.Request, "user.login", note)
	if err != nil {
		return SignedIn{}, err
	}
	switch err := s.store.PasskeyUse(ctx, use, notes); {
	case errors.Is(err, ErrChanged):
		return SignedIn{}, errChallenge
	case errors.Is(err, ErrNotFound):
		return SignedIn{}, errPending
	case err != nil:
		return SignedIn{}, fmt.Errorf("signing in: %w", err)
	}
	s.endBefore(ctx, from, p.ID)
	return in, nil
}

// ConfirmPasskey notes that the principal has proved again who they are, by the answer of their passkey to AskPasskey. A
// Forbidden problem says that it is wrong.
func (s *Sessions) ConfirmPasskey(ctx context.Context, p *access.Principal, from Client, party passkey.Party, answer []byte) error {
	person, use, err := s.provePasskey(ctx, from, party, answer)
	switch {
	case err != nil:
		return forSignedIn(err)
	case person.ID != p.Actor.ID:
		return problem.New(problem.Forbidden, "this passkey belongs to another account")
	}
	use.Prove = p.Session
	notes, err := entries(&person, p.Request, "user.confirm", struct {
		Session string `json:"session"`
		By      string `json:"by"`
		Passkey string `json:"passkey"`
	}{p.Session, "passkey", use.Passkey.ID})
	if err != nil {
		return err
	}
	switch err := s.store.PasskeyUse(ctx, use, notes); {
	case errors.Is(err, ErrChanged):
		return forSignedIn(errChallenge)
	case errors.Is(err, ErrNotFound):
		return errSession
	case err != nil:
		return fmt.Errorf("confirming who somebody is: %w", err)
	}
	return nil
}

// provePasskey checks an answer to AskPasskey, and returns whose it is and what is to be stored of its use. What is wrong
// with an answer is counted against the address, and a copy of a passkey is noted in the audit log.
func (s *Sessions) provePasskey(ctx context.Context, from Client, party passkey.Party, answer []byte) (p Person, use PasskeyUse, err error) {
	if err := s.possible(party); err != nil {
		return p, use, err
	}
	if err := s.throttled("", from.Addr); err != nil {
		return p, use, err
	}
	use.Key, err = party.Got(answer, s.challenged(&use.Challenge, signingIn), func(credential []byte) (passkey.Key, string, error) {
		k, ok, err := s.store.PasskeyFind(ctx, credential)
		if err == nil && (!ok || k.Party != party.ID) {
			err = errPasskey
		}
		use.Passkey = k
		return k.Key, k.Person, err
	})
	wrong := errors.Is(err, passkey.ErrAnswer) || errors.Is(err, errPasskey) || errors.Is(err, errChallenge)
	if err != nil && !wrong && !errors.Is(err, passkey.ErrCopied) {
		return p, use, fmt.Errorf("checking a passkey: %w", err)
	}
	if use.Passkey.Person != "" {
		var ok bool
		var readErr error
		if p, ok, readErr = s.store.PersonGet(ctx, use.Passkey.Person); readErr != nil {
			return p, use, fmt.Errorf("reading a person: %w", readErr)
		}
		if err == nil && (!ok || len(p.Active()) == 0) {
			err, wrong = errPasskey, true
		}
	}
	if errors.Is(err, passkey.ErrCopied) { // or the same answer twice, as when a form is sent again
		used, readErr := s.store.ChallengeUsed(ctx, use.Challenge.Hash)
		switch {
		case readErr != nil:
			return p, use, fmt.Errorf("checking a passkey: %w", readErr)
		case used:
			err = errChallenge
		}
	}
	switch {
	case errors.Is(err, passkey.ErrCopied):
		s.noteCopy(ctx, &p, &use.Passkey, from)
		return p, use, errCopied
	case errors.Is(err, errChallenge): // a page that was open for long is no attack
		return p, use, errChallenge
	case wrong:
		if errors.Is(err, passkey.ErrAnswer) {
			s.log.InfoContext(ctx, "the answer of a passkey is not valid", "user", p.ID, "error", err)
			err = errAnswer
		}
		s.addresses.fail(addressName(from.Addr), s.now())
		if p.ID != "" {
			s.noteFailure(ctx, &p, 1, p.Email, from)
		}
		return p, use, err
	case !signsInByPasskey(&p):
		return p, use, errAtProvider
	}
	use.At = s.now().UTC().Truncate(time.Millisecond)
	return p, use, nil
}

// noteCopy notes in the audit log of the person's tenants that a passkey is refused because there may be a copy of it.
func (s *Sessions) noteCopy(ctx context.Context, p *Person, k *Passkey, from Client) {
	s.addresses.fail(addressName(from.Addr), s.now())
	if _, ok := s.failures.allow(s.now()); !ok {
		return
	}
	who := &access.Principal{Actor: access.Actor{Kind: access.ActorAnonymous}, Request: from.Request}
	for i := range p.Users[:min(len(p.Users), maxEntries)] {
		if err := s.note(ctx, who, "user.passkey-copied", &p.Users[i], k.audited()); err != nil {
			s.log.ErrorContext(ctx, "a passkey that may have been copied could not be written to the audit log", "user", p.ID, "passkey", k.ID, "error", err)
			return
		}
	}
}
