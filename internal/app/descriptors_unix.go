//go:build unix

package app

import (
	"math"

	"golang.org/x/sys/unix"
)

// openFiles returns how many files the process may have open, zero if that is not known or without a bound.
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
