package delivery

import (
	"time"

	"github.com/relay-events/relay/internal/event"
)

// OwedWith returns the deliveries that the engine would have stored together with an event.
func (e *Engine) OwedWith(ev *event.Event) (list []Owed) {
	e.shared.oweWith(ev, func(o Owed) { list = append(list, o) })
	return list
}

// SetClockPace has engines look at their clocks more often until the function it
// returns is called.
func SetClockPace(d time.Duration) (restore func()) {
	before := clockEvery
	clockEvery = d
	return func() { clockEvery = before }
}

// SetSharingPace has engines made from now on look n times less often at what
// other nodes do, until the function it returns is called.
func SetSharingPace(n int) (restore func()) {
	sharingPace = time.Duration(n)
	return func() { sharingPace = 1 }
}
