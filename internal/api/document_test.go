package api_test

import (
	"bytes"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/relay-events/relay/internal/catalogue"
)

// TestDocumentIsWhole holds the document to what linters and generators of clients ask of it; tools/document-test runs them.
func TestDocumentIsWhole(t *testing.T) {
	w := newWorld(t)
	raw := w.do("GET", "/openapi.json", "").body
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	doc := mapOf(parsed)
	schemas := mapOf(mapOf(doc["components"])["schemas"])

	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("relay:openapi", doc); err != nil {
		t.Fatal(err)
	}
	// fits checks that a body has an example that its schema accepts.
	fits := func(what, pointer string, body any) {
		t.Helper()
		for mediaType, m := range mapOf(mapOf(body)["content"]) {
			example, ok := mapOf(m)["example"]
			if !ok {
				t.Errorf("%s: no example of %s", what, mediaType)
				continue
			}
			walkSchema(example, func(object map[string]any) {
				for member, value := range object {
					if value == "string" {
						t.Errorf("%s: the example has no value for %q; give it the tag example", what, member)
					}
				}
			})
			schema, err := compiler.Compile("relay:openapi#" + pointer + "/requestBody/content/" + escape(mediaType) + "/schema")
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if err := schema.Validate(example); err != nil {
				t.Errorf("%s: example of %s: %v", what, mediaType, err)
			}
		}
	}
	taken := make(map[string]string)
	for path, item := range mapOf(doc["paths"]) {
		for method, op := range mapOf(item) {
			op := mapOf(op)
			what := strings.ToUpper(method) + " " + path
			if text, _ := op["description"].(string); text == "" {
				t.Errorf("%s has no description", what)
			}
			fits(what, "/paths/"+escape(path)+"/"+method, op["requestBody"])
			id, _ := op["operationId"].(string)
			taken[upper(id)+"Operation"] = what
		}
	}
	// ogen calls a choice of words in a member by its schema and its name, and has a constant for each operation.
	for name, schema := range schemas {
		for member, m := range mapOf(mapOf(schema)["properties"]) {
			if other := taken[name+upper(member)]; other != "" && mapOf(m)["enum"] != nil {
				t.Errorf("member %q of schema %s and %s have the same name in clients that ogen makes: rename the schema", member, name, other)
			}
		}
	}

	messages := mapOf(doc["webhooks"])
	for name, item := range messages {
		fits("webhook "+name, "/webhooks/"+escape(name)+"/post", mapOf(mapOf(item)["post"])["requestBody"])
	}
	want := []string{"webhook.failing", "webhook.authentication_rejected", "webhook.disabled"}
	for _, kind := range catalogue.Types() {
		want = append(want, kind.Name)
	}
	if got := slices.Sorted(maps.Keys(messages)); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("webhooks: got %q, want %q", got, want)
	}

	// What a request chooses from a list, the answer shows from a list.
	for name, schema := range schemas {
		base := name
		for _, verb := range []string{"Create", "Update", "Put", "New"} {
			base = strings.TrimPrefix(base, verb)
		}
		answer := mapOf(mapOf(schemas[base])["properties"])
		for member, m := range mapOf(mapOf(schema)["properties"]) {
			if a := mapOf(answer[member]); base != name && mapOf(m)["enum"] != nil && a != nil && a["enum"] == nil {
				t.Errorf("schema %s: member %q is one of %v in %s, and any text here", base, member, mapOf(m)["enum"], name)
			}
		}
	}
}

// TestOperationalEventsFitTheDocument publishes one for real.
func TestOperationalEventsFitTheDocument(t *testing.T) {
	w := newWorld(t)
	endpoint := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusUnauthorized) }))
	defer endpoint.Close()
	w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"`+endpoint.URL+`","retry":{"attempts":1}}`)
	w.into(nil, 202, "POST", "/v1/events", `{"type":"a.b","data":1}`)
	var list page[struct {
		Type string
		Data any
	}]
	eventually(t, "the event about the webhook is stored", func() bool {
		w.into(&list, 200, "GET", "/v1/events?type=webhook.authentication_rejected", "")
		return len(list.Data) == 1
	})
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(w.do("GET", "/openapi.json", "").body))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("relay:openapi", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile("relay:openapi#/webhooks/webhook.authentication_rejected/post/requestBody/content/application~1json/schema/properties/data")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(list.Data[0].Data); err != nil {
		t.Errorf("got %v: %v", list.Data[0].Data, err)
	}
}

// escape makes a name a part of a JSON pointer within a URL.
func escape(name string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
