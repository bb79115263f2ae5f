package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/problem"
)

// MaxImport bounds the types of one import.
const MaxImport = 1000

// ImportJSONSchema creates a type from a JSON Schema document, in JSON or YAML. If name is empty,
// it uses the schema's title, if that is a valid name. It takes description and example from the
// schema if present. The errors are problems; their field names begin with "schema".
func ImportJSONSchema(w *Work, name string, document []byte) (Type, error) {
	doc, err := importable(document)
	if err != nil {
		return Type{}, err
	}
	title := textAt(doc, "title")
	if name == "" {
		name = title
	}
	t := Type{Name: name, Description: orElse(textAt(doc, "description"), title), Schema: doc, Example: exampleAt(doc)}
	return t, (&importing{work: w}).take(&t)
}

// importable converts a document to JSON.
func importable(document []byte) ([]byte, error) {
	if len(document) > MaxFileBytes {
		return nil, problem.New(problem.TooLarge, "the document must have at most %d bytes, got %d", MaxFileBytes, len(document))
	}
	doc, err := toJSON(document)
	if err != nil {
		return nil, problem.MalformedField("document", "%v", err)
	}
	if doc[0] != '{' {
		return nil, problem.InvalidField("document", "must be an object")
	}
	return doc, nil
}

// imported checks a type like one written by a tenant, but replaces an example that does not fit,
// because examples in external documents are often only sketches.
func (t *Type) imported() error {
	err := t.normalize()
	if err != nil && t.Example != nil {
		t.Example, t.ExampleAttributes = nil, nil
		err = t.normalize()
	}
	return err
}

// Limits of one import. A short document can expand to a large one, because references are expanded
// for each type.
const (
	maxImportBytes    = 16 << 20 // of schemas
	maxImportNodes    = 200_000  // objects and arrays in them
	maxImportPatterns = 200_000  // instructions of their patterns
)

// importing totals the resources used by the types of an import.
type importing struct {
	work                   *Work // nil for unlimited time
	bytes, nodes, patterns int
	last                   *checks // of the type before; webhooks of a document often share a schema
}

// take checks a type with imported, keeps none of its compiled schemas, and rejects it if the
// import has become too large. Types are checked one after the other, at the pace of the tenant's
// share of work, until the request ends.
func (im *importing) take(t *Type) error { return im.takeBy(t, t.imported) }

// takeStrict is like take, for a type whose example must fit.
func (im *importing) takeStrict(t *Type) error { return im.takeBy(t, t.normalize) }

// checkLabels applies to texts for people the same rules as the API.
func (t *Type) checkLabels() error {
	for _, f := range []struct{ name, text string }{{"description", t.Description}, {"fires", t.Fires}} {
		if err := event.CheckLabel(f.text, true); err != nil {
			return problem.InvalidField(f.name, "%v", err)
		}
	}
	return nil
}

func (im *importing) takeBy(t *Type, check func() error) error {
	for _, raw := range [][]byte{t.Schema, t.AttributesSchema} {
		im.bytes += len(raw)
		im.nodes += bytes.Count(raw, []byte("{")) + bytes.Count(raw, []byte("["))
	}
	if err := im.check(); err != nil {
		return err
	}
	if err := t.checkLabels(); err != nil {
		return err
	}
	if err := im.work.begin(); err != nil {
		return err
	}
	t.checks = im.last
	err := check()
	if c := t.checks; c != nil && c != im.last {
		im.last = c
		im.work.chargeTenant((len(t.Schema) + len(t.AttributesSchema) + 100) * compileSteps)
		im.patterns += int(c.patterns.Load())
	}
	if t.checks != nil {
		t.checks = newChecks(t.Schema, t.AttributesSchema)
	}
	if err != nil {
		return err
	}
	return im.check()
}

func (im *importing) check() error {
	for _, b := range []struct {
		got, most int
		what      string
	}{{im.bytes, maxImportBytes, "bytes"}, {im.nodes, maxImportNodes, "objects and arrays"}, {im.patterns, maxImportPatterns, "instructions in their patterns"}} {
		if b.got > b.most {
			if im.work != nil {
				im.work.meter.stats.Size.Add(1)
			}
			return problem.New(problem.TooLarge, "the schemas of one import must have at most %d %s together, with what they refer to: import fewer types at a time", b.most, b.what)
		}
	}
	return nil
}

// endsImport distinguishes errors that end the whole import from errors of one type.
func endsImport(err error) bool {
	k := problem.KindOf(err)
	return k != problem.Invalid && k != problem.Malformed
}

// ImportOpenAPI creates types from the webhooks of an OpenAPI 3 document (webhooks, or x-webhooks),
// in JSON or YAML, in order. The name of a webhook, without a leading slash, becomes the type's
// name, and the body it sends is the data. Referenced schemas are included; references to other
// documents are not followed. Webhooks that cannot become types are skipped, with the reason. The
// errors are problems that name the place in the document.
func ImportOpenAPI(w *Work, document []byte) (types []Type, skipped []Imported, err error) {
	doc, err := importable(document)
	if err != nil {
		return nil, nil, err
	}
	version := textAt(doc, "openapi")
	if v, ok := rawjson.Pick(doc, "openapi"); ok && v.Kind == rawjson.Number { // YAML's 3.1 without quotes
		version = string(v.Raw)
	}
	if !strings.HasPrefix(version, "3.") {
		return nil, nil, problem.InvalidField("openapi", "must be a version 3, got %q", problem.Clip(version))
	}
	webhooks, ok := rawjson.Pick(doc, "webhooks")
	if !ok {
		webhooks, ok = rawjson.Pick(doc, "x-webhooks")
	}
	if !ok || webhooks.Kind != rawjson.Object {
		return nil, nil, problem.InvalidField("webhooks", "must be given, or x-webhooks: an object of path items")
	}
	im := importing{work: w}
	seen := make(map[string]bool)
	var first error // the first error that skipped a webhook
	err = rawjson.Members(webhooks.Raw, rawjson.Limits{Depth: event.MaxDepth}, func(name []byte, v rawjson.Value) error {
		if len(types)+len(skipped) == MaxImport {
			return problem.InvalidField("webhooks", "must be at most %d", MaxImport)
		}
		typeName := strings.TrimPrefix(string(name), "/")
		o := openAPI{doc: doc, at: "webhooks" + memberOf(string(name)), old: strings.HasPrefix(version, "3.0"), imports: &im}
		t, err := o.webhook(typeName, v.Raw)
		switch {
		case err != nil && endsImport(err):
			return err
		case err != nil:
			if first == nil {
				first = err
			}
			skipped = append(skipped, Imported{Name: string(name), Outcome: Skipped, Reason: err.Error()})
		case seen[t.Name]:
			skipped = append(skipped, Imported{Name: string(name), Outcome: Skipped, Reason: fmt.Sprintf("the document has another webhook for the type %s", t.Name)})
		default:
			seen[t.Name] = true
			types = append(types, t)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	switch {
	case len(types)+len(skipped) == 0:
		return nil, nil, problem.InvalidField("webhooks", "must have at least one")
	case len(types) == 0:
		return nil, nil, first
	}
	return types, skipped, nil
}

// openAPI reads one webhook of a document.
type openAPI struct {
	doc     []byte
	at      string // place in the document, for errors
	old     bool   // OpenAPI 3.0, whose schemas differ from JSON Schema
	imports *importing
}

func (o *openAPI) invalid(format string, args ...any) error {
	return problem.InvalidField(o.at, format, args...)
}

// resolve follows references of objects other than schemas.
func (o *openAPI) resolve(raw []byte) ([]byte, error) {
	const most = 5
	for range most {
		v, ok := rawjson.Pick(raw, "$ref")
		if !ok {
			return raw, nil
		}
		ref, _ := v.String()
		if raw, ok = pointer(o.doc, ref); !ok {
			return nil, o.invalid("has the reference %q, which is not found in the document; other documents are not read", problem.Clip(ref))
		}
	}
	return nil, o.invalid("has more than %d references in a row", most)
}

func (o *openAPI) webhook(name string, item []byte) (Type, error) {
	if err := event.CheckType(name); err != nil {
		return Type{}, o.invalid("%v", err)
	}
	item, err := o.resolve(item)
	if err != nil {
		return Type{}, err
	}
	var operation rawjson.Value
	for _, method := range []string{"post", "put", "patch", "get", "delete"} {
		if v, ok := rawjson.Pick(item, method); ok {
			operation = v
			break
		}
	}
	if operation.Kind != rawjson.Object {
		return Type{}, o.invalid("must have an operation, such as post")
	}
	t := Type{Name: name}
	for _, from := range [][]byte{operation.Raw, item} {
		t.Description = orElse(t.Description, orElse(textAt(from, "description"), textAt(from, "summary")))
	}
	if v, ok := rawjson.Pick(operation.Raw, "deprecated"); ok {
		t.Deprecated = string(v.Raw) == "true"
	}
	if body, ok := rawjson.Pick(operation.Raw, "requestBody"); ok {
		raw, err := o.resolve(body.Raw)
		if err != nil {
			return Type{}, err
		}
		if media := jsonMedia(raw); media != nil {
			if schema, ok := rawjson.Pick(media, "schema"); ok {
				if t.Schema, err = o.schema(schema.Raw); err != nil {
					return Type{}, err
				}
				t.Example = exampleAt(schema.Raw)
				if target, err := o.resolve(schema.Raw); t.Example == nil && err == nil {
					t.Example = exampleAt(target)
				}
			}
			if x := exampleAt(media); x != nil {
				t.Example = x
			}
		}
	}
	if err := o.imports.take(&t); err != nil {
		if endsImport(err) {
			return Type{}, err
		}
		return Type{}, inItem(err, true, name)
	}
	return t, nil
}

// jsonMedia returns the media type object for JSON in a request body, or nil.
func jsonMedia(body []byte) (media []byte) {
	content, ok := rawjson.Pick(body, "content")
	if !ok || content.Kind != rawjson.Object {
		return nil
	}
	_ = rawjson.Members(content.Raw, rawjson.Limits{Depth: event.MaxDepth}, func(name []byte, v rawjson.Value) error {
		essence, _, _ := strings.Cut(string(name), ";")
		essence = strings.ToLower(strings.TrimSpace(essence))
		if media == nil && (essence == "application/json" || strings.HasSuffix(essence, "+json") || essence == "*/*") {
			media = v.Raw
		}
		return nil
	})
	return media
}

// textAt returns the member if it is a string, else "".
func textAt(raw []byte, name string) string {
	v, ok := rawjson.Pick(raw, name)
	if !ok {
		return ""
	}
	s, _ := v.String()
	return s
}

// exampleAt returns the example of a schema or a media type object: example, the first of a list of
// examples, or the value of the first of OpenAPI's named examples.
func exampleAt(raw []byte) json.RawMessage {
	if v, ok := rawjson.Pick(raw, "example"); ok {
		return json.RawMessage(v.Raw)
	}
	v, ok := rawjson.Pick(raw, "examples")
	if !ok {
		return nil
	}
	switch v.Kind {
	case rawjson.Array:
		return firstOf(v.Raw)
	case rawjson.Object:
		var out json.RawMessage
		_ = rawjson.Members(v.Raw, rawjson.Limits{Depth: event.MaxDepth}, func(_ []byte, v rawjson.Value) error {
			if value, ok := rawjson.Pick(v.Raw, "value"); ok && out == nil {
				out = json.RawMessage(value.Raw)
			}
			return nil
		})
		return out
	}
	return nil
}

// convertKeyword converts a keyword of an OpenAPI 3.0 schema to JSON Schema; an empty member means
// to drop it. ok is false if the keyword stays as it is. These schemas have nullable, and flags
// that make bounds exclusive (3.0.3, section 4.7.24).
func convertKeyword(schema []byte, key string, v rawjson.Value) (member []byte, ok bool) {
	flag := func(name string) bool {
		f, has := rawjson.Pick(schema, name)
		return has && string(f.Raw) == "true"
	}
	switch key {
	case "nullable":
		return nil, true
	case "type":
		if v.Kind == rawjson.String && flag("nullable") {
			return fmt.Appendf(nil, `"type":[%s,"null"]`, v.Raw), true
		}
	case "enum":
		if v.Kind == rawjson.Array && flag("nullable") && len(elementsOf(v.Raw)) > 0 && !slices.ContainsFunc(elementsOf(v.Raw), func(e []byte) bool { return string(e) == "null" }) {
			return append(append([]byte(`"enum":`), v.Raw[:len(v.Raw)-1]...), ",null]"...), true
		}
	case "exclusiveMinimum", "exclusiveMaximum":
		return nil, v.Kind == rawjson.Bool
	case "minimum", "maximum":
		exclusive := "exclusiveM" + key[1:]
		if flag(exclusive) {
			return fmt.Appendf(nil, `"%s":%s`, exclusive, v.Raw), true
		}
	}
	return nil, false
}

const (
	components = "#/components/schemas/"
	defs       = "#/$defs/"
)

// componentName matches the component names that OpenAPI allows (3.1.0, section 4.8.7).
var componentName = regexp.MustCompile(`^[a-zA-Z0-9._-]+$`)

// schema returns a schema of the document as a self-contained schema: components that it
// references, directly or indirectly, become its $defs. The order of members is preserved.
func (o *openAPI) schema(raw []byte) (json.RawMessage, error) {
	if raw[0] != '{' { // true or false
		return raw, nil
	}
	m := mover{openAPI: o}
	out, err := m.rewrite(nil, raw, outermost)
	if err != nil {
		return nil, err
	}
	if len(m.needed) == 0 {
		return out, nil
	}
	out = out[:len(out)-1]
	if len(out) > 1 {
		out = append(out, ',')
	}
	out = append(out, `"$defs":{`...)
	for i := 0; i < len(m.needed); i++ { // grows during the loop
		name := m.needed[i]
		component, ok := pointer(o.doc, components+name)
		if !ok {
			return nil, o.invalid("has the reference %q, which is not found in the document", problem.Clip(components+name))
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(rawjson.AppendQuoted(out, name), ':')
		if out, err = m.rewrite(out, component, inner); err != nil {
			return nil, err
		}
		if len(out) > MaxSchemaBytes { // before the next one is appended
			return nil, o.invalid("has a schema of more than %d bytes, with what it refers to", MaxSchemaBytes)
		}
	}
	return append(out, "}}"...), nil
}

// place classifies an object that the mover visits.
type place int

const (
	outermost place = iota // the schema that becomes the type's
	inner                  // a schema
	byName                 // an object whose members are schemas, whatever their names
)

// namedSchemas are the keywords whose value is an object of schemas.
var namedSchemas = []string{"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}

// mover rewrites references to components and collects the components.
type mover struct {
	*openAPI
	needed []string
}

// rewrite appends the schema raw to dst. It drops $defs and $id of the outermost schema, because
// references to them would mean the OpenAPI document, not the schema.
func (m *mover) rewrite(dst, raw []byte, at place) ([]byte, error) {
	switch raw[0] {
	case '{':
		start := len(dst)
		dst = append(dst, '{')
		err := rawjson.Members(raw, rawjson.Limits{Depth: event.MaxDepth}, func(name []byte, v rawjson.Value) error {
			key := string(name)
			if m.old && at != byName {
				if replaced, ok := convertKeyword(raw, key, v); ok {
					if len(replaced) > 0 {
						if len(dst) > start+1 {
							dst = append(dst, ',')
						}
						dst = append(dst, replaced...)
					}
					return nil
				}
			}
			if at == outermost && (key == "$defs" || key == "$id") {
				return nil
			}
			if len(dst) > start+1 {
				dst = append(dst, ',')
			}
			dst = append(rawjson.AppendQuoted(dst, key), ':')
			if at != byName && key == "$ref" && v.Kind == rawjson.String {
				ref, _ := v.String()
				name, ok := strings.CutPrefix(ref, components)
				name, rest, deeper := strings.Cut(name, "/")
				if !ok || !componentName.MatchString(name) {
					return m.invalid("has the reference %q; only those to %s are read", problem.Clip(ref), components)
				}
				if !slices.Contains(m.needed, name) {
					m.needed = append(m.needed, name)
				}
				if deeper {
					name += "/" + rest
				}
				dst = rawjson.AppendQuoted(dst, defs+name)
				return nil
			}
			if at != byName && slices.Contains(notSchemas, key) {
				dst = append(dst, v.Raw...)
				return nil
			}
			next := inner
			if at != byName && slices.Contains(namedSchemas, key) {
				next = byName
			}
			var err error
			dst, err = m.rewrite(dst, v.Raw, next)
			return err
		})
		if err != nil {
			return nil, err
		}
		return append(dst, '}'), nil
	case '[':
		start := len(dst)
		dst = append(dst, '[')
		err := rawjson.Elements(raw, rawjson.Limits{Depth: event.MaxDepth}, func(_ int, v rawjson.Value) (err error) {
			if len(dst) > start+1 {
				dst = append(dst, ',')
			}
			dst, err = m.rewrite(dst, v.Raw, inner)
			return err
		})
		if err != nil {
			return nil, err
		}
		return append(dst, ']'), nil
	}
	return append(dst, raw...), nil
}
