package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// typeDoc is an event type as the API shows it.
type typeDoc struct {
	Name, Version, Validation string
	Pack                      *string
	Description, Fires        string
	Versions                  []struct{ Version string }
	Aliases                   []string
	Deprecated, Archived      bool
	Schema, Example           json.RawMessage
	CreatedAt                 *string
}

func (d typeDoc) versions() string {
	var out []string
	for _, v := range d.Versions {
		out = append(out, v.Version)
	}
	return strings.Join(out, " ")
}

const orderType = `{"name":"order.created","description":"An order.","aliases":["order.placed"],
	"schema":{"type":"object","required":["amount"],"properties":{"amount":{"type":"number","examples":[1.50]}}}}`

func TestEventTypes(t *testing.T) {
	w := newWorld(t)
	var d typeDoc
	w.into(&d, 201, "POST", "/v1/event-types", orderType)
	if d.Version != "1" || d.Validation != "warn" || d.Pack != nil || d.Fires == "" || string(d.Example) != `{"amount":1.50}` || d.CreatedAt == nil || d.versions() != "1" {
		t.Errorf("created: got %+v, want version 1, mode warn and an example made from the schema", d)
	}
	for _, taken := range []string{"order.created", "order.placed", "call.completed"} {
		if p := w.refused(409, "POST", "/v1/event-types", `{"name":"`+taken+`"}`); p.fields() != "name" {
			t.Errorf("creating %s again: got the fields %q, want name", taken, p.fields())
		}
	}

	// Another schema makes another version, with an example that fits.
	w.into(&d, 200, "PATCH", "/v1/event-types/order.placed", `{"schema":{"type":"object","required":["total"],"properties":{"total":{"type":"integer"}}}}`)
	if d.Version != "2" || d.versions() != "1 2" || d.Description != "An order." || !strings.Contains(string(d.Example), "total") {
		t.Errorf("another schema: got %+v, want version 2", d)
	}
	w.into(&d, 200, "PATCH", "/v1/event-types/order.created", `{"description":"An order was placed.","deprecated":true}`)
	if d.Version != "2" || d.versions() != "1 2" || !d.Deprecated || d.Description != "An order was placed." {
		t.Errorf("another description: got %+v, want version 2 still", d)
	}
	w.into(&d, 200, "PATCH", "/v1/event-types/order.created", `{"version":"1","description":"The first."}`)
	if d.Version != "1" || d.Description != "The first." {
		t.Errorf("an older version: got %+v", d)
	}
	w.into(&d, 200, "GET", "/v1/event-types/order.created?version=1", "")
	if d.Version != "1" || d.Description != "The first." || !d.Deprecated {
		t.Errorf("GET version 1: got %+v", d)
	}
	w.refused(404, "GET", "/v1/event-types/order.created?version=3", "")
	w.refused(404, "GET", "/v1/event-types/order.unheard", "")
	w.refused(404, "PATCH", "/v1/event-types/order.unheard", `{}`)

	// Events are held against the version they name.
	for _, tt := range []struct{ body, want string }{
		{`{"type":"order.created","version":"1","data":{"amount":1}}`, ""},
		{`{"type":"order.created","version":"1","data":{"total":1}}`, "data.amount"},
		{`{"type":"order.created","data":{"amount":1}}`, "data.total"},
		{`{"type":"order.placed","data":{"total":1}}`, ""},
	} {
		var e eventDoc
		w.into(&e, 202, "POST", "/v1/events", tt.body)
		got := ""
		for _, v := range e.Warnings {
			got += v.Path
		}
		if got != tt.want {
			t.Errorf("%s: got warnings about %q, want %q", tt.body, got, tt.want)
		}
	}

	// A type of a pack is made one's own by describing it otherwise, and is the pack's again when that is deleted.
	w.into(&d, 200, "PATCH", "/v1/event-types/call.urgent", `{"validation":"off"}`)
	if d.Pack == nil || d.Validation != "off" {
		t.Errorf("a mode for a type of a pack: got %+v, want the pack's type still", d)
	}
	w.refused(409, "DELETE", "/v1/event-types/call.urgent", "")
	w.into(&d, 200, "PATCH", "/v1/event-types/call.urgent", `{"description":"Mine.","validation":null}`)
	if d.Pack != nil || d.Description != "Mine." || d.Validation != "warn" || d.Version != "2026-05-05" {
		t.Errorf("describing a type of a pack: got %+v, want one's own", d)
	}
	w.into(nil, 204, "DELETE", "/v1/event-types/call.urgent", "")
	w.into(&d, 200, "GET", "/v1/event-types/call.urgent", "")
	if d.Pack == nil || *d.Pack != "calls" || d.Description == "Mine." {
		t.Errorf("after deleting one's own: got %+v, want the pack's", d)
	}

	w.into(nil, 204, "DELETE", "/v1/event-types/order.created", "")
	w.refused(404, "GET", "/v1/event-types/order.created", "")
	w.refused(404, "DELETE", "/v1/event-types/order.created", "")
	w.into(&d, 201, "POST", "/v1/event-types", orderType)
	if d.versions() != "1" || d.Deprecated {
		t.Errorf("created again: got %+v, want nothing of the one before", d)
	}
}

func TestEventTypeList(t *testing.T) {
	w := newWorld(t)
	w.into(nil, 201, "POST", "/v1/event-types", orderType)
	w.into(nil, 200, "PATCH", "/v1/event-types/message.delivered", `{"archived":true}`)
	count := func(query string) int {
		t.Helper()
		n, cursor, last := 0, "", ""
		for {
			var page struct {
				Data       []typeDoc
				NextCursor *string
			}
			w.into(&page, 200, "GET", "/v1/event-types?limit=7&"+query+"&cursor="+cursor, "")
			for _, d := range page.Data {
				if d.Name <= last {
					t.Errorf("%s: %s follows %s", query, d.Name, last)
				}
				last = d.Name
				n++
			}
			if page.NextCursor == nil {
				return n
			}
			cursor = *page.NextCursor
		}
	}
	for query, want := range map[string]int{
		"": 23, "archived=true": 1, "archived=all": 24, "pack=calls": 3, "pack=push": 19, "pack=own": 1, "pack=none": 0,
		"query=ORDER": 1, "query=urgent": 1, "pack=calls&query=appointment.": 1,
	} {
		if got := count(query); got != want {
			t.Errorf("%q: got %d types, want %d", query, got, want)
		}
	}
	w.refused(400, "GET", "/v1/event-types?archived=yes", "")
	w.refused(400, "GET", "/v1/event-types?cursor=cur_0", "")
	w.refused(400, "GET", "/v1/event-types?packs=calls", "")

	// Events of archived types are not checked, and refused only where the catalogue is strict.
	bad := `{"type":"message.delivered","data":{}}`
	var e eventDoc
	if w.into(&e, 202, "POST", "/v1/events", bad); e.Warnings != nil {
		t.Errorf("an archived type: got the warnings %v, want none", e.Warnings)
	}
	w.into(nil, 200, "PATCH", "/v1/catalogue", `{"validation":"strict"}`)
	if p := w.refused(422, "POST", "/v1/events", bad); p.fields() != "type" {
		t.Errorf("an archived type in a strict catalogue: got the fields %q, want type", p.fields())
	}
	var c struct {
		Validation   string
		Types, Rules int
	}
	if w.into(&c, 200, "GET", "/v1/catalogue", ""); c.Validation != "strict" || c.Types != 24 || c.Rules != 3 {
		t.Errorf("the catalogue: got %+v, want strict, 24 types and 3 rules", c)
	}
}

func TestEventTypesThatAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ body, field string }{
		{`{}`, "name"},
		{`{"name":"a b"}`, "name"},
		{`{"name":"a","schem":{}}`, "schem"},
		{`{"name":"a","schema":{"type":"objekt"}}`, "schema"},
		{`{"name":"a","schema":{"$ref":"https://example.com/schema.json"}}`, "schema"},
		{`{"name":"a","schema":{"type":"object","required":["b"]},"example":{}}`, "example"},
		{`{"name":"a","exampleAttributes":[]}`, "exampleAttributes"},
		{`{"name":"a","validation":"maybe"}`, "validation"},
		{`{"name":"a","aliases":["call.completed"]}`, "aliases"},
		{`{"name":"a","aliases":["b","b"]}`, "aliases"},
		{`{"name":"a","schema":"` + strings.Repeat("x", 300<<10) + `"}`, "schema"},
		{`{"name":"a","version":"` + strings.Repeat("1", 65) + `"}`, "version"},
	} {
		p := w.refused(422, "POST", "/v1/event-types", tt.body)
		if got := p.fields(); !strings.HasPrefix(got, tt.field) {
			t.Errorf("%.100s: got the fields %q, want %s", tt.body, got, tt.field)
		}
	}
	for _, tt := range []struct{ body, field string }{
		{`{"name":"Upper","on":"a","type":"b","data":"event.data"}`, "name"},
		{`{"name":"r","on":"a","type":"a","data":"event.data"}`, "type"},
		{`{"name":"r","on":"a","type":"b","data":"event.data","when":"evnt.data.a"}`, "when"},
		{`{"name":"r","on":"a","type":"b","data":"event.data.a + 1"}`, "data"},
		{`{"name":"r","on":"a","type":"b"}`, "data"},
		{`{"name":"r","on":"a","type":"b","data":"event.data","foreach":"event.data"}`, "foreach"},
	} {
		if p := w.refused(422, "POST", "/v1/derivation-rules", tt.body); p.fields() != tt.field {
			t.Errorf("%s: got the fields %q, want %s", tt.body, p.fields(), tt.field)
		}
	}
	w.refused(409, "POST", "/v1/derivation-rules", `{"name":"urgent-call","on":"a","type":"b","data":"event.data"}`)
	w.refused(409, "PATCH", "/v1/derivation-rules/urgent-call", `{"when":""}`)
	w.refused(404, "PATCH", "/v1/derivation-rules/none", `{"enabled":false}`)
	w.refused(404, "DELETE", "/v1/derivation-rules/urgent-call", "")
}

func TestDerivationRules(t *testing.T) {
	w := newWorld(t)
	var rule struct {
		Name, On, Type, When, Data string
		Enabled                    bool
		Pack                       *string
	}
	w.into(&rule, 201, "POST", "/v1/derivation-rules", `{"name":"mine","on":"notification.auth_link_clicked","type":"b","data":"event.data","enabled":false}`)
	if rule.Enabled || rule.Pack != nil || rule.On != "notification.auth_link_used" {
		t.Errorf("created: got %+v, want it off, and on the type of the alias", rule)
	}
	w.into(&rule, 200, "PATCH", "/v1/derivation-rules/mine", `{"when":"event.data.n == 1","enabled":true,"on":"a"}`)
	if !rule.Enabled || rule.When != "event.data.n == 1" || rule.On != "a" {
		t.Errorf("changed: got %+v", rule)
	}
	var e eventDoc
	w.into(&e, 202, "POST", "/v1/events", `{"type":"a","data":{"n":1}}`)
	if got := chain(w.stored()); got != "a< b<a" {
		t.Errorf("stored: got %s, want a and b", got)
	}
	var list struct{ Data []struct{ Name string } }
	w.into(&list, 200, "GET", "/v1/derivation-rules", "")
	if len(list.Data) != 4 || list.Data[3].Name != "mine" {
		t.Errorf("list: got %+v, want the three of the packs and mine", list.Data)
	}
	w.into(nil, 204, "DELETE", "/v1/derivation-rules/mine", "")
	w.refused(404, "GET", "/v1/derivation-rules/mine", "")
}

func TestImportEventTypes(t *testing.T) {
	w := newWorld(t)
	fetched := make(chan string, 10)
	outside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { fetched <- r.URL.Path }))
	defer outside.Close()
	const openapi = `
openapi: 3.1.0
info: {title: Shop, version: "1"}
webhooks:
  order.created:
    post:
      summary: An order was placed.
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
  order.paid:
    post:
      requestBody: {content: {application/json: {schema: {type: object}}}}
components:
  schemas:
    Order: {type: object, required: [amount], properties: {amount: {type: number}, by: {$ref: "#/components/schemas/Person"}}}
    Person: {type: object, properties: {name: {type: string}}}
`
	type imported struct {
		DryRun bool
		Types  []struct{ Name, Version, Outcome string }
		Rules  []string
	}
	load := func(query, contentType, document string) string {
		t.Helper()
		var got imported
		w.into(&got, 200, "POST", "/v1/event-types/import?"+query, document, "Content-Type", contentType)
		return fmt.Sprintf("%v %v", got.Types, got.Rules)
	}
	const yaml = "application/yaml"
	if got, want := load("format=openapi&dryRun=true", yaml, openapi), "[{order.created 1 created} {order.paid 1 created}] []"; got != want {
		t.Errorf("dry run: got %s, want %s", got, want)
	}
	w.refused(404, "GET", "/v1/event-types/order.created", "")
	if got, want := load("format=openapi", yaml, openapi), "[{order.created 1 created} {order.paid 1 created}] []"; got != want {
		t.Errorf("import: got %s, want %s", got, want)
	}
	var e eventDoc
	w.into(&e, 202, "POST", "/v1/events", `{"type":"order.created","data":{"amount":1,"by":{"name":7}}}`)
	if len(e.Warnings) != 1 || e.Warnings[0].Path != "data.by.name" {
		t.Errorf("held against the imported schema: got %v, want a warning about data.by.name", e.Warnings)
	}
	if got, want := load("format=openapi", yaml, openapi), "[{order.created 1 unchanged} {order.paid 1 unchanged}] []"; got != want {
		t.Errorf("imported again: got %s, want %s", got, want)
	}
	changed := strings.Replace(openapi, "required: [amount]", "required: [amount, by]", 1)
	if got, want := load("format=openapi", yaml, changed), "[{order.created 2 updated} {order.paid 1 unchanged}] []"; got != want {
		t.Errorf("another schema: got %s, want %s", got, want)
	}

	if got, want := load("format=json-schema&name=user.added", "application/json", `{"type":"object","title":"A user","description":"Someone came."}`), "[{user.added 1 created}] []"; got != want {
		t.Errorf("a JSON Schema: got %s, want %s", got, want)
	}
	pack := "types:\n  - {name: a.b, validation: strict, schema: {type: object}}\nrules:\n  - {name: from-a, on: a.b, type: a.c, data: event.data}\n"
	if got, want := load("format=pack", yaml, pack), "[{a.b 1 created}] [from-a]"; got != want {
		t.Errorf("a pack: got %s, want %s", got, want)
	}
	if p := w.refused(422, "POST", "/v1/events", `{"type":"a.b","data":1}`); p.fields() != "data" {
		t.Errorf("the mode of an imported type: got the fields %q, want data", p.fields())
	}
	w.into(nil, 202, "POST", "/v1/events", `{"type":"a.b","data":{}}`)
	if list := w.stored(); chain(list[len(list)-2:]) != "a.b< a.c<a.b" {
		t.Errorf("the rule of a pack: got %s", chain(list))
	}

	// A webhook that cannot be a type is skipped, and nothing is fetched for it.
	for _, tt := range []struct{ document, skipped string }{
		{strings.Replace(openapi, `"#/components/schemas/Person"`, `"`+outside.URL+`/person.json"`, 1), "order.created"},
		{strings.Replace(openapi, "order.paid", "order paid", 1), "order paid"},
	} {
		var answer struct {
			Types []struct{ Name, Outcome, Reason string }
		}
		w.into(&answer, 200, "POST", "/v1/event-types/import?format=openapi&dryRun=true", tt.document, "Content-Type", yaml)
		i := slices.IndexFunc(answer.Types, func(t struct{ Name, Outcome, Reason string }) bool { return t.Outcome == "skipped" })
		if len(answer.Types) != 2 || i < 0 || answer.Types[i].Name != tt.skipped || answer.Types[i].Reason == "" {
			t.Errorf("%.80s: got %+v, want %s skipped with the reason", tt.document, answer.Types, tt.skipped)
		}
	}

	// All or nothing, no schema fetched, and each mistake has a name.
	for _, tt := range []struct {
		status      int
		query, body string
	}{
		{422, "format=openapi", `{"openapi":"3.1.0","webhooks":{"a b":{"post":{}}}}`},
		{422, "format=json-schema&name=new.type", `{"$ref":"` + outside.URL + `/schema.json"}`},
		{422, "format=json-schema", `{"type":"object","title":"No Name"}`},
		{422, "format=pack", "types:\n  - {name: c.d}\n  - {name: c d}\n"},
		{422, "format=pack", "typos: []\n"},
		{422, "format=pack", "{}"},
		{400, "format=xml", "{}"},
		{400, "", "{}"},
		{400, "format=pack&name=a", pack},
	} {
		p := w.refused(tt.status, "POST", "/v1/event-types/import?"+tt.query, tt.body, "Content-Type", yaml)
		if len(p.Errors) == 0 {
			t.Errorf("%s %.80s: got no field named: %+v", tt.query, tt.body, p)
		}
	}
	w.refused(415, "POST", "/v1/event-types/import?format=pack", pack, "Content-Type", "text/plain")
	w.refused(404, "GET", "/v1/event-types/c.d", "")
	w.refused(404, "GET", "/v1/event-types/new.type", "")
	if len(fetched) > 0 {
		t.Errorf("Relay fetched %s", <-fetched)
	}
}
