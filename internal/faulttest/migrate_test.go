//go:build linux

package faulttest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/testenv"
)

// TestKillWhileMigrating kills a server while it brings the data of an earlier version up to date
// (testdata/v0). The next start completes it, and the configuration is unchanged.
func TestKillWhileMigrating(t *testing.T) {
	points := []point{{"pwrite64", 40}, {"fdatasync", 5}, {"fdatasync", 12}}
	rng := seeded(t)
	for range extra("RELAY_FAULT_POINTS") {
		points = append(points, point{[]string{"pwrite64", "fdatasync"}[rng.IntN(2)], 1 + rng.IntN(200)})
	}
	unfinished := 0
	var slowest time.Duration
	for _, p := range points {
		r := newRelay(t, t.TempDir())
		unpack(t, "testdata/v0/folder.tar.gz", r.dir)
		r.killAt(p, 100*time.Millisecond)
		if list, err := sqlite.Schema(r.dir); err == nil && slices.ContainsFunc(list, func(f sqlite.FileSchema) bool { return f.Version != f.Latest }) {
			unfinished++
		}
		intact(t, copyData(t, r.dir))
		r.begin()
		earlierConfiguration(t, r)
		r.stop()
		intact(t, r.dir)
		slowest = max(slowest, r.life().took)
	}
	if unfinished == 0 {
		t.Error("no kill left a migration unfinished: this shows nothing")
	}

	kills := count(t, "RELAY_FAULT_KILLS", 2, 1)
	for range kills {
		url := pgtest.Shared(t).Database(t)
		restoreDump(t, url, "testdata/v0/database.sql.gz")
		r := newRelay(t, t.TempDir())
		r.args = []string{"--database", url, "--lease", lease.String()}
		key, err := os.ReadFile("testdata/v0/database.key")
		if err == nil {
			err = os.WriteFile(filepath.Join(r.dir, "relay.key"), key, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		l := r.launch()
		time.Sleep(time.Duration(rng.Int64N(int64(400 * time.Millisecond)))) // it starts in about as long
		l.kill()
		r.begin()
		earlierConfiguration(t, r)
		r.stop()
		slowest = max(slowest, r.life().took)
	}
	testenv.Report(t, testenv.Figures{Faults: len(points) + kills, Recovery: slowest})
	t.Logf("%d kills, %d of them in a migration", len(points)+kills, unfinished)
}

// earlierConfiguration checks that a server has what testdata/v0/make.sh configured.
func earlierConfiguration(t *testing.T, r *relay) {
	t.Helper()
	names := func(path, field string) string {
		var page struct{ Data []map[string]any }
		if err := r.get(path, &page); err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, item := range page.Data {
			list = append(list, fmt.Sprint(item[field]))
		}
		slices.Sort(list)
		return strings.Join(list, ", ")
	}
	for _, want := range []struct{ path, field, names string }{
		{"/v1/webhooks?limit=50", "description", "in batches, paused later, refuses, takes everything"},
		{"/v1/campaigns?limit=50", "name", "autumn"},
	} {
		if got := names(want.path, want.field); got != want.names {
			t.Errorf("%s: got %q, want %q", want.path, got, want.names)
		}
	}
	if got := names("/v1/keys", "name"); !strings.Contains(got, "shop") {
		t.Errorf("got the keys %q, want shop among them", got)
	}
	if got := names("/v1/event-types", "name"); !strings.Contains(got, "order.created") {
		t.Errorf("got the event types %.300q, want order.created among them", got)
	}
}
