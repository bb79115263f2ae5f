package utcday

import (
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event"
)

func TestDaysBeginAtMidnightUTC(t *testing.T) {
	midnight := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		at   time.Time
		want string
	}{
		{midnight.Add(-time.Millisecond), "2026-11-20"},
		{midnight, "2026-11-21"},
		{midnight.Add(24*time.Hour - time.Millisecond), "2026-11-21"},
		{midnight.Add(24 * time.Hour), "2026-11-22"},
		{midnight.In(time.FixedZone("", -3600)), "2026-11-21"},
	} {
		d := Of(event.FirstID(test.at))
		if d.String() != test.want {
			t.Errorf("day of %v: got %v, want %s", test.at, d, test.want)
		}
		if d.Start().After(test.at) || !d.End().After(test.at) || Of(d.FirstID()) != d || Of(d.FirstID()-1) != d-1 {
			t.Errorf("day of %v: got %v to %v from id %d", test.at, d.Start(), d.End(), d.FirstID())
		}
	}
}

func TestNamesAreReadBack(t *testing.T) {
	want := At(time.Date(2026, 2, 28, 13, 0, 0, 0, time.UTC))
	if got, err := Parse(want.String()); got != want || err != nil {
		t.Errorf("%q: got %v, %v, want %v", want.String(), got, err, want)
	}
	if got, err := ParseCompact(want.Compact()); got != want || err != nil {
		t.Errorf("%q: got %v, %v, want %v", want.Compact(), got, err, want)
	}
	for _, bad := range []string{"", "2026-02-30", "20260228", "2026-02-28x"} {
		if got, err := Parse(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, got)
		}
	}
}
