//go:build !linux

package egress

import "syscall"

// lateBind changes nothing: the Linux option has no counterpart here.
func lateBind(control func(string, string, syscall.RawConn) error) func(string, string, syscall.RawConn) error {
	return control
}
