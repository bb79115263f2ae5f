package connector

import (
	"testing"
	"time"
)

// TestWindows: a window that is used up holds the connection until it has passed, and a partner's word for longer.
func TestWindows(t *testing.T) {
	d := &Definition{Limits: Limits{Requests: []Window{{time.Second, 1000}, {time.Minute, 3}, {time.Hour, 5}}}}
	s := &sender{}
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	wait := func(want time.Duration) {
		t.Helper()
		if got, why := s.limited(d, now); got != want || (why == "") != (want == 0) {
			t.Errorf("at %v: got %v (%s), want %v", now, got, why, want)
		}
	}
	for range 3 {
		wait(0)
	}
	wait(time.Minute)
	now = now.Add(20 * time.Second)
	wait(40 * time.Second)
	now = now.Add(40 * time.Second)
	wait(0)
	wait(0)
	wait(59 * time.Minute) // five within the hour
	s.hold(now.Add(2 * time.Hour))
	s.hold(now.Add(time.Hour)) // a shorter one changes nothing
	now = now.Add(90 * time.Minute)
	wait(30 * time.Minute)
	now = now.Add(30 * time.Minute)
	wait(0)
}
