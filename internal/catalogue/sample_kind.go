package catalogue

import (
	"slices"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
)

func elementsOf(list []byte) (out [][]byte) {
	_ = rawjson.Elements(list, rawjson.Limits{Depth: event.MaxDepth}, func(_ int, v rawjson.Value) error {
		out = append(out, v.Raw)
		return nil
	})
	return out
}

// firstOf returns the first element of an array that is not null.
func firstOf(list []byte) (first []byte) {
	for _, v := range elementsOf(list) {
		if string(v) != "null" {
			return v
		}
	}
	return nil
}

// kindIn returns a type that all schemas allow, preferably not null, or guesses it from other
// keywords.
func kindIn(nodes []*sampleNode) string {
	var allowed []string
	typed := false
	for _, n := range nodes {
		v, ok := n.keywords["type"]
		if !ok {
			continue
		}
		list := [][]byte{v.Raw}
		if v.Kind == rawjson.Array {
			list = elementsOf(v.Raw)
		}
		var own []string
		for _, raw := range list {
			name, _ := rawjson.Value{Raw: raw, Kind: rawjson.String}.String()
			switch {
			case !typed || slices.Contains(allowed, name):
				own = append(own, name)
			case name == "integer" && slices.Contains(allowed, "number"), name == "number" && slices.Contains(allowed, "integer"):
				own = append(own, "integer")
			}
		}
		allowed, typed = own, true
	}
	for _, name := range allowed {
		if name != "null" {
			return name
		}
	}
	if len(allowed) > 0 {
		return allowed[0]
	}
	for _, n := range nodes {
		for _, g := range [][2]string{{"properties", "object"}, {"required", "object"}, {"items", "array"}, {"prefixItems", "array"}, {"format", "string"},
			{"pattern", "string"}, {"minLength", "string"}, {"maxLength", "string"}, {"minimum", "number"}, {"maximum", "number"}, {"multipleOf", "number"}} {
			if _, ok := n.keywords[g[0]]; ok {
				return g[1]
			}
		}
	}
	return ""
}

// jsonType returns the type of a JSON value.
func jsonType(raw []byte) string {
	switch raw[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	return "number"
}

func integerAt(n *sampleNode, keyword string) (int64, bool) {
	v, ok := n.keywords[keyword]
	if !ok {
		return 0, false
	}
	i, err := v.Int64()
	return i, err == nil
}
