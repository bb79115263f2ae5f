package rest

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/web"
)

// The types below are the part of OpenAPI 3.1 that the document uses. https://spec.openapis.org/oas/v3.1.1

// Document is the description of the API.
type Document struct {
	OpenAPI    string     `json:"openapi"`
	Info       info       `json:"info"`
	Servers    []server   `json:"servers"`
	Security   []security `json:"security"`
	Tags       []Tag      `json:"tags"`
	Paths      paths      `json:"paths"`
	Messages   messages   `json:"webhooks,omitempty"`
	Components components `json:"components"`
}

type info struct {
	Title       string  `json:"title"`
	Version     string  `json:"version"`
	Description string  `json:"description"`
	Contact     Contact `json:"contact"`
	License     license `json:"license"`
}

// Contact says whom to ask about the API.
type Contact struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

type license struct {
	Name       string `json:"name"`
	Identifier string `json:"identifier"`
}

type server struct {
	URL         string `json:"url"`
	Description string `json:"description"`
}

type security map[string][]string

type components struct {
	Schemas         properties          `json:"schemas"`
	Responses       map[string]response `json:"responses"`
	SecuritySchemes map[string]Scheme   `json:"securitySchemes"`
}

// Operation is one route.
type Operation struct {
	ID          string              `json:"operationId"`
	Tags        []string            `json:"tags"`
	Summary     string              `json:"summary"`
	Description string              `json:"description,omitempty"`
	Scope       string              `json:"x-scope,omitempty"` // the scope that the key needs
	Security    *[]security         `json:"security,omitempty"`
	Parameters  []Parameter         `json:"parameters,omitempty"`
	Body        *requestBody        `json:"requestBody,omitempty"`
	Responses   map[string]response `json:"responses"`

	method, path, query string
	status              int
	example             json.RawMessage // of the request, where its schema has none
}

// Parameter is a parameter of an operation.
type Parameter struct {
	Name        string  `json:"name"`
	In          string  `json:"in"`
	Description string  `json:"description,omitempty"`
	Required    bool    `json:"required,omitempty"`
	Schema      *Schema `json:"schema"`
}

type requestBody struct {
	Required bool     `json:"required,omitempty"`
	Content  contents `json:"content"`
}

type response struct {
	Ref         string   `json:"$ref,omitempty"`
	Description string   `json:"description,omitempty"`
	Content     contents `json:"content,omitempty"`
}

// Media is a body of one media type.
type Media struct {
	Schema  *Schema `json:"schema"`
	Example any     `json:"example,omitempty"` // of a request
}

// contents are the bodies of a request or an answer by their media types. Plain JSON comes first, because generators of
// clients that can make only one of them take the first.
type contents map[string]Media

// MarshalJSON implements json.Marshaler.
func (c contents) MarshalJSON() ([]byte, error) {
	const first = "application/json"
	mediaTypes := slices.Sorted(maps.Keys(c))
	if i := slices.Index(mediaTypes, first); i > 0 {
		mediaTypes = slices.Insert(slices.Delete(mediaTypes, i, i+1), 0, first)
	}
	b := []byte{'{'}
	for i, mediaType := range mediaTypes {
		if i > 0 {
			b = append(b, ',')
		}
		body, err := json.Marshal(c[mediaType])
		if err != nil {
			return nil, err
		}
		b = append(append(strconv.AppendQuote(b, mediaType), ':'), body...)
	}
	return append(b, '}'), nil
}

// paths keep the order of the route table.
type paths []pathItem

type pathItem struct {
	path       string
	operations []*Operation
}

// MarshalJSON implements json.Marshaler.
func (p paths) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, item := range p {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(strconv.AppendQuote(b, item.path), ":{"...)
		for j, op := range item.operations {
			if j > 0 {
				b = append(b, ',')
			}
			o, err := json.Marshal(op)
			if err != nil {
				return nil, err
			}
			b = append(append(strconv.AppendQuote(b, strings.ToLower(op.method)), ':'), o...)
		}
		b = append(b, '}')
	}
	return append(b, '}'), nil
}

// About has a document's words about its API as a whole.
type About struct {
	Title, Version string
	// Introduction says how to call the API, in Markdown.
	Introduction string
	// Tags are the groups of routes, in the order of the page. Each route is in one.
	Tags []Tag
	// Schemes are the ways in which callers may show who they are, by name; each is enough by itself.
	Schemes []Scheme
	// Headers are parameters of every route that needs a permission.
	Headers []Parameter
	Contact Contact
	// Messages are the requests that the program sends by itself.
	Messages []Message
}

// Tag is a group of routes.
type Tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// Scheme is a way for callers to show who they are: a security scheme of OpenAPI.
type Scheme struct {
	Key         string `json:"-"` // its name within the document
	Type        string `json:"type"`
	Scheme      string `json:"scheme,omitempty"`
	In          string `json:"in,omitempty"`
	Name        string `json:"name,omitempty"`
	Description string `json:"description"`
}

// Problem is the shape of web's problem documents.
type Problem struct {
	Type      string         `json:"type" doc:"the kind of problem" example:"\"urn:relay:problem:invalid\""`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail,omitempty" doc:"the problem in a sentence"`
	Errors    []ProblemField `json:"errors,omitempty" doc:"the fields that are wrong"`
	RequestID string         `json:"requestId,omitempty" doc:"identifies the request in Relay's log"`
}

// ProblemField describes the fault of one field.
type ProblemField struct {
	Field  string `json:"field" example:"\"events[1]\""`
	Reason string `json:"reason" example:"\"must not be empty\""`
}

// DocumentOf describes routes that no face serves.
func DocumentOf(about About, routes []Route) *Document {
	return (&Face{about: about, routes: routes}).Document()
}

// Document describes the routes.
func (f *Face) Document() *Document {
	version := f.about.Version
	if version == "" {
		version = "dev"
	}
	requests, answers := &Schemas{request: true}, &Schemas{}
	d := &Document{
		OpenAPI: "3.1.1",
		Info: info{Title: f.about.Title, Version: version, Description: f.about.Introduction, Contact: f.about.Contact,
			License: license{Name: "Apache License 2.0", Identifier: "Apache-2.0"}},
		Servers: []server{{URL: "/", Description: "this server"}},
		Tags:    f.about.Tags, Messages: f.about.Messages,
	}
	problemSchema := answers.Of(reflect.TypeFor[Problem]())
	for i := range f.routes {
		rt := &f.routes[i]
		op := rt.operation(&f.about, requests, answers)
		i := slices.IndexFunc(d.Paths, func(p pathItem) bool { return p.path == rt.Path })
		if i < 0 {
			i = len(d.Paths)
			d.Paths = append(d.Paths, pathItem{path: rt.Path})
		}
		d.Paths[i].operations = append(d.Paths[i].operations, op)
	}
	d.Components = components{
		Schemas:         append(requests.named, answers.named...),
		Responses:       make(map[string]response),
		SecuritySchemes: make(map[string]Scheme),
	}
	for _, s := range f.about.Schemes {
		d.Security = append(d.Security, security{s.Key: {}})
		d.Components.SecuritySchemes[s.Key] = s
	}
	for _, k := range problemKinds {
		d.Components.Responses[k.Slug()] = response{Description: k.Title(),
			Content: map[string]Media{web.ProblemContentType: {Schema: problemSchema}}}
	}
	for _, p := range d.Paths {
		for _, op := range p.operations {
			d.exemplify(op)
		}
	}
	return d
}

var problemKinds = []problem.Kind{problem.Malformed, problem.Unauthorized, problem.Forbidden, problem.NotFound, problem.Conflict,
	problem.TooLarge, problem.UnsupportedType, problem.Invalid, problem.TooMany, problem.Internal, problem.Unavailable}

// operation describes one route.
func (rt *Route) operation(about *About, requests, answers *Schemas) *Operation {
	d := &rt.Doc
	op := &Operation{
		ID: d.ID, Tags: []string{d.Tag}, Summary: d.Summary, Description: d.Text, Scope: string(rt.Needs.Scope()),
		Responses: make(map[string]response), example: d.Example, method: rt.Method, path: rt.Path, query: d.Query, status: d.status(),
	}
	kinds := []problem.Kind{problem.Malformed, problem.Internal, problem.Unavailable}
	if rt.Needs == access.Anybody {
		op.Security = &[]security{}
	} else {
		kinds = append(kinds, problem.Unauthorized, problem.Forbidden, problem.TooMany)
		op.Description = strings.TrimSpace(op.Description + "\n\n" + needs(op.Scope))
	}
	plan := planOf(rt.in)
	for _, f := range plan.params {
		p := Parameter{Name: f.name, In: "query", Description: f.tag.Get("doc"), Schema: requests.field(f.typ, f.tag)}
		p.Schema.Description = ""
		if b, ok := p.Schema.Default.(json.RawMessage); ok && p.Schema.Type == "string" && b[0] != '"' {
			p.Schema.Default = string(b) // a choice of words, such as "true"
		}
		if f.path {
			p.In, p.Required = "path", true
			kinds = append(kinds, problem.NotFound)
		}
		op.Parameters = append(op.Parameters, p)
	}
	if rt.Needs != access.Anybody {
		op.Parameters = append(op.Parameters, about.Headers...)
		kinds = append(kinds, problem.NotFound)
	}
	if d.Once != "" || rt.once() {
		text := d.Once
		if rt.once() {
			text = "repeating the same request with the same key within 12 hours has no further effect and returns the first answer"
		}
		op.Parameters = append(op.Parameters, Parameter{Name: "Idempotency-Key", In: "header", Schema: &Schema{Type: "string", MaxLength: Ptr(maxKeyBytes)}, Description: text})
		kinds = append(kinds, problem.Conflict)
	}
	request, answer := rt.contents(&plan, requests, answers)
	if request != nil {
		op.Body = &requestBody{Required: plan.body == nil || plan.required, Content: request}
		kinds = append(kinds, problem.TooLarge, problem.UnsupportedType, problem.Invalid)
	}
	op.Responses[strconv.Itoa(op.status)] = response{Description: http.StatusText(op.status), Content: answer}
	if d.Also != 0 {
		op.Responses[strconv.Itoa(d.Also)] = response{Description: http.StatusText(d.Also), Content: answer}
	}
	for _, k := range kinds {
		op.Responses[strconv.Itoa(k.Status())] = response{Ref: "#/components/responses/" + k.Slug()}
	}
	return op
}

// contents returns the contents of a route's request and answer by media type; nil: it has none.
func (rt *Route) contents(plan *plan, requests, answers *Schemas) (request, answer map[string]Media) {
	d := &rt.Doc
	if d.Bodies != nil {
		return d.Bodies(requests, answers)
	}
	switch {
	case plan.media != nil:
		request = make(map[string]Media)
		for _, m := range plan.media {
			request[m] = Media{Schema: &Schema{Description: "the document"}}
		}
	case plan.body != nil:
		request = JSON(requests.Of(plan.bodyType))
	}
	switch {
	case d.Answer == "application/json":
		answer = JSON(&Schema{Description: "a JSON document"})
	case d.Answer != "":
		answer = map[string]Media{d.Answer: {Schema: &Schema{Type: "string"}}}
	case d.status() != http.StatusNoContent:
		answer = JSON(answers.Of(rt.out))
	}
	return request, answer
}

// JSON returns the contents of a body that is JSON.
func JSON(s *Schema) map[string]Media { return map[string]Media{"application/json": {Schema: s}} }

// Ptr returns a pointer to n, for bounds in schemas.
func Ptr(n int) *int { return &n }

// OpenAPIDocument is the shape of the document, as far as it needs one.
type OpenAPIDocument struct {
	OpenAPI string  `json:"openapi"`
	Info    AnyJSON `json:"info"`
	Paths   AnyJSON `json:"paths"`
}

// DocumentRoute returns the route of the document.
func (f *Face) DocumentRoute(pattern string, d Doc) Route {
	rt := Describe[None, OpenAPIDocument](pattern, access.Anybody, d)
	rt.Handler = web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		document, err := f.document()
		if err != nil {
			return err
		}
		web.APIHeaders(w.Header())
		w.Header().Set("Cache-Control", "no-cache")
		sendRead(w, r, http.StatusOK, "application/json", document)
		return nil
	})
	return rt
}

// PageRoute returns the route of the page that shows the document.
func (f *Face) PageRoute(pattern string, d Doc) Route {
	rt := Describe[None, None](pattern, access.Anybody, d)
	rt.Handler = web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		page, err := f.page()
		if err != nil {
			return err
		}
		docsHeaders(w.Header())
		sendRead(w, r, http.StatusOK, "text/html; charset=utf-8", page)
		return nil
	})
	return rt
}

// needs is the sentence on a call's scope; the page shows it beside the path.
func needs(scope string) string {
	switch scope {
	case string(access.ScopeSession):
		return "Needs the session of a person who has signed in."
	case string(access.ScopeAny):
		return "Needs a key of any scope, or the session of a person who has signed in."
	}
	return "Needs the scope `" + scope + "`."
}
