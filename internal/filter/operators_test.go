package filter

import (
	"errors"
	"strings"
	"testing"
)

func TestFromOperators(t *testing.T) {
	for _, tt := range []struct {
		in, text string
		match    bool
	}{
		{`{"data.amount":{"$gte":100}}`, `event.data.amount >= 100`, true},
		{`{"type":"order.created"}`, `event.type == "order.created"`, true},
		{`{"data":{"amount":{"$gt":100,"$lt":200}}}`, `event.data.amount > 100 && event.data.amount < 200`, true},
		{`{"data.amount":{"$lte":141.5}}`, `event.data.amount <= 141.5`, false},
		{`{"data.price":{"$eq":195e-1}}`, `event.data.price == 19.5`, true},
		{`{"data.huge":18446744073709551615}`, `event.data.huge == 18446744073709551615u`, true},
		{`{"data.price":{"$lt":1e21}}`, `event.data.price < 1e+21`, true},
		{`{"data.price":{"$gt":-20}}`, `event.data.price > -20`, true},
		{`{"data.country":{"$in":["NO","SE"]}}`, `event.data.country in ["NO", "SE"]`, true},
		{`{"data.country":{"$nin":["NO"]}}`, `!(event.data.?country.orValue(null) in ["NO"])`, false},
		{`{"data.missing":{"$nin":["NO"]}}`, `!(event.data.?missing.orValue(null) in ["NO"])`, true},
		{`{"data.customer.rank":{"$neq":1}}`, `event.data.?customer.?rank.orValue(null) != 1`, true},
		{`{"data.country":{"$ne":"NO"}}`, `event.data.?country.orValue(null) != "NO"`, false},
		{`{"type":{"$ne":"x"}}`, `optional.of(dyn(event.type)).orValue(null) != "x"`, true},
		{`{"data.a.b.c":{"$exist":true}}`, `event.data.?a.?b.?c.hasValue()`, false},
		{`{"data.note":{"$exists":true}}`, `event.data.?note.hasValue()`, true},
		{`{"data.a":{"$exist":false}}`, `!event.data.?a.hasValue()`, true},
		{`{"data.note":null}`, `event.data.note == null`, true},
		{`{"type":{"$regex":"^order\\."}}`, `event.type.matches("^order\\.")`, true},
		{`{"data.id":{"$startsWith":"ord_"},"key":{"$endsWith":"Q"}}`, `event.data.id.startsWith("ord_") && event.key.endsWith("Q")`, true},
		{`{"data.items.1.sku":"B-7"}`, `event.data.items[1].sku == "B-7"`, true},
		{`{"data.items.9.sku":{"$exist":false}}`, `!event.data.?items[?9].?sku.hasValue()`, true},
		{`{"data.a b.c-d":1}`, `event.data["a b"]["c-d"] == 1`, true},
		{`{"data.in":{"$exist":true}}`, `event.data[?"in"].hasValue()`, false},
		{`{"data.customer.address":{"$eq":{"city":"Oslo"}}}`, `event.data.customer.address == {"city": "Oslo"}`, true},
		{`{"data.customer.tags":["a","b"]}`, `event.data.customer.tags == ["a", "b"]`, true},
		{`{"time":{"$gte":"2026-05-05T00:00:00Z"}}`, `event.time >= timestamp("2026-05-05T00:00:00Z")`, true},
		{`{"$or":[{"data.vip":false},{"data.amount":142,"data.vip":true}]}`, `(event.data.vip == false || (event.data.amount == 142 && event.data.vip == true))`, true},
		{`{"$and":[{"data.vip":true},{"$or":[{"type":"x"},{"type":"y"}]}]}`, `event.data.vip == true && (event.type == "x" || event.type == "y")`, false},
		{`{"data.amount":{"$or":[{"$lt":1},{"$gt":100}]}}`, `(event.data.amount < 1 || event.data.amount > 100)`, true},
		{`{"data.text":"Caf\u00e9 \"x\""}`, `event.data.text == "Café \"x\""`, true},
		{`{"data.text":{"$neq":"\u0000\u200b\u007f\ud83d\ude00') || true || ('"}}`, "event.data.?text.orValue(null) != \"\\x00\\u200b\\x7f😀') || true || ('\"", true},
	} {
		text, err := FromOperators([]byte(tt.in))
		if err != nil || text != tt.text {
			t.Errorf("FromOperators(%s): got %s, %v; want %s", tt.in, text, err, tt.text)
			continue
		}
		if got, err := compiled(t, text).Match(t.Context(), order()); got != tt.match || err != nil {
			t.Errorf("%s: got %v, %v; want %v", text, got, err, tt.match)
		}
	}
}

func TestFromOperatorsRefuses(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{``, "empty"},
		{`{`, "ends early"},
		{`[]`, "want an object"},
		{`"x"`, "want an object"},
		{`{}`, "must not be empty"},
		{`{"data.a":{}}`, "must not be empty"},
		{`{"amount":1}`, "must begin with data"},
		{`{"data..a":1}`, "empty part"},
		{`{"type.x":1}`, "no members"},
		{`{"$gt":1}`, "needs a path"},
		{`{"data.a":{"$where":"x"}}`, `unknown operator "$where"`},
		{`{"data.a":{"$in":"x"}}`, "wants an array"},
		{`{"data.a":{"$exist":1}}`, "wants true or false"},
		{`{"data.a":{"$regex":1}}`, "wants a string"},
		{`{"$or":{}}`, "wants an array"},
		{`{"$or":[]}`, "at least one"},
		{`{"$or":[1]}`, "want an object"},
		{`{"data.a":1,"data.a":2}`, "duplicate name"},
		{`{"data.a":1e999}`, "1.8e308"},
		{strings.Repeat(`{"$or":[`, 20) + strings.Repeat(`]}`, 20), "nested deeper"},
		{strings.Repeat(" ", 9000) + `{}`, "at most 8192 bytes"},
	} {
		text, err := FromOperators([]byte(tt.in))
		var refused *Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Message, tt.want) {
			t.Errorf("FromOperators(%.60s): got %q, %v; want an Error with %q", tt.in, text, err, tt.want)
		}
	}
}
