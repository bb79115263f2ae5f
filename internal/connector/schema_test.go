package connector

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"github.com/relay-events/relay/internal/definition"
	"github.com/relay-events/relay/internal/testenv"
)

var update = flag.Bool("update", false, "write docs/schemas anew")

// TestSchemaIsPublished: the file is what the program has.
func TestSchemaIsPublished(t *testing.T) {
	path := filepath.Join(testenv.Root(t), "docs", "schemas", "connector-1.json")
	if *update {
		if err := os.WriteFile(path, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(t, path); got != string(Schema()) {
		t.Error("docs/schemas/connector-1.json differs: write it anew with go test ./internal/connector -run TestSchemaIsPublished -update")
	}
}

func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("https://relay.example"+SchemaPath, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("https://relay.example" + SchemaPath)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valueOf returns a document as editors hand it to a schema.
func valueOf(t interface{ Fatal(args ...any) }, document string) any {
	root, faults := definition.Parse(document, MaxDocument)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	var value func(n *yaml.Node) any
	value = func(n *yaml.Node) any {
		switch n.Kind {
		case yaml.MappingNode:
			m := make(map[string]any)
			for i := 0; i < len(n.Content); i += 2 {
				m[n.Content[i].Value] = value(n.Content[i+1])
			}
			return m
		case yaml.SequenceNode:
			l := make([]any, len(n.Content))
			for i, e := range n.Content {
				l[i] = value(e)
			}
			return l
		}
		switch n.Tag {
		case "!!null":
			return nil
		case "!!bool":
			return n.Value == "true"
		case "!!int", "!!float":
			return json.Number(n.Value)
		}
		return n.Value
	}
	return value(root)
}

// everyKey are definitions that together use each key.
var everyKey = []string{`
$schema: https://relay.example/schemas/connector-1.json
connector: every-key
version: 1.2.3
kind: list
name: Every key
logo: logo.svg
description: Words
docs: https://api.example.com/docs
partnerNumber: 2001
categories: [chat]
request: {apiDocs: https://a.example, contact: Mette, useCase: members, dueDate: 2027-02-01}
hosts: ["${connection.region}.example.com"]
connection:
  region: {title: Region, help: Where, type: text, secret: false, optional: false, enum: [dk, "no"], default: dk, example: dk, pattern: '^..$'}
auth: {type: oauth2, tokenUrl: "https://a.example/token", clientId: {title: Id}, clientSecret: {secret: true}, grant: clientCredentials, scope: a, audience: b, style: body}
check: {method: GET, url: "https://api.example.com/me", query: {a: 1, b: true}}
externalId: {use: required, help: The key, pattern: '^[A-Z]+$', maxBytes: 40}
identifiers: {anyOf: [partnerIds, variables.email], max: 1, required: true}
segments:
  request: {method: GET, url: "https://api.example.com/lists"}
  items: body.data
  id: ${it.id}
  name: ${it.name}
  page: {by: offset, from: body.next, query: offset, size: 100, first: 0}
  ttl: 15m
filter: payload.siteNumber > 0
item: {id: "${payload.partnerIds[0]}", n: 1}
aggregate: {maxProfiles: 10, maxWait: 1m30s, maxBytes: 5000, by: payload.partnerAudienceId}
add: {method: PUT, url: "https://api.example.com/in", query: {a: b}, headers: {X-A: "${group.id}"}, body: {members: "${items}"}}
update: {url: "https://api.example.com/in", form: {a: b}}
remove: {method: DELETE, url: "https://api.example.com/in"}
forget: {method: DELETE, url: "https://api.example.com/all"}
answers: [{when: status == 429, then: throttle, say: "Slowly: ${body.error}", wait: 5s}]
results: {path: body.results, match: id, idOf: id, id: it.id, ok: it.ok, code: "${it.code}", message: "${it.why}", retry: it.again, unmentioned: retry}
limits: {requests: [{per: second, count: 5, scope: connection}], concurrency: 2, timeout: 10s}
tests:
  - name: all
    payload: {siteNumber: 1, partnerNumber: 2, partnerAudienceId: A, relay42AudienceNumber: 3, partnerIds: [a], audienceVariables: {}, profileId: p, sourceId: s, data: {}}
    operation: enter
    items: 1
    connection: {region: dk}
    expect: {method: PUT, url: "https://api.example.com/in?a=b", headers: {}, body: {}, form: "", ignore: [body.members]}
    skipped: false
    answer: {status: 200, headers: {A: b}, body: {results: []}, text: ""}
    verdict: delivered
    verdicts: [delivered]
    say: ""
plan: [Look]
checkedAgainst: documentation 2026-11-29
`, shortest + "transform: 'function transform(p) { return p; }'\n",
	shortest + "auth: {type: none}\n", shortest + "auth: {type: basic, username: {}, password: {}}\n", shortest + "auth: {type: bearer, token: {}}\n",
	shortest + "auth: {type: apiKey, token: {}, header: X-Key, prefix: Key}\n", shortest + "auth: {type: query, token: {}, name: key}\n",
}

// TestSchemaAcceptsDefinitions that Parse accepts: those that ship with Relay, and those that use each key.
func TestSchemaAcceptsDefinitions(t *testing.T) {
	s := compiledSchema(t)
	documents := map[string]string{"bonuskort": read(t, "testdata/bonuskort.yaml"), "shortest": shortest}
	for _, d := range standard() {
		documents[d.Connector] = d.Document()
	}
	for i, d := range everyKey {
		documents[fmt.Sprintf("everyKey[%d]", i)] = d
	}
	for name, document := range documents {
		if _, err := Parse(document); err != nil {
			t.Errorf("%s: Parse: %v", name, err)
		}
		if err := s.Validate(valueOf(t, document)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemaHasTheKeysOfTheParser holds the keys of each object in the schema against those that Parse knows at the same
// place.
func TestSchemaHasTheKeysOfTheParser(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(Schema(), &root); err != nil {
		t.Fatal(err)
	}
	definitions := root["$defs"].(map[string]any)
	unseen := maps.Clone(definitions) // those with keys that no document has shown yet
	maps.DeleteFunc(unseen, func(_ string, n any) bool { return n.(map[string]any)["properties"] == nil })
	follow := func(n map[string]any) map[string]any {
		for n["$ref"] != nil {
			name := strings.TrimPrefix(n["$ref"].(string), "#/$defs/")
			delete(unseen, name)
			n = definitions[name].(map[string]any)
		}
		return n
	}
	for _, document := range everyKey {
		kind := regexp.MustCompile(`auth: \{type: (\w+)`).FindStringSubmatch(document)
		// at returns the part of the schema for a path such as tests[0].expect.
		at := func(path string) map[string]any {
			n := root
			for step := range strings.SplitSeq(strings.ReplaceAll(path, "[0]", ".[0]"), ".") {
				properties, _ := n["properties"].(map[string]any)
				switch {
				case step == "":
				case step == "[0]":
					n = follow(n["items"].(map[string]any))
				case properties[step] != nil:
					n = follow(properties[step].(map[string]any))
				default:
					n = follow(n["additionalProperties"].(map[string]any))
				}
				for _, rule := range list(n["allOf"]) { // the keys depend on the type
					if step == "auth" && askedType(rule["if"]) == kind[1] {
						n = rule["then"].(map[string]any)
					}
				}
				for _, choice := range list(n["anyOf"]) { // a text or a field
					if c := follow(choice); c["properties"] != nil {
						n = c
					}
				}
			}
			return n
		}
		root, faults := definition.Parse(document, MaxDocument)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		p := &parser{}
		p.Keys = func(path string, known []string) {
			n := at(path)
			properties, _ := n["properties"].(map[string]any)
			got, want := slices.Sorted(maps.Keys(properties)), slices.Sorted(slices.Values(known))
			if !slices.Equal(got, want) || n["additionalProperties"] != false {
				t.Errorf("%q: the schema has the keys %v, Parse %v", path, got, want)
			}
		}
		p.definition(root, &Definition{requests: make(map[string]*request)})
		if len(p.Faults) > 0 {
			t.Error(p.Faults)
		}
	}
	delete(unseen, "payload") // its keys are checked by ParsePayload, and in TestSchemaRefuses
	if len(unseen) > 0 {
		t.Errorf("no document uses %v", slices.Sorted(maps.Keys(unseen)))
	}
}

func list(v any) (all []map[string]any) {
	l, _ := v.([]any)
	for _, e := range l {
		all = append(all, e.(map[string]any))
	}
	return all
}

// askedType returns the type that a condition of the schema asks for.
func askedType(condition any) string {
	c, _ := condition.(map[string]any)
	properties, _ := c["properties"].(map[string]any)
	of, _ := properties["type"].(map[string]any)
	kind, _ := of["const"].(string)
	return kind
}

// TestSchemaRefuses what Parse refuses, as far as that can be seen without expressions.
func TestSchemaRefuses(t *testing.T) {
	s := compiledSchema(t)
	message := func(rest string) string {
		return strings.Replace(shortest, `url: "https://api.example.com/in"`, rest, 1)
	}
	with := func(old, replacement string) string {
		if !strings.Contains(everyKey[0], old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(everyKey[0], old, replacement, 1)
	}
	for name, document := range map[string]string{
		"a list":                      "[1]",
		"no name":                     strings.Replace(shortest, "name: Hook", "", 1),
		"an empty name":               strings.Replace(shortest, "name: Hook", `name: ""`, 1),
		"no kind":                     strings.Replace(shortest, "kind: message", "", 1),
		"another kind":                strings.Replace(shortest, "kind: message", "kind: stream", 1),
		"an upper-case name":          strings.Replace(shortest, "connector: hook", "connector: Hook", 1),
		"a version of two parts":      strings.Replace(shortest, "1.0.0", "1.0", 1),
		"a number below zero":         strings.Replace(shortest, "2001", "-1", 1),
		"a text for a number":         strings.Replace(shortest, "2001", `"2001"`, 1),
		"an unknown key":              shortest + "mesage: {}\n",
		"an unknown key deep":         message(`uri: "https://api.example.com/in"`),
		"a request without url":       message(""),
		"an unencrypted url":          message(`url: "http://api.example.com/in"`),
		"another method":              message(`url: "https://a.example", method: TRACE`),
		"body and form":               message(`url: "https://api.example.com", body: {}, form: {}`),
		"a header of Relay's":         message(`url: "https://api.example.com", headers: {AuthoriZation: x}`),
		"a list as a value":           message(`url: "https://api.example.com", query: {a: [b]}`),
		"a request of the other kind": shortest + "add: {url: \"https://api.example.com\"}\n",
		"no request of its kind":      with("add: {", "update: {method: PUT, url: \"https://api.example.com\"}\nxadd: {"),
		"item and transform":          shortest + "item: {}\ntransform: x\n",
		"a truth value for a text":    shortest + "docs: true\n",
		"null for a text":             shortest + "docs:\n",
		"a text for a truth value":    with("secret: false", `secret: "false"`),
		"a field's type":              with("type: text", "type: date"),
		"a field with another key":    with("title: Region", "titel: Region"),
		"a field's name":              with("region: {", "re-gion: {"),
		"a type of authentication":    shortest + "auth: {type: digest}\n",
		"no type of authentication":   shortest + "auth: {token: a}\n",
		"a key of another type":       shortest + "auth: {type: bearer, token: {}, username: a}\n",
		"a needed key":                shortest + "auth: {type: basic, username: a}\n",
		"another grant":               with("grant: clientCredentials", "grant: password"),
		"a use":                       with("use: required", "use: always"),
		"too many bytes":              with("maxBytes: 40", "maxBytes: 5000"),
		"an identifier":               with("variables.email", "email"),
		"segments without items":      with("  items: body.data\n", ""),
		"a way to page":               with("by: offset", "by: scroll"),
		"pages without parameter":     with("query: offset, ", ""),
		"a cursor from nowhere":       with("by: offset, from: body.next", "by: cursor"),
		"a duration without unit":     with("ttl: 15m", "ttl: 15"),
		"a negative duration":         with("maxWait: 1m30s", "maxWait: -1 m"),
		"a fraction":                  with("maxProfiles: 10", "maxProfiles: 1.5"),
		"an empty expression":         with("filter: payload.siteNumber > 0", `filter: " "`),
		"an answer without when":      with("{when: status == 429, ", "{"),
		"an answer without then":      with("then: throttle, ", ""),
		"a verdict":                   with("then: throttle", "then: ignore"),
		"results without path":        with("path: body.results, ", ""),
		"results without ok":          with("ok: it.ok, ", ""),
		"results by no id":            with("idOf: id, ", ""),
		"a period":                    with("per: second", "per: week"),
		"a limit without count":       with("count: 5, ", ""),
		"a scope":                     with("scope: connection", "scope: app"),
		"a test without name":         shortest + "tests: [{skipped: true}]\n",
		"a test of nothing":           shortest + "tests: [{name: a}]\n",
		"a verdict of no answer":      shortest + "tests: [{name: a, skipped: true, verdict: delivered}]\n",
		"a status":                    shortest + "tests: [{name: a, answer: {status: 99}}]\n",
		"a tenth member":              with("siteNumber: 1", "tenth: 1"),
		"a member's type":             with("partnerIds: [a]", "partnerIds: a"),
		"an operation":                with("operation: enter", "operation: forget"),
		"a date":                      with("2027-02-01", "tomorrow"),
	} {
		if _, err := Parse(document); err == nil {
			t.Errorf("%s: Parse accepts it", name)
		}
		if err := s.Validate(valueOf(t, document)); err == nil {
			t.Errorf("%s: the schema accepts it", name)
		}
	}
}

// TestSchemaIsNoStricter changes definitions at random: what Parse accepts, the schema accepts.
func TestSchemaIsNoStricter(t *testing.T) {
	s := compiledSchema(t)
	documents := append([]string{shortest, read(t, "testdata/bonuskort.yaml")}, everyKey...)
	var keys []string // from anywhere, so that some stand in a place of others
	var collect func(v any)
	collect = func(v any) {
		switch x := v.(type) {
		case map[string]any:
			for k, e := range x {
				keys = append(keys, k)
				collect(e)
			}
		case []any:
			for _, e := range x {
				collect(e)
			}
		}
	}
	for _, d := range documents {
		collect(valueOf(t, d))
	}
	slices.Sort(keys)
	keys = slices.Compact(keys)
	values := []any{
		nil, true, false, json.Number("0"), json.Number("-1"), json.Number("1"), json.Number("1.5"), json.Number("1e3"), json.Number("1000000000000"), "", " ", "x", "no", "30s", "0", "-0s", "+1.5h",
		"2027-02-01", "1.0.0", "${connection.region}", "https://api.example.com/x", "payload.data", "it.id", "delivered", strings.Repeat("a", 600), []any{}, map[string]any{}, []any{"x"}, map[string]any{"a": "b"},
	}
	accepted := 0
	rapid.Check(t, func(r *rapid.T) {
		doc := valueOf(r, rapid.SampledFrom(documents).Draw(r, "document"))
		for range rapid.IntRange(1, 3).Draw(r, "changes") {
			doc = changed(r, doc, keys, values, 0)
		}
		raw, err := json.Marshal(doc)
		if err != nil {
			r.Fatal(err)
		}
		if _, err := Parse(string(raw)); err != nil {
			return
		}
		accepted++
		if err := s.Validate(valueOf(r, string(raw))); err != nil {
			r.Fatalf("Parse accepts %s\nand the schema does not: %v", raw, err)
		}
	})
	if accepted == 0 {
		t.Error("Parse accepted none of them: this shows nothing")
	}
}

// changed returns a value with one change somewhere in it.
func changed(r *rapid.T, v any, keys []string, values []any, depth int) any {
	down := rapid.IntRange(0, 3).Draw(r, "down") > 0 || depth == 0
	switch x := v.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(x))
		switch how := rapid.IntRange(0, 5).Draw(r, "how"); {
		case how == 0:
			x[rapid.SampledFrom(keys).Draw(r, "key")] = rapid.SampledFrom(values).Draw(r, "value")
			return x
		case how == 1 && len(names) > 0:
			delete(x, rapid.SampledFrom(names).Draw(r, "without"))
			return x
		case down && len(names) > 0:
			name := rapid.SampledFrom(names).Draw(r, "name")
			x[name] = changed(r, x[name], keys, values, depth+1)
			return x
		}
	case []any:
		if down && len(x) > 0 {
			i := rapid.IntRange(0, len(x)-1).Draw(r, "entry")
			x[i] = changed(r, x[i], keys, values, depth+1)
			return x
		}
	}
	return rapid.SampledFrom(values).Draw(r, "value")
}
