package tables

import (
	"context"
	"fmt"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/user"
)

// challengeUse uses a challenge up.
func (x tx) challengeUse(c user.Challenge) error {
	return x.changeOne(user.ErrChanged, "ChallengeUse", c.Hash[:], c.ExpiresAt)
}

// PasskeyAdd implements user.PasskeyStore.
func (t *Tables) PasskeyAdd(ctx context.Context, k user.Passkey, c user.Challenge, most int, entries []*access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		// A person who is removed at the same moment takes it along, and one addition counts at a time.
		err := x.changeOne(user.ErrNotFound, "PersonLockID", k.Person)
		if err != nil {
			return err
		}
		n, err := x.integer("PasskeyCount", k.Person)
		switch {
		case err != nil:
			return err
		case n >= int64(most):
			return user.ErrFull
		}
		err = x.challengeUse(c)
		if err == nil {
			err = x.changeOne(user.ErrExists, "PasskeyInsert", k.ID, k.Person, k.Name, k.Party, k.Key.Credential, k.Key.Public, k.Key.Counter, k.Key.Flags, k.CreatedAt)
		}
		if err == nil {
			err = x.auditAll(entries)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("storing a passkey: %w", err)
	}
	return nil
}

func scanPasskey(scan scan) (k user.Passkey, err error) {
	err = scan(&k.ID, &k.Person, &k.Name, &k.Party, &k.Key.Credential, &k.Key.Public, &k.Key.Counter, &k.Key.Flags, &k.CreatedAt, &k.UsedAt)
	return k, err
}

// PasskeyList implements user.PasskeyStore.
func (t *Tables) PasskeyList(ctx context.Context, person string) ([]user.Passkey, error) {
	all, err := list(ctx, t, t.config, scanPasskey, "PasskeyList", person)
	if err != nil {
		return nil, fmt.Errorf("listing passkeys: %w", err)
	}
	return all, nil
}

// PasskeyFind implements user.PasskeyStore.
func (t *Tables) PasskeyFind(ctx context.Context, credential []byte) (user.Passkey, bool, error) {
	k, ok, err := first(ctx, t, t.config, scanPasskey, "PasskeyFind", credential)
	if err != nil {
		return k, false, fmt.Errorf("looking up a passkey: %w", err)
	}
	return k, ok, nil
}

// ChallengeUsed implements user.PasskeyStore.
func (t *Tables) ChallengeUsed(ctx context.Context, hash [32]byte) (bool, error) {
	var n int64
	err := t.read(ctx, t.config, func(x tx) (err error) { n, err = x.integer("ChallengeCount", hash[:]); return err })
	if err != nil {
		return false, fmt.Errorf("looking up a challenge: %w", err)
	}
	return n > 0, nil
}

// PasskeyRename implements user.PasskeyStore.
func (t *Tables) PasskeyRename(ctx context.Context, person, id, name string, entries []*access.Entry) error {
	return t.passkeyChange(ctx, entries, "PasskeyRename", person, id, name)
}

// PasskeyRemove implements user.PasskeyStore.
func (t *Tables) PasskeyRemove(ctx context.Context, person, id string, entries []*access.Entry) error {
	return t.passkeyChange(ctx, entries, "PasskeyDelete", person, id)
}

func (t *Tables) passkeyChange(ctx context.Context, entries []*access.Entry, name string, args ...any) error {
	err := t.write(ctx, t.config, func(x tx) error {
		err := x.changeOne(user.ErrNotFound, name, args...)
		if err == nil {
			err = x.auditAll(entries)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("changing a passkey: %w", err)
	}
	return nil
}

// PasskeyUse implements user.PasskeyStore.
func (t *Tables) PasskeyUse(ctx context.Context, use user.PasskeyUse, entries []*access.Entry) error {
	k := &use.Passkey
	err := t.write(ctx, t.config, func(x tx) error {
		// As in SessionStart: a change of the password at the same moment is before this, and noticed, or after it.
		var err error
		if use.Session != nil {
			err = x.changeOne(user.ErrChanged, "PersonPassword", k.Person, use.Was, use.Was)
		} else {
			err = x.changeOne(user.ErrNotFound, "PersonLockID", k.Person)
		}
		if err == nil {
			err = x.challengeUse(use.Challenge)
		}
		if err == nil {
			err = x.changeOne(user.ErrChanged, "PasskeyUse", k.ID, k.Person, k.Key.Counter, use.Key.Counter, use.Key.Flags, use.At)
		}
		if err == nil && use.Pending != nil {
			err = x.changeOne(user.ErrNotFound, "PendingDelete", use.Pending[:])
		}
		if err == nil && use.Session != nil {
			if err = x.sessionInsert(*use.Session); err == nil {
				_, err = x.exec("SessionTrim", k.Person, use.Most)
			}
		}
		if err == nil && use.Prove != "" {
			err = x.changeOne(user.ErrNotFound, "SessionProve", k.Person, use.Prove, use.At)
		}
		if err == nil {
			err = x.auditAll(entries)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("storing the use of a passkey: %w", err)
	}
	return nil
}
