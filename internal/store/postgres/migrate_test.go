//go:build unix

package postgres

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
)

func TestSchemaIsReadAndMigrated(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	latest := len(migrations)
	if got, err := Schema(ctx, url); err != nil || got != (SchemaStatus{0, latest}) {
		t.Fatalf("an empty database: got %+v, %v, want 0 of %d", got, err, latest)
	}
	var steps []int
	for range 2 { // the second time there is nothing to do
		if err := Migrate(ctx, url, func(s SchemaStatus) { steps = append(steps, s.Version) }); err != nil {
			t.Fatal(err)
		}
	}
	want := make([]int, latest)
	for i := range want {
		want[i] = i + 1
	}
	if !slices.Equal(steps, want) {
		t.Errorf("got steps %v, want %v", steps, want)
	}
	if got, err := Schema(ctx, url); err != nil || got != (SchemaStatus{latest, latest}) {
		t.Errorf("migrated: got %+v, %v, want %d of %d", got, err, latest, latest)
	}
	s := node(t, url, 0)
	if _, err := s.pool.Exec(ctx, `UPDATE relay_schema SET version = version + 1`); err != nil {
		t.Fatal(err)
	}
	if got, err := Schema(ctx, url); err != nil || !got.Newer() {
		t.Errorf("a newer database: got %+v, %v", got, err)
	}
	if err := Migrate(ctx, url, nil); !errors.Is(err, errNewer) {
		t.Errorf("migrating a newer database: got %v, want %v", err, errNewer)
	}
}

// A step that needs a table which somebody reads for long does not make nodes
// wait behind it, and comes through when that has ended.
func TestMigratingLetsNodesPass(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	s := node(t, url, 0)
	reader, err := s.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback(ctx) // or closing the pool waits for it
	if _, err := reader.Exec(ctx, `SET LOCAL idle_in_transaction_session_timeout TO 0; SELECT FROM job`, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	migrated := make(chan error, 1)
	go func() {
		m, err := unregistered(url)
		if err == nil {
			defer m.closePools()
			err = m.migrateSteps(ctx, append(slices.Clone(migrations), `ALTER TABLE job ADD COLUMN more integer NOT NULL DEFAULT 0`), nil)
		}
		migrated <- err
	}()
	for n := 0; ; n++ {
		// Locks of this table are asked for behind the migration's.
		if err := s.JobPut(ctx, delivery.Job{ID: fmt.Sprint("job_", n), Tenant: 1, CreatedAt: time.Now()}, nil); err != nil {
			t.Fatalf("a node's write while a migration waits: %v", err)
		}
		waited, err := s.integer(ctx, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE job%'`)
		if err != nil {
			t.Fatal(err)
		}
		if waited > 0 && n > 3 {
			break
		}
		select {
		case err := <-migrated:
			t.Fatalf("migrated while the table was read: %v", err)
		default:
		}
	}
	if err := reader.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-migrated:
		if err != nil {
			t.Errorf("migrating: %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the migration did not come through within a minute")
	}
	if got, err := s.integer(ctx, `SELECT version FROM relay_schema`); err != nil || got != int64(len(migrations)+1) {
		t.Errorf("got version %d, %v, want %d", got, err, len(migrations)+1)
	}
}
