package api

import (
	"encoding/json"
	"time"

	"github.com/relay-events/relay/internal/catalogue"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/rest"
)

// operational are the events that Relay publishes about webhooks; docs/deliveries.md explains them.
var operational = []catalogue.Type{
	{Name: "webhook.failing", Description: "All attempts of a webhook have failed for an hour.",
		Schema: operationalSchema(``), Example: operationalExample(``)},
	{Name: "webhook.authentication_rejected", Description: "A delivery has failed because the endpoint answered 401 or 403.",
		Schema:  operationalSchema(`,"rejectedSince":{"type":"string","format":"date-time"},"rejections":{"type":"integer"},"reason":{"type":"string"}`, "rejectedSince", "rejections", "reason"),
		Example: operationalExample(`,"rejectedSince":"2026-05-05T13:23:00Z","rejections":3,"reason":"authentication rejected: the endpoint answered 401 Unauthorized"`)},
	{Name: "webhook.disabled", Description: "Relay has disabled a webhook.",
		Schema:  operationalSchema(`,"disabledAt":{"type":"string","format":"date-time"},"reason":{"type":"string"}`, "disabledAt", "reason"),
		Example: operationalExample(`,"disabledAt":"2026-05-10T13:23:00Z","reason":"all attempts have failed for 5 days"`)},
}

func operationalSchema(more string, required ...string) json.RawMessage {
	names, err := json.Marshal(append([]string{"webhookId", "failingSince", "failures", "lastError"}, required...))
	if err != nil {
		panic("internal error: " + err.Error())
	}
	return json.RawMessage(`{"type":"object","properties":{"webhookId":{"type":"string"},"failingSince":{"type":"string","format":"date-time"},` +
		`"failures":{"type":"integer"},"lastError":{"type":"string"},"restHook":{"type":"boolean"}` + more + `},"required":` + string(names) + `}`)
}

func operationalExample(more string) json.RawMessage {
	return json.RawMessage(`{"webhookId":"wh_3f6q2mzk7ahx5w4e","failingSince":"2026-05-05T13:23:00Z","failures":12,"lastError":"the endpoint answered 503 Service Unavailable"` + more + `}`)
}

// messages describes what endpoints receive: an event of each type that every installation has, in the format relay. The
// types of tenants are their own affair, and not in a document that everybody may read.
func messages() []rest.Message {
	var list []rest.Message
	for _, t := range append(catalogue.Types(), operational...) {
		// The version is an example, because a publisher may name one.
		e := &event.Event{Type: t.Name, Version: t.Version, Time: t.ExampleTime, Data: t.Example}
		if e.Time.IsZero() {
			e.Time = time.Date(2026, 5, 5, 14, 23, 0, 0, time.UTC)
		}
		example, _ := format.Append(nil, format.Relay, e, event.DeliveryID{Event: 0x1b8f3c2a4d5e600, Webhook: 1})
		list = append(list, rest.Message{
			Name: t.Name, Tag: "Webhooks", Summary: "An event " + t.Name + " for your endpoint", Description: t.Description,
			Schema: envelope(t.Name, t.Schema), Example: example,
		})
	}
	return list
}

// envelope is the schema of the body in the format relay.
func envelope(name string, data json.RawMessage) json.RawMessage {
	var schema map[string]json.RawMessage
	if err := json.Unmarshal(data, &schema); err != nil { // the packs are tested
		panic("internal error: schema of " + name + ": " + err.Error())
	}
	delete(schema, "$schema") // the document's own dialect, 2020-12
	data, err := json.Marshal(schema)
	if err != nil {
		panic("internal error: " + err.Error())
	}
	return json.RawMessage(`{"type":"object","required":["version","event","timestamp","webhookId","data"],"properties":{` +
		`"version":{"type":"string","description":"version of the data's shape"},` +
		`"event":{"type":"string","enum":["` + name + `"]},` +
		`"timestamp":{"type":"string","format":"date-time"},` +
		`"webhookId":{"type":"string","description":"id of the delivery, the same in each attempt: deduplicate on it"},` +
		`"data":` + string(data) + `}}`)
}
