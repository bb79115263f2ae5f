package catalogue

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
)

// judgedSchemas pairs with data for the tests that hold for every pair.
var judgedSchemas = []string{
	`true`, `false`, `{}`, `{"type":"integer"}`, `{"type":["number","null"],"minimum":-2,"exclusiveMaximum":10}`, `{"multipleOf":0.5}`, `{"enum":["a",1.0,null,{"a":[1]}]}`, `{"const":{"a":[1,2],"b":null}}`,
	`{"properties":{"a":{"propertyNames":{"maxLength":4}},"deep":{"properties":{"deeper":{"propertyNames":{"maxLength":4}}}}}}`,
	`{"propertyNames":{"pattern":"^[a-c]"},"properties":{"a":{"type":"string"}}}`, `{"minProperties":1,"maxProperties":2}`, `{"required":["a","b"],"dependentRequired":{"a":["c"]},"dependentSchemas":{"b":{"required":["d"]}}}`,
	`{"patternProperties":{"^a":{"type":"integer"},"b$":{"type":"string"}},"additionalProperties":false}`, `{"properties":{"a":{}},"additionalProperties":{"type":"boolean"}}`,
	`{"prefixItems":[{"type":"string"},{"type":"integer"}],"items":false}`, `{"items":{"type":"integer"},"minItems":1,"maxItems":3,"uniqueItems":true}`, `{"contains":{"type":"string"},"minContains":2,"maxContains":3}`, `{"contains":{"const":1},"minContains":0}`,
	`{"minLength":2,"maxLength":3}`, `{"pattern":"^[a-z]+$"}`, `{"not":{"type":"object"}}`, `{"allOf":[{"required":["a"]},{"properties":{"a":{"type":"integer"}}}]}`,
	`{"anyOf":[{"type":"string"},{"type":"object","required":["a"]}]}`, `{"oneOf":[{"required":["a"]},{"required":["b"]},{"type":"integer"}]}`, `{"oneOf":[{"type":"integer"},{"minimum":2}]}`,
	`{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}}`, `{"if":{"type":"object"},"else":{"type":"array"}}`,
	`{"properties":{"a":{}},"unevaluatedProperties":false}`, `{"allOf":[{"properties":{"a":{}}}],"anyOf":[{"properties":{"b":{"type":"integer"}}},{"properties":{"c":{}}}],"unevaluatedProperties":false}`,
	`{"if":{"properties":{"a":{"const":1}},"required":["a"]},"then":{"properties":{"b":{}}},"unevaluatedProperties":{"type":"string"}}`, `{"prefixItems":[{}],"contains":{"type":"string"},"unevaluatedItems":false}`,
	`{"not":{"properties":{"a":{}},"unevaluatedProperties":false}}`, `{"$ref":"#/$defs/n","$defs":{"n":{"type":"object","properties":{"a":{"$ref":"#/$defs/n"},"b":{"type":"array","items":{"$ref":"#"}}}}}}`,
	`{"$dynamicAnchor":"x","items":{"$dynamicRef":"#x"},"unevaluatedItems":false}`, `{"$dynamicAnchor":"node","type":"object","properties":{"a":{"$dynamicRef":"#node"}},"unevaluatedProperties":false}`,
	`{"$id":"relay:///a","$ref":"#/$defs/list","$defs":{"item":{"$dynamicAnchor":"T","type":"string"},"list":{"$id":"relay:///list","type":"array","items":{"$dynamicRef":"#T"},"$defs":{"d":{"$dynamicAnchor":"T","type":"integer"}}}}}`,
	`{"format":"date-time"}`, `{"format":"uuid"}`, `{"format":"ipv6"}`, `{"format":"hostname"}`, `{"properties":{"a":{"format":"regex"}}}`, `{"$ref":"#"}`, `{"allOf":[{"$ref":"#/allOf/0"}]}`,
	`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"}],"additionalItems":{"type":"integer"},"dependencies":{"a":["b"],"b":{"required":["c"]}}}`,
	`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"string"}],"additionalItems":false,"contains":{"type":"string"}}`,
	`{"$schema":"http://json-schema.org/draft-04/schema#","minimum":1,"exclusiveMinimum":true,"properties":{"a":{"type":"integer"}}}`,
	`{"$schema":"https://json-schema.org/draft/2019-09/schema","$recursiveAnchor":true,"items":{"$recursiveRef":"#"},"unevaluatedProperties":false,"properties":{"a":{}}}`,
}

var judgedData = []string{
	`null`, `true`, `1`, `1.0`, `-2`, `2.5`, `1e1`, `10`, `12345678901234567890`, `""`, `"a"`, `"ab"`, `"abcd"`, `"é𝒳"`, `"2026-05-05T14:23:00Z"`, `"325030d6-8135-4e55-82b3-272eab6e77e3"`, `"::1"`, `"a.b"`, `"(?=a)"`,
	`[]`, `[1]`, `["a"]`, `["a",1]`, `["a",1,2]`, `[1,1.0]`, `["a","b","c","d"]`, `[[],[1],[["a"]]]`, `[1,2,3,4,5,6,7,8,9,10,1]`, `[{"a":1,"b":2},{"b":2,"a":1}]`, `{}`, `{"a":1}`, `{"a":[1,2],"b":null}`, `{"a":[1]}`,
	`{"b":2}`, `{"a":1,"b":2}`, `{"a":1,"b":2,"c":3}`, `{"a":"x","ab":"y"}`, `{"c":true,"d":"x"}`, `{"a":{"a":{"a":1}}}`, `{"a":{"b":[{"a":1}]}}`, `{"a":"["}`, `{"x y":1}`, `{"a":{"c":{}}}`,
	`{"title":"t","deep":{"deeper":{"toolong":2}},"a":{"fine":{"x":{"y":1}}}}`, `{"a":{"Abcde":1},"deep":{"deeper":{}}}`,
}

// byLibrary returns the library's verdict.
func byLibrary(t testing.TB, s *schema, data string) (fits, ok bool) {
	t.Helper()
	v, err := decode([]byte(data))
	if err != nil {
		return false, false
	}
	err = s.sch.Validate(v)
	var broken *jsonschema.ValidationError
	return err == nil, err == nil || errors.As(err, &broken)
}

// TestJudgeAgreesWithTheLibrary checks that both accept the same events, and that each place of a
// violation exists in the event.
func TestJudgeAgreesWithTheLibrary(t *testing.T) {
	for _, text := range judgedSchemas {
		s, err := compileSchema([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for _, data := range judgedData {
			list, _ := s.judgeDecoded(nil, []byte(data), "data")
			if fits, ok := byLibrary(t, s, data); ok && fits != (list == nil) {
				t.Errorf("schema %s, data %s: got %v, the library says it fits: %v", text, data, list, fits)
			}
			for _, v := range list {
				if !resolves(data, v) {
					t.Errorf("schema %s, data %s: the path of %q leads nowhere", text, data, v)
				}
			}
		}
	}
}

func FuzzJudge(f *testing.F) {
	for i, text := range judgedSchemas {
		f.Add([]byte(text), []byte(judgedData[i%len(judgedData)]))
	}
	f.Fuzz(func(t *testing.T, schema, data []byte) {
		text := string(schema)
		if rawjson.Check(data, rawjson.Limits{Depth: event.MaxDepth}) != nil || rawjson.Check(schema, rawjson.Limits{Depth: 20}) != nil || len(schema)+len(data) > 2000 ||
			strings.Contains(text, "$schema") || strings.Contains(text, "ecursive") || strings.Contains(text, "attern") || strings.Contains(text, "regex") || strings.ContainsAny(text, "eE") && strings.Contains(text, "e9") {
			return
		}
		s, err := compileSchema(schema)
		if err != nil {
			return
		}
		list, _ := s.judgeDecoded(nil, data, "data")
		if len(list) > 0 && strings.HasPrefix(list[0].Message, "cannot be") || strings.Contains(text, "$ref") && len(schema) > 500 {
			return // the library would never end
		}
		if fits, ok := byLibrary(t, s, string(data)); ok && fits != (list == nil) {
			t.Errorf("got %v, the library says it fits: %v", list, fits)
		}
		for _, v := range list {
			if !resolves(string(data), v) && !strings.Contains(v.Path, "…") {
				t.Errorf("the path of %q leads nowhere", v)
			}
		}
	})
}

// TestPlacesOfViolations checks that failing siblings have their own places. The library confuses
// those of propertyNames.
func TestPlacesOfViolations(t *testing.T) {
	for _, tt := range []struct{ schema, data, want string }{
		{judgedSchemas[8], `{"title":"t","deep":{"deeper":{"toolong":2}},"a":{"fine":{"x":{"y":1}}}}`, `data.deep.deeper must not have a member of the name "toolong"`},
		{judgedSchemas[8], `{"a":{"Abcde":1},"deep":{"deeper":{"x":1}}}`, `data.a must not have a member of the name "Abcde"`},
		{`{"items":{"items":{"propertyNames":{"const":"x"}}}}`, `[[{"x":1}],[{"x":1},{"y":1}]]`, `data[1][1] must not have a member of the name "y"`},
		{`{"properties":{"a b":{"additionalProperties":{"minimum":3}}}}`, `{"a b":{"c":4,"d.e":1}}`, `data["a b"]["d.e"] must be at least 3`},
	} {
		list := typeWith(t, tt.schema).Validate([]byte(tt.data), nil)
		if len(list) != 1 || list[0].String() != tt.want {
			t.Errorf("schema %s, data %s: got %v, want %s", tt.schema, tt.data, list, tt.want)
		}
	}
}

// TestClosestAlternative checks that a value that fits no alternative is compared with the one that
// was probably intended.
func TestClosestAlternative(t *testing.T) {
	const events = `{"oneOf":[{"type":"string"},
		{"title":"opened","type":"object","required":["action","issue"],"properties":{"action":{"const":"opened"},"issue":{"type":"object","required":["id"]}}},
		{"$ref":"#/$defs/closed"}],
		"$defs":{"closed":{"type":"object","required":["action","reason"],"properties":{"action":{"const":"closed"},"reason":{"enum":["done","wontfix"]}}}}}`
	for _, tt := range []struct{ schema, data, want string }{
		{events, `{"action":"opened","issue":{}}`, `data must fit one of the schema's alternatives (oneOf); it comes closest to number 2 (opened), but data.issue.id is missing`},
		{events, `{"action":"closed","reason":"x","more":1}`, `data must fit one of the schema's alternatives (oneOf); it comes closest to number 3 (closed), but data.reason must be one of "done", "wontfix"`},
		{events, `{"action":"moved","issue":{"id":1}}`, `data must fit one of the schema's alternatives (oneOf); it comes closest to number 2 (opened), but data.action must be "opened"`},
		{`{"properties":{"a":{"anyOf":[{"type":"integer","minimum":10},{"type":"null"}]}}}`, `{"a":3}`, `data.a must fit one of the schema's alternatives (anyOf); it comes closest to number 1, but data.a must be at least 10`},
		{`{"oneOf":[{"type":"integer"},{"minimum":1}]}`, `3`, `data must fit only one of the schema's alternatives (oneOf), fits several`},
		{`{"anyOf":[{"required":["a","b","c"]},{"required":["d"]}]}`, `{}`, `data must fit one of the schema's alternatives (anyOf); it comes closest to number 2, but data.d is missing`},
	} {
		list := typeWith(t, tt.schema).Validate([]byte(tt.data), nil)
		if len(list) != 1 || list[0].String() != tt.want {
			t.Errorf("data %s: got %v, want %s", tt.data, list, tt.want)
		}
	}
}

// TestManyViolations checks that the count belongs to the part with the violations.
func TestManyViolations(t *testing.T) {
	typ := &Type{Name: "a", Schema: []byte(`{"items":{"type":"integer"}}`), AttributesSchema: []byte(`{"additionalProperties":{"type":"integer"}}`)}
	check(t, typ.normalize())
	list := typ.Validate([]byte("["+strings.Repeat(`"x",`, 38)+`"x"]`), nil)
	if want := "data violates the schema in 39 places, of which this list has the first 20"; len(list) != maxViolations+1 || list[maxViolations].String() != want {
		t.Errorf("got %d violations, the last %v, want %s", len(list), list[len(list)-1], want)
	}
	var members strings.Builder
	for i := range 30 {
		fmt.Fprintf(&members, `"a%d":"x",`, i)
	}
	list = typ.Validate([]byte("[]"), []byte("{"+members.String()+`"b":1}`))
	if want := "attributes violates the schema in 30 places, of which this list has the first 20"; len(list) != maxViolations+1 || list[maxViolations].String() != want {
		t.Errorf("got %d violations, the last %v, want %s", len(list), list[len(list)-1], want)
	}
	large := "[" + strings.Repeat(`"x",`, 200_000) + `"x"]`
	if list = typ.Validate([]byte(large), nil); len(list) != maxViolations+1 || !strings.Contains(list[maxViolations].Message, "in 200001 places") {
		t.Errorf("got %v, want the number of all places", list[len(list)-1])
	}
}

// TestPlacesInSchemas checks that errors in a schema are reported with their place, including below
// siblings.
func TestPlacesInSchemas(t *testing.T) {
	for schema, want := range map[string]string{
		`{"properties":{"a":{"type":"object","properties":{"b":{"minLength":-1}}},"c":{"title":"x"}}}`: "properties.a.properties.b.minLength must be at least 0",
		`{"allOf":[{"title":"a"},{"title":["x",{"$ref":"y"}]}]}`:                                       "other documents",
		`{"allOf":[{"title":"a"},{"required":"x"}]}`:                                                   "allOf[1].required must be an array, got a string",
		`{"$schema":"http://json-schema.org/draft-07/schema#","items":[{"type":"x"}]}`:                 "items[0].type",
	} {
		typ := Type{Name: "a", Schema: []byte(schema)}
		if err := typ.normalize(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", schema, err, want)
		}
	}
}

// TestEventsOfATypeAreCheckedAtOnce checks that concurrent checks share no state.
func TestEventsOfATypeAreCheckedAtOnce(t *testing.T) {
	typ := typeWith(t, `{"$dynamicAnchor":"n","properties":{"a":{"$dynamicRef":"#n"},"b":{"pattern":"^x*$"}},"unevaluatedProperties":false}`)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 200 {
				n := 1 + rand.IntN(5)
				data := strings.Repeat(`{"a":`, n) + fmt.Sprintf(`{"b":"y","c%d":1}`, i) + strings.Repeat("}", n)
				list := typ.Validate([]byte(data), nil)
				if at := "data" + strings.Repeat(".a", n); len(list) != 2 || list[0].Path != at+".b" || list[1].Path != fmt.Sprintf("%s.c%d", at, i) {
					t.Errorf("%s: got %v", data, list)
				}
			}
		})
	}
	wg.Wait()
}
