//go:build !unix

package egress

import (
	"syscall"
)

// peek cannot tell anything here: a connection that has ended shows when it is used.
func peek(syscall.RawConn) finding { return quiet }
