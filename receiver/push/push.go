// Package push parses the events that Relay sends in the format "push": an envelope with event_id,
// event_name, event_ts and payload. It has a struct for the payload of each of the 20 types in the
// event catalogue.
//
//	e, err := push.Parse(body)
//	switch e.Type {
//	case push.MessageDelivered{}.EventName():
//		m, err := push.As[push.MessageDelivered](e)
//	}
//
// Unknown members are ignored, as the catalogue requires: new ones are added without notice.
// Members that the catalogue allows to be null are pointers. Webhooks in this format usually
// authenticate by credentials; if they are signed, verify the signature (package receiver) before
// you use this package.
package push

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrEnvelope is wrapped by errors about bodies that are not events in the push format.
var ErrEnvelope = errors.New("not an event in the push format")

// ErrType is wrapped by the error of As for an event of another type.
var ErrType = errors.New("the event is of another type")

// Event is the envelope.
type Event struct {
	// ID is the event's id. Deduplicate on it.
	ID string
	// Type is the event's type, such as "message.delivered".
	Type string
	// Time is when the event happened.
	Time time.Time
	// Payload is the event's payload, byte for byte as published.
	Payload json.RawMessage
	// Attributes are the other members, such as event_type or tracking_id.
	Attributes map[string]json.RawMessage
}

// Parse parses an envelope. The error wraps ErrEnvelope.
func Parse(body []byte) (Event, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	var e Event
	for _, m := range []struct {
		name string
		into any
	}{{"event_id", &e.ID}, {"event_name", &e.Type}, {"event_ts", &e.Time}, {"payload", &e.Payload}} {
		raw, ok := members[m.name]
		if !ok {
			return Event{}, fmt.Errorf("%w: no %s", ErrEnvelope, m.name)
		}
		if err := json.Unmarshal(raw, m.into); err != nil {
			return Event{}, fmt.Errorf("%w: %s: %w", ErrEnvelope, m.name, err)
		}
		delete(members, m.name)
	}
	if e.Type == "" {
		return Event{}, fmt.Errorf("%w: no event_name", ErrEnvelope)
	}
	if len(members) > 0 {
		e.Attributes = members
	}
	return e, nil
}

// ParseBatch parses a body that is an array of envelopes. The error wraps ErrEnvelope and gives the
// index of the malformed envelope, from 0.
func ParseBatch(body []byte) ([]Event, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEnvelope, err)
	}
	events := make([]Event, len(list))
	for i, raw := range list {
		var err error
		if events[i], err = Parse(raw); err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}
	}
	return events, nil
}

// As returns the payload of an event of T's type. For an event of another type the error wraps
// ErrType.
func As[T interface{ EventName() string }](e Event) (T, error) {
	var payload T
	if want := payload.EventName(); e.Type != want {
		return payload, fmt.Errorf("%w: %q, not %q", ErrType, e.Type, want)
	}
	if err := json.Unmarshal(e.Payload, &payload); err != nil {
		return payload, fmt.Errorf("reading the payload of %s: %w", e.Type, err)
	}
	return payload, nil
}
