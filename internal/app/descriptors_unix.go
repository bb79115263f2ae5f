//go:build unix

package app

import (
	"math"

	"golang.org/x/sys/unix"
)

// openFiles returns how many files the process may open, zero if unknown or unlimited.
func openFiles() int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil {
		return 0
	}
	n := uint64(l.Cur)
	if n > math.MaxInt32 {
		return 0
	}
	return int(n)
}
