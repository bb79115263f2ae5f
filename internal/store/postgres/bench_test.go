//go:build unix

package postgres

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
)

// benchEvent is about 1 KiB of JSON as call events have it: names that
// repeat, values that do not.
func benchEvent(n int) ingest.Item {
	h := uint64(n)*0x9e3779b97f4a7c15 + 1
	word := func() uint64 { h ^= h << 13; h ^= h >> 7; h ^= h << 17; return h }
	data := fmt.Appendf(nil, `{"callId":"%016x%016x","surveyId":"%016x","respondent":{"id":%d,"phone":"+49%d"},"disposition":"completed","answers":[`,
		word(), word(), word(), word()%1e9, word()%1e10)
	for q := range 15 {
		if q > 0 {
			data = append(data, ',')
		}
		data = fmt.Appendf(data, `{"question":"Q%d","value":%d,"ms":%d,"open":"%x"}`, q, word()%11, word()%60000, uint32(word()))
	}
	data = append(data, `]}`...)
	return ingest.Item{Event: event.Event{Type: "call.completed", Time: time.UnixMilli(1_790_000_000_000), Data: data}}
}

// benchAttempt is an attempt as most are: delivered, with a few headers, of
// one of 1,000 webhooks.
func benchAttempt(n int) *delivery.Attempt {
	return &delivery.Attempt{
		Tenant: 1, Event: event.FirstID(time.Now().Add(-time.Minute)) + event.ID(n), EventType: "call.completed",
		Webhook: uint32(1 + uint64(n)*0x9e3779b97f4a7c15>>32%1000), Number: 1, At: time.Now(), Outcome: delivery.Delivered,
		Request: exchange.Request{
			Method: "POST", URL: fmt.Sprintf("https://hooks.example.com/tenants/%d/events", n%1000), BodyFormat: "relay",
			Header: []exchange.Field{
				{Name: "Content-Type", Value: "application/json"}, {Name: "User-Agent", Value: "Relay"},
				{Name: "X-Relay-Timestamp", Value: "1790000000"}, {Name: "X-Relay-Signature", Value: fmt.Sprintf("%064x", n)},
			},
		},
		Response: &exchange.Response{
			Status: 200, Body: []byte(`{"ok":true}`), BodyBytes: 11,
			Header: []exchange.Field{{Name: "Date", Value: "Sat, 21 Nov 2026 08:00:00 GMT"}, {Name: "Content-Type", Value: "application/json"}},
		},
		Timing: exchange.Timing{FirstByte: 4 * time.Millisecond, Total: 5 * time.Millisecond},
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure runs f for groups of b.N rows on a durable server and reports what
// client and server used of the processor per row.
func measure(b *testing.B, group int, f func(s *Store, n int)) {
	srv := pgtest.Start(b)
	s := node(b, srv.Database(b), time.Hour)
	f(s, 0) // connections and statements are made
	b.ReportAllocs()
	b.ResetTimer()
	client, server := cpu(), srv.CPU()
	for n := group; n < b.N+group; n += group {
		f(s, n)
	}
	b.StopTimer()
	rows := float64((b.N + group - 1) / group * group)
	b.ReportMetric(float64((cpu()-client).Nanoseconds())/1e3/rows, "client-µs/row")
	b.ReportMetric(float64((srv.CPU()-server).Nanoseconds())/1e3/rows, "server-µs/row")
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkAppend stores groups of 1 KiB events; one operation is one event.
// "keyed" gives each an idempotency key.
func BenchmarkAppend(b *testing.B) {
	for _, keyed := range []bool{false, true} {
		for _, group := range []int{1, 16, 128, 1024} {
			name := fmt.Sprint(group)
			if keyed {
				name += "keyed"
			}
			items := make([]ingest.Item, 4096)
			for i := range items {
				items[i] = benchEvent(i)
			}
			pubs := make([]*ingest.Publication, group)
			for i := range pubs {
				pubs[i] = &ingest.Publication{Tenant: 1, Items: make([]ingest.Item, 1)}
			}
			b.Run(name, func(b *testing.B) {
				measure(b, group, func(s *Store, n int) {
					for i, p := range pubs {
						p.Items[0] = items[(n+i)%len(items)]
						if keyed {
							p.Items[0].Key = fmt.Sprint("n", n+i)
						}
					}
					if _, err := s.Append(ctx, pubs); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}

// BenchmarkRecord logs groups of attempts; one operation is one attempt.
func BenchmarkRecord(b *testing.B) {
	list := make([]*delivery.Attempt, 16384)
	for i := range list {
		list[i] = benchAttempt(i)
	}
	for _, group := range []int{1, 16, 128, 1024} {
		b.Run(fmt.Sprint(group), func(b *testing.B) {
			measure(b, group, func(s *Store, n int) {
				from := n % len(list)
				r := delivery.Record{Attempts: list[from : from+group], Close: []event.ID{event.ID(n + 1)}}
				if err := s.Record(ctx, &r); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkOwed defers groups of deliveries, claims and settles them; one
// operation is one delivery.
func BenchmarkOwed(b *testing.B) {
	for _, group := range []int{16, 128} {
		b.Run(fmt.Sprint(group), func(b *testing.B) {
			rows := make([]delivery.Owed, group)
			measure(b, group, func(s *Store, n int) {
				now := time.Now()
				for i := range rows {
					rows[i] = delivery.Owed{Tenant: 1, Event: event.ID(n + i), Webhook: uint32(1 + n/group%50), Due: now, Since: now, Reason: delivery.ReasonRetry}
				}
				if err := s.Record(ctx, &delivery.Record{Owe: rows}); err != nil {
					b.Fatal(err)
				}
				list, err := s.OwedClaim(ctx, rows[0].Webhook, now, group)
				if err != nil || len(list) != group {
					b.Fatal(len(list), err)
				}
				if err := s.Record(ctx, &delivery.Record{Settle: list}); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
