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
	"github.com/relay-events/relay/internal/webhook"
)

var configSQL = loadStatements("config")

// defaultTenantName is the public id of the tenant of a fresh installation.
const defaultTenantName = "default"

// millis returns what is stored of a time; the zero time is stored as 0.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// fromMillis returns the time that millis made the number of.
func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// plain returns text as PostgreSQL can store it: UTF-8 without NUL.
func plain(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// Revision returns a number that grows with every change of tenants, keys and
// webhooks, by any node. Who keeps them in memory reads them again when it has
// changed since before they were last read.
func (s *Store) Revision(ctx context.Context) (int64, error) {
	n, err := s.integer(ctx, configSQL.get("Revision"))
	if err != nil {
		return 0, fmt.Errorf("reading the configuration's revision: %w", err)
	}
	return n, nil
}

// changeOne runs a statement that must change a row; missing says that it did not.
func (s *Store) changeOne(ctx context.Context, missing error, name string, args ...any) error {
	return s.configure(ctx, func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, configSQL.get(name), args...)
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
		t.ID, t.CreatedAt = event.TenantID(id), fromMillis(created)
		return t, err
	}, configSQL.get("TenantList"))
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
			_, err := tx.Exec(ctx, configSQL.get(name), k.ID, int32(k.Tenant), plain(k.Name), string(scopes), k.Hash[:], plain(k.Hint),
				millis(k.CreatedAt), millis(k.ExpiresAt), millis(k.RevokedAt))
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
	if err := s.changeOne(ctx, account.ErrNotFound, "KeyRevoke", int32(tenant), plain(id), millis(at)); err != nil {
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
		k.CreatedAt, k.ExpiresAt, k.RevokedAt = fromMillis(created), fromMillis(expires), fromMillis(revoked)
		copy(k.Hash[:], hash)
		if err := json.Unmarshal([]byte(scopes), &k.Scopes); err != nil {
			return k, fmt.Errorf("scopes of key %q: %w", k.ID, err)
		}
		return k, nil
	}, configSQL.get("KeyList"))
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
		var settings, status, health, inactive string
		var secrets []byte
		err := row.Scan(&number, &w.ID, &tenant, &settings, &secrets, &status, &health, &inactive, &created, &updated)
		if err != nil {
			return nil, err
		}
		w.Number, w.Tenant, w.Status = uint32(number), event.TenantID(tenant), webhook.Status(status)
		w.CreatedAt, w.UpdatedAt = fromMillis(created), fromMillis(updated)
		if err := w.OpenSecrets(s.sealer, secrets); err != nil {
			return nil, err
		}
		err = errors.Join(
			json.Unmarshal([]byte(settings), &w.Settings),
			json.Unmarshal([]byte(health), &w.Health),
			json.Unmarshal([]byte(inactive), &w.Inactive))
		if err != nil {
			return nil, fmt.Errorf("webhook %q: %w", w.ID, err)
		}
		return w, nil
	}, configSQL.get("WebhookList"))
	if err != nil {
		return nil, fmt.Errorf("listing webhooks: %w", err)
	}
	return list, nil
}

// webhookColumns are the columns that an update may change.
type webhookColumns struct {
	settings, health, inactive string
	secrets                    []byte
}

func (s *Store) encodeWebhook(w *webhook.Webhook) (col webhookColumns, err error) {
	text := func(v any) string {
		b, e := json.Marshal(v)
		err = errors.Join(err, e)
		return string(b)
	}
	col.settings, col.health = text(w.Settings), text(w.Health)
	col.inactive = "[]"
	if len(w.Inactive) > 0 {
		col.inactive = text(w.Inactive)
	}
	if err != nil {
		return col, err
	}
	col.secrets, err = w.SealSecrets(s.sealer)
	return col, err
}

// WebhookCreate implements webhook.Store.
func (s *Store) WebhookCreate(ctx context.Context, w *webhook.Webhook) (number uint32, err error) {
	col, err := s.encodeWebhook(w)
	if err == nil {
		err = s.configure(ctx, func(ctx context.Context, tx pgx.Tx) error {
			var n int64
			err := tx.QueryRow(ctx, configSQL.get("WebhookCreate"), w.ID, int32(w.Tenant), col.settings, col.secrets, string(w.Status),
				col.health, col.inactive, millis(w.CreatedAt), millis(w.UpdatedAt)).Scan(&n)
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
	col, err := s.encodeWebhook(w)
	if err == nil {
		err = s.changeOne(ctx, webhook.ErrNotFound, "WebhookUpdate", int64(w.Number), int32(w.Tenant), col.settings, col.secrets,
			string(w.Status), col.health, col.inactive, millis(w.UpdatedAt))
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
		_, err := tx.Exec(ctx, configSQL.get("JobPut"), j.ID, int32(j.Tenant), int64(j.Webhook), string(j.Kind), string(j.State),
			millis(j.Since), millis(j.Until), int64(j.Cursor), j.Scanned, j.Owed, plain(j.Error), millis(j.CreatedAt), millis(j.FinishedAt))
		return err
	})
	if err != nil {
		return fmt.Errorf("storing job %q: %w", j.ID, err)
	}
	return nil
}

// JobGet implements delivery.JobStore.
func (s *Store) JobGet(ctx context.Context, tenant event.TenantID, id string) (delivery.Job, bool, error) {
	list, err := collect(ctx, s, scanJob, configSQL.get("JobGet"), plain(id), int32(tenant))
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
	list, err := collect(ctx, s, scanJob, configSQL.get("JobList"), int32(tenant))
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
	j.Since, j.Until, j.Cursor = fromMillis(since), fromMillis(until), event.ID(cursor)
	j.CreatedAt, j.FinishedAt = fromMillis(created), fromMillis(finished)
	return j, err
}
