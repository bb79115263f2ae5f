//go:build !linux

package transform

import "time"

// threadClock measures the time on the wall: that of a thread cannot be told here.
type threadClock struct{ start time.Time }

func startThreadClock() threadClock { return threadClock{time.Now()} }

func (c threadClock) used() time.Duration { return time.Since(c.start) }
