//go:build race

package testenv

// Race tells whether the tests themselves run under the race detector, so that a load test may take a smaller load.
const Race = true
