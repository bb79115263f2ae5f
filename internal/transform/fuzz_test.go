package transform

import (
	"errors"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event/rawjson"
)

// FuzzRun checks that for any source and data the errors are of the documented kinds, bodies other
// than text are JSON, and the pool can serve the next run.
func FuzzRun(f *testing.F) {
	// No endless scripts: minimizing an input that takes all of its time would take all of the
	// fuzzer's.
	f.Add(`function transform(e) { return { body: e, headers: e.data, query: e.attributes, url: e.id } }`, `{"a":"\u0000","__proto__":{}}`)
	f.Add(`globalThis.transform = e => { throw e.data }`, `"x"`)
	f.Add(`const transform = ({data}) => ({ body: { toJSON: () => data?.a ?? [..."x"].map(String) } })`, `{"a":[1,2.5e3,"\ud83d\ude00"]}`)
	f.Add(`function transform() { throw "" }`, `null`)
	f.Add("let transform = class { static x = 1 }; transform = function*() { yield* [] }", `null`)
	f.Add("function transform(e) { try { JSON.parse(e.rawData + '}') } catch (x) { x.stack = 'transform.js:7:1'; throw x } }", `{}`)
	p := NewPool(Options{Timeout: 50 * time.Millisecond, MemoryMB: 16})
	f.Cleanup(p.Close)
	good, err := p.Compile(f.Context(), 1, `function transform(e) { return { body: e.data } }`)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, source, data string) {
		if rawjson.Check([]byte(data), rawjson.Limits{}) != nil {
			data = "null"
		}
		s, err := p.Compile(t.Context(), 1, source)
		if err != nil {
			var refused *Error
			if !errors.As(err, &refused) || refused.Message == "" {
				t.Fatalf("Compile(%q): got %v, want an *Error", source, err)
			}
			return
		}
		in := order()
		in.Data = []byte(data)
		out, err := p.Run(t.Context(), s, in)
		var failed *RunError
		if err != nil && (!errors.As(err, &failed) || failed.Message == "") {
			t.Fatalf("%q: got %v, want a *RunError", source, err)
		}
		if err == nil && !out.Drop && !out.Text && !out.NoBody {
			if err := rawjson.Check(out.Body, rawjson.Limits{Depth: rawjson.MaxDepth, NumberDigits: 1 << 20}); err != nil {
				t.Errorf("%q: got the body %q: %v", source, out.Body, err)
			}
		}
		if out, err := p.Run(t.Context(), good, Input{Data: []byte("[1]")}); err != nil || string(out.Body) != "[1]" {
			t.Fatalf("after %q: got %s, %v from another script", source, out.Body, err)
		}
	})
}
