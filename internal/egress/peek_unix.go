//go:build unix

package egress

import (
	"syscall"
)

// peek tells without reading whether something is there to be read from the socket: bytes, or its end or an error.
func peek(c syscall.RawConn) finding {
	found := ended
	err := c.Read(func(fd uintptr) bool {
		var one [1]byte
		n, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case err == syscall.EAGAIN || err == syscall.EWOULDBLOCK:
			found = quiet
		case err == nil && n > 0:
			found = strays
		}
		return true
	})
	if err != nil {
		return ended
	}
	return found
}
