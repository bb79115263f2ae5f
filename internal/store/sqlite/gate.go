package sqlite

import (
	"context"
	"path/filepath"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
)

// openGate opens the file of campaigns and respondents. Deleted rows are overwritten: people can ask for that.
func (s *Store) openGate() (err error) {
	s.gate, err = openDB(filepath.Join(s.dir, "gate.db"), dbOptions{
		Full: true, SecureDelete: true, CacheKB: 2 << 10, Schema: loadMigrations("gate"), Log: s.log,
	})
	return err
}

// RespondentWrite implements gate.Store.
func (s *Store) RespondentWrite(ctx context.Context, changes []*gate.Change) error {
	return s.WriteRespondents(ctx, changes, func() event.ID { return s.respondents.Reserve(time.Now(), 1) })
}
