//go:build unix

package gate_test

import (
	"bytes"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/testenv"
)

// watched counts the lines written to it, and looks at the memory meanwhile.
type watched struct {
	lines, looks int
	low, top     uint64
}

func (w *watched) Write(b []byte) (int, error) {
	w.lines += bytes.Count(b, []byte("\n"))
	if w.lines/10_000 >= w.looks {
		w.looks++
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if w.top = max(w.top, m.HeapAlloc); w.low == 0 {
			w.low = m.HeapAlloc
		}
	}
	return len(b), nil
}

// TestExportFromDatabase exports 100,000 respondents from PostgreSQL in bounded memory, as TestExportIsBounded of package
// api does from a folder.
func TestExportFromDatabase(t *testing.T) {
	n := 100_000
	if testing.Short() || testenv.Race { // what memory the race detector takes is not the export's
		n = 1_000
	}
	url := pgtest.Shared(t).Database(t)
	node := newNode(t, url)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `
		INSERT INTO respondent(id, tenant, campaign, source, state, round, dnc, email, phone, search, payload, warnings, reason, log_key, once, digest, created, decided)
		SELECT $1::bigint + i, 1, 5000, '', 2, 0, false, '', '', '', convert_to(
			'{"campaignId":5000,"respondent":{"firstName":"Name ' || i || '","address1":"Surveystreet 42"},"custom":{"text":"' || repeat('x', 300) || '"}}', 'UTF8'),
			'', '', '', NULL, '\x00', 1, 1
		FROM generate_series(1, $2::integer) i`, int64(event.FirstID(time.Now().Add(-time.Hour))), n); err != nil {
		t.Fatal(err)
	}
	var out watched
	begun := time.Now()
	begins, ends := 0, 0
	turn := func() (leave func(), err error) { begins++; return func() { ends++ }, nil }
	if err := node.gate.Export(ctx, gate.Query{Tenant: tenant, State: gate.Stored}, &out, turn, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	if begins < n/500 || begins != ends {
		t.Errorf("got %d turns, of which %d ended, want one for each page", begins, ends)
	}
	if out.lines != n+1 {
		t.Errorf("got %d lines, want %d", out.lines, n+1)
	}
	// The whole list takes some 60 MB, a page of it less than 1.
	if grown := int64(out.top) - int64(out.low); n == 100_000 && (out.looks < 10 || grown > 12<<20) {
		t.Errorf("memory grew by %d KiB over %d looks, want it to stay", grown>>10, out.looks)
	}
	t.Logf("%d respondents in %v", n, time.Since(begun).Round(time.Millisecond))
}
