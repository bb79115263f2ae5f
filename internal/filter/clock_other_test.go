//go:build !linux

package filter

import (
	"testing"
	"time"
)

var started = time.Now()

// threadTime returns the time of the clock where there is none of the thread.
func threadTime(testing.TB) time.Duration { return time.Since(started) }
