//go:build unix

package postgres

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/registry"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/store/storetest"
	"github.com/relay-events/relay/internal/webhook"
)

var ctx = context.Background()

// shortLease is the lease of nodes in tests that wait for it to run out.
const shortLease = time.Second

// node opens a store that is closed when the test ends.
func node(t testing.TB, url string, lease time.Duration) *Store {
	t.Helper()
	s, err := Open(ctx, Options{URL: url, Lease: lease, Log: testLog(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// owe adds rows for events 1 to n of webhook 1, due now.
func owe(t *testing.T, s *Store, n int) {
	t.Helper()
	var rows []delivery.Owed
	for i := range n {
		rows = append(rows, delivery.Owed{
			Tenant: 1, Event: event.ID(i + 1), Webhook: 1, Due: time.Now(), Since: time.Now(), Reason: delivery.ReasonRetry,
		})
	}
	if err := s.Record(ctx, &delivery.Record{Owe: rows}); err != nil {
		t.Fatal(err)
	}
}

func claim(t *testing.T, s *Store, limit int) []delivery.Owed {
	t.Helper()
	list, err := s.OwedClaim(ctx, 1, time.Now().Add(time.Hour), limit)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// takeOver returns the ids of the intakes that a TakeOver gives.
func takeOver(t *testing.T, s *Store) (ids []event.ID) {
	t.Helper()
	err := s.TakeOver(ctx, func(in delivery.Intake) error {
		ids = append(ids, in.ID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// A node that stands still past its lease loses its work to another, and can
// change nothing when it wakes: neither under its old token, nor with its old
// claims under the next one.
func TestANodeThatStandsStillIsFenced(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	still, other := node(t, url, shortLease), node(t, url, shortLease)
	forgot := make(chan struct{}, 1)
	still.OnLost(func(int64) { forgot <- struct{}{} })
	owe(t, still, 3)
	held := claim(t, still, 2)
	in := storetest.MustAppend(t, still, storetest.Publication(storetest.Event("a", "a", "1")))
	if ids := takeOver(t, other); len(ids) != 0 {
		t.Fatalf("a live node's intakes were taken over: %d", ids)
	}

	still.holdLease.Store(true)
	fenced, err := still.current()
	if err != nil {
		t.Fatal(err)
	}
	var taken []event.ID
	for len(taken) == 0 { // until the lease has run out
		taken = takeOver(t, other)
	}
	if !slices.Equal(taken, []event.ID{in[0].ID}) {
		t.Errorf("taken over: got %d, want %d", taken, in[0].ID)
	}
	again := claim(t, other, 10)
	if len(again) != 3 {
		t.Errorf("claimed after the take-over: got %d rows, want 3", len(again))
	}

	// Awake, and not aware of it yet.
	for what, call := range map[string]func() error{
		"Record":  func() error { return still.Record(ctx, &delivery.Record{Settle: held, Close: []event.ID{in[0].ID}}) },
		"Claim":   func() error { _, err := still.OwedClaim(ctx, 1, time.Now(), 1); return err },
		"JobPut":  func() error { return still.JobPut(ctx, delivery.Job{ID: "job_1", Tenant: 1}, nil) },
		"Move":    func() error { _, err := still.OwedMove(ctx, 1, held[0].Delivery(), time.Now()); return err },
		"Discard": func() error { return still.OwedDiscard(ctx, 1, 1) },
	} {
		if err := call(); !errors.Is(err, ErrFenced) || errors.Is(err, problem.ErrUnavailable) {
			t.Errorf("%s of a fenced node: got %v, want %v", what, err, ErrFenced)
		}
	}
	// A write under the old token that is under way to the database.
	if _, err := still.change(ctx, fenced, change{sql: []string{"DELETE FROM owed"}}); !errors.Is(err, ErrFenced) {
		t.Errorf("a late write: got %v, want %v", err, ErrFenced)
	}
	if !still.Lease().IsZero() {
		t.Errorf("a fenced node has a lease until %v", still.Lease())
	}

	// It joins again, after its engine has forgotten everything. Publishing goes on.
	still.holdLease.Store(false)
	signal(still.kickLease)
	<-forgot
	after := storetest.MustAppend(t, still, storetest.Publication(storetest.Event("b", "a", "1")))
	if r, err := still.current(); err != nil || r.fence <= fenced.fence {
		t.Errorf("joined again as %+v, %v, want a fencing token above %d", r, err, fenced.fence)
	}
	for _, o := range held {
		o.Due = time.Now().Add(time.Hour)
		if err := still.Record(ctx, &delivery.Record{Owe: []delivery.Owed{o}, Close: []event.ID{in[0].ID}}); err != nil {
			t.Fatal(err)
		}
	}
	if n := still.StaleWrites(); n != 2 {
		t.Errorf("got %d stale writes, want 2", n)
	}
	if err := other.Record(ctx, &delivery.Record{Settle: again}); err != nil {
		t.Fatal(err)
	}
	if n := other.StaleWrites(); n != 0 {
		t.Errorf("the claims of the node that took over: got %d stale writes, want none", n)
	}
	if list, err := other.OwedList(ctx, delivery.OwedQuery{Tenant: 1, Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("what was finished is owed again: %v, %v", list, err)
	}
	// The intake taken over is still the other's, and open.
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if ids := takeOver(t, still); !slices.Equal(ids, []event.ID{in[0].ID}) {
		t.Errorf("intakes of the other node: got %d, want %d; %d is our own", ids, in[0].ID, after[0].ID)
	}
}

// A lease that has run out is renewed as long as nobody has fenced the node.
func TestALeaseThatRanOutIsRenewed(t *testing.T) {
	s := node(t, pgtest.Shared(t).Database(t), shortLease)
	in := storetest.MustAppend(t, s, storetest.Publication(storetest.Event("a", "a", "1")))
	s.holdLease.Store(true)
	for {
		n, err := s.integer(ctx, `SELECT count(*) FROM node WHERE expires < clock_timestamp()`)
		if err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			break
		}
	}
	s.holdLease.Store(false)
	if err := s.heartbeat(); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(ctx, &delivery.Record{Close: []event.ID{in[0].ID}}); err != nil || s.Losses() != 0 {
		t.Errorf("after the renewal: %v, %d losses, want none", err, s.Losses())
	}
	if n, err := s.integer(ctx, `SELECT count(*) FROM intake`); n != 0 || err != nil {
		t.Errorf("got %d open intakes, %v, want none", n, err)
	}
}

// While the database was away for this node, it does not take others for dead.
func TestNobodyIsTakenForDeadRightAfterAnOutage(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	s := node(t, url, 30*time.Second)
	if _, err := s.pool.Exec(ctx, `INSERT INTO node VALUES (0, 500, 'other', clock_timestamp() - interval '1 s')`); err != nil {
		t.Fatal(err)
	}
	count := func() int64 {
		n, err := s.integer(ctx, `SELECT count(*) FROM node`)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	now := time.Now()
	s.leaseFailed.Store(&now)
	if takeOver(t, s); count() != 2 {
		t.Error("right after a failed heartbeat another node was fenced")
	}
	before := now.Add(-time.Minute)
	s.leaseFailed.Store(&before)
	if takeOver(t, s); count() != 1 {
		t.Error("a dead node was not fenced")
	}
}

// Of many nodes that take over at once, each intake and each claim goes to one.
func TestTakeOverGivesEverythingOnce(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	dead := node(t, url, 0)
	owe(t, dead, 500)
	claim(t, dead, 300)
	want := make(map[event.ID]bool)
	for i := range 150 {
		for _, in := range storetest.MustAppend(t, dead, storetest.Publication(storetest.Event("", "a", fmt.Sprint(i)))) {
			want[in.ID] = true
		}
	}
	nodes := []*Store{node(t, url, 0), node(t, url, 0), node(t, url, 0)}
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	got, claimed := make(map[event.ID]int), make(map[event.ID]int)
	for _, s := range nodes {
		wg.Go(func() {
			err := s.TakeOver(ctx, func(in delivery.Intake) error {
				mu.Lock()
				defer mu.Unlock()
				if got[in.ID]++; len(in.Events) != 1 || !want[in.ID] {
					t.Errorf("got intake %d with %d events", in.ID, len(in.Events))
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			for {
				list, err := s.OwedClaim(ctx, 1, time.Now().Add(time.Hour), 20)
				if err != nil {
					t.Error(err)
				}
				if len(list) == 0 {
					return
				}
				mu.Lock()
				for _, o := range list {
					claimed[o.Event]++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for id := range want {
		if got[id] != 1 {
			t.Errorf("intake %d was given %d times, want once", id, got[id])
		}
	}
	for id := range event.ID(500) {
		if claimed[id+1] != 1 {
			t.Errorf("the row of event %d was claimed %d times, want once", id+1, claimed[id+1])
		}
	}
}

// An intake for which the engine fails is given again, also to others.
func TestTakeOverGivesBack(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	dead := node(t, url, 0)
	var want []event.ID
	for i := range 5 {
		want = append(want, storetest.MustAppend(t, dead, storetest.Publication(storetest.Event("", "a", fmt.Sprint(i))))[0].ID)
	}
	dead.Close()
	first, second := node(t, url, 0), node(t, url, 0)
	// What another node is just taking is left to it.
	taking, err := second.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := taking.Exec(ctx, "SELECT FROM intake FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	if ids := takeOver(t, first); len(ids) != 0 {
		t.Errorf("taken over while another node does: %d", ids)
	}
	if err := taking.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	bad := errors.New("cannot")
	n := 0
	err = first.TakeOver(ctx, func(delivery.Intake) error {
		if n++; n == 3 {
			return bad
		}
		return nil
	})
	if !errors.Is(err, bad) {
		t.Errorf("got %v, want %v", err, bad)
	}
	if ids := takeOver(t, second); !slices.Equal(ids, want[2:]) {
		t.Errorf("given again: %d, want %d", ids, want[2:])
	}
}

func TestNodeNumbersAndTokens(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	var wg sync.WaitGroup
	nodes := make([]*Store, 6)
	for i := range nodes { // at once, on an empty database
		wg.Go(func() {
			var err error
			if nodes[i], err = Open(ctx, Options{URL: url, Log: testLog(t)}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	numbers, fences := make(map[int]bool), make(map[int64]bool)
	for _, s := range nodes {
		r, err := s.current()
		if err != nil {
			t.Fatal(err)
		}
		if r.number < 0 || r.number >= len(nodes) {
			t.Errorf("got number %d, want one of the lowest free", r.number)
		}
		numbers[r.number], fences[r.fence] = true, true
		if id := s.EventReserve(); id.Node() != r.number {
			t.Errorf("node %d gives ids of node %d", r.number, id.Node())
		}
	}
	if len(numbers) != len(nodes) || len(fences) != len(nodes) {
		t.Errorf("got %d numbers and %d tokens for %d nodes", len(numbers), len(fences), len(nodes))
	}
	for _, s := range nodes {
		s.Close()
	}

	// A number whose last holder's clock was ahead: its ids are not given again.
	s := node(t, url, 0)
	r, _ := s.current()
	ahead := event.NewSequence(r.number, 0).Reserve(time.Now().Add(time.Hour), 1)
	if err := s.ensureDays(ctx, ahead); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		fmt.Sprintf(`INSERT INTO event VALUES (%d, 1, '', 'a', 0, '', '', 0, 0, NULL, '')`, ahead),
		fmt.Sprintf(`INSERT INTO attempt VALUES (%d, 1, 1, 1, 0, 0, 1, NULL, '', '')`, ahead),
	} {
		if _, err := s.pool.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	s = node(t, url, 0)
	if r, _ := s.current(); r.number != ahead.Node() {
		t.Fatalf("got number %d, want %d again", r.number, ahead.Node())
	}
	if id := s.EventReserve(); id <= ahead {
		t.Errorf("got event id %d, want one above %d", id, ahead)
	}
	a := storetest.MakeAttempts(time.Now(), 1)
	if err := s.Record(ctx, &delivery.Record{Attempts: a}); err != nil || a[0].ID <= ahead {
		t.Errorf("got attempt id %d, %v, want one above %d", a[0].ID, err, ahead)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	s := node(t, url, 0)
	if _, err := s.pool.Exec(ctx, `UPDATE relay_schema SET version = version + 1`); err != nil {
		t.Fatal(err)
	}
	_, err := Open(ctx, Options{URL: url, Log: testLog(t)})
	if !errors.Is(err, errNewer) || !strings.Contains(err.Error(), fmt.Sprintf("version %d", len(migrations)+1)) {
		t.Errorf("got %v, want %v and the version", err, errNewer)
	}
}

func TestRevisionGrowsWithTheConfiguration(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	a, b := node(t, url, 0), node(t, url, 0)
	revisions := func() map[registry.Kind]int64 {
		t.Helper()
		p, err := b.Pulse(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return p.Revisions
	}
	w := &webhook.Webhook{ID: webhook.NewID(), Tenant: 1}
	record := catalogue.Record{Tenant: 1, Kind: "type", Name: "a.b", Version: "1", Body: []byte("{}")}
	steps := []struct {
		kinds  []registry.Kind // that other servers must read again
		change func() error
	}{
		{[]registry.Kind{registry.Webhooks}, func() (err error) { w.Number, err = a.WebhookCreate(ctx, w, nil, nil); return err }},
		{[]registry.Kind{registry.Webhooks}, func() error { return a.WebhookUpdate(ctx, w, nil, nil) }},
		{[]registry.Kind{registry.Webhooks}, func() error { return a.WebhookHealth(ctx, w) }},
		{[]registry.Kind{registry.Webhooks}, func() error { return a.WebhookDelete(ctx, 1, w.Number, nil) }},
		{[]registry.Kind{registry.Keys}, func() error { return a.KeyPut(ctx, account.Key{ID: "key_1", Tenant: 1}) }},
		{[]registry.Kind{registry.Keys}, func() error { return a.KeyRevoke(ctx, 1, "key_1", time.Now(), nil) }},
		{[]registry.Kind{registry.Catalogue}, func() error {
			return a.CatalogueChange(ctx, catalogue.RecordChange{Tenant: 1, Put: []catalogue.Record{record}})
		}},
		{[]registry.Kind{registry.Gate}, func() error { return a.GatePut(ctx, 1, []byte("{}"), nil) }},
		{[]registry.Kind{"plans"}, func() error {
			return a.RecordChange(ctx, "plans", []*registry.Record{{Tenant: 1, Name: "solo", Body: []byte("{}")}}, nil, nil)
		}},
		{[]registry.Kind{registry.Tenants}, func() error { return a.TenantCreate(ctx, &account.Tenant{Name: "acme"}, nil) }},
		{nil, func() error { return a.AuditAppend(ctx, &access.Entry{Tenant: 1}) }},
		// A server from before there was a revision of each kind.
		{[]registry.Kind{registry.Keys, registry.Catalogue, registry.Gate, registry.Tenants}, func() error {
			_, err := a.pool.Exec(ctx, `UPDATE relay_meta SET revision = revision + 1`)
			return err
		}},
	}
	for i, step := range steps {
		before := revisions()
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		after := revisions()
		for _, kind := range append(slices.Clone(registry.Kinds), "plans") {
			if want := slices.Contains(step.kinds, kind); (after[kind] != before[kind]) != want {
				t.Errorf("step %d: revision of %s went from %d to %d, want a change: %t", i, kind, before[kind], after[kind], want)
			}
		}
	}
	before := revisions()
	if err := a.WebhookUpdate(ctx, w, nil, nil); !errors.Is(err, webhook.ErrNotFound) {
		t.Fatal(err)
	}
	if after := revisions(); !maps.Equal(before, after) {
		t.Errorf("after a change that was refused: got revisions %v, want %v", after, before)
	}
}

// Two nodes that store the same keys at the same time store each once.
func TestKeysOverNodes(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	nodes := []*Store{node(t, url, 0), node(t, url, 0)}
	const keys, rounds = 40, 5
	pubs := make([][]*ingest.Publication, len(nodes))
	var wg sync.WaitGroup
	for n, s := range nodes {
		wg.Go(func() {
			for r := range rounds {
				var group []*ingest.Publication
				for i := range keys {
					k := (i*7 + n*13) % keys // in different orders
					group = append(group, storetest.Publication(storetest.Event(fmt.Sprintf("%d-%d", r, k), "a", "1")))
				}
				if _, err := s.Append(ctx, group); err != nil {
					t.Error(err)
				}
				pubs[n] = append(pubs[n], group...)
			}
		})
	}
	wg.Wait()
	stored := make(map[string]event.ID)
	fresh := make(map[string]int)
	for _, list := range pubs {
		for _, p := range list {
			it := &p.Items[0]
			if p.Err != nil {
				t.Fatal(p.Err)
			}
			if !it.Duplicate {
				fresh[it.Key]++
			}
			if id, ok := stored[it.Key]; ok && id != it.Event.ID {
				t.Errorf("key %q is event %d and event %d", it.Key, id, it.Event.ID)
			}
			stored[it.Key] = it.Event.ID
		}
	}
	all := storetest.MustList(t, nodes[0], ingest.Query{})
	if len(all) != keys*rounds || len(fresh) != keys*rounds {
		t.Errorf("got %d events and %d fresh keys, want %d", len(all), len(fresh), keys*rounds)
	}
}

// Of two nodes that come for a dead node's jobs at once only one gets them.
func TestJobsAreTakenOverOnce(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	dead, first, second := node(t, url, time.Minute), node(t, url, time.Minute), node(t, url, time.Minute)
	if err := dead.JobPut(ctx, delivery.Job{ID: "job_1", Tenant: 1, State: delivery.JobRunning, CreatedAt: time.Now()}, nil); err != nil {
		t.Fatal(err)
	}
	if err := dead.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := first.current()
	if err != nil {
		t.Fatal(err)
	}
	// The first is just taking it.
	taking, err := first.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := taking.Exec(ctx, "UPDATE job SET fence = $1", r.fence); err != nil {
		t.Fatal(err)
	}
	claimed := make(chan []delivery.Job, 1)
	go func() {
		list, err := second.JobClaim(ctx)
		if err != nil {
			t.Errorf("claiming: %v", err)
		}
		claimed <- list
	}()
	for {
		n, err := first.integer(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			break
		}
	}
	if err := taking.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if list := <-claimed; len(list) != 0 {
		t.Errorf("the second node got %+v, which the first one has", list)
	}
}
