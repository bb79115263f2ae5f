package receiver

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Version is the version of the envelope for which this package was written. It changes with
// breaking changes of the shape; new keys inside data do not change it (call-webhooks.txt, "Payload
// reference").
const Version = "2026-05-05"

// The three events of call-webhooks.txt. Relay delivers events of any other types as well; package
// push has structs for those of the push format.
const (
	CallCompleted     = "call.completed"     // data is a Call
	CallUrgent        = "call.urgent"        // data is a Call
	AppointmentBooked = "appointment.booked" // data is an Appointment
)

// maxWebhookIDBytes bounds a webhookId in the memory of processed events. Relay's own ids have
// fewer than 40 bytes.
const maxWebhookIDBytes = 256

// Event is the envelope in which Relay sends every event in the relay format.
type Event struct {
	// Version is the version of the contract, a date. The Receiver accepts only the configured
	// versions.
	Version string `json:"version"`
	// Type is the event's type, such as "call.completed", which determines the content of Data.
	Type string `json:"event"`
	// Timestamp is when the event happened, not when it was sent.
	Timestamp time.Time `json:"timestamp"`
	// WebhookID is the same in every attempt to deliver this event to this webhook, and otherwise
	// unique.
	WebhookID string `json:"webhookId"`
	// Data is the event's data, byte for byte as published.
	Data json.RawMessage `json:"data"`
}

// Parse parses an envelope from a body whose signature has been verified. It ignores unknown keys
// and does not check Version. The error wraps ErrEnvelope.
func Parse(body []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(body, &e); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	switch {
	case e.Version == "":
		return Event{}, fmt.Errorf("%w: no version", ErrEnvelope)
	case e.Type == "":
		return Event{}, fmt.Errorf("%w: no event", ErrEnvelope)
	case e.Timestamp.IsZero():
		return Event{}, fmt.Errorf("%w: no timestamp", ErrEnvelope)
	case e.WebhookID == "":
		return Event{}, fmt.Errorf("%w: no webhookId", ErrEnvelope)
	case len(e.WebhookID) > maxWebhookIDBytes:
		return Event{}, fmt.Errorf("%w: webhookId of %d bytes, want at most %d", ErrEnvelope, len(e.WebhookID), maxWebhookIDBytes)
	case e.Data == nil:
		return Event{}, fmt.Errorf("%w: no data", ErrEnvelope)
	}
	return e, nil
}

// Call is the data of call.completed and call.urgent (call-webhooks.txt, "call.completed /
// call.urgent sample"). Null fields become nil or zero values.
type Call struct {
	SID             string    `json:"sid"` // the call's stable identifier, "CA…"
	TenantID        string    `json:"tenantId"`
	Caller          string    `json:"caller"` // telephone number, "+12125551234"
	CallerName      string    `json:"callerName"`
	CalledLine      string    `json:"calledLine"` // the number that was dialled
	Duration        int       `json:"duration"`   // seconds
	BillableMinutes int       `json:"billableMinutes"`
	StartedAt       time.Time `json:"startedAt"`
	EndedAt         time.Time `json:"endedAt"`
	EndReason       string    `json:"endReason"` // such as "caller-hangup"
	Summary         string    `json:"summary"`
	Urgency         string    `json:"urgency"` // such as "normal"
	Mode            string    `json:"mode"`    // such as "receptionist"
	// AppointmentsBooked has an entry for each appointment made during the call. The document does
	// not show the shape of an entry. Each appointment also arrives as a separate event, whose
	// shape is Appointment.
	AppointmentsBooked []json.RawMessage `json:"appointmentsBooked"`
	TranscriptURL      string            `json:"transcriptUrl"` // requires an API key to fetch
	// Redirect is nil in the document's sample, which does not describe other values.
	Redirect *json.RawMessage `json:"redirect"`
}

// Appointment is the data of appointment.booked (call-webhooks.txt, "appointment.booked sample").
type Appointment struct {
	SID         string    `json:"sid"` // of the call in which it was booked
	TenantID    string    `json:"tenantId"`
	EventID     string    `json:"eventId"` // the appointment's own identifier, "evt_…"
	StartUTC    time.Time `json:"startUtc"`
	EndUTC      time.Time `json:"endUtc"`
	TimeZoneID  string    `json:"timeZoneId"` // of the IANA database, "America/New_York"
	CallerName  string    `json:"callerName"`
	CallerPhone string    `json:"callerPhone"`
	Purpose     string    `json:"purpose"`
}

// Call returns the data of a call.completed or call.urgent event. The error wraps ErrType for other
// events.
func (e Event) Call() (Call, error) {
	return dataOf[Call](e, CallCompleted, CallUrgent)
}

// Appointment returns the data of an appointment.booked event. The error wraps ErrType for other
// events.
func (e Event) Appointment() (Appointment, error) {
	return dataOf[Appointment](e, AppointmentBooked)
}

func dataOf[T any](e Event, types ...string) (T, error) {
	var data T
	if !slices.Contains(types, e.Type) {
		return data, fmt.Errorf("reading data of event %q: %w: want one of %q", e.WebhookID, ErrType, types)
	}
	if string(e.Data) == "null" {
		return data, fmt.Errorf("reading data of event %q: data is null", e.WebhookID)
	}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return data, fmt.Errorf("reading data of event %q: %w", e.WebhookID, err)
	}
	return data, nil
}
