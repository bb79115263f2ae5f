package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// MakeBatch returns the entries of a batch of n deliveries of events from an id
// on, to webhook 1, that ended so.
func MakeBatch(first event.ID, n int, outcome delivery.Outcome) []*delivery.Attempt {
	list := MakeAttempts(first.Time(), 1)
	b := &delivery.Batch{ID: first + 7777, Lead: first, Count: n}
	shared := *b
	list[0].Event, list[0].Outcome, list[0].Batch = first, outcome, b
	b.Events = append(b.Events, first)
	for i := 1; i < n; i++ {
		id := first + event.ID(3*i)
		b.Events = append(b.Events, id)
		list = append(list, &delivery.Attempt{
			Tenant: list[0].Tenant, Event: id, EventName: "one of a batch", EventType: "sms.sent", Webhook: 1, Number: 1 + i%2,
			At: list[0].At, Outcome: outcome, ErrorKind: "status", Error: "the endpoint answered 500", Batch: &shared,
		})
	}
	return list
}

// testLogBatches checks that each delivery of a batch has its entry, and that
// the batch is one attempt all the same.
func testLogBatches(t *testing.T, open Open) {
	s := open(t)
	first := event.FirstID(time.Now())
	var all []*delivery.Attempt
	for i, outcome := range []delivery.Outcome{delivery.Delivered, delivery.Retrying, delivery.Failed} {
		list := MakeBatch(first+event.ID(10_000*i), []int{1, 300, delivery.MaxBatch}[i], outcome)
		all = append(append(all, list...), MakeAttempts(time.Now(), 20)...)
	}
	record(t, s, &delivery.Record{Attempts: all})
	CheckLog(t, s, all)
	s = s.Reopen(t)
	CheckLog(t, s, all)
}

// testOwedBatches checks that the rows of a batch are claimed, moved and given
// back together.
func testOwedBatches(t *testing.T, open Open) {
	s := open(t)
	ctx := context.Background()
	batch := func(id, first event.ID, n, due int) (rows []delivery.Owed) {
		for i := range n {
			rows = append(rows, ordered(first+event.ID(i), -int64(id), due))
		}
		return rows
	}
	idsFrom := func(first event.ID, n int) (ids []event.ID) {
		for i := range n {
			ids = append(ids, first+event.ID(i))
		}
		return ids
	}

	// Whole, in the order of events, however low the limit.
	owe(t, s, batch(9000, 100, 200, 5)...)
	owe(t, s, batch(9001, 50, 40, 7)...) // older events, due later
	owe(t, s, owed(10, 1, 6))
	wantEvents(t, "before it is due", claim(t, s, 1, 4, 100))
	first := claim(t, s, 1, 5, 3)
	wantEvents(t, "a batch beyond the limit", first, idsFrom(100, 200)...)
	wantEvents(t, "the others", claim(t, s, 1, 60, 300), append([]event.ID{10}, idsFrom(50, 40)...)...)
	wantEvents(t, "while all are claimed", claim(t, s, 1, 60, 300))

	// It fails and waits: nothing of it is claimed before its time.
	for i := range first {
		first[i].Due, first[i].Attempts = owedStart.Add(time.Hour), first[i].Attempts+1
	}
	record(t, s, &delivery.Record{Owe: first})
	wantEvents(t, "waiting for its retry", claim(t, s, 1, 60, 1000))
	again := claim(t, s, 1, 3600, 1)
	wantEvents(t, "its retry", again, idsFrom(100, 200)...)

	// While one of it is claimed, none of it is.
	if err := s.OwedRelease(ctx, again[1:]); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, "one is still claimed", claim(t, s, 1, 3600, 1000))
	if err := s.OwedRelease(ctx, again[:1]); err != nil {
		t.Fatal(err)
	}
	again = claim(t, s, 1, 3600, 1000)
	wantEvents(t, "given back", again, idsFrom(100, 200)...)
	if err := s.OwedRelease(ctx, again[:199]); err != nil {
		t.Fatal(err)
	}
	wantEvents(t, "the last is still claimed", claim(t, s, 1, 3600, 1000))

	// Reopening ends the claims, and the batch is the same. One of it is canceled.
	s = s.Reopen(t)
	for _, gone := range []event.ID{100, 150} {
		record(t, s, &delivery.Record{Settle: []delivery.Owed{{Tenant: event.DefaultTenant, Event: gone, Webhook: 1}}})
	}
	want := slices.DeleteFunc(idsFrom(100, 200), func(id event.ID) bool { return id == 100 || id == 150 })

	// All of it moves.
	ok, err := s.OwedMove(ctx, event.DefaultTenant, event.DeliveryID{Event: 160, Webhook: 1}, owedStart)
	if err != nil || !ok {
		t.Fatalf("OwedMove of one of a batch: got %v, %v, want true", ok, err)
	}
	for _, id := range []event.ID{101, 160, 299} {
		o, _, err := s.OwedGet(ctx, event.DefaultTenant, event.DeliveryID{Event: id, Webhook: 1})
		if err != nil || !o.Due.Equal(owedStart) || o.Base != o.Attempts || o.Reason != delivery.ReasonManual || o.Order != -9000 {
			t.Errorf("event %d after its batch was moved: %+v, %v", id, o, err)
		}
	}
	moved := claim(t, s, 1, 0, 1000)
	wantEvents(t, "after it was moved", moved, want...)
	if ok, err := s.OwedMove(ctx, event.DefaultTenant, moved[5].Delivery(), owedStart); ok || err != nil {
		t.Errorf("OwedMove of a claimed batch: got %v, %v, want false", ok, err)
	}

	// Loose rows become a batch, and a batch's become loose.
	s = open(t)
	owe(t, s, owed(1, 1, 0), owed(2, 1, 0), owed(3, 1, 0))
	loose := claim(t, s, 1, 0, 10)
	for i := range loose {
		loose[i].Order, loose[i].Due = -77, owedStart.Add(time.Minute)
	}
	record(t, s, &delivery.Record{Owe: loose})
	one := claim(t, s, 1, 60, 1)
	wantEvents(t, "loose rows that became a batch", one, 1, 2, 3)
	for i := range one {
		one[i].Order = 0
	}
	record(t, s, &delivery.Record{Owe: one})
	wantEvents(t, "a batch that was dissolved", claim(t, s, 1, 60, 1), 1)
	if got, ok, err := s.OwedNext(ctx, 1); err != nil || !ok || !got.Equal(owedStart.Add(time.Minute)) {
		t.Errorf("OwedNext behind it: got %v, %v, %v, want its time", got, ok, err)
	}
	wantEvents(t, "the others of it", claim(t, s, 1, 60, 10), 2, 3)

	// One that leaves its batch without having been claimed.
	s = open(t)
	owe(t, s, batch(9000, 100, 3, 9)...)
	owe(t, s, owed(100, 1, 1))
	wantEvents(t, "the one that left", claim(t, s, 1, 1, 10), 100)
	wantEvents(t, "those it left", claim(t, s, 1, 9, 1), 101, 102)

	// The largest.
	s = open(t)
	owe(t, s, batch(9000, 100, delivery.MaxBatch, 0)...)
	wantEvents(t, "the largest", claim(t, s, 1, 0, 1), idsFrom(100, delivery.MaxBatch)...)
}
