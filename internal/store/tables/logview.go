package tables

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/logview"
)

// LogViewList implements logview.Store.
func (t *Tables) LogViewList(ctx context.Context, tenant event.TenantID, owner string) ([]logview.View, error) {
	all, err := list(ctx, t, t.config, func(scan scan) (v logview.View, err error) {
		var filter string
		err = scan(&v.Tenant, &v.ID, &v.Owner, &v.Name, &filter, &v.By, &v.At)
		if err == nil {
			err = json.Unmarshal([]byte(filter), &v.Filter)
		}
		return v, err
	}, "LogViewList", tenant, owner)
	if err != nil {
		return nil, fmt.Errorf("listing views of the log: %w", err)
	}
	return all, nil
}

// LogViewAdd implements logview.Store.
func (t *Tables) LogViewAdd(ctx context.Context, v *logview.View, most int, entry *access.Entry) error {
	filter, err := json.Marshal(&v.Filter)
	if err == nil {
		err = t.write(ctx, t.config, func(x tx) error {
			if _, err := x.exec("TenantLock", v.Tenant); err != nil { // one addition counts at a time
				return err
			}
			n, err := x.integer("LogViewCount", v.Tenant, v.Owner)
			switch {
			case err != nil:
				return err
			case n >= int64(most):
				return logview.ErrFull
			}
			err = x.changeOne(logview.ErrTaken, "LogViewInsert", v.Tenant, v.ID, v.Owner, v.Name, string(filter), v.By, v.At)
			if err == nil {
				err = x.audit(entry)
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("storing a view of the log: %w", err)
	}
	return nil
}

// LogViewDelete implements logview.Store.
func (t *Tables) LogViewDelete(ctx context.Context, tenant event.TenantID, id string, entry *access.Entry) error {
	err := t.write(ctx, t.config, func(x tx) error {
		err := x.changeOne(logview.ErrNotFound, "LogViewDelete", tenant, id)
		if err == nil {
			err = x.audit(entry)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("deleting a view of the log: %w", err)
	}
	return nil
}
