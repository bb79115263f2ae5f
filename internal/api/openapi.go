package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/event/rawjson"
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
	Tags       []tag      `json:"tags"`
	Paths      paths      `json:"paths"`
	Components components `json:"components"`
}

type info struct {
	Title       string  `json:"title"`
	Version     string  `json:"version"`
	Description string  `json:"description"`
	License     license `json:"license"`
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

type tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

type components struct {
	Schemas         properties                `json:"schemas"`
	Responses       map[string]response       `json:"responses"`
	SecuritySchemes map[string]securityScheme `json:"securitySchemes"`
}

type securityScheme struct {
	Type        string `json:"type"`
	Scheme      string `json:"scheme,omitempty"`
	In          string `json:"in,omitempty"`
	Name        string `json:"name,omitempty"`
	Description string `json:"description"`
}

// Operation is one route.
type Operation struct {
	ID          string              `json:"operationId"`
	Tags        []string            `json:"tags"`
	Summary     string              `json:"summary"`
	Description string              `json:"description,omitempty"`
	Scope       string              `json:"x-scope,omitempty"` // what the key must allow
	Security    *[]security         `json:"security,omitempty"`
	Parameters  []Parameter         `json:"parameters,omitempty"`
	Body        *requestBody        `json:"requestBody,omitempty"`
	Responses   map[string]response `json:"responses"`

	method, path string
	status       int
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
	Required bool             `json:"required,omitempty"`
	Content  map[string]media `json:"content"`
}

type response struct {
	Ref         string           `json:"$ref,omitempty"`
	Description string           `json:"description,omitempty"`
	Content     map[string]media `json:"content,omitempty"`
}

type media struct {
	Schema *Schema `json:"schema"`
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

// bodies says what the Go types of a route cannot.
type bodies struct {
	publish bool   // the three forms of publishing
	answer  string // media type of an answer that is not JSON
	once    bool   // takes the header Idempotency-Key
}

// anyJSON and anyObject stand for values that requests hand on unread.
type (
	anyJSON   struct{}
	anyObject struct{}
)

func (*anyJSON) schema() *Schema             { return &Schema{Description: "any JSON value"} }
func (*anyJSON) decode(rawjson.Value) string { return "" }
func (*anyJSON) parse(string) string         { return "" }

// rawJSON is a value that requests hand on as it is.
type rawJSON []byte

func (r *rawJSON) decode(v rawjson.Value) string { *r = slices.Clone(v.Raw); return "" }
func (*rawJSON) parse(string) string             { return "" }
func (*rawJSON) schema() *Schema                 { return &Schema{Description: "any JSON value"} }

func (*anyObject) schema() *Schema             { return &Schema{Type: "object", Additional: &Schema{}} }
func (*anyObject) decode(rawjson.Value) string { return "" }
func (*anyObject) parse(string) string         { return "" }

// Problem is the shape of web's problem documents.
type Problem struct {
	Type      string         `json:"type" doc:"which kind of problem" example:"\"urn:relay:problem:invalid\""`
	Title     string         `json:"title"`
	Status    int            `json:"status"`
	Detail    string         `json:"detail,omitempty" doc:"what is wrong, in words"`
	Errors    []ProblemField `json:"errors,omitempty" doc:"which fields are wrong"`
	RequestID string         `json:"requestId,omitempty" doc:"stands in Relay's log beside inner errors"`
}

// ProblemField is what is wrong with one field.
type ProblemField struct {
	Field  string `json:"field" example:"\"events[1]\""`
	Reason string `json:"reason" example:"\"must not be empty\""`
}

var tags = []tag{
	{"Events", "Publish events, look them up, and find out what became of them."},
	{"Event types", "The catalogue: what types of events there are, how they look, and which events follow from others."},
	{"Webhooks", "Subscriptions: where events go, which ones, in which shape."},
	{"Log", "Every request made, with what was sent and what came back."},
	{"Deliveries", "What each webhook is owed, or was owed."},
	{"Respondents", "People in campaigns, and on their way there."},
	{"Gate", "The endpoint that decides whom integrations may add, and the integrations. Only for admins."},
	{"Audit", "Who changed what."},
	{"Jobs", "Recoveries and replays in the background."},
	{"Stats", "Counters over time."},
	{"Keys", "API keys."},
	{"Probes", "For load balancers, monitoring and people: no key needed."},
}

const introduction = "Relay stores events durably and delivers them to webhooks: signed, filtered, retried, logged.\n\n" +
	"Send a key with each request: `Authorization: Bearer KEY`, `Authorization: Apikey KEY` or `ApiKey: KEY`. " +
	"Errors are problem documents (RFC 9457) that name the offending fields. Unknown fields and query parameters are refused, " +
	"so that a typo cannot pass. Times are RFC 3339 in UTC with milliseconds. " +
	"Lists answer `data` and `nextCursor`; the next page is asked for with `cursor`."

// describe makes the document and the page of the routes.
func (a *API) describe() error {
	d := a.Document()
	var err error
	if a.document, err = json.Marshal(d); err != nil {
		return fmt.Errorf("encoding the API's document: %w", err)
	}
	if a.page, err = renderDocs(d); err != nil {
		return fmt.Errorf("rendering the API's page: %w", err)
	}
	return nil
}

// Document describes the routes.
func (a *API) Document() *Document {
	version := a.Version
	if version == "" {
		version = "dev"
	}
	requests, answers := &schemas{request: true}, &schemas{}
	d := &Document{
		OpenAPI: "3.1.1",
		Info: info{Title: "Relay API", Version: version, Description: a.introduce(introduction),
			License: license{Name: "Apache License 2.0", Identifier: "Apache-2.0"}},
		Servers:  []server{{URL: "/", Description: "this server"}},
		Security: []security{{"bearer": {}}, {"apiKey": {}}},
		Tags:     tags,
	}
	problemSchema := answers.of(reflect.TypeFor[Problem]())
	for _, rt := range a.routes {
		op := rt.operation(requests, answers)
		i := slices.IndexFunc(d.Paths, func(p pathItem) bool { return p.path == rt.path })
		if i < 0 {
			i = len(d.Paths)
			d.Paths = append(d.Paths, pathItem{path: rt.path})
		}
		d.Paths[i].operations = append(d.Paths[i].operations, op)
	}
	d.Components = components{
		Schemas:   append(requests.named, answers.named...),
		Responses: make(map[string]response),
		SecuritySchemes: map[string]securityScheme{
			"bearer": {Type: "http", Scheme: "bearer", Description: "Authorization: Bearer KEY. The scheme Apikey is taken, too."},
			"apiKey": {Type: "apiKey", In: "header", Name: "ApiKey", Description: "ApiKey: KEY"},
		},
	}
	for _, k := range problemKinds {
		d.Components.Responses[k.Slug()] = response{Description: k.Title(),
			Content: map[string]media{web.ProblemContentType: {problemSchema}}}
	}
	return d
}

var problemKinds = []problem.Kind{problem.Malformed, problem.Unauthorized, problem.Forbidden, problem.NotFound, problem.Conflict,
	problem.TooLarge, problem.UnsupportedType, problem.Invalid, problem.TooMany, problem.Internal, problem.Unavailable}

// operation describes one route.
func (rt *route) operation(requests, answers *schemas) *Operation {
	d := rt.doc
	op := &Operation{
		ID: d.id, Tags: []string{d.tag}, Summary: d.summary, Description: d.text, Scope: string(rt.needs.Scope()),
		Responses: make(map[string]response), method: rt.method, path: rt.path, status: d.status,
	}
	if op.status == 0 {
		op.status = http.StatusOK
	}
	kinds := []problem.Kind{problem.Malformed, problem.Internal, problem.Unavailable}
	if rt.needs == access.Anybody {
		op.Security = &[]security{}
	} else {
		kinds = append(kinds, problem.Unauthorized, problem.Forbidden, problem.TooMany)
		op.Description = strings.TrimSpace(op.Description + "\n\n" + needs(string(rt.needs.Scope())))
	}
	plan := planOf(rt.in)
	for _, f := range plan.params {
		tag := f.tag
		p := Parameter{Name: f.name, In: "query", Description: tag.Get("doc"), Schema: requests.field(f.typ, tag)}
		p.Schema.Description = ""
		if f.path {
			p.In, p.Required = "path", true
			kinds = append(kinds, problem.NotFound)
		}
		op.Parameters = append(op.Parameters, p)
	}
	if rt.needs != access.Anybody {
		op.Parameters = append(op.Parameters, Parameter{Name: "Relay-Tenant", In: "header", Schema: &Schema{Type: "string"},
			Description: "the tenant to act for, with a key of the scope platform"})
		kinds = append(kinds, problem.NotFound)
	}
	if d.bodies.once || rt.once() {
		text := "sending a request with the same key again stores nothing twice"
		if rt.once() {
			text = "sending the same request with the same key again within 12 hours does nothing and gives the first answer again"
		}
		op.Parameters = append(op.Parameters, Parameter{Name: "Idempotency-Key", In: "header", Schema: &Schema{Type: "string", MaxLength: ptr(256)}, Description: text})
		kinds = append(kinds, problem.Conflict)
	}
	json := func(s *Schema) map[string]media { return map[string]media{"application/json": {s}} }
	switch {
	case plan.media != nil:
		content := make(map[string]media)
		for _, m := range plan.media {
			content[m] = media{&Schema{Description: "the document"}}
		}
		op.Body = &requestBody{Required: plan.required, Content: content}
		kinds = append(kinds, problem.TooLarge, problem.UnsupportedType, problem.Invalid)
	case plan.body != nil:
		op.Body = &requestBody{Required: plan.required, Content: json(requests.of(plan.bodyType))}
		kinds = append(kinds, problem.TooLarge, problem.UnsupportedType, problem.Invalid)
	case d.bodies.publish:
		one := requests.of(reflect.TypeFor[NewEvent]())
		content := json(&Schema{AnyOf: []*Schema{one, {Type: "array", Items: one, MaxItems: ptr(1000)}}})
		content["application/x-ndjson"] = media{one}
		op.Body = &requestBody{Required: true, Content: content}
		op.Parameters = append(op.Parameters, Parameter{Name: "Idempotency-Key", In: "header", Schema: &Schema{Type: "string", MaxLength: ptr(256)},
			Description: "sending a request with the same key again stores nothing twice; not for streams"})
		kinds = append(kinds, problem.TooLarge, problem.UnsupportedType, problem.Invalid, problem.Conflict)
	}
	success := response{Description: http.StatusText(op.status)}
	switch {
	case d.bodies.publish:
		one := answers.of(reflect.TypeFor[PublishedEvent]())
		success.Content = json(&Schema{AnyOf: []*Schema{one, answers.of(reflect.TypeFor[PublishedEvents]())}})
		success.Content["application/x-ndjson"] = media{&Schema{Type: "object", Description: "a line of progress, an error, or the summary"}}
	case d.bodies.answer != "":
		success.Content = map[string]media{d.bodies.answer: {&Schema{Type: "string"}}}
	case op.status != http.StatusNoContent:
		success.Content = json(answers.of(rt.out))
	}
	op.Responses[strconv.Itoa(op.status)] = success
	for _, k := range kinds {
		op.Responses[strconv.Itoa(k.Status())] = response{Ref: "#/components/responses/" + k.Slug()}
	}
	return op
}

func ptr(n int) *int { return &n }

var docOpenAPI = doc{id: "getDocument", tag: "Probes", summary: "This document, as OpenAPI 3.1"}

// OpenAPIDocument is the shape of /openapi.json, as far as it needs one.
type OpenAPIDocument struct {
	OpenAPI string  `json:"openapi"`
	Info    anyJSON `json:"info"`
	Paths   anyJSON `json:"paths"`
}

func (a *API) openapiRoute(needs access.Permission) route {
	rt := describe[none, OpenAPIDocument]("GET /openapi.json", needs, docOpenAPI)
	rt.handler = web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		web.APIHeaders(w.Header())
		w.Header().Set("Cache-Control", "no-cache")
		sendRead(w, r, http.StatusOK, "application/json", a.document, a.documentZipped)
		return nil
	})
	return rt
}

var docDocs = doc{id: "getDocs", tag: "Probes", summary: "This document, as a page", bodies: bodies{answer: "text/html"}}

func (a *API) docsRoute(needs access.Permission) route {
	rt := describe[none, none]("GET /docs", needs, docDocs)
	rt.handler = web.Handler(func(w http.ResponseWriter, r *http.Request) error {
		docsHeaders(w.Header())
		sendRead(w, r, http.StatusOK, "text/html; charset=utf-8", a.page, a.pageZipped)
		return nil
	})
	return rt
}

// needs is the sentence on a call's scope; the page shows it beside the path.
func needs(scope string) string { return "Needs the scope `" + scope + "`." }
