package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
)

// A CloudEvent that was published in any of the modes comes out as the one it was, with the delivery's id beside it.
func TestCloudEventsGoThrough(t *testing.T) {
	w := newWorld(t)
	url, got := endpoint(t, func() int { return 200 })
	w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"`+url+`","format":"cloudevents"}`)
	const structured, batch = "application/cloudevents+json", "application/cloudevents-batch+json"
	came := func(want string) {
		t.Helper()
		var a, b map[string]any
		r := <-got
		if err := json.Unmarshal(r.body, &a); err != nil {
			t.Fatalf("got %s: %v", r.body, err)
		}
		if err := json.Unmarshal([]byte(want), &b); err != nil {
			t.Fatal(err)
		}
		delete(a, "webhookid")
		if !maps.EqualFunc(a, b, func(x, y any) bool { return fmt.Sprint(x) == fmt.Sprint(y) }) {
			t.Errorf("got %s\nwant %s", r.body, want)
		}
		if data := strings.TrimSuffix(want[strings.Index(want, `"data":`):], "}"); !strings.Contains(string(r.body), data) {
			t.Errorf("got %s, want the bytes %s in it", r.body, data)
		}
	}
	const one = `{"specversion":"1.0","id":"A/2 4%","source":"/shop?x=1","type":"com.example.order","time":"2026-11-30T10:00:00.125Z","datacontenttype":"application/json",
		"subject":"order 7","dataschema":"https://example.com/s","dataversion":"2","partitionkey":"k 1","n":7,"flag":true,"word":"a\\u0041","data":{"a": 1.50,"b":[]}}`
	type answer struct {
		ID         string
		Duplicate  bool
		Accepted   int
		Duplicates int
		Events     []struct{ ID string }
	}
	var first, again, other answer
	w.into(&first, 202, "POST", "/v1/events", one, "Content-Type", structured+"; charset=utf-8")
	came(one)
	w.into(&again, 202, "POST", "/v1/events", one, "Content-Type", structured)
	if first.Duplicate || !again.Duplicate || again.ID != first.ID {
		t.Errorf("published twice: got %+v and %+v", first, again)
	}
	w.into(nil, 200, "GET", "/v1/events/"+strings.ReplaceAll(first.ID, "%", "%25"), "") // its id finds it
	// The same id from another source is another event.
	elsewhere := strings.Replace(one, "/shop?x=1", "/shop?x=2", 1)
	w.into(&other, 202, "POST", "/v1/events", elsewhere, "Content-Type", structured)
	if other.Duplicate || other.ID == first.ID {
		t.Errorf("from another source: got %+v", other)
	}
	came(elsewhere)
	w.refused(409, "POST", "/v1/events", strings.Replace(one, "1.50", "1.5", 1), "Content-Type", structured)

	// Binary mode, with the JSON data as they are, and the ids of another Relay.
	w.into(nil, 202, "POST", "/v1/events", `{"a": 1.50}`, "ce-specversion", "1.0", "ce-id", "evt_0dqv5r8k0000g", "ce-source", "/relay/tenants/1", "ce-type", "a.b",
		"ce-time", "2026-11-30T10:00:00Z", "ce-subject", "gr%C3%BC%C3%9Fe", "ce-mine", "1", "Content-Type", "application/vnd.a+json")
	came(`{"specversion":"1.0","id":"evt_0dqv5r8k0000g","source":"/relay/tenants/1","type":"a.b","time":"2026-11-30T10:00:00.000Z","datacontenttype":"application/json","subject":"grüße","mine":"1","data":{"a": 1.50}}`)
	// The media type of plain events does not hide the attributes in the header.
	w.into(nil, 202, "POST", "/v1/events", `{"type":"not.this","data":2}`, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "s", "ce-type", "a.c", "ce-time", "2026-11-30T10:00:00Z")
	came(`{"specversion":"1.0","id":"1","source":"s","type":"a.c","time":"2026-11-30T10:00:00.000Z","datacontenttype":"application/json","data":{"type":"not.this","data":2}}`)
	w.into(nil, 202, "POST", "/v1/events", "", "ce-specversion", "1.0", "ce-id", "2", "ce-source", "s", "ce-type", "a.d", "ce-time", "2026-11-30T10:00:00Z")
	came(`{"specversion":"1.0","id":"2","source":"s","type":"a.d","time":"2026-11-30T10:00:00.000Z","datacontenttype":"application/json","data":null}`)

	var many answer
	w.into(&many, 202, "POST", "/v1/events", `[`+one+`,{"specversion":"1.0","id":"3","source":"s","type":"a.e","time":"2026-11-30T10:00:00Z","data_base64":"WzEsIDJd","data":null}]`, "Content-Type", batch)
	if many.Accepted != 1 || many.Duplicates != 1 || len(many.Events) != 2 || many.Events[0].ID != first.ID {
		t.Errorf("a batch with a known event: got %+v", many)
	}
	came(`{"specversion":"1.0","id":"3","source":"s","type":"a.e","time":"2026-11-30T10:00:00.000Z","datacontenttype":"application/json","data":[1, 2]}`)
}

func TestCloudEventsRefused(t *testing.T) {
	w := newWorld(t)
	const structured, batch = "application/cloudevents+json", "application/cloudevents-batch+json"
	with := func(members string) string {
		return `{"specversion":"1.0","id":"1","source":"s","type":"a.b",` + members + `}`
	}
	for _, tt := range []struct{ media, body, fields string }{
		{structured, `{}`, "specversion id source type"},
		{structured, `[]`, "body"},
		{structured, `{"specversion":"0.3","id":"1","source":"s","type":"a.b"}`, "specversion"},
		{structured, with(`"time":"yesterday"`), "time"},
		{structured, with(`"subject":7`), "subject"},
		{structured, with(`"subject":""`), "subject"},
		{structured, with(`"datacontenttype":"text/plain","data":"x"`), "datacontenttype"},
		{structured, with(`"data_base64":"AAE="`), "data_base64"},
		{structured, with(`"data":1,"data_base64":"MQ=="`), "data_base64"},
		{structured, with(`"ext":{"a":1}`), "ext"},
		{structured, with(`"my_ext":"1"`), "my_ext"},
		{structured, with(`"partitionkey":"` + strings.Repeat("k", 257) + `"`), "partitionkey"},
		{structured, `{"specversion":"1.0","id":"` + strings.Repeat("i", 248) + `","source":"s","type":"a.b"}`, "id"},
		{structured, `{"specversion":"1.0","id":"1","source":"s","type":"a b"}`, "type"},
		{batch, `[` + with(`"data":1`) + `,{"specversion":"1.0","id":"2","source":"s"}]`, "[1].type"},
		{batch, with(`"data":1`), "body"},
		{batch, `[]`, "body"},
	} {
		if p := w.refused(422, "POST", "/v1/events", tt.body, "Content-Type", tt.media); p.fields() != tt.fields {
			t.Errorf("%s: got %+v, want fields %s", tt.body, p, tt.fields)
		}
	}
	w.refused(400, "POST", "/v1/events", `{"specversion":`, "Content-Type", structured)
	w.refused(400, "POST", "/v1/events", `no JSON`, "ce-specversion", "1.0", "ce-id", "1", "ce-source", "s", "ce-type", "a.b")
	if p := w.refused(422, "POST", "/v1/events", `x`[:0], "ce-specversion", "1.0", "ce-id", "%zz", "ce-source", "s"); p.fields() != "id type" {
		t.Errorf("binary: got %+v", p)
	}
	if p := w.refused(422, "POST", "/v1/events", `<a/>`, "Content-Type", "text/xml", "ce-specversion", "1.0", "ce-id", "1", "ce-source", "s", "ce-type", "a.b"); p.fields() != "datacontenttype" {
		t.Errorf("binary with XML: got %+v", p)
	}
	if n := w.eventCount(); n != 0 {
		t.Errorf("%d events were stored, want none", n)
	}
}
