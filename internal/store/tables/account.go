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

// TenantEnsure adds a tenant unless there is one with its id or name.
func (t *Tables) TenantEnsure(ctx context.Context, n account.Tenant) error {
	return t.write(ctx, t.config, func(x tx) error {
		_, err := x.exec("TenantEnsure", n.ID, n.Name, n.CreatedAt)
		return err
	})
}

// TenantList implements account.Store.
func (t *Tables) TenantList(ctx context.Context) ([]account.Tenant, error) {
	all, err := list(ctx, t, t.config, func(scan scan) (n account.Tenant, err error) {
		err = scan(&n.ID, &n.Name, &n.CreatedAt)
		return n, err
	}, "TenantList")
	if err != nil {
		return nil, fmt.Errorf("listing tenants: %w", err)
	}
	return all, nil
}

// KeyCreate implements account.Store.
func (t *Tables) KeyCreate(ctx context.Context, k account.Key, entry *access.Entry) error {
	return t.keyWrite(ctx, "KeyCreate", k, entry)
}

// KeyPut implements account.Store.
func (t *Tables) KeyPut(ctx context.Context, k account.Key) error {
	return t.keyWrite(ctx, "KeyPut", k, nil)
}

func (t *Tables) keyWrite(ctx context.Context, name string, k account.Key, entry *access.Entry) error {
	scopes, err := json.Marshal(k.Scopes)
	limits := ""
	if err == nil && k.Limits != nil {
		var text []byte
		text, err = json.Marshal(k.Limits)
		limits = string(text)
	}
	if err == nil {
		err = t.configure(ctx, registry.Keys, func(x tx) error {
			_, err := x.exec(name, k.ID, k.Tenant, k.Name, string(scopes), limits, k.Hash[:], k.Hint, k.CreatedAt, k.ExpiresAt, k.RevokedAt)
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

// KeyList implements account.Store.
func (t *Tables) KeyList(ctx context.Context) ([]account.Key, error) {
	all, err := list(ctx, t, t.config, func(scan scan) (k account.Key, err error) {
		var scopes, limits string
		var hash []byte
		err = scan(&k.ID, &k.Tenant, &k.Name, &scopes, &limits, &hash, &k.Hint, &k.CreatedAt, &k.ExpiresAt, &k.RevokedAt)
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
