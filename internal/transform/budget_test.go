package transform

import (
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// TestBudget: a warm run of a simple transform, putting the memory back included, takes 250 µs of CPU at most. Of many short rounds
// the cheapest counts: what else the machine does makes the others dearer, by cold caches and shared cores.
func TestBudget(t *testing.T) {
	if testenv.Race {
		return // the detector's own work says nothing
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
