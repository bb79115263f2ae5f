package transform

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// threadClock measures the processor time of the thread that started it, which must stay locked to
// its goroutine. It may be read from any thread.
type threadClock struct {
	id    int32
	begin time.Duration
	wall  time.Time
}

// startThreadClock starts the clock of the calling thread.
func startThreadClock() threadClock {
	// CLOCK_THREAD_CPUTIME_ID always means the caller's thread. The clock of any thread is computed
	// from its id, see clock_getcpuclockid(3) and include/linux/posix-timers.h: CPUCLOCK_SCHED |
	// CPUCLOCK_PERTHREAD_MASK.
	c := threadClock{id: int32(^syscall.Gettid()<<3 | 6), wall: time.Now()}
	c.begin, _ = c.read()
	return c
}

func (c threadClock) read() (time.Duration, bool) {
	var t unix.Timespec
	if err := unix.ClockGettime(c.id, &t); err != nil {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}

// used returns the processor time since the start, or wall-clock time if processor time cannot be
// read.
func (c threadClock) used() time.Duration {
	if now, ok := c.read(); ok {
		return now - c.begin
	}
	return time.Since(c.wall)
}
