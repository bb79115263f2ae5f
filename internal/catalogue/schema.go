package catalogue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Bounds of a schema that comes from outside the binary.
const (
	// MaxSchemaBytes bounds the text of one schema.
	MaxSchemaBytes = 256 << 10
	// maxSchemaNodes bounds the objects and arrays of a schema: compiling takes time with their square.
	maxSchemaNodes = 5000
)

// checks compiles a type's schemas when they are first needed.
type checks struct {
	rawData, rawAttr []byte

	scan      sync.Once
	unchecked []Unchecked // once scanned

	mu       sync.Mutex
	compiled atomic.Pointer[compiled] // nil: not yet, or let go
}

// compiled is both schemas of a type.
type compiled struct {
	data, attributes *schema // nil: none
	err              error
}

func newChecks(data, attributes []byte) *checks { return &checks{rawData: data, rawAttr: attributes} }

// compile compiles the schemas unless that was done before. What is wrong with them is in the result.
func (c *checks) compile() *compiled {
	if done := c.compiled.Load(); done != nil {
		return done
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if done := c.compiled.Load(); done != nil {
		return done
	}
	done := new(compiled)
	for _, f := range []struct {
		name string
		raw  []byte
		into **schema
	}{{"schema", c.rawData, &done.data}, {"attributesSchema", c.rawAttr, &done.attributes}} {
		if len(f.raw) == 0 || done.err != nil {
			continue
		}
		s, err := compileSchema(f.raw)
		if err != nil {
			done.err = fmt.Errorf("%s: %w", f.name, err)
			continue
		}
		*f.into = s
	}
	c.compiled.Store(done)
	return done
}

// compileWithin is compile within the work of a request.
func (c *checks) compileWithin(w *Work) (*compiled, error) {
	if done := c.compiled.Load(); done != nil {
		return done, nil
	}
	if err := w.begin(); err != nil {
		return nil, err
	}
	done := c.compile()
	w.owe((len(c.rawData) + len(c.rawAttr)) * compileSteps)
	return done, nil
}

// compileSteps is what compiling a schema costs, in steps for each byte of it.
const compileSteps = 8

// schema is a compiled JSON Schema.
type schema struct {
	sch   *jsonschema.Schema
	scope *resources
	// choices tells that it has an anyOf or oneOf.
	choices bool
	fast    *fastNode // nil if the schema is not of the plain kind
	// patterns is the size of its patterns, in instructions.
	patterns int
}

// noLoader refuses every reference out of a schema. The library's default would read local files.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, errors.New("references to other documents are not followed")
}

// schemaURL is where a schema lives for the library; nothing ever looks there.
const schemaURL = "relay:///schema"

// compileSchema compiles a JSON Schema, draft 4 to 2020-12. References must point into the schema itself. Formats are
// asserted ("format" is no mere annotation): people who write "date-time" into a schema expect it to be looked at.
func compileSchema(raw []byte) (s *schema, err error) {
	if len(raw) > MaxSchemaBytes {
		return nil, fmt.Errorf("must have at most %d bytes, got %d", MaxSchemaBytes, len(raw))
	}
	doc, err := decode(raw)
	if err != nil {
		return nil, err
	}
	switch doc.(type) {
	case map[string]any, bool:
	default:
		return nil, errors.New("must be an object or a boolean")
	}
	nodes := 0
	if err := checkReferences(doc, "", &nodes); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil { // the library was handed something it was not made for
			s, err = nil, errors.New("cannot be compiled")
		}
	}()
	s = &schema{fast: compileFast(doc)}
	var ps patterns
	if _, err = ps.scan(doc, "#", inner, nil); err != nil {
		return nil, err
	}
	s.patterns = ps.size
	c := newCompiler(&ps)
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, fmt.Errorf("reading: %w", plain(err, doc))
	}
	s.sch, s.scope, s.choices, err = c.compile(schemaURL)
	if err != nil {
		return nil, plain(err, doc)
	}
	return s, nil
}

// compiler is the library's, with the subschemas that it has compiled.
type compiler struct {
	*jsonschema.Compiler
	all []*jsonschema.Schema
}

func newCompiler(ps *patterns) *compiler {
	c := &compiler{Compiler: jsonschema.NewCompiler()}
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	c.AssertFormat()
	registerFormats(c.Compiler)
	c.UseRegexpEngine(ps.engine)
	// A vocabulary without keywords, whose purpose is to be shown every subschema.
	c.RegisterVocabulary(&jsonschema.Vocabulary{
		URL: "relay:///all",
		Compile: func(ctx *jsonschema.CompilerContext, _ map[string]any) (jsonschema.SchemaExt, error) {
			c.all = append(c.all, ctx.Enqueue(nil)) // the subschema that is being compiled
			return nil, nil
		},
	})
	c.AssertVocabs()
	return c
}

func (c *compiler) compile(url string) (s *jsonschema.Schema, scope *resources, choices bool, err error) {
	if s, err = c.Compile(url); err != nil {
		return nil, nil, false, err
	}
	for _, one := range c.all {
		if one.Format != nil && one.Format.Name == "regex" {
			one.Format = regexFormat
		}
		choices = choices || len(one.AnyOf)+len(one.OneOf) > 0
	}
	scope = newResources(c.all)
	c.all = nil
	return s, scope, choices, nil
}

// plain puts the library's errors about a schema into words, without the address that only the library knows.
func plain(err error, doc any) error {
	var invalid *jsonschema.SchemaValidationError
	if errors.As(err, &invalid) {
		if list := againstMetaschema(doc); len(list) > 0 {
			at := strings.TrimPrefix(list[0].Path, ".")
			return fmt.Errorf("is not a valid JSON Schema: %s %s", orElse(at, "it"), list[0].Message)
		}
		return errors.New("is not a valid JSON Schema")
	}
	return errors.New(strings.ReplaceAll(strings.ReplaceAll(err.Error(), schemaURL, ""), "jsonschema: ", ""))
}

// againstMetaschema returns what a schema violates of its draft, at the right places, which the library's own error lacks.
func againstMetaschema(doc any) []Violation {
	url := draft2020
	if m, is := doc.(map[string]any); is {
		if own, is := m["$schema"].(string); is {
			url = own
		}
	}
	meta := new(schema)
	var err error
	if meta.sch, meta.scope, meta.choices, err = newCompiler(new(patterns)).compile(url); err != nil {
		return nil
	}
	return meta.judge(nil, doc, "")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// notSchemas are keywords whose values are instances: what looks like a reference in them is data.
var notSchemas = []string{"const", "enum", "default", "examples", "example"}

// checkReferences refuses references that leave the schema, and schemas with too many nodes.
func checkReferences(v any, path string, nodes *int) error {
	if *nodes++; *nodes > maxSchemaNodes {
		return fmt.Errorf("must have at most %d objects and arrays", maxSchemaNodes)
	}
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			at := path + "/" + name
			if text, ok := member.(string); ok {
				switch name {
				case "$ref", "$dynamicRef", "$recursiveRef":
					if !strings.HasPrefix(text, "#") {
						return fmt.Errorf("%s: must point into the same schema, as %q does; other documents are not read", clip(at), "#/$defs/name")
					}
				}
				continue
			}
			if slices.Contains(notSchemas, name) {
				continue
			}
			if err := checkReferences(member, at, nodes); err != nil {
				return err
			}
		}
	case []any:
		for i, element := range v {
			switch element.(type) {
			case map[string]any, []any:
				if err := checkReferences(element, fmt.Sprintf("%s/%d", path, i), nodes); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
