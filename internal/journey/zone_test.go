package journey_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/journey"
)

// TestTimesOfDay: a time that clocks skip is the first minute behind the gap, and of one that comes twice it is the first. The
// table was made by another implementation of the zones, by looking at every minute.
func TestTimesOfDay(t *testing.T) {
	for _, c := range []struct{ zone, day, clock, want string }{
		{"Europe/Copenhagen", "2026-03-29", "02:30", "2026-03-29T01:00Z"}, // skipped
		{"Europe/Copenhagen", "2026-10-25", "02:30", "2026-10-25T00:30Z"}, // twice
		{"Europe/London", "2026-03-29", "01:30", "2026-03-29T01:00Z"},
		{"Europe/Dublin", "2026-10-25", "01:30", "2026-10-25T00:30Z"}, // its summer is the standard time
		{"America/New_York", "2026-03-08", "02:15", "2026-03-08T07:00Z"},
		{"America/New_York", "2026-11-01", "01:15", "2026-11-01T05:15Z"},
		{"America/St_Johns", "2026-11-01", "01:59", "2026-11-01T04:29Z"},
		{"America/Havana", "2026-03-08", "00:30", "2026-03-08T05:00Z"}, // at midnight
		{"America/Santiago", "2026-09-06", "00:00", "2026-09-06T04:00Z"},
		{"Africa/Cairo", "2026-04-24", "00:10", "2026-04-23T22:00Z"},
		{"Africa/Casablanca", "2026-02-15", "02:30", "2026-02-15T01:30Z"}, // the other way round, in Ramadan
		{"Africa/Casablanca", "2026-03-22", "02:30", "2026-03-22T02:00Z"},
		{"Asia/Beirut", "2026-03-29", "00:05", "2026-03-28T22:00Z"},
		{"Asia/Kathmandu", "2026-03-29", "09:00", "2026-03-29T03:15Z"},      // never changes
		{"Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:30Z"}, // by half an hour
		{"Australia/Lord_Howe", "2026-04-05", "01:45", "2026-04-04T14:45Z"},
		{"Australia/Sydney", "2026-04-05", "02:30", "2026-04-04T15:30Z"},
		{"Antarctica/Troll", "2026-03-29", "01:30", "2026-03-29T01:00Z"}, // by two hours
		{"Pacific/Apia", "2011-12-30", "09:00", "2011-12-30T10:00Z"},     // a whole day
		{"Pacific/Auckland", "2026-09-27", "02:45", "2026-09-26T14:00Z"},
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		day, _ := time.Parse("2006-01-02", c.day)
		clock, _ := time.Parse("15:04", c.clock)
		got := journey.Wall(day.Year(), day.Month(), day.Day(), clock.Hour()*60+clock.Minute(), zone).UTC().Format("2006-01-02T15:04Z")
		if got != c.want {
			t.Errorf("%s %s in %s: got %s, want %s", c.day, c.clock, c.zone, got, c.want)
		}
	}
}

// TestEveryMinute looks at every minute of the days around changes of clocks, as somebody would who looks at a clock.
func TestEveryMinute(t *testing.T) {
	for name, days := range map[string][]string{
		"Europe/Copenhagen": {"2026-03-29", "2026-10-25"}, "America/Havana": {"2026-03-08", "2026-11-01"}, "Australia/Lord_Howe": {"2026-04-05", "2026-10-04"},
		"Antarctica/Troll": {"2026-03-29", "2026-10-25"}, "Pacific/Apia": {"2011-12-30"}, "Africa/Cairo": {"2026-04-24", "2026-10-29"},
	} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range days {
			day, _ := time.Parse("2006-01-02", text)
			shown := make(map[string]time.Time) // when clocks show a minute for the first time
			for m := -20 * 60; m < 44*60; m++ {
				at := day.Add(time.Duration(m) * time.Minute)
				if label := at.In(zone).Format("2006-01-02 15:04"); shown[label].IsZero() {
					shown[label] = at
				}
			}
			var behind time.Time // the first minute behind those that are skipped
			for minute := 24*60 - 1; minute >= 0; minute-- {
				label := fmt.Sprintf("%s %02d:%02d", text, minute/60, minute%60)
				want := shown[label]
				if want.IsZero() {
					if want = behind; want.IsZero() { // up to midnight
						want = shown[day.AddDate(0, 0, 1).Format("2006-01-02 15:04")]
					}
				}
				behind = want
				if got := journey.Wall(day.Year(), day.Month(), day.Day(), minute, zone); !got.Equal(want) {
					t.Errorf("%s in %s: got %v, want %v", label, name, got.UTC(), want)
				}
			}
		}
	}
}

// TestNextTimeOfDay: the next time is at or behind now, at most a day and a change of clocks away.
func TestNextTimeOfDay(t *testing.T) {
	zone, _ := time.LoadLocation("Europe/Copenhagen")
	for from, want := range map[string]string{
		"2026-06-01T06:59:00Z": "2026-06-01T07:00:00Z", "2026-06-01T07:00:00Z": "2026-06-01T07:00:00Z", "2026-06-01T07:00:01Z": "2026-06-02T07:00:00Z",
		"2026-03-28T12:00:00Z": "2026-03-29T07:00:00Z", "2026-10-24T12:00:00Z": "2026-10-25T08:00:00Z", "2026-12-31T23:30:00Z": "2027-01-01T08:00:00Z",
	} {
		at, _ := time.Parse(time.RFC3339, from)
		if got := journey.NextWall(at, 9*60, zone).UTC().Format(time.RFC3339); got != want {
			t.Errorf("09:00 behind %s: got %s, want %s", from, got, want)
		}
	}
	night := &journey.QuietHours{From: 21 * 60, Until: 8 * 60}
	for from, want := range map[string]string{
		"2026-06-01T18:59:00Z": "0001-01-01T00:00:00Z", "2026-06-01T19:00:00Z": "2026-06-02T06:00:00Z", "2026-06-02T05:59:59Z": "2026-06-02T06:00:00Z",
		"2026-06-02T06:00:00Z": "0001-01-01T00:00:00Z", "2026-10-24T22:00:00Z": "2026-10-25T07:00:00Z",
	} {
		at, _ := time.Parse(time.RFC3339, from)
		if got := night.QuietUntil(at, zone).UTC().Format(time.RFC3339); got != want {
			t.Errorf("quiet at %s: got %s, want %s", from, got, want)
		}
	}
}

// TestSplitShares: halves are halves within one per cent, independent of each other, and the same each time.
func TestSplitShares(t *testing.T) {
	var counts [2][2]int
	for i := range 100_000 {
		id := fmt.Sprintf("enr_%d", i)
		a, b := journey.Share(id, "one"), journey.Share(id, "two")
		if a < 0 || a > 99 || a != journey.Share(id, "one") {
			t.Fatalf("got %d for %s", a, id)
		}
		counts[a/50][b/50]++
	}
	for _, half := range []int{counts[0][0] + counts[0][1], counts[0][0] + counts[1][0], 2 * counts[0][0]} {
		if half < 49_000 || half > 51_000 {
			t.Errorf("got %v, want halves of 100,000", counts)
		}
	}
}
