package tables

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/registry"
)

// KeyCreate implements account.Store.
func (t *Tables) KeyCreate(ctx context.Context, k account.Key, entry *access.Entry) error {
	return t.keyWrite(ctx, "KeyCreate", k, entry)
}

// KeyPut implements account.Store.
func (t *Tables) KeyPut(ctx context.Context, k account.Key) error {
	return t.keyWrite(ctx, "KeyPut", k, nil)
}

func (t *Tables) keyWrite(ctx context.Context, name string, k account.Key, entry *access.Entry) error {
	args, err := keyColumns(k)
	if err == nil {
		err = t.configure(ctx, registry.Keys, func(x tx) error {
			_, err := x.exec(name, args...)
			if err == nil {
				err = x.audit(entry)
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("storing key %q: %w", k.ID, err)
	}
	return nil
}

// keyColumns returns the columns of a key, as KeyCreate and KeyPut take them.
func keyColumns(k account.Key) ([]any, error) {
	scopes, err := json.Marshal(k.Scopes)
	if err != nil {
		return nil, err
	}
	limits := ""
	if k.Limits != nil {
		text, err := json.Marshal(k.Limits)
		if err != nil {
			return nil, err
		}
		limits = string(text)
	}
	return []any{k.ID, k.Tenant, k.Name, string(scopes), limits, k.Hash[:], k.Hint, k.CreatedAt, k.ExpiresAt, k.RevokedAt}, nil
}

// KeyReplace implements account.Store.
func (t *Tables) KeyReplace(ctx context.Context, k account.Key, old string, until time.Time, entry *access.Entry) error {
	args, err := keyColumns(k)
	if err == nil {
		err = t.configure(ctx, registry.Keys, func(x tx) error {
			err := x.changeOne(account.ErrNotFound, "KeyEnd", k.Tenant, old, until, k.CreatedAt)
			if err == nil {
				_, err = x.exec("KeyCreate", args...)
			}
			if err == nil {
				err = x.audit(entry)
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("replacing key %q: %w", old, err)
	}
	return nil
}

// KeyUsed implements account.Store.
func (t *Tables) KeyUsed(ctx context.Context, uses []account.KeyUse) error {
	return t.write(ctx, t.config, func(x tx) error {
		for _, u := range uses {
			if _, err := x.exec("KeyUsed", u.Key, u.Tenant, u.At, u.Address); err != nil {
				return fmt.Errorf("noting the use of key %q: %w", u.Key, err)
			}
		}
		return nil
	})
}

// KeyUses implements account.Store.
func (t *Tables) KeyUses(ctx context.Context, tenant event.TenantID) ([]account.KeyUse, error) {
	return list(ctx, t, t.config, func(scan scan) (account.KeyUse, error) {
		u := account.KeyUse{Tenant: tenant}
		err := scan(&u.Key, &u.At, &u.Address)
		return u, err
	}, "KeyUses", tenant)
}

// KeyRevoke implements account.Store.
func (t *Tables) KeyRevoke(ctx context.Context, tenant event.TenantID, id string, at time.Time, entry *access.Entry) error {
	err := t.configure(ctx, registry.Keys, func(x tx) error {
		err := x.changeOne(account.ErrNotFound, "KeyRevoke", tenant, id, at)
		if err == nil {
			err = x.audit(entry)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("revoking key %q: %w", id, err)
	}
	return nil
}

// KeyWarned implements account.Store.
func (t *Tables) KeyWarned(ctx context.Context, tenant event.TenantID, id string, at time.Time) error {
	return t.configure(ctx, registry.Keys, func(x tx) error {
		_, err := x.exec("KeyWarned", tenant, id, at)
		return err
	})
}

// KeyList implements account.Store.
func (t *Tables) KeyList(ctx context.Context) ([]account.Key, error) {
	all, err := list(ctx, t, t.config, func(scan scan) (k account.Key, err error) {
		var scopes, limits string
		var hash []byte
		err = scan(&k.ID, &k.Tenant, &k.Name, &scopes, &limits, &hash, &k.Hint, &k.CreatedAt, &k.ExpiresAt, &k.RevokedAt, &k.WarnedAt)
		if err != nil {
			return k, err
		}
		copy(k.Hash[:], hash)
		if err := json.Unmarshal([]byte(scopes), &k.Scopes); err != nil {
			return k, fmt.Errorf("scopes of key %q: %w", k.ID, err)
		}
		if limits != "" {
			k.Limits = new(access.Limits)
			if err := json.Unmarshal([]byte(limits), k.Limits); err != nil {
				return k, fmt.Errorf("limits of key %q: %w", k.ID, err)
			}
		}
		return k, nil
	}, "KeyList")
	if err != nil {
		return nil, fmt.Errorf("listing keys: %w", err)
	}
	return all, nil
}
