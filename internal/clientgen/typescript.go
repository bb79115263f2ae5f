package clientgen

import (
	"fmt"
	"strings"
)

// TypeScript returns the generated files of clients/typescript/src by their names, made from an OpenAPI document.
func TypeScript(openapi []byte) (map[string][]byte, error) {
	g, err := shared(openapi)
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	head := "// " + generatedBy + "\n\n"
	for _, o := range g.objects() {
		g.tsInterface(o)
	}
	calls := make([]*elsewhere, 0, 200)
	for _, op := range g.operations() {
		c := g.elsewhere(op)
		calls = append(calls, c)
		g.tsQuery(c)
	}
	files["types.gen.ts"] = g.file("%s", head+"import type { Duration, Open, Timestamp } from \"./values.js\";\n\n")
	g.p("/** Operations has a method for each operation of the API, with the operation's name. */\nexport class Operations extends Transport {")
	for _, c := range calls {
		g.tsCall(c)
	}
	g.out.Truncate(g.out.Len() - 1)
	g.p("}")
	files["operations.gen.ts"] = g.file("%s", head+"import type * as t from \"./types.gen.js\";\nimport { type CallOptions, type Page, Transport, segment } from \"./transport.js\";\n\n")
	g.tsProblems()
	files["problems.gen.ts"] = g.file("%s", head+"import { ProblemError } from \"./errors.js\";\n\n")
	return files, nil
}

// tsComment writes a JSDoc comment, none for an empty text.
func (g *generator) tsComment(indent, text string) {
	if text == "" {
		return
	}
	text = strings.ReplaceAll(text, "*/", "* /")
	if one := indent + "/** " + text + " */"; len(one) <= 100 && !strings.Contains(text, "\n") {
		g.p("%s", one)
		return
	}
	g.p("%s/**", indent)
	g.wrapped(indent+" *", text)
	g.p("%s */", indent)
}

func (g *generator) tsInterface(o object) {
	g.tsComment("", "A JSON object of the API: "+map[bool]string{true: "part of requests", false: "part of answers"}[o.request]+".")
	g.p("export interface %s {", o.name)
	for _, p := range o.schema.Properties {
		g.tsComment("  ", describe(p.value, p.value.Description))
		g.tsMember(p.name, tsType(p.value, o.request), required(o.schema, p.name))
	}
	g.p("}\n")
}

func (g *generator) tsMember(name, typ string, always bool) {
	switch {
	case always:
		g.p("  %s: %s;", name, typ)
	case typ == "unknown":
		g.p("  %s?: unknown;", name)
	default:
		g.p("  %s?: %s | undefined;", name, typ)
	}
}

// tsQuery writes the type of a call's query.
func (g *generator) tsQuery(c *elsewhere) {
	if c.query == nil {
		return
	}
	g.tsComment("", "What "+c.op.ID+" selects.")
	g.p("export interface %sParams {", exported(c.op.ID))
	for _, p := range c.query {
		typ := tsType(p.Schema, true)
		if flag, _ := yesNo(p.Schema); flag {
			typ = "boolean"
		}
		g.tsComment("  ", describe(p.Schema, p.Description))
		g.tsMember(p.Name, typ, false)
	}
	g.p("}\n")
}

// tsType returns the type of a schema. Enumerations of answers are open, because a newer server may have more values.
func tsType(s *schema, request bool) string {
	var alternatives []string
	add := func(typ string) {
		for _, a := range alternatives {
			if a == typ {
				return
			}
		}
		alternatives = append(alternatives, typ)
	}
	values, null := literals(s)
	switch {
	case s.Ref != "":
		return refName(s)
	case values != nil:
		union := strings.Join(values, " | ")
		if !request {
			union = "Open<" + union + ">"
		}
		add(union)
	case s.AnyOf != nil || s.OneOf != nil:
		for _, one := range append(s.AnyOf, s.OneOf...) {
			add(tsType(one, request))
		}
	}
	if alternatives == nil {
		for _, kind := range s.Type {
			switch kind {
			case "string":
				add(tsString(s, request))
			case "integer", "number":
				add("number")
			case "boolean":
				add("boolean")
			case "array":
				add(tsArray(s.Items, request))
			case "object":
				if v := s.values(); v != nil {
					add("Record<string, " + tsType(v, request) + ">")
				} else {
					add("Record<string, unknown>")
				}
			}
		}
	}
	for _, kind := range s.Type {
		null = null || kind == "null"
	}
	if null {
		add("null")
	}
	if alternatives == nil {
		return "unknown"
	}
	return strings.Join(alternatives, " | ")
}

func tsString(s *schema, request bool) string {
	switch {
	case s.Format == "date-time" && request:
		return "Timestamp"
	case strings.Contains(s.Pattern, "µs"):
		return "Duration"
	}
	return "string"
}

func tsArray(items *schema, request bool) string {
	typ := tsType(items, request)
	if strings.Contains(typ, " | ") {
		return "(" + typ + ")[]"
	}
	return typ + "[]"
}

// tsRef is tsType for the module of the operations, which has the types under t.
func tsRef(s *schema) string {
	if s.Ref != "" {
		return "t." + refName(s)
	}
	if s.Items != nil {
		items := s.Items
		if items.AnyOf != nil && items.AnyOf[0].Ref != "" {
			items = items.AnyOf[0]
		}
		return tsRef(items) + "[]"
	}
	return tsType(s, false)
}

func (g *generator) tsCall(c *elsewhere) {
	var args, names, request []string
	arg := func(form, name string) {
		args, names = append(args, form), append(names, name)
	}
	for _, p := range c.path {
		typ := "string"
		if p.Schema != nil && len(p.Schema.Type) > 0 && p.Schema.Type[0] == "integer" {
			typ = "number"
		}
		arg(p.Name+": "+typ, p.Name)
	}
	path := "`" + c.template(func(name string) string { return "${segment(" + name + ")}" }) + "`"
	if c.path == nil {
		path = fmt.Sprintf("%q", c.op.path)
	}
	request = append(request, fmt.Sprintf("method: %q", c.op.method), "path: "+path)
	switch {
	case c.document:
		arg("contentType: string", "contentType")
		arg("document: string | Uint8Array", "document")
		request = append(request, "contentType", "raw: document")
	case c.json != nil:
		form := "body: " + tsRef(c.json)
		if c.optional {
			form += " = {}"
		}
		arg(form, "body")
		request = append(request, "body")
	}
	if c.query != nil {
		arg("query: t."+exported(c.op.ID)+"Params = {}", "query")
		request = append(request, "query: { ...query }")
	}
	if c.once {
		request = append(request, "once: true")
	}
	arg("options: CallOptions = {}", "options")
	object := "{ " + strings.Join(request, ", ") + " }"
	g.tsComment("  ", operationText(c.op))
	switch head := strings.Join(args, ", "); {
	case c.answer == nil:
		g.p("  %s(%s): Promise<void> {\n    return this.nothing(%s, options);\n  }\n", c.op.ID, head, object)
	case c.raw:
		g.p("  %s(%s): Promise<Response> {\n    return this.open(%s, options);\n  }\n", c.op.ID, head, object)
	case c.entry != nil && c.pages:
		typ := tsRef(c.entry)
		var again []string
		for _, name := range names {
			if name == "query" {
				name = "{ ...query, cursor }"
			}
			again = append(again, name)
		}
		g.p("  %s(%s): AsyncGenerator<%s, void, undefined> {\n    return this.entries((cursor) => this.%[1]sPage(%[4]s), query.cursor);\n  }\n", c.op.ID, head, typ, strings.Join(again, ", "))
		g.tsComment("  ", "One page of "+c.op.ID+", for callers who keep the cursor by themselves.")
		g.p("  %sPage(%s): Promise<Page<%s>> {\n    return this.json(%s, options);\n  }\n", c.op.ID, head, typ, object)
	case c.entry != nil:
		g.p("  %s(%s): Promise<%s[]> {\n    return this.list(%s, options);\n  }\n", c.op.ID, head, tsRef(c.entry), object)
	default:
		g.p("  %s(%s): Promise<%s> {\n    return this.json(%s, options);\n  }\n", c.op.ID, head, tsRef(c.answer), object)
	}
}

// tsProblems writes a class for each kind of failure.
func (g *generator) tsProblems() {
	kinds := g.problems()
	for _, k := range kinds {
		g.tsComment("", k.title+": status "+k.status+".")
		g.p("export class %s extends ProblemError {\n  override name = %q;\n}\n", k.class, k.class)
	}
	g.p("/** The class of each kind of problem, and of each status for kinds that this client does not know. */\nexport const problemClasses: Record<string, typeof ProblemError | undefined> = {")
	for _, k := range kinds {
		g.p("  %q: %s,\n  %q: %[2]s,", k.kind, k.class, k.status)
	}
	g.p("};")
}
