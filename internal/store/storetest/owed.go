package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/webhook"
)

// testOwed checks owed deliveries: rows, claims, closed intakes.
func testOwed(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, Open){
		"AddReplaceSettle":  testOwedRows,
		"Claims":            testOwedClaims,
		"StaleClaims":       testOwedStale,
		"ClaimsEndOnReopen": testOwedReopen,
		"Move":              testOwedMove,
		"Discard":           testOwedDiscard,
		"Summaries":         testOwedSummaries,
		"Backlog":           testOwedBacklog,
		"List":              testOwedList,
		"Tenants":           testOwedTenants,
		"ConcurrentClaims":  testOwedConcurrent,
		"Order":             testOwedOrder,
		"Batches":           testOwedBatches,
		"Reschedule":        testOwedReschedule,
		"Newest":            testNewest,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// owedStart is a moment that rows of the tests count from.
var owedStart = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

// owed returns a row of the default tenant, due n seconds after owedStart.
func owed(e event.ID, webhook uint32, n int) delivery.Owed {
	return delivery.Owed{
		Tenant: event.DefaultTenant, Event: e, Webhook: webhook,
		Due: owedStart.Add(time.Duration(n) * time.Second), Since: owedStart,
		Attempts: 2, Base: 1, Reason: delivery.ReasonRetry,
	}
}

func record(t *testing.T, s Backend, r *delivery.Record) {
	t.Helper()
	if err := s.Record(context.Background(), r); err != nil {
		t.Fatalf("Record: %v", err)
	}
}

func owe(t *testing.T, s Backend, rows ...delivery.Owed) {
	t.Helper()
	record(t, s, &delivery.Record{Owe: rows})
}

// claim claims the rows that are due n seconds after owedStart.
func claim(t *testing.T, s Backend, webhook uint32, n, limit int) []delivery.Owed {
	t.Helper()
	list, err := s.OwedClaim(context.Background(), webhook, owedStart.Add(time.Duration(n)*time.Second), limit)
	if err != nil {
		t.Fatalf("OwedClaim: %v", err)
	}
	for _, o := range list {
		if o.Token <= 0 {
			t.Errorf("a claim of %v has token %d, want one above zero", o.Delivery(), o.Token)
		}
	}
	return list
}

// events returns the rows' events, in order.
func eventsOf(rows []delivery.Owed) (ids []event.ID) {
	for _, o := range rows {
		ids = append(ids, o.Event)
	}
	return ids
}

func wantEvents(t *testing.T, what string, rows []delivery.Owed, want ...event.ID) {
	t.Helper()
	if got := eventsOf(rows); !slices.Equal(got, want) {
		t.Errorf("%s: got events %v, want %v", what, got, want)
	}
}

// wantOwed checks the stored row of o's delivery against o, but not its token.
func wantOwed(t *testing.T, s Backend, o delivery.Owed) {
	t.Helper()
	got, ok, err := s.OwedGet(context.Background(), o.Tenant, o.Delivery())
	got.Token, o.Token = 0, 0
	if err != nil || !ok || got != o {
		t.Errorf("OwedGet(%v): got %+v, %v, %v, want %+v", o.Delivery(), got, ok, err, o)
	}
}

func wantNotOwed(t *testing.T, s Backend, d event.DeliveryID) {
	t.Helper()
	if got, ok, err := s.OwedGet(context.Background(), event.DefaultTenant, d); ok || err != nil {
		t.Errorf("OwedGet(%v): got %+v, %v, want nothing", d, got, err)
	}
}

func testOwedRows(t *testing.T, open Open) {
	s := open(t)
	a, b := owed(10, 1, 5), owed(10, 2, 6)
	owe(t, s, a, b)
	wantOwed(t, s, a)
	wantOwed(t, s, b)

	a.Due, a.Attempts, a.Base, a.Reason = owedStart.Add(time.Minute+7*time.Millisecond), 7, 3, delivery.ReasonLater
	owe(t, s, a)
	wantOwed(t, s, a)

	list, err := s.OwedOfEvent(context.Background(), event.DefaultTenant, 10)
	if err != nil || len(list) != 2 {
		t.Errorf("OwedOfEvent: got %v, %v, want 2 rows", list, err)
	}

	record(t, s, &delivery.Record{Settle: []delivery.Owed{a}})
	wantNotOwed(t, s, a.Delivery())
	wantOwed(t, s, b)
	record(t, s, &delivery.Record{Settle: []delivery.Owed{a}}) // is already gone
	wantOwed(t, s, b)
}

func testOwedClaims(t *testing.T, open Open) {
	s := open(t)
	for i := range 10 {
		owe(t, s, owed(event.ID(100+i), 1, 10-i)) // the newest event is due first
	}
	owe(t, s, owed(500, 2, 0))

	first := claim(t, s, 1, 5, 3)
	wantEvents(t, "first claim", first, 109, 108, 107)
	wantEvents(t, "second claim", claim(t, s, 1, 5, 100), 106, 105)
	wantEvents(t, "nothing else is due", claim(t, s, 1, 5, 100))

	// A claimed row is there all the same.
	wantOwed(t, s, owed(109, 1, 1))

	if err := s.OwedRelease(context.Background(), first[1:]); err != nil {
		t.Fatalf("OwedRelease: %v", err)
	}
	wantEvents(t, "after the release", claim(t, s, 1, 5, 100), 108, 107)

	// Recording leaves it unclaimed, with its new time.
	again := first[0]
	again.Due = owedStart.Add(2 * time.Second)
	owe(t, s, again)
	wantEvents(t, "after it was owed again", claim(t, s, 1, 5, 100), 109)
}

func testOwedStale(t *testing.T, open Open) {
	s := open(t)
	row := owed(1, 1, 0)
	owe(t, s, row)
	old := claim(t, s, 1, 0, 1)[0]
	if err := s.OwedRelease(context.Background(), []delivery.Owed{old}); err != nil {
		t.Fatalf("OwedRelease: %v", err)
	}
	record(t, s, &delivery.Record{Settle: []delivery.Owed{old}})
	wantOwed(t, s, row) // nobody claims it, a token is not enough

	now := claim(t, s, 1, 0, 1)[0]
	if now.Token == old.Token {
		t.Fatalf("two claims have the token %d", now.Token)
	}
	late := old
	late.Attempts = 99
	record(t, s, &delivery.Record{Owe: []delivery.Owed{late}, Settle: []delivery.Owed{old}})
	wantOwed(t, s, row)
	if err := s.OwedRelease(context.Background(), []delivery.Owed{old}); err != nil {
		t.Fatalf("OwedRelease: %v", err)
	}
	wantEvents(t, "after a stale release", claim(t, s, 1, 0, 1))

	record(t, s, &delivery.Record{Settle: []delivery.Owed{now}})
	wantNotOwed(t, s, row.Delivery())
	record(t, s, &delivery.Record{Owe: []delivery.Owed{now}})
	wantNotOwed(t, s, row.Delivery()) // its claim ended with the row

	// Replacing without a token ends the claim.
	owe(t, s, row)
	held := claim(t, s, 1, 0, 1)[0]
	owe(t, s, row)
	record(t, s, &delivery.Record{Settle: []delivery.Owed{held}})
	wantOwed(t, s, row)
}

func testOwedReopen(t *testing.T, open Open) {
	s := open(t)
	owe(t, s, owed(1, 1, 0), owed(2, 1, 0))
	held := claim(t, s, 1, 0, 1)[0]
	s = s.Reopen(t)
	wantEvents(t, "after reopening", claim(t, s, 1, 0, 10), 1, 2)
	record(t, s, &delivery.Record{Settle: []delivery.Owed{held}})
	wantOwed(t, s, owed(1, 1, 0)) // the claim was of another process
}

func testOwedMove(t *testing.T, open Open) {
	s := open(t)
	ctx := context.Background()
	row := owed(1, 1, 60)
	owe(t, s, row)
	move := func(tenant event.TenantID, d event.DeliveryID) bool {
		t.Helper()
		ok, err := s.OwedMove(ctx, tenant, d, owedStart)
		if err != nil {
			t.Fatalf("OwedMove: %v", err)
		}
		return ok
	}
	if move(event.DefaultTenant, event.DeliveryID{Event: 1, Webhook: 2}) {
		t.Error("OwedMove of a delivery that is not owed: got true, want false")
	}
	if move(2, row.Delivery()) {
		t.Error("OwedMove for another tenant: got true, want false")
	}
	wantOwed(t, s, row)
	if !move(event.DefaultTenant, row.Delivery()) {
		t.Error("OwedMove: got false, want true")
	}
	row.Due, row.Since, row.Base, row.Reason = owedStart, owedStart, row.Attempts, delivery.ReasonManual
	wantOwed(t, s, row)
	wantEvents(t, "claim of the moved row", claim(t, s, 1, 0, 10), 1)
	if move(event.DefaultTenant, row.Delivery()) {
		t.Error("OwedMove of a claimed row: got true, want false")
	}
}

func testOwedDiscard(t *testing.T, open Open) {
	s := open(t)
	ctx := context.Background()
	var rows []delivery.Owed
	for i := range 2500 { // several steps
		rows = append(rows, owed(event.ID(1+i), 1, i%7))
	}
	rows = append(rows, owed(1, 2, 0))
	owe(t, s, rows...)
	held := claim(t, s, 1, 100, 10)
	if err := s.OwedDiscard(ctx, 2, 1); err != nil {
		t.Fatalf("OwedDiscard for another tenant: %v", err)
	}
	wantOwed(t, s, rows[0])
	if err := s.OwedDiscard(ctx, event.DefaultTenant, 1); err != nil {
		t.Fatalf("OwedDiscard: %v", err)
	}
	sums, err := s.OwedSummaries(ctx)
	if err != nil || len(sums) != 1 || sums[0].Webhook != 2 || sums[0].Count != 1 {
		t.Errorf("OwedSummaries after discarding: got %+v, %v, want 1 row of webhook 2", sums, err)
	}
	record(t, s, &delivery.Record{Owe: held})
	wantNotOwed(t, s, held[0].Delivery())
}

func testOwedSummaries(t *testing.T, open Open) {
	s := open(t)
	ctx := context.Background()
	want := func(what string, want ...delivery.OwedSummary) {
		t.Helper()
		got, err := s.OwedSummaries(ctx)
		if err != nil {
			t.Fatalf("OwedSummaries: %v", err)
		}
		slices.SortFunc(got, func(a, b delivery.OwedSummary) int { return int(a.Webhook) - int(b.Webhook) })
		if !slices.Equal(got, want) {
			t.Errorf("summaries %s: got %v, want %v", what, got, want)
		}
	}
	at := func(n int) time.Time { return owedStart.Add(time.Duration(n) * time.Second) }
	wantNext := func(webhook uint32, n int) {
		t.Helper()
		due, ok, err := s.OwedNext(ctx, webhook)
		if err != nil || ok != (n >= 0) || ok && !due.Equal(at(n)) {
			t.Errorf("OwedNext(%d): got %v, %v, %v, want second %d", webhook, due, ok, err, n)
		}
	}
	want("of nothing")
	wantNext(1, -1)
	owe(t, s, owed(1, 1, 30), owed(2, 1, 20), owed(3, 1, 10), owed(1, 7, 5))
	want("of two webhooks", delivery.OwedSummary{Tenant: event.DefaultTenant, Webhook: 1, Next: at(10), Count: 3}, delivery.OwedSummary{Tenant: event.DefaultTenant, Webhook: 7, Next: at(5), Count: 1})
	wantNext(1, 10)
	held := claim(t, s, 1, 10, 1)
	want("with a claim", delivery.OwedSummary{Tenant: event.DefaultTenant, Webhook: 1, Next: at(20), Count: 3}, delivery.OwedSummary{Tenant: event.DefaultTenant, Webhook: 7, Next: at(5), Count: 1})
	wantNext(1, 20)
	wantNext(7, 5)
	record(t, s, &delivery.Record{Settle: []delivery.Owed{held[0], owed(1, 7, 5)}})
	want("after settling", delivery.OwedSummary{Tenant: event.DefaultTenant, Webhook: 1, Next: at(20), Count: 2})
	owe(t, s, owed(2, 1, 40)) // replaced, not added
	want("after replacing", delivery.OwedSummary{Tenant: event.DefaultTenant, Webhook: 1, Next: at(30), Count: 2})
	s = s.Reopen(t)
	want("after reopening", delivery.OwedSummary{Tenant: event.DefaultTenant, Webhook: 1, Next: at(30), Count: 2})
	claim(t, s, 1, 100, 10)
	wantNext(1, -1)
}

// testOwedBacklog compares what the counters say with a look at all rows.
func testOwedBacklog(t *testing.T, open Open) {
	s := open(t)
	ctx := context.Background()
	for _, tenant := range []event.TenantID{1, 1, 1, 2} { // numbers 1 to 4
		w := &webhook.Webhook{ID: fmt.Sprint("wh_", tenant, time.Now().UnixNano()), Tenant: tenant, Settings: webhook.Default(), Status: webhook.Active, CreatedAt: owedStart, UpdatedAt: owedStart}
		if _, err := s.WebhookCreate(ctx, w, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	var rows []delivery.Owed
	for i := range 60 {
		o := owed(event.ID(1+i), uint32(1+i%2), i)
		rows = append(rows, o)
	}
	theirs := owed(7, 4, 3)
	theirs.Tenant = 2
	owe(t, s, append(rows, theirs)...)
	check := func(at int) {
		t.Helper()
		now := owedStart.Add(time.Duration(at) * time.Second)
		var want []delivery.Backlog
		for webhook := uint32(1); webhook <= 3; webhook++ {
			b := delivery.Backlog{Webhook: webhook}
			list, err := s.OwedList(ctx, delivery.OwedQuery{Tenant: 1, Webhook: webhook, Limit: 250})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range list {
				b.Count++
				switch due := o.Due.UTC(); {
				case o.Token != 0:
				case !due.After(now) && (b.Oldest.IsZero() || due.Before(b.Oldest)):
					b.Oldest = due
				case due.After(now) && (b.Next.IsZero() || due.Before(b.Next)):
					b.Next = due
				}
			}
			if b.Count > 0 {
				want = append(want, b)
			}
		}
		got, err := s.OwedBacklog(ctx, 1, now)
		if err != nil || !same(got, want) {
			t.Errorf("at second %d: got %+v, %v, want %+v", at, got, err, want)
		}
	}
	for _, at := range []int{-1, 0, 1, 30, 59, 100} {
		check(at)
	}
	held := claim(t, s, 1, 10, 2)
	check(30)
	record(t, s, &delivery.Record{Settle: []delivery.Owed{held[0], owed(2, 2, 1)}})
	check(30)
	s = s.Reopen(t)
	check(30)
	if got, err := s.OwedBacklog(ctx, 2, owedStart); err != nil || len(got) != 1 || got[0].Count != 1 {
		t.Errorf("of the other tenant: got %+v, %v", got, err)
	}
	if got, err := s.OwedBacklog(ctx, 3, owedStart); err != nil || len(got) != 0 {
		t.Errorf("of a tenant that is owed nothing: got %+v, %v", got, err)
	}
}

func testOwedList(t *testing.T, open Open) {
	s := open(t)
	ctx := context.Background()
	var rows []delivery.Owed
	for i := range 300 {
		rows = append(rows, owed(event.ID(1+i/3), uint32(1+i%3), (i*7)%50))
	}
	owe(t, s, rows...)
	for _, q := range []delivery.OwedQuery{{}, {Webhook: 2}, {Except: []uint32{2}}, {Except: []uint32{3, 99, 1}}, {Except: []uint32{1, 2, 3}}} {
		q.Tenant, q.Limit = event.DefaultTenant, 7
		var got []event.DeliveryID
		for {
			page, err := s.OwedList(ctx, q)
			if err != nil {
				t.Fatalf("OwedList: %v", err)
			}
			if len(page) == 0 {
				break
			}
			for _, o := range page {
				got = append(got, o.Delivery())
			}
			q.Before = page[len(page)-1].Delivery()
		}
		var want []event.DeliveryID
		for i := len(rows) - 1; i >= 0; i-- {
			if (q.Webhook == 0 || rows[i].Webhook == q.Webhook) && !slices.Contains(q.Except, rows[i].Webhook) {
				want = append(want, rows[i].Delivery())
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("paging through %+v: got %d rows %v …, want %d, newest first", q, len(got), got[:min(5, len(got))], len(want))
		}
	}
	if page, err := s.OwedList(ctx, delivery.OwedQuery{Tenant: event.DefaultTenant, Webhook: 99, Limit: 7}); err != nil || len(page) != 0 {
		t.Errorf("OwedList of a webhook without rows: got %v, %v, want none", page, err)
	}
}

func testOwedTenants(t *testing.T, open Open) {
	s := open(t)
	ctx := context.Background()
	owe(t, s, owed(1, 1, 0))
	other := owed(1, 2, 0)
	other.Tenant = 2
	owe(t, s, other)
	if o, ok, err := s.OwedGet(ctx, 2, event.DeliveryID{Event: 1, Webhook: 1}); ok || err != nil {
		t.Errorf("OwedGet of another tenant's row: got %+v, %v, want nothing", o, err)
	}
	for tenant, webhook := range map[event.TenantID]uint32{1: 1, 2: 2} {
		list, err := s.OwedList(ctx, delivery.OwedQuery{Tenant: tenant, Limit: 10})
		if err != nil || len(list) != 1 || list[0].Webhook != webhook {
			t.Errorf("OwedList of tenant %d: got %v, %v, want the row of webhook %d", tenant, list, err, webhook)
		}
		if list, err = s.OwedOfEvent(ctx, tenant, 1); err != nil || len(list) != 1 || list[0].Webhook != webhook {
			t.Errorf("OwedOfEvent of tenant %d: got %v, %v, want the row of webhook %d", tenant, list, err, webhook)
		}
	}
	if list, err := s.OwedList(ctx, delivery.OwedQuery{Tenant: 2, Webhook: 1, Limit: 10}); err != nil || len(list) != 0 {
		t.Errorf("OwedList of another tenant's webhook: got %v, %v, want none", list, err)
	}
}

// Claims of several goroutines never overlap, while others record.
func testOwedConcurrent(t *testing.T, open Open) {
	s := open(t)
	ctx := context.Background()
	const rows = 600
	var all []delivery.Owed
	for i := range rows {
		all = append(all, owed(event.ID(1+i), 1, i%10))
	}
	owe(t, s, all...)
	got := make(chan event.ID, 10*rows)
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() {
			for {
				list, err := s.OwedClaim(ctx, 1, owedStart.Add(time.Hour), 7)
				if err != nil || len(list) == 0 {
					errs <- err
					return
				}
				if err := s.Record(ctx, &delivery.Record{Settle: list}); err != nil {
					errs <- err
					return
				}
				for _, o := range list {
					got <- o.Event
				}
			}
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Errorf("claiming and settling: %v", err)
		}
	}
	close(got)
	seen := make(map[event.ID]int)
	for id := range got {
		if seen[id]++; seen[id] > 1 {
			t.Errorf("event %d was claimed %d times, want once", id, seen[id])
		}
	}
	if len(seen) != rows {
		t.Errorf("got %d of %d rows", len(seen), rows)
	}
}
