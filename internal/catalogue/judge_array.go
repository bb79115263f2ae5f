package catalogue

import (
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

func (j *judge) array(s *jsonschema.Schema, v []any, ev *evaluated) bool {
	quiet, ok := j.found == nil, true
	fail := func(k jsonschema.ErrorKind) {
		if ok = false; !quiet {
			j.bad(k)
		}
	}
	if s.MinItems != nil && len(v) < *s.MinItems {
		fail(&kind.MinItems{Got: len(v), Want: *s.MinItems})
	}
	if s.MaxItems != nil && len(v) > *s.MaxItems {
		fail(&kind.MaxItems{Got: len(v), Want: *s.MaxItems})
	}
	if s.UniqueItems && len(v) > 1 {
		if a, b := j.twins(v); b > 0 {
			fail(&kind.UniqueItems{Duplicates: [2]int{a, b}})
		}
	}
	if !ok && quiet {
		return false
	}
	each, rest, additional := s.PrefixItems, s.Items2020, any(nil)
	if s.DraftVersion < 2020 {
		each, rest, additional = nil, nil, s.AdditionalItems
		switch items := s.Items.(type) {
		case *jsonschema.Schema:
			rest, additional = items, nil
		case []*jsonschema.Schema:
			each = items
		}
		switch a := additional.(type) {
		case bool:
			if !a && len(v) > len(each) {
				fail(&kind.AdditionalItems{Count: len(v) - len(each)})
			}
			if ev != nil {
				ev.allItems = true
			}
		case *jsonschema.Schema:
			rest = a
		}
	}
	for i, element := range v {
		of := rest
		if i < len(each) {
			of = each[i]
		}
		if of == nil {
			break
		}
		if !j.element(of, element, i) {
			if ok = false; quiet {
				return false
			}
		}
	}
	if ev != nil {
		ev.upTo = max(ev.upTo, len(each))
		ev.allItems = ev.allItems || rest != nil
	}
	if s.Contains != nil {
		ok = j.contains(s, v, ev) && ok
	}
	return ok
}

func (j *judge) contains(s *jsonschema.Schema, v []any, ev *evaluated) bool {
	var matched []int
	for i, element := range v {
		if j.quietly(func() bool { return j.element(s.Contains, element, i) }) {
			matched = append(matched, i)
			if s.DraftVersion >= 2020 {
				ev.item(i)
			}
		}
	}
	ok := true
	fail := func(k jsonschema.ErrorKind) {
		if ok = false; j.found != nil {
			j.bad(k)
		}
	}
	switch {
	case s.MinContains != nil && len(matched) < *s.MinContains:
		fail(&kind.MinContains{Got: matched, Want: *s.MinContains})
	case s.MinContains == nil && len(matched) == 0:
		fail(&kind.Contains{})
	}
	if s.MaxContains != nil && len(matched) > *s.MaxContains {
		fail(&kind.MaxContains{Got: matched, Want: *s.MaxContains})
	}
	return ok
}
