package catalogue

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// schemasOfKinds returns n different schemas of each of several kinds.
func schemasOfKinds(n int) map[string][][]byte {
	kinds := map[string]func(i int) string{
		"small": func(i int) string {
			return fmt.Sprintf(`{"type":"object","required":["a"],"properties":{"a":{"const":%d}}}`, i)
		},
		"wide": func(i int) string {
			var b strings.Builder
			for p := range 300 {
				fmt.Fprintf(&b, `"property%d_%d":{"type":["string","null"],"maxLength":%d},`, i, p, p+1)
			}
			return `{"type":"object","properties":{` + strings.TrimSuffix(b.String(), ",") + `}}`
		},
		"choices": func(i int) string {
			var b strings.Builder
			for p := range 100 {
				fmt.Fprintf(&b, `{"type":"object","required":["k"],"properties":{"k":{"const":"%d_%d"},"v":{"type":"integer","minimum":%d}}},`, i, p, p)
			}
			return `{"anyOf":[` + strings.TrimSuffix(b.String(), ",") + `]}`
		},
		"enumeration": func(i int) string {
			return fmt.Sprintf(`{"enum":["%d"%s]}`, i, longEnum(i))
		},
		"patterns": func(i int) string {
			var b strings.Builder
			for p := range 40 {
				fmt.Fprintf(&b, `"p%d":{"type":"string","pattern":"^[a-z]{1,20}-%d_%d$"},`, p, i, p)
			}
			return `{"type":"object","properties":{` + strings.TrimSuffix(b.String(), ",") + `}}`
		},
		"text": func(i int) string {
			return fmt.Sprintf(`{"title":"%d","description":%q}`, i, strings.Repeat("What this is about. ", 1000))
		},
	}
	out := make(map[string][][]byte)
	for name, make := range kinds {
		for i := range n {
			out[name] = append(out[name], []byte(make(i)))
		}
	}
	return out
}

func longEnum(i int) string {
	var b strings.Builder
	for p := range 500 {
		fmt.Fprintf(&b, `,"word %d of %d"`, p, i)
	}
	return b.String()
}

// TestSchemaMemory compares the estimated memory of compiled schemas with the heap: it may be at most
// half as much again.
func TestSchemaMemory(t *testing.T) {
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // frees the memory that finalizers held
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	for name, schemas := range schemasOfKinds(20) {
		all := make([]*checks, len(schemas))
		before := heap()
		var counted int64
		for i, s := range schemas {
			all[i] = newChecks(s, nil)
			if err := all[i].compile().err; err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			counted += all[i].size
		}
		real := heap() - before
		t.Logf("%s: %d KB each, %d KB counted, text %d KB", name, real/20>>10, counted/20>>10, len(schemas[0])>>10)
		if real > counted*3/2 {
			t.Errorf("%s: %d bytes in memory, counted %d", name, real, counted)
		}
		runtime.KeepAlive(all)
	}
}

// TestSchemaCache checks that schemas in use stay, and that others are released beyond the limit.
func TestSchemaCache(t *testing.T) {
	k := schemaCache{limit: 1000}
	add := func(size int64) *checks {
		c := newChecks(nil, nil)
		c.compiled.Store(new(compiled))
		k.put(c, size)
		return c
	}
	often := add(200)
	for n := range 50 {
		if often.ready() == nil {
			t.Fatalf("after %d others the schema in use was released", n)
		}
		add(200)
		if got := k.bytes.Load(); got > 1000 {
			t.Fatalf("after %d: %d bytes are cached, want at most 1000", n, got)
		}
	}
	if n := k.dropped.Load(); n != 46 { // 51 were added, 5 have room
		t.Errorf("%d were released, want 46", n)
	}
	huge := add(5000)
	if huge.ready() == nil || len(k.ring) != 1 || k.bytes.Load() != 5000 {
		t.Errorf("one above the limit: kept %v, with %d others, %d bytes, want it alone", huge.ready() != nil, len(k.ring)-1, k.bytes.Load())
	}
	if add(200); huge.ready() != nil || k.bytes.Load() != 200 {
		t.Errorf("%d bytes are cached after another, want it alone", k.bytes.Load())
	}
}

// TestChecksAfterRelease checks that a released schema is compiled again and returns the same
// violations.
func TestChecksAfterRelease(t *testing.T) {
	compiledSchemas.mu.Lock()
	limit := compiledSchemas.limit
	compiledSchemas.limit = 100 << 10
	compiledSchemas.mu.Unlock()
	defer func() {
		compiledSchemas.mu.Lock()
		compiledSchemas.limit = limit
		compiledSchemas.mu.Unlock()
	}()
	var types []*Type
	for i := range 50 {
		raw := []byte(fmt.Sprintf(`{"type":"object","required":["a"],"properties":{"a":{"const":%d}},"description":%q}`, i, strings.Repeat("x", 1000)))
		types = append(types, &Type{Name: fmt.Sprintf("t.n%d", i), Schema: raw, checks: newChecks(raw, nil)})
	}
	_, dropped := Compiled()
	for round := range 3 {
		for i, typ := range types {
			for _, tt := range []struct {
				data string
				want int
			}{{fmt.Sprintf(`{"a":%d}`, i), 0}, {`{"a":"no"}`, 1}, {`{}`, 1}} {
				if got := typ.Validate([]byte(tt.data), nil); len(got) != tt.want {
					t.Fatalf("round %d, type %d, %s: got %v, want %d violations", round, i, tt.data, got, tt.want)
				}
			}
		}
	}
	if bytes, now := Compiled(); bytes > 100<<10 || now-dropped < 100 {
		t.Errorf("%d bytes are cached and %d schemas were released, want at most 100 KiB and at least 100", bytes, now-dropped)
	}
}
