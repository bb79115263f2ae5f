package sqlite

import (
	"context"
	"path/filepath"
	"time"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/tables"
)

// defaultTenantName is the public id of the tenant of a fresh installation.
const defaultTenantName = "default"

// openTables opens the files of the configuration and of respondents.
func (s *Store) openTables(ctx context.Context, node int) (err error) {
	s.config, err = openDB(filepath.Join(s.dir, "relay.db"), dbOptions{
		Full: true, Schema: loadMigrations("relay"), Log: s.log,
	})
	if err != nil {
		return err
	}
	if err := s.openGate(); err != nil {
		return err
	}
	s.Tables = tables.New(plainDB{s.config}, plainDB{s.gate}, s.sealer, func() event.ID { return s.audits.Reserve(time.Now(), 1) })
	lastEntry, err := s.AuditLast(ctx)
	if err != nil {
		return err
	}
	s.audits = event.NewSequence(node, lastEntry)
	err = s.TenantEnsure(ctx, account.Tenant{ID: event.DefaultTenant, Name: defaultTenantName, CreatedAt: time.Now()})
	if err != nil {
		return err
	}
	return s.sealConfig(ctx)
}
