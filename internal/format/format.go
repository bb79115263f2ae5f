// Package format builds the bodies that endpoints receive, and the header fields that belong to
// them.
//
// A format is a pure function of the event and the delivery: it always returns the same bytes for
// the same delivery, so the log need not store them. A format that changes its output gets a new
// internal name.
//
// Every format contains the event's data byte for byte.
package format

import (
	"iter"
	"slices"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
)

// The formats.
const (
	// Relay is the envelope of the developer webhooks (call-webhooks.txt,
	// "Payload reference").
	Relay = "relay"
	// Push is the envelope of the push events (push-event-webhook.txt, "Example
	// Individual Event Payload"), with the event's attributes beside its members.
	Push = "push"
	// CloudEvents is a CloudEvents 1.0 event in the JSON format, in HTTP's structured content mode.
	CloudEvents = "cloudevents"
	// CloudEventsBinary is a CloudEvents 1.0 event in binary content mode: the data is the body,
	// the rest is in header fields.
	CloudEventsBinary = "cloudevents-binary"
	// Raw is the data alone.
	Raw = "raw"
	// RestHook is Relay with the delivery's id as the member "id" as well, which automation platforms take for the key of an
	// entry. Only REST hooks have it; users' webhooks cannot choose it, so Names does not list it.
	RestHook = "rest-hook"
	// Respondent is the payload of the gate (respondent-gate.txt). Only the gate creates it; users'
	// webhooks cannot choose it, so Names does not list it.
	Respondent = "respondent"
)

// ContractVersion is the relay envelope's version for events without one (call-webhooks.txt).
const ContractVersion = "2026-05-05"

// ContentType is the media type of formats without one of their own; see TypeOf.
const ContentType = "application/json"

// CloudEventsHeader begins the header fields of CloudEventsBinary (HTTP Protocol Binding 1.0.2,
// section 3.1.3).
const CloudEventsHeader = "ce-"

// Media types of CloudEvents: JSON Event Format 1.0.2, section 3, and JSON Batch
// Format, section 4.
const (
	cloudEventsType      = "application/cloudevents+json"
	cloudEventsBatchType = "application/cloudevents-batch+json"
)

// Names lists the formats.
func Names() []string { return []string{Relay, Push, CloudEvents, CloudEventsBinary, Raw} }

// Known reports whether name is a format.
func Known(name string) bool { return slices.Contains(Names(), name) }

// TimeLayout is RFC 3339 in UTC with milliseconds, the layout of all times that Relay shows.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// AppendTime appends t in TimeLayout. A year beyond 9999, which earlier versions stored, becomes
// the last moment that RFC 3339 can express: one such event must not break a whole list for its
// readers.
func AppendTime(dst []byte, t time.Time) []byte {
	if t.Unix() > event.MaxTime.Unix() {
		t = event.MaxTime
	}
	// The RFC3339 layout is used because package time formats it several times as fast as
	// TimeLayout.
	dst = t.UTC().AppendFormat(dst, time.RFC3339)
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(dst[:len(dst)-len("Z")], '.', '0'+byte(ms/100), '0'+byte(ms/10%10), '0'+byte(ms%10), 'Z')
}

// appendSeconds is like AppendTime, but omits a zero fraction, as call-webhooks.txt prints times.
func appendSeconds(dst []byte, t time.Time) []byte {
	if t.Nanosecond() >= int(time.Millisecond) || t.Unix() > event.MaxTime.Unix() {
		return AppendTime(dst, t)
	}
	return t.UTC().AppendFormat(dst, time.RFC3339)
}

// TypeOf returns the value of Content-Type for a body of the named format.
func TypeOf(name string) string {
	if name == CloudEvents {
		return cloudEventsType
	}
	return ContentType
}

// BatchTypeOf returns the value of Content-Type for a batch in the named format.
func BatchTypeOf(name string) string {
	if name == CloudEvents || name == CloudEventsBinary {
		return cloudEventsBatchType
	}
	return ContentType
}

// Header returns the names and values of the header fields that the named format adds to the
// request of a single event, ready to be sent. Only CloudEventsBinary adds any. Like the body, they
// are a pure function of the event and the delivery.
func Header(name string, e *event.Event, d event.DeliveryID) iter.Seq2[string, string] {
	if name == CloudEventsBinary {
		return func(yield func(string, string) bool) { cloudEventHeader(e, d, yield) }
	}
	return func(func(string, string) bool) {}
}

// Append appends the body of the delivery in the named format to dst, with the data byte for byte.
// ok is false for an unknown name.
func Append(dst []byte, name string, e *event.Event, d event.DeliveryID) (body []byte, ok bool) {
	switch name {
	case Relay:
		return appendRelay(dst, e, d), true
	case RestHook:
		return appendRestHook(dst, e, d), true
	case Push:
		return appendPush(dst, e), true
	case CloudEvents:
		return appendCloudEvent(dst, e, d), true
	case CloudEventsBinary, Raw:
		return append(dst, e.Data...), true
	default:
		return dst, false
	}
}

// Item is one event of a batch.
type Item struct {
	Event    *event.Event
	Delivery event.DeliveryID
}

// AppendBatch appends a batch in the named format to dst: a JSON array of the bodies of the single
// events. CloudEventsBinary has no batches (HTTP Protocol Binding 1.0.2, section 3.3), so its
// batches are those of CloudEvents. ok is false for an unknown name.
func AppendBatch(dst []byte, name string, items []Item) (body []byte, ok bool) {
	dst = append(dst, '[')
	for i, it := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, ok = AppendItem(dst, name, it.Event, it.Delivery); !ok {
			return dst, false
		}
	}
	return append(dst, ']'), Known(name)
}

// AppendItem appends a delivery as an entry of a batch in the named format. ok is false for an
// unknown name.
func AppendItem(dst []byte, name string, e *event.Event, d event.DeliveryID) (body []byte, ok bool) {
	if name == CloudEventsBinary {
		name = CloudEvents
	}
	return Append(dst, name, e, d)
}

func appendRestHook(dst []byte, e *event.Event, d event.DeliveryID) []byte {
	dst = append(dst, `{"id":"`...)
	dst = append(d.Append(dst), `",`...)
	begin := len(dst)
	dst = appendRelay(dst, e, d)
	return append(dst[:begin], dst[begin+1:]...) // its brace is there already
}

func appendRelay(dst []byte, e *event.Event, d event.DeliveryID) []byte {
	version := e.Version
	if version == "" {
		version = ContractVersion
	}
	dst = append(dst, `{"version":`...)
	dst = rawjson.AppendQuoted(dst, version)
	dst = append(dst, `,"event":`...)
	dst = rawjson.AppendQuoted(dst, e.Type)
	dst = append(dst, `,"timestamp":"`...)
	dst = appendSeconds(dst, e.Time)
	dst = append(dst, `","webhookId":"`...)
	dst = d.Append(dst)
	dst = append(dst, `","data":`...)
	dst = append(dst, e.Data...)
	return append(dst, '}')
}

// appendID appends the event's public id in quotes.
func appendID(dst []byte, e *event.Event) []byte {
	if e.Name != "" {
		return rawjson.AppendQuoted(dst, e.Name)
	}
	dst = append(dst, '"')
	dst = e.ID.AppendPublic(dst, event.EventPrefix)
	return append(dst, '"')
}

// pushMembers are the members of the push envelope; attributes of these names are left out.
var pushMembers = [...]string{"event_id", "event_name", "event_ts", "payload"}

func appendPush(dst []byte, e *event.Event) []byte {
	dst = append(dst, `{"event_id":`...)
	if e.Name != "" {
		dst = rawjson.AppendQuoted(dst, e.Name)
	} else { // the catalogue of push events declares it as a UUID
		dst = append(e.ID.AppendUUID(append(dst, '"')), '"')
	}
	dst = append(dst, `,"event_name":`...)
	dst = rawjson.AppendQuoted(dst, e.Type)
	dst = append(dst, `,"event_ts":"`...)
	dst = AppendTime(dst, e.Time)
	dst = append(dst, '"')
	dst = appendPushAttributes(dst, e.Attributes)
	dst = append(dst, `,"payload":`...)
	dst = append(dst, e.Data...)
	return append(dst, '}')
}

// appendPushAttributes appends the attributes, each preceded by a comma.
func appendPushAttributes(dst, attributes []byte) []byte {
	if len(attributes) == 0 {
		return dst
	}
	clash := false
	for _, name := range pushMembers {
		if _, has := rawjson.Pick(attributes, name); has {
			clash = true
		}
	}
	if !clash { // nearly always: copied as they are
		if inner := trim(attributes[1 : len(attributes)-1]); len(inner) > 0 {
			dst = append(dst, ',')
			dst = append(dst, inner...)
		}
		return dst
	}
	whole := dst
	err := rawjson.Members(attributes, attributeLimits, func(name []byte, v rawjson.Value) error {
		if slices.Contains(pushMembers[:], string(name)) {
			return nil
		}
		whole = append(whole, ',')
		whole = rawjson.AppendQuoted(whole, string(name))
		whole = append(whole, ':')
		whole = append(whole, v.Raw...)
		return nil
	})
	if err != nil { // they were checked when the event was accepted
		return dst
	}
	return whole
}

// attributeLimits are the limits that apply when an event is accepted.
var attributeLimits = rawjson.Limits{Depth: event.MaxDepth}

// trim removes JSON whitespace from both ends.
func trim(b []byte) []byte {
	blank := func(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }
	for len(b) > 0 && blank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && blank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}
