package transform

import (
	"runtime"
	"sync"
	"syscall"
)

// lowest is the nice value of the lowest priority, sched(7).
const lowest = 19

// lowly calls f on a thread of its own with the lowest priority, so that what f computes has only the time that nobody else in the
// process wants. On Linux a nice value is a thread's, see setpriority(2), "C library/kernel differences"; it cannot be taken back
// without privilege, so the thread ends with f.
//
// Go lets GOMAXPROCS threads run Go code at a time, whatever their priority. The first call adds room for as many as may be lowly at
// the same time, so that each of them takes time from nobody: beside bombs on two cores, p99 of other deliveries was 1.8 times
// what it is without them, and is 1.1 times.
func lowly(atOnce int, f func()) {
	room.Do(func() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + atOnce) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		// A failure leaves the priority as it was, which is what other systems have.
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, lowest)
		f()
	}()
	<-done
}

// room is of the process, as what it makes room for is.
var room sync.Once
