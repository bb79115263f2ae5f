package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var configSQL = sqltext.Load(sqlFiles, "config")

// defaultTenantName is the public id of the tenant of a fresh installation.
const defaultTenantName = "default"

// plain returns text as PostgreSQL can store it: UTF-8 without NUL.
func plain(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// changeOne runs a statement that must change a row; missing says that it did not.
func (s *Store) changeOne(ctx context.Context, missing error, name string, args ...any) error {
	return s.configure(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, configSQL.Get(name), args...)
		if err == nil && tag.RowsAffected() == 0 {
			err = missing
		}
		return err
	})
}

// TenantList implements account.Store.
func (s *Store) TenantList(ctx context.Context) ([]account.Tenant, error) {
	list, err := collect(ctx, s, func(row pgx.CollectableRow) (t account.Tenant, err error) {
		var id int32
		var created int64
		err = row.Scan(&id, &t.Name, &created)
		t.ID, t.CreatedAt = event.TenantID(id), column.Time(created)
		return t, err
	}, configSQL.Get("TenantList"))
	if err != nil {
		return nil, fmt.Errorf("listing tenants: %w", err)
	}
	return list, nil
}

// KeyCreate implements account.Store.
func (s *Store) KeyCreate(ctx context.Context, k account.Key) error {
	return s.keyWrite(ctx, "KeyCreate", k)
}

// KeyPut implements account.Store.
func (s *Store) KeyPut(ctx context.Context, k account.Key) error {
	return s.keyWrite(ctx, "KeyPut", k)
}

func (s *Store) keyWrite(ctx context.Context, name string, k account.Key) error {
	scopes, err := json.Marshal(k.Scopes)
	if err == nil {
		err = s.configure(ctx, func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, configSQL.Get(name), k.ID, int32(k.Tenant), plain(k.Name), string(scopes), k.Hash[:], plain(k.Hint),
				column.Millis(k.CreatedAt), column.Millis(k.ExpiresAt), column.Millis(k.RevokedAt))
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("storing key %q: %w", k.ID, err)
	}
	return nil
}

// KeyRevoke implements account.Store.
func (s *Store) KeyRevoke(ctx context.Context, tenant event.TenantID, id string, at time.Time) error {
	if err := s.changeOne(ctx, account.ErrNotFound, "KeyRevoke", int32(tenant), plain(id), column.Millis(at)); err != nil {
		return fmt.Errorf("revoking key %q: %w", id, err)
	}
	return nil
}

// KeyList implements account.Store.
func (s *Store) KeyList(ctx context.Context) ([]account.Key, error) {
	list, err := collect(ctx, s, func(row pgx.CollectableRow) (k account.Key, err error) {
		var tenant int32
		var scopes string
		var hash []byte
		var created, expires, revoked int64
		if err := row.Scan(&k.ID, &tenant, &k.Name, &scopes, &hash, &k.Hint, &created, &expires, &revoked); err != nil {
			return k, err
		}
		k.Tenant = event.TenantID(tenant)
		k.CreatedAt, k.ExpiresAt, k.RevokedAt = column.Time(created), column.Time(expires), column.Time(revoked)
		copy(k.Hash[:], hash)
		if err := json.Unmarshal([]byte(scopes), &k.Scopes); err != nil {
			return k, fmt.Errorf("scopes of key %q: %w", k.ID, err)
		}
		return k, nil
	}, configSQL.Get("KeyList"))
	if err != nil {
		return nil, fmt.Errorf("listing keys: %w", err)
	}
	return list, nil
}
