//go:build unix

package postgres

import (
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
)

// Claims begin where the last one ended. Rows put before that are found all
// the same: at once by the node that put them, and by others once it has not fetched them.
func TestClaimsBeginWhereTheLastEnded(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	a, b := node(t, url, time.Minute), node(t, url, time.Minute)
	now := time.Now()
	row := func(id int, ago time.Duration) delivery.Owed {
		return delivery.Owed{Tenant: 1, Event: event.ID(id), Webhook: 1, Due: now.Add(-ago), Since: now, Attempts: 1}
	}
	put := func(s *Store, rows ...delivery.Owed) {
		t.Helper()
		if err := s.Record(ctx, &delivery.Record{Owe: rows}); err != nil {
			t.Fatal(err)
		}
	}
	claims := func(s *Store, limit int, want ...event.ID) []delivery.Owed {
		t.Helper()
		list, err := s.OwedClaim(ctx, 1, now, limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []event.ID
		for _, o := range list {
			got = append(got, o.Event)
		}
		if len(got) != len(want) {
			t.Fatalf("claimed %d, want %d", got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("claimed %d, want %d", got, want)
			}
		}
		return list
	}
	next := func(s *Store, want bool) {
		t.Helper()
		if _, ok, err := s.OwedNext(ctx, 1); ok != want || err != nil {
			t.Fatalf("something is owed next: got %t, %v, want %t", ok, err, want)
		}
	}
	put(a, row(1, time.Minute), row(2, time.Minute), row(3, time.Second))
	claims(a, 1, 1) // another is due at the same time
	first := claims(a, 10, 2, 3)
	if from := a.marks.from(1); from != now.UnixMilli() {
		t.Fatalf("claims begin at %d, want %d", from, now.UnixMilli())
	}
	put(a, row(4, time.Hour))
	claims(a, 10, 4)
	if err := a.OwedRelease(ctx, first); err != nil {
		t.Fatal(err)
	}
	next(a, true)
	claims(a, 10, 2, 3)

	// Another node's is not seen, as long as that node may come for it.
	put(b, row(5, time.Hour))
	next(a, false)
	claims(a, 10)
	overdue, err := a.OwedOverdue(ctx, now)
	if err != nil || len(overdue) != 1 || overdue[0].Webhook != 1 {
		t.Fatalf("overdue: got %+v, %v, want webhook 1", overdue, err)
	}
	next(a, true)
	claims(a, 10, 5)

	// Rows put there while a claim is under way are not skipped.
	m := a.marks.begin(1)
	put(a, row(6, 2*time.Hour))
	a.marks.end(m, now.UnixMilli())
	claims(a, 10, 6)

	// Those of a dead node come back at any time.
	put(b, row(7, time.Hour))
	claims(b, 10, 7)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	takeOver(t, a)
	claims(a, 10, 7)
}
