//go:build unix

package postgres

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/relay-events/relay/internal/store/postgres/pgtest"
)

// TestFrozenNodes has a node that is frozen while it writes: it holds the lock on its registration for as long as its
// connection lasts. Other dead nodes are taken over at once, and this one after the time that a write may take.
func TestFrozenNodes(t *testing.T) {
	url := pgtest.Start(t).Database(t)
	s := node(t, url, time.Minute)
	// The registrations of two nodes whose leases have run out.
	const frozen, dead = 1_000_001, 1_000_002
	for _, fence := range []int{frozen, dead} {
		if _, err := s.pool.Exec(ctx, `INSERT INTO node(fence, number, name, expires) VALUES ($1, $2, 'test', clock_timestamp() - interval '1 minute')`, fence, fence%500); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `SET statement_timeout TO '`+serverTimeout+`'; SET idle_in_transaction_session_timeout TO '`+serverTimeout+`'`, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	rows, never := io.Pipe() // like a process that is stopped
	defer never.Close()
	ended := make(chan error, 1)
	go func() {
		sql := append(s.opening(&registration{fence: frozen}, true), `COPY intake(id, events, fence) FROM STDIN BINARY`)
		_, err := conn.PgConn().CopyFrom(ctx, rows, strings.Join(sql, ";"))
		ended <- err
	}()
	await := func(what, sql string, args ...any) {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
			n, err := s.integer(ctx, sql, args...)
			if err != nil {
				t.Fatal(err)
			}
			if n > 0 {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("not within a minute: %s", what)
			}
		}
	}
	await("the frozen write", `SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%COPY intake%' AND wait_event = 'ClientRead' AND pid <> pg_backend_pid()`)
	began := time.Now()

	takeOver(t, s)
	left, err := s.integer(ctx, `SELECT count(*) FROM node WHERE fence = $1`, dead)
	if err != nil || left != 0 {
		t.Errorf("the dead node is still registered beside a frozen one (%d, %v)", left, err)
	}
	for gone := false; !gone; time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatal("the frozen node was not taken over within a minute")
		}
		takeOver(t, s)
		left, err := s.integer(ctx, `SELECT count(*) FROM node WHERE fence = $1`, frozen)
		if err != nil {
			t.Fatal(err)
		}
		gone = left == 0
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("the write was ended after %v, which a node that lives may need", took)
	}
	never.CloseWithError(io.ErrUnexpectedEOF)
	if err := <-ended; err == nil {
		t.Error("the frozen write was stored")
	}
}
