//go:build !linux

package transform

// lowly calls f. Threads have no priority of their own here.
func lowly(_ int, f func()) { f() }
