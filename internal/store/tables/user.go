package tables

import (
	"context"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/user"
)

// auditAll adds the entries of the change that the transaction makes.
func (x tx) auditAll(entries []*access.Entry) error {
	for _, e := range entries {
		if err := x.audit(e); err != nil {
			return err
		}
	}
	return nil
}

// UserInvite implements user.Store.
func (t *Tables) UserInvite(ctx context.Context, u *user.User, link *user.Link, quota user.Quota, entry *access.Entry) error {
	fresh := u.ID
	err := t.write(ctx, t.config, func(x tx) error {
		if quota != nil { // one creation counts at a time
			if _, err := x.exec("TenantLock", u.Tenant); err != nil {
				return err
			}
		}
		err := x.query(func(scan scan) error { return scan(&u.ID) }, "PersonEnsure", fresh, u.Email, u.CreatedAt)
		if err != nil {
			return err
		}
		link.Person = u.ID
		if entry != nil && len(entry.Targets) > 0 {
			entry.Targets[0].ID = u.ID
		}
		err = x.changeOne(user.ErrExists, "UserInsert", u.ID, u.Tenant, u.Email, u.Name, u.Role, u.State, u.CreatedAt, u.Version)
		if err == nil && quota != nil {
			var count int64
			if count, err = x.integer("UserCount", u.Tenant); err == nil {
				err = quota.Check(count)
			}
		}
		if err == nil {
			err = x.linkPut(*link)
		}
		if err == nil {
			err = x.audit(entry)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("storing a user: %w", err)
	}
	return nil
}

// UserCount implements user.Store.
func (t *Tables) UserCount(ctx context.Context, tenant event.TenantID) (n int64, err error) {
	err = t.read(ctx, t.config, func(x tx) (err error) { n, err = x.integer("UserCount", tenant); return err })
	if err != nil {
		return 0, fmt.Errorf("counting users: %w", err)
	}
	return n, nil
}

func (x tx) linkPut(l user.Link) error {
	_, err := x.exec("LinkPut", l.Hash[:], l.Kind, l.Person, l.Tenant, l.CreatedAt, l.ExpiresAt)
	return err
}

func scanUser(scan scan) (u user.User, err error) {
	var factors int
	err = scan(&u.ID, &u.Tenant, &u.Email, &u.Name, &u.Role, &u.State, &u.CreatedAt, &u.SeenAt, &u.Version, &u.Provider, &factors)
	u.SecondFactor = factors > 0
	return u, err
}

// UserList implements user.Store.
func (t *Tables) UserList(ctx context.Context, q user.Query) (page []user.User, more bool, err error) {
	page, err = list(ctx, t, t.config, scanUser, "UserList", q.Tenant, q.After, q.Role, q.State, q.Email, q.Limit+1)
	if err != nil {
		return nil, false, fmt.Errorf("listing users: %w", err)
	}
	if more = len(page) > q.Limit; more {
		page = page[:q.Limit]
	}
	return page, more, nil
}

// UserGet implements user.Store.
func (t *Tables) UserGet(ctx context.Context, tenant event.TenantID, id string) (user.User, bool, error) {
	u, ok, err := first(ctx, t, t.config, scanUser, "UserGet", id, tenant)
	if err != nil {
		return u, false, fmt.Errorf("reading user %q: %w", id, err)
	}
	return u, ok, nil
}

// UserUpdate implements user.Store.
func (t *Tables) UserUpdate(ctx context.Context, u *user.User, entry *access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		n, err := x.exec("UserUpdate", u.ID, u.Tenant, u.Version, u.Name, u.Role, u.State)
		switch {
		case err != nil:
			return err
		case n > 0:
			return x.audit(entry)
		}
		if n, err = x.integer("UserExists", u.ID, u.Tenant); err != nil {
			return err
		}
		if n == 0 {
			return user.ErrNotFound
		}
		return user.ErrChanged
	})
	if err != nil {
		return fmt.Errorf("changing user %q: %w", u.ID, err)
	}
	u.Version++
	return nil
}

// UserRemove implements user.Store.
func (t *Tables) UserRemove(ctx context.Context, tenant event.TenantID, id string, entry *access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		// Locked first: an invitation to another tenant at the same moment waits, and finds no
		// person.
		if err := x.changeOne(user.ErrNotFound, "PersonLockID", id); err != nil {
			return err
		}
		if err := x.changeOne(user.ErrNotFound, "UserDelete", id, tenant); err != nil {
			return err
		}
		if _, err := x.exec("LinkDeleteInvitation", id, tenant); err != nil {
			return err
		}
		if _, err := x.exec("LogViewDeleteOf", id, tenant); err != nil {
			return err
		}
		err := x.personRelease(id)
		if err == nil {
			err = x.audit(entry)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("removing user %q: %w", id, err)
	}
	return nil
}

// personRelease removes a person who is a user nowhere any longer, with all that is theirs.
func (x tx) personRelease(id string) error {
	gone, err := x.exec("PersonDelete", id)
	if err != nil || gone == 0 {
		return err
	}
	for _, name := range []string{"LinkDeleteAll", "FactorDelete", "IdentityDeleteAll", "PasskeyDeleteAll"} {
		if _, err := x.exec(name, id); err != nil {
			return err
		}
	}
	if err := x.endOthers(id, ""); err != nil {
		return err
	}
	return x.recoverySet(id, nil)
}

func scanPerson(scan scan) (p user.Person, err error) {
	var factors int
	err = scan(&p.ID, &p.Email, &p.Password, &factors)
	p.SecondFactor = factors > 0
	return p, err
}

// PersonFind implements user.Store.
func (t *Tables) PersonFind(ctx context.Context, email string) (user.Person, bool, error) {
	return t.person(ctx, "PersonFind", email)
}

// PersonGet implements user.Store.
func (t *Tables) PersonGet(ctx context.Context, id string) (user.Person, bool, error) {
	return t.person(ctx, "PersonGet", id)
}

func (t *Tables) person(ctx context.Context, name, arg string) (user.Person, bool, error) {
	p, ok, err := first(ctx, t, t.config, scanPerson, name, arg)
	if err == nil {
		// Asked for also without a person, so that it takes as long.
		p.Users, err = list(ctx, t, t.config, scanUser, "UserOfPerson", p.ID)
	}
	if err != nil {
		return p, false, fmt.Errorf("reading a person: %w", err)
	}
	return p, ok, nil
}

// LinkPut implements user.Store.
func (t *Tables) LinkPut(ctx context.Context, l user.Link, entry *access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		if err := x.changeOne(user.ErrNotFound, "PersonLockID", l.Person); err != nil {
			return err
		}
		if l.Kind == user.Invitation {
			if n, err := x.integer("UserInvited", l.Person, l.Tenant); err != nil {
				return err
			} else if n == 0 {
				return user.ErrNotFound
			}
		}
		err := x.linkPut(l)
		if err == nil {
			err = x.audit(entry)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("storing a link: %w", err)
	}
	return nil
}

// LinkGet implements user.Store.
func (t *Tables) LinkGet(ctx context.Context, hash [32]byte) (user.Link, bool, error) {
	l, ok, err := first(ctx, t, t.config, func(scan scan) (l user.Link, err error) {
		var hash []byte
		err = scan(&hash, &l.Kind, &l.Person, &l.Tenant, &l.CreatedAt, &l.ExpiresAt)
		copy(l.Hash[:], hash)
		return l, err
	}, "LinkGet", hash[:])
	if err != nil {
		return l, false, fmt.Errorf("reading a link: %w", err)
	}
	return l, ok, nil
}

// LinkUse implements user.Store.
func (t *Tables) LinkUse(ctx context.Context, use user.LinkUse, entries []*access.Entry) error {
	l := use.Link
	err := t.write(ctx, t.config, func(x tx) error {
		// The statement locks the person, before the link is looked at.
		if err := x.changeOne(user.ErrNotFound, "PersonPassword", l.Person, use.Was, use.Password); err != nil {
			return err
		}
		if err := x.changeOne(user.ErrNotFound, "LinkDelete", l.Hash[:]); err != nil {
			return err
		}
		var err error
		if l.Kind == user.Invitation {
			err = x.changeOne(user.ErrNotFound, "UserAccept", l.Person, l.Tenant, use.Name)
		} else {
			err = x.endOthers(l.Person, "")
		}
		if err == nil && use.Pending != nil {
			err = x.pendingInsert(*use.Pending)
		} else if err == nil {
			if err = x.withoutFactor(l.Person, user.ErrNotFound); err == nil {
				err = x.sessionInsert(use.Session)
			}
		}
		if err == nil {
			err = x.auditAll(entries)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("using a link: %w", err)
	}
	return nil
}

// PasswordSet implements user.Store.
func (t *Tables) PasswordSet(ctx context.Context, person, was, password, keep string, entries []*access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		err := x.changeOne(user.ErrChanged, "PersonPassword", person, was, password)
		if err == nil {
			err = x.endOthers(person, keep)
		}
		if err == nil {
			_, err = x.exec("LinkDeleteLogin", person)
		}
		if err == nil {
			err = x.auditAll(entries)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("changing a password: %w", err)
	}
	return nil
}

// PasswordRehash implements user.Store.
func (t *Tables) PasswordRehash(ctx context.Context, person, was, password string) error {
	err := t.write(ctx, t.config, func(x tx) error {
		_, err := x.exec("PersonPassword", person, was, password)
		return err
	})
	if err != nil {
		return fmt.Errorf("storing a password again: %w", err)
	}
	return nil
}

func (x tx) sessionInsert(s user.Session) error {
	_, err := x.exec("SessionInsert", s.ID, s.Hash[:], s.Person, s.CreatedAt, s.SeenAt, s.ExpiresAt, s.Address, s.UserAgent, s.Method, s.Provider, s.ProviderSession, s.ProvedAt)
	return err
}

// SessionStart implements user.Store.
func (t *Tables) SessionStart(ctx context.Context, s user.Session, was string, most int, entries []*access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		// Written as it was: whoever changes the password at the same moment waits, and ends this
		// session.
		err := x.changeOne(user.ErrChanged, "PersonPassword", s.Person, was, was)
		if err == nil {
			err = x.withoutFactor(s.Person, user.ErrChanged)
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

// SessionFind implements user.Store.
func (t *Tables) SessionFind(ctx context.Context, hash [32]byte, tenant event.TenantID) (s user.Session, p user.Person, ok bool, err error) {
	err = t.read(ctx, t.config, func(x tx) error {
		s, p, ok = user.Session{}, user.Person{}, false
		return x.query(func(scan scan) error {
			var u user.User
			var hash []byte
			var factors int
			err := scan(&s.ID, &hash, &s.Person, &s.CreatedAt, &s.SeenAt, &s.ExpiresAt, &s.Address, &s.UserAgent, &s.Method, &s.Provider, &s.ProviderSession, &s.ProvedAt, &p.Email, &p.Password, &factors,
				&u.Tenant, &u.Name, &u.Role, &u.State, &u.CreatedAt, &u.SeenAt, &u.Version, &u.Provider)
			copy(s.Hash[:], hash)
			ok, p.ID = true, s.Person
			p.SecondFactor = factors > 0
			if u.ID, u.Email, u.SecondFactor = p.ID, p.Email, p.SecondFactor; u.Tenant >= 0 {
				p.Users = append(p.Users, u)
			}
			return err
		}, "SessionFind", hash[:], tenant)
	})
	if err != nil {
		return s, p, false, fmt.Errorf("looking up a session: %w", err)
	}
	return s, p, ok, nil
}

// SessionTouch implements user.Store.
func (t *Tables) SessionTouch(ctx context.Context, id, person string, tenant event.TenantID, at time.Time) error {
	err := t.write(ctx, t.config, func(x tx) error {
		// In the order in which UserRemove takes the rows.
		_, err := x.exec("UserSeen", person, tenant, at)
		if err == nil {
			_, err = x.exec("SessionTouch", id, at)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("noting the use of a session: %w", err)
	}
	return nil
}

// SessionProve implements user.Store.
func (t *Tables) SessionProve(ctx context.Context, person, id string, at time.Time, proof *user.Proof, entries []*access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		err := x.changeOne(user.ErrNotFound, "PersonLockID", person)
		if err == nil && proof != nil {
			err = x.prove(person, *proof)
		}
		if err == nil {
			err = x.changeOne(user.ErrNotFound, "SessionProve", person, id, at)
		}
		if err == nil {
			err = x.auditAll(entries)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("noting that a person has proved who they are: %w", err)
	}
	return nil
}

// SessionList implements user.Store.
func (t *Tables) SessionList(ctx context.Context, person string) ([]user.Session, error) {
	all, err := list(ctx, t, t.config, func(scan scan) (s user.Session, err error) {
		var hash []byte
		err = scan(&s.ID, &hash, &s.Person, &s.CreatedAt, &s.SeenAt, &s.ExpiresAt, &s.Address, &s.UserAgent, &s.Method, &s.Provider, &s.ProviderSession, &s.ProvedAt)
		copy(s.Hash[:], hash)
		return s, err
	}, "SessionList", person)
	if err != nil {
		return nil, fmt.Errorf("listing sessions: %w", err)
	}
	return all, nil
}

// SessionEnd implements user.Store.
func (t *Tables) SessionEnd(ctx context.Context, person, id string, entries []*access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		name := "SessionDelete"
		if id == "" {
			name = "SessionDeleteOthers"
			// A sign-in at the same moment is before this or after it, and not in between.
			if _, err := x.exec("PersonLockID", person); err != nil {
				return err
			}
			if _, err := x.exec("PendingDeleteAll", person); err != nil {
				return err
			}
		}
		err := x.changeOne(user.ErrNotFound, name, person, id)
		if err == nil {
			err = x.auditAll(entries)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("ending a session: %w", err)
	}
	return nil
}

// SignInExpire implements user.Store.
func (t *Tables) SignInExpire(ctx context.Context, idle, now time.Time, limit int) (n int, err error) {
	err = t.write(ctx, t.config, func(x tx) error {
		sessions, err := x.exec("SessionExpire", idle, now, limit)
		if err != nil {
			return err
		}
		links, err := x.exec("LinkExpire", now, limit)
		if err != nil {
			return err
		}
		waiting, err := x.exec("PendingExpire", now, limit)
		if err != nil {
			return err
		}
		challenges, err := x.exec("ChallengeExpire", now, limit)
		n = int(max(sessions, links, waiting, challenges))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("removing sessions that have ended: %w", err)
	}
	return n, nil
}
