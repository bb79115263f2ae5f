package delivery

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// TestCrew: every function runs, goroutines are used again, as many rest as may, and none is left at the end.
func TestCrew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails when a goroutine is left
		var c crew
		var ran atomic.Int64
		resting := func() int {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.resting)
		}
		for range 100 {
			c.Go(func() { ran.Add(1) })
			synctest.Wait()
			if n := resting(); n != 1 {
				t.Fatalf("%d goroutines rest after one function at a time, want 1", n)
			}
		}
		hold := make(chan struct{})
		for range 3 * maxResting {
			c.Go(func() { <-hold; ran.Add(1) })
		}
		synctest.Wait()
		if n := resting(); n != 0 {
			t.Fatalf("%d goroutines rest while each has a function, want 0", n)
		}
		close(hold)
		c.wait()
		synctest.Wait()
		if n := resting(); n != maxResting {
			t.Errorf("%d goroutines rest after %d functions at a time, want %d", n, 3*maxResting, maxResting)
		}
		c.end()
		if got, want := ran.Load(), int64(100+3*maxResting); got != want {
			t.Errorf("%d functions ran, want %d", got, want)
		}
	})
}
