package catalogue

import (
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// resources finds the targets of $dynamicRef and $recursiveRef, which depend on the schemas being
// applied. It is nil for schemas without such references, which is nearly all.
type resources struct {
	of      map[*jsonschema.Schema]*jsonschema.Schema            // root of a schema's resource
	anchors map[*jsonschema.Schema]map[string]*jsonschema.Schema // anchors of a resource, by its root
}

// newResources returns the resources for all, the subschemas of a compiled schema.
func newResources(all []*jsonschema.Schema) *resources {
	needed := false
	roots := make(map[string]*jsonschema.Schema)
	for _, s := range all {
		needed = needed || s.DynamicRef != nil || s.RecursiveRef != nil
		if s.ID != "" && !strings.HasPrefix(s.ID, "#") || strings.HasSuffix(s.Location, "#") {
			roots[s.Location] = s
		}
	}
	if !needed {
		return nil
	}
	r := &resources{make(map[*jsonschema.Schema]*jsonschema.Schema), make(map[*jsonschema.Schema]map[string]*jsonschema.Schema)}
	for _, s := range all {
		at := s.Location
		root := roots[at]
		for root == nil {
			slash := strings.LastIndexByte(at, '/')
			if hash := strings.IndexByte(at, '#'); slash < hash {
				root = roots[at[:hash+1]]
				break
			}
			at = at[:slash]
			root = roots[at]
		}
		if root == nil {
			continue
		}
		r.of[s] = root
		if s.DynamicAnchor != "" {
			if r.anchors[root] == nil {
				r.anchors[root] = make(map[string]*jsonschema.Schema)
			}
			r.anchors[root][s.DynamicAnchor] = s
		}
	}
	return r
}

// dynamic returns the target of s's $dynamicRef: the anchor in the outermost resource being applied
// that has it (JSON Schema 2020-12, section 8.2.3.2).
func (r *resources) dynamic(s *jsonschema.Schema, stack []applied) *jsonschema.Schema {
	d := s.DynamicRef
	if d == nil {
		return nil
	}
	if r == nil || d.Anchor == "" || d.Ref.DynamicAnchor != d.Anchor {
		return d.Ref
	}
	for _, a := range stack {
		if to := r.anchors[r.of[a.s]][d.Anchor]; to != nil {
			return to
		}
	}
	return d.Ref
}

// recursive is like dynamic, for $recursiveRef (2019-09, section 8.2.4.2.1).
func (r *resources) recursive(s *jsonschema.Schema, stack []applied) *jsonschema.Schema {
	to := s.RecursiveRef
	if to == nil || r == nil || !to.RecursiveAnchor {
		return to
	}
	for _, a := range stack {
		if root := r.of[a.s]; root != nil && root.RecursiveAnchor {
			return root
		}
	}
	return to
}
