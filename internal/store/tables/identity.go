package tables

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/user"
)

func scanIdentity(scan scan) (i user.Identity, err error) {
	err = scan(&i.Issuer, &i.Subject, &i.Person, &i.Provider, &i.CreatedAt, &i.SeenAt)
	return i, err
}

// IdentityGet implements user.IdentityStore.
func (t *Tables) IdentityGet(ctx context.Context, issuer, subject string) (user.Identity, bool, error) {
	i, ok, err := first(ctx, t, t.config, scanIdentity, "IdentityGet", issuer, subject)
	if err != nil {
		return i, false, fmt.Errorf("reading an identity: %w", err)
	}
	return i, ok, nil
}

// IdentityList implements user.IdentityStore.
func (t *Tables) IdentityList(ctx context.Context, person string) ([]user.Identity, error) {
	all, err := list(ctx, t, t.config, scanIdentity, "IdentityOfPerson", person)
	if err != nil {
		return nil, fmt.Errorf("listing identities: %w", err)
	}
	return all, nil
}

// IdentityUse implements user.IdentityStore.
func (t *Tables) IdentityUse(ctx context.Context, use user.IdentityUse, entries []*access.Entry) error {
	// Tenants are locked in one order, before the person as in UserInvite.
	put := slices.Clone(use.Put)
	slices.SortFunc(put, func(a, b user.User) int { return cmp.Compare(a.Tenant, b.Tenant) })
	err := t.write(ctx, t.config, func(x tx) error {
		quotas := make([]user.Quota, len(put))
		for i := range put {
			if put[i].Version > 0 || use.Quotas == nil {
				continue
			}
			if quotas[i] = use.Quotas(&put[i]); quotas[i] == nil {
				continue
			}
			if _, err := x.exec("TenantLock", put[i].Tenant); err != nil {
				return err
			}
		}
		if err := x.identityPerson(&use); err != nil {
			return err
		}
		for i := range put {
			if err := x.identityUser(&put[i]); err != nil {
				return err
			}
			if quotas[i] == nil {
				continue
			}
			count, err := x.integer("UserCount", put[i].Tenant)
			if err == nil {
				err = quotas[i].Check(count)
			}
			if err != nil {
				return err
			}
		}
		return x.identityEnd(&use, entries)
	})
	if err != nil {
		return fmt.Errorf("storing a sign-in: %w", err)
	}
	return nil
}

// identityPerson locks the person, or adds them, and stores the identity.
func (x tx) identityPerson(use *user.IdentityUse) error {
	i := &use.Identity
	if use.New {
		var id string
		err := x.query(func(scan scan) error { return scan(&id) }, "PersonEnsure", i.Person, use.Email, i.SeenAt)
		if err != nil {
			return err
		}
		if id != i.Person {
			return user.ErrChanged // somebody has the address by now
		}
	} else if err := x.changeOne(user.ErrChanged, "PersonPassword", i.Person, use.Was, use.Was); err != nil {
		return err
	}
	if use.Known {
		return x.changeOne(user.ErrChanged, "IdentitySeen", i.Issuer, i.Subject, i.Person, i.SeenAt)
	}
	return x.changeOne(user.ErrChanged, "IdentityInsert", i.Issuer, i.Subject, i.Person, i.Provider, i.CreatedAt, i.SeenAt)
}

// identityUser stores a user of a person who signs in.
func (x tx) identityUser(u *user.User) error {
	if u.Version == 0 {
		return x.changeOne(user.ErrChanged, "UserPlace", u.ID, u.Tenant, u.Email, u.Name, u.Role, u.State, u.CreatedAt, u.Provider)
	}
	if err := x.changeOne(user.ErrChanged, "UserReplace", u.ID, u.Tenant, u.Version, u.Role, u.State, u.Provider); err != nil {
		return err
	}
	if u.State == user.Invited {
		return nil
	}
	_, err := x.exec("LinkDeleteInvitation", u.ID, u.Tenant)
	return err
}

// identityEnd removes what the person is no longer, and begins the session.
func (x tx) identityEnd(use *user.IdentityUse, entries []*access.Entry) error {
	for _, u := range use.Remove {
		if err := x.changeOne(user.ErrChanged, "UserWithdraw", u.ID, u.Tenant, u.Version); err != nil {
			return err
		}
	}
	if len(use.Remove) > 0 {
		if err := x.personRelease(use.Identity.Person); err != nil {
			return err
		}
	}
	if use.Session != nil {
		if err := x.sessionInsert(*use.Session); err != nil {
			return err
		}
		if _, err := x.exec("SessionTrim", use.Session.Person, use.Most); err != nil {
			return err
		}
	}
	return x.auditAll(entries)
}

// SessionEndProvided implements user.IdentityStore.
func (t *Tables) SessionEndProvided(ctx context.Context, provider, session, person string, entries func(person string) ([]*access.Entry, error)) (n int, err error) {
	if session == "" && person == "" {
		return 0, errors.New("ending sessions of a provider: neither a session nor a person is named")
	}
	people := []string{person}
	if person == "" {
		people, err = list(ctx, t, t.config, func(scan scan) (s string, err error) { err = scan(&s); return s, err }, "SessionProvided", provider, session)
		if err != nil {
			return 0, fmt.Errorf("looking for sessions of a provider: %w", err)
		}
	}
	for _, p := range people {
		notes, err := entries(p)
		if err != nil {
			return n, err
		}
		var ended int64
		err = t.write(ctx, t.config, func(x tx) (err error) {
			if ended, err = x.exec("SessionDeleteProvided", provider, session, p); err != nil || ended == 0 {
				return err
			}
			return x.auditAll(notes)
		})
		if err != nil {
			return n, fmt.Errorf("ending sessions of a provider: %w", err)
		}
		n += int(ended)
	}
	return n, nil
}
