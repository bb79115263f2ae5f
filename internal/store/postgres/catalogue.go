package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
)

// CatalogueList implements catalogue.Store.
func (s *Store) CatalogueList(ctx context.Context) ([]catalogue.Record, error) {
	list, err := collect(ctx, s, func(row pgx.CollectableRow) (r catalogue.Record, err error) {
		var tenant int32
		var kind, body string
		var created, updated int64
		err = row.Scan(&tenant, &kind, &r.Name, &r.Version, &body, &created, &updated)
		r.Tenant, r.Kind, r.Body = event.TenantID(tenant), catalogue.Kind(kind), []byte(body)
		r.CreatedAt, r.UpdatedAt = column.Time(created), column.Time(updated)
		return r, err
	}, configSQL.Get("CatalogueList"))
	if err != nil {
		return nil, fmt.Errorf("listing the catalogue: %w", err)
	}
	return list, nil
}

// CataloguePutMany implements catalogue.Store.
func (s *Store) CataloguePutMany(ctx context.Context, records []catalogue.Record) error {
	err := s.configure(ctx, func(ctx context.Context, tx pgx.Tx) error {
		for i := range records {
			r := &records[i]
			_, err := tx.Exec(ctx, configSQL.Get("CataloguePut"), int32(r.Tenant), string(r.Kind), plain(r.Name), plain(r.Version),
				plain(string(r.Body)), column.Millis(r.CreatedAt), column.Millis(r.UpdatedAt))
			if err != nil {
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
func (s *Store) CatalogueDelete(ctx context.Context, tenant event.TenantID, kind catalogue.Kind, name, version string) error {
	if err := s.changeOne(ctx, catalogue.ErrNotFound, "CatalogueDelete", int32(tenant), string(kind), plain(name), plain(version)); err != nil {
		return fmt.Errorf("deleting %s %q from the catalogue: %w", kind, name, err)
	}
	return nil
}
