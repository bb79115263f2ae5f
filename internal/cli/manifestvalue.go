package cli

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"time"
)

// hideSecrets puts references in place of secrets that are shown as ***.
func hideSecrets(v any, name string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for member, inner := range v {
			out[member] = hideSecrets(inner, name+"_"+member)
		}
		return out
	case string:
		if v == "***" {
			return "${env:" + variable(name) + "}"
		}
	}
	return v
}

// variable makes a name fit for a variable of the environment.
func variable(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}

// refers reports whether a value holds a reference to a secret.
func refers(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			if refers(inner) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(v, refers)
	case string:
		_, _, ok := secretReference(v)
		return ok
	}
	return false
}

// same reports whether a value of a manifest is that of the server. With part it may be a part of
// it. A secret by reference is the same as any.
func same(want, got any, part bool) bool {
	switch want := want.(type) {
	case map[string]any:
		other, ok := got.(map[string]any)
		if !ok || !part && len(want) != len(other) {
			return false
		}
		for name, v := range want {
			if !same(v, other[name], part) {
				return false
			}
		}
		return true
	case []any:
		other, ok := got.([]any)
		return ok && slices.EqualFunc(want, other, func(a, b any) bool { return same(a, b, part) })
	case string:
		text, ok := got.(string)
		if _, _, secret := secretReference(want); secret && (!ok || text == "***") {
			return true
		}
		if !ok || want == text {
			return ok
		}
		a, errA := time.ParseDuration(want)
		b, errB := time.ParseDuration(text)
		return errA == nil && errB == nil && a == b
	case json.Number:
		n, ok := got.(json.Number)
		if !ok {
			return false
		}
		a, errA := want.Float64()
		b, errB := n.Float64()
		return want == n || errA == nil && errB == nil && a == b
	}
	return reflect.DeepEqual(want, got)
}
