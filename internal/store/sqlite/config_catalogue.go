package sqlite

import (
	"bytes"
	"context"
	"fmt"

	"github.com/ncruces/go-sqlite3"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/column"
	"github.com/relay-events/relay/internal/store/sqltext"
)

var (
	catalogueSQL       = sqltext.Load(sqlFiles, "catalogue")
	sqlCatalogueList   = catalogueSQL.Get("CatalogueList")
	sqlCataloguePut    = catalogueSQL.Get("CataloguePut")
	sqlCatalogueDelete = catalogueSQL.Get("CatalogueDelete")
)

// CatalogueList implements catalogue.Store.
func (s *Store) CatalogueList(ctx context.Context) ([]catalogue.Record, error) {
	all, err := listRows(ctx, s.config, func(st *sqlite3.Stmt) (catalogue.Record, error) {
		return catalogue.Record{
			Tenant:    event.TenantID(st.ColumnInt64(0)),
			Kind:      catalogue.Kind(st.ColumnText(1)),
			Name:      st.ColumnText(2),
			Version:   st.ColumnText(3),
			Body:      bytes.Clone(st.ColumnRawText(4)),
			CreatedAt: column.Time(st.ColumnInt64(5)),
			UpdatedAt: column.Time(st.ColumnInt64(6)),
		}, nil
	}, sqlCatalogueList)
	if err != nil {
		return nil, fmt.Errorf("listing the catalogue: %w", err)
	}
	return all, nil
}

// CataloguePutMany implements catalogue.Store.
func (s *Store) CataloguePutMany(ctx context.Context, records []catalogue.Record) error {
	err := s.config.write(ctx, func(c *conn) error {
		for i := range records {
			r := &records[i]
			err := c.exec(sqlCataloguePut, r.Tenant, string(r.Kind), r.Name, r.Version, string(r.Body), column.Millis(r.CreatedAt), column.Millis(r.UpdatedAt))
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
	err := s.config.write(ctx, func(c *conn) error {
		return c.changeOne(catalogue.ErrNotFound, sqlCatalogueDelete, tenant, string(kind), name, version)
	})
	if err != nil {
		return fmt.Errorf("deleting %s %q from the catalogue: %w", kind, name, err)
	}
	return nil
}
