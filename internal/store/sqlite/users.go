package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/tables"
	"github.com/relay-events/relay/internal/webhook"
)

// Users is the users of a data folder, for the person who has lost every other way in. A server may
// be using the folder: it keeps no users in memory, and SQLite lets one process write at a time.
type Users struct {
	*tables.Tables
	file *db
}

// OpenUsers opens the users of a folder. It changes no schema: a folder of another version is an
// error.
func OpenUsers(ctx context.Context, dir string) (*Users, error) {
	files, err := Schema(dir)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if f.Name == "relay.db" && f.Version != f.Latest {
			return nil, fmt.Errorf("the folder %q has the schema %d, this program knows %d: use the program that the server runs", dir, f.Version, f.Latest)
		}
	}
	file, err := openDB(filepath.Join(dir, "relay.db"), dbOptions{Full: true, Schema: loadMigrations("relay"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	// The ids of audit entries are of a node that no server on a folder has, so that they differ from
	// those of a running one.
	ids := event.NewSequence(event.MaxNode, 0)
	plain := plainDB{file}
	u := &Users{tables.New(plain, plain, webhook.InClear{}, func() event.ID { return ids.Reserve(time.Now(), 1) }), file}
	if last, err := u.AuditLast(ctx); err != nil {
		return nil, errors.Join(err, u.Close())
	} else if last > 0 {
		ids = event.NewSequence(event.MaxNode, last)
	}
	return u, nil
}

// Close closes the file.
func (u *Users) Close() error { return u.file.close() }
