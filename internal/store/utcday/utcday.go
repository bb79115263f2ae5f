// Package utcday counts UTC days, by which both stores keep and expire what
// they hold: the day of an id decides about its file or partition.
package utcday

import (
	"time"

	"github.com/relay-events/relay/internal/event"
)

// Day is a UTC day, counted from 1970-01-01.
type Day int64

// Millis is the length of a day in milliseconds.
const Millis = 24 * 60 * 60 * 1000

// compact is how Compact writes a day.
const compact = "20060102"

// Of returns the day an id belongs to.
func Of(id event.ID) Day { return At(id.Time()) }

// At returns the day of a moment.
func At(t time.Time) Day { return Day(t.UnixMilli() / Millis) }

// Start returns the day's first moment.
func (d Day) Start() time.Time { return time.UnixMilli(int64(d) * Millis).UTC() }

// End returns the first moment after the day.
func (d Day) End() time.Time { return (d + 1).Start() }

// FirstID returns the lowest id of the day.
func (d Day) FirstID() event.ID { return event.FirstID(d.Start()) }

// String returns the day as 2026-11-21.
func (d Day) String() string { return d.Start().Format(time.DateOnly) }

// Compact returns the day as 20261121.
func (d Day) Compact() string { return d.Start().Format(compact) }

// Parse is String's inverse.
func Parse(s string) (Day, error) { return parse(time.DateOnly, s) }

// ParseCompact is Compact's inverse.
func ParseCompact(s string) (Day, error) { return parse(compact, s) }

func parse(layout, s string) (Day, error) {
	t, err := time.ParseInLocation(layout, s, time.UTC)
	if err != nil {
		return 0, err
	}
	return At(t), nil
}
