package storetest

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
)

// testLog checks the log of attempts.
func testLog(t *testing.T, open Open) {
	for name, test := range map[string]func(*testing.T, Open){
		"ReadsWhatWasRecorded": testLogReads,
		"Empty":                testLogEmpty,
		"BothHalves":           testLogBothHalves,
		"ManyOfAnEvent":        testLogManyOfEvent,
		"ScansStop":            testLogScansStop,
		"Concurrent":           testLogConcurrent,
		"Batches":              testLogBatches,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

// MakeAttempts returns n attempts that vary in everything queries look at,
// made since the moment at: of two tenants, five webhooks (4 and 5 are the
// second tenant's) and n/3 events made at that moment. Every sixth delivery is
// retried, every tenth fails, some are settled without a request.
func MakeAttempts(at time.Time, n int) []*delivery.Attempt {
	base := event.FirstID(at)
	at = at.UTC().Truncate(time.Millisecond)
	var list []*delivery.Attempt
	for i := range n {
		a := &delivery.Attempt{
			Tenant: event.DefaultTenant, Event: base + event.ID(i/3), EventName: fmt.Sprintf("name-%d", i),
			EventType: []string{"call.completed", "call.started", "sms.sent"}[i%3],
			Webhook:   uint32(1 + i%5), Number: 1 + i%4, At: at.Add(time.Duration(i) * time.Millisecond),
			Outcome: delivery.Delivered, Test: i%50 == 7,
			Request: exchange.Request{
				Method: "POST", URL: fmt.Sprintf("https://example.com/%d?x=ä", i), BodyFormat: "relay",
				Header: []exchange.Field{{Name: "X-Number", Value: fmt.Sprint(i)}, {Name: "X-Number", Value: ""}},
			},
			Response: &exchange.Response{Status: 200 + i%3, Header: []exchange.Field{{Name: "Date", Value: "today"}}, Body: []byte("ok"), BodyBytes: 2},
			Timing: exchange.Timing{
				DNS: time.Duration(i) * time.Microsecond, Connect: 2 * time.Microsecond, TLS: 3 * time.Microsecond,
				FirstByte: 4 * time.Microsecond, Total: time.Duration(i*911) * time.Microsecond,
			},
		}
		if a.Webhook >= 4 {
			a.Tenant = 2
		}
		switch {
		case i%6 == 1:
			a.Outcome, a.ErrorKind, a.Error = delivery.Retrying, "connect", "refused"
			a.Response, a.NextAt = nil, at.Add(time.Minute)
		case i%10 == 3:
			a.Outcome, a.ErrorKind, a.Error = delivery.Failed, "status", "the endpoint answered"
			a.Response.Status = []int{503, 404, 500}[i%3]
			a.Response.Body, a.Response.BodyBytes, a.Response.Truncated = []byte{}, 70_000, true
			a.Request.Body, a.Request.BodyFormat = []byte(`{"i":1}`), ""
		case i%20 == 12:
			a.Outcome = delivery.Outcome(4 + i/20%3)
			a.Request, a.Response, a.Timing = exchange.Request{}, nil, exchange.Timing{}
		}
		list = append(list, a)
	}
	return list
}

// LogReader is what CheckLog reads.
type LogReader interface {
	delivery.LogStore
	SettledSince(ctx context.Context, since event.ID, f func(event.DeliveryID)) error
	FailedScan(ctx context.Context, tenant event.TenantID, webhook uint32, after, until event.ID, f func(*delivery.Attempt) bool) error
}

// CheckLog compares every kind of query with what must be in the log.
func CheckLog(t testing.TB, s LogReader, want []*delivery.Attempt) {
	t.Helper()
	want = slices.Clone(want)
	slices.SortFunc(want, func(a, b *delivery.Attempt) int { return cmp.Compare(a.ID, b.ID) })
	for i := 1; i < len(want); i++ {
		if want[i-1].ID == want[i].ID {
			t.Fatalf("two attempts have the id %d", want[i].ID)
		}
	}
	checkGet(t, s, want)
	checkList(t, s, want)
	checkOfEvent(t, s, want)
	checkStats(t, s, want)
	checkScans(t, s, want)
}

func checkGet(t testing.TB, s LogReader, want []*delivery.Attempt) {
	t.Helper()
	for i, a := range want {
		if i%7 != 0 {
			continue
		}
		got, ok, err := s.AttemptGet(context.Background(), a.Tenant, a.ID)
		if err != nil || !ok || !reflect.DeepEqual(got, a) {
			t.Fatalf("AttemptGet(%d):\n got %+v, %v, %v\nwant %+v", a.ID, got, ok, err, a)
		}
		if got, ok, err := s.AttemptGet(context.Background(), a.Tenant+1, a.ID); ok || err != nil {
			t.Fatalf("AttemptGet(%d) for another tenant: got %+v, %v, want nothing", a.ID, got, err)
		}
	}
}

func sameAttempts(t testing.TB, what string, got, want []*delivery.Attempt) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %d attempts, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("%s, attempt %d of %d:\n got %+v\nwant %+v", what, i, len(want), got[i], want[i])
		}
	}
}

func checkList(t testing.TB, s LogReader, want []*delivery.Attempt) {
	t.Helper()
	queries := []delivery.LogQuery{
		{},
		{Webhook: 2},
		{Webhook: 4}, // the second tenant's
		{Webhook: 99},
		{Outcomes: []delivery.Outcome{delivery.Failed}},
		{Webhook: 1, Outcomes: []delivery.Outcome{delivery.Failed, delivery.Retrying}},
		{Outcomes: []delivery.Outcome{delivery.Canceled, delivery.Expired, delivery.Discarded}},
		{StatusMin: 503, StatusMax: 503},
		{Webhook: 3, StatusMin: 400, StatusMax: 599},
		{StatusMin: 500},
		{StatusMax: 200},
		{Outcomes: []delivery.Outcome{delivery.Delivered}, StatusMin: 404, StatusMax: 404},
		{ErrorKind: exchange.Connect},
		{ErrorKind: exchange.Status, Webhook: 3},
		{ErrorKind: exchange.Status, StatusMin: 500, EventType: "sms.sent"},
		{ErrorKind: exchange.Timeout}, // no entry has it
		{ErrorKind: exchange.Connect, Outcomes: []delivery.Outcome{delivery.Failed}},
		{ErrorKind: exchange.Status, Followers: true},
		{EventType: "sms.sent"},
		{EventType: "no.such"},
		{Except: []uint32{2, 4}},
		{Except: []uint32{1, 3, 5, 99}, Outcomes: []delivery.Outcome{delivery.Failed}},
		{Except: []uint32{1, 2, 3, 4, 5}},
		{Followers: true},
		{Followers: true, Webhook: 1, Outcomes: []delivery.Outcome{delivery.Failed, delivery.Canceled}},
	}
	if n := len(want); n > 0 {
		since, until := want[n/3].At, want[n*2/3].At
		queries = append(queries,
			delivery.LogQuery{Since: since}, delivery.LogQuery{Until: until},
			delivery.LogQuery{Since: since, Until: until, Webhook: 1},
			delivery.LogQuery{Since: since.Add(1), Until: until.Add(1)}, // a nanosecond later
		)
	}
	for _, q := range queries {
		for q.Tenant = 1; q.Tenant <= 2; q.Tenant++ {
			var match []*delivery.Attempt
			for i := len(want) - 1; i >= 0; i-- {
				if matches(&q, want[i]) {
					match = append(match, want[i])
				}
			}
			for _, q.Limit = range []int{7, 250} {
				var got []*delivery.Attempt
				page := q
				for {
					list, next, err := s.AttemptList(context.Background(), page)
					if err != nil {
						t.Fatalf("AttemptList(%+v): %v", page, err)
					}
					if len(list) > page.Limit {
						t.Fatalf("AttemptList(%+v): got %d attempts, above its limit", page, len(list))
					}
					got = append(got, list...)
					if next == 0 {
						break
					}
					if page.Before != 0 && next >= page.Before {
						t.Fatalf("AttemptList(%+v): the cursor %d does not go on", page, next)
					}
					page.Before = next
				}
				sameAttempts(t, fmt.Sprintf("AttemptList(%+v)", q), got, match)
			}
		}
	}
}

func matches(q *delivery.LogQuery, a *delivery.Attempt) bool {
	outcomes := q.Outcomes
	if len(outcomes) == 0 {
		outcomes = []delivery.Outcome{delivery.Delivered, delivery.Retrying, delivery.Failed}
	}
	status := q.StatusMin == 0 && q.StatusMax == 0
	if !status && a.Response != nil {
		status = a.Response.Status >= q.StatusMin && (q.StatusMax == 0 || a.Response.Status <= q.StatusMax)
	}
	return a.Tenant == q.Tenant && slices.Contains(outcomes, a.Outcome) && status && (q.Followers || !a.Follows()) &&
		(q.Webhook == 0 || a.Webhook == q.Webhook) && !slices.Contains(q.Except, a.Webhook) &&
		(q.EventType == "" || a.EventType == q.EventType) && (q.ErrorKind == "" || a.ErrorKind == q.ErrorKind) &&
		(q.Since.IsZero() || !a.At.Before(q.Since)) &&
		(q.Until.IsZero() || a.At.Before(q.Until))
}

func checkOfEvent(t testing.TB, s LogReader, want []*delivery.Attempt) {
	t.Helper()
	ctx := context.Background()
	type key struct {
		tenant event.TenantID
		event  event.ID
	}
	events := make(map[key][]*delivery.Attempt)
	deliveries := make(map[event.DeliveryID][]*delivery.Attempt)
	for _, a := range want {
		events[key{a.Tenant, a.Event}] = append(events[key{a.Tenant, a.Event}], a)
		deliveries[a.Delivery()] = append(deliveries[a.Delivery()], a)
	}
	n := 0
	for k, match := range events {
		if n++; n > 50 {
			break
		}
		got, err := s.AttemptsOfEvent(ctx, k.tenant, k.event)
		if err != nil {
			t.Fatalf("AttemptsOfEvent(%d, %d): %v", k.tenant, k.event, err)
		}
		sameAttempts(t, fmt.Sprintf("AttemptsOfEvent(%d, %d)", k.tenant, k.event), got, match[max(0, len(match)-1000):])
	}
	n = 0
	for d, match := range deliveries {
		if n++; n > 50 {
			break
		}
		got, err := s.AttemptsOfDelivery(ctx, match[0].Tenant, d)
		if err != nil {
			t.Fatalf("AttemptsOfDelivery(%v): %v", d, err)
		}
		sameAttempts(t, fmt.Sprintf("AttemptsOfDelivery(%v)", d), got, match)
		if got, err := s.AttemptsOfDelivery(ctx, match[0].Tenant+1, d); err != nil || len(got) != 0 {
			t.Fatalf("AttemptsOfDelivery(%v) for another tenant: got %v, %v, want none", d, got, err)
		}
	}
}

func checkStats(t testing.TB, s LogReader, want []*delivery.Attempt) {
	t.Helper()
	if len(want) == 0 {
		return
	}
	first, last := want[0].At, want[0].At
	for _, a := range want {
		if a.At.Before(first) {
			first = a.At
		}
		if a.At.After(last) {
			last = a.At
		}
	}
	for _, q := range []delivery.StatsQuery{
		{From: first.Truncate(time.Minute), To: last.Add(time.Minute), Step: time.Minute},
		{From: first.Truncate(time.Hour), To: last.Truncate(time.Hour).Add(time.Hour), Step: time.Hour},
		{From: first.Truncate(24 * time.Hour), To: last.Truncate(time.Hour).Add(time.Hour), Step: 6 * time.Hour},
		{From: first.Truncate(time.Minute).Add(time.Minute), To: last.Truncate(time.Minute), Step: 5 * time.Minute},
		{From: first.Add(-48 * time.Hour), To: first.Truncate(time.Minute), Step: time.Minute},
	} {
		for q.Tenant = 1; q.Tenant <= 2; q.Tenant++ {
			for _, q.Webhook = range []uint32{0, 1, 4, 99} {
				checkStatsOf(t, s, q, want)
			}
			q.Webhook = 0
			for _, q.Each = range [][]uint32{{1}, {4, 1, 99}, {}} {
				checkStatsOf(t, s, q, want)
			}
			q.Each = nil
		}
	}
}

func checkStatsOf(t testing.TB, s LogReader, q delivery.StatsQuery, want []*delivery.Attempt) {
	t.Helper()
	type key struct {
		at      time.Time
		webhook uint32
	}
	points := make(map[key]*delivery.StatsPoint)
	for _, a := range want {
		minute := a.At.Truncate(time.Minute)
		if !a.Outcome.IsAttempt() || a.Follows() || a.Tenant != q.Tenant || q.Webhook != 0 && a.Webhook != q.Webhook ||
			q.Each != nil && !slices.Contains(q.Each, a.Webhook) ||
			minute.Before(q.From.Truncate(time.Minute)) || !minute.Before(q.To) {
			continue
		}
		from := q.From.Truncate(time.Minute)
		k := key{at: from.Add(minute.Sub(from) / q.Step * q.Step)}
		if q.Each != nil {
			k.webhook = a.Webhook
		}
		p := points[k]
		if p == nil {
			p = &delivery.StatsPoint{At: k.at, Webhook: k.webhook}
			points[k] = p
		}
		switch a.Outcome {
		case delivery.Delivered:
			p.Delivered++
		case delivery.Retrying:
			p.Retrying++
		case delivery.Failed:
			p.Failed++
		}
		p.TotalMs += a.Timing.Total.Milliseconds()
		p.MaxMs = max(p.MaxMs, a.Timing.Total.Milliseconds())
	}
	var match []delivery.StatsPoint
	for _, p := range points {
		match = append(match, *p)
	}
	slices.SortFunc(match, func(a, b delivery.StatsPoint) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Webhook, b.Webhook))
	})
	got, err := s.Stats(context.Background(), q)
	if err != nil {
		t.Fatalf("Stats(%+v): %v", q, err)
	}
	if !slices.Equal(got, match) {
		t.Fatalf("Stats(%+v):\n got %+v\nwant %+v", q, got, match)
	}
}

func checkScans(t testing.TB, s LogReader, want []*delivery.Attempt) {
	t.Helper()
	ctx := context.Background()
	cuts := []event.ID{0, math.MaxInt64}
	if n := len(want); n > 0 {
		cuts = append(cuts, want[0].ID, want[n/2].ID, want[n/2].ID+1, want[n-1].ID)
	}
	last := make(map[event.DeliveryID]event.ID)
	for _, a := range want {
		last[a.Delivery()] = a.ID
	}
	for _, since := range cuts {
		match, got := make(map[event.DeliveryID]bool), make(map[event.DeliveryID]bool)
		for _, a := range want {
			if a.ID >= since && a.Outcome.Settles() {
				match[a.Delivery()] = true
			}
		}
		if err := s.SettledSince(ctx, since, func(d event.DeliveryID) { got[d] = true }); err != nil {
			t.Fatalf("SettledSince(%d): %v", since, err)
		}
		if !reflect.DeepEqual(got, match) {
			t.Fatalf("SettledSince(%d): got %d deliveries, want %d", since, len(got), len(match))
		}
		for _, until := range cuts {
			for _, webhook := range []uint32{1, 3, 4} {
				var match, got []*delivery.Attempt
				for _, a := range want {
					if a.ID > since && a.ID <= until && a.Webhook == webhook && a.Tenant == event.DefaultTenant && last[a.Delivery()] == a.ID &&
						(a.Outcome == delivery.Failed || a.Outcome == delivery.Expired) {
						match = append(match, a)
					}
				}
				err := s.FailedScan(ctx, event.DefaultTenant, webhook, since, until, func(a *delivery.Attempt) bool {
					got = append(got, a)
					return true
				})
				if err != nil {
					t.Fatalf("FailedScan(%d, %d, %d): %v", webhook, since, until, err)
				}
				sameAttempts(t, fmt.Sprintf("FailedScan(%d, %d, %d)", webhook, since, until), got, match)
			}
		}
	}
}

func testLogReads(t *testing.T, open Open) {
	s := open(t)
	now := time.Now()
	all := MakeAttempts(now, 600)
	for rest, n := all, 1; len(rest) > 0; n = n*2%97 + 1 { // groups of many sizes
		n = min(n, len(rest))
		record(t, s, &delivery.Record{Attempts: rest[:n]})
		rest = rest[n:]
	}
	for i := 1; i < len(all); i++ {
		if all[i].ID <= all[i-1].ID {
			t.Fatalf("attempt %d has id %d after %d", i, all[i].ID, all[i-1].ID)
		}
	}
	CheckLog(t, s, all)
	s = s.Reopen(t)
	CheckLog(t, s, all)
	// More of the same deliveries: what was last is no longer.
	more := MakeAttempts(now, 300)
	for _, a := range more {
		a.At = a.At.Add(2 * time.Second)
	}
	record(t, s, &delivery.Record{Attempts: more})
	all = append(all, more...)
	CheckLog(t, s, all)
}

func testLogEmpty(t *testing.T, open Open) {
	s := open(t)
	CheckLog(t, s, nil)
	if got, ok, err := s.AttemptGet(context.Background(), 1, event.FirstID(time.Now())); ok || err != nil {
		t.Errorf("AttemptGet in an empty log: got %v, %v, want nothing", got, err)
	}
	points, err := s.Stats(context.Background(), delivery.StatsQuery{Tenant: 1, From: time.Now().Add(-time.Hour), To: time.Now(), Step: time.Minute})
	if err != nil || len(points) != 0 {
		t.Errorf("Stats of an empty log: got %v, %v, want none", points, err)
	}
	if _, err := s.Stats(context.Background(), delivery.StatsQuery{Tenant: 1, Step: 90 * time.Second}); err == nil {
		t.Error("Stats with a step of 90 s: got no error")
	}
}

// One record commits attempts, owed rows and settlings.
func testLogBothHalves(t *testing.T, open Open) {
	s := open(t)
	owe(t, s, owed(1, 1, 0))
	attempts := MakeAttempts(time.Now(), 3)
	record(t, s, &delivery.Record{
		Attempts: attempts,
		Owe:      []delivery.Owed{owed(2, 1, 0)},
		Settle:   []delivery.Owed{owed(1, 1, 0)},
	})
	CheckLog(t, s, attempts)
	wantOwed(t, s, owed(2, 1, 0))
	wantNotOwed(t, s, event.DeliveryID{Event: 1, Webhook: 1})
	s = s.Reopen(t)
	CheckLog(t, s, attempts)
	wantOwed(t, s, owed(2, 1, 0))
	wantNotOwed(t, s, event.DeliveryID{Event: 1, Webhook: 1})
	record(t, s, &delivery.Record{}) // nothing is fine, too
}

// Of an event with very many attempts the newest 1,000 are returned.
func testLogManyOfEvent(t *testing.T, open Open) {
	s := open(t)
	all := MakeAttempts(time.Now(), 1100)
	for i, a := range all {
		a.Tenant, a.Event, a.Webhook = event.DefaultTenant, all[0].Event, uint32(i+1)
	}
	record(t, s, &delivery.Record{Attempts: all})
	got, err := s.AttemptsOfEvent(context.Background(), event.DefaultTenant, all[0].Event)
	if err != nil {
		t.Fatalf("AttemptsOfEvent: %v", err)
	}
	sameAttempts(t, "AttemptsOfEvent", got, all[100:])
}

func testLogScansStop(t *testing.T, open Open) {
	s := open(t)
	all := MakeAttempts(time.Now(), 500)
	record(t, s, &delivery.Record{Attempts: all})
	calls := 0
	err := s.FailedScan(context.Background(), event.DefaultTenant, 3, 0, math.MaxInt64, func(*delivery.Attempt) bool {
		calls++
		return calls < 2
	})
	if err != nil || calls != 2 {
		t.Errorf("FailedScan that is told to stop: got %d calls, %v, want 2", calls, err)
	}
}

// Readers see a state between two records while others write.
func testLogConcurrent(t *testing.T, open Open) {
	s := open(t)
	ctx := context.Background()
	const writers, rounds, group = 3, 15, 20
	now := time.Now()
	errs := make(chan error, writers)
	written := make(chan []*delivery.Attempt, writers*rounds)
	for w := range writers {
		go func() {
			for r := range rounds {
				list := MakeAttempts(now.Add(time.Duration(w*rounds+r)*time.Second), group)
				if err := s.Record(ctx, &delivery.Record{Attempts: list}); err != nil {
					errs <- err
					return
				}
				written <- list
			}
			errs <- nil
		}()
	}
	for left, have := writers, 0; left > 0; {
		select {
		case err := <-errs:
			if err != nil {
				t.Errorf("Record: %v", err)
			}
			left--
		default:
		}
		n := 0
		for tenant := event.TenantID(1); tenant <= 2; tenant++ {
			q := delivery.LogQuery{Tenant: tenant, Limit: 250, Outcomes: []delivery.Outcome{1, 2, 3, 4, 5, 6}}
			for {
				list, next, err := s.AttemptList(ctx, q)
				if err != nil {
					t.Fatalf("AttemptList: %v", err)
				}
				if n += len(list); next == 0 {
					break
				}
				q.Before = next
			}
		}
		if n < have {
			t.Errorf("the log had %d entries, now it has %d", have, n)
		}
		have = n
	}
	close(written)
	var all []*delivery.Attempt
	for list := range written {
		all = append(all, list...)
	}
	CheckLog(t, s, all)
}
