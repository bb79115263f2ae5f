package transform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/testenv"
)

// bombs are scripts that use all available time or memory.
var bombs = []string{
	`while(true){}`,
	`for(;;) try { throw 1 } catch {} `,
	`let s='x'; for(;;) s+=s`,
	`let a=[]; for(;;) a.push({a:1})`,
	`let a=[]; for(;;) a.push('x'.repeat(1<<20)+a.length)`,
	`let a=[]; for(;;) try { for(;;) a.push(new Uint8Array(1<<16)) } catch {}`,
	`'x'.repeat(1<<28)`,
	`'x'.repeat(1<<29).repeat(16)`,
	`'a'.padStart(5e8)`,
	`new Array(1e8).fill(1)`,
	`Array.from({length:1e9})`,
	`new Array(1e9).join('abcdef')`,
	`new Array(4e8).fill(1).sort()`,
	`new Uint8Array(1<<30)`,
	`/^(?=(a+)+$)a/.test('a'.repeat(36)+'!')`,
	`/^(a+)+\1$/.test('a'.repeat(36)+'!')`,
	`/(x+x+)+y/.test('x'.repeat(40))`,
	`new RegExp('(a{1,1000}){1,1000}'.repeat(50)).test('a'.repeat(1e5))`,
	`2n**(2n**26n)`,
	`let n=3n; for(;;) n*=n`,
	`JSON.parse('['.repeat(1e6)+']'.repeat(1e6))`,
	`eval('('.repeat(1e6)+'1'+')'.repeat(1e6))`,
	`let o={}; for(let i=0;i<1e6;i++) o={o}; JSON.stringify(o)`,
	`(function f(){f()})()`,
	`(function f(){ try { f() } finally { f() } })()`,
	`let o={get a(){return this.a}}; o.a`,
	`let p=new Proxy({},{get(t,k,r){return r[k]}}); p.x`,
	`[...Array(3e6).keys()].map(String).sort()`,
	`return {body:'x'.repeat(100<<20)}`,
	`return {body:Array(1e6).fill('x'.repeat(100))}`,
	`return {body:{toJSON(){return this}, get a(){for(;;);}}}`,
	`return {body:{toJSON(){ return {a:new this.constructor, toJSON:this.toJSON, b:this} }}}`,
	`const o={toJSON(){return {o:{...o}}}}; return {body:o}`,
	`return {get body(){for(;;);}}`,
	`return {body:1, headers:new Proxy({},{ownKeys(){for(;;);}})}`,
	`return new Proxy({},{get(){for(;;);}})`,
	`throw {toString(){for(;;);}}`,
	`throw new Proxy(Error.prototype,{get(){for(;;);}})`,
	`function* g(){for(;;) yield 1}; return {body:[...g()]}`,
	`function* g(){for(;;) yield 1}; for(const x of g());`,
	`Promise.resolve().then(function f(){ return Promise.resolve().then(f) }); for(;;);`,
	`let a=[]; for(;;) { a=[a,a]; if (Math.random()<1e-9) break }`,
	`let s=new Set; for(let i=0;;i++) s.add(i)`,
	`let m={}; for(let i=0;;i++) m['k'+i]=i`,
	`Symbol.for('x'.repeat(1<<26)); for(let i=0;;i++) Symbol.for('k'+i)`,
	`let b=new ArrayBuffer(1,{maxByteLength:1<<30}); b.resize(1<<30); new Uint8Array(b).fill(1)`,
	`for(let i=0;;i++) new Function('return '+i)()`,
	`let f=()=>{}; for(;;) f=f.bind(null,1); `,
	`'a'.repeat(1<<20).split('').map(x=>x.repeat(1<<10))`,
	`('a'.repeat(1<<22)).replace(/a/g, '$&$&$&$&$&$&$&$&')`,
	`new Date(8.64e15).toLocaleString(); for(;;) new Intl.NumberFormat()`,
}

// trust marks a script as proven, so that a test can fill all instances with bombs.
func (s *scheduler) trust(key scriptKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[key] = record{last: well}
}

// resident returns the resident memory of the process in bytes, after freeing as much as possible.
func resident(t testing.TB) int {
	runtime.GC()
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		testenv.Skip(t, "no /proc/self/statm to read the memory of the process from")
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// TestBombs checks that each bomb ends within the time limit, by the limit or by its own error, as
// far as the machine lets it run. Right afterwards the pool serves other runs. The process must
// stay within its memory limit while bombs run and must not keep memory afterwards.
func TestBombs(t *testing.T) {
	const limit = 300 * time.Millisecond
	o := Options{Instances: 2, Timeout: limit, MemoryMB: 64}
	slack := limit
	if testenv.Race {
		o.Timeout, slack = 3*time.Second, 3*time.Second
	}
	p := pool(t, o)
	good := script(t, p, `function transform(e) { return { body: e.data.id } }`)
	before := resident(t)

	peak := make(chan int)
	stop := make(chan struct{})
	go func() { // samples the resident memory while the bombs run
		top := 0
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				peak <- top
				return
			case <-tick.C:
				if b, err := os.ReadFile("/proc/self/statm"); err == nil {
					if n, err := strconv.Atoi(strings.Fields(string(b))[1]); err == nil {
						top = max(top, n*os.Getpagesize())
					}
				}
			}
		}
	}()
	// Two at once, so that both instances are full at the same time.
	run := func(bomb string) {
		s, err := p.Compile(t.Context(), 1, "function transform(event) {\n"+bomb+"\n}")
		if err != nil {
			t.Errorf("%s: does not compile: %v", bomb, err)
			return
		}
		// Waiting for an instance does not count: there are slots for both runs.
		p.scheduler.trust(s.key)
		start := time.Now()
		out, err := p.Run(t.Context(), s, order())
		took := time.Since(start)
		var failed *RunError
		if err != nil && !errors.As(err, &failed) {
			t.Errorf("%s: got %v, want a *RunError", bomb, err)
		}
		if took > maxStall*o.Timeout+slack {
			t.Errorf("%s: took %v, want at most %v", bomb, took, maxStall*o.Timeout+slack)
		}
		t.Logf("%-90s %8v %v %d bytes", bomb, took.Round(time.Millisecond), err, len(out.Body))
	}
	step := 2
	if testenv.Race {
		step = 14 // each takes seconds
	}
	for i := 0; i < len(bombs); i += step {
		var pair sync.WaitGroup
		for _, bomb := range bombs[i:min(i+2, len(bombs))] {
			pair.Go(func() { run(bomb) })
		}
		pair.Wait()
		if out, err := p.Run(t.Context(), good, order()); err != nil || string(out.Body) != "ord_1" {
			t.Errorf("after %s: got %+v, %v from another script", bombs[i], out, err)
		}
	}
	close(stop)
	top := <-peak
	t.Logf("resident: %d MiB before, %d MiB at most, %d MiB after", before>>20, top>>20, resident(t)>>20)
	if testenv.Race {
		return // the detector's shadow memory is several times the memory it watches
	}
	if grown, most := top-before, o.Instances*o.MemoryMB<<20+16<<20; grown > most {
		t.Errorf("the process grew by %d MiB, want at most %d MiB", grown>>20, most>>20)
	}
	if grown := resident(t) - before; grown > 16<<20 {
		t.Errorf("the process kept %d MiB, want at most 16 MiB", grown>>20)
	}
}

// TestBombsAtTopLevel checks that loading a script is limited like running it.
func TestBombsAtTopLevel(t *testing.T) {
	p := pool(t, Options{Timeout: 300 * time.Millisecond})
	_, _ = p.Compile(t.Context(), 1, "") // the first use compiles the engine
	for _, source := range []string{
		`while(true){}; function transform() {}`,
		`let a=[]; for(;;) a.push({}); function transform() {}`,
		`(function f(){f()})(); function transform() {}`,
		`function transform() {}; Object.defineProperty(globalThis,'x',{get(){for(;;);}}); x`,
	} {
		start := time.Now()
		_, err := p.Compile(t.Context(), 1, source)
		var refused *Error
		if !errors.As(err, &refused) {
			t.Errorf("%s: got %v, want an *Error", source, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: took %v", source, took)
		}
	}
	if _, err := p.Compile(t.Context(), 1, `function transform() {}`); err != nil {
		t.Errorf("after bombs: %v", err)
	}
}

// TestBombsDoNotStarve checks that a working script gets its slots at once while a hundred bombs
// wait, of one script and of a hundred scripts.
func TestBombsDoNotStarve(t *testing.T) {
	if testenv.Race {
		return // under the race detector quick scripts count as slow and wait accordingly
	}
	p := pool(t, Options{Instances: 2, Timeout: 100 * time.Millisecond})
	good := script(t, p, `function transform(e) { return { body: e.data.id } }`)
	if _, err := p.Run(t.Context(), good, order()); err != nil { // only a successful run proves it
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{}, 100)
	for i := range cap(ended) {
		source := "function transform() { while(true){} }"
		if i%2 == 0 {
			source += fmt.Sprint("//", i)
		}
		s := &Script{source: source, key: [32]byte{1, byte(i % 2 * (i + 1)), byte(i)}}
		go func() {
			_, _ = p.Run(ctx, s, order())
			ended <- struct{}{}
		}()
	}
	for {
		p.scheduler.mu.Lock()
		waiting := p.scheduler.waiting
		p.scheduler.mu.Unlock()
		if waiting >= cap(ended)-1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	// All bombs together need 10 s on the one instance available to them. If the good runs had to
	// queue among them, twenty of them would not finish while bombs are still waiting.
	for range 20 {
		if out, err := p.Run(t.Context(), good, order()); err != nil || string(out.Body) != "ord_1" {
			t.Errorf("among bombs: got %+v, %v", out, err)
		}
	}
	p.scheduler.mu.Lock()
	waiting := p.scheduler.waiting
	p.scheduler.mu.Unlock()
	if waiting < cap(ended)/2 {
		t.Errorf("%d bombs were still waiting when 20 good runs were done, want most of %d", waiting, cap(ended))
	}
	cancel()
	for range cap(ended) {
		<-ended
	}
}

// TestBombsComeLast checks that a script without history gets its slot before those that ended
// badly, and that the latter pause after each run for as long as it took.
func TestBombsComeLast(t *testing.T) {
	sched := newScheduler(2, 100, time.Hour)
	ctx := t.Context()
	acquire := func(key byte) *slot {
		t.Helper()
		slot, err := sched.acquire(ctx, ctx, user{key: scriptKey{key}})
		if err != nil {
			t.Fatal(err)
		}
		return slot
	}
	const bomb, other, fresh = 1, 2, 3
	order := make(chan byte, 3)
	wait := func(key byte, waiting int) {
		go func() {
			slot, err := sched.acquire(ctx, ctx, user{key: scriptKey{key}})
			if err != nil {
				t.Error(err)
				return
			}
			order <- key
			sched.release(slot, badly, 0)
		}()
		for {
			sched.mu.Lock()
			n := sched.waiting
			sched.mu.Unlock()
			if n == waiting {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	sched.release(acquire(other), badly, 0)
	first := acquire(bomb) // takes the only slot for low-priority runs
	wait(other, 1)
	wait(bomb, 2)
	wait(fresh, 3)
	const took = 200 * time.Millisecond
	start := time.Now()
	sched.release(first, badly, took)
	if got := <-order; got != fresh {
		t.Errorf("got the script %d first, want the fresh one, %d", got, fresh)
	}
	if got := <-order; got != other {
		t.Errorf("got the script %d second, want %d", got, other)
	}
	if rested := time.Since(start); rested < took {
		t.Errorf("got a slot after %v, want a pause of %v before", rested, took)
	}
	<-order
	// Proven scripts get slots all the time.
	sched.release(acquire(bomb), well, 0)
	sched.release(acquire(other), badly, time.Hour)
	sched.release(acquire(bomb), well, 0)
	sched.drain()
}

// TestSlowScriptsDoNotStarve checks that a hundred slow scripts that end well leave an instance to
// a quick one, even if each was quick before and is quick every other time.
func TestSlowScriptsDoNotStarve(t *testing.T) {
	if testenv.Race {
		return // under the race detector quick scripts count as slow and wait accordingly
	}
	for name, quickToo := range map[string]bool{"always": false, "every other time": true} {
		t.Run(name, func(t *testing.T) {
			sched := newScheduler(2, 200, 50*time.Millisecond)
			ctx := t.Context()
			const scripts = 100
			for i := range byte(scripts) {
				sched.records[scriptKey{1, i}] = record{last: well}
			}
			good := scriptKey{2}
			sched.records[good] = record{last: well}
			// One round runs each script once. No time passes; the test reports the time as took.
			round := func(took time.Duration) {
				for i := range byte(scripts) {
					slot, err := sched.acquire(ctx, ctx, user{key: scriptKey{1, i}})
					if err != nil {
						t.Fatal(err)
					}
					sched.release(slot, well, took)
				}
			}
			round(900 * time.Millisecond)
			if quickToo {
				round(time.Millisecond)
				round(900 * time.Millisecond)
			}
			// All come at once, and none ends.
			slots := make(chan *slot, scripts)
			stop, cancel := context.WithCancel(ctx)
			var all sync.WaitGroup
			for i := range byte(scripts) {
				all.Go(func() {
					if slot, err := sched.acquire(stop, ctx, user{key: scriptKey{1, i}}); err == nil {
						slots <- slot
					}
				})
			}
			first := <-slots
			for waiting := 0; waiting < scripts-1; time.Sleep(time.Millisecond) {
				sched.mu.Lock()
				waiting = sched.waiting
				sched.mu.Unlock()
			}
			limited, end := context.WithTimeout(ctx, 20*time.Second)
			defer end()
			for range 20 {
				slot, err := sched.acquire(limited, ctx, user{key: good})
				if err != nil {
					t.Fatalf("a quick script among slow ones: got %v, want a slot", err)
				}
				if slot.low {
					t.Errorf("got the slot %+v, want normal priority", slot)
				}
				// Together less than the hundredth part of the allowance, its share.
				sched.release(slot, well, 100*time.Microsecond)
			}
			if !first.low || len(slots) > 0 {
				t.Errorf("got %d more slots for slow scripts, the first %+v; want one at a time, of low priority", len(slots), first)
			}
			cancel()
			all.Wait()
			sched.release(first, well, time.Millisecond)
			for len(slots) > 0 {
				sched.release(<-slots, well, time.Millisecond)
			}
			// One stall does not make a script slow, and quick runs make it quick again.
			for _, took := range []time.Duration{300 * time.Millisecond, time.Millisecond, 300 * time.Millisecond} {
				slot, err := sched.acquire(ctx, ctx, user{key: good})
				if err != nil {
					t.Fatal(err)
				}
				sched.release(slot, well, took)
			}
			if r := sched.records[good]; r.usual < 50*time.Millisecond || sched.proven(r) {
				t.Errorf("after two stalls in three runs: got %+v, want it not proven", r)
			}
			for range 10 {
				slot, err := sched.acquire(ctx, ctx, user{key: good})
				if err != nil {
					t.Fatal(err)
				}
				sched.release(slot, well, time.Millisecond)
			}
			if !sched.proven(sched.records[good]) {
				t.Errorf("after ten quick runs: got %+v, want it proven", sched.records[good])
			}
			sched.drain()
		})
	}
}

// TestNothingToReach checks that no part of the host is reachable, and that no state persists from
// run to run or script to script.
func TestNothingToReach(t *testing.T) {
	p := pool(t, Options{Instances: 1, Timeout: timeLimit()})
	for _, tt := range []struct{ body, want string }{
		{`({}).constructor.constructor('return typeof process + typeof require + typeof std')()`, `undefinedundefinedundefined`},
		{`Object.keys(({}).constructor.constructor('return this')())`, `["transform"]`},
		{`(function(){}).constructor("return Object.getOwnPropertyNames(this).filter(n => /^(std|os|bjson|require|process|global|window|relay)$/.test(n))")()`, `[]`},
		{`(() => { try { return typeof (new Error).stack + arguments.callee.caller } catch (e) { return e.name } })()`, `stringundefined`},
	} {
		s := script(t, p, "function transform(e) { return { body: "+tt.body+" } }")
		out, err := p.Run(t.Context(), s, order())
		if err != nil {
			var failed *RunError
			if !errors.As(err, &failed) || !strings.Contains(failed.Message, tt.want) {
				t.Errorf("%s: got %v, want %s", tt.body, err, tt.want)
			}
			continue
		}
		if string(out.Body) != tt.want {
			t.Errorf("%s: got %s, want %s", tt.body, out.Body, tt.want)
		}
	}
	for _, name := range []string{"require", "process", "fetch", "std", "os", "bjson", "print", "console", "setTimeout", "setInterval", "XMLHttpRequest", "WebSocket",
		"Deno", "Bun", "module", "exports", "scriptArgs", "WebAssembly", "Worker", "gc", "__loadScript", "performance", "relay", "Intl", "window", "self", "global"} {
		s := script(t, p, "function transform(e) { return { body: typeof "+name+" } }")
		if out, err := p.Run(t.Context(), s, order()); err != nil || string(out.Body) != "undefined" {
			t.Errorf("typeof %s: got %s, %v; want undefined", name, out.Body, err)
		}
	}
	// import() of anything is rejected or throws; it never resolves.
	s := script(t, p, `let got = "nothing"; function transform(e) { for (const m of ["fs", "std", "os", "qjs:std", "qjs:os", "./transform.js", "/etc/passwd"]) { try { import(m).then(() => { got = m }, () => {}) } catch {} } return { body: got } }`)
	for range 2 {
		if out, err := p.Run(t.Context(), s, order()); err != nil || string(out.Body) != "nothing" {
			t.Errorf("import: got %s, %v; want nothing", out.Body, err)
		}
	}
}

// TestNothingStays poisons everything that a script can reach, then looks for traces from the same
// and from another script.
func TestNothingStays(t *testing.T) {
	p := pool(t, Options{Instances: 1, Timeout: timeLimit()})
	const look = `function look() { return [typeof globalThis.x, ({}).y === undefined, [].map === MAP, JSON.stringify === STR, typeof secret, Math.random === RND, Object.keys(Object.prototype).length, Array.prototype.length] }
		const MAP = Array.prototype.map, STR = JSON.stringify, RND = Math.random; let secret0;`
	poison := script(t, p, look+`var n = 0; function transform(e) {
		const seen = look();
		if (n++ || globalThis.secret) return { body: "state stayed" };
		globalThis.x = 1; globalThis.secret = "tenant A: " + e.id; Object.prototype.y = 1; Array.prototype.map = () => "poisoned"; Array.prototype[7] = 1;
		JSON.stringify = () => '"poisoned"'; JSON.parse = () => ({ data: {}, id: "poisoned" }); Math.random = () => 4; Error.prototype.toString = () => "poisoned";
		String.prototype.slice = () => "poisoned"; Object.freeze(Object.prototype); Object.defineProperty(globalThis, "transform", { value: () => "poisoned" });
		Object.defineProperty(Object.prototype, "headers", { get() { return { stolen: "1" } } });
		return { body: seen } }`)
	other := script(t, p, look+`function transform(e) { return { body: look() } }`)
	const clean = `["undefined",true,true,true,"undefined",true,0,0]`
	for run := range 3 {
		for name, s := range map[string]*Script{"the poisoner": poison, "another": other} {
			out, err := p.Run(t.Context(), s, order())
			if err != nil && run == 0 && name == "the poisoner" {
				t.Logf("the poisoner hurts itself: %v", err)
			}
			if name == "another" && (err != nil || string(out.Body) != clean || out.Headers != nil) {
				t.Errorf("run %d of %s: got %s %v, %v; want %s", run, name, out.Body, out.Headers, err, clean)
			}
			if name == "the poisoner" && err == nil && string(out.Body) != clean {
				t.Errorf("run %d of %s: got %s, want %s", run, name, out.Body, clean)
			}
		}
	}
	// Data is data, whatever its names.
	in := order()
	in.Data = []byte(`{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"toString":"x"}`)
	in.Attributes = []byte(`{"__proto__":{"polluted":true}}`)
	s := script(t, p, `function transform(e) { return { body: [({}).admin === undefined, ({}).polluted === undefined, Object.keys(e.data), e.data.admin === undefined, e.polluted === undefined] } }`)
	if out, err := p.Run(t.Context(), s, in); err != nil || string(out.Body) != `[true,true,["__proto__","constructor","toString"],true,true]` {
		t.Errorf("names as those of prototypes: got %s, %v", out.Body, err)
	}
}

// TestMemoryIsPutBack checks that after any run the memory is restored bit by bit.
func TestMemoryIsPutBack(t *testing.T) {
	p := pool(t, Options{Instances: 1, Timeout: timeLimit()})
	s := script(t, p, `const top = [1,2,3]; function transform(e) { return { body: "TENANT-SECRET-".repeat(20) + e.rawData.length } }`)
	in := order()
	in.Data = []byte(`"` + strings.Repeat("EVENT-SECRET-", 5000) + `"`)
	if _, err := p.Run(t.Context(), s, in); err != nil {
		t.Fatal(err)
	}
	i, img := p.idle[0], p.images.get(s.key)
	if err := i.restore(img); err != nil {
		t.Fatal(err)
	}
	mem, _ := i.module.Memory().Read(0, i.module.Memory().Size())
	for _, secret := range []string{"EVENT-SECRET-", "TENANT-SECRET-TENANT-SECRET-"} {
		if strings.Contains(string(mem), secret) {
			t.Errorf("%q is still in the memory", secret)
		}
	}
	fresh := make([]byte, len(mem))
	img.restore(fresh, p.engine.base)
	if string(fresh) != string(mem) {
		t.Error("the memory differs from one that was never used")
	}
}

// TestManyEvents checks that growing memory and discarded instances have no visible effect, over
// events of all sizes.
func TestManyEvents(t *testing.T) {
	p := pool(t, Options{Timeout: timeLimit()})
	s := script(t, p, `function transform(e) { return { body: e.data.map(x => x) } }`)
	n := 300
	if testenv.Race {
		n = 30
	}
	for i := range n {
		in := Input{ID: "e", Data: []byte("[" + strings.TrimSuffix(strings.Repeat("\"abcdefgh\",", 1+i*37%3000), ",") + "]")}
		out, err := p.Run(t.Context(), s, in)
		if err != nil || string(out.Body) != string(in.Data) {
			t.Fatalf("event %d of %d bytes: got %.60s, %v; want it back", i, len(in.Data), out.Body, err)
		}
	}
}
