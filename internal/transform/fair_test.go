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

// TestClockIsTheCallers checks that a script sees the time that the caller gave, and the same time
// whenever it runs for an event, in any instance and at the top level.
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
				time.Sleep(2 * time.Millisecond) // the machine's clock advances
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

// TestMemoryInWords checks that data too large for the sandbox is a failure of kind memory whose
// message says so, even if the engine has no memory left for its own error. A script that throws
// null gets an ordinary exception.
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

// TestTenantsShare checks that slots go to the tenant with the least processor time, however many
// scripts and runs the other has, and that a tenant that has used up its share leaves a slot free
// for others.
func TestTenantsShare(t *testing.T) {
	sched := newScheduler(2, 1000, time.Hour)
	sched.allowance = 0.5
	ctx := t.Context()
	const greedy, modest event.TenantID = 1, 2
	own := scriptKey{2}
	sched.records[own] = record{last: well}
	for i := range byte(50) {
		sched.records[scriptKey{1, i}] = record{last: well}
	}
	granted := make(chan *slot, 1000)
	stop, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	for i := range byte(50) {
		for range 4 {
			all.Go(func() {
				if slot, err := sched.acquire(stop, ctx, user{greedy, scriptKey{1, i}, false}); err == nil {
					granted <- slot
				}
			})
		}
	}
	// The greedy tenant's runs end as soon as they begin, and claim a second of processor time
	// each.
	all.Go(func() {
		for {
			select {
			case slot := <-granted:
				sched.release(slot, well, time.Second)
			case <-stop.Done():
				return
			}
		}
	})
	for range 50 {
		mine, err := sched.acquire(ctx, ctx, user{modest, own, false})
		if err != nil {
			t.Fatal(err)
		}
		if mine.low {
			t.Error("a run of the modest tenant has low priority, want normal")
		}
		sched.release(mine, well, time.Microsecond)
	}
	cancel()
	all.Wait()
	for len(granted) > 0 {
		sched.release(<-granted, well, time.Millisecond)
	}
	sched.release(acquireAs(t, sched, user{greedy, scriptKey{1, 1}, false}), well, 10*time.Second)
	if over := acquireAs(t, sched, user{greedy, scriptKey{1, 1}, false}); !over.low {
		t.Error("a tenant that has had its share has normal priority, want low")
	} else {
		sched.release(over, well, 0)
	}
	if other := acquireAs(t, sched, user{greedy, scriptKey{9}, false}); !other.low {
		t.Error("a script that has not run has normal priority, want low")
	} else {
		sched.release(other, well, 0)
	}
	if other := acquireAs(t, sched, user{greedy, scriptKey{9}, false}); other.low {
		t.Error("another script of the greedy tenant has low priority, want normal")
	} else {
		sched.release(other, well, 0)
	}
	if mine := acquireAs(t, sched, user{modest, own, false}); mine.low {
		t.Error("the modest tenant has low priority, want normal")
	} else {
		sched.release(mine, well, 0)
	}
	sched.drain()
}

// TestTurnsByTime checks that of two tenants with waiting runs, the one with less processor time
// gets the next slot, even if it came later.
func TestTurnsByTime(t *testing.T) {
	sched := newScheduler(1, 100, time.Hour)
	ctx := t.Context()
	var keys [4]scriptKey
	for i := range keys {
		keys[i] = scriptKey{byte(i)}
		sched.records[keys[i]] = record{last: well}
	}
	sched.release(acquireAs(t, sched, user{1, keys[0], false}), well, time.Second)
	sched.release(acquireAs(t, sched, user{2, keys[1], false}), well, time.Millisecond)
	held := acquireAs(t, sched, user{3, keys[2], false})
	order := make(chan event.TenantID, 3)
	var all sync.WaitGroup
	for i, u := range []user{{1, keys[0], false}, {1, keys[3], false}, {2, keys[1], false}} {
		all.Go(func() {
			slot, err := sched.acquire(ctx, ctx, u)
			if err != nil {
				t.Error(err)
				return
			}
			order <- u.tenant
			sched.release(slot, well, time.Millisecond)
		})
		waitFor(sched, i+1)
	}
	sched.release(held, well, 0)
	all.Wait()
	if first := <-order; first != 2 {
		t.Errorf("tenant %d gets the first slot, want 2, which has used the least time", first)
	}
	sched.drain()
}

// TestSavingIsLow checks that saving a script never has normal priority, even if the script's runs
// have.
func TestSavingIsLow(t *testing.T) {
	sched := newScheduler(2, 100, time.Hour)
	sched.records[scriptKey{1}] = record{last: well}
	if slot := acquireAs(t, sched, user{1, scriptKey{1}, true}); !slot.low {
		t.Error("saving has normal priority, want low")
	} else {
		sched.release(slot, unknown, time.Millisecond)
	}
	if slot := acquireAs(t, sched, user{1, scriptKey{1}, false}); slot.low {
		t.Error("a run has low priority, want normal")
	} else {
		sched.release(slot, well, time.Millisecond)
	}
	sched.drain()
}

// TestRunEndsWithItsCaller checks that a run ends when its caller leaves, whether it is running or
// waiting.
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
	waitFor(p.scheduler, 4)
	cancel()
	all.Wait() // or the test times out
	if _, err := p.Run(t.Context(), script(t, p, `function transform(e) { return { body: 1 } }`), order()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func acquireAs(t *testing.T, sched *scheduler, u user) *slot {
	t.Helper()
	slot, err := sched.acquire(t.Context(), t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return slot
}

func waitFor(sched *scheduler, waiting int) {
	for {
		sched.mu.Lock()
		n := sched.waiting
		sched.mu.Unlock()
		if n >= waiting {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
