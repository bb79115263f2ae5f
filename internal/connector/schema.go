package connector

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"github.com/relay-events/relay/internal/definition"
)

// SchemaPath is where a server publishes Schema. The number rises with a change that would refuse definitions which are
// valid now.
const SchemaPath = "/schemas/connector-1.json"

// Schema returns the JSON Schema of definitions, for editors and for programs that write definitions. It is made of the
// lists and bounds that Parse uses. Parse is stricter: it also compiles expressions, and looks at values together. What
// Parse accepts, the schema accepts; schema_test.go holds each key of the one against the other.
var Schema = sync.OnceValue(func() []byte {
	raw, err := json.MarshalIndent(schemaDocument(), "", "  ")
	if err != nil {
		panic(fmt.Errorf("writing the schema of connectors: %w", err)) // it is maps and texts
	}
	return append(raw, '\n')
})

// node is a part of a JSON Schema.
type node = map[string]any

// js has the words that the schema is written in.
var js schemaWords

type schemaWords struct{}

// about adds a description, which editors show beside a key.
func (schemaWords) about(words string, n node) node {
	all := node{"description": words}
	for k, v := range n {
		all[k] = v
	}
	return all
}

func (schemaWords) ref(name string) node { return node{"$ref": "#/$defs/" + name} }

// text is what parser.text reads: a number without quotes is a text, too.
func (schemaWords) text(max int) node {
	return node{"type": []string{"string", "number"}, "maxLength": max}
}

func (schemaWords) integer(min, max int64) node {
	return node{"type": "integer", "minimum": min, "maximum": max}
}

func (schemaWords) boolean() node { return node{"type": "boolean"} }

func (schemaWords) enum(of ...string) node { return node{"enum": of} }

func (schemaWords) list(max int, of node) node {
	return node{"type": "array", "maxItems": max, "items": of}
}

func (schemaWords) object(properties node, required ...string) node {
	n := node{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		n["required"] = required
	}
	return n
}

// pairs is an object with any keys.
func (schemaWords) pairs(max int, of node) node {
	return node{"type": "object", "maxProperties": max, "additionalProperties": of}
}

func (schemaWords) has(keys ...string) node { return node{"required": keys} }

// is holds for an object whose key has the value.
func (schemaWords) is(key, value string) node {
	return node{"properties": node{key: node{"const": value}}, "required": []string{key}}
}

func (schemaWords) not(n node) node { return node{"not": n} }

func (schemaWords) when(condition, then node) node { return node{"if": condition, "then": then} }

// foldedCase is a pattern for a text in either case: the patterns of JSON Schema have no flag for that.
func foldedCase(word string) string {
	var b strings.Builder
	for _, r := range word {
		if r == '-' {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, "[%c%c]", r, r-'a'+'A')
	}
	return b.String()
}

func schemaDocument() node {
	var headers []string
	for _, name := range ownHeaders {
		headers = append(headers, foldedCase(name))
	}
	request := func(words string) node { return js.about(words, js.ref("request")) }
	root := js.object(node{
		"$schema":        js.about("the address of this schema, for editors", js.text(1000)),
		"connector":      js.about("the connector's name in addresses", node{"type": []string{"string", "number"}, "pattern": isSlug.String()}),
		"version":        js.about("semantic; a version that has left draft never changes", node{"type": "string", "pattern": isVersion.String()}),
		"kind":           js.about("list: the partner ends up with the right members; message: each send is an act of its own", js.enum(string(List), string(Message))),
		"name":           js.about("for people", node{"type": []string{"string", "number"}, "minLength": 1, "maxLength": 100}),
		"logo":           js.about("address of a picture", js.text(1000)),
		"description":    js.about("for people", js.text(10_000)),
		"docs":           js.about("where the partner describes its API", js.text(1000)),
		"partnerNumber":  js.about("the type of external identifier", js.integer(0, 1<<53)),
		"categories":     js.about("words by which the connector is found", js.list(20, js.text(1000))),
		"request":        js.about("who asked for the connector, and what for", js.ref("ticket")),
		"hosts":          js.about("the hosts that requests go to", js.list(20, js.ref("template"))),
		"connection":     js.about("what a connection must give, by name", node{"type": "object", "maxProperties": maxFields, "propertyNames": node{"pattern": isField.String()}, "additionalProperties": js.ref("field")}),
		"auth":           js.about("how requests say who they come from", js.ref("auth")),
		"check":          request("the request by which a connection is tested"),
		"externalId":     js.about("the free text that names the segment at the partner", js.ref("externalId")),
		"identifiers":    js.about("what a profile needs to be addressed", js.ref("identifiers")),
		"segments":       js.about("how the partner's lists are listed", js.ref("segments")),
		"filter":         js.about("CEL: profiles for which it is not true are not sent", js.ref("expression")),
		"item":           js.about("one profile's entry: any JSON, with ${…} in its texts", node{}),
		"transform":      js.about("JavaScript that makes one profile's entry", js.text(64<<10)),
		"aggregate":      js.about("how profiles share a request; without it, each has its own", js.ref("aggregate")),
		"add":            request("list: who enters"),
		"update":         request("list: who has changed; without it, add"),
		"remove":         request("list: who leaves"),
		"message":        request("message: each send"),
		"forget":         request("who is erased; without it, remove or message"),
		"answers":        js.about("what answers mean; the first rule that holds wins", js.list(50, js.ref("answer"))),
		"results":        js.about("how an answer tells about each item", js.ref("results")),
		"limits":         js.about("what the partner takes", js.ref("limits")),
		"tests":          js.about("examples; all must pass before the definition goes live", js.list(200, js.ref("test"))),
		"plan":           js.about("what people check before it goes live", js.list(50, js.text(1000))),
		"checkedAgainst": js.about("the documents that the definition was compared with, and when", js.text(500)),
	}, "connector", "version", "kind", "name")
	root["$schema"], root["$id"] = "https://json-schema.org/draft/2020-12/schema", SchemaPath
	root["title"] = "A connector of Relay"
	root["description"] = "A document about the calls to a partner platform, in YAML or JSON. Texts may have CEL in ${…}."
	root["allOf"] = []node{
		js.when(js.is("kind", string(Message)), node{"required": []string{requestMessage}, "properties": node{requestAdd: false, requestUpdate: false, requestRemove: false}}),
		js.when(js.is("kind", string(List)), node{"required": []string{requestAdd}, "properties": node{requestMessage: false}}),
		js.not(node{"required": []string{"item", "transform"}, "properties": node{"transform": node{"minLength": 1}}}),
	}
	root["$defs"] = node{
		"template":   js.about("a text, which may have CEL in ${…}", node{"type": []string{"string", "number", "boolean", "null"}, "maxLength": definition.MaxExpression}),
		"expression": js.about("CEL, with or without ${…} around it", node{"type": []string{"string", "number"}, "maxLength": definition.MaxExpression, "pattern": `\S`}),
		"duration":   js.about("such as 30s or 1h30m", node{"type": []string{"string", "integer"}, "pattern": `^([+-]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+|[+-]?0)$`, "minimum": 0, "maximum": 0}),
		"verdict":    js.enum(verdicts...),
		"ticket": js.object(node{
			"apiDocs": js.text(2000), "contact": js.text(1000), "useCase": js.text(10_000),
			"dueDate": js.about("such as 2027-02-01", node{"type": "string", "pattern": `^([0-9]{4}-[0-9]{2}-[0-9]{2})?$`}),
		}),
		"field": js.object(node{
			"title": js.text(200), "help": js.text(2000), "type": js.enum(fieldTypes...), "secret": js.boolean(), "optional": js.boolean(),
			"enum": js.list(200, js.text(1000)), "default": js.text(1000), "example": js.text(1000), "pattern": js.about("a regular expression", js.text(500)),
		}),
		"auth":       authSchema(),
		"externalId": js.object(node{"use": js.enum(externalIDUses...), "help": js.text(2000), "pattern": js.text(500), "maxBytes": js.integer(1, maxExternalID)}),
		"identifiers": js.object(node{
			"anyOf": js.about("partnerIds, or variables such as variables.email; one of them is enough", js.list(20, node{"type": "string", "pattern": `^(partnerIds$|variables\.)`, "maxLength": 1000})),
			"max":   js.about("how many of partnerIds", js.integer(1, 1000)), "required": js.boolean(),
		}),
		"segments": js.object(node{
			"request": js.ref("request"), "items": js.about("where the answer has the list", js.ref("expression")), "id": js.ref("template"), "name": js.ref("template"),
			"page": js.ref("page"), "ttl": js.ref("duration"),
		}, "request", "items", "id"),
		"page": js.withRules(js.object(node{
			"by": js.enum(pagings...), "from": js.ref("expression"), "query": js.text(100), "size": js.integer(1, 100_000), "first": js.integer(0, 1),
		}), js.when(js.is("by", "cursor"), js.has("from", "query")), js.when(js.is("by", "nextUrl"), js.has("from")),
			js.when(js.is("by", "offset"), js.has("query")), js.when(js.is("by", "page"), js.has("query"))),
		"aggregate": js.object(node{
			"maxProfiles": js.integer(1, maxProfiles), "maxWait": js.ref("duration"), "maxBytes": js.integer(minBodyBytes, maxBodyBytes), "by": js.ref("expression"),
		}),
		"request": js.withRules(js.object(node{
			"method": js.enum(methods...), "url": node{"type": "string", "pattern": `^(https://|\$\{)`, "maxLength": definition.MaxExpression},
			"query": js.pairs(50, js.ref("template")), "form": js.pairs(50, js.ref("template")),
			"headers": node{"type": "object", "maxProperties": 50, "additionalProperties": js.ref("template"), "propertyNames": js.not(node{"pattern": "^(" + strings.Join(headers, "|") + ")$"})},
			"body":    js.about("any JSON, with ${…} in its texts; without body and form, the payload is sent as it is", node{}),
		}, "url"), js.not(js.has("body", "form"))),
		"answer": js.object(node{"when": js.ref("expression"), "then": js.ref("verdict"), "say": js.ref("template"), "wait": js.ref("duration")}, "when", "then"),
		"results": js.withRules(js.object(node{
			"path": js.ref("expression"), "match": js.enum(matches...), "idOf": node{"type": "string", "pattern": "^$|" + isField.String()}, "id": js.ref("expression"),
			"ok": js.ref("expression"), "code": js.ref("template"), "message": js.ref("template"), "retry": js.ref("expression"), "unmentioned": js.enum(unmentioned...),
		}, "path"), js.when(js.not(js.is("match", "rejectedList")), js.has("ok")),
			js.when(js.is("match", "id"), node{"required": []string{"idOf"}, "properties": node{"idOf": node{"minLength": 1}}})),
		"limits": js.object(node{
			"requests": js.list(10, js.object(node{
				"per": js.enum(periods...), "count": js.integer(1, 10_000_000), "scope": js.enum("connection"),
			}, "count")),
			"concurrency": js.integer(1, 256), "timeout": js.ref("duration"),
		}),
		"test": js.withRules(js.object(node{
			"name": node{"type": []string{"string", "number"}, "minLength": 1, "maxLength": 200}, "payload": js.ref("payload"),
			"operation": js.enum(string(Enter), string(Update), string(Leave)), "items": js.integer(1, maxProfiles),
			"connection": js.about("values of fields", node{"type": "object", "additionalProperties": js.text(4000)}),
			"expect": js.about("the request that is made", js.object(node{
				"method": js.text(10), "url": js.text(4000), "headers": node{"type": "object"}, "body": node{}, "form": js.text(64 << 10), "ignore": js.list(100, js.text(1000)),
			})),
			"skipped": js.about("nothing is to be sent", js.boolean()),
			"answer": js.about("an answer of the partner", js.object(node{
				"status": js.integer(100, 599), "headers": node{"type": "object"}, "body": node{}, "text": js.text(64 << 10),
			})),
			"verdict": js.ref("verdict"), "verdicts": js.list(maxProfiles, js.ref("verdict")), "say": js.about("words that the verdict must have", js.text(1000)),
		}, "name"), js.when(js.has("verdict"), js.has("answer")),
			js.when(node{"required": []string{"verdicts"}, "properties": node{"verdicts": node{"minItems": 1}}}, js.has("answer")),
			node{"anyOf": []node{js.has("expect"), js.has("answer"), {"required": []string{"skipped"}, "properties": node{"skipped": node{"const": true}}}}}),
		"payload": js.object(node{
			"siteNumber": js.number(), "partnerNumber": js.number(), "partnerAudienceId": js.words(), "relay42AudienceNumber": js.number(),
			"partnerIds": node{"type": []string{"array", "null"}, "items": js.words()}, "audienceVariables": node{"type": []string{"object", "null"}},
			"profileId": js.words(), "sourceId": js.words(), "data": node{"type": []string{"object", "null"}},
		}),
	}
	return root
}

// number and words are members of a payload, which may be null.
func (schemaWords) number() node { return node{"type": []string{"integer", "null"}} }
func (schemaWords) words() node  { return node{"type": []string{"string", "null"}} }

func (schemaWords) withRules(n node, rules ...node) node {
	n["allOf"] = rules
	return n
}

func authSchema() node {
	var rules []node
	for _, kind := range authTypes {
		keys := authKeys[kind]
		properties := node{"type": true}
		for _, name := range append(append([]string(nil), keys.needs...), keys.may...) {
			properties[name] = node{"anyOf": []node{js.ref("template"), js.ref("field")}}
		}
		if _, ok := properties["grant"]; ok {
			properties["grant"] = js.enum("clientCredentials", "")
		}
		then := node{"properties": properties, "additionalProperties": false}
		if keys.needs != nil {
			then["required"] = keys.needs
		}
		rules = append(rules, js.when(js.is("type", kind), then))
	}
	return node{"type": "object", "properties": node{"type": js.enum(authTypes...)}, "required": []string{"type"}, "allOf": rules}
}
