package api

import (
	"context"
	"net/http"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/relay-events/relay/internal/access"
	"github.com/relay-events/relay/internal/account"
	"github.com/relay-events/relay/internal/event"
	"github.com/relay-events/relay/internal/event/rawjson"
	"github.com/relay-events/relay/internal/format"
	"github.com/relay-events/relay/internal/ingest"
	"github.com/relay-events/relay/internal/problem"
	"github.com/relay-events/relay/internal/rest"
	"github.com/relay-events/relay/internal/web"
)

var docPublish = rest.Doc{ID: "publishEvents", Tag: "Events", Summary: "Publish events", Status: http.StatusAccepted,
	Text: "One event (an object), up to 1,000 (an array, which is stored whole or not at all), or a stream of any length " +
		"(`application/x-ndjson`, an event a line). CloudEvents 1.0 are taken in structured, batched and binary mode. `202` is answered when the events are durable.\n\n" +
		"A header `traceparent` (W3C Trace Context) puts the events into the trace of the request. One that is not valid is ignored.\n\n" +
		"Sending an event with the same `id`, or a request with the same `Idempotency-Key`, again stores it only once and answers " +
		"the first result with `\"duplicate\":true`; the same id with another body is a `409`.\n\n" +
		"An event that is not as the catalogue describes its type is accepted with `warnings`, or refused with `422` where the type's validation is `strict`. " +
		"Events that follow from it are stored with it, all or nothing, and once however often it is published.\n\n" +
		"A stream is answered with lines while it runs: what was stored so far (`line`, `accepted`, `duplicates`), each bad line " +
		"(`line`, `error`), which does not stop the others, and at last a summary (`done`, `lines`, `accepted`, `duplicates`, `failed`, and `blank` if there were blank lines: each line is in one of these numbers). " +
		"A stream of which no line could be taken is answered with `422`, unless it went on for more than a second after its first bad line. A line must be whole a minute after its first byte. " +
		"`done` is false when the stream was given up; send the events again that no line reports as stored, with ids so that none is stored twice.",
	Once:   "repeating a request with the same key stores it only once; not for streams",
	Bodies: publishBodies}

// NewEvent is an event as a publisher sends it. It is documentation: package ingest reads the bytes.
type NewEvent struct {
	Type       string                   `json:"type" required:"true" maxLength:"128" doc:"letters, digits, _ and -, in parts joined by dots" example:"\"call.completed\""`
	Data       rest.AnyJSON             `json:"data" required:"true" doc:"the payload, any JSON value; endpoints get it byte for byte" example:"{\"sid\":\"CA1\",\"duration\":142}"`
	ID         rest.Opt[string]         `json:"id" maxLength:"256" doc:"your id of the event: sending it again stores it only once. Left out: Relay makes one"`
	Timestamp  rest.Opt[rest.Time]      `json:"timestamp" doc:"when it happened; left out: now"`
	Version    rest.Opt[string]         `json:"version" maxLength:"64" doc:"version of the data's shape"`
	Attributes rest.Opt[rest.AnyObject] `json:"attributes" doc:"extra members for formats that have room for them"`
	Key        rest.Opt[string]         `json:"key" maxLength:"256" doc:"ordering key"`
	DeliverAt  rest.Opt[rest.Time]      `json:"deliverAt" doc:"hold delivery back until then, at most 30 days"`
}

// PublishedEvent is the answer for one event.
type PublishedEvent struct {
	ID        string    `json:"id" example:"\"evt_0dqv5r8k0000g\""`
	Type      string    `json:"type" example:"\"call.completed\""`
	Timestamp rest.Time `json:"timestamp"`
	Duplicate bool      `json:"duplicate" doc:"it was stored before; this is the first result"`

	Warnings []Warning `json:"warnings,omitempty" doc:"problems found in it; left out if there are none"`
}

// PublishedEvents is the answer for an array.
type PublishedEvents struct {
	Accepted   int              `json:"accepted" doc:"stored by this request"`
	Duplicates int              `json:"duplicates" doc:"stored before"`
	Events     []PublishedEvent `json:"events" doc:"in the order of the request"`
}

func (a *API) publishRoute(needs access.Permission) rest.Route {
	return rest.Raw[rest.None, rest.None](a.face, "POST /v1/events", needs, docPublish, a.publish)
}

// publishBodies documents the three forms of publishing.
func publishBodies(requests, answers *rest.Schemas) (request, answer map[string]rest.Media) {
	event := requests.Of(reflect.TypeFor[NewEvent]())
	request = rest.JSON(requests.Name("PublishRequest", &rest.Schema{OneOf: []*rest.Schema{event, {Type: "array", Items: event, MaxItems: rest.Ptr(1000)}}}))
	request[streamType] = rest.Media{Schema: event}
	cloud := requests.Of(reflect.TypeFor[CloudEvent]())
	request[cloudEventType] = rest.Media{Schema: cloud}
	request[cloudEventsType] = rest.Media{Schema: &rest.Schema{Type: "array", Items: cloud, MaxItems: rest.Ptr(1000)}}
	one := answers.Of(reflect.TypeFor[PublishedEvent]())
	answer = rest.JSON(answers.Name("PublishAnswer", &rest.Schema{OneOf: []*rest.Schema{one, answers.Of(reflect.TypeFor[PublishedEvents]())}}))
	answer[streamType] = rest.Media{Schema: &rest.Schema{Type: "object", Description: "a line of progress, an error, or the summary"}}
	return request, answer
}

// The media types of events beside JSON: streams, and CloudEvents in structured mode.
const (
	streamType      = "application/x-ndjson"
	cloudEventType  = "application/cloudevents+json"
	cloudEventsType = "application/cloudevents-batch+json"
)

// CloudEvent is an event in the JSON format of CloudEvents 1.0. It is documentation, as NewEvent is.
type CloudEvent struct {
	SpecVersion     string              `json:"specversion" required:"true" doc:"1.0" example:"\"1.0\""`
	ID              string              `json:"id" required:"true" doc:"together with source, the event's own id" example:"\"A234-1234-1234\""`
	Source          string              `json:"source" required:"true" example:"\"/shop/orders\""`
	Type            string              `json:"type" required:"true" maxLength:"128" example:"\"order.created\""`
	Time            rest.Opt[rest.Time] `json:"time"`
	Subject         rest.Opt[string]    `json:"subject"`
	DataSchema      rest.Opt[string]    `json:"dataschema"`
	DataContentType rest.Opt[string]    `json:"datacontenttype" doc:"must be JSON"`
	Data            rest.AnyJSON        `json:"data" doc:"any JSON value"`
	PartitionKey    rest.Opt[string]    `json:"partitionkey" maxLength:"256" doc:"ordering key"`
	DataVersion     rest.Opt[string]    `json:"dataversion" maxLength:"64" doc:"version of the data's shape"`
}

// Tolerant implements rest.Tolerant: extension attributes have names of their own.
func (*CloudEvent) Tolerant() {}

// buffers serves request bodies and answers. A publication never keeps its request's bytes (see ingest.ParseObject).
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 8<<10); return &b }}

// maxPooled is the largest buffer kept: a pool of the largest arrays would never shrink.
const maxPooled = 64 << 10

func giveBack(b *[]byte) {
	if cap(*b) <= maxPooled {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}

func (a *API) publish(w http.ResponseWriter, r *http.Request, c *access.Principal, _ *rest.None) error {
	key, err := rest.IdempotencyKey(r)
	if err != nil {
		return err
	}
	binary := ingest.IsBinaryCloudEvent(r.Header)
	contentType := r.Header.Get("Content-Type")
	media := rest.MediaType(contentType)
	switch {
	case binary, rest.IsJSON(contentType), media == cloudEventType, media == cloudEventsType:
	case media == streamType:
		if key != "" {
			return problem.MalformedField("header Idempotency-Key", "is not for streams: give each event an id")
		}
		return a.publishStream(w, r, c)
	default:
		return rest.ErrType(r, "the body must be JSON or a stream, with the header Content-Type: application/json, application/x-ndjson, application/cloudevents+json or application/cloudevents-batch+json")
	}

	in := buffers.Get().(*[]byte)
	defer giveBack(in)
	raw, err := web.ReadBody(r, (*in)[:0], int64(a.Limits.ArrayBytes))
	*in = raw
	if err != nil {
		return err
	}
	now := time.Now()
	array := media == cloudEventsType || media != cloudEventType && !binary && isArray(raw)
	p := ingest.Publication{Tenant: c.Tenant, Array: array, Limits: c.Limits, Enter: a.enter(c), Trace: traceOf(r.Header)}
	var item ingest.Item
	switch {
	case media == cloudEventsType:
		p.Items, err = ingest.ParseCloudEvents(c.Tenant, raw, a.Limits, now)
	case media == cloudEventType:
		item, err = ingest.ParseCloudEvent(c.Tenant, raw, a.Limits, now)
	case binary:
		item, err = ingest.ParseBinaryCloudEvent(c.Tenant, r.Header, raw, a.Limits, now)
	case array:
		p.Items, err = ingest.ParseArray(c.Tenant, raw, a.Limits, key, now)
	default:
		item, err = ingest.ParseObject(c.Tenant, raw, a.Limits, key, now)
	}
	if err != nil {
		return err
	}
	if !array {
		p.Items = []ingest.Item{item}
	}
	if err := a.Publisher.Publish(r.Context(), &p); err != nil {
		return err
	}

	out := buffers.Get().(*[]byte)
	defer giveBack(out)
	if array {
		*out = appendPublishedMany((*out)[:0], p.Items)
	} else {
		*out = appendPublished((*out)[:0], published(p.Items))
	}
	web.Send(w, http.StatusAccepted, "application/json", *out)
	return nil
}

// Express returns the call that the server may serve on its short way: publishing an event or an array, as far as that
// succeeds. Requests that it refuses are left to publish, which says why.
func (a *API) Express() *web.Express {
	return &web.Express{Path: "/v1/events", Admit: a.expressAdmit, Answer: a.expressPublish}
}

func (a *API) expressAdmit(h *web.ExpressHead) (any, bool) {
	k, err := a.Keys.Authenticate(account.KeyText(string(h.Authorization), string(h.APIKey)))
	if err != nil || !k.Allows(access.ScopePublish) || !a.Tenants.Publishes(k.Tenant) || string(h.ContentType) != "application/json" ||
		len(h.IdempotencyKey) > ingest.MaxHeaderKeyBytes {
		return nil, false
	}
	a.Keys.Used(k, nil) // the address costs more than the rest of it
	return k, true
}

func (a *API) expressPublish(ctx context.Context, admitted any, h *web.ExpressHead, body, dst []byte) ([]byte, bool) {
	k, ok := admitted.(*account.Key)
	if !ok {
		return nil, false
	}
	var err error
	now, key := time.Now(), string(h.IdempotencyKey)
	array := isArray(body)
	// On the short way nobody notices that a client leaves: requests that have to wait take the ordinary one.
	p := ingest.Publication{Tenant: k.Tenant, Array: array, Limits: k.Limits, NoWait: true}
	if len(h.Traceparent) > 0 {
		p.Trace = traceIn(h.Traceparent)
	}
	if array {
		p.Items, err = ingest.ParseArray(k.Tenant, body, a.Limits, key, now)
	} else {
		var item ingest.Item
		item, err = ingest.ParseObject(k.Tenant, body, a.Limits, key, now)
		p.Items = []ingest.Item{item}
	}
	if err != nil || a.Publisher.Publish(ctx, &p) != nil {
		return nil, false
	}
	if array {
		return appendPublishedMany(dst, p.Items), true
	}
	return appendPublished(dst, published(p.Items)), true
}

// traceOf returns the trace that a request belongs to, nil for none. A traceparent that is not valid, or given twice, is
// ignored, as W3C Trace Context asks.
func traceOf(h http.Header) *event.Trace {
	given := h.Values("Traceparent")
	if len(given) != 1 {
		return nil
	}
	return traceIn([]byte(given[0]))
}

func traceIn(traceparent []byte) *event.Trace {
	t, ok := event.ParseTrace(traceparent)
	if !ok {
		return nil
	}
	return &t
}

// isArray reports whether a document begins as an array.
func isArray(raw []byte) bool {
	for _, c := range raw {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c == '['
		}
	}
	return false
}

func appendPublished(dst []byte, it *ingest.Item) []byte {
	e := &it.Event
	dst = append(dst, `{"id":`...)
	if e.Name != "" {
		dst = rawjson.AppendQuoted(dst, e.Name)
	} else {
		dst = append(e.ID.AppendPublic(append(dst, '"'), event.EventPrefix), '"')
	}
	dst = append(dst, `,"type":`...)
	dst = rawjson.AppendQuoted(dst, e.Type)
	dst = append(dst, `,"timestamp":"`...)
	dst = format.AppendTime(dst, e.Time)
	dst = append(dst, `","duplicate":`...)
	dst = strconv.AppendBool(dst, it.Duplicate)
	if e.Warnings != "" {
		dst = append(append(dst, `,"warnings":`...), e.Warnings...)
	}
	return append(dst, '}')
}

// published returns the first item that was published, not derived.
func published(items []ingest.Item) *ingest.Item {
	i := 0
	for items[i].Cause != 0 {
		i++
	}
	return &items[i]
}

func appendPublishedMany(dst []byte, items []ingest.Item) []byte {
	all, duplicates := countPublished(items)
	dst = append(dst, `{"accepted":`...)
	dst = strconv.AppendInt(dst, int64(all-duplicates), 10)
	dst = append(dst, `,"duplicates":`...)
	dst = strconv.AppendInt(dst, int64(duplicates), 10)
	dst = append(dst, `,"events":[`...)
	first := true
	for i := range items {
		if items[i].Cause != 0 {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendPublished(dst, &items[i])
	}
	return append(dst, `]}`...)
}

// countPublished counts the items that were published, and those of them that were there before.
func countPublished(items []ingest.Item) (all, duplicates int) {
	for i := range items {
		if items[i].Cause != 0 {
			continue
		}
		all++
		if items[i].Duplicate {
			duplicates++
		}
	}
	return all, duplicates
}
