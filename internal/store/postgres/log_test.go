//go:build unix

package postgres

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/delivery"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/store/postgres/pgtest"
	"github.com/relay-events/relay/internal/store/storetest"
)

// Statistics are the same before, between and after the counters were filled,
// by the node itself or, once it is gone, by another.
func TestStatisticsWhileCountersAreFilled(t *testing.T) {
	url := pgtest.Shared(t).Database(t)
	a, b := node(t, url, 0), node(t, url, 0)
	var all []*delivery.Attempt
	add := func(s *Store, n int) {
		t.Helper()
		list := storetest.MakeAttempts(time.Now().Add(time.Duration(len(all))*time.Second), n)
		if err := s.Record(ctx, &delivery.Record{Attempts: list}); err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
	}
	counted := func() int64 {
		n, err := a.integer(ctx, `SELECT coalesce(sum(delivered + retrying + failed), 0)::bigint FROM rollup WHERE webhook = 0 AND unit = 1`)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	roll := func(s *Store) {
		t.Helper()
		if err := s.rollUp(ctx); err != nil {
			t.Fatal(err)
		}
		storetest.CheckLog(t, b, all)
	}
	add(a, 200)
	add(b, 100)
	roll(a)
	if n := counted(); n < 150 || n > 200 {
		t.Errorf("got %d attempts counted, want those of one node", n)
	}
	add(a, 50)
	roll(a)
	roll(b)
	roll(b) // nothing new
	add(a, 70)
	a.Close()
	add(b, 30)
	a = b
	roll(b) // its own and the dead node's
	want := int64(0)
	for _, x := range all {
		if x.Outcome.IsAttempt() {
			want++
		}
	}
	if n := counted(); n != want {
		t.Errorf("got %d attempts counted, want %d", n, want)
	}
	if n, err := b.integer(ctx, `SELECT count(*) FROM rolled`); n != 1 || err != nil {
		t.Errorf("got %d nodes with uncounted attempts, %v, want the living one", n, err)
	}
	// A node that takes the number again starts behind the counted entries.
	a = node(t, url, 0)
	add(a, 40)
	storetest.CheckLog(t, b, all)
	roll(a)
}

// Lists by time find attempts that were recorded long after they began.
func TestAttemptsRecordedLate(t *testing.T) {
	s := node(t, pgtest.Shared(t).Database(t), 0)
	began := time.Now().Add(-3 * time.Hour).UTC().Truncate(time.Millisecond)
	list := storetest.MakeAttempts(time.Now(), 20)
	for _, a := range list[:10] {
		a.At, a.NextAt = began, time.Time{}
	}
	if err := s.Record(ctx, &delivery.Record{Attempts: list}); err != nil {
		t.Fatal(err)
	}
	all := []delivery.Outcome{1, 2, 3, 4, 5, 6}
	n := 0
	for tenant := event.TenantID(1); tenant <= 2; tenant++ {
		got, _, err := s.AttemptList(ctx, delivery.LogQuery{Tenant: tenant, Outcomes: all, Until: began.Add(time.Hour), Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		n += len(got)
	}
	if n != 10 {
		t.Errorf("got %d attempts that began early, want 10", n)
	}
}

func TestDetailRefusesWhatItDidNotWrite(t *testing.T) {
	for _, a := range storetest.MakeAttempts(time.Now(), 40) {
		detail := appendDetail(nil, a)
		row := func(detail []byte) attemptRow {
			r := attemptRow{
				id: int64(a.ID), webhook: int64(a.Webhook), event: int64(a.Event), at: a.At.UnixMilli(), total: a.Timing.Total.Microseconds(),
				tenant: int32(a.Tenant), outcome: int16(a.Outcome), eventType: a.EventType, detail: detail,
			}
			if a.Response != nil {
				status := int32(a.Response.Status)
				r.status = &status
			}
			return r
		}
		whole := row(detail)
		if got, err := whole.attempt(); err != nil || !reflect.DeepEqual(got, a) {
			t.Fatalf("got %+v, %v, want %+v", got, err, a)
		}
		for n := range detail {
			cut := row(detail[:n])
			if got, err := cut.attempt(); err == nil {
				t.Errorf("cut to %d of %d bytes: got %+v, want an error", n, len(detail), got)
			}
		}
		longer := row(append(slices.Clone(detail), 0))
		if _, err := longer.attempt(); err == nil {
			t.Error("with a byte too much: got no error")
		}
	}
}

func FuzzDetail(f *testing.F) {
	for _, a := range storetest.MakeAttempts(time.Now(), 20) {
		f.Add(appendDetail(nil, a))
	}
	f.Fuzz(func(t *testing.T, detail []byte) {
		r := attemptRow{detail: detail}
		a, err := r.attempt()
		if err != nil {
			return
		}
		// Entries that were read can be written and read again.
		again := attemptRow{detail: appendDetail(nil, a), status: r.status}
		if b, err := again.attempt(); err != nil {
			t.Errorf("got %v for what was made of %+v", err, b)
		}
	})
}
