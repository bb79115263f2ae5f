package tables

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/user"
)

// FactorContext says where the secret of a second factor is stored, as RecordContext does.
func FactorContext(person string) string { return "second_factor.sealed/" + person }

// factorSecret is what is sealed of a second factor: an object, by which stores that were opened without keys know that it
// is in clear.
type factorSecret struct {
	TOTP []byte `json:"totp"`
}

// FactorPut implements user.FactorStore.
func (t *Tables) FactorPut(ctx context.Context, f user.Factor) error {
	t.sealing.RLock()
	defer t.sealing.RUnlock()
	plain, err := json.Marshal(factorSecret{f.Secret})
	if err != nil {
		return fmt.Errorf("writing a second factor: %w", err)
	}
	sealed, err := t.sealer.Seal(plain, FactorContext(f.Person))
	if err == nil {
		err = t.write(ctx, t.config, func(x tx) error {
			// A person who is removed at the same moment takes it along.
			if err := x.changeOne(user.ErrNotFound, "PersonLockID", f.Person); err != nil {
				return err
			}
			return x.changeOne(user.ErrExists, "FactorPut", f.Person, sealed, f.CreatedAt)
		})
	}
	if err != nil {
		return fmt.Errorf("storing a second factor: %w", err)
	}
	return nil
}

// FactorGet implements user.FactorStore.
func (t *Tables) FactorGet(ctx context.Context, person string) (user.Factor, bool, error) {
	f, ok, err := first(ctx, t, t.config, func(scan scan) (f user.Factor, err error) {
		var sealed []byte
		if err = scan(&f.Person, &sealed, &f.CreatedAt, &f.ConfirmedAt, &f.Step, &f.Codes); err != nil {
			return f, err
		}
		plain, err := t.sealer.Open(sealed, FactorContext(f.Person))
		if err != nil {
			return f, err
		}
		var s factorSecret
		if json.Unmarshal(plain, &s) != nil {
			return f, errors.New("its secret is damaged") // the cause could repeat it
		}
		f.Secret = s.TOTP
		return f, nil
	}, "FactorGet", person)
	if err != nil {
		return f, false, fmt.Errorf("reading the second factor of %q: %w", person, err)
	}
	return f, ok, nil
}

// FactorConfirm implements user.FactorStore.
func (t *Tables) FactorConfirm(ctx context.Context, f user.Factor, codes [][32]byte, keep string, entries []*access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		// Locked first: a sign-in without the factor at the same moment is before this, and ended,
		// or after it, and refused.
		err := x.changeOne(user.ErrChanged, "PersonLockID", f.Person)
		if err == nil {
			err = x.changeOne(user.ErrChanged, "FactorConfirm", f.Person, f.CreatedAt, f.ConfirmedAt, f.Step)
		}
		if err == nil {
			err = x.recoverySet(f.Person, codes)
		}
		if err == nil {
			err = x.endOthers(f.Person, keep)
		}
		if err == nil {
			err = x.auditAll(entries)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("confirming a second factor: %w", err)
	}
	return nil
}

func (x tx) recoverySet(person string, codes [][32]byte) error {
	_, err := x.exec("RecoveryDelete", person)
	for i := range codes {
		if err == nil {
			_, err = x.exec("RecoveryInsert", person, codes[i][:])
		}
	}
	return err
}

// endOthers ends the person's sessions but keep, and all sign-ins that wait.
func (x tx) endOthers(person, keep string) error {
	_, err := x.exec("SessionDeleteOthers", person, keep)
	if err == nil {
		_, err = x.exec("PendingDeleteAll", person)
	}
	return err
}

// prove uses a proof up.
func (x tx) prove(person string, proof user.Proof) error {
	if proof.Step > 0 {
		return x.changeOne(user.ErrChanged, "FactorStep", person, proof.Step)
	}
	return x.changeOne(user.ErrChanged, "RecoveryUse", person, proof.Recovery[:])
}

// FactorRenew implements user.FactorStore.
func (t *Tables) FactorRenew(ctx context.Context, person string, proof user.Proof, codes [][32]byte, entries []*access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		err := x.changeOne(user.ErrChanged, "PersonLockID", person)
		if err == nil {
			err = x.prove(person, proof)
		}
		if err == nil {
			err = x.recoverySet(person, codes)
		}
		if err == nil {
			err = x.auditAll(entries)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("replacing recovery codes: %w", err)
	}
	return nil
}

// FactorRemove implements user.FactorStore.
func (t *Tables) FactorRemove(ctx context.Context, person string, proof *user.Proof, entries []*access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		err := x.changeOne(user.ErrNotFound, "PersonLockID", person)
		if err == nil && proof != nil {
			err = x.prove(person, *proof)
		}
		var factors, passkeys int64
		if err == nil {
			factors, err = x.exec("FactorDelete", person)
		}
		if err == nil && proof == nil {
			passkeys, err = x.exec("PasskeyDeleteAll", person)
		}
		if err == nil && factors+passkeys == 0 {
			err = user.ErrNotFound
		}
		if err == nil {
			err = x.recoverySet(person, nil)
		}
		if err == nil {
			err = x.auditAll(entries)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("removing a second factor: %w", err)
	}
	return nil
}

func (x tx) pendingInsert(p user.Pending) error {
	_, err := x.exec("PendingInsert", p.Hash[:], p.Person, p.Method, p.CreatedAt, p.ExpiresAt)
	return err
}

// PendingPut implements user.FactorStore.
func (t *Tables) PendingPut(ctx context.Context, p user.Pending, was string, most int) error {
	err := t.write(ctx, t.config, func(x tx) error {
		err := x.changeOne(user.ErrChanged, "PersonPassword", p.Person, was, was)
		if err == nil {
			err = x.pendingInsert(p)
		}
		if err == nil {
			_, err = x.exec("PendingTrim", p.Person, most)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("storing a sign-in that waits: %w", err)
	}
	return nil
}

// PendingGet implements user.FactorStore.
func (t *Tables) PendingGet(ctx context.Context, hash [32]byte) (user.Pending, bool, error) {
	p, ok, err := first(ctx, t, t.config, func(scan scan) (p user.Pending, err error) {
		var hash []byte
		err = scan(&hash, &p.Person, &p.Method, &p.CreatedAt, &p.ExpiresAt)
		copy(p.Hash[:], hash)
		return p, err
	}, "PendingGet", hash[:])
	if err != nil {
		return p, false, fmt.Errorf("reading a sign-in that waits: %w", err)
	}
	return p, ok, nil
}

// PendingUse implements user.FactorStore.
func (t *Tables) PendingUse(ctx context.Context, hash [32]byte, proof user.Proof, s user.Session, was string, most int, entries []*access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		err := x.changeOne(user.ErrChanged, "PersonPassword", s.Person, was, was)
		if err == nil {
			err = x.prove(s.Person, proof)
		}
		if err == nil {
			err = x.changeOne(user.ErrNotFound, "PendingDelete", hash[:])
		}
		if err == nil {
			err = x.sessionInsert(s)
		}
		if err == nil {
			_, err = x.exec("SessionTrim", s.Person, most)
		}
		if err == nil {
			err = x.auditAll(entries)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("storing a session: %w", err)
	}
	return nil
}

// withoutFactor returns missing if the person has a second factor.
func (x tx) withoutFactor(person string, missing error) error {
	n, err := x.integer("FactorConfirmed", person)
	if err == nil && n > 0 {
		return missing
	}
	return err
}
