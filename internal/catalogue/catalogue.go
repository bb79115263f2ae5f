// Package catalogue knows event types: what they are called, when they fire, and an example of each.
//
// Types come in packs, which are data files in the binary. A type that no pack holds is as good as any other: the
// catalogue describes events, it does not decide which may be published.
package catalogue

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Type describes one event type.
type Type struct {
	Name        string          `json:"name"`        // "call.completed"
	Description string          `json:"description"` // what happened and what the data holds, in plain sentences
	Fires       string          `json:"fires"`       // when the event is published
	Example     json.RawMessage `json:"example"`     // the data of one such event
	Pack        string          `json:"-"`           // the pack it belongs to: "calls"
}

//go:embed packs
var packs embed.FS

// types are all types, by name; byName finds one.
var types, byName = mustLoad(packs)

// mustLoad reads the embedded packs, which a test has read before: a mistake in them is one of the program.
func mustLoad(files fs.FS) ([]Type, map[string]Type) {
	list, err := load(files)
	if err != nil {
		panic("internal error: " + err.Error())
	}
	index := make(map[string]Type, len(list))
	for _, t := range list {
		index[t.Name] = t
	}
	return list, index
}

// load reads every pack below the folder packs.
func load(files fs.FS) ([]Type, error) {
	names, err := fs.Glob(files, "packs/*.json")
	if err != nil {
		return nil, fmt.Errorf("listing packs: %w", err)
	}
	var all []Type
	for _, name := range names {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("reading pack: %w", err)
		}
		var list []Type
		dec := json.NewDecoder(bytes.NewReader(b))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&list); err != nil {
			return nil, fmt.Errorf("reading pack %q: %w", name, err)
		}
		for _, t := range list {
			t.Pack = strings.TrimSuffix(path.Base(name), ".json")
			if t.Name == "" || t.Description == "" || t.Fires == "" || t.Example == nil {
				return nil, fmt.Errorf("reading pack %q: type %q is not fully described", name, t.Name)
			}
			var compact bytes.Buffer // the file is indented for people
			if err := json.Compact(&compact, t.Example); err != nil {
				return nil, fmt.Errorf("reading pack %q: example of %q: %w", name, t.Name, err)
			}
			t.Example = compact.Bytes()
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b Type) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(all); i++ {
		if all[i].Name == all[i-1].Name {
			return nil, fmt.Errorf("reading packs: type %q is there twice", all[i].Name)
		}
	}
	return all, nil
}

// Types returns all types, by name. The result is the caller's; the examples in it must not be changed.
func Types() []Type { return slices.Clone(types) }

// Lookup returns the type with the name.
func Lookup(name string) (Type, bool) {
	t, ok := byName[name]
	return t, ok
}

// Example returns the data of an example event of the type. The result must not be changed.
func Example(name string) (json.RawMessage, bool) {
	t, ok := byName[name]
	return t.Example, ok
}

// Generic is the data of a test event of a type without an example. It must not be changed.
var Generic = json.RawMessage(`{"message":"This is a test event."}`)
