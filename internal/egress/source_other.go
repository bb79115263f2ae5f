//go:build !linux

package egress

import "syscall"

// lateBind changes nothing: what it does on Linux has no counterpart here.
func lateBind(control func(string, string, syscall.RawConn) error) func(string, string, syscall.RawConn) error {
	return control
}
