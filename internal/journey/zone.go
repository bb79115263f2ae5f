package journey

import (
	"fmt"
	"time"
	_ "time/tzdata" // zones must mean the same on every machine

	"github.com/relay-events/relay/internal/definition"
)

// zoneNamed returns a time zone of the IANA database. "Local" is none: it would differ from machine to machine.
func zoneNamed(name string) (*time.Location, error) {
	if zone, err := time.LoadLocation(name); err == nil && name != "" && name != "Local" {
		return zone, nil
	}
	return nil, fmt.Errorf("must be a time zone such as Europe/Copenhagen, got %q", definition.Clip(name))
}

// wall returns the instant of a time of day, in minutes after midnight. A time that clocks skip is the first minute behind the
// gap; of one that comes twice it is the first. time.Date leaves both open.
func wall(year int, month time.Month, day, minutes int, zone *time.Location) time.Time {
	asUTC := time.Date(year, month, day, 0, minutes, 0, 0, time.UTC)
	near := time.Date(year, month, day, 0, minutes, 0, 0, zone)
	start, end := near.ZoneBounds()
	offset := func(t time.Time) time.Duration {
		_, seconds := t.In(zone).Zone()
		return time.Duration(seconds) * time.Second
	}
	offsets := []time.Duration{offset(near)}
	if !start.IsZero() {
		offsets = append(offsets, offset(start.Add(-time.Second)))
	}
	if !end.IsZero() {
		offsets = append(offsets, offset(end))
	}
	var best time.Time
	for _, o := range offsets {
		t := asUTC.Add(-o)
		if offset(t) == o && (best.IsZero() || t.Before(best)) {
			best = t
		}
	}
	if !best.IsZero() {
		return best.In(zone)
	}
	// In a gap, which ends at one of the bounds: before it clocks show less, and from it on more.
	if !start.IsZero() && !start.Add(offset(start.Add(-time.Second))).After(asUTC) && start.Add(offset(start)).After(asUTC) {
		return start.In(zone)
	}
	return end.In(zone)
}

// nextWall returns the first instant at or after t at which clocks of the zone show the time of day.
func nextWall(t time.Time, minutes int, zone *time.Location) time.Time {
	local := t.In(zone)
	for day := -1; ; day++ {
		// From the day before: after a gap of hours, "today at 00:30" may lie behind it.
		if at := wall(local.Year(), local.Month(), local.Day()+day, minutes, zone); !at.Before(t) {
			return at
		}
	}
}

// quietUntil returns when quiet hours end that t lies in; zero: it lies in none.
func (q *QuietHours) quietUntil(t time.Time, zone *time.Location) time.Time {
	local := t.In(zone)
	now := local.Hour()*60 + local.Minute()
	within := now >= q.From && now < q.Until
	if q.From > q.Until {
		within = now >= q.From || now < q.Until
	}
	if !within {
		return time.Time{}
	}
	return nextWall(t.Add(time.Nanosecond), q.Until, zone)
}
