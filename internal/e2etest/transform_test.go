package e2etest

import (
	"fmt"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// bombs use all the time or memory that a transform may have.
var bombs = []string{
	`while(true){}`,
	`let s='x'; for(;;) s+=s`,
	`let a=[]; for(;;) a.push({a:1})`,
	`let a=[]; for(;;) a.push('x'.repeat(1<<20)+a.length)`,
	`new Array(1e8).fill(1)`,
	`/^(?=(a+)+$)a/.test('a'.repeat(36)+'!')`,
	`2n**(2n**26n)`,
	`JSON.parse('['.repeat(1e6)+']'.repeat(1e6))`,
	`(function f(){f()})()`,
	`[...Array(3e6).keys()].map(String).sort()`,
	`return {body:'x'.repeat(100<<20)}`,
	`function* g(){for(;;) yield 1}; return {body:[...g()]}`,
}

// TestTransformBombs runs a hundred bombs at once, each as a webhook's own script. The process
// grows by no more than the sandbox's limit, and other deliveries, half of them transformed, are
// hardly slower.
func TestTransformBombs(t *testing.T) {
	const (
		// growth is the memory of two instances and their surroundings, plus 16 MiB for everything
		// else.
		growth = (2*64 + 16) << 20
		count  = 100
	)
	good := `function transform(e) { return { body: { type: e.type, n: e.data.n, padding: e.data.padding } } }`
	var most int64
	var failed int
	var before int64
	var hooks []string
	pairOfPhases(t, 1.2, bombNoise50, bombNoise, load{transform: good}, load{
		transform: good,
		beside: func(r *relay) {
			hooks = nil
			for i := range count {
				hooks = append(hooks, r.webhook(fmt.Sprintf(`{"url":"http://127.0.0.1:9999/","events":["bomb"],"transform":%q}`,
					fmt.Sprintf("function transform(e) { /* %d */ %s }", i, bombs[i%len(bombs)]))).ID)
			}
		},
		began: func(r *relay) {
			before = statusField(t, r, "VmRSS:")
			r.publish(`{"type":"bomb","data":1}`)
		},
		ended: func(r *relay) {
			most = max(most, statusField(t, r, "VmHWM:")-before)
			for _, id := range hooks {
				for _, a := range r.attempts(id, "") {
					if a.Error == nil || a.Error.Kind != "transform" {
						t.Errorf("a bomb's attempt: got %+v, want it failed by its transform", a)
					}
					failed++
				}
			}
		},
	})
	t.Logf("%d bombs went off; the process grew by %d MiB at most", failed, most>>20)
	if failed == 0 {
		t.Error("no bomb went off")
	}
	if most > growth && !testenv.Race {
		t.Errorf("the process grew by %d MiB, want at most %d MiB", most>>20, growth>>20)
	}
}

// Figures below these are meaningless on a machine whose cores others use as well. The bombs'
// threads have the lowest priority, so such a machine hardly runs them, and the garbage collector
// occasionally waits for them to stop. docs/performance.md has the figures. The limits detect
// scripts that block the others directly: then the others wait for seconds.
const (
	bombNoise50 = 25 * time.Millisecond
	bombNoise   = 250 * time.Millisecond
)
