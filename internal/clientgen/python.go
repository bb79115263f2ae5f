package clientgen

import (
	"fmt"
	"slices"
	"strings"
)

// Python returns the generated files of clients/python/src/relay_events by their names, made from an OpenAPI document.
func Python(openapi []byte) (map[string][]byte, error) {
	g, err := shared(openapi)
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	head := "# " + generatedBy + "\n"
	for _, o := range g.objects() {
		g.pyObject(o)
	}
	files["types.py"] = g.file("%s", head+`"""The JSON objects of the API.

Values are plain dictionaries. Members of requests that are not required may be left out; None resets them to their default.
"""

from __future__ import annotations

from typing import Any, Dict, List, Literal, Optional, TypedDict, Union

from ._values import Duration, Timestamp


`)
	g.p("class Operations(Transport):\n    \"\"\"A method for each operation of the API, with the operation's name in snake case.\"\"\"\n")
	for _, op := range g.operations() {
		g.pyCall(g.elsewhere(op))
	}
	files["_operations.py"] = g.file("%s", head+`from __future__ import annotations

from typing import Any, Dict, Iterator, List, Literal, Optional, Union

from . import types as t
from ._transport import Answer, Page, Transport, segment
from ._values import Duration, Timestamp


`)
	kinds := g.problems()
	for _, k := range kinds {
		g.p("class %s(ProblemError):\n    \"\"\"%s: status %s.\"\"\"\n\n", k.class, k.title, k.status)
	}
	g.p("#: The class of each kind of problem, and of each status for kinds that this client does not know.\nPROBLEMS: Dict[str, Type[ProblemError]] = {")
	for _, k := range kinds {
		g.p("    %q: %s,\n    %q: %[2]s,", k.kind, k.class, k.status)
	}
	g.p("}\n\n__all__ = [")
	for _, k := range kinds {
		g.p("    %q,", k.class)
	}
	g.p("]")
	files["_problems.py"] = g.file("%s", head+`from __future__ import annotations

from typing import Dict, Type

from ._errors import ProblemError


`)
	return files, nil
}

// pyReserved are the names in the API that Python keeps for itself.
var pyReserved = []string{"and", "as", "class", "def", "del", "from", "global", "if", "import", "in", "is", "lambda", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield"}

func pyName(name string) string {
	if slices.Contains(pyReserved, name) {
		return name + "_"
	}
	return name
}

// pyObject writes a TypedDict: some members in a class of their own if not all are required, because Python 3.9 has no
// NotRequired.
func (g *generator) pyObject(o object) {
	always, sometimes := &pyClass{}, &pyClass{partial: true}
	for _, p := range o.schema.Properties {
		c := sometimes
		if required(o.schema, p.name) {
			c = always
		}
		c.members = append(c.members, p)
		c.reserved = c.reserved || slices.Contains(pyReserved, p.name)
	}
	first, last := always, sometimes
	switch {
	case len(sometimes.members) == 0:
		first, last = nil, always
	case len(always.members) == 0:
		first = nil
	case sometimes.reserved:
		first, last = sometimes, always
	}
	last.name, last.base = o.name, "TypedDict"
	if first != nil {
		first.name, first.base = "_"+o.name, "TypedDict"
		last.base = first.name
		g.pyClass(first, o.request)
	}
	g.pyClass(last, o.request)
}

// pyClass is a TypedDict that is being written.
type pyClass struct {
	name, base string
	members    []member[*schema]
	partial    bool // every member may be left out
	reserved   bool // a member has a name that a class body cannot define
}

func (g *generator) pyClass(c *pyClass, request bool) {
	if c.reserved {
		g.p("%s = TypedDict(\n    %q,\n    {", c.name, c.name)
		for _, m := range c.members {
			if text := describe(m.value, m.value.Description); text != "" {
				g.wrapped("        #", text)
			}
			g.p("        %q: %q,", m.name, pyType(m.value, request, ""))
		}
		g.p("    },")
		if c.partial {
			g.p("    total=False,")
		}
		g.p(")\n\n")
		return
	}
	bases := c.base
	if c.partial {
		bases += ", total=False"
	}
	g.p("class %s(%s):", c.name, bases)
	if len(c.members) == 0 {
		g.p("    pass")
	}
	for _, m := range c.members {
		g.p("    %s: %s", m.name, pyType(m.value, request, ""))
		if text := describe(m.value, m.value.Description); text != "" {
			g.pyDoc("    ", text)
		}
	}
	g.p("\n")
}

// pyDoc writes a docstring.
func (g *generator) pyDoc(indent, text string) {
	raw := ""
	if strings.Contains(text, `\`) {
		raw = "r"
	}
	text = strings.ReplaceAll(text, `"""`, `'''`)
	if strings.HasSuffix(text, `"`) {
		text += " "
	}
	if one := indent + raw + `"""` + text + `"""`; len(one) <= 100 && !strings.Contains(text, "\n") {
		g.p("%s", one)
		return
	}
	var inner generator
	inner.wrapped(indent, text)
	lines := strings.Split(strings.TrimRight(inner.out.String(), "\n"), "\n")
	lines[0] = indent + raw + `"""` + strings.TrimPrefix(lines[0], indent)
	for _, l := range lines {
		g.p("%s", strings.TrimRight(l, " "))
	}
	g.p(`%s"""`, indent)
}

// pyType returns the type of a schema, with the module's prefix before names of objects. Enumerations of answers are
// strings, because a newer server may have more values.
func pyType(s *schema, request bool, prefix string) string {
	var alternatives []string
	add := func(typ string) {
		if !slices.Contains(alternatives, typ) {
			alternatives = append(alternatives, typ)
		}
	}
	values, null := literals(s)
	null = null || slices.Contains(s.Type, "null")
	switch {
	case s.Ref != "":
		return prefix + refName(s)
	case values != nil && request:
		add("Literal[" + strings.Join(values, ", ") + "]")
	case values != nil:
		add("str")
	case s.AnyOf != nil || s.OneOf != nil:
		for _, one := range append(s.AnyOf, s.OneOf...) {
			if len(one.Type) == 1 && one.Type[0] == "null" {
				null = true
				continue
			}
			add(pyType(one, request, prefix))
		}
	}
	if alternatives == nil {
		for _, kind := range s.Type {
			switch kind {
			case "string":
				switch {
				case s.Format == "date-time" && request:
					add("Timestamp")
				case strings.Contains(s.Pattern, "µs") && request:
					add("Duration")
				default:
					add("str")
				}
			case "integer":
				add("int")
			case "number":
				add("float")
			case "boolean":
				add("bool")
			case "array":
				add("List[" + pyType(s.Items, request, prefix) + "]")
			case "object":
				if v := s.values(); v != nil {
					add("Dict[str, " + pyType(v, request, prefix) + "]")
				} else {
					add("Dict[str, Any]")
				}
			}
		}
	}
	var typ string
	switch len(alternatives) {
	case 0:
		return "Any"
	case 1:
		typ = alternatives[0]
	default:
		typ = "Union[" + strings.Join(alternatives, ", ") + "]"
	}
	if null {
		return "Optional[" + typ + "]"
	}
	return typ
}

func (g *generator) pyCall(c *elsewhere) {
	name := snake(c.op.ID)
	args, request := []string{"self"}, []string{}
	var named, pass []string
	for _, p := range c.path {
		typ := "str"
		if p.Schema != nil && len(p.Schema.Type) > 0 && p.Schema.Type[0] == "integer" {
			typ = "int"
		}
		args, pass = append(args, snake(p.Name)+": "+typ), append(pass, snake(p.Name))
	}
	path := fmt.Sprintf("%q", c.op.path)
	if c.path != nil {
		path = `f"` + c.template(func(name string) string { return "{segment(" + snake(name) + ")}" }) + `"`
	}
	switch {
	case c.document:
		args, pass = append(args, "content_type: str", "document: Union[str, bytes]"), append(pass, "content_type", "document")
		request = append(request, "content_type=content_type", "raw=document")
	case c.json != nil && c.optional:
		args, pass = append(args, "body: Optional["+pyType(c.json, true, "t.")+"] = None"), append(pass, "body")
		request = append(request, "body=body or {}")
	case c.json != nil:
		args, pass = append(args, "body: "+pyType(c.json, true, "t.")), append(pass, "body")
		request = append(request, "body=body")
	}
	var query []string
	for _, p := range c.query {
		arg, typ := pyName(snake(p.Name)), pyType(p.Schema, true, "t.")
		if flag, _ := yesNo(p.Schema); flag {
			typ = "bool"
		}
		named = append(named, fmt.Sprintf("%s: Optional[%s] = None", arg, typ))
		query = append(query, fmt.Sprintf("%q: %s", p.Name, arg))
		if p.Name != "cursor" {
			pass = append(pass, arg+"="+arg)
		}
	}
	if query != nil {
		request = append(request, "query={"+strings.Join(query, ", ")+"}")
	}
	if c.once {
		named = append(named, "idempotency_key: Optional[str] = None")
		request = append(request, "once=True", "idempotency_key=idempotency_key")
	}
	if named != nil {
		args = append(append(args, "*"), named...)
	}
	head := strings.Join(args, ", ")
	if len(head) > 80 {
		head = "\n        " + strings.Join(args, ",\n        ") + ",\n    "
	}
	call := strings.Join(append([]string{fmt.Sprintf("%q", c.op.method), path}, request...), ", ")
	begin := func(name, result, text string) {
		g.p("    def %s(%s) -> %s:", name, head, result)
		g.pyDoc("        ", text)
	}
	text := operationText(c.op)
	switch {
	case c.answer == nil:
		begin(name, "None", text)
		g.p("        self._nothing(%s)\n", call)
	case c.raw:
		begin(name, "Answer", text)
		g.p("        return self._open(%s)\n", call)
	case c.entry != nil && c.pages:
		typ := pyType(c.entry, false, "t.")
		begin(name, "Iterator["+typ+"]", text)
		again := strings.Join(append(pass, "cursor=at"), ", ")
		g.p("        return self._entries(lambda at: self.%s_page(%s), cursor)\n", name, again)
		begin(name+"_page", "Page["+typ+"]", "One page of "+name+", for callers who keep the cursor by themselves.")
		g.p("        return self._page(%s)\n", call)
	case c.entry != nil:
		begin(name, "List["+pyType(c.entry, false, "t.")+"]", text)
		g.p("        return self._list(%s)\n", call)
	default:
		begin(name, pyType(c.answer, false, "t."), text)
		g.p("        return self._json(%s)\n", call)
	}
}
