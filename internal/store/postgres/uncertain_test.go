package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/store/storetest"
)

// distant is a node whose connections can be held up, and another that is
// beside the database.
func distant(t *testing.T) (s, direct *Store, proxy *pgtest.Proxy) {
	t.Helper()
	srv := pgtest.Shared(t)
	cfg, err := pgx.ParseConfig(srv.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy = srv.Proxy(t)
	direct = node(t, srv.URL(cfg.Database), time.Minute)
	return node(t, proxy.URL(cfg.Database), time.Minute), direct, proxy
}

// loseAnswer calls f and has the database do what it writes to the table, but
// keeps the answer back. Then there is a row that meets the condition.
func loseAnswer(t *testing.T, pool *pgxpool.Pool, proxy *pgtest.Proxy, table, condition string, f func() error) {
	t.Helper()
	for made := false; !made; {
		tx, err := pool.Begin(ctx)
		if err == nil {
			// Reading goes on.
			_, err = tx.Exec(ctx, "LOCK TABLE "+table+" IN EXCLUSIVE MODE")
		}
		if err != nil {
			t.Fatal(err)
		}
		result := make(chan error, 1)
		go func() { result <- f() }()
		waits := false
		for !waits && len(result) == 0 {
			if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = $1::regclass)`, table).Scan(&waits); err != nil {
				t.Fatal(err)
			}
		}
		proxy.Hold(pgtest.ToClient, true)
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		err = <-result
		proxy.Hold(pgtest.ToClient, false)
		if err == nil {
			t.Fatal("a call whose answer does not come succeeded")
		}
		// On a slow machine it may not have waited that long.
		if err := pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+table+" WHERE "+condition+")").Scan(&made); err != nil {
			t.Fatal(err)
		}
	}
}

func wantClaimed(t *testing.T, s *Store, n int) {
	t.Helper()
	if ids := takeOver(t, s); len(ids) != 0 {
		t.Errorf("taken over: got intakes %d, want none", ids)
	}
	if got := claim(t, s, 10); len(got) != n {
		t.Errorf("got %d rows, want the %d that nobody works on", len(got), n)
	}
}

// Rows that were claimed without the node's being told are owed again.
func TestAnswerToAClaimIsLost(t *testing.T) {
	later := time.Now().Add(time.Hour)
	for name, test := range map[string]struct {
		order int64
		claim func(s *Store) error
	}{
		"plain": {0, func(s *Store) error {
			_, err := s.OwedClaim(ctx, 1, later, 10)
			return err
		}},
		"ordered": {7, func(s *Store) error {
			r, err := s.current()
			if err == nil {
				_, err = s.claimOrdered(ctx, r, 1, later.UnixMilli(), 10)
			}
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s, direct, proxy := distant(t)
			o := delivery.Owed{Tenant: 1, Event: 1, Webhook: 1, Due: time.Now(), Since: time.Now(), Reason: delivery.ReasonRetry, Order: test.order}
			if err := s.Record(ctx, &delivery.Record{Owe: []delivery.Owed{o}}); err != nil {
				t.Fatal(err)
			}
			loseAnswer(t, direct.pool, proxy, "owed", "claim <> 0", func() error { return test.claim(s) })
			wantClaimed(t, s, 1)
		})
	}
}

// A claim may still be on its way when it is first looked for.
func TestClaimThatArrivesLate(t *testing.T) {
	s := node(t, pgtest.Shared(t).Database(t), time.Minute)
	owe(t, s, 1)
	r, err := s.current()
	if err != nil {
		t.Fatal(err)
	}
	token := s.newClaim(r)
	s.doubtClaim(token, context.DeadlineExceeded)
	if err := s.settleUncertain(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := s.pool.Exec(ctx, `UPDATE owed SET claim = $1`, token); err != nil {
		t.Fatal(err)
	}
	wantClaimed(t, s, 1)
}

// Giving a claim back is tried again.
func TestClaimsThatCannotBeGivenBack(t *testing.T) {
	s, _, proxy := distant(t)
	owe(t, s, 3)
	list := claim(t, s, 2)
	proxy.Silence(true)
	if err := s.OwedRelease(ctx, list); !errors.Is(err, problem.ErrUnavailable) {
		t.Fatalf("got %v, want %v", err, problem.ErrUnavailable)
	}
	proxy.Silence(false)
	for s.settleUncertain(ctx) != nil { // its old connections
	}
	wantClaimed(t, s, 3)
}

// Intakes taken over without the node's being told are taken over again.
func TestAnswerToATakeoverIsLost(t *testing.T) {
	s, direct, proxy := distant(t)
	dead := node(t, direct.pool.Config().ConnString(), time.Minute)
	in := storetest.MustAppend(t, dead, storetest.Publication(storetest.Event("a", "a", "1")))
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := s.current()
	if err != nil {
		t.Fatal(err)
	}
	loseAnswer(t, direct.pool, proxy, "intake", fmt.Sprintf("fence = %d", r.fence), func() error {
		return s.TakeOver(ctx, func(delivery.Intake) error { return errors.New("it was told") })
	})
	for {
		var ids []event.ID
		err = s.TakeOver(ctx, func(in delivery.Intake) error { ids = append(ids, in.ID); return nil })
		if err != nil {
			continue // its old connections
		}
		if fmt.Sprint(ids) != fmt.Sprint([]event.ID{in[0].ID}) {
			t.Errorf("taken over: got %d, want %d", ids, in[0].ID)
		}
		return
	}
}

// A job of which it is not known whether it was claimed can be claimed again.
func TestJobsInDoubt(t *testing.T) {
	s := node(t, pgtest.Shared(t).Database(t), time.Minute)
	if err := s.JobPut(ctx, delivery.Job{ID: "job_1", Tenant: 1, Webhook: 1, Kind: delivery.JobReplay, State: delivery.JobRunning, CreatedAt: time.Now()}, nil); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0, 1} {
		list, err := s.JobClaim(ctx)
		if err != nil || len(list) != want {
			t.Fatalf("got %v, %v, want %d", list, err, want)
		}
		if want == 0 {
			s.doubtJobs([]string{"job_1"}) // as if it had failed
		}
	}
}
