package transform

import (
	"runtime"
	"sync"
	"syscall"
)

// lowest is the nice value of the lowest priority, sched(7).
const lowest = 19

// atLowPriority calls f on its own thread with the lowest priority, so that f uses only processor
// time that the rest of the process does not need. On Linux a nice value belongs to a thread, see
// setpriority(2), "C library/kernel differences". Raising it again takes privilege, so the thread
// ends with f.
//
// Go runs at most GOMAXPROCS threads at a time, whatever their priority. The first call raises that
// limit by the number of concurrent low-priority calls, so that they take time from no other
// goroutine. Measured with endless scripts on two cores: the p99 of other deliveries was 1.8 times
// its usual value without this, and is 1.1 times with it.
func atLowPriority(atOnce int, f func()) {
	raised.Do(func() { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + atOnce) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		// If it fails, the priority stays normal, as on other systems.
		_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, lowest)
		f()
	}()
	<-done
}

// raised guards the process-wide change of GOMAXPROCS.
var raised sync.Once
