package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/sqltext"
	"github.com/relay-events/relay/internal/webhook"
)

var configSQL = sqltext.Load(sqlFiles, "config")

// defaultTenantName is the public id of the tenant of a fresh installation.
const defaultTenantName = "default"

// plain returns text as PostgreSQL can store it: UTF-8 without NUL.
func plain(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// Revision returns a number that grows with every change of tenants, keys and
// webhooks, by any node. Who keeps them in memory reads them again when it has
// changed since before they were last read.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	n, err := s.integer(ctx, configSQL.Get("Revision"))
	if err != nil {
		return 0, fmt.Errorf("reading the configuration's revision: %w", err)
	}
	return n, nil
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

// WebhookList implements webhook.Store.
func (s *Store) WebhookList(ctx context.Context) ([]*webhook.Webhook, error) {
	list, err := collect(ctx, s, func(row pgx.CollectableRow) (*webhook.Webhook, error) {
		w := new(webhook.Webhook)
		var number, created, updated int64
		var tenant int32
		var status string
		var col column.Webhook
		err := row.Scan(&number, &w.ID, &tenant, &col.Settings, &col.Secrets, &status, &col.Health, &col.Inactive, &created, &updated)
		if err != nil {
			return nil, err
		}
		w.Number, w.Tenant, w.Status = uint32(number), event.TenantID(tenant), webhook.Status(status)
		w.CreatedAt, w.UpdatedAt = column.Time(created), column.Time(updated)
		return w, col.Read(w, s.sealer)
	}, configSQL.Get("WebhookList"))
	if err != nil {
		return nil, fmt.Errorf("listing webhooks: %w", err)
	}
	return list, nil
}

// WebhookCreate implements webhook.Store.
func (s *Store) WebhookCreate(ctx context.Context, w *webhook.Webhook) (number uint32, err error) {
	col, err := column.OfWebhook(w, s.sealer)
	if err == nil {
		err = s.configure(ctx, func(ctx context.Context, tx pgx.Tx) error {
			var n int64
			err := tx.QueryRow(ctx, configSQL.Get("WebhookCreate"), w.ID, int32(w.Tenant), col.Settings, col.Secrets, string(w.Status),
				col.Health, col.Inactive, column.Millis(w.CreatedAt), column.Millis(w.UpdatedAt)).Scan(&n)
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
		err = s.changeOne(ctx, webhook.ErrNotFound, "WebhookUpdate", int64(w.Number), int32(w.Tenant), col.Settings, col.Secrets,
			string(w.Status), col.Health, col.Inactive, column.Millis(w.UpdatedAt))
	}
	if err != nil {
		return fmt.Errorf("changing webhook %q: %w", w.ID, err)
	}
	return nil
}

// WebhookDelete implements webhook.Store.
func (s *Store) WebhookDelete(ctx context.Context, tenant event.TenantID, number uint32) error {
	if err := s.changeOne(ctx, webhook.ErrNotFound, "WebhookDelete", int64(number), int32(tenant)); err != nil {
		return fmt.Errorf("deleting webhook %d: %w", number, err)
	}
	return nil
}

// JobPut implements delivery.JobStore.
func (s *Store) JobPut(ctx context.Context, j delivery.Job) error {
	err := s.transact(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, configSQL.Get("JobPut"), j.ID, int32(j.Tenant), int64(j.Webhook), string(j.Kind), string(j.State),
			column.Millis(j.Since), column.Millis(j.Until), int64(j.Cursor), j.Scanned, j.Owed, plain(j.Error), column.Millis(j.CreatedAt), column.Millis(j.FinishedAt))
		return err
	})
	if err != nil {
		return fmt.Errorf("storing job %q: %w", j.ID, err)
	}
	return nil
}

// JobGet implements delivery.JobStore.
func (s *Store) JobGet(ctx context.Context, tenant event.TenantID, id string) (delivery.Job, bool, error) {
	list, err := collect(ctx, s, scanJob, configSQL.Get("JobGet"), plain(id), int32(tenant))
	if err != nil {
		return delivery.Job{}, false, fmt.Errorf("reading job %q: %w", id, err)
	}
	if len(list) == 0 {
		return delivery.Job{}, false, nil
	}
	return list[0], true, nil
}

// JobList implements delivery.JobStore.
func (s *Store) JobList(ctx context.Context, tenant event.TenantID) ([]delivery.Job, error) {
	list, err := collect(ctx, s, scanJob, configSQL.Get("JobList"), int32(tenant))
	if err != nil {
		return nil, fmt.Errorf("listing jobs: %w", err)
	}
	return list, nil
}

func scanJob(row pgx.CollectableRow) (j delivery.Job, err error) {
	var tenant int32
	var number, since, until, cursor, created, finished int64
	var kind, state string
	err = row.Scan(&j.ID, &tenant, &number, &kind, &state, &since, &until, &cursor, &j.Scanned, &j.Owed, &j.Error, &created, &finished)
	j.Tenant, j.Webhook, j.Kind, j.State = event.TenantID(tenant), uint32(number), delivery.JobKind(kind), delivery.JobState(state)
	j.Since, j.Until, j.Cursor = column.Time(since), column.Time(until), event.ID(cursor)
	j.CreatedAt, j.FinishedAt = column.Time(created), column.Time(finished)
	return j, err
}
