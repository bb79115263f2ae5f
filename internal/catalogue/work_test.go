package catalogue

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/testenv"
)

// manyMembers returns about size bytes of members of an object, each followed by a comma.
func manyMembers(size int) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		fmt.Fprintf(&b, `"k%d":1,`, i)
	}
	return b.String()
}

// TestDerivingFromLargeEvents checks that expressions that do not depend on a list's element are
// computed once, and objects are walked once, so that the largest event takes tenths of a second.
// Computing them for each of 999 channels took the shipped rule half a minute.
func TestDerivingFromLargeEvents(t *testing.T) {
	r, _, _ := newRegistry(t)
	size := 1<<20 - 64<<10
	if testenv.Race {
		size = 64 << 10 // it makes all of this twenty times slower
	}
	members := manyMembers(size)
	own, err := CompileRules([]Rule{
		{Name: "merge", On: "a", Type: "b", Data: `merge(event.data, event.data, {"k1": "won"})`},
		{Name: "each", On: "c", Type: "d", ForEach: "event.data.list", Data: `merge(pick(event.data, ["k1", "absent"]), {"all": event.data.k2}, item)`},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		rules       *Rules
		typ, data   string
		events      int
		first, last string // parts of the first and the last event's data
	}{
		{r.Rules(1), "account.deactivate", members + `"ccid":"c","notification_channels":[` + strings.Repeat(`{},`, 998) + `{"channel_addr":"1"}]`, 999, `"ccid":"c"`, `"channel_addr":"1"`},
		{own, "a", members + `"z":2`, 1, `"k1":"won"`, `"z":2`},
		{own, "c", members + `"list":[` + strings.Repeat(`{"n":1},`, 998) + `{"n":2,"k1":3}]`, 999, `{"k1":1,"all":1,"n":1}`, `{"all":1,"n":2,"k1":3}`},
	} {
		begin := time.Now()
		d, err := tt.rules.Derive(t.Context(), &event.Event{Tenant: 1, Type: tt.typ, Data: []byte("{" + tt.data + "}")})
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%s: it took %v, want tenths of a second", tt.typ, took)
		}
		list := append(d.Before, d.After...)
		if err != nil || len(d.Failures) > 0 || len(list) != tt.events {
			t.Fatalf("%s: got %d events, %v, %v, want %d", tt.typ, len(list), d.Failures, err, tt.events)
		}
		for i, want := range map[int]string{0: tt.first, len(list) - 1: tt.last} {
			if data := list[i].Event.Data; !strings.Contains(string(data), want) || rawjson.Check(data, rawjson.Limits{Depth: event.MaxDepth}) != nil {
				t.Errorf("%s: event %d: got %.200s, want an object with %s", tt.typ, i, data, want)
			}
		}
	}
}

// TestWorkOfRulesIsBounded checks that an event is rejected if rules copy or search too much,
// instead of exhausting memory or a core.
func TestWorkOfRulesIsBounded(t *testing.T) {
	if testenv.Race {
		return // this test is not concurrent, and it would take most of a minute
	}
	var copies, paths []string
	for i := range 300 {
		copies = append(copies, fmt.Sprintf(`"m%d":event.data`, i))
		paths = append(paths, fmt.Sprintf(`"m%d":event.data.x%d`, i, i))
	}
	object := func(list []string) string { return "{" + strings.Join(list, ",") + "}" }
	large := "{" + manyMembers(900<<10) + `"list":[` + strings.Repeat("1,", 20_000) + `1]}`
	for name, rule := range map[string]Rule{
		"copies":             {Data: object(copies)},
		"searches":           {Data: strings.ReplaceAll(object(paths), `"m`, `?"m`)},
		"merged":             {Data: "merge(" + strings.TrimSuffix(strings.Repeat("event.data,", 300), ",") + ")"},
		"in the condition":   {When: "merge(" + strings.TrimSuffix(strings.Repeat("event.data,", 300), ",") + ") == 'x'", Data: "event.data.list"},
		"attributes":         {Data: "event.data.list", Attributes: object(copies)},
		"failing every time": {ForEach: "event.data.list", Data: `{"all":{"a":event.data,"i":item},"none":event.data.absent}`},
	} {
		rule.Name, rule.On, rule.Type = "r", "a", "b"
		rules, err := CompileRules([]Rule{rule}, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		d, err := rules.Derive(t.Context(), &event.Event{Tenant: 1, Type: "a", Data: []byte(large)})
		if problem.KindOf(err) != problem.TooLarge || !strings.Contains(err.Error(), "rule r") || len(d.Before)+len(d.After) > 0 {
			t.Errorf("%s: got %d events, %v; want it refused as too much work", name, len(d.Before)+len(d.After), err)
		}
		// The same rule accepts an event of the usual size.
		if _, err := rules.Derive(t.Context(), &event.Event{Tenant: 1, Type: "a", Data: []byte(`{"list":[1,2],"x1":1}`)}); err != nil {
			t.Errorf("%s: with a small event: %v", name, err)
		}
	}
}
