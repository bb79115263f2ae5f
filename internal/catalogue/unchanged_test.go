package catalogue

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/testenv"
)

// awkward are texts that encoders tend to rewrite.
var awkward = []string{"a < b && c > d", "\u2028 \u2029", "søren/ø", "quote \" and \\", "tab\tand\nline", "\u007f\u0001", "😀", "plain", "</script>", `\u003c`}

// awkwardJSON returns JSON with awkward texts in every place, in different spellings.
func awkwardJSON(r *rand.Rand, v any) string {
	b, err := encode(v)
	if err != nil {
		panic(err)
	}
	if r.IntN(2) == 0 {
		return string(b)
	}
	escaped, err := json.Marshal(v) // with \u003c
	if err != nil {
		panic(err)
	}
	return string(escaped)
}

// TestImportingAgainChangesNothing checks that importing or saving any document a second time finds
// it unchanged, even after a restart and if an earlier version of Relay stored it with escaped
// characters.
func TestImportingAgainChangesNothing(t *testing.T) {
	r, store, reopen := newRegistry(t)
	ctx := t.Context()
	random := rand.New(rand.NewPCG(1, 2))
	text := func() string { return awkward[random.IntN(len(awkward))] + awkward[random.IntN(len(awkward))] }
	label := func() string { // allowed in a text for people
		for {
			if s := text(); event.CheckLabel(s, true) == nil {
				return s
			}
		}
	}
	rounds := 40
	if testenv.Race {
		rounds = 10 // each compiles rules and schemas, and nothing is concurrent
	}
	for i := range rounds {
		schema := map[string]any{
			"title": label(), "description": label(), "$comment": text(), "type": "object",
			"properties": map[string]any{text(): map[string]any{"description": text()}, "b" + text(): map[string]any{"enum": []any{text(), 1.5}}},
		}
		example := map[string]any{"x": text(), text(): []any{text()}}
		name := fmt.Sprintf("t.n%d", i)
		pack := map[string]any{
			"types": []any{map[string]any{
				"name": name, "description": label(), "fires": label(), "schema": schema, "attributesSchema": schema, "example": example, "exampleAttributes": example, "validation": "strict", "deprecated": i%2 == 0,
			}},
			"rules": []any{map[string]any{"name": fmt.Sprintf("r%d", i), "on": name, "type": name + ".x", "data": "event.data", "when": "event.key == 'a < b'", "description": text()}},
		}
		openAPI := map[string]any{"openapi": "3.1.0", "webhooks": map[string]any{"w." + name: map[string]any{"post": map[string]any{
			"description": label(), "requestBody": map[string]any{"content": map[string]any{"application/json": map[string]any{"schema": map[string]any{"$ref": "#/components/schemas/A"}, "example": example}}},
		}}}, "components": map[string]any{"schemas": map[string]any{"A": schema}}}
		imports := map[string]func(document string) ([]Type, []Rule, error){
			awkwardJSON(random, schema): func(d string) ([]Type, []Rule, error) {
				typ, err := ImportJSONSchema(nil, "s."+name, []byte(d))
				return []Type{typ}, nil, err
			},
			awkwardJSON(random, pack): func(d string) ([]Type, []Rule, error) { return ImportPack(nil, []byte(d)) },
			awkwardJSON(random, openAPI): func(d string) ([]Type, []Rule, error) {
				types, _, err := ImportOpenAPI(nil, []byte(d))
				return types, nil, err
			},
		}
		for document, read := range imports {
			for _, want := range []Outcome{Created, Unchanged, Unchanged} {
				before := slices.Clone(store.list)
				types, rules, err := read(document)
				check(t, err)
				done, err := r.Import(ctx, access.System(1), types, rules, false)
				check(t, err)
				if len(done) != 1 || done[0].Outcome != want || done[0].Version != "1" {
					t.Fatalf("importing %s: got %+v, want %s", document, done, want)
				}
				if want == Unchanged && !slices.EqualFunc(before, store.list, func(a, b Record) bool { return a.UpdatedAt.Equal(b.UpdatedAt) && string(a.Body) == string(b.Body) }) {
					t.Errorf("importing %s again wrote something", document)
				}
				r = reopen()
			}
		}
		for _, typ := range r.List(1) {
			if typ.Pack != "" {
				continue
			}
			again := Change{Schema: &typ.Schema, AttributesSchema: &typ.AttributesSchema, Example: &typ.Example, ExampleAttributes: &typ.ExampleAttributes, Description: &typ.Description}
			saved, err := r.Update(ctx, access.System(1), typ.Name, again)
			check(t, err)
			if saved.Version != "1" || len(r.Versions(1, typ.Name)) != 1 {
				t.Fatalf("saving %s again: got version %s, want no other", typ.Name, saved.Version)
			}
		}
	}

	// Records as earlier versions stored them: json.Marshal escapes <, > and & in users' texts.
	for i := range store.list {
		var v map[string]json.RawMessage
		check(t, json.Unmarshal(store.list[i].Body, &v))
		b, err := json.Marshal(v)
		check(t, err)
		store.list[i].Body = b
	}
	r = reopen()
	typ, _ := r.Lookup(1, "s.t.n9")
	var v any
	check(t, json.Unmarshal(typ.Schema, &v))
	b, err := encode(v)
	check(t, err)
	plain := json.RawMessage(b)
	if _, err := r.Update(ctx, access.System(1), typ.Name, Change{Schema: &plain}); err != nil || len(r.Versions(1, typ.Name)) != 1 {
		t.Errorf("saving what an earlier version stored: got %v and %d versions, want one", err, len(r.Versions(1, typ.Name)))
	}
}

// TestStoredAsGiven checks that users' JSON is returned byte for byte, except for the space between
// tokens.
func TestStoredAsGiven(t *testing.T) {
	r, _, reopen := newRegistry(t)
	const schema = `{"description":"a < b \u003c & \/ ü","type":"object"}`
	const example = `{"a":"<&>","n":1.10}`
	_, err := r.Create(t.Context(), access.System(1), Type{Name: "a.b", Schema: []byte(schema), AttributesSchema: []byte(schema), Example: []byte(example), ExampleAttributes: []byte(example)}, Settings{})
	check(t, err)
	for _, r := range []*Registry{r, reopen()} {
		typ, _ := r.Lookup(1, "a.b")
		if string(typ.Schema) != schema || string(typ.AttributesSchema) != schema || string(typ.Example) != example || string(typ.ExampleAttributes) != example {
			t.Errorf("got %s, %s, %s and %s, want what was given", typ.Schema, typ.AttributesSchema, typ.Example, typ.ExampleAttributes)
		}
	}
}

// TestSamplesFit checks that an example generated from a schema fits it, however deep the required
// members are, and that the type says so if none was found.
func TestSamplesFit(t *testing.T) {
	nested := func(n int) string {
		defs := make([]string, 0, n)
		for i := range n {
			defs = append(defs, fmt.Sprintf(`"l%d":{"type":"object","required":["c","id"],"properties":{"id":{"type":"integer","minimum":7},"c":{"$ref":"#/$defs/l%d"}}}`, i, i+1))
		}
		return fmt.Sprintf(`{"$ref":"#/$defs/l0","$defs":{%s,"l%d":{"const":"end"}}}`, strings.Join(defs, ","), n)
	}
	for schema, sketch := range map[string]bool{
		nested(5): false, nested(20): false,
		`{"type":"object","required":["a"],"properties":{"a":{"$ref":"#"}}}`: true, // endless
		`{"properties":{"a":{"$ref":"#"}}}`:                                  false,
		`{"allOf":[{"$ref":"#/$defs/m"},{"properties":{"closed":{"type":"string"},"state":{"enum":["closed"]}}}],"$defs":{"m":{"required":["closed","state"],"properties":{"closed":{"format":"date-time"},"state":{"enum":["open","closed"]}}}}}`: false,
		`{"properties":{"a":{"oneOf":[{"$ref":"#/$defs/u"},{"type":"null"}]}},"allOf":[{"properties":{"a":{"type":"null"}}}],"$defs":{"u":{"type":"object"}}}`:                                                                                     false,
		`{"type":"string","pattern":"^[A-Z]{2}-\\d{4,}(x|y)$"}`: false, `{"type":"string","minLength":12,"pattern":"^[a-f]+$"}`: false, `{"pattern":"^.{1,2000}$","minLength":5}`: false,
		`{"type":"number","minimum":0.3,"multipleOf":0.25}`: false, `{"type":"integer","exclusiveMinimum":10,"maximum":11}`: false, `{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":0.01}`: false,
		`{"type":"array","minItems":3,"items":{"type":"boolean"}}`: false, `{"prefixItems":[{"const":1},{"type":"string"}],"minItems":2,"items":false}`: false, `{"type":"array","contains":{"const":3}}`: false,
		`{"type":"object","required":["a","b"],"additionalProperties":{"type":"integer"}}`: false, `{"properties":{"a":false,"b":{"type":"integer"}}}`: false, `{"type":["null","integer"],"minimum":4}`: false,
		`{"example":{"a":"sketch"},"properties":{"a":{"type":"integer","default":"none"}},"required":["a"]}`: false, `{"not":{}}`: true, `false`: true, `{"type":"object","minProperties":3}`: true,
	} {
		typ := Type{Name: "a.b", Schema: []byte(schema)}
		check(t, typ.normalize())
		if list := typ.Validate(typ.Example, nil); (list != nil) != sketch || typ.Sketch != sketch {
			t.Errorf("%s: got %s, a sketch: %v, %v; want a sketch: %v", schema, typ.Example, typ.Sketch, list, sketch)
		}
	}
	r, _, reopen := newRegistry(t)
	_, err := r.Create(t.Context(), access.System(1), Type{Name: "a.b", Schema: []byte(`{"not":{}}`)}, Settings{})
	check(t, err)
	if typ, _ := reopen().Lookup(1, "a.b"); !typ.Sketch {
		t.Error("after a restart the type does not say that its example is a sketch")
	}
}
