package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/sqltext"
	"github.com/relay-events/relay/internal/webhook"
)

var (
	accountSQL       = sqltext.Load(sqlFiles, "account")
	sqlTenantEnsure  = accountSQL.Get("TenantEnsure")
	sqlTenantList    = accountSQL.Get("TenantList")
	sqlAPIKeyCreate  = accountSQL.Get("KeyCreate")
	sqlAPIKeyPut     = accountSQL.Get("KeyPut")
	sqlAPIKeyRevoke  = accountSQL.Get("KeyRevoke")
	sqlAPIKeyList    = accountSQL.Get("KeyList")
	webhookSQL       = sqltext.Load(sqlFiles, "webhook")
	sqlWebhookList   = webhookSQL.Get("WebhookList")
	sqlWebhookCreate = webhookSQL.Get("WebhookCreate")
	sqlWebhookUpdate = webhookSQL.Get("WebhookUpdate")
	sqlWebhookHealth = webhookSQL.Get("WebhookHealth")
	sqlWebhookExists = webhookSQL.Get("WebhookExists")
	sqlWebhookDelete = webhookSQL.Get("WebhookDelete")

	sqlWebhookSecretsList   = webhookSQL.Get("WebhookSecretsList")
	sqlWebhookSecretsUpdate = webhookSQL.Get("WebhookSecretsUpdate")
)

// defaultTenantName is the public id of the tenant of a fresh installation.
const defaultTenantName = "default"

func (s *Store) openConfig(ctx context.Context) (err error) {
	s.config, err = openDB(filepath.Join(s.dir, "relay.db"), dbOptions{
		Full: true, Schema: loadMigrations("relay"), Log: s.log,
	})
	if err != nil {
		return err
	}
	err = s.config.write(ctx, func(c *conn) error {
		return c.exec(sqlTenantEnsure, event.DefaultTenant, defaultTenantName, time.Now().UnixMilli())
	})
	if err != nil {
		return err
	}
	return s.sealConfig(ctx)
}

// listRows collects the rows of a query of the configuration.
func listRows[T any](ctx context.Context, d *db, scan func(*sqlite3.Stmt) (T, error), sql string, args ...any) ([]T, error) {
	var all []T
	err := d.read(ctx, func(c *conn) error {
		all = nil
		return c.query(func(st *sqlite3.Stmt) error {
			v, err := scan(st)
			all = append(all, v)
			return err
		}, sql, args...)
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// TenantList implements account.Store.
func (s *Store) TenantList(ctx context.Context) ([]account.Tenant, error) {
	all, err := listRows(ctx, s.config, func(st *sqlite3.Stmt) (account.Tenant, error) {
		return account.Tenant{
			ID:        event.TenantID(st.ColumnInt64(0)),
			Name:      st.ColumnText(1),
			CreatedAt: column.Time(st.ColumnInt64(2)),
		}, nil
	}, sqlTenantList)
	if err != nil {
		return nil, fmt.Errorf("listing tenants: %w", err)
	}
	return all, nil
}

// KeyCreate implements account.Store.
func (s *Store) KeyCreate(ctx context.Context, k account.Key) error {
	return s.keyWrite(ctx, sqlAPIKeyCreate, k)
}

// KeyPut implements account.Store.
func (s *Store) KeyPut(ctx context.Context, k account.Key) error {
	return s.keyWrite(ctx, sqlAPIKeyPut, k)
}

func (s *Store) keyWrite(ctx context.Context, sql string, k account.Key) error {
	scopes, err := json.Marshal(k.Scopes)
	if err == nil {
		err = s.config.write(ctx, func(c *conn) error {
			return c.exec(sql, k.ID, k.Tenant, k.Name, string(scopes), k.Hash[:], k.Hint,
				column.Millis(k.CreatedAt), column.Millis(k.ExpiresAt), column.Millis(k.RevokedAt))
		})
	}
	if err != nil {
		return fmt.Errorf("storing key %q: %w", k.ID, err)
	}
	return nil
}

// KeyRevoke implements account.Store.
func (s *Store) KeyRevoke(ctx context.Context, tenant event.TenantID, id string, at time.Time) error {
	err := s.config.write(ctx, func(c *conn) error {
		return c.changeOne(account.ErrNotFound, sqlAPIKeyRevoke, tenant, id, column.Millis(at))
	})
	if err != nil {
		return fmt.Errorf("revoking key %q: %w", id, err)
	}
	return nil
}

// changeOne runs a statement that must change a row; missing says that it did not.
func (c *conn) changeOne(missing error, sql string, args ...any) error {
	if err := c.exec(sql, args...); err != nil {
		return err
	}
	if c.changes() == 0 {
		return missing
	}
	return nil
}

// KeyList implements account.Store.
func (s *Store) KeyList(ctx context.Context) ([]account.Key, error) {
	all, err := listRows(ctx, s.config, func(st *sqlite3.Stmt) (account.Key, error) {
		k := account.Key{
			ID:        st.ColumnText(0),
			Tenant:    event.TenantID(st.ColumnInt64(1)),
			Name:      st.ColumnText(2),
			Hint:      st.ColumnText(5),
			CreatedAt: column.Time(st.ColumnInt64(6)),
			ExpiresAt: column.Time(st.ColumnInt64(7)),
			RevokedAt: column.Time(st.ColumnInt64(8)),
		}
		copy(k.Hash[:], st.ColumnRawBlob(4))
		if err := json.Unmarshal(st.ColumnRawText(3), &k.Scopes); err != nil {
			return k, fmt.Errorf("scopes of key %q: %w", k.ID, err)
		}
		return k, nil
	}, sqlAPIKeyList)
	if err != nil {
		return nil, fmt.Errorf("listing keys: %w", err)
	}
	return all, nil
}

// WebhookList implements webhook.Store.
func (s *Store) WebhookList(ctx context.Context) ([]*webhook.Webhook, error) {
	all, err := listRows(ctx, s.config, func(st *sqlite3.Stmt) (*webhook.Webhook, error) {
		w := &webhook.Webhook{
			Number:    uint32(st.ColumnInt64(0)),
			ID:        st.ColumnText(1),
			Tenant:    event.TenantID(st.ColumnInt64(2)),
			Status:    webhook.Status(st.ColumnText(5)),
			CreatedAt: column.Time(st.ColumnInt64(8)),
			UpdatedAt: column.Time(st.ColumnInt64(9)),
			Version:   st.ColumnInt64(10),
		}
		col := column.Webhook{
			Settings: st.ColumnText(3), Secrets: st.ColumnRawBlob(4), Health: st.ColumnText(6), Inactive: st.ColumnText(7),
		}
		return w, col.Read(w, s.sealer)
	}, sqlWebhookList)
	if err != nil {
		return nil, fmt.Errorf("listing webhooks: %w", err)
	}
	return all, nil
}

// WebhookCreate implements webhook.Store.
func (s *Store) WebhookCreate(ctx context.Context, w *webhook.Webhook) (number uint32, err error) {
	col, err := column.OfWebhook(w, s.sealer)
	if err == nil {
		err = s.config.write(ctx, func(c *conn) error {
			err := c.exec(sqlWebhookCreate, w.ID, w.Tenant, col.Settings, col.Secrets, string(w.Status),
				col.Health, col.Inactive, column.Millis(w.CreatedAt), column.Millis(w.UpdatedAt))
			n := c.raw.LastInsertRowID()
			if err == nil && n > math.MaxUint32 {
				err = errors.New("all webhook numbers are used")
			}
			number = uint32(n)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("storing webhook %q: %w", w.ID, err)
	}
	return number, nil
}

// WebhookUpdate implements webhook.Store.
func (s *Store) WebhookUpdate(ctx context.Context, w *webhook.Webhook) error {
	col, err := column.OfWebhook(w, s.sealer)
	if err == nil {
		err = s.webhookReplace(ctx, w, sqlWebhookUpdate, col.Settings, col.Secrets, string(w.Status), col.Health, col.Inactive, column.Millis(w.UpdatedAt))
	}
	if err != nil {
		return fmt.Errorf("changing webhook %q: %w", w.ID, err)
	}
	return nil
}

// WebhookHealth implements webhook.Store.
func (s *Store) WebhookHealth(ctx context.Context, w *webhook.Webhook) error {
	health, err := column.OfHealth(w)
	if err == nil {
		err = s.webhookReplace(ctx, w, sqlWebhookHealth, health)
	}
	if err != nil {
		return fmt.Errorf("storing the health of webhook %q: %w", w.ID, err)
	}
	return nil
}

// webhookReplace changes the row of the webhook if it has still w's version.
func (s *Store) webhookReplace(ctx context.Context, w *webhook.Webhook, sql string, values ...any) error {
	err := s.config.write(ctx, func(c *conn) error {
		args := append([]any{w.Number, w.Tenant, w.Version}, values...)
		if err := c.changeOne(webhook.ErrChanged, sql, args...); !errors.Is(err, webhook.ErrChanged) {
			return err
		}
		exists := false
		err := c.query(func(*sqlite3.Stmt) error { exists = true; return nil }, sqlWebhookExists, w.Number, w.Tenant)
		if err == nil {
			if err = webhook.ErrChanged; !exists {
				err = webhook.ErrNotFound
			}
		}
		return err
	})
	if err == nil {
		w.Version++
	}
	return err
}

// WebhookDelete implements webhook.Store.
func (s *Store) WebhookDelete(ctx context.Context, tenant event.TenantID, number uint32) error {
	err := s.config.write(ctx, func(c *conn) error {
		return c.changeOne(webhook.ErrNotFound, sqlWebhookDelete, number, tenant)
	})
	if err != nil {
		return fmt.Errorf("deleting webhook %d: %w", number, err)
	}
	return nil
}
