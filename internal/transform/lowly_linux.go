package transform

import (
	"runtime"
	"syscall"
)

// lowest is the nice value of the lowest priority, sched(7).
const lowest = 19

// lowly calls f on a thread of its own with the lowest priority, so that what f computes has only the time that nobody else in the
// process wants. On Linux a nice value is a thread's, see setpriority(2), "C library/kernel differences"; it cannot be taken back
// without privilege, so the thread ends with f.
func lowly(f func()) {
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
