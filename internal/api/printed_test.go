package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// printed returns the bodies that a source document prints. What was not valid JSON is repaired as
// internal/catalogue/packs/push/README.md says: commas, nothing else.
func printed(t *testing.T, file string) (list []map[string]any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(raw) {
		list = append(list, exact(t, line).(map[string]any))
	}
	return list
}

// exact decodes JSON with its numbers as they are written.
func exact(t *testing.T, raw []byte) (v any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("decoding %.200s: %v", raw, err)
	}
	return v
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// deliver publishes an event and refuses any warning about it.
func (w *world) deliver(event map[string]any) {
	w.t.Helper()
	var answer struct{ Warnings []any }
	w.into(&answer, 202, "POST", "/v1/events", text(w.t, event))
	if answer.Warnings != nil {
		w.t.Errorf("%s: published as printed it has the warnings %v", event["type"], answer.Warnings)
	}
}

// TestPrintedPushEventsAreDelivered publishes each of the 20 bodies of push-events-catalogue.txt, and the two that
// push-event-webhook.txt prints beside them, as an application would, and compares the requests that an endpoint gets with the printed ones.
func TestPrintedPushEventsAreDelivered(t *testing.T) {
	w := newWorld(t)
	url, got := endpoint(t, func() int { return 200 })
	w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"`+url+`","preset":"push"}`)
	bodies := slices.Concat(printed(t, "printed-push.ndjson"), printed(t, "printed-push-webhook.ndjson"))
	types := make(map[any]bool)
	wanted := make(map[string]map[string]any) // by event_id
	for _, body := range bodies {
		types[body["event_name"]] = true
		id := body["event_id"].(string)
		for wanted[id] != nil { // the document prints some for several; of one tenant's events each has its own
			id += "-"
		}
		body["event_id"] = id
		wanted[id] = body
		event := map[string]any{"id": id, "type": body["event_name"], "timestamp": body["event_ts"], "data": body["payload"]}
		attributes := make(map[string]any)
		for member, v := range body {
			if member != "event_id" && member != "event_name" && member != "event_ts" && member != "payload" {
				attributes[member] = v
			}
		}
		if len(attributes) > 0 {
			event["attributes"] = attributes
		}
		w.deliver(event)
	}
	if len(types) != 20 || len(wanted) != 22 {
		t.Fatalf("got %d types in %d printed bodies, want 20 in 22", len(types), len(wanted))
	}
	for removes := 0; len(wanted) > 0 || removes < 2; {
		body := exact(t, (<-got).body).(map[string]any)
		id := body["event_id"].(string)
		want := wanted[id]
		delete(wanted, id)
		switch {
		case want == nil && body["event_name"] == "notification_channel.remove" && removes < 2:
			removes++ // follows from account.deactivate
		case !reflect.DeepEqual(body, want):
			t.Errorf("%s: got  %s\nwant %s", body["event_name"], text(t, body), text(t, want))
		}
	}
}

// TestPrintedCallsAreDelivered does the same for call-webhooks.txt, whose sample of call.completed is that of call.urgent, too: in
// the format relay, which that document prints, and in the format push.
func TestPrintedCallsAreDelivered(t *testing.T) {
	w := newWorld(t)
	url, got := endpoint(t, func() int { return 200 })
	pushURL, pushed := endpoint(t, func() int { return 200 })
	w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"`+url+`"}`)
	w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"`+pushURL+`","preset":"push"}`)
	bodies := printed(t, "printed-calls.ndjson")
	urgent := maps.Clone(bodies[0])
	urgent["event"] = "call.urgent"
	bodies = append(bodies, urgent)
	types := make(map[any]bool)
	for i, want := range bodies {
		name := want["event"]
		types[name] = true
		id := fmt.Sprint("call-", i)
		w.deliver(map[string]any{"id": id, "type": name, "timestamp": want["timestamp"], "data": want["data"]})
		body := exact(t, (<-got).body).(map[string]any)
		if id := body["webhookId"].(string); !strings.HasPrefix(id, "whk_") {
			t.Errorf("%s: got the webhookId %q, want whk_…", name, id)
		}
		body["webhookId"] = want["webhookId"]
		body["timestamp"] = strings.Replace(body["timestamp"].(string), ".000Z", "Z", 1)
		if !reflect.DeepEqual(body, want) {
			t.Errorf("%s: got  %s\nwant %s", name, text(t, body), text(t, want))
		}
		push := exact(t, (<-pushed).body)
		if want := any(map[string]any{
			"event_id": id, "event_name": name, "event_ts": strings.Replace(want["timestamp"].(string), "Z", ".000Z", 1), "payload": want["data"],
		}); !reflect.DeepEqual(push, want) {
			t.Errorf("%s: got  %s\nwant %s", name, text(t, push), text(t, want))
		}
	}
	if len(types) != 3 || !types["call.completed"] || !types["appointment.booked"] {
		t.Fatalf("got the types %v in the printed bodies, want the three of the document", types)
	}
}

// An enumeration is a property of a type's schema whose values are listed: the names that lead to it, where [] stands for the
// elements of an array.
type enumeration struct {
	path   []string
	number bool
}

// enumerations finds those in a schema.
func enumerations(schema map[string]any, path []string) (list []enumeration) {
	if values, ok := schema["enum"].([]any); ok {
		_, number := values[0].(json.Number)
		list = append(list, enumeration{slices.Clone(path), number})
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, sub := range properties {
		list = append(list, enumerations(sub.(map[string]any), append(path, name))...)
	}
	if items, ok := schema["items"].(map[string]any); ok {
		list = append(list, enumerations(items, append(path, "[]"))...)
	}
	return list
}

// with returns a value with another one in the place that path leads to, and that place as violations name it.
func with(v any, path []string, put any) (any, string) {
	if len(path) == 0 {
		return put, ""
	}
	if path[0] == "[]" {
		list := slices.Clone(v.([]any))
		changed, rest := with(list[0], path[1:], put)
		list[0] = changed
		return list, "[0]" + rest
	}
	object := maps.Clone(v.(map[string]any))
	changed, rest := with(object[path[0]], path[1:], put)
	object[path[0]] = changed
	return object, "." + path[0] + rest
}

// extended returns a value with one more member in each object in it.
func extended(v any) any {
	switch v := v.(type) {
	case map[string]any:
		more := map[string]any{"not_in_the_document": []any{map[string]any{"at": "all"}}}
		for name, member := range v {
			more[name] = extended(member)
		}
		return more
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = extended(v[i])
		}
		return list
	}
	return v
}

// TestEveryEnumerationIsChecked publishes the example of each of the 23 types with members that no document names, which pass, and
// with each of its enumerations set to a value that is none of it: a warning names the property, and under strict it is refused.
func TestEveryEnumerationIsChecked(t *testing.T) {
	w := newWorld(t)
	var list struct {
		Data []struct {
			Name                                                 string
			Schema, AttributesSchema, Example, ExampleAttributes json.RawMessage
		}
	}
	type wrong struct{ body, path string }
	var fine []string
	var broken []wrong
	w.into(&list, 200, "GET", "/v1/event-types?limit=250", "")
	for _, typ := range list.Data {
		for member, raw := range map[string][2]json.RawMessage{
			"data": {typ.Schema, typ.Example}, "attributes": {typ.AttributesSchema, typ.ExampleAttributes},
		} {
			if string(raw[0]) == "" || string(raw[0]) == "null" || string(raw[1]) == "null" {
				continue
			}
			event := map[string]any{"type": typ.Name, "data": exact(t, typ.Example)}
			event[member] = extended(exact(t, raw[1]))
			fine = append(fine, text(t, event))
			for _, e := range enumerations(exact(t, raw[0]).(map[string]any), nil) {
				put := any("no such value")
				if e.number {
					put = 7
				}
				changed, at := with(exact(t, raw[1]), e.path, put)
				event[member] = changed
				broken = append(broken, wrong{text(t, event), member + at})
			}
		}
	}
	if len(list.Data) != 23 || len(fine) < 23 || len(broken) < 25 {
		t.Fatalf("got %d types, %d with more members and %d wrong values, want all of the catalogue", len(list.Data), len(fine), len(broken))
	}
	for _, strict := range []bool{false, true} {
		if strict {
			w.into(nil, 200, "PATCH", "/v1/catalogue", `{"validation":"strict"}`)
		}
		for _, body := range fine {
			var e eventDoc
			if w.into(&e, 202, "POST", "/v1/events", body); e.Warnings != nil {
				t.Errorf("with members that no document names: got the warnings %v about %s", e.Warnings, body)
			}
		}
		stored := w.eventCount()
		for _, x := range broken {
			if strict {
				if p := w.refused(422, "POST", "/v1/events", x.body); p.fields() != x.path {
					t.Errorf("strict: got the fields %q, want %q of %s", p.fields(), x.path, x.body)
				}
				continue
			}
			var e eventDoc
			w.into(&e, 202, "POST", "/v1/events", x.body)
			if len(e.Warnings) != 1 || e.Warnings[0].Path != x.path || !strings.HasPrefix(e.Warnings[0].Message, "must be one of ") {
				t.Errorf("got the warnings %v, want one about %s of %s", e.Warnings, x.path, x.body)
			}
		}
		if strict && w.eventCount() != stored {
			t.Errorf("%d refused events are stored", w.eventCount()-stored)
		}
	}
	t.Logf("%d enumerations, %d examples with more members", len(broken), len(fine))
}
