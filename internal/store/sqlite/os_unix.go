//go:build unix

package sqlite

import (
	"os"

	"golang.org/x/sys/unix"
)

// flock takes the lock on an open file for the life of the process, without
// waiting. The kernel releases it when the process ends, however it ends.
func flock(f *os.File) error {
	return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
}
