package tables

import (
	"context"
	"fmt"

	"github.com/relay-events/relay/internal/catalogue"
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

// CatalogueChange implements catalogue.Store.
func (t *Tables) CatalogueChange(ctx context.Context, c catalogue.RecordChange) error {
	err := t.configure(ctx, registry.Catalogue, func(x tx) error {
		for _, k := range c.Remove {
			if _, err := x.exec("CatalogueDelete", c.Tenant, k.Kind, k.Name, k.Version); err != nil {
				return err
			}
		}
		for i := range c.Put {
			r := &c.Put[i]
			if _, err := x.exec("CataloguePut", c.Tenant, r.Kind, r.Name, r.Version, string(r.Body), r.CreatedAt, r.UpdatedAt); err != nil {
				return err
			}
		}
		return x.audit(c.Audit)
	})
	if err != nil {
		return fmt.Errorf("changing the catalogue: %w", err)
	}
	return nil
}
