//go:build !linux && !darwin && !freebsd && !windows

package osfile

import (
	"errors"
	"syscall"
)

// Free is not known on this system.
func Free(string) (bytes int64, ok bool) { return 0, false }

// Full reports whether a failure says that there is no room.
func Full(err error) bool { return errors.Is(err, syscall.ENOSPC) }
