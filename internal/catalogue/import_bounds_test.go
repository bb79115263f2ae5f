package catalogue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/problem"
)

// TestImportsAreBounded checks that a short document that expands to a large one is rejected before
// it is expanded and compiled.
func TestImportsAreBounded(t *testing.T) {
	var members, hooks, types strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&members, `"p%d":{"type":"string"},`, i)
	}
	for i := range 1000 {
		fmt.Fprintf(&hooks, `"w%d":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/A"}}}}}},`, i)
	}
	patterns := func(each int) string {
		var b strings.Builder
		for i := range each {
			fmt.Fprintf(&b, `"p%d":{"pattern":"^a{1,200}b{%d}$"},`, i, i+1)
		}
		return b.String()
	}
	for i := range 40 {
		fmt.Fprintf(&types, `{"name":"t.n%d","schema":{"title":"%d","properties":{%s"z":{}}}},`, i, i, patterns(35))
	}
	r, _, _ := newRegistry(t)
	for name, tt := range map[string]struct {
		read func(w *Work) error
		want string
	}{
		"references": {func(w *Work) error {
			_, _, err := ImportOpenAPI(w, []byte(`{"openapi":"3.1.0","webhooks":{`+strings.TrimSuffix(hooks.String(), ",")+`},"components":{"schemas":{"A":{"properties":{`+strings.TrimSuffix(members.String(), ",")+`}}}}}`))
			return err
		}, "objects and arrays"},
		"patterns": {func(w *Work) error {
			_, _, err := ImportPack(w, []byte(`{"types":[`+strings.TrimSuffix(types.String(), ",")+`]}`))
			return err
		}, "patterns"},
	} {
		before := r.Stats().Size.Load()
		w := r.work(t.Context(), 7)
		w.meter.balance = 1e12 // this test is about the limits, not about the share
		err := tt.read(w)
		if problem.KindOf(err) != problem.TooLarge || !strings.Contains(err.Error(), tt.want) || r.Stats().Size.Load() != before+1 {
			t.Errorf("%s: got %v, want it refused for its %s, and counted", name, err, tt.want)
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		steps := r.Stats().Steps.Load()
		if err := tt.read(r.work(gone, 7)); !errors.Is(err, context.Canceled) || r.Stats().Steps.Load() != steps {
			t.Errorf("%s: got %v and %d steps after the caller had gone", name, err, r.Stats().Steps.Load()-steps)
		}
	}
}

// TestImportKeepsNothingCompiled checks that the compiled schemas of an import are released, one
// after the other.
func TestImportKeepsNothingCompiled(t *testing.T) {
	typ, err := ImportJSONSchema(nil, "a.b", []byte(`{"type":"integer"}`))
	check(t, err)
	if typ.checks.compiled.Load() != nil {
		t.Error("an imported type holds its compiled schema")
	}
}

// TestCatalogueBytes checks that a tenant's additions are limited in bytes. Existing ones may
// shrink, and other tenants are unaffected.
func TestCatalogueBytes(t *testing.T) {
	store := new(memory)
	open := func(most int64) *Registry {
		r, err := NewRegistry(t.Context(), store, Options{Limits: Limits{Bytes: most}})
		check(t, err)
		return r
	}
	r := open(100_000)
	large := []byte(`{"description":"` + strings.Repeat("x", 30_000) + `"}`)
	added := 0
	var err error
	for i := range 10 {
		if _, err = r.Create(t.Context(), access.System(1), Type{Name: fmt.Sprintf("t.n%d", i), Schema: large}, Settings{}); err != nil {
			break
		}
		added++
	}
	if added != 3 || problem.KindOf(err) != problem.Forbidden || !strings.Contains(err.Error(), "catalogueBytes") || r.Stats().Bytes.Load() != 1 {
		t.Errorf("got %d types and %v, want 3 and the limit named", added, err)
	}
	if _, err := r.Update(t.Context(), access.System(1), "t.n0", Change{Version: new("2"), Schema: raw(string(large))}); problem.KindOf(err) != problem.Forbidden {
		t.Errorf("a version more: got %v, want it refused", err)
	}
	_, err = r.Create(t.Context(), access.System(2), Type{Name: "t.n0", Schema: large}, Settings{})
	check(t, err)
	r = open(50_000) // an operator has lowered the limit
	if len(r.Versions(1, "t.n2")) != 1 {
		t.Error("what was stored under a higher limit is not there")
	}
	_, err = r.Update(t.Context(), access.System(1), "t.n0", Change{Version: new("1"), Schema: raw("{}")})
	check(t, err)
	check(t, r.Delete(t.Context(), access.System(1), "t.n1"))
}

// TestImportOpenAPIAsItIsWritten imports documents as they occur in practice.
func TestImportOpenAPIAsItIsWritten(t *testing.T) {
	const old = `{"post":{"requestBody":{"content":{"application/json":{"schema":{"type":"object","required":["a"],"properties":{"a":{"type":"string","nullable":true},"n":{"type":"number","minimum":1,"exclusiveMinimum":true}}}}}}}}`
	body := strings.Replace(old, `"minimum":1,"exclusiveMinimum":true`, `"exclusiveMinimum":1`, 1)
	for name, tt := range map[string]struct{ document, types, skipped string }{
		"a slash":       {`{"openapi":"3.1.0","webhooks":{"/ACCOUNT_CLOSED":` + body + `}}`, "ACCOUNT_CLOSED", ""},
		"odd names":     {`{"openapi":"3.1.0","webhooks":{"Order created":` + body + `,"orders/create":` + body + `,"user:created":` + body + `,"good":` + body + `}}`, "good", "Order created, orders/create, user:created"},
		"twice":         {`{"openapi":"3.1.0","webhooks":{"a":` + body + `,"/a":` + body + `}}`, "a", "/a"},
		"a bad schema":  {`{"openapi":"3.1.0","webhooks":{"a":{"post":{"requestBody":{"content":{"application/json":{"schema":{"type":"x"}}}}}},"b":` + body + `,"c":{"post":{"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/nowhere"}}}}}},"d":{}}}`, "b", "a, c, d"},
		"3.0":           {`{"openapi":"3.0.3","webhooks":{"a":` + old + `}}`, "a", ""},
		"x-webhooks":    {`{"openapi":"3.0.0","x-webhooks":{"a":` + old + `}}`, "a", ""},
		"unquoted":      {"openapi: 3.1\nwebhooks:\n  a: " + body + "\n", "a", ""},
		"YAML 1.2":      {"%YAML 1.2\n---\nopenapi: 3.1.0\nwebhooks:\n  a: " + body + "\n", "a", ""},
		"comment first": {"# written by hand\n%YAML 1.2\n---\nopenapi: 3.1.0\nwebhooks: {a: " + body + "}\n", "a", ""},
		"merge keys":    {"openapi: 3.1.0\nx-base: &base {description: of all, deprecated: true}\nx-more: &more {summary: x}\nwebhooks:\n  a:\n    post:\n      <<: [*base, *more]\n      description: its own\n  b:\n    post:\n      <<: *base\n", "a, b", ""},
	} {
		types, skipped, err := ImportOpenAPI(nil, []byte(tt.document))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var names, left []string
		for _, typ := range types {
			names = append(names, typ.Name)
		}
		for _, s := range skipped {
			left = append(left, s.Name)
			if s.Outcome != Skipped || s.Reason == "" {
				t.Errorf("%s: got %+v, want it skipped with a reason", name, s)
			}
		}
		if strings.Join(names, ", ") != tt.types || strings.Join(left, ", ") != tt.skipped {
			t.Errorf("%s: got %q, skipped %q; want %q and %q", name, names, left, tt.types, tt.skipped)
		}
		if name == "3.0" {
			if list := types[0].Validate([]byte(`{"a":null,"n":1}`), nil); len(list) != 1 || list[0].String() != "data.n must be above 1" {
				t.Errorf("nullable and exclusive bounds: got %v", list)
			}
		}
		if name == "merge keys" && (types[0].Description != "its own" || !types[0].Deprecated || types[1].Description != "of all") {
			t.Errorf("merge keys: got %q, %v and %q", types[0].Description, types[0].Deprecated, types[1].Description)
		}
	}
	for document, want := range map[string]string{
		"a: &a {<<: *b}\nb: &b {x: 1}":              "unknown anchor",
		"a: &a {x: 1}\nb: {<<: 7}":                  "merge key",
		`{"openapi":"3.1.0"}`:                       "webhooks must be given",
		`{"openapi":"2.0","webhooks":{}}`:           "must be a version 3",
		`{"openapi":"3.1.0","webhooks":{"a b":{}}}`: "must be letters",
	} {
		if _, _, err := ImportOpenAPI(nil, []byte(document)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", document, err, want)
		}
	}
}
