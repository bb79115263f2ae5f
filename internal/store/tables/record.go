package tables

import (
	"context"
	"fmt"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/store/column"
)

// RecordContext says where the secrets of a record are stored, so that sealed bytes copied to
// another record do not open there. It is the same in both stores, which can so be copied into each
// other.
func RecordContext(tenant event.TenantID, kind registry.Kind, name string) string {
	return fmt.Sprintf("record.sealed/%d/%s/%s", tenant, kind, name)
}

// RecordList implements registry.RecordStore.
func (t *Tables) RecordList(ctx context.Context, kind registry.Kind) ([]registry.Record, error) {
	all, err := list(ctx, t, t.config, func(scan scan) (registry.Record, error) {
		r := registry.Record{Kind: kind}
		var body string
		var sealed []byte
		err := scan(&r.Number, &r.Tenant, &r.Name, &r.Version, &body, &sealed, &r.CreatedAt, &r.UpdatedAt)
		r.Body = []byte(body)
		if err == nil && len(sealed) > 0 {
			if r.Secrets, err = t.sealer.Open(sealed, RecordContext(r.Tenant, kind, r.Name)); err != nil {
				err = fmt.Errorf("secrets of %q cannot be read: %w", r.Name, err)
			}
		}
		return r, err
	}, "RecordList", kind)
	if err != nil {
		return nil, fmt.Errorf("listing records of kind %q: %w", kind, err)
	}
	return all, nil
}

// RecordChange implements registry.RecordStore.
func (t *Tables) RecordChange(ctx context.Context, kind registry.Kind, put, remove []*registry.Record, entry *access.Entry) error {
	t.sealing.RLock()
	defer t.sealing.RUnlock()
	sealed := make([][]byte, len(put))
	numbers := make([]int64, len(put))
	var err error
	for i, r := range put {
		if len(r.Secrets) > 0 && err == nil {
			sealed[i], err = t.sealer.Seal(r.Secrets, RecordContext(r.Tenant, kind, r.Name))
		}
	}
	if err == nil {
		err = t.configure(ctx, kind, func(x tx) error {
			for _, r := range remove {
				if err := x.changeOne(registry.ErrChanged, "RecordDelete", r.Tenant, kind, r.Name, r.Version); err != nil {
					return err
				}
			}
			for i, r := range put {
				numbers[i] = r.Number
				var err error
				if r.Version == 0 {
					if r.Bound != nil { // one creation counts at a time
						if _, err := x.exec("TenantLock", r.Tenant); err != nil {
							return err
						}
					}
					numbers[i], err = x.integer("RecordCreate", r.Tenant, kind, r.Name, string(r.Body), column.Bytes(sealed[i]), r.CreatedAt, r.UpdatedAt)
					if err == nil && numbers[i] == 0 {
						err = registry.ErrChanged
					}
					if err == nil && r.Bound != nil {
						err = x.recordBound(r, kind)
					}
				} else {
					err = x.changeOne(registry.ErrChanged, "RecordUpdate", r.Tenant, kind, r.Name, r.Version, string(r.Body), column.Bytes(sealed[i]), r.UpdatedAt)
				}
				if err != nil {
					return err
				}
			}
			return x.audit(entry)
		})
	}
	if err != nil {
		return fmt.Errorf("storing records of kind %q: %w", kind, err)
	}
	for i, r := range put {
		r.Number = numbers[i]
		r.Version++
	}
	return nil
}

func (x tx) recordBound(r *registry.Record, kind registry.Kind) error {
	var names []string
	err := x.query(func(scan scan) error {
		var name string
		err := scan(&name)
		names = append(names, name)
		return err
	}, "RecordNames", r.Tenant, kind)
	if err == nil {
		err = r.Bound(names)
	}
	return err
}
