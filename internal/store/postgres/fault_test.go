//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/gate"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/store/storetest"
	"github.com/relay-events/relay/internal/store/tables"
	"github.com/relay-events/relay/internal/store/utcday"
	"github.com/relay-events/relay/internal/webhook"
)

// testLog logs to the test's output.
func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), nil))
}

// The database crashes again and again under appends whose publishers try
// again with the same keys: each key is stored once, nothing acknowledged is
// lost, and everything stored comes to the engine: by Append, or by TakeOver
// when nobody could say whether it was stored.
func TestDatabaseCrashesUnderAppends(t *testing.T) {
	srv := pgtest.Start(t)
	s := node(t, srv.Database(t), 0)
	const crashes = 4
	given := make(map[event.ID]bool) // events the engine has seen
	acked := make(map[string]event.ID)
	stop := make(chan struct{})
	progress := make(chan struct{}, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			var group []*ingest.Publication
			for i := range 10 {
				group = append(group, storetest.Publication(storetest.Event(fmt.Sprintf("k%d-%d", n, i), "a", "1")))
			}
			for {
				intakes, err := s.Append(ctx, group)
				if err == nil {
					for _, in := range intakes {
						for _, e := range in.Events {
							given[e.ID] = true
						}
					}
					break
				}
				if !errors.Is(err, problem.ErrUnavailable) {
					t.Errorf("Append during an outage: got %v, want one that wraps %v", err, problem.ErrUnavailable)
				}
			}
			for _, p := range group {
				acked[p.Items[0].Event.Name] = p.Items[0].Event.ID
			}
			select {
			case progress <- struct{}{}:
			default:
			}
		}
	})
	for range crashes {
		<-progress
		<-progress
		srv.Crash()
		if err := srv.Start(); err != nil {
			t.Fatal(err)
		}
	}
	<-progress
	<-progress
	close(stop)
	wg.Wait()

	// As the engine polls it, until the node knows about all its doubts.
	for {
		err := s.TakeOver(ctx, func(in delivery.Intake) error {
			for _, e := range in.Events {
				given[e.ID] = true
			}
			return nil
		})
		s.mu.Lock()
		left := len(s.doubts.intakes)
		s.mu.Unlock()
		if err == nil && left == 0 {
			break
		}
	}
	names := make(map[string]event.ID)
	for _, e := range storetest.MustList(t, s, ingest.Query{Limit: 250}) {
		if other, ok := names[e.Name]; ok {
			t.Errorf("%q is stored as %d and as %d", e.Name, other, e.ID)
		}
		names[e.Name] = e.ID
		if !given[e.ID] {
			t.Errorf("%q is stored as %d, and nobody delivers it", e.Name, e.ID)
		}
	}
	for name, id := range acked {
		if names[name] != id {
			t.Errorf("%q was acknowledged as %d, stored is %d", name, id, names[name])
		}
	}
	t.Logf("%d events over %d crashes, %d losses of the lease", len(names), crashes, s.Losses())
}

// Nothing hangs while the database is silent, and everything works again after;
// also where events belong to webhooks with an order, whose rows Append looks
// up and stores with them.
func TestSilentDatabase(t *testing.T) {
	orders := map[string]func(ev *event.Event, owe func(delivery.Owed)){
		"without an order": nil,
		"with an order": func(ev *event.Event, owe func(delivery.Owed)) {
			now := time.Now().UTC().Truncate(time.Millisecond)
			owe(delivery.Owed{Tenant: ev.Tenant, Event: ev.ID, Webhook: 1, Order: 5, Due: now, Since: now, Reason: delivery.ReasonTurn})
		},
	}
	for name, order := range orders {
		t.Run(name, func(t *testing.T) { testSilentDatabase(t, order) })
	}
}

func testSilentDatabase(t *testing.T, order func(ev *event.Event, owe func(delivery.Owed))) {
	srv := pgtest.Shared(t)
	srv.Database(t)
	direct := srv.Database(t)
	proxy := srv.Proxy(t)
	cfg, err := pgx.ParseConfig(direct)
	if err != nil {
		t.Fatal(err)
	}
	s := node(t, proxy.URL(cfg.Database), time.Minute)
	if order != nil {
		s.OweWith(order)
	}
	storetest.MustAppend(t, s, storetest.Publication(storetest.Event("before", "a", "1")))
	calls := map[string]func() error{
		"Append": func() error {
			_, err := s.Append(ctx, []*ingest.Publication{storetest.Publication(storetest.Event("k", "a", "1"))})
			return err
		},
		"Record": func() error {
			return s.Record(ctx, &delivery.Record{Attempts: storetest.MakeAttempts(time.Now(), 3)})
		},
		"OwedClaim":    func() error { _, err := s.OwedClaim(ctx, 1, time.Now(), 1); return err },
		"EventGetMany": func() error { _, err := s.EventGetMany(ctx, []event.ID{1}); return err },
		"EventList":    func() error { _, _, err := s.EventList(ctx, ingest.Query{Tenant: 1, Limit: 1}); return err },
		"JobPut":       func() error { return s.JobPut(ctx, delivery.Job{ID: "job_1", Tenant: 1}, nil) },
		"TakeOver":     func() error { return s.TakeOver(ctx, func(delivery.Intake) error { return nil }) },
		"Pulse":        func() error { _, err := s.Pulse(ctx); return err },
	}
	proxy.Silence(true)
	for range 2 { // connections that were there, and new ones
		var wg sync.WaitGroup
		for what, call := range calls {
			wg.Go(func() {
				start := time.Now()
				err := call()
				// The promise is 2 s; a machine that is busy is given one more.
				if took := time.Since(start); took > 3*time.Second || !errors.Is(err, problem.ErrUnavailable) {
					t.Errorf("%s: got %v after %v, want %v within 2 s", what, err, took, problem.ErrUnavailable)
				}
			})
		}
		wg.Wait()
	}
	proxy.Silence(false)
	for what, call := range calls {
		err := call()
		for try := 0; err != nil && try < 10; try++ { // connections from before may still be broken
			if !errors.Is(err, problem.ErrUnavailable) {
				break
			}
			err = call()
		}
		if err != nil {
			t.Errorf("%s after the silence: %v", what, err)
		}
	}
	if list := storetest.MustList(t, s, ingest.Query{}); len(list) != 2 {
		t.Errorf("got %d events, want 2: what failed may be stored, but once", len(list))
	}
}

// A crash loses the last results. A node that has not noticed it must not
// close an intake on the ground of that: its deliveries would be gone.
func TestWhatACrashUndidIsNotBuiltOn(t *testing.T) {
	srv := pgtest.Start(t)
	s := node(t, srv.Database(t), time.Minute)
	s.holdLease.Store(true)
	in := storetest.MustAppend(t, s, storetest.Publication(storetest.Event("a", "a", "1")))
	if err := s.Record(ctx, &delivery.Record{Owe: []delivery.Owed{{
		Tenant: 1, Event: in[0].ID, Webhook: 1, Due: time.Now(), Since: time.Now(), Reason: delivery.ReasonBacklog,
	}}}); err != nil {
		t.Fatal(err)
	}
	srv.Crash() // before that is on the disk, if the server does not hurry
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	err := error(problem.ErrUnavailable)
	for errors.Is(err, problem.ErrUnavailable) { // until no old connection is left
		err = s.Record(ctx, &delivery.Record{Close: []event.ID{in[0].ID}})
	}
	if !errors.Is(err, ErrFenced) {
		t.Errorf("closing what was recorded before the crash: got %v, want %v", err, ErrFenced)
	}
	s.holdLease.Store(false)
	for s.heartbeat() != nil { // its old connection
	}
	if ids := takeOver(t, s); !slices.Equal(ids, []event.ID{in[0].ID}) {
		t.Errorf("taken over: got %d, want %d", ids, in[0].ID)
	}
}

// The answer to a commit is lost: the publisher is refused, the event is
// stored, and TakeOver brings it to the engine. The same key is a duplicate.
func TestAnswerToACommitIsLost(t *testing.T) {
	srv := pgtest.Shared(t)
	cfg, err := pgx.ParseConfig(srv.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := srv.Proxy(t)
	s := node(t, proxy.URL(cfg.Database), time.Minute)
	appendInDoubt(t, s, proxy, pgtest.ToClient, "k")
	proxy.Hold(pgtest.ToClient, false)
	again := storetest.Publication(storetest.Event("k", "a", "1"))
	var intakes []delivery.Intake
	for {
		if intakes, err = s.Append(ctx, []*ingest.Publication{again}); err == nil {
			break
		}
	}
	if !again.Items[0].Duplicate || len(intakes) != 0 {
		t.Errorf("the second try: duplicate %t, intakes %v, want a duplicate", again.Items[0].Duplicate, intakes)
	}
	ids := takeOver(t, s)
	if len(ids) != 1 || ids[0] != again.Items[0].Event.ID {
		t.Errorf("taken over: got %d, want %d", ids, again.Items[0].Event.ID)
	}
	if ids := takeOver(t, s); len(ids) != 0 {
		t.Errorf("taken over twice: %d", ids)
	}
}

// appendInDoubt appends while the proxy holds back a direction, and returns
// once the store does not know whether that was stored.
func appendInDoubt(t *testing.T, s *Store, proxy *pgtest.Proxy, direction int, name string) {
	t.Helper()
	for {
		// A connection in use: one that has been idle is checked before it is
		// used, and the append would not get as far as it must.
		storetest.MustAppend(t, s, storetest.Publication(storetest.Event("before", "a", "1")))
		proxy.Hold(direction, true)
		_, err := s.Append(ctx, []*ingest.Publication{storetest.Publication(storetest.Event(name, "a", "1"))})
		if !errors.Is(err, problem.ErrUnavailable) {
			t.Fatalf("Append whose answer does not come: got %v, want %v", err, problem.ErrUnavailable)
		}
		s.mu.Lock()
		doubts := len(s.doubts.intakes)
		s.mu.Unlock()
		if doubts == 1 {
			return
		}
		proxy.Hold(direction, false)
	}
}

// A commit that arrives long after the node has given it up does not succeed.
func TestCommitThatArrivesLate(t *testing.T) {
	srv := pgtest.Shared(t)
	cfg, err := pgx.ParseConfig(srv.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := srv.Proxy(t)
	direct := node(t, srv.URL(cfg.Database), time.Minute)
	s := node(t, proxy.URL(cfg.Database), time.Minute)
	appendInDoubt(t, s, proxy, pgtest.ToServer, "late")
	// It is settled another way, which reaches the database.
	s.mu.Lock()
	direct.doubt(s.doubts.intakes)
	s.mu.Unlock()
	if err := direct.settleUncertain(ctx); err != nil {
		t.Fatal(err)
	}
	if n, err := direct.integer(ctx, `SELECT count(*) FROM intake WHERE fence = -1`); n != 1 || err != nil {
		t.Errorf("got %d marks, %v, want 1", n, err)
	}
	proxy.Hold(pgtest.ToServer, false)
	s.Close()
	proxy.Drained() // the server has read all that was on its way
	if list := storetest.MustList(t, direct, ingest.Query{}); len(list) != 1 {
		t.Errorf("got %d events, want 1: the late one must not be stored", len(list))
	}
	if ids := takeOver(t, direct); len(ids) != 1 {
		t.Errorf("taken over: got %d, want the one before", ids)
	}
}

// Partitions are dropped while events and attempts are stored, and while a
// long transaction reads.
func TestExpireUnderLoad(t *testing.T) {
	s := node(t, pgtest.Shared(t).Database(t), 0)
	today := utcday.Of(event.FirstID(time.Now()))
	const old = 5
	for d := today - old; d < today; d++ {
		id := event.NewSequence(0, 0).Reserve(d.Start(), 1)
		if err := s.ensureDays(ctx, id); err != nil {
			t.Fatal(err)
		}
		if _, err := s.pool.Exec(ctx, fmt.Sprintf(`INSERT INTO event VALUES (%d, 1, '', 'a', 0, '', '', 0, 0, NULL, '')`, id)); err != nil {
			t.Fatal(err)
		}
	}
	reader, err := s.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Exec(ctx, `SELECT count(*) FROM event`); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var longest time.Duration
	stored := 0
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			start := time.Now()
			if _, err := s.Append(ctx, []*ingest.Publication{storetest.Publication(storetest.Event("", "a", "1"))}); err != nil {
				t.Error(err)
			}
			longest = max(longest, time.Since(start))
			stored++
			if err := s.Record(ctx, &delivery.Record{Attempts: storetest.MakeAttempts(time.Now(), 5)}); err != nil {
				t.Error(err)
			}
		}
	})
	expired := make(chan error, 1)
	go func() { expired <- s.Expire(ctx, time.Now(), time.Now()) }()
	select {
	case err := <-expired:
		t.Errorf("expired %v under a reader's lock", err)
	case <-time.After(2 * time.Second): // many tries
	}
	reader.Rollback(ctx)
	if err := <-expired; err != nil {
		t.Error(err)
	}
	close(stop)
	wg.Wait()
	days, detached, err := s.daysOf(ctx, "event")
	if err != nil || len(days) != 1+aheadDays || days[0] != today || len(detached) != 0 {
		t.Errorf("got days %v and %v, %v, want %v and those ahead", days, detached, err, today)
	}
	if list := storetest.MustList(t, s, ingest.Query{Limit: 250}); len(list) != stored {
		t.Errorf("got %d events, want %d", len(list), stored)
	}
	// A busy machine takes its time, but not as long as one that waits for a
	// lock which waits for the reader.
	if longest > time.Second {
		t.Errorf("a group took %v", longest)
	}
	t.Logf("%d groups stored meanwhile, the longest in %v", stored, longest)
}

// What another node has detached and not dropped is dropped, and partitions
// that disappear under a node are made again.
func TestPartitionsOfOthers(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	a, b := node(t, url, 0), node(t, url, 0)
	old := utcday.Of(event.FirstID(time.Now())) - 3
	if err := a.ensureDays(ctx, old.FirstID()); err != nil {
		t.Fatal(err)
	}
	if done, err := a.detachDay(ctx, "event", old, ""); !done || err != nil {
		t.Fatalf("detaching: %t, %v", done, err)
	}
	if err := b.Expire(ctx, old.Start(), old.Start()); err != nil {
		t.Fatal(err)
	}
	if days, detached, err := b.daysOf(ctx, "event"); err != nil || len(detached) != 0 || len(days) != 1+aheadDays {
		t.Errorf("got days %v and %v, %v", days, detached, err)
	}
	today := utcday.Of(event.FirstID(time.Now()))
	for _, table := range partitioned {
		if _, err := a.pool.Exec(ctx, fmt.Sprintf("DROP TABLE %s, %s", partition(table, today), partition(table, today+1))); err != nil {
			t.Fatal(err)
		}
	}
	storetest.MustAppend(t, b, storetest.Publication(storetest.Event("", "a", "1")))
	if err := a.Record(ctx, &delivery.Record{Attempts: storetest.MakeAttempts(time.Now(), 5)}); err != nil {
		t.Error(err)
	}
}

// Nodes that come for the same days at once take each out once, and none fails.
func TestNodesExpireTogether(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	nodes := []*Store{node(t, url, 0), node(t, url, 0), node(t, url, 0)}
	today := utcday.Of(event.FirstID(time.Now()))
	for d := today - 6; d < today; d++ {
		if err := nodes[0].ensureDays(ctx, d.FirstID()); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for _, s := range nodes {
		wg.Go(func() {
			if err := s.Expire(ctx, today.Start(), today.Start()); err != nil {
				t.Errorf("expiring beside others: %v", err)
			}
		})
	}
	wg.Wait()
	for _, table := range partitioned {
		days, detached, err := nodes[0].daysOf(ctx, table)
		if err != nil || len(detached) != 0 || len(days) != 1+aheadDays || days[0] != today {
			t.Errorf("%s: got days %v and %v, %v, want %v and those ahead", table, days, detached, err, today)
		}
	}
}

func TestStoreErrors(t *testing.T) {
	tests := []struct {
		code        string
		unavailable bool
	}{
		{"57P01", true}, {"57P03", true}, {"57014", true}, {"53100", true}, {"53300", true}, {"40P01", true},
		{"25006", true}, {"08006", true}, {"58030", true}, {"55P03", true}, {"23505", false}, {"22021", false}, {"42P01", false},
	}
	for _, tt := range tests {
		err := storeError(ctx, fmt.Errorf("x: %w", &pgconn.PgError{Code: tt.code, Severity: "ERROR"}))
		if errors.Is(err, problem.ErrUnavailable) != tt.unavailable {
			t.Errorf("%s: got %v, want unavailable %t", tt.code, err, tt.unavailable)
		}
	}
	if err := storeError(ctx, errors.New("unexpected EOF")); !errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("got %v, want unavailable", err)
	}
	if err := storeError(ctx, ErrFenced); errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("got %v, want it not unavailable", err)
	}
}

// Errors of a transaction's function come back as they are, whatever the
// domain calls them; those of the database do not.
func TestOwnErrorsPass(t *testing.T) {
	s := node(t, pgtest.Shared(t).Database(t), 0)
	own := []error{
		gate.ErrNotFound, account.ErrNotFound, webhook.ErrNotFound, webhook.ErrChanged, pgx.ErrNoRows,
		problem.New(problem.Conflict, "in use"), errors.New("a bug"), fmt.Errorf("wrapped: %w", gate.ErrNotFound),
	}
	for _, want := range own {
		changes := map[string]error{
			"transact":  s.transact(ctx, func(context.Context, pgx.Tx) error { return want }),
			"configure": plainDB{s}.Configure(ctx, registry.Keys, func(tables.Tx) error { return want }),
		}
		for name, err := range changes {
			if !errors.Is(err, want) || errors.Is(err, problem.ErrUnavailable) || err.Error() != want.Error() {
				t.Errorf("%s: got %v, want %v as it is", name, err, want)
			}
		}
		err := s.query(ctx, func(pgx.CollectableRow) error { return want }, "SELECT 1")
		if !errors.Is(err, want) || errors.Is(err, problem.ErrUnavailable) {
			t.Errorf("reading a row: got %v, want %v as it is", err, want)
		}
	}
	// Of the stores' own methods.
	for name, err := range map[string]error{
		"CampaignUpdate": s.CampaignUpdate(ctx, gate.Campaign{ID: 99, Tenant: 1}, nil),
		"WebhookDelete":  s.WebhookDelete(ctx, 1, 99, nil),
	} {
		if err == nil || errors.Is(err, problem.ErrUnavailable) {
			t.Errorf("%s of what is not there: got %v, want it not found, and the store available", name, err)
		}
	}
	driver := map[string]func(ctx context.Context, tx pgx.Tx) error{
		"the server closes the connection": func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
			return err
		},
		"the connection breaks": func(ctx context.Context, tx pgx.Tx) error {
			tx.Conn().PgConn().Conn().Close()
			_, err := tx.Exec(ctx, "SELECT 1")
			return err
		},
		"the time is up": func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT pg_sleep(60)")
			return err
		},
		"the time was up before": func(ctx context.Context, tx pgx.Tx) error {
			<-ctx.Done()
			_, err := tx.Exec(ctx, "SELECT 1")
			return err
		},
	}
	for name, f := range driver {
		if err := s.transact(ctx, f); !errors.Is(err, problem.ErrUnavailable) {
			t.Errorf("%s: got %v, want one that wraps %v", name, err, problem.ErrUnavailable)
		}
	}
}

// Whoever gives up gets to know that he did; the store's own deadline is not his.
func TestWhoseDeadline(t *testing.T) {
	caller, cancel := context.WithCancel(ctx)
	cancel()
	if err := storeError(caller, context.Canceled); errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("the caller left: got %v, want it not unavailable", err)
	}
	late, cancel := context.WithTimeout(ctx, 0)
	defer cancel()
	if err := storeError(late, context.DeadlineExceeded); errors.Is(err, problem.ErrUnavailable) {
		t.Errorf("the caller's time was up: got %v, want it not unavailable", err)
	}
	synctest.Test(t, func(t *testing.T) {
		outer, cancel := detached(caller)
		defer cancel()
		inner, cancel := bounded(outer)
		defer cancel()
		<-inner.Done()
		for name, c := range map[string]context.Context{"outer": outer, "inner": inner} {
			if err := storeError(c, fmt.Errorf("x: %w", c.Err())); !errors.Is(err, problem.ErrUnavailable) {
				t.Errorf("%s: got %v, want one that wraps %v", name, err, problem.ErrUnavailable)
			}
		}
	})
}

// takes is a router for events that nobody delivers.
type takes struct{}

func (takes) Accept([]delivery.Intake) {}

// A publication that the database cannot hold fails alone, with words, however
// many share its commit.
func TestGuiltyPublicationFailsAlone(t *testing.T) {
	s := node(t, pgtest.Shared(t).Database(t), 0)
	in := ingest.New(s, takes{}, nil)
	defer in.Stop()
	bad := map[string]func(e *event.Event){
		"NUL in the key":          func(e *event.Event) { e.Key = "a\x00b" },
		"NUL in the name":         func(e *event.Event) { e.Name = "n\x00" },
		"half a character":        func(e *event.Event) { e.Key = "\xff" },
		"a surrogate, encoded":    func(e *event.Event) { e.Key = "\xed\xa0\x80" },
		"half a type, at the end": func(e *event.Event) { e.Type = "a\xc3" },
	}
	const good, rounds = 24, 4
	var wg sync.WaitGroup
	start := make(chan struct{})
	publish := func(check func(error), change func(e *event.Event)) {
		wg.Go(func() {
			<-start
			for range rounds {
				it := storetest.Event("", "a.b", "1")
				if change != nil {
					change(&it.Event)
				}
				check(in.Publish(ctx, storetest.Publication(it)))
			}
		})
	}
	for range good {
		publish(func(err error) {
			if err != nil {
				t.Errorf("a good publication: %v", err)
			}
		}, nil)
	}
	for name, change := range bad {
		publish(func(err error) {
			if problem.KindOf(err) != problem.Invalid {
				t.Errorf("%s: got %v, want it refused as invalid", name, err)
			}
		}, change)
	}
	close(start)
	wg.Wait()
	if accepted, _, _ := in.Counts(); accepted != good*rounds {
		t.Errorf("got %d events accepted, want %d", accepted, good*rounds)
	}
	if err := in.Failing(); err != nil {
		t.Errorf("the store is said to fail: %v", err)
	}
}
