package transform

import (
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// TestBudget checks that a warm run of a simple transform, including restoring the memory, takes at
// most 250 µs of CPU. The cheapest of many short rounds counts, because other work on the machine
// cools the caches and takes the cores.
func TestBudget(t *testing.T) {
	if testenv.Race {
		return // the detector distorts the measurement
	}
	const budget = 250 * time.Microsecond
	p := pool(t, Options{})
	s := script(t, p, `function transform(event) {
		return { body: { text: "New order " + event.data.id + " of " + event.data.amount } } }`)
	in := order()
	const rounds, runs = 400, 25
	least := time.Hour
	for round := 0; round < rounds && (round < 3 || least > budget); round++ {
		start := processTime(t)
		for range runs {
			if _, err := p.Run(t.Context(), s, in); err != nil {
				t.Fatal(err)
			}
		}
		least = min(least, (processTime(t)-start)/runs)
	}
	t.Logf("%v of CPU a run, budget %v", least, budget)
	if least > budget {
		t.Errorf("a run took %v of CPU, want at most %v", least, budget)
	}
}
