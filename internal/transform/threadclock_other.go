//go:build !linux

package transform

import "time"

// threadClock measures wall-clock time: the time of a thread is not available here.
type threadClock struct{ start time.Time }

func startThreadClock() threadClock { return threadClock{time.Now()} }

func (c threadClock) used() time.Duration { return time.Since(c.start) }
