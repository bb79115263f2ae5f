// Package catalogue knows event types: what they are called, when they fire, the schema and an example of each, and
// which events follow from others.
//
// Types come in packs, which are data files in the binary (folder packs), from a file of the operator's (ReadFile), and
// from tenants (Registry). A type that nobody described is as good as any other: the catalogue describes events, and
// decides which may be published only where a tenant asked for that (Mode Strict).
//
// Schemas are for documentation, for test payloads and for Type.Validate. They never refuse additional properties: what
// reads events is to be tolerant, as push-events-catalogue.txt asks, so what checks them must be too.
package catalogue

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// DefaultVersion is the version of a type that is given none.
const DefaultVersion = "1"

// Type describes one event type. A *Type handed out by the Registry is immutable.
type Type struct {
	Name        string `json:"name"`        // "call.completed"
	Version     string `json:"version"`     // of the schema: "1"
	Description string `json:"description"` // what happened, what it is used for
	Fires       string `json:"fires"`       // when the event is published
	// Aliases are other names of the type, by which documents or publishers know it.
	Aliases []string `json:"aliases,omitempty"`
	// Schema is the JSON Schema of the data (2020-12 unless it says otherwise), nil for none.
	Schema json.RawMessage `json:"schema,omitempty"`
	// AttributesSchema is that of the attributes, nil for none.
	AttributesSchema json.RawMessage `json:"attributesSchema,omitempty"`
	// ExampleID, ExampleTime and ExampleAttributes complete the example where a document prints them; zero otherwise.
	ExampleID         string          `json:"exampleId,omitempty"`
	ExampleTime       time.Time       `json:"exampleTime,omitzero"`
	ExampleAttributes json.RawMessage `json:"exampleAttributes,omitempty"`
	// Example is the data of one such event, never nil in a type of the catalogue.
	Example json.RawMessage `json:"example"`

	// Pack is the pack it belongs to: "calls"; empty for a tenant's own.
	Pack string `json:"-"`
	// Validation says what becomes of events that violate the schemas. Types and Lookup leave it empty, which means the
	// default, Warn; the Registry fills it in.
	Validation Mode `json:"-"`
	// Deprecated types may be published still, but should not be used for new work.
	Deprecated bool `json:"-"`
	// Archived types are hidden from lists that people choose from, and are not checked.
	Archived bool `json:"-"`
	// CreatedAt and UpdatedAt are when a tenant added and changed the version; zero in packs.
	CreatedAt time.Time `json:"-"`
	UpdatedAt time.Time `json:"-"`

	// Sketch tells that Example was made from a schema too intricate for that, and violates it.
	Sketch bool `json:"-"`

	normalized bool    // normalize has checked and completed it
	checks     *checks // compiled schemas, shared by all copies of the type; nil only in a Type made by hand
}

// Mode says what becomes of published events that violate their type's schema.
type Mode string

// The modes. The default is Warn.
const (
	Off    Mode = "off"    // not checked at all
	Warn   Mode = "warn"   // accepted; the violations are shown beside the event
	Strict Mode = "strict" // refused
)

// KnownMode reports whether m is one of the modes.
func KnownMode(m Mode) bool { return m == Off || m == Warn || m == Strict }

// builtin is all packs of the binary, which a test has read before: a mistake in them is one of the program.
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

// indexNames finds types by name and alias.
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

// Types returns all types of the built-in packs, by name. The result is the caller's; the bytes in it must not be changed.
func Types() []Type { return slices.Clone(builtinTypes) }

// Lookup returns the built-in type with the name or alias.
func Lookup(name string) (Type, bool) {
	i, ok := builtinNames[name]
	if !ok {
		return Type{}, false
	}
	return builtinTypes[i], true
}

// Canonical returns the name of the built-in type that name is an alias of, else name:
// "notification.auth_link_used" for "notification.auth_link_clicked" (push-event-webhook.txt calls it so).
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

// Generic is the data of a test event of a type without an example. It must not be changed.
var Generic = json.RawMessage(`{"message":"This is a test event."}`)
