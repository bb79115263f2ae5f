// Package catalogue describes event types: their names, when their events are published, the schema
// and an example of each, and which events are derived from others.
//
// Types come in packs, which are data files in the binary (folder packs), from the operator's file
// (ReadFile), and from tenants (Registry). Types without a description are equally valid: the
// catalogue only decides which types may be published if a tenant asks for that (Mode Strict).
//
// Schemas serve documentation, test payloads and Type.Validate. The packs' schemas never reject
// additional properties: readers of events must be tolerant, as push-events-catalogue.txt demands,
// so checks of events must be as well.
package catalogue

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// DefaultVersion is the version of a type that does not state one.
const DefaultVersion = "1"

// Type describes one event type. A *Type returned by the Registry is immutable.
type Type struct {
	Name        string `json:"name"`        // "call.completed"
	Version     string `json:"version"`     // of the schema: "1"
	Description string `json:"description"` // what happened, and the use of the event
	Fires       string `json:"fires"`       // when the event is published
	// Aliases are other names by which documents or publishers know the type.
	Aliases []string `json:"aliases,omitempty"`
	// Schema is the JSON Schema of the data (2020-12 unless it declares another draft), nil for
	// none.
	Schema json.RawMessage `json:"schema,omitempty"`
	// AttributesSchema is the JSON Schema of the attributes, nil for none.
	AttributesSchema json.RawMessage `json:"attributesSchema,omitempty"`
	// ExampleID, ExampleTime and ExampleAttributes complete the example if a document prints them;
	// zero otherwise.
	ExampleID         string          `json:"exampleId,omitempty"`
	ExampleTime       time.Time       `json:"exampleTime,omitzero"`
	ExampleAttributes json.RawMessage `json:"exampleAttributes,omitempty"`
	// Example is the data of an example event, never nil in a type of the catalogue.
	Example json.RawMessage `json:"example"`

	// Pack is the pack to which the type belongs, such as "calls"; empty for a tenant's own type.
	Pack string `json:"-"`
	// Validation says how events that violate the schemas are treated. Types and Lookup leave it
	// empty, which means the default, Warn; the Registry sets it.
	Validation Mode `json:"-"`
	// Deprecated types may still be published, but should not be used in new code.
	Deprecated bool `json:"-"`
	// Archived types are hidden from selection lists and are not checked.
	Archived bool `json:"-"`
	// CreatedAt and UpdatedAt are when a tenant added and last changed the version; zero in packs.
	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`

	// Sketch means that Example was generated from a schema too complex for the generator, and
	// violates it.
	Sketch bool `json:"-"`

	normalized bool    // checked and completed by normalize
	checks     *checks // compiled schemas, shared by all copies of the type; nil only in a Type built by hand
}

// Mode says how published events that violate their type's schema are treated.
type Mode string

// The modes. The default is Warn.
const (
	Off    Mode = "off"    // not checked
	Warn   Mode = "warn"   // accepted; the violations are shown with the event
	Strict Mode = "strict" // rejected
)

// KnownMode reports whether m is one of the modes.
func KnownMode(m Mode) bool { return m == Off || m == Warn || m == Strict }

// builtin holds all packs of the binary. A test reads them, so an error in them is a bug.
var builtin, builtinTypes, builtinNames = mustLoad()

func mustLoad() ([]*Pack, []Type, map[string]int) {
	list, err := loadPacks(files)
	if err != nil {
		panic("internal error: " + err.Error())
	}
	var types []Type
	for _, p := range list {
		types = append(types, p.Types...)
	}
	slices.SortFunc(types, func(a, b Type) int { return strings.Compare(a.Name, b.Name) })
	return list, types, indexNames(types)
}

// indexNames maps names and aliases to types.
func indexNames(types []Type) map[string]int {
	index := make(map[string]int, len(types))
	for i := range types {
		index[types[i].Name] = i
		for _, alias := range types[i].Aliases {
			index[alias] = i
		}
	}
	return index
}

// Types returns all types of the built-in packs, sorted by name. The caller owns the slice but must
// not change the bytes in it.
func Types() []Type { return slices.Clone(builtinTypes) }

// Lookup returns the built-in type with the name or alias.
func Lookup(name string) (Type, bool) {
	i, ok := builtinNames[name]
	if !ok {
		return Type{}, false
	}
	return builtinTypes[i], true
}

// Canonical returns the name of the built-in type of which name is an alias, or name itself:
// "notification.auth_link_used" for "notification.auth_link_clicked", its name in
// push-event-webhook.txt.
func Canonical(name string) string {
	if i, ok := builtinNames[name]; ok {
		return builtinTypes[i].Name
	}
	return name
}

// Example returns the data of an example event of a built-in type. The result must not be changed.
func Example(name string) (json.RawMessage, bool) {
	t, ok := Lookup(name)
	return t.Example, ok
}

// Generic is the data of a test event for a type without an example. It must not be changed.
var Generic = json.RawMessage(`{"message":"This is a test event."}`)
