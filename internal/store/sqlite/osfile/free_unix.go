//go:build linux || darwin || freebsd

package osfile

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// Free returns how many bytes whoever is not root may still write to the disk
// of a folder.
func Free(dir string) (bytes int64, ok bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true //nolint:unconvert // the fields' types differ by system
}

// Full reports whether a failure says that there is no room.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
