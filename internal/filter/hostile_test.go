package filter

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/testenv"
)

// Limits of one evaluation for any filter and event: 5 ms and 1 MiB. Budgets enforce them, not a
// clock, so the time depends on the machine; the test allows for a machine with shared cores.
const (
	maxTime  = 2 * 5 * time.Millisecond
	maxBytes = 1 << 20
)

// badEvents returns the worst events that ingest accepts.
func badEvents() map[string]*event.Event {
	const size = 1<<20 - 100
	data := func(s string) *event.Event { return &event.Event{Type: "t", Data: []byte(s)} }
	numbers := strings.TrimSuffix(strings.Repeat("7,", size/2), ",")
	var names strings.Builder
	for i := 0; names.Len() < size-20; i++ {
		fmt.Fprintf(&names, `"k%x":1,`, i)
	}
	return map[string]*event.Event{
		"text":    data(`{"a":"` + strings.Repeat("a", size) + `","b":[]}`),
		"text64":  data(`{"a":"` + strings.Repeat("a", 64<<10) + `!","b":[]}`),
		"text6":   data(`{"a":"` + strings.Repeat("a", 6<<10) + `!","b":[]}`),
		"numbers": data(`{"a":[` + numbers + `],"b":[` + "1" + `]}`),
		"twice":   data(`{"a":[` + numbers[:size/2+1] + `],"b":[` + numbers[:size/2+1] + `]}`),
		"names":   data(`{` + names.String() + `"a":1,"b":2}`),
		"deep":    data(`{"a":` + strings.Repeat("[", 120) + strings.Repeat("]", 120) + `,"b":1}`),
		"objects": data(`{"a":[` + strings.TrimSuffix(strings.Repeat(`{"x":{"y":[1,2]}},`, size/18), ",") + `],"b":[]}`),
		"strings": data(`{"a":[` + strings.TrimSuffix(strings.Repeat(`"x",`, size/4), ",") + `],"b":"y"}`),
	}
}

// badFilters are the worst filters that Compile accepts.
var badFilters = []string{
	`event.data.a.matches('(a+)+$')`,
	`event.data.a.matches('^(a|aa)+$')`,
	`event.data.a.matches('(x+x+)+y')`,
	`event.data.a.matches('(.*)(.*)(.*)(.*)(.*)[0-9]{40}z')`,
	`event.data.a.matches('((a?){30}){30}a') || event.data.a.matches('(a*)*b')`,
	`event.data.a.exists(i, i.matches('(a+)+$'))`,
	`event.data.a.exists(i, i == "no")`,
	`event.data.a.all(i, i != 8)`,
	`event.data.a.all(x, event.data.a.all(y, x + y > 0))`,
	`event.data.a.all(x, event.data.a.exists(y, y == event.data.b))`,
	`event.data.a.exists(x, x in event.data.a && event.data.b == x)`,
	`event.data.a == event.data.b || event.data.a != event.data.b`,
	`event.data.a == event.data.a`,
	`event.data == event.data`,
	`event.data.b in event.data.a`,
	`event.data.a.map(x, event.data.a).size() > 1`,
	`event.data.a.map(x, [x, x, x, x]).map(y, y + y).size() > 1`,
	`event.data.a.filter(x, true).filter(x, true).size() > 1`,
	`event.data.a + event.data.a + event.data.a + event.data.a == event.data.a`,
	`(event.data.a + event.data.a).contains(event.data.a + "b")`,
	`event.data.a.contains(event.data.a) && event.data.a.contains("b")`,
	`event.data.exists(k, k == "zzz" && event.data[k] == 1)`,
	`event.data.all(k, event.data[k] != null)`,
	`event.data.a[100000] == 1 && event.data.a[99999] == 1 && event.data.a[99998] == 1`,
	`event.data.a.all(x, event.data.a[size(event.data.a) - 1] == event.data.a[0])`,
	`event.data.a.all(x, timestamp("2026-01-01T00:00:00Z").getHours("America/New_York") > 0)`,
	`event.data.a.all(x, string(x) == string(event.data.b))`,
	`event.data.a.all(x, dyn([1,2,3,4,5,6,7,8,9,10].map(y, y * 2)).size() > 1)`,
	strings.TrimSuffix(strings.Repeat(`event.data.a == event.data.b || `, 250), "|| "),
	strings.TrimSuffix(strings.Repeat(`event.data.zz != 1 || `, 360), "|| "),
	`"" + ` + strings.Repeat(`event.data.a + `, 500) + `"" == "x"`,
	`[1,2,3].all(x, [1,2,3].all(y, event.data.a.all(z, z != x + y)))`,
}

func list1e5() string {
	var b strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&b, "%d,", i)
	}
	return "[" + strings.TrimSuffix(b.String(), ",") + "]"
}

func TestHostileCompile(t *testing.T) {
	short := "[" + strings.TrimSuffix(strings.Repeat("1,", 1300), ",") + "]"
	for name, text := range map[string]string{
		"parentheses":     strings.Repeat("(", 10_000) + "true" + strings.Repeat(")", 10_000),
		"parentheses 8K":  strings.Repeat("(", 4000) + "true" + strings.Repeat(")", 4000),
		"open 8K":         strings.Repeat("(", MaxBytes),
		"brackets 8K":     strings.Repeat("[", MaxBytes),
		"braces 8K":       strings.Repeat("{", MaxBytes),
		"not 8K":          strings.Repeat("!", MaxBytes-4) + "true",
		"minus 8K":        strings.Repeat("-", MaxBytes-6) + "1 == 1",
		"question 8K":     strings.Repeat("true?", MaxBytes/5),
		"dots 8K":         "event.data" + strings.Repeat(".a", (MaxBytes-10)/2),
		"indexes 8K":      "event.data" + strings.Repeat("[0]", (MaxBytes-10)/3),
		"exists nested":   strings.Repeat("event.data.a.exists(x,", 200) + "true" + strings.Repeat(")", 200),
		"exists_one":      strings.Repeat("[1].exists_one(x,", 40) + "true" + strings.Repeat(")", 40),
		"1e5 elements":    list1e5() + ".all(x, " + list1e5() + ".all(y, x + y > 0))",
		"1300 squared":    short + ".all(x, " + short + ".all(y, x + y > 0))",
		"1 MiB":           strings.Repeat("true && ", 1<<17) + "true",
		"pattern":         `"a".matches("` + strings.Repeat("(a{1000})", 800) + `")`,
		"pattern nested":  `"a".matches("((((a{10}){10}){10}){10})")`,
		"pattern classes": `"a".matches("` + strings.Repeat(`[\\p{L}\\p{N}]`, 500) + `")`,
		"unclosed":        `"` + strings.Repeat(`\\`, 4000),
		"zeros":           strings.Repeat("\x00", MaxBytes),
		"not UTF-8":       strings.Repeat("\xff", MaxBytes),
	} {
		p, err := Compile(text)
		var refused *Error
		if err != nil && !errors.As(err, &refused) {
			t.Errorf("%s: got %v, want an *Error", name, err)
		}
		if err == nil {
			if _, err := p.Match(t.Context(), order()); err != nil {
				t.Logf("%s: compiles; %v", name, err)
			}
		}
		for _, must := range []string{"parentheses", "1e5 elements", "1300 squared", "1 MiB", "pattern"} {
			if name == must && err == nil {
				t.Errorf("%s: got a program, want it refused", name)
			}
		}
	}
}

// TestHostileMatch runs every bad filter on every bad event. It measures the thread's own time, so
// that other work does not count, and takes the fastest of five runs, because the first one
// includes page faults.
func TestHostileMatch(t *testing.T) {
	events := badEvents()
	for name, e := range events {
		if err := rawjson.Check(e.Data, rawjson.Limits{}); err != nil {
			t.Fatalf("event %s: %v", name, err)
		}
	}
	slow := 1
	if testenv.Race {
		slow = 20
	}
	for i, text := range badFilters {
		if testenv.Race && i%4 != 0 {
			continue // the other events show the same failures
		}
		p, err := Compile(text)
		if err != nil {
			t.Logf("%.70s: refused at save: %v", text, err)
			continue
		}
		for name, e := range events {
			var took time.Duration
			var grown uint64
			for run := range 5 {
				if run > 1 && took < maxTime/2 && grown < maxBytes {
					break
				}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				start := threadTime(t)
				_, _ = p.Match(t.Context(), e)
				d := threadTime(t) - start
				runtime.ReadMemStats(&after)
				if run == 0 || d < took {
					took = d
				}
				if n := after.TotalAlloc - before.TotalAlloc; run == 0 || n < grown {
					grown = n
				}
			}
			ok, err := p.Match(t.Context(), e)
			if took > maxTime*time.Duration(slow) || !testenv.Race && grown > maxBytes { // under the race detector pools drop entries at random
				t.Errorf("%.70s on %s: took %v and allocated %d KiB, want at most %v and %d KiB (%v, %v)",
					text, name, took, grown>>10, maxTime, maxBytes>>10, ok, err)
			}
			if took > 5*time.Millisecond && !testenv.Race {
				t.Logf("%.70s on %s: %v, %d KiB (%v, %v)", text, name, took, grown>>10, ok, err)
			}
		}
	}
}
