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

	"github.com/relay-events/relay/internal/event"
)

// Pack is a set of related types and the rules that ship with them.
type Pack struct {
	Name  string
	Types []Type
	Rules []Rule
}

//go:embed packs/*/*.json
var files embed.FS

// rulesFile is the file in a pack's folder that contains its rules.
const rulesFile = "rules.json"

// Builtin returns the packs of the binary. They must not be changed.
func Builtin() []*Pack { return slices.Clone(builtin) }

// loadPacks reads every folder below packs: one file per type, and optionally rules.json.
func loadPacks(files fs.FS) ([]*Pack, error) {
	names, err := fs.Glob(files, "packs/*/*.json")
	if err != nil {
		return nil, fmt.Errorf("listing packs: %w", err)
	}
	var packs []*Pack
	seen := make(map[string]string) // maps a name or alias to its type
	for _, name := range names {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("reading pack: %w", err)
		}
		folder := path.Base(path.Dir(name))
		if len(packs) == 0 || packs[len(packs)-1].Name != folder {
			packs = append(packs, &Pack{Name: folder})
		}
		p := packs[len(packs)-1]
		if path.Base(name) == rulesFile {
			if err := strictJSON(b, &p.Rules); err != nil {
				return nil, fmt.Errorf("reading %q: %w", name, err)
			}
			for i := range p.Rules {
				p.Rules[i].Pack = folder
				if err := p.Rules[i].check(); err != nil {
					return nil, fmt.Errorf("reading %q: %w", name, err)
				}
			}
			continue
		}
		t := Type{Pack: folder}
		if err := strictJSON(b, &t); err != nil {
			return nil, fmt.Errorf("reading %q: %w", name, err)
		}
		if want := path.Base(name); t.Name+".json" != want {
			return nil, fmt.Errorf("reading %q: the file contains type %q", name, t.Name)
		}
		if err := t.complete(); err != nil {
			return nil, fmt.Errorf("reading %q: %w", name, err)
		}
		for _, n := range append([]string{t.Name}, t.Aliases...) {
			if other, taken := seen[n]; taken {
				return nil, fmt.Errorf("reading %q: the name %q is taken by type %q", name, n, other)
			}
			seen[n] = t.Name
		}
		p.Types = append(p.Types, t)
	}
	return packs, nil
}

// strictJSON decodes one JSON value into v and rejects fields that v does not have.
func strictJSON(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	return dec.Decode(v)
}

// complete checks that a type of a pack or a file is fully described, compacts its JSON and
// prepares its checks.
func (t *Type) complete() error {
	if err := event.CheckType(t.Name); err != nil {
		return fmt.Errorf("name %q %w", t.Name, err)
	}
	for _, alias := range t.Aliases {
		if err := event.CheckType(alias); err != nil {
			return fmt.Errorf("alias %q of type %q %w", alias, t.Name, err)
		}
	}
	if t.Description == "" || t.Fires == "" || t.Version == "" || t.Example == nil {
		return fmt.Errorf("type %q is not fully described", t.Name)
	}
	for _, raw := range []*json.RawMessage{&t.Schema, &t.AttributesSchema, &t.ExampleAttributes, &t.Example} {
		if *raw == nil {
			continue
		}
		var compact bytes.Buffer // the files are indented for people
		if err := json.Compact(&compact, *raw); err != nil {
			return fmt.Errorf("type %q: %w", t.Name, err)
		}
		*raw = bytes.Clone(compact.Bytes())
	}
	t.checks = newChecks(t.Schema, t.AttributesSchema)
	return nil
}

// defaultFires returns the default for Type.Fires.
func defaultFires(name string) string {
	return "When the application publishes " + strings.TrimSpace(name) + "."
}
