package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Schema is a JSON Schema (2020-12, as OpenAPI 3.1 uses it), as far as the types of this API need one.
type Schema struct {
	Ref         string `json:"$ref,omitempty"`
	Type        any    `json:"type,omitempty"` // a string, or two with "null"
	Description string `json:"description,omitempty"`
	Format      string `json:"format,omitempty"`
	Pattern     string `json:"pattern,omitempty"`
	Enum        []any  `json:"enum,omitempty"`
	Default     any    `json:"default,omitempty"`
	// Usual is the default of a member of a body. It is not called default, because generators take a member with a default
	// for one that is always there, and a request need not have it.
	Usual      any        `json:"x-default,omitempty"`
	Minimum    *int       `json:"minimum,omitempty"`
	Maximum    *int       `json:"maximum,omitempty"`
	MaxLength  *int       `json:"maxLength,omitempty"`
	MaxItems   *int       `json:"maxItems,omitempty"`
	Items      *Schema    `json:"items,omitempty"`
	Properties properties `json:"properties,omitempty"`
	Required   []string   `json:"required,omitempty"`
	// Additional is false, or the schema of members with any name.
	Additional any       `json:"additionalProperties,omitempty"`
	AnyOf      []*Schema `json:"anyOf,omitempty"`
	OneOf      []*Schema `json:"oneOf,omitempty"`
	Examples   []any     `json:"examples,omitempty"`
	// GoName is the name of a member in clients that oapi-codegen makes, where two names would become the same.
	GoName string `json:"x-go-name,omitempty"`
}

// properties keep the order of the Go fields: people read them.
type properties []property

type property struct {
	name   string
	schema *Schema
}

// MarshalJSON implements json.Marshaler.
func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, prop := range p {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.Quote(prop.name) + ":")
		s, err := json.Marshal(prop.schema)
		if err != nil {
			return nil, err
		}
		b.Write(s)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Schemas makes schemas of Go types and collects the named ones.
type Schemas struct {
	named   properties
	request bool // of requests: members may be left out, unknown ones may not
}

var rawMessage = reflect.TypeFor[json.RawMessage]()

// Of returns the schema of a type; a named struct becomes a reference.
func (s *Schemas) Of(t reflect.Type) *Schema {
	if c, ok := reflect.New(t).Interface().(Custom); ok {
		return c.Schema()
	}
	if c, ok := reflect.New(t).Interface().(Choice); ok {
		choice := &Schema{}
		for _, form := range c.Forms() {
			choice.OneOf = append(choice.OneOf, s.Of(reflect.TypeOf(form).Elem()))
		}
		return choice
	}
	if o, ok := reflect.New(t).Interface().(optional); ok {
		_, _, value := o.target()
		return nullable(s.Of(reflect.TypeOf(value).Elem()))
	}
	switch t.Kind() {
	case reflect.Pointer:
		return nullable(s.Of(t.Elem()))
	case reflect.String:
		return &Schema{Type: "string"}
	case reflect.Bool:
		return &Schema{Type: "boolean"}
	case reflect.Int, reflect.Int64:
		return &Schema{Type: "integer"}
	case reflect.Float64:
		return &Schema{Type: "number"}
	case reflect.Slice:
		if t == rawMessage {
			return &Schema{Description: "any JSON value"}
		}
		return &Schema{Type: "array", Items: s.Of(t.Elem())}
	case reflect.Map:
		return &Schema{Type: "object", Additional: s.Of(t.Elem())}
	case reflect.Struct:
		return s.reference(t)
	}
	panic("internal error: no schema for type " + t.String())
}

// reference returns a reference to the schema of a struct, which it makes when it is not there.
func (s *Schemas) reference(t reflect.Type) *Schema {
	name := t.Name()
	if i := strings.IndexByte(name, '['); i >= 0 { // list[…/api.Attempt]: AttemptList
		arg := strings.TrimSuffix(name[strings.LastIndexByte(name, '.')+1:], "]")
		name = arg + strings.ToUpper(name[:1]) + name[1:i]
	}
	if name == "" {
		return s.object(t)
	}
	name = strings.ToUpper(name[:1]) + name[1:]
	ref := &Schema{Ref: "#/components/schemas/" + name}
	if slices.ContainsFunc(s.named, func(p property) bool { return p.name == name }) {
		return ref
	}
	at := len(s.named)
	s.named = append(s.named, property{name: name}) // before its fields, which may refer to it
	s.named[at].schema = s.object(t)
	return ref
}

func (s *Schemas) object(t reflect.Type) *Schema {
	o := &Schema{Type: "object"}
	for _, f := range jsonFields(t) {
		member := s.field(f.typ, f.tag)
		member.Default, member.Usual = nil, member.Default
		if strings.HasPrefix(t.Name(), "Update") {
			member.Usual = nil // left out, it stays as it is
		}
		o.Properties = append(o.Properties, property{f.name, member})
		if s.request && f.required() || !s.request && !f.omit {
			o.Required = append(o.Required, f.name)
		}
	}
	if r, ok := reflect.New(t).Interface().(Requirer); ok {
		o.Required = r.Requires()
	}
	if _, open := reflect.New(t).Interface().(Tolerant); s.request && !open {
		o.Additional = false
	}
	return o
}

// Name adds a schema under a name and returns a reference to it. Code generators make a type of each name; of a schema
// without one, that is a choice, several make a type that loses its content.
func (s *Schemas) Name(name string, schema *Schema) *Schema {
	s.named = append(s.named, property{name, schema})
	return &Schema{Ref: "#/components/schemas/" + name}
}

// Tolerant marks a request whose unknown members are not refused: data of others, that we hand on.
type Tolerant interface{ Tolerant() }

// Requirer names the members a request must have that the domain insists on, where a struct shared with PATCH cannot say so.
type Requirer interface{ Requires() []string }

// field returns the schema of a field: its type's with what the tags say. The tags are doc, enum (separated by commas),
// default and example (JSON), min and max (of a number), maxItems, maxLength and goName.
func (s *Schemas) field(t reflect.Type, tag reflect.StructTag) *Schema {
	f := s.Of(t)
	if f.Ref != "" && tag.Get("doc") != "" { // in 3.1 words may stand beside a reference
		f = &Schema{Ref: f.Ref}
	}
	if doc := tag.Get("doc"); doc != "" {
		f.Description = doc
	}
	scalar := f
	if f.Items != nil {
		scalar = f.Items
	}
	if enum := tag.Get("enum"); enum != "" {
		for e := range strings.SplitSeq(enum, ",") {
			scalar.Enum = append(scalar.Enum, e)
		}
		if types, ok := scalar.Type.([]string); ok && slices.Contains(types, "null") {
			scalar.Enum = append(scalar.Enum, nil)
		}
	}
	if v := tag.Get("default"); v != "" {
		f.Default = jsonTag(v)
	}
	if v := tag.Get("example"); v != "" {
		f.Examples = []any{jsonTag(v)}
	}
	f.Minimum, f.Maximum = intTag(tag, "min"), intTag(tag, "max")
	f.MaxItems, f.MaxLength = intTag(tag, "maxItems"), intTag(tag, "maxLength")
	f.GoName = tag.Get("goName")
	return f
}

func jsonTag(v string) any {
	if !json.Valid([]byte(v)) {
		panic(fmt.Sprintf("internal error: struct tag %q is not JSON", v))
	}
	return json.RawMessage(v)
}

func intTag(tag reflect.StructTag, key string) *int {
	v := tag.Get(key)
	if v == "" {
		return nil
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		panic(fmt.Sprintf("internal error: struct tag %s:%q is not a number", key, v))
	}
	return &n
}

// nullable returns s, or null.
func nullable(s *Schema) *Schema {
	if t, ok := s.Type.(string); ok {
		s.Type = []string{t, "null"}
		return s
	}
	if s.Ref != "" {
		return &Schema{AnyOf: []*Schema{s, {Type: "null"}}}
	}
	if s.OneOf != nil {
		s.OneOf = append(s.OneOf, &Schema{Type: "null"})
	}
	return s
}
