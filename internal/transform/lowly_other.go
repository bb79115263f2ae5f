//go:build !linux

package transform

// lowly calls f. Threads have no priority of their own here.
func lowly(f func()) { f() }
