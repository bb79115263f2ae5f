package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

func openTestWork(t testing.TB, path string) *workDB {
	t.Helper()
	w, err := openWork(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatalf("openWork: %v", err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return w
}

// Intakes are closed in any order, stored now and then, and looked at as after
// a crash: what was stored as closed is closed, what is open is open.
func TestClosedIntakes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "work.db")
	w := openTestWork(t, path)
	ctx := context.Background()
	const n = 300
	random := rand.New(rand.NewPCG(7, 7))
	stored, waiting := make(map[event.ID]bool), make(map[event.ID]bool)
	next := event.ID(1)
	var open []event.ID
	for len(stored) < n {
		for range random.IntN(8) {
			if next <= n {
				w.opened(next * 10)
				open = append(open, next*10)
				next++
			}
		}
		for range random.IntN(8) {
			if len(open) == 0 {
				break
			}
			i := random.IntN(min(len(open), 12))
			if err := w.record(ctx, nil, nil, open[i:i+1]); err != nil {
				t.Fatalf("record: %v", err)
			}
			waiting[open[i]] = true
			open = append(open[:i], open[i+1:]...)
		}
		if random.IntN(3) == 0 {
			if err := w.flush(); err != nil {
				t.Fatalf("flush: %v", err)
			}
			for id := range waiting {
				stored[id] = true
			}
		}
		if random.IntN(5) > 0 && len(stored) < n {
			continue
		}
		// The file as another process would find it.
		other := openTestWork(t, path)
		for id := event.ID(10); id < next*10; id += 10 {
			if got := other.isClosed(id); stored[id] && !got || got && !waiting[id] {
				t.Fatalf("intake %d: closed after a crash: %v, stored as closed: %v, closed: %v", id, got, stored[id], waiting[id])
			}
			if got := w.isClosed(id); got != waiting[id] {
				t.Fatalf("intake %d: closed %v, want %v", id, got, waiting[id])
			}
		}
	}
	if got := w.closedThrough(); got != n*10 {
		t.Errorf("all are closed: closedThrough is %d, want %d", got, n*10)
	}
	var rows int64
	err := w.db.read(ctx, func(c *conn) (err error) {
		rows, err = c.integer(`SELECT count(*) FROM closed`)
		return err
	})
	if err != nil || rows != 0 {
		t.Errorf("all are closed: got %d rows, %v, want none", rows, err)
	}
}

// A closing that nothing follows is stored soon, and closing the file stores it, too.
func TestClosedIntakesAreStoredSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "work.db")
		w := openTestWork(t, path)
		w.opened(1, 2)
		closeIntake := func(id event.ID) {
			t.Helper()
			if err := w.record(context.Background(), nil, nil, []event.ID{id}); err != nil {
				t.Fatalf("record: %v", err)
			}
		}
		closeIntake(1)
		time.Sleep(2 * closeEvery)
		synctest.Wait()
		other := openTestWork(t, path)
		if got := other.closedThrough(); got != 1 {
			t.Errorf("a while after closing intake 1: closed through %d, want 1", got)
		}
		closeIntake(2)
		if err := w.close(); err != nil {
			t.Fatalf("close: %v", err)
		}
		other = openTestWork(t, path)
		if got := other.closedThrough(); got != 2 {
			t.Errorf("after closing the file: closed through %d, want 2", got)
		}
	})
}

func TestOwedGauges(t *testing.T) {
	s := newBackend(t)
	ctx := context.Background()
	start := time.Now().UTC().Truncate(time.Millisecond)
	want := func(count int64, oldest event.ID) {
		t.Helper()
		if got := s.OwedCount(); got != count {
			t.Errorf("OwedCount: got %d, want %d", got, count)
		}
		id, ok, err := s.work.oldestOwed()
		if err != nil || ok != (count > 0) || id != oldest {
			t.Errorf("oldestOwed: got %v, %v, %v, want %v", id, ok, err, oldest)
		}
	}
	want(0, 0)
	row := func(id event.ID, webhook uint32, due time.Duration) delivery.Owed {
		return delivery.Owed{Tenant: 1, Event: id, Webhook: webhook, Due: start.Add(due), Since: start, Reason: delivery.ReasonRetry}
	}
	rows := []delivery.Owed{row(5, 1, time.Minute), row(3, 2, time.Hour), row(4, 2, time.Second)}
	if err := s.Record(ctx, &delivery.Record{Owe: rows}); err != nil {
		t.Fatalf("Record: %v", err)
	}
	want(3, 3)
	if err := s.Record(ctx, &delivery.Record{Owe: rows[:2], Settle: rows[2:]}); err != nil {
		t.Fatalf("Record: %v", err)
	}
	want(2, 3)
	s.Reopen(t)
	want(2, 3)
	if err := s.OwedDiscard(ctx, 1, 2); err != nil {
		t.Fatalf("OwedDiscard: %v", err)
	}
	want(1, 5)
}

// A change that fails changes nothing, in the file or in memory: neither
// counts nor claims nor closed intakes.
func TestOwedChangeThatFails(t *testing.T) {
	w := openTestWork(t, filepath.Join(t.TempDir(), "work.db"))
	ctx := context.Background()
	row := delivery.Owed{Tenant: 1, Event: 1, Webhook: 1, Due: time.UnixMilli(1).UTC(), Since: time.UnixMilli(1).UTC(), Reason: delivery.ReasonRetry}
	if err := w.record(ctx, []delivery.Owed{row}, nil, nil); err != nil {
		t.Fatalf("record: %v", err)
	}
	held, err := w.claim(ctx, 1, time.Now(), 10)
	if err != nil || len(held) != 1 {
		t.Fatalf("claim: got %v, %v, want one", held, err)
	}
	failure := errors.New("no")
	w.change.Lock()
	err = w.commit(ctx, func(x *workChange) error {
		other := row
		other.Event = 2
		return errors.Join(x.settle(&held[0]), x.owe(&other), failure)
	})
	w.change.Unlock()
	if !errors.Is(err, failure) {
		t.Fatalf("commit: got %v, want %v", err, failure)
	}
	if n := w.total.Load(); n != 1 {
		t.Errorf("got %d rows counted, want 1", n)
	}
	if again, err := w.claim(ctx, 1, time.Now(), 10); err != nil || len(again) != 0 {
		t.Errorf("claim: got %v, %v, want none, the row is still claimed", again, err)
	}
	if err := w.record(ctx, nil, held, nil); err != nil {
		t.Fatalf("record: %v", err)
	}
	if _, ok, err := w.get(ctx, 1, row.Delivery()); ok || err != nil {
		t.Errorf("settling with the claim: the row is there, %v", err)
	}
}

// Lists are the same whichever way they are made.
func TestOwedListBothWays(t *testing.T) {
	w := openTestWork(t, filepath.Join(t.TempDir(), "work.db"))
	ctx := context.Background()
	var rows []delivery.Owed
	for i := range owedScan + 2000 {
		webhook := uint32(1)
		if i < 500 {
			webhook = 2 // the oldest ones: not found by reading from the end
		}
		rows = append(rows, delivery.Owed{Tenant: 1, Event: event.ID(1 + i), Webhook: webhook, Due: time.UnixMilli(int64(i % 97)).UTC()})
	}
	if err := w.record(ctx, rows, nil, nil); err != nil {
		t.Fatalf("record: %v", err)
	}
	for _, before := range []event.DeliveryID{{}, {Event: 400, Webhook: 2}} {
		first := event.ID(500)
		if before.Event != 0 {
			first = 399
		}
		list, err := w.list(ctx, delivery.OwedQuery{Tenant: 1, Webhook: 2, Before: before, Limit: 10})
		if err != nil || len(list) != 10 {
			t.Fatalf("list before %v: got %d rows, %v, want 10", before, len(list), err)
		}
		for i, o := range list {
			if o.Event != first-event.ID(i) || o.Webhook != 2 {
				t.Errorf("list before %v, row %d: got %v, want event %d", before, i, o.Delivery(), first-event.ID(i))
			}
		}
	}
}
