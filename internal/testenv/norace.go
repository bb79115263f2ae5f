//go:build !race

package testenv

// Race reports whether the tests run under the race detector, so that load tests can reduce their
// load.
const Race = false
