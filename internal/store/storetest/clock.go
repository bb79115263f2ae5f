package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// testOwedReschedule moves rows that are due too late to an earlier time.
func testOwedReschedule(t *testing.T, open Open) {
	s := open(t)
	const rows = 1200 // several steps
	limit := owedStart.Add(time.Minute)
	list := make([]delivery.Owed, 0, rows+4)
	for i := range rows {
		list = append(list, owed(event.ID(1000+i), 1, i%120)) // due up to the limit, and behind it
	}
	list = append(list, ordered(10, 7, 90), ordered(11, 7, 91), ordered(12, 7, 30)) // an order, with two behind its first
	other := owed(10, 2, 3600)
	owe(t, s, append(list, other)...)
	held := claim(t, s, 1, 0, 1)[0]

	seen := make(map[event.ID]bool)
	n, err := s.OwedReschedule(ctx, 1, limit, func(o *delivery.Owed) (bool, error) {
		if seen[o.Event] {
			t.Errorf("f was called twice for event %d", o.Event)
		}
		seen[o.Event] = true
		if o.Event%2 == 1 {
			o.Due, o.Since = owedStart, owedStart // which does not count
			return false, nil
		}
		o.Due, o.Since = owedStart.Add(7*time.Second), owedStart.Add(time.Second)
		return true, nil
	})
	want := 0
	for i := range list {
		o := list[i]
		if late := o.Due.After(limit); late != seen[o.Event] {
			t.Fatalf("event %d, due %v: f was called: %v, want %v", o.Event, o.Due, seen[o.Event], late)
		} else if late && o.Event%2 == 0 {
			o.Due, o.Since = owedStart.Add(7*time.Second), owedStart.Add(time.Second)
			want++
		}
		if i%97 == 0 || i >= rows {
			wantOwed(t, s, o)
		}
	}
	if err != nil || n != want {
		t.Errorf("OwedReschedule: got %d, %v, want %d", n, err, want)
	}
	wantOwed(t, s, other) // of another webhook

	// What was moved may be claimed at its new time, and the claim made before still holds.
	if due, ok, err := s.OwedNext(ctx, 1); err != nil || !ok || due.After(owedStart.Add(time.Second)) {
		t.Errorf("OwedNext afterwards: got %v, %v, %v, want something due at once", due, ok, err)
	}
	claimed := make(map[event.ID]bool)
	for _, o := range claim(t, s, 1, 7, 10*rows) {
		claimed[o.Event] = true
	}
	for _, o := range list {
		early := o.Due.Before(owedStart.Add(8*time.Second)) || o.Due.After(limit) && o.Event%2 == 0
		if o.Order == 0 && claimed[o.Event] != (early && o.Event != held.Event) {
			t.Errorf("event %d, due %v at first: claimed: %v", o.Event, o.Due, claimed[o.Event])
		}
	}
	if !claimed[10] || !claimed[11] || !claimed[12] {
		t.Error("the order whose first delivery was moved was not claimed with those behind it")
	}

	// Nothing is made later, and an error ends it.
	owe(t, s, owed(5000, 3, 100))
	n, err = s.OwedReschedule(ctx, 3, limit, func(o *delivery.Owed) (bool, error) {
		o.Due = o.Due.Add(time.Hour)
		return true, nil
	})
	if n != 0 || err != nil {
		t.Errorf("OwedReschedule to a later time: got %d, %v, want 0", n, err)
	}
	no := errors.New("no")
	if n, err = s.OwedReschedule(ctx, 3, limit, func(*delivery.Owed) (bool, error) { return true, no }); n != 0 || !errors.Is(err, no) {
		t.Errorf("OwedReschedule whose function fails: got %d, %v, want its error", n, err)
	}
	wantOwed(t, s, owed(5000, 3, 100))
	// A row that others change meanwhile is left to them.
	n, err = s.OwedReschedule(ctx, 3, limit, func(o *delivery.Owed) (bool, error) {
		was := o.Due
		owe(t, s, owed(5000, 3, 200))
		o.Due = owedStart
		return was.Equal(owed(5000, 3, 100).Due), nil // it may be met again as it is then
	})
	if n != 0 || err != nil {
		t.Errorf("OwedReschedule of a row that is changed meanwhile: got %d, %v, want 0", n, err)
	}
	wantOwed(t, s, owed(5000, 3, 200))
	// The claim made at the beginning was of use all the time.
	record(t, s, &delivery.Record{Settle: []delivery.Owed{held}})
	wantNotOwed(t, s, held.Delivery())
}

// testNewest asks for the newest id of events and of the log.
func testNewest(t *testing.T, open Open) {
	s := open(t)
	newest := func(before time.Time) time.Time {
		t.Helper()
		at, err := s.Newest(ctx, before)
		if err != nil {
			t.Fatalf("Newest: %v", err)
		}
		return at
	}
	if got := newest(event.LastTime()); !got.IsZero() {
		t.Errorf("Newest of nothing: got %v, want none", got)
	}
	p := Publication(Event("", "a", "1"))
	MustAppend(t, s, p)
	e := p.Items[0].Event
	if got := newest(event.LastTime()); !got.Equal(e.ID.Time()) {
		t.Errorf("Newest after an event: got %v, want %v", got, e.ID.Time())
	}
	if got := newest(e.ID.Time()); !got.IsZero() {
		t.Errorf("Newest before the only event: got %v, want none", got)
	}
	if got := newest(e.ID.Time().Add(time.Millisecond)); !got.Equal(e.ID.Time()) {
		t.Errorf("Newest up to the event: got %v, want %v", got, e.ID.Time())
	}
	a := &delivery.Attempt{Tenant: e.Tenant, Event: e.ID, EventType: e.Type, Webhook: 1, Number: 1, At: e.ID.Time(), Outcome: delivery.Delivered}
	record(t, s, &delivery.Record{Attempts: []*delivery.Attempt{a}})
	if got := newest(event.LastTime()); !got.Equal(a.ID.Time()) || got.Before(e.ID.Time()) {
		t.Errorf("Newest after an entry of the log: got %v, want %v", got, a.ID.Time())
	}
	s = s.Reopen(t)
	if got := newest(event.LastTime()); !got.Equal(a.ID.Time()) {
		t.Errorf("Newest after reopening: got %v, want %v", got, a.ID.Time())
	}
}
