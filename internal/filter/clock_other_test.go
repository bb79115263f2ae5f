//go:build !linux

package filter

import (
	"testing"
	"time"
)

var started = time.Now()

// threadTime returns wall-clock time, because there is no clock of the thread here.
func threadTime(testing.TB) time.Duration { return time.Since(started) }
