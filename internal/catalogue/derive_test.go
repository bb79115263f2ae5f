package catalogue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/filter"
	"github.com/relay-events/relay/internal/problem"
)

// filterEvaluator compiles conditions with package filter, like the program.
type filterEvaluator struct{}

func (filterEvaluator) Condition(text string) (Condition, error) { return filter.Compile(text) }
func (filterEvaluator) Value(string, bool) (Value, error) {
	return nil, errors.New("must be a path, a literal, an object, merge or pick")
}

func shipped(t testing.TB) *Rules {
	t.Helper()
	var rules []Rule
	for _, p := range Builtin() {
		rules = append(rules, p.Rules...)
	}
	if len(rules) != 3 {
		t.Fatalf("shipped rules: got %d, want 3", len(rules))
	}
	rs, err := CompileRules(rules, nil)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func published(typ, data string) *event.Event {
	return &event.Event{
		ID: 7, Tenant: 3, Name: "mine", Type: typ, Key: "k", Version: "2026-05-05", Data: []byte(data), Attributes: []byte(`{"a":1.10}`),
		Time: time.Date(2026, 5, 5, 14, 23, 0, 0, time.UTC), DeliverAt: time.Date(2026, 5, 6, 0, 0, 0, 0, time.UTC),
	}
}

// lines formats a derivation: the events before, the published event, the events after, and
// failures.
func lines(d Derivation) []string {
	var out []string
	show := func(list []*Derived) {
		for _, x := range list {
			line := x.Event.Type + " " + string(x.Event.Data)
			if x.Event.Attributes != nil {
				line += " " + string(x.Event.Attributes)
			}
			out = append(out, line)
		}
	}
	show(d.Before)
	out = append(out, "*")
	show(d.After)
	for _, f := range d.Failures {
		out = append(out, "! "+f.String())
	}
	return out
}

func TestShippedRules(t *testing.T) {
	// Numbers, escapes, whitespace and unknown members must arrive as published.
	const call = `{"sid":"CA\u0031", "tenantId":"tnt_1","duration":1.420e2,"urgency":"ur\u0067ent","appointmentsBooked":[ {"eventId":"e1","startUtc": "2026-05-07T15:00:00Z" , "big":12345678901234567890.10},{"eventId":"e2","sid":"CA2"}, {} ] }`
	const account = `{"product_group_id":"default","ccid":"c","relay_tracking_id":"r","client_id":"n","job_id":null,"customer_id":"u","source_channel":"deactivate-api","notification_channels":[{"channel_addr":"11058559276","channel_type":"sms"},{"channel_addr":"11904477901","channel_type":"sms"}]}`
	tests := []struct {
		name, typ, data string
		want            []string
	}{
		{"urgent, three appointments", "call.completed", call, []string{
			"*",
			"call.urgent " + call + ` {"a":1.10}`,
			`appointment.booked {"sid":"CA\u0031","tenantId":"tnt_1","eventId":"e1","startUtc": "2026-05-07T15:00:00Z" , "big":12345678901234567890.10}`,
			`appointment.booked {"tenantId":"tnt_1","eventId":"e2","sid":"CA2"}`,
			`appointment.booked {"sid":"CA\u0031","tenantId":"tnt_1"}`,
		}},
		{"normal", "call.completed", `{"urgency":"normal","appointmentsBooked":[]}`, []string{"*"}},
		{"neither", "call.completed", `{}`, []string{"*"}},
		{"no list", "call.completed", `{"appointmentsBooked":null}`, []string{"*"}},
		{"no object", "call.completed", `[1]`, []string{"*"}},
		{"urgency of another type", "call.completed", `{"urgency":true}`, []string{"*"}},
		{"a list of ids", "call.completed", `{"sid":"s","appointmentsBooked":["e1",{"eventId":"e2"}]}`, []string{
			"*", `appointment.booked {"sid":"s","eventId":"e2"}`,
			"! rule booked-appointments[0] cannot make the data: argument 2 of merge is no object",
		}},
		{"a list that is none", "call.completed", `{"appointmentsBooked":{"eventId":"e1"}}`, []string{
			"*", `! rule booked-appointments needs a list, but "event.data.appointmentsBooked" is not one`,
		}},
		{"urgent as such", "call.urgent", call, []string{"*"}},
		{"account", "account.deactivate", account, []string{
			`notification_channel.remove {"event_type":"notification_channel","event_subtype":"remove","client_source":"","consent_type":"","source_channel":"deactivate-api","ccid":"c","relay_tracking_id":"r","client_id":"n","job_id":null,"customer_id":"u","channel_addr":"11058559276","channel_type":"sms"}`,
			`notification_channel.remove {"event_type":"notification_channel","event_subtype":"remove","client_source":"","consent_type":"","source_channel":"deactivate-api","ccid":"c","relay_tracking_id":"r","client_id":"n","job_id":null,"customer_id":"u","channel_addr":"11904477901","channel_type":"sms"}`,
			"*",
		}},
	}
	rules := shipped(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := published(tt.typ, tt.data)
			d, err := rules.Derive(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(d); !slices.Equal(got, tt.want) {
				t.Errorf("Derive(%s):\ngot  %s\nwant %s", tt.data, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
			for _, x := range slices.Concat(d.Before, d.After) {
				if err := rawjson.Check(x.Event.Data, rawjson.Limits{}); err != nil {
					t.Errorf("derived data %s: %v", x.Event.Data, err)
				}
				if x.Event.Tenant != 3 || x.Event.Key != "k" || x.Event.Version != e.Version || !x.Event.Time.Equal(e.Time) || !x.Event.DeliverAt.Equal(e.DeliverAt) || x.Event.Name != "" || x.Event.ID != 0 {
					t.Errorf("derived event: got %+v, want tenant, key, version and times of %+v, and no id", x.Event, e)
				}
			}
		})
	}
}

// TestDerivedExamplesFit checks that events derived from the documents' examples by the shipped
// rules fit the schemas of their types.
func TestDerivedExamplesFit(t *testing.T) {
	booked, _ := Example("appointment.booked")
	call, _ := Example("call.completed")
	call = []byte(strings.Replace(string(call), `"appointmentsBooked":[]`, `"appointmentsBooked":[`+string(booked)+`]`, 1))
	account, _ := Example("account.deactivate")
	n := 0
	for typ, data := range map[string][]byte{"call.completed": call, "account.deactivate": account} {
		d, err := shipped(t).Derive(t.Context(), published(typ, string(data)))
		if err != nil || d.Failures != nil {
			t.Fatal(err, d.Failures)
		}
		for _, x := range slices.Concat(d.Before, d.After) {
			n++
			if list := mustType(t, x.Event.Type).Validate(x.Event.Data, nil); list != nil {
				t.Errorf("%s %s: %v", x.Event.Type, x.Event.Data, list)
			}
			if x.Event.Type == "appointment.booked" && string(x.Event.Data) != string(booked) {
				t.Errorf("got %s, want the entry as it is: %s", x.Event.Data, booked)
			}
		}
	}
	if n != 3 {
		t.Errorf("got %d derived events, want 1 appointment and 2 channels", n)
	}
}

func TestDerivationEnds(t *testing.T) {
	rule := func(on, typ string) Rule {
		return Rule{Name: on + "-" + typ, On: on, Type: typ, Data: "event.data"}
	}
	tests := []struct {
		name  string
		rules []Rule
		want  []string
	}{
		{"two that feed each other", []Rule{rule("a", "b"), rule("b", "a")}, []string{"*", "b 1"}},
		{"three in a ring", []Rule{rule("a", "b"), rule("b", "c"), rule("c", "a")}, []string{"*", "b 1", "c 1"}},
		{"a long chain", []Rule{rule("a", "b"), rule("b", "c"), rule("c", "d"), rule("d", "e"), rule("e", "f")}, []string{"*", "b 1", "c 1", "d 1", "e 1"}},
		{"siblings may be alike", []Rule{rule("a", "b"), rule("a", "c"), rule("b", "d"), rule("c", "d")}, []string{"*", "b 1", "d 1", "c 1", "d 1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rs, err := CompileRules(tt.rules, nil)
			if err != nil {
				t.Fatal(err)
			}
			e := published("a", "1")
			d, err := rs.Derive(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			if got := lines(d); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDerivationBounds(t *testing.T) {
	entries := strings.TrimSuffix(strings.Repeat(`{},`, MaxDerived+1), ",")
	_, err := shipped(t).Derive(t.Context(), published("call.completed", `{"appointmentsBooked":[`+entries+`]}`))
	if problem.KindOf(err) != problem.TooLarge {
		t.Errorf("%d appointments: got %v, want a problem TooLarge", MaxDerived+1, err)
	}
	// A list of large entries under two rules that both copy the whole event.
	big := `{"appointmentsBooked":[` + strings.TrimSuffix(strings.Repeat(`{},`, 900), ",") + `],"x":"` + strings.Repeat("x", 100_000) + `"}`
	rs, err := CompileRules([]Rule{{Name: "r", On: "a", ForEach: "event.data.appointmentsBooked", Type: "b", Data: "event.data"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rs.Derive(t.Context(), published("a", big)); problem.KindOf(err) != problem.TooLarge {
		t.Errorf("90 MB of derived data: got %v, want a problem TooLarge", err)
	}
	d, err := shipped(t).Derive(t.Context(), published("call.completed", `{"appointmentsBooked":[`+strings.TrimSuffix(strings.Repeat(`1,`, 5000), ",")+`]}`))
	if err != nil || len(d.Failures) != maxFailures {
		t.Errorf("5000 wrong entries: got %d failures, %v; want %d", len(d.Failures), err, maxFailures)
	}
}

// TestNativeConditionsAgreeWithCEL checks that conditions evaluated by this package mean the same
// as in package filter.
func TestNativeConditionsAgreeWithCEL(t *testing.T) {
	conditions := []string{
		`event.data.urgency == "urgent"`, `event.data.a.b == 'x'`, `event.data["a"].b == "x"`, `event.data.flag == true`,
		`event.data.none == null`, `event.type == "call.completed"`, `event.key == "k"`, `event.attributes.x == "y"`, `event.data.flag`, `true`,
	}
	data := []string{
		`{}`, `[]`, `null`, `"urgent"`, `{"urgency":"urgent"}`, `{"urgency":"ur\u0067ent"}`, `{"urgency":"Urgent"}`, `{"urgency":1}`, `{"urgency":null}`,
		`{"a":{"b":"x"}}`, `{"a":{"b":["x"]}}`, `{"a":"x"}`, `{"flag":true}`, `{"flag":false}`, `{"flag":"true"}`, `{"none":null}`, `{"none":0}`,
	}
	for _, text := range conditions {
		x, err := parseExpr(text, false)
		if err != nil {
			t.Fatalf("parseExpr(%s): %v", text, err)
		}
		program, err := filter.Compile(text)
		if err != nil {
			t.Fatalf("filter.Compile(%s): %v", text, err)
		}
		for _, d := range data {
			e := published("call.completed", d)
			e.Attributes = []byte(`{"x":"y"}`)
			got, gotErr := exprCondition{x}.Match(t.Context(), e)
			want, wantErr := program.Match(t.Context(), e)
			// CEL reports an error for a member of a list; here the member is absent.
			if got != want || gotErr != nil && wantErr == nil {
				t.Errorf("%s of %s: got %v, %v; package filter says %v, %v", text, d, got, gotErr, want, wantErr)
			}
		}
	}
}

func TestRulesWithCEL(t *testing.T) {
	r := Rule{Name: "large", On: "order.created", When: "event.data.amount > 1000", Type: "order.large", Data: `{"id": event.data.id, ?"note": event.data.?note, "of": event.type}`}
	if _, err := CompileRules([]Rule{r}, nil); err == nil || !strings.Contains(err.Error(), "when") {
		t.Errorf("without an evaluator: got %v, want an error about when", err)
	}
	rs, err := CompileRules([]Rule{r}, filterEvaluator{})
	if err != nil {
		t.Fatal(err)
	}
	for data, want := range map[string][]string{
		`{"id":1.0,"amount":1000.5,"note":"n"}`: {"*", `order.large {"id":1.0,"note":"n","of":"order.created"}`},
		`{"id":1,"amount":1001}`:                {"*", `order.large {"id":1,"of":"order.created"}`},
		`{"amount":2000}`:                       {"*", `! rule large cannot make the data: the value of "id" is absent`},
		`{"id":1,"amount":1000}`:                {"*"},
		`{}`:                                    {"*"},
	} {
		d, err := rs.Derive(context.Background(), published("order.created", data))
		if got := lines(d); err != nil || !slices.Equal(got, want) {
			t.Errorf("Derive(%s): got %q, %v; want %q", data, got, err, want)
		}
	}
}

func TestRulesRefused(t *testing.T) {
	ok := Rule{Name: "r", On: "a", Type: "b", Data: "event.data"}
	tests := []struct {
		name   string
		change func(*Rule)
		field  string
	}{
		{"no name", func(r *Rule) { r.Name = "" }, "name"},
		{"a name with spaces", func(r *Rule) { r.Name = "a b" }, "name"},
		{"on no type", func(r *Rule) { r.On = "a..b" }, "on"},
		{"itself", func(r *Rule) { r.Type = "a" }, "type"},
		{"no data", func(r *Rule) { r.Data = " " }, "data"},
		{"item without a list", func(r *Rule) { r.Data = "item" }, "data"},
		{"broken condition", func(r *Rule) { r.When = "event.data.a ==" }, "when"},
		{"broken merge", func(r *Rule) { r.Data = "merge(event.data" }, "data"},
		{"a member twice", func(r *Rule) { r.Data = `{"a": 'x', "a": 'y'}` }, "data"},
		{"deep", func(r *Rule) { r.Data = strings.Repeat("merge(", 50) + "event.data" + strings.Repeat(")", 50) }, "data"},
		{"long", func(r *Rule) { r.ForEach = "event.data." + strings.Repeat("a", maxRuleText) }, "forEach"},
		{"attributes", func(r *Rule) { r.Attributes = "evnt" }, "attributes"},
	}
	if _, err := CompileRules([]Rule{ok}, nil); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ok
			tt.change(&r)
			_, err := CompileRules([]Rule{r}, filterEvaluator{})
			var p *problem.Error
			if !errors.As(err, &p) || len(p.Fields) != 1 || p.Fields[0].Name != tt.field {
				t.Errorf("CompileRules(%+v): got %v, want a problem with the field %s", r, err, tt.field)
			}
		})
	}
}

func TestSubset(t *testing.T) {
	for _, text := range []string{
		`event.type`, `event.data`, `event.data.a`, `event.data.?a.b`, `event.data["a b"].c`, `event.data.package`, `event.data.in`, `item. true.?null`, `event.data["x .in"] == '.false'`, `event.data.inside`, `item`, `item.a`, `"a\"b"`, `true`, `null`,
		`event.data.a == "x"`, `(event.data.a) == null`, `merge(event.data)`, `merge(event.data, {"a": item})`, `pick(event.data, [])`, `{}`, `{?"a": event.data.?a}`,
	} {
		if _, err := parseExpr(text, true); err != nil {
			t.Errorf("parseExpr(%s): %v", text, err)
		}
	}
	for _, text := range []string{
		``, `event`, `event["data"]`, `event.?data`, `event.id`, `event.type.a`, `event.data.a.b()`, `event.data[0]`, `event.data[?"a"]`, `other.a`, `1`, `[]`,
		`"x" == event.data.a`, `event.data.a == event.data.b`, `event.data.a == 1`, `event.data.a == "x" == true`, `event.data.a != "x"`, `!true`, `has(event.data.a)`,
		`merge()`, `pick(event.data)`, `pick(event.data, "a")`, `pick(event.data, [a])`, `pick(event.data, [?"a"])`, `event.merge(event.data)`, `{a: "x"}`, `{"a": 1}`, `a{b: "x"}`, `{"a"`,
	} {
		if _, err := parseExpr(text, true); err == nil {
			t.Errorf("parseExpr(%s): want an error", text)
		}
	}
	kept, err := parseExpr(`event.data.in == ".in"`, false)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := kept.eval(scope{e: &event.Event{Data: []byte(`{"in":".in"}`)}}); err != nil || string(v) != "true" {
		t.Errorf("a member named like a word of CEL: got %s, %v, want true", v, err)
	}
	if _, err := parseExpr("merge(event.data,\n  item)", false); err == nil || !strings.Contains(err.Error(), "line 2, column 3: item ") {
		t.Errorf("item without a list: got %v, want its line and column", err)
	}
}

func FuzzParseExpr(f *testing.F) {
	for _, s := range []string{`event.data.urgency == "urgent"`, `merge(pick(event.data, ["a", 'b']), item)`, `{?"a": event.data.?a, "b": {"c": null}}`, `""`, `"""`} {
		f.Add(s, []byte(`{"a":1,"urgency":"urgent"}`))
	}
	f.Fuzz(func(t *testing.T, text string, data []byte) {
		x, err := parseExpr(text, true)
		if err != nil || rawjson.Check(data, rawjson.Limits{}) != nil {
			return
		}
		v, err := x.eval(scope{e: &event.Event{Type: "a", Data: data}, item: data})
		if err == nil && v != nil && rawjson.Check(v, rawjson.Limits{Depth: 1000}) != nil {
			t.Errorf("%s of %s: got %s, want JSON", text, data, v)
		}
	})
}

func BenchmarkDerive(b *testing.B) {
	call, _ := Example("call.completed")
	for _, bb := range []struct{ name, typ, data string }{
		{"no rule", "order.created", string(call)},
		{"nothing follows", "call.completed", string(call)},
		{"urgent", "call.completed", strings.Replace(string(call), `"normal"`, `"urgent"`, 1)},
		{"one appointment", "call.completed", strings.Replace(string(call), `"appointmentsBooked":[]`, `"appointmentsBooked":[{"eventId":"e1","startUtc":"2026-05-07T15:00:00Z"}]`, 1)},
	} {
		b.Run(fmt.Sprintf("%s/%d", bb.name, len(bb.data)), func(b *testing.B) {
			rules, e := shipped(b), published(bb.typ, bb.data)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rules.Derive(b.Context(), e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
