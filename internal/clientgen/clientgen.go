// Package clientgen writes the parts of the clients in Go, TypeScript and Python that follow from the OpenAPI document: a
// type for each schema, and a method for each operation.
//
// The shapes of the API's JSON stand once, as the structs of package api. Package client cannot import them, because other
// people's programs link it and would link the server with it; and the server cannot use the client's, because requests
// tell a member that is null from one that is left out, with words for the document on every field. So the document, which
// is made from the first, is what the second are made from. Tests hold both to it.
//
// # From schemas to Go
//
// In requests, members that may be left out have the type Opt, which tells left out, null and a value apart; members with
// any JSON value are of type any, and nil leaves them out. In answers, null is the zero value of strings, times, durations,
// lists and maps, and a nil pointer of numbers, booleans and objects, whose zero values mean something.
//
// Publishing is written by hand (client/publish.go), because events have three forms.
//
// # Why not a public generator
//
// Public generators read the document (make release-test builds four), but none of them makes the same client in three
// languages: methods with the operations' names, lists as iterators, an Idempotency-Key on the calls that take one, and no
// module at run time. What they would save is these few hundred lines, and each brings a toolchain that regenerating needs.
package clientgen

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"go/format"
	"slices"
	"strings"
)

// byHand lists the schemas and operations that the client has without being generated.
var byHand = []string{"NewEvent", "Problem", "ProblemField", "publishEvents"}

// generator collects a file.
type generator struct {
	doc   document
	out   bytes.Buffer
	roles map[string]*role
}

// role says where a schema is used.
type role struct {
	request bool     // in requests, else in answers
	uses    []string // phrases: "the answer of [Client.GetWebhook]"
}

// read returns a generator for an OpenAPI document.
func read(openapi []byte) (*generator, error) {
	g := &generator{roles: make(map[string]*role)}
	if err := json.Unmarshal(openapi, &g.doc); err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	g.findRoles()
	return g, nil
}

// Go returns the generated files of package client by their names, made from an OpenAPI document.
func Go(openapi []byte) (map[string][]byte, error) {
	g, err := read(openapi)
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for _, f := range []struct {
		name  string
		write func()
	}{
		{"requests_gen.go", func() { g.structs(true) }},
		{"answers_gen.go", func() { g.structs(false) }},
		{"calls_gen.go", g.calls},
	} {
		g.out.Reset()
		f.write()
		text := g.out.String()
		source, err := format.Source([]byte(head(text) + text))
		if err != nil {
			return nil, fmt.Errorf("formatting %s: %w", f.name, err)
		}
		files[f.name] = source
	}
	return files, nil
}

// head is the beginning of a file with the imports that its text needs.
func head(text string) string {
	var imports string
	for _, p := range []string{"context", "encoding/json", "io", "iter", "net/http", "net/url", "time"} {
		if strings.Contains(text, p[strings.LastIndexByte(p, '/')+1:]+".") {
			imports += fmt.Sprintf("\t%q\n", p)
		}
	}
	return "// Code generated from the OpenAPI document by internal/clientgen. DO NOT EDIT.\n\npackage client\n\nimport (\n" + imports + ")\n\n"
}

func (g *generator) p(form string, args ...any) { fmt.Fprintf(&g.out, form+"\n", args...) }

// comment writes text as a comment of at most 100 columns.
func (g *generator) comment(indent, text string) { g.wrapped(indent+"//", text) }

// wrapped writes paragraphs in lines of at most 100 columns, each after the same prefix.
func (g *generator) wrapped(prefix, text string) {
	for i, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if i > 0 {
			g.p("%s", strings.TrimRight(prefix, " "))
		}
		line := prefix
		for _, word := range strings.Fields(paragraph) {
			if len(line)+1+len(word) > 100 && line != prefix {
				g.p("%s", line)
				line = prefix
			}
			if line != "" && !strings.HasSuffix(line, " ") {
				line += " "
			}
			line += word
		}
		g.p("%s", line)
	}
}

// operations returns the operations in the order of the document.
func (g *generator) operations() []*operation {
	var list []*operation
	for _, path := range g.doc.Paths {
		for _, op := range path.value {
			op.value.method, op.value.path = strings.ToUpper(op.name), path.name
			if !slices.Contains(byHand, op.value.ID) {
				list = append(list, op.value)
			}
		}
	}
	return list
}

// findRoles walks from the operations to the schemas they use.
func (g *generator) findRoles() {
	for _, op := range g.operations() {
		method := "[Client." + exported(op.ID) + "]"
		if op.Body != nil {
			if s := op.Body.Content.get("application/json").Schema; s != nil {
				g.use(s, true, "the request of "+method)
			}
		}
		if s := op.answer().Schema; s != nil {
			g.use(s, false, "the answer of "+method)
		}
	}
	for _, name := range []string{"PublishedEvent", "PublishedEvents"} {
		g.use(&schema{Ref: "#/components/schemas/" + name}, false, "an answer to published events")
	}
}

func (g *generator) use(s *schema, request bool, as string) {
	switch {
	case s.Ref != "":
		name := refName(s)
		if list, ok := g.listOf(s); ok {
			g.use(list, request, strings.Replace(as, "the answer", "an entry of the answer", 1))
			return
		}
		r := g.roles[name]
		seen := r != nil
		if !seen {
			r = &role{request: request}
			g.roles[name] = r
		}
		if !slices.Contains(r.uses, as) {
			r.uses = append(r.uses, as)
		}
		if !seen {
			for _, p := range g.doc.Components.Schemas.get(name).Properties {
				g.use(p.value, request, "a part of ["+name+"]")
			}
		}
	case s.Items != nil:
		g.use(s.Items, request, as)
	case s.Additional != nil:
		var values schema // of a map; it may also be false
		if json.Unmarshal(s.Additional, &values) == nil {
			g.use(&values, request, as)
		}
	default:
		for _, one := range append(slices.Clone(s.AnyOf), s.OneOf...) {
			g.use(one, request, as)
		}
	}
}

// listOf returns the schema of the entries if s refers to a list.
func (g *generator) listOf(s *schema) (*schema, bool) {
	list := g.doc.Components.Schemas.get(refName(s))
	if list == nil || list.Properties.get("data") == nil || list.Properties.get("nextCursor") == nil {
		return nil, false
	}
	return list.Properties.get("data").Items, true
}

func refName(s *schema) string { return strings.TrimPrefix(s.Ref, "#/components/schemas/") }

// answer returns the content of an operation's success.
func (op *operation) answer() media {
	_, m := op.success()
	return m
}

// success returns the media type and the content of an operation's success; "": it has none.
func (op *operation) success() (string, media) {
	for _, r := range op.Responses {
		if r.name[0] == '2' && len(r.value.Content) > 0 {
			return r.value.Content[0].name, r.value.Content[0].value
		}
	}
	return "", media{}
}

// structs writes the types of requests or of answers.
func (g *generator) structs(request bool) {
	for _, s := range g.doc.Components.Schemas {
		r := g.roles[s.name]
		if r == nil || r.request != request || slices.Contains(byHand, s.name) {
			continue
		}
		g.comment("", s.name+" is "+phrase(r.uses)+".")
		g.p("type %s struct {", s.name)
		for _, p := range s.value.Properties {
			typ, tag := g.goType(p.value, request), p.name
			if request && !slices.Contains(s.value.Required, p.name) {
				if typ != "any" {
					typ = "Opt[" + strings.TrimPrefix(typ, "*") + "]"
				}
				tag += ",omitzero"
			}
			g.comment("\t", words(p.value))
			g.p("\t%s %s `json:%q`", exported(p.name), typ, tag)
		}
		g.p("}\n")
	}
}

// phrase joins the uses of a type; of many it names some.
func phrase(uses []string) string {
	const most = 4
	if len(uses) > most {
		uses = append(slices.Clone(uses[:most]), "others")
	}
	if n := len(uses); n > 1 {
		return strings.Join(uses[:n-1], ", ") + " and " + uses[n-1]
	}
	return uses[0]
}

// words returns the comment of a field: its description, its values and its default.
func words(s *schema) string {
	var parts []string
	if s.Description != "" && s.Description != "any JSON value" {
		parts = append(parts, strings.ToUpper(s.Description[:1])+s.Description[1:])
	}
	enum := s.Enum
	if s.Items != nil {
		enum = s.Items.Enum
	}
	var values []string
	for _, v := range enum {
		if v != nil {
			values = append(values, fmt.Sprintf("%q", v))
		}
	}
	if values != nil {
		parts = append(parts, "One of "+strings.Join(values, ", "))
	}
	if value := cmp.Or(string(s.Default), string(s.Usual)); value != "" {
		parts = append(parts, "Default: "+value)
	}
	if parts == nil {
		return ""
	}
	return strings.Join(parts, ". ") + "."
}

// goType returns the Go type of a schema.
func (g *generator) goType(s *schema, request bool) string {
	null := slices.Contains(s.Type, "null")
	pointer := func(t string) string {
		if null && !request {
			return "*" + t
		}
		return t
	}
	if len(s.AnyOf) == 2 && s.AnyOf[1].Type != nil && s.AnyOf[1].Type[0] == "null" {
		return "*" + g.goType(s.AnyOf[0], request)
	}
	if s.OneOf != nil {
		return "any"
	}
	kind := ""
	if len(s.Type) > 0 {
		kind = s.Type[0]
	}
	switch {
	case s.Ref != "":
		return refName(s)
	case kind == "string" && s.Format == "date-time":
		return "time.Time"
	case kind == "string" && strings.Contains(s.Pattern, "µs"):
		return "Duration"
	case kind == "string":
		return "string"
	case kind == "boolean":
		return pointer("bool")
	case kind == "integer":
		return pointer("int")
	case kind == "number":
		return pointer("float64")
	case kind == "array":
		return "[]" + g.goType(s.Items, request)
	case kind == "object" && s.Additional != nil:
		var values schema
		if json.Unmarshal(s.Additional, &values) == nil && (values.Type != nil || values.Ref != "") {
			return "map[string]" + g.goType(&values, request)
		}
	}
	if request {
		return "any"
	}
	return "json.RawMessage"
}

// initialisms are the words that Go writes in capitals.
var initialisms = map[string]string{"Id": "ID", "Ids": "IDs", "Url": "URL", "Dns": "DNS", "Tls": "TLS", "Ips": "IPs", "Bom": "BOM", "Api": "API", "Openapi": "OpenAPI"}

// exported returns a JSON name or an operationId as Go writes it: "webhookId" is WebhookID.
func exported(name string) string {
	var words []string
	begin := 0
	for i := 1; i <= len(name); i++ {
		if i == len(name) || name[i] >= 'A' && name[i] <= 'Z' && (name[i-1] < 'A' || name[i-1] > 'Z') {
			w := strings.ToUpper(name[begin:begin+1]) + name[begin+1:i]
			if known := initialisms[w]; known != "" {
				w = known
			}
			words = append(words, w)
			begin = i
		}
	}
	return strings.Join(words, "")
}
