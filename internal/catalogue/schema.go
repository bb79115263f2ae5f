package catalogue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/relay-events/relay/internal/problem"
)

// Limits of an external schema.
const (
	// MaxSchemaBytes bounds the text of one schema.
	MaxSchemaBytes = 256 << 10
	// maxSchemaNodes bounds the objects and arrays of a schema, because compiling takes quadratic
	// time.
	maxSchemaNodes = 5000
)

// checks compiles a type's schemas when they are first needed.
type checks struct {
	rawData, rawAttr []byte

	scan      sync.Once
	unchecked []Unchecked // valid after scan

	mu       sync.Mutex
	compiled atomic.Pointer[compiled] // nil if not compiled yet, or released
	used     atomic.Bool              // since the cache last considered releasing it
	patterns atomic.Int64             // the size of the compiled patterns, in instructions
	size     int64                    // the memory counted by the cache; guarded by its lock
}

// compiled holds both schemas of a type.
type compiled struct {
	data, attributes *schema // nil for none
	err              error
}

func newChecks(data, attributes []byte) *checks { return &checks{rawData: data, rawAttr: attributes} }

// compile compiles the schemas unless that was done before. The result includes the error.
func (c *checks) compile() *compiled {
	if done := c.ready(); done != nil {
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
	patterns := 0
	for _, s := range []*schema{done.data, done.attributes} {
		if s != nil {
			patterns += s.patterns
		}
	}
	c.patterns.Store(int64(patterns))
	c.compiled.Store(done)
	compiledSchemas.put(c, c.memory(patterns))
	return done
}

// ready returns the compiled schemas, or nil if they are not compiled.
func (c *checks) ready() *compiled {
	done := c.compiled.Load()
	if done != nil && !c.used.Load() { // unconditional writes would contend for the cache line
		c.used.Store(true)
	}
	return done
}

// compileWithin is compile within the work budget of a request.
func (c *checks) compileWithin(w *Work) (*compiled, error) {
	if done := c.ready(); done != nil {
		return done, nil
	}
	if err := w.begin(); err != nil {
		return nil, err
	}
	done := c.compile()
	w.chargeTenant((len(c.rawData) + len(c.rawAttr)) * compileSteps)
	return done, nil
}

// compileSteps is the cost of compiling a schema, in steps per byte.
const compileSteps = 8

// schema is a compiled JSON Schema.
type schema struct {
	sch   *jsonschema.Schema
	scope *resources
	// choices means that the schema has an anyOf or oneOf.
	choices bool
	fast    *fastNode // nil if the schema has no fast form
	// patterns is the size of its patterns, in instructions.
	patterns int
}

// noLoader rejects references to other documents. The library's default would read local files.
type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, errors.New("references to other documents are not followed")
}

// schemaURL is the library's address for a schema; it is never accessed.
const schemaURL = "relay:///schema"

// compileSchema compiles a JSON Schema, draft 4 to 2020-12. References must point into the schema
// itself. "format" is an assertion, not just an annotation, because authors of schemas expect
// "date-time" to be checked.
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
		if r := recover(); r != nil { // the library panicked on an unexpected schema
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

// compiler is the library's compiler, and the subschemas that it has compiled.
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
	// A vocabulary without keywords, which only collects every subschema.
	c.RegisterVocabulary(&jsonschema.Vocabulary{
		URL: "relay:///all",
		Compile: func(ctx *jsonschema.CompilerContext, _ map[string]any) (jsonschema.SchemaExt, error) {
			c.all = append(c.all, ctx.Enqueue(nil)) // the subschema being compiled
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

// plain rephrases the library's errors about a schema, without the library's internal address.
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

// againstMetaschema returns the violations of a schema against its draft, with the right places,
// which the library's own error lacks.
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

// notSchemas are keywords whose values are instances: a reference inside them is only data.
var notSchemas = []string{"const", "enum", "default", "examples", "example"}

// checkReferences rejects references to other documents, and schemas with too many nodes.
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
						return fmt.Errorf("%s: must point into the same schema, such as %q; other documents are not read", problem.Clip(at), "#/$defs/name")
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
