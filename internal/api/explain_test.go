package api_test

import (
	"strings"
	"testing"
	"time"
)

// explain answers "was the call flagged urgent?": a webhook that asks for a derived type is told by which rule it follows,
// and why it did not.
func TestExplainFollowsRules(t *testing.T) {
	w := newWorld(t)
	url, _ := endpoint(t, func() int { return 200 })
	hook := func(events string) string {
		var h hookDoc
		w.into(&h, 201, "POST", "/v1/webhooks", `{"url":"`+url+`","events":[`+events+`]}`)
		return h.ID
	}
	w.into(nil, 201, "POST", "/v1/derivation-rules", `{"name":"large-order","on":"order.created","when":"event.data.total > 100 && event.data.country in ['DK', 'DE']","type":"order.large","data":"event.data"}`)
	w.into(nil, 201, "POST", "/v1/derivation-rules", `{"name":"huge-order","on":"order.large","when":"event.data.total > 1000","type":"order.huge","data":"event.data","before":true}`)
	urgent, booked, large, huge := hook(`"call.urgent"`), hook(`"appointment.booked"`), hook(`"order.large"`), hook(`"order.huge"`)
	publish := func(body string) string {
		t.Helper()
		var p struct{ Events []struct{ ID string } }
		w.into(&p, 202, "POST", "/v1/events", "["+body+"]")
		return p.Events[0].ID
	}
	explain := func(id, hook string) (verdict, detail string) {
		t.Helper()
		var l page[struct{ Verdict, Detail string }]
		w.into(&l, 200, "GET", "/v1/events/"+id+"/explain?webhookId="+hook, "")
		if len(l.Data) != 1 {
			t.Fatalf("explaining %s: got %+v", id, l)
		}
		return l.Data[0].Verdict, l.Data[0].Detail
	}
	const call = `{"type":"call.completed","data":{"sid":"CA1","tenantId":"tnt_1","caller":"+12125551234","urgency":%,"appointmentsBooked":[]}}`
	with := func(urgency string) string { return strings.Replace(call, "%", urgency, 1) }
	for _, tt := range []struct {
		event, hook string
		want        []string
	}{
		{with(`"normal"`), urgent, []string{"the webhook asks for call.urgent, not for call.completed", `call.urgent follows from call.completed when event.data.urgency == "urgent"; here event.data.urgency is "normal"`}},
		{with(`"urgent"`), urgent, []string{"call.urgent followed from it as evt_", ": delivered with attempt 1"}},
		{with(`null`), urgent, []string{"here event.data.urgency is absent or null"}},
		{`{"type":"call.completed","data":{"sid":"CA1"}}`, urgent, []string{"event.data.urgency is absent or null"}},
		{with(`"urgent"`), booked, []string{"appointment.booked follows from call.completed, once for each element of event.data.appointmentsBooked, which is empty here"}},
		{`{"type":"call.completed","data":{"sid":"CA1"}}`, booked, []string{"which is absent or null here"}},
		{`{"type":"call.completed","data":{"sid":"CA1","appointmentsBooked":[{"eventId":"1"},{"eventId":"2"},{"eventId":"3"},{"eventId":"4"},{"eventId":"5"}]}}`, booked, []string{"appointment.booked followed from it as evt_", "and 2 more followed"}},
		{`{"type":"order.created","data":{"total":7,"country":"DK"}}`, large, []string{"here event.data.total is 7"}},
		{`{"type":"order.created","data":{"total":700,"country":"SE"}}`, large, []string{`here event.data.country is "SE"`}},
		{`{"type":"order.created","data":{"total":700,"country":"DE"}}`, large, []string{"order.large followed from it as evt_", "delivered"}},
		{`{"type":"order.created","data":{"total":7000,"country":"DE"}}`, huge, []string{"order.huge followed from it as evt_", "delivered"}},
		{`{"type":"order.created","data":{"total":7000,"country":"DE"}}`, urgent, []string{"the webhook asks for call.urgent, not for order.created"}},
	} {
		id := publish(tt.event)
		var verdict, detail string
		eventually(t, tt.event+" is explained", func() bool {
			verdict, detail = explain(id, tt.hook)
			// Until the engine has taken it over there is no trace of a delivery.
			return !strings.Contains(detail, "on its way") && !strings.Contains(detail, "settings have changed")
		})
		for _, want := range tt.want {
			if verdict != "type" || !strings.Contains(detail, want) {
				t.Errorf("%s: got %s, %q; want %q in it", tt.event, verdict, detail, want)
			}
		}
	}
	w.into(nil, 200, "PATCH", "/v1/derivation-rules/urgent-call", `{"enabled":false}`)
	if _, detail := explain(publish(with(`"urgent"`)), urgent); !strings.Contains(detail, "call.urgent follows from call.completed by the rule urgent-call, which is off") {
		t.Errorf("with the rule off: got %q", detail)
	}
	before := publish(with(`"urgent"`))
	w.into(nil, 200, "PATCH", "/v1/derivation-rules/urgent-call", `{"enabled":true}`)
	if _, detail := explain(before, urgent); !strings.Contains(detail, "it was off or different then") {
		t.Errorf("with the rule on since: got %q", detail)
	}

	// The cause lists the events derived from it, at all depths.
	type derived struct {
		ID      string
		CauseID *string
		Derived []struct{ ID, Type, CauseID string }
	}
	var cause derived
	w.into(&cause, 200, "GET", "/v1/events/"+publish(`{"type":"order.created","id":"ord-1","data":{"total":7000,"country":"DE"}}`), "")
	if len(cause.Derived) != 2 || cause.Derived[0].Type != "order.huge" || cause.Derived[1].Type != "order.large" || cause.Derived[0].CauseID != cause.Derived[1].ID {
		t.Fatalf("got the cause %+v, want order.huge and order.large", cause)
	}
	for _, d := range cause.Derived {
		var one derived
		w.into(&one, 200, "GET", "/v1/events/"+d.ID, "")
		if one.CauseID == nil || *one.CauseID != d.CauseID {
			t.Errorf("got %+v, want the cause %s", one, d.CauseID)
		}
	}
	var plain derived
	w.into(&plain, 200, "GET", "/v1/events/"+publish(with(`"normal"`)), "")
	if plain.Derived == nil || len(plain.Derived) != 0 {
		t.Errorf("got %+v, want an empty list", plain)
	}
}

// A webhook says when its secret was rotated, and until when the one before signs.
func TestRotationIsShown(t *testing.T) {
	w := newWorld(t)
	type hook struct {
		ID, Secret                           string
		SecretRotatedAt, PreviousSecretUntil *time.Time
	}
	var made, rotated, read hook
	url, _ := endpoint(t, func() int { return 200 })
	w.into(&made, 201, "POST", "/v1/webhooks", `{"url":"`+url+`","signature":"standard"}`)
	if made.SecretRotatedAt != nil || made.PreviousSecretUntil != nil {
		t.Errorf("made: got %+v, want no rotation", made)
	}
	begin := time.Now().Truncate(time.Millisecond)
	w.into(&rotated, 200, "POST", "/v1/webhooks/"+made.ID+"/rotate-secret", `{"overlap":"1h"}`)
	if rotated.SecretRotatedAt == nil || rotated.SecretRotatedAt.Before(begin) || rotated.PreviousSecretUntil == nil || !rotated.PreviousSecretUntil.Equal(rotated.SecretRotatedAt.Add(time.Hour)) {
		t.Errorf("rotated: got %+v, want when, and an hour more", rotated)
	}
	w.into(nil, 200, "PATCH", "/v1/webhooks/"+made.ID, `{"description":"changed since"}`)
	w.into(&read, 200, "GET", "/v1/webhooks/"+made.ID, "")
	if read.SecretRotatedAt == nil || !read.SecretRotatedAt.Equal(*rotated.SecretRotatedAt) || read.Secret != "" {
		t.Errorf("read: got %+v, want as before, without the secret", read)
	}
	read = hook{}
	w.into(nil, 200, "POST", "/v1/webhooks/"+made.ID+"/rotate-secret", "")
	w.into(&read, 200, "GET", "/v1/webhooks/"+made.ID, "")
	if read.SecretRotatedAt == nil || read.PreviousSecretUntil != nil {
		t.Errorf("rotated at once: got %+v, want no overlap", read)
	}
}
