package filter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/testenv"
)

// Quick's decisions agree with Match for all kinds of filters and events.
func TestQuickAgrees(t *testing.T) {
	events := badEvents()
	events["order"] = order()
	decided := 0
	for _, text := range append(badFilters, `event.type == "t"`, `event.data.amount >= 100`, `event.data.items.exists(i, i.sku == "x")`,
		`event.data.b.size() < 2`, `event.data.zz == 1`, `event.data.a + 1 == 2`, `event.data.a.all(i, true)`) {
		p, err := Compile(text)
		if err != nil {
			continue
		}
		for name, e := range events {
			got, sure := p.Quick(e)
			if !sure {
				continue
			}
			decided++
			want, err := p.Match(t.Context(), e)
			if got != (want && err == nil) {
				t.Errorf("%.70s on %s: Quick says %v, Match says %v, %v", text, name, got, want, err)
			}
		}
	}
	if decided < 20 {
		t.Errorf("Quick decided %d times, want it to decide what is cheap", decided)
	}
}

// Quick decides ordinary filters, whatever the size of the data that they do not read.
func TestQuickDecidesUsual(t *testing.T) {
	var items []string
	for i := range 60 {
		items = append(items, fmt.Sprintf(`{"sku":"A-%d","n":%d}`, i, i))
	}
	e := &event.Event{Type: "order.created", Data: []byte(`{"pad":"` + strings.Repeat("x", 60<<10) + `","amount":120,"status":"paid","items":[` + strings.Join(items, ",") + `]}`)}
	for _, text := range []string{
		`event.data.amount >= 100`, `event.data.status == "paid" && event.data.amount > 1`, `event.data.items.exists(i, i.sku == "A-59")`,
		`event.data.status.matches("^pa[a-z]d$")`, `event.data.?customer.?tier.orValue("free") == "free"`,
	} {
		p, err := Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if ok, sure := p.Quick(e); !ok || !sure {
			t.Errorf("%s: got %v, decided %v, want a match, decided", text, ok, sure)
		}
	}
}

// Quick ends early where Match takes long: all hostile pairs together take a small fraction of
// Match's time.
func TestQuickIsQuick(t *testing.T) {
	if testenv.Race {
		return // the race detector slows one more than the other
	}
	var quick, full time.Duration
	for _, text := range badFilters {
		p, err := Compile(text)
		if err != nil {
			continue
		}
		for _, e := range badEvents() {
			start := threadTime(t)
			_, sure := p.Quick(e)
			took := threadTime(t) - start
			if sure {
				continue
			}
			quick += took
			start = threadTime(t)
			_, _ = p.Match(t.Context(), e)
			full += threadTime(t) - start
		}
	}
	if quick > full/3 {
		t.Errorf("what Quick gave up took it %v, and Match %v, want at most a third", quick, full)
	}
	t.Logf("undecided: %v, Match: %v", quick, full)
}

func FuzzQuick(f *testing.F) {
	f.Add(`event.data.a.exists(i, i == 3)`, `{"a":[1,2,3]}`)
	f.Add(`event.data.a.matches("^x+$")`, `{"a":"xxx"}`)
	f.Fuzz(func(t *testing.T, text, data string) {
		p, err := Compile(text)
		if err != nil {
			return
		}
		e := &event.Event{Type: "t", Data: []byte(data)}
		if rawjson.Check(e.Data, rawjson.Limits{}) != nil {
			return
		}
		if got, sure := p.Quick(e); sure {
			if want, err := p.Match(t.Context(), e); got != (want && err == nil) {
				t.Errorf("%q on %q: Quick says %v, Match says %v, %v", text, data, got, want, err)
			}
		}
	})
}
