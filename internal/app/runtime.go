package app

import (
	"os"
	"runtime"
	"runtime/debug"
)

// leastThreads is the least number of goroutines that run at a time (GOMAXPROCS). The thread of a
// system call, such as the sync of a commit, keeps its place among them until Go's monitor notices,
// up to 10 ms later. With two places, and a costly filter or rule in the other, everything else waits
// for that: events of other users took 53 ms instead of 5 (p99, see docs/performance.md).
const leastThreads = 4

// collectAt is the growth of the heap, in percent of what is in use, at which garbage is collected
// (GOGC). Relay's heap is small, so the memory is cheap, and half the collections are saved.
const collectAt = 200

// tuneRuntime sets what suits Relay better than Go's defaults. Variables of the environment that the
// operator has set take precedence.
//
// The garbage collector works harder before the process exceeds its needs with full queues: the
// deliveries in memory (queued, in bytes), the same amount again for garbage, the bodies of requests,
// and the rest of the program.
func tuneRuntime(queued, bodies int64) {
	const rest = 24 << 20
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(2*queued + bodies + rest)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < leastThreads {
		runtime.GOMAXPROCS(leastThreads)
	}
}
