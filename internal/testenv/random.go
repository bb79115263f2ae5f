package testenv

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Random returns the random source of a test, see Seed.
func Random(t testing.TB) *rand.Rand {
	t.Helper()
	return rand.New(rand.NewPCG(Seed(t), 0))
}

// Seed returns the seed of a test's random choices and prints it: RELAY_FAULT_SEED if it is set,
// else the time.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("RELAY_FAULT_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("RELAY_FAULT_SEED: got %q, want a number", text)
		}
	}
	t.Logf("RELAY_FAULT_SEED=%d", seed)
	return seed
}

// Count returns how often a test does something: the value of the variable if it is set, else few
// under the race detector or with -short, else full.
func Count(t testing.TB, variable string, full, few int) int {
	t.Helper()
	if text := os.Getenv(variable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			t.Fatalf("%s: got %q, want a number from 1 on", variable, text)
		}
		return n
	}
	if Race || testing.Short() {
		return few
	}
	return full
}
