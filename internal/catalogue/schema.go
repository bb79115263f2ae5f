package catalogue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Bounds of a schema that comes from outside the binary.
const (
	// MaxSchemaBytes bounds the text of one schema.
	MaxSchemaBytes = 256 << 10
	// maxSchemaNodes bounds the objects and arrays of a schema: compiling takes time with their square.
	maxSchemaNodes = 5000
	// maxSteps bounds what validating one event may cost, in subschemas applied and values compared. A step takes up to a
	// microsecond and, where it fails, a few hundred bytes, so that the worst schema of a tenant takes a fraction of a second
	// and some ten megabytes; an array of 200,000 plain values, all that 1 MiB holds, passes. Of deep events fewer steps
	// are allowed, as each failure copies the path to it.
	maxSteps = 800_000
	// depthPerShare is how much deeper an event must be for its steps to be twice, three times … as dear.
	depthPerShare = 8
)

// checks compiles a type's schemas once, when they are first needed.
type checks struct {
	once             sync.Once
	rawData, rawAttr []byte
	guarded          bool

	data, attributes *schema // nil: none
	err              error
}

func newChecks(data, attributes []byte, guarded bool) *checks {
	return &checks{rawData: data, rawAttr: attributes, guarded: guarded}
}

// compile compiles the schemas unless that was done before, and returns what is wrong with them.
func (c *checks) compile() error {
	c.once.Do(func() {
		if len(c.rawData) > 0 {
			if c.data, c.err = compileSchema(c.rawData, c.guarded); c.err != nil {
				c.err = fmt.Errorf("schema: %w", c.err)
				return
			}
		}
		if len(c.rawAttr) > 0 {
			if c.attributes, c.err = compileSchema(c.rawAttr, c.guarded); c.err != nil {
				c.err = fmt.Errorf("attributesSchema: %w", c.err)
			}
		}
	})
	return c.err
}

// schema is a compiled JSON Schema.
type schema struct {
	sch   *jsonschema.Schema
	guard *guard    // nil for schemas of the binary, which are known to end
	fast  *fastNode // nil if the schema is not of the plain kind
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
func compileSchema(raw []byte, guarded bool) (s *schema, err error) {
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
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(noLoader{})
	c.AssertFormat()
	s = &schema{fast: compileFast(doc)}
	if guarded {
		s.guard = new(guard)
		c.RegisterVocabulary(s.guard.vocabulary())
		c.AssertVocabs()
	}
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, fmt.Errorf("reading: %w", plain(err))
	}
	if s.sch, err = c.Compile(schemaURL); err != nil {
		return nil, plain(err)
	}
	if guarded {
		s.guard.arm()
	}
	return s, nil
}

// plain takes the address that only the library knows out of its messages.
func plain(err error) error {
	var invalid *jsonschema.SchemaValidationError
	if errors.As(err, &invalid) {
		var broken *jsonschema.ValidationError
		if errors.As(invalid.Err, &broken) {
			list := violationsOf(broken, nil, "")
			if len(list) > 0 {
				at := strings.TrimPrefix(list[0].Path, ".")
				return fmt.Errorf("is not a valid JSON Schema: %s %s", orElse(at, "it"), list[0].Message)
			}
		}
		return errors.New("is not a valid JSON Schema")
	}
	return errors.New(strings.ReplaceAll(strings.ReplaceAll(err.Error(), schemaURL, ""), "jsonschema: ", ""))
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

// guard bounds what validating costs. JSON Schema can ask for work that doubles with each level of nesting, within a few
// hundred bytes, and the library has no limit of its own. The guard sits in each subschema's format check, which the
// library makes before it goes deeper, counts the work and breaks off by a panic that schema.validate catches.
//
// The count belongs to one validation at a time, hence the lock: events of one type of one tenant are checked one after
// another. Types of the binary have no guard.
type guard struct {
	mu    sync.Mutex
	left  int
	nodes []*jsonschema.Schema
}

// errTooMuch is the panic of a guard.
var errTooMuch = errors.New("too much work")

// vocabulary returns a vocabulary without keywords, whose purpose is to be shown every subschema.
func (g *guard) vocabulary() *jsonschema.Vocabulary {
	return &jsonschema.Vocabulary{
		URL: "relay:///guard",
		Compile: func(ctx *jsonschema.CompilerContext, _ map[string]any) (jsonschema.SchemaExt, error) {
			g.nodes = append(g.nodes, ctx.Enqueue(nil)) // the subschema that is being compiled
			return nil, nil
		},
	}
}

// arm puts the guard into the subschemas, once all are compiled.
func (g *guard) arm() {
	for _, s := range g.nodes {
		w := weigh(s)
		own := s.Format
		format := &jsonschema.Format{Validate: func(v any) error {
			g.spend(w.of(v))
			if own != nil {
				return own.Validate(v)
			}
			return nil
		}}
		if own != nil {
			format.Name = own.Name
		}
		s.Format = format
	}
	g.nodes = nil
}

func (g *guard) spend(n int) {
	if g.left -= n; g.left < 0 {
		panic(errTooMuch)
	}
}

// weight is what a subschema costs by itself, in steps.
type weight struct {
	fixed   int // for any value
	perName int // for each member of an object
	perItem int // for each element of an array
}

func (w weight) of(v any) int {
	switch v := v.(type) {
	case map[string]any:
		return w.fixed + len(v)*w.perName
	case []any:
		return w.fixed + len(v)*w.perItem
	case string:
		return w.fixed + len(v)/256 // patterns and formats read it
	}
	return w.fixed
}

// weigh adds up what a subschema does, and what its children do before their own guard is asked: type, const and enum.
func weigh(s *jsonschema.Schema) weight {
	early := func(c *jsonschema.Schema) int {
		switch {
		case c == nil:
			return 0
		case c.Enum != nil:
			return 1 + len(c.Enum.Values)
		}
		return 1
	}
	w := weight{fixed: early(s), perName: 1, perItem: 1}
	for _, list := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf, {s.Ref, s.Not, s.If, s.Then, s.Else, s.RecursiveRef}} {
		for _, c := range list {
			w.fixed += early(c)
		}
	}
	w.fixed += len(s.Required) + len(s.DependentRequired) + len(s.DependentSchemas) + len(s.Dependencies)
	for _, c := range s.Properties {
		w.perName = max(w.perName, 1+early(c))
	}
	for _, c := range s.PatternProperties {
		w.perName += 1 + early(c)
	}
	w.perName += early(s.PropertyNames) + early(s.UnevaluatedProperties)
	if c, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		w.perName += early(c)
	}
	w.perItem += early(s.Items2020) + early(s.Contains) + early(s.UnevaluatedItems)
	if c, ok := s.Items.(*jsonschema.Schema); ok {
		w.perItem += early(c)
	}
	for _, c := range s.PrefixItems {
		w.perItem = max(w.perItem, 1+early(c))
	}
	if s.UniqueItems {
		w.perItem += 4
	}
	return w
}
