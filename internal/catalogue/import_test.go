package catalogue

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/problem"
)

const openAPIDocument = `
openapi: 3.1.0
info: {title: Shop, version: "1"}
webhooks:
  order.created:
    post:
      summary: An order was placed.
      requestBody:
        content:
          application/json; charset=utf-8:
            schema:
              $ref: '#/components/schemas/Order'
            examples:
              small: {value: {id: o1, amount: 1.10, customer: {name: Ann}}}
  order.shipped:
    $ref: '#/components/pathItems/Shipped'
  user-removed:
    post:
      deprecated: true
      description: A user left.
      requestBody: {$ref: '#/components/requestBodies/User'}
  ping:
    post: {}
components:
  pathItems:
    Shipped:
      post:
        description: An order is on its way.
        requestBody:
          content:
            application/json:
              schema:
                type: object
                required: [order, at]
                properties:
                  order: {$ref: '#/components/schemas/Order'}
                  at: {type: string, format: date-time}
                  default: {$ref: '#/components/schemas/Customer/properties/name'}
  requestBodies:
    User:
      content:
        application/json:
          schema: {type: object, properties: {id: {type: integer, minimum: 5}}, example: {id: "a sketch"}}
  schemas:
    Order:
      type: object
      required: [id, amount]
      properties:
        id: {type: string}
        amount: {type: number, exclusiveMinimum: 0}
        customer: {$ref: '#/components/schemas/Customer'}
        related: {type: array, items: {$ref: '#/components/schemas/Order'}}
    Customer:
      type: object
      properties: {name: {type: string, minLength: 1}}
`

func TestImportOpenAPI(t *testing.T) {
	types, _, err := ImportOpenAPI(nil, []byte(openAPIDocument))
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		name, description, example string
		deprecated                 bool
	}
	want := []row{
		{"order.created", "An order was placed.", `{"id":"o1","amount":1.10,"customer":{"name":"Ann"}}`, false},
		{"order.shipped", "An order is on its way.", ``, false},
		{"user-removed", "A user left.", `{"id":5}`, true}, // the document's example violates the schema
		{"ping", "An event of the application.", string(Generic), false},
	}
	if len(types) != len(want) {
		t.Fatalf("got %d types, want %d", len(types), len(want))
	}
	for i, w := range want {
		got := types[i]
		if got.Name != w.name || got.Description != w.description || got.Deprecated != w.deprecated || w.example != "" && string(got.Example) != w.example {
			t.Errorf("type %d: got %q %q %s deprecated %v, want %+v", i, got.Name, got.Description, got.Example, got.Deprecated, w)
		}
		if list := got.Validate(got.Example, nil); list != nil {
			t.Errorf("%s: the example %s violates the schema: %v", got.Name, got.Example, list)
		}
	}
	checks := []struct {
		typ  int
		data string
		want string // path of the first violation, empty for none
	}{
		{0, `{"id":"a","amount":1,"related":[{"id":"b","amount":2,"related":[]}],"new":1}`, ""},
		{0, `{"id":"a","amount":1,"related":[{"id":"b","amount":0}]}`, "data.related[0].amount"},
		{0, `{"id":"a","amount":1,"customer":{"name":""}}`, "data.customer.name"},
		{1, `{"order":{"id":"a","amount":1},"at":"2026-05-05T14:23:00Z","default":"x"}`, ""},
		{1, `{"order":{"id":"a","amount":1},"at":"2026-05-05T14:23:00Z","default":""}`, "data.default"},
		{1, `{"order":{"amount":1},"at":"noon"}`, "data.at"},
	}
	for _, c := range checks {
		list := types[c.typ].Validate([]byte(c.data), nil)
		if (len(list) == 0) != (c.want == "") || len(list) > 0 && list[0].Path != c.want {
			t.Errorf("%s %s: got %v, want %q", types[c.typ].Name, c.data, list, c.want)
		}
	}
	// The order of members is preserved for people who read the schema.
	if s := string(types[0].Schema); strings.Index(s, `"id"`) > strings.Index(s, `"amount":{`) || strings.Contains(s, "#/components") {
		t.Errorf("schema: got %s, want members in the document's order and no reference into it", s)
	}
}

func TestImportRefuses(t *testing.T) {
	hook := func(schema string) string {
		return `{"openapi":"3.1.0","webhooks":{"a.b":{"post":{"requestBody":{"content":{"application/json":{"schema":` + schema + `}}}}}},"components":{"schemas":{"A":{"type":"string"}}}}`
	}
	tests := []struct{ name, doc, field, want string }{
		{"remote reference", hook(`{"$ref":"https://example.com/a.json"}`), `webhooks["a.b"]`, "only those to #/components/schemas/"},
		{"file", hook(`{"properties":{"x":{"$ref":"file:///etc/passwd"}}}`), `webhooks["a.b"]`, "only those to #/components/schemas/"},
		{"missing component", hook(`{"$ref":"#/components/schemas/B"}`), `webhooks["a.b"]`, "not found"},
		{"into paths", hook(`{"$ref":"#/paths/~1a"}`), `webhooks["a.b"]`, "only those to"},
		{"broken schema", hook(`{"type":"strng"}`), `schema of "a.b"`, "not a valid JSON Schema"},
		{"direction of writing", `{"openapi":"3.1.0","webhooks":{"a.b":{"post":{"description":"paid\u202egnp.exe"}}}}`, `description of "a.b"`, "U+202E"},
		{"control characters", `{"openapi":"3.1.0","webhooks":{"a.b":{"post":{"summary":"a\u001b[2J"}}}}`, `description of "a.b"`, "U+001B"},
		{"remote path item", `{"openapi":"3.1.0","webhooks":{"a":{"$ref":"https://example.com/x"}}}`, "webhooks.a", "not found in the document"},
		{"endless references", `{"openapi":"3.1.0","webhooks":{"a":{"$ref":"#/webhooks/a"}}}`, "webhooks.a", "references in a row"},
		{"name", `{"openapi":"3.1.0","webhooks":{"new pet":{"post":{}}}}`, `webhooks["new pet"]`, "must be letters"},
		{"old version", `{"swagger":"2.0","openapi":"2.0","webhooks":{}}`, "openapi", "version 3"},
		{"no webhooks", `{"openapi":"3.1.0","paths":{}}`, "webhooks", "must be given"},
		{"empty", ` `, "document", "empty"},
		{"no mapping", `- a`, "document", "object"},
		{"duplicate names", `{"openapi":"3.1.0","openapi":"3.1.0"}`, "document", "duplicate"},
		{"broken", `{"openapi":`, "document", "JSON"},
		{"laughing", "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + aliases("abcdefghijk"), "document", "aliases"},
		{"too large", strings.Repeat(" ", MaxFileBytes+1), "", "at most"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := ImportOpenAPI(nil, []byte(tt.doc))
			var p *problem.Error
			if !errors.As(err, &p) || !strings.Contains(err.Error(), tt.want) || tt.field != "" && (len(p.Fields) != 1 || p.Fields[0].Name != tt.field) {
				t.Errorf("ImportOpenAPI(%.200s): got %v, want a problem with the field %s and %q", tt.doc, err, tt.field, tt.want)
			}
		})
	}
}

// aliases returns YAML in which each name stands for ten of the one before.
func aliases(names string) string {
	var b strings.Builder
	for i := 1; i < len(names); i++ {
		prev := "*" + names[i-1:i]
		b.WriteString(names[i:i+1] + ": &" + names[i:i+1] + " [" + strings.TrimSuffix(strings.Repeat(prev+",", 10), ",") + "]\n")
	}
	return b.String()
}

func TestImportJSONSchema(t *testing.T) {
	const schema = `{"title":"order.created","description":"An order.","type":"object","properties":{"amount":{"type":"number"}},"examples":[{"amount":1.10}]}`
	got, err := ImportJSONSchema(nil, "", []byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	if got.Name != "order.created" || got.Description != "An order." || string(got.Example) != `{"amount":1.10}` || got.Version != "1" || string(got.Schema) != schema {
		t.Errorf("got %+v", got)
	}
	if got, err = ImportJSONSchema(nil, "other.name", []byte("type: object\nproperties:\n  at: {type: string, format: date}\n")); err != nil || got.Name != "other.name" || string(got.Example) != `{"at":"2026-05-05"}` {
		t.Errorf("YAML: got %+v, %v", got, err)
	}
	for doc, want := range map[string]string{
		`{"title":"An order"}`:                            "name",
		`{"title":"a","$ref":"file:///etc/passwd"}`:       "schema",
		`{"title":"a","$ref":"http://169.254.169.254/x"}`: "schema",
	} {
		_, err := ImportJSONSchema(nil, "", []byte(doc))
		var p *problem.Error
		if !errors.As(err, &p) || len(p.Fields) != 1 || p.Fields[0].Name != want {
			t.Errorf("ImportJSONSchema(%s): got %v, want a problem with the field %s", doc, err, want)
		}
	}
}

func TestReadFile(t *testing.T) {
	p, err := ReadFile([]byte(`
types:
  - name: order.created
    version: "2"
    description: An order was placed.
    aliases: [order.placed]
    validation: strict
    schema:
      type: object
      required: [amount]
      properties: {amount: {type: number, examples: [1.10, 0x10]}}
  - name: order.large
    deprecated: true
rules:
  - name: large-order
    on: order.created
    type: order.large
    data: event.data
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Types) != 2 || len(p.Rules) != 1 || p.Types[0].Validation != Strict || !p.Types[1].Deprecated || p.Types[0].Version != "2" {
		t.Fatalf("got %+v", p)
	}
	if got := string(p.Types[0].Example); got != `{"amount":1.10}` {
		t.Errorf("example: got %s, want the number as it is written", got)
	}
	for doc, want := range map[string]string{
		"types: [{name: a, shcema: {}}]":                          "shcema",
		"types: [{name: a b}]":                                    "name",
		"types: [{name: a}, {name: a}]":                           "twice",
		"types: [{name: a, validation: maybe}]":                   "validation",
		"types: [{name: a, schema: {$ref: 'file:///etc/hosts'}}]": "same schema",
		"rules: [{name: r, on: a, type: a, data: event.data}]":    "type",
		"types: [{name: a}]\n---\ntypes: []":                      "one document",
		"types: [{name: a, name: b}]":                             "duplicate",
		"types: [{name: a, example: .nan}]":                       "number",
	} {
		if _, err := ReadFile([]byte(doc)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ReadFile(%s): got %v, want an error with %q", doc, err, want)
		}
	}
}

func TestSample(t *testing.T) {
	tests := []struct{ schema, want string }{
		{``, string(Generic)},
		{`{"const":7}`, `7`},
		{`{"enum":[null,"b"]}`, `"b"`},
		{`{"type":["null","integer"],"minimum":3}`, `3`},
		{`{"type":"object","properties":{"z":{"type":"string","minLength":6},"a":{"type":"array","items":{"type":"boolean"},"minItems":2}}}`, `{"z":"xxxxxx","a":[true,true]}`},
		{`{"$defs":{"n":{"type":"object","properties":{"n":{"$ref":"#/$defs/n"}}}},"$ref":"#/$defs/n"}`, ``},
		{`{"allOf":[{"properties":{"a":{"type":"string"}}},{"properties":{"b":{"format":"uuid"}}}],"properties":{"c":{"type":"null"}}}`, `{"c":null,"a":"text","b":"3f2b8c1e-5d4a-4f6b-9c7d-8e1a2b3c4d5e"}`},
		{`{"oneOf":[{"type":"number","exclusiveMaximum":0},{"type":"string"}]}`, `-1`},
		{`true`, `null`},
		{`{"type":"object","required":["b","a"],"properties":{"a":{"const":1}}}`, `{"a":1,"b":"text"}`},
		{`{"type":"object","required":["a"],"additionalProperties":{"type":"integer"}}`, `{"a":1}`},
		{`{"allOf":[{"properties":{"a":{"const":1}}},{"type":"object","required":["a"]}]}`, `{"a":1}`},
	}
	for _, tt := range tests {
		got := Sample([]byte(tt.schema))
		if tt.want != "" && string(got) != tt.want || !json.Valid(got) {
			t.Errorf("Sample(%s): got %s, want %s", tt.schema, got, tt.want)
		}
	}
	// Forty properties, nested without end: the sample must stay small.
	wide := `{"properties":{` + strings.TrimSuffix(strings.Repeat(`"p%":{"$ref":"#"},`, 40), ",") + `}}`
	for i := range 40 {
		wide = strings.Replace(wide, "%", string(rune('A'+i)), 1)
	}
	if got := Sample([]byte(wide)); len(got) > maxSampleBytes {
		t.Errorf("got %d bytes, want at most %d", len(got), maxSampleBytes)
	}
	for _, typ := range Types() {
		if got := Sample(typ.Schema); rawjson.Check(got, rawjson.Limits{}) != nil || bytes.Equal(got, Generic) {
			t.Errorf("%s: got the sample %s", typ.Name, got)
		} else if list := typ.Validate(got, nil); list != nil {
			t.Errorf("%s: the sample %s violates the schema: %v", typ.Name, got, list)
		}
	}
}
