package tables

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/store/sqltext"
)

// TenantEnsure adds a tenant unless there is one with its id or name.
func (t *Tables) TenantEnsure(ctx context.Context, n account.Tenant) error {
	return t.write(ctx, t.config, func(x tx) error {
		_, err := x.exec("TenantEnsure", n.ID, n.Name, n.CreatedAt)
		return err
	})
}

// TenantList implements account.TenantStore.
func (t *Tables) TenantList(ctx context.Context) ([]account.Tenant, error) {
	all, err := list(ctx, t, t.config, func(scan scan) (n account.Tenant, err error) {
		var settings, life string
		err = scan(&n.ID, &n.Name, &settings, &life, &n.CreatedAt, &n.UpdatedAt, &n.Version)
		if err == nil {
			err = errors.Join(json.Unmarshal([]byte(settings), &n.Settings), json.Unmarshal([]byte(life), &n.Life))
		}
		return n, err
	}, "TenantList")
	if err != nil {
		return nil, fmt.Errorf("listing tenants: %w", err)
	}
	return all, nil
}

func tenantColumns(n *account.Tenant) (settings, life string, err error) {
	a, errA := json.Marshal(&n.Settings)
	b, errB := json.Marshal(&n.Life)
	return string(a), string(b), errors.Join(errA, errB)
}

// TenantCreate implements account.TenantStore.
func (t *Tables) TenantCreate(ctx context.Context, n *account.Tenant, entry *access.Entry) error {
	settings, life, err := tenantColumns(n)
	if err != nil {
		return err
	}
	var id int64
	err = t.configure(ctx, registry.Tenants, func(x tx) (err error) {
		for id = 0; id == 0; {
			if id, err = x.integer("TenantCreate", n.Name, settings, life, n.CreatedAt); err != nil {
				return err
			}
			if id == 0 { // the name is taken, or another server was faster, which has committed now
				if named, err := x.integer("TenantNamed", n.Name); err != nil || named > 0 {
					return errors.Join(err, account.ErrTaken)
				}
			}
		}
		return x.audit(entry)
	})
	if err != nil {
		return fmt.Errorf("storing tenant %q: %w", n.Name, err)
	}
	n.ID, n.Version = event.TenantID(id), 1
	return nil
}

// TenantUpdate implements account.TenantStore.
func (t *Tables) TenantUpdate(ctx context.Context, n *account.Tenant, entry *access.Entry) error {
	settings, life, err := tenantColumns(n)
	if err == nil {
		err = t.configure(ctx, registry.Tenants, func(x tx) error {
			err := x.changeOne(account.ErrChanged, "TenantUpdate", n.ID, n.Version, n.Name, settings, life, n.UpdatedAt)
			if err == nil {
				err = x.audit(entry)
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("changing tenant %q: %w", n.Name, err)
	}
	n.Version++
	return nil
}

// erased lists the tables whose rows belong to a tenant, those of the gate's file first; a test finds the ones that are
// missing. The engine's own tables are erased by each store.
var erased = struct{ people, config []string }{
	people: []string{"campaign", "respondent", "gate", "crossing", "journey_send", "journey_trace", "enrolment", "import_row", "audience_task", "sync", "member", "profile"},
	config: []string{"answer", "catalogue", "job", "key_use", "log_view", "login_link", "portal_link", "portal_session", "rate", "record", "tally", "tenant_expired", "tenant_user", "webhook", "webhook_deleted", "api_key"},
}

// eraseRows is how many rows a transaction of an erasure deletes.
const eraseRows = 2000

// TenantErase removes all rows of a tenant, in transactions of a bounded size. Called again, it goes on.
func (t *Tables) TenantErase(ctx context.Context, tenant event.TenantID) error {
	err := t.eraseFrom(ctx, t.people, tenant, erased.people)
	if err == nil {
		err = t.write(ctx, t.config, func(x tx) error {
			for _, name := range []string{"TenantErasePeople", "TenantEraseSessions", "TenantEraseLinks", "TenantEraseFactors", "TenantEraseRecovery", "TenantErasePending", "TenantEraseIdentities", "TenantErasePasskeys"} {
				args := []any{tenant}
				if name != "TenantErasePeople" {
					args = nil
				}
				if _, err := x.exec(name, args...); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err == nil {
		err = t.eraseFrom(ctx, t.config, tenant, erased.config)
	}
	for _, db := range t.databases() {
		if err == nil {
			err = t.eraseFrom(ctx, db, tenant, []string{"audit"})
		}
		if err == nil {
			err = db.Erased(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("erasing rows of tenant %d: %w", tenant, err)
	}
	return nil
}

func (t *Tables) eraseFrom(ctx context.Context, db DB, tenant event.TenantID, names []string) error {
	row := "ctid"
	if db.Dialect() == sqltext.SQLite {
		row = "rowid"
	}
	for _, name := range names {
		rows := row
		if key, ok := withoutRowID[name]; ok && row == "rowid" {
			rows = key
		}
		// The names are this package's own.
		sql := fmt.Sprintf("DELETE FROM %s WHERE tenant = $1 AND %s IN (SELECT %s FROM %s WHERE tenant = $1 LIMIT %d)", name, rows, rows, name, eraseRows)
		for n := int64(eraseRows); n >= eraseRows; {
			err := t.write(ctx, db, func(x tx) (err error) {
				n, err = x.Exec(sql, int64(tenant))
				return err
			})
			if err != nil {
				return fmt.Errorf("table %s: %w", name, err)
			}
		}
	}
	return nil
}

// withoutRowID has the keys, unique within a tenant, of SQLite's tables that have no row number.
var withoutRowID = map[string]string{"answer": "key", "campaign": "id", "key_use": "id", "login_link": "hash", "portal_link": "id", "portal_session": "id", "tenant_user": "person"}
