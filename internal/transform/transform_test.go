package transform

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/relay-events/relay/internal/testenv"
)

func TestMain(m *testing.M) {
	code := m.Run()
	testPool().Close()
	_ = compiled.Close(context.Background())
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// testPool is shared by the tests that only run scripts.
var testPool = sync.OnceValue(func() *Pool { return NewPool(Options{Timeout: timeLimit()}) })

// timeLimit leaves ordinary scripts time under the race detector.
func timeLimit() time.Duration {
	if testenv.Race {
		return 10 * time.Second
	}
	return time.Second
}

func pool(t testing.TB, o Options) *Pool {
	p := NewPool(o)
	t.Cleanup(p.Close)
	return p
}

func order() Input {
	return Input{
		ID: "evt_1", Type: "order.created", Key: "k", Time: time.Date(2026, 5, 5, 14, 23, 0, 5e6, time.UTC),
		Data:       []byte(`{"id":"ord_1","amount":142,"big":9007199254740993,"name":"Zoë 😀","items":[{"sku":"A"},{"sku":"B"}]}`),
		Attributes: []byte(`{"version":"2026-05-05"}`),
	}
}

func script(t testing.TB, p *Pool, source string) *Script {
	t.Helper()
	s, err := p.Compile(context.Background(), 1, source)
	if err != nil {
		t.Fatalf("Compile(%q): %v", source, err)
	}
	return s
}

func TestRun(t *testing.T) {
	p := pool(t, Options{Timeout: timeLimit()})
	for _, tt := range []struct {
		source string
		want   Output
	}{
		{`function transform(event) { return { body: { text: "New " + event.data.id, n: event.data.items.length } } }`,
			Output{Body: []byte(`{"text":"New ord_1","n":2}`)}},
		{`const transform = (e) => ({ body: e, headers: { "X-Kind": e.type, n: 1 }, query: { a: true, none: null }, url: "/hooks" })`,
			Output{Body: []byte(`{"id":"evt_1","type":"order.created","time":"2026-05-05T14:23:00.005Z","key":"k","attributes":{"version":"2026-05-05"},` +
				`"data":{"id":"ord_1","amount":142,"big":9007199254740992,"name":"Zoë 😀","items":[{"sku":"A"},{"sku":"B"}]}}`),
				Headers: map[string]string{"X-Kind": "order.created", "n": "1"}, Query: map[string]string{"a": "true"}, URL: "/hooks"}},
		{`function transform(event) { return { body: '{"d":' + event.rawData + '}' } }`,
			Output{Text: true, Body: []byte(`{"d":` + string(order().Data) + `}`)}},
		{`function transform() { return null }`, Output{Drop: true}},
		{`function transform() { return { body: null, headers: {}, query: null } }`, Output{Body: []byte("null"), Headers: map[string]string{}}},
		{`function transform() { return { body: "" } }`, Output{Text: true}},
		{`function transform() { return {} }`, Output{NoBody: true}},
		{`function transform() { return { body: undefined, headers: { a: "b" } } }`, Output{NoBody: true, Headers: map[string]string{"a": "b"}}},
		{`function transform() { return { body: "line 1\nline 2 \ud800" } }`, Output{Text: true, Body: []byte("line 1\nline 2 \ufffd")}},
		{`function transform() { return { body: ["\ud800", "\n"] } }`, Output{Body: []byte(`["\ud800","\n"]`)}},
		{`let n = 0; const seen = []; function transform() { seen.push(++n); return { body: seen } }`, Output{Body: []byte("[1]")}},
		{`"use strict"; class A { #x = 1; get x() { return this.#x } }; var transform = () => ({ body: [new A().x, 2n ** 64n + "", [..."añ"], /(?<y>\d{4})/.exec("2026").groups.y] })`,
			Output{Body: []byte(`[1,"18446744073709551616",["a","ñ"],"2026"]`)}},
	} {
		s := script(t, p, tt.source)
		for run := range 3 {
			got, err := p.Run(t.Context(), s, order())
			if len(got.Body) == 0 {
				got.Body = nil
			}
			if err != nil || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("%s, run %d: got %+v (%s), %v; want %+v (%s)", tt.source, run, got, got.Body, err, tt.want, tt.want.Body)
			}
		}
	}
	s := script(t, p, `function transform(e) { return { body: [e.data, e.attributes, e.rawData, Object.keys(e)] } }`)
	got, err := p.Run(t.Context(), s, Input{ID: "x"})
	if want := `[null,{},"",["id","type","time","key","attributes","data"]]`; err != nil || string(got.Body) != want {
		t.Errorf("of an empty event: got %s, %v; want %s", got.Body, err, want)
	}
}

func TestRunErrors(t *testing.T) {
	p := testPool()
	for _, tt := range []struct {
		source string
		kind   Kind
		line   int
		want   string
	}{
		{"function transform(event) {\n\n  return event.data.a.b\n}", Exception, 3, "TypeError: cannot read property 'b' of undefined"},
		{"const transform = (event) => {\n const x = 1\n return {\n  body: event.data.missing.\n\tname } }", Exception, 1, "cannot read property 'name' of undefined"},
		{"function transform(event) {\n let o\n\n o.x = 1\n return { body: 2 } }", Exception, 4, "cannot set property 'x' of undefined"},
		{"function transform(event) {\n\n return nope(event) }", Exception, 3, "ReferenceError: nope is not defined"},
		{"function f(){\n throw new RangeError('no') }\nfunction transform(event) { f() }", Exception, 2, "RangeError: no"},
		{"function transform(event) { throw 'just text' }", Exception, 0, "just text"},
		{"function transform(event) { throw undefined }", Exception, 0, "undefined"},
		{"function transform(event) { throw { get message() { throw 1 }, toString() { throw 2 } } }", Exception, 0, "without a message"},
		{"function transform(event) { throw Object.create(Error.prototype, { stack: { get() { throw 1 } }, message: { value: 'x' } }) }", Exception, 0, "Error: x"},
		{"function transform(event) { return { get body() {\n throw new Error('getter') } } }", Exception, 2, "Error: getter"},
		{"function transform(event) { return { body: { toJSON() { throw new Error('json') } } } }", Exception, 1, "Error: json"},
		{"function transform(event) { const a = {}; a.a = a; return { body: a } }", Exception, 0, "TypeError: circular"},
		{"function transform(event) { return { body: 1n } }", Exception, 0, "TypeError"},
		{"function transform(event) { }", Result, 0, "returned nothing"},
		{"function transform(event) { return 'x' }", Result, 0, "returned a string"},
		{"function transform(event) { return [] }", Result, 0, "returned an array"},
		{"async function transform(event) { return { body: 1 } }", Result, 0, "Promise"},
		{"function* transform(event) { }", Result, 0, "no body"},
		{"function transform(event) { return new Map }", Result, 0, "no body"},
		{"function transform(event) { return { body: () => 1 } }", Result, 0, "cannot be written as JSON"},
		{"function transform(event) { return { body: 1, header: {} } }", Result, 0, `unknown member "header"`},
		{"function transform(event) { return { body: 1, headers: { a: {} } } }", Result, 0, `headers["a"]`},
		{"function transform(event) { return { body: 1, query: [1] } }", Result, 0, "query must be"},
		{"function transform(event) { return { body: 1, url: 7 } }", Result, 0, "url must be"},
		{"function transform(event) { return { body: 'x'.repeat(1048577) } }", Result, 0, "longer than"},
		{"function transform(event) { return { body: 'é'.repeat(600000) } }", Result, 0, "want at most 1048576"},
	} {
		s := script(t, p, tt.source)
		out, err := p.Run(t.Context(), s, order())
		var failed *RunError
		if !errors.As(err, &failed) || failed.Kind != tt.kind || failed.Line != tt.line || !strings.Contains(failed.Message, tt.want) {
			t.Errorf("%s: got %+v, %v; want %s at line %d with %q", tt.source, out, err, tt.kind, tt.line, tt.want)
		}
	}
}

func TestCompileRefuses(t *testing.T) {
	p := testPool()
	for _, tt := range []struct {
		source string
		line   int
		want   string
	}{
		{"", 0, "must define function transform"},
		{"var transform = 1", 0, "must define function transform"},
		{"function Transform() {}", 0, "must define function transform"},
		{"function transform(event) {\n  return {\n}", 3, "SyntaxError"},
		{"function transform(event) {}\n\nlet x = ;", 3, "SyntaxError"},
		{"function transform(event) {}\nnull.x", 2, "TypeError"},
		{"import fs from 'fs'; function transform() {}", 1, "SyntaxError"},
		{"export function transform() {}", 1, "SyntaxError"},
		{"function transform() {}; throw 1", 0, "1"},
		{"function transform() {}; const a = new Uint8Array(8 << 20)", 0, "memory outside transform"},
		{"function transform() {}" + strings.Repeat(" ", MaxSourceBytes), 0, "at most 65536 bytes"},
		{"function transform() {}\n" + strings.Repeat("(", 60000), 0, ""},
		{"\xff\xfe", 0, ""},
		{"\x00", 0, ""},
	} {
		s, err := p.Compile(t.Context(), 1, tt.source)
		var refused *Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Message, tt.want) || tt.want != "" && refused.Line != tt.line {
			t.Errorf("Compile(%.60q): got %v, %v; want an Error at line %d with %q", tt.source, s, err, tt.line, tt.want)
		}
	}
}

// TestClockAndChance checks that the clock is the caller's and stands still, and that random
// numbers depend only on the event.
func TestClockAndChance(t *testing.T) {
	p := testPool()
	s := script(t, p, `const early = Math.random(); function transform() {
		const start = Date.now(); for (let i = 0; i < 1e5; i++); 
		return { body: [Date.now() - start, new Date().getTime() - start, new Date().getTimezoneOffset(), typeof performance === "object" ? performance.now() - performance.now() : 0, start, Math.random(), Math.random(), early] } }`)
	bodies := map[string]string{}
	for _, id := range []string{"a", "b", "a", "b"} {
		now := time.Now()
		out, err := p.Run(t.Context(), s, Input{ID: id, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		var still [4]float64
		var start, r1, r2, early float64
		text := strings.NewReplacer("[", "", "]", "", ",", " ").Replace(string(out.Body))
		if _, err := fmt.Sscan(text, &still[0], &still[1], &still[2], &still[3], &start, &r1, &r2, &early); err != nil {
			t.Fatalf("reading %s: %v", out.Body, err)
		}
		if still != [4]float64{} || int64(start) != now.UnixMilli() {
			t.Errorf("got %s, want a clock that stands still at the run's time, UTC", out.Body)
		}
		if r1 < 0 || r1 >= 1 || r1 == r2 {
			t.Errorf("got random numbers %v and %v, want different ones in [0, 1)", r1, r2)
		}
		got := fmt.Sprint(r1, r2)
		if was, ok := bodies[id]; ok && was != got {
			t.Errorf("event %s: got %s, want %s as before", id, got, was)
		}
		bodies[id] = got
	}
	if bodies["a"] == bodies["b"] {
		t.Errorf("got the same random numbers %s for two events", bodies["a"])
	}
}

func TestContextsAndClose(t *testing.T) {
	p := NewPool(Options{Instances: 1, Timeout: time.Minute})
	s := script(t, p, `function transform(e) { while (e.data) ; return null }`)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 3)
	running := make(chan struct{})
	go func() {
		close(running)
		_, err := p.Run(ctx, s, order())
		ended <- err
	}()
	<-running
	time.AfterFunc(50*time.Millisecond, cancel)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("of a run whose context ended: got %v, want %v", err, context.Canceled)
	}
	if _, err := p.Run(ctx, s, Input{}); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: got %v, want %v", err, context.Canceled)
	}
	if out, err := p.Run(t.Context(), s, Input{}); err != nil || !out.Drop {
		t.Errorf("after an interrupted run: got %+v, %v; want it dropped", out, err)
	}
	// One runs, two wait; Close ends all.
	for range cap(ended) {
		go func() {
			_, err := p.Run(context.Background(), s, order())
			ended <- err
		}()
	}
	for {
		p.scheduler.mu.Lock()
		waiting := p.scheduler.waiting
		p.scheduler.mu.Unlock()
		if waiting == cap(ended)-1 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	p.Close()
	for range cap(ended) {
		if err := <-ended; !errors.Is(err, ErrClosed) {
			t.Errorf("of a run the pool was closed on: got %v, want %v", err, ErrClosed)
		}
	}
	p.Close()
	if _, err := p.Run(t.Context(), s, order()); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: got %v, want %v", err, ErrClosed)
	}
	NewPool(Options{}).Close() // never used
}
