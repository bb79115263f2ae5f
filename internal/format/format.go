// Package format makes the bodies that endpoints receive.
//
// A format is a pure function of the event and the delivery: it gives the same
// bytes for the same delivery at every time, so that the log need not keep
// them. Where a format changes its output it gets a new internal name.
package format

import (
	"slices"
	"time"

	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
)

// Relay is the envelope of the developer webhooks (call-webhooks.txt,
// "Payload reference").
const Relay = "relay"

// ContractVersion is the envelope's version for events that name none
// (call-webhooks.txt).
const ContractVersion = "2026-05-05"

// ContentType is the media type of every body made here.
const ContentType = "application/json"

// Names lists the formats.
func Names() []string { return []string{Relay} }

// Known reports whether there is a format of that name.
func Known(name string) bool { return slices.Contains(Names(), name) }

// TimeLayout is RFC 3339 in UTC with milliseconds, as all times are shown.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// AppendTime appends t in TimeLayout.
func AppendTime(dst []byte, t time.Time) []byte {
	return t.UTC().AppendFormat(dst, TimeLayout)
}

// Append appends the body of the delivery in the named format to dst. The data
// is copied byte for byte. ok is false for an unknown name.
func Append(dst []byte, name string, e *event.Event, d event.DeliveryID) (body []byte, ok bool) {
	switch name {
	case Relay:
		return appendRelay(dst, e, d), true
	default:
		return dst, false
	}
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
	dst = AppendTime(dst, e.Time)
	dst = append(dst, `","webhookId":"`...)
	dst = d.Append(dst)
	dst = append(dst, `","data":`...)
	dst = append(dst, e.Data...)
	return append(dst, '}')
}
