package transform

import (
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// TestBudget: a warm run of a simple transform, putting the memory back included, is to take 250 µs of CPU at most. Of several
// rounds the cheapest counts: what else the machine does makes the others dearer, by cold caches and shared cores. It fails at twice
// the budget, as on a machine that is never quiet even the cheapest round is too dear.
func TestBudget(t *testing.T) {
	if testenv.Race {
		return // the detector's own work says nothing
	}
	const budget = 250 * time.Microsecond
	p := pool(t, Options{})
	s := script(t, p, `function transform(event) {
		return { body: { text: "New order " + event.data.id + " of " + event.data.amount } } }`)
	in := order()
	const rounds, runs = 40, 100
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
	if least > 2*budget {
		t.Errorf("a run took %v of CPU, want at most %v", least, 2*budget)
	}
}
