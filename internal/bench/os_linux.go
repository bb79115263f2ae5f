package bench

import (
	"syscall"
	"time"
)

// childAttributes puts a process into its own process group, so that Ctrl-C reaches only the bench,
// which decides the order in which processes end. The kernel ends the process if the bench is
// killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// preciseSleep sleeps to within about 60 µs, and blocks a thread. time.Sleep rounds up to the
// millisecond when a program is otherwise idle, because epoll_wait counts in milliseconds.
func preciseSleep(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // interrupted by a signal: the caller checks the clock anyway
}

// diskBytes returns the disk space of a file.
func diskBytes(sys any, size int64) int64 {
	if st, ok := sys.(*syscall.Stat_t); ok {
		return st.Blocks * 512 // stat(2): always in units of 512 bytes
	}
	return size
}
