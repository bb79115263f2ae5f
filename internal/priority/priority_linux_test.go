package priority_test

import (
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/relay-events/relay/internal/priority"
)

// nice returns the nice value of the current thread, sched(7). The system call returns 20 - nice.
func nice(t *testing.T) int {
	t.Helper()
	n, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	return 20 - n
}

// TestThreads checks that functions run at the priority asked for, all on the same thread, and that
// nothing else runs there afterwards.
func TestThreads(t *testing.T) {
	usual := nice(t)
	for _, want := range []int{priority.Low, priority.Lowest, priority.Low} {
		thread := priority.Start(want)
		var threads []int
		for range 3 {
			thread.Do(func() {
				threads = append(threads, syscall.Gettid())
				if got := nice(t); got != max(want, usual) {
					t.Errorf("got the nice value %d, want %d", got, want)
				}
			})
		}
		thread.End()
		if threads[0] != threads[1] || threads[1] != threads[2] {
			t.Errorf("functions ran on the threads %v, want one", threads)
		}
		found := make(chan int)
		for range 50 {
			go func() { found <- nice(t) }()
			if got := <-found; got != usual {
				t.Fatalf("a goroutine runs at the nice value %d afterwards, want %d", got, usual)
			}
		}
	}
}

// TestPanic checks that a panic reaches the caller, who may recover, and that the thread goes on.
func TestPanic(t *testing.T) {
	thread := priority.Start(priority.Low)
	defer thread.End()
	for _, cause := range []any{"a text", 7, error(syscall.ENOENT)} {
		func() {
			defer func() {
				if text, _ := recover().(string); !strings.Contains(text, "TestPanic") {
					t.Errorf("got the panic %q, want the stack of the function", text)
				}
			}()
			thread.Do(func() { panic(cause) })
			t.Errorf("no panic after panic(%v)", cause)
		}()
	}
	done := false
	thread.Do(func() { done = true })
	if !done {
		t.Error("the thread does not go on after a panic")
	}
}

// TestRoom checks that threads take no room from others, that room is used again, and that there is a bound.
func TestRoom(t *testing.T) {
	start := func(n int) (end func()) {
		var threads []*priority.Thread
		for range n {
			threads = append(threads, priority.Start(priority.Low))
		}
		return func() {
			for _, thread := range threads {
				thread.End()
			}
		}
	}
	start(2)()
	two, room := runtime.GOMAXPROCS(0), priority.Made()
	if room < 2 {
		t.Errorf("two threads: got room for %d", room)
	}
	start(2)()
	if got := runtime.GOMAXPROCS(0); got != two {
		t.Errorf("two threads, as before: got %d goroutines at a time, want %d", got, two)
	}
	start(50)()
	if got, want := runtime.GOMAXPROCS(0), two+4-room; got != want || priority.Made() != 4 {
		t.Errorf("50 threads: got %d goroutines at a time and room for %d threads, want %d and 4", got, priority.Made(), want)
	}
}
