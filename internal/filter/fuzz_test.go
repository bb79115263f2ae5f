package filter

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
)

// FuzzMatch checks that for any expression and data there is no panic, errors are of the two kinds,
// and the verdict is repeatable and agrees with the clauses.
func FuzzMatch(f *testing.F) {
	data := string(order().Data)
	for _, text := range badFilters {
		f.Add(text, `{"a":[1,2,{"x":"y"}],"b":"aaaa"}`)
	}
	for _, text := range []string{
		`event.data.items.exists(i, i.qty > 3)`, `event.data.?a[?1].orValue(1) == 1 && has(event.key)`, `event == event`,
		`event.data.customer.tags + [1] == ["a","b",1]`, `dyn(event).data`, `event.data in [1, "x", null]`, `type(event) == event`,
		`event.data.items.map(i, i).filter(j, j.qty in [1,2]).size() == size(event.data.none)`,
	} {
		f.Add(text, data)
	}
	f.Fuzz(func(t *testing.T, text, data string) {
		if rawjson.Check([]byte(data), rawjson.Limits{}) != nil {
			data = `null`
		}
		p, err := Compile(text)
		if err != nil {
			var refused *Error
			if !errors.As(err, &refused) || refused.Message == "" {
				t.Fatalf("Compile(%q): got %v, want an *Error", text, err)
			}
			return
		}
		e := &event.Event{Type: "t", Data: []byte(data)}
		got, err := p.Match(t.Context(), e)
		var failed *EvalError
		if err != nil && (!errors.As(err, &failed) || got || strings.Contains(failed.Message, "internal error")) {
			t.Fatalf("%q on %q: got %v, %v; want an *EvalError and no match", text, data, got, err)
		}
		again, err2 := p.Match(context.Background(), e)
		if again != got || (err == nil) != (err2 == nil) {
			t.Fatalf("%q on %q: got %v, %v, then %v, %v", text, data, got, err, again, err2)
		}
		all := true
		for _, c := range p.Clauses(t.Context(), e) {
			if c.Text == "" {
				t.Errorf("%q: got an empty clause", text)
			}
			all = all && c.Verdict == Yes
		}
		// Each clause has its own budgets, so all clauses may succeed where the whole exhausts a
		// budget.
		if all != got && (got || err == nil) {
			t.Errorf("%q on %q: got %v, but from the clauses %v", text, data, got, all)
		}
	})
}

// FuzzValue compares the values that an expression gets from any JSON with those of encoding/json.
func FuzzValue(f *testing.F) {
	f.Add(`{"a":[1,{"b":"c"},null,true],"\u0062":-1.5e3}`, "b")
	f.Add(string(order().Data), "name")
	f.Add(`{"":{"":[[],[ ]]}}`, "")
	f.Fuzz(func(t *testing.T, data, name string) {
		if rawjson.Check([]byte(data), rawjson.Limits{}) != nil || len(data) > 4096 || len(name) > 1000 {
			return
		}
		var want any
		if json.Unmarshal([]byte(data), &want) != nil {
			return
		}
		e := &event.Event{Type: "t", Data: []byte(data)}
		check := func(text string, want bool) {
			t.Helper()
			p, err := Compile(text)
			if err != nil {
				return
			}
			if got, err := p.Match(t.Context(), e); err == nil && got != want {
				t.Errorf("%s on %s: got %v, want %v", text, data, got, want)
			}
		}
		check("event.data == event.data", true)
		switch want := want.(type) {
		case map[string]any:
			_, has := want[name]
			check(quote(name)+" in event.data", has)
			check("has(event.data.x) || size(event.data) == "+string(mustJSON(len(want))), true)
			if s, ok := want[name].(string); ok && has {
				check("event.data["+quote(name)+"] == "+quote(s), true)
			}
		case []any:
			check("size(event.data) == "+string(mustJSON(len(want))), true)
			check("event.data.all(x, x in event.data)", true)
		}
		if lit, err := literal(rawjson.Value{Raw: []byte(strings.TrimSpace(data)), Kind: kindOf(want)}); err == nil {
			check("event.data == "+lit, true)
		}
	})
}

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func kindOf(v any) rawjson.Kind {
	switch v.(type) {
	case nil:
		return rawjson.Null
	case bool:
		return rawjson.Bool
	case float64:
		return rawjson.Number
	case string:
		return rawjson.String
	case []any:
		return rawjson.Array
	}
	return rawjson.Object
}

// FuzzFromOperators checks that every translation compiles, or is rejected for the same reasons as
// other expressions.
func FuzzFromOperators(f *testing.F) {
	f.Add([]byte(`{"data.amount":{"$gte":100},"$or":[{"type":"x"},{"data.a.0":{"$exist":false}}]}`))
	f.Add([]byte(`{"data.\"]||true||[\"":{"$neq":"\u0000\\"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		text, err := FromOperators(raw)
		if err != nil {
			return
		}
		if _, err := Compile(text); err != nil && strings.Contains(err.Error(), "mismatched input") {
			t.Errorf("FromOperators(%s) = %s, which is no expression: %v", raw, text, err)
		}
	})
}
