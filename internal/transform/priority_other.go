//go:build !linux

package transform

// atLowPriority calls f. Threads have no priority of their own here.
func atLowPriority(_ int, f func()) { f() }
