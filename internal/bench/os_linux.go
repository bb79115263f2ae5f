package bench

import (
	"syscall"
	"time"
)

// childAttributes puts a process into a group of its own, so that Ctrl-C
// reaches the bench alone and the bench decides in which order things end, and
// has the kernel end it when the bench is killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// preciseSleep sleeps to within some 60 µs; time.Sleep rounds up to the
// millisecond when a program has nothing else to do, because epoll_wait counts
// in milliseconds. It blocks a thread.
func preciseSleep(d time.Duration) {
	t := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&t, nil) // woken by a signal: the caller looks at the clock anyway
}

// diskBytes returns what a file takes on the disk.
func diskBytes(sys any, size int64) int64 {
	if st, ok := sys.(*syscall.Stat_t); ok {
		return st.Blocks * 512 // stat(2): in units of 512 bytes, whatever the file system's block
	}
	return size
}
