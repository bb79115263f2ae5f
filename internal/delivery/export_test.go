package delivery

import "time"

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
