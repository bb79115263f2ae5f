package receiver

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Version is the version of the envelope that this package was written for. It changes when the shape breaks; new
// keys inside data do not change it (call-webhooks.txt, "Payload reference").
const Version = "2026-05-05"

// The three events of call-webhooks.txt. Relay carries any other types too; package push has structs for those of the push format.
const (
	CallCompleted     = "call.completed"     // data is a Call
	CallUrgent        = "call.urgent"        // data is a Call
	AppointmentBooked = "appointment.booked" // data is an Appointment
)

// maxWebhookIDBytes bounds what a memory of processed events has to keep for each. Relay's own have under 40 bytes.
const maxWebhookIDBytes = 256

// Event is the envelope in which Relay sends every event in the relay format.
type Event struct {
	// Version is the version of the contract, a date. The Receiver lets through only those it was told about.
	Version string `json:"version"`
	// Type says what happened, "call.completed" for example, and so what Data is.
	Type string `json:"event"`
	// Timestamp is when it happened, not when it was sent.
	Timestamp time.Time `json:"timestamp"`
	// WebhookID is the same in every attempt to deliver this event to this webhook, and different otherwise.
	WebhookID string `json:"webhookId"`
	// Data is the event itself, byte for byte as it was published.
	Data json.RawMessage `json:"data"`
}

// Parse reads an envelope from a body whose signature has been verified. Keys it does not know are passed over. It does
// not judge Version. The error wraps ErrEnvelope.
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

// Call is the data of call.completed and call.urgent (call-webhooks.txt, "call.completed / call.urgent sample").
// Fields that are null arrive as nil or as zero values.
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
	EndReason       string    `json:"endReason"` // "caller-hangup" for example
	Summary         string    `json:"summary"`
	Urgency         string    `json:"urgency"` // "normal" for example
	Mode            string    `json:"mode"`    // "receptionist" for example
	// AppointmentsBooked has an entry for each appointment made during the call. The document does not print the
	// shape of an entry; each appointment also comes as an event of its own, whose shape is Appointment.
	AppointmentsBooked []json.RawMessage `json:"appointmentsBooked"`
	TranscriptURL      string            `json:"transcriptUrl"` // fetched with an API key
	// Redirect is nil in the document's sample, which does not say what else it may be.
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

// Call returns the data of a call.completed or call.urgent event. The error wraps ErrType for other events.
func (e Event) Call() (Call, error) {
	return dataOf[Call](e, CallCompleted, CallUrgent)
}

// Appointment returns the data of an appointment.booked event. The error wraps ErrType for other events.
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
