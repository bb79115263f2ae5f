//go:build unix

package transform

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// processTime returns the CPU time of the process.
func processTime(t testing.TB) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
