package egress

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// lateBind leaves choosing the port of a bound socket to connect: chosen by bind, a port is taken for all destinations,
// and a source address would have some 28,000 connections in all rather than to each receiver. See ip(7).
func lateBind(control func(string, string, syscall.RawConn) error) func(string, string, syscall.RawConn) error {
	return func(network, address string, c syscall.RawConn) error {
		if control != nil {
			if err := control(network, address, c); err != nil {
				return err
			}
		}
		var err error
		if cerr := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		}); cerr != nil {
			return cerr
		}
		if err != nil && err != unix.ENOPROTOOPT { //nolint:errorlint // an Errno as it is
			return err
		}
		return nil
	}
}
