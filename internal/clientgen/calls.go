package clientgen

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// calls writes the methods of the client, each after the struct of its query.
func (g *generator) calls() {
	for _, op := range g.operations() {
		g.call(op)
	}
}

func (g *generator) call(op *operation) {
	c := call{op: op, name: exported(op.ID), path: fmt.Sprintf("%q", op.path)}
	c.args = append(c.args, "ctx context.Context")
	for _, p := range op.Parameters {
		switch {
		case p.In == "path":
			c.args = append(c.args, p.Name+" string")
			before, after, _ := strings.Cut(c.path, "{"+p.Name+"}")
			c.path = before + `" + url.PathEscape(` + p.Name + `) + "` + after
		case p.In == "query":
			c.query = append(c.query, p)
		case p.Name == "Idempotency-Key":
			c.once = true
		}
	}
	c.path = strings.TrimSuffix(c.path, ` + ""`)
	g.params(&c)
	body := g.body(&c)
	if c.once {
		c.args = append(c.args, "opts ...CallOption")
	}
	g.comment("", fmt.Sprintf("%s calls %s %s: %s.", c.name, op.method, op.path, strings.TrimSuffix(strings.ToLower(op.Summary[:1])+op.Summary[1:], "."))+"\n\n"+strings.ReplaceAll(op.Description, "`", `"`))
	g.method(&c, body)
}

// call is a method that is being written.
type call struct {
	op    *operation
	name  string
	path  string // a Go expression
	args  []string
	query []parameter
	once  bool // it takes an Idempotency-Key
}

// params writes the struct of the call's query, if it has one.
func (g *generator) params(c *call) {
	if c.query == nil {
		return
	}
	typ := c.name + "Params"
	c.args = append(c.args, "q "+typ)
	g.p("// %s selects what [Client.%s] returns. Zero fields are left out.", typ, c.name)
	g.p("type %s struct {", typ)
	var lines []string
	for _, p := range c.query {
		field, t := exported(p.Name), g.goType(p.Schema, true)
		if flag, tri := yesNo(p.Schema); flag {
			t = "bool"
			if tri {
				t = "Opt[bool]"
			}
		}
		s := *p.Schema
		s.Description = p.Description
		g.comment("\t", words(&s))
		g.p("\t%s %s", field, t)
		adders := map[string]string{"string": "add", "int": "addInt", "time.Time": "addTime", "Duration": "addDuration", "bool": "addBool", "Opt[bool]": "addOptBool"}
		lines = append(lines, fmt.Sprintf("%s(v, %q, q.%s)", adders[t], p.Name, field))
	}
	g.p("}\n")
	g.p("func (q %s) values() url.Values {\n\tv := make(url.Values)\n%s\n\treturn v\n}\n", typ, strings.Join(lines, "\n"))
}

// yesNo reports whether a parameter is "true" or "false", and whether leaving it out is a third case.
func yesNo(s *schema) (flag, tri bool) {
	if len(s.Enum) != 2 || !slices.Contains(s.Enum, any("true")) || !slices.Contains(s.Enum, any("false")) {
		return false, false
	}
	return true, s.Default == nil
}

// body adds the argument of the call's body, and returns the Go expression of the request's content: nil, a value that is
// sent as JSON, or a document.
func (g *generator) body(c *call) string {
	if c.op.Body == nil {
		return "nil"
	}
	if s := c.op.Body.Content.get("application/json").Schema; s != nil && s.Ref != "" {
		c.args = append(c.args, "in "+refName(s))
		return "in"
	}
	c.args = append(c.args, "contentType string", "document []byte")
	return "raw{contentType, document}"
}

// method writes the call's method.
func (g *generator) method(c *call, body string) {
	op, query, opts := c.op, "nil", "nil"
	if c.query != nil {
		query = "q.values()"
	}
	if c.once {
		opts = "opts"
	}
	signature := fmt.Sprintf("func (c *Client) %s(%s)", c.name, strings.Join(c.args, ", "))
	call := fmt.Sprintf("request{http.%s, %s, %s, %s, %s}", methodNames[op.method], c.path, query, body, opts)
	mediaType, answer := op.success()
	switch {
	case answer.Schema == nil:
		g.p("%s error {\n\treturn c.call(ctx, %s, nil)\n}\n", signature, call)
	case mediaType != "application/json":
		g.p("%s (io.ReadCloser, error) {\n\treturn c.open(ctx, %s)\n}\n", signature, call)
	default:
		entry, list := g.listOf(answer.Schema)
		switch {
		case !list:
			g.p("%s (%s, error) {\n\treturn ask[%[2]s](ctx, c, %s)\n}\n", signature, g.goType(answer.Schema, false), call)
		case slices.ContainsFunc(c.query, func(p parameter) bool { return p.Name == "cursor" }):
			t := g.goType(entry, false)
			g.p("//\n// It asks for a page when it is needed, from q.Cursor on, and ends with the first error.\n// q.Limit is the size of a page.")
			g.p("%s iter.Seq2[%s, error] {\n\treturn all(q.Cursor, func(cursor string) (Page[%[2]s], error) {\n\t\tq.Cursor = cursor\n\t\treturn c.%sPage(%s)\n\t})\n}\n", signature, t, c.name, argNames(c.args))
			g.p("// %sPage returns one page of [Client.%[1]s], for callers who keep the cursor by themselves.", c.name)
			g.p("func (c *Client) %sPage(%s) (Page[%s], error) {\n\treturn ask[Page[%[3]s]](ctx, c, %s)\n}\n", c.name, strings.Join(c.args, ", "), t, call)
		default:
			t := g.goType(entry, false)
			g.p("%s ([]%s, error) {\n\tpage, err := ask[Page[%[2]s]](ctx, c, %s)\n\treturn page.Data, err\n}\n", signature, t, call)
		}
	}
}

var methodNames = map[string]string{
	http.MethodGet: "MethodGet", http.MethodPost: "MethodPost", http.MethodPut: "MethodPut", http.MethodPatch: "MethodPatch", http.MethodDelete: "MethodDelete",
}

// argNames returns the names of arguments, as a call passes them.
func argNames(args []string) string {
	var names []string
	for _, a := range args {
		name, typ, _ := strings.Cut(a, " ")
		if strings.HasPrefix(typ, "...") {
			name += "..."
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}
