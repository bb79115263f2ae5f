//go:build unix

package egress

import (
	"syscall"
)

// readable tells without reading that something is there to be read from the socket: bytes, its end or an error.
func readable(c syscall.RawConn) bool {
	found := true
	err := c.Read(func(fd uintptr) bool {
		var one [1]byte
		_, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		found = err != syscall.EAGAIN && err != syscall.EWOULDBLOCK
		return true
	})
	return err != nil || found
}
