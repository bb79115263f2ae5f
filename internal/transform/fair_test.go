package transform

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event"
)

// TestClockIsTheCallers: whatever a script reads of the time is the same whenever it runs for an event, in any instance, also at the
// top level; and it is the time the caller gave.
func TestClockIsTheCallers(t *testing.T) {
	source := `const top = Date.now(), rnd = Math.random();
		function transform(e) { return { body: [Date.now(), new Date().toISOString(), new Date().getTimezoneOffset(), String(new Date()), top, rnd, Math.random()] } }`
	for _, now := range []time.Time{time.Date(2026, 5, 5, 14, 23, 0, 7e6, time.UTC), time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC), {}} {
		seen := make(map[string]bool)
		for range 2 {
			p := pool(t, Options{Timeout: timeLimit()})
			s := script(t, p, source)
			for range 2 {
				in := order()
				in.Now = now
				out, err := p.Run(t.Context(), s, in)
				if err != nil {
					t.Fatal(err)
				}
				seen[string(out.Body)] = true
				time.Sleep(2 * time.Millisecond) // the clock of the machine goes on
			}
		}
		want := now.UnixMilli()
		if now.IsZero() {
			want = 0
		}
		for body := range seen {
			if len(seen) != 1 || !strings.HasPrefix(body, fmt.Sprintf("[%d,", want)) {
				t.Errorf("at %v: got %s and %d others, want all alike, with %d", now, body, len(seen)-1, want)
			}
		}
	}
}

// TestMemoryInWords: too much data for the sandbox is a failure of kind memory that says so, also where the engine has no room left
// for an error of its own. A script that throws null is to blame for that.
func TestMemoryInWords(t *testing.T) {
	p := pool(t, Options{MemoryMB: 16, Timeout: 30 * time.Second})
	for name, data := range map[string]string{
		"objects": "[" + strings.Repeat("{},", 340_000) + "{}]",
		"arrays":  "[" + strings.Repeat("[],", 300_000) + "[]]",
		"members": "[" + strings.Repeat(`{"a":{}},`, 110_000) + "1]",
		"nested":  "[" + strings.Repeat(`[[]],`, 200_000) + "1]",
	} {
		s := script(t, p, `function transform(e) { return { body: 1 } }`)
		_, err := p.Run(t.Context(), s, Input{ID: "e", Data: []byte(data)})
		var failed *RunError
		if !errors.As(err, &failed) || failed.Kind != Memory || !strings.Contains(failed.Message, "more than 16 MiB") {
			t.Errorf("%s: got %v, want a failure of kind memory", name, err)
		}
	}
	for body, want := range map[string]Kind{
		`throw null`: Exception, `throw "null"`: Exception, `let a = []; for (;;) a.push("x".repeat(1 << 20) + a.length)`: Memory,
	} {
		_, err := p.Run(t.Context(), script(t, p, `function transform(e) { `+body+` }`), order())
		var failed *RunError
		if !errors.As(err, &failed) || failed.Kind != want {
			t.Errorf("%s: got %v, want kind %s", body, err, want)
		}
	}
}

// TestTenantsShare: turns go to the tenant that has had the least time, whatever number of scripts and runs the other has, and a
// tenant that has had its share leaves a turn free for others.
func TestTenantsShare(t *testing.T) {
	g := newGate(2, 1000, time.Hour)
	g.allowance = 0.5
	ctx := t.Context()
	const greedy, modest event.TenantID = 1, 2
	own := scriptKey{2}
	g.known[own] = record{last: well}
	for i := range byte(50) {
		g.known[scriptKey{1, i}] = record{last: well}
	}
	granted := make(chan *turn, 1000)
	stop, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for i := range byte(50) {
		for range 4 {
			all.Go(func() {
				if turn, err := g.enter(stop, ctx, user{greedy, scriptKey{1, i}, false}); err == nil {
					granted <- turn
				}
			})
		}
	}
	// The greedy one's runs end as soon as they have begun, and say that they took a second of processor time each.
	all.Go(func() {
		for {
			select {
			case turn := <-granted:
				g.leave(turn, well, time.Second)
			case <-stop.Done():
				return
			}
		}
	})
	for range 50 {
		mine, err := g.enter(ctx, ctx, user{modest, own, false})
		if err != nil {
			t.Fatal(err)
		}
		if mine.doubted {
			t.Error("a run of the modest tenant is doubted, want normal priority")
		}
		g.leave(mine, well, time.Microsecond)
	}
	cancel()
	all.Wait()
	for len(granted) > 0 {
		g.leave(<-granted, well, time.Millisecond)
	}
	g.leave(enterAs(t, g, user{greedy, scriptKey{1, 1}, false}), well, 10*time.Second)
	if over := enterAs(t, g, user{greedy, scriptKey{1, 1}, false}); !over.doubted {
		t.Error("a tenant that has had its share has normal priority, want low")
	} else {
		g.leave(over, well, 0)
	}
	if other := enterAs(t, g, user{greedy, scriptKey{9}, false}); !other.doubted {
		t.Error("a script that has not run has normal priority, want low")
	} else {
		g.leave(other, well, 0)
	}
	if other := enterAs(t, g, user{greedy, scriptKey{9}, false}); other.doubted {
		t.Error("another script of the greedy tenant has low priority, want normal")
	} else {
		g.leave(other, well, 0)
	}
	if mine := enterAs(t, g, user{modest, own, false}); mine.doubted {
		t.Error("the modest tenant has low priority, want normal")
	} else {
		g.leave(mine, well, 0)
	}
	g.drain()
}

// TestTurnsByTime: of two tenants whose runs wait, the one that has had less time has the next turn, though it came later.
func TestTurnsByTime(t *testing.T) {
	g := newGate(1, 100, time.Hour)
	ctx := t.Context()
	var keys [4]scriptKey
	for i := range keys {
		keys[i] = scriptKey{byte(i)}
		g.known[keys[i]] = record{last: well}
	}
	g.leave(enterAs(t, g, user{1, keys[0], false}), well, time.Second)
	g.leave(enterAs(t, g, user{2, keys[1], false}), well, time.Millisecond)
	held := enterAs(t, g, user{3, keys[2], false})
	order := make(chan event.TenantID, 3)
	var all sync.WaitGroup
	for i, u := range []user{{1, keys[0], false}, {1, keys[3], false}, {2, keys[1], false}} {
		all.Go(func() {
			turn, err := g.enter(ctx, ctx, u)
			if err != nil {
				t.Error(err)
				return
			}
			order <- u.tenant
			g.leave(turn, well, time.Millisecond)
		})
		waitFor(g, i+1)
	}
	g.leave(held, well, 0)
	all.Wait()
	if first := <-order; first != 2 {
		t.Errorf("tenant %d has the first turn, want 2, which has had the least time", first)
	}
	g.drain()
}

// TestSavingIsLow: saving a script never has normal priority, also if its runs have.
func TestSavingIsLow(t *testing.T) {
	g := newGate(2, 100, time.Hour)
	g.known[scriptKey{1}] = record{last: well}
	if turn := enterAs(t, g, user{1, scriptKey{1}, true}); !turn.doubted {
		t.Error("saving has normal priority, want low")
	} else {
		g.leave(turn, unknown, time.Millisecond)
	}
	if turn := enterAs(t, g, user{1, scriptKey{1}, false}); turn.doubted {
		t.Error("a run has low priority, want normal")
	} else {
		g.leave(turn, well, time.Millisecond)
	}
	g.drain()
}

// TestRunEndsWithItsCaller: a run ends when its caller leaves, whether it works or waits.
func TestRunEndsWithItsCaller(t *testing.T) {
	p := pool(t, Options{Instances: 1, Timeout: time.Hour})
	loop := script(t, p, `function transform(e) { for (;;); }`)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			if _, err := p.Run(ctx, loop, order()); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the caller's error", err)
			}
		})
	}
	waitFor(p.gate, 4)
	cancel()
	all.Wait() // or the test's time is over
	if _, err := p.Run(t.Context(), script(t, p, `function transform(e) { return { body: 1 } }`), order()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func enterAs(t *testing.T, g *gate, u user) *turn {
	t.Helper()
	turn, err := g.enter(t.Context(), t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return turn
}

func waitFor(g *gate, waiting int) {
	for {
		g.mu.Lock()
		n := g.waiting
		g.mu.Unlock()
		if n >= waiting {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
