package rest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// The page at /docs is rendered once, at start, from the same document as /openapi.json. It is plain HTML with a few
// lines of script for copying and finding, without which it works as well; nothing is loaded from anywhere. Browsers of OpenAPI documents exist in plenty, but the good ones are 0.6 to 1.3 MB of
// compressed script that has to be kept up to date like any dependency; old copies of such pages have been the way into
// other products.

//go:embed docs.html
var docsTemplate string

//go:embed docs.css
var docsStyle string

//go:embed docs.js
var docsScript string

// docsHeaders allows the page its one style sheet and its one script, which stand in it, by their hashes.
func docsHeaders(h http.Header) {
	h.Set("Content-Security-Policy", docsPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-cache")
}

var docsPolicy = func() string {
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + hash(docsStyle) + "; script-src " + hash(docsScript) + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// docsPage is the data of the template.
type docsPage struct {
	Title, Version string
	Introduction   template.HTML
	Style          template.CSS
	Script         template.JS
	Groups         []docsGroup
}

type docsGroup struct {
	Name, Description string
	Operations        []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary, Scope string
	Text                             template.HTML
	Parameters                       []docsField
	Request, Answer                  []docsField
	Status                           int
	Curl, Example                    string
	Problems                         []string
}

// docsField is a line of a table; Depth indents the members of objects in objects.
type docsField struct {
	Name, Type, In, Default, Values string
	Text                            template.HTML
	Required                        bool
	Depth                           int
}

func renderDocs(d *Document) ([]byte, error) {
	t, err := template.New("docs").Parse(docsTemplate)
	if err != nil {
		return nil, err
	}
	page := docsPage{Title: d.Info.Title, Version: d.Info.Version, Introduction: inline(d.Info.Description), Style: template.CSS(docsStyle), Script: template.JS(docsScript)} //nolint:gosec // ours, constants
	for _, tag := range d.Tags {
		g := docsGroup{Name: tag.Name, Description: tag.Description}
		for _, p := range d.Paths {
			for _, op := range p.operations {
				if op.Tags[0] == tag.Name {
					g.Operations = append(g.Operations, d.page(op))
				}
			}
		}
		page.Groups = append(page.Groups, g)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, page); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// inline turns the little Markdown that the document has, paragraphs and `code`, into HTML.
func inline(s string) template.HTML {
	if s == "" {
		return ""
	}
	var b strings.Builder
	for _, paragraph := range strings.Split(s, "\n\n") {
		b.WriteString("<p>")
		for i, part := range strings.Split(paragraph, "`") {
			part = template.HTMLEscapeString(part)
			if i%2 == 1 {
				part = "<code>" + part + "</code>"
			}
			b.WriteString(part)
		}
		b.WriteString("</p>")
	}
	return template.HTML(b.String()) //nolint:gosec // made of escaped text above
}

func (d *Document) page(op *Operation) docsOperation {
	v := docsOperation{ID: op.ID, Method: op.method, Path: op.path, Summary: op.Summary, Scope: op.Scope, Text: inline(strings.TrimSpace(strings.TrimSuffix(op.Description, needs(op.Scope)))), Status: op.status}
	for _, p := range op.Parameters {
		f := d.field(p.Name, p.Schema, p.Required, 0)
		f.In, f.Text = p.In, inline(p.Description)
		v.Parameters = append(v.Parameters, f)
	}
	curl := "curl"
	if op.method != http.MethodGet {
		curl += " -X " + op.method
	}
	file, query := false, "" // a document is sent from a file
	if op.Body != nil {
		_, file = op.Body.Content["application/yaml"]
	}
	if op.query != "" {
		query = "?" + op.query
	}
	curl += ` "$RELAY` + op.path + query + `"`
	if op.Scope != "" {
		curl += " \\\n  -H \"Authorization: Bearer $RELAY_KEY\""
	}
	if op.Body != nil {
		s := d.resolve(op.Body.Content["application/json"].Schema)
		v.Request = d.fields(s, 0)
		body, _ := Encode(op.Body.Content["application/json"].Example) // strings, numbers and lists of them
		if file {
			curl += " \\\n  -H 'Content-Type: application/yaml' \\\n  --data-binary @openapi.yaml"
		} else {
			curl += " \\\n  -H 'Content-Type: application/json' \\\n  -d '" + strings.ReplaceAll(string(body), "'", `'\''`) + "'"
		}
	}
	v.Curl = curl
	for status, r := range op.Responses {
		if r.Ref != "" {
			v.Problems = append(v.Problems, status)
			continue
		}
		if m, ok := r.Content["application/json"]; ok {
			s := d.resolve(m.Schema)
			v.Answer = d.fields(s, 0)
			for i := range v.Answer {
				v.Answer[i].Required = false // nearly all are always there: nothing to tell
			}
			v.Example = pretty(d.example(s, false, 0))
		}
	}
	slices.Sort(v.Problems)
	return v
}

// resolve follows a reference, and takes the first of several forms.
func (d *Document) resolve(s *Schema) *Schema {
	for {
		switch {
		case s.Ref != "":
			name := strings.TrimPrefix(s.Ref, "#/components/schemas/")
			i := slices.IndexFunc(d.Components.Schemas, func(p property) bool { return p.name == name })
			s = d.Components.Schemas[i].schema
		case len(s.AnyOf) > 0:
			s = s.AnyOf[0]
		case len(s.OneOf) > 0:
			s = s.OneOf[0]
		default:
			return s
		}
	}
}

// maxShown is how deep objects in objects are shown.
const maxShown = 4

func (d *Document) fields(s *Schema, depth int) []docsField {
	s = d.resolve(s)
	var list []docsField
	for _, p := range s.Properties {
		list = append(list, d.field(p.name, p.schema, slices.Contains(s.Required, p.name), depth))
		inner := d.resolve(p.schema)
		if inner.Items != nil {
			inner = d.resolve(inner.Items)
		}
		if depth < maxShown {
			list = append(list, d.fields(inner, depth+1)...)
		}
	}
	return list
}

func (d *Document) field(name string, s *Schema, required bool, depth int) docsField {
	f := docsField{Name: name, Type: d.typeName(s), Required: required, Depth: depth, Text: inline(s.Description)}
	if value := cmp.Or(s.Default, s.Usual); value != nil {
		f.Default = fmt.Sprintf("%s", value)
	}
	scalar := d.resolve(s)
	if scalar.Items != nil {
		scalar = d.resolve(scalar.Items)
	}
	var values []string
	for _, e := range scalar.Enum {
		if e != nil {
			values = append(values, fmt.Sprint(e))
		}
	}
	f.Values = strings.Join(values, ", ")
	return f
}

// typeName says a schema's type in a few words: "string or null", "array of integers".
func (d *Document) typeName(s *Schema) string {
	suffix := ""
	if len(s.AnyOf) > 1 && s.AnyOf[1].Type == "null" {
		suffix = " or null"
	}
	s = d.resolve(s)
	name := "any"
	switch t := s.Type.(type) {
	case string:
		name = t
	case []string:
		name, suffix = t[0], " or null"
	}
	switch {
	case name == "array" && s.Items != nil:
		name = "array of " + d.typeName(s.Items) + "s"
	case s.Format == "date-time":
		name = "time"
	}
	return name + suffix
}

// example makes a value of a schema. Of a request only the required members are shown, or one if none is.
func (d *Document) example(s *Schema, request bool, depth int) any {
	if t, ok := s.Type.([]string); ok && s.Format == "date-time" && !request && len(t) > 1 {
		return nil
	}
	if len(s.Examples) > 0 {
		return s.Examples[0]
	}
	s = d.resolve(s)
	if len(s.Examples) > 0 {
		return s.Examples[0]
	}
	if len(s.Enum) > 0 {
		return s.Enum[0]
	}
	name, _ := s.Type.(string)
	if t, ok := s.Type.([]string); ok {
		name = t[0]
		if !request {
			return nil
		}
	}
	switch name {
	case "array":
		if depth > maxShown {
			return []any{}
		}
		return []any{d.example(s.Items, request, depth+1)}
	case "object":
		o := orderedObject{}
		for _, p := range s.Properties {
			if request && !slices.Contains(s.Required, p.name) && (len(s.Required) > 0 || len(o) > 0) {
				continue
			}
			if depth <= maxShown {
				o = append(o, member{p.name, d.example(p.schema, request, depth+1)})
			}
		}
		return o
	case "integer", "number":
		return 0
	case "boolean":
		return false
	case "string":
		if request {
			return noExample
		}
		return "…"
	}
	return json.RawMessage("{}")
}

// noExample stands for text in the example of a request; a test finds it.
const noExample = "string"

// orderedObject is a JSON object whose members stay in order.
type orderedObject []member

type member struct {
	name  string
	value any
}

// MarshalJSON implements json.Marshaler.
func (o orderedObject) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		v, err := Encode(m.value)
		if err != nil {
			return nil, err
		}
		b = append(append(strconv.AppendQuote(b, m.name), ':'), v...)
	}
	return append(b, '}'), nil
}

func pretty(v any) string {
	raw, err := Encode(v)
	if err != nil { // examples are strings, numbers and lists of them
		return ""
	}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return ""
	}
	return b.String()
}
