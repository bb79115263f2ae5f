package cli

import (
	"context"
	"net"
	"strconv"
	"time"
)

// notify tells systemd about a service of Type=notify, in one datagram (sd_notify(3)). Without
// systemd it does nothing. A failure is not an error: the service works all the same.
func (e *Env) notify(state string) {
	socket := e.getenv("NOTIFY_SOCKET")
	if socket == "" {
		return
	}
	if socket[0] == '@' {
		socket = "\x00" + socket[1:] // an abstract socket
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = conn.Write([]byte(state))
}

// watchdog tells systemd that the service works, twice in the time that WatchdogSec sets, for as
// long as ready says so. It returns when ctx ends.
func (e *Env) watchdog(ctx context.Context, ready func(context.Context) error) {
	us, err := strconv.ParseInt(e.getenv("WATCHDOG_USEC"), 10, 64)
	if err != nil || us <= 0 {
		return
	}
	every := time.Duration(us) * time.Microsecond / 2
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		look, cancel := context.WithTimeout(ctx, every)
		if ready(look) == nil {
			e.notify("WATCHDOG=1")
		}
		cancel()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
