package clientgen

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// The generators for TypeScript and Python share what follows. Their types are the JSON objects themselves, so members keep
// the names of the API, null and a member that is left out stay apart without a type like Opt, and members that a newer
// server adds are kept.

// byHandElsewhere lists the schemas that the clients in other languages have without being generated: their errors.
var byHandElsewhere = []string{"Problem", "ProblemField"}

// shared returns a generator for a client in another language than Go, whose events to publish are plain objects.
func shared(openapi []byte) (*generator, error) {
	g, err := read(openapi)
	if err != nil {
		return nil, err
	}
	g.use(&schema{Ref: "#/components/schemas/NewEvent"}, true, "an event to publish")
	return g, nil
}

// object is a schema that becomes a type.
type object struct {
	name    string
	schema  *schema
	request bool
}

// objects returns the types of requests and answers in the order of the document.
func (g *generator) objects() []object {
	var list []object
	for _, s := range g.doc.Components.Schemas {
		if r := g.roles[s.name]; r != nil && !slices.Contains(byHandElsewhere, s.name) {
			list = append(list, object{s.name, s.value, r.request})
		}
	}
	return list
}

// problemKind is a kind of failure that the document describes.
type problemKind struct {
	kind, class, status, title string
}

// problems returns the kinds of failure, each with the status it is answered with.
func (g *generator) problems() []problemKind {
	status := make(map[string]string)
	for _, path := range g.doc.Paths {
		for _, op := range path.value {
			for _, r := range op.value.Responses {
				if kind, ok := strings.CutPrefix(r.value.Ref, "#/components/responses/"); ok {
					status[kind] = r.name
				}
			}
		}
	}
	var list []problemKind
	for _, r := range g.doc.Components.Responses {
		if status[r.name] == "" {
			continue
		}
		class := ""
		for word := range strings.SplitSeq(r.name, "-") {
			class += strings.ToUpper(word[:1]) + word[1:]
		}
		list = append(list, problemKind{r.name, class + "Error", status[r.name], r.value.Description})
	}
	return list
}

// describe returns the description of a member or parameter with its default, as sentences.
func describe(s *schema, description string) string {
	var parts []string
	if description != "" && description != "any JSON value" {
		parts = append(parts, strings.ToUpper(description[:1])+description[1:])
	}
	switch {
	case s.Default != nil:
		parts = append(parts, "Default: "+string(s.Default))
	case s.Usual != nil:
		parts = append(parts, "Default: "+string(s.Usual))
	}
	if parts == nil {
		return ""
	}
	return strings.Join(parts, ". ") + "."
}

// operationText describes a call.
func operationText(op *operation) string {
	return strings.TrimSuffix(op.Summary, ".") + ": `" + op.method + " " + op.path + "`.\n\n" + op.Description
}

// literals returns the values of an enumeration as JSON, and whether null is among them.
func literals(s *schema) (values []string, null bool) {
	for _, v := range s.Enum {
		if v == nil {
			null = true
			continue
		}
		b, _ := json.Marshal(v) // of strings
		values = append(values, string(b))
	}
	return values, null
}

// required reports whether an object has the member in every case.
func required(s *schema, member string) bool { return slices.Contains(s.Required, member) }

// elsewhere is a call as the clients in other languages describe it.
type elsewhere struct {
	op       *operation
	path     []parameter
	query    []parameter
	once     bool
	json     *schema // the body as JSON; nil: it has none
	optional bool    // the body may be left out
	document bool    // the body is a document of some media type

	entry  *schema // of a list
	pages  bool    // the list has pages
	raw    bool    // the answer is not JSON
	answer *schema // nil: it has none
}

func (g *generator) elsewhere(op *operation) *elsewhere {
	c := &elsewhere{op: op}
	for _, p := range op.Parameters {
		switch {
		case p.In == "path":
			c.path = append(c.path, p)
		case p.In == "query":
			c.query = append(c.query, p)
		case p.Name == "Idempotency-Key":
			c.once = true
		}
	}
	if op.Body != nil {
		c.json = op.Body.Content.get("application/json").Schema
		if c.document = c.json == nil || c.json.Ref == ""; c.document {
			c.json = nil
		} else {
			c.optional = !op.Body.Required && len(g.doc.Components.Schemas.get(refName(c.json)).Required) == 0
		}
	}
	mediaType, answer := op.success()
	c.answer = answer.Schema
	switch {
	case c.answer == nil:
	case mediaType != "application/json":
		c.raw = true
	default:
		if entry, ok := g.listOf(c.answer); ok {
			c.entry = entry
			c.pages = slices.ContainsFunc(c.query, func(p parameter) bool { return p.Name == "cursor" })
		}
	}
	return c
}

// template returns the path with each parameter replaced.
func (c *elsewhere) template(replace func(name string) string) string {
	path := c.op.path
	for _, p := range c.path {
		path = strings.Replace(path, "{"+p.Name+"}", replace(p.Name), 1)
	}
	return path
}

// values returns the schema of a map's values, nil for any.
func (s *schema) values() *schema {
	var v schema
	if s.Additional == nil || json.Unmarshal(s.Additional, &v) != nil || v.Type == nil && v.Ref == "" && v.AnyOf == nil && v.OneOf == nil {
		return nil
	}
	return &v
}

// snake returns a name of the API as Python writes it: "listEventTypes" is list_event_types.
func snake(name string) string {
	var b strings.Builder
	for i := range len(name) {
		c := name[i]
		upper := c >= 'A' && c <= 'Z'
		if upper && i > 0 && (name[i-1] < 'A' || name[i-1] > 'Z') {
			b.WriteByte('_')
		}
		b.WriteString(strings.ToLower(string(c)))
	}
	return b.String()
}

const generatedBy = "Code generated from the OpenAPI document by internal/clientgen. DO NOT EDIT."

// file returns what was written since the last call.
func (g *generator) file(head string, args ...any) []byte {
	text := fmt.Sprintf(head, args...) + strings.TrimRight(g.out.String(), "\n") + "\n"
	g.out.Reset()
	return []byte(text)
}
