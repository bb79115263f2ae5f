package tally_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/exchange"
	"github.com/relay-events/relay/internal/store/sqlite"
	"github.com/relay-events/relay/internal/tally"
)

var ctx = context.Background()

var quiet = slog.New(slog.DiscardHandler)

func openStore(t testing.TB) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(ctx, sqlite.Options{Dir: t.TempDir(), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// someAttempts are of three webhooks of two tenants over five hours.
func someAttempts(n int, begin time.Time) []*delivery.Attempt {
	r := rand.New(rand.NewPCG(1, 2))
	var list []*delivery.Attempt
	for range n {
		a := &delivery.Attempt{
			Tenant: event.TenantID(1 + r.IntN(2)), Webhook: uint32(1 + r.IntN(3)), EventType: fmt.Sprint("type.", r.IntN(4)),
			At: begin.Add(time.Duration(r.Int64N(int64(5 * time.Hour)))), Outcome: delivery.Delivered, Timing: exchange.Timing{Total: time.Duration(r.IntN(3000)) * time.Millisecond},
		}
		switch r.IntN(5) {
		case 0:
			a.Outcome, a.ErrorKind = delivery.Retrying, exchange.Connect
		case 1:
			a.Outcome, a.ErrorKind, a.Response = delivery.Failed, exchange.Status, &exchange.Response{Status: 503}
		case 2:
			a.Outcome = delivery.Discarded
		default:
			a.Response = &exchange.Response{Status: 200 + r.IntN(5)}
		}
		list = append(list, a)
	}
	return list
}

// TestSums compares the counts with a look at all attempts.
func TestSums(t *testing.T) {
	store, begin := openStore(t), time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	y := tally.New(store, quiet)
	attempts := someAttempts(5000, begin)
	for part := range slices.Chunk(attempts, 700) {
		y.Attempts(part)
		if len(part)%2 == 0 {
			if err := y.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	q := tally.Query{Tenant: 1, Webhooks: []uint32{0, 1, 2, 3, 99}, From: begin.Add(90 * time.Minute), To: begin.Add(3 * time.Hour)}
	for range 2 { // in memory, and stored
		sums, err := y.Sums(ctx, q)
		if err != nil || len(sums) != 4 {
			t.Fatalf("got %+v, %v, want the tenant and three webhooks", sums, err)
		}
		for _, s := range sums {
			classes, failures, types := map[string]int64{}, map[string]int64{}, map[string]int64{}
			var total int64
			var durations []time.Duration
			for _, a := range attempts {
				if a.Tenant != 1 || s.Webhook != 0 && a.Webhook != s.Webhook || !a.Outcome.IsAttempt() || a.At.Before(begin.Add(time.Hour)) || !a.At.Before(begin.Add(3*time.Hour)) {
					continue
				}
				total++
				class := tally.NoAnswer
				if a.Response != nil {
					class = fmt.Sprint(a.Response.Status/100, "xx")
				}
				classes[class]++
				types[a.EventType]++
				if a.ErrorKind != "" {
					failures[string(a.ErrorKind)]++
				}
				durations = append(durations, a.Timing.Total)
			}
			if s.Attempts != total || !same(s.Classes, classes) || !same(s.Errors, failures) || !same(s.Types, types) {
				t.Errorf("webhook %d: got %+v, want %d attempts, %v, %v, %v", s.Webhook, s, total, classes, failures, types)
			}
			slices.Sort(durations)
			for _, p := range []float64{.5, .95, .99} {
				exact, got := durations[int(p*float64(len(durations)))], s.Percentile(p)
				// In the same bucket, or at its bound.
				if i, j := bucket(exact), bucket(got); i-j > 1 || j-i > 1 {
					t.Errorf("webhook %d: the percentile %v is %v, want about %v", s.Webhook, p, got, exact)
				}
			}
		}
	}
	y.ShowFrom(func(event.TenantID) time.Time { return begin.Add(4 * time.Hour) })
	if sums, err := y.Sums(ctx, q); err != nil || len(sums) != 0 {
		t.Errorf("behind the retention: got %+v, %v", sums, err)
	}
	if err := tally.Expire(ctx, store, begin.Add(10*time.Hour)); err != nil {
		t.Fatal(err)
	}
	y.ShowFrom(nil)
	if sums, err := y.Sums(ctx, q); err != nil || len(sums) != 0 {
		t.Errorf("after all has expired: got %+v, %v", sums, err)
	}
}

func bucket(d time.Duration) int {
	i := 0
	for i < len(delivery.DurationBuckets) && d.Seconds() > delivery.DurationBuckets[i] {
		i++
	}
	return i
}

func same(got []tally.Named, want map[string]int64) bool {
	for i, n := range got {
		if want[n.Name] != n.Count || i > 0 && got[i-1].Count < n.Count {
			return false
		}
	}
	return len(got) == len(want)
}

func TestReceived(t *testing.T) {
	y, now := tally.New(openStore(t), quiet), time.Now()
	id := event.FirstID(now)
	y.Received([]event.Event{{ID: id, Tenant: 1, Type: "a.b"}, {ID: id + 1, Tenant: 1, Type: "a.b"}, {ID: id + 2, Tenant: 1, Type: "gate:x"}, {ID: id + 3, Tenant: 2, Type: "a.b"}})
	sums, err := y.Sums(ctx, tally.Query{Tenant: 1, Webhooks: []uint32{0}, From: now.Add(-time.Minute), To: now.Add(time.Minute)})
	if err != nil || len(sums) != 1 || len(sums[0].Received) != 1 || sums[0].Received[0] != (tally.Named{Name: "a.b", Count: 2}) {
		t.Errorf("got %+v, %v, want two of the type", sums, err)
	}
}

// flaky is a store that takes no counts while it is down.
type flaky struct {
	tally.Store
	down bool
}

func (f *flaky) TallyAdd(ctx context.Context, rows []tally.Row) error {
	if f.down {
		return errors.New("down")
	}
	return f.Store.TallyAdd(ctx, rows)
}

// TestCountsSurviveAFailure: what could not be stored is counted once all the same, and more types than a bound together.
func TestCountsSurviveAFailure(t *testing.T) {
	store := &flaky{Store: openStore(t), down: true}
	y, begin := tally.New(store, quiet), time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	list := someAttempts(500, begin)
	for i, a := range list {
		a.EventType = fmt.Sprint("type.", i)
	}
	y.Attempts(list)
	q := tally.Query{Tenant: 1, Webhooks: []uint32{0}, From: begin, To: begin.Add(5 * time.Hour)}
	if _, err := y.Sums(ctx, q); err == nil {
		t.Error("the counts were read though they are not stored")
	}
	store.down = false
	sums, err := y.Sums(ctx, q)
	want := int64(0)
	for _, a := range list {
		if a.Tenant == 1 && a.Outcome.IsAttempt() {
			want++
		}
	}
	if err != nil || len(sums) != 1 || sums[0].Attempts != want {
		t.Errorf("got %+v, %v, want %d attempts", sums, err, want)
	}
}

// BenchmarkAttempts is what counting costs the recorder, per attempt.
func BenchmarkAttempts(b *testing.B) {
	y := tally.New(openStore(b), quiet)
	list := someAttempts(256, time.Now().Truncate(time.Hour))
	b.ReportAllocs()
	for b.Loop() {
		y.Attempts(list)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(list)), "ns/attempt")
}

// TestCountingWhileStoring counts while others store what was counted, mostly nothing: each attempt is counted once.
func TestCountingWhileStoring(t *testing.T) {
	y, begin := tally.New(openStore(t), quiet), time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	done := make(chan struct{})
	var storing sync.WaitGroup
	storing.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := y.Flush(ctx); err != nil {
				t.Error(err)
			}
		}
	})
	list := someAttempts(2000, begin)
	want := int64(0)
	for part := range slices.Chunk(list, 10) {
		y.Attempts(part)
		for _, a := range part {
			if a.Tenant == 1 && a.Outcome.IsAttempt() {
				want++
			}
		}
	}
	close(done)
	storing.Wait()
	sums, err := y.Sums(ctx, tally.Query{Tenant: 1, Webhooks: []uint32{0}, From: begin, To: begin.Add(5 * time.Hour)})
	if err != nil || len(sums) != 1 || sums[0].Attempts != want {
		t.Errorf("got %+v, %v, want %d attempts", sums, err, want)
	}
}
