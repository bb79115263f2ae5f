package api_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/internal/access"
)

// eventDoc is an event as the API shows it.
type eventDoc struct {
	ID, Type  string
	CauseID   *string
	Key       *string
	DeliverAt *string
	Data      json.RawMessage
	Warnings  []struct{ Path, Message string }
}

// edited returns the data of a type's example with some members changed; nil removes one.
func edited(t *testing.T, w *world, eventType string, change map[string]any) string {
	t.Helper()
	var example struct{ Data map[string]any }
	w.into(&example, 200, "GET", "/v1/event-types/"+eventType+"/example", "")
	for member, v := range change {
		example.Data[member] = v
	}
	return text(t, example.Data)
}

func TestValidationOfPublishedEvents(t *testing.T) {
	w := newWorld(t)
	const typ = "channel_consent.update"
	fine := `{"type":"` + typ + `","data":` + edited(t, w, typ, map[string]any{"not_in_the_document": []int{1}}) + `}`
	wrong := `{"type":"` + typ + `","data":` + edited(t, w, typ, map[string]any{"consent_type": "maybe"}) + `}`
	publish := func(body string) eventDoc {
		t.Helper()
		var e eventDoc
		w.into(&e, 202, "POST", "/v1/events", body)
		return e
	}
	if e := publish(fine); e.Warnings != nil {
		t.Errorf("an additional member: got the warnings %v, want none", e.Warnings)
	}

	// Warn is the default: accepted, and shown in the answer and beside the event.
	e := publish(wrong)
	if len(e.Warnings) != 1 || e.Warnings[0].Path != "data.consent_type" || !strings.HasPrefix(e.Warnings[0].Message, "must be one of ") {
		t.Errorf("a wrong value of an enumeration: got the warnings %v, want one about data.consent_type", e.Warnings)
	}
	var stored eventDoc
	w.into(&stored, 200, "GET", "/v1/events/"+e.ID, "")
	if !reflect.DeepEqual(stored.Warnings, e.Warnings) {
		t.Errorf("GET: got the warnings %v, want %v", stored.Warnings, e.Warnings)
	}
	var many struct{ Events []eventDoc }
	w.into(&many, 202, "POST", "/v1/events", "["+fine+","+wrong+"]")
	if len(many.Events) != 2 || many.Events[0].Warnings != nil || len(many.Events[1].Warnings) != 1 {
		t.Errorf("an array: got %+v, want warnings of the second", many.Events)
	}

	before := w.eventCount()
	w.into(nil, 200, "PATCH", "/v1/event-types/"+typ, `{"validation":"strict"}`)
	if p := w.refused(422, "POST", "/v1/events", wrong); p.fields() != "data.consent_type" {
		t.Errorf("strict: got the fields %q, want data.consent_type", p.fields())
	}
	if p := w.refused(422, "POST", "/v1/events", "["+fine+","+wrong+"]"); p.fields() != "[1].data.consent_type" {
		t.Errorf("strict, an array: got the fields %q, want [1].data.consent_type", p.fields())
	}
	if n := w.eventCount(); n != before {
		t.Errorf("refused events: %d are stored", n-before)
	}
	answer := w.do("POST", "/v1/events", fine+"\n"+wrong+"\n"+fine+"\n", "Content-Type", "application/x-ndjson")
	if s := string(answer.body); !strings.Contains(s, `{"line":2,"error":`) || !strings.Contains(s, "data.consent_type") ||
		!strings.Contains(s, `{"done":true,"lines":3,"accepted":2,"duplicates":0,"failed":1}`) {
		t.Errorf("strict, a stream: got %s, want line 2 refused and the others taken", s)
	}
	publish(fine)

	w.into(nil, 200, "PATCH", "/v1/event-types/"+typ, `{"validation":"off"}`)
	if e := publish(wrong); e.Warnings != nil {
		t.Errorf("off: got the warnings %v, want none", e.Warnings)
	}

	// A type that nobody described is refused only where the catalogue is strict.
	publish(`{"type":"order.unheard","data":1}`)
	w.into(nil, 200, "PATCH", "/v1/catalogue", `{"validation":"strict"}`)
	if p := w.refused(422, "POST", "/v1/events", `{"type":"order.unheard","data":1}`); p.fields() != "type" {
		t.Errorf("a type that is not in the catalogue: got the fields %q, want type", p.fields())
	}
	if p := w.refused(422, "POST", "/v1/events", wrongCall); p.fields() == "" {
		t.Error("strict for all: a call without members was accepted")
	}
	if e := publish(wrong); e.Warnings != nil {
		t.Error("the type's own mode must count before the catalogue's")
	}
	w.into(nil, 200, "PATCH", "/v1/catalogue", `{"validation":null}`)
	publish(`{"type":"order.unheard","data":1}`)
}

const wrongCall = `{"type":"call.completed","data":{}}`

func TestReservedTypesAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct{ body, field string }{
		{`{"type":"webhook.disabled","data":{}}`, "type"},
		{`[{"type":"a","data":1},{"type":"webhook.failing","data":{}}]`, "[1].type"},
	} {
		if p := w.refused(422, "POST", "/v1/events", tt.body); p.fields() != tt.field {
			t.Errorf("%s: got the fields %q, want %s", tt.body, p.fields(), tt.field)
		}
	}
	if n := w.eventCount(); n != 0 {
		t.Errorf("%d events are stored, want none", n)
	}
	w.refused(422, "POST", "/v1/event-types", `{"name":"webhook.mine"}`)
	w.refused(422, "POST", "/v1/derivation-rules", `{"name":"r","on":"a","type":"webhook.failing","data":"event.data"}`)
}

func TestAliasesOfTypes(t *testing.T) {
	w := newWorld(t)
	var hook hookDoc
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"http://127.0.0.1:8081/","events":["notification.auth_link_clicked","notification.auth_link_used","call.*"]}`)
	if want := []string{"notification.auth_link_used", "call.*"}; !reflect.DeepEqual(hook.Events, want) {
		t.Errorf("events: got %q, want %q", hook.Events, want)
	}
	w.into(&hook, 200, "PATCH", "/v1/webhooks/"+hook.ID, `{"events":["notification.auth_link_clicked"]}`)
	if want := []string{"notification.auth_link_used"}; !reflect.DeepEqual(hook.Events, want) {
		t.Errorf("changed events: got %q, want %q", hook.Events, want)
	}
	var e eventDoc
	w.into(&e, 202, "POST", "/v1/events", `{"type":"notification.auth_link_clicked","data":`+edited(t, w, "notification.auth_link_clicked", nil)+`}`)
	if e.Type != "notification.auth_link_used" || e.Warnings != nil {
		t.Errorf("published under the alias: got type %q and warnings %v", e.Type, e.Warnings)
	}
}

// stored returns all events, the oldest first.
func (w *world) stored() []eventDoc {
	w.t.Helper()
	var list struct{ Data []eventDoc }
	w.into(&list, 200, "GET", "/v1/events?limit=250", "")
	for i, j := 0, len(list.Data)-1; i < j; i, j = i+1, j-1 {
		list.Data[i], list.Data[j] = list.Data[j], list.Data[i]
	}
	return list.Data
}

// chain writes events as "type<cause's type".
func chain(list []eventDoc) string {
	types := make(map[string]string)
	var relayID string
	for _, e := range list {
		types[e.ID] = e.Type
	}
	var out []string
	for _, e := range list {
		cause := ""
		if e.CauseID != nil {
			if cause = types[*e.CauseID]; cause == "" {
				cause, relayID = "?", *e.CauseID
			}
		}
		out = append(out, e.Type+"<"+cause)
	}
	return strings.Join(out, " ") + relayID
}

func TestDerivedEvents(t *testing.T) {
	w := newWorld(t)
	url, got := endpoint(t, func() int { return 200 })
	w.into(nil, 201, "POST", "/v1/webhooks", `{"url":"`+url+`","format":"relay","signature":"none","ordering":"fifo"}`)

	// Before its cause: the channels of an account that is deactivated.
	deactivate := `{"type":"account.deactivate","key":"a7","data":` + edited(t, w, "account.deactivate", nil) + `}`
	var e eventDoc
	w.into(&e, 202, "POST", "/v1/events", deactivate)
	if e.Type != "account.deactivate" {
		t.Errorf("the answer is about %q, want the published event", e.Type)
	}
	if got, want := chain(w.stored()), "notification_channel.remove<account.deactivate notification_channel.remove<account.deactivate account.deactivate<"; got != want {
		t.Errorf("stored: got  %s\nwant %s", got, want)
	}
	for i, s := range w.stored() {
		if s.Key == nil || *s.Key != "a7" || len(s.Warnings) != 0 {
			t.Errorf("event %d: got key %v and warnings %v, want the key of the cause and none", i, s.Key, s.Warnings)
		}
	}
	for _, want := range []string{"notification_channel.remove", "notification_channel.remove", "account.deactivate"} {
		if r := <-got; r.header.Get("X-Relay-Event") != want {
			t.Errorf("delivered: got %s, want %s", r.header.Get("X-Relay-Event"), want)
		}
	}

	// Behind it, once however often it is published: with an id, a header, in an array, and as a stream.
	call := edited(t, w, "call.completed", map[string]any{"urgency": "urgent", "appointmentsBooked": []any{
		map[string]any{"eventId": "e1", "startUtc": "2026-05-07T15:00:00Z", "endUtc": "2026-05-07T15:30:00Z", "timeZoneId": "UTC", "callerName": "A", "callerPhone": "+1", "purpose": "B"},
		map[string]any{"eventId": "e2", "startUtc": "2026-05-08T15:00:00Z", "endUtc": "2026-05-08T15:30:00Z", "timeZoneId": "UTC", "callerName": "A", "callerPhone": "+1", "purpose": "B"},
	}})
	named := func(id string) string {
		return `{"type":"call.completed","id":"` + id + `","data":` + call + `}`
	}
	const follows = "call.completed< call.urgent<call.completed appointment.booked<call.completed appointment.booked<call.completed"
	ways := []struct {
		name string
		send func() answer
	}{
		{"object", func() answer { return w.do("POST", "/v1/events", named("c1")) }},
		{"array", func() answer { return w.do("POST", "/v1/events", "["+named("c2")+","+named("c2")+"]") }},
		{"stream", func() answer {
			return w.do("POST", "/v1/events", named("c3")+"\n", "Content-Type", "application/x-ndjson")
		}},
		{"header", func() answer {
			return w.do("POST", "/v1/events", `{"type":"call.completed","timestamp":"2026-05-05T14:23:00Z","data":`+call+`}`, "Idempotency-Key", "c4")
		}},
		{"long way", func() answer { return w.do("POST", "/v1/events", named("c5"), "Accept-Encoding", "x", "Expect", "") }},
	}
	for _, way := range ways {
		before := len(w.stored())
		for range 3 {
			if a := way.send(); a.status != 202 {
				t.Fatalf("%s: got %d %s", way.name, a.status, a.body)
			}
		}
		list := w.stored()[before:]
		for i := range list { // the cause is named by Relay's id, also where its publisher chose one
			if list[i].CauseID == nil {
				continue
			}
			var cause eventDoc
			w.into(&cause, 200, "GET", "/v1/events/"+*list[i].CauseID, "")
			list[i].CauseID = &cause.ID
		}
		if got := chain(list); got != follows {
			t.Errorf("%s: stored: got  %s\nwant %s", way.name, got, follows)
		}
		for _, x := range list {
			if len(x.Warnings) > 0 {
				t.Errorf("%s: %s has the warnings %v", way.name, x.Type, x.Warnings)
			}
		}
	}
	var many struct {
		Accepted, Duplicates int
		Events               []eventDoc
	}
	w.into(&many, 202, "POST", "/v1/events", "["+named("c6")+","+named("c6")+"]")
	if many.Accepted != 1 || many.Duplicates != 1 || len(many.Events) != 2 {
		t.Errorf("the answer about an array: got %+v, want the published ones counted", many)
	}

	// A tenant whose application publishes them itself switches the rule off.
	w.into(nil, 200, "PATCH", "/v1/derivation-rules/urgent-call", `{"enabled":false}`)
	before := len(w.stored())
	w.into(nil, 202, "POST", "/v1/events", named("c7"))
	if got := chain(w.stored()[before:]); strings.Contains(got, "call.urgent") || !strings.Contains(got, "appointment.booked") {
		t.Errorf("with urgent-call off: got %s", got)
	}
	w.into(nil, 200, "PATCH", "/v1/derivation-rules/urgent-call", `{"enabled":true}`)
	w.into(nil, 202, "POST", "/v1/events", named("c7")) // stored before: nothing is caught up on
	if n := len(w.stored()); n != before+3 {
		t.Errorf("published again with the rule on: %d events, want 3", n-before)
	}
}

func TestOwnRulesDeriveAndNeverLoop(t *testing.T) {
	w := newWorld(t)
	for _, rule := range []string{
		`{"name":"there","on":"ping","type":"pong","data":"event.data"}`,
		`{"name":"back","on":"pong","type":"ping","data":"event.data"}`,
		`{"name":"cel","on":"ping","when":"event.data.n > 1 && event.data.s.startsWith('a')","type":"big","data":"{\"n\": event.data.n}"}`,
		`{"name":"fails","on":"ping","type":"odd","data":"event.data.absent"}`,
	} {
		w.into(nil, 201, "POST", "/v1/derivation-rules", rule)
	}
	var e eventDoc
	at := time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")
	w.into(&e, 202, "POST", "/v1/events", `{"type":"ping","data":{"n":2.50,"s":"ab"},"deliverAt":"`+at+`"}`)
	if len(e.Warnings) != 1 || e.Warnings[0].Path != "rule fails" {
		t.Errorf("got the warnings %v, want one about the rule that fails", e.Warnings)
	}
	list := w.stored()
	if got, want := chain(list), "ping< pong<ping big<ping"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, x := range list {
		if x.DeliverAt == nil || *x.DeliverAt != at {
			t.Errorf("%s: got deliverAt %v, want that of the cause", x.Type, x.DeliverAt)
		}
	}
	if got := string(list[2].Data); got != `{"n":2.50}` {
		t.Errorf("the data of big: got %s", got)
	}
	// A derived event that its own type refuses is left out and reported; the published event is stored.
	w.into(nil, 201, "POST", "/v1/event-types", `{"name":"big","schema":{"type":"object","required":["unit"]},"validation":"strict"}`)
	w.into(&e, 202, "POST", "/v1/events", `{"type":"ping","data":{"n":3,"s":"a"}}`)
	if got, want := chain(w.stored()[3:]), "ping< pong<ping"; got != want {
		t.Errorf("with a strict type: got %s, want %s", got, want)
	}
	if len(e.Warnings) != 2 || e.Warnings[1].Path != "rule cel" || !strings.Contains(e.Warnings[1].Message, "data.unit is missing") {
		t.Errorf("with a strict type: got the warnings %v, want a second one about the rule", e.Warnings)
	}
}

// TestDerivationBoundOfARequest holds an array to what one commit may hold.
func TestDerivationBoundOfARequest(t *testing.T) {
	w := newWorld(t)
	w.into(nil, 201, "POST", "/v1/derivation-rules", `{"name":"many","on":"list","forEach":"event.data","type":"entry","data":"item"}`)
	one := `{"type":"list","data":[` + strings.TrimSuffix(strings.Repeat("1,", 1000), ",") + `]}`
	w.into(nil, 202, "POST", "/v1/events", one)
	p := w.refused(413, "POST", "/v1/events", "["+strings.TrimSuffix(strings.Repeat(one+",", 11), ",")+"]")
	if !strings.Contains(p.Detail, "10000") {
		t.Errorf("got %q, want the bound named", p.Detail)
	}
	var list struct{ Data []eventDoc }
	w.into(&list, 200, "GET", "/v1/events?type=list", "")
	if len(list.Data) != 1 {
		t.Errorf("got %d lists, want 1", len(list.Data))
	}
}

func TestTenantsHaveCataloguesOfTheirOwn(t *testing.T) {
	w := newWorld(t)
	other := "Bearer " + w.otherKey()
	w.into(nil, 201, "POST", "/v1/event-types", `{"name":"order.created","schema":{"type":"object"},"validation":"strict"}`)
	w.into(nil, 200, "PATCH", "/v1/derivation-rules/urgent-call", `{"enabled":false}`)
	w.into(nil, 201, "POST", "/v1/derivation-rules", `{"name":"mine","on":"a","type":"b","data":"event.data"}`)
	w.refused(404, "GET", "/v1/event-types/order.created", "", "Authorization", other)
	w.refused(404, "DELETE", "/v1/event-types/order.created", "", "Authorization", other)
	w.refused(404, "GET", "/v1/derivation-rules/mine", "", "Authorization", other)
	var rule struct{ Enabled bool }
	w.into(&rule, 200, "GET", "/v1/derivation-rules/urgent-call", "", "Authorization", other)
	if !rule.Enabled {
		t.Error("another tenant's rule was switched off")
	}
	w.into(nil, 202, "POST", "/v1/events", `{"type":"order.created","data":1}`, "Authorization", other)
	w.refused(422, "POST", "/v1/events", `{"type":"order.created","data":1}`)
	// Scopes.
	read := "Bearer " + w.key(access.ScopeRead)
	w.into(nil, 200, "GET", "/v1/event-types", "", "Authorization", read)
	for _, call := range []string{"POST /v1/event-types", "PATCH /v1/event-types/call.completed", "DELETE /v1/event-types/order.created",
		"POST /v1/event-types/import?format=pack", "PATCH /v1/catalogue", "POST /v1/derivation-rules", "DELETE /v1/derivation-rules/mine"} {
		method, path, _ := strings.Cut(call, " ")
		w.refused(403, method, path, `{}`, "Authorization", read)
	}
}

// TestTestEventsAreTheTenantsOwn sends the example of a type that the tenant has described.
func TestTestEventsAreTheTenantsOwn(t *testing.T) {
	w := newWorld(t)
	url, got := endpoint(t, func() int { return 200 })
	w.into(nil, 201, "POST", "/v1/event-types", `{"name":"order.created","example":{"amount":12.50}}`)
	for _, tt := range []struct{ events, request, want string }{
		{`["order.created"]`, ``, `"data":{"amount":12.50}`},
		{`["order.*"]`, ``, `"data":{"amount":12.50}`},
		{`["*"]`, `{"type":"order.created"}`, `"data":{"amount":12.50}`},
		{`["unknown.type"]`, ``, `"data":{"message":`},
		{`["notification_channel.*"]`, ``, `"event":"notification_channel.add"`},
	} {
		var hook hookDoc
		w.into(&hook, 201, "POST", "/v1/webhooks", fmt.Sprintf(`{"url":%q,"events":%s}`, url, tt.events))
		w.into(nil, 200, "POST", "/v1/webhooks/"+hook.ID+"/test", tt.request)
		if got := string((<-got).body); !strings.Contains(got, tt.want) {
			t.Errorf("events %s, request %s: got %s, want %s", tt.events, tt.request, got, tt.want)
		}
	}
}

func TestFiltersAsOperators(t *testing.T) {
	w := newWorld(t)
	url, got := endpoint(t, func() int { return 200 })
	var hook struct{ ID, Filter string }
	w.into(&hook, 201, "POST", "/v1/webhooks", `{"url":"`+url+`","filter":{"data.amount":{"$gte":100},"type":"order.created"}}`)
	if want := `event.data.amount >= 100 && event.type == "order.created"`; hook.Filter != want {
		t.Errorf("got the filter %s, want %s", hook.Filter, want)
	}
	for _, amount := range []string{"99", "100"} {
		w.into(nil, 202, "POST", "/v1/events", `{"type":"order.created","data":{"amount":`+amount+`}}`)
	}
	if body := string((<-got).body); !strings.Contains(body, `"amount":100`) {
		t.Errorf("delivered: got %s, want the one of 100", body)
	}
	for _, bad := range []string{`{"data.amount":{"$above":1}}`, `7`, `["a"]`} {
		if p := w.refused(422, "PATCH", "/v1/webhooks/"+hook.ID, `{"filter":`+bad+`}`); p.fields() != "filter" {
			t.Errorf("filter %s: got the fields %q, want filter", bad, p.fields())
		}
	}
}
