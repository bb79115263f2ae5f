package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// ordered returns a row of webhook 1 with an order, due n seconds after owedStart.
func ordered(e event.ID, order int64, n int) delivery.Owed {
	o := owed(e, 1, n)
	o.Order, o.Reason = order, delivery.ReasonTurn
	return o
}

// testOwedOrder holds claims to the promise of Owed.Order.
func testOwedOrder(t *testing.T, open Open) {
	s := open(t)
	ctx := context.Background()
	now := owedStart.Add(time.Minute)
	claim := func(limit int) []delivery.Owed {
		t.Helper()
		list, err := s.OwedClaim(ctx, 1, now, limit)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	wantClaimed := func(what string, list []delivery.Owed, want ...event.ID) {
		t.Helper()
		var got []event.ID
		for _, o := range list {
			got = append(got, o.Event)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: claimed %v, want %v", what, got, want)
		}
	}
	wantNext := func(what string, want time.Time) {
		t.Helper()
		due, ok, err := s.OwedNext(ctx, 1)
		if err != nil || ok == want.IsZero() || ok && !due.Equal(want) {
			t.Errorf("%s: OwedNext %v, %v, %v, want %v", what, due, ok, err, want)
		}
	}

	// Two orders and a row in none; the due times of order 7 are upside down.
	owe(t, s, ordered(10, 7, 9), ordered(12, 7, 5), ordered(14, 7, 1), ordered(11, 8, 3), ordered(13, 8, 2), owed(20, 1, 4))
	wantNext("at first", owedStart.Add(3*time.Second))
	first := claim(100)
	wantClaimed("at first", first, 11, 13, 20, 10, 12, 14)
	wantClaimed("while all are claimed", claim(100))

	// The first of order 7 is done, its second fails and waits: the third must wait, too.
	retry := first[4]
	retry.Due, retry.Reason = now.Add(time.Hour), delivery.ReasonRetry
	record(t, s, &delivery.Record{Settle: []delivery.Owed{first[3]}, Owe: []delivery.Owed{retry}})
	if err := s.OwedRelease(ctx, first[5:]); err != nil {
		t.Fatal(err)
	}
	wantClaimed("behind one that waits", claim(100))
	wantNext("behind one that waits", now.Add(time.Hour))
	owe(t, s, ordered(16, 7, 0)) // a new one goes behind them
	wantClaimed("a new one behind one that waits", claim(100))

	// The other order goes on.
	record(t, s, &delivery.Record{Settle: first[:3]})
	owe(t, s, ordered(17, 8, 0))
	wantClaimed("the other order", claim(100), 17)

	// Reopening ends claims, not the order.
	s = s.Reopen(t)
	wantClaimed("after reopening", claim(100), 17)
	now = now.Add(2 * time.Hour)
	wantClaimed("when it is due again", claim(100), 12, 14, 16)

	// An older event that comes late goes first.
	s = s.Reopen(t)
	owe(t, s, ordered(9, 8, 0), ordered(8, 9, 0))
	wantClaimed("an older one", claim(2), 8, 9)
	wantClaimed("an older one, the rest", claim(2), 12, 14)
	wantClaimed("behind the run that was cut short", claim(100))

	// One that is canceled lets the one behind it through.
	s = s.Reopen(t)
	record(t, s, &delivery.Record{Settle: []delivery.Owed{{Tenant: event.DefaultTenant, Event: 12, Webhook: 1}}})
	list := claim(100)
	if i := slices.IndexFunc(list, func(o delivery.Owed) bool { return o.Event == 14 }); i < 0 {
		t.Errorf("after the first was canceled: claimed %v, want 14 among them", list)
	}

	// A run is bounded.
	s = open(t)
	for i := range 3 * delivery.MaxRun {
		owe(t, s, ordered(event.ID(100+i), 5, 0))
	}
	if n := len(claim(1000)); n != delivery.MaxRun+1 {
		t.Errorf("a run of %d, want the first and %d behind it", n, delivery.MaxRun)
	}
}
