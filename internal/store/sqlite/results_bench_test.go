//go:build unix

package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
)

// BenchmarkRecord logs groups of attempts, 5 % failed, of 1,000 webhooks; one
// operation is one attempt, its share of the indexing included.
func BenchmarkRecord(b *testing.B) {
	for _, group := range []int{16, 128, 1024} {
		b.Run(fmt.Sprint(group), func(b *testing.B) {
			dir := b.TempDir()
			s := openStore(b, dir)
			list := make([]*delivery.Attempt, 16384)
			for i := range list {
				list[i] = benchAttempt(i)
			}
			b.ReportAllocs()
			b.ResetTimer()
			start := cpu()
			next := 0
			for n := 0; n < b.N; n += group {
				if next+group > len(list) {
					next = 0
				}
				if err := s.Record(context.Background(), &delivery.Record{Attempts: list[next : next+group]}); err != nil {
					b.Fatal(err)
				}
				next += group
			}
			recorded := cpu() - start
			s.attempts.indexPass(true)
			used := cpu() - start
			b.StopTimer()
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			stored := float64((b.N + group - 1) / group * group)
			b.ReportMetric(float64(recorded.Nanoseconds())/1e3/stored, "unfinished-cpu-µs/attempt")
			b.ReportMetric(float64(used.Nanoseconds())/1e3/stored, "cpu-µs/attempt")
			b.ReportMetric(float64(dirBytes(b, filepath.Join(dir, "attempts")))/stored, "disk-B/attempt")
		})
	}
}

// reportTimes reports the median and the 95th and 99th percentile of the operations.
func reportTimes(b *testing.B, times []time.Duration) {
	b.Helper()
	slices.Sort(times)
	at := func(percent int) float64 { return times[len(times)*percent/100].Seconds() * 1e3 }
	b.ReportMetric(at(50), "p50-ms")
	b.ReportMetric(at(95), "p95-ms")
	b.ReportMetric(at(99), "p99-ms")
}

// BenchmarkAttemptList reads pages of 50 of a log of 1,000,000 attempts, all
// indexed but the last few, of 1,000 webhooks.
func BenchmarkAttemptList(b *testing.B) {
	s := openStore(b, b.TempDir())
	defer s.Close()
	ctx := context.Background()
	const total, group = 1_000_000, 128
	list := make([]*delivery.Attempt, group)
	var ids []event.ID
	var events []event.ID
	for n := 0; n < total; n += group {
		for i := range list {
			list[i] = benchAttempt(n + i)
			if h := uint64(n+i) * 0x9e3779b97f4a7c15 >> 32; h%20 != 0 {
				list[i].Webhook = uint32(1 + h%1000)
				list[i].Outcome, list[i].Response.Status = delivery.Delivered, 200
			} else {
				list[i].Webhook = uint32(1 + h/20%1000)
				list[i].Outcome, list[i].Response.Status = delivery.Failed, 500
				if h%400 == 0 {
					list[i].Response.Status = 503
				}
			}
		}
		if err := s.Record(ctx, &delivery.Record{Attempts: list}); err != nil {
			b.Fatal(err)
		}
		ids, events = append(ids, list[7].ID), append(events, list[7].Event)
	}
	for name, q := range map[string]func(n int) delivery.LogQuery{
		"webhook": func(n int) delivery.LogQuery { return delivery.LogQuery{Webhook: uint32(1 + n%1000)} },
		"webhook-before": func(n int) delivery.LogQuery {
			return delivery.LogQuery{Webhook: uint32(1 + n%1000), Before: ids[n*7919%len(ids)]}
		},
		"webhook-failed": func(n int) delivery.LogQuery {
			return delivery.LogQuery{Webhook: uint32(1 + n%1000), Outcomes: []delivery.Outcome{delivery.Failed}}
		},
		"webhook-503": func(n int) delivery.LogQuery {
			return delivery.LogQuery{Webhook: uint32(1 + n%1000), StatusMin: 503, StatusMax: 503}
		},
		"all":        func(int) delivery.LogQuery { return delivery.LogQuery{} },
		"all-failed": func(int) delivery.LogQuery { return delivery.LogQuery{Outcomes: []delivery.Outcome{delivery.Failed}} },
		"all-503":    func(int) delivery.LogQuery { return delivery.LogQuery{StatusMin: 503, StatusMax: 503} },
	} {
		b.Run(name, func(b *testing.B) {
			var times []time.Duration
			found := 0
			for n := 0; b.Loop(); n++ {
				query := q(n)
				query.Tenant, query.Limit = event.DefaultTenant, 50
				start := time.Now()
				page, _, err := s.AttemptList(ctx, query)
				if err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(start))
				found += len(page)
			}
			b.ReportMetric(float64(found)/float64(len(times)), "found")
			reportTimes(b, times)
		})
	}
	b.Run("of-event", func(b *testing.B) {
		var times []time.Duration
		for n := 0; b.Loop(); n++ {
			start := time.Now()
			if _, err := s.AttemptsOfEvent(ctx, event.DefaultTenant, events[n*7919%len(events)]); err != nil {
				b.Fatal(err)
			}
			times = append(times, time.Since(start))
		}
		reportTimes(b, times)
	})
	b.Run("stats-hour-by-minute", func(b *testing.B) {
		var times []time.Duration
		for n := 0; b.Loop(); n++ {
			start := time.Now()
			_, err := s.Stats(ctx, delivery.StatsQuery{
				Tenant: 1, Webhook: uint32(1 + n%1000), From: time.Now().Add(-time.Hour), To: time.Now(), Step: time.Minute,
			})
			if err != nil {
				b.Fatal(err)
			}
			times = append(times, time.Since(start))
		}
		reportTimes(b, times)
	})
}

// BenchmarkOwed claims pages of 100 and sums up, with many rows owed to
// 1,000 or 10,000 webhooks.
func BenchmarkOwed(b *testing.B) {
	for _, size := range []struct{ rows, webhooks int }{{1_000, 10}, {200_000, 1000}, {1_000_000, 1}, {1_000_000, 10_000}} {
		b.Run(fmt.Sprintf("%dof%d", size.rows, size.webhooks), func(b *testing.B) {
			s := openStore(b, b.TempDir())
			defer s.Close()
			ctx := context.Background()
			now := time.Now()
			base := event.FirstID(now)
			rows := make([]delivery.Owed, 1000)
			start := cpu()
			for n := 0; n < size.rows; n += len(rows) {
				for i := range rows {
					rows[i] = delivery.Owed{
						Tenant: 1, Event: base + event.ID(n+i), Webhook: uint32(1 + (n+i)%size.webhooks),
						Due: now.Add(time.Duration((n+i)*7919%1_000_000) * time.Millisecond), Since: now,
						Attempts: 1, Reason: delivery.ReasonBacklog,
					}
				}
				if err := s.Record(ctx, &delivery.Record{Owe: rows}); err != nil {
					b.Fatal(err)
				}
			}
			owe := float64((cpu() - start).Microseconds()) / float64(size.rows)
			b.Run("claim", func(b *testing.B) {
				var times []time.Duration
				var held [][]delivery.Owed
				for n := 0; b.Loop(); n++ {
					start := time.Now()
					list, err := s.OwedClaim(ctx, uint32(1+n%size.webhooks), now.Add(time.Hour), 100)
					if err != nil {
						b.Fatal(err)
					}
					times = append(times, time.Since(start))
					// Some hundred deliveries are claimed at any time.
					if held = append(held, list); len(held) > 5 {
						if err := s.OwedRelease(ctx, held[0]); err != nil {
							b.Fatal(err)
						}
						held = held[1:]
					}
				}
				b.ReportMetric(owe, "owe-cpu-µs/row")
				reportTimes(b, times)
			})
			for name, f := range map[string]func() error{
				"summaries": func() error { _, err := s.OwedSummaries(ctx); return err },
				"list": func() error {
					_, err := s.OwedList(ctx, delivery.OwedQuery{Tenant: 1, Webhook: 1, Limit: 50})
					return err
				},
			} {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						if err := f(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
			b.Run("settle-claimed", func(b *testing.B) {
				start := cpu()
				n := 0
				for b.Loop() {
					list, err := s.OwedClaim(ctx, uint32(1+n%size.webhooks), now.Add(time.Hour), 100)
					if err != nil {
						b.Fatal(err)
					}
					if err := s.Record(ctx, &delivery.Record{Settle: list}); err != nil {
						b.Fatal(err)
					}
					n++
				}
				b.ReportMetric(float64((cpu()-start).Microseconds())/float64(n), "cpu-µs/op")
			})
		})
	}
}
