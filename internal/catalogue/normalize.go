package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/problem"
)

// normalize checks an external type and fills in its defaults. The errors are problems that name
// the field.
func (t *Type) normalize() error {
	t.normalized = false
	if err := event.CheckType(t.Name); err != nil {
		return problem.InvalidField("name", "%v", err)
	}
	if err := checkPublic(t.Name); err != nil {
		return problem.InvalidField("name", "%v", err)
	}
	if t.Version == "" {
		t.Version = DefaultVersion
	}
	if len(t.Version) > event.MaxVersionBytes {
		return problem.InvalidField("version", "must have at most %d bytes, got %d", event.MaxVersionBytes, len(t.Version))
	}
	for _, f := range []struct{ name, text string }{{"description", t.Description}, {"fires", t.Fires}} {
		if len(f.text) > maxDescription {
			return problem.InvalidField(f.name, "must have at most %d bytes, got %d", maxDescription, len(f.text))
		}
	}
	if len(t.Aliases) > maxAliases {
		return problem.InvalidField("aliases", "must be at most %d, got %d", maxAliases, len(t.Aliases))
	}
	for i, alias := range t.Aliases {
		if err := event.CheckType(alias); err != nil {
			return problem.InvalidField("aliases", "%v", err)
		}
		if err := checkPublic(alias); err != nil {
			return problem.InvalidField("aliases", "%v", err)
		}
		if alias == t.Name || slices.Contains(t.Aliases[:i], alias) {
			return problem.InvalidField("aliases", "must not have %q twice", alias)
		}
	}
	for _, f := range []struct {
		name string
		raw  *json.RawMessage
		most int
	}{
		{"schema", &t.Schema, MaxSchemaBytes}, {"attributesSchema", &t.AttributesSchema, MaxSchemaBytes},
		{"example", &t.Example, maxExampleBytes}, {"exampleAttributes", &t.ExampleAttributes, event.MaxAttributeBytes},
	} {
		raw := bytes.TrimSpace(*f.raw)
		if len(raw) == 0 || f.name != "example" && string(raw) == "null" {
			*f.raw = nil
			continue
		}
		if len(raw) > f.most {
			return problem.InvalidField(f.name, "must have at most %d bytes, got %d", f.most, len(raw))
		}
		if err := rawjson.Check(raw, rawjson.Limits{Depth: event.MaxDepth}); err != nil {
			return problem.InvalidField(f.name, "%v", err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			return problem.InvalidField(f.name, "is not valid JSON")
		}
		*f.raw = bytes.Clone(compact.Bytes())
	}
	if t.ExampleAttributes != nil && t.ExampleAttributes[0] != '{' {
		return problem.InvalidField("exampleAttributes", "must be an object")
	}
	if c := t.checks; c == nil || !bytes.Equal(c.rawData, t.Schema) || !bytes.Equal(c.rawAttr, t.AttributesSchema) {
		t.checks = newChecks(t.Schema, t.AttributesSchema)
	}
	if err := t.checks.compile().err; err != nil {
		field, reason, _ := strings.Cut(err.Error(), ": ")
		return problem.InvalidField(field, "%s", reason)
	}
	if t.Example == nil {
		t.Example, t.Sketch = fittingSample(t.Schema, func(data json.RawMessage) bool { return len(t.Validate(data, nil)) == 0 })
	} else if list := t.Validate(t.Example, t.ExampleAttributes); len(list) > 0 && !t.Sketch {
		return problem.InvalidField("example", "must fit the schema: %s", list[0])
	}
	if t.Fires == "" {
		t.Fires = defaultFires(t.Name)
	}
	if t.Description == "" {
		t.Description = "An event of the application."
	}
	t.normalized = true
	return nil
}

// checkPublic rejects the names of events that Relay itself publishes.
func checkPublic(name string) error {
	if strings.HasPrefix(name, event.OperationalPrefix) {
		return fmt.Errorf("must not begin with %q: Relay itself publishes those", event.OperationalPrefix)
	}
	return nil
}
