package api

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
)

// EventType is a type of the catalogue.
type EventType struct {
	Name              string          `json:"name" example:"\"call.completed\""`
	Pack              *string         `json:"pack" doc:"the pack it came with: calls, push, or file for the operator's; null for your own" example:"\"calls\""`
	Description       string          `json:"description"`
	Fires             string          `json:"fires" doc:"when such an event is published"`
	Version           string          `json:"version" doc:"of the schema" example:"\"1\""`
	Versions          []TypeVersion   `json:"versions" doc:"all versions of a type of your own, the oldest first"`
	Aliases           []string        `json:"aliases" doc:"other names; events published under them get the type's name"`
	Validation        string          `json:"validation" enum:"off,warn,strict" doc:"what becomes of events that violate the schema: they are not checked, accepted with warnings, or refused"`
	Deprecated        bool            `json:"deprecated" doc:"may be published still, but should not be used for new work"`
	Archived          bool            `json:"archived" doc:"hidden from lists, and not checked"`
	Schema            json.RawMessage `json:"schema" doc:"the JSON Schema of the data, or null"`
	AttributesSchema  json.RawMessage `json:"attributesSchema" doc:"that of the attributes, or null"`
	Example           json.RawMessage `json:"example" doc:"the data of such an event" example:"{\"sid\":\"CA1\",\"duration\":142}"`
	ExampleAttributes json.RawMessage `json:"exampleAttributes" doc:"its attributes, or null" example:"null"`
	ExampleSketch     bool            `json:"exampleSketch" doc:"the example was made from a schema too intricate for that, and violates it"`
	Unchecked         []UncheckedPart `json:"unchecked" doc:"patterns of the schemas that events are not held against"`
	CreatedAt         *rest.Time      `json:"createdAt" doc:"when this version was made; null for types of packs"`
	UpdatedAt         *rest.Time      `json:"updatedAt"`
}

// UncheckedPart is a part of a schema that is kept, but that events are not held against.
type UncheckedPart struct {
	Path   string `json:"path" doc:"a JSON pointer into schema or attributesSchema" example:"\"schema#/properties/name/pattern\""`
	Reason string `json:"reason" example:"\"look-ahead is not supported\""`
}

func showUnchecked(t *catalogue.Type) []UncheckedPart {
	out := []UncheckedPart{}
	for _, u := range t.Unchecked() {
		out = append(out, UncheckedPart(u))
	}
	return out
}

// TypeVersion is a version of a type.
type TypeVersion struct {
	Version   string     `json:"version" example:"\"1\""`
	CreatedAt *rest.Time `json:"createdAt"`
	UpdatedAt *rest.Time `json:"updatedAt"`
}

// showType shows a version of a type; current is the version that holds, which says how the type is treated.
func (a *API) showType(tenant event.TenantID, t, current *catalogue.Type) EventType {
	v := EventType{
		Name: t.Name, Pack: rest.TextOrNil(t.Pack), Description: t.Description, Fires: t.Fires, Version: t.Version,
		Versions: []TypeVersion{}, Aliases: append([]string{}, t.Aliases...),
		Validation: string(current.Validation), Deprecated: current.Deprecated, Archived: current.Archived,
		Schema: t.Schema, AttributesSchema: t.AttributesSchema, Example: t.Example, ExampleAttributes: t.ExampleAttributes,
		ExampleSketch: t.Sketch, Unchecked: showUnchecked(t),
		CreatedAt: rest.TimeOrNil(t.CreatedAt), UpdatedAt: rest.TimeOrNil(t.UpdatedAt),
	}
	for _, o := range a.Types.Versions(tenant, t.Name) {
		v.Versions = append(v.Versions, TypeVersion{o.Version, rest.TimeOrNil(o.CreatedAt), rest.TimeOrNil(o.UpdatedAt)})
	}
	return v
}

var docTypeList = rest.Doc{ID: "listEventTypes", Tag: "Event types", Summary: "List the event types of the catalogue",
	Text: "By name. Other types may be published all the same, unless the catalogue's validation is `strict`. A page may hold fewer types than asked for when their schemas are large."}

type typeQuery struct {
	rest.Page
	Pack     string `query:"pack" doc:"only types of this pack; own for those of no pack"`
	Archived string `query:"archived" enum:"false,true,all" default:"false" doc:"types that are archived: left out, only these, or with the others"`
	Query    string `query:"query" doc:"only types with this text in their name or description, in any case"`
}

// ownTypes asks for the types of no pack.
const ownTypes = "own"

func (q *typeQuery) selects(t *catalogue.Type) bool {
	pack := t.Pack
	if pack == "" {
		pack = ownTypes
	}
	text := strings.ToLower(q.Query)
	return (q.Pack == "" || q.Pack == pack) && (q.Archived == "all" || t.Archived == (q.Archived == "true")) &&
		(strings.Contains(strings.ToLower(t.Name), text) || strings.Contains(strings.ToLower(t.Description), text))
}

func (a *API) typeList(_ context.Context, c *access.Principal, in *typeQuery) (*rest.List[EventType], error) {
	after, err := in.After()
	if err != nil {
		return nil, err
	}
	var data []EventType
	bytes, last := 0, ""
	for _, t := range a.Types.List(c.Tenant) {
		if t.Name <= after || !in.selects(t) {
			continue
		}
		if len(data) == in.Limit || bytes > rest.MaxPageBytes {
			return rest.PageOf(data, rest.TextCursor(last)), nil
		}
		data = append(data, a.showType(c.Tenant, t, t))
		bytes += len(t.Schema) + len(t.AttributesSchema) + len(t.Example) + len(t.Description)
		last = t.Name
	}
	return rest.PageOf(data, ""), nil
}

type typePath struct {
	Name string `path:"name" doc:"the type's name, or an alias of it"`
}

type typeVersionQuery struct {
	typePath
	Version string `query:"version" doc:"a version other than the current one"`
}

// findType returns a type and the version of it that is asked for.
func (a *API) findType(c *access.Principal, name, version string) (t, current *catalogue.Type, err error) {
	current, ok := a.Types.Lookup(c.Tenant, name)
	if !ok {
		return nil, nil, problem.New(problem.NotFound, "there is no event type %q", rest.Clip(name))
	}
	if version == "" || version == current.Version {
		return current, current, nil
	}
	versions := a.Types.Versions(c.Tenant, current.Name)
	i := slices.IndexFunc(versions, func(v *catalogue.Type) bool { return v.Version == version })
	if i < 0 {
		return nil, nil, problem.New(problem.NotFound, "the event type %q has no version %q", rest.Clip(current.Name), rest.Clip(version))
	}
	return versions[i], current, nil
}

var docTypeGet = rest.Doc{ID: "getEventType", Tag: "Event types", Summary: "Get an event type"}

func (a *API) typeGet(_ context.Context, c *access.Principal, in *typeVersionQuery) (*EventType, error) {
	t, current, err := a.findType(c, in.Name, in.Version)
	if err != nil {
		return nil, err
	}
	v := a.showType(c.Tenant, t, current)
	return &v, nil
}

// EventExample is an event as it could be published.
type EventExample struct {
	Type       string          `json:"type" example:"\"call.completed\""`
	Data       json.RawMessage `json:"data" example:"{\"sid\":\"CA1\",\"duration\":142}"`
	Attributes json.RawMessage `json:"attributes,omitempty" doc:"left out where the example has none"`
}

var docTypeExample = rest.Doc{ID: "getEventTypeExample", Tag: "Event types", Summary: "Get an example event of a type",
	Text: "The answer can be published as it is."}

func (a *API) typeExample(_ context.Context, c *access.Principal, in *typeVersionQuery) (*EventExample, error) {
	t, _, err := a.findType(c, in.Name, in.Version)
	if err != nil {
		return nil, err
	}
	return &EventExample{Type: t.Name, Data: t.Example, Attributes: t.ExampleAttributes}, nil
}

// typeFields are the members of an event type that a caller may set.
type typeFields struct {
	Description       rest.Opt[string]       `json:"description" text:"lines" doc:"what happened, what it is used for" maxLength:"16384" example:"\"An order has been paid.\""`
	Fires             rest.Opt[string]       `json:"fires" text:"lines" doc:"when such an event is published" maxLength:"16384"`
	Version           rest.Opt[string]       `json:"version" maxLength:"64" doc:"of the schema. At creation 1 when left out; in a change the version that is changed or made: left out, the current one, or a new one if a schema changes"`
	Aliases           rest.Opt[[]string]     `json:"aliases" doc:"other names of the type" default:"[]" maxItems:"20"`
	Schema            rest.Opt[rest.RawJSON] `json:"schema" doc:"JSON Schema of the data, 2020-12 unless it says otherwise. References lead into itself; nothing is fetched" example:"{\"type\":\"object\",\"required\":[\"amount\"],\"properties\":{\"amount\":{\"type\":\"number\"}}}"`
	AttributesSchema  rest.Opt[rest.RawJSON] `json:"attributesSchema" doc:"JSON Schema of the attributes"`
	Example           rest.Opt[rest.RawJSON] `json:"example" doc:"the data of such an event, which fits the schema; left out: made from the schema" example:"{\"amount\":100}"`
	ExampleAttributes rest.Opt[rest.RawJSON] `json:"exampleAttributes" doc:"its attributes, an object"`
	Validation        rest.Opt[string]       `json:"validation" enum:"off,warn,strict" doc:"what becomes of events that violate the schema; null or left out: as the catalogue's settings say"`
	Deprecated        rest.Opt[bool]         `json:"deprecated" default:"false"`
	Archived          rest.Opt[bool]         `json:"archived" default:"false"`
}

// CreateEventType is the request to add an event type.
type CreateEventType struct {
	Name string `json:"name" required:"true" maxLength:"128" doc:"letters, digits, _ and -, in parts joined by dots" example:"\"order.created\""`
	typeFields
}

// room lets a request hold two schemas and an example.
// Room implements rest.Roomy.
func (*typeFields) Room() (bytes int64, depth int) { return 1 << 20, event.MaxDepth }

type createTypeInput struct {
	Body CreateEventType `body:"required"`
}

var docTypeCreate = rest.Doc{ID: "createEventType", Tag: "Event types", Summary: "Add an event type", Status: 201}

func (a *API) typeCreate(ctx context.Context, c *access.Principal, in *createTypeInput) (*EventType, error) {
	b := &in.Body
	set := catalogue.Settings{Validation: catalogue.Mode(b.Validation.Value), Deprecated: b.Deprecated.Value, Archived: b.Archived.Value}
	t, err := a.Types.Create(ctx, c, catalogue.Type{
		Name: b.Name, Version: b.Version.Value, Description: b.Description.Value, Fires: b.Fires.Value, Aliases: b.Aliases.Value,
		Schema: json.RawMessage(b.Schema.Value), AttributesSchema: json.RawMessage(b.AttributesSchema.Value),
		Example: json.RawMessage(b.Example.Value), ExampleAttributes: json.RawMessage(b.ExampleAttributes.Value),
	}, set)
	if err != nil {
		return nil, err
	}
	v := a.showType(c.Tenant, t, t)
	return &v, nil
}

// UpdateEventType is the request to change an event type.
type UpdateEventType struct {
	typeFields
}

type updateTypeInput struct {
	typePath
	Body UpdateEventType `body:"required"`
}

var docTypeUpdate = rest.Doc{ID: "updateEventType", Tag: "Event types", Summary: "Change an event type",
	Text: "Members left out stay as they are, null resets a member to its default. A change of a schema makes a new version, unless `version` names one. " +
		"Changing what describes a type of a pack makes a version of your own, which takes its place until you delete it; " +
		"`validation`, `deprecated` and `archived` do not."}

// given returns the value that a change sets, nil if it leaves the member.
func given[T, V any](o rest.Opt[T], as func(T) V) *V {
	if !o.Given {
		return nil
	}
	v := as(o.Value)
	return &v
}

func itself[T any](v T) T { return v }

func (a *API) typeUpdate(ctx context.Context, c *access.Principal, in *updateTypeInput) (*EventType, error) {
	b := &in.Body
	raw := func(r rest.RawJSON) json.RawMessage { return json.RawMessage(r) }
	version := given(b.Version, itself)
	if b.Version.Null {
		version = nil
	}
	t, err := a.Types.Update(ctx, c, in.Name, catalogue.Change{
		Description: given(b.Description, itself), Fires: given(b.Fires, itself), Version: version, Aliases: given(b.Aliases, itself),
		Schema: given(b.Schema, raw), AttributesSchema: given(b.AttributesSchema, raw),
		Example: given(b.Example, raw), ExampleAttributes: given(b.ExampleAttributes, raw),
		Validation: given(b.Validation, func(s string) catalogue.Mode { return catalogue.Mode(s) }),
		Deprecated: given(b.Deprecated, itself), Archived: given(b.Archived, itself),
	})
	if err != nil {
		return nil, err
	}
	current, ok := a.Types.Lookup(c.Tenant, t.Name)
	if !ok {
		current = t
	}
	v := a.showType(c.Tenant, t, current)
	return &v, nil
}

var docTypeDelete = rest.Doc{ID: "deleteEventType", Tag: "Event types", Summary: "Delete an event type", Status: 204,
	Text: "All versions of a type of your own. Its events stay, and may be published still. A type of a pack cannot be deleted, but archived."}

func (a *API) typeDelete(ctx context.Context, c *access.Principal, in *typePath) (*rest.None, error) {
	return nil, a.Types.Delete(ctx, c, in.Name)
}

// ImportedTypes is the result of an import.
type ImportedTypes struct {
	DryRun bool           `json:"dryRun" doc:"nothing was changed"`
	Types  []ImportedType `json:"types"`
	Rules  []string       `json:"rules" doc:"names of derivation rules, with the format pack"`
}

// ImportedType is a type of an import.
type ImportedType struct {
	Name    string `json:"name" example:"\"order.created\""`
	Version string `json:"version" example:"\"1\""`
	Outcome string `json:"outcome" enum:"created,updated,unchanged,skipped" doc:"skipped: it cannot be a type, for the reason given"`
	Reason  string `json:"reason,omitempty" doc:"of what was skipped"`

	Unchecked []UncheckedPart `json:"unchecked" doc:"patterns of its schemas that events are not held against"`
}

// document is a body that is handed on unread.
type document []byte

// Room implements rest.Roomy.
func (*document) Room() (bytes int64, depth int) { return catalogue.MaxFileBytes, event.MaxDepth }

type importInput struct {
	Format string   `query:"format" enum:"json-schema,openapi,pack" doc:"what the document is: the JSON Schema of one type, an OpenAPI 3 document whose webhooks (or x-webhooks) become types, or a file of types and rules as relay serve --catalogue reads it"`
	Name   string   `query:"name" doc:"the type's name, for json-schema; left out: the schema's title"`
	DryRun string   `query:"dryRun" enum:"false,true" default:"false" doc:"only say what would happen"`
	Body   document `body:"required" media:"application/json,application/yaml,application/x-yaml,text/yaml,application/schema+json,application/openapi+json,application/openapi+yaml"`
}

var docTypeImport = rest.Doc{ID: "importEventTypes", Tag: "Event types", Summary: "Import event types", Query: "format=openapi",
	Example: json.RawMessage(`{"openapi":"3.1.0","info":{"title":"Shop","version":"1"},"webhooks":{"order.paid":{"post":{"requestBody":{"content":{"application/json":{"schema":{"type":"object","properties":{"amount":{"type":"number"}}}}}}}}}}`),
	Text:    "From a document in JSON or YAML of up to 16 MiB, in YAML 8 MiB, all or nothing: only webhooks that cannot be types are skipped, with the reason. Types that are there get a new version if their schema differs. References into other documents are refused: nothing is fetched."}

func (a *API) typeImport(ctx context.Context, c *access.Principal, in *importInput) (*ImportedTypes, error) {
	var types []catalogue.Type
	var rules []catalogue.Rule
	if in.Name != "" && in.Format != "json-schema" {
		return nil, problem.MalformedField("query name", "is for the format json-schema: other documents name their types")
	}
	if in.Format == "" {
		return nil, problem.MalformedField("query format", "must be given: json-schema, openapi or pack")
	}
	work, err := a.Types.Importing(ctx, c.Tenant)
	if err != nil {
		return nil, err
	}
	defer work.End()
	var skipped []catalogue.Imported
	work.Aside(func() {
		switch in.Format {
		case "json-schema":
			var t catalogue.Type
			t, err = catalogue.ImportJSONSchema(work, in.Name, in.Body)
			types = []catalogue.Type{t}
		case "openapi":
			types, skipped, err = catalogue.ImportOpenAPI(work, in.Body)
		case "pack":
			types, rules, err = catalogue.ImportPack(work, in.Body)
		}
	})
	if err != nil {
		return nil, err
	}
	list, err := a.Types.Import(ctx, c, types, rules, in.DryRun == "true")
	if err != nil {
		return nil, err
	}
	answer := &ImportedTypes{DryRun: in.DryRun == "true", Types: []ImportedType{}, Rules: []string{}}
	for i, t := range append(list, skipped...) {
		one := ImportedType{Name: t.Name, Version: t.Version, Outcome: string(t.Outcome), Reason: t.Reason, Unchecked: []UncheckedPart{}}
		if i < len(types) {
			one.Unchecked = showUnchecked(&types[i])
		}
		answer.Types = append(answer.Types, one)
	}
	for i := range rules {
		answer.Rules = append(answer.Rules, rules[i].Name)
	}
	return answer, nil
}

// Catalogue is how a tenant's catalogue as a whole is treated.
type Catalogue struct {
	Validation string `json:"validation" enum:"off,warn,strict" doc:"for every type without a mode of its own; strict also refuses events of types that are not in the catalogue"`
	Types      int    `json:"types" doc:"how many there are, archived ones among them"`
	Rules      int    `json:"rules" doc:"how many derivation rules are on"`
}

var docCatalogueGet = rest.Doc{ID: "getCatalogue", Tag: "Event types", Summary: "Get the catalogue's settings"}

func (a *API) catalogueGet(_ context.Context, c *access.Principal, _ *rest.None) (*Catalogue, error) {
	v := &Catalogue{Validation: string(a.Types.Default(c.Tenant).Validation), Types: len(a.Types.List(c.Tenant))}
	for _, r := range a.Types.RuleList(c.Tenant) {
		if r.On {
			v.Rules++
		}
	}
	return v, nil
}

// UpdateCatalogue is the request to change the catalogue's settings.
type UpdateCatalogue struct {
	Validation rest.Opt[string] `json:"validation" enum:"off,warn,strict" default:"\"warn\""`
}

type updateCatalogueInput struct {
	Body UpdateCatalogue `body:"required"`
}

var docCatalogueUpdate = rest.Doc{ID: "updateCatalogue", Tag: "Event types", Summary: "Change the catalogue's settings"}

func (a *API) catalogueUpdate(ctx context.Context, c *access.Principal, in *updateCatalogueInput) (*Catalogue, error) {
	if v := in.Body.Validation; v.Given {
		err := a.Types.Set(ctx, c, catalogue.AllTypes, func(s *catalogue.Settings) { s.Validation = catalogue.Mode(v.Value) })
		if err != nil {
			return nil, err
		}
	}
	return a.catalogueGet(ctx, c, nil)
}
