package receiver_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/relay-events/relay/receiver"
)

// The two samples of call-webhooks.txt, "Payload reference", as printed.
const (
	callSample = `{
"version": "2026-05-05",
"event": "call.completed",
"timestamp": "2026-05-05T14:23:00Z",
"webhookId": "whk_abc123",
"data": {
"sid": "CA...",
"tenantId": "tnt_...",
"caller": "+12125551234",
"callerName": "John Smith",
"calledLine": "+18885559876",
"duration": 142,
"billableMinutes": 3,
"startedAt": "2026-05-05T14:20:38Z",
"endedAt": "2026-05-05T14:23:00Z",
"endReason": "caller-hangup",
"summary": "Caller asked about pricing for the team plan...",
"urgency": "normal",
"mode": "receptionist",
"appointmentsBooked": [],
"transcriptUrl": "https://api.relay.sandybrook.io/api/calls/CA.../transcript",
"redirect": null
}
}`
	appointmentSample = `{
"version": "2026-05-05",
"event": "appointment.booked",
"timestamp": "2026-05-05T14:23:00Z",
"webhookId": "whk_abc123",
"data": {
"sid": "CA...",
"tenantId": "tnt_...",
"eventId": "evt_...",
"startUtc": "2026-05-07T15:00:00Z",
"endUtc": "2026-05-07T15:30:00Z",
"timeZoneId": "America/New_York",
"callerName": "John Smith",
"callerPhone": "+12125551234",
"purpose": "Initial consultation"
}
}`
)

// Data that keeps its keys and their order through a struct has lost no members.
func TestSamplesOfTheDocument(t *testing.T) {
	for _, c := range []struct {
		sample string
		data   func(receiver.Event) (any, error)
	}{
		{callSample, func(e receiver.Event) (any, error) { return e.Call() }},
		{strings.Replace(callSample, "call.completed", "call.urgent", 1), func(e receiver.Event) (any, error) { return e.Call() }},
		{appointmentSample, func(e receiver.Event) (any, error) { return e.Appointment() }},
	} {
		e, err := receiver.Parse([]byte(c.sample))
		if err != nil {
			t.Fatalf("Parse(%s): %v", c.sample, err)
		}
		data, err := c.data(e)
		if err != nil {
			t.Fatalf("data of %q: %v", e.Type, err)
		}
		if e.Data, err = json.Marshal(data); err != nil {
			t.Fatalf("encoding data of %q: %v", e.Type, err)
		}
		got, err := json.Marshal(e)
		if err != nil {
			t.Fatalf("encoding %q: %v", e.Type, err)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, []byte(c.sample)); err != nil {
			t.Fatal(err)
		}
		if string(got) != want.String() {
			t.Errorf("%q through the structs:\ngot  %s\nwant %s", e.Type, got, want.String())
		}
	}
}

func TestNullAndUnknownFields(t *testing.T) {
	e := receiver.Event{Type: receiver.CallUrgent, Data: json.RawMessage(
		`{"sid":"CA1","callerName":null,"redirect":{"to":"+1"},"appointmentsBooked":[{"eventId":"evt_1"}],"sentiment":"new key"}`)}
	call, err := e.Call()
	if err != nil {
		t.Fatalf("Call: %v", err)
	}
	if call.CallerName != "" || call.Redirect == nil || string(*call.Redirect) != `{"to":"+1"}` || len(call.AppointmentsBooked) != 1 {
		t.Errorf("got %+v, want no name, the redirect and one appointment", call)
	}
	e.Data = json.RawMessage(`{"redirect":null}`)
	if call, err = e.Call(); err != nil || call.Redirect != nil {
		t.Errorf("null redirect: got %v, %v, want nil", call.Redirect, err)
	}
}

func TestDataOfAnotherType(t *testing.T) {
	call, _ := receiver.Parse([]byte(callSample))
	appointment, _ := receiver.Parse([]byte(appointmentSample))
	if _, err := call.Appointment(); !errors.Is(err, receiver.ErrType) {
		t.Errorf("Appointment of a call: got %v, want %v", err, receiver.ErrType)
	}
	if _, err := appointment.Call(); !errors.Is(err, receiver.ErrType) {
		t.Errorf("Call of an appointment: got %v, want %v", err, receiver.ErrType)
	}
	for _, data := range []string{`null`, `[]`, `"x"`, `{"duration":"long"}`, ``} {
		if _, err := (receiver.Event{Type: receiver.CallCompleted, Data: json.RawMessage(data)}).Call(); err == nil {
			t.Errorf("Call with data %q: got nil, want an error", data)
		}
	}
}

func TestParse(t *testing.T) {
	good := `{"version":"v","event":"e","timestamp":"2026-05-05T14:23:00.5+02:00","webhookId":"w","data":null}`
	e, err := receiver.Parse([]byte(good))
	want := receiver.Event{Version: "v", Type: "e", WebhookID: "w", Data: json.RawMessage("null"), Timestamp: e.Timestamp}
	if err != nil || !reflect.DeepEqual(e, want) || !e.Timestamp.Equal(time.Date(2026, 5, 5, 12, 23, 0, 5e8, time.UTC)) {
		t.Errorf("Parse(%s): got %+v, %v, want %+v", good, e, err, want)
	}
	for _, body := range []string{
		``, `null`, `[]`, `{}`, good + `x`,
		strings.Replace(good, `"v"`, `""`, 1),
		strings.Replace(good, `"version"`, `"versions"`, 1),
		strings.Replace(good, `"e"`, `null`, 1),
		strings.Replace(good, `"e"`, `7`, 1),
		strings.Replace(good, `"w"`, `""`, 1),
		strings.Replace(good, `"w"`, `"`+strings.Repeat("w", 257)+`"`, 1),
		strings.Replace(good, `2026-05-05T`, `2026-13-05T`, 1),
		strings.Replace(good, `"timestamp"`, `"timestamps"`, 1),
		strings.Replace(good, `,"data":null`, ``, 1),
	} {
		if _, err := receiver.Parse([]byte(body)); !errors.Is(err, receiver.ErrEnvelope) {
			t.Errorf("Parse(%.120s): got %v, want %v", body, err, receiver.ErrEnvelope)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(callSample))
	f.Add([]byte(appointmentSample))
	f.Add([]byte(`{"version":{},"data":[`))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := receiver.Parse(body)
		if err != nil {
			return
		}
		if e.Version == "" || e.Type == "" || e.WebhookID == "" || len(e.WebhookID) > 256 || !json.Valid(e.Data) {
			t.Errorf("Parse(%q): got %+v, want every field set", body, e)
		}
		e.Call()
		e.Appointment()
	})
}
