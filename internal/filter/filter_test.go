package filter

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
)

// order returns the event that most tests use.
func order() *event.Event {
	return &event.Event{
		Type: "order.created",
		Time: time.Date(2026, 5, 5, 14, 23, 0, 0, time.UTC),
		Key:  "tnt_8Xk2mQ",
		Data: []byte(`{"id":"ord_1","amount":142,"price":19.5,"big":9007199254740993,"huge":18446744073709551615,"beyond":1e400,
			"vip":true,"note":null,"na\u006de":"escaped","text":"Caf\u00e9 \"x\"","country":"NO",
			"customer":{"tier":"gold","tags":["a","b"],"address":{"city":"Oslo"}},
			"items":[{"sku":"A-1","qty":2},{"sku":"B-7","qty":5,"gift":true}],"empty":[],"none":{}, "a b":{"c-d":1}}`),
		Attributes: []byte(`{"version":"2026-05-05","source":"shop"}`),
	}
}

func compiled(t testing.TB, text string) *Program {
	t.Helper()
	p, err := Compile(text)
	if err != nil {
		t.Fatalf("Compile(%q): %v", text, err)
	}
	return p
}

func TestMatch(t *testing.T) {
	tests := []struct {
		filter string
		want   bool
	}{
		{`true`, true},
		{`event.type == "order.created"`, true},
		{`event.type.startsWith("order.") && event.key == "tnt_8Xk2mQ"`, true},
		{`event.type.matches("^order\\.(created|paid)$")`, true},
		{`event.time > timestamp("2026-05-05T00:00:00Z") && event.time.getHours() == 14`, true},
		{`event.attributes.source == "shop"`, true},
		{`event.attributes["source"] == "mail"`, false},
		{`event.data.vip`, true},
		{`event.data.amount >= 100 && event.data.amount < 142.5`, true},
		{`event.data.amount == 142.0`, true},
		{`event.data.price == 19.5 && event.data.price > 19`, true},
		{`event.data.price * 2.0 == 39.0 && double(event.data.amount) / 2.0 == 71.0`, true},
		{`event.data.big == 9007199254740993`, true},
		{`event.data.big == 9007199254740992`, false},
		{`event.data.huge == 18446744073709551615u`, true},
		{`event.data.huge > event.data.big`, true},
		{`event.data.note == null`, true},
		{`event.data.name == "escaped"`, true},
		{`event.data.text == "Café \"x\""`, true},
		{`event.data.country in ["NO", "SE", "DK"]`, true},
		{`event.data.country in ["FI"]`, false},
		{`event.data.amount in [1, 142]`, true},
		{`event.data.customer.tier == "gold" && event.data.customer.address.city == "Oslo"`, true},
		{`"a" in event.data.customer.tags`, true},
		{`"tier" in event.data.customer && !("rank" in event.data.customer)`, true},
		{`event.data.customer.tags == ["a", "b"] && ["a", "b"] == event.data.customer.tags`, true},
		{`event.data.customer.address == {"city": "Oslo"} && {"city": "Oslo"} == event.data.customer.address`, true},
		{`event.data.customer.address == {"city": "Bergen"}`, false},
		{`event.data.customer == event.data.customer`, true},
		{`event.data.items[1].sku == "B-7" && event.data.items[0].qty == 2`, true},
		{`event.data.items.exists(i, i.sku.startsWith("B-") && i.qty > 3)`, true},
		{`event.data.items.all(i, i.qty > 2)`, false},
		{`event.data.items.exists_one(i, has(i.gift))`, true},
		{`event.data.items.filter(i, i.qty > 3).size() == 1`, true},
		{`event.data.items.map(i, i.qty) == [2, 5]`, true},
		{`event.data.customer.exists(k, k == "tier")`, true},
		{`(event.data.items + [{"sku": "C"}]).size() == 3`, true},
		{`size(event.data.items) == 2 && size(event.data.empty) == 0 && size(event.data.none) == 0`, true},
		{`event.data["a b"]["c-d"] == 1`, true},
		{`has(event.data.customer.tier) && !has(event.data.customer.rank)`, true},
		{`event.data.?customer.?rank.orValue("none") == "none"`, true},
		{`event.data.?a.?b.?c.orValue(0) == 0`, true},
		{`event.data.?items[?5].hasValue()`, false},
		{`has(event.key) && has(event.attributes) && has(event.data)`, true},
		{`type(event.data.items) == list && type(event.data.customer) == map`, true},
	}
	e := order()
	if err := rawjson.Check(e.Data, rawjson.Limits{}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		got, err := compiled(t, tt.filter).Match(t.Context(), e)
		if got != tt.want || err != nil {
			t.Errorf("%s: got %v, %v; want %v", tt.filter, got, err, tt.want)
		}
	}
}

// TestAbsent checks that an absent member means no match without an error, and so also that CEL's
// error texts are unchanged.
func TestAbsent(t *testing.T) {
	bare := &event.Event{Type: "x", Data: []byte(`"just a text"`)}
	for _, tt := range []struct {
		filter string
		e      *event.Event
		want   bool
	}{
		{`event.data.missing == 1`, order(), false},
		{`event.data.missing != 1`, order(), false},
		{`!(event.data.missing == 1)`, order(), false},
		{`event.data.missing`, order(), false},
		{`event.data.a.b.c.d == 1`, order(), false},
		{`event.data.amount.cents == 1`, order(), false},
		{`event.data.note.more == 1`, order(), false},
		{`event.data["missing"] == 1`, order(), false},
		{`event.data.items[7].sku == "x"`, order(), false},
		{`event.data.items[-1].sku == "x"`, order(), false},
		{`event.attributes.missing == "x"`, bare, false},
		{`event.data.a == 1`, bare, false},
		{`event.data.items.exists(i, i.nothing == 1)`, order(), false},
		{`event.data.missing == 1 || event.data.amount == 142`, order(), true},
		{`event.data.missing == 1 && event.data.amount == 142`, order(), false},
		{`has(event.data.a)`, bare, false},
		{`has(event.key) || has(event.attributes)`, bare, false},
		{`event.data == null`, &event.Event{Type: "x"}, true},
	} {
		got, err := compiled(t, tt.filter).Match(t.Context(), tt.e)
		if got != tt.want || err != nil {
			t.Errorf("%s: got %v, %v; want %v and no error", tt.filter, got, err, tt.want)
		}
	}
}

func TestMatchErrors(t *testing.T) {
	for _, tt := range []struct{ filter, want string }{
		{`event.data.country > 3`, "type"},
		{`event.data.amount * 1.5 > 3.0`, "type"},
		{`event.data.customer`, "the result is a map"},
		{`event.data.amount / (event.data.amount - 142) == 1`, "division by zero"},
		{`event.data.beyond > 1`, "1.8e308"},
		{`event.data.?none.?x.value() == 1`, "optional.none()"},
		{`event.data.amount.matches("x")`, "type"},
	} {
		got, err := compiled(t, tt.filter).Match(t.Context(), order())
		var failure *EvalError
		if got || !errors.As(err, &failure) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, %v; want an EvalError with %q", tt.filter, got, err, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := compiled(t, `true`).Match(ctx, order()); got || !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ended: got %v, %v; want false, %v", got, err, context.Canceled)
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, tt := range []struct {
		filter       string
		line, column int
		want         string
	}{
		{``, 0, 0, "empty"},
		{" \n", 0, 0, "empty"},
		{`event.typ == "x"`, 1, 6, "typ"},
		{`evnt.type == "x"`, 1, 1, "undeclared reference to 'evnt'"},
		{`data.total > 1`, 1, 1, "write event.data"},
		{"true &&\n  event.data.a ==", 2, 18, "mismatched input"},
		{`"text"`, 0, 0, "must be true or false, but is string"},
		{`event.data.a + 1`, 0, 0, ""}, // dyn: decided at run time
		{`event.data.s.matches(event.data.p)`, 1, 32, "constant"},
		{`event.data.s.matches("(")`, 1, 22, "missing closing )"},
		{`event.data.s.matches("a(?=b)")`, 1, 22, "invalid"},
		{`event.data.s.matches("(a{1000}b{1000})")`, 1, 22, "too large"},
		{`event.type.matches("x{1000}")`, 1, 20, "too large"},
		{`event.data.a.all(x, event.data.a.all(y, event.data.a.all(z, x + y + z > 0)))`, 0, 0, "too long"},
		{`event{type: "x"} == event`, 0, 0, ""},
		{`google.protobuf.Duration{seconds: 1} == duration("1s")`, 1, 33, "failed resolution"},
		{`open("/etc/passwd") == ""`, 1, 5, "undeclared"},
		{strings.Repeat("(", 4000) + "true" + strings.Repeat(")", 4000), 0, 0, ""},
		{`true` + strings.Repeat(" ", MaxBytes), 0, 0, "at most 8192 bytes"},
	} {
		p, err := Compile(tt.filter)
		if err == nil {
			if tt.want != "" {
				t.Errorf("%.80q: got a program, want an error with %q", tt.filter, tt.want)
			} else if _, err := p.Match(t.Context(), order()); err == nil {
				t.Errorf("%.80q: got a program that works, want none", tt.filter)
			}
			continue
		}
		var refused *Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Message, tt.want) {
			t.Errorf("%.80q: got %v, want an Error with %q", tt.filter, err, tt.want)
		} else if tt.want != "" && (refused.Line != tt.line || refused.Column != tt.column) {
			t.Errorf("%.80q: got line %d, column %d, want %d, %d (%v)", tt.filter, refused.Line, refused.Column, tt.line, tt.column, err)
		}
	}
}

func TestClauses(t *testing.T) {
	p := compiled(t, `event.type == "order.created" && event.data.amount > 500 &&
		(event.data.vip || event.data.country == "SE") // a note && more
		&& event.data.country > 3 && event.data.text.contains("&& ' (") && has(event.data.missing) && event.data.lost == r'\'`)
	want := []Clause{
		{`event.type == "order.created"`, Yes, ""},
		{`event.data.amount > 500`, No, ""},
		{"(event.data.vip || event.data.country == \"SE\") // a note && more", Yes, ""},
		{`event.data.country > 3`, Failed, "a value has a type that the operation does not take (no such overload)"},
		{`event.data.text.contains("&& ' (")`, No, ""},
		{`has(event.data.missing)`, No, ""},
		{`event.data.lost == r'\'`, No, `"lost" is absent`},
	}
	got := p.Clauses(t.Context(), order())
	if len(got) != len(want) {
		t.Fatalf("got %d clauses, want %d: %+v", len(got), len(want), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("clause %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
	for _, whole := range []string{
		`event.data.vip || event.data.a == 1 && event.data.b == 2`,
		`event.data.vip ? true && true : false`,
		`'''a && b''' == "" || true`,
	} {
		if got := compiled(t, whole).Clauses(t.Context(), order()); len(got) != 1 || got[0].Text != whole {
			t.Errorf("%s: got %+v, want one clause", whole, got)
		}
	}
	if got := compiled(t, `event.data.?a.orValue(1) == 1 && event.data.vip`).Clauses(t.Context(), order()); len(got) != 2 || got[0].Verdict != Yes {
		t.Errorf("with an optional: got %+v, want two clauses", got)
	}
}

func TestProgramIsConcurrent(t *testing.T) {
	p := compiled(t, `event.data.items.exists(i, i.qty > 3) && event.data.customer.tier == "gold"`)
	e := order()
	done := make(chan error, 8)
	for range cap(done) {
		go func() {
			for range 200 {
				if ok, err := p.Match(context.Background(), e); !ok || err != nil {
					done <- errors.Join(errors.New("no match"), err)
					return
				}
			}
			done <- nil
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
