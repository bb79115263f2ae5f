package tables

import (
	"context"
	"fmt"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/registry"
)

// CatalogueList implements catalogue.Store.
func (t *Tables) CatalogueList(ctx context.Context) ([]catalogue.Record, error) {
	all, err := list(ctx, t, t.config, func(scan scan) (r catalogue.Record, err error) {
		var body string
		err = scan(&r.Tenant, &r.Kind, &r.Name, &r.Version, &body, &r.CreatedAt, &r.UpdatedAt)
		r.Body = []byte(body)
		return r, err
	}, "CatalogueList")
	if err != nil {
		return nil, fmt.Errorf("listing the catalogue: %w", err)
	}
	return all, nil
}

// CataloguePutMany implements catalogue.Store.
func (t *Tables) CataloguePutMany(ctx context.Context, records []catalogue.Record) error {
	err := t.configure(ctx, registry.Catalogue, func(x tx) error {
		for i := range records {
			r := &records[i]
			if _, err := x.exec("CataloguePut", r.Tenant, r.Kind, r.Name, r.Version, string(r.Body), r.CreatedAt, r.UpdatedAt); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("changing the catalogue: %w", err)
	}
	return nil
}

// CatalogueDelete implements catalogue.Store.
func (t *Tables) CatalogueDelete(ctx context.Context, tenant event.TenantID, kind catalogue.Kind, name, version string) error {
	err := t.configure(ctx, registry.Catalogue, func(x tx) error {
		return x.changeOne(catalogue.ErrNotFound, "CatalogueDelete", tenant, kind, name, version)
	})
	if err != nil {
		return fmt.Errorf("deleting %s %q from the catalogue: %w", kind, name, err)
	}
	return nil
}
