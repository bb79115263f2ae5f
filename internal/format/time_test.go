package format_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/format"
)

// TestAppendTime checks that times in any zone are written as package time writes them in the
// layout.
func TestAppendTime(t *testing.T) {
	times := []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 999_999_999), event.MaxTime, event.MaxTime.Add(-time.Millisecond)}
	zone := time.FixedZone("", -(11*3600 + 30*60))
	for range 5000 {
		at := time.Unix(rand.Int64N(event.MaxTime.Unix()+62_135_596_800)-62_135_596_800, rand.Int64N(1e9))
		times = append(times, at.UTC(), at.In(zone), at.Truncate(time.Second))
	}
	for _, at := range times {
		if got, want := string(format.AppendTime([]byte("x"), at)), "x"+at.UTC().Format(format.TimeLayout); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	last := event.MaxTime.Format(format.TimeLayout)
	for _, at := range []time.Time{event.MaxTime.Add(time.Hour), time.Unix(math.MaxInt32*200, 5)} {
		if got := string(format.AppendTime(nil, at)); got != last {
			t.Errorf("got %s for a time in year %d, want %s", got, at.Year(), last)
		}
	}
}

func BenchmarkAppendTime(b *testing.B) {
	at := time.Date(2026, 5, 5, 14, 23, 0, 123_000_000, time.UTC)
	buf := make([]byte, 0, 64)
	for b.Loop() {
		buf = format.AppendTime(buf[:0], at)
	}
}
