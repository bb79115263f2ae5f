package client_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/client"
)

// schemaDoc is a JSON Schema of the API's document.
type schemaDoc struct {
	Ref        string `json:"$ref"`
	Type       any
	Format     string
	Pattern    string
	Enum       []any
	Items      *schemaDoc
	Properties map[string]*schemaDoc
	Required   []string
	Additional any `json:"additionalProperties"`
	AnyOf      []*schemaDoc
}

type operationDoc struct {
	OperationID string
	Parameters  []struct {
		Name, In string
		Schema   *schemaDoc
	}
	RequestBody struct {
		Content map[string]struct{ Schema *schemaDoc }
	}
	Responses map[string]struct {
		Content map[string]struct{ Schema *schemaDoc }
	}
}

// drift compares the client with the document of the API, knowing nothing of how the client is generated.
type drift struct {
	t       *testing.T
	schemas map[string]*schemaDoc
	seen    map[reflect.Type]bool
	request bool
}

// beyond are methods that are no operation of their own; pages of lists are the others.
var beyond = []string{"URL", "Publish", "PublishMany", "PublishStream"}

// TestClientCoversTheAPI: each operation has one method, each method an operation, and every struct that they take or
// return has exactly the members of its schema, of the same types.
func TestClientCoversTheAPI(t *testing.T) {
	raw, err := os.ReadFile("../internal/api/testdata/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths      map[string]map[string]*operationDoc
		Components struct{ Schemas map[string]*schemaDoc }
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	d := &drift{t: t, schemas: doc.Components.Schemas, seen: make(map[reflect.Type]bool)}
	left := make(map[string]reflect.Method)
	for m := range reflect.TypeFor[*client.Client]().Methods() {
		if !slices.Contains(beyond, m.Name) {
			left[strings.ToLower(m.Name)] = m
		}
	}
	operations := 0
	for path, methods := range doc.Paths {
		for verb, op := range methods {
			operations++
			name := strings.ToLower(op.OperationID)
			if op.OperationID == "publishEvents" {
				d.publishing(op)
				continue
			}
			m, ok := left[name]
			if !ok {
				t.Errorf("%s %s: the client has no method for the operation %s", strings.ToUpper(verb), path, op.OperationID)
				continue
			}
			delete(left, name)
			d.operation(op, m.Type)
			if p, ok := left[name+"page"]; ok {
				delete(left, name+"page")
				if p.Type.Out(0).Field(0).Type.Elem() != m.Type.Out(0).In(0).In(0) {
					t.Errorf("%s and its page differ in their entries", m.Name)
				}
			}
		}
	}
	delete(left, "do") // makes any call
	for _, m := range left {
		t.Errorf("method %s is no operation of the API", m.Name)
	}
	if operations < 70 || len(d.seen) < 80 {
		t.Errorf("looked at %d operations and %d structs: too few to be the API", operations, len(d.seen))
	}
}

// operation compares a method's arguments and results.
func (d *drift) operation(op *operationDoc, m reflect.Type) {
	var paths, strs int
	query := make(map[string]*schemaDoc)
	once := false
	for _, p := range op.Parameters {
		switch p.In {
		case "path":
			paths++
		case "query":
			query[strings.ToLower(p.Name)] = p.Schema
		}
		once = once || p.Name == "Idempotency-Key"
	}
	body := op.RequestBody.Content["application/json"].Schema
	in := false
	for i := 2; i < m.NumIn(); i++ { // after the client and the context
		switch arg := m.In(i); {
		case arg.Kind() == reflect.String:
			strs++
		case strings.HasSuffix(arg.Name(), "Params"):
			for f := range arg.Fields() {
				s, ok := query[strings.ToLower(f.Name)]
				if !ok {
					d.t.Errorf("%s: the field %s.%s is no parameter", op.OperationID, arg.Name(), f.Name)
					continue
				}
				delete(query, strings.ToLower(f.Name))
				if want := s.goKind(); f.Type.Kind() != reflect.Bool && f.Type != reflect.TypeFor[client.Opt[bool]]() && kindName(f.Type) != want {
					d.t.Errorf("%s: the field %s.%s is %v, want %s", op.OperationID, arg.Name(), f.Name, f.Type, want)
				}
			}
		case arg.Kind() == reflect.Struct:
			in, d.request = true, true
			if body == nil {
				d.t.Errorf("%s takes %v, but the operation has no body", op.OperationID, arg)
				continue
			}
			d.compare(op.OperationID, body, arg)
			d.request = false
		}
	}
	if body != nil && body.Ref == "" { // a document, with its media type
		in, paths = true, paths+1
	}
	if (body != nil) != in || strs != paths || len(query) != 0 || m.IsVariadic() != once {
		d.t.Errorf("%s: got %v, want %d path arguments, a body: %v, options: %v, and the parameters %v as well", op.OperationID, m, paths, body != nil, once, query)
	}
	for status, r := range op.Responses {
		if status[0] != '2' {
			continue
		}
		answer, isJSON := r.Content["application/json"]
		out := m.Out(0)
		switch {
		case len(r.Content) == 0:
			if m.NumOut() != 1 {
				d.t.Errorf("%s returns %v, want an error only", op.OperationID, out)
			}
		case !isJSON:
			if out.Name() != "ReadCloser" {
				d.t.Errorf("%s returns %v, want a reader", op.OperationID, out)
			}
		case out.Kind() == reflect.Func: // an iterator: func(yield func(T, error) bool)
			d.list(op.OperationID, answer.Schema, out.In(0).In(0))
		case out.Kind() == reflect.Slice && out != reflect.TypeFor[json.RawMessage]():
			d.list(op.OperationID, answer.Schema, out.Elem())
		default:
			d.compare(op.OperationID, answer.Schema, out)
		}
	}
}

func (d *drift) list(path string, s *schemaDoc, entry reflect.Type) {
	if s = d.resolve(s); s.Items != nil { // a bare array
		d.compare(path+"[]", s.Items, entry)
		return
	}
	data := s.Properties["data"]
	if data == nil {
		d.t.Errorf("%s is not a list", path)
		return
	}
	d.compare(path+"[]", data.Items, entry)
}

func (d *drift) resolve(s *schemaDoc) *schemaDoc {
	if s.Ref != "" {
		return d.schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	return s
}

// compare holds a type to a schema.
func (d *drift) compare(path string, s *schemaDoc, typ reflect.Type) {
	if get, ok := typ.MethodByName("Get"); ok && strings.HasPrefix(typ.Name(), "Opt[") {
		typ = get.Type.Out(0)
	}
	want, null := s.goKind(), s.null()
	if len(s.AnyOf) == 2 && s.AnyOf[1].null() {
		s, null, want = s.AnyOf[0], true, s.AnyOf[0].goKind()
	}
	pointer := typ.Kind() == reflect.Pointer
	if pointer {
		typ = typ.Elem()
	}
	if wantPointer := null && !d.request && slices.Contains([]string{"object", "int", "bool", "float64"}, want); pointer != wantPointer {
		d.t.Errorf("%s: got a pointer: %v, want %v", path, pointer, wantPointer)
	}
	if got := kindName(typ); got != want {
		d.t.Errorf("%s: got %v (%s), want %s", path, typ, got, want)
		return
	}
	switch want {
	case "array":
		d.compare(path+"[]", s.Items, typ.Elem())
	case "object":
		d.object(path, d.resolve(s), typ)
	}
}

func (d *drift) object(path string, s *schemaDoc, typ reflect.Type) {
	if d.seen[typ] || typ == reflect.TypeFor[client.NewEvent]() { // see publishing
		return
	}
	d.seen[typ] = true
	missing := make(map[string]bool)
	for name := range s.Properties {
		missing[name] = true
	}
	for f := range typ.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		p, ok := s.Properties[name]
		if !ok {
			d.t.Errorf("%s: %v.%s is no member of the schema", path, typ, f.Name)
			continue
		}
		delete(missing, name)
		d.compare(path+"."+name, p, f.Type)
		if leftOut := d.request && !slices.Contains(s.Required, name); leftOut != (options == "omitzero") {
			d.t.Errorf("%s.%s: can be left out: %v, want %v", path, name, options == "omitzero", leftOut)
		}
	}
	for name := range missing {
		d.t.Errorf("%s: %v lacks the member %s", path, typ, name)
	}
}

// publishing compares the methods and structs that are written by hand.
func (d *drift) publishing(op *operationDoc) {
	full := client.NewEvent{Type: "a.b", Data: 1, ID: "i", Time: time.Now(), Version: "v", Key: "k", Attributes: map[string]any{"a": 1}, DeliverAt: time.Now()}
	b, err := json.Marshal(full)
	if err != nil {
		d.t.Fatal(err)
	}
	var sent map[string]any
	if err := json.Unmarshal(b, &sent); err != nil {
		d.t.Fatal(err)
	}
	for name := range d.schemas["NewEvent"].Properties {
		if _, ok := sent[name]; !ok {
			d.t.Errorf("NewEvent: nothing sends the member %s", name)
		}
		delete(sent, name)
	}
	if len(sent) > 0 {
		d.t.Errorf("NewEvent: %v are no members of the schema", sent)
	}
	for _, r := range op.Responses {
		if s := r.Content["application/json"].Schema; s != nil && s.AnyOf != nil {
			d.compare("publishEvents", s.AnyOf[0], reflect.TypeFor[client.PublishedEvent]())
			d.compare("publishEvents", s.AnyOf[1], reflect.TypeFor[client.PublishedEvents]())
		}
	}
}

// null reports whether a schema allows null.
func (s *schemaDoc) null() bool {
	list, _ := s.Type.([]any)
	return s.Type == "null" || slices.Contains(list, any("null"))
}

// goKind returns the word of kindName for a schema.
func (s *schemaDoc) goKind() string {
	kind, _ := s.Type.(string)
	if list, ok := s.Type.([]any); ok {
		kind = fmt.Sprint(list[0])
	}
	additional, _ := s.Additional.(map[string]any)
	switch {
	case s.Ref != "":
		return "object"
	case kind == "string" && s.Format == "date-time":
		return "time"
	case kind == "string" && s.Pattern != "":
		return "duration"
	case kind == "integer":
		return "int"
	case kind == "boolean":
		return "bool"
	case kind == "number":
		return "float64"
	case kind == "object" && len(additional) > 0:
		return "map"
	case kind == "string" || kind == "array":
		return kind
	}
	return "any"
}

// kindName returns the kind of a Go type, in the words of goKind.
func kindName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t == reflect.TypeFor[client.Duration]():
		return "duration"
	case t == reflect.TypeFor[json.RawMessage](), t.Kind() == reflect.Interface:
		return "any"
	case t.Kind() == reflect.Slice:
		return "array"
	case t.Kind() == reflect.Struct:
		return "object"
	}
	return t.Kind().String()
}
